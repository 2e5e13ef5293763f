/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_HOST_H
#define IPSECLAB_SCENARIO_PATH_MTU_HOST_H

#include "scenarios/path-mtu/size-search.h"

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace ipseclab::path_mtu
{

/// What a host does about sizes.
enum class SizePolicy
{
    Fixed,   ///< DF clear, always the wanted size
    Reports, ///< DF set, lowered by ICMP (RFC 1191)
    Probing, ///< DF set, DPLPMTUD (RFC 8899); ICMP is not looked at
};

struct StreamSettings
{
    SizePolicy policy{SizePolicy::Fixed};
    double rate{100};             ///< packets per second
    std::uint64_t packets{2000};  ///< of data
    std::uint32_t octets{1400};   ///< wanted, of an IP packet
    double smallShare{0};         ///< of packets of kSmall octets
    ns3::Time probeTimer;         ///< PROBE_TIMER
    std::int64_t randomStream{0}; ///< which packets are small
};

constexpr std::uint32_t kUdpHeaders = 28; ///< IPv4 and UDP, octets
constexpr std::uint32_t kSmall = 100;     ///< octets of a small packet

/// Sends numbered UDP datagrams of the size that it takes to be right.
class Sender
{
  public:
    /**
     * \param settings outlive the sender
     * \param sending called with the number of each data packet before it is sent
     */
    Sender(ns3::Ptr<ns3::Node> node,
           ns3::Ipv4Address destination,
           const StreamSettings& settings,
           std::function<void(std::uint64_t number)> sending);

    void Start();

    std::uint64_t Sent() const;   ///< data packets
    std::uint64_t Probes() const; ///< sent
    std::uint32_t Size() const;   ///< of the next packet, octets of IP
    ns3::Time LastChange() const; ///< of the size; when it started if there was none
    ns3::Time FirstSend() const;
    ns3::Time SentAt(std::uint64_t number) const;

  private:
    void SendData();
    void SendProbe();
    void GiveUpProbe(std::uint64_t probe);
    void ReadAnswer(ns3::Ptr<ns3::Socket> socket);
    void ReadReport(ns3::Ptr<ns3::Socket> socket);
    void Lower(std::uint32_t mtu);
    void NoteSize();
    void Send(std::uint16_t port, std::uint64_t number, std::uint32_t size);

    const StreamSettings& m_settings;
    ns3::Ipv4Address m_destination;
    std::function<void(std::uint64_t)> m_sending;
    ns3::Ptr<ns3::Socket> m_raw; ///< UDP sockets of ns-3 never set DF
    ns3::Ptr<ns3::Socket> m_answers;
    ns3::Ptr<ns3::Socket> m_icmp;
    ns3::Ptr<ns3::UniformRandomVariable> m_small;
    SizeSearch m_search;
    std::uint32_t m_limit; ///< by reports
    std::uint32_t m_size;  ///< as last noted
    ns3::Time m_start;
    ns3::Time m_lastChange;
    std::uint16_t m_identification{0};
    std::uint64_t m_sent{0};
    std::uint64_t m_probes{0};
};

/// Takes each datagram once, and acknowledges probes.
class Receiver
{
  public:
    Receiver(ns3::Ptr<ns3::Node> node, std::uint64_t packets);

    bool Has(std::uint64_t number) const;
    std::uint64_t Delivered() const;
    std::uint64_t Octets() const; ///< of their payloads
    std::uint64_t Probes() const; ///< that arrived

  private:
    void ReadData(ns3::Ptr<ns3::Socket> socket);
    void ReadProbe(ns3::Ptr<ns3::Socket> socket);

    ns3::Ptr<ns3::Socket> m_data;
    ns3::Ptr<ns3::Socket> m_probe;
    std::vector<bool> m_seen; ///< by number, from 0
    std::uint64_t m_delivered{0};
    std::uint64_t m_octets{0};
    std::uint64_t m_probes{0};
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_HOST_H
