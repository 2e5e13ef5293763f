/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_MTU_SOCKET_FACTORY_H
#define IPSEC_PATH_MTU_SOCKET_FACTORY_H

#include "ns3/ipv4-address.h"
#include "ns3/ipv4-route.h"
#include "ns3/ipv6-address.h"
#include "ns3/ipv6-route.h"
#include "ns3/node.h"
#include "ns3/packet.h"
#include "ns3/socket-factory.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * What a host of ns-3 lacks for path MTU discovery, aggregated to a node that has its stack.
 *
 * It stands between TCP and UDP and their IP. All segments of TCP leave with the don't-fragment
 * bit, so do datagrams of UDP sockets with MtuDiscover, which ns-3's IPv4 has no ear for; SYNs
 * announce an MSS of what the link takes (RFC 9293, section 3.7.1). What has the bit and is longer
 * than the link takes is dropped and counted, where ns-3 would cut it.
 *
 * It makes sockets of PathMtuTcpSocket, for applications by the name ns3::PathMtuSocketFactory.
 * Those that ns-3 makes go on as before, now with the bit: they do not heed reports. Sockets of UDP
 * get theirs by IcmpCallback, and whoever uses them has to send less.
 *
 * Limit: FlowMonitor and the trace SendOutgoing of the node do not see packets with the bit.
 */
class PathMtuSocketFactory : public SocketFactory
{
  public:
    static TypeId GetTypeId();

    static Ptr<PathMtuSocketFactory> Install(Ptr<Node> node);

    /// A PathMtuTcpSocket, with the algorithms that are set for TCP of this node.
    Ptr<Socket> CreateSocket() override;

    /// Packets that were longer than their link takes.
    uint64_t GetTooLong() const;

  protected:
    void DoDispose() override;

  private:
    void TakeOver();
    void SendTcp(Ptr<Packet> packet,
                 Ipv4Address source,
                 Ipv4Address destination,
                 uint8_t protocol,
                 Ptr<Ipv4Route> route);
    void SendTcp6(Ptr<Packet> packet,
                  Ipv6Address source,
                  Ipv6Address destination,
                  uint8_t protocol,
                  Ptr<Ipv6Route> route);
    void SendUdp(Ptr<Packet> packet,
                 Ipv4Address source,
                 Ipv4Address destination,
                 uint8_t protocol,
                 Ptr<Ipv4Route> route);
    void SendWhole(Ptr<Packet> packet,
                   Ipv4Address source,
                   Ipv4Address destination,
                   uint8_t protocol,
                   Ptr<Ipv4Route> route);

    Ptr<Node> m_node;
    uint64_t m_tooLong{0};
};

} // namespace ns3

#endif // IPSEC_PATH_MTU_SOCKET_FACTORY_H
