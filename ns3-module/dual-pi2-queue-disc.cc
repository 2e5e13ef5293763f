/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "dual-pi2-queue-disc.h"

#include "ns3/double.h"
#include "ns3/drop-tail-queue.h"
#include "ns3/ipv4-header.h"
#include "ns3/log.h"
#include "ns3/simulator.h"

#include <algorithm>

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("DualPi2QueueDisc");
NS_OBJECT_ENSURE_REGISTERED(DualPi2QueueDisc);

TypeId
DualPi2QueueDisc::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::DualPi2QueueDisc")
            .SetParent<QueueDisc>()
            .SetGroupName("Ipsec")
            .AddConstructor<DualPi2QueueDisc>()
            .AddAttribute("MaxSize",
                          "Most packets, or octets, in both queues together.",
                          QueueSizeValue(QueueSize("10000p")),
                          MakeQueueSizeAccessor(&QueueDisc::SetMaxSize, &QueueDisc::GetMaxSize),
                          MakeQueueSizeChecker())
            .AddAttribute("Target",
                          "Delay of the classic queue that the controller aims at.",
                          TimeValue(MilliSeconds(15)),
                          MakeTimeAccessor(&DualPi2QueueDisc::m_target),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("UpdateInterval",
                          "Time from one update of the probability to the next.",
                          TimeValue(MilliSeconds(16)),
                          MakeTimeAccessor(&DualPi2QueueDisc::m_updateInterval),
                          MakeTimeChecker(NanoSeconds(1)))
            .AddAttribute("Alpha",
                          "Integral gain of the controller, Hz.",
                          DoubleValue(0.16),
                          MakeDoubleAccessor(&DualPi2QueueDisc::m_alpha),
                          MakeDoubleChecker<double>(0))
            .AddAttribute("Beta",
                          "Proportional gain of the controller, Hz.",
                          DoubleValue(3.2),
                          MakeDoubleAccessor(&DualPi2QueueDisc::m_beta),
                          MakeDoubleChecker<double>(0))
            .AddAttribute("Coupling",
                          "k: the low-latency queue marks with k p'.",
                          DoubleValue(2),
                          MakeDoubleAccessor(&DualPi2QueueDisc::m_coupling),
                          MakeDoubleChecker<double>(1))
            .AddAttribute("Step",
                          "Delay from which on every packet of the low-latency queue is marked.",
                          TimeValue(MilliSeconds(1)),
                          MakeTimeAccessor(&DualPi2QueueDisc::m_step),
                          MakeTimeChecker(Time(0)))
            .AddAttribute("ClassicShare",
                          "Share of the link (0 to 1) that the classic queue has at least.",
                          DoubleValue(0.1),
                          MakeDoubleAccessor(&DualPi2QueueDisc::m_classicShare),
                          MakeDoubleChecker<double>(0, 1));
    return tid;
}

DualPi2QueueDisc::DualPi2QueueDisc()
    : QueueDisc(QueueDiscSizePolicy::MULTIPLE_QUEUES),
      m_draw(CreateObject<UniformRandomVariable>())
{
}

double
DualPi2QueueDisc::GetBaseProbability() const
{
    return m_base;
}

int64_t
DualPi2QueueDisc::AssignStreams(int64_t stream)
{
    m_draw->SetStream(stream);
    return 1;
}

void
DualPi2QueueDisc::DoDispose()
{
    m_timer.Cancel();
    QueueDisc::DoDispose();
}

bool
DualPi2QueueDisc::DoEnqueue(Ptr<QueueDiscItem> item)
{
    if (GetCurrentSize() + item > GetMaxSize())
    {
        DropBeforeEnqueue(item, LIMIT_DROP);
        return false;
    }
    uint8_t octet = 0;
    item->GetUint8Value(QueueItem::IP_DSFIELD, octet);
    const bool scalable = (octet & Ipv4Header::ECN_ECT1) != 0; // ECT(1) or CE
    return GetInternalQueue(scalable ? LowLatency : Classic)->Enqueue(item);
}

/// Weighted round robin that serves the low-latency queue first and limits it by a credit.
DualPi2QueueDisc::Lane
DualPi2QueueDisc::Schedule()
{
    const auto fast = GetInternalQueue(LowLatency)->Peek();
    const auto slow = GetInternalQueue(Classic)->Peek();
    if (!fast || !slow)
    {
        m_credit = 0;
        return fast ? LowLatency : Classic;
    }
    const bool classic = m_credit > 0;
    m_credit +=
        classic ? -(1 - m_classicShare) * slow->GetSize() : m_classicShare * fast->GetSize();
    return classic ? Classic : LowLatency;
}

Ptr<QueueDiscItem>
DualPi2QueueDisc::DoDequeue()
{
    while (GetNPackets() > 0)
    {
        const Lane lane = Schedule();
        const Ptr<QueueDiscItem> item = Signal(GetInternalQueue(lane)->Dequeue(), lane);
        if (item)
        {
            return item;
        }
    }
    return nullptr;
}

Ptr<QueueDiscItem>
DualPi2QueueDisc::Signal(Ptr<QueueDiscItem> item, Lane lane)
{
    const bool congested = Draw(m_base * m_base);
    const bool overload = m_coupling * m_base >= 1;
    if (lane == Classic)
    {
        if (congested && (overload || !Mark(item, CLASSIC_MARK)))
        {
            DropAfterDequeue(item, CLASSIC_DROP);
            return nullptr;
        }
        return item;
    }
    if (overload && congested)
    {
        DropAfterDequeue(item, OVERLOAD_DROP);
        return nullptr;
    }
    const bool late = Simulator::Now() - item->GetTimeStamp() > m_step;
    if (late || Draw(std::min(1.0, m_coupling * m_base)))
    {
        Mark(item, COUPLED_MARK);
    }
    return item;
}

bool
DualPi2QueueDisc::Draw(double probability)
{
    return m_draw->GetValue() < probability;
}

Time
DualPi2QueueDisc::DelayOf(Lane lane) const
{
    const auto first = GetInternalQueue(lane)->Peek();
    return first ? Simulator::Now() - first->GetTimeStamp() : Time(0);
}

void
DualPi2QueueDisc::Update()
{
    const Time delay = std::max(DelayOf(Classic), DelayOf(LowLatency));
    m_base +=
        m_alpha * (delay - m_target).GetSeconds() + m_beta * (delay - m_lastDelay).GetSeconds();
    m_base = std::clamp(m_base, 0.0, 1.0);
    m_lastDelay = delay;
    m_timer = Simulator::Schedule(m_updateInterval, &DualPi2QueueDisc::Update, this);
}

bool
DualPi2QueueDisc::CheckConfig()
{
    if (GetNQueueDiscClasses() != 0 || GetNInternalQueues() != 0 || GetNPacketFilters() != 0)
    {
        NS_LOG_ERROR("DualPi2QueueDisc classifies by itself, into two queues of its own");
        return false;
    }
    for (int i = 0; i < 2; ++i)
    {
        const auto queue = CreateObject<DropTailQueue<QueueDiscItem>>();
        queue->SetMaxSize(GetMaxSize());
        AddInternalQueue(queue);
    }
    return true;
}

void
DualPi2QueueDisc::InitializeParams()
{
    m_timer = Simulator::Schedule(m_updateInterval, &DualPi2QueueDisc::Update, this);
}

} // namespace ns3
