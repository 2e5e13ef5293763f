/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_REPLAY_WINDOW_TRAFFIC_H
#define IPSECLAB_SCENARIO_REPLAY_WINDOW_TRAFFIC_H

#include "scenarios/replay-window/replay-window-chain.h"

#include "ns3/nstime.h"
#include "ns3/packet.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <functional>
#include <vector>

namespace ipseclab::replay_window
{

/// What the source writes and the sink expects: the number, then octets that follow from it.
class Payloads
{
  public:
    /// \param length octets, at least 8
    explicit Payloads(std::uint32_t length);

    ns3::Ptr<ns3::Packet> Make(std::uint64_t number);
    /// The number in an intact payload, 0 for any other.
    std::uint64_t Read(ns3::Ptr<const ns3::Packet> packet);

  private:
    const std::uint8_t* Pattern(std::uint64_t number) const;
    std::size_t PatternLength() const;

    Bytes m_octets;
    Bytes m_pattern;
};

/// Host A's application: packet i leaves at start + i / rate, or after exponential gaps.
class Source
{
  public:
    Source(ns3::Ptr<ns3::Node> node, ns3::Ipv4Address destination, const Settings& settings);

    /// Sends the first packet now.
    void Start();
    ns3::Time FirstSend() const;
    std::uint64_t Sent() const;

  private:
    void Send();
    ns3::Time NextOffset();

    const Settings& m_settings;
    Payloads m_payloads;
    ns3::Ptr<ns3::Socket> m_socket;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Time m_start;
    double m_elapsed{0}; ///< seconds from the start to the last Poisson packet
    std::uint64_t m_sent{0};
};

/// Host B's application: takes each packet once, and only as it was sent.
class Sink
{
  public:
    /// \param settled called for each packet
    Sink(ns3::Ptr<ns3::Node> node, const Settings& settings, std::function<void()> settled);

    std::uint64_t Delivered() const;
    std::uint64_t Octets() const;
    ns3::Time LastDelivery() const;

  private:
    void Read(ns3::Ptr<ns3::Socket> socket);

    Payloads m_payloads;
    std::vector<bool> m_seen; ///< by number
    std::function<void()> m_settled;
    ns3::Ptr<ns3::Socket> m_socket;
    std::uint64_t m_delivered{0};
    std::uint64_t m_octets{0};
    ns3::Time m_last;
};

} // namespace ipseclab::replay_window

#endif // IPSECLAB_SCENARIO_REPLAY_WINDOW_TRAFFIC_H
