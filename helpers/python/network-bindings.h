/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_NETWORK_BINDINGS_H
#define IPSECLAB_NETWORK_BINDINGS_H

#include <pybind11/pybind11.h>

namespace ipseclab
{

/// Adds topologies that a script describes. After ParameterError is there.
void DefineNetwork(pybind11::module_& module);

} // namespace ipseclab

#endif // IPSECLAB_NETWORK_BINDINGS_H
