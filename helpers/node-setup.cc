/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "node-setup.h"

#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-static-routing-helper.h"
#include "ns3/ipv4.h"

namespace ipseclab
{

void
InstallIpv4Stack(ns3::Ptr<ns3::Node> node)
{
    ns3::InternetStackHelper stack;
    stack.SetIpv6StackInstall(false);
    stack.SetRoutingHelper(ns3::Ipv4StaticRoutingHelper());
    stack.Install(node);
}

std::uint32_t
AddAddress(ns3::Ptr<ns3::NetDevice> device, ns3::Ipv4Address address, ns3::Ipv4Mask mask)
{
    const auto ipv4 = device->GetNode()->GetObject<ns3::Ipv4>();
    const std::uint32_t interface = ipv4->AddInterface(device);
    ipv4->AddAddress(interface, ns3::Ipv4InterfaceAddress(address, mask));
    ipv4->SetUp(interface);
    return interface;
}

ns3::Ptr<ns3::Ipv4StaticRouting>
StaticRoutesOf(ns3::Ptr<ns3::Node> node)
{
    return ns3::Ipv4StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv4>());
}

} // namespace ipseclab
