/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_UDP_STREAM_H
#define IPSECLAB_UDP_STREAM_H

#include "model/wire/bytes.h"

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/packet.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace ipseclab
{

/// A stream of numbered UDP packets from one host to another.
struct UdpStream
{
    double rate{100e3}; ///< packets per second
    bool poisson{false};
    std::uint32_t payload{1000}; ///< octets, at least UdpPayloads::kNumberOctets
    std::uint64_t packets{0};
    std::uint16_t port{40000};    ///< at both ends
    std::int64_t randomStream{0}; ///< of the gaps between Poisson packets
    /// TOS octet of the packet with this number; empty: 0 for all.
    std::function<std::uint8_t(std::uint64_t number)> tos;
};

/// What the source writes and the sink expects: the number, then octets that follow from it.
class UdpPayloads
{
  public:
    static constexpr std::size_t kNumberOctets = 8;

    /// \param length octets, at least kNumberOctets
    explicit UdpPayloads(std::uint32_t length);

    ns3::Ptr<ns3::Packet> Make(std::uint64_t number);
    /// The number in an intact payload, 0 for any other.
    std::uint64_t Read(ns3::Ptr<const ns3::Packet> packet);

  private:
    const std::uint8_t* Pattern(std::uint64_t number) const;
    std::size_t PatternLength() const;

    Bytes m_octets;
    Bytes m_pattern;
};

/// The sending application: packet i leaves at start + i / rate, or after exponential gaps.
class UdpSource
{
  public:
    /**
     * \param stream outlives the source
     * \param sending called with the number of each packet, before it is sent; may be empty
     */
    UdpSource(ns3::Ptr<ns3::Node> node,
              ns3::Ipv4Address destination,
              const UdpStream& stream,
              std::function<void(std::uint64_t number)> sending = {});

    /// Sends the first packet now.
    void Start();
    ns3::Time FirstSend() const;
    std::uint64_t Sent() const;

  private:
    void Send();
    ns3::Time NextOffset();

    const UdpStream& m_stream;
    std::function<void(std::uint64_t)> m_sending;
    UdpPayloads m_payloads;
    ns3::Ptr<ns3::Socket> m_socket;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Time m_start;
    double m_elapsed{0}; ///< seconds from the start to the last Poisson packet
    std::uint64_t m_sent{0};
};

/// The receiving application: takes each packet once, and only as it was sent.
class UdpSink
{
  public:
    /// \param delivered called with the number of each packet
    UdpSink(ns3::Ptr<ns3::Node> node,
            const UdpStream& stream,
            std::function<void(std::uint64_t number)> delivered);

    std::uint64_t Delivered() const;
    std::uint64_t Octets() const;
    ns3::Time LastDelivery() const;

  private:
    void Read(ns3::Ptr<ns3::Socket> socket);

    UdpPayloads m_payloads;
    std::vector<bool> m_seen; ///< by number
    std::function<void(std::uint64_t)> m_onDelivery;
    ns3::Ptr<ns3::Socket> m_socket;
    std::uint64_t m_delivered{0};
    std::uint64_t m_octets{0};
    ns3::Time m_last;
};

} // namespace ipseclab

#endif // IPSECLAB_UDP_STREAM_H
