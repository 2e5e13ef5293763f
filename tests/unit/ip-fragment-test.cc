/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-fragment.h"

#include "esp-test-support.h"

#include <gtest/gtest.h>
#include <numeric>

namespace ipseclab::wire
{

namespace
{

using esp::test::Cut;
using std::chrono::seconds;

/// A packet whose payload counts up.
Bytes
PacketV4(std::size_t length, std::uint16_t identification = 7)
{
    Bytes packet(length);
    Ipv4HeaderFields fields;
    fields.totalLength = static_cast<std::uint16_t>(length);
    fields.identification = identification;
    fields.source = 0x0a000001;
    fields.destination = 0x0a000002;
    WriteIpv4Header(packet.data(), fields);
    std::iota(packet.begin() + kIpv4HeaderSize, packet.end(), std::uint8_t{0});
    return packet;
}

Bytes
PacketV6(std::size_t length)
{
    Bytes packet(length);
    Ipv6HeaderFields fields;
    fields.totalLength = length;
    fields.source = *IpAddress::FromString("2001:db8::1");
    fields.destination = *IpAddress::FromString("2001:db8::2");
    WriteIpv6Header(packet.data(), fields);
    std::iota(packet.begin() + kIpv6HeaderSize, packet.end(), std::uint8_t{0});
    return packet;
}

FragmentVerdict
Add(Reassembler& reassembler, const Bytes& fragment, seconds now = seconds(0))
{
    Bytes whole;
    return reassembler.Add(fragment, now, whole);
}

} // namespace

/// The sizes that a Linux kernel was seen to send: 1500 and 24 octets of a packet of 1504.
TEST(IpFragment, SizesOverAnEthernet)
{
    const auto parts = Cut(PacketV4(1504), 1500);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].size(), 1500U);
    EXPECT_EQ(parts[1].size(), 24U);
    EXPECT_EQ(LoadBe16(&parts[0][6]), 0x2000);
    EXPECT_EQ(LoadBe16(&parts[1][6]), 1480 / 8);
    for (const Bytes& part : parts)
    {
        EXPECT_EQ(LoadBe16(&part[2]), part.size());
        EXPECT_EQ(Ipv4Checksum(part.data(), kIpv4HeaderSize), 0);
    }
}

TEST(IpFragment, SizesOfIpv6)
{
    const auto parts = Cut(PacketV6(1500), 1280, 0xdeadbeef);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].size(), 1280U);                     // 40 + 8 + 1232
    EXPECT_EQ(parts[1].size(), 48U + (1500U - 40 - 1232)); // 276
    EXPECT_EQ(parts[0][6], kProtocolFragment);
    EXPECT_EQ(parts[0][40], kProtocolEsp);
    EXPECT_EQ(LoadBe16(&parts[0][42]), 1);
    EXPECT_EQ(LoadBe16(&parts[1][42]), 1232);
    EXPECT_EQ(LoadBe32(&parts[1][44]), 0xdeadbeefU);
}

TEST(IpFragment, WhatFitsStaysWholeAndWhatCannotIsRefused)
{
    EXPECT_EQ(Cut(PacketV4(600), 600), std::vector<Bytes>{PacketV4(600)});
    EXPECT_EQ(Cut(PacketV6(1280), 1280), std::vector<Bytes>{PacketV6(1280)});
    EXPECT_TRUE(Cut(PacketV4(600), 27).empty());
    EXPECT_FALSE(Cut(PacketV4(600), 28).empty());
    EXPECT_TRUE(Cut(PacketV6(600), 55).empty());
    EXPECT_TRUE(Cut(Cut(PacketV6(1500), 1280)[0], 600).empty()); // has a fragment header
    EXPECT_TRUE(Cut(Bytes(100, 0), 50).empty());
}

/// RFC 791, section 3.1: security (130) is copied, timestamp (68) is not.
TEST(IpFragment, OnlyCopiedOptionsGoOn)
{
    const Bytes options{68, 4, 5, 0, 1, 130, 3, 9};
    Bytes packet = PacketV4(108);
    packet[0] = 0x47;
    std::copy(options.begin(), options.end(), packet.begin() + 20);
    const auto parts = Cut(packet, 84);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(Bytes(parts[0].begin() + 20, parts[0].begin() + 28), options);
    EXPECT_EQ(parts[1][0], 0x46);
    EXPECT_EQ(Bytes(parts[1].begin() + 20, parts[1].begin() + 24), (Bytes{130, 3, 9, 0}));
    Reassembler reassembler;
    Bytes whole;
    EXPECT_EQ(reassembler.Add(parts[1], seconds(0), whole), FragmentVerdict::Held);
    EXPECT_EQ(reassembler.Add(parts[0], seconds(0), whole), FragmentVerdict::Complete);
    EXPECT_EQ(Bytes(whole.begin() + 20, whole.end()), Bytes(packet.begin() + 20, packet.end()));
}

/// A router cuts a fragment again.
TEST(IpFragment, FragmentsOfFragments)
{
    const Bytes packet = PacketV4(1500);
    Reassembler reassembler;
    Bytes whole;
    for (const Bytes& part : Cut(packet, 1000))
    {
        for (const Bytes& smaller : Cut(part, 300))
        {
            reassembler.Add(smaller, seconds(0), whole);
        }
    }
    EXPECT_EQ(Bytes(whole.begin() + 20, whole.end()), Bytes(packet.begin() + 20, packet.end()));
    EXPECT_EQ(Ipv4Checksum(whole.data(), 20), 0);
    EXPECT_EQ(reassembler.Memory(), 0U);
}

TEST(Reassembly, InAnyOrderAndWithDuplicates)
{
    const Bytes packet = PacketV6(1500);
    const auto parts = Cut(packet, 600);
    ASSERT_EQ(parts.size(), 3U);
    Reassembler reassembler;
    Bytes whole;
    EXPECT_EQ(reassembler.Add(packet, seconds(0), whole), FragmentVerdict::Whole);
    EXPECT_EQ(reassembler.Add(parts[2], seconds(0), whole), FragmentVerdict::Held);
    EXPECT_EQ(reassembler.Add(parts[2], seconds(0), whole), FragmentVerdict::Duplicate);
    EXPECT_EQ(reassembler.Add(parts[0], seconds(0), whole), FragmentVerdict::Held);
    EXPECT_EQ(reassembler.Add(parts[0], seconds(0), whole), FragmentVerdict::Duplicate);
    EXPECT_TRUE(whole.empty());
    EXPECT_EQ(reassembler.Add(parts[1], seconds(0), whole), FragmentVerdict::Complete);
    EXPECT_EQ(whole, packet);
    EXPECT_EQ(reassembler.Unfinished(), 0U);
    EXPECT_EQ(reassembler.Memory(), 0U);
}

/// Two packets share an identification: neither is made of the other's pieces when they overlap.
TEST(Reassembly, OverlapsGiveUpBoth)
{
    const auto first = Cut(PacketV4(1400), 1000);
    const auto second = Cut(PacketV4(1390), 600);
    Reassembler reassembler;
    EXPECT_EQ(Add(reassembler, first[0]), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, second[0]), FragmentVerdict::Conflict); // shorter, same offset
    EXPECT_EQ(reassembler.Unfinished(), 0U);
    EXPECT_EQ(Add(reassembler, second[1]), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, first[0]), FragmentVerdict::Conflict); // runs into what is there
    EXPECT_EQ(Add(reassembler, first[1]), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, second[2]), FragmentVerdict::Conflict); // another end
    EXPECT_EQ(reassembler.GetCounters()[FragmentVerdict::Conflict], 3U);
    EXPECT_EQ(reassembler.Memory(), 0U);
}

TEST(Reassembly, SameOctetsOfAnotherEndConflict)
{
    auto parts = Cut(PacketV4(1500), 1000);
    Reassembler reassembler;
    EXPECT_EQ(Add(reassembler, parts[0]), FragmentVerdict::Held);
    parts[0][6] = 0; // now it is all
    EXPECT_EQ(Add(reassembler, parts[0]), FragmentVerdict::Whole);
    EXPECT_EQ(Add(reassembler, parts[1]), FragmentVerdict::Complete);
    EXPECT_EQ(Add(reassembler, parts[1]), FragmentVerdict::Held);
    parts[1][6] |= 0x20; // not the last any more
    EXPECT_EQ(Add(reassembler, parts[1]), FragmentVerdict::Conflict);
}

TEST(Reassembly, TinyAndImpossibleFragments)
{
    Reassembler reassembler;
    EXPECT_EQ(Add(reassembler, Cut(PacketV4(200), 52)[0]), FragmentVerdict::Tiny); // 32 octets
    EXPECT_EQ(Add(reassembler, Cut(PacketV4(200), 60)[0]), FragmentVerdict::Held); // 40 octets
    EXPECT_EQ(Add(reassembler, Cut(PacketV4(101), 60)[2]), FragmentVerdict::Held); // the last: 1
    Bytes far = Cut(PacketV4(200), 60)[4]; // 20 octets, the last
    StoreBe16(&far[6], 0x1fff);            // at 65528
    EXPECT_EQ(Add(reassembler, far), FragmentVerdict::Malformed);
    Bytes odd = Cut(PacketV4(200), 60)[4];
    odd[6] |= 0x20;
    EXPECT_EQ(Add(reassembler, odd), FragmentVerdict::Malformed);
    Bytes empty = PacketV4(20);
    StoreBe16(&empty[6], 5);
    EXPECT_EQ(Add(reassembler, empty), FragmentVerdict::Malformed);
    EXPECT_EQ(Add(reassembler, Bytes(19, 0x45)), FragmentVerdict::Malformed);
}

TEST(Reassembly, TimesOutAfterTheFirstFragment)
{
    const auto parts = Cut(PacketV4(2000), 1000);
    ASSERT_EQ(parts.size(), 3U);
    Reassembler reassembler;
    EXPECT_EQ(Add(reassembler, parts[0], seconds(0)), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, parts[1], seconds(29)), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, parts[2], seconds(30)), FragmentVerdict::Held);
    EXPECT_EQ(reassembler.GetCounters().timedOut, 1U);
    EXPECT_EQ(Add(reassembler, parts[0], seconds(31)), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, parts[1], seconds(59)), FragmentVerdict::Complete);
}

/// A packet that will not be whole is told of if it has a beginning, as a packet that is only that.
TEST(Reassembly, TellsOfTheBeginningOfWhatIsGivenUp)
{
    for (const bool v6 : {false, true})
    {
        const Bytes packet = v6 ? PacketV6(2000) : PacketV4(2000);
        const auto parts = Cut(packet, 1000);
        Reassembler reassembler;
        std::vector<Bytes> told;
        std::vector<std::size_t> octets;
        reassembler.SetUnfinishedCallback(
            [&](ByteSpan first, std::size_t size)
            {
                told.emplace_back(first.begin(), first.end());
                octets.push_back(size);
            });
        EXPECT_FALSE(reassembler.PollTimeout());
        EXPECT_EQ(Add(reassembler, parts[2], seconds(0)), FragmentVerdict::Held);
        reassembler.HandleTimeout(seconds(30));
        EXPECT_TRUE(told.empty()); // the end of a packet says nothing
        EXPECT_EQ(Add(reassembler, parts[1], seconds(40)), FragmentVerdict::Held);
        EXPECT_EQ(Add(reassembler, parts[0], seconds(41)), FragmentVerdict::Held);
        EXPECT_EQ(reassembler.PollTimeout(), Reassembler::Instant(seconds(70)));
        reassembler.HandleTimeout(seconds(69));
        EXPECT_TRUE(told.empty());
        reassembler.HandleTimeout(seconds(70));
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(octets[0], parts[0].size());
        IpView view;
        ASSERT_TRUE(ParseIp(told[0], view));
        EXPECT_FALSE(view.isFragment);
        EXPECT_EQ(view.totalLength, told[0].size());
        const std::size_t front = v6 ? kIpv6HeaderSize : kIpv4HeaderSize;
        EXPECT_TRUE(std::equal(told[0].begin() + front, told[0].end(), packet.begin() + front));
        EXPECT_EQ(reassembler.GetCounters().timedOut, 2U);
    }
}

/// A flood of first fragments never holds more than the limit, and a packet whose fragments
/// follow each other still gets through.
TEST(Reassembly, FloodStaysInBounds)
{
    Reassembler::Limits limits;
    limits.memory = 20000;
    Reassembler reassembler(limits);
    for (std::uint16_t id = 0; id < 1000; ++id)
    {
        EXPECT_EQ(Add(reassembler, Cut(PacketV4(1500, id), 1000)[0]), FragmentVerdict::Held);
        EXPECT_LE(reassembler.Memory(), limits.memory);
    }
    const std::uint64_t held = 20000 / (976 + 20 + Reassembler::kCostOfFragment);
    EXPECT_EQ(reassembler.Unfinished(), held);
    EXPECT_EQ(reassembler.GetCounters().evicted, 1000 - held);
    const auto parts = Cut(PacketV4(1500, 2000), 1000);
    EXPECT_EQ(Add(reassembler, parts[0]), FragmentVerdict::Held);
    EXPECT_EQ(Add(reassembler, parts[1]), FragmentVerdict::Complete);
}

/// An identification of 16 bits comes back while a packet is incomplete, which RFC 4963 warns of:
/// what is left of the old one and the new one make a packet that nobody has sent. Only the ICV
/// can tell.
TEST(Reassembly, AnIdentificationThatComesBackMixesPackets)
{
    Bytes older = PacketV4(1500, 77);
    Bytes newer = PacketV4(1500, 77);
    std::fill(newer.begin() + kIpv4HeaderSize, newer.end(), std::uint8_t{0xee});
    const auto first = Cut(older, 1000);
    const auto second = Cut(newer, 1000);
    Reassembler reassembler;
    Bytes mixed;
    EXPECT_EQ(Add(reassembler, first[0], seconds(0)), FragmentVerdict::Held); // first[1] is lost
    EXPECT_EQ(reassembler.Add(second[1], seconds(20), mixed), FragmentVerdict::Complete);
    ASSERT_EQ(mixed.size(), older.size());
    EXPECT_NE(mixed, older);
    EXPECT_NE(mixed, newer);
    EXPECT_EQ(Add(reassembler, second[0], seconds(20)), FragmentVerdict::Held) << "nothing is left";

    // In order, the collision is seen, and costs both.
    Reassembler ordered;
    EXPECT_EQ(Add(ordered, first[0], seconds(0)), FragmentVerdict::Held);
    EXPECT_EQ(Add(ordered, second[0], seconds(20)), FragmentVerdict::Conflict);
    EXPECT_EQ(Add(ordered, second[1], seconds(20)), FragmentVerdict::Held);

    // What has timed out does no harm.
    Reassembler late;
    EXPECT_EQ(Add(late, first[0], seconds(0)), FragmentVerdict::Held);
    EXPECT_EQ(Add(late, second[0], seconds(30)), FragmentVerdict::Held);
    EXPECT_EQ(late.Add(second[1], seconds(30), mixed), FragmentVerdict::Complete);
    EXPECT_EQ(mixed, newer);
}

TEST(Reassembly, TooManyFragmentsOfOnePacket)
{
    Reassembler::Limits limits;
    limits.fragments = 4;
    Reassembler reassembler(limits);
    const auto parts = Cut(PacketV4(500), 100);
    for (std::size_t i = 0; i < 4; ++i)
    {
        EXPECT_EQ(Add(reassembler, parts[i]), FragmentVerdict::Held);
    }
    EXPECT_EQ(Add(reassembler, parts[4]), FragmentVerdict::TooMany);
    EXPECT_EQ(reassembler.Memory(), 0U);
}

/// OutboundSa::LargestInner against what a Linux kernel lets through and says in its ICMP messages.
TEST(TunnelMtu, AsRecordedOfLinux)
{
    const auto recording = esp::test::LoadRecording("mtu.json");
    std::size_t compared = 0;
    for (const auto& row : recording.at("cases"))
    {
        esp::OutboundSaConfig config =
            esp::test::OutboundConfig(1, esp::test::SuiteByName(row.at("suite")));
        config.ipsecMode =
            row.at("mode") == "tunnel" ? esp::IpsecMode::Tunnel : esp::IpsecMode::Transport;
        if (row.at("espinudp").get<bool>())
        {
            config.udp = UdpPorts{};
        }
        const auto sa = esp::OutboundSa::Create(config);
        ASSERT_TRUE(sa);
        const std::size_t largest = sa->LargestInner(row.at("link_mtu").get<std::size_t>());
        for (const char* column : {"largest_forwarded_df", "icmp_mtu", "largest_local_df"})
        {
            if (row.contains(column))
            {
                EXPECT_EQ(largest, row.at(column).get<std::size_t>()) << row;
                ++compared;
            }
        }
    }
    EXPECT_GE(compared, 100U);
}

} // namespace ipseclab::wire
