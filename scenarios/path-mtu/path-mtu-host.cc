/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/path-mtu/path-mtu-host.h"

#include "helpers/udp-datagram.h"
#include "model/wire/icmp-too-big.h"
#include "scenarios/path-mtu/path-mtu-network.h"

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

Source::Source(const StreamSettings& settings, std::function<void(std::uint64_t)> sending)
    : m_settings(settings),
      m_sending(std::move(sending))
{
}

void
Source::Start()
{
    m_start = Simulator::Now();
    m_lastChange = m_start;
    Open();
    SendNext();
}

void
Source::SendNext()
{
    m_sending(m_sent);
    Send(m_sent);
    if (++m_sent < m_settings.packets)
    {
        Simulator::Schedule(SentAt(m_sent) - Simulator::Now(), &Source::SendNext, this);
    }
}

void
Source::NoteChange()
{
    m_lastChange = Simulator::Now();
}

std::uint64_t
Source::Sent() const
{
    return m_sent;
}

ns3::Time
Source::LastChange() const
{
    return m_lastChange;
}

ns3::Time
Source::FirstSend() const
{
    return m_start;
}

ns3::Time
Source::SentAt(std::uint64_t number) const
{
    return m_start + ns3::Seconds(static_cast<double>(number) / m_settings.rate);
}

Sender::Sender(Ptr<ns3::Node> node,
               ns3::Ipv4Address destination,
               const StreamSettings& settings,
               std::function<void(std::uint64_t)> sending)
    : Source(settings, std::move(sending)),
      m_destination(destination),
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
Sender::SendTo(std::uint16_t port, std::uint64_t number, std::uint32_t size, std::uint8_t tos)
{
    DatagramFields fields;
    fields.destination = m_destination;
    fields.port = port;
    fields.identification = ++m_identification;
    fields.dontFragment = Settings().policy != SizePolicy::Fixed;
    fields.tos = tos;
    SendDatagram(m_raw, NumberedPacket(number, size), fields);
}

void
Sender::Open()
{
    if (Settings().policy == SizePolicy::Probing)
    {
        SendProbe();
    }
}

void
Sender::Send(std::uint64_t number)
{
    constexpr unsigned kSelectorShift = 5; // class selectors are the upper bits of the TOS octet
    const double share = Settings().smallShare;
    const bool small = share > 0 && m_small->GetValue(0, 1) < share;
    SendTo(kDataPort,
           number,
           small ? std::min(kSmall, Size()) : Size(),
           static_cast<std::uint8_t>(number % Settings().classes << kSelectorShift));
}

void
Sender::SendProbe()
{
    const auto size = m_search.Probe();
    if (!size || Sent() == Settings().packets)
    {
        return;
    }
    SendTo(kProbePort, *size, *size, 0);
    Simulator::Schedule(Settings().probeTimer, &Sender::GiveUpProbe, this, ++m_probes);
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
        if (Settings().policy == SizePolicy::Reports && report && report->quoted.size() >= kPorts &&
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
        NoteChange();
    }
}

std::uint32_t
Sender::Size() const
{
    return Settings().policy == SizePolicy::Probing ? m_search.Size() : m_limit;
}

std::uint64_t
Sender::Probes() const
{
    return m_probes;
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
