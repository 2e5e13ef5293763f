/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/iptfs/iptfs-host.h"

#include "helpers/udp-datagram.h"
#include "model/wire/bytes.h"

#include "ns3/double.h"
#include "ns3/inet-socket-address.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"

#include <cmath>
#include <stdexcept>

namespace ipseclab::iptfs
{

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using ns3::Socket;

namespace
{

constexpr std::uint16_t kPort = 40000;
constexpr std::uint32_t kNumberOctets = 8;
constexpr std::uint32_t kUdpHeaders = 28; ///< IPv4 and UDP

} // namespace

Sender::Sender(Ptr<ns3::Node> node,
               ns3::Ipv4Address destination,
               const StreamSettings& settings,
               std::function<void()> done)
    : m_settings(settings),
      m_destination(destination),
      m_done(std::move(done)),
      m_raw(CreateDatagramSocket(node)),
      m_draw(ns3::CreateObject<ns3::UniformRandomVariable>()),
      m_gap(ns3::CreateObject<ns3::ExponentialRandomVariable>())
{
    m_draw->SetStream(settings.randomStream);
    m_gap->SetStream(settings.randomStream + 1);
    m_gap->SetAttribute("Mean", ns3::DoubleValue(1 / settings.rate));
}

void
Sender::Start()
{
    m_start = Simulator::Now();
    Send();
}

void
Sender::Send()
{
    const bool small = m_settings.smallShare > 0 && m_draw->GetValue(0, 1) < m_settings.smallShare;
    const std::uint32_t size = small ? kSmall : m_settings.octets;
    Bytes payload(size - kUdpHeaders);
    StoreBe64(payload.data(), Sent());
    const auto packet =
        ns3::Create<Packet>(payload.data(), static_cast<std::uint32_t>(payload.size()));
    DatagramFields fields;
    fields.destination = m_destination;
    fields.port = kPort;
    fields.dontFragment = true;
    m_times.push_back(Simulator::Now());
    m_octets += size;
    SendDatagram(m_raw, packet, fields);
    if (Sent() == m_settings.packets)
    {
        m_done();
        return;
    }
    // From the packet's place and not from the packet before it: rounding does not add up.
    const ns3::Time next =
        m_settings.poisson
            ? Simulator::Now() + ns3::Seconds(m_gap->GetValue())
            : m_start + ns3::NanoSeconds(std::llround(static_cast<long double>(Sent()) * 1e9L /
                                                      m_settings.rate));
    Simulator::Schedule(next - Simulator::Now(), &Sender::Send, this);
}

std::uint64_t
Sender::Sent() const
{
    return m_times.size();
}

std::uint64_t
Sender::Octets() const
{
    return m_octets;
}

ns3::Time
Sender::SentAt(std::uint64_t number) const
{
    return m_times.at(number);
}

Receiver::Receiver(Ptr<ns3::Node> node,
                   std::uint64_t packets,
                   std::function<void(std::uint64_t)> arrived)
    : m_arrived(std::move(arrived)),
      m_socket(Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId())),
      m_seen(packets)
{
    m_socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort));
    m_socket->SetRecvCallback(ns3::MakeCallback(&Receiver::Read, this));
}

void
Receiver::Read(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        std::uint8_t octets[kNumberOctets] = {};
        packet->CopyData(octets, kNumberOctets);
        const std::uint64_t number = LoadBe64(octets);
        if (number >= m_seen.size() || m_seen[number])
        {
            throw std::logic_error("a packet arrived that was not sent, or arrived twice");
        }
        m_seen[number] = true;
        ++m_delivered;
        m_octets += packet->GetSize() + kUdpHeaders;
        m_arrived(number);
    }
}

std::uint64_t
Receiver::Delivered() const
{
    return m_delivered;
}

std::uint64_t
Receiver::Octets() const
{
    return m_octets;
}

} // namespace ipseclab::iptfs
