/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_UDP_DATAGRAM_H
#define IPSECLAB_UDP_DATAGRAM_H

#include "ns3/ipv4-address.h"
#include "ns3/packet.h"
#include "ns3/socket.h"

#include <cstdint>

namespace ipseclab
{

/// What a host says of a datagram; UDP sockets of ns-3 neither set DF nor a chosen identification.
struct DatagramFields
{
    ns3::Ipv4Address destination;
    std::uint16_t port{0}; ///< at both ends
    std::uint16_t identification{0};
    bool dontFragment{false};
    std::uint8_t tos{0};
};

/// A raw socket that sends what has its IPv4 header, and receives nothing.
ns3::Ptr<ns3::Socket> CreateDatagramSocket(ns3::Ptr<ns3::Node> node);
/// Puts UDP and IPv4 headers before the payload, and sends it from the host's only interface.
void SendDatagram(ns3::Ptr<ns3::Socket> socket,
                  ns3::Ptr<ns3::Packet> payload,
                  const DatagramFields& fields);

} // namespace ipseclab

#endif // IPSECLAB_UDP_DATAGRAM_H
