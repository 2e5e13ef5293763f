/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_REPLAY_WINDOW_H
#define IPSECLAB_ESP_REPLAY_WINDOW_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ipseclab::esp
{

/// What a window says of one number.
enum class WindowVerdict : std::uint8_t
{
    Fresh,
    TooOld,
    Duplicate,
};

/**
 * A bitmap window over 64-bit numbers in a ring of 64-bit blocks (the idea of RFC 6479), of any
 * size.
 *
 *     top - size + 1                top
 *     v                             v
 *     [block][block] ... [block][block ]   one spare block, so a block is cleared whole
 *
 * Unlike the RFC's sample code it is exactly `size` numbers wide and compares differences, so
 * neither end of the number space is special. Check does not change state; Advance is for numbers
 * that passed the ICV and for which Check said Fresh.
 */
class ReplayWindow
{
  public:
    /// The widest window: half of a 32-bit number space (RFC 4303, appendix A). Its ring is 512
    /// MiB.
    static constexpr std::uint32_t kMaximumSize = std::uint32_t{1} << 31;

    /**
     * \param size window in numbers, 1 to kMaximumSize; what lies outside is taken as the nearer
     * end \param top where the window ends; the bitmap starts empty, so each number of the window,
     * `top` too, passes once
     */
    explicit ReplayWindow(std::uint32_t size, std::uint64_t top = 0);

    std::uint32_t Size() const
    {
        return m_size;
    }

    std::uint64_t Top() const
    {
        return m_top;
    }

    WindowVerdict Check(std::uint64_t number) const
    {
        if (number > m_top)
        {
            return WindowVerdict::Fresh;
        }
        if (m_top - number >= m_size)
        {
            return WindowVerdict::TooOld;
        }
        return (m_blocks[(number >> 6) & m_mask] >> (number & 63)) & 1 ? WindowVerdict::Duplicate
                                                                       : WindowVerdict::Fresh;
    }

    void Advance(std::uint64_t number)
    {
        if (number > m_top)
        {
            Shift(number);
        }
        m_blocks[(number >> 6) & m_mask] |= std::uint64_t{1} << (number & 63);
    }

    /// Starts anew, empty, with another top; the ring stays.
    void Reset(std::uint64_t top);

    /// Octets of the ring.
    std::size_t Octets() const
    {
        return m_blocks.size() * sizeof(m_blocks[0]);
    }

  private:
    void Shift(std::uint64_t number)
    {
        const std::uint64_t ring = m_mask + 1;
        std::uint64_t steps = (number >> 6) - (m_top >> 6);
        if (steps > ring)
        {
            steps = ring;
        }
        for (std::uint64_t k = 0; k < steps; ++k)
        {
            m_blocks[((number >> 6) - k) & m_mask] = 0;
        }
        m_top = number;
    }

    std::uint64_t m_top;
    std::uint64_t m_mask{0};
    std::uint32_t m_size;
    std::vector<std::uint64_t> m_blocks;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_REPLAY_WINDOW_H
