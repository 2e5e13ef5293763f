/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/nat-traversal.h"
#include "tests/unit/capture-reader.h"
#include "tests/unit/ike-pair.h"

// NAT detection, ports that float, keepalives and new mappings (RFC 7296, section 2.23; RFC 3948).

namespace ipseclab::test
{
namespace
{

using namespace std::chrono_literals;
using ike::ChildSaInstalled;
using ike::ChildSaMoved;
using ike::IkeSaEstablished;
using ike::NatSituation;
using ike::Path;
using wire::NotifyType;
using wire::UdpPorts;

const IpAddress kNatAddress = IpAddress::V4(0xc6336407); ///< 198.51.100.7

ike::PeerConfig
Forced(bool atA)
{
    auto peer = MakePeer(atA);
    peer.natTraversal.forceEncapsulation = true;
    return peer;
}

/// Side A is behind a NAT that gives it other ports; A does not know, B knows the NAT's address.
class BehindNat
{
  public:
    explicit BehindNat(ike::PeerConfig atA = MakePeer(true))
        : pair(atA, AtB())
    {
        pair.nat = [this](const Path& path, bool fromA) { return Translate(path, fromA); };
    }

    static ike::PeerConfig AtB()
    {
        auto peer = MakePeer(false);
        peer.remote.address = kNatAddress;
        return peer;
    }

    std::uint16_t mapped{2048};        ///< the outside port of A's port 4500
    std::vector<std::uint16_t> sentTo; ///< the ports of the NAT that B has sent to
    Pair pair;

  private:
    Path Translate(Path path, bool fromA)
    {
        if (fromA)
        {
            path.remote.address = kNatAddress;
            path.remote.port = path.remote.port == wire::kIkePort ? std::uint16_t{1024} : mapped;
        }
        else
        {
            EXPECT_EQ(path.local.address, kNatAddress);
            sentTo.push_back(path.local.port);
            path.local.address = pair.a.peer.local.address;
            path.local.port = path.local.port == 1024 ? wire::kIkePort : wire::kNatTraversalPort;
        }
        return path;
    }
};

bool
IsMarked(const Pair::Message& message)
{
    return wire::ClassifyNatTraversal(message.datagram.octets) == wire::NatTraversalContent::Ike;
}

// The hashes that strongSwan and libreswan have sent, over the addresses of the recorded packets.
TEST(NatTraversal, RecordedHashesAreTheFormula)
{
    std::size_t checked = 0;
    for (const std::string& name : CaptureNames())
    {
        for (const auto& datagram : ReadCapture(name))
        {
            const auto message =
                datagram.isIke ? wire::ParseMessage(datagram.payload).value() : wire::IkeMessage{};
            if (!wire::FindNotify(message.payloads, NotifyType::NatDetectionDestinationIp))
            {
                continue;
            }
            const Path path{{datagram.destination, datagram.destinationPort},
                            {datagram.source, datagram.sourcePort}};
            const ike::IkeSaId spis{message.header.initiatorSpi, message.header.responderSpi};
            const NatSituation seen = ike::DetectNat({}, spis, path, message.payloads);
            EXPECT_TRUE(seen.detected);
            EXPECT_FALSE(seen.local) << name << ", frame " << datagram.frame;
            ++checked;
        }
    }
    EXPECT_GT(checked, 20U);
}

TEST(NatTraversal, OneOfSeveralSourcesIsEnough)
{
    const ike::IkeSaId spis{1, 2};
    const Path path{{kNatAddress, 500}, {IpAddress::V4(0xc0000201), 500}};
    const auto hash = [&](const ike::TransportAddress& address)
    { return ike::ComputeNatDetection(spis, address); };
    wire::PayloadList received{
        wire::MakeNotify(NotifyType::NatDetectionSourceIp, hash(path.local)),
        wire::MakeNotify(NotifyType::NatDetectionDestinationIp, hash(path.local))};
    EXPECT_TRUE(ike::DetectNat({}, spis, path, received).remote);
    received.push_back(wire::MakeNotify(NotifyType::NatDetectionSourceIp, hash(path.remote)));
    EXPECT_FALSE(ike::DetectNat({}, spis, path, received).UsesUdp());
    EXPECT_TRUE(ike::DetectNat({}, {1, 0}, path, received).local) << "of another message";
    received.erase(received.begin() + 1);
    EXPECT_FALSE(ike::DetectNat({}, spis, path, received).detected) << "half of it is nothing";
    received.clear();
    EXPECT_FALSE(ike::DetectNat({}, spis, path, received).detected);
}

TEST(NatTraversal, WithoutNatNothingChanges)
{
    Pair pair;
    pair.Connect();
    ExpectMirrored(pair);
    ASSERT_EQ(pair.log.size(), 4U);
    for (const auto& message : pair.log)
    {
        EXPECT_EQ(message.datagram.path.local.port, 500);
        EXPECT_EQ(message.datagram.path.remote.port, 500);
    }
    EXPECT_FALSE(pair.a.Last<ChildSaInstalled>().udp);
    EXPECT_FALSE(pair.b.Last<ChildSaInstalled>().udp);
    pair.RunFor(1h);
    EXPECT_EQ(pair.log.size(), 4U) << "no keepalives";
}

// Either side may pretend; from IKE_AUTH on, rekeying included, all is on port 4500.
TEST(NatTraversal, ForcedEncapsulationFloats)
{
    for (const bool byA : {true, false})
    {
        Pair pair(byA ? Forced(true) : MakePeer(true), byA ? MakePeer(false) : Forced(false));
        pair.Connect();
        ExpectMirrored(pair);
        pair.a.endpoint.RekeyIkeSa(pair.now, pair.a.Last<IkeSaEstablished>().id);
        pair.Collect();
        pair.RunUntilQuiet();
        pair.b.endpoint.RekeyChildSa(pair.now, pair.b.Last<ChildSaInstalled>().spiInbound);
        pair.Collect();
        pair.RunUntilQuiet();
        ASSERT_GE(pair.log.size(), 12U);
        for (std::size_t i = 0; i < pair.log.size(); ++i)
        {
            const std::uint16_t port = i < 2 ? 500 : 4500;
            EXPECT_EQ(pair.log[i].datagram.path.local.port, port) << i;
            EXPECT_EQ(pair.log[i].datagram.path.remote.port, port) << i;
            EXPECT_EQ(IsMarked(pair.log[i]), i >= 2) << i;
        }
        for (const auto* node : {&pair.a, &pair.b})
        {
            ASSERT_EQ(node->All<ChildSaInstalled>().size(), 2U);
            for (const auto& child : node->All<ChildSaInstalled>())
            {
                EXPECT_EQ(child.udp, UdpPorts{});
            }
            EXPECT_EQ(node->endpoint.Counters().malformed, 0U);
            EXPECT_EQ(node->endpoint.Counters().keepalivesOut, 0U) << "nobody is behind a NAT";
        }
        EXPECT_EQ(pair.b.Last<IkeSaEstablished>().remote.port, 4500);
    }
}

TEST(NatTraversal, IsNotForcedOnAPeerWithoutIt)
{
    auto atB = MakePeer(false);
    atB.natTraversal.offered = false;
    Pair pair(Forced(true), atB);
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(wire::FindNotify(Parse(pair.log[1]).payloads, NotifyType::NatDetectionSourceIp),
              nullptr);
    EXPECT_FALSE(pair.a.Last<ChildSaInstalled>().udp);
    EXPECT_EQ(pair.log.back().datagram.path.local.port, 500);
}

TEST(NatTraversal, ANatBeforeTheInitiator)
{
    BehindNat net;
    net.pair.Connect();
    ASSERT_EQ(net.pair.b.endpoint.EstablishedCount(), 1U);
    const auto up = net.pair.b.Last<IkeSaEstablished>();
    EXPECT_EQ(up.remote.address, kNatAddress);
    EXPECT_EQ(up.remote.port, 2048);
    EXPECT_EQ(net.pair.a.Last<ChildSaInstalled>().udp, UdpPorts{});
    const auto child = net.pair.b.Last<ChildSaInstalled>();
    EXPECT_EQ(child.udp, (UdpPorts{4500, 2048}));
    EXPECT_EQ(child.remoteOuter, kNatAddress);
    EXPECT_EQ(net.sentTo, (std::vector<std::uint16_t>{1024, 2048}));
}

TEST(NatTraversal, WhoIsBehindTheNatSendsKeepalives)
{
    BehindNat net;
    net.pair.Connect();
    const std::size_t before = net.pair.log.size();
    net.pair.RunFor(101s);
    ASSERT_EQ(net.pair.log.size(), before + 5) << "each 20 s, by A";
    for (std::size_t i = before; i < net.pair.log.size(); ++i)
    {
        EXPECT_TRUE(net.pair.log[i].fromA);
        EXPECT_EQ(net.pair.log[i].datagram.octets, Bytes{0xff});
        EXPECT_EQ(net.pair.log[i].datagram.path.local.port, 4500);
    }
    EXPECT_EQ(net.pair.a.endpoint.Counters().keepalivesOut, 5U);
    EXPECT_EQ(net.pair.b.endpoint.Counters().keepalivesIn, 5U);
    EXPECT_EQ(net.pair.b.endpoint.Counters().malformed, 0U);

    auto quiet = MakePeer(true);
    quiet.natTraversal.keepaliveInterval = 0s;
    BehindNat other(quiet);
    other.pair.Connect();
    other.pair.RunFor(100s);
    EXPECT_EQ(other.pair.a.endpoint.Counters().keepalivesOut, 0U);
}

// After a rekey the successor keeps the mapping alive, and only it.
TEST(NatTraversal, KeepalivesGoOnAfterARekey)
{
    BehindNat net;
    net.pair.Connect();
    net.pair.RunFor(10s);
    net.pair.a.endpoint.RekeyIkeSa(net.pair.now, net.pair.a.Last<IkeSaEstablished>().id);
    net.pair.Collect();
    net.pair.RunFor(100s);
    EXPECT_EQ(net.pair.a.endpoint.IkeSaCount(), 1U);
    EXPECT_EQ(net.pair.a.endpoint.Counters().keepalivesOut, 4U) << "at 30, 50, 70 and 90 s";
}

// The NAT forgets and gives another port; the next authentic request tells B.
TEST(NatTraversal, ANewMappingIsFollowed)
{
    BehindNat net;
    net.pair.Connect();
    const auto id = net.pair.a.Last<IkeSaEstablished>().id;
    net.mapped = 3000;
    net.pair.a.endpoint.CheckLiveness(net.pair.now, id);
    net.pair.Collect();
    net.pair.RunUntilQuiet();
    ASSERT_EQ(net.pair.b.All<ChildSaMoved>().size(), 1U);
    const auto moved = net.pair.b.Last<ChildSaMoved>();
    EXPECT_EQ(moved.spiInbound, net.pair.b.Last<ChildSaInstalled>().spiInbound);
    EXPECT_EQ(moved.udp, (UdpPorts{4500, 3000}));
    EXPECT_EQ(moved.remoteOuter, kNatAddress);
    net.pair.b.endpoint.CheckLiveness(net.pair.now, id);
    net.pair.Collect();
    net.pair.RunUntilQuiet();
    EXPECT_EQ(net.sentTo.back(), 3000);
    EXPECT_EQ(net.pair.b.All<ChildSaMoved>().size(), 1U) << "once";
}

TEST(NatTraversal, WhatIsNotNewOrNotAuthenticMovesNothing)
{
    BehindNat net;
    net.pair.Connect();
    const auto id = net.pair.a.Last<IkeSaEstablished>().id;
    net.pair.a.endpoint.CheckLiveness(net.pair.now, id);
    net.pair.Collect();
    net.pair.RunUntilQuiet();
    const auto request = net.pair.log[4];
    net.mapped = 3000;
    net.pair.Deliver(request);
    EXPECT_EQ(net.pair.b.endpoint.Counters().responsesResent, 1U);
    EXPECT_EQ(net.pair.log.back().datagram.path.remote.port, 3000) << "answered where it is from";
    auto damaged = request;
    damaged.datagram.octets[4 + 23] = 3; // the next message ID
    net.pair.Deliver(damaged);
    EXPECT_EQ(net.pair.b.endpoint.Counters().badIcv, 1U);
    EXPECT_TRUE(net.pair.b.All<ChildSaMoved>().empty());
}

TEST(NatTraversal, EspTellsOfANewMappingToo)
{
    BehindNat net;
    net.pair.Connect();
    auto& b = net.pair.b;
    const std::uint32_t spi = b.Last<ChildSaInstalled>().spiInbound;
    const Path path{{b.peer.local.address, 4500}, {kNatAddress, 4000}};
    b.endpoint.HandleEspPath(net.pair.now, spi + 1, path);
    net.pair.Collect();
    EXPECT_TRUE(b.All<ChildSaMoved>().empty()) << "no such Child SA";
    b.endpoint.HandleEspPath(net.pair.now, spi, path);
    net.pair.Collect();
    ASSERT_EQ(b.All<ChildSaMoved>().size(), 1U);
    EXPECT_EQ(b.Last<ChildSaMoved>().udp, (UdpPorts{4500, 4000}));
    // Behind a NAT itself, A stays where it is.
    auto& a = net.pair.a;
    a.endpoint.HandleEspPath(net.pair.now,
                             a.Last<ChildSaInstalled>().spiInbound,
                             {{a.peer.local.address, 4500}, {a.peer.remote.address, 4000}});
    net.pair.Collect();
    EXPECT_TRUE(a.All<ChildSaMoved>().empty());
}

// Two candidates for the genuine answer may differ in whether there is a NAT.
TEST(NatTraversal, AForgedAnswerDoesNotMoveTheOthers)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    auto liar = MakePeer(false);
    liar.natTraversal.forceEncapsulation = true;
    Pair forger(MakePeer(true), liar, 7);
    forger.holding = true;
    forger.Inject(forger.b, pair.held.at(0).datagram.octets);
    pair.Inject(pair.a, forger.TakeHeld(0).datagram.octets);
    EXPECT_EQ(pair.log.back().datagram.path.remote.port, 4500);
    pair.holding = false;
    pair.Deliver(pair.TakeHeld(0));
    pair.RunUntilQuiet();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.a.Last<IkeSaEstablished>().remote.port, 500);
    EXPECT_FALSE(pair.a.Last<ChildSaInstalled>().udp);
}

TEST(NatTraversal, WhatIsNoIkeAtPort4500IsCounted)
{
    Pair pair;
    const Path path{{pair.b.peer.local.address, 4500}, {pair.b.peer.remote.address, 4500}};
    for (const Bytes& octets : {Bytes{}, Bytes{0}, Bytes{0, 0, 0, 0}, Bytes(40, 1)})
    {
        pair.b.endpoint.HandleDatagram(pair.now, path, octets);
    }
    EXPECT_EQ(pair.b.endpoint.Counters().malformed, 4U);
    pair.b.endpoint.HandleDatagram(pair.now, path, Bytes{0xff});
    EXPECT_EQ(pair.b.endpoint.Counters().keepalivesIn, 1U);
    EXPECT_EQ(pair.b.endpoint.Counters().datagramsIn, 4U);
}

} // namespace
} // namespace ipseclab::test
