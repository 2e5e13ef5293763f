/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_FAST_PATH_H
#define IPSEC_FAST_PATH_H

#include "ipsec-gateway.h"

#include "ns3/net-device.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * The fast attachment: protocol handlers of its own in front of IP on the gateway's two ports.
 * What the SPD protects goes from port to port without the IPv4 stack, with the TTL decremented as
 * the stack would; everything else (IKE, ICMP, BYPASS, packets for the node) is handed to the
 * handler that was there before. Both ports must be point to point, for there is no ARP.
 *
 * What the node itself sends outside, and what IPv4 forwards there, passes the SPD below IPv4. The
 * limits: what is opened and not for the node leaves by the inside port, whatever the routes say,
 * and ESP goes to the outside device past a queue disc; what the device's queue refuses is counted
 * as DropReason::Queue.
 *
 * On such a node FlowMonitor and the IPv4 traces do not see protected packets; the gateway's own
 * counters and traces are the same as with IpsecNetDevice.
 */
class IpsecFastPath : public Object
{
  public:
    static TypeId GetTypeId();

    /**
     * \param inside port to the protected hosts
     * \param outside port to the peer
     * Call after the Internet stack is installed and both ports have their IPv4 interfaces.
     */
    void Attach(Ptr<IpsecGateway> gateway, Ptr<NetDevice> inside, Ptr<NetDevice> outside);

  protected:
    void DoDispose() override;

  private:
    /// Puts the SPD between the outside IPv4 interface and traffic control.
    void GuardOutput();
    /// Replaces the stack's IPv4 handlers of both ports and leaves all its others as they were.
    void ReplaceHandlers();

    void ReceiveInside(Ptr<NetDevice> device,
                       Ptr<const Packet> packet,
                       uint16_t protocol,
                       const Address& from,
                       const Address& to,
                       NetDevice::PacketType type);
    void ReceiveOutside(Ptr<NetDevice> device,
                        Ptr<const Packet> packet,
                        uint16_t protocol,
                        const Address& from,
                        const Address& to,
                        NetDevice::PacketType type);

    Ptr<Node> m_node;
    Ptr<IpsecGateway> m_gateway;
    Ptr<NetDevice> m_inside;
    Ptr<NetDevice> m_outside;
    Node::ProtocolHandler m_stack; ///< what was there before
};

} // namespace ns3

#endif // IPSEC_FAST_PATH_H
