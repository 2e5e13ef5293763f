/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/authentication.h"
#include "tests/unit/ike-ledger.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/*
 * IKE_INTERMEDIATE (RFC 9242) and additional key exchanges (RFC 9370).
 */

namespace ipseclab::test
{
namespace
{

using crypto::GroupId;
using wire::ExchangeType;

ike::PeerConfig
MakeMultiple(bool atA, std::vector<GroupId> additional)
{
    auto peer = MakePeer(atA);
    peer.ikeSuites.front().additional = std::move(additional);
    return peer;
}

std::vector<std::string>
Exchanges(const Pair& pair)
{
    std::vector<std::string> lines;
    for (const auto& message : pair.log)
    {
        const auto header = wire::ParseHeader(message.datagram.octets).value();
        lines.push_back(std::string(message.fromA ? "A " : "B ") + wire::Name(header.exchange) +
                        " " + std::to_string(header.messageId));
    }
    return lines;
}

// ---- the formulas once more, on nothing but OpenSSL's HMAC

Bytes
Hmac(const Bytes& key, const Bytes& data)
{
    Bytes out(32);
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         data.data(),
         data.size(),
         out.data(),
         nullptr);
    return out;
}

Bytes
operator+(Bytes a, const Bytes& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Bytes
Octets(std::uint64_t value, std::size_t length)
{
    Bytes out(length);
    for (std::size_t i = 0; i < length; ++i)
    {
        out[length - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return out;
}

/// prf+ of RFC 7296, section 2.13.
Bytes
HmacPlus(const Bytes& key, const Bytes& seed, std::size_t length)
{
    Bytes out;
    Bytes last;
    for (std::uint8_t n = 1; out.size() < length; ++n)
    {
        last = Hmac(key, last + seed + Bytes{n});
        out = out + last;
    }
    out.resize(length);
    return out;
}

/// A message of IKE_INTERMEDIATE as RFC 9242, section 3.3.2, has it: A | P.
Bytes
IntAuthOctets(const wire::IkeHeader& header, std::uint8_t firstInner, const Bytes& plaintext)
{
    const std::size_t sk = 4 + plaintext.size();
    return Octets(header.initiatorSpi, 8) + Octets(header.responderSpi, 8) +
           Bytes{46, 0x20, 43, header.flags} + Octets(header.messageId, 4) + Octets(28 + sk, 4) +
           Bytes{firstInner, 0} + Octets(sk, 2) + plaintext;
}

/**
 * One side's private values in the hands of the test: SeededRandom repeats its draws, so the test
 * makes the same key exchanges and derives everything once more.
 */
struct Replica
{
    explicit Replica(std::uint64_t seed, std::vector<GroupId> groups)
        : random(seed)
    {
        random.Take(8); // SPI
        nonce = random.Take(32);
        for (std::size_t i = 0; i < groups.size(); ++i)
        {
            if (i == 1)
            {
                random.Take(4); // the SPI of the first Child SA, with the first response
            }
            exchanges.push_back(crypto::KeyExchange::Generate(groups[i], random));
        }
    }

    SeededRandom random;
    Bytes nonce;
    std::vector<std::unique_ptr<crypto::KeyExchange>> exchanges;
};

TEST(Intermediate, TakesOneRoundTripForEachKeyExchange)
{
    Pair pair(MakeMultiple(true, {GroupId::Ecp256, GroupId::Ecp384}),
              MakeMultiple(false, {GroupId::Ecp256, GroupId::Ecp384}));
    pair.Connect();
    EXPECT_EQ(Exchanges(pair),
              (std::vector<std::string>{"A IKE_SA_INIT 0",
                                        "B IKE_SA_INIT 0",
                                        "A IKE_INTERMEDIATE 1",
                                        "B IKE_INTERMEDIATE 1",
                                        "A IKE_INTERMEDIATE 2",
                                        "B IKE_INTERMEDIATE 2",
                                        "A IKE_AUTH 3",
                                        "B IKE_AUTH 3"}));
    ExpectMirrored(pair);
    // The next request goes on with the message IDs.
    pair.a.endpoint.CheckLiveness(pair.now, pair.a.Last<ike::IkeSaEstablished>().id);
    pair.Collect();
    pair.RunUntilQuiet();
    EXPECT_EQ(Exchanges(pair).at(8), "A INFORMATIONAL 4");
    EXPECT_EQ(pair.b.endpoint.Counters().badMessageId, 0U);
}

TEST(Intermediate, EverySevenMethodsAtOnce)
{
    const std::vector<GroupId> all{GroupId::Modp2048,
                                   GroupId::Modp3072,
                                   GroupId::Modp4096,
                                   GroupId::Ecp256,
                                   GroupId::Ecp384,
                                   GroupId::Ecp521};
    Pair pair(MakeMultiple(true, all), MakeMultiple(false, all));
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.log.size(), 4 + 2 * all.size());
}

/// The keys of both generations, IntAuth and AUTH, each from its formula.
TEST(Intermediate, KeysAndAuthAreThoseOfTheFormulas)
{
    const std::vector<GroupId> groups{GroupId::Curve25519, GroupId::Ecp256};
    Pair pair(MakeMultiple(true, {GroupId::Ecp256}), MakeMultiple(false, {GroupId::Ecp256}));
    pair.Connect();
    const auto up = pair.a.Last<ike::IkeSaEstablished>();
    Replica replica(2, groups);
    const auto request = Parse(pair.log[0]);
    const auto response = Parse(pair.log[1]);
    const Bytes ni =
        wire::Find<wire::NoncePayload>(request.payloads, wire::PayloadType::Nonce)->data;
    const Bytes nr =
        wire::Find<wire::NoncePayload>(response.payloads, wire::PayloadType::Nonce)->data;
    ASSERT_EQ(ni, replica.nonce);
    const auto* ker = wire::Find<wire::KePayload>(response.payloads, wire::PayloadType::Ke);
    const Bytes shared0 = replica.exchanges[0]->Agree(ker->data).value();

    // Generation 0: 3 * 32 + 2 * 20 octets for AES-GCM-128.
    constexpr std::size_t length = 136;
    const Bytes seed = ni + nr + Octets(up.id.spiI, 8) + Octets(up.id.spiR, 8);
    const Bytes all0 = HmacPlus(Hmac(ni + nr, shared0), seed, length);
    const auto cut = [](const Bytes& all, std::size_t at, std::size_t size)
    { return Bytes(all.begin() + std::ptrdiff_t(at), all.begin() + std::ptrdiff_t(at + size)); };
    ike::IkeKeys keys0;
    keys0.skD = cut(all0, 0, 32);
    keys0.skEi = cut(all0, 32, 20);
    keys0.skEr = cut(all0, 52, 20);
    keys0.skPi = cut(all0, 72, 32);
    keys0.skPr = cut(all0, 104, 32);

    // Both messages of IKE_INTERMEDIATE open under it.
    ike::SecureChannel atA(up.id, true, up.suite, keys0);
    ike::SecureChannel atB(up.id, false, up.suite, keys0);
    const auto kei = atB.Open(pair.log[2].datagram.octets).value();
    const auto ker1 = atA.Open(pair.log[3].datagram.octets).value();
    const Bytes shared1 =
        replica.exchanges[1]
            ->Agree(wire::Find<wire::KePayload>(ker1.payloads, wire::PayloadType::Ke)->data)
            .value();
    EXPECT_EQ(wire::Find<wire::KePayload>(kei.payloads, wire::PayloadType::Ke)->data,
              replica.exchanges[1]->PublicValue());

    // SKEYSEED(1) = prf(SK_d(0), SK(1) | Ni | Nr)
    const Bytes all1 = HmacPlus(Hmac(keys0.skD, shared1 + ni + nr), seed, length);
    EXPECT_EQ(up.keys.skD, cut(all1, 0, 32));
    EXPECT_EQ(up.keys.skEi, cut(all1, 32, 20));
    EXPECT_EQ(up.keys.skEr, cut(all1, 52, 20));
    EXPECT_EQ(up.keys.skPi, cut(all1, 72, 32));
    EXPECT_EQ(up.keys.skPr, cut(all1, 104, 32));

    // IntAuth and AUTH of both sides.
    const auto header = [&](std::size_t i) { return Parse(pair.log[i]).header; };
    const Bytes intAuth = Hmac(keys0.skPi, IntAuthOctets(header(2), 34, kei.plaintext)) +
                          Hmac(keys0.skPr, IntAuthOctets(header(3), 34, ker1.plaintext)) +
                          Octets(2, 4);
    const Bytes
        pad{'K', 'e', 'y', ' ', 'P', 'a', 'd', ' ', 'f', 'o', 'r', ' ', 'I', 'K', 'E', 'v', '2'};
    const Bytes key = Hmac(pair.a.peer.preSharedKey, pad);
    for (const bool ofInitiator : {true, false})
    {
        const auto payloads = Unseal(pair, pair.log[ofInitiator ? 4 : 5]);
        const auto* id = wire::Find<wire::IdPayload>(payloads,
                                                     ofInitiator ? wire::PayloadType::IdI
                                                                 : wire::PayloadType::IdR);
        const auto* auth = wire::Find<wire::AuthPayload>(payloads, wire::PayloadType::Auth);
        const Bytes octets = pair.log[ofInitiator ? 0 : 1].datagram.octets +
                             (ofInitiator ? nr : ni) +
                             Hmac(cut(all1, ofInitiator ? 72 : 104, 32), id->Body()) + intAuth;
        EXPECT_EQ(auth->data, Hmac(key, octets));
    }
}

TEST(Intermediate, GoesInFragments)
{
    const std::vector<GroupId> groups{GroupId::Modp4096, GroupId::Modp3072};
    auto a = MakeMultiple(true, groups);
    auto b = MakeMultiple(false, groups);
    a.maxIkeDatagram = 300;
    b.maxIkeDatagram = 400;
    for (const unsigned lost : {0U, 5U})
    {
        Pair pair(a, b);
        // The first copy of one datagram is lost: all fragments come again.
        unsigned count = 0;
        pair.copies = [&](const Pair::Message&) { return ++count == lost ? 0U : 1U; };
        pair.Initiate();
        pair.RunFor(std::chrono::minutes(1));
        ExpectMirrored(pair);
        EXPECT_EQ(Parse(pair.log[2]).payloads.front().type, wire::PayloadType::EncryptedFragment);
    }
}

TEST(Intermediate, SurvivesEveryLossAndDuplicate)
{
    for (unsigned lost = 1; lost <= 8; ++lost)
    {
        Pair pair(MakeMultiple(true, {GroupId::Ecp256, GroupId::Ecp384}),
                  MakeMultiple(false, {GroupId::Ecp256, GroupId::Ecp384}));
        unsigned count = 0;
        pair.copies = [&](const Pair::Message&) { return ++count == lost ? 0U : 2U; };
        pair.Initiate();
        pair.RunFor(std::chrono::minutes(1));
        ExpectMirrored(pair);
        EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
        EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U);
    }
}

TEST(Intermediate, IsNotUsedWithAPeerThatLacksIt)
{
    // The first suite needs it, the second does not.
    auto a = MakeMultiple(true, {GroupId::Ecp256});
    a.ikeSuites.push_back(MakePeer(true).ikeSuites.front());
    Pair pair(a, MakePeer(false));
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_TRUE(pair.a.Last<ike::IkeSaEstablished>().suite.additional.empty());
    EXPECT_EQ(pair.log.size(), 4U);
    EXPECT_FALSE(wire::FindNotify(Parse(pair.log[1]).payloads,
                                  wire::NotifyType::IntermediateExchangeSupported));

    // No suite without it: no IKE SA, on whichever side the demand is.
    for (const bool demanding : {true, false})
    {
        Pair refused(demanding ? MakeMultiple(true, {GroupId::Ecp256}) : MakePeer(true),
                     demanding ? MakePeer(false) : MakeMultiple(false, {GroupId::Ecp256}));
        refused.Initiate();
        refused.RunFor(std::chrono::minutes(10));
        EXPECT_EQ(refused.a.endpoint.IkeSaCount(), 0U);
        EXPECT_EQ(refused.a.Last<ike::IkeSaClosed>().reason, ike::IkeFailure::NoProposalChosen);
    }
}

TEST(Intermediate, DifferentMethodsOrAnotherOrderDoNotMatch)
{
    for (const auto& other : {std::vector<GroupId>{GroupId::Ecp384},
                              std::vector<GroupId>{GroupId::Ecp384, GroupId::Ecp256},
                              std::vector<GroupId>{GroupId::Ecp256}})
    {
        Pair pair(MakeMultiple(true, {GroupId::Ecp256, GroupId::Ecp384}),
                  MakeMultiple(false, other));
        pair.Initiate();
        pair.RunFor(std::chrono::minutes(10));
        EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    }
}

TEST(Intermediate, MethodsThatTheModelLacksOrThatRepeatAreNotConfigured)
{
    constexpr auto kMlKem768 = static_cast<GroupId>(36);
    for (const auto& bad : {std::vector<GroupId>{kMlKem768},
                            std::vector<GroupId>{GroupId::Ecp256, GroupId::Ecp256},
                            std::vector<GroupId>{GroupId::None}})
    {
        SeededRandom random(1);
        ike::IkeEndpoint endpoint(random);
        EXPECT_FALSE(endpoint.AddPeer(MakeMultiple(true, bad)));
    }
}

// ---- hostile peers

/// A pair whose IKE_INTERMEDIATE request is in the hands of the test.
struct Held
{
    Held()
        : pair(MakeMultiple(true, {GroupId::Ecp256}), MakeMultiple(false, {GroupId::Ecp256}))
    {
        pair.holding = true;
        pair.Initiate();
        pair.Deliver(pair.TakeHeld(0));
        pair.Deliver(pair.TakeHeld(0));
    }

    Pair pair;
};

TEST(Intermediate, AuthBeforeItsTurnIsIgnored)
{
    Held held;
    Bytes auth = held.pair.held.at(0).datagram.octets;
    auth[18] = static_cast<std::uint8_t>(ExchangeType::IkeAuth);
    held.pair.Inject(held.pair.b, auth);
    EXPECT_EQ(held.pair.b.endpoint.Counters().malformed, 1U);
    // The genuine one still goes through.
    held.pair.holding = false;
    held.pair.Deliver(held.pair.TakeHeld(0));
    held.pair.RunUntilQuiet();
    ExpectMirrored(held.pair);
}

TEST(Intermediate, AnExchangeTooManyIsIgnored)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    pair.Deliver(pair.TakeHeld(0));
    pair.Deliver(pair.TakeHeld(0));
    Bytes request = pair.held.at(0).datagram.octets;
    request[18] = static_cast<std::uint8_t>(ExchangeType::IkeIntermediate);
    pair.Inject(pair.b, request);
    EXPECT_EQ(pair.b.endpoint.Counters().malformed, 1U);
}

TEST(Intermediate, EveryChangedOctetIsNoticed)
{
    Held held;
    const Bytes request = held.pair.held.at(0).datagram.octets;
    for (std::size_t i = 0; i < request.size(); ++i)
    {
        Bytes changed = request;
        changed[i] ^= 0x20;
        held.pair.Inject(held.pair.b, changed);
        EXPECT_EQ(held.pair.b.endpoint.EstablishedCount(), 0U);
    }
    held.pair.holding = false;
    held.pair.Deliver(held.pair.TakeHeld(0));
    held.pair.RunUntilQuiet();
    ExpectMirrored(held.pair);
}

} // namespace
} // namespace ipseclab::test
