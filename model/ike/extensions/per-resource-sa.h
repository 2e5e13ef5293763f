/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_PER_RESOURCE_SA_H
#define IPSECLAB_IKE_EXTENSIONS_PER_RESOURCE_SA_H

#include "model/ike/ike-config.h"

/**
 * \file
 * Child SAs for single resources, such as CPUs (RFC 9611). The first Child SA for some traffic is
 * the fallback, which all resources may use; every further one of the same traffic belongs to one
 * resource of this side and, by a choice of its own, to one of the peer's.
 *
 *     asking side                                    answering side
 *     SA_RESOURCE_INFO (no data)          ------>    fallback SA
 *                                         <------    SA_RESOURCE_INFO (no data)
 *     SA_RESOURCE_INFO (resource 0)       ------>    the resource with the fewest Child SAs
 *                                         <------    SA_RESOURCE_INFO (its number)
 *     SA_RESOURCE_INFO (resource 1)       ------>
 *                                         <------    TS_MAX_QUEUE: no more of this traffic
 *
 * Without an answer in kind there is a Child SA like any other. A rekeyed one keeps its resource
 * without a notify.
 */

namespace ipseclab::ike
{

struct PerResourceConfig
{
    /// CPUs or queues of this side, to which the answering side spreads Child SAs; at least 1.
    std::uint32_t resources{1};
    /// Child SAs of the same traffic beyond the fallback that this side accepts; RFC 9611, section
    /// 6, wants at least twice the number of resources. Zero: that.
    std::size_t limit{0};
};

/// Which resource a Child SA belongs to; a value of ChildSaInstalled::properties and, as a wish, of
/// ChildRequest::properties.
struct SaResource
{
    std::optional<std::uint32_t> number; ///< of this side, from 0; nothing: fallback for all
    Bytes peerIdentifier{};              ///< what the peer calls its own; for debugging only
};

/// A command: ask for a Child SA for each resource of this side that has none, one after the other,
/// as long as the peer grants them. Carried out only where the peer has answered in kind.
struct AskForResourceSas
{
};

/// A command: ask for a Child SA for this resource of this side, if it has none.
struct AskForResourceSa
{
    std::uint32_t number;
};

ExtensionFactory PerResourceSas(const PerResourceConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_PER_RESOURCE_SA_H
