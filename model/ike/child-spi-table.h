/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_CHILD_SPI_TABLE_H
#define IPSECLAB_IKE_CHILD_SPI_TABLE_H

#include "model/crypto/random-source.h"

#include <optional>
#include <unordered_map>

namespace ipseclab::ike
{

/// The inbound SPIs of a node's Child SAs: unique, and each knows the IKE SA it belongs to.
class ChildSpiTable
{
  public:
    /// RFC 4303, section 2.1: 0 to 255 are reserved.
    static constexpr std::uint32_t kLowest = 256;

    /// Draws four octets at a time until they make an SPI that is free.
    std::uint32_t Allocate(crypto::RandomSource& random, std::uint64_t localIkeSpi);
    void Release(std::uint32_t spi);
    /// The Child SA with this SPI, which is taken, now belongs to another IKE SA.
    void Move(std::uint32_t spi, std::uint64_t localIkeSpi);
    /// The local SPI of the IKE SA that holds this Child SA SPI.
    std::optional<std::uint64_t> FindOwner(std::uint32_t spi) const;
    std::size_t Size() const;

  private:
    std::unordered_map<std::uint32_t, std::uint64_t> m_owners;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_CHILD_SPI_TABLE_H
