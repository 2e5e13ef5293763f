/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/child-spi-table.h"

namespace ipseclab::ike
{

std::uint32_t
ChildSpiTable::Allocate(crypto::RandomSource& random, std::uint64_t localIkeSpi)
{
    for (;;)
    {
        const std::uint32_t spi = LoadBe32(random.Take(4).data());
        if (spi >= kLowest && m_owners.emplace(spi, localIkeSpi).second)
        {
            return spi;
        }
    }
}

void
ChildSpiTable::Release(std::uint32_t spi)
{
    m_owners.erase(spi);
}

void
ChildSpiTable::Move(std::uint32_t spi, std::uint64_t localIkeSpi)
{
    m_owners[spi] = localIkeSpi;
}

std::size_t
ChildSpiTable::Size() const
{
    return m_owners.size();
}

std::optional<std::uint64_t>
ChildSpiTable::FindOwner(std::uint32_t spi) const
{
    const auto found = m_owners.find(spi);
    return found == m_owners.end() ? std::nullopt : std::make_optional(found->second);
}

} // namespace ipseclab::ike
