/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/mobike.h"
#include "model/ike/extensions/nat-traversal.h"
#include "tests/unit/ike-ledger.h"
#include "tests/unit/test-vectors.h"

/*
 * IKE SAs that move (RFC 4555). "a" initiates, so it is the one that moves.
 */

namespace ipseclab::test
{
namespace
{

using ike::AddressesMoved;
using ike::ChangeAddresses;
using ike::ChildSaInstalled;
using ike::ChildSaMoved;
using ike::MobikeConfig;
using ike::MoveRefused;
using ike::MoveTo;
using ike::PeerAddresses;
using wire::ExchangeType;
using wire::NotifyType;
using namespace std::chrono_literals;

const IpAddress kElsewhere = IpAddress::FromString("198.51.100.7").value();
const IpAddress kFarther = IpAddress::FromString("203.0.113.9").value();
const IpAddress kB = IpAddress::FromString("192.0.2.2").value();

ike::PeerConfig
With(bool atA, const MobikeConfig& config = {})
{
    auto peer = MakePeer(atA);
    peer.extensions = {ike::Mobike(config)};
    return peer;
}

template <typename Detail>
std::vector<Detail>
Reports(const Pair::Node& node)
{
    std::vector<Detail> found;
    for (const auto& report : node.All<ike::IkeExtensionReport>())
    {
        if (const auto* detail = report.As<Detail>())
        {
            found.push_back(*detail);
        }
    }
    return found;
}

/// Both know MOBIKE, and "a" can be told to move.
struct Mobile : Story
{
    explicit Mobile(const MobikeConfig& atA = {}, const MobikeConfig& atB = {})
        : Story(With(true, atA), With(false, atB))
    {
    }

    bool Move(const IpAddress& local)
    {
        const bool done =
            pair.a.endpoint.Command(pair.now, a.ikeSas.begin()->second.id, MoveTo{local, kB});
        pair.Collect();
        return done;
    }
};

struct Case
{
    const char* name;
    bool a;
    bool b;
};

class MobikeTable : public testing::TestWithParam<Case>
{
};

TEST_P(MobikeTable, TakesBoth)
{
    const Case& c = GetParam();
    const bool both = c.a && c.b;
    Story story(c.a ? With(true) : MakePeer(true), c.b ? With(false) : MakePeer(false));
    EXPECT_EQ(story.pair.a.endpoint.Command(story.pair.now, story.Id(), MoveTo{kElsewhere, kB}),
              both);
    // Only the side that has initiated moves, and only the other one may change its addresses.
    EXPECT_FALSE(story.pair.b.endpoint.Command(story.pair.now, story.Id(), MoveTo{kB, kElsewhere}));
    EXPECT_FALSE(story.pair.a.endpoint.Command(story.pair.now, story.Id(), ChangeAddresses{}));
    story.Rest();
    EXPECT_EQ(story.pair.b.All<ChildSaMoved>().size(), both ? 1U : 0U);
    EXPECT_EQ(story.a.children.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         MobikeTable,
                         testing::Values(Case{"Neither", false, false},
                                         Case{"OnlyTheInitiator", true, false},
                                         Case{"OnlyTheResponder", false, true},
                                         Case{"Both", true, true}),
                         [](const auto& c) { return c.param.name; });

// RFC 4555, section 2.2: one exchange, and one to prove the address.
TEST(Mobike, AMoveIsTwoExchanges)
{
    Mobile story;
    EXPECT_TRUE(story.Move(kElsewhere));
    EXPECT_EQ(story.pair.a.Last<ChildSaMoved>().localOuter, kElsewhere);
    story.Rest();
    EXPECT_EQ(story.Ladder(),
              (std::vector<std::string>{
                  "A req: UPDATE_SA_ADDRESSES NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP",
                  "B resp: NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP",
                  "B req: COOKIE2",
                  "A resp: COOKIE2"}));
    for (std::size_t i = story.start; i < story.pair.log.size(); ++i)
    {
        const auto& message = story.pair.log[i];
        const auto& path = message.datagram.path;
        EXPECT_EQ((message.fromA ? path.local : path.remote).address, kElsewhere);
    }
    const auto moved = story.pair.b.Last<ChildSaMoved>();
    EXPECT_EQ(moved.spiInbound, story.FirstSpi(false));
    EXPECT_EQ(moved.remoteOuter, kElsewhere);
    EXPECT_EQ(moved.localOuter, kB);
    ASSERT_EQ(Reports<AddressesMoved>(story.pair.a).size(), 1U);
    ASSERT_EQ(Reports<AddressesMoved>(story.pair.b).size(), 1U);
    EXPECT_EQ(Reports<AddressesMoved>(story.pair.b).front().path.remote.address, kElsewhere);
}

// The hashes are of the new addresses, so a NAT there would show.
TEST(Mobike, NatDetectionIsOfTheNewPath)
{
    Mobile story;
    story.Move(kElsewhere);
    const auto request = Unseal(story.pair, story.pair.log.at(story.start));
    const auto* source = wire::FindNotify(request, NotifyType::NatDetectionSourceIp);
    ASSERT_TRUE(source);
    EXPECT_EQ(source->data, ike::ComputeNatDetection(story.Id(), {kElsewhere, 4500}));
}

// RFC 4555, section 3.7: no ESP to an address that has not been proved.
TEST(Mobike, TheChildSasFollowOnceTheAddressIsProved)
{
    Mobile story;
    story.pair.holding = true;
    story.Move(kElsewhere);
    story.pair.Deliver(story.pair.TakeHeld(0));
    EXPECT_TRUE(story.pair.b.All<ChildSaMoved>().empty());
    ASSERT_EQ(story.pair.held.size(), 2U); // the response, and a request with COOKIE2
    story.pair.Deliver(story.pair.TakeHeld(0));
    story.pair.Deliver(story.pair.TakeHeld(0));
    EXPECT_TRUE(story.pair.b.All<ChildSaMoved>().empty());
    story.pair.Deliver(story.pair.TakeHeld(0));
    EXPECT_EQ(story.pair.b.All<ChildSaMoved>().size(), 1U);
}

TEST(Mobike, WithoutReturnRoutabilityTheyFollowAtOnce)
{
    MobikeConfig trusting;
    trusting.returnRoutability = false;
    Mobile story({}, trusting);
    story.Move(kElsewhere);
    story.Rest();
    EXPECT_EQ(story.Ladder().size(), 2U);
    EXPECT_EQ(story.pair.b.Last<ChildSaMoved>().remoteOuter, kElsewhere);
}

// The old address is dead: what is in flight is repeated from the new one.
TEST(Mobike, WhatIsInFlightGoesTheNewWay)
{
    Mobile story;
    story.pair.copies = [](const Pair::Message& message)
    {
        const auto& path = message.datagram.path;
        const bool isOld = (message.fromA ? path.local : path.remote).address ==
                           IpAddress::FromString("192.0.2.1").value();
        return isOld ? 0U : 1U;
    };
    story.pair.a.endpoint.CreateChildSa(story.pair.now, story.Id());
    story.pair.Collect();
    story.pair.RunFor(1s);
    EXPECT_TRUE(story.Move(kElsewhere));
    story.Rest();
    EXPECT_EQ(story.a.LiveChildren().size(), 2U);
    EXPECT_EQ(story.pair.b.Last<ChildSaMoved>().remoteOuter, kElsewhere);
    EXPECT_EQ(story.pair.a.Last<ChildSaInstalled>().localOuter, kElsewhere);
}

// RFC 4555, section 3.5: the latest address counts, and the peer is told of it in the end.
TEST(Mobike, TheLatestOfSeveralMovesCounts)
{
    Mobile story;
    story.Move(kElsewhere);
    story.Move(kFarther);
    story.Rest();
    EXPECT_EQ(story.pair.b.Last<ChildSaMoved>().remoteOuter, kFarther);
    EXPECT_EQ(Reports<AddressesMoved>(story.pair.a).back().path.local.address, kFarther);
    EXPECT_EQ(Reports<AddressesMoved>(story.pair.a).size(), 1U);
}

// Who moves is settled by the first IKE SA, whoever rekeys it (RFC 4555, section 1.3).
TEST(Mobike, StaysThroughRekeying)
{
    Mobile story;
    story.pair.b.endpoint.RekeyIkeSa(story.pair.now, story.Id());
    story.Rest();
    EXPECT_FALSE(story.a.ikeSas.begin()->second.initiator);
    EXPECT_TRUE(story.Move(kElsewhere));
    story.Rest();
    EXPECT_EQ(story.pair.b.Last<ChildSaMoved>().remoteOuter, kElsewhere);
    story.pair.a.endpoint.RekeyIkeSa(story.pair.now, story.a.ikeSas.begin()->second.id);
    story.Rest();
    EXPECT_EQ(story.pair.a.Last<ike::IkeSaEstablished>().local.address, kElsewhere);
    EXPECT_EQ(story.pair.b.Last<ike::IkeSaEstablished>().remote.address, kElsewhere);
}

TEST(Mobike, UnacceptableAddressesLeadBack)
{
    MobikeConfig strict;
    strict.peerAddresses = Selectors({"192.0.2.0/24"});
    Mobile story({}, strict);
    story.Move(kElsewhere);
    story.Rest();
    ASSERT_EQ(Reports<MoveRefused>(story.pair.a).size(), 1U);
    EXPECT_EQ(Reports<MoveRefused>(story.pair.a).front().reason, NotifyType::UnacceptableAddresses);
    EXPECT_EQ(story.pair.a.Last<ChildSaMoved>().localOuter, story.pair.a.peer.local.address);
    EXPECT_TRUE(story.pair.b.All<ChildSaMoved>().empty());
    EXPECT_TRUE(story.pair.a.endpoint.CheckLiveness(story.pair.now, story.Id()));
    story.Rest();
    EXPECT_EQ(story.pair.log.back().datagram.path.remote.address, story.pair.a.peer.local.address);
}

// RFC 4555, section 3.9: a NAT where there must be none.
/// A NAT that changes kElsewhere, and nothing else, into kFarther.
ike::Path
ThroughNat(const ike::Path& path, bool fromA)
{
    ike::Path seen = path;
    if (fromA && path.remote.address == kElsewhere)
    {
        seen.remote = {kFarther, 40000};
    }
    else if (!fromA && path.local.address == kFarther)
    {
        seen.local = {kElsewhere, 4500};
    }
    return seen;
}

TEST(Mobike, ANatMayBeForbidden)
{
    for (const bool forbidden : {false, true})
    {
        MobikeConfig config;
        config.forbidNats = forbidden;
        Mobile story(config);
        story.pair.nat = ThroughNat;
        story.Move(kElsewhere);
        story.pair.RunFor(1s);
        const auto refused = Reports<MoveRefused>(story.pair.a);
        ASSERT_EQ(refused.size(), forbidden ? 1U : 0U);
        if (forbidden)
        {
            EXPECT_EQ(refused.front().reason, NotifyType::UnexpectedNatDetected);
            EXPECT_TRUE(story.pair.b.All<ChildSaMoved>().empty());
            EXPECT_FALSE(story.pair.a.Last<ChildSaMoved>().udp);
        }
    }
}

/// RFC 4555, sections 3.3 and 3.5: IKE is on port 4500 already, ESP goes in UDP as long as needed.
TEST(Mobike, NatDetectionIsDoneAgain)
{
    const IpAddress home = IpAddress::FromString("192.0.2.1").value();
    Mobile story;
    auto& pair = story.pair;
    EXPECT_EQ(pair.log.at(2).datagram.path.local.port, 4500);
    EXPECT_FALSE(pair.a.Last<ChildSaInstalled>().udp);
    pair.nat = ThroughNat;
    story.Move(kElsewhere);
    pair.RunFor(1s);
    EXPECT_EQ(pair.a.Last<ChildSaMoved>().udp, (wire::UdpPorts{4500, 4500}));
    EXPECT_EQ(pair.b.Last<ChildSaMoved>().udp, (wire::UdpPorts{4500, 40000}));
    EXPECT_EQ(pair.b.Last<ChildSaMoved>().remoteOuter, kFarther);
    const auto keepalives = [&pair] { return pair.a.endpoint.Counters().keepalivesOut; };
    pair.RunFor(50s);
    EXPECT_EQ(keepalives(), 2U) << "one in 20 s";
    story.Move(home);
    pair.RunFor(50s);
    EXPECT_FALSE(pair.a.Last<ChildSaMoved>().udp);
    EXPECT_FALSE(pair.b.Last<ChildSaMoved>().udp);
    EXPECT_EQ(keepalives(), 2U);
    story.Rest();
}

TEST(Mobike, WhatForbidsNatsIsThePathAsSent)
{
    MobikeConfig config;
    config.forbidNats = true;
    Mobile story(config);
    story.Move(kElsewhere);
    const auto request = Unseal(story.pair, story.pair.log.at(story.start));
    const auto* noNats = wire::FindNotify(request, NotifyType::NoNatsAllowed);
    ASSERT_TRUE(noNats);
    EXPECT_EQ(noNats->data, FromHex("c6336407c000020211941194"));
    story.Rest();
    EXPECT_EQ(Reports<AddressesMoved>(story.pair.a).size(), 1U);
}

TEST(Mobike, AddressesAreTold)
{
    MobikeConfig atA;
    atA.additional = {kElsewhere};
    MobikeConfig atB;
    atB.additional = {kFarther, IpAddress::FromString("2001:db8::2").value()};
    Mobile story(atA, atB);
    ASSERT_EQ(Reports<PeerAddresses>(story.pair.a).size(), 1U);
    EXPECT_EQ(Reports<PeerAddresses>(story.pair.a).back().additional, atB.additional);
    EXPECT_EQ(Reports<PeerAddresses>(story.pair.b).back().additional, atA.additional);
    EXPECT_TRUE(story.pair.b.endpoint.Command(story.pair.now, story.Id(), ChangeAddresses{}));
    story.Rest();
    EXPECT_TRUE(Reports<PeerAddresses>(story.pair.a).back().additional.empty());
    EXPECT_TRUE(
        story.pair.b.endpoint.Command(story.pair.now, story.Id(), ChangeAddresses{{kFarther}}));
    story.Rest();
    EXPECT_EQ(Reports<PeerAddresses>(story.pair.a).back().additional,
              std::vector<IpAddress>{kFarther});
    EXPECT_EQ(story.Ladder(),
              (std::vector<std::string>{"B req: NO_ADDITIONAL_ADDRESSES",
                                        "A resp: ",
                                        "B req: ADDITIONAL_IP4_ADDRESS",
                                        "A resp: "}));
}

/// The test speaks for "a", from wherever it likes.
struct Forger : Mobile
{
    Forger()
        : a(Impersonate(pair, true))
    {
        pair.holding = true;
    }

    wire::PayloadList Ask(const IpAddress& from, const wire::PayloadList& payloads)
    {
        Send(from, a.Seal(ExchangeType::Informational, m_next++, false, payloads));
        return a.Open(pair.TakeHeld(0).datagram.octets).value().payloads;
    }

    void Send(const IpAddress& from, const Bytes& octets)
    {
        pair.b.endpoint.HandleDatagram(pair.now, {{kB, 500}, {from, 500}}, octets);
        pair.Collect();
    }

    ike::SecureChannel a;

  private:
    std::uint32_t m_next{2};
};

// Somebody at the new address cannot answer, or it is not the peer: the SAs go back.
TEST(Mobike, AnAddressThatIsNotProvedIsLeft)
{
    Forger forger;
    forger.Ask(kElsewhere, {wire::MakeNotify(NotifyType::UpdateSaAddresses)});
    const auto question = forger.pair.TakeHeld(0);
    EXPECT_EQ(question.datagram.path.remote.address, kElsewhere);
    forger.Send(kElsewhere,
                forger.a.Seal(ExchangeType::Informational,
                              0,
                              true,
                              {wire::MakeNotify(NotifyType::Cookie2, Bytes(32, 1))}));
    EXPECT_EQ(Reports<MoveRefused>(forger.pair.b).size(), 1U);
    EXPECT_TRUE(Reports<AddressesMoved>(forger.pair.b).empty());
    EXPECT_EQ(forger.pair.b.Last<ChildSaMoved>().remoteOuter, forger.pair.a.peer.local.address);
}

TEST(Mobike, OddNotifiesDoNoHarm)
{
    Forger forger;
    const auto home = forger.pair.a.peer.local.address;
    for (const std::size_t length : {0U, 7U, 65U, 4000U})
    {
        EXPECT_TRUE(
            forger.Ask(home, {wire::MakeNotify(NotifyType::Cookie2, Bytes(length, 1))}).empty());
    }
    EXPECT_EQ(forger.Ask(home, {wire::MakeNotify(NotifyType::Cookie2, Bytes(8, 1))}).size(), 1U);
    EXPECT_TRUE(forger
                    .Ask(home,
                         {wire::MakeNotify(NotifyType::AdditionalIp4Address, Bytes(16, 1)),
                          wire::MakeNotify(NotifyType::AdditionalIp6Address, Bytes(4, 1)),
                          wire::MakeNotify(NotifyType::AdditionalIp4Address, {})})
                    .empty());
    EXPECT_TRUE(Reports<PeerAddresses>(forger.pair.b).empty());
    wire::PayloadList many(1000, wire::MakeNotify(NotifyType::AdditionalIp4Address, Bytes(4, 9)));
    forger.Ask(home, many);
    EXPECT_EQ(Reports<PeerAddresses>(forger.pair.b).back().additional.size(), 64U);
    const auto answer = forger.Ask(home,
                                   {wire::MakeNotify(NotifyType::UpdateSaAddresses),
                                    wire::MakeNotify(NotifyType::NoNatsAllowed, Bytes(3, 1))});
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_TRUE(wire::FindNotify(answer, NotifyType::UnexpectedNatDetected));
    EXPECT_TRUE(forger.pair.b.All<ChildSaMoved>().empty());
}

// Whoever follows cannot make the mover move.
TEST(Mobike, TheOtherSideDoesNotMoveTheMover)
{
    Mobile story;
    auto b = Impersonate(story.pair, false);
    story.pair.holding = true;
    story.pair.a.endpoint.HandleDatagram(story.pair.now,
                                         {{story.pair.a.peer.local.address, 500}, {kFarther, 500}},
                                         b.Seal(ExchangeType::Informational,
                                                0,
                                                false,
                                                {wire::MakeNotify(NotifyType::UpdateSaAddresses)}));
    story.pair.Collect();
    EXPECT_TRUE(story.pair.a.All<ChildSaMoved>().empty());
}

} // namespace
} // namespace ipseclab::test
