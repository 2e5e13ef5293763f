/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/fragment-tracker.h"

#include "model/wire/ip-fragment.h"

#include <algorithm>
#include <string_view>

namespace ipseclab::esp
{

namespace
{

constexpr std::size_t kSet = 8; ///< places

std::size_t
HashOctets(ByteSpan octets)
{
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(octets.data()), octets.size()});
}

} // namespace

bool
FragmentTracker::Key::operator==(const Key& o) const
{
    return identification == o.identification && protocol == o.protocol && source == o.source &&
           destination == o.destination;
}

FragmentTracker::FragmentTracker(const Limits& limits, std::function<Instant()> now)
    : m_limits(limits),
      m_now(std::move(now))
{
}

std::size_t
FragmentTracker::Hash(const Key& key)
{
    constexpr std::size_t kMultiplier = 0x9e3779b97f4a7c15; // 2^64 / golden ratio
    std::size_t hash = HashOctets(key.source.Octets());
    hash = (hash ^ hash >> 32) * kMultiplier + HashOctets(key.destination.Octets());
    hash =
        (hash ^ hash >> 32) * kMultiplier + (std::size_t{key.protocol} << 32) + key.identification;
    return (hash ^ hash >> 32) * kMultiplier >> 32;
}

std::size_t
FragmentTracker::SetOf(const Key& key) const
{
    return Hash(key) % (m_places.size() / kSet) * kSet;
}

bool
FragmentTracker::IsAlive(const Place& place, Instant now) const
{
    return place.born != Instant::min() && now - place.born < m_limits.timeout;
}

void
FragmentTracker::Note(const wire::IpView& first, const PacketSelectors& packet)
{
    const auto fields = wire::ReadFragment(first);
    if (!fields || !packet.portsKnown || m_limits.packets == 0)
    {
        return;
    }
    if (m_places.empty())
    {
        m_places.resize((m_limits.packets + kSet - 1) / kSet * kSet);
    }
    const Key key{packet.source,
                  packet.destination,
                  first.v6 ? std::uint8_t{0} : packet.protocol,
                  fields->identification};
    const auto begin = m_places.begin() + static_cast<std::ptrdiff_t>(SetOf(key));
    const auto end = begin + kSet;
    auto place = std::find_if(begin, end, [&](const Place& p) { return p.key == key; });
    const Instant now = m_now();
    if (place == end)
    {
        place = std::min_element(begin,
                                 end,
                                 [](const Place& a, const Place& b) { return a.born < b.born; });
        m_counters.overwritten += IsAlive(*place, now) ? 1 : 0;
    }
    ++m_counters.noted;
    *place = {key,
              now,
              static_cast<std::uint32_t>(fields->End(first)),
              packet.sourcePort,
              packet.destinationPort,
              packet.protocol};
}

DropReason
FragmentTracker::Recall(const wire::IpView& later, PacketSelectors& packet) const
{
    const auto fields = wire::ReadFragment(later);
    if (!fields || m_places.empty())
    {
        return DropReason::FragmentUnknown;
    }
    const Key key{packet.source,
                  packet.destination,
                  later.v6 ? std::uint8_t{0} : packet.protocol,
                  fields->identification};
    const auto begin = m_places.begin() + static_cast<std::ptrdiff_t>(SetOf(key));
    const auto place =
        std::find_if(begin, begin + kSet, [&](const Place& p) { return p.key == key; });
    if (place == begin + kSet || !IsAlive(*place, m_now()))
    {
        return DropReason::FragmentUnknown;
    }
    if (fields->offset < place->end)
    {
        return DropReason::FragmentOverlap;
    }
    packet.protocol = place->protocol;
    packet.sourcePort = place->sourcePort;
    packet.destinationPort = place->destinationPort;
    packet.portsKnown = true;
    return DropReason::None;
}

} // namespace ipseclab::esp
