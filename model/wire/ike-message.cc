/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-message.h"

#include <utility>
#include <variant>

namespace ipseclab::wire
{

namespace
{

template <typename T>
using Parsed = tl::expected<T, ParseError>;
using Failure = tl::unexpected<ParseError>;
using ParsedBody = Parsed<PayloadBody>;

constexpr std::size_t kPayloadHeaderSize = 4;
constexpr std::size_t kProposalHeaderSize = 8;
constexpr std::size_t kTransformHeaderSize = 8;
constexpr std::size_t kSelectorHeaderSize = 4;
constexpr std::size_t kSelectorPortsSize = 4;
constexpr std::uint8_t kCriticalBit = 0x80;
constexpr std::uint16_t kAttributeFormatBit = 0x8000;
constexpr std::uint16_t kAttributeTypeMask = 0x7fff;
constexpr std::uint8_t kMoreProposals = 2;
constexpr std::uint8_t kMoreTransforms = 3;
constexpr std::uint8_t kMajorVersion = 2;

Bytes
ToBytes(ByteSpan octets)
{
    return Bytes(octets.data(), octets.data() + octets.size());
}

/// The body when every fixed field of it was there.
template <typename Body>
ParsedBody
Finish(const ByteReader& reader, Body&& body)
{
    if (!reader.Ok())
    {
        return Failure(ParseError::Truncated);
    }
    return PayloadBody(std::forward<Body>(body));
}

// ---- Security Association (RFC 7296, section 3.3) ----

Parsed<TransformAttribute>
ParseAttribute(ByteReader& reader)
{
    TransformAttribute attribute;
    const std::uint16_t formatAndType = reader.U16();
    attribute.fixed = formatAndType & kAttributeFormatBit;
    attribute.type = formatAndType & kAttributeTypeMask;
    const std::size_t size = attribute.fixed ? sizeof(std::uint16_t) : reader.U16();
    attribute.value = ToBytes(reader.Span(size));
    if (!reader.Ok())
    {
        return Failure(ParseError::BadSubstructure);
    }
    return attribute;
}

/// Cuts a proposal or transform out of its list by the header that both share; what is left of it.
/// The flag must tell the truth about what follows.
Parsed<ByteReader>
CutSubstructure(ByteReader& list, std::uint8_t moreFlag)
{
    const std::uint8_t more = list.U8();
    list.U8(); // reserved
    const std::size_t length = list.U16();
    if (!list.Ok() || length < kPayloadHeaderSize || length - kPayloadHeaderSize > list.Left())
    {
        return Failure(ParseError::BadSubstructure);
    }
    ByteReader rest(list.Span(length - kPayloadHeaderSize));
    if (more != (list.Left() > 0 ? moreFlag : 0))
    {
        return Failure(ParseError::BadSubstructure);
    }
    return rest;
}

Parsed<Transform>
ParseTransform(ByteReader& list)
{
    auto cut = CutSubstructure(list, kMoreTransforms);
    if (!cut)
    {
        return Failure(cut.error());
    }
    ByteReader& reader = *cut;
    Transform transform;
    transform.type = TransformType{reader.U8()};
    reader.U8(); // reserved
    transform.id = reader.U16();
    if (!reader.Ok())
    {
        return Failure(ParseError::BadSubstructure);
    }
    while (reader.Left() > 0)
    {
        auto attribute = ParseAttribute(reader);
        if (!attribute)
        {
            return Failure(attribute.error());
        }
        transform.attributes.push_back(std::move(*attribute));
    }
    return transform;
}

Parsed<Proposal>
ParseProposal(ByteReader& list)
{
    auto cut = CutSubstructure(list, kMoreProposals);
    if (!cut)
    {
        return Failure(cut.error());
    }
    ByteReader& reader = *cut;
    Proposal proposal;
    proposal.number = reader.U8();
    proposal.protocol = ProtocolId{reader.U8()};
    const std::size_t spiSize = reader.U8();
    const std::size_t transformCount = reader.U8();
    proposal.spi = ToBytes(reader.Span(spiSize));
    if (!reader.Ok())
    {
        return Failure(ParseError::BadSubstructure);
    }
    while (reader.Left() > 0)
    {
        auto transform = ParseTransform(reader);
        if (!transform)
        {
            return Failure(transform.error());
        }
        proposal.transforms.push_back(std::move(*transform));
    }
    if (proposal.transforms.size() != transformCount)
    {
        return Failure(ParseError::BadCount);
    }
    return proposal;
}

ParsedBody
ParseSa(ByteReader& reader)
{
    SaPayload sa;
    while (reader.Left() > 0)
    {
        auto proposal = ParseProposal(reader);
        if (!proposal)
        {
            return Failure(proposal.error());
        }
        sa.proposals.push_back(std::move(*proposal));
    }
    return PayloadBody(std::move(sa));
}

// ---- The flat payloads (RFC 7296, sections 3.4 to 3.12 and 3.16) ----

ParsedBody
ParseKe(ByteReader& reader)
{
    KePayload ke;
    ke.group = reader.U16();
    reader.U16(); // reserved
    ke.data = ToBytes(reader.Rest());
    return Finish(reader, std::move(ke));
}

ParsedBody
ParseId(ByteReader& reader)
{
    IdPayload id;
    id.type = IdType{reader.U8()};
    for (std::uint8_t& octet : id.reserved)
    {
        octet = reader.U8();
    }
    id.data = ToBytes(reader.Rest());
    return Finish(reader, std::move(id));
}

ParsedBody
ParseCert(ByteReader& reader)
{
    CertPayload cert;
    cert.encoding = reader.U8();
    cert.data = ToBytes(reader.Rest());
    return Finish(reader, std::move(cert));
}

ParsedBody
ParseAuth(ByteReader& reader)
{
    AuthPayload auth;
    auth.method = AuthMethod{reader.U8()};
    reader.Span(3); // reserved
    auth.data = ToBytes(reader.Rest());
    return Finish(reader, std::move(auth));
}

ParsedBody
ParseNotify(ByteReader& reader)
{
    NotifyPayload notify;
    notify.protocol = ProtocolId{reader.U8()};
    const std::size_t spiSize = reader.U8();
    notify.type = NotifyType{reader.U16()};
    if (reader.Ok() && spiSize > reader.Left())
    {
        return Failure(ParseError::BadPayloadLength);
    }
    notify.spi = ToBytes(reader.Span(spiSize));
    notify.data = ToBytes(reader.Rest());
    return Finish(reader, std::move(notify));
}

ParsedBody
ParseDelete(ByteReader& reader)
{
    DeletePayload del;
    del.protocol = ProtocolId{reader.U8()};
    del.spiSize = reader.U8();
    const std::size_t count = reader.U16();
    // SPIs of no octets would let a short payload ask for 65535 of them.
    const bool countFits =
        del.spiSize == 0 ? count == 0 && reader.Left() == 0 : count * del.spiSize == reader.Left();
    if (reader.Ok() && !countFits)
    {
        return Failure(ParseError::BadCount);
    }
    for (std::size_t i = 0; reader.Ok() && i < count; ++i)
    {
        del.spis.push_back(ToBytes(reader.Span(del.spiSize)));
    }
    return Finish(reader, std::move(del));
}

// ---- Traffic Selectors (RFC 7296, section 3.13) ----

/// Octets of one address in a selector of that type; 0 for a type that is not known.
std::size_t
AddressSize(TrafficSelectorType type)
{
    switch (type)
    {
    case TrafficSelectorType::Ipv4Range:
        return 4;
    case TrafficSelectorType::Ipv6Range:
        return 16;
    }
    return 0;
}

/// One selector, of addresses or of another type.
Parsed<std::variant<TrafficSelector, OtherSelector>>
ParseSelector(ByteReader& list)
{
    const std::uint8_t type = list.U8();
    TrafficSelector selector;
    selector.protocol = list.U8();
    const std::size_t length = list.U16();
    if (!list.Ok() || length < kSelectorHeaderSize || length - kSelectorHeaderSize > list.Left())
    {
        return Failure(ParseError::BadSubstructure);
    }
    ByteReader reader(list.Span(length - kSelectorHeaderSize));
    const std::size_t addressSize = AddressSize(TrafficSelectorType{type});
    if (addressSize == 0)
    {
        const ByteSpan data = reader.Span(reader.Left());
        return OtherSelector{type, selector.protocol, Bytes(data.begin(), data.end())};
    }
    if (reader.Left() != kSelectorPortsSize + 2 * addressSize)
    {
        return Failure(ParseError::BadSubstructure);
    }
    selector.startPort = reader.U16();
    selector.endPort = reader.U16();
    selector.start = *IpAddress::FromOctets(reader.Span(addressSize));
    selector.end = *IpAddress::FromOctets(reader.Span(addressSize));
    return selector;
}

ParsedBody
ParseTs(ByteReader& reader)
{
    TsPayload ts;
    const std::size_t count = reader.U8();
    reader.Span(3); // reserved
    std::size_t seen = 0;
    for (; reader.Left() > 0 && reader.Ok(); ++seen)
    {
        auto selector = ParseSelector(reader);
        if (!selector)
        {
            return Failure(selector.error());
        }
        if (auto* const other = std::get_if<OtherSelector>(&*selector))
        {
            ts.others.push_back(std::move(*other));
        }
        else
        {
            ts.selectors.push_back(std::get<TrafficSelector>(*selector));
        }
    }
    if (reader.Ok() && seen != count)
    {
        return Failure(ParseError::BadCount);
    }
    return Finish(reader, std::move(ts));
}

// ---- Configuration (RFC 7296, section 3.15), SK and SKF ----

ParsedBody
ParseConfiguration(ByteReader& reader)
{
    ConfigurationPayload configuration;
    configuration.type = reader.U8();
    reader.Span(3); // reserved
    const bool headerOk = reader.Ok();
    while (reader.Ok() && reader.Left() > 0)
    {
        ConfigurationAttribute attribute;
        attribute.type = reader.U16() & kAttributeTypeMask;
        attribute.value = ToBytes(reader.Span(reader.U16()));
        configuration.attributes.push_back(std::move(attribute));
    }
    if (headerOk && !reader.Ok())
    {
        return Failure(ParseError::BadSubstructure);
    }
    return Finish(reader, std::move(configuration));
}

ParsedBody
ParseFragment(PayloadType firstInner, ByteReader& reader)
{
    EncryptedFragmentPayload fragment;
    fragment.firstInner = firstInner;
    fragment.number = reader.U16();
    fragment.total = reader.U16();
    fragment.body = ToBytes(reader.Rest());
    return Finish(reader, std::move(fragment));
}

/// The body of one payload; `next` is the type in its generic header.
ParsedBody
ParseBody(PayloadType type, PayloadType next, ByteSpan octets)
{
    ByteReader reader(octets);
    switch (type)
    {
    case PayloadType::Sa:
        return ParseSa(reader);
    case PayloadType::Ke:
        return ParseKe(reader);
    case PayloadType::IdI:
    case PayloadType::IdR:
        return ParseId(reader);
    case PayloadType::Cert:
    case PayloadType::CertReq:
        return ParseCert(reader);
    case PayloadType::Auth:
        return ParseAuth(reader);
    case PayloadType::Nonce:
        return PayloadBody(NoncePayload{ToBytes(octets)});
    case PayloadType::Notify:
        return ParseNotify(reader);
    case PayloadType::Delete:
        return ParseDelete(reader);
    case PayloadType::VendorId:
        return PayloadBody(VendorIdPayload{ToBytes(octets)});
    case PayloadType::TsI:
    case PayloadType::TsR:
        return ParseTs(reader);
    case PayloadType::Encrypted:
        return PayloadBody(EncryptedPayload{next, ToBytes(octets)});
    case PayloadType::EncryptedFragment:
        return ParseFragment(next, reader);
    case PayloadType::Configuration:
        return ParseConfiguration(reader);
    case PayloadType::Eap:
        return PayloadBody(EapPayload{ToBytes(octets)});
    case PayloadType::None:
        break;
    }
    return PayloadBody(UnknownPayload{ToBytes(octets)});
}

// ---- Serialising ----

/// Appends the body of a payload, without its generic header.
struct BodyWriter
{
    ByteWriter& out;

    void Zeros(std::size_t count) const
    {
        for (; count > 0; --count)
        {
            out.U8(0);
        }
    }

    /// Fills in the two octets before `start` + 4 that hold the length of what began at `start`.
    void PatchLength(std::size_t start) const
    {
        out.PatchU16(start + 2, static_cast<std::uint16_t>(out.Size() - start));
    }

    void Write(const TransformAttribute& attribute) const
    {
        out.U16(static_cast<std::uint16_t>(attribute.type |
                                           (attribute.fixed ? kAttributeFormatBit : 0)));
        if (!attribute.fixed)
        {
            out.U16(static_cast<std::uint16_t>(attribute.value.size()));
        }
        out.Append(attribute.value);
    }

    void Write(const Transform& transform, bool last) const
    {
        const std::size_t start = out.Size();
        out.U8(last ? 0 : kMoreTransforms);
        Zeros(3); // reserved, length
        out.U8(static_cast<std::uint8_t>(transform.type));
        out.U8(0);
        out.U16(transform.id);
        for (const auto& attribute : transform.attributes)
        {
            Write(attribute);
        }
        PatchLength(start);
    }

    void Write(const Proposal& proposal, bool last) const
    {
        const std::size_t start = out.Size();
        out.U8(last ? 0 : kMoreProposals);
        Zeros(3); // reserved, length
        out.U8(proposal.number);
        out.U8(static_cast<std::uint8_t>(proposal.protocol));
        out.U8(static_cast<std::uint8_t>(proposal.spi.size()));
        out.U8(static_cast<std::uint8_t>(proposal.transforms.size()));
        out.Append(proposal.spi);
        for (const auto& transform : proposal.transforms)
        {
            Write(transform, &transform == &proposal.transforms.back());
        }
        PatchLength(start);
    }

    void Write(const TrafficSelector& selector) const
    {
        const std::size_t start = out.Size();
        const auto type =
            selector.start.IsV4() ? TrafficSelectorType::Ipv4Range : TrafficSelectorType::Ipv6Range;
        out.U8(static_cast<std::uint8_t>(type));
        out.U8(selector.protocol);
        Zeros(2); // length
        out.U16(selector.startPort);
        out.U16(selector.endPort);
        out.Append(selector.start.Octets());
        out.Append(selector.end.Octets());
        PatchLength(start);
    }

    void operator()(const SaPayload& sa) const
    {
        for (const auto& proposal : sa.proposals)
        {
            Write(proposal, &proposal == &sa.proposals.back());
        }
    }

    void operator()(const KePayload& ke) const
    {
        out.U16(ke.group);
        Zeros(2);
        out.Append(ke.data);
    }

    void operator()(const IdPayload& id) const
    {
        out.Append(id.Body());
    }

    void operator()(const CertPayload& cert) const
    {
        out.U8(cert.encoding);
        out.Append(cert.data);
    }

    void operator()(const AuthPayload& auth) const
    {
        out.U8(static_cast<std::uint8_t>(auth.method));
        Zeros(3);
        out.Append(auth.data);
    }

    void operator()(const NoncePayload& nonce) const
    {
        out.Append(nonce.data);
    }

    void operator()(const NotifyPayload& notify) const
    {
        out.U8(static_cast<std::uint8_t>(notify.protocol));
        out.U8(static_cast<std::uint8_t>(notify.spi.size()));
        out.U16(static_cast<std::uint16_t>(notify.type));
        out.Append(notify.spi);
        out.Append(notify.data);
    }

    void operator()(const DeletePayload& del) const
    {
        out.U8(static_cast<std::uint8_t>(del.protocol));
        out.U8(del.spiSize);
        out.U16(static_cast<std::uint16_t>(del.spis.size()));
        for (const auto& spi : del.spis)
        {
            out.Append(spi);
        }
    }

    void operator()(const VendorIdPayload& vendorId) const
    {
        out.Append(vendorId.data);
    }

    void operator()(const TsPayload& ts) const
    {
        out.U8(static_cast<std::uint8_t>(ts.selectors.size() + ts.others.size()));
        Zeros(3);
        for (const auto& selector : ts.selectors)
        {
            Write(selector);
        }
        for (const auto& other : ts.others)
        {
            out.U8(other.type);
            out.U8(other.protocol);
            out.U16(static_cast<std::uint16_t>(kSelectorHeaderSize + other.data.size()));
            out.Append(other.data);
        }
    }

    void operator()(const EncryptedPayload& encrypted) const
    {
        out.Append(encrypted.body);
    }

    void operator()(const EncryptedFragmentPayload& fragment) const
    {
        out.U16(fragment.number);
        out.U16(fragment.total);
        out.Append(fragment.body);
    }

    void operator()(const ConfigurationPayload& configuration) const
    {
        out.U8(configuration.type);
        Zeros(3);
        for (const auto& attribute : configuration.attributes)
        {
            out.U16(attribute.type & kAttributeTypeMask);
            out.U16(static_cast<std::uint16_t>(attribute.value.size()));
            out.Append(attribute.value);
        }
    }

    void operator()(const EapPayload& eap) const
    {
        out.Append(eap.message);
    }

    void operator()(const UnknownPayload& unknown) const
    {
        out.Append(unknown.body);
    }
};

/// What the Next Payload field of payload `index` says: SK and SKF name their first inner payload.
PayloadType
NextType(const PayloadList& payloads, std::size_t index)
{
    const PayloadBody& body = payloads[index].body;
    if (const auto* encrypted = std::get_if<EncryptedPayload>(&body))
    {
        return encrypted->firstInner;
    }
    if (const auto* fragment = std::get_if<EncryptedFragmentPayload>(&body))
    {
        return fragment->firstInner;
    }
    return index + 1 < payloads.size() ? payloads[index + 1].type : PayloadType::None;
}

void
AppendPayloads(ByteWriter& out, const PayloadList& payloads)
{
    const BodyWriter writer{out};
    for (std::size_t i = 0; i < payloads.size(); ++i)
    {
        const std::size_t start = out.Size();
        out.U8(static_cast<std::uint8_t>(NextType(payloads, i)));
        out.U8(payloads[i].critical ? kCriticalBit : 0);
        out.U16(0); // length
        std::visit(writer, payloads[i].body);
        writer.PatchLength(start);
    }
}

} // namespace

tl::expected<IkeHeader, ParseError>
ParseHeader(ByteSpan datagram)
{
    ByteReader reader(datagram);
    IkeHeader header;
    header.initiatorSpi = reader.U64();
    header.responderSpi = reader.U64();
    header.nextPayload = PayloadType{reader.U8()};
    header.version = reader.U8();
    header.exchange = ExchangeType{reader.U8()};
    header.flags = reader.U8();
    header.messageId = reader.U32();
    header.length = reader.U32();
    if (!reader.Ok())
    {
        return Failure(ParseError::Truncated);
    }
    if (header.version >> 4 != kMajorVersion)
    {
        return Failure(ParseError::BadVersion);
    }
    return header;
}

tl::expected<IkeMessage, ParseError>
ParseMessage(ByteSpan datagram)
{
    const auto header = ParseHeader(datagram);
    if (!header)
    {
        return Failure(header.error());
    }
    if (header->length != datagram.size())
    {
        return Failure(ParseError::LengthMismatch);
    }
    auto payloads = ParsePayloads(header->nextPayload, datagram.subspan(IkeHeader::kSize));
    if (!payloads)
    {
        return Failure(payloads.error());
    }
    return IkeMessage{*header, std::move(*payloads)};
}

tl::expected<PayloadList, ParseError>
ParsePayloads(PayloadType first, ByteSpan octets)
{
    PayloadList payloads;
    ByteReader reader(octets);
    PayloadType type = first;
    while (type != PayloadType::None)
    {
        const PayloadType next{reader.U8()};
        const bool critical = reader.U8() & kCriticalBit;
        const std::size_t length = reader.U16();
        if (!reader.Ok())
        {
            return Failure(ParseError::Truncated);
        }
        if (length < kPayloadHeaderSize || length - kPayloadHeaderSize > reader.Left())
        {
            return Failure(ParseError::BadPayloadLength);
        }
        auto body = ParseBody(type, next, reader.Span(length - kPayloadHeaderSize));
        if (!body)
        {
            return Failure(body.error());
        }
        payloads.push_back(Payload{type, critical, std::move(*body)});
        if (type == PayloadType::Encrypted || type == PayloadType::EncryptedFragment)
        {
            return reader.Left() == 0 ? Parsed<PayloadList>(std::move(payloads))
                                      : Failure(ParseError::MisplacedPayload);
        }
        type = next;
    }
    if (reader.Left() > 0)
    {
        return Failure(ParseError::TrailingOctets);
    }
    return payloads;
}

Bytes
Serialize(const IkeHeader& header, const PayloadList& payloads)
{
    constexpr std::size_t lengthOffset = IkeHeader::kSize - sizeof(std::uint32_t);
    ByteWriter out;
    out.U64(header.initiatorSpi);
    out.U64(header.responderSpi);
    out.U8(static_cast<std::uint8_t>(FirstType(payloads)));
    out.U8(header.version);
    out.U8(static_cast<std::uint8_t>(header.exchange));
    out.U8(header.flags);
    out.U32(header.messageId);
    out.U32(0); // length
    AppendPayloads(out, payloads);
    out.PatchU32(lengthOffset, static_cast<std::uint32_t>(out.Size()));
    return out.Take();
}

Bytes
Serialize(const IkeMessage& message)
{
    return Serialize(message.header, message.payloads);
}

Bytes
SerializePayloads(const PayloadList& payloads)
{
    ByteWriter out;
    AppendPayloads(out, payloads);
    return out.Take();
}

} // namespace ipseclab::wire
