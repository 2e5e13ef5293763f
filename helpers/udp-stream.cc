/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "udp-stream.h"

#include "ns3/double.h"
#include "ns3/inet-socket-address.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace ipseclab
{

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using ns3::Socket;
using ns3::Time;

namespace
{

Ptr<Socket>
OpenSocket(Ptr<ns3::Node> node, std::uint16_t port)
{
    const auto socket = Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
    socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port));
    return socket;
}

} // namespace

UdpPayloads::UdpPayloads(std::uint32_t length)
    : m_octets(length),
      m_pattern(length + 256)
{
    for (std::size_t i = 0; i < m_pattern.size(); ++i)
    {
        m_pattern[i] = static_cast<std::uint8_t>(i);
    }
}

Ptr<Packet>
UdpPayloads::Make(std::uint64_t number)
{
    StoreBe64(m_octets.data(), number);
    std::memcpy(m_octets.data() + kNumberOctets, Pattern(number), PatternLength());
    return ns3::Create<Packet>(m_octets.data(), static_cast<std::uint32_t>(m_octets.size()));
}

std::uint64_t
UdpPayloads::Read(Ptr<const Packet> packet)
{
    if (packet->GetSize() != m_octets.size())
    {
        return 0;
    }
    packet->CopyData(m_octets.data(), packet->GetSize());
    const std::uint64_t number = LoadBe64(m_octets.data());
    const bool intact =
        std::memcmp(m_octets.data() + kNumberOctets, Pattern(number), PatternLength()) == 0;
    return intact ? number : 0;
}

const std::uint8_t*
UdpPayloads::Pattern(std::uint64_t number) const
{
    return m_pattern.data() + (number & 0xff);
}

std::size_t
UdpPayloads::PatternLength() const
{
    return m_octets.size() - kNumberOctets;
}

UdpSource::UdpSource(Ptr<ns3::Node> node,
                     ns3::Ipv4Address destination,
                     const UdpStream& stream,
                     std::function<void(std::uint64_t number)> sending)
    : m_stream(stream),
      m_sending(std::move(sending)),
      m_payloads(stream.payload),
      m_socket(OpenSocket(node, stream.port)),
      m_gap(ns3::CreateObject<ns3::ExponentialRandomVariable>())
{
    m_socket->Connect(ns3::InetSocketAddress(destination, stream.port));
    m_gap->SetAttribute("Mean", ns3::DoubleValue(1 / stream.rate));
    m_gap->SetStream(stream.randomStream);
}

void
UdpSource::Start()
{
    m_start = Simulator::Now();
    Send();
}

ns3::Time
UdpSource::FirstSend() const
{
    return m_start;
}

std::uint64_t
UdpSource::Sent() const
{
    return m_sent;
}

void
UdpSource::Send()
{
    ++m_sent;
    if (m_sending)
    {
        m_sending(m_sent);
    }
    if (m_stream.tos)
    {
        m_socket->SetIpTos(m_stream.tos(m_sent));
    }
    if (m_socket->Send(m_payloads.Make(m_sent)) < 0)
    {
        throw std::runtime_error("the source of a stream cannot send");
    }
    if (m_sent < m_stream.packets)
    {
        Simulator::Schedule(m_start + NextOffset() - Simulator::Now(), &UdpSource::Send, this);
    }
}

/// From the packet's place and not from the packet before it: rounding does not add up.
Time
UdpSource::NextOffset()
{
    if (m_stream.poisson)
    {
        m_elapsed += m_gap->GetValue();
        return ns3::Seconds(m_elapsed);
    }
    const long double nanoseconds = static_cast<long double>(m_sent) * 1e9L / m_stream.rate;
    return ns3::NanoSeconds(std::llround(nanoseconds));
}

UdpSink::UdpSink(Ptr<ns3::Node> node,
                 const UdpStream& stream,
                 std::function<void(std::uint64_t number)> delivered)
    : m_payloads(stream.payload),
      m_seen(stream.packets + 1),
      m_onDelivery(std::move(delivered)),
      m_socket(OpenSocket(node, stream.port))
{
    m_socket->SetRecvCallback(ns3::MakeCallback(&UdpSink::Read, this));
}

void
UdpSink::Read(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        const std::uint64_t number = m_payloads.Read(packet);
        if (number == 0 || number >= m_seen.size() || m_seen[number])
        {
            throw std::logic_error(
                "the sink of a stream got a packet that was not sent, or got it twice");
        }
        m_seen[number] = true;
        ++m_delivered;
        m_octets += packet->GetSize();
        m_last = Simulator::Now();
        m_onDelivery(number);
    }
}

std::uint64_t
UdpSink::Delivered() const
{
    return m_delivered;
}

std::uint64_t
UdpSink::Octets() const
{
    return m_octets;
}

ns3::Time
UdpSink::LastDelivery() const
{
    return m_last;
}

} // namespace ipseclab
