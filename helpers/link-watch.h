/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_LINK_WATCH_H
#define IPSECLAB_LINK_WATCH_H

#include "helpers/network.h"

#include "ns3/net-device.h"
#include "ns3/packet.h"

namespace ipseclab
{

/// \param ports the first four octets after the IP header
bool IsIke(std::uint8_t protocol, const std::uint8_t* ports);

/// Counts what passes one link.
class LinkWatch
{
  public:
    /// Listens; must outlive the simulation.
    void Listen(ns3::Ptr<ns3::NetDevice> a, ns3::Ptr<ns3::NetDevice> b);

    const LinkCountsByClass& Counts() const;

  private:
    void HandleOffered(ns3::Ptr<const ns3::Packet> packet);
    void HandleQueueDrop(ns3::Ptr<const ns3::Packet> packet);
    void HandleLoss(ns3::Ptr<const ns3::Packet> packet);
    void HandleArrival(ns3::Ptr<const ns3::Packet> packet);

    LinkCountsByClass m_counts{};
};

} // namespace ipseclab

#endif // IPSECLAB_LINK_WATCH_H
