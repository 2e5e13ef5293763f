/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "network-plan.h"

#include <algorithm>
#include <deque>

namespace ipseclab
{

namespace
{

constexpr std::uint32_t kProtected = 0x0a000000; ///< 10.0.0.0/8, a /16 for each gateway
constexpr unsigned kBlockLength = 16;
constexpr std::size_t kMostGateways = 255;
constexpr std::uint32_t kOutside = 0xc6120000; ///< 198.18.0.0/15
constexpr unsigned kOutsideLength = 15;
constexpr unsigned kLinkLength = 30;

constexpr std::uint32_t
SizeOf(unsigned length)
{
    return 1U << (32 - length);
}

/// Hands out the /30 networks of a block one after the other.
class LinkNumbers
{
  public:
    LinkNumbers(std::uint32_t first, unsigned length)
        : m_next(first),
          m_end(first + SizeOf(length))
    {
    }

    std::uint32_t Take()
    {
        if (m_next == m_end)
        {
            throw TopologyError("there are more links than addresses for them");
        }
        const std::uint32_t taken = m_next;
        m_next += SizeOf(kLinkLength);
        return taken;
    }

  private:
    std::uint32_t m_next;
    std::uint32_t m_end;
};

} // namespace

bool
Prefix::operator==(const Prefix& o) const
{
    return address == o.address && length == o.length;
}

std::string
Prefix::ToString() const
{
    std::string text;
    for (unsigned shift = 32; shift != 0; shift -= 8)
    {
        text += std::to_string((address >> (shift - 8)) & 0xff) + (shift == 8 ? "/" : ".");
    }
    return text + std::to_string(length);
}

NetworkPlan::NetworkPlan(const Topology& topology)
    : m_topology(topology),
      m_neighbours(topology.nodes.size()),
      m_gatewayOf(topology.nodes.size(), kUnreached),
      m_routes(topology.nodes.size()),
      m_blocks(topology.nodes.size(), 0)
{
    Index();
    FindAreas();
    NumberLinks();
    PinTunnels();
    RouteBetweenAreas();
}

std::size_t
NetworkPlan::Outside() const
{
    return m_topology.nodes.size();
}

void
NetworkPlan::Index()
{
    for (std::size_t i = 0; i < m_topology.links.size(); ++i)
    {
        const auto& [a, b] = m_topology.links[i];
        if (a == b)
        {
            throw TopologyError("a link joins " + m_topology.nodes[a].name + " with itself");
        }
        m_neighbours[a].push_back({b, i});
        m_neighbours[b].push_back({a, i});
    }
}

void
NetworkPlan::FindAreas()
{
    std::uint32_t blocks = 0;
    for (std::size_t node = 0; node < m_topology.nodes.size(); ++node)
    {
        if (m_topology.nodes[node].role != Topology::Role::Gateway)
        {
            SpreadArea(node);
            continue;
        }
        if (++blocks > kMostGateways)
        {
            throw TopologyError("there are more than " + std::to_string(kMostGateways) +
                                " gateways");
        }
        m_blocks[node] = kProtected + blocks * SizeOf(kBlockLength);
        m_gatewayOf[node] = node;
    }
}

/// Marks all nodes that hang together with this one, unless that has been done.
void
NetworkPlan::SpreadArea(std::size_t start)
{
    if (m_gatewayOf[start] != kUnreached)
    {
        return;
    }
    std::vector<std::size_t> area{start};
    std::vector<std::size_t> gateways;
    m_gatewayOf[start] = Outside();
    for (std::size_t at = 0; at < area.size(); ++at)
    {
        for (const auto& next : m_neighbours[area[at]])
        {
            if (m_topology.nodes[next.node].role == Topology::Role::Gateway)
            {
                gateways.push_back(next.node);
            }
            else if (m_gatewayOf[next.node] == kUnreached)
            {
                m_gatewayOf[next.node] = Outside();
                area.push_back(next.node);
            }
        }
    }
    const bool behind = !gateways.empty() && std::all_of(gateways.begin(),
                                                         gateways.end(),
                                                         [&](std::size_t gateway)
                                                         { return gateway == gateways.front(); });
    if (behind)
    {
        for (const std::size_t node : area)
        {
            m_gatewayOf[node] = gateways.front();
        }
    }
}

void
NetworkPlan::NumberLinks()
{
    LinkNumbers outside(kOutside, kOutsideLength);
    std::vector<LinkNumbers> inside;
    for (const std::uint32_t block : m_blocks)
    {
        inside.emplace_back(block, kBlockLength);
    }
    for (const auto& [a, b] : m_topology.links)
    {
        const std::size_t gateway = m_gatewayOf[a];
        const bool behind = gateway == m_gatewayOf[b] && gateway != Outside();
        const std::uint32_t network = behind ? inside[gateway].Take() : outside.Take();
        m_links.push_back({network + 1, network + 2, behind ? gateway : Outside()});
    }
}

std::uint32_t
NetworkPlan::AddressAt(std::size_t link, std::size_t node) const
{
    return m_topology.links[link].first == node ? m_links[link].addressA : m_links[link].addressB;
}

Prefix
NetworkPlan::BlockOf(std::size_t gateway) const
{
    return {m_blocks[gateway], kBlockLength};
}

void
NetworkPlan::AddRoute(std::size_t node, const Prefix& destination, const Hop& next)
{
    m_routes[node].push_back({destination, AddressAt(next.link, next.node), next.link});
}

void
NetworkPlan::RouteAlong(const std::vector<Hop>& path, const Prefix& destination)
{
    for (std::size_t i = 0; i + 1 < path.size(); ++i)
    {
        AddRoute(path[i].node, destination, path[i + 1]);
    }
}

std::vector<NetworkPlan::Hop>
NetworkPlan::OutsidePath(std::size_t a, std::size_t b) const
{
    std::vector<Hop> from(m_topology.nodes.size(), Hop{kUnreached, 0});
    std::deque<std::size_t> queue{a};
    from[a].node = a;
    while (!queue.empty())
    {
        const std::size_t node = queue.front();
        queue.pop_front();
        // Gateways do not forward for each other: what is for another one enters here and stays.
        if (node != a && m_topology.nodes[node].role == Topology::Role::Gateway)
        {
            continue;
        }
        for (const auto& next : m_neighbours[node])
        {
            if (m_links[next.link].behind == Outside() && from[next.node].node == kUnreached)
            {
                from[next.node] = {node, next.link};
                queue.push_back(next.node);
            }
        }
    }
    if (from[b].node == kUnreached)
    {
        throw TopologyError("no path outside leads from " + m_topology.nodes[a].name + " to " +
                            m_topology.nodes[b].name);
    }
    std::vector<Hop> path;
    for (std::size_t node = b; node != a; node = from[node].node)
    {
        path.push_back({node, from[node].link});
    }
    path.push_back({a, 0});
    std::reverse(path.begin(), path.end());
    return path;
}

void
NetworkPlan::PinTunnels()
{
    for (const auto& [a, b] : m_topology.tunnels)
    {
        const auto path = OutsidePath(a, b);
        const std::size_t first = path[1].link;
        const std::size_t last = path.back().link;
        const Tunnel tunnel{AddressAt(first, a), AddressAt(last, b), BlockOf(a), BlockOf(b)};
        RouteAlong(path, {tunnel.addressB, 32});
        AddRoute(a, tunnel.protectedB, path[1]);
        auto back = path;
        std::reverse(back.begin(), back.end());
        for (std::size_t i = 0; i + 1 < back.size(); ++i)
        {
            back[back.size() - 1 - i].link = back[back.size() - 2 - i].link;
        }
        RouteAlong(back, {tunnel.addressA, 32});
        AddRoute(b, tunnel.protectedA, back[1]);
        m_tunnels.push_back(tunnel);
    }
}

/// Routes that every node has, by the place where the destination lies.
void
NetworkPlan::RouteBetweenAreas()
{
    for (std::size_t link = 0; link < m_links.size(); ++link)
    {
        const auto& [a, b] = m_topology.links[link];
        RouteTo({m_links[link].addressA - 1, kLinkLength}, {a, b});
    }
    for (std::size_t node = 0; node < m_topology.nodes.size(); ++node)
    {
        if (m_topology.nodes[node].role == Topology::Role::Gateway)
        {
            RouteTo(BlockOf(node), {node});
        }
    }
}

/**
 * A route to a link that lies behind a gateway is for the nodes behind it only, one to the block of
 * a gateway for all others; nodes that have a route to the block by a tunnel keep that one.
 */
void
NetworkPlan::RouteTo(const Prefix& destination, const std::vector<std::size_t>& ends)
{
    const bool block = destination.length == kBlockLength;
    const std::size_t gateway = m_gatewayOf[ends.front()];
    const bool local =
        !block && ends.size() == 2 && gateway != Outside() && gateway == m_gatewayOf[ends.back()];
    std::vector<bool> reached(m_topology.nodes.size(), false);
    std::deque<std::size_t> queue(ends.begin(), ends.end());
    for (const std::size_t end : ends)
    {
        reached[end] = true;
    }
    while (!queue.empty())
    {
        const std::size_t node = queue.front();
        queue.pop_front();
        for (const auto& next : m_neighbours[node])
        {
            if (reached[next.node] || (local && m_gatewayOf[next.node] != gateway))
            {
                continue;
            }
            reached[next.node] = true;
            queue.push_back(next.node);
            const auto& routes = m_routes[next.node];
            const bool has =
                std::any_of(routes.begin(),
                            routes.end(),
                            [&](const Route& route) { return route.destination == destination; });
            const bool behind = block && m_gatewayOf[next.node] == gateway;
            if (!has && !behind)
            {
                AddRoute(next.node, destination, {node, next.link});
            }
        }
    }
}

const std::vector<NetworkPlan::Link>&
NetworkPlan::Links() const
{
    return m_links;
}

const std::vector<NetworkPlan::Tunnel>&
NetworkPlan::Tunnels() const
{
    return m_tunnels;
}

const std::vector<std::vector<NetworkPlan::Route>>&
NetworkPlan::Routes() const
{
    return m_routes;
}

std::uint32_t
NetworkPlan::AddressOf(std::size_t node) const
{
    return m_neighbours[node].empty() ? 0 : AddressAt(m_neighbours[node].front().link, node);
}

std::size_t
NetworkPlan::GatewayOf(std::size_t node) const
{
    return m_gatewayOf[node];
}

bool
NetworkPlan::Reaches(std::size_t node, std::uint32_t address) const
{
    const auto holds = [address](const Prefix& prefix)
    { return (address ^ prefix.address) < SizeOf(prefix.length); };
    const auto& links = m_neighbours[node];
    const auto& routes = m_routes[node];
    return std::any_of(links.begin(),
                       links.end(),
                       [&](const Hop& hop) {
                           return holds({m_links[hop.link].addressA - 1, kLinkLength});
                       }) ||
           std::any_of(routes.begin(),
                       routes.end(),
                       [&](const Route& route) { return holds(route.destination); });
}

} // namespace ipseclab
