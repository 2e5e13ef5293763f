/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * What a packet costs where there are many SAs, and what engine models add to it; how much memory
 * an SA takes. The ratios that matter come last, from the medians of one run with interleaved
 * repetitions.
 */

#include "tests/bench/bare-gcm.h"
#include "tests/bench/bench-support.h"
#include "tests/bench/sites.h"

#include "model/timing/engine-config.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>

namespace
{

using namespace ipseclab;
using bench::Drawn;
using bench::kFirstSpi;
using bench::kLength;
using bench::Sites;

constexpr std::array<std::uint32_t, 4> kCounts{1, 1000, 16000, 100000};
constexpr std::uint32_t kWindow = 64;

std::array<std::array<double, kCounts.size()>, bench::kSchemes.size()> g_octets;

/// One of bench::kSchemes, by one of kCounts.
void
BmSas(benchmark::State& state)
{
    const auto scheme = static_cast<std::size_t>(state.range(0));
    const auto which = static_cast<std::size_t>(state.range(1));
    static std::map<std::pair<std::size_t, std::size_t>, Sites> made;
    const auto [found, isNew] =
        made.try_emplace({scheme, which}, kCounts[which], kWindow, bench::kSchemes[scheme]);
    Sites& sites = found->second;
    if (isNew)
    {
        g_octets[scheme][which] = sites.OctetsPerPair();
    }
    for (auto _ : state)
    {
        if (!sites.Send())
        {
            state.SkipWithError("a packet was dropped");
            break;
        }
    }
}

/// The floor: the same octets sealed and opened with as many keys, and nothing else.
void
BmBareKeys(benchmark::State& state)
{
    const auto count = static_cast<std::uint32_t>(state.range(0));
    static std::deque<bench::BareGcm> keys;
    keys.resize(count);
    Drawn key(count);
    const Bytes inner = bench::InnerPacket(kLength);
    Bytes text(inner.size() + 16);
    const std::uint8_t aad[8] = {0, 0, 0x10, 0, 0, 0, 0, 1};
    std::uint64_t number = 0;
    for (auto _ : state)
    {
        std::memcpy(text.data(), inner.data(), inner.size());
        if (!keys[key.Next()].Run(aad, text.data(), static_cast<int>(inner.size()), ++number))
        {
            state.SkipWithError("tag");
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
SasName(std::size_t which, std::size_t scheme = 0)
{
    return "sas/" + std::to_string(scheme) + "/" + std::to_string(which);
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
        benchmark::RegisterBenchmark("sas", BmSas)->Args({0, static_cast<std::int64_t>(i)});
        benchmark::RegisterBenchmark("keys", BmBareKeys)->Arg(kCounts[i]);
    }
    for (std::size_t i = 1; i < bench::kSchemes.size(); ++i)
    {
        for (const std::size_t which : {std::size_t{0}, kCounts.size() - 1})
        {
            benchmark::RegisterBenchmark("sas", BmSas)
                ->Args({static_cast<std::int64_t>(i), static_cast<std::int64_t>(which)});
        }
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

/// Of plain packets among many SAs, and what a key alone costs there.
void
PrintSas(const bench::MedianReporter& reporter)
{
    for (std::size_t i = 1; i < kCounts.size(); ++i)
    {
        reporter.PrintRatio("a packet with " + std::to_string(kCounts[i]) + " SAs / with one",
                            SasName(i),
                            SasName(0));
    }
    for (std::size_t i = 0; i < kCounts.size(); ++i)
    {
        const std::string count = std::to_string(kCounts[i]);
        reporter.PrintRatio("a packet / bare AES-GCM, " + count + (i == 0 ? " key" : " keys"),
                            SasName(i),
                            "keys/" + count);
    }
}

/// Of ways to number packets and of engines, over plain packets, with one SA and with most.
void
PrintSchemesAndEngines(const bench::MedianReporter& reporter)
{
    const std::size_t most = kCounts.size() - 1;
    const std::string many = ", " + std::to_string(kCounts[most]) + " SAs";
    for (std::size_t i = 1; i < bench::kSchemes.size(); ++i)
    {
        const std::string label = std::string(esp::Name(bench::kSchemes[i].kind)) + " / 32bit";
        reporter.PrintRatio(label + ", 1 SA", SasName(0, i), SasName(0));
        reporter.PrintRatio(label + many, SasName(most, i), SasName(most));
    }
    for (std::size_t i = 0; i < std::size(kEngines); ++i)
    {
        const std::string label = std::string("engine, ") + kEngines[i].name + " / the packet";
        reporter.PrintRatio(label + ", 1 SA", EngineName(i, kCounts.front()), SasName(0));
        reporter.PrintRatio(label + many, EngineName(i, kCounts.back()), SasName(most));
    }
}

void
PrintOctets()
{
    std::printf("\nOctets on the heap for a pair of SAs with its policy, OpenSSL's included\n");
    for (std::size_t scheme = 0; scheme < bench::kSchemes.size(); ++scheme)
    {
        for (std::size_t i = 1; i < kCounts.size(); ++i)
        {
            if (g_octets[scheme][i] > 0)
            {
                std::printf("  %-8s of %6u %41.0f\n",
                            esp::Name(bench::kSchemes[scheme].kind),
                            kCounts[i],
                            g_octets[scheme][i]);
            }
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
    std::printf("\nRatios of medians, this run; packets of %zu octets, sealed and opened\n",
                kLength);
    PrintSas(reporter);
    PrintSchemesAndEngines(reporter);
    PrintOctets();
    return 0;
}
