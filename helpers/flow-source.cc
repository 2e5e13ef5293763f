/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/flow-source.h"

#include "ns3/double.h"
#include "ns3/inet-socket-address.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <cmath>
#include <stdexcept>

namespace ipseclab
{

using ns3::CreateObject;

FlowSource::FlowSource(ns3::Ptr<ns3::Node> node,
                       ns3::Ipv4Address destination,
                       const UdpStream& stream,
                       const FlowMix& mix)
    : m_stream(stream),
      m_payloads(stream.payload),
      m_random(mix.random),
      m_firstShare(mix.firstShare),
      m_flow(CreateObject<ns3::UniformRandomVariable>()),
      m_gap(CreateObject<ns3::ExponentialRandomVariable>())
{
    m_flow->SetStream(mix.randomStream);
    m_gap->SetStream(stream.randomStream);
    m_gap->SetAttribute("Mean", ns3::DoubleValue(1 / stream.rate));
    for (std::uint32_t i = 0; i < mix.flows; ++i)
    {
        const auto socket = ns3::Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
        const auto port = static_cast<std::uint16_t>(mix.firstPort + i);
        socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port));
        socket->Connect(ns3::InetSocketAddress(destination, stream.port));
        m_sockets.push_back(socket);
    }
}

void
FlowSource::Start()
{
    m_start = ns3::Simulator::Now();
    Send();
}

std::uint64_t
FlowSource::Sent() const
{
    return m_sentAt.size();
}

ns3::Time
FlowSource::SentAt(std::uint64_t number) const
{
    return m_sentAt.at(number - 1);
}

std::uint32_t
FlowSource::NextFlow()
{
    const std::size_t flows = m_sockets.size();
    if (m_firstShare > 0 && m_flow->GetValue(0, 1) < m_firstShare)
    {
        return 0;
    }
    return m_random ? m_flow->GetInteger(0, static_cast<std::uint32_t>(flows - 1))
                    : static_cast<std::uint32_t>(Sent() % flows);
}

void
FlowSource::Send()
{
    const std::uint32_t flow = NextFlow();
    m_sentAt.push_back(ns3::Simulator::Now());
    if (m_sockets[flow]->Send(m_payloads.Make(Sent())) < 0)
    {
        throw std::runtime_error("a flow cannot send");
    }
    if (Sent() < m_stream.packets)
    {
        ns3::Simulator::Schedule(m_start + NextOffset() - ns3::Simulator::Now(),
                                 &FlowSource::Send,
                                 this);
    }
}

/// From the packet's place and not from the packet before it: rounding does not add up.
ns3::Time
FlowSource::NextOffset()
{
    if (m_stream.poisson)
    {
        m_elapsed += m_gap->GetValue();
        return ns3::Seconds(m_elapsed);
    }
    const long double nanoseconds = static_cast<long double>(Sent()) * 1e9L / m_stream.rate;
    return ns3::NanoSeconds(std::llround(nanoseconds));
}

} // namespace ipseclab
