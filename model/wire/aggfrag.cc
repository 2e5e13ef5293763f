/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/aggfrag.h"

#include <algorithm>
#include <cstring>
#include <iterator>
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
    if (subType > kSubTypeCongestion)
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
AggfragPacker::Enqueue(ByteSpan packet)
{
    constexpr std::size_t kLargestOffset = 0xffff;
    if (packet.empty() || packet.size() > kLargestOffset)
    {
        return false;
    }
    const BlockLength length = LengthOf(packet);
    if (!length.valid || length.octets != packet.size())
    {
        return false;
    }
    m_octets.insert(m_octets.end(), packet.begin(), packet.end());
    ++m_waiting;
    return true;
}

void
AggfragPacker::GiveUpTooBig(std::size_t capacity, const Sink& sink)
{
    while (!m_fragment && m_waiting > 0 && FrontLength() > capacity)
    {
        sink(ByteSpan(m_octets).subspan(m_front, FrontLength()));
        PopFront();
    }
}

std::size_t
AggfragPacker::Next(MutableByteSpan payload, bool pad)
{
    const std::size_t capacity = payload.size() - kAggfragHeaderSize;
    const std::size_t offset = m_sent == 0 ? 0 : FrontLength() - m_sent;
    StoreBe16(payload.data(), kSubTypePlain << 8);
    StoreBe16(payload.data() + 2, static_cast<std::uint16_t>(offset));
    std::uint8_t* const blocks = payload.data() + kAggfragHeaderSize;
    std::size_t filled = 0;
    while (m_waiting > 0 && filled < capacity)
    {
        const std::size_t left = FrontLength() - m_sent;
        const std::size_t part = std::min(left, capacity - filled);
        if (!m_fragment && part < left)
        {
            break;
        }
        std::memcpy(blocks + filled, m_octets.data() + m_front + m_sent, part);
        filled += part;
        m_sent += part;
        if (part == left)
        {
            ++m_sentPackets;
            PopFront();
        }
    }
    m_padding += filled == 0 ? 1 : 0;
    const std::size_t padding = pad ? capacity - filled : 0;
    std::memset(blocks + filled, 0, padding);
    return kAggfragHeaderSize + filled + padding;
}

std::size_t
AggfragPacker::FrontLength() const
{
    return *LengthOf(ByteSpan(m_octets).subspan(m_front)).octets;
}

void
AggfragPacker::PopFront()
{
    m_front += FrontLength();
    m_sent = 0;
    --m_waiting;
    if (m_front > m_octets.size() / 2) // so that each octet is moved once at most
    {
        m_octets.erase(m_octets.begin(), m_octets.begin() + static_cast<std::ptrdiff_t>(m_front));
        m_front = 0;
    }
}

std::uint8_t
AggfragPacker::FrontTos() const
{
    if (m_waiting == 0)
    {
        return 0;
    }
    const std::uint8_t* const packet = m_octets.data() + m_front;
    return packet[0] >> 4 == 6 ? static_cast<std::uint8_t>(LoadBe16(packet) >> 4) : packet[1];
}

std::vector<Bytes>
AggfragPacker::TakeAll()
{
    std::vector<Bytes> packets;
    while (m_waiting > 0)
    {
        const auto begin = m_octets.begin() + static_cast<std::ptrdiff_t>(m_front);
        packets.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(FrontLength()));
        PopFront();
    }
    return packets;
}

// ---- receiving

AggfragVerdict
AggfragAssembler::Add(std::uint64_t number, ByteSpan payload, const Sink& sink)
{
    const AggfragVerdict verdict =
        number < m_floor ? AggfragVerdict::Late : Insert(number, payload, sink);
    ++m_counters.verdicts[static_cast<std::size_t>(verdict)];
    return verdict;
}

AggfragVerdict
AggfragAssembler::Insert(std::uint64_t number, ByteSpan octets, const Sink& sink)
{
    const auto after = m_runs.upper_bound(number);
    const auto before = after == m_runs.begin() ? m_runs.end() : std::prev(after);
    if (before != m_runs.end() && number <= before->second.last)
    {
        return AggfragVerdict::Repeated;
    }
    const auto payload = ParseAggfrag(octets);
    const bool padding = payload && IsAllPad(*payload);
    const std::size_t owed = payload ? payload->header.blockOffset : 0;
    const ByteSpan blocks = payload ? payload->blocks : ByteSpan();
    const ByteSpan head = blocks.first(std::min(owed, blocks.size()));
    const Front front{!padding && owed == head.size(), owed, head};

    const bool joins = before != m_runs.end() && before->second.last + 1 == number;
    Run& run = (joins ? before : m_runs.emplace_hint(after, number, Run{}))->second;
    run.last = number;
    bool fine = Extend(run, front, sink);
    if (!payload)
    {
        run.tailKnown = false;
    }
    else if (front.boundary)
    {
        fine = ReadBlocks(blocks.subspan(head.size()), run, sink) && fine;
    }
    if (after != m_runs.end() && after->first == number + 1)
    {
        Run next = std::move(after->second);
        m_runs.erase(after);
        run.last = next.last;
        fine = Extend(run, {next.boundary, next.owed, next.head}, sink) && fine;
        if (next.boundary)
        {
            run.tail = std::move(next.tail);
            run.tailKnown = next.tailKnown;
        }
    }
    if (!payload)
    {
        return AggfragVerdict::Malformed;
    }
    return fine ? AggfragVerdict::Taken : AggfragVerdict::BadBlock;
}

/// What follows a run becomes a part of it, but for what is behind the last boundary.
bool
AggfragAssembler::Extend(Run& run, const Front& next, const Sink& sink)
{
    if (!next.boundary && next.owed == 0)
    {
        return true; // padding
    }
    if (run.boundary)
    {
        return Continue(run, next, sink);
    }
    const bool fine = run.owed == 0 || run.owed == run.head.size() + next.owed;
    run.boundary = next.boundary;
    run.owed = run.owed == 0 ? next.owed : run.owed;
    if (fine)
    {
        run.head.insert(run.head.end(), next.head.begin(), next.head.end());
    }
    else
    {
        run.head.clear(); // too short for what is owed, which ends the packet
    }
    return fine;
}

/// What belongs to the unfinished packet, if there is one: all up to the offset, or all there is.
bool
AggfragAssembler::Continue(Run& run, const Front& next, const Sink& sink)
{
    bool fine = true;
    if (run.tailKnown)
    {
        const std::size_t whole = run.tail.size() + next.owed;
        run.tail.insert(run.tail.end(), next.head.begin(), next.head.end());
        const bool unfinished = run.tail.size() > next.head.size();
        const BlockLength length = unfinished ? LengthOf(run.tail) : BlockLength{};
        const bool ends = length.octets == whole && run.tail.size() == whole;
        const bool goesOn = length.valid && length.octets.value_or(whole) == whole;
        fine = unfinished ? next.owed > 0 && (next.boundary ? ends : goesOn) : next.owed == 0;
        if (fine && unfinished && next.boundary)
        {
            sink(run.tail);
            run.tail.clear();
        }
        else if (!fine)
        {
            m_counters.abandoned += unfinished ? 1 : 0;
            run.tail.clear();
        }
    }
    run.tailKnown = next.boundary || (run.tailKnown && fine);
    return fine;
}

/// Blocks from the beginning of one; the last one may be a part only.
bool
AggfragAssembler::ReadBlocks(ByteSpan blocks, Run& run, const Sink& sink)
{
    while (!blocks.empty() && blocks[0] >> 4 != 0)
    {
        const BlockLength length = LengthOf(blocks);
        if (!length.valid)
        {
            run.tailKnown = false;
            return false;
        }
        if (!length.octets || *length.octets > blocks.size())
        {
            run.tail.assign(blocks.begin(), blocks.end());
            return true;
        }
        sink(blocks.first(*length.octets));
        blocks = blocks.subspan(*length.octets);
    }
    return true;
}

void
AggfragAssembler::GiveUpBefore(std::uint64_t number)
{
    m_floor = std::max(m_floor, number);
    auto first = m_runs.begin();
    // A run that ends right before the number may go on.
    while (first != m_runs.end() && number > 0 && first->second.last < number - 1)
    {
        Abandon(first->second);
        first = m_runs.erase(first);
    }
    if (first != m_runs.end() && first->first <= number)
    {
        Run& run = first->second;
        run.tailKnown = run.tailKnown && run.boundary;
        run.boundary = true;
        run.head.clear();
    }
}

void
AggfragAssembler::Abandon(Run& run)
{
    m_counters.abandoned += run.tail.empty() ? 0 : 1;
    run.tail.clear();
}

std::size_t
AggfragAssembler::Held() const
{
    std::size_t held = 0;
    for (const auto& [first, run] : m_runs)
    {
        held += run.head.size() + run.tail.size();
    }
    return held;
}

} // namespace ipseclab::wire
