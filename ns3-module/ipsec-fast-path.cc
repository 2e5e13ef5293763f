/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-fast-path.h"

#include "ns3/abort.h"
#include "ns3/arp-l3-protocol.h"
#include "ns3/ipv4-interface.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-queue-disc-item.h"
#include "ns3/ipv6-interface.h"
#include "ns3/ipv6-l3-protocol.h"
#include "ns3/ipv6-queue-disc-item.h"
#include "ns3/ipv6.h"
#include "ns3/log.h"
#include "ns3/loopback-net-device.h"
#include "ns3/traffic-control-layer.h"

namespace ns3
{

using ipseclab::esp::Verdict;

NS_LOG_COMPONENT_DEFINE("IpsecFastPath");
NS_OBJECT_ENSURE_REGISTERED(IpsecFastPath);

namespace
{

/// The whole IP packet of an item; null when it is none.
Ptr<Packet>
WholePacket(Ptr<const QueueDiscItem> item)
{
    const Ptr<Packet> whole = item->GetPacket()->Copy();
    if (const auto v4 = DynamicCast<const Ipv4QueueDiscItem>(item))
    {
        whole->AddHeader(v4->GetHeader());
        return whole;
    }
    if (const auto v6 = DynamicCast<const Ipv6QueueDiscItem>(item))
    {
        whole->AddHeader(v6->GetHeader());
        return whole;
    }
    return nullptr;
}

Ptr<QueueDiscItem>
MakeItem(Ptr<Packet> packet, const Address& address)
{
    const uint16_t protocol = IpsecGateway::ProtocolOf(packet);
    if (protocol == Ipv6L3Protocol::PROT_NUMBER)
    {
        Ipv6Header header;
        packet->RemoveHeader(header);
        return Create<Ipv6QueueDiscItem>(packet, address, protocol, header);
    }
    Ipv4Header header;
    packet->RemoveHeader(header);
    return Create<Ipv4QueueDiscItem>(packet, address, protocol, header);
}

/// Stands between the outside IP interfaces and the node's traffic control: what leaves through
/// the stack passes the SPD as it would with IpsecNetDevice.
class GuardedTrafficControl : public TrafficControlLayer
{
  public:
    static TypeId GetTypeId();
    void Guard(Ptr<TrafficControlLayer> next, Ptr<IpsecGateway> gateway);
    void Receive(Ptr<NetDevice> device,
                 Ptr<const Packet> packet,
                 uint16_t protocol,
                 const Address& from,
                 const Address& to,
                 NetDevice::PacketType type) override;
    void Send(Ptr<NetDevice> device, Ptr<QueueDiscItem> item) override;

  protected:
    void DoDispose() override;

  private:
    Ptr<TrafficControlLayer> m_next;
    Ptr<IpsecGateway> m_gateway;
};

NS_OBJECT_ENSURE_REGISTERED(GuardedTrafficControl);

TypeId
GuardedTrafficControl::GetTypeId()
{
    static TypeId tid = TypeId("ns3::IpsecGuardedTrafficControl")
                            .SetParent<TrafficControlLayer>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<GuardedTrafficControl>();
    return tid;
}

void
GuardedTrafficControl::Guard(Ptr<TrafficControlLayer> next, Ptr<IpsecGateway> gateway)
{
    m_next = next;
    m_gateway = gateway;
}

void
GuardedTrafficControl::Receive(Ptr<NetDevice> device,
                               Ptr<const Packet> packet,
                               uint16_t protocol,
                               const Address& from,
                               const Address& to,
                               NetDevice::PacketType type)
{
    m_next->Receive(device, packet, protocol, from, to, type);
}

void
GuardedTrafficControl::Send(Ptr<NetDevice> device, Ptr<QueueDiscItem> item)
{
    const Ptr<Packet> whole = WholePacket(item);
    if (!whole || !m_gateway->IsGuarded(item->GetProtocol()))
    {
        m_next->Send(device, item);
        return;
    }
    const IpsecGateway::Outcome outcome = m_gateway->ProcessOutbound(whole, device->GetMtu());
    if (outcome.verdict == Verdict::Bypass)
    {
        m_next->Send(device, item);
    }
    else if (outcome.packet)
    {
        m_next->Send(device, MakeItem(outcome.packet, item->GetAddress()));
    }
}

void
GuardedTrafficControl::DoDispose()
{
    m_next = nullptr;
    m_gateway = nullptr;
    TrafficControlLayer::DoDispose();
}

Node::ProtocolHandler
HandlerOf(Ptr<TrafficControlLayer> trafficControl)
{
    // Exactly as the stack makes it, for handlers are compared with it.
    return MakeCallback(&TrafficControlLayer::Receive, trafficControl);
}

} // namespace

TypeId
IpsecFastPath::GetTypeId()
{
    static TypeId tid = TypeId("ns3::IpsecFastPath")
                            .SetParent<Object>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<IpsecFastPath>();
    return tid;
}

void
IpsecFastPath::Attach(Ptr<IpsecGateway> gateway, Ptr<NetDevice> inside, Ptr<NetDevice> outside)
{
    NS_ABORT_MSG_IF(m_gateway, "this fast path is attached already");
    NS_ABORT_MSG_UNLESS(gateway && inside && outside, "needs a gateway and two ports");
    NS_ABORT_MSG_IF(inside->NeedsArp() || outside->NeedsArp(),
                    "both ports must be point to point: the fast path does no ARP");
    m_gateway = gateway;
    m_inside = inside;
    m_outside = outside;
    m_node = outside->GetNode();
    m_stack = HandlerOf(m_node->GetObject<TrafficControlLayer>());
    GuardOutput();
    ReplaceHandlers();
}

void
IpsecFastPath::GuardOutput()
{
    const auto ipv4 = m_node->GetObject<Ipv4L3Protocol>();
    NS_ABORT_MSG_UNLESS(ipv4 && ipv4->GetInterfaceForDevice(m_inside) >= 0 &&
                            ipv4->GetInterfaceForDevice(m_outside) >= 0,
                        "both ports must have their IPv4 interfaces");
    const auto guard = CreateObject<GuardedTrafficControl>();
    guard->Guard(m_node->GetObject<TrafficControlLayer>(), m_gateway);
    ipv4->GetInterface(static_cast<uint32_t>(ipv4->GetInterfaceForDevice(m_outside)))
        ->SetTrafficControl(guard);
    const auto ipv6 = m_node->GetObject<Ipv6L3Protocol>();
    if (ipv6 && ipv6->GetInterfaceForDevice(m_outside) >= 0)
    {
        ipv6->GetInterface(static_cast<uint32_t>(ipv6->GetInterfaceForDevice(m_outside)))
            ->SetTrafficControl(guard);
    }
}

void
IpsecFastPath::ReplaceHandlers()
{
    const auto ipv4 = m_node->GetObject<Ipv4>();
    const auto ipv6 = m_node->GetObject<Ipv6>();
    // One call takes away one registration, of any protocol and device: as often as there can be
    // one (IPv4, ARP and IPv6 of each device), then back what was not ours.
    constexpr uint32_t kProtocols = 3;
    for (uint32_t i = 0; i < kProtocols * m_node->GetNDevices(); ++i)
    {
        m_node->UnregisterProtocolHandler(m_stack);
    }
    for (uint32_t i = 0; i < m_node->GetNDevices(); ++i)
    {
        const Ptr<NetDevice> device = m_node->GetDevice(i);
        if (DynamicCast<LoopbackNetDevice>(device))
        {
            continue; // IPv4 itself is its handler
        }
        const Node::ProtocolHandler handler =
            device == m_inside    ? MakeCallback(&IpsecFastPath::ReceiveInside, this)
            : device == m_outside ? MakeCallback(&IpsecFastPath::ReceiveOutside, this)
                                  : m_stack;
        if (ipv4->GetInterfaceForDevice(device) >= 0)
        {
            m_node->RegisterProtocolHandler(handler, Ipv4L3Protocol::PROT_NUMBER, device);
            m_node->RegisterProtocolHandler(m_stack, ArpL3Protocol::PROT_NUMBER, device);
        }
        if (ipv6 && ipv6->GetInterfaceForDevice(device) >= 0)
        {
            m_node->RegisterProtocolHandler(handler, Ipv6L3Protocol::PROT_NUMBER, device);
        }
    }
}

void
IpsecFastPath::ReceiveInside(Ptr<NetDevice> device,
                             Ptr<const Packet> packet,
                             uint16_t protocol,
                             const Address& from,
                             const Address& to,
                             NetDevice::PacketType type)
{
    const IpsecGateway::Outcome outcome = m_gateway->ForwardOutbound(packet, m_outside->GetMtu());
    if (outcome.verdict == Verdict::Bypass)
    {
        m_stack(device, packet, protocol, from, to, type);
    }
    else if (outcome.forwarded && !m_outside->Send(outcome.packet,
                                                   m_outside->GetBroadcast(),
                                                   IpsecGateway::ProtocolOf(outcome.packet)))
    {
        m_gateway->NotifyQueueDrop(outcome.packet, true);
    }
}

void
IpsecFastPath::ReceiveOutside(Ptr<NetDevice> device,
                              Ptr<const Packet> packet,
                              uint16_t protocol,
                              const Address& from,
                              const Address& to,
                              NetDevice::PacketType type)
{
    const IpsecGateway::Outcome outcome = m_gateway->ForwardInbound(packet, m_inside->GetMtu());
    if (outcome.forwarded)
    {
        if (!m_inside->Send(outcome.packet,
                            m_inside->GetBroadcast(),
                            IpsecGateway::ProtocolOf(outcome.packet)))
        {
            m_gateway->NotifyQueueDrop(outcome.packet, false);
        }
    }
    else if (outcome.verdict != Verdict::Drop)
    {
        const Ptr<const Packet> entered =
            outcome.packet ? Ptr<const Packet>(outcome.packet) : packet;
        m_stack(device,
                entered,
                outcome.packet ? IpsecGateway::ProtocolOf(entered) : protocol,
                from,
                to,
                type);
    }
}

void
IpsecFastPath::DoDispose()
{
    m_stack = Node::ProtocolHandler();
    m_inside = nullptr;
    m_outside = nullptr;
    m_gateway = nullptr;
    m_node = nullptr;
    Object::DoDispose();
}

} // namespace ns3
