/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ipv6.h"

#include <algorithm>

namespace ipseclab::wire
{

namespace
{

constexpr std::size_t kNextHeaderField = 6;
constexpr std::size_t kExtensionUnit = 8; ///< extension headers are multiples of 8 octets

bool
IsExtension(std::uint8_t protocol)
{
    return protocol == kProtocolHopByHop || protocol == kProtocolRouting ||
           protocol == kProtocolFragment || protocol == kProtocolDestinationOptions;
}

std::size_t
ExtensionLength(std::uint8_t protocol, const std::uint8_t* extension)
{
    return protocol == kProtocolFragment ? kExtensionUnit : (extension[1] + 1U) * kExtensionUnit;
}

/// Goes from header to header; each is at least 8 octets long, so the packet's size bounds it.
bool
FollowExtensions(Ipv6View& view)
{
    while (IsExtension(view.Protocol()) && !view.IsLaterFragment())
    {
        const std::uint8_t protocol = view.Protocol();
        const std::uint8_t* const extension = view.header + view.upperOffset;
        if (view.totalLength - view.upperOffset < kExtensionUnit ||
            ExtensionLength(protocol, extension) > view.totalLength - view.upperOffset ||
            (protocol == kProtocolHopByHop && view.upperOffset != kIpv6HeaderSize))
        {
            return false;
        }
        if (protocol == kProtocolFragment)
        {
            view.fragmentHeader = view.upperOffset;
        }
        view.protocolField = view.upperOffset;
        view.upperOffset += ExtensionLength(protocol, extension);
        if (protocol != kProtocolDestinationOptions)
        {
            view.espField = view.protocolField;
            view.espOffset = view.upperOffset;
        }
    }
    return true;
}

} // namespace

bool
ParseIpv6(ByteSpan packet, Ipv6View& view)
{
    if (packet.size() < kIpv6HeaderSize || packet[0] >> 4 != 6)
    {
        return false;
    }
    view = {};
    view.header = packet.data();
    view.totalLength = kIpv6HeaderSize + LoadBe16(view.header + 4);
    view.upperOffset = view.espOffset = kIpv6HeaderSize;
    view.protocolField = view.espField = kNextHeaderField;
    return view.totalLength <= packet.size() && FollowExtensions(view);
}

void
WriteIpv6Header(std::uint8_t* out, const Ipv6HeaderFields& fields)
{
    StoreBe32(out, 0x60000000U | static_cast<std::uint32_t>(fields.trafficClass) << 20);
    StoreBe16(out + 4, static_cast<std::uint16_t>(fields.totalLength - kIpv6HeaderSize));
    out[kNextHeaderField] = fields.protocol;
    out[7] = fields.hopLimit;
    const ByteSpan source = fields.source.Octets();
    const ByteSpan destination = fields.destination.Octets();
    std::copy(source.begin(), source.end(), out + 8);
    std::copy(destination.begin(), destination.end(), out + 24);
}

} // namespace ipseclab::wire
