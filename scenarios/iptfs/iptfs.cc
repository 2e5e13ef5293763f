/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/deliveries.h"
#include "helpers/drop-metrics.h"
#include "helpers/reordering-meter.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/iptfs/iptfs-host.h"
#include "scenarios/iptfs/iptfs-network.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <limits>

namespace ipseclab
{

namespace
{

using iptfs::NetworkSettings;
using iptfs::StreamSettings;
using ns3::Ptr;
using ns3::Seconds;
using ns3::Simulator;
using wire::AggfragVerdict;

constexpr std::int64_t kStreamOfSender = 500;
constexpr std::uint32_t kPpp = 2; ///< octets of a frame before IP

NetworkSettings
MakeNetworkSettings(const ParameterValues& values, bool sized)
{
    NetworkSettings settings;
    const std::string& mode = values.Word("mode");
    settings.aggfrag = mode != "plain";
    settings.fragments = mode != "no-fragments";
    settings.interval = Seconds(mode == "constant" ? values.Number("interval") : 0);
    settings.mtu = static_cast<std::uint16_t>(values.Count("path_mtu"));
    settings.wait = Seconds(values.Number("wait"));
    settings.queue = static_cast<std::uint32_t>(values.Count("queue"));
    settings.window = static_cast<std::uint32_t>(values.Count("window"));
    settings.reorderWindow = static_cast<std::uint32_t>(values.Count("reorder_window"));
    settings.dropTimer = Seconds(values.Number("drop_timer"));
    settings.inOrder = values.Word("delivery") == "in-order";
    settings.loss = values.Number("loss");
    settings.delay = Seconds(values.Number("delay"));
    settings.lateShare = values.Number("late_share");
    settings.lateBy = Seconds(values.Number("late_by"));
    settings.stripeDelay = Seconds(values.Number("stripe_delay"));
    settings.sized = sized;
    return settings;
}

StreamSettings
MakeStreamSettings(const ParameterValues& values)
{
    StreamSettings settings;
    settings.rate = values.Number("rate");
    settings.packets = values.Count("packets");
    settings.octets = static_cast<std::uint32_t>(values.Count("size"));
    settings.smallShare = values.Number("small_share");
    settings.poisson = values.Word("arrivals") == "poisson";
    settings.randomStream = kStreamOfSender;
    return settings;
}

/// ESP packets as gateway A sends them: how many, how large, how far apart.
class OuterStream
{
  public:
    void See(Ptr<const ns3::Packet> frame)
    {
        const std::uint32_t octets = frame->GetSize() - kPpp;
        const ns3::Time now = Simulator::Now();
        ++m_packets;
        m_octets += octets;
        if (m_packets == 1)
        {
            m_size = octets;
        }
        else
        {
            const ns3::Time gap = now - m_last;
            m_gap = m_packets == 2 ? gap : m_gap;
            m_odd += gap != m_gap || octets != m_size ? 1 : 0;
            m_sum += gap.GetSeconds();
            m_squares += gap.GetSeconds() * gap.GetSeconds();
        }
        m_last = now;
    }

    std::uint64_t Packets() const
    {
        return m_packets;
    }

    std::uint64_t Octets() const
    {
        return m_octets;
    }

    /// Not of the size of the first one, or not as far from the one before as the second one.
    std::uint64_t Odd() const
    {
        return m_odd;
    }

    double MeanGap() const
    {
        return m_packets < 2 ? 0 : m_sum / Gaps();
    }

    double GapVariance() const
    {
        return m_packets < 3 || m_odd == 0
                 ? 0
                 : std::max(0.0, m_squares / Gaps() - MeanGap() * MeanGap());
    }

  private:
    double Gaps() const
    {
        return static_cast<double>(m_packets - 1);
    }

    std::uint64_t m_packets{0};
    std::uint64_t m_octets{0};
    std::uint64_t m_odd{0};
    std::uint32_t m_size{0};
    ns3::Time m_gap;
    ns3::Time m_last;
    double m_sum{0};
    double m_squares{0};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_networkSettings(MakeNetworkSettings(values, context.sized)),
          m_streamSettings(MakeStreamSettings(values)),
          m_captures(context),
          m_network(m_networkSettings),
          m_sender(m_network.hostA,
                   m_network.addressB,
                   m_streamSettings,
                   [this]() { WaitForQueue(); }),
          m_receiver(m_network.hostB,
                     m_streamSettings.packets,
                     [this](std::uint64_t number) { NoteArrival(number); }),
          m_handshake(
              m_network.gatewayA,
              m_network.gatewayB,
              m_network.tunnel,
              [this]() { Begin(); },
              []() { Simulator::Stop(); })
    {
        m_network.outsideA->TraceConnectWithoutContext("PhyTxBegin",
                                                       ns3::MakeCallback(&Run::SeeSent, this));
        m_network.outsideB->TraceConnectWithoutContext("PhyRxEnd",
                                                       ns3::MakeCallback(&Run::SeeArrival, this));
        m_network.Path()->TraceConnectWithoutContext("Loss",
                                                     ns3::MakeCallback(&Run::SeeLoss, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_network.outsideA, "gateway-a.pcap");
        m_captures.Capture(m_network.outsideB, "gateway-b.pcap");
        m_captures.ListenTo(m_network.gatewayA);
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (!m_handshake.Done() || m_sender.Sent() == 0)
        {
            throw std::runtime_error("no tunnel: " + m_handshake.Fault());
        }
        CheckConservation();
        RunResult result;
        AddInner(result.metrics);
        AddOuter(result.metrics);
        AddRatios(result.metrics);
        AddAggfrag(result.metrics);
        AddDrops(result.metrics,
                 m_network.gatewayA->GetCounters(),
                 m_network.gatewayB->GetCounters());
        result.files = m_captures.Finish();
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    void Begin()
    {
        m_begun = true;
        m_sender.Start();
    }

    ns3::IpsecAggfrag::Counters Sending() const
    {
        return m_network.gatewayA->GetAggfrag()->GetCounters();
    }

    ns3::IpsecAggfrag::Counters Receiving() const
    {
        return m_network.gatewayB->GetAggfrag()->GetCounters();
    }

    /// After the last packet, once nothing waits any more, everything that is under way gets the
    /// time to arrive.
    void WaitForQueue()
    {
        const ns3::Time step = ns3::MicroSeconds(100);
        if (Sending().waiting > 0)
        {
            Simulator::Schedule(step, &Run::WaitForQueue, this);
            return;
        }
        Simulator::Stop(m_networkSettings.delay + m_networkSettings.lateBy +
                        m_networkSettings.stripeDelay + m_networkSettings.dropTimer +
                        ns3::MilliSeconds(10));
    }

    void NoteArrival(std::uint64_t number)
    {
        m_inner.Arrive(number);
        m_deliveries.Add(m_sender.SentAt(number));
    }

    /// What gateway A sends after the payload with the last packet is padding, and not counted.
    void SeeSent(Ptr<const ns3::Packet> frame)
    {
        const std::uint32_t number = iptfs::EspNumber(frame);
        if (!m_begun || number == 0)
        {
            return;
        }
        ++m_frames;
        m_first = m_frames == 1 ? number : m_first;
        if (m_last == kNotYet)
        {
            m_outer.See(frame);
            const bool all = m_sender.Sent() == m_streamSettings.packets;
            m_last = all && Sending().waiting == 0 ? number : kNotYet;
        }
    }

    bool IsCounted(std::uint32_t number) const
    {
        return m_begun && number != 0 && number >= m_first && number <= m_last;
    }

    void SeeArrival(Ptr<const ns3::Packet> frame)
    {
        const std::uint32_t number = iptfs::EspNumber(frame);
        m_framesArrived += number != 0 && number >= m_first ? 1 : 0;
        if (IsCounted(number))
        {
            m_outerOrder.Arrive(number);
        }
    }

    void SeeLoss(Ptr<const ns3::Packet> frame)
    {
        const std::uint32_t number = iptfs::EspNumber(frame);
        m_framesLost += number != 0 && number >= m_first ? 1 : 0;
        m_outerLost += IsCounted(number) ? 1 : 0;
    }

    [[noreturn]] static void Fail(const std::string& what)
    {
        throw std::logic_error("packets are not conserved: " + what);
    }

    /// Of packets and of payloads, each has one end; else the run proves nothing.
    void CheckConservation() const
    {
        const auto& a = m_network.gatewayA->GetCounters();
        const auto& b = m_network.gatewayB->GetCounters();
        const auto sending = Sending();
        const auto receiving = Receiving();
        if (!a.Balanced() || !b.Balanced() || !sending.Balanced() || !receiving.Balanced())
        {
            Fail("a gateway does not balance");
        }
        if (m_sender.Sent() + a.outboundWithdrawn !=
            a.outboundSealed + a.outboundAggregated + a.outboundDrops.Total())
        {
            Fail("between host A and gateway A");
        }
        const std::uint64_t inFlight = m_frames - m_framesLost - m_framesArrived;
        // One more may be between gateway A and the router.
        if (inFlight < m_network.Path()->GetInFlight() ||
            inFlight > m_network.Path()->GetInFlight() + 1 ||
            (m_networkSettings.interval.IsZero() && inFlight != 0))
        {
            Fail("between the gateways");
        }
        if (receiving.received.in != b.inboundAggregated)
        {
            Fail("between ESP and AGGFRAG at gateway B");
        }
        if (m_receiver.Delivered() != b.aggfrag.innerAdmitted + b.inboundOpened)
        {
            Fail("between gateway B and host B");
        }
        CheckLoss(a.outboundSealed + sending.sent.sent);
    }

    /// What did not arrive was in a packet that was lost, or too late; a few at most.
    void CheckLoss(std::uint64_t left) const
    {
        const std::uint32_t least =
            m_streamSettings.smallShare > 0 ? iptfs::kSmall : m_streamSettings.octets;
        const std::uint64_t touched =
            m_networkSettings.aggfrag ? 2 + m_networkSettings.mtu / least : 1;
        const std::uint64_t outer = m_outerLost + LatePackets();
        const std::uint64_t lost = left - m_receiver.Delivered();
        if (left < m_receiver.Delivered() || lost > outer * touched)
        {
            Fail(std::to_string(lost) + " packets lost of " + std::to_string(left) + " with " +
                 std::to_string(outer) + " ESP packets");
        }
    }

    /// ESP packets that gateway B got too late, for the replay or the reorder window.
    std::uint64_t LatePackets() const
    {
        return m_network.gatewayB->GetCounters().inboundDrops.Total();
    }

    std::uint64_t Lost() const
    {
        return m_sender.Sent() - m_receiver.Delivered();
    }

    void AddInner(Metrics& metrics) const
    {
        const double most = m_deliveries.DelayQuantile(1);
        const double least = m_deliveries.DelayQuantile(std::numeric_limits<double>::min());
        metrics["sent_packets"] = Whole(m_sender.Sent());
        metrics["delivered_packets"] = Whole(m_receiver.Delivered());
        metrics["lost_packets"] = Whole(Lost());
        metrics["delivered_octets"] = Whole(m_receiver.Octets());
        metrics["icmp_reports"] = Whole(m_network.gatewayA->GetPathMtu()->GetCounters().reported);
        metrics["inner_reordered"] = Whole(m_inner.Reordered());
        metrics["inner_extent_max"] = Whole(m_inner.MaximumExtent());
        metrics["delay_median_s"] = m_deliveries.DelayQuantile(0.5);
        metrics["delay_p99_s"] = m_deliveries.DelayQuantile(0.99);
        metrics["delay_max"] = most;
        metrics["added_delay_p99_s"] = m_deliveries.DelayQuantile(0.99) - least;
        metrics["added_delay_max"] = most - least;
    }

    void AddOuter(Metrics& metrics) const
    {
        metrics["outer_packets"] = Whole(m_outer.Packets());
        metrics["outer_octets"] = Whole(m_outer.Octets());
        metrics["outer_lost"] = Whole(m_outerLost);
        metrics["outer_late"] = Whole(LatePackets());
        metrics["outer_reordered"] = Whole(m_outerOrder.Reordered());
        metrics["outer_extent_max"] = Whole(m_outerOrder.MaximumExtent());
        metrics["outer_odd"] = Whole(m_outer.Odd());
        metrics["outer_gap_s"] = m_outer.MeanGap();
        metrics["outer_gap_variance_s2"] = m_outer.GapVariance();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    void AddRatios(Metrics& metrics) const
    {
        const auto sent = static_cast<double>(m_sender.Sent());
        const auto delivered = static_cast<double>(m_receiver.Delivered());
        const auto octets = static_cast<double>(m_receiver.Octets());
        const auto outer = static_cast<double>(m_outer.Packets());
        const auto outerOctets = static_cast<double>(m_outer.Octets());
        const auto outerLost = static_cast<double>(m_outerLost);
        const auto lost = static_cast<double>(Lost());
        metrics["delivered_ratio"] = Ratio(delivered, sent);
        metrics["outer_per_inner"] = Ratio(outer, sent);
        metrics["overhead_octets"] =
            Ratio(outerOctets - static_cast<double>(m_sender.Octets()), sent);
        metrics["efficiency"] = Ratio(octets, outerOctets);
        metrics["inner_loss_ratio"] = Ratio(lost, sent);
        metrics["outer_loss_ratio"] = Ratio(outerLost, outer);
        metrics["inner_lost_per_outer_lost"] = Ratio(lost, outerLost);
        metrics["inner_reordered_ratio"] = m_inner.ReorderedRatio();
        metrics["outer_reordered_ratio"] = m_outerOrder.ReorderedRatio();
        metrics["inner_reordered_per_outer"] = Ratio(static_cast<double>(m_inner.Reordered()),
                                                     static_cast<double>(m_outerOrder.Reordered()));
    }

    void AddAggfrag(Metrics& metrics) const
    {
        const auto receiving = Receiving();
        metrics["aggfrag_padding"] = Whole(Sending().sent.padding);
        metrics["aggfrag_taken"] = Whole(receiving.received[AggfragVerdict::Taken]);
        metrics["aggfrag_late"] = Whole(receiving.received[AggfragVerdict::Late]);
        metrics["aggfrag_malformed"] = Whole(receiving.received[AggfragVerdict::Malformed] +
                                             receiving.received[AggfragVerdict::BadBlock]);
        metrics["aggfrag_missing"] = Whole(receiving.received.missing);
        metrics["aggfrag_abandoned"] = Whole(receiving.received.abandoned);
    }

    static constexpr std::uint32_t kNotYet = std::numeric_limits<std::uint32_t>::max();

    const NetworkSettings m_networkSettings;
    const StreamSettings m_streamSettings;
    RunCaptures m_captures;
    iptfs::Network m_network;
    iptfs::Sender m_sender;
    iptfs::Receiver m_receiver;
    TunnelHandshake m_handshake;
    bool m_begun{false};
    std::uint32_t m_first{kNotYet}; ///< ESP number of the first payload that counts
    std::uint32_t m_last{kNotYet};  ///< and of the last one
    std::uint64_t m_frames{0};      ///< of ESP, that gateway A sent since it began
    std::uint64_t m_framesArrived{0};
    std::uint64_t m_framesLost{0};
    std::uint64_t m_outerLost{0}; ///< of those that count
    OuterStream m_outer;
    ReorderingMeter m_outerOrder;
    ReorderingMeter m_inner;
    Deliveries m_deliveries;
};

void
CheckTogether(const ParameterValues& values)
{
    if (values.Word("mode") != "constant")
    {
        return;
    }
    constexpr double kLeastOverhead = 58; // AES-128-GCM in IPv4
    const double small = values.Number("small_share");
    const double load =
        values.Number("rate") * (small * iptfs::kSmall + (1 - small) * values.Number("size"));
    const double capacity =
        (values.Number("path_mtu") - kLeastOverhead) / values.Number("interval");
    if (load > 2 * capacity)
    {
        throw ParameterError("interval: " + values.Canonical().at("interval") +
                             " carries less than half of the traffic");
    }
}

RunResult
RunIptfs(const ParameterValues& values, const RunContext& context)
{
    CheckTogether(values);
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"mode",
         Q::Choice,
         "on-demand",
         0,
         0,
         "",
         {"plain", "on-demand", "no-fragments", "constant"},
         "ESP, or AGGFRAG: on demand, without fragments, at a constant rate"},
        {"path_mtu", Q::Octets, "1500B", 576, 9000, "", {}, "of the links between the gateways"},
        {"size", Q::Octets, "1500B", 64, 9000, "", {}, "of the IP packets of host A"},
        {"small_share", Q::Number, "0", 0, 1, "", {}, "of packets that have 64 octets instead"},
        {"rate", Q::PacketRate, "10kpps", 1, 10e6, "", {}, "of the source"},
        {"packets", Q::Count, "2000", 1, 1000000, "", {}, "that the source sends"},
        {"arrivals",
         Q::Choice,
         "even",
         0,
         0,
         "",
         {"even", "poisson"},
         "of packets at gateway A: equal or exponential gaps"},
        {"wait", Q::Time, "10ms", 0, 10, "", {}, "of a payload that is not full, on demand"},
        {"interval", Q::Time, "0.1ms", 1e-6, 1, "", {}, "between payloads at a constant rate"},
        {"queue", Q::Octets, "1000000B", 9000, 1e9, "", {}, "that may wait at gateway A"},
        {"reorder_window", Q::Count, "3", 0, 4096, "", {}, "of gateway B, in payloads"},
        {"drop_timer", Q::Time, "1s", 0, 10, "", {}, "of gateway B, for missing payloads"},
        {"delivery",
         Q::Choice,
         "in-order",
         0,
         0,
         "",
         {"in-order", "at-once"},
         "of inner packets at gateway B"},
        {"window", Q::Count, "1024", 32, 65536, "no replay check", {}, "replay, of gateway B"},
        {"delay", Q::Time, "10ms", 0, 10, "", {}, "one-way, between the gateways"},
        {"loss", Q::Number, "0", 0, 0.5, "", {}, "probability of each frame between the gateways"},
        {"late_share", Q::Number, "0", 0, 1, "", {}, "of ESP packets that are late by late_by"},
        {"late_by", Q::Time, "0s", 0, 10, "", {}, "extra delay of those"},
        {"stripe_delay", Q::Time, "0s", 0, 10, "", {}, "extra delay of every second ESP packet"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"delivered_packets", "1", "of these, that host B got, whole and once"},
        {"lost_packets", "1", "of these, that host B did not get"},
        {"delivered_ratio", "1", "delivered_packets / sent_packets"},
        {"delivered_octets", "B", "of their IP packets"},
        {"icmp_reports", "1", "ICMP messages of gateway A to host A: too large"},
        {"outer_packets", "1", "ESP packets of gateway A, up to the last one with data"},
        {"outer_octets", "B", "of these, from the IP header on"},
        {"outer_per_inner", "1", "outer_packets / sent_packets"},
        {"overhead_octets", "B", "outer octets beyond the packets sent, for each of them"},
        {"efficiency", "1", "delivered_octets / outer_octets"},
        {"outer_lost", "1", "of outer_packets, that the path lost"},
        {"outer_late", "1", "ESP packets that gateway B dropped, as too late for a window"},
        {"outer_loss_ratio", "1", "outer_lost / outer_packets"},
        {"inner_loss_ratio", "1", "lost_packets / sent_packets"},
        {"inner_lost_per_outer_lost", "1", "lost_packets / outer_lost"},
        {"outer_reordered", "1", "ESP packets that came after a later one (RFC 4737)"},
        {"inner_reordered", "1", "packets at host B that came after a later one"},
        {"outer_reordered_ratio", "1", "of ESP packets that came"},
        {"inner_reordered_ratio", "1", "of packets at host B"},
        {"inner_reordered_per_outer", "1", "inner_reordered / outer_reordered"},
        {"outer_extent_max", "1", "largest reordering extent of ESP packets"},
        {"inner_extent_max", "1", "largest reordering extent of packets at host B"},
        {"outer_odd", "1", "of outer_packets, of another size or distance than the first ones"},
        {"outer_gap_s", "s", "mean time from one ESP packet to the next, as they are sent"},
        {"outer_gap_variance_s2", "s^2", "its variance"},
        {"delay_median_s", "s", "median delay from host to host"},
        {"delay_p99_s", "s", "delay that 99 % of the packets do not exceed"},
        {"delay_max", "s", "largest delay"},
        {"added_delay_p99_s", "s", "delay_p99_s less the least delay"},
        {"added_delay_max", "s", "largest delay less the least one"},
        {"aggfrag_padding", "1", "payloads of gateway A that were nothing but padding"},
        {"aggfrag_taken", "1", "payloads that gateway B took"},
        {"aggfrag_late", "1", "payloads that were left of its reorder window"},
        {"aggfrag_malformed", "1", "payloads with faults"},
        {"aggfrag_missing", "1", "numbers that it gave up"},
        {"aggfrag_abandoned", "1", "packets of which it had the beginning, and gave them up"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

/// Packets in AGGFRAG payloads instead of packets of their own; see README.md.
Scenario
MakeIptfsScenario()
{
    return {"iptfs",
            "AGGFRAG: packets aggregated and cut into ESP packets of another size",
            MakeParameters(),
            MakeMetrics(),
            CheckTogether,
            RunIptfs};
}

const ScenarioRegistration g_registration{MakeIptfsScenario};

} // namespace

} // namespace ipseclab
