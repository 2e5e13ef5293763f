/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_TCP_HOST_H
#define IPSECLAB_SCENARIO_PATH_MTU_TCP_HOST_H

#include "scenarios/path-mtu/path-mtu-host.h"

#include "ns3/path-mtu-tcp-socket.h"

namespace ipseclab::path_mtu
{

constexpr std::uint32_t kTcpHeaders = 52; ///< IPv4 and TCP with timestamps, octets

/// Writes messages to one TCP connection, each as long as the data of one packet.
class TcpSender : public Source
{
  public:
    /// As for Source.
    TcpSender(ns3::Ptr<ns3::Node> node,
              ns3::Ipv4Address destination,
              const StreamSettings& settings,
              std::function<void(std::uint64_t number)> sending);

    std::uint64_t Probes() const override;
    std::uint32_t Size() const override;

  private:
    void Open() override;
    void Send(std::uint64_t number) override;
    void NotePathMtu(std::uint32_t before, std::uint32_t now);

    ns3::Ipv4Address m_destination;
    ns3::Ptr<ns3::PathMtuTcpSocket> m_socket;
};

/// Takes the octets of one connection in order; a message is there with its last.
class TcpReceiver : public Sink
{
  public:
    /// \param finished called when all messages are there
    TcpReceiver(ns3::Ptr<ns3::Node> node,
                const StreamSettings& settings,
                std::function<void()> finished);

    bool Has(std::uint64_t number) const override;
    std::uint64_t Delivered() const override;
    std::uint64_t Octets() const override;
    std::uint64_t Probes() const override;

  private:
    void Accept(ns3::Ptr<ns3::Socket> socket, const ns3::Address& from);
    void Read(ns3::Ptr<ns3::Socket> socket);

    std::uint64_t m_messages;
    std::uint32_t m_messageOctets;
    std::function<void()> m_finished;
    ns3::Ptr<ns3::Socket> m_listener;
    std::uint64_t m_octets{0};
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_TCP_HOST_H
