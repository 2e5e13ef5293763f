/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_AGGFRAG_RECEIVER_H
#define IPSECLAB_ESP_AGGFRAG_RECEIVER_H

#include "model/esp/drop-reason.h"
#include "model/wire/aggfrag.h"

#include <chrono>
#include <optional>
#include <vector>

namespace ipseclab::esp
{

struct AggfragReceiverConfig
{
    /// A number is waited for until one that is larger by more than this has come.
    std::size_t window{3};
    /// How long what came after a missing number waits for it; 0: as long as the window does.
    std::chrono::nanoseconds dropTime{std::chrono::seconds(1)};
    /// Whether packets come out in the order in which they were sent, or as soon as they are whole.
    bool inOrder{true};
};

/**
 * What becomes of the AGGFRAG payloads of one SA (RFC 9347, sections 2.2.3 and 2.5): the reorder
 * window over ESP numbers, which begin with 1 and go on by 1, and the timer for lost ones. Time is
 * the caller's and never goes back. Holds as many payloads as the window spans, at most; they have
 * a place each, so that a number is found at once whatever the window. What was held is given back,
 * but for a few buffers.
 */
class AggfragReceiver
{
  public:
    using Instant = std::chrono::nanoseconds;
    using Sink = wire::AggfragAssembler::Sink;

    /// Payloads. in == the sum of the verdicts + Held().
    struct Counters
    {
        std::uint64_t in{0};
        std::array<std::uint64_t, wire::kAggfragVerdicts> verdicts{};
        std::uint64_t missing{0};   ///< numbers that were given up
        std::uint64_t abandoned{0}; ///< packets that had begun and were given up

        std::uint64_t operator[](wire::AggfragVerdict verdict) const
        {
            return verdicts[static_cast<std::size_t>(verdict)];
        }
    };

    explicit AggfragReceiver(const AggfragReceiverConfig& config)
        : m_config(config)
    {
    }

    /// Called with every payload that is not Taken, and why; the octets are borrowed.
    void SetRefusedCallback(std::function<void(DropReason reason, ByteSpan payload)> callback);

    /// \param number of the ESP packet, that ICV and replay check have let pass
    void Add(Instant now, std::uint64_t number, ByteSpan payload, const Sink& sink);
    /// Gives up what has been missing for too long.
    void HandleTimeout(Instant now, const Sink& sink);
    /// When HandleTimeout has something to do.
    std::optional<Instant> Due() const;
    /// The end of the SA: what is missing comes no more.
    void Close(const Sink& sink);

    std::size_t Held() const; ///< payloads that were not looked at yet
    /// Octets of these and of unfinished packets.
    std::size_t Octets() const;
    Counters GetCounters() const;

  private:
    /// Of a payload after a missing number.
    struct Place
    {
        std::uint64_t number{0}; ///< 0: there is none
        Instant time{};
        Bytes payload;          ///< in order only, until it is looked at
        std::size_t earlier{0}; ///< places by the time of arrival, in a ring with the one that is
        std::size_t later{0};   ///< behind all others and never has a payload
    };

    bool HasArrived(std::uint64_t number) const;
    void Keep(Instant now, std::uint64_t number, ByteSpan payload);
    void Assemble(std::uint64_t number, ByteSpan payload, const Sink& sink);
    void Refuse(wire::AggfragVerdict verdict, ByteSpan payload);
    /// The least number is waited for no more: it has arrived, or is given up.
    void Pass(const Sink& sink);
    void PassTo(std::uint64_t number, const Sink& sink);
    /// Gives up all up to the first one that has arrived.
    void PassGap(const Sink& sink);
    /// What has arrived in a row.
    void PassRow(const Sink& sink);

    AggfragReceiverConfig m_config;
    std::function<void(DropReason, ByteSpan)> m_refused;
    wire::AggfragAssembler m_assembler;
    std::uint64_t m_next{1};     ///< the least number that is waited for
    std::vector<Place> m_places; ///< by number modulo the window, and one more; empty before a gap
    std::size_t m_arrived{0};    ///< after a missing number
    std::size_t m_octets{0};     ///< of these that were not looked at yet
    std::vector<Bytes> m_spare;  ///< for the next that are kept: reordering allocates nothing
    Counters m_counters;         ///< but for those of the assembler
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_AGGFRAG_RECEIVER_H
