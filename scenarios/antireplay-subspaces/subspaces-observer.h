/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_SUBSPACES_OBSERVER_H
#define IPSECLAB_SCENARIO_SUBSPACES_OBSERVER_H

#include "scenarios/replay-window/replay-window-chain.h"

#include <functional>
#include <set>
#include <unordered_map>

namespace ipseclab::subspaces
{

/// Sends ESP packets to gateway B that only somebody without the key would make: the SPI is right,
/// subspace, number and ICV are not.
class Forger
{
  public:
    /// \param scheme whose subspaces are drawn
    /// \param octets of each packet behind the IPv4 header
    Forger(const replay_window::Chain& chain,
           const esp::SequenceScheme& scheme,
           std::size_t octets,
           std::int64_t stream);

    void Send(std::uint32_t spi);

    std::uint64_t Sent() const
    {
        return m_sent;
    }

  private:
    esp::SequenceScheme m_scheme;
    ns3::Ipv4Address m_target;
    Bytes m_octets;
    ns3::Ptr<ns3::Socket> m_socket;
    ns3::Ptr<ns3::UniformRandomVariable> m_draw;
    std::uint64_t m_sent{0};
};

/// Counts what becomes of genuine packets at gateway B, by the order in which they were sealed.
class Observer
{
  public:
    /// \param settled called for each packet, forged ones too, of which it is known what became
    Observer(const replay_window::Chain& chain,
             const esp::SequenceScheme& scheme,
             std::uint64_t lastCounted,
             std::function<void()> settled);

    std::uint64_t Arrived() const
    {
        return m_arrived;
    }

    /// Arrived, and not among the last that may lack overtakers.
    std::uint64_t Fresh() const
    {
        return m_fresh;
    }

    /// Of these, dropped for being left of a window; the ICV of a wrongly guessed number too.
    std::uint64_t ReplayLost() const
    {
        return m_replayLost;
    }

    std::uint64_t InFlight() const
    {
        return m_inFlight;
    }

    /// Octets of the first sealed packet, outer IPv4 header included.
    std::uint64_t SealedOctets() const
    {
        return m_sealedOctets;
    }

    /// Of gateway A; 0 before it has sent.
    std::uint32_t Spi() const
    {
        return m_spi;
    }

    /// Subspaces that genuine packets were sent in.
    std::size_t SubspacesUsed() const
    {
        return m_used.size();
    }

  private:
    std::uint64_t Key(std::uint64_t number) const;
    void HandleSent(std::uint32_t spi, std::uint64_t number);
    void HandleReceived(std::uint32_t spi, std::uint64_t number, esp::DropReason reason);
    void HandleDrop(ns3::Ptr<const ns3::Packet> packet, esp::DropReason reason, bool outbound);
    void HandleTransmit(ns3::Ptr<const ns3::Packet> packet);
    void HandleDeliver(ns3::Ptr<const ns3::Packet> packet);

    esp::SequenceScheme m_scheme;
    std::uint64_t m_lastCounted;
    std::function<void()> m_settled;
    /// By subspace and what of the counter is on the wire: the place among all sealed packets.
    std::unordered_map<std::uint64_t, std::uint64_t> m_order;
    std::set<std::uint16_t> m_used;
    std::uint32_t m_spi{0};
    std::uint64_t m_arrived{0};
    std::uint64_t m_fresh{0};
    std::uint64_t m_replayLost{0};
    std::uint64_t m_inFlight{0};
    std::uint64_t m_sealedOctets{0};
};

} // namespace ipseclab::subspaces

#endif // IPSECLAB_SCENARIO_SUBSPACES_OBSERVER_H
