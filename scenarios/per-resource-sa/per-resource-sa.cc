/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/capture-keys.h"
#include "helpers/deliveries.h"
#include "helpers/drop-metrics.h"
#include "helpers/flow-source.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/per-resource-sa/per-resource-network.h"

#include "ns3/boolean.h"
#include "ns3/global-value.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"

#include <filesystem>
#include <stdexcept>

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
using Metrics = std::map<std::string, MetricValue>;

constexpr std::int64_t kStreamsOfA = 310;
constexpr std::int64_t kStreamsOfB = 320;
constexpr double kWarmUp = 0.5; ///< share of the sending time
constexpr double kOtherTraffic = 0.75;

MetricValue
Whole(std::uint64_t value)
{
    return static_cast<std::int64_t>(value);
}

/// The packets of one direction, from host to host.
class Direction
{
  public:
    /// \param settled called for each packet that arrives
    Direction(Ptr<ns3::Node> from,
              Ptr<ns3::Node> to,
              ns3::Ipv4Address destination,
              const Settings& settings,
              std::int64_t streams,
              std::function<void()> settled)
        : m_stream(StreamOf(settings, streams)),
          m_source(from, destination, m_stream, {settings.flows, true, streams + 1}),
          m_sink(to,
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
    static UdpStream StreamOf(const Settings& settings, std::int64_t streams)
    {
        UdpStream stream = settings.stream;
        stream.randomStream = streams;
        return stream;
    }

    const UdpStream m_stream;
    Deliveries m_deliveries;
    FlowSource m_source;
    UdpSink m_sink;
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_settings(values),
          m_folder(context.outputFolder),
          m_net(m_settings, context.sized),
          m_fromA(m_net.hostA,
                  m_net.hostB,
                  per_resource::kHostB,
                  m_settings,
                  kStreamsOfA,
                  [this]() { Settle(); }),
          m_fromB(m_net.hostB,
                  m_net.hostA,
                  per_resource::kHostA,
                  m_settings,
                  kStreamsOfB,
                  [this]() { Settle(); }),
          m_handshake(
              m_net.gatewayA,
              m_net.gatewayB,
              per_resource::kTunnel,
              [this]() { Begin(); },
              []() { Simulator::Stop(); })
    {
        for (const auto& gateway : {m_net.gatewayA, m_net.gatewayB})
        {
            gateway->TraceConnectWithoutContext("IkeEvent", MakeCallback(&Run::CountRefusal, this));
            gateway->TraceConnectWithoutContext("Drop", MakeCallback(&Run::HandleDrop, this));
        }
        m_net.gatewayA->TraceConnectWithoutContext("IkeEvent", MakeCallback(&Run::HandleIke, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        if (!m_folder.empty())
        {
            Capture(m_net.outsideA, "gateway-a.pcap");
            Capture(m_net.outsideB, "gateway-b.pcap");
            m_keys.Listen(m_net.gatewayA);
        }
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (!m_handshake.Done() || m_fromA.Sent() == 0)
        {
            throw std::runtime_error("no tunnel: " + m_handshake.Fault());
        }
        CheckConservation();
        RunResult result;
        AddPackets(result.metrics);
        AddSas(result.metrics);
        AddDrops(result.metrics, m_net.gatewayA->GetCounters(), m_net.gatewayB->GetCounters());
        if (!m_folder.empty())
        {
            result.files = m_captures;
            const auto keys = m_keys.Write(m_folder);
            result.files.insert(result.files.end(), keys.begin(), keys.end());
        }
        return result;
    }

  private:
    void Capture(Ptr<ns3::NetDevice> device, const char* name)
    {
        const auto path = std::filesystem::absolute(m_folder).lexically_normal() / name;
        m_captures.push_back(path.string());
        ns3::PointToPointHelper().EnablePcap(path.string(), device, true, true);
    }

    void Begin()
    {
        m_begin = Simulator::Now();
        m_fromA.Start();
        if (m_settings.bothWays)
        {
            m_fromB.Start();
        }
        if (m_settings.otherTraffic)
        {
            const double duration =
                static_cast<double>(m_settings.stream.packets) / m_settings.stream.rate;
            Simulator::Schedule(ns3::Seconds(kOtherTraffic * duration),
                                &Run::AskForOtherTraffic,
                                this);
        }
    }

    /// An SA for what no other SA carries: from A's network to B's second one.
    void AskForOtherTraffic()
    {
        ike::ChildRequest request;
        request.packet.emplace();
        request.packet->source = IpAddress::V4(ns3::Ipv4Address(per_resource::kHostA).Get());
        request.packet->destination =
            IpAddress::V4(ns3::Ipv4Address(per_resource::kOtherHost).Get());
        request.packet->protocol = wire::kProtocolUdp;
        m_net.gatewayA->Command([&](ike::IkeEndpoint& endpoint, ike::Instant now)
                                { return endpoint.CreateChildSa(now, m_ikeSa, request); });
    }

    void HandleIke(const ike::IkeEvent& event)
    {
        const auto* installed = std::get_if<ike::ChildSaInstalled>(&event);
        if (!installed)
        {
            return;
        }
        m_ikeSa = installed->ikeSa;
        const auto other = IpAddress::V4(ns3::Ipv4Address(per_resource::kOtherHost).Get());
        if (esp::MatchesAny(installed->remoteSelectors, other, 0, {}))
        {
            ++m_otherSas;
        }
        else if (!installed->replaces && !m_begin.IsZero())
        {
            m_setUp = Simulator::Now() - m_begin;
        }
        m_rekeyed += installed->replaces ? 1 : 0;
    }

    void CountRefusal(const ike::IkeEvent& event)
    {
        m_refused += std::holds_alternative<ike::ChildSaRefused>(event) ? 1 : 0;
    }

    void HandleDrop(Ptr<const ns3::Packet>, DropReason, bool)
    {
        Settle();
    }

    /// The run is over when it is known of every packet what became of it; timers may be pending.
    void Settle()
    {
        ++m_settled;
        const bool sent = m_fromA.Done() && (!m_settings.bothWays || m_fromB.Done());
        if (sent && m_settled >= m_fromA.Sent() + m_fromB.Sent())
        {
            Simulator::Stop();
        }
    }

    /// Sent == delivered + dropped by reason, else the run proves nothing.
    void CheckConservation() const
    {
        std::uint64_t dropped = 0;
        for (const auto& gateway : {m_net.gatewayA, m_net.gatewayB})
        {
            const auto& counters = gateway->GetCounters();
            dropped += counters.outboundDrops.Total() + counters.inboundDrops.Total();
        }
        const std::uint64_t sent = m_fromA.Sent() + m_fromB.Sent();
        const std::uint64_t delivered = m_fromA.Delivered() + m_fromB.Delivered();
        const std::uint64_t wanted = m_settings.stream.packets * (m_settings.bothWays ? 2 : 1);
        if (sent != wanted || sent != delivered + dropped)
        {
            throw std::logic_error("packets are not conserved: " + std::to_string(sent) +
                                   " sent, " + std::to_string(delivered) + " delivered, " +
                                   std::to_string(dropped) + " dropped");
        }
    }

    void AddPackets(Metrics& metrics) const
    {
        const auto& a = m_net.gatewayA->GetCounters();
        const auto& b = m_net.gatewayB->GetCounters();
        const std::uint64_t sent = m_fromA.Sent() + m_fromB.Sent();
        const std::uint64_t waiting = a.outboundDrops[DropReason::AcquirePending] +
                                      b.outboundDrops[DropReason::AcquirePending];
        metrics["sent_packets"] = Whole(sent);
        metrics["delivered_packets"] = Whole(m_fromA.Delivered() + m_fromB.Delivered());
        metrics["lost_without_sa"] = Whole(waiting);
        metrics["lost_without_sa_ratio"] = static_cast<double>(waiting) / static_cast<double>(sent);
        metrics["replay_lost"] = Whole(a.inboundDrops[DropReason::ReplayTooOld] +
                                       b.inboundDrops[DropReason::ReplayTooOld]);
        metrics["on_own_sa"] = Whole(a.sealedOnResource + b.sealedOnResource);
        metrics["on_shared_sa"] = Whole(a.sealedOnFallback + b.sealedOnFallback);
        metrics["throughput_pps"] = m_fromA.Throughput();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    void AddSas(Metrics& metrics) const
    {
        metrics["sa_pairs"] = Whole(m_net.gatewayA->GetDataPlane().GetSad().PairCount());
        metrics["set_up_time_s"] = m_setUp.GetSeconds();
        metrics["refused_sas"] = Whole(m_refused);
        metrics["rekeyed_sas"] = Whole(m_rekeyed);
        metrics["other_sas"] = Whole(m_otherSas);
        metrics["ike_datagrams"] = Whole(m_net.gatewayA->GetIkeCounters().datagramsOut +
                                         m_net.gatewayB->GetIkeCounters().datagramsOut);
    }

    const Settings m_settings;
    const std::string m_folder;
    Net m_net;
    Direction m_fromA;
    Direction m_fromB;
    TunnelHandshake m_handshake;
    ike::IkeSaId m_ikeSa;
    ns3::Time m_begin;
    ns3::Time m_setUp;
    std::uint64_t m_settled{0};
    std::uint64_t m_refused{0};
    std::uint64_t m_rekeyed{0};
    std::uint64_t m_otherSas{0};
    ns3::CaptureKeys m_keys;
    std::vector<std::string> m_captures;
};

/// Whatever happens, the next run finds an empty simulator.
struct SimulatorCleaner
{
    ~SimulatorCleaner()
    {
        Simulator::Destroy();
    }
};

RunResult
RunPerResource(const ParameterValues& values, const RunContext& context)
{
    if (!context.outputFolder.empty())
    {
        std::filesystem::create_directories(context.outputFolder);
    }
    ns3::RngSeedManager::SetSeed(context.seed);
    ns3::RngSeedManager::SetRun(context.run);
    // Checksums cost time, and only a reader of captures looks at them.
    ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(!context.outputFolder.empty()));
    const SimulatorCleaner cleaner;
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
        {"throughput_pps", "1/s", "packets from A that B got, in the second half of the time"},
        {"sa_pairs", "1", "pairs of SAs at the end"},
        {"set_up_time_s", "s", "from the first packet to the last further SA; 0: there is none"},
        {"refused_sas", "1", "requests for Child SAs that were refused"},
        {"rekeyed_sas", "1", "Child SAs that took the place of another"},
        {"other_sas", "1", "SAs to B's second network"},
        {"ike_datagrams", "1", "IKE datagrams of both gateways"},
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
