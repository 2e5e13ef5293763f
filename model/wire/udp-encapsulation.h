/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_UDP_ENCAPSULATION_H
#define IPSECLAB_WIRE_UDP_ENCAPSULATION_H

#include "model/wire/bytes.h"
#include "model/wire/ike-constants.h"
#include "model/wire/ip-packet.h"

#include <optional>

/**
 * \file
 * What shares UDP port 4500 (RFC 3948, section 2): ESP, IKE behind four zero octets where ESP has
 * its SPI, and keepalives of one octet.
 */

namespace ipseclab::wire
{

constexpr std::size_t kUdpHeaderSize = 8;
constexpr std::size_t kNonEspMarkerSize = 4;
constexpr std::uint8_t kNatKeepalive = 0xff;

/// The ports of a UDP header.
struct UdpPorts
{
    std::uint16_t source{kNatTraversalPort};
    std::uint16_t destination{kNatTraversalPort};

    bool operator==(const UdpPorts& o) const
    {
        return source == o.source && destination == o.destination;
    }

    bool operator!=(const UdpPorts& o) const
    {
        return !(*this == o);
    }
};

/// The same ports as the other side sees them.
inline std::optional<UdpPorts>
Reversed(const std::optional<UdpPorts>& ports)
{
    return ports ? std::make_optional(UdpPorts{ports->destination, ports->source}) : std::nullopt;
}

enum class NatTraversalContent : std::uint8_t
{
    Esp,
    Ike,       ///< a non-ESP marker and an IKE message
    Keepalive, ///< to be ignored
    Unknown    ///< too short for anything
};

/// What a UDP payload that came to port 4500 is.
NatTraversalContent ClassifyNatTraversal(ByteSpan payload);

/// Octets before the ESP header of a packet for port 4500 or of protocol 50, or before that of
/// EESP: its IP headers, or those and a UDP header. Nothing when there is no SPI, or no ESP.
std::optional<std::size_t> FindEsp(const IpView& packet);
/// The SPI of such a packet.
/// \param espOffset from FindEsp
std::uint32_t ReadSpi(const IpView& packet, std::size_t espOffset);

/// Writes 8 octets. The checksum is zero, "none": RFC 3948, section 2.1, wants that for IPv4.
void WriteUdpHeader(std::uint8_t* out, const UdpPorts& ports, std::size_t payloadLength);

/// Computes the checksum of a whole UDP datagram in IPv6 (RFC 8200, section 8.1).
void SetUdpChecksum(std::uint8_t* datagram,
                    std::size_t length,
                    const IpAddress& source,
                    const IpAddress& destination);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_UDP_ENCAPSULATION_H
