/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * What a packet costs where there are many SAs, and what engine models add to it; how much memory
 * an SA takes. The ratios that matter come last, from the medians of one run with interleaved
 * repetitions.
 */

#include "tests/bench/bench-support.h"
#include "tests/bench/sites.h"

#include "model/timing/engine-config.h"

#include <array>
#include <cstdio>
#include <memory>

namespace
{

using namespace ipseclab;
using bench::Drawn;
using bench::kFirstSpi;
using bench::kLength;
using bench::Sites;

constexpr std::array<std::uint32_t, 4> kCounts{1, 1000, 16000, 100000};

std::array<double, kCounts.size()> g_octets;

void
BmSas(benchmark::State& state)
{
    const auto which = static_cast<std::size_t>(state.range(0));
    static std::array<std::unique_ptr<Sites>, kCounts.size()> made;
    if (!made[which])
    {
        made[which] = std::make_unique<Sites>(kCounts[which]);
        g_octets[which] = made[which]->OctetsPerPair();
    }
    for (auto _ : state)
    {
        if (!made[which]->Send())
        {
            state.SkipWithError("a packet was dropped");
            break;
        }
    }
}

struct NamedEngine
{
    const char* name;
    timing::Architecture architecture;
    bool locked;
    bool ordered;
};

constexpr NamedEngine kEngines[] = {
    {"cores", timing::Architecture::Cores, false, false},
    {"cores that share SAs", timing::Architecture::Cores, true, false},
    {"cores, order restored", timing::Architecture::Cores, false, true},
    {"look-aside", timing::Architecture::LookAside, false, false},
    {"inline crypto", timing::Architecture::InlineCrypto, false, false},
    {"inline full", timing::Architecture::InlineFull, false, false},
    {"cloud tunnel", timing::Architecture::CloudTunnel, false, false},
};

timing::EngineConfig
ConfigOf(const NamedEngine& named)
{
    timing::EngineConfig config;
    config.architecture = named.architecture;
    config.ordered = named.ordered;
    config.cores.cores = 8;
    config.cores.cost.fixedCycles = 1000;
    config.cores.lockCycles = named.locked ? 100 : 0;
    config.lookAside.host.fixedCycles = 500;
    config.nic.packetRate = 20e6;
    config.nic.contexts = 1000;
    config.nic.contextFetch = 1e-7;
    config.cap.packetRate = 1e9;
    return config;
}

/// No stalls are drawn.
class NoRandom : public crypto::RandomSource
{
  public:
    void Fill(MutableByteSpan out) override
    {
        std::fill(out.begin(), out.end(), std::uint8_t{0});
    }
};

/// Packets that come at 1 Mpps, of as many SAs as the second number says.
void
BmEngine(benchmark::State& state)
{
    NoRandom random;
    const auto engine = timing::MakeEngine(ConfigOf(kEngines[state.range(0)]), random);
    Drawn sa(static_cast<std::uint32_t>(state.range(1)));
    const timing::Duration gap = timing::FromSeconds(1e-6);
    timing::Instant now{};
    timing::Job job;
    job.octets = kLength;
    for (auto _ : state)
    {
        ++job.id;
        job.spi = kFirstSpi + sa.Next();
        job.innerFlow = job.outerFlow = job.spi * 0x9e3779b9U;
        engine->Submit(now, job);
        for (auto due = engine->PollTimeout(); due && *due <= now + gap;
             due = engine->PollTimeout())
        {
            engine->HandleTimeout(*due);
        }
        while (engine->PollNotice())
        {
        }
        now += gap;
    }
}

std::string
SasName(std::size_t which)
{
    return "sas/" + std::to_string(which);
}

std::string
EngineName(std::size_t which, std::uint32_t sas)
{
    return "engine/" + std::to_string(which) + "/" + std::to_string(sas);
}

void
Register()
{
    for (std::size_t i = 0; i < kCounts.size(); ++i)
    {
        benchmark::RegisterBenchmark("sas", BmSas)->Arg(static_cast<std::int64_t>(i));
    }
    for (std::size_t i = 0; i < std::size(kEngines); ++i)
    {
        for (const std::uint32_t sas : {kCounts.front(), kCounts.back()})
        {
            benchmark::RegisterBenchmark("engine", BmEngine)
                ->Args({static_cast<std::int64_t>(i), static_cast<std::int64_t>(sas)});
        }
    }
}

void
PrintRatios(const bench::MedianReporter& reporter)
{
    std::printf("\nRatios of medians, this run; packets of %zu octets, sealed and opened\n",
                kLength);
    for (std::size_t i = 1; i < kCounts.size(); ++i)
    {
        reporter.PrintRatio("a packet with " + std::to_string(kCounts[i]) + " SAs / with one",
                            SasName(i),
                            SasName(0));
    }
    for (std::size_t i = 0; i < std::size(kEngines); ++i)
    {
        const std::string name = kEngines[i].name;
        reporter.PrintRatio("engine, " + name + " / the packet itself",
                            EngineName(i, kCounts.front()),
                            SasName(0));
        reporter.PrintRatio("  with " + std::to_string(kCounts.back()) + " SAs / with one",
                            EngineName(i, kCounts.back()),
                            EngineName(i, kCounts.front()));
    }
    std::printf("\nOctets on the heap for a pair of SAs with its policy, OpenSSL's included\n");
    for (std::size_t i = 1; i < kCounts.size(); ++i)
    {
        if (g_octets[i] > 0)
        {
            std::printf("  of %6u %51.0f\n", kCounts[i], g_octets[i]);
        }
    }
}

} // namespace

int
main(int argc, char** argv)
{
    if (!bench::CountOpensslMemory())
    {
        std::fprintf(stderr, "OpenSSL was in use before its memory could be counted\n");
        return 1;
    }
    Register();
    bench::MedianReporter reporter;
    if (!bench::RunBenchmarks(argc, argv, reporter))
    {
        return 2;
    }
    PrintRatios(reporter);
    return 0;
}
