/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * IpsecGateway: packets through the data plane.
 */

#include "ipsec-gateway.h"

#include "model/wire/ip-packet.h"

#include "ns3/abort.h"
#include "ns3/log.h"

#include <algorithm>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace wire = ipseclab::wire;

NS_LOG_COMPONENT_DEFINE("IpsecGatewayPackets");

void
IpsecGateway::Load(Ptr<const Packet> packet)
{
    const uint32_t size = packet->GetSize();
    // What is no IP packet by its size is counted as malformed, like any other.
    const uint32_t kept = size > esp::PacketBuffer::kMaximumPacket ? 0 : size;
    uint8_t* const data = m_dataPlane.Buffer().Reset(kept);
    packet->CopyData(data, kept);
    m_loaded = data;
}

IpsecGateway::Outcome
IpsecGateway::ProcessOutbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    return Finish(packet, m_dataPlane.ProcessOutbound(mtu), true);
}

IpsecGateway::Outcome
IpsecGateway::ProcessInbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    const esp::DataPlaneResult result = Open();
    if (result.verdict == esp::Verdict::Transformed)
    {
        esp::PacketBuffer& buffer = m_dataPlane.Buffer();
        m_pathMtu->ClampOpened({buffer.Data(), buffer.Size()}, mtu);
    }
    return Finish(packet, result, false);
}

IpsecGateway::Outcome
IpsecGateway::ForwardOutbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    if (!wire::ParseIp(buffer.Span(), view) || !IsForwardable(view, mtu))
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    const esp::SpdEntry* const entry =
        m_dataPlane.GetSpd().LookupOutbound(m_dataPlane.Select(view));
    if (!entry || entry->action != esp::SpdAction::Protect)
    {
        return {esp::Verdict::Bypass, nullptr};
    }
    wire::DecrementHops(buffer.Data());
    Outcome outcome = Finish(packet, m_dataPlane.ProcessOutbound(mtu), true);
    outcome.forwarded = outcome.verdict == esp::Verdict::Transformed;
    return outcome;
}

IpsecGateway::Outcome
IpsecGateway::ForwardInbound(Ptr<const Packet> packet, uint16_t mtu)
{
    Load(packet);
    const esp::DataPlaneResult result = Open();
    esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    const bool forwarded = result.verdict == esp::Verdict::Transformed &&
                           wire::ParseIp(buffer.Span(), view) && IsForwardable(view, mtu);
    if (forwarded)
    {
        wire::DecrementHops(buffer.Data());
    }
    Outcome outcome = Finish(packet, result, false);
    outcome.forwarded = forwarded;
    return outcome;
}

bool
IpsecGateway::IsForwardable(const wire::IpView& view, uint16_t mtu) const
{
    return view.Ttl() > 1 && view.totalLength <= mtu && !IsForNode(view);
}

esp::DataPlaneResult
IpsecGateway::Open()
{
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    wire::IpView view;
    if (!wire::ParseIp(buffer.Span(), view) || !IsLocalAddress(view.Destination()))
    {
        return m_dataPlane.ProcessInboundClear();
    }
    const std::optional<size_t> espOffset = wire::FindEsp(view);
    if (!espOffset && view.Protocol() != wire::kProtocolEsp)
    {
        const esp::DataPlaneResult clear = m_dataPlane.ProcessInboundClear();
        if (clear.verdict == esp::Verdict::Bypass)
        {
            m_pathMtu->Read(view);
        }
        return clear;
    }
    const uint32_t spi = espOffset ? wire::ReadSpi(view, *espOffset) : 0;
    const esp::DataPlaneResult result = m_dataPlane.ProcessInbound();
    m_espReceivedTrace(spi, result.number, result.drop);
    return result;
}

IpsecGateway::Outcome
IpsecGateway::Finish(Ptr<const Packet> packet, const esp::DataPlaneResult& result, bool outbound)
{
    if (result.verdict == esp::Verdict::Drop)
    {
        NS_LOG_LOGIC("drop: " << esp::Name(result.drop));
        m_dropTrace(packet, result.drop, outbound);
    }
    if (result.verdict == esp::Verdict::Aggfrag && !outbound)
    {
        m_pathSizes->NoteOpened(packet, result.spi);
    }
    if (result.verdict != esp::Verdict::Transformed)
    {
        return {result.verdict, nullptr, false, result.spi, result.number};
    }
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    const auto made = Create<Packet>(buffer.Data(), static_cast<uint32_t>(buffer.Size()));
    CarryByteTags(packet, made);
    if (outbound)
    {
        m_espSentTrace(result.spi, result.number);
    }
    else
    {
        m_pathSizes->NoteOpened(packet, result.spi);
    }
    return {result.verdict, made};
}

Ptr<Packet>
IpsecGateway::SealAggfrag(esp::OutboundSa& sa, uint8_t dscp)
{
    const esp::DataPlaneResult result = m_dataPlane.SealAggfrag(sa, dscp);
    const esp::PacketBuffer& buffer = m_dataPlane.Buffer();
    const auto packet = Create<Packet>(buffer.Data(), static_cast<uint32_t>(buffer.Size()));
    if (result.verdict == esp::Verdict::Drop)
    {
        m_dropTrace(packet, result.drop, true);
        return nullptr;
    }
    m_espSentTrace(result.spi, result.number);
    return packet;
}

bool
IpsecGateway::AdmitInner(uint32_t spiInbound, Ptr<const Packet> packet, ipseclab::ByteSpan octets)
{
    const esp::DropReason reason = m_dataPlane.AdmitInner(spiInbound, octets);
    if (reason != esp::DropReason::None)
    {
        m_dropTrace(packet, reason, false);
    }
    return reason == esp::DropReason::None;
}

void
IpsecGateway::NotifyTooBig(Ptr<const Packet> packet)
{
    m_dataPlane.CountInboundTooBig();
    m_dropTrace(packet, esp::DropReason::TooBig, false);
}

void
IpsecGateway::NotifyWithdrawn(Ptr<const Packet> packet, esp::DropReason reason, bool outbound)
{
    m_dataPlane.CountWithdrawn(reason, outbound);
    m_dropTrace(packet, reason, outbound);
}

void
IpsecGateway::NotifyQueueDrop(Ptr<const Packet> packet, bool outbound)
{
    NotifyWithdrawn(packet, esp::DropReason::Queue, outbound);
}

void
IpsecGateway::NotifyAggfragQueueDrop(Ptr<const Packet> packet)
{
    m_dataPlane.CountAggfragQueueDrop();
    m_dropTrace(packet, esp::DropReason::Queue, true);
}

void
IpsecGateway::CarryByteTags(Ptr<const Packet> from, Ptr<Packet> to)
{
    ByteTagIterator tags = from->GetByteTagIterator();
    if (!tags.HasNext())
    {
        return;
    }
    // Transformed in place: an octet of the inner packet has moved by this much within its packet.
    const int64_t moved = m_loaded - m_dataPlane.Buffer().Data();
    const int64_t size = to->GetSize();
    while (tags.HasNext())
    {
        const ByteTagIterator::Item item = tags.Next();
        const int64_t start = std::max<int64_t>(0, item.GetStart() + moved);
        const int64_t end = std::min<int64_t>(size, item.GetEnd() + moved);
        if (start < end && item.GetTypeId().HasConstructor())
        {
            Tag& tag = TagOf(item.GetTypeId());
            item.GetTag(tag);
            to->AddByteTag(tag, static_cast<uint32_t>(start), static_cast<uint32_t>(end));
        }
    }
}

Tag&
IpsecGateway::TagOf(TypeId tid)
{
    for (const auto& known : m_tags)
    {
        if (known.first == tid)
        {
            return *known.second;
        }
    }
    ObjectBase* const made = tid.GetConstructor()();
    auto* const tag = dynamic_cast<Tag*>(made);
    NS_ABORT_MSG_UNLESS(tag, tid.GetName() << " tags bytes and is no Tag");
    m_tags.emplace_back(tid, tag);
    return *tag;
}
} // namespace ns3
