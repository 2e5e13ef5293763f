/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_OPENSSL_HANDLES_H
#define IPSECLAB_CRYPTO_OPENSSL_HANDLES_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

/**
 * \file
 * Owners of OpenSSL objects, for the sources of this folder only.
 */

namespace ipseclab::crypto
{

/// Calls the C function that frees an OpenSSL object.
template <auto Free>
struct OpensslDeleter
{
    template <typename T>
    void operator()(T* object) const
    {
        Free(object);
    }
};

using BnPtr = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;
using BnCtxPtr = std::unique_ptr<BN_CTX, OpensslDeleter<BN_CTX_free>>;
using EcPointPtr = std::unique_ptr<EC_POINT, OpensslDeleter<EC_POINT_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslDeleter<EVP_CIPHER_CTX_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, OpensslDeleter<EVP_MAC_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;
using ParamBldPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;

/**
 * Stops the process unless `ok`. Only for what no input can cause (memory is gone, the OpenSSL
 * provider lacks an algorithm, a documented precondition is broken): going on would put plaintext
 * or predictable keys on the wire.
 */
inline void
Require(bool ok)
{
    if (!ok)
    {
        std::abort();
    }
}

/// A keyed HMAC context, ready for a first message; `digest` is an OpenSSL name such as "SHA2-256".
MacCtxPtr NewHmac(const char* digest, const std::uint8_t* key, std::size_t length);

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_OPENSSL_HANDLES_H
