/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H
#define IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H

#include "helpers/ipsec-helper.h"

#include "ns3/path-mtu-routing.h"
#include "ns3/reordering-channel.h"

#include <cstdint>
#include <string>

namespace ipseclab::path_mtu
{

struct NetworkSettings
{
    std::string fragmentation{"Drop"}; ///< of IpsecPathMtu
    std::string dfPolicy{"Copy"};      ///< of IpsecGateway
    std::uint16_t mtu{1400};           ///< of the narrow link, octets of IP
    double filterProbability{0};       ///< of the router's reports
    std::uint16_t quotedOctets{8};     ///< of the router's reports, behind the IP header
    bool udpEncapsulation{false};
    std::uint32_t window{64};
    ns3::Time delay;             ///< of the narrow link
    ns3::Time fragmentDelay;     ///< what fragments take longer
    double loss{0};              ///< of each frame on the narrow link
    ns3::Time reassemblyTimeout; ///< of gateway B
    bool sized{false};           ///< crypto mode
};

/**
 * Host A, gateway A, router, gateway B, host B, and a tunnel that waits to be initiated. The narrow
 * link is that from the router to gateway B; the router minds DF.
 */
class Network
{
  public:
    /// \param settings outlive the network
    explicit Network(const NetworkSettings& settings);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::PathMtuRouting> routing; ///< of the router
    ns3::Ptr<ns3::NetDevice> outsideA;     ///< of gateway A
    ns3::Ptr<ns3::NetDevice> outsideB;     ///< of gateway B
    ns3::Ptr<ns3::NetDevice> narrow;       ///< of the router, towards gateway B
    ns3::Ipv4Address addressB;             ///< of host B
    std::string tunnel;

    ns3::Ptr<ns3::ReorderingChannel> NarrowLink() const;

  private:
    void InstallGateways();
    void InstallRouter();
    void BuildLinks();
    void AddGateway(ns3::Ptr<ns3::IpsecGateway> gateway,
                    ns3::Ptr<ns3::NetDevice> inside,
                    const char* insideAddress,
                    ns3::Ptr<ns3::NetDevice> outside,
                    const char* outsideAddress,
                    const char* next) const;
    ns3::NetDeviceContainer ConnectNarrow() const;

    const NetworkSettings& m_settings;
    ns3::Ptr<ns3::Node> m_router;
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H
