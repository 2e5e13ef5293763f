/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_SA_INIT_H
#define IPSECLAB_IKE_IKE_SA_INIT_H

#include "model/crypto/key-exchange.h"
#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/intermediate.h"
#include "model/ike/extensions/nat-traversal.h"
#include "model/ike/secure-channel.h"

#include <variant>

/**
 * \file
 * The IKE_SA_INIT exchange (RFC 7296, sections 1.2, 2.6, 2.7), both roles. Nothing here is
 * authenticated yet.
 */

namespace ipseclab::ike
{

constexpr std::size_t kNonceLength = 32; ///< of our nonces, in octets

/// RFC 7296, sections 2.10 and 3.9.
bool IsNonceAcceptable(const Bytes& nonce, crypto::PrfId prf);
wire::Payload MakeKe(const crypto::KeyExchange& exchange);
/// The shared secret; nothing when there is no KE payload, or it is not of the same method.
std::optional<Bytes> Agree(const crypto::KeyExchange& exchange, const wire::PayloadList& received);
/// The data of INVALID_KE_PAYLOAD.
Bytes GroupOctets(crypto::GroupId group);
/// The group that INVALID_KE_PAYLOAD asks for; nothing when there is no such notify or it is wrong.
std::optional<crypto::GroupId> DemandedGroup(const wire::PayloadList& payloads);

/// What AUTH covers and Child SA keys are made from.
struct InitTranscript
{
    Bytes request;  ///< RealMessage1: the last IKE_SA_INIT request
    Bytes response; ///< RealMessage2
    Bytes nonceI;
    Bytes nonceR;
    Bytes intermediate{}; ///< IntAuth (RFC 9242, section 3.3.2); empty without IKE_INTERMEDIATE
};

/// What both sides have announced in IKE_SA_INIT. Proven to be genuine by AUTH.
struct PeerAbilities
{
    bool fragmentation{false};          ///< RFC 7383
    bool intermediate{false};           ///< RFC 9242, with RFC 9370
    std::optional<IkeSaId> resumed;     ///< RFC 5723: AUTH proves the keys of this IKE SA
    bool digitalSignature{false};       ///< RFC 7427; then no other signature will do
    std::vector<crypto::HashId> hashes; ///< that the peer verifies, the model's only
    NatSituation nat;                   ///< RFC 7296, section 2.23
};

/// A completed IKE_SA_INIT exchange.
struct InitResult
{
    SecureChannel channel;
    InitTranscript transcript;
    PeerAbilities abilities;
    ExtensionSet extensions; ///< that have taken part in the exchange
    AdditionalRounds rounds{};
};

/// What an unauthenticated error notify says about the end of the IKE SA.
IkeFailure ToFailure(wire::NotifyType error);

/**
 * The initiator's side: makes the request, and answers COOKIE and INVALID_KE_PAYLOAD with a changed
 * one, same SPI and nonce. May complete more than once, because the first answer may be forged (RFC
 * 7296, section 2.4).
 *
 * A demand for a cookie may be forged, too. Then the answer to the request before is taken for one
 * to the request with the cookie, and the responder finds our AUTH wrong; but it will answer the
 * request with the cookie as well.
 */
class InitInitiator
{
  public:
    /// The answer is of no use; at most it adds to Hint().
    struct Ignored
    {
        bool malformed{false};
    };

    /// Request() has changed and goes out as a new request.
    struct Restarted
    {
    };

    using Reaction = std::variant<Ignored, Restarted, InitResult>;

    /// Draws the nonce, then, unless it resumes, the private value of the first suite's group.
    InitInitiator(Instant now,
                  const PeerConfig& peer,
                  std::uint64_t spiI,
                  crypto::RandomSource& random);

    const Bytes& Request() const;
    Reaction HandleResponse(const wire::IkeMessage& response, ByteSpan octets);
    /// The reason to give when no good answer comes: what an error notify said, else Timeout.
    IkeFailure Hint() const;
    /// No good answer comes. True: Request() has changed from IKE_SESSION_RESUME, which the
    /// responder may not know at all, to IKE_SA_INIT.
    bool FallBack();
    /// The responder has refused our AUTH. Whether that may be for it had answered a request
    /// without the last cookie: true once for each cookie.
    bool MayHaveMistakenRequest();
    /// A reason that was found after this exchange.
    void NoteFailure(IkeFailure reason);

  private:
    /// One group that was tried.
    struct Attempt
    {
        std::unique_ptr<crypto::KeyExchange> exchange; ///< null in IKE_SESSION_RESUME
        Bytes request;
    };

    void AddAttempt(crypto::GroupId group);
    Bytes MakeRequest(const crypto::KeyExchange& exchange) const;
    bool TakeCookie(const wire::PayloadList& payloads);
    bool TakeGroup(const wire::PayloadList& payloads);
    Reaction HandleRefusal(const wire::PayloadList& payloads);
    Reaction Complete(const wire::IkeMessage& response, ByteSpan octets, const wire::SaPayload& sa);
    Reaction CompleteResumption(const wire::IkeMessage& response, ByteSpan octets);
    bool IsResumptionRefused(const wire::IkeMessage& response);
    Bytes MakeResumptionRequest() const;
    const Attempt* FindAttempt(crypto::GroupId group) const;

    const PeerConfig& m_peer;
    std::uint64_t m_spiI;
    crypto::RandomSource& m_random;
    ExtensionSet m_extensions;              ///< that have not read any response
    std::optional<ResumptionOffer> m_offer; ///< until it is refused
    Bytes m_nonce;
    Bytes m_cookie;
    unsigned m_cookiesTaken{0};
    unsigned m_mistaken{0}; ///< answers that MayHaveMistakenRequest has excused
    std::vector<Attempt> m_attempts;
    IkeFailure m_hint{IkeFailure::Timeout};
};

/// A responder's answer that asks for the same request with this cookie; it leaves no state behind.
Bytes DemandCookie(const wire::IkeMessage& request, Bytes cookie);

/// A responder's answer; without a result it is a refusal and leaves no state behind.
struct InitAnswer
{
    Bytes response;
    std::optional<InitResult> result;
};

/**
 * The responder's side. Draws the nonce, then the private value, and only for an acceptable
 * request.
 * \param path that the request has come over, as seen from here
 * \param spiR the SPI of the new IKE SA; refusals carry zero instead
 */
InitAnswer AnswerInit(const PeerConfig& peer,
                      const wire::IkeMessage& request,
                      ByteSpan octets,
                      const Path& path,
                      std::uint64_t spiR,
                      crypto::RandomSource& random);

/// The same for IKE_SESSION_RESUME, which is refused with TICKET_NACK. Draws the nonce.
InitAnswer AnswerResumption(Instant now,
                            const PeerConfig& peer,
                            const wire::IkeMessage& request,
                            ByteSpan octets,
                            const Path& path,
                            std::uint64_t spiR,
                            crypto::RandomSource& random);

/// Whether an exchange is one of the two that begin an IKE SA.
bool BeginsIkeSa(wire::ExchangeType exchange);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_SA_INIT_H
