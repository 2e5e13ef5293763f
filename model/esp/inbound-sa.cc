/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/inbound-sa.h"

#include "model/esp/esp-sa-parts.h"
#include "model/esp/spd.h"
#include "model/wire/aggfrag.h"
#include "model/wire/ip-fragment.h"

#include <cstring>

namespace ipseclab::esp
{

namespace
{

bool
PaddingIsRight(const std::uint8_t* padding, std::size_t length)
{
    for (std::size_t i = 0; i < length; ++i)
    {
        if (padding[i] != i + 1)
        {
            return false;
        }
    }
    return true;
}

bool
FitsSelectors(const InboundSaConfig& config, const PacketSelectors& packet)
{
    return MatchesAny(config.remoteSelectors, packet.source, packet.sourcePort, packet) &&
           MatchesAny(config.localSelectors, packet.destination, packet.destinationPort, packet);
}

/// Whether a packet would fit that is no fragment and has no ports.
bool
FitsAllPorts(const InboundSaConfig& config, PacketSelectors packet)
{
    packet.laterFragment = false;
    return FitsSelectors(config, packet);
}

bool
NamesHosts(const InboundSaConfig& config, const PacketSelectors& packet)
{
    return NamesHost(config.remoteSelectors, packet.source, packet) &&
           NamesHost(config.localSelectors, packet.destination, packet);
}

/// Whether a later fragment on an SA for OPAQUE ports might overlap ports. Of IPv6 nobody can tell,
/// for extension headers may come before them.
bool
MayOverlapPorts(const wire::IpView& later, std::size_t leastOffset)
{
    const auto fields = wire::ReadFragment(later);
    return later.v6 || !fields || fields->offset < leastOffset;
}

/// The encrypted part of a packet: payload, padding, pad length, next header.
struct Text
{
    std::uint8_t* octets;
    std::size_t length; ///< at least kEspTrailer
};

} // namespace

std::unique_ptr<InboundSa>
InboundSa::Create(const InboundSaConfig& config)
{
    auto cipher = MakeCipher(config, crypto::Direction::Open);
    if (!cipher)
    {
        return nullptr;
    }
    return std::unique_ptr<InboundSa>(new InboundSa(config, std::move(cipher)));
}

InboundSa::InboundSa(const InboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher)
    : m_config(config),
      m_cipher(std::move(cipher)),
      m_replay(config.Numbers(), config.antiReplay, config.subspaceIndex),
      m_meters(config.volume)
{
    if (config.IsEesp())
    {
        m_subSas.emplace(MakeSubSas(config, crypto::Direction::Open));
    }
}

void
InboundSa::SetOuter(const IpAddress& source,
                    const IpAddress& destination,
                    const std::optional<wire::UdpPorts>& udp)
{
    m_config.outerSource = source;
    m_config.outerDestination = destination;
    m_config.udp = udp;
}

SequenceNumber
InboundSa::PeekNumber(ByteSpan packet) const
{
    const SequenceScheme& scheme = m_replay.Scheme();
    SequenceNumber sent;
    if (m_config.IsEesp())
    {
        const auto header = ReadEespHeader(packet);
        sent = header ? SequenceNumber{header->subSa, header->sequenceNumber} : sent;
    }
    else if (packet.size() >= scheme.HeaderLength())
    {
        sent = scheme.LoadFromWire(packet.data() + kSpiLength);
    }
    return m_replay.Find(sent.subspace) ? sent : SequenceNumber{};
}

OpenResult
InboundSa::Open(PacketBuffer& buffer, std::size_t outerHeaderLength)
{
    if (m_config.IsEesp())
    {
        return OpenEesp(buffer, outerHeaderLength);
    }
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const SequenceScheme& scheme = m_replay.Scheme();
    const std::size_t front = outerHeaderLength + scheme.HeaderLength() + traits.ivLength;
    const std::size_t around = front + traits.icvLength;
    if (outerHeaderLength < wire::kIpv4HeaderSize || buffer.Size() <= around ||
        (buffer.Size() - around) % traits.alignment != 0)
    {
        return {DropReason::Malformed, 0};
    }
    const Text text{buffer.Data() + front, buffer.Size() - around};
    const std::uint8_t* const esp = buffer.Data() + outerHeaderLength;

    const SequenceReceiver::Guess guess = m_replay.Check(esp + kSpiLength);
    if (guess.drop != DropReason::None)
    {
        return {guess.drop, guess.number};
    }
    const IcvInput input(traits, scheme, esp, guess.number);
    std::uint8_t implicit[kImplicitIv];
    StoreBe64(implicit, guess.number);
    if (!m_cipher->Open(input.Aad(),
                        traits.implicitIv ? implicit : esp + scheme.HeaderLength(),
                        text.octets,
                        text.length,
                        text.octets + text.length,
                        input.Trailer()))
    {
        return {DropReason::Icv, guess.number};
    }
    const DropReason late = m_replay.Accept(guess);
    if (late != DropReason::None)
    {
        return {late, guess.number};
    }
    return {Unwrap(buffer, front, text.length), guess.number};
}

/// All that follows the decryption.
DropReason
InboundSa::Unwrap(PacketBuffer& buffer, std::size_t front, std::size_t length) const
{
    const std::uint8_t* const text = buffer.Data() + front;
    const std::size_t body = length - kEspTrailer;
    const std::size_t padding = text[body];
    const std::uint8_t nextHeader = text[body + 1];
    if (padding > body ||
        (m_config.checkPadding && !PaddingIsRight(text + body - padding, padding)))
    {
        return DropReason::Padding;
    }
    if (nextHeader == wire::kProtocolDummy)
    {
        return DropReason::Dummy;
    }
    if (m_config.aggfrag)
    {
        buffer.MoveFront(-static_cast<std::ptrdiff_t>(front));
        buffer.MoveBack(static_cast<std::ptrdiff_t>(body - padding) -
                        static_cast<std::ptrdiff_t>(buffer.Size()));
        return nextHeader == wire::kProtocolAggfrag ? DropReason::None : DropReason::NextHeader;
    }
    return m_config.ipsecMode == IpsecMode::Tunnel
             ? UnwrapTunnel(buffer, front, body - padding, nextHeader)
             : UnwrapTransport(buffer, front, body - padding, nextHeader);
}

DropReason
InboundSa::Admit(const wire::IpView& inner) const
{
    if (m_config.dscps.any() && !m_config.dscps[inner.Tos() >> 2])
    {
        return DropReason::SelectorMismatch;
    }
    if (m_config.remoteSelectors.empty() && m_config.localSelectors.empty())
    {
        return DropReason::None;
    }
    PacketSelectors packet = wire::ReadSelectors(inner);
    if (packet.laterFragment)
    {
        return AdmitLaterFragment(inner, packet);
    }
    const bool fits = FitsSelectors(m_config, packet);
    if (inner.isFragment && m_config.laterFragments)
    {
        m_config.laterFragments->Note(inner, packet, {fits});
    }
    return fits ? DropReason::None : DropReason::SelectorMismatch;
}

/// By selectors for all ports (RFC 4301, section 7.1), by its first fragment (7.3), or by OPAQUE
/// ports (7.2).
DropReason
InboundSa::AdmitLaterFragment(const wire::IpView& inner, PacketSelectors& packet) const
{
    if (FitsAllPorts(m_config, packet))
    {
        return DropReason::None;
    }
    FragmentTracker::Memory memory;
    if (m_config.laterFragments)
    {
        memory = m_config.laterFragments->Recall(inner, packet);
    }
    if (memory.missing == DropReason::FragmentOverlap)
    {
        return memory.missing;
    }
    if (FitsSelectors(m_config, packet))
    {
        const bool overlaps = !packet.portsKnown && // so it is OPAQUE ports that fit
                              MayOverlapPorts(inner, m_config.leastFragmentOffset);
        return overlaps ? DropReason::FragmentOverlap : DropReason::None;
    }
    const bool unknown = memory.missing != DropReason::None && NamesHosts(m_config, packet);
    return unknown ? memory.missing : DropReason::SelectorMismatch;
}

DropReason
InboundSa::UnwrapTunnel(PacketBuffer& buffer,
                        std::size_t front,
                        std::size_t length,
                        std::uint8_t nextHeader) const
{
    std::uint8_t* const text = buffer.Data() + front;
    if (nextHeader != wire::kProtocolIpv4 && nextHeader != wire::kProtocolIpv6)
    {
        return DropReason::NextHeader;
    }
    wire::IpView inner;
    if (!wire::ParseIp(ByteSpan(text, length), inner) ||
        inner.v6 != (nextHeader == wire::kProtocolIpv6))
    {
        return DropReason::Malformed;
    }
    if (const DropReason refused = Admit(inner); refused != DropReason::None)
    {
        return refused;
    }
    const std::uint8_t* const outer = buffer.Data();
    const auto outerTos =
        wire::IsIpv6(outer) ? static_cast<std::uint8_t>(LoadBe16(outer) >> 4) : outer[1];
    const auto tos = DecapsulatedTos(m_config.tos, outerTos, inner.Tos());
    if (!tos)
    {
        return DropReason::EcnInvalid;
    }
    if (*tos != inner.Tos())
    {
        wire::SetTos(text, *tos);
    }
    const std::size_t back = buffer.Size() - front - inner.totalLength;
    buffer.MoveFront(-static_cast<std::ptrdiff_t>(front));
    buffer.MoveBack(-static_cast<std::ptrdiff_t>(back));
    return DropReason::None;
}

/// The packet's own header moves back to where ESP header and IV were.
DropReason
InboundSa::UnwrapTransport(PacketBuffer& buffer,
                           std::size_t front,
                           std::size_t length,
                           std::uint8_t nextHeader) const
{
    wire::IpView outer;
    if (!wire::ParseIp(buffer.Span(), outer) || outer.upperOffset > front)
    {
        return DropReason::Malformed;
    }
    if (outer.v6 && nextHeader == wire::kProtocolHopByHop)
    {
        return DropReason::NextHeader; // is for every router, so it stands before ESP or nowhere
    }
    const auto moved = static_cast<std::ptrdiff_t>(front - outer.upperOffset);
    const std::size_t back = buffer.Size() - front - length;
    std::memmove(buffer.Data() + moved, buffer.Data(), outer.upperOffset);
    buffer.MoveFront(-moved);
    buffer.MoveBack(-static_cast<std::ptrdiff_t>(back));
    wire::SetUpperLayer(buffer.Data(), buffer.Size(), outer.protocolField, nextHeader);
    wire::IpView clear;
    if (!wire::ParseIp(buffer.Span(), clear))
    {
        return DropReason::Malformed;
    }
    if (clear.isFragment)
    {
        return DropReason::NextHeader;
    }
    return FitsSelectors(m_config, wire::ReadSelectors(clear)) ? DropReason::None
                                                               : DropReason::SelectorMismatch;
}

} // namespace ipseclab::esp
