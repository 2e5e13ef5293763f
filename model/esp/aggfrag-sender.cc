/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/aggfrag-sender.h"

namespace ipseclab::esp
{

AggfragSender::AggfragSender(const AggfragSenderConfig& config, Instant now)
    : m_config(config),
      m_packer(config.fragment),
      m_due(now + config.interval)
{
}

DropReason
AggfragSender::Enqueue(Instant now, ByteSpan packet)
{
    if (m_packer.WaitingOctets() + packet.size() > m_config.maxQueue)
    {
        return DropReason::AggfragQueue;
    }
    const bool first = m_packer.Waiting() == 0;
    if (!m_packer.Enqueue(packet))
    {
        return DropReason::Malformed;
    }
    ++m_counters.taken;
    if (first && !IsConstant())
    {
        m_due = now + m_config.delay;
    }
    return DropReason::None;
}

bool
AggfragSender::IsFull(std::size_t capacity) const
{
    return !IsConstant() && m_packer.Waiting() > 0 && m_packer.WaitingOctets() >= capacity;
}

bool
AggfragSender::IsDue(Instant now) const
{
    return (IsConstant() || m_packer.Waiting() > 0) && now >= m_due;
}

AggfragSender::Payload
AggfragSender::Next(Instant now, MutableByteSpan payload, const wire::AggfragPacker::Sink& tooBig)
{
    m_packer.GiveUpTooBig(payload.size() - wire::kAggfragHeaderSize,
                          [&](ByteSpan packet)
                          {
                              ++m_counters.tooBig;
                              tooBig(packet);
                          });
    if (!IsConstant() && m_packer.Waiting() == 0)
    {
        return {};
    }
    ++m_counters.payloads;
    const std::uint8_t tos = m_packer.FrontTos();
    const std::size_t length = m_packer.Next(payload, IsConstant());
    m_due = IsConstant() ? m_due + m_config.interval : now + m_config.delay;
    return {length, tos};
}

void
AggfragSender::Skip()
{
    m_due += m_config.interval;
}

std::optional<AggfragSender::Instant>
AggfragSender::Due() const
{
    return IsConstant() || m_packer.Waiting() > 0 ? std::make_optional(m_due) : std::nullopt;
}

std::vector<Bytes>
AggfragSender::Close()
{
    auto packets = m_packer.TakeAll();
    m_counters.returned += packets.size();
    return packets;
}

std::size_t
AggfragSender::Waiting() const
{
    return m_packer.Waiting();
}

AggfragSender::Counters
AggfragSender::GetCounters() const
{
    Counters counters = m_counters;
    counters.sent = m_packer.Sent();
    counters.padding = m_packer.Padding();
    return counters;
}

} // namespace ipseclab::esp
