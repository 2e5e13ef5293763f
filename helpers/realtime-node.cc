/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "realtime-node.h"

#include "helpers/ipsec-helper.h"
#include "helpers/node-setup.h"

#include "ns3/icmpv4.h"
#include "ns3/ipv4-header.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/ipv4.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <sys/random.h>

namespace ipseclab
{

using ns3::Ptr;
using ns3::Simulator;

namespace
{

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint16_t kEchoIdentifier = 0x4c61;
const ns3::Time kLagInterval = ns3::MilliSeconds(10);

/// The payload of an echo request: differs from ping to ping and from octet to octet.
Bytes
EchoPayload(std::uint16_t number, std::uint16_t octets)
{
    Bytes payload(octets);
    for (std::size_t i = 0; i < payload.size(); ++i)
    {
        payload[i] = static_cast<std::uint8_t>(31 * number + 7 * i);
    }
    return payload;
}

template <typename T>
void
Forget(std::vector<T>& list, const T& value)
{
    list.erase(std::remove(list.begin(), list.end(), value), list.end());
}

} // namespace

void
OsRandomSource::Fill(MutableByteSpan out)
{
    std::size_t done = 0;
    while (done < out.size())
    {
        const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
        if (got < 0 && errno != EINTR)
        {
            throw std::runtime_error("the system has no randomness");
        }
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
}

RealtimeNode::RealtimeNode(const RealtimeNodeConfig& config, Handlers handlers)
    : m_handlers(std::move(handlers)),
      m_peer(config.peer.name),
      m_inner(config.inner)
{
    ChooseRealtime();
    BuildNode(config);
    m_echo = ns3::Socket::CreateSocket(m_node, ns3::Ipv4RawSocketFactory::GetTypeId());
    m_echo->SetAttribute("Protocol", ns3::UintegerValue(kIcmp));
    m_echo->SetRecvCallback(ns3::MakeCallback(&RealtimeNode::ReceiveEcho, this));
}

RealtimeNode::~RealtimeNode()
{
    m_echo = nullptr;
    m_gateway = nullptr;
    m_node = nullptr;
    Simulator::Destroy();
}

void
RealtimeNode::BuildNode(const RealtimeNodeConfig& config)
{
    m_node = ns3::CreateObject<ns3::Node>();
    InstallIpv4Stack(m_node);
    const auto port = AddLivePort(m_node, config.socket, config.mtu);
    m_gateway = ns3::IpsecHelper().Install(m_node);
    m_gateway->SetRandomSource(std::make_unique<OsRandomSource>());
    // As daemons have it from their kernels.
    m_gateway->GetPathMtu()->SetAttribute("Fragmentation", ns3::StringValue("AfterEsp"));
    const auto outside = ns3::IpsecHelper::AttachDevice(m_gateway, port);
    AddRoutes(config, AddAddress(outside, config.address, config.mask));
    // Before the peer, with which ICMP of the gateway itself passes in clear: in transport mode
    // that is what is to be protected.
    m_gateway->AddPolicy({config.peer.name,
                          config.peer.localSelectors,
                          config.peer.remoteSelectors,
                          esp::SpdAction::Protect,
                          config.peer.name});
    m_gateway->AddPeer(config.peer);
    m_gateway->TraceConnectWithoutContext("IkeEvent",
                                          ns3::MakeCallback(&RealtimeNode::HandleIke, this));
    m_keys.Listen(m_gateway);
}

void
RealtimeNode::AddRoutes(const RealtimeNodeConfig& config, std::uint32_t outside)
{
    const auto ipv4 = m_node->GetObject<ns3::Ipv4>();
    if (config.inner != config.address)
    {
        constexpr std::uint32_t kLoopback = 0;
        ipv4->AddAddress(kLoopback,
                         ns3::Ipv4InterfaceAddress(config.inner, ns3::Ipv4Mask::GetOnes()));
    }
    StaticRoutesOf(m_node)->SetDefaultRoute(ns3::Ipv4Address(config.peer.remote.address.V4Value()),
                                            outside);
}

void
RealtimeNode::Run(ns3::Time limit)
{
    Simulator::ScheduleWithContext(m_node->GetId(), kLagInterval, &RealtimeNode::SampleLag, this);
    Simulator::Stop(limit);
    Simulator::Run();
}

void
RealtimeNode::Post(std::function<void()> command)
{
    Simulator::ScheduleWithContext(m_node->GetId(),
                                   ns3::Time(0),
                                   [run = std::move(command)]() { run(); });
}

void
RealtimeNode::SampleLag()
{
    m_lag.Sample();
    Simulator::Schedule(kLagInterval, &RealtimeNode::SampleLag, this);
}

// ---- commands

void
RealtimeNode::Initiate()
{
    Post([this]() { m_gateway->Initiate(m_peer); });
}

void
RealtimeNode::RekeyChild()
{
    Post(
        [this]()
        {
            m_gateway->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return !m_childSas.empty() && endpoint.RekeyChildSa(now, m_childSas.back()); });
        });
}

void
RealtimeNode::RekeyIke()
{
    Post(
        [this]()
        {
            m_gateway->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return !m_ikeSas.empty() && endpoint.RekeyIkeSa(now, m_ikeSas.back()); });
        });
}

void
RealtimeNode::CreateChild()
{
    Post(
        [this]()
        {
            m_gateway->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return !m_ikeSas.empty() && endpoint.CreateChildSa(now, m_ikeSas.back()); });
        });
}

void
RealtimeNode::CloseChild()
{
    Post(
        [this]()
        {
            m_gateway->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return !m_childSas.empty() && endpoint.CloseChildSa(now, m_childSas.back()); });
        });
}

void
RealtimeNode::CloseIke()
{
    Post([this]() { m_gateway->CloseAll(); });
}

void
RealtimeNode::CheckLiveness()
{
    Post(
        [this]()
        {
            m_gateway->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return !m_ikeSas.empty() && endpoint.CheckLiveness(now, m_ikeSas.back()); });
        });
}

void
RealtimeNode::Ping(ns3::Ipv4Address to,
                   std::uint16_t count,
                   std::uint16_t octets,
                   ns3::Time interval)
{
    Post([=]() { SendEcho(to, count, octets, interval); });
}

void
RealtimeNode::Stop()
{
    Post([]() { Simulator::Stop(); });
}

// ---- events

void
RealtimeNode::HandleIke(const ike::IkeEvent& event)
{
    if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
    {
        m_ikeSas.push_back(up->id);
    }
    else if (const auto* closed = std::get_if<ike::IkeSaClosed>(&event))
    {
        Forget(m_ikeSas, closed->id);
    }
    else if (const auto* child = std::get_if<ike::ChildSaInstalled>(&event))
    {
        m_childSas.push_back(child->spiInbound);
    }
    else if (const auto* retired = std::get_if<ike::ChildSaRetired>(&event))
    {
        Forget(m_childSas, retired->spiInbound);
    }
    else if (const auto* removed = std::get_if<ike::ChildSaRemoved>(&event))
    {
        Forget(m_childSas, removed->spiInbound);
    }
    m_handlers.ike(Simulator::Now().GetSeconds(), event);
}

void
RealtimeNode::SendEcho(ns3::Ipv4Address to,
                       std::uint16_t left,
                       std::uint16_t octets,
                       ns3::Time interval)
{
    if (left == 0)
    {
        return;
    }
    m_echoSent.push_back(Simulator::Now());
    m_echoOctets.push_back(octets);
    const auto number = static_cast<std::uint16_t>(m_echoSent.size());
    const Bytes payload = EchoPayload(number, octets);
    ns3::Icmpv4Echo echo;
    echo.SetIdentifier(kEchoIdentifier);
    echo.SetSequenceNumber(number);
    echo.SetData(ns3::Create<ns3::Packet>(payload.data(), octets));
    const auto packet = ns3::Create<ns3::Packet>();
    packet->AddHeader(echo);
    ns3::Icmpv4Header icmp;
    icmp.EnableChecksum();
    icmp.SetType(ns3::Icmpv4Header::ICMPV4_ECHO);
    packet->AddHeader(icmp);
    // Like ns-3's own ICMP: no route, so that the source is the inner address.
    m_node->GetObject<ns3::Ipv4>()->Send(packet, m_inner, to, kIcmp, nullptr);
    Simulator::Schedule(interval,
                        &RealtimeNode::SendEcho,
                        this,
                        to,
                        static_cast<std::uint16_t>(left - 1),
                        octets,
                        interval);
}

void
RealtimeNode::ReceiveEcho(Ptr<ns3::Socket> socket)
{
    while (const Ptr<ns3::Packet> packet = socket->Recv())
    {
        ns3::Ipv4Header ip;
        ns3::Icmpv4Header icmp;
        ns3::Icmpv4Echo echo;
        packet->RemoveHeader(ip);
        packet->RemoveHeader(icmp);
        if (icmp.GetType() != ns3::Icmpv4Header::ICMPV4_ECHO_REPLY)
        {
            continue;
        }
        packet->RemoveHeader(echo);
        const std::uint16_t number = echo.GetSequenceNumber();
        if (echo.GetIdentifier() != kEchoIdentifier || number == 0 || number > m_echoSent.size())
        {
            continue;
        }
        Bytes payload(echo.GetDataSize());
        echo.GetData(payload.data());
        const bool intact = payload == EchoPayload(number, m_echoOctets[number - 1U]);
        const ns3::Time now = Simulator::Now();
        m_handlers.echo(now.GetSeconds(),
                        {number, intact, (now - m_echoSent[number - 1U]).GetSeconds()});
    }
}

// ---- results

const esp::DataPlaneCounters&
RealtimeNode::GetCounters() const
{
    return m_gateway->GetCounters();
}

const ike::IkeCounters&
RealtimeNode::GetIkeCounters() const
{
    return m_gateway->GetIkeCounters();
}

const ClockLag&
RealtimeNode::GetClockLag() const
{
    return m_lag;
}

std::vector<std::string>
RealtimeNode::WriteKeys(const std::string& folder) const
{
    return m_keys.Write(folder);
}

} // namespace ipseclab
