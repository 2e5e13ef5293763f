/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/esp-sa-parts.h"
#include "model/esp/inbound-sa.h"
#include "model/esp/outbound-sa.h"

#include <cstring>

/**
 * \file
 * SAs of EESP (draft-ietf-ipsecme-eesp-03): the packet between outer header and clear payload.
 */

namespace ipseclab::esp
{

/// There is no trailer. What is authenticated in clear is all before the ciphertext (section 2.5 of
/// the draft: base header, options and peer header).
void
OutboundSa::SealEesp(PacketBuffer& buffer, std::uint64_t number, std::uint8_t nextHeader)
{
    const SequenceNumber parts = m_scheme.Split(number);
    std::unique_ptr<crypto::PayloadCipher> derived;
    crypto::PayloadCipher& cipher =
        parts.subspace == 0 ? *m_cipher : *m_subSas->FindOrDerive(parts.subspace, derived);
    const crypto::CipherTraits& traits = cipher.Traits();
    const bool full =
        m_config.ipsecMode == IpsecMode::Transport || nextHeader == wire::kProtocolDummy;
    const std::size_t info = full ? kEespPayloadInfo : 0;
    const std::size_t payload = info + buffer.Size();
    const std::size_t padding = (traits.alignment - payload % traits.alignment) % traits.alignment;
    std::memset(buffer.Data() + buffer.Size(), 0, padding);
    buffer.MoveFront(static_cast<std::ptrdiff_t>(info));
    buffer.MoveBack(static_cast<std::ptrdiff_t>(padding + traits.icvLength));
    std::uint8_t* const text = buffer.Data();
    if (full)
    {
        StoreBe16(text, 0);
        text[2] = nextHeader;
        text[3] = static_cast<std::uint8_t>(padding);
    }
    const std::size_t length = payload + padding;
    const std::size_t front = m_scheme.HeaderLength() + traits.ivLength;
    buffer.MoveFront(static_cast<std::ptrdiff_t>(front));

    std::uint8_t* const eesp = buffer.Data();
    EespHeader header;
    header.spi = m_config.spi;
    header.subSa = parts.subspace;
    header.sequenceNumber = parts.counter;
    WriteEespHeader(eesp, header);
    std::uint8_t implicit[kImplicitIv];
    std::uint8_t* const iv = traits.implicitIv ? implicit : eesp + m_scheme.HeaderLength();
    cipher.MakeIv(parts.counter, iv);
    cipher.Seal(ByteSpan(eesp, front), iv, text, length, text + length);
    if (derived)
    {
        m_subSas->Keep(parts.subspace, std::move(derived));
    }
}

OpenResult
InboundSa::OpenEesp(PacketBuffer& buffer, std::size_t outerHeaderLength)
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    if (buffer.Size() <= outerHeaderLength)
    {
        return {DropReason::Malformed, 0};
    }
    std::uint8_t* const eesp = buffer.Data() + outerHeaderLength;
    const auto header = ReadEespHeader(ByteSpan(eesp, buffer.Size() - outerHeaderLength));
    const std::size_t front = header ? header->length + traits.ivLength : 0;
    const std::size_t around = outerHeaderLength + front + traits.icvLength;
    if (!header || buffer.Size() <= around || (buffer.Size() - around) % traits.alignment != 0)
    {
        return {DropReason::Malformed, 0};
    }
    const auto guess = m_replay.CheckSent({header->subSa, header->sequenceNumber});
    if (guess.drop != DropReason::None)
    {
        return {guess.drop, guess.number};
    }
    // A Sub SA that was not used before gets its cipher now, but nothing is kept before the ICV.
    const std::uint16_t subSa = header->subSa;
    std::unique_ptr<crypto::PayloadCipher> derived;
    crypto::PayloadCipher* const cipher =
        subSa == 0 ? m_cipher.get() : m_subSas->FindOrDerive(subSa, derived);
    std::uint8_t implicit[kImplicitIv];
    StoreBe64(implicit, header->sequenceNumber);
    std::uint8_t* const text = eesp + front;
    const std::size_t length = buffer.Size() - around;
    if (!cipher->Open(ByteSpan(eesp, front),
                      traits.implicitIv ? implicit : eesp + header->length,
                      text,
                      length,
                      text + length))
    {
        return {DropReason::Icv, guess.number};
    }
    if (derived)
    {
        m_subSas->Keep(subSa, std::move(derived));
    }
    const DropReason late = m_replay.Accept(guess);
    return {late == DropReason::None ? UnwrapEesp(buffer, outerHeaderLength + front, length) : late,
            guess.number};
}

/// The first four bits tell the formats apart: 0 is payload information, others an IP version.
DropReason
InboundSa::UnwrapEesp(PacketBuffer& buffer, std::size_t front, std::size_t length) const
{
    const std::uint8_t* const text = buffer.Data() + front;
    const bool tunnel = m_config.ipsecMode == IpsecMode::Tunnel;
    if (text[0] >> 4 != 0)
    {
        const bool v6 = text[0] >> 4 == 6;
        return tunnel ? UnwrapTunnel(buffer,
                                     front,
                                     length,
                                     v6 ? wire::kProtocolIpv6 : wire::kProtocolIpv4)
                      : DropReason::NextHeader;
    }
    if (length < kEespPayloadInfo || text[3] > length - kEespPayloadInfo)
    {
        return DropReason::Padding;
    }
    const std::uint8_t nextHeader = text[2];
    const std::size_t payload = length - kEespPayloadInfo - text[3];
    if (nextHeader == wire::kProtocolDummy)
    {
        return DropReason::Dummy;
    }
    return tunnel ? DropReason::NextHeader
                  : UnwrapTransport(buffer, front + kEespPayloadInfo, payload, nextHeader);
}

} // namespace ipseclab::esp
