/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "sized-chain.h"

#include "model/wire/tcp-mss.h"

#include "ns3/double.h"
#include "ns3/path-mtu-socket-factory.h"
#include "ns3/path-mtu-tcp-socket.h"
#include "ns3/test.h"

#include <algorithm>
#include <functional>

using namespace ns3;
namespace wire = ipseclab::wire;
using ipseclab::Bytes;
using ipseclab::esp::DropReason;

namespace
{

using Sizes = std::vector<uint32_t>;

/// 1446 octets are what AES-GCM in IPv4 leaves of 1500 (as Linux has it, and its ICMP).
class PathMtuPolicyCase : public TestCase
{
  public:
    PathMtuPolicyCase()
        : TestCase("packets that do not fit: dropped, cut before or after ESP, reported with DF")
    {
    }

  private:
    void DoRun() override
    {
        Try("Drop", {1446}, {1500, 1500});
        Try("BeforeEsp", {1446, 1444, 76}, {1500, 1500, 1500, 1500, 132, 132});
        Try("AfterEsp", {1446, 1500}, {1500, 1500, 1500, 1500, 76, 76});
    }

    /// \param espSizes of ESP packets and fragments on two links, in no order
    void Try(const std::string& policy, const Sizes& arrived, Sizes espSizes)
    {
        SizedChain sized(policy);
        sized.Send(Seconds(1), 1446, true);
        sized.Send(Seconds(2), 1447, true);
        sized.Send(Seconds(3), 1500, false);
        sized.chain.Run(Seconds(4));
        std::sort(sized.espSizes.begin(), sized.espSizes.end());
        std::sort(espSizes.begin(), espSizes.end());
        NS_TEST_EXPECT_MSG_EQ((sized.arrived == arrived), true, policy << ": arrived");
        NS_TEST_EXPECT_MSG_EQ((sized.reported == Sizes{1446}), true, policy << ": told of DF");
        NS_TEST_EXPECT_MSG_EQ((sized.espSizes == espSizes), true, policy << ": sizes");
        NS_TEST_EXPECT_MSG_EQ(sized.TooBig(), (policy == "Drop" ? 2 : 1), policy << ": dropped");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().cutBeforeEsp, (policy == "BeforeEsp"), policy);
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().cutAfterEsp, (policy == "AfterEsp"), policy);
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, policy << ": every packet has one end");
    }
};

/// The router behind gateway A says 1400: Linux, too, then tells sources 1346.
class LearningCase : public TestCase
{
  public:
    LearningCase()
        : TestCase("a path MTU is learnt from ICMP, told to the source, and ages")
    {
    }

  private:
    void DoRun() override
    {
        SizedChain sized("Drop");
        sized.chain.a->GetPathMtu()->SetAttribute("Lifetime", TimeValue(Seconds(10)));
        sized.Narrow(1400);
        sized.Send(Seconds(1), 1446, true);  // the router drops it and reports 1400
        sized.Send(Seconds(2), 1446, true);  // the source is told 1346
        sized.Send(Seconds(3), 1347, true);  // again
        sized.Send(Seconds(4), 1346, true);  // fits
        sized.Send(Seconds(12), 1446, true); // forgotten: the router reports once more
        sized.Send(Seconds(13), 1446, true);
        sized.chain.Run(Seconds(14));
        NS_TEST_EXPECT_MSG_EQ((sized.arrived == Sizes{1346}), true, "what fits arrives");
        NS_TEST_EXPECT_MSG_EQ((sized.reported == Sizes{1346, 1346, 1346}), true, "told");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().learnt, 2, "and learnt anew after ageing");
        NS_TEST_EXPECT_MSG_EQ(sized.TooBig(), 3, "by gateway A");
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
    }
};

/// With the path MTU known, what has no DF is cut to it, and the receiver joins it.
class LearntCutCase : public TestCase
{
  public:
    LearntCutCase()
        : TestCase("packets are cut to the path MTU that was learnt")
    {
    }

  private:
    void DoRun() override
    {
        for (const char* policy : {"BeforeEsp", "AfterEsp"})
        {
            SizedChain sized(policy);
            sized.Narrow(1400);
            sized.Send(Seconds(1), 1446, true);
            sized.Send(Seconds(2), 1446, false);
            sized.chain.Run(Seconds(3));
            const Sizes arrived =
                policy == std::string("AfterEsp") ? Sizes{1446} : Sizes{1340, 126};
            NS_TEST_EXPECT_MSG_EQ((sized.arrived == arrived), true, policy);
            const uint32_t largest =
                *std::max_element(sized.espSizes.begin() + 1, sized.espSizes.end());
            NS_TEST_EXPECT_MSG_EQ((largest <= 1400), true, policy << ": " << largest);
            NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, policy);
        }
    }
};

/// Who does not know the SPI changes nothing, and nobody gets below the floor.
class ForgedReportCase : public TestCase
{
  public:
    ForgedReportCase()
        : TestCase("forged reports are ignored, and none gets below the floor")
    {
    }

  private:
    void DoRun() override
    {
        SizedChain sized("Drop");
        sized.Send(Seconds(1), 1400, true);
        Simulator::Schedule(Seconds(2), &SizedChain::InjectReport, &sized, 600, 1);
        Simulator::Schedule(Seconds(3), &SizedChain::InjectReport, &sized, 1456, 0);
        Simulator::Schedule(Seconds(4), &SizedChain::InjectReport, &sized, 0, 0);
        sized.Send(Seconds(5), 1400, true);
        Simulator::Schedule(Seconds(6), &SizedChain::InjectReport, &sized, 68, 0);
        Simulator::Schedule(Seconds(7), &SizedChain::InjectReport, &sized, 1000, 0);
        sized.Send(Seconds(8), 522, true);
        sized.Send(Seconds(9), 523, true);
        sized.chain.Run(Seconds(10));
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().foreign, 1, "another SPI");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().implausible, 3, "not smaller, 0, and a raise");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().belowFloor, 1, "68");
        NS_TEST_EXPECT_MSG_EQ((sized.arrived == Sizes{1400, 1400, 522}), true, "576 - 54");
        NS_TEST_EXPECT_MSG_EQ((sized.reported == Sizes{522}), true, "the floor's inner size");
    }
};

/// Fragments that never become whole stay within the limit; a packet in fragments still passes.
class FloodCase : public TestCase
{
  public:
    FloodCase()
        : TestCase("a flood of fragments: bounded memory, and packets still pass")
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint32_t kMemory = 50000;
        SizedChain sized("AfterEsp");
        sized.chain.b->GetPathMtu()->SetAttribute("ReassemblyMemory", UintegerValue(kMemory));
        for (uint16_t i = 0; i < 1000; ++i)
        {
            Ipv4Header header;
            header.SetSource("203.0.113.7");
            header.SetDestination("10.0.3.2");
            header.SetProtocol(wire::kProtocolEsp);
            header.SetIdentification(i);
            header.SetMoreFragments();
            sized.chain.Inject(Seconds(1) + MilliSeconds(i),
                               header,
                               Create<Packet>(i < 900 ? 800 : 16));
        }
        for (uint16_t i = 0; i < 10; ++i)
        {
            sized.Send(Seconds(1) + MilliSeconds(100 * i), static_cast<uint16_t>(1460 + i), false);
        }
        sized.chain.Run(Seconds(3));
        const wire::Reassembler& reassembler = sized.chain.b->GetPathMtu()->GetReassembler();
        const auto& counters = reassembler.GetCounters();
        NS_TEST_EXPECT_MSG_EQ(sized.arrived.size(), 10, "every packet");
        NS_TEST_EXPECT_MSG_EQ((reassembler.Memory() <= kMemory), true, "bounded");
        NS_TEST_EXPECT_MSG_EQ(counters.evicted + reassembler.Unfinished(), 900, "of the flood");
        NS_TEST_EXPECT_MSG_EQ(counters[wire::FragmentVerdict::Tiny], 100, "refused");
        NS_TEST_EXPECT_MSG_EQ(sized.chain.b->GetCounters().inboundDrops[DropReason::Fragment],
                              100,
                              "and counted");
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
    }
};

/**
 * 250 packets that fit and 250 that are sent in two fragments, over a second, while somebody does
 * his worst 1000 times. Who cannot guess identifications takes nothing away; who can, fragments.
 */
class AttackCase : public TestCase
{
  public:
    AttackCase()
        : TestCase("attacks with reports and fragments: counted, bounded, and goodput stays")
    {
    }

  private:
    static constexpr uint32_t kMemory = 50000;
    static constexpr uint16_t kAttacks = 1000;
    static constexpr uint32_t kEach = 250;
    static constexpr uint16_t kFarIdentification = 30000; ///< not in use by gateway A

    struct Result
    {
        int64_t whole;     ///< of the packets that fit
        int64_t fragments; ///< of the others
        size_t memory;     ///< the most at any time
        wire::Reassembler::Counters counters;
        size_t unfinished;
        IpsecPathMtu::Counters reports;
    };

    using Attack = std::function<void(SizedChain&, Time, uint16_t)>;

    void DoRun() override
    {
        using Verdict = wire::FragmentVerdict;
        const Result quiet = Try([](SizedChain&, Time, uint16_t) {});
        ExpectGoodput(quiet, "no attack");
        NS_TEST_EXPECT_MSG_EQ(quiet.counters[Verdict::Complete], kEach, "two fragments each");

        const Result foreign = Try(ForgeReport(1));
        ExpectGoodput(foreign, "reports with another SPI");
        NS_TEST_EXPECT_MSG_EQ(foreign.reports.foreign, kAttacks, "all known for that");
        NS_TEST_EXPECT_MSG_EQ(foreign.reports.learnt, 0, "nothing learnt");

        const Result floor = Try(ForgeReport(0));
        ExpectGoodput(floor, "reports below the floor: more fragments");
        NS_TEST_EXPECT_MSG_EQ(floor.reports.belowFloor, 1, "the floor is learnt once");
        NS_TEST_EXPECT_MSG_EQ(floor.reports.implausible, kAttacks - 1, "the others say no less");

        const Result tiny = Try(ForgeFragment(0, 16));
        ExpectGoodput(tiny, "tiny fragments");
        NS_TEST_EXPECT_MSG_EQ(tiny.counters[Verdict::Tiny], kAttacks, "refused");

        const Result overlap = Try(
            [](SizedChain& sized, Time at, uint16_t number)
            {
                ForgeFragment(0, 800)(sized, at, number);
                ForgeFragment(400, 800)(sized, at + MicroSeconds(20), number);
            });
        ExpectGoodput(overlap, "overlapping fragments");
        NS_TEST_EXPECT_MSG_EQ(overlap.counters[Verdict::Conflict], kAttacks, "told apart");

        for (const uint16_t octets : {48, 1400})
        {
            const Result flood = Try(ForgeFragment(0, octets));
            ExpectGoodput(flood, "a flood of fragments");
            NS_TEST_EXPECT_MSG_EQ(flood.counters.evicted + flood.unfinished, kAttacks, "held");
        }

        const Result guessed = Try(ForgeFragment(0, 1400, 1));
        NS_TEST_EXPECT_MSG_EQ(guessed.whole, kEach, "what is not cut does not care");
        NS_TEST_EXPECT_MSG_EQ((guessed.memory <= kMemory), true, "bounded");
        NS_TEST_EXPECT_MSG_EQ(
            (guessed.counters[Verdict::Conflict] + guessed.counters[Verdict::Duplicate] >=
             static_cast<uint64_t>(kEach - guessed.fragments)),
            true,
            "each loss is seen");
    }

    void ExpectGoodput(const Result& result, const char* what)
    {
        NS_TEST_EXPECT_MSG_EQ(result.whole, kEach, what);
        NS_TEST_EXPECT_MSG_EQ(result.fragments, kEach, what);
        NS_TEST_EXPECT_MSG_EQ((result.memory <= kMemory), true, what);
    }

    /// A report of 68 octets to gateway A.
    static Attack ForgeReport(uint32_t spiChange)
    {
        return [spiChange](SizedChain& sized, Time at, uint16_t)
        { Simulator::Schedule(at, &SizedChain::InjectReport, &sized, 68, spiChange); };
    }

    /// A fragment to gateway B as if from gateway A, of a packet that has more of them.
    static Attack ForgeFragment(uint16_t offset,
                                uint16_t octets,
                                uint16_t identification = kFarIdentification)
    {
        return [=](SizedChain& sized, Time at, uint16_t number)
        {
            Ipv4Header header;
            header.SetSource("10.0.2.1");
            header.SetDestination("10.0.3.2");
            header.SetProtocol(wire::kProtocolEsp);
            header.SetIdentification(static_cast<uint16_t>(identification + number));
            header.SetFragmentOffset(offset);
            header.SetMoreFragments();
            sized.chain.Inject(at, header, Create<Packet>(octets));
        };
    }

    Result Try(const Attack& attack)
    {
        SizedChain sized("AfterEsp");
        const Ptr<IpsecPathMtu> sizes = sized.chain.b->GetPathMtu();
        sizes->SetAttribute("ReassemblyMemory", UintegerValue(kMemory));
        size_t memory = 0;
        for (uint16_t i = 0; i < kEach; ++i)
        {
            sized.Send(Seconds(1) + MilliSeconds(4 * i), 1400, false);
            sized.Send(Seconds(1) + MilliSeconds(4 * i + 2), 1480, false);
        }
        for (uint16_t i = 0; i < kAttacks; ++i)
        {
            const Time at = Seconds(1) + MilliSeconds(i) + MicroSeconds(500);
            attack(sized, at, i);
            Simulator::Schedule(at + MicroSeconds(100),
                                [&memory, sizes]
                                { memory = std::max(memory, sizes->GetReassembler().Memory()); });
        }
        sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
        const auto arrived = [&sized](uint32_t octets)
        { return std::count(sized.arrived.begin(), sized.arrived.end(), octets); };
        const wire::Reassembler& reassembler = sizes->GetReassembler();
        return {arrived(1400),
                arrived(1480),
                memory,
                reassembler.GetCounters(),
                reassembler.Unfinished(),
                sized.CountersOfA()};
    }
};

/// SYNs with an MSS of 1460 octets through the tunnel, both ways; gateway A alone clamps.
class ClampCase : public TestCase
{
  public:
    ClampCase()
        : TestCase("the MSS of SYNs is lowered to what the tunnel takes")
    {
    }

  private:
    void DoRun() override
    {
        Try(false, 65535, 0, 1460);
        Try(true, 65535, 0, 1406);    // 1446 - 40
        Try(true, 1360, 0, 1360);     // as configured
        Try(true, 65535, 1400, 1306); // 1346 - 40
        Try(true, 65535, 68, 482);    // the floor: 576 - 54 - 40
    }

    /// \param reported of the path before, octets; 0: nothing \param mss that arrives
    void Try(bool clamp, uint16_t limit, uint16_t reported, uint16_t mss)
    {
        SizedChain sized("Drop");
        const Ptr<IpsecPathMtu> sizes = sized.chain.a->GetPathMtu();
        sizes->SetAttribute("ClampMss", BooleanValue(clamp));
        sizes->SetAttribute("MssLimit", UintegerValue(limit));
        sized.Send(Seconds(1), 1446, true);
        if (reported > 0)
        {
            Simulator::Schedule(Seconds(2), &SizedChain::InjectReport, &sized, reported, 0);
        }
        Simulator::Schedule(Seconds(3), &ClampCase::SendSyn, &sized, true, 1460);
        Simulator::Schedule(Seconds(4), &ClampCase::SendSyn, &sized, false, 1460);
        Simulator::Schedule(Seconds(5), &ClampCase::SendSyn, &sized, true, 400);
        sized.chain.Run(Seconds(6));
        const std::vector<uint16_t> expected{mss, mss, 400};
        NS_TEST_EXPECT_MSG_EQ((Arrived(sized.chain) == expected), true, "MSS " << mss);
        const uint64_t clamped = mss < 1460;
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().clampedSent, clamped, "sent");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().clampedOpened, clamped, "opened");
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
    }

    static void SendSyn(SizedChain* sized, bool fromA, uint16_t mss)
    {
        Bytes syn(44);
        wire::Ipv4HeaderFields fields;
        fields.totalLength = 44;
        fields.protocol = wire::kProtocolTcp;
        fields.source = fromA ? 0x0a000101 : 0x0a000402;
        fields.destination = fromA ? 0x0a000402 : 0x0a000101;
        wire::WriteIpv4Header(syn.data(), fields);
        const uint8_t tcp[] = {0x60, 0x02, 0xff, 0xff, 0, 0, 0, 0, 2, 4};
        ipseclab::StoreBe32(&syn[20], 50000 << 16 | 50001);
        std::copy(std::begin(tcp), std::end(tcp), &syn[32]);
        ipseclab::StoreBe16(&syn[42], mss);
        const auto packet = Create<Packet>(syn.data(), static_cast<uint32_t>(syn.size()));
        const auto device = sized->chain.links[fromA ? 0 : 3].Get(fromA ? 0 : 1);
        device->Send(packet, device->GetBroadcast(), 0x0800);
    }

    /// In the SYNs that the hosts got.
    static std::vector<uint16_t> Arrived(const TunnelChain& chain)
    {
        std::vector<uint16_t> arrived;
        for (const Bytes& packet : chain.deliveredPackets)
        {
            wire::IpView view;
            if (wire::ParseIp(packet, view))
            {
                if (const auto mss = wire::ReadMss(view))
                {
                    arrived.push_back(*mss);
                }
            }
        }
        return arrived;
    }
};

/// A firewall between gateway A and the router that lets no fragments and no reports through.
class MiddleboxCase : public TestCase
{
  public:
    MiddleboxCase()
        : TestCase("a link that loses fragments or reports, and what gets over it")
    {
    }

  private:
    static constexpr int kPackets = 100;

    void DoRun() override
    {
        TryFragments("AfterEsp", 1, {1446});
        TryFragments("BeforeEsp", 1, {1446, 1444, 23});
        TryFragments("AfterEsp", 0, {1446, 1447});
        TrySomeFragments();
        TryReports(0, {1346});
        TryReports(1, {});
    }

    /// 1446 octets fit into one ESP packet, 1447 need two fragments.
    void TryFragments(const std::string& policy, double loss, const Sizes& arrived)
    {
        SizedChain sized(policy);
        sized.chain.Waves()->SetAttribute("FragmentLoss", DoubleValue(loss));
        sized.Send(Seconds(1), 1446, false);
        sized.Send(Seconds(2), 1447, false);
        sized.chain.Run(Seconds(3));
        const bool lost = policy == "AfterEsp" && loss > 0;
        NS_TEST_EXPECT_MSG_EQ((sized.arrived == arrived), true, policy << " arrived");
        NS_TEST_EXPECT_MSG_EQ(sized.chain.Waves()->GetFragmentsLost(), (lost ? 1 : 0), policy);
        NS_TEST_EXPECT_MSG_EQ(sized.chain.Waves()->GetLost(), (lost ? 1 : 0), "no other");
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
    }

    /// Each second fragment by itself: of pairs, about 70 % stay whole, within four standard
    /// deviations.
    void TrySomeFragments()
    {
        SizedChain sized("AfterEsp");
        sized.chain.Waves()->SetAttribute("FragmentLoss", DoubleValue(0.3));
        for (int i = 0; i < kPackets; ++i)
        {
            sized.Send(Seconds(1) + MilliSeconds(i), 1500, false);
        }
        sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ_TOL(static_cast<int>(sized.arrived.size()), 70, 18, "whole");
        const uint64_t lost = sized.chain.Waves()->GetFragmentsLost();
        NS_TEST_EXPECT_MSG_EQ_TOL(static_cast<int>(lost), 30, 18, "of 100 second fragments");
        const uint64_t unfinished = sized.chain.b->GetPathMtu()->GetReassembler().Unfinished();
        NS_TEST_EXPECT_MSG_EQ(2 * sized.arrived.size() + unfinished + lost,
                              2 * kPackets,
                              "each fragment has one end");
    }

    void TryReports(double loss, const Sizes& reported)
    {
        SizedChain sized("Drop");
        sized.chain.Waves()->SetAttribute("ReportLoss", DoubleValue(loss));
        sized.Narrow(1400);
        sized.Send(Seconds(1), 1446, true);
        sized.Send(Seconds(2), 1446, true);
        sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((sized.reported == reported), true, "told host A");
        NS_TEST_EXPECT_MSG_EQ(sized.chain.Waves()->GetReportsLost(), 2 * loss, "lost");
        NS_TEST_EXPECT_MSG_EQ(sized.CountersOfA().learnt, 1 - loss, "learnt by gateway A");
        NS_TEST_EXPECT_MSG_EQ(sized.arrived.size(), 0, "nothing fits");
    }
};

/// TCP from host A to host B through a tunnel that is narrow in the middle.
class TcpCase : public TestCase
{
  public:
    TcpCase()
        : TestCase("TCP through a tunnel: reports, a black hole, probing, clamping")
    {
    }

  private:
    static constexpr uint32_t kOctets = 200000;
    static constexpr uint16_t kTcpPort = 5000;

    struct Options
    {
        bool filter{false};  ///< reports of the router
        bool probing{false}; ///< at the hosts
        bool clamp{false};   ///< at gateway A
        uint16_t mssLimit{65535};
        uint16_t ownMtu{1500}; ///< of gateway A's outside link
    };

    struct Result
    {
        uint64_t octets;
        uint32_t largest;  ///< packet that host B got
        uint64_t tooBig;   ///< packets that gateway A dropped
        uint64_t tooLarge; ///< and the router
        Time took;
    };

    void DoRun() override
    {
        const Result reports = Try({});
        NS_TEST_EXPECT_MSG_EQ(reports.octets, kOctets, "reports: all");
        NS_TEST_EXPECT_MSG_EQ(reports.largest, 1346, "what a path MTU of 1400 leaves inside");
        NS_TEST_EXPECT_MSG_GT(reports.tooLarge, 0, "the router tells gateway A");
        NS_TEST_EXPECT_MSG_GT(reports.tooBig, 0, "which tells host A");

        Options options;
        options.filter = true;
        const Result hole = Try(options);
        NS_TEST_EXPECT_MSG_EQ(hole.octets, 0, "a black hole: nothing");

        options.probing = true;
        const Result probing = Try(options);
        NS_TEST_EXPECT_MSG_EQ(probing.octets, kOctets, "probing: all");
        NS_TEST_EXPECT_MSG_LT(probing.largest, 1347, "never more than fits");
        NS_TEST_EXPECT_MSG_GT(probing.took, Seconds(3), "after timeouts of 1 and 2 seconds");

        options.probing = false;
        options.clamp = true;
        const Result link = Try(options);
        NS_TEST_EXPECT_MSG_EQ(link.octets, 0, "clamped to the gateway's own link: too large");
        options.mssLimit = 1300;
        const Result clamped = Try(options);
        NS_TEST_EXPECT_MSG_EQ(clamped.octets, kOctets, "clamped to what is configured: all");
        NS_TEST_EXPECT_MSG_EQ(clamped.largest, 1340, "1300 and the headers");
        ExpectUnnoticed(clamped);

        options.mssLimit = 65535;
        options.ownMtu = 1400;
        const Result narrow = Try(options);
        NS_TEST_EXPECT_MSG_EQ(narrow.octets, kOctets, "the narrow link is the gateway's: all");
        NS_TEST_EXPECT_MSG_EQ(narrow.largest, 1346, "all that fits");
        ExpectUnnoticed(narrow);
    }

    void ExpectUnnoticed(const Result& result)
    {
        NS_TEST_EXPECT_MSG_EQ(result.tooBig + result.tooLarge, 0, "nothing was ever too large");
        NS_TEST_EXPECT_MSG_LT(result.took, Seconds(1), "and no timeout");
    }

    Result Try(const Options& options)
    {
        const Time start = Seconds(1);
        SizedChain sized("Drop");
        TunnelChain& chain = sized.chain;
        const auto router = sized.Narrow(1400);
        router->SetAttribute("FilterProbability", DoubleValue(options.filter ? 1 : 0));
        chain.links[1].Get(0)->SetMtu(options.ownMtu);
        chain.a->GetPathMtu()->SetAttribute("ClampMss", BooleanValue(options.clamp));
        chain.a->GetPathMtu()->SetAttribute("MssLimit", UintegerValue(options.mssLimit));
        Result result{};
        const auto listener = MakeSocket(chain.nodes.Get(TunnelChain::HostB), options);
        listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), kTcpPort));
        listener->Listen();
        listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(),
                                    Callback<void, Ptr<Socket>, const Address&>(
                                        [&result, start](Ptr<Socket> socket, const Address&)
                                        {
                                            socket->SetRecvCallback(Callback<void, Ptr<Socket>>(
                                                [&result, start](Ptr<Socket> ready)
                                                {
                                                    while (const Ptr<Packet> packet = ready->Recv())
                                                    {
                                                        result.octets += packet->GetSize();
                                                        result.took = Simulator::Now() - start;
                                                    }
                                                }));
                                        }));
        const auto sender = MakeSocket(chain.nodes.Get(TunnelChain::HostA), options);
        Simulator::ScheduleWithContext(sender->GetNode()->GetId(),
                                       start,
                                       [sender]
                                       {
                                           sender->Connect(InetSocketAddress("10.0.4.2", kTcpPort));
                                           sender->Send(Create<Packet>(kOctets));
                                       });
        chain.Run(Seconds(30));
        for (const Bytes& packet : chain.deliveredPackets)
        {
            result.largest = std::max(result.largest, static_cast<uint32_t>(packet.size()));
        }
        result.tooBig = sized.TooBig();
        result.tooLarge = router->GetTooLarge();
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
        return result;
    }

    static Ptr<Socket> MakeSocket(Ptr<Node> node, const Options& options)
    {
        const auto socket = PathMtuSocketFactory::Install(node)->CreateSocket();
        socket->SetAttribute("SndBufSize", UintegerValue(1 << 20));
        socket->SetAttribute("Probing", BooleanValue(options.probing));
        return socket;
    }
};

class GatewayPathMtuTestSuite : public TestSuite
{
  public:
    GatewayPathMtuTestSuite()
        : TestSuite("ipsec-gateway-path-mtu", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new PathMtuPolicyCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LearningCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LearntCutCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ForgedReportCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new AttackCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new FloodCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ClampCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new MiddleboxCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new TcpCase, compat::TestNames<TestCase>::kQuick);
    }
};

const GatewayPathMtuTestSuite g_gatewayPathMtuTestSuite;

} // namespace
