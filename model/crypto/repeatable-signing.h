/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_REPEATABLE_SIGNING_H
#define IPSECLAB_CRYPTO_REPEATABLE_SIGNING_H

#include "model/crypto/openssl-handles.h"
#include "model/wire/bytes.h"

#include <optional>

/**
 * \file
 * The steps of ECDSA and RSASSA-PSS for which OpenSSL would draw random octets of its own; for the
 * sources of this folder only. Digests are OpenSSL names such as "SHA2-256".
 */

namespace ipseclab::crypto
{

struct EcdsaPair
{
    BnPtr r;
    BnPtr s;
};

/// The digest of a message.
Bytes Digest(const char* digest, ByteSpan message);

/**
 * Signs a hash with the nonce of RFC 6979, section 3.2.
 * \param secret the private value, 0 < secret < order
 * \param digest what made `hash`; the nonce uses it too
 */
EcdsaPair SignEcdsa(const EC_GROUP* group,
                    const BIGNUM* secret,
                    const char* digest,
                    const Bytes& hash);

/**
 * EMSA-PSS encoding of a hash (RFC 8017, section 9.1.1), MGF1 with the same digest.
 * \param modulusBits of the RSA key
 * \return as many octets as the modulus has; nothing when the key is too short
 */
std::optional<Bytes> EncodePss(const char* digest,
                               const Bytes& hash,
                               const Bytes& salt,
                               std::size_t modulusBits);

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_REPEATABLE_SIGNING_H
