/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/announced-auth.h"
#include "tests/unit/ike-ledger.h"
#include "tests/unit/test-pki.h"

/*
 * Announced authentication methods (RFC 9593): their octets, and which proof a side gives.
 */

namespace ipseclab::test
{
namespace
{

using crypto::HashId;
using ike::AuthAnnouncement;
using ike::AuthKind;
using ike::Credential;
using ike::IkeFailure;
using wire::AuthMethod;
using wire::NotifyType;
using wire::PayloadType;

// The examples of the three forms, and of algorithms of RFC 7427, appendix A.
TEST(Announcements, HaveThreeForms)
{
    const auto encode = [](const AuthAnnouncement& one) { return ike::EncodeAnnouncements({one}); };
    EXPECT_EQ(encode({AuthMethod::SharedKey}), FromHex("0202"));
    EXPECT_EQ(encode({AuthMethod::Null}), FromHex("020d"));
    EXPECT_EQ(encode({AuthMethod::EcdsaP256}), FromHex("030900"));
    EXPECT_EQ(encode({AuthMethod::RsaSignature, 2}), FromHex("030102"));
    EXPECT_EQ(encode({AuthMethod::DigitalSignature, 0, FromHex("300506032b6570")}),
              FromHex("0a0e00300506032b6570"));
}

TEST(Announcements, AllOfASignatureVerifierAreDerived)
{
    ike::AuthConfig auth;
    auth.remote = AuthKind::Signature;
    auth.hashes = {HashId::Sha2_256, HashId::Identity};
    EXPECT_EQ(ike::EncodeAnnouncements(ike::AllAnnouncements(auth, true)),
              FromHex("0f0e00300a06082a8648ce3d040302" // ECDSA with SHA-256
                      "460e00304106092a864886f70d01010a3034a00f300d0609608648016503040201"
                      "0500a11c301a06092a864886f70d010108300d06096086480165030402010500"
                      "a203020120"                           // RSASSA-PSS with SHA-256
                      "120e00300d06092a864886f70d01010b0500" // PKCS #1 v1.5 with SHA-256
                      "0a0e00300506032b6570"));              // Ed25519
    EXPECT_EQ(ike::EncodeAnnouncements(ike::AllAnnouncements(auth, false)),
              FromHex("030900030a00030b00030100"));
    auth.alsoAccepted = {AuthKind::SharedKey, AuthKind::Null};
    EXPECT_EQ(ike::AllAnnouncements(auth, false).size(), 6U);
}

TEST(Announcements, AreReadBack)
{
    const std::vector<AuthAnnouncement> list{{AuthMethod::SharedKey},
                                             {AuthMethod::EcdsaP384, 7},
                                             {AuthMethod::DigitalSignature, 1, Bytes(252, 5)}};
    EXPECT_EQ(ike::ParseAnnouncements(ike::EncodeAnnouncements(list)), list);
    EXPECT_TRUE(ike::ParseAnnouncements({})->empty());
}

// RFC 9593, section 3.2: what is not understood is ignored, the rest counts.
TEST(Announcements, UnknownOnesAreSkipped)
{
    const auto list = ike::ParseAnnouncements(FromHex("05c8010203" // private method
                                                      "030200"     // a shared key with a link
                                                      "0209"       // ECDSA without one
                                                      "030e00"     // no AlgorithmIdentifier
                                                      "0202"));
    EXPECT_EQ(list, std::vector<AuthAnnouncement>{{AuthMethod::SharedKey}});
}

TEST(Announcements, LengthsThatDoNotAddUpAreNoList)
{
    for (const char* octets : {"00",
                               "01",
                               "02",
                               "0202"
                               "00",
                               "0202"
                               "01ff",
                               "0302",
                               "ff0e00"})
    {
        EXPECT_FALSE(ike::ParseAnnouncements(FromHex(octets))) << octets;
    }
}

Credential
Signer(const std::string& leaf)
{
    Credential credential;
    credential.kind = AuthKind::Signature;
    credential.privateKey = LeafKey(leaf);
    credential.certificates = {Leaf(leaf)};
    return credential;
}

/// Both sides with a shared key, and able to check certificates.
struct Sides
{
    Sides()
    {
        for (auto* side : {&a, &b})
        {
            side->auth.trustAnchors = {Authority("root")};
            side->auth.unixTimeAtZero = std::chrono::seconds(kTestTime);
        }
    }

    void Announce(bool byA, bool byB)
    {
        a.extensions = byA ? std::vector{ike::AnnouncedAuth()} : a.extensions;
        b.extensions = byB ? std::vector{ike::AnnouncedAuth()} : b.extensions;
    }

    ike::PeerConfig a{MakePeer(true)};
    ike::PeerConfig b{MakePeer(false)};
};

AuthMethod
MethodOf(const Pair& pair, bool ofInitiator)
{
    for (const auto& message : pair.log)
    {
        const auto header = wire::ParseHeader(message.datagram.octets).value();
        if (header.exchange == wire::ExchangeType::IkeAuth && message.fromA == ofInitiator)
        {
            const auto payloads = Unseal(pair, message);
            return wire::Find<wire::AuthPayload>(payloads, PayloadType::Auth)->method;
        }
    }
    throw std::runtime_error("no IKE_AUTH");
}

struct Case
{
    const char* name;
    bool a;
    bool b;
    bool succeeds;
};

const auto kCases = testing::Values(Case{"Neither", false, false, false},
                                    Case{"OnlyTheInitiator", true, false, false},
                                    Case{"OnlyTheResponder", false, true, false},
                                    Case{"Both", true, true, true});

class AnnouncedTable : public testing::TestWithParam<Case>
{
};

// The initiator has a shared key and a certificate; the responder wants certificates.
TEST_P(AnnouncedTable, AnInitiatorGivesWhatTheResponderTakes)
{
    Sides sides;
    sides.a.auth.alternatives = {Signer("a-p256")};
    sides.b.auth.remote = AuthKind::Signature;
    sides.Announce(GetParam().a, GetParam().b);
    Pair pair(sides.a, sides.b);
    pair.Connect();
    if (!GetParam().succeeds)
    {
        ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
        return;
    }
    ExpectMirrored(pair);
    EXPECT_EQ(MethodOf(pair, true), AuthMethod::DigitalSignature);
    EXPECT_EQ(MethodOf(pair, false), AuthMethod::SharedKey);
}

// The other way round: the responder has both, and learns from IKE_AUTH what to give.
TEST_P(AnnouncedTable, AResponderGivesWhatTheInitiatorTakes)
{
    Sides sides;
    sides.b.auth.local = AuthKind::Signature;
    sides.b.auth.privateKey = LeafKey("b-rsa");
    sides.b.auth.certificates = {Leaf("b-rsa")};
    sides.b.auth.alternatives = {Credential{}};
    sides.Announce(GetParam().a, GetParam().b);
    Pair pair(sides.a, sides.b);
    pair.Connect();
    if (!GetParam().succeeds)
    {
        ExpectBothClosed(pair, IkeFailure::AuthenticationFailed, IkeFailure::AuthenticationFailed);
        return;
    }
    ExpectMirrored(pair);
    EXPECT_EQ(MethodOf(pair, true), AuthMethod::SharedKey);
    EXPECT_EQ(MethodOf(pair, false), AuthMethod::SharedKey);
}

INSTANTIATE_TEST_SUITE_P(Sides, AnnouncedTable, kCases, [](const auto& c) { return c.param.name; });

// A list that the side has nothing for, or one proof only: it does what it would do anyway.
TEST(AnnouncedAuth, IsOnlyAHint)
{
    Sides sides;
    sides.a.extensions = {ike::AnnouncedAuth()};
    sides.b.extensions = {ike::AnnouncedAuth({{AuthMethod::EcdsaP256}})};
    Pair pair(sides.a, sides.b);
    pair.Connect();
    ExpectMirrored(pair);
}

// Preference is that of the side that proves itself, whatever the order of the list.
TEST(AnnouncedAuth, TheFirstOfOwnPreferenceIsGiven)
{
    Sides sides;
    sides.a.auth.alternatives = {Signer("a-ed25519"), Signer("a-rsa")};
    sides.b.auth.remote = AuthKind::Signature;
    sides.a.extensions = {ike::AnnouncedAuth()};
    sides.b.extensions = {ike::AnnouncedAuth(
        {{AuthMethod::DigitalSignature, 0, FromHex("300d06092a864886f70d01010c0500")}, // SHA-384
         {AuthMethod::DigitalSignature, 0, FromHex("300506032b6570")}})};
    Pair ed(sides.a, sides.b);
    ed.Connect();
    ExpectMirrored(ed);
    const auto payloads = Unseal(ed, ed.log.at(2));
    EXPECT_EQ(wire::Find<wire::CertPayload>(payloads, PayloadType::Cert)->data,
              Leaf("a-ed25519")->Der());

    // PKCS #1 with SHA-384 only; absent parameters mean the same as NULL.
    sides.b.extensions = {ike::AnnouncedAuth(
        {{AuthMethod::DigitalSignature, 0, FromHex("300b06092a864886f70d01010c")}})};
    Pair rsa(sides.a, sides.b);
    rsa.Connect();
    ExpectMirrored(rsa);
    const auto request = Unseal(rsa, rsa.log.at(2));
    const auto& auth = *wire::Find<wire::AuthPayload>(request, PayloadType::Auth);
    ASSERT_EQ(auth.method, AuthMethod::DigitalSignature);
    EXPECT_EQ(crypto::ParseAlgorithm(ByteSpan(auth.data).subspan(1, auth.data.at(0)))->hash,
              HashId::Sha2_384);
}

// A link names one CA of those in CERTREQ; a certificate under another one does not fit.
TEST(AnnouncedAuth, ALinkBindsAMethodToACa)
{
    for (std::uint8_t link = 0; link < 4; ++link)
    {
        Sides sides;
        sides.a.auth.alternatives = {Signer("a-p256")};
        sides.b.auth.alsoAccepted = {AuthKind::Signature};
        sides.b.auth.trustAnchors = {Authority("other_root"), Authority("root")};
        sides.a.auth.local = AuthKind::Null; // which the responder does not take
        sides.a.extensions = {ike::AnnouncedAuth()};
        sides.b.extensions = {ike::AnnouncedAuth(
            {{AuthMethod::DigitalSignature, link, FromHex("300a06082a8648ce3d040302")}})};
        Pair pair(sides.a, sides.b);
        pair.Connect();
        const bool fits = link == 0 || link == 2; // "a-p256" is under "root"
        EXPECT_EQ(pair.a.endpoint.EstablishedCount(), fits ? 1U : 0U) << int{link};
    }
}

// What was forged into IKE_SA_INIT misleads the initiator but proves nothing.
TEST(AnnouncedAuth, ADamagedListIsNone)
{
    Sides sides;
    sides.Announce(true, false);
    Pair pair(sides.a, sides.b);
    pair.holding = true;
    pair.Initiate();
    pair.Deliver(pair.TakeHeld(0));
    wire::IkeMessage response = Parse(pair.TakeHeld(0));
    for (const char* octets : {"020100", "02", "", "030900"})
    {
        response.payloads.push_back(
            wire::MakeNotify(NotifyType::SupportedAuthMethods, FromHex(octets)));
    }
    pair.Inject(pair.a, wire::Serialize(response));
    ASSERT_EQ(pair.held.size(), 1U);
    EXPECT_EQ(wire::ParseHeader(pair.held.front().datagram.octets)->exchange,
              wire::ExchangeType::IkeAuth);
}

// RFC 9593, section 6, and RFC 7296, section 2.15: whoever strips or adds entries is found out as
// soon as AUTH of the responder is checked.
TEST(AnnouncedAuth, AStrippedListIsFoundOut)
{
    Sides sides;
    sides.a.auth.alternatives = {Signer("a-p256")};
    sides.b.auth.alsoAccepted = {AuthKind::Signature};
    sides.Announce(true, true);
    Pair pair(sides.a, sides.b);
    pair.holding = true;
    pair.Initiate();
    pair.Deliver(pair.TakeHeld(0));
    wire::IkeMessage response = Parse(pair.TakeHeld(0));
    for (auto& payload : response.payloads)
    {
        auto* notify = std::get_if<wire::NotifyPayload>(&payload.body);
        if (notify && notify->type == NotifyType::SupportedAuthMethods)
        {
            notify->data = FromHex("0f0e00300a06082a8648ce3d040302");
        }
    }
    pair.Inject(pair.a, wire::Serialize(response));
    pair.holding = false;
    pair.Deliver(pair.TakeHeld(0));
    pair.RunUntilQuiet();
    EXPECT_TRUE(pair.a.All<ike::IkeSaEstablished>().empty());
    EXPECT_EQ(pair.a.Last<ike::IkeSaClosed>().reason, IkeFailure::AuthenticationFailed);
}

} // namespace
} // namespace ipseclab::test
