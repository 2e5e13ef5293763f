/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_BINDINGS_H
#define IPSECLAB_REALTIME_BINDINGS_H

#include <pybind11/pybind11.h>

namespace ipseclab
{

/// Adds what runs in real time between real hosts.
void DefineRealtime(pybind11::module_& module);

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_BINDINGS_H
