/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_ANNOUNCED_AUTH_H
#define IPSECLAB_IKE_EXTENSIONS_ANNOUNCED_AUTH_H

#include "model/ike/ike-config.h"

/**
 * \file
 * Announcing supported authentication methods (RFC 9593): a responder tells in IKE_SA_INIT, an
 * initiator in IKE_AUTH, which proofs it takes. A side with several (AuthConfig::alternatives)
 * gives the first of its own that is announced; it is a hint, and where it fits none, or none came,
 * the side gives the proof that it would give anyway.
 *
 * What the announcement does not do: an empty one, which asks for the list in IKE_INTERMEDIATE, is
 * taken as none.
 */

namespace ipseclab::ike
{

/// One entry of SUPPORTED_AUTH_METHODS (RFC 9593, section 3.2).
struct AuthAnnouncement
{
    wire::AuthMethod method{wire::AuthMethod::SharedKey};
    /// Only with certificates under this CA of the sender's CERTREQ, counted from 1; 0: under any.
    /// Of signatures.
    std::uint8_t certLink{0};
    Bytes algorithm{}; ///< DER AlgorithmIdentifier of method 14

    bool operator==(const AuthAnnouncement& o) const;
};

/// The data of the notify.
Bytes EncodeAnnouncements(const std::vector<AuthAnnouncement>& list);
/**
 * Announcements that are not understood are left out (RFC 9593, section 3.2). Nothing when the
 * lengths do not add up; RFC 9593 is silent on that, and such a list counts as none.
 */
std::optional<std::vector<AuthAnnouncement>> ParseAnnouncements(ByteSpan data);

/// All that a side takes from this peer, as AuthConfig has it.
/// \param digital both sides have announced hashes (RFC 7427)
std::vector<AuthAnnouncement> AllAnnouncements(const AuthConfig& auth, bool digital);

/// \param list what to announce instead of AllAnnouncements; empty: that
ExtensionFactory AnnouncedAuth(const std::vector<AuthAnnouncement>& list = {});

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_ANNOUNCED_AUTH_H
