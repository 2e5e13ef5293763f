/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "path-mtu-socket-factory.h"

#include "path-mtu-tcp-socket.h"

#include "model/wire/tcp-mss.h"

#include "ns3/abort.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv6-l3-protocol.h"
#include "ns3/log.h"
#include "ns3/object-factory.h"
#include "ns3/rtt-estimator.h"
#include "ns3/socket.h"
#include "ns3/tcp-congestion-ops.h"
#include "ns3/tcp-header.h"
#include "ns3/tcp-l4-protocol.h"
#include "ns3/tcp-option-rfc793.h"
#include "ns3/tcp-recovery-ops.h"
#include "ns3/udp-l4-protocol.h"
#include "ns3/uinteger.h"

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("PathMtuSocketFactory");
NS_OBJECT_ENSURE_REGISTERED(PathMtuSocketFactory);

namespace
{

/// An object of the type that an attribute of TCP names.
template <typename T>
Ptr<T>
MakeForTcp(Ptr<TcpL4Protocol> tcp, const char* attribute)
{
    TypeIdValue type;
    tcp->GetAttribute(attribute, type);
    ObjectFactory factory;
    factory.SetTypeId(type.Get());
    return factory.Create<T>();
}

/// The header with the option in front of its others. What padding became when it was read
/// is left out.
TcpHeader
WithMss(const TcpHeader& from, uint32_t mss)
{
    TcpHeader header;
    header.SetSourcePort(from.GetSourcePort());
    header.SetDestinationPort(from.GetDestinationPort());
    header.SetSequenceNumber(from.GetSequenceNumber());
    header.SetAckNumber(from.GetAckNumber());
    header.SetFlags(from.GetFlags());
    header.SetWindowSize(from.GetWindowSize());
    const auto announced = CreateObject<TcpOptionMSS>();
    announced->SetMSS(static_cast<uint16_t>(mss));
    header.AppendOption(announced);
    for (const Ptr<const TcpOption>& option : from.GetOptionList())
    {
        if (option->GetKind() != TcpOption::END)
        {
            header.AppendOption(option);
        }
    }
    return header;
}

/// A SYN gets the option, if it has none yet.
void
AnnounceMss(Ptr<Packet> segment, const Address& source, const Address& destination, uint32_t mss)
{
    TcpHeader seen;
    segment->PeekHeader(seen);
    if ((seen.GetFlags() & TcpHeader::SYN) == 0 || seen.HasOption(TcpOption::MSS))
    {
        return;
    }
    TcpHeader without; // reading into the same one would add the options to those that are there
    segment->RemoveHeader(without);
    TcpHeader header = WithMss(without, mss);
    if (Node::ChecksumEnabled())
    {
        header.EnableChecksums();
    }
    header.InitializeChecksum(source, destination, TcpL4Protocol::PROT_NUMBER);
    segment->AddHeader(header);
}

uint32_t
MssOf(Ptr<NetDevice> link, bool v6)
{
    return link->GetMtu() - static_cast<uint32_t>(ipseclab::wire::HeadersOfMss(v6));
}

} // namespace

TypeId
PathMtuSocketFactory::GetTypeId()
{
    static TypeId tid = TypeId("ns3::PathMtuSocketFactory")
                            .SetParent<SocketFactory>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<PathMtuSocketFactory>();
    return tid;
}

Ptr<PathMtuSocketFactory>
PathMtuSocketFactory::Install(Ptr<Node> node)
{
    NS_ABORT_MSG_UNLESS(node->GetObject<TcpL4Protocol>(), "the node needs TCP first");
    const auto factory = CreateObject<PathMtuSocketFactory>();
    factory->m_node = node;
    node->AggregateObject(factory);
    factory->TakeOver();
    return factory;
}

void
PathMtuSocketFactory::TakeOver()
{
    const auto tcp = m_node->GetObject<TcpL4Protocol>();
    if (m_node->GetObject<Ipv4L3Protocol>())
    {
        tcp->SetDownTarget(MakeCallback(&PathMtuSocketFactory::SendTcp, this));
        if (const auto udp = m_node->GetObject<UdpL4Protocol>())
        {
            udp->SetDownTarget(MakeCallback(&PathMtuSocketFactory::SendUdp, this));
        }
    }
    if (m_node->GetObject<Ipv6L3Protocol>())
    {
        tcp->SetDownTarget6(MakeCallback(&PathMtuSocketFactory::SendTcp6, this));
    }
}

Ptr<Socket>
PathMtuSocketFactory::CreateSocket()
{
    NS_ABORT_MSG_UNLESS(m_node, "this factory is on no node: Install puts it there");
    const auto tcp = m_node->GetObject<TcpL4Protocol>();
    const auto socket = CreateObject<PathMtuTcpSocket>();
    socket->SetNode(m_node);
    socket->SetTcp(tcp);
    socket->SetRtt(MakeForTcp<RttEstimator>(tcp, "RttEstimatorType"));
    socket->SetCongestionControlAlgorithm(MakeForTcp<TcpCongestionOps>(tcp, "SocketType"));
    socket->SetRecoveryAlgorithm(MakeForTcp<TcpRecoveryOps>(tcp, "RecoveryType"));
    tcp->AddSocket(socket);
    return socket;
}

void
PathMtuSocketFactory::SendTcp(Ptr<Packet> packet,
                              Ipv4Address source,
                              Ipv4Address destination,
                              uint8_t protocol,
                              Ptr<Ipv4Route> route)
{
    if (route)
    {
        AnnounceMss(packet, source, destination, MssOf(route->GetOutputDevice(), false));
    }
    SendWhole(packet, source, destination, protocol, route);
}

void
PathMtuSocketFactory::SendTcp6(Ptr<Packet> packet,
                               Ipv6Address source,
                               Ipv6Address destination,
                               uint8_t protocol,
                               Ptr<Ipv6Route> route)
{
    if (route)
    {
        AnnounceMss(packet, source, destination, MssOf(route->GetOutputDevice(), true));
    }
    m_node->GetObject<Ipv6L3Protocol>()->Send(packet, source, destination, protocol, route);
}

void
PathMtuSocketFactory::SendUdp(Ptr<Packet> packet,
                              Ipv4Address source,
                              Ipv4Address destination,
                              uint8_t protocol,
                              Ptr<Ipv4Route> route)
{
    SocketSetDontFragmentTag tag;
    if (packet->RemovePacketTag(tag) && tag.IsEnabled())
    {
        SendWhole(packet, source, destination, protocol, route);
        return;
    }
    m_node->GetObject<Ipv4L3Protocol>()->Send(packet, source, destination, protocol, route);
}

void
PathMtuSocketFactory::SendWhole(Ptr<Packet> packet,
                                Ipv4Address source,
                                Ipv4Address destination,
                                uint8_t protocol,
                                Ptr<Ipv4Route> route)
{
    const auto ipv4 = m_node->GetObject<Ipv4L3Protocol>();
    SocketIpTtlTag ttl;
    SocketIpTosTag tos;
    UintegerValue hops;
    ipv4->GetAttribute("DefaultTtl", hops);
    Ipv4Header header;
    header.SetSource(source);
    header.SetDestination(destination);
    header.SetProtocol(protocol);
    header.SetPayloadSize(static_cast<uint16_t>(packet->GetSize()));
    header.SetTtl(packet->RemovePacketTag(ttl) ? ttl.GetTtl() : static_cast<uint8_t>(hops.Get()));
    header.SetTos(packet->RemovePacketTag(tos) ? tos.GetTos() : 0);
    header.SetDontFragment();
    const uint32_t length = header.GetSerializedSize() + packet->GetSize();
    if (!route) // to a broadcast address, or IPv4 looks for one itself
    {
        ipv4->Send(packet, source, destination, protocol, nullptr);
        return;
    }
    if (length > route->GetOutputDevice()->GetMtu())
    {
        NS_LOG_LOGIC("too long for its link: " << length);
        ++m_tooLong;
        return;
    }
    ipv4->SendWithHeader(packet, header, route);
}

uint64_t
PathMtuSocketFactory::GetTooLong() const
{
    return m_tooLong;
}

void
PathMtuSocketFactory::DoDispose()
{
    m_node = nullptr;
    SocketFactory::DoDispose();
}

} // namespace ns3
