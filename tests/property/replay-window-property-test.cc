/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/replay-window.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <set>
#include <vector>

namespace ipseclab::esp
{

namespace
{

constexpr std::uint64_t kBlock = std::uint64_t{1} << 32;
constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();

/// RFC 4303, section 3.4.3, word for word: a set of what was seen and the highest of it.
class Reference
{
  public:
    Reference(std::uint32_t size, std::uint64_t top)
        : m_size(size),
          m_top(top)
    {
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
        return m_seen.count(number) ? WindowVerdict::Duplicate : WindowVerdict::Fresh;
    }

    void Advance(std::uint64_t number)
    {
        m_top = std::max(m_top, number);
        m_seen.insert(number);
        while (!m_seen.empty() && m_top - *m_seen.begin() >= m_size)
        {
            m_seen.erase(m_seen.begin());
        }
    }

    std::uint64_t Top() const
    {
        return m_top;
    }

  private:
    std::uint64_t m_size;
    std::uint64_t m_top;
    std::set<std::uint64_t> m_seen;
};

/// The next number that a test offers: mostly near the window's ends, at times far off.
std::uint64_t
Draw(std::mt19937_64& random, std::uint64_t top, std::uint64_t size)
{
    const auto upTo = [&random](std::uint64_t n) { return n == 0 ? 0 : random() % (n + 1); };
    const auto ahead = [top](std::uint64_t d) { return d > kLast - top ? kLast : top + d; };
    const auto behind = [top](std::uint64_t d) { return d > top ? 0 : top - d; };
    switch (random() % 16)
    {
    case 0:
        return ahead(upTo(2 * size));
    case 1:
        return ahead(size - 1 + upTo(2));
    case 2:
        return random() % 64 == 0 ? ahead(upTo(std::uint64_t{1} << (random() % 33))) : ahead(1);
    case 3:
        return behind(size - 1 + upTo(2));
    case 4:
    case 5:
    case 6:
        return behind(upTo(size + size / 4));
    case 7:
    case 8:
        return behind(upTo(8));
    case 9:
        return ahead(63 + upTo(2));
    default:
        return ahead(1 + upTo(size / 64));
    }
}

class EveryWindowSize : public testing::TestWithParam<std::uint32_t>
{
};

TEST_P(EveryWindowSize, AgreesWithASet)
{
    const std::uint32_t size = GetParam();
    const std::uint64_t starts[] = {0,
                                    1,
                                    size,
                                    kBlock - 2 * std::uint64_t{size},
                                    kBlock - 1,
                                    kLast - 40 * std::uint64_t{size}};
    std::size_t verdicts[3] = {};
    for (const std::uint64_t start : starts)
    {
        for (std::uint64_t seed = 1; seed <= 4; ++seed)
        {
            SCOPED_TRACE("size " + std::to_string(size) + " start " + std::to_string(start) +
                         " seed " + std::to_string(seed));
            std::mt19937_64 random(seed * 1000003 + size);
            ReplayWindow window(size, start);
            Reference reference(size, start);
            for (int i = 0; i < 4000; ++i)
            {
                const std::uint64_t number = Draw(random, reference.Top(), size);
                const WindowVerdict expected = reference.Check(number);
                ASSERT_EQ(window.Check(number), expected) << "number " << number << " step " << i;
                ++verdicts[static_cast<std::size_t>(expected)];
                if (expected == WindowVerdict::Fresh)
                {
                    window.Advance(number);
                    reference.Advance(number);
                    ASSERT_EQ(window.Top(), reference.Top());
                }
            }
        }
    }
    for (const std::size_t count : verdicts)
    {
        EXPECT_GT(count, 1000U) << "the walk does not reach every verdict";
    }
}

/// After any history, every number near the window is judged as the set judges it.
TEST_P(EveryWindowSize, WholeWindowAgreesAfterJumps)
{
    const std::uint32_t size = GetParam();
    for (const std::uint64_t jump : {std::uint64_t{1},
                                     std::uint64_t{63},
                                     std::uint64_t{64},
                                     std::uint64_t{65},
                                     std::uint64_t{size} - 1,
                                     std::uint64_t{size},
                                     std::uint64_t{size} + 1,
                                     std::uint64_t{size} + 64,
                                     2 * std::uint64_t{size} + 129,
                                     kBlock})
    {
        ReplayWindow window(size, 3 * std::uint64_t{size});
        Reference reference(size, 3 * std::uint64_t{size});
        for (std::uint64_t back = 0; back < size; back += 1 + back % 3)
        {
            window.Advance(reference.Top() - back);
            reference.Advance(reference.Top() - back);
        }
        window.Advance(reference.Top() + jump);
        reference.Advance(reference.Top() + jump);
        const std::uint64_t first =
            reference.Top() -
            std::min<std::uint64_t>(reference.Top(), 2 * std::uint64_t{size} + 130);
        for (std::uint64_t number = first; number <= reference.Top() + 2; ++number)
        {
            ASSERT_EQ(window.Check(number), reference.Check(number))
                << "size " << size << " jump " << jump << " number " << number;
        }
    }
}

/// Forwards each number passes once, backwards the window's worth passes once and the rest is old.
TEST_P(EveryWindowSize, Sweeps)
{
    const std::uint32_t size = GetParam();
    ReplayWindow forward(size);
    for (std::uint64_t number = 1; number <= 3 * std::uint64_t{size}; ++number)
    {
        ASSERT_EQ(forward.Check(number), WindowVerdict::Fresh);
        forward.Advance(number);
        ASSERT_EQ(forward.Check(number), WindowVerdict::Duplicate);
    }
    ReplayWindow backward(size, 2 * std::uint64_t{size});
    for (std::uint64_t back = 0; back < 2 * std::uint64_t{size}; ++back)
    {
        const std::uint64_t number = 2 * std::uint64_t{size} - back;
        ASSERT_EQ(backward.Check(number),
                  back < size ? WindowVerdict::Fresh : WindowVerdict::TooOld);
        if (back < size)
        {
            backward.Advance(number);
        }
    }
}

/**
 * Numbered cases in one line each, run in order on one window: a number as a + b * size, and what
 * the window says of it. A number that passes is marked.
 */
struct Case
{
    int id;
    std::int64_t offset;
    std::int64_t sizes;
    WindowVerdict verdict;
};

constexpr WindowVerdict kFresh = WindowVerdict::Fresh;
constexpr WindowVerdict kOld = WindowVerdict::TooOld;
constexpr WindowVerdict kSeen = WindowVerdict::Duplicate;

const Case kCases[] = {
    {1, 1, 0, kFresh},        // the first number of an SA
    {2, 1, 0, kSeen},         // again
    {3, 0, 1, kFresh},        // the top is now the size: 1 is the left edge ...
    {4, 0, 1, kSeen},         // ... the top is seen ...
    {5, 1, 0, kSeen},         // ... and so is 1, which is in the window still
    {6, 0, 0, kOld},          // 0 is one left of the edge
    {7, 1, 1, kFresh},        // one on: 2 is the edge
    {8, 1, 0, kOld},          // 1 has left
    {9, 2, 1, kFresh},        // one on: 3 is the edge
    {10, 2, 0, kOld},         // 2 has left unseen
    {11, 3, 3, kFresh},       // a jump of 2 sizes and 1: nothing old is left
    {12, 2, 1, kOld},         // the top before
    {13, 3, 2, kOld},         // exactly one size back
    {14, 4, 2, kFresh},       // the left edge: never seen
    {15, 4, 2, kSeen},        // the left edge again
    {16, 3, 3, kSeen},        // the top again
    {17, 3, 4, kFresh},       // a jump of exactly one size
    {18, 3, 3, kOld},         // the top before has just left
    {19, 4, 3, kFresh},       // its successor is the left edge
    {20, 2, 5, kFresh},       // a jump of one less than the size
    {21, 3, 4, kSeen},        // the top before is the left edge and seen
    {22, 2, 4, kOld},         // its predecessor is out
    {23, 1000000, 5, kFresh}, // far on
    {24, 2, 5, kOld},         // all behind is out
    {25, 1000000, 4, kOld},   // one size back
    {26, 1000001, 4, kFresh}, // the left edge
    {27, 1000064, 5, kFresh}, // one block of the ring on
    {28, 1000064, 5, kSeen},  // and again
    {29, 1000064, 4, kOld},   // one size back from there
};

/// The table needs three different numbers in a window.
class WindowOfThreeAndMore : public testing::TestWithParam<std::uint32_t>
{
};

TEST_P(WindowOfThreeAndMore, NumberedCases)
{
    const std::int64_t size = GetParam();
    ReplayWindow window(GetParam());
    for (const Case& c : kCases)
    {
        const auto number = static_cast<std::uint64_t>(c.offset + c.sizes * size);
        ASSERT_EQ(window.Check(number), c.verdict) << "case " << c.id << " number " << number;
        if (c.verdict == WindowVerdict::Fresh)
        {
            window.Advance(number);
        }
    }
}

TEST_P(EveryWindowSize, EndOfTheNumberSpace)
{
    const std::uint32_t size = GetParam();
    ReplayWindow window(size, kLast - 1);
    EXPECT_EQ(window.Check(kLast), WindowVerdict::Fresh);
    window.Advance(kLast);
    EXPECT_EQ(window.Check(kLast), WindowVerdict::Duplicate);
    EXPECT_EQ(window.Check(kLast - size), WindowVerdict::TooOld);
    EXPECT_EQ(window.Check(0), WindowVerdict::TooOld);
    EXPECT_EQ(window.Top(), kLast);
}

#define SIZES_OF_SEVERAL \
    31U, 32U, 33U, 63U, 64U, 65U, 127U, 128U, 1000U, 1024U, 4096U, 65535U, 65536U

INSTANTIATE_TEST_SUITE_P(Sizes, EveryWindowSize, testing::Values(1U, SIZES_OF_SEVERAL));
INSTANTIATE_TEST_SUITE_P(Sizes, WindowOfThreeAndMore, testing::Values(3U, SIZES_OF_SEVERAL));

TEST(ReplayWindow, SizeIsKeptWithinItsRange)
{
    EXPECT_EQ(ReplayWindow(0).Size(), 1U);
    EXPECT_EQ(ReplayWindow(77).Size(), 77U);
}

} // namespace

} // namespace ipseclab::esp
