/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/non-first-fragments.h"
#include "tests/unit/ike-ledger.h"

#include <gtest/gtest.h>

/*
 * How IKE agrees on inner fragments where selectors name ports (RFC 4301, section 7): such
 * selectors as text, NON_FIRST_FRAGMENTS_ALSO, and Child SAs for OPAQUE ports.
 */

namespace ipseclab::test
{

namespace
{

using ike::ChildSaInstalled;

TEST(PortSelectors, AreReadAsTheyAreWritten)
{
    for (const char* text : {"10.1.0.0/16[17]",
                             "10.1.0.5[17/53]",
                             "10.1.0.0/16[6/1024-65535]",
                             "10.1.0.1-10.1.0.9[17/OPAQUE]",
                             "fd00::/64[17/53]"})
    {
        const auto selector = TrafficSelector::FromString(text);
        ASSERT_TRUE(selector) << text;
        EXPECT_EQ(selector->ToString(), text);
    }
    for (const char* text : {"10.1.0.0/16[",
                             "10.1.0.0/16[]",
                             "10.1.0.0/16[256]",
                             "10.1.0.0/16[17/]",
                             "10.1.0.0/16[17/70000]",
                             "10.1.0.0/16[17/9-8]",
                             "10.1.0.0/16[17/53",
                             "10.1.0.0/16[17/53]x",
                             "[17/53]"})
    {
        EXPECT_FALSE(TrafficSelector::FromString(text)) << text;
    }
}

ike::PeerConfig
PortPeer(bool atA, const std::string& local = "10.1.0.0/16[17]")
{
    ike::PeerConfig peer = MakePeer(atA);
    const auto netA = Selectors({local});
    const auto netB = Selectors({"10.2.0.0/16[17/2000]"});
    peer.localSelectors = atA ? netA : netB;
    peer.remoteSelectors = atA ? netB : netA;
    return peer;
}

bool
FollowFirst(const Pair::Node& node)
{
    return node.Last<ChildSaInstalled>().properties.Find<ike::LaterFragments>() != nullptr;
}

/// RFC 7296, section 1.3.1: only where both say so, and the Child SA is there in any case.
TEST(NonFirstFragmentsAlso, NeedsBothSides)
{
    for (const bool byA : {false, true})
    {
        for (const bool byB : {false, true})
        {
            ike::PeerConfig atA = PortPeer(true);
            ike::PeerConfig atB = PortPeer(false);
            atA.extensions.assign(byA ? 1 : 0, ike::NonFirstFragmentsAlso());
            atB.extensions.assign(byB ? 1 : 0, ike::NonFirstFragmentsAlso());
            Story story(atA, atB);
            EXPECT_EQ(FollowFirst(story.pair.a), byA && byB);
            EXPECT_EQ(FollowFirst(story.pair.b), byA && byB);
            const auto spi = story.pair.b.Last<ChildSaInstalled>().spiInbound;
            ASSERT_TRUE(story.pair.b.endpoint.RekeyChildSa(story.pair.now, spi));
            story.Rest();
            EXPECT_EQ(FollowFirst(story.pair.a), byA && byB);
            EXPECT_EQ(FollowFirst(story.pair.b), byA && byB);
            ASSERT_TRUE(story.pair.b.endpoint.CreateChildSa(story.pair.now, story.Id()));
            story.Rest();
            EXPECT_EQ(FollowFirst(story.pair.a), byA && byB);
            EXPECT_EQ(FollowFirst(story.pair.b), byA && byB);
        }
    }
}

TEST(NonFirstFragmentsAlso, IsSaidWhereSelectorsNamePorts)
{
    const auto says = [](const Pair& pair)
    {
        return wire::FindNotify(Unseal(pair, pair.log.at(2)),
                                wire::NotifyType::NonFirstFragmentsAlso) != nullptr;
    };
    for (const bool ports : {false, true})
    {
        ike::PeerConfig atA = ports ? PortPeer(true) : MakePeer(true);
        ike::PeerConfig atB = ports ? PortPeer(false) : MakePeer(false);
        atA.extensions = atB.extensions = {ike::NonFirstFragmentsAlso()};
        Pair pair(atA, atB);
        pair.Connect();
        EXPECT_EQ(says(pair), ports);
    }
}

ike::ChildRequest
Opaque()
{
    ike::ChildRequest request;
    request.opaque = true;
    return request;
}

// On the wire OPAQUE is the range from 65535 to 0 (RFC 7296, section 3.13.1).
TEST(OpaqueFragments, HaveAChildSaOfTheirOwn)
{
    ike::PeerConfig atA = PortPeer(true);
    ike::PeerConfig atB = PortPeer(false);
    atA.opaqueFragments = atB.opaqueFragments = true;
    Story story(atA, atB);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().remoteSelectors,
              Selectors({"10.2.0.0/16[17/2000]"}));
    ASSERT_TRUE(story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), Opaque()));
    story.Rest();
    const auto request = Unseal(story.pair, story.pair.log.at(4));
    const auto* tsR = wire::Find<wire::TsPayload>(request, wire::PayloadType::TsR);
    ASSERT_TRUE(tsR);
    EXPECT_EQ(tsR->selectors.front().startPort, 65535);
    EXPECT_EQ(tsR->selectors.front().endPort, 0);
    ExpectMirrored(story.pair);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().localSelectors,
              Selectors({"10.1.0.0/16[17/OPAQUE]"}));
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().remoteSelectors,
              Selectors({"10.2.0.0/16[17/OPAQUE]"}));
    EXPECT_EQ(story.a.LiveChildren().size(), 2U);
    for (const bool byA : {true, false}) // rekeying keeps it
    {
        const auto spi = story.Side(byA).Last<ChildSaInstalled>().spiInbound;
        ASSERT_TRUE(story.Side(byA).endpoint.RekeyChildSa(story.pair.now, spi));
        story.Rest();
        EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().replaces.has_value(), true);
        EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().remoteSelectors,
                  Selectors({"10.2.0.0/16[17/OPAQUE]"}));
    }
    EXPECT_EQ(story.a.LiveChildren().size(), 2U);
}

/// RFC 7296, section 2.25: for what it was there.
TEST(OpaqueFragments, HaveAnotherChildSaWhenThePeerHasLostTheirs)
{
    ike::PeerConfig atA = PortPeer(true);
    ike::PeerConfig atB = PortPeer(false);
    atA.opaqueFragments = atB.opaqueFragments = true;
    Story story(atA, atB);
    Pair& pair = story.pair;
    ASSERT_TRUE(pair.a.endpoint.CreateChildSa(pair.now, story.Id(), Opaque()));
    story.Rest();
    pair.holding = true;
    ASSERT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, pair.a.Last<ChildSaInstalled>().spiInbound));
    pair.Collect();
    const auto header = wire::ParseHeader(pair.log.back().datagram.octets).value();
    pair.Inject(pair.a,
                Impersonate(pair, false)
                    .Seal(wire::ExchangeType::CreateChildSa,
                          header.messageId,
                          true,
                          {wire::MakeNotify(wire::NotifyType::ChildSaNotFound)}));
    const auto request = Unseal(pair, pair.log.back());
    EXPECT_FALSE(wire::FindNotify(request, wire::NotifyType::RekeySa));
    const auto* tsR = wire::Find<wire::TsPayload>(request, wire::PayloadType::TsR);
    ASSERT_TRUE(tsR);
    EXPECT_TRUE(AreOpaque(tsR->selectors));
}

TEST(OpaqueFragments, AreRefusedByASideThatIsNotToldOfThem)
{
    ike::PeerConfig atA = PortPeer(true);
    atA.opaqueFragments = true;
    Story story(atA, PortPeer(false));
    ASSERT_TRUE(story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), Opaque()));
    story.Rest();
    EXPECT_EQ(story.pair.a.Last<ike::ChildSaRefused>().reason, wire::NotifyType::TsUnacceptable);
    EXPECT_EQ(story.a.LiveChildren().size(), 1U);
}

} // namespace

} // namespace ipseclab::test
