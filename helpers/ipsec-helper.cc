/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipsec-helper.h"

#include "model/ike/extensions/non-first-fragments.h"
#include "model/ike/extensions/transport-mode.h"

#include "ns3/abort.h"
#include "ns3/double.h"
#include "ns3/drop-tail-queue.h"
#include "ns3/ipsec-fast-path.h"
#include "ns3/ipsec-net-device.h"
#include "ns3/mac48-address.h"
#include "ns3/net-device-queue-interface.h"
#include "ns3/pointer.h"
#include "ns3/reordering-channel.h"

namespace ns3
{

namespace esp = ipseclab::esp;
namespace ike = ipseclab::ike;

namespace
{

ipseclab::TrafficSelector
ParseSelector(const std::string& text)
{
    const auto selector = ipseclab::TrafficSelector::FromString(text);
    NS_ABORT_MSG_UNLESS(selector, "no address range: \"" << text << "\"");
    return *selector;
}

ipseclab::IpAddress
ParseAddress(const Address& address)
{
    if (Ipv4Address::IsMatchingType(address))
    {
        return ipseclab::IpAddress::V4(Ipv4Address::ConvertFrom(address).Get());
    }
    NS_ABORT_MSG_UNLESS(Ipv6Address::IsMatchingType(address), "no IP address: " << address);
    uint8_t octets[16];
    Ipv6Address::ConvertFrom(address).GetBytes(octets);
    return *ipseclab::IpAddress::FromOctets(octets);
}

/// One gateway's side of a tunnel.
struct Side
{
    Address address;
    std::string network;
    std::string identity;
    std::vector<ike::ExtensionFactory> extensions; ///< that the other side has not got
};

void
ConfigureSide(const IpsecTunnel& tunnel, const Side& local, const Side& remote, IpsecGateway& to)
{
    ike::PeerConfig peer;
    peer.name = tunnel.name;
    peer.local.address = ParseAddress(local.address);
    peer.remote.address = ParseAddress(remote.address);
    peer.localId = ike::Identity::Fqdn(local.identity);
    peer.remoteId = ike::Identity::Fqdn(remote.identity);
    peer.preSharedKey.assign(tunnel.preSharedKey.begin(), tunnel.preSharedKey.end());
    peer.ikeSuites = tunnel.ikeSuites;
    peer.childSuites = tunnel.childSuites;
    peer.ikeLifetime = tunnel.ikeLifetime;
    peer.childLifetime = tunnel.childLifetime;
    peer.childVolume = tunnel.childVolume;
    peer.natTraversal = tunnel.natTraversal;
    peer.extensions = tunnel.extensions;
    peer.extensions.insert(peer.extensions.end(), local.extensions.begin(), local.extensions.end());
    if (tunnel.transport)
    {
        peer.extensions.push_back(ike::UseTransportMode());
    }
    peer.localSelectors = {ParseSelector(local.network)};
    peer.remoteSelectors = {ParseSelector(remote.network)};
    peer.opaqueFragments = tunnel.laterFragments == IpsecLaterFragments::Opaque;
    if (tunnel.laterFragments == IpsecLaterFragments::Stateful)
    {
        peer.extensions.push_back(ike::NonFirstFragmentsAlso());
    }
    to.AddPeer(peer);
    to.AddPolicy({tunnel.name,
                  peer.localSelectors,
                  peer.remoteSelectors,
                  esp::SpdAction::Protect,
                  tunnel.name});
    if (peer.opaqueFragments)
    {
        to.AddPolicy({tunnel.name + ".opaque",
                      ipseclab::OpaquePorts(peer.localSelectors),
                      ipseclab::OpaquePorts(peer.remoteSelectors),
                      esp::SpdAction::Protect,
                      tunnel.name});
    }
}

Ptr<PointToPointNetDevice>
InstallPort(Ptr<Node> node, Ptr<ReorderingChannel> channel, const ReorderingLink& link)
{
    const auto device = CreateObject<PointToPointNetDevice>();
    device->SetAddress(Mac48Address::Allocate());
    device->SetDataRate(link.rate);
    node->AddDevice(device);
    const auto queue = CreateObject<DropTailQueue<Packet>>();
    queue->SetMaxSize(link.queue);
    device->SetQueue(queue);
    const auto flowControl = CreateObject<NetDeviceQueueInterface>();
    flowControl->GetTxQueue(0)->ConnectQueueTraces(queue);
    device->AggregateObject(flowControl);
    device->Attach(channel);
    return device;
}

} // namespace

IpsecHelper::IpsecHelper()
{
    m_factory.SetTypeId(IpsecGateway::GetTypeId());
}

void
IpsecHelper::SetGatewayAttribute(const std::string& name, const AttributeValue& value)
{
    m_factory.Set(name, value);
}

Ptr<IpsecGateway>
IpsecHelper::Install(Ptr<Node> node) const
{
    const auto gateway = m_factory.Create<IpsecGateway>();
    node->AggregateObject(gateway);
    return gateway;
}

Ptr<NetDevice>
IpsecHelper::AttachDevice(Ptr<IpsecGateway> gateway, Ptr<NetDevice> outside)
{
    const auto device = CreateObject<IpsecNetDevice>();
    device->Attach(gateway, outside);
    return device;
}

void
IpsecHelper::AttachFastPath(Ptr<IpsecGateway> gateway,
                            Ptr<NetDevice> inside,
                            Ptr<NetDevice> outside)
{
    const auto fastPath = CreateObject<IpsecFastPath>();
    fastPath->Attach(gateway, inside, outside);
    gateway->AggregateObject(fastPath); // lives as long as the gateway
}

void
IpsecHelper::Configure(const IpsecTunnel& tunnel, Ptr<IpsecGateway> a, Ptr<IpsecGateway> b)
{
    const Side sideA{tunnel.addressA, tunnel.protectedA, tunnel.identityA, tunnel.extensionsOfA};
    const Side sideB{tunnel.addressB, tunnel.protectedB, tunnel.identityB, {}};
    ConfigureSide(tunnel, sideA, sideB, *a);
    ConfigureSide(tunnel, sideB, sideA, *b);
}

NetDeviceContainer
IpsecHelper::InstallReorderingLink(Ptr<Node> a, Ptr<Node> b, const ReorderingLink& link)
{
    const auto channel = CreateObject<ReorderingChannel>();
    channel->SetAttribute("Delay", TimeValue(link.delay));
    channel->SetAttribute("LossProbability", DoubleValue(link.lossProbability));
    if (link.extraDelay)
    {
        channel->SetAttribute("ExtraDelay", PointerValue(link.extraDelay));
    }
    NetDeviceContainer devices;
    devices.Add(InstallPort(a, channel, link));
    devices.Add(InstallPort(b, channel, link));
    return devices;
}

} // namespace ns3
