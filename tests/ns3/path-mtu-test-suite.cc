/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ns3/boolean.h"
#include "ns3/icmpv4-l4-protocol.h"
#include "ns3/inet-socket-address.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/node-container.h"
#include "ns3/node-setup.h"
#include "ns3/path-mtu-routing.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/simulator.h"
#include "ns3/socket.h"
#include "ns3/test.h"
#include "ns3/uinteger.h"

using namespace ns3;

namespace
{

constexpr uint8_t kProtocol = 253; // for experiments (RFC 3692)
constexpr uint16_t kSmallMtu = 600;

/**
 *     host 0 ==1500== router ==600== host 1
 *       10.0.1.1     .2  10.0.2.1    .2
 */
class PathMtuCase : public TestCase
{
  public:
    PathMtuCase()
        : PathMtuCase("a router of PathMtuRouting minds the don't-fragment bit")
    {
    }

  protected:
    explicit PathMtuCase(const std::string& name)
        : TestCase(name)
    {
    }

    void DoRun() override
    {
        Build();
        Send(kSmallMtu, true);
        Send(kSmallMtu + 1, true);
        Send(kSmallMtu + 1, false);
        Send(1200, true);
        Simulator::Run();
        NS_TEST_EXPECT_MSG_EQ(m_routing->GetTooLarge(), 2, "with DF and too large");
        // The last in two fragments, 576 and 5 octets behind a header each.
        const std::vector<uint32_t> expected{kSmallMtu, 596, 25};
        NS_TEST_EXPECT_MSG_EQ((m_arrived == expected), true, "what fits, and fragments without DF");
        NS_TEST_ASSERT_MSG_EQ(m_reported.size(), 2, "the source is told of each drop");
        NS_TEST_EXPECT_MSG_EQ(m_reported[0], kSmallMtu, "with the MTU that was too small");
        NS_TEST_EXPECT_MSG_EQ(m_reported[1], kSmallMtu, "with the MTU that was too small");
        Simulator::Destroy();
    }

    void Build()
    {
        NodeContainer nodes(3);
        for (uint32_t i = 0; i < nodes.GetN(); ++i)
        {
            ipseclab::InstallIpv4Stack(nodes.Get(i));
        }
        m_routing = CreateObject<PathMtuRouting>();
        nodes.Get(1)->GetObject<Ipv4>()->SetRoutingProtocol(m_routing);
        PointToPointHelper links;
        const Ipv4Mask mask("255.255.255.0");
        const auto wide = links.Install(nodes.Get(0), nodes.Get(1));
        const auto narrow = links.Install(nodes.Get(1), nodes.Get(2));
        narrow.Get(0)->SetMtu(kSmallMtu);
        narrow.Get(1)->SetMtu(kSmallMtu);
        const auto first = ipseclab::AddAddress(wide.Get(0), "10.0.1.1", mask);
        ipseclab::AddAddress(wide.Get(1), "10.0.1.2", mask);
        ipseclab::AddAddress(narrow.Get(0), "10.0.2.1", mask);
        ipseclab::AddAddress(narrow.Get(1), "10.0.2.2", mask);
        ipseclab::StaticRoutesOf(nodes.Get(0))->SetDefaultRoute("10.0.1.2", first);

        m_receiver = RawSocket(nodes.Get(2), kProtocol);
        m_receiver->SetRecvCallback(MakeCallback(&PathMtuCase::Receive, this));
        m_listener = RawSocket(nodes.Get(0), 1); // ICMP
        m_listener->SetRecvCallback(MakeCallback(&PathMtuCase::ReceiveIcmp, this));
        m_source = RawSocket(nodes.Get(0), kProtocol);
        m_source->SetAttribute("IpHeaderInclude", BooleanValue(true));
    }

    static Ptr<Socket> RawSocket(Ptr<Node> node, uint8_t protocol)
    {
        const auto socket = Socket::CreateSocket(node, Ipv4RawSocketFactory::GetTypeId());
        socket->SetAttribute("Protocol", UintegerValue(protocol));
        socket->Bind();
        return socket;
    }

    /// A packet of that many octets, header included, a second after the one before.
    void Send(uint32_t octets, bool dontFragment)
    {
        Ipv4Header header;
        header.SetSource("10.0.1.1");
        header.SetDestination("10.0.2.2");
        header.SetProtocol(kProtocol);
        header.SetTtl(64);
        header.SetPayloadSize(octets - header.GetSerializedSize());
        if (dontFragment)
        {
            header.SetDontFragment();
        }
        const auto packet = Create<Packet>(header.GetPayloadSize());
        packet->AddHeader(header);
        Simulator::ScheduleWithContext(
            m_source->GetNode()->GetId(),
            Seconds(++m_sent),
            [this, packet] { m_source->SendTo(packet, 0, InetSocketAddress("10.0.2.2", 0)); });
    }

    void Receive(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            m_arrived.push_back(packet->GetSize());
        }
    }

    void ReceiveIcmp(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            Ipv4Header outer;
            packet->RemoveHeader(outer);
            Icmpv4Header icmp;
            packet->RemoveHeader(icmp);
            NS_TEST_EXPECT_MSG_EQ(int(icmp.GetType()), int(Icmpv4Header::ICMPV4_DEST_UNREACH), "");
            NS_TEST_EXPECT_MSG_EQ(int(icmp.GetCode()),
                                  int(Icmpv4DestinationUnreachable::ICMPV4_FRAG_NEEDED),
                                  "fragmentation needed");
            Icmpv4DestinationUnreachable unreachable;
            packet->RemoveHeader(unreachable);
            m_reported.push_back(unreachable.GetNextHopMtu());
        }
    }

    Ptr<PathMtuRouting> m_routing;
    std::vector<uint16_t> m_reported;

  private:
    Ptr<Socket> m_source;
    Ptr<Socket> m_receiver;
    Ptr<Socket> m_listener;
    uint32_t m_sent{0};
    std::vector<uint32_t> m_arrived;
};

/// Packets each second, a report each 2.5 seconds at most.
class ReportIntervalCase : public PathMtuCase
{
  public:
    ReportIntervalCase()
        : PathMtuCase("a router limits the rate of its reports")
    {
    }

  private:
    void DoRun() override
    {
        Build();
        m_routing->SetAttribute("ReportInterval", TimeValue(Seconds(2.5)));
        for (int i = 0; i < 9; ++i)
        {
            Send(1200, true);
        }
        Simulator::Run();
        NS_TEST_EXPECT_MSG_EQ(m_routing->GetTooLarge(), 9, "all are dropped");
        NS_TEST_EXPECT_MSG_EQ(m_routing->GetReported(), 3, "of seconds 1, 4 and 7");
        NS_TEST_EXPECT_MSG_EQ(m_routing->GetWithheld(), 6, "the others");
        NS_TEST_EXPECT_MSG_EQ(m_reported.size(), 3, "told");
        Simulator::Destroy();
    }
};

class PathMtuTestSuite : public TestSuite
{
  public:
    PathMtuTestSuite()
        : TestSuite("ipsec-path-mtu", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new PathMtuCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new ReportIntervalCase, compat::TestNames<TestCase>::kQuick);
    }
};

const PathMtuTestSuite g_pathMtuTestSuite;

} // namespace
