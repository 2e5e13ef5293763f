/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_EVENT_H
#define IPSECLAB_IKE_IKE_EVENT_H

#include "model/ike/child-request.h"
#include "model/ike/ike-config.h"
#include "model/ike/key-schedule.h"
#include "model/wire/udp-encapsulation.h"

#include <optional>
#include <string>
#include <variant>

namespace ipseclab::ike
{

/// Why an IKE SA ended or never came up. Closed; each has a stable name.
enum class IkeFailure
{
    None,                 ///< deleted on purpose
    Timeout,              ///< no answer after the last try
    NoProposalChosen,     ///< the peer takes none of our suites, or we none of its
    AuthenticationFailed, ///< AUTH or identity wrong, here or there
    InvalidSyntax,        ///< a message that is authentic but malformed
    UnsupportedCritical,  ///< an unknown payload with the critical bit
    UnacceptableKe,       ///< the peer asks for a group that we did not offer, or its KE is invalid
    PeerRejected,         ///< an error notify that has no case of its own
    HalfOpenExpired,      ///< IKE_AUTH never came
    OutOfStep,            ///< minutes of TEMPORARY_FAILURE (RFC 7296, section 2.25)
    InitialContact,       ///< the peer began anew and has forgotten it (RFC 7296, section 2.4), or
                          ///< another was resumed from it (RFC 5723)
};

const char* Name(IkeFailure failure);

/// Both SPIs of an IKE SA; its name in every event and command.
struct IkeSaId
{
    std::uint64_t spiI{0};
    std::uint64_t spiR{0};
    bool operator==(const IkeSaId& o) const;
};

/// The IKE SA is up: both AUTH payloads were verified.
struct IkeSaEstablished
{
    IkeSaId id;
    std::string peer;
    bool initiator{false};
    IkeSuite suite;
    IkeKeys keys; ///< for the key file of a capture, as is:
    /// Of the messages of IKE_INTERMEDIATE, a generation each (RFC 9370), the oldest first.
    std::vector<IkeKeys> earlierKeys;
    TransportAddress local;
    TransportAddress remote;
};

/// Another IKE SA has taken the place of this one, with all its Child SAs; this one will close.
struct IkeSaRekeyed
{
    IkeSaId id; ///< of the old one
    std::string peer;
    IkeSaId replacement;
};

/// The peer refused to rekey the IKE SA; it stays.
struct IkeSaRekeyRefused
{
    IkeSaId id;
    std::string peer;
    wire::NotifyType reason{wire::NotifyType::NoProposalChosen};
};

/// An IKE SA is gone; its Child SAs went before it, each with an event of its own.
struct IkeSaClosed
{
    IkeSaId id;
    std::string peer;
    IkeFailure reason{IkeFailure::None};
};

/// A pair of ESP SAs to install. Directions are as seen from here.
struct ChildSaInstalled
{
    IkeSaId ikeSa;
    std::string peer;
    ChildSuite suite;
    std::uint32_t spiInbound{0};  ///< chosen here
    std::uint32_t spiOutbound{0}; ///< chosen by the peer
    Bytes encryptionInbound;      ///< cipher key and salt
    Bytes integrityInbound;
    Bytes encryptionOutbound;
    Bytes integrityOutbound;
    TrafficSelectorList localSelectors;
    TrafficSelectorList remoteSelectors;
    IpAddress localOuter;
    IpAddress remoteOuter;
    std::optional<wire::UdpPorts> udp; ///< of packets that are sent; nothing: ESP is not in UDP
    /// False: send on an older SA until the peer is known to have this one, which an authentic
    /// packet on it or ChildSaOutboundReady says (RFC 7296, section 2.8).
    bool outboundReady{true};
    std::optional<std::uint32_t> replaces; ///< the inbound SPI of the Child SA that this one rekeys
    esp::VolumeLimits volume;              ///< jitter is in it
    ChildProperties properties;            ///< what extensions have agreed on
    /// What the peer has left out of the selectors it may take on a Child SA of its own
    /// (ADDITIONAL_TS_POSSIBLE).
    bool additionalTsPossible{false};
};

/// From now on a pair may send that was installed without `outboundReady`.
struct ChildSaOutboundReady
{
    IkeSaId ikeSa;
    std::string peer;
    std::uint32_t spiInbound{0};
    std::uint32_t spiOutbound{0};
};

/// A rekeyed pair was deleted: it does not send any more, but still receives what is in flight.
/// ChildSaRemoved follows.
struct ChildSaRetired
{
    IkeSaId ikeSa;
    std::string peer;
    std::uint32_t spiInbound{0};
    std::uint32_t spiOutbound{0};
};

/// A pair of ESP SAs to remove.
struct ChildSaRemoved
{
    IkeSaId ikeSa;
    std::string peer;
    std::uint32_t spiInbound{0};
    std::uint32_t spiOutbound{0};
};

/// The packets of a pair go another way from now on: the peer's NAT has a new mapping for it, or an
/// extension has moved the IKE SA.
struct ChildSaMoved
{
    IkeSaId ikeSa;
    std::string peer;
    std::uint32_t spiInbound{0};
    std::uint32_t spiOutbound{0};
    IpAddress localOuter;
    IpAddress remoteOuter;
    std::optional<wire::UdpPorts> udp; ///< as in ChildSaInstalled
};

/// A Child SA was refused, here or there; the IKE SA stays (RFC 7296, section 1.2).
struct ChildSaRefused
{
    IkeSaId ikeSa;
    std::string peer;
    wire::NotifyType reason{wire::NotifyType::NoProposalChosen};
    /// The inbound SPI of the Child SA that was to be rekeyed; it stays, too.
    std::optional<std::uint32_t> rekeyOf{};
    bool opaque{false}; ///< as ChildRequest::opaque
};

/// What an extension of the IKE SA has to say; a detail is of one of the extension's own types.
struct IkeExtensionReport
{
    IkeSaId ikeSa;
    std::string peer;
    std::any detail;

    /// Null when it is something else.
    template <typename Detail>
    const Detail* As() const
    {
        return std::any_cast<Detail>(&detail);
    }
};

using IkeEvent = std::variant<IkeSaEstablished,
                              IkeSaRekeyed,
                              IkeSaRekeyRefused,
                              IkeSaClosed,
                              ChildSaInstalled,
                              ChildSaOutboundReady,
                              ChildSaRetired,
                              ChildSaRemoved,
                              ChildSaMoved,
                              ChildSaRefused,
                              IkeExtensionReport>;

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_EVENT_H
