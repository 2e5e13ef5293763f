/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_REPLAY_WINDOW_CHAIN_H
#define IPSECLAB_SCENARIO_REPLAY_WINDOW_CHAIN_H

#include "helpers/arrival-order.h"
#include "helpers/ipsec-helper.h"
#include "helpers/scenario.h"
#include "helpers/udp-stream.h"

#include "ns3/reordering-channel.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ipseclab::replay_window
{

constexpr std::uint64_t kMostPackets = 10000000;

/// The parameters of one run in SI units; README.md says what each means.
struct Settings
{
    Settings() = default;
    explicit Settings(const ParameterValues& values);

    /// Octets of one sealed packet on the wire between the gateways, PPP header included.
    std::uint64_t SealedOctets() const;
    /// ESP numbers from one packet of the stream to the next; the first has number 1.
    std::uint64_t Stride() const;
    /// Octets of an IP packet of the stream.
    std::uint32_t InnerOctets() const;
    /// Packets at the end of the stream that can lack packets that would overtake them. None where
    /// the order is given: nothing is to come.
    std::uint64_t Cooldown() const;

    std::uint32_t window{64};
    std::string receiver{"bitmap"};
    UdpStream stream;
    std::string network{"ordered"};
    std::optional<ArrivalOrder> arrivals; ///< in place of `network`
    double spread{0};
    double fastShare{0};
    double delay{0.001};
    double loss{0};
    std::uint32_t dummies{0}; ///< of gateway A, between two packets of the stream
    bool esn{false};
    bool fastPath{false};
    std::uint64_t linkRate{100000000000};
    esp::SequenceScheme subspaces;                   ///< asked for where it has some
    std::string subspaceRule{"First"};               ///< of IpsecGateway
    std::string subspaceIndex{"Array"};              ///< of IpsecGateway
    crypto::CipherSuite suite;                       ///< of ESP
    ns3::ReorderingChannel::PacketDelay packetDelay; ///< on top of `network`; may be empty
};

/**
 * Host A, gateway A, router, gateway B, host B: addresses, routes, a tunnel that waits to be
 * initiated. The network that reorders and loses is the link from the router to gateway B.
 */
class Chain
{
  public:
    /// \param settings outlive the chain
    /// \param sized crypto mode of ESP
    Chain(const Settings& settings, bool sized);

    ns3::Ptr<ns3::Node> HostA() const;
    ns3::Ptr<ns3::Node> HostB() const;
    ns3::Ptr<ns3::Node> Router() const;
    ns3::Ipv4Address AddressB() const;
    /// Where ESP for gateway B goes.
    ns3::Ipv4Address OutsideAddressB() const;
    ns3::Ptr<ns3::IpsecGateway> GatewayA() const;
    ns3::Ptr<ns3::IpsecGateway> GatewayB() const;
    /// The devices on the wire, for captures.
    ns3::Ptr<ns3::NetDevice> OutsideA() const;
    ns3::Ptr<ns3::NetDevice> OutsideB() const;
    ns3::Ptr<ns3::ReorderingChannel> Network() const;
    /// What Initiate of gateway A wants.
    std::string TunnelName() const;

  private:
    using NodePtr = ns3::Ptr<ns3::Node>;
    using DevicePtr = ns3::Ptr<ns3::NetDevice>;

    void InstallStacks(bool sized);
    void BuildLinks();
    ns3::NetDeviceContainer Connect(NodePtr a, NodePtr b) const;
    ns3::NetDeviceContainer ConnectNetwork(NodePtr a, NodePtr b) const;
    void AddGateway(ns3::Ptr<ns3::IpsecGateway> gateway,
                    DevicePtr inside,
                    const char* insideAddress,
                    DevicePtr outside,
                    const char* outsideAddress,
                    const char* next) const;

    const Settings& m_settings;
    ns3::IpsecTunnel m_tunnel;
    NodePtr m_hostA;
    NodePtr m_nodeA; ///< of gateway A
    NodePtr m_router;
    NodePtr m_nodeB; ///< of gateway B
    NodePtr m_hostB;
    ns3::Ptr<ns3::IpsecGateway> m_gatewayA;
    ns3::Ptr<ns3::IpsecGateway> m_gatewayB;
    DevicePtr m_outsideA;
    DevicePtr m_outsideB;
};

} // namespace ipseclab::replay_window

#endif // IPSECLAB_SCENARIO_REPLAY_WINDOW_CHAIN_H
