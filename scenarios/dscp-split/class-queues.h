/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_CLASS_QUEUES_H
#define IPSECLAB_SCENARIO_CLASS_QUEUES_H

#include "ns3/class-selector-filter.h"
#include "ns3/fifo-queue-disc.h"
#include "ns3/queue-disc.h"
#include "ns3/uinteger.h"

#include <cstdint>

namespace ipseclab::dscp_split
{

inline ns3::QueueSize
Packets(std::uint32_t count)
{
    return {ns3::QueueSizeUnit::PACKETS, count};
}

/// \param limit packets that may wait
inline ns3::Ptr<ns3::QueueDisc>
MakeFifo(std::uint32_t limit)
{
    const auto fifo = ns3::CreateObject<ns3::FifoQueueDisc>();
    fifo->SetMaxSize(Packets(limit));
    return fifo;
}

/// A queue disc with a FIFO for each class, told apart by class selector, the highest class first.
/// \param limit packets of each class that may wait
template <typename Disc>
ns3::Ptr<Disc>
MakeClassQueues(std::uint64_t classes, std::uint32_t limit)
{
    const auto disc = ns3::CreateObject<Disc>();
    const auto filter = ns3::CreateObject<ns3::ClassSelectorFilter>();
    filter->SetAttribute("Classes", ns3::UintegerValue(classes));
    disc->AddPacketFilter(filter);
    for (std::uint64_t i = 0; i < classes; ++i)
    {
        const auto child = ns3::CreateObject<ns3::QueueDiscClass>();
        child->SetQueueDisc(MakeFifo(limit));
        disc->AddQueueDiscClass(child);
    }
    return disc;
}

} // namespace ipseclab::dscp_split

#endif // IPSECLAB_SCENARIO_CLASS_QUEUES_H
