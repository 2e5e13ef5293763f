/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/data-plane.h"

#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <random>
#include <set>

namespace ipseclab::esp
{

namespace
{

constexpr std::uint32_t kBypassNet = 0x0a030000;  ///< 10.3.0.0/16
constexpr std::uint32_t kDiscardNet = 0x0a040000; ///< 10.4.0.0/16

SpdEntry
Entry(const std::string& local,
      const std::string& remote,
      SpdAction action,
      const std::string& peer)
{
    SpdEntry entry;
    entry.name = remote;
    entry.local = {*TrafficSelector::FromString(local)};
    entry.remote = {*TrafficSelector::FromString(remote)};
    entry.action = action;
    entry.peer = peer;
    return entry;
}

/// Two gateways, 10.1/16 behind `a` and 10.2/16 behind `b`, with one SA pair.
class TwoGateways : public testing::Test
{
  protected:
    TwoGateways()
    {
        a.GetSpd().Add(Entry("10.1.0.0/16", "10.2.0.0/16", SpdAction::Protect, "b"));
        a.GetSpd().Add(Entry("10.1.0.0/16", "10.3.0.0/16", SpdAction::Bypass, ""));
        a.GetSpd().Add(Entry("10.1.0.0/16", "10.4.0.0/16", SpdAction::Discard, ""));
        b.GetSpd().Add(Entry("10.2.0.0/16", "10.1.0.0/16", SpdAction::Protect, "a"));
        b.GetSpd().Add(Entry("10.3.0.0/16", "10.1.0.0/16", SpdAction::Bypass, ""));
        b.GetSpd().Add(Entry("10.4.0.0/16", "10.1.0.0/16", SpdAction::Discard, ""));
    }

    ~TwoGateways() override
    {
        EXPECT_TRUE(a.Counters().Balanced());
        EXPECT_TRUE(b.Counters().Balanced());
    }

    /// An SA pair whose inbound SPIs are `spi` at b and `spi` + 1 at a.
    void Connect(std::uint32_t spi, const OutboundSaConfig& fromA = test::OutboundConfig())
    {
        OutboundSaConfig out = fromA;
        out.spi = spi;
        ASSERT_TRUE(a.GetSad().Add("b",
                                   OutboundSa::Create(out),
                                   InboundSa::Create(test::InboundConfig(spi + 1))));
        ASSERT_TRUE(b.GetSad().Add("a",
                                   OutboundSa::Create(test::OutboundConfig(spi + 1)),
                                   InboundSa::Create(test::InboundConfig(spi))));
    }

    DataPlaneResult Send(const Bytes& packet,
                         std::size_t mtu = std::numeric_limits<std::size_t>::max())
    {
        test::Fill(a.Buffer(), packet);
        return a.ProcessOutbound(mtu);
    }

    DataPlaneResult Send(const test::InnerPacket& packet = {},
                         std::size_t mtu = std::numeric_limits<std::size_t>::max())
    {
        return Send(packet.Build(), mtu);
    }

    DataPlaneResult Receive(const Bytes& packet)
    {
        test::Fill(b.Buffer(), packet);
        return b.ProcessInbound();
    }

    DataPlaneResult ReceiveClear(const Bytes& packet)
    {
        test::Fill(b.Buffer(), packet);
        return b.ProcessInboundClear();
    }

    Bytes Wire() const
    {
        return test::ToBytes(const_cast<DataPlane&>(a).Buffer());
    }

    DataPlane a;
    DataPlane b;
};

void
ExpectDrop(const DataPlaneResult& result, DropReason reason)
{
    EXPECT_EQ(result.verdict, Verdict::Drop);
    EXPECT_STREQ(Name(result.drop), Name(reason));
}

TEST_F(TwoGateways, APacketGoesThroughTheTunnel)
{
    Connect(0x1000);
    const Bytes packet = test::InnerPacket{}.Build();
    for (std::uint64_t number = 1; number <= 3; ++number)
    {
        const DataPlaneResult sent = Send(packet);
        EXPECT_EQ(sent.verdict, Verdict::Transformed);
        EXPECT_EQ(sent.spi, 0x1000U);
        EXPECT_EQ(sent.number, number);
        const DataPlaneResult received = Receive(Wire());
        EXPECT_EQ(received.verdict, Verdict::Transformed);
        EXPECT_EQ(received.spi, 0x1000U);
        EXPECT_EQ(received.number, number);
        EXPECT_EQ(test::ToBytes(b.Buffer()), packet);
    }
    EXPECT_EQ(a.Counters().outboundSealed, 3U);
    EXPECT_EQ(a.Counters().sealedOctets, 3 * packet.size());
    EXPECT_EQ(b.Counters().inboundOpened, 3U);
    EXPECT_EQ(b.Counters().openedOctets, 3 * packet.size());
}

TEST_F(TwoGateways, OutboundPolicyDecides)
{
    test::InnerPacket packet;
    packet.destination = kBypassNet + 1;
    const Bytes clear = packet.Build();
    EXPECT_EQ(Send(clear).verdict, Verdict::Bypass);
    EXPECT_EQ(Wire(), clear);
    packet.destination = kDiscardNet + 1;
    ExpectDrop(Send(packet), DropReason::PolicyDiscard);
    packet.destination = 0x0a050001;
    ExpectDrop(Send(packet), DropReason::NoPolicy);
    ExpectDrop(Send(Bytes(19, 0x45)), DropReason::Malformed);
    ExpectDrop(Send(Bytes()), DropReason::Malformed);
    EXPECT_EQ(a.Counters().outboundIn, 5U);
    EXPECT_EQ(a.Counters().outboundBypassed, 1U);
    EXPECT_EQ(a.Counters().outboundDrops.Total(), 4U);
}

TEST_F(TwoGateways, AMissingSaIsAskedFor)
{
    ExpectDrop(Send(), DropReason::AcquirePending);
    std::vector<std::string> asked;
    a.SetAcquireCallback(
        [&](const std::string& peer, bool)
        {
            asked.push_back(peer);
            Connect(0x1000);
        });
    ExpectDrop(Send(), DropReason::AcquirePending);
    EXPECT_EQ(asked, std::vector<std::string>{"b"});
    EXPECT_EQ(Send().verdict, Verdict::Transformed);
    EXPECT_EQ(asked.size(), 1U);
}

TEST_F(TwoGateways, AfterARekeyTheNewestSaSendsAndBothReceive)
{
    Connect(0x1000);
    Send();
    const Bytes early = Wire();
    Connect(0x2000);
    EXPECT_EQ(Send().spi, 0x2000U);
    EXPECT_EQ(Receive(Wire()).spi, 0x2000U);
    EXPECT_EQ(Receive(early).spi, 0x1000U);
    ASSERT_TRUE(b.GetSad().Remove(0x1000));
    ExpectDrop(Receive(early), DropReason::UnknownSpi);
}

/// GCM: 20 + 8 + 8 + 48 + 2 + 2 + 16 octets for an inner packet of 48.
TEST_F(TwoGateways, APacketThatDoesNotFitSpendsNoNumber)
{
    Connect(0x1000);
    const DataPlaneResult dropped = Send(test::InnerPacket{}, 103);
    ExpectDrop(dropped, DropReason::TooBig);
    EXPECT_EQ(dropped.spi, 0x1000U);
    EXPECT_EQ(dropped.number, 0U);
    EXPECT_EQ(Wire(), test::InnerPacket{}.Build()) << "the caller answers with an ICMP message";
    const DataPlaneResult sent = Send(test::InnerPacket{}, 104);
    EXPECT_EQ(sent.verdict, Verdict::Transformed);
    EXPECT_EQ(sent.number, 1U);
    EXPECT_EQ(Wire().size(), 104U);
}

TEST_F(TwoGateways, NoPacketGetsLongerThanIpv4Allows)
{
    Connect(0x1000);
    test::InnerPacket longest;
    longest.length = 65535 - 54 - 1; // 20 + 8 + 8 + 2 + 16 around; 65480 + 2 is no multiple of 4
    longest.length -= (longest.length + 2) % 4;
    EXPECT_EQ(Send(longest).verdict, Verdict::Transformed);
    EXPECT_EQ(Wire().size(), 65532U);
    EXPECT_EQ(Receive(Wire()).verdict, Verdict::Transformed);
    ++longest.length;
    ExpectDrop(Send(longest), DropReason::TooBig);
    longest.length = 65535;
    ExpectDrop(Send(longest), DropReason::TooBig);
}

TEST_F(TwoGateways, TrafficOnANewSaProvesThatItMayBeUsed)
{
    Connect(0x1000);
    ASSERT_TRUE(a.GetSad().Add("b",
                               OutboundSa::Create(test::OutboundConfig(0x2000)),
                               InboundSa::Create(test::InboundConfig(0x2001))));
    ASSERT_TRUE(b.GetSad().Add("a",
                               OutboundSa::Create(test::OutboundConfig(0x2001)),
                               InboundSa::Create(test::InboundConfig(0x2000)),
                               false));
    EXPECT_EQ(b.GetSad().FindOutbound("a")->Config().spi, 0x1001U);
    Send();
    Bytes damaged = Wire();
    damaged.back() ^= 1;
    ExpectDrop(Receive(damaged), DropReason::Icv);
    EXPECT_EQ(b.GetSad().FindOutbound("a")->Config().spi, 0x1001U) << "a forgery proves nothing";
    Send();
    EXPECT_EQ(Receive(Wire()).spi, 0x2000U);
    EXPECT_EQ(b.GetSad().FindOutbound("a")->Config().spi, 0x2001U);
}

TEST_F(TwoGateways, VolumeLimitsAreReportedByTheInboundSpi)
{
    using Report = std::pair<std::uint32_t, VolumeMeter::Event>;
    std::vector<Report> reports;
    a.SetVolumeCallback([&](std::uint32_t spi, VolumeMeter::Event event)
                        { reports.emplace_back(spi, event); });
    OutboundSaConfig limited = test::OutboundConfig();
    limited.spiInbound = 0x1001;
    limited.volume.softPackets = 2;
    limited.volume.hardPackets = 3;
    Connect(0x1000, limited);
    Send();
    EXPECT_TRUE(reports.empty());
    Send();
    Send();
    Send();
    EXPECT_EQ(reports,
              (std::vector<Report>{{0x1001, VolumeMeter::Event::Soft},
                                   {0x1001, VolumeMeter::Event::Hard}}));
}

TEST_F(TwoGateways, TheLastNumberIsTheLastPacket)
{
    OutboundSaConfig config = test::OutboundConfig();
    config.lastNumber = 0xfffffffe;
    Connect(0x1000, config);
    EXPECT_EQ(Send().number, 0xffffffffU);
    ExpectDrop(Send(), DropReason::SequenceOverflow);
    ExpectDrop(Send(), DropReason::SequenceOverflow);
}

/// 2^28 numbers before the end; once, and not where the numbers have 64 bits.
TEST_F(TwoGateways, ARekeyIsAskedForBeforeTheNumbersRunOut)
{
    std::vector<std::uint32_t> asked;
    a.SetVolumeCallback(
        [&](std::uint32_t spi, VolumeMeter::Event event)
        {
            EXPECT_EQ(event, VolumeMeter::Event::Soft);
            asked.push_back(spi);
        });
    OutboundSaConfig config = test::OutboundConfig();
    config.spiInbound = 0x1001;
    config.lastNumber = 0xffffffff - 0x10000000 - 2;
    Connect(0x1000, config);
    EXPECT_EQ(Send().number, 0xefffffffU - 1);
    EXPECT_TRUE(asked.empty());
    EXPECT_EQ(Send().number, 0xefffffffU);
    EXPECT_EQ(asked, std::vector<std::uint32_t>{0x1001});
    Send();
    EXPECT_EQ(asked.size(), 1U);
    config.extendedSequenceNumbers = true;
    config.lastNumber = 0xfffffffe;
    config.spiInbound = 0x2001;
    Connect(0x2000, config);
    EXPECT_EQ(Send().number, 0xffffffffU);
    EXPECT_EQ(Send().number, 0x100000000U);
    EXPECT_EQ(asked.size(), 1U);
}

/// RFC 4301, section 4.4.2.1: SAs to one peer, each for what was negotiated.
TEST_F(TwoGateways, EachPacketTakesAnSaThatItsSelectorsFit)
{
    const auto selectors = [](const std::string& text)
    { return TrafficSelectorList{*TrafficSelector::FromString(text)}; };
    for (const std::uint32_t host : {1U, 2U, 3U})
    {
        OutboundSaConfig config = test::OutboundConfig();
        config.remoteSelectors = selectors("10.2.0." + std::to_string(host));
        Connect(0x1000 * host, config);
    }
    const auto send = [&](std::uint32_t host)
    {
        test::InnerPacket packet;
        packet.destination = 0x0a020000 + host;
        return Send(packet);
    };
    for (int round = 0; round < 2; ++round)
    {
        for (const std::uint32_t host : {3U, 1U, 2U})
        {
            EXPECT_EQ(send(host).spi, 0x1000 * host);
        }
        ExpectDrop(send(9), DropReason::SelectorMismatch);
    }
    // A newer one takes over what fits it, once it is ready, and gives it back.
    ASSERT_TRUE(a.GetSad().Add("b",
                               OutboundSa::Create(test::OutboundConfig(0x9000)),
                               InboundSa::Create(test::InboundConfig(0x9001)),
                               false));
    EXPECT_EQ(send(1).spi, 0x1000U);
    EXPECT_EQ(send(9).spi, 0x9000U) << "better than none";
    a.GetSad().SetOutboundReady(0x9001);
    EXPECT_EQ(send(1).spi, 0x9000U);
    ASSERT_TRUE(a.GetSad().Remove(0x9001));
    EXPECT_EQ(send(1).spi, 0x1000U);
    ExpectDrop(send(9), DropReason::SelectorMismatch);
}

TEST_F(TwoGateways, WhatALinkPutsBehindAPacketIsCutOff)
{
    Connect(0x1000);
    const Bytes packet = test::InnerPacket{}.Build();
    Bytes padded = packet;
    padded.resize(padded.size() + 9, 0xee);
    Send(padded);
    Bytes wire = Wire();
    EXPECT_EQ(wire.size(), 104U);
    wire.resize(wire.size() + 5, 0xee);
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
    EXPECT_EQ(test::ToBytes(b.Buffer()), packet);
}

TEST_F(TwoGateways, InboundFragmentsAndStrangersAreRefused)
{
    Connect(0x1000);
    Send();
    const Bytes wire = Wire();
    Bytes first = wire;
    first[6] = 0x20; // more fragments
    ExpectDrop(Receive(first), DropReason::Fragment);
    Bytes later = wire;
    later[7] = 1; // offset 8
    ExpectDrop(Receive(later), DropReason::Fragment);
    Bytes stranger = wire;
    stranger[20] ^= 1;
    ExpectDrop(Receive(stranger), DropReason::UnknownSpi);
    Bytes udp = wire;
    udp[9] = wire::kProtocolUdp;
    ExpectDrop(Receive(udp), DropReason::Malformed);
    Bytes cut(wire.begin(), wire.begin() + 23);
    StoreBe16(&cut[2], 23);
    ExpectDrop(Receive(cut), DropReason::Malformed);
    ExpectDrop(Receive(Bytes(wire.begin(), wire.begin() + 50)), DropReason::Malformed);
    ExpectDrop(Receive(Bytes()), DropReason::Malformed);
    EXPECT_EQ(Receive(wire).verdict, Verdict::Transformed);
}

/// The two fragments of a packet of UDP to port 2000.
std::vector<Bytes>
FragmentsOf(std::uint32_t source, std::uint32_t destination)
{
    test::InnerPacket packet;
    packet.length = 148;
    packet.source = source;
    packet.destination = destination;
    const auto fragments = test::Cut(packet.Build(), 92);
    EXPECT_EQ(fragments.size(), 2U);
    return fragments;
}

TrafficSelector
PortSelector(const char* network, std::uint16_t port)
{
    TrafficSelector selector = *TrafficSelector::FromString(network);
    selector.protocol = wire::kProtocolUdp;
    selector.startPort = selector.endPort = port;
    return selector;
}

/// RFC 4301, section 7.1: an SA for all ports carries every fragment.
TEST_F(TwoGateways, InnerFragmentsOnAnSaForAllPorts)
{
    Connect(0x1000);
    for (const Bytes& fragment : FragmentsOf(test::kInnerSource, test::kInnerDestination))
    {
        EXPECT_EQ(Send(fragment).verdict, Verdict::Transformed);
        EXPECT_EQ(Receive(Wire()).verdict, Verdict::Transformed);
        EXPECT_EQ(test::ToBytes(b.Buffer()), fragment);
    }
}

/// The first fragment has ports; the others have none that a policy could match, and fall to the
/// entries behind it.
TEST_F(TwoGateways, InnerFragmentsAgainstAPolicyWithPorts)
{
    DataPlane ports;
    SpdEntry entry = Entry("10.1.0.0/16", "10.2.0.0/16", SpdAction::Protect, "b");
    entry.remote = {PortSelector("10.2.0.0/16", 2000)};
    ports.GetSpd().Add(entry);
    ASSERT_TRUE(ports.GetSad().Add("b",
                                   OutboundSa::Create(test::OutboundConfig(0x1000)),
                                   InboundSa::Create(test::InboundConfig(0x1001))));
    const auto fragments = FragmentsOf(test::kInnerSource, test::kInnerDestination);
    test::Fill(ports.Buffer(), fragments[0]);
    EXPECT_EQ(ports.ProcessOutbound().verdict, Verdict::Transformed);
    test::Fill(ports.Buffer(), fragments[1]);
    ExpectDrop(ports.ProcessOutbound(), DropReason::NoPolicy);

    entry.remote = {*TrafficSelector::FromString("10.2.0.0/16")};
    entry.action = SpdAction::Discard;
    ports.GetSpd().Add(entry);
    test::Fill(ports.Buffer(), fragments[1]);
    ExpectDrop(ports.ProcessOutbound(), DropReason::PolicyDiscard);
    EXPECT_TRUE(ports.Counters().Balanced());
}

/// A policy for all ports, but an SA whose selectors name one: neither side lets it carry what
/// has no port.
TEST_F(TwoGateways, InnerFragmentsOnAnSaWithPorts)
{
    InboundSaConfig in = test::InboundConfig(0x1000);
    in.remoteSelectors = {*TrafficSelector::FromString("10.1.0.0/16")};
    in.localSelectors = {PortSelector("10.2.0.0/16", 2000)};
    OutboundSaConfig out = test::OutboundConfig(0x1000);
    ASSERT_TRUE(b.GetSad().Add("a",
                               OutboundSa::Create(test::OutboundConfig(0x1001)),
                               InboundSa::Create(in)));
    ASSERT_TRUE(a.GetSad().Add("b",
                               OutboundSa::Create(out),
                               InboundSa::Create(test::InboundConfig(0x1001))));
    const auto fragments = FragmentsOf(test::kInnerSource, test::kInnerDestination);
    EXPECT_EQ(Send(fragments[0]).verdict, Verdict::Transformed);
    EXPECT_EQ(Receive(Wire()).verdict, Verdict::Transformed) << "the first has the port";
    EXPECT_EQ(Send(fragments[1]).verdict, Verdict::Transformed) << "this sender does not look";
    ExpectDrop(Receive(Wire()), DropReason::SelectorMismatch);

    DataPlane strict;
    strict.GetSpd().Add(Entry("10.1.0.0/16", "10.2.0.0/16", SpdAction::Protect, "b"));
    out.localSelectors = in.remoteSelectors;
    out.remoteSelectors = in.localSelectors;
    ASSERT_TRUE(strict.GetSad().Add("b",
                                    OutboundSa::Create(out),
                                    InboundSa::Create(test::InboundConfig(0x1001))));
    test::Fill(strict.Buffer(), fragments[0]);
    EXPECT_EQ(strict.ProcessOutbound().verdict, Verdict::Transformed);
    test::Fill(strict.Buffer(), fragments[1]);
    ExpectDrop(strict.ProcessOutbound(), DropReason::SelectorMismatch);
    EXPECT_TRUE(strict.Counters().Balanced());
}

TEST_F(TwoGateways, ADropInTheSaNamesTheSa)
{
    Connect(0x1000);
    Send();
    Receive(Wire());
    const DataPlaneResult again = Receive(Wire());
    ExpectDrop(again, DropReason::ReplayDuplicate);
    EXPECT_EQ(again.spi, 0x1000U);
    EXPECT_EQ(again.number, 1U);
}

/// RFC 4301, section 5.2, step 2 and 3a: clear packets that policy wants protected are not let in.
TEST_F(TwoGateways, ClearPacketsNeedABypass)
{
    test::InnerPacket packet; // 10.1.0.1 -> 10.2.0.9
    ExpectDrop(ReceiveClear(packet.Build()), DropReason::UnprotectedInbound);
    packet.destination = kBypassNet + 1;
    EXPECT_EQ(ReceiveClear(packet.Build()).verdict, Verdict::Bypass);
    packet.destination = kDiscardNet + 1;
    ExpectDrop(ReceiveClear(packet.Build()), DropReason::PolicyDiscard);
    packet.destination = 0x0a050001;
    ExpectDrop(ReceiveClear(packet.Build()), DropReason::NoPolicy);
    ExpectDrop(ReceiveClear(Bytes(5)), DropReason::Malformed);
    EXPECT_EQ(b.Counters().inboundIn, 5U);
    EXPECT_EQ(b.Counters().inboundBypassed, 1U);
}

/// Also with a resource, of which each has an SA of its own; nothing is counted or asked for.
TEST_F(TwoGateways, TheSaThatWouldTakeAPacketIsTold)
{
    const auto find = [this](std::uint32_t destination)
    {
        test::InnerPacket inner;
        inner.destination = destination;
        const Bytes packet = inner.Build();
        wire::IpView view;
        EXPECT_TRUE(wire::ParseIp(packet, view));
        const OutboundSa* const sa = a.FindProtecting(a.Select(view));
        return sa ? sa->Config().spi : 0;
    };
    constexpr std::uint32_t kProtected = 0x0a020002;
    EXPECT_EQ(find(kProtected), 0U);
    Connect(0x1000);
    EXPECT_EQ(find(kProtected), 0x1000U);
    EXPECT_EQ(find(0x0a030002), 0U) << "bypassed";
    EXPECT_EQ(find(0x0a040002), 0U) << "discarded";
    EXPECT_EQ(find(0x0a050002), 0U) << "no policy";
    OutboundSaConfig own = test::OutboundConfig();
    own.resource = 1;
    Connect(0x2000, own);
    std::uint32_t resource = 0;
    a.SetResourceRule([&resource](const wire::IpView&) { return resource; });
    EXPECT_EQ(find(kProtected), 0x1000U);
    resource = 1;
    EXPECT_EQ(find(kProtected), 0x2000U);
    EXPECT_EQ(a.Counters().outboundIn, 0U);
    EXPECT_EQ(a.Counters().outboundDrops.Total(), 0U);
}

TEST_F(TwoGateways, QueueDropsKeepTheBalance)
{
    Connect(0x1000);
    Send();
    a.CountWithdrawn(DropReason::Queue, true);
    EXPECT_EQ(a.Counters().outboundIn, 1U);
    EXPECT_EQ(a.Counters().outboundDrops[DropReason::Queue], 1U);
    EXPECT_TRUE(a.Counters().Balanced());
    Receive(Wire());
    b.CountWithdrawn(DropReason::Queue, false);
    EXPECT_EQ(b.Counters().inboundIn, 1U);
    EXPECT_EQ(b.Counters().inboundDrops[DropReason::Queue], 1U);
    EXPECT_TRUE(b.Counters().Balanced());
}

TEST_F(TwoGateways, EngineDropsKeepTheBalance)
{
    Connect(0x1000);
    Send();
    a.CountEngineDrop(true, true);
    EXPECT_EQ(a.Counters().outboundIn, 1U);
    a.CountEngineDrop(true, false);
    EXPECT_EQ(a.Counters().outboundIn, 2U);
    EXPECT_EQ(a.Counters().outboundDrops[DropReason::EngineFull], 2U);
    EXPECT_TRUE(a.Counters().Balanced());
    b.CountEngineDrop(false, false);
    EXPECT_EQ(b.Counters().inboundIn, 1U);
    EXPECT_TRUE(b.Counters().Balanced());
}

/// A mix of everything that may come: each packet is counted once, whatever becomes of it.
TEST_F(TwoGateways, EveryPacketOfARandomMixIsCountedOnce)
{
    constexpr std::uint64_t kSeed = 11;
    SCOPED_TRACE("seed " + std::to_string(kSeed));
    std::mt19937_64 random(kSeed);
    Connect(0x1000);
    std::vector<Bytes> sent;
    std::uint64_t received = 0;
    std::set<DropReason> reasons;
    constexpr std::uint64_t kPackets = 20000;
    for (std::uint64_t i = 0; i < kPackets; ++i)
    {
        test::InnerPacket packet;
        packet.length = 28 + random() % 1500;
        packet.destination = 0x0a020000 + (static_cast<std::uint32_t>(random() % 4) << 16) + 9;
        packet.content = static_cast<std::uint32_t>(i);
        if (Send(packet, 1500).verdict == Verdict::Transformed)
        {
            sent.push_back(Wire());
        }
        if (sent.empty() || random() % 4 == 0)
        {
            continue;
        }
        const std::size_t recent = std::min<std::size_t>(sent.size(), 80);
        Bytes wire = sent[sent.size() - 1 - random() % recent];
        if (random() % 8 == 0)
        {
            wire[random() % wire.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
        }
        const DataPlaneResult result = random() % 10 == 0 ? ReceiveClear(wire) : Receive(wire);
        ++received;
        reasons.insert(result.drop);
        ASSERT_EQ(result.drop != DropReason::None, result.verdict == Verdict::Drop);
    }
    EXPECT_EQ(a.Counters().outboundIn, kPackets);
    EXPECT_EQ(b.Counters().inboundIn, received);
    for (const DropReason reason : {DropReason::None,
                                    DropReason::Icv,
                                    DropReason::ReplayDuplicate,
                                    DropReason::ReplayTooOld,
                                    DropReason::UnknownSpi,
                                    DropReason::NoPolicy})
    {
        EXPECT_EQ(reasons.count(reason), 1U) << Name(reason);
    }
}

TEST(DropReason, NamesAreThereAndDistinct)
{
    std::set<std::string> names;
    for (std::size_t i = 0; i < kDropReasons; ++i)
    {
        names.insert(Name(static_cast<DropReason>(i)));
    }
    EXPECT_EQ(names.size(), kDropReasons);
    EXPECT_EQ(names.count("?"), 0U);
    EXPECT_STREQ(Name(DropReason::ReplayTooOld), "replay-too-old");
}

} // namespace

} // namespace ipseclab::esp
