/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/per-resource-sa/per-resource-network.h"

#include "helpers/ipsec-helper.h"
#include "helpers/node-setup.h"

#include "ns3/boolean.h"
#include "ns3/ipsec-engine.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <chrono>

namespace ipseclab::per_resource
{

using ns3::CreateObject;
using ns3::Ptr;

namespace
{

constexpr std::int64_t kStreamOfB = 100;
constexpr std::int64_t kStreamsOfA = 1000; ///< a hundred for each
constexpr std::uint32_t kMostSas = 2048;   ///< twice as many as there can be resources
constexpr const char* kMask = "255.255.255.0";

IpAddress
ModelAddress(ns3::Ipv4Address address)
{
    return IpAddress::V4(address.Get());
}

/// All of a network of 24 bits.
TrafficSelector
NetworkOf(ns3::Ipv4Address host)
{
    constexpr std::uint32_t kHostBits = 0xff;
    TrafficSelector selector;
    selector.start = IpAddress::V4(host.Get() & ~kHostBits);
    selector.end = IpAddress::V4(host.Get() | kHostBits);
    return selector;
}

/// Every queue takes the whole stream: only engines drop here.
ns3::NetDeviceContainer
Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b, double delay, std::uint64_t packets)
{
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue("100Gbps"));
    link.SetChannelAttribute("Delay", ns3::TimeValue(ns3::Seconds(delay)));
    link.SetQueue("ns3::DropTailQueue",
                  "MaxSize",
                  ns3::QueueSizeValue(ns3::QueueSize(ns3::QueueSizeUnit::PACKETS,
                                                     static_cast<std::uint32_t>(packets) + 1000)));
    return link.Install(a, b);
}

} // namespace

Net::Net(const Settings& settings, bool sized)
    : m_settings(settings),
      m_router(CreateObject<ns3::Node>())
{
    InstallIpv4Stack(m_router);
    siteB = MakeSite(PlaceOfB(), false, kStreamOfB, sized);
    for (std::size_t i = 0; i < settings.tunnels; ++i)
    {
        const auto stream = kStreamsOfA + 100 * static_cast<std::int64_t>(i);
        sitesA.push_back(MakeSite(PlaceOfA(i), true, stream, sized));
        AddPeer(i, true);
        AddPeer(i, false);
    }
}

std::string
Net::TunnelName(std::size_t site)
{
    return "tunnel-" + std::to_string(site);
}

/// 10.1.0.0/24 and 100.64.0.0/24 are those of the first, and so on.
Net::Place
Net::PlaceOfA(std::size_t site)
{
    const auto offset = static_cast<std::uint32_t>(site) << 8;
    const std::uint32_t inner = 0x0a010000 + offset;
    const std::uint32_t outer = 0x64400000 + offset;
    return {ns3::Ipv4Address(inner + 2),
            ns3::Ipv4Address(inner + 1),
            ns3::Ipv4Address(outer + 1),
            ns3::Ipv4Address(outer + 2)};
}

Net::Place
Net::PlaceOfB()
{
    return {ns3::Ipv4Address(kHostB),
            ns3::Ipv4Address("172.16.0.1"),
            ns3::Ipv4Address("192.0.2.2"),
            ns3::Ipv4Address("192.0.2.1")};
}

Site
Net::MakeSite(const Place& place, bool atA, std::int64_t stream, bool sized)
{
    const auto node = CreateObject<ns3::Node>();
    Site site{CreateObject<ns3::Node>(), nullptr, nullptr, place.host};
    InstallIpv4Stack(node);
    InstallIpv4Stack(site.host);
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("Resources",
                               ns3::UintegerValue(m_settings.shared ? 0 : m_settings.resources));
    helper.SetGatewayAttribute("ResourceFallback", ns3::BooleanValue(m_settings.fallback));
    const bool limited = !atA && !m_settings.blunt;
    helper.SetGatewayAttribute("ResourceSaLimit",
                               ns3::UintegerValue(limited ? m_settings.limit : kMostSas));
    site.gateway = helper.Install(node);
    site.gateway->AssignStreams(stream);
    if (m_settings.coreRate > 0)
    {
        site.gateway->SetEngine(MakeEngine(), true);
    }
    // All of the delay is between the router and B.
    const std::uint64_t packets = m_settings.stream.packets * (atA ? 1 : m_settings.tunnels);
    const auto inside = Connect(site.host, node, 0, packets);
    const auto outside = Connect(node, m_router, atA ? 0 : m_settings.delay, packets);
    site.outside = outside.Get(0);
    const auto top = ns3::IpsecHelper::AttachDevice(site.gateway, site.outside);
    const auto hostPort = AddAddress(inside.Get(0), place.host, kMask);
    StaticRoutesOf(site.host)->SetDefaultRoute(place.inside, hostPort);
    AddAddress(inside.Get(1), place.inside, kMask);
    StaticRoutesOf(node)->SetDefaultRoute(place.router, AddAddress(top, place.outside, kMask));
    AddAddress(outside.Get(1), place.router, kMask);
    return site;
}

/// B's two networks need Child SAs of their own, for a Child SA carries one pair of selectors.
void
Net::AddPeer(std::size_t site, bool atA) const
{
    const Place placeA = PlaceOfA(site);
    const std::string idA = "a" + std::to_string(site) + ".example";
    const ns3::Ipv4Address outsideB = PlaceOfB().outside;
    ike::PeerConfig peer;
    peer.name = TunnelName(site);
    peer.local.address = ModelAddress(atA ? placeA.outside : outsideB);
    peer.remote.address = ModelAddress(atA ? outsideB : placeA.outside);
    peer.localId = ike::Identity::Fqdn(atA ? idA : "b.example");
    peer.remoteId = ike::Identity::Fqdn(atA ? "b.example" : idA);
    const std::string key = "simulation only";
    peer.preSharedKey.assign(key.begin(), key.end());
    peer.granularity = ike::ChildGranularity::SelectorPair;
    const TrafficSelectorList ofA{NetworkOf(placeA.host)};
    const TrafficSelectorList ofB{NetworkOf(ns3::Ipv4Address(kHostB)),
                                  NetworkOf(ns3::Ipv4Address(kOtherHost))};
    peer.localSelectors = atA ? ofA : ofB;
    peer.remoteSelectors = atA ? ofB : ofA;
    if (!atA && m_settings.blunt)
    {
        peer.maxChildSas = 1 + m_settings.limit;
    }
    if (atA)
    {
        peer.childLifetime.soft = std::chrono::duration_cast<ike::Duration>(
            std::chrono::duration<double>(m_settings.lifetime));
    }
    const auto& gateway = atA ? sitesA[site].gateway : siteB.gateway;
    gateway->AddPeer(peer);
    gateway->AddPolicy(
        {peer.name, peer.localSelectors, peer.remoteSelectors, esp::SpdAction::Protect, peer.name});
}

/// Cores that flows are spread over as SAs are; with an SA in common they wait for each other.
Ptr<ns3::IpsecEngine>
Net::MakeEngine() const
{
    timing::EngineConfig config;
    timing::CoresConfig& cores = config.cores;
    cores.cores = m_settings.resources;
    cores.dispatch = m_settings.shared ? timing::Dispatch::InnerFlow : timing::Dispatch::Resource;
    const double cycles = cores.cost.hertz / m_settings.coreRate;
    cores.lockCycles = m_settings.lockShare * cycles;
    cores.cost.fixedCycles = cycles - cores.lockCycles;
    const auto engine = CreateObject<ns3::IpsecEngine>();
    engine->SetConfig(config);
    return engine;
}

} // namespace ipseclab::per_resource
