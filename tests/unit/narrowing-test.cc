/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/narrowing.h"

#include "tests/unit/ike-pair.h"

namespace ipseclab::test
{
namespace
{

using ike::IsNarrowing;
using ike::Narrow;

// The cases of RFC 7296, section 2.9.
TEST(Narrowing, AllAcceptableIsReturnedAsOffered)
{
    const auto offered = Selectors({"10.1.0.0/24", "10.1.9.1"});
    EXPECT_EQ(Narrow(offered, Selectors({"10.0.0.0/8"})), offered);
}

TEST(Narrowing, NothingInCommonIsEmpty)
{
    EXPECT_TRUE(Narrow(Selectors({"10.1.0.0/16"}), Selectors({"10.2.0.0/16"})).empty());
    EXPECT_TRUE(Narrow(Selectors({"10.1.0.0/16"}), Selectors({"2001:db8::1"})).empty());
    EXPECT_TRUE(Narrow({}, Selectors({"10.2.0.0/16"})).empty());
}

TEST(Narrowing, TheSpecificSelectorComesFirst)
{
    EXPECT_EQ(
        Narrow(Selectors({"10.1.3.7", "10.1.0.0/16"}), Selectors({"10.1.1.0/24", "10.1.3.0/24"})),
        Selectors({"10.1.3.7", "10.1.1.0/24", "10.1.3.0/24"}));
}

TEST(Narrowing, EqualPartsAppearOnce)
{
    EXPECT_EQ(Narrow(Selectors({"10.1.0.0/16", "10.0.0.0/8"}), Selectors({"10.1.2.0/24"})),
              Selectors({"10.1.2.0/24"}));
}

TEST(Narrowing, ProtocolsAndPortsNarrowToo)
{
    auto offered = Selectors({"10.1.0.0/16"});
    offered[0].protocol = 17;
    auto ours = Selectors({"10.1.2.0/24"});
    ours[0].startPort = 53;
    ours[0].endPort = 53;
    const auto narrowed = Narrow(offered, ours);
    ASSERT_EQ(narrowed.size(), 1U);
    EXPECT_EQ(narrowed[0].protocol, 17);
    EXPECT_EQ(narrowed[0].startPort, 53);
    EXPECT_EQ(narrowed[0].start, ours[0].start);
}

// 17 x 17 pairs would make 289 selectors; the count field has one octet.
TEST(Narrowing, TheWireCountsTo255)
{
    TrafficSelectorList offered;
    TrafficSelectorList ours;
    for (std::uint16_t i = 0; i < 17; ++i)
    {
        auto range = Selectors({"10.0.0.0/8"}).front();
        range.startPort = static_cast<std::uint16_t>(100 + i);
        range.endPort = 1000;
        offered.push_back(range);
        range.startPort = 100;
        range.endPort = static_cast<std::uint16_t>(900 + i);
        ours.push_back(range);
    }
    EXPECT_EQ(Narrow(offered, ours).size(), 255U);
}

TEST(Narrowing, AnswersAreChecked)
{
    const auto offered = Selectors({"10.1.0.0/16", "10.3.0.0/16"});
    EXPECT_TRUE(IsNarrowing(offered, offered));
    EXPECT_TRUE(IsNarrowing(Selectors({"10.3.4.0/24"}), offered));
    EXPECT_FALSE(IsNarrowing({}, offered));
    EXPECT_FALSE(IsNarrowing(Selectors({"10.3.4.0/24", "10.2.0.1"}), offered));
    EXPECT_FALSE(IsNarrowing(Selectors({"10.1.0.0-10.3.255.255"}), offered));
}

} // namespace
} // namespace ipseclab::test
