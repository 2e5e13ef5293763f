/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "network-run.h"

#include "ipsec-helper.h"
#include "node-setup.h"

#include "model/wire/ike-constants.h"
#include "model/wire/ipv4.h"

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/global-value.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <filesystem>
#include <limits>

namespace ipseclab
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Packet;
using ns3::Ptr;
using ns3::Seconds;
using ns3::Simulator;

namespace
{

/// Random streams by kind and place of declaration; scripts choose below.
constexpr std::int64_t kStreamsOfGateways = 1000000;
constexpr std::int64_t kStreamsOfLinks = 2000000;
constexpr std::int64_t kStreamsOfTraffic = 3000000;
constexpr std::int64_t kStreamsOfEach = 10;

constexpr std::uint16_t kFirstPort = 10000;
constexpr std::size_t kMostStreams = 50000;
constexpr std::uint64_t kWatchInterval = 4096; ///< packets

std::int64_t
StreamOf(StreamChoice choice, std::int64_t first, std::size_t place)
{
    return choice.value_or(first + kStreamsOfEach * static_cast<std::int64_t>(place));
}

std::string
OutOfPlace(const Conservation& c)
{
    return "packets are not conserved: " + std::to_string(c.sent) + " sent, " +
           std::to_string(c.delivered) + " delivered, " + std::to_string(c.dropped) +
           " dropped by gateways, " + std::to_string(c.ipDropped) + " by IPv4, " +
           std::to_string(c.queueDropped) + " by queues, " + std::to_string(c.lost) + " lost, " +
           std::to_string(c.inFlight) + " in flight";
}

void
SetSuites(const TunnelOptions& options, ns3::IpsecTunnel& tunnel)
{
    auto& ike = tunnel.ikeSuites.front();
    auto& child = tunnel.childSuites.front();
    ike.cipher = child.cipher = options.suite;
    ike.group = options.keyExchanges.front();
    ike.additional.assign(options.keyExchanges.begin() + 1, options.keyExchanges.end());
    if (options.pfs)
    {
        child.group = ike.group;
        child.additional = ike.additional;
    }
    child.extendedSequenceNumbers = options.esn;
}

} // namespace

// ---- the simulator

/// Whoever holds it may use the simulator, and leaves it empty.
struct NetworkRun::Claim
{
    Claim(std::uint32_t seed, std::uint64_t run, bool captured)
    {
        if (s_taken)
        {
            throw std::logic_error("a network runs in this process already, and ns-3 has one "
                                   "simulator per process: run the second one in another process");
        }
        s_taken = true;
        ns3::RngSeedManager::SetSeed(seed);
        ns3::RngSeedManager::SetRun(run);
        // Checksums cost time, and only a reader of captures looks at them.
        ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(captured));
    }

    ~Claim()
    {
        Simulator::Destroy();
        s_taken = false;
    }

    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    static inline bool s_taken = false;
};

NetworkRun::NetworkRun(Network& network, const std::string& captures)
    : m_network(network),
      m_claim(std::make_unique<Claim>(network.m_seed, network.m_run, !captures.empty())),
      m_plan(network.m_topology),
      m_captureFolder(captures)
{
    MakeNodes();
    MakeLinks();
    AttachFastPaths();
    AddRoutes();
    MakeTunnels();
    MakeStreams();
    ListenAtGateways();
    if (!m_captureFolder.empty())
    {
        BeginCaptures();
    }
    for (const auto& action : m_network.m_actions)
    {
        Schedule(action.time, action.run);
    }
    m_network.m_current = this;
}

NetworkRun::~NetworkRun()
{
    m_network.m_current = nullptr;
}

NetworkResult
NetworkRun::Execute(std::optional<double> until)
{
    if (until)
    {
        Simulator::Stop(Seconds(*until));
    }
    Simulator::Run();
    if (m_fault)
    {
        std::rethrow_exception(m_fault);
    }
    NetworkResult result = Collect();
    if (!m_captureFolder.empty())
    {
        result.files = m_captures;
        const auto keys = m_keys.Write(m_captureFolder);
        result.files.insert(result.files.end(), keys.begin(), keys.end());
    }
    return result;
}

template <typename Function>
void
NetworkRun::Guard(Function function)
{
    if (m_fault)
    {
        return;
    }
    try
    {
        function();
    }
    catch (...)
    {
        m_fault = std::current_exception();
        Simulator::Stop();
    }
}

// ---- building

void
NetworkRun::MakeNodes()
{
    for (std::size_t i = 0; i < m_network.m_topology.nodes.size(); ++i)
    {
        m_nodes.push_back(ns3::CreateObject<ns3::Node>());
        InstallIpv4Stack(m_nodes.back());
        m_nodes.back()->GetObject<ns3::Ipv4L3Protocol>()->TraceConnectWithoutContext(
            "Drop",
            MakeCallback(&NetworkRun::HandleIpDrop, this));
    }
    m_gateways.resize(m_nodes.size());
    for (std::size_t i = 0; i < m_network.m_gateways.size(); ++i)
    {
        const auto& [node, options] = m_network.m_gateways[i];
        ns3::IpsecHelper helper;
        helper.SetGatewayAttribute("ReplayWindow", ns3::UintegerValue(options.window));
        helper.SetGatewayAttribute("CryptoMode",
                                   ns3::StringValue(m_network.m_sized ? "Sized" : "Real"));
        m_gateways[node] = helper.Install(m_nodes[node]);
        m_gateways[node]->AssignStreams(StreamOf(options.stream, kStreamsOfGateways, i));
    }
}

void
NetworkRun::MakeLinks()
{
    for (std::size_t i = 0; i < m_network.m_links.size(); ++i)
    {
        const auto& options = m_network.m_links[i].options;
        const auto& [a, b] = m_network.m_topology.links[i];
        ns3::ReorderingLink link;
        link.rate = ns3::DataRate(static_cast<std::uint64_t>(options.rate));
        link.delay = Seconds(options.delay);
        link.extraDelay = MakeExtraDelay(GuardedModel(options.extraDelay));
        link.lossProbability = options.loss;
        link.queue = ns3::QueueSize(ns3::QueueSizeUnit::PACKETS, options.queue);
        const auto devices = ns3::IpsecHelper::InstallReorderingLink(m_nodes[a], m_nodes[b], link);
        const auto channel = ns3::DynamicCast<ns3::ReorderingChannel>(devices.Get(0)->GetChannel());
        channel->AssignStreams(StreamOf(options.stream, kStreamsOfLinks, i));
        m_channels.push_back(channel);
        m_linkWatches.push_back(std::make_unique<LinkWatch>());
        m_linkWatches.back()->Listen(devices.Get(0), devices.Get(1));
        AddPort(a, i, devices.Get(0));
        AddPort(b, i, devices.Get(1));
    }
}

/// A delay model that cannot throw into the middle of a transmission.
DelayModel
NetworkRun::GuardedModel(const DelayModel& model)
{
    DelayModel guarded = model;
    if (model.kind == DelayModel::Kind::Custom)
    {
        guarded.custom = [this, ask = model.custom](std::uint64_t index, double now)
        {
            double seconds = 0;
            Guard(
                [&]()
                {
                    const double asked = ask(index, now);
                    if (!(asked >= 0 && asked <= 1e6))
                    {
                        throw std::invalid_argument("a delay model gave " + std::to_string(asked) +
                                                    " s; 0 to 1000000 s are allowed");
                    }
                    seconds = asked;
                });
            return seconds;
        };
    }
    return guarded;
}

void
NetworkRun::AddPort(std::size_t node, std::size_t link, Ptr<ns3::NetDevice> device)
{
    const auto& numbers = m_plan.Links()[link];
    const bool first = m_network.m_topology.links[link].first == node;
    const bool outside = numbers.behind == m_nodes.size();
    const auto found = std::find_if(m_network.m_gateways.begin(),
                                    m_network.m_gateways.end(),
                                    [&](const auto& gateway) { return gateway.node == node; });
    const bool guarded = outside && found != m_network.m_gateways.end() && !found->options.fastPath;
    AddAddress(guarded ? ns3::IpsecHelper::AttachDevice(m_gateways[node], device) : device,
               ns3::Ipv4Address(first ? numbers.addressA : numbers.addressB),
               ns3::Ipv4Mask("/30"));
}

void
NetworkRun::AttachFastPaths()
{
    for (const auto& gateway : m_network.m_gateways)
    {
        if (!gateway.options.fastPath)
        {
            continue;
        }
        std::vector<Ptr<ns3::NetDevice>> inside;
        std::vector<Ptr<ns3::NetDevice>> outside;
        for (std::size_t i = 0; i < m_channels.size(); ++i)
        {
            const auto& [a, b] = m_network.m_topology.links[i];
            if (a == gateway.node || b == gateway.node)
            {
                auto& side = m_plan.Links()[i].behind == m_nodes.size() ? outside : inside;
                side.push_back(m_channels[i]->GetDevice(a == gateway.node ? 0 : 1));
            }
        }
        if (inside.size() != 1 || outside.size() != 1)
        {
            throw TopologyError(
                m_network.m_topology.nodes[gateway.node].name +
                ": the fast path wants one link inside and one outside; there are " +
                std::to_string(inside.size()) + " and " + std::to_string(outside.size()));
        }
        ns3::IpsecHelper::AttachFastPath(m_gateways[gateway.node], inside[0], outside[0]);
    }
}

void
NetworkRun::AddRoutes()
{
    for (std::size_t node = 0; node < m_nodes.size(); ++node)
    {
        const auto routing = StaticRoutesOf(m_nodes[node]);
        const auto ipv4 = m_nodes[node]->GetObject<ns3::Ipv4>();
        for (const auto& route : m_plan.Routes()[node])
        {
            const auto& numbers = m_plan.Links()[route.link];
            const std::uint32_t own =
                route.nextHop == numbers.addressA ? numbers.addressB : numbers.addressA;
            const std::uint32_t size = 1U << (32 - route.destination.length);
            routing->AddNetworkRouteTo(ns3::Ipv4Address(route.destination.address),
                                       ns3::Ipv4Mask(~(size - 1)),
                                       ns3::Ipv4Address(route.nextHop),
                                       ipv4->GetInterfaceForAddress(ns3::Ipv4Address(own)));
        }
    }
}

void
NetworkRun::MakeTunnels()
{
    for (std::size_t i = 0; i < m_network.m_tunnels.size(); ++i)
    {
        const auto& description = m_network.m_tunnels[i];
        const auto& plan = m_plan.Tunnels()[i];
        ns3::IpsecTunnel tunnel;
        tunnel.name = description.name;
        tunnel.addressA = ns3::Ipv4Address(plan.addressA);
        tunnel.addressB = ns3::Ipv4Address(plan.addressB);
        tunnel.protectedA = plan.protectedA.ToString();
        tunnel.protectedB = plan.protectedB.ToString();
        tunnel.identityA = m_network.m_topology.nodes[description.a].name + ".example";
        tunnel.identityB = m_network.m_topology.nodes[description.b].name + ".example";
        SetSuites(description.options, tunnel);
        tunnel.ikeLifetime = description.options.ikeLifetime;
        tunnel.childLifetime = description.options.childLifetime;
        tunnel.childVolume = description.options.childVolume;
        const auto& a = m_gateways[description.a];
        const auto& b = m_gateways[description.b];
        ns3::IpsecHelper::Configure(tunnel, a, b);
        m_handshakes.push_back(std::make_unique<TunnelHandshake>(
            a,
            b,
            tunnel.name,
            [this, i]() { HandleReady(i); },
            []() {}));
        if (description.options.initiateAt)
        {
            Simulator::Schedule(Seconds(*description.options.initiateAt),
                                &TunnelHandshake::Begin,
                                m_handshakes.back().get());
        }
    }
}

std::optional<std::size_t>
NetworkRun::TunnelBetween(std::size_t a, std::size_t b) const
{
    const Topology::Pair gateways{m_plan.GatewayOf(a), m_plan.GatewayOf(b)};
    const Topology::Pair reverse{gateways.second, gateways.first};
    const auto& tunnels = m_network.m_topology.tunnels;
    const auto found =
        std::find_if(tunnels.begin(),
                     tunnels.end(),
                     [&](const auto& ends) { return ends == gateways || ends == reverse; });
    if (found == tunnels.end())
    {
        return std::nullopt;
    }
    return static_cast<std::size_t>(found - tunnels.begin());
}

void
NetworkRun::MakeStreams()
{
    if (m_network.m_traffic.size() > kMostStreams)
    {
        throw TopologyError("there are more than " + std::to_string(kMostStreams) + " streams");
    }
    for (std::size_t i = 0; i < m_network.m_traffic.size(); ++i)
    {
        MakeStream(i);
        const auto& traffic = m_network.m_traffic[i];
        const auto tunnel = TunnelBetween(traffic.from, traffic.to);
        const bool waits = !traffic.options.start && tunnel &&
                           m_network.m_tunnels[*tunnel].options.initiateAt.has_value();
        if (!waits)
        {
            Simulator::Schedule(Seconds(traffic.options.start.value_or(0)),
                                &NetworkRun::StartStream,
                                this,
                                i);
        }
    }
}

void
NetworkRun::MakeStream(std::size_t place)
{
    const auto& traffic = m_network.m_traffic[place];
    const std::uint32_t address = m_plan.AddressOf(traffic.to);
    if (address == 0 || !m_plan.Reaches(traffic.from, address))
    {
        throw TopologyError("no path leads from " + m_network.m_topology.nodes[traffic.from].name +
                            " to " + m_network.m_topology.nodes[traffic.to].name);
    }
    auto stream = std::make_unique<Stream>();
    stream->settings = traffic.options.stream;
    stream->settings.port = static_cast<std::uint16_t>(kFirstPort + place);
    stream->settings.randomStream =
        StreamOf(traffic.options.randomStream, kStreamsOfTraffic, place);
    Stream* const raw = stream.get();
    stream->sink = std::make_unique<UdpSink>(
        m_nodes[traffic.to],
        raw->settings,
        [raw](std::uint64_t number) {
            raw->result.delivered.push_back({Simulator::Now().GetSeconds(), number});
        });
    stream->source =
        std::make_unique<UdpSource>(m_nodes[traffic.from],
                                    ns3::Ipv4Address(address),
                                    raw->settings,
                                    [this, raw](std::uint64_t)
                                    {
                                        raw->result.sent.push_back(Simulator::Now().GetSeconds());
                                        if (++m_sent % kWatchInterval == 0 && m_network.m_watch)
                                        {
                                            Guard(m_network.m_watch);
                                        }
                                    });
    m_streams.push_back(std::move(stream));
}

void
NetworkRun::StartStream(std::size_t place)
{
    m_streams[place]->source->Start();
}

void
NetworkRun::HandleReady(std::size_t tunnel)
{
    for (std::size_t i = 0; i < m_streams.size(); ++i)
    {
        const auto& traffic = m_network.m_traffic[i];
        if (!traffic.options.start && m_network.m_tunnels[tunnel].options.initiateAt &&
            TunnelBetween(traffic.from, traffic.to) == tunnel)
        {
            StartStream(i);
        }
    }
}

void
NetworkRun::ListenAtGateways()
{
    using Kind = NetworkEvent::Kind;
    for (const auto& description : m_network.m_gateways)
    {
        const std::size_t node = description.node;
        const auto& probes = m_network.m_probes;
        const bool probed = std::find(probes.begin(), probes.end(), node) != probes.end();
        m_gatewayWatches.push_back(
            std::make_unique<GatewayWatch>(GatewayWatch{this, node, probed, {}, {}}));
        GatewayWatch* const watch = m_gatewayWatches.back().get();
        const auto& gateway = m_gateways[node];
        gateway->TraceConnectWithoutContext("IkeEvent",
                                            MakeCallback(&GatewayWatch::HandleIke, watch));
        if (probed || Listens(Kind::PacketDropped))
        {
            gateway->TraceConnectWithoutContext("EspReceived",
                                                MakeCallback(&GatewayWatch::HandleArrival, watch));
        }
        if (Listens(Kind::PacketDropped))
        {
            gateway->TraceConnectWithoutContext("Drop",
                                                MakeCallback(&GatewayWatch::HandleDrop, watch));
        }
    }
}

void
NetworkRun::BeginCaptures()
{
    const auto folder = std::filesystem::absolute(m_captureFolder).lexically_normal();
    std::filesystem::create_directories(folder);
    for (const auto& [node, options] : m_network.m_gateways)
    {
        m_keys.Listen(m_gateways[node]);
        for (std::size_t i = 0; i < m_channels.size(); ++i)
        {
            const auto& [a, b] = m_network.m_topology.links[i];
            if ((a != node && b != node) || m_plan.Links()[i].behind != m_nodes.size())
            {
                continue;
            }
            std::string name =
                m_network.m_topology.nodes[node].name + "." + m_network.m_links[i].name + ".pcap";
            std::replace(name.begin(), name.end(), '/', '_');
            m_captures.push_back((folder / name).string());
            ns3::PointToPointHelper().EnablePcap(m_captures.back(),
                                                 m_channels[i]->GetDevice(a == node ? 0 : 1),
                                                 true,
                                                 true);
        }
    }
}

// ---- listening

bool
NetworkRun::Listens(NetworkEvent::Kind kind) const
{
    return m_network.m_listeners.count(kind) != 0;
}

void
NetworkRun::Tell(const NetworkEvent& event)
{
    const auto listeners = m_network.m_listeners.find(event.kind);
    if (listeners != m_network.m_listeners.end())
    {
        for (const auto& listener : listeners->second)
        {
            Guard([&]() { listener(event); });
        }
    }
}

void
NetworkRun::GatewayWatch::HandleIke(const ike::IkeEvent& event)
{
    NetworkEvent told;
    told.time = run->Now();
    told.gateway = run->m_network.m_topology.nodes[node].name;
    if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
    {
        told.kind = NetworkEvent::Kind::IkeEstablished;
        told.tunnel = up->peer;
        told.spiInbound = up->id.spiI;
        told.spiOutbound = up->id.spiR;
    }
    else if (const auto* closed = std::get_if<ike::IkeSaClosed>(&event))
    {
        told.kind = NetworkEvent::Kind::IkeClosed;
        told.tunnel = closed->peer;
        told.spiInbound = closed->id.spiI;
        told.spiOutbound = closed->id.spiR;
        told.reason = ike::Name(closed->reason);
    }
    else if (const auto* child = std::get_if<ike::ChildSaInstalled>(&event))
    {
        told.kind = NetworkEvent::Kind::SaInstalled;
        told.tunnel = child->peer;
        told.spiInbound = child->spiInbound;
        told.spiOutbound = child->spiOutbound;
        if (child->replaces)
        {
            run->Tell(told);
            told.kind = NetworkEvent::Kind::SaRekeyed;
            told.replaces = *child->replaces;
        }
    }
    else if (const auto* removed = std::get_if<ike::ChildSaRemoved>(&event))
    {
        told.kind = NetworkEvent::Kind::SaRemoved;
        told.tunnel = removed->peer;
        told.spiInbound = removed->spiInbound;
        told.spiOutbound = removed->spiOutbound;
    }
    else
    {
        return;
    }
    run->Tell(told);
}

void
NetworkRun::GatewayWatch::HandleArrival(std::uint32_t spi, std::uint64_t number, DropReason reason)
{
    last = {run->Now(), number, spi, static_cast<std::uint32_t>(reason)};
    if (probed)
    {
        arrivals.push_back(last);
    }
}

void
NetworkRun::GatewayWatch::HandleDrop(Ptr<const Packet>, DropReason reason, bool outbound)
{
    NetworkEvent told;
    told.kind = NetworkEvent::Kind::PacketDropped;
    told.time = run->Now();
    told.gateway = run->m_network.m_topology.nodes[node].name;
    told.reason = esp::Name(reason);
    told.outbound = outbound;
    // The gateway tells of an arrival, then of its drop.
    if (!outbound && last.verdict == static_cast<std::uint32_t>(reason) && last.time == told.time)
    {
        told.spiInbound = last.spi;
        told.number = last.number;
        last = {};
    }
    run->Tell(told);
}

void
NetworkRun::HandleIpDrop(const ns3::Ipv4Header& header,
                         Ptr<const Packet> packet,
                         ns3::Ipv4L3Protocol::DropReason,
                         Ptr<ns3::Ipv4>,
                         std::uint32_t)
{
    std::uint8_t ports[4]{};
    packet->CopyData(ports, sizeof(ports));
    m_ipDropped += IsIke(header.GetProtocol(), ports) ? 0 : 1;
}

// ---- for callbacks

double
NetworkRun::Now() const
{
    return Simulator::Now().GetSeconds();
}

void
NetworkRun::Stop()
{
    Simulator::Stop();
}

void
NetworkRun::Schedule(double time, std::function<void()> action)
{
    const ns3::Time wait = Seconds(time) - Simulator::Now();
    if (wait.IsStrictlyNegative())
    {
        throw std::invalid_argument("it is past " + std::to_string(time) + " s already");
    }
    Simulator::Schedule(wait, [this, run = std::move(action)]() { Guard(run); });
}

void
NetworkRun::Initiate(const std::string& tunnel)
{
    for (std::size_t i = 0; i < m_handshakes.size(); ++i)
    {
        if (m_network.m_tunnels[i].name == tunnel)
        {
            m_gateways[m_network.m_tunnels[i].a]->Initiate(tunnel);
            return;
        }
    }
    throw TopologyError("no tunnel is named \"" + tunnel + "\"");
}

Ptr<ns3::ReorderingChannel>
NetworkRun::ChannelOf(const std::string& link) const
{
    for (std::size_t i = 0; i < m_channels.size(); ++i)
    {
        if (m_network.m_links[i].name == link)
        {
            return m_channels[i];
        }
    }
    throw TopologyError("no link is named \"" + link + "\"");
}

void
NetworkRun::SetLoss(const std::string& link, double probability)
{
    ChannelOf(link)->SetAttribute("LossProbability", ns3::DoubleValue(probability));
}

void
NetworkRun::SetDelay(const std::string& link, double delay)
{
    ChannelOf(link)->SetAttribute("Delay", ns3::TimeValue(Seconds(delay)));
}

Ptr<ns3::IpsecGateway>
NetworkRun::GatewayAt(std::size_t node) const
{
    return m_gateways[node];
}

GatewayCounts
NetworkRun::CountsAt(std::size_t node) const
{
    return {m_gateways[node]->GetCounters(), m_gateways[node]->GetIkeCounters()};
}

// ---- what is left

Conservation
NetworkRun::CountAll() const
{
    Conservation all;
    all.sent = m_sent;
    all.ipDropped = m_ipDropped;
    for (const auto& stream : m_streams)
    {
        all.delivered += stream->sink->Delivered();
    }
    for (const auto& gateway : m_network.m_gateways)
    {
        const auto counters = m_gateways[gateway.node]->GetCounters();
        all.dropped += counters.outboundDrops.Total() + counters.inboundDrops.Total() -
                       counters.outboundDrops[DropReason::Queue] -
                       counters.inboundDrops[DropReason::Queue]; // the devices count these
    }
    for (const auto& link : m_linkWatches)
    {
        for (const auto kind : {PacketClass::Esp, PacketClass::Clear})
        {
            const LinkCounts& counts = link->Counts()[static_cast<std::size_t>(kind)];
            all.queueDropped += counts.queueDropped;
            all.lost += counts.lost;
            all.inFlight += counts.InFlight();
        }
    }
    return all;
}

NetworkResult
NetworkRun::Collect() const
{
    NetworkResult result;
    result.simulatedTime = Now();
    result.events = Simulator::GetEventCount();
    for (const auto& watch : m_gatewayWatches)
    {
        const std::string& name = m_network.m_topology.nodes[watch->node].name;
        result.gateways[name] = CountsAt(watch->node);
        if (watch->probed)
        {
            result.arrivals[name] = watch->arrivals;
        }
    }
    for (std::size_t i = 0; i < m_linkWatches.size(); ++i)
    {
        result.links[m_network.m_links[i].name] = m_linkWatches[i]->Counts();
    }
    for (std::size_t i = 0; i < m_handshakes.size(); ++i)
    {
        const auto& handshake = *m_handshakes[i];
        result.tunnels[m_network.m_tunnels[i].name] = {handshake.Done(),
                                                       handshake.Since().GetSeconds(),
                                                       handshake.Done() ? std::string()
                                                                        : handshake.Fault()};
    }
    for (std::size_t i = 0; i < m_streams.size(); ++i)
    {
        auto& traffic = result.traffic[m_network.m_traffic[i].name];
        traffic = m_streams[i]->result;
        traffic.deliveredOctets = m_streams[i]->sink->Octets();
    }
    result.conservation = CountAll();
    const Conservation& c = result.conservation;
    if (c.sent != c.delivered + c.dropped + c.ipDropped + c.queueDropped + c.lost + c.inFlight)
    {
        throw std::logic_error(OutOfPlace(c));
    }
    return result;
}

} // namespace ipseclab
