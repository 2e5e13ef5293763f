/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/optimized-rekey.h"
#include "tests/unit/ike-ledger.h"

/*
 * draft-ietf-ipsecme-ikev2-sa-ts-payloads-opt-07 and, for the other layout, -02.
 */

namespace ipseclab::test
{
namespace
{

using ike::OptimizedRekeyLayout;
using ike::OptimizedRekeySettings;
using Ladder = std::vector<std::string>;

ike::PeerConfig
MakeOptimized(bool atA, const OptimizedRekeySettings& settings = {}, bool pfs = false)
{
    auto peer = MakePeer(atA);
    peer.ikeSuites.front().cipher.keyBits = 256;
    peer.childSuites.front().cipher.keyBits = 256;
    if (pfs)
    {
        peer.childSuites.front().group = crypto::GroupId::Curve25519;
    }
    peer.extensions.push_back(ike::OptimizedRekey(settings));
    return peer;
}

std::vector<std::size_t>
Sizes(const Story& story)
{
    std::vector<std::size_t> sizes;
    for (std::size_t i = story.start; i < story.pair.log.size(); ++i)
    {
        const auto& octets = story.pair.log[i].datagram.octets;
        if (wire::ParseHeader(octets)->exchange == wire::ExchangeType::CreateChildSa)
        {
            sizes.push_back(octets.size());
        }
    }
    return sizes;
}

/// The rekeys that a side reports as optimized.
std::size_t
CountUsed(const Pair::Node& node)
{
    std::size_t count = 0;
    for (const auto& report : node.All<ike::IkeExtensionReport>())
    {
        count += report.As<ike::OptimizedRekeyUsed>() ? 1U : 0U;
    }
    return count;
}

void
RekeyChild(Story& story)
{
    story.pair.a.endpoint.RekeyChildSa(story.pair.now, story.a.LiveChildren().at(0));
    story.Rest();
}

void
RekeyIke(Story& story)
{
    story.Update();
    story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.a.ikeSas.begin()->second.id);
    story.Rest();
}

/// Octets of a message with one SK payload over AES-GCM, without padding (RFC 5282).
constexpr std::size_t
MessageSize(std::size_t inner)
{
    return 28 + 4 + 8 + inner + 1 + 16;
}

TEST(OptimizedRekey, OfAnIkeSaIsShorterByWhatItLeavesOut)
{
    Story story(MakeOptimized(true), MakeOptimized(false));
    RekeyIke(story);
    // Notify 16, nonce 4 + 32, KE 8 + 32.
    constexpr std::size_t expected = MessageSize(16 + 36 + 40);
    static_assert(expected == 149);
    EXPECT_EQ(Sizes(story), (std::vector<std::size_t>{expected, expected}));
    EXPECT_EQ(CountUsed(story.pair.a), 1U);
    EXPECT_EQ(CountUsed(story.pair.b), 1U);

    auto plainA = MakeOptimized(true);
    auto plainB = MakeOptimized(false);
    plainA.extensions.clear();
    plainB.extensions.clear();
    Story plain(plainA, plainB);
    RekeyIke(plain);
    // SA: 4, proposal 8 + SPI 8, ENCR with key length 12, PRF 8, KE 8.
    constexpr std::size_t whole = MessageSize(48 + 36 + 40);
    static_assert(whole == 181);
    EXPECT_EQ(Sizes(plain), (std::vector<std::size_t>{whole, whole}));
}

TEST(OptimizedRekey, OfAChildSaBeginsWithTheSecond)
{
    for (const bool pfs : {false, true})
    {
        Story story(MakeOptimized(true, {}, pfs), MakeOptimized(false, {}, pfs));
        RekeyChild(story);
        EXPECT_EQ(CountUsed(story.pair.a), 0U) << "made in IKE_AUTH";
        RekeyChild(story);
        EXPECT_EQ(CountUsed(story.pair.a), 1U);
        EXPECT_EQ(CountUsed(story.pair.b), 1U);
        RekeyChild(story);
        const auto sizes = Sizes(story);
        ASSERT_EQ(sizes.size(), 6U);
        // Selectors 24 each; SA with ENCR 12, SN 8 and KE 8; REKEY_SA 12; OPTIMIZED_REKEY 12.
        const std::size_t ke = pfs ? 40 : 0;
        const std::size_t sa = 4 + 8 + 4 + 12 + 8 + (pfs ? 8 : 0);
        const std::size_t regular = MessageSize(sa + 36 + ke + 48);
        const std::size_t optimized = MessageSize(12 + 36 + ke);
        EXPECT_EQ(sizes[0], regular + 12);
        EXPECT_EQ(sizes[1], regular);
        EXPECT_EQ(sizes[2], optimized + 12);
        EXPECT_EQ(sizes[3], optimized);
        EXPECT_EQ(sizes[4], optimized + 12);
        EXPECT_EQ(sizes[5], optimized);
        EXPECT_EQ(sizes[0] - sizes[2], pfs ? 80U : 72U);
    }
}

TEST(OptimizedRekey, KeepsSuiteSelectorsAndDerivesKeysAsUsual)
{
    Story story(MakeOptimized(true, {}, true), MakeOptimized(false, {}, true));
    RekeyChild(story);
    RekeyChild(story);
    const auto installed = story.pair.a.All<ike::ChildSaInstalled>();
    ASSERT_EQ(installed.size(), 3U);
    EXPECT_EQ(installed[2].suite, installed[1].suite);
    EXPECT_EQ(installed[2].localSelectors, installed[1].localSelectors);
    EXPECT_EQ(installed[2].remoteSelectors, installed[1].remoteSelectors);
    EXPECT_NE(installed[2].encryptionInbound, installed[1].encryptionInbound);
    EXPECT_EQ(installed[2].replaces, installed[1].spiInbound);
}

TEST(OptimizedRekey, WorksInBothLayoutsWhicheverTheOtherSideAsksIn)
{
    OptimizedRekeySettings old;
    old.layout = OptimizedRekeyLayout::SpiField;
    Story story(MakeOptimized(true, old), MakeOptimized(false));
    RekeyIke(story);
    RekeyChild(story);
    RekeyChild(story);
    EXPECT_EQ(CountUsed(story.pair.a), 2U);
    const auto sizes = Sizes(story);
    EXPECT_EQ(sizes[0], 149U);
    EXPECT_EQ(sizes[1], 149U);
    // Protocol ID, SPI size and critical bit, as -02 has them.
    const auto payloads = Unseal(story.pair, story.pair.log[story.start]);
    ASSERT_EQ(payloads.front().type, wire::PayloadType::Notify);
    EXPECT_TRUE(payloads.front().critical);
    const auto& notify = std::get<wire::NotifyPayload>(payloads.front().body);
    EXPECT_EQ(notify.protocol, wire::ProtocolId::Ike);
    EXPECT_EQ(notify.spi.size(), 8U);
    EXPECT_TRUE(notify.data.empty());
    const auto answer = Unseal(story.pair, story.pair.log[story.start + 1]);
    EXPECT_EQ(std::get<wire::NotifyPayload>(answer.front().body).spi.size(), 8U);
}

TEST(OptimizedRekey, IsNotUsedWithAPeerThatLacksIt)
{
    for (const bool atA : {false, true})
    {
        auto a = MakeOptimized(true);
        auto b = MakeOptimized(false);
        (atA ? a : b).extensions.clear();
        Story story(a, b);
        RekeyIke(story);
        RekeyChild(story);
        RekeyChild(story);
        EXPECT_EQ(CountUsed(story.pair.a) + CountUsed(story.pair.b), 0U);
        EXPECT_EQ(story.pair.b.endpoint.Counters().unsupported, 0U);
        EXPECT_EQ(Sizes(story)[0], 181U);
    }
}

/*
 *  A  CREATE_CHILD_SA{N(OPTIMIZED_REKEY), ...} -->
 *     <-- N(NO_PROPOSAL_CHOSEN)                       B has changed its configuration
 *     CREATE_CHILD_SA{SA, ...} -->                    regular, one round trip later
 */
TEST(OptimizedRekey, FallsBackWhenItIsRefused)
{
    OptimizedRekeySettings off;
    off.accept = false;
    Story story(MakeOptimized(true), MakeOptimized(false, off));
    const auto before = story.pair.now;
    RekeyIke(story);
    EXPECT_EQ(Sizes(story), (std::vector<std::size_t>{149, 57 + 8, 181, 181}));
    EXPECT_EQ(CountUsed(story.pair.a), 0U);
    EXPECT_TRUE(story.pair.a.All<ike::IkeSaRekeyRefused>().empty());
    EXPECT_EQ(story.pair.log[story.start + 2].at - before, 2 * story.pair.latency);
    // After a regular rekey the optimized form is tried again.
    RekeyChild(story);
    RekeyChild(story);
    EXPECT_TRUE(story.pair.a.All<ike::ChildSaRefused>().empty());
    const auto sizes = Sizes(story);
    ASSERT_EQ(sizes.size(), 10U);
    EXPECT_EQ(sizes[6], 117U);
    EXPECT_EQ(sizes[7], 57U + 8U);
    EXPECT_EQ(sizes[8], 189U);
    EXPECT_EQ(story.a.LiveChildren().size(), 1U);
}

/// Both rekey at once, in the optimized form; each wins once (RFC 7296, section 2.8.1).
TEST(OptimizedRekey, CollidesAsARegularRekeyDoes)
{
    for (const bool ofIkeSa : {false, true})
    {
        for (const bool aHasLowest : {false, true})
        {
            Story story(MakeOptimized(true), MakeOptimized(false));
            RekeyChild(story);
            story.pair.a.random.heads = {std::uint8_t(aHasLowest ? 1 : 0xf0), 0xf1};
            story.pair.b.random.heads = {std::uint8_t(aHasLowest ? 0xf0 : 1), 0xf1};
            if (ofIkeSa)
            {
                story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.Id());
                story.pair.b.endpoint.RekeyIkeSa(story.pair.now, story.Id());
            }
            else
            {
                const auto atA = story.a.LiveChildren().at(0);
                const auto atB = story.a.children.at(atA).installed.spiOutbound;
                story.pair.a.endpoint.RekeyChildSa(story.pair.now, atA);
                story.pair.b.endpoint.RekeyChildSa(story.pair.now, atB);
            }
            story.Rest();
            EXPECT_EQ(story.a.ikeSas.size(), 1U);
            EXPECT_EQ(story.a.LiveChildren().size(), 1U);
            EXPECT_EQ(CountUsed(story.pair.a), 2U);
            EXPECT_EQ(CountUsed(story.pair.b), 2U);
        }
    }
}

/// A asks in the optimized form, B, who would rather have another group, in the regular one.
TEST(OptimizedRekey, CollidesWithARegularRekey)
{
    for (const bool aHasLowest : {false, true})
    {
        const auto a = MakeOptimized(true, {}, true);
        auto b = MakeOptimized(false, {}, true);
        auto other = b.childSuites.front();
        other.group = crypto::GroupId::Ecp256;
        b.childSuites.insert(b.childSuites.begin(), other);
        Story story(a, b);
        RekeyChild(story);
        story.pair.a.random.heads = {std::uint8_t(aHasLowest ? 1 : 0xf0), 0xf1};
        story.pair.b.random.heads = {std::uint8_t(aHasLowest ? 0xf0 : 1), 0xf1};
        const auto atA = story.a.LiveChildren().at(0);
        story.pair.a.endpoint.RekeyChildSa(story.pair.now, atA);
        story.pair.b.endpoint.RekeyChildSa(story.pair.now,
                                           story.a.children.at(atA).installed.spiOutbound);
        story.Rest();
        EXPECT_EQ(story.a.LiveChildren().size(), 1U);
        EXPECT_EQ(CountUsed(story.pair.a), 1U);
        EXPECT_EQ(CountUsed(story.pair.b), 1U);
    }
}

wire::Payload
Notify(std::uint16_t type, Bytes data)
{
    return wire::MakeNotify(static_cast<wire::NotifyType>(type), std::move(data));
}

wire::Payload
Nonce()
{
    return wire::MakePayload(wire::PayloadType::Nonce, wire::NoncePayload{Bytes(32, 0x11)});
}

/// What B says to a CREATE_CHILD_SA request that A never made.
wire::PayloadList
AnswerTo(Story& story, const wire::PayloadList& request)
{
    auto channel = Impersonate(story.pair, true);
    const std::size_t sent = story.pair.log.size();
    story.pair.Inject(story.pair.b,
                      channel.Seal(wire::ExchangeType::CreateChildSa, 2, false, request));
    return Unseal(story.pair, story.pair.log.at(sent));
}

TEST(OptimizedRekey, RefusesWhatTheDraftForbids)
{
    const OptimizedRekeySettings settings;
    {
        Story story(MakeOptimized(true), MakeOptimized(false));
        const auto answer = AnswerTo(story, {Notify(settings.rekeyNotify, Bytes(7, 1)), Nonce()});
        EXPECT_TRUE(wire::FindNotify(answer, wire::NotifyType::InvalidSyntax));
    }
    {
        Story story(MakeOptimized(true), MakeOptimized(false));
        const auto rekey =
            wire::MakeNotify(wire::NotifyType::RekeySa, wire::ProtocolId::Esp, Bytes{1, 2, 3, 4});
        const auto answer =
            AnswerTo(story, {rekey, Notify(settings.rekeyNotify, Bytes(4, 9)), Nonce()});
        EXPECT_TRUE(wire::FindNotify(answer, wire::NotifyType::ChildSaNotFound));
    }
    {
        // The Child SA of IKE_AUTH, whose key exchange nobody knows.
        Story story(MakeOptimized(true), MakeOptimized(false));
        Bytes spi(4);
        StoreBe32(spi.data(), story.FirstSpi(true));
        const auto rekey = wire::MakeNotify(wire::NotifyType::RekeySa, wire::ProtocolId::Esp, spi);
        const auto answer =
            AnswerTo(story, {rekey, Notify(settings.rekeyNotify, Bytes(4, 9)), Nonce()});
        EXPECT_TRUE(wire::FindNotify(answer, wire::NotifyType::NoProposalChosen));
        EXPECT_EQ(story.pair.b.endpoint.ChildSaCount(), 1U);
    }
    {
        // Another group than that of the IKE SA.
        Story story(MakeOptimized(true), MakeOptimized(false));
        const auto ke = wire::MakePayload(wire::PayloadType::Ke, wire::KePayload{19, Bytes(64, 1)});
        const auto answer =
            AnswerTo(story, {Notify(settings.rekeyNotify, Bytes(8, 9)), Nonce(), ke});
        EXPECT_TRUE(wire::FindNotify(answer, wire::NotifyType::NoProposalChosen));
        EXPECT_EQ(story.pair.b.endpoint.IkeSaCount(), 1U);
    }
}

} // namespace
} // namespace ipseclab::test
