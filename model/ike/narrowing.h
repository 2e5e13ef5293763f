/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_NARROWING_H
#define IPSECLAB_IKE_NARROWING_H

#include "model/wire/traffic-selector.h"

namespace ipseclab::ike
{

/**
 * A responder's choice from the offered selectors (RFC 7296, section 2.9): all that both sides
 * allow, in the order of the offer. So the first selector, which names the packet that triggered
 * the Child SA, is part of the answer whenever it is acceptable. At most 255 selectors, as the wire
 * can count. Empty: TS_UNACCEPTABLE.
 */
TrafficSelectorList Narrow(const TrafficSelectorList& offered, const TrafficSelectorList& ours);

/// Whether an answer is a narrowing of what was offered: not empty, each selector inside one.
bool IsNarrowing(const TrafficSelectorList& answer, const TrafficSelectorList& offered);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_NARROWING_H
