/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/key-schedule.h"

#include "model/crypto/key-exchange.h"
#include "model/ike/encrypted-payload.h"
#include "tests/unit/test-vectors.h"

#include <gtest/gtest.h>
#include <map>

namespace ipseclab
{
namespace
{

using crypto::CipherSuite;
using crypto::Direction;
using crypto::EncryptionId;
using crypto::GroupId;
using crypto::IntegrityId;
using crypto::PayloadCipher;
using crypto::PrfId;
using ike::IkeKeys;
using ike::IkeSuite;
using ike::OpenError;
using nlohmann::json;
using test::FromHex;
using test::Hex;
using test::Pattern;
using test::ToHex;

constexpr CipherSuite kGcm128{EncryptionId::AesGcm16, 128, IntegrityId::None};

std::string
JoinHex(std::initializer_list<Bytes> parts)
{
    std::string out;
    for (const Bytes& part : parts)
    {
        out += ToHex(part);
    }
    return out;
}

std::uint64_t
Spi(const json& object, const char* member)
{
    return LoadBe64(Hex(object, member).data());
}

PrfId
PrfByName(const std::string& name)
{
    for (PrfId prf : {PrfId::HmacSha2_256, PrfId::HmacSha2_384, PrfId::HmacSha2_512})
    {
        if (Name(prf) == name || "PRF_" + name.substr(0, 5) + "SHA2_" + name.substr(8) == Name(prf))
        {
            return prf;
        }
    }
    throw std::runtime_error("no such PRF: " + name);
}

TEST(KeySchedule, PublishedKdf)
{
    const json vectors = test::LoadVectors("ikev2-kdf.json");
    ASSERT_EQ(vectors.at("cases").size(), 3U);
    for (const json& c : vectors.at("cases"))
    {
        SCOPED_TRACE(c.at("prf").get<std::string>());
        const PrfId prf = PrfByName(c.at("prf"));
        const Bytes ni = Hex(c, "nonceI");
        const Bytes nr = Hex(c, "nonceR");
        const Bytes skeyseed = ike::ComputeSkeyseed(prf, ni, nr, Hex(c, "shared"));
        EXPECT_EQ(ToHex(skeyseed), c.at("skeyseed"));
        const IkeSuite suite{kGcm128, prf, GroupId::Modp2048};
        const IkeKeys keys =
            ike::DeriveIkeKeys(suite, skeyseed, ni, nr, Spi(c, "spiI"), Spi(c, "spiR"));
        const std::string stream = JoinHex({keys.skD, keys.skEi, keys.skEr, keys.skPi, keys.skPr});
        const std::string published = c.at("keyMaterial");
        // The publication ends after 132 octets, the suite's keys elsewhere.
        const std::size_t common = std::min(stream.size(), published.size());
        EXPECT_GE(common, 2 * 132U);
        EXPECT_EQ(stream.substr(0, common), published.substr(0, common));
        const auto child = ike::DeriveChildKeys(prf, kGcm128, keys.skD, {}, ni, nr);
        EXPECT_EQ(JoinHex({child.encryptionI, child.encryptionR}),
                  c.at("childKeyMaterial").get<std::string>().substr(0, 80));
    }
}

TEST(KeySchedule, SeparateIntegrityKeysComeInOrder)
{
    const IkeSuite suite{{EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_384_192},
                         PrfId::HmacSha2_512,
                         GroupId::Ecp256};
    const Bytes ni = Pattern(32, 1);
    const Bytes nr = Pattern(16, 2);
    const Bytes seed = Pattern(64, 3);
    const IkeKeys keys = ike::DeriveIkeKeys(suite, seed, ni, nr, 5, 6);
    EXPECT_EQ(keys.skD.size(), 64U);
    EXPECT_EQ(keys.skAi.size(), 48U);
    EXPECT_EQ(keys.skEi.size(), 32U);
    Bytes input = ni;
    input.insert(input.end(), nr.begin(), nr.end());
    const Bytes spis = FromHex("00000000000000050000000000000006");
    input.insert(input.end(), spis.begin(), spis.end());
    EXPECT_EQ(JoinHex({keys.skD, keys.skAi, keys.skAr, keys.skEi, keys.skEr, keys.skPi, keys.skPr}),
              ToHex(crypto::PrfPlus(suite.prf, seed, input, 3 * 64 + 2 * 48 + 2 * 32)));
}

TEST(KeySchedule, Formulas)
{
    const json vectors = test::LoadVectors("ikev2-kdf.json");
    const json& f = vectors.at("formulas");
    const PrfId prf = PrfId::HmacSha2_256;
    const Bytes skD = Hex(f, "skD");

    const json& auth = f.at("auth");
    const Bytes octets = ike::SignedOctets(prf,
                                           Hex(auth, "realMessage"),
                                           Hex(f, "nonceR"),
                                           Hex(f, "skPi"),
                                           Hex(auth, "idBody"));
    EXPECT_EQ(ToHex(octets),
              JoinHex({Hex(auth, "realMessage"), Hex(f, "nonceR"), Hex(auth, "macedId")}));
    EXPECT_EQ(ToHex(ike::SharedKeyAuth(prf, Hex(auth, "secret"), octets)), auth.at("sharedKey"));
    EXPECT_EQ(ToHex(ike::SharedKeyAuth(prf, Hex(f, "skPi"), octets)), auth.at("nullMethod"));

    const json& nat = f.at("natDetection");
    const Bytes noSpi(8);
    EXPECT_EQ(ToHex(crypto::Sha1({Hex(f, "spiI"), noSpi, Hex(nat, "address"), Hex(nat, "port")})),
              nat.at("sha1"));
    const json& plus = f.at("prfPlus");
    EXPECT_EQ(ToHex(crypto::PrfPlus(prf, Hex(plus, "key"), Hex(plus, "seed"), 32)),
              plus.at("output"));

    // In both, what follows Nr in the formula is appended to Nr here.
    const json& rekey = f.at("rekey");
    EXPECT_EQ(ToHex(ike::ComputeRekeySkeyseed(prf,
                                              skD,
                                              Hex(rekey, "shared"),
                                              Hex(rekey, "nonceI"),
                                              Hex(rekey, "nonceR"))),
              rekey.at("skeyseed"));
    const CipherSuite null{EncryptionId::Null, 0, IntegrityId::HmacSha2_256_128};
    const auto child = ike::DeriveChildKeys(prf,
                                            null,
                                            skD,
                                            Hex(rekey, "shared"),
                                            Hex(rekey, "nonceI"),
                                            Hex(rekey, "nonceR"));
    EXPECT_EQ(JoinHex({child.encryptionI, child.integrityI, child.encryptionR, child.integrityR}),
              f.at("child").at("keyMaterial"));
}

/// What the recorded sessions held, so that a test over none of them fails.
struct Counts
{
    unsigned ikeSas{0};
    unsigned rekeyedIkeSas{0};
    unsigned childSas{0};
    unsigned keyExchanges{0};
    unsigned privateValues{0};
    unsigned signedOctets{0};
    unsigned sharedKeyAuths{0};
};

CipherSuite
ReadCipher(const json& suite)
{
    CipherSuite cipher;
    cipher.encryption = static_cast<EncryptionId>(suite.at("encr_id").get<std::uint16_t>());
    cipher.keyBits = suite.at("key_bits").get<std::uint16_t>();
    if (!suite.at("integ").is_null())
    {
        EXPECT_EQ(suite.at("integ"), "HMAC_SHA2_256_128");
        cipher.integrity = IntegrityId::HmacSha2_256_128;
    }
    return cipher;
}

/// The shared secret, recomputed from every private value that was recorded.
Bytes
CheckKeyExchange(const json& sa, Counts& counts)
{
    const json& dh = sa.at("dh");
    const auto group = static_cast<GroupId>(sa.at("suite").at("dh_group").get<std::uint16_t>());
    const Bytes shared = Hex(dh, "shared");
    ++counts.keyExchanges;
    unsigned known = 0;
    for (const auto& [own, ownPublic, peerPublic] :
         {std::tuple{"private_i", "public_i", "public_r"},
          std::tuple{"private_r", "public_r", "public_i"}})
    {
        if (dh.at(own).is_null())
        {
            continue;
        }
        ++known;
        const auto side = crypto::KeyExchange::FromPrivate(group, Hex(dh, own));
        EXPECT_TRUE(side);
        if (side)
        {
            EXPECT_EQ(ToHex(side->PublicValue()), dh.at(ownPublic));
            EXPECT_EQ(side->Agree(Hex(dh, peerPublic)), shared);
        }
    }
    EXPECT_GE(known, 1U);
    counts.privateValues += known;
    return shared;
}

/// Empty for a key that the suite does not have.
std::string
KeyOrEmpty(const json& keys, const char* name)
{
    return keys.value(name, "");
}

struct RecordedIkeSa
{
    PrfId prf;
    IkeKeys keys;
};

/// AUTH of one side over the message that the signed octets begin with.
void
CheckAuth(const json& session,
          const json& sa,
          bool initiator,
          const RecordedIkeSa& ikeSa,
          Counts& n)
{
    const char* member = initiator ? "auth_i" : "auth_r";
    if (!sa.contains(member) || sa.at(member).is_null())
    {
        return;
    }
    const json& auth = sa.at(member);
    const Bytes recorded = Hex(auth, "signed_octets");
    const auto header = wire::ParseHeader(recorded);
    ASSERT_TRUE(header && header->length <= recorded.size());
    const Bytes octets = ike::SignedOctets(ikeSa.prf,
                                           ByteSpan(recorded).first(header->length),
                                           Hex(sa, initiator ? "nonce_r" : "nonce_i"),
                                           initiator ? ikeSa.keys.skPi : ikeSa.keys.skPr,
                                           Hex(auth, "id_payload_body"));
    EXPECT_EQ(octets, recorded);
    ++n.signedOctets;
    if (auth.at("method") != 2)
    {
        return;
    }
    const std::string wrong = "made with the PSK ";
    const std::string note = auth.value("note", "");
    const std::string secret = note.rfind(wrong, 0) == 0
                                 ? note.substr(wrong.size())
                                 : session.at("auth").at("psk").get<std::string>();
    const Bytes key(secret.begin(), secret.end());
    EXPECT_EQ(ToHex(ike::SharedKeyAuth(ikeSa.prf, key, octets)), auth.at("data"));
    ++n.sharedKeyAuths;
}

RecordedIkeSa
CheckIkeSa(const json& sa, const std::map<std::string, RecordedIkeSa>& known, Counts& counts)
{
    const Bytes ni = Hex(sa, "nonce_i");
    const Bytes nr = Hex(sa, "nonce_r");
    const Bytes shared = CheckKeyExchange(sa, counts);
    RecordedIkeSa out;
    out.prf = PrfByName(sa.at("suite").at("prf"));
    Bytes skeyseed;
    if (sa.at("rekeys").is_null())
    {
        skeyseed = ike::ComputeSkeyseed(out.prf, ni, nr, shared);
    }
    else
    {
        const RecordedIkeSa& old = known.at(sa.at("rekeys"));
        skeyseed = ike::ComputeRekeySkeyseed(old.prf, old.keys.skD, shared, ni, nr);
        ++counts.rekeyedIkeSas;
    }
    EXPECT_EQ(ToHex(skeyseed), sa.at("skeyseed"));
    const IkeSuite suite{ReadCipher(sa.at("suite")),
                         out.prf,
                         static_cast<GroupId>(sa.at("suite").at("dh_group").get<unsigned>())};
    out.keys = ike::DeriveIkeKeys(suite, skeyseed, ni, nr, Spi(sa, "spi_i"), Spi(sa, "spi_r"));
    const json& keys = sa.at("keys");
    EXPECT_EQ(ToHex(out.keys.skD), keys.at("sk_d"));
    EXPECT_EQ(ToHex(out.keys.skAi), KeyOrEmpty(keys, "sk_ai"));
    EXPECT_EQ(ToHex(out.keys.skAr), KeyOrEmpty(keys, "sk_ar"));
    EXPECT_EQ(ToHex(out.keys.skEi), keys.at("sk_ei"));
    EXPECT_EQ(ToHex(out.keys.skEr), keys.at("sk_er"));
    EXPECT_EQ(ToHex(out.keys.skPi), keys.at("sk_pi"));
    EXPECT_EQ(ToHex(out.keys.skPr), keys.at("sk_pr"));
    ++counts.ikeSas;
    return out;
}

void
CheckChildSa(const json& sa, const RecordedIkeSa& parent, Counts& counts)
{
    const Bytes shared = sa.at("dh").is_null() ? Bytes() : CheckKeyExchange(sa, counts);
    const auto derived = ike::DeriveChildKeys(parent.prf,
                                              ReadCipher(sa.at("suite")),
                                              parent.keys.skD,
                                              shared,
                                              Hex(sa, "nonce_i"),
                                              Hex(sa, "nonce_r"));
    const json& keys = sa.at("keys");
    EXPECT_EQ(ToHex(derived.encryptionI), keys.at("encr_i"));
    EXPECT_EQ(ToHex(derived.integrityI), KeyOrEmpty(keys, "integ_i"));
    EXPECT_EQ(ToHex(derived.encryptionR), keys.at("encr_r"));
    EXPECT_EQ(ToHex(derived.integrityR), KeyOrEmpty(keys, "integ_r"));
    ++counts.childSas;
}

TEST(RecordedSessions, EveryKeyAndAuthAgrees)
{
    Counts counts;
    unsigned sessions = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::VectorPath("captures")))
    {
        if (entry.path().extension() != ".json")
        {
            continue;
        }
        SCOPED_TRACE(entry.path().filename().string());
        ++sessions;
        const json session = test::LoadJson(entry.path());
        std::map<std::string, RecordedIkeSa> known;
        for (const json& sa : session.at("ike_sas"))
        {
            const RecordedIkeSa ikeSa = CheckIkeSa(sa, known, counts);
            CheckAuth(session, sa, true, ikeSa, counts);
            CheckAuth(session, sa, false, ikeSa, counts);
            known.emplace(sa.at("spi_i"), ikeSa);
        }
        for (const json& sa : session.at("child_sas"))
        {
            CheckChildSa(sa, known.at(sa.at("ike_spi_i")), counts);
        }
    }
    // At least what the first thirteen recordings hold.
    EXPECT_GE(sessions, 13U);
    EXPECT_GE(counts.ikeSas, 23U);
    EXPECT_GE(counts.rekeyedIkeSas, 10U);
    EXPECT_GE(counts.childSas, 29U);
    EXPECT_GE(counts.keyExchanges, 38U);
    EXPECT_GE(counts.privateValues, 70U);
    EXPECT_GE(counts.signedOctets, 24U);
    EXPECT_GE(counts.sharedKeyAuths, 22U);
}

// ---------------------------------------------------------------------------------------------
// The SK payload, whose keys these are.

struct CipherPair
{
    std::unique_ptr<PayloadCipher> seal;
    std::unique_ptr<PayloadCipher> open;
};

CipherPair
MakePair(const CipherSuite& suite)
{
    const auto traits = crypto::FindTraits(suite).value();
    const Bytes key = Pattern(traits.KeyingMaterial(), 1);
    const Bytes mac = Pattern(traits.integrityKeyLength, 2);
    return {PayloadCipher::Create(suite, key, mac, Direction::Seal),
            PayloadCipher::Create(suite, key, mac, Direction::Open)};
}

wire::IkeHeader
MakeHeader()
{
    wire::IkeHeader header;
    header.initiatorSpi = 0xc0c1c2c3c4c5c6c7U;
    header.responderSpi = 0xd0d1d2d3d4d5d6d7U;
    header.exchange = wire::ExchangeType::Informational;
    header.messageId = 9;
    return header;
}

const CipherSuite kCbc128{EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128};

TEST(EncryptedPayload, Rfc7634)
{
    const json vectors = test::LoadVectors("chacha20-poly1305.json");
    const json& v = vectors.at("ike");
    const CipherSuite suite{EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None};
    const Bytes material =
        FromHex(v.at("key").get<std::string>() + v.at("salt").get<std::string>());
    const auto opener = PayloadCipher::Create(suite, material, {}, Direction::Open);
    const auto sealer = PayloadCipher::Create(suite, material, {}, Direction::Seal);
    ASSERT_TRUE(opener && sealer);
    const Bytes message = Hex(v, "message");
    const auto opened = ike::OpenMessage(message, *opener);
    ASSERT_TRUE(opened) << Name(opened.error());
    EXPECT_EQ(opened->firstInner, wire::PayloadType::Notify);
    EXPECT_EQ(ToHex(opened->plaintext), v.at("plaintext"));
    const auto* notify = wire::FindNotify(opened->payloads, wire::NotifyType::SetWindowSize);
    ASSERT_TRUE(notify);
    EXPECT_EQ(ToHex(notify->data), "0000000a");
    // The IV of the example, read as a counter, makes the same message octet by octet.
    EXPECT_EQ(ToHex(ike::SealMessage(MakeHeader(),
                                     opened->payloads,
                                     *sealer,
                                     LoadBe64(Hex(v, "iv").data()))),
              v.at("message"));
}

TEST(EncryptedPayload, RoundTripsAndPadding)
{
    for (const CipherSuite& suite :
         {kGcm128,
          kCbc128,
          CipherSuite{EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_512_256},
          CipherSuite{EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None}})
    {
        SCOPED_TRACE(Name(suite));
        const CipherPair pair = MakePair(suite);
        const auto& traits = pair.seal->Traits();
        for (std::size_t size = 0; size <= 64; ++size)
        {
            wire::PayloadList inner;
            if (size > 0)
            {
                inner.push_back(wire::MakeNotify(wire::NotifyType::Cookie, Pattern(size, 3)));
            }
            const Bytes message = ike::SealMessage(MakeHeader(), inner, *pair.seal, size);
            const std::size_t chain = size == 0 ? 0 : size + 8;
            const std::size_t text = message.size() - 32 - traits.ivLength - traits.icvLength;
            // The least that fills the block, and nothing at all for AEAD.
            EXPECT_EQ(text % traits.blockSize, 0U);
            EXPECT_LT(text - chain - 1, traits.blockSize);
            EXPECT_EQ(LoadBe32(&message[24]), message.size());
            EXPECT_EQ(LoadBe16(&message[30]), message.size() - 28);
            EXPECT_EQ(message[16], 46);
            const auto opened = ike::OpenMessage(message, *pair.open);
            ASSERT_TRUE(opened) << Name(opened.error());
            EXPECT_EQ(opened->firstInner, wire::FirstType(inner));
            EXPECT_EQ(opened->payloads, inner);
        }
    }
}

TEST(EncryptedPayload, EveryOctetIsAuthentic)
{
    for (const CipherSuite& suite : {kGcm128, kCbc128})
    {
        const CipherPair pair = MakePair(suite);
        const Bytes message = ike::SealMessage(MakeHeader(),
                                               {wire::MakeNotify(wire::NotifyType::InitialContact)},
                                               *pair.seal,
                                               1);
        for (std::size_t at = 0; at < message.size(); ++at)
        {
            Bytes changed = message;
            changed[at] ^= 0x80;
            EXPECT_FALSE(ike::OpenMessage(changed, *pair.open)) << at;
        }
        for (std::size_t length = 0; length < message.size(); ++length)
        {
            Bytes cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length));
            EXPECT_FALSE(ike::OpenMessage(cut, *pair.open)) << length;
        }
    }
}

/// A message made by hand: payloads in clear, then SK over `text` as it is.
Bytes
HandMade(PayloadCipher& cipher,
         wire::PayloadType firstInner,
         const Bytes& text,
         const wire::PayloadList& clear = {},
         const Bytes& after = {})
{
    const auto& traits = cipher.Traits();
    wire::EncryptedPayload sk;
    sk.firstInner = firstInner;
    sk.body.resize(traits.ivLength);
    sk.body.insert(sk.body.end(), text.begin(), text.end());
    sk.body.resize(sk.body.size() + traits.icvLength);
    const std::size_t bodySize = sk.body.size();
    wire::PayloadList all = clear;
    all.push_back(wire::MakePayload(wire::PayloadType::Encrypted, std::move(sk)));
    Bytes message = wire::Serialize(MakeHeader(), all);
    const std::size_t bodyAt = message.size() - bodySize;
    message.insert(message.end(), after.begin(), after.end());
    StoreBe32(&message[24], static_cast<std::uint32_t>(message.size()));
    cipher.MakeIv(1, &message[bodyAt]);
    cipher.Seal(ByteSpan(message).first(bodyAt),
                &message[bodyAt],
                &message[bodyAt + traits.ivLength],
                text.size(),
                &message[bodyAt + bodySize - traits.icvLength]);
    return message;
}

OpenError
ErrorOf(const Bytes& message, PayloadCipher& cipher)
{
    const auto opened = ike::OpenMessage(message, cipher);
    EXPECT_FALSE(opened);
    return opened ? OpenError::NotEncrypted : opened.error();
}

TEST(EncryptedPayload, AnyPaddingIsAccepted)
{
    for (const CipherSuite& suite : {kGcm128, kCbc128})
    {
        const CipherPair pair = MakePair(suite);
        const Bytes chain =
            wire::SerializePayloads({wire::MakeNotify(wire::NotifyType::InitialContact)});
        for (std::size_t pad = 0; pad <= 255; ++pad)
        {
            if ((chain.size() + pad + 1) % pair.seal->Traits().blockSize != 0)
            {
                continue;
            }
            Bytes text = chain;
            const Bytes padding = Pattern(pad, 8);
            text.insert(text.end(), padding.begin(), padding.end());
            text.push_back(static_cast<std::uint8_t>(pad));
            const auto opened =
                ike::OpenMessage(HandMade(*pair.seal, wire::PayloadType::Notify, text), *pair.open);
            ASSERT_TRUE(opened) << pad;
            EXPECT_EQ(opened->plaintext, chain);
        }
    }
}

TEST(EncryptedPayload, PayloadsBeforeItAreAuthenticated)
{
    const CipherPair pair = MakePair(kGcm128);
    const wire::PayloadList clear{wire::MakeNotify(wire::NotifyType::Cookie, Pattern(20, 1))};
    Bytes message = HandMade(*pair.seal, wire::PayloadType::None, {0}, clear);
    ASSERT_TRUE(ike::OpenMessage(message, *pair.open));
    message[28 + 8 + 5] ^= 1; // inside the cookie
    EXPECT_EQ(ErrorOf(message, *pair.open), OpenError::BadIcv);
}

TEST(EncryptedPayload, Errors)
{
    const CipherPair gcm = MakePair(kGcm128);
    const CipherPair cbc = MakePair(kCbc128);
    const auto none = wire::PayloadType::None;
    EXPECT_EQ(ErrorOf({}, *gcm.open), OpenError::NotEncrypted);
    EXPECT_EQ(ErrorOf(wire::Serialize(MakeHeader(), {}), *gcm.open), OpenError::NotEncrypted);
    EXPECT_EQ(
        ErrorOf(wire::Serialize(MakeHeader(), {wire::MakeNotify(wire::NotifyType::InvalidSyntax)}),
                *gcm.open),
        OpenError::NotEncrypted);
    // SK has to be the last payload, even if all is authentic.
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, none, {0}, {}, {0, 0, 0, 4}), *gcm.open),
              OpenError::NotEncrypted);
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, none, {}), *gcm.open), OpenError::TooShort);
    EXPECT_EQ(ErrorOf(HandMade(*cbc.seal, none, {}), *cbc.open), OpenError::TooShort);
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, none, Bytes(17)), *cbc.open), OpenError::TooShort);
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, none, {0, 2}), *gcm.open), OpenError::BadPadding);
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, none, {255}), *gcm.open), OpenError::BadPadding);
    EXPECT_TRUE(ike::OpenMessage(HandMade(*gcm.seal, none, {0, 1}), *gcm.open));
    EXPECT_EQ(ErrorOf(HandMade(*gcm.seal, wire::PayloadType::Notify, {0, 0, 0, 99, 0}), *gcm.open),
              OpenError::BadPayloads);
}

} // namespace
} // namespace ipseclab
