/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/udp-encapsulation.h"

#include "model/esp/data-plane.h"
#include "tests/unit/capture-reader.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>

// ESP in UDP (RFC 3948), from the header to the data plane.

namespace ipseclab::esp
{
namespace
{

using wire::NatTraversalContent;
using wire::UdpPorts;

TEST(UdpEncapsulation, PayloadsAreToldApart)
{
    const auto classify = [](const Bytes& octets) { return wire::ClassifyNatTraversal(octets); };
    EXPECT_EQ(classify({0xff}), NatTraversalContent::Keepalive);
    EXPECT_EQ(classify({0xfe}), NatTraversalContent::Unknown);
    EXPECT_EQ(classify({}), NatTraversalContent::Unknown);
    EXPECT_EQ(classify({0, 0, 0}), NatTraversalContent::Unknown);
    EXPECT_EQ(classify({0, 0, 0, 0}), NatTraversalContent::Ike);
    EXPECT_EQ(classify({0, 0, 0, 1}), NatTraversalContent::Esp);
    EXPECT_EQ(classify({0xff, 0xff, 0xff, 0xff}), NatTraversalContent::Esp);
}

// What recorded daemons have sent is told apart as the README of the recordings says.
TEST(UdpEncapsulation, RecordedPacketsAreToldApart)
{
    std::size_t esp = 0;
    for (const std::string& name : ::ipseclab::test::CaptureNames())
    {
        for (const auto& datagram : ::ipseclab::test::ReadCapture(name))
        {
            wire::IpView view;
            ASSERT_TRUE(wire::ParseIp(datagram.ipPacket, view));
            EXPECT_EQ(wire::FindEsp(view).has_value(), !datagram.isIke) << name;
            esp += datagram.isIke ? 0 : 1;
        }
    }
    EXPECT_GT(esp, 20U);
}

/// One SA from a to b, in UDP.
class UdpTunnel : public testing::Test
{
  protected:
    UdpTunnel()
    {
        SpdEntry all;
        all.action = SpdAction::Protect;
        all.peer = "b";
        a.GetSpd().Add(all);
        OutboundSaConfig out = test::OutboundConfig();
        out.udp = UdpPorts{4500, 2048};
        InboundSaConfig in = test::InboundConfig();
        in.udp = UdpPorts{4500, 4500};
        EXPECT_TRUE(a.GetSad().Add("b",
                                   OutboundSa::Create(out),
                                   InboundSa::Create(test::InboundConfig(0x1001))));
        EXPECT_TRUE(b.GetSad().Add("a",
                                   OutboundSa::Create(test::OutboundConfig(0x1001)),
                                   InboundSa::Create(in)));
        b.SetPathCallback([this](const UdpPath& path) { paths.push_back(path); });
    }

    Bytes Send(std::size_t mtu = 1500)
    {
        test::Fill(a.Buffer(), packet);
        sent = a.ProcessOutbound(mtu);
        return test::ToBytes(a.Buffer());
    }

    DataPlaneResult Receive(const Bytes& octets)
    {
        test::Fill(b.Buffer(), octets);
        return b.ProcessInbound();
    }

    const Bytes packet = test::InnerPacket{}.Build();
    DataPlane a;
    DataPlane b;
    DataPlaneResult sent;
    std::vector<UdpPath> paths;
};

/// 20 + 8 + 8 + 8 + 48 + 2 + 2 + 16: eight octets more than without UDP.
TEST_F(UdpTunnel, TheUdpHeaderCounts)
{
    Send(111);
    EXPECT_EQ(sent.drop, DropReason::TooBig);
    const Bytes wire = Send(112);
    EXPECT_EQ(sent.verdict, Verdict::Transformed);
    ASSERT_EQ(wire.size(), 112U);
    EXPECT_EQ(wire[9], wire::kProtocolUdp);
    EXPECT_EQ(wire::Ipv4Checksum(wire.data(), 20), 0);
    EXPECT_EQ(LoadBe16(&wire[20]), 4500);
    EXPECT_EQ(LoadBe16(&wire[22]), 2048);
    EXPECT_EQ(LoadBe16(&wire[24]), 92);
    EXPECT_EQ(LoadBe16(&wire[26]), 0) << "no checksum (RFC 3948, section 2.1)";
    EXPECT_EQ(LoadBe32(&wire[28]), 0x1000U);
}

TEST_F(UdpTunnel, APacketGoesThrough)
{
    Bytes wire = Send();
    StoreBe16(&wire[22], 4500); // the NAT's work
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
    EXPECT_EQ(test::ToBytes(b.Buffer()), packet);
    EXPECT_TRUE(paths.empty());
    EXPECT_TRUE(a.Counters().Balanced() && b.Counters().Balanced());
}

/// Over IPv6 with a checksum that comes out right, in tunnel and in transport mode.
TEST_F(UdpTunnel, Ipv6HasAChecksum)
{
    const IpAddress source = *IpAddress::FromString("2001:db8::1");
    const IpAddress destination = *IpAddress::FromString("2001:db8::2");
    ASSERT_TRUE(a.GetSad().SetOuter(0x1001, source, destination, UdpPorts{}));
    const Bytes wire = Send();
    ASSERT_EQ(wire.size(), 132U);
    EXPECT_EQ(wire[6], wire::kProtocolUdp);
    EXPECT_NE(LoadBe16(&wire[46]), 0);
    Bytes sum(wire.begin() + 8, wire.begin() + 40);
    sum.insert(sum.end(), {0, 0, 0, 92, 0, 0, 0, wire::kProtocolUdp});
    sum.insert(sum.end(), wire.begin() + 40, wire.end());
    EXPECT_EQ(wire::Ipv4Checksum(sum.data(), sum.size()), 0);
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
    EXPECT_EQ(test::ToBytes(b.Buffer()), packet);
}

TEST(UdpEncapsulation, TransportModeHasUdpBehindItsOwnHeader)
{
    OutboundSaConfig out = test::OutboundConfig();
    out.ipsecMode = IpsecMode::Transport;
    out.udp = UdpPorts{};
    out.outerSource = IpAddress::V4(test::kInnerSource);
    out.outerDestination = IpAddress::V4(test::kInnerDestination);
    InboundSaConfig in = test::InboundConfig();
    in.ipsecMode = IpsecMode::Transport;
    const auto sender = OutboundSa::Create(out);
    const auto receiver = InboundSa::Create(in);
    const Bytes packet = test::InnerPacket{}.Build();
    PacketBuffer buffer;
    test::Fill(buffer, packet);
    const std::size_t expected = sender->SealedLength(packet.size());
    sender->Seal(buffer, 1);
    const Bytes wire = test::ToBytes(buffer);
    EXPECT_EQ(wire.size(), expected);
    EXPECT_EQ(wire[9], wire::kProtocolUdp);
    wire::IpView view;
    ASSERT_TRUE(wire::ParseIp(wire, view));
    ASSERT_EQ(wire::FindEsp(view), 28U);
    EXPECT_EQ(LoadBe32(&wire[28]), out.spi);
    EXPECT_EQ(receiver->Open(buffer, 28).drop, DropReason::None);
    EXPECT_EQ(test::ToBytes(buffer), packet);
}

/// RFC 7296, section 2.23: either form has to be taken.
TEST_F(UdpTunnel, TheSaTakesEspWithoutUdpToo)
{
    const Bytes wire = Send();
    Bytes bare(wire.begin(), wire.begin() + 20);
    bare.insert(bare.end(), wire.begin() + 28, wire.end());
    StoreBe16(&bare[2], static_cast<std::uint16_t>(bare.size()));
    bare[9] = wire::kProtocolEsp;
    EXPECT_EQ(Receive(bare).verdict, Verdict::Transformed);
    EXPECT_TRUE(paths.empty());
}

TEST_F(UdpTunnel, AnotherPortIsReportedWhenThePacketIsAuthenticAndNew)
{
    Bytes wire = Send();
    StoreBe16(&wire[20], 3000);
    StoreBe16(&wire[22], 4500);
    Bytes forged = wire;
    forged.back() ^= 1;
    EXPECT_EQ(Receive(forged).drop, DropReason::Icv);
    EXPECT_TRUE(paths.empty());
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
    ASSERT_EQ(paths.size(), 1U);
    EXPECT_EQ(paths[0].spi, 0x1000U);
    EXPECT_EQ(paths[0].source, IpAddress::V4(0xc0000201));
    EXPECT_EQ(paths[0].ports, (UdpPorts{3000, 4500}));
    StoreBe16(&wire[20], 3001);
    EXPECT_EQ(Receive(wire).drop, DropReason::ReplayDuplicate);
    EXPECT_EQ(paths.size(), 1U);
}

TEST_F(UdpTunnel, AMovedPairSendsElsewhere)
{
    const IpAddress local = IpAddress::V4(0xc0000201);
    const IpAddress remote = IpAddress::V4(0xc6336407);
    EXPECT_FALSE(a.GetSad().SetOuter(0x9999, local, remote, UdpPorts{}));
    ASSERT_TRUE(a.GetSad().SetOuter(0x1001, local, remote, UdpPorts{4500, 3000}));
    const Bytes wire = Send();
    EXPECT_EQ(LoadBe32(&wire[16]), 0xc6336407U);
    EXPECT_EQ(LoadBe16(&wire[22]), 3000);
    EXPECT_EQ(a.GetSad().FindInbound(0x1001)->Config().udp, (UdpPorts{3000, 4500}));
}

TEST_F(UdpTunnel, WhatIsNotEspInUdpIsRefused)
{
    Bytes wire = Send();
    EXPECT_EQ(Receive(wire).drop, DropReason::Malformed) << "port 2048 is not ours";
    StoreBe16(&wire[22], 4500);
    Bytes marker = wire;
    StoreBe32(&marker[28], 0);
    EXPECT_EQ(Receive(marker).drop, DropReason::Malformed);
    Bytes length = wire;
    StoreBe16(&length[24], 91);
    EXPECT_EQ(Receive(length).drop, DropReason::Malformed);
    Bytes fragment = wire;
    fragment[6] = 0x20;
    EXPECT_EQ(Receive(fragment).drop, DropReason::Fragment);
    for (std::size_t size = 20; size < 32; ++size)
    {
        Bytes cut(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(size));
        StoreBe16(&cut[2], static_cast<std::uint16_t>(size));
        EXPECT_EQ(Receive(cut).drop, DropReason::Malformed) << size;
    }
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
}

} // namespace
} // namespace ipseclab::esp
