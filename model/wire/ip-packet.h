/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IP_PACKET_H
#define IPSECLAB_WIRE_IP_PACKET_H

#include "model/wire/ipv4.h"
#include "model/wire/ipv6.h"

/**
 * \file
 * What the data plane asks of an IP packet, whichever version it is.
 */

namespace ipseclab::wire
{

/// A checked view of an IPv4 or IPv6 packet; borrowed. Offsets count from the header.
struct IpView
{
    const std::uint8_t* header{nullptr};
    bool v6{false};
    std::size_t totalLength{0};   ///< octets, from the header; at most what is there
    std::size_t upperOffset{0};   ///< of the next layer's header
    std::size_t protocolField{0}; ///< of the octet that says which it is
    std::size_t espOffset{0};     ///< where ESP goes in transport mode
    std::size_t espField{0};      ///< of the octet that will say so
    bool isFragment{false};       ///< not the whole of its packet
    bool hasUpperHeader{true};    ///< false in a fragment that is not the first

    std::uint8_t Protocol() const
    {
        return header[protocolField];
    }

    /// DSCP and ECN: the TOS octet or the traffic class.
    std::uint8_t Tos() const
    {
        return v6 ? static_cast<std::uint8_t>(LoadBe16(header) >> 4) : header[1];
    }

    /// Time to live or hop limit.
    std::uint8_t Ttl() const
    {
        return header[v6 ? 7 : 8];
    }

    /// An IPv6 packet is never fragmented on its way.
    bool DontFragment() const
    {
        return v6 || (header[6] & 0x40) != 0;
    }

    IpAddress Source() const
    {
        return v6 ? *IpAddress::FromOctets(ByteSpan(header + 8, 16))
                  : IpAddress::V4(LoadBe32(header + 12));
    }

    IpAddress Destination() const
    {
        return v6 ? *IpAddress::FromOctets(ByteSpan(header + 24, 16))
                  : IpAddress::V4(LoadBe32(header + 16));
    }
};

/// False when the octets are no IPv4 or IPv6 packet by ParseIpv4 or ParseIpv6.
bool ParseIp(ByteSpan packet, IpView& view);
PacketSelectors ReadSelectors(const IpView& view);

/// Whether the octets begin like IPv6; everything else is taken for IPv4.
bool IsIpv6(const std::uint8_t* header);
/// TTL or hop limit minus one.
void DecrementHops(std::uint8_t* header);
/// Sets DSCP and ECN; an IPv4 checksum is updated.
void SetTos(std::uint8_t* header, std::uint8_t tos);
/**
 * Something else follows the headers now: sets the total length and the octet at `protocolField`,
 * and computes an IPv4 checksum.
 */
void SetUpperLayer(std::uint8_t* header,
                   std::size_t totalLength,
                   std::size_t protocolField,
                   std::uint8_t protocol);

/// Of what follows the IP headers, with the pseudo-header (RFC 9293, section 3.1; RFC 8200, section
/// 8.1); 0 when the checksum in there is right.
std::uint16_t UpperLayerChecksum(const IpAddress& source,
                                 const IpAddress& destination,
                                 std::uint8_t protocol,
                                 ByteSpan octets);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IP_PACKET_H
