/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_AUTHENTICATION_H
#define IPSECLAB_IKE_AUTHENTICATION_H

#include "model/ike/ike-sa-init.h"

/**
 * \file
 * AUTH, CERT and CERTREQ payloads (RFC 7296, sections 2.15 and 3.6 to 3.8; RFC 4754, 7427, 7619).
 */

namespace ipseclab::ike
{

/// One IKE SA in the eyes of one side.
struct AuthContext
{
    const PeerConfig& peer;
    const SecureChannel& channel;
    const InitTranscript& transcript;
    const PeerAbilities& abilities;
    bool initiator;                 ///< this side is
    const ExtensionSet& extensions; ///< may know which proofs the peer takes
};

/// What proves our identity.
struct Proof
{
    wire::PayloadList certificates;
    wire::Payload auth;
};

/// The first of our proofs that the extensions say the peer takes; where they say so of none, the
/// first of all. Nothing when our key can make no signature with a hash that the peer has
/// announced.
std::optional<Proof> MakeProof(const AuthContext& context, crypto::RandomSource& random);

/// Whether identity, certificates and AUTH of the peer are as configured.
/// \param received the payloads of its IKE_AUTH message
bool IsProven(Instant now, const AuthContext& context, const wire::PayloadList& received);

/// Whether an AUTH payload of a signature method was made with the other half of this key.
/// \param allowed hashes that RFC 7427 may use; the older methods have hashes of their own
bool IsSigned(const crypto::PublicKey& key,
              const wire::AuthPayload& auth,
              ByteSpan octets,
              const std::vector<crypto::HashId>& allowed);

/// CERTREQ with the hashes of our trust anchors; nothing where the peer does not sign.
std::optional<wire::Payload> MakeCertificateRequest(const PeerConfig& peer);

/// Whether what is configured is enough to make and to check the proofs.
bool IsComplete(const AuthConfig& auth);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_AUTHENTICATION_H
