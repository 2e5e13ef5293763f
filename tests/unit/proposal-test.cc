/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/proposal.h"

#include "tests/unit/test-vectors.h"

#include <gtest/gtest.h>

namespace ipseclab
{
namespace
{

using crypto::CipherSuite;
using crypto::EncryptionId;
using crypto::GroupId;
using crypto::IntegrityId;
using crypto::PrfId;
using ike::ChildSuite;
using ike::IkeSuite;
using wire::Proposal;
using wire::ProtocolId;
using wire::SaPayload;
using wire::Transform;
using wire::TransformType;

const CipherSuite kGcm128{EncryptionId::AesGcm16, 128, IntegrityId::None};
const CipherSuite kGcm256{EncryptionId::AesGcm16, 256, IntegrityId::None};
const CipherSuite kCbc256{EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_256_128};
const CipherSuite kChaCha{EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None};
const CipherSuite kNull{EncryptionId::Null, 0, IntegrityId::HmacSha2_256_128};

const IkeSuite kIkeGcm{kGcm128, PrfId::HmacSha2_256, GroupId::Curve25519};
const IkeSuite kIkeCbc{kCbc256, PrfId::HmacSha2_512, GroupId::Modp2048};
const IkeSuite kIkeChaCha{kChaCha, PrfId::HmacSha2_256, GroupId::Ecp256};
const ChildSuite kChildGcm{kGcm128, GroupId::None, false};
const ChildSuite kChildGcmEsn{kGcm128, GroupId::None, true};
const ChildSuite kChildPfs{kGcm128, GroupId::Curve25519, false};

constexpr auto kEncr = TransformType::Encryption;
constexpr auto kPrf = TransformType::Prf;
constexpr auto kInteg = TransformType::Integrity;
constexpr auto kKe = TransformType::KeyExchange;
constexpr auto kSn = TransformType::SequenceNumbers;

Proposal
IkeProposal(std::vector<Transform> transforms, std::uint8_t number = 1)
{
    return {number, ProtocolId::Ike, {}, std::move(transforms)};
}

Proposal
EspProposal(std::vector<Transform> transforms, std::uint8_t number = 1)
{
    return {number, ProtocolId::Esp, {1, 2, 3, 4}, std::move(transforms)};
}

Transform
T(TransformType type, unsigned id, std::uint16_t keyBits = 0)
{
    return Transform::Make(type, static_cast<std::uint16_t>(id), keyBits);
}

bool
Accepts(const IkeSuite& suite, const Proposal& proposal)
{
    return ike::ChooseIke({suite}, SaPayload{{proposal}}).has_value();
}

bool
Accepts(const ChildSuite& suite, const Proposal& proposal, bool withGroup = true)
{
    return ike::ChooseChild({suite}, SaPayload{{proposal}}, withGroup).has_value();
}

TEST(Proposals, IkeOffer)
{
    const SaPayload sa = ike::MakeIkeProposals({kIkeGcm, kIkeCbc, kIkeChaCha}, {});
    ASSERT_EQ(sa.proposals.size(), 3U);
    EXPECT_EQ(sa.proposals[0], IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 31)}, 1));
    EXPECT_EQ(sa.proposals[1],
              IkeProposal({T(kEncr, 12, 256), T(kInteg, 12), T(kPrf, 7), T(kKe, 14)}, 2));
    EXPECT_EQ(sa.proposals[2], IkeProposal({T(kEncr, 28), T(kPrf, 5), T(kKe, 19)}, 3));
    const Bytes spi{1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(ike::MakeIkeProposals({kIkeGcm}, spi).proposals[0].spi, spi);
}

/// The SA payload bodies that strongSwan 5.9.8 sent for the same suites.
TEST(Proposals, OctetsAreThoseOfStrongSwan)
{
    const auto octets = [](const SaPayload& sa)
    {
        const Bytes chain = wire::SerializePayloads({wire::MakePayload(wire::PayloadType::Sa, sa)});
        return test::ToHex(ByteSpan(chain).subspan(4));
    };
    EXPECT_EQ(octets(ike::MakeIkeProposals({kIkeGcm}, {})),
              "00000024010100030300000c01000014800e00800300000802000005000000080400001f");
    EXPECT_EQ(
        octets(ike::MakeIkeProposals({{kCbc256, PrfId::HmacSha2_256, GroupId::Modp2048}}, {})),
        "0000002c010100040300000c0100000c800e0100030000080300000c0300000802000005"
        "000000080400000e");
}

TEST(Proposals, ChildOffer)
{
    const std::vector<ChildSuite> suites{kChildPfs, kChildGcmEsn, {kNull, GroupId::None, false}};
    const SaPayload with = ike::MakeChildProposals(suites, 0x01020304, true);
    ASSERT_EQ(with.proposals.size(), 3U);
    EXPECT_EQ(with.proposals[0], EspProposal({T(kEncr, 20, 128), T(kKe, 31), T(kSn, 0)}, 1));
    EXPECT_EQ(with.proposals[1], EspProposal({T(kEncr, 20, 128), T(kSn, 1)}, 2));
    EXPECT_EQ(with.proposals[2], EspProposal({T(kEncr, 11), T(kInteg, 12), T(kSn, 0)}, 3));
    const SaPayload without = ike::MakeChildProposals(suites, 0x01020304, false);
    EXPECT_EQ(without.proposals[0], EspProposal({T(kEncr, 20, 128), T(kSn, 0)}, 1));
}

TEST(Proposals, OneOctetOfNumber)
{
    EXPECT_EQ(ike::MakeIkeProposals(std::vector<IkeSuite>(300, kIkeGcm), {}).proposals.size(),
              255U);
}

TEST(Proposals, OfferIsChosenAnsweredAndRead)
{
    const Bytes spi{9, 8, 7, 6, 5, 4, 3, 2};
    for (const IkeSuite& suite : {kIkeGcm, kIkeCbc, kIkeChaCha})
    {
        const auto offer = ike::MakeIkeProposals({kIkeGcm, kIkeCbc, kIkeChaCha}, spi);
        const auto choice = ike::ChooseIke({suite}, offer);
        ASSERT_TRUE(choice);
        EXPECT_EQ(choice->suite, suite);
        EXPECT_EQ(choice->peerSpi, spi);
        const Bytes answerSpi{1, 1, 1, 1, 2, 2, 2, 2};
        const auto read = ike::ReadIkeAnswer(ike::AnswerIke(*choice, answerSpi));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->suite, suite);
        EXPECT_EQ(read->proposalNumber, choice->proposalNumber);
        EXPECT_EQ(read->peerSpi, answerSpi);
    }
    const std::vector<ChildSuite> suites{kChildPfs,
                                         kChildGcmEsn,
                                         {kChaCha, GroupId::Ecp384, true},
                                         {kCbc256, GroupId::None, false}};
    for (const ChildSuite& suite : suites)
    {
        const auto choice =
            ike::ChooseChild({suite}, ike::MakeChildProposals(suites, 77, true), true);
        ASSERT_TRUE(choice);
        EXPECT_EQ(choice->peerSpi, (Bytes{0, 0, 0, 77}));
        const auto read = ike::ReadChildAnswer(ike::AnswerChild(*choice, 99, true));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->suite, suite);
        EXPECT_EQ(read->proposalNumber, choice->proposalNumber);
        EXPECT_EQ(read->peerSpi, (Bytes{0, 0, 0, 99}));
    }
}

TEST(Proposals, OurPreferenceDecides)
{
    const auto offer = ike::MakeIkeProposals({kIkeGcm, kIkeCbc, kIkeChaCha}, {});
    const auto choice = ike::ChooseIke({kIkeChaCha, kIkeGcm}, offer);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->suite, kIkeChaCha);
    EXPECT_EQ(choice->proposalNumber, 3);
    EXPECT_FALSE(ike::ChooseIke({kIkeGcm}, {}));
    EXPECT_FALSE(ike::ChooseIke({}, offer));
    EXPECT_FALSE(ike::ChooseIke({{kGcm256, PrfId::HmacSha2_256, GroupId::Curve25519}}, offer));
}

TEST(Proposals, AlternativesOfOneType)
{
    const Proposal offer = IkeProposal({T(kEncr, 20, 256),
                                        T(kEncr, 20, 128),
                                        T(kPrf, 7),
                                        T(kPrf, 5),
                                        T(kKe, 36),
                                        T(kKe, 31),
                                        T(kKe, 14)});
    EXPECT_TRUE(Accepts(kIkeGcm, offer));
    EXPECT_TRUE(Accepts({kGcm256, PrfId::HmacSha2_512, GroupId::Modp2048}, offer));
    EXPECT_FALSE(Accepts({kGcm128, PrfId::HmacSha2_384, GroupId::Curve25519}, offer));
    EXPECT_FALSE(Accepts({kGcm128, PrfId::HmacSha2_256, GroupId::Ecp256}, offer));
}

TEST(Proposals, EveryMandatoryTypeIsNeeded)
{
    const std::vector<Transform> ikeCbc{T(kEncr, 12, 256), T(kInteg, 12), T(kPrf, 7), T(kKe, 14)};
    EXPECT_TRUE(Accepts(kIkeCbc, IkeProposal(ikeCbc)));
    for (std::size_t i = 0; i < ikeCbc.size(); ++i)
    {
        auto fewer = ikeCbc;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(Accepts(kIkeCbc, IkeProposal(fewer))) << i;
        EXPECT_FALSE(ike::ReadIkeAnswer({{IkeProposal(fewer)}})) << i;
    }
    EXPECT_TRUE(Accepts(kChildGcm, EspProposal({T(kEncr, 20, 128), T(kSn, 0)})));
    EXPECT_FALSE(Accepts(kChildGcm, EspProposal({T(kEncr, 20, 128)})));
    EXPECT_FALSE(Accepts(kChildGcm, EspProposal({T(kSn, 0)})));
}

TEST(Proposals, UnknownIdsAreSkippedUnknownTypesReject)
{
    std::vector<Transform> offer{T(kEncr, 999, 128),
                                 T(kEncr, 20, 128),
                                 T(kPrf, 999),
                                 T(kPrf, 5),
                                 T(kKe, 999),
                                 T(kKe, 31)};
    EXPECT_TRUE(Accepts(kIkeGcm, IkeProposal(offer)));
    offer.push_back(T(static_cast<TransformType>(6), 36));
    EXPECT_FALSE(Accepts(kIkeGcm, IkeProposal(offer)));
    // The next proposal, without that type, is still good.
    const auto choice = ike::ChooseIke(
        {kIkeGcm},
        {{IkeProposal(offer, 1), IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 31)}, 2)}});
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->proposalNumber, 2);
    // Types that exist, but not in this protocol.
    EXPECT_FALSE(
        Accepts(kIkeGcm, IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 31), T(kSn, 0)})));
    EXPECT_FALSE(Accepts(kChildGcm, EspProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kSn, 0)})));
}

TEST(Proposals, KeyLengthAttribute)
{
    const auto offer = [](Transform encryption) {
        return EspProposal({std::move(encryption), T(kSn, 0)});
    };
    EXPECT_FALSE(Accepts(kChildGcm, offer(T(kEncr, 20))));
    EXPECT_FALSE(Accepts(kChildGcm, offer(T(kEncr, 20, 256))));
    const ChildSuite chacha{kChaCha, GroupId::None, false};
    EXPECT_TRUE(Accepts(chacha, offer(T(kEncr, 28))));
    EXPECT_FALSE(Accepts(chacha, offer(T(kEncr, 28, 256))));
    Transform extra = T(kEncr, 20, 128);
    extra.attributes.push_back({77, true, {0, 1}});
    EXPECT_FALSE(Accepts(kChildGcm, offer(extra)));
    EXPECT_FALSE(ike::ReadChildAnswer({{offer(T(kEncr, 20))}}));
    EXPECT_FALSE(ike::ReadChildAnswer({{offer(T(kEncr, 28, 256))}}));
    EXPECT_FALSE(ike::ReadChildAnswer({{offer(extra)}}));
    Transform longForm = T(kEncr, 20);
    longForm.attributes.push_back({14, false, {0, 128}});
    EXPECT_FALSE(Accepts(kChildGcm, offer(longForm)));
    EXPECT_FALSE(ike::ReadChildAnswer({{offer(longForm)}}));
}

TEST(Proposals, NoneIsTheSameAsAbsent)
{
    EXPECT_TRUE(
        Accepts(kIkeGcm, IkeProposal({T(kEncr, 20, 128), T(kInteg, 0), T(kPrf, 5), T(kKe, 31)})));
    EXPECT_FALSE(
        Accepts(kIkeGcm, IkeProposal({T(kEncr, 20, 128), T(kInteg, 12), T(kPrf, 5), T(kKe, 31)})));
    EXPECT_FALSE(
        Accepts(kIkeCbc, IkeProposal({T(kEncr, 12, 256), T(kInteg, 0), T(kPrf, 7), T(kKe, 14)})));
    // In an IKE SA a key exchange is never optional.
    const IkeSuite noGroup{kGcm128, PrfId::HmacSha2_256, GroupId::None};
    EXPECT_FALSE(Accepts(noGroup, IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 0)})));
    EXPECT_FALSE(ike::ReadIkeAnswer({{IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 0)})}}));

    const Proposal either = EspProposal({T(kEncr, 20, 128), T(kKe, 31), T(kKe, 0), T(kSn, 0)});
    const Proposal only = EspProposal({T(kEncr, 20, 128), T(kKe, 31), T(kSn, 0)});
    const Proposal absent = EspProposal({T(kEncr, 20, 128), T(kSn, 0)});
    EXPECT_TRUE(Accepts(kChildPfs, either));
    EXPECT_TRUE(Accepts(kChildPfs, only));
    EXPECT_FALSE(Accepts(kChildPfs, absent));
    EXPECT_TRUE(Accepts(kChildGcm, either));
    EXPECT_FALSE(Accepts(kChildGcm, only));
    EXPECT_TRUE(Accepts(kChildGcm, absent));
    // IKE_AUTH carries no KE payload, so only NONE can be meant (RFC 7296, section 1.2).
    EXPECT_TRUE(Accepts(kChildPfs, either, false));
    EXPECT_FALSE(Accepts(kChildPfs, only, false));
    EXPECT_TRUE(Accepts(kChildPfs, absent, false));
}

TEST(Proposals, SequenceNumbers)
{
    const Proposal both = EspProposal({T(kEncr, 20, 128), T(kSn, 0), T(kSn, 1)});
    const Proposal extended = EspProposal({T(kEncr, 20, 128), T(kSn, 1)});
    const Proposal unspecified = EspProposal({T(kEncr, 20, 128), T(kSn, 2)});
    EXPECT_TRUE(Accepts(kChildGcm, both));
    EXPECT_TRUE(Accepts(kChildGcmEsn, both));
    EXPECT_FALSE(Accepts(kChildGcm, extended));
    EXPECT_TRUE(Accepts(kChildGcmEsn, extended));
    EXPECT_FALSE(Accepts(kChildGcm, unspecified));
    EXPECT_FALSE(ike::ReadChildAnswer({{unspecified}}));
    EXPECT_FALSE(ike::ReadChildAnswer({{both}})) << "two alternatives are no answer";
}

TEST(Proposals, ProtocolAndSpi)
{
    Proposal esp = EspProposal({T(kEncr, 20, 128), T(kSn, 0)});
    for (const Bytes& spi : {Bytes{}, Bytes{1, 2}, Bytes(4), Bytes(8, 1)})
    {
        esp.spi = spi;
        EXPECT_FALSE(Accepts(kChildGcm, esp));
        EXPECT_FALSE(ike::ReadChildAnswer({{esp}}));
    }
    esp.spi = {0, 0, 1, 0};
    EXPECT_TRUE(Accepts(kChildGcm, esp));
    esp.protocol = ProtocolId::Ah;
    EXPECT_FALSE(Accepts(kChildGcm, esp));
    Proposal ike = IkeProposal({T(kEncr, 20, 128), T(kPrf, 5), T(kKe, 31)});
    ike.spi = Bytes(4, 1);
    EXPECT_FALSE(Accepts(kIkeGcm, ike));
    ike.spi = Bytes(8);
    EXPECT_FALSE(Accepts(kIkeGcm, ike));
    ike.spi = Bytes(8, 1);
    EXPECT_TRUE(Accepts(kIkeGcm, ike));
}

TEST(Proposals, AnswersOfUnsupportedSuitesAreRead)
{
    const auto ccm =
        ike::ReadIkeAnswer({{IkeProposal({T(kEncr, 15, 256), T(kPrf, 2), T(kKe, 2)}, 4)}});
    ASSERT_TRUE(ccm);
    EXPECT_EQ(static_cast<unsigned>(ccm->suite.cipher.encryption), 15U);
    EXPECT_EQ(ccm->suite.cipher.keyBits, 256);
    EXPECT_EQ(ccm->proposalNumber, 4);
    EXPECT_FALSE(crypto::FindTraits(ccm->suite.cipher));
    const auto tripleDes =
        ike::ReadChildAnswer({{EspProposal({T(kEncr, 3), T(kInteg, 2), T(kSn, 0)})}});
    ASSERT_TRUE(tripleDes);
    EXPECT_EQ(tripleDes->suite.cipher.keyBits, 0);
    EXPECT_EQ(static_cast<unsigned>(tripleDes->suite.cipher.integrity), 2U);
}

TEST(Proposals, WhatIsNoAnswer)
{
    const Proposal good = EspProposal({T(kEncr, 20, 128), T(kSn, 0)});
    EXPECT_TRUE(ike::ReadChildAnswer({{good}}));
    EXPECT_FALSE(ike::ReadChildAnswer({}));
    EXPECT_FALSE(ike::ReadChildAnswer({{good, good}}));
    EXPECT_FALSE(ike::ReadIkeAnswer({{good}}));
    EXPECT_FALSE(
        ike::ReadChildAnswer({{EspProposal({T(kEncr, 20, 128), T(kEncr, 20, 256), T(kSn, 0)})}}));
    EXPECT_FALSE(
        ike::ReadChildAnswer({{EspProposal({T(kEncr, 20, 128), T(kInteg, 12), T(kSn, 0)})}}));
    EXPECT_FALSE(ike::ReadChildAnswer({{EspProposal({T(kEncr, 12, 128), T(kSn, 0)})}}));
}

} // namespace
} // namespace ipseclab
