/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/replay-window.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

/// Blocks of a ring for `size` numbers: all that they may touch and a spare one, as a power of two.
std::uint64_t
RingBlocks(std::uint32_t size)
{
    const std::uint64_t needed = (std::uint64_t{size} + 63) / 64 + 1;
    std::uint64_t blocks = 2;
    while (blocks < needed)
    {
        blocks *= 2;
    }
    return blocks;
}

} // namespace

ReplayWindow::ReplayWindow(std::uint32_t size, std::uint64_t top)
    : m_top(top),
      m_size(std::clamp(size, std::uint32_t{1}, kMaximumSize))
{
    m_blocks.resize(RingBlocks(m_size));
    m_mask = m_blocks.size() - 1;
}

void
ReplayWindow::Reset(std::uint64_t top)
{
    std::fill(m_blocks.begin(), m_blocks.end(), std::uint64_t{0});
    m_top = top;
}

} // namespace ipseclab::esp
