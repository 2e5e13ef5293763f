/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/tcp-mss.h"

namespace ipseclab::wire
{

namespace
{

constexpr std::size_t kDataOffset = 12;
constexpr std::size_t kFlags = 13;
constexpr std::size_t kChecksum = 16;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::size_t kMssLength = 4;

/// Octets of the TCP header, options included, of which all are there; otherwise 0.
std::size_t
HeaderLength(ByteSpan segment)
{
    if (segment.size() < kTcpHeaderSize)
    {
        return 0;
    }
    const std::size_t length = (segment[kDataOffset] >> 4) * std::size_t{4};
    return length >= kTcpHeaderSize && length <= segment.size() ? length : 0;
}

ByteSpan
SegmentOf(const IpView& packet)
{
    if (packet.isFragment || packet.Protocol() != kProtocolTcp)
    {
        return {};
    }
    return {packet.header + packet.upperOffset, packet.totalLength - packet.upperOffset};
}

/// Calls with the offset in the segment of the value of each MSS option, until it says to stop.
template <typename Visit>
void
VisitMss(ByteSpan segment, const Visit& visit)
{
    const std::size_t end = HeaderLength(segment);
    std::size_t at = kTcpHeaderSize;
    while (at < end && segment[at] != kEndOfOptions)
    {
        if (segment[at] == kNoOperation)
        {
            ++at;
            continue;
        }
        const std::size_t length = at + 1 < end ? segment[at + 1] : 0;
        if (length < 2 || length > end - at)
        {
            return; // what follows cannot be told apart
        }
        if (segment[at] == kMss && length == kMssLength && !visit(at + 2))
        {
            return;
        }
        at += length;
    }
}

std::uint16_t
SwapOctets(std::uint16_t word)
{
    return static_cast<std::uint16_t>(word << 8 | word >> 8);
}

/// HC' = ~(~HC + ~m + m') (RFC 1624, equation 3).
std::uint16_t
UpdateChecksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after)
{
    std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
    sum += static_cast<std::uint16_t>(~before);
    sum += after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// Zero is the checksum of one segment in 65535, and of those for which ns-3 computes none.
bool
HasChecksum(const IpView& packet)
{
    const ByteSpan segment = SegmentOf(packet);
    return LoadBe16(&segment[kChecksum]) != 0 ||
           UpperLayerChecksum(packet.Source(), packet.Destination(), kProtocolTcp, segment) == 0;
}

void
ReplaceMss(std::uint8_t* segment, std::size_t at, std::uint16_t mss, bool hasChecksum)
{
    const std::uint16_t before = LoadBe16(segment + at);
    StoreBe16(segment + at, mss);
    if (hasChecksum)
    {
        // At an odd offset the octets count in the other halves of two words.
        const bool odd = at % 2 != 0;
        StoreBe16(segment + kChecksum,
                  UpdateChecksum(LoadBe16(segment + kChecksum),
                                 odd ? SwapOctets(before) : before,
                                 odd ? SwapOctets(mss) : mss));
    }
}

} // namespace

bool
IsTcpSyn(const IpView& packet)
{
    const ByteSpan segment = SegmentOf(packet);
    return HeaderLength(segment) != 0 && (segment[kFlags] & kSyn) != 0;
}

std::optional<std::uint16_t>
ReadMss(const IpView& packet)
{
    std::optional<std::uint16_t> mss;
    if (IsTcpSyn(packet))
    {
        const ByteSpan segment = SegmentOf(packet);
        VisitMss(segment,
                 [&](std::size_t at)
                 {
                     mss = LoadBe16(&segment[at]);
                     return false;
                 });
    }
    return mss;
}

bool
ClampMss(MutableByteSpan packet, std::uint16_t limit)
{
    IpView view;
    if (!ParseIp(packet, view) || !IsTcpSyn(view))
    {
        return false;
    }
    bool changed = false;
    const bool hasChecksum = HasChecksum(view);
    std::uint8_t* const segment = packet.data() + view.upperOffset;
    VisitMss(SegmentOf(view),
             [&](std::size_t at)
             {
                 if (LoadBe16(segment + at) > limit)
                 {
                     ReplaceMss(segment, at, limit, hasChecksum);
                     changed = true;
                 }
                 return true;
             });
    return changed;
}

} // namespace ipseclab::wire
