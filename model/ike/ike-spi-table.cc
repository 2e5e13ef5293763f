/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-spi-table.h"

namespace ipseclab::ike
{

std::uint64_t
IkeSpiTable::Allocate(crypto::RandomSource& random)
{
    for (;;)
    {
        const std::uint64_t spi = random.TakeU64();
        if (spi != 0 && m_taken.insert(spi).second)
        {
            return spi;
        }
    }
}

void
IkeSpiTable::Release(std::uint64_t spi)
{
    m_taken.erase(spi);
}

} // namespace ipseclab::ike
