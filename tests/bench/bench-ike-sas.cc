/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * Many IKE SAs: what one costs in memory, and one simulated responder that gets 10,000 of them from
 * as many initiators in one run.
 *
 * The initiators are protocol machines behind the far end of a link that loses datagrams; each has
 * an address of its own. How long a set-up takes is simulated time: the link, the loss and the
 * retransmissions, for the model's cryptography takes no simulated time.
 */

#include "tests/bench/counting-allocator.h"

#include "model/ike/ike-endpoint.h"

#include "ns3/core-module.h"
#include "ns3/error-model.h"
#include "ns3/internet-module.h"
#include "ns3/ipsec-gateway.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

using namespace ns3;

namespace
{

using ipseclab::IpAddress;
using ipseclab::bench::LiveOctets;
namespace ike = ipseclab::ike;
namespace wire = ipseclab::wire;

constexpr uint32_t kResponder = 0xac100001;      ///< 172.16.0.1
constexpr uint32_t kFirstInitiator = 0xac110000; ///< 172.17.0.0, as the responder's link, /12
constexpr uint16_t kIpv4 = 0x0800;

/// The entry of initiator `number` at the responder, or of the responder there.
ike::PeerConfig
MakePeer(uint32_t number, bool atInitiator)
{
    const auto initiator = IpAddress::V4(kFirstInitiator + number);
    const auto responder = IpAddress::V4(kResponder);
    const auto name = std::to_string(number);
    const auto idI = ike::Identity::Fqdn(name + ".example");
    const auto idR = ike::Identity::Fqdn("hub.example");
    const ipseclab::TrafficSelectorList left{*ipseclab::TrafficSelector::FromString(
        IpAddress::V4(0x0a000000 + (number << 8)).ToString() + "/24")};
    const ipseclab::TrafficSelectorList right{
        *ipseclab::TrafficSelector::FromString("192.168.0.0/16")};
    ike::PeerConfig peer;
    peer.name = name;
    peer.local.address = atInitiator ? initiator : responder;
    peer.remote.address = atInitiator ? responder : initiator;
    peer.localId = atInitiator ? idI : idR;
    peer.remoteId = atInitiator ? idR : idI;
    peer.preSharedKey = ipseclab::Bytes(16, 0x55);
    peer.localSelectors = atInitiator ? left : right;
    peer.remoteSelectors = atInitiator ? right : left;
    return peer;
}

/// Hands over what one end wants to send; at most `limit` datagrams.
unsigned
Carry(ike::IkeEndpoint& from, ike::IkeEndpoint& to, unsigned limit)
{
    unsigned count = 0;
    while (count < limit)
    {
        const auto datagram = from.PollTransmit();
        if (!datagram)
        {
            break;
        }
        ++count;
        to.HandleDatagram(ike::Instant{0},
                          ike::Path{datagram->path.remote, datagram->path.local},
                          datagram->octets);
    }
    return count;
}

void
DiscardEvents(ike::IkeEndpoint& endpoint)
{
    while (endpoint.PollEvent())
    {
    }
}

/// Octets that an endpoint has for each of `count` IKE SAs, of as many peers; \param whole after
/// IKE_AUTH, with a pair of Child SAs, otherwise after IKE_SA_INIT
double
OctetsPerSa(uint32_t count, bool whole)
{
    RngRandomSource random;
    ike::IkeEndpoint responder(random);
    for (uint32_t i = 0; i < count; ++i)
    {
        responder.AddPeer(MakePeer(i, false));
    }
    const auto add = [&](uint32_t i)
    {
        ike::IkeEndpoint initiator(random);
        const auto peer = MakePeer(i, true);
        initiator.AddPeer(peer);
        initiator.Initiate(ike::Instant{0}, peer.name);
        while (Carry(initiator, responder, 1) + (whole ? Carry(responder, initiator, 1) : 0) > 0)
        {
        }
        while (responder.PollTransmit())
        {
        }
        DiscardEvents(responder);
    };
    add(0); // what is there once per process or endpoint
    const std::ptrdiff_t before = LiveOctets();
    for (uint32_t i = 1; i < count; ++i)
    {
        add(i);
    }
    NS_ABORT_UNLESS(responder.IkeSaCount() == count &&
                    responder.EstablishedCount() == (whole ? count : 0));
    return static_cast<double>(LiveOctets() - before) / (count - 1);
}

/// The initiators, behind a device of a node that has no other use.
class Crowd
{
  public:
    Crowd(const Ptr<Node>& node, const Ptr<NetDevice>& device, uint32_t count)
        : m_device(device)
    {
        m_random.AssignStreams(1);
        node->RegisterProtocolHandler(MakeCallback(&Crowd::Receive, this), kIpv4, device);
        const auto start = CreateObject<UniformRandomVariable>();
        start->SetStream(2);
        for (uint32_t i = 0; i < count; ++i)
        {
            m_members.push_back(std::make_unique<Member>(m_random));
            m_members[i]->endpoint.AddPeer(MakePeer(i, true));
            Simulator::Schedule(Seconds(start->GetValue(0, 10)), &Crowd::Start, this, i);
        }
    }

    /// Seconds from the first request to the end of IKE_AUTH, sorted.
    std::vector<double> SetupTimes() const
    {
        std::vector<double> times;
        for (const auto& member : m_members)
        {
            if (member->up)
            {
                times.push_back((*member->up - member->start).GetSeconds());
            }
        }
        std::sort(times.begin(), times.end());
        return times;
    }

    void Disband()
    {
        m_members.clear();
    }

  private:
    struct Member
    {
        explicit Member(RngRandomSource& random)
            : endpoint(random)
        {
        }

        ike::IkeEndpoint endpoint;
        Time start;
        std::optional<Time> up;
        EventId timer;
    };

    static ike::Instant Now()
    {
        return ike::Instant(Simulator::Now().GetNanoSeconds());
    }

    void Start(uint32_t i)
    {
        m_members[i]->start = Simulator::Now();
        m_members[i]->endpoint.Initiate(Now(), std::to_string(i));
        Drive(i);
    }

    void HandleTimer(uint32_t i)
    {
        m_members[i]->endpoint.HandleTimeout(Now());
        Drive(i);
    }

    void Receive(Ptr<NetDevice>,
                 Ptr<const Packet> received,
                 uint16_t,
                 const Address&,
                 const Address&,
                 NetDevice::PacketType)
    {
        const auto packet = received->Copy();
        Ipv4Header ip;
        UdpHeader udp;
        packet->RemoveHeader(ip);
        packet->RemoveHeader(udp);
        const uint32_t i = ip.GetDestination().Get() - kFirstInitiator;
        if (i >= m_members.size())
        {
            return;
        }
        ipseclab::Bytes octets(packet->GetSize());
        packet->CopyData(octets.data(), packet->GetSize());
        const ike::Path path{{IpAddress::V4(kFirstInitiator + i)}, {IpAddress::V4(kResponder)}};
        m_members[i]->endpoint.HandleDatagram(Now(), path, octets);
        Drive(i);
    }

    void Drive(uint32_t i)
    {
        Member& member = *m_members[i];
        while (const auto event = member.endpoint.PollEvent())
        {
            if (std::holds_alternative<ike::ChildSaInstalled>(*event))
            {
                member.up = Simulator::Now();
            }
        }
        while (const auto datagram = member.endpoint.PollTransmit())
        {
            Send(*datagram);
        }
        member.timer.Cancel();
        if (const auto due = member.endpoint.PollTimeout())
        {
            member.timer = Simulator::Schedule(NanoSeconds((*due - Now()).count()),
                                               &Crowd::HandleTimer,
                                               this,
                                               i);
        }
    }

    void Send(const ike::Datagram& datagram)
    {
        const auto packet =
            Create<Packet>(datagram.octets.data(), static_cast<uint32_t>(datagram.octets.size()));
        UdpHeader udp;
        udp.SetSourcePort(datagram.path.local.port);
        udp.SetDestinationPort(datagram.path.remote.port);
        packet->AddHeader(udp);
        Ipv4Header ip;
        ip.SetSource(Ipv4Address(datagram.path.local.address.V4Value()));
        ip.SetDestination(Ipv4Address(datagram.path.remote.address.V4Value()));
        ip.SetProtocol(UdpL4Protocol::PROT_NUMBER);
        ip.SetTtl(64);
        ip.SetPayloadSize(static_cast<uint16_t>(packet->GetSize()));
        packet->AddHeader(ip);
        m_device->Send(packet, m_device->GetBroadcast(), kIpv4);
    }

    Ptr<NetDevice> m_device;
    RngRandomSource m_random;
    std::vector<std::unique_ptr<Member>> m_members;
};

void
LoseDatagrams(const Ptr<NetDevice>& device, double share, int64_t stream)
{
    const auto loss = CreateObject<RateErrorModel>();
    loss->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
    loss->SetRate(share);
    loss->AssignStreams(stream);
    device->SetAttribute("ReceiveErrorModel", PointerValue(loss));
}

/// All IKE SAs of one responder, in one run.
void
RunHub(uint32_t count)
{
    NodeContainer nodes(2);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
    link.SetChannelAttribute("Delay", StringValue("10ms"));
    const auto devices = link.Install(nodes);
    InternetStackHelper().Install(nodes.Get(0));
    Ipv4AddressHelper("172.16.0.0", "255.240.0.0").Assign(NetDeviceContainer(devices.Get(0)));
    const auto gateway = CreateObject<IpsecGateway>();
    nodes.Get(0)->AggregateObject(gateway);
    gateway->AssignStreams(100);
    for (uint32_t i = 0; i < count; ++i)
    {
        gateway->AddPeer(MakePeer(i, false));
    }
    LoseDatagrams(devices.Get(0), 0.01, 200);
    LoseDatagrams(devices.Get(1), 0.01, 201);
    const std::ptrdiff_t before = LiveOctets();
    Crowd crowd(nodes.Get(1), devices.Get(1), count);
    const std::clock_t clock = std::clock();
    Simulator::Stop(Seconds(300));
    Simulator::Run();
    const double seconds = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC;
    const auto times = crowd.SetupTimes();
    NS_ABORT_MSG_UNLESS(times.size() == count &&
                            gateway->GetIkeEndpoint().EstablishedCount() == count,
                        "not every IKE SA came up");
    crowd.Disband();
    std::printf("%u IKE SAs on one responder, 10 ms each way, 1 %% loss each way, 10 s of starts\n",
                count);
    for (const double share : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0})
    {
        const auto at = static_cast<std::size_t>(share * static_cast<double>(count - 1));
        std::printf("  set-up time, quantile %-5g %37.3f s\n", share, times[at]);
    }
    std::printf("  processor time of the run, initiators included %15.1f s\n", seconds);
    std::printf("  octets per IKE SA with its ESP SAs, whole gateway %12.0f\n",
                static_cast<double>(LiveOctets() - before) / count);
    Simulator::Destroy();
}

} // namespace

int
main(int argc, char** argv)
{
    uint32_t count = 10000;
    CommandLine command(__FILE__);
    command.AddValue("count", "IKE SAs on the responder, at most 65000", count);
    command.Parse(argc, argv);
    if (!ipseclab::bench::CountOpensslMemory())
    {
        std::fprintf(stderr, "OpenSSL was in use before its memory could be counted\n");
        return 1;
    }
    std::printf("Memory of a responder, on the heap, OpenSSL's included\n");
    std::printf("  octets per half-open IKE SA %34.0f\n", OctetsPerSa(1000, false));
    std::printf("  octets per IKE SA with one pair of Child SAs %17.0f\n", OctetsPerSa(1000, true));
    RunHub(count);
    return 0;
}
