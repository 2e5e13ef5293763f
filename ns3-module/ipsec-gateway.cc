/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-gateway.h"
#include "model-values.h"

#include "model/ike/extensions/child-sa-budget.h"
#include "model/ike/extensions/per-resource-sa.h"
#include "model/wire/ip-packet.h"

#include "ns3/abort.h"
#include "ns3/boolean.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv6-l3-protocol.h"
#include "ns3/log.h"
#include "ns3/nstime.h"
#include "ns3/string.h"
#include "ns3/trace-source-accessor.h"
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
constexpr uint32_t kMostResources = 1024;
constexpr uint8_t kInnerDscp = 64; ///< after the last DSCP

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
                "first, class selector of the inner DSCP, flow, one after the other, or the "
                "core that works on the packet.",
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
                                                 "RoundRobin",
                                                 esp::SubspaceRule::Resource,
                                                 "Resource"))
            .AddAttribute(
                "SubspaceIndex",
                "How the receiver finds the window of a subspace. For SAs that are set up from now "
                "on.",
                StringValue("Array"),
                compat::MakeEnumAttributeAccessor<esp::SubspaceIndex>(
                    &IpsecGateway::SetSubspaceIndex,
                    &IpsecGateway::GetSubspaceIndex),
                compat::MakeEnumAttributeChecker(esp::SubspaceIndex::Array,
                                                 "Array",
                                                 esp::SubspaceIndex::Hash,
                                                 "Hash"))
            .AddAttribute("KeepSubSaKeys",
                          "Whether keys of the Sub SAs of EESP are kept once they were derived, or "
                          "derived anew for each packet (that of Sub SA 0 is always kept).",
                          BooleanValue(true),
                          MakeBooleanAccessor(&IpsecGateway::m_keepSubSaKeys),
                          MakeBooleanChecker())
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
            .AddAttribute("OuterDscp",
                          "DSCP of outer headers; 64: that of the inner packet.",
                          UintegerValue(kInnerDscp),
                          MakeUintegerAccessor(&IpsecGateway::m_outerDscp),
                          MakeUintegerChecker<uint8_t>(0, kInnerDscp))
            .AddAttribute("SaLimit",
                          "Pairs of SAs that the hardware has room for, with all peers; requests "
                          "for more are refused with NO_ADDITIONAL_SAS. 0: no limit.",
                          UintegerValue(0),
                          MakeUintegerAccessor(&IpsecGateway::m_saLimit),
                          MakeUintegerChecker<uint32_t>())
            .AddAttribute(
                "Resources",
                "Cores or queues to which outbound flows are spread, each with Child "
                "SAs of its own beside one for all (RFC 9611), asked for when packets "
                "need them. 0: SAs belong to no resource. Set before AddPeer.",
                UintegerValue(0),
                MakeUintegerAccessor(&IpsecGateway::SetResources, &IpsecGateway::GetResources),
                MakeUintegerChecker<uint32_t>(0, kMostResources))
            .AddAttribute("ResourceSaLimit",
                          "Child SAs beside the one for all that a peer may have of the same "
                          "traffic, beyond which it gets TS_MAX_QUEUE. 0: twice the Resources (RFC "
                          "9611, section 6). Set before AddPeer.",
                          UintegerValue(0),
                          MakeUintegerAccessor(&IpsecGateway::m_resourceSaLimit),
                          MakeUintegerChecker<uint32_t>())
            .AddAttribute("ResourceFallback",
                          "Whether packets take the Child SA for all while their resource has none "
                          "of its own (RFC 9611, section 4). False: they are dropped, as "
                          "acquire-pending, also when the peer grants no SA of their own.",
                          BooleanValue(true),
                          MakeBooleanAccessor(&IpsecGateway::SetResourceFallback,
                                              &IpsecGateway::GetResourceFallback),
                          MakeBooleanChecker())
            .AddAttribute("FragmentStates",
                          "Packets whose first fragments are remembered for the later ones where "
                          "selectors name ports (RFC 4301, sections 7.3 and 7.4), each for what "
                          "leaves, comes out of tunnels, and comes in clear. 0: none. Set before "
                          "the simulation starts.",
                          UintegerValue(1024),
                          MakeUintegerAccessor(&IpsecGateway::m_fragmentStates),
                          MakeUintegerChecker<uint32_t>(0, 1U << 20))
            .AddAttribute("FragmentTimeout",
                          "How long they are remembered. Set before the simulation starts.",
                          TimeValue(Seconds(30)),
                          MakeTimeAccessor(&IpsecGateway::m_fragmentTimeout),
                          MakeTimeChecker(Time(0)))
            .AddAttribute(
                "LeastFragmentOffset",
                "Octets of its packet's payload before an IPv4 fragment that is let in on "
                "an SA for OPAQUE ports, so that it cannot overlap ports and flags (RFC "
                "4301, section 7.2). For SAs that are set up from now on.",
                UintegerValue(40),
                MakeUintegerAccessor(&IpsecGateway::m_leastFragmentOffset),
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
        [this](const std::string& peer, bool opaque)
        { Simulator::ScheduleNow(&IpsecGateway::Acquire, Ptr<IpsecGateway>(this), peer, opaque); });
    m_dataPlane.SetResourceCallback(
        [this](const std::string& peer, uint32_t resource)
        {
            if (MayAskForResource(peer, resource))
            {
                Simulator::ScheduleNow(&IpsecGateway::AcquireResourceSa,
                                       Ptr<IpsecGateway>(this),
                                       peer,
                                       resource);
            }
        });
    m_dataPlane.SetUnknownSpiCallback(
        [this](uint32_t spi, const ipseclab::IpAddress& source) {
            Simulator::ScheduleNow(&IpsecGateway::HandleUnknownSpi,
                                   Ptr<IpsecGateway>(this),
                                   spi,
                                   source);
        });
    m_pathMtu = CreateObject<IpsecPathMtu>();
    m_pathMtu->SetGateway(this);
    m_pathSizes = CreateObject<IpsecPathSizes>();
    m_pathSizes->SetGateway(this);
    m_dataPlane.SetSizeLimit(
        [this](const esp::OutboundSa& sa, const wire::IpView& inner, size_t mtu) {
            return m_pathMtu->SizeLimit(sa,
                                        inner,
                                        sa.Config().aggfrag ? m_aggfrag->Limit(mtu) : mtu);
        });
    m_aggfrag = CreateObject<IpsecAggfrag>();
    m_aggfrag->SetGateway(this);
    m_dataPlane.SetAggfragQueue([this](const esp::OutboundSa& sa, ipseclab::ByteSpan packet)
                                { return m_aggfrag->Enqueue(sa, packet); });
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
    m_dataPlane.TrackFragments(
        {m_fragmentStates, std::chrono::nanoseconds(m_fragmentTimeout.GetNanoSeconds())},
        [] { return ModelNow(); });
    Object::DoInitialize();
}

void
IpsecGateway::DoDispose()
{
    m_timer.Cancel();
    m_timerDue.reset();
    m_dataPlane.SetAcquireCallback({});
    m_dataPlane.SetResourceCallback({});
    m_dataPlane.SetVolumeCallback({});
    m_dataPlane.SetPathCallback({});
    m_dataPlane.SetUnknownSpiCallback({});
    m_dataPlane.SetSizeLimit({});
    m_dataPlane.SetAggfragQueue({});
    m_pathMtu->Dispose();
    m_pathSizes->Dispose();
    m_aggfrag->Dispose();
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
    ike::PeerConfig limited = peer;
    if (m_saLimit != 0)
    {
        limited.extensions.push_back(
            ike::ChildSaBudget(m_saLimit, [this] { return m_dataPlane.GetSad().PairCount(); }));
    }
    if (m_resources != 0)
    {
        limited.extensions.push_back(ike::PerResourceSas({m_resources, m_resourceSaLimit}));
    }
    NS_ABORT_MSG_UNLESS(m_ike.AddPeer(limited),
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

Ptr<IpsecPathMtu>
IpsecGateway::GetPathMtu() const
{
    return m_pathMtu;
}

Ptr<IpsecPathSizes>
IpsecGateway::GetPathSizes() const
{
    return m_pathSizes;
}

Ptr<IpsecAggfrag>
IpsecGateway::GetAggfrag() const
{
    return m_aggfrag;
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
IpsecGateway::SetSubspaceIndex(esp::SubspaceIndex value)
{
    m_subspaceIndex = value;
}

compat::EnumResult<esp::SubspaceIndex>
IpsecGateway::GetSubspaceIndex() const
{
    return {m_subspaceIndex};
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
