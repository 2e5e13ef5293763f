/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/ike-pair.h"
#include "tests/unit/test-pki.h"

// How each side proves its identity, and what does not prove it. A initiates.

namespace ipseclab::test
{
namespace
{

using crypto::HashId;
using ike::AuthKind;
using ike::Identity;
using ike::IkeFailure;
using wire::AuthMethod;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;

/// Both sides sign, with leaves of the PKI of the tests.
struct SignedPair
{
    explicit SignedPair(const std::string& leafA = "a-p256", const std::string& leafB = "b-p256")
    {
        Sign(atA, leafA);
        Sign(atB, leafB);
    }

    static void Sign(ike::PeerConfig& config, const std::string& leaf)
    {
        config.auth.local = config.auth.remote = AuthKind::Signature;
        config.auth.privateKey = LeafKey(leaf);
        config.auth.certificates = {Leaf(leaf)};
        config.auth.trustAnchors = {Authority("root")};
        config.auth.unixTimeAtZero = std::chrono::seconds(kTestTime);
        config.preSharedKey.clear();
    }

    /// The handshake; the pair stays for the test to look at.
    Pair& Connect()
    {
        pair.emplace(atA, atB);
        pair->Connect();
        return *pair;
    }

    /// B is up and then told by A that its proof was no good.
    void ExpectRefusedByA()
    {
        ExpectBothClosed(Connect(),
                         IkeFailure::AuthenticationFailed,
                         IkeFailure::AuthenticationFailed);
        EXPECT_TRUE(pair->a.All<ike::IkeSaEstablished>().empty());
    }

    /// A never gets a proof from B.
    void ExpectRefusedByB()
    {
        ExpectBothClosed(Connect(),
                         IkeFailure::AuthenticationFailed,
                         IkeFailure::AuthenticationFailed);
        EXPECT_TRUE(pair->b.All<ike::IkeSaEstablished>().empty());
        EXPECT_EQ(pair->log.size(), 4U);
    }

    ike::PeerConfig atA = MakePeer(true);
    ike::PeerConfig atB = MakePeer(false);
    std::optional<Pair> pair;
};

/// The payloads of IKE_AUTH, opened with the keys of the established SA.
wire::PayloadList
OpenAuth(const Pair& pair, bool ofInitiator)
{
    // What a channel of one side sends, one of the other side opens.
    auto channel = Impersonate(pair, !ofInitiator);
    channel.SetFragmentLimit(1200);
    for (const auto& message : pair.log)
    {
        const auto header = wire::ParseHeader(message.datagram.octets).value();
        if (header.exchange == wire::ExchangeType::IkeAuth && message.fromA == ofInitiator)
        {
            if (auto opened = channel.Open(message.datagram.octets))
            {
                return opened->payloads;
            }
        }
    }
    throw std::runtime_error("no IKE_AUTH");
}

wire::AuthPayload
AuthOf(const Pair& pair, bool ofInitiator)
{
    const auto payloads = OpenAuth(pair, ofInitiator);
    return *wire::Find<wire::AuthPayload>(payloads, PayloadType::Auth);
}

/// The AlgorithmIdentifier of an RFC 7427 AUTH payload.
crypto::SignatureAlgorithm
AlgorithmOf(const wire::AuthPayload& auth)
{
    EXPECT_EQ(auth.method, AuthMethod::DigitalSignature);
    return crypto::ParseAlgorithm(ByteSpan(auth.data).subspan(1, auth.data.at(0))).value();
}

TEST(IkeAuthentication, EveryKeyProvesItselfByRfc7427)
{
    for (const char* kind : {"rsa", "p256", "p384", "p521", "ed25519"})
    {
        SCOPED_TRACE(kind);
        SignedPair s(std::string("a-") + kind, std::string("b-") + kind);
        ExpectMirrored(s.Connect());
        const auto algorithm = AlgorithmOf(AuthOf(*s.pair, true));
        EXPECT_EQ(algorithm.hash,
                  kind == std::string("ed25519") ? HashId::Identity : HashId::Sha2_256);
    }
}

TEST(IkeAuthentication, KeysOfTheTwoSidesMayDiffer)
{
    SignedPair s("a-ed25519", "b-rsa");
    s.atB.auth.pss = true;
    s.atB.auth.hashes = {HashId::Sha2_512, HashId::Identity};
    ExpectMirrored(s.Connect());
    const crypto::SignatureAlgorithm pss{crypto::SignatureScheme::RsaPss, HashId::Sha2_512, 64};
    EXPECT_EQ(AlgorithmOf(AuthOf(*s.pair, false)), pss);
}

TEST(IkeAuthentication, HashIsOneThatThePeerListed)
{
    SignedPair s;
    s.atA.auth.hashes = {HashId::Sha2_512, HashId::Sha2_256};
    s.atB.auth.hashes = {HashId::Sha2_384, HashId::Sha2_256};
    ExpectMirrored(s.Connect());
    EXPECT_EQ(AlgorithmOf(AuthOf(*s.pair, true)).hash, HashId::Sha2_256);
    EXPECT_EQ(AlgorithmOf(AuthOf(*s.pair, false)).hash, HashId::Sha2_256);
    const auto init = Parse(s.pair->log[0]);
    const auto* notify = wire::FindNotify(init.payloads, NotifyType::SignatureHashAlgorithms);
    ASSERT_NE(notify, nullptr);
    EXPECT_EQ(notify->data, FromHex("00040002"));
}

// Without a hash in common the initiator cannot sign and never sends IKE_AUTH.
TEST(IkeAuthentication, NoCommonHashEndsTheAttempt)
{
    SignedPair s;
    s.atA.auth.hashes = {HashId::Sha2_512};
    s.atB.auth.hashes = {HashId::Sha2_384};
    Pair& pair = s.Connect();
    pair.RunFor(1h);
    EXPECT_EQ(pair.a.Last<ike::IkeSaClosed>().reason, IkeFailure::AuthenticationFailed);
    EXPECT_EQ(pair.b.Last<ike::IkeSaClosed>().reason, IkeFailure::HalfOpenExpired);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount() + pair.b.endpoint.IkeSaCount(), 0U);
}

TEST(IkeAuthentication, LegacyMethodsWithoutTheNotify)
{
    const std::vector<std::pair<const char*, AuthMethod>> kinds{{"rsa", AuthMethod::RsaSignature},
                                                                {"p256", AuthMethod::EcdsaP256},
                                                                {"p384", AuthMethod::EcdsaP384},
                                                                {"p521", AuthMethod::EcdsaP521}};
    for (const auto& [kind, method] : kinds)
    {
        SCOPED_TRACE(kind);
        SignedPair s(std::string("a-") + kind, std::string("b-") + kind);
        s.atB.auth.hashes.clear();
        ExpectMirrored(s.Connect());
        EXPECT_EQ(AuthOf(*s.pair, true).method, method);
        EXPECT_EQ(AuthOf(*s.pair, false).method, method);
        EXPECT_EQ(
            wire::FindNotify(Parse(s.pair->log[1]).payloads, NotifyType::SignatureHashAlgorithms),
            nullptr);
    }
}

TEST(IkeAuthentication, SharedKeyOneWayAndSignatureTheOther)
{
    SignedPair s;
    s.atA.auth.local = s.atB.auth.remote = AuthKind::SharedKey;
    s.atA.preSharedKey = s.atB.preSharedKey = {1, 2, 3};
    ExpectMirrored(s.Connect());
    EXPECT_EQ(AuthOf(*s.pair, true).method, AuthMethod::SharedKey);
    EXPECT_EQ(AuthOf(*s.pair, false).method, AuthMethod::DigitalSignature);
}

// RFC 7619: A stays anonymous, B proves itself.
TEST(IkeAuthentication, AnonymousInitiator)
{
    SignedPair s;
    s.atA.auth.local = s.atB.auth.remote = AuthKind::Null;
    s.atA.localId = Identity::Null();
    ExpectMirrored(s.Connect());
    const auto payloads = OpenAuth(*s.pair, true);
    const auto* id = wire::Find<wire::IdPayload>(payloads, PayloadType::IdI);
    EXPECT_EQ(id->type, wire::IdType::Null);
    EXPECT_TRUE(id->data.empty());
    EXPECT_EQ(AuthOf(*s.pair, true).method, AuthMethod::Null);
}

TEST(IkeAuthentication, BothAnonymous)
{
    auto atA = MakePeer(true);
    auto atB = MakePeer(false);
    for (auto* peer : {&atA, &atB})
    {
        peer->auth.local = peer->auth.remote = AuthKind::Null;
        peer->localId = peer->remoteId = Identity::Null();
        peer->preSharedKey.clear();
    }
    Pair pair(atA, atB);
    pair.Connect();
    ExpectMirrored(pair);
}

TEST(IkeAuthentication, NullProvesNothingToWhoWantsMore)
{
    SignedPair s;
    s.atA.auth.local = AuthKind::Null;
    s.ExpectRefusedByB();
    SignedPair shared;
    shared.atA.auth.local = AuthKind::Null;
    shared.atB.auth.remote = AuthKind::SharedKey;
    shared.atB.preSharedKey = {1, 2, 3};
    shared.ExpectRefusedByB();
}

// The empty key of a side without one must not pass for a key.
TEST(IkeAuthentication, SharedKeyDoesNotReplaceASignature)
{
    SignedPair s;
    s.atA.auth.local = AuthKind::SharedKey;
    s.atA.preSharedKey = {0}; // HMAC pads with zeros, so this is the empty key to it
    s.ExpectRefusedByB();
}

TEST(IkeAuthentication, IdentitiesOfAllTypes)
{
    const auto v4 = [](const char* text)
    { return Identity::Address(*IpAddress::FromString(text)); };
    const std::vector<std::pair<Identity, Identity>> all{
        {Identity::Fqdn("a.example"), Identity::Fqdn("b.example")},
        {Identity::Email("admin@a.example"), Identity::Email("admin@b.example")},
        {v4("192.0.2.1"), v4("192.0.2.2")},
        {v4("2001:db8::1"), v4("2001:db8::2")},
        {Identity::DistinguishedName(Leaf("a-p256")->Subject()),
         Identity::DistinguishedName(Leaf("b-p256")->Subject())}};
    for (const auto& [idA, idB] : all)
    {
        SCOPED_TRACE(static_cast<int>(idA.type));
        SignedPair s;
        s.atA.localId = s.atB.remoteId = idA;
        s.atA.remoteId = s.atB.localId = idB;
        ExpectMirrored(s.Connect());
    }
    auto atA = MakePeer(true);
    auto atB = MakePeer(false);
    atA.localId = atB.remoteId = Identity::KeyId({0, 1, 255});
    Pair pair(atA, atB);
    pair.Connect();
    ExpectMirrored(pair);
}

TEST(IkeAuthentication, ForeignKeyIsRefused)
{
    SignedPair s;
    // B's certificate with another key: as an endpoint refuses this configuration, B sends none and
    // A looks its certificate up among the anchors.
    s.atB.auth.privateKey = LeafKey("c-p256");
    s.atB.auth.certificates.clear();
    s.atA.auth.trustAnchors = {Authority("root"), Leaf("b-p256")};
    s.ExpectRefusedByA();
    SignedPair right;
    right.atB.auth.certificates.clear();
    right.atA.auth.trustAnchors = {Authority("root"), Leaf("b-p256")};
    ExpectMirrored(right.Connect());
}

TEST(IkeAuthentication, BadCertificatesAreRefused)
{
    for (const char* leaf :
         {"b-expired", "b-future", "b-untrusted", "b-no-signing", "c-p256", "b-by-intermediate"})
    {
        SCOPED_TRACE(leaf);
        SignedPair s("a-p256", leaf);
        s.ExpectRefusedByA();
    }
    SignedPair initiator("b-untrusted", "b-p256");
    initiator.ExpectRefusedByB();
}

TEST(IkeAuthentication, ChainWithItsIntermediateIsAccepted)
{
    SignedPair s("a-p256", "b-by-intermediate");
    s.atB.auth.certificates.push_back(Authority("intermediate"));
    ExpectMirrored(s.Connect());
}

// A good certificate is of no use to anybody else.
TEST(IkeAuthentication, CertificateOfAnotherIdentityIsRefused)
{
    SignedPair s("a-p256", "c-p256");
    s.atB.localId = Identity::Fqdn("c.example");
    s.ExpectRefusedByA();
}

// The certificate expires between two attempts: the clock of the driver counts.
TEST(IkeAuthentication, ValidityFollowsTheClock)
{
    constexpr std::int64_t kEndOf2020 = 1609459200 - 3600;
    SignedPair s("a-p256", "b-expired");
    s.atA.auth.unixTimeAtZero = s.atB.auth.unixTimeAtZero = std::chrono::seconds(kEndOf2020);
    ExpectMirrored(s.Connect());
    s.pair->now += 2h;
    s.pair->Connect();
    EXPECT_EQ(s.pair->a.Last<ike::IkeSaClosed>().reason, IkeFailure::AuthenticationFailed);
}

TEST(IkeAuthentication, CertificateRequestsNameTheAnchors)
{
    SignedPair s;
    s.Connect();
    const auto answer = Parse(s.pair->log[1]);
    const auto* request = wire::Find<wire::CertPayload>(answer.payloads, PayloadType::CertReq);
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->encoding, 4);
    EXPECT_EQ(request->data, Authority("root")->KeyHash());
    const auto payloads = OpenAuth(*s.pair, true);
    EXPECT_NE(wire::Find<wire::CertPayload>(payloads, PayloadType::CertReq), nullptr);
    EXPECT_EQ(wire::Find<wire::CertPayload>(payloads, PayloadType::Cert)->data,
              Leaf("a-p256")->Der());
}

TEST(IkeAuthentication, ConfigurationThatCannotProveIsRefused)
{
    SeededRandom random(1);
    const auto isAccepted = [&random](const std::function<void(ike::PeerConfig&)>& change)
    {
        SignedPair s;
        change(s.atA);
        return ike::IkeEndpoint(random).AddPeer(s.atA);
    };
    EXPECT_TRUE(isAccepted([](ike::PeerConfig&) {}));
    EXPECT_FALSE(isAccepted([](ike::PeerConfig& p) { p.auth.privateKey.reset(); }));
    EXPECT_FALSE(isAccepted([](ike::PeerConfig& p) { p.auth.trustAnchors.clear(); }));
    EXPECT_FALSE(isAccepted([](ike::PeerConfig& p) { p.auth.certificates = {Leaf("a-rsa")}; }));
    EXPECT_FALSE(isAccepted([](ike::PeerConfig& p) { p.maxIkeDatagram = 255; }));
}

// PSS salt and ECDSA nonces come from the seed: the same run gives the same octets.
TEST(IkeAuthentication, RunsRepeatBitForBit)
{
    const auto octets = [](std::uint64_t seed)
    {
        SignedPair s("a-rsa", "b-p384");
        s.atA.auth.pss = true;
        Pair pair(s.atA, s.atB, seed);
        pair.Connect();
        std::vector<Bytes> all;
        for (const auto& message : pair.log)
        {
            all.push_back(message.datagram.octets);
        }
        return all;
    };
    EXPECT_EQ(octets(1), octets(1));
    EXPECT_NE(octets(1), octets(2));
}

} // namespace
} // namespace ipseclab::test
