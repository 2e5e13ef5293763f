/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"
#include "model/ike/narrowing.h"

#include <algorithm>

/*
 * Child SAs: CREATE_CHILD_SA that makes or rekeys one (RFC 7296, sections 1.3.1, 1.3.3, 2.8), and
 * what becomes of them.
 *
 *   side that rekeys                              side that answers
 *   N(REKEY_SA), SA, Ni, [KEi,] TSi, TSr ------>  installs the new pair, sends on the old one
 *   installs the new pair, sends on it     <----  SA, Nr, [KEr,] TSi, TSr
 *   D(old) ------------------------------------>  retires the old pair, sends on the new one
 *   retires the old pair                   <----  D(old)
 *
 * Both may do so at once. Whoever has answered the peer's request before its own was answered knows
 * both exchanges, and deletes what it has made itself if that came with the lowest of the four
 * nonces (section 2.8.1). Whoever has not is done with the old SA by the time the peer's request
 * arrives and refuses it, which the peer, who does know, ignores.
 */

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

namespace
{

constexpr std::size_t kEspSpiSize = 4;

Bytes
SpiOctets(std::uint32_t spi)
{
    Bytes octets(kEspSpiSize);
    StoreBe32(octets.data(), spi);
    return octets;
}

bool
IsSpi(ByteSpan octets)
{
    return octets.size() == kEspSpiSize && LoadBe32(octets.data()) >= ChildSpiTable::kLowest;
}

bool
IsOffered(const std::vector<ChildSuite>& suites, crypto::GroupId group)
{
    return std::any_of(suites.begin(),
                       suites.end(),
                       [group](const ChildSuite& suite) { return suite.group == group; });
}

} // namespace

IkeSa::ChildSa*
IkeSa::FindChild(std::uint32_t spiInbound)
{
    const auto child = std::find_if(m_children.begin(),
                                    m_children.end(),
                                    [&](const ChildSa& c) { return c.spiInbound == spiInbound; });
    return child == m_children.end() ? nullptr : &*child;
}

const IkeSa::ChildSa*
IkeSa::FindChild(std::uint32_t spiInbound) const
{
    return const_cast<IkeSa*>(this)->FindChild(spiInbound);
}

IkeSa::ChildSa*
IkeSa::FindChildByOutbound(ByteSpan spiOutbound)
{
    const auto child = std::find_if(m_children.begin(),
                                    m_children.end(),
                                    [&](const ChildSa& c) {
                                        return spiOutbound.size() == kEspSpiSize &&
                                               c.spiOutbound == LoadBe32(spiOutbound.data());
                                    });
    return child == m_children.end() ? nullptr : &*child;
}

bool
IkeSa::CreateChild(Instant now, const ChildRequest& request)
{
    // A successor that may yet turn out to be redundant would take the Child SA with it.
    if (m_phase != Phase::Established || m_predecessor)
    {
        return false;
    }
    CreateChildTask task;
    task.wanted = request;
    Enqueue(now, std::move(task));
    return true;
}

bool
IkeSa::RekeyChild(Instant now, std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (!child || child->closing || m_phase != Phase::Established)
    {
        return false;
    }
    if (!child->rekeying && !child->rival)
    {
        child->rekeying = true;
        child->rekeyDue.reset();
        CreateChildTask task;
        task.rekeyOf = spiInbound;
        Enqueue(now, std::move(task));
    }
    return true;
}

bool
IkeSa::ExpireChild(Instant now, std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (!child)
    {
        return false;
    }
    if (!child->expired)
    {
        child->expired = true;
        child->expiryDue.reset();
        m_events.push_back(
            ChildSaRemoved{m_id, m_peer.name, child->spiInbound, child->spiOutbound});
        if (child->rival)
        {
            MakeOutboundReady(child->rival->spiInbound);
        }
    }
    DeleteChild(now, spiInbound);
    return true;
}

// ---- our requests

wire::PayloadList
IkeSa::Request(CreateChildTask& task)
{
    if (task.followUp)
    {
        return RequestFollowUp(task);
    }
    const auto& suites = m_peer.childSuites;
    const auto group = task.demanded.empty() ? suites.front().group : task.demanded.back();
    task.spi = m_environment.childSpis.Allocate(m_environment.random, LocalSpi());
    task.nonce = m_environment.random.Take(kNonceLength);
    wire::PayloadList payloads;
    if (task.rekeyOf)
    {
        task.unconfirmed = !FindChild(*task.rekeyOf)->confirmed;
        payloads.push_back(
            wire::MakeNotify(NotifyType::RekeySa, wire::ProtocolId::Esp, SpiOctets(*task.rekeyOf)));
    }
    payloads.push_back(
        wire::MakePayload(PayloadType::Sa, MakeChildProposals(suites, task.spi, true)));
    payloads.push_back(wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{task.nonce}));
    if (group != crypto::GroupId::None)
    {
        task.exchange = crypto::KeyExchange::Generate(group, m_environment.random);
        payloads.push_back(MakeKe(*task.exchange));
    }
    // What is rekeyed stays as it is (RFC 7296, section 2.9.2).
    const ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr;
    task.offer = old ? SelectorChoice{old->local, old->remote}
                     : OfferSelectors(m_peer, task.wanted, task.onlyPacket);
    payloads.push_back(wire::MakePayload(PayloadType::TsI, wire::TsPayload{task.offer.local}));
    payloads.push_back(wire::MakePayload(PayloadType::TsR, wire::TsPayload{task.offer.remote}));
    ChildNegotiation child = Negotiation(task);
    m_extensions.WriteChild(*this, child, payloads);
    return payloads;
}

/// What extensions are told about our request, before and after it was answered.
ChildNegotiation
IkeSa::Negotiation(const CreateChildTask& task) const
{
    const ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr;
    return {true, old, old ? old->properties : task.wanted.properties};
}

void
IkeSa::Finish(Instant now, CreateChildTask& task, const wire::PayloadList& response)
{
    std::optional<ike::Refusal> refusal;
    const bool begins = !task.followUp;
    ChildNegotiation child = Negotiation(task);
    if (begins)
    {
        refusal = m_extensions.ReadChild(*this, child, response);
    }
    if (wire::FindErrorNotify(response))
    {
        m_environment.childSpis.Release(task.spi);
        HandleRefusal(now, task, response);
        return;
    }
    if (begins)
    {
        task.made = ReadNewChild(task, response);
    }
    const bool valid =
        task.made && (begins ? BeginFollowUp(task, task.made->suite.additional, response)
                             : AdvanceFollowUp(task, response));
    if (!valid || refusal)
    {
        AbandonChild(now, task, valid ? refusal->error : NotifyType::InvalidSyntax);
        return;
    }
    if (begins)
    {
        task.made->properties = std::move(child.properties);
    }
    if (task.followUp->due.empty())
    {
        FinishChild(now, task, std::move(*task.made));
    }
    else if (HasLost(task, *task.made) || m_phase != Phase::Established)
    {
        // Nobody has made anything yet (RFC 9370, section 2.2.4).
        m_environment.childSpis.Release(task.spi);
        if (ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr)
        {
            old->rekeying = false;
        }
    }
    else
    {
        if (IsPeerFollowingUp(task))
        {
            ForgetFollowUp();
        }
        m_tasks.push_front(std::move(task));
    }
}

/// The responder may have installed its half of the Child SA.
void
IkeSa::AbandonChild(Instant now, const CreateChildTask& task, NotifyType reason)
{
    m_environment.childSpis.Release(task.spi);
    if (ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr)
    {
        old->rekeying = false;
    }
    m_events.push_back(ChildSaRefused{m_id, m_peer.name, reason, task.rekeyOf, task.wanted.opaque});
    Enqueue(now, CloseChildTask{task.spi});
}

bool
IkeSa::HasLost(const CreateChildTask& task, const NewChild& made)
{
    return task.rival && std::min(made.nonceI, made.nonceR) < task.rival->lowestNonce;
}

void
IkeSa::FinishChild(Instant now, const CreateChildTask& task, NewChild made)
{
    const bool lost = HasLost(task, made);
    made.outboundReady = !lost;
    const ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr;
    made.replaces = old && !old->expired ? task.rekeyOf : std::nullopt;
    made.additional = task.followUp->secrets;
    InstallChild(now, std::move(made));
    if (task.rekeyOf)
    {
        SettleRekey(now, task, lost);
    }
}

/// What the peer agreed to; nothing when it is no answer to what we asked for.
std::optional<IkeSa::NewChild>
IkeSa::ReadNewChild(const CreateChildTask& task, const wire::PayloadList& response) const
{
    const auto* sa = wire::Find<wire::SaPayload>(response, PayloadType::Sa);
    const auto* nonce = wire::Find<wire::NoncePayload>(response, PayloadType::Nonce);
    const auto* ke = wire::Find<wire::KePayload>(response, PayloadType::Ke);
    const auto* tsI = wire::Find<wire::TsPayload>(response, PayloadType::TsI);
    const auto* tsR = wire::Find<wire::TsPayload>(response, PayloadType::TsR);
    const auto choice = sa ? ReadChildAnswer(*sa) : std::nullopt;
    if (!nonce || !tsI || !tsR || !choice || !IsSpi(choice->peerSpi) ||
        !WasOffered(m_peer.childSuites, *choice, true) ||
        !IsNonceAcceptable(nonce->data, m_channel->Suite().prf) ||
        !IsNarrowing(tsI->selectors, task.offer.local) ||
        !IsNarrowing(tsR->selectors, task.offer.remote))
    {
        return std::nullopt;
    }
    NewChild made{choice->suite,
                  task.spi,
                  LoadBe32(choice->peerSpi.data()),
                  tsI->selectors,
                  tsR->selectors,
                  true};
    if (choice->suite.group != crypto::GroupId::None)
    {
        const bool fits = ke && task.exchange && task.exchange->Group() == choice->suite.group &&
                          ke->group == static_cast<std::uint16_t>(choice->suite.group);
        const auto shared = fits ? task.exchange->Agree(ke->data) : std::nullopt;
        if (!shared)
        {
            return std::nullopt;
        }
        made.shared = *shared;
    }
    made.nonceI = task.nonce;
    made.nonceR = nonce->data;
    made.additionalTsPossible =
        wire::FindNotify(response, NotifyType::AdditionalTsPossible) != nullptr;
    return made;
}

/// Our rekeying has succeeded: whoever made the SA that does not stay deletes it.
void
IkeSa::SettleRekey(Instant now, const CreateChildTask& task, bool lost)
{
    ChildSa* old = FindChild(*task.rekeyOf);
    const bool unwanted = old && old->unwanted;
    if (lost || unwanted)
    {
        DeleteChild(now, task.spi);
    }
    if (!lost && IsPeerFollowingUp(task))
    {
        ForgetFollowUp();
    }
    if (old && !lost)
    {
        old->replaced = true;
        old->rival.reset();
        DeleteChild(now, *task.rekeyOf);
    }
}

/// RFC 7296, sections 1.3.1 and 2.25.1.
void
IkeSa::HandleRefusal(Instant now, CreateChildTask& task, const wire::PayloadList& response)
{
    ChildSa* old = task.rekeyOf ? FindChild(*task.rekeyOf) : nullptr;
    if (task.rival || (task.rekeyOf && !old))
    {
        // The peer has rekeyed or deleted the Child SA itself, so there is nothing left to do.
        return;
    }
    const NotifyType error = wire::FindErrorNotify(response)->type;
    const auto group = DemandedGroup(response);
    CreateChildTask next;
    next.rekeyOf = task.rekeyOf;
    next.wanted = task.wanted;
    next.onlyPacket = task.onlyPacket;
    const bool unheardOf = error == NotifyType::ChildSaNotFound && task.unconfirmed;
    if (error == NotifyType::TemporaryFailure || error == NotifyType::StateNotFound || unheardOf)
    {
        if (!Retry(now, std::move(next), task.refusals))
        {
            CloseFor(now, IkeFailure::OutOfStep);
        }
        return;
    }
    if (group && IsOffered(m_peer.childSuites, *group) && task.demanded.empty())
    {
        next.demanded = {*group};
        m_tasks.push_front(std::move(next));
        return;
    }
    if (!task.rekeyOf && !task.onlyPacket && AskForPacketOnly(error, task.wanted))
    {
        return;
    }
    if (old && error == NotifyType::ChildSaNotFound)
    {
        // The peer has lost it: make another one from scratch.
        if (!old->closing)
        {
            next.rekeyOf.reset();
            next.wanted.properties = old->properties;
            next.wanted.opaque = AreOpaque(old->local) || AreOpaque(old->remote);
            RemoveChild(*task.rekeyOf);
            Enqueue(now, std::move(next));
        }
        return;
    }
    if (old)
    {
        old->rekeying = false;
    }
    m_events.push_back(ChildSaRefused{m_id, m_peer.name, error, task.rekeyOf, task.wanted.opaque});
}

/// RFC 7296, section 2.9: whoever gets SINGLE_PAIR_REQUIRED asks for the packet it has; false when
/// there is none.
bool
IkeSa::AskForPacketOnly(NotifyType refusal, const ChildRequest& wanted)
{
    if (refusal != NotifyType::SinglePairRequired || !wanted.packet)
    {
        return false;
    }
    CreateChildTask task;
    task.wanted = wanted;
    task.onlyPacket = true;
    m_tasks.push_front(std::move(task));
    return true;
}

// ---- the peer's requests

IkeSa::Answer
IkeSa::Refusal(NotifyType error, Bytes data)
{
    return {{wire::MakeNotify(error, std::move(data))}, std::nullopt};
}

IkeSa::Answer
IkeSa::AnswerCreateChild(Instant now, const wire::PayloadList& request)
{
    const auto* sa = wire::Find<wire::SaPayload>(request, PayloadType::Sa);
    const auto* nonce = wire::Find<wire::NoncePayload>(request, PayloadType::Nonce);
    if (!sa || sa->proposals.empty() || !nonce ||
        !IsNonceAcceptable(nonce->data, m_channel->Suite().prf))
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    ForgetFollowUp();
    return sa->proposals.front().protocol == wire::ProtocolId::Ike ? AnswerRekeyIke(now, request)
                                                                   : AnswerNewChild(now, request);
}

IkeSa::Answer
IkeSa::AnswerNewChild(Instant now, const wire::PayloadList& request)
{
    const auto* sa = wire::Find<wire::SaPayload>(request, PayloadType::Sa);
    const auto* nonce = wire::Find<wire::NoncePayload>(request, PayloadType::Nonce);
    const auto* ke = wire::Find<wire::KePayload>(request, PayloadType::Ke);
    const auto* tsI = wire::Find<wire::TsPayload>(request, PayloadType::TsI);
    const auto* tsR = wire::Find<wire::TsPayload>(request, PayloadType::TsR);
    const auto* rekey = wire::FindNotify(request, NotifyType::RekeySa);
    if (!tsI || !tsR)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    if (const auto refusal = RefuseNewChild(rekey))
    {
        return {{*refusal}, std::nullopt};
    }
    const ChildSa* replaced = rekey ? FindChildByOutbound(rekey->spi) : nullptr;
    ChildNegotiation child{false, replaced, replaced ? replaced->properties : ChildProperties()};
    if (auto refusal = m_extensions.ReadChild(*this, child, request))
    {
        return Refusal(refusal->error, std::move(refusal->data));
    }
    const auto choice = ChooseChild(m_peer.childSuites, *sa, true);
    if (!choice || !IsSpi(choice->peerSpi))
    {
        return Refusal(NotifyType::NoProposalChosen);
    }
    const crypto::GroupId group = choice->suite.group;
    const bool withKe = group != crypto::GroupId::None;
    if (withKe && (!ke || ke->group != static_cast<std::uint16_t>(group)))
    {
        return Refusal(NotifyType::InvalidKePayload, GroupOctets(group));
    }
    const auto selectors = AnswerSelectors(m_peer, tsR->selectors, tsI->selectors);
    if (!selectors)
    {
        return Refusal(selectors.error());
    }
    NewChild made{choice->suite,
                  0,
                  LoadBe32(choice->peerSpi.data()),
                  selectors->local,
                  selectors->remote};
    made.nonceI = nonce->data;
    made.nonceR = m_environment.random.Take(kNonceLength);
    const auto exchange =
        withKe ? crypto::KeyExchange::Generate(group, m_environment.random) : nullptr;
    const auto shared = withKe ? exchange->Agree(ke->data) : std::make_optional(Bytes());
    if (!shared)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    made.shared = *shared;
    made.spiInbound = m_environment.childSpis.Allocate(m_environment.random, LocalSpi());

    Answer answer;
    answer.payloads = {
        wire::MakePayload(PayloadType::Sa, AnswerChild(*choice, made.spiInbound, true)),
        wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{made.nonceR})};
    if (withKe)
    {
        answer.payloads.push_back(MakeKe(*exchange));
    }
    answer.payloads.push_back(wire::MakePayload(PayloadType::TsI, wire::TsPayload{made.remote}));
    answer.payloads.push_back(wire::MakePayload(PayloadType::TsR, wire::TsPayload{made.local}));
    if (selectors->more)
    {
        answer.payloads.push_back(wire::MakeNotify(NotifyType::AdditionalTsPossible));
    }
    m_extensions.WriteChild(*this, child, answer.payloads);
    made.properties = std::move(child.properties);

    if (ChildSa* old = rekey ? FindChildByOutbound(rekey->spi) : nullptr)
    {
        made.replaces = old->spiInbound;
        NoteRival(*old, {made.spiInbound, std::min(made.nonceI, made.nonceR)});
    }
    if (choice->suite.additional.empty())
    {
        FinishAnswered(now, std::move(made));
    }
    else
    {
        answer.payloads.push_back(AwaitFollowUp(now, std::move(made)));
    }
    return answer;
}

/// The table of RFC 7296, section 2.25.1; nothing when the request is in order.
std::optional<wire::Payload>
IkeSa::RefuseNewChild(const wire::NotifyPayload* rekey)
{
    if (m_phase != Phase::Established || IsIkeRekeyInFlight())
    {
        return wire::MakeNotify(NotifyType::TemporaryFailure);
    }
    if (!rekey)
    {
        const bool full = m_peer.maxChildSas != 0 && m_children.size() >= m_peer.maxChildSas;
        return full ? std::make_optional(wire::MakeNotify(NotifyType::NoAdditionalSas))
                    : std::nullopt;
    }
    const ChildSa* old =
        rekey->protocol == wire::ProtocolId::Esp ? FindChildByOutbound(rekey->spi) : nullptr;
    if (!old)
    {
        return wire::MakeNotify(NotifyType::ChildSaNotFound, rekey->protocol, rekey->spi);
    }
    const auto* ours = m_inFlight ? std::get_if<CreateChildTask>(&m_inFlight->task) : nullptr;
    const bool followed = ours && ours->followUp && ours->rekeyOf == old->spiInbound;
    if (old->closing || old->rival || followed)
    {
        return wire::MakeNotify(NotifyType::TemporaryFailure);
    }
    return std::nullopt;
}

bool
IkeSa::IsChildExchangeInFlight() const
{
    return m_inFlight && (std::holds_alternative<CreateChildTask>(m_inFlight->task) ||
                          std::holds_alternative<CloseChildTask>(m_inFlight->task));
}

bool
IkeSa::IsIkeRekeyInFlight() const
{
    return m_inFlight && std::holds_alternative<RekeyIkeTask>(m_inFlight->task);
}

/// The Child SA that the peer wanted is there.
void
IkeSa::FinishAnswered(Instant now, NewChild made)
{
    made.outboundReady = m_children.empty();
    if (made.replaces && !FindChild(*made.replaces))
    {
        made.replaces.reset();
    }
    InstallChild(now, std::move(made));
}

/// The peer makes a Child SA to replace this one.
void
IkeSa::NoteRival(ChildSa& old, Rival rival)
{
    old.replaced = true;
    old.rekeyDue.reset();
    auto* ours = m_inFlight ? std::get_if<CreateChildTask>(&m_inFlight->task) : nullptr;
    if (ours && ours->rekeyOf == old.spiInbound)
    {
        ours->rival = rival;
    }
    old.rival = std::move(rival);
}

// ---- the life of a Child SA

void
IkeSa::InstallChild(Instant now, NewChild made)
{
    const auto* root = made.properties.Find<RootKeyLength>();
    ChildKeys keys = DeriveChildKeys(m_channel->Suite().prf,
                                     made.suite.cipher,
                                     m_channel->Keys().skD,
                                     made.shared,
                                     made.nonceI,
                                     made.nonceR,
                                     root ? root->octets : 0,
                                     made.additional);
    ChildSa child;
    child.spiInbound = made.spiInbound;
    child.spiOutbound = made.spiOutbound;
    child.suite = made.suite;
    child.local = made.local;
    child.remote = made.remote;
    child.properties = made.properties;
    child.outboundReady = made.outboundReady;
    child.confirmed = made.initiator;
    StartLifetime(now, child);
    m_children.push_back(std::move(child));

    ChildSaInstalled installed;
    installed.ikeSa = m_id;
    installed.peer = m_peer.name;
    installed.suite = made.suite;
    installed.spiInbound = made.spiInbound;
    installed.spiOutbound = made.spiOutbound;
    installed.encryptionOutbound = made.initiator ? keys.encryptionI : keys.encryptionR;
    installed.integrityOutbound = made.initiator ? keys.integrityI : keys.integrityR;
    installed.encryptionInbound = made.initiator ? keys.encryptionR : keys.encryptionI;
    installed.integrityInbound = made.initiator ? keys.integrityR : keys.integrityI;
    installed.localSelectors = std::move(made.local);
    installed.remoteSelectors = std::move(made.remote);
    installed.localOuter = m_path.local.address;
    installed.remoteOuter = m_path.remote.address;
    installed.udp = EspPorts();
    installed.outboundReady = made.outboundReady;
    installed.replaces = made.replaces;
    installed.volume = DrawVolumeLimits();
    installed.properties = std::move(made.properties);
    installed.additionalTsPossible = made.additionalTsPossible;
    m_events.push_back(std::move(installed));
}

void
IkeSa::MakeOutboundReady(std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (child && !child->outboundReady && !child->expired)
    {
        child->outboundReady = true;
        m_events.push_back(
            ChildSaOutboundReady{m_id, m_peer.name, child->spiInbound, child->spiOutbound});
    }
}

void
IkeSa::DeleteChild(Instant now, std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (child && !child->closing)
    {
        child->closing = true;
        Enqueue(now, CloseChildTask{spiInbound});
    }
}

/// The peer sends its next request only after our answer to the one before (RFC 7296, section 2.3).
void
IkeSa::ConfirmChildren()
{
    for (auto& child : m_children)
    {
        child.confirmed = true;
    }
}

/// Both sides have deleted it. What has been replaced goes on receiving for a while.
void
IkeSa::RetireChild(Instant now, std::uint32_t spiInbound)
{
    ChildSa* child = FindChild(spiInbound);
    if (!child)
    {
        return;
    }
    if (child->rival)
    {
        MakeOutboundReady(child->rival->spiInbound);
    }
    if (!child->replaced || child->expired || m_peer.inboundLinger <= Duration::zero())
    {
        RemoveChild(spiInbound);
        return;
    }
    m_retired.push_back({child->spiInbound, child->spiOutbound, now + m_peer.inboundLinger});
    m_events.push_back(ChildSaRetired{m_id, m_peer.name, child->spiInbound, child->spiOutbound});
    m_children.erase(m_children.begin() + (child - m_children.data()));
}

void
IkeSa::RemoveChild(std::uint32_t spiInbound)
{
    const ChildSa* child = FindChild(spiInbound);
    if (!child)
    {
        return;
    }
    if (!child->expired)
    {
        m_events.push_back(
            ChildSaRemoved{m_id, m_peer.name, child->spiInbound, child->spiOutbound});
    }
    m_children.erase(m_children.begin() + (child - m_children.data()));
    ForgetRival(spiInbound);
}

/// What was to replace another Child SA is not there any more.
void
IkeSa::ForgetRival(std::uint32_t spiInbound)
{
    m_environment.childSpis.Release(spiInbound);
    for (auto& other : m_children)
    {
        if (other.rival && other.rival->spiInbound == spiInbound)
        {
            other.rival.reset();
            other.replaced = false;
        }
    }
}

} // namespace ipseclab::ike
