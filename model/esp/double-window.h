/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_DOUBLE_WINDOW_H
#define IPSECLAB_ESP_DOUBLE_WINDOW_H

#include "model/esp/replay-window.h"

namespace ipseclab::esp
{

/**
 * Two windows of half the size, after M. Gouda, C.-T. Huang, E. Li, "Anti-replay window protocols
 * for secure IP" (ICCCN 2000), of which only the abstract was at hand; the rules are ours.
 *
 * As long as numbers come near each other, the halves lie side by side and are one window. A number
 * more than half a size above the top would push out what is still under way. It leaves the left
 * half where it is, and takes the right one along:
 *
 *            left                  d: numbers that no window has covered         right
 *     [ size / 2 ][.............................................][ size / 2 top ]
 *
 * The left half may move up through the numbers that were jumped over, since none of them can have
 * been accepted before; what the right half has left behind is refused. So reordering by up to
 * size + d is survived, and no number is accepted twice. The halves join again when the top has
 * moved by the size without anything for the left half, or part anew with the next jump.
 */
class DoubleWindow
{
  public:
    /// Sizes and top as for ReplayWindow; a size of 1 counts as 2. Two rings are kept, each for
    /// the whole size.
    explicit DoubleWindow(std::uint32_t size, std::uint64_t top = 0);

    std::uint64_t Top() const
    {
        return m_right.Top();
    }

    WindowVerdict Check(std::uint64_t number) const;
    void Advance(std::uint64_t number);

    /// Octets of both rings.
    std::size_t Octets() const
    {
        return m_right.Octets() + m_left.Octets();
    }

  private:
    std::uint32_t m_half;
    ReplayWindow m_right;
    ReplayWindow m_left;
    std::uint64_t m_floor{0};    ///< the lowest number that m_right knows about
    std::uint64_t m_leftUsed{0}; ///< the top when the left half was last of use
    bool m_apart{false};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_DOUBLE_WINDOW_H
