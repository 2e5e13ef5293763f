/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "dual-stack.h"

#include "model/ike/extensions/aggfrag.h"
#include "model/wire/icmp-too-big.h"
#include "model/wire/tcp-mss.h"

#include "ns3/boolean.h"
#include "ns3/internet-module.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/path-mtu-routing.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/test.h"

#include <array>
#include <string>
#include <vector>

using namespace ns3;
namespace wire = ipseclab::wire;
using ipseclab::Bytes;
using ipseclab::IpAddress;

namespace
{

using Sizes = std::vector<uint32_t>;
using ipseclab::esp::DropReason;

constexpr uint8_t kExperiment = 253; // for experiments (RFC 3692)
constexpr uint16_t kNarrow = 1400;

/**
 * Both IP versions on every link; the tunnel is of one and carries one:
 *
 *     host A ---- gateway A ---- router ==narrow== gateway B ---- host B
 *          link 1         link 2            link 3           link 4
 */
class VersionsChain
{
  public:
    VersionsChain(bool inner6, bool outer6, bool aggfrag = false)
        : m_inner6(inner6)
    {
        RngSeedManager::SetSeed(1);
        RngSeedManager::SetRun(1);
        m_nodes.Create(5);
        InternetStackHelper().Install(m_nodes);
        BuildLinks();
        IpsecTunnel tunnel;
        tunnel.addressA = dual::ToAddress(outer6, 2, 1);
        tunnel.addressB = dual::ToAddress(outer6, 3, 2);
        const std::string prefix = inner6 ? "/64" : "/24";
        tunnel.protectedA = dual::Text(inner6, 1, 0) + prefix;
        tunnel.protectedB = dual::Text(inner6, 4, 0) + prefix;
        if (aggfrag)
        {
            ipseclab::ike::AggfragConfig config;
            config.required = true;
            tunnel.extensions = {ipseclab::ike::UseAggfrag(config)};
        }
        IpsecHelper::Configure(tunnel, a, b);
        // Duplicate address detection takes a second.
        Simulator::Schedule(Seconds(3), &IpsecGateway::Initiate, a, tunnel.name);
        m_links[0].Get(0)->TraceConnectWithoutContext("PhyRxEnd",
                                                      MakeCallback(&VersionsChain::AtA, this));
        m_links[2].Get(1)->TraceConnectWithoutContext("PhyRxEnd",
                                                      MakeCallback(&VersionsChain::OnNarrow, this));
        m_links[3].Get(1)->TraceConnectWithoutContext("PhyRxEnd",
                                                      MakeCallback(&VersionsChain::AtB, this));
    }

    ~VersionsChain()
    {
        Simulator::Destroy();
    }

    VersionsChain(const VersionsChain&) = delete;
    VersionsChain& operator=(const VersionsChain&) = delete;

    /// From host A to host B. \param octets of IP \param dontFragment of IPv4
    void Send(Time at, uint16_t octets, bool dontFragment)
    {
        Simulator::Schedule(at, &VersionsChain::DoSend, this, octets, dontFragment);
    }

    /// The SYN of a TCP connection that announces an MSS.
    void SendSyn(Time at, uint16_t mss)
    {
        Simulator::Schedule(at, &VersionsChain::DoSendSyn, this, mss);
    }

    void Run(Time until)
    {
        Simulator::Stop(until);
        Simulator::Run();
    }

    Ptr<IpsecGateway> a;
    Ptr<IpsecGateway> b;
    Sizes arrived;         ///< at host B, octets of IP
    Sizes told;            ///< MTUs that host A was told
    Sizes mss;             ///< of SYNs that came to host B
    Sizes esp;             ///< packets of ESP on the narrow link
    uint32_t fragments{0}; ///< there

  private:
    void BuildLinks()
    {
        PointToPointHelper link;
        link.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
        link.SetChannelAttribute("Delay", StringValue("1ms"));
        for (uint32_t i = 0; i < m_links.size(); ++i)
        {
            m_links[i] = link.Install(m_nodes.Get(i), m_nodes.Get(i + 1));
        }
        m_links[2].Get(0)->SetMtu(kNarrow);
        m_links[2].Get(1)->SetMtu(kNarrow);
        m_nodes.Get(2)->GetObject<Ipv4>()->SetRoutingProtocol(CreateObject<PathMtuRouting>());
        IpsecHelper helper;
        a = helper.Install(m_nodes.Get(1));
        b = helper.Install(m_nodes.Get(3));
        a->AssignStreams(1);
        b->AssignStreams(2);
        const auto outsideA = IpsecHelper::AttachDevice(a, m_links[1].Get(0));
        const auto outsideB = IpsecHelper::AttachDevice(b, m_links[2].Get(1));
        const std::array<std::array<Ptr<NetDevice>, 2>, 4> ends{
            {{m_links[0].Get(0), m_links[0].Get(1)},
             {outsideA, m_links[1].Get(1)},
             {m_links[2].Get(0), outsideB},
             {m_links[3].Get(0), m_links[3].Get(1)}}};
        for (int i = 0; i < 4; ++i)
        {
            dual::Join(ends[static_cast<size_t>(i)][0], i + 1, 1);
            dual::Join(ends[static_cast<size_t>(i)][1], i + 1, 2);
        }
        dual::RouteRest(ends[0][0], 1, 2);
        dual::RouteRest(ends[1][0], 2, 2);
        dual::RouteRest(ends[1][1], 2, 1);
        dual::Route(ends[2][0], 4, 3, 2);
        dual::RouteRest(ends[2][1], 3, 1);
        dual::RouteRest(ends[3][1], 4, 1);
    }

    void DoSend(uint16_t octets, bool dontFragment)
    {
        Inject(MakePacket(octets, kExperiment, dontFragment));
    }

    void DoSendSyn(uint16_t mss)
    {
        const size_t ip = m_inner6 ? wire::kIpv6HeaderSize : wire::kIpv4HeaderSize;
        const uint8_t tcp[] = {0x9c, 0x40, 0x01, 0xbb, 0,    0, 0, 0, 0, 0, 0,
                               0,    0x60, 0x02, 0xff, 0xff, 0, 0, 0, 0, 2, 4};
        Bytes packet =
            MakePacket(static_cast<uint16_t>(ip + sizeof(tcp) + 2), wire::kProtocolTcp, true);
        std::copy(std::begin(tcp), std::end(tcp), &packet[ip]);
        ipseclab::StoreBe16(&packet[ip + sizeof(tcp)], mss);
        Inject(packet);
    }

    Bytes MakePacket(uint16_t octets, uint8_t protocol, bool dontFragment) const
    {
        Bytes packet(octets);
        if (m_inner6)
        {
            wire::Ipv6HeaderFields fields;
            fields.totalLength = octets;
            fields.protocol = protocol;
            fields.source = *IpAddress::FromString(dual::Text(true, 1, 1));
            fields.destination = *IpAddress::FromString(dual::Text(true, 4, 2));
            wire::WriteIpv6Header(packet.data(), fields);
        }
        else
        {
            wire::Ipv4HeaderFields fields;
            fields.totalLength = octets;
            fields.identification = octets;
            fields.dontFragment = dontFragment;
            fields.protocol = protocol;
            fields.source = IpAddress::FromString(dual::Text(false, 1, 1))->V4Value();
            fields.destination = IpAddress::FromString(dual::Text(false, 4, 2))->V4Value();
            wire::WriteIpv4Header(packet.data(), fields);
        }
        return packet;
    }

    void Inject(const Bytes& packet)
    {
        const Ptr<NetDevice> device = m_links[0].Get(0);
        device->Send(Create<Packet>(packet.data(), static_cast<uint32_t>(packet.size())),
                     device->GetBroadcast(),
                     m_inner6 ? Ipv6L3Protocol::PROT_NUMBER : Ipv4L3Protocol::PROT_NUMBER);
    }

    static Bytes Read(Ptr<const Packet> frame, wire::IpView& view)
    {
        constexpr uint32_t kPpp = 2;
        Bytes octets(frame->GetSize());
        frame->CopyData(octets.data(), frame->GetSize());
        octets.erase(octets.begin(), octets.begin() + kPpp);
        if (!wire::ParseIp(octets, view))
        {
            octets.clear();
        }
        return octets;
    }

    void AtA(Ptr<const Packet> frame)
    {
        wire::IpView view;
        const Bytes packet = Read(frame, view);
        const auto report = packet.empty() ? std::nullopt : wire::ParseTooBig(view);
        if (report)
        {
            told.push_back(report->mtu);
        }
    }

    void AtB(Ptr<const Packet> frame)
    {
        wire::IpView view;
        const Bytes packet = Read(frame, view);
        if (!packet.empty() && view.Protocol() == kExperiment)
        {
            arrived.push_back(static_cast<uint32_t>(view.totalLength));
        }
        if (const auto announced = packet.empty() ? std::nullopt : wire::ReadMss(view))
        {
            mss.push_back(*announced);
        }
    }

    void OnNarrow(Ptr<const Packet> frame)
    {
        wire::IpView view;
        const Bytes packet = Read(frame, view);
        fragments += !packet.empty() && view.isFragment;
        if (!packet.empty() && view.Protocol() == wire::kProtocolEsp)
        {
            esp.push_back(static_cast<uint32_t>(view.totalLength));
        }
    }

    bool m_inner6;
    NodeContainer m_nodes;
    std::array<NetDeviceContainer, 4> m_links;
};

/// One inner IP version in one outer; AES-GCM.
class VersionsPathMtuCase : public TestCase
{
  public:
    VersionsPathMtuCase(bool inner6, bool outer6)
        : TestCase(std::string(inner6 ? "IPv6" : "IPv4") + " in " + (outer6 ? "IPv6" : "IPv4")),
          m_inner6(inner6),
          m_outer6(outer6)
    {
    }

  private:
    /// The largest inner packet: without outer header, SPI, number, IV and ICV what is there of
    /// whole words of four octets, and of those two for the trailer.
    uint32_t Largest(uint32_t mtu) const
    {
        const uint32_t room = mtu - (m_outer6 ? 40 : 20) - 8 - 8 - 16;
        return room - room % 4 - 2;
    }

    void DoRun() override
    {
        ReportsWhatHasDf();
        ClearDfIsCutByTheRouter();
        CutAfterEsp();
        CutBeforeEsp();
        ClampsTheMss();
        AggregatesAndCuts();
    }

    /// Fits the gateway's link, but not the router's: one is lost to learn it, the next is
    /// reported.
    void ReportsWhatHasDf()
    {
        VersionsChain chain(m_inner6, m_outer6);
        const auto wide = static_cast<uint16_t>(Largest(1500));
        const auto fits = static_cast<uint16_t>(Largest(kNarrow));
        chain.Send(Seconds(4), wide, true);
        chain.Send(Seconds(5), wide, true);
        chain.Send(Seconds(6), static_cast<uint16_t>(fits + 1), true);
        chain.Send(Seconds(7), fits, true);
        chain.Run(Seconds(8));
        NS_TEST_EXPECT_MSG_EQ((chain.told == Sizes{fits, fits}), true, "told");
        NS_TEST_EXPECT_MSG_EQ((chain.arrived == Sizes{fits}), true, "arrived");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetPathMtu()->GetCounters().learnt, 1, "learnt");
        NS_TEST_EXPECT_MSG_EQ(chain.fragments, 0, "no fragment");
        ExpectBalanced(chain);
    }

    /// Outside IPv4 the router cuts what has no DF, whatever is inside; an IPv6 router never does.
    void ClearDfIsCutByTheRouter()
    {
        VersionsChain chain(m_inner6, m_outer6);
        chain.a->SetAttribute("DfPolicy", StringValue("Clear"));
        const uint32_t wide = Largest(1500);
        chain.Send(Seconds(4), static_cast<uint16_t>(wide), true);
        chain.Run(Seconds(5));
        NS_TEST_EXPECT_MSG_EQ((chain.arrived == (m_outer6 ? Sizes{} : Sizes{wide})),
                              true,
                              "DF off");
        NS_TEST_EXPECT_MSG_EQ(chain.fragments, (m_outer6 ? 0 : 2), "outer fragments, joined");
        ExpectBalanced(chain);
    }

    /// The gateway cuts the ESP packet, also to what it has learnt; the other joins.
    void CutAfterEsp()
    {
        VersionsChain chain(m_inner6, m_outer6);
        chain.a->GetPathMtu()->SetAttribute("Fragmentation", StringValue("AfterEsp"));
        const uint32_t wide = Largest(1500);
        chain.Send(Seconds(4), static_cast<uint16_t>(wide), true); // learns it
        chain.Send(Seconds(5), static_cast<uint16_t>(wide), false);
        chain.Run(Seconds(6));
        const bool cut = !m_inner6; // IPv6 never lets a gateway cut
        NS_TEST_EXPECT_MSG_EQ((chain.arrived == (cut ? Sizes{wide} : Sizes{})), true, "joined");
        NS_TEST_EXPECT_MSG_EQ(chain.fragments, (cut ? 2 : 0), "outer fragments");
        NS_TEST_EXPECT_MSG_EQ(chain.told.size(), (cut ? 0 : 1), "or a report");
        ExpectBalanced(chain);
    }

    /// The gateway cuts the inner packet.
    void CutBeforeEsp()
    {
        VersionsChain chain(m_inner6, m_outer6);
        chain.a->GetPathMtu()->SetAttribute("Fragmentation", StringValue("BeforeEsp"));
        const uint32_t wide = Largest(1500);
        const uint32_t fits = Largest(kNarrow);
        chain.Send(Seconds(4), static_cast<uint16_t>(wide), true); // learns it
        chain.Send(Seconds(5), static_cast<uint16_t>(wide), false);
        chain.Run(Seconds(6));
        const uint32_t first = 20 + (fits - 20) / 8 * 8;
        const Sizes pieces{first, wide - first + 20};
        NS_TEST_EXPECT_MSG_EQ((chain.arrived == (m_inner6 ? Sizes{} : pieces)), true, "pieces");
        NS_TEST_EXPECT_MSG_EQ(chain.fragments, 0, "none outside");
        NS_TEST_EXPECT_MSG_EQ(chain.told.size(), (m_inner6 ? 1 : 0), "or a report");
        ExpectBalanced(chain);
    }

    /// To what fits less the headers of the inner version; at gateway A for all that is known.
    void ClampsTheMss()
    {
        const uint32_t headers = m_inner6 ? 60 : 40;
        VersionsChain chain(m_inner6, m_outer6);
        chain.a->GetPathMtu()->SetAttribute("ClampMss", BooleanValue(true));
        chain.SendSyn(Seconds(4), 1460);
        chain.Send(Seconds(5), static_cast<uint16_t>(Largest(1500)), true); // learns of the router
        chain.SendSyn(Seconds(6), 1460);
        chain.SendSyn(Seconds(7), 536);
        chain.Run(Seconds(8));
        const Sizes expected{Largest(1500) - headers, Largest(kNarrow) - headers, 536};
        NS_TEST_EXPECT_MSG_EQ((chain.mss == expected), true, "MSS");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetPathMtu()->GetCounters().clampedSent, 2, "counted");
        ExpectBalanced(chain);
    }

    /// AGGFRAG takes 4 octets of the largest packet, carries larger ones in parts, and follows the
    /// path MTU without a word to sources.
    void AggregatesAndCuts()
    {
        VersionsChain chain(m_inner6, m_outer6, true);
        for (const int second : {4, 6, 8})
        {
            chain.Send(Seconds(second), 1500, true);
        }
        chain.Send(Seconds(7), 64, true);
        chain.Run(Seconds(10));
        // The first ESP packet, of 1500, is lost; its rest waits behind it for a second.
        NS_TEST_EXPECT_MSG_EQ((chain.arrived == Sizes{1500, 64, 1500}), true, "arrived");
        const auto sealed = [this](uint32_t blocks)
        { return (m_outer6 ? 40U : 20U) + 8 + 8 + (4 + blocks + 2 + 3) / 4 * 4 + 16; };
        const uint32_t lost = 1500 - (Largest(1500) - 4);
        const uint32_t rest = 1500 - (Largest(kNarrow) - 4);
        const Sizes expected{sealed(lost),
                             kNarrow,
                             sealed(rest),
                             sealed(64),
                             kNarrow,
                             sealed(rest)};
        NS_TEST_EXPECT_MSG_EQ((chain.esp == expected), true, "on the wire");
        NS_TEST_EXPECT_MSG_EQ(chain.told.size(), 0, "reports");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetPathMtu()->GetCounters().learnt, 1, "learnt");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetAggfrag()->GetCounters().received.missing, 1, "missing");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetAggfrag()->GetCounters().Balanced(), true, "sender");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetAggfrag()->GetCounters().Balanced(), true, "receiver");
        ExpectBalanced(chain);
    }

    void ExpectBalanced(const VersionsChain& chain)
    {
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetCounters().Balanced(), true, "gateway A");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetCounters().Balanced(), true, "gateway B");
    }

    bool m_inner6;
    bool m_outer6;
};

class PathMtuVersionsTestSuite : public TestSuite
{
  public:
    PathMtuVersionsTestSuite()
        : TestSuite("ipsec-path-mtu-versions", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (const bool inner6 : {false, true})
        {
            for (const bool outer6 : {false, true})
            {
                AddTestCase(new VersionsPathMtuCase(inner6, outer6),
                            compat::TestNames<TestCase>::kQuick);
            }
        }
    }
};

const PathMtuVersionsTestSuite g_pathMtuVersionsTestSuite;

} // namespace
