/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_TRANSPORT_MODE_H
#define IPSECLAB_IKE_EXTENSIONS_TRANSPORT_MODE_H

#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/// A property of Child SAs in transport mode; the others are in tunnel mode.
struct TransportMode
{
};

/**
 * USE_TRANSPORT_MODE (RFC 7296, section 1.3.1): Child SAs between the two hosts themselves. Asked
 * for, and granted, only where this side's selectors are the two addresses that IKE runs between,
 * so not behind a NAT. A rekeyed Child SA keeps its mode.
 *
 * \param required as the asking side delete a Child SA that the peer wants in tunnel mode;
 * otherwise take it
 */
ExtensionFactory UseTransportMode(bool required = false);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_TRANSPORT_MODE_H
