/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ipv4-cloud-channel.h"

#include "ns3/ipv4-header.h"
#include "ns3/log.h"
#include "ns3/node.h"
#include "ns3/packet.h"
#include "ns3/simple-net-device.h"
#include "ns3/simulator.h"

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("Ipv4CloudChannel");
NS_OBJECT_ENSURE_REGISTERED(Ipv4CloudChannel);

TypeId
Ipv4CloudChannel::GetTypeId()
{
    static TypeId tid = TypeId("ns3::Ipv4CloudChannel")
                            .SetParent<SimpleChannel>()
                            .SetGroupName("Ipsec")
                            .AddConstructor<Ipv4CloudChannel>()
                            .AddAttribute("CloudDelay",
                                          "From any device to any other one.",
                                          TimeValue(MilliSeconds(5)),
                                          MakeTimeAccessor(&Ipv4CloudChannel::m_delay),
                                          MakeTimeChecker(Time(0)));
    return tid;
}

void
Ipv4CloudChannel::Place(Ipv4Address address, Ptr<SimpleNetDevice> device)
{
    m_places[address.Get()] = device;
}

uint64_t
Ipv4CloudChannel::GetLost() const
{
    return m_lost;
}

void
Ipv4CloudChannel::Send(Ptr<Packet> packet,
                       uint16_t protocol,
                       Mac48Address,
                       Mac48Address from,
                       Ptr<SimpleNetDevice>)
{
    Ipv4Header header;
    packet->PeekHeader(header);
    const auto place = m_places.find(header.GetDestination().Get());
    if (place == m_places.end())
    {
        ++m_lost;
        return;
    }
    const Ptr<SimpleNetDevice>& device = place->second;
    Simulator::ScheduleWithContext(device->GetNode()->GetId(),
                                   m_delay,
                                   &SimpleNetDevice::Receive,
                                   device,
                                   packet->Copy(),
                                   protocol,
                                   Mac48Address::ConvertFrom(device->GetAddress()),
                                   from);
}

} // namespace ns3
