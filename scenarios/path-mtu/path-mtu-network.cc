/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/path-mtu/path-mtu-network.h"

#include "helpers/gateway-chain.h"
#include "helpers/node-setup.h"

#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/dscp-classes.h"
#include "model/ike/extensions/path-sizes.h"
#include "model/timing/engine-config.h"

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/traffic-control-layer.h"
#include "ns3/uinteger.h"

namespace ipseclab::path_mtu
{

using ns3::CreateObject;
using ns3::Ptr;

namespace
{

constexpr std::int64_t kStreamsOfGatewayA = 100;
constexpr std::int64_t kStreamsOfGatewayB = 200;
constexpr std::int64_t kStreamsOfLink = 300;
constexpr std::int64_t kStreamsOfRouter = 400;
constexpr std::size_t kCoreQueue = 1024;   // packets
constexpr std::size_t kMostFragments = 64; // of a packet that gateway B takes
constexpr const char* kLinkRate = "10Gbps";

ns3::NetDeviceContainer
Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b)
{
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue(kLinkRate));
    return link.Install(a, b);
}

/// Whether a frame has an IPv4 fragment in it.
bool
IsFragment(Ptr<const ns3::Packet> frame)
{
    constexpr std::size_t kFlags = 8; // behind the PPP header
    std::uint8_t front[kFlags + 2] = {};
    frame->CopyData(front, sizeof(front));
    return (LoadBe16(front + kFlags) & 0x3fff) != 0;
}

} // namespace

ns3::Time
NetworkSettings::LongestWork() const
{
    return ns3::Seconds(kCoreQueue * (openTime + kMostFragments * joinTime));
}

Network::Network(const NetworkSettings& settings)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      addressB(GatewayChain::kHostB),
      endB(IpAddress::V4(ns3::Ipv4Address(GatewayChain::kOutsideB).Get())),
      m_settings(settings),
      m_router(CreateObject<ns3::Node>())
{
    InstallIpv4Stack(hostA);
    InstallIpv4Stack(hostB);
    InstallGateways();
    InstallRouter();
    BuildLinks();
    ns3::IpsecTunnel description = GatewayChain::Tunnel();
    if (settings.portProtocol != 0)
    {
        const std::string protocol = std::to_string(settings.portProtocol);
        description.protectedA += "[" + protocol + "]";
        description.protectedB += "[" + protocol + "/" + std::to_string(kDataPort) + "-" +
                                  std::to_string(kProbePort) + "]";
    }
    description.laterFragments = settings.laterFragments;
    description.natTraversal.forceEncapsulation = settings.udpEncapsulation;
    AddExtensions(description);
    ns3::IpsecHelper::Configure(description, gatewayA, gatewayB);
    tunnel = description.name;
}

void
Network::AddExtensions(ns3::IpsecTunnel& description) const
{
    if (m_settings.notifications)
    {
        ike::PathSizesConfig config;
        config.namesSa = m_settings.namesSa;
        description.extensions.push_back(ike::PathSizeNotifications(config));
    }
    if (m_settings.aggfrag)
    {
        description.extensions.push_back(ike::UseAggfrag({}));
    }
    if (m_settings.childSas > 1)
    {
        constexpr unsigned kSelectorShift = 3; // class selectors are the upper bits of a DSCP
        ike::DscpClassesConfig config;         // the first Child SA is for all, so for class 0
        for (std::uint64_t number = 1; number < m_settings.childSas; ++number)
        {
            config.classes.emplace_back();
            config.classes.back().set(number << kSelectorShift);
        }
        description.extensionsOfA.push_back(ike::DscpClasses(config));
    }
}

void
Network::InstallGateways()
{
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("DfPolicy", ns3::StringValue(m_settings.dfPolicy));
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(m_settings.sized ? "Sized" : "Real"));
    gatewayA = CreateGateway(helper, kStreamsOfGatewayA);
    gatewayB = CreateGateway(helper, kStreamsOfGatewayB);
    ConfigureSizes();
    if (m_settings.openTime > 0 || m_settings.joinTime > 0)
    {
        gatewayB->SetEngine(MakeCore(), false);
    }
}

void
Network::ConfigureSizes()
{
    const auto ingress = gatewayA->GetPathMtu();
    ingress->SetAttribute("Fragmentation", ns3::StringValue(m_settings.fragmentation));
    ingress->SetAttribute("FloorIpv4", ns3::UintegerValue(m_settings.floor));
    ingress->SetAttribute("Lifetime", ns3::TimeValue(m_settings.lifetime));
    if (m_settings.mssLimit > 0)
    {
        ingress->SetAttribute("ClampMss", ns3::BooleanValue(true));
        ingress->SetAttribute("MssLimit", ns3::UintegerValue(m_settings.mssLimit));
    }
    gatewayA->GetAggfrag()->SetAttribute("Delay", ns3::TimeValue(m_settings.aggfragWait));
    gatewayA->GetPathSizes()->SetAttribute("DraftOverhead",
                                           ns3::BooleanValue(m_settings.draftOverhead));
    gatewayA->GetPathSizes()->SetAttribute("DraftCondition",
                                           ns3::BooleanValue(m_settings.draftCondition));
    gatewayB->GetPathMtu()->SetAttribute("ReassemblyTimeout",
                                         ns3::TimeValue(m_settings.reassemblyTimeout));
    const auto egress = gatewayB->GetPathSizes();
    egress->SetAttribute("Interval", ns3::TimeValue(m_settings.tellInterval));
    egress->SetAttribute("EmtuR", ns3::UintegerValue(m_settings.emtuR));
    egress->SetAttribute("TellUnfinished", ns3::BooleanValue(m_settings.tellUnfinished));
}

Ptr<ns3::IpsecEngine>
Network::MakeCore() const
{
    timing::EngineConfig config;
    config.cores.queue = kCoreQueue;
    config.cores.cost.fixedCycles = m_settings.openTime * config.cores.cost.hertz;
    config.cores.cost.fragmentCycles = m_settings.joinTime * config.cores.cost.hertz;
    const auto engine = CreateObject<ns3::IpsecEngine>();
    engine->SetConfig(config);
    return engine;
}

void
Network::InstallRouter()
{
    InstallIpv4Stack(m_router);
    routing = CreateObject<ns3::PathMtuRouting>();
    routing->SetAttribute("FilterProbability", ns3::DoubleValue(m_settings.filterProbability));
    routing->SetAttribute("QuotedOctets", ns3::UintegerValue(m_settings.quotedOctets));
    routing->AssignStreams(kStreamsOfRouter);
    m_router->GetObject<ns3::Ipv4>()->SetRoutingProtocol(routing);
    // Without a queue disc it drops what comes while the device's queue is full.
    m_router->GetObject<ns3::TrafficControlLayer>()->TraceConnectWithoutContext(
        "TcDrop",
        ns3::MakeCallback(&Network::NoteQueueLoss, this));
}

void
Network::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    GatewayChain chain;
    chain.linkA = Connect(hostA, nodeA);
    chain.middle = Connect(nodeA, m_router);
    chain.path = ConnectNarrow();
    chain.linkB = Connect(gatewayB->GetObject<ns3::Node>(), hostB);
    chain.Configure(gatewayA, gatewayB);
    outsideA = chain.middle.Get(0);
    narrow = chain.path.Get(0);
    outsideB = chain.path.Get(1);
}

ns3::NetDeviceContainer
Network::ConnectNarrow() const
{
    ns3::ReorderingLink link;
    link.rate = m_settings.linkRate;
    link.delay = m_settings.delay;
    link.lossProbability = m_settings.loss;
    const auto devices =
        ns3::IpsecHelper::InstallReorderingLink(m_router, gatewayB->GetObject<ns3::Node>(), link);
    devices.Get(0)->SetMtu(m_settings.mtu);
    const auto channel = ns3::DynamicCast<ns3::ReorderingChannel>(devices.Get(0)->GetChannel());
    channel->SetAttribute("FragmentLoss", ns3::DoubleValue(m_settings.fragmentFilter));
    channel->AssignStreams(kStreamsOfLink);
    if (m_settings.fragmentDelay.IsStrictlyPositive())
    {
        channel->SetPacketDelay([longer = m_settings.fragmentDelay](Ptr<const ns3::Packet> frame)
                                { return IsFragment(frame) ? longer : ns3::Time(0); });
    }
    return devices;
}

void
Network::ChangeLater()
{
    if (m_settings.laterMtu > 0)
    {
        ns3::Simulator::Schedule(m_settings.changeAt,
                                 &Network::Change,
                                 this,
                                 m_settings.laterMtu,
                                 m_settings.mtu);
    }
}

void
Network::Change(std::uint16_t mtu, std::uint16_t next)
{
    narrow->SetMtu(mtu);
    if (m_settings.alternating)
    {
        ns3::Simulator::Schedule(m_settings.changeAt, &Network::Change, this, next, mtu);
    }
}

std::uint64_t
Network::GetQueueLost() const
{
    return m_queueLost;
}

void
Network::NoteQueueLoss(Ptr<const ns3::Packet>)
{
    ++m_queueLost;
}

Ptr<ns3::ReorderingChannel>
Network::NarrowLink() const
{
    return ns3::DynamicCast<ns3::ReorderingChannel>(narrow->GetChannel());
}

} // namespace ipseclab::path_mtu
