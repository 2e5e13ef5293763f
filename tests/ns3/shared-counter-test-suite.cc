/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "model/esp/esp-sa.h"

#include "ns3/internet-module.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/test.h"

#include <array>
#include <map>
#include <memory>
#include <string>

using namespace ns3;

namespace
{

namespace esp = ipseclab::esp;

/**
 * Two gateways that send on one SA, with one key, keyed by hand:
 *
 *     gateway 0 ---- router ---- gateway B ---- host B
 *     gateway 1 ----/
 *
 * They send in turn, each every second millisecond.
 */
class ClusterCase : public TestCase
{
  public:
    using TestCase::TestCase;

  protected:
    static constexpr uint32_t kEach = 100; ///< packets of each sender
    static constexpr uint32_t kWindow = 64;
    static constexpr uint32_t kSpi = 0x1000;
    static constexpr uint16_t kPort = 4000;

    /// \param shared whether they count together
    /// \param skew how much longer packets of gateway 1 are under way
    void RunCluster(bool shared, Time skew)
    {
        NodeContainer nodes(4); // gateways 0 and 1, router, gateway B
        const Ptr<Node> host = CreateObject<Node>();
        InternetStackHelper stack;
        stack.SetIpv6StackInstall(false);
        stack.Install(nodes);
        stack.Install(host);
        std::shared_ptr<esp::SequenceCounters> counters;
        if (shared)
        {
            const auto scheme = esp::SequenceScheme::Plain(false);
            counters = std::make_shared<esp::SequenceCounters>(scheme, scheme.LastCounter());
        }
        const Ptr<Node> router = nodes.Get(2);
        for (uint32_t i = 0; i < 2; ++i)
        {
            const std::string net = "10.0." + std::to_string(i) + ".0";
            const Time delay = MilliSeconds(1) + (i == 1 ? skew : Time());
            const NetDeviceContainer link = Connect(nodes.Get(i), router, delay);
            const Ptr<IpsecGateway> gateway = IpsecHelper().Install(nodes.Get(i));
            const auto outside = IpsecHelper::AttachDevice(gateway, link.Get(0));
            Assign(net, outside, link.Get(1));
            DefaultRoute(nodes.Get(i), outside, "10.0." + std::to_string(i) + ".2");
            AddSa(gateway, true, counters);
            for (uint32_t packet = 0; packet < kEach; ++packet)
            {
                Simulator::Schedule(MilliSeconds(2 * packet + i),
                                    &ClusterCase::Send,
                                    this,
                                    nodes.Get(i));
            }
        }
        const NetDeviceContainer link = Connect(router, nodes.Get(3), MilliSeconds(1));
        const Ptr<IpsecGateway> gatewayB = IpsecHelper().Install(nodes.Get(3));
        const auto outside = IpsecHelper::AttachDevice(gatewayB, link.Get(1));
        Assign("10.0.3.0", link.Get(0), outside);
        DefaultRoute(nodes.Get(3), outside, "10.0.3.1");
        const NetDeviceContainer inner = Connect(nodes.Get(3), host, MilliSeconds(1));
        Assign("10.0.4.0", inner.Get(0), inner.Get(1));
        AddSa(gatewayB, false, nullptr);
        gatewayB->TraceConnectWithoutContext("EspReceived", MakeCallback(&ClusterCase::Note, this));
        Simulator::Run();
        Simulator::Destroy();
    }

    /// How many ESP packets ended so at gateway B.
    uint64_t Count(esp::DropReason reason) const
    {
        const auto found = m_ends.find(reason);
        return found == m_ends.end() ? 0 : found->second;
    }

  private:
    static NetDeviceContainer Connect(Ptr<Node> left, Ptr<Node> right, Time delay)
    {
        PointToPointHelper link;
        link.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
        link.SetChannelAttribute("Delay", TimeValue(delay));
        return link.Install(left, right);
    }

    static void Assign(const std::string& network, Ptr<NetDevice> left, Ptr<NetDevice> right)
    {
        NetDeviceContainer devices(left);
        devices.Add(right);
        Ipv4AddressHelper(network.c_str(), "255.255.255.0").Assign(devices);
    }

    static void DefaultRoute(Ptr<Node> node, Ptr<NetDevice> device, const std::string& nextHop)
    {
        const auto ipv4 = node->GetObject<Ipv4>();
        Ipv4StaticRoutingHelper().GetStaticRouting(ipv4)->SetDefaultRoute(
            Ipv4Address(nextHop.c_str()),
            static_cast<uint32_t>(ipv4->GetInterfaceForDevice(device)));
    }

    static void AddSa(Ptr<IpsecGateway> gateway,
                      bool sends,
                      std::shared_ptr<esp::SequenceCounters> counters)
    {
        ipseclab::TrafficSelector network;
        network.start = ipseclab::IpAddress::V4(0x0a000400);
        network.end = ipseclab::IpAddress::V4(0x0a0004ff);
        esp::SpdEntry entry{"cluster", {network}, {}, esp::SpdAction::Protect, "cluster"};
        if (sends)
        {
            std::swap(entry.local, entry.remote);
        }
        gateway->AddPolicy(entry);
        const auto fill = [](esp::EspSaConfig& config, bool fromCluster)
        {
            config.spi = kSpi + (fromCluster ? 0 : 1);
            config.keyingMaterial.assign(20, fromCluster ? 0x42 : 0x43);
            config.outerSource = ipseclab::IpAddress::V4(fromCluster ? 0x0a0000fe : 0x0a000302);
            config.outerDestination =
                ipseclab::IpAddress::V4(fromCluster ? 0x0a000302 : 0x0a0000fe);
        };
        esp::OutboundSaConfig out;
        esp::InboundSaConfig in;
        fill(out, sends);
        fill(in, !sends);
        out.sharedCounters = std::move(counters);
        in.antiReplay.window = kWindow;
        gateway->GetDataPlane().GetSad().Add("cluster",
                                             esp::OutboundSa::Create(out),
                                             esp::InboundSa::Create(in));
    }

    void Send(Ptr<Node> from)
    {
        const auto socket = Socket::CreateSocket(from, UdpSocketFactory::GetTypeId());
        socket->SendTo(Create<Packet>(100), 0, InetSocketAddress("10.0.4.2", kPort));
    }

    void Note(uint32_t, uint64_t, esp::DropReason reason)
    {
        ++m_ends[reason];
    }

    std::map<esp::DropReason, uint64_t> m_ends;
};

class SharedCounterCase : public ClusterCase
{
  public:
    SharedCounterCase()
        : ClusterCase("Of two senders that count together every packet is taken")
    {
    }

  private:
    void DoRun() override
    {
        RunCluster(true, Time());
        NS_TEST_ASSERT_MSG_EQ(Count(esp::DropReason::None), 2 * kEach, "packets taken");
    }
};

class OwnCountersCase : public ClusterCase
{
  public:
    OwnCountersCase()
        : ClusterCase("Of two senders that each count for themselves one's packets are replays")
    {
    }

  private:
    void DoRun() override
    {
        RunCluster(false, Time());
        NS_TEST_ASSERT_MSG_EQ(Count(esp::DropReason::None), kEach, "packets taken");
        NS_TEST_ASSERT_MSG_EQ(Count(esp::DropReason::ReplayDuplicate), kEach, "replays");
    }
};

class SkewedSendersCase : public ClusterCase
{
  public:
    SkewedSendersCase()
        : ClusterCase("A sender that is further away by more than the window loses")
    {
    }

  private:
    void DoRun() override
    {
        // Packet n is sent at n - 1 ms, the even ones by the sender that is 100 ms further away.
        // Number n meets a top of min(n + 99, 199), and is too old if n + 64 is not above that: 2
        // to 134.
        RunCluster(true, MilliSeconds(100));
        const uint64_t lost = 134 / 2;
        NS_TEST_ASSERT_MSG_EQ(Count(esp::DropReason::ReplayTooOld), lost, "too old");
        NS_TEST_ASSERT_MSG_EQ(Count(esp::DropReason::None), 2 * kEach - lost, "packets taken");
    }
};

class SharedCounterTestSuite : public TestSuite
{
  public:
    SharedCounterTestSuite()
        : TestSuite("ipsec-shared-counter", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new SharedCounterCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new OwnCountersCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new SkewedSendersCase, compat::TestNames<TestCase>::kQuick);
    }
};

const SharedCounterTestSuite g_sharedCounterTestSuite;

} // namespace
