/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_BENCH_SITES_H
#define IPSECLAB_TESTS_BENCH_SITES_H

#include "tests/bench/bench-support.h"
#include "tests/bench/counting-allocator.h"

#include "model/esp/data-plane.h"

#include <cstring>

namespace ipseclab::bench
{

constexpr std::size_t kLength = 64; ///< octets of an inner packet
constexpr std::uint32_t kFirstSpi = 0x1000;
constexpr std::uint32_t kHubOuter = 0xc0000201;
constexpr std::uint32_t kFirstSiteOuter = 0xac100000;
constexpr std::uint32_t kHubInner = 0xc0a80001;
constexpr std::uint32_t kFirstSite = 0x0a000000; ///< each site has a network of 16 addresses
constexpr std::uint32_t kSiteSize = 16;

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
SaOf(std::uint32_t site, const esp::SequenceScheme& scheme)
{
    Config config;
    config.spi = kFirstSpi + site;
    config.keyingMaterial = Bytes(20, static_cast<std::uint8_t>(site));
    config.outerSource = IpAddress::V4(kHubOuter);
    config.outerDestination = IpAddress::V4(kFirstSiteOuter + site);
    SetNumbers(config, scheme);
    return config;
}

/// A hub with an SA to each of its sites, and what all sites have, as one receiver.
class Sites
{
  public:
    explicit Sites(std::uint32_t count,
                   std::uint32_t window = 64,
                   const esp::SequenceScheme& scheme = kSchemes.front())
        : m_window(window),
          m_scheme(scheme),
          m_site(count)
    {
        const std::ptrdiff_t before = LiveOctets();
        for (std::uint32_t i = 0; i < count; ++i)
        {
            Add(i);
        }
        m_octets = static_cast<double>(LiveOctets() - before) / count;
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
            auto outbound = SaOf<esp::OutboundSaConfig>(site, m_scheme);
            outbound.subspaceRule = esp::SubspaceRule::First;
            auto inbound = SaOf<esp::InboundSaConfig>(site, m_scheme);
            inbound.antiReplay.window = m_window;
            plane->GetSad().Add(name,
                                esp::OutboundSa::Create(outbound),
                                esp::InboundSa::Create(inbound));
        }
    }

    std::uint32_t m_window;       ///< of each receiver
    esp::SequenceScheme m_scheme; ///< of all SAs, which use the first subspace only
    Drawn m_site;
    double m_octets{0};
    esp::DataPlane m_hub;
    esp::DataPlane m_sites;
    Bytes m_packet{InnerPacket(kLength, kHubInner, kFirstSite)};
};

} // namespace ipseclab::bench

#endif // IPSECLAB_TESTS_BENCH_SITES_H
