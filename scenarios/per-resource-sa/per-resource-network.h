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

namespace ipseclab::per_resource
{

constexpr const char* kTunnel = "tunnel";
constexpr const char* kHostA = "10.1.0.2";
constexpr const char* kHostB = "10.2.0.2";
constexpr const char* kOtherHost = "10.3.0.2"; ///< of B's second network

/// The parameters of one run in SI units; README.md says what each means.
struct Settings
{
    /// \throws ParameterError when values do not go together
    explicit Settings(const ParameterValues& values);

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

/// Host A, gateway A, gateway B, host B. Behind gateway B there is a second network.
class Net
{
  public:
    /// \param settings outlive the network
    /// \param sized crypto mode of ESP
    Net(const Settings& settings, bool sized);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::NetDevice> outsideA; ///< on the wire, for captures
    ns3::Ptr<ns3::NetDevice> outsideB;

  private:
    ns3::Ptr<ns3::IpsecGateway> MakeGateway(bool atA, bool sized) const;
    void BuildLinks();
    void AddPeer(bool atA) const;
    ns3::Ptr<ns3::IpsecEngine> MakeEngine() const;

    const Settings& m_settings;
};

} // namespace ipseclab::per_resource

#endif // IPSECLAB_SCENARIO_PER_RESOURCE_NETWORK_H
