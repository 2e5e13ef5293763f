/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/deliveries.h"
#include "helpers/drop-metrics.h"
#include "helpers/flow-source.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/sub-sa/sub-sa-network.h"

#include "model/ike/extensions/per-resource-sa.h"
#include "model/wire/ipv4.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <set>

namespace ipseclab
{

namespace
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using sub_sa::FanOut;
using sub_sa::Net;
using sub_sa::Settings;
using Metrics = std::map<std::string, MetricValue>;

constexpr std::int64_t kStreamOfFlows = 310;
constexpr double kWarmUp = 0.5; ///< share of the sending time
constexpr std::size_t kPppHeader = 2;

/// The pairs of SAs that gateway A has had, and what of them packets have used.
class SaWatch
{
  public:
    /// \param net outlives the watch
    explicit SaWatch(const Net& net)
        : m_net(net)
    {
        net.gatewayA->TraceConnectWithoutContext("IkeEvent",
                                                 MakeCallback(&SaWatch::HandleIke, this));
        net.gatewayA->TraceConnectWithoutContext("EspSent",
                                                 MakeCallback(&SaWatch::HandleSent, this));
    }

    std::uint64_t Installed() const
    {
        return m_pairs.size();
    }

    const ike::IkeSaId& IkeSa() const
    {
        return m_ikeSa;
    }

    void AddTo(Metrics& metrics) const
    {
        const esp::Sad& sad = m_net.gatewayA->GetDataPlane().GetSad();
        esp::KeyCounts keys{0, 0};
        for (const auto& pair : m_pairs)
        {
            const auto* in = sad.FindInbound(pair.spiInbound);
            const auto* out = sad.FindOutbound(pair.remoteOuter, pair.spiOutbound);
            for (const auto& half : {in ? in->Keys() : kNone, out ? out->Keys() : kNone})
            {
                keys.kept += half.kept;
                keys.derivations += half.derivations;
            }
        }
        metrics["sa_pairs"] = Whole(sad.PairCount());
        metrics["rekeyed_sas"] = Whole(m_rekeyed);
        metrics["keys"] = Whole(keys.kept);
        metrics["keys_used"] = Whole(m_used.size());
        metrics["keys_used_ratio"] =
            Ratio(static_cast<double>(m_used.size()), static_cast<double>(keys.kept));
        metrics["key_derivations"] = Whole(keys.derivations);
        metrics["busiest_space_packets"] = Whole(m_busiest);
        AddWindows(metrics);
    }

  private:
    static constexpr esp::KeyCounts kNone{0, 0};

    /// Of gateway B, for what gateway A sends.
    void AddWindows(Metrics& metrics) const
    {
        std::size_t windows = 0;
        std::size_t octets = 0;
        for (const auto& pair : m_pairs)
        {
            if (const auto* in =
                    m_net.gatewayB->GetDataPlane().GetSad().FindInbound(pair.spiOutbound))
            {
                windows += in->Sequence().WindowCount();
                octets += in->Sequence().Octets();
            }
        }
        metrics["windows"] = Whole(windows);
        metrics["window_octets"] = Whole(octets);
    }

    void HandleIke(const ike::IkeEvent& event)
    {
        if (const auto* installed = std::get_if<ike::ChildSaInstalled>(&event))
        {
            m_ikeSa = installed->ikeSa;
            m_pairs.push_back(*installed);
            m_rekeyed += installed->replaces ? 1 : 0;
        }
    }

    void HandleSent(std::uint32_t spi, std::uint64_t number)
    {
        const auto* out =
            m_net.gatewayA->GetDataPlane().GetSad().FindOutbound(m_pairs[0].remoteOuter, spi);
        const auto parts = out->Config().Numbers().Split(number);
        m_used.emplace(spi, out->Config().IsEesp() ? parts.subspace : 0);
        m_busiest = std::max(m_busiest, parts.counter);
    }

    const Net& m_net;
    ike::IkeSaId m_ikeSa;
    std::vector<ike::ChildSaInstalled> m_pairs;
    std::set<std::pair<std::uint32_t, std::uint16_t>> m_used; ///< SPI and Sub SA
    std::uint64_t m_rekeyed{0};
    std::uint64_t m_busiest{0}; ///< highest counter
};

/// ESP between the gateways and at gateway B's windows.
class Observer
{
  public:
    /// \param headerLength octets of SPI and number, or of EESP's headers
    Observer(const Net& net, std::size_t headerLength)
        : m_headerLength(headerLength)
    {
        net.gatewayB->TraceConnectWithoutContext("EspReceived",
                                                 MakeCallback(&Observer::HandleReceived, this));
        net.outsideA->GetChannel()->TraceConnectWithoutContext(
            "Transmit",
            MakeCallback(&Observer::HandleTransmit, this));
    }

    void AddTo(Metrics& metrics) const
    {
        metrics["checked_packets"] = Whole(m_checked);
        metrics["replay_lost"] = Whole(m_late);
        metrics["replay_loss_ratio"] =
            Ratio(static_cast<double>(m_late), static_cast<double>(m_checked));
        metrics["sealed_octets"] = Whole(m_sealedOctets);
        metrics["lines_read"] = Whole(LinesRead());
    }

  private:
    /**
     * Cache lines with octets that the receiver reads although a device deciphers and verifies: all
     * headers up to the inner UDP header, and the trailer. The frame, with an Ethernet header,
     * begins with a line, and SAs are of AES-GCM.
     */
    std::uint64_t LinesRead() const
    {
        constexpr std::size_t kLine = 64;
        constexpr std::size_t kEthernet = 14;
        constexpr std::size_t kInner = wire::kIpv4HeaderSize + wire::kUdpHeaderSize;
        constexpr std::size_t kIcv = 16;
        constexpr std::size_t kIv = 8;
        constexpr std::size_t kTrailer = 2;
        const std::size_t front = kEthernet + wire::kIpv4HeaderSize + m_headerLength + kIv + kInner;
        const std::size_t lines = (front + kLine - 1) / kLine;
        const std::size_t end = kEthernet + m_sealedOctets - kIcv;
        const bool apart = !m_eesp && (end - 1) / kLine >= lines;
        const bool split = apart && (end - kTrailer) / kLine >= lines &&
                           (end - kTrailer) / kLine != (end - 1) / kLine;
        return lines + (apart ? 1 : 0) + (split ? 1 : 0);
    }

    void HandleReceived(std::uint32_t, std::uint64_t, DropReason reason)
    {
        ++m_checked;
        m_late += reason == DropReason::ReplayTooOld ? 1 : 0;
    }

    void HandleTransmit(Ptr<const Packet> packet)
    {
        constexpr std::size_t kProtocol = kPppHeader + 9;
        std::uint8_t front[kProtocol + 1];
        if (m_sealedOctets != 0 || packet->CopyData(front, sizeof(front)) != sizeof(front))
        {
            return;
        }
        m_eesp = front[kProtocol] == wire::kProtocolEesp;
        if (m_eesp || front[kProtocol] == wire::kProtocolEsp)
        {
            m_sealedOctets = packet->GetSize() - kPppHeader;
        }
    }

    std::size_t m_headerLength;
    std::uint64_t m_checked{0};
    std::uint64_t m_late{0};
    std::uint64_t m_sealedOctets{0}; ///< of the first packet of ESP
    bool m_eesp{false};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_settings(values),
          m_captures(context),
          m_net(m_settings, context.sized),
          m_sas(m_net),
          m_observer(m_net, m_settings.Numbers().HeaderLength()),
          m_source(m_net.hostA, sub_sa::kHostB, m_settings.stream, MixOf(m_settings)),
          m_sink(m_net.hostB,
                 m_settings.stream,
                 [this](std::uint64_t number)
                 {
                     m_deliveries.Add(m_source.SentAt(number));
                     Settle();
                 }),
          m_handshake(
              m_net.gatewayA,
              m_net.gatewayB,
              sub_sa::kTunnel,
              [this]() { AskForSas(); },
              []() { Simulator::Stop(); })
    {
        m_net.gatewayA->TraceConnectWithoutContext("IkeEvent", MakeCallback(&Run::HandleIke, this));
        for (const auto& gateway : {m_net.gatewayA, m_net.gatewayB})
        {
            gateway->TraceConnectWithoutContext("Drop", MakeCallback(&Run::HandleDrop, this));
        }
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_net.outsideA, "gateway-a.pcap");
        m_captures.Capture(m_net.outsideB, "gateway-b.pcap");
        m_captures.ListenTo(m_net.gatewayA);
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (!m_handshake.Done() || m_source.Sent() == 0)
        {
            throw std::runtime_error("no tunnel: " + m_handshake.Fault());
        }
        CheckConservation();
        RunResult result;
        AddPackets(result.metrics);
        m_observer.AddTo(result.metrics);
        m_sas.AddTo(result.metrics);
        AddDrops(result.metrics, m_net.gatewayA->GetCounters(), m_net.gatewayB->GetCounters());
        result.files = m_captures.Finish();
        return result;
    }

  private:
    static FlowMix MixOf(const Settings& settings)
    {
        return {settings.flows, true, kStreamOfFlows, sub_sa::kFirstPort, settings.hotShare};
    }

    /// The SA for all is there; the others are asked for before the first packet.
    void AskForSas()
    {
        if (m_settings.fanOut == FanOut::Several)
        {
            m_net.gatewayA->Command(
                [this](ike::IkeEndpoint& endpoint, ike::Instant now)
                { return endpoint.Command(now, m_sas.IkeSa(), ike::AskForResourceSas{}); });
        }
        StartWhenComplete();
    }

    void HandleIke(const ike::IkeEvent& event)
    {
        if (std::holds_alternative<ike::ChildSaInstalled>(event) && m_handshake.Done())
        {
            StartWhenComplete();
        }
    }

    void StartWhenComplete()
    {
        const std::uint64_t wanted =
            1 + (m_settings.fanOut == FanOut::Several ? m_settings.spaces : 0);
        if (m_begun || m_sas.Installed() != wanted)
        {
            return;
        }
        m_begun = true;
        m_setUp = Simulator::Now();
        m_ikeDatagrams = m_net.gatewayA->GetIkeCounters().datagramsOut +
                         m_net.gatewayB->GetIkeCounters().datagramsOut;
        m_source.Start();
    }

    void HandleDrop(Ptr<const Packet>, DropReason, bool)
    {
        Settle();
    }

    /// The run is over when it is known of every packet what became of it; timers may be pending.
    void Settle()
    {
        if (++m_settled >= m_settings.stream.packets &&
            m_source.Sent() == m_settings.stream.packets)
        {
            Simulator::Stop();
        }
    }

    /// Sent == delivered + dropped by reason, else the run proves nothing.
    void CheckConservation() const
    {
        const auto& a = m_net.gatewayA->GetCounters();
        const auto& b = m_net.gatewayB->GetCounters();
        const std::uint64_t dropped = a.outboundDrops.Total() + b.inboundDrops.Total();
        if (m_source.Sent() != m_settings.stream.packets ||
            m_source.Sent() != m_sink.Delivered() + dropped)
        {
            FailConservation({{"sent", m_source.Sent()},
                              {"delivered", m_sink.Delivered()},
                              {"dropped", dropped}});
        }
    }

    void AddPackets(Metrics& metrics) const
    {
        const double first = m_source.SentAt(1).GetSeconds();
        const double last = m_source.SentAt(m_source.Sent()).GetSeconds();
        const double rate = m_deliveries.RateBetween(first + kWarmUp * (last - first), last);
        metrics["sent_packets"] = Whole(m_source.Sent());
        metrics["delivered_packets"] = Whole(m_sink.Delivered());
        metrics["throughput_pps"] = rate;
        metrics["core_time_per_packet_s"] = Ratio(m_settings.cores, rate);
        metrics["delay_p99_s"] = m_deliveries.DelayQuantile(0.99);
        metrics["busiest_path_share"] = m_net.paths.BusiestShare();
        metrics["ike_datagrams"] = Whole(m_ikeDatagrams);
        metrics["set_up_time_s"] = m_setUp.GetSeconds();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    const Settings m_settings;
    RunCaptures m_captures;
    Net m_net;
    SaWatch m_sas;
    Observer m_observer;
    FlowSource m_source;
    Deliveries m_deliveries;
    UdpSink m_sink;
    TunnelHandshake m_handshake;
    std::uint64_t m_settled{0};
    bool m_begun{false};
    ns3::Time m_setUp;
    std::uint64_t m_ikeDatagrams{0};
};

RunResult
RunSubSa(const ParameterValues& values, const RunContext& context)
{
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"delivered_packets", "1", "packets that host B got, intact and once"},
        {"throughput_pps", "1/s", "packets that host B got, in the second half of the time"},
        {"core_time_per_packet_s", "s", "cores / throughput_pps; where cores are never idle"},
        {"delay_p99_s", "s", "that 99 of 100 delivered packets do not exceed"},
        {"checked_packets", "1", "ESP packets that met a replay window"},
        {"replay_lost", "1", "of these, dropped for being left of it"},
        {"replay_loss_ratio", "1", "replay_lost / checked_packets"},
        {"busiest_path_share", "1", "octets of ESP on the path that has the most / on all"},
        {"sealed_octets", "B", "of a sealed packet, outer IPv4 header included"},
        {"lines_read", "1", "cache lines of a packet that hold headers or a trailer"},
        {"sa_pairs", "1", "pairs of SAs of gateway A at the end"},
        {"rekeyed_sas", "1", "SAs that took the place of another"},
        {"keys", "1", "that gateway A holds for these SAs, both directions"},
        {"keys_used", "1", "keys that sealed a packet, in the whole run"},
        {"keys_used_ratio", "1", "keys_used / keys; without rekeying"},
        {"key_derivations", "1", "of keys of Sub SAs other than 0, at gateway A"},
        {"busiest_space_packets", "1", "largest number that was given in a number space"},
        {"windows", "1", "replay windows of gateway B"},
        {"window_octets", "B", "memory of these windows and their index"},
        {"ike_datagrams", "1", "IKE datagrams of both gateways until all was set up"},
        {"set_up_time_s", "s", "from the first IKE datagram until all was set up"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

Scenario
MakeSubSaScenario()
{
    return {"sub-sa",
            "one tunnel on many cores and paths: one SA, several, subspaces, Sub SAs of EESP",
            sub_sa::MakeParameters(),
            MakeMetrics(),
            [](const ParameterValues& values) { static_cast<void>(Settings(values)); },
            RunSubSa};
}

const ScenarioRegistration g_registration{MakeSubSaScenario};

} // namespace

} // namespace ipseclab
