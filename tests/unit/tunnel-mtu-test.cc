/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ipv6.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>

/*
 * The largest packets that fit into a tunnel, of every suite, mode and pair of IP versions: a
 * table, a closed form, what the data plane really makes of packets, and a Linux kernel's say.
 */

namespace ipseclab::esp
{

namespace
{

/// What a suite adds to a packet, in octets, by the RFC that defines it, not as the model has it.
struct SuiteSizes
{
    std::size_t iv;
    std::size_t icv;
    std::size_t alignment; ///< of the text with its trailer: the cipher's block, at least 4
};

SuiteSizes
SizesOf(const std::string& suite)
{
    static const std::map<std::string, SuiteSizes> sizes{
        {"aes128gcm16", {8, 16, 4}},        // RFC 4106
        {"aes256gcm16", {8, 16, 4}},        // RFC 4106
        {"aes128ccm16", {8, 16, 4}},        // RFC 4309
        {"chacha20poly1305", {8, 16, 4}},   // RFC 7634
        {"aes128cbc-sha256", {16, 16, 16}}, // RFC 3602, RFC 4868
        {"aes256cbc-sha256", {16, 16, 16}},
        {"aes256cbc-sha512", {16, 32, 16}},
        {"aes128cbc-sha1", {16, 12, 16}}, // RFC 2404
        {"null-sha256", {0, 16, 4}},      // RFC 2410
    };
    return sizes.at(suite);
}

std::size_t
HeaderOf(int version)
{
    return version == 4 ? 20 : 40;
}

struct Case
{
    std::string suite;
    bool tunnel;
    int inner; ///< IP version
    int outer;
    bool udp;

    /// RFC 4303, section 2: a whole number of blocks less two octets of trailer. In transport mode
    /// the packet's own header is the outer one, and counts as part of the packet.
    std::size_t Largest(std::size_t mtu) const
    {
        const SuiteSizes sizes = SizesOf(suite);
        const std::size_t around = HeaderOf(outer) + (udp ? 8 : 0) + 8 + sizes.iv + sizes.icv;
        const std::size_t text = (mtu - around) / sizes.alignment * sizes.alignment - 2;
        return tunnel ? text : text + HeaderOf(outer);
    }

    std::unique_ptr<OutboundSa> MakeSa() const
    {
        OutboundSaConfig config = test::OutboundConfig(1, test::SuiteByName(suite));
        config.ipsecMode = tunnel ? IpsecMode::Tunnel : IpsecMode::Transport;
        if (outer == 6)
        {
            config.outerSource = *IpAddress::FromString("2001:db8::1");
            config.outerDestination = *IpAddress::FromString("2001:db8::2");
        }
        if (udp)
        {
            config.udp = wire::UdpPorts{};
        }
        return OutboundSa::Create(config);
    }

    Bytes Packet(std::size_t length) const
    {
        if (inner == 4)
        {
            test::InnerPacket packet;
            packet.length = length;
            return packet.Build();
        }
        Bytes packet(length);
        wire::Ipv6HeaderFields fields;
        fields.totalLength = length;
        fields.protocol = wire::kProtocolUdp;
        fields.source = *IpAddress::FromString("2001:db8::1");
        fields.destination = *IpAddress::FromString("2001:db8::2");
        wire::WriteIpv6Header(packet.data(), fields);
        return packet;
    }

    std::size_t Sealed(std::size_t length) const
    {
        const auto sa = MakeSa();
        PacketBuffer buffer;
        test::Fill(buffer, Packet(length));
        sa->Seal(buffer, *sa->NextNumber());
        return buffer.Size();
    }
};

Case
ReadCase(const nlohmann::json& row)
{
    return {row.at("suite"),
            row.at("mode") == "tunnel",
            row.at("inner"),
            row.at("outer"),
            row.at("udp")};
}

nlohmann::json
LoadTable()
{
    return ipseclab::test::LoadVectors("tunnel-mtu.json").at("cases");
}

} // namespace

TEST(TunnelMtuTable, IsTheClosedForm)
{
    std::size_t compared = 0;
    for (const auto& row : LoadTable())
    {
        const Case one = ReadCase(row);
        for (const auto& [mtu, largest] : row.at("largest").items())
        {
            EXPECT_EQ(largest.get<std::size_t>(), one.Largest(std::stoul(mtu))) << row;
            ++compared;
        }
    }
    EXPECT_EQ(compared, 486U)
        << "9 suites, 2 encapsulations, 4 + 2 pairs of versions, 5 or 4 links";
}

TEST(TunnelMtuTable, IsWhatTheModelSeals)
{
    for (const auto& row : LoadTable())
    {
        const Case one = ReadCase(row);
        const auto sa = one.MakeSa();
        ASSERT_TRUE(sa) << row;
        for (const auto& [mtu, value] : row.at("largest").items())
        {
            const auto largest = value.get<std::size_t>();
            EXPECT_EQ(sa->LargestInner(std::stoul(mtu), HeaderOf(one.inner)), largest) << row;
            EXPECT_LE(one.Sealed(largest), std::stoul(mtu)) << row;
            EXPECT_GT(one.Sealed(largest + 1), std::stoul(mtu)) << row;
        }
    }
}

TEST(TunnelMtuTable, IsWhatLinuxLetsThrough)
{
    std::map<std::tuple<std::string, bool, bool, std::size_t>, std::size_t> table;
    for (const auto& row : LoadTable())
    {
        const Case one = ReadCase(row);
        for (const auto& [mtu, largest] : row.at("largest").items())
        {
            if (one.inner == 4 && one.outer == 4)
            {
                table[{one.suite, one.tunnel, one.udp, std::stoul(mtu)}] = largest;
            }
        }
    }
    std::size_t compared = 0;
    const auto recording = test::LoadRecording("mtu.json");
    for (const auto& row : recording.at("cases"))
    {
        const std::size_t expected = table.at(
            {row.at("suite"), row.at("mode") == "tunnel", row.at("espinudp"), row.at("link_mtu")});
        for (const char* column : {"largest_forwarded_df", "icmp_mtu", "largest_local_df"})
        {
            if (row.contains(column))
            {
                EXPECT_EQ(row.at(column).get<std::size_t>(), expected) << row;
                ++compared;
            }
        }
    }
    EXPECT_GE(compared, 100U);
}

} // namespace ipseclab::esp
