/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::ExchangeType;
using wire::NotifyType;

namespace
{

bool
IsEqual(ByteSpan a, const Bytes& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool
IsIkeDelete(const wire::PayloadList& request)
{
    const auto* del = wire::Find<wire::DeletePayload>(request, wire::PayloadType::Delete);
    return del && del->protocol == wire::ProtocolId::Ike;
}

} // namespace

IkeSa::IkeSa(const Environment& environment,
             const PeerConfig& peer,
             const Path& path,
             bool initiator,
             const IkeSaId& id)
    : m_environment(environment),
      m_peer(peer),
      m_path(path),
      m_initiator(initiator),
      m_id(id),
      m_phase(initiator ? Phase::InitSent : Phase::HalfOpen),
      m_events(environment.events)
{
}

IkeSa::~IkeSa() = default;

std::unique_ptr<IkeSa>
IkeSa::Initiate(Instant now,
                const Environment& environment,
                const PeerConfig& peer,
                std::uint64_t spiI,
                const ChildRequest& first,
                bool onlyOne)
{
    const Path path{peer.local, peer.remote};
    std::unique_ptr<IkeSa> sa(new IkeSa(environment, peer, path, true, {spiI, 0}));
    sa->m_init = std::make_unique<InitInitiator>(now, peer, spiI, environment.random);
    sa->m_firstChild = first;
    sa->m_onlyOne = onlyOne && peer.initialContact;
    sa->m_begun = now;
    sa->m_retransmitter.Start(now, peer.retransmission, {sa->m_init->Request()});
    sa->Transmit(path, sa->m_init->Request());
    return sa;
}

std::unique_ptr<IkeSa>
IkeSa::Respond(Instant now,
               const Environment& environment,
               const PeerConfig& peer,
               const Path& path,
               InitResult init)
{
    std::unique_ptr<IkeSa> sa(new IkeSa(environment, peer, path, false, init.channel.Id()));
    sa->m_channel = std::move(init.channel);
    sa->m_transcript = std::move(init.transcript);
    sa->m_abilities = std::move(init.abilities);
    sa->m_extensions = std::move(init.extensions);
    sa->m_lastAnswer = {sa->m_transcript.request, {sa->m_transcript.response}};
    sa->m_expectedRequestId = 1;
    sa->m_halfOpenDeadline = now + peer.halfOpenTimeout;
    sa->m_begun = now;
    sa->TransmitAll(path, sa->m_lastAnswer.responses);
    return sa;
}

bool
IkeSa::Close(Instant now)
{
    if (m_phase != Phase::Established)
    {
        return m_phase == Phase::Closing;
    }
    m_phase = Phase::Closing;
    Enqueue(now, CloseIkeTask{});
    return true;
}

bool
IkeSa::CloseChild(Instant now, std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (!child)
    {
        return false;
    }
    child->unwanted = true;
    DeleteChild(now, spiInbound);
    return true;
}

bool
IkeSa::CheckLiveness(Instant now)
{
    if (m_phase != Phase::Established)
    {
        return false;
    }
    if (!m_inFlight)
    {
        Enqueue(now, LivenessTask{});
    }
    return true;
}

bool
IkeSa::Command(Instant now, const std::any& command)
{
    return m_phase == Phase::Established && !m_predecessor &&
           m_extensions.Command(now, *this, command);
}

void
IkeSa::HandleDatagram(Instant now, const Path& path, const wire::IkeHeader& header, ByteSpan octets)
{
    if (!header.IsResponse())
    {
        HandleRequest(now, path, header, octets);
    }
    else if (m_init && BeginsIkeSa(header.exchange))
    {
        HandleInitResponse(now, octets);
    }
    else if (m_phase == Phase::AuthSent)
    {
        HandleAuthResponse(now, header, octets);
    }
    else
    {
        HandleResponse(now, path, header, octets);
    }
}

void
IkeSa::HandleTimeout(Instant now)
{
    if (m_halfOpenDeadline && *m_halfOpenDeadline <= now)
    {
        m_lastAnswer = {}; // that of IKE_SA_INIT, whose request would begin anew
        Finished(IkeFailure::HalfOpenExpired);
        return;
    }
    switch (m_retransmitter.HandleTimeout(now))
    {
    case Retransmitter::Verdict::NotDue:
        break;
    case Retransmitter::Verdict::SendAgain:
        Resend();
        break;
    case Retransmitter::Verdict::GiveUp:
        GiveUp(now);
        return;
    }
    HandleLifetimes(now);
}

/// RFC 7296, section 2.23. What tells of a change is a new packet, so an old one that is sent again
/// from elsewhere leads nowhere.
void
IkeSa::FollowPeer(const Path& path)
{
    const bool handshake = m_phase == Phase::HalfOpen;
    const bool moves =
        handshake || (m_abilities.nat.FollowsPeer() && path.local.port == wire::kNatTraversalPort);
    if (!moves || (path.local == m_path.local && path.remote == m_path.remote))
    {
        return;
    }
    m_path = path;
    MoveChildren();
}

bool
IkeSa::ReportUnknownSpi(Instant now, std::uint32_t spi)
{
    if (m_phase != Phase::Established)
    {
        return false;
    }
    Bytes octets(4);
    StoreBe32(octets.data(), spi);
    Enqueue(now, InformTask{{wire::MakeNotify(NotifyType::InvalidSpi, std::move(octets))}});
    return true;
}

/// One that came up after the peer had begun the other is not what the peer has lost: both sides
/// may begin at once.
bool
IkeSa::IsForgottenBy(const IkeSa& contact) const
{
    const bool older = contact.m_onlyOne && !contact.m_initiator && m_established &&
                     *m_established < contact.m_begun;
    const bool resumed = contact.m_abilities.resumed && m_id == *contact.m_abilities.resumed;
    return this != &contact && (older || resumed) && m_peer.localId == contact.m_peer.localId &&
           m_peer.remoteId == contact.m_peer.remoteId;
}

void
IkeSa::Forget(Instant now)
{
    // What the peer has rekeyed already lives on, if the peer does.
    if (m_peersSuccessor)
    {
        Supersede(now, *m_peersSuccessor);
    }
    Finished(IkeFailure::InitialContact);
}

/// The ports of ESP in UDP, never those of IKE on port 500.
std::optional<wire::UdpPorts>
IkeSa::EspPorts() const
{
    if (!m_abilities.nat.UsesUdp())
    {
        return std::nullopt;
    }
    const bool floated = m_path.local.port == wire::kNatTraversalPort;
    return wire::UdpPorts{wire::kNatTraversalPort,
                          floated ? m_path.remote.port : wire::kNatTraversalPort};
}

void
IkeSa::Resume(Instant now)
{
    SendNextRequest(now);
}

std::optional<Instant>
IkeSa::PollTimeout() const
{
    return Earlier(Earlier(m_halfOpenDeadline, m_retransmitter.Due()), NextLifetimeEvent());
}

IkeSa::Phase
IkeSa::CurrentPhase() const
{
    return m_phase;
}

bool
IkeSa::IsInitiator() const
{
    return m_initiator;
}

const IkeSaId&
IkeSa::Id() const
{
    return m_id;
}

std::uint64_t
IkeSa::LocalSpi() const
{
    return m_initiator ? m_id.spiI : m_id.spiR;
}

const PeerConfig&
IkeSa::Peer() const
{
    return m_peer;
}

const IkeSuite&
IkeSa::Suite() const
{
    return m_channel->Suite();
}

const IkeKeys&
IkeSa::Keys() const
{
    return m_channel->Keys();
}

Instant
IkeSa::Now() const
{
    return m_lastHeard;
}

const Path&
IkeSa::CurrentPath() const
{
    return m_path;
}

std::vector<const ChildDescription*>
IkeSa::Children() const
{
    std::vector<const ChildDescription*> list;
    for (const auto& child : m_children)
    {
        if (!child.closing)
        {
            list.push_back(&child);
        }
    }
    return list;
}

crypto::RandomSource&
IkeSa::Random()
{
    return m_environment.random;
}

void
IkeSa::Move(const Path& path)
{
    m_path = path;
}

const NatSituation&
IkeSa::Nat() const
{
    return m_abilities.nat;
}

void
IkeSa::SetNat(const NatSituation& nat)
{
    m_abilities.nat = nat;
    StartKeepalives(m_lastHeard);
}

void
IkeSa::MoveChildren()
{
    for (const auto& child : m_children)
    {
        if (!child.expired)
        {
            m_events.push_back(ChildSaMoved{m_id,
                                            m_peer.name,
                                            child.spiInbound,
                                            child.spiOutbound,
                                            m_path.local.address,
                                            m_path.remote.address,
                                            EspPorts()});
        }
    }
}

/// It goes out with Resume, after what is being handled: a response before a new request.
void
IkeSa::Inform(wire::PayloadList request)
{
    m_tasks.emplace_back(InformTask{std::move(request)});
}

void
IkeSa::AskForChild(ChildRequest request)
{
    CreateChildTask task;
    task.wanted = std::move(request);
    m_tasks.emplace_back(std::move(task));
}

void
IkeSa::Report(std::any detail)
{
    m_events.push_back(IkeExtensionReport{m_id, m_peer.name, std::move(detail)});
}

IkeSa::CachedAnswer
IkeSa::TakeLastAnswer()
{
    return std::move(m_lastAnswer);
}

/*
 * The window of one, as the side that answers (RFC 7296, section 2.3):
 *
 *      ... id-2 | id-1                          | id                   | id+1 ...
 *      too old  | same octets: cached response, | open, handle, answer | the peer must wait
 *               | other octets: dropped         |                      |
 */
void
IkeSa::HandleRequest(Instant now, const Path& path, const wire::IkeHeader& header, ByteSpan octets)
{
    IkeCounters& counters = m_environment.counters;
    if (RepeatsLastRequest(header, octets))
    {
        ++counters.responsesResent;
        TransmitAll(path, m_lastAnswer.responses);
        return;
    }
    if (!IsInPlace(header.exchange))
    {
        ++counters.malformed;
        return;
    }
    if (header.messageId != m_expectedRequestId)
    {
        ++counters.badMessageId;
        return;
    }
    auto opened = m_channel->Open(octets);
    if (!opened && opened.error() != OpenError::BadPayloads)
    {
        CountOpenError(opened.error());
        return;
    }
    m_lastHeard = now;
    m_proofDue.reset();
    ++m_expectedRequestId;
    FollowPeer(path);
    ConfirmChildren();
    if (opened)
    {
        m_extensions.Decode(*this, {header.exchange, false}, opened->payloads);
    }
    const bool joined = opened && !opened->firstFragment.empty();
    const ByteSpan received = joined ? ByteSpan(opened->firstFragment) : octets;
    if (opened && header.exchange == ExchangeType::IkeIntermediate)
    {
        NoteIntermediateRequest(received, *opened);
    }
    Reply(path,
          header.exchange,
          received,
          opened ? AnswerRequest(now, path, header.exchange, opened->payloads)
                 : Fatal(NotifyType::InvalidSyntax));
}

/// RFC 7296, section 2.1: bit for bit; fragments may differ from try to try, but are authentic.
bool
IkeSa::RepeatsLastRequest(const wire::IkeHeader& header, ByteSpan octets)
{
    if (m_lastAnswer.request.empty())
    {
        return false;
    }
    return IsEqual(octets, m_lastAnswer.request) ||
           (m_channel && header.messageId + 1 == m_expectedRequestId &&
            m_channel->IsFirstFragment(octets));
}

void
IkeSa::Reply(const Path& path, ExchangeType exchange, ByteSpan request, Answer answer)
{
    if (wire::FindErrorNotify(answer.payloads))
    {
        ++m_environment.counters.unsupported;
    }
    m_extensions.Encode(*this, {exchange, true}, answer.payloads);
    m_lastAnswer.request.assign(request.begin(), request.end());
    m_lastAnswer.responses =
        m_channel->SealParts(exchange, m_expectedRequestId - 1, true, answer.payloads);
    TransmitAll(path, m_lastAnswer.responses);
    if (exchange == ExchangeType::IkeIntermediate && !answer.close)
    {
        FinishIntermediateAnswer(answer.payloads);
    }
    if (answer.close)
    {
        Finished(*answer.close);
    }
}

void
IkeSa::HandleResponse(Instant now, const Path& path, const wire::IkeHeader& header, ByteSpan octets)
{
    if (!m_inFlight || m_inFlight->messageId != header.messageId ||
        m_inFlight->exchange != header.exchange)
    {
        ++m_environment.counters.badMessageId;
        return;
    }
    auto opened = m_channel->Open(octets);
    if (!opened && opened.error() != OpenError::BadPayloads)
    {
        CountOpenError(opened.error());
        return;
    }
    m_lastHeard = now;
    m_proofDue.reset();
    FollowPeer(path);
    Task task = std::move(m_inFlight->task);
    m_inFlight.reset();
    m_retransmitter.Stop();
    // RFC 7296, section 2.21.3: INVALID_SYNTAX ends the IKE SA on both sides, without a Delete.
    if (!opened || wire::FindNotify(opened->payloads, NotifyType::InvalidSyntax))
    {
        Abandon(task);
        Finished(IkeFailure::InvalidSyntax);
        return;
    }
    m_extensions.Decode(*this, {header.exchange, true}, opened->payloads);
    std::visit([&](auto& t) { Finish(now, t, opened->payloads); }, task);
    SendNextRequest(now);
}

bool
IkeSa::IsInPlace(ExchangeType exchange) const
{
    switch (m_phase)
    {
    case Phase::HalfOpen:
        return exchange ==
               (AwaitsIntermediate() ? ExchangeType::IkeIntermediate : ExchangeType::IkeAuth);
    case Phase::Established:
    case Phase::Rekeyed:
    case Phase::Closing:
        return exchange == ExchangeType::Informational || exchange == ExchangeType::CreateChildSa ||
               exchange == ExchangeType::IkeFollowupKe;
    case Phase::InitSent:
    case Phase::AuthSent:
    case Phase::Closed:
        break;
    }
    return false;
}

IkeSa::Answer
IkeSa::AnswerRequest(Instant now,
                     const Path& path,
                     ExchangeType exchange,
                     const wire::PayloadList& request)
{
    if (const auto critical = wire::FindUnknownCritical(request))
    {
        Answer refusal = Fatal(NotifyType::UnsupportedCriticalPayload, {*critical});
        if (m_phase != Phase::HalfOpen)
        {
            refusal.close.reset();
        }
        return refusal;
    }
    // Whoever uses the successor, other than to delete it, has settled for it.
    if (m_predecessor && !IsIkeDelete(request))
    {
        m_predecessor->Supersede(now, *this);
    }
    switch (exchange)
    {
    case ExchangeType::IkeIntermediate:
        return AnswerIntermediate(request);
    case ExchangeType::IkeAuth:
        return AnswerAuth(now, request);
    case ExchangeType::Informational:
        return AnswerInformational(now, path, request);
    case ExchangeType::IkeFollowupKe:
        return AnswerFollowUp(now, request);
    default:
        return AnswerCreateChild(now, request);
    }
}

IkeSa::Answer
IkeSa::Fatal(NotifyType error, Bytes data)
{
    return {{wire::MakeNotify(error, std::move(data))}, ToFailure(error)};
}

void
IkeSa::Enqueue(Instant now, Task task)
{
    m_tasks.push_back(std::move(task));
    SendNextRequest(now);
}

void
IkeSa::SendNextRequest(Instant now)
{
    const bool open = m_phase == Phase::Established || m_phase == Phase::Closing;
    if (!open || m_inFlight)
    {
        return;
    }
    while (!m_tasks.empty() && !IsStillWanted(m_tasks.front()))
    {
        Abandon(m_tasks.front());
        m_tasks.pop_front();
    }
    if (m_tasks.empty() || MustWait(m_tasks.front()))
    {
        return;
    }
    Task task = std::move(m_tasks.front());
    m_tasks.pop_front();
    const auto exchange = std::visit([](const auto& t) { return t.Exchange(); }, task);
    auto payloads = std::visit([this](auto& t) { return Request(t); }, task);
    m_extensions.Encode(*this, {exchange, false}, payloads);
    const std::uint32_t id = m_nextRequestId++;
    std::vector<Bytes> messages = m_channel->SealParts(exchange, id, false, payloads);
    m_inFlight = InFlight{std::move(task), exchange, id};
    TransmitAll(m_path, messages);
    m_retransmitter.Start(now, m_peer.retransmission, std::move(messages));
}

/// The world may have changed while a request was waiting for its turn.
bool
IkeSa::IsStillWanted(const Task& task) const
{
    if (std::holds_alternative<RekeyIkeTask>(task) || std::holds_alternative<InformTask>(task))
    {
        return m_phase == Phase::Established;
    }
    if (const auto* close = std::get_if<CloseChildTask>(&task))
    {
        return close->refusals.count == 0 || FindChild(close->spiInbound);
    }
    const auto* create = std::get_if<CreateChildTask>(&task);
    if (!create || m_phase != Phase::Established)
    {
        return !create;
    }
    const ChildSa* old = create->rekeyOf ? FindChild(*create->rekeyOf) : nullptr;
    if (create->followUp)
    {
        return !old || !old->unwanted;
    }
    return !create->rekeyOf || (old && !old->closing && !old->rival);
}

/// A request that was made will not be answered: what it offered is free again.
void
IkeSa::Abandon(const Task& task)
{
    if (const auto* create = std::get_if<CreateChildTask>(&task))
    {
        m_environment.childSpis.Release(create->spi);
    }
    else if (const auto* rekey = std::get_if<RekeyIkeTask>(&task))
    {
        m_environment.ikeSpis.Release(rekey->spi);
    }
}

void
IkeSa::Resend()
{
    if (m_phase == Phase::AuthSent)
    {
        for (const auto& candidate : m_candidates)
        {
            m_environment.counters.retransmissions += candidate.request.size();
            TransmitAll(candidate.path, candidate.request);
        }
        return;
    }
    for (const auto& octets : m_retransmitter.Messages())
    {
        ++m_environment.counters.retransmissions;
        Transmit(m_path, octets);
    }
}

void
IkeSa::GiveUp(Instant now)
{
    IkeFailure reason = IkeFailure::Timeout;
    if (m_phase == Phase::InitSent)
    {
        if (m_init->FallBack())
        {
            m_retransmitter.Start(now, m_peer.retransmission, {m_init->Request()});
            Transmit(m_path, m_init->Request());
            return;
        }
        reason = m_init->Hint();
    }
    else if (m_inFlight)
    {
        // Whoever closes for a reason of its own keeps it, heard or not.
        const auto* close = std::get_if<CloseIkeTask>(&m_inFlight->task);
        reason = close && close->error ? close->reason : reason;
    }
    if (m_peersSuccessor)
    {
        Supersede(now, *m_peersSuccessor);
    }
    Finished(reason);
}

void
IkeSa::Transmit(const Path& path, Bytes octets)
{
    ++m_environment.counters.datagramsOut;
    m_environment.transmits.push_back({path, ToUdpPayload(path, std::move(octets))});
}

void
IkeSa::TransmitAll(const Path& path, const std::vector<Bytes>& messages)
{
    for (const auto& octets : messages)
    {
        Transmit(path, octets);
    }
}

/// The end: every Child SA goes, then the IKE SA; keys are freed.
void
IkeSa::Finished(IkeFailure reason)
{
    Unlink();
    ForgetFollowUp();
    for (const auto& child : m_retired)
    {
        m_environment.childSpis.Release(child.spiInbound);
        m_events.push_back(ChildSaRemoved{m_id, m_peer.name, child.spiInbound, child.spiOutbound});
    }
    m_retired.clear();
    while (!m_children.empty())
    {
        RemoveChild(m_children.back().spiInbound);
    }
    if (m_firstChildSpi)
    {
        m_environment.childSpis.Release(*m_firstChildSpi);
    }
    m_events.push_back(IkeSaClosed{m_id, m_peer.name, reason});
    m_phase = Phase::Closed;
    m_halfOpenDeadline.reset();
    m_retransmitter.Stop();
    m_tasks.clear();
    m_delayed.clear();
    if (m_inFlight)
    {
        Abandon(m_inFlight->task);
        m_inFlight.reset();
    }
    m_channel.reset();
    m_candidates.clear();
    m_init.reset();
    m_transcript = {};
}

void
IkeSa::CountOpenError(OpenError error)
{
    auto& counters = m_environment.counters;
    switch (error)
    {
    case OpenError::Incomplete:
        break;
    case OpenError::Discarded:
        ++counters.fragmentsDiscarded;
        break;
    case OpenError::NotEncrypted:
        ++counters.malformed;
        break;
    default:
        ++counters.badIcv;
    }
}

} // namespace ipseclab::ike
