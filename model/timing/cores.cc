/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/cores.h"

#include "model/timing/mix.h"

#include <algorithm>

namespace ipseclab::timing
{

Cores::Cores(const CoresConfig& config, crypto::RandomSource& random)
    : m_config(config)
{
    m_config.cores = std::max(1U, config.cores);
    const bool locked = config.lockCycles > 0 || config.lockMoveCycles > 0;
    m_config.batch = locked ? 1U : std::max(1U, config.batch);
    for (std::uint32_t i = 0; i < m_config.cores; ++i)
    {
        m_cores.emplace_back(m_config, random);
        if (config.memory.IsModelled())
        {
            m_memory.emplace_back(config.memory);
        }
    }
}

std::uint32_t
Cores::Choose(const Job& job)
{
    switch (m_config.dispatch)
    {
    case Dispatch::InnerFlow:
        return Mix(job.innerFlow) % m_config.cores;
    case Dispatch::OuterFlow:
        return Mix(job.outerFlow) % m_config.cores;
    case Dispatch::Spi:
        return Mix(job.spi) % m_config.cores;
    case Dispatch::Pinned:
        return job.spi % m_config.cores;
    case Dispatch::Resource:
        return job.resource % m_config.cores;
    case Dispatch::RoundRobin:
        break;
    }
    return m_next++ % m_config.cores;
}

std::uint32_t
Cores::Earliest() const
{
    const auto first =
        std::min_element(m_cores.begin(),
                         m_cores.end(),
                         [](const Core& a, const Core& b) { return a.until < b.until; });
    return static_cast<std::uint32_t>(first - m_cores.begin());
}

std::optional<Instant>
Cores::PollTimeout() const
{
    if (m_busy == 0)
    {
        return std::nullopt;
    }
    return m_cores[Earliest()].until;
}

void
Cores::HandleTimeout(Instant now)
{
    while (m_busy > 0)
    {
        const std::uint32_t core = Earliest();
        if (m_cores[core].until > now)
        {
            return;
        }
        End(core);
    }
}

void
Cores::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    Enqueue(now, Choose(job), job);
}

void
Cores::Enqueue(Instant now, std::uint32_t index, const Job& job)
{
    Core& core = m_cores[index];
    const bool idle = core.working.empty();
    if (!idle && core.urgent.size() + core.normal.size() >= m_config.queue)
    {
        Notify(Outcome::Dropped, now, job);
        return;
    }
    (job.urgent ? core.urgent : core.normal).push_back(job);
    if (idle)
    {
        Begin(now, index);
    }
}

Job
Cores::TakeFrom(Core& core) const
{
    auto& queue = core.urgent.empty() ? core.normal : core.urgent;
    const Job job = queue.front();
    queue.pop_front();
    return job;
}

void
Cores::Begin(Instant now, std::uint32_t index)
{
    Core& core = m_cores[index];
    const std::size_t waiting = core.urgent.size() + core.normal.size();
    if (waiting == 0)
    {
        return;
    }
    Instant end = core.stalls.Finish(now, m_config.cost.OfCycles(m_config.cost.batchCycles));
    for (std::size_t i = std::min<std::size_t>(waiting, m_config.batch); i > 0; --i)
    {
        core.working.push_back(TakeFrom(core));
        const Job& job = core.working.back();
        if (m_config.handOff && IsForeign(index, job))
        {
            const Duration passing = m_config.cost.OfCycles(m_config.handOffCycles);
            end = core.stalls.Finish(end, passing);
            continue;
        }
        Notify(Outcome::Started, now, job);
        end = Work(end, index, job);
    }
    core.until = end;
    ++m_busy;
}

bool
Cores::IsForeign(std::uint32_t core, const Job& job)
{
    return m_owners.emplace(job.spi, core).first->second != core;
}

Instant
Cores::Work(Instant now, std::uint32_t index, const Job& job)
{
    Stalls& stalls = m_cores[index].stalls;
    if (m_config.lockCycles > 0 || m_config.lockMoveCycles > 0)
    {
        const std::uint64_t space = (std::uint64_t{job.spi} << 16) | job.subspace;
        Lock& lock = m_locks.emplace(space, Lock{Instant{}, index}).first->second;
        const double moved = lock.holder == index ? 0 : m_config.lockMoveCycles;
        now = stalls.Finish(std::max(now, lock.freeAt),
                            m_config.cost.OfCycles(m_config.lockCycles + moved));
        lock = {now, index};
    }
    const double waiting = m_memory.empty() ? 0 : m_memory[index].Touch(job);
    return stalls.Finish(now, m_config.cost.OfPacket(job) + m_config.cost.OfCycles(waiting));
}

void
Cores::End(std::uint32_t index)
{
    const Instant at = m_cores[index].until;
    const std::vector<Job> finished = std::move(m_cores[index].working);
    m_cores[index].working.clear();
    m_cores[index].until = Instant::max();
    --m_busy;
    for (const Job& job : finished)
    {
        const auto owner = m_config.handOff ? m_owners.find(job.spi) : m_owners.end();
        if (owner != m_owners.end() && owner->second != index)
        {
            Enqueue(at, owner->second, job);
        }
        else
        {
            Notify(Outcome::Done, at, job);
        }
    }
    Begin(at, index);
}

} // namespace ipseclab::timing
