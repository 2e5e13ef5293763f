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

constexpr std::int64_t kStreamOfGatewayA = 100;
constexpr std::int64_t kStreamOfGatewayB = 200;
constexpr std::uint32_t kMostSas = 2048; ///< twice as many as there can be resources
constexpr const char* kMask = "255.255.255.0";
constexpr const char* kOutsideA = "192.0.2.1";
constexpr const char* kOutsideB = "192.0.2.2";

IpAddress
Address(const char* text)
{
    return IpAddress::V4(ns3::Ipv4Address(text).Get());
}

/// All of a network of 24 bits.
TrafficSelector
Network(const char* host)
{
    constexpr std::uint32_t kHostBits = 0xff;
    const std::uint32_t address = ns3::Ipv4Address(host).Get();
    TrafficSelector selector;
    selector.start = IpAddress::V4(address & ~kHostBits);
    selector.end = IpAddress::V4(address | kHostBits);
    return selector;
}

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, kMask);
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
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      m_settings(settings)
{
    InstallIpv4Stack(hostA);
    InstallIpv4Stack(hostB);
    gatewayA = MakeGateway(true, sized);
    gatewayB = MakeGateway(false, sized);
    BuildLinks();
    AddPeer(true);
    AddPeer(false);
    if (settings.coreRate > 0)
    {
        gatewayA->SetEngine(MakeEngine(), true);
        gatewayB->SetEngine(MakeEngine(), true);
    }
}

Ptr<ns3::IpsecGateway>
Net::MakeGateway(bool atA, bool sized) const
{
    const auto node = CreateObject<ns3::Node>();
    InstallIpv4Stack(node);
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("Resources",
                               ns3::UintegerValue(m_settings.shared ? 0 : m_settings.resources));
    helper.SetGatewayAttribute("ResourceFallback", ns3::BooleanValue(m_settings.fallback));
    const bool limited = !atA && !m_settings.blunt;
    helper.SetGatewayAttribute("ResourceSaLimit",
                               ns3::UintegerValue(limited ? m_settings.limit : kMostSas));
    const auto gateway = helper.Install(node);
    gateway->AssignStreams(atA ? kStreamOfGatewayA : kStreamOfGatewayB);
    return gateway;
}

void
Net::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    const auto nodeB = gatewayB->GetObject<ns3::Node>();
    const std::uint64_t packets = m_settings.stream.packets;
    const auto left = Connect(hostA, nodeA, 0, packets);
    const auto middle = Connect(nodeA, nodeB, m_settings.delay, packets);
    const auto right = Connect(nodeB, hostB, 0, packets);
    outsideA = middle.Get(0);
    outsideB = middle.Get(1);
    const auto ipA = ns3::IpsecHelper::AttachDevice(gatewayA, outsideA);
    const auto ipB = ns3::IpsecHelper::AttachDevice(gatewayB, outsideB);
    StaticRoutesOf(hostA)->SetDefaultRoute("10.1.0.1", AddAddress(left.Get(0), kHostA));
    AddAddress(left.Get(1), "10.1.0.1");
    StaticRoutesOf(nodeA)->SetDefaultRoute(kOutsideB, AddAddress(ipA, kOutsideA));
    StaticRoutesOf(nodeB)->SetDefaultRoute(kOutsideA, AddAddress(ipB, kOutsideB));
    AddAddress(right.Get(0), "10.2.0.1");
    StaticRoutesOf(hostB)->SetDefaultRoute("10.2.0.1", AddAddress(right.Get(1), kHostB));
}

/// B's two networks need Child SAs of their own, for a Child SA carries one pair of selectors.
void
Net::AddPeer(bool atA) const
{
    ike::PeerConfig peer;
    peer.name = kTunnel;
    peer.local.address = Address(atA ? kOutsideA : kOutsideB);
    peer.remote.address = Address(atA ? kOutsideB : kOutsideA);
    peer.localId = ike::Identity::Fqdn(atA ? "a.example" : "b.example");
    peer.remoteId = ike::Identity::Fqdn(atA ? "b.example" : "a.example");
    const std::string key = "simulation only";
    peer.preSharedKey.assign(key.begin(), key.end());
    peer.granularity = ike::ChildGranularity::SelectorPair;
    const TrafficSelectorList ofA{Network(kHostA)};
    const TrafficSelectorList ofB{Network(kHostB), Network(kOtherHost)};
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
    const auto& gateway = atA ? gatewayA : gatewayB;
    gateway->AddPeer(peer);
    gateway->AddPolicy(
        {kTunnel, peer.localSelectors, peer.remoteSelectors, esp::SpdAction::Protect, kTunnel});
}

/// Cores that flows are spread over as SAs are; with an SA in common they wait for each other.
Ptr<ns3::IpsecEngine>
Net::MakeEngine() const
{
    timing::EngineConfig config;
    timing::CoresConfig& cores = config.cores;
    cores.cores = m_settings.resources;
    const double cycles = cores.cost.hertz / m_settings.coreRate;
    cores.lockCycles = m_settings.lockShare * cycles;
    cores.cost.fixedCycles = cycles - cores.lockCycles;
    const auto engine = CreateObject<ns3::IpsecEngine>();
    engine->SetConfig(config);
    return engine;
}

} // namespace ipseclab::per_resource
