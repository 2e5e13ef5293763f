/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/outbound-sa.h"

#include "model/esp/esp-sa-parts.h"
#include "model/wire/aggfrag.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ipseclab::esp
{

namespace
{

/// RFC 4303, section 2.4: what makes payload and trailer a multiple of the alignment.
std::size_t
PadLength(std::size_t payload, std::size_t alignment)
{
    const std::size_t excess = (payload + kEspTrailer) % alignment;
    return excess == 0 ? 0 : alignment - excess;
}

/// Whether numbers end before 2^64. Only a peer that neither checks for replays nor takes its IV
/// from the number lets them start again (RFC 4303, section 3.3.3; RFC 8750, section 3).
bool
HasShortNumbers(const OutboundSaConfig& config, const crypto::CipherTraits& traits)
{
    return config.Numbers().kind == SequenceKind::Sequential32 &&
           (config.antiReplay || traits.implicitIv);
}

std::optional<std::uint64_t>
FindRekeyNumber(const OutboundSaConfig& config, const crypto::CipherTraits& traits)
{
    constexpr std::uint64_t kReserve = std::uint64_t{1} << 28; // 27 s at 10^7 packets a second
    constexpr std::uint64_t kLast = std::numeric_limits<std::uint32_t>::max();
    if (!HasShortNumbers(config, traits))
    {
        return std::nullopt;
    }
    return std::max(config.lastNumber + 1, kLast - kReserve);
}

/// FNV-1a over what tells flows apart.
std::uint32_t
FlowHash(const wire::IpView& packet)
{
    const PacketSelectors flow = wire::ReadSelectors(packet);
    std::uint32_t hash = 2166136261U;
    const auto add = [&hash](std::uint8_t octet) { hash = (hash ^ octet) * 16777619U; };
    for (const IpAddress& address : {flow.source, flow.destination})
    {
        for (const std::uint8_t octet : address.Octets())
        {
            add(octet);
        }
    }
    add(flow.protocol);
    for (const std::uint16_t port : {flow.sourcePort, flow.destinationPort})
    {
        add(static_cast<std::uint8_t>(port >> 8));
        add(static_cast<std::uint8_t>(port));
    }
    return hash;
}

/// The last counter that a sender gives.
std::uint64_t
FindLastCounter(const OutboundSaConfig& config, const crypto::CipherTraits& traits)
{
    const SequenceScheme scheme = config.Numbers();
    return scheme.HasSubspaces() || HasShortNumbers(config, traits)
             ? scheme.LastCounter()
             : std::numeric_limits<std::uint64_t>::max();
}

bool
OuterDf(DfPolicy policy, bool inner)
{
    switch (policy)
    {
    case DfPolicy::Set:
        return true;
    case DfPolicy::Clear:
        return false;
    case DfPolicy::Copy:
        break;
    }
    return inner;
}

/// Octets before the packet in the payload.
std::size_t
AggfragLength(const EspSaConfig& config)
{
    return config.aggfrag ? wire::kAggfragHeaderSize : 0;
}

/// Octets of EESP's payload information, which tunnel mode goes without.
std::size_t
InfoLength(const EspSaConfig& config)
{
    return config.IsEesp() && config.ipsecMode == IpsecMode::Transport ? kEespPayloadInfo : 0;
}

} // namespace

std::unique_ptr<OutboundSa>
OutboundSa::Create(const OutboundSaConfig& config)
{
    auto cipher = MakeCipher(config, crypto::Direction::Seal);
    if (!cipher || config.outerSource.IsV4() != config.outerDestination.IsV4())
    {
        return nullptr;
    }
    return std::unique_ptr<OutboundSa>(new OutboundSa(config, std::move(cipher)));
}

OutboundSa::OutboundSa(const OutboundSaConfig& config,
                       std::unique_ptr<crypto::PayloadCipher> cipher)
    : m_config(config),
      m_cipher(std::move(cipher)),
      m_scheme(config.Numbers()),
      m_counters(config.sharedCounters),
      m_rekeyNumber(FindRekeyNumber(config, m_cipher->Traits())),
      m_meters(config.volume)
{
    if (config.IsEesp())
    {
        m_subSas.emplace(MakeSubSas(config, crypto::Direction::Seal));
    }
    if (!m_counters)
    {
        m_counters = std::make_shared<SequenceCounters>(m_scheme,
                                                        FindLastCounter(config, m_cipher->Traits()),
                                                        config.lastNumber);
    }
}

bool
OutboundSa::SetOuter(const IpAddress& source,
                     const IpAddress& destination,
                     const std::optional<wire::UdpPorts>& udp)
{
    if (source.IsV4() != destination.IsV4() || (udp && m_config.IsEesp()))
    {
        return false;
    }
    m_config.outerSource = source;
    m_config.outerDestination = destination;
    m_config.udp = udp;
    return true;
}

DropReason
OutboundSa::Check(const wire::IpView& packet) const
{
    if (m_config.ipsecMode == IpsecMode::Tunnel)
    {
        return DropReason::None;
    }
    if (packet.isFragment)
    {
        return DropReason::Fragment;
    }
    return packet.Source() == m_config.outerSource &&
                   packet.Destination() == m_config.outerDestination
             ? DropReason::None
             : DropReason::SelectorMismatch;
}

std::size_t
OutboundSa::OuterHeaderLength() const
{
    return m_config.outerSource.IsV4() ? wire::kIpv4HeaderSize : wire::kIpv6HeaderSize;
}

std::size_t
OutboundSa::UdpLength() const
{
    return m_config.udp ? wire::kUdpHeaderSize : 0;
}

/// What follows the outer header, or the packet's own in transport mode.
std::uint8_t
OutboundSa::OuterProtocol() const
{
    if (m_config.IsEesp())
    {
        return wire::kProtocolEesp;
    }
    return m_config.udp ? wire::kProtocolUdp : wire::kProtocolEsp;
}

std::size_t
OutboundSa::FrontLength() const
{
    return m_scheme.HeaderLength() + m_cipher->Traits().ivLength;
}

std::size_t
OutboundSa::AroundPayload(std::size_t payload) const
{
    const std::size_t alignment = m_cipher->Traits().alignment;
    if (!m_config.IsEesp())
    {
        return PadLength(payload, alignment) + kEspTrailer;
    }
    const std::size_t info = InfoLength(m_config);
    return info + (alignment - (payload + info) % alignment) % alignment;
}

std::size_t
OutboundSa::SealedLength(std::size_t length, std::size_t headerLength) const
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const bool tunnel = m_config.ipsecMode == IpsecMode::Tunnel;
    const std::size_t text = tunnel ? AggfragLength(m_config) + length : length - headerLength;
    const std::size_t header = tunnel ? OuterHeaderLength() : headerLength;
    return header + UdpLength() + FrontLength() + text + AroundPayload(text) + traits.icvLength;
}

std::size_t
OutboundSa::LargestText(std::size_t limit, std::size_t headerLength) const
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const std::size_t around = headerLength + UdpLength() + FrontLength() + traits.icvLength;
    const std::size_t room = limit < around ? 0 : limit - around;
    const std::size_t text = room - room % traits.alignment;
    const std::size_t least = m_config.IsEesp() ? InfoLength(m_config) : kEspTrailer;
    return text < least ? 0 : text - least;
}

std::size_t
OutboundSa::LargestInner(std::size_t limit, std::size_t headerLength) const
{
    if (m_config.ipsecMode == IpsecMode::Tunnel)
    {
        const std::size_t text = LargestText(limit, OuterHeaderLength());
        return text - std::min(text, AggfragLength(m_config));
    }
    const std::size_t text = LargestText(limit, headerLength);
    return text == 0 ? 0 : headerLength + text;
}

std::size_t
OutboundSa::LargestDummy(std::size_t limit) const
{
    const std::size_t text = LargestText(limit, OuterHeaderLength());
    const std::size_t info = m_config.IsEesp() ? kEespPayloadInfo - InfoLength(m_config) : 0;
    return text < info ? 0 : text - info;
}

std::optional<std::uint64_t>
OutboundSa::NextNumber(std::uint16_t subspace)
{
    return m_counters->Next(subspace);
}

std::uint16_t
OutboundSa::ChooseSubspace(const wire::IpView& packet, std::uint32_t resource)
{
    const std::uint16_t chosen = PeekSubspace(packet, resource);
    ++m_nextSubspace;
    return chosen;
}

std::uint16_t
OutboundSa::PeekSubspace(const wire::IpView& packet, std::uint32_t resource) const
{
    if (m_scheme.subspaces == 1)
    {
        return 0;
    }
    std::uint32_t chosen = 0;
    switch (m_config.subspaceRule)
    {
    case SubspaceRule::First:
        break;
    case SubspaceRule::ClassNumber:
        chosen = packet.Tos() >> 5;
        break;
    case SubspaceRule::Flow:
        chosen = FlowHash(packet);
        break;
    case SubspaceRule::RoundRobin:
        chosen = m_nextSubspace;
        break;
    case SubspaceRule::Resource:
        chosen = resource;
        break;
    }
    return static_cast<std::uint16_t>(chosen % m_scheme.subspaces);
}

void
OutboundSa::Seal(PacketBuffer& buffer, std::uint64_t number, std::size_t tfcLength)
{
    if (m_config.ipsecMode == IpsecMode::Transport)
    {
        SealTransport(buffer, number);
        return;
    }
    const std::uint8_t* const inner = buffer.Data();
    const bool v6 = wire::IsIpv6(inner);
    const auto innerTos = v6 ? static_cast<std::uint8_t>(LoadBe16(inner) >> 4) : inner[1];
    const bool innerDf = v6 || (inner[6] & 0x40) != 0;
    if (tfcLength > buffer.Size())
    {
        const std::size_t padding = tfcLength - buffer.Size();
        std::memset(buffer.Data() + buffer.Size(), 0, padding);
        buffer.MoveBack(static_cast<std::ptrdiff_t>(padding));
    }
    SealText(buffer, number, v6 ? wire::kProtocolIpv6 : wire::kProtocolIpv4);
    buffer.MoveFront(static_cast<std::ptrdiff_t>(OuterHeaderLength()));
    WriteOuterHeader(buffer, OuterTos(m_config.tos, innerTos), innerDf);
}

void
OutboundSa::SealDummy(PacketBuffer& buffer, std::uint64_t number, std::size_t length)
{
    std::memset(buffer.Reset(length), 0, length);
    SealText(buffer, number, wire::kProtocolDummy);
    buffer.MoveFront(static_cast<std::ptrdiff_t>(OuterHeaderLength()));
    WriteOuterHeader(buffer, 0, false);
}

void
OutboundSa::SealAggfrag(PacketBuffer& buffer, std::uint64_t number, std::uint8_t dscp)
{
    SealText(buffer, number, wire::kProtocolAggfrag);
    buffer.MoveFront(static_cast<std::ptrdiff_t>(OuterHeaderLength()));
    const std::uint8_t outerDscp = m_config.tos.copyDscp ? dscp : m_config.tos.fixedDscp;
    WriteOuterHeader(buffer, static_cast<std::uint8_t>(outerDscp << 2), true);
}

/// The packet's own header makes room for ESP header and IV behind it.
void
OutboundSa::SealTransport(PacketBuffer& buffer, std::uint64_t number)
{
    wire::IpView view;
    wire::ParseIp(buffer.Span(), view);
    const auto header = static_cast<std::ptrdiff_t>(view.espOffset);
    const std::size_t front = UdpLength() + FrontLength() + InfoLength(m_config);
    const std::uint8_t nextHeader = view.header[view.espField];
    std::memmove(buffer.Data() - front, buffer.Data(), view.espOffset);
    buffer.MoveFront(-header);
    SealText(buffer, number, nextHeader);
    buffer.MoveFront(header);
    wire::SetUpperLayer(buffer.Data(), buffer.Size(), view.espField, OuterProtocol());
}

/// What the buffer holds becomes the ESP payload, trailer and ICV behind it, header and IV before,
/// and before them the UDP header if there is one.
void
OutboundSa::SealText(PacketBuffer& buffer, std::uint64_t number, std::uint8_t nextHeader)
{
    if (m_config.IsEesp())
    {
        SealEesp(buffer, number, nextHeader);
        return;
    }
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const std::size_t payload = buffer.Size();
    const std::size_t padding = PadLength(payload, traits.alignment);
    const std::size_t length = payload + padding + kEspTrailer;
    std::uint8_t* const text = buffer.Data();
    for (std::size_t i = 0; i < padding; ++i)
    {
        text[payload + i] = static_cast<std::uint8_t>(i + 1);
    }
    text[length - 2] = static_cast<std::uint8_t>(padding);
    text[length - 1] = nextHeader;
    buffer.MoveFront(static_cast<std::ptrdiff_t>(m_scheme.HeaderLength() + traits.ivLength));
    buffer.MoveBack(static_cast<std::ptrdiff_t>(length - payload + traits.icvLength));

    std::uint8_t* const esp = buffer.Data();
    StoreBe32(esp, m_config.spi);
    m_scheme.StoreOnWire(esp + kSpiLength, number);
    std::uint8_t implicit[kImplicitIv];
    std::uint8_t* const iv = traits.implicitIv ? implicit : esp + m_scheme.HeaderLength();
    m_cipher->MakeIv(number, iv);
    const IcvInput input(traits, m_scheme, esp, number);
    m_cipher->Seal(input.Aad(), iv, text, length, text + length, input.Trailer());
    if (m_config.udp)
    {
        AddUdpHeader(buffer);
    }
}

/// RFC 3948, section 2.1: no checksum; but over IPv6 there is one.
void
OutboundSa::AddUdpHeader(PacketBuffer& buffer) const
{
    const std::size_t payload = buffer.Size();
    buffer.MoveFront(static_cast<std::ptrdiff_t>(wire::kUdpHeaderSize));
    wire::WriteUdpHeader(buffer.Data(), *m_config.udp, payload);
    if (!m_config.outerSource.IsV4())
    {
        wire::SetUdpChecksum(buffer.Data(),
                             buffer.Size(),
                             m_config.outerSource,
                             m_config.outerDestination);
    }
}

void
OutboundSa::WriteOuterHeader(PacketBuffer& buffer, std::uint8_t tos, bool innerDf)
{
    if (!m_config.outerSource.IsV4())
    {
        wire::Ipv6HeaderFields outer;
        outer.trafficClass = tos;
        outer.totalLength = buffer.Size();
        outer.protocol = OuterProtocol();
        outer.hopLimit = m_config.ttl;
        outer.source = m_config.outerSource;
        outer.destination = m_config.outerDestination;
        wire::WriteIpv6Header(buffer.Data(), outer);
        return;
    }
    wire::Ipv4HeaderFields outer;
    outer.tos = tos;
    outer.totalLength = static_cast<std::uint16_t>(buffer.Size());
    outer.dontFragment = OuterDf(m_config.df, innerDf);
    outer.identification = outer.dontFragment ? std::uint16_t{0} : ++m_identification;
    outer.ttl = m_config.ttl;
    outer.protocol = OuterProtocol();
    outer.source = m_config.outerSource.V4Value();
    outer.destination = m_config.outerDestination.V4Value();
    wire::WriteIpv4Header(buffer.Data(), outer);
}

} // namespace ipseclab::esp
