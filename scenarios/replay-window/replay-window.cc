/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/drop-metrics.h"
#include "helpers/reordering-meter.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/replay-window/replay-window-chain.h"

#include "model/wire/ipv4.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ipseclab
{

namespace
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using replay_window::Chain;
using replay_window::Settings;

using replay_window::kMostPackets;

constexpr std::uint16_t kIpv4 = 0x0800; ///< EtherType

/// Watches ESP at gateway B's window and on the network.
class Observer
{
  public:
    Observer(const Chain& chain, const Settings& settings, std::function<void()> settled)
        : m_stride(settings.Stride()),
          m_lastCounted((settings.stream.packets - settings.Cooldown()) * m_stride),
          m_esn(settings.esn),
          m_settled(std::move(settled))
    {
        const auto gatewayB = chain.GatewayB();
        gatewayB->TraceConnectWithoutContext("EspReceived",
                                             MakeCallback(&Observer::HandleReceived, this));
        gatewayB->TraceConnectWithoutContext("Drop", MakeCallback(&Observer::HandleDropAtB, this));
        chain.GatewayA()->TraceConnectWithoutContext("Drop",
                                                     MakeCallback(&Observer::HandleDropAtA, this));
        const auto network = chain.Network();
        network->TraceConnectWithoutContext("Loss", MakeCallback(&Observer::HandleLoss, this));
        network->TraceConnectWithoutContext("Transmit",
                                            MakeCallback(&Observer::HandleTransmit, this));
        network->TraceConnectWithoutContext("Deliver",
                                            MakeCallback(&Observer::HandleDeliver, this));
    }

    const ReorderingMeter& Meter() const
    {
        return m_meter;
    }

    std::uint64_t Lost() const
    {
        return m_lost;
    }

    /// On the network now.
    std::uint64_t InFlight() const
    {
        return m_inFlight;
    }

    std::uint64_t Fresh() const
    {
        return m_fresh;
    }

    std::uint64_t ReplayLost() const
    {
        return m_replayLost;
    }

    std::uint64_t Sacrificed() const
    {
        return m_sacrificed;
    }

  private:
    void HandleReceived(std::uint32_t, std::uint64_t guess, DropReason reason)
    {
        // With ESN a late packet is guessed 2^32 too high (RFC 4303, appendix A2.2), and no run
        // sends as much as 2^32 packets.
        const std::uint64_t number = guess & 0xffffffff;
        m_meter.Arrive(number);
        const bool dummy = (number - 1) % m_stride != 0;
        if (!dummy && number <= m_lastCounted)
        {
            ++m_fresh;
            const bool late =
                reason == DropReason::ReplayTooOld || (m_esn && reason == DropReason::Icv);
            m_sacrificed += reason == DropReason::ReplayFarAhead ? 1 : 0;
            m_replayLost += late ? 1 : 0;
        }
    }

    void HandleDropAtA(Ptr<const Packet>, DropReason, bool outbound)
    {
        if (outbound)
        {
            m_settled();
        }
    }

    void HandleDropAtB(Ptr<const Packet>, DropReason, bool outbound)
    {
        if (!outbound)
        {
            m_settled();
        }
    }

    /// The network carries IKE too, whose repetitions may be under way when the last packet is in.
    static bool IsEsp(Ptr<const Packet> packet)
    {
        constexpr std::size_t kPppHeader = 2;
        constexpr std::size_t kProtocol = kPppHeader + 9;
        std::uint8_t front[kProtocol + 1];
        return packet->CopyData(front, sizeof(front)) == sizeof(front) &&
               front[kProtocol] == wire::kProtocolEsp;
    }

    void HandleTransmit(Ptr<const Packet> packet)
    {
        m_inFlight += IsEsp(packet) ? 1 : 0;
    }

    void HandleDeliver(Ptr<const Packet> packet)
    {
        m_inFlight -= IsEsp(packet) ? 1 : 0;
    }

    void HandleLoss(Ptr<const Packet> packet)
    {
        if (IsEsp(packet))
        {
            ++m_lost;
            m_settled();
        }
    }

    std::uint64_t m_stride;
    std::uint64_t m_lastCounted;
    bool m_esn;
    std::function<void()> m_settled;
    ReorderingMeter m_meter;
    std::uint64_t m_lost{0};
    std::uint64_t m_inFlight{0};
    std::uint64_t m_fresh{0};
    std::uint64_t m_replayLost{0};
    std::uint64_t m_sacrificed{0};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const Settings& settings, const RunContext& context)
        : m_settings(settings),
          m_captures(context),
          m_chain(m_settings, context.sized),
          m_source(m_chain.HostA(),
                   m_chain.AddressB(),
                   m_settings.stream,
                   [this](std::uint64_t) { ScheduleDummies(); }),
          m_sink(m_chain.HostB(), m_settings.stream, [this](std::uint64_t) { Settle(); }),
          m_observer(m_chain, m_settings, [this]() { Settle(); }),
          m_handshake(
              m_chain.GatewayA(),
              m_chain.GatewayB(),
              m_chain.TunnelName(),
              [this]() { m_source.Start(); },
              []() { Simulator::Stop(); })
    {
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_chain.OutsideA(), "gateway-a.pcap");
        m_captures.Capture(m_chain.OutsideB(), "gateway-b.pcap");
        m_captures.ListenTo(m_chain.GatewayA());
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (!m_handshake.Done())
        {
            throw std::runtime_error("no tunnel after " +
                                     std::to_string(Simulator::Now().GetSeconds()) +
                                     " s of simulated time: " + m_handshake.Fault());
        }
        CheckConservation();
        RunResult result;
        AddCounts(result.metrics);
        AddDrops(result.metrics,
                 m_chain.GatewayA()->GetCounters(),
                 m_chain.GatewayB()->GetCounters());
        AddReplay(result.metrics);
        AddTimes(result.metrics);
        result.files = m_captures.Finish();
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    /// In equal steps until the next packet of the stream is due.
    void ScheduleDummies()
    {
        const double step = 1 / (m_settings.stream.rate * static_cast<double>(m_settings.Stride()));
        for (std::uint32_t i = 1; i <= m_settings.dummies; ++i)
        {
            Simulator::Schedule(ns3::Seconds(i * step), &Run::SendDummy, this);
        }
    }

    /// As long as the packets of the stream (RFC 4303, section 2.6).
    void SendDummy()
    {
        esp::DataPlane& plane = m_chain.GatewayA()->GetDataPlane();
        if (plane.MakeDummy(m_chain.TunnelName(), m_settings.InnerOctets()).verdict !=
            esp::Verdict::Transformed)
        {
            throw std::logic_error("there is no SA for a dummy packet");
        }
        const esp::PacketBuffer& buffer = plane.Buffer();
        const auto size = static_cast<std::uint32_t>(buffer.Size());
        const Ptr<ns3::NetDevice> device = m_chain.OutsideA();
        device->Send(ns3::Create<Packet>(buffer.Data(), size), device->GetBroadcast(), kIpv4);
    }

    /// What gateway A sends: the stream and the dummies.
    std::uint64_t Expected() const
    {
        return m_settings.stream.packets * m_settings.Stride();
    }

    /// The run is over when it is known of every packet what became of it; timers may be pending.
    void Settle()
    {
        if (++m_settled == Expected())
        {
            Simulator::Stop();
        }
    }

    /// Sent == delivered + dropped by reason + lost + in flight, else the run proves nothing.
    void CheckConservation() const
    {
        const std::uint64_t dropped = m_chain.GatewayA()->GetCounters().outboundDrops.Total() +
                                      m_chain.GatewayB()->GetCounters().inboundDrops.Total();
        const std::uint64_t known =
            m_sink.Delivered() + dropped + m_observer.Lost() + m_observer.InFlight();
        const std::uint64_t dummies = m_chain.GatewayA()->GetCounters().dummiesSealed;
        const std::uint64_t sent = m_source.Sent() + dummies;
        if (sent != Expected() || sent != known)
        {
            FailConservation({{"sent", sent},
                              {"delivered", m_sink.Delivered()},
                              {"dropped", dropped},
                              {"lost", m_observer.Lost()},
                              {"in flight", m_observer.InFlight()}});
        }
    }

    void AddCounts(Metrics& metrics) const
    {
        metrics["sent_packets"] = Whole(m_source.Sent());
        metrics["dummy_packets"] = Whole(m_chain.GatewayA()->GetCounters().dummiesSealed);
        metrics["sealed_packets"] = Whole(m_chain.GatewayA()->GetCounters().outboundSealed);
        metrics["lost_in_network"] = Whole(m_observer.Lost());
        metrics["in_flight"] = Whole(m_observer.InFlight());
        metrics["arrived_packets"] = Whole(m_observer.Meter().Arrivals());
        metrics["delivered_packets"] = Whole(m_sink.Delivered());
        metrics["delivered_octets"] = Whole(m_sink.Octets());
        metrics["ike_datagrams"] = Whole(m_chain.GatewayA()->GetIkeCounters().datagramsOut +
                                         m_chain.GatewayB()->GetIkeCounters().datagramsOut);
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    void AddReplay(Metrics& metrics) const
    {
        const auto& meter = m_observer.Meter();
        metrics["fresh_packets"] = Whole(m_observer.Fresh());
        metrics["replay_lost"] = Whole(m_observer.ReplayLost());
        metrics["sacrificed_packets"] = Whole(m_observer.Sacrificed());
        metrics["replay_loss_ratio"] = Ratio(m_observer.ReplayLost(), m_observer.Fresh());
        metrics["reordered_packets"] = Whole(meter.Reordered());
        metrics["reordered_ratio"] = meter.ReorderedRatio();
        metrics["reorder_extent_mean"] = meter.MeanExtent();
        metrics["reorder_extent_max"] = Whole(meter.MaximumExtent());
        metrics["sequence_gap_max"] = Whole(meter.MaximumGap());
    }

    void AddTimes(Metrics& metrics) const
    {
        const double busy = (m_sink.LastDelivery() - m_source.FirstSend()).GetSeconds();
        metrics["goodput_bps"] =
            m_sink.Delivered() == 0 ? 0.0 : 8 * static_cast<double>(m_sink.Octets()) / busy;
        metrics["handshake_time_s"] = m_handshake.Since().GetSeconds();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
    }

    const Settings m_settings;
    RunCaptures m_captures;
    std::uint64_t m_settled{0};
    Chain m_chain;
    UdpSource m_source;
    UdpSink m_sink;
    Observer m_observer;
    TunnelHandshake m_handshake;
};

void
CheckTogether(const ParameterValues& values)
{
    const Settings settings(values);
    const double offered = 8 * settings.stream.rate * static_cast<double>(settings.Stride()) *
                           static_cast<double>(settings.SealedOctets());
    if (offered > static_cast<double>(settings.linkRate))
    {
        throw ParameterError("link_rate: " + values.Canonical().at("link_rate") +
                             " is less than rate x payload make with ESP around them; needs at "
                             "least " +
                             std::to_string(static_cast<std::uint64_t>(std::ceil(offered))) +
                             "bps");
    }
    const std::uint64_t needed = settings.Cooldown() + 1;
    if (settings.stream.packets < needed)
    {
        throw ParameterError(
            "packets: " + values.Canonical().at("packets") + " are too few, for the last " +
            std::to_string(needed - 1) + " can lack overtakers and do not count; " +
            (needed <= kMostPackets ? "needs " + std::to_string(needed) + " to "
                                    : "make rate x spread smaller, for there are at most ") +
            std::to_string(kMostPackets));
    }
}

RunResult
RunReplayWindow(const ParameterValues& values, const RunContext& context)
{
    CheckTogether(values);
    const SimulatorScope scope(context);
    return Run(Settings(values), context).Execute();
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"window",
         Q::Count,
         "64",
         32,
         65536,
         "no replay check",
         {},
         "replay window of the receiver"},
        {"receiver",
         Q::Choice,
         "bitmap",
         0,
         0,
         "",
         {"bitmap", "double", "controlled-shift"},
         "how the receiver remembers numbers"},
        {"rate", Q::PacketRate, "100kpps", 1, 1e7, "", {}, "packets per second of the source"},
        {"spacing", Q::Choice, "constant", 0, 0, "", {"constant", "poisson"}, "of the source"},
        {"payload", Q::Octets, "1000B", 12, 1372, "", {}, "UDP payload of each packet"},
        {"packets",
         Q::Count,
         "20000",
         100,
         kMostPackets,
         "",
         {},
         "packets that the source sends; more than rate x spread"},
        {"network",
         Q::Choice,
         "two-path",
         0,
         0,
         "",
         {"two-path", "uniform", "exponential", "ordered", "failover", "trace"},
         "how the extra delay of a packet is drawn, or that arrivals are given"},
        {"arrivals",
         Q::File,
         "",
         0,
         0,
         "",
         {},
         "trace: sequence numbers in order of arrival, one in a line; as many packets are sent"},
        {"spread",
         Q::Time,
         "1ms",
         0,
         10,
         "",
         {},
         "two-path, failover: how much longer the slow path is; uniform: largest extra delay; "
         "exponential: mean extra delay"},
        {"fast_share",
         Q::Number,
         "0.3",
         0,
         1,
         "",
         {},
         "two-path: share of packets on the fast path"},
        {"delay", Q::Time, "1ms", 0, 10, "", {}, "one-way delay that every packet has"},
        {"loss", Q::Number, "0", 0, 0.9, "", {}, "probability that the network loses a packet"},
        {"dummies",
         Q::Count,
         "0",
         0,
         100,
         "",
         {},
         "dummy packets that gateway A sends after each packet of the stream, evenly spaced"},
        {"esn", Q::Choice, "off", 0, 0, "", {"off", "on"}, "extended sequence numbers"},
        {"attachment",
         Q::Choice,
         "device",
         0,
         0,
         "",
         {"device", "fast-path"},
         "how the gateways are attached to their nodes"},
        {"link_rate", Q::BitRate, "100Gbps", 1e3, 1e13, "", {}, "of every link"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"sealed_packets", "1", "ESP packets that gateway A made of them"},
        {"dummy_packets", "1", "ESP packets that gateway A made of nothing"},
        {"lost_in_network", "1", "ESP packets that the network lost"},
        {"in_flight", "1", "packets on the way when the run ended"},
        {"arrived_packets", "1", "ESP packets that reached gateway B"},
        {"delivered_packets", "1", "packets that host B got, intact and once"},
        {"delivered_octets", "B", "UDP payload that host B got"},
        {"fresh_packets", "1", "arrived packets, no dummies, that count for the replay loss"},
        {"replay_lost", "1", "of these, dropped for being left of the window"},
        {"sacrificed_packets", "1", "of these, dropped so that the window need not move far"},
        {"replay_loss_ratio", "1", "replay_lost / fresh_packets"},
        {"reordered_packets", "1", "arrivals behind a larger number (RFC 4737, section 3)"},
        {"reordered_ratio", "1", "reordered_packets / arrived_packets"},
        {"reorder_extent_mean", "1", "mean extent of reordered packets (RFC 4737, section 4.2)"},
        {"reorder_extent_max", "1", "largest extent"},
        {"sequence_gap_max", "1", "largest distance of an arrival behind the largest number"},
        {"goodput_bps", "bps", "payload bits per second, first sending to last delivery"},
        {"handshake_time_s", "s", "from the first IKE datagram to the Child SA on both sides"},
        {"ike_datagrams", "1", "IKE datagrams that both gateways sent"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

/// How many fresh packets a replay window drops on a network that reorders; see README.md.
Scenario
MakeReplayWindowScenario()
{
    return {"replay-window",
            "fresh packets that the anti-replay check drops on a network that reorders",
            MakeParameters(),
            MakeMetrics(),
            CheckTogether,
            RunReplayWindow};
}

const ScenarioRegistration g_registration{MakeReplayWindowScenario};

} // namespace

} // namespace ipseclab
