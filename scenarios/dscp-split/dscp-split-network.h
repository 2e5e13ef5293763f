/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_DSCP_SPLIT_NETWORK_H
#define IPSECLAB_SCENARIO_DSCP_SPLIT_NETWORK_H

#include "helpers/ipsec-helper.h"
#include "helpers/scenario.h"

#include "ns3/queue-disc.h"

#include <cstdint>
#include <string>

namespace ipseclab::dscp_split
{

/// The parameters of the network of one run in SI units; README.md says what each means.
struct Settings
{
    Settings() = default;
    explicit Settings(const ParameterValues& values);

    /// Whether both gateways have Child SAs of their own making.
    bool BothAsk() const
    {
        return mechanism == "split";
    }

    bool HasClassSas() const
    {
        return mechanism == "split" || mechanism == "notify" || mechanism == "ts-dscp";
    }

    /// How packets of the forward direction are numbered.
    esp::SequenceScheme Numbers() const;

    /// Requests for Child SAs of classes, of both gateways.
    std::uint64_t Requests() const;

    std::string mechanism{"one-sa"};
    std::uint64_t classes{2};
    std::uint64_t spaces{2};
    bool awareResponder{true};
    bool refusingResponder{false}; ///< knows nothing, and refuses selectors that it does not know
    bool defaultFirst{true};
    std::uint32_t window{64};
    bool fixedOuterDscp{false};
    std::uint32_t saLimit{0};
    std::string queue{"priority"};
    bool queueBefore{false};
    std::uint32_t queueLimit{100}; ///< packets of each class
    std::uint64_t linkRate{10000000};
    double delay{0.005};
    std::uint32_t payload{1000}; ///< octets of UDP
};

/// DSCP of a class, 0 the lowest: its class selector.
std::uint8_t DscpOf(std::uint64_t packetClass);

/**
 * Two hosts, two gateways, a router before gateway A and one behind it:
 *
 *     host A ---- before ====> gateway A ---- behind ====> gateway B ---- host B
 *
 * One of the double links, in the direction of its arrow, is the bottleneck with the queues.
 */
class Network
{
  public:
    /// \param settings outlive the network
    /// \param sized crypto mode of ESP
    Network(const Settings& settings, bool sized);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::NetDevice> insideA;  ///< where packets for the tunnel come in
    ns3::Ptr<ns3::NetDevice> insideB;  ///< likewise of gateway B
    ns3::Ptr<ns3::NetDevice> outsideA; ///< on the wire
    ns3::Ptr<ns3::NetDevice> outsideB; ///< on the wire
    ns3::Ptr<ns3::QueueDisc> queue;    ///< of the bottleneck
    ns3::Ipv4Address addressA;         ///< of host A
    ns3::Ipv4Address addressB;         ///< of host B
    std::string tunnel{"tunnel"};

  private:
    ns3::NetDeviceContainer Connect(ns3::Ptr<ns3::Node> a, ns3::Ptr<ns3::Node> b, bool bottleneck);
    void InstallGateways(bool sized);
    void BuildLinks();
    void ConfigureTunnel();

    const Settings& m_settings;
    ns3::Ptr<ns3::Node> m_before;
    ns3::Ptr<ns3::Node> m_nodeA; ///< of gateway A
    ns3::Ptr<ns3::Node> m_behind;
    ns3::Ptr<ns3::Node> m_nodeB; ///< of gateway B
};

} // namespace ipseclab::dscp_split

#endif // IPSECLAB_SCENARIO_DSCP_SPLIT_NETWORK_H
