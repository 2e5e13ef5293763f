/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/data-plane.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>

/*
 * Tunnel mode with either version inside and outside, transport mode, what the outer header takes
 * from the inner one, TFC padding and dummy packets.
 */

namespace ipseclab::esp
{

namespace
{

const IpAddress kHostA4 = *IpAddress::FromString("192.0.2.1");
const IpAddress kHostB4 = *IpAddress::FromString("192.0.2.2");
const IpAddress kHostA6 = *IpAddress::FromString("2001:db8::1");
const IpAddress kHostB6 = *IpAddress::FromString("2001:db8::2");

/// UDP over IPv6, with extension headers before it: each 8 octets long.
Bytes
Ipv6Packet(const IpAddress& source,
           const IpAddress& destination,
           std::size_t payload = 40,
           std::uint8_t tos = 0,
           const std::vector<std::uint8_t>& extensions = {})
{
    Bytes packet(wire::kIpv6HeaderSize + 8 * extensions.size() + 8 + payload);
    wire::Ipv6HeaderFields fields;
    fields.trafficClass = tos;
    fields.totalLength = packet.size();
    fields.protocol = extensions.empty() ? wire::kProtocolUdp : extensions.front();
    fields.source = source;
    fields.destination = destination;
    wire::WriteIpv6Header(packet.data(), fields);
    std::size_t at = wire::kIpv6HeaderSize;
    for (std::size_t i = 0; i < extensions.size(); ++i, at += 8)
    {
        packet[at] = i + 1 < extensions.size() ? extensions[i + 1] : wire::kProtocolUdp;
    }
    StoreBe16(&packet[at], 1000);
    StoreBe16(&packet[at + 2], 2000);
    StoreBe16(&packet[at + 4], static_cast<std::uint16_t>(8 + payload));
    for (std::size_t i = 0; i < payload; ++i)
    {
        packet[at + 8 + i] = static_cast<std::uint8_t>(i);
    }
    return packet;
}

Bytes
Ipv4Packet(const IpAddress& source, const IpAddress& destination)
{
    test::InnerPacket packet;
    packet.source = source.V4Value();
    packet.destination = destination.V4Value();
    return packet.Build();
}

const crypto::CipherSuite kSuites[] = {
    {crypto::EncryptionId::AesGcm16, 128, crypto::IntegrityId::None},
    {crypto::EncryptionId::ChaCha20Poly1305, 256, crypto::IntegrityId::None},
    {crypto::EncryptionId::AesCbc, 256, crypto::IntegrityId::HmacSha2_512_256},
    {crypto::EncryptionId::Null, 0, crypto::IntegrityId::HmacSha2_256_128},
};

/// Both halves of an SA between two addresses.
struct SaPair
{
    explicit SaPair(const IpAddress& source, const IpAddress& destination, IpsecMode mode)
        : out(test::OutboundConfig()),
          in(test::InboundConfig())
    {
        for (EspSaConfig* config :
             {static_cast<EspSaConfig*>(&out), static_cast<EspSaConfig*>(&in)})
        {
            config->outerSource = source;
            config->outerDestination = destination;
            config->ipsecMode = mode;
        }
    }

    void Use(const crypto::CipherSuite& suite)
    {
        out.suite = in.suite = suite;
        test::GiveKeys(out);
        test::GiveKeys(in);
    }

    void Make()
    {
        sender = OutboundSa::Create(out);
        receiver = InboundSa::Create(in);
        ASSERT_TRUE(sender && receiver);
    }

    Bytes Seal(const Bytes& packet, std::size_t tfcLength = 0)
    {
        test::Fill(buffer, packet);
        sender->Seal(buffer, *sender->NextNumber(), tfcLength);
        return test::ToBytes(buffer);
    }

    DropReason Open(const Bytes& packet)
    {
        test::Fill(buffer, packet);
        wire::IpView view;
        return wire::ParseIp(buffer.Span(), view) ? receiver->Open(buffer, view.upperOffset).drop
                                                  : DropReason::Malformed;
    }

    OutboundSaConfig out;
    InboundSaConfig in;
    std::unique_ptr<OutboundSa> sender;
    std::unique_ptr<InboundSa> receiver;
    PacketBuffer buffer;
};

// --- Tunnel mode ---------------------------------------------------------------------------------

TEST(TunnelMode, CarriesBothVersionsInBothVersions)
{
    const Bytes inner4 = Ipv4Packet(IpAddress::V4(0x0a010001), IpAddress::V4(0x0a020009));
    const Bytes inner6 = Ipv6Packet(*IpAddress::FromString("2001:db8:1::1"),
                                    *IpAddress::FromString("2001:db8:2::9"));
    for (const crypto::CipherSuite& suite : kSuites)
    {
        for (const bool outer6 : {false, true})
        {
            SaPair pair(outer6 ? kHostA6 : kHostA4, outer6 ? kHostB6 : kHostB4, IpsecMode::Tunnel);
            pair.Use(suite);
            pair.Make();
            for (const Bytes& inner : {inner4, inner6})
            {
                SCOPED_TRACE(Name(suite) + (outer6 ? " in v6" : " in v4"));
                const Bytes sealed = pair.Seal(inner);
                EXPECT_EQ(sealed.size(), pair.sender->SealedLength(inner.size()));
                wire::IpView view;
                ASSERT_TRUE(wire::ParseIp(sealed, view));
                EXPECT_EQ(view.v6, outer6);
                EXPECT_EQ(view.totalLength, sealed.size());
                EXPECT_EQ(view.Protocol(), wire::kProtocolEsp);
                EXPECT_EQ(view.Source(), pair.out.outerSource);
                EXPECT_EQ(view.Destination(), pair.out.outerDestination);
                EXPECT_EQ(view.Ttl(), 64);
                EXPECT_EQ(pair.Open(sealed), DropReason::None);
                EXPECT_EQ(test::ToBytes(pair.buffer), inner);
            }
        }
    }
}

TEST(TunnelMode, OuterAddressesMustBeOfOneVersion)
{
    SaPair pair(kHostA4, kHostB6, IpsecMode::Tunnel);
    EXPECT_EQ(OutboundSa::Create(pair.out), nullptr);
}

/// No router fragments IPv6, so a copy of its DF bit is a set one, as Linux has it.
TEST(TunnelMode, DfOverIpv6IsSet)
{
    SaPair pair(kHostA4, kHostB4, IpsecMode::Tunnel);
    pair.Make();
    EXPECT_EQ(pair.Seal(Ipv6Packet(kHostA6, kHostB6))[6], 0x40);
    pair.out.df = DfPolicy::Clear;
    pair.Make();
    EXPECT_EQ(pair.Seal(Ipv6Packet(kHostA6, kHostB6))[6], 0);
}

/// The overheads of an outer IPv6 header: 20 octets more than with IPv4.
TEST(TunnelMode, LargestInnerPacketsOfTheCommonMtus)
{
    struct Row
    {
        crypto::CipherSuite suite;
        std::size_t mtu;
        std::size_t v4;
        std::size_t v6;
    };

    // RFC 4303, section 2: floor((MTU - outer - 8 - IV - ICV) / a) * a - 2, worked out by hand.
    const Row rows[] = {
        {kSuites[0], 1280, 1226, 1206},
        {kSuites[0], 1500, 1446, 1426},
        {kSuites[1], 9000, 8946, 8926},
        {{crypto::EncryptionId::AesCbc, 128, crypto::IntegrityId::HmacSha2_256_128},
         1280,
         1214,
         1198},
        {{crypto::EncryptionId::AesCbc, 128, crypto::IntegrityId::HmacSha2_256_128},
         1500,
         1438,
         1406},
        {kSuites[3], 1500, 1454, 1434},
    };
    for (const Row& row : rows)
    {
        for (const bool outer6 : {false, true})
        {
            SaPair pair(outer6 ? kHostA6 : kHostA4, outer6 ? kHostB6 : kHostB4, IpsecMode::Tunnel);
            pair.Use(row.suite);
            pair.Make();
            const std::size_t largest = outer6 ? row.v6 : row.v4;
            EXPECT_EQ(pair.sender->LargestInner(row.mtu), largest);
            EXPECT_LE(pair.sender->SealedLength(largest), row.mtu);
            EXPECT_GT(pair.sender->SealedLength(largest + 1), row.mtu);
        }
    }
    SaPair pair(kHostA4, kHostB4, IpsecMode::Tunnel);
    pair.Make();
    EXPECT_EQ(pair.sender->LargestInner(20), 0U);
    EXPECT_EQ(pair.sender->LargestInner(55), 0U);
}

TEST(TunnelMode, NextHeaderAndInnerVersionMustAgree)
{
    // A transport mode sender of IP in IP makes any payload with any next header.
    SaPair pair(kHostA4, kHostB4, IpsecMode::Transport);
    pair.in.ipsecMode = IpsecMode::Tunnel;
    pair.Make();
    const Bytes inner6 = Ipv6Packet(kHostA6, kHostB6);
    for (const auto& [protocol, reason] : {std::pair(wire::kProtocolIpv4, DropReason::Malformed),
                                           std::pair(wire::kProtocolIpv6, DropReason::None),
                                           std::pair(wire::kProtocolUdp, DropReason::NextHeader)})
    {
        Bytes packet(wire::kIpv4HeaderSize + inner6.size());
        wire::Ipv4HeaderFields fields;
        fields.totalLength = static_cast<std::uint16_t>(packet.size());
        fields.protocol = protocol;
        fields.source = kHostA4.V4Value();
        fields.destination = kHostB4.V4Value();
        wire::WriteIpv4Header(packet.data(), fields);
        std::copy(inner6.begin(), inner6.end(), packet.begin() + wire::kIpv4HeaderSize);
        EXPECT_STREQ(Name(pair.Open(pair.Seal(packet))), Name(reason));
    }
}

// --- DSCP and ECN --------------------------------------------------------------------------------

TosPolicy
PolicyByName(const std::string& name)
{
    const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
    TosPolicy policy;
    policy.ecn = has("noecn") ? EcnProfile::None : EcnProfile::Rfc3168;
    policy.copyDscp = !has("dont-encap-dscp");
    policy.decapsulateDscp = has("decap-dscp");
    return policy;
}

/// Every value in every configuration that was recorded, with both versions inside and outside.
TEST(Tos, TheRfc3168ProfileDoesAllThatLinuxDoes)
{
    const nlohmann::json recording = test::LoadRecording("tos.json");
    std::size_t values = 0;
    for (const nlohmann::json& test : recording.at("encap"))
    {
        const TosPolicy policy = PolicyByName(test.at("name"));
        for (std::size_t tos = 0; tos < 256; ++tos, ++values)
        {
            EXPECT_EQ(OuterTos(policy, static_cast<std::uint8_t>(tos)),
                      test.at("outer_tos").at(tos).get<int>())
                << test.at("name") << " " << tos;
        }
    }
    for (const nlohmann::json& test : recording.at("decap"))
    {
        const TosPolicy policy = PolicyByName(test.at("name"));
        const auto inner = test.at("inner_tos").get<std::uint8_t>();
        for (std::size_t outer = 0; outer < 256; ++outer, ++values)
        {
            const nlohmann::json& after = test.at("inner_tos_after").at(outer);
            const auto ours = DecapsulatedTos(policy, static_cast<std::uint8_t>(outer), inner);
            ASSERT_TRUE(ours);
            EXPECT_EQ(*ours, after.get<int>()) << test.at("name") << " " << +inner << " " << outer;
        }
    }
    EXPECT_EQ(values, (4U + 16U) * 256);
}

/// RFC 6040, figure 4, through whole packets of every pair of versions.
TEST(Tos, Rfc6040HoldsForEveryPairOfVersions)
{
    const int kTable[4][4] = {
        // inner: Not-ECT, ECT(1), ECT(0), CE; outer in the same order; -1: dropped
        {0, 0, 0, -1},
        {1, 1, 1, 3},
        {2, 1, 2, 3},
        {3, 3, 3, 3},
    };
    for (const bool outer6 : {false, true})
    {
        for (const bool inner6 : {false, true})
        {
            SaPair pair(outer6 ? kHostA6 : kHostA4, outer6 ? kHostB6 : kHostB4, IpsecMode::Tunnel);
            pair.Make();
            for (std::uint8_t inner = 0; inner < 4; ++inner)
            {
                for (std::uint8_t outer = 0; outer < 4; ++outer)
                {
                    test::InnerPacket v4;
                    v4.tos = 0x28 | inner;
                    const Bytes packet =
                        inner6 ? Ipv6Packet(kHostA6, kHostB6, 40, v4.tos) : v4.Build();
                    Bytes sealed = pair.Seal(packet);
                    wire::IpView view;
                    ASSERT_TRUE(wire::ParseIp(sealed, view));
                    EXPECT_EQ(view.Tos(), v4.tos);
                    wire::SetTos(sealed.data(), 0xb8 | outer);
                    const DropReason drop = pair.Open(sealed);
                    if (kTable[inner][outer] < 0)
                    {
                        EXPECT_EQ(drop, DropReason::EcnInvalid);
                        continue;
                    }
                    EXPECT_EQ(drop, DropReason::None);
                    ASSERT_TRUE(wire::ParseIp(pair.buffer.Span(), view));
                    EXPECT_EQ(view.Tos(), 0x28 | kTable[inner][outer]);
                    EXPECT_TRUE(inner6 || wire::Ipv4Checksum(view.header, 20) == 0);
                }
            }
        }
    }
}

// --- Transport mode ------------------------------------------------------------------------------

TEST(TransportMode, KeepsTheHeaderAndRestoresThePacket)
{
    for (const crypto::CipherSuite& suite : kSuites)
    {
        SaPair v4(kHostA4, kHostB4, IpsecMode::Transport);
        SaPair v6(kHostA6, kHostB6, IpsecMode::Transport);
        for (SaPair* pair : {&v4, &v6})
        {
            SCOPED_TRACE(Name(suite));
            pair->Use(suite);
            pair->Make();
            const bool is6 = pair == &v6;
            const Bytes packet =
                is6 ? Ipv6Packet(kHostA6, kHostB6, 33, 0x2a) : Ipv4Packet(kHostA4, kHostB4);
            const std::size_t header = is6 ? 40 : 20;
            const Bytes sealed = pair->Seal(packet);
            EXPECT_EQ(sealed.size(), pair->sender->SealedLength(packet.size(), header));
            wire::IpView view;
            ASSERT_TRUE(wire::ParseIp(sealed, view));
            EXPECT_EQ(view.totalLength, sealed.size());
            EXPECT_EQ(view.Protocol(), wire::kProtocolEsp);
            EXPECT_EQ(view.upperOffset, header);
            EXPECT_EQ(view.Tos(), is6 ? 0x2a : 0);
            EXPECT_TRUE(is6 || wire::Ipv4Checksum(view.header, header) == 0);
            EXPECT_EQ(pair->Open(sealed), DropReason::None);
            EXPECT_EQ(test::ToBytes(pair->buffer), packet);
        }
    }
}

/// A header with options stays whole before ESP.
TEST(TransportMode, Ipv4OptionsStayOutside)
{
    SaPair pair(kHostA4, kHostB4, IpsecMode::Transport);
    pair.Make();
    Bytes packet = Ipv4Packet(kHostA4, kHostB4);
    packet.insert(packet.begin() + 20, {1, 1, 1, 0});
    packet[0] = 0x46;
    wire::SetUpperLayer(packet.data(), packet.size(), 9, wire::kProtocolUdp);
    const Bytes sealed = pair.Seal(packet);
    EXPECT_EQ(LoadBe32(&sealed[20]), LoadBe32(&packet[20]));
    EXPECT_EQ(LoadBe32(&sealed[24]), 0x1000U);
    EXPECT_EQ(pair.Open(sealed), DropReason::None);
    EXPECT_EQ(test::ToBytes(pair.buffer), packet);
}

/// RFC 4303, section 3.1.1, and a receiver that takes Destination Options on either side.
TEST(TransportMode, ExtensionHeadersForRoutersStayOutside)
{
    using namespace wire;

    const std::vector<std::uint8_t> chains[] = {
        {},
        {kProtocolHopByHop},
        {kProtocolDestinationOptions},
        {kProtocolHopByHop, kProtocolRouting, kProtocolDestinationOptions},
        {kProtocolDestinationOptions, kProtocolRouting, kProtocolDestinationOptions},
    };
    const std::size_t espAt[] = {40, 48, 40, 56, 56};
    SaPair pair(kHostA6, kHostB6, IpsecMode::Transport);
    pair.Make();
    for (std::size_t i = 0; i < std::size(chains); ++i)
    {
        const Bytes packet = Ipv6Packet(kHostA6, kHostB6, 21, 0, chains[i]);
        const Bytes sealed = pair.Seal(packet);
        IpView view;
        ASSERT_TRUE(ParseIp(sealed, view));
        EXPECT_EQ(view.Protocol(), kProtocolEsp);
        EXPECT_EQ(view.upperOffset, espAt[i]);
        EXPECT_EQ(pair.Open(sealed), DropReason::None);
        EXPECT_EQ(test::ToBytes(pair.buffer), packet);
    }
    // A sender that leaves Destination Options outside: insert them before ESP.
    Bytes sealed = pair.Seal(Ipv6Packet(kHostA6, kHostB6, 21));
    sealed.insert(sealed.begin() + 40, {kProtocolEsp, 0, 1, 4, 0, 0, 0, 0});
    SetUpperLayer(sealed.data(), sealed.size(), 6, kProtocolDestinationOptions);
    EXPECT_EQ(pair.Open(sealed), DropReason::None);
    Bytes expected = Ipv6Packet(kHostA6, kHostB6, 21, 0, {kProtocolDestinationOptions});
    const Bytes padOption{1, 4};
    std::copy(padOption.begin(), padOption.end(), expected.begin() + 42);
    EXPECT_EQ(test::ToBytes(pair.buffer), expected);
}

TEST(TransportMode, WhatMayNotStandBehindEspIsRefused)
{
    SaPair pair(kHostA6, kHostB6, IpsecMode::Transport);
    // Sealed in a tunnel of the same keys, whose next header is 41, then read as transport: the
    // inner packet is then an IPv6 packet in IPv6, which transport mode may carry.
    pair.out.ipsecMode = IpsecMode::Tunnel;
    pair.Make();
    const Bytes inner = Ipv6Packet(kHostA6, kHostB6);
    EXPECT_EQ(pair.Open(pair.Seal(inner)), DropReason::None);
    EXPECT_EQ(pair.buffer.Size(), 40 + inner.size());
    // A fragment header or Hop-by-Hop options behind ESP: RFC 4303, section 3.1.1; RFC 8200,
    // section 4.1.
    for (const std::uint8_t protocol : {wire::kProtocolFragment, wire::kProtocolHopByHop})
    {
        pair.out.ipsecMode = IpsecMode::Transport;
        pair.Make();
        Bytes packet = Ipv6Packet(kHostA6, kHostB6, 40, 0, {wire::kProtocolDestinationOptions});
        packet[40 + 3] = 1; // as the fragment header: more fragments
        Bytes sealed = pair.Seal(packet);
        // The protected part began with Destination Options; say that it is something else.
        const auto forge = crypto::PayloadCipher::Create(pair.in.suite,
                                                         pair.in.keyingMaterial,
                                                         pair.in.integrityKey,
                                                         crypto::Direction::Open);
        const std::size_t text = 40 + 8 + 8;
        const std::size_t length = sealed.size() - text - 16;
        ASSERT_TRUE(forge->Open(ByteSpan(&sealed[40], 8),
                                &sealed[48],
                                &sealed[text],
                                length,
                                &sealed[text + length]));
        sealed[text + length - 1] = protocol;
        const auto seal = crypto::PayloadCipher::Create(pair.in.suite,
                                                        pair.in.keyingMaterial,
                                                        pair.in.integrityKey,
                                                        crypto::Direction::Seal);
        seal->Seal(ByteSpan(&sealed[40], 8),
                   &sealed[48],
                   &sealed[text],
                   length,
                   &sealed[text + length]);
        EXPECT_EQ(pair.Open(sealed), DropReason::NextHeader);
    }
}

/// Transport mode is for whole packets between the two ends of the SA.
TEST(TransportMode, FragmentsAndStrangersAreNotSealed)
{
    DataPlane plane;
    SaPair pair(kHostA4, kHostB4, IpsecMode::Transport);
    pair.Make();
    SpdEntry entry;
    entry.action = SpdAction::Protect;
    entry.peer = "b";
    plane.GetSpd().Add(entry);
    ASSERT_TRUE(plane.GetSad().Add("b", std::move(pair.sender), std::move(pair.receiver)));
    const auto send = [&](const Bytes& packet, std::size_t mtu)
    {
        test::Fill(plane.Buffer(), packet);
        return plane.ProcessOutbound(mtu).drop;
    };
    Bytes packet = Ipv4Packet(kHostA4, kHostB4); // 48 octets: 28 + 2 are protected, padded to 32
    EXPECT_EQ(send(packet, 83), DropReason::TooBig);
    EXPECT_EQ(send(packet, 84), DropReason::None);
    EXPECT_EQ(plane.Buffer().Size(), 84U);
    packet[6] = 0x20;
    EXPECT_EQ(send(packet, 1500), DropReason::Fragment);
    EXPECT_EQ(send(Ipv4Packet(kHostA4, IpAddress::V4(0x0a000001)), 1500),
              DropReason::SelectorMismatch);
    EXPECT_EQ(send(Ipv6Packet(kHostA6, kHostB6), 1500), DropReason::SelectorMismatch);
    EXPECT_TRUE(plane.Counters().Balanced());
}

TEST(TransportMode, SelectorsAreThoseOfThePacketItself)
{
    SaPair pair(kHostA6, kHostB6, IpsecMode::Transport);
    TrafficSelector port = *TrafficSelector::FromString("2001:db8::1");
    port.protocol = wire::kProtocolUdp;
    port.startPort = port.endPort = 1000;
    pair.in.remoteSelectors = {port};
    pair.in.localSelectors = {*TrafficSelector::FromString("2001:db8::2")};
    pair.Make();
    EXPECT_EQ(pair.Open(pair.Seal(Ipv6Packet(kHostA6, kHostB6))), DropReason::None);
    pair.in.remoteSelectors.front().startPort = pair.in.remoteSelectors.front().endPort = 1001;
    pair.Make();
    EXPECT_EQ(pair.Open(pair.Seal(Ipv6Packet(kHostA6, kHostB6))), DropReason::SelectorMismatch);
}

// --- TFC padding and dummy packets ---------------------------------------------------------------

TEST(TrafficFlow, PaddingHidesTheLengthAndGoesAgain)
{
    const Bytes inner4 = Ipv4Packet(IpAddress::V4(0x0a010001), IpAddress::V4(0x0a020009));
    const Bytes inner6 = Ipv6Packet(kHostA6, kHostB6);
    for (const crypto::CipherSuite& suite : kSuites)
    {
        SaPair pair(kHostA6, kHostB6, IpsecMode::Tunnel);
        pair.Use(suite);
        pair.Make();
        for (const Bytes& inner : {inner4, inner6})
        {
            const Bytes sealed = pair.Seal(inner, 1000);
            EXPECT_EQ(sealed.size(), pair.sender->SealedLength(1000));
            EXPECT_EQ(pair.Open(sealed), DropReason::None);
            EXPECT_EQ(test::ToBytes(pair.buffer), inner);
        }
    }
}

/// A gateway pair whose outbound SA of `a` can be configured.
struct Flow
{
    explicit Flow(const OutboundSaConfig& out)
    {
        SpdEntry entry;
        entry.action = SpdAction::Protect;
        entry.peer = "b";
        a.GetSpd().Add(entry);
        InboundSaConfig in = test::InboundConfig();
        EXPECT_TRUE(a.GetSad().Add("b", OutboundSa::Create(out), InboundSa::Create(in)));
        EXPECT_TRUE(b.GetSad().Add("a", OutboundSa::Create(out), InboundSa::Create(in)));
    }

    DataPlaneResult Send(std::size_t length, std::size_t mtu)
    {
        test::InnerPacket packet;
        packet.length = length;
        test::Fill(a.Buffer(), packet.Build());
        return a.ProcessOutbound(mtu);
    }

    DataPlaneResult Receive()
    {
        test::Fill(b.Buffer(), test::ToBytes(a.Buffer()));
        return b.ProcessInbound();
    }

    DataPlane a;
    DataPlane b;
};

TEST(TrafficFlow, PaddingStopsAtTheMtu)
{
    OutboundSaConfig out = test::OutboundConfig();
    out.tfcLength = 1000;
    Flow flow(out);
    for (const std::size_t length : {28U, 500U, 999U, 1000U})
    {
        EXPECT_EQ(flow.Send(length, 1500).verdict, Verdict::Transformed);
        EXPECT_EQ(flow.a.Buffer().Size(), 1056U);
        EXPECT_EQ(flow.Receive().verdict, Verdict::Transformed);
        EXPECT_EQ(flow.b.Buffer().Size(), length);
    }
    flow.Send(1100, 1500);
    EXPECT_EQ(flow.a.Buffer().Size(), 1156U);
    flow.Send(100, 576);
    EXPECT_EQ(flow.a.Buffer().Size(), 576U);
    EXPECT_EQ(flow.Receive().verdict, Verdict::Transformed);
    EXPECT_EQ(flow.b.Buffer().Size(), 100U);
}

/// They take a number and move the window, but are nobody's packet.
TEST(TrafficFlow, DummiesAreDiscardedAndCounted)
{
    Flow flow(test::OutboundConfig());
    for (const std::size_t length : {0U, 100U, 1446U})
    {
        const DataPlaneResult made = flow.a.MakeDummy("b", length, 1500);
        EXPECT_EQ(made.verdict, Verdict::Transformed);
        EXPECT_LE(flow.a.Buffer().Size(), 1500U);
        EXPECT_EQ(flow.Receive().drop, DropReason::Dummy);
        EXPECT_EQ(flow.Receive().drop, DropReason::ReplayDuplicate);
    }
    EXPECT_EQ(flow.a.MakeDummy("b", 1447, 1500).drop, DropReason::TooBig);
    EXPECT_EQ(flow.a.MakeDummy("c", 1, 1500).drop, DropReason::AcquirePending);
    EXPECT_EQ(flow.Send(48, 1500).number, 4U);
    EXPECT_EQ(flow.a.Counters().dummiesSealed, 3U);
    EXPECT_EQ(flow.a.Counters().outboundIn, 1U);
    EXPECT_TRUE(flow.a.Counters().Balanced());
    EXPECT_TRUE(flow.b.Counters().Balanced());
    OutboundSaConfig last = test::OutboundConfig();
    last.lastNumber = 0xffffffff;
    Flow ended(last);
    EXPECT_EQ(ended.a.MakeDummy("b", 1, 1500).drop, DropReason::SequenceOverflow);
}

} // namespace

} // namespace ipseclab::esp
