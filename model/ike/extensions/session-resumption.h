/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_SESSION_RESUMPTION_H
#define IPSECLAB_IKE_EXTENSIONS_SESSION_RESUMPTION_H

#include "model/ike/extensions/extension.h"

#include <deque>
#include <map>
#include <set>

/**
 * \file
 * Session resumption (RFC 5723): a gateway gives a ticket, with which the client sets up another
 * IKE SA without a key exchange and without signatures. The client asks in IKE_AUTH, once more when
 * the IKE SA has been rekeyed or TICKET_ACK has put it off, and when it is told to.
 *
 *     HDR, SK{IDi, AUTH, ..., N(TICKET_REQUEST)} -->
 *                              <-- HDR, SK{IDr, AUTH, ..., N(TICKET_LT_OPAQUE)}
 *     ...
 *     INFORMATIONAL: N(TICKET_REQUEST) -->
 *                              <-- N(TICKET_LT_OPAQUE)
 *     ...
 *     IKE_SESSION_RESUME: [N(COOKIE),] Ni, N(TICKET_OPAQUE) -->
 *                                                       <-- Nr     or N(TICKET_NACK)
 *     IKE_AUTH as usual, AUTH = prf(SK_p, signed octets)
 *
 * Both sides drop the IKE SA that the ticket was given in, without a Delete, when the new one is
 * up. A peer that does not answer IKE_SESSION_RESUME at all is tried again with IKE_SA_INIT.
 */

namespace ipseclab::ike
{

/// Both identities of an IKE SA, and what else a ticket stands for (RFC 5723, section 5).
struct TicketState
{
    ResumableSa sa;
    Identity initiator;
    Identity responder;
    Instant expiry{0};
};

/**
 * A responder's tickets, of any number of peers.
 *
 * By value the state is in the ticket, under a key that only this object has; by reference the
 * ticket is a random handle and the state is here. A ticket is good once (section 4.3.1 recommends
 * it); what has to be remembered for that goes when tickets expire, or when there are kMaxTickets.
 */
class TicketIssuer
{
  public:
    enum class Kind
    {
        ByValue,
        ByReference
    };

    static constexpr std::size_t kMaxTickets = 100000;

    /// \param lifetime of a ticket, in whole seconds, more than zero
    TicketIssuer(Kind kind, Duration lifetime);

    Duration Lifetime() const;
    /// Draws a key first (by value), or the handle (by reference).
    Bytes Issue(Instant now, crypto::RandomSource& random, TicketState state);
    /// Nothing for a ticket that is forged, expired or used.
    std::optional<TicketState> Redeem(Instant now, ByteSpan ticket);

  private:
    Bytes Seal(crypto::RandomSource& random, const TicketState& state);
    std::optional<TicketState> OpenSealed(ByteSpan ticket);
    void Prune(Instant now);

    Kind m_kind;
    Duration m_lifetime;
    Bytes m_key;
    std::uint64_t m_next{0};
    std::map<Bytes, TicketState> m_issued; ///< by reference, by handle
    std::set<Bytes> m_used;                ///< by value: the numbers of used ones
    std::deque<std::pair<Instant, Bytes>> m_expiries;
};

/// An initiator's tickets, one for each peer.
class TicketWallet
{
  public:
    struct Ticket
    {
        Bytes octets;
        ResumableSa sa;
        Instant expiry{0};
    };

    void Keep(const std::string& peer, Ticket ticket);
    /// The ticket, which is gone then; nothing when there is none or it has expired.
    std::optional<Ticket> Take(Instant now, const std::string& peer);

  private:
    std::map<std::string, Ticket> m_tickets;
};

/// For IkeEndpoint::Command, of a client: asks for a ticket now.
struct AskForTicket
{
};

/// A ticket has come, or the peer has refused to give one.
struct TicketReceived
{
    bool granted{false};
    Duration lifetime{0};
};

/**
 * For PeerConfig::extensions. The objects are shared by whatever peers of an endpoint they are
 * given to. \param wallet null: no ticket is asked for or used; \param issuer null: none is given
 */
ExtensionFactory SessionResumption(std::shared_ptr<TicketWallet> wallet,
                                   std::shared_ptr<TicketIssuer> issuer);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_SESSION_RESUMPTION_H
