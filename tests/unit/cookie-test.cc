/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/prf.h"
#include "model/ike/extensions/cookie.h"
#include "model/ike/ike-sa-init.h"
#include "tests/unit/ike-pair.h"
#include "tests/unit/test-vectors.h"

// Cookies of a responder (RFC 7296, section 2.6).

namespace ipseclab::test
{
namespace
{

using ike::CookieClaim;
using ike::CookieJar;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;

const Bytes kNonce = Pattern(32, 1);
const IpAddress kRemote = IpAddress::V4(0xc0000201);

// version | prf(secret, Ni | IPi | SPIi), computed here from the formula.
TEST(Cookie, IsTheFormula)
{
    SeededRandom random(1);
    SeededRandom again(1);
    CookieJar jar;
    const Bytes cookie = jar.Make(0s, random, {kRemote, 0x0102030405060708, kNonce});
    Bytes expected = crypto::Prf(crypto::PrfId::HmacSha2_256,
                                 again.Take(32),
                                 {kNonce, FromHex("c00002010102030405060708")});
    expected.insert(expected.begin(), 1);
    EXPECT_EQ(cookie, expected);
    EXPECT_LE(cookie.size(), 64U);
}

TEST(Cookie, IsBoundToAddressSpiAndNonce)
{
    SeededRandom random(1);
    CookieJar jar;
    EXPECT_FALSE(jar.IsGood(0s, {}, {kRemote, 1, kNonce})) << "there is no secret yet";
    const Bytes cookie = jar.Make(0s, random, {kRemote, 1, kNonce});
    EXPECT_TRUE(jar.IsGood(0s, cookie, {kRemote, 1, kNonce}));
    EXPECT_FALSE(jar.IsGood(0s, cookie, {kRemote, 2, kNonce}));
    EXPECT_FALSE(jar.IsGood(0s, cookie, {IpAddress::V4(0xc0000202), 1, kNonce}));
    EXPECT_FALSE(jar.IsGood(0s, cookie, {kRemote, 1, Pattern(32, 2)}));
    EXPECT_FALSE(jar.IsGood(0s, ByteSpan(cookie).first(32), {kRemote, 1, kNonce}));
    EXPECT_FALSE(jar.IsGood(0s, {}, {kRemote, 1, kNonce}));
}

TEST(Cookie, SecretsRotate)
{
    SeededRandom random(1);
    CookieJar jar;
    const CookieClaim claim{kRemote, 1, kNonce};
    const Bytes first = jar.Make(0s, random, claim);
    EXPECT_EQ(jar.Make(59s, random, claim), first);
    const Bytes second = jar.Make(60s, random, claim);
    EXPECT_NE(second, first);
    EXPECT_TRUE(jar.IsGood(119s, first, claim)) << "the one before is still good";
    EXPECT_FALSE(jar.IsGood(120s, first, claim));
    EXPECT_TRUE(jar.IsGood(120s, second, claim));
    jar.Make(120s, random, claim);
    EXPECT_TRUE(jar.IsGood(121s, second, claim));
    EXPECT_FALSE(jar.IsGood(180s, second, claim));
}

/// B asks for a cookie from the first request on.
ike::PeerConfig
AlwaysCookies()
{
    auto atB = MakePeer(false);
    atB.cookieThreshold = 0;
    return atB;
}

//   A                                   B
//   |-- IKE_SA_INIT ------------------->|
//   |<------- IKE_SA_INIT {N(COOKIE)} --|  no state
//   |-- IKE_SA_INIT {N(COOKIE), ...} -->|
//   |<------------------ IKE_SA_INIT ---|
TEST(IkeCookie, CostsOneRoundTrip)
{
    Pair pair(MakePeer(true), AlwaysCookies());
    pair.Connect();
    ExpectMirrored(pair);
    ASSERT_EQ(pair.log.size(), 6U);
    EXPECT_EQ(pair.now, 60ms);
    const auto demand = Parse(pair.log[1]);
    EXPECT_EQ(demand.header.responderSpi, 0U);
    ASSERT_EQ(demand.payloads.size(), 1U);
    const auto* cookie = wire::FindNotify(demand.payloads, NotifyType::Cookie);
    ASSERT_NE(cookie, nullptr);
    const auto again = Parse(pair.log[2]);
    EXPECT_EQ(again.payloads.front(), demand.payloads.front());
    const auto first = Parse(pair.log[0]);
    EXPECT_TRUE(std::equal(first.payloads.begin(),
                           first.payloads.end(),
                           again.payloads.begin() + 1,
                           again.payloads.end()));
}

TEST(IkeCookie, ForeignCookieIsNotTaken)
{
    Pair pair(MakePeer(true), AlwaysCookies());
    pair.holding = true;
    pair.Initiate();
    auto request = Parse(pair.TakeHeld(0));
    request.payloads.insert(request.payloads.begin(),
                            wire::MakeNotify(NotifyType::Cookie, Pattern(33, 5)));
    pair.Inject(pair.b, wire::Serialize(request));
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.Counters().cookiesDemanded, 1U);
}

//   A                                   B
//   |-- IKE_SA_INIT ------------------->|
//   |                   forged N(COOKIE)|
//   |<----------------------- /         |
//   |-- IKE_SA_INIT {N(COOKIE), ...} -> |  on its way, or lost
//   |<------------------ IKE_SA_INIT ---|  to the first request
//   |-- IKE_AUTH ---------------------->|  signs the second one
//   |<- IKE_AUTH {AUTHENTICATION_FAILED}|
//   |       ... IKE_SA_INIT {N(COOKIE)} |
TEST(IkeCookie, ForgedDemandDoesNotEndTheAttempt)
{
    for (const bool lost : {false, true})
    {
        Pair pair;
        pair.holding = true;
        pair.Initiate();
        const auto first = pair.TakeHeld(0);
        pair.Inject(pair.a, ike::DemandCookie(Parse(first), Pattern(33, 5)));
        const auto second = pair.TakeHeld(0);
        EXPECT_NE(wire::FindNotify(Parse(second).payloads, NotifyType::Cookie), nullptr);
        pair.Deliver(first);
        for (int i = 0; i < 3; ++i)
        {
            ASSERT_EQ(pair.held.size(), 1U);
            pair.Deliver(pair.TakeHeld(0));
        }
        EXPECT_EQ(pair.b.Last<ike::IkeSaClosed>().reason, ike::IkeFailure::AuthenticationFailed);
        EXPECT_TRUE(pair.held.empty());
        pair.holding = false;
        if (!lost)
        {
            pair.Deliver(second);
        }
        pair.RunFor(5s);
        ExpectMirrored(pair);
        EXPECT_TRUE(pair.a.All<ike::IkeSaClosed>().empty());
    }
}

// A responder that does want cookies has another key: the second failure is believed.
TEST(IkeCookie, WrongKeyStillEndsTheAttempt)
{
    auto atB = AlwaysCookies();
    atB.preSharedKey.push_back('!');
    Pair pair(MakePeer(true), atB);
    pair.Initiate();
    pair.RunFor(5s);
    ASSERT_EQ(pair.a.All<ike::IkeSaClosed>().size(), 1U);
    EXPECT_EQ(pair.a.Last<ike::IkeSaClosed>().reason, ike::IkeFailure::AuthenticationFailed);
    EXPECT_EQ(pair.b.All<ike::IkeSaClosed>().size(), 2U);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
}

// 10,000 requests that never come again with their cookies leave as many SAs as 30 do; a peer that
// does answer comes up all the while.
TEST(IkeCookie, FloodCostsNoState)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    auto first = Parse(pair.log[0]);
    for (std::uint64_t i = 1; i <= 10000; ++i)
    {
        first.header.initiatorSpi = i;
        pair.Inject(pair.b, wire::Serialize(first));
        ASSERT_LE(pair.b.endpoint.IkeSaCount(), 30U);
    }
    EXPECT_EQ(pair.b.endpoint.Counters().cookiesDemanded, 10000U - 30U);
    EXPECT_EQ(pair.b.endpoint.Counters().halfOpenLimit, 0U);
    auto message = pair.TakeHeld(0);
    pair.held.clear();
    pair.holding = false;
    pair.Deliver(message);
    pair.RunUntilQuiet();
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 31U);
    pair.RunFor(31s);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U);
}

} // namespace
} // namespace ipseclab::test
