/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/spd.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace ipseclab::esp
{

namespace
{

constexpr std::size_t kOctetBits = 8;

bool
BitOf(ByteSpan octets, std::size_t bit)
{
    return (octets[bit / kOctetBits] >> (kOctetBits - 1 - bit % kOctetBits) & 1) != 0;
}

/// Bits of the prefix that the addresses are; nothing when they are none.
std::optional<std::size_t>
PrefixLength(const TrafficSelector& selector)
{
    const ByteSpan first = selector.start.Octets();
    const ByteSpan last = selector.end.Octets();
    if (first.size() != last.size())
    {
        return std::nullopt;
    }
    const std::size_t bits = kOctetBits * first.size();
    std::size_t length = 0;
    while (length < bits && BitOf(first, length) == BitOf(last, length))
    {
        ++length;
    }
    for (std::size_t bit = length; bit < bits; ++bit)
    {
        if (BitOf(first, bit) || !BitOf(last, bit))
        {
            return std::nullopt;
        }
    }
    return length;
}

IpAddress
NetworkOf(const IpAddress& address, std::size_t length)
{
    std::array<std::uint8_t, 16> octets{};
    const ByteSpan all = address.Octets();
    const std::size_t whole = length / kOctetBits;
    std::copy_n(all.begin(), whole, octets.begin());
    if (const std::size_t rest = length % kOctetBits; rest != 0)
    {
        const unsigned mask = 0xff00U >> rest;
        octets[whole] = static_cast<std::uint8_t>(all[whole] & mask);
    }
    return *IpAddress::FromOctets(ByteSpan(octets.data(), all.size()));
}

bool
Matches(const SpdEntry& entry, const PacketSelectors& packet, bool outbound)
{
    const TrafficSelectorList& source = outbound ? entry.local : entry.remote;
    const TrafficSelectorList& destination = outbound ? entry.remote : entry.local;
    return MatchesAny(source, packet.source, packet.sourcePort, packet) &&
           MatchesAny(destination, packet.destination, packet.destinationPort, packet);
}

bool
MatchesHosts(const SpdEntry& entry, const PacketSelectors& packet, bool outbound)
{
    return NamesHost(outbound ? entry.local : entry.remote, packet.source, packet) &&
           NamesHost(outbound ? entry.remote : entry.local, packet.destination, packet);
}

bool
ProtectsHosts(const SpdEntry& entry, const PacketSelectors& packet, bool outbound)
{
    return entry.action == SpdAction::Protect && MatchesHosts(entry, packet, outbound);
}

} // namespace

bool
MatchesAny(const TrafficSelectorList& selectors,
           const IpAddress& address,
           std::uint16_t port,
           const PacketSelectors& packet)
{
    return selectors.empty() || std::any_of(selectors.begin(),
                                            selectors.end(),
                                            [&](const TrafficSelector& s) {
                                                return s.Matches(address,
                                                                 packet.protocol,
                                                                 port,
                                                                 packet.portsKnown,
                                                                 packet.laterFragment);
                                            });
}

bool
NamesHost(const TrafficSelectorList& selectors,
          const IpAddress& address,
          const PacketSelectors& packet)
{
    const bool hidden = packet.laterFragment && !address.IsV4();
    return selectors.empty() ||
           std::any_of(selectors.begin(),
                       selectors.end(),
                       [&](const TrafficSelector& s)
                       {
                           return (s.protocol == 0 || hidden || s.protocol == packet.protocol) &&
                                  s.MatchesAddress(address);
                       });
}

std::size_t
Spd::AddressHash::operator()(const IpAddress& address) const
{
    const ByteSpan octets = address.Octets();
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(octets.data()), octets.size()});
}

Spd::PrefixTable&
Spd::TableOf(bool v6, std::size_t length)
{
    const auto found =
        std::find_if(m_prefixes.begin(),
                     m_prefixes.end(),
                     [&](const PrefixTable& t) { return t.v6 == v6 && t.length == length; });
    return found != m_prefixes.end() ? *found
                                     : m_prefixes.emplace_back(PrefixTable{v6, length, {}});
}

void
Spd::Add(const SpdEntry& entry)
{
    const std::size_t place = m_entries.size();
    const bool prefixes = !entry.remote.empty() &&
                          std::all_of(entry.remote.begin(),
                                      entry.remote.end(),
                                      [](const TrafficSelector& s) { return PrefixLength(s); });
    if (!prefixes)
    {
        m_others.push_back(place);
    }
    else
    {
        for (const TrafficSelector& selector : entry.remote)
        {
            PrefixTable& table = TableOf(!selector.start.IsV4(), *PrefixLength(selector));
            table.networks[selector.start].push_back(place);
        }
    }
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

std::size_t
Spd::FirstMatch(const Places& places,
                std::size_t end,
                const PacketSelectors& packet,
                bool outbound,
                Matcher matches) const
{
    for (const std::size_t place : places)
    {
        if (place >= end)
        {
            break;
        }
        if (matches(m_entries[place], packet, outbound))
        {
            return place;
        }
    }
    return end;
}

std::size_t
Spd::Search(const PacketSelectors& packet, bool outbound, Matcher matches) const
{
    const IpAddress& remote = outbound ? packet.destination : packet.source;
    std::size_t first = FirstMatch(m_others, m_entries.size(), packet, outbound, matches);
    for (const PrefixTable& table : m_prefixes)
    {
        if (table.v6 == remote.IsV4())
        {
            continue;
        }
        const auto found = table.networks.find(NetworkOf(remote, table.length));
        if (found != table.networks.end())
        {
            first = FirstMatch(found->second, first, packet, outbound, matches);
        }
    }
    return first;
}

const SpdEntry*
Spd::Lookup(const PacketSelectors& packet, bool outbound)
{
    const std::size_t place =
        m_cache.Get(packet, outbound ? 1 : 0, [&] { return Search(packet, outbound, &Matches); });
    return place == m_entries.size() ? nullptr : &m_entries[place];
}

bool
Spd::NamesHosts(const PacketSelectors& packet, bool outbound) const
{
    return Search(packet, outbound, &MatchesHosts) != m_entries.size();
}

bool
Spd::MayProtect(const PacketSelectors& packet, bool outbound, const SpdEntry* before) const
{
    const auto end = static_cast<std::size_t>(before - m_entries.data());
    return Search(packet, outbound, &ProtectsHosts) < end;
}

} // namespace ipseclab::esp
