/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>

/*
 * IKE_FOLLOWUP_KE after CREATE_CHILD_SA, once for each additional key exchange that was agreed on
 * (RFC 9370, section 2.2.4). The new SA exists only after the last one.
 *
 *   CREATE_CHILD_SA: SA, Ni, KEi(0), ... ---->
 *                                        <---- SA, Nr, KEr(0), ..., N(ADDITIONAL_KEY_EXCHANGE)(1)
 *   IKE_FOLLOWUP_KE: KEi(1), N(A_K_E)(1) ---->
 *                                        <---- KEr(1), N(A_K_E)(2)
 *   IKE_FOLLOWUP_KE: KEi(2), N(A_K_E)(2) ---->
 *                                        <---- KEr(2)
 *
 * When both sides rekey at once the nonces of CREATE_CHILD_SA tell who goes on; the other one
 * stops, and there is nothing to delete. The side that answers keeps one exchange that is not
 * through, until the peer begins another or does not go on in time.
 */

namespace ipseclab::ike
{

using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;

namespace
{

/// RFC 9370, section 2.2.4, leaves the length of the link open.
constexpr std::size_t kLinkLength = 8;

} // namespace

// ---- as the side that asks

/// The methods that are left after CREATE_CHILD_SA; false without the link that they need.
bool
IkeSa::BeginFollowUp(KeyingTask& task,
                     const std::vector<crypto::GroupId>& methods,
                     const wire::PayloadList& response)
{
    const auto* link = wire::FindNotify(response, NotifyType::AdditionalKeyExchange);
    task.followUp = FollowUp{methods, link ? link->data : Bytes()};
    return link || methods.empty();
}

wire::PayloadList
IkeSa::RequestFollowUp(KeyingTask& task)
{
    task.exchange = crypto::KeyExchange::Generate(task.followUp->due.front(), m_environment.random);
    return {MakeKe(*task.exchange),
            wire::MakeNotify(NotifyType::AdditionalKeyExchange, task.followUp->link)};
}

/// One method less to do; false when it is no answer to what we asked.
bool
IkeSa::AdvanceFollowUp(KeyingTask& task, const wire::PayloadList& response)
{
    FollowUp& followUp = *task.followUp;
    const auto shared = Agree(*task.exchange, response);
    const auto* link = wire::FindNotify(response, NotifyType::AdditionalKeyExchange);
    if (!shared || (!link && followUp.due.size() > 1))
    {
        return false;
    }
    followUp.secrets.insert(followUp.secrets.end(), shared->begin(), shared->end());
    followUp.due.erase(followUp.due.begin());
    followUp.link = link ? link->data : Bytes();
    return true;
}

bool
IkeSa::IsFollowUpInFlight() const
{
    const auto* child = m_inFlight ? std::get_if<CreateChildTask>(&m_inFlight->task) : nullptr;
    const auto* ike = m_inFlight ? std::get_if<RekeyIkeTask>(&m_inFlight->task) : nullptr;
    return (child && child->followUp) || (ike && ike->followUp);
}

// ---- as the side that answers

/// Keeps what CREATE_CHILD_SA has settled; what the response says of it.
wire::Payload
IkeSa::AwaitFollowUp(Instant now, std::variant<NewChild, NewIkeSa> made)
{
    auto due = std::visit([](const auto& m) { return m.suite.additional; }, made);
    PeersFollowUp awaited{{std::move(due), m_environment.random.Take(kLinkLength)},
                          std::move(made),
                          now + Patience()};
    m_peersFollowUp = std::make_unique<PeersFollowUp>(std::move(awaited));
    return wire::MakeNotify(NotifyType::AdditionalKeyExchange, m_peersFollowUp->link);
}

IkeSa::Answer
IkeSa::AnswerFollowUp(Instant now, const wire::PayloadList& request)
{
    const auto* link = wire::FindNotify(request, NotifyType::AdditionalKeyExchange);
    if (!m_peersFollowUp || !link || link->data != m_peersFollowUp->link)
    {
        return Refusal(NotifyType::StateNotFound);
    }
    if (!TakesFollowUp())
    {
        ForgetFollowUp();
        return Refusal(NotifyType::TemporaryFailure);
    }
    PeersFollowUp& awaited = *m_peersFollowUp;
    const auto exchange = crypto::KeyExchange::Generate(awaited.due.front(), m_environment.random);
    const auto shared = Agree(*exchange, request);
    if (!shared)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    awaited.secrets.insert(awaited.secrets.end(), shared->begin(), shared->end());
    awaited.due.erase(awaited.due.begin());
    Answer answer{{MakeKe(*exchange)}, std::nullopt};
    if (!awaited.due.empty())
    {
        awaited.link = m_environment.random.Take(kLinkLength);
        awaited.until = now + Patience();
        answer.payloads.push_back(
            wire::MakeNotify(NotifyType::AdditionalKeyExchange, awaited.link));
        return answer;
    }
    const auto done = std::move(m_peersFollowUp);
    std::visit(
        [&](auto& made)
        {
            made.additional = std::move(done->secrets);
            FinishAnswered(now, std::move(made));
        },
        done->made);
    return answer;
}

/// Whether the world is still as it was when CREATE_CHILD_SA was answered.
bool
IkeSa::TakesFollowUp() const
{
    const auto* child = std::get_if<NewChild>(&m_peersFollowUp->made);
    const ChildSa* old = child && child->replaces ? FindChild(*child->replaces) : nullptr;
    return m_phase == Phase::Established && !(old && old->closing);
}

bool
IkeSa::IsPeerFollowingUpIke() const
{
    return m_peersFollowUp && std::holds_alternative<NewIkeSa>(m_peersFollowUp->made);
}

/// Whether it does so to replace the same Child SA.
bool
IkeSa::IsPeerFollowingUp(const CreateChildTask& rival) const
{
    const auto* child = m_peersFollowUp ? std::get_if<NewChild>(&m_peersFollowUp->made) : nullptr;
    return child && child->replaces && child->replaces == rival.rekeyOf;
}

/// What the peer would refuse while it is rekeying the IKE SA (RFC 7296, section 2.25.2).
bool
IkeSa::MustWait(const Task& task) const
{
    return IsPeerFollowingUpIke() && (std::holds_alternative<CreateChildTask>(task) ||
                                      std::holds_alternative<CloseChildTask>(task) ||
                                      std::holds_alternative<RekeyIkeTask>(task));
}

/// The peer has begun something else, or has given it up.
void
IkeSa::ForgetFollowUp()
{
    const auto forgotten = std::move(m_peersFollowUp);
    if (!forgotten)
    {
        return;
    }
    if (const auto* child = std::get_if<NewChild>(&forgotten->made))
    {
        ForgetRival(child->spiInbound);
    }
    else
    {
        m_environment.ikeSpis.Release(std::get<NewIkeSa>(forgotten->made).id.spiR);
    }
}

} // namespace ipseclab::ike
