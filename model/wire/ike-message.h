/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IKE_MESSAGE_H
#define IPSECLAB_WIRE_IKE_MESSAGE_H

#include "model/wire/bytes.h"
#include "model/wire/ike-constants.h"
#include "model/wire/traffic-selector.h"

#include <array>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

/**
 * \file
 * The IKEv2 header and all payloads of RFC 7296, section 3: parse and serialise.
 *
 * Parsing never throws and never allocates more than a small multiple of the input: every count is
 * checked against the octets that are there. Parse(Serialize(x)) == x, and Serialize(Parse(y)) == y
 * wherever y has all reserved fields zero.
 */

namespace ipseclab::wire
{

/// Why octets are not an IKEv2 message. Closed: a caller may switch over it.
enum class ParseError
{
    Truncated,        ///< fewer octets than a fixed field needs
    LengthMismatch,   ///< the header's Length differs from the datagram's
    BadPayloadLength, ///< a payload is shorter than its header or runs past the end
    BadSubstructure,  ///< a proposal, transform, attribute or selector contradicts its lengths
    BadCount,         ///< a count field disagrees with the elements that are there
    BadVersion,       ///< major version other than 2
    TrailingOctets,   ///< octets after the last payload
    MisplacedPayload, ///< a payload after SK or SKF, which must be last
};

/// A stable lower-case name, for counters and messages.
const char* Name(ParseError error);

/// RFC 7296, section 3.1; 28 octets.
struct IkeHeader
{
    std::uint64_t initiatorSpi{0};
    std::uint64_t responderSpi{0};
    PayloadType nextPayload{PayloadType::None};
    std::uint8_t version{kIkeVersion2};
    ExchangeType exchange{ExchangeType::IkeSaInit};
    std::uint8_t flags{0};
    std::uint32_t messageId{0};
    std::uint32_t length{0}; ///< octets, header included; computed by Serialize

    static constexpr std::size_t kSize = 28;

    bool IsResponse() const
    {
        return flags & kFlagResponse;
    }

    bool FromOriginalInitiator() const
    {
        return flags & kFlagInitiator;
    }

    bool operator==(const IkeHeader& o) const;
};

/// RFC 7296, section 3.3.5. Only Key Length (14) exists; others are kept as they came.
struct TransformAttribute
{
    std::uint16_t type{0}; ///< without the format bit
    bool fixed{true};      ///< true: the value is the two octets of `value`
    Bytes value;           ///< 2 octets when fixed

    bool operator==(const TransformAttribute& o) const;
};

/// RFC 7296, section 3.3.2.
struct Transform
{
    TransformType type{TransformType::Encryption};
    std::uint16_t id{0};
    std::vector<TransformAttribute> attributes;

    /// The Key Length attribute in bits, if there is one in its legal short form.
    std::optional<std::uint16_t> KeyBits() const;
    static Transform Make(TransformType type, std::uint16_t id, std::uint16_t keyBits = 0);
    bool operator==(const Transform& o) const;
};

/// RFC 7296, section 3.3.1.
struct Proposal
{
    std::uint8_t number{1};
    ProtocolId protocol{ProtocolId::Ike};
    Bytes spi; ///< 0, 4 or 8 octets on the legal wire; any size is parsed
    std::vector<Transform> transforms;

    bool operator==(const Proposal& o) const;
};

struct SaPayload
{
    std::vector<Proposal> proposals;
    bool operator==(const SaPayload& o) const;
};

struct KePayload
{
    std::uint16_t group{0};
    Bytes data;
    bool operator==(const KePayload& o) const;
};

/// IDi and IDr. `reserved` is kept, for AUTH covers the octets as received.
struct IdPayload
{
    IdType type{IdType::Fqdn};
    std::array<std::uint8_t, 3> reserved{};
    Bytes data;

    /// Type, reserved, data: what AUTH is computed over (RFC 7296, section 2.15).
    Bytes Body() const;
    bool operator==(const IdPayload& o) const;
};

/// CERT and CERTREQ have the same layout.
struct CertPayload
{
    std::uint8_t encoding{4};
    Bytes data;
    bool operator==(const CertPayload& o) const;
};

struct AuthPayload
{
    AuthMethod method{AuthMethod::SharedKey};
    Bytes data;
    bool operator==(const AuthPayload& o) const;
};

struct NoncePayload
{
    Bytes data;
    bool operator==(const NoncePayload& o) const;
};

struct NotifyPayload
{
    ProtocolId protocol{ProtocolId::None};
    Bytes spi;
    NotifyType type{NotifyType::InvalidSyntax};
    Bytes data;

    bool IsError() const
    {
        return static_cast<std::uint16_t>(type) < kFirstStatusNotify;
    }

    bool operator==(const NotifyPayload& o) const;
};

struct DeletePayload
{
    ProtocolId protocol{ProtocolId::Ike};
    std::uint8_t spiSize{0};
    std::vector<Bytes> spis;
    bool operator==(const DeletePayload& o) const;
};

struct VendorIdPayload
{
    Bytes data;
    bool operator==(const VendorIdPayload& o) const;
};

/// A traffic selector that is not a range of addresses (RFC 7296, section 3.13.1).
struct OtherSelector
{
    std::uint8_t type{0};
    std::uint8_t protocol{0};
    Bytes data; ///< behind the four octets of the header
    bool operator==(const OtherSelector& o) const;
};

/// TSi and TSr (RFC 7296, section 3.13). Selectors of other types are ignored by the core, as the
/// RFC asks; an extension may know them.
struct TsPayload
{
    std::vector<TrafficSelector> selectors;
    std::vector<OtherSelector> others{}; ///< behind the selectors on the wire
    bool operator==(const TsPayload& o) const;
};

/// SK (RFC 7296, section 3.14): IV, ciphertext, ICV as they came; see ike/encrypted-payload.h.
struct EncryptedPayload
{
    PayloadType firstInner{PayloadType::None};
    Bytes body;
    bool operator==(const EncryptedPayload& o) const;
};

/// SKF (RFC 7383, section 2.5).
struct EncryptedFragmentPayload
{
    PayloadType firstInner{PayloadType::None}; ///< None but in fragment 1
    std::uint16_t number{0};
    std::uint16_t total{0};
    Bytes body;
    bool operator==(const EncryptedFragmentPayload& o) const;
};

struct ConfigurationAttribute
{
    std::uint16_t type{0};
    Bytes value;
    bool operator==(const ConfigurationAttribute& o) const;
};

struct ConfigurationPayload
{
    std::uint8_t type{1};
    std::vector<ConfigurationAttribute> attributes;
    bool operator==(const ConfigurationPayload& o) const;
};

struct EapPayload
{
    Bytes message;
    bool operator==(const EapPayload& o) const;
};

/// A payload type that the model does not know.
struct UnknownPayload
{
    Bytes body;
    bool operator==(const UnknownPayload& o) const;
};

using PayloadBody = std::variant<SaPayload,
                                 KePayload,
                                 IdPayload,
                                 CertPayload,
                                 AuthPayload,
                                 NoncePayload,
                                 NotifyPayload,
                                 DeletePayload,
                                 VendorIdPayload,
                                 TsPayload,
                                 EncryptedPayload,
                                 EncryptedFragmentPayload,
                                 ConfigurationPayload,
                                 EapPayload,
                                 UnknownPayload>;

struct Payload
{
    PayloadType type{PayloadType::None};
    bool critical{false};
    PayloadBody body;

    bool operator==(const Payload& o) const;
};

using PayloadList = std::vector<Payload>;

struct IkeMessage
{
    IkeHeader header;
    PayloadList payloads;
    bool operator==(const IkeMessage& o) const;
};

/// Only the header; `datagram` may be longer.
tl::expected<IkeHeader, ParseError> ParseHeader(ByteSpan datagram);
/// A whole message: no non-ESP marker before it, nothing after it.
tl::expected<IkeMessage, ParseError> ParseMessage(ByteSpan datagram);
/// A chain of payloads that begins with `first`, as inside an SK payload.
tl::expected<PayloadList, ParseError> ParsePayloads(PayloadType first, ByteSpan octets);

/// Serialises; `header.nextPayload` and `header.length` are computed.
Bytes Serialize(const IkeHeader& header, const PayloadList& payloads);
Bytes Serialize(const IkeMessage& message);
/// Only a chain of payloads, without header.
Bytes SerializePayloads(const PayloadList& payloads);
/// The type of the first payload, None for an empty chain.
PayloadType FirstType(const PayloadList& payloads);

/// The first payload of that body type (and of that payload type, where two share one body).
template <typename Body>
const Body*
Find(const PayloadList& payloads, PayloadType type)
{
    for (const auto& p : payloads)
    {
        if (p.type == type)
        {
            return std::get_if<Body>(&p.body);
        }
    }
    return nullptr;
}

/// The first notify of that type.
const NotifyPayload* FindNotify(const PayloadList& payloads, NotifyType type);
/// The first notify that is an error.
const NotifyPayload* FindErrorNotify(const PayloadList& payloads);
/// The type of the first unknown payload whose critical bit is set.
std::optional<std::uint8_t> FindUnknownCritical(const PayloadList& payloads);

/// Payload makers, for readable exchanges.
Payload MakePayload(PayloadType type, PayloadBody body);
Payload MakeNotify(NotifyType type, Bytes data = {});
Payload MakeNotify(NotifyType type, ProtocolId protocol, Bytes spi, Bytes data = {});

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IKE_MESSAGE_H
