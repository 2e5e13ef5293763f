/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_IPTFS_HOST_H
#define IPSECLAB_SCENARIO_IPTFS_HOST_H

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace ipseclab::iptfs
{

constexpr std::uint32_t kSmall = 64; ///< octets of a small packet

struct StreamSettings
{
    double rate{10e3}; ///< packets per second
    std::uint64_t packets{2000};
    std::uint32_t octets{1500}; ///< of an IP packet
    double smallShare{0};       ///< of packets of kSmall octets
    bool poisson{false};
    std::int64_t randomStream{0}; ///< of sizes and gaps
};

/// Sends numbered UDP datagrams with DF.
class Sender
{
  public:
    /// \param settings outlive the sender
    Sender(ns3::Ptr<ns3::Node> node,
           ns3::Ipv4Address destination,
           const StreamSettings& settings,
           std::function<void()> done);

    void Start();

    std::uint64_t Sent() const;
    std::uint64_t Octets() const; ///< of their IP packets
    ns3::Time SentAt(std::uint64_t number) const;

  private:
    void Send();

    const StreamSettings& m_settings;
    ns3::Ipv4Address m_destination;
    std::function<void()> m_done;
    ns3::Ptr<ns3::Socket> m_raw; ///< UDP sockets of ns-3 never set DF
    ns3::Ptr<ns3::UniformRandomVariable> m_draw;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Time m_start;
    std::vector<ns3::Time> m_times; ///< by number, from 0
    std::uint64_t m_octets{0};
};

/// Takes each datagram once.
class Receiver
{
  public:
    /// \param arrived called with the number of each
    Receiver(ns3::Ptr<ns3::Node> node,
             std::uint64_t packets,
             std::function<void(std::uint64_t number)> arrived);

    std::uint64_t Delivered() const;
    std::uint64_t Octets() const; ///< of their IP packets

  private:
    void Read(ns3::Ptr<ns3::Socket> socket);

    std::function<void(std::uint64_t)> m_arrived;
    ns3::Ptr<ns3::Socket> m_socket;
    std::vector<bool> m_seen; ///< by number, from 0
    std::uint64_t m_delivered{0};
    std::uint64_t m_octets{0};
};

} // namespace ipseclab::iptfs

#endif // IPSECLAB_SCENARIO_IPTFS_HOST_H
