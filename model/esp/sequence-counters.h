/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SEQUENCE_COUNTERS_H
#define IPSECLAB_ESP_SEQUENCE_COUNTERS_H

#include "model/esp/sequence-scheme.h"

#include <optional>
#include <vector>

namespace ipseclab::esp
{

/**
 * The sender's side of numbers: one counter for each subspace (RFC 4303, section 3.3.3). Several
 * senders of one SA, with one key, may share it, and then no number is given twice.
 */
class SequenceCounters
{
  public:
    /**
     * \param lastCounter the last one to be given; no more than the scheme has, except where the
     *        receiver does not check and a 32-bit number may wrap
     * \param start what counts as given already, in every subspace
     */
    SequenceCounters(const SequenceScheme& scheme,
                     std::uint64_t lastCounter,
                     std::uint64_t start = 0);

    /// The next whole number of a subspace; nothing when it is used up or beyond the agreed ones.
    /// Allocates when a subspace is used for the first time.
    std::optional<std::uint64_t> Next(std::uint16_t subspace = 0);

    /// The highest counter given in any subspace.
    std::uint64_t Highest() const
    {
        return m_highest;
    }

    std::uint64_t LastCounter() const
    {
        return m_lastCounter;
    }

  private:
    SequenceScheme m_scheme;
    std::uint64_t m_lastCounter;
    std::uint64_t m_start;
    std::uint64_t m_highest;
    std::vector<std::uint64_t> m_given; ///< by subspace, as far as they were used
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SEQUENCE_COUNTERS_H
