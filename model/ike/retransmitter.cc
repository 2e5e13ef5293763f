/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/retransmitter.h"

#include <algorithm>
#include <cmath>

namespace ipseclab::ike
{

namespace
{

/// No wait is longer, whatever the policy says; keeps instants within 64 bits.
constexpr Duration kLongestWait = std::chrono::hours(24);

} // namespace

Duration
RepetitionTime(const RetransmissionPolicy& policy)
{
    Retransmitter schedule;
    schedule.Start(Instant::zero(), policy, {});
    Instant end = Instant::zero();
    do
    {
        end = *schedule.Due();
    } while (schedule.HandleTimeout(end) == Retransmitter::Verdict::SendAgain);
    return end;
}

void
Retransmitter::Start(Instant now, const RetransmissionPolicy& policy, std::vector<Bytes> messages)
{
    m_policy = policy;
    m_messages = std::move(messages);
    m_sent = 1;
    m_due = now + Wait();
}

void
Retransmitter::Stop()
{
    m_due.reset();
    m_messages.clear();
}

const std::vector<Bytes>&
Retransmitter::Messages() const
{
    return m_messages;
}

std::optional<Instant>
Retransmitter::Due() const
{
    return m_due;
}

Retransmitter::Verdict
Retransmitter::HandleTimeout(Instant now)
{
    if (!m_due || now < *m_due)
    {
        return Verdict::NotDue;
    }
    if (m_sent >= m_policy.tries)
    {
        Stop();
        return Verdict::GiveUp;
    }
    ++m_sent;
    m_due = now + Wait();
    return Verdict::SendAgain;
}

Duration
Retransmitter::Wait() const
{
    const auto longest = static_cast<double>(kLongestWait.count());
    double wait = static_cast<double>(m_policy.timeout.count());
    for (unsigned i = 1; i < m_sent && wait < longest; ++i)
    {
        wait *= m_policy.base;
    }
    // Never zero: a schedule that stands still would keep a driver at one instant for ever.
    return Duration(std::llround(std::clamp(wait, 1.0, longest)));
}

} // namespace ipseclab::ike
