/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "drr-queue-disc.h"

#include "ns3/log.h"

#include <algorithm>

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("DrrQueueDisc");
NS_OBJECT_ENSURE_REGISTERED(DrrQueueDisc);

TypeId
DrrQueueDisc::GetTypeId()
{
    static TypeId tid = TypeId("ns3::DrrQueueDisc")
                            .SetParent<QueueDisc>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<DrrQueueDisc>();
    return tid;
}

DrrQueueDisc::DrrQueueDisc()
    : QueueDisc(QueueDiscSizePolicy::NO_LIMITS)
{
}

void
DrrQueueDisc::SetQuanta(const std::vector<uint32_t>& quanta)
{
    m_quanta = quanta;
}

bool
DrrQueueDisc::DoEnqueue(Ptr<QueueDiscItem> item)
{
    const int32_t named = Classify(item);
    const auto last = static_cast<int32_t>(GetNQueueDiscClasses()) - 1;
    const auto band = static_cast<std::size_t>(named < 0 || named > last ? last : named);
    const Ptr<QueueDisc> child = GetQueueDiscClass(band)->GetQueueDisc();
    const bool idle = child->GetNPackets() == 0;
    const bool taken = child->Enqueue(item);
    if (taken && idle)
    {
        m_turns.push_back(band);
        if (m_turns.size() == 1)
        {
            BeginTurn();
        }
    }
    return taken;
}

void
DrrQueueDisc::BeginTurn()
{
    m_deficits[m_turns.front()] += m_quanta[m_turns.front()];
}

Ptr<QueueDiscItem>
DrrQueueDisc::DoDequeue()
{
    while (!m_turns.empty())
    {
        const std::size_t band = m_turns.front();
        const Ptr<QueueDisc> child = GetQueueDiscClass(band)->GetQueueDisc();
        const uint32_t size = child->Peek()->GetSize();
        const bool affordable = size <= m_deficits[band];
        const Ptr<QueueDiscItem> item = affordable ? child->Dequeue() : nullptr;
        m_deficits[band] -= affordable ? size : 0;
        const bool idle = child->GetNPackets() == 0;
        if (idle || !affordable)
        {
            m_turns.pop_front();
            if (idle)
            {
                m_deficits[band] = 0; // what is not used is not saved
            }
            else
            {
                m_turns.push_back(band);
            }
            if (!m_turns.empty())
            {
                BeginTurn();
            }
        }
        if (item)
        {
            return item;
        }
    }
    return nullptr;
}

bool
DrrQueueDisc::CheckConfig()
{
    const bool positive =
        std::all_of(m_quanta.begin(), m_quanta.end(), [](uint32_t quantum) { return quantum > 0; });
    if (GetNQueueDiscClasses() == 0 || m_quanta.size() != GetNQueueDiscClasses() || !positive)
    {
        NS_LOG_ERROR("DrrQueueDisc needs child queue discs, and a quantum above 0 for each");
        return false;
    }
    return GetNInternalQueues() == 0;
}

void
DrrQueueDisc::InitializeParams()
{
    m_deficits.assign(GetNQueueDiscClasses(), 0);
}

} // namespace ns3
