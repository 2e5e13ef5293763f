/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SIZED_CHAIN_H
#define IPSECLAB_SIZED_CHAIN_H

#include "tunnel-chain.h"

#include "model/wire/icmp-too-big.h"

#include "ns3/boolean.h"
#include "ns3/error-model.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/path-mtu-routing.h"
#include "ns3/pointer.h"

#include <vector>

namespace ns3
{

constexpr uint8_t kProtocol = 253; // for experiments (RFC 3692)

/// Loses fragments other than the first of each packet.
class LaterFragmentLoss : public ErrorModel
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId tid = TypeId("ns3::LaterFragmentLoss")
                                .SetParent<ErrorModel>()
                                .AddConstructor<LaterFragmentLoss>();
        return tid;
    }

  private:
    bool DoCorrupt(Ptr<Packet> frame) override
    {
        constexpr uint32_t kOffset = 8; // behind the PPP header
        uint8_t front[kOffset + 2] = {};
        frame->CopyData(front, sizeof(front));
        return (ipseclab::LoadBe16(front + kOffset) & 0x1fff) != 0;
    }

    void DoReset() override {}
};

/// A chain whose host A sends raw packets of given sizes, and hears ICMP.
class SizedChain
{
  public:
    explicit SizedChain(const std::string& fragmentation,
                        const ChainOptions& options = ChainOptions())
        : chain(options)
    {
        chain.a->GetPathMtu()->SetAttribute("Fragmentation", StringValue(fragmentation));
        const Ptr<Node> host = chain.nodes.Get(TunnelChain::HostA);
        m_source = RawSocket(host, kProtocol);
        m_source->SetAttribute("IpHeaderInclude", BooleanValue(true));
        m_listener = RawSocket(host, ipseclab::wire::kProtocolIcmp);
        m_listener->SetRecvCallback(MakeCallback(&SizedChain::Receive, this));
        m_receiver = RawSocket(chain.nodes.Get(TunnelChain::HostB), kProtocol);
        m_receiver->SetRecvCallback(MakeCallback(&SizedChain::Receive, this));
        for (const Ptr<NetDevice>& device : {chain.links[1].Get(0), chain.links[2].Get(0)})
        {
            device->TraceConnectWithoutContext("PhyTxBegin",
                                               MakeCallback(&SizedChain::SeeFrame, this));
        }
        chain.Initiate(Seconds(0));
    }

    /// A packet of that many octets, header included.
    void Send(Time at, uint16_t octets, bool dontFragment)
    {
        Ipv4Header header;
        header.SetSource("10.0.1.1");
        header.SetDestination("10.0.4.2");
        header.SetProtocol(kProtocol);
        header.SetTtl(64);
        header.SetIdentification(octets);
        header.SetPayloadSize(octets - 20);
        if (dontFragment)
        {
            header.SetDontFragment();
        }
        const auto packet = Create<Packet>(header.GetPayloadSize());
        packet->AddHeader(header);
        Simulator::ScheduleWithContext(
            m_source->GetNode()->GetId(),
            at,
            [this, packet] { m_source->SendTo(packet, 0, InetSocketAddress("10.0.4.2", 0)); });
    }

    /// Makes the path behind the router narrow; the router minds DF.
    Ptr<PathMtuRouting> Narrow(uint16_t mtu)
    {
        const Ptr<Ipv4> ipv4 = chain.nodes.Get(TunnelChain::Router)->GetObject<Ipv4>();
        const auto routing = CreateObject<PathMtuRouting>();
        ipv4->SetRoutingProtocol(routing);
        routing->AddNetworkRouteTo("10.0.1.0", "255.255.255.0", "10.0.2.1", 1);
        routing->AddNetworkRouteTo("10.0.4.0", "255.255.255.0", "10.0.3.2", 2);
        chain.links[2].Get(0)->SetMtu(mtu);
        chain.links[2].Get(1)->SetMtu(mtu);
        return routing;
    }

    /// On the narrow path, on the way to gateway B.
    void DropLaterFragments()
    {
        chain.links[2].Get(1)->SetAttribute("ReceiveErrorModel",
                                            PointerValue(CreateObject<LaterFragmentLoss>()));
    }

    /// Of the last ESP packet that gateway A has sent, as a router reports it.
    void InjectReport(uint16_t mtu, uint32_t spiChange)
    {
        ipseclab::Bytes quoted = lastEsp;
        quoted.resize(28);
        ipseclab::StoreBe32(&quoted[20], ipseclab::LoadBe32(&quoted[20]) + spiChange);
        ipseclab::Bytes packet(28);
        ipseclab::wire::Ipv4HeaderFields fields;
        fields.totalLength = 56;
        fields.protocol = ipseclab::wire::kProtocolIcmp;
        fields.source = 0x0a000202;
        fields.destination = 0x0a000201;
        ipseclab::wire::WriteIpv4Header(packet.data(), fields);
        packet[20] = 3;
        packet[21] = 4;
        ipseclab::StoreBe16(&packet[26], mtu);
        packet.insert(packet.end(), quoted.begin(), quoted.end());
        const Ptr<NetDevice> device = chain.links[1].Get(1);
        device->Send(Create<Packet>(packet.data(), static_cast<uint32_t>(packet.size())),
                     device->GetBroadcast(),
                     0x0800);
    }

    const IpsecPathMtu::Counters& CountersOfA() const
    {
        return chain.a->GetPathMtu()->GetCounters();
    }

    uint64_t TooBig() const
    {
        return chain.a->GetCounters().outboundDrops[ipseclab::esp::DropReason::TooBig];
    }

    bool Balanced() const
    {
        return chain.a->GetCounters().Balanced() && chain.b->GetCounters().Balanced();
    }

    TunnelChain chain;
    std::vector<uint32_t> arrived;  ///< sizes at host B, as its IP gets them
    std::vector<uint32_t> reported; ///< MTUs that host A was told
    std::vector<uint32_t> espSizes; ///< of what gateway A and the router sent on, ESP only
    ipseclab::Bytes lastEsp;        ///< of them

  private:
    static Ptr<Socket> RawSocket(Ptr<Node> node, uint8_t protocol)
    {
        const auto socket = Socket::CreateSocket(node, Ipv4RawSocketFactory::GetTypeId());
        socket->SetAttribute("Protocol", UintegerValue(protocol));
        socket->Bind();
        return socket;
    }

    void Receive(Ptr<Socket> socket)
    {
        while (const Ptr<Packet> packet = socket->Recv())
        {
            ipseclab::Bytes octets(packet->GetSize());
            packet->CopyData(octets.data(), packet->GetSize());
            ipseclab::wire::IpView view;
            if (socket == m_receiver)
            {
                arrived.push_back(packet->GetSize());
            }
            else if (ipseclab::wire::ParseIp(octets, view))
            {
                const auto report = ipseclab::wire::ParseTooBig(view);
                reported.push_back(report ? report->mtu : 0);
            }
        }
    }

    void SeeFrame(Ptr<const Packet> frame)
    {
        constexpr uint32_t kPpp = 2;
        ipseclab::Bytes octets(frame->GetSize());
        frame->CopyData(octets.data(), frame->GetSize());
        if (octets.size() > kPpp + 20 && octets[kPpp + 9] == ipseclab::wire::kProtocolEsp)
        {
            octets.erase(octets.begin(), octets.begin() + kPpp);
            espSizes.push_back(static_cast<uint32_t>(octets.size()));
            if ((octets[7] | (octets[6] & 0x1f)) == 0)
            {
                lastEsp = octets;
            }
        }
    }

    Ptr<Socket> m_source;
    Ptr<Socket> m_listener;
    Ptr<Socket> m_receiver;
};

} // namespace ns3

#endif // IPSECLAB_SIZED_CHAIN_H
