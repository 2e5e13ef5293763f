/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_PAYLOAD_CIPHER_H
#define IPSECLAB_CRYPTO_PAYLOAD_CIPHER_H

#include "model/crypto/algorithms.h"
#include "model/wire/bytes.h"

#include <memory>

namespace ipseclab::crypto
{

enum class Direction : std::uint8_t
{
    Seal,
    Open,
};

/// Law of the house: real bytes by default; sized for scale, with the same lengths and counters.
enum class CryptoMode : std::uint8_t
{
    Real,  ///< OpenSSL
    Sized, ///< no encryption; the ICV is a 64-bit mix of key, AAD, IV and length
};

/**
 * One direction of one SA: keyed contexts that live as long as the SA, so that a packet costs no
 * set-up and no allocation.
 *
 * `aad` is what is authenticated but not encrypted: SPI and sequence number in ESP (12 octets with
 * ESN and a combined mode), the IKE header up to the SK payload in IKE. With a separate integrity
 * algorithm the MAC covers aad | iv | ciphertext | trailer, where `trailer` is the high half of the
 * ESN (RFC 4303, section 2.2.1) or empty; a combined mode ignores `trailer`.
 */
class PayloadCipher
{
  public:
    /**
     * \param suite a suite for which FindTraits has an answer
     * \param keyingMaterial cipher key and salt; CipherTraits::KeyingMaterial() octets
     * \param integrityKey CipherTraits::integrityKeyLength octets
     * \return null when the suite is unsupported or a key has a wrong length
     */
    static std::unique_ptr<PayloadCipher> Create(const CipherSuite& suite,
                                                 ByteSpan keyingMaterial,
                                                 ByteSpan integrityKey,
                                                 Direction direction,
                                                 CryptoMode mode = CryptoMode::Real);
    virtual ~PayloadCipher() = default;

    PayloadCipher(const PayloadCipher&) = delete;
    PayloadCipher& operator=(const PayloadCipher&) = delete;

    const CipherTraits& Traits() const
    {
        return m_traits;
    }

    /// Writes the IV of the packet numbered `counter`: unique for AEAD, unpredictable for CBC. An
    /// implicit IV has 8 octets, too, and is for Seal and Open only.
    virtual void MakeIv(std::uint64_t counter, std::uint8_t* iv) = 0;

    /// Encrypts `text` in place (`length` octets) and writes the ICV.
    virtual void Seal(ByteSpan aad,
                      const std::uint8_t* iv,
                      std::uint8_t* text,
                      std::size_t length,
                      std::uint8_t* icv,
                      ByteSpan trailer = {}) = 0;

    /// Verifies and decrypts in place; false when the ICV is wrong, and then `text` is worthless.
    virtual bool Open(ByteSpan aad,
                      const std::uint8_t* iv,
                      std::uint8_t* text,
                      std::size_t length,
                      const std::uint8_t* icv,
                      ByteSpan trailer = {}) = 0;

  protected:
    explicit PayloadCipher(const CipherTraits& traits)
        : m_traits(traits)
    {
    }

  private:
    CipherTraits m_traits;
};

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_PAYLOAD_CIPHER_H
