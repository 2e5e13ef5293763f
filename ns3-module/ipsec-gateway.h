/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_GATEWAY_H
#define IPSEC_GATEWAY_H

#include "rng-random-source.h"

#include "model/esp/data-plane.h"
#include "model/ike/ike-endpoint.h"

#include "ns3/event-id.h"
#include "ns3/node.h"
#include "ns3/object.h"
#include "ns3/packet.h"
#include "ns3/socket.h"
#include "ns3/traced-callback.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * IPsec on one node: the IKE endpoint on UDP port 500 and the ESP data plane, aggregated to a Node.
 *
 * It carries the protocol model and adds nothing to it: time, timers, sockets, packets and traces
 * are ns-3's, the rest is ipseclab's. An attachment (IpsecNetDevice by default, IpsecFastPath for
 * speed) offers it the packets that cross the node's outside.
 */
class IpsecGateway : public Object
{
  public:
    static TypeId GetTypeId();
    IpsecGateway();
    ~IpsecGateway() override;

    /// \name Configuration, before the simulation starts
    /// \throws nothing; aborts with a message when the peer's name is taken
    void AddPeer(const ipseclab::ike::PeerConfig& peer);
    /// Appends an SPD entry. Entries that bypass IKE itself are there from the start.
    void AddPolicy(const ipseclab::esp::SpdEntry& entry);

    /// Begins the IKE exchanges with a configured peer, now.
    void Initiate(const std::string& peer);
    /// Sends Delete for every IKE SA that is up, now.
    void CloseAll();

    /// What an attachment gets for a packet it offers.
    struct Outcome
    {
        ipseclab::esp::Verdict verdict;
        Ptr<Packet> packet; ///< the new packet when transformed; otherwise null
    };

    /// \name For attachments. Packets begin with their IPv4 header; byte tags survive.
    /// \param mtu of the link below, in octets of IP
    Outcome ProcessOutbound(Ptr<const Packet> packet, uint16_t mtu);
    /// Any IPv4 packet that came in from outside: ESP for this node is opened, other packets are
    /// checked against the SPD.
    Outcome ProcessInbound(Ptr<const Packet> packet);
    /// Counts and traces a packet that an attachment or a device below gave up.
    void NotifyDrop(Ptr<const Packet> packet, ipseclab::esp::DropReason reason, bool outbound);

    /// Addresses that ESP is for: the outer addresses of this node.
    bool IsLocalAddress(Ipv4Address address) const;

    const ipseclab::esp::DataPlaneCounters& GetCounters() const;
    const ipseclab::ike::IkeCounters& GetIkeCounters() const;
    ipseclab::esp::DataPlane& GetDataPlane();
    ipseclab::ike::IkeEndpoint& GetIkeEndpoint();

    /// Keys and nonces from these streams. \return how many were used
    int64_t AssignStreams(int64_t stream);

    /// \name Trace signatures
    typedef void (*DropTracedCallback)(Ptr<const Packet> packet,
                                       ipseclab::esp::DropReason reason,
                                       bool outbound);
    typedef void (*EspSentTracedCallback)(uint32_t spi, uint64_t number);
    typedef void (*EspReceivedTracedCallback)(uint32_t spi,
                                              uint64_t number,
                                              ipseclab::esp::DropReason reason);
    typedef void (*IkeEventTracedCallback)(const ipseclab::ike::IkeEvent& event);

  protected:
    void DoInitialize() override;
    void DoDispose() override;
    void NotifyNewAggregate() override;

  private:
    void OpenSocket();
    void HandleRead(Ptr<Socket> socket);
    void HandleTimer();
    /// Polls the IKE endpoint dry: events, then datagrams, then the next timer.
    void Drive();
    void HandleEvent(const ipseclab::ike::IkeEvent& event);
    void InstallChildSa(const ipseclab::ike::ChildSaInstalled& sa);
    Outcome Finish(Ptr<const Packet> packet,
                   const ipseclab::esp::DataPlaneResult& result,
                   bool outbound);

    RngRandomSource m_random;
    ipseclab::ike::IkeEndpoint m_ike;
    ipseclab::esp::DataPlane m_dataPlane;
    Ptr<Node> m_node;
    Ptr<Socket> m_socket;
    EventId m_timer;
    uint32_t m_replayWindow;
    ipseclab::esp::ReplayProfile m_replayProfile;
    ipseclab::crypto::CryptoMode m_cryptoMode;
    ipseclab::esp::DfPolicy m_dfPolicy;
    uint8_t m_outerTtl;

    TracedCallback<Ptr<const Packet>, ipseclab::esp::DropReason, bool> m_dropTrace;
    TracedCallback<uint32_t, uint64_t> m_espSentTrace;
    TracedCallback<uint32_t, uint64_t, ipseclab::esp::DropReason> m_espReceivedTrace;
    TracedCallback<const ipseclab::ike::IkeEvent&> m_ikeEventTrace;
};

} // namespace ns3

#endif // IPSEC_GATEWAY_H
