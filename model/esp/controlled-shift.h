/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_CONTROLLED_SHIFT_H
#define IPSECLAB_ESP_CONTROLLED_SHIFT_H

#include "model/esp/replay-window.h"

namespace ipseclab::esp
{

/**
 * A window that gives up a packet rather than all those that it would push out, after C.-T. Huang,
 * M. Gouda, "An anti-replay window protocol with controlled shift" (ICCCN 2001), of which only the
 * abstract was at hand; the rules are ours.
 *
 * A number that lies a whole window or more above the top is refused, although its packet is
 * genuine, until `patience` of them came in a row without anything nearer in between: then there
 * is nothing left to wait for, and the window moves.
 */
class ControlledShift
{
  public:
    static constexpr std::uint32_t kPatience = 16; ///< packets

    explicit ControlledShift(std::uint32_t size,
                             std::uint64_t top = 0,
                             std::uint32_t patience = kPatience)
        : m_window(size, top),
          m_patience(patience)
    {
    }

    std::uint64_t Top() const
    {
        return m_window.Top();
    }

    WindowVerdict Check(std::uint64_t number) const
    {
        return m_window.Check(number);
    }

    /// For a number that passed the ICV and for which Check said Fresh; false: it is sacrificed.
    bool Advance(std::uint64_t number)
    {
        const bool far = number > m_window.Top() && number - m_window.Top() >= m_window.Size();
        if (far && m_sacrificed < m_patience)
        {
            ++m_sacrificed;
            return false;
        }
        m_sacrificed = 0;
        m_window.Advance(number);
        return true;
    }

    std::size_t Octets() const
    {
        return m_window.Octets();
    }

  private:
    ReplayWindow m_window;
    std::uint32_t m_patience;
    std::uint32_t m_sacrificed{0}; ///< in a row
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_CONTROLLED_SHIFT_H
