/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/icmp-too-big.h"

#include "model/wire/ike-constants.h"
#include "model/wire/udp-encapsulation.h"

#include <algorithm>

namespace ipseclab::wire
{

namespace
{

constexpr std::size_t kIcmpHeader = 8;
constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kPacketTooBig = 2;

/// Over the message, and for ICMPv6 the pseudo-header of RFC 8200, section 8.1.
std::uint16_t
Checksum(ByteSpan message, const IpAddress& source, const IpAddress& destination)
{
    Bytes covered;
    if (!source.IsV4())
    {
        ByteWriter writer;
        writer.Append(source.Octets());
        writer.Append(destination.Octets());
        writer.U32(static_cast<std::uint32_t>(message.size()));
        writer.U32(kProtocolIcmpv6);
        covered = writer.Take();
    }
    covered.insert(covered.end(), message.begin(), message.end());
    return Ipv4Checksum(covered.data(), covered.size());
}

} // namespace

std::optional<TooBigReport>
ParseTooBig(const IpView& packet)
{
    const std::size_t length = packet.totalLength - packet.upperOffset;
    if (packet.isFragment || length < kIcmpHeader ||
        packet.Protocol() != (packet.v6 ? kProtocolIcmpv6 : kProtocolIcmp))
    {
        return std::nullopt;
    }
    const ByteSpan message(packet.header + packet.upperOffset, length);
    const bool about = packet.v6 ? message[0] == kPacketTooBig
                                 : message[0] == kUnreachable && message[1] == kFragmentationNeeded;
    if (!about || (LoadBe16(&message[2]) != 0 &&
                   Checksum(message, packet.Source(), packet.Destination()) != 0))
    {
        return std::nullopt;
    }
    return TooBigReport{packet.v6 ? LoadBe32(&message[4]) : LoadBe16(&message[6]),
                        message.subspan(kIcmpHeader)};
}

Bytes
BuildTooBig(ByteSpan packet, std::uint32_t mtu, const IpAddress& from, std::size_t limit)
{
    IpView view;
    if (!ParseIp(packet, view) || from.IsV4() == view.v6)
    {
        return {};
    }
    const std::size_t around = (view.v6 ? kIpv6HeaderSize : kIpv4HeaderSize) + kIcmpHeader;
    const std::size_t quoted = std::min(view.totalLength, limit < around ? 0 : limit - around);
    ByteWriter writer;
    writer.U8(view.v6 ? kPacketTooBig : kUnreachable);
    writer.U8(view.v6 ? std::uint8_t{0} : kFragmentationNeeded);
    writer.U16(0);
    writer.U32(view.v6 ? mtu : std::min<std::uint32_t>(mtu, 0xffff));
    writer.Append(packet.first(quoted));
    Bytes message = writer.Take();
    const std::uint16_t checksum = Checksum(message, from, view.Source());
    StoreBe16(&message[2], checksum == 0 ? std::uint16_t{0xffff} : checksum);
    return message;
}

std::optional<QuotedEsp>
ReadQuotedEsp(ByteSpan quoted)
{
    constexpr std::size_t kSpi = 4;
    const bool v6 = !quoted.empty() && IsIpv6(quoted.data());
    const std::size_t least = v6 ? kIpv6HeaderSize : kIpv4HeaderSize;
    if (quoted.size() < least || (!v6 && quoted[0] >> 4 != 4))
    {
        return std::nullopt;
    }
    // A gateway's own packets have no IPv6 extension headers.
    std::size_t at = v6 ? least : (quoted[0] & 0x0fU) * 4U;
    const std::uint8_t protocol = quoted[v6 ? 6 : 9];
    if (protocol == kProtocolUdp && quoted.size() >= at + kUdpHeaderSize &&
        (LoadBe16(&quoted[at]) == kNatTraversalPort ||
         LoadBe16(&quoted[at + 2]) == kNatTraversalPort))
    {
        at += kUdpHeaderSize;
    }
    else if (protocol != kProtocolEsp)
    {
        return std::nullopt;
    }
    if (at < least || quoted.size() < at + kSpi || (!v6 && LoadBe16(&quoted[6]) & 0x1fff))
    {
        return std::nullopt;
    }
    IpView view;
    view.header = quoted.data();
    view.v6 = v6;
    return QuotedEsp{view.Source(),
                     view.Destination(),
                     LoadBe32(&quoted[at]),
                     v6 ? kIpv6HeaderSize + LoadBe16(&quoted[4]) : LoadBe16(&quoted[2])};
}

} // namespace ipseclab::wire
