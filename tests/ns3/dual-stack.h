/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_DUAL_STACK_H
#define IPSECLAB_DUAL_STACK_H

#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/ipv4.h"
#include "ns3/ipv6-static-routing-helper.h"
#include "ns3/ipv6.h"
#include "ns3/net-device.h"
#include "ns3/node.h"

#include <string>

/**
 * \file
 * Addresses and routes of both IP versions, for rows of nodes whose links have numbers: the left
 * end of link 1 is 10.0.1.1 and fd00:db8:1::1, its right end has a 2. ns-3 does not forward
 * 2001:db8::/32.
 */

namespace ns3
{
namespace dual
{

/// Address of one end of a link; end 0 is its network.
inline std::string
Text(bool v6, int link, int end)
{
    const std::string number = std::to_string(link);
    return v6 ? "fd00:db8:" + number + "::" + std::to_string(end)
              : "10.0." + number + "." + std::to_string(end);
}

inline Address
ToAddress(bool v6, int link, int end)
{
    const std::string text = Text(v6, link, end);
    return v6 ? Address(Ipv6Address(text.c_str())) : Address(Ipv4Address(text.c_str()));
}

/// Gives the device its addresses, which are forwarded between.
inline void
Join(Ptr<NetDevice> device, int link, int end)
{
    const auto ipv4 = device->GetNode()->GetObject<Ipv4>();
    const uint32_t i4 = ipv4->AddInterface(device);
    ipv4->AddAddress(i4,
                     Ipv4InterfaceAddress(Ipv4Address(Text(false, link, end).c_str()),
                                          Ipv4Mask("255.255.255.0")));
    ipv4->SetUp(i4);
    const auto ipv6 = device->GetNode()->GetObject<Ipv6>();
    const uint32_t i6 = ipv6->AddInterface(device);
    ipv6->AddAddress(
        i6,
        Ipv6InterfaceAddress(Ipv6Address(Text(true, link, end).c_str()), Ipv6Prefix(64)));
    ipv6->SetForwarding(i6, true);
    ipv6->SetUp(i6);
}

/// To the network of link `to`, over the device and that end of its link `via`.
inline void
Route(Ptr<NetDevice> device, int to, int via, int end)
{
    const auto ipv4 = device->GetNode()->GetObject<Ipv4>();
    Ipv4StaticRoutingHelper().GetStaticRouting(ipv4)->AddNetworkRouteTo(
        Ipv4Address(Text(false, to, 0).c_str()),
        Ipv4Mask("255.255.255.0"),
        Ipv4Address(Text(false, via, end).c_str()),
        static_cast<uint32_t>(ipv4->GetInterfaceForDevice(device)));
    const auto ipv6 = device->GetNode()->GetObject<Ipv6>();
    Ipv6StaticRoutingHelper().GetStaticRouting(ipv6)->AddNetworkRouteTo(
        Ipv6Address(Text(true, to, 0).c_str()),
        Ipv6Prefix(64),
        Ipv6Address(Text(true, via, end).c_str()),
        static_cast<uint32_t>(ipv6->GetInterfaceForDevice(device)));
}

/// To everywhere else, likewise.
inline void
RouteRest(Ptr<NetDevice> device, int via, int end)
{
    const auto ipv4 = device->GetNode()->GetObject<Ipv4>();
    Ipv4StaticRoutingHelper().GetStaticRouting(ipv4)->SetDefaultRoute(
        Ipv4Address(Text(false, via, end).c_str()),
        static_cast<uint32_t>(ipv4->GetInterfaceForDevice(device)));
    const auto ipv6 = device->GetNode()->GetObject<Ipv6>();
    Ipv6StaticRoutingHelper().GetStaticRouting(ipv6)->SetDefaultRoute(
        Ipv6Address(Text(true, via, end).c_str()),
        static_cast<uint32_t>(ipv6->GetInterfaceForDevice(device)));
}

} // namespace dual
} // namespace ns3

#endif // IPSECLAB_DUAL_STACK_H
