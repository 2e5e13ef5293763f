/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/childless.h"
#include "tests/unit/capture-reader.h"
#include "tests/unit/ike-ledger.h"

/*
 * IKE SAs without a Child SA at first (RFC 6023).
 */

namespace ipseclab::test
{
namespace
{

using ike::ChildSaInstalled;
using wire::NotifyType;

struct Sides
{
    ike::PeerConfig a{MakePeer(true)};
    ike::PeerConfig b{MakePeer(false)};
};

struct Case
{
    const char* name;
    bool initiatorKnows;
    bool initiatorWants;
    bool responderKnows;
    bool childless; ///< expected
};

class ChildlessTable : public testing::TestWithParam<Case>
{
};

// Only where the initiator wants it and the responder has announced it is there no Child SA.
TEST_P(ChildlessTable, DecidesWhetherThereIsAChildSa)
{
    const Case& c = GetParam();
    Sides sides;
    if (c.initiatorKnows)
    {
        sides.a.extensions = {ike::Childless(c.initiatorWants)};
    }
    if (c.responderKnows)
    {
        sides.b.extensions = {ike::Childless(false)};
    }
    Story story(sides.a, sides.b);
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_EQ(story.a.children.size(), c.childless ? 0U : 1U);
    EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), c.childless ? 0U : 1U);
    EXPECT_EQ(story.pair.b.endpoint.ChildSaCount(), c.childless ? 0U : 1U);
    EXPECT_TRUE(story.pair.a.All<ike::ChildSaRefused>().empty());
    ExpectSameSas(story.a, story.b);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         ChildlessTable,
                         testing::Values(Case{"NeitherKnows", false, false, false, false},
                                         Case{"OnlyTheInitiatorKnows", true, true, false, false},
                                         Case{"OnlyTheResponderKnows", false, false, true, false},
                                         Case{"TheInitiatorDoesNotWant", true, false, true, false},
                                         Case{"Both", true, true, true, true}),
                         [](const auto& c) { return c.param.name; });

Sides
Both()
{
    Sides sides;
    sides.a.extensions = {ike::Childless(true)};
    sides.b.extensions = {ike::Childless(false)};
    return sides;
}

// The first Child SA may come later, with a key exchange of its own.
TEST(Childless, ChildSasComeByCreateChildSa)
{
    Sides sides = Both();
    sides.a.childSuites.front().group = crypto::GroupId::Curve25519;
    sides.b.childSuites.front().group = crypto::GroupId::Curve25519;
    Story story(sides.a, sides.b);
    EXPECT_TRUE(story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id()));
    story.Rest();
    EXPECT_EQ(
        story.Ladder(),
        (std::vector<std::string>{"A req: SA Nonce KE TSi TSr", "B resp: SA Nonce KE TSi TSr"}));
    ExpectMirrored(story.pair);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().suite.group, crypto::GroupId::Curve25519);
}

TEST(Childless, AnIkeSaWithoutChildSasIsRekeyed)
{
    const Sides sides = Both();
    Story story(sides.a, sides.b);
    EXPECT_TRUE(story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.Id()));
    story.Rest();
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_TRUE(
        story.pair.b.endpoint.CreateChildSa(story.pair.now, story.b.ikeSas.begin()->second.id));
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 1U);
}

// RFC 6023, section 3: whoever has not announced it refuses, and nothing of it stays. The initiator
// was made to believe in an announcement by somebody in between.
TEST(Childless, WithoutAnAnnouncementItIsRefused)
{
    Pair pair(Both().a, MakePeer(false));
    pair.holding = true;
    pair.Initiate();
    pair.Deliver(pair.TakeHeld(0));
    wire::IkeMessage response = Parse(pair.TakeHeld(0));
    response.payloads.push_back(
        wire::MakeNotify(NotifyType::ChildlessIkev2Supported, wire::ProtocolId::Ike, {}));
    pair.Inject(pair.a, wire::Serialize(response));
    pair.Deliver(pair.TakeHeld(0)); // IKE_AUTH without SA and TS
    EXPECT_EQ(pair.b.Last<ike::IkeSaClosed>().reason, ike::IkeFailure::InvalidSyntax);
    EXPECT_EQ(pair.b.endpoint.ChildSaCount(), 0U);
}

// strongSwan 5.9.8 at both ends; its announcement has protocol 0, which no receiver looks at.
TEST(Childless, AsRecorded)
{
    const Sides sides = Both();
    Story story(sides.a, sides.b);
    const auto ours = Parse(story.pair.log.at(1));
    const auto frames = ReadCapture("childless");
    const auto theirs = wire::ParseMessage(frames.at(1).payload).value();
    const auto* announced = wire::FindNotify(theirs.payloads, NotifyType::ChildlessIkev2Supported);
    const auto* announcement = wire::FindNotify(ours.payloads, NotifyType::ChildlessIkev2Supported);
    ASSERT_TRUE(announced && announcement);
    EXPECT_TRUE(announced->data.empty() && announcement->data.empty());
    EXPECT_TRUE(announced->spi.empty() && announcement->spi.empty());
    const auto session = ReadSession("childless");
    for (const std::size_t frame : {3U, 4U})
    {
        std::vector<std::string> recorded = session["ike_messages"][frame - 1]["payloads"];
        EXPECT_EQ(std::count(recorded.begin(), recorded.end(), "SA"), 0);
        EXPECT_EQ(std::count(recorded.begin(), recorded.end(), "TSi"), 0);
    }
    EXPECT_EQ(Describe(story.pair, story.pair.log.at(2)), "IDi INITIAL_CONTACT IDr AUTH");
    EXPECT_EQ(Describe(story.pair, story.pair.log.at(3)), "IDr AUTH");
}

} // namespace
} // namespace ipseclab::test
