/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/timing-support.h"

#include "model/esp/replay-window.h"
#include "model/timing/memory.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <numeric>

namespace ipseclab::timing
{

namespace
{

using Random = std::mt19937_64;

/// Within 4.5 standard deviations of a binomial count.
void
ExpectShare(std::uint64_t part, std::uint64_t all, double share)
{
    const double n = static_cast<double>(all);
    EXPECT_NEAR(static_cast<double>(part), n * share, 4.5 * std::sqrt(n * share * (1 - share)));
}

/// One LRU cache, as a list.
class NaiveCache
{
  public:
    explicit NaiveCache(std::size_t lines)
        : m_lines(lines)
    {
    }

    bool Touch(std::uint64_t line)
    {
        const auto found = std::find(m_order.begin(), m_order.end(), line);
        const bool hit = found != m_order.end();
        if (hit)
        {
            m_order.erase(found);
        }
        m_order.push_front(line);
        if (m_order.size() > m_lines)
        {
            m_order.pop_back();
        }
        return hit;
    }

  private:
    std::size_t m_lines;
    std::list<std::uint64_t> m_order;
};

TEST(TimingLruCaches, AgreeWithOneListForEachCache)
{
    const std::vector<std::vector<std::size_t>> sizes{{}, {1}, {4}, {1, 2}, {1, 2, 3}, {3, 20, 50}};
    for (const auto& lines : sizes)
    {
        SCOPED_TRACE(lines.size());
        Random random(lines.size() + 1);
        LruCaches caches(lines);
        std::vector<NaiveCache> naive(lines.begin(), lines.end());
        std::vector<std::size_t> found(lines.size() + 1);
        for (int i = 0; i < 20000; ++i)
        {
            const std::uint64_t line = random() % (random() % 2 == 0 ? 8 : 70);
            std::size_t expected = lines.size();
            for (std::size_t cache = lines.size(); cache > 0; --cache)
            {
                expected = naive[cache - 1].Touch(line) ? cache - 1 : expected;
            }
            ASSERT_EQ(caches.Touch(line), expected) << "step " << i;
            ++found[expected];
        }
        for (const std::size_t count : found)
        {
            EXPECT_GT(count, 0U);
        }
    }
}

TEST(TimingLruCaches, UnderRandomUseEachCacheHasItsShareOfTheLines)
{
    constexpr std::uint64_t kLines = 4000;
    constexpr std::uint64_t kCount = 200000;
    LruCaches caches({100, 1000, 3000});
    Random random(7);
    std::array<std::uint64_t, 4> found{};
    for (std::uint64_t i = 0; i < kCount + 4 * kLines; ++i)
    {
        const std::size_t cache = caches.Touch(random() % kLines);
        found[cache] += i >= 4 * kLines ? 1 : 0;
    }
    ExpectShare(found[0], kCount, 100.0 / kLines);
    ExpectShare(found[1], kCount, 900.0 / kLines);
    ExpectShare(found[2], kCount, 2000.0 / kLines);
    ExpectShare(found[3], kCount, 1000.0 / kLines); // 1 - cache / lines
}

TEST(TimingLruCaches, ARoundThatFitsMissesNothingAndOneThatDoesNotMissesAlways)
{
    for (const std::uint64_t lines : {64U, 65U})
    {
        LruCaches caches({64});
        std::uint64_t misses = 0;
        for (std::uint64_t i = 0; i < 100 * lines; ++i)
        {
            misses += caches.Touch(i % lines);
        }
        EXPECT_EQ(misses, lines == 64 ? 64 : 100 * lines);
    }
}

MemoryConfig
OneLatency(Lookup lookup, std::uint32_t sas)
{
    MemoryConfig config;
    config.memoryCycles = 1; // without caches: a cycle for each line
    config.lookup = lookup;
    config.sas = sas;
    config.firstSpi = 0x1000;
    config.saOctets = 0;
    return config;
}

/// Lines that lead to each of the SAs, on average.
double
MeanLines(Lookup lookup, std::uint32_t sas)
{
    const MemoryConfig config = OneLatency(lookup, sas);
    PacketMemory memory(config);
    double sum = 0;
    for (std::uint32_t sa = 0; sa < sas; ++sa)
    {
        Job job;
        job.spi = config.firstSpi + sa;
        sum += memory.Touch(job);
    }
    return sum / sas;
}

TEST(TimingMemory, LookupsTouchWhatTheirStructureHasOnTheWay)
{
    for (const std::uint32_t sas : {1U, 100U, 1000U, 5000U})
    {
        SCOPED_TRACE(sas);
        EXPECT_EQ(MeanLines(Lookup::Array, sas), 1);
        EXPECT_EQ(MeanLines(Lookup::List, sas), (sas + 1) / 2.0);
        // Chains of n keys in n buckets: on average (n - 1) / 2n others stand before one. The
        // number of pairs in one bucket has variance n(n-1)/2 * (1 - 1/n) / n, below n / 2.
        EXPECT_NEAR(MeanLines(Lookup::Hash, sas),
                    2 + (sas - 1.0) / (2.0 * sas),
                    4.5 * std::sqrt(0.5 / sas));
        const double depth = std::log2(sas + 1.0);
        EXPECT_LE(MeanLines(Lookup::Tree, sas), std::ceil(depth));
        EXPECT_GE(MeanLines(Lookup::Tree, sas), depth - 1);
    }
}

TEST(TimingMemory, ATreeOfFullLevelsHasItsMeanDepth)
{
    // 2^(d-1) SAs at depth d: (1 + 2*2 + 4*3 + 8*4) / 15
    EXPECT_DOUBLE_EQ(MeanLines(Lookup::Tree, 15), 49.0 / 15);
}

Job
Received(std::uint32_t sa, std::uint64_t number)
{
    Job job;
    job.spi = 0x1000 + sa;
    job.number = number;
    return job;
}

/// Lines beside the one of the array's.
double
WindowLines(PacketMemory& memory, std::uint64_t number)
{
    return memory.Touch(Received(0, number)) - 1;
}

TEST(TimingMemory, ARingIsTouchedWhereTheNumberIsAndAShiftedBitmapAsAWhole)
{
    for (const std::uint32_t window : {64U, 1024U, 4096U})
    {
        SCOPED_TRACE(window);
        MemoryConfig config = OneLatency(Lookup::Array, 1);
        config.windowOctets = esp::ReplayWindow(window).Octets();
        PacketMemory ring(config);
        EXPECT_EQ(WindowLines(ring, 0), 0) << "sent packets meet no window";
        EXPECT_EQ(WindowLines(ring, 1), 1);
        config.layout = WindowLayout::Shifted;
        config.windowOctets = window / 8;
        PacketMemory shifted(config);
        EXPECT_EQ(WindowLines(shifted, 1), std::ceil(window / 512.0));
    }
}

TEST(TimingMemory, InOrderARingIsOneLineFor512Packets)
{
    MemoryConfig config = OneLatency(Lookup::Array, 1);
    config.windowOctets = esp::ReplayWindow(4096).Octets();
    config.caches = {{2 * PacketMemory::kLineOctets, 0}}; // the array's line and one of the window
    PacketMemory memory(config);
    double missed = 0;
    for (std::uint64_t number = 1; number <= 512 * 100; ++number)
    {
        missed += memory.Touch(Received(0, number));
    }
    EXPECT_EQ(missed, 1 + 101); // the array's line; numbers 1 to 511, then 512 each, then the last
    EXPECT_EQ(memory.Touched(), (std::vector<std::uint64_t>{2 * 51200 - 102, 102}));
}

TEST(TimingMemory, LinesOfAnObjectComeSideBySideAndThoseOfASearchDoNot)
{
    for (const std::uint32_t parallel : {1U, 4U, 10U, 1000U})
    {
        SCOPED_TRACE(parallel);
        MemoryConfig config = OneLatency(Lookup::List, 20);
        config.saOctets = 36 * PacketMemory::kLineOctets;
        config.parallelLines = parallel;
        PacketMemory memory(config);
        EXPECT_DOUBLE_EQ(memory.Touch(Received(19, 0)), 20 + 36.0 / std::min(parallel, 36U));
    }
}

TEST(TimingMemory, ShiftingCostsEachWord)
{
    MemoryConfig config = OneLatency(Lookup::Array, 1);
    config.layout = WindowLayout::Shifted;
    config.windowOctets = 4096 / 8;
    config.shiftCycles = 2;
    PacketMemory memory(config);
    EXPECT_EQ(WindowLines(memory, 1), 8 + 2 * 64);
}

TEST(TimingMemory, CachesThatAreNotThereHaveNothing)
{
    MemoryConfig config = OneLatency(Lookup::Array, 1);
    config.caches = {{0, 5}, {128, 3}, {128, 4}, {64, 7}};
    PacketMemory memory(config);
    EXPECT_EQ(memory.Touch(Received(0, 0)), 1);
    EXPECT_EQ(memory.Touch(Received(0, 0)), 3);
}

/// A saturated core and SAs at random: what does not fit is waited for.
TEST(TimingMemory, ACoreIsSlowerByWhatItsCachesDoNotHave)
{
    constexpr double kHertz = 2e9;
    constexpr std::uint32_t kOfSa = 16;
    for (const std::uint32_t sas : {50U, 100U, 200U, 1000U})
    {
        SCOPED_TRACE(sas);
        CoresConfig config;
        config.cost.hertz = kHertz;
        config.cost.fixedCycles = 1000;
        config.queue = 100000;
        config.memory = OneLatency(Lookup::Array, sas);
        config.memory.memoryCycles = 100;
        config.memory.saOctets = kOfSa * PacketMemory::kLineOctets;
        // The array, which is used all the time, and the states of 100 SAs.
        config.memory.caches = {{(sas / 8 + 1 + 100 * kOfSa) * PacketMemory::kLineOctets, 0}};
        SeededRandom random;
        Cores cores(config, random);
        Random draw(sas);
        constexpr std::size_t kCount = 40000;
        const Trace trace = DriveConstant(
            cores,
            kHertz / 1000,
            kCount,
            [&](Job& job) { job.spi = 0x1000 + static_cast<std::uint32_t>(draw() % sas); });
        const double missed = sas <= 100 ? 0 : 1 - 100.0 / sas;
        const double expected = kHertz / (1000 + missed * kOfSa * 100);
        // The lines of the array that went out are at most a share 1 / (16 * 100) of all.
        EXPECT_NEAR(trace.RateBetween(kCount / 4, kCount - 1), expected, 0.02 * expected);
    }
}

} // namespace

} // namespace ipseclab::timing
