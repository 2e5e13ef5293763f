/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/extension.h"
#include "model/ike/narrowing.h"
#include "tests/unit/ike-ledger.h"

/*
 * Traffic selectors between two sides (RFC 7296, section 2.9): the packet that needs the Child SA,
 * and how much one Child SA carries.
 */

namespace ipseclab::test
{
namespace
{

using ike::ChildGranularity;
using ike::ChildSaInstalled;
using ike::ChildSaRefused;
using wire::NotifyType;
using wire::PayloadType;

/// UDP from 10.1.0.5 port 4000 to this host, port 53.
PacketSelectors
DnsQuery(const std::string& to = "10.2.0.9")
{
    PacketSelectors packet;
    packet.source = IpAddress::FromString("10.1.0.5").value();
    packet.destination = IpAddress::FromString(to).value();
    packet.protocol = 17;
    packet.sourcePort = 4000;
    packet.destinationPort = 53;
    return packet;
}

TrafficSelector
Of(const std::string& range, std::uint8_t protocol, std::uint16_t port)
{
    auto selector = TrafficSelector::FromString(range).value();
    selector.protocol = protocol;
    selector.startPort = port;
    selector.endPort = port;
    return selector;
}

ike::ChildRequest
For(const PacketSelectors& packet)
{
    ike::ChildRequest request;
    request.packet = packet;
    return request;
}

TEST(OfferedSelectors, ThePacketComesFirst)
{
    const auto offer = OfferSelectors(MakePeer(true), For(DnsQuery()), false);
    EXPECT_EQ(offer.local,
              (TrafficSelectorList{Of("10.1.0.5", 17, 4000), Selectors({"10.1.0.0/16"}).front()}));
    EXPECT_EQ(offer.remote,
              (TrafficSelectorList{Of("10.2.0.9", 17, 53), Selectors({"10.2.0.0/16"}).front()}));
}

// RFC 7296, section 3.13.1: ICMP type and code stand in for both ports.
TEST(OfferedSelectors, IcmpHasTypeAndCode)
{
    PacketSelectors echo = DnsQuery();
    echo.protocol = 1;
    echo.sourcePort = echo.destinationPort = 8 << 8;
    const auto offer = OfferSelectors(MakePeer(true), For(echo), true);
    EXPECT_EQ(offer.local, TrafficSelectorList{Of("10.1.0.5", 1, 0x0800)});
    EXPECT_EQ(offer.remote, TrafficSelectorList{Of("10.2.0.9", 1, 0x0800)});
}

TEST(OfferedSelectors, APacketThatIsNotAllowedIsLeftOut)
{
    const auto peer = MakePeer(true);
    const auto offer = OfferSelectors(peer, For(DnsQuery("10.3.0.1")), false);
    EXPECT_EQ(offer.local, peer.localSelectors);
    EXPECT_EQ(offer.remote, peer.remoteSelectors);
}

TEST(OfferedSelectors, TheWireCountsTo255)
{
    auto peer = MakePeer(true);
    peer.localSelectors.assign(255, peer.localSelectors.front());
    EXPECT_EQ(OfferSelectors(peer, For(DnsQuery()), false).local.size(), 255U);
}

struct GranularityCase
{
    const char* name;
    ChildGranularity granularity;
    std::vector<std::string> offeredLocal;
    std::vector<std::string> offeredRemote;
    std::vector<std::string> local; ///< empty: refused
    std::vector<std::string> remote;
    bool more;
    NotifyType refusal;
};

class Granularity : public testing::TestWithParam<GranularityCase>
{
};

TEST_P(Granularity, DecidesTheAnswer)
{
    const auto& c = GetParam();
    auto peer = MakePeer(false);
    peer.localSelectors = Selectors({"10.2.0.0/24", "10.2.1.0/24"});
    peer.remoteSelectors = Selectors({"10.1.0.0/24", "10.1.1.0/24"});
    peer.granularity = c.granularity;
    const auto answer =
        AnswerSelectors(peer, Selectors(c.offeredLocal), Selectors(c.offeredRemote));
    ASSERT_EQ(answer.has_value(), !c.local.empty());
    if (!answer)
    {
        EXPECT_EQ(answer.error(), c.refusal);
        return;
    }
    EXPECT_EQ(answer->local, Selectors(c.local));
    EXPECT_EQ(answer->remote, Selectors(c.remote));
    EXPECT_EQ(answer->more, c.more);
}

constexpr auto kNone = NotifyType::TsUnacceptable;

INSTANTIATE_TEST_SUITE_P(Cases,
                         Granularity,
                         testing::Values(GranularityCase{"All",
                                                         ChildGranularity::All,
                                                         {"10.2.0.0/16"},
                                                         {"10.1.0.0/16"},
                                                         {"10.2.0.0/24", "10.2.1.0/24"},
                                                         {"10.1.0.0/24", "10.1.1.0/24"},
                                                         false,
                                                         kNone},
                                         GranularityCase{"FirstPairOfAll",
                                                         ChildGranularity::SelectorPair,
                                                         {"10.2.0.0/16"},
                                                         {"10.1.0.0/16"},
                                                         {"10.2.0.0/24"},
                                                         {"10.1.0.0/24"},
                                                         true,
                                                         kNone},
                                         GranularityCase{"PairThatHoldsTheFirst",
                                                         ChildGranularity::SelectorPair,
                                                         {"10.2.1.9", "10.2.0.0/16"},
                                                         {"10.1.1.5", "10.1.0.0/16"},
                                                         {"10.2.1.9", "10.2.1.0/24"},
                                                         {"10.1.1.5", "10.1.1.0/24"},
                                                         true,
                                                         kNone},
                                         GranularityCase{"PairAndNothingElseAskedFor",
                                                         ChildGranularity::SelectorPair,
                                                         {"10.2.1.0/24"},
                                                         {"10.1.1.0/24"},
                                                         {"10.2.1.0/24"},
                                                         {"10.1.1.0/24"},
                                                         false,
                                                         kNone},
                                         GranularityCase{"FirstIsNotAllowedAnotherIs",
                                                         ChildGranularity::SelectorPair,
                                                         {"10.9.0.1", "10.2.1.0/24"},
                                                         {"10.1.0.0/24"},
                                                         {"10.2.1.0/24"},
                                                         {"10.1.0.0/24"},
                                                         false,
                                                         kNone},
                                         GranularityCase{"Hosts",
                                                         ChildGranularity::AddressPair,
                                                         {"10.2.1.9", "10.2.0.0/16"},
                                                         {"10.1.1.5", "10.1.0.0/16"},
                                                         {"10.2.1.9"},
                                                         {"10.1.1.5"},
                                                         true,
                                                         kNone},
                                         GranularityCase{"HostsOnly",
                                                         ChildGranularity::AddressPair,
                                                         {"10.2.1.9"},
                                                         {"10.1.1.5"},
                                                         {"10.2.1.9"},
                                                         {"10.1.1.5"},
                                                         false,
                                                         kNone},
                                         GranularityCase{"NoHostsNamed",
                                                         ChildGranularity::AddressPair,
                                                         {"10.2.0.0/16"},
                                                         {"10.1.0.0/16"},
                                                         {},
                                                         {},
                                                         false,
                                                         NotifyType::SinglePairRequired},
                                         GranularityCase{"NothingInCommon",
                                                         ChildGranularity::AddressPair,
                                                         {"10.5.0.1"},
                                                         {"10.1.0.0/16"},
                                                         {},
                                                         {},
                                                         false,
                                                         NotifyType::TsUnacceptable}),
                         [](const auto& c) { return c.param.name; });

TEST(TriggeredChild, ThePacketStandsFirstInIkeAuth)
{
    Pair pair;
    pair.a.endpoint.Initiate(pair.now, pair.a.peer.name, For(DnsQuery()));
    pair.Collect();
    pair.RunUntilQuiet();
    const auto request = Unseal(pair, pair.log.at(2));
    const auto* tsI = wire::Find<wire::TsPayload>(request, PayloadType::TsI);
    const auto* tsR = wire::Find<wire::TsPayload>(request, PayloadType::TsR);
    ASSERT_TRUE(tsI && tsR);
    EXPECT_EQ(tsI->selectors.front(), Of("10.1.0.5", 17, 4000));
    EXPECT_EQ(tsR->selectors.front(), Of("10.2.0.9", 17, 53));
    ExpectMirrored(pair);
}

/// "b" has two nets behind it and takes one Child SA for each.
ike::PeerConfig
ByNets()
{
    auto peer = MakePeer(false);
    peer.localSelectors = Selectors({"10.2.0.0/24", "10.2.1.0/24"});
    peer.granularity = ChildGranularity::SelectorPair;
    return peer;
}

TEST(TriggeredChild, MoreIsPossibleOnAnotherChildSa)
{
    Story story(MakePeer(true), ByNets());
    const auto first = story.pair.a.Last<ChildSaInstalled>();
    EXPECT_TRUE(first.additionalTsPossible);
    EXPECT_EQ(first.remoteSelectors, Selectors({"10.2.0.0/24"}));
    EXPECT_FALSE(story.pair.b.Last<ChildSaInstalled>().additionalTsPossible);

    story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), For(DnsQuery("10.2.1.9")));
    story.Rest();
    const auto second = story.pair.a.Last<ChildSaInstalled>();
    EXPECT_TRUE(second.remoteSelectors.back() == Selectors({"10.2.1.0/24"}).front());
    EXPECT_EQ(story.a.LiveChildren().size(), 2U);
}

// What was narrowed stays as it is when it is rekeyed, whoever does it.
TEST(TriggeredChild, RekeyingKeepsTheSelectors)
{
    for (const bool byA : {true, false})
    {
        Story story(MakePeer(true), ByNets());
        story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), For(DnsQuery("10.2.1.9")));
        story.Rest();
        const auto before = story.Side(byA).Last<ChildSaInstalled>();
        EXPECT_TRUE(story.Side(byA).endpoint.RekeyChildSa(story.pair.now, before.spiInbound));
        story.Rest();
        const auto after = story.Side(byA).Last<ChildSaInstalled>();
        EXPECT_EQ(after.replaces, before.spiInbound);
        EXPECT_EQ(after.localSelectors, before.localSelectors);
        EXPECT_EQ(after.remoteSelectors, before.remoteSelectors);
        EXPECT_EQ(story.a.LiveChildren().size(), 2U);
    }
}

ike::PeerConfig
ByHosts()
{
    auto peer = MakePeer(false);
    peer.granularity = ChildGranularity::AddressPair;
    return peer;
}

// The responder cannot choose a pair of hosts without knowing of a packet.
TEST(SinglePair, IsRequiredWhereNoPacketIsNamed)
{
    Story story(MakePeer(true), ByHosts());
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().reason, NotifyType::SinglePairRequired);
    EXPECT_EQ(story.pair.b.Last<ChildSaRefused>().reason, NotifyType::SinglePairRequired);
    EXPECT_EQ(story.a.ikeSas.size(), 1U);
    EXPECT_TRUE(story.a.children.empty());
    story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id());
    story.Rest();
    EXPECT_EQ(story.pair.a.All<ChildSaRefused>().size(), 2U);
    EXPECT_EQ(story.pair.a.endpoint.ChildSaCount(), 0U);
}

TEST(SinglePair, IsWhatTheResponderMakesOfAPacket)
{
    Story story(MakePeer(true), ByHosts());
    story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), For(DnsQuery()));
    story.Rest();
    const auto child = story.pair.a.Last<ChildSaInstalled>();
    EXPECT_TRUE(ike::AreAlike(child.localSelectors, Selectors({"10.1.0.5"})));
    EXPECT_TRUE(ike::AreAlike(child.remoteSelectors, Selectors({"10.2.0.9"})));
    EXPECT_TRUE(child.additionalTsPossible);
    story.pair.b.endpoint.RekeyChildSa(story.pair.now, story.b.LiveChildren().front());
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 1U);
}

// A stricter responder than ours refuses the list as such; then the packet alone is asked for,
// once.
TEST(SinglePair, TheAskingSideTriesThePacketAlone)
{
    Pair pair;
    pair.Connect();
    auto responder = Impersonate(pair, false);
    pair.holding = true;
    pair.a.endpoint.CreateChildSa(pair.now,
                                  pair.a.Last<ike::IkeSaEstablished>().id,
                                  For(DnsQuery()));
    pair.Collect();
    for (const std::uint32_t id : {2U, 3U})
    {
        const auto request = Unseal(pair, pair.TakeHeld(0));
        const auto* tsI = wire::Find<wire::TsPayload>(request, PayloadType::TsI);
        ASSERT_TRUE(tsI);
        EXPECT_EQ(tsI->selectors.size(), id == 2 ? 2U : 1U);
        EXPECT_EQ(tsI->selectors.front(), Of("10.1.0.5", 17, 4000));
        EXPECT_TRUE(pair.a.All<ChildSaRefused>().empty());
        pair.Inject(pair.a,
                    responder.Seal(wire::ExchangeType::CreateChildSa,
                                   id,
                                   true,
                                   {wire::MakeNotify(NotifyType::SinglePairRequired)}));
    }
    EXPECT_EQ(pair.a.Last<ChildSaRefused>().reason, NotifyType::SinglePairRequired);
    EXPECT_TRUE(pair.held.empty());
    EXPECT_EQ(pair.a.endpoint.ChildSaCount(), 1U);
}

/// Answers these, whatever was offered, or what it rekeys.
class WidensAnswers : public ike::Extension
{
  public:
    WidensAnswers(bool rekeying, TrafficSelectorList answer)
        : m_rekeying(rekeying),
          m_answer(std::move(answer))
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<WidensAnswers>(m_rekeying, m_answer);
    }

    void WriteChild(ike::ExtensionHost&,
                    ike::ChildNegotiation& child,
                    wire::PayloadList& out) override
    {
        for (wire::Payload& payload : out)
        {
            const bool meant = !child.asking && (child.replaces != nullptr) == m_rekeying;
            if (meant && payload.type == PayloadType::TsR)
            {
                payload = wire::MakePayload(PayloadType::TsR, wire::TsPayload{m_answer});
            }
        }
    }

  private:
    bool m_rekeying;
    TrafficSelectorList m_answer;
};

ike::ExtensionFactory
Widening(bool rekeying, const std::vector<std::string>& answer)
{
    return [rekeying, selectors = Selectors(answer)]
    { return std::make_unique<WidensAnswers>(rekeying, selectors); };
}

// RFC 7296, section 2.9: the answer is a subset of the offer, not of what else we would take.
TEST(WidenedAnswer, IsRefusedThoughConfigurationAllowsIt)
{
    auto atB = ByNets();
    atB.extensions = {Widening(true, {"10.2.0.0/24", "10.2.1.0/24"})};
    Story story(MakePeer(true), atB);
    const auto before = story.pair.a.Last<ChildSaInstalled>();
    ASSERT_TRUE(story.pair.a.endpoint.RekeyChildSa(story.pair.now, before.spiInbound));
    story.Rest();
    EXPECT_EQ(story.pair.a.Last<ChildSaRefused>().rekeyOf, before.spiInbound);
}

/// "a" may ask for OPAQUE ports, too, but that takes a request of its own.
TEST(WidenedAnswer, IsRefusedWhenTheOtherKindOfPortsIsAnswered)
{
    for (const bool opaque : {false, true})
    {
        auto atA = MakePeer(true);
        auto atB = MakePeer(false);
        atA.remoteSelectors = atB.localSelectors = Selectors({"10.2.0.0/16[17/53]"});
        atA.opaqueFragments = atB.opaqueFragments = true;
        atB.extensions = {
            Widening(false, {opaque ? "10.2.0.0/16[17/53]" : "10.2.0.0/16[17/OPAQUE]"})};
        Story story(atA, atB);
        const auto& a = story.pair.a;
        EXPECT_EQ(a.endpoint.ChildSaCount(), opaque ? 1U : 0U); // that of IKE_AUTH
        if (opaque)
        {
            ike::ChildRequest request;
            request.opaque = true;
            story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), request);
            story.Rest();
            EXPECT_EQ(a.endpoint.ChildSaCount(), 1U);
        }
        EXPECT_EQ(a.All<ChildSaRefused>().size(), 1U);
        EXPECT_EQ(a.Last<ChildSaRefused>().opaque, opaque);
    }
}

} // namespace
} // namespace ipseclab::test
