/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/drop-metrics.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "model/ike/extensions/dscp-classes.h"
#include "scenarios/path-mtu/path-mtu-settings.h"
#include "scenarios/path-mtu/path-mtu-tcp-host.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <memory>

namespace ipseclab
{

namespace
{

using ns3::Ptr;
using ns3::Seconds;
using ns3::Simulator;
using path_mtu::NetworkSettings;
using path_mtu::StreamSettings;

constexpr std::uint32_t kPpp = 2; ///< octets of a frame before IP

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_networkSettings(path_mtu::MakeNetworkSettings(values, context.sized)),
          m_streamSettings(path_mtu::MakeStreamSettings(values)),
          m_captures(context),
          m_network(m_networkSettings),
          m_sender(MakeSender()),
          m_receiver(MakeReceiver()),
          m_handshake(
              m_network.gatewayA,
              m_network.gatewayB,
              m_network.tunnel,
              [this]() { HandleTunnel(); },
              []() { Simulator::Stop(); })
    {
        m_network.gatewayA->TraceConnectWithoutContext(
            "IkeEvent",
            ns3::MakeCallback(&Run::HandleIkeEvent, this));
        m_network.narrow->TraceConnectWithoutContext("PhyTxBegin",
                                                     ns3::MakeCallback(&Run::SeeFrame, this));
        m_network.outsideB->TraceConnectWithoutContext("PhyRxEnd",
                                                       ns3::MakeCallback(&Run::SeeArrival, this));
        m_network.gatewayA->GetPathMtu()->TraceConnectWithoutContext(
            "Learnt",
            ns3::MakeCallback(&Run::NoteLearnt, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_network.outsideA, "gateway-a.pcap");
        m_captures.Capture(m_network.outsideB, "gateway-b.pcap");
        m_captures.ListenTo(m_network.gatewayA);
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (!m_handshake.Done() || m_sender->Sent() == 0)
        {
            throw std::runtime_error("no tunnel: " + m_handshake.Fault());
        }
        CheckConservation();
        RunResult result;
        AddCounts(result.metrics);
        AddCosts(result.metrics);
        AddReports(result.metrics);
        AddNotifications(result.metrics);
        AddDrops(result.metrics,
                 m_network.gatewayA->GetCounters(),
                 m_network.gatewayB->GetCounters());
        result.files = m_captures.Finish();
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    std::unique_ptr<path_mtu::Source> MakeSender()
    {
        const auto sending = [this](std::uint64_t number) { NoteSending(number); };
        const auto node = m_network.hostA;
        if (m_streamSettings.tcp)
        {
            return std::make_unique<path_mtu::TcpSender>(node,
                                                         m_network.addressB,
                                                         m_streamSettings,
                                                         sending);
        }
        return std::make_unique<path_mtu::Sender>(node,
                                                  m_network.addressB,
                                                  m_streamSettings,
                                                  sending);
    }

    std::unique_ptr<path_mtu::Sink> MakeReceiver()
    {
        const auto node = m_network.hostB;
        if (m_streamSettings.tcp)
        {
            return std::make_unique<path_mtu::TcpReceiver>(node,
                                                           m_streamSettings,
                                                           []() { Simulator::Stop(); });
        }
        return std::make_unique<path_mtu::Receiver>(node, m_streamSettings.packets);
    }

    void HandleIkeEvent(const ike::IkeEvent& event)
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            m_ikeSa = up->id;
        }
        if (m_ready && std::holds_alternative<ike::ChildSaInstalled>(event))
        {
            BeginWhenComplete();
        }
    }

    void HandleTunnel()
    {
        m_ready = true;
        if (m_networkSettings.childSas > 1)
        {
            m_network.gatewayA->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return endpoint.Command(now, m_ikeSa, ike::AskForClassSas{}); });
        }
        BeginWhenComplete();
    }

    /// Starts when all Child SAs are there.
    void BeginWhenComplete()
    {
        const std::size_t pairs = m_network.gatewayA->GetDataPlane().GetSad().PairCount();
        if (!m_begun && pairs == m_networkSettings.childSas)
        {
            Begin();
        }
    }

    void Begin()
    {
        m_begun = true;
        m_lostBefore = LostFrames();
        m_network.ChangeLater();
        m_sender->Start();
    }

    /// After the last packet everything that is under way gets the time to arrive.
    void NoteSending(std::uint64_t number)
    {
        if (number + 1 == m_streamSettings.packets)
        {
            // TCP ends when all is there; what it does not get through in that time, it will not.
            constexpr double kLongestTimeout = 64;
            if (m_streamSettings.tcp)
            {
                Simulator::Stop(Seconds(kLongestTimeout));
                return;
            }
            // For that long AGGFRAG waits for a payload that was lost (DropTime).
            const ns3::Time gap = Seconds(m_networkSettings.aggfrag ? 1 : 0);
            constexpr std::uint32_t kQueueOctets = 101 * 1502;
            const ns3::Time way = m_networkSettings.delay + m_networkSettings.fragmentDelay +
                                  m_networkSettings.linkRate.CalculateBytesTxTime(kQueueOctets);
            Simulator::Stop(way + way + gap + m_networkSettings.LongestWork() + Seconds(0.2));
        }
    }

    void NoteLearnt(std::uint32_t spi, std::uint32_t)
    {
        m_spi = spi;
        m_lastLearnt = Simulator::Now();
    }

    void SeeFrame(Ptr<const ns3::Packet> frame)
    {
        if (m_begun)
        {
            ++m_frames;
            m_octets += frame->GetSize() - kPpp;
        }
    }

    void SeeArrival(Ptr<const ns3::Packet>)
    {
        m_reassemblyOctets = std::max<std::uint64_t>(m_reassemblyOctets, Reassembler().Memory());
    }

    const wire::Reassembler& Reassembler() const
    {
        return m_network.gatewayB->GetPathMtu()->GetReassembler();
    }

    /// Frames that the narrow link or its queue has lost.
    std::uint64_t LostFrames() const
    {
        return m_network.NarrowLink()->GetLost() + m_network.GetQueueLost();
    }

    /// Sent == delivered + dropped by reason. Where pieces of packets may be lost, frames and drops
    /// are not fewer than what they explain. Else the run proves nothing. TCP sends anew, so that
    /// its messages are not what the network counts; any number of packets may have been in a
    /// payload of AGGFRAG.
    void CheckConservation() const
    {
        const auto& a = m_network.gatewayA->GetCounters();
        const auto& b = m_network.gatewayB->GetCounters();
        const std::uint64_t sent = m_sender->Sent() + m_sender->Probes();
        const std::uint64_t delivered = m_receiver->Delivered() + m_receiver->Probes();
        const std::uint64_t dropped =
            a.outboundDrops.Total() + m_network.routing->GetTooLarge() + b.inboundDrops.Total();
        const std::uint64_t frames = LostFrames();
        const bool inPieces = m_network.gatewayA->GetPathMtu()->GetCounters().cutBeforeEsp > 0;
        const bool exact = frames == 0 && !(inPieces && dropped > 0);
        const bool lostPayloads = m_networkSettings.aggfrag && frames + dropped > 0;
        const bool kept =
            m_streamSettings.tcp || lostPayloads ||
            (exact ? sent == delivered + dropped : sent <= delivered + dropped + frames);
        const bool balanced = a.Balanced() && b.Balanced() &&
                              m_network.gatewayA->GetAggfrag()->GetCounters().Balanced() &&
                              m_network.gatewayB->GetAggfrag()->GetCounters().Balanced();
        if (!kept || sent < delivered || !balanced)
        {
            FailConservation({{"sent", sent},
                              {"delivered", delivered},
                              {"dropped", dropped},
                              {"frames lost", frames}});
        }
    }

    /// Until nothing was lost any more, the size changed no more and gateway A learnt no more.
    ns3::Time Convergence() const
    {
        std::uint64_t good = m_sender->Sent();
        while (good > 0 && m_receiver->Has(good - 1))
        {
            --good;
        }
        const ns3::Time last = std::max(m_sender->SentAt(good), m_sender->LastChange());
        return std::max(last, m_lastLearnt) - m_sender->FirstSend();
    }

    void AddCounts(Metrics& metrics) const
    {
        const std::uint64_t lost = m_sender->Sent() - m_receiver->Delivered();
        metrics["sent_packets"] = Whole(m_sender->Sent());
        metrics["delivered_packets"] = Whole(m_receiver->Delivered());
        metrics["lost_packets"] = Whole(lost);
        metrics["delivered_ratio"] = Ratio(m_receiver->Delivered(), m_sender->Sent());
        metrics["delivered_octets"] = Whole(m_receiver->Octets());
        metrics["probes"] = Whole(m_sender->Probes());
        metrics["convergence_s"] = Convergence().GetSeconds();
        metrics["final_size"] = Whole(m_sender->Size());
    }

    void AddCosts(Metrics& metrics) const
    {
        const auto& reassembled = Reassembler().GetCounters();
        metrics["frames"] = Whole(m_frames);
        metrics["frame_octets"] = Whole(m_octets);
        metrics["frames_lost"] = Whole(LostFrames() - m_lostBefore);
        metrics["octets_per_payload"] = Ratio(m_octets, m_receiver->Octets());
        metrics["fragments_noted"] = Whole(m_network.gatewayB->GetDataPlane()
                                               .InboundFragments(m_network.tunnel)
                                               ->GetCounters()
                                               .noted);
        metrics["sa_pairs"] = Whole(m_network.gatewayA->GetDataPlane().GetSad().PairCount());
        metrics["reassembled_packets"] = Whole(reassembled[wire::FragmentVerdict::Complete]);
        metrics["reassembly_conflicts"] = Whole(reassembled[wire::FragmentVerdict::Conflict]);
        metrics["reassembly_timeouts"] = Whole(reassembled.timedOut);
        metrics["reassembly_octets_max"] = Whole(m_reassemblyOctets);
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    void AddReports(Metrics& metrics) const
    {
        const auto& gateway = m_network.gatewayA->GetPathMtu()->GetCounters();
        metrics["router_too_large"] = Whole(m_network.routing->GetTooLarge());
        metrics["router_reports"] = Whole(m_network.routing->GetReported());
        metrics["reports_known_sa"] = Whole(gateway.known);
        metrics["reports_to_host"] = Whole(gateway.reported);
    }

    /// Of the packets that gateway A seals, as it knows it now.
    std::uint64_t PathMtuOfA() const
    {
        const auto known = m_network.gatewayA->GetPathMtu()->GetPathMtu(m_network.endB, m_spi);
        const std::size_t link = m_network.outsideA->GetMtu();
        return std::min(known.value_or(link), link);
    }

    void AddNotifications(Metrics& metrics) const
    {
        const auto& egress = m_network.gatewayB->GetPathSizes()->GetCounters();
        metrics["notifications_told"] = Whole(egress.told);
        metrics["notifications_limited"] = Whole(egress.limited);
        metrics["notifications_held"] = Whole(egress.held);
        metrics["notifications_heard"] =
            Whole(m_network.gatewayA->GetPathSizes()->GetCounters().heard);
        metrics["ike_datagrams"] = Whole(m_network.gatewayA->GetIkeCounters().datagramsOut +
                                         m_network.gatewayB->GetIkeCounters().datagramsOut);
        metrics["path_mtu_falls"] = Whole(m_network.gatewayA->GetPathMtu()->GetCounters().learnt);
        metrics["gateway_path_mtu"] = Whole(PathMtuOfA());
    }

    const NetworkSettings m_networkSettings;
    const StreamSettings m_streamSettings;
    RunCaptures m_captures;
    path_mtu::Network m_network;
    const std::unique_ptr<path_mtu::Source> m_sender;
    const std::unique_ptr<path_mtu::Sink> m_receiver;
    TunnelHandshake m_handshake;
    ike::IkeSaId m_ikeSa{};
    bool m_ready{false}; ///< the first Child SA is there
    bool m_begun{false};
    std::uint64_t m_frames{0};
    std::uint64_t m_lostBefore{0}; ///< frames, while IKE set up
    std::uint64_t m_octets{0};
    std::uint64_t m_reassemblyOctets{0};
    std::uint32_t m_spi{0}; ///< of gateway A's SA, since it has learnt
    ns3::Time m_lastLearnt;
};

RunResult
RunPathMtu(const ParameterValues& values, const RunContext& context)
{
    path_mtu::CheckTogether(values);
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "data packets that host A sent, or messages of TCP"},
        {"delivered_packets", "1", "of these, that host B got, whole and once"},
        {"lost_packets", "1", "of these, that host B did not get"},
        {"delivered_ratio", "1", "delivered_packets / sent_packets"},
        {"delivered_octets", "B", "payload of delivered packets"},
        {"probes", "1", "probe packets that host A sent"},
        {"convergence_s", "s", "until the last loss, change of the size, and fall of a path MTU"},
        {"final_size", "B", "of the IP packets that host A takes to fit at the end"},
        {"frames", "1", "IP packets and fragments that the router sent to gateway B"},
        {"frame_octets", "B", "of these, from the IP header on"},
        {"frames_lost",
         "1",
         "on the narrow link, both ways and in its queue, since the first packet"},
        {"octets_per_payload", "1", "frame_octets / delivered_octets"},
        {"fragments_noted", "1", "first fragments of inner packets that gateway B remembered"},
        {"sa_pairs", "1", "pairs of SAs of gateway A at the end"},
        {"reassembled_packets", "1", "ESP packets that gateway B put together"},
        {"reassembly_conflicts", "1", "fragments there that contradicted others"},
        {"reassembly_timeouts", "1", "packets there that never became whole"},
        {"reassembly_octets_max", "B", "most memory that fragments took there"},
        {"router_too_large", "1", "packets with DF that the router dropped"},
        {"router_reports", "1", "ICMP messages about them that were not filtered"},
        {"reports_known_sa", "1", "of these, for which gateway A found the SA"},
        {"reports_to_host", "1", "ICMP messages of gateway A to host A"},
        {"notifications_told", "1", "LMAP and PTB requests of gateway B"},
        {"notifications_limited", "1", "that came too soon after another and were not sent"},
        {"notifications_held", "1", "not sent, for gateway A had not answered or does not know"},
        {"notifications_heard", "1", "requests that gateway A took"},
        {"ike_datagrams", "1", "that the gateways sent in the whole run"},
        {"path_mtu_falls", "1", "times that the path MTU of gateway A fell"},
        {"gateway_path_mtu",
         "B",
         "that gateway A reckons with at the end, of sealed packets of the SA that it learnt for "
         "last"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

/// What becomes of packets that do not fit through the path; see README.md.
Scenario
MakePathMtuScenario()
{
    return {"path-mtu",
            "packets that do not fit: fragments, path MTU discovery, probing, notifications, "
            "clamping, AGGFRAG",
            path_mtu::MakeParameters(),
            MakeMetrics(),
            path_mtu::CheckTogether,
            RunPathMtu};
}

const ScenarioRegistration g_registration{MakePathMtuScenario};

} // namespace

} // namespace ipseclab
