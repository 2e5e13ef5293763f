/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_AGGFRAG_H
#define IPSECLAB_WIRE_AGGFRAG_H

#include "model/wire/bytes.h"

#include <array>
#include <cstdint>
#include <deque>
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

/// Nothing when it is too short, of another sub-type, or has reserved bits of sub-type 0 set.
std::optional<AggfragPayload> ParseAggfrag(ByteSpan payload);
/// Header and blocks.
Bytes BuildAggfrag(const AggfragHeader& header, ByteSpan blocks);

/// The sending side: fills payloads of one size, in the order in which packets came.
class AggfragPacker
{
  public:
    /**
     * \param capacity octets of data blocks in a payload, at least 1
     * \param fragment false: the peer has said that it takes no fragments (flag D of USE_AGGFRAG)
     */
    AggfragPacker(std::size_t capacity, bool fragment)
        : m_capacity(capacity),
          m_fragment(fragment)
    {
    }

    /// False, and nothing is kept, when it is no IP packet of the length that it names, or must not
    /// be cut and does not fit.
    bool Enqueue(Bytes packet);

    /// The next payload, without congestion information; all padding when nothing waits.
    Bytes Next();

    /// Packets that wait, the one included that is sent in part.
    std::size_t Waiting() const
    {
        return m_queue.size();
    }

  private:
    std::size_t m_capacity;
    bool m_fragment;
    std::deque<Bytes> m_queue;
    std::size_t m_sent{0}; ///< octets of the first one
};

/// What became of a payload.
enum class AggfragVerdict : std::uint8_t
{
    Taken,
    Malformed, ///< no AGGFRAG payload: nothing was done, an unfinished packet is given up
    BadBlock,  ///< a block that is no IP packet, or does not end where the offset says
};

constexpr std::size_t kAggfragVerdicts = static_cast<std::size_t>(AggfragVerdict::BadBlock) + 1;

/**
 * The receiving side. Payloads have to come in the order of their ESP numbers; whoever calls holds
 * the reorder window. After a gap the unfinished packet is given up and the next offset says where
 * to go on. Holds one unfinished packet, of 65575 octets at most.
 */
class AggfragAssembler
{
  public:
    struct Counters
    {
        std::array<std::uint64_t, kAggfragVerdicts> verdicts{}; ///< of payloads
        std::uint64_t abandoned{0};                             ///< unfinished packets
    };

    /**
     * \param number of the ESP packet, that ICV and replay check have let pass
     * \param[out] packets whole inner packets are appended
     */
    AggfragVerdict Add(std::uint64_t number, ByteSpan payload, std::vector<Bytes>& packets);

    const Counters& GetCounters() const
    {
        return m_counters;
    }

    /// Octets of the unfinished packet.
    std::size_t Held() const
    {
        return m_partial.size();
    }

  private:
    AggfragVerdict Insert(std::uint64_t number, ByteSpan payload, std::vector<Bytes>& packets);
    bool Continue(const AggfragPayload& payload, std::vector<Bytes>& packets);
    bool ReadBlocks(ByteSpan blocks, std::vector<Bytes>& packets);
    void Abandon();

    Bytes m_partial;
    std::uint64_t m_expected{0}; ///< the number that goes on with the unfinished packet
    Counters m_counters;
};

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_AGGFRAG_H
