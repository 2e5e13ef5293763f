/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/class-draw.h"
#include "helpers/drop-metrics.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "helpers/udp-stream.h"
#include "scenarios/dscp-split/dscp-split-bulk.h"
#include "scenarios/dscp-split/dscp-split-fates.h"

#include "model/ike/extensions/dscp-classes.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <numeric>

namespace ipseclab
{

namespace
{

using dscp_split::Bulk;
using dscp_split::Fates;
using dscp_split::Network;
using dscp_split::Settings;
using ns3::Ptr;
using ns3::Simulator;

constexpr std::int64_t kStreamOfClasses = 500;
constexpr std::int64_t kStreamOfClassesBack = 510;
constexpr std::int64_t kStreamOfRemarking = 520;
constexpr std::int64_t kStreamOfSource = 530;
constexpr std::int64_t kStreamOfSourceBack = 540;
constexpr std::uint16_t kPortBack = 40001;
constexpr std::uint64_t kMostPackets = 1000000;

/// One of the two streams of datagrams: its classes, and when each packet was sent.
class ClassedStream
{
  public:
    ClassedStream(const ParameterValues& values, bool back)
        : m_classes(values.Count("classes")),
          m_remarked(values.Number("remarked")),
          m_draw(m_classes,
                 values.Number("fast_share"),
                 back ? kStreamOfClassesBack : kStreamOfClasses),
          m_remarking(ns3::CreateObject<ns3::UniformRandomVariable>())
    {
        const double share = back ? values.Number("reverse") : 1;
        m_remarking->SetStream(kStreamOfRemarking);
        m_stream.rate = values.Number("rate") * (share > 0 ? share : 1); // without packets, any
        m_stream.payload = static_cast<std::uint32_t>(values.Count("payload"));
        m_stream.packets =
            static_cast<std::uint64_t>(static_cast<double>(values.Count("packets")) * share);
        m_stream.poisson = values.Word("spacing") == "poisson";
        m_stream.randomStream = back ? kStreamOfSourceBack : kStreamOfSource;
        m_stream.port = back ? kPortBack : m_stream.port;
        m_stream.tos = [this](std::uint64_t) { return DrawTos(); };
    }

    ClassedStream(const ClassedStream&) = delete;
    ClassedStream& operator=(const ClassedStream&) = delete;

    const UdpStream& Stream() const
    {
        return m_stream;
    }

    /// Class of a packet, which is asked for after it was sent.
    std::uint64_t ClassOf(std::uint64_t number) const
    {
        return m_sentClass.at(number - 1);
    }

    ns3::Time SentAt(std::uint64_t number) const
    {
        return m_sentAt.at(number - 1);
    }

  private:
    /// Packets of the highest class have ECT(1). A domain on the way has given some packets a DSCP
    /// that no list has, of the same class selector.
    std::uint8_t DrawTos()
    {
        constexpr unsigned kEcnBits = 2;
        constexpr unsigned kEct1 = 1;
        constexpr unsigned kRemark = 2;
        const std::uint64_t drawn = m_draw.Draw();
        m_sentClass.push_back(static_cast<std::uint8_t>(drawn));
        m_sentAt.push_back(Simulator::Now());
        const bool remark = m_remarking->GetValue() < m_remarked;
        const unsigned dscp = dscp_split::DscpOf(drawn) + (remark ? kRemark : 0);
        return static_cast<std::uint8_t>(dscp << kEcnBits | (drawn == m_classes - 1 ? kEct1 : 0));
    }

    std::uint64_t m_classes;
    double m_remarked;
    ClassDraw m_draw;
    Ptr<ns3::UniformRandomVariable> m_remarking;
    UdpStream m_stream;
    std::vector<std::uint8_t> m_sentClass;
    std::vector<ns3::Time> m_sentAt;
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_settings(values),
          m_atOnce(values.Word("start") == "at-once"),
          m_captures(context),
          m_network(m_settings, context.sized),
          m_fates(m_settings, m_network, [this]() { Settle(); }),
          m_forth(values, false),
          m_back(values, true),
          m_source(m_network.hostA,
                   m_network.addressB,
                   m_forth.Stream(),
                   [this](std::uint64_t number) { HandleSending(number); }),
          m_sink(m_network.hostB,
                 m_forth.Stream(),
                 [this](std::uint64_t number) { HandleDelivery(number); }),
          m_sourceBack(m_network.hostB, m_network.addressA, m_back.Stream()),
          m_sinkBack(m_network.hostA, m_back.Stream(), [this](std::uint64_t) { Settle(); }),
          m_handshake(
              m_network.gatewayA,
              m_network.gatewayB,
              m_network.tunnel,
              [this]() { HandleTunnel(); },
              []() { Simulator::Stop(); })
    {
        if (values.Word("bulk") == "cubic")
        {
            m_bulk = std::make_unique<Bulk>(m_network.hostA, m_network.hostB, m_network.addressB);
        }
        m_network.gatewayA->TraceConnectWithoutContext("IkeEvent",
                                                       ns3::MakeCallback(&Run::HandleIkeA, this));
        m_network.gatewayB->TraceConnectWithoutContext("IkeEvent",
                                                       ns3::MakeCallback(&Run::HandleIkeB, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_network.outsideA, "gateway-a.pcap");
        m_captures.Capture(m_network.outsideB, "gateway-b.pcap");
        m_captures.ListenTo(m_network.gatewayA);
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
        AddCounts(result.metrics);
        AddLosses(result.metrics);
        AddLatencies(result.metrics);
        AddState(result.metrics);
        AddDrops(result.metrics,
                 m_network.gatewayA->GetCounters(),
                 m_network.gatewayB->GetCounters());
        result.files = m_captures.Finish();
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    void HandleIkeA(const ike::IkeEvent& event)
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            m_ikeSaOfA = up->id;
        }
        if (const auto* installed = std::get_if<ike::ChildSaInstalled>(&event))
        {
            m_pairs.emplace_back(installed->spiOutbound, installed->spiInbound);
        }
        m_refused += std::holds_alternative<ike::ChildSaRefused>(event) ? 1 : 0;
        NoteSetUp();
    }

    void HandleIkeB(const ike::IkeEvent& event)
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            m_ikeSaOfB = up->id;
        }
        NoteSetUp();
    }

    /// Everything is set up when IKE has been silent for longer than any answer takes.
    void NoteSetUp()
    {
        m_setUp = Simulator::Now();
        m_quiet.Cancel();
        if (!m_begun)
        {
            m_quiet = Simulator::Schedule(ns3::Seconds(1), &Run::Start, this);
        }
    }

    void HandleTunnel()
    {
        if (m_settings.HasClassSas())
        {
            AskForClasses(m_network.gatewayA, m_ikeSaOfA);
            if (m_settings.BothAsk())
            {
                AskForClasses(m_network.gatewayB, m_ikeSaOfB);
            }
        }
        if (m_atOnce)
        {
            Start();
        }
    }

    static void AskForClasses(Ptr<ns3::IpsecGateway> gateway, const ike::IkeSaId& ikeSa)
    {
        gateway->Command([&](ike::IkeEndpoint& endpoint, ike::Instant now)
                         { return endpoint.Command(now, ikeSa, ike::AskForClassSas{}); });
    }

    void Start()
    {
        if (m_begun || !m_handshake.Done())
        {
            return;
        }
        m_begun = true;
        m_source.Start();
        if (m_back.Stream().packets > 0)
        {
            m_sourceBack.Start();
        }
        if (m_bulk)
        {
            m_bulk->Start();
        }
    }

    /// The first quarter of the stream, in which queues fill, does not count, and neither does what
    /// arrives after the last packet was sent: it can lack overtakers.
    void HandleSending(std::uint64_t number)
    {
        const std::uint64_t packets = m_forth.Stream().packets;
        if (number == packets / 4)
        {
            m_fates.SetCounting(true);
            m_countedSince = Simulator::Now();
            m_bulkBefore = m_bulk ? m_bulk->Received() : 0;
        }
        if (number == packets)
        {
            m_fates.SetCounting(false);
            m_countedUntil = Simulator::Now();
            m_bulkOctets = m_bulk ? m_bulk->Received() - m_bulkBefore : 0;
        }
    }

    void HandleDelivery(std::uint64_t number)
    {
        if (number > m_forth.Stream().packets / 4 && m_source.Sent() < m_forth.Stream().packets)
        {
            const std::uint64_t of = m_forth.ClassOf(number);
            auto& latencies = of == 0 ? m_lowLatencies : m_topLatencies;
            if (of == 0 || of == m_settings.classes - 1)
            {
                latencies.push_back((Simulator::Now() - m_forth.SentAt(number)).GetSeconds());
            }
        }
        Settle();
    }

    /// The run is over when it is known of every datagram what became of it, or, beside a bulk flow
    /// whose packets are lost as well, a while after the last one was sent.
    void Settle()
    {
        ++m_settled;
        if (!AllSent())
        {
            return;
        }
        if (m_bulk)
        {
            Simulator::Stop(ns3::Seconds(1));
        }
        else if (m_settled >= m_forth.Stream().packets + m_back.Stream().packets)
        {
            Simulator::Stop();
        }
    }

    bool AllSent() const
    {
        return m_source.Sent() == m_forth.Stream().packets &&
               m_sourceBack.Sent() == m_back.Stream().packets;
    }

    /// Sent == delivered + dropped by reason, and what was sealed arrived or was dropped by the
    /// queue, else the run proves nothing. A bulk flow does not end with the run.
    void CheckConservation() const
    {
        const std::uint64_t sent = m_source.Sent() + m_sourceBack.Sent();
        const std::uint64_t known = m_sink.Delivered() + m_sinkBack.Delivered() + Dropped();
        const bool conserved = sent == known && m_fates.InFlight() == 0;
        if (!AllSent() || (!m_bulk && !conserved))
        {
            FailConservation({{"sent", sent},
                              {"delivered or dropped", known},
                              {"in flight", m_fates.InFlight()}});
        }
    }

    std::uint64_t Dropped() const
    {
        std::uint64_t dropped = m_fates.Total().queueDrops;
        for (const auto& gateway : {m_network.gatewayA, m_network.gatewayB})
        {
            const esp::DataPlaneCounters& counters = gateway->GetCounters();
            dropped += counters.outboundDrops.Total() + counters.inboundDrops.Total();
        }
        return dropped;
    }

    void AddCounts(Metrics& metrics) const
    {
        metrics["sent_packets"] = Whole(m_source.Sent());
        metrics["delivered_packets"] = Whole(m_sink.Delivered());
        metrics["reverse_sent"] = Whole(m_sourceBack.Sent());
        metrics["reverse_delivered"] = Whole(m_sinkBack.Delivered());
        const double counted = (m_countedUntil - m_countedSince).GetSeconds();
        metrics["bulk_goodput_bps"] = static_cast<double>(m_bulkOctets) * 8 / counted;
    }

    void AddLosses(Metrics& metrics) const
    {
        const auto add = [&](const std::string& name, const Fates::OfClass& of)
        {
            metrics[name + "fresh_packets"] = Whole(of.fresh);
            metrics[name + "replay_lost"] = Whole(of.replayLost);
            metrics[name + "replay_loss_ratio"] = Ratio(of.replayLost, of.fresh);
            metrics[name + "queue_drops"] = Whole(of.queueDrops);
        };
        add("", m_fates.Total());
        add("low_", m_fates.Classes().front());
        add("top_", m_fates.Classes().back());
        metrics["gap_max"] = Whole(m_fates.MaximumGap());
    }

    void AddLatencies(Metrics& metrics)
    {
        const auto add = [&](const std::string& name, std::vector<double>& seconds)
        {
            std::sort(seconds.begin(), seconds.end());
            const auto count = static_cast<double>(seconds.size());
            metrics[name + "_latency_s"] =
                std::accumulate(seconds.begin(), seconds.end(), 0.0) / std::max(count, 1.0);
            metrics[name + "_latency_p99_s"] =
                seconds.empty() ? 0 : seconds[seconds.size() * 99 / 100];
        };
        add("low", m_lowLatencies);
        add("top", m_topLatencies);
    }

    /// What gateway A sends with on the pair that it receives with this SPI; 0 when there is none.
    std::uint32_t OutboundOf(std::uint32_t spiInbound) const
    {
        const auto pair = std::find_if(m_pairs.begin(),
                                       m_pairs.end(),
                                       [&](const auto& p) { return p.second == spiInbound; });
        return pair == m_pairs.end() ? 0 : pair->first;
    }

    /// Which pair each class is on, in each direction, by the SPI that gateway A sends with.
    void AddPairs(Metrics& metrics) const
    {
        std::set<std::uint32_t> forth;
        std::set<std::uint32_t> back;
        std::uint64_t unaligned = 0;
        for (std::uint64_t i = 0; i < m_settings.classes; ++i)
        {
            const std::uint32_t there = m_fates.MainSpiOfA(i);
            const std::uint32_t here = OutboundOf(m_fates.MainSpiOfB(i));
            unaligned += there != here ? 1 : 0;
            forth.insert(there);
            back.insert(here);
        }
        std::set<std::uint32_t> used = forth;
        used.insert(back.begin(), back.end());
        metrics["sa_pairs"] = Whole(m_pairs.size());
        metrics["one_way_pairs"] = Whole(2 * used.size() - forth.size() - back.size());
        metrics["unaligned_classes"] = Whole(unaligned);
        metrics["refused_sas"] = Whole(m_refused);
    }

    void AddState(Metrics& metrics) const
    {
        AddPairs(metrics);
        std::uint64_t windowOctets = 0;
        auto& sad = m_network.gatewayB->GetDataPlane().GetSad();
        for (const auto& [outbound, inbound] : m_pairs)
        {
            windowOctets += sad.FindInbound(outbound)->Sequence().Octets();
        }
        const esp::DataPlaneCounters& sender = m_network.gatewayA->GetCounters();
        metrics["window_octets"] = Whole(windowOctets);
        metrics["sealed_listed"] = Whole(sender.sealedListed);
        metrics["sealed_foreign"] = Whole(sender.sealedForeign);
        metrics["sealed_packets"] = Whole(sender.outboundSealed);
        metrics["bits_of_dscp"] = m_fates.BitsOfDscp();
        metrics["bits_of_header"] = m_fates.BitsOfHeader();
        metrics["ike_datagrams"] = Whole(m_network.gatewayA->GetIkeCounters().datagramsOut +
                                         m_network.gatewayB->GetIkeCounters().datagramsOut);
        metrics["set_up_time_s"] = m_setUp.GetSeconds();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    const Settings m_settings;
    const bool m_atOnce;
    RunCaptures m_captures;
    std::uint64_t m_settled{0};
    Network m_network;
    Fates m_fates;
    ClassedStream m_forth;
    ClassedStream m_back;
    UdpSource m_source;
    UdpSink m_sink;
    UdpSource m_sourceBack;
    UdpSink m_sinkBack;
    std::unique_ptr<Bulk> m_bulk;
    TunnelHandshake m_handshake;
    ike::IkeSaId m_ikeSaOfA;
    ike::IkeSaId m_ikeSaOfB;
    /// Of gateway A: SPIs of what it sends and of what it receives.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> m_pairs;
    std::uint64_t m_refused{0};
    bool m_begun{false};
    ns3::Time m_setUp;
    ns3::EventId m_quiet;
    ns3::Time m_countedSince;
    ns3::Time m_countedUntil;
    std::uint64_t m_bulkBefore{0};
    std::uint64_t m_bulkOctets{0};
    std::vector<double> m_lowLatencies;
    std::vector<double> m_topLatencies;
};

void
CheckTogether(const ParameterValues& values)
{
    const Settings settings(values);
    if (!settings.awareResponder && !settings.HasClassSas())
    {
        throw ParameterError("responder: only of split, notify and ts-dscp may gateway B know "
                             "nothing, not of " +
                             settings.mechanism);
    }
}

RunResult
RunDscpSplit(const ParameterValues& values, const RunContext& context)
{
    CheckTogether(values);
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

ParameterSpec
Choice(const char* name, std::vector<std::string> words, const char* doc)
{
    const std::string fallback = words.front();
    return {name, Quantity::Choice, fallback, 0, 0, "", std::move(words), doc};
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        Choice("mechanism",
               {"one-sa", "split", "notify", "ts-dscp", "round-robin", "subspaces", "sub-sas"},
               "what is done about classes: nothing; Child SAs for classes, each side's own, by "
               "the DSCP notification, or by the DSCP traffic selector; `spaces` number spaces in "
               "turn; a number space or a Sub SA of EESP for each class"),
        {"classes", Q::Count, "2", 2, 8, "", {}, "classes of packets, told apart by their DSCP"},
        {"spaces", Q::Count, "2", 1, 256, "", {}, "number spaces of round-robin"},
        {"window", Q::Count, "64", 32, 1048576, "no replay check", {}, "of each number space"},
        Choice("outer_dscp", {"copied", "fixed"}, "DSCP of ESP packets; fixed: that of class 0"),
        Choice("queue",
               {"priority", "drr", "dualpi2", "fifo"},
               "of the bottleneck: strict priority; weights 1, 2, 3, ... by deficit round robin; "
               "DualPI2, where the highest class is low-latency; one queue for all"),
        Choice("place", {"behind", "before"}, "the bottleneck, seen from gateway A"),
        {"queue_limit", Q::Count, "100", 1, 100000, "", {}, "packets of each class that may wait"},
        {"link_rate",
         Q::BitRate,
         "10Mbps",
         1e4,
         1e10,
         "",
         {},
         "of the bottleneck, behind or "
         "before as many packets"},
        {"rate", Q::PacketRate, "1400pps", 1, 1e7, "", {}, "of host A, all classes together"},
        {"fast_share",
         Q::Number,
         "0.3",
         0,
         1,
         "",
         {},
         "share of the highest class; the others "
         "have equal parts of the rest"},
        Choice("spacing", {"constant", "poisson"}, "of the packets"),
        {"payload", Q::Octets, "1000B", 12, 1372, "", {}, "UDP payload of each packet"},
        {"packets", Q::Count, "20000", 100, kMostPackets, "", {}, "packets that host A sends"},
        {"reverse", Q::Number, "0.1", 0, 1, "", {}, "packets of host B, in proportion"},
        {"delay", Q::Time, "5ms", 0, 10, "", {}, "one-way delay that every packet has"},
        Choice("bulk", {"off", "cubic"}, "a TCP flow in class 0 besides, from host A to host B"),
        {"remarked",
         Q::Number,
         "0",
         0,
         1,
         "",
         {},
         "share of packets that a domain before the "
         "gateway gives a DSCP that no list has"},
        Choice("responder",
               {"aware", "unaware", "refusing"},
               "whether gateway B knows the mechanism, or refuses selectors that it does not know"),
        Choice("first_sa",
               {"default", "class"},
               "what the first Child SA is for: everything, or "
               "class 0, and then there is none for everything"),
        Choice("start", {"complete", "at-once"}, "packets wait until all SAs are there, or not"),
        {"sa_limit",
         Q::Count,
         "0",
         0,
         1000,
         "",
         {},
         "pairs of SAs that gateway B has room for; "
         "0: no limit"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"delivered_packets", "1", "of these, packets that host B got, intact and once"},
        {"reverse_sent", "1", "packets that host B sent"},
        {"reverse_delivered", "1", "of these, packets that host A got"},
        {"bulk_goodput_bps", "bit/s", "TCP payload that host B got, in the time that counts"},
    };
    for (const auto& [name, of] : {std::pair<std::string, std::string>{"", ""},
                                   {"low_", ", of class 0"},
                                   {"top_", ", of the highest class"}})
    {
        metrics.push_back({name + "fresh_packets", "1", "arrived packets that count" + of});
        metrics.push_back({name + "replay_lost", "1", "of these, left of their window" + of});
        metrics.push_back({name + "replay_loss_ratio", "1", "the share of these" + of});
        metrics.push_back({name + "queue_drops", "1", "packets that the queue dropped" + of});
    }
    const std::vector<MetricSpec> others{
        {"gap_max", "1", "largest distance of an arrival from the highest number in its space"},
        {"low_latency_s", "s", "mean time from host to host, of class 0"},
        {"low_latency_p99_s", "s", "99th percentile of it"},
        {"top_latency_s", "s", "mean time from host to host, of the highest class"},
        {"top_latency_p99_s", "s", "99th percentile of it"},
        {"sa_pairs", "1", "pairs of SAs"},
        {"one_way_pairs", "1", "of these, with packets in one direction only"},
        {"unaligned_classes", "1", "classes on other pairs in one direction than in the other"},
        {"refused_sas", "1", "Child SAs that gateway A asked for and did not get, or refused"},
        {"window_octets", "B", "memory of all windows of gateway B"},
        {"sealed_packets", "1", "packets that gateway A sealed"},
        {"sealed_listed", "1", "of these, on an SA that lists their DSCP"},
        {"sealed_foreign", "1", "of these, on an SA that lists others"},
        {"bits_of_dscp", "bit", "what the outer DSCP tells an observer of a packet's class"},
        {"bits_of_header", "bit", "what SPI, number space and outer DSCP together tell"},
        {"ike_datagrams", "1", "IKE datagrams of both gateways"},
        {"set_up_time_s", "s", "from the first IKE datagram until the last SA was there"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    metrics.insert(metrics.end(), others.begin(), others.end());
    DescribeDrops(metrics);
    return metrics;
}

/// Classes of packets in one tunnel, and queues that tell them apart; see README.md.
Scenario
MakeDscpSplitScenario()
{
    return {"dscp-split",
            "replay loss and latency of classes behind queues, with one SA, SAs for classes, and "
            "the alternatives",
            MakeParameters(),
            MakeMetrics(),
            CheckTogether,
            RunDscpSplit};
}

const ScenarioRegistration g_registration{MakeDscpSplitScenario};

} // namespace

} // namespace ipseclab
