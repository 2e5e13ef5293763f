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
#include "tests/bench/counting-allocator.h"

#include "model/esp/data-plane.h"
#include "model/timing/engine-config.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

namespace
{

using namespace ipseclab;

constexpr std::size_t kLength = 64; ///< octets of an inner packet
constexpr std::uint32_t kFirstSpi = 0x1000;
constexpr std::uint32_t kHubOuter = 0xc0000201;
constexpr std::uint32_t kFirstSiteOuter = 0xac100000;
constexpr std::uint32_t kHubInner = 0xc0a80001;
constexpr std::uint32_t kFirstSite = 0x0a000000; ///< each site has a network of 16 addresses
constexpr std::uint32_t kSiteSize = 16;
constexpr std::array<std::uint32_t, 4> kCounts{1, 1000, 16000, 100000};

/// Numbers below a count, each as often as the others, in an order that no cache foresees.
class Drawn
{
  public:
    explicit Drawn(std::uint32_t count)
        : m_count(count)
    {
    }

    std::uint32_t Next()
    {
        m_state = m_state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>((m_state >> 32) * m_count >> 32);
    }

  private:
    std::uint64_t m_count;
    std::uint64_t m_state{1};
};

template <typename Config>
Config
SaOf(std::uint32_t site)
{
    Config config;
    config.spi = kFirstSpi + site;
    config.keyingMaterial = Bytes(20, static_cast<std::uint8_t>(site));
    config.outerSource = IpAddress::V4(kHubOuter);
    config.outerDestination = IpAddress::V4(kFirstSiteOuter + site);
    return config;
}

/// A hub with an SA to each of its sites, and what all sites have, as one receiver.
class Sites
{
  public:
    explicit Sites(std::uint32_t count)
        : m_site(count)
    {
        const std::ptrdiff_t before = bench::LiveOctets();
        for (std::uint32_t i = 0; i < count; ++i)
        {
            Add(i);
        }
        m_octets = static_cast<double>(bench::LiveOctets() - before) / count;
    }

    /// One packet from the hub to some site; false when it is dropped.
    bool Send()
    {
        const std::uint32_t destination = kFirstSite + m_site.Next() * kSiteSize + 1;
        StoreBe32(m_packet.data() + 16, destination);
        auto& out = m_hub.Buffer();
        std::memcpy(out.Reset(m_packet.size()), m_packet.data(), m_packet.size());
        if (m_hub.ProcessOutbound().verdict != esp::Verdict::Transformed)
        {
            return false;
        }
        auto& in = m_sites.Buffer();
        std::memcpy(in.Reset(out.Size()), out.Data(), out.Size());
        return m_sites.ProcessInbound().verdict == esp::Verdict::Transformed;
    }

    /// Of the hub and of the site, for a pair of SAs with its policy.
    double OctetsPerPair() const
    {
        return m_octets / 2;
    }

  private:
    void Add(std::uint32_t site)
    {
        const std::uint32_t first = kFirstSite + site * kSiteSize;
        TrafficSelector network;
        network.start = IpAddress::V4(first);
        network.end = IpAddress::V4(first + kSiteSize - 1);
        const std::string name = std::to_string(site);
        m_hub.GetSpd().Add({name, {}, {network}, esp::SpdAction::Protect, name});
        m_sites.GetSpd().Add({name, {network}, {}, esp::SpdAction::Protect, name});
        for (esp::DataPlane* const plane : {&m_hub, &m_sites})
        {
            plane->GetSad().Add(name,
                                esp::OutboundSa::Create(SaOf<esp::OutboundSaConfig>(site)),
                                esp::InboundSa::Create(SaOf<esp::InboundSaConfig>(site)));
        }
    }

    Drawn m_site;
    double m_octets{0};
    esp::DataPlane m_hub;
    esp::DataPlane m_sites;
    Bytes m_packet{bench::InnerPacket(kLength, kHubInner, kFirstSite)};
};

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
