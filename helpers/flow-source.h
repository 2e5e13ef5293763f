/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_FLOW_SOURCE_H
#define IPSECLAB_FLOW_SOURCE_H

#include "helpers/udp-stream.h"

#include <cstdint>
#include <vector>

namespace ipseclab
{

/// How the packets of a stream belong to flows, which differ in the port that they come from.
struct FlowMix
{
    std::uint32_t flows{1};
    bool random{false};             ///< each packet's flow is drawn; otherwise they take turns
    std::int64_t randomStream{0};   ///< of the draws
    std::uint16_t firstPort{10000}; ///< of flow 0
    /// Of random ones: packets that are of flow 0; the others are of any, flow 0 too.
    double firstShare{0};
};

/// The sending application of a stream of several flows; it remembers when it sent each packet.
class FlowSource
{
  public:
    /// \param stream outlives the source; its `port` is the destination's, `tos` is not looked at
    FlowSource(ns3::Ptr<ns3::Node> node,
               ns3::Ipv4Address destination,
               const UdpStream& stream,
               const FlowMix& mix);

    /// Sends the first packet now.
    void Start();
    std::uint64_t Sent() const;
    /// When packet `number`, from 1, was sent.
    ns3::Time SentAt(std::uint64_t number) const;

  private:
    void Send();
    std::uint32_t NextFlow();
    ns3::Time NextOffset();

    const UdpStream& m_stream;
    UdpPayloads m_payloads;
    bool m_random;
    double m_firstShare;
    std::vector<ns3::Ptr<ns3::Socket>> m_sockets; ///< by flow
    ns3::Ptr<ns3::UniformRandomVariable> m_flow;
    ns3::Ptr<ns3::ExponentialRandomVariable> m_gap;
    ns3::Time m_start;
    double m_elapsed{0}; ///< seconds from the start to the last Poisson packet
    std::vector<ns3::Time> m_sentAt;
};

} // namespace ipseclab

#endif // IPSECLAB_FLOW_SOURCE_H
