/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_SIZE_SEARCH_H
#define IPSECLAB_SCENARIO_SIZE_SEARCH_H

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ipseclab::path_mtu
{

/**
 * Which size to probe next (RFC 8899, section 5): first the base, then the largest, then halves of
 * what is between. Sizes are octets of the IP packet. Time is the caller's: it asks for the next
 * probe, and says whether that one was acknowledged or given up.
 */
class SizeSearch
{
  public:
    static constexpr std::uint32_t kMinimum = 68; ///< MIN_PLPMTU of IPv4
    static constexpr std::uint32_t kBase = 1200;  ///< BASE_PLPMTU
    static constexpr unsigned kMaxProbes = 3;     ///< MAX_PROBES
    static constexpr std::uint32_t kResolution = 4;

    /// \param largest MAX_PLPMTU, at least kMinimum
    explicit SizeSearch(std::uint32_t largest)
        : m_tooLarge(largest + 1)
    {
    }

    /// Nothing: the search is complete.
    std::optional<std::uint32_t> Probe() const
    {
        const std::uint32_t largest = m_tooLarge - 1;
        switch (m_step)
        {
        case Step::Base:
            return std::min(largest, kBase);
        case Step::Largest:
            return largest;
        case Step::Halves:
            break;
        }
        if (m_tooLarge - m_confirmed <= kResolution)
        {
            return std::nullopt;
        }
        return m_confirmed + (m_tooLarge - m_confirmed) / 2;
    }

    /// A probe of that size has arrived; one that was given up before may, too.
    void Acknowledge(std::uint32_t size)
    {
        if (size > m_confirmed && size < m_tooLarge)
        {
            m_confirmed = size;
            m_failures = 0;
            m_step = m_step == Step::Base ? Step::Largest : Step::Halves;
        }
    }

    /// A probe of the size that Probe() names was not acknowledged. After the last one of the base
    /// smaller sizes are tried.
    void Fail()
    {
        const auto size = Probe();
        if (size && ++m_failures == kMaxProbes)
        {
            m_tooLarge = *size;
            m_failures = 0;
            m_step = Step::Halves;
        }
    }

    /// PLPMTU: what data may have. The base until it is known not to pass.
    std::uint32_t Size() const
    {
        return m_step == Step::Base ? std::min(m_tooLarge - 1, kBase) : m_confirmed;
    }

  private:
    enum class Step
    {
        Base,
        Largest,
        Halves,
    };

    Step m_step{Step::Base};
    std::uint32_t m_confirmed{kMinimum};
    std::uint32_t m_tooLarge; ///< the least size that is known, or taken, not to pass
    unsigned m_failures{0};
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_SIZE_SEARCH_H
