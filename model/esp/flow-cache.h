/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_FLOW_CACHE_H
#define IPSECLAB_ESP_FLOW_CACHE_H

#include "model/wire/traffic-selector.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ipseclab::esp
{

/**
 * Answers for whole 5-tuples with a DSCP and a resource in a table of fixed size: one probe, and
 * the latest flow of a slot wins. \tparam Answer what a lookup gave, copied; a default one stands
 * in empty slots
 */
template <typename Answer>
class FlowCache
{
  public:
    FlowCache()
        : m_slots(kSlots)
    {
    }

    /// Forgets everything.
    void Clear()
    {
        ++m_generation;
    }

    /**
     * The slot of a flow, with the answer that was stored for it, or after `compute` was asked.
     * \param scope tells flows with the same 5-tuple apart, such as directions
     */
    template <typename Function>
    const Answer& Get(const PacketSelectors& packet, std::uint64_t scope, Function compute)
    {
        Slot& slot = m_slots[IndexOf(packet)];
        if (slot.generation != m_generation || slot.scope != scope || !Same(slot.key, packet))
        {
            slot.answer = compute();
            slot.key = packet;
            slot.scope = scope;
            slot.generation = m_generation;
        }
        return slot.answer;
    }

  private:
    static constexpr std::size_t kSlots = 1024; ///< a power of two

    struct Slot
    {
        PacketSelectors key;
        std::uint64_t scope{0};
        std::uint32_t generation{0}; ///< 0: empty
        Answer answer{};
    };

    static std::uint64_t Fold(const IpAddress& address)
    {
        if (address.IsV4())
        {
            return address.V4Value();
        }
        const std::uint8_t* octets = address.Octets().data();
        return LoadBe64(octets) * 31 + LoadBe64(octets + 8);
    }

    static std::size_t IndexOf(const PacketSelectors& packet)
    {
        constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15; // 2^64 / golden ratio
        std::uint64_t hash = Fold(packet.source);
        hash = (hash ^ hash >> 32) * kMultiplier + Fold(packet.destination);
        hash = (hash ^ hash >> 32) * kMultiplier +
               (std::uint64_t{packet.dscp} << 48 | std::uint64_t{packet.sourcePort} << 32 |
                std::uint64_t{packet.destinationPort} << 16 | std::uint64_t{packet.protocol} << 8 |
                (packet.portsKnown ? 1U : 0U) | (packet.laterFragment ? 2U : 0U));
        hash = (hash ^ hash >> 32) * kMultiplier;
        return hash >> 32 & (kSlots - 1);
    }

    static bool Same(const PacketSelectors& a, const PacketSelectors& b)
    {
        return a.source == b.source && a.destination == b.destination && a.protocol == b.protocol &&
               a.sourcePort == b.sourcePort && a.destinationPort == b.destinationPort &&
               a.portsKnown == b.portsKnown && a.laterFragment == b.laterFragment &&
               a.dscp == b.dscp && a.resource == b.resource;
    }

    std::vector<Slot> m_slots;
    std::uint32_t m_generation{1};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_FLOW_CACHE_H
