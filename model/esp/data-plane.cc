/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/data-plane.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

/// Parses the packet and cuts off what a link may have put behind it.
bool
ParseAndTrim(PacketBuffer& buffer, wire::IpView& view)
{
    if (!wire::ParseIp(buffer.Span(), view))
    {
        return false;
    }
    buffer.MoveBack(-static_cast<std::ptrdiff_t>(buffer.Size() - view.totalLength));
    return true;
}

/// Of an ESP packet; nothing when it is not in UDP.
std::optional<UdpPath>
ReadUdpPath(const wire::IpView& view, std::size_t espOffset)
{
    if (espOffset == view.upperOffset)
    {
        return std::nullopt;
    }
    const std::uint8_t* const udp = view.header + view.upperOffset;
    return UdpPath{wire::ReadSpi(view, espOffset),
                   view.Source(),
                   view.Destination(),
                   {LoadBe16(udp), LoadBe16(udp + 2)}};
}

/// About a first fragment: later ones follow it in clear (RFC 4301, section 7.4), and on an SA for
/// which that was agreed (section 7.3).
FragmentTracker::Decision
Decide(const SpdEntry* entry, const OutboundSa* sa)
{
    FragmentTracker::Decision decision;
    decision.protect = entry && entry->action == SpdAction::Protect;
    decision.follow = decision.protect ? sa && sa->Config().laterFragments
                                       : entry && entry->action == SpdAction::Bypass;
    return decision;
}

/// The selectors of a later fragment get the ports of its first, if they are remembered.
FragmentTracker::Memory
Recall(const FragmentTracker* tracker, const wire::IpView& view, PacketSelectors& packet)
{
    return packet.laterFragment && tracker ? tracker->Recall(view, packet)
                                           : FragmentTracker::Memory{};
}

} // namespace

bool
AggfragCounters::Balanced() const
{
    return made + withdrawn == sealed + outboundDrops.Total() &&
           innerIn == innerAdmitted + innerDrops.Total();
}

bool
DataPlaneCounters::Balanced() const
{
    return outboundIn + outboundWithdrawn ==
               outboundSealed + outboundAggregated + outboundBypassed + outboundDrops.Total() &&
           inboundIn + inboundWithdrawn ==
               inboundOpened + inboundAggregated + inboundBypassed + inboundDrops.Total() &&
           aggfrag.Balanced();
}

void
DataPlane::SetAcquireCallback(AcquireCallback callback)
{
    m_acquire = std::move(callback);
}

void
DataPlane::TrackFragments(const FragmentTracker::Limits& limits,
                          const std::function<FragmentTracker::Instant()>& now)
{
    m_outboundFragments = std::make_unique<FragmentTracker>(limits, now);
    m_clearFragments = std::make_unique<FragmentTracker>(limits, now);
    m_inboundFragments.clear();
    m_makeTracker = [limits, now] { return std::make_shared<FragmentTracker>(limits, now); };
}

const FragmentTracker*
DataPlane::OutboundFragments() const
{
    return m_outboundFragments.get();
}

std::shared_ptr<FragmentTracker>
DataPlane::InboundFragments(const std::string& peer)
{
    if (!m_makeTracker)
    {
        return nullptr;
    }
    std::shared_ptr<FragmentTracker>& tracker = m_inboundFragments[peer];
    if (!tracker)
    {
        tracker = m_makeTracker();
    }
    return tracker;
}

void
DataPlane::SetResourceRule(std::function<std::uint32_t(const wire::IpView& packet)> rule)
{
    m_resourceRule = std::move(rule);
}

void
DataPlane::SetResourceFallback(bool allowed)
{
    m_resourceFallback = allowed;
}

void
DataPlane::SetResourceCallback(
    std::function<void(const std::string& peer, std::uint32_t resource)> callback)
{
    m_resourceWanted = std::move(callback);
}

PacketSelectors
DataPlane::Select(const wire::IpView& view) const
{
    FragmentTracker::Memory ignored;
    return Select(view, ignored);
}

PacketSelectors
DataPlane::Select(const wire::IpView& view, FragmentTracker::Memory& memory) const
{
    PacketSelectors packet = wire::ReadSelectors(view);
    if (m_resourceRule)
    {
        packet.resource = m_resourceRule(view);
    }
    memory = Recall(m_outboundFragments.get(), view, packet);
    return packet;
}

OutboundSa*
DataPlane::FindProtecting(const PacketSelectors& packet)
{
    const SpdEntry* const entry = m_spd.LookupOutbound(packet);
    return entry && entry->action == SpdAction::Protect ? m_sad.FindOutbound(entry->peer, packet)
                                                        : nullptr;
}

void
DataPlane::NoteOutbound(const wire::IpView& view, const PacketSelectors& packet)
{
    if (m_outboundFragments && view.isFragment && !packet.laterFragment)
    {
        m_outboundFragments->Note(view,
                                  packet,
                                  Decide(m_spd.LookupOutbound(packet), FindProtecting(packet)));
    }
}

/// Tells of a resource that has no SA of its own; false: its packets must wait for one.
bool
DataPlane::MayTake(const OutboundSa& sa, const PacketSelectors& packet, const std::string& peer)
{
    if (!packet.resource || sa.Config().resource)
    {
        return true;
    }
    if (m_resourceWanted)
    {
        m_resourceWanted(peer, *packet.resource);
    }
    return m_resourceFallback;
}

void
DataPlane::NoteChoice(const OutboundSa& sa, const PacketSelectors& packet)
{
    const ClassFit fit = TellClass(sa.Config(), packet);
    m_counters.sealedListed += fit == ClassFit::Listed ? 1 : 0;
    m_counters.sealedForeign += fit == ClassFit::Foreign ? 1 : 0;
    if (packet.resource)
    {
        ++(sa.Config().resource ? m_counters.sealedOnResource : m_counters.sealedOnFallback);
    }
}

void
DataPlane::SetVolumeCallback(
    std::function<void(std::uint32_t spiInbound, VolumeMeter::Event event)> callback)
{
    m_volumeReached = std::move(callback);
}

void
DataPlane::SetUnknownSpiCallback(std::function<void(std::uint32_t spi, const IpAddress&)> callback)
{
    m_unknownSpi = std::move(callback);
}

void
DataPlane::SetPathCallback(std::function<void(const UdpPath& path)> callback)
{
    m_pathChanged = std::move(callback);
}

void
DataPlane::SetSizeLimit(SizeLimit limit)
{
    m_sizeLimit = std::move(limit);
}

void
DataPlane::SetAggfragQueue(AggfragQueue queue)
{
    m_aggfragQueue = std::move(queue);
}

/// An SA that does not use UDP itself takes packets in UDP, too, but stays as it is.
void
DataPlane::NotePath(const InboundSa& sa, const UdpPath& path)
{
    const InboundSaConfig& known = sa.Config();
    if (known.udp && m_pathChanged &&
        (*known.udp != path.ports || known.outerSource != path.source ||
         known.outerDestination != path.destination))
    {
        m_pathChanged(path);
    }
}

void
DataPlane::Measure(VolumeMeter& meter, std::uint32_t spiInbound, std::size_t innerLength)
{
    const VolumeMeter::Event event = meter.Count(innerLength);
    if (event != VolumeMeter::Event::None && m_volumeReached)
    {
        m_volumeReached(spiInbound, event);
    }
}

DataPlaneResult
DataPlane::DropOutbound(DropReason reason)
{
    m_counters.outboundDrops.Count(reason);
    return {Verdict::Drop, reason, 0, 0};
}

DataPlaneResult
DataPlane::DropInbound(DropReason reason)
{
    m_counters.inboundDrops.Count(reason);
    return {Verdict::Drop, reason, 0, 0};
}

/// What the policy has against a packet, before any SA is asked.
DropReason
DataPlane::Refuse(const SpdEntry* entry,
                  const PacketSelectors& packet,
                  FragmentTracker::Memory memory,
                  bool outbound) const
{
    if (memory.missing == DropReason::FragmentOverlap)
    {
        return memory.missing;
    }
    if (!entry)
    {
        const bool unknown =
            memory.missing != DropReason::None && m_spd.NamesHosts(packet, outbound);
        return unknown ? memory.missing : DropReason::NoPolicy;
    }
    if (entry->action == SpdAction::Discard)
    {
        return DropReason::PolicyDiscard;
    }
    // A later fragment for the clear must not be of a packet that is protected, or might be.
    const bool leaks = entry->action == SpdAction::Bypass &&
                       (memory.protect || (memory.missing == DropReason::FragmentUnknown &&
                                           m_spd.MayProtect(packet, outbound, entry)));
    return leaks ? DropReason::FragmentUnknown : DropReason::None;
}

DataPlaneResult
DataPlane::ProcessOutbound(std::size_t mtu, bool noted)
{
    ++m_counters.outboundIn;
    wire::IpView view;
    if (!ParseAndTrim(m_buffer, view))
    {
        return DropOutbound(DropReason::Malformed);
    }
    FragmentTracker::Memory memory;
    const PacketSelectors packet = Select(view, memory);
    if (!noted)
    {
        NoteOutbound(view, packet);
    }
    const SpdEntry* const entry = m_spd.LookupOutbound(packet);
    if (const DropReason refused = Refuse(entry, packet, memory, true); refused != DropReason::None)
    {
        return DropOutbound(refused);
    }
    if (entry->action == SpdAction::Bypass)
    {
        ++m_counters.outboundBypassed;
        return {};
    }
    OutboundSa* const sa = m_sad.FindOutbound(entry->peer, packet);
    if (!sa && m_sad.HasOutbound(entry->peer, entry->IsOpaque()))
    {
        const bool unknown =
            memory.missing != DropReason::None && m_sad.NamesHosts(entry->peer, packet);
        return DropOutbound(unknown ? memory.missing : DropReason::SelectorMismatch);
    }
    if (!sa)
    {
        const DataPlaneResult result = DropOutbound(DropReason::AcquirePending);
        if (m_acquire)
        {
            m_acquire(entry->peer, entry->IsOpaque());
        }
        return result;
    }
    if (!MayTake(*sa, packet, entry->peer))
    {
        return DropOutbound(DropReason::AcquirePending);
    }
    const DataPlaneResult result = sa->Config().aggfrag
                                     ? Aggregate(*sa, view, mtu)
                                     : SealWith(*sa, view, packet.resource.value_or(0), mtu);
    if (result.verdict != Verdict::Drop)
    {
        NoteChoice(*sa, packet);
    }
    return result;
}

std::size_t
DataPlane::LimitOf(const OutboundSa& sa, const wire::IpView& view, std::size_t mtu) const
{
    return std::min(m_sizeLimit ? m_sizeLimit(sa, view, mtu) : mtu, PacketBuffer::kMaximumPacket);
}

/// Where the peer takes no fragments, sizes are as with plain ESP.
DataPlaneResult
DataPlane::Aggregate(const OutboundSa& sa, const wire::IpView& view, std::size_t mtu)
{
    DataPlaneResult result{Verdict::Aggfrag, DropReason::None, 0, 0};
    if (!sa.Config().aggfragFragments && sa.SealedLength(view.totalLength) > LimitOf(sa, view, mtu))
    {
        result = DropOutbound(DropReason::TooBig);
    }
    else if (const DropReason refused =
                 m_aggfragQueue ? m_aggfragQueue(sa, m_buffer.Span()) : DropReason::AggfragQueue;
             refused != DropReason::None)
    {
        result = DropOutbound(refused);
    }
    else
    {
        ++m_counters.outboundAggregated;
    }
    result.spi = sa.Config().spi;
    return result;
}

DataPlaneResult
DataPlane::SealAggfrag(OutboundSa& sa, std::uint8_t dscp)
{
    ++m_counters.aggfrag.made;
    const std::size_t length = m_buffer.Size();
    const std::uint32_t spi = sa.Config().spi;
    const std::optional<std::uint64_t> number = TakeNumber(sa, 0);
    if (!number)
    {
        m_counters.aggfrag.outboundDrops.Count(DropReason::SequenceOverflow);
        return {Verdict::Drop, DropReason::SequenceOverflow, spi, 0};
    }
    sa.SealAggfrag(m_buffer, *number, dscp);
    ++m_counters.aggfrag.sealed;
    Measure(sa.MeterOf(*number), sa.Config().spiInbound, length);
    return {Verdict::Transformed, DropReason::None, spi, *number};
}

DropReason
DataPlane::AdmitInner(std::uint32_t spiInbound, ByteSpan packet)
{
    AggfragCounters& counters = m_counters.aggfrag;
    ++counters.innerIn;
    const InboundSa* const sa = m_sad.FindInbound(spiInbound);
    wire::IpView view;
    DropReason reason = DropReason::UnknownSpi;
    if (sa)
    {
        reason = wire::ParseIp(packet, view) ? sa->Admit(view) : DropReason::Malformed;
    }
    if (reason == DropReason::None)
    {
        ++counters.innerAdmitted;
        counters.innerOctets += packet.size();
    }
    else
    {
        counters.innerDrops.Count(reason);
    }
    return reason;
}

DataPlaneResult
DataPlane::SealWith(OutboundSa& sa,
                    const wire::IpView& view,
                    std::uint32_t resource,
                    std::size_t mtu)
{
    DataPlaneResult result;
    const std::size_t length = view.totalLength;
    const DropReason refused = sa.Check(view);
    const std::size_t limit = refused == DropReason::None ? LimitOf(sa, view, mtu) : mtu;
    if (refused != DropReason::None)
    {
        result = DropOutbound(refused);
    }
    else if (sa.SealedLength(length, view.espOffset) > limit)
    {
        result = DropOutbound(DropReason::TooBig);
    }
    else if (const std::optional<std::uint64_t> number =
                 TakeNumber(sa, sa.ChooseSubspace(view, resource)))
    {
        const std::size_t tfc = sa.Config().tfcLength;
        sa.Seal(m_buffer, *number, tfc > length ? std::min(tfc, sa.LargestInner(limit)) : 0);
        ++m_counters.outboundSealed;
        m_counters.sealedOctets += length;
        Measure(sa.MeterOf(*number), sa.Config().spiInbound, length);
        result = {Verdict::Transformed, DropReason::None, 0, *number};
    }
    else
    {
        result = DropOutbound(DropReason::SequenceOverflow);
    }
    result.spi = sa.Config().spi;
    return result;
}

std::optional<std::uint64_t>
DataPlane::TakeNumber(OutboundSa& sa, std::uint16_t subspace)
{
    const auto number = sa.NextNumber(subspace);
    if (number && number == sa.RekeyNumber() && m_volumeReached)
    {
        m_volumeReached(sa.Config().spiInbound, VolumeMeter::Event::Soft);
    }
    return number;
}

DataPlaneResult
DataPlane::MakeDummy(const std::string& peer, std::size_t length, std::size_t mtu)
{
    OutboundSa* const sa = m_sad.FindOutbound(peer);
    if (!sa)
    {
        return {Verdict::Drop, DropReason::AcquirePending, 0, 0};
    }
    const std::uint32_t spi = sa->Config().spi;
    if (sa->Config().aggfrag)
    {
        return {Verdict::Drop, DropReason::NextHeader, spi, 0}; // would part fragments
    }
    const std::size_t largest = sa->LargestDummy(std::min(mtu, PacketBuffer::kMaximumPacket));
    if (length > largest)
    {
        return {Verdict::Drop, DropReason::TooBig, spi, 0};
    }
    const std::optional<std::uint64_t> number = TakeNumber(*sa, 0);
    if (!number)
    {
        return {Verdict::Drop, DropReason::SequenceOverflow, spi, 0};
    }
    sa->SealDummy(m_buffer, *number, length);
    ++m_counters.dummiesSealed;
    return {Verdict::Transformed, DropReason::None, spi, *number};
}

DataPlaneResult
DataPlane::ProcessInbound()
{
    ++m_counters.inboundIn;
    wire::IpView view;
    if (!ParseAndTrim(m_buffer, view))
    {
        return DropInbound(DropReason::Malformed);
    }
    if (view.isFragment)
    {
        return DropInbound(DropReason::Fragment);
    }
    const auto outerLength = wire::FindEsp(view);
    if (!outerLength)
    {
        return DropInbound(DropReason::Malformed);
    }
    const std::uint32_t spi = wire::ReadSpi(view, *outerLength);
    InboundSa* const sa = m_sad.FindInbound(spi);
    if (!sa || sa->Config().IsEesp() != (view.Protocol() == wire::kProtocolEesp))
    {
        if (m_unknownSpi)
        {
            m_unknownSpi(spi, view.Source());
        }
        return DropInbound(DropReason::UnknownSpi);
    }
    const std::optional<UdpPath> path = ReadUdpPath(view, *outerLength);
    const OpenResult opened = sa->Open(m_buffer, *outerLength);
    DataPlaneResult result{Verdict::Transformed, opened.drop, sa->Config().spi, opened.number};
    if (opened.drop == DropReason::None)
    {
        const bool aggregated = sa->Config().aggfrag; // its packets are counted by AdmitInner
        result.verdict = aggregated ? Verdict::Aggfrag : Verdict::Transformed;
        ++(aggregated ? m_counters.inboundAggregated : m_counters.inboundOpened);
        m_counters.openedOctets += aggregated ? 0 : m_buffer.Size();
        if (m_sad.AwaitsProof())
        {
            m_sad.SetOutboundReady(result.spi);
        }
        Measure(sa->MeterOf(result.number), result.spi, m_buffer.Size());
        if (path)
        {
            NotePath(*sa, *path);
        }
    }
    else
    {
        result.verdict = DropInbound(opened.drop).verdict;
    }
    return result;
}

DataPlaneResult
DataPlane::ProcessInboundClear()
{
    ++m_counters.inboundIn;
    wire::IpView view;
    if (!ParseAndTrim(m_buffer, view))
    {
        return DropInbound(DropReason::Malformed);
    }
    PacketSelectors packet = wire::ReadSelectors(view);
    const FragmentTracker::Memory memory = Recall(m_clearFragments.get(), view, packet);
    const SpdEntry* const entry = m_spd.LookupInbound(packet);
    if (m_clearFragments && view.isFragment && !packet.laterFragment)
    {
        // One that should have been protected does not get in, so there is nothing to protect.
        m_clearFragments->Note(view, packet, {Decide(entry, nullptr).follow});
    }
    if (const DropReason refused = Refuse(entry, packet, memory, false);
        refused != DropReason::None)
    {
        return DropInbound(refused);
    }
    if (entry->action == SpdAction::Protect)
    {
        return DropInbound(DropReason::UnprotectedInbound);
    }
    ++m_counters.inboundBypassed;
    return {};
}

void
DataPlane::CountWithdrawn(DropReason reason, bool outbound)
{
    (outbound ? m_counters.outboundDrops : m_counters.inboundDrops).Count(reason);
    ++(outbound ? m_counters.outboundWithdrawn : m_counters.inboundWithdrawn);
}

void
DataPlane::CountAggfragQueueDrop()
{
    m_counters.aggfrag.outboundDrops.Count(DropReason::Queue);
    ++m_counters.aggfrag.withdrawn;
}

void
DataPlane::CountInboundTooBig()
{
    ++m_counters.inboundIn;
    m_counters.inboundDrops.Count(DropReason::TooBig);
}

void
DataPlane::CountEngineDrop(bool outbound, bool transformed)
{
    (outbound ? m_counters.outboundDrops : m_counters.inboundDrops).Count(DropReason::EngineFull);
    if (transformed)
    {
        ++(outbound ? m_counters.outboundWithdrawn : m_counters.inboundWithdrawn);
    }
    else
    {
        ++(outbound ? m_counters.outboundIn : m_counters.inboundIn);
    }
}

} // namespace ipseclab::esp
