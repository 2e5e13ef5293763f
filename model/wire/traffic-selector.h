/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_TRAFFIC_SELECTOR_H
#define IPSECLAB_WIRE_TRAFFIC_SELECTOR_H

#include "model/wire/ip-address.h"

#include <optional>
#include <string>
#include <vector>

namespace ipseclab
{

/// What selectors look at in one packet (RFC 4301, section 4.4.1.1).
struct PacketSelectors
{
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol{0};         ///< next layer protocol
    std::uint16_t sourcePort{0};      ///< or ICMP type * 256 + code
    std::uint16_t destinationPort{0}; ///< the same value as sourcePort for ICMP
    bool portsKnown{true};            ///< false in a non-first fragment or a truncated header
    bool laterFragment{false}; ///< no first one: if its ports are known, then by that (section 7.3)
    std::uint8_t dscp{0};      ///< 0 to 63; no selector, but it may choose among SAs (section 4.1)
    /// The CPU or queue of this side that works on it, where SAs belong to such (RFC 9611).
    std::optional<std::uint32_t> resource{};
};

/// One traffic selector (RFC 7296, section 3.13.1): an inclusive address range, a protocol, a port
/// range.
struct TrafficSelector
{
    std::uint8_t protocol{0}; ///< 0: any
    std::uint16_t startPort{0};
    std::uint16_t endPort{65535};
    IpAddress start;
    IpAddress end;

    bool AnyPort() const
    {
        return startPort == 0 && endPort == 65535;
    }

    /// OPAQUE: for what has no ports to look at, which is fragments that are not the first.
    bool OpaquePort() const
    {
        return startPort == 65535 && endPort == 0;
    }

    bool MatchesAddress(const IpAddress& address) const
    {
        return start.IsV4() == address.IsV4() && start <= address && address <= end;
    }

    bool Matches(const IpAddress& address,
                 std::uint8_t packetProtocol,
                 std::uint16_t port,
                 bool portKnown,
                 bool laterFragment = false) const
    {
        return (protocol == 0 || protocol == packetProtocol) &&
               (AnyPort() || (portKnown ? startPort <= port && port <= endPort
                                        : laterFragment && OpaquePort())) &&
               MatchesAddress(address);
    }

    /// What both allow; nothing when they are disjoint (RFC 7296, section 2.9: narrowing).
    static std::optional<TrafficSelector> Intersect(const TrafficSelector& a,
                                                    const TrafficSelector& b);
    /// From "10.1.0.0/16", "10.1.0.1", "0.0.0.0-255.255.255.255", each with any protocol and ports
    /// or followed by "[17]", "[17/53]", "[17/1024-65535]" or "[17/OPAQUE]".
    static std::optional<TrafficSelector> FromString(const std::string& text);
    /// What FromString reads.
    std::string ToString() const;
    bool operator==(const TrafficSelector& o) const;
};

using TrafficSelectorList = std::vector<TrafficSelector>;

/// Whether some of them look at ports, which fragments that are not the first do not have.
bool NamePorts(const TrafficSelectorList& selectors);
/// Whether they are for fragments that are not the first, and for nothing else.
bool AreOpaque(const TrafficSelectorList& selectors);
/// The same protocols and addresses for fragments that are not the first (RFC 4301, section 7.2).
/// Where any protocol goes, ports stay ANY.
TrafficSelectorList OpaquePorts(const TrafficSelectorList& selectors);

} // namespace ipseclab

#endif // IPSECLAB_WIRE_TRAFFIC_SELECTOR_H
