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
    if (number == m_next || !m_config.inOrder)
    {
        Assemble(number, payload, sink);
    }
    if (number == m_next)
    {
        ++m_next;
    }
    else
    {
        Keep(now, number, payload);
    }
    Advance(sink);
}

bool
AggfragReceiver::HasArrived(std::uint64_t number) const
{
    return std::any_of(m_arrivals.begin(),
                       m_arrivals.end(),
                       [number](const Arrival& arrival) { return arrival.number == number; });
}

void
AggfragReceiver::Keep(Instant now, std::uint64_t number, ByteSpan payload)
{
    Arrival arrival{number, now, {}};
    if (m_config.inOrder)
    {
        arrival.payload.assign(payload.begin(), payload.end());
    }
    const auto place =
        std::find_if(m_arrivals.begin(),
                     m_arrivals.end(),
                     [number](const Arrival& other) { return other.number > number; });
    m_arrivals.insert(place, std::move(arrival));
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
AggfragReceiver::Advance(const Sink& sink)
{
    const std::uint64_t highest = m_arrivals.empty() ? m_next : m_arrivals.back().number;
    const std::uint64_t least = highest > m_config.window ? highest - m_config.window : 0;
    auto arrival = m_arrivals.begin();
    while (arrival != m_arrivals.end() && (arrival->number == m_next || m_next < least))
    {
        if (arrival->number != m_next)
        {
            GiveUpTo(std::min(least, arrival->number));
            continue;
        }
        if (m_config.inOrder)
        {
            Assemble(arrival->number, arrival->payload, sink);
        }
        ++m_next;
        ++arrival;
    }
    m_arrivals.erase(m_arrivals.begin(), arrival);
    m_assembler.GiveUpBefore(m_next);
}

void
AggfragReceiver::GiveUpTo(std::uint64_t number)
{
    m_counters.missing += number - m_next;
    m_next = number;
}

std::optional<AggfragReceiver::Instant>
AggfragReceiver::Due() const
{
    if (m_arrivals.empty() || m_config.dropTime.count() == 0)
    {
        return std::nullopt;
    }
    const auto first =
        std::min_element(m_arrivals.begin(),
                         m_arrivals.end(),
                         [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
    return first->time + m_config.dropTime;
}

void
AggfragReceiver::HandleTimeout(Instant now, const Sink& sink)
{
    for (auto due = Due(); due && *due <= now; due = Due())
    {
        GiveUpTo(m_arrivals.front().number);
        Advance(sink);
    }
}

void
AggfragReceiver::Close(const Sink& sink)
{
    while (!m_arrivals.empty())
    {
        GiveUpTo(m_arrivals.front().number);
        Advance(sink);
    }
    m_assembler.GiveUpBefore(m_next + 1); // and the last packet does not go on
}

std::size_t
AggfragReceiver::Held() const
{
    return m_config.inOrder ? m_arrivals.size() : 0;
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
