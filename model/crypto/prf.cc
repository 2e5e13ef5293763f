/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/prf.h"

#include "model/crypto/openssl-handles.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>

namespace ipseclab::crypto
{

namespace
{

const char*
DigestName(PrfId prf)
{
    switch (prf)
    {
    case PrfId::HmacSha2_256:
        return "SHA2-256";
    case PrfId::HmacSha2_384:
        return "SHA2-384";
    case PrfId::HmacSha2_512:
        return "SHA2-512";
    }
    return nullptr;
}

/// Fetched once per process and never freed: contexts may outlive any static destructor.
EVP_MAC*
Hmac()
{
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return mac;
}

EVP_MD*
Sha1Digest()
{
    static EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return digest;
}

void
Update(EVP_MAC_CTX* mac, ByteSpan data)
{
    Require(EVP_MAC_update(mac, data.data(), data.size()) == 1);
}

} // namespace

MacCtxPtr
NewHmac(const char* digest, const std::uint8_t* key, std::size_t length)
{
    Require(digest != nullptr);
    MacCtxPtr mac(EVP_MAC_CTX_new(Hmac()));
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
        OSSL_PARAM_construct_end()};
    // A null key would mean "keep the old one"; an empty key is a legal HMAC key.
    static const std::uint8_t empty = 0;
    Require(mac && EVP_MAC_init(mac.get(), key ? key : &empty, length, params) == 1);
    return mac;
}

Bytes
Prf(PrfId prf, ByteSpan key, std::initializer_list<ByteSpan> data)
{
    const MacCtxPtr mac = NewHmac(DigestName(prf), key.data(), key.size());
    for (ByteSpan part : data)
    {
        Update(mac.get(), part);
    }
    Bytes out(*FindPrfLength(prf));
    Require(EVP_MAC_final(mac.get(), out.data(), nullptr, out.size()) == 1);
    return out;
}

Bytes
PrfPlus(PrfId prf, ByteSpan key, ByteSpan seed, std::size_t length)
{
    const MacCtxPtr mac = NewHmac(DigestName(prf), key.data(), key.size());
    const std::size_t block = *FindPrfLength(prf);
    Require(length <= 255 * block);
    Bytes out;
    out.reserve(length + block);
    for (std::uint8_t n = 1; out.size() < length; ++n)
    {
        if (n > 1)
        {
            Require(EVP_MAC_init(mac.get(), nullptr, 0, nullptr) == 1);
            Update(mac.get(), ByteSpan(out).last(block));
        }
        Update(mac.get(), seed);
        Update(mac.get(), ByteSpan(&n, 1));
        out.resize(out.size() + block);
        Require(EVP_MAC_final(mac.get(), &out[out.size() - block], nullptr, block) == 1);
    }
    out.resize(length);
    return out;
}

Bytes
Sha1(std::initializer_list<ByteSpan> data)
{
    const MdCtxPtr context(EVP_MD_CTX_new());
    Require(context && EVP_DigestInit_ex2(context.get(), Sha1Digest(), nullptr) == 1);
    for (ByteSpan part : data)
    {
        Require(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    }
    Bytes out(20);
    Require(EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1);
    return out;
}

bool
ConstantTimeEqual(ByteSpan a, ByteSpan b)
{
    return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

} // namespace ipseclab::crypto
