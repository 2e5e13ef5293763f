/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/subspaces.h"
#include "tests/unit/ike-pair.h"

/*
 * Subspaces of sequence numbers, negotiated in IKE_AUTH, CREATE_CHILD_SA and rekeying.
 */

namespace ipseclab
{

namespace
{

using esp::SequenceScheme;
using test::MakePeer;
using test::Pair;
using Schemes = std::vector<SequenceScheme>;

ike::PeerConfig
SubspacePeer(bool atA, const Schemes& schemes, bool required = false)
{
    ike::PeerConfig peer = MakePeer(atA);
    peer.extensions = {ike::Subspaces({schemes, required, {}})};
    return peer;
}

/// By Child SA, in the order in which they were made; one subspace where none were agreed on.
std::vector<std::uint32_t>
Counts(const Pair::Node& node)
{
    std::vector<std::uint32_t> counts;
    for (const auto& sa : node.All<ike::ChildSaInstalled>())
    {
        const auto* scheme = sa.properties.Find<SequenceScheme>();
        counts.push_back(scheme ? scheme->subspaces : 1);
    }
    return counts;
}

/// Another Child SA from the responder; the first is rekeyed by A, the other by B.
void
CreateAndRekey(Pair& pair)
{
    const ike::IkeSaId id = pair.a.Last<ike::IkeSaEstablished>().id;
    const std::uint32_t first = pair.a.Last<ike::ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.b.endpoint.CreateChildSa(pair.now, id));
    pair.Collect();
    pair.RunUntilQuiet();
    const std::uint32_t second = pair.b.Last<ike::ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, first));
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_TRUE(pair.b.endpoint.RekeyChildSa(pair.now, second));
    pair.Collect();
    pair.RunUntilQuiet();
}

using Four = std::vector<std::uint32_t>;

TEST(IkeSubspaces, AreAgreedOnInEveryExchange)
{
    for (const SequenceScheme& scheme :
         {SequenceScheme::Sub64(16), SequenceScheme::Sub64(65536), SequenceScheme::Sub32(3, 7)})
    {
        Pair pair(SubspacePeer(true, {scheme}), SubspacePeer(false, {scheme}));
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(Counts(pair.a), Four(4, scheme.subspaces));
        EXPECT_EQ(Counts(pair.b), Four(4, scheme.subspaces));
        for (const Pair::Node* node : {&pair.a, &pair.b})
        {
            const auto sa = node->Last<ike::ChildSaInstalled>();
            EXPECT_EQ(*sa.properties.Find<SequenceScheme>(), scheme);
        }
    }
}

TEST(IkeSubspaces, TheResponderTakesTheBestOfItsOwn)
{
    const auto a = SequenceScheme::Sub64(4);
    const auto b = SequenceScheme::Sub64(8);
    Pair pair(SubspacePeer(true, {a, b}), SubspacePeer(false, {b, a}));
    pair.Connect();
    EXPECT_EQ(Counts(pair.a), (std::vector<std::uint32_t>{8}));
}

TEST(IkeSubspaces, PlainNumbersWhereNothingIsCommonOrThePeerDoesNotKnowThem)
{
    const Schemes four{SequenceScheme::Sub64(4)};
    const Schemes five{SequenceScheme::Sub64(5)};
    const ike::PeerConfig others[] = {SubspacePeer(false, five), MakePeer(false)};
    for (const ike::PeerConfig& atB : others)
    {
        Pair pair(SubspacePeer(true, four), atB);
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(Counts(pair.a), Four(4, 1));
        EXPECT_EQ(Counts(pair.b), Four(4, 1));
    }
}

TEST(IkeSubspaces, WhereTheyAreRequiredThereIsNoChildSaWithoutThem)
{
    const Schemes four{SequenceScheme::Sub64(4)};
    const Schemes five{SequenceScheme::Sub64(5)};
    for (const bool responder : {false, true})
    {
        Pair pair(SubspacePeer(true, four, !responder), SubspacePeer(false, five, responder));
        pair.Connect();
        EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
        EXPECT_EQ(pair.a.Last<ike::ChildSaRefused>().reason, wire::NotifyType::NoProposalChosen);
        EXPECT_TRUE(pair.a.All<ike::ChildSaInstalled>().empty());
    }
    // A peer that was never told anything makes the Child SA, and it is deleted.
    Pair stranger(SubspacePeer(true, four, true), MakePeer(false));
    stranger.Connect();
    EXPECT_TRUE(stranger.a.All<ike::ChildSaInstalled>().empty());
    EXPECT_EQ(stranger.b.All<ike::ChildSaRemoved>().size(), 1U);
    Pair granted(SubspacePeer(true, four, true), SubspacePeer(false, four, true));
    granted.Connect();
    CreateAndRekey(granted);
    EXPECT_EQ(Counts(granted.b), Four(4, 4));
}

/// Several suites, so several proposals: the answer is to one of them.
TEST(IkeSubspaces, GoWithWhicheverSuiteIsChosen)
{
    ike::ChildSuite first;
    first.cipher = {crypto::EncryptionId::AesGcm16, 256, crypto::IntegrityId::None};
    ike::ChildSuite second;
    second.extendedSequenceNumbers = true;
    ike::PeerConfig atA = SubspacePeer(true, {SequenceScheme::Sub64(4)});
    ike::PeerConfig atB = SubspacePeer(false, {SequenceScheme::Sub64(4)});
    atA.childSuites = {first, second};
    atB.childSuites = {second};
    Pair pair(atA, atB);
    pair.Connect();
    CreateAndRekey(pair);
    test::ExpectMirrored(pair);
    EXPECT_EQ(Counts(pair.a), Four(4, 4));
    EXPECT_EQ(pair.a.Last<ike::ChildSaInstalled>().suite.cipher, second.cipher);
}

TEST(IkeSubspaces, InvalidSchemesAreNeverOffered)
{
    const Schemes invalid{SequenceScheme::Sub64(0), SequenceScheme::Sub32(2, 5)};
    Pair pair(SubspacePeer(true, invalid), SubspacePeer(false, invalid));
    pair.Connect();
    EXPECT_EQ(Counts(pair.a), (std::vector<std::uint32_t>{1}));
}

} // namespace

} // namespace ipseclab
