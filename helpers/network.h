/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_NETWORK_H
#define IPSECLAB_NETWORK_H

#include "helpers/delay-model.h"
#include "helpers/network-plan.h"
#include "helpers/udp-stream.h"

#include "model/esp/data-plane.h"
#include "model/ike/ike-endpoint.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

/**
 * \file
 * Topologies of hosts, routers, gateways, links, tunnels and traffic for scripts: a description
 * first, and ns-3 objects only while it runs. Times are in seconds, rates in packets or bits per
 * second, lengths in octets.
 */

namespace ipseclab
{

class NetworkRun;

/// Random streams left at their default are given by kind and place of declaration.
using StreamChoice = std::optional<std::int64_t>;

struct GatewayOptions
{
    std::uint32_t window{64}; ///< replay window of what it receives; 0: no check
    bool fastPath{false};     ///< IpsecFastPath; exactly one link inside and one outside
    StreamChoice stream;      ///< nonces, SPIs, keys
};

struct LinkOptions
{
    double rate{10e9};
    double delay{1e-3};
    DelayModel extraDelay;
    double loss{0};            ///< probability, in both directions
    std::uint32_t queue{1000}; ///< packets, at both ends
    StreamChoice stream;       ///< of extra delay; the next one is of loss
};

struct TunnelOptions
{
    bool esn{false};
    crypto::CipherSuite suite; ///< of the IKE SA and its Child SAs
    /// Of the IKE SA: the first one, and additional ones (RFC 9370).
    std::vector<crypto::GroupId> keyExchanges{crypto::GroupId::Curve25519};
    bool pfs{false};               ///< Child SAs have them, too, but not the first one
    ike::Lifetime ikeLifetime;     ///< at both ends, as the rest
    ike::Lifetime childLifetime;   ///< a run without an end never ends while SAs are rekeyed
    esp::VolumeLimits childVolume; ///< each direction counts for itself
    /// When gateway A initiates; nothing: when the first packet needs the tunnel.
    std::optional<double> initiateAt{0};
};

struct TrafficOptions
{
    UdpStream stream; ///< port and randomStream are given by the network
    /// Nothing: when the tunnel between the hosts is up, or at 0 without one that is initiated.
    std::optional<double> start;
    StreamChoice randomStream; ///< of the gaps between Poisson packets
};

/// What a listener is told.
struct NetworkEvent
{
    enum class Kind
    {
        IkeEstablished,
        IkeClosed,
        SaInstalled, ///< a rekeyed SA's successor too
        SaRekeyed,   ///< told after SaInstalled, of the successor
        SaRemoved,
        PacketDropped,
    };

    Kind kind{Kind::PacketDropped};
    double time{0}; ///< simulated
    std::string gateway;
    std::string tunnel;           ///< empty for a packet
    std::uint64_t spiInbound{0};  ///< of an ESP SA; of an IKE SA the initiator's
    std::uint64_t spiOutbound{0}; ///< of an ESP SA; of an IKE SA the responder's
    std::uint64_t replaces{0};    ///< inbound SPI of the ESP SA that was rekeyed
    std::uint64_t number{0};      ///< of a dropped ESP packet, 0 without
    std::string reason;           ///< of a drop or a close; "none" for an SA deleted on purpose
    bool outbound{false};         ///< of a dropped packet
};

/// A packet that a host got.
struct Delivery
{
    double time;
    std::uint64_t number; ///< from 1
};

/// An ESP packet that reached a gateway.
struct EspArrival
{
    double time;
    std::uint64_t number; ///< as the receiver took it to be; 0 when no SA took it
    std::uint32_t spi;
    std::uint32_t verdict; ///< esp::DropReason; None: opened
};

struct GatewayCounts
{
    esp::DataPlaneCounters esp;
    ike::IkeCounters ike;
};

/// What a link carries, told apart by headers.
enum class PacketClass
{
    Ike,   ///< UDP from port 500 to port 500
    Esp,   ///< IP protocol 50
    Clear, ///< all else
};

constexpr std::size_t kPacketClasses = 3;

/// Packets of one class on one link, both directions: offered = queueDropped + lost + arrived +
/// InFlight().
struct LinkCounts
{
    std::uint64_t offered{0};
    std::uint64_t queueDropped{0};
    std::uint64_t lost{0};
    std::uint64_t arrived{0};

    /// In a queue or on the way.
    std::uint64_t InFlight() const
    {
        return offered - queueDropped - lost - arrived;
    }
};

using LinkCountsByClass = std::array<LinkCounts, kPacketClasses>;

struct TrafficResult
{
    std::vector<double> sent; ///< time of packet i + 1
    std::vector<Delivery> delivered;
    std::uint64_t deliveredOctets{0}; ///< of UDP payload
};

struct TunnelResult
{
    bool up{false};
    double since{0};   ///< simulated time at which both ends had their first Child SA
    std::string fault; ///< why it never came up
};

/// Where all packets of all streams are: sent = all others together.
struct Conservation
{
    std::uint64_t sent{0};
    std::uint64_t delivered{0};
    std::uint64_t dropped{0};      ///< by gateways, for a reason
    std::uint64_t ipDropped{0};    ///< by IPv4 of any node
    std::uint64_t queueDropped{0}; ///< by devices
    std::uint64_t lost{0};         ///< by links
    std::uint64_t inFlight{0};
};

/// What is left of a run.
struct NetworkResult
{
    double simulatedTime{0};
    std::uint64_t events{0};
    std::map<std::string, GatewayCounts> gateways;
    std::map<std::string, LinkCountsByClass> links;
    std::map<std::string, TunnelResult> tunnels;
    std::map<std::string, TrafficResult> traffic;
    std::map<std::string, std::vector<EspArrival>> arrivals; ///< by probed gateway
    Conservation conservation;
    std::vector<std::string> files; ///< captures and keys, absolute paths
};

/// By name, as "aes128gcm16" or "aes256cbc-sha256".
const std::map<std::string, crypto::CipherSuite>& CipherSuites();
/// Key exchange methods by their names.
const std::map<std::string, crypto::GroupId>& KeyExchanges();

/**
 * A topology with its traffic, listeners and actions, by names. Addresses and routes follow from
 * NetworkPlan.
 *
 * It is a description: there may be many, and each runs as often as one likes, with the same
 * result. One at a time is run in a process, for ns-3 has one simulator. What a function throws
 * that the network calls (a listener, an action, a delay model) ends the run and comes out of
 * Run().
 */
class Network
{
  public:
    /// \param seed from 1
    /// \param sized ESP in sized crypto mode: right lengths, no ciphers
    explicit Network(std::uint32_t seed = 1, std::uint64_t run = 1, bool sized = false);
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    /// \name Description; \throws TopologyError or std::logic_error (while it runs)
    void AddHost(const std::string& name);
    void AddRouter(const std::string& name);
    void AddGateway(const std::string& name, const GatewayOptions& options = {});
    /// \param name of the link; names are used once per kind
    void AddLink(const std::string& name,
                 const std::string& a,
                 const std::string& b,
                 const LinkOptions& options = {});
    /// Gateway a initiates. Protects what lies behind each of them.
    void AddTunnel(const std::string& name,
                   const std::string& a,
                   const std::string& b,
                   const TunnelOptions& options = {});
    void AddTraffic(const std::string& name,
                    const std::string& from,
                    const std::string& to,
                    const TrafficOptions& options);
    /// Keeps what arrives in ESP at the gateway.
    void AddProbe(const std::string& gateway);
    /// Listeners of one kind are called in the order in which they came.
    void On(NetworkEvent::Kind kind, std::function<void(const NetworkEvent&)> listener);
    void At(double time, std::function<void()> action);
    /// Called now and then while packets are sent; what it throws ends the run.
    void SetWatch(std::function<void()> watch);

    /// \name The plan of what is described so far
    std::string AddressOf(const std::string& node) const;
    Prefix ProtectedBy(const std::string& gateway) const;

    /**
     * Runs from an empty simulator to an empty simulator.
     * \param until simulated time of the end; nothing: when nothing is left to happen
     * \param captures folder for a capture of each gateway's outside links (GATEWAY.LINK.pcap)
     * and the keys (CaptureKeys); empty: none
     * \throws TopologyError; std::logic_error when a network runs in this process already, or when
     * packets are not conserved; what a listener, action or delay model threw
     */
    NetworkResult Run(std::optional<double> until = std::nullopt, const std::string& captures = "");

    /// \name For listeners and actions; \throws std::logic_error when it does not run
    double Now() const;
    void Stop();
    void Initiate(const std::string& tunnel);
    /// Sends Delete for the IKE SAs of a gateway.
    void Close(const std::string& gateway);
    void SetLoss(const std::string& link, double probability);
    void SetDelay(const std::string& link, double delay);
    GatewayCounts CountsOf(const std::string& gateway) const;

  private:
    friend class NetworkRun;

    struct Gateway
    {
        std::size_t node;
        GatewayOptions options;
    };

    struct Tunnel
    {
        std::string name;
        std::size_t a; ///< nodes
        std::size_t b;
        TunnelOptions options;
    };

    struct Traffic
    {
        std::string name;
        std::size_t from;
        std::size_t to;
        TrafficOptions options;
    };

    struct Link
    {
        std::string name;
        LinkOptions options;
    };

    struct Action
    {
        double time;
        std::function<void()> run;
    };

    std::size_t AddNode(const std::string& name, Topology::Role role);
    void TakeName(const char* kind, const std::string& name);
    void RequireAtRest() const;
    NetworkRun& Running() const;
    std::size_t NodeOf(const std::string& name) const;
    std::size_t NodeOf(const std::string& name, Topology::Role role) const;

    std::uint32_t m_seed;
    std::uint64_t m_run;
    bool m_sized;
    Topology m_topology;
    std::map<std::string, std::size_t> m_nodes;
    std::set<std::pair<std::string, std::string>> m_names; ///< kind and name of all but nodes
    std::vector<Gateway> m_gateways;
    std::vector<Link> m_links;
    std::vector<Tunnel> m_tunnels;
    std::vector<Traffic> m_traffic;
    std::vector<std::size_t> m_probes; ///< nodes
    std::vector<Action> m_actions;
    std::map<NetworkEvent::Kind, std::vector<std::function<void(const NetworkEvent&)>>> m_listeners;
    std::function<void()> m_watch;
    NetworkRun* m_current{nullptr}; ///< while it runs
};

/// Uniform draws of 0 to 1 from a random stream, as the elements of a network with that stream get
/// them.
std::vector<double> UniformDraws(std::uint32_t seed,
                                 std::uint64_t run,
                                 std::int64_t stream,
                                 std::size_t count);

} // namespace ipseclab

#endif // IPSECLAB_NETWORK_H
