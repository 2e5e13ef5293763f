/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/look-aside.h"

#include <algorithm>
#include <utility>

namespace ipseclab::timing
{

LookAside::LookAside(const LookAsideConfig& config, crypto::RandomSource& random)
    : m_config(config),
      m_stalls(config.stalls, random),
      m_poll(FromSeconds(config.pollInterval)),
      m_engines(std::max(1U, config.engines))
{
}

Instant
LookAside::NextCompletion() const
{
    return m_ring.empty() ? Instant::max() : m_ring.front().visible;
}

std::optional<Instant>
LookAside::PollTimeout() const
{
    const Instant next = std::min(m_until, NextCompletion());
    if (next == Instant::max())
    {
        return std::nullopt;
    }
    return next;
}

void
LookAside::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    if (!m_work.empty() && m_waiting.size() >= m_config.queue)
    {
        Notify(Outcome::Dropped, now, job);
        return;
    }
    m_waiting.push_back(job);
    Begin(now);
}

void
LookAside::HandleTimeout(Instant now)
{
    for (auto next = PollTimeout(); next && *next <= now; next = PollTimeout())
    {
        if (NextCompletion() <= m_until)
        {
            m_complete.push_back(m_ring.front().job);
            m_ring.pop_front();
        }
        else
        {
            EndHost();
        }
        Begin(*next);
    }
}

void
LookAside::Begin(Instant now)
{
    auto& queue = m_complete.empty() ? m_waiting : m_complete;
    if (!m_work.empty() || queue.empty())
    {
        return;
    }
    m_finishing = &queue == &m_complete;
    m_until = m_stalls.Finish(now, m_config.host.OfCycles(m_config.host.batchCycles));
    for (std::size_t i = std::min<std::size_t>(queue.size(), std::max(1U, m_config.batch)); i > 0;
         --i)
    {
        const Job& job = m_work.emplace_back(queue.front());
        queue.pop_front();
        if (!m_finishing)
        {
            Notify(Outcome::Started, now, job);
        }
        m_until = m_stalls.Finish(m_until,
                                  m_finishing ? m_config.host.OfCycles(m_config.completionCycles)
                                              : m_config.host.OfPacket(job));
    }
}

void
LookAside::EndHost()
{
    const Instant now = std::exchange(m_until, Instant::max());
    for (const Job& job : m_work)
    {
        if (m_finishing)
        {
            Notify(Outcome::Done, now, job);
        }
        else
        {
            Give(now, job);
        }
    }
    m_work.clear();
}

void
LookAside::Give(Instant now, const Job& job)
{
    if (m_ring.size() >= m_config.ring)
    {
        Notify(Outcome::Dropped, now, job);
        return;
    }
    constexpr double kBitsPerOctet = 8;
    const double transfer =
        m_config.engineBitRate > 0 ? kBitsPerOctet * job.octets / m_config.engineBitRate : 0;
    const auto engine = std::min_element(m_engines.begin(), m_engines.end());
    *engine = std::max(now, *engine) + FromSeconds(m_config.engineLatency + transfer);
    Instant visible = *engine;
    if (m_poll > Duration{})
    {
        visible = m_poll * ((visible + m_poll - Duration(1)) / m_poll);
    }
    if (!m_ring.empty())
    {
        visible = std::max(visible, m_ring.back().visible);
    }
    m_ring.push_back({visible, job});
}

} // namespace ipseclab::timing
