/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/path-mtu/path-mtu-tcp-host.h"

#include "scenarios/path-mtu/path-mtu-network.h"

#include "ns3/boolean.h"
#include "ns3/inet-socket-address.h"
#include "ns3/path-mtu-socket-factory.h"
#include "ns3/uinteger.h"

namespace ipseclab::path_mtu
{

using ns3::Packet;
using ns3::Ptr;
using ns3::Socket;

namespace
{

constexpr std::uint32_t kBuffer = 1U << 30; ///< octets: the source is never held back

} // namespace

TcpSender::TcpSender(Ptr<ns3::Node> node,
                     ns3::Ipv4Address destination,
                     const StreamSettings& settings,
                     std::function<void(std::uint64_t)> sending)
    : Source(settings, std::move(sending)),
      m_destination(destination),
      m_socket(ns3::DynamicCast<ns3::PathMtuTcpSocket>(
          ns3::PathMtuSocketFactory::Install(node)->CreateSocket()))
{
    m_socket->SetAttribute("SndBufSize", ns3::UintegerValue(kBuffer));
    m_socket->SetAttribute("Probing", ns3::BooleanValue(settings.policy == SizePolicy::Probing));
    m_socket->TraceConnectWithoutContext("PathMtu",
                                         ns3::MakeCallback(&TcpSender::NotePathMtu, this));
}

void
TcpSender::Open()
{
    m_socket->Connect(ns3::InetSocketAddress(m_destination, kDataPort));
}

void
TcpSender::Send(std::uint64_t)
{
    m_socket->Send(ns3::Create<Packet>(Settings().octets - kTcpHeaders), 0);
}

void
TcpSender::NotePathMtu(std::uint32_t before, std::uint32_t now)
{
    if (before != 0 && now != before) // the first is that of the link and the peer
    {
        NoteChange();
    }
}

std::uint64_t
TcpSender::Probes() const
{
    return m_socket->GetCounters().probes;
}

std::uint32_t
TcpSender::Size() const
{
    return m_socket->GetPathMtu();
}

TcpReceiver::TcpReceiver(Ptr<ns3::Node> node,
                         const StreamSettings& settings,
                         std::function<void()> finished)
    : m_messages(settings.packets),
      m_messageOctets(settings.octets - kTcpHeaders),
      m_finished(std::move(finished)),
      m_listener(ns3::PathMtuSocketFactory::Install(node)->CreateSocket())
{
    m_listener->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kDataPort));
    m_listener->Listen();
    m_listener->SetAcceptCallback(ns3::MakeNullCallback<bool, Ptr<Socket>, const ns3::Address&>(),
                                  ns3::MakeCallback(&TcpReceiver::Accept, this));
}

void
TcpReceiver::Accept(Ptr<Socket> socket, const ns3::Address&)
{
    socket->SetRecvCallback(ns3::MakeCallback(&TcpReceiver::Read, this));
}

void
TcpReceiver::Read(Ptr<Socket> socket)
{
    while (const Ptr<Packet> packet = socket->Recv())
    {
        m_octets += packet->GetSize();
    }
    if (Delivered() == m_messages)
    {
        m_finished();
    }
}

bool
TcpReceiver::Has(std::uint64_t number) const
{
    return number < Delivered();
}

std::uint64_t
TcpReceiver::Delivered() const
{
    return m_octets / m_messageOctets;
}

std::uint64_t
TcpReceiver::Octets() const
{
    return m_octets;
}

std::uint64_t
TcpReceiver::Probes() const
{
    return 0; // carry data like other segments
}

} // namespace ipseclab::path_mtu
