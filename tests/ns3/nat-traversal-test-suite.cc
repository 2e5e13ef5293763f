/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "model/wire/udp-encapsulation.h"

#include "ns3/ipsec-compat.h"
#include "ns3/test.h"

using namespace ns3;

namespace
{

namespace wire = ipseclab::wire;
using ipseclab::Bytes;
using ipseclab::esp::DropReason;

constexpr size_t kPppHeader = 2;

/// Frames that left the gateways, by what they carry.
struct FrameCounts
{
    uint32_t ikeOn500{0};
    uint32_t ikeOn4500{0};
    uint32_t espInUdp{0};
    uint32_t espAlone{0};
};

FrameCounts
Count(const std::vector<Bytes>& frames)
{
    FrameCounts counts;
    for (const Bytes& frame : frames)
    {
        wire::IpView ip;
        if (!wire::ParseIp(ipseclab::ByteSpan(frame).subspan(kPppHeader), ip))
        {
            continue;
        }
        const bool udp = ip.Protocol() == wire::kProtocolUdp;
        const auto esp = wire::FindEsp(ip);
        const uint16_t port = udp ? ipseclab::LoadBe16(ip.header + ip.upperOffset + 2) : 0;
        counts.espInUdp += udp && esp ? 1 : 0;
        counts.espAlone += !udp && esp ? 1 : 0;
        counts.ikeOn500 += port == wire::kIkePort ? 1 : 0;
        counts.ikeOn4500 += port == wire::kNatTraversalPort && !esp ? 1 : 0;
    }
    return counts;
}

/**
 * Forced UDP encapsulation through handshake, data, rekeying and delete: after IKE_SA_INIT nothing
 * but UDP port 4500 is on the wire, and nothing is lost.
 */
class ForcedCase : public TestCase
{
  public:
    explicit ForcedCase(IpsecAttachment attachment)
        : TestCase(std::string("forced UDP encapsulation, ") +
                   (attachment == IpsecAttachment::Device ? "device" : "fast path"))
    {
        m_options.attachment = attachment;
        m_options.natTraversal.forceEncapsulation = true;
        m_options.childLifetime.soft = std::chrono::seconds(3);
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(m_options);
        chain.Initiate(Seconds(0));
        constexpr uint32_t kPackets = 100;
        for (uint32_t i = 0; i < kPackets; ++i)
        {
            chain.Send(Seconds(1) + MilliSeconds(50 * i), true, 100);
            chain.Send(Seconds(1) + MilliSeconds(50 * i), false, 100);
        }
        Simulator::Schedule(Seconds(6.5), &IpsecGateway::CloseAll, chain.a);
        chain.Run(Seconds(8));
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtA(), kPackets, "from B");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), kPackets, "from A");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, 0, "drops");
        const FrameCounts frames = Count(chain.wire);
        NS_TEST_EXPECT_MSG_EQ(frames.ikeOn500, 2, "IKE_SA_INIT");
        NS_TEST_EXPECT_MSG_GT(frames.ikeOn4500, 2 + 4 + 2 - 1, "AUTH, rekeying, delete");
        NS_TEST_EXPECT_MSG_EQ(frames.espInUdp, 2 * kPackets, "all of ESP");
        NS_TEST_EXPECT_MSG_EQ(frames.espAlone, 0, "none without UDP");
        NS_TEST_EXPECT_MSG_EQ(chain.espAtB.size(), kPackets, "traced as ESP");
        for (const Ptr<IpsecGateway>& gateway : {chain.a, chain.b})
        {
            NS_TEST_EXPECT_MSG_EQ(gateway->GetIkeEndpoint().IkeSaCount(), 0, "closed");
            NS_TEST_EXPECT_MSG_EQ(gateway->GetCounters().Balanced(), true, "a packet is missing");
        }
    }

    ChainOptions m_options;
};

/// The largest packet that fits is eight octets smaller than without UDP.
class SizeCase : public TestCase
{
  public:
    SizeCase()
        : TestCase("the UDP header counts in the MTU")
    {
    }

  private:
    void DoRun() override
    {
        // 1500 = 20 + 8 + 8 + 8 + (1438 + 2) + 16 with UDP; 1446 without.
        NS_TEST_EXPECT_MSG_EQ(TooBig(1438, true), 0, "fits");
        NS_TEST_EXPECT_MSG_EQ(TooBig(1439, true), 1, "does not");
        NS_TEST_EXPECT_MSG_EQ(TooBig(1446, false), 0, "fits");
        NS_TEST_EXPECT_MSG_EQ(TooBig(1447, false), 1, "does not");
    }

    static uint64_t TooBig(uint32_t innerPacket, bool forced)
    {
        ChainOptions options;
        options.natTraversal.forceEncapsulation = forced;
        TunnelChain chain(options);
        chain.Initiate(Seconds(0));
        constexpr uint32_t kIpAndUdp = 28;
        chain.Send(Seconds(1), true, innerPacket - kIpAndUdp);
        chain.Run(Seconds(2));
        return chain.a->GetCounters().outboundDrops[DropReason::TooBig];
    }
};

class NatTraversalTestSuite : public TestSuite
{
  public:
    NatTraversalTestSuite()
        : TestSuite("ipsec-nat-traversal", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (TestCase* const testCase :
             std::initializer_list<TestCase*>{new ForcedCase(IpsecAttachment::Device),
                                              new ForcedCase(IpsecAttachment::FastPath),
                                              new SizeCase})
        {
            AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
        }
    }
};

const NatTraversalTestSuite g_natTraversalTestSuite;

} // namespace
