/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_TS_DSCP_H
#define IPSECLAB_IKE_EXTENSIONS_TS_DSCP_H

#include "model/ike/extensions/dscp-classes.h"

/**
 * \file
 * The traffic selector of DSCPs (draft-mglt-ipsecme-ts-dscp-03). What is agreed on binds both
 * sides, and packets with another DSCP are refused on receipt.
 *
 *     CREATE_CHILD_SA    TSi: ranges, TS_DSCP (10, 12)    ------>
 *                                                         <------    TSi: ranges, TS_DSCP (10)
 *
 * The answer may have fewer values, but no other ones, or else the asking side deletes the Child SA
 * (TS_UNACCEPTABLE). Without TS_DSCP in the answer, as of a peer that does not know the type, the
 * Child SA is for all DSCPs and only the asking side puts its class on it. A peer that refuses a
 * type which it does not know, with TS_UNACCEPTABLE, is asked once more and told no class any more.
 */

namespace ipseclab::ike
{

struct TsDscpConfig
{
    DscpClassesConfig own; ///< what this side asks for
    /// What this side allows on a Child SA with a list; a request for nothing of it is refused.
    DscpSet allowed{DscpSet().set()};
    /// Also towards peers that do not send the Vendor ID which says what the number means.
    bool toAnyone{false};
    /// Traffic selector type; none is assigned.
    std::uint8_t type{241};
};

ExtensionFactory TsDscp(const TsDscpConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_TS_DSCP_H
