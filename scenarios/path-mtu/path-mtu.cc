/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/capture-keys.h"
#include "helpers/drop-metrics.h"
#include "helpers/scenario.h"
#include "helpers/tunnel-handshake.h"
#include "scenarios/path-mtu/path-mtu-host.h"
#include "scenarios/path-mtu/path-mtu-network.h"

#include "ns3/boolean.h"
#include "ns3/global-value.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <filesystem>

namespace ipseclab
{

namespace
{

using ns3::Ptr;
using ns3::Seconds;
using ns3::Simulator;
using path_mtu::NetworkSettings;
using path_mtu::SizePolicy;
using path_mtu::StreamSettings;

constexpr std::int64_t kStreamOfSender = 500;
constexpr std::uint32_t kPpp = 2; ///< octets of a frame before IP

NetworkSettings
MakeNetworkSettings(const ParameterValues& values, bool sized)
{
    NetworkSettings settings;
    const std::string& strategy = values.Word("strategy");
    if (strategy == "outer-fragments")
    {
        settings.fragmentation = "AfterEsp";
        settings.dfPolicy = "Clear";
    }
    else if (strategy == "inner-fragments")
    {
        settings.fragmentation = "BeforeEsp";
        settings.dfPolicy = "Set"; // or no router would ever report
    }
    settings.mtu = static_cast<std::uint16_t>(values.Count("path_mtu"));
    settings.filterProbability = values.Number("icmp_filter");
    settings.quotedOctets = static_cast<std::uint16_t>(values.Count("quote"));
    settings.udpEncapsulation = values.Word("encapsulation") == "udp";
    settings.window = static_cast<std::uint32_t>(values.Count("window"));
    settings.delay = Seconds(values.Number("delay"));
    settings.fragmentDelay = Seconds(values.Number("fragment_delay"));
    settings.loss = values.Number("loss");
    settings.reassemblyTimeout = Seconds(values.Number("reassembly_timeout"));
    settings.sized = sized;
    return settings;
}

StreamSettings
MakeStreamSettings(const ParameterValues& values)
{
    static const std::map<std::string, SizePolicy> policies{{"outer-fragments", SizePolicy::Fixed},
                                                            {"inner-fragments", SizePolicy::Fixed},
                                                            {"pmtud", SizePolicy::Reports},
                                                            {"probing", SizePolicy::Probing}};
    StreamSettings settings;
    settings.policy = policies.at(values.Word("strategy"));
    settings.rate = values.Number("rate");
    settings.packets = values.Count("packets");
    settings.octets = static_cast<std::uint32_t>(values.Count("size"));
    settings.smallShare = values.Number("small_share");
    settings.probeTimer = Seconds(values.Number("probe_timer"));
    settings.randomStream = kStreamOfSender;
    return settings;
}

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_networkSettings(MakeNetworkSettings(values, context.sized)),
          m_streamSettings(MakeStreamSettings(values)),
          m_folder(context.outputFolder),
          m_network(m_networkSettings),
          m_sender(m_network.hostA,
                   m_network.addressB,
                   m_streamSettings,
                   [this](std::uint64_t number) { NoteSending(number); }),
          m_receiver(m_network.hostB, m_streamSettings.packets),
          m_handshake(
              m_network.gatewayA,
              m_network.gatewayB,
              m_network.tunnel,
              [this]() { Begin(); },
              []() { Simulator::Stop(); })
    {
        m_network.narrow->TraceConnectWithoutContext("PhyTxBegin",
                                                     ns3::MakeCallback(&Run::SeeFrame, this));
        m_network.outsideB->TraceConnectWithoutContext("PhyRxEnd",
                                                       ns3::MakeCallback(&Run::SeeArrival, this));
        Simulator::ScheduleNow(&TunnelHandshake::Begin, &m_handshake);
        if (!m_folder.empty())
        {
            Capture(m_network.outsideA, "gateway-a.pcap");
            Capture(m_network.outsideB, "gateway-b.pcap");
            m_keys.Listen(m_network.gatewayA);
        }
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
        AddCounts(result.metrics);
        AddCosts(result.metrics);
        AddReports(result.metrics);
        AddDrops(result.metrics,
                 m_network.gatewayA->GetCounters(),
                 m_network.gatewayB->GetCounters());
        if (!m_folder.empty())
        {
            result.files = m_captures;
            const auto keys = m_keys.Write(m_folder);
            result.files.insert(result.files.end(), keys.begin(), keys.end());
        }
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    static MetricValue Whole(std::uint64_t value)
    {
        return static_cast<std::int64_t>(value);
    }

    static double Ratio(std::uint64_t part, std::uint64_t whole)
    {
        return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
    }

    void Capture(Ptr<ns3::NetDevice> device, const char* name)
    {
        const auto path = std::filesystem::absolute(m_folder).lexically_normal() / name;
        m_captures.push_back(path.string());
        ns3::PointToPointHelper().EnablePcap(path.string(), device, true, true);
    }

    void Begin()
    {
        m_begun = true;
        m_sender.Start();
    }

    /// After the last packet everything that is under way gets the time to arrive.
    void NoteSending(std::uint64_t number)
    {
        if (number + 1 == m_streamSettings.packets)
        {
            const ns3::Time way = m_networkSettings.delay + m_networkSettings.fragmentDelay;
            Simulator::Stop(way + way + Seconds(0.1));
        }
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

    /// Sent == delivered + dropped by reason, and with loss not less than the frames that were
    /// lost explain; else the run proves nothing.
    void CheckConservation() const
    {
        const std::uint64_t sent = m_sender.Sent() + m_sender.Probes();
        const std::uint64_t delivered = m_receiver.Delivered() + m_receiver.Probes();
        const std::uint64_t dropped = m_network.gatewayA->GetCounters().outboundDrops.Total() +
                                      m_network.routing->GetTooLarge() +
                                      m_network.gatewayB->GetCounters().inboundDrops.Total();
        const std::uint64_t frames = m_network.NarrowLink()->GetLost();
        const bool exact =
            frames == 0 ? sent == delivered + dropped : sent <= delivered + dropped + frames;
        if (!exact || sent < delivered || !m_network.gatewayA->GetCounters().Balanced() ||
            !m_network.gatewayB->GetCounters().Balanced())
        {
            throw std::logic_error("packets are not conserved: " + std::to_string(sent) +
                                   " sent, " + std::to_string(delivered) + " delivered, " +
                                   std::to_string(dropped) + " dropped, " + std::to_string(frames) +
                                   " frames lost");
        }
    }

    /// Until nothing was lost any more and the size changed no more.
    ns3::Time Convergence() const
    {
        std::uint64_t good = m_sender.Sent();
        while (good > 0 && m_receiver.Has(good - 1))
        {
            --good;
        }
        return std::max(m_sender.SentAt(good), m_sender.LastChange()) - m_sender.FirstSend();
    }

    void AddCounts(Metrics& metrics) const
    {
        const std::uint64_t lost = m_sender.Sent() - m_receiver.Delivered();
        metrics["sent_packets"] = Whole(m_sender.Sent());
        metrics["delivered_packets"] = Whole(m_receiver.Delivered());
        metrics["lost_packets"] = Whole(lost);
        metrics["delivered_ratio"] = Ratio(m_receiver.Delivered(), m_sender.Sent());
        metrics["delivered_octets"] = Whole(m_receiver.Octets());
        metrics["probes"] = Whole(m_sender.Probes());
        metrics["convergence_s"] = Convergence().GetSeconds();
        metrics["final_size"] = Whole(m_sender.Size());
    }

    void AddCosts(Metrics& metrics) const
    {
        const auto& reassembled = Reassembler().GetCounters();
        metrics["frames"] = Whole(m_frames);
        metrics["frame_octets"] = Whole(m_octets);
        metrics["octets_per_payload"] = Ratio(m_octets, m_receiver.Octets());
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
        metrics["reports_known_sa"] = Whole(gateway.learnt + gateway.implausible);
        metrics["reports_learnt"] = Whole(gateway.learnt);
        metrics["reports_to_host"] = Whole(gateway.reported);
    }

    const NetworkSettings m_networkSettings;
    const StreamSettings m_streamSettings;
    const std::string m_folder;
    path_mtu::Network m_network;
    path_mtu::Sender m_sender;
    path_mtu::Receiver m_receiver;
    TunnelHandshake m_handshake;
    bool m_begun{false};
    std::uint64_t m_frames{0};
    std::uint64_t m_octets{0};
    std::uint64_t m_reassemblyOctets{0};
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

void
CheckTogether(const ParameterValues& values)
{
    if (values.Number("probe_timer") <= 2 * values.Number("delay"))
    {
        throw ParameterError("probe_timer: " + values.Canonical().at("probe_timer") +
                             " is not longer than the way there and back");
    }
}

RunResult
RunPathMtu(const ParameterValues& values, const RunContext& context)
{
    CheckTogether(values);
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

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"strategy",
         Q::Choice,
         "pmtud",
         0,
         0,
         "",
         {"outer-fragments", "inner-fragments", "pmtud", "probing"},
         "what is done about packets that do not fit; README.md has the table"},
        {"path_mtu", Q::Octets, "1400B", 576, 1500, "", {}, "of the narrow link, in IP packets"},
        {"icmp_filter", Q::Number, "0", 0, 1, "", {}, "probability that a router's report is lost"},
        {"quote", Q::Octets, "8B", 8, 528, "", {}, "what a report quotes behind the IP header"},
        {"encapsulation",
         Q::Choice,
         "esp",
         0,
         0,
         "",
         {"esp", "udp"},
         "of ESP: as protocol 50, or in UDP"},
        {"size", Q::Octets, "1400B", 100, 1500, "", {}, "of the packets that host A wants to send"},
        {"small_share", Q::Number, "0", 0, 1, "", {}, "of packets that have 100 octets"},
        {"rate", Q::PacketRate, "100pps", 1, 1e6, "", {}, "of the source"},
        {"packets", Q::Count, "2000", 1, 1000000, "", {}, "that the source sends"},
        {"delay", Q::Time, "10ms", 0, 10, "", {}, "one-way, of the narrow link"},
        {"fragment_delay", Q::Time, "0s", 0, 10, "", {}, "what fragments take longer"},
        {"loss", Q::Number, "0", 0, 0.5, "", {}, "probability of each frame on the narrow link"},
        {"window", Q::Count, "64", 32, 65536, "no replay check", {}, "of gateway B"},
        {"reassembly_timeout", Q::Time, "30s", 0.001, 120, "", {}, "of gateway B"},
        {"probe_timer", Q::Time, "1s", 0.001, 60, "", {}, "PROBE_TIMER of RFC 8899"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sent_packets", "1", "data packets that host A sent"},
        {"delivered_packets", "1", "of these, that host B got, whole and once"},
        {"lost_packets", "1", "of these, that host B did not get"},
        {"delivered_ratio", "1", "delivered_packets / sent_packets"},
        {"delivered_octets", "B", "UDP payload of delivered packets"},
        {"probes", "1", "probe packets that host A sent"},
        {"convergence_s", "s", "until the last loss and the last change of the size"},
        {"final_size", "B", "of the IP packets that host A takes to fit at the end"},
        {"frames", "1", "IP packets and fragments that the router sent to gateway B"},
        {"frame_octets", "B", "of these, from the IP header on"},
        {"octets_per_payload", "1", "frame_octets / delivered_octets"},
        {"reassembled_packets", "1", "ESP packets that gateway B put together"},
        {"reassembly_conflicts", "1", "fragments there that contradicted others"},
        {"reassembly_timeouts", "1", "packets there that never became whole"},
        {"reassembly_octets_max", "B", "most memory that fragments took there"},
        {"router_too_large", "1", "packets with DF that the router dropped"},
        {"router_reports", "1", "ICMP messages about them that were not filtered"},
        {"reports_known_sa", "1", "of these, for which gateway A found the SA"},
        {"reports_learnt", "1", "of these, that lowered the path MTU"},
        {"reports_to_host", "1", "ICMP messages of gateway A to host A"},
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
            "packets that do not fit: fragments, path MTU discovery and probing",
            MakeParameters(),
            MakeMetrics(),
            CheckTogether,
            RunPathMtu};
}

const ScenarioRegistration g_registration{MakePathMtuScenario};

} // namespace

} // namespace ipseclab
