/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/replay-window/replay-window-traffic.h"

#include "ns3/double.h"
#include "ns3/inet-socket-address.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace ipseclab::replay_window
{

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using ns3::Socket;
using ns3::Time;

namespace
{

constexpr std::int64_t kStreamOfSource = 400;
constexpr std::uint16_t kPort = 40000;
constexpr std::size_t kNumberOctets = 8;

Ptr<Socket> OpenSocket(Ptr<ns3::Node> node)
{
    const auto socket = Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
    socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort));
    return socket;
}

} // namespace

Payloads::Payloads(std::uint32_t length)
    : m_octets(length),
      m_pattern(length + 256)
{
    for (std::size_t i = 0; i < m_pattern.size(); ++i)
    {
        m_pattern[i] = static_cast<std::uint8_t>(i);
    }
}

Ptr<Packet> Payloads::Make(std::uint64_t number)
{
    StoreBe64(m_octets.data(), number);
    std::memcpy(m_octets.data() + kNumberOctets, Pattern(number), PatternLength());
    return ns3::Create<Packet>(m_octets.data(), static_cast<std::uint32_t>(m_octets.size()));
}

std::uint64_t Payloads::Read(Ptr<const Packet> packet)
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

const std::uint8_t* Payloads::Pattern(std::uint64_t number) const
{
    return m_pattern.data() + (number & 0xff);
}

std::size_t Payloads::PatternLength() const
{
    return m_octets.size() - kNumberOctets;
}

Source::Source(Ptr<ns3::Node> node, ns3::Ipv4Address destination, const Settings& settings)
    : m_settings(settings),
      m_payloads(settings.payload),
      m_socket(OpenSocket(node)),
      m_gap(ns3::CreateObject<ns3::ExponentialRandomVariable>())
{
    m_socket->Connect(ns3::InetSocketAddress(destination, kPort));
    m_gap->SetAttribute("Mean", ns3::DoubleValue(1 / settings.rate));
    m_gap->SetStream(kStreamOfSource);
}

void Source::Start()
{
    m_start = Simulator::Now();
    Send();
}

ns3::Time Source::FirstSend() const
{
    return m_start;
}

std::uint64_t Source::Sent() const
{
    return m_sent;
}

void Source::Send()
{
    ++m_sent;
    if (m_socket->Send(m_payloads.Make(m_sent)) < 0)
    {
        throw std::runtime_error("host A cannot send");
    }
    if (m_sent < m_settings.packets)
    {
        Simulator::Schedule(m_start + NextOffset() - Simulator::Now(), &Source::Send, this);
    }
}

/// From the packet's place and not from the packet before it: rounding does not add up.
Time Source::NextOffset()
{
    if (m_settings.poisson)
    {
        m_elapsed += m_gap->GetValue();
        return ns3::Seconds(m_elapsed);
    }
    const long double nanoseconds = static_cast<long double>(m_sent) * 1e9L / m_settings.rate;
    return ns3::NanoSeconds(std::llround(nanoseconds));
}

Sink::Sink(Ptr<ns3::Node> node, const Settings& settings, std::function<void()> settled)
    : m_payloads(settings.payload),
      m_seen(settings.packets + 1),
      m_settled(std::move(settled)),
      m_socket(OpenSocket(node))
{
    m_socket->SetRecvCallback(ns3::MakeCallback(&Sink::Read, this));
}

void Sink::Read(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        const std::uint64_t number = m_payloads.Read(packet);
        if (number == 0 || number >= m_seen.size() || m_seen[number])
        {
            throw std::logic_error("host B got a packet that was not sent, or got it twice");
        }
        m_seen[number] = true;
        ++m_delivered;
        m_octets += packet->GetSize();
        m_last = Simulator::Now();
        m_settled();
    }
}

std::uint64_t Sink::Delivered() const
{
    return m_delivered;
}

std::uint64_t Sink::Octets() const
{
    return m_octets;
}

ns3::Time Sink::LastDelivery() const
{
    return m_last;
}

} // namespace ipseclab::replay_window
