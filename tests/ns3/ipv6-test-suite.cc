/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "dual-stack.h"

#include "ns3/flow-id-tag.h"
#include "ns3/internet-module.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipsec-engine.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/test.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace ns3;

namespace
{

using ipseclab::esp::DropReason;

constexpr uint16_t kPort = 4000;
constexpr uint32_t kDatagrams = 20;
const Time kEngineTime = MicroSeconds(300); ///< of a packet

struct Shape
{
    bool outer6;
    bool inner6;
    IpsecAttachment attachment{IpsecAttachment::Device};
    bool transport{false}; ///< between the gateways themselves
    bool engines{false};   ///< each gateway has one for each direction
};

std::string
Describe(const Shape& shape)
{
    const std::string inner = shape.inner6 ? "IPv6" : "IPv4";
    const std::string outer = shape.outer6 ? "IPv6" : "IPv4";
    return shape.transport
             ? "transport mode, " + outer
             : inner + " in " + outer +
                   (shape.attachment == IpsecAttachment::Device ? ", device" : ", fast path") +
                   (shape.engines ? ", engines" : "");
}

Address
ToAddress(const std::string& text)
{
    return text.find(':') == std::string::npos ? Address(Ipv4Address(text.c_str()))
                                               : Address(Ipv6Address(text.c_str()));
}

Address
ToSocketAddress(const std::string& text)
{
    return text.find(':') == std::string::npos
             ? Address(InetSocketAddress(Ipv4Address(text.c_str()), kPort))
             : Address(Inet6SocketAddress(Ipv6Address(text.c_str()), kPort));
}

/**
 * Handshake and data both ways, with both IP versions on every link:
 *
 *     host A ---- gateway A ---- gateway B ---- host B
 *          link 1           link 2         link 3
 */
class VersionsCase : public TestCase
{
  public:
    explicit VersionsCase(const Shape& shape)
        : TestCase(Describe(shape)),
          m_shape(shape)
    {
    }

  private:
    void DoRun() override
    {
        RngSeedManager::SetSeed(1);
        RngSeedManager::SetRun(1);
        m_nodes.Create(4);
        InternetStackHelper().Install(m_nodes);
        BuildLinks();
        Configure();
        if (m_shape.engines)
        {
            SetEngines();
        }
        Listen(0, End(false));
        Listen(1, End(true));
        // Duplicate address detection takes a second.
        Simulator::Schedule(Seconds(3), &IpsecGateway::Initiate, m_a, std::string("tunnel"));
        for (uint32_t i = 0; i < kDatagrams; ++i)
        {
            const Time at = Seconds(4) + MilliSeconds(i);
            Simulator::Schedule(at, &VersionsCase::Send, this, 0, End(true));
            Simulator::Schedule(at, &VersionsCase::Send, this, 1, End(false));
        }
        // What nobody allows.
        Simulator::Schedule(Seconds(5), &VersionsCase::SendForbidden, this);
        Simulator::Stop(Seconds(6));
        Simulator::Run();
        Check();
        Simulator::Destroy();
        m_nodes = NodeContainer();
        m_a = m_b = nullptr;
        m_sockets = {};
    }

    /// Where datagrams for one side go.
    std::string End(bool right) const
    {
        if (m_shape.transport)
        {
            return dual::Text(m_shape.outer6, 2, right ? 2 : 1);
        }
        return dual::Text(m_shape.inner6, right ? 3 : 1, right ? 2 : 1);
    }

    void BuildLinks()
    {
        PointToPointHelper link;
        link.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
        link.SetChannelAttribute("Delay", StringValue("1ms"));
        std::array<NetDeviceContainer, 3> links;
        for (uint32_t i = 0; i < 3; ++i)
        {
            links[i] = link.Install(m_nodes.Get(i), m_nodes.Get(i + 1));
        }
        IpsecHelper helper;
        m_a = helper.Install(m_nodes.Get(1));
        m_b = helper.Install(m_nodes.Get(2));
        m_a->AssignStreams(1);
        m_b->AssignStreams(2);
        const bool device = m_shape.attachment == IpsecAttachment::Device;
        const Ptr<NetDevice> outsideA =
            device ? IpsecHelper::AttachDevice(m_a, links[1].Get(0)) : links[1].Get(0);
        const Ptr<NetDevice> outsideB =
            device ? IpsecHelper::AttachDevice(m_b, links[1].Get(1)) : links[1].Get(1);
        dual::Join(links[0].Get(0), 1, 1);
        dual::Join(links[0].Get(1), 1, 2);
        dual::Join(outsideA, 2, 1);
        dual::Join(outsideB, 2, 2);
        dual::Join(links[2].Get(0), 3, 1);
        dual::Join(links[2].Get(1), 3, 2);
        if (!device)
        {
            IpsecHelper::AttachFastPath(m_a, links[0].Get(1), outsideA);
            IpsecHelper::AttachFastPath(m_b, links[2].Get(0), outsideB);
        }
        dual::Route(links[0].Get(0), 3, 1, 2);
        dual::Route(outsideA, 3, 2, 2);
        dual::Route(outsideB, 1, 2, 1);
        dual::Route(links[2].Get(1), 1, 3, 1);
    }

    void Configure()
    {
        IpsecTunnel tunnel;
        tunnel.addressA = ToAddress(dual::Text(m_shape.outer6, 2, 1));
        tunnel.addressB = ToAddress(dual::Text(m_shape.outer6, 2, 2));
        tunnel.transport = m_shape.transport;
        const std::string prefix = m_shape.inner6 ? "/64" : "/24";
        tunnel.protectedA =
            m_shape.transport ? End(false) : dual::Text(m_shape.inner6, 1, 0) + prefix;
        tunnel.protectedB =
            m_shape.transport ? End(true) : dual::Text(m_shape.inner6, 3, 0) + prefix;
        IpsecHelper::Configure(tunnel, m_a, m_b);
    }

    void SetEngines()
    {
        for (const Ptr<IpsecGateway>& gateway : {m_a, m_b})
        {
            for (const bool outbound : {true, false})
            {
                ipseclab::timing::EngineConfig config;
                config.cores.cost.hertz = 1e9;
                config.cores.cost.fixedCycles = 1e9 * kEngineTime.GetSeconds();
                const auto engine = CreateObject<IpsecEngine>();
                engine->SetConfig(config);
                gateway->SetEngine(engine, outbound);
            }
        }
    }

    void Listen(uint32_t side, const std::string& address)
    {
        const uint32_t node = m_shape.transport ? 1 + side : 3 * side;
        m_sockets[side] = Socket::CreateSocket(m_nodes.Get(node), UdpSocketFactory::GetTypeId());
        m_sockets[side]->Bind(ToSocketAddress(address));
        m_sockets[side]->SetRecvCallback(MakeCallback(&VersionsCase::Receive, this));
    }

    void Send(uint32_t side, std::string to)
    {
        const ipseclab::Bytes payload(300, static_cast<uint8_t>(++m_sent));
        m_sentAt.push_back(Simulator::Now());
        const auto packet = Create<Packet>(payload.data(), 300);
        packet->AddByteTag(FlowIdTag(7), 100, 200);
        m_sockets[side]->SendTo(packet, 0, ToSocketAddress(to));
    }

    /// To gateway B itself in clear, of the version that the tunnel is not for.
    void SendForbidden()
    {
        const auto socket = Socket::CreateSocket(m_nodes.Get(1), UdpSocketFactory::GetTypeId());
        const bool v6 = m_shape.transport ? !m_shape.outer6 : !m_shape.inner6;
        socket->SendTo(Create<Packet>(10), 0, ToSocketAddress(dual::Text(v6, 2, 2)));
    }

    void Receive(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            ++m_received;
            uint8_t number = 0;
            packet->CopyData(&number, 1);
            m_shortest = std::min(m_shortest, Simulator::Now() - m_sentAt.at(number - 1));
            ByteTagIterator tags = packet->GetByteTagIterator();
            NS_TEST_ASSERT_MSG_EQ(tags.HasNext(), true, "the byte tag is lost");
            const ByteTagIterator::Item item = tags.Next();
            FlowIdTag tag;
            item.GetTag(tag);
            NS_TEST_EXPECT_MSG_EQ(tag.GetFlowId(), 7, "tag");
            NS_TEST_EXPECT_MSG_EQ(item.GetStart(), 100, "first tagged octet");
            NS_TEST_EXPECT_MSG_EQ(item.GetEnd(), 200, "end of the tagged octets");
        }
    }

    void Check()
    {
        NS_TEST_EXPECT_MSG_EQ(m_received, 2 * kDatagrams, "datagrams both ways");
        const Time links = MilliSeconds(m_shape.transport ? 1 : 3);
        const Time engines = m_shape.engines ? kEngineTime + kEngineTime : Time(0);
        NS_TEST_EXPECT_MSG_EQ((m_shortest >= links + engines), true, "both engines take time");
        NS_TEST_EXPECT_MSG_EQ((m_shortest < links + engines + MicroSeconds(100)), true, "once");
        for (const Ptr<IpsecGateway>& gateway : {m_a, m_b})
        {
            const auto& counters = gateway->GetCounters();
            NS_TEST_EXPECT_MSG_EQ(counters.outboundSealed, kDatagrams, "sealed");
            NS_TEST_EXPECT_MSG_EQ(counters.inboundOpened, kDatagrams, "opened");
            NS_TEST_EXPECT_MSG_EQ(counters.inboundDrops.Total(), 0, "dropped coming in");
            NS_TEST_EXPECT_MSG_EQ(counters.Balanced(), true, "a packet is unaccounted");
        }
        const auto& drops = m_a->GetCounters().outboundDrops;
        NS_TEST_EXPECT_MSG_EQ(drops[DropReason::NoPolicy], 1, "in clear, of the other version");
        NS_TEST_EXPECT_MSG_EQ(drops.Total(), 1, "no other drop");
        NS_TEST_EXPECT_MSG_EQ(m_b->GetCounters().outboundDrops.Total(), 0, "none at B");
        NS_TEST_EXPECT_MSG_EQ(m_a->GetIkeCounters().datagramsOut, 2, "IKE requests");
    }

    Shape m_shape;
    NodeContainer m_nodes;
    Ptr<IpsecGateway> m_a;
    Ptr<IpsecGateway> m_b;
    std::array<Ptr<Socket>, 2> m_sockets;
    uint32_t m_sent{0};
    uint32_t m_received{0};
    std::vector<Time> m_sentAt;
    Time m_shortest{Seconds(1000)}; ///< from host to host
};

class Ipv6TestSuite : public TestSuite
{
  public:
    Ipv6TestSuite()
        : TestSuite("ipsec-ipv6", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (const IpsecAttachment attachment :
             {IpsecAttachment::Device, IpsecAttachment::FastPath})
        {
            Add({true, true, attachment});
            Add({true, false, attachment});
            Add({false, true, attachment});
            Add({false, false, attachment});
        }
        for (const bool outer6 : {true, false})
        {
            for (const bool inner6 : {true, false})
            {
                Add({outer6, inner6, IpsecAttachment::Device, false, true});
            }
        }
        Add({true, true, IpsecAttachment::Device, true});
        Add({false, false, IpsecAttachment::Device, true});
    }

  private:
    void Add(const Shape& shape)
    {
        AddTestCase(new VersionsCase(shape), compat::TestNames<TestCase>::kQuick);
    }
};

const Ipv6TestSuite g_ipv6TestSuite;

} // namespace
