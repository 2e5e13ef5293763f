/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_PATH_SIZES_H
#define IPSECLAB_IKE_EXTENSIONS_PATH_SIZES_H

#include "model/ike/ike-config.h"

#include <optional>
#include <vector>

/**
 * \file
 * Notifications of the gateway where a tunnel ends about the sizes of packets that reach it
 * (draft-liu-ipsecme-ikev2-mtu-dect-06 to -09): LMAP, the length of a first fragment, which a
 * packet that is not to be cut may have; and PTB, for a packet that is too large to be opened at
 * all.
 *
 *     egress                                          ingress
 *     IKE_AUTH: LMAP_AND_PTB_SUPPORTED    <---->      IKE_AUTH: LMAP_AND_PTB_SUPPORTED
 *     ESP in fragments                    <------
 *     INFORMATIONAL: LMAP (4, 1396)       ------>     what follows is made to fit into 1396 octets
 *                                         <------     (empty)
 *
 * The draft does not say which Child SA a notification is of; it is taken to be of all that the IKE
 * SA has, unless PathSizesConfig::namesSa is set. One request at a time is under way.
 */

namespace ipseclab::ike
{

struct PathSizesConfig
{
    /// Whether notifications have Protocol ID 3 and the SPI of the Child SA, as REKEY_SA has it
    /// (RFC 7296, section 1.3.3); not in the draft. Those that have it are understood anyway.
    bool namesSa{false};
    /// Also towards peers that do not send the Vendor ID which says what the numbers mean.
    bool toAnyone{false};
    std::uint16_t supportedType{50031}; ///< LMAP_AND_PTB_SUPPORTED; none is assigned
    std::uint16_t lmapType{50032};      ///< LMAP
    std::uint16_t ptbType{50033};       ///< PTB
};

/// Link Maximum Atomic Packet: a first fragment, as it came.
struct AtomicPacket
{
    bool v6{false};
    /// Total Length of IPv4; Payload Length of IPv6, without the header of 40 octets.
    std::uint16_t fragmentLength{0};

    /// Of the IP packet, octets.
    std::size_t Octets() const;
};

/// What the egress takes, octets of IP.
struct EgressLimits
{
    std::uint32_t linkMtu{0}; ///< LMTU: of a packet that came in one piece
    std::uint32_t emtuR{0};   ///< EMTU_R: of one put together from fragments, too
};

/// The content of an LMAP notification, a PTB notification, or both.
struct PathSizes
{
    std::optional<AtomicPacket> lmap;
    std::optional<EgressLimits> tooBig;
};

/// A command: tell the peer what became of the packets of a Child SA. Not carried out when the peer
/// does not understand it, or while an earlier request is under way.
struct TellPathSizes
{
    std::uint32_t spiInbound{0};
    PathSizes sizes;
};

/// A report: the peer has told.
struct PathSizesTold
{
    IpAddress destination; ///< of the packets it is about
    /// Outbound SPIs of the Child SAs that it is about; none when a notification had no meaning, or
    /// the SPI of nothing.
    std::vector<std::uint32_t> spisOutbound;
    PathSizes sizes;
};

ExtensionFactory PathSizeNotifications(const PathSizesConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_PATH_SIZES_H
