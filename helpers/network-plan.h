/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_NETWORK_PLAN_H
#define IPSECLAB_NETWORK_PLAN_H

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ipseclab
{

/// A topology that cannot be built. what() is one line that names the node or link.
class TopologyError : public std::invalid_argument
{
  public:
    using std::invalid_argument::invalid_argument;
};

/// Nodes, links and tunnels by their places in the lists; what addresses and routes follow from.
struct Topology
{
    enum class Role
    {
        Host,
        Router,
        Gateway,
    };

    struct Node
    {
        std::string name;
        Role role{Role::Host};
    };

    using Pair = std::pair<std::size_t, std::size_t>; ///< of nodes

    std::vector<Node> nodes;
    std::vector<Pair> links;
    std::vector<Pair> tunnels; ///< of gateways
};

/// IPv4, host order.
struct Prefix
{
    std::uint32_t address{0};
    unsigned length{0};

    bool operator==(const Prefix& o) const;
    std::string ToString() const; ///< "10.1.0.0/16"
};

/**
 * Addresses and routes of a topology.
 *
 * Take all gateways away: what still hangs together is an area. An area that touched one gateway
 * only lies behind it and is protected; every other area, and each link between two gateways, is
 * outside. Links behind the n-th gateway are numbered from 10.n.0.0/16, those outside from
 * 198.18.0.0/15 (RFC 2544), each a /30.
 *
 * Routes are shortest paths by hops; of equal ones that over the link declared first. A tunnel is
 * pinned to one path outside: both outer addresses and the networks behind follow it.
 */
class NetworkPlan
{
  public:
    struct Link
    {
        std::uint32_t addressA{0};
        std::uint32_t addressB{0};
        /// Place of the gateway that the link lies behind; the number of nodes: it is outside.
        std::size_t behind{0};
    };

    struct Route
    {
        Prefix destination;
        std::uint32_t nextHop{0};
        std::size_t link{0};
    };

    struct Tunnel
    {
        std::uint32_t addressA{0}; ///< outer
        std::uint32_t addressB{0};
        Prefix protectedA;
        Prefix protectedB;
    };

    /// \throws TopologyError
    explicit NetworkPlan(const Topology& topology);

    const std::vector<Link>& Links() const;
    const std::vector<Tunnel>& Tunnels() const;
    /// By node.
    const std::vector<std::vector<Route>>& Routes() const;
    /// Of the node's first link; 0 without one.
    std::uint32_t AddressOf(std::size_t node) const;
    /// Place of the gateway that the node lies behind; the number of nodes: it is outside.
    std::size_t GatewayOf(std::size_t node) const;
    /// What a gateway protects.
    Prefix BlockOf(std::size_t gateway) const;
    /// Has the node a route to the address?
    bool Reaches(std::size_t node, std::uint32_t address) const;

  private:
    struct Hop
    {
        std::size_t node{0};
        std::size_t link{0};
    };

    static constexpr std::size_t kUnreached = static_cast<std::size_t>(-1);

    void Index();
    void FindAreas();
    void SpreadArea(std::size_t start);
    void NumberLinks();
    void PinTunnels();
    void RouteBetweenAreas();
    void RouteTo(const Prefix& destination, const std::vector<std::size_t>& ends);
    /// Sends what is for `destination` along the path, from its first node to its last but one.
    void RouteAlong(const std::vector<Hop>& path, const Prefix& destination);
    void AddRoute(std::size_t node, const Prefix& destination, const Hop& next);
    std::uint32_t AddressAt(std::size_t link, std::size_t node) const;
    /// Hops outside from a to b; the link of each is the one that leads to it.
    std::vector<Hop> OutsidePath(std::size_t a, std::size_t b) const;
    std::size_t Outside() const;

    const Topology m_topology;
    std::vector<std::vector<Hop>> m_neighbours;
    std::vector<std::size_t> m_gatewayOf; ///< by node; a gateway lies behind itself
    std::vector<Link> m_links;
    std::vector<Tunnel> m_tunnels;
    std::vector<std::vector<Route>> m_routes;
    std::vector<std::uint32_t> m_blocks; ///< by node: address of a gateway's block
};

} // namespace ipseclab

#endif // IPSECLAB_NETWORK_PLAN_H
