/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_NODE_BINDINGS_H
#define IPSECLAB_REALTIME_NODE_BINDINGS_H

#include <pybind11/pybind11.h>

namespace ipseclab
{

/// Adds the gateway on a live network to the module.
void DefineRealtimeNode(pybind11::module_& module);

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_NODE_BINDINGS_H
