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

FragmentTracker::Key
FragmentTracker::KeyOf(const wire::IpView& view,
                       const PacketSelectors& packet,
                       std::uint32_t identification)
{
    return {packet.source,
            packet.destination,
            view.v6 ? std::uint8_t{0} : packet.protocol,
            identification};
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
FragmentTracker::IsRecent(Instant time, Instant now) const
{
    return time != Instant::min() && now - time < m_limits.timeout;
}

FragmentTracker::Places::const_iterator
FragmentTracker::Find(const Key& key) const
{
    if (m_places.empty())
    {
        return m_places.end();
    }
    const auto begin = m_places.begin() + static_cast<std::ptrdiff_t>(SetOf(key));
    const auto end = begin + kSet;
    const auto place = std::find_if(begin, end, [&](const Place& p) { return p.key == key; });
    return place == end ? m_places.end() : place;
}

FragmentTracker::Place&
FragmentTracker::OldestOf(const Key& key)
{
    const auto begin = m_places.begin() + static_cast<std::ptrdiff_t>(SetOf(key));
    return *std::min_element(begin,
                             begin + kSet,
                             [](const Place& a, const Place& b) { return a.born < b.born; });
}

void
FragmentTracker::Note(const wire::IpView& first, const PacketSelectors& packet, Decision decision)
{
    const auto fields = wire::ReadFragment(first);
    if (!fields || m_limits.packets == 0)
    {
        return;
    }
    const bool follow = decision.follow && (packet.portsKnown || !wire::HasPorts(packet.protocol));
    const Key key = KeyOf(first, packet, fields->identification);
    const auto known = Find(key);
    const bool again = known != m_places.end();
    if (!again && !follow && !decision.protect)
    {
        return;
    }
    if (m_places.empty())
    {
        m_places.resize((m_limits.packets + kSet - 1) / kSet * kSet);
    }
    const Instant now = m_now();
    Place& place =
        again ? m_places[static_cast<std::size_t>(known - m_places.cbegin())] : OldestOf(key);
    m_counters.overwritten += !again && IsRecent(place.born, now) ? 1 : 0;
    m_counters.noted += follow ? 1 : 0;
    const Instant before = again ? place.protectedAt : Instant::min();
    place = {key,
             now,
             static_cast<std::uint32_t>(fields->End(first)),
             packet.sourcePort,
             packet.destinationPort,
             packet.protocol,
             packet.portsKnown,
             follow,
             decision.protect ? now : before};
}

FragmentTracker::Memory
FragmentTracker::Recall(const wire::IpView& later, PacketSelectors& packet) const
{
    const auto fields = wire::ReadFragment(later);
    const auto place = fields ? Find(KeyOf(later, packet, fields->identification)) : m_places.end();
    if (place == m_places.end())
    {
        return {DropReason::FragmentUnknown};
    }
    const Instant now = m_now();
    const bool protect = IsRecent(place->protectedAt, now);
    if (!place->follow || !IsRecent(place->born, now))
    {
        return {DropReason::FragmentUnknown, protect};
    }
    if (fields->offset < place->end)
    {
        return {DropReason::FragmentOverlap, protect};
    }
    packet.protocol = place->protocol;
    packet.sourcePort = place->sourcePort;
    packet.destinationPort = place->destinationPort;
    packet.portsKnown = place->portsKnown;
    return {DropReason::None, protect};
}

} // namespace ipseclab::esp
