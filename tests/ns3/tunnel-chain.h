/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_TUNNEL_CHAIN_H
#define IPSECLAB_TUNNEL_CHAIN_H

#include "ns3/internet-module.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/reordering-channel.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/traffic-control-module.h"

#include <array>
#include <string>
#include <tuple>
#include <vector>

namespace ns3
{

struct ChainOptions
{
    IpsecAttachment attachment{IpsecAttachment::Device};
    std::string cryptoMode{"Real"};
    uint32_t window{64};
    uint64_t run{1};
    QueueSize outsideQueue{"100p"};
    std::string outsideRate{"1Gbps"};
    ipseclab::ike::Lifetime ikeLifetime; ///< of both gateways
    ipseclab::ike::Lifetime childLifetime;
    ipseclab::esp::VolumeLimits childVolume;
    ipseclab::ike::NatTraversalConfig natTraversal;
    std::vector<ipseclab::ike::ExtensionFactory> extensions; ///< at both gateways
    uint8_t outerDscp{64};                                   ///< of both gateways; 64: copied
    uint32_t saLimit{0};                                     ///< of gateway B
    uint32_t resources{0};                                   ///< of both gateways
    /// What gateway B takes for its own network; empty: what A takes for it, so that they agree.
    std::string protectedAsSeenByB;
    /// The UDP port at B that the tunnel is for, where later fragments follow their first (RFC
    /// 4301, section 7.3); 0: it is for all.
    uint16_t onlyPort{0};
    /// As gateway A sees them, mirrored for B; before the tunnel's.
    std::vector<ipseclab::esp::SpdEntry> policies;
};

/**
 * The network of the tests, and what happened in it:
 *
 *     host A ---- gateway A ~~~~ router ---- gateway B ---- host B
 *         10.0.1       10.0.2      10.0.3         10.0.4
 *
 * The link with the waves is a ReorderingChannel. Left ends have .1, right ends .2.
 */
class TunnelChain
{
  public:
    static constexpr uint16_t kPort = 4000;
    using EspRecord = std::tuple<uint32_t, uint64_t, ipseclab::esp::DropReason>;

    enum Place
    {
        HostA,
        GatewayA,
        Router,
        GatewayB,
        HostB
    };

    explicit TunnelChain(const ChainOptions& options)
    {
        RngSeedManager::SetSeed(1);
        RngSeedManager::SetRun(options.run);
        nodes.Create(5);
        InternetStackHelper stack;
        stack.SetIpv6StackInstall(false);
        stack.Install(nodes);
        BuildLinks(options);
        BuildGateways(options);
        AddRoutes();
        Listen();
    }

    ~TunnelChain()
    {
        Simulator::Destroy();
    }

    TunnelChain(const TunnelChain&) = delete;
    TunnelChain& operator=(const TunnelChain&) = delete;

    void Initiate(Time at)
    {
        Simulator::Schedule(at, &IpsecGateway::Initiate, a, std::string("tunnel"));
    }

    /// A UDP datagram from host to host; its payload is its own number, repeated.
    void Send(Time at, bool fromA, uint32_t octets, uint16_t port = kPort, uint8_t ttl = 64)
    {
        Simulator::Schedule(at, &TunnelChain::DoSend, this, fromA, octets, port, ttl);
    }

    /// As above, from A to B, with a DSCP.
    void SendWithDscp(Time at, uint8_t dscp)
    {
        Simulator::Schedule(at, &TunnelChain::DoSendWithDscp, this, dscp);
    }

    /// `count` datagrams from A to B.
    void SendMany(Time first, Time interval, uint32_t count, uint32_t octets = 100)
    {
        for (uint32_t i = 0; i < count; ++i)
        {
            Send(first + interval * static_cast<int64_t>(i), true, octets);
        }
    }

    /// The router sends these octets of IP to gateway B as if it had forwarded them.
    void Inject(Time at, Ipv4Header header, Ptr<Packet> payload)
    {
        header.SetPayloadSize(static_cast<uint16_t>(payload->GetSize()));
        header.SetTtl(60);
        payload->AddHeader(header);
        const Ptr<NetDevice> device = links[2].Get(0);
        Simulator::Schedule(at,
                            [device, payload]()
                            { device->Send(payload, device->GetBroadcast(), 0x0800); });
    }

    void Run(Time until)
    {
        Simulator::Stop(until);
        Simulator::Run();
    }

    Ptr<ReorderingChannel> Waves() const
    {
        return DynamicCast<ReorderingChannel>(links[1].Get(0)->GetChannel());
    }

    /// Of UDP datagrams to kPort at a host.
    uint64_t DeliveredAtA() const
    {
        return m_delivered[0];
    }

    uint64_t DeliveredAtB() const
    {
        return m_delivered[1];
    }

    uint64_t Sent() const
    {
        return m_sent;
    }

    /// Frames that are in a queue, in a queue disc or on a link now.
    uint64_t InFlight() const
    {
        uint64_t frames = m_txBegun - m_rxEnded - Waves()->GetLost();
        for (const NetDeviceContainer& link : links)
        {
            for (uint32_t i = 0; i < link.GetN(); ++i)
            {
                const auto device = DynamicCast<PointToPointNetDevice>(link.Get(i));
                frames += device->GetQueue()->GetNPackets();
                const auto disc =
                    device->GetNode()->GetObject<TrafficControlLayer>()->GetRootQueueDiscOnDevice(
                        device);
                frames += disc ? disc->GetNPackets() : 0;
            }
        }
        return frames;
    }

    NodeContainer nodes;
    std::array<NetDeviceContainer, 4> links; ///< the real devices, left and right
    Ptr<IpsecGateway> a;
    Ptr<IpsecGateway> b;
    Ptr<NetDevice> ipOutsideA; ///< what IPv4 uses
    Ptr<NetDevice> ipOutsideB;
    std::vector<ipseclab::Bytes> deliveredPackets; ///< at both hosts, IP header included
    std::vector<EspRecord> espAtA;
    std::vector<EspRecord> espAtB;
    std::vector<ipseclab::Bytes> wire; ///< frames that both gateways sent outside, with the time
    uint64_t drops{0};                 ///< as traced by both gateways

  private:
    void BuildLinks(const ChainOptions& options)
    {
        PointToPointHelper plain;
        plain.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
        plain.SetChannelAttribute("Delay", StringValue("10us"));
        ReorderingLink waves;
        waves.rate = DataRate(options.outsideRate);
        waves.delay = MilliSeconds(1);
        waves.queue = options.outsideQueue;
        links[0] = plain.Install(nodes.Get(HostA), nodes.Get(GatewayA));
        links[1] =
            IpsecHelper::InstallReorderingLink(nodes.Get(GatewayA), nodes.Get(Router), waves);
        links[2] = plain.Install(nodes.Get(Router), nodes.Get(GatewayB));
        links[3] = plain.Install(nodes.Get(GatewayB), nodes.Get(HostB));
        Waves()->AssignStreams(10);
    }

    void BuildGateways(const ChainOptions& options)
    {
        IpsecHelper helper;
        helper.SetGatewayAttribute("CryptoMode", StringValue(options.cryptoMode));
        helper.SetGatewayAttribute("ReplayWindow", UintegerValue(options.window));
        helper.SetGatewayAttribute("OuterDscp", UintegerValue(options.outerDscp));
        helper.SetGatewayAttribute("Resources", UintegerValue(options.resources));
        a = helper.Install(nodes.Get(GatewayA));
        b = helper.Install(nodes.Get(GatewayB));
        b->SetAttribute("SaLimit", UintegerValue(options.saLimit));
        a->AssignStreams(1);
        b->AssignStreams(2);
        for (const ipseclab::esp::SpdEntry& entry : options.policies)
        {
            ipseclab::esp::SpdEntry mirrored = entry;
            std::swap(mirrored.local, mirrored.remote);
            a->AddPolicy(entry);
            b->AddPolicy(mirrored);
        }
        const bool device = options.attachment == IpsecAttachment::Device;
        ipOutsideA = device ? IpsecHelper::AttachDevice(a, links[1].Get(0)) : links[1].Get(0);
        ipOutsideB = device ? IpsecHelper::AttachDevice(b, links[2].Get(1)) : links[2].Get(1);
        Assign(1, links[0].Get(0), links[0].Get(1));
        Assign(2, ipOutsideA, links[1].Get(1));
        Assign(3, links[2].Get(0), ipOutsideB);
        Assign(4, links[3].Get(0), links[3].Get(1));
        if (!device)
        {
            IpsecHelper::AttachFastPath(a, links[0].Get(1), ipOutsideA);
            IpsecHelper::AttachFastPath(b, links[3].Get(0), ipOutsideB);
        }
        IpsecTunnel tunnel;
        tunnel.addressA = Ipv4Address("10.0.2.1");
        tunnel.addressB = Ipv4Address("10.0.3.2");
        tunnel.protectedA = "10.0.1.0/24";
        tunnel.protectedB = "10.0.4.0/24";
        if (options.onlyPort != 0)
        {
            tunnel.protectedA += "[17]";
            tunnel.protectedB += "[17/" + std::to_string(options.onlyPort) + "]";
            tunnel.laterFragments = IpsecLaterFragments::Stateful;
        }
        tunnel.ikeLifetime = options.ikeLifetime;
        tunnel.childLifetime = options.childLifetime;
        tunnel.childVolume = options.childVolume;
        tunnel.natTraversal = options.natTraversal;
        tunnel.extensions = options.extensions;
        Configure(tunnel, options);
    }

    void Configure(IpsecTunnel tunnel, const ChainOptions& options)
    {
        if (options.protectedAsSeenByB.empty())
        {
            IpsecHelper::Configure(tunnel, a, b);
            return;
        }
        IpsecHelper::Configure(tunnel, a, CreateObject<IpsecGateway>());
        tunnel.protectedB = options.protectedAsSeenByB;
        IpsecHelper::Configure(tunnel, CreateObject<IpsecGateway>(), b);
    }

    static void Assign(int network, Ptr<NetDevice> left, Ptr<NetDevice> right)
    {
        NetDeviceContainer devices(left);
        devices.Add(right);
        const std::string base = "10.0." + std::to_string(network) + ".0";
        Ipv4AddressHelper(base.c_str(), "255.255.255.0").Assign(devices);
    }

    void AddRoutes()
    {
        Route(HostA, "0.0.0.0", "10.0.1.2", 1);
        Route(GatewayA, "0.0.0.0", "10.0.2.2", Interface(GatewayA, ipOutsideA));
        Route(Router, "10.0.1.0", "10.0.2.1", 1);
        Route(Router, "10.0.4.0", "10.0.3.2", 2);
        Route(GatewayB, "0.0.0.0", "10.0.3.1", Interface(GatewayB, ipOutsideB));
        Route(HostB, "0.0.0.0", "10.0.4.1", 1);
    }

    uint32_t Interface(Place node, Ptr<NetDevice> device) const
    {
        return static_cast<uint32_t>(
            nodes.Get(node)->GetObject<Ipv4>()->GetInterfaceForDevice(device));
    }

    void Route(Place node, const char* network, const char* nextHop, uint32_t port)
    {
        const char* const mask = network[0] == '0' ? "0.0.0.0" : "255.255.255.0";
        Ipv4StaticRoutingHelper()
            .GetStaticRouting(nodes.Get(node)->GetObject<Ipv4>())
            ->AddNetworkRouteTo(network, mask, nextHop, port);
    }

    void Listen()
    {
        for (uint32_t i = 0; i < 2; ++i)
        {
            const Ptr<Node> host = nodes.Get(i == 0 ? HostA : HostB);
            m_sockets[i] = Socket::CreateSocket(host, UdpSocketFactory::GetTypeId());
            m_sockets[i]->Bind(InetSocketAddress(Ipv4Address::GetAny(), kPort));
            m_sockets[i]->SetRecvCallback(MakeCallback(&TunnelChain::Drain, this));
            host->GetObject<Ipv4L3Protocol>()->TraceConnectWithoutContext(
                "LocalDeliver",
                MakeBoundCallback(&TunnelChain::Deliver, this, i));
        }
        a->TraceConnectWithoutContext("EspReceived",
                                      MakeBoundCallback(&TunnelChain::ReceiveEsp, &espAtA));
        b->TraceConnectWithoutContext("EspReceived",
                                      MakeBoundCallback(&TunnelChain::ReceiveEsp, &espAtB));
        a->TraceConnectWithoutContext("Drop", MakeCallback(&TunnelChain::Drop, this));
        b->TraceConnectWithoutContext("Drop", MakeCallback(&TunnelChain::Drop, this));
        for (const Ptr<NetDevice>& device : {links[1].Get(0), links[2].Get(1)})
        {
            device->TraceConnectWithoutContext("PhyTxBegin",
                                               MakeCallback(&TunnelChain::SeeFrame, this));
        }
        for (const NetDeviceContainer& link : links)
        {
            for (uint32_t i = 0; i < link.GetN(); ++i)
            {
                link.Get(i)->TraceConnectWithoutContext(
                    "PhyTxBegin",
                    MakeBoundCallback(&TunnelChain::CountFrame, &m_txBegun));
                link.Get(i)->TraceConnectWithoutContext(
                    "PhyRxEnd",
                    MakeBoundCallback(&TunnelChain::CountFrame, &m_rxEnded));
            }
        }
    }

    void DoSend(bool fromA, uint32_t octets, uint16_t port, uint8_t ttl)
    {
        const ipseclab::Bytes payload(octets, static_cast<uint8_t>(++m_sent));
        const Ptr<Packet> packet = Create<Packet>(payload.data(), octets);
        const Ptr<Socket> socket = m_sockets[fromA ? 0 : 1];
        socket->SetIpTtl(ttl);
        socket->SendTo(packet, 0, InetSocketAddress(fromA ? "10.0.4.2" : "10.0.1.1", port));
    }

    void DoSendWithDscp(uint8_t dscp)
    {
        const ipseclab::Bytes payload(100, static_cast<uint8_t>(++m_sent));
        const Ptr<Socket> socket =
            Socket::CreateSocket(nodes.Get(HostA), UdpSocketFactory::GetTypeId());
        socket->Connect(InetSocketAddress("10.0.4.2", kPort));
        socket->SetIpTos(static_cast<uint8_t>(dscp << 2)); // Connect takes it from the address
        socket->Send(Create<Packet>(payload.data(), 100));
    }

    void Drain(Ptr<Socket> socket)
    {
        while (socket->Recv())
        {
        }
    }

    void Drop(Ptr<const Packet>, ipseclab::esp::DropReason, bool)
    {
        ++drops;
    }

    static void Deliver(TunnelChain* chain,
                        uint32_t host,
                        const Ipv4Header& header,
                        Ptr<const Packet> payload,
                        uint32_t)
    {
        UdpHeader udp;
        if (header.GetProtocol() == UdpL4Protocol::PROT_NUMBER && payload->PeekHeader(udp) &&
            udp.GetDestinationPort() == kPort)
        {
            ++chain->m_delivered[host];
        }
        const Ptr<Packet> whole = payload->Copy();
        whole->AddHeader(header);
        chain->deliveredPackets.push_back(OctetsOf(whole));
    }

    static void ReceiveEsp(std::vector<EspRecord>* records,
                           uint32_t spi,
                           uint64_t number,
                           ipseclab::esp::DropReason reason)
    {
        records->emplace_back(spi, number, reason);
    }

    static void CountFrame(uint64_t* counter, Ptr<const Packet>)
    {
        ++*counter;
    }

    void SeeFrame(Ptr<const Packet> frame)
    {
        ipseclab::Bytes octets = OctetsOf(frame);
        const std::string when = std::to_string(Simulator::Now().GetNanoSeconds());
        octets.insert(octets.end(), when.begin(), when.end());
        wire.push_back(std::move(octets));
    }

    static ipseclab::Bytes OctetsOf(Ptr<const Packet> packet)
    {
        ipseclab::Bytes octets(packet->GetSize());
        packet->CopyData(octets.data(), packet->GetSize());
        return octets;
    }

    std::array<Ptr<Socket>, 2> m_sockets;
    std::array<uint64_t, 2> m_delivered{};
    uint64_t m_sent{0};
    uint64_t m_txBegun{0};
    uint64_t m_rxEnded{0};
};

} // namespace ns3

#endif // IPSECLAB_TUNNEL_CHAIN_H
