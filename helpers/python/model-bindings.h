/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_MODEL_BINDINGS_H
#define IPSECLAB_MODEL_BINDINGS_H

#include <pybind11/pybind11.h>

namespace ipseclab
{

/// Adds the protocol model, which needs no simulator, to the module.
void DefineModel(pybind11::module_& module);

} // namespace ipseclab

#endif // IPSECLAB_MODEL_BINDINGS_H
