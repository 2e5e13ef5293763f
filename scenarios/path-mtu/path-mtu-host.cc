/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/path-mtu/path-mtu-host.h"

#include "helpers/udp-datagram.h"
#include "model/wire/icmp-too-big.h"

#include "ns3/inet-socket-address.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ipseclab::path_mtu
{

using ns3::Packet;
using ns3::Ptr;
using ns3::Simulator;
using ns3::Socket;

namespace
{

constexpr std::uint16_t kDataPort = 40000;
constexpr std::uint16_t kProbePort = 40001;
constexpr std::uint32_t kNumberOctets = 8;

Ptr<Packet>
NumberedPacket(std::uint64_t number, std::uint32_t ipOctets)
{
    std::uint8_t octets[kNumberOctets];
    StoreBe64(octets, number);
    const auto packet = ns3::Create<Packet>(octets, kNumberOctets);
    packet->AddPaddingAtEnd(ipOctets - kUdpHeaders - kNumberOctets);
    return packet;
}

/// Nothing when it is shorter than a number.
std::optional<std::uint64_t>
ReadNumber(Ptr<const Packet> packet)
{
    std::uint8_t octets[kNumberOctets] = {};
    if (packet->CopyData(octets, kNumberOctets) < kNumberOctets)
    {
        return std::nullopt;
    }
    return LoadBe64(octets);
}

Ptr<Socket>
BoundUdpSocket(Ptr<ns3::Node> node, std::uint16_t port)
{
    const auto socket = Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
    socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port));
    return socket;
}

Ptr<Socket>
IcmpSocket(Ptr<ns3::Node> node)
{
    const auto socket = Socket::CreateSocket(node, ns3::Ipv4RawSocketFactory::GetTypeId());
    socket->SetAttribute("Protocol", ns3::UintegerValue(wire::kProtocolIcmp));
    socket->Bind();
    return socket;
}

} // namespace

Sender::Sender(Ptr<ns3::Node> node,
               ns3::Ipv4Address destination,
               const StreamSettings& settings,
               std::function<void(std::uint64_t)> sending)
    : m_settings(settings),
      m_destination(destination),
      m_sending(std::move(sending)),
      m_raw(CreateDatagramSocket(node)),
      m_answers(BoundUdpSocket(node, kProbePort)),
      m_icmp(IcmpSocket(node)),
      m_small(ns3::CreateObject<ns3::UniformRandomVariable>()),
      m_search(settings.octets),
      m_limit(settings.octets)
{
    m_small->SetStream(settings.randomStream);
    m_answers->SetRecvCallback(ns3::MakeCallback(&Sender::ReadAnswer, this));
    m_icmp->SetRecvCallback(ns3::MakeCallback(&Sender::ReadReport, this));
    m_size = Size();
}

void
Sender::Send(std::uint16_t port, std::uint64_t number, std::uint32_t size)
{
    DatagramFields fields;
    fields.destination = m_destination;
    fields.port = port;
    fields.identification = ++m_identification;
    fields.dontFragment = m_settings.policy != SizePolicy::Fixed;
    SendDatagram(m_raw, NumberedPacket(number, size), fields);
}

void
Sender::Start()
{
    m_start = Simulator::Now();
    m_lastChange = m_start;
    if (m_settings.policy == SizePolicy::Probing)
    {
        SendProbe();
    }
    SendData();
}

void
Sender::SendData()
{
    const bool small = m_settings.smallShare > 0 && m_small->GetValue(0, 1) < m_settings.smallShare;
    const std::uint32_t size = small ? std::min(kSmall, Size()) : Size();
    m_sending(m_sent);
    Send(kDataPort, m_sent, size);
    if (++m_sent < m_settings.packets)
    {
        Simulator::Schedule(SentAt(m_sent) - Simulator::Now(), &Sender::SendData, this);
    }
}

void
Sender::SendProbe()
{
    const auto size = m_search.Probe();
    if (!size || m_sent == m_settings.packets)
    {
        return;
    }
    Send(kProbePort, *size, *size);
    Simulator::Schedule(m_settings.probeTimer, &Sender::GiveUpProbe, this, ++m_probes);
}

void
Sender::GiveUpProbe(std::uint64_t probe)
{
    if (probe == m_probes && m_search.Probe())
    {
        m_search.Fail();
        NoteSize();
        SendProbe();
    }
}

void
Sender::ReadAnswer(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        const auto size = ReadNumber(packet);
        const auto waiting = m_search.Probe();
        if (size)
        {
            m_search.Acknowledge(static_cast<std::uint32_t>(*size));
        }
        NoteSize();
        if (m_search.Probe() != waiting)
        {
            SendProbe();
        }
    }
}

void
Sender::ReadReport(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        Bytes octets(packet->GetSize());
        packet->CopyData(octets.data(), packet->GetSize());
        wire::IpView view;
        const auto report = wire::ParseIp(octets, view) ? wire::ParseTooBig(view) : std::nullopt;
        constexpr std::size_t kPorts = 24; // quoted as far as them
        if (m_settings.policy == SizePolicy::Reports && report && report->quoted.size() >= kPorts &&
            LoadBe32(report->quoted.data() + 16) == m_destination.Get() &&
            LoadBe16(report->quoted.data() + 20) == kDataPort)
        {
            Lower(report->mtu);
        }
    }
}

void
Sender::Lower(std::uint32_t mtu)
{
    const std::uint32_t lowered = std::max(mtu, SizeSearch::kMinimum);
    if (lowered < m_limit)
    {
        m_limit = lowered;
        NoteSize();
    }
}

void
Sender::NoteSize()
{
    if (Size() != m_size)
    {
        m_size = Size();
        m_lastChange = Simulator::Now();
    }
}

std::uint32_t
Sender::Size() const
{
    return m_settings.policy == SizePolicy::Probing ? m_search.Size() : m_limit;
}

std::uint64_t
Sender::Sent() const
{
    return m_sent;
}

std::uint64_t
Sender::Probes() const
{
    return m_probes;
}

ns3::Time
Sender::LastChange() const
{
    return m_lastChange;
}

ns3::Time
Sender::FirstSend() const
{
    return m_start;
}

ns3::Time
Sender::SentAt(std::uint64_t number) const
{
    return m_start + ns3::Seconds(static_cast<double>(number) / m_settings.rate);
}

Receiver::Receiver(Ptr<ns3::Node> node, std::uint64_t packets)
    : m_data(BoundUdpSocket(node, kDataPort)),
      m_probe(BoundUdpSocket(node, kProbePort)),
      m_seen(packets)
{
    m_data->SetRecvCallback(ns3::MakeCallback(&Receiver::ReadData, this));
    m_probe->SetRecvCallback(ns3::MakeCallback(&Receiver::ReadProbe, this));
}

void
Receiver::ReadData(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        const auto number = ReadNumber(packet);
        if (number && *number < m_seen.size() && !m_seen[*number])
        {
            m_seen[*number] = true;
            ++m_delivered;
            m_octets += packet->GetSize();
        }
    }
}

void
Receiver::ReadProbe(Ptr<Socket> socket)
{
    ns3::Address from;
    while (const Ptr<Packet> packet = socket->RecvFrom(from))
    {
        if (const auto size = ReadNumber(packet))
        {
            ++m_probes;
            socket->SendTo(NumberedPacket(*size, kUdpHeaders + kNumberOctets), 0, from);
        }
    }
}

bool
Receiver::Has(std::uint64_t number) const
{
    return number < m_seen.size() && m_seen[number];
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

std::uint64_t
Receiver::Probes() const
{
    return m_probes;
}

} // namespace ipseclab::path_mtu
