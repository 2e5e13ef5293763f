/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-engine.h"
#include "model-values.h"

#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ns3
{

namespace timing = ipseclab::timing;

NS_OBJECT_ENSURE_REGISTERED(IpsecEngine);

namespace
{

constexpr uint8_t kNoDscp = 64; ///< one more than there are

} // namespace

TypeId
IpsecEngine::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::IpsecEngine")
            .SetParent<Object>()
            .SetGroupName("Ipsec")
            .AddConstructor<IpsecEngine>()
            .AddAttribute(
                "Step",
                "When packets get their numbers, or meet the replay window: before the "
                "engine's queue, when it takes them, or when it is done.",
                StringValue("Completion"),
                compat::MakeEnumAttributeAccessor<IpsecStep>(&IpsecEngine::SetStep,
                                                             &IpsecEngine::GetStepAttribute),
                compat::MakeEnumAttributeChecker(IpsecStep::Arrival,
                                                 "Arrival",
                                                 IpsecStep::Start,
                                                 "Start",
                                                 IpsecStep::Completion,
                                                 "Completion"))
            .AddAttribute("UrgentDscp",
                          "Packets with this DSCP or a higher one go before others in the queues "
                          "of cores; 64: none do.",
                          UintegerValue(kNoDscp),
                          MakeUintegerAccessor(&IpsecEngine::m_urgentDscp),
                          MakeUintegerChecker<uint8_t>(0, kNoDscp));
    return tid;
}

IpsecEngine::IpsecEngine() = default;
IpsecEngine::~IpsecEngine() = default;

void
IpsecEngine::SetConfig(const timing::EngineConfig& config)
{
    m_engine = timing::MakeEngine(config, m_random);
}

void
IpsecEngine::DoDispose()
{
    m_timer.Cancel();
    m_listeners.clear();
    Object::DoDispose();
}

void
IpsecEngine::Submit(timing::Job job, Listener listener)
{
    if (!m_engine)
    {
        SetConfig({});
    }
    job.id = ++m_lastId;
    m_listeners.emplace(job.id, std::move(listener));
    m_engine->Submit(ModelNow(), job);
    Drive();
}

void
IpsecEngine::HandleTimer()
{
    m_engine->HandleTimeout(ModelNow());
    Drive();
}

/// A listener may submit, so that this function is within itself: each notice is taken once.
void
IpsecEngine::Drive()
{
    while (const auto notice = m_engine->PollNotice())
    {
        const auto entry = m_listeners.find(notice->job.id);
        if (notice->outcome == timing::Outcome::Started)
        {
            const Listener listener = entry->second;
            listener(notice->outcome);
            continue;
        }
        const Listener listener = std::move(entry->second);
        m_listeners.erase(entry);
        listener(notice->outcome);
    }
    m_timer.Cancel();
    if (const auto next = m_engine->PollTimeout())
    {
        // Never before it is due: up to the next whole nanosecond.
        const auto due = std::chrono::ceil<std::chrono::nanoseconds>(*next - ModelNow());
        m_timer = Simulator::Schedule(NanoSeconds(std::max<int64_t>(0, due.count())),
                                      &IpsecEngine::HandleTimer,
                                      this);
    }
}

std::size_t
IpsecEngine::InFlight() const
{
    return m_listeners.size();
}

IpsecStep
IpsecEngine::GetStep() const
{
    return m_step;
}

bool
IpsecEngine::IsUrgent(uint8_t dscp) const
{
    return dscp >= m_urgentDscp;
}

int64_t
IpsecEngine::AssignStreams(int64_t stream)
{
    return m_random.AssignStreams(stream);
}

void
IpsecEngine::SetStep(IpsecStep step)
{
    m_step = step;
}

compat::EnumResult<IpsecStep>
IpsecEngine::GetStepAttribute() const
{
    return {m_step};
}

} // namespace ns3
