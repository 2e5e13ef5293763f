/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_CORES_H
#define IPSECLAB_TIMING_CORES_H

#include "model/timing/engine.h"
#include "model/timing/memory.h"
#include "model/timing/stalls.h"

#include <unordered_map>
#include <vector>

namespace ipseclab::timing
{

/// What a packet costs a core.
struct CoreCost
{
    double hertz{2.1e9};
    double fixedCycles{0};    ///< of a packet
    double cyclesPerOctet{0}; ///< of what the cipher works on
    double fragmentCycles{0}; ///< of a fragment that was put together with others
    double batchCycles{0};    ///< of a batch, whatever its size

    Duration OfCycles(double cycles) const
    {
        return FromSeconds(cycles / hertz);
    }

    Duration OfPacket(const Job& job) const
    {
        return OfCycles(fixedCycles + cyclesPerOctet * job.octets + fragmentCycles * job.fragments);
    }
};

/// Which core gets a packet.
enum class Dispatch : std::uint8_t
{
    InnerFlow,  ///< by what the gateway sees before it seals
    OuterFlow,  ///< by what a NIC sees of a sealed packet
    Spi,        ///< one SA, one core
    Pinned,     ///< SAs in turn by their SPIs: one for each core
    RoundRobin, ///< packet by packet
    Resource,   ///< the one that the gateway has chosen
};

struct CoresConfig
{
    std::uint32_t cores{1};
    CoreCost cost;
    Dispatch dispatch{Dispatch::InnerFlow};
    std::size_t queue{1024}; ///< packets that wait at one core
    std::uint32_t batch{1};  ///< most packets that are taken at once; they are done together
    /// Cycles in the critical section of the SA's number space; both 0: there is no lock.
    double lockCycles{0};
    double lockMoveCycles{0}; ///< more of them when another core held the lock before
    bool handOff{false};      ///< the first core that sees an SA owns it; others pass packets on
    double handOffCycles{0};  ///< of the core that passes a packet on
    StallConfig stalls;       ///< of each core, independently
    MemoryConfig memory;      ///< each core has the caches for itself
};

/**
 * Cores with a queue each, urgent packets first, no preemption of a packet by a packet.
 *
 * A packet of a locked SA waits, and its core with it, for the SA's lock first, in the order of
 * asking; then it is worked on in parallel with others. With a lock, batches have one packet. An SA
 * with subspaces has a lock for each of them, for each has a counter of its own.
 */
class Cores : public Engine
{
  public:
    /// \param random of the stalls; outlives the engine
    Cores(const CoresConfig& config, crypto::RandomSource& random);

    void Submit(Instant now, const Job& job) override;
    void HandleTimeout(Instant now) override;
    std::optional<Instant> PollTimeout() const override;

  private:
    struct Core
    {
        explicit Core(const CoresConfig& config, crypto::RandomSource& random)
            : stalls(config.stalls, random)
        {
        }

        std::deque<Job> urgent;
        std::deque<Job> normal;
        std::vector<Job> working;
        Instant until{Instant::max()}; ///< end of the work in hand
        Stalls stalls;
    };

    struct Lock
    {
        Instant freeAt{};
        std::uint32_t holder{0};
    };

    std::uint32_t Choose(const Job& job);
    std::uint32_t Earliest() const;
    void Enqueue(Instant now, std::uint32_t core, const Job& job);
    void Begin(Instant now, std::uint32_t core);
    Job TakeFrom(Core& core) const;
    /// True when the core is not the SA's owner.
    bool IsForeign(std::uint32_t core, const Job& job);
    /// When the packet's work ends that begins now.
    Instant Work(Instant now, std::uint32_t core, const Job& job);
    void End(std::uint32_t core);

    CoresConfig m_config;
    std::vector<Core> m_cores;
    std::vector<PacketMemory> m_memory;              ///< by core; empty when memory costs nothing
    std::unordered_map<std::uint64_t, Lock> m_locks; ///< by SPI and subspace
    std::unordered_map<std::uint32_t, std::uint32_t> m_owners; ///< core by SPI
    std::uint32_t m_next{0};                                   ///< of the round robin
    std::size_t m_busy{0};
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_CORES_H
