/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_IPTFS_NETWORK_H
#define IPSECLAB_SCENARIO_IPTFS_NETWORK_H

#include "helpers/ipsec-helper.h"

#include "ns3/random-variable-stream.h"
#include "ns3/reordering-channel.h"

#include <cstdint>
#include <string>

namespace ipseclab::iptfs
{

struct NetworkSettings
{
    bool aggfrag{true};
    bool fragments{true};       ///< gateway B takes them
    std::uint16_t mtu{1500};    ///< of the links between the gateways, octets of IP
    ns3::Time wait;             ///< of a payload that is not full
    ns3::Time interval;         ///< between payloads of gateway A; 0: on demand
    std::uint32_t queue{0};     ///< octets that wait at gateway A
    std::uint32_t window{1024}; ///< replay window of gateway B
    std::uint32_t reorderWindow{3};
    ns3::Time dropTimer;
    bool inOrder{true};
    double loss{0}; ///< of each frame between router and gateway B
    ns3::Time delay;
    double lateShare{0}; ///< of ESP packets from A to B, that are late by lateBy
    ns3::Time lateBy;
    ns3::Time stripeDelay; ///< of every second ESP packet from A to B
    bool sized{false};     ///< crypto mode
};

/**
 * Host A, gateway A, router, gateway B, host B, and a tunnel that waits to be initiated. Links of
 * the hosts take kHostMtu octets.
 */
class Network
{
  public:
    static constexpr std::uint16_t kHostMtu = 9000;

    /// \param settings outlive the network
    explicit Network(const NetworkSettings& settings);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::NetDevice> outsideA; ///< of gateway A
    ns3::Ptr<ns3::NetDevice> outsideB; ///< of gateway B
    ns3::Ipv4Address addressB;         ///< of host B
    std::string tunnel;

    /// From the router to gateway B.
    ns3::Ptr<ns3::ReorderingChannel> Path() const;

  private:
    void InstallGateways();
    void BuildLinks();
    ns3::NetDeviceContainer ConnectPath();
    ns3::Time ExtraDelay(ns3::Ptr<const ns3::Packet> frame);

    const NetworkSettings& m_settings;
    ns3::Ptr<ns3::Node> m_router;
    ns3::Ptr<ns3::UniformRandomVariable> m_late;
    std::uint64_t m_frames{0}; ///< of ESP to gateway B
};

/// The sequence number of an ESP packet to gateway B in a frame, as on the wire; 0 for any other.
std::uint32_t EspNumber(ns3::Ptr<const ns3::Packet> frame);

} // namespace ipseclab::iptfs

#endif // IPSECLAB_SCENARIO_IPTFS_NETWORK_H
