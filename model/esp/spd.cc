/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/spd.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

constexpr std::int32_t kNoEntry = -1;

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

void
Spd::Add(const SpdEntry& entry)
{
    m_entries.push_back(entry);
    m_cache.Clear();
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
    const std::int32_t entry = m_cache.Get(
        packet,
        outbound ? 1 : 0,
        [&]
        {
            const auto found =
                std::find_if(m_entries.begin(),
                             m_entries.end(),
                             [&](const SpdEntry& e) { return Matches(e, packet, outbound); });
            return found == m_entries.end()
                     ? kNoEntry
                     : static_cast<std::int32_t>(std::distance(m_entries.begin(), found));
        });
    return entry == kNoEntry ? nullptr : &m_entries[static_cast<std::size_t>(entry)];
}

} // namespace ipseclab::esp
