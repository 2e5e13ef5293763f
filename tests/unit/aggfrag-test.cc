/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/aggfrag.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <set>

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

Bytes
NextOf(AggfragPacker& packer, std::size_t capacity, bool pad = true)
{
    Bytes payload(kAggfragHeaderSize + capacity);
    payload.resize(packer.Next(payload, pad));
    return payload;
}

std::vector<Bytes>
Payloads(const std::vector<Bytes>& packets, std::size_t capacity, bool fragment = true)
{
    AggfragPacker packer(fragment);
    for (const Bytes& packet : packets)
    {
        EXPECT_TRUE(packer.Enqueue(packet));
    }
    std::vector<Bytes> payloads;
    while (packer.Waiting() > 0)
    {
        payloads.push_back(NextOf(packer, capacity));
        EXPECT_EQ(payloads.back().size(), kAggfragHeaderSize + capacity);
    }
    EXPECT_EQ(packer.WaitingOctets(), 0U);
    return payloads;
}

/// An assembler, and the packets that came out of it.
struct Receiver
{
    AggfragVerdict Add(std::uint64_t number, const Bytes& payload)
    {
        return assembler.Add(number,
                             payload,
                             [this](ByteSpan packet)
                             { arrived.emplace_back(packet.begin(), packet.end()); });
    }

    /// A payload with these blocks and that offset.
    AggfragVerdict Give(std::uint64_t number, const Bytes& blocks, std::uint16_t offset)
    {
        AggfragHeader header;
        header.blockOffset = offset;
        return Add(number, BuildAggfrag(header, blocks));
    }

    AggfragAssembler assembler;
    std::vector<Bytes> arrived;
};

/// Those of the packets, sent one after the other, that no lost payload touches.
std::vector<Bytes>
Untouched(const std::vector<Bytes>& packets,
          std::size_t capacity,
          const std::set<std::size_t>& lost)
{
    std::vector<Bytes> whole;
    std::size_t begin = 0;
    for (const Bytes& packet : packets)
    {
        const std::size_t end = begin + packet.size();
        if (std::none_of(lost.begin(),
                         lost.end(),
                         [&](std::size_t i)
                         { return end > i * capacity && begin < (i + 1) * capacity; }))
        {
            whole.push_back(packet);
        }
        begin = end;
    }
    return whole;
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
    EXPECT_FALSE(ParseAggfrag(Bytes{2, 0, 0, 0}));
    EXPECT_FALSE(ParseAggfrag(Bytes(kAggfragCongestionHeaderSize - 1, 1)));
}

/// "Set to 0 on generation and ignored on receipt", in both formats.
TEST(AggfragTest, ReservedBitsAreIgnored)
{
    const auto plain = ParseAggfrag(Bytes{0, 0xff, 0x12, 0x34, 5});
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->header.congestion);
    EXPECT_EQ(plain->header.blockOffset, 0x1234);
    EXPECT_EQ(plain->blocks.size(), 1U);
    Bytes full(kAggfragCongestionHeaderSize);
    full[0] = 1;
    full[1] = 0xfe;
    const auto controlled = ParseAggfrag(full);
    ASSERT_TRUE(controlled && controlled->header.congestion);
    EXPECT_TRUE(controlled->header.congestion->probing);
    EXPECT_FALSE(controlled->header.congestion->ceMarks);
}

/// What a peer with congestion control sends is taken for its packets, between plain payloads, too.
TEST(AggfragTest, PacketsComeOutOfBothFormats)
{
    const std::vector<Bytes> packets = Mixture();
    Receiver receiver;
    std::uint64_t number = 0;
    for (const Bytes& octets : Payloads(packets, 100))
    {
        const auto payload = ParseAggfrag(octets);
        AggfragHeader header = payload->header;
        if (++number % 3 != 0)
        {
            header.congestion = AggfragCongestion{true, true, 7, 1000, 10, 10, 1, 2};
        }
        ASSERT_EQ(receiver.Add(number, BuildAggfrag(header, payload->blocks)),
                  AggfragVerdict::Taken);
    }
    EXPECT_EQ(receiver.arrived, packets);
}

/// Down to one octet in each payload, so that every field is cut somewhere.
TEST(AggfragTest, WhatWasPackedComesOut)
{
    const std::vector<Bytes> packets = Mixture();
    for (const std::size_t capacity : {1U, 2U, 3U, 5U, 64U, 1442U, 9000U})
    {
        Receiver receiver;
        std::uint64_t number = 0;
        for (const Bytes& payload : Payloads(packets, capacity))
        {
            ASSERT_EQ(receiver.Add(++number, payload), AggfragVerdict::Taken);
        }
        EXPECT_EQ(receiver.arrived, packets) << capacity;
        EXPECT_EQ(receiver.assembler.Held(), 0U);
    }
}

/// The same in any order: each packet comes out once, as soon as its last part is there.
TEST(AggfragTest, PayloadsMayComeInAnyOrder)
{
    std::vector<Bytes> packets = Mixture();
    std::sort(packets.begin(), packets.end());
    std::mt19937 random(1);
    for (const std::size_t capacity : {7U, 40U, 100U, 1442U})
    {
        for (int round = 0; round < 5; ++round)
        {
            const std::vector<Bytes> payloads = Payloads(packets, capacity);
            std::vector<std::size_t> order(payloads.size());
            std::iota(order.begin(), order.end(), 0);
            std::shuffle(order.begin(), order.end(), random);
            Receiver receiver;
            std::set<std::size_t> missing(order.begin(), order.end());
            for (const std::size_t i : order)
            {
                ASSERT_EQ(receiver.Add(i + 1, payloads[i]), AggfragVerdict::Taken);
                missing.erase(i);
                if (capacity >= 100)
                {
                    ASSERT_EQ(receiver.arrived.size(),
                              Untouched(packets, capacity, missing).size());
                }
            }
            std::sort(receiver.arrived.begin(), receiver.arrived.end());
            ASSERT_EQ(receiver.arrived, packets) << capacity;
            EXPECT_EQ(receiver.assembler.Held(), 0U);
        }
    }
}

/// 1442 octets are left of 1500 with AES-GCM in IPv4: 1500-octet packets take 1500 / 1442 each.
TEST(AggfragTest, PayloadsAreFilled)
{
    const std::vector<Bytes> packets(721, Packet(1500, 7));
    EXPECT_EQ(Payloads(packets, 1442).size(), 750U);
}

TEST(AggfragTest, WithoutPaddingAPayloadIsAsLongAsWhatItHolds)
{
    AggfragPacker packer(true);
    EXPECT_TRUE(packer.Enqueue(Packet(1500, 1)));
    EXPECT_EQ(NextOf(packer, 1442, false).size(), 4U + 1442);
    EXPECT_EQ(packer.WaitingOctets(), 58U);
    EXPECT_EQ(NextOf(packer, 1442, false),
              []
              {
                  Bytes rest(62, 1);
                  StoreBe32(rest.data(), 58);
                  return rest;
              }());
    EXPECT_EQ(NextOf(packer, 1442, false), Bytes(4));
    EXPECT_EQ(packer.Sent(), 1U);
}

TEST(AggfragTest, APeerThatTakesNoFragmentsGetsNone)
{
    for (const Bytes& payload : Payloads({3, Packet(600, 1)}, 1442, false))
    {
        EXPECT_EQ(ParseAggfrag(payload)->header.blockOffset, 0U);
    }
    EXPECT_EQ(Payloads({3, Packet(600, 1)}, 1442, false).size(), 2U);
    AggfragPacker packer(false);
    EXPECT_FALSE(packer.Enqueue({}));
    EXPECT_FALSE(packer.Enqueue(Bytes(100, 0x45))); // names another length
    EXPECT_TRUE(packer.Enqueue(Packet(1443, 1)));
    EXPECT_TRUE(packer.Enqueue(Packet(1442, 2)));
    EXPECT_TRUE(packer.Enqueue(Packet(1443, 3)));
    std::vector<Bytes> tooBig;
    const auto give = [&](ByteSpan packet) { tooBig.emplace_back(packet.begin(), packet.end()); };
    packer.GiveUpTooBig(1442, give);
    EXPECT_EQ(ParseAggfrag(NextOf(packer, 1442))->blocks[100], 2);
    EXPECT_EQ(packer.Padding(), 0U);
    EXPECT_EQ(ParseAggfrag(NextOf(packer, 1442))->blocks[100], 0); // does not fit and is not cut
    EXPECT_EQ(packer.Padding(), 1U);
    packer.GiveUpTooBig(1442, give);
    EXPECT_EQ(tooBig, (std::vector<Bytes>{Packet(1443, 1), Packet(1443, 3)}));
    EXPECT_EQ(packer.Waiting(), 0U);
}

/// No fragment goes on under another SA: what is taken out is whole.
TEST(AggfragTest, WhatIsTakenOutIsWhole)
{
    AggfragPacker packer(true);
    EXPECT_TRUE(packer.Enqueue(Packet(150, 1)));
    EXPECT_TRUE(packer.Enqueue(Packet(50, 2)));
    NextOf(packer, 100);
    EXPECT_EQ(packer.TakeAll(), (std::vector<Bytes>{Packet(150, 1), Packet(50, 2)}));
    EXPECT_EQ(packer.Waiting(), 0U);
    EXPECT_EQ(packer.WaitingOctets(), 0U);
}

/// Each payload in turn is lost: what does not touch it arrives, and nothing that was not sent.
TEST(AggfragTest, ALostPayloadLosesOnlyWhatItTouches)
{
    constexpr std::size_t kCapacity = 100;
    const std::vector<Bytes> packets = Mixture();
    const std::vector<Bytes> payloads = Payloads(packets, kCapacity);
    for (std::size_t lost = 0; lost < payloads.size(); ++lost)
    {
        Receiver receiver;
        for (std::size_t i = 0; i < payloads.size(); ++i)
        {
            if (i != lost)
            {
                ASSERT_EQ(receiver.Add(i, payloads[i]), AggfragVerdict::Taken);
                receiver.assembler.GiveUpBefore(i + 1);
            }
        }
        receiver.assembler.GiveUpBefore(payloads.size() + 1);
        EXPECT_EQ(receiver.arrived, Untouched(packets, kCapacity, {lost})) << lost;
        EXPECT_EQ(receiver.assembler.Held(), 0U);
    }
}

TEST(AggfragTest, PaddingMayComeBetweenFragments)
{
    const std::vector<Bytes> payloads = Payloads({Packet(150, 9)}, 100);
    ASSERT_EQ(payloads.size(), 2U);
    AggfragPacker idle(true);
    const Bytes padding = NextOf(idle, 100);
    for (const auto& order : {std::array<int, 3>{0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}})
    {
        Receiver receiver;
        for (const int i : order)
        {
            const Bytes& payload = i == 1 ? padding : payloads[i == 0 ? 0 : 1];
            EXPECT_EQ(receiver.Add(static_cast<std::uint64_t>(i) + 1, payload),
                      AggfragVerdict::Taken);
        }
        EXPECT_EQ(receiver.arrived, std::vector<Bytes>{Packet(150, 9)});
    }
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
        Receiver receiver;
        EXPECT_EQ(receiver.Give(1, begin, 0), AggfragVerdict::Taken);
        EXPECT_EQ(receiver.assembler.Held(), 60U);
        EXPECT_EQ(receiver.Give(2, Packet(50, 2), offset), AggfragVerdict::BadBlock) << offset;
        EXPECT_EQ(receiver.assembler.Held(), 0U);
        EXPECT_EQ(receiver.assembler.GetCounters().abandoned, 1U);
    }
    Receiver receiver;
    EXPECT_EQ(receiver.Give(1, Bytes(20, 0x50), 0), AggfragVerdict::BadBlock);
    EXPECT_EQ(receiver.Give(2, Bytes{0x45, 0, 0, 19}, 0), AggfragVerdict::BadBlock);
    EXPECT_TRUE(receiver.arrived.empty());
}

/// What goes on in the middle, in whichever order it comes, has to fit at both ends.
TEST(AggfragTest, AMiddleThatDoesNotFitGivesThePacketUp)
{
    const Bytes packet = Packet(300, 1);
    const std::array<Bytes, 3> parts{Bytes(packet.begin(), packet.begin() + 100),
                                     Bytes(packet.begin() + 100, packet.begin() + 200),
                                     Bytes(packet.begin() + 200, packet.end())};
    std::array<std::uint64_t, 3> order{1, 2, 3};
    do
    {
        for (const std::uint16_t offset : {std::uint16_t{200}, std::uint16_t{199}})
        {
            Receiver receiver;
            int bad = 0;
            for (const std::uint64_t number : order)
            {
                const std::array<std::uint16_t, 3> offsets{0, offset, 100};
                bad += receiver.Give(number, parts[number - 1], offsets[number - 1]) ==
                       AggfragVerdict::BadBlock;
            }
            EXPECT_EQ(receiver.arrived.size(), offset == 200 ? 1U : 0U);
            EXPECT_EQ(bad > 0, offset != 200);
            EXPECT_EQ(receiver.Give(4, Packet(60, 5), 0), AggfragVerdict::Taken);
            EXPECT_EQ(receiver.arrived.back(), Packet(60, 5));
            EXPECT_EQ(receiver.assembler.Held(), 0U);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(AggfragTest, WhatIsNotWaitedForIsLate)
{
    Receiver receiver;
    EXPECT_EQ(receiver.Give(2, Packet(50, 1), 0), AggfragVerdict::Taken);
    EXPECT_EQ(receiver.Give(2, Packet(50, 1), 0), AggfragVerdict::Repeated);
    receiver.assembler.GiveUpBefore(2);
    EXPECT_EQ(receiver.Give(1, Packet(50, 1), 0), AggfragVerdict::Late);
    EXPECT_EQ(receiver.Add(3, Bytes{0, 0, 0}), AggfragVerdict::Malformed);
    EXPECT_EQ(receiver.Give(4, Packet(50, 1), 0), AggfragVerdict::Taken);
    EXPECT_EQ(receiver.arrived.size(), 2U);
}

} // namespace ipseclab::wire
