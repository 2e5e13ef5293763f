/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_NARROWING_H
#define IPSECLAB_IKE_NARROWING_H

#include "model/ike/child-request.h"
#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/**
 * A responder's choice from the offered selectors (RFC 7296, section 2.9): all that both sides
 * allow, in the order of the offer. So the first selector, which names the packet that triggered
 * the Child SA, is part of the answer whenever it is acceptable. At most 255 selectors, as the wire
 * can count. Empty: TS_UNACCEPTABLE.
 */
TrafficSelectorList Narrow(const TrafficSelectorList& offered, const TrafficSelectorList& ours);

/// TSi and TSr of a request, or what an answer to one leaves of them.
struct SelectorChoice
{
    TrafficSelectorList local;
    TrafficSelectorList remote;
    /// Some of what was left out could be on another Child SA: ADDITIONAL_TS_POSSIBLE.
    bool more{false};
};

/**
 * What to ask a peer for (RFC 7296, section 2.9): first the packet that needs the Child SA, where
 * the peer's selectors allow it, then these selectors; or their OPAQUE form.
 * \param onlyPacket the peer has said SINGLE_PAIR_REQUIRED, so the selectors are left out
 */
SelectorChoice OfferSelectors(const PeerConfig& peer, const ChildRequest& wanted, bool onlyPacket);

/**
 * The answer to an offer, as much of it as PeerConfig::granularity allows on one Child SA. What was
 * offered first is part of it whenever it is acceptable.
 * \returns the error notify when there is none: TS_UNACCEPTABLE, or SINGLE_PAIR_REQUIRED when two
 * hosts have to be named
 */
tl::expected<SelectorChoice, wire::NotifyType> AnswerSelectors(
    const PeerConfig& peer,
    const TrafficSelectorList& offeredLocal,
    const TrafficSelectorList& offeredRemote);

/// Whether an answer is a narrowing of what was offered: not empty, each selector inside one.
bool IsNarrowing(const TrafficSelectorList& answer, const TrafficSelectorList& offered);

/// Whether two lists allow the same, where one selector of each holds one of the other.
inline bool
AreAlike(const TrafficSelectorList& a, const TrafficSelectorList& b)
{
    return IsNarrowing(a, b) && IsNarrowing(b, a);
}

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_NARROWING_H
