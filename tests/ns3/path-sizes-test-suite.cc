/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "sized-chain.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/path-sizes.h"

#include "ns3/test.h"

using namespace ns3;
namespace ike = ipseclab::ike;
using ipseclab::esp::DropReason;
using Sizes = std::vector<uint32_t>;

namespace
{

/// A chain in which gateway B tells gateway A about sizes, and routers may cut what A sends.
class TellingChain
{
  public:
    explicit TellingChain(bool understood = true)
        : sized("BeforeEsp", Options(understood))
    {
        sized.chain.a->SetAttribute("DfPolicy", StringValue("Clear"));
        egress = sized.chain.b->GetPathSizes();
        ingress = sized.chain.a->GetPathSizes();
    }

    void Run(Time until)
    {
        sized.chain.Run(until);
    }

    uint64_t Refused() const
    {
        return sized.chain.b->GetCounters().inboundDrops[DropReason::TooBig];
    }

    SizedChain sized;
    Ptr<IpsecPathSizes> egress;
    Ptr<IpsecPathSizes> ingress;

  private:
    static ChainOptions Options(bool understood)
    {
        ChainOptions options;
        if (understood)
        {
            options.extensions = {ipseclab::ike::PathSizeNotifications({})};
        }
        return options;
    }
};

/// Of 1400 octets a first fragment has 1396, in which 1342 fit: 1396 - 20 - 32 is 1344, a multiple
/// of 4, and the trailer has two of them.
class LmapCase : public TestCase
{
  public:
    LmapCase()
        : TestCase("a first fragment's length makes the ingress cut before ESP, from then on")
    {
    }

  private:
    void DoRun() override
    {
        TellingChain telling;
        telling.sized.Narrow(1400);
        telling.sized.Send(Seconds(1), 1446, false);
        telling.sized.Send(Seconds(2), 1446, false);
        telling.sized.Send(Seconds(3), 1446, true);
        telling.Run(Seconds(4));
        NS_TEST_EXPECT_MSG_EQ((telling.sized.arrived == Sizes{1446, 1340, 126}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ((telling.sized.reported == Sizes{1342}), true, "told of DF");
        NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().told, 1, "told once");
        NS_TEST_EXPECT_MSG_EQ(telling.ingress->GetCounters().heard, 1, "heard once");
        NS_TEST_EXPECT_MSG_EQ(telling.sized.CountersOfA().learnt, 1, "learnt once");
        const auto& reassembler = telling.sized.chain.b->GetPathMtu()->GetReassembler();
        NS_TEST_EXPECT_MSG_EQ(reassembler.GetCounters()[ipseclab::wire::FragmentVerdict::Complete],
                              1,
                              "only the first was put together");
        NS_TEST_EXPECT_MSG_EQ(telling.sized.Balanced(), true, "every packet has one end");
    }
};

/// A peer without the extension is not told, and its packets go on in fragments.
class UnknownCase : public TestCase
{
  public:
    UnknownCase()
        : TestCase("without the extension fragments go on")
    {
    }

  private:
    void DoRun() override
    {
        TellingChain telling(false);
        telling.sized.Narrow(1400);
        telling.sized.Send(Seconds(1), 1446, false);
        telling.sized.Send(Seconds(2), 1446, false);
        telling.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((telling.sized.arrived == Sizes{1446, 1446}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().told, 0, "nothing told");
        NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().held, 2, "each was kept");
    }
};

/// A middlebox lets first fragments through only. Of a link of 1400 octets gateway B gets 1396.
class UnfinishedCase : public TestCase
{
  public:
    UnfinishedCase()
        : TestCase("of packets that never become whole the ingress is told when it is asked for")
    {
    }

  private:
    void DoRun() override
    {
        for (const bool tell : {false, true})
        {
            TellingChain telling;
            telling.egress->SetAttribute("TellUnfinished", BooleanValue(tell));
            const auto sizes = telling.sized.chain.b->GetPathMtu();
            sizes->SetAttribute("ReassemblyTimeout", TimeValue(Seconds(2)));
            telling.sized.Narrow(1400);
            telling.sized.DropLaterFragments();
            telling.sized.Send(Seconds(1), 1446, false);
            telling.sized.Send(Seconds(4), 1446, false);
            telling.Run(Seconds(7));
            NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().told, (tell ? 1 : 0), tell);
            const Sizes pieces{1340, 126};
            NS_TEST_EXPECT_MSG_EQ((telling.sized.arrived == (tell ? pieces : Sizes{})), true, tell);
            NS_TEST_EXPECT_MSG_EQ(sizes->GetReassembler().GetCounters().timedOut,
                                  (tell ? 1 : 2),
                                  "given up without another fragment");
        }
    }
};

/// Without IV the draft makes 1346 of 1396: that is 1400 when sealed, and cut for ever.
class DraftOverheadCase : public TestCase
{
  public:
    DraftOverheadCase()
        : TestCase("the draft's overhead leaves packets that do not fit; the interval limits what "
                   "is told of them")
    {
    }

  private:
    void DoRun() override
    {
        for (const bool draft : {false, true})
        {
            TellingChain telling;
            telling.ingress->SetAttribute("DraftOverhead", BooleanValue(draft));
            telling.sized.Narrow(1396);
            for (int i = 0; i < 6; ++i)
            {
                telling.sized.Send(Seconds(1) + MilliSeconds(600 * i), 1346, false);
            }
            telling.Run(Seconds(6));
            // At 1.0, 2.2 and 3.4 s; 0.6 s after each is too early.
            NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().told, (draft ? 3 : 1), draft);
            NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().limited, (draft ? 3 : 0), draft);
            NS_TEST_EXPECT_MSG_EQ(telling.sized.arrived.size(), (draft ? 6 : 11), draft);
        }
    }
};

/// What is too long to be opened is dropped, and told of: in fragments, or whole.
class TooBigCase : public TestCase
{
  public:
    TooBigCase()
        : TestCase("PTB: with LMAP for fragments, with the link's MTU for a packet that came whole")
    {
    }

  private:
    void DoRun() override
    {
        // With EMTU_R 1450 as the path MTU: 1450 - 52 is 1396 in multiples of 4, less 2 is 1394,
        // and the first piece has 20 and a multiple of 8.
        Try("EmtuR", 1450, 1400, false, {1340, 126});
        Try("EmtuR", 1450, 1400, true, {1388, 78});
        // The 1300 octets of the link take 1246, likewise.
        Try("LinkMtu", 1300, 1500, false, {1244, 222});
        // The condition reversed, a PTB without LMAP says nothing of one piece.
        Try("LinkMtu", 1300, 1500, true, {});
    }

    void Try(const std::string& limit,
             uint32_t octets,
             uint16_t pathMtu,
             bool draft,
             const Sizes& arrived)
    {
        TellingChain telling;
        telling.egress->SetAttribute(limit, UintegerValue(octets));
        telling.ingress->SetAttribute("DraftCondition", BooleanValue(draft));
        telling.sized.Narrow(pathMtu);
        telling.sized.Send(Seconds(1), 1446, false);
        telling.sized.Send(Seconds(3), 1446, false);
        telling.Run(Seconds(4));
        const uint64_t refused = arrived.empty() ? 2 : 1;
        NS_TEST_EXPECT_MSG_EQ((telling.sized.arrived == arrived), true, limit << " " << draft);
        NS_TEST_EXPECT_MSG_EQ(telling.Refused(), refused, limit << " " << draft);
        NS_TEST_EXPECT_MSG_EQ(telling.egress->GetCounters().tooBig, refused, limit);
        NS_TEST_EXPECT_MSG_EQ(telling.sized.Balanced(), true, "every packet has one end");
    }
};

/// Who cuts the outer packets small does not get the tunnel below the floor.
class FloorCase : public TestCase
{
  public:
    FloorCase()
        : TestCase("small fragments do not get the path MTU below the floor")
    {
    }

  private:
    void DoRun() override
    {
        TellingChain telling;
        telling.sized.chain.a->GetPathMtu()->SetAttribute("FloorIpv4", UintegerValue(1000));
        telling.sized.Narrow(600);
        telling.sized.Send(Seconds(1), 1446, false);
        telling.sized.Send(Seconds(2), 1446, true);
        telling.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ(telling.sized.CountersOfA().belowFloor, 1, "596 is");
        NS_TEST_EXPECT_MSG_EQ((telling.sized.reported == Sizes{946}), true, "1000 - 54");
    }
};

/// A notification as the sender of nonsense makes it.
struct Nonsense
{
    uint16_t type;
    ipseclab::Bytes data;
};

/// Sends what it is commanded to, whatever it means.
class NonsenseExtension final : public ike::Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<NonsenseExtension>();
    }

    bool Command(ike::Instant, ike::ExtensionHost& host, const std::any& command) override
    {
        const auto* what = std::any_cast<Nonsense>(&command);
        if (what)
        {
            host.Inform(
                {ipseclab::wire::MakeNotify(ipseclab::wire::NotifyType{what->type}, what->data)});
        }
        return what;
    }
};

/**
 * A peer that is authenticated, and sends a flood of notifications with sizes that cannot be. It is
 * believed no further than the floor, and takes nothing away from who is in the tunnel.
 */
class NonsenseCase : public TestCase
{
  public:
    NonsenseCase()
        : TestCase("a flood of nonsense sizes: counted, not below the floor, and goodput stays")
    {
    }

  private:
    static constexpr uint16_t kLmap = 50032;
    static constexpr uint16_t kPtb = 50033;
    static constexpr uint32_t kEach = 250;
    static constexpr uint32_t kRounds = 60;

    /// What they are, in order: ten without a meaning, three without an effect, two that are small.
    static std::vector<Nonsense> All()
    {
        using ipseclab::Bytes;
        return {
            {kLmap, {}},                               // of no length
            {kLmap, {0x40, 0, 5}},                     // too short
            {kLmap, {0x40, 0, 5, 0x74, 0}},            // too long
            {kLmap, Bytes(1000, 0x40)},                // far too long
            {kLmap, {0x50, 0, 5, 0x74}},               // of IP version 5
            {kLmap, {0x60, 0, 5, 0x74}},               // of IPv6, in a tunnel of IPv4
            {kPtb, {}},                                // of no length
            {kPtb, {0, 0, 5, 0x74}},                   // without EMTU_R
            {kPtb, {0, 0, 5, 0x74, 0, 0, 5, 0x74, 0}}, // too long
            {kPtb, Bytes(1000)},                       // far too long
            {kLmap, {0x4f, 0xff, 0xff, 0xff}},         // 65535, and reserved bits
            {kLmap, {0x40, 0, 0, 0}},                  // nothing
            {kPtb, Bytes(8, 0xff)},                    // 2^32 - 1
            {kPtb, Bytes(8)},                          // nothing
            {kPtb, {0, 0, 0, 1, 0, 0, 0, 1}},          // an octet
            {kLmap, {0x40, 0, 0, 1}},                  // an octet
        };
    }

    void DoRun() override
    {
        ChainOptions options;
        options.extensions = {ike::PathSizeNotifications({}),
                              [] { return std::make_unique<NonsenseExtension>(); }};
        SizedChain sized("AfterEsp", options);
        const auto egress = sized.chain.b->GetPathSizes();
        const auto ingress = sized.chain.a->GetPathSizes();
        egress->SetAttribute("Threshold", UintegerValue(1000000)); // only nonsense is told
        sized.chain.a->SetAttribute("DfPolicy", StringValue("Clear"));
        sized.chain.b->TraceConnectWithoutContext("IkeEvent",
                                                  MakeCallback(&NonsenseCase::Hear, this));
        for (uint32_t i = 0; i < kEach; ++i)
        {
            sized.Send(Seconds(1) + MilliSeconds(4 * i), 500, false);
            sized.Send(Seconds(1) + MilliSeconds(4 * i + 2), 1400, false);
        }
        const auto all = All();
        for (size_t i = 0; i < kRounds * all.size(); ++i)
        {
            Simulator::Schedule(Seconds(1) + MilliSeconds(i),
                                &NonsenseCase::Tell,
                                this,
                                sized.chain.b,
                                all[i % all.size()]);
        }
        sized.chain.Run(Seconds(4));
        const auto arrived = [&sized](uint32_t octets)
        { return std::count(sized.arrived.begin(), sized.arrived.end(), octets); };
        NS_TEST_EXPECT_MSG_EQ(arrived(500), kEach, "those that are never cut");
        NS_TEST_EXPECT_MSG_EQ(arrived(1400), kEach, "those that are cut at the floor");
        NS_TEST_EXPECT_MSG_EQ(ingress->GetCounters().heard, kRounds * all.size(), "heard");
        NS_TEST_EXPECT_MSG_EQ(ingress->GetCounters().meaningless, kRounds * 10, "meaningless");
        const auto& learnt = sized.CountersOfA();
        NS_TEST_EXPECT_MSG_EQ(learnt.learnt, 2, "65535, then the floor");
        NS_TEST_EXPECT_MSG_EQ(learnt.belowFloor, 1, "once");
        NS_TEST_EXPECT_MSG_EQ(learnt.implausible, kRounds * 6 - 2, "no less than what is known");
        const uint32_t largest =
            *std::max_element(sized.espSizes.end() - 100, sized.espSizes.end());
        NS_TEST_EXPECT_MSG_EQ((largest > 560 && largest <= 576), true, "the floor of 576 is used");
        NS_TEST_EXPECT_MSG_EQ(sized.Balanced(), true, "every packet has one end");
    }

    void Hear(const ike::IkeEvent& event)
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            m_id = up->id;
        }
    }

    void Tell(Ptr<IpsecGateway> gateway, const Nonsense& what)
    {
        gateway->Command([&](ike::IkeEndpoint& endpoint, ike::Instant now)
                         { return endpoint.Command(now, m_id, what); });
    }

    ike::IkeSaId m_id;
};

class PathSizesTestSuite : public TestSuite
{
  public:
    PathSizesTestSuite()
        : TestSuite("ipsec-path-sizes", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new LmapCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new UnknownCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new UnfinishedCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new DraftOverheadCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new TooBigCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new FloorCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new NonsenseCase, compat::TestNames<TestCase>::kQuick);
    }
};

PathSizesTestSuite g_pathSizesTestSuite;

} // namespace
