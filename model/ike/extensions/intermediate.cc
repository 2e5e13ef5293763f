/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/intermediate.h"

#include "model/ike/encrypted-payload.h"

namespace ipseclab::ike
{

namespace
{

constexpr std::size_t kGenericHeader = 4;

/// "A" of RFC 9242, section 3.3.2.
Bytes
HeaderOctets(const IntermediateMessage& message)
{
    const std::size_t protectedLength = kGenericHeader + message.plaintext.size();
    const wire::IkeHeader& header = message.header;
    ByteWriter out;
    out.U64(header.initiatorSpi);
    out.U64(header.responderSpi);
    out.U8(static_cast<std::uint8_t>(wire::PayloadType::Encrypted));
    out.U8(header.version);
    out.U8(static_cast<std::uint8_t>(header.exchange));
    out.U8(header.flags);
    out.U32(header.messageId);
    out.U32(static_cast<std::uint32_t>(wire::IkeHeader::kSize + protectedLength));
    out.U8(static_cast<std::uint8_t>(message.firstInner));
    out.U8(message.reserved);
    out.U16(static_cast<std::uint16_t>(protectedLength));
    return out.Take();
}

} // namespace

void
IntermediateTranscript::Add(crypto::PrfId prf, ByteSpan skP, const IntermediateMessage& message)
{
    Bytes& chain = message.header.IsResponse() ? m_responses : m_requests;
    chain = crypto::Prf(prf, skP, {chain, HeaderOctets(message), message.plaintext});
}

Bytes
IntermediateTranscript::Octets(std::uint32_t authMessageId) const
{
    if (m_requests.empty())
    {
        return {};
    }
    ByteWriter out;
    out.Append(m_requests);
    out.Append(m_responses);
    out.U32(authMessageId);
    return out.Take();
}

IntermediateMessage
DescribeIntermediate(ByteSpan datagram, wire::PayloadType firstInner, ByteSpan plaintext)
{
    IntermediateMessage message;
    message.header = wire::ParseHeader(datagram).value();
    message.reserved = datagram[LocateProtected(datagram)->bodyAt - kGenericHeader + 1];
    message.firstInner = firstInner;
    message.plaintext = plaintext;
    return message;
}

} // namespace ipseclab::ike
