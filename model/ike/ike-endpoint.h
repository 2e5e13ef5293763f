/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_ENDPOINT_H
#define IPSECLAB_IKE_IKE_ENDPOINT_H

#include "model/crypto/random-source.h"
#include "model/ike/ike-config.h"
#include "model/ike/ike-event.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

namespace ipseclab::ike
{

class IkeSa;

/// Everything an endpoint counts; plain numbers, monotone.
struct IkeCounters
{
    std::uint64_t datagramsIn{0};
    std::uint64_t datagramsOut{0};
    std::uint64_t retransmissions{0}; ///< requests that were sent again
    std::uint64_t responsesResent{0}; ///< cached responses that were sent again
    std::uint64_t malformed{0};       ///< no IKEv2 message, or an exchange out of place
    std::uint64_t badVersion{0};
    std::uint64_t unknownSpi{0};
    std::uint64_t badIcv{0};       ///< an SK payload that did not open
    std::uint64_t badMessageId{0}; ///< outside the window of one
    std::uint64_t noPeer{0};       ///< IKE_SA_INIT from an address without configuration
    std::uint64_t unsupported{0};  ///< authentic requests that were refused by an error notify
};

/**
 * All IKE SAs of one node, as a machine without sockets, threads or clock.
 *
 * Order of calls. After any of the handle or command functions, call PollTransmit until it has
 * nothing, then PollEvent until it has nothing, then PollTimeout to learn when HandleTimeout is
 * next due. `now` must never decrease. HandleTimeout may be called early or late: early it does
 * nothing, late it does what was due.
 *
 * Octets from the network are hostile: they are counted and dropped, or answered as RFC 7296 says;
 * they never throw. No SA state exists before a well-formed IKE_SA_INIT from a configured peer, and
 * none of a Child SA before AUTH is verified.
 */
class IkeEndpoint
{
  public:
    explicit IkeEndpoint(crypto::RandomSource& random);
    ~IkeEndpoint();

    IkeEndpoint(const IkeEndpoint&) = delete;
    IkeEndpoint& operator=(const IkeEndpoint&) = delete;

    /// \name Configuration
    /// Adds a peer; a responder finds it by the remote address. False: the name is taken.
    bool AddPeer(const PeerConfig& peer);

    /// \name Commands
    /// Begins IKE_SA_INIT with a configured peer; false when the name is unknown.
    bool Initiate(Instant now, const std::string& peer);
    /// Sends Delete for the IKE SA (and so for its Child SAs); false when there is no such SA.
    bool CloseIkeSa(Instant now, const IkeSaId& id);
    /// Sends Delete for the Child SA with this inbound SPI; false when there is none.
    bool CloseChildSa(Instant now, std::uint32_t spiInbound);
    /// Sends an empty INFORMATIONAL request, or lets the one in flight count; false when no such
    /// SA.
    bool CheckLiveness(Instant now, const IkeSaId& id);

    /// \name Input
    void HandleDatagram(Instant now, const Path& path, ByteSpan octets);
    void HandleTimeout(Instant now);

    /// \name Output
    std::optional<Datagram> PollTransmit();
    std::optional<Instant> PollTimeout() const;
    std::optional<IkeEvent> PollEvent();

    /// \name State
    const IkeCounters& Counters() const;
    std::size_t IkeSaCount() const; ///< all, half-open and closing ones included
    std::size_t EstablishedCount() const;

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_ENDPOINT_H
