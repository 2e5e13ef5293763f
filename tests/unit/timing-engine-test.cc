/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * Timing models against closed forms of queueing theory and against published figures.
 */

#include "tests/unit/timing-support.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace ipseclab::timing
{

namespace
{

/// VPP with AES-GCM-128 on a Xeon Gold 6130 (LF Networking, March 2020; split a + b L derived).
CoreCost
VppCost()
{
    CoreCost cost;
    cost.hertz = 2.1e9;
    cost.fixedCycles = 756;
    cost.cyclesPerOctet = 0.64;
    return cost;
}

/// One microsecond a packet.
CoresConfig
Microsecond(std::uint32_t cores = 1)
{
    CoresConfig config;
    config.cores = cores;
    config.cost.hertz = 1e9;
    config.cost.fixedCycles = 1000;
    return config;
}

void
ByPacket(Job& job)
{
    job.innerFlow = static_cast<std::uint32_t>(job.id);
}

TEST(TimingCore, GivesThePublishedRateOfVppOnMixedSizes)
{
    CoresConfig config;
    config.cost = VppCost();
    SeededRandom random;
    Cores core(config, random);
    const Trace trace = DriveConstant(core, 4e6, 20000);
    EXPECT_NEAR(trace.RateBetween(1000, 8000), 2.13e6, 0.005e6);
    EXPECT_GT(trace.dropped, 0U);
}

TEST(TimingCore, DeterministicArrivalsWaitForNothing)
{
    SeededRandom random;
    Cores core(Microsecond(), random);
    const Trace trace = DriveConstant(core, 0.9e6, 1000);
    ASSERT_EQ(trace.done.size(), 1000U);
    for (const auto& [id, seconds] : trace.sojourn)
    {
        EXPECT_NEAR(seconds, 1e-6, 2e-12) << id;
    }
}

/// Pollaczek-Khinchine: mean wait rho s / (2 (1 - rho)).
TEST(TimingCore, WaitsAsAQueueWithPoissonArrivalsAndConstantService)
{
    for (const double load : {0.3, 0.6, 0.8})
    {
        SeededRandom random;
        CoresConfig config = Microsecond();
        config.queue = 1000000;
        Cores core(config, random);
        std::mt19937_64 engine(7);
        std::exponential_distribution<double> gap(load * 1e6);
        Driver driver(core);
        double now = 0;
        constexpr std::size_t kPackets = 200000;
        for (std::size_t i = 1; i <= kPackets; ++i)
        {
            now += gap(engine);
            Job job;
            job.id = i;
            driver.Submit(now, job);
        }
        const Trace trace = driver.Finish();
        std::vector<double> waits;
        for (const auto& entry : trace.sojourn)
        {
            waits.push_back(entry.second - 1e-6);
        }
        const BatchMeans measured(waits);
        const double expected = load * 1e-6 / (2 * (1 - load));
        EXPECT_NEAR(measured.mean, expected, measured.half) << load;
        EXPECT_LT(measured.half, 0.15 * expected) << load;
    }
}

/// A packet that came whole costs nothing more; one in n fragments n times their cost.
TEST(TimingCores, SpendTimeOnEachFragmentOfAPacket)
{
    CoresConfig config = Microsecond(1);
    config.cost.fragmentCycles = 0.5 * config.cost.fixedCycles;
    for (const std::uint32_t fragments : {0U, 2U, 7U})
    {
        SeededRandom random;
        Cores engine(config, random);
        Driver driver(engine);
        Job job;
        job.fragments = fragments;
        driver.Submit(0, job);
        const Trace trace = driver.Finish();
        EXPECT_NEAR(trace.sojourn.at(0), 1e-6 * (1 + 0.5 * fragments), 1e-12) << fragments;
    }
}

/// D/D/N: N cores carry N times the rate of one, and in turn nothing waits and nothing overtakes.
TEST(TimingCores, CarryNTimesTheRateOfOneInTurn)
{
    for (const std::uint32_t cores : {1U, 2U, 5U, 16U})
    {
        CoresConfig config = Microsecond(cores);
        config.dispatch = Dispatch::RoundRobin;
        SeededRandom random;
        Cores below(config, random);
        const Trace light = DriveConstant(below, 0.99e6 * cores, 5000);
        EXPECT_EQ(light.dropped, 0U);
        EXPECT_TRUE(std::is_sorted(light.done.begin(),
                                   light.done.end(),
                                   [](const Job& a, const Job& b) { return a.id < b.id; }));
        Cores above(config, random);
        const Trace heavy = DriveConstant(above, 2e6 * cores, 40000);
        EXPECT_NEAR(heavy.RateBetween(cores, 20000), 1e6 * cores, 1e3 * cores);
    }
}

TEST(TimingCores, OneSaByItsSpiUsesOneCoreWhateverTheirNumber)
{
    CoresConfig config = Microsecond(16);
    config.dispatch = Dispatch::Spi;
    SeededRandom random;
    Cores cores(config, random);
    const Trace trace = DriveConstant(cores, 4e6, 20000, ByPacket);
    EXPECT_NEAR(trace.RateBetween(10, 5000), 1e6, 1e3);
}

TEST(TimingCores, AnSaForEachCoreCarriesNTimesTheRateOfOne)
{
    for (const std::uint32_t cores : {1U, 3U, 12U})
    {
        CoresConfig config = Microsecond(cores);
        config.dispatch = Dispatch::Pinned;
        SeededRandom random;
        Cores engine(config, random);
        const Trace trace = DriveConstant(
            engine,
            2e6 * cores,
            40000,
            [&](Job& job) { job.spi = static_cast<std::uint32_t>(0x1000 + job.id % cores); });
        EXPECT_NEAR(trace.RateBetween(cores, 19000), 1e6 * cores, 1e3 * cores);
    }
}

/// min(n / (s + t), 1 / t), t: the critical section, with the line moved from core to core.
TEST(TimingCores, ALockCapsOneSaAtTheRateOfItsCriticalSection)
{
    for (const std::uint32_t cores : {2U, 4U, 8U, 16U})
    {
        CoresConfig config = Microsecond(cores);
        config.dispatch = Dispatch::RoundRobin;
        config.lockCycles = 20;
        config.lockMoveCycles = 150;
        SeededRandom random;
        Cores engine(config, random);
        const Trace trace = DriveConstant(engine, 20e6, 60000);
        const double section = 170e-9;
        const double expected = std::min(cores / (1e-6 + section), 1 / section);
        EXPECT_NEAR(trace.RateBetween(100, 5000), expected, 0.001 * expected) << cores;
    }
}

TEST(TimingCores, LocksOfDifferentSasDoNotMeet)
{
    CoresConfig config = Microsecond(8);
    config.dispatch = Dispatch::RoundRobin;
    config.lockMoveCycles = 500;
    SeededRandom random;
    Cores engine(config, random);
    const Trace trace =
        DriveConstant(engine,
                      20e6,
                      60000,
                      [](Job& job) { job.spi = static_cast<std::uint32_t>(job.id % 8); });
    EXPECT_NEAR(trace.RateBetween(100, 5000), 8e6, 8e3); // each core keeps one SA's lock
}

/// min(cores / (s + t), spaces / t): each number space of an SA has a lock of its own.
TEST(TimingCores, EachSubspaceOfAnSaHasALockOfItsOwn)
{
    constexpr double kSection = 500e-9; // of 1.5 us in all
    for (const std::uint16_t spaces : {1, 2, 4, 8})
    {
        CoresConfig config = Microsecond(8);
        config.dispatch = Dispatch::RoundRobin;
        config.lockCycles = 500;
        SeededRandom random;
        Cores engine(config, random);
        const Trace trace =
            DriveConstant(engine, 20e6, 60000, [&](Job& job) { job.subspace = job.id % spaces; });
        const double expected = std::min(8 / (1e-6 + kSection), spaces / kSection);
        EXPECT_NEAR(trace.RateBetween(100, 5000), expected, 0.002 * expected) << spaces;
    }
}

/// The owner is the first core that sees the SA; the rest only pass on, so one core's rate is all.
TEST(TimingCores, HandingOffKeepsOrderAndTheRateOfOneCore)
{
    CoresConfig config = Microsecond(4);
    config.handOff = true;
    config.handOffCycles = 100;
    SeededRandom random;
    Cores slow(config, random);
    const Trace overload = DriveConstant(slow, 2e6, 20000, ByPacket);
    EXPECT_LT(overload.RateBetween(10, 5000), 1e6);
    EXPECT_GT(overload.RateBetween(10, 5000), 0.9e6);
    EXPECT_EQ(overload.done.size() + overload.dropped, 20000U);
    EXPECT_GT(overload.dropped, 0U);
}

/// A batch of B costs c + B s: B / (c + B s).
TEST(TimingCores, BatchesShareTheirCost)
{
    for (const std::uint32_t batch : {1U, 4U, 64U})
    {
        CoresConfig config = Microsecond();
        config.batch = batch;
        config.cost.batchCycles = 400;
        SeededRandom random;
        Cores engine(config, random);
        const Trace trace = DriveConstant(engine, 10e6, 20000);
        const double expected = batch / (0.4e-6 + batch * 1e-6);
        EXPECT_NEAR(trace.RateBetween(64, 64 + 10 * batch), expected, 1e-6 * expected) << batch;
    }
}

TEST(TimingCores, UrgentPacketsOvertakeTheQueueAndNotTheWork)
{
    SeededRandom random;
    Cores core(Microsecond(), random);
    const Trace trace = DriveConstant(core, 1e9, 10, [](Job& job) { job.urgent = job.id > 8; });
    std::vector<std::uint64_t> order;
    for (const Job& job : trace.done)
    {
        order.push_back(job.id);
    }
    EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 9, 10, 2, 3, 4, 5, 6, 7, 8}));
}

/// A core that stalls for d makes its packets late by rate x d numbers.
TEST(TimingStalls, APreemptedCoreIsLateByTheRateTimesItsStall)
{
    CoresConfig config = Microsecond(4);
    config.cost.fixedCycles = 100;
    config.dispatch = Dispatch::RoundRobin;
    config.queue = 100000;
    config.stalls = {20e-3, 1e-3};
    SeededRandom random(3);
    Cores engine(config, random);
    const Trace trace = DriveConstant(engine, 1e6, 100000);
    std::uint64_t top = 0;
    std::uint64_t worst = 0;
    for (const Job& job : trace.done)
    {
        top = std::max(top, job.id);
        worst = std::max(worst, top - job.id);
    }
    EXPECT_GE(worst, 990U); // stalls may touch, and then it is more
    EXPECT_LE(worst, 3100U);
}

/// Work proceeds in gap / (gap + length) of the time.
TEST(TimingStalls, TakeTheirShareOfTheTime)
{
    SeededRandom random(5);
    Stalls stalls({1e-3, 0.5e-3}, random);
    std::vector<double> stretch;
    Instant now{};
    for (int i = 0; i < 40000; ++i)
    {
        const Instant end = stalls.Finish(now, FromSeconds(1e-4));
        stretch.push_back(ToSeconds(end - now) / 1e-4);
        now = end;
    }
    const BatchMeans measured(stretch);
    EXPECT_NEAR(measured.mean, 1.5, measured.half);
    EXPECT_LT(measured.half, 0.1);
}

/// 2.1e9 / 684 (LF Networking, March 2020: VPP with QAT, 3.07 Mpps).
TEST(TimingLookAside, GivesThePublishedRateOfVppWithQat)
{
    LookAsideConfig config;
    config.host.hertz = 2.1e9;
    config.host.fixedCycles = 342;
    config.completionCycles = 342;
    config.engines = 8;
    config.engineLatency = 1e-6;
    SeededRandom random;
    LookAside engine(config, random);
    const Trace trace = DriveConstant(engine, 5e6, 20000);
    EXPECT_NEAR(trace.RateBetween(1000, 8000), 3.07e6, 0.01e6);
}

/// Little: with n outstanding requests of T each, n / T, until the engines are all busy.
TEST(TimingLookAside, IsBoundByItsOutstandingRequests)
{
    for (const std::size_t ring : {1U, 2U, 8U, 16U, 64U})
    {
        LookAsideConfig config;
        config.host.hertz = 1e9;
        config.host.fixedCycles = 1;
        config.completionCycles = 1;
        config.ring = ring;
        config.engines = 16;
        config.engineLatency = 65.536e-6;
        config.engineBitRate = 0;
        SeededRandom random;
        LookAside engine(config, random);
        const Trace trace = DriveConstant(engine, 5e6, 400000);
        const double expected = static_cast<double>(std::min<std::size_t>(ring, 16)) / 65.536e-6;
        EXPECT_NEAR(trace.RateBetween(160, 1120), expected, 0.001 * expected) << ring;
    }
}

/// 4096 octets, one request at a time of 65.5 us: 500 Mbit/s (linux-crypto list, June 2025).
TEST(TimingLookAside, SynchronousRequestsGiveThePublishedRate)
{
    LookAsideConfig config;
    config.ring = 1;
    config.engineLatency = 65.5e-6;
    config.engineBitRate = 0;
    config.host.fixedCycles = 0;
    SeededRandom random;
    LookAside engine(config, random);
    const Trace trace = DriveConstant(engine, 1e6, 20000, [](Job& job) { job.octets = 4096; });
    EXPECT_NEAR(trace.RateBetween(10, 200) * 4096 * 8, 500e6, 0.02 * 500e6);
}

TEST(TimingLookAside, CompletionsAreSeenWhenTheRingIsPolled)
{
    LookAsideConfig config;
    config.host.fixedCycles = 0;
    config.engines = 4;
    config.engineLatency = 3e-6;
    config.engineBitRate = 0;
    config.pollInterval = 10e-6;
    SeededRandom random;
    LookAside engine(config, random);
    const Trace trace = DriveConstant(engine, 1e6, 8);
    ASSERT_EQ(trace.done.size(), 8U);
    for (const double at : trace.departures)
    {
        EXPECT_NEAR(std::remainder(at, 10e-6), 0, 1e-12);
    }
}

/// NVIDIA ConnectX-7 (fastSwan, 2026): 19.35 Mpps, or 97 Gbit/s for large packets.
/// With n at once, before and after the device, each batch's cost is shared by n.
TEST(TimingLookAside, BatchesShareTheirCost)
{
    for (const std::uint32_t batch : {1U, 8U, 64U})
    {
        LookAsideConfig config;
        config.host.hertz = 1e9;
        config.host.fixedCycles = 100;
        config.host.batchCycles = 800;
        config.completionCycles = 100;
        config.batch = batch;
        config.engines = 64;
        config.engineLatency = 1e-6;
        config.engineBitRate = 0;
        SeededRandom random;
        LookAside device(config, random);
        const Trace trace = DriveConstant(device, 10e6, 40000);
        const double expected = 1e9 / (200 + 2 * 800.0 / batch);
        EXPECT_NEAR(trace.RateBetween(500, 2500), expected, 0.02 * expected) << batch;
        EXPECT_EQ(trace.done.size() + trace.dropped, 40000U);
    }
}

TEST(TimingInlineNic, HasTheSlowerOfTwoRates)
{
    InlineNicConfig config;
    config.packetRate = 19.35e6;
    config.bitRate = 97e9;
    config.latency = 2e-6;
    InlineNic small(config);
    const Trace packets = DriveConstant(small, 40e6, 20000, [](Job& job) { job.octets = 64; });
    EXPECT_NEAR(packets.RateBetween(10, 5000), 19.35e6, 1e3);
    InlineNic large(config);
    const Trace bits = DriveConstant(large, 40e6, 20000, [](Job& job) { job.octets = 1500; });
    EXPECT_NEAR(bits.RateBetween(10, 5000) * 1500 * 8, 97e9, 1e6);
    EXPECT_NEAR(bits.sojourn.at(1), 2e-6 + 1500 * 8 / 97e9, 2e-12);
}

/// Random SAs among n, S of them at hand: a share of 1 - S / n has to be fetched.
TEST(TimingInlineNic, FetchesTheSasThatItHasNotGot)
{
    InlineNicConfig config;
    config.packetRate = 10e6;
    config.contexts = 100;
    config.contextFetch = 1e-6;
    config.queue = 1000000;
    for (const std::uint32_t sas : {50U, 100U, 125U, 200U, 400U})
    {
        InlineNic nic(config);
        std::mt19937 engine(9);
        const Trace trace =
            DriveConstant(nic,
                          100e6,
                          100000,
                          [&](Job& job) { job.spi = static_cast<std::uint32_t>(engine() % sas); });
        std::vector<double> gaps;
        for (std::size_t i = 5001; i < trace.departures.size(); ++i)
        {
            gaps.push_back(trace.departures[i] - trace.departures[i - 1]);
        }
        const BatchMeans measured(gaps);
        const double missing = sas > 100 ? 1 - 100.0 / sas : 0;
        EXPECT_NEAR(measured.mean, 0.1e-6 + missing * 1e-6, measured.half + 1e-12) << sas;
    }
}

TEST(TimingInlineNic, KeepsTheOrderAndDropsWhatFindsItsQueueFull)
{
    InlineNicConfig config;
    config.packetRate = 1e6;
    config.queue = 10;
    InlineNic nic(config);
    const Trace trace = DriveConstant(nic, 1e9, 100);
    EXPECT_EQ(trace.done.size(), 11U); // one in the pipeline, ten that wait
    EXPECT_EQ(trace.dropped, 89U);
    EXPECT_TRUE(std::is_sorted(trace.done.begin(),
                               trace.done.end(),
                               [](const Job& a, const Job& b) { return a.id < b.id; }));
}

/// AWS: 140,000 packets and 1.25 Gbit/s; they meet at 1116 octets.
TEST(TimingRateCap, TheCapOnPacketsBindsBeforeTheOneOnBitsForSmallPackets)
{
    for (const std::uint32_t octets : {100U, 600U, 1100U, 1200U, 1400U})
    {
        RateCapConfig config;
        config.packetRate = 140e3;
        config.bitRate = 1.25e9;
        config.burst = 1e-3;
        RateCap cap(config);
        const Trace trace =
            DriveConstant(cap, 300e3, 300000, [&](Job& job) { job.octets = octets; });
        const double expected = std::min(140e3, 1.25e9 / 8 / octets);
        EXPECT_NEAR(static_cast<double>(trace.done.size()), expected, 0.002 * expected) << octets;
        EXPECT_EQ(octets < 1116, 140e3 < 1.25e9 / 8 / octets);
    }
}

TEST(TimingCoalescer, InterruptsAfterItsTimeOrItsFrames)
{
    Coalescer slow({8e-6, 64});
    const Trace byTime = DriveConstant(slow, 1e6, 18);
    ASSERT_EQ(byTime.done.size(), 18U);
    EXPECT_NEAR(byTime.sojourn.at(1), 8e-6, 1e-12);
    EXPECT_NEAR(byTime.sojourn.at(8), 1e-6, 1e-12);
    Coalescer fast({8e-6, 64});
    const Trace byFrames = DriveConstant(fast, 100e6, 64);
    EXPECT_NEAR(byFrames.sojourn.at(1), 0.63e-6, 1e-12);
    EXPECT_NEAR(byFrames.sojourn.at(64), 0, 1e-12);
}

CoresConfig
Unsteady()
{
    CoresConfig config = Microsecond(4);
    config.dispatch = Dispatch::RoundRobin;
    config.queue = 100000;
    config.stalls = {100e-6, 20e-6};
    return config;
}

/// What cores that stall put out of order, the ordered release puts back, for a delay.
TEST(TimingOrdered, RemovesReorderingAndAddsDelay)
{
    const auto overtaken = [](const Trace& trace)
    {
        std::uint64_t top = 0;
        std::size_t count = 0;
        for (const Job& job : trace.done)
        {
            count += job.id < top ? 1 : 0;
            top = std::max(top, job.id);
        }
        return count;
    };
    const auto delay = [](const Trace& trace)
    {
        double sum = 0;
        for (const auto& entry : trace.sojourn)
        {
            sum += entry.second;
        }
        return sum;
    };
    SeededRandom first(11);
    Cores loose(Unsteady(), first);
    const Trace before = DriveConstant(loose, 2e6, 20000);
    SeededRandom again(11);
    Ordered ordered(std::make_unique<Cores>(Unsteady(), again));
    const Trace after = DriveConstant(ordered, 2e6, 20000);
    EXPECT_GT(overtaken(before), 1000U);
    EXPECT_EQ(overtaken(after), 0U);
    EXPECT_EQ(after.done.size(), before.done.size());
    EXPECT_GT(delay(after), delay(before));
    for (const auto& [id, seconds] : after.sojourn)
    {
        EXPECT_GE(seconds, before.sojourn.at(id) - 1e-12) << id;
    }
}

TEST(TimingOrdered, ADropHoldsNothingUp)
{
    CoresConfig config = Unsteady();
    config.queue = 2;
    SeededRandom random(13);
    Ordered ordered(std::make_unique<Cores>(config, random));
    const Trace trace = DriveConstant(ordered, 3.9e6, 20000);
    EXPECT_GT(trace.dropped, 0U);
    EXPECT_EQ(trace.done.size() + trace.dropped, 20000U);
}

TEST(TimingChain, ATandemIsAsFastAsItsSlowestPart)
{
    EngineConfig config;
    config.architecture = Architecture::InlineCrypto;
    config.cores = Microsecond();
    config.nic.packetRate = 0.8e6;
    config.nic.queue = 100;
    SeededRandom random;
    const auto engine = MakeEngine(config, random);
    const Trace trace = DriveConstant(*engine, 2e6, 20000);
    EXPECT_NEAR(trace.RateBetween(10, 5000), 0.8e6, 1e2);
}

/// Everything that can be configured, under a load that overflows.
std::vector<EngineConfig>
AllSorts()
{
    std::vector<EngineConfig> all;
    for (const auto architecture : {Architecture::Cores,
                                    Architecture::LookAside,
                                    Architecture::InlineCrypto,
                                    Architecture::InlineFull,
                                    Architecture::CloudTunnel})
    {
        for (const bool ordered : {false, true})
        {
            for (const std::uint32_t variant : {0U, 1U, 2U, 3U, 4U})
            {
                EngineConfig config;
                config.architecture = architecture;
                config.ordered = ordered;
                config.cores = Microsecond(3);
                config.cores.queue = 20;
                config.cores.stalls = {50e-6, 5e-6};
                config.cores.lockCycles = variant == 1 ? 100 : 0;
                config.cores.handOff = variant == 2;
                config.cores.batch = variant == 3 ? 8 : 1;
                config.cores.dispatch = static_cast<Dispatch>(variant);
                config.lookAside.queue = 30;
                config.lookAside.ring = 2 + variant;
                config.lookAside.engineLatency = 1e-6;
                config.lookAside.host = config.cores.cost;
                config.lookAside.pollInterval = variant * 1e-6;
                config.nic = {1.5e6, 10e9, 1e-6, 4, 1e-7, 20};
                config.cap = {1e6, 3e9, 1e-4};
                config.coalescer = {variant * 1e-6, 8};
                all.push_back(config);
            }
        }
    }
    return all;
}

Trace
Storm(const EngineConfig& config, std::uint64_t seed)
{
    SeededRandom random(seed);
    const auto engine = MakeEngine(config, random);
    std::mt19937_64 draw(seed);
    Driver driver(*engine);
    double now = 0;
    for (std::uint64_t i = 1; i <= 5000; ++i)
    {
        now += static_cast<double>(draw() % 600) * 1e-9;
        Job job;
        job.id = i;
        job.octets = static_cast<std::uint32_t>(64 + draw() % 1400);
        job.spi = static_cast<std::uint32_t>(draw() % 6);
        job.innerFlow = static_cast<std::uint32_t>(draw());
        job.outerFlow = job.spi;
        job.urgent = draw() % 10 == 0;
        driver.Submit(now, job);
    }
    return driver.Finish();
}

TEST(TimingEngine, EveryPacketHasOneEndAndNoticesGoForwardInTime)
{
    for (const EngineConfig& config : AllSorts())
    {
        const Trace trace = Storm(config, 17);
        std::set<std::uint64_t> started;
        std::set<std::uint64_t> ended;
        Instant last{};
        for (const Notice& notice : trace.notices)
        {
            ASSERT_GE(notice.at, last);
            last = notice.at;
            if (notice.outcome == Outcome::Started)
            {
                ASSERT_TRUE(started.insert(notice.job.id).second);
                ASSERT_EQ(ended.count(notice.job.id), 0U);
                continue;
            }
            ASSERT_TRUE(ended.insert(notice.job.id).second);
            ASSERT_TRUE(notice.outcome == Outcome::Dropped || started.count(notice.job.id) == 1);
        }
        EXPECT_EQ(ended.size(), 5000U);
        EXPECT_GT(trace.dropped, 0U);
        EXPECT_GT(trace.done.size(), 500U);
    }
}

TEST(TimingEngine, TheSameStreamGivesTheSameTimes)
{
    for (const EngineConfig& config : AllSorts())
    {
        EXPECT_EQ(Storm(config, 23).departures, Storm(config, 23).departures);
    }
}

TEST(TimingEngine, TimesThatAreNoneAreZero)
{
    EXPECT_EQ(FromSeconds(-1).count(), 0);
    EXPECT_EQ(FromSeconds(std::nan("")).count(), 0);
    EXPECT_GT(FromSeconds(1e300).count(), 0);
}

} // namespace

} // namespace ipseclab::timing
