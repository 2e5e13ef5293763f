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
    config.lowBits = std::clamp(config.lowBits, std::uint8_t{1}, std::uint8_t{32});
    if (config.extendedSequenceNumbers)
    {
        config.window = std::min(config.window, std::uint32_t{1} << (config.lowBits - 1));
    }
    else
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
    if (m_config.window == 0)
    {
        return;
    }
    switch (m_config.kind)
    {
    case WindowKind::Bitmap:
        m_window.emplace<ReplayWindow>(m_config.window, m_top - m_bias);
        break;
    case WindowKind::Double:
        m_window.emplace<DoubleWindow>(m_config.window, m_top - m_bias);
        break;
    case WindowKind::ControlledShift:
        m_window.emplace<ControlledShift>(m_config.window, m_top - m_bias);
        break;
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
    if (m_config.window == 0)
    {
        return {DropReason::None, low};
    }
    if (low == 0)
    {
        return {DropReason::ReplayInvalid, low};
    }
    return {Reason(CheckWindow(low)), low};
}

AntiReplay::Guess
AntiReplay::CheckWhole(std::uint64_t number) const
{
    if (number == 0)
    {
        return {DropReason::ReplayInvalid, number};
    }
    return {Reason(CheckWindow(number)), number};
}

WindowVerdict
AntiReplay::CheckWindow(std::uint64_t number) const
{
    if (const auto* bitmap = std::get_if<ReplayWindow>(&m_window))
    {
        return bitmap->Check(number);
    }
    if (const auto* pair = std::get_if<DoubleWindow>(&m_window))
    {
        return pair->Check(number);
    }
    const auto* controlled = std::get_if<ControlledShift>(&m_window);
    return controlled ? controlled->Check(number) : WindowVerdict::Fresh;
}

/// A number this far below the top, and above it as far as the bits on the wire go, is guessed
/// right.
std::uint64_t
AntiReplay::GuessWidth() const
{
    const bool exact = m_config.window != 0 && m_config.kind != WindowKind::Double;
    return exact ? m_config.window : std::uint64_t{1} << (m_config.lowBits - 1);
}

AntiReplay::Guess
AntiReplay::CheckExtended(std::uint32_t low) const
{
    const std::uint64_t block = std::uint64_t{1} << m_config.lowBits;
    const std::uint64_t width = GuessWidth();
    const std::uint64_t topLow = m_top & (block - 1);
    const std::uint64_t bottom = (topLow - (width - 1)) & (block - 1);
    const bool insideOneBlock = topLow >= width - 1; // case A of the appendix, otherwise case B

    std::uint64_t number = (m_top & ~(block - 1)) | low;
    bool exists = true;
    if (insideOneBlock && low < bottom)
    {
        number += block;
        exists = number >= block;
    }
    else if (!insideOneBlock && low >= bottom)
    {
        exists = number >= block;
        number -= block;
    }
    const bool zero = number == 0 && (!Wraps() || (m_top < block && !insideOneBlock));
    if (zero || (!exists && !Wraps()))
    {
        return {DropReason::ReplayInvalid, number};
    }
    return {Reason(CheckWindow(number - m_bias)), number};
}

DropReason
AntiReplay::Accept(std::uint64_t number)
{
    if (auto* const bitmap = std::get_if<ReplayWindow>(&m_window))
    {
        bitmap->Advance(number - m_bias);
        m_top = bitmap->Top() + m_bias;
    }
    else if (auto* const pair = std::get_if<DoubleWindow>(&m_window))
    {
        pair->Advance(number - m_bias);
        m_top = pair->Top() + m_bias;
    }
    else if (auto* const controlled = std::get_if<ControlledShift>(&m_window))
    {
        if (!controlled->Advance(number - m_bias))
        {
            return DropReason::ReplayFarAhead;
        }
        m_top = controlled->Top() + m_bias;
    }
    else if (m_config.profile == ReplayProfile::Rfc4303 || m_config.extendedSequenceNumbers)
    {
        m_top = std::max(m_top, number);
    }
    return DropReason::None;
}

std::size_t
AntiReplay::Octets() const
{
    if (const auto* bitmap = std::get_if<ReplayWindow>(&m_window))
    {
        return bitmap->Octets();
    }
    if (const auto* pair = std::get_if<DoubleWindow>(&m_window))
    {
        return pair->Octets();
    }
    const auto* controlled = std::get_if<ControlledShift>(&m_window);
    return controlled ? controlled->Octets() : 0;
}

std::uint64_t
AntiReplay::Top() const
{
    return m_top;
}

} // namespace ipseclab::esp
