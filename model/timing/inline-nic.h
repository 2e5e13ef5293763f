/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_INLINE_NIC_H
#define IPSECLAB_TIMING_INLINE_NIC_H

#include "model/timing/context-cache.h"
#include "model/timing/engine.h"

namespace ipseclab::timing
{

struct InlineNicConfig
{
    double packetRate{0};    ///< most packets per second; 0: no cap
    double bitRate{0};       ///< most bits per second of `octets`; 0: no cap
    double latency{0};       ///< seconds that every packet takes in the pipeline besides
    std::size_t contexts{0}; ///< SAs that the NIC has at hand; 0: all
    double contextFetch{0};  ///< seconds by which a missing SA holds the pipeline up
    std::size_t queue{1024}; ///< packets that wait for the pipeline
};

/// Cipher in the NIC: one pipeline in the order of arrival, at the slower of two rates.
class InlineNic : public Engine
{
  public:
    explicit InlineNic(const InlineNicConfig& config);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    struct Transit
    {
        Instant done; ///< out of the NIC
        Job job;
    };

    Duration Occupy(const Job& job);

    InlineNicConfig m_config;
    Duration m_latency;
    ContextCache m_cache;
    Instant m_free{};              ///< when the pipeline takes the next packet
    std::deque<Instant> m_entries; ///< when those that wait will enter
    std::deque<Transit> m_transit; ///< by `done`
};

struct RateCapConfig
{
    double packetRate{0}; ///< packets per second; 0: no cap
    double bitRate{0};    ///< bits per second of `octets`; 0: no cap
    double burst{0.01};   ///< seconds at either rate that may pass at once
};

/// The caps of a cloud tunnel: two token buckets; what finds too few tokens is dropped.
class RateCap : public Engine
{
  public:
    explicit RateCap(const RateCapConfig& config);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    RateCapConfig m_config;
    double m_packets; ///< tokens
    double m_bits;    ///< tokens
    Instant m_filled{};
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_INLINE_NIC_H
