/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_AGGFRAG_H
#define IPSECLAB_WIRE_AGGFRAG_H

#include "model/wire/bytes.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

/**
 * \file
 * AGGFRAG payloads (RFC 9347): inner packets one after the other, cut where an ESP packet is full.
 */

namespace ipseclab::wire
{

constexpr std::uint8_t kProtocolAggfrag = 144; ///< next header in ESP
constexpr std::size_t kAggfragHeaderSize = 4;
constexpr std::size_t kAggfragCongestionHeaderSize = 24;

/// What the congestion-controlled form says beyond the plain one (RFC 9347, section 6.1.2).
struct AggfragCongestion
{
    static constexpr std::uint32_t kMaxRoundTrip = 0x3fffff; ///< 22 bits: this, or more
    static constexpr std::uint32_t kMaxDelay = 0x1fffff;     ///< 21 bits: this, or more

    bool probing{false};            ///< P: path MTU probing is in progress
    bool ceMarks{false};            ///< E: CE marks are part of the loss event rate
    std::uint32_t lossEventRate{0}; ///< inverse; 0: no loss
    std::uint32_t roundTrip{0};     ///< microseconds; written as kMaxRoundTrip at most
    std::uint32_t echoDelay{0};     ///< microseconds; written as kMaxDelay at most
    std::uint32_t transmitDelay{0}; ///< microseconds; written as kMaxDelay at most
    std::uint32_t timeValue{0};     ///< opaque, to be echoed
    std::uint32_t timeEcho{0};      ///< 0: none
};

struct AggfragHeader
{
    /// Octets of data blocks before the first one that begins; may be beyond this payload.
    std::uint16_t blockOffset{0};
    std::optional<AggfragCongestion> congestion; ///< sub-type 1, otherwise 0
};

struct AggfragPayload
{
    AggfragHeader header;
    ByteSpan blocks; ///< borrowed
};

/// Nothing when it is too short or of another sub-type. Reserved bits are ignored (RFC 9347,
/// section 6.1).
std::optional<AggfragPayload> ParseAggfrag(ByteSpan payload);
/// Header and blocks.
Bytes BuildAggfrag(const AggfragHeader& header, ByteSpan blocks);

/**
 * The sending side: fills payloads in the order in which packets came. Memory is that of the octets
 * that wait; whoever calls bounds them.
 */
class AggfragPacker
{
  public:
    /// \param fragment false: the peer has said that it takes no fragments (flag D of USE_AGGFRAG)
    explicit AggfragPacker(bool fragment)
        : m_fragment(fragment)
    {
    }

    /// False, and nothing is kept, when it is no IP packet of the length that it names, or longer
    /// than an offset can say (65535 octets).
    bool Enqueue(ByteSpan packet);

    /// Gets packets; the octets are borrowed.
    using Sink = std::function<void(ByteSpan packet)>;

    /// Where nothing may be cut, takes out the packets in front that no payload has room for.
    /// \param capacity of payloads, octets of data blocks \param sink gets them
    void GiveUpTooBig(std::size_t capacity, const Sink& sink);

    /**
     * Writes the next payload, header first, without congestion information. Where nothing may be
     * cut, it ends before the first packet that does not fit.
     * \param payload room for the header and at least one octet
     * \param pad whether padding fills it; a payload without packets is padding in any case
     * \return octets that were written
     */
    std::size_t Next(MutableByteSpan payload, bool pad);

    /// Packets that wait, the one included that is sent in part.
    std::size_t Waiting() const
    {
        return m_waiting;
    }

    /// Octets of them that are not sent yet.
    std::size_t WaitingOctets() const
    {
        return m_octets.size() - m_front - m_sent;
    }

    /// TOS octet or traffic class of the packet that the next payload begins with; 0 without.
    std::uint8_t FrontTos() const;

    /// Takes out all that waits, whole: what was sent of the first one is to be sent once more.
    std::vector<Bytes> TakeAll();

    /// Packets of which the last octet was sent.
    std::uint64_t Sent() const
    {
        return m_sentPackets;
    }

    /// Payloads without any octet of a packet.
    std::uint64_t Padding() const
    {
        return m_padding;
    }

  private:
    std::size_t FrontLength() const;
    void PopFront();

    bool m_fragment;
    Bytes m_octets;         ///< packets one after the other; they name their own lengths
    std::size_t m_front{0}; ///< where the first one begins
    std::size_t m_sent{0};  ///< octets of the first one
    std::size_t m_waiting{0};
    std::uint64_t m_sentPackets{0};
    std::uint64_t m_padding{0};
};

/// What became of a payload.
enum class AggfragVerdict : std::uint8_t
{
    Taken,
    Malformed, ///< no AGGFRAG payload
    BadBlock,  ///< a block that is no IP packet, or does not end where the offset says
    Late,      ///< its number was given up before
    Repeated,  ///< its number has come before
};

constexpr std::size_t kAggfragVerdicts = static_cast<std::size_t>(AggfragVerdict::Repeated) + 1;

/**
 * The receiving side. Payloads may come in any order; a packet comes out as soon as all payloads
 * are there that it is in. Whoever calls holds the reorder window, and says with GiveUpBefore what
 * comes no more. Payloads with numbers in a row are one run, of which only the ends are kept: what
 * is left of a packet that began before, and of one that goes on afterwards, 65575 octets each.
 */
class AggfragAssembler
{
  public:
    struct Counters
    {
        std::array<std::uint64_t, kAggfragVerdicts> verdicts{}; ///< of payloads
        std::uint64_t abandoned{0}; ///< packets that had begun and were given up

        std::uint64_t operator[](AggfragVerdict verdict) const
        {
            return verdicts[static_cast<std::size_t>(verdict)];
        }
    };

    /// Gets whole inner packets; the octets are borrowed.
    using Sink = AggfragPacker::Sink;

    /// \param number of the ESP packet, that ICV and replay check have let pass
    AggfragVerdict Add(std::uint64_t number, ByteSpan payload, const Sink& sink);

    /// Payloads with lower numbers that have not come are not waited for any more.
    void GiveUpBefore(std::uint64_t number);

    const Counters& GetCounters() const
    {
        return m_counters;
    }

    /// Octets of unfinished packets.
    std::size_t Held() const;

  private:
    /// Payloads with numbers in a row.
    struct Run
    {
        std::uint64_t last{0};
        bool boundary{false}; ///< a packet begins or ends in it; otherwise head is all there is
        std::size_t owed{0};  ///< octets that a packet had left where the run begins
        Bytes head;           ///< of these
        Bytes tail;           ///< of the packet that goes on after it
        bool tailKnown{true}; ///< false: the beginning of what goes on was lost
    };

    /// What a run begins with.
    struct Front
    {
        bool boundary;
        std::size_t owed;
        ByteSpan head;
    };

    AggfragVerdict Insert(std::uint64_t number, ByteSpan payload, const Sink& sink);
    bool Extend(Run& run, const Front& next, const Sink& sink);
    bool Continue(Run& run, const Front& next, const Sink& sink);
    static bool ReadBlocks(ByteSpan blocks, Run& run, const Sink& sink);
    void Abandon(Run& run);

    /// By the first number. There may be half as many as the reorder window spans.
    std::map<std::uint64_t, Run> m_runs;
    std::uint64_t m_floor{0};
    Counters m_counters;
};

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_AGGFRAG_H
