/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_EESP_FORMAT_H
#define IPSECLAB_ESP_EESP_FORMAT_H

#include "model/crypto/payload-cipher.h"
#include "model/esp/sequence-scheme.h"

#include <memory>
#include <optional>
#include <vector>

/**
 * \file
 * Enhanced ESP, version 0 (draft-ietf-ipsecme-eesp-03): its headers, and the keys of its Sub SAs.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     |1| version=0 | res=0 |    Opt Len    |  Session ID: the Sub SA ID  |
 *     |                               SPI                                 |
 *     |                    options, Opt Len octets                        |
 *     |                sequence number, 64 bits, all sent                 |
 *     |                        IV, if explicit                            |
 *     |  0 | reserved      | Next Header | Pad Length |  only full format  |  encrypted from here
 *     |                payload, padding of zeros, ICV                     |
 */

namespace ipseclab::esp
{

constexpr std::size_t kEespBaseHeader = 8;
constexpr std::size_t kEespSequenceNumber = 8;
/// Of the full format: transport mode and dummy packets. Tunnel mode goes without it.
constexpr std::size_t kEespPayloadInfo = 4;

/// What stands before the IV.
struct EespHeader
{
    std::uint32_t spi{0};
    std::uint16_t subSa{0};
    std::uint64_t sequenceNumber{0};
    std::size_t length{kEespBaseHeader + kEespSequenceNumber}; ///< octets, options included
};

/// Nothing when it is too short, of another version, has reserved bits set, or options other than
/// padding: of those that the draft knows, Crypt Offset is not negotiated by the model and the
/// packet must then be dropped.
std::optional<EespHeader> ReadEespHeader(ByteSpan packet);

/// Without options.
void WriteEespHeader(std::uint8_t* packet, const EespHeader& header);

/**
 * The ciphers of the Sub SAs of one direction, made when they are needed and kept, or made anew for
 * each packet (section 5 of the draft allows both): KEYMAT = SSKDF(root key, Session ID). SSKDF is
 * HKDF-Expand (RFC 5869, section 2.3), which is the same as prf+ of RFC 7296.
 */
class SubSaCiphers
{
  public:
    SubSaCiphers(const crypto::CipherSuite& suite,
                 crypto::PrfId kdf,
                 Bytes rootKey,
                 crypto::Direction direction,
                 crypto::CryptoMode mode,
                 bool keep = true);

    /// Cipher key and salt of a Sub SA.
    Bytes DeriveKey(std::uint16_t subSa) const;

    /// Null as long as none was kept.
    crypto::PayloadCipher* Find(std::uint16_t subSa) const
    {
        return subSa < m_kept.size() ? m_kept[subSa].get() : nullptr;
    }

    /// A new one, which is not kept; null when the suite is unsupported.
    std::unique_ptr<crypto::PayloadCipher> Derive(std::uint16_t subSa) const;
    /// Keeps a cipher that was derived for an authentic packet, unless none is to be kept.
    void Keep(std::uint16_t subSa, std::unique_ptr<crypto::PayloadCipher> cipher);

    std::size_t Kept() const
    {
        return m_count;
    }

    /// How often one was derived for a packet.
    std::uint64_t Derivations() const
    {
        return m_derivations;
    }

    /// Of a packet's Sub SA: the kept one or a new one, which is then also in `derived`.
    crypto::PayloadCipher* FindOrDerive(std::uint16_t subSa,
                                        std::unique_ptr<crypto::PayloadCipher>& derived);

  private:
    crypto::CipherSuite m_suite;
    crypto::PrfId m_kdf;
    Bytes m_rootKey;
    crypto::Direction m_direction;
    crypto::CryptoMode m_mode;
    bool m_keep;
    std::vector<std::unique_ptr<crypto::PayloadCipher>> m_kept; ///< by Sub SA, as far as used
    std::size_t m_count{0};
    std::uint64_t m_derivations{0};
};

/// Keys of one direction of an SA.
struct KeyCounts
{
    std::size_t kept{1};
    std::uint64_t derivations{0};
};

inline KeyCounts
CountKeys(const std::optional<SubSaCiphers>& subSas)
{
    return subSas ? KeyCounts{1 + subSas->Kept(), subSas->Derivations()} : KeyCounts{};
}

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_EESP_FORMAT_H
