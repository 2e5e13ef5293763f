/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_REORDERING_METER_H
#define IPSECLAB_REORDERING_METER_H

#include <cstdint>
#include <vector>

namespace ipseclab
{

/**
 * Reordering of a stream by RFC 4737, packet by packet in order of arrival: reordered ratio
 * (section 3), extent (section 4.2: arrivals since the first one with a larger number), and next to
 * them the number gap `top - s`, which is what a replay window looks at and is a different
 * statistic.
 */
class ReorderingMeter
{
  public:
    /// One arrival. Numbers are those of the sender; a source that repeats none.
    void Arrive(std::uint64_t number);

    std::uint64_t Arrivals() const;
    std::uint64_t Reordered() const;
    /// Reordered / arrivals; 0 without arrivals.
    double ReorderedRatio() const;
    std::uint64_t MaximumExtent() const;
    /// Over reordered packets; 0 without.
    double MeanExtent() const;
    std::uint64_t MaximumGap() const;

  private:
    struct Record
    {
        std::uint64_t number;  ///< a new maximum
        std::uint64_t arrival; ///< its place in order of arrival
    };

    std::vector<Record> m_records; ///< every new maximum, ascending
    std::uint64_t m_arrivals{0};
    std::uint64_t m_reordered{0};
    std::uint64_t m_extentSum{0};
    std::uint64_t m_maximumExtent{0};
    std::uint64_t m_maximumGap{0};
};

} // namespace ipseclab

#endif // IPSECLAB_REORDERING_METER_H
