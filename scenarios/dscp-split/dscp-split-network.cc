/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/dscp-split/dscp-split-network.h"

#include "helpers/node-setup.h"
#include "scenarios/dscp-split/class-queues.h"
#include "scenarios/replay-window/replay-window-chain.h"

#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/subspaces.h"
#include "model/ike/extensions/ts-dscp.h"

#include "ns3/drr-queue-disc.h"
#include "ns3/dual-pi2-queue-disc.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/prio-queue-disc.h"
#include "ns3/string.h"
#include "ns3/traffic-control-layer.h"
#include "ns3/uinteger.h"

#include <vector>

namespace ipseclab::dscp_split
{

using ns3::CreateObject;
using ns3::Ptr;
using ns3::QueueDisc;

namespace
{

constexpr std::int64_t kStreamsOfGatewayA = 100;
constexpr std::int64_t kStreamsOfGatewayB = 200;
constexpr std::int64_t kStreamsOfQueue = 300;

/// Of the bottleneck before gateway A: slower by what ESP adds to a datagram of the stream, so that
/// both bottlenecks carry as many packets.
std::uint64_t
RateBefore(const Settings& settings)
{
    constexpr std::uint64_t kHeaders = 30; // IPv4, UDP and PPP
    replay_window::Settings stream;
    stream.stream.payload = settings.payload;
    return settings.linkRate * (settings.payload + kHeaders) / stream.SealedOctets();
}

Ptr<QueueDisc>
MakeQueue(const Settings& settings)
{
    if (settings.queue == "priority")
    {
        return MakeClassQueues<ns3::PrioQueueDisc>(settings.classes, settings.queueLimit);
    }
    if (settings.queue == "drr")
    {
        constexpr std::uint32_t kQuantum = 1500;
        std::vector<std::uint32_t> quanta;
        for (std::uint64_t i = settings.classes; i > 0; --i)
        {
            quanta.push_back(static_cast<std::uint32_t>(i * kQuantum));
        }
        const auto drr = MakeClassQueues<ns3::DrrQueueDisc>(settings.classes, settings.queueLimit);
        drr->SetQuanta(quanta);
        return drr;
    }
    const auto all = static_cast<std::uint32_t>(settings.queueLimit * settings.classes);
    if (settings.queue == "dualpi2")
    {
        const auto dual = CreateObject<ns3::DualPi2QueueDisc>();
        dual->SetMaxSize(Packets(all));
        dual->AssignStreams(kStreamsOfQueue);
        return dual;
    }
    return MakeFifo(all);
}

/// All classes but the lowest, which has the default SA.
ike::DscpClassesConfig
ClassesOf(const Settings& settings)
{
    ike::DscpClassesConfig config;
    config.defaultFirst = settings.defaultFirst;
    for (std::uint64_t i = settings.defaultFirst ? 1 : 0; i < settings.classes; ++i)
    {
        config.classes.push_back(DscpSet().set(DscpOf(i)));
    }
    return config;
}

ike::ExtensionFactory
ExtensionOf(const Settings& settings)
{
    if (settings.mechanism == "split")
    {
        return ike::DscpClasses(ClassesOf(settings));
    }
    if (settings.mechanism == "notify")
    {
        ike::DscpNotificationConfig config;
        config.own = ClassesOf(settings);
        config.toAnyone = true;
        return ike::DscpNotification(config);
    }
    if (settings.mechanism == "ts-dscp")
    {
        ike::TsDscpConfig config;
        config.own = ClassesOf(settings);
        config.toAnyone = true;
        return ike::TsDscp(config);
    }
    if (settings.mechanism == "sub-sas")
    {
        ike::EespConfig eesp;
        eesp.subSas = settings.Numbers().subspaces;
        eesp.required = true;
        return ike::Eesp(eesp);
    }
    return ike::Subspaces({{settings.Numbers()}, true, {}});
}

/// Of a peer that knows only the selectors of RFC 7296, and does not leave others out
/// (section 2.9).
class RefusesUnknownSelectors final : public ike::Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<RefusesUnknownSelectors>();
    }

    std::optional<ike::Refusal> ReadChild(ike::ExtensionHost&,
                                          ike::ChildNegotiation& child,
                                          const wire::PayloadList& in) override
    {
        const auto* ts = wire::Find<wire::TsPayload>(in, wire::PayloadType::TsI);
        const bool unknown = !child.asking && ts && !ts->others.empty();
        return unknown ? std::make_optional(ike::Refusal{wire::NotifyType::TsUnacceptable})
                       : std::nullopt;
    }
};

} // namespace

std::uint8_t
DscpOf(std::uint64_t packetClass)
{
    constexpr unsigned kSelectorShift = 3;
    return static_cast<std::uint8_t>(packetClass << kSelectorShift);
}

Settings::Settings(const ParameterValues& values)
    : mechanism(values.Word("mechanism")),
      classes(values.Count("classes")),
      spaces(values.Count("spaces")),
      awareResponder(values.Word("responder") == "aware"),
      refusingResponder(values.Word("responder") == "refusing"),
      defaultFirst(values.Word("first_sa") == "default"),
      window(static_cast<std::uint32_t>(values.Count("window"))),
      fixedOuterDscp(values.Word("outer_dscp") == "fixed"),
      saLimit(static_cast<std::uint32_t>(values.Count("sa_limit"))),
      queue(values.Word("queue")),
      queueBefore(values.Word("place") == "before"),
      queueLimit(static_cast<std::uint32_t>(values.Count("queue_limit"))),
      linkRate(values.Count("link_rate")),
      delay(values.Number("delay")),
      payload(static_cast<std::uint32_t>(values.Count("payload")))
{
}

esp::SequenceScheme
Settings::Numbers() const
{
    if (mechanism == "round-robin")
    {
        return esp::SequenceScheme::Sub64(static_cast<std::uint32_t>(spaces));
    }
    if (mechanism == "subspaces")
    {
        return esp::SequenceScheme::Sub64(static_cast<std::uint32_t>(classes));
    }
    if (mechanism == "sub-sas")
    {
        return esp::SequenceScheme::Eesp(static_cast<std::uint32_t>(classes));
    }
    return esp::SequenceScheme::Plain(false);
}

std::uint64_t
Settings::Requests() const
{
    return HasClassSas() ? (classes - 1) * (BothAsk() ? 2 : 1) : 0;
}

Network::Network(const Settings& settings, bool sized)
    : hostA(CreateObject<ns3::Node>()),
      hostB(CreateObject<ns3::Node>()),
      addressA("10.1.0.2"),
      addressB("10.2.0.2"),
      m_settings(settings),
      m_before(CreateObject<ns3::Node>()),
      m_nodeA(CreateObject<ns3::Node>()),
      m_behind(CreateObject<ns3::Node>()),
      m_nodeB(CreateObject<ns3::Node>())
{
    for (const auto& node : {hostA, m_before, m_nodeA, m_behind, m_nodeB, hostB})
    {
        InstallIpv4Stack(node);
    }
    InstallGateways(sized);
    BuildLinks();
    ConfigureTunnel();
}

void
Network::InstallGateways(bool sized)
{
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    helper.SetGatewayAttribute(
        "SubspaceRule",
        ns3::StringValue(m_settings.mechanism == "round-robin" ? "RoundRobin" : "ClassNumber"));
    constexpr std::uint64_t kCopied = 64;
    helper.SetGatewayAttribute("OuterDscp",
                               ns3::UintegerValue(m_settings.fixedOuterDscp ? DscpOf(0) : kCopied));
    gatewayA = helper.Install(m_nodeA);
    helper.SetGatewayAttribute("SaLimit", ns3::UintegerValue(m_settings.saLimit));
    gatewayB = helper.Install(m_nodeB);
    gatewayA->AssignStreams(kStreamsOfGatewayA);
    gatewayB->AssignStreams(kStreamsOfGatewayB);
}

ns3::NetDeviceContainer
Network::Connect(Ptr<ns3::Node> a, Ptr<ns3::Node> b, bool bottleneck)
{
    constexpr std::uint32_t kPlenty = 1000000;
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::StringValue("100Gbps"));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::QueueSizeValue(Packets(kPlenty)));
    const auto devices = link.Install(a, b);
    if (bottleneck)
    {
        const std::uint64_t rate =
            m_settings.queueBefore ? RateBefore(m_settings) : m_settings.linkRate;
        devices.Get(0)->SetAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(rate)));
        const auto port = ns3::DynamicCast<ns3::PointToPointNetDevice>(devices.Get(0));
        port->GetQueue()->SetMaxSize(Packets(1)); // packets wait above, by class
        queue = MakeQueue(m_settings);
        a->GetObject<ns3::TrafficControlLayer>()->SetRootQueueDiscOnDevice(devices.Get(0), queue);
    }
    return devices;
}

void
Network::BuildLinks()
{
    const auto linkA = Connect(hostA, m_before, false);
    const auto entry = Connect(m_before, m_nodeA, m_settings.queueBefore);
    const auto middle = Connect(m_nodeA, m_behind, false);
    const auto path = Connect(m_behind, m_nodeB, !m_settings.queueBefore);
    const auto linkB = Connect(m_nodeB, hostB, false);
    path.Get(0)->GetChannel()->SetAttribute("Delay",
                                            ns3::TimeValue(ns3::Seconds(m_settings.delay)));
    insideA = entry.Get(1);
    insideB = linkB.Get(0);
    outsideA = middle.Get(0);
    outsideB = path.Get(1);

    const auto attach = [](Ptr<ns3::NetDevice> device, const char* address)
    { return AddAddress(device, address, "255.255.255.0"); };
    const auto route = [](Ptr<ns3::Node> node, const char* next, std::uint32_t interface)
    { StaticRoutesOf(node)->SetDefaultRoute(next, interface); };
    route(hostA, "10.1.0.1", attach(linkA.Get(0), "10.1.0.2"));
    attach(linkA.Get(1), "10.1.0.1");
    route(m_before, "10.1.1.1", attach(entry.Get(0), "10.1.1.2"));
    const std::uint32_t inside = attach(insideA, "10.1.1.1");
    StaticRoutesOf(m_nodeA)->AddNetworkRouteTo("10.1.0.0", "255.255.255.0", "10.1.1.2", inside);
    const auto sealingA = ns3::IpsecHelper::AttachDevice(gatewayA, outsideA);
    route(m_nodeA, "192.0.2.2", attach(sealingA, "192.0.2.1"));
    attach(middle.Get(1), "192.0.2.2");
    attach(path.Get(0), "198.51.100.2");
    const auto sealingB = ns3::IpsecHelper::AttachDevice(gatewayB, outsideB);
    route(m_nodeB, "198.51.100.2", attach(sealingB, "198.51.100.1"));
    attach(linkB.Get(0), "10.2.0.1");
    route(hostB, "10.2.0.1", attach(linkB.Get(1), "10.2.0.2"));
}

void
Network::ConfigureTunnel()
{
    ns3::IpsecTunnel settings;
    settings.name = tunnel;
    settings.addressA = ns3::Ipv4Address("192.0.2.1");
    settings.addressB = ns3::Ipv4Address("198.51.100.1");
    settings.protectedA = "10.1.0.0/24";
    settings.protectedB = "10.2.0.0/24";
    if (m_settings.HasClassSas() || m_settings.Numbers().HasSubspaces())
    {
        auto& where = m_settings.awareResponder ? settings.extensions : settings.extensionsOfA;
        where.push_back(ExtensionOf(m_settings));
    }
    if (m_settings.refusingResponder)
    {
        settings.extensions.push_back([] { return std::make_unique<RefusesUnknownSelectors>(); });
    }
    ns3::IpsecHelper::Configure(settings, gatewayA, gatewayB);
}

} // namespace ipseclab::dscp_split
