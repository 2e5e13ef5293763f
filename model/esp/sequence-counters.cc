/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-counters.h"

#include <algorithm>

namespace ipseclab::esp
{

SequenceCounters::SequenceCounters(const SequenceScheme& scheme,
                                   std::uint64_t lastCounter,
                                   std::uint64_t start)
    : m_scheme(scheme),
      m_lastCounter(lastCounter),
      m_start(start),
      m_highest(start),
      m_given(1, start)
{
}

std::optional<std::uint64_t>
SequenceCounters::Next(std::uint16_t subspace)
{
    if (subspace >= m_given.size())
    {
        if (subspace >= m_scheme.subspaces)
        {
            return std::nullopt;
        }
        m_given.resize(std::size_t{subspace} + 1, m_start);
    }
    std::uint64_t& given = m_given[subspace];
    if (given >= m_lastCounter)
    {
        return std::nullopt;
    }
    ++given;
    m_highest = std::max(m_highest, given);
    return m_scheme.Join({subspace, given});
}

} // namespace ipseclab::esp
