/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_REALTIME_NETWORK_H
#define IPSECLAB_REALTIME_NETWORK_H

#include "realtime.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>

/**
 * \file
 * A simulated network between two real hosts, in real time:
 *
 *     host A == socket == router 0 ~~~~ impaired link ~~~~ router 1 == socket == host B
 *
 * The routers are ns-3's IPv4 with path-MTU signalling, the link is a ReorderingChannel. Times are
 * in seconds.
 */

namespace ipseclab
{

/// Where the network meets a real host.
struct RealtimePort
{
    int socket{-1}; ///< packet socket on an Ethernet interface; owned by the network from Run on
    std::string address; ///< IPv4 address of the simulated router there
    std::string mask{"255.255.255.0"};
};

struct RealtimeLinkOptions
{
    double delay{0};        ///< one way
    double loss{0};         ///< probability, each way
    double reorderShare{0}; ///< share of the packets that are held back
    double hold{10e-3};     ///< how long they are held back
    double rate{1e9};       ///< bit/s
    std::uint32_t mtu{1500};
    std::uint32_t seed{1}; ///< ns-3 seed of losses and reordering
    std::uint64_t run{1};  ///< ns-3 run number
};

struct RealtimeReport
{
    double duration{0};       ///< simulated
    std::uint64_t offered{0}; ///< IPv4 packets and fragments that the link took, both ways
    std::uint64_t lost{0};
    std::uint64_t delivered{0};
    std::uint64_t inFlight{0};     ///< when it stopped: offered - lost - delivered
    std::uint64_t tooLarge{0};     ///< with DF: dropped and answered by ICMP
    std::uint64_t queueDropped{0}; ///< of the link's devices
    ClockLag lag;
};

/**
 * Runs in this thread until `stop` says true, which is asked every 10 ms of simulated time; once in
 * a process, for the simulator's implementation cannot be changed afterwards.
 *
 * \throws std::invalid_argument for a bad address, share or MTU; what `stop` throws
 */
RealtimeReport RunRealtimeNetwork(const std::array<RealtimePort, 2>& ports,
                                  const RealtimeLinkOptions& options,
                                  const std::function<bool()>& stop);

} // namespace ipseclab

#endif // IPSECLAB_REALTIME_NETWORK_H
