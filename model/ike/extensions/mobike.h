/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_MOBIKE_H
#define IPSECLAB_IKE_EXTENSIONS_MOBIKE_H

#include "model/ike/ike-config.h"

/**
 * \file
 * MOBIKE (RFC 4555): an IKE SA and its Child SAs change addresses without being made anew. Who
 * moves is the side that initiated the first IKE SA, also after rekeying; the other side follows
 * what it hears, and may tell of further addresses of its own.
 *
 *     mover                                                       other side
 *     Command(MoveTo): all goes the new way
 *     UPDATE_SA_ADDRESSES, NAT_DETECTION_*, [NO_NATS_ALLOWED] --> address allowed? no NAT?
 *                                             <------------------ NAT_DETECTION_*
 *                                             <------------------ [COOKIE2]
 *     COOKIE2 ------------------------------------------------->  the Child SAs follow
 *
 * All goes to port 4500 from IKE_AUTH on when both sides do NAT detection (section 3.3), and
 * detection is done again with every move: ESP goes in UDP, or no longer (section 3.5). What is
 * left out: a NAT that changes while nobody moves is followed by the rules of RFC 7296,
 * section 2.23, alone.
 */

namespace ipseclab::ike
{

struct MobikeConfig
{
    /// Addresses of this side beside that of the peer's entry. Default: none.
    std::vector<IpAddress> additional;
    /// Where the peer may move to; elsewhere it gets UNACCEPTABLE_ADDRESSES. Default, empty:
    /// anywhere.
    TrafficSelectorList peerAddresses;
    /// The mover asks the other side to refuse a path with a NAT on it. Default: no.
    bool forbidNats{false};
    /// The other side sends no ESP to an address before it has answered from there (RFC 4555,
    /// section 3.7). Default: yes.
    bool returnRoutability{true};
};

/// A command: use these addresses from now on, ports as they are. For the side that moves.
struct MoveTo
{
    IpAddress local;
    IpAddress remote;
};

/// A command: the additional addresses of this side have changed. For the side that does not move.
struct ChangeAddresses
{
    std::vector<IpAddress> additional;
};

/// A report: the peer has accepted where we are, or has proved where it is.
struct AddressesMoved
{
    Path path;
};

/// A report: the move was refused, or its address could not be proved; the IKE SA goes back to the
/// path that it was on.
struct MoveRefused
{
    Path path; ///< that was tried
    wire::NotifyType reason{wire::NotifyType::UnacceptableAddresses};
};

/// A report: all that the peer tells of its addresses, beside the one it uses.
struct PeerAddresses
{
    std::vector<IpAddress> additional;
};

ExtensionFactory Mobike(const MobikeConfig& config = {});

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_MOBIKE_H
