/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/narrowing.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

/// The count field of a TS payload has one octet (RFC 7296, section 3.13).
constexpr std::size_t kMaxSelectors = 255;

bool
IsInside(const TrafficSelector& inner, const TrafficSelectorList& list)
{
    return std::any_of(list.begin(),
                       list.end(),
                       [&](const TrafficSelector& outer)
                       { return TrafficSelector::Intersect(inner, outer) == inner; });
}

TrafficSelector
OfPacket(const IpAddress& address, const PacketSelectors& packet, std::uint16_t port)
{
    TrafficSelector selector;
    selector.protocol = packet.protocol;
    selector.start = address;
    selector.end = address;
    if (packet.portsKnown && packet.protocol != 0)
    {
        selector.startPort = port;
        selector.endPort = port;
    }
    return selector;
}

/// The first of ours that has something in common with the first of the offer that ours allow.
TrafficSelectorList
OneSelector(const TrafficSelectorList& offered, const TrafficSelectorList& ours)
{
    for (const auto& theirs : offered)
    {
        for (const auto& mine : ours)
        {
            if (TrafficSelector::Intersect(theirs, mine))
            {
                return {mine};
            }
        }
    }
    return {};
}

/// What of ours concerns the host that the offer names first; empty when that is not a single one.
TrafficSelectorList
OneHost(const TrafficSelectorList& offered, const TrafficSelectorList& ours)
{
    if (offered.empty() || !(offered.front().start == offered.front().end))
    {
        return {};
    }
    TrafficSelector host;
    host.start = offered.front().start;
    host.end = host.start;
    return Narrow({host}, ours);
}

/// What may be agreed on with the peer: its selectors, or the OPAQUE form when that is meant.
SelectorChoice
Allowed(const PeerConfig& peer, const TrafficSelectorList& local, const TrafficSelectorList& remote)
{
    return peer.opaqueFragments && (AreOpaque(local) || AreOpaque(remote))
             ? SelectorChoice{OpaquePorts(peer.localSelectors), OpaquePorts(peer.remoteSelectors)}
             : SelectorChoice{peer.localSelectors, peer.remoteSelectors};
}

/// Whether anything that both sides allow is missing in the answer.
bool
LeavesOut(const TrafficSelectorList& answer,
          const TrafficSelectorList& offered,
          const TrafficSelectorList& ours)
{
    return !IsNarrowing(Narrow(offered, ours), answer);
}

} // namespace

TrafficSelectorList
Narrow(const TrafficSelectorList& offered, const TrafficSelectorList& ours)
{
    TrafficSelectorList narrowed;
    for (const auto& theirs : offered)
    {
        for (const auto& mine : ours)
        {
            const auto common = TrafficSelector::Intersect(theirs, mine);
            if (common && narrowed.size() < kMaxSelectors &&
                std::find(narrowed.begin(), narrowed.end(), *common) == narrowed.end())
            {
                narrowed.push_back(*common);
            }
        }
    }
    return narrowed;
}

SelectorChoice
OfferSelectors(const PeerConfig& peer, const ChildRequest& wanted, bool onlyPacket)
{
    if (wanted.opaque)
    {
        return {OpaquePorts(peer.localSelectors), OpaquePorts(peer.remoteSelectors)};
    }
    SelectorChoice offer{peer.localSelectors, peer.remoteSelectors};
    const std::optional<PacketSelectors>& packet = wanted.packet;
    if (!packet)
    {
        return offer;
    }
    const auto local = OfPacket(packet->source, *packet, packet->sourcePort);
    const auto remote = OfPacket(packet->destination, *packet, packet->destinationPort);
    if (!IsInside(local, offer.local) || !IsInside(remote, offer.remote))
    {
        return offer;
    }
    const auto put = [onlyPacket](TrafficSelectorList& list, const TrafficSelector& first)
    {
        if (onlyPacket)
        {
            list.clear();
        }
        list.insert(list.begin(), first);
        list.resize(std::min(list.size(), kMaxSelectors));
    };
    put(offer.local, local);
    put(offer.remote, remote);
    return offer;
}

tl::expected<SelectorChoice, wire::NotifyType>
AnswerSelectors(const PeerConfig& peer,
                const TrafficSelectorList& offeredLocal,
                const TrafficSelectorList& offeredRemote)
{
    const SelectorChoice allowed = Allowed(peer, offeredLocal, offeredRemote);
    TrafficSelectorList local = allowed.local;
    TrafficSelectorList remote = allowed.remote;
    SelectorChoice answer{Narrow(offeredLocal, local), Narrow(offeredRemote, remote)};
    if (answer.local.empty() || answer.remote.empty())
    {
        return tl::make_unexpected(wire::NotifyType::TsUnacceptable);
    }
    if (peer.granularity == ChildGranularity::All)
    {
        return answer;
    }
    const bool hosts = peer.granularity == ChildGranularity::AddressPair;
    local = hosts ? OneHost(offeredLocal, local) : OneSelector(offeredLocal, local);
    remote = hosts ? OneHost(offeredRemote, remote) : OneSelector(offeredRemote, remote);
    answer = {Narrow(offeredLocal, local), Narrow(offeredRemote, remote)};
    if (answer.local.empty() || answer.remote.empty())
    {
        return tl::make_unexpected(wire::NotifyType::SinglePairRequired);
    }
    answer.more = LeavesOut(answer.local, offeredLocal, allowed.local) ||
                  LeavesOut(answer.remote, offeredRemote, allowed.remote);
    return answer;
}

bool
IsNarrowing(const TrafficSelectorList& answer, const TrafficSelectorList& offered)
{
    return !answer.empty() && std::all_of(answer.begin(),
                                          answer.end(),
                                          [&](const TrafficSelector& selector)
                                          { return IsInside(selector, offered); });
}

} // namespace ipseclab::ike
