/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_NETWORK_RUN_H
#define IPSECLAB_NETWORK_RUN_H

#include "helpers/capture-keys.h"
#include "helpers/link-watch.h"
#include "helpers/network.h"
#include "helpers/tunnel-handshake.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/ipv4-header.h"
#include "ns3/ipv4-l3-protocol.h"
#include "ns3/reordering-channel.h"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ipseclab
{

/// One run of a Network: its nodes, devices, routes, applications and recorders.
class NetworkRun
{
  public:
    /// \throws std::logic_error when another one exists in this process
    NetworkRun(Network& network, const std::string& captures);
    ~NetworkRun();
    NetworkRun(const NetworkRun&) = delete;
    NetworkRun& operator=(const NetworkRun&) = delete;

    NetworkResult Execute(std::optional<double> until);

    double Now() const;
    void Stop();
    void Schedule(double time, std::function<void()> action);
    void Initiate(const std::string& tunnel);
    void SetLoss(const std::string& link, double probability);
    void SetDelay(const std::string& link, double delay);
    ns3::Ptr<ns3::IpsecGateway> GatewayAt(std::size_t node) const;
    GatewayCounts CountsAt(std::size_t node) const;

  private:
    struct Claim; ///< of the process's one simulator

    struct Stream
    {
        UdpStream settings;
        std::unique_ptr<UdpSource> source;
        std::unique_ptr<UdpSink> sink;
        TrafficResult result;
    };

    /// What is heard at one gateway.
    struct GatewayWatch
    {
        NetworkRun* run;
        std::size_t node;
        bool probed;
        std::vector<EspArrival> arrivals;
        EspArrival last; ///< the arrival that the next drop is about

        void HandleIke(const ike::IkeEvent& event);
        void HandleArrival(std::uint32_t spi, std::uint64_t number, esp::DropReason reason);
        void HandleDrop(ns3::Ptr<const ns3::Packet> packet, esp::DropReason reason, bool outbound);
    };

    void MakeNodes();
    void MakeLinks();
    void AddPort(std::size_t node, std::size_t link, ns3::Ptr<ns3::NetDevice> device);
    void AttachFastPaths();
    void AddRoutes();
    void MakeTunnels();
    void MakeStreams();
    void StartStream(std::size_t place);
    void MakeStream(std::size_t place);
    void ListenAtGateways();
    /// Captures of the gateways' outside links, and their keys.
    void BeginCaptures();
    /// The tunnel that joins what the two nodes lie behind; nothing without one.
    std::optional<std::size_t> TunnelBetween(std::size_t a, std::size_t b) const;
    void HandleReady(std::size_t tunnel);
    void HandleIpDrop(const ns3::Ipv4Header& header,
                      ns3::Ptr<const ns3::Packet> packet,
                      ns3::Ipv4L3Protocol::DropReason reason,
                      ns3::Ptr<ns3::Ipv4> ipv4,
                      std::uint32_t interface);
    bool Listens(NetworkEvent::Kind kind) const;
    void Tell(const NetworkEvent& event);
    /// Calls what is not ours; what it throws ends the run and is thrown again by Execute.
    template <typename Function>
    void Guard(Function function);
    DelayModel GuardedModel(const DelayModel& model);
    ns3::Ptr<ns3::ReorderingChannel> ChannelOf(const std::string& link) const;
    NetworkResult Collect() const;
    Conservation CountAll() const;

    Network& m_network;
    std::unique_ptr<Claim> m_claim;
    NetworkPlan m_plan;
    std::vector<ns3::Ptr<ns3::Node>> m_nodes;
    std::vector<ns3::Ptr<ns3::IpsecGateway>> m_gateways; ///< by node; null for others
    std::vector<std::unique_ptr<GatewayWatch>> m_gatewayWatches;
    std::vector<ns3::Ptr<ns3::ReorderingChannel>> m_channels;
    std::vector<std::unique_ptr<LinkWatch>> m_linkWatches;
    std::vector<std::unique_ptr<TunnelHandshake>> m_handshakes;
    std::vector<std::unique_ptr<Stream>> m_streams;
    std::uint64_t m_sent{0};
    std::uint64_t m_ipDropped{0};
    std::exception_ptr m_fault;
    std::string m_captureFolder;
    ns3::CaptureKeys m_keys;
    std::vector<std::string> m_captures;
};

} // namespace ipseclab

#endif // IPSECLAB_NETWORK_RUN_H
