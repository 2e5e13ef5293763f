/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "reordering-meter.h"

#include <algorithm>

namespace ipseclab
{

void
ReorderingMeter::Arrive(std::uint64_t number)
{
    const std::uint64_t arrival = m_arrivals++;
    if (m_records.empty() || number > m_records.back().number)
    {
        m_records.push_back({number, arrival});
        return;
    }
    // The first arrival with a larger number is always one that was a new maximum.
    const auto overtaker =
        std::upper_bound(m_records.begin(),
                         m_records.end(),
                         number,
                         [](std::uint64_t n, const Record& record) { return n < record.number; });
    if (overtaker == m_records.end())
    {
        return; // the maximum itself once more, which no source sends
    }
    const std::uint64_t extent = arrival - overtaker->arrival;
    ++m_reordered;
    m_extentSum += extent;
    m_maximumExtent = std::max(m_maximumExtent, extent);
    m_maximumGap = std::max(m_maximumGap, m_records.back().number - number);
}

std::uint64_t
ReorderingMeter::Arrivals() const
{
    return m_arrivals;
}

std::uint64_t
ReorderingMeter::Reordered() const
{
    return m_reordered;
}

double
ReorderingMeter::ReorderedRatio() const
{
    return m_arrivals == 0 ? 0.0
                           : static_cast<double>(m_reordered) / static_cast<double>(m_arrivals);
}

std::uint64_t
ReorderingMeter::MaximumExtent() const
{
    return m_maximumExtent;
}

double
ReorderingMeter::MeanExtent() const
{
    return m_reordered == 0 ? 0.0
                            : static_cast<double>(m_extentSum) / static_cast<double>(m_reordered);
}

std::uint64_t
ReorderingMeter::MaximumGap() const
{
    return m_maximumGap;
}

} // namespace ipseclab
