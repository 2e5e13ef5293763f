/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-path-sizes.h"

#include "ipsec-gateway.h"

#include "model/wire/ip-packet.h"
#include "model/wire/udp-encapsulation.h"

#include "ns3/boolean.h"
#include "ns3/log.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace ike = ipseclab::ike;
namespace wire = ipseclab::wire;

NS_LOG_COMPONENT_DEFINE("IpsecPathSizes");
NS_OBJECT_ENSURE_REGISTERED(JoinedTag);
NS_OBJECT_ENSURE_REGISTERED(IpsecPathSizes);

namespace
{

constexpr uint32_t kLargestPacket = 65535;

/// The form in which a first fragment is told of.
ike::AtomicPacket
ToAtomicPacket(bool v6, uint32_t octets)
{
    const uint32_t inLength = v6 ? octets - wire::kIpv6HeaderSize : octets;
    return {v6, static_cast<uint16_t>(inLength)};
}

/// The sealed length that the draft's reckoning of a tunnel's overhead, 14 octets and the ICV,
/// leads to: it has no IV, no padding and no UDP header.
size_t
ByDraftOverhead(const esp::OutboundSa& sa, size_t lmap)
{
    constexpr size_t kSpiNumberAndTrailer = 14;
    const esp::OutboundSaConfig& config = sa.Config();
    const size_t outer =
        config.outerDestination.IsV4() ? wire::kIpv4HeaderSize : wire::kIpv6HeaderSize;
    const size_t overhead =
        outer + kSpiNumberAndTrailer + ipseclab::crypto::FindTraits(config.suite)->icvLength;
    return lmap > overhead ? sa.SealedLength(lmap - overhead) : lmap;
}

} // namespace

// ---- JoinedTag

TypeId
JoinedTag::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::JoinedTag").SetParent<Tag>().SetGroupName("Ipsec").AddConstructor<JoinedTag>();
    return tid;
}

JoinedTag::JoinedTag(uint32_t firstFragment, uint32_t fragments)
    : m_firstFragment(firstFragment),
      m_fragments(fragments)
{
}

uint32_t
JoinedTag::GetFirstFragment() const
{
    return m_firstFragment;
}

uint32_t
JoinedTag::GetFragments() const
{
    return m_fragments;
}

TypeId
JoinedTag::GetInstanceTypeId() const
{
    return GetTypeId();
}

uint32_t
JoinedTag::GetSerializedSize() const
{
    return sizeof(m_firstFragment) + sizeof(m_fragments);
}

void
JoinedTag::Serialize(TagBuffer out) const
{
    out.WriteU32(m_firstFragment);
    out.WriteU32(m_fragments);
}

void
JoinedTag::Deserialize(TagBuffer in)
{
    m_firstFragment = in.ReadU32();
    m_fragments = in.ReadU32();
}

void
JoinedTag::Print(std::ostream& out) const
{
    out << m_fragments << " fragments, the first " << m_firstFragment << " B";
}

// ---- IpsecPathSizes

TypeId
IpsecPathSizes::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::IpsecPathSizes")
            .SetParent<Object>()
            .SetGroupName("Ipsec")
            .AddConstructor<IpsecPathSizes>()
            .AddAttribute("Interval",
                          "Least time between two notifications of one SA.",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&IpsecPathSizes::m_interval),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("Threshold",
                          "Packets in fragments of one SA until the first LMAP is sent.",
                          UintegerValue(1),
                          MakeUintegerAccessor(&IpsecPathSizes::m_threshold),
                          MakeUintegerChecker<uint32_t>(1))
            .AddAttribute("TellIpv6",
                          "Whether LMAP is sent for IPv6, whose fragments the peer made itself.",
                          BooleanValue(true),
                          MakeBooleanAccessor(&IpsecPathSizes::m_tellIpv6),
                          MakeBooleanChecker())
            .AddAttribute("TellUnfinished",
                          "Whether LMAP and PTB are sent for fragments that never become whole, as "
                          "the draft has it; whoever can forge one fragment can cause that.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&IpsecPathSizes::m_tellUnfinished),
                          MakeBooleanChecker())
            .AddAttribute("LinkMtu",
                          "LMTU: the longest ESP packet that is taken when it came whole, in "
                          "octets of IP.",
                          UintegerValue(kLargestPacket),
                          MakeUintegerAccessor(&IpsecPathSizes::m_linkMtu),
                          MakeUintegerChecker<uint32_t>(68, kLargestPacket))
            .AddAttribute("EmtuR",
                          "EMTU_R: the longest ESP packet that is taken when it came in fragments, "
                          "in octets of IP.",
                          UintegerValue(kLargestPacket),
                          MakeUintegerAccessor(&IpsecPathSizes::m_emtuR),
                          MakeUintegerChecker<uint32_t>(576, kLargestPacket))
            .AddAttribute("DraftOverhead",
                          "Whether the ingress reckons with the overhead as the draft writes it: "
                          "14 octets and the ICV, without IV, padding and UDP.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&IpsecPathSizes::m_draftOverhead),
                          MakeBooleanChecker())
            .AddAttribute("DraftCondition",
                          "Whether the ingress reads a PTB as the draft writes it: LMTU when LMAP "
                          "came with it, and not when it did not.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&IpsecPathSizes::m_draftCondition),
                          MakeBooleanChecker());
    return tid;
}

void
IpsecPathSizes::SetGateway(IpsecGateway* gateway)
{
    m_gateway = gateway;
}

void
IpsecPathSizes::DoDispose()
{
    m_gateway = nullptr;
    Object::DoDispose();
}

const IpsecPathSizes::Counters&
IpsecPathSizes::GetCounters() const
{
    return m_counters;
}

// ---- egress

bool
IpsecPathSizes::Refuse(Ptr<const Packet> packet, uint32_t firstFragment)
{
    if (packet->GetSize() <= (firstFragment ? m_emtuR : m_linkMtu))
    {
        return false;
    }
    ipseclab::Bytes octets(packet->GetSize());
    packet->CopyData(octets.data(), packet->GetSize());
    wire::IpView view;
    const auto at = wire::ParseIp(octets, view) && m_gateway->IsLocalAddress(view.Destination())
                      ? wire::FindEsp(view)
                      : std::nullopt;
    if (!at)
    {
        return false;
    }
    ike::PathSizes sizes;
    sizes.tooBig = Limits();
    if (firstFragment)
    {
        sizes.lmap = ToAtomicPacket(view.v6, firstFragment);
    }
    ++m_counters.tooBig;
    m_gateway->NotifyTooBig(packet);
    Tell(wire::ReadSpi(view, *at), sizes);
    return true;
}

void
IpsecPathSizes::NoteOpened(Ptr<const Packet> packet, uint32_t spi)
{
    JoinedTag tag;
    if (!packet->PeekPacketTag(tag))
    {
        return;
    }
    uint8_t start = 0;
    packet->CopyData(&start, 1);
    const bool v6 = wire::IsIpv6(&start);
    if (v6 && !m_tellIpv6)
    {
        return;
    }
    if (++m_tellings[spi].fragmented < m_threshold)
    {
        ++m_counters.limited;
        return;
    }
    Tell(spi, {ToAtomicPacket(v6, tag.GetFirstFragment()), std::nullopt});
}

void
IpsecPathSizes::NoteUnfinished(ipseclab::ByteSpan first, uint32_t octets)
{
    ipseclab::Bytes packet(first.begin(), first.end());
    wire::IpView view;
    if (!m_tellUnfinished || !wire::ParseIp(packet, view) || (view.v6 && !m_tellIpv6))
    {
        return;
    }
    const size_t inUpper = view.totalLength - view.upperOffset;
    if (view.Protocol() == wire::kProtocolUdp && inUpper >= wire::kUdpHeaderSize)
    {
        // The header of the whole datagram.
        ipseclab::StoreBe16(&packet[view.upperOffset + 4], static_cast<uint16_t>(inUpper));
    }
    if (const auto at = wire::FindEsp(view))
    {
        Tell(wire::ReadSpi(view, *at), {ToAtomicPacket(view.v6, octets), Limits()});
    }
}

ike::EgressLimits
IpsecPathSizes::Limits() const
{
    return {m_linkMtu, m_emtuR};
}

void
IpsecPathSizes::Tell(uint32_t spi, const ike::PathSizes& sizes)
{
    const auto telling = m_tellings.find(spi);
    if (telling != m_tellings.end() && telling->second.told &&
        Simulator::Now() < telling->second.last + m_interval)
    {
        ++m_counters.limited;
        return;
    }
    // Not at once: the data plane is in the middle of the packet.
    Simulator::ScheduleNow(&IpsecPathSizes::SendTelling, Ptr<IpsecPathSizes>(this), spi, sizes);
}

void
IpsecPathSizes::SendTelling(uint32_t spi, const ike::PathSizes& sizes)
{
    const bool told =
        m_gateway && m_gateway->Command(
                         [&](ike::IkeEndpoint& endpoint, ike::Instant now) {
                             return endpoint.Command(now, spi, ike::TellPathSizes{spi, sizes});
                         });
    ++(told ? m_counters.told : m_counters.held);
    if (told)
    {
        Telling& telling = m_tellings[spi];
        telling.told = true;
        telling.last = Simulator::Now();
    }
}

void
IpsecPathSizes::Forget(uint32_t spi)
{
    m_tellings.erase(spi);
}

// ---- ingress

size_t
IpsecPathSizes::PathMtuOf(const ike::PathSizes& sizes) const
{
    const size_t lmap = sizes.lmap ? sizes.lmap->Octets() : 0;
    if (!sizes.tooBig)
    {
        return lmap;
    }
    const size_t withLmap = m_draftCondition ? sizes.tooBig->linkMtu : lmap;
    const size_t without = m_draftCondition ? lmap : sizes.tooBig->linkMtu;
    const size_t atomic = sizes.lmap ? withLmap : without;
    return std::min<size_t>(atomic ? atomic : sizes.tooBig->emtuR, sizes.tooBig->emtuR);
}

void
IpsecPathSizes::Learn(const ike::PathSizesTold& told)
{
    ++m_counters.heard;
    const bool otherVersion = told.sizes.lmap && told.sizes.lmap->v6 == told.destination.IsV4();
    if (told.spisOutbound.empty() || otherVersion)
    {
        ++m_counters.meaningless;
        return;
    }
    const size_t mtu = PathMtuOf(told.sizes);
    for (const uint32_t spi : told.spisOutbound)
    {
        const esp::OutboundSa* const sa =
            m_gateway->GetDataPlane().GetSad().FindOutbound(told.destination, spi);
        if (sa)
        {
            NS_LOG_LOGIC("told " << mtu << " of SPI " << spi);
            m_gateway->GetPathMtu()->Learn(told.destination,
                                           spi,
                                           m_draftOverhead ? ByDraftOverhead(*sa, mtu) : mtu);
        }
    }
}

} // namespace ns3
