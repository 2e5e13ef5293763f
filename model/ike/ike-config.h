/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_CONFIG_H
#define IPSECLAB_IKE_IKE_CONFIG_H

#include "model/crypto/payload-cipher.h"
#include "model/ike/proposal.h"
#include "model/wire/ip-address.h"
#include "model/wire/traffic-selector.h"

#include <chrono>
#include <string>

namespace ipseclab::ike
{

/// Time since any fixed origin of the driver's; never decreases from call to call.
using Instant = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

/// One end of a UDP flow.
struct TransportAddress
{
    IpAddress address;
    std::uint16_t port{wire::kIkePort};
    bool operator==(const TransportAddress& o) const;
};

/// Where a datagram came from or goes to.
struct Path
{
    TransportAddress local;
    TransportAddress remote;
};

struct Datagram
{
    Path path;
    Bytes octets; ///< of the UDP payload
};

/// An identity as it goes into IDi/IDr.
struct Identity
{
    wire::IdType type{wire::IdType::Fqdn};
    Bytes data;

    static Identity Fqdn(const std::string& name);
    wire::IdPayload ToPayload() const;
    bool operator==(const Identity& o) const;
};

/// When a request is sent again (RFC 7296, section 2.1): timeout * base^n, `tries` times in all.
struct RetransmissionPolicy
{
    Duration timeout{std::chrono::seconds(4)}; ///< wait after the first transmission
    double base{1.8};                          ///< growth of the wait from try to try
    unsigned tries{6};                         ///< transmissions before the SA is given up
};

/// What one gateway knows of one peer: PAD entry, IKE and Child SA proposals.
struct PeerConfig
{
    std::string name; ///< of this entry, for commands and events
    TransportAddress local;
    TransportAddress remote;
    Identity localId;
    Identity remoteId;
    Bytes preSharedKey;
    std::vector<IkeSuite> ikeSuites{IkeSuite{}};
    std::vector<ChildSuite> childSuites{ChildSuite{}};
    TrafficSelectorList localSelectors;
    TrafficSelectorList remoteSelectors;
    RetransmissionPolicy retransmission;
    /// A liveness check is sent after this long without a message from the peer; zero: never.
    Duration livenessInterval{Duration::zero()};
    /// A responder forgets an IKE SA that has not seen IKE_AUTH after this long.
    Duration halfOpenTimeout{std::chrono::seconds(30)};
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_CONFIG_H
