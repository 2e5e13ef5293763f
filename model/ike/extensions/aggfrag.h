/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_AGGFRAG_H
#define IPSECLAB_IKE_EXTENSIONS_AGGFRAG_H

#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/// A property of Child SAs that carry AGGFRAG payloads and nothing else, in both directions.
struct AggfragSa
{
    bool peerTakesFragments{true}; ///< the peer has not set flag D
};

struct AggfragConfig
{
    /// As the asking side, delete a Child SA for which the peer does not grant AGGFRAG; otherwise
    /// take it in plain tunnel mode.
    bool required{false};
    /// Say with flag D that this side takes no fragments of inner packets.
    bool refusesFragments{false};
};

/**
 * USE_AGGFRAG (RFC 9347, section 5.1): asked for with every Child SA, and with every rekey of one
 * that has it; echoed to grant it. Never together with USE_TRANSPORT_MODE, nor on SAs with
 * subspaces or of EESP, where consecutive numbers are not given in a row: list it after
 * extensions that agree on these.
 *
 * Congestion control is not modelled: a request with flag C, with a flag that is not known or with
 * another length than one octet is granted no AGGFRAG. Of such a response the peer believes that
 * it is in use, so the Child SA is deleted.
 */
ExtensionFactory UseAggfrag(const AggfragConfig& config = {});

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_AGGFRAG_H
