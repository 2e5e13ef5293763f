/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "realtime-network.h"

#include "delay-model.h"
#include "node-setup.h"

#include "ns3/double.h"
#include "ns3/drop-tail-queue.h"
#include "ns3/node-container.h"
#include "ns3/path-mtu-routing.h"
#include "ns3/point-to-point-net-device.h"
#include "ns3/pointer.h"
#include "ns3/reordering-channel.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <arpa/inet.h>
#include <exception>
#include <stdexcept>
#include <vector>

namespace ipseclab
{

using ns3::CreateObject;
using ns3::Ipv4Address;
using ns3::Ipv4Mask;
using ns3::NetDevice;
using ns3::Ptr;
using ns3::Simulator;

namespace
{

constexpr double kSampleInterval = 10e-3;  // s
constexpr std::uint32_t kSmallestMtu = 68; // RFC 791
constexpr std::uint32_t kLargestMtu = 1500;
constexpr std::uint32_t kQueue = 10000; // packets

void
RequireAddress(const std::string& address)
{
    in_addr parsed{};
    if (inet_pton(AF_INET, address.c_str(), &parsed) != 1)
    {
        throw std::invalid_argument("\"" + address + "\" is no IPv4 address");
    }
}

void
Require(bool good, const char* what)
{
    if (!good)
    {
        throw std::invalid_argument(what);
    }
}

void
Check(const std::array<RealtimePort, 2>& ports, const RealtimeLinkOptions& options)
{
    for (const RealtimePort& port : ports)
    {
        Require(port.socket >= 0, "a port has no socket");
        RequireAddress(port.address);
        RequireAddress(port.mask);
    }
    Require(options.delay >= 0 && options.hold >= 0, "delays are 0 s or more");
    Require(options.loss >= 0 && options.loss <= 1, "loss is a probability");
    Require(options.reorderShare >= 0 && options.reorderShare <= 1, "reordering is a share");
    Require(options.rate > 0, "the rate is more than 0 bit/s");
    Require(options.mtu >= kSmallestMtu && options.mtu <= kLargestMtu, "the MTU is 68 to 1500");
}

/// The two routers and what is between them, while they run.
class RealtimeNetwork
{
  public:
    RealtimeNetwork(const std::array<RealtimePort, 2>& ports, const RealtimeLinkOptions& options)
    {
        MakeLink(options);
        for (std::size_t side = 0; side < 2; ++side)
        {
            MakeRouter(side, ports[side], options);
        }
        for (std::size_t side = 0; side < 2; ++side)
        {
            // The other side's network, by way of the link.
            const Ipv4Mask mask(ports[1 - side].mask.c_str());
            m_routing[side]->AddNetworkRouteTo(
                Ipv4Address(ports[1 - side].address.c_str()).CombineMask(mask),
                mask,
                LinkAddress(1 - side),
                m_linkInterface[side]);
        }
    }

    RealtimeReport Run(const std::function<bool()>& stop)
    {
        m_stop = &stop;
        Simulator::Schedule(ns3::Seconds(kSampleInterval), &RealtimeNetwork::Watch, this);
        Simulator::Run();
        if (m_thrown)
        {
            std::rethrow_exception(m_thrown);
        }
        m_report.duration = Simulator::Now().GetSeconds();
        m_report.lost = m_channel->GetLost();
        m_report.inFlight = m_channel->GetInFlight();
        m_report.offered = m_report.lost + m_report.delivered + m_report.inFlight;
        for (const auto& routing : m_routing)
        {
            m_report.tooLarge += routing->GetTooLarge();
        }
        for (const auto& device : m_link)
        {
            m_report.queueDropped += device->GetQueue()->GetTotalDroppedPackets();
        }
        return m_report;
    }

  private:
    static Ipv4Address LinkAddress(std::size_t side)
    {
        return Ipv4Address(side == 0 ? "203.0.113.1" : "203.0.113.2"); // RFC 5737
    }

    void MakeLink(const RealtimeLinkOptions& options)
    {
        DelayModel held;
        held.kind = DelayModel::Kind::TwoPoint;
        held.seconds = options.hold;
        held.fastShare = 1 - options.reorderShare;
        m_channel = CreateObject<ns3::ReorderingChannel>();
        m_channel->SetAttribute("Delay", ns3::TimeValue(ns3::Seconds(options.delay)));
        m_channel->SetAttribute("ExtraDelay", ns3::PointerValue(MakeExtraDelay(held)));
        m_channel->SetAttribute("LossProbability", ns3::DoubleValue(options.loss));
        m_channel->AssignStreams(0);
        m_channel->TraceConnectWithoutContext(
            "Deliver",
            ns3::MakeCallback(&RealtimeNetwork::CountDelivery, this));
    }

    void MakeRouter(std::size_t side, const RealtimePort& port, const RealtimeLinkOptions& options)
    {
        const auto node = CreateObject<ns3::Node>();
        InstallIpv4Stack(node);
        m_routing[side] = CreateObject<ns3::PathMtuRouting>();
        node->GetObject<ns3::Ipv4>()->SetRoutingProtocol(m_routing[side]);

        const auto outside = AddLivePort(node, port.socket, kLargestMtu);
        AddAddress(outside, Ipv4Address(port.address.c_str()), Ipv4Mask(port.mask.c_str()));

        m_link[side] = CreateObject<ns3::PointToPointNetDevice>();
        m_link[side]->SetAddress(ns3::Mac48Address::Allocate());
        m_link[side]->SetAttribute(
            "DataRate",
            ns3::DataRateValue(ns3::DataRate(static_cast<std::uint64_t>(options.rate))));
        const auto queue = CreateObject<ns3::DropTailQueue<ns3::Packet>>();
        queue->SetMaxSize(ns3::QueueSize(ns3::QueueSizeUnit::PACKETS, kQueue));
        m_link[side]->SetQueue(queue);
        node->AddDevice(m_link[side]);
        m_link[side]->SetMtu(static_cast<std::uint16_t>(options.mtu));
        m_link[side]->Attach(m_channel);
        m_linkInterface[side] =
            AddAddress(m_link[side], LinkAddress(side), Ipv4Mask("255.255.255.252"));
    }

    void CountDelivery(Ptr<const ns3::Packet>)
    {
        ++m_report.delivered;
    }

    void Watch()
    {
        m_report.lag.Sample();
        try
        {
            if ((*m_stop)())
            {
                Simulator::Stop();
                return;
            }
        }
        catch (...)
        {
            // Not through ns-3's scheduler, which is not made for it.
            m_thrown = std::current_exception();
            Simulator::Stop();
            return;
        }
        Simulator::Schedule(ns3::Seconds(kSampleInterval), &RealtimeNetwork::Watch, this);
    }

    Ptr<ns3::ReorderingChannel> m_channel;
    std::array<Ptr<ns3::PathMtuRouting>, 2> m_routing;
    std::array<Ptr<ns3::PointToPointNetDevice>, 2> m_link;
    std::array<std::uint32_t, 2> m_linkInterface{};
    const std::function<bool()>* m_stop{nullptr};
    std::exception_ptr m_thrown;
    RealtimeReport m_report;
};

} // namespace

RealtimeReport
RunRealtimeNetwork(const std::array<RealtimePort, 2>& ports,
                   const RealtimeLinkOptions& options,
                   const std::function<bool()>& stop)
{
    Check(ports, options);
    ChooseRealtime();
    ns3::RngSeedManager::SetSeed(options.seed);
    ns3::RngSeedManager::SetRun(options.run);
    RealtimeReport report;
    {
        RealtimeNetwork network(ports, options);
        report = network.Run(stop);
    }
    Simulator::Destroy();
    return report;
}

} // namespace ipseclab
