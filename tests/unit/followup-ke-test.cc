/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa-init.h"
#include "tests/unit/ike-ledger.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/*
 * IKE_FOLLOWUP_KE: additional key exchanges of CREATE_CHILD_SA (RFC 9370, section 2.2.4).
 */

namespace ipseclab::test
{
namespace
{

using crypto::GroupId;
using ike::ChildSaInstalled;
using wire::ExchangeType;
using wire::NotifyType;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

/// The IKE SA and its Child SAs have these methods beside Curve25519.
ike::PeerConfig
MakeMultiple(bool atA, const std::vector<GroupId>& additional)
{
    auto peer = MakePeer(atA);
    peer.ikeSuites.front().additional = additional;
    peer.childSuites.front().group = GroupId::Curve25519;
    peer.childSuites.front().additional = additional;
    return peer;
}

struct MultipleStory : Story
{
    explicit MultipleStory(const std::vector<GroupId>& additional = {GroupId::Ecp256})
        : Story(MakeMultiple(true, additional), MakeMultiple(false, additional))
    {
    }

    /// Takes the oldest message that is held off the wire and hands it over.
    void DeliverNext()
    {
        pair.Deliver(pair.TakeHeld(0));
    }
};

Bytes
operator+(Bytes a, const Bytes& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes
Hmac(const Bytes& key, const Bytes& data)
{
    Bytes out(32);
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         data.data(),
         data.size(),
         out.data(),
         nullptr);
    return out;
}

Bytes
Public(const wire::PayloadList& payloads)
{
    return wire::Find<wire::KePayload>(payloads, wire::PayloadType::Ke)->data;
}

Bytes
Nonce(const wire::PayloadList& payloads)
{
    return wire::Find<wire::NoncePayload>(payloads, wire::PayloadType::Nonce)->data;
}

// ---- the exchange

TEST(FollowupKe, ChildRekeyTakesOneRoundTripForEachMethod)
{
    MultipleStory story({GroupId::Ecp256, GroupId::Ecp384});
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
    story.Rest();
    EXPECT_EQ(story.Ladder(),
              (Lines{"A req: REKEY_SA SA Nonce KE TSi TSr",
                     "B resp: SA Nonce KE TSi TSr ADDITIONAL_KEY_EXCHANGE",
                     "A req: KE ADDITIONAL_KEY_EXCHANGE",
                     "B resp: KE ADDITIONAL_KEY_EXCHANGE",
                     "A req: KE ADDITIONAL_KEY_EXCHANGE",
                     "B resp: KE",
                     "A req: D(ESP)",
                     "B resp: D(ESP)"}));
    for (std::size_t i = 2; i < 6; ++i)
    {
        EXPECT_EQ(Parse(story.pair.log.at(story.start + i)).header.exchange,
                  ExchangeType::IkeFollowupKe);
    }
    EXPECT_EQ(story.a.children.begin()->second.installed.suite.additional.size(), 2U);
}

TEST(FollowupKe, IkeRekeyTakesOneRoundTripForEachMethod)
{
    MultipleStory story;
    story.pair.b.endpoint.RekeyIkeSa(story.pair.now, story.Id());
    story.Rest();
    EXPECT_EQ(story.Ladder(),
              (Lines{"B req: SA Nonce KE",
                     "A resp: SA Nonce KE ADDITIONAL_KEY_EXCHANGE",
                     "B req: KE ADDITIONAL_KEY_EXCHANGE",
                     "A resp: KE",
                     "B req: D(IKE)",
                     "A resp: ",
                     "A req: ", // whether B has the successor, too
                     "B resp: "}));
    ASSERT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_EQ(story.a.ikeSas.begin()->second.suite.additional, (std::vector{GroupId::Ecp256}));
    EXPECT_EQ(story.a.ends, std::vector<ike::IkeFailure>{ike::IkeFailure::None});
}

/// KEYMAT = prf+(SK_d, SK(0) | Ni | Nr | SK(1)), on nothing but OpenSSL's HMAC. The private values
/// of "a" are drawn once more from a copy of its stream.
TEST(FollowupKe, ChildKeysAreThoseOfTheFormula)
{
    MultipleStory story;
    SeededRandom replica = story.pair.a.random;
    const Bytes skD = story.a.ikeSas.begin()->second.keys.skD;
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
    story.Rest();
    replica.Take(4); // SPI
    const Bytes ni = replica.Take(32);
    const auto first = crypto::KeyExchange::Generate(GroupId::Curve25519, replica);
    const auto second = crypto::KeyExchange::Generate(GroupId::Ecp256, replica);
    const auto inside = [&](std::size_t i)
    { return Unseal(story.pair, story.pair.log.at(story.start + i)); };
    ASSERT_EQ(Nonce(inside(0)), ni);
    ASSERT_EQ(Public(inside(2)), second->PublicValue());
    const Bytes shared0 = first->Agree(Public(inside(1))).value();
    const Bytes shared1 = second->Agree(Public(inside(3))).value();
    const Bytes seed = shared0 + ni + Nonce(inside(1)) + shared1;
    const Bytes t1 = Hmac(skD, seed + Bytes{1});
    const Bytes material = t1 + Hmac(skD, t1 + seed + Bytes{2});
    const auto installed = story.pair.a.Last<ChildSaInstalled>();
    const std::size_t size = installed.encryptionOutbound.size();
    EXPECT_EQ(installed.encryptionOutbound, Bytes(material.begin(), material.begin() + long(size)));
    EXPECT_EQ(installed.encryptionInbound,
              Bytes(material.begin() + long(size), material.begin() + long(2 * size)));
}

TEST(FollowupKe, AnotherMethodOrOrderIsNoProposal)
{
    for (const auto& other : {std::vector<GroupId>{},
                              std::vector<GroupId>{GroupId::Ecp384},
                              std::vector<GroupId>{GroupId::Ecp384, GroupId::Ecp256}})
    {
        auto atA = MakePeer(true);
        auto atB = MakePeer(false);
        atA.childSuites.front() =
            MakeMultiple(true, {GroupId::Ecp256, GroupId::Ecp384}).childSuites.front();
        atB.childSuites.front() = MakeMultiple(false, other).childSuites.front();
        Story story(atA, atB);
        story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id());
        story.Rest();
        EXPECT_EQ(story.pair.a.Last<ike::ChildSaRefused>().reason, NotifyType::NoProposalChosen);
        EXPECT_EQ(story.a.children.size(), 1U) << "that of IKE_AUTH needs none of this";
    }
}

TEST(FollowupKe, AdditionalMethodsNeedAFirstOne)
{
    auto peer = MakePeer(true);
    peer.childSuites.front().additional = {GroupId::Ecp256};
    SeededRandom random(1);
    ike::IkeEndpoint endpoint(random);
    EXPECT_FALSE(endpoint.AddPeer(peer));
    peer.childSuites.front().group = GroupId::Curve25519;
    EXPECT_TRUE(endpoint.AddPeer(peer));
}

TEST(FollowupKe, SurvivesEveryLossAndDuplicate)
{
    for (const bool ofIke : {true, false})
    {
        for (unsigned index = 1; index <= 8; ++index)
        {
            for (const unsigned copies : {0U, 2U})
            {
                SCOPED_TRACE(index);
                MultipleStory story;
                unsigned count = 0;
                story.pair.copies = [&](const Pair::Message&)
                { return ++count == index ? copies : 1U; };
                if (ofIke)
                {
                    story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.Id());
                }
                else
                {
                    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.FirstSpi(true));
                }
                story.Rest();
                EXPECT_EQ(story.a.children.size(), 1U);
                EXPECT_EQ(story.a.ikeSas.size(), 1U);
                EXPECT_EQ(story.pair.a.All<ChildSaInstalled>().size(), ofIke ? 1U : 2U);
            }
        }
    }
}

// ---- both sides at once

/// First octets of the four nonces, and whose exchange goes on.
struct NonceCase
{
    std::uint8_t requestOfA;
    std::uint8_t responseOfB;
    std::uint8_t requestOfB;
    std::uint8_t responseOfA;
    bool winnerIsA;
};

constexpr NonceCase kNonceCases[] = {
    {0x00, 0xff, 0xff, 0xff, false},
    {0xff, 0x00, 0xff, 0xff, false},
    {0xff, 0xff, 0x00, 0xff, true},
    {0xff, 0xff, 0xff, 0x00, true},
};

/// The loser stops after CREATE_CHILD_SA: one Child SA is made, and only the old one is deleted.
TEST(FollowupKe, TheLoserOfACollisionOfChildrenStops)
{
    for (const auto& c : kNonceCases)
    {
        SCOPED_TRACE(static_cast<int>(&c - kNonceCases));
        MultipleStory story;
        auto& pair = story.pair;
        // With a key exchange, the private value is drawn after the nonce.
        pair.a.random.heads = {c.requestOfA, 0x40, c.responseOfA};
        pair.b.random.heads = {c.requestOfB, 0x40, c.responseOfB};
        pair.a.endpoint.RekeyChildSa(pair.now, story.FirstSpi(true));
        pair.b.endpoint.RekeyChildSa(pair.now, story.FirstSpi(false));
        story.Rest();
        EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), 2U);
        EXPECT_EQ(pair.b.All<ChildSaInstalled>().size(), 2U);
        const auto ladder = story.Ladder();
        const std::string winner = c.winnerIsA ? "A" : "B";
        const std::string loser = c.winnerIsA ? "B" : "A";
        EXPECT_EQ(ladder.size(), 8U);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), winner + " req: D(ESP)"), 1);
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), loser + " req: D(ESP)"), 0);
        EXPECT_EQ(
            std::count(ladder.begin(), ladder.end(), winner + " req: KE ADDITIONAL_KEY_EXCHANGE"),
            1);
        EXPECT_TRUE(story.a.children.begin()->second.ready);
        EXPECT_TRUE(story.b.children.begin()->second.ready);
        EXPECT_EQ(pair.a.endpoint.ChildSaCount(), 1U);
    }
}

TEST(FollowupKe, TheLoserOfACollisionOfIkeSasStops)
{
    for (const auto& c : kNonceCases)
    {
        SCOPED_TRACE(static_cast<int>(&c - kNonceCases));
        MultipleStory story;
        auto& pair = story.pair;
        pair.a.random.heads = {c.requestOfA, 0x40, c.responseOfA};
        pair.b.random.heads = {c.requestOfB, 0x40, c.responseOfB};
        pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
        pair.b.endpoint.RekeyIkeSa(pair.now, story.Id());
        story.Rest();
        EXPECT_EQ(pair.a.All<ike::IkeSaEstablished>().size(), 2U);
        EXPECT_EQ(pair.b.All<ike::IkeSaEstablished>().size(), 2U);
        ASSERT_EQ(story.a.ikeSas.size(), 1U);
        EXPECT_EQ(story.a.ikeSas.begin()->second.initiator, c.winnerIsA);
        EXPECT_EQ(story.a.children.size(), 1U);
    }
}

/// Whoever goes on already refuses to begin once more from the other side.
TEST(FollowupKe, ARequestThatComesInBetweenIsPutOff)
{
    for (const bool ofIke : {true, false})
    {
        MultipleStory story;
        auto& pair = story.pair;
        pair.holding = true;
        const auto rekey = [&](Pair::Node& node, bool atA)
        {
            ofIke ? node.endpoint.RekeyIkeSa(pair.now, story.Id())
                  : node.endpoint.RekeyChildSa(pair.now, story.FirstSpi(atA));
            pair.Collect();
        };
        rekey(pair.a, true);
        rekey(pair.b, false);
        const auto late = pair.TakeHeld(1); // B's request
        story.DeliverNext();                // A's request
        story.DeliverNext();                // B's response: A goes on
        pair.Deliver(late);
        ASSERT_EQ(pair.held.size(), 2U);
        EXPECT_EQ(Describe(pair, pair.held.at(0)), "KE ADDITIONAL_KEY_EXCHANGE");
        EXPECT_EQ(Describe(pair, pair.held.at(1)), "TEMPORARY_FAILURE");
        pair.holding = false;
        story.DeliverNext();
        story.DeliverNext();
        story.Rest();
        EXPECT_EQ(story.a.children.size(), 1U);
        EXPECT_EQ(story.a.ikeSas.size(), 1U);
    }
}

/// While the peer is rekeying the IKE SA nothing is asked that it would refuse.
TEST(FollowupKe, TheSideThatAnswersWaits)
{
    MultipleStory story;
    auto& pair = story.pair;
    pair.holding = true;
    pair.a.endpoint.RekeyIkeSa(pair.now, story.Id());
    pair.Collect();
    story.DeliverNext();
    pair.b.endpoint.CreateChildSa(pair.now, story.Id());
    pair.Collect();
    EXPECT_EQ(pair.held.size(), 1U) << "only the response";
    pair.holding = false;
    story.DeliverNext();
    story.Rest();
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_EQ(story.a.children.size(), 2U);
    EXPECT_TRUE(pair.b.All<ike::ChildSaRefused>().empty());
}

// ---- peers that fail or lie

/// A pair whose side "b" has answered CREATE_CHILD_SA, and "a" in the hands of the test.
struct Begun : MultipleStory
{
    explicit Begun(bool ofIke)
    {
        pair.holding = true;
        ofIke ? pair.a.endpoint.RekeyIkeSa(pair.now, Id())
              : pair.a.endpoint.RekeyChildSa(pair.now, FirstSpi(true));
        pair.Collect();
        DeliverNext();
        response = pair.TakeHeld(0);
    }

    Pair::Message response;
};

TEST(FollowupKe, WhatDoesNotGoOnIsForgotten)
{
    for (const bool ofIke : {true, false})
    {
        Begun story(ofIke);
        ASSERT_TRUE(story.pair.b.endpoint.PollTimeout());
        story.pair.RunFor(2h);
        EXPECT_FALSE(story.pair.b.endpoint.PollTimeout()) << "at rest";
        EXPECT_EQ(story.pair.b.endpoint.IkeSaCount(), 1U);
        EXPECT_EQ(story.pair.b.endpoint.ChildSaCount(), 1U);
    }
}

/// The side that asks begins anew when its state is not there any more.
TEST(FollowupKe, StateNotFoundBeginsAnew)
{
    for (const bool ofIke : {true, false})
    {
        Begun story(ofIke);
        auto& pair = story.pair;
        // By the time that the response arrives, B has forgotten it.
        pair.copies = [](const Pair::Message&) { return 0U; };
        pair.b.endpoint.HandleTimeout(pair.now + 24h);
        pair.copies = nullptr;
        pair.holding = false;
        pair.Deliver(story.response);
        story.Rest();
        const auto ladder = story.Ladder();
        EXPECT_EQ(std::count(ladder.begin(), ladder.end(), "B resp: STATE_NOT_FOUND"), 1);
        EXPECT_EQ(story.a.children.size(), 1U);
        EXPECT_EQ(story.a.ikeSas.size(), 1U);
        EXPECT_EQ(pair.a.All<ike::IkeSaEstablished>().size(), ofIke ? 2U : 1U);
        EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), ofIke ? 1U : 2U);
    }
}

/// Messages of "a" by the hand of the test.
struct Speaker
{
    explicit Speaker(Begun& story)
        : story(story),
          channel(Impersonate(story.pair, true))
    {
        link = wire::FindNotify(channel.Open(story.response.datagram.octets).value().payloads,
                                NotifyType::AdditionalKeyExchange)
                   ->data;
        id = Parse(story.response).header.messageId;
    }

    wire::PayloadList Ask(const wire::PayloadList& payloads)
    {
        const Bytes octets =
            channel.SealParts(ExchangeType::IkeFollowupKe, ++id, false, payloads).front();
        story.pair.Inject(story.pair.b, octets);
        const auto answer = story.pair.held.back();
        return channel.Open(answer.datagram.octets).value().payloads;
    }

    Begun& story;
    ike::SecureChannel channel;
    Bytes link;
    std::uint32_t id;
};

TEST(FollowupKe, AWrongLinkFindsNoState)
{
    Begun story(false);
    Speaker speaker(story);
    const auto exchange = crypto::KeyExchange::Generate(GroupId::Ecp256, story.pair.a.random);
    const auto ke = ike::MakeKe(*exchange);
    Bytes wrong = speaker.link;
    wrong.back() ^= 1;
    for (const auto& request :
         {wire::PayloadList{ke},
          wire::PayloadList{ke, wire::MakeNotify(NotifyType::AdditionalKeyExchange, wrong)},
          wire::PayloadList{ke, wire::MakeNotify(NotifyType::AdditionalKeyExchange)}})
    {
        EXPECT_TRUE(wire::FindNotify(speaker.Ask(request), NotifyType::StateNotFound));
    }
    // The right one is still good, once.
    const wire::PayloadList right{
        ke,
        wire::MakeNotify(NotifyType::AdditionalKeyExchange, speaker.link)};
    EXPECT_TRUE(wire::Find<wire::KePayload>(speaker.Ask(right), wire::PayloadType::Ke));
    EXPECT_EQ(story.pair.b.All<ChildSaInstalled>().size(), 2U);
    EXPECT_TRUE(wire::FindNotify(speaker.Ask(right), NotifyType::StateNotFound));
}

TEST(FollowupKe, AnotherMethodThanTheOneThatIsDueEndsTheIkeSa)
{
    for (const auto& group : {std::optional<GroupId>(GroupId::Ecp384), std::optional<GroupId>()})
    {
        Begun story(true);
        Speaker speaker(story);
        wire::PayloadList request{
            wire::MakeNotify(NotifyType::AdditionalKeyExchange, speaker.link)};
        if (group)
        {
            request.push_back(
                ike::MakeKe(*crypto::KeyExchange::Generate(*group, story.pair.a.random)));
        }
        EXPECT_TRUE(wire::FindNotify(speaker.Ask(request), NotifyType::InvalidSyntax));
        EXPECT_EQ(story.pair.b.endpoint.IkeSaCount(), 0U);
    }
}

/// A side that answers CREATE_CHILD_SA with additional methods and no link has not answered.
TEST(FollowupKe, AResponseWithoutLinkIsNoAnswer)
{
    Begun story(false);
    auto& pair = story.pair;
    ike::SecureChannel atB = Impersonate(pair, false);
    ike::SecureChannel atA = Impersonate(pair, true);
    auto payloads = atA.Open(story.response.datagram.octets).value().payloads;
    payloads.pop_back();
    const auto header = Parse(story.response).header;
    pair.Inject(pair.a, atB.SealParts(header.exchange, header.messageId, true, payloads).front());
    EXPECT_EQ(pair.a.Last<ike::ChildSaRefused>().reason, NotifyType::InvalidSyntax);
    EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), 1U);
}

} // namespace
} // namespace ipseclab::test
