/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_NAT_TRAVERSAL_H
#define IPSECLAB_IKE_EXTENSIONS_NAT_TRAVERSAL_H

#include "model/ike/ike-config.h"
#include "model/ike/ike-event.h"
#include "model/wire/ike-message.h"

/**
 * \file
 * NAT traversal (RFC 7296, section 2.23; RFC 3948): each side tells in IKE_SA_INIT, by hashes,
 * which addresses and ports it has sent from and to. What arrives as something else has passed a
 * NAT, and then all that follows uses UDP port 4500: IKE behind a marker, ESP in UDP.
 */

namespace ipseclab::ike
{

/// What NAT detection has found.
struct NatSituation
{
    bool detected{false}; ///< both sides have sent their hashes, so UDP encapsulation is possible
    bool local{false};    ///< this side is behind a NAT
    bool remote{false};   ///< the peer is, or pretends to be
    bool forced{false};   ///< this side pretends to be

    /// From IKE_AUTH on everything goes to port 4500, and ESP in UDP.
    bool UsesUdp() const
    {
        return local || remote || forced;
    }

    /// Whether this side sends where the last authentic packet came from: only a NAT before the
    /// peer may change that, and behind a NAT of our own it would open a way to deny service.
    bool FollowsPeer() const
    {
        return remote && !local;
    }
};

/// SHA-1(SPIi | SPIr | address | port), SPIs as in the header of the message.
Bytes ComputeNatDetection(const IkeSaId& spis, const TransportAddress& address);

/**
 * Appends NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP, if they are configured.
 * With forced encapsulation the source is 0.0.0.0, port 0, which no packet ever comes from.
 * \param request of the peer, when this is a response: without its hashes there are none of ours
 */
void AnnounceAddresses(const NatTraversalConfig& config,
                       const IkeSaId& spis,
                       const Path& path,
                       const wire::PayloadList* request,
                       wire::PayloadList& out);

/// What the peer's hashes say. Several for the source are allowed, of which one has to fit.
NatSituation DetectNat(const NatTraversalConfig& config,
                       const IkeSaId& spis,
                       const Path& path,
                       const wire::PayloadList& received);

/// The same addresses with port 4500 at both ends.
Path FloatPorts(Path path);

/// A message as it goes over a path: behind a non-ESP marker from port 4500.
Bytes ToUdpPayload(const Path& path, Bytes message);

/// One octet that keeps the mappings of a NAT alive.
Datagram MakeKeepalive(const Path& path);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_NAT_TRAVERSAL_H
