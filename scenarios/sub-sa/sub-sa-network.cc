/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/sub-sa/sub-sa-network.h"

#include "helpers/ipsec-helper.h"
#include "helpers/node-setup.h"

#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/subspaces.h"

#include "ns3/boolean.h"
#include "ns3/ipsec-engine.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

namespace ipseclab::sub_sa
{

using ns3::CreateObject;
using ns3::Ptr;

namespace
{

constexpr std::int64_t kStreamOfGatewayA = 100;
constexpr std::int64_t kStreamOfGatewayB = 200;
constexpr std::uint32_t kMostSas = 4096;
constexpr std::size_t kQueue = 256; ///< packets that wait for a core
constexpr const char* kMask = "255.255.255.0";
constexpr const char* kOutsideA = "192.0.2.1";
constexpr const char* kOutsideB = "192.0.2.2";

IpAddress
Address(const char* text)
{
    return IpAddress::V4(ns3::Ipv4Address(text).Get());
}

/// All of the network behind a gateway.
TrafficSelector
Behind(const char* first)
{
    TrafficSelector selector;
    selector.start = Address(first);
    selector.end = IpAddress::V4(ns3::Ipv4Address(first).Get() | 0xff);
    return selector;
}

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, kMask);
}

/// Every queue takes the whole stream: only engines drop here.
ns3::QueueSize
QueueFor(const Settings& settings)
{
    return {ns3::QueueSizeUnit::PACKETS,
            static_cast<std::uint32_t>(settings.stream.packets) + 1000};
}

ns3::NetDeviceContainer
Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b, const Settings& settings)
{
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue("1000Gbps"));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::QueueSizeValue(QueueFor(settings)));
    return link.Install(a, b);
}

} // namespace

Net::Net(const Settings& settings, bool sized)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      paths(settings.paths),
      m_settings(settings)
{
    InstallIpv4Stack(hostA);
    InstallIpv4Stack(hostB);
    gatewayA = MakeGateway(true, sized);
    gatewayB = MakeGateway(false, sized);
    BuildLinks();
    AddPeer(true);
    AddPeer(false);
    // A flow belongs to a number space by its port, and so, in MakeEngine, to a core.
    gatewayA->GetDataPlane().SetResourceRule(
        [spaces = settings.spaces](const wire::IpView& packet)
        { return (wire::ReadSelectors(packet).sourcePort - std::uint32_t{kFirstPort}) % spaces; });
    if (settings.coreRate > 0)
    {
        gatewayA->SetEngine(MakeEngine(), true);
    }
}

Ptr<ns3::IpsecGateway>
Net::MakeGateway(bool atA, bool sized) const
{
    const auto node = CreateObject<ns3::Node>();
    InstallIpv4Stack(node);
    const bool several = m_settings.fanOut == FanOut::Several;
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("SubspaceRule", ns3::StringValue("Resource"));
    helper.SetGatewayAttribute("KeepSubSaKeys", ns3::BooleanValue(m_settings.keepKeys));
    helper.SetGatewayAttribute("Resources", ns3::UintegerValue(several ? m_settings.spaces : 0));
    helper.SetGatewayAttribute("ResourceSaLimit", ns3::UintegerValue(kMostSas));
    const auto gateway = helper.Install(node);
    gateway->AssignStreams(atA ? kStreamOfGatewayA : kStreamOfGatewayB);
    return gateway;
}

void
Net::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    const auto nodeB = gatewayB->GetObject<ns3::Node>();
    const auto left = Connect(hostA, nodeA, m_settings);
    const auto right = Connect(nodeB, hostB, m_settings);
    ns3::ReorderingLink link;
    link.rate = ns3::DataRate("1000Gbps");
    link.delay = ns3::Seconds(m_settings.delay);
    link.queue = QueueFor(m_settings);
    const auto middle = ns3::IpsecHelper::InstallReorderingLink(nodeA, nodeB, link);
    outsideA = middle.Get(0);
    outsideB = middle.Get(1);
    ns3::DynamicCast<ns3::ReorderingChannel>(outsideA->GetChannel())
        ->SetPacketDelay([this](Ptr<const ns3::Packet> packet) { return paths.Take(packet); });
    const auto ipA = ns3::IpsecHelper::AttachDevice(gatewayA, outsideA);
    const auto ipB = ns3::IpsecHelper::AttachDevice(gatewayB, outsideB);
    StaticRoutesOf(hostA)->SetDefaultRoute("10.1.0.1", AddAddress(left.Get(0), "10.1.0.2"));
    AddAddress(left.Get(1), "10.1.0.1");
    StaticRoutesOf(nodeA)->SetDefaultRoute(kOutsideB, AddAddress(ipA, kOutsideA));
    StaticRoutesOf(nodeB)->SetDefaultRoute(kOutsideA, AddAddress(ipB, kOutsideB));
    AddAddress(right.Get(0), "10.2.0.1");
    StaticRoutesOf(hostB)->SetDefaultRoute("10.2.0.1", AddAddress(right.Get(1), kHostB));
}

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
    const TrafficSelectorList ofA{Behind("10.1.0.0")};
    const TrafficSelectorList ofB{Behind("10.2.0.0")};
    peer.localSelectors = atA ? ofA : ofB;
    peer.remoteSelectors = atA ? ofB : ofA;
    if (atA)
    {
        peer.childVolume.softPackets = m_settings.rekeyPackets;
    }
    if (m_settings.fanOut == FanOut::SubSas)
    {
        ike::EespConfig eesp;
        eesp.subSas = m_settings.spaces;
        eesp.required = true;
        peer.extensions.push_back(ike::Eesp(eesp));
    }
    else if (m_settings.fanOut == FanOut::Subspaces)
    {
        peer.extensions.push_back(ike::Subspaces({{m_settings.Numbers()}, true, {}}));
    }
    const auto& gateway = atA ? gatewayA : gatewayB;
    gateway->AddPeer(peer);
    gateway->AddPolicy(
        {kTunnel, peer.localSelectors, peer.remoteSelectors, esp::SpdAction::Protect, kTunnel});
}

/// Each core works on the number spaces that are its own; with one in common cores wait.
Ptr<ns3::IpsecEngine>
Net::MakeEngine() const
{
    timing::EngineConfig config;
    timing::CoresConfig& cores = config.cores;
    cores.cores = m_settings.cores;
    cores.dispatch = timing::Dispatch::Resource;
    cores.queue = kQueue;
    const double cycles = cores.cost.hertz / m_settings.coreRate;
    cores.lockCycles = m_settings.lockShare * cycles;
    cores.cost.fixedCycles = cycles - cores.lockCycles;
    const auto engine = CreateObject<ns3::IpsecEngine>();
    engine->SetAttribute("Step", ns3::StringValue("Start"));
    engine->SetConfig(config);
    return engine;
}

} // namespace ipseclab::sub_sa
