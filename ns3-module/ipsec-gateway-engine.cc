/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * IpsecGateway: packets that an engine spends time on.
 */

#include "ipsec-gateway.h"

#include "model/wire/ip-packet.h"

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

constexpr std::size_t kPorts = 4;

/// Octets for a hash: protocol, source, destination, ports.
class FlowKey
{
  public:
    void Append(const uint8_t* octets, std::size_t count)
    {
        std::memcpy(m_octets.data() + m_size, octets, count);
        m_size += count;
    }

    uint32_t Hash() const
    {
        return Hash32(m_octets.data(), m_size);
    }

  private:
    std::array<char, 1 + 2 * 16 + kPorts> m_octets{};
    std::size_t m_size{0};
};

/// Without ports, as in ESP, zeros stand in their place.
uint32_t
HashOf(uint8_t protocol,
       const ipseclab::IpAddress& source,
       const ipseclab::IpAddress& destination,
       const uint8_t* ports)
{
    constexpr uint8_t kNone[kPorts] = {};
    FlowKey key;
    key.Append(&protocol, 1);
    key.Append(source.Octets().data(), source.Octets().size());
    key.Append(destination.Octets().data(), destination.Octets().size());
    key.Append(ports ? ports : kNone, kPorts);
    return key.Hash();
}

/// Of the protocol and the addresses, and of what stands where ports are when that is asked for.
uint32_t
HashFlow(const wire::IpView& view, bool ports)
{
    const bool there = ports && view.totalLength >= view.upperOffset + kPorts;
    return HashOf(view.Protocol(),
                  view.Source(),
                  view.Destination(),
                  there ? view.header + view.upperOffset : nullptr);
}

/// What a NIC of the other gateway makes of packets of that SA: HashFlow without ports.
uint32_t
HashOuter(const esp::OutboundSa& sa)
{
    return HashOf(wire::kProtocolEsp,
                  sa.Config().outerSource,
                  sa.Config().outerDestination,
                  nullptr);
}

} // namespace

/// A packet on its way through an engine.
struct IpsecGateway::Deferred
{
    Ptr<const Packet> packet;
    uint16_t mtu;
    bool outbound;
    IpsecStep step;
    Forward forward;
    bool processed{false};
    Outcome outcome{esp::Verdict::Drop, nullptr}; ///< with a packet only when that is transformed
};

void
IpsecGateway::SetEngine(Ptr<IpsecEngine> engine, bool outbound)
{
    (outbound ? m_outboundEngine : m_inboundEngine) = engine;
}

void
IpsecGateway::SetResources(uint32_t resources)
{
    m_resources = resources;
    if (resources == 0)
    {
        m_dataPlane.SetResourceRule({});
        return;
    }
    // An engine that dispatches by resource has packets on the same cores.
    m_dataPlane.SetResourceRule([resources](const wire::IpView& packet)
                                { return HashFlow(packet, true) % resources; });
}

uint32_t
IpsecGateway::GetResources() const
{
    return m_resources;
}

void
IpsecGateway::SetResourceFallback(bool allowed)
{
    m_resourceFallback = allowed;
    m_dataPlane.SetResourceFallback(allowed);
}

bool
IpsecGateway::GetResourceFallback() const
{
    return m_resourceFallback;
}

bool
IpsecGateway::DeferOutbound(Ptr<const Packet> packet, uint16_t mtu, Forward forward)
{
    Load(packet);
    wire::IpView view;
    if (!wire::ParseIp(m_dataPlane.Buffer().Span(), view))
    {
        return false;
    }
    const ipseclab::PacketSelectors selectors = m_dataPlane.Select(view);
    const esp::OutboundSa* const sa = m_dataPlane.FindProtecting(selectors);
    if (!sa || sa->Config().aggfrag)
    {
        return false;
    }
    m_dataPlane.NoteOutbound(view, selectors); // later fragments may come before it is processed
    timing::Job job;
    job.octets = static_cast<uint32_t>(view.totalLength);
    job.spi = sa->Config().spi;
    job.innerFlow = HashFlow(view, true);
    job.outerFlow = HashOuter(*sa);
    job.resource = selectors.resource.value_or(0);
    job.subspace = sa->PeekSubspace(view, job.resource);
    job.urgent = m_outboundEngine->IsUrgent(static_cast<uint8_t>(view.Tos() >> 2));
    Defer(m_outboundEngine,
          job,
          Deferred{packet, mtu, true, m_outboundEngine->GetStep(), std::move(forward)});
    return true;
}

bool
IpsecGateway::DeferInbound(Ptr<const Packet> packet, uint16_t mtu, Forward forward)
{
    Load(packet);
    wire::IpView view;
    if (!wire::ParseIp(m_dataPlane.Buffer().Span(), view) || !IsLocalAddress(view.Destination()))
    {
        return false;
    }
    const auto espOffset = wire::FindEsp(view);
    if (!espOffset)
    {
        return false;
    }
    const uint32_t spi = wire::ReadSpi(view, *espOffset);
    const esp::InboundSa* const sa = m_dataPlane.GetSad().FindInbound(spi);
    // Engines keep state by SPI, which a forger must not make grow.
    if (!sa || sa->Config().aggfrag)
    {
        return false;
    }
    const esp::SequenceNumber number =
        sa->PeekNumber(ipseclab::ByteSpan(view.header + *espOffset, view.totalLength - *espOffset));
    timing::Job job;
    job.octets = static_cast<uint32_t>(view.totalLength);
    job.spi = spi;
    job.subspace = number.subspace;
    job.number = number.counter;
    job.outerFlow = HashFlow(view, false);
    job.innerFlow = job.outerFlow;
    JoinedTag joined;
    job.fragments = packet->PeekPacketTag(joined) ? joined.GetFragments() : 0;
    job.urgent = m_inboundEngine->IsUrgent(static_cast<uint8_t>(view.Tos() >> 2));
    Defer(m_inboundEngine,
          job,
          Deferred{packet, mtu, false, m_inboundEngine->GetStep(), std::move(forward)});
    return true;
}

void
IpsecGateway::Defer(Ptr<IpsecEngine> engine, const timing::Job& job, Deferred work)
{
    if (work.step == IpsecStep::Arrival)
    {
        Process(work);
        if (!work.outcome.packet)
        {
            return; // no engine has to do with it
        }
    }
    const auto shared = std::make_shared<Deferred>(std::move(work));
    engine->Submit(job, [this, shared](timing::Outcome outcome) { Continue(*shared, outcome); });
}

void
IpsecGateway::Process(Deferred& work)
{
    work.processed = true;
    if (work.outbound)
    {
        Load(work.packet);
        work.outcome = Finish(work.packet, m_dataPlane.ProcessOutbound(work.mtu, true), true);
    }
    else
    {
        work.outcome = ProcessInbound(work.packet, work.mtu);
    }
    // Policies and SAs may have changed since: what is not sealed or opened now goes on at once.
    if (work.outcome.verdict != esp::Verdict::Drop && !work.outcome.packet)
    {
        work.forward(work.outcome);
    }
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
        if (work.outcome.packet)
        {
            work.forward(work.outcome);
        }
        return;
    case timing::Outcome::Dropped:
        break;
    }
    if (!work.processed || work.outcome.packet)
    {
        m_dataPlane.CountEngineDrop(work.outbound, work.processed);
        m_dropTrace(work.packet, esp::DropReason::EngineFull, work.outbound);
    }
}

} // namespace ns3
