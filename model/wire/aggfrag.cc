/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/aggfrag.h"

#include <algorithm>
#include <utility>

namespace ipseclab::wire
{

namespace
{

constexpr std::uint8_t kSubTypePlain = 0;
constexpr std::uint8_t kSubTypeCongestion = 1;
constexpr std::uint8_t kProbing = 0x02;
constexpr std::uint8_t kCeMarks = 0x01;
constexpr unsigned kDelayBits = 21;

constexpr std::size_t kIpv4Least = 20;
constexpr std::size_t kIpv6Header = 40;

/// How long the packet is that a block begins with.
struct BlockLength
{
    bool valid{true};                  ///< it may be an IP packet
    std::optional<std::size_t> octets; ///< nothing: too little is there to tell
};

BlockLength
LengthOf(ByteSpan block)
{
    const unsigned version = block[0] >> 4;
    const std::size_t field = version == 4 ? 2 : 4;
    if (version != 4 && version != 6)
    {
        return {false, std::nullopt};
    }
    if (block.size() < field + 2)
    {
        return {};
    }
    const std::size_t value = LoadBe16(block.data() + field);
    const std::size_t length = version == 4 ? value : kIpv6Header + value;
    return {version == 6 || length >= kIpv4Least, length};
}

bool
IsAllPad(const AggfragPayload& payload)
{
    return payload.header.blockOffset == 0 &&
           (payload.blocks.empty() || payload.blocks[0] >> 4 == 0);
}

AggfragCongestion
ReadCongestion(std::uint8_t flags, ByteReader& reader)
{
    AggfragCongestion congestion;
    congestion.probing = (flags & kProbing) != 0;
    congestion.ceMarks = (flags & kCeMarks) != 0;
    congestion.lossEventRate = reader.U32();
    const std::uint64_t times = reader.U64();
    congestion.roundTrip = static_cast<std::uint32_t>(times >> (2 * kDelayBits));
    congestion.echoDelay =
        static_cast<std::uint32_t>(times >> kDelayBits) & AggfragCongestion::kMaxDelay;
    congestion.transmitDelay = static_cast<std::uint32_t>(times) & AggfragCongestion::kMaxDelay;
    congestion.timeValue = reader.U32();
    congestion.timeEcho = reader.U32();
    return congestion;
}

void
WriteCongestion(const AggfragCongestion& congestion, ByteWriter& writer)
{
    using Limits = AggfragCongestion;
    writer.U32(congestion.lossEventRate);
    const std::uint64_t roundTrip = std::min(congestion.roundTrip, Limits::kMaxRoundTrip);
    const std::uint64_t echo = std::min(congestion.echoDelay, Limits::kMaxDelay);
    const std::uint64_t transmit = std::min(congestion.transmitDelay, Limits::kMaxDelay);
    writer.U64(roundTrip << (2 * kDelayBits) | echo << kDelayBits | transmit);
    writer.U32(congestion.timeValue);
    writer.U32(congestion.timeEcho);
}

} // namespace

std::optional<AggfragPayload>
ParseAggfrag(ByteSpan payload)
{
    ByteReader reader(payload);
    const std::uint8_t subType = reader.U8();
    const std::uint8_t flags = reader.U8();
    AggfragPayload parsed;
    parsed.header.blockOffset = reader.U16();
    if (subType > kSubTypeCongestion || (subType == kSubTypePlain && flags != 0))
    {
        return std::nullopt;
    }
    if (subType == kSubTypeCongestion)
    {
        parsed.header.congestion = ReadCongestion(flags, reader);
    }
    if (!reader.Ok())
    {
        return std::nullopt;
    }
    parsed.blocks = reader.Rest();
    return parsed;
}

Bytes
BuildAggfrag(const AggfragHeader& header, ByteSpan blocks)
{
    ByteWriter writer;
    const auto& congestion = header.congestion;
    writer.U8(congestion ? kSubTypeCongestion : kSubTypePlain);
    writer.U8(congestion ? static_cast<std::uint8_t>((congestion->probing ? kProbing : 0) |
                                                     (congestion->ceMarks ? kCeMarks : 0))
                         : std::uint8_t{0});
    writer.U16(header.blockOffset);
    if (congestion)
    {
        WriteCongestion(*congestion, writer);
    }
    writer.Append(blocks);
    return writer.Take();
}

// ---- sending

bool
AggfragPacker::Enqueue(Bytes packet)
{
    constexpr std::size_t kLargestOffset = 0xffff;
    if (packet.empty() || packet.size() > kLargestOffset ||
        (!m_fragment && packet.size() > m_capacity))
    {
        return false;
    }
    const BlockLength length = LengthOf(packet);
    if (!length.valid || length.octets != packet.size())
    {
        return false;
    }
    m_queue.push_back(std::move(packet));
    return true;
}

Bytes
AggfragPacker::Next()
{
    AggfragHeader header;
    if (m_sent > 0)
    {
        header.blockOffset = static_cast<std::uint16_t>(m_queue.front().size() - m_sent);
    }
    Bytes blocks;
    while (!m_queue.empty() && blocks.size() < m_capacity)
    {
        const Bytes& packet = m_queue.front();
        const std::size_t room = m_capacity - blocks.size();
        if (!m_fragment && packet.size() > room)
        {
            break;
        }
        const std::size_t part = std::min(room, packet.size() - m_sent);
        const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(m_sent);
        blocks.insert(blocks.end(), begin, begin + static_cast<std::ptrdiff_t>(part));
        m_sent += part;
        if (m_sent == packet.size())
        {
            m_queue.pop_front();
            m_sent = 0;
        }
    }
    blocks.resize(m_capacity); // the pad block: zeros to the end
    return BuildAggfrag(header, blocks);
}

// ---- receiving

AggfragVerdict
AggfragAssembler::Add(std::uint64_t number, ByteSpan payload, std::vector<Bytes>& packets)
{
    const AggfragVerdict verdict = Insert(number, payload, packets);
    ++m_counters.verdicts[static_cast<std::size_t>(verdict)];
    m_expected = number + 1;
    return verdict;
}

AggfragVerdict
AggfragAssembler::Insert(std::uint64_t number, ByteSpan octets, std::vector<Bytes>& packets)
{
    if (number != m_expected)
    {
        Abandon();
    }
    const auto payload = ParseAggfrag(octets);
    if (!payload)
    {
        Abandon();
        return AggfragVerdict::Malformed;
    }
    if (IsAllPad(*payload))
    {
        return AggfragVerdict::Taken;
    }
    const bool continued = Continue(*payload, packets);
    const std::size_t skipped =
        std::min<std::size_t>(payload->header.blockOffset, payload->blocks.size());
    const bool read = ReadBlocks(payload->blocks.subspan(skipped), packets);
    return continued && read ? AggfragVerdict::Taken : AggfragVerdict::BadBlock;
}

/// What belongs to the unfinished packet, if there is one: all up to the offset, or all there is.
bool
AggfragAssembler::Continue(const AggfragPayload& payload, std::vector<Bytes>& packets)
{
    if (m_partial.empty())
    {
        return true;
    }
    const std::size_t offset = payload.header.blockOffset;
    const ByteSpan part = payload.blocks.first(std::min(offset, payload.blocks.size()));
    const std::size_t whole = m_partial.size() + offset;
    m_partial.insert(m_partial.end(), part.begin(), part.end());
    const BlockLength length = LengthOf(m_partial);
    if (!length.valid || (length.octets && *length.octets != whole) ||
        (!length.octets && offset <= payload.blocks.size()))
    {
        Abandon();
        return false;
    }
    if (m_partial.size() == whole)
    {
        packets.push_back(std::exchange(m_partial, {}));
    }
    return true;
}

/// Blocks from the beginning of one; the last one may be a part only.
bool
AggfragAssembler::ReadBlocks(ByteSpan blocks, std::vector<Bytes>& packets)
{
    while (!blocks.empty() && blocks[0] >> 4 != 0)
    {
        const BlockLength length = LengthOf(blocks);
        if (!length.valid)
        {
            return false;
        }
        if (!length.octets || *length.octets > blocks.size())
        {
            m_partial.assign(blocks.begin(), blocks.end());
            return true;
        }
        const ByteSpan packet = blocks.first(*length.octets);
        packets.emplace_back(packet.begin(), packet.end());
        blocks = blocks.subspan(*length.octets);
    }
    return true;
}

void
AggfragAssembler::Abandon()
{
    m_counters.abandoned += m_partial.empty() ? 0 : 1;
    m_partial.clear();
}

} // namespace ipseclab::wire
