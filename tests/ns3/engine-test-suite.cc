/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "ns3/ipsec-compat.h"
#include "ns3/ipsec-engine.h"
#include "ns3/test.h"

#include <algorithm>

using namespace ns3;

namespace
{

using ipseclab::esp::DropReason;
namespace timing = ipseclab::timing;

/// Two cores in turn; packets of 1000 octets and more take 1 ms and more, small ones 0.1 ms.
timing::EngineConfig
TwoCores()
{
    timing::EngineConfig config;
    config.cores.cores = 2;
    config.cores.dispatch = timing::Dispatch::RoundRobin;
    config.cores.cost.hertz = 1e9;
    config.cores.cost.cyclesPerOctet = 1000;
    return config;
}

Ptr<IpsecEngine>
MakeEngine(const timing::EngineConfig& config, const std::string& step)
{
    const auto engine = CreateObject<IpsecEngine>();
    engine->SetAttribute("Step", StringValue(step));
    engine->SetConfig(config);
    engine->AssignStreams(30);
    return engine;
}

std::vector<uint64_t>
NumbersAt(const std::vector<TunnelChain::EspRecord>& records)
{
    std::vector<uint64_t> numbers;
    for (const auto& record : records)
    {
        numbers.push_back(std::get<1>(record));
    }
    return numbers;
}

/// Pairs of a large and a small packet; on two cores the small one is done first.
void
SendPairs(TunnelChain& chain, uint32_t pairs)
{
    chain.Initiate(Seconds(1));
    for (uint32_t i = 0; i < pairs; ++i)
    {
        const Time at = Seconds(2) + MilliSeconds(5 * i);
        chain.Send(at, true, 1000);
        chain.Send(at + MicroSeconds(10), true, 50);
    }
}

/// Where numbers are given decides whether the wire sees them in order.
class NumberingCase : public TestCase
{
  public:
    NumberingCase(const std::string& step, const std::vector<uint64_t>& expected)
        : TestCase("numbers on the wire when they are given at " + step),
          m_step(step),
          m_expected(expected)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain({});
        const auto engine = MakeEngine(TwoCores(), m_step);
        chain.a->SetEngine(engine, true);
        SendPairs(chain, 3);
        chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ((NumbersAt(chain.espAtB) == m_expected), true, "order at B");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 6, "delivered");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().Balanced(), true, "balance");
        NS_TEST_EXPECT_MSG_EQ(engine->InFlight(), 0, "left in the engine");
    }

    std::string m_step;
    std::vector<uint64_t> m_expected;
};

/// A small window forgives the cores' disorder when it is asked before the cores, not after.
class CheckingCase : public TestCase
{
  public:
    CheckingCase(const std::string& step, bool tooOld)
        : TestCase("the replay window is asked at " + step),
          m_step(step),
          m_tooOld(tooOld)
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        options.window = 32;
        TunnelChain chain(options);
        auto config = TwoCores();
        config.cores.queue = 1000;
        chain.b->SetEngine(MakeEngine(config, m_step), false);
        chain.Initiate(Seconds(1));
        // In turn: every first packet waits on the slow core, while 40 pass on the fast one.
        for (uint32_t i = 0; i < 80; ++i)
        {
            chain.Send(Seconds(2) + MicroSeconds(100 * i), true, i % 2 == 0 ? 1300 : 1);
        }
        chain.Run(Seconds(3));
        const auto& counters = chain.b->GetCounters();
        NS_TEST_EXPECT_MSG_EQ((counters.inboundDrops[DropReason::ReplayTooOld] > 0),
                              m_tooOld,
                              "too old");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB() + counters.inboundDrops.Total(), 80, "each");
        NS_TEST_EXPECT_MSG_EQ(counters.Balanced(), true, "balance");
    }

    std::string m_step;
    bool m_tooOld;
};

/// What finds no room is dropped, counted and traced, at each step and on each side.
class FullCase : public TestCase
{
  public:
    FullCase(const std::string& step, bool outbound)
        : TestCase(std::string(outbound ? "outbound" : "inbound") + " engine that is full, " +
                   step),
          m_step(step),
          m_outbound(outbound)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain({});
        timing::EngineConfig config;
        config.architecture = timing::Architecture::LookAside;
        config.lookAside.ring = 2;
        config.lookAside.queue = 3;
        config.lookAside.engineLatency = 1e-3;
        const auto engine = MakeEngine(config, m_step);
        const auto gateway = m_outbound ? chain.a : chain.b;
        gateway->SetEngine(engine, m_outbound);
        chain.Initiate(Seconds(1));
        chain.SendMany(Seconds(2), MicroSeconds(200), 100);
        chain.Run(Seconds(3));
        const auto& counters = gateway->GetCounters();
        const auto& drops = m_outbound ? counters.outboundDrops : counters.inboundDrops;
        NS_TEST_EXPECT_MSG_GT(drops[DropReason::EngineFull], 10, "dropped");
        NS_TEST_EXPECT_MSG_EQ(drops.Total(), drops[DropReason::EngineFull], "for nothing else");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, drops.Total(), "traced");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB() + drops.Total(), 100, "each packet once");
        NS_TEST_EXPECT_MSG_EQ(counters.Balanced(), true, "balance");
        // A number that was given before the drop is a gap; one that was not is none.
        const auto numbers = NumbersAt(chain.espAtB);
        if (m_outbound)
        {
            NS_TEST_EXPECT_MSG_EQ((numbers.back() > chain.DeliveredAtB()),
                                  (m_step != "Completion"),
                                  "gaps");
        }
    }

    std::string m_step;
    bool m_outbound;
};

/// The engine's time is the packet's delay, to the nanosecond, and IKE does not wait for engines.
class DelayCase : public TestCase
{
  public:
    DelayCase()
        : TestCase("a packet takes the engine's time longer")
    {
    }

  private:
    Time ArrivalWith(const timing::EngineConfig* config)
    {
        TunnelChain chain({});
        if (config)
        {
            chain.a->SetEngine(MakeEngine(*config, "Completion"), true);
        }
        m_arrival = Seconds(0);
        chain.b->TraceConnectWithoutContext("EspReceived", MakeCallback(&DelayCase::See, this));
        chain.Initiate(Seconds(1));
        chain.Send(Seconds(2), true, 100);
        chain.Run(Seconds(3));
        return m_arrival;
    }

    void See(uint32_t, uint64_t, DropReason)
    {
        m_arrival = Simulator::Now();
    }

    void DoRun() override
    {
        timing::EngineConfig config;
        config.cores.cost.hertz = 1e9;
        config.cores.cost.fixedCycles = 12345;
        config.cores.cost.cyclesPerOctet = 1; // of 128 octets: 100, and the headers of UDP and IP
        const Time without = ArrivalWith(nullptr);
        const Time with = ArrivalWith(&config);
        NS_TEST_EXPECT_MSG_EQ(with - without, NanoSeconds(12345 + 128), "longer");
    }

    Time m_arrival;
};

/// A class of packets that goes first: numbered before the queue it overtakes, after it not.
class ClassQueueCase : public TestCase
{
  public:
    ClassQueueCase(const std::string& step, bool disorder)
        : TestCase("a class that is served first, with numbers given at " + step),
          m_step(step),
          m_disorder(disorder)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain({});
        auto config = TwoCores();
        config.cores.cores = 1;
        const auto engine = MakeEngine(config, m_step);
        engine->SetAttribute("UrgentDscp", UintegerValue(46));
        chain.a->SetEngine(engine, true);
        chain.Initiate(Seconds(1));
        chain.SendMany(Seconds(2), MicroSeconds(10), 10);
        const auto socket = Socket::CreateSocket(chain.nodes.Get(TunnelChain::HostA),
                                                 UdpSocketFactory::GetTypeId());
        socket->Connect(InetSocketAddress("10.0.4.2", TunnelChain::kPort));
        socket->SetIpTos(46 << 2); // after Connect, which takes it from the address
        Simulator::Schedule(Seconds(2) + MicroSeconds(95),
                            [socket]() { socket->Send(Create<Packet>(100)); });
        chain.Run(Seconds(3));
        const auto numbers = NumbersAt(chain.espAtB);
        NS_TEST_EXPECT_MSG_EQ(numbers.size(), 11, "all arrive");
        NS_TEST_EXPECT_MSG_EQ(!std::is_sorted(numbers.begin(), numbers.end()),
                              m_disorder,
                              "disorder");
    }

    std::string m_step;
    bool m_disorder;
};

/// Packets that belong to no SA are dropped before the engine, which would keep their SPIs in mind.
class UnknownSpiCase : public TestCase
{
  public:
    UnknownSpiCase()
        : TestCase("packets for an unknown SPI do not meet the engine")
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain({});
        timing::EngineConfig config = TwoCores();
        config.cores.queue = 1;
        const auto engine = MakeEngine(config, "Completion");
        chain.b->SetEngine(engine, false);
        chain.Initiate(Seconds(1));
        chain.Send(Seconds(2), true, 100);
        Simulator::Schedule(Seconds(2.5),
                            [&chain]()
                            {
                                const uint32_t spi = std::get<0>(chain.espAtB.at(0));
                                chain.b->GetDataPlane().GetSad().Remove(spi);
                            });
        for (uint32_t i = 0; i < 50; ++i)
        {
            chain.Send(Seconds(3) + MicroSeconds(10 * i), true, 1000);
        }
        chain.Run(Seconds(4));
        const auto& counters = chain.b->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(counters.inboundDrops[DropReason::UnknownSpi], 50, "unknown");
        NS_TEST_EXPECT_MSG_EQ(counters.inboundDrops.Total(), 50, "nothing else");
        NS_TEST_EXPECT_MSG_EQ(counters.Balanced(), true, "balance");
        NS_TEST_EXPECT_MSG_EQ(engine->InFlight(), 0, "left in the engine");
    }
};

/// Fragments that come while their first is still in the engine know its ports.
class LaterFragmentsCase : public TestCase
{
  public:
    explicit LaterFragmentsCase(const std::string& step)
        : TestCase("later fragments follow a first one that waits, sealed at " + step),
          m_step(step)
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        options.onlyPort = TunnelChain::kPort;
        TunnelChain chain(options);
        chain.links[0].Get(0)->SetMtu(576);
        timing::EngineConfig config;
        config.cores.cost.hertz = 1e9;
        config.cores.cost.fixedCycles = 1e6; // 1 ms, while the fragments come within 2 us
        chain.a->SetEngine(MakeEngine(config, m_step), true);
        chain.Initiate(Seconds(1));
        chain.Send(Seconds(2), true, 1400);
        chain.Send(Seconds(2.1), true, 1400, TunnelChain::kPort + 1);
        chain.Run(Seconds(3));
        NS_TEST_EXPECT_MSG_EQ(chain.espAtB.size(), 3, "fragments");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 1, "delivered");
        const auto* const tracker = chain.a->GetDataPlane().OutboundFragments();
        NS_TEST_EXPECT_MSG_EQ(tracker->GetCounters().noted, 1, "its first one is noted once");
        const auto& drops = chain.a->GetCounters().outboundDrops;
        NS_TEST_EXPECT_MSG_EQ(drops[DropReason::NoPolicy], 1, "the first of another port");
        NS_TEST_EXPECT_MSG_EQ(drops[DropReason::FragmentUnknown], 2, "the others of that");
        NS_TEST_EXPECT_MSG_EQ(drops.Total(), 3, "nothing else");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().Balanced(), true, "balance");
    }

    std::string m_step;
};

class EngineTestSuite : public TestSuite
{
  public:
    EngineTestSuite()
        : TestSuite("ipsec-engine", compat::SuiteNames<TestSuite>::kUnit)
    {
        Add(new NumberingCase("Arrival", {2, 1, 4, 3, 6, 5}));
        Add(new NumberingCase("Start", {2, 1, 4, 3, 6, 5}));
        Add(new NumberingCase("Completion", {1, 2, 3, 4, 5, 6}));
        Add(new CheckingCase("Arrival", false));
        Add(new CheckingCase("Completion", true));
        for (const char* step : {"Arrival", "Start", "Completion"})
        {
            Add(new FullCase(step, true));
            Add(new FullCase(step, false));
            Add(new LaterFragmentsCase(step));
        }
        Add(new UnknownSpiCase);
        Add(new DelayCase);
        Add(new ClassQueueCase("Arrival", true));
        Add(new ClassQueueCase("Start", false));
    }

  private:
    void Add(TestCase* testCase)
    {
        AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
    }
};

const EngineTestSuite g_engineTestSuite;

} // namespace
