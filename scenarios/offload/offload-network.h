/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H
#define IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H

#include "scenarios/offload/offload-settings.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/net-device-container.h"
#include "ns3/node.h"

#include <cstdint>

namespace ipseclab::offload
{

constexpr std::uint16_t kFirstPort = 10000; ///< of flow 0, at host A
constexpr std::uint16_t kPortAtB = 9000;
constexpr const char* kHostB = "10.2.0.2";

/**
 * Host A, gateway A, gateway B, host B. The SAs are keyed by hand (RFC 4301, section 4.5.1), for
 * IKE is not what this scenario asks about; each has the policy of its flows' ports.
 */
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

  private:
    void BuildGateways(bool sized);
    void BuildLinks();
    ns3::NetDeviceContainer Connect(ns3::Ptr<ns3::Node> a, ns3::Ptr<ns3::Node> b) const;
    void AddSa(std::uint32_t index, bool sized) const;
    ns3::Ptr<ns3::IpsecEngine> MakeEngine(ns3::IpsecStep step, std::int64_t stream) const;

    const Settings& m_settings;
};

} // namespace ipseclab::offload

#endif // IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H
