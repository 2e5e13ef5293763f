/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/payload-cipher.h"

#include "model/crypto/openssl-handles.h"
#include "model/crypto/prf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/core_names.h>

namespace ipseclab::crypto
{

namespace
{

constexpr std::size_t kAeadIv = 8;
constexpr std::size_t kAeadNonce = 12;
constexpr std::size_t kAeadTag = 16;
constexpr std::size_t kAesBlock = 16;

/// Fetched once per process and never freed: contexts may outlive any static destructor.
const EVP_CIPHER*
FetchGcm(std::size_t keyLength)
{
    static EVP_CIPHER* const gcm128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
    static EVP_CIPHER* const gcm192 = EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr);
    static EVP_CIPHER* const gcm256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return keyLength == 16 ? gcm128 : (keyLength == 24 ? gcm192 : gcm256);
}

const EVP_CIPHER*
FetchCcm(std::size_t keyLength)
{
    static EVP_CIPHER* const ccm128 = EVP_CIPHER_fetch(nullptr, "AES-128-CCM", nullptr);
    static EVP_CIPHER* const ccm192 = EVP_CIPHER_fetch(nullptr, "AES-192-CCM", nullptr);
    static EVP_CIPHER* const ccm256 = EVP_CIPHER_fetch(nullptr, "AES-256-CCM", nullptr);
    return keyLength == 16 ? ccm128 : (keyLength == 24 ? ccm192 : ccm256);
}

const EVP_CIPHER*
FetchChaCha()
{
    static EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
    return chacha;
}

const EVP_CIPHER*
FetchCbc(std::size_t keyLength)
{
    static EVP_CIPHER* const cbc128 = EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr);
    static EVP_CIPHER* const cbc192 = EVP_CIPHER_fetch(nullptr, "AES-192-CBC", nullptr);
    static EVP_CIPHER* const cbc256 = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
    return keyLength == 16 ? cbc128 : (keyLength == 24 ? cbc192 : cbc256);
}

const EVP_CIPHER*
FetchEcb(std::size_t keyLength)
{
    static EVP_CIPHER* const ecb128 = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
    static EVP_CIPHER* const ecb192 = EVP_CIPHER_fetch(nullptr, "AES-192-ECB", nullptr);
    static EVP_CIPHER* const ecb256 = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    return keyLength == 16 ? ecb128 : (keyLength == 24 ? ecb192 : ecb256);
}

/// A context that has its cipher and key; a packet sets only the IV. Padding is switched off where
/// there is any: once touched, OpenSSL sets it again with every IV, which costs a short packet
/// dear.
CipherCtxPtr
NewKeyed(const EVP_CIPHER* cipher, const std::uint8_t* key, Direction direction)
{
    CipherCtxPtr context(EVP_CIPHER_CTX_new());
    Require(context && cipher &&
            EVP_CipherInit_ex2(context.get(),
                               cipher,
                               key,
                               nullptr,
                               direction == Direction::Seal ? 1 : 0,
                               nullptr) == 1 &&
            (EVP_CIPHER_get_block_size(cipher) == 1 ||
             EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1));
    return context;
}

/// A context for CCM, whose lengths of nonce and tag have to be known before the key.
CipherCtxPtr
NewKeyedCcm(const EVP_CIPHER* cipher,
            const CipherTraits& traits,
            const std::uint8_t* key,
            bool seal)
{
    CipherCtxPtr context(EVP_CIPHER_CTX_new());
    std::size_t nonceLength = traits.saltLength + kAeadIv;
    const OSSL_PARAM lengths[] = {
        OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &nonceLength),
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, nullptr, traits.icvLength),
        OSSL_PARAM_construct_end()};
    Require(context && cipher &&
            EVP_CipherInit_ex2(context.get(), cipher, nullptr, nullptr, seal ? 1 : 0, lengths) ==
                1 &&
            EVP_CipherInit_ex2(context.get(), nullptr, key, nullptr, seal ? 1 : 0, nullptr) == 1);
    return context;
}

bool
IsCcm(EncryptionId id)
{
    return id == EncryptionId::AesCcm16 || id == EncryptionId::AesCcm8ImplicitIv;
}

CipherCtxPtr
NewKeyedAead(EncryptionId id,
             const CipherTraits& traits,
             const std::uint8_t* key,
             Direction direction)
{
    if (IsCcm(id))
    {
        return NewKeyedCcm(FetchCcm(traits.keyLength), traits, key, direction == Direction::Seal);
    }
    const bool gcm = id == EncryptionId::AesGcm16 || id == EncryptionId::AesGcm16ImplicitIv;
    return NewKeyed(gcm ? FetchGcm(traits.keyLength) : FetchChaCha(), key, direction);
}

/// AES-GCM (RFC 4106), AES-CCM (RFC 4309) and ChaCha20-Poly1305 (RFC 7634): nonce = salt | IV.
/// Where the IV is implicit (RFC 8750) it is the number, which MakeIv writes in every case.
class AeadCipher final : public PayloadCipher
{
  public:
    AeadCipher(EncryptionId id,
               const CipherTraits& traits,
               ByteSpan keyingMaterial,
               Direction direction)
        : PayloadCipher(traits),
          m_context(NewKeyedAead(id, traits, keyingMaterial.data(), direction)),
          m_lengthFirst(IsCcm(id))
    {
        std::copy_n(keyingMaterial.data() + traits.keyLength, traits.saltLength, m_nonce.data());
        m_tagParams[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                           m_tag.data(),
                                                           traits.icvLength);
        m_tagParams[1] = OSSL_PARAM_construct_end();
    }

    void MakeIv(std::uint64_t counter, std::uint8_t* iv) override
    {
        StoreBe64(iv, counter);
    }

    void Seal(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t* text,
              std::size_t length,
              std::uint8_t* icv,
              ByteSpan) override
    {
        EVP_CIPHER_CTX* const context = m_context.get();
        std::memcpy(&m_nonce[Traits().saltLength], iv, kAeadIv);
        int written = 0;
        Require(EVP_EncryptInit_ex2(context, nullptr, nullptr, m_nonce.data(), nullptr) == 1 &&
                Feed(aad, text, length) &&
                EVP_EncryptFinal_ex(context, m_tag.data(), &written) == 1 &&
                EVP_CIPHER_CTX_get_params(context, m_tagParams.data()) == 1);
        std::memcpy(icv, m_tag.data(), Traits().icvLength);
    }

    bool Open(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t* text,
              std::size_t length,
              const std::uint8_t* icv,
              ByteSpan) override
    {
        EVP_CIPHER_CTX* const context = m_context.get();
        std::memcpy(&m_nonce[Traits().saltLength], iv, kAeadIv);
        std::memcpy(m_tag.data(), icv, Traits().icvLength);
        // The tag goes in with the IV: one call less per packet.
        Require(
            EVP_DecryptInit_ex2(context, nullptr, nullptr, m_nonce.data(), m_tagParams.data()) ==
            1);
        if (!Feed(aad, text, length))
        {
            return false; // CCM verifies before it decrypts
        }
        std::uint8_t none[kAeadTag];
        int written = 0;
        return EVP_DecryptFinal_ex(context, none, &written) == 1;
    }

  private:
    bool Feed(ByteSpan aad, std::uint8_t* text, std::size_t length)
    {
        int written = 0;
        std::uint8_t none = 0; // a null pointer has another meaning
        std::uint8_t* const at = length == 0 ? &none : text;
        return (!m_lengthFirst || EVP_CipherUpdate(m_context.get(),
                                                   nullptr,
                                                   &written,
                                                   nullptr,
                                                   static_cast<int>(length)) == 1) &&
               (aad.empty() || EVP_CipherUpdate(m_context.get(),
                                                nullptr,
                                                &written,
                                                aad.data(),
                                                static_cast<int>(aad.size())) == 1) &&
               // CCM makes and checks its tag with the text, also with an empty one.
               ((length == 0 && !m_lengthFirst) ||
                EVP_CipherUpdate(m_context.get(), at, &written, at, static_cast<int>(length)) == 1);
    }

    CipherCtxPtr m_context;
    bool m_lengthFirst; ///< CCM wants to know how much will come
    std::array<std::uint8_t, kAeadNonce> m_nonce{};
    std::array<std::uint8_t, kAeadTag> m_tag{};
    std::array<OSSL_PARAM, 2> m_tagParams{};
};

/// HMAC-SHA2, truncated (RFC 4868), with a keyed context that is kept.
class Integrity
{
  public:
    Integrity(IntegrityId id, ByteSpan key, std::size_t icvLength)
        : m_mac(NewHmac(DigestName(id), key.data(), key.size())),
          m_icvLength(icvLength)
    {
    }

    void Compute(ByteSpan aad, ByteSpan iv, ByteSpan text, ByteSpan trailer, std::uint8_t* icv)
    {
        std::uint8_t full[EVP_MAX_MD_SIZE];
        EVP_MAC_CTX* const mac = m_mac.get();
        // A null key keeps the keyed state: no hashing of the key per packet.
        Require(EVP_MAC_init(mac, nullptr, 0, nullptr) == 1 && Update(aad) && Update(iv) &&
                Update(text) && Update(trailer) &&
                EVP_MAC_final(mac, full, nullptr, sizeof(full)) == 1);
        std::memcpy(icv, full, m_icvLength);
    }

    bool Verify(ByteSpan aad, ByteSpan iv, ByteSpan text, ByteSpan trailer, const std::uint8_t* icv)
    {
        std::uint8_t expected[EVP_MAX_MD_SIZE];
        Compute(aad, iv, text, trailer, expected);
        return ConstantTimeEqual(ByteSpan(expected, m_icvLength), ByteSpan(icv, m_icvLength));
    }

  private:
    static const char* DigestName(IntegrityId id)
    {
        switch (id)
        {
        case IntegrityId::HmacSha1_96:
            return "SHA1";
        case IntegrityId::HmacSha2_384_192:
            return "SHA2-384";
        case IntegrityId::HmacSha2_512_256:
            return "SHA2-512";
        case IntegrityId::None:
        case IntegrityId::HmacSha2_256_128:
            break;
        }
        return "SHA2-256";
    }

    bool Update(ByteSpan data)
    {
        return data.empty() || EVP_MAC_update(m_mac.get(), data.data(), data.size()) == 1;
    }

    MacCtxPtr m_mac;
    std::size_t m_icvLength;
};

/// The key of the IV generator: as long as the cipher's own, and of no use for anything else.
Bytes
DeriveIvKey(ByteSpan cipherKey)
{
    static constexpr std::array<std::uint8_t, 6> label{'C', 'B', 'C', ' ', 'I', 'V'};
    Bytes key = Prf(PrfId::HmacSha2_512, cipherKey, {label});
    key.resize(cipherKey.size());
    return key;
}

/**
 * AES-CBC (RFC 3602) with HMAC: encrypt, then MAC.
 *
 * The IV is the packet's number encrypted with a key of its own (NIST SP 800-38A, appendix C).
 * Nobody without the SA's keys can predict it, as CBC demands, and a run repeats bit for bit,
 * which an IV from a random source shared with other SAs would not survive. The key is not the
 * cipher's key, for otherwise a chosen first block would tell an attacker a later IV.
 */
class CbcCipher final : public PayloadCipher
{
  public:
    CbcCipher(const CipherTraits& traits,
              IntegrityId integrity,
              ByteSpan key,
              ByteSpan integrityKey,
              Direction direction)
        : PayloadCipher(traits),
          m_context(NewKeyed(FetchCbc(key.size()), key.data(), direction)),
          m_integrity(integrity, integrityKey, traits.icvLength)
    {
        if (direction == Direction::Seal)
        {
            m_ivContext = NewKeyed(FetchEcb(key.size()), DeriveIvKey(key).data(), Direction::Seal);
        }
    }

    void MakeIv(std::uint64_t counter, std::uint8_t* iv) override
    {
        std::uint8_t block[kAesBlock] = {};
        StoreBe64(&block[kAesBlock - 8], counter);
        int written = 0;
        Require(m_ivContext &&
                EVP_EncryptUpdate(m_ivContext.get(), iv, &written, block, kAesBlock) == 1 &&
                written == kAesBlock);
    }

    void Seal(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t* text,
              std::size_t length,
              std::uint8_t* icv,
              ByteSpan trailer) override
    {
        Require(length % kAesBlock == 0);
        Crypt(iv, text, length);
        m_integrity.Compute(aad, {iv, kAesBlock}, {text, length}, trailer, icv);
    }

    bool Open(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t* text,
              std::size_t length,
              const std::uint8_t* icv,
              ByteSpan trailer) override
    {
        if (length % kAesBlock != 0 ||
            !m_integrity.Verify(aad, {iv, kAesBlock}, {text, length}, trailer, icv))
        {
            return false;
        }
        Crypt(iv, text, length);
        return true;
    }

  private:
    void Crypt(const std::uint8_t* iv, std::uint8_t* text, std::size_t length)
    {
        int written = 0;
        // -1: the direction of the kept context.
        Require(
            EVP_CipherInit_ex2(m_context.get(), nullptr, nullptr, iv, -1, nullptr) == 1 &&
            (length == 0 ||
             EVP_CipherUpdate(m_context.get(), text, &written, text, static_cast<int>(length)) ==
                 1));
    }

    CipherCtxPtr m_context;
    CipherCtxPtr m_ivContext; ///< null when opening: the IV then comes from the wire
    Integrity m_integrity;
};

/// NULL encryption (RFC 2410): only the ICV.
class NullCipher final : public PayloadCipher
{
  public:
    NullCipher(const CipherTraits& traits, IntegrityId integrity, ByteSpan integrityKey)
        : PayloadCipher(traits),
          m_integrity(integrity, integrityKey, traits.icvLength)
    {
    }

    void MakeIv(std::uint64_t, std::uint8_t*) override {}

    void Seal(ByteSpan aad,
              const std::uint8_t*,
              std::uint8_t* text,
              std::size_t length,
              std::uint8_t* icv,
              ByteSpan trailer) override
    {
        m_integrity.Compute(aad, {}, {text, length}, trailer, icv);
    }

    bool Open(ByteSpan aad,
              const std::uint8_t*,
              std::uint8_t* text,
              std::size_t length,
              const std::uint8_t* icv,
              ByteSpan trailer) override
    {
        return m_integrity.Verify(aad, {}, {text, length}, trailer, icv);
    }

  private:
    Integrity m_integrity;
};

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
std::uint64_t
Mix(std::uint64_t v)
{
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9U;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebU;
    return v ^ (v >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;

std::uint64_t
Absorb(std::uint64_t state, std::uint64_t word)
{
    return Mix((state + kGolden) ^ word);
}

/// Absorbs octets and their number, so that neighbouring fields cannot change places.
std::uint64_t
Absorb(std::uint64_t state, ByteSpan data)
{
    const std::uint8_t* at = data.data();
    std::size_t left = data.size();
    for (; left >= 8; left -= 8, at += 8)
    {
        state = Absorb(state, LoadBe64(at));
    }
    std::uint64_t tail = data.size();
    for (; left > 0; --left, ++at)
    {
        tail = tail << 8 | *at;
    }
    return Absorb(state, tail);
}

/**
 * Same lengths, same verdicts, no cryptography: the ICV is a mix of key, AAD, IV, trailer and
 * length. The text is neither changed nor read, so a packet costs the same at every size.
 */
class SizedCipher final : public PayloadCipher
{
  public:
    SizedCipher(const CipherTraits& traits, ByteSpan keyingMaterial, ByteSpan integrityKey)
        : PayloadCipher(traits),
          m_key(Absorb(Absorb(kGolden, keyingMaterial), integrityKey))
    {
    }

    void MakeIv(std::uint64_t counter, std::uint8_t* iv) override
    {
        if (Traits().combined)
        {
            StoreBe64(iv, counter);
            return;
        }
        Fill(Absorb(m_key, counter), iv, Traits().ivLength);
    }

    void Seal(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t*,
              std::size_t length,
              std::uint8_t* icv,
              ByteSpan trailer) override
    {
        Fill(Digest(aad, iv, length, trailer), icv, Traits().icvLength);
    }

    bool Open(ByteSpan aad,
              const std::uint8_t* iv,
              std::uint8_t*,
              std::size_t length,
              const std::uint8_t* icv,
              ByteSpan trailer) override
    {
        std::uint8_t expected[EVP_MAX_MD_SIZE];
        Fill(Digest(aad, iv, length, trailer), expected, Traits().icvLength);
        return length % Traits().blockSize == 0 &&
               std::memcmp(expected, icv, Traits().icvLength) == 0;
    }

  private:
    std::uint64_t Digest(ByteSpan aad,
                         const std::uint8_t* iv,
                         std::size_t length,
                         ByteSpan trailer) const
    {
        std::uint64_t state = Absorb(Absorb(m_key, aad), ByteSpan(iv, Traits().ivLength));
        if (!Traits().combined)
        {
            state = Absorb(state, trailer);
        }
        return Absorb(state, length);
    }

    /// Stretches a state over `length` octets.
    static void Fill(std::uint64_t state, std::uint8_t* out, std::size_t length)
    {
        for (std::size_t at = 0; at < length; at += 8)
        {
            std::uint8_t word[8];
            StoreBe64(word, Mix(state + at * kGolden));
            std::memcpy(out + at, word, std::min<std::size_t>(8, length - at));
        }
    }

    std::uint64_t m_key;
};

} // namespace

std::unique_ptr<PayloadCipher>
PayloadCipher::Create(const CipherSuite& suite,
                      ByteSpan keyingMaterial,
                      ByteSpan integrityKey,
                      Direction direction,
                      CryptoMode mode)
{
    const auto traits = FindTraits(suite);
    if (!traits || keyingMaterial.size() != traits->KeyingMaterial() ||
        integrityKey.size() != traits->integrityKeyLength)
    {
        return nullptr;
    }
    if (mode == CryptoMode::Sized)
    {
        return std::make_unique<SizedCipher>(*traits, keyingMaterial, integrityKey);
    }
    switch (suite.encryption)
    {
    case EncryptionId::AesGcm16:
    case EncryptionId::AesGcm16ImplicitIv:
    case EncryptionId::AesCcm16:
    case EncryptionId::AesCcm8ImplicitIv:
    case EncryptionId::ChaCha20Poly1305:
    case EncryptionId::ChaCha20Poly1305ImplicitIv:
        return std::make_unique<AeadCipher>(suite.encryption, *traits, keyingMaterial, direction);
    case EncryptionId::AesCbc:
        return std::make_unique<CbcCipher>(*traits,
                                           suite.integrity,
                                           keyingMaterial,
                                           integrityKey,
                                           direction);
    case EncryptionId::Null:
        return std::make_unique<NullCipher>(*traits, suite.integrity, integrityKey);
    }
    return nullptr;
}

} // namespace ipseclab::crypto
