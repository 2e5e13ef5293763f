/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/key-exchange.h"

#include "tests/unit/ike-ledger.h"

// CREATE_CHILD_SA that rekeys the IKE SA, one side at a time.

namespace ipseclab::test
{
namespace
{

using ike::IkeFailure;
using ike::IkeSaClosed;
using ike::IkeSaEstablished;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

ike::PeerConfig
WithIkeGroups(bool atA, const std::vector<crypto::GroupId>& groups)
{
    auto peer = MakePeer(atA);
    peer.ikeSuites.clear();
    for (const auto group : groups)
    {
        ike::IkeSuite suite;
        suite.group = group;
        peer.ikeSuites.push_back(suite);
    }
    return peer;
}

//   A                                B
//   |-- SA(SPI 8), Ni, KEi --------->|  the successor, with the Child SAs
//   |<---------- SA(SPI 8), Nr, KEr -|
//   the successor, with the Child SAs
//   |-- D(IKE) on the old one ------>|  old one closed
//   |<-------------------------------|
//   old one closed
TEST(IkeRekey, SuccessorInheritsTheChildren)
{
    for (const bool byA : {true, false})
    {
        Story story;
        auto& rekeyer = story.Side(byA);
        const std::string me = byA ? "A" : "B";
        const std::string you = byA ? "B" : "A";
        EXPECT_TRUE(rekeyer.endpoint.RekeyIkeSa(story.pair.now, story.Id()));
        EXPECT_TRUE(rekeyer.endpoint.RekeyIkeSa(story.pair.now, story.Id()))
            << "once more changes nothing";
        story.Rest(1min);
        EXPECT_EQ(story.Ladder(),
                  (Lines{me + " req: SA Nonce KE",
                         you + " resp: SA Nonce KE",
                         me + " req: D(IKE)",
                         you + " resp: "}));
        ASSERT_EQ(story.a.ikeSas.size(), 1U);
        const auto successor = story.a.ikeSas.begin()->second;
        EXPECT_FALSE(successor.id == story.Id());
        EXPECT_EQ(successor.initiator, byA)
            << "who rekeys is the original initiator of the new one";
        ASSERT_EQ(story.a.children.size(), 1U);
        EXPECT_EQ(story.a.children.begin()->first, story.FirstSpi(true)) << "the same Child SA";
        EXPECT_EQ(story.a.children.begin()->second.ikeSa, successor.id);
        EXPECT_EQ(story.pair.a.Last<IkeSaClosed>().reason, IkeFailure::None);
        EXPECT_FALSE(rekeyer.endpoint.RekeyIkeSa(story.pair.now, story.Id())) << "gone";
        story.Rest();
        EXPECT_FALSE(story.pair.a.endpoint.PollTimeout());
        EXPECT_FALSE(story.pair.b.endpoint.PollTimeout());
    }
}

// RFC 7296, section 2.18: SKEYSEED = prf(SK_d (old), g^ir | Ni | Nr). The shared secret is only in
// the endpoints, so it is made here once more from B's recorded draw.
TEST(IkeRekey, NewKeysAreThoseOfTheRfc)
{
    Story story;
    auto& pair = story.pair;
    // A draws SPI, nonce, private value.
    SeededRandom replica = pair.a.random;
    replica.Take(8);
    const Bytes nonceI = replica.Take(32);
    const auto exchange = crypto::KeyExchange::Generate(crypto::GroupId::Curve25519, replica);
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    story.Rest();
    const auto response = Unseal(pair, pair.log.at(story.start + 1));
    const auto nonceR = wire::Find<wire::NoncePayload>(response, PayloadType::Nonce)->data;
    const auto* ke = wire::Find<wire::KePayload>(response, PayloadType::Ke);
    const auto old = pair.a.All<IkeSaEstablished>().at(0);
    const auto made = pair.a.All<IkeSaEstablished>().at(1);
    const Bytes seed = ike::ComputeRekeySkeyseed(old.suite.prf,
                                                 old.keys.skD,
                                                 exchange->Agree(ke->data).value(),
                                                 nonceI,
                                                 nonceR);
    const auto keys =
        ike::DeriveIkeKeys(made.suite, seed, nonceI, nonceR, made.id.spiI, made.id.spiR);
    EXPECT_EQ(made.keys.skD, keys.skD);
    EXPECT_EQ(made.keys.skEi, keys.skEi);
    EXPECT_EQ(made.keys.skPr, keys.skPr);
    const auto* sa = wire::Find<wire::SaPayload>(response, PayloadType::Sa);
    EXPECT_EQ(sa->proposals.at(0).protocol, wire::ProtocolId::Ike);
    EXPECT_EQ(LoadBe64(sa->proposals.at(0).spi.data()), made.id.spiR);
}

// Message IDs restart, and the flag says who began the new IKE SA.
TEST(IkeRekey, MessageIdsRestart)
{
    Story story;
    auto& pair = story.pair;
    pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
    story.Rest(1min);
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    for (auto* node : {&pair.a, &pair.b})
    {
        EXPECT_TRUE(node->endpoint.CheckLiveness(pair.now, id));
        pair.Collect();
        const auto header = wire::ParseHeader(pair.log.back().datagram.octets).value();
        EXPECT_EQ(header.messageId, 0U);
        EXPECT_EQ(header.initiatorSpi, id.spiI);
        EXPECT_EQ(header.FromOriginalInitiator(), node == &pair.b);
        pair.RunUntilQuiet();
    }
    story.Rest();
    EXPECT_FALSE(pair.a.endpoint.PollTimeout()) << "both were answered";
    EXPECT_FALSE(pair.b.endpoint.PollTimeout());
}

TEST(IkeRekey, GenerationAfterGeneration)
{
    Story story;
    auto& pair = story.pair;
    for (int i = 0; i < 6; ++i)
    {
        auto& node = story.Side(i % 2 == 0);
        EXPECT_TRUE(node.endpoint.RekeyIkeSa(pair.now, node.Last<IkeSaEstablished>().id));
        story.Rest();
        EXPECT_TRUE(
            node.endpoint.RekeyChildSa(pair.now, node.Last<ike::ChildSaInstalled>().spiInbound));
        story.Rest();
        ASSERT_EQ(story.a.ikeSas.size(), 1U);
        ASSERT_EQ(story.a.children.size(), 1U);
    }
    pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<IkeSaEstablished>().id);
    story.Rest();
    EXPECT_EQ(pair.a.endpoint.IkeSaCount() + pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.a.endpoint.ChildSaCount() + pair.b.endpoint.ChildSaCount(), 0U);
}

/// A's IKE SA came up with the first group, and B now wants the second.
TEST(IkeRekey, WrongGroupIsTriedAgainWithTheRightOne)
{
    using crypto::GroupId;
    Story story(WithIkeGroups(true, {GroupId::Ecp256, GroupId::Curve25519}),
                WithIkeGroups(false, {GroupId::Curve25519, GroupId::Ecp256}));
    auto& pair = story.pair;
    // IKE_SA_INIT settled for Curve25519 already; a peer that now asks for P-256 is made by hand.
    pair.holding = true;
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.Collect();
    auto channel = Impersonate(pair, false);
    pair.Inject(pair.a,
                channel.Seal(ExchangeType::CreateChildSa,
                             2,
                             true,
                             {wire::MakeNotify(NotifyType::InvalidKePayload, Bytes{0, 19})}));
    const auto first = Unseal(pair, pair.held.at(0));
    const auto second = Unseal(pair, pair.held.at(1));
    EXPECT_EQ(wire::Find<wire::KePayload>(first, PayloadType::Ke)->group, 31);
    EXPECT_EQ(wire::Find<wire::KePayload>(second, PayloadType::Ke)->group, 19);
    EXPECT_NE(
        LoadBe64(wire::Find<wire::SaPayload>(first, PayloadType::Sa)->proposals[0].spi.data()),
        0U);
}

TEST(IkeRekey, RefusalIsReportedAndTheIkeSaStays)
{
    Story story;
    auto& pair = story.pair;
    pair.holding = true;
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.Collect();
    auto channel = Impersonate(pair, false);
    pair.Inject(pair.a,
                channel.Seal(ExchangeType::CreateChildSa,
                             2,
                             true,
                             {wire::MakeNotify(NotifyType::NoProposalChosen)}));
    EXPECT_EQ(pair.a.Last<ike::IkeSaRekeyRefused>().reason, NotifyType::NoProposalChosen);
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_TRUE(pair.a.endpoint.RekeyIkeSa(pair.now, story.Id())) << "may be tried again";
}

TEST(IkeRekey, SoftLifetimeRekeysAndHardLifetimeEnds)
{
    auto atA = MakePeer(true);
    atA.ikeLifetime = {60s, 100s, 0s};
    Story story(atA);
    story.pair.RunFor(61s);
    EXPECT_EQ(story.pair.a.All<IkeSaEstablished>().size(), 2U);
    EXPECT_EQ(story.pair.a.endpoint.IkeSaCount(), 1U);
    story.pair.copies = [](const Pair::Message&) { return 0U; };
    story.pair.RunFor(100s);
    EXPECT_EQ(story.pair.a.endpoint.EstablishedCount(), 0U) << "closing";
    story.pair.RunFor(200s);
    EXPECT_EQ(story.pair.a.endpoint.IkeSaCount(), 0U);
}

// A never gets the answer and gives up. B has a successor that nobody else knows: it asks for a
// sign of life once A can have nothing to say any more, and finds out.
TEST(IkeRekey, SuccessorThatThePeerNeverHeardOfIsFoundOut)
{
    Story story;
    auto& pair = story.pair;
    pair.copies = [](const Pair::Message& m) { return m.fromA ? 1U : 0U; };
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.Collect();
    pair.RunFor(200s);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 2U);
    pair.RunFor(1h);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.ChildSaCount(), 0U);
    EXPECT_FALSE(pair.b.endpoint.PollTimeout());
}

// What was asked for while the exchange was on its way is done on the successor.
TEST(IkeRekey, QueuedRequestsGoOverToTheSuccessor)
{
    Story story;
    auto& pair = story.pair;
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.a.endpoint.RekeyChildSa(pair.now, story.FirstSpi(true));
    pair.a.endpoint.CreateChildSa(pair.now, story.Id());
    story.Rest();
    EXPECT_EQ(story.a.children.size(), 2U);
    EXPECT_EQ(story.a.children.count(story.FirstSpi(true)), 0U);
    const auto ladder = story.Ladder();
    EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "A req: REKEY_SA SA Nonce TSi TSr"), 1);
}

TEST(IkeRekey, CloseWhileRekeyingEndsEverything)
{
    for (const bool collide : {true, false})
    {
        Story story;
        auto& pair = story.pair;
        pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
        if (collide)
        {
            pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
        }
        pair.Collect();
        pair.a.endpoint.CloseIkeSa(pair.now, story.Id());
        story.Rest();
        EXPECT_EQ(pair.a.endpoint.IkeSaCount() + pair.b.endpoint.IkeSaCount(), 0U);
        EXPECT_EQ(pair.a.endpoint.ChildSaCount() + pair.b.endpoint.ChildSaCount(), 0U);
    }
}

} // namespace
} // namespace ipseclab::test
