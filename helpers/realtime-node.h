/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_NODE_H
#define IPSECLAB_REALTIME_NODE_H

#include "helpers/capture-keys.h"
#include "helpers/realtime.h"

#include "model/ike/ike-config.h"

#include "ns3/event-id.h"
#include "ns3/ipsec-gateway.h"
#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/socket.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ipseclab
{

/// Randomness of the operating system (getrandom(2)), for keys that a stranger must not guess.
class OsRandomSource : public crypto::RandomSource
{
  public:
    /// \throws std::runtime_error when the system has none
    void Fill(MutableByteSpan out) override;
};

/// A gateway with one peer, on a live network.
struct RealtimeNodeConfig
{
    int socket{-1};           ///< packet socket on an Ethernet interface; owned by the node
    ns3::Ipv4Address address; ///< outer
    ns3::Ipv4Mask mask{"255.255.255.0"};
    ns3::Ipv4Address inner;  ///< of the node itself, on the protected side
    std::uint16_t mtu{1500}; ///< of the interface, in octets of IP
    ike::PeerConfig peer;    ///< its remote selectors are reached through the peer's address
};

/// An answer to one of our pings.
struct EchoReply
{
    std::uint16_t number{0}; ///< from 1, counted over all pings of the node
    bool intact{false};      ///< the payload is the one that was sent
    double roundTrip{0};     ///< seconds
};

/**
 * The simulated gateway on a live network: ns-3's real-time simulator drives an IpsecGateway on a
 * packet socket, with randomness of the operating system. One per process, for it binds ns-3's
 * global values; Run once.
 *
 * Commands may come from any thread while Run is on. They concern the newest SAs; without one that
 * fits they do nothing.
 */
class RealtimeNode
{
  public:
    struct Handlers
    {
        std::function<void(double seconds, const ike::IkeEvent&)> ike;
        std::function<void(double seconds, const EchoReply&)> echo;
    };

    RealtimeNode(const RealtimeNodeConfig& config, Handlers handlers);
    ~RealtimeNode();
    RealtimeNode(const RealtimeNode&) = delete;
    RealtimeNode& operator=(const RealtimeNode&) = delete;

    /// Returns after Stop, or at the limit.
    void Run(ns3::Time limit);

    /// \name Commands
    void Initiate();
    void RekeyChild();
    void RekeyIke();
    void CreateChild();
    void CloseChild();
    void CloseIke();
    void CheckLiveness();
    /// Echo requests from the inner address to another one.
    /// \param octets of payload in each, from 1
    void Ping(ns3::Ipv4Address to, std::uint16_t count, std::uint16_t octets, ns3::Time interval);
    void Stop();

    /// \name Results; call them from a handler or after Run
    const esp::DataPlaneCounters& GetCounters() const;
    const ike::IkeCounters& GetIkeCounters() const;
    const ClockLag& GetClockLag() const;
    /// As CaptureKeys::Write.
    std::vector<std::string> WriteKeys(const std::string& folder) const;

  private:
    void BuildNode(const RealtimeNodeConfig& config);
    void AddRoutes(const RealtimeNodeConfig& config, std::uint32_t outside);
    /// In the simulator's thread, soon.
    void Post(std::function<void()> command);
    void HandleIke(const ike::IkeEvent& event);
    void SendEcho(ns3::Ipv4Address to,
                  std::uint16_t left,
                  std::uint16_t octets,
                  ns3::Time interval);
    void ReceiveEcho(ns3::Ptr<ns3::Socket> socket);
    void SampleLag();

    Handlers m_handlers;
    std::string m_peer;
    ns3::Ipv4Address m_inner;
    ns3::Ptr<ns3::Node> m_node;
    ns3::Ptr<ns3::IpsecGateway> m_gateway;
    ns3::Ptr<ns3::Socket> m_echo;
    ns3::CaptureKeys m_keys;
    std::vector<ike::IkeSaId> m_ikeSas;      ///< the newest last
    std::vector<std::uint32_t> m_childSas;   ///< inbound SPIs, the newest last
    std::vector<ns3::Time> m_echoSent;       ///< by number - 1
    std::vector<std::uint16_t> m_echoOctets; ///< by number - 1
    ClockLag m_lag;
};

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_NODE_H
