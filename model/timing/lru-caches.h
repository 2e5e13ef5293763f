/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_LRU_CACHES_H
#define IPSECLAB_TIMING_LRU_CACHES_H

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace ipseclab::timing
{

/**
 * Caches that forget the line used the longest ago, each contained in the next larger one. All
 * lines stand in one stack, the last used first; how deep a line stands says which is the smallest
 * cache that has it (Mattson et al., Evaluation techniques for storage hierarchies, 1970):
 *
 *     [ first cache | rest of the second | rest of the third ]  -> forgotten
 *
 * There are no sets, hence no conflicts.
 */
class LruCaches
{
  public:
    /// \param lines of each cache, from small to large: at least 1, and more than the one before
    explicit LruCaches(const std::vector<std::size_t>& lines);

    /// Uses a line. \return the first cache that had it; the number of caches when none did
    std::size_t Touch(std::uint64_t line);

  private:
    using Place = std::uint32_t;
    static constexpr Place kNone = 0xffffffff;

    struct Node
    {
        std::uint64_t line;
        Place before;
        Place behind;
        std::size_t cache;
    };

    void MoveToFront(Place place);

    std::vector<Node> m_nodes; ///< as many as the largest cache has; empty ones stand last
    std::vector<Place> m_last; ///< of each cache
    Place m_front{kNone};
    std::size_t m_used{0}; ///< nodes that have a line
    std::unordered_map<std::uint64_t, Place> m_places;
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_LRU_CACHES_H
