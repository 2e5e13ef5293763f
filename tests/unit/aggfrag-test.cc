/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/aggfrag.h"

#include <gtest/gtest.h>

namespace ipseclab::wire
{

namespace
{

/// An IP packet as far as AGGFRAG looks at it; `mark` fills it.
Bytes
Packet(std::size_t length, std::uint8_t mark, bool v6 = false)
{
    Bytes packet(length, mark);
    packet[0] = v6 ? 0x60 : 0x45;
    StoreBe16(&packet[v6 ? 4 : 2], static_cast<std::uint16_t>(v6 ? length - 40 : length));
    return packet;
}

std::vector<Bytes>
Mixture()
{
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < 40; ++i)
    {
        packets.push_back(Packet(40 + i * 67 % 1460, static_cast<std::uint8_t>(i), i % 3 == 0));
    }
    return packets;
}

std::vector<Bytes>
Payloads(const std::vector<Bytes>& packets, std::size_t capacity, bool fragment = true)
{
    AggfragPacker packer(capacity, fragment);
    for (const Bytes& packet : packets)
    {
        EXPECT_TRUE(packer.Enqueue(packet));
    }
    std::vector<Bytes> payloads;
    while (packer.Waiting() > 0)
    {
        payloads.push_back(packer.Next());
        EXPECT_EQ(payloads.back().size(), kAggfragHeaderSize + capacity);
    }
    return payloads;
}

AggfragVerdict
Give(AggfragAssembler& assembler, std::uint64_t number, const Bytes& blocks, std::uint16_t offset)
{
    std::vector<Bytes> packets;
    AggfragHeader header;
    header.blockOffset = offset;
    return assembler.Add(number, BuildAggfrag(header, blocks), packets);
}

} // namespace

/// Each octet set by hand, after the figures of RFC 9347, sections 6.1.1 and 6.1.2.
TEST(AggfragTest, HeadersAreThoseOfTheRfc)
{
    AggfragHeader plain;
    plain.blockOffset = 0x1234;
    EXPECT_EQ(BuildAggfrag(plain, {}), (Bytes{0, 0, 0x12, 0x34}));

    AggfragHeader full = plain;
    full.congestion = AggfragCongestion{true, false, 0x01020304, 1, 2, 3, 0x0a0b0c0d, 0x10111213};
    // 22 bits of 1, 21 bits of 2, 21 bits of 3: 1 << 42 | 2 << 21 | 3.
    const Bytes wanted{1, 2,    0x12, 0x34, 1,    2,    3,    4,    0,    0,    4,    0,
                       0, 0x40, 0,    3,    0x0a, 0x0b, 0x0c, 0x0d, 0x10, 0x11, 0x12, 0x13};
    EXPECT_EQ(BuildAggfrag(full, {}), wanted);
    const auto parsed = ParseAggfrag(wanted);
    ASSERT_TRUE(parsed && parsed->header.congestion);
    EXPECT_TRUE(parsed->header.congestion->probing);
    EXPECT_FALSE(parsed->header.congestion->ceMarks);
    EXPECT_EQ(parsed->header.congestion->roundTrip, 1U);
    EXPECT_EQ(parsed->header.congestion->echoDelay, 2U);
    EXPECT_EQ(parsed->header.congestion->transmitDelay, 3U);
    EXPECT_EQ(parsed->header.congestion->timeEcho, 0x10111213U);
}

TEST(AggfragTest, TimesThatDoNotFitAreSaturated)
{
    AggfragHeader header;
    header.congestion = AggfragCongestion{false, true, 0, 1U << 30, 1U << 30, 1U << 30, 0, 0};
    const Bytes octets = BuildAggfrag(header, {});
    const auto parsed = ParseAggfrag(octets);
    ASSERT_TRUE(parsed && parsed->header.congestion);
    EXPECT_TRUE(parsed->header.congestion->ceMarks);
    EXPECT_EQ(parsed->header.congestion->roundTrip, AggfragCongestion::kMaxRoundTrip);
    EXPECT_EQ(parsed->header.congestion->echoDelay, AggfragCongestion::kMaxDelay);
    EXPECT_EQ(parsed->header.congestion->transmitDelay, AggfragCongestion::kMaxDelay);
}

TEST(AggfragTest, OtherPayloadsAreRefused)
{
    EXPECT_FALSE(ParseAggfrag(Bytes{0, 0, 0}));
    EXPECT_FALSE(ParseAggfrag(Bytes{0, 1, 0, 0}));
    EXPECT_FALSE(ParseAggfrag(Bytes{2, 0, 0, 0}));
    EXPECT_FALSE(ParseAggfrag(Bytes(kAggfragCongestionHeaderSize - 1, 1)));
}

/// Down to one octet in each payload, so that every field is cut somewhere.
TEST(AggfragTest, WhatWasPackedComesOut)
{
    const std::vector<Bytes> packets = Mixture();
    for (const std::size_t capacity : {1U, 2U, 3U, 5U, 64U, 1442U, 9000U})
    {
        AggfragAssembler assembler;
        std::vector<Bytes> arrived;
        std::uint64_t number = 0;
        for (const Bytes& payload : Payloads(packets, capacity))
        {
            ASSERT_EQ(assembler.Add(++number, payload, arrived), AggfragVerdict::Taken);
        }
        EXPECT_EQ(arrived, packets) << capacity;
        EXPECT_EQ(assembler.Held(), 0U);
    }
}

/// 1442 octets are left of 1500 with AES-GCM in IPv4: 1500-octet packets take 1500 / 1442 each.
TEST(AggfragTest, PayloadsAreFilled)
{
    const std::vector<Bytes> packets(721, Packet(1500, 7));
    EXPECT_EQ(Payloads(packets, 1442).size(), 750U);
}

TEST(AggfragTest, APeerThatTakesNoFragmentsGetsNone)
{
    for (const Bytes& payload : Payloads({3, Packet(600, 1)}, 1442, false))
    {
        EXPECT_EQ(ParseAggfrag(payload)->header.blockOffset, 0U);
    }
    EXPECT_EQ(Payloads({3, Packet(600, 1)}, 1442, false).size(), 2U);
    AggfragPacker packer(1442, false);
    EXPECT_FALSE(packer.Enqueue(Packet(1443, 1)));
    EXPECT_FALSE(packer.Enqueue({}));
    EXPECT_FALSE(packer.Enqueue(Bytes(100, 0x45))); // names another length
}

/// Each payload in turn is lost: what does not touch it arrives, and nothing that was not sent.
TEST(AggfragTest, ALostPayloadLosesOnlyWhatItTouches)
{
    constexpr std::size_t kCapacity = 100;
    const std::vector<Bytes> packets = Mixture();
    const std::vector<Bytes> payloads = Payloads(packets, kCapacity);
    for (std::size_t lost = 0; lost < payloads.size(); ++lost)
    {
        AggfragAssembler assembler;
        std::vector<Bytes> arrived;
        for (std::size_t i = 0; i < payloads.size(); ++i)
        {
            if (i != lost)
            {
                ASSERT_EQ(assembler.Add(i, payloads[i], arrived), AggfragVerdict::Taken);
            }
        }
        std::vector<Bytes> expected;
        std::size_t begin = 0;
        for (const Bytes& packet : packets)
        {
            const std::size_t end = begin + packet.size();
            if (end <= lost * kCapacity || begin >= (lost + 1) * kCapacity)
            {
                expected.push_back(packet);
            }
            begin = end;
        }
        EXPECT_EQ(arrived, expected) << lost;
    }
}

TEST(AggfragTest, PaddingMayComeBetweenFragments)
{
    const std::vector<Bytes> payloads = Payloads({Packet(150, 9)}, 100);
    ASSERT_EQ(payloads.size(), 2U);
    AggfragPacker idle(100, true);
    AggfragAssembler assembler;
    std::vector<Bytes> arrived;
    assembler.Add(1, payloads[0], arrived);
    EXPECT_EQ(assembler.Add(2, idle.Next(), arrived), AggfragVerdict::Taken);
    assembler.Add(3, payloads[1], arrived);
    EXPECT_EQ(arrived, std::vector<Bytes>{Packet(150, 9)});
}

TEST(AggfragTest, LengthsAndOffsetsThatDisagreeGiveThePacketUp)
{
    const Bytes begin = []
    {
        Bytes part = Packet(100, 1);
        part.resize(60);
        return part;
    }();
    for (const std::uint16_t offset : std::initializer_list<std::uint16_t>{0, 39, 41, 0xffff})
    {
        AggfragAssembler assembler;
        EXPECT_EQ(Give(assembler, 1, begin, 0), AggfragVerdict::Taken);
        EXPECT_EQ(assembler.Held(), 60U);
        const Bytes next = Packet(50, 2);
        EXPECT_EQ(Give(assembler, 2, next, offset), AggfragVerdict::BadBlock) << offset;
        EXPECT_EQ(assembler.Held(), 0U);
        EXPECT_EQ(assembler.GetCounters().abandoned, 1U);
    }
    AggfragAssembler assembler;
    EXPECT_EQ(Give(assembler, 1, Bytes(20, 0x50), 0), AggfragVerdict::BadBlock);
    EXPECT_EQ(Give(assembler, 2, Bytes{0x45, 0, 0, 19}, 0), AggfragVerdict::BadBlock);
}

} // namespace ipseclab::wire
