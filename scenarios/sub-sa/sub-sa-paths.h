/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_SUB_SA_PATHS_H
#define IPSECLAB_SCENARIO_SUB_SA_PATHS_H

#include "ns3/nstime.h"
#include "ns3/packet.h"
#include "ns3/random-variable-stream.h"

#include <cstdint>
#include <vector>

namespace ipseclab::sub_sa
{

/// By what the network between the gateways chooses a packet's path.
enum class PathRule : std::uint8_t
{
    Packet,    ///< at random, packet by packet
    Addresses, ///< a hash of the outer addresses and the protocol
    Spi,       ///< a hash of these and the SPI
    Session,   ///< a hash of these, the SPI, and the subspace or Session ID
};

struct PathsConfig
{
    std::uint32_t paths{1};
    PathRule rule{PathRule::Packet};
    double spread{0};         ///< seconds by which the last path is longer than the first
    bool sessionOfEsp{false}; ///< the packets of ESP have a subspace behind the SPI
    std::int64_t randomStream{0};
};

/// Parallel paths that all have room for everything: packets differ in when they arrive.
class Paths
{
  public:
    explicit Paths(const PathsConfig& config);

    /// The delay of a packet, link header included; ESP and EESP are counted by their path, and
    /// everything else takes the first one.
    ns3::Time Take(ns3::Ptr<const ns3::Packet> packet);

    /// Of all octets of ESP, those on the path that has the most; 0 without any.
    double BusiestShare() const;

  private:
    std::uint32_t Choose(const std::uint8_t* ip);

    PathsConfig m_config;
    ns3::Ptr<ns3::UniformRandomVariable> m_draw;
    std::vector<std::uint64_t> m_octets; ///< by path
};

} // namespace ipseclab::sub_sa

#endif // IPSECLAB_SCENARIO_SUB_SA_PATHS_H
