/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa-init.h"
#include "model/ike/authentication.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

namespace
{

constexpr std::size_t kShortestNonce = 16; ///< RFC 7296, section 3.9
constexpr std::size_t kLongestNonce = 256;
constexpr std::size_t kLongestCookie = 64; ///< RFC 7296, section 2.6
/// A peer that asks for yet another cookie is not believed any more.
constexpr unsigned kMaxCookies = 8;

wire::IkeHeader
MakeInitHeader(std::uint64_t spiI,
               std::uint64_t spiR,
               std::uint8_t flags,
               wire::ExchangeType exchange = wire::ExchangeType::IkeSaInit)
{
    wire::IkeHeader header;
    header.initiatorSpi = spiI;
    header.responderSpi = spiR;
    header.exchange = exchange;
    header.flags = flags;
    return header;
}

bool
OffersSignatures(const PeerConfig& peer)
{
    const AuthConfig& auth = peer.auth;
    return !auth.hashes.empty() &&
           (auth.HasProof(AuthKind::Signature) || auth.Accepts(AuthKind::Signature));
}

/// RFC 7427, section 4: two octets for each hash.
Bytes
HashOctets(const std::vector<crypto::HashId>& hashes)
{
    ByteWriter out;
    for (const auto hash : hashes)
    {
        out.U16(static_cast<std::uint16_t>(hash));
    }
    return out.Take();
}

bool
HasAdditional(const IkeSuite& suite)
{
    return !suite.additional.empty();
}

/// RFC 9370, section 2.2.1: additional key exchanges need IKE_INTERMEDIATE.
bool
OffersIntermediate(const PeerConfig& peer)
{
    return std::any_of(peer.ikeSuites.begin(), peer.ikeSuites.end(), HasAdditional);
}

/// Our suites that a request allows.
std::vector<IkeSuite>
UsableSuites(const PeerConfig& peer, const wire::PayloadList& request)
{
    std::vector<IkeSuite> suites = peer.ikeSuites;
    if (!wire::FindNotify(request, NotifyType::IntermediateExchangeSupported))
    {
        suites.erase(std::remove_if(suites.begin(), suites.end(), HasAdditional), suites.end());
    }
    return suites;
}

/**
 * The status notifies of our side.
 * \param request null: this is the request; otherwise only what the request has too is announced
 */
void
Announce(const PeerConfig& peer, const wire::PayloadList* request, wire::PayloadList& out)
{
    const auto isAsked = [request](NotifyType type)
    { return !request || wire::FindNotify(*request, type); };
    if (peer.maxIkeDatagram > 0 && isAsked(NotifyType::Ikev2FragmentationSupported))
    {
        out.push_back(wire::MakeNotify(NotifyType::Ikev2FragmentationSupported));
    }
    if (OffersIntermediate(peer) && isAsked(NotifyType::IntermediateExchangeSupported))
    {
        out.push_back(wire::MakeNotify(NotifyType::IntermediateExchangeSupported));
    }
    if (OffersSignatures(peer) && isAsked(NotifyType::SignatureHashAlgorithms))
    {
        out.push_back(
            wire::MakeNotify(NotifyType::SignatureHashAlgorithms, HashOctets(peer.auth.hashes)));
    }
}

/// What the peer has announced in a message that came over this path, and we have, or will.
PeerAbilities
ReadAbilities(const PeerConfig& peer, const wire::IkeMessage& message, const Path& path)
{
    const wire::PayloadList& received = message.payloads;
    PeerAbilities abilities;
    abilities.nat = DetectNat(peer.natTraversal,
                              {message.header.initiatorSpi, message.header.responderSpi},
                              path,
                              received);
    abilities.fragmentation = peer.maxIkeDatagram > 0 &&
                              wire::FindNotify(received, NotifyType::Ikev2FragmentationSupported);
    abilities.intermediate = OffersIntermediate(peer) &&
                             wire::FindNotify(received, NotifyType::IntermediateExchangeSupported);
    const auto* hashes = wire::FindNotify(received, NotifyType::SignatureHashAlgorithms);
    if (hashes && OffersSignatures(peer))
    {
        abilities.digitalSignature = true;
        ByteReader reader(hashes->data);
        while (reader.Left() >= 2)
        {
            const auto hash = static_cast<crypto::HashId>(reader.U16());
            const auto& ours = peer.auth.hashes;
            if (std::find(ours.begin(), ours.end(), hash) != ours.end())
            {
                abilities.hashes.push_back(hash);
            }
        }
    }
    return abilities;
}

/// How long an IKE message may be so that its IP datagram is not too big, non-ESP marker included.
std::size_t
MessageLimit(const PeerConfig& peer)
{
    constexpr std::size_t kUdpAndMarker = 8 + 4;
    const std::size_t ip = peer.remote.address.IsV4() ? 20 : 40;
    return peer.maxIkeDatagram - ip - kUdpAndMarker;
}

InitResult
MakeResult(const PeerConfig& peer,
           const IkeSaId& id,
           bool initiator,
           const IkeSuite& suite,
           InitTranscript transcript,
           const Bytes& seed,
           PeerAbilities abilities,
           ExtensionSet extensions)
{
    IkeKeys keys =
        DeriveIkeKeys(suite, seed, transcript.nonceI, transcript.nonceR, id.spiI, id.spiR);
    InitResult result{SecureChannel(id, initiator, suite, std::move(keys)),
                      std::move(transcript),
                      std::move(abilities),
                      std::move(extensions)};
    if (result.abilities.fragmentation)
    {
        result.channel.SetFragmentLimit(MessageLimit(peer));
    }
    return result;
}

InitAnswer
Refuse(const wire::IkeMessage& request, NotifyType type, Bytes data = {})
{
    const auto header = MakeInitHeader(request.header.initiatorSpi,
                                       0,
                                       wire::kFlagResponse,
                                       request.header.exchange);
    return {wire::Serialize(header, {wire::MakeNotify(type, std::move(data))}), std::nullopt};
}

} // namespace

bool
IsNonceAcceptable(const Bytes& nonce, crypto::PrfId prf)
{
    const std::size_t shortest = std::max(kShortestNonce, *crypto::FindPrfLength(prf) / 2);
    return nonce.size() >= shortest && nonce.size() <= kLongestNonce;
}

wire::Payload
MakeKe(const crypto::KeyExchange& exchange)
{
    return wire::MakePayload(
        PayloadType::Ke,
        wire::KePayload{static_cast<std::uint16_t>(exchange.Group()), exchange.PublicValue()});
}

std::optional<Bytes>
Agree(const crypto::KeyExchange& exchange, const wire::PayloadList& received)
{
    const auto* ke = wire::Find<wire::KePayload>(received, PayloadType::Ke);
    return ke && ke->group == static_cast<std::uint16_t>(exchange.Group())
             ? exchange.Agree(ke->data)
             : std::nullopt;
}

Bytes
GroupOctets(crypto::GroupId group)
{
    Bytes octets(2);
    StoreBe16(octets.data(), static_cast<std::uint16_t>(group));
    return octets;
}

std::optional<crypto::GroupId>
DemandedGroup(const wire::PayloadList& payloads)
{
    const auto* demand = wire::FindNotify(payloads, NotifyType::InvalidKePayload);
    if (!demand || demand->data.size() != 2)
    {
        return std::nullopt;
    }
    return static_cast<crypto::GroupId>(LoadBe16(demand->data.data()));
}

IkeFailure
ToFailure(NotifyType error)
{
    switch (error)
    {
    case NotifyType::NoProposalChosen:
        return IkeFailure::NoProposalChosen;
    case NotifyType::AuthenticationFailed:
        return IkeFailure::AuthenticationFailed;
    case NotifyType::InvalidSyntax:
        return IkeFailure::InvalidSyntax;
    case NotifyType::UnsupportedCriticalPayload:
        return IkeFailure::UnsupportedCritical;
    case NotifyType::InvalidKePayload:
        return IkeFailure::UnacceptableKe;
    default:
        return IkeFailure::PeerRejected;
    }
}

InitInitiator::InitInitiator(Instant now,
                             const PeerConfig& peer,
                             std::uint64_t spiI,
                             crypto::RandomSource& random)
    : m_peer(peer),
      m_spiI(spiI),
      m_random(random),
      m_extensions(peer),
      m_nonce(random.Take(kNonceLength))
{
    m_offer = m_extensions.OfferResumption(now, peer);
    if (m_offer)
    {
        m_attempts.push_back({nullptr, MakeResumptionRequest()});
    }
    else
    {
        AddAttempt(peer.ikeSuites.front().group);
    }
}

const Bytes&
InitInitiator::Request() const
{
    return m_attempts.back().request;
}

IkeFailure
InitInitiator::Hint() const
{
    return m_hint;
}

bool
InitInitiator::FallBack()
{
    if (!m_offer)
    {
        return false;
    }
    m_offer.reset();
    m_attempts.clear();
    AddAttempt(m_peer.ikeSuites.front().group);
    return true;
}

bool
InitInitiator::MayHaveMistakenRequest()
{
    if (m_mistaken == m_cookiesTaken)
    {
        return false;
    }
    ++m_mistaken;
    return true;
}

void
InitInitiator::NoteFailure(IkeFailure reason)
{
    m_hint = reason;
}

InitInitiator::Reaction
InitInitiator::HandleResponse(const wire::IkeMessage& response, ByteSpan octets)
{
    const auto expected =
        m_offer ? wire::ExchangeType::IkeSessionResume : wire::ExchangeType::IkeSaInit;
    if (response.header.exchange != expected)
    {
        return Ignored{true};
    }
    if (IsResumptionRefused(response))
    {
        FallBack();
        return Restarted{};
    }
    if (m_offer && wire::Find<wire::NoncePayload>(response.payloads, PayloadType::Nonce))
    {
        return CompleteResumption(response, octets);
    }
    const auto* sa = wire::Find<wire::SaPayload>(response.payloads, PayloadType::Sa);
    return sa && !m_offer ? Complete(response, octets, *sa) : HandleRefusal(response.payloads);
}

void
InitInitiator::AddAttempt(crypto::GroupId group)
{
    auto exchange = crypto::KeyExchange::Generate(group, m_random);
    Bytes request = MakeRequest(*exchange);
    m_attempts.push_back({std::move(exchange), std::move(request)});
}

Bytes
InitInitiator::MakeRequest(const crypto::KeyExchange& exchange) const
{
    wire::PayloadList payloads;
    if (!m_cookie.empty())
    {
        payloads.push_back(wire::MakeNotify(NotifyType::Cookie, m_cookie));
    }
    payloads.push_back(
        wire::MakePayload(PayloadType::Sa, MakeIkeProposals(m_peer.ikeSuites, ByteSpan())));
    payloads.push_back(MakeKe(exchange));
    payloads.push_back(wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{m_nonce}));
    AnnounceAddresses(m_peer.natTraversal,
                      {m_spiI, 0},
                      {m_peer.local, m_peer.remote},
                      nullptr,
                      payloads);
    Announce(m_peer, nullptr, payloads);
    m_extensions.WriteInit(m_peer, false, payloads);
    return wire::Serialize(MakeInitHeader(m_spiI, 0, wire::kFlagInitiator), payloads);
}

/// IKE_SA_INIT with a ticket in place of SA and KE (RFC 5723, section 4.3.2).
Bytes
InitInitiator::MakeResumptionRequest() const
{
    wire::PayloadList payloads;
    if (!m_cookie.empty())
    {
        payloads.push_back(wire::MakeNotify(NotifyType::Cookie, m_cookie));
    }
    payloads.push_back(wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{m_nonce}));
    payloads.push_back(wire::MakeNotify(NotifyType::TicketOpaque, m_offer->ticket));
    AnnounceAddresses(m_peer.natTraversal,
                      {m_spiI, 0},
                      {m_peer.local, m_peer.remote},
                      nullptr,
                      payloads);
    Announce(m_peer, nullptr, payloads);
    m_extensions.WriteInit(m_peer, false, payloads);
    return wire::Serialize(
        MakeInitHeader(m_spiI, 0, wire::kFlagInitiator, wire::ExchangeType::IkeSessionResume),
        payloads);
}

/// Anybody could have sent this, but all that it costs is a set-up in the usual way.
bool
InitInitiator::IsResumptionRefused(const wire::IkeMessage& response)
{
    return m_offer && (wire::FindNotify(response.payloads, NotifyType::TicketNack) ||
                       wire::FindErrorNotify(response.payloads));
}

InitInitiator::Reaction
InitInitiator::CompleteResumption(const wire::IkeMessage& response, ByteSpan octets)
{
    const auto* nonce = wire::Find<wire::NoncePayload>(response.payloads, PayloadType::Nonce);
    const IkeSuite& suite = m_offer->sa.suite;
    if (response.header.responderSpi == 0 || !IsNonceAcceptable(nonce->data, suite.prf) ||
        wire::FindUnknownCritical(response.payloads))
    {
        return Ignored{true};
    }
    PeerAbilities abilities = ReadAbilities(m_peer, response, {m_peer.local, m_peer.remote});
    abilities.resumed = m_offer->sa.id;
    ExtensionSet extensions = m_extensions.Clone();
    extensions.ReadInit(m_peer, true, response.payloads);
    return MakeResult(
        m_peer,
        {m_spiI, response.header.responderSpi},
        true,
        suite,
        {m_attempts.back().request, Bytes(octets.begin(), octets.end()), m_nonce, nonce->data},
        ComputeResumptionSkeyseed(suite.prf, m_offer->sa.skD, m_nonce, nonce->data),
        std::move(abilities),
        std::move(extensions));
}

bool
InitInitiator::TakeCookie(const wire::PayloadList& payloads)
{
    const auto* cookie = wire::FindNotify(payloads, NotifyType::Cookie);
    if (!cookie || cookie->data.empty() || cookie->data.size() > kLongestCookie ||
        cookie->data == m_cookie || m_cookiesTaken == kMaxCookies)
    {
        return false;
    }
    ++m_cookiesTaken;
    m_cookie = cookie->data;
    m_attempts.back().request =
        m_offer ? MakeResumptionRequest() : MakeRequest(*m_attempts.back().exchange);
    return true;
}

bool
InitInitiator::TakeGroup(const wire::PayloadList& payloads)
{
    const auto group = DemandedGroup(payloads);
    const auto& suites = m_peer.ikeSuites;
    const bool offered = std::any_of(suites.begin(),
                                     suites.end(),
                                     [&](const IkeSuite& suite) { return suite.group == group; });
    if (m_offer || !group || !offered || FindAttempt(*group))
    {
        return false;
    }
    AddAttempt(*group);
    return true;
}

InitInitiator::Reaction
InitInitiator::HandleRefusal(const wire::PayloadList& payloads)
{
    const bool newCookie = TakeCookie(payloads);
    const bool newGroup = TakeGroup(payloads);
    if (newCookie || newGroup)
    {
        return Restarted{};
    }
    // RFC 7296, section 2.21.1: anybody could have sent this error, so keep trying.
    if (const auto* error = wire::FindErrorNotify(payloads))
    {
        m_hint = ToFailure(error->type);
        return Ignored{};
    }
    const bool knownCookie = wire::FindNotify(payloads, NotifyType::Cookie) != nullptr;
    return Ignored{!knownCookie};
}

InitInitiator::Reaction
InitInitiator::Complete(const wire::IkeMessage& response,
                        ByteSpan octets,
                        const wire::SaPayload& sa)
{
    const auto* ke = wire::Find<wire::KePayload>(response.payloads, PayloadType::Ke);
    const auto* nonce = wire::Find<wire::NoncePayload>(response.payloads, PayloadType::Nonce);
    if (!ke || !nonce || response.header.responderSpi == 0 ||
        wire::FindUnknownCritical(response.payloads))
    {
        return Ignored{true};
    }
    const auto choice = ReadIkeAnswer(sa);
    PeerAbilities abilities = ReadAbilities(m_peer, response, {m_peer.local, m_peer.remote});
    if (!choice || !WasOffered(m_peer.ikeSuites, *choice) ||
        (HasAdditional(choice->suite) && !abilities.intermediate))
    {
        m_hint = IkeFailure::NoProposalChosen;
        return Ignored{true};
    }
    const IkeSuite& suite = choice->suite;
    const Attempt* attempt = FindAttempt(suite.group);
    const bool fits = attempt && ke->group == static_cast<std::uint16_t>(suite.group) &&
                      IsNonceAcceptable(nonce->data, suite.prf);
    const auto shared = fits ? attempt->exchange->Agree(ke->data) : std::nullopt;
    if (!shared)
    {
        m_hint = IkeFailure::UnacceptableKe;
        return Ignored{true};
    }
    InitTranscript transcript{attempt->request,
                              Bytes(octets.begin(), octets.end()),
                              m_nonce,
                              nonce->data};
    const IkeSaId id{m_spiI, response.header.responderSpi};
    ExtensionSet extensions = m_extensions.Clone();
    extensions.ReadInit(m_peer, true, response.payloads);
    const Bytes seed = ComputeSkeyseed(suite.prf, transcript.nonceI, transcript.nonceR, *shared);
    return MakeResult(m_peer,
                      id,
                      true,
                      suite,
                      std::move(transcript),
                      seed,
                      std::move(abilities),
                      std::move(extensions));
}

const InitInitiator::Attempt*
InitInitiator::FindAttempt(crypto::GroupId group) const
{
    const auto found =
        std::find_if(m_attempts.begin(),
                     m_attempts.end(),
                     [&](const Attempt& attempt) { return attempt.exchange->Group() == group; });
    return found == m_attempts.end() ? nullptr : &*found;
}

Bytes
DemandCookie(const wire::IkeMessage& request, Bytes cookie)
{
    return Refuse(request, NotifyType::Cookie, std::move(cookie)).response;
}

InitAnswer
AnswerInit(const PeerConfig& peer,
           const wire::IkeMessage& request,
           ByteSpan octets,
           const Path& path,
           std::uint64_t spiR,
           crypto::RandomSource& random)
{
    if (const auto critical = wire::FindUnknownCritical(request.payloads))
    {
        return Refuse(request, NotifyType::UnsupportedCriticalPayload, {*critical});
    }
    const auto* sa = wire::Find<wire::SaPayload>(request.payloads, PayloadType::Sa);
    const auto* ke = wire::Find<wire::KePayload>(request.payloads, PayloadType::Ke);
    const auto* nonce = wire::Find<wire::NoncePayload>(request.payloads, PayloadType::Nonce);
    if (!sa || !ke || !nonce)
    {
        return Refuse(request, NotifyType::InvalidSyntax);
    }
    const auto choice = ChooseIke(UsableSuites(peer, request.payloads), *sa);
    if (!choice)
    {
        return Refuse(request, NotifyType::NoProposalChosen);
    }
    const IkeSuite& suite = choice->suite;
    if (ke->group != static_cast<std::uint16_t>(suite.group))
    {
        return Refuse(request, NotifyType::InvalidKePayload, GroupOctets(suite.group));
    }
    if (!IsNonceAcceptable(nonce->data, suite.prf))
    {
        return Refuse(request, NotifyType::InvalidSyntax);
    }
    const Bytes ourNonce = random.Take(kNonceLength);
    const auto exchange = crypto::KeyExchange::Generate(suite.group, random);
    const auto shared = exchange->Agree(ke->data);
    if (!shared)
    {
        return Refuse(request, NotifyType::InvalidSyntax);
    }
    const IkeSaId id{request.header.initiatorSpi, spiR};
    wire::PayloadList payloads{wire::MakePayload(PayloadType::Sa, AnswerIke(*choice, ByteSpan())),
                               MakeKe(*exchange),
                               wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{ourNonce})};
    AnnounceAddresses(peer.natTraversal, id, path, &request.payloads, payloads);
    if (auto certificateRequest = MakeCertificateRequest(peer))
    {
        payloads.push_back(std::move(*certificateRequest));
    }
    Announce(peer, &request.payloads, payloads);
    ExtensionSet extensions(peer);
    extensions.ReadInit(peer, false, request.payloads);
    extensions.WriteInit(peer, true, payloads);
    Bytes response =
        wire::Serialize(MakeInitHeader(id.spiI, id.spiR, wire::kFlagResponse), payloads);
    InitTranscript transcript{Bytes(octets.begin(), octets.end()), response, nonce->data, ourNonce};
    const Bytes seed = ComputeSkeyseed(suite.prf, nonce->data, ourNonce, *shared);
    return {std::move(response),
            MakeResult(peer,
                       id,
                       false,
                       suite,
                       std::move(transcript),
                       seed,
                       ReadAbilities(peer, request, path),
                       std::move(extensions))};
}

InitAnswer
AnswerResumption(Instant now,
                 const PeerConfig& peer,
                 const wire::IkeMessage& request,
                 ByteSpan octets,
                 const Path& path,
                 std::uint64_t spiR,
                 crypto::RandomSource& random)
{
    if (const auto critical = wire::FindUnknownCritical(request.payloads))
    {
        return Refuse(request, NotifyType::UnsupportedCriticalPayload, {*critical});
    }
    const auto* ticket = wire::FindNotify(request.payloads, NotifyType::TicketOpaque);
    const auto* nonce = wire::Find<wire::NoncePayload>(request.payloads, PayloadType::Nonce);
    if (!ticket || !nonce)
    {
        return Refuse(request, NotifyType::InvalidSyntax);
    }
    ExtensionSet extensions(peer);
    const auto sa = extensions.AcceptResumption(now, peer, ticket->data);
    if (!sa || !IsNonceAcceptable(nonce->data, sa->suite.prf))
    {
        return Refuse(request, NotifyType::TicketNack);
    }
    const Bytes ourNonce = random.Take(kNonceLength);
    const IkeSaId id{request.header.initiatorSpi, spiR};
    wire::PayloadList payloads{wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{ourNonce})};
    extensions.ReadInit(peer, false, request.payloads);
    AnnounceAddresses(peer.natTraversal, id, path, &request.payloads, payloads);
    Announce(peer, &request.payloads, payloads);
    extensions.WriteInit(peer, true, payloads);
    Bytes response = wire::Serialize(
        MakeInitHeader(id.spiI, id.spiR, wire::kFlagResponse, request.header.exchange),
        payloads);
    PeerAbilities abilities = ReadAbilities(peer, request, path);
    abilities.resumed = sa->id;
    InitTranscript transcript{Bytes(octets.begin(), octets.end()), response, nonce->data, ourNonce};
    const Bytes seed = ComputeResumptionSkeyseed(sa->suite.prf, sa->skD, nonce->data, ourNonce);
    return {std::move(response),
            MakeResult(peer,
                       id,
                       false,
                       sa->suite,
                       std::move(transcript),
                       seed,
                       std::move(abilities),
                       std::move(extensions))};
}

bool
BeginsIkeSa(wire::ExchangeType exchange)
{
    return exchange == wire::ExchangeType::IkeSaInit ||
           exchange == wire::ExchangeType::IkeSessionResume;
}

} // namespace ipseclab::ike
