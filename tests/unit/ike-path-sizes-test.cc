/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/path-sizes.h"
#include "tests/unit/ike-ledger.h"

/*
 * The LMAP and PTB notifications (draft-liu-ipsecme-ikev2-mtu-dect-09).
 */

namespace ipseclab::test
{
namespace
{

using ike::AtomicPacket;
using ike::ChildSaInstalled;
using ike::EgressLimits;
using ike::PathSizes;
using ike::PathSizesTold;
using ike::TellPathSizes;
using wire::NotifyType;

constexpr NotifyType kLmap{50032};
constexpr NotifyType kPtb{50033};

ike::PeerConfig
WithSizes(bool atA, const ike::PathSizesConfig& config = {})
{
    auto peer = MakePeer(atA);
    peer.extensions = {ike::PathSizeNotifications(config)};
    return peer;
}

/// Keeps the notifications of INFORMATIONAL requests as they came.
class Recorder final : public ike::Extension
{
  public:
    using Notes = std::shared_ptr<std::vector<wire::NotifyPayload>>;

    explicit Recorder(Notes notes)
        : m_notes(std::move(notes))
    {
    }

    std::unique_ptr<ike::Extension> Clone() const override
    {
        return std::make_unique<Recorder>(*this);
    }

    void AnswerInformational(ike::Instant,
                             ike::ExtensionHost&,
                             const ike::Path&,
                             const wire::PayloadList& request,
                             wire::PayloadList&) override
    {
        for (const NotifyType type : {kLmap, kPtb})
        {
            if (const auto* notify = wire::FindNotify(request, type))
            {
                m_notes->push_back(*notify);
            }
        }
    }

  private:
    Notes m_notes;
};

/// B tells A about the packets of a Child SA.
bool
Tell(Story& story, const PathSizes& sizes, std::size_t child = 0)
{
    auto& b = story.pair.b;
    const std::uint32_t spi = b.All<ChildSaInstalled>().at(child).spiInbound;
    const bool done = b.endpoint.Command(story.pair.now, spi, TellPathSizes{spi, sizes});
    story.pair.Collect();
    return done;
}

std::vector<PathSizesTold>
Told(const Pair::Node& node)
{
    std::vector<PathSizesTold> all;
    for (const auto& report : node.All<ike::IkeExtensionReport>())
    {
        if (const auto* told = report.As<PathSizesTold>())
        {
            all.push_back(*told);
        }
    }
    return all;
}

const PathSizes kLmap1396{AtomicPacket{false, 1396}, std::nullopt};

struct Sides
{
    const char* name;
    bool a;
    bool b;
};

class PathSizesTable : public testing::TestWithParam<Sides>
{
};

TEST_P(PathSizesTable, TakesBoth)
{
    const Sides& c = GetParam();
    Story story(c.a ? WithSizes(true) : MakePeer(true), c.b ? WithSizes(false) : MakePeer(false));
    EXPECT_EQ(Tell(story, kLmap1396), c.a && c.b);
    story.Rest();
    EXPECT_EQ(Told(story.pair.a).size(), c.a && c.b ? 1U : 0U);
    EXPECT_EQ(story.a.LiveChildren().size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         PathSizesTable,
                         testing::Values(Sides{"Neither", false, false},
                                         Sides{"OnlyTheIngress", true, false},
                                         Sides{"OnlyTheEgress", false, true},
                                         Sides{"Both", true, true}),
                         [](const auto& c) { return c.param.name; });

TEST(PathSizes, SayWhatCameAndOfWhat)
{
    Story story(WithSizes(true), WithSizes(false));
    EXPECT_TRUE(Tell(story, kLmap1396));
    story.Rest();
    const auto told = Told(story.pair.a);
    ASSERT_EQ(told.size(), 1U);
    const auto child = story.pair.a.All<ChildSaInstalled>().at(0);
    EXPECT_EQ(told[0].destination, child.remoteOuter);
    EXPECT_EQ(told[0].spisOutbound, std::vector<std::uint32_t>{child.spiOutbound});
    ASSERT_TRUE(told[0].sizes.lmap);
    EXPECT_FALSE(told[0].sizes.lmap->v6);
    EXPECT_EQ(told[0].sizes.lmap->Octets(), 1396U);
    EXPECT_FALSE(told[0].sizes.tooBig);
}

// Sections 4 and 5 of the draft: IP version in 4 bits, 12 reserved ones, the length; two words. The
// Payload Length of IPv6 is without the header.
TEST(PathSizes, HaveTheFormOfTheDraft)
{
    const auto notes = std::make_shared<std::vector<wire::NotifyPayload>>();
    auto ingress = WithSizes(true);
    ingress.extensions.push_back([notes] { return std::make_unique<Recorder>(notes); });
    Story story(ingress, WithSizes(false));
    EXPECT_TRUE(Tell(story, {AtomicPacket{false, 1396}, EgressLimits{1500, 9000}}));
    story.Rest();
    EXPECT_TRUE(Tell(story, {AtomicPacket{true, 1240}, std::nullopt}));
    story.Rest();
    ASSERT_EQ(notes->size(), 3U);
    EXPECT_EQ(notes->at(0).data, (Bytes{0x40, 0, 0x05, 0x74}));
    EXPECT_EQ(notes->at(1).data, (Bytes{0, 0, 0x05, 0xdc, 0, 0, 0x23, 0x28}));
    EXPECT_EQ(notes->at(2).data, (Bytes{0x60, 0, 0x04, 0xd8}));
    for (const auto& note : *notes)
    {
        EXPECT_EQ(note.protocol, wire::ProtocolId::None);
        EXPECT_TRUE(note.spi.empty());
    }
    EXPECT_EQ(Told(story.pair.a).at(1).sizes.lmap->Octets(), 1280U);
}

TEST(PathSizes, WaitForTheAnswerToTheLast)
{
    Story story(WithSizes(true), WithSizes(false));
    EXPECT_TRUE(Tell(story, kLmap1396));
    EXPECT_FALSE(Tell(story, kLmap1396));
    story.Rest();
    EXPECT_TRUE(Tell(story, kLmap1396));
    story.Rest();
    EXPECT_EQ(Told(story.pair.a).size(), 2U);
}

// The draft names no SA; with an SPI, as REKEY_SA has it, one of several is meant.
TEST(PathSizes, AreOfAllChildSasUnlessTheyNameOne)
{
    for (const bool names : {false, true})
    {
        ike::PathSizesConfig config;
        config.namesSa = names;
        Story story(WithSizes(true), WithSizes(false, config));
        EXPECT_TRUE(story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id(), {}));
        story.Rest();
        const auto children = story.pair.a.All<ChildSaInstalled>();
        ASSERT_EQ(children.size(), 2U);
        EXPECT_TRUE(Tell(story, kLmap1396, 1));
        story.Rest();
        const auto spis = Told(story.pair.a).at(0).spisOutbound;
        EXPECT_EQ(spis.size(), names ? 1U : 2U);
        EXPECT_NE(std::find(spis.begin(), spis.end(), children[1].spiOutbound), spis.end());
    }
}

// A notification of the wrong length is told of, and is about nothing.
TEST(PathSizes, WithoutMeaningAreOfNoChildSa)
{
    ike::PathSizesConfig swapped;
    std::swap(swapped.lmapType, swapped.ptbType);
    Story story(WithSizes(true), WithSizes(false, swapped));
    EXPECT_TRUE(Tell(story, kLmap1396));
    story.Rest();
    ASSERT_EQ(Told(story.pair.a).size(), 1U);
    EXPECT_TRUE(Told(story.pair.a)[0].spisOutbound.empty());
}

// Nobody waits for the answer to a request of an IKE SA that was replaced.
TEST(PathSizes, GoOnAfterARekey)
{
    Story story(WithSizes(true), WithSizes(false));
    EXPECT_TRUE(Tell(story, kLmap1396));
    story.Rest();
    EXPECT_TRUE(story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.Id()));
    story.Rest();
    EXPECT_TRUE(Tell(story, kLmap1396));
    story.Rest();
    EXPECT_EQ(Told(story.pair.a).size(), 2U);
}

} // namespace
} // namespace ipseclab::test
