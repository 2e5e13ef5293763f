/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_TUNNEL_HANDSHAKE_H
#define IPSECLAB_TUNNEL_HANDSHAKE_H

#include "ns3/event-id.h"
#include "ns3/ipsec-gateway.h"
#include "ns3/nstime.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace ipseclab
{

/**
 * Brings a tunnel up and says when it is: when the first Child SA is installed at both ends. On a
 * network that loses everything an IKE SA needs, it begins once more.
 */
class TunnelHandshake
{
  public:
    /**
     * Listens from now on; Begin() initiates. Without it the tunnel may come up by traffic.
     * \param tunnel name of the peer entry at both gateways
     * \param ready called once, after the initiator has installed the Child SA
     * \param failed called when the peer refuses, or after 600 s
     */
    TunnelHandshake(ns3::Ptr<ns3::IpsecGateway> initiator,
                    ns3::Ptr<ns3::IpsecGateway> responder,
                    std::string tunnel,
                    std::function<void()> ready,
                    std::function<void()> failed);
    ~TunnelHandshake();
    TunnelHandshake(const TunnelHandshake&) = delete;
    TunnelHandshake& operator=(const TunnelHandshake&) = delete;

    /// Begins the IKE exchanges now.
    void Begin();

    bool Done() const;
    /// Simulated time at which both ends had the Child SA.
    ns3::Time Since() const;
    /// Why there is no tunnel.
    const std::string& Fault() const;

  private:
    void Initiate();
    void HandleInitiator(const ike::IkeEvent& event);
    void HandleResponder(const ike::IkeEvent& event);
    void Close(const ike::IkeSaClosed& closed);
    void GiveUp();

    ns3::Ptr<ns3::IpsecGateway> m_initiator;
    std::string m_tunnel;
    std::function<void()> m_ready;
    std::function<void()> m_failed;
    std::set<std::uint32_t> m_installedAtResponder;
    ns3::EventId m_limit;
    bool m_begun{false};
    bool m_done{false};
    ns3::Time m_since;
    std::string m_fault{"no answer"};
};

} // namespace ipseclab

#endif // IPSECLAB_TUNNEL_HANDSHAKE_H
