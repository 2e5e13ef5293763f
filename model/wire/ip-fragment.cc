/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-fragment.h"

#include <algorithm>
#include <iterator>

namespace ipseclab::wire
{

namespace
{

constexpr std::size_t kIpv4Flags = 6; ///< of the word of flags and offset
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;
constexpr std::size_t kLargestPayload = 65535;

/// The header of fragments that are not the first: options with the copied flag only.
Bytes
CopiedIpv4Header(ByteSpan header)
{
    constexpr std::uint8_t kEnd = 0;
    constexpr std::uint8_t kNothing = 1;
    constexpr std::uint8_t kCopied = 0x80;
    Bytes out(header.begin(), header.begin() + kIpv4HeaderSize);
    for (std::size_t at = kIpv4HeaderSize; at < header.size() && header[at] != kEnd;)
    {
        if (header[at] == kNothing)
        {
            ++at;
            continue;
        }
        const std::size_t length = at + 1 < header.size() ? header[at + 1] : 0;
        if (length < 2 || length > header.size() - at)
        {
            break; // what cannot be read is not copied
        }
        if (header[at] & kCopied)
        {
            const auto* const option = header.data() + at;
            out.insert(out.end(), option, option + length);
        }
        at += length;
    }
    out.resize((out.size() + 3) / 4 * 4, kEnd);
    out[0] = static_cast<std::uint8_t>(0x40 | out.size() / 4);
    return out;
}

/// Total length, flags, offset (in units) and checksum.
void
FinishIpv4Header(Bytes& header, std::size_t payload, std::uint16_t word)
{
    StoreBe16(&header[2], static_cast<std::uint16_t>(header.size() + payload));
    StoreBe16(&header[kIpv4Flags], word);
    StoreBe16(&header[10], 0);
    StoreBe16(&header[10], Ipv4Checksum(header.data(), header.size()));
}

/// Octets of payload in a fragment, given what is left; 0 when there is no room.
std::size_t
PartLength(std::size_t left, std::size_t mtu, std::size_t header)
{
    if (mtu < header + kFragmentUnit)
    {
        return 0;
    }
    const std::size_t room = mtu - header;
    return left <= room ? left : room - room % kFragmentUnit;
}

std::vector<FragmentPart>
CutIpv4(ByteSpan packet, const IpView& view, std::size_t mtu)
{
    std::vector<FragmentPart> parts;
    Bytes header(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(view.upperOffset));
    const Bytes later = CopiedIpv4Header(header);
    const std::uint16_t word = LoadBe16(view.header + kIpv4Flags);
    for (std::size_t at = view.upperOffset; at < view.totalLength;)
    {
        const std::size_t left = view.totalLength - at;
        const std::size_t length = PartLength(left, mtu, header.size());
        if (length == 0)
        {
            return {};
        }
        const std::size_t moved = (at - view.upperOffset) / kFragmentUnit;
        const bool more = length < left || (word & kMoreFragments);
        // Beyond 65535 octets, in a fragment that cannot be, the offset wraps; nobody can join it.
        const auto offset = static_cast<std::uint16_t>((word + moved) & kOffsetMask);
        FinishIpv4Header(
            header,
            length,
            static_cast<std::uint16_t>((word & 0xc000) | (more ? kMoreFragments : 0) | offset));
        parts.push_back({header, at, length});
        at += length;
        header = later;
    }
    return parts;
}

std::vector<FragmentPart>
CutIpv6(ByteSpan packet, const IpView& view, std::size_t mtu, std::uint32_t identification)
{
    std::vector<FragmentPart> parts;
    const std::size_t front = view.espOffset;
    Bytes header(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(front));
    const std::uint8_t next = header[view.espField];
    header[view.espField] = kProtocolFragment;
    header.resize(front + kFragmentHeaderSize);
    header[front] = next;
    StoreBe32(&header[front + 4], identification);
    for (std::size_t at = front; at < view.totalLength;)
    {
        const std::size_t left = view.totalLength - at;
        const std::size_t length = PartLength(left, mtu, header.size());
        if (length == 0)
        {
            return {};
        }
        StoreBe16(&header[4], static_cast<std::uint16_t>(header.size() - kIpv6HeaderSize + length));
        StoreBe16(&header[front + 2],
                  static_cast<std::uint16_t>((at - front) | (length < left ? 1U : 0U)));
        parts.push_back({header, at, length});
        at += length;
    }
    return parts;
}

/// Where the fragment header is, and the octet that announces it.
struct FragmentHeaderPlace
{
    std::size_t header{0}; ///< 0: none
    std::size_t field{0};
};

/// The first one, in a packet that ParseIpv6 has checked.
FragmentHeaderPlace
FindFragmentHeader(const IpView& view)
{
    std::size_t field = 6;
    std::size_t at = kIpv6HeaderSize;
    while (at < view.upperOffset && view.header[field] != kProtocolFragment)
    {
        field = at;
        at += (view.header[at + 1] + 1U) * 8U;
    }
    return at < view.upperOffset ? FragmentHeaderPlace{at, field} : FragmentHeaderPlace{};
}

} // namespace

std::vector<FragmentPart>
CutPacket(ByteSpan packet, std::size_t mtu, std::uint32_t identification)
{
    IpView view;
    if (!ParseIp(packet, view) || (view.v6 && FindFragmentHeader(view).header != 0))
    {
        return {};
    }
    if (view.totalLength <= mtu)
    {
        return {
            {Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(view.upperOffset)),
             view.upperOffset,
             view.totalLength - view.upperOffset}};
    }
    return view.v6 ? CutIpv6(packet, view, mtu, identification) : CutIpv4(packet, view, mtu);
}

std::optional<FragmentFields>
ReadFragment(const IpView& view)
{
    FragmentFields fields;
    if (!view.v6)
    {
        const std::uint16_t word = LoadBe16(view.header + kIpv4Flags);
        fields.header = fields.begin = view.upperOffset;
        fields.identification = LoadBe16(view.header + 4);
        fields.offset = (word & kOffsetMask) * kFragmentUnit;
        fields.more = word & kMoreFragments;
        return fields;
    }
    const FragmentHeaderPlace place = FindFragmentHeader(view);
    Ipv6View v6;
    if (!ParseIpv6({view.header, view.totalLength}, v6) || v6.fragmentHeader != place.header)
    {
        return std::nullopt;
    }
    const std::uint16_t word = LoadBe16(view.header + place.header + 2);
    fields.header = place.header;
    fields.begin = place.header + kFragmentHeaderSize;
    fields.nextField = place.field;
    fields.identification = LoadBe32(view.header + place.header + 4);
    fields.offset = word & 0xfff8U;
    fields.more = word & 1;
    return fields;
}

/// What Add needs of a fragment.
struct Reassembler::Fragment
{
    Key key;
    Bytes header; ///< as the whole packet's, length aside; only of the first
    ByteSpan data;
    std::size_t offset{0};
    bool more{false};
};

bool
Reassembler::Read(ByteSpan packet, const IpView& view, Fragment& fragment)
{
    const auto fields = ReadFragment(view);
    if (!fields)
    {
        return false;
    }
    fragment.offset = fields->offset;
    fragment.more = fields->more;
    fragment.data = packet.subspan(fields->begin, view.totalLength - fields->begin);
    fragment.key = {view.Source(),
                    view.Destination(),
                    view.v6 ? std::uint8_t{0} : view.Protocol(),
                    fields->identification};
    if (fragment.offset == 0)
    {
        fragment.header.assign(view.header, view.header + fields->header);
        if (view.v6)
        {
            fragment.header[fields->nextField] = view.header[fields->header];
        }
    }
    const std::size_t inLength = view.v6 ? fields->header - kIpv6HeaderSize : fields->header;
    return !fragment.data.empty() &&
           inLength + fragment.offset + fragment.data.size() <= kLargestPayload &&
           (!fragment.more || fragment.data.size() % kFragmentUnit == 0);
}

FragmentVerdict
Reassembler::Add(ByteSpan packet, Instant now, Bytes& whole)
{
    HandleTimeout(now);
    const FragmentVerdict verdict = Insert(packet, now, whole);
    ++m_counters.verdicts[static_cast<std::size_t>(verdict)];
    return verdict;
}

FragmentVerdict
Reassembler::Insert(ByteSpan packet, Instant now, Bytes& whole)
{
    IpView view;
    if (!ParseIp(packet, view))
    {
        return FragmentVerdict::Malformed;
    }
    if (!view.isFragment)
    {
        return FragmentVerdict::Whole;
    }
    Fragment fragment;
    if (!Read(packet, view, fragment))
    {
        return FragmentVerdict::Malformed;
    }
    if (fragment.more && fragment.data.size() < m_limits.smallest)
    {
        return FragmentVerdict::Tiny;
    }
    const auto partial = FindOrAdd(fragment.key, now);
    const FragmentVerdict verdict = Compare(*partial, fragment);
    if (verdict == FragmentVerdict::Conflict)
    {
        Remove(partial);
    }
    else if (verdict == FragmentVerdict::Held)
    {
        return Keep(partial, fragment, whole);
    }
    return verdict;
}

FragmentVerdict
Reassembler::Compare(const Partial& partial, const Fragment& fragment)
{
    const std::size_t end = fragment.offset + fragment.data.size();
    const auto same = partial.parts.find(fragment.offset);
    const bool disagrees =
        partial.end != 0 && (fragment.more ? end >= partial.end : end != partial.end);
    if (same != partial.parts.end() &&
        std::equal(same->second.begin(),
                   same->second.end(),
                   fragment.data.begin(),
                   fragment.data.end()) &&
        (fragment.more ? partial.end != end : partial.end == end))
    {
        return FragmentVerdict::Duplicate;
    }
    const auto next = partial.parts.lower_bound(fragment.offset);
    const bool overNext = next != partial.parts.end() && next->first < end;
    const bool overPrevious =
        next != partial.parts.begin() &&
        std::prev(next)->first + std::prev(next)->second.size() > fragment.offset;
    const bool beyond = !fragment.more && !partial.parts.empty() &&
                        partial.parts.rbegin()->first + partial.parts.rbegin()->second.size() > end;
    return disagrees || overNext || overPrevious || beyond ? FragmentVerdict::Conflict
                                                           : FragmentVerdict::Held;
}

FragmentVerdict
Reassembler::Keep(Partials::iterator partial, const Fragment& fragment, Bytes& whole)
{
    if (partial->parts.size() >= m_limits.fragments)
    {
        Remove(partial);
        return FragmentVerdict::TooMany;
    }
    partial->parts.emplace(fragment.offset, Bytes(fragment.data.begin(), fragment.data.end()));
    partial->octets += fragment.data.size();
    m_memory += fragment.data.size() + kCostOfFragment;
    if (fragment.offset == 0)
    {
        partial->header = fragment.header;
        m_memory += partial->header.size();
    }
    if (!fragment.more)
    {
        partial->end = fragment.offset + fragment.data.size();
    }
    if (partial->end != 0 && partial->octets == partial->end)
    {
        whole = Join(*partial, partial->end);
        m_lastPieces = {FirstFragment(*partial), partial->parts.size()};
        Remove(partial);
        return FragmentVerdict::Complete;
    }
    while (m_memory > m_limits.memory)
    {
        ++m_counters.evicted;
        GiveUp();
    }
    return FragmentVerdict::Held;
}

Bytes
Reassembler::Join(const Partial& partial, std::size_t end)
{
    Bytes whole = partial.header;
    if (IsIpv6(whole.data()))
    {
        StoreBe16(&whole[4], static_cast<std::uint16_t>(whole.size() - kIpv6HeaderSize + end));
    }
    else
    {
        FinishIpv4Header(whole,
                         end,
                         static_cast<std::uint16_t>(LoadBe16(&whole[kIpv4Flags]) & 0xc000));
    }
    whole.reserve(whole.size() + end);
    for (auto part = partial.parts.begin(); part != partial.parts.end() && part->first < end;
         ++part)
    {
        whole.insert(whole.end(), part->second.begin(), part->second.end());
    }
    return whole;
}

std::size_t
Reassembler::FirstFragment(const Partial& partial)
{
    return partial.header.size() + partial.parts.at(0).size() +
           (IsIpv6(partial.header.data()) ? kFragmentHeaderSize : 0);
}

Reassembler::Partials::iterator
Reassembler::FindOrAdd(const Key& key, Instant now)
{
    const auto known = m_byKey.find(key);
    if (known != m_byKey.end())
    {
        return known->second;
    }
    Partial added;
    added.key = key;
    added.born = now;
    m_byAge.push_back(std::move(added));
    const auto place = std::prev(m_byAge.end());
    m_byKey.emplace(key, place);
    return place;
}

void
Reassembler::SetUnfinishedCallback(UnfinishedCallback callback)
{
    m_unfinished = std::move(callback);
}

std::optional<Reassembler::Instant>
Reassembler::PollTimeout() const
{
    return m_byAge.empty() ? std::nullopt
                           : std::optional<Instant>(m_byAge.front().born + m_limits.timeout);
}

void
Reassembler::HandleTimeout(Instant now)
{
    while (!m_byAge.empty() && now - m_byAge.front().born >= m_limits.timeout)
    {
        ++m_counters.timedOut;
        GiveUp();
    }
}

void
Reassembler::GiveUp()
{
    const Partial& oldest = m_byAge.front();
    const auto first = oldest.parts.find(0);
    if (m_unfinished && first != oldest.parts.end())
    {
        m_unfinished(Join(oldest, first->second.size()), FirstFragment(oldest));
    }
    Remove(m_byAge.begin());
}

void
Reassembler::Remove(Partials::iterator partial)
{
    m_memory -= partial->octets + partial->header.size() + partial->parts.size() * kCostOfFragment;
    m_byKey.erase(partial->key);
    m_byAge.erase(partial);
}

} // namespace ipseclab::wire
