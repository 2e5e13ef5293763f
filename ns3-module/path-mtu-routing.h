/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_MTU_ROUTING_H
#define IPSEC_PATH_MTU_ROUTING_H

#include "ns3/ipsec-compat.h"
#include "ns3/ipv4-static-routing.h"
#include "ns3/nstime.h"
#include "ns3/random-variable-stream.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * Static routes of a router that minds the don't-fragment bit: ns-3's IPv4 fragments whatever is
 * larger than the next link's MTU. A packet with DF that is too large is dropped instead, and its
 * source told so with the link's MTU (ICMP "fragmentation needed", RFC 1191, section 4). Reports
 * may be filtered on their way.
 */
class PathMtuRouting : public Ipv4StaticRouting
{
  public:
    static TypeId GetTypeId();
    PathMtuRouting();

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
    /// Of these: reported to their source.
    uint64_t GetReported() const;
    /// Of these: not reported because of ReportInterval.
    uint64_t GetWithheld() const;

    /// Which reports are filtered. \return the number of streams used
    int64_t AssignStreams(int64_t stream);

  private:
    void Report(Ptr<const Packet> body, const Ipv4Header& header, uint16_t mtu);

    Ptr<UniformRandomVariable> m_filterDraw;
    double m_filterProbability;
    uint16_t m_quotedOctets;
    Time m_reportInterval;
    Time m_nextReport;
    uint64_t m_tooLarge{0};
    uint64_t m_reported{0};
    uint64_t m_withheld{0};
};

} // namespace ns3

#endif // IPSEC_PATH_MTU_ROUTING_H
