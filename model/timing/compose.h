/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_COMPOSE_H
#define IPSECLAB_TIMING_COMPOSE_H

#include "model/timing/engine.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace ipseclab::timing
{

struct CoalescerConfig
{
    double wait{0};          ///< seconds from the first packet to the interrupt; 0: none is waited
    std::uint32_t frames{1}; ///< packets that make an interrupt at once
};

/// Interrupt coalescing: packets come in groups, when one has waited or enough are there.
class Coalescer : public Engine
{
  public:
    explicit Coalescer(const CoalescerConfig& config);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    void Release(Instant now);

    CoalescerConfig m_config;
    std::vector<Job> m_group;
    Instant m_due{};
};

/**
 * Ordered parallel processing (Linux padata, ODP ordered queues): packets of an SA leave in the
 * order in which they came, whatever the engine does. Packets start when they come: that is the
 * serial stage that gives numbers.
 */
class Ordered : public Engine
{
  public:
    explicit Ordered(std::unique_ptr<Engine> engine);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    enum class State : std::uint8_t
    {
        UnderWay,
        Done,
        Dropped,
    };

    struct Place
    {
        Job job;
        State state{State::UnderWay};
    };

    /// The packets of an SA that have not left, in order, and the place of each by the job's id.
    struct Line
    {
        std::deque<Place> places;
        std::uint64_t first{0}; ///< how many have left
        std::unordered_map<std::uint64_t, std::uint64_t> byId;
    };

    void Collect();
    void ReleaseFrom(Line& line, Instant now);

    std::unique_ptr<Engine> m_engine;
    std::unordered_map<std::uint32_t, Line> m_lines; ///< by SPI
};

/// Engines one after another.
class Chain : public Engine
{
  public:
    /// \param engines at least one
    /// \param numbering which of them tells that a packet has started
    Chain(std::vector<std::unique_ptr<Engine>> engines, std::size_t numbering);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    void Collect(std::size_t from);

    std::vector<std::unique_ptr<Engine>> m_engines;
    std::size_t m_numbering;
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_COMPOSE_H
