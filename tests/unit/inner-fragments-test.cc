/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/data-plane.h"
#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

/*
 * Inner fragments and selectors that name ports (RFC 4301, section 7): what is remembered of first
 * fragments, and two data planes under each of the three rules.
 */

namespace ipseclab::esp
{

namespace
{

using Instant = FragmentTracker::Instant;
using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 2000; ///< what the selectors of the remote side name

/// The fragments of a UDP packet with that identification, each with `part` octets behind its IP
/// header, but for the last.
std::vector<Bytes>
Fragments(std::uint16_t identification, std::uint16_t port = kPort, std::size_t part = 48)
{
    test::InnerPacket inner;
    inner.length = 160;
    inner.destinationPort = port;
    Bytes packet = inner.Build();
    StoreBe16(&packet[4], identification);
    return test::Cut(packet, wire::kIpv4HeaderSize + part);
}

/// The same packet from fd00::1 to fd00::2, cut likewise.
/// \param options of the destination, 8 octets, which are cut with the rest
std::vector<Bytes>
FragmentsV6(std::uint32_t identification, std::size_t part = 48, bool options = false)
{
    const std::size_t front = wire::kIpv6HeaderSize + (options ? 8 : 0);
    Bytes packet(front + 140);
    wire::Ipv6HeaderFields fields;
    fields.totalLength = packet.size();
    fields.protocol = options ? wire::kProtocolDestinationOptions : wire::kProtocolUdp;
    fields.source = *IpAddress::FromString("fd00::1");
    fields.destination = *IpAddress::FromString("fd00::2");
    wire::WriteIpv6Header(packet.data(), fields);
    if (options)
    {
        const Bytes padded{wire::kProtocolUdp, 0, 1, 4, 0, 0, 0, 0}; // PadN
        std::copy(padded.begin(), padded.end(), &packet[wire::kIpv6HeaderSize]);
    }
    StoreBe16(&packet[front], 1000);
    StoreBe16(&packet[front + 2], kPort);
    return test::Cut(packet, wire::kIpv6HeaderSize + 8 + part, identification);
}

wire::IpView
View(const Bytes& packet)
{
    wire::IpView view;
    EXPECT_TRUE(wire::ParseIp(packet, view));
    return view;
}

class Tracker : public testing::Test
{
  protected:
    void Note(const Bytes& packet, FragmentTracker::Decision decision = {true})
    {
        const wire::IpView view = View(packet);
        tracker.Note(view, wire::ReadSelectors(view), decision);
    }

    /// What is remembered of the port, or why nothing is.
    std::string Recall(const Bytes& packet)
    {
        const wire::IpView view = View(packet);
        PacketSelectors selectors = wire::ReadSelectors(view);
        EXPECT_TRUE(selectors.laterFragment);
        EXPECT_FALSE(selectors.portsKnown);
        const DropReason reason = tracker.Recall(view, selectors).missing;
        EXPECT_EQ(selectors.portsKnown, reason == DropReason::None);
        return reason == DropReason::None ? std::to_string(selectors.destinationPort)
                                          : Name(reason);
    }

    Instant now{0};
    FragmentTracker tracker{{64, 30s}, [this] { return now; }};
};

TEST_F(Tracker, LaterFragmentsHaveThePortsOfTheirFirst)
{
    EXPECT_EQ(tracker.Octets(), 0U);
    EXPECT_EQ(Recall(Fragments(1).at(1)), "fragment-unknown");
    Note(Fragments(1, 53).at(0));
    Note(Fragments(2, 443).at(0));
    EXPECT_EQ(Recall(Fragments(1).at(1)), "53");
    EXPECT_EQ(Recall(Fragments(1).at(2)), "53");
    EXPECT_EQ(Recall(Fragments(2).at(2)), "443");
    EXPECT_EQ(Recall(Fragments(3).at(1)), "fragment-unknown");
    EXPECT_EQ(tracker.GetCounters().noted, 2U);
    EXPECT_EQ(tracker.GetCounters().overwritten, 0U);
}

TEST_F(Tracker, SoHaveThoseOfIpv6)
{
    Note(FragmentsV6(0x10001).at(0));
    EXPECT_EQ(Recall(FragmentsV6(0x10001).at(1)), std::to_string(kPort));
    EXPECT_EQ(Recall(FragmentsV6(1).at(1)), "fragment-unknown"); // the identification has 32 bits
}

TEST_F(Tracker, AddressesAndProtocolTellPacketsApart)
{
    Note(Fragments(1).at(0));
    Bytes other = Fragments(1).at(1);
    ++other[15]; // the source
    EXPECT_EQ(Recall(other), "fragment-unknown");
    other = Fragments(1).at(1);
    ++other[19];
    EXPECT_EQ(Recall(other), "fragment-unknown");
    other = Fragments(1).at(1);
    other[9] = wire::kProtocolTcp;
    EXPECT_EQ(Recall(other), "fragment-unknown");
}

TEST_F(Tracker, OneThatBeginsWithinTheFirstIsRefused)
{
    Note(Fragments(1, kPort, 48).at(0));
    EXPECT_EQ(Recall(Fragments(1, kPort, 40).at(1)), "fragment-overlap");
    EXPECT_EQ(Recall(Fragments(1, kPort, 48).at(1)), std::to_string(kPort));
    Note(FragmentsV6(1, 48).at(0));
    EXPECT_EQ(Recall(FragmentsV6(1, 40).at(1)), "fragment-overlap");
}

TEST_F(Tracker, WhatIsRememberedAges)
{
    Note(Fragments(1).at(0));
    now = 30s - 1ns;
    EXPECT_EQ(Recall(Fragments(1).at(1)), std::to_string(kPort));
    now = 30s;
    EXPECT_EQ(Recall(Fragments(1).at(1)), "fragment-unknown");
    Note(Fragments(1, 7).at(0)); // the identification comes again
    EXPECT_EQ(Recall(Fragments(1).at(1)), "7");
    EXPECT_EQ(tracker.GetCounters().overwritten, 0U);
}

TEST_F(Tracker, TheNewerOfTwoFirstFragmentsCounts)
{
    Note(Fragments(1, 53).at(0));
    Note(Fragments(1, 54).at(0));
    EXPECT_EQ(Recall(Fragments(1).at(1)), "54");
}

/// So nothing follows an older one with the same identification.
TEST_F(Tracker, AFirstFragmentThatIsNotFollowedTakesTheOlderOnesPlace)
{
    Note(Fragments(1, 53).at(0));
    Note(Fragments(1, 54).at(0), {false});
    EXPECT_EQ(Recall(Fragments(1).at(1)), "fragment-unknown");
    EXPECT_EQ(tracker.GetCounters().noted, 1U);
    Note(FragmentsV6(2, 8, true).at(0)); // options, and UDP begins in the next one
    EXPECT_EQ(tracker.GetCounters().noted, 1U);
}

/// A protocol that has no ports hides none.
TEST_F(Tracker, WithoutPortsThereIsTheProtocolToFollow)
{
    constexpr std::uint8_t kGre = 47;
    Bytes first = Fragments(1).at(0);
    Bytes later = Fragments(1).at(1);
    first[9] = later[9] = kGre;
    Note(first);
    PacketSelectors selectors = wire::ReadSelectors(View(later));
    EXPECT_EQ(tracker.Recall(View(later), selectors).missing, DropReason::None);
    EXPECT_EQ(selectors.protocol, kGre);
    EXPECT_FALSE(selectors.portsKnown);
}

TEST_F(Tracker, ThatOneOfThemWasProtectedIsRemembered)
{
    const auto isProtected = [this](std::uint16_t identification)
    {
        const Bytes later = Fragments(identification).at(1);
        PacketSelectors selectors = wire::ReadSelectors(View(later));
        return tracker.Recall(View(later), selectors).protect;
    };
    Note(Fragments(1).at(0), {true, true});
    Note(Fragments(2).at(0), {true, false});
    EXPECT_TRUE(isProtected(1));
    EXPECT_FALSE(isProtected(2));
    now = 20s;
    Note(Fragments(1).at(0), {true, false});
    EXPECT_TRUE(isProtected(1));
    now = 30s; // that one has aged, not the newer one
    EXPECT_FALSE(isProtected(1));
    EXPECT_EQ(Recall(Fragments(1).at(1)), std::to_string(kPort));
    Note(Fragments(1).at(0), {true, false});
    EXPECT_FALSE(isProtected(1));
}

/// What is neither followed nor protected would tell nobody anything.
TEST_F(Tracker, FirstFragmentsOfNoAccountDriveOutNothing)
{
    Note(Fragments(20000).at(0), {false});
    EXPECT_EQ(tracker.Octets(), 0U);
    Note(Fragments(0).at(0));
    for (std::uint16_t i = 1; i < 2000; ++i)
    {
        Note(Fragments(i).at(0), {false});
    }
    EXPECT_EQ(Recall(Fragments(0).at(1)), std::to_string(kPort));
    EXPECT_EQ(tracker.GetCounters().overwritten, 0U);
}

/// A flood makes others be forgotten, and takes no memory.
TEST_F(Tracker, AFloodTakesNoMemory)
{
    Note(Fragments(0).at(0));
    const std::size_t memory = tracker.Octets();
    EXPECT_LT(memory, 64 * 256U);
    for (std::uint32_t i = 1; i < 20000; ++i)
    {
        now += 1us;
        Note(Fragments(static_cast<std::uint16_t>(i)).at(0));
    }
    EXPECT_EQ(tracker.Octets(), memory);
    EXPECT_EQ(Recall(Fragments(0).at(1)), "fragment-unknown");
    EXPECT_EQ(Recall(Fragments(19999).at(1)), std::to_string(kPort));
    EXPECT_EQ(tracker.GetCounters().noted, 20000U);
    EXPECT_EQ(tracker.GetCounters().overwritten, 20000U - 64U);
}

TEST_F(Tracker, WithoutPlacesNothingIsRemembered)
{
    FragmentTracker none({0, 30s}, [this] { return now; });
    const Bytes first = Fragments(1).at(0);
    none.Note(View(first), wire::ReadSelectors(View(first)), {true, true});
    PacketSelectors later = wire::ReadSelectors(View(Fragments(1).at(1)));
    const auto memory = none.Recall(View(Fragments(1).at(1)), later);
    EXPECT_EQ(memory.missing, DropReason::FragmentUnknown);
    EXPECT_FALSE(memory.protect);
}

/// Which SAs there are between gateways a and b; the remote side's selector is for kPort of UDP.
enum class Rule
{
    Ports,    ///< of ports alone
    AllPorts, ///< for all ports of UDP
    Opaque,   ///< of ports, and one for OPAQUE ports
    Stateful, ///< of ports, and later fragments are agreed on
};

class FragmentTunnel : public testing::Test
{
  protected:
    void Begin(Rule rule, std::size_t states = 64)
    {
        a.TrackFragments({states, 30s}, [this] { return now; });
        b.TrackFragments({states, 30s}, [this] { return now; });
        const std::string remote =
            rule == Rule::AllPorts ? "10.2.0.0/16[17]" : "10.2.0.0/16[17/2000]";
        Connect(0x1000, {remote}, rule == Rule::Stateful);
        if (rule == Rule::Opaque)
        {
            Connect(0x2000, {"10.2.0.0/16[17/OPAQUE]"}, false);
        }
    }

    void Connect(std::uint32_t spi,
                 const std::vector<std::string>& remoteOfA,
                 bool later,
                 const std::string& localOfA = "10.1.0.0/16[17]")
    {
        const TrafficSelectorList local{*TrafficSelector::FromString(localOfA)};
        TrafficSelectorList remote;
        for (const std::string& text : remoteOfA)
        {
            remote.push_back(*TrafficSelector::FromString(text));
        }
        a.GetSpd().Add({"", local, remote, SpdAction::Protect, "b"});
        b.GetSpd().Add({"", remote, local, SpdAction::Protect, "a"});
        OutboundSaConfig out = test::OutboundConfig(spi);
        out.localSelectors = local;
        out.remoteSelectors = remote;
        out.laterFragments = later;
        InboundSaConfig in = test::InboundConfig(spi);
        in.remoteSelectors = local;
        in.localSelectors = remote;
        in.laterFragments = later ? b.InboundFragments("a") : nullptr;
        ASSERT_TRUE(a.GetSad().Add("b",
                                   OutboundSa::Create(out),
                                   InboundSa::Create(test::InboundConfig(spi + 1))));
        ASSERT_TRUE(b.GetSad().Add("a",
                                   OutboundSa::Create(test::OutboundConfig(spi + 1)),
                                   InboundSa::Create(in)));
    }

    /// The SPI of the SA on which it arrives, or where and why it is dropped.
    std::string Carry(const Bytes& packet)
    {
        test::Fill(a.Buffer(), packet);
        const DataPlaneResult sent = a.ProcessOutbound();
        if (sent.verdict == Verdict::Bypass)
        {
            return "bypass";
        }
        if (sent.verdict != Verdict::Transformed)
        {
            return std::string("a: ") + Name(sent.drop);
        }
        const std::string result = Open(test::ToBytes(a.Buffer()), packet);
        return result.empty() ? std::to_string(sent.spi) : result;
    }

    /// Why gateway b does not open it.
    std::string Open(const Bytes& sealed, const Bytes& packet)
    {
        test::Fill(b.Buffer(), sealed);
        const DataPlaneResult result = b.ProcessInbound();
        if (result.verdict != Verdict::Transformed)
        {
            return std::string("b: ") + Name(result.drop);
        }
        EXPECT_EQ(test::ToBytes(b.Buffer()), packet);
        return {};
    }

    /// Of gateway a for what it sends there, of b for what comes from there.
    void AddPolicy(SpdAction action, const std::string& remoteOfA)
    {
        const TrafficSelectorList any{*TrafficSelector::FromString("0.0.0.0/0")};
        const TrafficSelectorList remote{*TrafficSelector::FromString(remoteOfA)};
        a.GetSpd().Add({remoteOfA, any, remote, action, "b"});
        b.GetSpd().Add({remoteOfA, remote, any, action, "a"});
    }

    /// \param later what becomes of later fragments to kPort
    void ExpectNoLeak(const std::string& later)
    {
        AddPolicy(SpdAction::Bypass, "10.2.0.0/16[17/123]");
        EXPECT_EQ(Carry(Fragments(1).at(0)), "4096");
        EXPECT_EQ(Carry(Fragments(1, 123).at(0)), "bypass");
        EXPECT_EQ(Carry(Fragments(1).at(1)), "a: fragment-unknown");
        now += 30s;
        EXPECT_EQ(Carry(Fragments(1, 123).at(0)), "bypass");
        EXPECT_EQ(Carry(Fragments(1, 123).at(1)), "bypass");
        AddPolicy(SpdAction::Bypass, "10.2.0.0/16");
        EXPECT_EQ(Carry(Fragments(2, 99).at(1)), "a: fragment-unknown"); // might be protected
        EXPECT_EQ(Carry(Fragments(2, 99).at(0)), "bypass");
        EXPECT_EQ(Carry(Fragments(2, 99).at(1)), "bypass");
        EXPECT_EQ(Carry(Fragments(3).at(0)), "4096");
        EXPECT_EQ(Carry(Fragments(3).at(1)), later);
    }

    ~FragmentTunnel() override
    {
        EXPECT_TRUE(a.Counters().Balanced());
        EXPECT_TRUE(b.Counters().Balanced());
    }

    Instant now{0};
    DataPlane a;
    DataPlane b;
};

const std::string kFirstSa = std::to_string(0x1000);
const std::string kOpaqueSa = std::to_string(0x2000);

// Section 7.1.
TEST_F(FragmentTunnel, AnSaForAllPortsTakesThemAll)
{
    Begin(Rule::AllPorts);
    for (const Bytes& fragment : Fragments(1))
    {
        EXPECT_EQ(Carry(fragment), kFirstSa);
    }
    EXPECT_EQ(Carry(Fragments(9).at(2)), kFirstSa); // whichever comes first
    EXPECT_EQ(a.OutboundFragments()->GetCounters().noted, 0U);
}

TEST_F(FragmentTunnel, WithPortsOnlyTheFirstGoes)
{
    Begin(Rule::Ports);
    EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1).at(1)), "a: fragment-unknown");
    EXPECT_EQ(Carry(Fragments(1, 53).at(0)), "a: no-policy");
    EXPECT_EQ(a.OutboundFragments()->GetCounters().noted, 0U);
}

// Section 7.2.
TEST_F(FragmentTunnel, OpaquePortsTakeTheLaterOnesAndNothingElse)
{
    Begin(Rule::Opaque);
    const auto fragments = Fragments(1);
    EXPECT_EQ(Carry(fragments.at(0)), kFirstSa);
    EXPECT_EQ(Carry(fragments.at(1)), kOpaqueSa);
    EXPECT_EQ(Carry(fragments.at(2)), kOpaqueSa);
    EXPECT_EQ(Carry(test::InnerPacket{}.Build()), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1, 53).at(0)), "a: no-policy");
    // The price of OPAQUE: nobody knows whose later fragments these are.
    EXPECT_EQ(Carry(Fragments(2, 53).at(1)), kOpaqueSa);
}

TEST_F(FragmentTunnel, OpaquePortsRefuseWhatMayOverlapPorts)
{
    Begin(Rule::Opaque);
    EXPECT_EQ(Carry(Fragments(1, kPort, 40).at(1)), kOpaqueSa);
    EXPECT_EQ(Carry(Fragments(1, kPort, 32).at(1)), "b: fragment-overlap");
    EXPECT_EQ(Carry(Fragments(1, kPort, 8).at(1)), "b: fragment-overlap");
    EXPECT_EQ(Carry(Fragments(1, kPort, 8).at(5)), kOpaqueSa);
}

/// A whole packet without ports is no fragment.
TEST_F(FragmentTunnel, OpaquePortsAreForFragments)
{
    Begin(Rule::Opaque);
    Bytes cut = test::InnerPacket{}.Build();
    cut.resize(wire::kIpv4HeaderSize + 2);
    StoreBe16(&cut[2], static_cast<std::uint16_t>(cut.size()));
    StoreBe16(&cut[10], 0);
    StoreBe16(&cut[10], wire::Ipv4Checksum(cut.data(), wire::kIpv4HeaderSize));
    EXPECT_EQ(Carry(cut), "a: no-policy");
}

/// Also where the same SA is for ports.
TEST_F(FragmentTunnel, OpaquePortsBesidePortsRefuseWhatMayOverlap)
{
    Connect(0x1000, {"10.2.0.0/16[17/2000]", "10.2.0.0/16[17/OPAQUE]"}, false);
    EXPECT_EQ(Carry(Fragments(1, kPort, 40).at(0)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1, kPort, 40).at(1)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1, kPort, 32).at(1)), "b: fragment-overlap");
}

/// An SA for all ports besides does not need to know them.
TEST_F(FragmentTunnel, AllPortsBesideOpaqueOnesTakeAll)
{
    Connect(0x1000, {"10.2.0.0/16[17]", "10.2.0.0/16[17/OPAQUE]"}, false);
    EXPECT_EQ(Carry(Fragments(1, kPort, 8).at(1)), kFirstSa);
}

/// OPAQUE is for packets without ports; where the first one's are remembered, those count.
TEST_F(FragmentTunnel, OpaquePortsAreNotForKnownOnes)
{
    a.TrackFragments({64, 30s}, [this] { return now; });
    AddPolicy(SpdAction::Discard, "10.2.0.0/16[17/OPAQUE]");
    AddPolicy(SpdAction::Bypass, "10.2.0.0/16[17/123]");
    EXPECT_EQ(Carry(Fragments(1, 123).at(1)), "a: policy-discard");
    EXPECT_EQ(Carry(Fragments(1, 123).at(0)), "bypass");
    EXPECT_EQ(Carry(Fragments(1, 123).at(1)), "bypass");
}

TEST_F(FragmentTunnel, AnSaForOpaquePortsIsAskedForByItself)
{
    Begin(Rule::Ports);
    std::vector<bool> asked;
    a.SetAcquireCallback([&](const std::string&, bool opaque) { asked.push_back(opaque); });
    const TrafficSelectorList local{*TrafficSelector::FromString("10.1.0.0/16[17/OPAQUE]")};
    const TrafficSelectorList remote{*TrafficSelector::FromString("10.2.0.0/16[17/OPAQUE]")};
    a.GetSpd().Add({"opaque", local, remote, SpdAction::Protect, "b"});
    EXPECT_EQ(Carry(Fragments(1).at(1)), "a: acquire-pending");
    EXPECT_EQ(asked, std::vector<bool>{true});
    ASSERT_TRUE(a.GetSad().Remove(0x1001));
    EXPECT_EQ(Carry(Fragments(1).at(0)), "a: acquire-pending");
    EXPECT_EQ(asked, (std::vector<bool>{true, false}));
}

// Section 7.3.
TEST_F(FragmentTunnel, WhereItIsAgreedTheyFollowTheirFirst)
{
    Begin(Rule::Stateful);
    for (std::uint16_t packet = 1; packet <= 3; ++packet)
    {
        for (const Bytes& fragment : Fragments(packet))
        {
            EXPECT_EQ(Carry(fragment), kFirstSa);
        }
    }
    EXPECT_EQ(a.OutboundFragments()->GetCounters().noted, 3U);
    EXPECT_EQ(b.InboundFragments("a")->GetCounters().noted, 3U);
}

TEST_F(FragmentTunnel, OnesThatComeBeforeTheirFirstAreNotHeld)
{
    Begin(Rule::Stateful);
    EXPECT_EQ(Carry(Fragments(1).at(1)), "a: fragment-unknown");
    EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1).at(1)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1, kPort, 40).at(1)), "a: fragment-overlap");
    now = 30s;
    EXPECT_EQ(Carry(Fragments(1).at(2)), "a: fragment-unknown");
}

/// On the way the later ones may overtake.
TEST_F(FragmentTunnel, TheReceiverChecksForItself)
{
    Begin(Rule::Stateful);
    std::vector<Bytes> sealed;
    const auto fragments = Fragments(1);
    for (const Bytes& fragment : fragments)
    {
        test::Fill(a.Buffer(), fragment);
        ASSERT_EQ(a.ProcessOutbound().verdict, Verdict::Transformed);
        sealed.push_back(test::ToBytes(a.Buffer()));
    }
    EXPECT_EQ(Open(sealed.at(1), fragments.at(1)), "b: fragment-unknown");
    EXPECT_EQ(Open(sealed.at(0), fragments.at(0)), "");
    EXPECT_EQ(Open(sealed.at(2), fragments.at(2)), "");
}

/// A receiver that has not agreed discards them, whatever the sender thinks.
TEST_F(FragmentTunnel, AReceiverThatHasNotAgreedRefuses)
{
    a.TrackFragments({64, 30s}, [this] { return now; });
    Connect(0x1000, {"10.2.0.0/16[17/2000]"}, true);
    EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1).at(1)), "b: selector-mismatch");
}

/// State knows where the first fragment ends; of OPAQUE ports nobody can tell (section 7.2).
TEST_F(FragmentTunnel, Ipv6NeedsState)
{
    Begin(Rule::Stateful);
    Connect(0x4000, {"fd00::2[17/2000]"}, true, "fd00::1[17]");
    for (const Bytes& fragment : FragmentsV6(7))
    {
        EXPECT_EQ(Carry(fragment), std::to_string(0x4000));
    }
    EXPECT_EQ(Carry(FragmentsV6(7, 40).at(1)), "a: fragment-overlap");
    // Later ones say that options follow, and only the first one that UDP does.
    EXPECT_EQ(Carry(FragmentsV6(9, 48, true).at(1)), "a: fragment-unknown");
    for (const Bytes& fragment : FragmentsV6(9, 48, true))
    {
        EXPECT_EQ(Carry(fragment), std::to_string(0x4000));
    }
    Connect(0x5000, {"fd00::2[17/OPAQUE]"}, false, "fd00::1[17]");
    EXPECT_EQ(Carry(FragmentsV6(8).at(2)), "b: fragment-overlap");
}

/// Of IPv6 a PROTECT entry for one protocol might be for later fragments that name another.
TEST_F(FragmentTunnel, WhatHasNoPortsFollowsInClearToo)
{
    Begin(Rule::Stateful);
    Connect(0x4000, {"fd00::2[17/2000]"}, true, "fd00::1[17]");
    a.GetSpd().Add({"", {*TrafficSelector::FromString("::/0")}, {}, SpdAction::Bypass, ""});
    auto fragments = FragmentsV6(5);
    for (Bytes& fragment : fragments)
    {
        fragment[wire::kIpv6HeaderSize] = 47; // GRE, in the fragment header
    }
    EXPECT_EQ(Carry(fragments.at(1)), "a: fragment-unknown");
    for (const Bytes& fragment : fragments)
    {
        EXPECT_EQ(Carry(fragment), "bypass");
    }
}

/// What arrives on one SA is not admitted by what a first fragment on another one had.
TEST_F(FragmentTunnel, TheWholePacketsPolicyHolds)
{
    Begin(Rule::Stateful);
    Connect(0x3000, {"10.2.0.0/16[17/53]"}, true);
    const std::string second = std::to_string(0x3000);
    EXPECT_EQ(Carry(Fragments(1, 53).at(0)), second);
    EXPECT_EQ(Carry(Fragments(1, 53).at(1)), second);
    // The same packet, sealed by hand on the other SA.
    test::Fill(a.Buffer(), Fragments(1, 53).at(2));
    OutboundSa* const first = a.GetSad().FindOutboundOf(0x1001);
    first->Seal(a.Buffer(), *first->NextNumber());
    EXPECT_EQ(Open(test::ToBytes(a.Buffer()), {}), "b: selector-mismatch");
}

/// A first fragment whose later ones have no state takes that of an older packet away.
TEST_F(FragmentTunnel, AnIdentificationThatComesAgainBringsNoOldState)
{
    Begin(Rule::Stateful);
    AddPolicy(SpdAction::Discard, "10.2.0.0/16[17/9]");
    for (const std::uint16_t port : {9, 10}) // discarded, and without policy
    {
        EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
        EXPECT_EQ(Carry(Fragments(1).at(1)), kFirstSa);
        EXPECT_EQ(Carry(Fragments(1, port).at(0)),
                  port == 9 ? "a: policy-discard" : "a: no-policy");
        EXPECT_EQ(Carry(Fragments(1, port).at(1)), "a: fragment-unknown");
    }
}

/// Whoever uses the identification of a protected packet, and whatever else might take its later
/// fragments.
TEST_F(FragmentTunnel, NothingOfAProtectedPacketLeavesInClear)
{
    Begin(Rule::Stateful);
    ExpectNoLeak(kFirstSa);
}

TEST_F(FragmentTunnel, NorWhereTheLaterOnesHaveNoState)
{
    Begin(Rule::Ports);
    ExpectNoLeak("a: fragment-unknown");
}

/// No other policy takes what overlaps a first fragment that it would have to follow.
TEST_F(FragmentTunnel, WhatOverlapsIsDroppedAtOnce)
{
    Connect(0x3000, {"10.2.0.0/16[17]"}, false);
    Begin(Rule::Stateful);
    EXPECT_EQ(Carry(Fragments(2).at(1)), std::to_string(0x3000));
    EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
    EXPECT_EQ(Carry(Fragments(1, kPort, 40).at(1)), "a: fragment-overlap");
}

/// That its ports are not known is why a fragment is dropped only if other ports would help.
TEST_F(FragmentTunnel, UnknownIsWhatPortsWouldTell)
{
    Begin(Rule::Stateful);
    const auto elsewhere = [](std::size_t octet)
    {
        Bytes fragment = Fragments(1).at(1);
        fragment[octet] = 99;
        StoreBe16(&fragment[10], 0);
        StoreBe16(&fragment[10], wire::Ipv4Checksum(fragment.data(), wire::kIpv4HeaderSize));
        return fragment;
    };
    EXPECT_EQ(Carry(Fragments(1).at(1)), "a: fragment-unknown");
    EXPECT_EQ(Carry(elsewhere(17)), "a: no-policy"); // 10.99.0.0/16
    EXPECT_EQ(Carry(elsewhere(9)), "a: no-policy");  // protocol 99
    AddPolicy(SpdAction::Protect, "10.99.0.0/16");
    EXPECT_EQ(Carry(elsewhere(17)), "a: selector-mismatch"); // no SA has such addresses
    test::Fill(a.Buffer(), elsewhere(17));                   // sealed by hand
    OutboundSa* const sa = a.GetSad().FindOutboundOf(0x1001);
    sa->Seal(a.Buffer(), *sa->NextNumber());
    EXPECT_EQ(Open(test::ToBytes(a.Buffer()), {}), "b: selector-mismatch");
}

/// One peer's first fragments do not drive out another's.
TEST_F(FragmentTunnel, StateOfPeersIsApart)
{
    Begin(Rule::Stateful);
    EXPECT_NE(b.InboundFragments("a"), b.InboundFragments("c"));
    EXPECT_EQ(b.InboundFragments("a"), b.InboundFragments("a"));
    EXPECT_EQ(Carry(Fragments(1).at(0)), kFirstSa);
    InboundSaConfig in = test::InboundConfig(0x7000);
    in.localSelectors = {*TrafficSelector::FromString("10.2.0.0/16[17/2000]")};
    in.laterFragments = b.InboundFragments("c");
    const auto flood = InboundSa::Create(in);
    for (std::uint16_t i = 1; i < 2000; ++i)
    {
        const Bytes first = Fragments(i).at(0);
        ASSERT_EQ(flood->Admit(View(first)), DropReason::None);
    }
    EXPECT_EQ(in.laterFragments->GetCounters().noted, 1999U);
    EXPECT_EQ(Carry(Fragments(1).at(1)), kFirstSa);
}

/**
 * Packets of five kinds share a few identifications while time goes on. A later fragment goes where
 * the latest first one of its identification went, if that is not older than 30 s and was followed,
 * and not in clear if one was protected within 30 s.
 */
TEST_F(FragmentTunnel, RandomPacketsFollowTheirFirst)
{
    Begin(Rule::Stateful, 1024);
    Connect(0x3000, {"10.2.0.0/16[17/53]"}, false);
    Connect(0x5000, {"10.2.0.0/16[17/54]"}, true);
    AddPolicy(SpdAction::Bypass, "10.2.0.0/16[17/123]");
    AddPolicy(SpdAction::Discard, "10.2.0.0/16[17/9]");

    struct Kind
    {
        std::string first;
        std::string later;
    };

    const std::string unknown = "a: fragment-unknown";
    const std::map<std::uint16_t, Kind> kinds{
        {kPort, {kFirstSa, kFirstSa}},
        {53, {std::to_string(0x3000), unknown}},
        {54, {std::to_string(0x5000), std::to_string(0x5000)}},
        {123, {"bypass", "bypass"}},
        {9, {"a: policy-discard", unknown}}};

    struct First
    {
        std::uint16_t port{0};
        Instant born{-31s};
        Instant protectedAt{-31s};
    };

    std::map<std::uint16_t, First> firsts;
    std::map<std::string, int> seen;
    std::mt19937 random(7);
    for (int i = 0; i < 20000; ++i)
    {
        now += std::chrono::milliseconds(random() % 2000);
        const auto identification = static_cast<std::uint16_t>(random() % 32);
        First& first = firsts[identification];
        const bool alive = now - first.born < 30s;
        if (random() % 3 == 0)
        {
            const auto kind = std::next(kinds.begin(), random() % kinds.size());
            const bool protects = kind->first == kPort || kind->first == 53 || kind->first == 54;
            first = {kind->first, now, protects ? now : first.protectedAt};
            ASSERT_EQ(Carry(Fragments(identification, kind->first).at(0)), kind->second.first);
            continue;
        }
        std::string expected = alive ? kinds.at(first.port).later : unknown;
        expected = expected == "bypass" && now - first.protectedAt < 30s ? unknown : expected;
        ASSERT_EQ(Carry(Fragments(identification).at(1 + random() % 2)), expected) << i;
        ++seen[expected];
    }
    EXPECT_EQ(seen.size(), 4U);
    for (const auto& [outcome, times] : seen)
    {
        EXPECT_GT(times, 100) << outcome;
    }
}

// Section 7.4: BYPASS with ports, both ways.
TEST_F(FragmentTunnel, BypassFollowsTheFirstToo)
{
    Begin(Rule::Ports);
    AddPolicy(SpdAction::Bypass, "10.2.0.0/16[17/53]");
    const auto enter = [this](const Bytes& packet)
    {
        test::Fill(b.Buffer(), packet);
        return b.ProcessInboundClear();
    };
    const auto leave = [this](const Bytes& packet)
    {
        test::Fill(a.Buffer(), packet);
        return a.ProcessOutbound();
    };
    const auto fragments = Fragments(1, 53);
    EXPECT_EQ(leave(fragments.at(1)).drop, DropReason::FragmentUnknown);
    EXPECT_EQ(leave(fragments.at(0)).verdict, Verdict::Bypass);
    EXPECT_EQ(leave(fragments.at(1)).verdict, Verdict::Bypass);
    EXPECT_EQ(enter(fragments.at(1)).drop, DropReason::FragmentUnknown);
    EXPECT_EQ(enter(fragments.at(0)).verdict, Verdict::Bypass);
    EXPECT_EQ(enter(fragments.at(1)).verdict, Verdict::Bypass);
    // What should have come protected, but came in clear, lets nothing in after it; and what has an
    // entry for all ports behind one that protects some must follow its first.
    AddPolicy(SpdAction::Bypass, "10.2.0.0/16");
    EXPECT_EQ(enter(Fragments(2).at(0)).drop, DropReason::UnprotectedInbound);
    EXPECT_EQ(enter(Fragments(2).at(1)).drop, DropReason::FragmentUnknown);
    EXPECT_EQ(enter(Fragments(2, 99).at(0)).verdict, Verdict::Bypass);
    EXPECT_EQ(enter(Fragments(2, 99).at(1)).verdict, Verdict::Bypass);
    // What came in clear helps nobody out of a tunnel.
    EXPECT_EQ(b.InboundFragments("a")->GetCounters().noted, 0U);
}

/// Any octets at all, most of them fragments: nothing grows, and counts balance.
TEST_F(FragmentTunnel, HostileFragmentsAreBounded)
{
    Begin(Rule::Stateful);
    std::mt19937 random(1);
    std::map<std::string, std::uint64_t> seen;
    const auto fragments = Fragments(1);
    for (int i = 0; i < 20000; ++i)
    {
        now += 1us;
        Bytes packet = fragments.at(random() % fragments.size());
        StoreBe16(&packet[4], static_cast<std::uint16_t>(random() % 64));
        StoreBe16(&packet[6], static_cast<std::uint16_t>((random() & 0x2000) | random() % 16));
        packet[19] = static_cast<std::uint8_t>(random() % 8);
        StoreBe16(&packet[22], random() % 2 ? kPort : 53);
        StoreBe16(&packet[10], 0);
        StoreBe16(&packet[10], wire::Ipv4Checksum(packet.data(), wire::kIpv4HeaderSize));
        ++seen[Carry(packet)];
    }
    // Nothing that a lets through is refused by b, who has less to remember in as many places.
    const std::set<std::string> possible{kFirstSa,
                                         "a: fragment-unknown",
                                         "a: fragment-overlap",
                                         "a: no-policy"};
    for (const auto& [outcome, times] : seen)
    {
        EXPECT_EQ(possible.count(outcome), 1U) << outcome;
        EXPECT_GT(times, 10U) << outcome;
    }
    EXPECT_EQ(seen.size(), possible.size());
    EXPECT_EQ(seen[kFirstSa], a.Counters().outboundSealed);
    EXPECT_LT(a.OutboundFragments()->Octets(), 64 * 256U);
    EXPECT_LT(b.InboundFragments("a")->Octets(), 64 * 256U);
    EXPECT_EQ(a.Counters().outboundIn, 20000U);
}

} // namespace

} // namespace ipseclab::esp
