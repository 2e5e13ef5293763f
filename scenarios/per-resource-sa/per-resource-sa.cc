/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/deliveries.h"
#include "helpers/drop-metrics.h"
#include "helpers/flow-source.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/per-resource-sa/per-resource-network.h"

#include "ns3/random-variable-stream.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace ipseclab
{

namespace
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Ptr;
using ns3::Simulator;
using per_resource::Net;
using per_resource::Settings;
using per_resource::Site;
using Metrics = std::map<std::string, MetricValue>;

constexpr std::int64_t kStreamOfStarts = 50;
constexpr std::int64_t kStreamsOfFlows = 10000000; ///< ten for each tunnel
constexpr std::uint16_t kFirstPortOfB = 20000;
constexpr double kWarmUp = 0.5; ///< share of the sending time
constexpr double kOtherTraffic = 0.75;

/// The packets of one direction of a tunnel, from host to host.
class Direction
{
  public:
    /// \param stream of random numbers \param settled called for each packet that arrives
    Direction(const Site& from,
              const Site& to,
              const UdpStream& stream,
              const FlowMix& mix,
              std::function<void()> settled)
        : m_stream(stream),
          m_source(from.host, to.address, m_stream, mix),
          m_sink(to.host,
                 m_stream,
                 [this, settled = std::move(settled)](std::uint64_t number)
                 {
                     m_deliveries.Add(m_source.SentAt(number));
                     settled();
                 })
    {
    }

    void Start()
    {
        m_source.Start();
    }

    bool Done() const
    {
        return m_source.Sent() == m_stream.packets;
    }

    std::uint64_t Sent() const
    {
        return m_source.Sent();
    }

    std::uint64_t Delivered() const
    {
        return m_sink.Delivered();
    }

    /// Packets per second in the second half of the sending time.
    double Throughput() const
    {
        const double first = m_source.SentAt(1).GetSeconds();
        const double last = m_source.SentAt(m_source.Sent()).GetSeconds();
        return m_deliveries.RateBetween(first + kWarmUp * (last - first), last);
    }

  private:
  private:
    const UdpStream m_stream;
    Deliveries m_deliveries;
    FlowSource m_source;
    UdpSink m_sink;
};

/// One tunnel: it comes up, its hosts send, and further SAs are made.
class Tunnel
{
  public:
    /// \param settled called for each packet that arrives
    Tunnel(const Net& net,
           const Settings& settings,
           std::size_t site,
           std::function<void()> settled)
        : m_settings(settings),
          m_gateway(net.sitesA[site].gateway),
          m_fromA(net.sitesA[site],
                  net.siteB,
                  StreamOf(settings, site, true),
                  MixOf(settings, site, true),
                  settled),
          m_handshake(
              m_gateway,
              net.siteB.gateway,
              Net::TunnelName(site),
              [this]() { Begin(); },
              []() { Simulator::Stop(); })
    {
        if (settings.bothWays)
        {
            m_fromB = std::make_unique<Direction>(net.siteB,
                                                  net.sitesA[site],
                                                  StreamOf(settings, site, false),
                                                  MixOf(settings, site, false),
                                                  std::move(settled));
        }
        m_gateway->TraceConnectWithoutContext("IkeEvent", MakeCallback(&Tunnel::HandleIke, this));
    }

    /// The IKE exchanges begin at that time.
    void Schedule(ns3::Time begin)
    {
        Simulator::Schedule(begin, &TunnelHandshake::Begin, &m_handshake);
    }

    /// Throws when it never came up.
    void CheckUp() const
    {
        if (!m_handshake.Done() || m_fromA.Sent() == 0)
        {
            throw std::runtime_error("no tunnel: " + m_handshake.Fault());
        }
    }

    bool Done() const
    {
        return m_fromA.Done() && (!m_fromB || m_fromB->Done());
    }

    std::uint64_t Sent() const
    {
        return m_fromA.Sent() + (m_fromB ? m_fromB->Sent() : 0);
    }

    std::uint64_t Delivered() const
    {
        return m_fromA.Delivered() + (m_fromB ? m_fromB->Delivered() : 0);
    }

    /// Of the packets from A.
    double Throughput() const
    {
        return m_fromA.Throughput();
    }

    /// When there was the first SA.
    ns3::Time Up() const
    {
        return m_begin;
    }

    /// From then to the last further SA.
    ns3::Time SetUp() const
    {
        return m_setUp;
    }

    std::uint64_t Rekeyed() const
    {
        return m_rekeyed;
    }

    std::uint64_t OtherSas() const
    {
        return m_otherSas;
    }

  private:
    static UdpStream StreamOf(const Settings& settings, std::size_t site, bool fromA)
    {
        UdpStream stream = settings.stream;
        stream.randomStream = kStreamsOfFlows + 10 * static_cast<std::int64_t>(site);
        stream.randomStream += fromA ? 0 : 5;
        stream.port = static_cast<std::uint16_t>(stream.port + (fromA ? site : 0));
        return stream;
    }

    /// Ports of B belong to tunnels, those of a host A to nobody else.
    static FlowMix MixOf(const Settings& settings, std::size_t site, bool fromA)
    {
        FlowMix mix;
        mix.flows = settings.flows;
        mix.random = true;
        mix.randomStream = StreamOf(settings, site, fromA).randomStream + 1;
        mix.firstPort = fromA ? mix.firstPort
                              : static_cast<std::uint16_t>(kFirstPortOfB + site * settings.flows);
        return mix;
    }

    void Begin()
    {
        m_begin = Simulator::Now();
        m_fromA.Start();
        if (m_fromB)
        {
            m_fromB->Start();
        }
        if (m_settings.otherTraffic)
        {
            const double duration =
                static_cast<double>(m_settings.stream.packets) / m_settings.stream.rate;
            Simulator::Schedule(ns3::Seconds(kOtherTraffic * duration),
                                &Tunnel::AskForOtherTraffic,
                                this);
        }
    }

    /// An SA for what no other SA carries: from A's network to B's second one.
    void AskForOtherTraffic()
    {
        ike::ChildRequest request;
        request.packet.emplace();
        request.packet->source = m_local;
        request.packet->destination = Other();
        request.packet->protocol = wire::kProtocolUdp;
        m_gateway->Command([&](ike::IkeEndpoint& endpoint, ike::Instant now)
                           { return endpoint.CreateChildSa(now, m_ikeSa, request); });
    }

    static IpAddress Other()
    {
        return IpAddress::V4(ns3::Ipv4Address(per_resource::kOtherHost).Get());
    }

    void HandleIke(const ike::IkeEvent& event)
    {
        const auto* installed = std::get_if<ike::ChildSaInstalled>(&event);
        if (!installed)
        {
            return;
        }
        m_ikeSa = installed->ikeSa;
        m_local = installed->localSelectors.front().start;
        if (esp::MatchesAny(installed->remoteSelectors, Other(), 0, {}))
        {
            ++m_otherSas;
        }
        else if (!installed->replaces && !m_begin.IsZero())
        {
            m_setUp = Simulator::Now() - m_begin;
        }
        m_rekeyed += installed->replaces ? 1 : 0;
    }

    const Settings& m_settings;
    Ptr<ns3::IpsecGateway> m_gateway; ///< A's
    Direction m_fromA;
    std::unique_ptr<Direction> m_fromB; ///< null: B only listens
    TunnelHandshake m_handshake;
    ike::IkeSaId m_ikeSa;
    IpAddress m_local;
    ns3::Time m_begin;
    ns3::Time m_setUp;
    std::uint64_t m_rekeyed{0};
    std::uint64_t m_otherSas{0};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_settings(values),
          m_captures(context),
          m_net(m_settings, context.sized)
    {
        const auto start = ns3::CreateObject<ns3::UniformRandomVariable>();
        start->SetStream(kStreamOfStarts);
        for (std::size_t i = 0; i < m_settings.tunnels; ++i)
        {
            m_tunnels.push_back(
                std::make_unique<Tunnel>(m_net, m_settings, i, [this]() { Settle(); }));
            m_tunnels.back()->Schedule(ns3::Seconds(start->GetValue(0, m_settings.startSpread)));
            Listen(m_net.sitesA[i].gateway);
        }
        Listen(m_net.siteB.gateway);
        m_captures.Capture(m_net.sitesA.front().outside, "gateway-a.pcap");
        m_captures.Capture(m_net.siteB.outside, "gateway-b.pcap");
        m_captures.ListenTo(m_net.siteB.gateway);
    }

    RunResult Execute()
    {
        Simulator::Run();
        for (const auto& tunnel : m_tunnels)
        {
            tunnel->CheckUp();
        }
        CheckConservation();
        RunResult result;
        AddPackets(result.metrics);
        AddSas(result.metrics);
        AddDropsOfAll(result.metrics);
        result.files = m_captures.Finish();
        return result;
    }

  private:
    void Listen(Ptr<ns3::IpsecGateway> gateway)
    {
        gateway->TraceConnectWithoutContext("IkeEvent", MakeCallback(&Run::CountRefusal, this));
        gateway->TraceConnectWithoutContext("Drop", MakeCallback(&Run::HandleDrop, this));
    }

    void CountRefusal(const ike::IkeEvent& event)
    {
        m_refused += std::holds_alternative<ike::ChildSaRefused>(event) ? 1 : 0;
    }

    void HandleDrop(Ptr<const ns3::Packet>, DropReason, bool)
    {
        Settle();
    }

    std::uint64_t Wanted() const
    {
        return m_settings.stream.packets * m_settings.tunnels * (m_settings.bothWays ? 2 : 1);
    }

    /// The run is over when it is known of every packet what became of it; timers may be pending.
    void Settle()
    {
        if (++m_settled == Wanted())
        {
            Simulator::Stop();
        }
    }

    template <typename Function>
    std::uint64_t Sum(Function count) const
    {
        std::uint64_t sum = 0;
        for (const auto& tunnel : m_tunnels)
        {
            sum += count(*tunnel);
        }
        return sum;
    }

    template <typename Function>
    std::uint64_t SumOverGateways(Function count) const
    {
        std::uint64_t sum = count(*m_net.siteB.gateway);
        for (const Site& site : m_net.sitesA)
        {
            sum += count(*site.gateway);
        }
        return sum;
    }

    /// Sent == delivered + dropped by reason, else the run proves nothing.
    void CheckConservation() const
    {
        const std::uint64_t sent = Sum([](const Tunnel& tunnel) { return tunnel.Sent(); });
        const std::uint64_t delivered =
            Sum([](const Tunnel& tunnel) { return tunnel.Delivered(); });
        const std::uint64_t dropped = SumOverGateways(
            [](const ns3::IpsecGateway& gateway)
            {
                const auto& counters = gateway.GetCounters();
                return counters.outboundDrops.Total() + counters.inboundDrops.Total();
            });
        if (sent != Wanted() || sent != delivered + dropped)
        {
            FailConservation({{"sent", sent}, {"delivered", delivered}, {"dropped", dropped}});
        }
    }

    std::uint64_t Dropped(DropReason reason, bool outbound) const
    {
        return SumOverGateways(
            [=](const ns3::IpsecGateway& gateway)
            {
                const auto& counters = gateway.GetCounters();
                return (outbound ? counters.outboundDrops : counters.inboundDrops)[reason];
            });
    }

    void AddPackets(Metrics& metrics) const
    {
        const std::uint64_t sent = Sum([](const Tunnel& tunnel) { return tunnel.Sent(); });
        const std::uint64_t waiting = Dropped(DropReason::AcquirePending, true);
        metrics["sent_packets"] = Whole(sent);
        metrics["delivered_packets"] =
            Whole(Sum([](const Tunnel& tunnel) { return tunnel.Delivered(); }));
        metrics["lost_without_sa"] = Whole(waiting);
        metrics["lost_without_sa_ratio"] = static_cast<double>(waiting) / static_cast<double>(sent);
        metrics["replay_lost"] = Whole(Dropped(DropReason::ReplayTooOld, false));
        metrics["on_own_sa"] =
            Whole(SumOverGateways([](const ns3::IpsecGateway& gateway)
                                  { return gateway.GetCounters().sealedOnResource; }));
        metrics["on_shared_sa"] =
            Whole(SumOverGateways([](const ns3::IpsecGateway& gateway)
                                  { return gateway.GetCounters().sealedOnFallback; }));
        double throughput = 0;
        for (const auto& tunnel : m_tunnels)
        {
            throughput += tunnel->Throughput();
        }
        metrics["throughput_pps"] = throughput;
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    /// Of all senders, and of all receivers.
    void AddDropsOfAll(Metrics& metrics) const
    {
        esp::DataPlaneCounters all;
        for (const Site& site : m_net.sitesA)
        {
            all.outboundDrops += site.gateway->GetCounters().outboundDrops;
            all.inboundDrops += site.gateway->GetCounters().inboundDrops;
        }
        all.outboundDrops += m_net.siteB.gateway->GetCounters().outboundDrops;
        all.inboundDrops += m_net.siteB.gateway->GetCounters().inboundDrops;
        AddDrops(metrics, all, all);
    }

    void AddSas(Metrics& metrics) const
    {
        ns3::Time up;
        ns3::Time setUp;
        for (const auto& tunnel : m_tunnels)
        {
            up = std::max(up, tunnel->Up());
            setUp = std::max(setUp, tunnel->SetUp());
        }
        const auto pairs = m_net.siteB.gateway->GetDataPlane().GetSad().PairCount();
        metrics["sa_pairs"] = Whole(pairs);
        metrics["tunnels_up_time_s"] = up.GetSeconds();
        metrics["set_up_time_s"] = setUp.GetSeconds();
        metrics["refused_sas"] = Whole(m_refused);
        metrics["rekeyed_sas"] = Whole(Sum([](const Tunnel& tunnel) { return tunnel.Rekeyed(); }));
        metrics["other_sas"] = Whole(Sum([](const Tunnel& tunnel) { return tunnel.OtherSas(); }));
        metrics["ike_datagrams"] =
            Whole(SumOverGateways([](const ns3::IpsecGateway& gateway)
                                  { return gateway.GetIkeCounters().datagramsOut; }));
    }

    const Settings m_settings;
    RunCaptures m_captures;
    Net m_net;
    std::vector<std::unique_ptr<Tunnel>> m_tunnels;
    std::uint64_t m_settled{0};
    std::uint64_t m_refused{0};
};

RunResult
RunPerResource(const ParameterValues& values, const RunContext& context)
{
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that hosts sent"},
        {"delivered_packets", "1", "packets that hosts got, intact and once"},
        {"lost_without_sa", "1", "dropped before their core had an SA"},
        {"lost_without_sa_ratio", "1", "lost_without_sa / sent_packets"},
        {"replay_lost", "1", "packets that were dropped for being left of the window"},
        {"on_own_sa", "1", "packets that took an SA of their core"},
        {"on_shared_sa", "1", "packets that took the SA for all, while their core had none"},
        {"throughput_pps", "1/s", "packets from A that B got, in the second half of sending"},
        {"sa_pairs", "1", "pairs of SAs that B has at the end"},
        {"tunnels_up_time_s", "s", "when the last tunnel had its first SA"},
        {"set_up_time_s", "s", "most of a tunnel from its first SA to its last; 0: no further SA"},
        {"refused_sas", "1", "requests for Child SAs that were refused"},
        {"rekeyed_sas", "1", "Child SAs that took the place of another"},
        {"other_sas", "1", "SAs to B's second network"},
        {"ike_datagrams", "1", "IKE datagrams of all gateways"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

Scenario
MakePerResourceScenario()
{
    return {"per-resource-sa",
            "what an SA for each core brings, while they are set up and afterwards",
            per_resource::MakeParameters(),
            MakeMetrics(),
            [](const ParameterValues& values) { static_cast<void>(Settings(values)); },
            RunPerResource};
}

const ScenarioRegistration g_registration{MakePerResourceScenario};

} // namespace

} // namespace ipseclab
