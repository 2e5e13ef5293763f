/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "ns3/ipsec-compat.h"
#include "ns3/test.h"

#include <chrono>

using namespace ns3;
using namespace std::chrono_literals;

namespace
{

using ipseclab::esp::DropReason;
using ipseclab::ike::ChildSaRefused;
using ipseclab::ike::IkeEvent;

/**
 * Gateway B does not protect the network that A wants to reach, so the IKE SA comes up without a
 * Child SA. Packets ask again, but not each of them.
 */
class RefusedChildCase : public TestCase
{
  public:
    RefusedChildCase()
        : TestCase("a refused Child SA is asked for again, in the interval")
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        options.protectedAsSeenByB = "10.0.9.0/24";
        TunnelChain chain(options);
        chain.a->TraceConnectWithoutContext("IkeEvent", MakeCallback(&RefusedChildCase::See, this));
        constexpr uint32_t kPackets = 39;
        chain.SendMany(Seconds(1), MilliSeconds(500), kPackets); // until 20 s
        chain.Run(Seconds(21));
        // IKE_AUTH for the first packet, CREATE_CHILD_SA for the second, then every five seconds.
        const std::vector<double> expected{1, 1.5, 6.5, 11.5, 16.5};
        NS_TEST_ASSERT_MSG_EQ(m_refused.size(), expected.size(), "requests");
        for (size_t i = 0; i < expected.size(); ++i)
        {
            NS_TEST_EXPECT_MSG_EQ_TOL(m_refused[i], expected[i], 0.1, "request " << i);
        }
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeCounters().datagramsOut, 6, "requests of A");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeEndpoint().EstablishedCount(), 1, "one IKE SA");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().outboundDrops[DropReason::AcquirePending],
                              kPackets,
                              "each packet is accounted for");
    }

    void See(const IkeEvent& event)
    {
        if (std::holds_alternative<ChildSaRefused>(event))
        {
            m_refused.push_back(Simulator::Now().GetSeconds());
        }
    }

    std::vector<double> m_refused; ///< when, in seconds
};

/// Child SAs that end after three seconds and are not rekeyed: the next packet gets a new one.
class DeletedChildCase : public TestCase
{
  public:
    DeletedChildCase()
        : TestCase("traffic flows again after a Child SA was deleted")
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        options.childLifetime.hard = 3s;
        TunnelChain chain(options);
        chain.Initiate(Seconds(1));
        chain.Send(Seconds(2), true, 100);    // delivered; the Child SA ends at 4 s
        chain.Send(Seconds(5), true, 100);    // asks
        chain.Send(Seconds(5.5), true, 100);  // delivered; the second Child SA ends at 8 s
        chain.Send(Seconds(9), true, 100);    // too soon to ask
        chain.Send(Seconds(9.5), true, 100);  // likewise
        chain.Send(Seconds(10.1), true, 100); // asks
        chain.Send(Seconds(10.6), true, 100); // delivered
        chain.Run(Seconds(11));
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 3, "one through each Child SA");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().outboundDrops[DropReason::AcquirePending],
                              4,
                              "without a Child SA");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeEndpoint().EstablishedCount(), 1, "the same IKE SA");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetDataPlane().GetSad().PairCount(), 1, "one Child SA");
    }
};

/// Both gateways have the Child SA before they send anything that lets the other use it.
class InstallBeforeSendCase : public TestCase
{
  public:
    InstallBeforeSendCase()
        : TestCase("a Child SA is in place before the response leaves")
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain({});
        m_gateway = chain.b;
        chain.nodes.Get(TunnelChain::GatewayB)
            ->GetObject<Ipv4L3Protocol>()
            ->TraceConnectWithoutContext("SendOutgoing",
                                         MakeCallback(&InstallBeforeSendCase::See, this));
        chain.Initiate(Seconds(1));
        chain.Run(Seconds(2));
        m_gateway = nullptr;
        NS_TEST_ASSERT_MSG_EQ(m_pairs.size(), 2, "IKE_SA_INIT and IKE_AUTH");
        NS_TEST_EXPECT_MSG_EQ(m_pairs[0], 0, "SAs with IKE_SA_INIT");
        NS_TEST_EXPECT_MSG_EQ(m_pairs[1], 1, "SAs with IKE_AUTH");
    }

    void See(const Ipv4Header&, Ptr<const Packet>, uint32_t)
    {
        m_pairs.push_back(m_gateway->GetDataPlane().GetSad().PairCount());
    }

    Ptr<IpsecGateway> m_gateway;
    std::vector<size_t> m_pairs; ///< with each packet that B sends
};

/// A queue that overflows with frames of another protocol is none of the gateway's business.
class OtherQueueDropCase : public TestCase
{
  public:
    OtherQueueDropCase()
        : TestCase("refused frames that are not IPv4 are not counted")
    {
    }

  private:
    static constexpr uint16_t kIpv6 = 0x86dd;

    void DoRun() override
    {
        ChainOptions options;
        options.outsideRate = "10kbps";
        options.outsideQueue = QueueSize("1p");
        TunnelChain chain(options);
        Simulator::Schedule(Seconds(1), &OtherQueueDropCase::Fill, this, chain.ipOutsideA);
        chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ(m_refused, 3, "one is on the wire and one in the queue");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().outboundDrops[DropReason::Queue], 0, "");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, 0, "traced");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().Balanced(), true, "a packet is unaccounted");
    }

    void Fill(Ptr<NetDevice> device)
    {
        for (int i = 0; i < 5; ++i)
        {
            const bool sent = device->Send(Create<Packet>(500), device->GetBroadcast(), kIpv6);
            m_refused += sent ? 0 : 1;
        }
    }

    uint32_t m_refused{0};
};

class AcquireTestSuite : public TestSuite
{
  public:
    AcquireTestSuite()
        : TestSuite("ipsec-acquire", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (TestCase* testCase : std::initializer_list<TestCase*>{new RefusedChildCase,
                                                                   new DeletedChildCase,
                                                                   new InstallBeforeSendCase,
                                                                   new OtherQueueDropCase})
        {
            AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
        }
    }
};

const AcquireTestSuite g_acquireTestSuite;

} // namespace
