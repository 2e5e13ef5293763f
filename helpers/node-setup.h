/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_NODE_SETUP_H
#define IPSECLAB_NODE_SETUP_H

#include "ns3/ipv4-address.h"
#include "ns3/ipv4-static-routing.h"
#include "ns3/net-device.h"
#include "ns3/node.h"

#include <cstdint>

namespace ipseclab
{

/// IPv4 with static routing and nothing else that would send by itself.
void InstallIpv4Stack(ns3::Ptr<ns3::Node> node);

/**
 * Gives the device an IPv4 interface. Not by Ipv4AddressHelper: that would put a queue disc on it.
 * \return the interface
 */
std::uint32_t AddAddress(ns3::Ptr<ns3::NetDevice> device,
                         ns3::Ipv4Address address,
                         ns3::Ipv4Mask mask);

ns3::Ptr<ns3::Ipv4StaticRouting> StaticRoutesOf(ns3::Ptr<ns3::Node> node);

} // namespace ipseclab

#endif // IPSECLAB_NODE_SETUP_H
