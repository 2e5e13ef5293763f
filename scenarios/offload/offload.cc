/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/deliveries.h"
#include "helpers/drop-metrics.h"
#include "helpers/flow-source.h"
#include "helpers/reordering-meter.h"
#include "helpers/scenario-run.h"
#include "scenarios/offload/offload-network.h"
#include "scenarios/offload/offload-settings.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <unordered_map>

namespace ipseclab
{

namespace
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Simulator;
using offload::Net;
using offload::Settings;
using Metrics = std::map<std::string, MetricValue>;

/// Random streams; what is drawn from one does not depend on how much is drawn from another.
constexpr std::int64_t kStreamOfFlows = 300;
constexpr std::int64_t kStreamOfGaps = 301;
constexpr double kWarmUp = 0.2; ///< share of the sending time

/// Watches ESP at gateway B's windows.
class Observer
{
  public:
    explicit Observer(ns3::Ptr<ns3::IpsecGateway> gateway)
    {
        gateway->TraceConnectWithoutContext("EspReceived",
                                            MakeCallback(&Observer::HandleReceived, this));
    }

    void AddTo(Metrics& metrics) const
    {
        std::uint64_t arrivals = 0;
        std::uint64_t reordered = 0;
        std::uint64_t gap = 0;
        for (const auto& entry : m_meters)
        {
            arrivals += entry.second.Arrivals();
            reordered += entry.second.Reordered();
            gap = std::max(gap, entry.second.MaximumGap());
        }
        const auto ratio = [&](std::uint64_t part)
        { return arrivals == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(arrivals); };
        metrics["checked_packets"] = static_cast<std::int64_t>(arrivals);
        metrics["reordered_packets"] = static_cast<std::int64_t>(reordered);
        metrics["reordered_ratio"] = ratio(reordered);
        metrics["sequence_gap_max"] = static_cast<std::int64_t>(gap);
        metrics["replay_lost"] = static_cast<std::int64_t>(m_late);
        metrics["replay_loss_ratio"] = ratio(m_late);
    }

  private:
    void HandleReceived(std::uint32_t spi, std::uint64_t number, DropReason reason)
    {
        m_meters[spi].Arrive(number);
        m_late += reason == DropReason::ReplayTooOld ? 1 : 0;
    }

    std::unordered_map<std::uint32_t, ReorderingMeter> m_meters; ///< by SPI
    std::uint64_t m_late{0};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const Settings& settings, bool sized)
        : m_settings(settings),
          m_net(m_settings, sized),
          m_stream(StreamOf(m_settings)),
          m_source(m_net.hostA, offload::kHostB, m_stream, MixOf(m_settings)),
          m_sink(m_net.hostB,
                 m_stream,
                 [this](std::uint64_t number) { m_deliveries.Add(m_source.SentAt(number)); }),
          m_observer(m_net.gatewayB)
    {
        Simulator::ScheduleNow(&FlowSource::Start, &m_source);
    }

    RunResult Execute()
    {
        Simulator::Run(); // until nothing is under way
        CheckConservation();
        RunResult result;
        AddCounts(result.metrics);
        AddRates(result.metrics);
        m_observer.AddTo(result.metrics);
        return result;
    }

  private:
    static UdpStream StreamOf(const Settings& settings)
    {
        UdpStream stream;
        stream.payload = settings.payload;
        stream.packets = settings.packets;
        stream.port = offload::kPortAtB;
        stream.rate = settings.rate;
        stream.poisson = settings.poisson;
        stream.randomStream = kStreamOfGaps;
        return stream;
    }

    static FlowMix MixOf(const Settings& settings)
    {
        return {settings.flows, settings.randomFlows, kStreamOfFlows, offload::kFirstPort};
    }

    /// Sent == delivered + dropped by reason, and both gateways balance, else nothing is proven.
    void CheckConservation() const
    {
        const auto& a = m_net.gatewayA->GetCounters();
        const auto& b = m_net.gatewayB->GetCounters();
        const std::uint64_t dropped = a.outboundDrops.Total() + b.inboundDrops.Total();
        if (!a.Balanced() || !b.Balanced() || m_source.Sent() != m_settings.packets ||
            m_source.Sent() != m_sink.Delivered() + dropped)
        {
            FailConservation({{"sent", m_source.Sent()},
                              {"delivered", m_sink.Delivered()},
                              {"dropped", dropped},
                              {"gateways that balance",
                               std::uint64_t{a.Balanced()} + std::uint64_t{b.Balanced()}}});
        }
    }

    void AddCounts(Metrics& metrics) const
    {
        const auto whole = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
        const auto& a = m_net.gatewayA->GetCounters();
        const auto& b = m_net.gatewayB->GetCounters();
        metrics["sent_packets"] = whole(m_source.Sent());
        metrics["sealed_packets"] = whole(a.outboundSealed);
        metrics["delivered_packets"] = whole(m_sink.Delivered());
        metrics["events"] = whole(Simulator::GetEventCount());
        AddDrops(metrics, a, b);
    }

    void AddRates(Metrics& metrics) const
    {
        constexpr double kBitsPerOctet = 8;
        const double first = m_source.SentAt(1).GetSeconds();
        const double last = m_source.SentAt(m_source.Sent()).GetSeconds();
        const double rate = m_deliveries.RateBetween(first + kWarmUp * (last - first), last);
        metrics["throughput_pps"] = rate;
        metrics["throughput_bps"] = rate * kBitsPerOctet * m_settings.InnerOctets();
        metrics["delay_mean_s"] = m_deliveries.MeanDelay();
        metrics["delay_p99_s"] = m_deliveries.DelayQuantile(0.99);
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
    }

    const Settings m_settings;
    Net m_net;
    const UdpStream m_stream;
    FlowSource m_source;
    Deliveries m_deliveries;
    UdpSink m_sink;
    Observer m_observer;
};

RunResult
RunOffload(const ParameterValues& values, const RunContext& context)
{
    const Settings settings(values);
    const SimulatorScope scope(context);
    return Run(settings, context.sized).Execute();
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"sealed_packets", "1", "ESP packets that gateway A made"},
        {"delivered_packets", "1", "packets that host B got, intact and once"},
        {"throughput_pps", "1/s", "packets that host B got, while A sent, after a fifth of it"},
        {"throughput_bps", "bps", "the same in bits of inner IP packets"},
        {"delay_mean_s", "s", "from host to host, of delivered packets"},
        {"delay_p99_s", "s", "that 99 of 100 delivered packets do not exceed"},
        {"checked_packets", "1", "ESP packets that met a replay window"},
        {"reordered_packets", "1", "of these, behind a larger number of their SA (RFC 4737)"},
        {"reordered_ratio", "1", "reordered_packets / checked_packets"},
        {"sequence_gap_max", "1", "largest distance behind the largest number of an SA"},
        {"replay_lost", "1", "packets that were dropped for being left of the window"},
        {"replay_loss_ratio", "1", "replay_lost / checked_packets"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

Scenario
MakeOffloadScenario()
{
    return {"offload",
            "what gateways of cores, accelerators and NICs carry, delay, reorder and drop",
            offload::MakeParameters(),
            MakeMetrics(),
            [](const ParameterValues& values) { static_cast<void>(Settings(values)); },
            RunOffload};
}

const ScenarioRegistration g_registration{MakeOffloadScenario};

} // namespace

} // namespace ipseclab
