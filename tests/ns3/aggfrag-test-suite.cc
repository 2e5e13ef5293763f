/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "sized-chain.h"

#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/extension.h"

#include "ns3/ipsec-engine.h"
#include "ns3/test.h"

#include <chrono>
#include <set>

using namespace ns3;
using namespace std::chrono_literals;
using ipseclab::esp::DropReason;
using ipseclab::wire::AggfragVerdict;
using Sizes = std::vector<uint32_t>;

namespace
{

ChainOptions
WithAggfrag(ipseclab::ike::AggfragConfig config = {})
{
    ChainOptions options;
    config.required = true;
    options.extensions = {ipseclab::ike::UseAggfrag(config)};
    return options;
}

/// A chain whose SAs carry AGGFRAG payloads, and whose ESP packets are counted once each.
class AggfragChain
{
  public:
    explicit AggfragChain(const ChainOptions& options)
        : sized("Drop", options),
          sending(sized.chain.a->GetAggfrag()),
          receiving(sized.chain.b->GetAggfrag())
    {
        sized.chain.links[1].Get(0)->TraceConnectWithoutContext(
            "PhyTxBegin",
            MakeCallback(&AggfragChain::SeeFrame, this));
    }

    bool Balanced() const
    {
        return sized.Balanced() && sending->GetCounters().Balanced() &&
               receiving->GetCounters().Balanced();
    }

    SizedChain sized;
    Ptr<IpsecAggfrag> sending;
    Ptr<IpsecAggfrag> receiving;
    Sizes esp; ///< of ESP packets that gateway A sent
    std::vector<Time> times;
    std::vector<uint8_t> tos; ///< of their outer headers

  private:
    void SeeFrame(Ptr<const Packet> frame)
    {
        uint8_t front[12];
        frame->CopyData(front, sizeof(front));
        if (front[11] == ipseclab::wire::kProtocolEsp)
        {
            esp.push_back(frame->GetSize() - 2);
            times.push_back(Simulator::Now());
            tos.push_back(front[3]);
        }
    }
};

/// 1500 octets are 1442 and 58 of blocks: 20 + 8 + 8 + (4 + 58 + 2, a multiple of 4) + 16 is 116.
class LargeCase : public TestCase
{
  public:
    LargeCase()
        : TestCase("what is larger than an ESP packet crosses in two, and nobody is told")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sized.Send(Seconds(1), 1500, true);
        chain.sized.Send(Seconds(2), 1442, true);
        chain.sized.Send(Seconds(3), 64, false);
        chain.sized.chain.Run(Seconds(4));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{1500, 1442, 64}), true, "arrived");
        // 4 + 64 + 2 is padded to 72.
        NS_TEST_EXPECT_MSG_EQ((chain.esp == Sizes{1500, 116, 1500, 124}), true, "on the wire");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.reported.size(), 0, "reports");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.drops, 0, "drops");
    }
};

/// Packets wait for each other: 24 of 100 octets are 2400, so 1442 at once and 958 after Delay.
class WaitingCase : public TestCase
{
  public:
    WaitingCase()
        : TestCase("on demand a full payload goes at once, the rest after Delay")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sending->SetAttribute("Delay", TimeValue(MilliSeconds(100)));
        for (int i = 0; i < 24; ++i)
        {
            chain.sized.Send(Seconds(1) + MilliSeconds(i), 100, true);
        }
        chain.sized.chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes(24, 100)), true, "arrived");
        NS_TEST_ASSERT_MSG_EQ(chain.esp.size(), 2, "ESP packets");
        NS_TEST_EXPECT_MSG_EQ(chain.esp[0], 1500, "full");
        NS_TEST_EXPECT_MSG_EQ(chain.esp[1], 20 + 16 + 964 + 16, "the rest");
        // The fifteenth packet, of 14 ms, fills the first; it began to wait again then.
        NS_TEST_EXPECT_MSG_EQ((chain.times[1] - chain.times[0] >= MilliSeconds(99)), true, "waits");
        NS_TEST_EXPECT_MSG_EQ((chain.times[1] - chain.times[0] <= MilliSeconds(101)), true, "goes");
    }
};

/// One ESP packet of 600 octets each 10 ms, with traffic, without and with too much of it.
class ConstantCase : public TestCase
{
  public:
    ConstantCase()
        : TestCase("a constant rate shows nothing of the traffic")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sending->SetAttribute("Interval", TimeValue(MilliSeconds(10)));
        chain.sending->SetAttribute("PacketSize", UintegerValue(600));
        chain.sending->SetAttribute("MaxQueue", UintegerValue(5000));
        for (int i = 0; i < 20; ++i)
        {
            chain.sized.Send(Seconds(1), 1000, true);
        }
        chain.sized.Send(Seconds(2), 1000, true);
        chain.sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes(6, 1000)), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ(
            chain.sized.chain.a->GetCounters().outboundDrops[DropReason::AggfragQueue],
            15,
            "5000 octets wait");
        NS_TEST_EXPECT_MSG_GT(chain.esp.size(), 290, "from the SA on");
        for (size_t i = 0; i < chain.esp.size(); ++i)
        {
            NS_TEST_EXPECT_MSG_EQ(chain.esp[i], 600, "size");
            NS_TEST_EXPECT_MSG_EQ(
                (i == 0 || chain.times[i] - chain.times[i - 1] == MilliSeconds(10)),
                true,
                "time");
        }
        const auto counters = chain.sending->GetCounters();
        // 600 leave 542 octets: 5000 in 10 payloads, 1000 in 2.
        NS_TEST_EXPECT_MSG_EQ(counters.sent.payloads - counters.sent.padding, 12, "with data");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }
};

/// With flag D sizes are those of plain ESP less the header of 4: reports, too.
class WholeCase : public TestCase
{
  public:
    WholeCase()
        : TestCase("a peer that takes no fragments gets none, and sources are told what fits")
    {
    }

  private:
    void DoRun() override
    {
        ipseclab::ike::AggfragConfig whole;
        whole.refusesFragments = true;
        AggfragChain chain(WithAggfrag(whole));
        chain.sized.Send(Seconds(1), 1443, true);
        chain.sized.Send(Seconds(2), 1442, true);
        chain.sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{1442}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ((chain.sized.reported == Sizes{1442}), true, "reported");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.TooBig(), 1, "dropped");
    }
};

/// A narrow path costs one ESP packet, then payloads have its size.
class PathCase : public TestCase
{
  public:
    PathCase()
        : TestCase("payloads follow the path MTU, and inner sources hear nothing of it")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sized.Narrow(1400);
        for (int i = 1; i <= 3; ++i)
        {
            chain.sized.Send(Seconds(i), 1500, true);
        }
        chain.sized.chain.Run(Seconds(5));
        // The first ESP packet of 1500 is lost, and its rest waits until the timer ends.
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{1500, 1500}), true, "arrived");
        // 1400 leave 1342: 158 more are 4 + 158 + 2, and 52 around them.
        NS_TEST_EXPECT_MSG_EQ((chain.esp == Sizes{1500, 116, 1400, 216, 1400, 216}), true, "wire");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.reported.size(), 0, "reports");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.CountersOfA().learnt, 1, "learnt");
        NS_TEST_EXPECT_MSG_EQ(chain.receiving->GetCounters().received.missing, 1, "missing");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }
};

/// Where nothing is cut, what waits is too big once the path MTU has fallen: drops like any other.
class FallCase : public TestCase
{
  public:
    FallCase()
        : TestCase("packets that become too big while they wait are counted and traced")
    {
    }

  private:
    void DoRun() override
    {
        ipseclab::ike::AggfragConfig whole;
        whole.refusesFragments = true;
        AggfragChain chain(WithAggfrag(whole));
        chain.sending->SetAttribute("Delay", TimeValue(MilliSeconds(200)));
        chain.sized.Send(Seconds(1), 1442, true); // is full
        chain.sized.Send(Seconds(2), 1300, true);
        chain.sized.Send(Seconds(2) + MilliSeconds(1), 120, true);
        Simulator::Schedule(Seconds(2) + MilliSeconds(100),
                            [&chain] { chain.sized.InjectReport(1000, 0); });
        chain.sized.Send(Seconds(3), 1300, true);
        chain.sized.chain.Run(Seconds(4));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{1442, 120}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().sent.tooBig, 1, "while it waited");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.TooBig(), 2, "with the one that came later");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.drops, 2, "traced");
        const auto& counters = chain.sized.chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(counters.outboundWithdrawn, 1, "withdrawn");
        NS_TEST_EXPECT_MSG_EQ(counters.outboundIn - counters.outboundBypassed,
                              2 + counters.outboundDrops.Total(),
                              "in = delivered + dropped");
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().sent.padding, 0, "padding");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }
};

/// The third ESP packet comes behind seven others.
class LateCase : public TestCase
{
  public:
    LateCase()
        : TestCase("payloads that come too late are counted and traced")
    {
    }

  private:
    void DoRun() override
    {
        for (const bool inOrder : {true, false})
        {
            AggfragChain chain(WithAggfrag());
            chain.receiving->SetAttribute("InOrder", BooleanValue(inOrder));
            uint32_t frames = 0;
            chain.sized.chain.Waves()->SetPacketDelay(
                [&frames](Ptr<const Packet> frame)
                {
                    uint8_t front[12];
                    frame->CopyData(front, sizeof(front));
                    const bool third = front[11] == ipseclab::wire::kProtocolEsp && ++frames == 3;
                    return MilliSeconds(third ? 75 : 0);
                });
            for (uint16_t i = 0; i < 10; ++i)
            {
                chain.sized.Send(Seconds(1) + MilliSeconds(10) * i, 100 + i, true);
            }
            chain.sized.chain.Run(Seconds(2));
            const auto& counters = chain.sized.chain.b->GetCounters();
            NS_TEST_EXPECT_MSG_EQ(chain.sized.arrived.size(), 9, "arrived");
            NS_TEST_EXPECT_MSG_EQ(counters.inboundDrops[DropReason::AggfragLate], 1, "late");
            NS_TEST_EXPECT_MSG_EQ(counters.inboundDrops.Total(), 1, "and nothing else");
            NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.drops, 1, "traced");
            NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
        }
    }
};

/// The third ESP packet is lost: what follows waits for it until the timer ends.
class TimerCase : public TestCase
{
  public:
    TimerCase()
        : TestCase("in order, what follows a lost packet waits for DropTime; at once it does not")
    {
    }

  private:
    void DoRun() override
    {
        for (const bool inOrder : {true, false})
        {
            AggfragChain chain(WithAggfrag());
            chain.receiving->SetAttribute("InOrder", BooleanValue(inOrder));
            chain.receiving->SetAttribute("DropTime", TimeValue(MilliSeconds(300)));
            uint32_t frames = 0;
            chain.sized.chain.Waves()->SetPacketLoss(
                [&frames](Ptr<const Packet> frame)
                {
                    uint8_t front[12];
                    frame->CopyData(front, sizeof(front));
                    return front[11] == ipseclab::wire::kProtocolEsp && ++frames == 3;
                });
            for (uint16_t i = 0; i < 5; ++i)
            {
                chain.sized.Send(Seconds(1) + MilliSeconds(10) * i, 100 + i, true);
            }
            Sizes early;
            Simulator::Schedule(Seconds(1) + MilliSeconds(320),
                                [&] { early = chain.sized.arrived; });
            chain.sized.chain.Run(Seconds(2));
            const Sizes all{100, 101, 103, 104};
            NS_TEST_EXPECT_MSG_EQ((early == (inOrder ? Sizes{100, 101} : all)), true, inOrder);
            NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == all), true, "arrived");
            NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
        }
    }
};

/// Inner packets of 1000 octets in ESP packets of 600, while Child SAs are replaced: those that an
/// SA has begun are sent again, whole, on its successor.
class AggfragRekeyCase : public TestCase
{
  public:
    AggfragRekeyCase()
        : TestCase("no packet is lost when an SA with fragments under way is replaced")
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options = WithAggfrag();
        options.childLifetime.soft = 2s;
        options.childLifetime.jitter = 1s;
        AggfragChain chain(options);
        chain.sending->SetAttribute("Interval", TimeValue(MilliSeconds(7)));
        chain.sending->SetAttribute("PacketSize", UintegerValue(600));
        constexpr uint32_t kPackets = 600;
        for (uint32_t i = 0; i < kPackets; ++i)
        {
            chain.sized.Send(Seconds(1) + MilliSeconds(15 * i), 1000, true);
        }
        chain.sized.chain.Run(Seconds(12));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes(kPackets, 1000)), true, "arrived");
        std::set<uint32_t> spis;
        for (const auto& record : chain.sized.chain.espAtB)
        {
            spis.insert(std::get<0>(record));
        }
        NS_TEST_EXPECT_MSG_GT(spis.size(), 3, "the keys did not change: it shows nothing");
        NS_TEST_EXPECT_MSG_GT(chain.sending->GetCounters().sent.returned,
                              0,
                              "nothing was under way: it shows nothing");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }
};

/// Outer headers say nothing of inner ones, unless CopyDscp: then that of the first packet.
class OuterDscpCase : public TestCase
{
  public:
    OuterDscpCase()
        : TestCase("DSCPs are copied only where that is asked for")
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint8_t kExpedited = 46;
        Try(64, false, 0);
        Try(64, true, kExpedited);
        Try(10, true, 10);
    }

    void Try(uint8_t outerDscp, bool copy, uint8_t expected)
    {
        ChainOptions options = WithAggfrag();
        options.outerDscp = outerDscp;
        AggfragChain chain(options);
        chain.sending->SetAttribute("CopyDscp", BooleanValue(copy));
        chain.sized.chain.SendWithDscp(Seconds(1), 46);
        chain.sized.chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.DeliveredAtB(), 1, "delivered");
        NS_TEST_ASSERT_MSG_EQ(chain.tos.size(), 1, "ESP packets");
        NS_TEST_EXPECT_MSG_EQ(int{chain.tos[0]}, expected << 2, "outer TOS");
    }
};

/// A packet past the device: gateway A has it wait for a payload.
uint32_t
Smuggle(AggfragChain& chain)
{
    ipseclab::Bytes packet(100);
    ipseclab::wire::Ipv4HeaderFields fields;
    fields.totalLength = 100;
    fields.protocol = kProtocol;
    fields.source = 0x0a090909;
    fields.destination = 0x0a000402;
    ipseclab::wire::WriteIpv4Header(packet.data(), fields);
    const auto* sa = chain.sized.chain.a->GetDataPlane().GetSad().FindOutbound("tunnel");
    chain.sending->Enqueue(*sa, packet);
    return sa->Config().spiInbound;
}

/// Packets for others than the SA is for are dropped one by one.
class ForeignCase : public TestCase
{
  public:
    ForeignCase()
        : TestCase("inner packets are held against the selectors of the SA")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sending->SetAttribute("Delay", TimeValue(MilliSeconds(10)));
        chain.sized.Send(Seconds(1), 100, true);
        // What gateway A should not have taken: from elsewhere, behind the first.
        Simulator::Schedule(Seconds(1) + MilliSeconds(1), [&chain] { Smuggle(chain); });
        chain.sized.chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{100}), true, "arrived");
        const auto& counters = chain.sized.chain.b->GetCounters().aggfrag;
        NS_TEST_EXPECT_MSG_EQ(counters.innerIn, 2, "in");
        NS_TEST_EXPECT_MSG_EQ(counters.innerDrops[DropReason::SelectorMismatch], 1, "dropped");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.drops, 1, "traced");
    }
};

/// There are two devices outside, so that no packet says nothing of the way; and this one came by
/// none of them, as through an attachment that knows nothing of AGGFRAG.
class LostPortCase : public TestCase
{
  public:
    LostPortCase()
        : TestCase("a packet that waits on an SA that goes, and came by no device, is a drop")
    {
    }

  private:
    void DoRun() override
    {
        AggfragChain chain(WithAggfrag());
        chain.sending->AddPort([] { return IpsecAggfrag::Port{}; });
        Simulator::Schedule(
            Seconds(1),
            [&chain]
            {
                const uint32_t spiInbound = Smuggle(chain);
                chain.sized.chain.a->Command(
                    [spiInbound](ipseclab::ike::IkeEndpoint& endpoint, ipseclab::ike::Instant now)
                    { return endpoint.CloseChildSa(now, spiInbound); });
            });
        chain.sized.chain.Run(Seconds(2));
        const auto& counters = chain.sized.chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().sent.returned, 1, "waited");
        NS_TEST_EXPECT_MSG_EQ(counters.outboundDrops[DropReason::Queue], 1, "dropped");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.chain.drops, 1, "traced");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }
};

/// Agrees on nothing.
class SilentExtension final : public ipseclab::ike::Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<SilentExtension>();
    }
};

/// The SA of a packet that an engine has in hand is replaced by one for AGGFRAG: it still arrives,
/// though no other packet follows.
class EngineCase : public TestCase
{
  public:
    EngineCase(const std::string& step)
        : TestCase("a packet in an engine whose SA becomes one for AGGFRAG, " + step),
          m_step(step)
    {
    }

  private:
    void DoRun() override
    {
        bool aggfrag = false;
        ChainOptions options;
        options.extensions = {[&aggfrag]() -> std::unique_ptr<ipseclab::ike::Extension> {
            return aggfrag ? ipseclab::ike::UseAggfrag()() : std::make_unique<SilentExtension>();
        }};
        AggfragChain chain(options);
        ipseclab::timing::EngineConfig config;
        config.cores.cost.hertz = 1e9;
        config.cores.cost.fixedCycles = 1e8; // 100 ms
        const auto engine = CreateObject<IpsecEngine>();
        engine->SetAttribute("Step", StringValue(m_step));
        engine->SetConfig(config);
        chain.sized.chain.a->SetEngine(engine, true);
        chain.sized.Send(Seconds(1), 500, true);
        chain.sized.Send(Seconds(1), 600, true);
        Simulator::Schedule(Seconds(1) + MilliSeconds(20), [&aggfrag] { aggfrag = true; });
        chain.sized.chain.Initiate(Seconds(1) + MilliSeconds(20));
        chain.sized.chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{500, 600}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().sent.sent,
                              (m_step == "Completion" ? 2
                               : m_step == "Start"    ? 1
                                                      : 0),
                              "in AGGFRAG payloads");
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().waiting, 0, "left behind");
        NS_TEST_EXPECT_MSG_EQ(engine->InFlight(), 0, "left in the engine");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }

    std::string m_step;
};

/// What waits when the SA is replaced by a plain one is cut, where packets from IP would be.
class ReplacedCase : public TestCase
{
  public:
    ReplacedCase()
        : TestCase("packets that wait when plain ESP takes over are treated like those from IP")
    {
    }

  private:
    void DoRun() override
    {
        bool aggfrag = true;
        ChainOptions options;
        options.extensions = {[&aggfrag]() -> std::unique_ptr<ipseclab::ike::Extension> {
            return aggfrag ? ipseclab::ike::UseAggfrag()() : std::make_unique<SilentExtension>();
        }};
        AggfragChain chain(options);
        TunnelChain& network = chain.sized.chain;
        network.a->GetPathMtu()->SetAttribute("Fragmentation", StringValue("BeforeEsp"));
        network.a->TraceConnectWithoutContext("IkeEvent", MakeCallback(&ReplacedCase::See, this));
        chain.sending->SetAttribute("Delay", TimeValue(Seconds(1)));
        chain.sized.Send(Seconds(1), 1500, false); // 1442 octets of it leave at once
        Simulator::Schedule(Seconds(1) + MilliSeconds(100), [&aggfrag] { aggfrag = false; });
        network.Initiate(Seconds(1) + MilliSeconds(100));
        Simulator::Schedule(Seconds(1) + MilliSeconds(500), [this, &network] { Close(network); });
        network.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ(m_installed.size(), 2, "Child SAs");
        NS_TEST_EXPECT_MSG_EQ(chain.sending->GetCounters().sent.returned, 1, "waited");
        NS_TEST_EXPECT_MSG_EQ((chain.sized.arrived == Sizes{1444, 76}), true, "in two pieces");
        NS_TEST_EXPECT_MSG_EQ(chain.sized.CountersOfA().cutBeforeEsp, 1, "cut");
        NS_TEST_EXPECT_MSG_EQ(network.drops, 0, "drops");
        NS_TEST_EXPECT_MSG_EQ(chain.Balanced(), true, "every packet has one end");
    }

    void See(const ipseclab::ike::IkeEvent& event)
    {
        if (const auto* installed = std::get_if<ipseclab::ike::ChildSaInstalled>(&event))
        {
            m_installed.push_back(installed->spiInbound);
        }
    }

    void Close(TunnelChain& network)
    {
        network.a->Command([this](ipseclab::ike::IkeEndpoint& endpoint, ipseclab::ike::Instant now)
                           { return endpoint.CloseChildSa(now, m_installed.at(0)); });
    }

    std::vector<uint32_t> m_installed; ///< inbound SPIs
};

class AggfragTestSuite : public TestSuite
{
  public:
    AggfragTestSuite()
        : TestSuite("ipsec-aggfrag", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new LargeCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new WaitingCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ConstantCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new WholeCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new PathCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new FallCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LateCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new TimerCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new AggfragRekeyCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new OuterDscpCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ReplacedCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ForeignCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LostPortCase, compat::TestNames<TestCase>::kQuick);
        for (const char* step : {"Arrival", "Start", "Completion"})
        {
            AddTestCase(new EngineCase(step), compat::TestNames<TestCase>::kQuick);
        }
    }
};

const AggfragTestSuite g_aggfragTestSuite;

} // namespace
