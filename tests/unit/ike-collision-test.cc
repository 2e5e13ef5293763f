/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/ike-ledger.h"

// Both sides at once: RFC 7296, sections 2.8.1, 2.8.2 and 2.25.

namespace ipseclab::test
{
namespace
{

using ike::ChildSaInstalled;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

// ---- which of two new SAs stays

/// First octets of the four nonces, and whose new SA stays.
struct NonceCase
{
    std::uint8_t requestOfA;
    std::uint8_t responseOfB;
    std::uint8_t requestOfB;
    std::uint8_t responseOfA;
    bool stayerIsOfA;
};

// The exchange that has the lowest nonce loses, whichever side put it in.
constexpr NonceCase kNonceCases[] = {
    {0x00, 0xff, 0xff, 0xff, false},
    {0xff, 0x00, 0xff, 0xff, false},
    {0xff, 0xff, 0x00, 0xff, true},
    {0xff, 0xff, 0xff, 0x00, true},
};

//   A                                                B
//   |-- N(REKEY_SA), SA, Ni1 ----\  /---- N(REKEY_SA), SA, Ni2 --|
//   |<----------------------------\/---------------------------->|
//   |-- SA, Nr2 ------------------\/---------------- SA, Nr1 ----|
//   the side that made what stays:    D(old)
//   the side that made what does not: D(its own new one)
TEST(IkeCollision, OneOfTwoRekeyedChildrenStays)
{
    for (const auto& c : kNonceCases)
    {
        SCOPED_TRACE(static_cast<int>(&c - kNonceCases));
        Story story;
        auto& pair = story.pair;
        pair.a.random.heads = {c.requestOfA, c.responseOfA};
        pair.b.random.heads = {c.requestOfB, c.responseOfB};
        pair.a.endpoint.RekeyChildSa(pair.now, story.FirstSpi(true));
        pair.b.endpoint.RekeyChildSa(pair.now, story.FirstSpi(false));
        pair.Collect();
        pair.RunFor(1s);
        story.Update();
        EXPECT_EQ(story.a.LiveChildren().size(), 1U);
        EXPECT_EQ(story.a.children.size(), 2U) << "the old one still receives";
        story.Rest();
        ASSERT_EQ(story.a.children.size(), 1U);
        ASSERT_EQ(story.b.children.size(), 1U);
        const auto& atA = story.a.children.begin()->second;
        const auto& atB = story.b.children.begin()->second;
        EXPECT_EQ(atA.installed.outboundReady, c.stayerIsOfA) << "who made it sends at once";
        EXPECT_EQ(atB.installed.outboundReady, !c.stayerIsOfA);
        EXPECT_TRUE(atA.ready);
        EXPECT_TRUE(atB.ready);
        EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), 3U);
        const auto ladder = story.Ladder();
        EXPECT_EQ(ladder.size(), 8U);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "A req: D(ESP)"), 1);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "B req: D(ESP)"), 1);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "A resp: D(ESP)"), 1);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "B resp: D(ESP)"), 1);
    }
}

//   A                                                B
//   |-- SA, Ni1, KEi1 -----------\  /----------- SA, Ni2, KEi2 --|
//   |-- SA, Nr2, KEr2 -----------\  /----------- SA, Nr1, KEr1 --|
//   the side that made what stays:    D(IKE) on the old one
//   the side that made what does not: D(IKE) on its own new one
TEST(IkeCollision, OneOfTwoRekeyedIkeSasInheritsTheChildren)
{
    for (const auto& c : kNonceCases)
    {
        SCOPED_TRACE(static_cast<int>(&c - kNonceCases));
        Story story;
        auto& pair = story.pair;
        constexpr std::uint8_t kAnyPrivate = 0x40;
        pair.a.random.heads = {c.requestOfA, kAnyPrivate, c.responseOfA};
        pair.b.random.heads = {c.requestOfB, kAnyPrivate, c.responseOfB};
        pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
        pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
        story.Rest(1min);
        EXPECT_EQ(story.Ladder().size(), 8U);
        story.Rest();
        EXPECT_FALSE(pair.a.endpoint.PollTimeout());
        EXPECT_FALSE(pair.b.endpoint.PollTimeout());
        ASSERT_EQ(story.a.ikeSas.size(), 1U);
        const auto& stayer = story.a.ikeSas.begin()->second;
        EXPECT_FALSE(stayer.id == story.Id());
        EXPECT_EQ(stayer.initiator, c.stayerIsOfA);
        ASSERT_EQ(story.a.children.size(), 1U);
        EXPECT_EQ(story.a.children.begin()->second.ikeSa, stayer.id);
        EXPECT_EQ(pair.a.All<ike::IkeSaEstablished>().size(), 3U);
        EXPECT_EQ(pair.a.All<ike::IkeSaRekeyed>().size(), 1U);
        EXPECT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, story.FirstSpi(true))) << "it works";
        story.Rest();
        EXPECT_EQ(story.a.children.size(), 1U);
    }
}

// ---- only one side knows (RFC 7296, section 2.8.1)

//   A                                      B
//   |-- N(REKEY_SA) ... --> lost           |
//   |<---------------- N(REKEY_SA) ... ----|
//   |-- SA, Nr ... ----------------------->|
//   |<------------------------- D(old) ----|
//   |-- D(old) --------------------------->|  done, and has seen nothing of A's rekeying
//   |-- N(REKEY_SA) ... again ------------>|
//   |<---------------- CHILD_SA_NOT_FOUND -|
//   A knows why, and does nothing
TEST(IkeCollision, LateRequestToRekeyTheChildIsIgnored)
{
    Story story;
    auto& pair = story.pair;
    pair.copies = [&](const Pair::Message&)
    { return pair.log.size() == story.start + 1 ? 0U : 1U; };
    pair.a.endpoint.RekeyChildSa(pair.now, story.FirstSpi(true));
    pair.b.endpoint.RekeyChildSa(pair.now, story.FirstSpi(false));
    story.Rest();
    EXPECT_EQ(story.Ladder(),
              (Lines{"A req: REKEY_SA SA Nonce TSi TSr",
                     "B req: REKEY_SA SA Nonce TSi TSr",
                     "A resp: SA Nonce TSi TSr",
                     "B req: D(ESP)",
                     "A resp: D(ESP)",
                     "A req: REKEY_SA SA Nonce TSi TSr",
                     "B resp: CHILD_SA_NOT_FOUND"}));
    EXPECT_EQ(story.a.children.size(), 1U);
    EXPECT_TRUE(story.a.children.begin()->second.ready);
    EXPECT_EQ(pair.a.endpoint.ChildSaCount(), 1U);
}

//   A                                      B
//   |-- SA, Ni, KEi --> late               |
//   |<---------------------- SA, Ni, KEi --|
//   |-- SA, Nr, KEr ---------------------->|
//   |<---------------------------- D(IKE) -|
//   A forgets its own attempt              |
TEST(IkeCollision, DeleteOfTheIkeSaEndsOurOwnRekeying)
{
    Story story;
    auto& pair = story.pair;
    pair.copies = [&](const Pair::Message&)
    { return pair.log.size() == story.start + 1 ? 0U : 1U; };
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
    story.Rest(1min);
    EXPECT_EQ(story.Ladder(),
              (Lines{"A req: SA Nonce KE",
                     "B req: SA Nonce KE",
                     "A resp: SA Nonce KE",
                     "B req: D(IKE)",
                     "A resp: "}));
    ASSERT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_FALSE(story.a.ikeSas.begin()->second.initiator);
    EXPECT_EQ(story.a.children.size(), 1U);
    EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 0U);
}

// As above, but the Delete is lost and A's request comes again first: refused, because that IKE SA
// is closing.
TEST(IkeCollision, LateRequestToRekeyTheIkeSaIsRefused)
{
    Story story;
    auto& pair = story.pair;
    pair.copies = [&](const Pair::Message&)
    {
        const std::size_t place = pair.log.size() - story.start;
        return place == 1 || place == 4 ? 0U : 1U;
    };
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
    story.Rest();
    const auto ladder = story.Ladder();
    EXPECT_EQ(ladder.at(3), "B req: D(IKE)");
    EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "B resp: TEMPORARY_FAILURE"), 1);
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_EQ(story.a.children.size(), 1U);
}

// The peer uses its new IKE SA before the end of the old one is known: that settles it.
//   A                                      B
//   |-- SA, Ni, KEi --> late               |
//   |<---------------------- SA, Ni, KEi --|
//   |-- SA, Nr, KEr ---------------------->|
//   |            lost <----------- D(IKE) -|  on the old IKE SA
//   |<---------------------------- D(ESP) -|  on the new one
//   |-- D(ESP) --------------------------->|
TEST(IkeCollision, UseOfTheSuccessorSettlesIt)
{
    Story story;
    auto& pair = story.pair;
    pair.copies = [&](const Pair::Message&)
    {
        const std::size_t place = pair.log.size() - story.start;
        return place == 1 || place == 4 ? 0U : 1U;
    };
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.Collect();
    pair.RunFor(100ms);
    EXPECT_TRUE(pair.b.endpoint.CloseChildSa(pair.now, story.FirstSpi(false)));
    pair.Collect();
    pair.RunFor(100ms);
    EXPECT_EQ(story.Ladder().back(), "A resp: D(ESP)");
    story.Rest();
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_TRUE(story.a.children.empty());
    EXPECT_EQ(pair.a.endpoint.ChildSaCount(), 0U);
}

// ---- the tables of RFC 7296, sections 2.25.1 and 2.25.2

enum class Deed
{
    RekeyChild,
    CreateChild,
    CloseChild,
    RekeyIke,
    CloseIke,
};

void
Do(Story& story, bool atA, Deed deed)
{
    auto& endpoint = story.Side(atA).endpoint;
    const auto now = story.pair.now;
    switch (deed)
    {
    case Deed::RekeyChild:
        EXPECT_TRUE(endpoint.RekeyChildSa(now, story.FirstSpi(atA)));
        break;
    case Deed::CreateChild:
        EXPECT_TRUE(endpoint.CreateChildSa(now, story.Id()));
        break;
    case Deed::CloseChild:
        EXPECT_TRUE(endpoint.CloseChildSa(now, story.FirstSpi(atA)));
        break;
    case Deed::RekeyIke:
        EXPECT_TRUE(endpoint.RekeyIkeSa(now, story.Id()));
        break;
    case Deed::CloseIke:
        EXPECT_TRUE(endpoint.CloseIkeSa(now, story.Id()));
        break;
    }
}

struct Row
{
    Deed doing;           ///< what A has in flight
    Deed asked;           ///< what B asks for meanwhile
    const char* answer;   ///< of A
    std::size_t ikeSas;   ///< at the end
    std::size_t children; ///< at the end
};

constexpr char kTemporary[] = "A resp: TEMPORARY_FAILURE";
constexpr char kChild[] = "A resp: SA Nonce TSi TSr";
constexpr char kEmpty[] = "A resp: ";
constexpr char kDelete[] = "A resp: D(ESP)";

constexpr Row kRows[] = {
    {Deed::CloseChild, Deed::RekeyChild, kTemporary, 1, 0},
    {Deed::RekeyChild, Deed::RekeyChild, kChild, 1, 1},
    {Deed::CloseChild, Deed::CloseChild, kEmpty, 1, 0},
    {Deed::RekeyChild, Deed::CloseChild, kDelete, 1, 0},
    {Deed::CreateChild, Deed::RekeyIke, kTemporary, 1, 2},
    {Deed::RekeyChild, Deed::RekeyIke, kTemporary, 1, 1},
    {Deed::CloseChild, Deed::RekeyIke, kTemporary, 1, 0},
    {Deed::RekeyIke, Deed::RekeyIke, "A resp: SA Nonce KE", 1, 1},
    {Deed::CloseIke, Deed::RekeyIke, kTemporary, 0, 0},
    {Deed::RekeyIke, Deed::CloseIke, kEmpty, 0, 0},
    {Deed::CloseIke, Deed::CloseIke, kEmpty, 0, 0},
    {Deed::RekeyIke, Deed::CreateChild, kTemporary, 1, 2},
    {Deed::RekeyIke, Deed::RekeyChild, kTemporary, 1, 1},
    {Deed::RekeyIke, Deed::CloseChild, kDelete, 1, 0},
    {Deed::CreateChild, Deed::CreateChild, kChild, 1, 3},
    {Deed::CreateChild, Deed::RekeyChild, kChild, 1, 2},
    {Deed::CloseIke, Deed::RekeyChild, kTemporary, 0, 0},
    {Deed::CloseIke, Deed::CreateChild, kTemporary, 0, 0},
    {Deed::CloseIke, Deed::CloseChild, kDelete, 0, 0},
};

TEST(IkeCollision, EveryRowOfTheTables)
{
    for (const Row& row : kRows)
    {
        for (const bool mirrored : {false, true})
        {
            SCOPED_TRACE(static_cast<int>(&row - kRows));
            SCOPED_TRACE(mirrored ? "B is the one in the first column" : "A is");
            Story story;
            Do(story, !mirrored, row.doing);
            Do(story, mirrored, row.asked);
            story.Rest();
            const auto ladder = story.Ladder();
            std::string expected = row.answer;
            expected[0] = mirrored ? 'B' : 'A';
            const auto first = std::find_if(ladder.begin(),
                                            ladder.end(),
                                            [&](const std::string& line)
                                            { return line.rfind(expected.substr(0, 6), 0) == 0; });
            ASSERT_NE(first, ladder.end());
            EXPECT_EQ(*first, expected);
            EXPECT_EQ(story.a.ikeSas.size(), row.ikeSas);
            EXPECT_EQ(story.a.children.size(), row.children);
            EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), row.children);
            EXPECT_EQ(story.pair.b.endpoint.ChildSaCount(), row.children);
            EXPECT_EQ(story.pair.a.endpoint.IkeSaCount(), row.ikeSas);
            EXPECT_EQ(story.pair.b.endpoint.IkeSaCount(), row.ikeSas);
            EXPECT_FALSE(story.pair.a.endpoint.PollTimeout());
            EXPECT_FALSE(story.pair.b.endpoint.PollTimeout());
        }
    }
}

} // namespace
} // namespace ipseclab::test
