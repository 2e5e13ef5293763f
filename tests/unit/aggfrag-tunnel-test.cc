/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/aggfrag-receiver.h"
#include "model/esp/aggfrag-sender.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>

/*
 * SAs that carry AGGFRAG payloads (RFC 9347): when payloads are sent, the reorder window and its
 * timer, and what the data plane makes of them.
 */

namespace ipseclab::esp
{

namespace
{

using namespace std::chrono_literals;
using wire::AggfragVerdict;
using wire::kAggfragHeaderSize;
using Instant = AggfragSender::Instant;

constexpr std::size_t kCapacity = 100;

Bytes
Packet(std::size_t length, std::uint32_t content = 0)
{
    test::InnerPacket packet;
    packet.length = length;
    packet.content = content;
    return packet.Build();
}

/// Octets of the data blocks in the payload that is due.
std::size_t
Next(AggfragSender& sender, Instant now)
{
    Bytes payload(kAggfragHeaderSize + kCapacity);
    return sender.Next(now, payload, [](ByteSpan) { ADD_FAILURE(); }).length - kAggfragHeaderSize;
}

/// Numbered payloads with one packet each, of which the content is the number.
struct Receiving
{
    explicit Receiving(const AggfragReceiverConfig& config)
        : receiver(config)
    {
    }

    void Add(Instant now, std::uint64_t number)
    {
        const Bytes packet = Packet(40, static_cast<std::uint32_t>(number));
        receiver.Add(now, number, wire::BuildAggfrag({}, packet), sink);
    }

    void Add(std::uint64_t number)
    {
        Add(0ns, number);
    }

    std::uint64_t Verdicts(AggfragVerdict verdict) const
    {
        return receiver.GetCounters()[verdict];
    }

    AggfragReceiver receiver;
    std::vector<std::uint64_t> arrived;
    AggfragReceiver::Sink sink{[this](ByteSpan packet) { arrived.push_back(packet[28]); }};
};

using Numbers = std::vector<std::uint64_t>;

AggfragReceiverConfig
Config(std::size_t window, bool inOrder, std::chrono::nanoseconds dropTime = 1s)
{
    AggfragReceiverConfig config;
    config.window = window;
    config.inOrder = inOrder;
    config.dropTime = dropTime;
    return config;
}

} // namespace

// ---- when payloads are sent

TEST(AggfragSenderTest, OnDemandAFullPayloadGoesAtOnceAndTheRestWhenTheDelayIsOver)
{
    AggfragSenderConfig config;
    config.delay = 5ms;
    AggfragSender sender(config, 0ns);
    EXPECT_FALSE(sender.Due());
    EXPECT_EQ(sender.Enqueue(10ms, Packet(60)), DropReason::None);
    EXPECT_EQ(sender.Due(), Instant(15ms));
    EXPECT_FALSE(sender.IsDue(14ms));
    EXPECT_FALSE(sender.IsFull(kCapacity));
    EXPECT_EQ(sender.Enqueue(14ms, Packet(60)), DropReason::None);
    EXPECT_TRUE(sender.IsFull(kCapacity));
    EXPECT_EQ(Next(sender, 14ms), kCapacity);
    // 20 octets are left of the packet that came at 14 ms.
    EXPECT_FALSE(sender.IsFull(kCapacity));
    EXPECT_FALSE(sender.IsDue(18ms));
    EXPECT_EQ(sender.Due(), Instant(19ms));
    EXPECT_EQ(Next(sender, 19ms), 20U);
    EXPECT_FALSE(sender.Due());
    EXPECT_EQ(sender.GetCounters().taken, 2U);
    EXPECT_EQ(sender.GetCounters().sent, 2U);
    EXPECT_EQ(sender.GetCounters().payloads, 2U);
}

TEST(AggfragSenderTest, AConstantRateKnowsNothingOfTheTraffic)
{
    AggfragSenderConfig config;
    config.interval = 10ms;
    AggfragSender sender(config, 3ms);
    for (int i = 1; i <= 20; ++i)
    {
        const Instant due = 3ms + i * 10ms;
        ASSERT_EQ(sender.Due(), due);
        for (int k = 0; k < (i % 5 == 0 ? 8 : 0); ++k)
        {
            EXPECT_EQ(sender.Enqueue(due - 1ms, Packet(60)), DropReason::None);
        }
        EXPECT_FALSE(sender.IsFull(kCapacity));
        EXPECT_FALSE(sender.IsDue(due - 1ns));
        ASSERT_TRUE(sender.IsDue(due));
        EXPECT_EQ(Next(sender, due), kCapacity);
    }
    // 8 packets of 60 octets take 5 payloads of 100; the last ones began with the last payload.
    EXPECT_EQ(sender.GetCounters().padding, 4U);
    EXPECT_EQ(sender.GetCounters().taken, 32U);
    EXPECT_EQ(sender.GetCounters().sent + sender.Waiting(), 32U);
}

TEST(AggfragSenderTest, WhatWaitsIsBoundedAndComesBackWhole)
{
    AggfragSenderConfig config;
    config.interval = 1s;
    config.maxQueue = 200;
    AggfragSender sender(config, 0ns);
    EXPECT_EQ(sender.Enqueue(0ns, Packet(150, 1)), DropReason::None);
    EXPECT_EQ(sender.Enqueue(0ns, Packet(51)), DropReason::AggfragQueue);
    EXPECT_EQ(sender.Enqueue(0ns, Packet(50, 2)), DropReason::None);
    Next(sender, 1s);
    EXPECT_EQ(sender.Close(), (std::vector<Bytes>{Packet(150, 1), Packet(50, 2)}));
    EXPECT_EQ(sender.GetCounters().returned, 2U);
    EXPECT_EQ(sender.GetCounters().sent, 0U);
    EXPECT_EQ(sender.Waiting(), 0U);
}

/// With flag D, and a path that has become narrower since.
TEST(AggfragSenderTest, WhatIsTooBigIsGivenUpAndCounted)
{
    for (const bool constant : {false, true})
    {
        AggfragSenderConfig config;
        config.fragment = false;
        config.interval = constant ? 10ms : 0ms;
        AggfragSender sender(config, 0ns);
        EXPECT_EQ(sender.Enqueue(0ns, Packet(101, 1)), DropReason::None);
        EXPECT_EQ(sender.Enqueue(0ns, Packet(102, 2)), DropReason::None);
        std::vector<Bytes> tooBig;
        Bytes payload(kAggfragHeaderSize + kCapacity);
        const auto sent = sender.Next(10ms,
                                      payload,
                                      [&](ByteSpan packet)
                                      { tooBig.emplace_back(packet.begin(), packet.end()); });
        EXPECT_EQ(tooBig, (std::vector<Bytes>{Packet(101, 1), Packet(102, 2)}));
        EXPECT_EQ(sent.length, constant ? payload.size() : 0U);
        const auto counters = sender.GetCounters();
        EXPECT_EQ(counters.tooBig, 2U);
        EXPECT_EQ(counters.payloads, constant ? 1U : 0U);
        EXPECT_EQ(counters.padding, counters.payloads);
        EXPECT_EQ(counters.taken, counters.sent + counters.tooBig + sender.Waiting());
    }
}

/// TOS octets of packets that are given up say nothing of the payload.
TEST(AggfragSenderTest, ThePayloadHasTheTosOfThePacketThatItBeginsWith)
{
    AggfragSenderConfig config;
    config.fragment = false;
    config.interval = 10ms;
    AggfragSender sender(config, 0ns);
    for (const std::size_t length : {150U, 40U, 41U})
    {
        Bytes packet = Packet(length);
        packet[1] = static_cast<std::uint8_t>(length);
        EXPECT_EQ(sender.Enqueue(0ns, packet), DropReason::None);
    }
    Bytes payload(kAggfragHeaderSize + kCapacity);
    std::size_t tooBig = 0;
    const auto giveUp = [&tooBig](ByteSpan) { ++tooBig; };
    EXPECT_EQ(sender.Next(10ms, payload, giveUp).tos, 40U);
    EXPECT_EQ(tooBig, 1U);
    EXPECT_EQ(sender.Next(20ms, payload, giveUp).tos, 0U); // all pad
}

// ---- the reorder window

/// A number is late when one that is larger by more than the window has come before.
TEST(AggfragReceiverTest, ReorderingUpToTheWindowCostsNothing)
{
    for (const bool inOrder : {false, true})
    {
        for (const std::uint64_t window : {0U, 1U, 3U, 8U})
        {
            for (std::uint64_t depth = 1; depth <= 10; ++depth)
            {
                Receiving receiving(Config(window, inOrder));
                receiving.Add(1);
                for (std::uint64_t number = 3; number < 3 + depth; ++number)
                {
                    receiving.Add(number);
                }
                receiving.Add(2);
                const bool kept = depth <= window;
                EXPECT_EQ(receiving.Verdicts(AggfragVerdict::Late), kept ? 0U : 1U)
                    << window << " " << depth;
                Numbers expected(2 + depth);
                std::iota(expected.begin(), expected.end(), 1);
                if (kept && !inOrder)
                {
                    std::rotate(expected.begin() + 1, expected.begin() + 2, expected.end());
                }
                else if (!kept)
                {
                    expected.erase(expected.begin() + 1);
                }
                EXPECT_EQ(receiving.arrived, expected) << window << " " << depth;
                EXPECT_EQ(receiving.receiver.Held(), 0U);
            }
        }
    }
}

TEST(AggfragReceiverTest, TheTimerGivesUpWhatIsMissing)
{
    Receiving receiving(Config(8, true, 100ms));
    receiving.Add(0ms, 1);
    EXPECT_FALSE(receiving.receiver.Due());
    receiving.Add(10ms, 3);
    receiving.Add(20ms, 5);
    EXPECT_EQ(receiving.arrived, (Numbers{1}));
    EXPECT_EQ(receiving.receiver.Due(), Instant(110ms));
    receiving.receiver.HandleTimeout(109ms, receiving.sink);
    EXPECT_EQ(receiving.receiver.Held(), 2U);
    receiving.receiver.HandleTimeout(110ms, receiving.sink);
    EXPECT_EQ(receiving.arrived, (Numbers{1, 3}));
    EXPECT_EQ(receiving.receiver.Due(), Instant(120ms)); // 5 has waited since 20 ms
    receiving.Add(115ms, 2);
    EXPECT_EQ(receiving.Verdicts(AggfragVerdict::Late), 1U);
    receiving.Add(116ms, 4);
    EXPECT_EQ(receiving.arrived, (Numbers{1, 3, 4, 5}));
    EXPECT_FALSE(receiving.receiver.Due());
    EXPECT_EQ(receiving.receiver.GetCounters().missing, 1U);
}

TEST(AggfragReceiverTest, AFarLeapCostsNoTime)
{
    Receiving receiving(Config(3, true, 0s));
    receiving.Add(2);
    receiving.Add(std::uint64_t{1} << 60);
    EXPECT_EQ(receiving.arrived, (Numbers{2}));
    EXPECT_FALSE(receiving.receiver.Due()); // without a timer
    receiving.receiver.Close(receiving.sink);
    EXPECT_EQ(receiving.arrived.size(), 2U);
    EXPECT_EQ(receiving.receiver.GetCounters().missing, (std::uint64_t{1} << 60) - 2);
}

/// Every second payload is lost, so that there are as many gaps as there can be.
TEST(AggfragReceiverTest, AWideWindowMayBeFullOfGaps)
{
    constexpr std::uint64_t kWindow = 65536;
    for (const bool inOrder : {false, true})
    {
        Receiving receiving(Config(kWindow, inOrder, 0s));
        for (std::uint64_t number = 2; number <= 2 * kWindow; number += 2)
        {
            receiving.Add(number);
        }
        EXPECT_EQ(receiving.receiver.Held(), inOrder ? kWindow / 2 : 0U);
        receiving.receiver.Close(receiving.sink);
        EXPECT_EQ(receiving.arrived.size(), kWindow);
        EXPECT_EQ(receiving.receiver.GetCounters().missing, kWindow);
        EXPECT_EQ(receiving.receiver.Octets(), 0U);
    }
}

/// Each payload that is not taken is told, with one reason; in order, once it is looked at.
TEST(AggfragReceiverTest, RefusedPayloadsAreToldWithTheirReason)
{
    for (const bool inOrder : {false, true})
    {
        Receiving receiving(Config(3, inOrder));
        DropCounters drops;
        std::vector<std::size_t> sizes;
        receiving.receiver.SetRefusedCallback(
            [&](DropReason reason, ByteSpan payload)
            {
                drops.Count(reason);
                sizes.push_back(payload.size());
            });
        receiving.Add(1);
        receiving.Add(1); // late
        receiving.receiver.Add(0ns, 3, Bytes(3), receiving.sink);
        receiving.receiver.Add(0ns, 4, wire::BuildAggfrag({}, Bytes(9, 0x50)), receiving.sink);
        receiving.Add(4); // repeated
        receiving.Add(2);
        EXPECT_EQ(drops[DropReason::AggfragLate], 1U);
        EXPECT_EQ(drops[DropReason::Malformed], 1U);
        EXPECT_EQ(drops[DropReason::AggfragBlock], 1U);
        EXPECT_EQ(drops[DropReason::ReplayDuplicate], 1U);
        EXPECT_EQ(drops.Total(), 4U);
        std::sort(sizes.begin(), sizes.end());
        EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 13, 44, 44}));
        const auto counters = receiving.receiver.GetCounters();
        EXPECT_EQ(counters.in, counters[AggfragVerdict::Taken] + drops.Total());
    }
}

/// Packets of all sizes over a network that reorders within the window and loses: what comes out
/// is the same at once and in order, and nothing is counted twice.
TEST(AggfragReceiverTest, BothDeliverTheSame)
{
    constexpr std::size_t kWindow = 4;
    std::mt19937 random(7);
    for (int round = 0; round < 30; ++round)
    {
        wire::AggfragPacker packer(true);
        std::vector<Bytes> packets;
        for (std::uint32_t i = 0; i < 400; ++i)
        {
            packets.push_back(Packet(28 + random() % (round % 2 == 0 ? 60 : 900), i));
            ASSERT_TRUE(packer.Enqueue(packets.back()));
        }
        std::vector<std::pair<std::uint64_t, Bytes>> payloads;
        for (std::uint64_t number = 1; packer.Waiting() > 0; ++number)
        {
            Bytes payload(kAggfragHeaderSize + kCapacity);
            packer.Next(payload, true);
            payloads.emplace_back(number, payload);
        }
        for (std::size_t i = 0; i + kWindow < payloads.size(); i += kWindow)
        {
            const auto begin = payloads.begin() + static_cast<std::ptrdiff_t>(i);
            std::shuffle(begin, begin + kWindow, random); // nothing falls back by more
        }
        payloads.erase(std::remove_if(payloads.begin(),
                                      payloads.end(),
                                      [&](const auto&) { return random() % 50 == 0; }),
                       payloads.end());
        std::array<std::vector<Bytes>, 2> arrived;
        for (const bool inOrder : {false, true})
        {
            AggfragReceiver receiver(Config(kWindow, inOrder));
            auto& packetsOut = arrived[inOrder ? 1 : 0];
            const AggfragReceiver::Sink sink = [&](ByteSpan packet)
            { packetsOut.emplace_back(packet.begin(), packet.end()); };
            for (const auto& [number, payload] : payloads)
            {
                receiver.Add(0ns, number, payload, sink);
            }
            receiver.Close(sink);
            const auto counters = receiver.GetCounters();
            EXPECT_EQ(counters.in, payloads.size());
            EXPECT_EQ(counters[AggfragVerdict::Taken], payloads.size());
        }
        auto sent = packets.begin();
        for (const Bytes& packet : arrived[1]) // in the order in which they were sent
        {
            sent = std::find(sent, packets.end(), packet);
            ASSERT_NE(sent, packets.end());
            ++sent;
        }
        std::sort(arrived[0].begin(), arrived[0].end());
        std::sort(arrived[1].begin(), arrived[1].end());
        EXPECT_EQ(arrived[0], arrived[1]);
        EXPECT_GT(arrived[0].size(), packets.size() / 4);
    }
}

// ---- SAs

namespace
{

/// 10.1/16 behind `a` and 10.2/16 behind `b`, with one pair of SAs for AGGFRAG.
class AggfragGateways : public testing::Test
{
  protected:
    static constexpr std::uint32_t kSpi = 0x1000;

    AggfragGateways()
    {
        Protect(a, "10.1.0.0/16", "10.2.0.0/16");
        Protect(b, "10.2.0.0/16", "10.1.0.0/16");
        a.SetAggfragQueue(
            [this](const OutboundSa&, ByteSpan packet)
            { return packer.Enqueue(packet) ? DropReason::None : DropReason::Malformed; });
    }

    ~AggfragGateways() override
    {
        EXPECT_TRUE(a.Counters().Balanced());
        EXPECT_TRUE(b.Counters().Balanced());
    }

    static void Protect(DataPlane& plane, const char* local, const char* remote)
    {
        SpdEntry entry;
        entry.local = {*TrafficSelector::FromString(local)};
        entry.remote = {*TrafficSelector::FromString(remote)};
        entry.action = SpdAction::Protect;
        entry.peer = "peer";
        plane.GetSpd().Add(entry);
    }

    void Connect(OutboundSaConfig fromA = test::OutboundConfig(kSpi),
                 InboundSaConfig atB = test::InboundConfig(kSpi))
    {
        fromA.aggfrag = atB.aggfrag = true;
        fromA.spiInbound = kSpi + 1;
        ASSERT_TRUE(a.GetSad().Add("peer",
                                   OutboundSa::Create(fromA),
                                   InboundSa::Create(test::InboundConfig(kSpi + 1))));
        ASSERT_TRUE(b.GetSad().Add("peer",
                                   OutboundSa::Create(test::OutboundConfig(kSpi + 1)),
                                   InboundSa::Create(atB)));
    }

    OutboundSa& Sa()
    {
        return *a.GetSad().FindOutboundOf(kSpi + 1);
    }

    DataPlaneResult Offer(const Bytes& packet, std::size_t mtu = 1500)
    {
        test::Fill(a.Buffer(), packet);
        return a.ProcessOutbound(mtu);
    }

    /// The next ESP packet, padded to the MTU.
    Bytes SealNext(std::size_t mtu = 1500, std::uint8_t dscp = 0)
    {
        const std::size_t room = kAggfragHeaderSize + Sa().LargestInner(mtu);
        std::uint8_t* const payload = a.Buffer().Reset(room);
        packer.Next({payload, room}, true);
        EXPECT_EQ(a.SealAggfrag(Sa(), dscp).verdict, Verdict::Transformed);
        return test::ToBytes(a.Buffer());
    }

    DataPlaneResult Open(const Bytes& packet)
    {
        test::Fill(b.Buffer(), packet);
        return b.ProcessInbound();
    }

    DataPlane a;
    DataPlane b;
    wire::AggfragPacker packer{true};
};

TEST_F(AggfragGateways, PacketsCrossInPayloadsOfTheSizeOfTheMtu)
{
    Connect();
    EXPECT_EQ(Sa().LargestInner(1500), 1442U);
    EXPECT_EQ(Sa().SealedLength(1442), 1500U);
    const std::vector<Bytes> packets{Packet(100, 1), Packet(9000, 2), Packet(1500, 3)};
    for (const Bytes& packet : packets)
    {
        EXPECT_EQ(Offer(packet).verdict, Verdict::Aggfrag);
    }
    EXPECT_EQ(a.Counters().outboundAggregated, 3U);
    EXPECT_EQ(a.Counters().outboundSealed, 0U);
    AggfragReceiver receiver({});
    std::vector<Bytes> arrived;
    while (packer.Waiting() > 0)
    {
        const Bytes sealed = SealNext();
        EXPECT_EQ(sealed.size(), 1500U);
        const DataPlaneResult opened = Open(sealed);
        ASSERT_EQ(opened.verdict, Verdict::Aggfrag);
        EXPECT_EQ(opened.spi, kSpi);
        receiver.Add(0ns,
                     opened.number,
                     b.Buffer().Span(),
                     [&](ByteSpan packet)
                     {
                         EXPECT_EQ(b.AdmitInner(kSpi, packet), DropReason::None);
                         arrived.emplace_back(packet.begin(), packet.end());
                     });
    }
    EXPECT_EQ(arrived, packets);
    EXPECT_EQ(b.Counters().inboundAggregated, 8U); // 10600 / 1442
    EXPECT_EQ(b.Counters().aggfrag.innerAdmitted, 3U);
    EXPECT_EQ(b.Counters().aggfrag.innerOctets, 10600U);
    EXPECT_EQ(a.Counters().aggfrag.sealed, 8U);
}

/// The outer header says nothing of what is inside: DSCP, ECN and DF.
TEST_F(AggfragGateways, TheOuterHeaderIsItsOwn)
{
    OutboundSaConfig config = test::OutboundConfig(kSpi);
    config.tos.copyDscp = false;
    config.tos.fixedDscp = 10;
    Connect(config);
    test::InnerPacket inner;
    inner.tos = 0xbb; // EF, CE
    EXPECT_EQ(Offer(inner.Build()).verdict, Verdict::Aggfrag);
    const Bytes sealed = SealNext(1500, 46);
    EXPECT_EQ(sealed[1], 10 << 2);
    EXPECT_EQ(sealed[6] & 0x40, 0x40); // DF: its size was chosen
    EXPECT_EQ(sealed[9], wire::kProtocolEsp);
}

TEST_F(AggfragGateways, ADscpIsCopiedWhereThatIsWanted)
{
    OutboundSaConfig config = test::OutboundConfig(kSpi);
    config.df = DfPolicy::Clear;
    Connect(config);
    const Bytes sealed = SealNext(576, 46);
    EXPECT_EQ(sealed[1], 46 << 2);
    EXPECT_EQ(sealed[6] & 0x40, 0);
    EXPECT_EQ(sealed.size(), 576U);
}

/// What is sealed, opened by hand: pad length and next header 144 at the end, then the payload.
TEST_F(AggfragGateways, NextHeaderIs144AndThePayloadThatOfTheRfc)
{
    const crypto::CipherSuite null{crypto::EncryptionId::Null,
                                   0,
                                   crypto::IntegrityId::HmacSha2_256_128};
    Connect(test::OutboundConfig(kSpi, null), test::InboundConfig(kSpi, null));
    const Bytes packet = Packet(41, 9);
    EXPECT_EQ(Offer(packet).verdict, Verdict::Aggfrag);
    const std::size_t room = kAggfragHeaderSize + packet.size();
    std::uint8_t* const payload = a.Buffer().Reset(room);
    packer.Next({payload, room}, false);
    a.SealAggfrag(Sa(), 0);
    const Bytes sealed = test::ToBytes(a.Buffer());
    // 20 of IPv4, SPI, number; 0 0 0 0; the packet; padding 1 to a multiple of 4; 1, 144; ICV.
    ASSERT_EQ(sealed.size(), 20U + 8 + 4 + 41 + 1 + 2 + 16);
    EXPECT_EQ(LoadBe32(&sealed[20]), kSpi);
    EXPECT_EQ(LoadBe32(&sealed[24]), 1U);
    EXPECT_EQ(LoadBe32(&sealed[28]), 0U);
    EXPECT_EQ(Bytes(sealed.begin() + 32, sealed.begin() + 73), packet);
    EXPECT_EQ(Bytes(sealed.begin() + 73, sealed.begin() + 76), (Bytes{1, 1, 144}));
    EXPECT_EQ(Open(sealed).verdict, Verdict::Aggfrag);
}

TEST_F(AggfragGateways, OnlyAggfragPayloadsCrossSuchAnSa)
{
    Connect();
    DataPlane plain;
    Protect(plain, "10.1.0.0/16", "10.2.0.0/16");
    ASSERT_TRUE(plain.GetSad().Add("peer",
                                   OutboundSa::Create(test::OutboundConfig(kSpi)),
                                   InboundSa::Create(test::InboundConfig(kSpi + 1))));
    test::Fill(plain.Buffer(), Packet(100));
    ASSERT_EQ(plain.ProcessOutbound(1500).verdict, Verdict::Transformed);
    EXPECT_EQ(Open(test::ToBytes(plain.Buffer())).drop, DropReason::NextHeader);
    EXPECT_EQ(a.MakeDummy("peer", 100).drop, DropReason::NextHeader);
    // And the other way round.
    DataPlane other;
    ASSERT_TRUE(other.GetSad().Add("peer",
                                   OutboundSa::Create(test::OutboundConfig(kSpi + 1)),
                                   InboundSa::Create(test::InboundConfig(kSpi))));
    test::Fill(other.Buffer(), SealNext());
    EXPECT_EQ(other.ProcessInbound().drop, DropReason::NextHeader);
}

/// RFC 4301, section 5.2: as with the packets of tunnel mode.
TEST_F(AggfragGateways, InnerPacketsAreHeldAgainstTheSelectors)
{
    InboundSaConfig config = test::InboundConfig(kSpi);
    config.remoteSelectors = {*TrafficSelector::FromString("10.1.0.0/16")};
    config.localSelectors = {*TrafficSelector::FromString("10.2.0.0/16")};
    Connect(test::OutboundConfig(kSpi), config);
    test::InnerPacket foreign;
    foreign.source = 0x0a090001;
    EXPECT_EQ(b.AdmitInner(kSpi, foreign.Build()), DropReason::SelectorMismatch);
    EXPECT_EQ(b.AdmitInner(kSpi, Packet(100)), DropReason::None);
    EXPECT_EQ(b.AdmitInner(kSpi, Bytes(100, 0x45)), DropReason::Malformed);
    EXPECT_EQ(b.AdmitInner(kSpi + 7, Packet(100)), DropReason::UnknownSpi);
    EXPECT_EQ(b.Counters().aggfrag.innerIn, 4U);
    EXPECT_EQ(b.Counters().aggfrag.innerDrops.Total(), 3U);
}

/// To a peer that takes no fragments, sizes are as with plain ESP, and 4 octets less.
TEST_F(AggfragGateways, WithoutFragmentsWhatDoesNotFitIsTooBig)
{
    OutboundSaConfig config = test::OutboundConfig(kSpi);
    config.aggfragFragments = false;
    Connect(config);
    EXPECT_EQ(Offer(Packet(1442)).verdict, Verdict::Aggfrag);
    EXPECT_EQ(Offer(Packet(1443)).drop, DropReason::TooBig);
    EXPECT_EQ(a.Counters().outboundDrops[DropReason::TooBig], 1U);
}

/// The same suites as plain ESP has, down to one octet.
TEST_F(AggfragGateways, TheCapacityIsWhatFits)
{
    for (const char* suite : {"aes128gcm16", "chacha20poly1305", "aes256cbc-sha512", "null-sha256"})
    {
        OutboundSaConfig config = test::OutboundConfig(kSpi, test::SuiteByName(suite));
        config.aggfrag = true;
        const auto sa = OutboundSa::Create(config);
        for (std::size_t mtu = 576; mtu < 620; ++mtu)
        {
            const std::size_t capacity = sa->LargestInner(mtu);
            EXPECT_LE(sa->SealedLength(capacity), mtu) << suite;
            EXPECT_GT(sa->SealedLength(capacity + 1), mtu) << suite;
        }
        EXPECT_EQ(sa->LargestInner(50), 0U);
    }
}

TEST_F(AggfragGateways, APacketThatTheDeviceRefusesIsCountedOnce)
{
    Connect();
    SealNext();
    a.CountAggfragQueueDrop();
    EXPECT_EQ(a.Counters().aggfrag.outboundDrops[DropReason::Queue], 1U);
    EXPECT_EQ(a.Counters().aggfrag.sealed, 1U);
}

} // namespace

} // namespace ipseclab::esp
