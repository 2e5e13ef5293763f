/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_ALGORITHMS_H
#define IPSECLAB_CRYPTO_ALGORITHMS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

/**
 * \file
 * The transforms that the model can do, as one table. The numbers are those of the IANA registry
 * (RFC 7296, section 3.3.2), so an identifier from the wire may be cast and looked up.
 */

namespace ipseclab::crypto
{

enum class EncryptionId : std::uint16_t
{
    Null = 11,             ///< RFC 2410; ESP only, needs integrity
    AesCbc = 12,           ///< RFC 3602
    AesCcm16 = 16,         ///< RFC 4309 (ESP), RFC 5282 (IKE)
    AesGcm16 = 20,         ///< RFC 4106 (ESP), RFC 5282 (IKE)
    ChaCha20Poly1305 = 28, ///< RFC 7634
    /// \name The IV is the sequence number and is not sent (RFC 8750); ESP only
    /// @{
    AesCcm8ImplicitIv = 29,
    AesGcm16ImplicitIv = 30,
    ChaCha20Poly1305ImplicitIv = 31,
    /// @}
};

enum class IntegrityId : std::uint16_t
{
    None = 0,
    HmacSha1_96 = 2,       ///< RFC 2404
    HmacSha2_256_128 = 12, ///< RFC 4868
    HmacSha2_384_192 = 13,
    HmacSha2_512_256 = 14,
};

enum class PrfId : std::uint16_t
{
    HmacSha2_256 = 5, ///< RFC 4868
    HmacSha2_384 = 6,
    HmacSha2_512 = 7,
};

enum class GroupId : std::uint16_t
{
    None = 0,
    Modp2048 = 14, ///< RFC 3526
    Modp3072 = 15,
    Modp4096 = 16,
    Ecp256 = 19, ///< RFC 5903
    Ecp384 = 20,
    Ecp521 = 21,
    Curve25519 = 31, ///< RFC 8031
};

/// What protects one direction of an SA: a combined-mode cipher, or a cipher and an integrity
/// algorithm.
struct CipherSuite
{
    EncryptionId encryption{EncryptionId::AesGcm16};
    std::uint16_t keyBits{128}; ///< of the cipher, salt not counted; 0 for NULL
    IntegrityId integrity{IntegrityId::None};

    bool operator==(const CipherSuite& o) const
    {
        return encryption == o.encryption && keyBits == o.keyBits && integrity == o.integrity;
    }
};

/// Lengths in octets that follow from a suite.
struct CipherTraits
{
    bool combined{true};       ///< AEAD: the salt is in the keying material, no integrity key
    std::size_t keyLength{0};  ///< cipher key without salt
    std::size_t saltLength{0}; ///< 4 for GCM and ChaCha20-Poly1305, 3 for CCM
    std::size_t ivLength{0};   ///< on the wire
    bool implicitIv{false};    ///< the IV has 8 octets and is the whole sequence number
    std::size_t icvLength{0};  ///< on the wire
    std::size_t alignment{4};  ///< of the ESP ciphertext: max(block size, 4)
    std::size_t blockSize{1};  ///< of the cipher; the alignment of an IKE SK payload
    std::size_t integrityKeyLength{0};

    std::size_t KeyingMaterial() const
    {
        return keyLength + saltLength;
    }
};

/// The traits of a suite; nothing when the model has not got it (the suite is "unsupported").
std::optional<CipherTraits> FindTraits(const CipherSuite& suite);

/// Key and output size of a PRF in octets; nothing when unsupported.
std::optional<std::size_t> FindPrfLength(PrfId prf);

/// Lengths in octets of a key exchange method's public value and shared secret.
struct GroupTraits
{
    std::size_t publicLength{0};
    std::size_t sharedLength{0};
};

std::optional<GroupTraits> FindTraits(GroupId group);

/// "AES_GCM_16_128", "AES_CBC_256/HMAC_SHA2_256_128", ...; unknown numbers are printed as numbers.
std::string Name(const CipherSuite& suite);
std::string Name(PrfId prf);
std::string Name(GroupId group);

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_ALGORITHMS_H
