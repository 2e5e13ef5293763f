/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "path-mtu-routing.h"

#include "model/wire/icmp-too-big.h"

#include "ns3/double.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/ipv4-route.h"
#include "ns3/log.h"
#include "ns3/node.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>

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
                            .AddConstructor<PathMtuRouting>()
                            .AddAttribute("FilterProbability",
                                          "Of a report not to be sent; 0: all are sent.",
                                          DoubleValue(0),
                                          MakeDoubleAccessor(&PathMtuRouting::m_filterProbability),
                                          MakeDoubleChecker<double>(0, 1))
                            .AddAttribute("QuotedOctets",
                                          "What a report quotes behind the IP header, in octets; "
                                          "8 by RFC 792, 528 at most (RFC 1812, 4.3.2.3).",
                                          UintegerValue(8),
                                          MakeUintegerAccessor(&PathMtuRouting::m_quotedOctets),
                                          MakeUintegerChecker<uint16_t>(8, 528))
                            .AddAttribute("ReportInterval",
                                          "Least time between two reports (RFC 1812, 4.3.2.8); "
                                          "0: there is no limit.",
                                          TimeValue(Seconds(0)),
                                          MakeTimeAccessor(&PathMtuRouting::m_reportInterval),
                                          MakeTimeChecker(Seconds(0)));
    return tid;
}

PathMtuRouting::PathMtuRouting()
    : m_filterDraw(CreateObject<UniformRandomVariable>())
{
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
            Report(body, head, next->GetMtu());
        });
    return Ipv4StaticRouting::RouteInput(packet, header, device, forward, multicast, local, error);
}

void
PathMtuRouting::Report(Ptr<const Packet> body, const Ipv4Header& header, uint16_t mtu)
{
    namespace wire = ipseclab::wire;
    if (Simulator::Now() < m_nextReport)
    {
        ++m_withheld;
        return;
    }
    m_nextReport = Simulator::Now() + m_reportInterval;
    if (m_filterProbability > 0 && m_filterDraw->GetValue(0, 1) < m_filterProbability)
    {
        return;
    }
    Ipv4Header answer;
    answer.SetDestination(header.GetSource());
    Socket::SocketErrno error;
    const Ptr<Ipv4Route> route = RouteOutput(nullptr, answer, nullptr, error);
    if (!route)
    {
        return;
    }
    const Ptr<Packet> packet = body->Copy();
    packet->AddHeader(header);
    ipseclab::Bytes octets(packet->GetSize());
    packet->CopyData(octets.data(), packet->GetSize());
    constexpr size_t kOwnHeaders = 28; // IPv4 and ICMP
    const size_t limit = kOwnHeaders + header.GetSerializedSize() + m_quotedOctets;
    const auto from = ipseclab::IpAddress::V4(route->GetSource().Get());
    const ipseclab::Bytes icmp =
        wire::BuildTooBig(octets, mtu, from, std::min(limit, wire::kIcmpLimit));
    if (icmp.empty())
    {
        return;
    }
    ++m_reported;
    route->GetOutputDevice()->GetNode()->GetObject<Ipv4L3Protocol>()->Send(
        Create<Packet>(icmp.data(), static_cast<uint32_t>(icmp.size())),
        route->GetSource(),
        answer.GetDestination(),
        wire::kProtocolIcmp,
        route);
}

uint64_t
PathMtuRouting::GetTooLarge() const
{
    return m_tooLarge;
}

uint64_t
PathMtuRouting::GetReported() const
{
    return m_reported;
}

uint64_t
PathMtuRouting::GetWithheld() const
{
    return m_withheld;
}

int64_t
PathMtuRouting::AssignStreams(int64_t stream)
{
    m_filterDraw->SetStream(stream);
    return 1;
}

} // namespace ns3
