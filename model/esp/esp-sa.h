/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ESP_SA_H
#define IPSECLAB_ESP_ESP_SA_H

#include "model/crypto/payload-cipher.h"
#include "model/esp/anti-replay.h"
#include "model/esp/drop-reason.h"
#include "model/esp/packet-buffer.h"
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
    bool antiReplay{true};       ///< false: a 32-bit number may wrap (RFC 4303, section 3.3.3)
    std::uint64_t lastNumber{0}; ///< the last number that counts as sent
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
    /// Null when the suite is unsupported or a key has a wrong length.
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
     */
    std::optional<std::uint64_t> NextNumber();

    /// The inner IPv4 packet in `buffer` becomes the outer one. The TTL is not touched.
    void Seal(PacketBuffer& buffer, std::uint64_t number);

    std::uint64_t LastNumber() const
    {
        return m_lastNumber;
    }

  private:
    OutboundSa(const OutboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    OutboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    std::uint64_t m_lastNumber;
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
     * \param outerHeaderLength octets before the ESP header
     */
    OpenResult Open(PacketBuffer& buffer, std::size_t outerHeaderLength);

    const AntiReplay& Replay() const
    {
        return m_replay;
    }

  private:
    InboundSa(const InboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    InboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    AntiReplay m_replay;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ESP_SA_H
