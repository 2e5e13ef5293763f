/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/iptfs/iptfs-network.h"

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
constexpr const char* kOutsideA = "192.0.2.1";
constexpr const char* kOutsideB = "198.51.100.1";

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, "255.255.255.0");
}

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
    const bool toB = LoadBe32(front + kIp + 16) == ns3::Ipv4Address(kOutsideB).Get();
    return esp && toB ? LoadBe32(front + kEsp + 4) : 0;
}

Network::Network(const NetworkSettings& settings)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      addressB("10.2.0.2"),
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
    ns3::IpsecTunnel description;
    description.addressA = ns3::Ipv4Address(kOutsideA);
    description.addressB = ns3::Ipv4Address(kOutsideB);
    description.protectedA = "10.1.0.0/24";
    description.protectedB = "10.2.0.0/24";
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
    const auto install = [&helper](std::int64_t streams)
    {
        const auto node = CreateObject<ns3::Node>();
        InstallIpv4Stack(node);
        const Ptr<ns3::IpsecGateway> gateway = helper.Install(node);
        gateway->AssignStreams(streams);
        return gateway;
    };
    gatewayA = install(kStreamsOfGatewayA);
    gatewayB = install(kStreamsOfGatewayB);
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
    const auto nodeB = gatewayB->GetObject<ns3::Node>();
    const auto linkA = Connect(hostA, nodeA, kHostMtu);
    const auto middle = Connect(nodeA, m_router, m_settings.mtu);
    const auto path = ConnectPath();
    const auto linkB = Connect(nodeB, hostB, kHostMtu);
    outsideA = middle.Get(0);
    outsideB = path.Get(1);

    StaticRoutesOf(hostA)->SetDefaultRoute("10.1.0.1", AddAddress(linkA.Get(0), "10.1.0.2"));
    AddGateway(gatewayA, linkA.Get(1), "10.1.0.1", outsideA, kOutsideA, "192.0.2.2");
    AddAddress(middle.Get(1), "192.0.2.2");
    AddAddress(path.Get(0), "198.51.100.2");
    AddGateway(gatewayB, linkB.Get(0), "10.2.0.1", outsideB, kOutsideB, "198.51.100.2");
    StaticRoutesOf(hostB)->SetDefaultRoute("10.2.0.1", AddAddress(linkB.Get(1), "10.2.0.2"));
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

/// Addresses and routes of a gateway, and IPsec on its outside, which takes what hosts send.
void
Network::AddGateway(Ptr<ns3::IpsecGateway> gateway,
                    Ptr<ns3::NetDevice> inside,
                    const char* insideAddress,
                    Ptr<ns3::NetDevice> outside,
                    const char* outsideAddress,
                    const char* next) const
{
    AddAddress(inside, insideAddress);
    const Ptr<ns3::NetDevice> top = ns3::IpsecHelper::AttachDevice(gateway, outside);
    top->SetAttribute("InnerMtu", ns3::UintegerValue(kHostMtu));
    StaticRoutesOf(inside->GetNode())->SetDefaultRoute(next, AddAddress(top, outsideAddress));
}

Ptr<ns3::ReorderingChannel>
Network::Path() const
{
    return ns3::DynamicCast<ns3::ReorderingChannel>(outsideB->GetChannel());
}

} // namespace ipseclab::iptfs
