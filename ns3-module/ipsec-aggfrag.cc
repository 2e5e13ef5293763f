/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-aggfrag.h"

#include "ipsec-gateway.h"
#include "model-values.h"

#include "ns3/abort.h"
#include "ns3/boolean.h"
#include "ns3/log.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <utility>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace wire = ipseclab::wire;
using ipseclab::Bytes;
using ipseclab::ByteSpan;

NS_LOG_COMPONENT_DEFINE("IpsecAggfrag");
NS_OBJECT_ENSURE_REGISTERED(IpsecAggfrag);

namespace
{

constexpr uint32_t kSmallestPacket = 128; // every suite has room for some octets
constexpr uint32_t kLargestPacket = 65535;
constexpr uint32_t kLargestWindow = 65536;

std::chrono::nanoseconds
ToModel(Time time)
{
    return std::chrono::nanoseconds(time.GetNanoSeconds());
}

Ptr<Packet>
PacketOf(ByteSpan octets)
{
    return Create<Packet>(octets.data(), static_cast<uint32_t>(octets.size()));
}

Time
Until(std::chrono::nanoseconds due)
{
    return std::max(NanoSeconds((due - ModelNow()).count()), Time(0));
}

} // namespace

TypeId
IpsecAggfrag::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::IpsecAggfrag")
            .SetParent<Object>()
            .SetGroupName("Ipsec")
            .AddConstructor<IpsecAggfrag>()
            .AddAttribute("PacketSize",
                          "Largest size of ESP packets, in octets of IP; 0: what the link and the "
                          "path MTU allow.",
                          UintegerValue(0),
                          MakeUintegerAccessor(&IpsecAggfrag::m_packetSize),
                          MakeUintegerChecker<uint32_t>(0, kLargestPacket))
            .AddAttribute("Interval",
                          "Time from one payload to the next, whatever the traffic; 0: payloads "
                          "are sent on demand. For SAs that are set up from now on, as Delay, "
                          "MaxQueue, ReorderWindow, DropTime, InOrder and CopyDscp.",
                          TimeValue(Seconds(0)),
                          MakeTimeAccessor(&IpsecAggfrag::m_interval),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("Delay",
                          "Time for which a payload that is not full waits for more packets, when "
                          "sent on demand; 0: for those of the same instant.",
                          TimeValue(Seconds(0)),
                          MakeTimeAccessor(&IpsecAggfrag::m_delay),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("MaxQueue",
                          "Octets of inner packets that may wait on one SA.",
                          UintegerValue(1000000),
                          MakeUintegerAccessor(&IpsecAggfrag::m_maxQueue),
                          MakeUintegerChecker<uint32_t>())
            .AddAttribute("ReorderWindow",
                          "Payloads that may come before a missing one until it is given up.",
                          UintegerValue(3),
                          MakeUintegerAccessor(&IpsecAggfrag::m_reorderWindow),
                          MakeUintegerChecker<uint32_t>(0, kLargestWindow))
            .AddAttribute("DropTime",
                          "Time for which payloads that came wait for one that is missing; 0: as "
                          "long as the window does.",
                          TimeValue(Seconds(1)),
                          MakeTimeAccessor(&IpsecAggfrag::m_dropTime),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute("InOrder",
                          "Whether inner packets are delivered in the order in which they were "
                          "sent, or as soon as they are whole.",
                          BooleanValue(true),
                          MakeBooleanAccessor(&IpsecAggfrag::m_inOrder),
                          MakeBooleanChecker())
            .AddAttribute("CopyDscp",
                          "Whether the outer DSCP is that of the packet that a payload begins "
                          "with, where OuterDscp of the gateway is the inner one; otherwise it is "
                          "0 there. ECN is never mapped.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&IpsecAggfrag::m_copyDscp),
                          MakeBooleanChecker());
    return tid;
}

IpsecAggfrag::Pair::Pair(const esp::AggfragSenderConfig& sending,
                         const esp::AggfragReceiverConfig& receiving)
    : sender(sending, ModelNow()),
      receiver(receiving)
{
}

void
IpsecAggfrag::SetGateway(IpsecGateway* gateway)
{
    m_gateway = gateway;
}

void
IpsecAggfrag::AddPort(std::function<Port()> port)
{
    m_ports.push_back(std::move(port));
}

bool
IpsecAggfrag::CopiesDscp() const
{
    return m_copyDscp;
}

void
IpsecAggfrag::DoDispose()
{
    for (auto& [spi, pair] : m_pairs)
    {
        pair.sending.Cancel();
        pair.receiving.Cancel();
    }
    m_pairs.clear();
    m_ports.clear();
    m_gateway = nullptr;
    Object::DoDispose();
}

// ---- pairs of SAs

void
IpsecAggfrag::Install(uint32_t spiInbound, bool peerTakesFragments)
{
    NS_ABORT_MSG_IF(m_ports.empty(), "AGGFRAG needs an IpsecNetDevice");
    esp::AggfragSenderConfig sending;
    sending.fragment = peerTakesFragments;
    sending.maxQueue = m_maxQueue;
    sending.delay = ToModel(m_delay);
    sending.interval = ToModel(m_interval);
    esp::AggfragReceiverConfig receiving;
    receiving.window = m_reorderWindow;
    receiving.dropTime = ToModel(m_dropTime);
    receiving.inOrder = m_inOrder;
    Pair& pair = m_pairs
                     .emplace(std::piecewise_construct,
                              std::forward_as_tuple(spiInbound),
                              std::forward_as_tuple(sending, receiving))
                     .first->second;
    pair.receiver.SetRefusedCallback(
        [this](esp::DropReason reason, ByteSpan payload)
        { m_gateway->NotifyWithdrawn(PacketOf(payload), reason, false); });
    if (m_ports.size() == 1)
    {
        pair.port = m_ports.front()();
    }
    ScheduleSending(spiInbound, pair);
}

void
IpsecAggfrag::Retire(uint32_t spiInbound)
{
    Pair* const pair = Find(spiInbound);
    if (!pair)
    {
        return;
    }
    pair->sending.Cancel();
    const std::vector<Bytes> packets = pair->sender.Close();
    if (!packets.empty())
    {
        // Not at once: IKE is in the middle of replacing the SA.
        Simulator::ScheduleNow(&IpsecAggfrag::Reoffer,
                               Ptr<IpsecAggfrag>(this),
                               packets,
                               pair->port);
    }
}

void
IpsecAggfrag::Remove(uint32_t spiInbound)
{
    Retire(spiInbound);
    Pair* const pair = Find(spiInbound);
    if (!pair)
    {
        return;
    }
    pair->receiving.Cancel();
    Take(spiInbound,
         *pair,
         [](esp::AggfragReceiver& receiver, const esp::AggfragReceiver::Sink& sink)
         { receiver.Close(sink); });
    Add(m_gone, *pair);
    m_pairs.erase(spiInbound);
}

IpsecAggfrag::Pair*
IpsecAggfrag::Find(uint32_t spiInbound)
{
    const auto found = m_pairs.find(spiInbound);
    return found == m_pairs.end() ? nullptr : &found->second;
}

/// Packets have a port, the one that they came by, unless nobody called SendFull for them.
void
IpsecAggfrag::Reoffer(const std::vector<Bytes>& packets, const Port& port)
{
    for (const Bytes& octets : packets)
    {
        if (m_gateway && port.offer)
        {
            port.offer(PacketOf(octets));
        }
        else if (m_gateway)
        {
            m_gateway->NotifyQueueDrop(PacketOf(octets), true);
        }
    }
}

// ---- payloads that leave

esp::DropReason
IpsecAggfrag::Enqueue(const esp::OutboundSa& sa, ByteSpan packet)
{
    m_entered = sa.Config().spiInbound;
    Pair* const pair = Find(m_entered);
    return pair ? pair->sender.Enqueue(ModelNow(), packet) : esp::DropReason::AggfragQueue;
}

void
IpsecAggfrag::SendFull(Port port)
{
    Pair* const pair = Find(m_entered);
    esp::OutboundSa* const sa = m_gateway->GetDataPlane().GetSad().FindOutboundOf(m_entered);
    if (!pair || !sa)
    {
        return;
    }
    pair->port = std::move(port);
    while (pair->sender.IsFull(sa->LargestInner(PayloadSize(*sa, pair->port))))
    {
        SendOne(*pair, *sa);
    }
    ScheduleSending(m_entered, *pair);
}

/// Octets of IP that the next ESP packet may have.
size_t
IpsecAggfrag::PayloadSize(const esp::OutboundSa& sa, const Port& port) const
{
    const auto known =
        m_gateway->GetPathMtu()->GetPathMtu(sa.Config().outerDestination, sa.Config().spi);
    return std::max<size_t>(Limit(std::min<size_t>(port.mtu, known.value_or(port.mtu))),
                            kSmallestPacket);
}

size_t
IpsecAggfrag::Limit(size_t mtu) const
{
    return m_packetSize == 0
             ? mtu
             : std::min<size_t>(mtu, std::max<size_t>(m_packetSize, kSmallestPacket));
}

void
IpsecAggfrag::SendOne(Pair& pair, esp::OutboundSa& sa)
{
    const size_t room = wire::kAggfragHeaderSize + sa.LargestInner(PayloadSize(sa, pair.port));
    esp::PacketBuffer& buffer = m_gateway->GetDataPlane().Buffer();
    uint8_t* const octets = buffer.Reset(room);
    const esp::AggfragSender::Payload payload = pair.sender.Next(
        ModelNow(),
        {octets, room},
        [this](ByteSpan packet)
        { m_gateway->NotifyWithdrawn(PacketOf(packet), esp::DropReason::TooBig, true); });
    if (payload.length == 0)
    {
        return;
    }
    buffer.MoveBack(static_cast<std::ptrdiff_t>(payload.length) -
                    static_cast<std::ptrdiff_t>(room));
    const Ptr<Packet> sealed = m_gateway->SealAggfrag(sa, static_cast<uint8_t>(payload.tos >> 2));
    if (sealed && !pair.port.send(sealed))
    {
        m_gateway->NotifyAggfragQueueDrop(sealed);
    }
}

/// A pair that may not send yet lets its turns pass.
void
IpsecAggfrag::SendDue(uint32_t spiInbound)
{
    Pair* const pair = Find(spiInbound);
    esp::Sad& sad = m_gateway->GetDataPlane().GetSad();
    esp::OutboundSa* const sa = sad.FindOutboundOf(spiInbound);
    const bool constant = pair && pair->sender.IsConstant();
    if (!pair || !sa || (!constant && !pair->port.send))
    {
        return;
    }
    const bool may = pair->port.send && (!constant || sad.IsOutboundReady(spiInbound));
    while (pair->sender.IsDue(ModelNow()))
    {
        if (may)
        {
            SendOne(*pair, *sa);
        }
        else
        {
            pair->sender.Skip();
        }
    }
    ScheduleSending(spiInbound, *pair);
}

void
IpsecAggfrag::ScheduleSending(uint32_t spiInbound, Pair& pair)
{
    const auto due = pair.sender.Due();
    if (due && pair.sending.IsExpired())
    {
        pair.sending = Simulator::Schedule(Until(*due), &IpsecAggfrag::SendDue, this, spiInbound);
    }
}

// ---- payloads that come in

template <typename Taking>
void
IpsecAggfrag::Take(uint32_t spiInbound, Pair& pair, const Taking& take)
{
    // Whoever gets a packet may send one, and the data plane's buffer is what they are read from.
    std::vector<Ptr<Packet>> packets;
    take(pair.receiver,
         [&](ByteSpan octets)
         {
             const auto packet = PacketOf(octets);
             if (m_gateway->AdmitInner(spiInbound, packet, octets))
             {
                 packets.push_back(packet);
             }
         });
    const Deliver deliver = pair.deliver;
    for (const Ptr<Packet>& packet : packets)
    {
        deliver(packet);
    }
}

void
IpsecAggfrag::Receive(uint32_t spiInbound, uint64_t number, const Deliver& deliver)
{
    Pair* const pair = Find(spiInbound);
    if (!pair)
    {
        return;
    }
    pair->deliver = deliver;
    Take(spiInbound,
         *pair,
         [&](esp::AggfragReceiver& receiver, const esp::AggfragReceiver::Sink& sink)
         { receiver.Add(ModelNow(), number, m_gateway->GetDataPlane().Buffer().Span(), sink); });
    if (Pair* const still = Find(spiInbound))
    {
        ScheduleReceiving(spiInbound, *still);
    }
}

void
IpsecAggfrag::ReceiveDue(uint32_t spiInbound)
{
    Pair* const pair = Find(spiInbound);
    if (!pair)
    {
        return;
    }
    Take(spiInbound,
         *pair,
         [](esp::AggfragReceiver& receiver, const esp::AggfragReceiver::Sink& sink)
         { receiver.HandleTimeout(ModelNow(), sink); });
    if (Pair* const still = Find(spiInbound))
    {
        ScheduleReceiving(spiInbound, *still);
    }
}

/// The timer may wait for what has come since; then it is early, and set anew.
void
IpsecAggfrag::ScheduleReceiving(uint32_t spiInbound, Pair& pair)
{
    const auto due = pair.receiver.Due();
    if (due && pair.receiving.IsExpired())
    {
        pair.receiving =
            Simulator::Schedule(Until(*due), &IpsecAggfrag::ReceiveDue, this, spiInbound);
    }
}

// ---- counters

void
IpsecAggfrag::Add(Counters& sum, const Pair& pair)
{
    const auto sent = pair.sender.GetCounters();
    sum.sent.taken += sent.taken;
    sum.sent.sent += sent.sent;
    sum.sent.tooBig += sent.tooBig;
    sum.sent.returned += sent.returned;
    sum.sent.payloads += sent.payloads;
    sum.sent.padding += sent.padding;
    sum.waiting += pair.sender.Waiting();
    const auto received = pair.receiver.GetCounters();
    sum.received.in += received.in;
    for (size_t i = 0; i < received.verdicts.size(); ++i)
    {
        sum.received.verdicts[i] += received.verdicts[i];
    }
    sum.received.missing += received.missing;
    sum.received.abandoned += received.abandoned;
    sum.held += pair.receiver.Held();
}

IpsecAggfrag::Counters
IpsecAggfrag::GetCounters() const
{
    Counters sum = m_gone;
    for (const auto& [spi, pair] : m_pairs)
    {
        Add(sum, pair);
    }
    return sum;
}

bool
IpsecAggfrag::Counters::Balanced() const
{
    uint64_t ends = held;
    for (const uint64_t count : received.verdicts)
    {
        ends += count;
    }
    return sent.taken == sent.sent + sent.tooBig + sent.returned + waiting && received.in == ends;
}

} // namespace ns3
