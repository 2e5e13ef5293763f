/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_AGGFRAG_SENDER_H
#define IPSECLAB_ESP_AGGFRAG_SENDER_H

#include "model/esp/drop-reason.h"
#include "model/wire/aggfrag.h"

#include <chrono>
#include <optional>
#include <vector>

namespace ipseclab::esp
{

struct AggfragSenderConfig
{
    bool fragment{true};               ///< false: the peer takes no fragments
    std::size_t maxQueue{1000000};     ///< octets that may wait
    std::chrono::nanoseconds delay{0}; ///< how long a payload that is not full waits for more
    /// From one payload to the next, whatever waits, each of them full, with padding if need be. 0:
    /// payloads are sent on demand, when they are full or the delay is over, and not padded.
    std::chrono::nanoseconds interval{0};
};

/**
 * When the AGGFRAG payloads of one SA are sent (RFC 9347, section 2): by a constant rate, or on
 * demand. Time is the caller's, never goes back, and begins at any instant.
 */
class AggfragSender
{
  public:
    using Instant = std::chrono::nanoseconds;

    /// Packets, and payloads. taken == sent + tooBig + returned + Waiting().
    struct Counters
    {
        std::uint64_t taken{0};
        std::uint64_t sent{0};     ///< their last octet is in a payload
        std::uint64_t tooBig{0};   ///< given up: not to be cut, and they fit into no payload
        std::uint64_t returned{0}; ///< by Close
        std::uint64_t payloads{0};
        std::uint64_t padding{0}; ///< of these, without any octet of a packet
    };

    /// What was written.
    struct Payload
    {
        std::size_t length{0}; ///< octets; 0: nothing is left to send, on demand
        std::uint8_t tos{0};   ///< TOS octet of the packet that it begins with; 0 without
    };

    AggfragSender(const AggfragSenderConfig& config, Instant now);

    /// None; or AggfragQueue or Malformed, and nothing is kept.
    DropReason Enqueue(Instant now, ByteSpan packet);

    /// Whether a payload is to be sent before its time, for it is full.
    /// \param capacity octets of data blocks that it has room for
    bool IsFull(std::size_t capacity) const;
    /// Whether it is time for a payload.
    bool IsDue(Instant now) const;
    /**
     * Writes the payload that is due. Packets that are not to be cut and fit into no payload of
     * this size are given up before.
     * \param tooBig gets these
     */
    Payload Next(Instant now, MutableByteSpan payload, const wire::AggfragPacker::Sink& tooBig);
    /// Constant rate: lets a turn pass.
    void Skip();
    /// When one will be due if no packet comes.
    std::optional<Instant> Due() const;

    /// The end of the SA: all that waits, whole, for no fragment goes on under another SA.
    std::vector<Bytes> Close();

    std::size_t Waiting() const; ///< packets
    Counters GetCounters() const;

    bool IsConstant() const
    {
        return m_config.interval.count() > 0;
    }

  private:
    AggfragSenderConfig m_config;
    wire::AggfragPacker m_packer;
    Instant m_due; ///< on demand: of what waits
    Counters m_counters;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_AGGFRAG_SENDER_H
