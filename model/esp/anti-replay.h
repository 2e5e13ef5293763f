/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ANTI_REPLAY_H
#define IPSECLAB_ESP_ANTI_REPLAY_H

#include "model/esp/controlled-shift.h"
#include "model/esp/double-window.h"
#include "model/esp/drop-reason.h"
#include "model/esp/replay-window.h"

#include <cstdint>
#include <variant>

namespace ipseclab::esp
{

/// Whose rules a receiver follows where implementations differ from RFC 4303.
enum class ReplayProfile : std::uint8_t
{
    Rfc4303,     ///< the RFC's text, and Appendix A for ESN
    LinuxBitmap, ///< Linux xfrm with the replay_esn attribute, also without ESN
    LinuxLegacy, ///< Linux xfrm with the 32-bit bitmap: at most 32 wide, 0 checks nothing
};

/// How a receiver remembers numbers.
enum class WindowKind : std::uint8_t
{
    Bitmap,          ///< ReplayWindow
    Double,          ///< DoubleWindow
    ControlledShift, ///< ControlledShift
};

struct AntiReplayConfig
{
    std::uint32_t window{64}; ///< numbers, at most 2^31; 0: no check
    bool extendedSequenceNumbers{false};
    ReplayProfile profile{ReplayProfile::Rfc4303};
    std::uint64_t top{0}; ///< where the window ends at the start; the bitmap starts empty
    WindowKind kind{WindowKind::Bitmap};
    /// How many bits of an extended number are on the wire, 1 to 32; the window is at most half of
    /// what they count.
    std::uint8_t lowBits{32};
};

/**
 * The receiver's side of sequence numbers (RFC 4303, section 3.4.3 and Appendix A): finds the whole
 * number, checks it before the ICV, and moves only after the ICV passed.
 *
 *     auto guess = state.Check(low);        // before the crypto; changes nothing
 *     if (guess.drop == None && icv is good with guess.number)
 *         state.Accept(guess.number);
 *
 * Differences of the profiles, as recorded from a Linux 6.1 kernel:
 * - number 0 in 32-bit mode is refused by all, unless there is no window;
 * - number 0 of a whole ESN space: RFC: never valid; Linux: refused only while the top is below
 *   window - 1;
 * - ESN near the start of the space: RFC: a high half of -1 cannot be, dropped at once
 *   (ReplayInvalid); Linux: 2^32 - 1 is taken, the ICV fails;
 * - ESN at the end of the space: RFC: dropped at once (ReplayInvalid); Linux wraps to 0;
 * - 32-bit numbers without a window: the top of the Linux profiles stays where it was.
 *
 * ESN without a window cannot guess by one (the RFC advises against it): the number nearest to the
 * top is taken, as with a window of 2^31, and nothing is a duplicate; a double window guesses so,
 * too. LinuxLegacy has no ESN; asked for it, it does as LinuxBitmap.
 */
class AntiReplay
{
  public:
    explicit AntiReplay(const AntiReplayConfig& config);

    struct Guess
    {
        DropReason drop{DropReason::None}; ///< None, ReplayTooOld, ReplayDuplicate or ReplayInvalid
        std::uint64_t number{0};           ///< whole; its high half goes into the ICV with ESN
    };

    /// \param low what is on the wire: the lower 32 bits, or `lowBits` of an extended number
    Guess Check(std::uint32_t low) const;
    /// A number that is on the wire as a whole, of at most 64 bits; 0 is none.
    Guess CheckWhole(std::uint64_t number) const;
    /// \return None, or ReplayFarAhead when the window does not follow
    DropReason Accept(std::uint64_t number);

    /// The highest number accepted.
    std::uint64_t Top() const;
    const AntiReplayConfig& Config() const
    {
        return m_config;
    }

    /// Octets of the window's memory.
    std::size_t Octets() const;

  private:
    Guess CheckExtended(std::uint32_t low) const;
    WindowVerdict CheckWindow(std::uint64_t number) const;
    std::uint64_t GuessWidth() const;
    bool Wraps() const;

    AntiReplayConfig m_config;
    std::uint64_t m_top{0};
    /// Subtracted from each number before the window sees it; see the constructor.
    std::uint64_t m_bias{0};
    std::variant<std::monostate, ReplayWindow, DoubleWindow, ControlledShift> m_window;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ANTI_REPLAY_H
