/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * The reorder window of AGGFRAG in the hands of a peer. The first octet chooses the window and
 * whether packets come out in order; then follow steps. Most of them give payloads of a genuine
 * stream, in any order, again, or never; others lie about offsets, give any octets, leap far ahead,
 * or let time pass. What comes out went in, and once; whatever is not taken has one reason; and no
 * more is held than what the window has room for.
 */

#include "model/esp/aggfrag-receiver.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace
{

using namespace ipseclab;
using namespace std::chrono_literals;
using wire::AggfragVerdict;

constexpr std::size_t kCapacity = 100;
constexpr std::size_t kPackets = 300;
constexpr std::size_t kLargestPacket = 40 + 0xffff;
constexpr std::size_t kMaxSteps = 4000;

void
Require(bool fact)
{
    if (!fact)
    {
        std::abort();
    }
}

/// Packets that say who they are, and the payloads that they are sent in; the first has number 1.
struct Stream
{
    Stream()
    {
        wire::AggfragPacker packer(true);
        for (std::size_t i = 0; i < kPackets; ++i)
        {
            Bytes packet(24 + i * 37 % 300);
            packet[0] = 0x45;
            StoreBe16(&packet[2], static_cast<std::uint16_t>(packet.size()));
            StoreBe32(&packet[20], static_cast<std::uint32_t>(i));
            Require(packer.Enqueue(packet));
            packets.push_back(std::move(packet));
        }
        while (packer.Waiting() > 0)
        {
            Bytes payload(wire::kAggfragHeaderSize + kCapacity);
            packer.Next(payload, true);
            payloads.push_back(std::move(payload));
        }
    }

    std::vector<Bytes> packets;
    std::vector<Bytes> payloads;
};

const Stream&
Genuine()
{
    static const Stream stream;
    return stream;
}

esp::AggfragReceiverConfig
MakeConfig(std::uint8_t choice)
{
    constexpr std::array<std::size_t, 8> kWindows{0, 1, 2, 3, 8, 20, 64, 500};
    esp::AggfragReceiverConfig config;
    config.window = kWindows[choice % kWindows.size()];
    config.inOrder = (choice & 0x10) == 0;
    config.dropTime = (choice & 0x20) == 0 ? 50ms : 0ms;
    return config;
}

class Session
{
  public:
    explicit Session(std::uint8_t choice)
        : m_config(MakeConfig(choice)),
          m_receiver(m_config)
    {
        m_receiver.SetRefusedCallback([this](esp::DropReason reason, ByteSpan payload)
                                      { NoteRefused(reason, payload); });
    }

    void Run(ByteReader script)
    {
        for (std::size_t step = 0; step < kMaxSteps && script.Left() > 0; ++step)
        {
            Step(script);
            Check();
        }
        m_receiver.Close(m_sink);
        Check();
        Require(m_receiver.Octets() == 0);
        Require(!m_receiver.Due());
    }

  private:
    void Step(ByteReader& script)
    {
        switch (script.U8() % 8)
        {
        case 0:
        case 1:
            Give(m_next++, std::nullopt);
            break;
        case 2:
            ++m_next; // lost, or late
            break;
        case 3:
            Give(m_next - std::min<std::uint64_t>(m_next, script.U8()), std::nullopt);
            break;
        case 4:
            Give(m_next++, script.U16());
            break;
        case 5:
        {
            const std::uint64_t number = m_next - std::min<std::uint64_t>(m_next, script.U8());
            const std::size_t length = script.U16();
            m_lied = true;
            Add(number, script.Span(std::min(length, script.Left())));
            break;
        }
        case 6:
            m_now += std::chrono::milliseconds(script.U8());
            m_receiver.HandleTimeout(m_now, m_sink);
            Require(!m_receiver.Due() || *m_receiver.Due() > m_now);
            break;
        default:
            m_next += script.U32();
        }
    }

    /// A payload of the stream, perhaps with another offset.
    void Give(std::uint64_t number, std::optional<std::uint16_t> offset)
    {
        const auto& payloads = Genuine().payloads;
        Bytes payload = payloads[(number + payloads.size() - 1) % payloads.size()];
        if (offset)
        {
            StoreBe16(&payload[2], *offset);
        }
        m_lied = m_lied || offset || number == 0 || number > payloads.size();
        Add(number, payload);
    }

    void Add(std::uint64_t number, ByteSpan payload)
    {
        m_in += payload.size();
        m_largest = std::max(m_largest, payload.size());
        m_receiver.Add(m_now, number, payload, m_sink);
    }

    void NoteRefused(esp::DropReason reason, ByteSpan payload)
    {
        ++m_refused;
        const bool unseen =
            reason == esp::DropReason::AggfragLate || reason == esp::DropReason::ReplayDuplicate;
        m_in -= unseen ? payload.size() : 0;
        Require(m_lied || unseen);
    }

    void Deliver(ByteSpan packet)
    {
        m_out += packet.size();
        Require(!packet.empty());
        if (!m_lied)
        {
            const std::uint32_t id = LoadBe32(&packet[20]);
            const Bytes& sent = Genuine().packets.at(id);
            Require(std::equal(packet.begin(), packet.end(), sent.begin(), sent.end()));
            Require(!m_config.inOrder || m_delivered.empty() || m_delivered.back() < id);
            Require(std::find(m_delivered.begin(), m_delivered.end(), id) == m_delivered.end());
            m_delivered.push_back(id);
        }
    }

    void Check() const
    {
        const auto counters = m_receiver.GetCounters();
        Require(counters.in == counters[AggfragVerdict::Taken] + m_refused + m_receiver.Held());
        Require(m_receiver.Held() <= m_config.window);
        const std::size_t held = m_receiver.Octets();
        Require(m_out + held <= m_in);
        const std::size_t runs = m_config.inOrder ? 1 : 2 + m_config.window / 2;
        Require(held <= m_receiver.Held() * m_largest + runs * 2 * kLargestPacket);
    }

    esp::AggfragReceiverConfig m_config;
    esp::AggfragReceiver m_receiver;
    esp::AggfragReceiver::Sink m_sink{[this](ByteSpan packet) { Deliver(packet); }};
    esp::AggfragReceiver::Instant m_now{0};
    std::uint64_t m_next{1};
    bool m_lied{false}; ///< what comes out need not be what the stream has
    std::size_t m_in{0};
    std::size_t m_out{0};
    std::size_t m_largest{0};
    std::uint64_t m_refused{0};
    std::vector<std::uint32_t> m_delivered;
};

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0)
    {
        Session(data[0]).Run(ByteReader(ByteSpan(data + 1, size - 1)));
    }
    return 0;
}
