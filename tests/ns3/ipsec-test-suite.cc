/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-chain.h"

#include "ns3/flow-id-tag.h"
#include "ns3/flow-monitor-helper.h"
#include "ns3/global-value.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipv4-flow-classifier.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/pointer.h"
#include "ns3/test.h"

#include <cstdio>

using namespace ns3;

namespace
{

using ipseclab::Bytes;
using ipseclab::esp::DataPlaneCounters;
using ipseclab::esp::DropReason;
using ipseclab::esp::SpdAction;
using ipseclab::esp::SpdEntry;

constexpr uint16_t kBypassPort = 7000;
constexpr uint16_t kDiscardPort = 7001;

/// All counters in one list, so that two gateways compare at once.
std::vector<uint64_t>
Flat(const DataPlaneCounters& c)
{
    std::vector<uint64_t> all{c.outboundIn,
                              c.outboundSealed,
                              c.outboundBypassed,
                              c.inboundIn,
                              c.inboundOpened,
                              c.inboundBypassed,
                              c.sealedOctets,
                              c.openedOctets};
    for (size_t i = 0; i < ipseclab::esp::kDropReasons; ++i)
    {
        all.push_back(c.outboundDrops[static_cast<DropReason>(i)]);
        all.push_back(c.inboundDrops[static_cast<DropReason>(i)]);
    }
    return all;
}

SpdEntry
PortPolicy(const char* name, uint16_t port, SpdAction action)
{
    auto remote = *ipseclab::TrafficSelector::FromString("10.0.4.0/24");
    remote.protocol = UdpL4Protocol::PROT_NUMBER;
    remote.startPort = port;
    remote.endPort = port;
    return {name, {}, {remote}, action, ""};
}

Ipv4Header
Header(const char* source, const char* destination, uint8_t protocol)
{
    Ipv4Header header;
    header.SetSource(Ipv4Address(source));
    header.SetDestination(Ipv4Address(destination));
    header.SetProtocol(protocol);
    return header;
}

/// A case that is made for each attachment.
class AttachmentCase : public TestCase
{
  protected:
    AttachmentCase(const std::string& name, IpsecAttachment attachment)
        : TestCase(name + (attachment == IpsecAttachment::Device ? ", device" : ", fast path"))
    {
        m_options.attachment = attachment;
    }

    ChainOptions m_options;
};

/**
 * Datagrams go out through the handshake that they ask for and through the tunnel, both ways:
 *
 *     A: AcquirePending -> IKE_SA_INIT, IKE_AUTH -> sealed    B: opened
 */
class HandshakeCase : public AttachmentCase
{
  public:
    explicit HandshakeCase(IpsecAttachment attachment)
        : AttachmentCase("handshake on demand, data both ways, delete", attachment)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(m_options);
        chain.SendMany(Seconds(1), MicroSeconds(100), 3);
        chain.SendMany(Seconds(2), MicroSeconds(100), 5);
        chain.Send(Seconds(3), false, 200);
        Simulator::Schedule(Seconds(4), &IpsecGateway::CloseAll, chain.a);
        Simulator::Schedule(Seconds(5), &HandshakeCase::CheckClosed, this, &chain);
        chain.Send(Seconds(6), true, 100);
        chain.Send(Seconds(7), true, 100);
        chain.Run(Seconds(8));

        const auto& a = chain.a->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(a.outboundDrops[DropReason::AcquirePending], 4, "3 and, later, 1");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 6, "5 and, after the second handshake, 1");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtA(), 1, "the other way");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetCounters().inboundOpened, 6, "all through the tunnel");
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeEndpoint().EstablishedCount(), 1, "one IKE SA");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetIkeEndpoint().EstablishedCount(), 1, "one IKE SA");
        // Two exchanges, one Delete, two exchanges.
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeCounters().datagramsOut, 5, "requests");
        NS_TEST_EXPECT_MSG_EQ(chain.b->GetIkeCounters().datagramsOut, 5, "responses");
    }

    void CheckClosed(TunnelChain* chain)
    {
        for (const Ptr<IpsecGateway>& gateway : {chain->a, chain->b})
        {
            NS_TEST_EXPECT_MSG_EQ(gateway->GetDataPlane().GetSad().PairCount(), 0, "SAs left");
            NS_TEST_EXPECT_MSG_EQ(gateway->GetIkeEndpoint().EstablishedCount(), 0, "IKE SA left");
        }
    }
};

/// RFC 7296, section 2.1: requests are sent again, after 4 s and then after 7.2 s.
class RetransmissionCase : public TestCase
{
  public:
    RetransmissionCase()
        : TestCase("IKE survives lost packets")
    {
    }

  private:
    void DoRun() override
    {
        BlackoutUntilFiveSeconds();
        TwentyPercentLoss();
    }

    void BlackoutUntilFiveSeconds()
    {
        TunnelChain chain({});
        SetLoss(&chain, 1);
        chain.Initiate(Seconds(0));
        Simulator::Schedule(Seconds(5), &RetransmissionCase::SetLoss, this, &chain, 0.0);
        chain.Send(Seconds(11.1), true, 100);
        chain.Send(Seconds(11.5), true, 100);
        chain.Run(Seconds(12));
        NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeCounters().retransmissions, 2, "at 4 s and 11.2 s");
        NS_TEST_EXPECT_MSG_EQ(chain.Waves()->GetLost(), 2, "at 0 s and 4 s");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 1, "not before 11.2 s");
    }

    void TwentyPercentLoss()
    {
        uint64_t retransmissions = 0;
        uint64_t responsesResent = 0;
        for (uint64_t run = 1; run <= 10; ++run)
        {
            ChainOptions options;
            options.run = run;
            TunnelChain chain(options);
            SetLoss(&chain, 0.2);
            chain.Initiate(Seconds(0));
            chain.Run(Seconds(200));
            NS_TEST_EXPECT_MSG_EQ(chain.a->GetIkeEndpoint().EstablishedCount(), 1, "run " << run);
            NS_TEST_EXPECT_MSG_EQ(chain.b->GetDataPlane().GetSad().PairCount(), 1, "run " << run);
            retransmissions += chain.a->GetIkeCounters().retransmissions;
            responsesResent += chain.b->GetIkeCounters().responsesResent;
        }
        NS_TEST_EXPECT_MSG_GT(retransmissions, 0, "no request was lost: the test shows nothing");
        NS_TEST_EXPECT_MSG_GT(responsesResent, 0, "no response was lost: the test shows nothing");
    }

    void SetLoss(TunnelChain* chain, double probability)
    {
        chain->Waves()->SetAttribute("LossProbability", DoubleValue(probability));
    }
};

/// One of everything that can happen to a packet. What a run of it leaves behind.
struct Mixture
{
    std::vector<uint64_t> countersA;
    std::vector<uint64_t> countersB;
    std::vector<TunnelChain::EspRecord> espAtA;
    std::vector<TunnelChain::EspRecord> espAtB;
    std::vector<Bytes> delivered;
    std::vector<Bytes> wire;
    DataPlaneCounters a;
    DataPlaneCounters b;
    uint64_t traced{0};
};

Mixture
RunMixture(ChainOptions options)
{
    options.policies = {PortPolicy("clear", kBypassPort, SpdAction::Bypass),
                        PortPolicy("never", kDiscardPort, SpdAction::Discard)};
    TunnelChain chain(options);
    chain.Initiate(MilliSeconds(1));
    for (uint32_t i = 0; i < 50; ++i)
    {
        chain.Send(Seconds(1) + MilliSeconds(i), true, 20 + 7 * i);
        chain.Send(Seconds(1) + MilliSeconds(i), false, 500 - 7 * i);
    }
    constexpr uint32_t kWholeMtu = 1472;
    chain.Send(Seconds(2), true, kWholeMtu);
    chain.Send(Seconds(2.1), true, 100, kBypassPort);
    chain.Send(Seconds(2.2), true, 100, kDiscardPort);
    chain.Send(Seconds(2.3), true, 100, TunnelChain::kPort, 1); // ends at gateway A
    chain.Send(Seconds(2.4), true, 100, TunnelChain::kPort, 2); // ends at gateway B, opened
    chain.Send(Seconds(2.5), true, 100, TunnelChain::kPort, 3); // just arrives
    const uint8_t udp = UdpL4Protocol::PROT_NUMBER;
    constexpr uint8_t esp = 50;
    chain.Inject(Seconds(3), Header("10.0.1.1", "10.0.4.2", udp), Create<Packet>(100));
    chain.Inject(Seconds(3.1), Header("10.0.9.9", "10.0.4.2", udp), Create<Packet>(100));
    chain.Inject(Seconds(3.2), Header("10.0.2.1", "10.0.3.2", esp), Create<Packet>(100));
    chain.Inject(Seconds(3.3), Header("10.0.1.1", "10.0.4.2", esp), Create<Packet>(100));
    chain.Run(Seconds(5));
    return {Flat(chain.a->GetCounters()),
            Flat(chain.b->GetCounters()),
            chain.espAtA,
            chain.espAtB,
            chain.deliveredPackets,
            chain.wire,
            chain.a->GetCounters(),
            chain.b->GetCounters(),
            chain.drops};
}

/// SPD and drop reasons, one by one.
class PolicyCase : public AttachmentCase
{
  public:
    explicit PolicyCase(IpsecAttachment attachment)
        : AttachmentCase("bypass, discard and drop, each counted", attachment)
    {
    }

  private:
    void DoRun() override
    {
        const Mixture m = RunMixture(m_options);
        NS_TEST_EXPECT_MSG_EQ(m.a.outboundSealed, 52, "50, and two with a short TTL");
        NS_TEST_EXPECT_MSG_EQ(m.b.inboundOpened, 52, "what A sealed");
        NS_TEST_EXPECT_MSG_EQ(m.a.outboundDrops[DropReason::TooBig], 1, "1500 octets");
        NS_TEST_EXPECT_MSG_EQ(m.a.outboundDrops[DropReason::PolicyDiscard], 1, "");
        NS_TEST_EXPECT_MSG_EQ(m.a.outboundBypassed, 2 + 1, "IKE and one in clear");
        // IKE, one in clear from A; the port unreachable for it is an inner packet.
        NS_TEST_EXPECT_MSG_EQ(m.b.inboundBypassed, 2 + 1, "IKE and one in clear");
        NS_TEST_EXPECT_MSG_EQ(m.b.inboundDrops[DropReason::UnprotectedInbound], 2, "UDP, ESP");
        NS_TEST_EXPECT_MSG_EQ(m.b.inboundDrops[DropReason::NoPolicy], 1, "from nowhere");
        NS_TEST_EXPECT_MSG_EQ(m.b.inboundDrops[DropReason::UnknownSpi], 1, "SPI 0");
        NS_TEST_EXPECT_MSG_EQ(m.a.Balanced() && m.b.Balanced(), true, "a packet is unaccounted");
        NS_TEST_EXPECT_MSG_EQ(m.traced,
                              m.a.outboundDrops.Total() + m.a.inboundDrops.Total() +
                                  m.b.outboundDrops.Total() + m.b.inboundDrops.Total(),
                              "each drop is traced once");
        NS_TEST_EXPECT_MSG_EQ(uint32_t{m.delivered.front()[8]}, 62, "TTL: two gateways");
    }
};

/// Law: both attachments, and both crypto modes, give the same counters and the same packets.
class EqualityCase : public TestCase
{
  public:
    EqualityCase()
        : TestCase("attachments and crypto modes are equal")
    {
    }

  private:
    void DoRun() override
    {
        ChainOptions options;
        const Mixture device = RunMixture(options);
        options.cryptoMode = "Sized";
        Compare(device, RunMixture(options), "sized");
        options.attachment = IpsecAttachment::FastPath;
        Compare(device, RunMixture(options), "sized, fast path");
        options.cryptoMode = "Real";
        const Mixture fast = RunMixture(options);
        Compare(device, fast, "fast path");
        NS_TEST_EXPECT_MSG_EQ(device.wire.size(), fast.wire.size(), "frames outside");
    }

    void Compare(const Mixture& one, const Mixture& other, const std::string& what)
    {
        NS_TEST_EXPECT_MSG_EQ((one.countersA == other.countersA), true, "counters of A, " << what);
        NS_TEST_EXPECT_MSG_EQ((one.countersB == other.countersB), true, "counters of B, " << what);
        NS_TEST_EXPECT_MSG_EQ((one.espAtA == other.espAtA), true, "ESP at A, " << what);
        NS_TEST_EXPECT_MSG_EQ((one.espAtB == other.espAtB), true, "ESP at B, " << what);
        NS_TEST_EXPECT_MSG_EQ(one.delivered.size(), other.delivered.size(), "packets, " << what);
        NS_TEST_EXPECT_MSG_EQ((one.delivered == other.delivered), true, "octets, " << what);
    }
};

/// Everything random comes from the run's streams, keys and nonces included.
class RepetitionCase : public TestCase
{
  public:
    RepetitionCase()
        : TestCase("the same run gives the same frames, another run others")
    {
    }

  private:
    void DoRun() override
    {
        const std::vector<Bytes> first = RunMixture({}).wire;
        NS_TEST_EXPECT_MSG_GT(first.size(), 100, "frames");
        NS_TEST_EXPECT_MSG_EQ((first == RunMixture({}).wire), true, "run 1 again");
        ChainOptions other;
        other.run = 2;
        NS_TEST_EXPECT_MSG_EQ((first == RunMixture(other).wire), false, "run 2");
    }
};

/**
 * A window of 32 and two packets that come late by 31 and by 32 numbers; one on either side of the
 * edge (RFC 4303, section 3.4.3).
 */
class ReplayEdgeCase : public AttachmentCase
{
  public:
    explicit ReplayEdgeCase(IpsecAttachment attachment)
        : AttachmentCase("replay loss exactly behind the window", attachment)
    {
        m_options.window = 32;
    }

  private:
    static constexpr uint32_t kPackets = 100;

    void DoRun() override
    {
        const double interval = 1e-4;
        std::vector<double> delays(kPackets, 0);
        delays[9] = 31.5 * interval;  // number 10 comes after number 41
        delays[49] = 32.5 * interval; // number 50 comes after number 82
        const auto extra = CreateObject<DeterministicRandomVariable>();
        extra->SetValueArray(delays.data(), delays.size());

        TunnelChain chain(m_options);
        chain.Initiate(MilliSeconds(1));
        Simulator::Schedule(Seconds(1),
                            &ReplayEdgeCase::SetDelays,
                            this,
                            &chain,
                            Ptr<RandomVariableStream>(extra));
        chain.SendMany(Seconds(1.5), Seconds(interval), kPackets);
        chain.Run(Seconds(2));

        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), kPackets - 1, "all but one");
        NS_TEST_ASSERT_MSG_EQ(chain.espAtB.size(), kPackets, "all arrive");
        for (const auto& [spi, number, reason] : chain.espAtB)
        {
            const DropReason expected = number == 50 ? DropReason::ReplayTooOld : DropReason::None;
            NS_TEST_EXPECT_MSG_EQ((reason == expected), true, "number " << number);
        }
    }

    void SetDelays(TunnelChain* chain, Ptr<RandomVariableStream> delays)
    {
        chain->Waves()->SetAttribute("ExtraDelay", PointerValue(delays));
    }
};

/**
 * Law 5 over the whole network: a slow port with a short queue, a lossy link with a delay spread, a
 * window that is too small, and a stop in the middle.
 */
class AccountingCase : public AttachmentCase
{
  public:
    explicit AccountingCase(IpsecAttachment attachment)
        : AttachmentCase("in = delivered + dropped by reason + in flight", attachment)
    {
        m_options.window = 32;
        m_options.outsideRate = "10Mbps";
        m_options.outsideQueue = QueueSize("20p");
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(m_options);
        chain.SendMany(MilliSeconds(10), MilliSeconds(1), 3); // these ask for the SA
        Simulator::Schedule(Seconds(1), &AccountingCase::Spoil, this, chain.Waves());
        chain.SendMany(Seconds(1.5), MicroSeconds(100), 6000);
        chain.Run(Seconds(2));

        const auto& a = chain.a->GetCounters();
        const auto& b = chain.b->GetCounters();
        NS_TEST_EXPECT_MSG_EQ(chain.Sent(),
                              chain.DeliveredAtB() + a.outboundDrops.Total() +
                                  b.inboundDrops.Total() + chain.Waves()->GetLost() +
                                  chain.InFlight(),
                              "packets have vanished or multiplied");
        NS_TEST_EXPECT_MSG_EQ(a.Balanced() && b.Balanced(), true, "a gateway lost count");
        // Each mechanism must have been at work, or the sum shows nothing.
        NS_TEST_EXPECT_MSG_EQ(a.outboundDrops[DropReason::AcquirePending], 3, "acquire");
        NS_TEST_EXPECT_MSG_GT(a.outboundDrops[DropReason::Queue], 100, "queue");
        NS_TEST_EXPECT_MSG_GT(b.inboundDrops[DropReason::ReplayTooOld], 10, "replay");
        NS_TEST_EXPECT_MSG_GT(chain.Waves()->GetLost(), 10, "loss");
        NS_TEST_EXPECT_MSG_GT(chain.Waves()->GetInFlight(), 10, "in flight");
        NS_TEST_EXPECT_MSG_GT(chain.DeliveredAtB(), 100, "delivered");
    }

    void Spoil(Ptr<ReorderingChannel> channel)
    {
        const auto extra = CreateObject<UniformRandomVariable>();
        extra->SetAttribute("Max", DoubleValue(0.05));
        extra->SetStream(20);
        channel->SetAttribute("ExtraDelay", PointerValue(extra));
        channel->SetAttribute("LossProbability", DoubleValue(0.05));
    }
};

/// A flow that goes through the tunnel is one flow for FlowMonitor, and nothing of it is lost.
class FlowMonitorCase : public TestCase
{
  public:
    FlowMonitorCase()
        : TestCase("FlowMonitor sees through the tunnel")
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint32_t kPackets = 200;
        TunnelChain chain({});
        FlowMonitorHelper helper;
        const Ptr<FlowMonitor> monitor = helper.Install(chain.nodes);
        chain.Initiate(MilliSeconds(1));
        chain.SendMany(Seconds(1), MicroSeconds(100), kPackets);
        chain.Run(Seconds(20));
        monitor->CheckForLostPackets(Seconds(1));

        uint32_t found = 0;
        const auto classifier = DynamicCast<Ipv4FlowClassifier>(helper.GetClassifier());
        for (const auto& [id, flow] : monitor->GetFlowStats())
        {
            NS_TEST_EXPECT_MSG_EQ(flow.lostPackets, 0, "of flow " << id);
            NS_TEST_EXPECT_MSG_EQ(flow.rxPackets, flow.txPackets, "of flow " << id);
            if (classifier->FindFlow(id).destinationPort == TunnelChain::kPort)
            {
                ++found;
                NS_TEST_EXPECT_MSG_EQ(flow.rxPackets, kPackets, "in the tunnel");
                NS_TEST_EXPECT_MSG_EQ(flow.timesForwarded, 2 * kPackets, "by both gateways");
            }
        }
        NS_TEST_EXPECT_MSG_EQ(found, 1, "flows of data");
    }
};

/// Byte tags keep to their octets: clear, ESP, clear.
class ByteTagCase : public AttachmentCase
{
  public:
    explicit ByteTagCase(IpsecAttachment attachment)
        : AttachmentCase("byte tags survive, octet by octet", attachment)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(m_options);
        chain.Initiate(MilliSeconds(1));
        Simulator::Schedule(Seconds(1), &ByteTagCase::SendTagged, this, &chain);
        chain.links[2].Get(0)->TraceConnectWithoutContext(
            "MacTx",
            MakeCallback(&ByteTagCase::SeeOutside, this));
        chain.nodes.Get(TunnelChain::HostB)
            ->GetObject<Ipv4L3Protocol>()
            ->TraceConnectWithoutContext("LocalDeliver", MakeCallback(&ByteTagCase::See, this));
        chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ(m_seen, 1, "tags at the host");
        NS_TEST_EXPECT_MSG_EQ(m_outside, 1, "tags on the wire");
    }

    void SendTagged(TunnelChain* chain)
    {
        const auto socket = Socket::CreateSocket(chain->nodes.Get(TunnelChain::HostA),
                                                 UdpSocketFactory::GetTypeId());
        const Ptr<Packet> packet = Create<Packet>(300);
        packet->AddByteTag(FlowIdTag(7), 100, 200);
        socket->SendTo(packet, 0, InetSocketAddress("10.0.4.2", TunnelChain::kPort));
    }

    void See(const Ipv4Header&, Ptr<const Packet> packet, uint32_t)
    {
        m_seen += Check(packet, UdpHeader().GetSerializedSize());
    }

    void SeeOutside(Ptr<const Packet> frame)
    {
        constexpr uint32_t kPpp = 2;
        constexpr uint32_t kOuter = 20 + 8 + 8; // IP, ESP, IV
        constexpr uint32_t kInner = 20 + 8;
        m_outside += Check(frame, kPpp + kOuter + kInner);
    }

    uint32_t Check(Ptr<const Packet> packet, uint32_t headers)
    {
        uint32_t tags = 0;
        for (ByteTagIterator i = packet->GetByteTagIterator(); i.HasNext();)
        {
            const ByteTagIterator::Item item = i.Next();
            FlowIdTag tag;
            NS_TEST_ASSERT_MSG_EQ_RETURNS_BOOL(item.GetTypeId(), FlowIdTag::GetTypeId(), "type");
            item.GetTag(tag);
            NS_TEST_EXPECT_MSG_EQ(tag.GetFlowId(), 7, "value");
            NS_TEST_EXPECT_MSG_EQ(item.GetStart(), headers + 100, "first octet");
            NS_TEST_EXPECT_MSG_EQ(item.GetEnd(), headers + 200, "end");
            ++tags;
        }
        return tags;
    }

    uint32_t m_seen{0};
    uint32_t m_outside{0};
};

/// The pcap of the outside port holds whole IPv4 packets with right checksums, IKE and ESP.
class CaptureCase : public AttachmentCase
{
  public:
    explicit CaptureCase(IpsecAttachment attachment)
        : AttachmentCase("capture of the outside port", attachment)
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint32_t kPackets = 20;
        GlobalValue::Bind("ChecksumEnabled", BooleanValue(true));
        const std::string file = CreateTempDirFilename("outside.pcap");
        {
            TunnelChain chain(m_options);
            PointToPointHelper().EnablePcap(file, chain.links[1].Get(0), false, true);
            chain.Initiate(MilliSeconds(1));
            chain.SendMany(Seconds(1), MilliSeconds(1), kPackets);
            chain.Run(Seconds(2));
            // Hosts check too: inner checksums must have followed the TTL.
            NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), kPackets, "with right inner checksums");
        }
        GlobalValue::Bind("ChecksumEnabled", BooleanValue(false));
        Read(file);
        std::remove(file.c_str());
        NS_TEST_EXPECT_MSG_EQ(m_ike, 4, "IKE messages");
        NS_TEST_EXPECT_MSG_EQ(m_esp, kPackets, "ESP packets");
    }

    void Read(const std::string& file)
    {
        PcapFile pcap;
        pcap.Open(file, std::ios::in);
        NS_TEST_ASSERT_MSG_EQ(pcap.Fail(), false, "no capture");
        uint8_t frame[2000];
        uint32_t unused[4];
        uint32_t read = 0;
        for (;;)
        {
            pcap.Read(frame, sizeof(frame), unused[0], unused[1], unused[2], unused[3], read);
            if (pcap.Fail() || pcap.Eof())
            {
                break;
            }
            constexpr uint32_t kPpp = 2;
            Check(frame + kPpp, read - kPpp);
        }
    }

    void Check(const uint8_t* ip, uint32_t size)
    {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < 20; i += 2)
        {
            sum += ipseclab::LoadBe16(ip + i);
        }
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        NS_TEST_EXPECT_MSG_EQ(sum, 0xffff, "checksum");
        NS_TEST_EXPECT_MSG_EQ(uint32_t{ipseclab::LoadBe16(ip + 2)}, size, "length");
        m_ike += ip[9] == 17 && ipseclab::LoadBe16(ip + 22) == 500 ? 1 : 0;
        m_esp += ip[9] == 50 ? 1 : 0;
    }

    uint32_t m_ike{0};
    uint32_t m_esp{0};
};

/// The gateway stays a node of its own: echo on its outer address, a third port, its inner address.
class OwnTrafficCase : public AttachmentCase
{
  public:
    explicit OwnTrafficCase(IpsecAttachment attachment)
        : AttachmentCase("the gateway's own traffic", attachment)
    {
    }

  private:
    void DoRun() override
    {
        TunnelChain chain(m_options);
        const Ptr<Node> gateway = chain.nodes.Get(TunnelChain::GatewayA);
        const Ptr<Node> manager = CreateObject<Node>();
        InternetStackHelper().Install(manager);
        Ipv4AddressHelper("10.0.7.0", "255.255.255.0")
            .Assign(PointToPointHelper().Install(manager, gateway));

        const auto server = Socket::CreateSocket(gateway, UdpSocketFactory::GetTypeId());
        server->Bind(InetSocketAddress(Ipv4Address::GetAny(), 5000));
        server->SetRecvCallback(MakeCallback(&OwnTrafficCase::Receive, this));
        SendTo(manager, "10.0.7.2");
        SendTo(chain.nodes.Get(TunnelChain::HostA), "10.0.1.2");

        m_echo = Socket::CreateSocket(chain.nodes.Get(TunnelChain::Router),
                                      Ipv4RawSocketFactory::GetTypeId());
        m_echo->SetAttribute("Protocol", UintegerValue(Icmpv4L4Protocol::PROT_NUMBER));
        m_echo->SetRecvCallback(MakeCallback(&OwnTrafficCase::ReceiveEcho, this));
        Simulator::Schedule(Seconds(1), &OwnTrafficCase::SendEcho, this);
        chain.Run(Seconds(2));
        m_echo = nullptr;
        NS_TEST_EXPECT_MSG_EQ(m_received, 2, "through the third port and the inside port");
        NS_TEST_EXPECT_MSG_EQ(m_replies, 1, "echo replies");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, 0, "nothing of it is dropped");
    }

    void SendTo(Ptr<Node> from, const char* address)
    {
        const auto socket = Socket::CreateSocket(from, UdpSocketFactory::GetTypeId());
        Simulator::Schedule(
            Seconds(1),
            [socket, address]()
            { socket->SendTo(Create<Packet>(100), 0, InetSocketAddress(address, 5000)); });
    }

    void SendEcho()
    {
        const Ptr<Packet> packet = Create<Packet>();
        packet->AddHeader(Icmpv4Echo());
        Icmpv4Header header;
        header.SetType(Icmpv4Header::ICMPV4_ECHO);
        packet->AddHeader(header);
        m_echo->SendTo(packet, 0, InetSocketAddress("10.0.2.1", 0));
    }

    void Receive(Ptr<Socket> socket)
    {
        while (socket->Recv())
        {
            ++m_received;
        }
    }

    void ReceiveEcho(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            Ipv4Header ip;
            Icmpv4Header icmp;
            packet->RemoveHeader(ip);
            packet->RemoveHeader(icmp);
            m_replies += icmp.GetType() == Icmpv4Header::ICMPV4_ECHO_REPLY ? 1 : 0;
        }
    }

    Ptr<Socket> m_echo;
    uint32_t m_received{0};
    uint32_t m_replies{0};
};

/// What the device passes on beside IPv4: promiscuous listeners, and other protocols untouched.
class DeviceCase : public TestCase
{
  public:
    DeviceCase()
        : TestCase("promiscuous listeners and other protocols on the device")
    {
    }

  private:
    void DoRun() override
    {
        constexpr uint16_t kIpv4 = 0x0800;
        constexpr uint16_t kIpv6 = 0x86dd;
        TunnelChain chain({});
        chain.nodes.Get(TunnelChain::GatewayB)
            ->RegisterProtocolHandler(MakeCallback(&DeviceCase::Overhear, this),
                                      kIpv4,
                                      chain.ipOutsideB,
                                      true);
        chain.nodes.Get(TunnelChain::Router)
            ->RegisterProtocolHandler(MakeCallback(&DeviceCase::ReceiveOther, this),
                                      kIpv6,
                                      nullptr);
        chain.Initiate(MilliSeconds(1));
        chain.SendMany(Seconds(1), MilliSeconds(1), 3);
        const Ptr<NetDevice> device = chain.ipOutsideB;
        Simulator::Schedule(Seconds(1),
                            [device]()
                            { device->Send(Create<Packet>(50), device->GetBroadcast(), kIpv6); });
        chain.Run(Seconds(2));
        NS_TEST_EXPECT_MSG_EQ(m_overheard, 3, "opened packets");
        NS_TEST_EXPECT_MSG_EQ(chain.DeliveredAtB(), 3, "and each forwarded once");
        NS_TEST_EXPECT_MSG_EQ(chain.drops, 0, "and none opened twice");
        NS_TEST_EXPECT_MSG_EQ(m_other, 1, "a frame that is not IPv4");
    }

    void Overhear(Ptr<NetDevice>,
                  Ptr<const Packet> packet,
                  uint16_t,
                  const Address&,
                  const Address&,
                  NetDevice::PacketType type)
    {
        Ipv4Header header;
        packet->PeekHeader(header);
        m_overheard +=
            header.GetDestination() == Ipv4Address("10.0.4.2") && type == NetDevice::PACKET_HOST
                ? 1
                : 0;
    }

    void ReceiveOther(Ptr<NetDevice>,
                      Ptr<const Packet> packet,
                      uint16_t,
                      const Address&,
                      const Address&,
                      NetDevice::PacketType)
    {
        m_other += packet->GetSize() == 50 ? 1 : 0;
    }

    uint32_t m_overheard{0};
    uint32_t m_other{0};
};

class IpsecTestSuite : public TestSuite
{
  public:
    IpsecTestSuite()
        : TestSuite("ipsec", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (const IpsecAttachment attachment :
             {IpsecAttachment::Device, IpsecAttachment::FastPath})
        {
            Add(new HandshakeCase(attachment));
            Add(new PolicyCase(attachment));
            Add(new ReplayEdgeCase(attachment));
            Add(new AccountingCase(attachment));
            Add(new ByteTagCase(attachment));
            Add(new CaptureCase(attachment));
            Add(new OwnTrafficCase(attachment));
        }
        Add(new RetransmissionCase);
        Add(new EqualityCase);
        Add(new RepetitionCase);
        Add(new FlowMonitorCase);
        Add(new DeviceCase);
    }

  private:
    void Add(TestCase* testCase)
    {
        AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
    }
};

const IpsecTestSuite g_ipsecTestSuite;

} // namespace
