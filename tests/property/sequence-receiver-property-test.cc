/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-receiver.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

namespace ipseclab::esp
{

namespace
{

using Random = std::mt19937_64;

/// What a receiver remembers of one subspace, told without any bitmap: all that it took.
class NaiveWindow
{
  public:
    virtual ~NaiveWindow() = default;
    virtual bool Takes(std::uint64_t n) const = 0;
    virtual void Take(std::uint64_t n) = 0;

    bool Seen(std::uint64_t n) const
    {
        return m_seen.count(n) != 0;
    }

    std::uint64_t Top() const
    {
        return m_seen.empty() ? 0 : *m_seen.rbegin();
    }

  protected:
    std::set<std::uint64_t> m_seen;
};

class NaiveBitmap : public NaiveWindow
{
  public:
    /// \param reach how many numbers can be told apart on the wire
    NaiveBitmap(std::uint64_t size, std::uint64_t reach)
        : m_size(size),
          m_reach(reach)
    {
    }

    bool Takes(std::uint64_t n) const override
    {
        return n != 0 && n + m_size > Top() && n + m_size <= Top() + m_reach && !Seen(n);
    }

    void Take(std::uint64_t n) override
    {
        m_seen.insert(n);
    }

  private:
    std::uint64_t m_size;
    std::uint64_t m_reach;
};

/// The double window as intervals of numbers, which are moved by the rules in double-window.h.
class NaiveDouble : public NaiveWindow
{
  public:
    explicit NaiveDouble(std::uint64_t size)
        : m_half(size / 2)
    {
    }

    bool Takes(std::uint64_t n) const override
    {
        if (n == 0 || Seen(n))
        {
            return false;
        }
        if (n > Top())
        {
            return true;
        }
        if (!m_apart)
        {
            return n >= m_known && n + 2 * m_half > Top();
        }
        const bool inRight = n + m_half > Top() && n >= m_known;
        const bool inLeft = n < m_known && n + m_half > m_leftTop;
        return inRight || inLeft;
    }

    void Take(std::uint64_t n) override
    {
        if (n > Top() + m_half)
        {
            m_leftTop = Top();
            m_known = n - m_half + 1;
            m_apart = true;
            m_lastUse = n;
        }
        else if (n < m_known)
        {
            m_leftTop = std::max(m_leftTop, n);
            m_lastUse = Top();
        }
        m_seen.insert(n);
        m_apart = m_apart && Top() - m_lastUse < 2 * m_half;
    }

  private:
    std::uint64_t m_half;
    std::uint64_t m_leftTop{0};
    std::uint64_t m_known{0};
    std::uint64_t m_lastUse{0};
    bool m_apart{false};
};

/// The controlled shift, with the packets that were sacrificed in a row.
class NaiveControlled : public NaiveWindow
{
  public:
    explicit NaiveControlled(std::uint64_t size)
        : m_size(size)
    {
    }

    bool Takes(std::uint64_t n) const override
    {
        if (n == 0 || n + m_size <= Top() || Seen(n))
        {
            return false;
        }
        return n < Top() + m_size || m_inARow == ControlledShift::kPatience;
    }

    void Take(std::uint64_t n) override
    {
        m_seen.insert(n);
        m_inARow = 0;
    }

    /// A genuine packet came and was not taken for being far ahead.
    void Sacrifice()
    {
        ++m_inARow;
    }

  private:
    std::uint64_t m_size;
    std::uint32_t m_inARow{0};
};

std::uint64_t
Draw(Random& random, std::uint64_t top, std::uint64_t size, std::uint64_t reach)
{
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    const auto behind = [top](std::uint64_t d) { return d > top ? 0 : top - d; };
    switch (random() % 12)
    {
    case 0:
        return behind(size - 2 + below(4));
    case 1:
    case 2:
    case 3:
        return behind(below(2 * size));
    case 4:
        return behind(below(6 * size));
    case 5:
        return top + below(4 * size);
    case 6:
        return random() % 8 == 0 ? top + reach - size - 2 + below(4) : top + 1;
    case 7:
        return top + size / 2 - 1 + below(4);
    case 8:
        return random() % 8 == 0 ? behind(reach) + below(size) : top + 2;
    default:
        return top + 1 + below(3);
    }
}

struct Offering
{
    DropReason drop;
    bool rightGuess;
};

/// A genuine packet with this number arrives.
Offering
Offer(SequenceReceiver& receiver, const SequenceNumber& parts)
{
    const SequenceScheme& scheme = receiver.Scheme();
    const std::uint64_t number = scheme.Join(parts);
    std::uint8_t field[8];
    scheme.StoreOnWire(field, number);
    const SequenceReceiver::Guess guess = receiver.Check(field);
    if (guess.drop != DropReason::None)
    {
        return {guess.drop, guess.number == number};
    }
    if (guess.number != number)
    {
        return {DropReason::Icv, false};
    }
    return {receiver.Accept(guess), true};
}

std::uint64_t
ReachOf(const SequenceScheme& scheme)
{
    if (scheme.HasImpliedPart())
    {
        return std::uint64_t{1} << scheme.CounterBitsOnWire();
    }
    return std::uint64_t{1} << 60; // all numbers of a walk
}

constexpr std::uint32_t kSizes[] = {2, 16, 64, 100, 1024};
constexpr std::uint16_t kUsed = 5; ///< subspaces of a walk, of which some start late

TEST(SequenceReceiverProperty, BitmapsOfEverySchemeAgreeWithSetsOfNumbers)
{
    const SequenceScheme schemes[] = {SequenceScheme::Plain(true),
                                      SequenceScheme::Sub32(3, 8),
                                      SequenceScheme::Sub32(8, 200),
                                      SequenceScheme::Sub64(5),
                                      SequenceScheme::Sub64(65536)};
    std::map<DropReason, std::size_t> fates;
    for (const SequenceScheme& scheme : schemes)
    {
        for (const std::uint32_t size : kSizes)
        {
            SCOPED_TRACE(std::string(Name(scheme.kind)) + " " + std::to_string(scheme.subspaces) +
                         " size " + std::to_string(size));
            Random random(size * 7919 + scheme.subspaces);
            AntiReplayConfig config;
            config.window = size;
            SequenceReceiver receiver(scheme, config);
            std::map<std::uint16_t, NaiveBitmap> naive;
            for (int i = 0; i < 6000; ++i)
            {
                const auto stride = static_cast<std::uint16_t>((scheme.subspaces - 1) / 4);
                const auto subspace = static_cast<std::uint16_t>(random() % kUsed * stride);
                NaiveBitmap& window =
                    naive.try_emplace(subspace, size, ReachOf(scheme)).first->second;
                const std::uint64_t n = Draw(random, window.Top(), size, ReachOf(scheme));
                if (n > scheme.LastCounter())
                {
                    continue;
                }
                const bool expected = window.Takes(n);
                const Offering got = Offer(receiver, {subspace, n});
                ++fates[got.drop];
                ASSERT_EQ(got.drop == DropReason::None, expected)
                    << "subspace " << subspace << " top " << window.Top() << " number " << n
                    << " step " << i << " " << Name(got.drop);
                if (expected)
                {
                    window.Take(n);
                    ASSERT_EQ(receiver.Find(subspace)->Top(), window.Top());
                }
            }
            std::size_t used = naive.count(0) == 0 ? 1 : 0;
            for (const auto& [subspace, window] : naive)
            {
                used += window.Top() != 0 || subspace == 0 ? 1 : 0;
            }
            EXPECT_EQ(receiver.WindowCount(), used);
        }
    }
    for (const DropReason reason : {DropReason::None,
                                    DropReason::ReplayTooOld,
                                    DropReason::ReplayDuplicate,
                                    DropReason::ReplayInvalid,
                                    DropReason::Icv})
    {
        EXPECT_GT(fates[reason], 100U) << Name(reason);
    }
}

TEST(SequenceReceiverProperty, AHashGivesTheVerdictsOfTheArray)
{
    const SequenceScheme schemes[] = {SequenceScheme::Plain(true),
                                      SequenceScheme::Sub32(8, 200),
                                      SequenceScheme::Sub64(1),
                                      SequenceScheme::Sub64(64)};
    constexpr std::uint64_t kSize = 64;
    std::map<DropReason, std::size_t> fates;
    for (const SequenceScheme& scheme : schemes)
    {
        SCOPED_TRACE(std::string(Name(scheme.kind)) + " " + std::to_string(scheme.subspaces));
        Random random(scheme.subspaces);
        SequenceReceiver array(scheme, {}, SubspaceIndex::Array);
        SequenceReceiver hash(scheme, {}, SubspaceIndex::Hash);
        for (int i = 0; i < 40000; ++i)
        {
            const auto subspace = static_cast<std::uint16_t>(random() % scheme.subspaces);
            const AntiReplay* const known = array.Find(subspace);
            ASSERT_EQ(hash.Find(subspace) == nullptr, known == nullptr);
            const std::uint64_t n = Draw(random, known ? known->Top() : 0, kSize, ReachOf(scheme));
            if (n > scheme.LastCounter())
            {
                continue;
            }
            const Offering expected = Offer(array, {subspace, n});
            const Offering got = Offer(hash, {subspace, n});
            ASSERT_EQ(got.drop, expected.drop) << "subspace " << subspace << " number " << n;
            ASSERT_EQ(got.rightGuess, expected.rightGuess);
            ASSERT_EQ(hash.WindowCount(), array.WindowCount());
            ++fates[got.drop];
        }
    }
    for (const DropReason reason : {DropReason::None,
                                    DropReason::ReplayTooOld,
                                    DropReason::ReplayDuplicate,
                                    DropReason::ReplayInvalid,
                                    DropReason::Icv})
    {
        EXPECT_GT(fates[reason], 100U) << Name(reason);
    }
}

TEST(SequenceReceiver, AHashTakesAnyIdentifiersAndSoManyWindows)
{
    constexpr std::uint32_t kSubspaces = 8;
    SequenceReceiver array(SequenceScheme::Sub64(kSubspaces), {}, SubspaceIndex::Array);
    SequenceReceiver hash(SequenceScheme::Sub64(kSubspaces), {}, SubspaceIndex::Hash);
    EXPECT_EQ(array.CheckSent({60000, 1}).drop, DropReason::SubspaceRange);
    for (std::uint16_t i = 1; i < kSubspaces; ++i)
    {
        const auto guess = hash.CheckSent({static_cast<std::uint16_t>(i * 9001), 1});
        ASSERT_EQ(guess.drop, DropReason::None);
        EXPECT_EQ(hash.WindowCount(), i) << "before the ICV was seen";
        EXPECT_EQ(hash.Accept(guess), DropReason::None);
    }
    EXPECT_EQ(hash.CheckSent({1, 1}).drop, DropReason::SubspaceRange);
    EXPECT_EQ(hash.CheckSent({9001, 1}).drop, DropReason::ReplayDuplicate);
    EXPECT_EQ(hash.CheckSent({9001, 2}).drop, DropReason::None);
    EXPECT_EQ(hash.CheckSent({0, 1}).drop, DropReason::None) << "it has a window from the start";
}

/// What the rule "identifiers are below the number of subspaces" buys: octets beside the windows.
TEST(SequenceReceiver, AnArrayIsSmallerForSmallIdentifiersAndLargerForArbitraryOnes)
{
    const auto octets = [](SubspaceIndex index, std::uint32_t windows, std::uint32_t stride)
    {
        SequenceReceiver receiver(SequenceScheme::Sub64(65536), {}, index);
        for (std::uint32_t i = 0; i < windows; ++i)
        {
            receiver.Accept(receiver.CheckSent({static_cast<std::uint16_t>(i * stride), 1}));
        }
        return receiver.Octets();
    };
    for (const std::uint32_t windows : {16U, 256U, 4096U})
    {
        SCOPED_TRACE(windows);
        const std::uint32_t stride = 65535 / (windows - 1);
        EXPECT_LT(octets(SubspaceIndex::Array, windows, 1),
                  octets(SubspaceIndex::Hash, windows, 1));
        EXPECT_EQ(octets(SubspaceIndex::Hash, windows, stride),
                  octets(SubspaceIndex::Hash, windows, 1));
        EXPECT_GT(octets(SubspaceIndex::Array, windows, stride),
                  octets(SubspaceIndex::Hash, windows, stride));
        // A pointer for each identifier up to the largest that is used.
        EXPECT_EQ(octets(SubspaceIndex::Array, windows, stride) -
                      octets(SubspaceIndex::Array, windows, 1),
                  ((windows - 1) * stride + 1 - windows) * sizeof(void*));
    }
}

TEST(SequenceReceiverProperty, DoubleWindowAgreesWithIntervals)
{
    std::size_t takenByLeft = 0;
    for (const std::uint32_t size : {2U, 16U, 64U, 100U, 1024U})
    {
        for (std::uint64_t seed = 1; seed <= 20; ++seed)
        {
            SCOPED_TRACE("size " + std::to_string(size) + " seed " + std::to_string(seed));
            Random random(seed * 104729 + size);
            AntiReplayConfig config;
            config.window = size;
            config.kind = WindowKind::Double;
            SequenceReceiver receiver(SequenceScheme::Sub64(1), config);
            NaiveDouble window(size);
            for (int i = 0; i < 4000; ++i)
            {
                const std::uint64_t n = Draw(random, window.Top(), size, 100 * size);
                const bool expected = window.Takes(n);
                ASSERT_EQ(Offer(receiver, {0, n}).drop == DropReason::None, expected)
                    << "top " << window.Top() << " number " << n << " step " << i;
                if (expected)
                {
                    takenByLeft += n + size <= window.Top() ? 1 : 0;
                    window.Take(n);
                }
            }
        }
    }
    EXPECT_GT(takenByLeft, 1000U) << "the walks do not reach beyond a single window";
}

TEST(SequenceReceiverProperty, ControlledShiftAgreesWithASet)
{
    std::size_t sacrificed = 0;
    for (const std::uint32_t size : kSizes)
    {
        for (std::uint64_t seed = 1; seed <= 20; ++seed)
        {
            SCOPED_TRACE("size " + std::to_string(size) + " seed " + std::to_string(seed));
            Random random(seed * 15485863 + size);
            AntiReplayConfig config;
            config.window = size;
            config.kind = WindowKind::ControlledShift;
            SequenceReceiver receiver(SequenceScheme::Sub64(1), config);
            NaiveControlled window(size);
            std::uint64_t shift = 0;
            for (int i = 0; i < 4000; ++i)
            {
                // Now and then everything is far ahead, so that the window has to follow.
                shift = random() % 64 == 0 ? (shift == 0 ? 8 * size : 0) : shift;
                const std::uint64_t n = shift + Draw(random, window.Top(), size, 100 * size);
                const bool expected = window.Takes(n);
                const DropReason drop = Offer(receiver, {0, n}).drop;
                ASSERT_EQ(drop == DropReason::None, expected)
                    << "top " << window.Top() << " number " << n << " step " << i;
                if (expected)
                {
                    window.Take(n);
                }
                else if (drop == DropReason::ReplayFarAhead)
                {
                    ASSERT_GE(n, window.Top() + size);
                    window.Sacrifice();
                    ++sacrificed;
                }
            }
        }
    }
    EXPECT_GT(sacrificed, 1000U);
}

/// What the abstract promises: one early packet, d numbers ahead of the rest, costs nothing.
TEST(SequenceReceiverProperty, DoubleWindowSurvivesAnyOneJump)
{
    for (const std::uint64_t jump : {std::uint64_t{10}, std::uint64_t{64}, std::uint64_t{5000}})
    {
        for (const WindowKind kind : {WindowKind::Bitmap, WindowKind::Double})
        {
            AntiReplayConfig config;
            config.window = 64;
            config.kind = kind;
            SequenceReceiver receiver(SequenceScheme::Plain(false), config);
            std::uint64_t lost = 0;
            lost += Offer(receiver, {0, 1}).drop != DropReason::None ? 1 : 0;
            lost += Offer(receiver, {0, 1 + jump}).drop != DropReason::None ? 1 : 0;
            for (std::uint64_t n = 2; n <= jump; ++n)
            {
                lost += Offer(receiver, {0, n}).drop != DropReason::None ? 1 : 0;
            }
            const std::uint64_t single = jump < 64 ? 0 : jump - 63 - 1;
            EXPECT_EQ(lost, kind == WindowKind::Bitmap ? single : 0) << jump;
        }
    }
}

} // namespace

} // namespace ipseclab::esp
