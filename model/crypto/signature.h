/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_SIGNATURE_H
#define IPSECLAB_CRYPTO_SIGNATURE_H

#include "model/crypto/random-source.h"
#include "model/wire/bytes.h"

#include <memory>
#include <optional>
#include <vector>

/**
 * \file
 * Signatures as IKEv2 carries them (RFC 7296, section 3.8; RFC 4754; RFC 7427; RFC 8420).
 *
 * Signing repeats bit for bit: PKCS #1 v1.5 and Ed25519 have no randomness, the salt of PSS comes
 * from the caller's source, and ECDSA takes its nonce from the key and the message (RFC 6979).
 */

namespace ipseclab::crypto
{

/// IANA registry "IKEv2 Hash Algorithms" (RFC 7427, section 7; RFC 8420).
enum class HashId : std::uint16_t
{
    Sha1 = 1,
    Sha2_256 = 2,
    Sha2_384 = 3,
    Sha2_512 = 4,
    Identity = 5, ///< the message itself is signed
};

enum class SignatureScheme : std::uint8_t
{
    RsaPkcs1,   ///< RSASSA-PKCS1-v1_5 (RFC 8017)
    RsaPss,     ///< RSASSA-PSS, MGF1 with the same hash
    Ecdsa,      ///< DER SEQUENCE of r and s
    EcdsaFixed, ///< r | s, each as long as the group's order (RFC 4754)
    Ed25519,    ///< RFC 8032; hash Identity
};

enum class KeyType : std::uint8_t
{
    Rsa,
    EcP256,
    EcP384,
    EcP521,
    Ed25519,
};

struct SignatureAlgorithm
{
    SignatureScheme scheme{SignatureScheme::RsaPkcs1};
    HashId hash{HashId::Sha2_256};
    /// Octets of a PSS salt; the hash length is the usual choice. Of no meaning to other schemes.
    std::size_t saltLength{0};

    bool operator==(const SignatureAlgorithm& o) const;
};

/// Octets of a hash; 0 for Identity and for numbers that the model has not got.
std::size_t HashLength(HashId hash);

/// How an algorithm with this key and hash signs: PKCS #1 v1.5 or PSS for RSA by `pss`, ECDSA, or
/// Ed25519 where the hash must be Identity. Nothing when key and hash do not go together.
std::optional<SignatureAlgorithm> ChooseAlgorithm(KeyType key, HashId hash, bool pss);

/// The DER AlgorithmIdentifier (RFC 7427, appendix A); empty for EcdsaFixed, which has none.
Bytes EncodeAlgorithm(const SignatureAlgorithm& algorithm);
/**
 * Reads a whole DER AlgorithmIdentifier. Absent and NULL parameters mean the same. Nothing for an
 * algorithm that the model has not got, and for PSS whose MGF1 hash differs from the other one.
 */
std::optional<SignatureAlgorithm> ParseAlgorithm(ByteSpan der);

/// What both halves of a key have: OpenSSL's object, and what can be said without the secret.
class AsymmetricKey
{
  public:
    struct Handle;

    explicit AsymmetricKey(std::unique_ptr<const Handle> handle);
    AsymmetricKey(const AsymmetricKey&) = delete;
    AsymmetricKey& operator=(const AsymmetricKey&) = delete;

    KeyType Type() const;
    /// The DER SubjectPublicKeyInfo.
    Bytes PublicDer() const;

  protected:
    ~AsymmetricKey();

    std::unique_ptr<const Handle> m_handle;
};

class PublicKey final : public AsymmetricKey
{
  public:
    using AsymmetricKey::AsymmetricKey;

    /// From a DER SubjectPublicKeyInfo; null for anything else and for unsupported keys.
    static std::shared_ptr<const PublicKey> FromDer(ByteSpan subjectPublicKeyInfo);
    /// False too when the algorithm does not go with the key.
    bool Verify(const SignatureAlgorithm& algorithm, ByteSpan message, ByteSpan signature) const;
};

class PrivateKey final : public AsymmetricKey
{
  public:
    using AsymmetricKey::AsymmetricKey;

    /**
     * From PEM text or DER octets: PKCS #8 without a pass phrase, or the traditional RSA and EC
     * forms. Null for anything else, for unsupported keys and for RSA below 1024 bits.
     */
    static std::shared_ptr<const PrivateKey> FromOctets(ByteSpan pemOrDer);
    /**
     * \param random gives the salt of PSS; other schemes do not draw
     * \return nothing when the algorithm does not go with the key, or the key is too short for it
     */
    std::optional<Bytes> Sign(const SignatureAlgorithm& algorithm,
                              ByteSpan message,
                              RandomSource& random) const;
};

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_SIGNATURE_H
