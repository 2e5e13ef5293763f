/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/tcp-mss.h"

#include <gtest/gtest.h>

namespace ipseclab::wire
{

namespace
{

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

/// Over the pseudo-header and the segment, from scratch (RFC 9293, section 3.1).
std::uint16_t
TcpChecksum(const IpView& view)
{
    ByteWriter covered;
    covered.Append(view.Source().Octets());
    covered.Append(view.Destination().Octets());
    covered.U32(static_cast<std::uint32_t>(view.totalLength - view.upperOffset));
    covered.U32(kProtocolTcp);
    covered.Append(ByteSpan(view.header, view.totalLength).subspan(view.upperOffset));
    const Bytes octets = covered.Take();
    return Ipv4Checksum(octets.data(), octets.size());
}

bool
ChecksumHolds(const Bytes& packet)
{
    IpView view;
    return ParseIp(packet, view) && TcpChecksum(view) == 0;
}

/// A segment without data, with a right checksum.
Bytes
Segment(bool v6, const Bytes& options, std::uint8_t flags = kSyn)
{
    const std::size_t ip = v6 ? kIpv6HeaderSize : kIpv4HeaderSize;
    Bytes packet(ip + kTcpHeaderSize + options.size());
    if (v6)
    {
        Ipv6HeaderFields fields;
        fields.totalLength = packet.size();
        fields.protocol = kProtocolTcp;
        fields.source = *IpAddress::FromString("2001:db8::1");
        fields.destination = *IpAddress::FromString("2001:db8::2");
        WriteIpv6Header(packet.data(), fields);
    }
    else
    {
        Ipv4HeaderFields fields;
        fields.totalLength = static_cast<std::uint16_t>(packet.size());
        fields.protocol = kProtocolTcp;
        fields.source = 0xc0000201;
        fields.destination = 0xc0000202;
        WriteIpv4Header(packet.data(), fields);
    }
    std::uint8_t* const tcp = packet.data() + ip;
    StoreBe16(tcp, 40000);
    StoreBe16(tcp + 2, 443);
    StoreBe32(tcp + 4, 0x12345678);
    tcp[12] = static_cast<std::uint8_t>((kTcpHeaderSize + options.size()) / 4 << 4);
    tcp[13] = flags;
    StoreBe16(tcp + 14, 65535);
    std::copy(options.begin(), options.end(), tcp + kTcpHeaderSize);
    IpView view;
    EXPECT_TRUE(ParseIp(packet, view));
    StoreBe16(tcp + 16, TcpChecksum(view));
    return packet;
}

std::optional<std::uint16_t>
MssOf(const Bytes& packet)
{
    IpView view;
    EXPECT_TRUE(ParseIp(packet, view));
    return ReadMss(view);
}

const Bytes kMss1460{2, 4, 0x05, 0xb4};

} // namespace

TEST(TcpMssTest, OctetsByHand)
{
    // SYN 192.0.2.1:40000 > 192.0.2.2:443, MSS 1460. The words of pseudo-header and segment add up
    // to c000 + 0201 + c000 + 0202 + 0006 + 0018 + 9c40 + 01bb + 1234 + 5678 + 6002 + ffff + 0204
    // + 05b4 = 3f281, folded f284, inverted 0d7b; with 1360 (0550), 100 less, it is 0ddf.
    Bytes packet{0x45, 0,    0,    44,   0,    0,    0, 0, 64, 6,    0,
                 0,    192,  0,    2,    1,    192,  0, 2, 2,  0x9c, 0x40,
                 0x01, 0xbb, 0x12, 0x34, 0x56, 0x78, 0, 0, 0,  0,    0x60,
                 0x02, 0xff, 0xff, 0x0d, 0x7b, 0,    0, 2, 4,  0x05, 0xb4};
    ASSERT_TRUE(ChecksumHolds(packet));
    EXPECT_TRUE(ClampMss(packet, 1360));
    EXPECT_EQ(LoadBe16(&packet[42]), 1360);
    EXPECT_EQ(LoadBe16(&packet[36]), 0x0ddf);
}

TEST(TcpMssTest, LowersAndNeverRaises)
{
    for (const bool v6 : {false, true})
    {
        for (const std::uint8_t flags : {kSyn, static_cast<std::uint8_t>(kSyn | kAck)})
        {
            const Bytes before = Segment(v6, kMss1460, flags);
            Bytes packet = before;
            EXPECT_FALSE(ClampMss(packet, 1460));
            EXPECT_FALSE(ClampMss(packet, 65535));
            EXPECT_EQ(packet, before);
            EXPECT_TRUE(ClampMss(packet, 1220));
            EXPECT_EQ(MssOf(packet), 1220);
            EXPECT_TRUE(ChecksumHolds(packet));
            EXPECT_FALSE(ClampMss(packet, 1220));
        }
    }
}

TEST(TcpMssTest, ChecksumHoldsAtEveryOffsetAndForEveryValue)
{
    for (std::size_t before = 0; before < 4; ++before)
    {
        Bytes options(before, 1); // NOP
        options.insert(options.end(), kMss1460.begin(), kMss1460.end());
        options.resize(8, 1);
        const Bytes syn = Segment(false, options);
        for (std::uint16_t limit = 0; limit < 1460; ++limit)
        {
            Bytes packet = syn;
            ASSERT_TRUE(ClampMss(packet, limit));
            ASSERT_EQ(MssOf(packet), limit);
            ASSERT_TRUE(ChecksumHolds(packet)) << before << " NOPs, " << limit;
        }
    }
}

TEST(TcpMssTest, AmongOtherOptions)
{
    // SACK permitted, timestamps, MSS, window scale, end of options, and what is behind it.
    const Bytes options{4, 2, 8, 10,   0, 0, 0, 1, 0, 0, 0, 0,
                        2, 4, 5, 0xb4, 3, 3, 7, 0, 2, 4, 5, 0xb4};
    Bytes packet = Segment(true, options);
    EXPECT_TRUE(ClampMss(packet, 1000));
    EXPECT_TRUE(ChecksumHolds(packet));
    const std::uint8_t* const clamped = packet.data() + kIpv6HeaderSize + kTcpHeaderSize;
    EXPECT_EQ(LoadBe16(clamped + 14), 1000);
    EXPECT_EQ(LoadBe16(clamped + 22), 1460) << "padding is not read";
}

TEST(TcpMssTest, EveryOptionOfSeveral)
{
    Bytes packet = Segment(false, {2, 4, 5, 0xb4, 2, 4, 5, 0xa0, 2, 4, 0, 100});
    EXPECT_TRUE(ClampMss(packet, 1400));
    const std::uint8_t* const options = packet.data() + kIpv4HeaderSize + kTcpHeaderSize;
    EXPECT_EQ(LoadBe16(options + 2), 1400);
    EXPECT_EQ(LoadBe16(options + 6), 1400);
    EXPECT_EQ(LoadBe16(options + 10), 100);
    EXPECT_TRUE(ChecksumHolds(packet));
}

TEST(TcpMssTest, ChecksumThatWasNotComputedStays)
{
    Bytes packet = Segment(false, kMss1460);
    StoreBe16(&packet[kIpv4HeaderSize + 16], 0);
    EXPECT_TRUE(ClampMss(packet, 1000));
    EXPECT_EQ(LoadBe16(&packet[kIpv4HeaderSize + 16]), 0);
}

/// As that of one segment in 65535 is.
TEST(TcpMssTest, ChecksumThatIsZeroByChanceIsKeptRight)
{
    for (const bool v6 : {false, true})
    {
        const std::size_t tcp = v6 ? kIpv6HeaderSize : kIpv4HeaderSize;
        Bytes packet = Segment(v6, kMss1460);
        // What the checksum was goes into the urgent pointer, of which nobody takes notice.
        StoreBe16(&packet[tcp + 18], LoadBe16(&packet[tcp + 16]));
        StoreBe16(&packet[tcp + 16], 0);
        ASSERT_TRUE(ChecksumHolds(packet));
        EXPECT_TRUE(ClampMss(packet, 1000));
        EXPECT_EQ(MssOf(packet), 1000);
        EXPECT_TRUE(ChecksumHolds(packet));
        EXPECT_NE(LoadBe16(&packet[tcp + 16]), 0);
    }
}

/// And the other way round: what becomes zero is what a checksum from scratch is, and stays right.
TEST(TcpMssTest, ChecksumThatBecomesZeroIsStillOne)
{
    Bytes packet = Segment(false, kMss1460);
    IpView view;
    Bytes clamped = packet;
    ASSERT_TRUE(ClampMss(clamped, 1000));
    const std::size_t tcp = kIpv4HeaderSize;
    StoreBe16(&packet[tcp + 18], LoadBe16(&clamped[tcp + 16])); // of the urgent pointer 0
    StoreBe16(&packet[tcp + 16], 0);
    ASSERT_TRUE(ParseIp(packet, view));
    StoreBe16(&packet[tcp + 16], TcpChecksum(view));
    ASSERT_TRUE(ClampMss(packet, 1000));
    EXPECT_EQ(LoadBe16(&packet[tcp + 16]), 0);
    EXPECT_TRUE(ChecksumHolds(packet));
    ASSERT_TRUE(ClampMss(packet, 900)); // by the next gateway
    EXPECT_TRUE(ChecksumHolds(packet));
}

TEST(TcpMssTest, BehindIpOptionsAndExtensionHeaders)
{
    Bytes v4 = Segment(false, kMss1460);
    v4.insert(v4.begin() + kIpv4HeaderSize, {1, 1, 1, 0}); // NOPs, end of options
    v4[0] = 0x46;
    StoreBe16(&v4[2], static_cast<std::uint16_t>(v4.size()));
    EXPECT_TRUE(ClampMss(v4, 1000));
    EXPECT_EQ(MssOf(v4), 1000);

    Bytes v6 = Segment(true, kMss1460);
    v6.insert(v6.begin() + kIpv6HeaderSize, {kProtocolTcp, 0, 1, 4, 0, 0, 0, 0}); // PadN
    v6[6] = kProtocolDestinationOptions;
    StoreBe16(&v6[4], static_cast<std::uint16_t>(v6.size() - kIpv6HeaderSize));
    EXPECT_TRUE(ClampMss(v6, 1000));
    EXPECT_EQ(MssOf(v6), 1000);
    EXPECT_TRUE(ChecksumHolds(v6));
}

TEST(TcpMssTest, LeavesOtherPacketsAlone)
{
    const auto expectUntouched = [](Bytes packet, const char* what)
    {
        const Bytes before = packet;
        EXPECT_FALSE(ClampMss(packet, 1)) << what;
        EXPECT_EQ(packet, before) << what;
    };
    expectUntouched({}, "nothing");
    expectUntouched(Segment(false, kMss1460, kAck), "no SYN");
    expectUntouched(Segment(false, {}), "no options");
    Bytes packet = Segment(false, kMss1460);
    packet[9] = kProtocolUdp;
    expectUntouched(packet, "another protocol");
    packet = Segment(false, kMss1460);
    packet[6] = 0x20;
    expectUntouched(packet, "a first fragment");
    packet[6] = 0;
    packet[7] = 1;
    expectUntouched(packet, "a later fragment");
    packet = Segment(true, kMss1460);
    packet.insert(packet.begin() + kIpv6HeaderSize, {kProtocolTcp, 0, 0, 1, 0, 0, 0, 7});
    packet[6] = kProtocolFragment;
    StoreBe16(&packet[4], static_cast<std::uint16_t>(packet.size() - kIpv6HeaderSize));
    expectUntouched(packet, "a fragment of IPv6");
}

TEST(TcpMssTest, HostileOptions)
{
    const std::vector<Bytes> hostile{
        {2, 0, 0xff, 0xff},                         // no length
        {2, 1, 0xff, 0xff},                         // not even its own
        {2, 3, 0xff, 1},                            // no MSS
        {2, 5, 0xff, 0xff, 1, 1, 1, 1},             // nor this
        {2, 40, 0xff, 0xff},                        // runs past the header
        {8, 255, 2, 4, 0xff, 0xff, 1, 1},           // as above, before an MSS
        {1, 1, 1, 2},                               // kind only
        {1, 1, 2, 4},                               // no value
        {1, 2, 4, 0xff},                            // half a value
        {0, 0, 0, 0, 2, 4, 0xff, 0xff},             // behind the end
        {5, 2, 1, 5, 1, 1, 1, 1, 1, 1, 3, 0, 2, 4}, // header not a multiple of 4: cut short
    };
    for (const Bytes& options : hostile)
    {
        Bytes packet = Segment(false, options);
        packet.shrink_to_fit(); // so that the sanitizers see a read past the end
        const Bytes before = packet;
        EXPECT_FALSE(ClampMss(packet, 1));
        EXPECT_EQ(packet, before);
        EXPECT_EQ(MssOf(packet), std::nullopt);
    }
    Bytes packet = Segment(false, kMss1460);
    std::uint8_t& dataOffset = packet[kIpv4HeaderSize + 12];
    for (const unsigned words : {0U, 4U, 7U, 15U}) // less than a header, more than is there
    {
        dataOffset = static_cast<std::uint8_t>(words << 4);
        EXPECT_FALSE(ClampMss(packet, 1)) << words;
    }
    dataOffset = 5 << 4;
    EXPECT_FALSE(ClampMss(packet, 1)) << "the option is data";
    for (std::size_t length = kIpv4HeaderSize; length < packet.size(); ++length)
    {
        Bytes shortened(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length));
        StoreBe16(&shortened[2], static_cast<std::uint16_t>(length));
        EXPECT_FALSE(ClampMss(shortened, 1)) << length;
    }
}

} // namespace ipseclab::wire
