/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/replay-window/replay-window-chain.h"

#include "helpers/delay-model.h"
#include "helpers/node-setup.h"

#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/subspaces.h"

#include "ns3/point-to-point-helper.h"
#include "ns3/queue-size.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <cmath>
#include <map>

namespace ipseclab::replay_window
{

using ns3::CreateObject;
using ns3::Ptr;
using ns3::Seconds;

namespace
{

/// Random streams; what is drawn from one does not depend on how much is drawn from another.
constexpr std::int64_t kStreamsOfGatewayA = 100;
constexpr std::int64_t kStreamsOfGatewayB = 200;
constexpr std::int64_t kStreamsOfNetwork = 300;
constexpr std::int64_t kStreamOfSource = 400;

constexpr const char* kAddressB = "10.2.0.2";
constexpr const char* kOutsideAddressB = "198.51.100.1";

/// The seconds by which a packet can be overtaken; with exponential delays but for 1e-9 of them.
double
Reach(const Settings& settings)
{
    if (settings.network == "ordered" || settings.arrivals)
    {
        return 0;
    }
    return settings.network == "exponential" ? settings.spread * std::log(1e9) : settings.spread;
}

std::uint32_t
AddAddress(Ptr<ns3::NetDevice> device, const char* address)
{
    return ipseclab::AddAddress(device, address, "255.255.255.0");
}

void
SetDefaultRoute(Ptr<ns3::Node> node, const char* next, std::uint32_t interface)
{
    StaticRoutesOf(node)->SetDefaultRoute(next, interface);
}

/// All packets take the slow path up to the middle of the stream, and then the fast one.
DelayModel
FailoverDelay(const Settings& settings)
{
    constexpr std::uint64_t kIkeDatagrams = 4; // which are the first on the link
    DelayModel model;
    model.kind = DelayModel::Kind::Custom;
    const std::uint64_t last = kIkeDatagrams + settings.stream.packets / 2;
    model.custom = [last, spread = settings.spread](std::uint64_t index, double)
    { return index < last ? spread : 0.0; };
    return model;
}

DelayModel
DelayModelOf(const Settings& settings)
{
    using Kind = DelayModel::Kind;
    static const std::map<std::string, Kind> kinds{{"ordered", Kind::None},
                                                   {"two-path", Kind::TwoPoint},
                                                   {"trace", Kind::None},
                                                   {"uniform", Kind::Uniform},
                                                   {"exponential", Kind::Exponential}};
    DelayModel model;
    if (settings.network == "failover")
    {
        return FailoverDelay(settings);
    }
    model.kind = kinds.at(settings.network);
    model.seconds = settings.spread;
    model.fastShare = settings.fastShare;
    return model;
}

/// Places in the order, a packet distance apart; IKE is not in it.
class TracedPath
{
  public:
    explicit TracedPath(const Settings& settings)
        : m_settings(settings)
    {
    }

    bool IsLost(Ptr<const ns3::Packet> frame) const
    {
        const auto number = NumberOf(frame);
        return number && !m_settings.arrivals->PlaceOf(*number);
    }

    ns3::Time Delay(Ptr<const ns3::Packet> frame) const
    {
        const auto number = NumberOf(frame);
        return number ? Seconds(static_cast<double>(m_settings.arrivals->LagOf(*number)) /
                                m_settings.stream.rate)
                      : ns3::Time(0);
    }

  private:
    /// Of an ESP packet with a number of the trace.
    std::optional<std::uint64_t> NumberOf(Ptr<const ns3::Packet> frame) const
    {
        constexpr std::size_t kIpv4 = 2; // behind the PPP header
        constexpr std::size_t kNumber = kIpv4 + wire::kIpv4HeaderSize + 4;
        std::uint8_t front[kNumber + 4];
        if (frame->CopyData(front, sizeof(front)) != sizeof(front) ||
            front[kIpv4 + 9] != wire::kProtocolEsp)
        {
            return std::nullopt;
        }
        const std::uint64_t number = LoadBe32(front + kNumber);
        const bool known = number >= 1 && number <= m_settings.arrivals->Sent();
        return known ? std::optional(number) : std::nullopt;
    }

    const Settings& m_settings;
};

/// Every queue takes the whole stream: this scenario measures reordering and not congestion.
ns3::QueueSize
QueueFor(const Settings& settings)
{
    return {ns3::QueueSizeUnit::PACKETS,
            static_cast<std::uint32_t>(settings.stream.packets * settings.Stride()) + 1000};
}

} // namespace

Settings::Settings(const ParameterValues& values)
    : window(static_cast<std::uint32_t>(values.Count("window"))),
      receiver(values.Word("receiver")),
      network(values.Word("network")),
      spread(values.Number("spread")),
      fastShare(values.Number("fast_share")),
      delay(values.Number("delay")),
      loss(values.Number("loss")),
      dummies(static_cast<std::uint32_t>(values.Count("dummies"))),
      esn(values.Word("esn") == "on"),
      fastPath(values.Word("attachment") == "fast-path"),
      linkRate(values.Count("link_rate"))
{
    stream.rate = values.Number("rate");
    stream.poisson = values.Word("spacing") == "poisson";
    stream.payload = static_cast<std::uint32_t>(values.Count("payload"));
    stream.packets = values.Count("packets");
    stream.randomStream = kStreamOfSource;
    if (network == "trace")
    {
        const std::string& path = values.Word("arrivals");
        if (path.empty())
        {
            throw ParameterError("arrivals: missing; network=trace needs a file");
        }
        if (stream.poisson || dummies != 0)
        {
            throw ParameterError("network: a trace wants constant spacing and no dummies");
        }
        arrivals = ArrivalOrder::Read(path, kMostPackets);
        stream.packets = arrivals->Sent();
    }
    else if (!values.Word("arrivals").empty())
    {
        throw ParameterError("arrivals: only with network=trace");
    }
    if (dummies != 0 && stream.poisson)
    {
        throw ParameterError("dummies: between packets with constant spacing only");
    }
}

std::uint64_t
Settings::SealedOctets() const
{
    const std::uint64_t ipv4 = 20;
    const std::uint64_t trailer = 2;
    const std::uint64_t encrypted = (InnerOctets() + trailer + 3) / 4 * 4;
    const std::uint64_t espHeader = 8;
    const std::uint64_t iv = 8;
    const std::uint64_t icv = 16;
    const std::uint64_t ppp = 2;
    return ppp + ipv4 + espHeader + iv + encrypted + icv;
}

std::uint64_t
Settings::Stride() const
{
    return 1 + std::uint64_t{dummies};
}

std::uint32_t
Settings::InnerOctets() const
{
    constexpr std::uint32_t kIpv4AndUdp = 28;
    return kIpv4AndUdp + stream.payload;
}

std::uint64_t
Settings::Cooldown() const
{
    const double mean = stream.rate * Reach(*this);
    // Poisson counts exceed their mean by seven deviations with a probability below 1e-9.
    const double slack = stream.poisson && mean > 0 ? 7 * std::sqrt(mean) + 7 : 0;
    return static_cast<std::uint64_t>(std::ceil(mean + slack));
}

Chain::Chain(const Settings& settings, bool sized)
    : m_settings(settings),
      m_hostA(CreateObject<ns3::Node>()),
      m_nodeA(CreateObject<ns3::Node>()),
      m_router(CreateObject<ns3::Node>()),
      m_nodeB(CreateObject<ns3::Node>()),
      m_hostB(CreateObject<ns3::Node>())
{
    m_tunnel.addressA = ns3::Ipv4Address("192.0.2.1");
    m_tunnel.addressB = OutsideAddressB();
    m_tunnel.protectedA = "10.1.0.0/24";
    m_tunnel.protectedB = "10.2.0.0/24";
    m_tunnel.childSuites.front().cipher = settings.suite;
    m_tunnel.childSuites.front().extendedSequenceNumbers = settings.esn;
    if (settings.subspaces.kind == esp::SequenceKind::Eesp)
    {
        ike::EespConfig eesp;
        eesp.subSas = settings.subspaces.subspaces;
        eesp.required = true;
        m_tunnel.extensions.push_back(ike::Eesp(eesp));
    }
    else if (settings.subspaces.HasSubspaces())
    {
        m_tunnel.extensions.push_back(ike::Subspaces({{settings.subspaces}, true, {}}));
    }
    InstallStacks(sized);
    BuildLinks();
    ns3::IpsecHelper::Configure(m_tunnel, m_gatewayA, m_gatewayB);
}

void
Chain::InstallStacks(bool sized)
{
    for (const auto& node : {m_hostA, m_nodeA, m_router, m_nodeB, m_hostB})
    {
        InstallIpv4Stack(node);
    }
    ns3::IpsecHelper helper;
    helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(m_settings.window));
    static const std::map<std::string, std::string> windowKinds{
        {"bitmap", "Bitmap"},
        {"double", "Double"},
        {"controlled-shift", "ControlledShift"}};
    helper.SetGatewayAttribute("WindowKind", ns3::StringValue(windowKinds.at(m_settings.receiver)));
    helper.SetGatewayAttribute("SubspaceRule", ns3::StringValue(m_settings.subspaceRule));
    helper.SetGatewayAttribute("SubspaceIndex", ns3::StringValue(m_settings.subspaceIndex));
    helper.SetGatewayAttribute("CryptoMode", ns3::StringValue(sized ? "Sized" : "Real"));
    m_gatewayA = helper.Install(m_nodeA);
    m_gatewayB = helper.Install(m_nodeB);
    m_gatewayA->AssignStreams(kStreamsOfGatewayA);
    m_gatewayB->AssignStreams(kStreamsOfGatewayB);
}

void
Chain::BuildLinks()
{
    const auto linkA = Connect(m_hostA, m_nodeA);
    const auto middle = Connect(m_nodeA, m_router);
    const auto network = ConnectNetwork(m_router, m_nodeB);
    const auto linkB = Connect(m_nodeB, m_hostB);
    m_outsideA = middle.Get(0);
    m_outsideB = network.Get(1);
    Network()->AssignStreams(kStreamsOfNetwork);
    Network()->SetPacketDelay(m_settings.packetDelay);
    if (m_settings.arrivals)
    {
        const TracedPath path(m_settings);
        Network()->SetPacketDelay([path](Ptr<const ns3::Packet> frame)
                                  { return path.Delay(frame); });
        Network()->SetPacketLoss([path](Ptr<const ns3::Packet> frame)
                                 { return path.IsLost(frame); });
    }

    SetDefaultRoute(m_hostA, "10.1.0.1", AddAddress(linkA.Get(0), "10.1.0.2"));
    AddGateway(m_gatewayA, linkA.Get(1), "10.1.0.1", m_outsideA, "192.0.2.1", "192.0.2.2");
    AddAddress(middle.Get(1), "192.0.2.2");
    AddAddress(network.Get(0), "198.51.100.2");
    AddGateway(m_gatewayB, linkB.Get(0), "10.2.0.1", m_outsideB, kOutsideAddressB, "198.51.100.2");
    SetDefaultRoute(m_hostB, "10.2.0.1", AddAddress(linkB.Get(1), kAddressB));
}

ns3::NetDeviceContainer
Chain::Connect(NodePtr a, NodePtr b) const
{
    ns3::PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(m_settings.linkRate)));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", ns3::QueueSizeValue(QueueFor(m_settings)));
    return link.Install(a, b);
}

ns3::NetDeviceContainer
Chain::ConnectNetwork(NodePtr a, NodePtr b) const
{
    ns3::ReorderingLink link;
    link.rate = ns3::DataRate(m_settings.linkRate);
    link.delay = Seconds(m_settings.delay);
    link.extraDelay = MakeExtraDelay(DelayModelOf(m_settings));
    link.lossProbability = m_settings.loss;
    link.queue = QueueFor(m_settings);
    return ns3::IpsecHelper::InstallReorderingLink(a, b, link);
}

/// Addresses and routes of a gateway, and IPsec on its outside.
void
Chain::AddGateway(Ptr<ns3::IpsecGateway> gateway,
                  DevicePtr inside,
                  const char* insideAddress,
                  DevicePtr outside,
                  const char* outsideAddress,
                  const char* next) const
{
    AddAddress(inside, insideAddress);
    const DevicePtr top =
        m_settings.fastPath ? outside : ns3::IpsecHelper::AttachDevice(gateway, outside);
    SetDefaultRoute(inside->GetNode(), next, AddAddress(top, outsideAddress));
    if (m_settings.fastPath)
    {
        ns3::IpsecHelper::AttachFastPath(gateway, inside, outside);
    }
}

ns3::Ptr<ns3::Node>
Chain::HostA() const
{
    return m_hostA;
}

ns3::Ptr<ns3::Node>
Chain::HostB() const
{
    return m_hostB;
}

ns3::Ptr<ns3::Node>
Chain::Router() const
{
    return m_router;
}

ns3::Ipv4Address
Chain::OutsideAddressB() const
{
    return ns3::Ipv4Address(kOutsideAddressB);
}

ns3::Ipv4Address
Chain::AddressB() const
{
    return ns3::Ipv4Address(kAddressB);
}

Ptr<ns3::IpsecGateway>
Chain::GatewayA() const
{
    return m_gatewayA;
}

Ptr<ns3::IpsecGateway>
Chain::GatewayB() const
{
    return m_gatewayB;
}

Ptr<ns3::NetDevice>
Chain::OutsideA() const
{
    return m_outsideA;
}

Ptr<ns3::NetDevice>
Chain::OutsideB() const
{
    return m_outsideB;
}

Ptr<ns3::ReorderingChannel>
Chain::Network() const
{
    return ns3::DynamicCast<ns3::ReorderingChannel>(m_outsideB->GetChannel());
}

std::string
Chain::TunnelName() const
{
    return m_tunnel.name;
}

} // namespace ipseclab::replay_window
