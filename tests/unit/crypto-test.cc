/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/key-exchange.h"
#include "model/crypto/payload-cipher.h"
#include "model/crypto/prf.h"
#include "tests/unit/test-vectors.h"

#include <gtest/gtest.h>
#include <set>

namespace ipseclab
{
namespace
{

using crypto::CipherSuite;
using crypto::CryptoMode;
using crypto::Direction;
using crypto::EncryptionId;
using crypto::GroupId;
using crypto::IntegrityId;
using crypto::KeyExchange;
using crypto::PayloadCipher;
using crypto::PrfId;
using test::FromHex;
using test::Hex;
using test::Pattern;
using test::ToHex;

Bytes
Join(const Bytes& a, const Bytes& b)
{
    Bytes out = a;
    out.insert(out.end(), b.begin(), b.end());
    return out;
}

/// Every suite of the table.
std::vector<CipherSuite>
AllSuites()
{
    std::vector<CipherSuite> suites{{EncryptionId::AesGcm16, 128, IntegrityId::None},
                                    {EncryptionId::AesGcm16, 192, IntegrityId::None},
                                    {EncryptionId::AesGcm16, 256, IntegrityId::None},
                                    {EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None},
                                    {EncryptionId::AesCcm16, 128, IntegrityId::None},
                                    {EncryptionId::AesCcm16, 192, IntegrityId::None},
                                    {EncryptionId::AesCcm16, 256, IntegrityId::None}};
    for (IntegrityId integrity : {IntegrityId::HmacSha2_256_128,
                                  IntegrityId::HmacSha2_384_192,
                                  IntegrityId::HmacSha2_512_256})
    {
        suites.push_back({EncryptionId::AesCbc, 128, integrity});
        suites.push_back({EncryptionId::AesCbc, 192, integrity});
        suites.push_back({EncryptionId::AesCbc, 256, integrity});
        suites.push_back({EncryptionId::Null, 0, integrity});
    }
    return suites;
}

std::unique_ptr<PayloadCipher>
MakeCipher(const CipherSuite& suite, Direction direction, CryptoMode mode, unsigned seed = 1)
{
    const auto traits = crypto::FindTraits(suite).value();
    return PayloadCipher::Create(suite,
                                 Pattern(traits.KeyingMaterial(), seed),
                                 Pattern(traits.integrityKeyLength, seed + 1),
                                 direction,
                                 mode);
}

/// One sealed packet and all that was said about it.
struct Packet
{
    Bytes aad;
    Bytes iv;
    Bytes text;
    Bytes icv;
    Bytes trailer;
};

void
Seal(PayloadCipher& cipher, Packet& packet)
{
    packet.icv.assign(cipher.Traits().icvLength, 0);
    cipher.Seal(packet.aad,
                packet.iv.data(),
                packet.text.data(),
                packet.text.size(),
                packet.icv.data(),
                packet.trailer);
}

/// Opens a copy; the plaintext when the ICV was right.
std::optional<Bytes>
Open(PayloadCipher& cipher, Packet packet)
{
    if (!cipher.Open(packet.aad,
                     packet.iv.data(),
                     packet.text.data(),
                     packet.text.size(),
                     packet.icv.data(),
                     packet.trailer))
    {
        return std::nullopt;
    }
    return packet.text;
}

Packet
SealSample(PayloadCipher& sealer, std::size_t length, std::uint64_t counter)
{
    Packet packet;
    packet.aad = Pattern(8, 3);
    packet.iv.resize(sealer.Traits().ivLength);
    sealer.MakeIv(counter, packet.iv.data());
    packet.text = Pattern(length, 4);
    packet.trailer = Pattern(4, 5);
    Seal(sealer, packet);
    return packet;
}

/// Seals and opens one published AEAD case, and refuses it with any field changed.
void
CheckAead(const CipherSuite& suite, const nlohmann::json& c)
{
    const Bytes material = Join(Hex(c, "key"), Hex(c, "salt"));
    const auto sealer = PayloadCipher::Create(suite, material, {}, Direction::Seal);
    const auto opener = PayloadCipher::Create(suite, material, {}, Direction::Open);
    ASSERT_TRUE(sealer && opener);
    Packet packet{Hex(c, "aad"), Hex(c, "iv"), Hex(c, "plaintext"), {}, {}};
    Seal(*sealer, packet);
    EXPECT_EQ(ToHex(packet.text), c.at("ciphertext"));
    EXPECT_EQ(ToHex(packet.icv), c.at("icv"));
    const auto opened = Open(*opener, packet);
    ASSERT_TRUE(opened);
    EXPECT_EQ(ToHex(*opened), c.at("plaintext"));
    for (Bytes Packet::*field : {&Packet::aad, &Packet::iv, &Packet::text, &Packet::icv})
    {
        Packet changed = packet;
        (changed.*field).back() ^= 1;
        EXPECT_FALSE(Open(*opener, changed));
    }
    EXPECT_TRUE(Open(*opener, packet)) << "a refused packet must not spoil the context";
}

TEST(AesGcmEsp, PublishedCases)
{
    const auto vectors = test::LoadVectors("aes-gcm-esp.json");
    ASSERT_EQ(vectors.at("cases").size(), 14U);
    for (const auto& c : vectors.at("cases"))
    {
        SCOPED_TRACE(c.at("name").get<std::string>());
        CheckAead({EncryptionId::AesGcm16, c.at("keyBits"), IntegrityId::None}, c);
    }
}

TEST(ChaCha20Poly1305Esp, Rfc7634)
{
    CheckAead({EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None},
              test::LoadVectors("chacha20-poly1305.json").at("esp"));
}

TEST(AesCbcEsp, Rfc3602)
{
    const CipherSuite suite{EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128};
    const auto vectors = test::LoadVectors("aes-cbc-esp.json");
    ASSERT_EQ(vectors.at("cases").size(), 4U);
    for (const auto& c : vectors.at("cases"))
    {
        SCOPED_TRACE(c.at("name").get<std::string>());
        const Bytes wire = Hex(c, "packet");
        const Bytes macKey = Pattern(32, 9);
        const auto sealer = PayloadCipher::Create(suite, Hex(c, "key"), macKey, Direction::Seal);
        const auto opener = PayloadCipher::Create(suite, Hex(c, "key"), macKey, Direction::Open);
        ASSERT_TRUE(sealer && opener);
        Packet packet{Bytes(wire.begin(), wire.begin() + 8),
                      Bytes(wire.begin() + 8, wire.begin() + 24),
                      Hex(c, "payload"),
                      {},
                      {}};
        const unsigned pad = c.at("padLength");
        for (unsigned i = 1; i <= pad; ++i)
        {
            packet.text.push_back(static_cast<std::uint8_t>(i));
        }
        packet.text.push_back(static_cast<std::uint8_t>(pad));
        packet.text.push_back(c.at("nextHeader"));
        const Bytes plaintext = packet.text;
        Seal(*sealer, packet);
        EXPECT_EQ(ToHex(packet.text), ToHex(ByteSpan(wire).subspan(24)));
        // Encrypt, then MAC over SPI .. Next Header (RFC 4303, section 3.3.2.1).
        Bytes mac = crypto::Prf(PrfId::HmacSha2_256, macKey, {wire});
        mac.resize(16);
        EXPECT_EQ(packet.icv, mac);
        EXPECT_EQ(Open(*opener, packet), plaintext);
    }
}

TEST(PayloadCipher, NullIsHmacOverEverythingAndTheHighHalf)
{
    for (const auto& [integrity, prf] :
         {std::pair{IntegrityId::HmacSha2_256_128, PrfId::HmacSha2_256},
          std::pair{IntegrityId::HmacSha2_384_192, PrfId::HmacSha2_384},
          std::pair{IntegrityId::HmacSha2_512_256, PrfId::HmacSha2_512}})
    {
        const CipherSuite suite{EncryptionId::Null, 0, integrity};
        const auto sealer = MakeCipher(suite, Direction::Seal, CryptoMode::Real);
        ASSERT_TRUE(sealer);
        const Packet packet = SealSample(*sealer, 60, 1);
        EXPECT_EQ(packet.text, Pattern(60, 4));
        Bytes mac = crypto::Prf(prf,
                                Pattern(sealer->Traits().integrityKeyLength, 2),
                                {packet.aad, packet.text, packet.trailer});
        EXPECT_EQ(sealer->Traits().icvLength, mac.size() / 2);
        mac.resize(mac.size() / 2);
        EXPECT_EQ(packet.icv, mac);
    }
}

class EverySuite : public testing::TestWithParam<CryptoMode>
{
};

INSTANTIATE_TEST_SUITE_P(Modes,
                         EverySuite,
                         testing::Values(CryptoMode::Real, CryptoMode::Sized),
                         [](const auto& mode)
                         { return mode.param == CryptoMode::Real ? "Real" : "Sized"; });

TEST_P(EverySuite, RoundTripAtEveryLength)
{
    for (const CipherSuite& suite : AllSuites())
    {
        SCOPED_TRACE(Name(suite));
        const auto sealer = MakeCipher(suite, Direction::Seal, GetParam());
        const auto opener = MakeCipher(suite, Direction::Open, GetParam());
        ASSERT_TRUE(sealer && opener);
        for (std::size_t length = 0; length <= 300; length += sealer->Traits().blockSize)
        {
            const Packet packet = SealSample(*sealer, length, length);
            const bool encrypts =
                GetParam() == CryptoMode::Real && suite.encryption != EncryptionId::Null;
            // Below 4 octets a ciphertext may equal its plaintext by chance.
            if (length >= 4 || !encrypts)
            {
                EXPECT_EQ(packet.text != Pattern(length, 4), encrypts) << length;
            }
            EXPECT_EQ(Open(*opener, packet), Pattern(length, 4)) << length;
        }
    }
}

TEST_P(EverySuite, RefusesWhatWasChanged)
{
    for (const CipherSuite& suite : AllSuites())
    {
        SCOPED_TRACE(Name(suite));
        const auto sealer = MakeCipher(suite, Direction::Seal, GetParam());
        const auto opener = MakeCipher(suite, Direction::Open, GetParam());
        ASSERT_TRUE(sealer && opener);
        const Packet packet = SealSample(*sealer, 64, 7);
        for (Bytes Packet::*field : {&Packet::aad, &Packet::iv, &Packet::icv})
        {
            for (std::size_t at = 0; at < (packet.*field).size(); ++at)
            {
                Packet changed = packet;
                (changed.*field)[at] ^= 0x40;
                EXPECT_FALSE(Open(*opener, changed)) << at;
            }
        }
        Packet longer = packet;
        longer.text.resize(packet.text.size() + 16);
        EXPECT_FALSE(Open(*opener, longer));
        Packet shorter = packet;
        shorter.text.resize(packet.text.size() - 16);
        EXPECT_FALSE(Open(*opener, shorter));
        EXPECT_FALSE(Open(*MakeCipher(suite, Direction::Open, GetParam(), 11), packet));
        EXPECT_TRUE(Open(*opener, packet));
    }
}

TEST_P(EverySuite, TrailerCountsOnlyWithSeparateIntegrity)
{
    for (const CipherSuite& suite : AllSuites())
    {
        SCOPED_TRACE(Name(suite));
        const auto sealer = MakeCipher(suite, Direction::Seal, GetParam());
        const auto opener = MakeCipher(suite, Direction::Open, GetParam());
        ASSERT_TRUE(sealer && opener);
        Packet packet = SealSample(*sealer, 64, 7);
        packet.trailer = Pattern(4, 6);
        EXPECT_EQ(Open(*opener, packet).has_value(), sealer->Traits().combined);
    }
}

TEST_P(EverySuite, OddLengthOfCbcIsRefused)
{
    const CipherSuite suite{EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128};
    const auto sealer = MakeCipher(suite, Direction::Seal, GetParam());
    const auto opener = MakeCipher(suite, Direction::Open, GetParam());
    for (std::size_t length = 0; length <= 64; ++length)
    {
        Packet packet = SealSample(*sealer, length / 16 * 16, 7);
        packet.text.resize(length);
        EXPECT_EQ(Open(*opener, packet).has_value(), length % 16 == 0) << length;
    }
}

TEST_P(EverySuite, IvsNeverRepeatAndRunsDo)
{
    for (const CipherSuite& suite : AllSuites())
    {
        SCOPED_TRACE(Name(suite));
        const auto first = MakeCipher(suite, Direction::Seal, GetParam());
        const auto second = MakeCipher(suite, Direction::Seal, GetParam());
        const std::size_t ivLength = first->Traits().ivLength;
        std::set<Bytes> seen;
        for (std::uint64_t counter = 0; counter < 1000; ++counter)
        {
            Bytes iv(ivLength);
            Bytes again(ivLength);
            first->MakeIv(counter, iv.data());
            second->MakeIv(counter, again.data());
            EXPECT_EQ(iv, again);
            if (first->Traits().combined)
            {
                EXPECT_EQ(LoadBe64(iv.data()), counter);
            }
            seen.insert(iv);
        }
        EXPECT_EQ(seen.size(), ivLength == 0 ? 1U : 1000U);
    }
}

TEST(PayloadCipher, CbcIvDependsOnTheKeyAndIsNotTheCipherOfTheCounter)
{
    const CipherSuite suite{EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128};
    const auto cipher = MakeCipher(suite, Direction::Seal, CryptoMode::Real, 1);
    const auto other = MakeCipher(suite, Direction::Seal, CryptoMode::Real, 2);
    Bytes iv(16);
    Bytes otherIv(16);
    cipher->MakeIv(5, iv.data());
    other->MakeIv(5, otherIv.data());
    EXPECT_NE(iv, otherIv);
    // With a zero IV, CBC of one block is the block cipher under the SA's own key: an attacker who
    // may choose a packet could ask for that value, so the IV has to be another one.
    Packet chosen{{}, Bytes(16), Bytes(16), {}, {}};
    chosen.text[15] = 5;
    Seal(*cipher, chosen);
    EXPECT_NE(iv, chosen.text);
}

TEST(PayloadCipher, SizedCostsNothingOfTheText)
{
    const CipherSuite suite{EncryptionId::AesGcm16, 128, IntegrityId::None};
    const auto sealer = MakeCipher(suite, Direction::Seal, CryptoMode::Sized);
    const auto opener = MakeCipher(suite, Direction::Open, CryptoMode::Sized);
    Packet packet = SealSample(*sealer, 64, 7);
    packet.text[10] ^= 1; // not covered, as the mode says
    EXPECT_TRUE(Open(*opener, packet));
}

TEST(PayloadCipher, WrongKeysAndSuitesAreRefused)
{
    for (CryptoMode mode : {CryptoMode::Real, CryptoMode::Sized})
    {
        for (const CipherSuite& suite : AllSuites())
        {
            const auto traits = crypto::FindTraits(suite).value();
            const Bytes key = Pattern(traits.KeyingMaterial(), 1);
            const Bytes mac = Pattern(traits.integrityKeyLength, 2);
            const Bytes longKey = Pattern(key.size() + 1, 1);
            const Bytes longMac = Pattern(mac.size() + 1, 1);
            EXPECT_TRUE(PayloadCipher::Create(suite, key, mac, Direction::Seal, mode));
            EXPECT_FALSE(PayloadCipher::Create(suite, longKey, mac, Direction::Seal, mode));
            EXPECT_FALSE(PayloadCipher::Create(suite, key, longMac, Direction::Seal, mode));
        }
        EXPECT_FALSE(PayloadCipher::Create({static_cast<EncryptionId>(3), 0, IntegrityId::None},
                                           {},
                                           {},
                                           Direction::Seal,
                                           mode));
    }
}

TEST(Algorithms, TraitsOfTheTable)
{
    const auto gcm = crypto::FindTraits({EncryptionId::AesGcm16, 256, IntegrityId::None}).value();
    EXPECT_TRUE(gcm.combined);
    EXPECT_EQ(gcm.KeyingMaterial(), 36U);
    EXPECT_EQ(gcm.alignment, 4U);
    EXPECT_EQ(gcm.blockSize, 1U);
    const auto cbc =
        crypto::FindTraits({EncryptionId::AesCbc, 192, IntegrityId::HmacSha2_384_192}).value();
    EXPECT_FALSE(cbc.combined);
    EXPECT_EQ(cbc.KeyingMaterial(), 24U);
    EXPECT_EQ(cbc.ivLength, 16U);
    EXPECT_EQ(cbc.icvLength, 24U);
    EXPECT_EQ(cbc.alignment, 16U);
    EXPECT_EQ(cbc.integrityKeyLength, 48U);
    const auto null =
        crypto::FindTraits({EncryptionId::Null, 0, IntegrityId::HmacSha2_512_256}).value();
    EXPECT_EQ(null.KeyingMaterial(), 0U);
    EXPECT_EQ(null.icvLength, 32U);
    EXPECT_EQ(null.alignment, 4U);
    // AES without a length, AEAD with integrity, ciphers without it, NULL and NULL.
    EXPECT_FALSE(crypto::FindTraits({EncryptionId::AesGcm16, 0, IntegrityId::None}));
    EXPECT_FALSE(crypto::FindTraits({EncryptionId::AesGcm16, 128, IntegrityId::HmacSha2_256_128}));
    EXPECT_FALSE(crypto::FindTraits({EncryptionId::AesCbc, 128, IntegrityId::None}));
    EXPECT_FALSE(crypto::FindTraits({EncryptionId::AesCbc, 128, static_cast<IntegrityId>(5)}));
    EXPECT_FALSE(crypto::FindTraits({EncryptionId::Null, 0, IntegrityId::None}));
    EXPECT_FALSE(crypto::FindTraits(GroupId::None));
    EXPECT_FALSE(crypto::FindTraits(static_cast<GroupId>(2)));
    EXPECT_FALSE(crypto::FindPrfLength(static_cast<PrfId>(2)));
}

TEST(Algorithms, Names)
{
    EXPECT_EQ(Name(CipherSuite{}), "AES_GCM_16_128");
    EXPECT_EQ(Name(CipherSuite{EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_256_128}),
              "AES_CBC_256/HMAC_SHA2_256_128");
    EXPECT_EQ(Name(CipherSuite{EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None}),
              "CHACHA20_POLY1305");
    EXPECT_EQ(Name(CipherSuite{static_cast<EncryptionId>(14), 128, static_cast<IntegrityId>(5)}),
              "14_128/5");
    EXPECT_EQ(Name(PrfId::HmacSha2_384), "PRF_HMAC_SHA2_384");
    EXPECT_EQ(Name(static_cast<PrfId>(2)), "2");
    EXPECT_EQ(Name(GroupId::Curve25519), "CURVE_25519");
    EXPECT_EQ(Name(GroupId::None), "NONE");
    EXPECT_EQ(Name(static_cast<GroupId>(36)), "36");
}

TEST(KeyExchange, PublishedCases)
{
    std::set<GroupId> covered;
    const auto vectors = test::LoadVectors("key-exchange.json");
    for (const auto& c : vectors.at("cases"))
    {
        const auto group = static_cast<GroupId>(c.at("group").get<std::uint16_t>());
        SCOPED_TRACE(Name(group) + ", " + c.at("source").get<std::string>());
        covered.insert(group);
        const auto i = KeyExchange::FromPrivate(group, Hex(c, "privateI"));
        const auto r = KeyExchange::FromPrivate(group, Hex(c, "privateR"));
        ASSERT_TRUE(i && r);
        EXPECT_EQ(i->Group(), group);
        const std::string publicI = ToHex(i->PublicValue());
        if (c.contains("publicIx"))
        {
            EXPECT_EQ(publicI.substr(0, publicI.size() / 2), c.at("publicIx"));
        }
        else
        {
            EXPECT_EQ(publicI, c.at("publicI"));
            EXPECT_EQ(ToHex(r->PublicValue()), c.at("publicR"));
        }
        EXPECT_EQ(i->Agree(r->PublicValue()), Hex(c, "shared"));
        EXPECT_EQ(r->Agree(i->PublicValue()), Hex(c, "shared"));
    }
    EXPECT_EQ(covered.size(), 7U) << "every group of the table has a case";
}

class EveryGroup : public testing::TestWithParam<GroupId>
{
};

INSTANTIATE_TEST_SUITE_P(Groups,
                         EveryGroup,
                         testing::Values(GroupId::Modp2048,
                                         GroupId::Modp3072,
                                         GroupId::Modp4096,
                                         GroupId::Ecp256,
                                         GroupId::Ecp384,
                                         GroupId::Ecp521,
                                         GroupId::Curve25519),
                         [](const auto& group) { return Name(group.param); });

TEST_P(EveryGroup, GeneratedValuesAgreeAndRepeat)
{
    const auto traits = crypto::FindTraits(GetParam()).value();
    test::TestRandom random(1);
    test::TestRandom sameRandom(1);
    const auto a = KeyExchange::Generate(GetParam(), random);
    const auto sameA = KeyExchange::Generate(GetParam(), sameRandom);
    const auto b = KeyExchange::Generate(GetParam(), random);
    ASSERT_TRUE(a && sameA && b);
    EXPECT_EQ(a->PublicValue().size(), traits.publicLength);
    EXPECT_EQ(a->PublicValue(), sameA->PublicValue());
    EXPECT_NE(a->PublicValue(), b->PublicValue());
    const auto shared = a->Agree(b->PublicValue());
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->size(), traits.sharedLength);
    EXPECT_EQ(shared, b->Agree(a->PublicValue()));
}

TEST_P(EveryGroup, WrongLengthsAreRefused)
{
    test::TestRandom random(2);
    const auto own = KeyExchange::Generate(GetParam(), random);
    const auto peer = KeyExchange::Generate(GetParam(), random);
    ASSERT_TRUE(own && peer);
    Bytes value = peer->PublicValue();
    EXPECT_TRUE(own->Agree(value));
    value.push_back(0);
    EXPECT_FALSE(own->Agree(value));
    value.resize(value.size() - 2);
    EXPECT_FALSE(own->Agree(value));
    EXPECT_FALSE(own->Agree({}));
    EXPECT_FALSE(KeyExchange::FromPrivate(GetParam(), {}));
    EXPECT_FALSE(KeyExchange::FromPrivate(GetParam(), Bytes(100000, 1)));
}

/// A number of `length` octets: base plus a small difference.
Bytes
Offset(Bytes base, int difference)
{
    int carry = difference;
    for (std::size_t i = base.size(); i-- > 0 && carry != 0;)
    {
        const int sum = base[i] + carry;
        base[i] = static_cast<std::uint8_t>(sum & 0xff);
        carry = (sum - base[i]) / 256;
    }
    return base;
}

TEST(KeyExchange, ModpRangeOfRfc6989)
{
    unsigned groups = 0;
    const auto vectors = test::LoadVectors("key-exchange.json");
    for (const auto& c : vectors.at("cases"))
    {
        if (!c.contains("prime"))
        {
            continue;
        }
        ++groups;
        const auto group = static_cast<GroupId>(c.at("group").get<std::uint16_t>());
        const auto own = KeyExchange::FromPrivate(group, Hex(c, "privateI"));
        ASSERT_TRUE(own);
        const Bytes prime = Hex(c, "prime");
        const Bytes zero(prime.size());
        EXPECT_FALSE(own->Agree(zero));
        EXPECT_FALSE(own->Agree(Offset(zero, 1)));
        EXPECT_TRUE(own->Agree(Offset(zero, 2)));
        EXPECT_TRUE(own->Agree(Offset(prime, -2)));
        EXPECT_FALSE(own->Agree(Offset(prime, -1)));
        EXPECT_FALSE(own->Agree(prime));
        EXPECT_FALSE(own->Agree(Bytes(prime.size(), 0xff)));
        EXPECT_FALSE(KeyExchange::FromPrivate(group, zero));
        EXPECT_FALSE(KeyExchange::FromPrivate(group, prime));
    }
    EXPECT_EQ(groups, 3U);
}

TEST(KeyExchange, PointsOffTheCurveAreRefused)
{
    for (GroupId group : {GroupId::Ecp256, GroupId::Ecp384, GroupId::Ecp521})
    {
        test::TestRandom random(3);
        const auto own = KeyExchange::Generate(group, random);
        const auto peer = KeyExchange::Generate(group, random);
        ASSERT_TRUE(own && peer);
        for (std::size_t at : {std::size_t{5}, peer->PublicValue().size() - 1})
        {
            Bytes value = peer->PublicValue();
            value[at] ^= 1;
            EXPECT_FALSE(own->Agree(value));
        }
        EXPECT_FALSE(own->Agree(Bytes(peer->PublicValue().size())));
        EXPECT_FALSE(own->Agree(Bytes(peer->PublicValue().size(), 0xff)));
        EXPECT_FALSE(KeyExchange::FromPrivate(group, Bytes(4)));
        EXPECT_FALSE(KeyExchange::FromPrivate(group, Bytes(peer->PublicValue().size() / 2, 0xff)));
    }
}

TEST(KeyExchange, X25519RefusesAnAllZeroSecret)
{
    test::TestRandom random(4);
    const auto own = KeyExchange::Generate(GroupId::Curve25519, random);
    ASSERT_TRUE(own);
    Bytes smallOrder(32);
    EXPECT_FALSE(own->Agree(smallOrder)); // order 4
    smallOrder[0] = 1;
    EXPECT_FALSE(own->Agree(smallOrder)); // order 1
    // p - 1, of order 2, little endian.
    Bytes minusOne(32, 0xff);
    minusOne[0] = 0xec;
    minusOne[31] = 0x7f;
    EXPECT_FALSE(own->Agree(minusOne));
    EXPECT_FALSE(KeyExchange::FromPrivate(GroupId::Curve25519, Bytes(31, 1)));
}

TEST(KeyExchange, UnsupportedGroups)
{
    test::TestRandom random(5);
    for (unsigned id : {0U, 2U, 17U, 32U, 36U, 65535U})
    {
        EXPECT_FALSE(KeyExchange::Generate(static_cast<GroupId>(id), random));
        EXPECT_FALSE(KeyExchange::FromPrivate(static_cast<GroupId>(id), Bytes(32, 1)));
    }
}

Bytes
Text(const std::string& text)
{
    return {text.begin(), text.end()};
}

/// RFC 4231, section 4.3 (test case 2), and the empty key and message.
TEST(Prf, HmacSha2)
{
    const Bytes jefe = Text("Jefe");
    const Bytes what = Text("what do ya want ");
    const Bytes nothing = Text("for nothing?");
    EXPECT_EQ(ToHex(crypto::Prf(PrfId::HmacSha2_256, jefe, {what, nothing})),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(ToHex(crypto::Prf(PrfId::HmacSha2_384, jefe, {what, nothing})),
              "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
              "8e2240ca5e69e2c78b3239ecfab21649");
    EXPECT_EQ(ToHex(crypto::Prf(PrfId::HmacSha2_512, jefe, {what, nothing})),
              "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
              "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    EXPECT_EQ(ToHex(crypto::Prf(PrfId::HmacSha2_256, {}, {})),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Prf, PlusIsTheChainOfRfc7296)
{
    const Bytes key = Pattern(32, 1);
    const Bytes seed = Pattern(40, 2);
    for (PrfId prf : {PrfId::HmacSha2_256, PrfId::HmacSha2_384, PrfId::HmacSha2_512})
    {
        Bytes chain;
        Bytes last;
        for (unsigned n = 1; n <= 255; ++n)
        {
            const Bytes number{static_cast<std::uint8_t>(n)};
            last = crypto::Prf(prf, key, {last, seed, number});
            chain = Join(chain, last);
        }
        EXPECT_EQ(crypto::PrfPlus(prf, key, seed, chain.size()), chain);
        for (std::size_t length : {0U, 1U, 63U, 64U, 65U, 200U})
        {
            EXPECT_EQ(crypto::PrfPlus(prf, key, seed, length),
                      Bytes(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(length)));
        }
    }
}

TEST(Prf, Sha1AndComparison)
{
    // FIPS 180-2, appendix A.1.
    EXPECT_EQ(ToHex(crypto::Sha1({Text("a"), Text("bc")})),
              "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_TRUE(crypto::ConstantTimeEqual(Text("abc"), Text("abc")));
    EXPECT_FALSE(crypto::ConstantTimeEqual(Text("abc"), Text("abd")));
    EXPECT_FALSE(crypto::ConstantTimeEqual(Text("abc"), Text("ab")));
    EXPECT_TRUE(crypto::ConstantTimeEqual({}, {}));
}

} // namespace
} // namespace ipseclab
