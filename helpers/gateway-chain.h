/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_GATEWAY_CHAIN_H
#define IPSECLAB_GATEWAY_CHAIN_H

#include "helpers/ipsec-helper.h"

#include <cstdint>

namespace ipseclab
{

/**
 * Host A, gateway A, router, gateway B, host B, in a row:
 *
 *     10.1.0.2 - 10.1.0.1  192.0.2.1 - 192.0.2.2  198.51.100.2 - 198.51.100.1  10.2.0.1 - 10.2.0.2
 */
struct GatewayChain
{
    static constexpr const char* kOutsideA = "192.0.2.1";
    static constexpr const char* kOutsideB = "198.51.100.1";
    static constexpr const char* kHostB = "10.2.0.2";

    ns3::NetDeviceContainer linkA;  ///< host A, gateway A
    ns3::NetDeviceContainer middle; ///< gateway A, router
    ns3::NetDeviceContainer path;   ///< router, gateway B
    ns3::NetDeviceContainer linkB;  ///< gateway B, host B

    /**
     * Addresses and routes of all nodes, and IPsec on the outside of both gateways.
     * \return the devices of IPsec, of A and of B
     */
    ns3::NetDeviceContainer Configure(ns3::Ptr<ns3::IpsecGateway> a,
                                      ns3::Ptr<ns3::IpsecGateway> b) const;

    /// The tunnel between the two, for the networks of both hosts.
    static ns3::IpsecTunnel Tunnel();
};

/// A node with IPv4 and a gateway that draws from these streams.
ns3::Ptr<ns3::IpsecGateway> CreateGateway(const ns3::IpsecHelper& helper, std::int64_t streams);

} // namespace ipseclab

#endif // IPSECLAB_GATEWAY_CHAIN_H
