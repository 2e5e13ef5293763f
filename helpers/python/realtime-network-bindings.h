/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_NETWORK_BINDINGS_H
#define IPSECLAB_REALTIME_NETWORK_BINDINGS_H

#include <pybind11/pybind11.h>

namespace ipseclab
{

/// Adds the simulated network between real hosts.
void DefineRealtimeNetwork(pybind11::module_& module);

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_NETWORK_BINDINGS_H
