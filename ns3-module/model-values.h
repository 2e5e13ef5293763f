/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * ns-3's time and addresses as the model has them.
 */

#ifndef MODEL_VALUES_H
#define MODEL_VALUES_H

#include "model/wire/ip-address.h"

#include "ns3/ipv4-address.h"
#include "ns3/ipv6-address.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"

#include <chrono>

namespace ns3
{

/// The simulation's time as an Instant of the model's machines and engines.
inline std::chrono::nanoseconds
ModelNow()
{
    return std::chrono::nanoseconds(Simulator::Now().GetNanoSeconds());
}

inline ipseclab::IpAddress
ToModel(Ipv4Address address)
{
    return ipseclab::IpAddress::V4(address.Get());
}

inline ipseclab::IpAddress
ToModel(Ipv6Address address)
{
    uint8_t octets[16];
    address.GetBytes(octets);
    return *ipseclab::IpAddress::FromOctets(octets);
}

} // namespace ns3

#endif // MODEL_VALUES_H
