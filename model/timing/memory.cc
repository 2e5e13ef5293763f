/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/memory.h"

#include "model/timing/mix.h"

#include <algorithm>
#include <utility>

namespace ipseclab::timing
{

namespace
{

constexpr std::uint64_t kPointersInLine = PacketMemory::kLineOctets / 8;
constexpr std::uint64_t kNumbersInLine = PacketMemory::kLineOctets * 8;

std::uint64_t
LinesOf(std::uint64_t octets)
{
    return (octets + PacketMemory::kLineOctets - 1) / PacketMemory::kLineOctets;
}

/// Those that are there.
MemoryConfig
Normalise(MemoryConfig config)
{
    config.sas = std::max(1U, config.sas);
    std::vector<CacheLevel> caches;
    for (const CacheLevel& cache : config.caches)
    {
        const std::size_t before = caches.empty() ? 0 : caches.back().octets;
        if (cache.octets >= before + PacketMemory::kLineOctets)
        {
            caches.push_back(cache);
        }
    }
    config.caches = std::move(caches);
    return config;
}

std::vector<std::size_t>
CapacitiesOf(const std::vector<CacheLevel>& caches)
{
    std::vector<std::size_t> lines;
    for (const CacheLevel& cache : caches)
    {
        lines.push_back(cache.octets / PacketMemory::kLineOctets);
    }
    return lines;
}

} // namespace

PacketMemory::PacketMemory(const MemoryConfig& config)
    : m_config(Normalise(config)),
      m_caches(CapacitiesOf(m_config.caches)),
      m_touched(m_config.caches.size() + 1)
{
    for (const CacheLevel& cache : m_config.caches)
    {
        m_cyclesOf.push_back(cache.cycles);
    }
    m_cyclesOf.push_back(m_config.memoryCycles);
    if (m_config.lookup == Lookup::Hash)
    {
        m_heads.resize(m_config.sas, m_config.sas);
        m_next.resize(m_config.sas);
        for (std::uint32_t sa = 0; sa < m_config.sas; ++sa)
        {
            m_next[sa] = std::exchange(m_heads[BucketOf(sa)], sa);
        }
    }
}

std::uint32_t
PacketMemory::BucketOf(std::uint32_t sa) const
{
    return Mix(m_config.firstSpi + sa) % m_config.sas;
}

double
PacketMemory::Touch(const Job& job)
{
    m_cycles = 0;
    const std::uint32_t sa = (job.spi - m_config.firstSpi) % m_config.sas;
    FindSa(sa);
    TouchObject(Region::States, sa, LinesOf(m_config.saOctets));
    if (job.number != 0 && m_config.windowOctets != 0)
    {
        TouchWindow(sa, job.number);
    }
    return m_cycles;
}

void
PacketMemory::TouchLine(Region region, std::uint64_t line)
{
    constexpr unsigned kRegionShift = 56;
    const std::size_t cache =
        m_caches.Touch((static_cast<std::uint64_t>(region) << kRegionShift) | line);
    ++m_touched[cache];
    m_cycles += m_cyclesOf[cache];
}

void
PacketMemory::TouchObject(Region region, std::uint64_t index, std::uint64_t lines)
{
    const double before = std::exchange(m_cycles, 0);
    for (std::uint64_t line = 0; line < lines; ++line)
    {
        TouchLine(region, index * lines + line);
    }
    const auto atOnce = std::clamp<std::uint64_t>(lines, 1, std::max(1U, m_config.parallelLines));
    m_cycles = before + m_cycles / static_cast<double>(atOnce);
}

void
PacketMemory::TouchIndex(std::uint64_t index)
{
    TouchLine(Region::Index, index / kPointersInLine);
}

void
PacketMemory::FindSa(std::uint32_t sa)
{
    switch (m_config.lookup)
    {
    case Lookup::Array:
        TouchIndex(sa);
        return;
    case Lookup::Hash:
        TouchIndex(BucketOf(sa));
        WalkChain(sa);
        return;
    case Lookup::Tree:
        WalkTree(sa);
        return;
    case Lookup::List:
        for (std::uint32_t entry = 0; entry <= sa; ++entry)
        {
            TouchLine(Region::Entries, entry);
        }
        return;
    }
}

void
PacketMemory::WalkChain(std::uint32_t sa)
{
    std::uint32_t entry = m_heads[BucketOf(sa)];
    TouchLine(Region::Entries, entry);
    while (entry != sa)
    {
        entry = m_next[entry];
        TouchLine(Region::Entries, entry);
    }
}

void
PacketMemory::WalkTree(std::uint32_t sa)
{
    std::uint32_t first = 0;
    std::uint32_t end = m_config.sas;
    while (true)
    {
        const std::uint32_t middle = first + (end - first) / 2;
        TouchLine(Region::Entries, middle);
        if (middle == sa)
        {
            return;
        }
        (middle < sa ? first : end) = middle < sa ? middle + 1 : middle;
    }
}

void
PacketMemory::TouchWindow(std::uint32_t sa, std::uint64_t number)
{
    const std::uint64_t lines = LinesOf(m_config.windowOctets);
    if (m_config.layout == WindowLayout::Shifted)
    {
        TouchObject(Region::Windows, sa, lines);
        m_cycles += m_config.shiftCycles * static_cast<double>((m_config.windowOctets + 7) / 8);
        return;
    }
    TouchLine(Region::Windows, sa * lines + number / kNumbersInLine % lines);
}

} // namespace ipseclab::timing
