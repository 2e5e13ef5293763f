/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/aggfrag-receiver.h"

#include <algorithm>
#include <utility>

namespace ipseclab::esp
{

using wire::AggfragVerdict;

namespace
{

constexpr std::size_t kSpareBuffers = 8; ///< 65535 octets each, at most

DropReason
ReasonOf(AggfragVerdict verdict)
{
    switch (verdict)
    {
    case AggfragVerdict::Taken:
        return DropReason::None;
    case AggfragVerdict::Malformed:
        return DropReason::Malformed;
    case AggfragVerdict::BadBlock:
        return DropReason::AggfragBlock;
    case AggfragVerdict::Late:
        return DropReason::AggfragLate;
    case AggfragVerdict::Repeated:
        return DropReason::ReplayDuplicate;
    }
    return DropReason::None;
}

} // namespace

void
AggfragReceiver::SetRefusedCallback(
    std::function<void(DropReason reason, ByteSpan payload)> callback)
{
    m_refused = std::move(callback);
}

void
AggfragReceiver::Add(Instant now, std::uint64_t number, ByteSpan payload, const Sink& sink)
{
    ++m_counters.in;
    if (number < m_next || HasArrived(number))
    {
        const auto verdict = number < m_next ? AggfragVerdict::Late : AggfragVerdict::Repeated;
        ++m_counters.verdicts[static_cast<std::size_t>(verdict)];
        Refuse(verdict, payload);
        return;
    }
    if (!m_config.inOrder)
    {
        Assemble(number, payload, sink);
    }
    PassTo(number - std::min<std::uint64_t>(number, m_config.window), sink);
    PassRow(sink); // its place may be the one that is needed now
    if (number != m_next)
    {
        Keep(now, number, payload);
    }
    else
    {
        if (m_config.inOrder)
        {
            Assemble(number, payload, sink);
        }
        ++m_next;
        PassRow(sink);
    }
    m_assembler.GiveUpBefore(m_next);
}

bool
AggfragReceiver::HasArrived(std::uint64_t number) const
{
    return m_arrived > 0 && m_places[number % m_config.window].number == number;
}

void
AggfragReceiver::Keep(Instant now, std::uint64_t number, ByteSpan payload)
{
    const std::size_t end = m_config.window;
    if (m_places.empty())
    {
        m_places.resize(end + 1);
        m_places[end].earlier = m_places[end].later = end;
    }
    const std::size_t at = number % m_config.window;
    Place& place = m_places[at];
    place.number = number;
    place.time = now;
    if (m_config.inOrder)
    {
        if (!m_spare.empty())
        {
            place.payload = std::move(m_spare.back());
            m_spare.pop_back();
        }
        place.payload.assign(payload.begin(), payload.end());
        m_octets += payload.size();
    }
    place.later = end;
    place.earlier = std::exchange(m_places[end].earlier, at);
    m_places[place.earlier].later = at;
    ++m_arrived;
}

void
AggfragReceiver::Assemble(std::uint64_t number, ByteSpan payload, const Sink& sink)
{
    Refuse(m_assembler.Add(number, payload, sink), payload);
}

void
AggfragReceiver::Refuse(AggfragVerdict verdict, ByteSpan payload)
{
    if (verdict != AggfragVerdict::Taken && m_refused)
    {
        m_refused(ReasonOf(verdict), payload);
    }
}

void
AggfragReceiver::Pass(const Sink& sink)
{
    if (!HasArrived(m_next))
    {
        ++m_counters.missing;
        ++m_next;
        return;
    }
    Place& place = m_places[m_next % m_config.window];
    m_places[place.earlier].later = place.later;
    m_places[place.later].earlier = place.earlier;
    place.number = 0;
    --m_arrived;
    if (m_config.inOrder)
    {
        Bytes payload = std::exchange(place.payload, {});
        m_octets -= payload.size();
        Assemble(m_next, payload, sink);
        if (m_spare.size() < kSpareBuffers)
        {
            m_spare.push_back(std::move(payload));
        }
    }
    ++m_next;
}

void
AggfragReceiver::PassTo(std::uint64_t number, const Sink& sink)
{
    while (m_arrived > 0 && m_next < number)
    {
        Pass(sink);
    }
    if (m_next < number) // in one step, however far it is
    {
        m_counters.missing += number - m_next;
        m_next = number;
    }
}

void
AggfragReceiver::PassGap(const Sink& sink)
{
    while (!HasArrived(m_next))
    {
        Pass(sink);
    }
    PassRow(sink);
    m_assembler.GiveUpBefore(m_next);
}

void
AggfragReceiver::PassRow(const Sink& sink)
{
    while (HasArrived(m_next))
    {
        Pass(sink);
    }
}

std::optional<AggfragReceiver::Instant>
AggfragReceiver::Due() const
{
    if (m_arrived == 0 || m_config.dropTime.count() == 0)
    {
        return std::nullopt;
    }
    return m_places[m_places.back().later].time + m_config.dropTime;
}

void
AggfragReceiver::HandleTimeout(Instant now, const Sink& sink)
{
    for (auto due = Due(); due && *due <= now; due = Due())
    {
        PassGap(sink);
    }
}

void
AggfragReceiver::Close(const Sink& sink)
{
    while (m_arrived > 0)
    {
        PassGap(sink);
    }
    m_assembler.GiveUpBefore(m_next + 1); // and the last packet does not go on
}

std::size_t
AggfragReceiver::Held() const
{
    return m_config.inOrder ? m_arrived : 0;
}

std::size_t
AggfragReceiver::Octets() const
{
    return m_octets + m_assembler.Held();
}

AggfragReceiver::Counters
AggfragReceiver::GetCounters() const
{
    Counters counters = m_counters;
    const auto& assembled = m_assembler.GetCounters();
    for (std::size_t i = 0; i < counters.verdicts.size(); ++i)
    {
        counters.verdicts[i] += assembled.verdicts[i];
    }
    counters.abandoned = assembled.abandoned;
    return counters;
}

} // namespace ipseclab::esp
