/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_CONTEXT_CACHE_H
#define IPSECLAB_TIMING_CONTEXT_CACHE_H

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

namespace ipseclab::timing
{

/// Which SAs a device has at hand; the one that was used the longest ago makes room.
class ContextCache
{
  public:
    /// \param capacity in SAs; 0: all fit
    explicit ContextCache(std::size_t capacity)
        : m_capacity(capacity)
    {
    }

    /// True when the SA was there; it is from now on.
    bool Touch(std::uint32_t spi)
    {
        if (m_capacity == 0)
        {
            return true;
        }
        const auto known = m_places.find(spi);
        if (known != m_places.end())
        {
            m_order.splice(m_order.begin(), m_order, known->second);
            return true;
        }
        if (m_places.size() == m_capacity)
        {
            m_places.erase(m_order.back());
            m_order.pop_back();
        }
        m_order.push_front(spi);
        m_places.emplace(spi, m_order.begin());
        return false;
    }

  private:
    std::size_t m_capacity;
    std::list<std::uint32_t> m_order; ///< last used first
    std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> m_places;
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_CONTEXT_CACHE_H
