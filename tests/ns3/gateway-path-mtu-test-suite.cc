/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "sized-chain.h"

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
class PolicyCase : public TestCase
{
  public:
    PolicyCase()
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

class GatewayPathMtuTestSuite : public TestSuite
{
  public:
    GatewayPathMtuTestSuite()
        : TestSuite("ipsec-gateway-path-mtu", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new PolicyCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LearningCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LearntCutCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ForgedReportCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new AttackCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new FloodCase, compat::TestNames<TestCase>::kQuick);
    }
};

const GatewayPathMtuTestSuite g_gatewayPathMtuTestSuite;

} // namespace
