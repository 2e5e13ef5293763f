/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/udp-encapsulation.h"

namespace ipseclab::wire
{

NatTraversalContent
ClassifyNatTraversal(ByteSpan payload)
{
    if (payload.size() == 1 && payload[0] == kNatKeepalive)
    {
        return NatTraversalContent::Keepalive;
    }
    if (payload.size() < kNonEspMarkerSize)
    {
        return NatTraversalContent::Unknown;
    }
    return LoadBe32(payload.data()) == 0 ? NatTraversalContent::Ike : NatTraversalContent::Esp;
}

namespace
{

constexpr std::size_t kSpi = 4;
constexpr std::size_t kEespSpi = 4; ///< where it begins

} // namespace

std::optional<std::size_t>
FindEsp(const IpView& packet)
{
    const std::uint8_t* const next = packet.header + packet.upperOffset;
    const std::size_t size = packet.hasUpperHeader ? packet.totalLength - packet.upperOffset : 0;
    if ((packet.Protocol() == kProtocolEsp && size >= kSpi) ||
        (packet.Protocol() == kProtocolEesp && size >= kEespSpi + kSpi))
    {
        return packet.upperOffset;
    }
    if (packet.Protocol() != kProtocolUdp || size < kUdpHeaderSize ||
        LoadBe16(next + 2) != kNatTraversalPort || LoadBe16(next + 4) != size)
    {
        return std::nullopt;
    }
    const ByteSpan payload(next + kUdpHeaderSize, size - kUdpHeaderSize);
    const bool esp = ClassifyNatTraversal(payload) == NatTraversalContent::Esp;
    return esp ? std::make_optional(packet.upperOffset + kUdpHeaderSize) : std::nullopt;
}

void
WriteUdpHeader(std::uint8_t* out, const UdpPorts& ports, std::size_t payloadLength)
{
    StoreBe16(out, ports.source);
    StoreBe16(out + 2, ports.destination);
    StoreBe16(out + 4, static_cast<std::uint16_t>(kUdpHeaderSize + payloadLength));
    StoreBe16(out + 6, 0);
}

void
SetUdpChecksum(std::uint8_t* datagram,
               std::size_t length,
               const IpAddress& source,
               const IpAddress& destination)
{
    StoreBe16(datagram + 6, 0);
    const std::uint16_t checksum =
        UpperLayerChecksum(source, destination, kProtocolUdp, ByteSpan(datagram, length));
    StoreBe16(datagram + 6, checksum == 0 ? std::uint16_t{0xffff} : checksum);
}

std::uint32_t
ReadSpi(const IpView& packet, std::size_t espOffset)
{
    const bool eesp = packet.Protocol() == kProtocolEesp;
    return LoadBe32(packet.header + espOffset + (eesp ? kEespSpi : 0));
}

} // namespace ipseclab::wire
