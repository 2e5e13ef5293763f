/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ESP_SA_H
#define IPSECLAB_ESP_ESP_SA_H

#include "model/crypto/payload-cipher.h"
#include "model/esp/anti-replay.h"
#include "model/esp/drop-reason.h"
#include "model/esp/packet-buffer.h"
#include "model/esp/volume-meter.h"
#include "model/wire/ip-address.h"
#include "model/wire/traffic-selector.h"

#include <memory>
#include <optional>

namespace ipseclab::esp
{

/// What both directions of an SA have in common (RFC 4301, section 4.4.2.1).
struct EspSaConfig
{
    std::uint32_t spi{0};
    crypto::CipherSuite suite;
    Bytes keyingMaterial; ///< cipher key and salt
    Bytes integrityKey;   ///< empty with a combined mode
    bool extendedSequenceNumbers{false};
    IpAddress outerSource; ///< of the packets of this SA
    IpAddress outerDestination;
    crypto::CryptoMode mode{crypto::CryptoMode::Real};
    VolumeLimits volume;
};

/// What the outer header's DF bit is (RFC 4301, section 8.1).
enum class DfPolicy : std::uint8_t
{
    Copy,
    Set,
    Clear,
};

struct OutboundSaConfig : EspSaConfig
{
    /// False: the receiver does not check, so a 32-bit number may wrap (RFC 4303, section 3.3.3).
    bool antiReplay{true};
    std::uint64_t lastNumber{0}; ///< the last number that counts as sent
    std::uint32_t spiInbound{0}; ///< of the other half of the pair, by which a pair is named
    DfPolicy df{DfPolicy::Copy};
    std::uint8_t ttl{64};
};

struct InboundSaConfig : EspSaConfig
{
    AntiReplayConfig antiReplay;         ///< its extendedSequenceNumbers follows the SA's
    bool checkPadding{true};             ///< RFC 4303, section 2.4: the pattern 1, 2, 3, ...
    TrafficSelectorList remoteSelectors; ///< of the inner source; empty: any
    TrafficSelectorList localSelectors;  ///< of the inner destination; empty: any
};

/// The sending half: numbers packets and seals them in tunnel mode (IPv4 in IPv4).
class OutboundSa
{
  public:
    /// Null when the suite is unsupported, a key has a wrong length, or an outer address is not
    /// IPv4.
    static std::unique_ptr<OutboundSa> Create(const OutboundSaConfig& config);

    const OutboundSaConfig& Config() const
    {
        return m_config;
    }

    /// Octets of the outer packet for an inner packet of `innerLength` octets.
    std::size_t SealedLength(std::size_t innerLength) const;

    /**
     * The number of the next packet, or nothing when the space is used up. Numbering is a step of
     * its own so that a pipeline may put queues or engines between it and Seal.
     *
     * Where a 32-bit number may wrap, the count goes on in 64 bits: the wire has the low half,
     * which wraps to 0, and the IV is made from the whole, so that it never repeats for a key.
     */
    std::optional<std::uint64_t> NextNumber();

    /**
     * The inner IPv4 packet in `buffer` becomes the outer one. The caller has parsed it and made
     * sure that SealedLength is at most PacketBuffer::kMaximumPacket; its TTL is not touched.
     *
     * Outer header (RFC 4301, section 5.1.2): the whole TOS octet is copied, which is the normal
     * mode of RFC 6040; identification is 0 with DF, where nobody needs it (RFC 6864, section 4.1),
     * else a counter of the SA. Padding is the least possible.
     */
    void Seal(PacketBuffer& buffer, std::uint64_t number);

    std::uint64_t LastNumber() const
    {
        return m_lastNumber;
    }

    VolumeMeter& Meter()
    {
        return m_meter;
    }

  private:
    OutboundSa(const OutboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    OutboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    std::uint64_t m_lastNumber;
    VolumeMeter m_meter;
    std::uint16_t m_identification{0};
};

/// What Open says of one packet.
struct OpenResult
{
    DropReason drop{DropReason::None};
    std::uint64_t number{0}; ///< as guessed by the receiver, also when the packet is dropped
};

/// The receiving half: replay check, ICV, window, padding, selectors, ECN.
class InboundSa
{
  public:
    /// Null when the suite is unsupported or a key has a wrong length.
    static std::unique_ptr<InboundSa> Create(const InboundSaConfig& config);

    const InboundSaConfig& Config() const
    {
        return m_config;
    }

    /**
     * The outer IPv4 packet in `buffer` becomes the inner one. On a drop the buffer is worthless.
     * The order: lengths, replay check, ICV, window, padding, next header, inner header, selectors,
     * ECN (RFC 4303, section 3.4; RFC 4301, section 5.2; RFC 6040, section 4.2). What follows the
     * inner packet before the padding is TFC padding and goes.
     * \param outerHeaderLength octets before the ESP header: 20 and more; 28 with UDP
     */
    OpenResult Open(PacketBuffer& buffer, std::size_t outerHeaderLength);

    const AntiReplay& Replay() const
    {
        return m_replay;
    }

    VolumeMeter& Meter()
    {
        return m_meter;
    }

  private:
    InboundSa(const InboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    InboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    AntiReplay m_replay;
    VolumeMeter m_meter;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ESP_SA_H
