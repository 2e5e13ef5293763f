/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_KEY_EXCHANGE_H
#define IPSECLAB_CRYPTO_KEY_EXCHANGE_H

#include "model/crypto/algorithms.h"
#include "model/crypto/random-source.h"
#include "model/wire/bytes.h"

#include <memory>
#include <optional>

namespace ipseclab::crypto
{

/// One private value of one key exchange method, in the formats of the KE payload.
class KeyExchange
{
  public:
    /// Draws a private value; null when the group is unsupported.
    static std::unique_ptr<KeyExchange> Generate(GroupId group, RandomSource& random);
    /// From a known private value, as recorded from a real daemon; leading zeros may be missing.
    static std::unique_ptr<KeyExchange> FromPrivate(GroupId group, ByteSpan privateValue);
    virtual ~KeyExchange() = default;

    virtual GroupId Group() const = 0;
    /// The octets of our KE payload.
    virtual const Bytes& PublicValue() const = 0;
    /**
     * The shared secret as it enters the key derivation (RFC 7296, section 2.14; RFC 5903; RFC
     * 8031). Nothing when the peer's value has a wrong length or fails the checks of RFC 6989 (not
     * on the curve; outside 1 < y < p-1; an all-zero X25519 result).
     */
    virtual std::optional<Bytes> Agree(ByteSpan peerPublic) const = 0;
};

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_KEY_EXCHANGE_H
