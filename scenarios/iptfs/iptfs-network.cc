/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/iptfs/iptfs-network.h"

#include "helpers/gateway-chain.h"
#include "helpers/node-setup.h"

#include "model/ike/extensions/aggfrag.h"

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

namespace ipseclab::iptfs
{

using ns3::CreateObject;
using ns3::Ptr;

namespace
{

constexpr std::int64_t kStreamsOfGatewayA = 100;
constexpr std::int64_t kStreamsOfGatewayB = 200;
constexpr std::int64_t kStreamsOfPath = 300;
constexpr std::int64_t kStreamOfLate = 400;
constexpr const char* kLinkRate = "100Gbps";

ns3::NetDeviceContainer
Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b, std::uint16_t mtu)
{
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue(kLinkRate));
    link.SetDeviceAttribute("Mtu", ns3::UintegerValue(mtu));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::StringValue("100000p"));
    return link.Install(a, b);
}

} // namespace

std::uint32_t
EspNumber(Ptr<const ns3::Packet> frame)
{
    constexpr std::size_t kIp = 2; // behind the PPP header
    constexpr std::size_t kEsp = kIp + 20;
    std::uint8_t front[kEsp + 8] = {};
    frame->CopyData(front, sizeof(front));
    const bool esp = front[kIp + 9] == wire::kProtocolEsp;
    const bool toB = LoadBe32(front + kIp + 16) == ns3::Ipv4Address(GatewayChain::kOutsideB).Get();
    return esp && toB ? LoadBe32(front + kEsp + 4) : 0;
}

Network::Network(const NetworkSettings& settings)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      addressB(GatewayChain::kHostB),
      m_settings(settings),
      m_router(CreateObject<ns3::Node>()),
      m_late(CreateObject<ns3::UniformRandomVariable>())
{
    m_late->SetStream(kStreamOfLate);
    InstallIpv4Stack(hostA);
    InstallIpv4Stack(hostB);
    InstallIpv4Stack(m_router);
    InstallGateways();
    BuildLinks();
    ns3::IpsecTunnel description = GatewayChain::Tunnel();
    if (settings.aggfrag)
    {
        ike::AggfragConfig config;
        config.required = true;
        config.refusesFragments = !settings.fragments;
        description.extensions = {ike::UseAggfrag(config)};
    }
    ns3::IpsecHelper::Configure(description, gatewayA, gatewayB);
    tunnel = description.name;
}

void
Network::InstallGateways()
{
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(m_settings.sized ? "Sized" : "Real"));
    gatewayA = CreateGateway(helper, kStreamsOfGatewayA);
    gatewayB = CreateGateway(helper, kStreamsOfGatewayB);
    const Ptr<ns3::IpsecAggfrag> sending = gatewayA->GetAggfrag();
    sending->SetAttribute("Delay", ns3::TimeValue(m_settings.wait));
    sending->SetAttribute("Interval", ns3::TimeValue(m_settings.interval));
    sending->SetAttribute("MaxQueue", ns3::UintegerValue(m_settings.queue));
    const Ptr<ns3::IpsecAggfrag> receiving = gatewayB->GetAggfrag();
    receiving->SetAttribute("ReorderWindow", ns3::UintegerValue(m_settings.reorderWindow));
    receiving->SetAttribute("DropTime", ns3::TimeValue(m_settings.dropTimer));
    receiving->SetAttribute("InOrder", ns3::BooleanValue(m_settings.inOrder));
}

void
Network::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    GatewayChain chain;
    chain.linkA = Connect(hostA, nodeA, kHostMtu);
    chain.middle = Connect(nodeA, m_router, m_settings.mtu);
    chain.path = ConnectPath();
    chain.linkB = Connect(gatewayB->GetObject<ns3::Node>(), hostB, kHostMtu);
    const ns3::NetDeviceContainer tops = chain.Configure(gatewayA, gatewayB);
    for (const auto& top : {tops.Get(0), tops.Get(1)})
    {
        top->SetAttribute("InnerMtu", ns3::UintegerValue(kHostMtu)); // takes what hosts send
    }
    outsideA = chain.middle.Get(0);
    outsideB = chain.path.Get(1);
}

ns3::NetDeviceContainer
Network::ConnectPath()
{
    ns3::ReorderingLink link;
    link.rate = ns3::DataRate(kLinkRate);
    link.delay = m_settings.delay;
    link.lossProbability = m_settings.loss;
    link.queue = ns3::QueueSize("100000p");
    const auto devices =
        ns3::IpsecHelper::InstallReorderingLink(m_router, gatewayB->GetObject<ns3::Node>(), link);
    devices.Get(0)->SetMtu(m_settings.mtu);
    devices.Get(1)->SetMtu(m_settings.mtu);
    const auto channel = ns3::DynamicCast<ns3::ReorderingChannel>(devices.Get(0)->GetChannel());
    channel->AssignStreams(kStreamsOfPath);
    channel->SetPacketDelay([this](Ptr<const ns3::Packet> frame) { return ExtraDelay(frame); });
    return devices;
}

ns3::Time
Network::ExtraDelay(Ptr<const ns3::Packet> frame)
{
    if (EspNumber(frame) == 0)
    {
        return ns3::Time(0);
    }
    const bool slowPath = m_frames++ % 2 == 1;
    const bool late = m_settings.lateShare > 0 && m_late->GetValue(0, 1) < m_settings.lateShare;
    return (slowPath ? m_settings.stripeDelay : ns3::Time(0)) +
           (late ? m_settings.lateBy : ns3::Time(0));
}

Ptr<ns3::ReorderingChannel>
Network::Path() const
{
    return ns3::DynamicCast<ns3::ReorderingChannel>(outsideB->GetChannel());
}

} // namespace ipseclab::iptfs
