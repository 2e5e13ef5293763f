/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-net-device.h"

#include "ns3/abort.h"
#include "ns3/channel.h"
#include "ns3/log.h"
#include "ns3/uinteger.h"

namespace ns3
{

using ipseclab::esp::Verdict;

NS_LOG_COMPONENT_DEFINE("IpsecNetDevice");
NS_OBJECT_ENSURE_REGISTERED(IpsecNetDevice);

namespace
{

/// The EtherType of what became of a frame; that of the frame itself when it stayed as it was.
uint16_t
ProtocolAfter(Ptr<const Packet> before, Ptr<const Packet> after, uint16_t protocol)
{
    return before == after ? protocol : IpsecGateway::ProtocolOf(after);
}

} // namespace

TypeId
IpsecNetDevice::GetTypeId()
{
    static TypeId tid = TypeId("ns3::IpsecNetDevice")
                            .SetParent<NetDevice>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<IpsecNetDevice>()
                            .AddAttribute("InnerMtu",
                                          "Longest packet that IP gives to this device, in octets; "
                                          "0: the MTU of the device below.",
                                          UintegerValue(0),
                                          MakeUintegerAccessor(&IpsecNetDevice::m_innerMtu),
                                          MakeUintegerChecker<uint16_t>());
    return tid;
}

void
IpsecNetDevice::Attach(Ptr<IpsecGateway> gateway, Ptr<NetDevice> lower)
{
    NS_ABORT_MSG_IF(m_lower, "this device stands on top of another already");
    NS_ABORT_MSG_UNLESS(gateway && lower && lower->GetNode(),
                        "needs a gateway, and a device on its node");
    m_gateway = gateway;
    m_lower = lower;
    lower->GetNode()->AddDevice(this);
    lower->SetReceiveCallback(MakeCallback(&IpsecNetDevice::ReceiveFromLower, this));
    gateway->GetAggfrag()->AddPort([self = Ptr<IpsecNetDevice>(this)]
                                   { return self->AggfragPort(); });
}

IpsecAggfrag::Port
IpsecNetDevice::AggfragPort()
{
    if (!m_lower || m_lower->NeedsArp())
    {
        return {};
    }
    return PortOf([this](Ptr<Packet> leaving, uint16_t protocol)
                  { return m_lower->Send(leaving, m_lower->GetBroadcast(), protocol); });
}

template <typename Sending>
IpsecAggfrag::Port
IpsecNetDevice::PortOf(const Sending& send)
{
    const Ptr<IpsecNetDevice> self(this);
    return {m_lower->GetMtu(),
            [self, send](Ptr<Packet> sealed)
            { return self->m_lower && self->SendPieces(sealed, std::nullopt, send); },
            [self, send](Ptr<Packet> packet)
            {
                if (self->m_lower)
                {
                    self->Leave(packet, IpsecGateway::ProtocolOf(packet), send);
                }
            }};
}

Ptr<NetDevice>
IpsecNetDevice::GetLower() const
{
    return m_lower;
}

template <typename Sending>
bool
IpsecNetDevice::Leave(Ptr<Packet> packet, uint16_t protocol, const Sending& send)
{
    if (!m_gateway->IsGuarded(protocol))
    {
        return send(packet, protocol);
    }
    bool sent = true;
    for (const Ptr<Packet>& piece : m_gateway->GetPathMtu()->CutInner(packet, m_lower->GetMtu()))
    {
        sent = Protect(piece, send) && sent;
    }
    return sent;
}

template <typename Sending>
bool
IpsecNetDevice::Protect(Ptr<Packet> packet, const Sending& send)
{
    const uint16_t mtu = m_lower->GetMtu();
    const std::optional<size_t> ownLength = m_gateway->GetPathMtu()->OwnLength(packet);
    const auto forward = [self = Ptr<IpsecNetDevice>(this), packet, send, ownLength](
                             const IpsecGateway::Outcome& outcome)
    {
        // It is still there when an engine is done.
        return self->m_lower && self->Forward(outcome, packet, ownLength, send);
    };
    return (m_gateway->HasEngine(true) && m_gateway->DeferOutbound(packet, mtu, forward)) ||
           forward(m_gateway->ProcessOutbound(packet, mtu));
}

template <typename Sending>
bool
IpsecNetDevice::Forward(const IpsecGateway::Outcome& outcome,
                        Ptr<Packet> packet,
                        std::optional<size_t> ownLength,
                        const Sending& send)
{
    if (outcome.verdict == Verdict::Bypass)
    {
        return Account(packet,
                       (m_innerMtu == 0 || packet->GetSize() <= m_lower->GetMtu()) &&
                           send(packet, IpsecGateway::ProtocolOf(packet)));
    }
    if (outcome.verdict == Verdict::Aggfrag)
    {
        m_gateway->GetAggfrag()->SendFull(PortOf(send));
        return true;
    }
    return outcome.packet && SendSealed(outcome.packet, ownLength, send);
}

template <typename Sending>
bool
IpsecNetDevice::SendSealed(Ptr<Packet> packet, std::optional<size_t> ownLength, const Sending& send)
{
    return Account(packet, SendPieces(packet, ownLength, send));
}

template <typename Sending>
bool
IpsecNetDevice::SendPieces(Ptr<Packet> packet, std::optional<size_t> ownLength, const Sending& send)
{
    const uint16_t protocol = IpsecGateway::ProtocolOf(packet);
    const Ptr<IpsecPathMtu> sizes = m_gateway->GetPathMtu();
    bool sent = true;
    for (const Ptr<Packet>& piece : sizes->CutOuter(packet, m_lower->GetMtu(), ownLength))
    {
        sent = sent && send(piece, protocol);
    }
    return sent;
}

bool
IpsecNetDevice::Send(Ptr<Packet> packet, const Address& dest, uint16_t protocolNumber)
{
    return Leave(packet,
                 protocolNumber,
                 [this, dest](Ptr<Packet> leaving, uint16_t protocol)
                 { return m_lower->Send(leaving, dest, protocol); });
}

bool
IpsecNetDevice::SendFrom(Ptr<Packet> packet,
                         const Address& source,
                         const Address& dest,
                         uint16_t protocolNumber)
{
    return Leave(packet,
                 protocolNumber,
                 [this, source, dest](Ptr<Packet> leaving, uint16_t protocol)
                 { return m_lower->SendFrom(leaving, source, dest, protocol); });
}

bool
IpsecNetDevice::Account(Ptr<const Packet> packet, bool sent)
{
    if (!sent)
    {
        m_gateway->NotifyQueueDrop(packet, true);
    }
    return sent;
}

bool
IpsecNetDevice::EnterLater(Ptr<const Packet> packet,
                           uint16_t protocol,
                           std::function<void(Ptr<const Packet>)> receive)
{
    if (!m_gateway->IsGuarded(protocol) || !m_gateway->HasEngine(false))
    {
        return false;
    }
    const auto forward = [self = Ptr<IpsecNetDevice>(this), packet, receive = std::move(receive)](
                             const IpsecGateway::Outcome& outcome)
    {
        // It is still there when the engine is done.
        const Ptr<const Packet> entered =
            self->m_lower ? self->Admit(outcome, packet, receive) : nullptr;
        if (entered)
        {
            receive(entered);
        }
    };
    return m_gateway->DeferInbound(packet, m_lower->GetMtu(), forward);
}

Ptr<const Packet>
IpsecNetDevice::JoinFragments(Ptr<const Packet> packet, uint16_t protocol)
{
    return m_gateway->IsGuarded(protocol) ? m_gateway->GetPathMtu()->Join(packet) : packet;
}

template <typename Receiving>
Ptr<const Packet>
IpsecNetDevice::Enter(Ptr<const Packet> packet, uint16_t protocol, const Receiving& receive)
{
    return m_gateway->IsGuarded(protocol)
             ? Admit(m_gateway->ProcessInbound(packet, m_lower->GetMtu()), packet, receive)
             : packet;
}

template <typename Receiving>
Ptr<const Packet>
IpsecNetDevice::Admit(const IpsecGateway::Outcome& outcome,
                      Ptr<const Packet> packet,
                      const Receiving& receive)
{
    if (outcome.verdict == Verdict::Aggfrag)
    {
        m_gateway->GetAggfrag()->Receive(
            outcome.spi,
            outcome.number,
            [self = Ptr<IpsecNetDevice>(this), receive](Ptr<Packet> entered)
            {
                if (self->m_lower) // still there when a timer gives packets free
                {
                    receive(entered);
                }
            });
    }
    return outcome.verdict == Verdict::Bypass ? packet : Ptr<const Packet>(outcome.packet);
}

bool
IpsecNetDevice::ReceiveFromLower(Ptr<NetDevice>,
                                 Ptr<const Packet> arrived,
                                 uint16_t protocol,
                                 const Address& from)
{
    if (!m_promiscReceive.IsNull())
    {
        return true; // the promiscuous callback gets every frame and hands it up
    }
    const Ptr<const Packet> packet = JoinFragments(arrived, protocol);
    if (!packet)
    {
        return true; // waits for others
    }
    const auto receive = [this, from](Ptr<const Packet> entered)
    { m_receive(this, entered, IpsecGateway::ProtocolOf(entered), from); };
    if (EnterLater(packet, protocol, receive))
    {
        return true;
    }
    const Ptr<const Packet> entered = Enter(packet, protocol, receive);
    return entered && m_receive(this, entered, ProtocolAfter(packet, entered, protocol), from);
}

bool
IpsecNetDevice::ReceivePromiscuous(Ptr<NetDevice>,
                                   Ptr<const Packet> arrived,
                                   uint16_t protocol,
                                   const Address& from,
                                   const Address& to,
                                   PacketType type)
{
    if (type == PACKET_OTHERHOST)
    {
        return m_promiscReceive(this, arrived, protocol, from, to, type);
    }
    const Ptr<const Packet> packet = JoinFragments(arrived, protocol);
    if (!packet)
    {
        return true; // waits for others
    }
    const auto receive = [this, packet, protocol, from, to, type](Ptr<const Packet> entered)
    {
        const uint16_t now = ProtocolAfter(packet, entered, protocol);
        m_promiscReceive(this, entered, now, from, to, type);
        return m_receive(this, entered, now, from);
    };
    if (EnterLater(packet, protocol, receive))
    {
        return true;
    }
    const Ptr<const Packet> entered = Enter(packet, protocol, receive);
    return entered && receive(entered);
}

void
IpsecNetDevice::SetReceiveCallback(ReceiveCallback cb)
{
    m_receive = cb;
}

void
IpsecNetDevice::SetPromiscReceiveCallback(PromiscReceiveCallback cb)
{
    m_promiscReceive = cb;
    m_lower->SetPromiscReceiveCallback(
        cb.IsNull() ? PromiscReceiveCallback()
                    : MakeCallback(&IpsecNetDevice::ReceivePromiscuous, this));
}

void
IpsecNetDevice::SetIfIndex(const uint32_t index)
{
    m_ifIndex = index;
}

uint32_t
IpsecNetDevice::GetIfIndex() const
{
    return m_ifIndex;
}

Ptr<Channel>
IpsecNetDevice::GetChannel() const
{
    return m_lower->GetChannel();
}

void
IpsecNetDevice::SetAddress(Address address)
{
    m_lower->SetAddress(address);
}

Address
IpsecNetDevice::GetAddress() const
{
    return m_lower->GetAddress();
}

bool
IpsecNetDevice::SetMtu(const uint16_t mtu)
{
    return m_lower->SetMtu(mtu);
}

uint16_t
IpsecNetDevice::GetMtu() const
{
    return m_innerMtu == 0 ? m_lower->GetMtu() : m_innerMtu;
}

bool
IpsecNetDevice::IsLinkUp() const
{
    return m_lower->IsLinkUp();
}

void
IpsecNetDevice::AddLinkChangeCallback(Callback<void> callback)
{
    m_lower->AddLinkChangeCallback(callback);
}

bool
IpsecNetDevice::IsBroadcast() const
{
    return m_lower->IsBroadcast();
}

Address
IpsecNetDevice::GetBroadcast() const
{
    return m_lower->GetBroadcast();
}

bool
IpsecNetDevice::IsMulticast() const
{
    return m_lower->IsMulticast();
}

Address
IpsecNetDevice::GetMulticast(Ipv4Address multicastGroup) const
{
    return m_lower->GetMulticast(multicastGroup);
}

Address
IpsecNetDevice::GetMulticast(Ipv6Address addr) const
{
    return m_lower->GetMulticast(addr);
}

bool
IpsecNetDevice::IsBridge() const
{
    return false;
}

bool
IpsecNetDevice::IsPointToPoint() const
{
    return m_lower->IsPointToPoint();
}

Ptr<Node>
IpsecNetDevice::GetNode() const
{
    return m_node;
}

void
IpsecNetDevice::SetNode(Ptr<Node> node)
{
    m_node = node;
}

bool
IpsecNetDevice::NeedsArp() const
{
    return m_lower->NeedsArp();
}

bool
IpsecNetDevice::SupportsSendFrom() const
{
    return m_lower->SupportsSendFrom();
}

void
IpsecNetDevice::DoDispose()
{
    if (m_lower)
    {
        m_lower->SetReceiveCallback(ReceiveCallback());
        m_lower->SetPromiscReceiveCallback(PromiscReceiveCallback());
    }
    m_receive = ReceiveCallback();
    m_promiscReceive = PromiscReceiveCallback();
    m_lower = nullptr;
    m_gateway = nullptr;
    m_node = nullptr;
    NetDevice::DoDispose();
}

} // namespace ns3
