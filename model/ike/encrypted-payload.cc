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

/// Where the SK payload of a message is.
struct Located
{
    wire::PayloadType firstInner{wire::PayloadType::None};
    std::size_t bodyAt{0}; ///< offset of the IV: everything before it is the AAD
};

/**
 * Walks the generic headers up to the SK payload, which must end the message (RFC 7296, section
 * 3.14). Payloads before it stay unparsed: nothing has authenticated them yet.
 */
std::optional<Located> LocateEncrypted(ByteSpan datagram)
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
        if (type == wire::PayloadType::Encrypted)
        {
            const Located found{next, datagram.size() - reader.Left()};
            return length == available ? std::optional<Located>(found) : std::nullopt;
        }
        reader.Span(length - kGenericHeader);
        type = next;
    }
    return std::nullopt;
}

/// Pad octets so that payloads, padding and pad length fill whole blocks.
std::size_t PadLength(std::size_t chain, std::size_t block)
{
    return (block - (chain + kPadLengthField) % block) % block;
}

} // namespace

const char* Name(OpenError error)
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
    }
    return "unknown";
}

Bytes SealMessage(const wire::IkeHeader& header,
                  const wire::PayloadList& inner,
                  crypto::PayloadCipher& cipher,
                  std::uint64_t ivCounter)
{
    const crypto::CipherTraits& traits = cipher.Traits();
    const Bytes chain = wire::SerializePayloads(inner);
    const std::size_t pad = PadLength(chain.size(), traits.blockSize);
    const std::size_t textLength = chain.size() + pad + kPadLengthField;

    wire::EncryptedPayload body;
    body.firstInner = wire::FirstType(inner);
    body.body.reserve(traits.ivLength + textLength + traits.icvLength);
    body.body.resize(traits.ivLength);
    cipher.MakeIv(ivCounter, body.body.data());
    body.body.insert(body.body.end(), chain.begin(), chain.end());
    body.body.resize(body.body.size() + pad);
    body.body.push_back(static_cast<std::uint8_t>(pad));
    body.body.resize(body.body.size() + traits.icvLength);

    // Serialised before it is sealed: both length fields are part of the AAD.
    Bytes message =
        wire::Serialize(header, {wire::MakePayload(wire::PayloadType::Encrypted, std::move(body))});
    const std::size_t ivAt = wire::IkeHeader::kSize + kGenericHeader;
    std::uint8_t* const iv = message.data() + ivAt;
    std::uint8_t* const text = iv + traits.ivLength;
    cipher.Seal(ByteSpan(message.data(), ivAt), iv, text, textLength, text + textLength);
    return message;
}

tl::expected<OpenedPayload, OpenError> OpenMessage(ByteSpan datagram, crypto::PayloadCipher& cipher)
{
    const auto located = LocateEncrypted(datagram);
    if (!located)
    {
        return tl::make_unexpected(OpenError::NotEncrypted);
    }
    const crypto::CipherTraits& traits = cipher.Traits();
    const ByteSpan body = datagram.subspan(located->bodyAt);
    const std::size_t overhead = traits.ivLength + traits.icvLength;
    if (body.size() < overhead + kPadLengthField ||
        (body.size() - overhead) % traits.blockSize != 0)
    {
        return tl::make_unexpected(OpenError::TooShort);
    }
    const ByteSpan text = body.subspan(traits.ivLength, body.size() - overhead);
    OpenedPayload opened;
    opened.firstInner = located->firstInner;
    opened.plaintext.assign(text.begin(), text.end());
    if (!cipher.Open(datagram.first(located->bodyAt),
                     body.data(),
                     opened.plaintext.data(),
                     opened.plaintext.size(),
                     body.data() + body.size() - traits.icvLength))
    {
        return tl::make_unexpected(OpenError::BadIcv);
    }
    // Any amount and any content of padding is legal (RFC 7296, section 3.14).
    const std::size_t trailer = opened.plaintext.back() + kPadLengthField;
    if (trailer > opened.plaintext.size())
    {
        return tl::make_unexpected(OpenError::BadPadding);
    }
    opened.plaintext.resize(opened.plaintext.size() - trailer);
    auto payloads = wire::ParsePayloads(opened.firstInner, opened.plaintext);
    if (!payloads)
    {
        return tl::make_unexpected(OpenError::BadPayloads);
    }
    opened.payloads = std::move(*payloads);
    return opened;
}

} // namespace ipseclab::ike
