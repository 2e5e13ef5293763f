/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-scheme.h"

#include "model/esp/sequence-counters.h"
#include "model/esp/sequence-receiver.h"

#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <set>

namespace ipseclab::esp
{

namespace
{

Bytes
OnWire(const SequenceScheme& scheme, std::uint64_t number)
{
    Bytes field(scheme.HeaderLength() - 4);
    scheme.StoreOnWire(field.data(), number);
    return field;
}

TEST(SequenceScheme, Sub64HasTheSubspaceInTheUpperSixteenBits)
{
    const SequenceScheme scheme = SequenceScheme::Sub64(65536);
    const std::uint64_t number = scheme.Join({0x1234, 0x56789abcdef0});
    EXPECT_EQ(number, 0x123456789abcdef0U);
    EXPECT_EQ(scheme.HeaderLength(), 12U);
    EXPECT_EQ(OnWire(scheme, number), test::FromHex("123456789abcdef0"));
    const SequenceNumber read = scheme.LoadFromWire(OnWire(scheme, number).data());
    EXPECT_EQ(read.subspace, 0x1234);
    EXPECT_EQ(read.counter, 0x56789abcdef0U);
}

TEST(SequenceScheme, Sub32SendsTheSubspaceAndTheLowerBits)
{
    const SequenceScheme scheme = SequenceScheme::Sub32(4, 16);
    const std::uint64_t number = scheme.Join({0xa, 0x0123456789abcdef});
    EXPECT_EQ(number, 0xa123456789abcdefU);
    EXPECT_EQ(scheme.HeaderLength(), 8U);
    EXPECT_EQ(OnWire(scheme, number), test::FromHex("a9abcdef"));
    const SequenceNumber read = scheme.LoadFromWire(OnWire(scheme, number).data());
    EXPECT_EQ(read.subspace, 0xa);
    EXPECT_EQ(read.counter, 0x09abcdefU);
}

TEST(SequenceScheme, WithoutSubspacesTheWireHasTheLowerHalf)
{
    for (const bool extended : {false, true})
    {
        const SequenceScheme scheme = SequenceScheme::Plain(extended);
        EXPECT_EQ(OnWire(scheme, 0x0000000500000006), test::FromHex("00000006"));
        EXPECT_EQ(scheme.Split(0x500000006).counter, 0x500000006U);
        EXPECT_EQ(scheme.CoversWholeNumber(), extended);
    }
}

TEST(SequenceScheme, SubspacesMustFitIntoTheirBits)
{
    EXPECT_TRUE(SequenceScheme::Sub32(3, 8).IsValid());
    EXPECT_FALSE(SequenceScheme::Sub32(3, 9).IsValid());
    EXPECT_FALSE(SequenceScheme::Sub32(0, 1).IsValid());
    EXPECT_FALSE(SequenceScheme::Sub32(9, 1).IsValid());
    EXPECT_TRUE(SequenceScheme::Sub64(65536).IsValid());
    EXPECT_FALSE(SequenceScheme::Sub64(65537).IsValid());
    EXPECT_FALSE(SequenceScheme::Sub64(0).IsValid());
    OutboundSaConfig out = test::OutboundConfig();
    InboundSaConfig in = test::InboundConfig();
    EXPECT_TRUE(OutboundSa::Create(out));
    out.subspaces = in.subspaces = SequenceScheme::Sub32(3, 9);
    EXPECT_FALSE(OutboundSa::Create(out));
    EXPECT_FALSE(InboundSa::Create(in));
}

TEST(SequenceCounters, EachSubspaceCountsForItselfAndEndsForItself)
{
    const SequenceScheme scheme = SequenceScheme::Sub64(3);
    SequenceCounters counters(scheme, 2);
    EXPECT_EQ(counters.Next(2), scheme.Join({2, 1}));
    EXPECT_EQ(counters.Next(0), 1U);
    EXPECT_EQ(counters.Next(2), scheme.Join({2, 2}));
    EXPECT_EQ(counters.Next(2), std::nullopt);
    EXPECT_EQ(counters.Next(0), 2U);
    EXPECT_EQ(counters.Next(3), std::nullopt) << "beyond the subspaces that were agreed on";
    EXPECT_EQ(counters.Highest(), 2U);
    EXPECT_EQ(SequenceScheme::Sub64(3).LastCounter(), 0xffffffffffffU);
}

TEST(SequenceCounters, SendersThatShareThemNeverGiveANumberTwice)
{
    OutboundSaConfig config = test::OutboundConfig();
    config.subspaces = SequenceScheme::Sub64(2);
    config.sharedCounters =
        std::make_shared<SequenceCounters>(*config.subspaces, config.subspaces->LastCounter());
    const auto one = OutboundSa::Create(config);
    const auto other = OutboundSa::Create(config);
    std::set<std::uint64_t> given;
    for (std::uint16_t i = 0; i < 100; ++i)
    {
        EXPECT_TRUE(given.insert(*one->NextNumber(i % 2)).second);
        EXPECT_TRUE(given.insert(*other->NextNumber(i % 3 == 0 ? 1 : 0)).second);
    }
    EXPECT_EQ(given.size(), 200U);
}

/// Packets of an SA with subspaces, from sender to receiver.
class SubspacePair
{
  public:
    explicit SubspacePair(const SequenceScheme& scheme,
                          const crypto::CipherSuite& suite = {},
                          crypto::CryptoMode mode = crypto::CryptoMode::Real,
                          SubspaceIndex index = SubspaceIndex::Array)
    {
        OutboundSaConfig out = test::OutboundConfig(0x1000, suite);
        out.subspaces = scheme;
        out.mode = mode;
        InboundSaConfig in = test::InboundConfig(0x1000, suite);
        in.subspaces = scheme;
        in.mode = mode;
        in.subspaceIndex = index;
        m_sender = OutboundSa::Create(out);
        m_receiver = InboundSa::Create(in);
    }

    OutboundSa& Sender()
    {
        return *m_sender;
    }

    const InboundSa& Receiver() const
    {
        return *m_receiver;
    }

    PacketBuffer& Buffer()
    {
        return m_buffer;
    }

    void Seal(std::uint64_t number)
    {
        test::Fill(m_buffer, m_inner);
        m_sender->Seal(m_buffer, number);
    }

    DropReason Open()
    {
        const OpenResult result = m_receiver->Open(m_buffer, wire::kIpv4HeaderSize);
        if (result.drop == DropReason::None)
        {
            EXPECT_EQ(test::ToBytes(m_buffer), m_inner);
        }
        return result.drop;
    }

    DropReason Send(std::uint64_t number)
    {
        Seal(number);
        return Open();
    }

  private:
    Bytes m_inner{test::InnerPacket{}.Build()};
    std::unique_ptr<OutboundSa> m_sender;
    std::unique_ptr<InboundSa> m_receiver;
    PacketBuffer m_buffer;
};

const char* const kSuites[] = {"aes128gcm16",
                               "chacha20poly1305",
                               "aes128cbc-sha256",
                               "null-sha256"};

TEST(SubspaceSa, EverySuiteCarriesBothForms)
{
    for (const char* name : kSuites)
    {
        for (const SequenceScheme& scheme :
             {SequenceScheme::Sub64(300), SequenceScheme::Sub32(4, 16)})
        {
            SCOPED_TRACE(std::string(name) + " " + Name(scheme.kind));
            SubspacePair pair(scheme, test::SuiteByName(name));
            const std::uint16_t last = static_cast<std::uint16_t>(scheme.subspaces - 1);
            for (const std::uint16_t subspace : {std::uint16_t{0}, std::uint16_t{3}, last})
            {
                const std::uint64_t number = *pair.Sender().NextNumber(subspace);
                EXPECT_EQ(pair.Send(number), DropReason::None);
                EXPECT_EQ(pair.Send(number), DropReason::ReplayDuplicate);
            }
        }
    }
}

TEST(SubspaceSa, Sub64CostsFourOctetsAndSub32None)
{
    SubspacePair sub64(SequenceScheme::Sub64(16));
    SubspacePair sub32(SequenceScheme::Sub32(4, 16));
    const auto plain = OutboundSa::Create(test::OutboundConfig());
    for (const std::size_t length : {std::size_t{28}, std::size_t{99}, std::size_t{1400}})
    {
        EXPECT_EQ(sub64.Sender().SealedLength(length), plain->SealedLength(length) + 4);
        EXPECT_EQ(sub32.Sender().SealedLength(length), plain->SealedLength(length));
    }
    sub64.Seal(1);
    EXPECT_EQ(sub64.Buffer().Size(), sub64.Sender().SealedLength(48));
}

/// The bits that are not on the wire are in the ICV.
TEST(SubspaceSa, ImpliedBitsOfSub32AreAuthenticated)
{
    const SequenceScheme scheme = SequenceScheme::Sub32(8, 256);
    const std::uint64_t block = std::uint64_t{1} << 24;
    for (const char* name : kSuites)
    {
        SCOPED_TRACE(name);
        SubspacePair pair(scheme, test::SuiteByName(name));
        EXPECT_EQ(pair.Send(scheme.Join({7, block - 64})), DropReason::None);
        EXPECT_EQ(pair.Send(scheme.Join({7, block + 5})), DropReason::None);
        EXPECT_EQ(pair.Send(scheme.Join({7, block - 1})), DropReason::None);
        // 2^24 above the last that could be guessed: the lower bits are those of an earlier block.
        EXPECT_EQ(pair.Send(scheme.Join({7, 2 * block + 100})), DropReason::Icv);
    }
}

TEST(SubspaceSa, ForgedSubspacesCostNoMemory)
{
    SubspacePair pair(SequenceScheme::Sub64(1000));
    const std::size_t before = pair.Receiver().Sequence().Octets();
    for (std::uint16_t subspace = 1; subspace < 1000; ++subspace)
    {
        pair.Seal(SequenceScheme::Sub64(1000).Join({subspace, 1}));
        pair.Buffer().Data()[pair.Buffer().Size() - 1] ^= 1;
        EXPECT_EQ(pair.Open(), DropReason::Icv);
    }
    EXPECT_EQ(pair.Receiver().Sequence().Octets(), before);
    EXPECT_EQ(pair.Receiver().Sequence().WindowCount(), 1U);
    EXPECT_EQ(pair.Send(SequenceScheme::Sub64(1000).Join({999, 1})), DropReason::None);
    EXPECT_EQ(pair.Receiver().Sequence().WindowCount(), 2U);
    EXPECT_GT(pair.Receiver().Sequence().Octets(), before);
    EXPECT_EQ(pair.Receiver().Sequence().Find(998), nullptr);
    EXPECT_EQ(pair.Receiver().Sequence().Find(999)->Top(), 1U);
}

TEST(SubspaceSa, ASubspaceBeyondTheAgreedOnesIsRefusedBeforeTheIcv)
{
    SubspacePair pair(SequenceScheme::Sub64(4));
    pair.Seal(SequenceScheme::Sub64(65536).Join({4, 1}));
    EXPECT_EQ(pair.Open(), DropReason::SubspaceRange);
    EXPECT_EQ(pair.Sender().NextNumber(4), std::nullopt);
}

TEST(SubspaceSa, RulesChooseTheSubspace)
{
    OutboundSaConfig config = test::OutboundConfig();
    config.subspaces = SequenceScheme::Sub64(4);
    const auto choose = [&](SubspaceRule rule, std::uint8_t tos, std::uint16_t port)
    {
        config.subspaceRule = rule;
        test::InnerPacket inner;
        inner.tos = tos;
        inner.sourcePort = port;
        const Bytes packet = inner.Build();
        wire::IpView view;
        EXPECT_TRUE(wire::ParseIp(packet, view));
        return OutboundSa::Create(config)->ChooseSubspace(view);
    };
    EXPECT_EQ(choose(SubspaceRule::First, 0xb8, 1), 0);
    EXPECT_EQ(choose(SubspaceRule::ClassNumber, 0xb8, 1), 5 % 4); // EF: class selector 5
    EXPECT_EQ(choose(SubspaceRule::ClassNumber, 0x02, 1), 0);     // ECN is no part of the class
    EXPECT_EQ(choose(SubspaceRule::ClassNumber, 0x40, 1), 2);
    std::set<std::uint16_t> used;
    for (std::uint16_t port = 0; port < 100; ++port)
    {
        const auto subspace = choose(SubspaceRule::Flow, 0, port);
        EXPECT_EQ(subspace, choose(SubspaceRule::Flow, 0xff, port)) << "a flow has one subspace";
        EXPECT_LT(subspace, 4);
        used.insert(subspace);
    }
    EXPECT_EQ(used.size(), 4U);

    config.subspaceRule = SubspaceRule::RoundRobin;
    const auto sa = OutboundSa::Create(config);
    const Bytes packet = test::InnerPacket{}.Build();
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(packet, view));
    for (const std::uint16_t expected : {0, 1, 2, 3, 0, 1})
    {
        EXPECT_EQ(sa->ChooseSubspace(view), expected);
    }
}

/// What an engine is told of a packet before it is opened, and may be forged.
TEST(SubspaceSa, ThePeekedNumberIsThatOnTheWire)
{
    const auto peek = [](const SequenceScheme& scheme, const char* octets)
    {
        InboundSaConfig config = test::InboundConfig();
        config.subspaces = scheme;
        const SequenceNumber sent = InboundSa::Create(config)->PeekNumber(test::FromHex(octets));
        return std::pair<unsigned, std::uint64_t>(sent.subspace, sent.counter);
    };
    using Parts = std::pair<unsigned, std::uint64_t>;
    EXPECT_EQ(peek(SequenceScheme::Plain(false), "0000100000000007"), Parts(0, 7));
    EXPECT_EQ(peek(SequenceScheme::Plain(true), "0000100000000007"), Parts(0, 7));
    EXPECT_EQ(peek(SequenceScheme::Plain(false), "00001000000000"), Parts(0, 0));
    EXPECT_EQ(peek(SequenceScheme::Sub64(4), "000010000000000000000009"), Parts(0, 9));
    EXPECT_EQ(peek(SequenceScheme::Sub64(4), "000010000003000000000009"), Parts(0, 0));
    EXPECT_EQ(peek(SequenceScheme::Sub64(4), "000010000004000000000009"), Parts(0, 0));
    EXPECT_EQ(peek(SequenceScheme::Sub64(4), "0000100000030000"), Parts(0, 0));
    EXPECT_EQ(peek(SequenceScheme::Sub32(3, 8), "0000100000000005"), Parts(0, 5));
    EXPECT_EQ(peek(SequenceScheme::Sub32(3, 8), "00001000e0000005"), Parts(0, 0));
}

/// Engines keep a lock for each subspace that they are told of: forged ones make no more of them.
TEST(SubspaceSa, OnlySubspacesOfAuthenticPacketsAreTold)
{
    for (const SubspaceIndex index : {SubspaceIndex::Array, SubspaceIndex::Hash})
    {
        const SequenceScheme scheme = SequenceScheme::Sub64(1000);
        SubspacePair pair(scheme, {}, crypto::CryptoMode::Real, index);
        const auto peek = [&](std::uint16_t subspace)
        {
            pair.Seal(scheme.Join({subspace, 2}));
            const SequenceNumber told =
                pair.Receiver().PeekNumber(pair.Buffer().Span().subspan(wire::kIpv4HeaderSize));
            return std::pair<unsigned, std::uint64_t>(told.subspace, told.counter);
        };
        using Parts = std::pair<unsigned, std::uint64_t>;
        for (std::uint16_t subspace = 1; subspace < 1000; ++subspace)
        {
            ASSERT_EQ(peek(subspace), Parts(0, 0));
        }
        ASSERT_EQ(pair.Send(scheme.Join({999, 1})), DropReason::None);
        EXPECT_EQ(peek(999), Parts(999, 2));
        EXPECT_EQ(peek(998), Parts(0, 0));
    }
}

TEST(SubspaceSa, AResourceHasItsSubspaceWhateverThePacketIs)
{
    OutboundSaConfig config = test::OutboundConfig();
    config.subspaces = SequenceScheme::Sub64(4);
    config.subspaceRule = SubspaceRule::Resource;
    const auto sa = OutboundSa::Create(config);
    for (const std::uint8_t tos : {0x00, 0xb8})
    {
        test::InnerPacket inner;
        inner.tos = tos;
        const Bytes packet = inner.Build();
        wire::IpView view;
        ASSERT_TRUE(wire::ParseIp(packet, view));
        EXPECT_EQ(sa->ChooseSubspace(view), 0) << "unless told, it is the first";
        for (std::uint32_t resource = 0; resource < 9; ++resource)
        {
            EXPECT_EQ(sa->PeekSubspace(view, resource), resource % 4);
            EXPECT_EQ(sa->ChooseSubspace(view, resource), resource % 4);
        }
    }
    // Without subspaces there is nothing to choose.
    config.subspaces.reset();
    const Bytes packet = test::InnerPacket{}.Build();
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(packet, view));
    EXPECT_EQ(OutboundSa::Create(config)->ChooseSubspace(view, 3), 0);
}

} // namespace

} // namespace ipseclab::esp
