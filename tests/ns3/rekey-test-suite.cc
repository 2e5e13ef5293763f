/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "ns3/double.h"
#include "ns3/ipsec-compat.h"
#include "ns3/pointer.h"
#include "ns3/random-variable-stream.h"
#include "ns3/test.h"

#include <chrono>
#include <set>

using namespace ns3;
using namespace std::chrono_literals;

namespace
{

/**
 * Ten seconds of traffic both ways over a path on which packets overtake each other, while both
 * gateways rekey again and again: nothing may be lost (RFC 7296, section 2.8).
 */
class RekeyCase : public TestCase
{
  public:
    RekeyCase(const std::string& what, const ChainOptions& options)
        : TestCase("no packet is lost in a rekey: " + what),
          m_options(options)
    {
    }

  private:
    void DoRun() override
    {
        m_options.window = 1024;
        TunnelChain chain(m_options);
        const auto extra = CreateObject<UniformRandomVariable>();
        extra->SetAttribute("Max", DoubleValue(0.01));
        chain.Waves()->SetAttribute("ExtraDelay", PointerValue(extra));
        chain.Initiate(Seconds(0));
        constexpr uint32_t kPackets = 10000;
        for (uint32_t i = 0; i < kPackets; ++i)
        {
            chain.Send(Seconds(1) + MilliSeconds(i), true, 100);
            chain.Send(Seconds(1) + MilliSeconds(i), false, 100);
        }
        chain.Run(Seconds(12));
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtA(), kPackets, "from B");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), kPackets, "from A");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, 0, "drops");
        for (const auto* records : {&chain.espAtA, &chain.espAtB})
        {
            std::set<uint32_t> spis;
            for (const auto& record : *records)
            {
                spis.insert(std::get<0>(record));
            }
            NS_TEST_EXPECT_MSG_GT(spis.size(),
                                  3,
                                  "the keys did not change: the test shows nothing");
        }
    }

    ChainOptions m_options;
};

class RekeyTestSuite : public TestSuite
{
  public:
    RekeyTestSuite()
        : TestSuite("ipsec-rekey", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (const IpsecAttachment attachment :
             {IpsecAttachment::Device, IpsecAttachment::FastPath})
        {
            ChainOptions options;
            options.attachment = attachment;
            options.childLifetime.soft = 2s;
            Add("Child SAs, both sides at once", options);
            options.childLifetime.jitter = 1s;
            options.ikeLifetime = {3s, 0s, 1s};
            Add("Child and IKE SAs, with jitter", options);
            options.childLifetime = {};
            options.childVolume.softPackets = 1500;
            Add("Child SAs by packets", options);
        }
    }

  private:
    void Add(const std::string& what, const ChainOptions& options)
    {
        AddTestCase(new RekeyCase(what, options), compat::TestNames<TestCase>::kQuick);
    }
};

const RekeyTestSuite g_rekeyTestSuite;

} // namespace
