/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/dscp-hub/dscp-hub-network.h"

#include "helpers/class-draw.h"
#include "helpers/drop-metrics.h"
#include "helpers/scenario-run.h"
#include "scenarios/dscp-split/dscp-split-network.h"

#include "model/ike/extensions/dscp-classes.h"

#include "ns3/ipv4-queue-disc-item.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <algorithm>
#include <map>

namespace ipseclab
{

namespace
{

using dscp_hub::Network;
using dscp_hub::Settings;
using ns3::Ptr;
using ns3::Simulator;

constexpr std::int64_t kStreamOfClasses = 10;
constexpr std::int64_t kStreamOfSites = 11;
constexpr std::int64_t kStreamOfStarts = 12;
constexpr std::uint16_t kPort = 40000;
constexpr double kLongestSetUp = 600; ///< seconds
constexpr std::uint8_t kProtocolUdp = 17;

/// Behind a PPP header.
constexpr std::size_t kDsField = 3;
constexpr std::size_t kDestination = 18;
constexpr unsigned kSelectorShift = 5;

/// What becomes of packets, class by class.
struct OfClass
{
    std::uint64_t arrived{0};
    std::uint64_t replayLost{0};
    std::uint64_t queueDrops{0};
};

/// One run from the empty simulator to the empty simulator.
class Run
{
  public:
    Run(const ParameterValues& values, const RunContext& context)
        : m_settings(values),
          m_rate(values.Number("rate")),
          m_packets(values.Count("packets")),
          m_payload(static_cast<std::uint32_t>(values.Count("payload"))),
          m_heavySites(static_cast<std::uint32_t>(values.Count("heavy_sites"))),
          m_heavyShare(values.Number("heavy_share")),
          m_network(m_settings, context.sized),
          m_sites(m_settings.sites),
          m_classDraw(m_settings.classes, values.Number("fast_share"), kStreamOfClasses),
          m_siteDraw(ns3::CreateObject<ns3::UniformRandomVariable>()),
          m_classes(m_settings.classes)
    {
        m_siteDraw->SetStream(kStreamOfSites);
        m_socket = ns3::Socket::CreateSocket(m_network.host, ns3::UdpSocketFactory::GetTypeId());
        m_socket->Bind(ns3::InetSocketAddress(m_network.hostAddress, kPort));
        m_socket->SetRecvCallback(ns3::MakeCallback(&Run::HandleGreeting, this));
        m_network.inside->TraceConnectWithoutContext("MacRx",
                                                     ns3::MakeCallback(&Run::HandleInside, this));
        m_network.hub->TraceConnectWithoutContext("EspSent",
                                                  ns3::MakeCallback(&Run::HandleSent, this));
        m_network.hub->TraceConnectWithoutContext("IkeEvent",
                                                  ns3::MakeCallback(&Run::HandleIkeOfHub, this));
        m_network.queue->TraceConnectWithoutContext("Drop",
                                                    ns3::MakeCallback(&Run::HandleQueueDrop, this));
        StartSites(values.Number("start_spread"));
        Simulator::Stop(ns3::Seconds(kLongestSetUp));
    }

    RunResult Execute()
    {
        Simulator::Run();
        if (m_sent != m_packets)
        {
            throw std::runtime_error(std::to_string(m_ready.size()) + " of " +
                                     std::to_string(m_settings.sites) + " sites are set up after " +
                                     std::to_string(kLongestSetUp) + " s");
        }
        CheckConservation();
        RunResult result;
        AddSetUp(result.metrics);
        AddLosses(result.metrics);
        return result;
    }

  private:
    using Metrics = std::map<std::string, MetricValue>;

    struct SiteState
    {
        ns3::Time began;
        std::uint64_t pairs{0};
        std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t> sealed; ///< their classes
    };

    void StartSites(double spread)
    {
        const auto start = ns3::CreateObject<ns3::UniformRandomVariable>();
        start->SetStream(kStreamOfStarts);
        for (std::uint32_t i = 0; i < m_settings.sites; ++i)
        {
            const auto& site = m_network.sites[i];
            m_byAddress[site.address.Get()] = i;
            site.gateway->TraceConnectWithoutContext(
                "IkeEvent",
                ns3::Callback<void, const ike::IkeEvent&>([this, i](const ike::IkeEvent& event)
                                                          { HandleIkeOfSite(i, event); }));
            site.gateway->TraceConnectWithoutContext(
                "EspReceived",
                ns3::Callback<void, std::uint32_t, std::uint64_t, esp::DropReason>(
                    [this, i](std::uint32_t spi, std::uint64_t number, esp::DropReason reason)
                    { HandleReceived(i, spi, number, reason); }));
            OpenSink(site);
            m_sites[i].began = ns3::Seconds(start->GetValue(0, spread));
            Simulator::Schedule(m_sites[i].began,
                                &ns3::IpsecGateway::Initiate,
                                site.gateway,
                                Network::TunnelName(i));
        }
    }

    void OpenSink(const dscp_hub::Site& site)
    {
        const auto sink = ns3::Socket::CreateSocket(site.node, ns3::UdpSocketFactory::GetTypeId());
        sink->Bind(ns3::InetSocketAddress(site.address, kPort));
        sink->Connect(ns3::InetSocketAddress(m_network.hostAddress, kPort));
        sink->SetRecvCallback(ns3::MakeCallback(&Run::HandleDelivery, this));
        m_sinks.push_back(sink);
    }

    /// A site greets the host in every class: the hub, which was asked for the SAs, does not send
    /// on one before it knows that the site has it (RFC 7296, section 2.8).
    void Greet(std::uint32_t site)
    {
        for (std::uint32_t i = 0; i < m_settings.classes; ++i)
        {
            m_sinks[site]->SetIpTos(TosOf(i));
            m_sinks[site]->Send(ns3::Create<ns3::Packet>(m_payload));
        }
    }

    static std::uint8_t TosOf(std::uint64_t packetClass)
    {
        constexpr unsigned kEcnBits = 2;
        return static_cast<std::uint8_t>(dscp_split::DscpOf(packetClass) << kEcnBits);
    }

    void HandleGreeting(Ptr<ns3::Socket> socket)
    {
        while (socket->Recv())
        {
            ++m_greetings;
        }
    }

    /// Another command cannot be given in the middle of an event.
    static void AskForClasses(Ptr<ns3::IpsecGateway> gateway, ike::IkeSaId ikeSa)
    {
        gateway->Command([&](ike::IkeEndpoint& endpoint, ike::Instant now)
                         { return endpoint.Command(now, ikeSa, ike::AskForClassSas{}); });
    }

    void HandleIkeOfSite(std::uint32_t number, const ike::IkeEvent& event)
    {
        if (std::holds_alternative<ike::ChildSaInstalled>(event))
        {
            SiteState& site = m_sites[number];
            ++site.pairs;
            if (site.pairs == 1)
            {
                m_firstPair.push_back((Simulator::Now() - site.began).GetSeconds());
            }
            if (site.pairs == m_settings.PairsOfSite())
            {
                m_ready.push_back((Simulator::Now() - site.began).GetSeconds());
                m_setUp = Simulator::Now();
                Simulator::ScheduleNow(&Run::Greet, this, number);
                StartWhenReady();
            }
        }
        if (std::holds_alternative<ike::IkeSaClosed>(event))
        {
            ++m_gaveUp;
            Simulator::ScheduleNow(&ns3::IpsecGateway::Initiate,
                                   m_network.sites[number].gateway,
                                   Network::TunnelName(number));
        }
        const auto* up = std::get_if<ike::IkeSaEstablished>(&event);
        if (up && m_settings.HasClassSas())
        {
            Simulator::ScheduleNow(&Run::AskForClasses, m_network.sites[number].gateway, up->id);
        }
    }

    void HandleIkeOfHub(const ike::IkeEvent& event)
    {
        const auto* up = std::get_if<ike::IkeSaEstablished>(&event);
        if (up && m_settings.BothAsk())
        {
            Simulator::ScheduleNow(&Run::AskForClasses, m_network.hub, up->id);
        }
    }

    void StartWhenReady()
    {
        if (m_ready.size() == m_settings.sites)
        {
            m_ikeDatagrams = IkeDatagrams();
            Simulator::Schedule(ns3::Seconds(1), &Run::Send, this);
        }
    }

    /// Heavy sites share their part of the packets, all others the rest.
    std::uint32_t DrawSite()
    {
        const std::uint32_t heavy = std::min(m_heavySites, m_settings.sites);
        const bool toHeavy = heavy == m_settings.sites || m_siteDraw->GetValue(0, 1) < m_heavyShare;
        const std::uint32_t first = heavy == 0 || toHeavy ? 0 : heavy;
        const std::uint32_t last = heavy != 0 && toHeavy ? heavy - 1 : m_settings.sites - 1;
        return m_siteDraw->GetInteger(first, last);
    }

    void Send()
    {
        const std::uint64_t drawn = m_classDraw.Draw();
        m_socket->Connect(ns3::InetSocketAddress(m_network.sites[DrawSite()].address, kPort));
        m_socket->SetIpTos(TosOf(drawn));
        m_socket->Send(ns3::Create<ns3::Packet>(m_payload));
        if (++m_sent < m_packets)
        {
            Simulator::Schedule(ns3::Seconds(1 / m_rate), &Run::Send, this);
        }
        else
        {
            Simulator::Stop(ns3::Seconds(DrainTime()));
        }
    }

    /// All queues full of the longest packets, and the way.
    double DrainTime() const
    {
        constexpr double kLongestBits = 8 * 1500;
        return m_settings.queueLimit * m_settings.classes * kLongestBits /
                   static_cast<double>(m_settings.linkRate) +
               2 * m_settings.delay + 1;
    }

    /// The hub seals the packet before it gets another one.
    void HandleInside(Ptr<const ns3::Packet> packet)
    {
        std::uint8_t front[kDestination + 4] = {};
        packet->CopyData(front, sizeof(front));
        m_classAtHand = front[kDsField] >> kSelectorShift;
        m_siteAtHand = m_byAddress.at(LoadBe32(front + kDestination));
    }

    void HandleSent(std::uint32_t spi, std::uint64_t number)
    {
        m_sites[m_siteAtHand].sealed[{spi, number}] = m_classAtHand;
    }

    void HandleReceived(std::uint32_t site,
                        std::uint32_t spi,
                        std::uint64_t number,
                        esp::DropReason reason)
    {
        auto& sealed = m_sites[site].sealed;
        OfClass& of = m_classes[sealed.at({spi, number})];
        ++of.arrived;
        of.replayLost += reason == esp::DropReason::ReplayTooOld ? 1 : 0;
        sealed.erase({spi, number});
    }

    void HandleDelivery(Ptr<ns3::Socket> socket)
    {
        while (socket->Recv())
        {
            ++m_delivered;
        }
    }

    void HandleQueueDrop(Ptr<const ns3::QueueDiscItem> item)
    {
        const auto& header = ns3::DynamicCast<const ns3::Ipv4QueueDiscItem>(item)->GetHeader();
        if (header.GetProtocol() == kProtocolUdp)
        {
            ++m_ikeDrops;
        }
        else
        {
            ++m_classes[header.GetTos() >> kSelectorShift].queueDrops;
        }
    }

    /// Sent == delivered + dropped by the queue + left of a window.
    void CheckConservation() const
    {
        std::uint64_t known = m_delivered;
        for (const OfClass& of : m_classes)
        {
            known += of.queueDrops + of.replayLost;
        }
        const std::uint64_t greetings = std::uint64_t{m_settings.sites} * m_settings.classes;
        const std::uint64_t astray = m_network.cloud->GetLost();
        if (known != m_sent || m_greetings != greetings || astray != 0)
        {
            FailConservation({{"sent", m_sent},
                              {"delivered or dropped", known},
                              {"greetings", m_greetings},
                              {"greetings expected", greetings},
                              {"for nobody", astray}});
        }
    }

    std::uint64_t IkeDatagrams() const
    {
        std::uint64_t datagrams = m_network.hub->GetIkeCounters().datagramsOut;
        for (const auto& site : m_network.sites)
        {
            datagrams += site.gateway->GetIkeCounters().datagramsOut;
        }
        return datagrams;
    }

    static double Quantile(std::vector<double>& sorted, double share)
    {
        const auto last = static_cast<double>(sorted.size() - 1);
        return sorted[static_cast<std::size_t>(share * last)];
    }

    void AddSetUp(Metrics& metrics)
    {
        for (auto* times : {&m_firstPair, &m_ready})
        {
            std::sort(times->begin(), times->end());
        }
        metrics["first_sa_median_s"] = Quantile(m_firstPair, 0.5);
        metrics["first_sa_p99_s"] = Quantile(m_firstPair, 0.99);
        metrics["site_set_up_median_s"] = Quantile(m_ready, 0.5);
        metrics["site_set_up_p99_s"] = Quantile(m_ready, 0.99);
        metrics["site_set_up_longest_s"] = m_ready.back();
        metrics["set_up_time_s"] = m_setUp.GetSeconds();
        metrics["sa_pairs"] = Whole(m_network.hub->GetDataPlane().GetSad().PairCount());
        metrics["ike_datagrams"] = Whole(m_ikeDatagrams);
        metrics["ike_drops"] = Whole(m_ikeDrops);
        metrics["gave_up"] = Whole(m_gaveUp);
    }

    void AddLosses(Metrics& metrics) const
    {
        OfClass total;
        for (const OfClass& of : m_classes)
        {
            total.arrived += of.arrived;
            total.replayLost += of.replayLost;
            total.queueDrops += of.queueDrops;
        }
        const auto ratio = [](std::uint64_t part, std::uint64_t whole)
        { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); };
        metrics["sent_packets"] = Whole(m_sent);
        metrics["delivered_packets"] = Whole(m_delivered);
        metrics["arrived_packets"] = Whole(total.arrived);
        metrics["replay_lost"] = Whole(total.replayLost);
        metrics["replay_loss_ratio"] = ratio(total.replayLost, total.arrived);
        metrics["queue_drops"] = Whole(total.queueDrops);
        metrics["low_arrived"] = Whole(m_classes.front().arrived);
        metrics["low_replay_lost"] = Whole(m_classes.front().replayLost);
        metrics["low_replay_loss_ratio"] =
            ratio(m_classes.front().replayLost, m_classes.front().arrived);
        metrics["top_replay_lost"] = Whole(m_classes.back().replayLost);
        metrics["simulated_time_s"] = Simulator::Now().GetSeconds();
        metrics["events"] = Whole(Simulator::GetEventCount());
        esp::DataPlaneCounters receivers;
        for (const auto& site : m_network.sites)
        {
            receivers.inboundDrops += site.gateway->GetCounters().inboundDrops;
        }
        AddDrops(metrics, m_network.hub->GetCounters(), receivers);
    }

    const Settings m_settings;
    const double m_rate;
    const std::uint64_t m_packets;
    const std::uint32_t m_payload;
    const std::uint32_t m_heavySites;
    const double m_heavyShare;
    Network m_network;
    std::vector<SiteState> m_sites;
    std::unordered_map<std::uint32_t, std::uint32_t> m_byAddress; ///< sites, by inner address
    ClassDraw m_classDraw;
    Ptr<ns3::UniformRandomVariable> m_siteDraw;
    std::vector<OfClass> m_classes;
    Ptr<ns3::Socket> m_socket;
    std::vector<Ptr<ns3::Socket>> m_sinks;
    std::size_t m_classAtHand{0};
    std::uint32_t m_siteAtHand{0};
    std::uint64_t m_sent{0};
    std::uint64_t m_delivered{0};
    std::uint64_t m_greetings{0};
    std::uint64_t m_gaveUp{0};
    std::uint64_t m_ikeDrops{0};
    std::uint64_t m_ikeDatagrams{0};
    ns3::Time m_setUp;
    std::vector<double> m_firstPair; ///< seconds, of each site that has one
    std::vector<double> m_ready;     ///< seconds, of each site that has all
};

RunResult
RunDscpHub(const ParameterValues& values, const RunContext& context)
{
    const SimulatorScope scope(context);
    return Run(values, context).Execute();
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"sites", Q::Count, "100", 1, 20000, "", {}, "that have a tunnel to the hub"},
        {"mechanism",
         Q::Choice,
         "notify",
         0,
         0,
         "",
         {"one-sa", "split", "notify", "ts-dscp"},
         "one SA for all classes, or SAs for classes: of each side's own, by the DSCP "
         "notification, or by the DSCP traffic selector"},
        {"classes", Q::Count, "4", 2, 8, "", {}, "classes of packets, told apart by their DSCP"},
        {"window", Q::Count, "64", 32, 1048576, "no replay check", {}, "of each SA of a site"},
        {"start_spread", Q::Time, "0s", 0, 500, "", {}, "sites begin at random within this time"},
        {"rate", Q::PacketRate, "140kpps", 1, 1e7, "", {}, "of the host, to all sites together"},
        {"packets", Q::Count, "20000", 1, 10000000, "", {}, "that the host sends"},
        {"payload", Q::Octets, "1000B", 12, 1372, "", {}, "UDP payload of each packet"},
        {"fast_share",
         Q::Number,
         "0.3",
         0,
         1,
         "",
         {},
         "share of the highest class; the others "
         "have equal parts of the rest"},
        {"heavy_sites", Q::Count, "1", 0, 20000, "", {}, "sites with more traffic than others"},
        {"heavy_share", Q::Number, "0.5", 0, 1, "", {}, "share of the packets that go to them"},
        {"link_rate", Q::BitRate, "1Gbps", 1e6, 1e12, "", {}, "of the link from the hub"},
        {"queue_limit",
         Q::Count,
         "1000",
         1,
         1000000,
         "",
         {},
         "packets of each class that may wait for it"},
        {"delay", Q::Time, "5ms", 0, 10, "", {}, "one-way, from the hub to every site"},
    };
}

std::vector<MetricSpec>
MakeMetrics()
{
    std::vector<MetricSpec> metrics{
        {"sa_pairs", "1", "pairs of SAs of the hub"},
        {"first_sa_median_s", "s", "from a site's begin to its first pair of SAs"},
        {"first_sa_p99_s", "s", "99th percentile of it"},
        {"site_set_up_median_s", "s", "from a site's begin to its last pair of SAs"},
        {"site_set_up_p99_s", "s", "99th percentile of it"},
        {"site_set_up_longest_s", "s", "the longest of all sites"},
        {"set_up_time_s", "s", "from the begin of the run until all sites had all SAs"},
        {"ike_datagrams", "1", "IKE datagrams of all gateways until then"},
        {"ike_drops", "1", "of these, dropped by the queue of the link from the hub"},
        {"gave_up", "1", "IKE SAs that a site gave up after all tries; it begins once more"},
        {"sent_packets", "1", "packets that the host sent"},
        {"delivered_packets", "1", "packets that arrived behind the gateways of sites"},
        {"arrived_packets", "1", "packets that came to gateways of sites"},
        {"replay_lost", "1", "of these, left of their window"},
        {"replay_loss_ratio", "1", "the share of these"},
        {"queue_drops", "1", "packets that the queue dropped"},
        {"low_arrived", "1", "arrived packets of class 0"},
        {"low_replay_lost", "1", "of these, left of their window"},
        {"low_replay_loss_ratio", "1", "the share of these"},
        {"top_replay_lost", "1", "packets of the highest class left of their window"},
        {"simulated_time_s", "s", "simulated time of the whole run"},
        {"events", "1", "events that the simulator executed"},
    };
    DescribeDrops(metrics);
    return metrics;
}

/// A hub with a tunnel to each of very many sites, and classes in each; see README.md.
Scenario
MakeDscpHubScenario()
{
    return {"dscp-hub",
            "SAs, set-up and replay loss of classes between a hub and thousands of sites",
            MakeParameters(),
            MakeMetrics(),
            [](const ParameterValues&) {},
            RunDscpHub};
}

const ScenarioRegistration g_registration{MakeDscpHubScenario};

} // namespace

} // namespace ipseclab
