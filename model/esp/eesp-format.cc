/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/eesp-format.h"

#include "model/crypto/prf.h"

namespace ipseclab::esp
{

namespace
{

constexpr std::uint8_t kFirstOctet = 0x80; ///< the bit that ESP has not got, version 0, reserved 0
constexpr std::uint8_t kPad1 = 0;
constexpr std::uint8_t kPadN = 1;

bool
IsOnlyPadding(ByteSpan options)
{
    std::size_t at = 0;
    while (at < options.size())
    {
        if (options[at] == kPad1)
        {
            ++at;
            continue;
        }
        const std::size_t left = options.size() - at;
        if (options[at] != kPadN || left < 2 || left - 2 < options[at + 1])
        {
            return false;
        }
        at += std::size_t{2} + options[at + 1];
    }
    return true;
}

} // namespace

std::optional<EespHeader>
ReadEespHeader(ByteSpan packet)
{
    if (packet.size() < kEespBaseHeader || packet[0] != kFirstOctet)
    {
        return std::nullopt;
    }
    const std::size_t options = packet[1];
    EespHeader header;
    header.length += options;
    if (packet.size() < header.length || !IsOnlyPadding(packet.subspan(kEespBaseHeader, options)))
    {
        return std::nullopt;
    }
    header.subSa = LoadBe16(packet.data() + 2);
    header.spi = LoadBe32(packet.data() + 4);
    header.sequenceNumber = LoadBe64(packet.data() + kEespBaseHeader + options);
    return header;
}

void
WriteEespHeader(std::uint8_t* packet, const EespHeader& header)
{
    packet[0] = kFirstOctet;
    packet[1] = 0;
    StoreBe16(packet + 2, header.subSa);
    StoreBe32(packet + 4, header.spi);
    StoreBe64(packet + kEespBaseHeader, header.sequenceNumber);
}

SubSaCiphers::SubSaCiphers(const crypto::CipherSuite& suite,
                           crypto::PrfId kdf,
                           Bytes rootKey,
                           crypto::Direction direction,
                           crypto::CryptoMode mode,
                           bool keep)
    : m_suite(suite),
      m_kdf(kdf),
      m_rootKey(std::move(rootKey)),
      m_direction(direction),
      m_mode(mode),
      m_keep(keep)
{
}

Bytes
SubSaCiphers::DeriveKey(std::uint16_t subSa) const
{
    const auto traits = crypto::FindTraits(m_suite);
    Bytes sessionId(2);
    StoreBe16(sessionId.data(), subSa);
    return traits ? crypto::PrfPlus(m_kdf, m_rootKey, sessionId, traits->KeyingMaterial())
                  : Bytes();
}

std::unique_ptr<crypto::PayloadCipher>
SubSaCiphers::Derive(std::uint16_t subSa) const
{
    return crypto::PayloadCipher::Create(m_suite, DeriveKey(subSa), {}, m_direction, m_mode);
}

void
SubSaCiphers::Keep(std::uint16_t subSa, std::unique_ptr<crypto::PayloadCipher> cipher)
{
    if (!m_keep)
    {
        return;
    }
    if (subSa >= m_kept.size())
    {
        m_kept.resize(std::size_t{subSa} + 1);
    }
    m_count += m_kept[subSa] ? 0 : 1;
    m_kept[subSa] = std::move(cipher);
}

crypto::PayloadCipher*
SubSaCiphers::FindOrDerive(std::uint16_t subSa, std::unique_ptr<crypto::PayloadCipher>& derived)
{
    if (crypto::PayloadCipher* const kept = Find(subSa))
    {
        return kept;
    }
    ++m_derivations;
    derived = Derive(subSa);
    return derived.get();
}

} // namespace ipseclab::esp
