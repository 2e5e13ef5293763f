/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_ENDPOINT_H
#define IPSECLAB_IKE_IKE_ENDPOINT_H

#include "model/crypto/random-source.h"
#include "model/ike/ike-config.h"
#include "model/ike/ike-event.h"

#include <any>
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
    std::uint64_t invalidIkeSpiSent{0};  ///< notifies outside of an IKE SA
    std::uint64_t invalidSpiSent{0};     ///< notifies of ESP packets, within an IKE SA
    std::uint64_t badIcv{0};             ///< an SK payload that did not open
    std::uint64_t badMessageId{0};       ///< outside the window of one
    std::uint64_t noPeer{0};             ///< IKE_SA_INIT from an address without configuration
    std::uint64_t halfOpenLimit{0};      ///< IKE_SA_INIT of a peer with too many half-open IKE SAs
    std::uint64_t cookiesDemanded{0};    ///< IKE_SA_INIT without a good cookie, while one is needed
    std::uint64_t fragmentsDiscarded{0}; ///< SKF payloads that are replayed, obsolete or too many
    std::uint64_t keepalivesIn{0};       ///< of NAT traversal; they are no datagrams of IKE
    std::uint64_t keepalivesOut{0};
    std::uint64_t unsupported{0}; ///< authentic requests that were refused by an error notify
};

/**
 * All IKE SAs of one node, as a machine without sockets, threads or clock.
 *
 * Order of calls. After any of the handle or command functions, call PollEvent until it has
 * nothing, then PollTransmit until it has nothing, then PollTimeout to learn when HandleTimeout is
 * next due. Events come first so that a Child SA is installed before the response leaves that lets
 * the peer use it; a driver may poll in the other order when both happen at one instant and nothing
 * arrives in between. `now` must never decrease. HandleTimeout may be called early or late: early
 * it does nothing, late it does what was due.
 *
 * Randomness is drawn in a fixed order. Initiate: SPI, nonce, private value; once more a private
 * value when the peer asks for another group; the first Child SA's SPI with the first IKE_SA_INIT
 * response. A responder: SPI, nonce, private value with each new IKE_SA_INIT request (of one that
 * is refused before its KE payload is used, only the SPI), the Child SA's SPI with IKE_AUTH.
 * A secret for cookies: before all else of the request that it is first needed for.
 * A signature with RSASSA-PSS: its salt, before the SPI of the Child SA (responder) or after it.
 * A CREATE_CHILD_SA request: SPI, nonce, private value; its response: nonce, private value, SPI.
 * Jitter, where it is configured, when an SA comes up: first of time, then of volume.
 *
 * An unauthenticated error to IKE_SA_INIT does not end the attempt (RFC 7296, section 2.21.1): the
 * initiator goes on until its last try and then closes with the reason that the error named.
 *
 * A datagram's octets are the whole UDP payload. At local port 4500 that is an IKE message behind a
 * non-ESP marker, or a keepalive; ESP is for the driver to separate (wire::ClassifyNatTraversal).
 * Both sides detect NATs in IKE_SA_INIT, unless the configuration says no, and if there is one they
 * float to port 4500 with IKE_AUTH (RFC 7296, section 2.23; see extensions/nat-traversal.h). NAT
 * detection draws no random number. A peer is found by the address that its packets come from, so
 * of one behind a NAT that is the address of the NAT.
 *
 * A peer that repeats
 * the last request of a closed IKE SA still gets its cached response for as long as it may repeat
 * it, of the 64 that closed last; such remains are not counted as IKE SAs, but PollTimeout knows
 * when they end.
 *
 * A request with unknown SPIs from a configured peer's address is answered with INVALID_IKE_SPI
 * outside of any IKE SA, once in kHintInterval; one that comes here is not believed.
 * INITIAL_CONTACT goes with the first IKE SA to a peer; when it comes, IKE SAs of the same
 * identities that were up before end with that reason. INVALID_MESSAGE_ID, which is optional, is
 * not sent.
 *
 * Octets from the network are hostile: they are counted and dropped, or answered as RFC 7296 says;
 * they never throw. No SA state exists before a well-formed IKE_SA_INIT from a configured peer, and
 * none of a Child SA before AUTH is verified.
 */
class IkeEndpoint
{
  public:
    /// Least time between two notifies that anybody's packets may cause.
    static constexpr Duration kHintInterval = std::chrono::seconds(1);

    explicit IkeEndpoint(crypto::RandomSource& random);
    ~IkeEndpoint();

    IkeEndpoint(const IkeEndpoint&) = delete;
    IkeEndpoint& operator=(const IkeEndpoint&) = delete;

    /// \name Configuration
    /// Adds a peer; a responder finds it by the remote address, the first one added wins. False:
    /// the name is taken, or there is a suite that the model has not got, or no suite or selector,
    /// or suites for more than 255 proposals, or more than 255 selectors of one side, or a key (an
    /// empty pre-shared one included), certificate or trust anchor is missing, or the datagram
    /// limit is below 256.
    bool AddPeer(const PeerConfig& peer);

    /// \name Commands
    /// Begins IKE_SA_INIT with a configured peer; false when the name is unknown. `first` is for
    /// the Child SA of IKE_AUTH.
    bool Initiate(Instant now, const std::string& peer, const ChildRequest& first = {});
    /// Sends Delete for the IKE SA (and so for its Child SAs); false when no such SA is
    /// established.
    bool CloseIkeSa(Instant now, const IkeSaId& id);
    /// Sends Delete for the Child SA with this inbound SPI; false when there is none.
    bool CloseChildSa(Instant now, std::uint32_t spiInbound);
    /// Asks for a Child SA in place of this one, and deletes it when there is one; false when there
    /// is none or it is on its way out. What a volume limit asks for.
    bool RekeyChildSa(Instant now, std::uint32_t spiInbound);
    /// The Child SA is removed at once, then deleted; false when there is none.
    bool ExpireChildSa(Instant now, std::uint32_t spiInbound);
    /// Asks for another Child SA with the peer's selectors and suites; false when no such IKE SA is
    /// established.
    bool CreateChildSa(Instant now, const IkeSaId& id, const ChildRequest& request = {});
    /// Asks for an IKE SA in place of this one, which inherits its Child SAs; false when no such
    /// IKE SA is established.
    bool RekeyIkeSa(Instant now, const IkeSaId& id);
    /// Sends an empty INFORMATIONAL request, or lets the one in flight count; false when no such
    /// SA.
    bool CheckLiveness(Instant now, const IkeSaId& id);
    /// Has an extension of an IKE SA do what `command` says, a value of one of its own types; false
    /// when no such IKE SA is established, or none of its extensions does that.
    bool Command(Instant now, const IkeSaId& id, const std::any& command);
    /// The same of the IKE SA that has this Child SA.
    bool Command(Instant now, std::uint32_t spiInbound, const std::any& command);

    /// \name Input
    void HandleDatagram(Instant now, const Path& path, ByteSpan octets);
    void HandleTimeout(Instant now);
    /// An ESP packet with an SPI that is not there has come from this address. The peer is told
    /// within an established IKE SA, if there is one (INVALID_SPI; RFC 7296, section 1.5), once in
    /// kHintInterval. SPIs below 256 are reserved and not worth a word.
    void HandleUnknownEspSpi(Instant now, const IpAddress& remote, std::uint32_t spi);
    /// A new and authentic ESP packet on the Child SA with this inbound SPI has come in UDP over
    /// this path, which is not that of the SA: the peer's NAT may have changed its mapping.
    void HandleEspPath(Instant now, std::uint32_t spiInbound, const Path& path);

    /// \name Output
    std::optional<Datagram> PollTransmit();
    std::optional<Instant> PollTimeout() const;
    std::optional<IkeEvent> PollEvent();

    /// \name State
    const IkeCounters& Counters() const;
    std::size_t IkeSaCount() const; ///< all, half-open and closing ones included
    std::size_t EstablishedCount() const;
    std::size_t ChildSaCount() const; ///< all, offered ones and those that only receive included

  private:
    struct State;
    std::unique_ptr<State> m_state;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_ENDPOINT_H
