/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/ts-dscp.h"
#include "tunnel-chain.h"

#include "ns3/ipsec-compat.h"
#include "ns3/test.h"

#include <map>
#include <set>

using namespace ns3;

namespace
{

namespace ike = ipseclab::ike;
using ipseclab::DscpSet;

constexpr uint8_t kExpedited = 46;
constexpr uint8_t kAssured = 10;
constexpr uint8_t kBestEffort = 0;
constexpr uint8_t kCopied = 64;

DscpSet
Only(uint8_t dscp)
{
    return DscpSet().set(dscp);
}

ike::ExtensionFactory
Notification()
{
    ike::DscpNotificationConfig config;
    config.own.classes = {Only(kExpedited), Only(kAssured)};
    return ike::DscpNotification(config);
}

ike::ExtensionFactory
Selector()
{
    ike::TsDscpConfig config;
    config.own.classes = {Only(kExpedited), Only(kAssured)};
    return ike::TsDscp(config);
}

/**
 * Two classes and a default SA; each packet takes the SA of its class, which the outer DSCP shows
 * beside the SPI when it is copied.
 */
class ClassesCase : public TestCase
{
  public:
    /// \param saLimit of gateway B; 0: none
    ClassesCase(const std::string& name,
                ike::ExtensionFactory extension,
                uint8_t outerDscp,
                uint32_t saLimit = 0)
        : TestCase(name),
          m_extension(std::move(extension)),
          m_outerDscp(outerDscp),
          m_saLimit(saLimit)
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        options.extensions = {m_extension};
        options.outerDscp = m_outerDscp;
        options.saLimit = m_saLimit;
        TunnelChain chain(options);
        chain.nodes.Get(TunnelChain::Router)
            ->GetObject<Ipv4L3Protocol>()
            ->TraceConnectWithoutContext("UnicastForward", MakeCallback(&ClassesCase::See, this));
        chain.a->TraceConnectWithoutContext("IkeEvent", MakeCallback(&ClassesCase::Hear, this));
        chain.Initiate(Seconds(1));
        Simulator::Schedule(Seconds(2), &ClassesCase::AskForClasses, this, chain.a);
        for (int i = 0; i < kEach; ++i)
        {
            for (const uint8_t dscp : {kExpedited, kAssured, kBestEffort})
            {
                chain.SendWithDscp(Seconds(3) + MilliSeconds(10 * i), dscp);
            }
        }
        chain.Run(Seconds(4));
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 3 * kEach, "delivered");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().sealedForeign, 0, "on another class's SA");
        const size_t pairs = m_saLimit == 0 ? 3 : m_saLimit;
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetDataPlane().GetSad().PairCount(), pairs, "SAs");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().sealedListed,
                              (pairs - 1) * kEach,
                              "on a class's SA");
        NS_TEST_EXPECT_MSG_EQ(m_refused, 3 - pairs, "refused with NO_ADDITIONAL_SAS");
        NS_TEST_ASSERT_MSG_EQ(m_seen.size(), pairs, "SPIs on the wire");
        if (m_saLimit == 0)
        {
            CheckOuterDscps();
        }
    }

    void CheckOuterDscps()
    {
        std::set<uint8_t> shown;
        for (const auto& [spi, dscps] : m_seen)
        {
            NS_TEST_EXPECT_MSG_EQ(dscps.size(), 1, "outer DSCPs of one SPI");
            shown.insert(dscps.begin(), dscps.end());
        }
        const std::set<uint8_t> copied{kExpedited, kAssured, kBestEffort};
        const std::set<uint8_t> fixed{m_outerDscp};
        NS_TEST_EXPECT_MSG_EQ((shown == (m_outerDscp == kCopied ? copied : fixed)),
                              true,
                              "outer DSCPs");
    }

    void Hear(const ike::IkeEvent& event)
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            m_id = up->id;
        }
        const auto* refused = std::get_if<ike::ChildSaRefused>(&event);
        m_refused +=
            refused && refused->reason == ipseclab::wire::NotifyType::NoAdditionalSas ? 1 : 0;
    }

    void AskForClasses(Ptr<IpsecGateway> gateway)
    {
        gateway->Command([this](ike::IkeEndpoint& endpoint, ike::Instant now)
                         { return endpoint.Command(now, m_id, ike::AskForClassSas{}); });
    }

    void See(const Ipv4Header& header, Ptr<const Packet> packet, uint32_t)
    {
        if (header.GetProtocol() == ipseclab::wire::kProtocolEsp)
        {
            uint8_t octets[4];
            packet->CopyData(octets, sizeof(octets));
            m_seen[ipseclab::LoadBe32(octets)].insert(header.GetTos() >> 2);
        }
    }

    static constexpr int kEach = 5;
    ike::ExtensionFactory m_extension;
    uint8_t m_outerDscp;
    uint32_t m_saLimit;
    ike::IkeSaId m_id;
    size_t m_refused{0};
    std::map<uint32_t, std::set<uint8_t>> m_seen; ///< outer DSCPs by SPI
};

class DscpTestSuite : public TestSuite
{
  public:
    DscpTestSuite()
        : TestSuite("ipsec-dscp", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (TestCase* testCase : std::initializer_list<TestCase*>{
                 new ClassesCase("classes with a notification", Notification(), kCopied),
                 new ClassesCase("classes with a traffic selector", Selector(), kCopied),
                 new ClassesCase("classes behind one outer DSCP", Notification(), kBestEffort),
                 new ClassesCase("hardware with room for two SAs", Notification(), kCopied, 2)})
        {
            AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
        }
    }
};

const DscpTestSuite g_dscpTestSuite;

} // namespace
