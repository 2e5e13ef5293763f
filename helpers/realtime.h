/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_H
#define IPSECLAB_REALTIME_H

#include "ns3/net-device.h"
#include "ns3/node.h"

#include <cstdint>

/**
 * \file
 * What every simulation needs that meets real hosts: ns-3's real-time mode and live ports.
 */

namespace ipseclab
{

/// Real time and real checksums, for the whole process; before the first use of the simulator.
void ChooseRealtime();

/**
 * Adds an Ethernet device on a packet socket to the node.
 * \param socket owned by the device from now on
 * \param mtu in octets of IP
 */
ns3::Ptr<ns3::NetDevice> AddLivePort(ns3::Ptr<ns3::Node> node, int socket, std::uint16_t mtu);

/// How late the simulator's clock was against the machine's.
struct ClockLag
{
    std::uint64_t samples{0};
    double largest{0}; ///< seconds
    double mean{0};    ///< seconds

    /// Takes the lag of this moment, in an event.
    void Sample();
};

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_H
