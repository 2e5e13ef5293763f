/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IPV6_H
#define IPSECLAB_WIRE_IPV6_H

#include "model/wire/bytes.h"
#include "model/wire/ip-address.h"
#include "model/wire/ipv4.h"

#include <cstdint>

/**
 * \file
 * The few IPv6 facts that ESP needs: follow the extension headers, write an outer header (RFC
 * 8200).
 */

namespace ipseclab::wire
{

constexpr std::size_t kIpv6HeaderSize = 40;
constexpr std::uint8_t kProtocolHopByHop = 0;
constexpr std::uint8_t kProtocolRouting = 43;
constexpr std::uint8_t kProtocolFragment = 44;
constexpr std::uint8_t kProtocolDestinationOptions = 60;

/// A checked view of an IPv6 packet; borrowed. Offsets count from the header.
struct Ipv6View
{
    const std::uint8_t* header{nullptr};
    std::size_t totalLength{0};    ///< octets, from the header; at most what is there
    std::size_t upperOffset{0};    ///< of what follows the extension headers
    std::size_t protocolField{0};  ///< of the octet that says what that is
    std::size_t espOffset{0};      ///< where ESP goes in transport mode
    std::size_t espField{0};       ///< of the octet that will say so
    std::size_t fragmentHeader{0}; ///< offset; 0: none

    std::uint8_t Protocol() const
    {
        return header[protocolField];
    }

    /// Also for an "atomic fragment", which is all of its packet (RFC 6946): not a fragment.
    bool IsFragment() const
    {
        return fragmentHeader != 0 && (LoadBe16(header + fragmentHeader + 2) & 0xfff9) != 0;
    }

    bool IsLaterFragment() const
    {
        return fragmentHeader != 0 && (LoadBe16(header + fragmentHeader + 2) & 0xfff8) != 0;
    }
};

/**
 * False when the octets are no IPv6 packet that is all there, or its extension headers run past its
 * end or out of order (a Hop-by-Hop header anywhere but first). No jumbograms.
 *
 * ESP in transport mode goes after the headers that are for routers on the way, and before
 * Destination Options that are only for the end (RFC 4303, section 3.1.1): those before a Routing
 * header stay before ESP, the others are protected.
 */
bool ParseIpv6(ByteSpan packet, Ipv6View& view);

struct Ipv6HeaderFields
{
    std::uint8_t trafficClass{0};
    std::size_t totalLength{kIpv6HeaderSize}; ///< header and payload, at most 40 + 65535
    std::uint8_t protocol{kProtocolEsp};
    std::uint8_t hopLimit{64};
    IpAddress source;
    IpAddress destination;
};

/// Writes 40 octets; the flow label is 0 (RFC 4301, section 5.1.2.2).
void WriteIpv6Header(std::uint8_t* out, const Ipv6HeaderFields& fields);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IPV6_H
