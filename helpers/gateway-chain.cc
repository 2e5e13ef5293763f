/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/gateway-chain.h"

#include "helpers/node-setup.h"

namespace ipseclab
{

using ns3::Ptr;

namespace
{

std::uint32_t
AddToNet(Ptr<ns3::NetDevice> device, const char* address)
{
    return AddAddress(device, address, "255.255.255.0");
}

/// A host behind a gateway.
void
ConfigureHost(Ptr<ns3::NetDevice> device, const char* address, const char* gateway)
{
    StaticRoutesOf(device->GetNode())->SetDefaultRoute(gateway, AddToNet(device, address));
}

/// \return the device of IPsec on the outside
Ptr<ns3::NetDevice>
ConfigureGateway(Ptr<ns3::IpsecGateway> gateway,
                 Ptr<ns3::NetDevice> outside,
                 const char* address,
                 const char* next)
{
    const Ptr<ns3::NetDevice> top = ns3::IpsecHelper::AttachDevice(gateway, outside);
    StaticRoutesOf(outside->GetNode())->SetDefaultRoute(next, AddToNet(top, address));
    return top;
}

} // namespace

ns3::NetDeviceContainer
GatewayChain::Configure(Ptr<ns3::IpsecGateway> a, Ptr<ns3::IpsecGateway> b) const
{
    ConfigureHost(linkA.Get(0), "10.1.0.2", "10.1.0.1");
    AddToNet(linkA.Get(1), "10.1.0.1");
    ns3::NetDeviceContainer tops(ConfigureGateway(a, middle.Get(0), kOutsideA, "192.0.2.2"));
    AddToNet(middle.Get(1), "192.0.2.2");
    AddToNet(path.Get(0), "198.51.100.2");
    AddToNet(linkB.Get(0), "10.2.0.1");
    tops.Add(ConfigureGateway(b, path.Get(1), kOutsideB, "198.51.100.2"));
    ConfigureHost(linkB.Get(1), kHostB, "10.2.0.1");
    return tops;
}

ns3::IpsecTunnel
GatewayChain::Tunnel()
{
    ns3::IpsecTunnel tunnel;
    tunnel.addressA = ns3::Ipv4Address(kOutsideA);
    tunnel.addressB = ns3::Ipv4Address(kOutsideB);
    tunnel.protectedA = "10.1.0.0/24";
    tunnel.protectedB = "10.2.0.0/24";
    return tunnel;
}

Ptr<ns3::IpsecGateway>
CreateGateway(const ns3::IpsecHelper& helper, std::int64_t streams)
{
    const auto node = ns3::CreateObject<ns3::Node>();
    InstallIpv4Stack(node);
    const Ptr<ns3::IpsecGateway> gateway = helper.Install(node);
    gateway->AssignStreams(streams);
    return gateway;
}

} // namespace ipseclab
