/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "realtime.h"

#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/fd-net-device.h"
#include "ns3/global-value.h"
#include "ns3/mac48-address.h"
#include "ns3/realtime-simulator-impl.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ipseclab
{

namespace
{

constexpr std::uint32_t kQueue = 10000; ///< frames between the socket's reader and the simulator

} // namespace

void
ChooseRealtime()
{
    ns3::GlobalValue::Bind("SimulatorImplementationType",
                           ns3::StringValue("ns3::RealtimeSimulatorImpl"));
    // Real hosts look at checksums.
    ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(true));
    // ns-3 delays ARP requests at random; the first packet of a session would wait for it.
    ns3::Config::SetDefault("ns3::ArpL3Protocol::RequestJitter",
                            ns3::StringValue("ns3::ConstantRandomVariable[Constant=0]"));
}

ns3::Ptr<ns3::NetDevice>
AddLivePort(ns3::Ptr<ns3::Node> node, int socket, std::uint16_t mtu)
{
    const auto port = ns3::CreateObject<ns3::FdNetDevice>();
    port->SetAddress(ns3::Mac48Address::Allocate());
    port->SetEncapsulationMode(ns3::FdNetDevice::DIX);
    port->SetAttribute("RxQueueSize", ns3::UintegerValue(kQueue));
    port->SetMtu(mtu);
    node->AddDevice(port);
    port->SetFileDescriptor(socket);
    return port;
}

void
ClockLag::Sample()
{
    const auto clock =
        ns3::DynamicCast<ns3::RealtimeSimulatorImpl>(ns3::Simulator::GetImplementation());
    const double lag = (clock->RealtimeNow() - ns3::Simulator::Now()).GetSeconds();
    ++samples;
    largest = std::max(largest, lag);
    mean += (lag - mean) / static_cast<double>(samples);
}

} // namespace ipseclab
