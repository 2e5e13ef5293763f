/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/ike-pair.h"

// INITIAL_CONTACT, and notifies about SPIs that are not there (RFC 7296, sections 1.5 and 2.4).

namespace ipseclab::test
{
namespace
{

using namespace std::chrono_literals;
using ike::ChildSaRemoved;
using ike::IkeFailure;
using ike::IkeSaClosed;
using ike::IkeSaEstablished;
using wire::NotifyType;
using wire::PayloadType;

/// What the SK payload of a message holds, by the keys of the last IKE SA of a node.
wire::PayloadList
Open(const Pair& pair, const Pair::Message& message)
{
    const auto up = pair.b.Last<IkeSaEstablished>();
    const bool byInitiator = Parse(message).header.FromOriginalInitiator();
    ike::SecureChannel channel(up.id, !byInitiator, up.suite, up.keys);
    return channel.Open(message.datagram.octets).value().payloads;
}

bool
SaysInitialContact(const Pair& pair, const Pair::Message& message)
{
    return wire::FindNotify(Open(pair, message), NotifyType::InitialContact) != nullptr;
}

TEST(InitialContact, GoesWithTheFirstIkeSaOnly)
{
    Pair pair;
    pair.Connect();
    EXPECT_TRUE(SaysInitialContact(pair, pair.log.at(2)));
    pair.RunFor(1s);
    pair.Connect();
    ASSERT_EQ(pair.log.size(), 8U);
    EXPECT_FALSE(SaysInitialContact(pair, pair.log.at(6)));
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 2U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 2U);
}

TEST(InitialContact, IsNotSentWhenItIsOff)
{
    auto atA = MakePeer(true);
    atA.initialContact = false;
    Pair pair(atA);
    pair.Connect();
    EXPECT_FALSE(SaysInitialContact(pair, pair.log.at(2)));
}

/// A has lost its memory, and another endpoint takes its place.
TEST(InitialContact, EndsWhatThePeerHasForgotten)
{
    Pair pair;
    pair.Connect();
    pair.RunFor(1s);
    const auto old = pair.b.Last<IkeSaEstablished>().id;
    Pair reborn(MakePeer(true), MakePeer(false), 9);
    reborn.holding = true;
    reborn.now = pair.now;
    reborn.Initiate();
    const std::size_t sent = pair.log.size();
    while (!reborn.held.empty())
    {
        pair.Inject(pair.b, reborn.TakeHeld(0).datagram.octets);
        reborn.Inject(reborn.a, pair.log.back().datagram.octets);
    }
    EXPECT_EQ(reborn.a.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    ASSERT_EQ(pair.b.All<IkeSaClosed>().size(), 1U);
    EXPECT_EQ(pair.b.Last<IkeSaClosed>().id, old);
    EXPECT_EQ(pair.b.Last<IkeSaClosed>().reason, IkeFailure::InitialContact);
    EXPECT_EQ(pair.b.All<ChildSaRemoved>().size(), 1U);
    EXPECT_EQ(pair.b.endpoint.ChildSaCount(), 1U);
    EXPECT_EQ(pair.log.size(), sent + 2) << "the two responses: nobody is told of the old one";
}

/// Both begin at once, and both say that they have no other: neither has forgotten anything.
TEST(InitialContact, SparesWhatCameUpMeanwhile)
{
    Pair pair;
    pair.Initiate();
    pair.b.endpoint.Initiate(pair.now, pair.b.peer.name);
    pair.Collect();
    pair.RunUntilQuiet();
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 2U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 2U);
}

TEST(InitialContact, OfNobodyIsNotHeard)
{
    auto atA = MakePeer(true);
    auto atB = MakePeer(false);
    atA.localId = atB.remoteId = ike::Identity::Null();
    atA.auth.local = atB.auth.remote = ike::AuthKind::Null;
    Pair pair(atA, atB);
    pair.Connect();
    ASSERT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    pair.RunFor(1s);
    Pair other(atA, atB, 9);
    other.holding = true;
    other.now = pair.now;
    other.Initiate();
    while (!other.held.empty())
    {
        pair.Inject(pair.b, other.TakeHeld(0).datagram.octets);
        other.Inject(other.a, pair.log.back().datagram.octets);
    }
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 2U);
}

TEST(InvalidIkeSpi, IsToldOnceASecondAndNeverBelieved)
{
    Pair pair;
    pair.Connect();
    pair.RunFor(10s);
    pair.holding = true;
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    pair.a.endpoint.CheckLiveness(pair.now, id);
    pair.Collect();
    const Bytes request = pair.held.at(0).datagram.octets;
    Pair amnesiac(MakePeer(true), MakePeer(false), 5);
    amnesiac.Inject(amnesiac.b, request);
    amnesiac.Inject(amnesiac.b, request);
    ASSERT_EQ(amnesiac.log.size(), 1U) << "at most one a second";
    const auto answer = Parse(amnesiac.log[0]);
    EXPECT_TRUE(answer.header.IsResponse());
    EXPECT_FALSE(answer.header.FromOriginalInitiator());
    EXPECT_EQ(answer.header.initiatorSpi, id.spiI);
    EXPECT_EQ(answer.header.responderSpi, id.spiR);
    EXPECT_EQ(answer.header.messageId, Parse(pair.held[0]).header.messageId);
    EXPECT_EQ(answer.header.exchange, wire::ExchangeType::Informational);
    ASSERT_EQ(answer.payloads.size(), 1U);
    EXPECT_NE(wire::FindNotify(answer.payloads, NotifyType::InvalidIkeSpi), nullptr);
    EXPECT_EQ(amnesiac.b.endpoint.Counters().invalidIkeSpiSent, 1U);
    EXPECT_EQ(amnesiac.b.endpoint.Counters().unknownSpi, 2U);

    pair.Inject(pair.a, amnesiac.log[0].datagram.octets);
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U) << "anybody can say so";
    EXPECT_EQ(pair.a.endpoint.Counters().malformed, 1U);
    amnesiac.Inject(amnesiac.b, amnesiac.log[0].datagram.octets);
    EXPECT_EQ(amnesiac.log.size(), 1U) << "a response is never answered";
}

TEST(InvalidSpi, IsToldWithinTheIkeSa)
{
    Pair pair;
    const IpAddress remote = pair.b.peer.remote.address;
    pair.b.endpoint.HandleUnknownEspSpi(pair.now, remote, 0x12345678);
    pair.Collect();
    EXPECT_TRUE(pair.log.empty()) << "there is no IKE SA";
    pair.Connect();
    pair.RunFor(2s);
    pair.b.endpoint.HandleUnknownEspSpi(pair.now, remote, 255);
    pair.b.endpoint.HandleUnknownEspSpi(pair.now, pair.b.peer.local.address, 0x12345678);
    pair.Collect();
    ASSERT_EQ(pair.log.size(), 4U) << "a reserved SPI; another address";
    pair.RunFor(2s);
    for (int i = 0; i < 3; ++i)
    {
        pair.b.endpoint.HandleUnknownEspSpi(pair.now, remote, 0x12345678);
    }
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_EQ(pair.log.size(), 6U) << "one request and its response";
    const auto payloads = Open(pair, pair.log[4]);
    const auto* notify = wire::FindNotify(payloads, NotifyType::InvalidSpi);
    ASSERT_NE(notify, nullptr);
    EXPECT_EQ(notify->data, (Bytes{0x12, 0x34, 0x56, 0x78}));
    EXPECT_EQ(pair.b.endpoint.Counters().invalidSpiSent, 1U);
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
}

} // namespace
} // namespace ipseclab::test
