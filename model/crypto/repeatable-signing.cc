/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/repeatable-signing.h"

#include <initializer_list>

namespace ipseclab::crypto
{

namespace
{

Bytes
Hmac(const char* digest, const Bytes& key, std::initializer_list<ByteSpan> parts)
{
    const MacCtxPtr mac = NewHmac(digest, key.data(), key.size());
    for (const ByteSpan part : parts)
    {
        Require(EVP_MAC_update(mac.get(), part.data(), part.size()) == 1);
    }
    Bytes out(EVP_MAC_CTX_get_mac_size(mac.get()));
    std::size_t length = 0;
    Require(EVP_MAC_final(mac.get(), out.data(), &length, out.size()) == 1);
    return out;
}

/// RFC 6979, section 2.3.2: the leftmost bits, as many as the order has.
BnPtr
BitsToInt(ByteSpan bits, int orderBits)
{
    BnPtr out(BN_bin2bn(bits.data(), static_cast<int>(bits.size()), nullptr));
    const int excess = static_cast<int>(bits.size()) * 8 - orderBits;
    Require(out && (excess <= 0 || BN_rshift(out.get(), out.get(), excess) == 1));
    return out;
}

Bytes
IntToOctets(const BIGNUM* value, std::size_t length)
{
    Bytes out(length);
    Require(BN_bn2binpad(value, out.data(), static_cast<int>(length)) >= 0);
    return out;
}

/// The sequence of nonces of RFC 6979, section 3.2, of which the first is nearly always the one.
class NonceStream
{
  public:
    NonceStream(const char* digest,
                std::size_t digestLength,
                const BIGNUM* secret,
                const BIGNUM* hash,
                const BIGNUM* order)
        : m_digest(digest),
          m_order(order),
          m_bits(BN_num_bits(order)),
          m_key(digestLength, 0),
          m_value(digestLength, 1)
    {
        const auto length = static_cast<std::size_t>(BN_num_bytes(order));
        const Bytes x = IntToOctets(secret, length);
        const Bytes h = IntToOctets(hash, length);
        Mix(0, x, h);
        Mix(1, x, h);
    }

    BnPtr Next()
    {
        for (;;)
        {
            Bytes t;
            while (t.size() * 8 < static_cast<std::size_t>(m_bits))
            {
                m_value = Hmac(m_digest, m_key, {m_value});
                t.insert(t.end(), m_value.begin(), m_value.end());
            }
            BnPtr nonce = BitsToInt(t, m_bits);
            Mix(0, {}, {});
            if (!BN_is_zero(nonce.get()) && BN_cmp(nonce.get(), m_order) < 0)
            {
                return nonce;
            }
        }
    }

  private:
    void Mix(std::uint8_t separator, ByteSpan x, ByteSpan h)
    {
        m_key = Hmac(m_digest, m_key, {m_value, ByteSpan(&separator, 1), x, h});
        m_value = Hmac(m_digest, m_key, {m_value});
    }

    const char* m_digest;
    const BIGNUM* m_order;
    int m_bits;
    Bytes m_key;
    Bytes m_value;
};

/// MGF1 (RFC 8017, appendix B.2.1).
Bytes
Mask(const char* digest, const Bytes& seed, std::size_t length)
{
    Bytes out;
    for (std::uint32_t counter = 0; out.size() < length; ++counter)
    {
        Bytes input = seed;
        input.resize(seed.size() + 4);
        StoreBe32(input.data() + seed.size(), counter);
        const Bytes block = Digest(digest, input);
        out.insert(out.end(), block.begin(), block.end());
    }
    out.resize(length);
    return out;
}

} // namespace

Bytes
Digest(const char* digest, ByteSpan message)
{
    Bytes out(EVP_MAX_MD_SIZE);
    std::size_t length = 0;
    Require(EVP_Q_digest(nullptr,
                         digest,
                         nullptr,
                         message.data(),
                         message.size(),
                         out.data(),
                         &length) == 1);
    out.resize(length);
    return out;
}

EcdsaPair
SignEcdsa(const EC_GROUP* group, const BIGNUM* secret, const char* digest, const Bytes& hash)
{
    const BIGNUM* order = EC_GROUP_get0_order(group);
    const BnCtxPtr context(BN_CTX_new());
    const BnPtr d(BN_dup(secret));
    const BnPtr h = BitsToInt(hash, BN_num_bits(order));
    const EcPointPtr point(EC_POINT_new(group));
    EcdsaPair out{BnPtr(BN_new()), BnPtr(BN_new())};
    Require(context && d && point && out.r && out.s &&
            BN_nnmod(h.get(), h.get(), order, context.get()) == 1);
    BN_set_flags(d.get(), BN_FLG_CONSTTIME);
    NonceStream nonces(digest, hash.size(), d.get(), h.get(), order);
    for (;;)
    {
        const BnPtr k = nonces.Next();
        BN_set_flags(k.get(), BN_FLG_CONSTTIME);
        const BnPtr inverse(BN_mod_inverse(nullptr, k.get(), order, context.get()));
        BIGNUM* const r = out.r.get();
        BIGNUM* const s = out.s.get();
        Require(inverse &&
                EC_POINT_mul(group, point.get(), k.get(), nullptr, nullptr, context.get()) == 1 &&
                EC_POINT_get_affine_coordinates(group, point.get(), r, nullptr, context.get()) ==
                    1 &&
                BN_nnmod(r, r, order, context.get()) == 1 &&
                BN_mod_mul(s, r, d.get(), order, context.get()) == 1 &&
                BN_mod_add(s, s, h.get(), order, context.get()) == 1 &&
                BN_mod_mul(s, s, inverse.get(), order, context.get()) == 1);
        if (!BN_is_zero(r) && !BN_is_zero(s))
        {
            return out;
        }
    }
}

std::optional<Bytes>
EncodePss(const char* digest, const Bytes& hash, const Bytes& salt, std::size_t modulusBits)
{
    constexpr std::uint8_t kTrailer = 0xbc;
    const std::size_t emBits = modulusBits - 1;
    const std::size_t emLength = (emBits + 7) / 8;
    if (emLength < hash.size() + salt.size() + 2)
    {
        return std::nullopt;
    }
    Bytes input(8);
    input.insert(input.end(), hash.begin(), hash.end());
    input.insert(input.end(), salt.begin(), salt.end());
    const Bytes h = Digest(digest, input);

    // DB = zeros | 01 | salt, masked; then H and the trailer.
    Bytes em(emLength - hash.size() - 1 - salt.size() - 1);
    em.push_back(1);
    em.insert(em.end(), salt.begin(), salt.end());
    const Bytes mask = Mask(digest, h, em.size());
    for (std::size_t i = 0; i < em.size(); ++i)
    {
        em[i] = static_cast<std::uint8_t>(em[i] ^ mask[i]);
    }
    em[0] = static_cast<std::uint8_t>(em[0] & (0xff >> (8 * emLength - emBits)));
    em.insert(em.end(), h.begin(), h.end());
    em.push_back(kTrailer);
    // A modulus of 8n+1 bits has one octet more than the encoding.
    em.insert(em.begin(), (modulusBits + 7) / 8 - emLength, 0);
    return em;
}

} // namespace ipseclab::crypto
