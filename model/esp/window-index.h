/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_WINDOW_INDEX_H
#define IPSECLAB_ESP_WINDOW_INDEX_H

#include "model/esp/anti-replay.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace ipseclab::esp
{

/// How a receiver finds the window of a subspace.
enum class SubspaceIndex : std::uint8_t
{
    Array, ///< by its identifier, which is below the number of subspaces
    Hash,  ///< whatever its identifier is
};

/// The windows of the subspaces of an SA other than 0, as far as they were used.
class WindowIndex
{
  public:
    explicit WindowIndex(SubspaceIndex kind)
        : m_kind(kind)
    {
    }

    SubspaceIndex Kind() const
    {
        return m_kind;
    }

    /// Null when the subspace has none.
    const AntiReplay* Find(std::uint16_t subspace) const
    {
        if (m_kind == SubspaceIndex::Array)
        {
            return subspace < m_array.size() ? m_array[subspace].get() : nullptr;
        }
        const auto found = m_hash.find(subspace);
        return found == m_hash.end() ? nullptr : &found->second;
    }

    /// Makes it, like `empty`, when there is none.
    AntiReplay& FindOrAdd(std::uint16_t subspace, const AntiReplay& empty);

    std::size_t Count() const
    {
        return m_count;
    }

    /// Octets of the index and of all windows.
    std::size_t Octets() const;

  private:
    SubspaceIndex m_kind;
    std::vector<std::unique_ptr<AntiReplay>> m_array;
    std::unordered_map<std::uint16_t, AntiReplay> m_hash;
    std::size_t m_count{0};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_WINDOW_INDEX_H
