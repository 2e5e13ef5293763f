/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_EXTENSION_H
#define IPSECLAB_IKE_EXTENSIONS_EXTENSION_H

#include "model/crypto/random-source.h"
#include "model/ike/extensions/nat-traversal.h"
#include "model/ike/ike-event.h"

#include <any>
#include <memory>
#include <optional>
#include <vector>

/**
 * \file
 * What an RFC or draft on top of RFC 7296 has to be so that the machines of IkeSa carry it.
 *
 * An extension is one file pair in this folder: a function that makes an ExtensionFactory out of
 * its settings, for PeerConfig::extensions; a class behind it that overrides the hooks it needs;
 * types of its own for what it tells (IkeExtensionReport, ChildProperties) and what it can be told
 * to do (IkeEndpoint::Command). Nothing else has to know it.
 *
 * There is one object for each IKE SA and, of an initiator, for each IKE_SA_INIT response that may
 * be the genuine one; hence Clone. The successor of a rekeyed IKE SA begins with clones of its
 * predecessor's extensions, and gets them once more when it takes over. What belongs to one Child
 * SA is a ChildProperties value, not a member: so it moves with the Child SA by itself.
 *
 * Order of the hooks. Every message that goes out is written by the core, then by the extensions in
 * the order of PeerConfig::extensions, and last they Encode it in that order. Every message that
 * comes in they Decode in the reverse order, then it is read.
 *
 *     exchange          asking side                       answering side
 *     IKE_SA_INIT       WriteInit           ------->      ReadInit, WriteInit
 *                       ReadInit            <-------
 *     IKE_AUTH          WriteAuth           ------->      ReadAuth, WriteAuth   (once verified)
 *                       ReadAuth            <-------      (once verified)
 *       its Child SA    WriteChild          ------->      ReadChild, WriteChild
 *                       ReadChild           <-------
 *     CREATE_CHILD_SA   WriteChild          ------->      ReadChild, WriteChild
 *                       ReadChild           <-------      (also of a refusal)
 *     INFORMATIONAL     Host::Inform        ------->      AnswerInformational
 *                       FinishInformational <-------
 *
 * A notify that no extension looks for is ignored (RFC 7296, section 3.10.1). An extension whose
 * peer does not know it therefore sees only that its own notify does not come back.
 */

namespace ipseclab::ike
{

/// A Child SA as its IKE SA knows it. Directions are as seen from here.
struct ChildDescription
{
    std::uint32_t spiInbound{0};
    std::uint32_t spiOutbound{0};
    ChildSuite suite;
    TrafficSelectorList local;
    TrafficSelectorList remote;
    ChildProperties properties;
};

/// What of an IKE SA is needed to resume it (RFC 5723, section 5.1).
struct ResumableSa
{
    Bytes skD;
    IkeSuite suite;
    IkeSaId id{}; ///< gone at either side as soon as it is resumed
};

/// An initiator's wish to resume.
struct ResumptionOffer
{
    Bytes ticket;
    ResumableSa sa;
};

/// The IKE SA that an extension works in. During IKE_AUTH the responder SPI may still be zero.
class ExtensionHost
{
  public:
    virtual ~ExtensionHost() = default;

    virtual const PeerConfig& Peer() const = 0;
    virtual const IkeSaId& Id() const = 0;
    /// Of an IKE SA that is established.
    virtual const IkeSuite& Suite() const = 0;
    virtual const IkeKeys& Keys() const = 0;
    /// When the last message came that is authentic.
    virtual Instant Now() const = 0;
    /// Whether this side is the original initiator.
    virtual bool IsInitiator() const = 0;
    virtual const Path& CurrentPath() const = 0;
    /// Of an IKE SA that is established, or about to be at the side that answers.
    virtual const NatSituation& Nat() const = 0;
    /// Those that are not closing.
    virtual std::vector<const ChildDescription*> Children() const = 0;
    virtual crypto::RandomSource& Random() = 0;

    /// Messages take this path from now on, retransmissions included, and new Child SAs its
    /// addresses.
    virtual void Move(const Path& path) = 0;
    /// NAT detection was done again; whether ESP goes in UDP the Child SAs learn by MoveChildren.
    virtual void SetNat(const NatSituation& nat) = 0;
    /// The Child SAs follow, with an event for each.
    virtual void MoveChildren() = 0;
    /// Queues an INFORMATIONAL request; its response comes by FinishInformational. In an IKE SA
    /// that is replaced before its turn comes, its successor sends it.
    virtual void Inform(wire::PayloadList request) = 0;
    /// Queues a request for a Child SA.
    virtual void AskForChild(ChildRequest request) = 0;
    /// An IkeExtensionReport with this detail, whose type is the extension's own.
    virtual void Report(std::any detail) = 0;
};

/// One Child SA while it is being negotiated.
struct ChildNegotiation
{
    bool asking{false}; ///< the request is ours
    /// The Child SA that is rekeyed; null for one of its own.
    const ChildDescription* replaces{nullptr};
    /// Asking: what was asked for, at first what the replaced one has. Answering: at first that of
    /// the replaced one. What is there after the last hook belongs to the Child SA.
    ChildProperties properties;
};

/// An error notify that refuses a request.
struct Refusal
{
    wire::NotifyType error;
    Bytes data{};
};

/// A message that is encoded or decoded.
struct MessageKind
{
    wire::ExchangeType exchange;
    bool response;
};

/// How this side could prove itself.
struct ProofKind
{
    wire::AuthMethod method;
    const crypto::SignatureAlgorithm& algorithm; ///< of method 14
    const crypto::CertificateList& certificates;
};

/// The part that one RFC or draft has in one IKE SA. What is not overridden does nothing.
class Extension
{
  public:
    virtual ~Extension() = default;
    virtual std::unique_ptr<Extension> Clone() const = 0;

    /// \name IKE_SA_INIT, not authenticated yet; no IKE SA exists
    /// @{
    /// Request or response; may be called more than once, because of cookies and groups.
    virtual void WriteInit(const PeerConfig& peer, bool response, wire::PayloadList& out) const;
    virtual void ReadInit(const PeerConfig& peer, bool response, const wire::PayloadList& in);
    /// Of an initiator: whether all goes to port 4500 also without a NAT.
    virtual bool FloatsPorts() const;
    /// @}

    /// \name IKE_SESSION_RESUME (RFC 5723) in place of IKE_SA_INIT
    /// @{
    /// Of an initiator, before anything is written: what it resumes, if it does.
    virtual std::optional<ResumptionOffer> OfferResumption(Instant now, const PeerConfig& peer);
    /// What a ticket of the peer stands for; nothing refuses it.
    virtual std::optional<ResumableSa> AcceptResumption(Instant now,
                                                        const PeerConfig& peer,
                                                        ByteSpan ticket);
    /// @}

    /// \name IKE_AUTH
    /// @{
    /// Whether IKE_AUTH may come without a Child SA; of an initiator: shall.
    virtual bool LeavesOutFirstChild() const;
    virtual void WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out);
    /// After AUTH was verified. The IKE SA of an answering side is up only after that, so what it
    /// has to report waits for WriteAuth.
    virtual void ReadAuth(ExtensionHost& host, bool response, const wire::PayloadList& in);
    /// Whether the peer takes this proof of ours, as far as this extension knows.
    virtual bool TakesProof(const PeerConfig& peer, const ProofKind& proof) const;
    /// @}

    /// \name A Child SA, in IKE_AUTH or CREATE_CHILD_SA
    /// @{
    virtual void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out);
    /// A refusal is the answer to a request; of a response it means that the Child SA is deleted
    /// again. Also called of a response that refuses us; then it changes nothing.
    virtual std::optional<Refusal> ReadChild(ExtensionHost& host,
                                             ChildNegotiation& child,
                                             const wire::PayloadList& in);
    /// @}

    /// \name INFORMATIONAL
    /// @{
    /// \param path that the request came on
    virtual void AnswerInformational(Instant now,
                                     ExtensionHost& host,
                                     const Path& path,
                                     const wire::PayloadList& request,
                                     wire::PayloadList& response);
    /// \param request one of those given to ExtensionHost::Inform, by any extension
    virtual void FinishInformational(Instant now,
                                     ExtensionHost& host,
                                     const wire::PayloadList& request,
                                     const wire::PayloadList& response);
    /// @}

    /// The IKE SA has inherited the Child SAs of its predecessor, whose extension this is a clone
    /// of. What was in flight there may go unheard.
    virtual void TakeOver(ExtensionHost& host);

    /// \name The wire form of messages
    /// For extensions that leave out or put in place of others what RFC 7296 has in a message.
    /// @{
    virtual void Encode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads);
    virtual void Decode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads);
    /// @}

    /// What IkeEndpoint::Command asks of an established IKE SA; false when it is not for this
    /// extension or cannot be now.
    virtual bool Command(Instant now, ExtensionHost& host, const std::any& command);
};

/// The extensions of one IKE SA; calls each of them in turn.
class ExtensionSet
{
  public:
    ExtensionSet() = default;
    explicit ExtensionSet(const PeerConfig& peer);

    ExtensionSet Clone() const;

    void WriteInit(const PeerConfig& peer, bool response, wire::PayloadList& out) const;
    void ReadInit(const PeerConfig& peer, bool response, const wire::PayloadList& in);
    bool FloatsPorts() const;
    std::optional<ResumptionOffer> OfferResumption(Instant now, const PeerConfig& peer);
    std::optional<ResumableSa> AcceptResumption(Instant now,
                                                const PeerConfig& peer,
                                                ByteSpan ticket);
    bool LeavesOutFirstChild() const;
    void WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out);
    void ReadAuth(ExtensionHost& host, bool response, const wire::PayloadList& in);
    /// As far as any of them knows.
    bool TakesProof(const PeerConfig& peer, const ProofKind& proof) const;
    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out);
    /// The first refusal.
    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in);
    void AnswerInformational(Instant now,
                             ExtensionHost& host,
                             const Path& path,
                             const wire::PayloadList& request,
                             wire::PayloadList& response);
    void FinishInformational(Instant now,
                             ExtensionHost& host,
                             const wire::PayloadList& request,
                             const wire::PayloadList& response);
    void TakeOver(ExtensionHost& host);
    void Encode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads);
    void Decode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads);
    /// True as soon as one has carried it out.
    bool Command(Instant now, ExtensionHost& host, const std::any& command);

  private:
    std::vector<std::unique_ptr<Extension>> m_extensions;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_EXTENSION_H
