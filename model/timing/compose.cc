/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/compose.h"

namespace ipseclab::timing
{

Coalescer::Coalescer(const CoalescerConfig& config)
    : m_config(config)
{
}

void
Coalescer::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    Notify(Outcome::Started, now, job);
    if (m_group.empty())
    {
        m_due = now + FromSeconds(m_config.wait);
    }
    m_group.push_back(job);
    if (m_group.size() >= m_config.frames || m_due <= now)
    {
        Release(now);
    }
}

void
Coalescer::HandleTimeout(Instant now)
{
    if (!m_group.empty() && m_due <= now)
    {
        Release(m_due);
    }
}

std::optional<Instant>
Coalescer::PollTimeout() const
{
    if (m_group.empty())
    {
        return std::nullopt;
    }
    return m_due;
}

void
Coalescer::Release(Instant now)
{
    for (const Job& job : m_group)
    {
        Notify(Outcome::Done, now, job);
    }
    m_group.clear();
}

Ordered::Ordered(std::unique_ptr<Engine> engine)
    : m_engine(std::move(engine))
{
}

void
Ordered::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    Notify(Outcome::Started, now, job);
    Line& line = m_lines[job.spi];
    line.byId[job.id] = line.first + line.places.size();
    line.places.push_back({job});
    m_engine->Submit(now, job);
    Collect();
}

void
Ordered::HandleTimeout(Instant now)
{
    m_engine->HandleTimeout(now);
    Collect();
}

std::optional<Instant>
Ordered::PollTimeout() const
{
    return m_engine->PollTimeout();
}

void
Ordered::Collect()
{
    while (const auto notice = m_engine->PollNotice())
    {
        if (notice->outcome == Outcome::Started)
        {
            continue;
        }
        Line& line = m_lines[notice->job.spi];
        const auto place = line.byId.find(notice->job.id);
        line.places[place->second - line.first].state =
            notice->outcome == Outcome::Done ? State::Done : State::Dropped;
        line.byId.erase(place);
        if (notice->outcome == Outcome::Dropped)
        {
            Notify(Outcome::Dropped, notice->at, notice->job);
        }
        ReleaseFrom(line, notice->at);
    }
}

void
Ordered::ReleaseFrom(Line& line, Instant now)
{
    while (!line.places.empty() && line.places.front().state != State::UnderWay)
    {
        if (line.places.front().state == State::Done)
        {
            Notify(Outcome::Done, now, line.places.front().job);
        }
        line.places.pop_front();
        ++line.first;
    }
}

Chain::Chain(std::vector<std::unique_ptr<Engine>> engines, std::size_t numbering)
    : m_engines(std::move(engines)),
      m_numbering(numbering)
{
}

void
Chain::Submit(Instant now, const Job& job)
{
    HandleTimeout(now);
    m_engines.front()->Submit(now, job);
    Collect(0);
}

void
Chain::HandleTimeout(Instant now)
{
    for (auto next = PollTimeout(); next && *next <= now; next = PollTimeout())
    {
        for (std::size_t i = 0; i < m_engines.size(); ++i)
        {
            m_engines[i]->HandleTimeout(*next);
            Collect(i);
        }
    }
}

std::optional<Instant>
Chain::PollTimeout() const
{
    std::optional<Instant> first;
    for (const auto& engine : m_engines)
    {
        const auto next = engine->PollTimeout();
        if (next && (!first || *next < *first))
        {
            first = next;
        }
    }
    return first;
}

void
Chain::Collect(std::size_t from)
{
    while (const auto notice = m_engines[from]->PollNotice())
    {
        if (notice->outcome == Outcome::Started)
        {
            if (from == m_numbering)
            {
                Notify(Outcome::Started, notice->at, notice->job);
            }
        }
        else if (notice->outcome == Outcome::Done && from + 1 < m_engines.size())
        {
            m_engines[from + 1]->Submit(notice->at, notice->job);
            Collect(from + 1);
        }
        else
        {
            Notify(notice->outcome, notice->at, notice->job);
        }
    }
}

} // namespace ipseclab::timing
