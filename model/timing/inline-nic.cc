/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/inline-nic.h"

#include <algorithm>

namespace ipseclab::timing
{

namespace
{

constexpr double kBitsPerOctet = 8;

} // namespace

InlineNic::InlineNic(const InlineNicConfig& config)
    : m_config(config),
      m_latency(FromSeconds(config.latency)),
      m_cache(config.contexts)
{
}

Duration
InlineNic::Occupy(const Job& job)
{
    const double perPacket = m_config.packetRate > 0 ? 1 / m_config.packetRate : 0;
    const double perOctet = m_config.bitRate > 0 ? kBitsPerOctet / m_config.bitRate : 0;
    const double fetch = m_cache.Touch(job.spi) ? 0 : m_config.contextFetch;
    return FromSeconds(std::max(perPacket, perOctet * job.octets) + fetch);
}

void
InlineNic::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    while (!m_entries.empty() && m_entries.front() <= now)
    {
        m_entries.pop_front();
    }
    if (m_entries.size() >= std::max<std::size_t>(1, m_config.queue))
    {
        Notify(Outcome::Dropped, now, job);
        return;
    }
    // The pipeline keeps the order, so the place in it is the order of the numbers.
    Notify(Outcome::Started, now, job);
    const Instant entry = std::max(now, m_free);
    m_entries.push_back(entry);
    m_free = entry + Occupy(job);
    m_transit.push_back({m_free + m_latency, job});
}

void
InlineNic::HandleTimeout(Instant now)
{
    while (!m_transit.empty() && m_transit.front().done <= now)
    {
        Notify(Outcome::Done, m_transit.front().done, m_transit.front().job);
        m_transit.pop_front();
    }
}

std::optional<Instant>
InlineNic::PollTimeout() const
{
    if (m_transit.empty())
    {
        return std::nullopt;
    }
    return m_transit.front().done;
}

RateCap::RateCap(const RateCapConfig& config)
    : m_config(config),
      m_packets(config.packetRate * config.burst),
      m_bits(config.bitRate * config.burst)
{
}

void
RateCap::Submit(Instant now, const Job& job)
{
    const double since = ToSeconds(now - m_filled);
    m_filled = now;
    const auto fill = [&](double tokens, double rate)
    { return std::min(tokens + rate * since, rate * m_config.burst); };
    m_packets = fill(m_packets, m_config.packetRate);
    m_bits = fill(m_bits, m_config.bitRate);
    const double bits = kBitsPerOctet * job.octets;
    const bool passes =
        (m_config.packetRate <= 0 || m_packets >= 1) && (m_config.bitRate <= 0 || m_bits >= bits);
    if (!passes)
    {
        Notify(Outcome::Dropped, now, job);
        return;
    }
    m_packets -= 1;
    m_bits -= bits;
    Notify(Outcome::Started, now, job);
    Notify(Outcome::Done, now, job);
}

void
RateCap::HandleTimeout(Instant)
{
}

std::optional<Instant>
RateCap::PollTimeout() const
{
    return std::nullopt;
}

} // namespace ipseclab::timing
