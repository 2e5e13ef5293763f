/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/per-resource-sa.h"
#include "tests/unit/ike-ledger.h"

/*
 * Child SAs for single resources (RFC 9611).
 */

namespace ipseclab::test
{
namespace
{

using ike::AskForResourceSas;
using ike::ChildSaInstalled;
using ike::ChildSaRefused;
using ike::SaResource;
using wire::NotifyType;

ike::PeerConfig
With(bool atA, std::uint32_t resources, std::size_t limit = 0)
{
    auto peer = MakePeer(atA);
    peer.extensions = {ike::PerResourceSas({resources, limit})};
    return peer;
}

/// "-": no resource; "*": fallback; otherwise its number. In the order in which they came up.
std::string
Resources(const Pair::Node& node)
{
    std::string text;
    for (const auto& child : node.All<ChildSaInstalled>())
    {
        const auto* resource = child.properties.Find<SaResource>();
        text += !resource ? "-" : (resource->number ? std::to_string(*resource->number) : "*");
    }
    return text;
}

struct Case
{
    const char* name;
    bool a;
    bool b;
    const char* first; ///< both sides' first Child SA
};

class PerResourceTable : public testing::TestWithParam<Case>
{
};

// RFC 9611, section 3.1: only where both have it is the first Child SA the fallback of others.
TEST_P(PerResourceTable, TakesBoth)
{
    const Case& c = GetParam();
    Story story(c.a ? With(true, 2) : MakePeer(true), c.b ? With(false, 2) : MakePeer(false));
    EXPECT_EQ(Resources(story.pair.a), c.first);
    EXPECT_EQ(Resources(story.pair.b), c.first);
    EXPECT_EQ(story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{}),
              c.a && c.b);
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), c.a && c.b ? 3U : 1U);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         PerResourceTable,
                         testing::Values(Case{"Neither", false, false, "-"},
                                         Case{"OnlyTheInitiator", true, false, "-"},
                                         Case{"OnlyTheResponder", false, true, "-"},
                                         Case{"Both", true, true, "*"}),
                         [](const auto& c) { return c.param.name; });

TEST(PerResource, OneChildSaForEachAfterTheOther)
{
    Story story(With(true, 3), With(false, 2));
    EXPECT_TRUE(story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{}));
    story.Rest();
    EXPECT_EQ(Resources(story.pair.a), "*012");
    // The other side has two, and spreads.
    EXPECT_EQ(Resources(story.pair.b), "*010");
    const std::string exchange = "A req: SA Nonce TSi TSr SA_RESOURCE_INFO";
    const std::string answer = "B resp: SA Nonce TSi TSr SA_RESOURCE_INFO";
    EXPECT_EQ(story.Ladder(),
              (std::vector<std::string>{exchange, answer, exchange, answer, exchange, answer}));
    // What each calls its resource, in four octets; the fallback has no name.
    const auto atB = story.pair.b.All<ChildSaInstalled>();
    EXPECT_EQ(atB.at(0).properties.Find<SaResource>()->peerIdentifier, Bytes());
    EXPECT_EQ(atB.at(3).properties.Find<SaResource>()->peerIdentifier, Bytes({0, 0, 0, 2}));
    const auto atA = story.pair.a.All<ChildSaInstalled>();
    EXPECT_EQ(atA.at(2).properties.Find<SaResource>()->peerIdentifier, Bytes({0, 0, 0, 1}));
    // Keys of their own.
    EXPECT_NE(atA.at(1).encryptionOutbound, atA.at(2).encryptionOutbound);
    EXPECT_EQ(atA.at(1).suite, atA.at(0).suite);
    EXPECT_EQ(atA.at(1).localSelectors, atA.at(0).localSelectors);
}

// RFC 9611, section 3.2: the peer has enough, which is no reason to give up what there is.
TEST(PerResource, TheLimitIsTsMaxQueueAndEndsTheAsking)
{
    Story story(With(true, 5), With(false, 5, 2));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{});
    story.Rest();
    EXPECT_EQ(Resources(story.pair.a), "*01");
    const auto refused = story.pair.a.All<ChildSaRefused>();
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_EQ(refused.front().reason, NotifyType::TsMaxQueue);
    EXPECT_EQ(story.pair.b.endpoint.ChildSaCount(), 3U);
    // Other requests of the same side go on as ever: here the rekeying of one.
    EXPECT_TRUE(story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.a.LiveChildren().at(1)));
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 3U);
}

TEST(PerResource, TheLimitIsTwiceTheResourcesByDefault)
{
    Story story(With(true, 9), With(false, 2));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{});
    story.Rest();
    EXPECT_EQ(Resources(story.pair.b), "*0101");
}

// Both ask at once: each resource of either side has one in the end (RFC 9611, section 6).
TEST(PerResource, BothMayAskAtOnce)
{
    Story story(With(true, 2, 4), With(false, 2, 4));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{});
    story.pair.b.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{});
    story.Rest();
    for (const auto* node : {&story.pair.a, &story.pair.b})
    {
        const std::string text = Resources(*node);
        EXPECT_NE(text.find('0'), std::string::npos) << text;
        EXPECT_NE(text.find('1'), std::string::npos) << text;
        EXPECT_LE(text.size(), 5U) << text;
    }
}

// RFC 9611, section 3: rekeyed, also by way of the IKE SA, a Child SA keeps its resource.
TEST(PerResource, RekeyingKeepsTheResource)
{
    Story story(With(true, 2), With(false, 2));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForResourceSas{});
    story.Rest();
    const auto second = story.pair.b.All<ChildSaInstalled>().at(2);
    story.start = story.pair.log.size();
    story.pair.b.endpoint.RekeyIkeSa(story.pair.now, story.Id());
    story.Rest();
    EXPECT_TRUE(story.pair.b.endpoint.RekeyChildSa(story.pair.now, second.spiInbound));
    story.Rest();
    EXPECT_EQ(Resources(story.pair.a), "*011");
    EXPECT_EQ(Resources(story.pair.b), "*011");
    for (const auto& line : story.Ladder())
    {
        EXPECT_EQ(line.find("SA_RESOURCE_INFO"), std::string::npos) << line;
    }
    // A resource that is free again is asked for again, and only that.
    story.pair.a.endpoint.CloseChildSa(story.pair.now,
                                       story.pair.a.Last<ChildSaInstalled>().spiInbound);
    story.Rest();
    const auto id = story.a.ikeSas.begin()->second.id;
    EXPECT_TRUE(story.pair.a.endpoint.Command(story.pair.now, id, AskForResourceSas{}));
    story.Rest();
    EXPECT_EQ(Resources(story.pair.a), "*0111");
}

// Protocol, SPI and length of the notify are for the peer to get wrong.
TEST(PerResource, OddNotifiesDoNoHarm)
{
    Story story(With(true, 2), With(false, 2));
    auto initiator = Impersonate(story.pair, true);
    auto request = Unseal(story.pair, story.pair.log.at(2));
    wire::PayloadList ask;
    for (auto& payload : request)
    {
        const bool wanted = payload.type == wire::PayloadType::Sa ||
                            payload.type == wire::PayloadType::TsI ||
                            payload.type == wire::PayloadType::TsR;
        if (wanted)
        {
            ask.push_back(payload);
        }
    }
    ask.push_back(wire::MakePayload(wire::PayloadType::Nonce, wire::NoncePayload{Bytes(32, 1)}));
    ask.push_back(wire::MakeNotify(NotifyType::SaResourceInfo,
                                   wire::ProtocolId::Esp,
                                   Bytes(4, 7),
                                   Bytes(5000, 9)));
    story.pair.Inject(story.pair.b,
                      initiator.Seal(wire::ExchangeType::CreateChildSa, 2, false, ask));
    EXPECT_EQ(Resources(story.pair.b), "*0");
    EXPECT_EQ(story.pair.b.Last<ChildSaInstalled>().properties.Find<SaResource>()->peerIdentifier,
              Bytes(5000, 9));
}

} // namespace
} // namespace ipseclab::test
