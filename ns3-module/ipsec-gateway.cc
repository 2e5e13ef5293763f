/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-gateway.h"

#include "model/wire/ipv4.h"

#include "ns3/abort.h"
#include "ns3/inet-socket-address.h"
#include "ns3/ipv4-packet-info-tag.h"
#include "ns3/ipv4.h"
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

constexpr uint8_t kProtocolIcmp = 1;
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

/// UDP from port 500 to port 500, of anyone.
esp::SpdEntry
IkeBypass()
{
    ipseclab::TrafficSelector port;
    port.protocol = wire::kProtocolUdp;
    port.startPort = wire::kIkePort;
    port.endPort = wire::kIkePort;
    port.start = ipseclab::IpAddress::V4(0);
    port.end = ipseclab::IpAddress::V4(0xffffffff);
    return {"ike", {port}, {port}, esp::SpdAction::Bypass, ""};
}

/// ICMP of one address of this node, to and from anyone.
esp::SpdEntry
IcmpBypass(const ipseclab::IpAddress& address)
{
    ipseclab::TrafficSelector own;
    own.protocol = kProtocolIcmp;
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
                          "Time to live of the outer header, in hops.",
                          UintegerValue(64),
                          MakeUintegerAccessor(&IpsecGateway::m_outerTtl),
                          MakeUintegerChecker<uint8_t>(1, 255))
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
    // Not at once: the data plane is in the middle of a packet.
    m_dataPlane.SetAcquireCallback(
        [this](const std::string& peer)
        { Simulator::ScheduleNow(&IpsecGateway::Acquire, Ptr<IpsecGateway>(this), peer); });
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
    OpenSocket();
    Object::DoInitialize();
}

void
IpsecGateway::DoDispose()
{
    m_timer.Cancel();
    m_timerDue.reset();
    m_dataPlane.SetAcquireCallback({});
    m_dataPlane.SetVolumeCallback({});
    if (m_socket)
    {
        m_socket->SetRecvCallback(MakeNullCallback<void, Ptr<Socket>>());
        m_socket = nullptr;
    }
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
            m_addresses.push_back(ipv4->GetAddress(i, k).GetLocal().Get());
            m_broadcasts.push_back(ipv4->GetAddress(i, k).GetBroadcast().Get());
        }
    }
}

bool
IpsecGateway::IsLocalAddress(Ipv4Address address) const
{
    return std::find(m_addresses.begin(), m_addresses.end(), address.Get()) != m_addresses.end();
}

bool
IpsecGateway::IsForNode(uint32_t destination) const
{
    return destination >= kFirstMulticast || IsLocalAddress(Ipv4Address(destination)) ||
           std::find(m_broadcasts.begin(), m_broadcasts.end(), destination) != m_broadcasts.end();
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
IpsecGateway::OpenSocket()
{
    if (m_socket)
    {
        return;
    }
    m_socket = Socket::CreateSocket(m_node, UdpSocketFactory::GetTypeId());
    NS_ABORT_MSG_IF(m_socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), wire::kIkePort)) != 0,
                    "UDP port 500 of node " << m_node->GetId() << " is taken");
    m_socket->SetRecvPktInfo(true);
    m_socket->SetRecvCallback(MakeCallback(&IpsecGateway::HandleRead, this));
}

void
IpsecGateway::Initiate(const std::string& peer)
{
    OpenSocket();
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
    Address from;
    while (const Ptr<Packet> packet = socket->RecvFrom(from))
    {
        Ipv4PacketInfoTag info;
        if (!InetSocketAddress::IsMatchingType(from) || !packet->RemovePacketTag(info))
        {
            continue;
        }
        const InetSocketAddress remote = InetSocketAddress::ConvertFrom(from);
        const ike::Path path{{ToModel(info.GetAddress()), wire::kIkePort},
                             {ToModel(remote.GetIpv4()), remote.GetPort()}};
        ipseclab::Bytes octets(packet->GetSize());
        packet->CopyData(octets.data(), packet->GetSize());
        m_ike.HandleDatagram(ModelNow(), path, octets);
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
    const InetSocketAddress to(Ipv4Address(remote.address.V4Value()), remote.port);
    if (m_socket->SendTo(packet, 0, to) < 0)
    {
        NS_LOG_WARN("IKE could not send to " << to.GetIpv4() << ": as good as lost");
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
    out.mode = m_cryptoMode;
    out.volume = sa.volume;
    out.spiInbound = sa.spiInbound;
    out.df = m_dfPolicy;
    out.ttl = m_outerTtl;

    esp::InboundSaConfig in;
    in.spi = sa.spiInbound;
    in.suite = sa.suite.cipher;
    in.keyingMaterial = sa.encryptionInbound;
    in.integrityKey = sa.integrityInbound;
    in.extendedSequenceNumbers = sa.suite.extendedSequenceNumbers;
    in.outerSource = sa.remoteOuter;
    in.outerDestination = sa.localOuter;
    in.mode = m_cryptoMode;
    in.volume = sa.volume;
    in.antiReplay.window = m_replayWindow;
    in.antiReplay.profile = m_replayProfile;
    in.remoteSelectors = sa.remoteSelectors;
    in.localSelectors = sa.localSelectors;

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
    // What is no IPv4 packet by its size is counted as malformed, like any other.
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
    wire::Ipv4View view;
    if (!wire::ParseIpv4(buffer.Span(), view) || !IsForwardable(view, mtu))
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    const esp::SpdEntry* const entry =
        m_dataPlane.GetSpd().LookupOutbound(wire::ReadSelectors(view));
    if (!entry || entry->action != esp::SpdAction::Protect)
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    wire::DecrementTtl(buffer.Data());
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
    wire::Ipv4View view;
    const bool forwarded = result.verdict == esp::Verdict::Transformed &&
                           wire::ParseIpv4(buffer.Span(), view) && IsForwardable(view, mtu);
    if (forwarded)
    {
        wire::DecrementTtl(buffer.Data());
    }
    Outcome outcome = Finish(packet, result, false);
    outcome.forwarded = forwarded;
    return outcome;
}

bool
IpsecGateway::IsForwardable(const wire::Ipv4View& view, uint16_t mtu) const
{
    return view.Ttl() > 1 && view.totalLength <= mtu && !IsForNode(view.Destination());
}

esp::DataPlaneResult
IpsecGateway::Open()
{
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::Ipv4View view;
    if (!wire::ParseIpv4(buffer.Span(), view) || view.Protocol() != wire::kProtocolEsp ||
        !IsLocalAddress(Ipv4Address(view.Destination())))
    {
        return m_dataPlane.ProcessInboundClear();
    }
    constexpr size_t kSpi = 4;
    const size_t headerLength = view.headerLength;
    const uint32_t spi = view.totalLength >= headerLength + kSpi
                           ? ipseclab::LoadBe32(view.header + headerLength)
                           : 0;
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

} // namespace ns3
