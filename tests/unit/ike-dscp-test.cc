/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/child-sa-budget.h"
#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/ts-dscp.h"
#include "tests/unit/ike-ledger.h"

/*
 * Child SAs by DSCP: without negotiation (RFC 4301, section 4.1), with the notification
 * (draft-mglt-ipsecme-dscp-np-03), with the traffic selector (draft-mglt-ipsecme-ts-dscp-03).
 */

namespace ipseclab::test
{
namespace
{

using ike::AskForClassSas;
using ike::ChildSaInstalled;
using ike::ChildSaRefused;
using ike::SaDscps;
using wire::NotifyType;

DscpSet
Of(const Bytes& values)
{
    return ToDscpSet(values);
}

/// The example of dscp-np-03: assured forwarding, and expedited forwarding.
const std::vector<DscpSet> kClasses{Of({10, 26, 28, 30}), Of({46})};

ike::PeerConfig
With(bool atA, std::vector<ike::ExtensionFactory> extensions)
{
    auto peer = MakePeer(atA);
    peer.extensions = std::move(extensions);
    return peer;
}

ike::ExtensionFactory
Notification(bool follow = true, bool toAnyone = false)
{
    ike::DscpNotificationConfig config;
    config.own.classes = kClasses;
    config.follow = follow;
    config.toAnyone = toAnyone;
    return ike::DscpNotification(config);
}

ike::ExtensionFactory
Selector(const DscpSet& allowed = DscpSet().set(), bool toAnyone = false)
{
    ike::TsDscpConfig config;
    config.own.classes = kClasses;
    config.allowed = allowed;
    config.toAnyone = toAnyone;
    return ike::TsDscp(config);
}

std::string
ToText(const DscpSet& dscps)
{
    std::string text;
    for (const auto value : ToOctets(dscps))
    {
        text += (text.empty() ? "" : " ") + std::to_string(value);
    }
    return text;
}

/// "mine/peers" of each Child SA in the order in which they came up; "?" where the peer said
/// nothing, "!" behind what binds, "-" without a property.
std::vector<std::string>
Lists(const Pair::Node& node)
{
    std::vector<std::string> all;
    for (const auto& child : node.All<ChildSaInstalled>())
    {
        const auto* dscps = child.properties.Find<SaDscps>();
        all.push_back(!dscps ? "-"
                             : ToText(dscps->mine) + "/" +
                                   (dscps->peers ? ToText(*dscps->peers) : "?") +
                                   (dscps->agreed ? "!" : ""));
    }
    return all;
}

using Texts = std::vector<std::string>;

struct Case
{
    const char* name;
    std::vector<ike::ExtensionFactory> a;
    std::vector<ike::ExtensionFactory> b;
    Texts atA;
    Texts atB;
};

class DscpTable : public testing::TestWithParam<Case>
{
};

TEST_P(DscpTable, Asks)
{
    const Case& c = GetParam();
    Story story(With(true, c.a), With(false, c.b));
    ASSERT_TRUE(story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{}));
    story.Rest();
    EXPECT_EQ(Lists(story.pair.a), c.atA);
    EXPECT_EQ(Lists(story.pair.b), c.atB);
    // Nothing is missing, so nothing more is asked for.
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    EXPECT_EQ(Lists(story.pair.a), c.atA);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         DscpTable,
                         testing::Values(Case{"NothingIsSaid",
                                              {ike::DscpClasses({kClasses})},
                                              {},
                                              {"-", "10 26 28 30/?", "46/?"},
                                              {"-", "-", "-"}},
                                         Case{"TheNotificationIsFollowed",
                                              {Notification()},
                                              {Notification()},
                                              {"/", "10 26 28 30/10 26 28 30", "46/46"},
                                              {"/", "10 26 28 30/10 26 28 30", "46/46"}},
                                         Case{"ThePeerDoesNotFilter",
                                              {Notification()},
                                              {Notification(false)},
                                              {"/", "10 26 28 30/", "46/"},
                                              {"/", "/10 26 28 30", "/46"}},
                                         Case{"ThePeerIgnoresTheNotification",
                                              {Notification(true, true)},
                                              {},
                                              {"/?", "10 26 28 30/?", "46/?"},
                                              {"-", "-", "-"}},
                                         Case{"TheSelectorIsAgreedOn",
                                              {Selector()},
                                              {Selector()},
                                              {"/?", "10 26 28 30/10 26 28 30!", "46/46!"},
                                              {"/?", "10 26 28 30/10 26 28 30!", "46/46!"}},
                                         Case{"TheSelectorIsNarrowed",
                                              {ike::TsDscp({{{Of({10, 26, 28, 30})}}})},
                                              {Selector(Of({26, 28, 46}))},
                                              {"/?", "26 28/26 28!"},
                                              {"/?", "26 28/10 26 28 30!"}},
                                         Case{"ThePeerIgnoresTheSelector",
                                              {Selector(DscpSet().set(), true)},
                                              {},
                                              {"/?", "10 26 28 30/?", "46/?"},
                                              {"-", "-", "-"}}),
                         [](const auto& c) { return c.param.name; });

TEST(Dscp, OnlyTheNotificationIsOnTheWire)
{
    Story story(With(true, {Notification()}), With(false, {Notification()}));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    const auto ladder = story.Ladder();
    ASSERT_EQ(ladder.size(), 4U);
    EXPECT_EQ(ladder.at(0), "A req: SA Nonce TSi TSr ?") << "a private number has no name";
}

TEST(Dscp, WithoutANotificationMessagesAreThoseOfAnyChildSa)
{
    Story story(With(true, {ike::DscpClasses({kClasses})}), With(false, {}));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    const std::string request = "A req: SA Nonce TSi TSr";
    const std::string response = "B resp: SA Nonce TSi TSr";
    EXPECT_EQ(story.Ladder(), (Texts{request, response, request, response}));
}

// Two sides that classify, each for itself: twice the Child SAs (ts-dscp-03, introduction).
TEST(Dscp, WithoutNegotiationEachSideHasItsOwn)
{
    Story story(With(true, {ike::DscpClasses({kClasses})}),
                With(false, {ike::DscpClasses({kClasses})}));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    story.pair.b.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 1 + 2 * kClasses.size());
}

TEST(Dscp, WithTheNotificationBothSidesShareThem)
{
    Story story(With(true, {Notification()}), With(false, {Notification()}));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    story.pair.b.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 1 + kClasses.size());
}

TEST(Dscp, TheFirstChildSaMayBeThatOfAClass)
{
    Story story(With(true, {ike::DscpClasses({kClasses, false})}), With(false, {}));
    EXPECT_EQ(Lists(story.pair.a), Texts{"10 26 28 30/?"});
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    EXPECT_EQ(Lists(story.pair.a), (Texts{"10 26 28 30/?", "46/?"}));
}

TEST(Dscp, NothingOfTheOfferIsAllowed)
{
    Story story(With(true, {Selector()}), With(false, {Selector(Of({46}))}));
    story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
    story.Rest();
    EXPECT_EQ(Lists(story.pair.a), (Texts{"/?", "46/46!"}));
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().reason, NotifyType::TsUnacceptable);
}

/// Does not know the selector, and does not leave it out as RFC 7296, section 2.9 has it.
class RefusesUnknownSelectors : public ike::Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<RefusesUnknownSelectors>();
    }

    std::optional<ike::Refusal> ReadChild(ike::ExtensionHost&,
                                          ike::ChildNegotiation& child,
                                          const wire::PayloadList& in) override
    {
        const auto* ts = wire::Find<wire::TsPayload>(in, wire::PayloadType::TsI);
        const bool unknown = !child.asking && ts && !ts->others.empty();
        return unknown ? std::make_optional(ike::Refusal{NotifyType::TsUnacceptable})
                       : std::nullopt;
    }
};

// The first request finds out, and the others leave the selector out (ts-dscp-03).
TEST(Dscp, APeerThatRefusesTheSelectorIsAskedWithout)
{
    const ike::ExtensionFactory refuse = [] { return std::make_unique<RefusesUnknownSelectors>(); };
    Story story(With(true, {Selector(DscpSet().set(), true)}), With(false, {refuse}));
    for (int round = 0; round < 2; ++round)
    {
        story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
        story.Rest();
        EXPECT_EQ(Lists(story.pair.a), (Texts{"/?", "46/?", "10 26 28 30/?"}));
        EXPECT_EQ(story.pair.a.All<ChildSaRefused>().size(), 1U);
    }
}

TEST(Dscp, TheFirstChildSaIsAskedForWithout)
{
    ike::TsDscpConfig config;
    config.own = {kClasses, false};
    config.toAnyone = true;
    const ike::ExtensionFactory refuse = [] { return std::make_unique<RefusesUnknownSelectors>(); };
    Story story(With(true, {ike::TsDscp(config)}), With(false, {refuse}));
    story.Rest();
    EXPECT_EQ(Lists(story.pair.a), Texts{"10 26 28 30/?"});
}

TEST(Dscp, RekeyingKeepsTheClass)
{
    for (const auto& extension : {Notification(), Selector()})
    {
        Story story(With(true, {extension}), With(false, {extension}));
        story.pair.a.endpoint.Command(story.pair.now, story.Id(), AskForClassSas{});
        story.Rest();
        const auto last = Lists(story.pair.a).back();
        EXPECT_TRUE(
            story.pair.b.endpoint.RekeyChildSa(story.pair.now,
                                               story.pair.b.Last<ChildSaInstalled>().spiInbound));
        story.Rest();
        EXPECT_EQ(Lists(story.pair.a).size(), 4U);
        EXPECT_EQ(Lists(story.pair.a).back(), last);
        EXPECT_EQ(Lists(story.pair.b).back(), last);
    }
}

// RFC 7296, section 1.3.1; the IKE SA and what there is stay.
TEST(Dscp, TheHardwareHasNoRoomForMore)
{
    Story full(
        With(true, {ike::DscpClasses({kClasses})}),
        With(false, {ike::ChildSaBudget(1, [n = std::size_t{0}]() mutable { return n++; })}));
    full.pair.a.endpoint.Command(full.pair.now, full.Id(), AskForClassSas{});
    full.Rest();
    EXPECT_EQ(full.a.LiveChildren().size(), 1U);
    EXPECT_EQ(full.pair.a.All<ChildSaRefused>().size(), 2U);
    EXPECT_EQ(full.pair.a.Last<ChildSaRefused>().reason, NotifyType::NoAdditionalSas);
}

} // namespace
} // namespace ipseclab::test
