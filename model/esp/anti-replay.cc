/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/anti-replay.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

constexpr std::uint64_t kBlock = std::uint64_t{1} << 32; ///< numbers that share a high half
constexpr std::uint32_t kLegacyBitmap = 32;

AntiReplayConfig
Normalise(AntiReplayConfig config)
{
    config.window = std::min(config.window, ReplayWindow::kMaximumSize);
    if (!config.extendedSequenceNumbers)
    {
        config.top %= kBlock;
        if (config.profile == ReplayProfile::LinuxLegacy)
        {
            config.window = std::min(config.window, kLegacyBitmap);
        }
    }
    return config;
}

DropReason
Reason(WindowVerdict verdict)
{
    switch (verdict)
    {
    case WindowVerdict::TooOld:
        return DropReason::ReplayTooOld;
    case WindowVerdict::Duplicate:
        return DropReason::ReplayDuplicate;
    case WindowVerdict::Fresh:
        break;
    }
    return DropReason::None;
}

} // namespace

/*
 * Linux computes modulo 2^64, so its window may lie across the end of the space. Counting from 2^63
 * below the top moves that end out of reach of any SA, and the window needs no modular arithmetic.
 */
AntiReplay::AntiReplay(const AntiReplayConfig& config)
    : m_config(Normalise(config)),
      m_top(m_config.top),
      m_bias(Wraps() ? m_top - (std::uint64_t{1} << 63) : 0)
{
    if (m_config.window != 0)
    {
        m_window.emplace(m_config.window, m_top - m_bias);
    }
}

bool
AntiReplay::Wraps() const
{
    return m_config.extendedSequenceNumbers && m_config.profile != ReplayProfile::Rfc4303;
}

AntiReplay::Guess
AntiReplay::Check(std::uint32_t low) const
{
    if (m_config.extendedSequenceNumbers)
    {
        return CheckExtended(low);
    }
    if (!m_window)
    {
        return {DropReason::None, low};
    }
    if (low == 0)
    {
        return {DropReason::ReplayInvalid, low};
    }
    return {Reason(m_window->Check(low)), low};
}

AntiReplay::Guess
AntiReplay::CheckExtended(std::uint32_t low) const
{
    const std::uint32_t width = m_window ? m_config.window : ReplayWindow::kMaximumSize;
    const auto topLow = static_cast<std::uint32_t>(m_top);
    const std::uint32_t bottom = topLow - (width - 1);
    const bool insideOneBlock = topLow >= width - 1; // case A of the appendix, otherwise case B

    std::uint64_t number = (m_top & ~(kBlock - 1)) | low;
    bool exists = true;
    if (insideOneBlock && low < bottom)
    {
        number += kBlock;
        exists = number >= kBlock;
    }
    else if (!insideOneBlock && low >= bottom)
    {
        exists = number >= kBlock;
        number -= kBlock;
    }
    const bool zero = number == 0 && (!Wraps() || (m_top < kBlock && !insideOneBlock));
    if (zero || (!exists && !Wraps()))
    {
        return {DropReason::ReplayInvalid, number};
    }
    if (m_window && m_window->Check(number - m_bias) == WindowVerdict::Duplicate)
    {
        return {DropReason::ReplayDuplicate, number};
    }
    return {DropReason::None, number};
}

void
AntiReplay::Accept(std::uint64_t number)
{
    if (m_window)
    {
        m_window->Advance(number - m_bias);
        m_top = m_window->Top() + m_bias;
    }
    else if (m_config.profile == ReplayProfile::Rfc4303 || m_config.extendedSequenceNumbers)
    {
        m_top = std::max(m_top, number);
    }
}

std::uint64_t
AntiReplay::Top() const
{
    return m_top;
}

} // namespace ipseclab::esp
