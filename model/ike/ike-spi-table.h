/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_SPI_TABLE_H
#define IPSECLAB_IKE_IKE_SPI_TABLE_H

#include "model/crypto/random-source.h"

#include <unordered_set>

namespace ipseclab::ike
{

/// The local SPIs of a node's IKE SAs, offered ones and those of remains included.
class IkeSpiTable
{
  public:
    /// Draws eight octets at a time until they make an SPI that is free and not zero.
    std::uint64_t Allocate(crypto::RandomSource& random);
    void Release(std::uint64_t spi);

  private:
    std::unordered_set<std::uint64_t> m_taken;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_SPI_TABLE_H
