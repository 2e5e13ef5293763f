/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "udp-datagram.h"

#include "model/wire/ipv4.h"

#include "ns3/boolean.h"
#include "ns3/inet-socket-address.h"
#include "ns3/ipv4-header.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/ipv4.h"
#include "ns3/node.h"
#include "ns3/udp-header.h"
#include "ns3/uinteger.h"

namespace ipseclab
{

constexpr std::uint8_t kUdp = wire::kProtocolUdp;

ns3::Ptr<ns3::Socket>
CreateDatagramSocket(ns3::Ptr<ns3::Node> node)
{
    const auto socket = ns3::Socket::CreateSocket(node, ns3::Ipv4RawSocketFactory::GetTypeId());
    socket->SetAttribute("Protocol", ns3::UintegerValue(kUdp));
    socket->SetAttribute("IpHeaderInclude", ns3::BooleanValue(true));
    socket->Bind();
    socket->ShutdownRecv();
    return socket;
}

void
SendDatagram(ns3::Ptr<ns3::Socket> socket,
             ns3::Ptr<ns3::Packet> payload,
             const DatagramFields& fields)
{
    // A host has one interface beside the loopback.
    const auto source = socket->GetNode()->GetObject<ns3::Ipv4>()->GetAddress(1, 0).GetLocal();
    ns3::UdpHeader udp;
    udp.SetSourcePort(fields.port);
    udp.SetDestinationPort(fields.port);
    if (ns3::Node::ChecksumEnabled())
    {
        udp.EnableChecksums();
        udp.InitializeChecksum(source, fields.destination, kUdp);
    }
    payload->AddHeader(udp);
    ns3::Ipv4Header header;
    header.SetSource(source);
    header.SetDestination(fields.destination);
    header.SetProtocol(kUdp);
    header.SetTtl(64);
    header.SetPayloadSize(static_cast<std::uint16_t>(payload->GetSize()));
    header.SetIdentification(fields.identification);
    header.SetTos(fields.tos);
    if (fields.dontFragment)
    {
        header.SetDontFragment();
    }
    payload->AddHeader(header);
    socket->SendTo(payload, 0, ns3::InetSocketAddress(fields.destination, 0));
}

} // namespace ipseclab
