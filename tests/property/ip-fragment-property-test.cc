/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-fragment.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace ipseclab::wire
{

namespace
{

constexpr std::chrono::nanoseconds kNow{0};

/// Fragments of one packet, octet by octet: no intervals, no order.
class Reference
{
  public:
    FragmentVerdict Add(std::size_t offset, const Bytes& data, bool more)
    {
        const auto known =
            std::find(m_seen.begin(), m_seen.end(), std::make_tuple(offset, data, more));
        if (known != m_seen.end())
        {
            return FragmentVerdict::Duplicate;
        }
        const std::size_t end = offset + data.size();
        bool conflict = m_end != 0 && (more ? end >= m_end : end != m_end);
        for (std::size_t i = 0; i < m_there.size(); ++i)
        {
            conflict =
                conflict || (m_there[i] && ((i >= offset && i < end) || (!more && i >= end)));
        }
        if (conflict)
        {
            *this = {};
            return FragmentVerdict::Conflict;
        }
        m_seen.emplace_back(offset, data, more);
        m_there.resize(std::max(m_there.size(), end));
        m_octets.resize(m_there.size());
        std::fill_n(m_there.begin() + static_cast<std::ptrdiff_t>(offset), data.size(), true);
        std::copy(data.begin(), data.end(), m_octets.begin() + static_cast<std::ptrdiff_t>(offset));
        m_end = more ? m_end : end;
        const bool all = std::find(m_there.begin(), m_there.end(), false) == m_there.end();
        return m_end != 0 && all && m_there.size() == m_end ? FragmentVerdict::Complete
                                                            : FragmentVerdict::Held;
    }

    Bytes Take()
    {
        Bytes out = m_octets;
        *this = {};
        return out;
    }

  private:
    std::vector<std::tuple<std::size_t, Bytes, bool>> m_seen;
    std::vector<bool> m_there;
    Bytes m_octets;
    std::size_t m_end{0};
};

Bytes
MakeFragment(bool v6, std::size_t offset, const Bytes& data, bool more)
{
    Bytes packet(v6 ? kIpv6HeaderSize + kFragmentHeaderSize : kIpv4HeaderSize);
    if (v6)
    {
        Ipv6HeaderFields fields;
        fields.totalLength = packet.size() + data.size();
        fields.protocol = kProtocolFragment;
        fields.source = *IpAddress::FromString("2001:db8::1");
        fields.destination = *IpAddress::FromString("2001:db8::2");
        WriteIpv6Header(packet.data(), fields);
        packet[40] = kProtocolEsp;
        StoreBe16(&packet[42], static_cast<std::uint16_t>(offset | (more ? 1U : 0U)));
    }
    else
    {
        Ipv4HeaderFields fields;
        fields.totalLength = static_cast<std::uint16_t>(packet.size() + data.size());
        WriteIpv4Header(packet.data(), fields);
        StoreBe16(&packet[6], static_cast<std::uint16_t>(offset / 8 | (more ? 0x2000U : 0U)));
    }
    packet.insert(packet.end(), data.begin(), data.end());
    return packet;
}

} // namespace

/// Random pieces of one small packet, which overlap, repeat and contradict each other.
TEST(ReassemblyProperty, VerdictsOfAnOctetWiseReference)
{
    std::mt19937_64 random(1);
    std::array<std::size_t, kFragmentVerdicts> seen{};
    for (int round = 0; round < 2000; ++round)
    {
        const bool v6 = round % 2;
        Reassembler::Limits limits;
        limits.smallest = 8;
        Reassembler reassembler(limits);
        Reference reference;
        for (int i = 0; i < 30; ++i)
        {
            const std::size_t offset = random() % 5 * 8;
            const bool more = random() % 3 != 0;
            const std::size_t length = more ? (1 + random() % 2) * 8 : 1 + random() % 16;
            if (offset == 0 && !more)
            {
                continue; // all of a packet
            }
            const Bytes data(length, static_cast<std::uint8_t>(random() % 2));
            Bytes whole;
            const auto verdict = reassembler.Add(MakeFragment(v6, offset, data, more), kNow, whole);
            ASSERT_EQ(verdict, reference.Add(offset, data, more)) << round << ' ' << i;
            ++seen[static_cast<std::size_t>(verdict)];
            if (verdict == FragmentVerdict::Complete)
            {
                const auto front = static_cast<std::ptrdiff_t>(v6 ? 40 : 20);
                ASSERT_EQ(Bytes(whole.begin() + front, whole.end()), reference.Take());
                ASSERT_EQ(reassembler.Memory(), 0U);
            }
        }
    }
    for (const auto verdict : {FragmentVerdict::Held,
                               FragmentVerdict::Complete,
                               FragmentVerdict::Duplicate,
                               FragmentVerdict::Conflict})
    {
        EXPECT_GT(seen[static_cast<std::size_t>(verdict)], 100U);
    }
}

/// Packets cut to random sizes, some pieces cut again, all shuffled, some repeated: what comes out
/// is what went in (twice, as IP allows, when all pieces of a packet were repeated).
TEST(ReassemblyProperty, CutAndShuffledPacketsComeBack)
{
    std::mt19937_64 random(2);
    for (int round = 0; round < 300; ++round)
    {
        std::vector<Bytes> packets;
        std::vector<Bytes> wire;
        for (std::uint16_t id = 0; id < 5; ++id)
        {
            Bytes data(1100 + random() % 3000);
            std::generate(data.begin(),
                          data.end(),
                          [&] { return static_cast<std::uint8_t>(random()); });
            Bytes packet = MakeFragment(false, 0, data, false);
            StoreBe16(&packet[4], id);
            StoreBe16(&packet[10], 0);
            StoreBe16(&packet[10], Ipv4Checksum(packet.data(), 20));
            packets.push_back(packet);
            for (const FragmentPart& part : CutPacket(packet, 120 + random() % 900, id))
            {
                Bytes piece = part.header;
                const auto* const begin = packet.data() + part.begin;
                piece.insert(piece.end(), begin, begin + part.length);
                const std::size_t copies = random() % 10 == 0 ? 2 : 1;
                wire.insert(wire.end(), copies, piece);
            }
        }
        std::shuffle(wire.begin(), wire.end(), random);
        Reassembler reassembler;
        std::vector<Bytes> joined;
        for (const Bytes& piece : wire)
        {
            Bytes whole;
            if (reassembler.Add(piece, kNow, whole) == FragmentVerdict::Complete)
            {
                joined.push_back(whole);
            }
            else if (!whole.empty())
            {
                ADD_FAILURE() << "a packet without Complete";
            }
        }
        std::sort(joined.begin(), joined.end());
        joined.erase(std::unique(joined.begin(), joined.end()), joined.end());
        std::sort(packets.begin(), packets.end());
        ASSERT_EQ(joined, packets);
    }
}

} // namespace ipseclab::wire
