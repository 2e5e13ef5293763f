/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/icmp-too-big.h"

#include "esp-test-support.h"

#include <gtest/gtest.h>

namespace ipseclab::wire
{

namespace
{

const IpAddress kRouter4 = *IpAddress::FromString("198.51.100.9");
const IpAddress kRouter6 = *IpAddress::FromString("2001:db8::9");

/// An ESP packet with SPI 0x1000, sealed by a real SA.
Bytes
SealedPacket(std::size_t inner, bool v6, bool udp = false)
{
    esp::OutboundSaConfig config = esp::test::OutboundConfig();
    if (v6)
    {
        config.outerSource = *IpAddress::FromString("2001:db8::1");
        config.outerDestination = *IpAddress::FromString("2001:db8::2");
    }
    if (udp)
    {
        config.udp = UdpPorts{};
    }
    const auto sa = esp::OutboundSa::Create(config);
    esp::PacketBuffer buffer;
    esp::test::InnerPacket packet;
    packet.length = inner;
    esp::test::Fill(buffer, packet.Build());
    sa->Seal(buffer, 1);
    return esp::test::ToBytes(buffer);
}

/// The report as it arrives: from the router to the source of `about`.
Bytes
Report(const Bytes& about, std::uint32_t mtu, std::size_t limit)
{
    IpView view;
    EXPECT_TRUE(ParseIp(about, view));
    const IpAddress& from = view.v6 ? kRouter6 : kRouter4;
    const Bytes message = BuildTooBig(about, mtu, from, limit);
    Bytes packet(view.v6 ? kIpv6HeaderSize : kIpv4HeaderSize);
    if (view.v6)
    {
        Ipv6HeaderFields fields;
        fields.totalLength = packet.size() + message.size();
        fields.protocol = kProtocolIcmpv6;
        fields.source = from;
        fields.destination = view.Source();
        WriteIpv6Header(packet.data(), fields);
    }
    else
    {
        Ipv4HeaderFields fields;
        fields.totalLength = static_cast<std::uint16_t>(packet.size() + message.size());
        fields.protocol = kProtocolIcmp;
        fields.source = from.V4Value();
        fields.destination = view.Source().V4Value();
        WriteIpv4Header(packet.data(), fields);
    }
    packet.insert(packet.end(), message.begin(), message.end());
    return packet;
}

std::optional<TooBigReport>
Parse(const Bytes& packet)
{
    IpView view;
    return ParseIp(packet, view) ? ParseTooBig(view) : std::nullopt;
}

} // namespace

TEST(IcmpTooBig, SaysTheMtuAndQuotesThePacket)
{
    for (const bool v6 : {false, true})
    {
        const Bytes about = SealedPacket(1400, v6);
        const std::size_t limit = v6 ? kIcmpv6Limit : kIcmpLimit;
        const Bytes packet = Report(about, 1300, limit);
        EXPECT_EQ(packet.size(), limit);
        const auto report = Parse(packet);
        ASSERT_TRUE(report);
        EXPECT_EQ(report->mtu, 1300U);
        EXPECT_EQ(Bytes(report->quoted.begin(), report->quoted.end()),
                  Bytes(about.begin(),
                        about.begin() + static_cast<std::ptrdiff_t>(report->quoted.size())));
        const auto esp = ReadQuotedEsp(report->quoted);
        ASSERT_TRUE(esp);
        EXPECT_EQ(esp->spi, 0x1000U);
        EXPECT_EQ(esp->totalLength, about.size());
        IpView view;
        ASSERT_TRUE(ParseIp(about, view));
        EXPECT_EQ(esp->source, view.Source());
        EXPECT_EQ(esp->destination, view.Destination());
    }
}

/// The shortest quotation, the header and 8 octets, has the SPI of ESP but not that of ESP in UDP.
TEST(IcmpTooBig, ShortQuotations)
{
    constexpr std::size_t kShort = 20 + 8 + 20 + 8;
    const Bytes plain = Report(SealedPacket(1400, false), 1300, kShort);
    EXPECT_TRUE(ReadQuotedEsp(Parse(plain)->quoted));
    const Bytes udp = Report(SealedPacket(1400, false, true), 1300, kShort);
    EXPECT_FALSE(ReadQuotedEsp(Parse(udp)->quoted));
    const Bytes longer = Report(SealedPacket(1400, false, true), 1300, kShort + 4);
    ASSERT_TRUE(ReadQuotedEsp(Parse(longer)->quoted));
    EXPECT_EQ(ReadQuotedEsp(Parse(longer)->quoted)->spi, 0x1000U);
    for (std::size_t length = 0; length < 24; ++length)
    {
        const Bytes cut(plain.begin() + 28,
                        plain.begin() + 28 + static_cast<std::ptrdiff_t>(length));
        EXPECT_FALSE(ReadQuotedEsp(cut)) << length;
    }
}

TEST(IcmpTooBig, OtherMessagesAndDamagedOnesAreNone)
{
    for (const bool v6 : {false, true})
    {
        const std::size_t icmp = v6 ? kIpv6HeaderSize : kIpv4HeaderSize;
        const Bytes good = Report(SealedPacket(1400, v6), 1300, 200);
        ASSERT_TRUE(Parse(good));
        Bytes damaged = good;
        damaged[icmp + 7] ^= 1;
        EXPECT_FALSE(Parse(damaged));
        StoreBe16(&damaged[icmp + 2], 0); // "not computed"
        EXPECT_TRUE(Parse(damaged));
        damaged[icmp] = 8;
        EXPECT_FALSE(Parse(damaged));
        Bytes other = good;
        other[v6 ? 6 : 9] = 17;
        EXPECT_FALSE(Parse(other));
    }
    EXPECT_TRUE(BuildTooBig(Bytes(30, 0), 1300, kRouter4, kIcmpLimit).empty());
    EXPECT_TRUE(BuildTooBig(SealedPacket(100, false), 1300, kRouter6, kIcmpLimit).empty());
}

} // namespace ipseclab::wire
