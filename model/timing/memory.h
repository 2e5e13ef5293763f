/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_MEMORY_H
#define IPSECLAB_TIMING_MEMORY_H

#include "model/timing/engine.h"
#include "model/timing/lru-caches.h"

#include <vector>

namespace ipseclab::timing
{

struct CacheLevel
{
    std::size_t octets{0}; ///< 0, or not more than a smaller one: this cache is not there
    double cycles{0};      ///< to read a line that it has
};

/// How an SA is found by its SPI.
enum class Lookup : std::uint8_t
{
    Array, ///< by the SPI itself
    Hash,  ///< as many buckets as SAs, with chains of entries
    Tree,  ///< balanced, by SPI
    List,  ///< from the first SA on
};

/// How a window moves.
enum class WindowLayout : std::uint8_t
{
    Ring,    ///< RFC 6479: a number has its place, only that is touched
    Shifted, ///< RFC 2401, appendix C: the whole bitmap moves
};

struct MemoryConfig
{
    std::vector<CacheLevel> caches; ///< of a core, from small to large
    double memoryCycles{0};         ///< to read a line that no cache has; 0: memory costs nothing
    Lookup lookup{Lookup::Hash};
    std::uint32_t sas{1};        ///< that the database has, with consecutive SPIs
    std::uint32_t firstSpi{0};   ///< of these
    std::size_t saOctets{2304};  ///< of an SA's state; a packet touches all of it
    std::size_t windowOctets{0}; ///< of the bitmap, a bit for each number; 0: there is none
    WindowLayout layout{WindowLayout::Ring};
    double shiftCycles{0};          ///< to shift a word of 64 numbers
    std::uint32_t parallelLines{1}; ///< of one object, on the way to the core at once

    bool IsModelled() const
    {
        return memoryCycles > 0;
    }
};

/**
 * What memory costs the packets of one core. A packet touches, one after another, the lines that
 * lead to its SA, the SA's state, and when it comes with a number (Job::number), the lines of the
 * window that the check of this number touches. The lines of one object come side by side, as many
 * as the core can ask for at once; from one object to the next, or to the next entry of a search,
 * it has to wait.
 */
class PacketMemory
{
  public:
    static constexpr std::size_t kLineOctets = 64;

    explicit PacketMemory(const MemoryConfig& config);

    /// Cycles that the packet waits for memory.
    double Touch(const Job& job);

    /// Lines that were touched, by the cache that had them (index of MemoryConfig::caches, without
    /// those that are not there); the last number is of memory.
    const std::vector<std::uint64_t>& Touched() const
    {
        return m_touched;
    }

  private:
    /// What has addresses of its own.
    enum class Region : std::uint8_t
    {
        Index,   ///< the array, or the buckets
        Entries, ///< of the database, a line for each SA
        States,
        Windows,
    };

    void TouchLine(Region region, std::uint64_t line);
    /// All lines of an object in an array of such, side by side.
    void TouchObject(Region region, std::uint64_t index, std::uint64_t lines);
    void TouchIndex(std::uint64_t index);
    void FindSa(std::uint32_t sa);
    void WalkChain(std::uint32_t sa);
    void WalkTree(std::uint32_t sa);
    void TouchWindow(std::uint32_t sa, std::uint64_t number);
    std::uint32_t BucketOf(std::uint32_t sa) const;

    MemoryConfig m_config;
    std::vector<double> m_cyclesOf; ///< a line, by the cache that has it; the last is of memory
    LruCaches m_caches;
    std::vector<std::uint32_t> m_heads; ///< of the chains: the SA that was added last
    std::vector<std::uint32_t> m_next;  ///< in its chain, by SA
    std::vector<std::uint64_t> m_touched;
    double m_cycles{0}; ///< of the packet in hand
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_MEMORY_H
