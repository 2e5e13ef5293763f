/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

/*
 * IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH, once for each additional key exchange that was
 * agreed on (RFC 9242; RFC 9370, section 2.2.2).
 *
 *   HDR(1), SK{KEi(1)} -------------->
 *                       <------------- HDR(1), SK{KEr(1)}     both under the keys of before
 *   ...                                                       the next exchange under those of
 * after HDR(n+1), SK{IDi, AUTH, ...} ---->
 *
 * Nothing is authenticated yet: an initiator goes on with every candidate by itself, and a
 * responder keeps a half-open IKE SA for as long as without.
 */

namespace ipseclab::ike
{

using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;

bool
IkeSa::AwaitsIntermediate() const
{
    return m_channel && m_rounds.done < m_channel->Suite().additional.size();
}

/// What follows IKE_SA_INIT, or the last IKE_INTERMEDIATE, of an initiator: the request is sealed
/// and the candidate added. False when we have no proof that the peer would take.
bool
IkeSa::ContinueCandidate(InitResult init, std::uint32_t messageId)
{
    const bool more = init.rounds.done < init.channel.Suite().additional.size();
    const auto exchange = more ? ExchangeType::IkeIntermediate : ExchangeType::IkeAuth;
    init.transcript.intermediate = init.rounds.transcript.Octets(messageId);
    auto payloads =
        more ? MakeIntermediateRequest(init, m_environment.random) : MakeAuthRequest(init);
    if (!payloads)
    {
        return false;
    }
    init.extensions.Encode(*this, {exchange, false}, *payloads);
    auto request = init.channel.SealParts(exchange, messageId, false, *payloads);
    if (more)
    {
        const Bytes plaintext = wire::SerializePayloads(*payloads);
        init.rounds.transcript.Add(
            init.channel.Suite().prf,
            init.channel.Keys().skPi,
            DescribeIntermediate(request.front(), wire::FirstType(*payloads), plaintext));
    }
    const NatSituation& nat = init.abilities.nat;
    const bool floats = nat.UsesUdp() || (nat.detected && init.extensions.FloatsPorts());
    const Path path = floats ? FloatPorts(m_path) : m_path;
    m_candidates.push_back({std::move(init), path, exchange, messageId, std::move(request)});
    return true;
}

wire::PayloadList
IkeSa::MakeIntermediateRequest(InitResult& init, crypto::RandomSource& random)
{
    const auto group = init.channel.Suite().additional[init.rounds.done];
    init.rounds.exchange = crypto::KeyExchange::Generate(group, random);
    return {MakeKe(*init.rounds.exchange)};
}

/// The candidate has the next keys, unless the response is not what was to come.
std::optional<IkeFailure>
IkeSa::FinishIntermediate(Candidate& candidate, ByteSpan octets, const OpenedPayload& opened)
{
    InitResult& init = candidate.init;
    const auto shared = Agree(*init.rounds.exchange, opened.payloads);
    if (!shared)
    {
        const auto* error = wire::FindErrorNotify(opened.payloads);
        return error ? ToFailure(error->type) : IkeFailure::UnacceptableKe;
    }
    const bool joined = !opened.firstFragment.empty();
    init.rounds.transcript.Add(
        init.channel.Suite().prf,
        init.channel.Keys().skPr,
        DescribeIntermediate(joined ? ByteSpan(opened.firstFragment) : octets,
                             opened.firstInner,
                             opened.plaintext));
    init.rounds.spent.push_back(init.channel.Keys());
    init.channel =
        init.channel.NextGeneration(*shared, init.transcript.nonceI, init.transcript.nonceR);
    init.rounds.exchange.reset();
    ++init.rounds.done;
    return std::nullopt;
}

void
IkeSa::AskNext(Instant now, InitResult init, std::uint32_t messageId)
{
    if (ContinueCandidate(std::move(init), messageId))
    {
        SendAll(now, m_candidates.back());
    }
    else if (m_candidates.empty())
    {
        Finished(IkeFailure::AuthenticationFailed);
    }
}

void
IkeSa::NoteIntermediateRequest(ByteSpan request, const OpenedPayload& opened)
{
    m_rounds.transcript.Add(m_channel->Suite().prf,
                            m_channel->Keys().skPi,
                            DescribeIntermediate(request, opened.firstInner, opened.plaintext));
}

IkeSa::Answer
IkeSa::AnswerIntermediate(const wire::PayloadList& request)
{
    const auto group = m_channel->Suite().additional[m_rounds.done];
    const auto exchange = crypto::KeyExchange::Generate(group, m_environment.random);
    auto shared = Agree(*exchange, request);
    if (!shared)
    {
        return Fatal(NotifyType::InvalidSyntax);
    }
    m_rounds.shared = std::move(*shared);
    return {{MakeKe(*exchange)}, std::nullopt};
}

/// The response has been sealed with the keys of before.
void
IkeSa::FinishIntermediateAnswer(const wire::PayloadList& answer)
{
    const Bytes plaintext = wire::SerializePayloads(answer);
    m_rounds.transcript.Add(
        m_channel->Suite().prf,
        m_channel->Keys().skPr,
        DescribeIntermediate(m_lastAnswer.responses.front(), wire::FirstType(answer), plaintext));
    m_rounds.spent.push_back(m_channel->Keys());
    m_channel =
        m_channel->NextGeneration(m_rounds.shared, m_transcript.nonceI, m_transcript.nonceR);
    ++m_rounds.done;
    m_transcript.intermediate = m_rounds.transcript.Octets(m_expectedRequestId);
}

} // namespace ipseclab::ike
