/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/dscp-hub/dscp-hub-network.h"

#include "helpers/ipsec-helper.h"
#include "helpers/node-setup.h"
#include "scenarios/dscp-split/class-queues.h"
#include "scenarios/dscp-split/dscp-split-network.h"

#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/ts-dscp.h"

#include "ns3/boolean.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/point-to-point-net-device.h"
#include "ns3/prio-queue-disc.h"
#include "ns3/simple-net-device.h"
#include "ns3/string.h"
#include "ns3/traffic-control-layer.h"
#include "ns3/uinteger.h"

#include <sstream>

namespace ipseclab::dscp_hub
{

using dscp_split::Packets;
using ns3::CreateObject;
using ns3::Ptr;

namespace
{

constexpr std::int64_t kStreamOfHub = 100;
constexpr std::int64_t kStreamsOfSites = 1000; ///< ten for each
constexpr const char* kHubAddress = "192.0.2.1";
constexpr const char* kSmallMask = "255.255.255.0";
constexpr const char* kHostMask = "255.255.255.255";

ns3::Ipv4Address
OutsideOf(std::size_t site)
{
    return ns3::Ipv4Address(0x64400001 + static_cast<std::uint32_t>(site)); // from 100.64.0.1 on
}

/// Each site has a network of 16 addresses, from 10.0.0.0 on; traffic is for the second one.
ns3::Ipv4Address
InsideOf(std::size_t site)
{
    return ns3::Ipv4Address(0x0a000001 + 16 * static_cast<std::uint32_t>(site));
}

ns3::NetDeviceContainer
Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b)
{
    constexpr std::uint32_t kPlenty = 1000000;
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue("100Gbps"));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::QueueSizeValue(Packets(kPlenty)));
    return link.Install(a, b);
}

Ptr<ns3::SimpleNetDevice>
EnterCloud(Ptr<ns3::Node> node, Ptr<ns3::Ipv4CloudChannel> cloud)
{
    const auto device = CreateObject<ns3::SimpleNetDevice>();
    device->SetAttribute("PointToPointMode", ns3::BooleanValue(true));
    device->SetAddress(ns3::Mac48Address::Allocate());
    node->AddDevice(device);
    device->SetChannel(cloud);
    return device;
}

std::vector<ike::ExtensionFactory>
ExtensionsOf(const Settings& settings)
{
    ike::DscpClassesConfig own;
    for (std::uint32_t i = 1; i < settings.classes; ++i)
    {
        own.classes.push_back(DscpSet().set(dscp_split::DscpOf(i)));
    }
    if (settings.mechanism == "split")
    {
        return {ike::DscpClasses(own)};
    }
    if (settings.mechanism == "notify")
    {
        ike::DscpNotificationConfig config;
        config.own = own;
        return {ike::DscpNotification(config)};
    }
    if (settings.mechanism == "ts-dscp")
    {
        ike::TsDscpConfig config;
        config.own = own;
        return {ike::TsDscp(config)};
    }
    return {};
}

} // namespace

Settings::Settings(const ParameterValues& values)
    : sites(static_cast<std::uint32_t>(values.Count("sites"))),
      mechanism(values.Word("mechanism")),
      classes(static_cast<std::uint32_t>(values.Count("classes"))),
      window(static_cast<std::uint32_t>(values.Count("window"))),
      linkRate(values.Count("link_rate")),
      queueLimit(static_cast<std::uint32_t>(values.Count("queue_limit"))),
      delay(values.Number("delay"))
{
}

std::uint64_t
Settings::PairsOfSite() const
{
    return 1 + (HasClassSas() ? (classes - 1) * (BothAsk() ? 2 : 1) : 0);
}

Network::Network(const Settings& settings, bool sized)
    : host(CreateObject<ns3::Node>()),
      hostAddress("172.16.0.2"),
      cloud(CreateObject<ns3::Ipv4CloudChannel>()),
      m_settings(settings)
{
    cloud->SetAttribute("CloudDelay", ns3::TimeValue(ns3::Seconds(settings.delay)));
    BuildHub(sized);
    for (std::size_t i = 0; i < settings.sites; ++i)
    {
        AddSite(i, sized);
    }
}

std::string
Network::TunnelName(std::size_t site)
{
    return "site-" + std::to_string(site);
}

void
Network::BuildHub(bool sized)
{
    const auto node = CreateObject<ns3::Node>();
    const auto near = CreateObject<ns3::Node>();
    const auto far = CreateObject<ns3::Node>();
    for (const auto& each : {host, node, near, far})
    {
        InstallIpv4Stack(each);
    }
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    hub = helper.Install(node);
    hub->AssignStreams(kStreamOfHub);
    const auto entry = Connect(host, node);
    const auto exit = Connect(node, near);
    const auto path = Connect(near, far);
    inside = entry.Get(1);
    path.Get(0)->SetAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(m_settings.linkRate)));
    const auto port = ns3::DynamicCast<ns3::PointToPointNetDevice>(path.Get(0));
    port->GetQueue()->SetMaxSize(Packets(1)); // packets wait above, by class
    queue =
        dscp_split::MakeClassQueues<ns3::PrioQueueDisc>(m_settings.classes, m_settings.queueLimit);
    near->GetObject<ns3::TrafficControlLayer>()->SetRootQueueDiscOnDevice(path.Get(0), queue);
    const auto device = EnterCloud(far, cloud);
    cloud->Place(kHubAddress, device);

    const auto route = [](Ptr<ns3::Node> from, const char* next, std::uint32_t interface)
    { StaticRoutesOf(from)->SetDefaultRoute(next, interface); };
    route(host, "172.16.0.1", AddAddress(entry.Get(0), hostAddress, kSmallMask));
    AddAddress(inside, "172.16.0.1", kSmallMask);
    const auto top = ns3::IpsecHelper::AttachDevice(hub, exit.Get(0));
    route(node, "192.0.2.2", AddAddress(top, kHubAddress, kSmallMask));
    const auto back = AddAddress(exit.Get(1), "192.0.2.2", kSmallMask);
    route(near, "198.51.100.2", AddAddress(path.Get(0), "198.51.100.1", kSmallMask));
    StaticRoutesOf(near)->AddNetworkRouteTo("192.0.2.0", kSmallMask, back);
    const auto toHub = AddAddress(path.Get(1), "198.51.100.2", kSmallMask);
    StaticRoutesOf(far)->AddNetworkRouteTo("192.0.2.0", kSmallMask, "198.51.100.1", toHub);
    route(far, "203.0.113.2", AddAddress(device, "203.0.113.1", kSmallMask));
}

void
Network::AddSite(std::size_t number, bool sized)
{
    Site site{CreateObject<ns3::Node>(), nullptr, InsideOf(number)};
    InstallIpv4Stack(site.node);
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    site.gateway = helper.Install(site.node);
    site.gateway->AssignStreams(kStreamsOfSites + 10 * static_cast<std::int64_t>(number));
    const auto device = EnterCloud(site.node, cloud);
    cloud->Place(OutsideOf(number), device);
    const auto top = ns3::IpsecHelper::AttachDevice(site.gateway, device);
    const auto outside = AddAddress(top, OutsideOf(number), kHostMask);
    const auto ipv4 = site.node->GetObject<ns3::Ipv4>();
    ipv4->AddAddress(0, ns3::Ipv4InterfaceAddress(site.address, kHostMask));
    StaticRoutesOf(site.node)->SetDefaultRoute(kHubAddress, outside);

    ns3::IpsecTunnel tunnel;
    tunnel.name = TunnelName(number);
    tunnel.addressA = OutsideOf(number);
    tunnel.addressB = ns3::Ipv4Address(kHubAddress);
    std::ostringstream network;
    network << ns3::Ipv4Address(site.address.Get() - 1) << "/28";
    tunnel.protectedA = network.str();
    tunnel.protectedB = "172.16.0.0/24";
    tunnel.identityA = tunnel.name + ".example";
    tunnel.identityB = "hub.example";
    tunnel.extensions = ExtensionsOf(m_settings);
    ns3::IpsecHelper::Configure(tunnel, site.gateway, hub);
    sites.push_back(site);
}

} // namespace ipseclab::dscp_hub
