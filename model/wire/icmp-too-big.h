/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_ICMP_TOO_BIG_H
#define IPSECLAB_WIRE_ICMP_TOO_BIG_H

#include "model/wire/ip-packet.h"

#include <optional>

/**
 * \file
 * "A packet does not fit": ICMP type 3 code 4 with a next-hop MTU (RFC 1191, section 4) and ICMPv6
 * type 2 (RFC 4443, section 3.2).
 */

namespace ipseclab::wire
{

struct TooBigReport
{
    std::uint32_t mtu{0}; ///< of the next hop, octets; 0 from routers older than RFC 1191
    ByteSpan quoted;      ///< what the packet began with; borrowed
};

/// Nothing when the packet is another one, or its ICMP checksum is wrong. A checksum of zero, "not
/// computed" in ns-3, is taken.
std::optional<TooBigReport> ParseTooBig(const IpView& packet);

/**
 * The ICMP or ICMPv6 message about a packet, to its source, without an IP header.
 * \param from who reports; of the packet's version
 * \param limit octets of the whole report at most; the quotation ends there
 * \return empty when the packet is malformed, or `from` is of the other version
 */
Bytes BuildTooBig(ByteSpan packet, std::uint32_t mtu, const IpAddress& from, std::size_t limit);

/// RFC 1812, section 4.3.2.3; RFC 4443, section 2.4 (c).
constexpr std::size_t kIcmpLimit = 576;
constexpr std::size_t kIcmpv6Limit = 1280;

/// What a quotation says of an ESP packet.
struct QuotedEsp
{
    IpAddress source;
    IpAddress destination;
    std::uint32_t spi{0};
    std::size_t totalLength{0}; ///< of the packet that is quoted, octets
};

/// Nothing when the quotation does not reach to the SPI, or is of no ESP packet: with UDP
/// encapsulation, 8 octets behind the IP header do not suffice.
std::optional<QuotedEsp> ReadQuotedEsp(ByteSpan quoted);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_ICMP_TOO_BIG_H
