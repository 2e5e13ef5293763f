/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/encrypted-payload.h"

#include <optional>
#include <utility>

namespace ipseclab::ike
{

namespace
{

constexpr std::size_t kGenericHeader = 4;
constexpr std::size_t kPadLengthField = 1;

/// Pad octets so that payloads, padding and pad length fill whole blocks.
std::size_t
PadLength(std::size_t chain, std::size_t block)
{
    return (block - (chain + kPadLengthField) % block) % block;
}

} // namespace

const char*
Name(OpenError error)
{
    switch (error)
    {
    case OpenError::NotEncrypted:
        return "not encrypted";
    case OpenError::TooShort:
        return "too short";
    case OpenError::BadIcv:
        return "bad icv";
    case OpenError::BadPadding:
        return "bad padding";
    case OpenError::BadPayloads:
        return "bad payloads";
    case OpenError::Incomplete:
        return "incomplete";
    case OpenError::Discarded:
        return "fragment discarded";
    }
    return "unknown";
}

std::optional<ProtectedPart>
LocateProtected(ByteSpan datagram)
{
    const auto header = wire::ParseHeader(datagram);
    if (!header || header->length != datagram.size())
    {
        return std::nullopt;
    }
    ByteReader reader(datagram);
    reader.Span(wire::IkeHeader::kSize);
    wire::PayloadType type = header->nextPayload;
    while (reader.Left() >= kGenericHeader && type != wire::PayloadType::None)
    {
        const std::size_t available = reader.Left();
        const auto next = static_cast<wire::PayloadType>(reader.U8());
        reader.U8();
        const std::size_t length = reader.U16();
        if (length < kGenericHeader || length > available)
        {
            return std::nullopt;
        }
        if (type == wire::PayloadType::Encrypted || type == wire::PayloadType::EncryptedFragment)
        {
            const ProtectedPart found{type, next, datagram.size() - reader.Left()};
            return length == available ? std::optional(found) : std::nullopt;
        }
        reader.Span(length - kGenericHeader);
        type = next;
    }
    return std::nullopt;
}

Bytes
MakeProtectedBody(ByteSpan text, crypto::PayloadCipher& cipher, std::uint64_t ivCounter)
{
    const crypto::CipherTraits& traits = cipher.Traits();
    const std::size_t pad = PadLength(text.size(), traits.blockSize);
    Bytes body;
    body.reserve(traits.ivLength + text.size() + pad + kPadLengthField + traits.icvLength);
    body.resize(traits.ivLength);
    cipher.MakeIv(ivCounter, body.data());
    body.insert(body.end(), text.begin(), text.end());
    body.resize(body.size() + pad);
    body.push_back(static_cast<std::uint8_t>(pad));
    body.resize(body.size() + traits.icvLength);
    return body;
}

void
SealInPlace(Bytes& message, std::size_t bodyLength, crypto::PayloadCipher& cipher)
{
    const crypto::CipherTraits& traits = cipher.Traits();
    const std::size_t ivAt = message.size() - bodyLength;
    const std::size_t textLength = bodyLength - traits.ivLength - traits.icvLength;
    std::uint8_t* const iv = message.data() + ivAt;
    std::uint8_t* const text = iv + traits.ivLength;
    cipher.Seal(ByteSpan(message.data(), ivAt), iv, text, textLength, text + textLength);
}

tl::expected<Bytes, OpenError>
OpenText(ByteSpan datagram, std::size_t ivAt, crypto::PayloadCipher& cipher)
{
    const crypto::CipherTraits& traits = cipher.Traits();
    const ByteSpan body = datagram.subspan(ivAt);
    const std::size_t overhead = traits.ivLength + traits.icvLength;
    if (body.size() < overhead + kPadLengthField ||
        (body.size() - overhead) % traits.blockSize != 0)
    {
        return tl::make_unexpected(OpenError::TooShort);
    }
    const ByteSpan text = body.subspan(traits.ivLength, body.size() - overhead);
    Bytes plaintext(text.begin(), text.end());
    if (!cipher.Open(datagram.first(ivAt),
                     body.data(),
                     plaintext.data(),
                     plaintext.size(),
                     body.data() + body.size() - traits.icvLength))
    {
        return tl::make_unexpected(OpenError::BadIcv);
    }
    // Any amount and any content of padding is legal (RFC 7296, section 3.14).
    const std::size_t trailer = plaintext.back() + kPadLengthField;
    if (trailer > plaintext.size())
    {
        return tl::make_unexpected(OpenError::BadPadding);
    }
    plaintext.resize(plaintext.size() - trailer);
    return plaintext;
}

Bytes
SealMessage(const wire::IkeHeader& header,
            const wire::PayloadList& inner,
            crypto::PayloadCipher& cipher,
            std::uint64_t ivCounter)
{
    wire::EncryptedPayload sk;
    sk.firstInner = wire::FirstType(inner);
    sk.body = MakeProtectedBody(wire::SerializePayloads(inner), cipher, ivCounter);
    const std::size_t bodyLength = sk.body.size();
    Bytes message =
        wire::Serialize(header, {wire::MakePayload(wire::PayloadType::Encrypted, std::move(sk))});
    SealInPlace(message, bodyLength, cipher);
    return message;
}

tl::expected<OpenedPayload, OpenError>
OpenMessage(ByteSpan datagram, crypto::PayloadCipher& cipher)
{
    const auto located = LocateProtected(datagram);
    if (!located || located->type != wire::PayloadType::Encrypted)
    {
        return tl::make_unexpected(OpenError::NotEncrypted);
    }
    auto text = OpenText(datagram, located->bodyAt, cipher);
    if (!text)
    {
        return tl::make_unexpected(text.error());
    }
    return ParseOpened(located->firstInner, std::move(*text));
}

tl::expected<OpenedPayload, OpenError>
ParseOpened(wire::PayloadType firstInner, Bytes plaintext)
{
    OpenedPayload opened;
    opened.firstInner = firstInner;
    opened.plaintext = std::move(plaintext);
    auto payloads = wire::ParsePayloads(opened.firstInner, opened.plaintext);
    if (!payloads)
    {
        return tl::make_unexpected(OpenError::BadPayloads);
    }
    opened.payloads = std::move(*payloads);
    return opened;
}

} // namespace ipseclab::ike
