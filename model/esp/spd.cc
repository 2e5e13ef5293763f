/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/spd.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

constexpr std::size_t kCacheSlots = 1024; ///< a power of two

std::uint64_t
Fold(const IpAddress& address)
{
    if (address.IsV4())
    {
        return address.V4Value();
    }
    const std::uint8_t* octets = address.Octets().data();
    return LoadBe64(octets) * 31 + LoadBe64(octets + 8);
}

std::size_t
SlotOf(const PacketSelectors& packet)
{
    constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15; // 2^64 / golden ratio: spreads bits
    std::uint64_t hash = Fold(packet.source);
    hash = (hash ^ hash >> 32) * kMultiplier + Fold(packet.destination);
    hash = (hash ^ hash >> 32) * kMultiplier +
           (std::uint64_t{packet.sourcePort} << 32 | std::uint64_t{packet.destinationPort} << 16 |
            std::uint64_t{packet.protocol} << 8 | (packet.portsKnown ? 1U : 0U));
    hash = (hash ^ hash >> 32) * kMultiplier;
    return hash >> 32 & (kCacheSlots - 1);
}

bool
Same(const PacketSelectors& a, const PacketSelectors& b)
{
    return a.source == b.source && a.destination == b.destination && a.protocol == b.protocol &&
           a.sourcePort == b.sourcePort && a.destinationPort == b.destinationPort &&
           a.portsKnown == b.portsKnown;
}

bool
Matches(const SpdEntry& entry, const PacketSelectors& packet, bool outbound)
{
    const TrafficSelectorList& source = outbound ? entry.local : entry.remote;
    const TrafficSelectorList& destination = outbound ? entry.remote : entry.local;
    return MatchesAny(source, packet.source, packet.sourcePort, packet) &&
           MatchesAny(destination, packet.destination, packet.destinationPort, packet);
}

} // namespace

bool
MatchesAny(const TrafficSelectorList& selectors,
           const IpAddress& address,
           std::uint16_t port,
           const PacketSelectors& packet)
{
    return selectors.empty() ||
           std::any_of(selectors.begin(),
                       selectors.end(),
                       [&](const TrafficSelector& s)
                       { return s.Matches(address, packet.protocol, port, packet.portsKnown); });
}

Spd::Spd()
    : m_cache(kCacheSlots)
{
}

void
Spd::Add(const SpdEntry& entry)
{
    m_entries.push_back(entry);
    ++m_generation;
}

const SpdEntry*
Spd::LookupOutbound(const PacketSelectors& packet)
{
    return Lookup(packet, true);
}

const SpdEntry*
Spd::LookupInbound(const PacketSelectors& packet)
{
    return Lookup(packet, false);
}

const SpdEntry*
Spd::Lookup(const PacketSelectors& packet, bool outbound)
{
    CacheSlot& slot = m_cache[SlotOf(packet)];
    if (slot.generation != m_generation || slot.outbound != outbound || !Same(slot.key, packet))
    {
        const auto found =
            std::find_if(m_entries.begin(),
                         m_entries.end(),
                         [&](const SpdEntry& e) { return Matches(e, packet, outbound); });
        slot.key = packet;
        slot.generation = m_generation;
        slot.outbound = outbound;
        slot.entry = found == m_entries.end()
                       ? -1
                       : static_cast<std::int32_t>(std::distance(m_entries.begin(), found));
    }
    return slot.entry < 0 ? nullptr : &m_entries[static_cast<std::size_t>(slot.entry)];
}

} // namespace ipseclab::esp
