/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-packet.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace ipseclab
{

namespace
{

const IpAddress kSource = *IpAddress::FromString("2001:db8:1::1");
const IpAddress kDestination = *IpAddress::FromString("2001:db8:2::9");

/// An extension header of `units` * 8 octets whose Next Header is `next`.
Bytes
Extension(std::uint8_t next, std::uint8_t units = 1)
{
    Bytes octets(units * 8U);
    octets[0] = next;
    octets[1] = static_cast<std::uint8_t>(units - 1);
    return octets;
}

Bytes
Fragment(std::uint8_t next, std::uint16_t offsetAndMore)
{
    Bytes octets(8);
    octets[0] = next;
    StoreBe16(&octets[2], offsetAndMore);
    return octets;
}

Bytes
Packet(std::uint8_t next, std::initializer_list<Bytes> parts)
{
    Bytes packet(wire::kIpv6HeaderSize);
    for (const Bytes& part : parts)
    {
        const std::size_t at = packet.size();
        packet.resize(at + part.size());
        std::copy(part.begin(), part.end(), packet.data() + at);
    }
    wire::Ipv6HeaderFields fields;
    fields.trafficClass = 0xb9;
    fields.totalLength = packet.size();
    fields.protocol = next;
    fields.hopLimit = 61;
    fields.source = kSource;
    fields.destination = kDestination;
    wire::WriteIpv6Header(packet.data(), fields);
    return packet;
}

const Bytes kUdp{0x03, 0xe8, 0x07, 0xd0, 0, 8, 0, 0};

TEST(Ipv6Header, IsWrittenAndReadAgain)
{
    const Bytes packet = Packet(wire::kProtocolUdp, {kUdp});
    const Bytes head{0x6b, 0x90, 0, 0, 0, 8, 17, 61, 0x20, 0x01, 0x0d, 0xb8, 0, 1};
    EXPECT_TRUE(std::equal(head.begin(), head.end(), packet.begin()));
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(packet, view));
    EXPECT_TRUE(view.v6);
    EXPECT_EQ(view.Tos(), 0xb9);
    EXPECT_EQ(view.Ttl(), 61);
    EXPECT_TRUE(view.DontFragment());
    EXPECT_EQ(view.totalLength, 48U);
    EXPECT_EQ(view.upperOffset, 40U);
    const PacketSelectors selectors = wire::ReadSelectors(view);
    EXPECT_EQ(selectors.source, kSource);
    EXPECT_EQ(selectors.destination, kDestination);
    EXPECT_EQ(selectors.protocol, wire::kProtocolUdp);
    EXPECT_EQ(selectors.sourcePort, 1000);
    EXPECT_EQ(selectors.destinationPort, 2000);
}

/// RFC 4303, section 3.1.1: after what routers read, before what only the end reads.
TEST(Ipv6Extensions, EspGoesAfterThoseForRouters)
{
    struct Case
    {
        std::vector<std::uint8_t> chain;
        std::size_t espOffset;
    };

    using namespace wire;
    const Case cases[] = {
        {{}, 40},
        {{kProtocolHopByHop}, 48},
        {{kProtocolDestinationOptions}, 40},
        {{kProtocolRouting}, 48},
        {{kProtocolHopByHop, kProtocolDestinationOptions}, 48},
        {{kProtocolHopByHop, kProtocolDestinationOptions, kProtocolRouting}, 64},
        {{kProtocolDestinationOptions, kProtocolRouting, kProtocolDestinationOptions}, 56},
    };
    for (const Case& test : cases)
    {
        Bytes chain;
        for (std::size_t i = 0; i < test.chain.size(); ++i)
        {
            const bool last = i + 1 == test.chain.size();
            const Bytes header = Extension(last ? kProtocolUdp : test.chain[i + 1]);
            chain.insert(chain.end(), header.begin(), header.end());
        }
        const Bytes packet =
            Packet(test.chain.empty() ? kProtocolUdp : test.chain.front(), {chain, kUdp});
        IpView view;
        ASSERT_TRUE(ParseIp(packet, view));
        EXPECT_EQ(view.espOffset, test.espOffset);
        EXPECT_EQ(view.upperOffset, 40 + 8 * test.chain.size());
        EXPECT_EQ(view.Protocol(), kProtocolUdp);
        EXPECT_EQ(ReadSelectors(view).destinationPort, 2000);
        EXPECT_EQ(view.espField, test.espOffset == 40 ? 6 : test.espOffset - 8);
    }
}

TEST(Ipv6Extensions, LongOnesAreSkippedWhole)
{
    const Bytes packet = Packet(wire::kProtocolHopByHop, {Extension(wire::kProtocolUdp, 5), kUdp});
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(packet, view));
    EXPECT_EQ(view.upperOffset, 80U);
}

TEST(Ipv6Extensions, WhatRunsOutOrIsOutOfOrderIsNoPacket)
{
    wire::IpView view;
    EXPECT_FALSE(wire::ParseIp(Packet(wire::kProtocolHopByHop, {}), view)) << "as in a jumbogram";
    EXPECT_FALSE(wire::ParseIp(Packet(wire::kProtocolRouting, {Bytes(7)}), view));
    Bytes beyond = Extension(wire::kProtocolUdp);
    beyond[1] = 1;
    EXPECT_FALSE(wire::ParseIp(Packet(wire::kProtocolRouting, {beyond}), view));
    EXPECT_FALSE(wire::ParseIp(
        Packet(wire::kProtocolRouting,
               {Extension(wire::kProtocolHopByHop), Extension(wire::kProtocolUdp), kUdp}),
        view));
    Bytes cut = Packet(wire::kProtocolUdp, {kUdp});
    cut.pop_back();
    EXPECT_FALSE(wire::ParseIp(cut, view));
    EXPECT_FALSE(wire::ParseIp(Bytes(39, 0x60), view));
    EXPECT_FALSE(wire::ParseIp(Bytes(), view));
}

TEST(Ipv6Extensions, FragmentsAreKnown)
{
    wire::IpView view;
    const auto fragment = [&](std::uint16_t offsetAndMore)
    {
        return wire::ParseIp(
            Packet(wire::kProtocolFragment, {Fragment(wire::kProtocolUdp, offsetAndMore), kUdp}),
            view);
    };
    ASSERT_TRUE(fragment(0));
    EXPECT_FALSE(view.isFragment) << "an atomic fragment is a whole packet";
    ASSERT_TRUE(fragment(1));
    EXPECT_TRUE(view.isFragment);
    const Bytes first = Packet(wire::kProtocolFragment, {Fragment(wire::kProtocolUdp, 1), kUdp});
    ASSERT_TRUE(wire::ParseIp(first, view));
    EXPECT_TRUE(wire::ReadSelectors(view).portsKnown);
    const Bytes later = Packet(wire::kProtocolFragment, {Fragment(wire::kProtocolUdp, 8), kUdp});
    ASSERT_TRUE(wire::ParseIp(later, view));
    EXPECT_TRUE(view.isFragment);
    EXPECT_FALSE(wire::ReadSelectors(view).portsKnown);
    EXPECT_EQ(wire::ReadSelectors(view).protocol, wire::kProtocolUdp);
    // In a later fragment, what looks like extension headers is payload.
    const Bytes payload =
        Packet(wire::kProtocolFragment, {Fragment(wire::kProtocolRouting, 8), Bytes(3)});
    EXPECT_TRUE(wire::ParseIp(payload, view));
}

TEST(Ipv6Selectors, IcmpHasTypeAndCode)
{
    const Bytes packet = Packet(wire::kProtocolIcmpv6, {Bytes{128, 0, 0, 0}});
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(packet, view));
    EXPECT_EQ(wire::ReadSelectors(view).sourcePort, 128 * 256);
}

TEST(Ipv6Header, HopsAndTosChangeAlone)
{
    Bytes packet = Packet(wire::kProtocolUdp, {kUdp});
    const Bytes before = packet;
    wire::DecrementHops(packet.data());
    EXPECT_EQ(packet[7], 60);
    ++packet[7];
    for (int tos = 0; tos < 256; ++tos)
    {
        wire::SetTos(packet.data(), static_cast<std::uint8_t>(tos));
        wire::IpView view;
        ASSERT_TRUE(wire::ParseIp(packet, view));
        ASSERT_EQ(view.Tos(), tos);
    }
    wire::SetTos(packet.data(), 0xb9);
    EXPECT_EQ(packet, before);
}

/// Whatever the octets are, what is taken for a packet lies within them.
TEST(Ipv6Extensions, RandomChainsStayInside)
{
    constexpr std::uint64_t kSeed = 5;
    std::mt19937_64 random(kSeed);
    const std::uint8_t kinds[] = {0, 43, 44, 60, 17, 50, 59};
    std::size_t taken = 0;
    for (int i = 0; i < 20000; ++i)
    {
        Bytes body(random() % 80);
        for (std::uint8_t& octet : body)
        {
            octet =
                random() % 3 == 0 ? kinds[random() % 7] : static_cast<std::uint8_t>(random() % 4);
        }
        const Bytes packet = Packet(kinds[random() % 7], {body});
        wire::IpView view;
        if (wire::ParseIp(packet, view))
        {
            ++taken;
            ASSERT_LE(view.upperOffset, view.totalLength);
            ASSERT_LE(view.espOffset, view.upperOffset);
            ASSERT_LT(view.protocolField, view.upperOffset);
            ASSERT_LT(view.espField, view.espOffset);
        }
    }
    EXPECT_GT(taken, 1000U);
    EXPECT_LT(taken, 19000U);
}

} // namespace

} // namespace ipseclab
