/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_OPTIMIZED_REKEY_H
#define IPSECLAB_IKE_EXTENSIONS_OPTIMIZED_REKEY_H

#include "model/ike/extensions/extension.h"

/**
 * \file
 * Optimized rekeys (draft-ietf-ipsecme-ikev2-sa-ts-payloads-opt-07): one notify with the new SPI
 * stands for SA, TSi and TSr of the SA that is rekeyed.
 *
 *     IKE SA      N(OPTIMIZED_REKEY), Ni, KEi                   N(OPTIMIZED_REKEY), Nr, KEr
 *     Child SA    N(REKEY_SA), N(OPTIMIZED_REKEY), Ni [, KEi]   N(OPTIMIZED_REKEY), Nr [, KEr]
 *
 * What is left out is put back before the core reads the message, from what this side knows of the
 * SA that is rekeyed. So policy, collisions and key derivation are those of a regular rekey, and
 * the two kinds may collide.
 */

namespace ipseclab::ike
{

/// Where OPTIMIZED_REKEY has the SPI. A receiver takes both and answers in kind.
enum class OptimizedRekeyLayout
{
    Data,    ///< -07: in the notification data; protocol ID and SPI size are zero
    SpiField ///< -02 and kampati-10: in the SPI field; protocol ID set, critical bit set
};

struct OptimizedRekeySettings
{
    OptimizedRekeyLayout layout{OptimizedRekeyLayout::Data}; ///< of our requests
    /// False: announced all the same, but refused with NO_PROPOSAL_CHOSEN, as by a peer whose
    /// configuration has changed (-07, section 7).
    bool accept{true};
    /// No numbers are assigned; these are this project's choice from the private range.
    std::uint16_t supportedNotify{50001};
    std::uint16_t rekeyNotify{50002};
};

/// The IKE SA has done, or answered, a rekey that was asked for in the optimized form.
struct OptimizedRekeyUsed
{
    bool asking{false};
    bool ofIkeSa{false};
};

/**
 * For PeerConfig::extensions. Both sides have to announce it in IKE_AUTH. A rekey takes the regular
 * form when the peer has not, when it has just refused the optimized one, when the suite of the SA
 * is not configured any more, and of a Child SA also when that was made in IKE_AUTH, where nobody
 * knows which key exchange it is to have (-07, section 5.2), or the group that we would use is not
 * its own.
 */
ExtensionFactory OptimizedRekey(const OptimizedRekeySettings& settings = {});

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_OPTIMIZED_REKEY_H
