/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/deliveries.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ipseclab
{

void
Deliveries::Add(ns3::Time sent)
{
    const ns3::Time now = ns3::Simulator::Now();
    m_times.push_back(now.GetSeconds());
    m_delays.push_back((now - sent).GetSeconds());
}

double
Deliveries::RateBetween(double from, double to) const
{
    const auto first = std::lower_bound(m_times.begin(), m_times.end(), from);
    const auto end = std::upper_bound(first, m_times.end(), to);
    const auto count = end - first;
    if (count < 2 || *(end - 1) <= *first)
    {
        return 0;
    }
    return static_cast<double>(count - 1) / (*(end - 1) - *first);
}

double
Deliveries::MeanDelay() const
{
    return m_delays.empty() ? 0
                            : std::accumulate(m_delays.begin(), m_delays.end(), 0.0) /
                                  static_cast<double>(m_delays.size());
}

double
Deliveries::DelayQuantile(double share) const
{
    if (m_delays.empty())
    {
        return 0;
    }
    auto delays = m_delays;
    const auto place =
        static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(delays.size())) - 1);
    std::nth_element(delays.begin(), delays.begin() + place, delays.end());
    return delays[static_cast<std::size_t>(place)];
}

} // namespace ipseclab
