/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "helpers/reordering-meter.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace
{

using ipseclab::ReorderingMeter;
using Numbers = std::vector<std::uint64_t>;

ReorderingMeter
Measure(const Numbers& arrivals)
{
    ReorderingMeter meter;
    for (const auto number : arrivals)
    {
        meter.Arrive(number);
    }
    return meter;
}

/// RFC 4737, sections 3 and 4.2, word by word and without any cleverness.
struct Reference
{
    explicit Reference(const Numbers& arrivals)
    {
        for (std::size_t i = 0; i < arrivals.size(); ++i)
        {
            const auto first =
                std::find_if(arrivals.begin(),
                             arrivals.begin() + static_cast<std::ptrdiff_t>(i),
                             [&](std::uint64_t earlier) { return earlier > arrivals[i]; });
            const auto j = static_cast<std::size_t>(first - arrivals.begin());
            if (j == i)
            {
                continue;
            }
            const auto top = *std::max_element(arrivals.begin(),
                                               arrivals.begin() + static_cast<std::ptrdiff_t>(i));
            ++reordered;
            extentSum += i - j;
            maximumExtent = std::max<std::uint64_t>(maximumExtent, i - j);
            maximumGap = std::max(maximumGap, top - arrivals[i]);
        }
    }

    std::uint64_t reordered{0};
    std::uint64_t extentSum{0};
    std::uint64_t maximumExtent{0};
    std::uint64_t maximumGap{0};
};

void
ExpectAgreement(const Numbers& arrivals)
{
    const auto meter = Measure(arrivals);
    const Reference reference(arrivals);
    ASSERT_EQ(meter.Arrivals(), arrivals.size());
    ASSERT_EQ(meter.Reordered(), reference.reordered);
    ASSERT_EQ(meter.MaximumExtent(), reference.maximumExtent);
    ASSERT_EQ(meter.MaximumGap(), reference.maximumGap);
    if (reference.reordered > 0)
    {
        ASSERT_DOUBLE_EQ(meter.MeanExtent(),
                         static_cast<double>(reference.extentSum) /
                             static_cast<double>(reference.reordered));
    }
}

TEST(ReorderingMeter, IsZeroWithoutArrivals)
{
    const auto meter = Measure({});
    EXPECT_EQ(meter.Arrivals(), 0U);
    EXPECT_EQ(meter.ReorderedRatio(), 0.0);
    EXPECT_EQ(meter.MeanExtent(), 0.0);
}

TEST(ReorderingMeter, LossIsNoReordering)
{
    const auto meter = Measure({1, 2, 5, 9, 100});
    EXPECT_EQ(meter.Arrivals(), 5U);
    EXPECT_EQ(meter.Reordered(), 0U);
    EXPECT_EQ(meter.MaximumGap(), 0U);
}

TEST(ReorderingMeter, OneLatePacket)
{
    // Packet 4 arrives after 5 to 8.
    const auto meter = Measure({1, 2, 3, 5, 6, 7, 8, 4, 9, 10});
    EXPECT_EQ(meter.Reordered(), 1U);
    EXPECT_DOUBLE_EQ(meter.ReorderedRatio(), 0.1);
    EXPECT_EQ(meter.MaximumExtent(), 4U);
    EXPECT_DOUBLE_EQ(meter.MeanExtent(), 4.0);
    EXPECT_EQ(meter.MaximumGap(), 4U);
}

TEST(ReorderingMeter, ExtentIsNotTheGap)
{
    // Packet 9 arrives fourth after 10 (extent 4) and yet is only one number behind it (gap 1).
    ReorderingMeter meter = Measure({10, 1, 2, 3});
    EXPECT_EQ(meter.Reordered(), 3U);
    EXPECT_EQ(meter.MaximumExtent(), 3U);
    EXPECT_EQ(meter.MaximumGap(), 9U);
    meter.Arrive(9);
    EXPECT_EQ(meter.Reordered(), 4U);
    EXPECT_EQ(meter.MaximumExtent(), 4U);
    EXPECT_DOUBLE_EQ(meter.MeanExtent(), (1 + 2 + 3 + 4) / 4.0);
    EXPECT_EQ(meter.MaximumGap(), 9U);

    const auto alone = Measure({10, 9});
    EXPECT_EQ(alone.MaximumExtent(), 1U);
    EXPECT_EQ(alone.MaximumGap(), 1U);
}

TEST(ReorderingMeter, AgreesWithTheDefinitionOnPermutations)
{
    std::mt19937_64 random(20260101);
    for (int round = 0; round < 400; ++round)
    {
        Numbers numbers(1 + random() % 60);
        std::iota(numbers.begin(), numbers.end(), 1);
        std::shuffle(numbers.begin(), numbers.end(), random);
        ExpectAgreement(numbers);
    }
}

TEST(ReorderingMeter, AgreesWithTheDefinitionOnJitterWithLoss)
{
    std::mt19937_64 random(42);
    for (int round = 0; round < 100; ++round)
    {
        const std::uint64_t spread = 1 + random() % 30;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> schedule;
        for (std::uint64_t number = 1; number <= 300; ++number)
        {
            if (random() % 10 != 0)
            {
                schedule.emplace_back(number + random() % spread, number);
            }
        }
        std::sort(schedule.begin(), schedule.end());
        Numbers arrivals;
        for (const auto& entry : schedule)
        {
            arrivals.push_back(entry.second);
        }
        ExpectAgreement(arrivals);
    }
}

} // namespace
