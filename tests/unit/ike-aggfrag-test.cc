/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/subspaces.h"
#include "model/ike/extensions/transport-mode.h"
#include "tests/unit/ike-ledger.h"

/*
 * USE_AGGFRAG (RFC 9347, section 5.1) in IKE_AUTH, CREATE_CHILD_SA and rekeying.
 */

namespace ipseclab::test
{
namespace
{

using ike::AggfragConfig;
using ike::AggfragSa;
using ike::ChildSaInstalled;
using wire::NotifyType;

ike::PeerConfig
With(bool atA, const AggfragConfig& config = {})
{
    auto peer = MakePeer(atA);
    peer.extensions = {ike::UseAggfrag(config)};
    return peer;
}

/// Writes a notify of its own choice, and keeps those of the peer.
class Speaker final : public ike::Extension
{
  public:
    using Heard = std::shared_ptr<std::vector<wire::NotifyPayload>>;

    Speaker(std::optional<Bytes> says, Heard heard)
        : m_says(std::move(says)),
          m_heard(std::move(heard))
    {
    }

    std::unique_ptr<ike::Extension> Clone() const override
    {
        return std::make_unique<Speaker>(*this);
    }

    void WriteChild(ike::ExtensionHost&, ike::ChildNegotiation&, wire::PayloadList& out) override
    {
        if (m_says)
        {
            out.push_back(wire::MakeNotify(NotifyType::UseAggfrag, *m_says));
        }
    }

    std::optional<ike::Refusal> ReadChild(ike::ExtensionHost&,
                                          ike::ChildNegotiation&,
                                          const wire::PayloadList& in) override
    {
        if (const auto* notify = wire::FindNotify(in, NotifyType::UseAggfrag))
        {
            m_heard->push_back(*notify);
        }
        return std::nullopt;
    }

  private:
    std::optional<Bytes> m_says;
    Heard m_heard;
};

/// A peer that says this and no more of AGGFRAG.
ike::PeerConfig
Saying(bool atA, std::optional<Bytes> octets, const Speaker::Heard& heard)
{
    auto peer = MakePeer(atA);
    peer.extensions = {[octets, heard] { return std::make_unique<Speaker>(octets, heard); }};
    return peer;
}

std::vector<bool>
Has(const Pair::Node& node)
{
    std::vector<bool> has;
    for (const auto& sa : node.All<ChildSaInstalled>())
    {
        has.push_back(sa.properties.Find<AggfragSa>() != nullptr);
    }
    return has;
}

/// Makes a second Child SA and rekeys both, one from each side.
void
CreateAndRekey(Story& story)
{
    Pair& pair = story.pair;
    const std::uint32_t first = pair.a.Last<ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.b.endpoint.CreateChildSa(pair.now, story.Id()));
    story.Rest();
    const std::uint32_t second = pair.b.Last<ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, first));
    story.Rest();
    ASSERT_TRUE(pair.b.endpoint.RekeyChildSa(pair.now, second));
    story.Rest();
}

using Four = std::vector<bool>;

TEST(UseAggfrag, IsAgreedOnInEveryExchangeWhereBothHaveIt)
{
    for (const bool a : {false, true})
    {
        for (const bool b : {false, true})
        {
            Story story(a ? With(true) : MakePeer(true), b ? With(false) : MakePeer(false));
            CreateAndRekey(story);
            EXPECT_EQ(Has(story.pair.a), Four(4, a && b));
            EXPECT_EQ(Has(story.pair.b), Four(4, a && b));
        }
    }
}

/// Each side says with D what it takes itself.
TEST(UseAggfrag, SaysWhoTakesNoFragments)
{
    AggfragConfig whole;
    whole.refusesFragments = true;
    Story story(With(true, whole), With(false));
    CreateAndRekey(story);
    for (const auto& sa : story.pair.a.All<ChildSaInstalled>())
    {
        EXPECT_TRUE(sa.properties.Find<AggfragSa>()->peerTakesFragments);
    }
    for (const auto& sa : story.pair.b.All<ChildSaInstalled>())
    {
        EXPECT_FALSE(sa.properties.Find<AggfragSa>()->peerTakesFragments);
    }
}

/// Protocol ID 0, no SPI, one octet 0 0 0 0 0 0 C D.
TEST(UseAggfrag, HasTheFormOfTheRfc)
{
    for (const bool refuses : {false, true})
    {
        const auto heard = std::make_shared<std::vector<wire::NotifyPayload>>();
        AggfragConfig config;
        config.refusesFragments = refuses;
        Story story(With(true, config), Saying(false, std::nullopt, heard));
        ASSERT_EQ(heard->size(), 1U);
        EXPECT_EQ(static_cast<std::uint16_t>(heard->at(0).type), 16442);
        EXPECT_EQ(heard->at(0).protocol, wire::ProtocolId::None);
        EXPECT_TRUE(heard->at(0).spi.empty());
        EXPECT_EQ(heard->at(0).data, Bytes{static_cast<std::uint8_t>(refuses ? 1 : 0)});
    }
}

/// Congestion control (C), unknown flags, an empty body, two octets: the responder leaves it out.
TEST(UseAggfrag, IsNotGrantedWhereMoreIsAskedForThanThereIs)
{
    for (const Bytes& asked : {Bytes{2}, Bytes{3}, Bytes{4}, Bytes{0x80}, Bytes{}, Bytes{0, 0}})
    {
        const auto heard = std::make_shared<std::vector<wire::NotifyPayload>>();
        Story story(Saying(true, asked, heard), With(false));
        EXPECT_TRUE(heard->empty());
        EXPECT_EQ(Has(story.pair.b), std::vector<bool>{false});
        EXPECT_EQ(story.a.LiveChildren().size(), 1U);
    }
}

/// The peer of such a response sends AGGFRAG payloads: that Child SA must not stay.
TEST(UseAggfrag, AResponseThatIsNotUnderstoodCostsTheChildSa)
{
    for (const Bytes& answer : {Bytes{2}, Bytes{4}, Bytes{}})
    {
        const auto heard = std::make_shared<std::vector<wire::NotifyPayload>>();
        Story story(With(true), Saying(false, answer, heard));
        story.Rest();
        EXPECT_TRUE(story.pair.a.All<ChildSaInstalled>().empty());
        EXPECT_TRUE(story.b.LiveChildren().empty());
        EXPECT_EQ(story.pair.a.endpoint.EstablishedCount(), 1U);
    }
}

TEST(UseAggfrag, WhereItIsRequiredAPlainChildSaIsDeleted)
{
    AggfragConfig required;
    required.required = true;
    Story refused(With(true, required), MakePeer(false));
    refused.Rest();
    EXPECT_TRUE(refused.pair.a.All<ChildSaInstalled>().empty());
    EXPECT_EQ(refused.pair.b.All<ike::ChildSaRemoved>().size(), 1U);
    Story granted(With(true, required), With(false));
    EXPECT_EQ(Has(granted.pair.a), std::vector<bool>{true});
}

/// Between two hosts that want transport mode, too, in either order of the extensions.
TEST(UseAggfrag, IsNeverCombinedWithTransportMode)
{
    for (const bool first : {false, true})
    {
        const auto peer = [first](bool atA)
        {
            auto host = With(atA);
            host.localSelectors = Selectors({atA ? "192.0.2.1" : "192.0.2.2"});
            host.remoteSelectors = Selectors({atA ? "192.0.2.2" : "192.0.2.1"});
            auto& list = host.extensions;
            list.insert(first ? list.begin() : list.end(), ike::UseTransportMode());
            return host;
        };
        Story story(peer(true), peer(false));
        CreateAndRekey(story);
        for (const Pair::Node* node : {&story.pair.a, &story.pair.b})
        {
            EXPECT_EQ(Has(*node), Four(4, false));
            EXPECT_NE(node->Last<ChildSaInstalled>().properties.Find<ike::TransportMode>(),
                      nullptr);
        }
    }
    // One that asks for both all the same gets transport mode.
    const auto heard = std::make_shared<std::vector<wire::NotifyPayload>>();
    auto both = Saying(true, Bytes{0}, heard);
    auto host = With(false);
    both.localSelectors = host.remoteSelectors = Selectors({"192.0.2.1"});
    both.remoteSelectors = host.localSelectors = Selectors({"192.0.2.2"});
    both.extensions.push_back(ike::UseTransportMode());
    host.extensions.push_back(ike::UseTransportMode());
    Story story(both, host);
    EXPECT_TRUE(heard->empty());
    EXPECT_EQ(Has(story.pair.b), std::vector<bool>{false});
}

/// Where numbers of an SA are not given in a row, there is no AGGFRAG.
TEST(UseAggfrag, IsForSasWithOneRowOfNumbers)
{
    ike::SubspacesConfig subspaces;
    subspaces.schemes = {esp::SequenceScheme::Sub64(4)};
    const std::vector<ike::ExtensionFactory> others{ike::Subspaces(subspaces), ike::Eesp({})};
    for (const auto& other : others)
    {
        const auto peer = [&other](bool atA)
        {
            auto with = With(atA);
            with.extensions.insert(with.extensions.begin(), other);
            return with;
        };
        Story story(peer(true), peer(false));
        CreateAndRekey(story);
        EXPECT_EQ(Has(story.pair.a), Four(4, false));
        EXPECT_EQ(Has(story.pair.b), Four(4, false));
    }
}

} // namespace
} // namespace ipseclab::test
