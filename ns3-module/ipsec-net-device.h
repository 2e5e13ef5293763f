/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_NET_DEVICE_H
#define IPSEC_NET_DEVICE_H

#include "ipsec-gateway.h"

#include "ns3/net-device.h"

#include <functional>
#include <optional>

namespace ns3
{

/**
 * \ingroup ipsec
 * The default attachment, a bump in the stack: a NetDevice that stands between IP and the real
 * outside device. Routing, ARP, FlowMonitor, traffic control and IPv4 traces of the node stay
 * stock; pcap on the real device shows ESP.
 *
 * What leaves is offered to the gateway's ProcessOutbound, what arrives to ProcessInbound; frames
 * that are not IP, and IPv6 on a node without it, pass untouched. A tunnel that changes the IP
 * version keeps the link-layer address that was resolved for the inner one.
 *
 * Flow control: this device has no NetDeviceQueueInterface, so Ipv4AddressHelper puts no queue disc
 * on it and traffic control never holds a packet back. Numbers are given and packets sealed when
 * IPv4 sends them; what the real device's queue then refuses is counted as DropReason::Queue.
 *
 * The MTU is that of the device below, so IP cuts what is longer. With InnerMtu it is another one:
 * a tunnel of AGGFRAG has none of its own. What no such SA takes is then subject to IpsecPathMtu,
 * and clear packets that are longer than the link takes are dropped (Queue).
 *
 * Promiscuous callbacks see what IPv4 sees: opened packets, and frames for other hosts untouched.
 * Packet tags end here (as at any tunnel end); byte tags survive.
 *
 * Ipv4GlobalRouting looks for devices on channels and does not see this one: use static routes, or
 * a routing protocol that runs on the node.
 */
class IpsecNetDevice : public NetDevice
{
  public:
    static TypeId GetTypeId();

    /// Puts itself on top of `lower` (already on the gateway's node) and adds itself to the node.
    void Attach(Ptr<IpsecGateway> gateway, Ptr<NetDevice> lower);
    Ptr<NetDevice> GetLower() const;

    // NetDevice
    void SetIfIndex(const uint32_t index) override;
    uint32_t GetIfIndex() const override;
    Ptr<Channel> GetChannel() const override;
    void SetAddress(Address address) override;
    Address GetAddress() const override;
    bool SetMtu(const uint16_t mtu) override;
    uint16_t GetMtu() const override;
    bool IsLinkUp() const override;
    void AddLinkChangeCallback(Callback<void> callback) override;
    bool IsBroadcast() const override;
    Address GetBroadcast() const override;
    bool IsMulticast() const override;
    Address GetMulticast(Ipv4Address multicastGroup) const override;
    Address GetMulticast(Ipv6Address addr) const override;
    bool IsBridge() const override;
    bool IsPointToPoint() const override;
    bool Send(Ptr<Packet> packet, const Address& dest, uint16_t protocolNumber) override;
    bool SendFrom(Ptr<Packet> packet,
                  const Address& source,
                  const Address& dest,
                  uint16_t protocolNumber) override;
    Ptr<Node> GetNode() const override;
    void SetNode(Ptr<Node> node) override;
    bool NeedsArp() const override;
    void SetReceiveCallback(ReceiveCallback cb) override;
    void SetPromiscReceiveCallback(PromiscReceiveCallback cb) override;
    bool SupportsSendFrom() const override;

  protected:
    void DoDispose() override;

  private:
    bool ReceiveFromLower(Ptr<NetDevice> device,
                          Ptr<const Packet> packet,
                          uint16_t protocol,
                          const Address& from);
    bool ReceivePromiscuous(Ptr<NetDevice> device,
                            Ptr<const Packet> packet,
                            uint16_t protocol,
                            const Address& from,
                            const Address& to,
                            PacketType type);
    /// Seals the packet and sends what becomes of it, with its EtherType, now or when an engine is
    /// done.
    /// \return false when it is known that nothing is sent
    template <typename Sending>
    bool Leave(Ptr<Packet> packet, uint16_t protocol, const Sending& send);
    /// Likewise one packet, or one piece of a packet that does not fit.
    template <typename Sending>
    bool Protect(Ptr<Packet> packet, const Sending& send);
    /// Does with a packet what the gateway has said.
    template <typename Sending>
    bool Forward(const IpsecGateway::Outcome& outcome,
                 Ptr<Packet> packet,
                 std::optional<size_t> ownLength,
                 const Sending& send);
    /// Sends a sealed packet, perhaps in fragments.
    /// \param ownLength as for IpsecPathMtu::CutOuter
    template <typename Sending>
    bool SendSealed(Ptr<Packet> packet, std::optional<size_t> ownLength, const Sending& send);
    /// Likewise, and counts nothing.
    template <typename Sending>
    bool SendPieces(Ptr<Packet> packet, std::optional<size_t> ownLength, const Sending& send);
    /// A packet from below, or the one that it completes; null: it waits for other fragments.
    Ptr<const Packet> JoinFragments(Ptr<const Packet> packet, uint16_t protocol);
    /// True when an engine has the packet; `receive` gets what becomes of it.
    bool EnterLater(Ptr<const Packet> packet,
                    uint16_t protocol,
                    std::function<void(Ptr<const Packet>)> receive);
    /// What enters instead of the packet; null when it is dropped, or when `receive` gets the
    /// packets of an AGGFRAG payload.
    template <typename Receiving>
    Ptr<const Packet> Enter(Ptr<const Packet> packet, uint16_t protocol, const Receiving& receive);
    /// Likewise, when the gateway has said what becomes of it.
    template <typename Receiving>
    Ptr<const Packet> Admit(const IpsecGateway::Outcome& outcome,
                            Ptr<const Packet> packet,
                            const Receiving& receive);
    /// Where AGGFRAG payloads leave by before any packet did.
    IpsecAggfrag::Port AggfragPort();
    /// Where they leave by once one did.
    template <typename Sending>
    IpsecAggfrag::Port PortOf(const Sending& send);
    /// Counts an IP packet that the device below refused. \return `sent`
    bool Account(Ptr<const Packet> packet, bool sent);

    Ptr<Node> m_node;
    Ptr<IpsecGateway> m_gateway;
    Ptr<NetDevice> m_lower;
    uint32_t m_ifIndex{0};
    uint16_t m_innerMtu;
    ReceiveCallback m_receive;
    PromiscReceiveCallback m_promiscReceive;
};

} // namespace ns3

#endif // IPSEC_NET_DEVICE_H
