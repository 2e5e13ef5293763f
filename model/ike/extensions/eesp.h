/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_EESP_H
#define IPSECLAB_IKE_EXTENSIONS_EESP_H

#include "model/ike/ike-config.h"

/**
 * \file
 * SAs of EESP in place of those of ESP (draft-ietf-ipsecme-eesp-ikev2-02): a protocol of its own in
 * proposals, a KDF for the keys of Sub SAs, and how many of them each side takes.
 *
 *     IKE_SA_INIT   Vendor ID                         <------>    Vendor ID
 *     Child SA      SA: EESP with SN and SSKDF,       ------->
 *                       then ESP, unless required
 *                   N(EESP_MAX_SUB_SA_ID)
 *                                                     <-------    SA: EESP or ESP
 *                                                                 N(EESP_MAX_SUB_SA_ID)
 *
 * Replay protection is always agreed on, and crypt offsets never. KEYMAT is cut into a root key for
 * each direction. Where ESP goes in UDP (RFC 7296, section 2.23), EESP is neither offered nor
 * chosen: the draft defines that encapsulation, the model has not got it.
 */

namespace ipseclab::ike
{

/// None of these numbers is assigned.
struct EespNumbers
{
    std::uint8_t protocol{201};            ///< Security Protocol Identifier EESPv0
    std::uint8_t kdfType{241};             ///< Transform Type Sub SA KDF
    std::uint16_t sequenceNumbers{1025};   ///< Transform ID "64-bit Sequential Numbers" of type 5
    std::uint16_t maxSubSaIdNotify{50061}; ///< EESP_MAX_SUB_SA_ID
};

struct EespConfig
{
    std::uint32_t subSas{65536};                    ///< that this side receives, 1 to 65536
    crypto::PrfId kdf{crypto::PrfId::HmacSha2_256}; ///< HKDF with this hash: SHA2-256, 384 or 512
    bool required{false};                           ///< no Child SA of ESP
    EespNumbers numbers;
};

/// A value of ChildSaInstalled::properties: the SA is one of EESP.
struct EespSa
{
    std::uint32_t subSasOutbound{1}; ///< that the peer receives
    std::uint32_t subSasInbound{1};
    crypto::PrfId kdf{crypto::PrfId::HmacSha2_256};
};

ExtensionFactory Eesp(const EespConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_EESP_H
