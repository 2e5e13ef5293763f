/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "network.h"

#include "network-run.h"

#include "ns3/rng-seed-manager.h"

#include <algorithm>

namespace ipseclab
{

namespace
{

using Role = Topology::Role;

const char*
NameOf(Role role)
{
    switch (role)
    {
    case Role::Host:
        return "host";
    case Role::Router:
        return "router";
    default:
        return "gateway";
    }
}

} // namespace

Network::Network(std::uint32_t seed, std::uint64_t run, bool sized)
    : m_seed(seed),
      m_run(run),
      m_sized(sized)
{
}

Network::~Network() = default;

void
Network::RequireAtRest() const
{
    if (m_current)
    {
        throw std::logic_error("the network runs: describe it before");
    }
}

NetworkRun&
Network::Running() const
{
    if (!m_current)
    {
        throw std::logic_error("the network does not run: this is for callbacks");
    }
    return *m_current;
}

std::size_t
Network::NodeOf(const std::string& name) const
{
    const auto found = m_nodes.find(name);
    if (found == m_nodes.end())
    {
        throw TopologyError("no node is named \"" + name + "\"");
    }
    return found->second;
}

std::size_t
Network::NodeOf(const std::string& name, Role role) const
{
    const std::size_t node = NodeOf(name);
    const Role is = m_topology.nodes[node].role;
    if (is != role)
    {
        throw TopologyError(name + " is a " + NameOf(is) + ", and a " + NameOf(role) +
                            " is wanted");
    }
    return node;
}

std::size_t
Network::AddNode(const std::string& name, Role role)
{
    RequireAtRest();
    const std::size_t node = m_topology.nodes.size();
    if (name.empty() || !m_nodes.emplace(name, node).second)
    {
        throw TopologyError(name.empty() ? "a node has no name"
                                         : "a node is named \"" + name + "\" already");
    }
    m_topology.nodes.push_back({name, role});
    return node;
}

void
Network::TakeName(const char* kind, const std::string& name)
{
    RequireAtRest();
    if (name.empty() || !m_names.emplace(kind, name).second)
    {
        throw TopologyError(std::string(kind) + " \"" + name + "\": the name is taken or empty");
    }
}

void
Network::AddHost(const std::string& name)
{
    AddNode(name, Role::Host);
}

void
Network::AddRouter(const std::string& name)
{
    AddNode(name, Role::Router);
}

void
Network::AddGateway(const std::string& name, const GatewayOptions& options)
{
    m_gateways.push_back({AddNode(name, Role::Gateway), options});
}

void
Network::AddLink(const std::string& name,
                 const std::string& a,
                 const std::string& b,
                 const LinkOptions& options)
{
    const Topology::Pair ends{NodeOf(a), NodeOf(b)};
    if (ends.first == ends.second)
    {
        throw TopologyError("a link joins " + a + " with itself");
    }
    TakeName("link", name);
    m_topology.links.push_back(ends);
    m_links.push_back({name, options});
}

void
Network::AddTunnel(const std::string& name,
                   const std::string& a,
                   const std::string& b,
                   const TunnelOptions& options)
{
    const Topology::Pair ends{NodeOf(a, Role::Gateway), NodeOf(b, Role::Gateway)};
    const auto& tunnels = m_topology.tunnels;
    const bool known =
        std::any_of(tunnels.begin(),
                    tunnels.end(),
                    [&](const Topology::Pair& pair) {
                        return pair == ends || pair == Topology::Pair{ends.second, ends.first};
                    });
    if (known || ends.first == ends.second)
    {
        throw TopologyError(known ? "there is a tunnel between " + a + " and " + b + " already"
                                  : "a tunnel joins " + a + " with itself");
    }
    TakeName("tunnel", name);
    m_topology.tunnels.push_back(ends);
    m_tunnels.push_back({name, ends.first, ends.second, options});
}

void
Network::AddTraffic(const std::string& name,
                    const std::string& from,
                    const std::string& to,
                    const TrafficOptions& options)
{
    const std::size_t a = NodeOf(from, Role::Host);
    const std::size_t b = NodeOf(to, Role::Host);
    if (a == b)
    {
        throw TopologyError("traffic leads from " + from + " to itself");
    }
    TakeName("traffic", name);
    m_traffic.push_back({name, a, b, options});
}

void
Network::AddProbe(const std::string& gateway)
{
    RequireAtRest();
    const std::size_t node = NodeOf(gateway, Role::Gateway);
    if (std::find(m_probes.begin(), m_probes.end(), node) == m_probes.end())
    {
        m_probes.push_back(node);
    }
}

void
Network::On(NetworkEvent::Kind kind, std::function<void(const NetworkEvent&)> listener)
{
    RequireAtRest();
    m_listeners[kind].push_back(std::move(listener));
}

void
Network::At(double time, std::function<void()> action)
{
    if (m_current)
    {
        m_current->Schedule(time, std::move(action));
        return;
    }
    m_actions.push_back({time, std::move(action)});
}

void
Network::SetWatch(std::function<void()> watch)
{
    m_watch = std::move(watch);
}

std::string
Network::AddressOf(const std::string& node) const
{
    const std::size_t place = NodeOf(node);
    const std::string text = Prefix{NetworkPlan(m_topology).AddressOf(place), 32}.ToString();
    return text.substr(0, text.find('/'));
}

Prefix
Network::ProtectedBy(const std::string& gateway) const
{
    return NetworkPlan(m_topology).BlockOf(NodeOf(gateway, Role::Gateway));
}

NetworkResult
Network::Run(std::optional<double> until, const std::string& captures)
{
    return NetworkRun(*this, captures).Execute(until);
}

double
Network::Now() const
{
    return Running().Now();
}

void
Network::Stop()
{
    Running().Stop();
}

void
Network::Initiate(const std::string& tunnel)
{
    Running().Initiate(tunnel);
}

void
Network::Close(const std::string& gateway)
{
    Running().GatewayAt(NodeOf(gateway, Role::Gateway))->CloseAll();
}

void
Network::SetLoss(const std::string& link, double probability)
{
    Running().SetLoss(link, probability);
}

void
Network::SetDelay(const std::string& link, double delay)
{
    Running().SetDelay(link, delay);
}

GatewayCounts
Network::CountsOf(const std::string& gateway) const
{
    return Running().CountsAt(NodeOf(gateway, Role::Gateway));
}

std::vector<double>
UniformDraws(std::uint32_t seed, std::uint64_t run, std::int64_t stream, std::size_t count)
{
    const std::uint32_t seedBefore = ns3::RngSeedManager::GetSeed();
    const std::uint64_t runBefore = ns3::RngSeedManager::GetRun();
    ns3::RngSeedManager::SetSeed(seed);
    ns3::RngSeedManager::SetRun(run);
    const auto uniform = ns3::CreateObject<ns3::UniformRandomVariable>();
    uniform->SetStream(stream);
    ns3::RngSeedManager::SetSeed(seedBefore);
    ns3::RngSeedManager::SetRun(runBefore);
    std::vector<double> draws(count);
    for (double& draw : draws)
    {
        draw = uniform->GetValue();
    }
    return draws;
}

const std::map<std::string, crypto::CipherSuite>&
CipherSuites()
{
    using crypto::EncryptionId;
    using crypto::IntegrityId;
    static const std::map<std::string, crypto::CipherSuite> suites{
        {"aes128gcm16", {EncryptionId::AesGcm16, 128, IntegrityId::None}},
        {"aes256gcm16", {EncryptionId::AesGcm16, 256, IntegrityId::None}},
        {"chacha20poly1305", {EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None}},
        {"aes128cbc-sha256", {EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128}},
        {"aes256cbc-sha256", {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_256_128}},
        {"aes256cbc-sha512", {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_512_256}},
    };
    return suites;
}

const std::map<std::string, crypto::GroupId>&
KeyExchanges()
{
    using crypto::GroupId;
    static const std::map<std::string, GroupId> groups{
        {"modp2048", GroupId::Modp2048},
        {"modp3072", GroupId::Modp3072},
        {"modp4096", GroupId::Modp4096},
        {"ecp256", GroupId::Ecp256},
        {"ecp384", GroupId::Ecp384},
        {"ecp521", GroupId::Ecp521},
        {"x25519", GroupId::Curve25519},
    };
    return groups;
}

} // namespace ipseclab
