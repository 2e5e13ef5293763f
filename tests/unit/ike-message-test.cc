/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-message.h"

#include "tests/unit/capture-reader.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace ipseclab
{
namespace
{

using test::FromHex;
using test::ToHex;
using wire::ParseError;
using wire::Payload;
using wire::PayloadList;
using wire::PayloadType;

// ---- Recorded sessions: what real daemons sent ----

class RecordedSession : public testing::TestWithParam<std::string>
{
};

/// The recorded IKE messages of a session with their octets, paired by frame number.
std::vector<std::pair<nlohmann::json, Bytes>>
IkeMessages(const std::string& name)
{
    const auto session = test::ReadSession(name);
    const auto capture = test::ReadCapture(name);
    std::vector<std::pair<nlohmann::json, Bytes>> messages;
    for (const auto& recorded : session.at("ike_messages"))
    {
        const auto& datagram = capture.at(recorded.at("frame").get<std::size_t>() - 1);
        messages.emplace_back(recorded, datagram.payload);
    }
    return messages;
}

TEST_P(RecordedSession, ReaderTellsIkeFromEsp)
{
    const auto session = test::ReadSession(GetParam());
    std::set<std::size_t> expected;
    for (const auto& message : session.at("ike_messages"))
    {
        expected.insert(message.at("frame").get<std::size_t>());
    }
    std::set<std::size_t> found;
    for (const auto& datagram : test::ReadCapture(GetParam()))
    {
        if (datagram.isIke)
        {
            found.insert(datagram.frame);
        }
    }
    EXPECT_FALSE(found.empty());
    EXPECT_EQ(found, expected);
}

TEST_P(RecordedSession, HeadersAgree)
{
    for (const auto& [recorded, octets] : IkeMessages(GetParam()))
    {
        SCOPED_TRACE("frame " + recorded.at("frame").dump());
        const auto message = wire::ParseMessage(octets);
        ASSERT_TRUE(message) << wire::Name(message.error());
        const auto& header = message->header;
        EXPECT_EQ(header.initiatorSpi, LoadBe64(test::Hex(recorded, "spi_i").data()));
        EXPECT_EQ(header.responderSpi, LoadBe64(test::Hex(recorded, "spi_r").data()));
        EXPECT_EQ(header.version, wire::kIkeVersion2);
        EXPECT_EQ(wire::Name(header.exchange), recorded.at("exchange").get<std::string>());
        EXPECT_EQ(header.flags, recorded.at("flags").get<unsigned>());
        EXPECT_EQ(header.IsResponse(), recorded.at("role") == "response");
        EXPECT_EQ(header.messageId, recorded.at("message_id").get<std::uint32_t>());
        EXPECT_EQ(header.length, recorded.at("length").get<std::uint32_t>());
        EXPECT_EQ(ToHex(wire::Serialize(*message)), ToHex(octets));
    }
}

TEST_P(RecordedSession, OuterPayloadsAgree)
{
    for (const auto& [recorded, octets] : IkeMessages(GetParam()))
    {
        SCOPED_TRACE("frame " + recorded.at("frame").dump());
        const auto message = wire::ParseMessage(octets);
        ASSERT_TRUE(message) << wire::Name(message.error());
        if (!recorded.contains("plaintext"))
        {
            EXPECT_EQ(test::RecordedNames(message->payloads),
                      recorded.at("payloads").get<std::vector<std::string>>());
            continue;
        }
        ASSERT_EQ(message->payloads.size(), 1U);
        const auto& body = message->payloads[0].body;
        const PayloadType firstInner{recorded.at("first_inner_payload").get<std::uint8_t>()};
        if (recorded.contains("fragment"))
        {
            const auto& fragment = std::get<wire::EncryptedFragmentPayload>(body);
            EXPECT_EQ(fragment.firstInner, firstInner);
            EXPECT_EQ(fragment.number, recorded.at("fragment").at("number").get<unsigned>());
            EXPECT_EQ(fragment.total, recorded.at("fragment").at("total").get<unsigned>());
        }
        else
        {
            EXPECT_EQ(std::get<wire::EncryptedPayload>(body).firstInner, firstInner);
        }
    }
}

TEST_P(RecordedSession, InnerPayloadsAgree)
{
    PayloadType firstOfFragments = PayloadType::None;
    for (const auto& [recorded, octets] : IkeMessages(GetParam()))
    {
        SCOPED_TRACE("frame " + recorded.at("frame").dump());
        if (!recorded.contains("plaintext"))
        {
            continue;
        }
        PayloadType first{recorded.at("first_inner_payload").get<std::uint8_t>()};
        if (recorded.contains("fragment"))
        {
            firstOfFragments = first == PayloadType::None ? firstOfFragments : first;
            first = firstOfFragments;
            if (!recorded.contains("reassembled"))
            {
                continue;
            }
        }
        const auto chain =
            test::Hex(recorded, recorded.contains("fragment") ? "reassembled" : "plaintext");
        const auto payloads = wire::ParsePayloads(first, chain);
        ASSERT_TRUE(payloads) << wire::Name(payloads.error());
        EXPECT_EQ(test::RecordedNames(*payloads),
                  recorded.at("payloads").get<std::vector<std::string>>());
        EXPECT_EQ(wire::FirstType(*payloads), first);
        EXPECT_EQ(ToHex(wire::SerializePayloads(*payloads)), ToHex(chain));
    }
}

/// Every end of a recorded message that is cut away must be noticed.
TEST_P(RecordedSession, TruncatedMessagesAreRefused)
{
    for (const auto& [recorded, octets] : IkeMessages(GetParam()))
    {
        for (std::size_t size = 0; size < octets.size(); ++size)
        {
            const auto message = wire::ParseMessage(ByteSpan(octets).first(size));
            ASSERT_FALSE(message);
            EXPECT_EQ(message.error(),
                      size < wire::IkeHeader::kSize ? ParseError::Truncated
                                                    : ParseError::LengthMismatch);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Captures,
                         RecordedSession,
                         testing::ValuesIn(test::CaptureNames()),
                         [](const auto& session)
                         {
                             std::string name = session.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(RecordedSessions, AreAllThere)
{
    EXPECT_EQ(test::CaptureNames().size(), 13U);
}

/// Values inside a recorded strongSwan IKE_SA_INIT request, read by eye from the octets.
TEST(RecordedSessions, ProposalOfTheFirstMessage)
{
    const auto message = wire::ParseMessage(test::ReadCapture("aes128gcm16-x25519")[0].payload);
    ASSERT_TRUE(message);
    const auto* sa = wire::Find<wire::SaPayload>(message->payloads, PayloadType::Sa);
    ASSERT_TRUE(sa);
    ASSERT_EQ(sa->proposals.size(), 1U);
    const auto& proposal = sa->proposals[0];
    EXPECT_EQ(proposal.number, 1);
    EXPECT_EQ(proposal.protocol, wire::ProtocolId::Ike);
    EXPECT_TRUE(proposal.spi.empty());
    const std::vector<wire::Transform> expected{
        wire::Transform::Make(wire::TransformType::Encryption, 20, 128),
        wire::Transform::Make(wire::TransformType::Prf, 5),
        wire::Transform::Make(wire::TransformType::KeyExchange, 31),
    };
    EXPECT_EQ(proposal.transforms, expected);
    EXPECT_EQ(proposal.transforms[0].KeyBits(), 128);
    EXPECT_FALSE(proposal.transforms[1].KeyBits());
}

// ---- Layouts of RFC 7296, section 3, written out by hand ----

struct Layout
{
    const char* name;
    const char* octets; ///< generic header included, Next Payload 0
    Payload value;
};

TrafficSelector
Selector(const char* range)
{
    return *TrafficSelector::FromString(range);
}

TrafficSelector
WithPorts(TrafficSelector selector, std::uint8_t protocol, std::uint16_t first, std::uint16_t last)
{
    selector.protocol = protocol;
    selector.startPort = first;
    selector.endPort = last;
    return selector;
}

wire::SaPayload
TwoProposals()
{
    wire::SaPayload sa;
    sa.proposals.resize(2);
    sa.proposals[0].number = 1;
    sa.proposals[0].protocol = wire::ProtocolId::Esp;
    sa.proposals[0].spi = {1, 2, 3, 4};
    sa.proposals[0].transforms = {
        wire::Transform::Make(wire::TransformType::Encryption, 12, 256),
        wire::Transform::Make(wire::TransformType::SequenceNumbers, 1),
    };
    sa.proposals[1].number = 2;
    sa.proposals[1].protocol = wire::ProtocolId::Ah;
    sa.proposals[1].transforms = {wire::Transform::Make(wire::TransformType::Integrity, 12)};
    sa.proposals[1].transforms[0].attributes = {{17, false, {0xaa, 0xbb, 0xcc}}};
    return sa;
}

std::vector<Layout>
Layouts()
{
    using wire::MakePayload;
    Payload critical = MakePayload(PayloadType{200}, wire::UnknownPayload{{0xab}});
    critical.critical = true;
    return {
        {"SA",
         "0000003b"
         "02000020 01030402 01020304 0300000c 0100000c 800e0100 00000008 05000001"
         "00000017 02020001 0000000f 0300000c 00110003 aabbcc",
         MakePayload(PayloadType::Sa, TwoProposals())},
        {"KE",
         "0000000a 001f0000 abcd",
         MakePayload(PayloadType::Ke, wire::KePayload{31, {0xab, 0xcd}})},
        {"IDi",
         "0000000a 02010203 6162",
         MakePayload(PayloadType::IdI, wire::IdPayload{wire::IdType::Fqdn, {1, 2, 3}, {'a', 'b'}})},
        {"CERT",
         "00000007 04 3082",
         MakePayload(PayloadType::Cert, wire::CertPayload{4, {0x30, 0x82}})},
        {"CERTREQ", "00000005 04", MakePayload(PayloadType::CertReq, wire::CertPayload{4, {}})},
        {"AUTH",
         "0000000a 02000000 0102",
         MakePayload(PayloadType::Auth, wire::AuthPayload{wire::AuthMethod::SharedKey, {1, 2}})},
        {"Nonce", "00000006 0102", MakePayload(PayloadType::Nonce, wire::NoncePayload{{1, 2}})},
        {"N(INVALID_KE_PAYLOAD)",
         "0000000a 00000011 0013",
         wire::MakeNotify(wire::NotifyType::InvalidKePayload, {0, 19})},
        {"N(REKEY_SA)",
         "0000000c 03044009 01020304",
         wire::MakeNotify(wire::NotifyType::RekeySa, wire::ProtocolId::Esp, {1, 2, 3, 4})},
        {"D of two Child SAs",
         "00000010 03040002 01020304 05060708",
         MakePayload(PayloadType::Delete,
                     wire::DeletePayload{wire::ProtocolId::Esp, 4, {{1, 2, 3, 4}, {5, 6, 7, 8}}})},
        {"D of the IKE SA",
         "00000008 01000000",
         MakePayload(PayloadType::Delete, wire::DeletePayload{wire::ProtocolId::Ike, 0, {}})},
        {"V",
         "00000006 4142",
         MakePayload(PayloadType::VendorId, wire::VendorIdPayload{{'A', 'B'}})},
        {"TSi for IPv4, OPAQUE ports",
         "00000018 01000000 07110010 ffff0000 0a010000 0a01ffff",
         MakePayload(PayloadType::TsI,
                     wire::TsPayload{{WithPorts(Selector("10.1.0.0/16"), 17, 65535, 0)}})},
        {"TSr for IPv6",
         "00000030 01000000 08000028 0000ffff"
         "20010db8000000000000000000000000 20010db80000000000000000000000ff",
         MakePayload(PayloadType::TsR, wire::TsPayload{{Selector("2001:db8::-2001:db8::ff")}})},
        {"SK",
         "2100 0006 abcd",
         MakePayload(PayloadType::Encrypted,
                     wire::EncryptedPayload{PayloadType::Sa, {0xab, 0xcd}})},
        {"SKF",
         "23000009 00010003 ab",
         MakePayload(PayloadType::EncryptedFragment,
                     wire::EncryptedFragmentPayload{PayloadType::IdI, 1, 3, {0xab}})},
        {"CP",
         "00000014 01000000 00010000 00030004 0a000001",
         MakePayload(PayloadType::Configuration,
                     wire::ConfigurationPayload{1, {{1, {}}, {3, {10, 0, 0, 1}}}})},
        {"EAP",
         "00000009 0101000501",
         MakePayload(PayloadType::Eap, wire::EapPayload{{1, 1, 0, 5, 1}})},
        {"unknown and critical", "00800005 ab", critical},
    };
}

Bytes
FromSpacedHex(std::string text)
{
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    return FromHex(text);
}

TEST(PayloadLayout, ParsesAndSerialises)
{
    for (const auto& layout : Layouts())
    {
        SCOPED_TRACE(layout.name);
        const Bytes octets = FromSpacedHex(layout.octets);
        const auto parsed = wire::ParsePayloads(layout.value.type, octets);
        ASSERT_TRUE(parsed) << wire::Name(parsed.error());
        EXPECT_EQ(*parsed, PayloadList{layout.value});
        EXPECT_EQ(ToHex(wire::SerializePayloads({layout.value})), ToHex(octets));
    }
}

/// No two of the layouts are equal: equality looks at every body.
TEST(PayloadLayout, DifferentPayloadsDiffer)
{
    const auto layouts = Layouts();
    for (std::size_t i = 0; i < layouts.size(); ++i)
    {
        for (std::size_t j = 0; j < layouts.size(); ++j)
        {
            EXPECT_EQ(layouts[i].value == layouts[j].value, i == j) << i << " and " << j;
        }
    }
}

TEST(PayloadLayout, ReservedFieldsAreIgnored)
{
    const auto ke = wire::ParsePayloads(PayloadType::Ke, FromHex("007f000a001fffffabcd"));
    ASSERT_TRUE(ke);
    EXPECT_FALSE(ke->front().critical);
    EXPECT_EQ(ToHex(wire::SerializePayloads(*ke)), "0000000a001f0000abcd");
}

TEST(PayloadLayout, SelectorsOfOtherTypesAreSetApart)
{
    const auto ts = wire::ParsePayloads(
        PayloadType::TsI,
        FromSpacedHex("00000020 02000000 f1000008 01020304 07000010 0000ffff 0a010001 0a010001"));
    ASSERT_TRUE(ts) << wire::Name(ts.error());
    EXPECT_EQ(std::get<wire::TsPayload>(ts->front().body).selectors,
              TrafficSelectorList{Selector("10.1.0.1")});
    EXPECT_EQ(std::get<wire::TsPayload>(ts->front().body).others,
              (std::vector<wire::OtherSelector>{{0xf1, 0, {1, 2, 3, 4}}}));
    EXPECT_EQ(ToHex(wire::SerializePayloads(*ts)),
              "000000200200000007000010"
              "0000ffff0a0100010a010001f100000801020304");
}

TEST(PayloadLayout, KeyLengthInLongFormIsNoKeyLength)
{
    wire::Transform transform = wire::Transform::Make(wire::TransformType::Encryption, 12);
    transform.attributes = {{14, false, {0, 128}}};
    EXPECT_FALSE(transform.KeyBits());
    transform.attributes = {{14, true, {0, 128}}};
    EXPECT_EQ(transform.KeyBits(), 128);
}

TEST(PayloadLayout, IdBodyIsWhatAuthCovers)
{
    const wire::IdPayload id{wire::IdType::Fqdn, {1, 2, 3}, {'a'}};
    EXPECT_EQ(ToHex(id.Body()), "0201020361");
}

TEST(PayloadList, FindsNotifiesAndUnknownCriticals)
{
    PayloadList list{wire::MakeNotify(wire::NotifyType::Cookie, {1}),
                     wire::MakePayload(PayloadType{201}, wire::UnknownPayload{})};
    EXPECT_EQ(wire::FindNotify(list, wire::NotifyType::Cookie)->data, Bytes{1});
    EXPECT_EQ(wire::FindNotify(list, wire::NotifyType::RekeySa), nullptr);
    EXPECT_EQ(wire::FindErrorNotify(list), nullptr);
    EXPECT_EQ(wire::FindUnknownCritical(list), std::nullopt);
    list.push_back(wire::MakeNotify(wire::NotifyType::TsUnacceptable));
    list.push_back(wire::MakePayload(PayloadType{202}, wire::UnknownPayload{}));
    list.back().critical = true;
    EXPECT_EQ(wire::FindErrorNotify(list)->type, wire::NotifyType::TsUnacceptable);
    EXPECT_EQ(wire::FindUnknownCritical(list), 202);
    list[0].critical = true; // a known payload may carry the bit, which is then ignored
    EXPECT_EQ(wire::FindUnknownCritical(list), 202);
}

// ---- Malformed messages ----

struct Malformed
{
    const char* what;
    PayloadType first;
    const char* octets;
    ParseError error;
};

const Malformed kMalformedChains[] = {
    {"no payload where one is announced", PayloadType::Nonce, "", ParseError::Truncated},
    {"half a generic header", PayloadType::Nonce, "000000", ParseError::Truncated},
    {"payload length below 4", PayloadType::Nonce, "00000003", ParseError::BadPayloadLength},
    {"payload past the end", PayloadType::Nonce, "0000000601", ParseError::BadPayloadLength},
    {"octets after the last", PayloadType::Nonce, "0000000400", ParseError::TrailingOctets},
    {"octets without payload", PayloadType::None, "00", ParseError::TrailingOctets},
    {"payload after SK", PayloadType::Encrypted, "2800000400000004", ParseError::MisplacedPayload},
    {"payload after SKF",
     PayloadType::EncryptedFragment,
     "280000080001000100000004",
     ParseError::MisplacedPayload},
    {"KE without group", PayloadType::Ke, "00000005 00", ParseError::Truncated},
    {"ID without reserved", PayloadType::IdR, "00000006 0200", ParseError::Truncated},
    {"CERT without encoding", PayloadType::Cert, "00000004", ParseError::Truncated},
    {"AUTH without reserved", PayloadType::Auth, "00000005 02", ParseError::Truncated},
    {"SKF without total", PayloadType::EncryptedFragment, "00000006 0001", ParseError::Truncated},
    {"notify without type", PayloadType::Notify, "00000006 0000", ParseError::Truncated},
    {"notify SPI past the end",
     PayloadType::Notify,
     "0000000a 03044009 0102",
     ParseError::BadPayloadLength},
    {"delete without count", PayloadType::Delete, "00000006 0304", ParseError::Truncated},
    {"delete counts too many",
     PayloadType::Delete,
     "0000000c 03040002 01020304",
     ParseError::BadCount},
    {"delete counts too few",
     PayloadType::Delete,
     "0000000c 03040000 01020304",
     ParseError::BadCount},
    {"65535 SPIs of no octets", PayloadType::Delete, "00000008 0100ffff", ParseError::BadCount},
    {"TS without reserved", PayloadType::TsI, "00000005 00", ParseError::Truncated},
    {"TS counts too many", PayloadType::TsI, "00000008 01000000", ParseError::BadCount},
    {"TS counts too few",
     PayloadType::TsR,
     "00000018 00000000 07000010 0000ffff 0a010001 0a010001",
     ParseError::BadCount},
    {"IPv4 selector of a wrong length",
     PayloadType::TsR,
     "00000014 01000000 0700000c 0000ffff 0a010001",
     ParseError::BadSubstructure},
    {"IPv6 selector of the IPv4 length",
     PayloadType::TsR,
     "00000018 01000000 08000010 0000ffff 0a010001 0a010001",
     ParseError::BadSubstructure},
    {"selector shorter than its header",
     PayloadType::TsR,
     "0000000c 01000000 07000003",
     ParseError::BadSubstructure},
    {"selector past the end",
     PayloadType::TsR,
     "0000000c 01000000 f1000005",
     ParseError::BadSubstructure},
    {"half a selector header",
     PayloadType::TsR,
     "0000000a 01000000 0700",
     ParseError::BadSubstructure},
    {"CP without reserved", PayloadType::Configuration, "00000006 0100", ParseError::Truncated},
    {"CP attribute past the end",
     PayloadType::Configuration,
     "0000000c 01000000 00010001",
     ParseError::BadSubstructure},
    {"proposal past the end",
     PayloadType::Sa,
     "0000000c 00000009 01010000", // 9 of 8
     ParseError::BadSubstructure},
    {"proposal shorter than its header",
     PayloadType::Sa,
     "00000008 00000004",
     ParseError::BadSubstructure},
    {"last proposal announces more",
     PayloadType::Sa,
     "0000000c 02000008 01010000",
     ParseError::BadSubstructure},
    {"first of two proposals is called last",
     PayloadType::Sa,
     "00000014 00000008 01010000 00000008 02010000",
     ParseError::BadSubstructure},
    {"proposal flag that does not exist",
     PayloadType::Sa,
     "00000014 03000008 01010000 00000008 02010000",
     ParseError::BadSubstructure},
    {"proposal SPI past the end",
     PayloadType::Sa,
     "0000000e 0000000a 01030400 0102",
     ParseError::BadSubstructure},
    {"proposal counts too many transforms",
     PayloadType::Sa,
     "00000014 00000010 01010002 00000008 02000005",
     ParseError::BadCount},
    {"proposal counts too few transforms",
     PayloadType::Sa,
     "00000014 00000010 01010000 00000008 02000005",
     ParseError::BadCount},
    {"last transform announces more",
     PayloadType::Sa,
     "00000014 00000010 01010001 03000008 02000005",
     ParseError::BadSubstructure},
    {"first of two transforms is called last",
     PayloadType::Sa,
     "0000001c 00000018 01010002 00000008 02000005 00000008 0400001f",
     ParseError::BadSubstructure},
    {"transform shorter than its header",
     PayloadType::Sa,
     "00000012 0000000e 01010001 00000006 0200",
     ParseError::BadSubstructure},
    {"transform past its proposal",
     PayloadType::Sa,
     "00000014 00000010 01010001 0000000c 02000005",
     ParseError::BadSubstructure},
    {"half an attribute",
     PayloadType::Sa,
     "00000016 00000012 01010001 0000000a 0100000c 800e",
     ParseError::BadSubstructure},
    {"attribute past its transform",
     PayloadType::Sa,
     "00000018 00000014 01010001 0000000c 0100000c 000e0002",
     ParseError::BadSubstructure},
};

TEST(MalformedChain, EndsWithItsReason)
{
    for (const auto& malformed : kMalformedChains)
    {
        const auto parsed = wire::ParsePayloads(malformed.first, FromSpacedHex(malformed.octets));
        ASSERT_FALSE(parsed) << malformed.what;
        EXPECT_EQ(parsed.error(), malformed.error)
            << malformed.what << ": " << wire::Name(parsed.error());
    }
}

constexpr const char* kEmptyInformational =
    "0102030405060708 1112131415161718 00202508 00000007 0000001c";

TEST(MalformedHeader, EndsWithItsReason)
{
    const Bytes good = FromSpacedHex(kEmptyInformational);
    const auto message = wire::ParseMessage(good);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header.messageId, 7U);
    EXPECT_TRUE(message->header.FromOriginalInitiator());
    EXPECT_EQ(wire::Serialize(*message), good);

    Bytes version1 = good;
    version1[17] = 0x10;
    EXPECT_EQ(wire::ParseMessage(version1).error(), ParseError::BadVersion);
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_EQ(wire::ParseMessage(longer).error(), ParseError::LengthMismatch);
    EXPECT_TRUE(wire::ParseHeader(longer));
    Bytes wrongLength = good;
    wrongLength[27] = 0x1d;
    EXPECT_EQ(wire::ParseMessage(wrongLength).error(), ParseError::LengthMismatch);
    EXPECT_EQ(wire::ParseMessage({}).error(), ParseError::Truncated);
}

TEST(MalformedHeader, MinorVersionIsIgnored)
{
    Bytes minor = FromSpacedHex(kEmptyInformational);
    minor[17] = 0x2f;
    const auto message = wire::ParseMessage(minor);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header.version, 0x2f);
}

TEST(Names, AreThoseOfTheRegistry)
{
    EXPECT_STREQ(wire::Name(wire::ExchangeType::CreateChildSa), "CREATE_CHILD_SA");
    EXPECT_STREQ(wire::Name(wire::ExchangeType{240}), "?");
    EXPECT_STREQ(wire::Name(PayloadType::EncryptedFragment), "SKF");
    EXPECT_STREQ(wire::Name(PayloadType{128}), "?");
    EXPECT_STREQ(wire::Name(wire::NotifyType::ChildSaNotFound), "CHILD_SA_NOT_FOUND");
    EXPECT_STREQ(wire::Name(wire::NotifyType{40960}), "?");
    EXPECT_STREQ(wire::Name(ParseError::BadCount), "bad count");
}

// ---- Addresses and selectors ----

TEST(IpAddress, TextAndOctets)
{
    for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"})
    {
        const auto address = IpAddress::FromString(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->ToString(), text);
        EXPECT_EQ(IpAddress::FromOctets(address->Octets()), address);
    }
    EXPECT_EQ(IpAddress::FromString("192.0.2.1"), IpAddress::V4(0xc0000201));
    using namespace std::string_literals;
    for (const auto& bad : {""s, "1.2.3"s, "1.2.3.256"s, "1.2.3.4 "s, "::g"s, "1.2.3.4\0x"s})
    {
        EXPECT_FALSE(IpAddress::FromString(bad)) << bad;
    }
    EXPECT_FALSE(IpAddress::FromOctets(Bytes(5)));
    EXPECT_LT(*IpAddress::FromString("255.0.0.0"), *IpAddress::FromString("::"));
}

TEST(TrafficSelector, Text)
{
    const std::map<std::string, std::string> cases{
        {"10.1.0.0/16", "10.1.0.0/16"},
        {"10.1.2.3/16", "10.1.0.0/16"},
        {"10.1.0.0-10.1.255.255", "10.1.0.0/16"},
        {"0.0.0.0-255.255.255.255", "0.0.0.0/0"},
        {"10.1.0.1", "10.1.0.1"},
        {"10.1.0.1/32", "10.1.0.1"},
        {"10.1.0.1-10.1.0.2", "10.1.0.1-10.1.0.2"},
        {"10.1.0.2-10.1.0.3", "10.1.0.2/31"},
        {"2001:db8::/33", "2001:db8::/33"},
    };
    for (const auto& [text, shown] : cases)
    {
        const auto selector = TrafficSelector::FromString(text);
        ASSERT_TRUE(selector) << text;
        EXPECT_EQ(selector->ToString(), shown);
        EXPECT_EQ(TrafficSelector::FromString(shown), selector);
    }
    for (const char* bad : {"",
                            "10.0.0.0/33",
                            "10.0.0.0/",
                            "10.0.0.0/-1",
                            "10.0.0.0/8x",
                            "/8",
                            "10.0.0.2-10.0.0.1",
                            "10.0.0.1-::1",
                            "10.0.0.1-",
                            "::/129",
                            "10.0.0.0/257"})
    {
        EXPECT_FALSE(TrafficSelector::FromString(bad)) << bad;
    }
    EXPECT_EQ(WithPorts(Selector("10.0.0.1"), 17, 53, 53).ToString(), "10.0.0.1[17/53]");
    EXPECT_EQ(WithPorts(Selector("10.0.0.1"), 17, 1, 9).ToString(), "10.0.0.1[17/1-9]");
    EXPECT_EQ(WithPorts(Selector("10.0.0.1"), 6, 0, 65535).ToString(), "10.0.0.1[6]");
    EXPECT_EQ(WithPorts(Selector("10.0.0.1"), 1, 65535, 0).ToString(), "10.0.0.1[1/OPAQUE]");
}

TEST(TrafficSelector, Intersect)
{
    const auto any = Selector("0.0.0.0/0");
    const auto net = Selector("10.1.0.0/16");
    const auto udp = WithPorts(net, 17, 100, 200);
    const auto opaque = WithPorts(net, 17, 65535, 0);
    struct
    {
        TrafficSelector a;
        TrafficSelector b;
        std::optional<TrafficSelector> both;
    } const cases[] = {
        {any, any, any},
        {any, udp, udp},
        {net, Selector("10.1.255.0-10.2.0.9"), Selector("10.1.255.0/24")},
        {net, Selector("10.2.0.0/16"), std::nullopt},
        {any, Selector("::/0"), std::nullopt},
        {udp, WithPorts(net, 6, 100, 200), std::nullopt},
        {udp, WithPorts(any, 17, 150, 300), WithPorts(net, 17, 150, 200)},
        {udp, WithPorts(any, 17, 201, 300), std::nullopt},
        {WithPorts(net, 17, 65535, 65535), WithPorts(net, 17, 0, 0), std::nullopt},
        {any, opaque, opaque},
        {opaque, opaque, opaque},
        {opaque, udp, std::nullopt},
        {any, WithPorts(net, 17, 9, 5), std::nullopt},
    };
    for (const auto& c : cases)
    {
        SCOPED_TRACE(c.a.ToString() + " with " + c.b.ToString());
        EXPECT_EQ(TrafficSelector::Intersect(c.a, c.b), c.both);
        EXPECT_EQ(TrafficSelector::Intersect(c.b, c.a), c.both);
    }
}

} // namespace
} // namespace ipseclab
