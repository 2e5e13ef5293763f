/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/window-index.h"

namespace ipseclab::esp
{

AntiReplay&
WindowIndex::FindOrAdd(std::uint16_t subspace, const AntiReplay& empty)
{
    if (m_kind == SubspaceIndex::Hash)
    {
        const auto [place, isNew] = m_hash.try_emplace(subspace, empty);
        m_count += isNew ? 1 : 0;
        return place->second;
    }
    if (subspace >= m_array.size())
    {
        m_array.resize(std::size_t{subspace} + 1);
    }
    auto& window = m_array[subspace];
    if (!window)
    {
        window = std::make_unique<AntiReplay>(empty);
        ++m_count;
    }
    return *window;
}

std::size_t
WindowIndex::Octets() const
{
    std::size_t sum = m_array.size() * sizeof(m_array[0]);
    for (const auto& window : m_array)
    {
        sum += window ? sizeof(AntiReplay) + window->Octets() : 0;
    }
    if (m_kind == SubspaceIndex::Hash)
    {
        // A pointer for each bucket, and in each entry one to the next.
        sum += (m_hash.bucket_count() + m_hash.size()) * sizeof(void*);
    }
    for (const auto& entry : m_hash)
    {
        sum += sizeof(entry) + entry.second.Octets();
    }
    return sum;
}

} // namespace ipseclab::esp
