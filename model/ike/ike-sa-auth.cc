/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/authentication.h"
#include "model/ike/ike-sa.h"
#include "model/ike/narrowing.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

namespace
{

/// How many IKE_SA_INIT responses an initiator follows up before one is proven.
constexpr std::size_t kMaxCandidates = 5;

wire::Payload
MakeTs(PayloadType type, const TrafficSelectorList& selectors)
{
    return wire::MakePayload(type, wire::TsPayload{selectors});
}

void
Append(wire::PayloadList& list, wire::PayloadList more)
{
    std::move(more.begin(), more.end(), std::back_inserter(list));
}

} // namespace

void
IkeSa::HandleInitResponse(Instant now, ByteSpan octets)
{
    if (IsKnownCandidate(octets) || m_candidates.size() == kMaxCandidates)
    {
        ++m_environment.counters.badMessageId;
        return;
    }
    const auto response = wire::ParseMessage(octets);
    if (!response || response->header.messageId != 0)
    {
        ++m_environment.counters.malformed;
        return;
    }
    auto reaction = m_init->HandleResponse(*response, octets);
    if (const auto* ignored = std::get_if<InitInitiator::Ignored>(&reaction))
    {
        m_environment.counters.malformed += ignored->malformed ? 1 : 0;
    }
    else if (auto* result = std::get_if<InitResult>(&reaction))
    {
        AddCandidate(now, std::move(*result));
    }
    else if (m_phase == Phase::InitSent)
    {
        m_retransmitter.Start(now, m_peer.retransmission, {m_init->Request()});
        Transmit(m_path, m_init->Request());
    }
}

bool
IkeSa::IsKnownCandidate(ByteSpan octets) const
{
    return std::any_of(
        m_candidates.begin(),
        m_candidates.end(),
        [&](const Candidate& c)
        {
            const Bytes& known = c.init.transcript.response;
            return std::equal(octets.begin(), octets.end(), known.begin(), known.end());
        });
}

void
IkeSa::AddCandidate(Instant now, InitResult init)
{
    if (!m_firstChildSpi && !init.extensions.LeavesOutFirstChild())
    {
        m_firstChildSpi = m_environment.childSpis.Allocate(m_environment.random, LocalSpi());
    }
    if (!ContinueCandidate(std::move(init), 1))
    {
        m_init->NoteFailure(IkeFailure::AuthenticationFailed);
        return;
    }
    m_phase = Phase::AuthSent;
    SendAll(now, m_candidates.back());
}

/// Nothing when we have no proof that the peer would take.
std::optional<wire::PayloadList>
IkeSa::MakeAuthRequest(InitResult& init)
{
    auto proof =
        MakeProof({m_peer, init.channel, init.transcript, init.abilities, true, init.extensions},
                  m_environment.random);
    if (!proof)
    {
        return std::nullopt;
    }
    wire::PayloadList payloads{wire::MakePayload(PayloadType::IdI, m_peer.localId.ToPayload())};
    Append(payloads, std::move(proof->certificates));
    if (auto certificateRequest = MakeCertificateRequest(m_peer);
        certificateRequest && !init.abilities.resumed)
    {
        payloads.push_back(std::move(*certificateRequest));
    }
    if (m_onlyOne)
    {
        payloads.push_back(wire::MakeNotify(NotifyType::InitialContact));
    }
    if (m_peer.remoteId.type != wire::IdType::Null)
    {
        payloads.push_back(wire::MakePayload(PayloadType::IdR, m_peer.remoteId.ToPayload()));
    }
    payloads.push_back(std::move(proof->auth));
    if (!init.extensions.LeavesOutFirstChild())
    {
        AddFirstChild(init.extensions, payloads);
    }
    init.extensions.WriteAuth(*this, false, payloads);
    return payloads;
}

void
IkeSa::AddFirstChild(ExtensionSet& extensions, wire::PayloadList& request)
{
    const auto offer = OfferSelectors(m_peer, m_firstChild, false);
    Append(request,
           {wire::MakePayload(PayloadType::Sa,
                              MakeChildProposals(m_peer.childSuites, *m_firstChildSpi, false)),
            MakeTs(PayloadType::TsI, offer.local),
            MakeTs(PayloadType::TsR, offer.remote)});
    ChildNegotiation child{true, nullptr, m_firstChild.properties};
    extensions.WriteChild(*this, child, request);
}

/// The latest request goes out at once; all that are open are repeated until one is answered well.
void
IkeSa::SendAll(Instant now, const Candidate& latest)
{
    std::vector<Bytes> requests;
    for (const auto& candidate : m_candidates)
    {
        requests.insert(requests.end(), candidate.request.begin(), candidate.request.end());
    }
    TransmitAll(latest.path, latest.request);
    m_retransmitter.Start(now, m_peer.retransmission, std::move(requests));
}

void
IkeSa::HandleAuthResponse(Instant now, const wire::IkeHeader& header, ByteSpan octets)
{
    const auto isAnswered = [&header](const Candidate& c)
    { return c.exchange == header.exchange && c.messageId == header.messageId; };
    if (std::none_of(m_candidates.begin(), m_candidates.end(), isAnswered))
    {
        ++m_environment.counters.badMessageId;
        return;
    }
    OpenError error = OpenError::BadIcv;
    bool known = false;
    for (std::size_t i = 0; i < m_candidates.size();)
    {
        if (!isAnswered(m_candidates[i]))
        {
            ++i;
            continue;
        }
        InitResult& init = m_candidates[i].init;
        auto opened = init.channel.Open(octets);
        if (!opened && opened.error() != OpenError::BadPayloads)
        {
            error = opened.error();
            ++i;
            continue;
        }
        known = true;
        if (opened)
        {
            init.extensions.Decode(*this, {header.exchange, true}, opened->payloads);
        }
        const bool intermediate = header.exchange == wire::ExchangeType::IkeIntermediate;
        auto failure = std::make_optional(IkeFailure::InvalidSyntax);
        if (opened)
        {
            failure = intermediate ? FinishIntermediate(m_candidates[i], octets, *opened)
                                   : CheckAuthResponse(now, m_candidates[i], opened->payloads);
        }
        if (!failure && intermediate)
        {
            InitResult continued = std::move(m_candidates[i].init);
            m_candidates.erase(m_candidates.begin() + static_cast<std::ptrdiff_t>(i));
            AskNext(now, std::move(continued), header.messageId + 1);
            return;
        }
        if (!failure)
        {
            Adopt(i);
            Establish(now);
            if (m_abilities.resumed)
            {
                m_environment.contacts.push_back(LocalSpi());
            }
            m_extensions.ReadAuth(*this, true, opened->payloads);
            FinishFirstChild(now, opened->payloads);
            return;
        }
        if (m_candidates.size() == 1)
        {
            const bool peerIsUp =
                opened && wire::Find<wire::AuthPayload>(opened->payloads, PayloadType::Auth);
            if (!peerIsUp && *failure == IkeFailure::AuthenticationFailed &&
                m_init->MayHaveMistakenRequest())
            {
                AwaitOtherAnswer(now);
                return;
            }
            FailHandshake(now, *failure, peerIsUp);
            return;
        }
        // Another candidate may still be the genuine one, even with the same keys.
        m_candidates.erase(m_candidates.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (!known)
    {
        CountOpenError(error);
    }
}

std::optional<IkeFailure>
IkeSa::CheckAuthResponse(Instant now,
                         const Candidate& candidate,
                         const wire::PayloadList& response) const
{
    const auto* id = wire::Find<wire::IdPayload>(response, PayloadType::IdR);
    const auto* auth = wire::Find<wire::AuthPayload>(response, PayloadType::Auth);
    if (!id || !auth)
    {
        const auto* error = wire::FindErrorNotify(response);
        return error ? ToFailure(error->type) : IkeFailure::InvalidSyntax;
    }
    const InitResult& init = candidate.init;
    if (!IsProven(now,
                  {m_peer, init.channel, init.transcript, init.abilities, true, init.extensions},
                  response))
    {
        return IkeFailure::AuthenticationFailed;
    }
    return std::nullopt;
}

/// Back to IKE_SA_INIT: its last request may still be answered, and is sent again when it is due.
void
IkeSa::AwaitOtherAnswer(Instant now)
{
    m_candidates.clear();
    m_phase = Phase::InitSent;
    m_init->NoteFailure(IkeFailure::AuthenticationFailed);
    m_retransmitter.Start(now, m_peer.retransmission, {m_init->Request()});
}

/**
 * The only candidate has failed. A responder that sent AUTH believes that the SA is up, so it has
 * to be told (RFC 7296, section 2.21.2).
 */
void
IkeSa::FailHandshake(Instant now, IkeFailure reason, bool peerIsUp)
{
    Adopt(0);
    if (!peerIsUp)
    {
        Finished(reason);
        return;
    }
    m_phase = Phase::Closing;
    Enqueue(now, CloseIkeTask{reason, NotifyType::AuthenticationFailed});
}

void
IkeSa::Adopt(std::size_t candidate)
{
    InitResult& init = m_candidates[candidate].init;
    m_nextRequestId = m_candidates[candidate].messageId + 1;
    m_id = init.channel.Id();
    m_path = m_candidates[candidate].path;
    m_transcript = std::move(init.transcript);
    m_abilities = std::move(init.abilities);
    m_rounds = std::move(init.rounds);
    m_extensions = std::move(init.extensions);
    m_channel = std::move(init.channel);
    m_candidates.clear();
    m_init.reset();
    m_retransmitter.Stop();
}

void
IkeSa::Establish(Instant now)
{
    m_phase = Phase::Established;
    m_established = now;
    m_halfOpenDeadline.reset();
    m_lastHeard = now;
    StartLifetime(now);
    m_events.push_back(IkeSaEstablished{m_id,
                                        m_peer.name,
                                        m_initiator,
                                        m_channel->Suite(),
                                        m_channel->Keys(),
                                        std::move(m_rounds.spent),
                                        m_path.local,
                                        m_path.remote});
    m_rounds = {};
}

void
IkeSa::FinishFirstChild(Instant now, const wire::PayloadList& response)
{
    if (m_extensions.LeavesOutFirstChild())
    {
        ForgetFirstChild();
        return;
    }
    const std::uint32_t spi = *m_firstChildSpi;
    ChildNegotiation child{true, nullptr, m_firstChild.properties};
    const auto refusal = m_extensions.ReadChild(*this, child, response);
    const auto* sa = wire::Find<wire::SaPayload>(response, PayloadType::Sa);
    const auto* tsI = wire::Find<wire::TsPayload>(response, PayloadType::TsI);
    const auto* tsR = wire::Find<wire::TsPayload>(response, PayloadType::TsR);
    if (!sa || !tsI || !tsR)
    {
        const auto* error = wire::FindErrorNotify(response);
        const auto reason = error ? error->type : NotifyType::InvalidSyntax;
        if (AskForPacketOnly(reason, m_firstChild))
        {
            ForgetFirstChild();
        }
        else
        {
            RefuseChild(reason);
        }
        return;
    }
    const auto choice = CheckChildAnswer(*sa);
    const auto offer = OfferSelectors(m_peer, m_firstChild, false);
    const bool selectorsFit =
        IsNarrowing(tsI->selectors, offer.local) && IsNarrowing(tsR->selectors, offer.remote);
    if (!choice || !selectorsFit || refusal)
    {
        // The responder has installed its half of the Child SA.
        const auto unfit = choice ? NotifyType::TsUnacceptable : NotifyType::NoProposalChosen;
        RefuseChild(choice && selectorsFit ? refusal->error : unfit);
        Enqueue(now, CloseChildTask{spi});
        return;
    }
    m_firstChildSpi.reset();
    NewChild made{choice->suite,
                  spi,
                  LoadBe32(choice->peerSpi.data()),
                  tsI->selectors,
                  tsR->selectors,
                  true};
    made.properties = std::move(child.properties);
    made.additionalTsPossible =
        wire::FindNotify(response, NotifyType::AdditionalTsPossible) != nullptr;
    InstallFirstChild(std::move(made));
}

/// In IKE_AUTH no group is negotiated, so it is left out of the comparison.
std::optional<Choice<ChildSuite>>
IkeSa::CheckChildAnswer(const wire::SaPayload& answer) const
{
    auto choice = ReadChildAnswer(answer);
    if (!choice || choice->peerSpi.size() != 4 ||
        LoadBe32(choice->peerSpi.data()) < ChildSpiTable::kLowest ||
        !WasOffered(m_peer.childSuites, *choice, false))
    {
        return std::nullopt;
    }
    choice->suite.group = crypto::GroupId::None;
    choice->suite.additional.clear();
    return choice;
}

void
IkeSa::RefuseChild(NotifyType reason)
{
    ForgetFirstChild();
    m_events.push_back(ChildSaRefused{m_id, m_peer.name, reason});
}

/// There is no Child SA in IKE_AUTH.
void
IkeSa::ForgetFirstChild()
{
    if (m_firstChildSpi)
    {
        m_environment.childSpis.Release(*m_firstChildSpi);
        m_firstChildSpi.reset();
    }
    m_transcript = {};
}

/// Keys of the first Child SA come from the nonces of IKE_SA_INIT (RFC 7296, section 2.17).
void
IkeSa::InstallFirstChild(NewChild made)
{
    made.nonceI = std::move(m_transcript.nonceI);
    made.nonceR = std::move(m_transcript.nonceR);
    m_transcript = {};
    InstallChild(m_lastHeard, std::move(made));
}

IkeSa::Answer
IkeSa::AnswerAuth(Instant now, const wire::PayloadList& request)
{
    const auto has = [&request](PayloadType type)
    {
        return std::any_of(request.begin(),
                           request.end(),
                           [type](const wire::Payload& p) { return p.type == type; });
    };
    const bool withChild = has(PayloadType::Sa) || has(PayloadType::TsI) || has(PayloadType::TsR);
    const bool isWhole = withChild
                           ? has(PayloadType::Sa) && has(PayloadType::TsI) && has(PayloadType::TsR)
                           : m_extensions.LeavesOutFirstChild();
    if (!has(PayloadType::IdI) || !has(PayloadType::Auth) || !isWhole)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    const AuthContext context{m_peer, *m_channel, m_transcript, m_abilities, false, m_extensions};
    if (!IsProven(now, context, request))
    {
        return Fatal(NotifyType::AuthenticationFailed);
    }
    m_extensions.ReadAuth(*this, false, request);
    auto proof = MakeProof(context, m_environment.random);
    if (!proof)
    {
        return Fatal(NotifyType::AuthenticationFailed);
    }
    Establish(now);
    // Whoever proves nothing may not end what others have (RFC 7619, section 2.2).
    if (m_peer.auth.remote != AuthKind::Null &&
        wire::FindNotify(request, NotifyType::InitialContact))
    {
        m_onlyOne = true;
    }
    if (m_onlyOne || m_abilities.resumed)
    {
        m_environment.contacts.push_back(LocalSpi());
    }
    Answer answer{{wire::MakePayload(PayloadType::IdR, m_peer.localId.ToPayload())}, std::nullopt};
    Append(answer.payloads, std::move(proof->certificates));
    answer.payloads.push_back(std::move(proof->auth));
    if (withChild)
    {
        AnswerFirstChild(request, answer.payloads);
    }
    else
    {
        ForgetFirstChild();
    }
    m_extensions.WriteAuth(*this, true, answer.payloads);
    return answer;
}

/// A Child SA that cannot be does not take the IKE SA with it (RFC 7296, section 1.2).
void
IkeSa::AnswerFirstChild(const wire::PayloadList& request, wire::PayloadList& answer)
{
    const auto* sa = wire::Find<wire::SaPayload>(request, PayloadType::Sa);
    const auto* tsI = wire::Find<wire::TsPayload>(request, PayloadType::TsI);
    const auto* tsR = wire::Find<wire::TsPayload>(request, PayloadType::TsR);
    ChildNegotiation child;
    const auto refusal = m_extensions.ReadChild(*this, child, request);
    auto choice = ChooseChild(m_peer.childSuites, *sa, false);
    const auto selectors = AnswerSelectors(m_peer, tsR->selectors, tsI->selectors);
    const bool spiFits = choice && choice->peerSpi.size() == 4 &&
                         LoadBe32(choice->peerSpi.data()) >= ChildSpiTable::kLowest;
    if (!spiFits || !selectors || refusal)
    {
        const auto unfit = spiFits ? selectors.error() : NotifyType::NoProposalChosen;
        const auto reason = refusal ? refusal->error : unfit;
        RefuseChild(reason);
        answer.push_back(wire::MakeNotify(reason, refusal ? refusal->data : Bytes()));
        return;
    }
    const std::uint32_t spi = m_environment.childSpis.Allocate(m_environment.random, LocalSpi());
    choice->suite.group = crypto::GroupId::None;
    choice->suite.additional.clear();
    answer.push_back(wire::MakePayload(PayloadType::Sa, AnswerChild(*choice, spi, false)));
    answer.push_back(MakeTs(PayloadType::TsI, selectors->remote));
    answer.push_back(MakeTs(PayloadType::TsR, selectors->local));
    if (selectors->more)
    {
        answer.push_back(wire::MakeNotify(NotifyType::AdditionalTsPossible));
    }
    m_extensions.WriteChild(*this, child, answer);
    NewChild made{choice->suite,
                  spi,
                  LoadBe32(choice->peerSpi.data()),
                  selectors->local,
                  selectors->remote,
                  false};
    made.properties = std::move(child.properties);
    InstallFirstChild(std::move(made));
}

} // namespace ipseclab::ike
