/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/offload/offload-network.h"

#include "helpers/ipsec-helper.h"
#include "helpers/node-setup.h"

#include "ns3/abort.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/queue-size.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

namespace ipseclab::offload
{

using ns3::CreateObject;
using ns3::Ptr;

namespace
{

/// Random streams; what is drawn from one does not depend on how much is drawn from another.
constexpr std::int64_t kStreamOfEngineA = 100;
constexpr std::int64_t kStreamOfEngineB = 200;

constexpr const char* kMask = "255.255.255.0";
constexpr const char* kOutsideA = "192.0.2.1";
constexpr const char* kOutsideB = "192.0.2.2";
constexpr std::uint16_t kMtu = 9500;

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, kMask);
}

std::string
PeerName(std::uint32_t index)
{
    return "sa " + std::to_string(index);
}

/// What is sent from A to B by the flows from `first` to `last`.
esp::SpdEntry
PolicyOf(std::uint32_t index, std::uint32_t first, std::uint32_t last, bool atA)
{
    TrafficSelector selector;
    selector.protocol = wire::kProtocolUdp;
    selector.startPort = static_cast<std::uint16_t>(kFirstPort + first);
    selector.endPort = static_cast<std::uint16_t>(kFirstPort + last);
    selector.start = IpAddress::V4(0);
    selector.end = IpAddress::V4(0xffffffff);
    esp::SpdEntry entry;
    entry.name = PeerName(index);
    entry.peer = entry.name;
    entry.action = esp::SpdAction::Protect;
    (atA ? entry.local : entry.remote) = {selector};
    return entry;
}

template <typename Config>
Config
MakeSaConfig(std::uint32_t spi, bool fromA, bool sized)
{
    Config config;
    config.spi = spi;
    config.suite = ike::ChildSuite{}.cipher;
    config.keyingMaterial.assign(20, static_cast<std::uint8_t>(spi)); // key, and salt of GCM
    StoreBe32(config.keyingMaterial.data(), spi);
    const auto a = IpAddress::V4(ns3::Ipv4Address(kOutsideA).Get());
    const auto b = IpAddress::V4(ns3::Ipv4Address(kOutsideB).Get());
    config.outerSource = fromA ? a : b;
    config.outerDestination = fromA ? b : a;
    config.mode = sized ? crypto::CryptoMode::Sized : crypto::CryptoMode::Real;
    return config;
}

} // namespace

Net::Net(const Settings& settings, bool sized)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      m_settings(settings)
{
    BuildGateways(sized);
    BuildLinks();
    for (std::uint32_t i = 0; i < settings.sas; ++i)
    {
        AddSa(i, sized);
    }
    if (settings.outbound)
    {
        gatewayA->SetEngine(MakeEngine(settings.numberAt, kStreamOfEngineA), true);
    }
    if (settings.inbound)
    {
        gatewayB->SetEngine(MakeEngine(settings.checkAt, kStreamOfEngineB), false);
    }
}

void
Net::BuildGateways(bool sized)
{
    const auto nodeA = CreateObject<ns3::Node>();
    const auto nodeB = CreateObject<ns3::Node>();
    for (const auto& node : {hostA, nodeA, nodeB, hostB})
    {
        InstallIpv4Stack(node);
    }
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    gatewayA = helper.Install(nodeA);
    gatewayB = helper.Install(nodeB);
}

void
Net::BuildLinks()
{
    const auto nodeA = gatewayA->GetObject<ns3::Node>();
    const auto nodeB = gatewayB->GetObject<ns3::Node>();
    const auto left = Connect(hostA, nodeA);
    const auto middle = Connect(nodeA, nodeB);
    const auto right = Connect(nodeB, hostB);
    const auto outsideA = ns3::IpsecHelper::AttachDevice(gatewayA, middle.Get(0));
    const auto outsideB = ns3::IpsecHelper::AttachDevice(gatewayB, middle.Get(1));
    StaticRoutesOf(hostA)->SetDefaultRoute("10.1.0.1", AddAddress(left.Get(0), "10.1.0.2"));
    AddAddress(left.Get(1), "10.1.0.1");
    StaticRoutesOf(nodeA)->SetDefaultRoute(kOutsideB, AddAddress(outsideA, kOutsideA));
    StaticRoutesOf(nodeB)->SetDefaultRoute(kOutsideA, AddAddress(outsideB, kOutsideB));
    AddAddress(right.Get(0), "10.2.0.1");
    StaticRoutesOf(hostB)->SetDefaultRoute("10.2.0.1", AddAddress(right.Get(1), kHostB));
}

ns3::NetDeviceContainer
Net::Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b) const
{
    // Every queue takes the whole stream: only engines drop here.
    const ns3::QueueSize queue(ns3::QueueSizeUnit::PACKETS,
                               static_cast<std::uint32_t>(m_settings.packets) + 100);
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(m_settings.linkRate)));
    link.SetDeviceAttribute("Mtu", ns3::UintegerValue(kMtu));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::QueueSizeValue(queue));
    return link.Install(a, b);
}

void
Net::AddSa(std::uint32_t index, bool sized) const
{
    const auto firstFlow = [&](std::uint64_t sa)
    { return static_cast<std::uint32_t>(sa * m_settings.flows / m_settings.sas); };
    const std::uint32_t first = firstFlow(index);
    const std::uint32_t end = firstFlow(index + 1);
    const std::uint32_t spiB = kFirstSpi + index;
    const std::uint32_t spiA = 0x80000000 + spiB;
    for (const bool atA : {true, false})
    {
        const auto& gateway = atA ? gatewayA : gatewayB;
        if (first < end)
        {
            gateway->AddPolicy(PolicyOf(index, first, end - 1, atA));
        }
        auto out = MakeSaConfig<esp::OutboundSaConfig>(atA ? spiB : spiA, atA, sized);
        out.spiInbound = atA ? spiA : spiB;
        auto in = MakeSaConfig<esp::InboundSaConfig>(atA ? spiA : spiB, !atA, sized);
        in.antiReplay.window = m_settings.window;
        NS_ABORT_MSG_UNLESS(gateway->GetDataPlane().GetSad().Add(PeerName(index),
                                                                 esp::OutboundSa::Create(out),
                                                                 esp::InboundSa::Create(in)),
                            "an SPI is taken");
    }
}

Ptr<ns3::IpsecEngine>
Net::MakeEngine(ns3::IpsecStep step, std::int64_t stream) const
{
    static const char* const kNames[] = {"Arrival", "Start", "Completion"};
    const auto engine = CreateObject<ns3::IpsecEngine>();
    engine->SetAttribute("Step", ns3::StringValue(kNames[static_cast<std::size_t>(step)]));
    engine->AssignStreams(stream);
    engine->SetConfig(m_settings.engine);
    return engine;
}

} // namespace ipseclab::offload
