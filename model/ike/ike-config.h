/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_CONFIG_H
#define IPSECLAB_IKE_IKE_CONFIG_H

#include "model/crypto/certificate.h"
#include "model/crypto/payload-cipher.h"
#include "model/esp/volume-meter.h"
#include "model/ike/proposal.h"
#include "model/wire/ip-address.h"
#include "model/wire/traffic-selector.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ipseclab::ike
{

/// Time since any fixed origin of the driver's; never decreases from call to call.
using Instant = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

/// The earlier of two instants, where nothing means never.
inline std::optional<Instant>
Earlier(std::optional<Instant> a, std::optional<Instant> b)
{
    return a && b ? std::min(*a, *b) : (a ? a : b);
}

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
    static Identity Email(const std::string& address);
    static Identity Address(const IpAddress& address);
    /// \param der a distinguished name, such as crypto::Certificate::Subject gives
    static Identity DistinguishedName(Bytes der);
    static Identity KeyId(Bytes octets);
    /// Nobody (RFC 7619).
    static Identity Null();
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

/// How a side proves who it is.
enum class AuthKind : std::uint8_t
{
    SharedKey, ///< RFC 7296, section 2.15
    Signature, ///< RFC 7427 where both sides announce it, otherwise RFC 7296 and RFC 4754
    Null,      ///< proves nothing but that the side is the same all along (RFC 7619)
};

/// One way of this side to prove that it is localId.
struct Credential
{
    AuthKind kind{AuthKind::SharedKey};
    std::shared_ptr<const crypto::PrivateKey> privateKey; ///< to sign with
    crypto::CertificateList certificates; ///< sent: that of the private key, then those above it
    bool pss{false};                      ///< an RSA key signs with RSASSA-PSS in RFC 7427
};

/// The proof that this side gives, and the one that it asks for; they need not be of one kind.
struct AuthConfig
{
    AuthKind local{AuthKind::SharedKey};
    AuthKind remote{AuthKind::SharedKey};
    /// Other proofs that this side can give, after that of `local` in the order of its preference.
    /// Used when the peer has announced that it takes them and not those before (RFC 9593).
    std::vector<Credential> alternatives;
    /// Other kinds of proof that this side takes beside `remote`, each as good as that.
    std::vector<AuthKind> alsoAccepted;
    std::shared_ptr<const crypto::PrivateKey> privateKey; ///< of localId
    crypto::CertificateList certificates; ///< sent: that of the private key, then those above it
    /// CA certificates that may vouch for remoteId, or its own certificate.
    crypto::CertificateList trustAnchors;
    /// Announced as acceptable, and the order of our choice; empty: RFC 7427 is not offered.
    std::vector<crypto::HashId> hashes{crypto::HashId::Sha2_256,
                                       crypto::HashId::Sha2_384,
                                       crypto::HashId::Sha2_512,
                                       crypto::HashId::Identity};
    bool pss{false}; ///< an RSA key of ours signs with RSASSA-PSS in RFC 7427
    /// Seconds since 1970 at Instant zero: the driver's clock for the validity of certificates.
    std::chrono::seconds unixTimeAtZero{0};

    /// All that this side can prove itself with, in the order of its preference.
    std::vector<Credential> Credentials() const;
    /// Whether this side takes a proof of this kind.
    bool Accepts(AuthKind kind) const;
    /// Whether this side has a proof of this kind to give.
    bool HasProof(AuthKind kind) const;
};

/// How long an SA lives (RFC 4301, section 4.4.2.1). Zero: for ever.
struct Lifetime
{
    Duration soft{Duration::zero()};   ///< after which it is rekeyed
    Duration hard{Duration::zero()};   ///< after which it is not used any more and deleted
    Duration jitter{Duration::zero()}; ///< `soft` is shortened by up to this, at random
};

/// How much one Child SA carries when this side answers (RFC 7296, section 2.9).
enum class ChildGranularity : std::uint8_t
{
    All,          ///< all that both sides allow
    SelectorPair, ///< of one local and one remote selector; others need Child SAs of their own
    AddressPair,  ///< of two hosts, whom the request has to name first
};

class Extension;

/// Makes one of these for each IKE SA; see extensions/extension.h.
using ExtensionFactory = std::function<std::unique_ptr<Extension>()>;

/// NAT traversal (RFC 7296, section 2.23; RFC 3948).
struct NatTraversalConfig
{
    /// NAT detection is done; without, ports never change and ESP is never in UDP. Default: yes.
    bool offered{true};
    /// ESP goes in UDP although there is no NAT: the peer is made to believe in one. Default: no.
    bool forceEncapsulation{false};
    /// How often a side behind a NAT sends a keepalive to the peer, also when there is other
    /// traffic. Default: 20 s; zero: never.
    Duration keepaliveInterval{std::chrono::seconds(20)};
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
    AuthConfig auth;
    /// How many half-open IKE SAs the peer's address may cause before IKE_SA_INIT is answered with
    /// a cookie; zero: always.
    std::size_t cookieThreshold{30};
    /// Octets of the IP datagram above which an encrypted IKE message is sent in fragments; at
    /// least 256. Zero: RFC 7383 is not offered.
    std::size_t maxIkeDatagram{1280};
    NatTraversalConfig natTraversal;
    /// INITIAL_CONTACT goes with the first IKE SA to the peer (RFC 7296, section 2.4). Off for an
    /// identity that several nodes share. Default: yes.
    bool initialContact{true};
    std::vector<IkeSuite> ikeSuites{IkeSuite{}};
    std::vector<ChildSuite> childSuites{ChildSuite{}};
    TrafficSelectorList localSelectors;
    TrafficSelectorList remoteSelectors;
    ChildGranularity granularity{ChildGranularity::All};
    /// Fragments that are not the first have Child SAs of their own, for the same selectors with
    /// OPAQUE ports (RFC 4301, section 7.2). Default: they are neither asked for nor granted.
    bool opaqueFragments{false};
    RetransmissionPolicy retransmission;
    /// A liveness check is sent after this long without a message from the peer; zero: never.
    Duration livenessInterval{Duration::zero()};
    /// A responder forgets an IKE SA that has not seen IKE_AUTH after this long.
    Duration halfOpenTimeout{std::chrono::seconds(30)};
    Lifetime ikeLifetime;
    Lifetime childLifetime;
    /// Each direction of a Child SA counts for itself; who counts is the data plane.
    esp::VolumeLimits childVolume;
    /// The soft limits of `childVolume` are lowered by up to this share, at random; 0 to 1.
    double childVolumeJitter{0};
    /// Child SAs that this side accepts on one IKE SA, beyond which a request for another one gets
    /// NO_ADDITIONAL_SAS; rekeying is never refused by it. Zero: any number.
    std::size_t maxChildSas{0};
    /// How long the inbound half of a rekeyed Child SA stays after its Delete, for what is in
    /// flight.
    Duration inboundLinger{std::chrono::seconds(5)};
    /// A request that was refused with TEMPORARY_FAILURE is made again after this wait, to which up
    /// to as much again is added at random. At least one second; doubled with every refusal.
    Duration retryWait{std::chrono::seconds(10)};
    /// Made by the functions in extensions/, one for each RFC or draft, at most one of a kind.
    std::vector<ExtensionFactory> extensions;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_CONFIG_H
