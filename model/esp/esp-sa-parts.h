/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ESP_SA_PARTS_H
#define IPSECLAB_ESP_ESP_SA_PARTS_H

#include "model/esp/eesp-format.h"
#include "model/esp/esp-sa-config.h"

#include <memory>

/**
 * \file
 * What both halves of an SA are made of; for their sources only.
 */

namespace ipseclab::esp
{

constexpr std::size_t kSpiLength = 4;
constexpr std::size_t kEspTrailer = 2; ///< pad length and next header
constexpr std::size_t kImplicitIv = 8; ///< RFC 8750, section 4

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

SubSaCiphers MakeSubSas(const EspSaConfig& config, crypto::Direction direction);

/// Null when it cannot be; of EESP that of Sub SA 0.
std::unique_ptr<crypto::PayloadCipher> MakeCipher(const EspSaConfig& config,
                                                  crypto::Direction direction);

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ESP_SA_PARTS_H
