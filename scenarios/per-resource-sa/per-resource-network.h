/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PER_RESOURCE_NETWORK_H
#define IPSECLAB_SCENARIO_PER_RESOURCE_NETWORK_H

#include "helpers/scenario.h"
#include "helpers/udp-stream.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/net-device.h"
#include "ns3/node.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ipseclab::per_resource
{

constexpr const char* kHostB = "172.16.0.2";
constexpr const char* kOtherHost = "172.17.0.2"; ///< of B's second network
constexpr std::uint32_t kMostTunnels = 10000;

/// The parameters of one run in SI units; README.md says what each means.
struct Settings
{
    /// \throws ParameterError when values do not go together
    explicit Settings(const ParameterValues& values);

    std::uint32_t tunnels;
    double startSpread;
    bool shared; ///< all resources have one SA
    std::uint32_t resources;
    bool fallback;
    std::uint32_t limit; ///< SAs beside the one for all
    bool blunt;          ///< beyond the limit: NO_ADDITIONAL_SAS
    bool bothWays;
    bool otherTraffic;
    double coreRate;  ///< packets per second; 0: packets cost no time
    double lockShare; ///< of a packet's time
    std::uint32_t flows;
    UdpStream stream; ///< of each direction
    double delay;
    double lifetime;
    std::uint32_t window;
};

std::vector<ParameterSpec> MakeParameters();

/// One end of a tunnel: a host behind a gateway.
struct Site
{
    ns3::Ptr<ns3::Node> host;
    ns3::Ptr<ns3::IpsecGateway> gateway;
    ns3::Ptr<ns3::NetDevice> outside; ///< on the wire, for captures
    ns3::Ipv4Address address;         ///< of the host
};

/// Sites A, a router, and site B, to which all have their tunnels. B has a second network.
class Net
{
  public:
    /// \param settings outlive the network
    /// \param sized crypto mode of ESP
    Net(const Settings& settings, bool sized);

    std::vector<Site> sitesA;
    Site siteB;

    /// Of the peer entry at both ends of a tunnel.
    static std::string TunnelName(std::size_t site);

  private:
    /// Where a site's addresses are.
    struct Place
    {
        ns3::Ipv4Address host;
        ns3::Ipv4Address inside;
        ns3::Ipv4Address outside;
        ns3::Ipv4Address router;
    };

    static Place PlaceOfA(std::size_t site);
    static Place PlaceOfB();
    Site MakeSite(const Place& place, bool atA, std::int64_t stream, bool sized);
    void AddPeer(std::size_t site, bool atA) const;
    ns3::Ptr<ns3::IpsecEngine> MakeEngine() const;

    const Settings& m_settings;
    ns3::Ptr<ns3::Node> m_router;
};

} // namespace ipseclab::per_resource

#endif // IPSECLAB_SCENARIO_PER_RESOURCE_NETWORK_H
