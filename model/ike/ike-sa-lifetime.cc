/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>
#include <cmath>

namespace ipseclab::ike
{

namespace
{

/// RFC 7296, section 2.25: several minutes of TEMPORARY_FAILURE mean that the sides have fallen out
/// of step.
constexpr Duration kTemporaryFailureLimit = std::chrono::minutes(5);

/// Less, and two sides that refuse each other would do so again for the same reason.
constexpr Duration kShortestRetryWait = std::chrono::seconds(1);
constexpr unsigned kMostDoublings = 4; ///< of that wait

std::optional<Instant>
After(Instant now, Duration wait)
{
    return wait > Duration::zero() ? std::make_optional(now + wait) : std::nullopt;
}

bool
IsDue(const std::optional<Instant>& due, Instant now)
{
    return due && *due <= now;
}

} // namespace

/// From zero to just below the limit; draws nothing when that leaves no choice.
Duration
IkeSa::DrawBelow(Duration limit)
{
    if (limit <= Duration::zero())
    {
        return Duration::zero();
    }
    const auto range = static_cast<std::uint64_t>(limit.count());
    return Duration(static_cast<Duration::rep>(m_environment.random.TakeU64() % range));
}

std::optional<Instant>
IkeSa::SoftEnd(Instant now, const Lifetime& lifetime)
{
    if (lifetime.soft <= Duration::zero())
    {
        return std::nullopt;
    }
    return now + lifetime.soft - DrawBelow(std::min(lifetime.jitter, lifetime.soft));
}

void
IkeSa::StartLifetime(Instant now)
{
    m_rekeyDue = SoftEnd(now, m_peer.ikeLifetime);
    m_expiryDue = After(now, m_peer.ikeLifetime.hard);
    StartKeepalives(now);
}

void
IkeSa::StartKeepalives(Instant now)
{
    m_keepaliveDue =
        m_abilities.nat.local ? After(now, m_peer.natTraversal.keepaliveInterval) : std::nullopt;
}

void
IkeSa::StartLifetime(Instant now, ChildSa& child)
{
    child.rekeyDue = SoftEnd(now, m_peer.childLifetime);
    child.expiryDue = After(now, m_peer.childLifetime.hard);
}

esp::VolumeLimits
IkeSa::DrawVolumeLimits()
{
    esp::VolumeLimits limits = m_peer.childVolume;
    const double jitter = std::clamp(m_peer.childVolumeJitter, 0.0, 1.0);
    if ((limits.softOctets == 0 && limits.softPackets == 0) || jitter == 0.0)
    {
        return limits;
    }
    // 53 bits of chance are what a double holds.
    const double share =
        1.0 - jitter * std::ldexp(static_cast<double>(m_environment.random.TakeU64() >> 11), -53);
    const auto lower = [share](std::uint64_t limit)
    {
        const auto scaled = static_cast<std::uint64_t>(static_cast<double>(limit) * share);
        return limit == 0 ? 0 : std::max<std::uint64_t>(scaled, 1);
    };
    limits.softOctets = lower(limits.softOctets);
    limits.softPackets = lower(limits.softPackets);
    return limits;
}

/**
 * RFC 7296, section 2.25: not at once, and not for ever; false when it has been tried for too long.
 * Each wait is twice the one before, for two sides whose requests always cross on a long path.
 */
bool
IkeSa::Retry(Instant now, Task task, Refusals refusals)
{
    refusals.since = refusals.count == 0 ? now : refusals.since;
    if (now - refusals.since >= kTemporaryFailureLimit)
    {
        return false;
    }
    const unsigned doublings = std::min(refusals.count++, kMostDoublings);
    const Duration wait = std::max(m_peer.retryWait, kShortestRetryWait) * (1 << doublings);
    if (auto* create = std::get_if<CreateChildTask>(&task))
    {
        create->refusals = refusals;
    }
    else if (auto* rekey = std::get_if<RekeyIkeTask>(&task))
    {
        rekey->refusals = refusals;
    }
    else if (auto* close = std::get_if<CloseChildTask>(&task))
    {
        close->refusals = refusals;
    }
    m_delayed.push_back({now + wait + DrawBelow(wait), std::move(task)});
    return true;
}

void
IkeSa::HandleLifetimes(Instant now)
{
    if (IsDue(m_deleteDue, now))
    {
        m_deleteDue.reset();
        m_phase = Phase::Closing;
        Enqueue(now, CloseIkeTask{});
    }
    if (IsDue(m_proofDue, now))
    {
        m_proofDue.reset();
        CheckLiveness(now);
    }
    if (m_peersFollowUp && m_peersFollowUp->until <= now)
    {
        ForgetFollowUp();
        SendNextRequest(now);
    }
    HandleChildLifetimes(now);
    HandleDelayedTasks(now);
    if (m_phase != Phase::Established)
    {
        return;
    }
    if (IsDue(m_expiryDue, now))
    {
        Close(now);
        return;
    }
    if (IsDue(m_keepaliveDue, now))
    {
        m_keepaliveDue = After(now, m_peer.natTraversal.keepaliveInterval);
        ++m_environment.counters.keepalivesOut;
        m_environment.transmits.push_back(MakeKeepalive(m_path));
    }
    if (IsDue(m_rekeyDue, now))
    {
        m_rekeyDue.reset();
        Rekey(now);
    }
    if (IsDue(LivenessDue(), now))
    {
        Enqueue(now, LivenessTask{});
    }
}

void
IkeSa::HandleChildLifetimes(Instant now)
{
    while (true)
    {
        const auto old = std::find_if(m_retired.begin(),
                                      m_retired.end(),
                                      [now](const RetiredChild& c) { return c.until <= now; });
        if (old == m_retired.end())
        {
            break;
        }
        m_environment.childSpis.Release(old->spiInbound);
        m_events.push_back(ChildSaRemoved{m_id, m_peer.name, old->spiInbound, old->spiOutbound});
        m_retired.erase(old);
    }
    std::vector<std::uint32_t> soft;
    std::vector<std::uint32_t> hard;
    for (auto& child : m_children)
    {
        if (IsDue(child.expiryDue, now))
        {
            hard.push_back(child.spiInbound);
        }
        else if (IsDue(child.rekeyDue, now))
        {
            child.rekeyDue.reset();
            soft.push_back(child.spiInbound);
        }
    }
    for (const std::uint32_t spi : hard)
    {
        ExpireChild(now, spi);
    }
    for (const std::uint32_t spi : soft)
    {
        RekeyChild(now, spi);
    }
}

void
IkeSa::HandleDelayedTasks(Instant now)
{
    for (std::size_t i = 0; i < m_delayed.size();)
    {
        if (m_delayed[i].due > now)
        {
            ++i;
            continue;
        }
        Task task = std::move(m_delayed[i].task);
        m_delayed.erase(m_delayed.begin() + static_cast<std::ptrdiff_t>(i));
        Enqueue(now, std::move(task));
    }
}

std::optional<Instant>
IkeSa::LivenessDue() const
{
    const bool wanted =
        m_phase == Phase::Established && !m_inFlight && m_peer.livenessInterval > Duration::zero();
    return wanted ? std::make_optional(m_lastHeard + m_peer.livenessInterval) : std::nullopt;
}

std::optional<Instant>
IkeSa::NextLifetimeEvent() const
{
    auto next = Earlier(Earlier(m_deleteDue, m_proofDue), LivenessDue());
    if (m_phase == Phase::Established)
    {
        next = Earlier(next, Earlier(m_keepaliveDue, Earlier(m_rekeyDue, m_expiryDue)));
    }
    if (m_peersFollowUp)
    {
        next = Earlier(next, m_peersFollowUp->until);
    }
    for (const auto& child : m_children)
    {
        next = Earlier(next, Earlier(child.rekeyDue, child.expiryDue));
    }
    for (const auto& child : m_retired)
    {
        next = Earlier(next, child.until);
    }
    for (const auto& delayed : m_delayed)
    {
        next = Earlier(next, delayed.due);
    }
    return next;
}

} // namespace ipseclab::ike
