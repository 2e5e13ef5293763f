/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/esp-sa.h"

#include "model/crypto/payload-cipher.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <random>

namespace ipseclab::esp
{

namespace
{

using crypto::CipherSuite;
using crypto::EncryptionId;
using crypto::IntegrityId;

const CipherSuite kSuites[] = {
    {EncryptionId::AesGcm16, 128, IntegrityId::None},
    {EncryptionId::AesGcm16, 256, IntegrityId::None},
    {EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None},
    {EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128},
    {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_512_256},
    {EncryptionId::Null, 0, IntegrityId::HmacSha2_256_128},
    {EncryptionId::AesCcm16, 256, IntegrityId::None},
    {EncryptionId::AesCbc, 128, IntegrityId::HmacSha1_96},
    {EncryptionId::AesCcm8ImplicitIv, 128, IntegrityId::None},
    {EncryptionId::AesGcm16ImplicitIv, 128, IntegrityId::None},
    {EncryptionId::ChaCha20Poly1305ImplicitIv, 256, IntegrityId::None},
};

/// Builds ESP packets that no honest sender makes: any plaintext, sealed with the right keys.
class Forge
{
  public:
    explicit Forge(const InboundSaConfig& config)
        : m_spi(config.spi),
          m_cipher(crypto::PayloadCipher::Create(config.suite,
                                                 config.keyingMaterial,
                                                 config.integrityKey,
                                                 crypto::Direction::Seal))
    {
    }

    /// The outer packet whose plaintext, pad length and next header included, is `text`.
    void Build(PacketBuffer& buffer,
               std::uint32_t number,
               const Bytes& text,
               std::uint8_t outerTos = 0)
    {
        const crypto::CipherTraits& traits = m_cipher->Traits();
        const std::size_t size = 28 + traits.ivLength + text.size() + traits.icvLength;
        std::uint8_t* const outer = buffer.Reset(size);
        wire::Ipv4HeaderFields fields;
        fields.tos = outerTos;
        fields.totalLength = static_cast<std::uint16_t>(size);
        wire::WriteIpv4Header(outer, fields);
        StoreBe32(outer + 20, m_spi);
        StoreBe32(outer + 24, number);
        std::uint8_t* const iv = outer + 28;
        m_cipher->MakeIv(number, iv);
        std::uint8_t* const body = iv + traits.ivLength;
        std::copy(text.begin(), text.end(), body);
        m_cipher->Seal(ByteSpan(outer + 20, 8), iv, body, text.size(), body + text.size());
    }

  private:
    std::uint32_t m_spi;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
};

/// An inner packet with what tunnel mode puts behind it.
Bytes
WithTrailer(Bytes inner, std::size_t padding, std::uint8_t nextHeader = wire::kProtocolIpv4)
{
    for (std::size_t i = 1; i <= padding; ++i)
    {
        inner.push_back(static_cast<std::uint8_t>(i));
    }
    inner.push_back(static_cast<std::uint8_t>(padding));
    inner.push_back(nextHeader);
    return inner;
}

/// Inner packets of 50 octets need no padding with an alignment of 4.
Bytes
Inner50(std::uint8_t tos = 0)
{
    test::InnerPacket packet;
    packet.length = 50;
    packet.tos = tos;
    return packet.Build();
}

// --- Creation ------------------------------------------------------------------------------------

TEST(EspSa, WrongKeysSuitesAndAddressesAreRefused)
{
    OutboundSaConfig out = test::OutboundConfig();
    EXPECT_NE(OutboundSa::Create(out), nullptr);
    out.keyingMaterial.push_back(0);
    EXPECT_EQ(OutboundSa::Create(out), nullptr);
    out = test::OutboundConfig();
    out.outerDestination = *IpAddress::FromString("2001:db8::1");
    EXPECT_EQ(OutboundSa::Create(out), nullptr);
    out = test::OutboundConfig();
    out.suite.encryption = static_cast<EncryptionId>(99);
    EXPECT_EQ(OutboundSa::Create(out), nullptr);
    InboundSaConfig in = test::InboundConfig();
    EXPECT_NE(InboundSa::Create(in), nullptr);
    in.integrityKey.push_back(0);
    EXPECT_EQ(InboundSa::Create(in), nullptr);
}

// --- Numbers -------------------------------------------------------------------------------------

/// The numbers a Linux kernel sends near the end of its space, and when it falls silent.
TEST(OutboundSa, NumbersEndAsRecordedFromLinux)
{
    const nlohmann::json recording = test::LoadRecording("sender-overflow.json");
    std::size_t rows = 0;
    for (const nlohmann::json& test : recording.at("cases"))
    {
        const std::string state = test.at("state");
        SCOPED_TRACE(state);
        OutboundSaConfig config = test::OutboundConfig();
        config.extendedSequenceNumbers = test.at("mode") == "esn";
        config.antiReplay = state.find("oseq-may-wrap") == std::string::npos;
        config.lastNumber = test.at("start").get<std::uint64_t>();
        const auto sa = OutboundSa::Create(config);
        PacketBuffer buffer;
        for (const nlohmann::json& row : test.at("rows"))
        {
            ++rows;
            const auto number = sa->NextNumber();
            ASSERT_EQ(number.has_value(), !row.at(0).is_null());
            if (!number)
            {
                continue;
            }
            test::Fill(buffer, Inner50());
            sa->Seal(buffer, *number);
            EXPECT_EQ(LoadBe32(buffer.Data() + 24), row.at(0).get<std::uint32_t>());
            if (config.extendedSequenceNumbers)
            {
                EXPECT_EQ(*number >> 32, row.at(1).get<std::uint64_t>());
            }
        }
    }
    EXPECT_EQ(rows, 120U);
}

TEST(OutboundSa, TheFirstNumberIsOne)
{
    const auto sa = OutboundSa::Create(test::OutboundConfig());
    EXPECT_EQ(sa->LastNumber(), 0U);
    EXPECT_EQ(sa->NextNumber(), 1U);
    EXPECT_EQ(sa->LastNumber(), 1U);
}

/// A nonce used twice breaks GCM, so the IV must not begin again when the number on the wire does.
TEST(OutboundSa, IvDoesNotRepeatWhenTheNumberWraps)
{
    OutboundSaConfig config = test::OutboundConfig();
    config.antiReplay = false;
    const auto before = OutboundSa::Create(config);
    config.lastNumber = 0xffffffff;
    const auto after = OutboundSa::Create(config);
    ASSERT_EQ(before->NextNumber(), 1U);
    PacketBuffer first;
    test::Fill(first, Inner50());
    before->Seal(first, 1);
    after->NextNumber();
    const auto second = after->NextNumber();
    PacketBuffer later;
    test::Fill(later, Inner50());
    after->Seal(later, *second);
    EXPECT_EQ(LoadBe32(first.Data() + 24), LoadBe32(later.Data() + 24));
    EXPECT_NE(LoadBe64(first.Data() + 28), LoadBe64(later.Data() + 28));
}

// --- Lengths and known packets -------------------------------------------------------------------

TEST(OutboundSa, LengthsAreThoseOfLinux)
{
    const nlohmann::json recording = test::LoadRecording("outer-length.json");
    std::size_t suites = 0;
    for (const nlohmann::json& test : recording.at("cases"))
    {
        const CipherSuite suite = test::SuiteByName(test.at("suite"));
        ++suites;
        const auto sa = OutboundSa::Create(test::OutboundConfig(0x1000, suite));
        PacketBuffer buffer;
        for (const nlohmann::json& row : test.at("rows"))
        {
            test::InnerPacket inner;
            inner.length = row.at(0);
            EXPECT_EQ(sa->SealedLength(inner.length), row.at(1).get<std::size_t>());
            test::Fill(buffer, inner.Build());
            sa->Seal(buffer, 1);
            EXPECT_EQ(buffer.Size(), row.at(1).get<std::size_t>());
        }
    }
    EXPECT_EQ(suites, 9U);
}

TEST(OutboundSa, SealedLengthIsWhatSealMakes)
{
    for (const CipherSuite& suite : kSuites)
    {
        const auto sa = OutboundSa::Create(test::OutboundConfig(0x1000, suite));
        PacketBuffer buffer;
        for (std::size_t length = 28; length < 130; ++length)
        {
            test::InnerPacket inner;
            inner.length = length;
            test::Fill(buffer, inner.Build());
            sa->Seal(buffer, 1);
            ASSERT_EQ(buffer.Size(), sa->SealedLength(length)) << Name(suite) << " " << length;
        }
    }
}

/// Keys, numbers and ends of one case of known-packets.json.
template <class Config>
void
Configure(Config& config, const nlohmann::json& test, std::uint32_t spi)
{
    config.spi = spi;
    config.keyingMaterial = test::FromHex(test.at("key"));
    config.integrityKey = test::FromHex(test.at("integ_key"));
    config.extendedSequenceNumbers = test.at("esn");
}

/// Opens packets made by the kernel and by an independent encoder whose packets the kernel took.
TEST(InboundSa, OpensTheKnownPacketsOfLinux)
{
    const nlohmann::json recording = test::LoadRecording("known-packets.json");
    std::size_t opened = 0;
    PacketBuffer buffer;
    for (const nlohmann::json& test : recording.at("cases"))
    {
        const CipherSuite suite = test::SuiteByName(test.at("suite"));
        SCOPED_TRACE(test.at("suite").get<std::string>());
        for (const char* list : {"made_by_kernel", "taken_by_kernel"})
        {
            const bool byKernel = std::string(list) == "made_by_kernel";
            InboundSaConfig config = test::InboundConfig(0, suite);
            Configure(config, test, byKernel ? 0x1000 : 0x2000);
            config.antiReplay.top = test.at(list).at(0).at("seq").get<std::uint64_t>() - 1;
            const auto sa = InboundSa::Create(config);
            ASSERT_NE(sa, nullptr);
            for (const nlohmann::json& packet : test.at(list))
            {
                Bytes outer = byKernel ? test::FromHex(packet.at("outer_packet")) : Bytes(20);
                if (!byKernel)
                {
                    const Bytes esp = test::FromHex(packet.at("esp"));
                    outer.insert(outer.end(), esp.begin(), esp.end());
                }
                test::Fill(buffer, outer);
                const OpenResult result = sa->Open(buffer, 20);
                EXPECT_STREQ(Name(result.drop), "none");
                EXPECT_EQ(result.number, packet.at("seq").get<std::uint64_t>());
                EXPECT_EQ(test::ToBytes(buffer), test::FromHex(packet.at("inner_packet")));
                ++opened;
            }
        }
    }
    EXPECT_EQ(opened, 9U * 2 * 16);
}

/// Ours are as long as the kernel's for the same inner packet, header for header, and open again.
TEST(OutboundSa, SealsTheKnownPacketsOfLinuxToTheSameShape)
{
    const nlohmann::json recording = test::LoadRecording("known-packets.json");
    std::size_t sealed = 0;
    PacketBuffer buffer;
    for (const nlohmann::json& test : recording.at("cases"))
    {
        const CipherSuite suite = test::SuiteByName(test.at("suite"));
        OutboundSaConfig out = test::OutboundConfig(0, suite);
        Configure(out, test, 0x1000);
        std::swap(out.outerSource, out.outerDestination);
        InboundSaConfig in = test::InboundConfig(0, suite);
        Configure(in, test, 0x1000);
        const nlohmann::json& packets = test.at("made_by_kernel");
        in.antiReplay.top = packets.at(0).at("seq").get<std::uint64_t>() - 1;
        const auto sender = OutboundSa::Create(out);
        const auto receiver = InboundSa::Create(in);
        for (const nlohmann::json& packet : packets)
        {
            const Bytes inner = test::FromHex(packet.at("inner_packet"));
            const Bytes theirs = test::FromHex(packet.at("outer_packet"));
            test::Fill(buffer, inner);
            sender->Seal(buffer, packet.at("seq").get<std::uint64_t>());
            const Bytes ours = test::ToBytes(buffer);
            ASSERT_EQ(ours.size(), theirs.size());
            EXPECT_TRUE(std::equal(ours.begin(), ours.begin() + 28, theirs.begin()))
                << "outer header, SPI and number";
            EXPECT_EQ(receiver->Open(buffer, 20).drop, DropReason::None);
            EXPECT_EQ(test::ToBytes(buffer), inner);
            ++sealed;
        }
    }
    EXPECT_EQ(sealed, 9U * 16);
}

TEST(EspSa, SealAndOpenAreInverseForEverySuiteLengthAndMode)
{
    for (const crypto::CryptoMode mode : {crypto::CryptoMode::Real, crypto::CryptoMode::Sized})
    {
        for (const CipherSuite& suite : kSuites)
        {
            for (const bool extended : {false, true})
            {
                OutboundSaConfig out = test::OutboundConfig(0x1000, suite);
                InboundSaConfig in = test::InboundConfig(0x1000, suite);
                out.extendedSequenceNumbers = in.extendedSequenceNumbers = extended;
                out.mode = in.mode = mode;
                const auto sender = OutboundSa::Create(out);
                const auto receiver = InboundSa::Create(in);
                PacketBuffer buffer;
                for (std::size_t length = 28; length < 100; ++length)
                {
                    test::InnerPacket inner;
                    inner.length = length;
                    test::Fill(buffer, inner.Build());
                    sender->Seal(buffer, *sender->NextNumber());
                    const Bytes wire = test::ToBytes(buffer);
                    ASSERT_EQ(receiver->Open(buffer, 20).drop, DropReason::None) << Name(suite);
                    ASSERT_EQ(test::ToBytes(buffer), inner.Build()) << Name(suite);
                    test::Fill(buffer, wire);
                    ASSERT_EQ(receiver->Open(buffer, 20).drop, DropReason::ReplayDuplicate);
                }
            }
        }
    }
}

// --- Outer header --------------------------------------------------------------------------------

TEST(OutboundSa, OuterHeaderIsNewAndRight)
{
    OutboundSaConfig config = test::OutboundConfig(0x01020304);
    config.ttl = 17;
    const auto sa = OutboundSa::Create(config);
    PacketBuffer buffer;
    for (unsigned tos = 0; tos < 256; ++tos)
    {
        test::Fill(buffer, Inner50(static_cast<std::uint8_t>(tos)));
        sa->Seal(buffer, 0x0a0b0c0d);
        wire::Ipv4View outer;
        ASSERT_TRUE(wire::ParseIpv4(buffer.Span(), outer));
        EXPECT_EQ(outer.headerLength, 20U);
        EXPECT_EQ(outer.totalLength, buffer.Size());
        EXPECT_EQ(outer.Tos(), tos) << "RFC 6040, normal mode; DSCP of RFC 2983, uniform";
        EXPECT_EQ(outer.Ttl(), 17U);
        EXPECT_EQ(outer.Protocol(), 50U);
        EXPECT_EQ(outer.Source(), 0xc0000201U);
        EXPECT_EQ(outer.Destination(), 0xc0000202U);
        EXPECT_FALSE(outer.IsFragment());
        EXPECT_EQ(wire::Ipv4Checksum(outer.header, 20), 0U);
        EXPECT_EQ(LoadBe32(buffer.Data() + 20), 0x01020304U);
        EXPECT_EQ(LoadBe32(buffer.Data() + 24), 0x0a0b0c0dU);
    }
}

TEST(OutboundSa, DfFollowsThePolicyAndTheIdentificationFollowsDf)
{
    struct Row
    {
        DfPolicy policy;
        bool inner;
        bool outer;
    };

    const Row rows[] = {
        {DfPolicy::Copy, false, false},
        {DfPolicy::Copy, true, true},
        {DfPolicy::Set, false, true},
        {DfPolicy::Set, true, true},
        {DfPolicy::Clear, false, false},
        {DfPolicy::Clear, true, false},
    };
    for (const Row& row : rows)
    {
        OutboundSaConfig config = test::OutboundConfig();
        config.df = row.policy;
        const auto sa = OutboundSa::Create(config);
        PacketBuffer buffer;
        for (std::uint16_t count = 1; count <= 3; ++count)
        {
            test::InnerPacket inner;
            inner.dontFragment = row.inner;
            test::Fill(buffer, inner.Build());
            sa->Seal(buffer, count);
            EXPECT_EQ((buffer.Data()[6] & 0x40) != 0, row.outer);
            EXPECT_EQ(LoadBe16(buffer.Data() + 4), row.outer ? 0 : count);
        }
    }
}

// --- ECN -----------------------------------------------------------------------------------------

/// RFC 6040, section 4.2, figure 4; -1: dropped. Rows: inner; columns: outer; codes 0 Not-ECT,
/// 1 ECT(1), 2 ECT(0), 3 CE in that order.
constexpr int kEcnTable[4][4] = {
    {0, 0, 0, -1},
    {1, 1, 1, 3},
    {2, 1, 2, 3},
    {3, 3, 3, 3},
};

TEST(InboundSa, EcnIsCombinedByTheTable)
{
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    const auto receiver = InboundSa::Create(test::InboundConfig());
    PacketBuffer buffer;
    for (std::uint8_t inner = 0; inner < 4; ++inner)
    {
        for (std::uint8_t outer = 0; outer < 4; ++outer)
        {
            SCOPED_TRACE("inner " + std::to_string(inner) + " outer " + std::to_string(outer));
            const auto innerTos = static_cast<std::uint8_t>(0x28 | inner);
            test::Fill(buffer, Inner50(innerTos));
            sender->Seal(buffer, *sender->NextNumber());
            buffer.Data()[1] = static_cast<std::uint8_t>(0xb8 | outer);
            const OpenResult result = receiver->Open(buffer, 20);
            const int expected = kEcnTable[inner][outer];
            if (expected < 0)
            {
                EXPECT_EQ(result.drop, DropReason::EcnInvalid);
                continue;
            }
            ASSERT_EQ(result.drop, DropReason::None);
            EXPECT_EQ(buffer.Data()[1], 0x28 | expected) << "the inner DSCP stays";
            EXPECT_EQ(wire::Ipv4Checksum(buffer.Data(), 20), 0U);
        }
    }
}

/// Linux follows RFC 3168: CE becomes ECT(0) outside.
TEST(OutboundSa, TosDiffersFromLinuxOnlyForCongestion)
{
    const nlohmann::json recording = test::LoadRecording("tos.json");
    const nlohmann::json& rows = recording.at("encap").at(0).at("outer_tos");
    ASSERT_EQ(recording.at("encap").at(0).at("name"), "default");
    const auto sa = OutboundSa::Create(test::OutboundConfig());
    PacketBuffer buffer;
    std::size_t different = 0;
    for (unsigned tos = 0; tos < 256; ++tos)
    {
        test::Fill(buffer, Inner50(static_cast<std::uint8_t>(tos)));
        sa->Seal(buffer, 1);
        const unsigned theirs = rows.at(tos);
        if (buffer.Data()[1] != theirs)
        {
            ++different;
            EXPECT_EQ(tos & 3, 3U);
            EXPECT_EQ(theirs, tos - 1);
        }
    }
    EXPECT_EQ(different, 64U);
}

/// Linux knows nothing of ECT(1) outside, and delivers what RFC 6040 drops.
TEST(InboundSa, TosDiffersFromLinuxOnlyWhereRfc6040Does)
{
    const nlohmann::json recording = test::LoadRecording("tos.json");
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    const auto receiver = InboundSa::Create(test::InboundConfig());
    PacketBuffer buffer;
    std::size_t dropped = 0;
    std::size_t raised = 0;
    std::size_t same = 0;
    for (const nlohmann::json& test : recording.at("decap"))
    {
        if (test.at("name") != "default")
        {
            continue;
        }
        const auto inner = test.at("inner_tos").get<std::uint8_t>();
        for (unsigned outer = 0; outer < 256; ++outer)
        {
            test::Fill(buffer, Inner50(inner));
            sender->Seal(buffer, *sender->NextNumber());
            buffer.Data()[1] = static_cast<std::uint8_t>(outer);
            const DropReason drop = receiver->Open(buffer, 20).drop;
            const unsigned theirs = test.at("inner_tos_after").at(outer);
            if (drop == DropReason::EcnInvalid)
            {
                EXPECT_EQ(theirs, inner);
                ++dropped;
            }
            else if (buffer.Data()[1] != theirs)
            {
                EXPECT_EQ(inner & 3, 2);
                EXPECT_EQ(outer & 3, 1U);
                ++raised;
            }
            else
            {
                ++same;
            }
        }
    }
    EXPECT_EQ(dropped, 64U) << "outer CE on an inner packet that is not ECN capable";
    EXPECT_EQ(raised, 64U) << "outer ECT(1) on inner ECT(0)";
    EXPECT_EQ(same, 1024U - 128U);
}

// --- What Open refuses ---------------------------------------------------------------------------

TEST(InboundSa, TooShortOrUnalignedIsMalformed)
{
    for (const CipherSuite& suite : kSuites)
    {
        const auto traits = crypto::FindTraits(suite);
        const auto sender = OutboundSa::Create(test::OutboundConfig(0x1000, suite));
        const auto receiver = InboundSa::Create(test::InboundConfig(0x1000, suite));
        PacketBuffer buffer;
        test::Fill(buffer, Inner50());
        sender->Seal(buffer, 1);
        const Bytes packet = test::ToBytes(buffer);
        const std::size_t least = 28 + traits->ivLength + traits->icvLength + traits->alignment;
        for (std::size_t length = 0; length < packet.size(); ++length)
        {
            test::Fill(buffer, Bytes(packet.begin(), packet.begin() + static_cast<long>(length)));
            const bool whole = length >= least && (length - least) % traits->alignment == 0;
            ASSERT_EQ(receiver->Open(buffer, 20).drop,
                      whole ? DropReason::Icv : DropReason::Malformed)
                << Name(suite) << " " << length;
        }
        test::Fill(buffer, packet);
        EXPECT_EQ(receiver->Open(buffer, 19).drop, DropReason::Malformed);
        EXPECT_EQ(receiver->Open(buffer, packet.size() + 1).drop, DropReason::Malformed);
        EXPECT_EQ(receiver->Replay().Top(), 0U);
    }
}

TEST(InboundSa, EveryFlippedBitIsFound)
{
    for (const CipherSuite& suite : kSuites)
    {
        const auto sender = OutboundSa::Create(test::OutboundConfig(0x1000, suite));
        const auto receiver = InboundSa::Create(test::InboundConfig(0x1000, suite));
        PacketBuffer buffer;
        test::Fill(buffer, Inner50());
        sender->Seal(buffer, 7);
        const Bytes packet = test::ToBytes(buffer);
        for (std::size_t bit = 20 * 8; bit < packet.size() * 8; ++bit)
        {
            Bytes broken = packet;
            broken[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
            test::Fill(buffer, broken);
            ASSERT_EQ(receiver->Open(buffer, 20).drop, DropReason::Icv)
                << Name(suite) << " bit " << bit;
        }
        EXPECT_EQ(receiver->Replay().Top(), 0U);
    }
}

TEST(InboundSa, ReplaysAreDroppedByKind)
{
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    const auto receiver = InboundSa::Create(test::InboundConfig());
    PacketBuffer buffer;
    const auto offer = [&](std::uint64_t number)
    {
        test::Fill(buffer, Inner50());
        sender->Seal(buffer, number);
        return receiver->Open(buffer, 20).drop;
    };
    EXPECT_EQ(offer(100), DropReason::None);
    EXPECT_EQ(offer(100), DropReason::ReplayDuplicate);
    EXPECT_EQ(offer(36), DropReason::ReplayTooOld);
    EXPECT_EQ(offer(0), DropReason::ReplayInvalid);
}

TEST(InboundSa, PaddingIsChecked)
{
    InboundSaConfig config = test::InboundConfig();
    Forge forge(config);
    const auto strict = InboundSa::Create(config);
    config.checkPadding = false;
    const auto lenient = InboundSa::Create(config);
    PacketBuffer buffer;
    const auto offer = [&](InboundSa& sa, std::uint32_t number, const Bytes& text)
    {
        forge.Build(buffer, number, text);
        return sa.Open(buffer, 20).drop;
    };

    EXPECT_EQ(offer(*strict, 1, WithTrailer(Inner50(), 252)), DropReason::None)
        << "more than least";
    EXPECT_EQ(test::ToBytes(buffer), Inner50());
    Bytes odd = WithTrailer(Inner50(), 8);
    odd[odd.size() - 3] ^= 1;
    EXPECT_EQ(offer(*strict, 2, odd), DropReason::Padding);
    EXPECT_EQ(offer(*lenient, 2, odd), DropReason::None);

    Bytes beyond = WithTrailer(Inner50(), 0);
    beyond[50] = 51; // one more than there is
    EXPECT_EQ(offer(*strict, 3, beyond), DropReason::Padding);
    EXPECT_EQ(offer(*lenient, 3, beyond), DropReason::Padding);
    EXPECT_EQ(strict->Replay().Top(), 3U) << "the ICV was right, so the window has moved";
}

TEST(InboundSa, OnlyIpIsCarried)
{
    const InboundSaConfig config = test::InboundConfig();
    Forge forge(config);
    const auto sa = InboundSa::Create(config);
    PacketBuffer buffer;
    forge.Build(buffer, 1, WithTrailer(Inner50(), 0, wire::kProtocolUdp));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::NextHeader);
    forge.Build(buffer, 2, WithTrailer(Inner50(), 0, wire::kProtocolIpv6));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::Malformed) << "IPv4 inside";
    forge.Build(buffer, 3, WithTrailer({}, 2));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::Malformed) << "nothing inside";
    Bytes longer = Inner50();
    StoreBe16(&longer[2], 51);
    forge.Build(buffer, 4, WithTrailer(longer, 0));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::Malformed) << "inner length runs past the end";
}

/// RFC 4303, section 2.6: a dummy is thrown away, but it is a packet of the SA like any other.
TEST(InboundSa, ADummyMovesTheWindow)
{
    const InboundSaConfig config = test::InboundConfig();
    Forge forge(config);
    const auto sa = InboundSa::Create(config);
    PacketBuffer buffer;
    forge.Build(buffer, 9, WithTrailer(Bytes(34, 0xab), 0, wire::kProtocolDummy));
    const OpenResult result = sa->Open(buffer, 20);
    EXPECT_EQ(result.drop, DropReason::Dummy);
    EXPECT_EQ(result.number, 9U);
    EXPECT_EQ(sa->Replay().Top(), 9U);
    forge.Build(buffer, 9, WithTrailer(Inner50(), 0));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::ReplayDuplicate);
}

/// RFC 4303, section 2.7: padding between inner packet and trailer, found by the inner length.
TEST(InboundSa, TrafficFlowPaddingIsCutOff)
{
    const InboundSaConfig config = test::InboundConfig();
    Forge forge(config);
    const auto sa = InboundSa::Create(config);
    PacketBuffer buffer;
    Bytes padded = Inner50();
    padded.resize(50 + 400, 0xcd);
    forge.Build(buffer, 1, WithTrailer(padded, 0));
    EXPECT_EQ(sa->Open(buffer, 20).drop, DropReason::None);
    EXPECT_EQ(test::ToBytes(buffer), Inner50());
}

TEST(InboundSa, InnerPacketMustFitTheSelectors)
{
    InboundSaConfig config = test::InboundConfig();
    config.remoteSelectors = {*TrafficSelector::FromString("10.1.0.0/16")};
    config.localSelectors = {*TrafficSelector::FromString("10.2.0.0/16"),
                             *TrafficSelector::FromString("10.7.0.0/16")};
    config.localSelectors[1].protocol = wire::kProtocolUdp;
    config.localSelectors[1].startPort = 53;
    config.localSelectors[1].endPort = 53;
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    const auto receiver = InboundSa::Create(config);
    PacketBuffer buffer;
    const auto offer = [&](const test::InnerPacket& packet)
    {
        test::Fill(buffer, packet.Build());
        sender->Seal(buffer, *sender->NextNumber());
        return receiver->Open(buffer, 20).drop;
    };
    test::InnerPacket packet;
    EXPECT_EQ(offer(packet), DropReason::None);
    packet.source = 0x0a030001;
    EXPECT_EQ(offer(packet), DropReason::SelectorMismatch);
    packet.source = test::kInnerSource;
    packet.destination = 0x0a070001;
    EXPECT_EQ(offer(packet), DropReason::SelectorMismatch);
    packet.destinationPort = 53;
    EXPECT_EQ(offer(packet), DropReason::None);
    EXPECT_EQ(receiver->Replay().Top(), 4U);
}

// Of a peer that classifies otherwise than it agreed to (draft-mglt-ipsecme-ts-dscp-03); without an
// agreement nothing is checked (RFC 4301, section 4.1).
TEST(InboundSa, TheInnerDscpMustBeOneThatWasAgreedOn)
{
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    InboundSaConfig config = test::InboundConfig();
    const auto anything = InboundSa::Create(config);
    config.dscps.set(10).set(46);
    const auto agreed = InboundSa::Create(config);
    PacketBuffer buffer;
    const auto offer = [&](InboundSa& receiver, unsigned dscp, unsigned ecn)
    {
        test::Fill(buffer, Inner50(static_cast<std::uint8_t>(dscp << 2 | ecn)));
        sender->Seal(buffer, *sender->NextNumber());
        return receiver.Open(buffer, 20).drop;
    };
    for (unsigned dscp = 0; dscp < 64; ++dscp)
    {
        const bool listed = dscp == 10 || dscp == 46;
        EXPECT_EQ(offer(*agreed, dscp, dscp % 3),
                  listed ? DropReason::None : DropReason::SelectorMismatch)
            << dscp;
        EXPECT_EQ(offer(*anything, dscp, dscp % 3), DropReason::None) << dscp;
    }
}

TEST(InboundSa, AUdpHeaderMayStandBeforeEsp)
{
    const auto sender = OutboundSa::Create(test::OutboundConfig());
    const auto receiver = InboundSa::Create(test::InboundConfig());
    PacketBuffer buffer;
    test::Fill(buffer, Inner50(0x02));
    sender->Seal(buffer, 1);
    Bytes packet = test::ToBytes(buffer);
    packet.insert(packet.begin() + 20, 8, 0);
    packet[1] = 3;
    test::Fill(buffer, packet);
    EXPECT_EQ(receiver->Open(buffer, 28).drop, DropReason::None);
    EXPECT_EQ(test::ToBytes(buffer), Inner50(0x03));
}

TEST(InboundSa, RandomOctetsNeverPass)
{
    constexpr std::uint64_t kSeed = 3;
    std::mt19937_64 random(kSeed);
    for (const CipherSuite& suite : kSuites)
    {
        const auto receiver = InboundSa::Create(test::InboundConfig(0x1000, suite));
        PacketBuffer buffer;
        for (int i = 0; i < 3000; ++i)
        {
            Bytes noise(random() % 200);
            std::generate(noise.begin(),
                          noise.end(),
                          [&] { return static_cast<std::uint8_t>(random()); });
            test::Fill(buffer, noise);
            ASSERT_NE(receiver->Open(buffer, 20 + random() % 10).drop, DropReason::None)
                << "seed " << kSeed << " step " << i;
        }
        EXPECT_EQ(receiver->Replay().Top(), 0U);
    }
}

} // namespace

} // namespace ipseclab::esp
