/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_KEY_SCHEDULE_H
#define IPSECLAB_IKE_KEY_SCHEDULE_H

#include "model/crypto/prf.h"
#include "model/ike/proposal.h"

namespace ipseclab::ike
{

/// RFC 7296, section 2.14. SK_e* of a combined-mode cipher end with the salt; SK_a* are then empty.
struct IkeKeys
{
    Bytes skD;
    Bytes skAi;
    Bytes skAr;
    Bytes skEi;
    Bytes skEr;
    Bytes skPi;
    Bytes skPr;
};

/// RFC 7296, section 2.17; i: sent by the initiator of the exchange that made the Child SA.
struct ChildKeys
{
    Bytes encryptionI;
    Bytes integrityI;
    Bytes encryptionR;
    Bytes integrityR;
};

/// SKEYSEED = prf(Ni | Nr, g^ir)
Bytes ComputeSkeyseed(crypto::PrfId prf, ByteSpan nonceI, ByteSpan nonceR, ByteSpan shared);
/// SKEYSEED = prf(SK_d (old), g^ir | Ni | Nr [| SK(1) | SK(2) ...]) with the PRF of the old IKE SA
/// (RFC 7296, section 2.18; RFC 9370, section 2.2.4); `additional` is all after Nr.
Bytes ComputeRekeySkeyseed(crypto::PrfId oldPrf,
                           ByteSpan oldSkD,
                           ByteSpan shared,
                           ByteSpan nonceI,
                           ByteSpan nonceR,
                           ByteSpan additional = {});
/// SKEYSEED = prf(SK_d (old), "Resumption" | Ni | Nr) (RFC 5723, section 5.1)
Bytes ComputeResumptionSkeyseed(crypto::PrfId prf,
                                ByteSpan oldSkD,
                                ByteSpan nonceI,
                                ByteSpan nonceR);
/// All seven keys. The suite must be supported (crypto::FindTraits).
IkeKeys DeriveIkeKeys(const IkeSuite& suite,
                      ByteSpan skeyseed,
                      ByteSpan nonceI,
                      ByteSpan nonceR,
                      std::uint64_t spiI,
                      std::uint64_t spiR);
/// KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr [| SK(1) | SK(2) ...]); `shared` is empty without a key
/// exchange of its own, `additional` is all after Nr (RFC 9370, section 2.2.4).
/// \param rootKeyLength RootKeyLength, in place of the cipher's; 0: none
ChildKeys DeriveChildKeys(crypto::PrfId prf,
                          const crypto::CipherSuite& suite,
                          ByteSpan skD,
                          ByteSpan shared,
                          ByteSpan nonceI,
                          ByteSpan nonceR,
                          std::size_t rootKeyLength = 0,
                          ByteSpan additional = {});

/// RealMessage | peer's nonce | prf(SK_p, ID body) [| IntAuth] (RFC 7296, section 2.15; RFC 9242,
/// section 3.3.2).
Bytes SignedOctets(crypto::PrfId prf,
                   ByteSpan realMessage,
                   ByteSpan peerNonce,
                   ByteSpan skP,
                   ByteSpan idBody,
                   ByteSpan intermediate = {});
/// prf( prf(secret, "Key Pad for IKEv2"), octets )
Bytes SharedKeyAuth(crypto::PrfId prf, ByteSpan secret, ByteSpan signedOctets);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_KEY_SCHEDULE_H
