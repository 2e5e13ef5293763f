/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_DSCP_SPLIT_BULK_H
#define IPSECLAB_SCENARIO_DSCP_SPLIT_BULK_H

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/packet-sink.h"

#include <cstdint>

namespace ipseclab::dscp_split
{

/// A TCP flow with CUBIC (RFC 9438) that always has octets to send, without ECN, with DSCP 0.
class Bulk
{
  public:
    Bulk(ns3::Ptr<ns3::Node> from, ns3::Ptr<ns3::Node> to, ns3::Ipv4Address destination);

    /// From now on, to the end of the simulation.
    void Start();
    /// Octets that have arrived, in order.
    std::uint64_t Received() const;

  private:
    ns3::Ptr<ns3::Node> m_from;
    ns3::Ipv4Address m_destination;
    ns3::Ptr<ns3::PacketSink> m_sink;
};

} // namespace ipseclab::dscp_split

#endif // IPSECLAB_SCENARIO_DSCP_SPLIT_BULK_H
