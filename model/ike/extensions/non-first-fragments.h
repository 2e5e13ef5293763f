/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_NON_FIRST_FRAGMENTS_H
#define IPSECLAB_IKE_EXTENSIONS_NON_FIRST_FRAGMENTS_H

#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/// A property of Child SAs on which fragments that are not the first may go, although selectors
/// name ports: both sides know by their first ones which they are.
struct LaterFragments
{
};

/**
 * NON_FIRST_FRAGMENTS_ALSO (RFC 7296, section 1.3.1; RFC 4301, section 7.3), in the request and in
 * the response: without either, nobody sends such fragments on the Child SA, which is made all the
 * same. Announced where the peer's selectors name ports.
 */
ExtensionFactory NonFirstFragmentsAlso();

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_NON_FIRST_FRAGMENTS_H
