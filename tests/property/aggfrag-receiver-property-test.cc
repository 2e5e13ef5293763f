/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/aggfrag-receiver.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

/*
 * The reorder window of AGGFRAG against the plain algorithm: a sorted list of what came early, that
 * is looked through for every payload. Any order of numbers, losses, repetitions, leaps, timers and
 * payloads with faults; after each step both have delivered, counted and kept the same.
 */

namespace ipseclab::esp
{
namespace
{

using namespace std::chrono_literals;
using wire::AggfragVerdict;
using Instant = AggfragReceiver::Instant;
using Counters = AggfragReceiver::Counters;
using Sink = AggfragReceiver::Sink;

class Reference
{
  public:
    explicit Reference(const AggfragReceiverConfig& config)
        : m_config(config)
    {
    }

    void Add(Instant now, std::uint64_t number, ByteSpan payload, const Sink& sink)
    {
        ++m_counters.in;
        const auto same = [number](const Arrival& arrival) { return arrival.number == number; };
        const bool repeated = std::any_of(m_arrivals.begin(), m_arrivals.end(), same);
        if (number < m_next || repeated)
        {
            const auto verdict = repeated ? AggfragVerdict::Repeated : AggfragVerdict::Late;
            ++m_counters.verdicts[static_cast<std::size_t>(verdict)];
            return;
        }
        if (number == m_next || !m_config.inOrder)
        {
            m_assembler.Add(number, payload, sink);
        }
        if (number == m_next)
        {
            ++m_next;
        }
        else
        {
            m_arrivals.push_back({number, now, Bytes(payload.begin(), payload.end())});
            std::sort(m_arrivals.begin(),
                      m_arrivals.end(),
                      [](const Arrival& a, const Arrival& b) { return a.number < b.number; });
        }
        Advance(sink);
    }

    void HandleTimeout(Instant now, const Sink& sink)
    {
        for (auto due = Due(); due && *due <= now; due = Due())
        {
            GiveUpTo(m_arrivals.front().number);
            Advance(sink);
        }
    }

    std::optional<Instant> Due() const
    {
        if (m_arrivals.empty() || m_config.dropTime.count() == 0)
        {
            return std::nullopt;
        }
        const auto first =
            std::min_element(m_arrivals.begin(),
                             m_arrivals.end(),
                             [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
        return first->time + m_config.dropTime;
    }

    void Close(const Sink& sink)
    {
        while (!m_arrivals.empty())
        {
            GiveUpTo(m_arrivals.front().number);
            Advance(sink);
        }
        m_assembler.GiveUpBefore(m_next + 1);
    }

    std::size_t Held() const
    {
        return m_config.inOrder ? m_arrivals.size() : 0;
    }

    Counters GetCounters() const
    {
        Counters counters = m_counters;
        for (std::size_t i = 0; i < counters.verdicts.size(); ++i)
        {
            counters.verdicts[i] += m_assembler.GetCounters().verdicts[i];
        }
        counters.abandoned = m_assembler.GetCounters().abandoned;
        return counters;
    }

  private:
    struct Arrival
    {
        std::uint64_t number;
        Instant time;
        Bytes payload;
    };

    void Advance(const Sink& sink)
    {
        const std::uint64_t highest = m_arrivals.empty() ? m_next : m_arrivals.back().number;
        const std::uint64_t least = highest > m_config.window ? highest - m_config.window : 0;
        while (!m_arrivals.empty() && (m_arrivals.front().number == m_next || m_next < least))
        {
            if (m_arrivals.front().number != m_next)
            {
                GiveUpTo(std::min(least, m_arrivals.front().number));
                continue;
            }
            if (m_config.inOrder)
            {
                m_assembler.Add(m_next, m_arrivals.front().payload, sink);
            }
            ++m_next;
            m_arrivals.erase(m_arrivals.begin());
        }
        m_assembler.GiveUpBefore(m_next);
    }

    void GiveUpTo(std::uint64_t number)
    {
        m_counters.missing += number - m_next;
        m_next = number;
    }

    AggfragReceiverConfig m_config;
    wire::AggfragAssembler m_assembler;
    std::uint64_t m_next{1};
    std::vector<Arrival> m_arrivals;
    Counters m_counters;
};

Bytes
Packet(std::size_t length, std::uint8_t mark)
{
    Bytes packet(length, mark);
    packet[0] = 0x45;
    StoreBe16(&packet[2], static_cast<std::uint16_t>(length));
    return packet;
}

class Comparison
{
  public:
    Comparison(const AggfragReceiverConfig& config, std::uint64_t seed)
        : m_random(seed),
          m_receiver(config),
          m_reference(config),
          m_spread(1 + Below(2 * config.window + 4))
    {
        m_receiver.SetRefusedCallback([this](DropReason reason, ByteSpan)
                                      { m_refused.Count(reason); });
    }

    void Run()
    {
        const std::uint64_t steps = 100 + Below(400);
        for (std::uint64_t i = 0; i < steps && !testing::Test::HasFailure(); ++i)
        {
            m_now += std::chrono::milliseconds(Below(4) == 0 ? Below(40) : 0);
            if (Below(8) == 0)
            {
                m_receiver.HandleTimeout(m_now, Into(m_got));
                m_reference.HandleTimeout(m_now, Into(m_wanted));
            }
            else
            {
                Give(NextNumber());
            }
            Compare();
        }
        m_receiver.Close(Into(m_got));
        m_reference.Close(Into(m_wanted));
        Compare();
        EXPECT_EQ(m_receiver.Held(), 0U);
        EXPECT_FALSE(m_receiver.Due());
    }

  private:
    std::uint64_t Below(std::uint64_t limit)
    {
        return m_random() % limit;
    }

    static Sink Into(std::vector<Bytes>& packets)
    {
        return [&packets](ByteSpan packet) { packets.emplace_back(packet.begin(), packet.end()); };
    }

    /// Near the highest one, mostly in order, and sometimes far away.
    std::uint64_t NextNumber()
    {
        switch (Below(16))
        {
        case 0:
            m_highest += Below(3 * m_spread);
            return m_highest;
        case 1:
            m_highest += Below(64) == 0 ? Below(std::uint64_t{1} << 40) : 1;
            return m_highest;
        case 2:
        case 3:
        case 4:
        case 5:
            return m_highest - std::min(m_highest, Below(m_spread));
        default:
            return ++m_highest;
        }
    }

    void Give(std::uint64_t number)
    {
        const Bytes payload = Payload();
        m_receiver.Add(m_now, number, payload, Into(m_got));
        m_reference.Add(m_now, number, payload, Into(m_wanted));
    }

    /// What the sender would have sent next, or something with a fault.
    Bytes Payload()
    {
        while (m_packer.Waiting() < 4)
        {
            EXPECT_TRUE(
                m_packer.Enqueue(Packet(20 + Below(150), static_cast<std::uint8_t>(Below(256)))));
        }
        Bytes payload(wire::kAggfragHeaderSize + 1 + Below(200));
        m_packer.Next(payload, true);
        switch (Below(24))
        {
        case 0:
            payload.resize(Below(wire::kAggfragHeaderSize));
            break;
        case 1:
            payload[3] = static_cast<std::uint8_t>(payload[3] + 1);
            break;
        default:
            break;
        }
        return payload;
    }

    void Compare()
    {
        ASSERT_EQ(m_got, m_wanted);
        m_got.clear();
        m_wanted.clear();
        const Counters got = m_receiver.GetCounters();
        const Counters wanted = m_reference.GetCounters();
        ASSERT_EQ(got.in, wanted.in);
        ASSERT_EQ(got.verdicts, wanted.verdicts);
        ASSERT_EQ(got.missing, wanted.missing);
        ASSERT_EQ(got.abandoned, wanted.abandoned);
        ASSERT_EQ(m_receiver.Held(), m_reference.Held());
        ASSERT_EQ(m_receiver.Due(), m_reference.Due());
        ASSERT_EQ(got.in, got[AggfragVerdict::Taken] + m_refused.Total() + m_receiver.Held());
    }

    std::mt19937_64 m_random;
    AggfragReceiver m_receiver;
    Reference m_reference;
    std::uint64_t m_spread;
    wire::AggfragPacker m_packer{true};
    Instant m_now{0};
    std::uint64_t m_highest{0};
    DropCounters m_refused;
    std::vector<Bytes> m_got;
    std::vector<Bytes> m_wanted;
};

TEST(AggfragReceiverProperty, IsThePlainAlgorithm)
{
    for (const std::size_t window : {0U, 1U, 2U, 3U, 7U, 64U, 1000U})
    {
        for (std::uint64_t seed = 0; seed < 60; ++seed)
        {
            AggfragReceiverConfig config;
            config.window = window;
            config.inOrder = seed % 2 == 0;
            config.dropTime = seed % 3 == 0 ? 0ms : 50ms;
            Comparison(config, seed).Run();
            ASSERT_FALSE(HasFailure()) << "window " << window << ", seed " << seed;
        }
    }
}

} // namespace
} // namespace ipseclab::esp
