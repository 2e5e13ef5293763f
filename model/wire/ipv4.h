/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IPV4_H
#define IPSECLAB_WIRE_IPV4_H

#include "model/wire/bytes.h"
#include "model/wire/traffic-selector.h"

#include <cstdint>

/**
 * \file
 * The few IPv4 facts that tunnel mode needs: look at a header, read the selectors, write an outer
 * header, keep a checksum right (RFC 791, RFC 1624).
 */

namespace ipseclab::wire
{

constexpr std::size_t kIpv4HeaderSize = 20;
constexpr std::uint8_t kProtocolIcmp = 1;
constexpr std::uint8_t kProtocolIpv4 = 4;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kProtocolIpv6 = 41;
constexpr std::uint8_t kProtocolEsp = 50;
/// EESP has no number yet; 253 is for experiments (RFC 3692).
constexpr std::uint8_t kProtocolEesp = 253;
constexpr std::uint8_t kProtocolIcmpv6 = 58;
constexpr std::uint8_t kProtocolDummy = 59;

/// A checked view of an IPv4 packet; borrowed.
struct Ipv4View
{
    const std::uint8_t* header{nullptr};
    std::size_t headerLength{0}; ///< octets, options included
    std::size_t totalLength{0};  ///< octets, from the header; at most what is there

    std::uint8_t Tos() const
    {
        return header[1];
    }

    std::uint8_t Ttl() const
    {
        return header[8];
    }

    std::uint8_t Protocol() const
    {
        return header[9];
    }

    std::uint32_t Source() const
    {
        return LoadBe32(header + 12);
    }

    std::uint32_t Destination() const
    {
        return LoadBe32(header + 16);
    }

    bool DontFragment() const
    {
        return header[6] & 0x40;
    }

    bool IsFragment() const
    {
        return (LoadBe16(header + 6) & 0x3fff) != 0;
    }

    std::uint16_t FragmentOffset() const
    {
        return static_cast<std::uint16_t>(LoadBe16(header + 6) & 0x1fff);
    }
};

/// False when the octets are no IPv4 packet whose header and total length are there.
bool ParseIpv4(ByteSpan packet, Ipv4View& view);
/// The selectors of a parsed packet; ports of UDP, TCP, SCTP, DCCP, UDP-Lite and ICMP type/code.
PacketSelectors ReadSelectors(const Ipv4View& view);

/// Sets source and destination port, or ICMP type and code, of selectors whose protocol is known.
/// \param next what the protocol's header begins with; `size` octets are there
void ReadPorts(PacketSelectors& selectors, const std::uint8_t* next, std::size_t size);

/// Whether its header begins with ports, or with type and code of ICMP, which stand for them.
bool HasPorts(std::uint8_t protocol);

/// RFC 1071 over whole octets, as stored in network order.
std::uint16_t Ipv4Checksum(const std::uint8_t* header, std::size_t length);

struct Ipv4HeaderFields
{
    std::uint8_t tos{0};
    std::uint16_t totalLength{0};
    std::uint16_t identification{0};
    bool dontFragment{false};
    std::uint8_t ttl{64};
    std::uint8_t protocol{kProtocolEsp};
    std::uint32_t source{0};
    std::uint32_t destination{0};
};

/// Writes 20 octets with a right checksum.
void WriteIpv4Header(std::uint8_t* out, const Ipv4HeaderFields& fields);
/// TTL minus one; the checksum is updated by RFC 1624 (a zero checksum, "not computed" in ns-3, is
/// left zero).
void DecrementTtl(std::uint8_t* header);
/// Sets DSCP and ECN; the checksum is updated likewise.
void SetIpv4Tos(std::uint8_t* header, std::uint8_t tos);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IPV4_H
