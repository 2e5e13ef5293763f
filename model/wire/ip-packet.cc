/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-packet.h"

namespace ipseclab::wire
{

namespace
{

constexpr std::size_t kIpv4ProtocolField = 9;

bool
ParseAsIpv4(ByteSpan packet, IpView& view)
{
    Ipv4View v4;
    if (!ParseIpv4(packet, v4))
    {
        return false;
    }
    view.header = v4.header;
    view.v6 = false;
    view.totalLength = v4.totalLength;
    view.upperOffset = view.espOffset = v4.headerLength;
    view.protocolField = view.espField = kIpv4ProtocolField;
    view.isFragment = v4.IsFragment();
    view.hasUpperHeader = v4.FragmentOffset() == 0;
    return true;
}

bool
ParseAsIpv6(ByteSpan packet, IpView& view)
{
    Ipv6View v6;
    if (!ParseIpv6(packet, v6))
    {
        return false;
    }
    view.header = v6.header;
    view.v6 = true;
    view.totalLength = v6.totalLength;
    view.upperOffset = v6.upperOffset;
    view.protocolField = v6.protocolField;
    view.espOffset = v6.espOffset;
    view.espField = v6.espField;
    view.isFragment = v6.IsFragment();
    view.hasUpperHeader = !v6.IsLaterFragment();
    return true;
}

} // namespace

bool
IsIpv6(const std::uint8_t* header)
{
    return header[0] >> 4 == 6;
}

bool
ParseIp(ByteSpan packet, IpView& view)
{
    return !packet.empty() && IsIpv6(packet.data()) ? ParseAsIpv6(packet, view)
                                                    : ParseAsIpv4(packet, view);
}

PacketSelectors
ReadSelectors(const IpView& view)
{
    PacketSelectors selectors;
    selectors.source = view.Source();
    selectors.destination = view.Destination();
    selectors.protocol = view.Protocol();
    selectors.dscp = static_cast<std::uint8_t>(view.Tos() >> 2);
    selectors.laterFragment = !view.hasUpperHeader;
    ReadPorts(selectors,
              view.header + view.upperOffset,
              view.hasUpperHeader ? view.totalLength - view.upperOffset : 0);
    return selectors;
}

void
DecrementHops(std::uint8_t* header)
{
    if (IsIpv6(header))
    {
        --header[7];
    }
    else
    {
        DecrementTtl(header);
    }
}

void
SetTos(std::uint8_t* header, std::uint8_t tos)
{
    if (IsIpv6(header))
    {
        const auto first = static_cast<std::uint16_t>((LoadBe16(header) & 0xf00f) | tos << 4);
        StoreBe16(header, first);
    }
    else
    {
        SetIpv4Tos(header, tos);
    }
}

void
SetUpperLayer(std::uint8_t* header,
              std::size_t totalLength,
              std::size_t protocolField,
              std::uint8_t protocol)
{
    header[protocolField] = protocol;
    if (IsIpv6(header))
    {
        StoreBe16(header + 4, static_cast<std::uint16_t>(totalLength - kIpv6HeaderSize));
        return;
    }
    StoreBe16(header + 2, static_cast<std::uint16_t>(totalLength));
    StoreBe16(header + 10, 0);
    StoreBe16(header + 10, Ipv4Checksum(header, (header[0] & 0x0fU) * 4U));
}

std::uint16_t
UpperLayerChecksum(const IpAddress& source,
                   const IpAddress& destination,
                   std::uint8_t protocol,
                   ByteSpan octets)
{
    const auto sum = [](ByteSpan part)
    { return std::uint32_t{static_cast<std::uint16_t>(~Ipv4Checksum(part.data(), part.size()))}; };
    const auto length = static_cast<std::uint32_t>(octets.size());
    std::uint32_t total = sum(source.Octets()) + sum(destination.Octets()) + protocol +
                          (length >> 16) + (length & 0xffff) + sum(octets);
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return static_cast<std::uint16_t>(~total);
}

} // namespace ipseclab::wire
