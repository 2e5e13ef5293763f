/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

#include "dual-stack.h"

#include "model/wire/tcp-mss.h"

#include "ns3/double.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/path-mtu-routing.h"
#include "ns3/path-mtu-socket-factory.h"
#include "ns3/path-mtu-tcp-socket.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/test.h"

#include <array>
#include <functional>
#include <map>
#include <string>

using namespace ns3;
namespace wire = ipseclab::wire;

namespace
{

constexpr uint16_t kPort = 5000;
constexpr uint32_t kBuffer = 1 << 22;

/// Takes what comes over one connection.
class TcpSink
{
  public:
    TcpSink(Ptr<Node> node, TypeId factory, const Address& local)
    {
        m_listener = Socket::CreateSocket(node, factory);
        m_listener->SetAttribute("RcvBufSize", UintegerValue(kBuffer));
        m_listener->Bind(local);
        m_listener->Listen();
        m_listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(),
                                      MakeCallback(&TcpSink::Accept, this));
    }

    uint64_t octets{0};
    Time last;                         ///< when something came
    std::map<uint64_t, Time> arrivals; ///< when there were so many octets

  private:
    void Accept(Ptr<Socket> socket, const Address&)
    {
        socket->SetRecvCallback(MakeCallback(&TcpSink::Receive, this));
    }

    void Receive(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            octets += packet->GetSize();
            last = Simulator::Now();
            arrivals[octets] = last;
        }
    }

    Ptr<Socket> m_listener;
};

/// Connects and sends so many octets.
Ptr<Socket>
SendOver(Ptr<Node> node, TypeId factory, const Address& to, uint32_t octets, Time at)
{
    const Ptr<Socket> socket = Socket::CreateSocket(node, factory);
    socket->SetAttribute("SndBufSize", UintegerValue(kBuffer));
    socket->SetAttribute("SegmentSize", UintegerValue(1448));
    Simulator::ScheduleWithContext(node->GetId(),
                                   at,
                                   [socket, to, octets]
                                   {
                                       socket->Connect(to);
                                       socket->Send(Create<Packet>(octets));
                                   });
    return socket;
}

/**
 *     host 0 ==1500== router 1 ==narrow== router 2 ==1500== host 3
 *        1                2                   3
 */
class TcpPath
{
  public:
    explicit TcpPath(uint16_t narrow)
    {
        m_nodes.Create(4);
        InternetStackHelper().Install(m_nodes);
        for (uint32_t i : {1, 2})
        {
            routing[i - 1] = CreateObject<PathMtuRouting>();
            m_nodes.Get(i)->GetObject<Ipv4>()->SetRoutingProtocol(routing[i - 1]);
        }
        PointToPointHelper helper;
        helper.SetDeviceAttribute("DataRate", StringValue("100Mbps"));
        helper.SetChannelAttribute("Delay", StringValue("1ms"));
        for (uint32_t i = 0; i < 3; ++i)
        {
            links[i] = helper.Install(m_nodes.Get(i), m_nodes.Get(i + 1));
        }
        links[1].Get(0)->SetMtu(narrow);
        links[1].Get(1)->SetMtu(narrow);
        for (int i = 0; i < 3; ++i)
        {
            dual::Join(links[static_cast<size_t>(i)].Get(0), i + 1, 1);
            dual::Join(links[static_cast<size_t>(i)].Get(1), i + 1, 2);
        }
        dual::RouteRest(links[0].Get(0), 1, 2);
        dual::RouteRest(links[1].Get(0), 2, 2);
        dual::RouteRest(links[1].Get(1), 2, 1);
        dual::RouteRest(links[2].Get(1), 3, 1);
        links[2].Get(1)->TraceConnectWithoutContext("PhyRxEnd",
                                                    MakeCallback(&TcpPath::SeeFrame, this));
    }

    ~TcpPath()
    {
        Simulator::Destroy();
    }

    TcpPath(const TcpPath&) = delete;
    TcpPath& operator=(const TcpPath&) = delete;

    Ptr<Node> Sender() const
    {
        return m_nodes.Get(0);
    }

    Ptr<Node> Receiver() const
    {
        return m_nodes.Get(3);
    }

    void InstallFactories()
    {
        PathMtuSocketFactory::Install(Sender());
        PathMtuSocketFactory::Install(Receiver());
    }

    /// Of host 3.
    static Address Destination(bool v6 = false)
    {
        return v6 ? Address(Inet6SocketAddress("fd00:db8:3::2", kPort))
                  : Address(InetSocketAddress("10.0.3.2", kPort));
    }

    std::array<NetDeviceContainer, 3> links;
    std::array<Ptr<PathMtuRouting>, 2> routing;
    std::vector<uint32_t> sizes; ///< of packets with data that reach host 3, octets of IP
    uint32_t fragments{0};       ///< that reach it
    uint32_t dontFragment{0};    ///< packets of IPv4 that reach it with the bit
    std::vector<uint16_t> mss;   ///< of SYNs that reach it

  private:
    void SeeFrame(Ptr<const Packet> frame)
    {
        constexpr uint32_t kPpp = 2;
        ipseclab::Bytes octets(frame->GetSize());
        frame->CopyData(octets.data(), frame->GetSize());
        octets.erase(octets.begin(), octets.begin() + kPpp);
        wire::IpView view;
        if (!wire::ParseIp(octets, view))
        {
            return;
        }
        fragments += view.isFragment;
        dontFragment += !view.v6 && view.DontFragment();
        constexpr size_t kLongestEmpty = 80; // an acknowledgment or a SYN with all its options
        if (view.totalLength > kLongestEmpty)
        {
            sizes.push_back(static_cast<uint32_t>(view.totalLength));
        }
        if (const auto announced = wire::ReadMss(view))
        {
            mss.push_back(*announced);
        }
    }

    NodeContainer m_nodes;
};

uint32_t
CountOf(const std::vector<uint32_t>& sizes, uint32_t size)
{
    return static_cast<uint32_t>(std::count(sizes.begin(), sizes.end(), size));
}

/// What ns-3 itself does: DF clear, no MSS, reports without effect; over IPv6 the host cuts.
class StockCase : public TestCase
{
  public:
    StockCase()
        : TestCase("stock ns-3: TCP and UDP without DF and MSS, and deaf to reports")
    {
    }

  private:
    static constexpr uint32_t kOctets = 144800; ///< 100 segments

    void DoRun() override
    {
        TryIpv4();
        TryIpv6();
        TryDontFragment();
        TryUdp();
    }

    void TryIpv4()
    {
        TcpPath path(900);
        TcpSink sink(path.Receiver(), TcpSocketFactory::GetTypeId(), Any(false));
        SendOver(path.Sender(),
                 TcpSocketFactory::GetTypeId(),
                 TcpPath::Destination(),
                 kOctets,
                 Seconds(1));
        Run(Seconds(30));
        NS_TEST_EXPECT_MSG_EQ(sink.octets, kOctets, "delivered");
        NS_TEST_EXPECT_MSG_EQ(path.dontFragment, 0, "no DF");
        NS_TEST_EXPECT_MSG_EQ(path.routing[0]->GetTooLarge(), 0, "so nothing is too large");
        NS_TEST_EXPECT_MSG_EQ(path.fragments, 200, "each segment of 1500 in 900 and 620");
        NS_TEST_EXPECT_MSG_EQ(path.mss.size(), 0, "no MSS");
    }

    void TryIpv6()
    {
        TcpPath path(1280);
        TcpSink sink(path.Receiver(), TcpSocketFactory::GetTypeId(), Any(true));
        SendOver(path.Sender(),
                 TcpSocketFactory::GetTypeId(),
                 TcpPath::Destination(true),
                 kOctets,
                 Seconds(3));
        Run(Seconds(60));
        NS_TEST_EXPECT_MSG_EQ(sink.octets, kOctets, "delivered");
        NS_TEST_EXPECT_MSG_EQ(path.fragments % 2, 0, "in pairs");
        NS_TEST_EXPECT_MSG_GT(path.fragments, 0, "after the report the host cuts each segment");
    }

    /// With DF, sockets of ns-3 never get over a link that is too narrow.
    void TryDontFragment()
    {
        TcpPath path(900);
        path.InstallFactories();
        TcpSink sink(path.Receiver(), TcpSocketFactory::GetTypeId(), Any(false));
        SendOver(path.Sender(),
                 TcpSocketFactory::GetTypeId(),
                 TcpPath::Destination(),
                 kOctets,
                 Seconds(1));
        Run(Seconds(60));
        NS_TEST_EXPECT_MSG_EQ(sink.octets, 0, "nothing gets through");
        NS_TEST_EXPECT_MSG_GT(path.routing[0]->GetReported(), 10, "though all is reported");
        NS_TEST_ASSERT_MSG_EQ(path.mss.empty(), false, "the SYN arrives");
        NS_TEST_EXPECT_MSG_EQ(path.mss[0], 1460, "with the MSS of the link");
    }

    void TryUdp()
    {
        for (const bool factory : {false, true})
        {
            TcpPath path(900);
            if (factory)
            {
                path.InstallFactories();
            }
            m_told.clear();
            const auto socket = Socket::CreateSocket(path.Sender(), UdpSocketFactory::GetTypeId());
            socket->SetAttribute("MtuDiscover", BooleanValue(true));
            socket->SetAttribute("IcmpCallback",
                                 CallbackValue(MakeCallback(&StockCase::NoteReport, this)));
            for (const uint32_t octets : {900U, 901U, 1501U})
            {
                Simulator::Schedule(
                    Seconds(1),
                    [socket, octets]
                    { socket->SendTo(Create<Packet>(octets - 28), 0, TcpPath::Destination()); });
            }
            Run(Seconds(2));
            NS_TEST_EXPECT_MSG_EQ(path.dontFragment, factory, "DF only with the factory");
            NS_TEST_EXPECT_MSG_EQ(path.fragments,
                                  (factory ? 0 : 5),
                                  "else two of 901, three of 1501");
            const std::vector<uint32_t> told(factory ? 1 : 0, 900);
            NS_TEST_EXPECT_MSG_EQ((m_told == told), true, "and a report");
            if (factory)
            {
                const auto host = path.Sender()->GetObject<PathMtuSocketFactory>();
                NS_TEST_EXPECT_MSG_EQ(host->GetTooLong(), 1, "longer than its own link");
            }
        }
    }

    void NoteReport(Ipv4Address, uint8_t, uint8_t type, uint8_t code, uint32_t mtu)
    {
        if (type == 3 && code == 4)
        {
            m_told.push_back(mtu);
        }
    }

    static Address Any(bool v6)
    {
        return v6 ? Address(Inet6SocketAddress(Ipv6Address::GetAny(), kPort))
                  : Address(InetSocketAddress(Ipv4Address::GetAny(), kPort));
    }

    static void Run(Time until)
    {
        Simulator::Stop(until);
        Simulator::Run();
    }

    std::vector<uint32_t> m_told;
};

/// Of one connection over a path.
class DiscoveryCase : public TestCase
{
  public:
    using TestCase::TestCase;

  protected:
    struct Result
    {
        uint64_t octets;
        Time took;
        double rate; ///< bit/s of data while the second half came
        uint32_t pathMtu;
        PathMtuTcpSocket::Counters counters;
        std::vector<uint32_t> sizes;
        uint32_t fragments;
        uint64_t tooLarge;
    };

    struct Options
    {
        uint16_t narrow;
        uint32_t octets;
        bool v6{false};
        bool filter{false};
        bool probing{false};
        Time lifetime{Minutes(10)};
        Time until{Seconds(120)};
        TypeId receiver{PathMtuSocketFactory::GetTypeId()};
        std::function<void(TcpPath&)> prepare{[](TcpPath&) {}};
        std::function<void(Ptr<PathMtuTcpSocket>)> watch{[](Ptr<PathMtuTcpSocket>) {}};
    };

    static double SecondHalf(const TcpSink& sink)
    {
        const auto half = sink.arrivals.lower_bound(sink.octets / 2);
        return half == sink.arrivals.end() || half->second == sink.last
                 ? 0
                 : 8 * (sink.octets - half->first) / (sink.last - half->second).GetSeconds();
    }

    static Result Transfer(const Options& options)
    {
        const Time start = Seconds(3); // duplicate address detection takes a second
        TcpPath path(options.narrow);
        PathMtuSocketFactory::Install(path.Sender());
        if (options.receiver == PathMtuSocketFactory::GetTypeId())
        {
            PathMtuSocketFactory::Install(path.Receiver());
        }
        path.routing[0]->SetAttribute("FilterProbability", DoubleValue(options.filter ? 1 : 0));
        options.prepare(path);
        TcpSink sink(path.Receiver(),
                     options.receiver,
                     options.v6 ? Address(Inet6SocketAddress(Ipv6Address::GetAny(), kPort))
                                : Address(InetSocketAddress(Ipv4Address::GetAny(), kPort)));
        const auto socket =
            DynamicCast<PathMtuTcpSocket>(SendOver(path.Sender(),
                                                   PathMtuSocketFactory::GetTypeId(),
                                                   TcpPath::Destination(options.v6),
                                                   options.octets,
                                                   start));
        socket->SetAttribute("Probing", BooleanValue(options.probing));
        socket->SetAttribute("PathMtuLifetime", TimeValue(options.lifetime));
        options.watch(socket);
        Simulator::Stop(options.until);
        Simulator::Run();
        return {sink.octets,
                sink.last - start,
                SecondHalf(sink),
                socket->GetPathMtu(),
                socket->GetCounters(),
                path.sizes,
                path.fragments,
                path.routing[0]->GetTooLarge()};
    }
};

/// The link's MTU comes back as a report, and the segments are cut anew.
class ReportCase : public DiscoveryCase
{
  public:
    ReportCase()
        : DiscoveryCase("TCP lowers its segments by reports, and sends anew at once")
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint32_t kData = 848; // 900 - 40 - 12 of timestamps
        constexpr uint32_t kOctets = 100 * kData;
        const Result result = Transfer({900, kOctets});
        NS_TEST_EXPECT_MSG_EQ(result.octets, kOctets, "delivered");
        NS_TEST_EXPECT_MSG_EQ(result.pathMtu, 900, "path MTU");
        NS_TEST_EXPECT_MSG_EQ(result.counters.reports, 1, "the first report is what lowers it");
        NS_TEST_EXPECT_MSG_EQ(result.counters.ignored, 9, "the initial window was ten segments");
        NS_TEST_EXPECT_MSG_EQ(result.tooLarge, 10, "and no other packet was too large");
        // The ten segments of 1448 are 17 of 848 and one of 64, the rest 82 and one of 784.
        NS_TEST_EXPECT_MSG_EQ(CountOf(result.sizes, 900), 99, "of full size");
        NS_TEST_EXPECT_MSG_EQ(CountOf(result.sizes, 116), 1, "the rest of the first window");
        NS_TEST_EXPECT_MSG_EQ(CountOf(result.sizes, 836), 1, "the end");
        NS_TEST_EXPECT_MSG_EQ(result.sizes.size(), 101, "each once");
        NS_TEST_EXPECT_MSG_LT(result.took, Seconds(0.2), "no timeout, which is a second");

        const Result v6 = Transfer({1280, 100 * 1208, true}); // 1280 - 60 - 12
        NS_TEST_EXPECT_MSG_EQ(v6.octets, 100 * 1208, "delivered over IPv6");
        NS_TEST_EXPECT_MSG_EQ(v6.pathMtu, 1280, "path MTU of IPv6");
        NS_TEST_EXPECT_MSG_EQ(v6.fragments, 0, "no fragments");
        NS_TEST_EXPECT_MSG_EQ(*std::max_element(v6.sizes.begin(), v6.sizes.end()), 1280, "");
        NS_TEST_EXPECT_MSG_LT(v6.took, Seconds(0.2), "no timeout");
    }
};

/// What headers cost at the narrow link, whose 100 Mbit/s are the bottleneck.
class GoodputCase : public DiscoveryCase
{
  public:
    GoodputCase()
        : DiscoveryCase("goodput of TCP by the size of its segments")
    {
    }

  private:
    void DoRun() override
    {
        // 52 octets of headers in each packet, and 2 of PPP.
        ExpectGoodput(1500, 1448.0 / 1502);
        ExpectGoodput(576, 524.0 / 578);
    }

    /// \param share of the link's rate that data have when it is never idle
    void ExpectGoodput(uint16_t narrow, double share)
    {
        constexpr double kRate = 100e6;
        const Result result = Transfer({narrow, 4000000});
        NS_TEST_EXPECT_MSG_EQ_TOL(result.rate / kRate, share, 0.001 * share, "of " << narrow);
    }
};

/// What needs no report.
class MssCase : public DiscoveryCase
{
  public:
    MssCase()
        : DiscoveryCase("TCP heeds the MSS of the peer, and 536 where there is none")
    {
    }

  private:
    void DoRun() override
    {
        const Result fits = Transfer({1500, 144800});
        NS_TEST_EXPECT_MSG_EQ(CountOf(fits.sizes, 1500), 100, "what the link takes");

        Options narrowEnd{1500, 84800};
        narrowEnd.prepare = [](TcpPath& path)
        {
            path.links[2].Get(0)->SetMtu(900);
            path.links[2].Get(1)->SetMtu(900);
        };
        const Result end = Transfer(narrowEnd);
        NS_TEST_EXPECT_MSG_EQ(CountOf(end.sizes, 900), 100, "what the peer's link takes");
        NS_TEST_EXPECT_MSG_EQ(end.counters.reports + end.counters.ignored, 0, "by its MSS");

        Options stock{1500, 52400};
        stock.receiver = TcpSocketFactory::GetTypeId();
        const Result none = Transfer(stock); // 576 - 40 - 12
        NS_TEST_EXPECT_MSG_EQ(CountOf(none.sizes, 576), 100, "a peer of ns-3 announces none");
    }
};

/// No report comes: PMTUD alone stalls, probing finds what passes.
class BlackHoleCase : public DiscoveryCase
{
  public:
    BlackHoleCase()
        : DiscoveryCase("in a black hole TCP stalls, and with probing it goes on")
    {
    }

  private:
    void DoRun() override
    {
        Options options{1200, 1000000};
        options.filter = true;
        const Result stalled = Transfer(options);
        NS_TEST_EXPECT_MSG_EQ(stalled.octets, 0, "without reports and probing");
        NS_TEST_EXPECT_MSG_EQ(stalled.pathMtu, 1500, "nothing learnt");

        options.probing = true;
        options.watch = [this](Ptr<PathMtuTcpSocket> socket)
        {
            socket->TraceConnectWithoutContext("CongestionWindow",
                                               MakeCallback(&BlackHoleCase::NoteWindow, this));
        };
        const Result found = Transfer(options);
        NS_TEST_EXPECT_MSG_EQ(found.octets, options.octets, "with probing");
        NS_TEST_EXPECT_MSG_EQ(found.counters.blackHoles, 1, "two timeouts of 1500, then 1024");
        // Halfway between what passes and what does not: 1262, 1143, 1202, 1172, 1187, 1194.
        NS_TEST_EXPECT_MSG_EQ(found.counters.probes, 6, "probes");
        NS_TEST_EXPECT_MSG_EQ(found.counters.probesLost, 2, "1262 and 1202");
        NS_TEST_EXPECT_MSG_EQ(found.pathMtu, 1194, "1202 is known not to pass");
        NS_TEST_EXPECT_MSG_LT(found.took, Seconds(10), "timeouts of 1 and 2 seconds, and data");

        NS_TEST_EXPECT_MSG_GT(m_window, 5 * 972, "lost probes have not halved the window");

        options.narrow = 600;
        const Result small = Transfer(options);
        NS_TEST_EXPECT_MSG_EQ(small.octets, options.octets, "also below the base");
        NS_TEST_EXPECT_MSG_EQ(small.counters.blackHoles, 2, "1500, 1024, then 512");
        NS_TEST_EXPECT_MSG_LT(small.pathMtu, 601, "path MTU");
        NS_TEST_EXPECT_MSG_GT(small.pathMtu, 600 - 8, "path MTU");
    }

    void NoteWindow(uint32_t, uint32_t window)
    {
        m_window = window;
    }

    uint32_t m_window{0}; ///< for congestion, octets
};

/// After a while larger packets are tried again.
class AgeingCase : public DiscoveryCase
{
  public:
    AgeingCase()
        : DiscoveryCase("a path MTU of TCP ages")
    {
    }

  private:
    void DoRun() override
    {
        Options options{900, 4000000};
        options.lifetime = MilliSeconds(100);
        const Result result = Transfer(options);
        NS_TEST_EXPECT_MSG_EQ(result.octets, options.octets, "delivered");
        NS_TEST_EXPECT_MSG_GT(result.counters.reports, 2, "learnt anew");
        NS_TEST_EXPECT_MSG_EQ(result.pathMtu, 900, "path MTU");
        // Learnt once in each lifetime.
        const auto lifetimes =
            static_cast<uint64_t>(result.took.GetSeconds() / options.lifetime.GetSeconds());
        NS_TEST_EXPECT_MSG_LT(result.counters.reports, lifetimes + 2, "not more often");
    }
};

/// Reports that a router would not send, or only an old one.
class ForgedReportCase : public DiscoveryCase
{
  public:
    ForgedReportCase()
        : DiscoveryCase("reports of TCP: old routers, the floor, and what is implausible")
    {
    }

  private:
    void DoRun() override
    {
        ExpectAfter({0}, 1492, 1, "a router that says no MTU: the next plateau");
        ExpectAfter({0, 0, 0}, 1492, 1, "others on the way were as long");
        // In the third round of slow start more than 30 segments are on the way, and less than 40.
        ExpectAfter(std::vector<uint32_t>(31, 0), 1492, 1, "as many reports may be about them");
        ExpectAfter(std::vector<uint32_t>(40, 0), 1006, 2, "and then the next plateau");
        ExpectAfter({40}, 68, 1, "the floor");
        ExpectAfter({1500, 9000}, 1500, 0, "not smaller");
        ExpectAfter({1400, 1450}, 1400, 1, "nor raised");
    }

    void ExpectAfter(const std::vector<uint32_t>& told,
                     uint32_t pathMtu,
                     uint64_t reports,
                     const char* what)
    {
        Options options{1500, 100000};
        options.watch = [&told](Ptr<PathMtuTcpSocket> socket)
        { Simulator::Schedule(Seconds(3.02), &ForgedReportCase::Tell, socket, told); };
        options.until = Seconds(20);
        const Result result = Transfer(options);
        NS_TEST_EXPECT_MSG_EQ(result.pathMtu, pathMtu, what);
        NS_TEST_EXPECT_MSG_EQ(result.counters.reports, reports, what);
        NS_TEST_EXPECT_MSG_EQ(result.counters.ignored, told.size() - reports, what);
        NS_TEST_EXPECT_MSG_EQ(result.octets, options.octets, what);
    }

    static void Tell(Ptr<PathMtuTcpSocket> socket, const std::vector<uint32_t>& told)
    {
        Address own;
        socket->GetSockName(own);
        const auto local = InetSocketAddress::ConvertFrom(own);
        uint8_t quoted[8] = {};
        ipseclab::StoreBe16(quoted, local.GetPort());
        ipseclab::StoreBe16(quoted + 2, kPort);
        for (const uint32_t mtu : told)
        {
            socket->GetNode()
                ->GetObject<TcpL4Protocol>()
                ->ReceiveIcmp("10.0.1.2", 64, 3, 4, mtu, local.GetIpv4(), "10.0.3.2", quoted);
        }
    }
};

class PathMtuTcpTestSuite : public TestSuite
{
  public:
    PathMtuTcpTestSuite()
        : TestSuite("ipsec-path-mtu-tcp", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new StockCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ReportCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new GoodputCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new MssCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new BlackHoleCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new AgeingCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ForgedReportCase, compat::TestNames<TestCase>::kQuick);
    }
};

const PathMtuTcpTestSuite g_pathMtuTcpTestSuite;

} // namespace
