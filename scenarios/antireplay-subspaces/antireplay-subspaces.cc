/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/class-draw.h"
#include "helpers/drop-metrics.h"
#include "helpers/scenario-run.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/antireplay-subspaces/subspaces-observer.h"

#include "ns3/simulator.h"

#include <cmath>

namespace ipseclab
{

namespace
{

using esp::SequenceScheme;
using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using subspaces::Forger;
using subspaces::Observer;

constexpr std::int64_t kStreamOfClasses = 500;
constexpr std::int64_t kStreamOfForger = 600;
constexpr std::uint64_t kMostPackets = 1000000;
constexpr unsigned kClassShift = 5; ///< of the class selector in the TOS octet

SequenceScheme
SchemeOf(const ParameterValues& values)
{
    const std::string& numbers = values.Word("numbers");
    const auto count = static_cast<std::uint32_t>(values.Count("subspaces"));
    if (numbers == "sub64")
    {
        return SequenceScheme::Sub64(count);
    }
    if (numbers == "eesp")
    {
        return SequenceScheme::Eesp(count);
    }
    if (numbers == "sub32")
    {
        std::uint8_t bits = 1;
        while (std::uint32_t{1} << bits < count)
        {
            ++bits;
        }
        return SequenceScheme::Sub32(bits, count);
    }
    return SequenceScheme::Plain(numbers == "esn");
}

std::string
RuleOf(const ParameterValues& values)
{
    return values.Word("rule") == "class" ? "ClassNumber" : "RoundRobin";
}

/// Draws the class of each packet, and delays it by its class.
class Classes
{
  public:
    explicit Classes(const ParameterValues& values)
        : m_count(values.Count("classes")),
          m_spread(values.Number("spread")),
          m_draw(m_count, values.Number("fast_share"), kStreamOfClasses)
    {
    }

    std::uint8_t DrawTos()
    {
        return static_cast<std::uint8_t>(m_draw.Draw() << kClassShift);
    }

    /// From the whole spread for class 0 in equal steps to nothing for the last class.
    ns3::Time Delay(Ptr<const Packet> packet) const
    {
        constexpr std::size_t kTos = 3; // behind the PPP header
        std::uint8_t front[kTos + 1] = {};
        packet->CopyData(front, sizeof(front));
        const std::uint64_t number = front[kTos] >> kClassShift;
        if (m_count == 1 || number >= m_count)
        {
            return ns3::Time(0);
        }
        const auto steps = static_cast<double>(m_count - 1 - number);
        return ns3::Seconds(m_spread * steps / static_cast<double>(m_count - 1));
    }

  private:
    std::uint64_t m_count;
    double m_spread;
    ClassDraw m_draw;
};

replay_window::Settings
MakeSettings(const ParameterValues& values, const std::shared_ptr<Classes>& classes)
{
    replay_window::Settings settings;
    settings.window = static_cast<std::uint32_t>(values.Count("window"));
    settings.esn = values.Word("numbers") == "esn";
    settings.subspaces = SchemeOf(values);
    settings.subspaceRule = RuleOf(values);
    settings.subspaceIndex = values.Word("index") == "array" ? "Array" : "Hash";
    if (values.Word("iv") == "implicit")
    {
        settings.suite.encryption = crypto::EncryptionId::AesGcm16ImplicitIv;
    }
    settings.delay = values.Number("delay");
    settings.packetDelay = [classes](Ptr<const Packet> packet) { return classes->Delay(packet); };
    settings.stream.rate = values.Number("rate");
    settings.stream.payload = static_cast<std::uint32_t>(values.Count("payload"));
    settings.stream.packets = values.Count("packets");
    settings.stream.tos = [classes](std::uint64_t) { return classes->DrawTos(); };
    return settings;
}

std::uint64_t
Cooldown(const ParameterValues& values)
{
    return static_cast<std::uint64_t>(std::ceil(values.Number("rate") * values.Number("spread")));
}

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_childSas(values.Count("child_sas")),
          m_forgedPerPacket(values.Count("forged")),
          m_settings(MakeSettings(values, std::make_shared<Classes>(values))),
          m_captures(context),
          m_chain(m_settings, context.sized),
          m_source(m_chain.HostA(),
                   m_chain.AddressB(),
                   m_settings.stream,
                   [this](std::uint64_t) { Forge(); }),
          m_sink(m_chain.HostB(), m_settings.stream, [this](std::uint64_t) { Settle(); }),
          m_observer(m_chain,
                     m_settings.subspaces.HasSubspaces() ? m_settings.subspaces
                                                         : SequenceScheme::Plain(m_settings.esn),
                     m_settings.stream.packets - Cooldown(values),
                     [this]() { Settle(); }),
          m_forger(m_chain,
                   m_settings.subspaces,
                   100, // 100 octets have a length that every suite allows
                   kStreamOfForger),
          m_handshake(
              m_chain.GatewayA(),
              m_chain.GatewayB(),
              m_chain.TunnelName(),
              [this]() { AskForChildSas(); },
              []() { Simulator::Stop(); })
    {
        m_chain.GatewayA()->TraceConnectWithoutContext("IkeEvent",
                                                       ns3::MakeCallback(&Run::HandleIke, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        m_captures.Capture(m_chain.OutsideA(), "gateway-a.pcap");
        m_captures.Capture(m_chain.OutsideB(), "gateway-b.pcap");
        m_captures.ListenTo(m_chain.GatewayA());
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
        AddState(result.metrics);
        AddDrops(result.metrics,
                 m_chain.GatewayA()->GetCounters(),
                 m_chain.GatewayB()->GetCounters());
        result.files = m_captures.Finish();
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    void HandleIke(const ike::IkeEvent& event)
    {
        if (const auto* installed = std::get_if<ike::ChildSaInstalled>(&event))
        {
            m_ikeSa = installed->ikeSa;
            ++m_installed;
            if (m_handshake.Done())
            {
                StartWhenComplete();
            }
        }
    }

    /// All at once; the window of IKE is 1, so they are asked for one after the other.
    void AskForChildSas()
    {
        for (std::uint64_t i = 0; i < m_childSas; ++i)
        {
            m_chain.GatewayA()->Command([this](ike::IkeEndpoint& endpoint, ike::Instant now)
                                        { return endpoint.CreateChildSa(now, m_ikeSa); });
        }
        StartWhenComplete();
    }

    void StartWhenComplete()
    {
        if (!m_begun && m_installed == 1 + m_childSas)
        {
            m_begun = true;
            m_setUp = Simulator::Now();
            m_ikeDatagrams = m_chain.GatewayA()->GetIkeCounters().datagramsOut +
                             m_chain.GatewayB()->GetIkeCounters().datagramsOut;
            m_source.Start();
        }
    }

    void Forge()
    {
        for (std::uint64_t i = 0; i < m_forgedPerPacket && m_observer.Spi() != 0; ++i)
        {
            m_forger.Send(m_observer.Spi());
        }
    }

    /// The run is over when it is known of every packet what became of it; timers may be pending.
    void Settle()
    {
        if (++m_settled >= m_settings.stream.packets + m_forger.Sent() &&
            m_source.Sent() == m_settings.stream.packets)
        {
            Simulator::Stop();
        }
    }

    /// Sent + forged == delivered + dropped by reason + in flight, else the run proves nothing.
    void CheckConservation() const
    {
        const std::uint64_t dropped = m_chain.GatewayA()->GetCounters().outboundDrops.Total() +
                                      m_chain.GatewayB()->GetCounters().inboundDrops.Total();
        const std::uint64_t known = m_sink.Delivered() + dropped + m_observer.InFlight();
        const std::uint64_t sent = m_source.Sent() + m_forger.Sent();
        if (m_source.Sent() != m_settings.stream.packets || sent != known)
        {
            FailConservation({{"sent or forged", sent},
                              {"delivered", m_sink.Delivered()},
                              {"dropped", dropped},
                              {"in flight", m_observer.InFlight()}});
        }
    }

    void AddCounts(Metrics& metrics) const
    {
        metrics["sent_packets"] = Whole(m_source.Sent());
        metrics["forged_packets"] = Whole(m_forger.Sent());
        metrics["arrived_packets"] = Whole(m_observer.Arrived());
        metrics["delivered_packets"] = Whole(m_sink.Delivered());
        metrics["in_flight"] = Whole(m_observer.InFlight());
        metrics["fresh_packets"] = Whole(m_observer.Fresh());
        metrics["replay_lost"] = Whole(m_observer.ReplayLost());
        metrics["replay_loss_ratio"] = m_observer.Fresh() == 0
                                         ? 0.0
                                         : static_cast<double>(m_observer.ReplayLost()) /
                                               static_cast<double>(m_observer.Fresh());
        metrics["sealed_octets"] = Whole(m_observer.SealedOctets());
    }

    void AddState(Metrics& metrics) const
    {
        const auto* sa = m_chain.GatewayB()->GetDataPlane().GetSad().FindInbound(m_observer.Spi());
        metrics["subspaces_used"] = Whole(m_observer.SubspacesUsed());
        metrics["windows"] = Whole(sa->Sequence().WindowCount());
        metrics["windows_for_nobody"] = Whole(sa->Sequence().WindowCount() -
                                              std::max<std::size_t>(1, m_observer.SubspacesUsed()));
        metrics["window_octets"] = Whole(sa->Sequence().Octets());
        metrics["sa_pairs"] = Whole(m_chain.GatewayB()->GetDataPlane().GetSad().PairCount());
        metrics["ike_datagrams"] = Whole(m_ikeDatagrams);
        metrics["set_up_time_s"] = m_setUp.GetSeconds();
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
    }

    const std::uint64_t m_childSas;
    const std::uint64_t m_forgedPerPacket;
    const replay_window::Settings m_settings;
    RunCaptures m_captures;
    std::uint64_t m_settled{0};
    replay_window::Chain m_chain;
    UdpSource m_source;
    UdpSink m_sink;
    Observer m_observer;
    Forger m_forger;
    TunnelHandshake m_handshake;
    ike::IkeSaId m_ikeSa;
    std::uint64_t m_installed{0};
    bool m_begun{false};
    ns3::Time m_setUp;
    std::uint64_t m_ikeDatagrams{0};
};

void
CheckTogether(const ParameterValues& values)
{
    if (!SchemeOf(values).IsValid())
    {
        throw ParameterError("subspaces: " + values.Canonical().at("subspaces") +
                             " do not fit into a 32-bit field, which has room for 256");
    }
    if (values.Count("packets") <= Cooldown(values))
    {
        throw ParameterError(
            "packets: " + values.Canonical().at("packets") +
            " are too few, for the last rate x spread = " + std::to_string(Cooldown(values)) +
            " can lack overtakers and do not count");
    }
}

RunResult
RunSubspaces(const ParameterValues& values, const RunContext& context)
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
        {"numbers",
         Q::Choice,
         "sub64",
         0,
         0,
         "",
         {"32bit", "esn", "sub32", "sub64", "eesp"},
         "how packets are numbered; 32bit and esn have one space whatever `subspaces` says"},
        {"subspaces", Q::Count, "2", 1, 65536, "", {}, "or Sub SAs, that both gateways agree on"},
        {"rule",
         Q::Choice,
         "class",
         0,
         0,
         "",
         {"class", "round-robin"},
         "what the sender chooses a packet's subspace by"},
        {"index",
         Q::Choice,
         "array",
         0,
         0,
         "",
         {"array", "hash"},
         "how the receiver finds the window of a subspace"},
        {"classes", Q::Count, "2", 1, 8, "", {}, "classes of packets, told apart by their DSCP"},
        {"fast_share", Q::Number, "0.3", 0, 0.999, "", {}, "share of packets in the last class"},
        {"spread",
         Q::Time,
         "1ms",
         0,
         10,
         "",
         {},
         "by how much longer packets of the first class are under way than those of the last"},
        {"window", Q::Count, "64", 32, 65536, "no replay check", {}, "of each subspace"},
        {"rate", Q::PacketRate, "100kpps", 1, 1e7, "", {}, "of the source, all classes together"},
        {"payload", Q::Octets, "200B", 12, 1372, "", {}, "UDP payload of each packet"},
        {"packets", Q::Count, "20000", 100, kMostPackets, "", {}, "packets that the source sends"},
        {"delay", Q::Time, "1ms", 0, 10, "", {}, "one-way delay that every packet has"},
        {"iv", Q::Choice, "explicit", 0, 0, "", {"explicit", "implicit"}, "of AES-GCM"},
        {"child_sas",
         Q::Count,
         "0",
         0,
         1000,
         "",
         {},
         "further Child SAs that are set up before the first packet; the last one has the traffic"},
        {"forged",
         Q::Count,
         "0",
         0,
         10,
         "",
         {},
         "forged packets with the right SPI, any subspace and a high number, for each sent one"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "packets that host A sent"},
        {"forged_packets", "1", "packets that somebody without the key sent to gateway B"},
        {"arrived_packets", "1", "genuine ESP packets that reached gateway B"},
        {"delivered_packets", "1", "packets that host B got, intact and once"},
        {"in_flight", "1", "packets on the way when the run ended"},
        {"fresh_packets", "1", "arrived packets that count for the replay loss"},
        {"replay_lost", "1", "of these, dropped for being left of their window"},
        {"replay_loss_ratio", "1", "replay_lost / fresh_packets"},
        {"sealed_octets", "B", "of a sealed packet, outer IPv4 header included"},
        {"subspaces_used", "1", "subspaces that gateway A sent in"},
        {"windows", "1", "windows that gateway B has allocated"},
        {"windows_for_nobody", "1", "of these, beyond those of subspaces that were sent in"},
        {"window_octets", "B", "memory of these windows and their index"},
        {"sa_pairs", "1", "SA pairs of gateway B"},
        {"ike_datagrams", "1", "IKE datagrams of both gateways until all was set up"},
        {"set_up_time_s", "s", "from the first IKE datagram until all was set up"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

/// Whether numbers in subspaces survive what reorders classes of packets; see README.md.
Scenario
MakeSubspacesScenario()
{
    return {"antireplay-subspaces",
            "replay loss with a number space for each class of packets, and what that costs",
            MakeParameters(),
            MakeMetrics(),
            CheckTogether,
            RunSubspaces};
}

const ScenarioRegistration g_registration{MakeSubspacesScenario};

} // namespace

} // namespace ipseclab
