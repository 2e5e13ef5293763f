/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/lru-caches.h"

namespace ipseclab::timing
{

LruCaches::LruCaches(const std::vector<std::size_t>& lines)
{
    for (std::size_t cache = 0; cache < lines.size(); ++cache)
    {
        while (m_nodes.size() < lines[cache])
        {
            const auto place = static_cast<Place>(m_nodes.size());
            m_nodes.push_back({0, place == 0 ? kNone : place - 1, place + 1, cache});
        }
        m_last.push_back(static_cast<Place>(m_nodes.size() - 1));
    }
    if (!m_nodes.empty())
    {
        m_nodes.back().behind = kNone;
        m_front = 0;
    }
}

std::size_t
LruCaches::Touch(std::uint64_t line)
{
    if (m_nodes.empty())
    {
        return 0;
    }
    const auto found = m_places.find(line);
    if (found != m_places.end())
    {
        const std::size_t cache = m_nodes[found->second].cache;
        MoveToFront(found->second);
        return cache;
    }
    const Place place = m_last.back();
    if (m_used < m_nodes.size())
    {
        ++m_used;
        m_places.emplace(line, place);
    }
    else
    {
        auto entry = m_places.extract(m_nodes[place].line);
        entry.key() = line;
        m_places.insert(std::move(entry));
    }
    m_nodes[place].line = line;
    MoveToFront(place);
    return m_last.size();
}

/// Those before it stand one deeper from then on, so each cache before its own gives one away.
void
LruCaches::MoveToFront(Place place)
{
    if (place == m_front)
    {
        return;
    }
    const std::size_t own = m_nodes[place].cache;
    for (std::size_t cache = 0; cache < own; ++cache)
    {
        Node& last = m_nodes[m_last[cache]];
        last.cache = cache + 1;
        m_last[cache] = last.before == kNone ? place : last.before;
    }
    if (m_last[own] == place)
    {
        m_last[own] = m_nodes[place].before;
    }
    m_nodes[m_nodes[place].before].behind = m_nodes[place].behind;
    if (m_nodes[place].behind != kNone)
    {
        m_nodes[m_nodes[place].behind].before = m_nodes[place].before;
    }
    m_nodes[m_front].before = place;
    m_nodes[place] = {m_nodes[place].line, kNone, m_front, 0};
    m_front = place;
}

} // namespace ipseclab::timing
