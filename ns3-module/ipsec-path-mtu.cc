/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-path-mtu.h"

#include "ipsec-aggfrag.h"
#include "ipsec-gateway.h"
#include "ipsec-path-sizes.h"

#include "model/wire/icmp-too-big.h"
#include "model/wire/tcp-mss.h"
#include "model/wire/udp-encapsulation.h"

#include "ns3/boolean.h"
#include "ns3/icmpv6-l4-protocol.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-routing-protocol.h"
#include "ns3/ipv6-l3-protocol.h"
#include "ns3/ipv6-routing-protocol.h"
#include "ns3/log.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <limits>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace wire = ipseclab::wire;
using ipseclab::Bytes;

NS_LOG_COMPONENT_DEFINE("IpsecPathMtu");
NS_OBJECT_ENSURE_REGISTERED(IpsecPathMtu);

namespace
{

Bytes
OctetsOf(Ptr<const Packet> packet)
{
    Bytes octets(packet->GetSize());
    packet->CopyData(octets.data(), packet->GetSize());
    return octets;
}

/// Changes the length of an IPv4 packet, as its header says it.
void
SetIpv4Length(Bytes& header, size_t length)
{
    constexpr size_t kProtocol = 9;
    wire::SetUpperLayer(header.data(), length, kProtocol, header[kProtocol]);
}

/// The pieces of a packet; their byte tags are those that the octets have had. Empty when it
/// cannot be cut.
/// \param tail octets at the end of an IPv4 packet that stay with the last piece
std::vector<Ptr<Packet>>
Cut(Ptr<const Packet> packet, Bytes octets, size_t mtu, uint32_t identification, size_t tail = 0)
{
    if (tail > 0)
    {
        octets.resize(octets.size() - tail);
        SetIpv4Length(octets, octets.size());
    }
    std::vector<wire::FragmentPart> parts = wire::CutPacket(octets, mtu, identification);
    if (tail > 0 && !parts.empty())
    {
        parts.back().length += tail;
        SetIpv4Length(parts.back().header, parts.back().header.size() + parts.back().length);
    }
    std::vector<Ptr<Packet>> pieces;
    for (const wire::FragmentPart& part : parts)
    {
        const auto piece =
            Create<Packet>(part.header.data(), static_cast<uint32_t>(part.header.size()));
        piece->AddAtEnd(packet->CreateFragment(static_cast<uint32_t>(part.begin),
                                               static_cast<uint32_t>(part.length)));
        pieces.push_back(piece);
    }
    return pieces;
}

/// Octets behind the text of a sealed packet: padding, trailer and ICV.
/// \param espOffset of the sealed packet \param clearLength of the packet before
size_t
TrailerLength(const esp::OutboundSa& sa,
              const wire::IpView& sealed,
              size_t espOffset,
              size_t clearLength)
{
    constexpr size_t kEspHeader = 8;
    const bool tunnel = sa.Config().ipsecMode == esp::IpsecMode::Tunnel;
    const size_t text = tunnel ? clearLength : clearLength - sealed.upperOffset;
    const size_t iv = ipseclab::crypto::FindTraits(sa.Config().suite)->ivLength;
    return sealed.totalLength - espOffset - kEspHeader - iv - text;
}

/// An error message is never the cause of another (RFC 1122, section 3.2.2; RFC 4443, section 2.4).
bool
MayBeReported(const wire::IpView& view)
{
    constexpr uint8_t kFirstInformational = 128; // ICMPv6
    constexpr uint8_t kErrors[] = {3, 4, 5, 11, 12};
    if (!view.hasUpperHeader)
    {
        return false;
    }
    if (view.totalLength == view.upperOffset)
    {
        return true;
    }
    const uint8_t type = view.header[view.upperOffset];
    if (view.v6)
    {
        return view.Protocol() != wire::kProtocolIcmpv6 || type >= kFirstInformational;
    }
    return view.Protocol() != wire::kProtocolIcmp ||
           std::find(std::begin(kErrors), std::end(kErrors), type) == std::end(kErrors);
}

} // namespace

TypeId
IpsecPathMtu::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::IpsecPathMtu")
            .SetParent<Object>()
            .SetGroupName("Ipsec")
            .AddConstructor<IpsecPathMtu>()
            .AddAttribute(
                "Profile",
                "Whose rules are followed; those of Linux leave Fragmentation and "
                "FloorIpv4 without effect.",
                StringValue("Rfc4301"),
                compat::MakeEnumAttributeAccessor<PathMtuProfile>(&IpsecPathMtu::SetProfile,
                                                                  &IpsecPathMtu::GetProfile),
                compat::MakeEnumAttributeChecker(PathMtuProfile::Rfc4301,
                                                 "Rfc4301",
                                                 PathMtuProfile::Linux,
                                                 "Linux",
                                                 PathMtuProfile::LinuxNoPmtuDisc,
                                                 "LinuxNoPmtuDisc"))
            .AddAttribute("Fragmentation",
                          "What happens to a packet that does not fit and has no DF bit.",
                          StringValue("Drop"),
                          compat::MakeEnumAttributeAccessor<IpsecFragmentation>(
                              &IpsecPathMtu::SetFragmentation,
                              &IpsecPathMtu::GetFragmentation),
                          compat::MakeEnumAttributeChecker(IpsecFragmentation::Drop,
                                                           "Drop",
                                                           IpsecFragmentation::BeforeEsp,
                                                           "BeforeEsp",
                                                           IpsecFragmentation::AfterEsp,
                                                           "AfterEsp"))
            .AddAttribute("Lifetime",
                          "Time after which a path MTU that was reported is forgotten.",
                          TimeValue(Minutes(10)),
                          MakeTimeAccessor(&IpsecPathMtu::m_lifetime),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("FloorIpv4",
                          "The least path MTU between IPv4 gateways that is believed, in octets.",
                          UintegerValue(576),
                          MakeUintegerAccessor(&IpsecPathMtu::m_floorV4),
                          MakeUintegerChecker<uint32_t>(68, 65535))
            .AddAttribute("FloorIpv6",
                          "The least path MTU between IPv6 gateways that is believed, in octets.",
                          UintegerValue(1280),
                          MakeUintegerAccessor(&IpsecPathMtu::m_floorV6),
                          MakeUintegerChecker<uint32_t>(1280, 65535))
            .AddAttribute("ReassemblyMemory",
                          "For fragments that wait for others, in octets; 0: no reassembly.",
                          UintegerValue(1 << 20),
                          MakeUintegerAccessor(&IpsecPathMtu::m_reassemblyMemory),
                          MakeUintegerChecker<uint32_t>())
            .AddAttribute("ReassemblyTimeout",
                          "Time from the first fragment of a packet until it is given up.",
                          TimeValue(Seconds(30)),
                          MakeTimeAccessor(&IpsecPathMtu::m_reassemblyTimeout),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("SmallestFragment",
                          "Octets behind the IP headers that all fragments but the last have.",
                          UintegerValue(40),
                          MakeUintegerAccessor(&IpsecPathMtu::m_smallestFragment),
                          MakeUintegerChecker<uint32_t>(0, 65535))
            .AddAttribute("ClampMss",
                          "Whether the MSS of TCP SYNs is lowered to what fits into the tunnel.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&IpsecPathMtu::m_clampMss),
                          MakeBooleanChecker())
            .AddAttribute("MssLimit",
                          "With ClampMss, octets that no MSS is above, whatever would fit.",
                          UintegerValue(65535),
                          MakeUintegerAccessor(&IpsecPathMtu::m_mssLimit),
                          MakeUintegerChecker<uint16_t>(1))
            .AddTraceSource("Learnt",
                            "The path MTU of an SA has fallen to so many octets.",
                            MakeTraceSourceAccessor(&IpsecPathMtu::m_learntTrace),
                            "ns3::IpsecPathMtu::LearntTracedCallback");
    return tid;
}

void
IpsecPathMtu::SetGateway(IpsecGateway* gateway)
{
    m_gateway = gateway;
}

void
IpsecPathMtu::DoDispose()
{
    m_timer.Cancel();
    m_gateway = nullptr;
    Object::DoDispose();
}

// ---- packets that leave

size_t
IpsecPathMtu::SizeLimit(const esp::OutboundSa& sa, const wire::IpView& inner, size_t mtu)
{
    const size_t limit = Limit(sa.Config().outerDestination, sa.Config().spi, mtu);
    ClampSealed(sa, inner, limit);
    if (sa.SealedLength(inner.totalLength, inner.espOffset) <= limit)
    {
        return limit;
    }
    if (inner.DontFragment())
    {
        Report(inner, sa.LargestInner(limit, inner.espOffset));
        return limit;
    }
    const bool cut = Fragmentation() == IpsecFragmentation::AfterEsp &&
                     sa.Config().df != esp::DfPolicy::Set && !sa.Config().aggfrag;
    return cut ? std::numeric_limits<size_t>::max() : limit;
}

uint16_t
IpsecPathMtu::MssOf(size_t packet, bool v6) const
{
    const size_t headers = wire::HeadersOfMss(v6);
    const size_t mss = packet > headers ? packet - headers : 1;
    return static_cast<uint16_t>(std::min<size_t>(mss, m_mssLimit));
}

void
IpsecPathMtu::ClampSealed(const esp::OutboundSa& sa, const wire::IpView& inner, size_t limit)
{
    if (!m_clampMss || !wire::IsTcpSyn(inner))
    {
        return;
    }
    ipseclab::esp::PacketBuffer& buffer = m_gateway->GetDataPlane().Buffer(); // it is there
    const uint16_t mss = MssOf(sa.LargestInner(limit, inner.espOffset), inner.v6);
    m_counters.clampedSent += wire::ClampMss({buffer.Data(), buffer.Size()}, mss);
}

void
IpsecPathMtu::ClampOpened(ipseclab::MutableByteSpan inner, size_t mtu)
{
    wire::IpView view;
    if (!m_clampMss || !wire::ParseIp(inner, view) || !wire::IsTcpSyn(view))
    {
        return;
    }
    ipseclab::PacketSelectors back = wire::ReadSelectors(view);
    std::swap(back.source, back.destination);
    std::swap(back.sourcePort, back.destinationPort);
    if (const esp::OutboundSa* const sa = m_gateway->GetDataPlane().FindProtecting(back))
    {
        const size_t limit = Limit(sa->Config().outerDestination, sa->Config().spi, mtu);
        const uint16_t mss = MssOf(sa->LargestInner(limit, view.espOffset), view.v6);
        m_counters.clampedOpened += wire::ClampMss(inner, mss);
    }
}

std::vector<Ptr<Packet>>
IpsecPathMtu::CutInner(Ptr<Packet> packet, uint16_t mtu)
{
    if (Fragmentation() != IpsecFragmentation::BeforeEsp)
    {
        return {packet};
    }
    const Bytes octets = OctetsOf(packet);
    wire::IpView view;
    if (!wire::ParseIp(octets, view) || view.DontFragment())
    {
        return {packet};
    }
    esp::DataPlane& plane = m_gateway->GetDataPlane();
    const esp::OutboundSa* const sa = plane.FindProtecting(plane.Select(view));
    if (!sa || sa->Config().ipsecMode != esp::IpsecMode::Tunnel ||
        (sa->Config().aggfrag && sa->Config().aggfragFragments))
    {
        return {packet};
    }
    const size_t link = sa->Config().aggfrag ? m_gateway->GetAggfrag()->Limit(mtu) : mtu;
    const size_t limit = Limit(sa->Config().outerDestination, sa->Config().spi, link);
    const std::vector<Ptr<Packet>> pieces = Cut(packet, octets, sa->LargestInner(limit), 0);
    m_counters.cutBeforeEsp += pieces.size() > 1;
    return pieces.size() > 1 ? pieces : std::vector<Ptr<Packet>>{packet};
}

std::optional<size_t>
IpsecPathMtu::OwnLength(Ptr<const Packet> packet) const
{
    if (m_profile == PathMtuProfile::Rfc4301)
    {
        return std::nullopt;
    }
    const Bytes octets = OctetsOf(packet);
    wire::IpView view;
    const bool own = wire::ParseIp(octets, view) && m_gateway->IsLocalAddress(view.Source());
    return own ? std::optional<size_t>(view.totalLength) : std::nullopt;
}

std::vector<Ptr<Packet>>
IpsecPathMtu::CutOuter(Ptr<Packet> packet, uint16_t mtu, std::optional<size_t> ownLength)
{
    if (Fragmentation() != IpsecFragmentation::AfterEsp)
    {
        return {packet};
    }
    Bytes octets = OctetsOf(packet);
    wire::IpView view;
    const std::optional<size_t> at =
        wire::ParseIp(octets, view) ? wire::FindEsp(view) : std::nullopt;
    const uint32_t spi = at ? ipseclab::LoadBe32(octets.data() + *at) : 0;
    size_t limit = at ? Limit(view.Destination(), spi, mtu) : mtu;
    if (!at || octets.size() <= limit)
    {
        return {packet};
    }
    size_t trailer = 0;
    const esp::OutboundSa* const sa =
        ownLength && !view.v6
            ? m_gateway->GetDataPlane().GetSad().FindOutbound(view.Destination(), spi)
            : nullptr;
    if (sa)
    {
        trailer = TrailerLength(*sa, view, *at, *ownLength);
        limit = sa->LargestInner(limit, view.upperOffset);
    }
    // Each SA numbers for itself, and several may go between the same two gateways.
    ++m_identification;
    if (!view.v6)
    {
        ipseclab::StoreBe16(&octets[4], static_cast<uint16_t>(m_identification));
    }
    ++m_counters.cutAfterEsp;
    return Cut(packet, octets, limit, m_identification, trailer);
}

void
IpsecPathMtu::Report(const wire::IpView& inner, size_t mtu)
{
    if (mtu == 0 || !MayBeReported(inner) || m_gateway->IsLocalAddress(inner.Source()))
    {
        return;
    }
    // Not at once: the data plane is in the middle of the packet.
    Simulator::ScheduleNow(&IpsecPathMtu::SendReport,
                           Ptr<IpsecPathMtu>(this),
                           inner.Source(),
                           Bytes(inner.header, inner.header + inner.totalLength),
                           mtu);
}

void
IpsecPathMtu::SendReport(const ipseclab::IpAddress& to, const Bytes& inner, size_t mtu)
{
    const Ptr<Node> node = m_gateway ? m_gateway->GetObject<Node>() : nullptr;
    if (!node)
    {
        return;
    }
    const auto message = Create<Packet>(inner.data(), static_cast<uint32_t>(inner.size()));
    Socket::SocketErrno error;
    if (to.IsV4())
    {
        const Ptr<Ipv4L3Protocol> ipv4 = node->GetObject<Ipv4L3Protocol>();
        Ipv4Header header;
        header.SetDestination(Ipv4Address(to.V4Value()));
        const auto route = ipv4->GetRoutingProtocol()->RouteOutput(message, header, nullptr, error);
        if (route)
        {
            const auto from = ipseclab::IpAddress::V4(route->GetSource().Get());
            const Bytes icmp =
                wire::BuildTooBig(inner, static_cast<uint32_t>(mtu), from, wire::kIcmpLimit);
            ipv4->Send(Create<Packet>(icmp.data(), static_cast<uint32_t>(icmp.size())),
                       route->GetSource(),
                       header.GetDestination(),
                       wire::kProtocolIcmp,
                       route);
            ++m_counters.reported;
        }
        return;
    }
    uint8_t octets[16];
    std::copy_n(to.Octets().data(), sizeof(octets), octets);
    // It chooses the source and cuts the quotation to what fits into 1280 octets.
    node->GetObject<Icmpv6L4Protocol>()->SendErrorTooBig(message,
                                                         Ipv6Address(octets),
                                                         static_cast<uint32_t>(mtu));
    ++m_counters.reported;
}

// ---- packets that come in

Ptr<const Packet>
IpsecPathMtu::Join(Ptr<const Packet> packet)
{
    uint8_t start[8] = {};
    packet->CopyData(start, sizeof(start));
    const bool fragment = wire::IsIpv6(start) ? start[6] == wire::kProtocolFragment
                                              : (ipseclab::LoadBe16(start + 6) & 0x3fff) != 0;
    if (!fragment || m_reassemblyMemory == 0)
    {
        return !fragment && m_gateway->GetPathSizes()->Refuse(packet, 0) ? nullptr : packet;
    }
    const Bytes octets = OctetsOf(packet);
    wire::IpView view;
    if (!wire::ParseIp(octets, view) || !m_gateway->IsLocalAddress(view.Destination()))
    {
        return packet;
    }
    GetReassembler();
    Bytes whole;
    const wire::Reassembler::Instant now(Simulator::Now().GetNanoSeconds());
    const wire::FragmentVerdict verdict = m_reassembler->Add(octets, now, whole);
    ScheduleTimer();
    switch (verdict)
    {
    case wire::FragmentVerdict::Held:
    case wire::FragmentVerdict::Duplicate:
        return nullptr;
    case wire::FragmentVerdict::Complete:
        return Complete(whole);
    default:
        return packet; // the data plane drops and counts it
    }
}

Ptr<const Packet>
IpsecPathMtu::Complete(const Bytes& whole)
{
    const wire::Reassembler::Pieces& pieces = m_reassembler->LastPieces();
    const auto firstFragment = static_cast<uint32_t>(pieces.first);
    const auto packet = Create<Packet>(whole.data(), static_cast<uint32_t>(whole.size()));
    if (m_gateway->GetPathSizes()->Refuse(packet, firstFragment))
    {
        return nullptr;
    }
    packet->AddPacketTag(JoinedTag(firstFragment, static_cast<uint32_t>(pieces.count)));
    return packet;
}

void
IpsecPathMtu::HandleTimer()
{
    m_reassembler->HandleTimeout(wire::Reassembler::Instant(Simulator::Now().GetNanoSeconds()));
    ScheduleTimer();
}

/// An event that is there is early enough: what it was for may be whole by then, what came later
/// is due later.
void
IpsecPathMtu::ScheduleTimer()
{
    const auto due = m_reassembler->PollTimeout();
    if (due && !m_timer.IsRunning())
    {
        m_timer = Simulator::Schedule(NanoSeconds(due->count()) - Simulator::Now(),
                                      &IpsecPathMtu::HandleTimer,
                                      this);
    }
}

void
IpsecPathMtu::Read(const wire::IpView& view)
{
    const auto report = wire::ParseTooBig(view);
    if (!report)
    {
        return;
    }
    const auto quoted = wire::ReadQuotedEsp(report->quoted);
    const esp::OutboundSa* const sa =
        quoted ? m_gateway->GetDataPlane().GetSad().FindOutbound(quoted->destination, quoted->spi)
               : nullptr;
    if (!sa || sa->Config().outerSource != quoted->source)
    {
        ++m_counters.foreign;
        return;
    }
    ++m_counters.known;
    // What is unread means the floor.
    const size_t floor = Floor(quoted->source.IsV4());
    const bool unread = quoted->source.IsV4() && m_profile == PathMtuProfile::LinuxNoPmtuDisc &&
                        report->mtu > floor;
    const bool tooMuch = m_profile == PathMtuProfile::Rfc4301 && report->mtu >= quoted->totalLength;
    if (tooMuch)
    {
        ++m_counters.implausible;
        return;
    }
    Learn(quoted->destination, quoted->spi, unread ? floor : report->mtu);
}

void
IpsecPathMtu::Learn(const ipseclab::IpAddress& destination, uint32_t spi, size_t told)
{
    const size_t floor = Floor(destination.IsV4());
    const size_t mtu = std::max(told, floor);
    const auto known = GetPathMtu(destination, spi);
    if (told == 0 || (known && mtu >= *known))
    {
        ++m_counters.implausible;
        return;
    }
    NS_LOG_LOGIC("path MTU " << mtu << " of SPI " << spi);
    ++m_counters.learnt;
    m_counters.belowFloor += told < floor;
    m_learnt[PathOf(destination, spi)] = {mtu, Simulator::Now() + m_lifetime};
    m_learntTrace(spi, static_cast<uint32_t>(mtu));
}

// ---- what is known

IpsecPathMtu::Path
IpsecPathMtu::PathOf(const ipseclab::IpAddress& destination, uint32_t spi) const
{
    return {destination, m_profile == PathMtuProfile::Rfc4301 ? spi : 0};
}

IpsecFragmentation
IpsecPathMtu::Fragmentation() const
{
    return m_profile == PathMtuProfile::Rfc4301 ? m_fragmentation : IpsecFragmentation::AfterEsp;
}

size_t
IpsecPathMtu::Floor(bool v4) const
{
    constexpr size_t kLinuxFloor = 552; // net.ipv4.route.min_pmtu
    if (!v4)
    {
        return m_floorV6;
    }
    return m_profile == PathMtuProfile::Rfc4301 ? m_floorV4 : kLinuxFloor;
}

size_t
IpsecPathMtu::Limit(const ipseclab::IpAddress& destination, uint32_t spi, size_t mtu)
{
    const auto known = GetPathMtu(destination, spi);
    return known ? std::min(mtu, *known) : mtu;
}

std::optional<size_t>
IpsecPathMtu::GetPathMtu(const ipseclab::IpAddress& destination, uint32_t spi)
{
    if (m_learnt.empty())
    {
        return std::nullopt;
    }
    const auto known = m_learnt.find(PathOf(destination, spi));
    if (known == m_learnt.end())
    {
        return std::nullopt;
    }
    if (known->second.until <= Simulator::Now())
    {
        m_learnt.erase(known);
        return std::nullopt;
    }
    return known->second.mtu;
}

const IpsecPathMtu::Counters&
IpsecPathMtu::GetCounters() const
{
    return m_counters;
}

const wire::Reassembler&
IpsecPathMtu::GetReassembler()
{
    if (!m_reassembler)
    {
        wire::Reassembler::Limits limits;
        limits.memory = m_reassemblyMemory;
        limits.smallest = m_smallestFragment;
        limits.timeout = wire::Reassembler::Instant(m_reassemblyTimeout.GetNanoSeconds());
        m_reassembler.emplace(limits);
        m_reassembler->SetUnfinishedCallback(
            [this](ipseclab::ByteSpan first, size_t octets)
            { m_gateway->GetPathSizes()->NoteUnfinished(first, static_cast<uint32_t>(octets)); });
    }
    return *m_reassembler;
}

void
IpsecPathMtu::SetFragmentation(IpsecFragmentation value)
{
    m_fragmentation = value;
}

compat::EnumResult<IpsecFragmentation>
IpsecPathMtu::GetFragmentation() const
{
    return {m_fragmentation};
}

void
IpsecPathMtu::SetProfile(PathMtuProfile value)
{
    m_profile = value;
}

compat::EnumResult<PathMtuProfile>
IpsecPathMtu::GetProfile() const
{
    return {m_profile};
}

} // namespace ns3
