/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ipv4.h"

#include "tests/unit/capture-reader.h"

#include <gtest/gtest.h>

namespace ipseclab
{
namespace
{

constexpr std::size_t kChecksum = 10;

/// An IPv4 header with that protocol and fragment field, and octets behind it.
Bytes
Packet(std::uint8_t protocol, const Bytes& next, std::uint16_t fragmentField = 0)
{
    wire::Ipv4HeaderFields fields;
    fields.protocol = protocol;
    fields.source = 0xc0000201;
    fields.destination = 0xc0000202;
    fields.totalLength = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + next.size());
    Bytes packet(wire::kIpv4HeaderSize);
    wire::WriteIpv4Header(packet.data(), fields);
    StoreBe16(packet.data() + 6, fragmentField);
    packet.insert(packet.end(), next.begin(), next.end());
    return packet;
}

PacketSelectors
Selectors(const Bytes& packet)
{
    wire::Ipv4View view;
    EXPECT_TRUE(wire::ParseIpv4(packet, view));
    return wire::ReadSelectors(view);
}

/// The example of RFC 1071, section 3: 0001 f203 f4f5 f6f7 add up to ddf2.
TEST(Ipv4Checksum, ExampleOfRfc1071)
{
    const Bytes octets{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), octets.size()), 0xffff - 0xddf2);
}

/// A tail of one to three octets is padded with zeros.
TEST(Ipv4Checksum, AnyLength)
{
    const Bytes octets{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde};
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), 0), 0xffff);
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), 1), 0xffff - 0x1200);
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), 2), 0xffff - 0x1234);
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), 3), 0xffff - (0x1234 + 0x5600));
    // 1234 + 5678 + 9abc + de00 with end-around carry
    EXPECT_EQ(wire::Ipv4Checksum(octets.data(), 7), 0xffff - 0xe169);
}

/// Headers that a real kernel wrote, in every recorded session, outer and inner.
TEST(Ipv4Checksum, RecordedHeaders)
{
    std::size_t headers = 0;
    for (const auto& name : test::CaptureNames())
    {
        for (const auto& datagram : test::ReadCapture(name))
        {
            EXPECT_EQ(wire::Ipv4Checksum(datagram.ipPacket.data(), wire::kIpv4HeaderSize), 0);
            ++headers;
        }
        const auto session = test::ReadSession(name);
        for (const auto& packet : session.at("esp_packets"))
        {
            const Bytes inner = test::Hex(packet, "inner");
            EXPECT_EQ(wire::Ipv4Checksum(inner.data(), wire::kIpv4HeaderSize), 0);
            ++headers;
        }
    }
    EXPECT_GT(headers, 500U);
}

/// WriteIpv4Header gives the octets that a kernel gave to the same fields.
TEST(Ipv4Header, RecordedHeadersAreRebuilt)
{
    for (const auto& datagram : test::ReadCapture("aes128gcm16-x25519"))
    {
        wire::Ipv4View view;
        ASSERT_TRUE(wire::ParseIpv4(datagram.ipPacket, view));
        wire::Ipv4HeaderFields fields;
        fields.tos = view.Tos();
        fields.totalLength = static_cast<std::uint16_t>(view.totalLength);
        fields.identification = LoadBe16(view.header + 4);
        fields.dontFragment = view.DontFragment();
        fields.ttl = view.Ttl();
        fields.protocol = view.Protocol();
        fields.source = view.Source();
        fields.destination = view.Destination();
        Bytes header(wire::kIpv4HeaderSize);
        wire::WriteIpv4Header(header.data(), fields);
        EXPECT_EQ(test::ToHex(header),
                  test::ToHex(ByteSpan(datagram.ipPacket).first(wire::kIpv4HeaderSize)));
    }
}

/// Over many headers the update agrees with the full sum: a verifier sees zero.
TEST(Ipv4Header, UpdatesKeepTheChecksumRight)
{
    for (std::uint32_t i = 0; i < 70000; ++i)
    {
        Bytes packet = Packet(wire::kProtocolUdp, {});
        StoreBe16(packet.data() + 4, static_cast<std::uint16_t>(i));
        StoreBe16(packet.data() + kChecksum, 0);
        std::uint16_t checksum = wire::Ipv4Checksum(packet.data(), wire::kIpv4HeaderSize);
        if (checksum == 0)
        {
            checksum = 0xffff; // the same number; zero says that there is none
        }
        StoreBe16(packet.data() + kChecksum, checksum);
        for (unsigned hop = 0; hop < 3; ++hop)
        {
            wire::DecrementTtl(packet.data());
            wire::SetIpv4Tos(packet.data(),
                             static_cast<std::uint8_t>((packet[1] & 0xfc) | (3 - hop)));
            ASSERT_EQ(wire::Ipv4Checksum(packet.data(), wire::kIpv4HeaderSize), 0)
                << "identification " << i << " hop " << hop;
            ASSERT_EQ(packet[8], 63 - hop);
            ASSERT_EQ(packet[1], 3 - hop);
        }
    }
}

/// RFC 791 and 1071 know no other form of a zero checksum; that is for UDP (RFC 768).
TEST(Ipv4Header, GenuineZeroIsWrittenAsZero)
{
    wire::Ipv4HeaderFields fields;
    fields.protocol = wire::kProtocolUdp;
    fields.source = 0xc0000201;
    fields.destination = 0xc0000202;
    fields.totalLength = wire::kIpv4HeaderSize;
    fields.identification = 63189; // the words of the header add up to 0xffff
    Bytes header(wire::kIpv4HeaderSize);
    wire::WriteIpv4Header(header.data(), fields);
    EXPECT_EQ(LoadBe16(header.data() + kChecksum), 0);
    EXPECT_EQ(wire::Ipv4Checksum(header.data(), header.size()), 0);
    fields.identification = 63188;
    wire::WriteIpv4Header(header.data(), fields);
    EXPECT_EQ(LoadBe16(header.data() + kChecksum), 1);
}

TEST(Ipv4Header, ZeroChecksumStaysZero)
{
    Bytes packet = Packet(wire::kProtocolUdp, {});
    packet[1] = 0xb8;
    StoreBe16(packet.data() + kChecksum, 0);
    wire::DecrementTtl(packet.data());
    wire::SetIpv4Tos(packet.data(), packet[1] | 3);
    EXPECT_EQ(packet[8], 63);
    EXPECT_EQ(packet[1], 0xbb);
    EXPECT_EQ(LoadBe16(packet.data() + kChecksum), 0);
}

TEST(ParseIpv4, RefusesWhatIsNotThere)
{
    const Bytes good = Packet(wire::kProtocolUdp, {1, 2, 3, 4});
    wire::Ipv4View view;
    ASSERT_TRUE(wire::ParseIpv4(good, view));
    EXPECT_EQ(view.headerLength, 20U);
    EXPECT_EQ(view.totalLength, 24U);
    for (std::size_t size = 0; size < good.size(); ++size)
    {
        EXPECT_FALSE(wire::ParseIpv4(ByteSpan(good).first(size), view)) << size;
    }
    Bytes bad = good;
    bad[0] = 0x65;
    EXPECT_FALSE(wire::ParseIpv4(bad, view));
    bad[0] = 0x44;
    EXPECT_FALSE(wire::ParseIpv4(bad, view));
    bad[0] = 0x47; // a header of 28 octets in a packet of 24
    EXPECT_FALSE(wire::ParseIpv4(bad, view));
    bad[0] = 0x45;
    StoreBe16(bad.data() + 2, 19);
    EXPECT_FALSE(wire::ParseIpv4(bad, view));
    StoreBe16(bad.data() + 2, 22); // octets behind the packet, as Ethernet pads
    EXPECT_TRUE(wire::ParseIpv4(bad, view));
    EXPECT_EQ(view.totalLength, 22U);
}

TEST(ReadSelectors, PortsAndIcmp)
{
    for (const std::uint8_t protocol : Bytes{6, 17, 33, 132, 136})
    {
        const auto selectors = Selectors(Packet(protocol, {0x01, 0xf4, 0x11, 0x94}));
        EXPECT_EQ(selectors.source, IpAddress::V4(0xc0000201));
        EXPECT_EQ(selectors.destination, IpAddress::V4(0xc0000202));
        EXPECT_EQ(selectors.protocol, protocol);
        EXPECT_TRUE(selectors.portsKnown);
        EXPECT_EQ(selectors.sourcePort, 500);
        EXPECT_EQ(selectors.destinationPort, 4500);
    }
    const auto icmp = Selectors(Packet(1, {3, 4}));
    EXPECT_TRUE(icmp.portsKnown);
    EXPECT_EQ(icmp.sourcePort, 3 * 256 + 4);
    EXPECT_EQ(icmp.destinationPort, 3 * 256 + 4);
}

TEST(ReadSelectors, BehindOptions)
{
    Bytes packet = Packet(wire::kProtocolUdp, {1, 1, 1, 1, 0x01, 0xf4, 0x11, 0x94});
    packet[0] = 0x46;
    EXPECT_EQ(Selectors(packet).sourcePort, 500);
}

TEST(ReadSelectors, UnknownPorts)
{
    const Bytes ports{0x01, 0xf4, 0x11, 0x94};
    EXPECT_TRUE(Selectors(Packet(17, ports, 0x2000)).portsKnown) << "first fragment";
    EXPECT_FALSE(Selectors(Packet(17, ports, 0x2001)).portsKnown) << "later fragment";
    EXPECT_FALSE(Selectors(Packet(17, ports, 0x0001)).portsKnown) << "last fragment";
    EXPECT_FALSE(Selectors(Packet(1, ports, 0x0001)).portsKnown) << "ICMP fragment";
    EXPECT_FALSE(Selectors(Packet(17, {1, 2, 3})).portsKnown) << "cut short";
    EXPECT_FALSE(Selectors(Packet(1, {8})).portsKnown) << "ICMP cut short";
    EXPECT_FALSE(Selectors(Packet(wire::kProtocolEsp, ports)).portsKnown) << "no ports";
}

} // namespace
} // namespace ipseclab
