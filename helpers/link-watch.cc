/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "link-watch.h"

#include "model/wire/bytes.h"
#include "model/wire/ike-constants.h"
#include "model/wire/ipv4.h"

#include "ns3/channel.h"

namespace ipseclab
{

using ns3::MakeCallback;
using ns3::Packet;
using ns3::Ptr;

bool
IsIke(std::uint8_t protocol, const std::uint8_t* ports)
{
    return protocol == wire::kProtocolUdp && LoadBe16(ports) == wire::kIkePort &&
           LoadBe16(ports + 2) == wire::kIkePort;
}

namespace
{

constexpr std::uint32_t kPppHeader = 2;

/// Of a packet on a link, PPP header included.
PacketClass
Classify(Ptr<const Packet> packet)
{
    constexpr std::uint32_t kIpv4Header = 20; // nothing here sends IP options
    constexpr std::uint32_t kProtocol = kPppHeader + 9;
    constexpr std::uint32_t kPorts = kPppHeader + kIpv4Header;
    std::uint8_t front[kPorts + 4]{};
    packet->CopyData(front, sizeof(front));
    if (front[kProtocol] == wire::kProtocolEsp)
    {
        return PacketClass::Esp;
    }
    return IsIke(front[kProtocol], front + kPorts) ? PacketClass::Ike : PacketClass::Clear;
}

LinkCounts&
CountsFor(LinkCountsByClass& counts, Ptr<const Packet> packet)
{
    return counts[static_cast<std::size_t>(Classify(packet))];
}

} // namespace

void
LinkWatch::Listen(Ptr<ns3::NetDevice> a, Ptr<ns3::NetDevice> b)
{
    for (const auto& device : {a, b})
    {
        device->TraceConnectWithoutContext("MacTx", MakeCallback(&LinkWatch::HandleOffered, this));
        device->TraceConnectWithoutContext("MacTxDrop",
                                           MakeCallback(&LinkWatch::HandleQueueDrop, this));
        device->TraceConnectWithoutContext("PhyRxEnd",
                                           MakeCallback(&LinkWatch::HandleArrival, this));
    }
    a->GetChannel()->TraceConnectWithoutContext("Loss", MakeCallback(&LinkWatch::HandleLoss, this));
}

const LinkCountsByClass&
LinkWatch::Counts() const
{
    return m_counts;
}

void
LinkWatch::HandleOffered(Ptr<const Packet> packet)
{
    ++CountsFor(m_counts, packet).offered;
}

void
LinkWatch::HandleQueueDrop(Ptr<const Packet> packet)
{
    ++CountsFor(m_counts, packet).queueDropped;
}

void
LinkWatch::HandleLoss(Ptr<const Packet> packet)
{
    ++CountsFor(m_counts, packet).lost;
}

void
LinkWatch::HandleArrival(Ptr<const Packet> packet)
{
    ++CountsFor(m_counts, packet).arrived;
}

} // namespace ipseclab
