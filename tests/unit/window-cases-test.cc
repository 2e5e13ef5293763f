/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-receiver.h"

#include "model/wire/bytes.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

/**
 * \file
 * Numbered cases for every scheme, window and size, in the manner of the self-test of WireGuard's
 * counter: each is one arrival, in order, and what becomes of it. `w` is the window, `f` the
 * highest number that a receiver at 4 w can tell from an old one, or the last of the space.
 */

namespace ipseclab::esp
{

namespace
{

enum class Fate
{
    Taken,
    Duplicate, ///< in the window, seen before
    Refused,   ///< for any other reason
};

struct Case
{
    int number;
    std::uint64_t counter;
    Fate fate;
};

struct Setting
{
    const char* name;
    SequenceScheme scheme;
    WindowKind kind;
};

/// The receiver, and an ICV that is right when the whole number was guessed.
class Link
{
  public:
    Link(const Setting& setting, std::uint32_t window)
        : m_receiver(setting.scheme, MakeConfig(setting, window))
    {
    }

    Fate Offer(const SequenceNumber& parts)
    {
        DropReason drop = OfferOnce(parts);
        std::uint32_t sacrificed = 0;
        while (drop == DropReason::ReplayFarAhead)
        {
            ++sacrificed;
            drop = OfferOnce(parts);
        }
        EXPECT_TRUE(sacrificed == 0 || sacrificed == ControlledShift::kPatience);
        switch (drop)
        {
        case DropReason::None:
            return Fate::Taken;
        case DropReason::ReplayDuplicate:
            return Fate::Duplicate;
        default:
            return Fate::Refused;
        }
    }

  private:
    static AntiReplayConfig MakeConfig(const Setting& setting, std::uint32_t window)
    {
        AntiReplayConfig config;
        config.window = window;
        config.kind = setting.kind;
        return config;
    }

    DropReason OfferOnce(const SequenceNumber& parts)
    {
        const SequenceScheme& scheme = m_receiver.Scheme();
        std::uint8_t field[8];
        scheme.StoreOnWire(field, scheme.Join(parts));
        const SequenceReceiver::Guess guess = m_receiver.Check(field);
        if (guess.drop != DropReason::None)
        {
            return guess.drop;
        }
        const bool right = guess.number == scheme.Join(parts);
        return right ? m_receiver.Accept(guess) : DropReason::Icv;
    }

    SequenceReceiver m_receiver;
};

const std::uint32_t kSizes[] = {32, 33, 63, 64, 65, 127, 128, 129, 256, 1000, 1024, 4096, 8192};

const Setting kBitmaps[] = {
    {"32-bit", SequenceScheme::Plain(false), WindowKind::Bitmap},
    {"ESN", SequenceScheme::Plain(true), WindowKind::Bitmap},
    {"sub32, 1 bit", SequenceScheme::Sub32(1, 2), WindowKind::Bitmap},
    {"sub32, 4 bits", SequenceScheme::Sub32(4, 16), WindowKind::Bitmap},
    {"sub32, 8 bits", SequenceScheme::Sub32(8, 256), WindowKind::Bitmap},
    {"sub64", SequenceScheme::Sub64(65536), WindowKind::Bitmap},
    {"32-bit, controlled shift", SequenceScheme::Plain(false), WindowKind::ControlledShift},
    {"ESN, controlled shift", SequenceScheme::Plain(true), WindowKind::ControlledShift},
    {"sub64, controlled shift", SequenceScheme::Sub64(16), WindowKind::ControlledShift},
};

std::uint64_t
Furthest(const SequenceScheme& scheme, std::uint64_t w)
{
    const bool implied = scheme.CoversWholeNumber() && scheme.kind != SequenceKind::Sub64;
    const std::uint64_t block = std::uint64_t{1} << (implied ? scheme.CounterBitsOnWire() : 0);
    return implied ? 4 * w - w + block : scheme.LastCounter();
}

std::vector<Case>
BitmapCases(std::uint64_t w, std::uint64_t f)
{
    using F = Fate;
    return {
        {1, 1, F::Taken},
        {2, 2, F::Taken},
        {3, 2, F::Duplicate},
        {4, 10, F::Taken},
        {5, 9, F::Taken},
        {6, 8, F::Taken},
        {7, 8, F::Duplicate},
        {8, w + 1, F::Taken},
        {9, w, F::Taken},
        {10, w, F::Duplicate},
        {11, w - 1, F::Taken},
        {12, 3, F::Taken},
        {13, 3, F::Duplicate},
        {14, w + 17, F::Taken},
        {15, 4, F::Refused},
        {16, w + 17, F::Duplicate},
        {17, 4 * w, F::Taken},
        {18, 3 * w + 1, F::Taken},
        {19, 11, F::Refused},
        {20, 3 * w, F::Refused},
        {21, 3 * w - 1, F::Refused},
        {22, 3 * w + 2, F::Taken},
        {23, 3 * w + 1, F::Duplicate},
        {24, 0, F::Refused},
        {25, f, F::Taken},
        {26, f, F::Duplicate},
        {27, f - 1, F::Taken},
        {28, f - 1, F::Duplicate},
        {29, f - w, F::Refused},
        {30, f - w + 1, F::Taken},
        {31, f - w + 1, F::Duplicate},
        {32, 4 * w, F::Refused},
        {33, 0, F::Refused},
        {34, f - 2, F::Taken},
        {35, f - 2, F::Duplicate},
        {36, f - w, F::Refused},
    };
}

/// The halves part in case 8, the left one moves in 9, they join in 18 and part again in 21.
std::vector<Case>
DoubleCases(std::uint64_t w)
{
    using F = Fate;
    const std::uint64_t half = w / 2;
    const std::uint64_t size = 2 * half; // what an odd size comes to
    const std::uint64_t far = 10 * w;
    return {
        {1, 1, F::Taken},
        {2, 3, F::Taken},
        {3, 2, F::Taken},
        {4, 2, F::Duplicate},
        {5, 0, F::Refused},
        {6, half, F::Taken},
        {7, half + 2, F::Taken},
        {8, far, F::Taken},
        {9, half + 3, F::Taken},
        {10, half + 2, F::Duplicate},
        {11, half + 1, F::Taken},
        {12, 3, F::Refused},
        {13, far - half + 1, F::Taken},
        {14, far - half, F::Taken},
        {15, far - half, F::Duplicate},
        {16, half + 5, F::Refused},
        {17, far + half, F::Taken},
        {18, far + half + size, F::Taken},
        {19, far + half + size - half, F::Taken},
        {20, far + half + size - size, F::Refused},
        {21, 3 * far, F::Taken},
        {22, far + half + size - half + 1, F::Taken},
        {23, far + half + size - half, F::Refused},
        {24, 3 * far, F::Duplicate},
    };
}

void
Walk(const Setting& setting, std::uint32_t window, const std::vector<Case>& cases)
{
    Link link(setting, window);
    const auto last = static_cast<std::uint16_t>(setting.scheme.subspaces - 1);
    for (const Case& one : cases)
    {
        SCOPED_TRACE(std::string(setting.name) + ", window " + std::to_string(window) + ", case " +
                     std::to_string(one.number) + ", counter " + std::to_string(one.counter));
        // Every case in two subspaces, of which neither may notice the other.
        for (std::uint32_t subspace = 0; subspace <= last; subspace += last == 0 ? 1 : last)
        {
            EXPECT_EQ(link.Offer({static_cast<std::uint16_t>(subspace), one.counter}), one.fate);
        }
    }
}

TEST(WindowCases, BitmapAndControlledShiftInEverySchemeAndSize)
{
    for (const Setting& setting : kBitmaps)
    {
        for (const std::uint32_t window : kSizes)
        {
            Walk(setting, window, BitmapCases(window, Furthest(setting.scheme, window)));
        }
    }
}

TEST(WindowCases, DoubleWindowInEverySchemeAndSize)
{
    for (const SequenceScheme& scheme : {SequenceScheme::Plain(false),
                                         SequenceScheme::Plain(true),
                                         SequenceScheme::Sub32(4, 16),
                                         SequenceScheme::Sub64(16)})
    {
        for (const std::uint32_t window : kSizes)
        {
            Walk({Name(scheme.kind), scheme, WindowKind::Double}, window, DoubleCases(window));
        }
    }
}

/// Up to the last but one packet in reverse order, as WireGuard has it: all of a window is taken.
TEST(WindowCases, AWholeWindowBackwards)
{
    for (const Setting& setting : kBitmaps)
    {
        for (const std::uint32_t window : kSizes)
        {
            SCOPED_TRACE(std::string(setting.name) + ", window " + std::to_string(window));
            Link link(setting, window);
            EXPECT_EQ(link.Offer({0, 1}), Fate::Taken);
            for (std::uint64_t counter = window + 1; counter > 1; --counter)
            {
                ASSERT_EQ(link.Offer({0, counter}), Fate::Taken) << counter;
            }
            EXPECT_EQ(link.Offer({0, 1}), Fate::Refused);
            EXPECT_EQ(link.Offer({0, 2}), Fate::Duplicate);
        }
    }
}

/// Without a window nothing is refused but what cannot be.
TEST(WindowCases, WithoutAWindowEverythingIsTakenAgain)
{
    for (const SequenceScheme& scheme :
         {SequenceScheme::Plain(false), SequenceScheme::Sub64(4), SequenceScheme::Sub32(2, 4)})
    {
        SCOPED_TRACE(Name(scheme.kind));
        Link link({"", scheme, WindowKind::Bitmap}, 0);
        for (const std::uint64_t counter : {5, 5, 1000, 1, 5, 1000})
        {
            EXPECT_EQ(link.Offer({0, counter}), Fate::Taken);
        }
    }
}

} // namespace

} // namespace ipseclab::esp
