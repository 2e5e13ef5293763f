/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/esp-sa.h"

#include "model/esp/spd.h"
#include "model/wire/aggfrag.h"
#include "model/wire/ip-fragment.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ipseclab::esp
{

namespace
{

constexpr std::size_t kSpiLength = 4;
constexpr std::size_t kEspTrailer = 2; ///< pad length and next header
constexpr std::size_t kImplicitIv = 8; ///< RFC 8750, section 4

/// RFC 4303, section 2.4: what makes payload and trailer a multiple of the alignment.
std::size_t
PadLength(std::size_t payload, std::size_t alignment)
{
    const std::size_t excess = (payload + kEspTrailer) % alignment;
    return excess == 0 ? 0 : alignment - excess;
}

/// What the ICV covers besides IV and ciphertext: the first octets of the packet, or a longer form
/// of them where a part of the number is not on the wire (RFC 4303, section 2.2.1; RFC 4106,
/// section 5).
class IcvInput
{
  public:
    IcvInput(const crypto::CipherTraits& traits,
             const SequenceScheme& scheme,
             const std::uint8_t* espHeader,
             std::uint64_t number)
        : m_aad(espHeader, scheme.HeaderLength())
    {
        if (!scheme.CoversWholeNumber() || scheme.kind == SequenceKind::Sub64)
        {
            return;
        }
        if (traits.combined)
        {
            StoreBe32(m_octets, LoadBe32(espHeader));
            StoreBe64(m_octets + kSpiLength, number);
            m_aad = ByteSpan(m_octets, sizeof(m_octets));
        }
        else
        {
            // Of ESN the upper half is missing on the wire, of Sub32 bits on both sides of it.
            StoreBe64(m_octets, number);
            m_trailer = ByteSpan(m_octets, scheme.kind == SequenceKind::Extended ? 4 : 8);
        }
    }

    IcvInput(const IcvInput&) = delete;
    IcvInput& operator=(const IcvInput&) = delete;

    ByteSpan Aad() const
    {
        return m_aad;
    }

    ByteSpan Trailer() const
    {
        return m_trailer;
    }

  private:
    std::uint8_t m_octets[12];
    ByteSpan m_aad;
    ByteSpan m_trailer;
};

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

SubSaCiphers
MakeSubSas(const EspSaConfig& config, crypto::Direction direction)
{
    return {config.suite,
            config.subSaKdf,
            config.keyingMaterial,
            direction,
            config.mode,
            config.keepSubSaKeys};
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

/// Null when it cannot be; of EESP that of Sub SA 0.
std::unique_ptr<crypto::PayloadCipher>
MakeCipher(const EspSaConfig& config, crypto::Direction direction)
{
    if (!config.Numbers().IsValid())
    {
        return nullptr;
    }
    if (!config.IsEesp())
    {
        return crypto::PayloadCipher::Create(config.suite,
                                             config.keyingMaterial,
                                             config.integrityKey,
                                             direction,
                                             config.mode);
    }
    const auto traits = crypto::FindTraits(config.suite);
    const auto rootLength = crypto::FindPrfLength(config.subSaKdf);
    const bool fits = traits && traits->combined && rootLength &&
                      config.keyingMaterial.size() == *rootLength && !config.udp;
    return fits ? MakeSubSas(config, direction).Derive(0) : nullptr;
}

/// The encrypted part of a packet: payload, padding, pad length, next header.
struct Text
{
    std::uint8_t* octets;
    std::size_t length; ///< at least kEspTrailer
};

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
    DropReason missing = DropReason::SelectorMismatch;
    if (m_config.laterFragments && NamesHosts(m_config, packet))
    {
        missing = m_config.laterFragments->Recall(inner, packet).missing;
    }
    if (missing != DropReason::FragmentOverlap && FitsSelectors(m_config, packet))
    {
        const bool overlaps = !packet.portsKnown && // so it is OPAQUE ports that fit
                              MayOverlapPorts(inner, m_config.leastFragmentOffset);
        return overlaps ? DropReason::FragmentOverlap : DropReason::None;
    }
    return missing == DropReason::None ? DropReason::SelectorMismatch : missing;
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
