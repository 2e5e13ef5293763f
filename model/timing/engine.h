/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_ENGINE_H
#define IPSECLAB_TIMING_ENGINE_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

/**
 * \file
 * When a packet is done that hardware has to work on. Nothing here touches octets: an engine is
 * told of a packet's size, SA and flow, and says when work on it began and ended, and in which
 * order.
 */

namespace ipseclab::timing
{

/// Of a simulation: picoseconds since its beginning, for a NIC takes 50 ns for a packet.
using Duration = std::chrono::duration<std::int64_t, std::pico>;
using Instant = Duration;

/// The nearest picosecond; what is negative counts as zero, what is too long as 53 days.
Duration FromSeconds(double seconds);
double ToSeconds(Duration duration);

/// What an engine knows of a packet.
struct Job
{
    std::uint64_t id{0};        ///< the caller's
    std::uint32_t octets{0};    ///< that the cipher has to work on
    std::uint32_t fragments{0}; ///< that it was put together from; 0: it came whole
    std::uint32_t spi{0};       ///< of the SA
    std::uint32_t innerFlow{0}; ///< hash of the inner 5-tuple
    std::uint32_t outerFlow{0}; ///< hash of what a NIC sees of the sealed packet
    std::uint32_t resource{0};  ///< core or queue that the gateway has chosen itself
    std::uint16_t subspace{0};  ///< that the packet is numbered in: a Sub SA, with EESP
    bool urgent{false};         ///< of the class that is served first
    /// Of a received packet, what of its number is on the wire: where in the window it belongs.
    std::uint64_t number{0};
};

/// What became of a packet.
enum class Outcome : std::uint8_t
{
    Started, ///< an engine took it from its queue; with a lock, in the order of the lock
    Done,
    Dropped, ///< a ring or queue was full, or a cap reached; may come after Started
};

struct Notice
{
    Outcome outcome{Outcome::Done};
    Instant at{};
    Job job;
};

/**
 * A machine that spends modelled time on packets.
 *
 * Submit and HandleTimeout take the present, which never goes back, and do all that is due until
 * then. After either, the caller polls notices until there are none; they come in the order of
 * their times, and of every packet there is one Done or one Dropped. PollTimeout says when to call
 * HandleTimeout next.
 */
class Engine
{
  public:
    virtual ~Engine() = default;

    virtual void Submit(Instant now, const Job& job) = 0;
    virtual void HandleTimeout(Instant now) = 0;
    /// Empty when nothing is under way.
    virtual std::optional<Instant> PollTimeout() const = 0;

    std::optional<Notice> PollNotice()
    {
        if (m_notices.empty())
        {
            return std::nullopt;
        }
        const Notice notice = m_notices.front();
        m_notices.pop_front();
        return notice;
    }

  protected:
    void Notify(Outcome outcome, Instant at, const Job& job)
    {
        m_notices.push_back({outcome, at, job});
    }

  private:
    std::deque<Notice> m_notices;
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_ENGINE_H
