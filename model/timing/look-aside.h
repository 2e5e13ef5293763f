/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_LOOK_ASIDE_H
#define IPSECLAB_TIMING_LOOK_ASIDE_H

#include "model/timing/cores.h"
#include "model/timing/engine.h"
#include "model/timing/stalls.h"

#include <vector>

namespace ipseclab::timing
{

struct LookAsideConfig
{
    CoreCost host;                ///< fixedCycles: before the device
    double completionCycles{0};   ///< of the host, after the device
    std::uint32_t batch{1};       ///< most packets or completions that the host takes at once
    std::size_t queue{1024};      ///< packets that wait for the host
    std::size_t ring{1024};       ///< requests that may be outstanding
    std::uint32_t engines{1};     ///< of the device, side by side
    double engineLatency{10e-6};  ///< seconds of each request
    double engineBitRate{12.5e9}; ///< of one engine; 0: no matter how long the packet is
    double pollInterval{0};       ///< seconds between two looks at the ring; 0: at once
    StallConfig stalls;           ///< of the host
};

/**
 * One host core that gives packets to a device by a ring and polls it for completions.
 *
 * Completions go before new packets. What the host takes at once, it is done with at once. A
 * request that finds the ring full is dropped after the host has worked on it. Engines take
 * requests in order; a request is in the ring until the host has seen that it is complete, and
 * completions are seen in the order of the requests (one ring).
 */
class LookAside : public Engine
{
  public:
    /// \param random of the stalls; outlives the engine
    LookAside(const LookAsideConfig& config, crypto::RandomSource& random);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    struct Request
    {
        Instant visible; ///< when a poll finds it complete
        Job job;
    };

    Instant NextCompletion() const;
    void EndHost();
    void Give(Instant now, const Job& job);
    void Begin(Instant now);

    LookAsideConfig m_config;
    Stalls m_stalls;
    Duration m_poll;
    std::deque<Job> m_waiting;      ///< for the host, new
    std::deque<Job> m_complete;     ///< for the host, complete
    std::deque<Request> m_ring;     ///< in order of request and of `visible`
    std::vector<Instant> m_engines; ///< when each is free
    std::vector<Job> m_work;        ///< of the host
    bool m_finishing{false};        ///< the host works on a completion
    Instant m_until{Instant::max()};
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_LOOK_ASIDE_H
