/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H
#define IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H

#include "helpers/udp-stream.h"
#include "scenarios/offload/offload-settings.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/net-device-container.h"
#include "ns3/node.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <cstdint>
#include <vector>

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

/// All flows of a run, from sockets of their own.
class FlowSource
{
  public:
    /// \param settings outlive the source
    FlowSource(ns3::Ptr<ns3::Node> node, const Settings& settings);

    /// Sends the first packet now.
    void Start();
    std::uint64_t Sent() const;
    /// When packet `number`, from 1, was sent.
    ns3::Time SentAt(std::uint64_t number) const;

  private:
    void Send();
    std::uint32_t NextFlow();
    ns3::Time NextOffset();

    const Settings& m_settings;
    UdpPayloads m_payloads;
    std::vector<ns3::Ptr<ns3::Socket>> m_sockets; ///< by flow
    ns3::Ptr<ns3::UniformRandomVariable> m_flow;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Time m_start;
    double m_elapsed{0}; ///< seconds from the start to the last Poisson packet
    std::vector<ns3::Time> m_sentAt;
};

} // namespace ipseclab::offload

#endif // IPSECLAB_SCENARIO_OFFLOAD_NETWORK_H
