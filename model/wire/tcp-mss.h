/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_TCP_MSS_H
#define IPSECLAB_WIRE_TCP_MSS_H

#include "model/wire/ip-packet.h"

#include <cstdint>
#include <optional>

/**
 * \file
 * The maximum segment size that a TCP SYN announces (RFC 9293, section 3.7.1), and the clamp that
 * gateways put on it.
 */

namespace ipseclab::wire
{

constexpr std::size_t kTcpHeaderSize = 20;

/// Octets of the IP and TCP headers without options: what an MSS is smaller than an MTU.
constexpr std::size_t
HeadersOfMss(bool v6)
{
    return (v6 ? kIpv6HeaderSize : kIpv4HeaderSize) + kTcpHeaderSize;
}

/// Whether the packet is all of a TCP segment that begins a connection, in either direction.
bool IsTcpSyn(const IpView& packet);

/// Of the first MSS option of a SYN; nothing: the packet is no SYN, or has none that is well-formed
/// before its options end.
std::optional<std::uint16_t> ReadMss(const IpView& packet);

/**
 * Lowers every MSS option of a SYN that is above `limit`, and corrects the TCP checksum by RFC
 * 1624. A checksum of zero that is not right for its segment was not computed, as ns-3 does it, and
 * stays. A SYN without the option is left alone: its sender takes segments of 536 octets, or 1220
 * over IPv6, for granted.
 * \param packet begins with its IP header; fragments and whatever is no SYN are left alone
 * \return whether something was changed
 */
bool ClampMss(MutableByteSpan packet, std::uint16_t limit);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_TCP_MSS_H
