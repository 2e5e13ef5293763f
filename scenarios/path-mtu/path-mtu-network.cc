/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/path-mtu/path-mtu-network.h"

#include "helpers/node-setup.h"

#include "ns3/double.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/string.h"
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
constexpr const char* kLinkRate = "10Gbps";

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, "255.255.255.0");
}

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

Network::Network(const NetworkSettings& settings)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      addressB("10.2.0.2"),
      m_settings(settings),
      m_router(CreateObject<ns3::Node>())
{
    InstallIpv4Stack(hostA);
    InstallIpv4Stack(hostB);
    InstallGateways();
    InstallRouter();
    BuildLinks();
    ns3::IpsecTunnel description;
    description.addressA = ns3::Ipv4Address("192.0.2.1");
    description.addressB = ns3::Ipv4Address("198.51.100.1");
    description.protectedA = "10.1.0.0/24";
    description.protectedB = "10.2.0.0/24";
    description.natTraversal.forceEncapsulation = settings.udpEncapsulation;
    ns3::IpsecHelper::Configure(description, gatewayA, gatewayB);
    tunnel = description.name;
}

void
Network::InstallGateways()
{
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("DfPolicy", ns3::StringValue(m_settings.dfPolicy));
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
    gatewayA->GetPathMtu()->SetAttribute("Fragmentation",
                                         ns3::StringValue(m_settings.fragmentation));
    gatewayB->GetPathMtu()->SetAttribute("ReassemblyTimeout",
                                         ns3::TimeValue(m_settings.reassemblyTimeout));
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
}

void
Network::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    const auto nodeB = gatewayB->GetObject<ns3::Node>();
    const auto linkA = Connect(hostA, nodeA);
    const auto middle = Connect(nodeA, m_router);
    const auto narrowLink = ConnectNarrow();
    const auto linkB = Connect(nodeB, hostB);
    outsideA = middle.Get(0);
    narrow = narrowLink.Get(0);
    outsideB = narrowLink.Get(1);

    StaticRoutesOf(hostA)->SetDefaultRoute("10.1.0.1", AddAddress(linkA.Get(0), "10.1.0.2"));
    AddGateway(gatewayA, linkA.Get(1), "10.1.0.1", outsideA, "192.0.2.1", "192.0.2.2");
    AddAddress(middle.Get(1), "192.0.2.2");
    AddAddress(narrow, "198.51.100.2");
    AddGateway(gatewayB, linkB.Get(0), "10.2.0.1", outsideB, "198.51.100.1", "198.51.100.2");
    StaticRoutesOf(hostB)->SetDefaultRoute("10.2.0.1", AddAddress(linkB.Get(1), "10.2.0.2"));
}

ns3::NetDeviceContainer
Network::ConnectNarrow() const
{
    ns3::ReorderingLink link;
    link.rate = ns3::DataRate(kLinkRate);
    link.delay = m_settings.delay;
    link.lossProbability = m_settings.loss;
    const auto devices =
        ns3::IpsecHelper::InstallReorderingLink(m_router, gatewayB->GetObject<ns3::Node>(), link);
    devices.Get(0)->SetMtu(m_settings.mtu);
    devices.Get(1)->SetMtu(m_settings.mtu);
    const auto channel = ns3::DynamicCast<ns3::ReorderingChannel>(devices.Get(0)->GetChannel());
    channel->AssignStreams(kStreamsOfLink);
    if (m_settings.fragmentDelay.IsStrictlyPositive())
    {
        channel->SetPacketDelay([longer = m_settings.fragmentDelay](Ptr<const ns3::Packet> frame)
                                { return IsFragment(frame) ? longer : ns3::Time(0); });
    }
    return devices;
}

/// Addresses and routes of a gateway, and IPsec on its outside.
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
    StaticRoutesOf(inside->GetNode())->SetDefaultRoute(next, AddAddress(top, outsideAddress));
}

Ptr<ns3::ReorderingChannel>
Network::NarrowLink() const
{
    return ns3::DynamicCast<ns3::ReorderingChannel>(narrow->GetChannel());
}

} // namespace ipseclab::path_mtu
