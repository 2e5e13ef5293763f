/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_RANDOM_SOURCE_H
#define IPSECLAB_CRYPTO_RANDOM_SOURCE_H

#include "model/wire/bytes.h"

namespace ipseclab::crypto
{

/**
 * Where nonces, SPIs and private keys come from. The model has no other source of chance, so a
 * simulation that injects a seeded stream repeats bit for bit.
 */
class RandomSource
{
  public:
    virtual ~RandomSource() = default;
    /// Fills the whole span.
    virtual void Fill(MutableByteSpan out) = 0;

    Bytes Take(std::size_t octets)
    {
        Bytes out(octets);
        Fill(out);
        return out;
    }

    std::uint64_t TakeU64()
    {
        std::uint8_t octets[8];
        Fill(octets);
        return LoadBe64(octets);
    }
};

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_RANDOM_SOURCE_H
