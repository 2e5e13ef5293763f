/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TEST_TIMING_SUPPORT_H
#define IPSECLAB_TEST_TIMING_SUPPORT_H

#include "model/timing/engine-config.h"

#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace ipseclab::timing
{

class SeededRandom : public crypto::RandomSource
{
  public:
    explicit SeededRandom(std::uint64_t seed = 1)
        : m_engine(seed)
    {
    }

    void Fill(MutableByteSpan out) override
    {
        for (auto& octet : out)
        {
            octet = static_cast<std::uint8_t>(m_engine());
        }
    }

  private:
    std::mt19937_64 m_engine;
};

/// What a stream of packets got from an engine.
struct Trace
{
    std::vector<Notice> notices;
    std::vector<Job> done;                   ///< in the order of leaving
    std::map<std::uint64_t, double> sojourn; ///< seconds from coming to leaving, by id
    std::size_t dropped{0};
    double first{0}; ///< seconds, when the first came
    double last{0};  ///< seconds, when the last left

    /// Packets per second between the departures of two places in the order of leaving.
    double RateBetween(std::size_t from, std::size_t to) const
    {
        return static_cast<double>(to - from) / (departures[to] - departures[from]);
    }

    std::vector<double> departures; ///< seconds
};

/// Gives an engine `count` packets: the caller says when, in seconds, and what.
class Driver
{
  public:
    explicit Driver(Engine& engine)
        : m_engine(engine)
    {
    }

    void Submit(double seconds, const Job& job)
    {
        const Instant now = FromSeconds(seconds);
        RunUntil(now);
        m_came[job.id] = seconds;
        m_engine.Submit(now, job);
        Collect();
    }

    Trace Finish()
    {
        RunUntil(Instant::max());
        return m_trace;
    }

  private:
    void RunUntil(Instant now)
    {
        for (auto next = m_engine.PollTimeout(); next && *next <= now;
             next = m_engine.PollTimeout())
        {
            m_engine.HandleTimeout(*next);
            Collect();
        }
    }

    void Collect()
    {
        while (const auto notice = m_engine.PollNotice())
        {
            m_trace.notices.push_back(*notice);
            if (notice->outcome == Outcome::Dropped)
            {
                ++m_trace.dropped;
            }
            if (notice->outcome == Outcome::Done)
            {
                const double at = ToSeconds(notice->at);
                m_trace.done.push_back(notice->job);
                m_trace.departures.push_back(at);
                m_trace.sojourn[notice->job.id] = at - m_came[notice->job.id];
            }
        }
    }

    Engine& m_engine;
    std::map<std::uint64_t, double> m_came;
    Trace m_trace;
};

/// `count` packets at a constant rate.
inline Trace
DriveConstant(Engine& engine,
              double rate,
              std::size_t count,
              const std::function<void(Job&)>& shape = {})
{
    Driver driver(engine);
    for (std::size_t i = 0; i < count; ++i)
    {
        Job job;
        job.id = i + 1;
        job.octets = 360;
        job.spi = 0x1000;
        if (shape)
        {
            shape(job);
        }
        driver.Submit(static_cast<double>(i) / rate, job);
    }
    return driver.Finish();
}

/// Mean and half width of its 99.9 % interval by 40 batch means (t with 39 degrees: 3.558).
struct BatchMeans
{
    explicit BatchMeans(const std::vector<double>& values)
    {
        constexpr std::size_t kBatches = 40;
        constexpr double kQuantile = 3.558;
        const std::size_t size = values.size() / kBatches;
        std::vector<double> means;
        for (std::size_t b = 0; b < kBatches; ++b)
        {
            double sum = 0;
            for (std::size_t i = 0; i < size; ++i)
            {
                sum += values[b * size + i];
            }
            means.push_back(sum / static_cast<double>(size));
            mean += means.back() / kBatches;
        }
        double squares = 0;
        for (const double value : means)
        {
            squares += (value - mean) * (value - mean);
        }
        half = kQuantile * std::sqrt(squares / (kBatches - 1) / kBatches);
    }

    double mean{0};
    double half{0};
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TEST_TIMING_SUPPORT_H
