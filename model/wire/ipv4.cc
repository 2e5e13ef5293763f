/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ipv4.h"

namespace ipseclab::wire
{

namespace
{

constexpr std::uint8_t kProtocolDccp = 33;
constexpr std::uint8_t kProtocolSctp = 132;
constexpr std::uint8_t kProtocolUdpLite = 136;
constexpr std::size_t kChecksumOffset = 10;

bool
IsIcmp(std::uint8_t protocol)
{
    return protocol == kProtocolIcmp || protocol == kProtocolIcmpv6;
}

bool
BeginsWithPorts(std::uint8_t protocol)
{
    switch (protocol)
    {
    case kProtocolTcp:
    case kProtocolUdp:
    case kProtocolDccp:
    case kProtocolSctp:
    case kProtocolUdpLite:
        return true;
    default:
        return false;
    }
}

std::uint16_t
Fold(std::uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

/// Writes a 16-bit word of the header and corrects the checksum: HC' = ~(~HC + ~m + m')
/// (RFC 1624, equation 3).
///
/// A checksum of zero is left alone: ns-3 does not compute one unless it is told to, and a header
/// without a checksum must not get a wrong one. A genuine zero (one header in 65,535) cannot be
/// told from that and is lost to the next verifier; so this function never makes one, but writes
/// 0xffff, the other form of zero in one's complement, which verifies alike.
void
ReplaceWord(std::uint8_t* word, std::uint16_t value, std::uint8_t* header)
{
    const std::uint16_t old = LoadBe16(word);
    const std::uint16_t checksum = LoadBe16(header + kChecksumOffset);
    StoreBe16(word, value);
    if (checksum != 0)
    {
        const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~checksum)} +
                                  static_cast<std::uint16_t>(~old) + value;
        const auto updated = static_cast<std::uint16_t>(~Fold(sum));
        StoreBe16(header + kChecksumOffset, updated == 0 ? std::uint16_t{0xffff} : updated);
    }
}

} // namespace

bool
ParseIpv4(ByteSpan packet, Ipv4View& view)
{
    if (packet.size() < kIpv4HeaderSize)
    {
        return false;
    }
    const std::uint8_t* header = packet.data();
    const std::size_t headerLength = (header[0] & 0x0fU) * 4U;
    const std::size_t totalLength = LoadBe16(header + 2);
    if (header[0] >> 4 != 4 || headerLength < kIpv4HeaderSize || headerLength > totalLength ||
        totalLength > packet.size())
    {
        return false;
    }
    view.header = header;
    view.headerLength = headerLength;
    view.totalLength = totalLength;
    return true;
}

PacketSelectors
ReadSelectors(const Ipv4View& view)
{
    PacketSelectors selectors;
    selectors.source = IpAddress::V4(view.Source());
    selectors.destination = IpAddress::V4(view.Destination());
    selectors.protocol = view.Protocol();
    selectors.laterFragment = view.FragmentOffset() != 0;
    ReadPorts(selectors,
              view.header + view.headerLength,
              view.FragmentOffset() == 0 ? view.totalLength - view.headerLength : 0);
    return selectors;
}

bool
HasPorts(std::uint8_t protocol)
{
    return BeginsWithPorts(protocol) || IsIcmp(protocol);
}

void
ReadPorts(PacketSelectors& selectors, const std::uint8_t* next, std::size_t size)
{
    if (BeginsWithPorts(selectors.protocol) && size >= 4)
    {
        selectors.sourcePort = LoadBe16(next);
        selectors.destinationPort = LoadBe16(next + 2);
    }
    else if (IsIcmp(selectors.protocol) && size >= 2)
    {
        selectors.sourcePort = LoadBe16(next);
        selectors.destinationPort = selectors.sourcePort;
    }
    else
    {
        // Also for a protocol without ports: only a selector for any port may match it.
        selectors.portsKnown = false;
    }
}

std::uint16_t
Ipv4Checksum(const std::uint8_t* header, std::size_t length)
{
    std::uint64_t sum = 0;
    for (; length >= 4; header += 4, length -= 4)
    {
        sum += LoadBe32(header);
    }
    if (length >= 2)
    {
        sum += LoadBe16(header);
        header += 2;
        length -= 2;
    }
    if (length == 1)
    {
        sum += std::uint64_t{*header} << 8;
    }
    return static_cast<std::uint16_t>(~Fold(sum));
}

void
WriteIpv4Header(std::uint8_t* out, const Ipv4HeaderFields& fields)
{
    out[0] = 0x45;
    out[1] = fields.tos;
    StoreBe16(out + 2, fields.totalLength);
    StoreBe16(out + 4, fields.identification);
    StoreBe16(out + 6, fields.dontFragment ? std::uint16_t{0x4000} : std::uint16_t{0});
    out[8] = fields.ttl;
    out[9] = fields.protocol;
    StoreBe16(out + kChecksumOffset, 0);
    StoreBe32(out + 12, fields.source);
    StoreBe32(out + 16, fields.destination);
    StoreBe16(out + kChecksumOffset, Ipv4Checksum(out, kIpv4HeaderSize));
}

void
DecrementTtl(std::uint8_t* header)
{
    std::uint8_t* word = header + 8;
    ReplaceWord(word, static_cast<std::uint16_t>(LoadBe16(word) - 0x0100), header);
}

void
SetIpv4Tos(std::uint8_t* header, std::uint8_t tos)
{
    ReplaceWord(header, static_cast<std::uint16_t>((LoadBe16(header) & 0xff00) | tos), header);
}

} // namespace ipseclab::wire
