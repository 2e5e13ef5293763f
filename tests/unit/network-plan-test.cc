/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "helpers/network-plan.h"

#include <gtest/gtest.h>

namespace ipseclab
{

namespace
{

using Role = Topology::Role;

Topology::Node
Host(const std::string& name)
{
    return {name, Role::Host};
}

Topology::Node
Router(const std::string& name)
{
    return {name, Role::Router};
}

Topology::Node
Gateway(const std::string& name)
{
    return {name, Role::Gateway};
}

/// a - ga - r - gb - b
Topology
Chain()
{
    return {{Host("a"), Gateway("ga"), Router("r"), Gateway("gb"), Host("b")},
            {{0, 1}, {1, 2}, {2, 3}, {3, 4}},
            {{1, 3}}};
}

std::uint32_t
Address(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return a << 24 | b << 16 | c << 8 | d;
}

/// Walks from node to node by longest prefix. \return the nodes passed, the last one included
std::vector<std::size_t>
Walk(const Topology& topology, std::size_t from, std::uint32_t to)
{
    const NetworkPlan plan(topology);
    std::vector<std::size_t> path{from};
    while (path.size() <= topology.nodes.size())
    {
        const std::size_t node = path.back();
        std::uint32_t nextHop = 0;
        std::size_t link = topology.links.size();
        for (std::size_t i = 0; i < topology.links.size(); ++i)
        {
            const auto& numbers = plan.Links()[i];
            const bool first = topology.links[i].first == node;
            const bool here = first || topology.links[i].second == node;
            if (here && (first ? numbers.addressA : numbers.addressB) == to)
            {
                return path;
            }
            if (here && (first ? numbers.addressB : numbers.addressA) == to)
            {
                nextHop = to;
                link = i;
            }
        }
        unsigned longest = nextHop == 0 ? 0 : 30;
        for (const auto& route : plan.Routes()[node])
        {
            const auto& [address, length] = route.destination;
            const bool matches = (address ^ to) >> (32 - length) == 0 || address == to;
            if (matches && length > longest)
            {
                longest = length;
                nextHop = route.nextHop;
                link = route.link;
            }
        }
        if (link == topology.links.size())
        {
            return {};
        }
        const auto& [a, b] = topology.links[link];
        path.push_back(a == node ? b : a);
    }
    return {};
}

using Path = std::vector<std::size_t>;

TEST(NetworkPlan, NumbersWhatLiesBehindEachGateway)
{
    const NetworkPlan plan(Chain());
    EXPECT_EQ(plan.AddressOf(0), Address(10, 1, 0, 1));
    EXPECT_EQ(plan.AddressOf(4), Address(10, 2, 0, 2));
    EXPECT_EQ(plan.BlockOf(1).ToString(), "10.1.0.0/16");
    EXPECT_EQ(plan.BlockOf(3).ToString(), "10.2.0.0/16");
    EXPECT_EQ(plan.Links()[1].addressA, Address(198, 18, 0, 1));
    EXPECT_EQ(plan.Links()[2].addressB, Address(198, 18, 0, 6));
    EXPECT_EQ(plan.GatewayOf(0), 1U);
    EXPECT_EQ(plan.GatewayOf(2), 5U) << "the router lies outside";
}

TEST(NetworkPlan, PinsTheTunnelToTheOutside)
{
    const NetworkPlan plan(Chain());
    ASSERT_EQ(plan.Tunnels().size(), 1U);
    EXPECT_EQ(plan.Tunnels()[0].addressA, Address(198, 18, 0, 1));
    EXPECT_EQ(plan.Tunnels()[0].addressB, Address(198, 18, 0, 6));
    EXPECT_EQ(plan.Tunnels()[0].protectedB.ToString(), "10.2.0.0/16");
}

TEST(NetworkPlan, RoutesBothWays)
{
    const NetworkPlan plan(Chain());
    EXPECT_EQ(Walk(Chain(), 0, plan.AddressOf(4)), (Path{0, 1, 2, 3, 4}));
    EXPECT_EQ(Walk(Chain(), 4, plan.AddressOf(0)), (Path{4, 3, 2, 1, 0}));
    EXPECT_EQ(Walk(Chain(), 1, plan.Tunnels()[0].addressB), (Path{1, 2, 3}));
    EXPECT_EQ(Walk(Chain(), 3, plan.Tunnels()[0].addressA), (Path{3, 2, 1}));
}

TEST(NetworkPlan, TakesTheShorterOfTwoPaths)
{
    // a - g - h - b, and between g and h also the detour over two routers, declared first.
    const Topology topology{
        {Host("a"), Gateway("g"), Router("r"), Router("s"), Gateway("h"), Host("b")},
        {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 4}, {4, 5}},
        {{1, 4}}};
    const NetworkPlan plan(topology);
    EXPECT_EQ(plan.Links()[4].behind, topology.nodes.size()) << "gateway to gateway is outside";
    EXPECT_EQ(Walk(topology, 0, plan.AddressOf(5)), (Path{0, 1, 4, 5}));
    EXPECT_EQ(plan.Tunnels()[0].addressB, plan.Links()[4].addressB);
}

TEST(NetworkPlan, BothDirectionsOfATunnelTakeOnePath)
{
    // Two equal paths between g and h, declared so that a search from h would find the other one.
    const Topology topology{
        {Host("a"), Gateway("g"), Router("r"), Router("s"), Gateway("h"), Host("b")},
        {{0, 1}, {1, 2}, {1, 3}, {4, 3}, {4, 2}, {4, 5}},
        {{1, 4}}};
    const NetworkPlan plan(topology);
    EXPECT_EQ(Walk(topology, 1, plan.Tunnels()[0].addressB), (Path{1, 2, 4}));
    EXPECT_EQ(Walk(topology, 4, plan.Tunnels()[0].addressA), (Path{4, 2, 1}));
    EXPECT_EQ(Walk(topology, 4, plan.AddressOf(0)), (Path{4, 2, 1, 0}));
}

TEST(NetworkPlan, RoutesInsideAndWithoutGateways)
{
    // Two hosts behind a router behind one gateway; beside it a clear network.
    const Topology inside{{Host("a"), Host("b"), Router("r"), Gateway("g"), Router("x")},
                          {{0, 2}, {1, 2}, {2, 3}, {3, 4}},
                          {}};
    const NetworkPlan plan(inside);
    EXPECT_EQ(Walk(inside, 0, plan.AddressOf(1)), (Path{0, 2, 1}));
    EXPECT_TRUE(plan.Reaches(0, plan.AddressOf(1)));
    const Topology clear{{Host("a"), Router("r"), Host("b"), Host("alone")}, {{0, 1}, {1, 2}}, {}};
    const NetworkPlan plain(clear);
    EXPECT_EQ(plain.AddressOf(2), Address(198, 18, 0, 6));
    EXPECT_EQ(Walk(clear, 0, plain.AddressOf(2)), (Path{0, 1, 2}));
    EXPECT_EQ(plain.AddressOf(3), 0U);
    EXPECT_FALSE(plain.Reaches(3, plain.AddressOf(2)));
}

TEST(NetworkPlan, RefusesWhatCannotBeBuilt)
{
    EXPECT_THROW(NetworkPlan({{Host("a")}, {{0, 0}}, {}}), TopologyError);
    EXPECT_THROW(NetworkPlan({{Gateway("g"), Gateway("h")}, {}, {{0, 1}}}), TopologyError);
    Topology crowd;
    for (int i = 0; i < 256; ++i)
    {
        crowd.nodes.push_back(Gateway("g" + std::to_string(i)));
    }
    EXPECT_THROW(NetworkPlan{crowd}, TopologyError);
    crowd.nodes.pop_back();
    EXPECT_NO_THROW(NetworkPlan{crowd});
}

} // namespace

} // namespace ipseclab
