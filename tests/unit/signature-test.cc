/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/key-exchange.h"
#include "tests/unit/test-pki.h"

#include <gtest/gtest.h>

namespace ipseclab::test
{
namespace
{

using crypto::Certificate;
using crypto::ChainError;
using crypto::HashId;
using crypto::KeyType;
using crypto::PrivateKey;
using crypto::PublicKey;
using crypto::SignatureAlgorithm;
using crypto::SignatureScheme;
using nlohmann::json;
using wire::IdType;

/// A DER tag with its length and content.
Bytes
Der(std::uint8_t tag, const std::vector<Bytes>& parts)
{
    Bytes content;
    for (const auto& part : parts)
    {
        content.insert(content.end(), part.begin(), part.end());
    }
    Bytes out{tag};
    if (content.size() >= 128)
    {
        out.push_back(0x81);
    }
    out.push_back(static_cast<std::uint8_t>(content.size()));
    out.insert(out.end(), content.begin(), content.end());
    return out;
}

/// ECPrivateKey of RFC 5915 with the public value, which OpenSSL wants for some uses.
std::shared_ptr<const PrivateKey>
EcKey(const std::string& curve, const Bytes& secret)
{
    const bool is256 = curve == "P-256";
    const Bytes oid = is256            ? FromHex("06082a8648ce3d030107")
                    : curve == "P-384" ? FromHex("06052b81040022")
                                       : FromHex("06052b81040023");
    const auto group = is256            ? crypto::GroupId::Ecp256
                     : curve == "P-384" ? crypto::GroupId::Ecp384
                                        : crypto::GroupId::Ecp521;
    const Bytes point = crypto::KeyExchange::FromPrivate(group, secret)->PublicValue();
    const Bytes der = Der(0x30,
                          {FromHex("020101"),
                           Der(0x04, {secret}),
                           Der(0xa0, {oid}),
                           Der(0xa1, {Der(0x03, {FromHex("0004"), point})})});
    return PrivateKey::FromOctets(der);
}

TEST(Signature, EcdsaNoncesAreThoseOfRfc6979)
{
    TestRandom random(1);
    const json vectors = LoadVectors("signatures.json");
    unsigned count = 0;
    for (const json& v : vectors.at("ecdsa"))
    {
        const auto key = EcKey(v.at("curve"), Hex(v, "secret"));
        ASSERT_TRUE(key) << v.at("curve");
        const SignatureAlgorithm fixed{SignatureScheme::EcdsaFixed, v.at("hash").get<HashId>(), 0};
        const auto signature = key->Sign(fixed, Hex(v, "message"), random);
        ASSERT_TRUE(signature);
        Bytes expected = Hex(v, "r");
        const Bytes s = Hex(v, "s");
        expected.insert(expected.end(), s.begin(), s.end());
        EXPECT_EQ(ToHex(*signature), ToHex(expected));
        EXPECT_TRUE(
            PublicKey::FromDer(key->PublicDer())->Verify(fixed, Hex(v, "message"), *signature));
        ++count;
    }
    EXPECT_EQ(count, 4U);
}

TEST(Signature, Ed25519IsThatOfRfc8032)
{
    TestRandom random(1);
    const json v = LoadVectors("signatures.json").at("ed25519");
    Bytes der = FromHex("302e020100300506032b657004220420");
    const Bytes secret = Hex(v, "secret");
    der.insert(der.end(), secret.begin(), secret.end());
    const auto key = PrivateKey::FromOctets(der);
    ASSERT_TRUE(key);
    const auto algorithm = crypto::ChooseAlgorithm(key->Type(), HashId::Identity, false);
    ASSERT_TRUE(algorithm);
    EXPECT_EQ(ToHex(key->Sign(*algorithm, Hex(v, "message"), random).value()), v.at("signature"));
}

/// Every algorithm that a key of this type can do.
std::vector<SignatureAlgorithm>
AllAlgorithms(KeyType type)
{
    std::vector<SignatureAlgorithm> all;
    for (std::uint16_t hash = 1; hash <= 5; ++hash)
    {
        for (const bool pss : {false, true})
        {
            const auto found = crypto::ChooseAlgorithm(type, static_cast<HashId>(hash), pss);
            if (found && (all.empty() || !(all.back() == *found)))
            {
                all.push_back(*found);
            }
        }
    }
    return all;
}

// OpenSSL verifies what our own PSS and ECDSA code signs; one bit more or less and it does not.
TEST(Signature, EveryAlgorithmVerifiesAndOnlyAsSigned)
{
    const Bytes message = Pattern(300, 1);
    unsigned algorithms = 0;
    for (const char* name : {"a-rsa", "a-p256", "a-p384", "a-p521", "a-ed25519"})
    {
        const auto key = LeafKey(name);
        const auto certificate = Leaf(name);
        const auto other = Leaf(std::string("b") + (name + 1));
        EXPECT_EQ(certificate->Key().Type(), key->Type());
        for (const auto& algorithm : AllAlgorithms(key->Type()))
        {
            SCOPED_TRACE(std::string(name) + " " + ToHex(crypto::EncodeAlgorithm(algorithm)));
            TestRandom random(7);
            Bytes signature = key->Sign(algorithm, message, random).value();
            TestRandom again(7);
            EXPECT_EQ(key->Sign(algorithm, message, again), signature) << "must repeat";
            EXPECT_TRUE(certificate->Key().Verify(algorithm, message, signature));
            EXPECT_FALSE(other->Key().Verify(algorithm, message, signature));
            EXPECT_FALSE(certificate->Key().Verify(algorithm, Pattern(300, 2), signature));
            EXPECT_FALSE(certificate->Key().Verify(algorithm, message, {}));
            signature[signature.size() / 2] ^= 1;
            EXPECT_FALSE(certificate->Key().Verify(algorithm, message, signature));
            ++algorithms;
        }
    }
    EXPECT_EQ(algorithms, 8U + 3 * 4U + 1);
}

TEST(Signature, PssSaltComesFromTheCaller)
{
    const auto key = LeafKey("a-rsa");
    const auto pss = crypto::ChooseAlgorithm(KeyType::Rsa, HashId::Sha2_256, true).value();
    TestRandom one(1);
    TestRandom two(2);
    EXPECT_NE(key->Sign(pss, Pattern(10, 1), one), key->Sign(pss, Pattern(10, 1), two));
}

TEST(Signature, SchemesAndKeysThatDoNotGoTogetherAreRefused)
{
    TestRandom random(1);
    const SignatureAlgorithm wrongHash{SignatureScheme::EcdsaFixed, HashId::Sha2_512, 0};
    EXPECT_FALSE(LeafKey("a-p256")->Sign(wrongHash, Pattern(10, 1), random));
    EXPECT_FALSE(LeafKey("a-p256")->Sign({}, Pattern(10, 1), random));
    EXPECT_FALSE(crypto::ChooseAlgorithm(KeyType::Ed25519, HashId::Sha2_256, false));
    EXPECT_FALSE(crypto::ChooseAlgorithm(KeyType::Rsa, HashId::Identity, false));
    EXPECT_FALSE(crypto::ChooseAlgorithm(KeyType::Rsa, static_cast<HashId>(6), false));
}

// RFC 7427, appendix A.
TEST(Signature, AlgorithmIdentifiersAreThoseOfRfc7427)
{
    const auto pss = [](const char* arc, const char* salt)
    {
        return std::string("304106092A864886F70D01010A3034A00F300D060960864801650304020") + arc +
               "0500A11C301A06092A864886F70D010108300D060960864801650304020" + arc +
               "0500A2030201" + salt;
    };
    const std::vector<std::pair<SignatureAlgorithm, std::string>> all{
        {{SignatureScheme::RsaPkcs1, HashId::Sha1, 0}, "300D06092A864886F70D0101050500"},
        {{SignatureScheme::RsaPkcs1, HashId::Sha2_256, 0}, "300D06092A864886F70D01010B0500"},
        {{SignatureScheme::RsaPkcs1, HashId::Sha2_384, 0}, "300D06092A864886F70D01010C0500"},
        {{SignatureScheme::RsaPkcs1, HashId::Sha2_512, 0}, "300D06092A864886F70D01010D0500"},
        {{SignatureScheme::Ecdsa, HashId::Sha1, 0}, "300906072A8648CE3D0401"},
        {{SignatureScheme::Ecdsa, HashId::Sha2_256, 0}, "300A06082A8648CE3D040302"},
        {{SignatureScheme::Ecdsa, HashId::Sha2_384, 0}, "300A06082A8648CE3D040303"},
        {{SignatureScheme::Ecdsa, HashId::Sha2_512, 0}, "300A06082A8648CE3D040304"},
        {{SignatureScheme::Ed25519, HashId::Identity, 0}, "300506032B6570"},
        {{SignatureScheme::RsaPss, HashId::Sha1, 20}, "300D06092A864886F70D01010A3000"},
        {{SignatureScheme::RsaPss, HashId::Sha2_256, 32}, pss("1", "20")},
        {{SignatureScheme::RsaPss, HashId::Sha2_384, 48}, pss("2", "30")},
        {{SignatureScheme::RsaPss, HashId::Sha2_512, 64}, pss("3", "40")}};
    for (const auto& [algorithm, hex] : all)
    {
        const Bytes der = FromHex(hex);
        EXPECT_EQ(crypto::EncodeAlgorithm(algorithm), der) << hex;
        EXPECT_EQ(crypto::ParseAlgorithm(der), algorithm) << hex;
        for (std::size_t length = 0; length < der.size(); ++length)
        {
            EXPECT_FALSE(crypto::ParseAlgorithm(ByteSpan(der).first(length)));
        }
        Bytes longer = der;
        longer.push_back(0);
        EXPECT_FALSE(crypto::ParseAlgorithm(longer));
    }
}

TEST(Signature, AbsentParametersMeanTheSameAsNull)
{
    const SignatureAlgorithm rsa{SignatureScheme::RsaPkcs1, HashId::Sha2_256, 0};
    EXPECT_EQ(crypto::ParseAlgorithm(FromHex("300B06092A864886F70D01010B")), rsa);
    const SignatureAlgorithm ecdsa{SignatureScheme::Ecdsa, HashId::Sha2_256, 0};
    EXPECT_EQ(crypto::ParseAlgorithm(FromHex("300C06082A8648CE3D0403020500")), ecdsa);
    EXPECT_FALSE(crypto::ParseAlgorithm(FromHex("300E06082A8648CE3D04030202020101")));
    EXPECT_FALSE(crypto::ParseAlgorithm(FromHex("300B06092A864886F70D010101"))) << "rsaEncryption";
    EXPECT_FALSE(crypto::ParseAlgorithm(FromHex("300B06092A864886F70D01010A"))) << "bare PSS";
}

TEST(PrivateKey, OctetsThatAreNoneAreRefused)
{
    EXPECT_FALSE(PrivateKey::FromOctets({}));
    EXPECT_FALSE(PrivateKey::FromOctets(Pattern(100, 1)));
    EXPECT_FALSE(PrivateKey::FromOctets(Leaf("a-p256")->Key().PublicDer())) << "only a public key";
    EXPECT_FALSE(PrivateKey::FromOctets(Leaf("a-rsa")->Key().PublicDer()));
    EXPECT_FALSE(PrivateKey::FromOctets(Leaf("a-ed25519")->Key().PublicDer()));
    EXPECT_FALSE(PrivateKey::FromOctets(Leaf("a-p256")->Der()));
}

TEST(Certificate, OctetsThatAreNoneAreRefused)
{
    Bytes der = Leaf("a-rsa")->Der();
    EXPECT_TRUE(Certificate::FromDer(der));
    der.push_back(0);
    EXPECT_FALSE(Certificate::FromDer(der));
    der.resize(der.size() - 2);
    EXPECT_FALSE(Certificate::FromDer(der));
    EXPECT_FALSE(Certificate::FromDer({}));
    EXPECT_TRUE(Certificate::FromPem({}).empty());
    std::string pem = Pki().at("root");
    EXPECT_EQ(Certificate::FromPem(ToOctets(pem + pem)).size(), 2U);
    EXPECT_TRUE(Certificate::FromPem(ToOctets(pem + pem.substr(0, 200))).empty());
}

TEST(Certificate, IdentitiesMatchOnlyWhatIsCertified)
{
    const auto leaf = Leaf("a-rsa");
    const auto names = [&](IdType type, const Bytes& data) { return leaf->Names(type, data); };
    EXPECT_TRUE(names(IdType::Fqdn, ToOctets("a.example")));
    EXPECT_TRUE(names(IdType::Fqdn, ToOctets("A.Example")));
    EXPECT_FALSE(names(IdType::Fqdn, ToOctets("b.example")));
    EXPECT_FALSE(names(IdType::Fqdn, ToOctets(".example")));
    EXPECT_FALSE(names(IdType::Fqdn, ToOctets("x.a.example")));
    EXPECT_FALSE(names(IdType::Fqdn, {}));
    EXPECT_FALSE(names(IdType::Fqdn, ToOctets(std::string("a.example\0", 10))));
    EXPECT_FALSE(names(IdType::Fqdn, ToOctets("a rsa"))) << "a common name is no FQDN";
    EXPECT_TRUE(names(IdType::Rfc822Address, ToOctets("admin@a.example")));
    EXPECT_FALSE(names(IdType::Rfc822Address, ToOctets("admin@b.example")));
    EXPECT_FALSE(names(IdType::Rfc822Address, ToOctets("a.example")));
    EXPECT_TRUE(names(IdType::Ipv4Address, FromHex("c0000201")));
    EXPECT_FALSE(names(IdType::Ipv4Address, FromHex("c0000202")));
    EXPECT_FALSE(names(IdType::Ipv4Address, FromHex("c00002")));
    EXPECT_TRUE(names(IdType::Ipv6Address, FromHex("20010db8000000000000000000000001")));
    EXPECT_FALSE(names(IdType::Ipv6Address, FromHex("20010db8000000000000000000000002")));
    EXPECT_TRUE(names(IdType::DerAsn1Dn, leaf->Subject()));
    EXPECT_FALSE(names(IdType::DerAsn1Dn, Leaf("b-rsa")->Subject()));
    EXPECT_FALSE(names(IdType::DerAsn1Dn, Pattern(20, 1)));
    EXPECT_TRUE(names(IdType::DerAsn1Gn, FromHex("8704c0000201")));
    EXPECT_FALSE(names(IdType::DerAsn1Gn, FromHex("8704c0000202")));
    EXPECT_FALSE(names(IdType::KeyId, Pattern(20, 1)));
    EXPECT_FALSE(names(IdType::Null, {}));
    EXPECT_FALSE(names(IdType::Null, ToOctets("a.example")));
    EXPECT_FALSE(Leaf("wildcard")->Names(IdType::Fqdn, ToOctets("a.example")));
    EXPECT_FALSE(Leaf("wildcard")->Names(IdType::Fqdn, ToOctets("z.example")));
}

ChainError
Check(const char* leaf, const crypto::CertificateList& others = {}, std::int64_t time = kTestTime)
{
    return crypto::CheckChain(*Leaf(leaf), others, {Authority("root")}, time);
}

TEST(Certificate, ChainsAreTrustedForTheRightReasonOnly)
{
    EXPECT_EQ(Check("b-p256"), ChainError::None);
    EXPECT_EQ(Check("b-rsa"), ChainError::None);
    EXPECT_EQ(Check("b-p256", {}, 0), ChainError::NotYetValid);
    EXPECT_EQ(Check("b-p256", {}, 5000000000), ChainError::Expired);
    EXPECT_EQ(Check("b-expired"), ChainError::Expired);
    EXPECT_EQ(Check("b-expired", {}, 1600000000), ChainError::None) << "in 2020";
    EXPECT_EQ(Check("b-future"), ChainError::NotYetValid);
    EXPECT_EQ(Check("b-untrusted"), ChainError::NoAnchor);
    EXPECT_EQ(Check("b-untrusted", {Authority("other_root")}), ChainError::NoAnchor);
    EXPECT_EQ(Check("b-no-signing"), ChainError::NotForUse);
    EXPECT_EQ(Check("b-by-intermediate"), ChainError::NoAnchor);
    EXPECT_EQ(Check("b-by-intermediate", {Authority("intermediate")}), ChainError::None);
    EXPECT_EQ(Check("b-below-leaf", {Leaf("c-p256")}), ChainError::NotForUse) << "no CA";
    EXPECT_EQ(crypto::CheckChain(*Leaf("b-p256"), {}, {}, kTestTime), ChainError::NoAnchor);
    EXPECT_EQ(crypto::CheckChain(*Leaf("b-untrusted"), {}, {Leaf("b-untrusted")}, kTestTime),
              ChainError::None)
        << "the certificate itself is an anchor";
}

// A name that repeats the root's but not its key: the signature decides.
TEST(Certificate, ForgedCertificateIsFound)
{
    Bytes der = Leaf("b-p256")->Der();
    // The last octets are the signature; the name of the subject is left as it is.
    der.back() ^= 1;
    const auto forged = Certificate::FromDer(der);
    ASSERT_TRUE(forged);
    EXPECT_EQ(crypto::CheckChain(*forged, {}, {Authority("root")}, kTestTime),
              ChainError::BadSignature);
}

/// What strongSwan 5.9.8 signed and sent, against the recorded certificates.
TEST(RecordedSession, SignaturesVerifyAndChainsHold)
{
    const json session = LoadVectors("captures/certs-fragmented-ecp256.json");
    const auto pem = [&](const char* name)
    { return Certificate::FromPem(ToOctets(session.at("auth").at(name))).at(0); };
    const auto ca = pem("ca");
    unsigned verified = 0;
    for (const auto& [member, name, identity] :
         {std::tuple{"auth_i", "cert_a", "a.example"}, std::tuple{"auth_r", "cert_b", "b.example"}})
    {
        const json& auth = session.at("ike_sas").at(0).at(member);
        const Bytes data = Hex(auth, "data");
        const Bytes identifier = Hex(auth, "algorithm_identifier");
        ASSERT_EQ(data.at(0), identifier.size());
        const auto algorithm = crypto::ParseAlgorithm(identifier);
        ASSERT_TRUE(algorithm);
        const Bytes signature(data.begin() + 1 + data[0], data.end());
        const auto certificate = pem(name);
        Bytes octets = Hex(auth, "signed_octets");
        EXPECT_TRUE(certificate->Key().Verify(*algorithm, octets, signature));
        octets.back() ^= 1;
        EXPECT_FALSE(certificate->Key().Verify(*algorithm, octets, signature));
        EXPECT_TRUE(certificate->Names(IdType::Fqdn, ToOctets(identity)));
        constexpr std::int64_t kRecorded = 1800000000; // January 2027
        EXPECT_EQ(crypto::CheckChain(*certificate, {}, {ca}, kRecorded), ChainError::None);
        ++verified;
    }
    EXPECT_EQ(verified, 2U);
}

} // namespace
} // namespace ipseclab::test
