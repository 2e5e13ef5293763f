/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/spd.h"

#include "model/esp/sad.h"
#include "tests/unit/esp-test-support.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace ipseclab::esp
{

namespace
{

TrafficSelectorList
Net(const std::string& text,
    std::uint8_t protocol = 0,
    std::uint16_t first = 0,
    std::uint16_t last = 65535)
{
    TrafficSelector selector = *TrafficSelector::FromString(text);
    selector.protocol = protocol;
    selector.startPort = first;
    selector.endPort = last;
    return {selector};
}

PacketSelectors
Udp(const std::string& from, const std::string& to, std::uint16_t port = 2000)
{
    return {*IpAddress::FromString(from), *IpAddress::FromString(to), 17, 1000, port, true};
}

std::string
NameOf(const SpdEntry* entry)
{
    return entry ? entry->name : "-";
}

TEST(Spd, FirstEntryThatMatchesDecides)
{
    Spd spd;
    spd.Add({"web", Net("10.1.0.0/16"), Net("10.2.0.0/16", 17, 80, 443), SpdAction::Bypass, ""});
    spd.Add({"all", Net("10.1.0.0/16"), Net("10.2.0.0/16"), SpdAction::Protect, "b"});
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1", 80))), "web");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1", 443))), "web");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1", 444))), "all");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1", 79))), "all");
}

TEST(Spd, WithoutAMatchNothingIsFound)
{
    Spd spd;
    EXPECT_EQ(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1")), nullptr);
    spd.Add({"all", Net("10.1.0.0/16"), Net("10.2.0.0/16"), SpdAction::Protect, "b"});
    EXPECT_EQ(spd.LookupOutbound(Udp("10.3.0.1", "10.2.0.1")), nullptr);
    EXPECT_EQ(spd.LookupOutbound(Udp("10.1.0.1", "10.3.255.255")), nullptr);
}

TEST(Spd, RangesIncludeBothEnds)
{
    Spd spd;
    spd.Add({"few", Net("10.1.0.5-10.1.0.9"), {}, SpdAction::Protect, "b"});
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.4", "10.2.0.1"))), "-");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.5", "10.2.0.1"))), "few");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.9", "10.2.0.1"))), "few");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.10", "10.2.0.1"))), "-");
}

/// A network of either version, often one of few, or a range that is no network.
TrafficSelectorList
DrawAddresses(std::mt19937& random)
{
    const auto draw = [&](int below) { return static_cast<int>(random() % below); };
    const std::string a = std::to_string(draw(3));
    const std::string b = std::to_string(draw(4));
    switch (draw(6))
    {
    case 0:
        return {};
    case 1:
        return Net("10." + a + ".0.0/" + std::to_string(15 + draw(3)));
    case 2:
        return Net("10." + a + "." + b + ".0/24",
                   17,
                   1000,
                   static_cast<std::uint16_t>(1000 + draw(3)));
    case 3:
        return Net("10." + a + ".0.3-10." + a + "." + b + ".200");
    case 4:
    {
        auto several = Net("10." + a + "." + b + ".0/24");
        several.push_back(Net("10." + b + ".0.0/16").front());
        return several;
    }
    default:
        return Net("2001:db8:" + a + "::/" + std::to_string(47 + draw(3)));
    }
}

IpAddress
DrawAddress(std::mt19937& random, bool v6)
{
    const std::string a = std::to_string(random() % 4);
    const std::string b = std::to_string(random() % 4);
    return *IpAddress::FromString(v6 ? "2001:db8:" + a + "::" + b : "10." + a + "." + b + ".7");
}

/// Whatever is kept to find entries quickly, the first that matches decides (RFC 4301, section
/// 4.4.1.2).
TEST(Spd, FindsWhatALookAtEachEntryFinds)
{
    std::mt19937 random(1);
    std::size_t found = 0;
    for (int round = 0; round < 200; ++round)
    {
        Spd spd;
        const std::size_t count = 1 + random() % 40;
        for (std::size_t i = 0; i < count; ++i)
        {
            spd.Add({std::to_string(i), DrawAddresses(random), DrawAddresses(random), {}, {}});
        }
        for (int i = 0; i < 100; ++i)
        {
            const bool v6 = random() % 4 == 0;
            const auto port = static_cast<std::uint16_t>(999 + random() % 5);
            const PacketSelectors packet{DrawAddress(random, v6),
                                         DrawAddress(random, v6),
                                         17,
                                         port,
                                         port,
                                         true};
            const auto& entries = spd.Entries();
            const auto outbound = [&](const SpdEntry& e)
            {
                return MatchesAny(e.local, packet.source, port, packet) &&
                       MatchesAny(e.remote, packet.destination, port, packet);
            };
            const auto inbound = [&](const SpdEntry& e)
            {
                return MatchesAny(e.remote, packet.source, port, packet) &&
                       MatchesAny(e.local, packet.destination, port, packet);
            };
            const auto out = std::find_if(entries.begin(), entries.end(), outbound);
            const auto in = std::find_if(entries.begin(), entries.end(), inbound);
            EXPECT_EQ(NameOf(spd.LookupOutbound(packet)), out == entries.end() ? "-" : out->name);
            EXPECT_EQ(NameOf(spd.LookupInbound(packet)), in == entries.end() ? "-" : in->name);
            found += out != entries.end() && out != entries.begin() ? 1 : 0;
        }
    }
    EXPECT_GT(found, 5000U);
}

/// Local is the source of what leaves and the destination of what comes; the cache keeps both
/// apart.
TEST(Spd, DirectionSaysWhichEndIsLocal)
{
    Spd spd;
    spd.Add({"all", Net("10.1.0.0/16"), Net("10.2.0.0/16"), SpdAction::Protect, "b"});
    for (int i = 0; i < 2; ++i)
    {
        EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.1.0.1", "10.2.0.1"))), "all");
        EXPECT_EQ(NameOf(spd.LookupInbound(Udp("10.1.0.1", "10.2.0.1"))), "-");
        EXPECT_EQ(NameOf(spd.LookupInbound(Udp("10.2.0.1", "10.1.0.1"))), "all");
        EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.2.0.1", "10.1.0.1"))), "-");
    }
}

/// RFC 4301, section 7: a non-first fragment has no ports, so only entries for any port match it.
TEST(Spd, UnknownPortsMatchOnlyAnyPort)
{
    Spd spd;
    spd.Add({"port", {}, Net("10.2.0.0/16", 17, 0, 4000), SpdAction::Bypass, ""});
    spd.Add({"any", {}, Net("10.2.0.0/16", 17), SpdAction::Protect, "b"});
    PacketSelectors fragment = Udp("10.1.0.1", "10.2.0.1", 0);
    EXPECT_EQ(NameOf(spd.LookupOutbound(fragment)), "port");
    fragment.portsKnown = false;
    EXPECT_EQ(NameOf(spd.LookupOutbound(fragment)), "any");
}

TEST(Spd, ANewEntryForgetsCachedAnswers)
{
    Spd spd;
    const PacketSelectors packet = Udp("10.1.0.1", "10.2.0.1");
    EXPECT_EQ(spd.LookupOutbound(packet), nullptr);
    spd.Add({"late", {}, {}, SpdAction::Bypass, ""});
    EXPECT_EQ(NameOf(spd.LookupOutbound(packet)), "late");
    for (int i = 0; i < 100; ++i)
    {
        spd.Add({"more", {}, {}, SpdAction::Discard, ""});
    }
    EXPECT_EQ(NameOf(spd.LookupOutbound(packet)), "late");
    EXPECT_EQ(spd.Entries().size(), 101U);
}

TEST(Spd, Ipv6AddressesAreKeptApart)
{
    Spd spd;
    spd.Add({"six", Net("2001:db8::1-2001:db8::5"), {}, SpdAction::Bypass, ""});
    spd.Add({"four", Net("0.0.0.0-255.255.255.255"), {}, SpdAction::Protect, "b"});
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("2001:db8::3", "2001:db8::9"))), "six");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("2001:db8::6", "2001:db8::9"))), "-");
    EXPECT_EQ(NameOf(spd.LookupOutbound(Udp("10.0.0.1", "2001:db8::9"))), "four");
}

/// More flows than the cache has slots, each asked for several times in any order: the answers are
/// those of a policy that has cached nothing yet.
TEST(Spd, CachedAnswersAreThoseOfAFreshPolicy)
{
    constexpr std::uint64_t kSeed = 7;
    std::mt19937_64 random(kSeed);
    std::vector<SpdEntry> entries;
    for (int i = 0; i < 12; ++i)
    {
        const auto first = static_cast<std::uint16_t>(random() % 40);
        const std::string local = "10.1." + std::to_string(random() % 4) + ".0/24";
        const std::string remote = "10.2." + std::to_string(random() % 4) + ".0/24";
        entries.push_back(
            {"e" + std::to_string(i),
             i % 5 == 0 ? TrafficSelectorList{} : Net(local),
             Net(remote, 17, first, static_cast<std::uint16_t>(first + random() % 30)),
             SpdAction::Bypass,
             ""});
    }
    Spd cached;
    for (const SpdEntry& entry : entries)
    {
        cached.Add(entry);
    }
    std::size_t matched = 0;
    for (int i = 0; i < 20000; ++i)
    {
        const std::string suffix =
            std::to_string(random() % 4) + "." + std::to_string(random() % 4);
        PacketSelectors packet = Udp("10.1." + suffix,
                                     "10.2." + std::to_string(random() % 4) + ".1",
                                     static_cast<std::uint16_t>(random() % 70));
        packet.portsKnown = random() % 8 != 0;
        const bool outbound = random() % 4 != 0;
        if (!outbound)
        {
            std::swap(packet.source, packet.destination);
            packet.sourcePort = packet.destinationPort;
        }
        Spd fresh;
        for (const SpdEntry& entry : entries)
        {
            fresh.Add(entry);
        }
        const std::string expected =
            NameOf(outbound ? fresh.LookupOutbound(packet) : fresh.LookupInbound(packet));
        ASSERT_EQ(NameOf(outbound ? cached.LookupOutbound(packet) : cached.LookupInbound(packet)),
                  expected)
            << "seed " << kSeed << " step " << i;
        matched += expected == "-" ? 0 : 1;
    }
    EXPECT_GT(matched, 4000U);
    EXPECT_LT(matched, 15000U);
}

// --- SAD -----------------------------------------------------------------------------------------

bool
AddPair(Sad& sad,
        const std::string& peer,
        std::uint32_t spiOut,
        std::uint32_t spiIn,
        bool outboundReady = true)
{
    return sad.Add(peer,
                   OutboundSa::Create(test::OutboundConfig(spiOut)),
                   InboundSa::Create(test::InboundConfig(spiIn)),
                   outboundReady);
}

TEST(Sad, NewestPairOfAPeerSendsAndOldOnesStillReceive)
{
    Sad sad;
    ASSERT_TRUE(AddPair(sad, "b", 0x101, 0x201));
    ASSERT_TRUE(AddPair(sad, "c", 0x102, 0x202));
    ASSERT_TRUE(AddPair(sad, "b", 0x103, 0x203));
    EXPECT_EQ(sad.PairCount(), 3U);
    EXPECT_EQ(sad.FindOutbound("b")->Config().spi, 0x103U);
    EXPECT_EQ(sad.FindOutbound("c")->Config().spi, 0x102U);
    EXPECT_EQ(sad.FindInbound(0x201)->Config().spi, 0x201U);
    EXPECT_TRUE(sad.Remove(0x203));
    EXPECT_EQ(sad.FindOutbound("b")->Config().spi, 0x101U);
    EXPECT_EQ(sad.FindInbound(0x203), nullptr);
    EXPECT_TRUE(sad.Remove(0x201));
    EXPECT_EQ(sad.FindOutbound("b"), nullptr);
    EXPECT_FALSE(sad.Remove(0x201));
    EXPECT_EQ(sad.PairCount(), 1U);
}

TEST(Sad, ANewerPairSendsOnlyWhenItIsReady)
{
    Sad sad;
    const auto sender = [&sad] { return sad.FindOutbound("p")->Config().spi; };
    ASSERT_TRUE(AddPair(sad, "p", 0x2001, 0x1001));
    ASSERT_TRUE(AddPair(sad, "p", 0x2002, 0x1002, false));
    EXPECT_TRUE(sad.AwaitsProof());
    EXPECT_EQ(sender(), 0x2001U);
    EXPECT_NE(sad.FindInbound(0x1002), nullptr) << "it receives from the start";
    sad.SetOutboundReady(0x1002);
    sad.SetOutboundReady(0x1002);
    sad.SetOutboundReady(0x9999);
    EXPECT_FALSE(sad.AwaitsProof());
    EXPECT_EQ(sender(), 0x2002U);
}

TEST(Sad, ARetiredPairReceivesButDoesNotSend)
{
    Sad sad;
    ASSERT_TRUE(AddPair(sad, "p", 0x2001, 0x1001));
    ASSERT_TRUE(AddPair(sad, "p", 0x2002, 0x1002, false));
    EXPECT_TRUE(sad.RetireOutbound(0x1001));
    EXPECT_FALSE(sad.RetireOutbound(0x1001));
    EXPECT_NE(sad.FindInbound(0x1001), nullptr);
    EXPECT_EQ(sad.FindOutbound("p")->Config().spi, 0x2002U) << "better than none";
    EXPECT_TRUE(sad.RetireOutbound(0x1002));
    EXPECT_FALSE(sad.AwaitsProof());
    EXPECT_EQ(sad.FindOutbound("p"), nullptr);
    EXPECT_TRUE(sad.Remove(0x1001));
    EXPECT_TRUE(sad.Remove(0x1002));
    EXPECT_EQ(sad.PairCount(), 0U);
}

TEST(VolumeMeter, SaysOnceWhenALimitIsReached)
{
    using Event = VolumeMeter::Event;
    VolumeMeter octets({100, 250, 0, 0});
    EXPECT_EQ(octets.Count(99), Event::None);
    EXPECT_EQ(octets.Count(1), Event::Soft);
    EXPECT_EQ(octets.Count(100), Event::None);
    EXPECT_EQ(octets.Count(50), Event::Hard);
    EXPECT_EQ(octets.Count(1000), Event::None);
    VolumeMeter packets({0, 0, 2, 3});
    EXPECT_EQ(packets.Count(9000), Event::None);
    EXPECT_EQ(packets.Count(1), Event::Soft);
    EXPECT_EQ(packets.Count(1), Event::Hard);
    VolumeMeter both({10, 10, 0, 0});
    EXPECT_EQ(both.Count(10), Event::Hard) << "then it is too late to rekey";
    EXPECT_EQ(both.Count(10), Event::None);
    EXPECT_EQ(VolumeMeter({}).Count(1U << 30), Event::None);
}

TEST(Sad, ATakenSpiOrAMissingHalfIsRefused)
{
    Sad sad;
    ASSERT_TRUE(AddPair(sad, "b", 0x101, 0x201));
    EXPECT_FALSE(AddPair(sad, "c", 0x102, 0x201));
    EXPECT_EQ(sad.FindOutbound("c"), nullptr);
    EXPECT_FALSE(sad.Add("c", nullptr, InboundSa::Create(test::InboundConfig(0x202))));
    EXPECT_FALSE(sad.Add("c", OutboundSa::Create(test::OutboundConfig(0x102)), nullptr));
    EXPECT_EQ(sad.PairCount(), 1U);
    EXPECT_EQ(sad.FindOutbound("b")->Config().spi, 0x101U);
}

} // namespace

} // namespace ipseclab::esp
