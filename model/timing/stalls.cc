/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/stalls.h"

#include <cmath>

namespace ipseclab::timing
{

namespace
{

/// Uniform over (0, 1].
double
TakeUniform(crypto::RandomSource& random)
{
    constexpr double kSteps = 9007199254740992.0; // 2^53, what a double resolves
    return (static_cast<double>(random.TakeU64() >> 11) + 1) / kSteps;
}

} // namespace

Stalls::Stalls(const StallConfig& config, crypto::RandomSource& random)
    : m_random(&random),
      m_meanGap(config.length > 0 ? config.meanGap : 0),
      m_length(FromSeconds(config.length)),
      m_begin(Instant::max())
{
    if (m_meanGap > 0)
    {
        Draw(Instant{});
    }
}

void
Stalls::Draw(Instant after)
{
    m_begin = after + FromSeconds(-m_meanGap * std::log(TakeUniform(*m_random)));
}

Instant
Stalls::Finish(Instant now, Duration work)
{
    if (m_meanGap <= 0)
    {
        return now + work;
    }
    while (m_begin + m_length <= now)
    {
        Draw(m_begin + m_length);
    }
    while (m_begin < now + work)
    {
        // What is done before the stall is done; the rest waits for its end.
        work -= m_begin > now ? m_begin - now : Duration{};
        now = m_begin + m_length;
        Draw(now);
    }
    return now + work;
}

} // namespace ipseclab::timing
