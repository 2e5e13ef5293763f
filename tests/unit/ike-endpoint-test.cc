/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/ike-pair.h"

#include <set>

// Two endpoints and a wire. In the ladders time runs down and A initiates.

namespace ipseclab::test
{
namespace
{

using ike::ChildSaInstalled;
using ike::ChildSaRefused;
using ike::ChildSaRemoved;
using ike::IkeFailure;
using ike::IkeSaClosed;
using ike::IkeSaEstablished;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;

constexpr crypto::CipherSuite kAes256Gcm{crypto::EncryptionId::AesGcm16,
                                         256,
                                         crypto::IntegrityId::None};

ike::IkeSuite
SuiteWith(crypto::GroupId group)
{
    ike::IkeSuite suite;
    suite.group = group;
    return suite;
}

/// The messages of one side with their distances from the first, in nanoseconds.
std::vector<std::int64_t>
SendTimes(const Pair& pair, bool fromA)
{
    std::vector<std::int64_t> times;
    for (const auto& message : pair.log)
    {
        if (message.fromA == fromA)
        {
            times.push_back((message.at - pair.log.front().at).count());
        }
    }
    return times;
}

/// Loses the messages whose place in the log is listed.
void
Lose(Pair& pair, std::vector<std::size_t> lost)
{
    pair.copies = [&pair, lost](const Pair::Message&)
    {
        const std::size_t place = pair.log.size() - 1;
        return std::find(lost.begin(), lost.end(), place) == lost.end() ? 1U : 0U;
    };
}

//   A                                   B
//   |-- IKE_SA_INIT ------------------->|
//   |<------------------ IKE_SA_INIT ---|
//   |-- IKE_AUTH ---------------------->|  IkeSaEstablished, ChildSaInstalled
//   |<--------------------- IKE_AUTH ---|
//   IkeSaEstablished, ChildSaInstalled
TEST(IkeEndpoint, HandshakeTakesFourMessages)
{
    Pair pair;
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.log.size(), 4U);
    EXPECT_EQ(pair.now, 40ms);
    EXPECT_EQ(pair.a.Last<ChildSaInstalled>().localSelectors, Selectors({"10.1.0.0/16"}));
    EXPECT_EQ(pair.a.Last<ChildSaInstalled>().remoteSelectors, Selectors({"10.2.0.0/16"}));
    EXPECT_EQ(pair.a.Last<IkeSaEstablished>().peer, "to-b");
    EXPECT_EQ(pair.b.Last<IkeSaEstablished>().peer, "to-a");
    EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 0U);
    EXPECT_FALSE(pair.a.endpoint.PollTimeout());
    EXPECT_FALSE(pair.b.endpoint.PollTimeout());
}

TEST(IkeEndpoint, HeadersFollowTheRfc)
{
    Pair pair;
    pair.Connect();
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    const std::vector<std::uint8_t> flags{wire::kFlagInitiator,
                                          wire::kFlagResponse,
                                          wire::kFlagInitiator,
                                          wire::kFlagResponse};
    for (std::size_t i = 0; i < 4; ++i)
    {
        const auto header = Parse(pair.log[i]).header;
        EXPECT_EQ(header.initiatorSpi, id.spiI);
        EXPECT_EQ(header.responderSpi, i == 0 ? 0 : id.spiR);
        EXPECT_EQ(header.flags, flags[i]);
        EXPECT_EQ(header.messageId, i / 2);
        EXPECT_EQ(header.exchange, i < 2 ? ExchangeType::IkeSaInit : ExchangeType::IkeAuth);
    }
}

/// The nonce of an IKE_SA_INIT message, which travels in the clear.
Bytes
NonceOf(const Pair::Message& message)
{
    return wire::Find<wire::NoncePayload>(Parse(message).payloads, PayloadType::Nonce)->data;
}

// RFC 7296, section 2.17: the keys come from the nonces of IKE_SA_INIT, and the first half protects
// what the initiator sends.
TEST(IkeEndpoint, ChildKeysAreThoseOfTheRfc)
{
    Pair pair;
    pair.Connect();
    const auto up = pair.a.Last<IkeSaEstablished>();
    const auto keys = ike::DeriveChildKeys(up.suite.prf,
                                           ike::ChildSuite{}.cipher,
                                           up.keys.skD,
                                           ByteSpan(),
                                           NonceOf(pair.log[0]),
                                           NonceOf(pair.log[1]));
    EXPECT_EQ(pair.a.Last<ChildSaInstalled>().encryptionOutbound, keys.encryptionI);
    EXPECT_EQ(pair.b.Last<ChildSaInstalled>().encryptionOutbound, keys.encryptionR);
    EXPECT_EQ(keys.encryptionI.size(), 20U) << "AES-128 key and salt";
}

// An IV that repeats under one key would give AES-GCM away.
TEST(IkeEndpoint, InitializationVectorsNeverRepeat)
{
    constexpr std::size_t kIvOffset = 32; // IKE header and the generic header of SK
    constexpr std::size_t kIvLength = 8;
    Pair pair;
    pair.Connect();
    for (int round = 0; round < 5; ++round)
    {
        for (auto* node : {&pair.a, &pair.b})
        {
            node->endpoint.CheckLiveness(pair.now, node->Last<IkeSaEstablished>().id);
            pair.Collect();
            pair.RunUntilQuiet();
        }
    }
    std::set<std::pair<bool, Bytes>> seen;
    for (std::size_t i = 2; i < pair.log.size(); ++i)
    {
        const auto iv = pair.log[i].datagram.octets.begin() + kIvOffset;
        EXPECT_TRUE(seen.emplace(pair.log[i].fromA, Bytes(iv, iv + kIvLength)).second) << i;
    }
    EXPECT_EQ(seen.size(), 22U);
}

TEST(IkeEndpoint, EverySupportedKindOfSuiteComesUp)
{
    const crypto::CipherSuite cbc{crypto::EncryptionId::AesCbc,
                                  256,
                                  crypto::IntegrityId::HmacSha2_512_256};
    const crypto::CipherSuite chacha{crypto::EncryptionId::ChaCha20Poly1305,
                                     256,
                                     crypto::IntegrityId::None};
    const std::vector<ike::IkeSuite> suites{
        {cbc, crypto::PrfId::HmacSha2_512, crypto::GroupId::Modp2048},
        {chacha, crypto::PrfId::HmacSha2_384, crypto::GroupId::Ecp384},
        {kAes256Gcm, crypto::PrfId::HmacSha2_256, crypto::GroupId::Ecp256}};
    for (const auto& suite : suites)
    {
        auto atA = MakePeer(true);
        auto atB = MakePeer(false);
        atA.ikeSuites = atB.ikeSuites = {suite};
        atA.childSuites = atB.childSuites = {{suite.cipher, crypto::GroupId::None, true}};
        Pair pair(atA, atB);
        pair.Connect();
        ExpectMirrored(pair);
        EXPECT_EQ(pair.a.Last<IkeSaEstablished>().suite, suite);
        EXPECT_EQ(pair.a.Last<ChildSaInstalled>().suite, atA.childSuites.front());
    }
}

TEST(IkeEndpoint, ConfigurationThatCannotWorkIsRefused)
{
    SeededRandom random(1);
    ike::IkeEndpoint endpoint(random);
    auto peer = MakePeer(true);
    EXPECT_TRUE(endpoint.AddPeer(peer));
    EXPECT_FALSE(endpoint.AddPeer(peer)) << "the name is taken";
    peer.name = "other";
    peer.ikeSuites.front().group = crypto::GroupId::None;
    EXPECT_FALSE(endpoint.AddPeer(peer));
    peer = MakePeer(true);
    peer.name = "other";
    peer.childSuites.clear();
    EXPECT_FALSE(endpoint.AddPeer(peer));
    peer = MakePeer(true);
    peer.name = "other";
    peer.localSelectors.resize(256, peer.localSelectors.front());
    EXPECT_FALSE(endpoint.AddPeer(peer)) << "a TS payload counts up to 255";
    peer.localSelectors.resize(255);
    EXPECT_TRUE(endpoint.AddPeer(peer));
    peer.name = "another";
    peer.ikeSuites.resize(256, peer.ikeSuites.front());
    EXPECT_FALSE(endpoint.AddPeer(peer)) << "a proposal has a number up to 255";
    peer.ikeSuites.resize(1);
    peer.childSuites.resize(256, peer.childSuites.front());
    EXPECT_FALSE(endpoint.AddPeer(peer)) << "a proposal has a number up to 255";
    peer.childSuites.resize(255);
    EXPECT_TRUE(endpoint.AddPeer(peer));
    peer.name = "one more";
    peer.preSharedKey.clear();
    EXPECT_FALSE(endpoint.AddPeer(peer)) << "an empty key proves nothing";
    EXPECT_FALSE(endpoint.Initiate(0s, "nobody"));
    EXPECT_FALSE(endpoint.CloseIkeSa(0s, {1, 2}));
    EXPECT_FALSE(endpoint.CloseChildSa(0s, 256));
    EXPECT_FALSE(endpoint.CheckLiveness(0s, {1, 2}));
}

// Each side begins on its own: two IKE SAs, as RFC 7296 allows.
TEST(IkeEndpoint, SimultaneousInitiationMakesTwo)
{
    Pair pair;
    pair.b.endpoint.Initiate(pair.now, "to-a");
    pair.Connect();
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 2U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 2U);
    EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), 2U);
}

//   A                                   B
//   |-- 0 IKE_SA_INIT ----------------->|
//   |<---------------- IKE_SA_INIT 1 ---|
//   |-- 2 IKE_AUTH -------------------->|
//   |<------------------- IKE_AUTH 3 ---|   one of the six is lost; 4 s later its request goes
//   |-- 4 INFORMATIONAL {Delete} ------>|   out again and the cached response comes back
//   |<-------------- INFORMATIONAL 5 ---|
TEST(IkeEndpoint, AnySingleLossIsRepaired)
{
    for (std::size_t lost = 0; lost < 6; ++lost)
    {
        SCOPED_TRACE(lost);
        Pair pair;
        Lose(pair, {lost});
        pair.Initiate();
        pair.RunFor(10s);
        ExpectMirrored(pair);
        pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<IkeSaEstablished>().id);
        pair.Collect();
        pair.RunFor(10s);
        ExpectBothClosed(pair, IkeFailure::None, IkeFailure::None);
        EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 1U);
        EXPECT_EQ(pair.b.endpoint.Counters().responsesResent, lost % 2);
        EXPECT_EQ(pair.a.All<ChildSaInstalled>().size(), 1U);
        EXPECT_EQ(pair.b.All<ChildSaRemoved>().size(), 1U);
        EXPECT_EQ(pair.log.size(), 7 + lost % 2);
        const std::size_t request = lost - lost % 2;
        const std::size_t again = lost + 1;
        EXPECT_EQ(pair.log[request].datagram.octets, pair.log[again].datagram.octets);
        EXPECT_EQ(pair.log[again].at - pair.log[request].at, 4s);
    }
}

TEST(IkeEndpoint, DuplicatesChangeNothing)
{
    Pair pair;
    pair.copies = [](const Pair::Message&) { return 3U; };
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.a.All<IkeSaEstablished>().size(), 1U);
    EXPECT_EQ(pair.b.All<ChildSaInstalled>().size(), 1U);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.Counters().responsesResent, 4U) << "two of each request";
    EXPECT_EQ(pair.a.endpoint.Counters().malformed + pair.b.endpoint.Counters().malformed, 0U);
}

//   A                                   B
//   |<---------- IKE_AUTH (held) -------|
//   |<---- INFORMATIONAL (overtakes) ---|   A cannot use it yet
//   |<---------- IKE_AUTH --------------|   now A is up
//   |<---- INFORMATIONAL (again) -------|   4 s later
//   |-- INFORMATIONAL ----------------->|
TEST(IkeEndpoint, RequestThatOvertakesTheAuthResponseWaits)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    for (int i = 0; i < 3; ++i)
    {
        pair.Deliver(pair.TakeHeld(0));
    }
    pair.b.endpoint.CheckLiveness(pair.now, pair.b.Last<IkeSaEstablished>().id);
    pair.Collect();
    ASSERT_EQ(pair.held.size(), 2U);
    pair.Deliver(pair.TakeHeld(1));
    EXPECT_EQ(pair.a.endpoint.Counters().malformed, 1U);
    pair.holding = false;
    pair.Deliver(pair.TakeHeld(0));
    ExpectMirrored(pair);
    pair.RunFor(5s);
    EXPECT_EQ(pair.b.endpoint.Counters().retransmissions, 1U);
    EXPECT_FALSE(pair.b.endpoint.PollTimeout()) << "the request was answered";
}

// An old IKE_SA_INIT request that arrives late is no new handshake.
TEST(IkeEndpoint, LateCopyOfTheFirstMessageIsIgnored)
{
    Pair pair;
    pair.Connect();
    const std::size_t sent = pair.log.size();
    pair.Deliver(pair.log[0]);
    EXPECT_EQ(pair.log.size(), sent);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U);
}

// 4 s * 1.8^n, six transmissions in all: RFC 7296, section 2.1, with the numbers of strongSwan.
TEST(IkeEndpoint, RetransmissionScheduleIsExact)
{
    Pair pair;
    pair.copies = [](const Pair::Message&) { return 0U; };
    pair.Initiate();
    pair.RunFor(165061119999ns);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
    pair.RunFor(1ns);
    EXPECT_EQ(SendTimes(pair, true),
              (std::vector<std::int64_t>{0,
                                         4000000000,
                                         11200000000,
                                         24160000000,
                                         47488000000,
                                         89478400000}));
    for (const auto& message : pair.log)
    {
        EXPECT_EQ(message.datagram.octets, pair.log[0].datagram.octets);
    }
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::Timeout);
    EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 5U);
}

TEST(IkeEndpoint, EarlyAndLateTimeoutsAreHarmless)
{
    Pair pair;
    pair.copies = [](const Pair::Message&) { return 0U; };
    pair.Initiate();
    pair.a.endpoint.HandleTimeout(3999999999ns);
    pair.Collect();
    EXPECT_EQ(pair.log.size(), 1U);
    pair.a.endpoint.HandleTimeout(60s);
    pair.Collect();
    EXPECT_EQ(pair.log.size(), 2U) << "late: once, not the whole missed schedule";
    EXPECT_EQ(pair.a.endpoint.PollTimeout(), 67200ms);
}

// B never sees IKE_AUTH: it forgets the half-open SA after 30 s, A gives up on its own.
TEST(IkeEndpoint, HalfOpenExpires)
{
    Pair pair;
    pair.copies = [](const Pair::Message& m)
    { return Parse(m).header.exchange == ExchangeType::IkeSaInit ? 1U : 0U; };
    pair.Initiate();
    pair.RunFor(30s);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U);
    pair.RunFor(10ms);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_FALSE(pair.b.endpoint.PollTimeout()) << "nothing is left";
    pair.RunFor(200s);
    ExpectBothClosed(pair, IkeFailure::Timeout, IkeFailure::HalfOpenExpired);
    EXPECT_TRUE(pair.b.All<ChildSaInstalled>().empty());
}

TEST(IkeEndpoint, WrongPresharedKey)
{
    auto atB = MakePeer(false);
    atB.preSharedKey.push_back('!');
    Pair pair(MakePeer(true), atB);
    pair.Connect();
    ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
    EXPECT_TRUE(pair.b.All<IkeSaEstablished>().empty());
    EXPECT_EQ(pair.log.size(), 4U);
    EXPECT_EQ(pair.b.endpoint.Counters().unsupported, 1U);
}

// The notify that says so is lost: the closed SA still repeats its last answer.
TEST(IkeEndpoint, LostRefusalIsRepeated)
{
    auto atB = MakePeer(false);
    atB.preSharedKey.push_back('!');
    Pair pair(MakePeer(true), atB);
    Lose(pair, {3});
    pair.Initiate();
    pair.RunFor(5s);
    ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
    EXPECT_EQ(pair.b.endpoint.Counters().responsesResent, 1U);
}

TEST(IkeEndpoint, InitiatorWithAnUnknownIdentity)
{
    auto atA = MakePeer(true);
    atA.localId = ike::Identity::Fqdn("mallory.example");
    Pair pair(atA);
    pair.Connect();
    ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
    EXPECT_TRUE(pair.b.All<IkeSaEstablished>().empty());
}

//   A  wants "c.example"                B  is "b.example"
//   |-- IKE_AUTH {IDr c} -------------->|  up
//   |<-------------- IKE_AUTH {IDr b} --|
//   |-- INFORMATIONAL                   |
//   |   {N(AUTHENTICATION_FAILED)} ---->|  down again
//   |<---------------- INFORMATIONAL ---|
TEST(IkeEndpoint, ResponderWithTheWrongIdentityIsTold)
{
    auto atA = MakePeer(true);
    atA.remoteId = ike::Identity::Fqdn("c.example");
    Pair pair(atA);
    pair.Connect();
    ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
    EXPECT_TRUE(pair.a.All<IkeSaEstablished>().empty());
    EXPECT_EQ(pair.b.All<ChildSaRemoved>().size(), 1U);
    EXPECT_EQ(pair.log.size(), 6U);
}

// An error that anybody could have sent does not stop the initiator before its last try.
TEST(IkeEndpoint, NoCommonIkeProposal)
{
    auto atB = MakePeer(false);
    atB.ikeSuites = {{kAes256Gcm, crypto::PrfId::HmacSha2_512, crypto::GroupId::Ecp521}};
    Pair pair(MakePeer(true), atB);
    pair.Connect();
    const auto refusal = Parse(pair.log.at(1));
    EXPECT_NE(wire::FindNotify(refusal.payloads, NotifyType::NoProposalChosen), nullptr);
    EXPECT_EQ(refusal.header.responderSpi, 0U);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    pair.RunFor(166s);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::NoProposalChosen);
    EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 5U);
}

//   A  ecp256 before curve25519         B  curve25519 only
//   |-- IKE_SA_INIT {KE 19} ----------->|
//   |<-- N(INVALID_KE_PAYLOAD 31) ------|  no state
//   |-- IKE_SA_INIT {KE 31} ----------->|  same SPI, nonce and proposals
//   |<------------------ IKE_SA_INIT ---|  AUTH covers this second request
TEST(IkeEndpoint, InvalidKeIsRetriedWithTheWantedGroup)
{
    auto atA = MakePeer(true);
    atA.ikeSuites = {SuiteWith(crypto::GroupId::Ecp256), SuiteWith(crypto::GroupId::Curve25519)};
    Pair pair(atA);
    pair.Connect();
    ExpectMirrored(pair);
    ASSERT_EQ(pair.log.size(), 6U);
    EXPECT_NE(wire::FindNotify(Parse(pair.log[1]).payloads, NotifyType::InvalidKePayload), nullptr);
    const auto first = Parse(pair.log[0]);
    const auto second = Parse(pair.log[2]);
    EXPECT_EQ(first.header.initiatorSpi, second.header.initiatorSpi);
    ASSERT_EQ(first.payloads.size(), 6U)
        << "SA, KE, Ni, two NAT_DETECTION, N(IKEV2_FRAGMENTATION_SUPPORTED)";
    ASSERT_EQ(second.payloads.size(), 6U);
    for (const std::size_t same : {0U, 2U, 3U, 4U, 5U})
    {
        EXPECT_EQ(first.payloads[same], second.payloads[same]);
    }
    EXPECT_EQ(wire::Find<wire::KePayload>(first.payloads, PayloadType::Ke)->group, 19);
    EXPECT_EQ(wire::Find<wire::KePayload>(second.payloads, PayloadType::Ke)->group, 31);
}

/// An unauthenticated answer to an IKE_SA_INIT request that carries one notify.
Bytes
NotifyAnswer(const Pair::Message& request, NotifyType type, Bytes data)
{
    auto header = Parse(request).header;
    header.flags = wire::kFlagResponse;
    return wire::Serialize(header, {wire::MakeNotify(type, std::move(data))});
}

TEST(IkeEndpoint, GroupThatWasNotOfferedOrWasTriedIsNotTaken)
{
    for (const std::uint8_t group : {std::uint8_t{19}, std::uint8_t{31}})
    {
        Pair pair;
        pair.holding = true;
        pair.Initiate();
        pair.Inject(pair.a, NotifyAnswer(pair.log[0], NotifyType::InvalidKePayload, {0, group}));
        EXPECT_EQ(pair.log.size(), 1U);
        pair.RunFor(166s);
        EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::UnacceptableKe);
    }
}

//   A                                   B
//   |-- IKE_SA_INIT {SA, KE, Ni} ------>|
//   |<------------------- N(COOKIE) ----|  made here by hand, no state
//   |-- {N(COOKIE), SA, KE, Ni} ------->|  all but the cookie unchanged
TEST(IkeEndpoint, CookieIsReturnedFirst)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    const Bytes cookie(20, 0xc0);
    const Bytes demand = NotifyAnswer(pair.TakeHeld(0), NotifyType::Cookie, cookie);
    pair.Inject(pair.a, demand);
    pair.Inject(pair.a, demand);
    ASSERT_EQ(pair.held.size(), 1U) << "a repeated demand changes nothing";
    const auto first = Parse(pair.log[0]);
    auto second = Parse(pair.log[1]);
    ASSERT_FALSE(second.payloads.empty());
    EXPECT_EQ(second.payloads.front(), wire::MakeNotify(NotifyType::Cookie, cookie));
    second.payloads.erase(second.payloads.begin());
    EXPECT_EQ(second.payloads, first.payloads);
    EXPECT_EQ(second.header.initiatorSpi, first.header.initiatorSpi);
    EXPECT_EQ(second.header.responderSpi, 0U);
    pair.holding = false;
    pair.Deliver(pair.TakeHeld(0));
    pair.RunUntilQuiet();
    ExpectMirrored(pair);
}

TEST(IkeEndpoint, CookieIsKeptWhenTheGroupChanges)
{
    auto atA = MakePeer(true);
    atA.ikeSuites = {SuiteWith(crypto::GroupId::Ecp256), SuiteWith(crypto::GroupId::Curve25519)};
    Pair pair(atA);
    pair.holding = true;
    pair.Initiate();
    pair.Inject(pair.a, NotifyAnswer(pair.TakeHeld(0), NotifyType::Cookie, Bytes(8, 1)));
    pair.holding = false;
    pair.Deliver(pair.TakeHeld(0));
    pair.RunUntilQuiet();
    ExpectMirrored(pair);
    const auto third = Parse(pair.log.at(3));
    EXPECT_EQ(third.payloads.front(), wire::MakeNotify(NotifyType::Cookie, Bytes(8, 1)));
    EXPECT_EQ(wire::Find<wire::KePayload>(third.payloads, PayloadType::Ke)->group, 31);
}

TEST(IkeEndpoint, EndlessCookiesAreNotFollowed)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    for (std::uint8_t i = 1; i <= 100; ++i)
    {
        pair.Inject(pair.a, NotifyAnswer(pair.log[0], NotifyType::Cookie, Bytes(4, i)));
    }
    EXPECT_EQ(pair.log.size(), 9U);
}

TEST(IkeEndpoint, SelectorsAreNarrowedToWhatBothAllow)
{
    auto atA = MakePeer(true);
    auto atB = MakePeer(false);
    atA.remoteSelectors = Selectors({"10.2.0.7", "10.2.0.0/16", "10.9.0.0/16"});
    atB.localSelectors = Selectors({"10.2.0.0/24"});
    atB.remoteSelectors = Selectors({"0.0.0.0-255.255.255.255"});
    Pair pair(atA, atB);
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.a.Last<ChildSaInstalled>().localSelectors, Selectors({"10.1.0.0/16"}));
    EXPECT_EQ(pair.a.Last<ChildSaInstalled>().remoteSelectors,
              Selectors({"10.2.0.7", "10.2.0.0/24"}));
}

/// The Child SA is refused, the IKE SA is up and works.
void
ExpectOnlyChildRefused(Pair& pair, NotifyType reason)
{
    pair.Connect();
    EXPECT_EQ(pair.log.size(), 4U);
    for (auto* node : {&pair.a, &pair.b})
    {
        EXPECT_EQ(node->endpoint.EstablishedCount(), 1U);
        EXPECT_TRUE(node->All<ChildSaInstalled>().empty());
        ASSERT_EQ(node->All<ChildSaRefused>().size(), 1U);
        EXPECT_EQ(node->Last<ChildSaRefused>().reason, reason);
    }
    EXPECT_TRUE(pair.a.endpoint.CheckLiveness(pair.now, pair.a.Last<IkeSaEstablished>().id));
    pair.Collect();
    pair.RunUntilQuiet();
    EXPECT_EQ(pair.log.size(), 6U);
    EXPECT_FALSE(pair.a.endpoint.PollTimeout());
}

TEST(IkeEndpoint, DisjointSelectorsRefuseOnlyTheChild)
{
    auto atB = MakePeer(false);
    atB.localSelectors = Selectors({"10.3.0.0/16"});
    Pair pair(MakePeer(true), atB);
    ExpectOnlyChildRefused(pair, NotifyType::TsUnacceptable);
}

TEST(IkeEndpoint, NoCommonChildProposalRefusesOnlyTheChild)
{
    auto atB = MakePeer(false);
    atB.childSuites = {{kAes256Gcm, crypto::GroupId::None, false}};
    Pair pair(MakePeer(true), atB);
    ExpectOnlyChildRefused(pair, NotifyType::NoProposalChosen);
}

TEST(IkeEndpoint, EitherSideDeletesTheIkeSa)
{
    for (const bool byA : {true, false})
    {
        Pair pair;
        pair.Connect();
        auto& closer = byA ? pair.a : pair.b;
        const auto id = closer.Last<IkeSaEstablished>().id;
        EXPECT_TRUE(closer.endpoint.CloseIkeSa(pair.now, id));
        EXPECT_TRUE(closer.endpoint.CloseIkeSa(pair.now, id)) << "once more changes nothing";
        EXPECT_FALSE(closer.endpoint.CheckLiveness(pair.now, id));
        pair.Collect();
        pair.RunUntilQuiet();
        ExpectBothClosed(pair, IkeFailure::None, IkeFailure::None);
        EXPECT_EQ(pair.log.size(), 6U);
        EXPECT_EQ(Parse(pair.log[4]).header.messageId, byA ? 2U : 0U);
        for (const auto* node : {&pair.a, &pair.b})
        {
            EXPECT_EQ(node->Last<ChildSaRemoved>().spiInbound,
                      node->Last<ChildSaInstalled>().spiInbound);
            EXPECT_TRUE(std::holds_alternative<IkeSaClosed>(node->events.back()));
        }
        pair.RunFor(3min); // the last answer may be asked for again until then
        EXPECT_FALSE(pair.a.endpoint.PollTimeout());
        EXPECT_FALSE(pair.b.endpoint.PollTimeout());
        EXPECT_FALSE(closer.endpoint.CloseIkeSa(pair.now, id));
    }
}

//   A                                   B
//   |-- Delete --------\  /-- Delete ---|
//   |<------------------\/------------->|   each answers empty and is done
TEST(IkeEndpoint, CrossingDeletesOfTheIkeSa)
{
    Pair pair;
    pair.Connect();
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    pair.a.endpoint.CloseIkeSa(pair.now, id);
    pair.b.endpoint.CloseIkeSa(pair.now, id);
    pair.Collect();
    pair.RunFor(300s);
    ExpectBothClosed(pair, IkeFailure::None, IkeFailure::None);
    EXPECT_EQ(pair.log.size(), 8U);
}

TEST(IkeEndpoint, EitherSideDeletesTheChildSa)
{
    for (const bool byA : {true, false})
    {
        Pair pair;
        pair.Connect();
        auto& closer = byA ? pair.a : pair.b;
        const auto& other = byA ? pair.b : pair.a;
        const auto child = closer.Last<ChildSaInstalled>();
        EXPECT_FALSE(closer.endpoint.CloseChildSa(pair.now, child.spiOutbound));
        EXPECT_TRUE(closer.endpoint.CloseChildSa(pair.now, child.spiInbound));
        pair.Collect();
        pair.RunUntilQuiet();
        EXPECT_EQ(closer.Last<ChildSaRemoved>().spiInbound, child.spiInbound);
        EXPECT_EQ(other.Last<ChildSaRemoved>().spiInbound, child.spiOutbound);
        EXPECT_EQ(closer.endpoint.EstablishedCount(), 1U);
        EXPECT_EQ(other.endpoint.EstablishedCount(), 1U);
        EXPECT_FALSE(closer.endpoint.CloseChildSa(pair.now, child.spiInbound));

        auto reader = Impersonate(pair, byA);
        const auto answer = reader.Open(pair.log.at(5).datagram.octets);
        ASSERT_TRUE(answer);
        const auto* del = wire::Find<wire::DeletePayload>(answer->payloads, PayloadType::Delete);
        ASSERT_NE(del, nullptr);
        ASSERT_EQ(del->spis.size(), 1U);
        EXPECT_EQ(LoadBe32(del->spis[0].data()), child.spiOutbound);
    }
}

TEST(IkeEndpoint, CrossingDeletesOfTheChildSaAreAnsweredEmpty)
{
    Pair pair;
    pair.Connect();
    for (auto* node : {&pair.a, &pair.b})
    {
        const auto spi = node->Last<ChildSaInstalled>().spiInbound;
        EXPECT_TRUE(node->endpoint.CloseChildSa(pair.now, spi));
    }
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_EQ(pair.log.size(), 8U);
    for (std::size_t i = 6; i < 8; ++i)
    {
        auto reader = Impersonate(pair, !pair.log[i].fromA);
        const auto answer = reader.Open(pair.log[i].datagram.octets);
        ASSERT_TRUE(answer);
        EXPECT_TRUE(answer->payloads.empty());
    }
    for (const auto* node : {&pair.a, &pair.b})
    {
        EXPECT_EQ(node->All<ChildSaRemoved>().size(), 1U);
        EXPECT_EQ(node->endpoint.EstablishedCount(), 1U);
    }
}

TEST(IkeEndpoint, LivenessIsCheckedAfterSilence)
{
    auto atA = MakePeer(true);
    atA.livenessInterval = 10s;
    Pair pair(atA);
    pair.Initiate();
    pair.RunFor(35s);
    // Up at 40 ms; a check 10 s after each sign of life, which takes a round trip of 20 ms.
    EXPECT_EQ(SendTimes(pair, true),
              (std::vector<std::int64_t>{0, 20000000, 10040000000, 20060000000, 30080000000}));
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(pair.a.endpoint.Counters().retransmissions, 0U);
}

TEST(IkeEndpoint, DeadPeerIsNoticed)
{
    auto atA = MakePeer(true);
    atA.livenessInterval = 10s;
    Pair pair(atA);
    pair.Connect();
    pair.copies = [](const Pair::Message&) { return 0U; };
    pair.RunFor(10s + 165061119999ns);
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    pair.RunFor(1ns);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::Timeout);
    EXPECT_EQ(pair.a.All<ChildSaRemoved>().size(), 1U);
}

TEST(IkeEndpoint, LivenessOnDemandCountsTheRequestInFlight)
{
    Pair pair;
    pair.Connect();
    const auto id = pair.b.Last<IkeSaEstablished>().id;
    EXPECT_TRUE(pair.b.endpoint.CheckLiveness(pair.now, id));
    EXPECT_TRUE(pair.b.endpoint.CheckLiveness(pair.now, id));
    pair.Collect();
    pair.RunUntilQuiet();
    EXPECT_EQ(pair.log.size(), 6U);
}

// Both directions count their requests on their own.
TEST(IkeEndpoint, MessageIdsOfTheDirectionsAreIndependent)
{
    Pair pair;
    pair.Connect();
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    for (int round = 0; round < 3; ++round)
    {
        pair.a.endpoint.CheckLiveness(pair.now, id);
        pair.Collect();
        pair.RunUntilQuiet();
    }
    pair.b.endpoint.CheckLiveness(pair.now, id);
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_EQ(pair.log.size(), 12U);
    EXPECT_EQ(Parse(pair.log[8]).header.messageId, 4U);
    EXPECT_EQ(Parse(pair.log[10]).header.messageId, 0U);
    EXPECT_EQ(Parse(pair.log[11]).header.messageId, 0U);
}

// Window of one: while a liveness check is in flight, the Delete waits for its turn.
TEST(IkeEndpoint, OneRequestAtATime)
{
    Pair pair;
    pair.Connect();
    const auto id = pair.a.Last<IkeSaEstablished>().id;
    pair.a.endpoint.CheckLiveness(pair.now, id);
    pair.a.endpoint.CloseIkeSa(pair.now, id);
    pair.Collect();
    EXPECT_EQ(pair.log.size(), 5U);
    pair.RunUntilQuiet();
    EXPECT_EQ(pair.log.size(), 8U);
    ExpectBothClosed(pair, IkeFailure::None, IkeFailure::None);
}

TEST(IkeEndpoint, SameSeedSameOctets)
{
    const auto record = [](std::uint64_t seed)
    {
        Pair pair(MakePeer(true), MakePeer(false), seed);
        pair.Connect();
        pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<IkeSaEstablished>().id);
        pair.Collect();
        pair.RunUntilQuiet();
        std::vector<Bytes> octets;
        for (const auto& message : pair.log)
        {
            octets.push_back(message.datagram.octets);
        }
        return octets;
    };
    const auto first = record(7);
    EXPECT_EQ(first.size(), 6U);
    EXPECT_EQ(first, record(7));
    EXPECT_NE(first, record(8));
}

} // namespace
} // namespace ipseclab::test
