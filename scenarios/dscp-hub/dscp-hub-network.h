/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_DSCP_HUB_NETWORK_H
#define IPSECLAB_SCENARIO_DSCP_HUB_NETWORK_H

#include "helpers/scenario.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/ipv4-cloud-channel.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/queue-disc.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ipseclab::dscp_hub
{

/// The parameters of the network of one run in SI units; README.md says what each means.
struct Settings
{
    explicit Settings(const ParameterValues& values);

    bool HasClassSas() const
    {
        return mechanism != "one-sa";
    }

    bool BothAsk() const
    {
        return mechanism == "split";
    }

    /// Pairs of SAs that a site has when all is set up.
    std::uint64_t PairsOfSite() const;

    std::uint32_t sites;
    std::string mechanism;
    std::uint32_t classes;
    std::uint32_t window;
    std::uint64_t linkRate;
    std::uint32_t queueLimit; ///< packets of each class
    double delay;
};

/// A site: its gateway, and the address behind it that traffic is for, both on one node.
struct Site
{
    ns3::Ptr<ns3::Node> node;
    ns3::Ptr<ns3::IpsecGateway> gateway;
    ns3::Ipv4Address address;
};

/**
 * A host behind a hub, a link with a queue for each class, and sites in a cloud:
 *
 *     host ---- hub ---- near ====> far ---- cloud ---- site 0, site 1, ...
 */
class Network
{
  public:
    /// \param settings outlive the network
    /// \param sized crypto mode of ESP
    Network(const Settings& settings, bool sized);

    ns3::Ptr<ns3::Node> host;
    ns3::Ipv4Address hostAddress;
    ns3::Ptr<ns3::IpsecGateway> hub;
    ns3::Ptr<ns3::NetDevice> inside; ///< of the hub
    ns3::Ptr<ns3::QueueDisc> queue;  ///< of the link from the hub to the cloud
    std::vector<Site> sites;
    ns3::Ptr<ns3::Ipv4CloudChannel> cloud;

    /// Of the peer entry at both ends of a tunnel.
    static std::string TunnelName(std::size_t site);

  private:
    void BuildHub(bool sized);
    void AddSite(std::size_t number, bool sized);

    const Settings& m_settings;
};

} // namespace ipseclab::dscp_hub

#endif // IPSECLAB_SCENARIO_DSCP_HUB_NETWORK_H
