/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_DSCP_SPLIT_FATES_H
#define IPSECLAB_SCENARIO_DSCP_SPLIT_FATES_H

#include "helpers/reordering-meter.h"
#include "scenarios/dscp-split/dscp-split-network.h"

#include "ns3/queue-item.h"

#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace ipseclab::dscp_split
{

/// What becomes, class by class, of the packets that gateway A seals, and what an observer of the
/// wire sees of them.
class Fates
{
  public:
    /// \param dropped called for each packet of a host, either direction, that a gateway or the
    ///        queue has dropped
    Fates(const Settings& settings, const Network& network, std::function<void()> dropped);

    /// Whether packets count: when they are sealed, and still when they arrive.
    void SetCounting(bool counting);

    struct OfClass
    {
        std::uint64_t fresh{0};      ///< arrived at gateway B, and count
        std::uint64_t replayLost{0}; ///< of these, dropped for being left of a window
        std::uint64_t queueDrops{0}; ///< by the queue of the bottleneck, in the whole run
    };

    const std::vector<OfClass>& Classes() const
    {
        return m_classes;
    }

    OfClass Total() const;

    /// Packets that were sealed, and neither arrived nor were dropped by a queue behind gateway A.
    std::uint64_t InFlight() const;
    /// The largest `top - s` at an arrival, of all number spaces.
    std::uint64_t MaximumGap() const;
    /// The SPI that most packets of a class were sent with by gateway A; 0 without packets. Some
    /// of the first ones take another SA, until the peer is known to have the right one.
    std::uint32_t MainSpiOfA(std::size_t packetClass) const
    {
        return Main(m_spisOfA[packetClass]);
    }

    /// Likewise by gateway B.
    std::uint32_t MainSpiOfB(std::size_t packetClass) const
    {
        return Main(m_spisOfB[packetClass]);
    }

    /// What the DSCP on the wire tells of a packet's class, in bits.
    double BitsOfDscp() const;
    /// What SPI, number space and DSCP together tell.
    double BitsOfHeader() const;

  private:
    using Packet = ns3::Ptr<const ns3::Packet>;
    using Joint = std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>;

    struct Sealed
    {
        std::size_t packetClass;
        bool counts;
    };

    using Spis = std::map<std::uint32_t, std::uint64_t>; ///< with how many packets

    static std::uint32_t Main(const Spis& spis);
    static double MutualInformation(const Joint& joint);
    std::size_t ClassOf(std::uint8_t octet) const;
    void HandleInsideA(Packet packet);
    void HandleInsideB(Packet packet);
    void HandleSent(std::uint32_t spi, std::uint64_t number);
    void HandleSentByB(std::uint32_t spi, std::uint64_t number);
    void HandleWire(Packet packet);
    void HandleReceived(std::uint32_t spi, std::uint64_t number, esp::DropReason reason);
    void HandleQueueDrop(ns3::Ptr<const ns3::QueueDiscItem> item);
    void HandleDrop(Packet packet, esp::DropReason reason, bool outbound);

    const Settings& m_settings;
    esp::SequenceScheme m_scheme;
    std::function<void()> m_dropped;
    bool m_counting{false};
    std::size_t m_atHand{0};  ///< class of the packet that gateway A works on
    std::size_t m_atHandB{0}; ///< likewise gateway B
    std::uint64_t m_spaceAtHand{0};
    std::vector<OfClass> m_classes;
    std::map<std::uint64_t, std::unordered_map<std::uint64_t, Sealed>> m_sealed; ///< by SPI, number
    std::map<std::uint64_t, ReorderingMeter> m_meters; ///< by number space
    std::uint64_t m_outstanding{0};
    std::uint64_t m_droppedBehind{0};
    std::vector<Spis> m_spisOfA; ///< by class
    std::vector<Spis> m_spisOfB; ///< by class
    Joint m_byDscp;              ///< class and DSCP
    Joint m_byHeader;            ///< class and everything that an observer sees
};

} // namespace ipseclab::dscp_split

#endif // IPSECLAB_SCENARIO_DSCP_SPLIT_FATES_H
