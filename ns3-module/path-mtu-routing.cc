/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "path-mtu-routing.h"

#include "ns3/icmpv4-l4-protocol.h"
#include "ns3/ipv4-route.h"
#include "ns3/log.h"
#include "ns3/node.h"

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("PathMtuRouting");
NS_OBJECT_ENSURE_REGISTERED(PathMtuRouting);

TypeId
PathMtuRouting::GetTypeId()
{
    static TypeId tid = TypeId("ns3::PathMtuRouting")
                            .SetParent<Ipv4StaticRouting>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<PathMtuRouting>();
    return tid;
}

bool
PathMtuRouting::RouteInput(Ptr<const Packet> packet,
                           const Ipv4Header& header,
                           Ptr<const NetDevice> device,
                           compat::RouteInputCallbacks::Unicast unicast,
                           compat::RouteInputCallbacks::Multicast multicast,
                           compat::RouteInputCallbacks::Local local,
                           compat::RouteInputCallbacks::Error error)
{
    const Ipv4RoutingProtocol::UnicastForwardCallback forward(
        [this, unicast](Ptr<Ipv4Route> route, Ptr<const Packet> body, const Ipv4Header& head)
        {
            const Ptr<NetDevice> next = route->GetOutputDevice();
            if (!head.IsDontFragment() ||
                body->GetSize() + head.GetSerializedSize() <= next->GetMtu())
            {
                unicast(route, body, head);
                return;
            }
            NS_LOG_LOGIC("too large for " << next->GetMtu() << ": " << head);
            ++m_tooLarge;
            next->GetNode()->GetObject<Icmpv4L4Protocol>()->SendDestUnreachFragNeeded(
                head,
                body,
                next->GetMtu());
        });
    return Ipv4StaticRouting::RouteInput(packet, header, device, forward, multicast, local, error);
}

uint64_t
PathMtuRouting::GetTooLarge() const
{
    return m_tooLarge;
}

} // namespace ns3
