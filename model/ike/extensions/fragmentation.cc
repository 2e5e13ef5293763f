/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/fragmentation.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

constexpr std::size_t kGenericHeader = 4;
constexpr std::size_t kNumbers = 4; ///< Fragment Number and Total Fragments
constexpr std::size_t kFixed = wire::IkeHeader::kSize + kGenericHeader + kNumbers;

/// How much plaintext fits into one fragment; at least 1.
std::size_t
Capacity(const crypto::CipherTraits& traits, std::size_t limit)
{
    const std::size_t overhead = kFixed + traits.ivLength + traits.icvLength;
    const std::size_t room = limit > overhead ? limit - overhead : 0;
    const std::size_t blocks = room / traits.blockSize * traits.blockSize;
    return blocks > 1 ? blocks - 1 : 1; // the pad length field
}

/// The two numbers of a fragment, unauthenticated.
struct Numbers
{
    std::uint16_t number;
    std::uint16_t total;
};

std::optional<Numbers>
ReadNumbers(ByteSpan datagram, const ProtectedPart& part)
{
    if (part.type != wire::PayloadType::EncryptedFragment ||
        datagram.size() - part.bodyAt < kNumbers)
    {
        return std::nullopt;
    }
    const std::uint8_t* at = datagram.data() + part.bodyAt;
    return Numbers{LoadBe16(at), LoadBe16(at + 2)};
}

} // namespace

std::vector<Bytes>
SealFragments(const wire::IkeHeader& header,
              const wire::PayloadList& inner,
              crypto::PayloadCipher& cipher,
              std::uint64_t& ivCounter,
              std::size_t limit)
{
    const Bytes chain = wire::SerializePayloads(inner);
    const std::size_t capacity = Capacity(cipher.Traits(), limit);
    // Without its two numbers a whole message has room for so much more.
    const std::size_t whole = Capacity(cipher.Traits(), limit + kNumbers);
    const std::size_t total = (chain.size() + capacity - 1) / capacity;
    if (chain.size() <= whole || total > FragmentQueue::kMaxTotal)
    {
        return {SealMessage(header, inner, cipher, ivCounter++)};
    }
    std::vector<Bytes> messages;
    for (std::size_t at = 0; at < chain.size(); at += capacity)
    {
        const std::size_t length = std::min(capacity, chain.size() - at);
        wire::EncryptedFragmentPayload skf;
        skf.firstInner = at == 0 ? wire::FirstType(inner) : wire::PayloadType::None;
        skf.number = static_cast<std::uint16_t>(messages.size() + 1);
        skf.total = static_cast<std::uint16_t>(total);
        skf.body = MakeProtectedBody(ByteSpan(chain).subspan(at, length), cipher, ivCounter++);
        const std::size_t bodyLength = skf.body.size();
        messages.push_back(wire::Serialize(
            header,
            {wire::MakePayload(wire::PayloadType::EncryptedFragment, std::move(skf))}));
        SealInPlace(messages.back(), bodyLength, cipher);
    }
    return messages;
}

bool
IsFragment(ByteSpan datagram)
{
    const auto part = LocateProtected(datagram);
    return part && part->type == wire::PayloadType::EncryptedFragment;
}

tl::expected<OpenedFragment, OpenError>
OpenFragment(ByteSpan datagram, crypto::PayloadCipher& cipher)
{
    const auto part = LocateProtected(datagram);
    const auto numbers = part ? ReadNumbers(datagram, *part) : std::nullopt;
    if (!numbers)
    {
        return tl::make_unexpected(OpenError::NotEncrypted);
    }
    auto text = OpenText(datagram, part->bodyAt + kNumbers, cipher);
    if (!text)
    {
        return tl::make_unexpected(text.error());
    }
    return OpenedFragment{numbers->number, numbers->total, part->firstInner, std::move(*text)};
}

tl::expected<OpenedPayload, OpenError>
FragmentQueue::Add(ByteSpan datagram, crypto::PayloadCipher& cipher)
{
    const auto part = LocateProtected(datagram);
    const auto numbers = part ? ReadNumbers(datagram, *part) : std::nullopt;
    if (!numbers)
    {
        return tl::make_unexpected(OpenError::NotEncrypted);
    }
    const std::uint32_t messageId = wire::ParseHeader(datagram)->messageId;
    if (!IsWanted(messageId, numbers->number, numbers->total))
    {
        return tl::make_unexpected(OpenError::Discarded);
    }
    auto opened = OpenFragment(datagram, cipher);
    if (!opened)
    {
        return tl::make_unexpected(opened.error());
    }
    if (messageId != m_messageId || opened->total > m_total)
    {
        Clear();
        m_messageId = messageId;
        m_total = opened->total;
    }
    if (m_octets + opened->plaintext.size() > kMaxOctets)
    {
        return tl::make_unexpected(OpenError::Discarded);
    }
    m_octets += opened->plaintext.size();
    if (opened->number == 1)
    {
        m_firstFragment.assign(datagram.begin(), datagram.end());
    }
    m_stored.emplace(opened->number, Stored{opened->firstInner, std::move(opened->plaintext)});
    return m_stored.size() == m_total ? Join() : tl::make_unexpected(OpenError::Incomplete);
}

std::size_t
FragmentQueue::Size() const
{
    return m_stored.size();
}

/// The checks that need no key, in the order of RFC 7383, section 2.6.
bool
FragmentQueue::IsWanted(std::uint32_t messageId, std::uint16_t number, std::uint16_t total) const
{
    if (number == 0 || total == 0 || number > total || total > kMaxTotal)
    {
        return false;
    }
    if (messageId != m_messageId || m_stored.empty())
    {
        return true;
    }
    return total > m_total || (total == m_total && m_stored.count(number) == 0);
}

void
FragmentQueue::Clear()
{
    m_stored.clear();
    m_firstFragment.clear();
    m_octets = 0;
    m_total = 0;
}

tl::expected<OpenedPayload, OpenError>
FragmentQueue::Join()
{
    const wire::PayloadType firstInner = m_stored.begin()->second.firstInner;
    Bytes chain;
    chain.reserve(m_octets);
    for (const auto& entry : m_stored)
    {
        const Bytes& part = entry.second.plaintext;
        chain.insert(chain.end(), part.begin(), part.end());
    }
    Bytes first = std::move(m_firstFragment);
    Clear();
    auto opened = ParseOpened(firstInner, std::move(chain));
    if (opened)
    {
        opened->firstFragment = std::move(first);
    }
    return opened;
}

} // namespace ipseclab::ike
