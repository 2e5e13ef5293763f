/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_MTU_ROUTING_H
#define IPSEC_PATH_MTU_ROUTING_H

#include "ns3/ipsec-compat.h"
#include "ns3/ipv4-static-routing.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * Static routes of a router that minds the don't-fragment bit: ns-3's IPv4 fragments whatever is
 * larger than the next link's MTU. A packet with DF that is too large is dropped instead, and its
 * source told so with the link's MTU (ICMP "fragmentation needed", RFC 1191, section 4).
 */
class PathMtuRouting : public Ipv4StaticRouting
{
  public:
    static TypeId GetTypeId();

    /// As Ipv4StaticRouting::RouteInput.
    bool RouteInput(Ptr<const Packet> packet,
                    const Ipv4Header& header,
                    Ptr<const NetDevice> device,
                    compat::RouteInputCallbacks::Unicast unicast,
                    compat::RouteInputCallbacks::Multicast multicast,
                    compat::RouteInputCallbacks::Local local,
                    compat::RouteInputCallbacks::Error error) override;

    /// Packets that were too large and had DF.
    uint64_t GetTooLarge() const;

  private:
    uint64_t m_tooLarge{0};
};

} // namespace ns3

#endif // IPSEC_PATH_MTU_ROUTING_H
