/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "ns3/boolean.h"
#include "ns3/ipsec-compat.h"
#include "ns3/test.h"

#include <set>
#include <vector>

using namespace ns3;

namespace
{

namespace ike = ipseclab::ike;
using ipseclab::esp::DropReason;

/// Flows between the hosts, which are spread over four resources of each gateway.
class SpreadCase : public TestCase
{
  public:
    using TestCase::TestCase;

  protected:
    static constexpr uint32_t kResources = 4;
    static constexpr uint16_t kFlows = 64;
    static constexpr uint32_t kEach = 5; ///< packets of each flow, a second apart

    void Spread(TunnelChain& chain, bool bothWays)
    {
        for (const auto host : {TunnelChain::HostA, TunnelChain::HostB})
        {
            ListenAt(chain.nodes.Get(host));
        }
        chain.a->TraceConnectWithoutContext("IkeEvent", MakeCallback(&SpreadCase::Hear, this));
        chain.a->TraceConnectWithoutContext("EspSent", MakeCallback(&SpreadCase::See, this));
        chain.Initiate(Seconds(1));
        for (uint32_t i = 0; i < kEach; ++i)
        {
            for (uint16_t flow = 0; flow < kFlows; ++flow)
            {
                chain.Send(Seconds(2 + i), true, 100, TunnelChain::kPort + flow);
                if (bothWays)
                {
                    chain.Send(Seconds(2 + i), false, 100, TunnelChain::kPort + flow);
                }
            }
        }
        chain.Run(Seconds(3 + kEach));
    }

    /// \param saLimit pairs that gateway B has room for; 0: any number
    static ChainOptions MakeOptions(uint32_t saLimit = 0)
    {
        ChainOptions options;
        options.resources = kResources;
        options.saLimit = saLimit;
        return options;
    }

    static std::size_t Pairs(Ptr<IpsecGateway> gateway)
    {
        return gateway->GetDataPlane().GetSad().PairCount();
    }

    uint32_t Refused() const
    {
        return m_refused;
    }

    /// SAs that gateway A sealed with.
    std::size_t SeenSas() const
    {
        return m_spis.size();
    }

  private:
    /// Without, ICMP would answer and have SAs made for it.
    void ListenAt(Ptr<Node> host)
    {
        for (uint16_t flow = 1; flow < kFlows; ++flow)
        {
            const auto socket = Socket::CreateSocket(host, UdpSocketFactory::GetTypeId());
            socket->Bind(InetSocketAddress(Ipv4Address::GetAny(), TunnelChain::kPort + flow));
            m_sockets.push_back(socket);
        }
    }

    void Hear(const ike::IkeEvent& event)
    {
        m_refused += std::holds_alternative<ike::ChildSaRefused>(event) ? 1 : 0;
    }

    void See(uint32_t spi, uint64_t)
    {
        m_spis.insert(spi);
    }

    uint32_t m_refused{0};
    std::set<uint32_t> m_spis;
    std::vector<Ptr<Socket>> m_sockets;
};

/// The first packets of a resource take the SA for all and ask for one of its own; none is lost
/// meanwhile (RFC 9611, section 4).
class OnDemandCase : public SpreadCase
{
  public:
    OnDemandCase()
        : SpreadCase("an SA for each resource, when it is needed")
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(MakeOptions());
        Spread(chain, false);
        const auto& counters = chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(counters.outboundSealed, kFlows * kEach, "nothing waits");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetCounters().inboundOpened, kFlows * kEach, "arrived");
        NS_TEST_EXPECT_MSG_EQ(Pairs(chain.a), 1 + kResources, "SAs");
        NS_TEST_EXPECT_MSG_EQ(SeenSas(), 1 + kResources, "SAs in use");
        NS_TEST_EXPECT_MSG_EQ(counters.sealedOnFallback, kFlows, "the first of each flow");
        NS_TEST_EXPECT_MSG_EQ(counters.sealedOnResource, kFlows * (kEach - 1), "the others");
        NS_TEST_EXPECT_MSG_EQ(Refused(), 0, "refused");
    }
};

/// Where there is no SA left to have, the one for all goes on.
class LimitCase : public SpreadCase
{
  public:
    LimitCase()
        : SpreadCase("resources without an SA share the one for all")
    {
    }

  private:
    static constexpr uint32_t kLimit = 3;

    void DoRun() override
    {
        TunnelChain chain(MakeOptions(kLimit));
        Spread(chain, false);
        const auto& counters = chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(counters.outboundSealed, kFlows * kEach, "nothing waits");
        NS_TEST_EXPECT_MSG_EQ(Pairs(chain.a), kLimit, "SAs");
        NS_TEST_EXPECT_MSG_EQ(SeenSas(), kLimit, "SAs in use");
        NS_TEST_EXPECT_MSG_GT(counters.sealedOnFallback, kFlows, "what has no SA of its own");
        NS_TEST_EXPECT_MSG_GT(counters.sealedOnResource, 0, "what has one");
        NS_TEST_EXPECT_MSG_GT(Refused(), 0, "refused");
    }
};

/// Each side asks for its own resources, so that there are up to twice as many SAs (section 6).
class BothWaysCase : public SpreadCase
{
  public:
    BothWaysCase()
        : SpreadCase("both sides ask at once")
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(MakeOptions());
        Spread(chain, true);
        for (const auto& gateway : {chain.a, chain.b})
        {
            const auto& counters = gateway->GetCounters();
            NS_TEST_EXPECT_MSG_EQ(counters.outboundSealed, kFlows * kEach, "nothing waits");
            NS_TEST_EXPECT_MSG_EQ(counters.inboundOpened, kFlows * kEach, "arrived");
            NS_TEST_EXPECT_MSG_EQ(counters.sealedOnResource, kFlows * (kEach - 1), "own SAs");
            NS_TEST_EXPECT_MSG_EQ(Pairs(gateway), 1 + 2 * kResources, "SAs");
        }
        NS_TEST_EXPECT_MSG_EQ(Refused(), 0, "refused");
    }
};

/// The price of doing without the SA for all: what comes before a resource's own SA is lost.
class NoFallbackCase : public SpreadCase
{
  public:
    NoFallbackCase()
        : SpreadCase("without the SA for all, packets are lost until there are others")
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(MakeOptions());
        chain.a->SetAttribute("ResourceFallback", BooleanValue(false));
        Spread(chain, false);
        const auto& counters = chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(counters.outboundDrops[DropReason::AcquirePending],
                              kFlows,
                              "the first of each flow");
        NS_TEST_EXPECT_MSG_EQ(counters.sealedOnFallback, 0, "on the SA for all");
        NS_TEST_EXPECT_MSG_EQ(counters.sealedOnResource, kFlows * (kEach - 1), "on their own");
    }
};

class ResourceTestSuite : public TestSuite
{
  public:
    ResourceTestSuite()
        : TestSuite("ipsec-resource", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new OnDemandCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new LimitCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new BothWaysCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new NoFallbackCase, compat::TestNames<TestCase>::kQuick);
    }
};

const ResourceTestSuite g_resourceTestSuite;

} // namespace
