/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>

/*
 * CREATE_CHILD_SA that rekeys the IKE SA (RFC 7296, sections 1.3.2, 2.8, 2.18).
 *
 *   side that rekeys                        side that answers
 *   SA, Ni, KEi ------------------------->  makes the successor, which inherits the Child SAs
 *   makes the successor             <-----  SA, Nr, KEr
 *   D(IKE SA) on the old one ------------>  the old one is gone
 *   the old one is gone             <-----
 *
 * When the side that answers is rekeying itself, its half of the successor inherits only after that
 * is settled (sections 2.8.2 and 2.25.2): our own request is refused, or the peer deletes the old
 * IKE SA, or uses the successor, or the lowest of the four nonces says so. If we lose, we delete
 * what we have made, and the peer the old one.
 */

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

namespace
{

constexpr std::size_t kIkeSpiSize = 8;

Bytes
SpiOctets(std::uint64_t spi)
{
    Bytes octets(kIkeSpiSize);
    StoreBe64(octets.data(), spi);
    return octets;
}

bool
IsOffered(const std::vector<IkeSuite>& suites, crypto::GroupId group)
{
    return std::any_of(suites.begin(),
                       suites.end(),
                       [group](const IkeSuite& suite) { return suite.group == group; });
}

} // namespace

/// How long a side waits for the peer to do something: both may repeat themselves all the while.
Duration
IkeSa::Patience() const
{
    return 2 * RepetitionTime(m_peer.retransmission);
}

bool
IkeSa::Rekey(Instant now)
{
    if (m_phase != Phase::Established || m_predecessor)
    {
        return false;
    }
    if (!m_rekeying)
    {
        m_rekeying = true;
        m_rekeyDue.reset();
        Enqueue(now, RekeyIkeTask{});
    }
    return true;
}

wire::PayloadList
IkeSa::Request(RekeyIkeTask& task)
{
    if (task.followUp)
    {
        return RequestFollowUp(task);
    }
    const auto& suites = m_peer.ikeSuites;
    const auto current = m_channel->Suite().group;
    const auto usual = IsOffered(suites, current) ? current : suites.front().group;
    const auto group = task.demanded.empty() ? usual : task.demanded.back();
    task.spi = m_environment.ikeSpis.Allocate(m_environment.random);
    task.nonce = m_environment.random.Take(kNonceLength);
    task.exchange = crypto::KeyExchange::Generate(group, m_environment.random);
    return {wire::MakePayload(PayloadType::Sa, MakeIkeProposals(suites, SpiOctets(task.spi))),
            wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{task.nonce}),
            MakeKe(*task.exchange)};
}

void
IkeSa::Finish(Instant now, RekeyIkeTask& task, const wire::PayloadList& response)
{
    m_rekeying = false;
    const bool begins = !task.followUp;
    if (begins)
    {
        task.made = ReadSuccessor(task, response);
    }
    const bool valid =
        task.made && (begins ? BeginFollowUp(task, task.made->suite.additional, response)
                             : AdvanceFollowUp(task, response));
    if (!valid)
    {
        m_environment.ikeSpis.Release(task.spi);
        HandleRefusal(now, task, response);
        return;
    }
    const bool collided = m_peersSuccessor || IsPeerFollowingUpIke();
    const bool lost =
        m_phase == Phase::Rekeyed ||
        (collided && std::min(task.made->nonceI, task.made->nonceR) < m_peersLowestNonce);
    if (!lost && IsPeerFollowingUpIke())
    {
        ForgetFollowUp();
    }
    if (task.followUp->due.empty())
    {
        task.made->additional = task.followUp->secrets;
        FinishRekey(now, *task.made, lost);
    }
    else if (!lost && m_phase == Phase::Established)
    {
        m_rekeying = true;
        m_tasks.push_front(std::move(task));
    }
    else
    {
        // Nobody has made anything yet (RFC 9370, section 2.2.4).
        m_environment.ikeSpis.Release(task.spi);
        if (m_peersSuccessor)
        {
            Supersede(now, *m_peersSuccessor);
        }
    }
}

/// Our successor is there, and one of both has to go if the peer has made one, too.
void
IkeSa::FinishRekey(Instant now, const NewIkeSa& made, bool lost)
{
    m_environment.successors.push_back(MakeSuccessor(now, made));
    IkeSa& ours = *m_environment.successors.back();
    if (lost)
    {
        ours.Close(now);
        if (m_peersSuccessor)
        {
            Supersede(now, *m_peersSuccessor);
        }
        return;
    }
    if (m_peersSuccessor)
    {
        m_peersSuccessor->AwaitDelete(now);
    }
    Supersede(now, ours);
    m_deleteDue.reset();
    m_phase = Phase::Closing;
    Enqueue(now, CloseIkeTask{});
}

/// The IKE SA that the peer agreed to; nothing when it refused, or it is no answer to what we
/// asked.
std::optional<IkeSa::NewIkeSa>
IkeSa::ReadSuccessor(const RekeyIkeTask& task, const wire::PayloadList& response) const
{
    const auto* sa = wire::Find<wire::SaPayload>(response, PayloadType::Sa);
    const auto* nonce = wire::Find<wire::NoncePayload>(response, PayloadType::Nonce);
    const auto* ke = wire::Find<wire::KePayload>(response, PayloadType::Ke);
    const auto choice = sa ? ReadIkeAnswer(*sa) : std::nullopt;
    if (!nonce || !ke || !choice || choice->peerSpi.size() != kIkeSpiSize ||
        !WasOffered(m_peer.ikeSuites, *choice) || choice->suite.group != task.exchange->Group() ||
        ke->group != static_cast<std::uint16_t>(choice->suite.group) ||
        !IsNonceAcceptable(nonce->data, m_channel->Suite().prf) ||
        !IsNonceAcceptable(nonce->data, choice->suite.prf))
    {
        return std::nullopt;
    }
    auto shared = task.exchange->Agree(ke->data);
    if (!shared)
    {
        return std::nullopt;
    }
    return NewIkeSa{{task.spi, LoadBe64(choice->peerSpi.data())},
                    choice->suite,
                    true,
                    std::move(*shared),
                    task.nonce,
                    nonce->data};
}

/// RFC 7296, sections 1.3.2 and 2.25.2. What is no error and no answer leaves the peer with an IKE
/// SA that we cannot use, so everything has to go.
void
IkeSa::HandleRefusal(Instant now, RekeyIkeTask& task, const wire::PayloadList& response)
{
    const auto* error = wire::FindErrorNotify(response);
    const auto group = DemandedGroup(response);
    if (m_phase == Phase::Rekeyed)
    {
        return;
    }
    if (m_peersSuccessor)
    {
        Supersede(now, *m_peersSuccessor);
    }
    else if (!error)
    {
        CloseFor(now, IkeFailure::InvalidSyntax);
    }
    else if (error->type == NotifyType::TemporaryFailure ||
             error->type == NotifyType::StateNotFound)
    {
        m_rekeying = true;
        if (!Retry(now, RekeyIkeTask{}, task.refusals))
        {
            CloseFor(now, IkeFailure::OutOfStep);
        }
    }
    else if (group && IsOffered(m_peer.ikeSuites, *group) && task.demanded.empty())
    {
        m_rekeying = true;
        RekeyIkeTask next;
        next.demanded = {*group};
        m_tasks.push_front(std::move(next));
    }
    else
    {
        m_events.push_back(IkeSaRekeyRefused{m_id, m_peer.name, error->type});
    }
}

/// Sends Delete because something went wrong; an end that is on its way already stays as it is.
void
IkeSa::CloseFor(Instant now, IkeFailure reason)
{
    if (m_phase == Phase::Established)
    {
        m_phase = Phase::Closing;
        Enqueue(now, CloseIkeTask{reason, std::nullopt});
    }
}

IkeSa::Answer
IkeSa::AnswerRekeyIke(Instant now, const wire::PayloadList& request)
{
    const bool followed = IsIkeRekeyInFlight() && IsFollowUpInFlight();
    if (m_phase != Phase::Established || IsChildExchangeInFlight() || m_peersSuccessor || followed)
    {
        return Refusal(NotifyType::TemporaryFailure);
    }
    const auto* nonce = wire::Find<wire::NoncePayload>(request, PayloadType::Nonce);
    const auto* ke = wire::Find<wire::KePayload>(request, PayloadType::Ke);
    if (!ke)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    const auto choice =
        ChooseIke(m_peer.ikeSuites, *wire::Find<wire::SaPayload>(request, PayloadType::Sa));
    if (!choice || choice->peerSpi.size() != kIkeSpiSize)
    {
        return Refusal(NotifyType::NoProposalChosen);
    }
    const IkeSuite& suite = choice->suite;
    if (ke->group != static_cast<std::uint16_t>(suite.group))
    {
        return Refusal(NotifyType::InvalidKePayload, GroupOctets(suite.group));
    }
    const Bytes ours = m_environment.random.Take(kNonceLength);
    const auto exchange = crypto::KeyExchange::Generate(suite.group, m_environment.random);
    auto shared = exchange->Agree(ke->data);
    if (!shared || !IsNonceAcceptable(nonce->data, suite.prf))
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    const IkeSaId id{LoadBe64(choice->peerSpi.data()),
                     m_environment.ikeSpis.Allocate(m_environment.random)};
    m_peersLowestNonce = std::min(nonce->data, ours);
    Answer answer{{wire::MakePayload(PayloadType::Sa, AnswerIke(*choice, SpiOctets(id.spiR))),
                   wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{ours}),
                   MakeKe(*exchange)},
                  std::nullopt};
    NewIkeSa made{id, suite, false, std::move(*shared), nonce->data, ours};
    if (suite.additional.empty())
    {
        FinishAnswered(now, std::move(made));
    }
    else
    {
        answer.payloads.push_back(AwaitFollowUp(now, std::move(made)));
    }
    return answer;
}

/// The successor that the peer wanted is there.
void
IkeSa::FinishAnswered(Instant now, NewIkeSa made)
{
    m_environment.successors.push_back(MakeSuccessor(now, made));
    IkeSa& successor = *m_environment.successors.back();
    successor.m_proofDue = now + Patience();
    if (IsIkeRekeyInFlight())
    {
        m_peersSuccessor = &successor;
        successor.m_predecessor = this;
    }
    else
    {
        Supersede(now, successor);
    }
}

std::unique_ptr<IkeSa>
IkeSa::MakeSuccessor(Instant now, const NewIkeSa& made) const
{
    const Bytes seed = ComputeRekeySkeyseed(m_channel->Suite().prf,
                                            m_channel->Keys().skD,
                                            made.shared,
                                            made.nonceI,
                                            made.nonceR,
                                            made.additional);
    IkeKeys keys =
        DeriveIkeKeys(made.suite, seed, made.nonceI, made.nonceR, made.id.spiI, made.id.spiR);
    std::unique_ptr<IkeSa> sa(new IkeSa(m_environment, m_peer, m_path, made.initiator, made.id));
    sa->m_channel.emplace(made.id, made.initiator, made.suite, std::move(keys));
    sa->m_channel->SetFragmentLimit(m_channel->FragmentLimit());
    sa->m_abilities = m_abilities;
    sa->m_extensions = m_extensions.Clone();
    sa->Establish(now);
    return sa;
}

/**
 * The other IKE SA inherits all Child SAs and what is still to be done for them; this one waits for
 * the peer's Delete. An end that was asked for goes over, too.
 */
void
IkeSa::Supersede(Instant now, IkeSa& survivor)
{
    const bool close = m_phase == Phase::Closing;
    ForgetFollowUp();
    for (const auto& child : m_children)
    {
        m_environment.childSpis.Move(child.spiInbound, survivor.LocalSpi());
    }
    for (const auto& child : m_retired)
    {
        m_environment.childSpis.Move(child.spiInbound, survivor.LocalSpi());
    }
    std::move(m_children.begin(), m_children.end(), std::back_inserter(survivor.m_children));
    std::move(m_retired.begin(), m_retired.end(), std::back_inserter(survivor.m_retired));
    const auto goesOver = [](const Task& task)
    {
        return std::holds_alternative<CreateChildTask>(task) ||
               std::holds_alternative<CloseChildTask>(task) ||
               std::holds_alternative<InformTask>(task);
    };
    for (auto& task : m_tasks)
    {
        if (goesOver(task))
        {
            survivor.m_tasks.push_back(std::move(task));
        }
    }
    for (auto& delayed : m_delayed)
    {
        if (goesOver(delayed.task))
        {
            survivor.m_delayed.push_back(std::move(delayed));
        }
    }
    m_children.clear();
    m_retired.clear();
    m_tasks.clear();
    m_delayed.clear();
    Unlink();
    m_events.push_back(IkeSaRekeyed{m_id, m_peer.name, survivor.m_id});
    survivor.m_extensions = m_extensions.Clone();
    survivor.m_extensions.TakeOver(survivor);
    AwaitDelete(now);
    m_environment.touched.push_back(LocalSpi());
    m_environment.touched.push_back(survivor.LocalSpi());
    if (close)
    {
        survivor.Close(now);
    }
}

/// This IKE SA is redundant or replaced, and it is for the peer to delete it.
void
IkeSa::AwaitDelete(Instant now)
{
    Unlink();
    m_phase = Phase::Rekeyed;
    m_proofDue.reset();
    m_deleteDue = now + Patience();
    m_environment.touched.push_back(LocalSpi());
}

/// Whatever this SA and another were waiting for to settle between them is settled.
void
IkeSa::Unlink()
{
    if (m_peersSuccessor)
    {
        m_peersSuccessor->m_predecessor = nullptr;
        m_peersSuccessor = nullptr;
    }
    if (m_predecessor)
    {
        m_predecessor->m_peersSuccessor = nullptr;
        m_predecessor = nullptr;
    }
}

} // namespace ipseclab::ike
