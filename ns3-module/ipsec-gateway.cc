/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-gateway.h"

#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/tfc-padding.h"
#include "model/ike/extensions/transport-mode.h"
#include "model/wire/ip-packet.h"

#include "ns3/abort.h"
#include "ns3/inet-socket-address.h"
#include "ns3/inet6-socket-address.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-packet-info-tag.h"
#include "ns3/ipv6-l3-protocol.h"
#include "ns3/ipv6-packet-info-tag.h"
#include "ns3/log.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/trace-source-accessor.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ns3
{

namespace crypto = ipseclab::crypto;
namespace esp = ipseclab::esp;
namespace ike = ipseclab::ike;
namespace wire = ipseclab::wire;

NS_LOG_COMPONENT_DEFINE("IpsecGateway");
NS_OBJECT_ENSURE_REGISTERED(IpsecGateway);

namespace
{

constexpr uint32_t kFirstMulticast = 0xe0000000; ///< 224.0.0.0; what follows is no unicast either
constexpr uint32_t kLargestWindow = 1U << 31;

ike::Instant
ModelNow()
{
    return ike::Instant(Simulator::Now().GetNanoSeconds());
}

ipseclab::IpAddress
ToModel(Ipv4Address address)
{
    return ipseclab::IpAddress::V4(address.Get());
}

ipseclab::IpAddress
ToModel(Ipv6Address address)
{
    uint8_t octets[16];
    address.GetBytes(octets);
    return *ipseclab::IpAddress::FromOctets(octets);
}

Address
ToNs3(const ike::TransportAddress& to)
{
    if (to.address.IsV4())
    {
        return InetSocketAddress(Ipv4Address(to.address.V4Value()), to.port);
    }
    uint8_t octets[16];
    std::copy_n(to.address.Octets().data(), sizeof(octets), octets);
    return Inet6SocketAddress(Ipv6Address(octets), to.port);
}

/// Both ends of a datagram, or nothing when the socket does not say.
std::optional<ike::Path>
ReadPath(const Address& from, uint16_t port, Ptr<Packet> packet)
{
    if (InetSocketAddress::IsMatchingType(from))
    {
        Ipv4PacketInfoTag info;
        const InetSocketAddress remote = InetSocketAddress::ConvertFrom(from);
        return packet->RemovePacketTag(info)
                 ? std::make_optional(ike::Path{{ToModel(info.GetAddress()), port},
                                                {ToModel(remote.GetIpv4()), remote.GetPort()}})
                 : std::nullopt;
    }
    Ipv6PacketInfoTag info;
    const Inet6SocketAddress remote = Inet6SocketAddress::ConvertFrom(from);
    return packet->RemovePacketTag(info)
             ? std::make_optional(ike::Path{{ToModel(info.GetAddress()), port},
                                            {ToModel(remote.GetIpv6()), remote.GetPort()}})
             : std::nullopt;
}

ipseclab::TrafficSelector
AnyAddress(bool v6)
{
    return *ipseclab::TrafficSelector::FromString(v6 ? "::/0" : "0.0.0.0/0");
}

/// UDP from port 500 to port 500, of anyone.
esp::SpdEntry
IkeBypass()
{
    ipseclab::TrafficSelectorList ports;
    for (const bool v6 : {false, true})
    {
        ipseclab::TrafficSelector port = AnyAddress(v6);
        port.protocol = wire::kProtocolUdp;
        port.startPort = wire::kIkePort;
        port.endPort = wire::kIkePort;
        ports.push_back(port);
    }
    return {"ike", ports, ports, esp::SpdAction::Bypass, ""};
}

/// Router and neighbour solicitations, advertisements and redirects: ICMPv6 types 133 to 137 (RFC
/// 4861), without which there is no link to protect.
esp::SpdEntry
NeighbourBypass()
{
    ipseclab::TrafficSelector types = AnyAddress(true);
    types.protocol = wire::kProtocolIcmpv6;
    types.startPort = 133 << 8;
    types.endPort = (137 << 8) + 255;
    return {"neighbour discovery", {types}, {}, esp::SpdAction::Bypass, ""};
}

/// IKE and NAT traversal of one address of this node; a NAT may have changed the other side's port.
esp::SpdEntry
NatTraversalBypass(const ipseclab::IpAddress& address)
{
    ipseclab::TrafficSelector ike;
    ike.protocol = wire::kProtocolUdp;
    ike.startPort = wire::kIkePort;
    ike.endPort = wire::kIkePort;
    ike.start = address;
    ike.end = address;
    ipseclab::TrafficSelector floated = ike;
    floated.startPort = wire::kNatTraversalPort;
    floated.endPort = wire::kNatTraversalPort;
    return {"ike " + address.ToString(), {ike, floated}, {}, esp::SpdAction::Bypass, ""};
}

/// ICMP of one address of this node, to and from anyone.
esp::SpdEntry
IcmpBypass(const ipseclab::IpAddress& address)
{
    ipseclab::TrafficSelector own;
    own.protocol = address.IsV4() ? wire::kProtocolIcmp : wire::kProtocolIcmpv6;
    own.start = address;
    own.end = address;
    return {"icmp " + address.ToString(), {own}, {}, esp::SpdAction::Bypass, ""};
}

} // namespace

TypeId
IpsecGateway::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::IpsecGateway")
            .SetParent<Object>()
            .SetGroupName("Ipsec")
            .AddConstructor<IpsecGateway>()
            .AddAttribute("ReplayWindow",
                          "Size of the receiver's replay window, in packets; 0: no check. For SAs "
                          "that are set up from now on.",
                          UintegerValue(64),
                          MakeUintegerAccessor(&IpsecGateway::m_replayWindow),
                          MakeUintegerChecker<uint32_t>(0, kLargestWindow))
            .AddAttribute("ReplayProfile",
                          "Whose replay rules the receiver follows.",
                          StringValue("Rfc4303"),
                          compat::MakeEnumAttributeAccessor<esp::ReplayProfile>(
                              &IpsecGateway::SetReplayProfile,
                              &IpsecGateway::GetReplayProfile),
                          compat::MakeEnumAttributeChecker(esp::ReplayProfile::Rfc4303,
                                                           "Rfc4303",
                                                           esp::ReplayProfile::LinuxBitmap,
                                                           "LinuxBitmap",
                                                           esp::ReplayProfile::LinuxLegacy,
                                                           "LinuxLegacy"))
            .AddAttribute(
                "WindowKind",
                "How the receiver remembers numbers: a bitmap, a double window or a "
                "controlled shift. For SAs that are set up from now on.",
                StringValue("Bitmap"),
                compat::MakeEnumAttributeAccessor<esp::WindowKind>(&IpsecGateway::SetWindowKind,
                                                                   &IpsecGateway::GetWindowKind),
                compat::MakeEnumAttributeChecker(esp::WindowKind::Bitmap,
                                                 "Bitmap",
                                                 esp::WindowKind::Double,
                                                 "Double",
                                                 esp::WindowKind::ControlledShift,
                                                 "ControlledShift"))
            .AddAttribute(
                "SubspaceRule",
                "What the sender chooses a subspace by, on SAs that have some: always the "
                "first, class selector of the inner DSCP, flow, or one after the other.",
                StringValue("ClassNumber"),
                compat::MakeEnumAttributeAccessor<esp::SubspaceRule>(
                    &IpsecGateway::SetSubspaceRule,
                    &IpsecGateway::GetSubspaceRule),
                compat::MakeEnumAttributeChecker(esp::SubspaceRule::First,
                                                 "First",
                                                 esp::SubspaceRule::ClassNumber,
                                                 "ClassNumber",
                                                 esp::SubspaceRule::Flow,
                                                 "Flow",
                                                 esp::SubspaceRule::RoundRobin,
                                                 "RoundRobin"))
            .AddAttribute(
                "CryptoMode",
                "Real: ESP is encrypted; Sized: same lengths and counters, no cipher. "
                "IKE is always real.",
                StringValue("Real"),
                compat::MakeEnumAttributeAccessor<crypto::CryptoMode>(&IpsecGateway::SetCryptoMode,
                                                                      &IpsecGateway::GetCryptoMode),
                compat::MakeEnumAttributeChecker(crypto::CryptoMode::Real,
                                                 "Real",
                                                 crypto::CryptoMode::Sized,
                                                 "Sized"))
            .AddAttribute(
                "DfPolicy",
                "The outer DF bit: as in the inner packet, always set, or always clear.",
                StringValue("Copy"),
                compat::MakeEnumAttributeAccessor<esp::DfPolicy>(&IpsecGateway::SetDfPolicy,
                                                                 &IpsecGateway::GetDfPolicy),
                compat::MakeEnumAttributeChecker(esp::DfPolicy::Copy,
                                                 "Copy",
                                                 esp::DfPolicy::Set,
                                                 "Set",
                                                 esp::DfPolicy::Clear,
                                                 "Clear"))
            .AddAttribute("OuterTtl",
                          "Time to live or hop limit of the outer header, in hops.",
                          UintegerValue(64),
                          MakeUintegerAccessor(&IpsecGateway::m_outerTtl),
                          MakeUintegerChecker<uint8_t>(1, 255))
            .AddAttribute(
                "EcnProfile",
                "What a tunnel does with ECN: RFC 6040, RFC 3168 as Linux has it, or "
                "nothing.",
                StringValue("Rfc6040"),
                compat::MakeEnumAttributeAccessor<esp::EcnProfile>(&IpsecGateway::SetEcnProfile,
                                                                   &IpsecGateway::GetEcnProfile),
                compat::MakeEnumAttributeChecker(esp::EcnProfile::Rfc6040,
                                                 "Rfc6040",
                                                 esp::EcnProfile::Rfc3168,
                                                 "Rfc3168",
                                                 esp::EcnProfile::None,
                                                 "None"))
            .AddAttribute("TfcLength",
                          "Octets up to which shorter packets are padded in tunnel mode, as far as "
                          "the MTU allows and unless the peer refuses; 0: no TFC padding.",
                          UintegerValue(0),
                          MakeUintegerAccessor(&IpsecGateway::m_tfcLength),
                          MakeUintegerChecker<uint32_t>(0, 65535))
            .AddAttribute("AcquireInterval",
                          "Least time from one request for a Child SA to the next, on an IKE SA "
                          "whose Child SA was refused or deleted while packets need one.",
                          TimeValue(Seconds(5)),
                          MakeTimeAccessor(&IpsecGateway::m_acquireInterval),
                          MakeTimeChecker(Seconds(0)))
            .AddTraceSource("Drop",
                            "A packet was given up, with the reason and whether it was leaving.",
                            MakeTraceSourceAccessor(&IpsecGateway::m_dropTrace),
                            "ns3::IpsecGateway::DropTracedCallback")
            .AddTraceSource("EspSent",
                            "A packet was sealed: SPI and whole sequence number.",
                            MakeTraceSourceAccessor(&IpsecGateway::m_espSentTrace),
                            "ns3::IpsecGateway::EspSentTracedCallback")
            .AddTraceSource("EspReceived",
                            "An ESP packet for this node was opened, or dropped for the reason "
                            "given: SPI and whole sequence number (0 when no SA took it).",
                            MakeTraceSourceAccessor(&IpsecGateway::m_espReceivedTrace),
                            "ns3::IpsecGateway::EspReceivedTracedCallback")
            .AddTraceSource("IkeEvent",
                            "An SA came up, went away or was refused. It is in effect already.",
                            MakeTraceSourceAccessor(&IpsecGateway::m_ikeEventTrace),
                            "ns3::IpsecGateway::IkeEventTracedCallback");
    return tid;
}

IpsecGateway::IpsecGateway()
    : m_ike(m_random)
{
    m_dataPlane.GetSpd().Add(IkeBypass());
    m_dataPlane.GetSpd().Add(NeighbourBypass());
    // Not at once: the data plane is in the middle of a packet.
    m_dataPlane.SetAcquireCallback(
        [this](const std::string& peer)
        { Simulator::ScheduleNow(&IpsecGateway::Acquire, Ptr<IpsecGateway>(this), peer); });
    m_dataPlane.SetUnknownSpiCallback(
        [this](uint32_t spi, const ipseclab::IpAddress& source) {
            Simulator::ScheduleNow(&IpsecGateway::HandleUnknownSpi,
                                   Ptr<IpsecGateway>(this),
                                   spi,
                                   source);
        });
    m_pathMtu = CreateObject<IpsecPathMtu>();
    m_pathMtu->SetGateway(this);
    m_dataPlane.SetSizeLimit(
        [this](const esp::OutboundSa& sa, const wire::IpView& inner, size_t mtu)
        { return m_pathMtu->SizeLimit(sa, inner, mtu); });
    m_dataPlane.SetPathCallback(
        [this](const esp::UdpPath& path)
        { Simulator::ScheduleNow(&IpsecGateway::HandlePath, Ptr<IpsecGateway>(this), path); });
    m_dataPlane.SetVolumeCallback(
        [this](uint32_t spiInbound, esp::VolumeMeter::Event event)
        {
            Simulator::ScheduleNow(&IpsecGateway::HandleVolume,
                                   Ptr<IpsecGateway>(this),
                                   spiInbound,
                                   event);
        });
}

IpsecGateway::~IpsecGateway() = default;

void
IpsecGateway::NotifyNewAggregate()
{
    if (!m_node)
    {
        m_node = GetObject<Node>();
    }
    Object::NotifyNewAggregate();
}

void
IpsecGateway::DoInitialize()
{
    LearnAddresses();
    OpenSockets();
    Object::DoInitialize();
}

void
IpsecGateway::DoDispose()
{
    m_timer.Cancel();
    m_timerDue.reset();
    m_dataPlane.SetAcquireCallback({});
    m_dataPlane.SetVolumeCallback({});
    m_dataPlane.SetPathCallback({});
    m_dataPlane.SetUnknownSpiCallback({});
    m_dataPlane.SetSizeLimit({});
    m_pathMtu->Dispose();
    for (const auto& socket : m_sockets)
    {
        socket.second->SetRecvCallback(MakeNullCallback<void, Ptr<Socket>>());
    }
    m_sockets.clear();
    m_node = nullptr;
    for (auto* engine : {&m_outboundEngine, &m_inboundEngine})
    {
        if (*engine)
        {
            (*engine)->Dispose();
            *engine = nullptr;
        }
    }
    Object::DoDispose();
}

void
IpsecGateway::LearnAddresses()
{
    NS_ABORT_MSG_UNLESS(m_node, "an IpsecGateway must be aggregated to a Node");
    const Ptr<Ipv4> ipv4 = m_node->GetObject<Ipv4>();
    NS_ABORT_MSG_UNLESS(ipv4, "the Internet stack must be on node " << m_node->GetId());
    for (uint32_t i = 0; i < ipv4->GetNInterfaces(); ++i)
    {
        for (uint32_t k = 0; k < ipv4->GetNAddresses(i); ++k)
        {
            m_addresses.push_back(ToModel(ipv4->GetAddress(i, k).GetLocal()));
            m_broadcasts.push_back(ipv4->GetAddress(i, k).GetBroadcast().Get());
        }
    }
    const Ptr<Ipv6> ipv6 = m_node->GetObject<Ipv6>();
    for (uint32_t i = 0; ipv6 && i < ipv6->GetNInterfaces(); ++i)
    {
        for (uint32_t k = 0; k < ipv6->GetNAddresses(i); ++k)
        {
            m_addresses.push_back(ToModel(ipv6->GetAddress(i, k).GetAddress()));
        }
    }
}

bool
IpsecGateway::IsLocalAddress(const ipseclab::IpAddress& address) const
{
    return std::find(m_addresses.begin(), m_addresses.end(), address) != m_addresses.end();
}

bool
IpsecGateway::IsGuarded(uint16_t protocol) const
{
    return protocol == Ipv4L3Protocol::PROT_NUMBER ||
           (protocol == Ipv6L3Protocol::PROT_NUMBER && m_node->GetObject<Ipv6>());
}

uint16_t
IpsecGateway::ProtocolOf(Ptr<const Packet> packet)
{
    uint8_t first = 0;
    packet->CopyData(&first, 1);
    return wire::IsIpv6(&first) ? Ipv6L3Protocol::PROT_NUMBER : Ipv4L3Protocol::PROT_NUMBER;
}

bool
IpsecGateway::IsForNode(const wire::IpView& view) const
{
    const ipseclab::IpAddress destination = view.Destination();
    if (IsLocalAddress(destination))
    {
        return true;
    }
    if (view.v6)
    {
        // Multicast, or of a link: fe80::/10.
        const auto octets = destination.Octets();
        return octets[0] == 0xff || (octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80);
    }
    const uint32_t v4 = destination.V4Value();
    return v4 >= kFirstMulticast ||
           std::find(m_broadcasts.begin(), m_broadcasts.end(), v4) != m_broadcasts.end();
}

void
IpsecGateway::AddPeer(const ike::PeerConfig& peer)
{
    NS_ABORT_MSG_UNLESS(m_ike.AddPeer(peer),
                        "IKE does not take peer \""
                            << peer.name
                            << "\": its name is taken, a suite is unsupported, suites, selectors "
                               "or a key are missing, or "
                               "there are more than 255 selectors");
    const esp::SpdEntry icmp = IcmpBypass(peer.local.address);
    const auto& entries = m_dataPlane.GetSpd().Entries();
    if (std::none_of(entries.begin(),
                     entries.end(),
                     [&](const esp::SpdEntry& e) { return e.name == icmp.name; }))
    {
        m_dataPlane.GetSpd().Add(NatTraversalBypass(peer.local.address));
        m_dataPlane.GetSpd().Add(icmp);
    }
}

void
IpsecGateway::AddPolicy(const esp::SpdEntry& entry)
{
    m_dataPlane.GetSpd().Add(entry);
}

void
IpsecGateway::SetRandomSource(std::unique_ptr<crypto::RandomSource> source)
{
    m_random.Replace(std::move(source));
}

// ---- IKE: socket, timer, events

void
IpsecGateway::OpenSockets()
{
    if (!m_sockets.empty())
    {
        return;
    }
    for (const uint16_t port : {wire::kIkePort, wire::kNatTraversalPort})
    {
        OpenSocket(port, InetSocketAddress(Ipv4Address::GetAny(), port));
        if (m_node->GetObject<Ipv6>())
        {
            OpenSocket(port, Inet6SocketAddress(Ipv6Address::GetAny(), port));
        }
    }
}

void
IpsecGateway::OpenSocket(uint16_t port, const Address& any)
{
    const Ptr<Socket> socket = Socket::CreateSocket(m_node, UdpSocketFactory::GetTypeId());
    NS_ABORT_MSG_IF(socket->Bind(any) != 0,
                    "UDP port " << port << " of node " << m_node->GetId() << " is taken");
    socket->SetRecvPktInfo(true);
    socket->SetRecvCallback(MakeCallback(&IpsecGateway::HandleRead, this));
    m_sockets[{Inet6SocketAddress::IsMatchingType(any), port}] = socket;
}

void
IpsecGateway::Initiate(const std::string& peer)
{
    OpenSockets();
    m_negotiating.insert(peer);
    NS_ABORT_MSG_UNLESS(m_ike.Initiate(ModelNow(), peer), "there is no peer \"" << peer << "\"");
    Drive();
}

void
IpsecGateway::Acquire(const std::string& peer)
{
    if (m_negotiating.count(peer) == 0)
    {
        Initiate(peer);
    }
    // Several packets may have asked at once, and an SA may have come up since.
    else if (!m_dataPlane.GetSad().FindOutbound(peer))
    {
        AcquireChildSa(peer);
    }
}

void
IpsecGateway::AcquireChildSa(const std::string& peer)
{
    const auto last = m_childRequests.find(peer);
    const Time now = Simulator::Now();
    if (last != m_childRequests.end() &&
        (last->second.open || now < last->second.made + m_acquireInterval))
    {
        return;
    }
    // The newest first; an IKE SA that is on its way out refuses.
    if (std::any_of(m_established.rbegin(),
                    m_established.rend(),
                    [&](const auto& sa)
                    { return sa.second == peer && m_ike.CreateChildSa(ModelNow(), sa.first); }))
    {
        m_childRequests[peer] = {now};
        Drive();
    }
}

void
IpsecGateway::EndChildRequest(const std::string& peer)
{
    const auto request = m_childRequests.find(peer);
    if (request != m_childRequests.end())
    {
        request->second.open = false;
    }
}

void
IpsecGateway::HandleVolume(uint32_t spiInbound, esp::VolumeMeter::Event event)
{
    if (event == esp::VolumeMeter::Event::Hard)
    {
        m_ike.ExpireChildSa(ModelNow(), spiInbound);
    }
    else
    {
        m_ike.RekeyChildSa(ModelNow(), spiInbound);
    }
    Drive();
}

void
IpsecGateway::HandleUnknownSpi(uint32_t spi, const ipseclab::IpAddress& source)
{
    m_ike.HandleUnknownEspSpi(ModelNow(), source, spi);
    Drive();
}

void
IpsecGateway::HandlePath(const esp::UdpPath& path)
{
    m_ike.HandleEspPath(
        ModelNow(),
        path.spi,
        {{path.destination, path.ports.destination}, {path.source, path.ports.source}});
    Drive();
}

void
IpsecGateway::CloseAll()
{
    const auto established = m_established;
    for (const auto& [id, peer] : established)
    {
        m_ike.CloseIkeSa(ModelNow(), id);
    }
    Drive();
}

bool
IpsecGateway::Command(const std::function<bool(ike::IkeEndpoint&, ike::Instant)>& command)
{
    const bool done = command(m_ike, ModelNow());
    Drive();
    return done;
}

void
IpsecGateway::HandleRead(Ptr<Socket> socket)
{
    const auto known = std::find_if(m_sockets.begin(),
                                    m_sockets.end(),
                                    [&](const auto& s) { return s.second == socket; });
    const uint16_t port = known->first.second;
    Address from;
    while (const Ptr<Packet> packet = socket->RecvFrom(from))
    {
        const std::optional<ike::Path> path = ReadPath(from, port, packet);
        if (!path)
        {
            continue;
        }
        ipseclab::Bytes octets(packet->GetSize());
        packet->CopyData(octets.data(), packet->GetSize());
        m_ike.HandleDatagram(ModelNow(), *path, octets);
        Drive();
    }
}

void
IpsecGateway::HandleTimer()
{
    m_timerDue.reset();
    m_ike.HandleTimeout(ModelNow());
    Drive();
}

void
IpsecGateway::Drive()
{
    while (const auto event = m_ike.PollEvent())
    {
        HandleEvent(*event);
    }
    while (const auto datagram = m_ike.PollTransmit())
    {
        Send(*datagram);
    }
    ScheduleTimer();
}

void
IpsecGateway::Send(const ike::Datagram& datagram)
{
    const ike::TransportAddress& remote = datagram.path.remote;
    const auto packet =
        Create<Packet>(datagram.octets.data(), static_cast<uint32_t>(datagram.octets.size()));
    const auto socket = m_sockets.find({!remote.address.IsV4(), datagram.path.local.port});
    if (socket == m_sockets.end() || socket->second->SendTo(packet, 0, ToNs3(remote)) < 0)
    {
        NS_LOG_WARN("IKE could not send to " << remote.address.ToString() << ": as good as lost");
    }
}

void
IpsecGateway::ScheduleTimer()
{
    const std::optional<ike::Instant> due = m_ike.PollTimeout();
    if (due == m_timerDue)
    {
        return;
    }
    m_timer.Cancel();
    m_timerDue = due;
    if (due)
    {
        const ike::Duration wait = std::max(ike::Duration::zero(), *due - ModelNow());
        m_timer = Simulator::Schedule(NanoSeconds(wait.count()), &IpsecGateway::HandleTimer, this);
    }
}

void
IpsecGateway::HandleEvent(const ike::IkeEvent& event)
{
    if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
    {
        m_negotiating.insert(up->peer);
        m_established.emplace_back(up->id, up->peer);
    }
    else if (const auto* closed = std::get_if<ike::IkeSaClosed>(&event))
    {
        ForgetIkeSa(*closed);
        EndChildRequest(closed->peer);
    }
    else if (const auto* sa = std::get_if<ike::ChildSaInstalled>(&event))
    {
        InstallChildSa(*sa);
        EndChildRequest(sa->peer);
    }
    else if (const auto* refused = std::get_if<ike::ChildSaRefused>(&event))
    {
        EndChildRequest(refused->peer);
    }
    else if (const auto* ready = std::get_if<ike::ChildSaOutboundReady>(&event))
    {
        m_dataPlane.GetSad().SetOutboundReady(ready->spiInbound);
    }
    else if (const auto* retired = std::get_if<ike::ChildSaRetired>(&event))
    {
        m_dataPlane.GetSad().RetireOutbound(retired->spiInbound);
    }
    else if (const auto* removed = std::get_if<ike::ChildSaRemoved>(&event))
    {
        m_dataPlane.GetSad().Remove(removed->spiInbound);
    }
    else if (const auto* moved = std::get_if<ike::ChildSaMoved>(&event))
    {
        m_dataPlane.GetSad().SetOuter(moved->spiInbound,
                                      moved->localOuter,
                                      moved->remoteOuter,
                                      moved->udp);
    }
    m_ikeEventTrace(event);
}

/// The peer is negotiated with again when nothing is left, not when an SA was only replaced.
void
IpsecGateway::ForgetIkeSa(const ike::IkeSaClosed& closed)
{
    m_established.erase(
        std::remove(m_established.begin(), m_established.end(), std::pair(closed.id, closed.peer)),
        m_established.end());
    if (std::none_of(m_established.begin(),
                     m_established.end(),
                     [&](const auto& other) { return other.second == closed.peer; }))
    {
        m_negotiating.erase(closed.peer);
    }
}

void
IpsecGateway::InstallChildSa(const ike::ChildSaInstalled& sa)
{
    esp::OutboundSaConfig out;
    out.spi = sa.spiOutbound;
    out.suite = sa.suite.cipher;
    out.keyingMaterial = sa.encryptionOutbound;
    out.integrityKey = sa.integrityOutbound;
    out.extendedSequenceNumbers = sa.suite.extendedSequenceNumbers;
    out.outerSource = sa.localOuter;
    out.outerDestination = sa.remoteOuter;
    out.udp = sa.udp;
    out.mode = m_cryptoMode;
    out.volume = sa.volume;
    out.spiInbound = sa.spiInbound;
    out.localSelectors = sa.localSelectors;
    out.remoteSelectors = sa.remoteSelectors;
    out.df = m_dfPolicy;
    out.ttl = m_outerTtl;
    out.tos.ecn = m_ecnProfile;
    out.tfcLength = sa.properties.Find<ike::NoTfcPadding>() ? 0 : m_tfcLength;

    esp::InboundSaConfig in;
    in.spi = sa.spiInbound;
    in.suite = sa.suite.cipher;
    in.keyingMaterial = sa.encryptionInbound;
    in.integrityKey = sa.integrityInbound;
    in.extendedSequenceNumbers = sa.suite.extendedSequenceNumbers;
    in.outerSource = sa.remoteOuter;
    in.outerDestination = sa.localOuter;
    in.udp = wire::Reversed(sa.udp);
    in.mode = m_cryptoMode;
    in.volume = sa.volume;
    in.antiReplay.window = m_replayWindow;
    in.antiReplay.profile = m_replayProfile;
    in.antiReplay.kind = m_windowKind;
    in.remoteSelectors = sa.remoteSelectors;
    in.localSelectors = sa.localSelectors;
    in.tos.ecn = m_ecnProfile;
    out.ipsecMode = in.ipsecMode = sa.properties.Find<ike::TransportMode>()
                                     ? esp::IpsecMode::Transport
                                     : esp::IpsecMode::Tunnel;

    out.subspaceRule = m_subspaceRule;
    if (const auto* eesp = sa.properties.Find<ike::EespSa>())
    {
        out.subspaces = esp::SequenceScheme::Eesp(eesp->subSasOutbound);
        in.subspaces = esp::SequenceScheme::Eesp(eesp->subSasInbound);
        out.subSaKdf = in.subSaKdf = eesp->kdf;
    }
    else if (const auto* scheme = sa.properties.Find<esp::SequenceScheme>())
    {
        out.subspaces = in.subspaces = *scheme;
    }

    auto outbound = esp::OutboundSa::Create(out);
    auto inbound = esp::InboundSa::Create(in);
    NS_ABORT_MSG_UNLESS(outbound && inbound, "IKE agreed on a suite that ESP has not got");
    if (!m_dataPlane.GetSad().Add(sa.peer,
                                  std::move(outbound),
                                  std::move(inbound),
                                  sa.outboundReady))
    {
        NS_LOG_WARN("inbound SPI " << sa.spiInbound << " is taken; the Child SA is not used");
    }
}

// ---- ESP: packets

void
IpsecGateway::Load(Ptr<const Packet> packet)
{
    const uint32_t size = packet->GetSize();
    // What is no IP packet by its size is counted as malformed, like any other.
    const uint32_t kept = size > esp::PacketBuffer::kMaximumPacket ? 0 : size;
    uint8_t* const data = m_dataPlane.Buffer().Reset(kept);
    packet->CopyData(data, kept);
    m_loaded = data;
}

IpsecGateway::Outcome
IpsecGateway::ProcessOutbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    return Finish(packet, m_dataPlane.ProcessOutbound(mtu), true);
}

IpsecGateway::Outcome
IpsecGateway::ProcessInbound(Ptr<const Packet> packet)
{
    Load(packet);
    return Finish(packet, Open(), false);
}

IpsecGateway::Outcome
IpsecGateway::ForwardOutbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    if (!wire::ParseIp(buffer.Span(), view) || !IsForwardable(view, mtu))
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    const esp::SpdEntry* const entry =
        m_dataPlane.GetSpd().LookupOutbound(wire::ReadSelectors(view));
    if (!entry || entry->action != esp::SpdAction::Protect)
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    wire::DecrementHops(buffer.Data());
    Outcome outcome = Finish(packet, m_dataPlane.ProcessOutbound(mtu), true);
    outcome.forwarded = outcome.verdict == esp::Verdict::Transformed;
    return outcome;
}

IpsecGateway::Outcome
IpsecGateway::ForwardInbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    const esp::DataPlaneResult result = Open();
    esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    const bool forwarded = result.verdict == esp::Verdict::Transformed &&
                           wire::ParseIp(buffer.Span(), view) && IsForwardable(view, mtu);
    if (forwarded)
    {
        wire::DecrementHops(buffer.Data());
    }
    Outcome outcome = Finish(packet, result, false);
    outcome.forwarded = forwarded;
    return outcome;
}

bool
IpsecGateway::IsForwardable(const wire::IpView& view, uint16_t mtu) const
{
    return view.Ttl() > 1 && view.totalLength <= mtu && !IsForNode(view);
}

esp::DataPlaneResult
IpsecGateway::Open()
{
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    if (!wire::ParseIp(buffer.Span(), view) || !IsLocalAddress(view.Destination()))
    {
        return m_dataPlane.ProcessInboundClear();
    }
    const std::optional<size_t> espOffset = wire::FindEsp(view);
    if (!espOffset && view.Protocol() != wire::kProtocolEsp)
    {
        const esp::DataPlaneResult clear = m_dataPlane.ProcessInboundClear();
        if (clear.verdict == esp::Verdict::Bypass)
        {
            m_pathMtu->Read(view);
        }
        return clear;
    }
    const uint32_t spi = espOffset ? wire::ReadSpi(view, *espOffset) : 0;
    const esp::DataPlaneResult result = m_dataPlane.ProcessInbound();
    m_espReceivedTrace(spi, result.number, result.drop);
    return result;
}

IpsecGateway::Outcome
IpsecGateway::Finish(Ptr<const Packet> packet, const esp::DataPlaneResult& result, bool outbound)
{
    if (result.verdict == esp::Verdict::Drop)
    {
        NS_LOG_LOGIC("drop: " << esp::Name(result.drop));
        m_dropTrace(packet, result.drop, outbound);
    }
    if (result.verdict != esp::Verdict::Transformed)
    {
        return {result.verdict, nullptr};
    }
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    const auto made = Create<Packet>(buffer.Data(), static_cast<uint32_t>(buffer.Size()));
    CarryByteTags(packet, made);
    if (outbound)
    {
        m_espSentTrace(result.spi, result.number);
    }
    return {result.verdict, made};
}

void
IpsecGateway::NotifyQueueDrop(Ptr<const Packet> packet, bool outbound)
{
    m_dataPlane.CountQueueDrop(outbound);
    m_dropTrace(packet, esp::DropReason::Queue, outbound);
}

void
IpsecGateway::CarryByteTags(Ptr<const Packet> from, Ptr<Packet> to)
{
    ByteTagIterator tags = from->GetByteTagIterator();
    if (!tags.HasNext())
    {
        return;
    }
    // Transformed in place: an octet of the inner packet has moved by this much within its packet.
    const int64_t moved = m_loaded - m_dataPlane.Buffer().Data();
    const int64_t size = to->GetSize();
    while (tags.HasNext())
    {
        const ByteTagIterator::Item item = tags.Next();
        const int64_t start = std::max<int64_t>(0, item.GetStart() + moved);
        const int64_t end = std::min<int64_t>(size, item.GetEnd() + moved);
        if (start < end && item.GetTypeId().HasConstructor())
        {
            Tag& tag = TagOf(item.GetTypeId());
            item.GetTag(tag);
            to->AddByteTag(tag, static_cast<uint32_t>(start), static_cast<uint32_t>(end));
        }
    }
}

Tag&
IpsecGateway::TagOf(TypeId tid)
{
    for (const auto& known : m_tags)
    {
        if (known.first == tid)
        {
            return *known.second;
        }
    }
    ObjectBase* const made = tid.GetConstructor()();
    auto* const tag = dynamic_cast<Tag*>(made);
    NS_ABORT_MSG_UNLESS(tag, tid.GetName() << " tags bytes and is no Tag");
    m_tags.emplace_back(tid, tag);
    return *tag;
}

// ---- access

Ptr<IpsecPathMtu>
IpsecGateway::GetPathMtu() const
{
    return m_pathMtu;
}

const esp::DataPlaneCounters&
IpsecGateway::GetCounters() const
{
    return m_dataPlane.Counters();
}

const ike::IkeCounters&
IpsecGateway::GetIkeCounters() const
{
    return m_ike.Counters();
}

esp::DataPlane&
IpsecGateway::GetDataPlane()
{
    return m_dataPlane;
}

ike::IkeEndpoint&
IpsecGateway::GetIkeEndpoint()
{
    return m_ike;
}

int64_t
IpsecGateway::AssignStreams(int64_t stream)
{
    return m_random.AssignStreams(stream);
}

void
IpsecGateway::SetReplayProfile(esp::ReplayProfile profile)
{
    m_replayProfile = profile;
}

compat::EnumResult<esp::ReplayProfile>
IpsecGateway::GetReplayProfile() const
{
    return {m_replayProfile};
}

void
IpsecGateway::SetWindowKind(esp::WindowKind value)
{
    m_windowKind = value;
}

compat::EnumResult<esp::WindowKind>
IpsecGateway::GetWindowKind() const
{
    return {m_windowKind};
}

void
IpsecGateway::SetSubspaceRule(esp::SubspaceRule value)
{
    m_subspaceRule = value;
}

compat::EnumResult<esp::SubspaceRule>
IpsecGateway::GetSubspaceRule() const
{
    return {m_subspaceRule};
}

void
IpsecGateway::SetCryptoMode(crypto::CryptoMode mode)
{
    m_cryptoMode = mode;
}

compat::EnumResult<crypto::CryptoMode>
IpsecGateway::GetCryptoMode() const
{
    return {m_cryptoMode};
}

void
IpsecGateway::SetDfPolicy(esp::DfPolicy policy)
{
    m_dfPolicy = policy;
}

compat::EnumResult<esp::DfPolicy>
IpsecGateway::GetDfPolicy() const
{
    return {m_dfPolicy};
}

void
IpsecGateway::SetEcnProfile(esp::EcnProfile profile)
{
    m_ecnProfile = profile;
}

compat::EnumResult<esp::EcnProfile>
IpsecGateway::GetEcnProfile() const
{
    return {m_ecnProfile};
}

} // namespace ns3
