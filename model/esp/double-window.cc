/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/double-window.h"

#include <algorithm>
#include <utility>

namespace ipseclab::esp
{

DoubleWindow::DoubleWindow(std::uint32_t size, std::uint64_t top)
    : m_half(std::clamp(size, std::uint32_t{2}, ReplayWindow::kMaximumSize) / 2),
      m_right(2 * m_half, top),
      m_left(2 * m_half, top)
{
}

WindowVerdict
DoubleWindow::Check(std::uint64_t number) const
{
    if (number > m_right.Top())
    {
        return WindowVerdict::Fresh;
    }
    if (number >= m_floor)
    {
        const bool covered = !m_apart || m_right.Top() - number < m_half;
        return covered ? m_right.Check(number) : WindowVerdict::TooOld;
    }
    if (!m_apart || (number <= m_left.Top() && m_left.Top() - number >= m_half))
    {
        return WindowVerdict::TooOld;
    }
    return m_left.Check(number);
}

void
DoubleWindow::Advance(std::uint64_t number)
{
    if (number > m_right.Top() && number - m_right.Top() > m_half)
    {
        std::swap(m_left, m_right);
        m_right.Reset(number);
        m_floor = number - m_half + 1;
        m_leftUsed = number;
        m_apart = true;
    }
    if (number < m_floor)
    {
        m_left.Advance(number);
        m_leftUsed = m_right.Top();
        return;
    }
    m_right.Advance(number);
    if (m_apart && m_right.Top() - m_leftUsed >= m_right.Size())
    {
        m_apart = false;
    }
}

} // namespace ipseclab::esp
