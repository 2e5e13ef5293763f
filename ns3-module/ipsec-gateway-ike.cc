/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * IpsecGateway: IKE's sockets, timer and events.
 */

#include "ipsec-gateway.h"
#include "model-values.h"

#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/dscp-classes.h"
#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/non-first-fragments.h"
#include "model/ike/extensions/per-resource-sa.h"
#include "model/ike/extensions/tfc-padding.h"
#include "model/ike/extensions/transport-mode.h"
#include "model/wire/ip-packet.h"

#include "ns3/abort.h"
#include "ns3/inet-socket-address.h"
#include "ns3/inet6-socket-address.h"
#include "ns3/ipv4-packet-info-tag.h"
#include "ns3/ipv6-packet-info-tag.h"
#include "ns3/ipv6.h"
#include "ns3/log.h"
#include "ns3/udp-socket-factory.h"

#include <algorithm>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace ike = ipseclab::ike;
namespace wire = ipseclab::wire;

NS_LOG_COMPONENT_DEFINE("IpsecGatewayIke");

namespace
{

constexpr uint8_t kLastDscp = 63;

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

} // namespace

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
IpsecGateway::Acquire(const std::string& peer, bool opaque)
{
    if (m_negotiating.count(peer) == 0)
    {
        Initiate(peer);
    }
    // Several packets may have asked at once, and an SA may have come up since.
    else if (!m_dataPlane.GetSad().HasOutbound(peer, opaque))
    {
        AcquireChildSa(peer, opaque);
    }
}

void
IpsecGateway::AcquireChildSa(const std::string& peer, bool opaque)
{
    const auto last = m_childRequests.find({peer, opaque});
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
                    {
                        ike::ChildRequest request;
                        request.opaque = opaque;
                        return sa.second == peer &&
                               m_ike.CreateChildSa(ModelNow(), sa.first, request);
                    }))
    {
        m_childRequests[{peer, opaque}] = {now};
        Drive();
    }
}

bool
IpsecGateway::MayAskForResource(const std::string& peer, uint32_t resource)
{
    const Time now = Simulator::Now();
    const auto [last, isNew] = m_resourceRequests.try_emplace({peer, resource}, now);
    const bool may = isNew || now >= last->second + m_acquireInterval;
    last->second = may ? now : last->second;
    return may;
}

void
IpsecGateway::AcquireResourceSa(const std::string& peer, uint32_t resource)
{
    // The newest first; an IKE SA that is on its way out refuses.
    if (std::any_of(m_established.rbegin(),
                    m_established.rend(),
                    [&](const auto& sa)
                    {
                        return sa.second == peer &&
                               m_ike.Command(ModelNow(), sa.first, ike::AskForResourceSa{resource});
                    }))
    {
        Drive();
    }
}

void
IpsecGateway::EndChildRequest(const std::string& peer, bool opaque)
{
    const auto request = m_childRequests.find({peer, opaque});
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
        EndChildRequest(closed->peer, false);
        EndChildRequest(closed->peer, true);
    }
    else if (const auto* sa = std::get_if<ike::ChildSaInstalled>(&event))
    {
        InstallChildSa(*sa);
        EndChildRequest(sa->peer, AreOpaque(sa->localSelectors) || AreOpaque(sa->remoteSelectors));
    }
    else if (const auto* refused = std::get_if<ike::ChildSaRefused>(&event))
    {
        if (!refused->rekeyOf)
        {
            EndChildRequest(refused->peer, refused->opaque);
        }
    }
    else if (const auto* ready = std::get_if<ike::ChildSaOutboundReady>(&event))
    {
        m_dataPlane.GetSad().SetOutboundReady(ready->spiInbound);
    }
    else if (const auto* retired = std::get_if<ike::ChildSaRetired>(&event))
    {
        m_dataPlane.GetSad().RetireOutbound(retired->spiInbound);
        m_aggfrag->Retire(retired->spiInbound);
    }
    else if (const auto* removed = std::get_if<ike::ChildSaRemoved>(&event))
    {
        m_aggfrag->Remove(removed->spiInbound);
        m_dataPlane.GetSad().Remove(removed->spiInbound);
        m_pathSizes->Forget(removed->spiInbound);
    }
    else if (const auto* moved = std::get_if<ike::ChildSaMoved>(&event))
    {
        m_dataPlane.GetSad().SetOuter(moved->spiInbound,
                                      moved->localOuter,
                                      moved->remoteOuter,
                                      moved->udp);
    }
    else if (const auto* report = std::get_if<ike::IkeExtensionReport>(&event))
    {
        if (const auto* told = report->As<ike::PathSizesTold>())
        {
            m_pathSizes->Learn(*told);
        }
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
    out.tos.copyDscp = m_outerDscp > kLastDscp;
    out.tos.fixedDscp = out.tos.copyDscp ? 0 : m_outerDscp;
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
    in.subspaceIndex = m_subspaceIndex;
    in.remoteSelectors = sa.remoteSelectors;
    in.localSelectors = sa.localSelectors;
    in.tos.ecn = m_ecnProfile;
    if (const auto* resource = sa.properties.Find<ike::SaResource>())
    {
        out.resource = resource->number;
    }
    if (const auto* dscps = sa.properties.Find<ike::SaDscps>())
    {
        out.dscps = dscps->mine;
        out.dscpsBind = dscps->agreed;
        in.dscps = dscps->agreed ? dscps->mine : ipseclab::DscpSet();
    }
    out.ipsecMode = in.ipsecMode = sa.properties.Find<ike::TransportMode>()
                                     ? esp::IpsecMode::Transport
                                     : esp::IpsecMode::Tunnel;

    in.leastFragmentOffset = m_leastFragmentOffset;
    const bool opaque = AreOpaque(sa.localSelectors) || AreOpaque(sa.remoteSelectors);
    if (sa.properties.Find<ike::LaterFragments>() && !opaque)
    {
        out.laterFragments = true;
        in.laterFragments = m_dataPlane.InboundFragments(sa.peer);
    }

    out.subspaceRule = m_subspaceRule;
    if (const auto* eesp = sa.properties.Find<ike::EespSa>())
    {
        out.subspaces = esp::SequenceScheme::Eesp(eesp->subSasOutbound);
        in.subspaces = esp::SequenceScheme::Eesp(eesp->subSasInbound);
        out.subSaKdf = in.subSaKdf = eesp->kdf;
        out.keepSubSaKeys = in.keepSubSaKeys = m_keepSubSaKeys;
    }
    else if (const auto* scheme = sa.properties.Find<esp::SequenceScheme>())
    {
        out.subspaces = in.subspaces = *scheme;
    }

    if (const auto* aggfrag = sa.properties.Find<ike::AggfragSa>())
    {
        out.aggfrag = in.aggfrag = true;
        out.aggfragFragments = aggfrag->peerTakesFragments;
        out.tos.copyDscp = out.tos.copyDscp && m_aggfrag->CopiesDscp();
        out.tfcLength = 0;
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
    else if (out.aggfrag)
    {
        m_aggfrag->Install(sa.spiInbound, out.aggfragFragments);
    }
}
} // namespace ns3
