/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * IpsecGateway: packets that an engine spends time on.
 */

#include "ipsec-gateway.h"

#include "model/wire/ipv4.h"

#include "ns3/hash.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

namespace ns3
{

namespace esp = ipseclab::esp;
namespace timing = ipseclab::timing;
namespace wire = ipseclab::wire;

namespace
{

constexpr std::size_t kAddresses = 8;
constexpr std::size_t kPorts = 4;

/// Of the protocol and the addresses, and of what stands where ports are when that is asked for.
uint32_t
HashFlow(const wire::Ipv4View& view, bool ports)
{
    constexpr std::size_t kSource = 12;
    std::array<char, 1 + kAddresses + kPorts> key{static_cast<char>(view.Protocol())};
    std::memcpy(key.data() + 1, view.header + kSource, kAddresses);
    if (ports && view.totalLength >= view.headerLength + kPorts)
    {
        std::memcpy(key.data() + 1 + kAddresses, view.header + view.headerLength, kPorts);
    }
    return Hash32(key.data(), key.size());
}

/// What a NIC of the other gateway makes of packets of that SA: HashFlow without ports.
uint32_t
HashOuter(const esp::OutboundSa& sa)
{
    std::array<uint8_t, 1 + kAddresses + kPorts> key{wire::kProtocolEsp};
    ipseclab::StoreBe32(key.data() + 1, sa.Config().outerSource.V4Value());
    ipseclab::StoreBe32(key.data() + 5, sa.Config().outerDestination.V4Value());
    return Hash32(reinterpret_cast<const char*>(key.data()), key.size());
}

} // namespace

/// A packet on its way through an engine.
struct IpsecGateway::Deferred
{
    Ptr<const Packet> packet;
    uint16_t mtu; ///< outbound
    bool outbound;
    IpsecStep step;
    Forward forward;
    bool processed{false};
    Ptr<Packet> made{}; ///< null: dropped, or not processed yet
};

void
IpsecGateway::SetEngine(Ptr<IpsecEngine> engine, bool outbound)
{
    (outbound ? m_outboundEngine : m_inboundEngine) = engine;
}

bool
IpsecGateway::DeferOutbound(Ptr<const Packet> packet, uint16_t mtu, Forward forward)
{
    Load(packet);
    wire::Ipv4View view;
    if (!wire::ParseIpv4(m_dataPlane.Buffer().Span(), view))
    {
        return false;
    }
    const esp::SpdEntry* const entry =
        m_dataPlane.GetSpd().LookupOutbound(wire::ReadSelectors(view));
    const esp::OutboundSa* const sa = entry && entry->action == esp::SpdAction::Protect
                                        ? m_dataPlane.GetSad().FindOutbound(entry->peer)
                                        : nullptr;
    if (!sa)
    {
        return false;
    }
    timing::Job job;
    job.octets = static_cast<uint32_t>(view.totalLength);
    job.spi = sa->Config().spi;
    job.innerFlow = HashFlow(view, true);
    job.outerFlow = HashOuter(*sa);
    job.urgent = m_outboundEngine->IsUrgent(static_cast<uint8_t>(view.Tos() >> 2));
    Defer(m_outboundEngine,
          job,
          Deferred{packet, mtu, true, m_outboundEngine->GetStep(), std::move(forward)});
    return true;
}

bool
IpsecGateway::DeferInbound(Ptr<const Packet> packet, Forward forward)
{
    constexpr std::size_t kSpi = 4;
    Load(packet);
    wire::Ipv4View view;
    if (!wire::ParseIpv4(m_dataPlane.Buffer().Span(), view) ||
        view.Protocol() != wire::kProtocolEsp || view.totalLength < view.headerLength + kSpi ||
        !IsLocalAddress(Ipv4Address(view.Destination())))
    {
        return false;
    }
    timing::Job job;
    job.octets = static_cast<uint32_t>(view.totalLength);
    job.spi = ipseclab::LoadBe32(view.header + view.headerLength);
    job.outerFlow = HashFlow(view, false);
    job.innerFlow = job.outerFlow;
    job.urgent = m_inboundEngine->IsUrgent(static_cast<uint8_t>(view.Tos() >> 2));
    Defer(m_inboundEngine,
          job,
          Deferred{packet, 0, false, m_inboundEngine->GetStep(), std::move(forward)});
    return true;
}

void
IpsecGateway::Defer(Ptr<IpsecEngine> engine, const timing::Job& job, Deferred work)
{
    if (work.step == IpsecStep::Arrival)
    {
        Process(work);
        if (!work.made)
        {
            return; // dropped, and no engine has to do with it
        }
    }
    const auto shared = std::make_shared<Deferred>(std::move(work));
    engine->Submit(job, [this, shared](timing::Outcome outcome) { Continue(*shared, outcome); });
}

void
IpsecGateway::Process(Deferred& work)
{
    work.processed = true;
    work.made =
        (work.outbound ? ProcessOutbound(work.packet, work.mtu) : ProcessInbound(work.packet))
            .packet;
}

void
IpsecGateway::Continue(Deferred& work, timing::Outcome outcome)
{
    switch (outcome)
    {
    case timing::Outcome::Started:
        if (work.step == IpsecStep::Start)
        {
            Process(work);
        }
        return;
    case timing::Outcome::Done:
        if (work.step == IpsecStep::Completion)
        {
            Process(work);
        }
        if (work.made)
        {
            work.forward(work.made);
        }
        return;
    case timing::Outcome::Dropped:
        break;
    }
    if (!work.processed || work.made)
    {
        m_dataPlane.CountEngineDrop(work.outbound, work.processed);
        m_dropTrace(work.packet, esp::DropReason::EngineFull, work.outbound);
    }
}

} // namespace ns3
