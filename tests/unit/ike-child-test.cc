/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/ike-ledger.h"

#include <set>

// CREATE_CHILD_SA for Child SAs, one side at a time.

namespace ipseclab::test
{
namespace
{

using ike::ChildSaInstalled;
using ike::ChildSaOutboundReady;
using ike::ChildSaRefused;
using ike::ChildSaRemoved;
using ike::ChildSaRetired;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

ike::PeerConfig
WithGroups(bool atA, const std::vector<crypto::GroupId>& groups)
{
    auto peer = MakePeer(atA);
    peer.childSuites.clear();
    for (const auto group : groups)
    {
        ike::ChildSuite suite;
        suite.group = group;
        peer.childSuites.push_back(suite);
    }
    return peer;
}

Bytes
NonceIn(const wire::PayloadList& payloads)
{
    return wire::Find<wire::NoncePayload>(payloads, PayloadType::Nonce)->data;
}

//   A                                          B
//   |-- N(REKEY_SA), SA, Ni, TSi, TSr -------->|  new pair installed, sends on the old one
//   |<----------------- SA, Nr, TSi, TSr ------|
//   new pair, sends on it
//   |-- D(old) ------------------------------->|  old pair retired, sends on the new one
//   |<------------------------------ D(old) ---|
//   old pair retired                  ... 5 s: both remove what is left of it
TEST(IkeChild, RekeyLosesNothing)
{
    for (const bool byA : {true, false})
    {
        Story story;
        auto& rekeyer = story.Side(byA);
        auto& other = story.Side(!byA);
        EXPECT_TRUE(rekeyer.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(byA)));
        EXPECT_TRUE(rekeyer.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(byA)))
            << "once more changes nothing";
        story.pair.Collect();
        story.pair.RunUntilQuiet();
        const std::string me = byA ? "A" : "B";
        const std::string you = byA ? "B" : "A";
        EXPECT_EQ(story.Ladder(),
                  (Lines{me + " req: REKEY_SA SA Nonce TSi TSr",
                         you + " resp: SA Nonce TSi TSr",
                         me + " req: D(ESP)",
                         you + " resp: D(ESP)"}));
        EXPECT_TRUE(rekeyer.Last<ChildSaInstalled>().outboundReady);
        EXPECT_FALSE(other.Last<ChildSaInstalled>().outboundReady);
        EXPECT_EQ(other.Last<ChildSaOutboundReady>().spiInbound,
                  other.Last<ChildSaInstalled>().spiInbound);
        for (auto* node : {&rekeyer, &other})
        {
            const auto spi = story.FirstSpi(node == &story.pair.a);
            EXPECT_EQ(node->Last<ChildSaInstalled>().replaces, spi);
            EXPECT_EQ(node->Last<ChildSaRetired>().spiInbound, spi);
            EXPECT_TRUE(node->All<ChildSaRemoved>().empty()) << "what is in flight still counts";
        }
        story.pair.RunFor(5s);
        for (auto* node : {&rekeyer, &other})
        {
            EXPECT_EQ(node->Last<ChildSaRemoved>().spiInbound,
                      story.FirstSpi(node == &story.pair.a));
        }
        story.Rest();
        EXPECT_EQ(story.a.children.size(), 1U);
        EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), 1U);
    }
}

// RFC 7296, section 2.17: KEYMAT = prf+(SK_d, Ni | Nr), where the initiator of the exchange, not of
// the IKE SA, comes first.
TEST(IkeChild, RekeyedKeysAreThoseOfTheRfc)
{
    Story story;
    story.pair.b.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(false));
    story.Rest();
    const auto request = Unseal(story.pair, story.pair.log.at(story.start));
    const auto response = Unseal(story.pair, story.pair.log.at(story.start + 1));
    const auto up = story.pair.a.Last<ike::IkeSaEstablished>();
    const auto keys = ike::DeriveChildKeys(up.suite.prf,
                                           ike::ChildSuite{}.cipher,
                                           up.keys.skD,
                                           ByteSpan(),
                                           NonceIn(request),
                                           NonceIn(response));
    EXPECT_EQ(story.pair.b.Last<ChildSaInstalled>().encryptionOutbound, keys.encryptionI);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().encryptionOutbound, keys.encryptionR);
    const auto* rekey = wire::FindNotify(request, NotifyType::RekeySa);
    ASSERT_NE(rekey, nullptr);
    EXPECT_EQ(rekey->protocol, wire::ProtocolId::Esp);
    ASSERT_EQ(rekey->spi.size(), 4U);
    EXPECT_EQ(LoadBe32(rekey->spi.data()), story.FirstSpi(false)) << "the sender's inbound SPI";
}

TEST(IkeChild, PerfectForwardSecrecyAddsKe)
{
    for (const auto group : {crypto::GroupId::Curve25519, crypto::GroupId::Ecp256})
    {
        Story story(WithGroups(true, {group}), WithGroups(false, {group}));
        story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
        story.Rest();
        const auto ladder = story.Ladder();
        EXPECT_EQ(ladder.at(0), "A req: REKEY_SA SA Nonce KE TSi TSr");
        EXPECT_EQ(ladder.at(1), "B resp: SA Nonce KE TSi TSr");
        EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().suite.group, group);
        EXPECT_EQ(story.a.children.size(), 1U);
    }
}

TEST(IkeChild, WrongGroupIsTriedAgainWithTheRightOne)
{
    Story story(WithGroups(true, {crypto::GroupId::Ecp256, crypto::GroupId::Curve25519}),
                WithGroups(false, {crypto::GroupId::Curve25519}));
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
    story.Rest();
    const auto refusal = Unseal(story.pair, story.pair.log.at(story.start + 1));
    EXPECT_EQ(refusal.at(0), wire::MakeNotify(NotifyType::InvalidKePayload, Bytes{0, 31}));
    const auto again = Unseal(story.pair, story.pair.log.at(story.start + 2));
    EXPECT_EQ(wire::Find<wire::KePayload>(again, PayloadType::Ke)->group, 31);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().suite.group, crypto::GroupId::Curve25519);
    EXPECT_EQ(story.a.children.size(), 1U);
    EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), 1U) << "the first offer's SPI is free again";
}

// Only CREATE_CHILD_SA negotiates a group, so the first Child SA comes up all the same.
TEST(IkeChild, NoCommonGroupLeavesTheOldChild)
{
    Story story(WithGroups(true, {crypto::GroupId::None}),
                WithGroups(false, {crypto::GroupId::Curve25519}));
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
    story.Rest();
    EXPECT_EQ(story.Ladder(),
              (Lines{"A req: REKEY_SA SA Nonce TSi TSr", "B resp: NO_PROPOSAL_CHOSEN"}));
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().reason, NotifyType::NoProposalChosen);
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().rekeyOf, story.FirstSpi(true));
    EXPECT_EQ(story.a.children.count(story.FirstSpi(true)), 1U);
    EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), 1U);
}

TEST(IkeChild, AnotherChildIsNarrowedLikeTheFirst)
{
    auto atA = MakePeer(true);
    auto atB = MakePeer(false);
    atA.remoteSelectors = Selectors({"10.2.0.0/16", "10.9.0.0/16"});
    atB.localSelectors = Selectors({"10.2.0.0/24"});
    Story story(atA, atB);
    EXPECT_TRUE(story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id()));
    story.Rest();
    EXPECT_EQ(story.Ladder(), (Lines{"A req: SA Nonce TSi TSr", "B resp: SA Nonce TSi TSr"}));
    EXPECT_EQ(story.a.children.size(), 2U);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().remoteSelectors, Selectors({"10.2.0.0/24"}));
    EXPECT_FALSE(story.pair.a.Last<ChildSaInstalled>().replaces);
}

TEST(IkeChild, LimitRefusesAnotherChildButNoRekeying)
{
    auto atB = MakePeer(false);
    atB.maxChildSas = 1;
    Story story(MakePeer(true), atB);
    story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id());
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
    story.Rest();
    EXPECT_EQ(story.Ladder().at(1), "B resp: NO_ADDITIONAL_SAS");
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().reason, NotifyType::NoAdditionalSas);
    EXPECT_EQ(story.a.children.size(), 1U);
    EXPECT_EQ(story.a.children.count(story.FirstSpi(true)), 0U) << "rekeyed";
}

/// A has asked to rekey its Child SA and gets this answer from the hand of the test.
struct Refused
{
    explicit Refused(const wire::Payload& answer, const ike::PeerConfig& atA = MakePeer(true))
        : story(atA)
    {
        story.pair.holding = true;
        story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
        story.pair.Collect();
        Answer(answer);
    }

    void Answer(const wire::Payload& answer)
    {
        const auto header = wire::ParseHeader(story.pair.log.back().datagram.octets).value();
        auto channel = Impersonate(story.pair, false);
        story.pair.Inject(
            story.pair.a,
            channel.Seal(ExchangeType::CreateChildSa, header.messageId, true, {answer}));
    }

    Story story;
};

// RFC 7296, section 2.25: the peer has lost the Child SA, so it goes, and another one is made.
TEST(IkeChild, ChildThatThePeerHasLostIsMadeAnew)
{
    Refused refused(wire::MakeNotify(NotifyType::ChildSaNotFound));
    auto& a = refused.story.pair.a;
    EXPECT_EQ(a.Last<ChildSaRemoved>().spiInbound, refused.story.FirstSpi(true));
    EXPECT_EQ(refused.story.Ladder(),
              (Lines{"A req: REKEY_SA SA Nonce TSi TSr", "A req: SA Nonce TSi TSr"}));
}

TEST(IkeChild, TemporaryFailureIsTriedAgainButNotForEver)
{
    Refused refused(wire::MakeNotify(NotifyType::TemporaryFailure));
    auto& pair = refused.story.pair;
    EXPECT_EQ(pair.log.size(), refused.story.start + 1) << "not at once";
    while (wire::ParseHeader(pair.log.back().datagram.octets)->exchange ==
               ExchangeType::CreateChildSa &&
           pair.now < 1h)
    {
        const auto sent = pair.log.size();
        pair.RunFor(10s);
        if (pair.log.size() > sent)
        {
            refused.Answer(wire::MakeNotify(NotifyType::TemporaryFailure));
        }
    }
    EXPECT_EQ(Describe(pair, pair.log.back()), "D(IKE)");
    EXPECT_GT(pair.now, 5min);
    EXPECT_LT(pair.now, 15min);
    EXPECT_LT(pair.log.size(), refused.story.start + 12);
}

TEST(IkeChild, AnswerThatWasNotAskedForIsRefused)
{
    Refused refused(wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{Bytes(32, 1)}));
    EXPECT_EQ(refused.story.Ladder().back(), "A req: D(ESP)");
    EXPECT_EQ(refused.story.pair.a.All<ChildSaInstalled>().size(), 1U);
}

// The answer to B's request is lost, so B does not know what A wants to rekey or delete: that B has
// never heard of it does not mean that it is gone.
//   A                                      B
//   |<------------------- SA, Ni, ... -----|
//   |-- SA, Nr, ... --> lost               |
//   |-- D(new) or N(REKEY_SA) ------------>|  empty, or CHILD_SA_NOT_FOUND
TEST(IkeChild, ChildThatThePeerDoesNotHaveYetIsNotForgotten)
{
    for (const bool rekey : {true, false})
    {
        Story story;
        auto& pair = story.pair;
        pair.b.endpoint.CreateChildSa(pair.now, story.Id());
        pair.copies = [&pair](const Pair::Message& m)
        { return m.fromA && pair.now < 1s ? 0U : 1U; };
        pair.Collect();
        pair.RunFor(1s);
        const auto spi = pair.a.Last<ChildSaInstalled>().spiInbound;
        EXPECT_TRUE(rekey ? pair.a.endpoint.RekeyChildSa(pair.now, spi)
                          : pair.a.endpoint.CloseChildSa(pair.now, spi));
        story.Rest();
        EXPECT_EQ(story.Ladder().at(3), rekey ? "B resp: CHILD_SA_NOT_FOUND" : "B resp: ");
        EXPECT_EQ(story.a.children.size(), rekey ? 2U : 1U);
        EXPECT_EQ(story.a.children.count(spi), 0U);
    }
}

TEST(IkeChild, SoftLifetimeRekeysAndHardLifetimeEnds)
{
    auto atA = MakePeer(true);
    atA.childLifetime = {60s, 100s, 0s};
    Story story(atA);
    story.pair.RunFor(59s);
    EXPECT_EQ(story.pair.a.All<ChildSaInstalled>().size(), 1U);
    story.pair.RunFor(2s);
    EXPECT_EQ(story.pair.a.All<ChildSaInstalled>().size(), 2U);
    // From now on rekeying fails; 100 s after it came up the new one is over.
    story.pair.copies = [](const Pair::Message&) { return 0U; };
    story.pair.RunFor(98s);
    EXPECT_EQ(story.pair.a.All<ChildSaRemoved>().size(), 1U);
    story.pair.RunFor(2s);
    ASSERT_EQ(story.pair.a.All<ChildSaRemoved>().size(), 2U);
    EXPECT_EQ(story.pair.a.Last<ChildSaRemoved>().spiInbound,
              story.pair.a.Last<ChildSaInstalled>().spiInbound);
}

TEST(IkeChild, JitterShortensTheSoftLifetime)
{
    std::set<std::int64_t> times;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
    {
        auto atA = MakePeer(true);
        atA.childLifetime = {60s, 0s, 20s};
        Pair pair(atA, MakePeer(false), seed);
        pair.Connect();
        const auto due = pair.a.endpoint.PollTimeout().value() - pair.now;
        EXPECT_GT(due, 40s);
        EXPECT_LE(due, 60s);
        times.insert(due.count());
    }
    EXPECT_EQ(times.size(), 20U);
}

TEST(IkeChild, VolumeLimitsComeWithTheEventAndTheirJitter)
{
    auto atA = MakePeer(true);
    atA.childVolume = {1000000, 2000000, 1000, 2000};
    Story plain(atA);
    EXPECT_EQ(plain.pair.a.Last<ChildSaInstalled>().volume.softOctets, 1000000U);
    EXPECT_FALSE(plain.pair.b.Last<ChildSaInstalled>().volume.Any());
    atA.childVolumeJitter = 0.25;
    Story jittered(atA);
    const auto volume = jittered.pair.a.Last<ChildSaInstalled>().volume;
    EXPECT_GT(volume.softOctets, 750000U);
    EXPECT_LT(volume.softOctets, 1000000U);
    EXPECT_EQ(volume.softPackets, volume.softOctets / 1000) << "one draw for both";
    EXPECT_EQ(volume.hardOctets, 2000000U);
    EXPECT_EQ(volume.hardPackets, 2000U);
}

TEST(IkeChild, ExpiredChildIsRemovedAtOnceAndThenDeleted)
{
    Story story;
    EXPECT_TRUE(story.pair.a.endpoint.ExpireChildSa(story.pair.now, story.FirstSpi(true)));
    story.pair.Collect();
    EXPECT_EQ(story.pair.a.All<ChildSaRemoved>().size(), 1U);
    EXPECT_EQ(story.pair.b.All<ChildSaRemoved>().size(), 0U);
    story.Rest();
    EXPECT_EQ(story.Ladder(), (Lines{"A req: D(ESP)", "B resp: D(ESP)"}));
    EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), 0U);
    EXPECT_FALSE(story.pair.a.endpoint.ExpireChildSa(story.pair.now, story.FirstSpi(true)));
}

} // namespace
} // namespace ipseclab::test
