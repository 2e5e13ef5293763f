/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "reordering-channel.h"

#include "model/wire/icmp-too-big.h"

#include "ns3/abort.h"
#include "ns3/double.h"
#include "ns3/log.h"
#include "ns3/packet.h"
#include "ns3/pointer.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/trace-source-accessor.h"

#include <algorithm>

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("ReorderingChannel");
NS_OBJECT_ENSURE_REGISTERED(ReorderingChannel);

TypeId
ReorderingChannel::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::ReorderingChannel")
            .SetParent<PointToPointChannel>()
            .SetGroupName("Ipsec")
            .AddConstructor<ReorderingChannel>()
            .AddAttribute("ExtraDelay",
                          "Seconds that each packet is delayed beyond Delay, 0 or more.",
                          StringValue("ns3::ConstantRandomVariable[Constant=0]"),
                          MakePointerAccessor(&ReorderingChannel::m_extraDelay),
                          MakePointerChecker<RandomVariableStream>())
            .AddAttribute("LossProbability",
                          "Probability (0 to 1) that a packet is lost on the way.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&ReorderingChannel::m_lossProbability),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute("FragmentLoss",
                          "Probability (0 to 1) that a fragment of IP other than the first, which "
                          "has no ports, is lost on the way.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&ReorderingChannel::m_fragmentLoss),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute("ReportLoss",
                          "Probability (0 to 1) that ICMP about a packet that is too big is lost "
                          "on the way.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&ReorderingChannel::m_reportLoss),
                          MakeDoubleChecker<double>(0, 1))
            .AddTraceSource("Transmit",
                            "A packet set out and will arrive, link header included.",
                            MakeTraceSourceAccessor(&ReorderingChannel::m_transmitTrace),
                            "ns3::ReorderingChannel::PacketTracedCallback")
            .AddTraceSource("Deliver",
                            "A packet arrives, link header included.",
                            MakeTraceSourceAccessor(&ReorderingChannel::m_deliverTrace),
                            "ns3::ReorderingChannel::PacketTracedCallback")
            .AddTraceSource("Loss",
                            "A packet was lost on purpose, link header included.",
                            MakeTraceSourceAccessor(&ReorderingChannel::m_lossTrace),
                            "ns3::ReorderingChannel::PacketTracedCallback");
    return tid;
}

ReorderingChannel::ReorderingChannel()
    : m_lossDraw(CreateObject<UniformRandomVariable>()),
      m_filterDraw(CreateObject<UniformRandomVariable>())
{
}

bool
ReorderingChannel::TransmitStart(Ptr<const Packet> packet,
                                 Ptr<PointToPointNetDevice> source,
                                 Time transmitTime)
{
    // Drawn for lost packets too: the delays of the others do not depend on the loss.
    Time extra = Seconds(m_extraDelay->GetValue());
    if (m_packetDelay)
    {
        extra += m_packetDelay(packet);
    }
    NS_ABORT_MSG_IF(extra.IsStrictlyNegative(),
                    "the extra delay of a packet is negative: " << extra);
    const bool drawn = m_lossProbability > 0 && m_lossDraw->GetValue(0, 1) < m_lossProbability;
    if (drawn || IsFiltered(packet) || (m_packetLoss && m_packetLoss(packet)))
    {
        NS_LOG_LOGIC("lost: packet " << packet->GetUid());
        ++m_lost;
        m_lossTrace(packet);
        return true;
    }
    const Ptr<PointToPointNetDevice> destination =
        GetSource(0) == source ? GetDestination(0) : GetDestination(1);
    ++m_inFlight;
    m_transmitTrace(packet);
    Simulator::ScheduleWithContext(destination->GetNode()->GetId(),
                                   transmitTime + GetDelay() + extra,
                                   &ReorderingChannel::Deliver,
                                   this,
                                   destination,
                                   packet->Copy());
    return true;
}

bool
ReorderingChannel::IsFiltered(Ptr<const Packet> packet)
{
    if (m_fragmentLoss == 0 && m_reportLoss == 0)
    {
        return false;
    }
    constexpr uint32_t kPppHeader = 2;
    ipseclab::Bytes frame(std::max(packet->GetSize(), kPppHeader));
    packet->CopyData(frame.data(), packet->GetSize());
    namespace wire = ipseclab::wire;
    wire::IpView view;
    if (!wire::ParseIp(ipseclab::ByteSpan(frame).subspan(kPppHeader), view))
    {
        return false;
    }
    const bool fragment = view.isFragment && !view.hasUpperHeader;
    if (!fragment && !wire::ParseTooBig(view))
    {
        return false;
    }
    const double probability = fragment ? m_fragmentLoss : m_reportLoss;
    const bool lost = probability > 0 && m_filterDraw->GetValue(0, 1) < probability;
    (fragment ? m_fragmentsLost : m_reportsLost) += lost;
    return lost;
}

void
ReorderingChannel::Deliver(Ptr<PointToPointNetDevice> destination, Ptr<Packet> packet)
{
    --m_inFlight;
    m_deliverTrace(packet);
    destination->Receive(packet);
}

void
ReorderingChannel::SetPacketDelay(PacketDelay delay)
{
    m_packetDelay = std::move(delay);
}

void
ReorderingChannel::SetPacketLoss(PacketLoss isLost)
{
    m_packetLoss = std::move(isLost);
}

int64_t
ReorderingChannel::AssignStreams(int64_t stream)
{
    m_extraDelay->SetStream(stream);
    m_lossDraw->SetStream(stream + 1);
    m_filterDraw->SetStream(stream + 2);
    return 3;
}

uint64_t
ReorderingChannel::GetLost() const
{
    return m_lost;
}

uint64_t
ReorderingChannel::GetFragmentsLost() const
{
    return m_fragmentsLost;
}

uint64_t
ReorderingChannel::GetReportsLost() const
{
    return m_reportsLost;
}

uint64_t
ReorderingChannel::GetInFlight() const
{
    return m_inFlight;
}

} // namespace ns3
