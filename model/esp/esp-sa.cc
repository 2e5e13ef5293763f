/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/esp-sa.h"

#include "model/esp/spd.h"
#include "model/wire/ipv4.h"

#include <limits>

namespace ipseclab::esp
{

namespace
{

constexpr std::size_t kEspHeader = 8;  ///< SPI and sequence number
constexpr std::size_t kEspTrailer = 2; ///< pad length and next header
constexpr std::uint8_t kEcnMask = 3;
constexpr std::uint8_t kEcnNotCapable = 0;
constexpr std::uint8_t kEcnCongestion = 3;

/// RFC 4303, section 2.4: what makes payload and trailer a multiple of the alignment.
std::size_t
PadLength(std::size_t payload, std::size_t alignment)
{
    const std::size_t excess = (payload + kEspTrailer) % alignment;
    return excess == 0 ? 0 : alignment - excess;
}

/// What the ICV covers besides IV and ciphertext: the first octets of the packet, or a longer form
/// of them where the high half of the number is not on the wire (RFC 4303, section 2.2.1; RFC 4106,
/// section 5).
class IcvInput
{
  public:
    IcvInput(const crypto::CipherTraits& traits,
             bool extended,
             const std::uint8_t* espHeader,
             std::uint64_t number)
        : m_aad(espHeader, kEspHeader)
    {
        if (!extended)
        {
            return;
        }
        const auto high = static_cast<std::uint32_t>(number >> 32);
        if (traits.combined)
        {
            StoreBe32(m_octets, LoadBe32(espHeader));
            StoreBe32(m_octets + 4, high);
            StoreBe32(m_octets + 8, static_cast<std::uint32_t>(number));
            m_aad = ByteSpan(m_octets, 12);
        }
        else
        {
            StoreBe32(m_octets, high);
            m_trailer = ByteSpan(m_octets, 4);
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
FitsSelectors(const InboundSaConfig& config, const wire::Ipv4View& inner)
{
    if (config.remoteSelectors.empty() && config.localSelectors.empty())
    {
        return true;
    }
    const PacketSelectors packet = wire::ReadSelectors(inner);
    return MatchesAny(config.remoteSelectors, packet.source, packet.sourcePort, packet) &&
           MatchesAny(config.localSelectors, packet.destination, packet.destinationPort, packet);
}

/// How severe an ECN field is for RFC 6040: not capable, ECT(0), ECT(1), congestion experienced.
int
Severity(std::uint8_t ecn)
{
    constexpr int kOrder[4] = {0, 2, 1, 3};
    return kOrder[ecn];
}

/// RFC 6040, section 4.2, figure 4. False: the packet must be dropped.
bool
CombineEcn(std::uint8_t outer, std::uint8_t* innerHeader)
{
    const auto inner = static_cast<std::uint8_t>(innerHeader[1] & kEcnMask);
    if (inner == kEcnNotCapable)
    {
        return outer != kEcnCongestion;
    }
    if (Severity(outer) > Severity(inner))
    {
        wire::SetEcn(innerHeader, outer);
    }
    return true;
}

/// The decrypted part of a packet: inner packet, padding, pad length, next header.
struct Plaintext
{
    std::uint8_t* octets;
    std::size_t length; ///< at least kEspTrailer
};

/// All that follows the decryption; on None, `inner` is the packet.
DropReason
Unwrap(const Plaintext& text,
       std::uint8_t outerEcn,
       const InboundSaConfig& config,
       wire::Ipv4View& inner)
{
    const std::size_t body = text.length - kEspTrailer;
    const std::size_t padding = text.octets[body];
    const std::uint8_t nextHeader = text.octets[body + 1];
    if (padding > body ||
        (config.checkPadding && !PaddingIsRight(text.octets + body - padding, padding)))
    {
        return DropReason::Padding;
    }
    if (nextHeader == wire::kProtocolDummy)
    {
        return DropReason::Dummy;
    }
    if (nextHeader != wire::kProtocolIpv4)
    {
        return DropReason::NextHeader;
    }
    if (!wire::ParseIpv4(ByteSpan(text.octets, body - padding), inner))
    {
        return DropReason::Malformed;
    }
    if (!FitsSelectors(config, inner))
    {
        return DropReason::SelectorMismatch;
    }
    return CombineEcn(outerEcn, text.octets) ? DropReason::None : DropReason::EcnInvalid;
}

} // namespace

std::unique_ptr<OutboundSa>
OutboundSa::Create(const OutboundSaConfig& config)
{
    auto cipher = crypto::PayloadCipher::Create(config.suite,
                                                config.keyingMaterial,
                                                config.integrityKey,
                                                crypto::Direction::Seal,
                                                config.mode);
    if (!cipher || !config.outerSource.IsV4() || !config.outerDestination.IsV4())
    {
        return nullptr;
    }
    return std::unique_ptr<OutboundSa>(new OutboundSa(config, std::move(cipher)));
}

OutboundSa::OutboundSa(const OutboundSaConfig& config,
                       std::unique_ptr<crypto::PayloadCipher> cipher)
    : m_config(config),
      m_cipher(std::move(cipher)),
      m_lastNumber(config.lastNumber),
      m_meter(config.volume)
{
}

std::size_t
OutboundSa::SealedLength(std::size_t innerLength) const
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    return wire::kIpv4HeaderSize + kEspHeader + traits.ivLength + innerLength +
           PadLength(innerLength, traits.alignment) + kEspTrailer + traits.icvLength;
}

std::optional<std::uint64_t>
OutboundSa::NextNumber()
{
    const std::uint64_t last = m_config.extendedSequenceNumbers || !m_config.antiReplay
                                 ? std::numeric_limits<std::uint64_t>::max()
                                 : std::numeric_limits<std::uint32_t>::max();
    if (m_lastNumber >= last)
    {
        return std::nullopt;
    }
    return ++m_lastNumber;
}

void
OutboundSa::Seal(PacketBuffer& buffer, std::uint64_t number)
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const std::size_t innerLength = buffer.Size();
    const std::size_t padding = PadLength(innerLength, traits.alignment);
    const std::size_t textLength = innerLength + padding + kEspTrailer;
    const std::size_t front = wire::kIpv4HeaderSize + kEspHeader + traits.ivLength;

    std::uint8_t* const text = buffer.Data();
    const std::uint8_t tos = text[1];
    const bool dontFragment = OuterDf(m_config.df, (text[6] & 0x40) != 0);
    for (std::size_t i = 0; i < padding; ++i)
    {
        text[innerLength + i] = static_cast<std::uint8_t>(i + 1);
    }
    text[textLength - 2] = static_cast<std::uint8_t>(padding);
    text[textLength - 1] = wire::kProtocolIpv4;

    buffer.MoveFront(static_cast<std::ptrdiff_t>(front));
    buffer.MoveBack(static_cast<std::ptrdiff_t>(textLength - innerLength + traits.icvLength));

    wire::Ipv4HeaderFields outer;
    outer.tos = tos;
    outer.totalLength = static_cast<std::uint16_t>(buffer.Size());
    outer.identification = dontFragment ? std::uint16_t{0} : ++m_identification;
    outer.dontFragment = dontFragment;
    outer.ttl = m_config.ttl;
    outer.source = m_config.outerSource.V4Value();
    outer.destination = m_config.outerDestination.V4Value();
    wire::WriteIpv4Header(buffer.Data(), outer);

    std::uint8_t* const esp = buffer.Data() + wire::kIpv4HeaderSize;
    StoreBe32(esp, m_config.spi);
    StoreBe32(esp + 4, static_cast<std::uint32_t>(number));
    std::uint8_t* const iv = esp + kEspHeader;
    m_cipher->MakeIv(number, iv);
    const IcvInput input(traits, m_config.extendedSequenceNumbers, esp, number);
    m_cipher->Seal(input.Aad(), iv, text, textLength, text + textLength, input.Trailer());
}

std::unique_ptr<InboundSa>
InboundSa::Create(const InboundSaConfig& config)
{
    auto cipher = crypto::PayloadCipher::Create(config.suite,
                                                config.keyingMaterial,
                                                config.integrityKey,
                                                crypto::Direction::Open,
                                                config.mode);
    if (!cipher)
    {
        return nullptr;
    }
    InboundSaConfig agreed = config;
    agreed.antiReplay.extendedSequenceNumbers = config.extendedSequenceNumbers;
    return std::unique_ptr<InboundSa>(new InboundSa(agreed, std::move(cipher)));
}

InboundSa::InboundSa(const InboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher)
    : m_config(config),
      m_cipher(std::move(cipher)),
      m_replay(config.antiReplay),
      m_meter(config.volume)
{
}

OpenResult
InboundSa::Open(PacketBuffer& buffer, std::size_t outerHeaderLength)
{
    const crypto::CipherTraits& traits = m_cipher->Traits();
    const std::size_t front = outerHeaderLength + kEspHeader + traits.ivLength;
    const std::size_t around = front + traits.icvLength;
    if (outerHeaderLength < wire::kIpv4HeaderSize || buffer.Size() <= around ||
        (buffer.Size() - around) % traits.alignment != 0)
    {
        return {DropReason::Malformed, 0};
    }
    const Plaintext text{buffer.Data() + front, buffer.Size() - around};
    const std::uint8_t* const esp = buffer.Data() + outerHeaderLength;

    const AntiReplay::Guess guess = m_replay.Check(LoadBe32(esp + 4));
    if (guess.drop != DropReason::None)
    {
        return {guess.drop, guess.number};
    }
    const IcvInput input(traits, m_config.extendedSequenceNumbers, esp, guess.number);
    if (!m_cipher->Open(input.Aad(),
                        esp + kEspHeader,
                        text.octets,
                        text.length,
                        text.octets + text.length,
                        input.Trailer()))
    {
        return {DropReason::Icv, guess.number};
    }
    m_replay.Accept(guess.number);

    wire::Ipv4View inner;
    const auto outerEcn = static_cast<std::uint8_t>(buffer.Data()[1] & kEcnMask);
    const DropReason drop = Unwrap(text, outerEcn, m_config, inner);
    if (drop == DropReason::None)
    {
        const std::size_t back = buffer.Size() - front - inner.totalLength;
        buffer.MoveFront(-static_cast<std::ptrdiff_t>(front));
        buffer.MoveBack(-static_cast<std::ptrdiff_t>(back));
    }
    return {drop, guess.number};
}

} // namespace ipseclab::esp
