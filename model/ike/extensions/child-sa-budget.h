/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_CHILD_SA_BUDGET_H
#define IPSECLAB_IKE_EXTENSIONS_CHILD_SA_BUDGET_H

#include "model/ike/ike-config.h"

#include <cstddef>
#include <functional>

namespace ipseclab::ike
{

/**
 * Refuses further Child SAs with NO_ADDITIONAL_SAS (RFC 7296, section 1.3.1) while the node, such
 * as hardware with a table of fixed size, has no room. Rekeying is allowed, for it frees what it
 * takes. \param limit pairs of SAs
 * \param inUse pairs of SAs that the node has now, with all peers
 */
ExtensionFactory ChildSaBudget(std::size_t limit, std::function<std::size_t()> inUse);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_CHILD_SA_BUDGET_H
