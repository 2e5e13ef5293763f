/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_PRF_H
#define IPSECLAB_CRYPTO_PRF_H

#include "model/crypto/algorithms.h"
#include "model/wire/bytes.h"

#include <initializer_list>

namespace ipseclab::crypto
{

/// prf(key, a | b | ...) (RFC 7296, section 2.13). `prf` must be one that FindPrfLength knows.
Bytes Prf(PrfId prf, ByteSpan key, std::initializer_list<ByteSpan> data);

/// The first `length` octets of prf+(key, seed) (RFC 7296, section 2.13); at most 255 blocks.
Bytes PrfPlus(PrfId prf, ByteSpan key, ByteSpan seed, std::size_t length);

/// SHA-1, which NAT detection hashes with (RFC 7296, section 2.23); 20 octets.
Bytes Sha1(std::initializer_list<ByteSpan> data);

/// Compares in time that does not depend on where the octets differ.
bool ConstantTimeEqual(ByteSpan a, ByteSpan b);

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_PRF_H
