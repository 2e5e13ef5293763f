/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/dscp-split/dscp-split-bulk.h"

#include "ns3/address.h"
#include "ns3/bulk-send-helper.h"
#include "ns3/config.h"
#include "ns3/inet-socket-address.h"
#include "ns3/packet-sink-helper.h"
#include "ns3/tcp-cubic.h"
#include "ns3/tcp-l4-protocol.h"
#include "ns3/uinteger.h"

namespace ipseclab::dscp_split
{

namespace
{

constexpr std::uint16_t kPort = 50000;

} // namespace

Bulk::Bulk(ns3::Ptr<ns3::Node> from, ns3::Ptr<ns3::Node> to, ns3::Ipv4Address destination)
    : m_from(from),
      m_destination(destination)
{
    // So that no buffer of a host is what limits the flow, and that sealed segments fit.
    constexpr std::uint32_t kBuffer = 8 << 20;
    ns3::Config::SetDefault("ns3::TcpSocket::SndBufSize", ns3::UintegerValue(kBuffer));
    ns3::Config::SetDefault("ns3::TcpSocket::RcvBufSize", ns3::UintegerValue(kBuffer));
    ns3::Config::SetDefault("ns3::TcpSocket::SegmentSize", ns3::UintegerValue(1380));
    from->GetObject<ns3::TcpL4Protocol>()->SetAttribute(
        "SocketType",
        ns3::TypeIdValue(ns3::TcpCubic::GetTypeId()));
    const ns3::InetSocketAddress any(ns3::Ipv4Address::GetAny(), kPort);
    const auto sinks = ns3::PacketSinkHelper("ns3::TcpSocketFactory", any).Install(to);
    m_sink = ns3::DynamicCast<ns3::PacketSink>(sinks.Get(0));
}

void
Bulk::Start()
{
    const ns3::InetSocketAddress there(m_destination, kPort);
    ns3::BulkSendHelper("ns3::TcpSocketFactory", there).Install(m_from);
}

std::uint64_t
Bulk::Received() const
{
    return m_sink->GetTotalRx();
}

} // namespace ipseclab::dscp_split
