/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

wire::PayloadList
IkeSa::Request(const LivenessTask&) const
{
    return {};
}

wire::PayloadList
IkeSa::Request(CloseChildTask& task) const
{
    const ChildSa* child = FindChild(task.spiInbound);
    task.unconfirmed = child && !child->confirmed;
    Bytes spi(4);
    StoreBe32(spi.data(), task.spiInbound);
    return {wire::MakePayload(PayloadType::Delete,
                              wire::DeletePayload{wire::ProtocolId::Esp, 4, {spi}})};
}

wire::PayloadList
IkeSa::Request(const CloseIkeTask& task) const
{
    if (task.error)
    {
        return {wire::MakeNotify(*task.error)};
    }
    return {
        wire::MakePayload(PayloadType::Delete, wire::DeletePayload{wire::ProtocolId::Ike, 0, {}})};
}

wire::PayloadList
IkeSa::Request(const InformTask& task) const
{
    return task.request;
}

void
IkeSa::Finish(Instant, const LivenessTask&, const wire::PayloadList&)
{
}

void
IkeSa::Finish(Instant now, const InformTask& task, const wire::PayloadList& response)
{
    m_extensions.FinishInformational(now, *this, task.request, response);
}

/**
 * A peer that has not yet got our answer that made the Child SA does not know what we delete, and
 * would keep its half. So the request is made again, unless the answer names the SA.
 */
void
IkeSa::Finish(Instant now, const CloseChildTask& task, const wire::PayloadList& response)
{
    const auto* del = wire::Find<wire::DeletePayload>(response, PayloadType::Delete);
    if (task.unconfirmed && !del && FindChild(task.spiInbound) && Retry(now, task, task.refusals))
    {
        return;
    }
    RetireChild(now, task.spiInbound);
}

void
IkeSa::Finish(Instant, const CloseIkeTask& task, const wire::PayloadList&)
{
    Finished(task.reason);
}

IkeSa::Answer
IkeSa::AnswerInformational(Instant now, const Path& path, const wire::PayloadList& request)
{
    // RFC 7296, section 2.21.2: an initiator that does not accept our IKE_AUTH response says so.
    if (wire::FindNotify(request, NotifyType::AuthenticationFailed))
    {
        return {{}, IkeFailure::AuthenticationFailed};
    }
    Answer answer;
    for (const auto& payload : request)
    {
        const auto* del = std::get_if<wire::DeletePayload>(&payload.body);
        if (!del)
        {
            continue;
        }
        if (del->protocol == wire::ProtocolId::Ike)
        {
            // The peer has not noticed our own rekeying, or has won (RFC 7296, section 2.25.2).
            if (m_peersSuccessor)
            {
                Supersede(now, *m_peersSuccessor);
            }
            return {{}, IkeFailure::None};
        }
        const auto deleted = AnswerDelete(now, *del);
        answer.payloads.insert(answer.payloads.end(), deleted.begin(), deleted.end());
    }
    m_extensions.AnswerInformational(now, *this, path, request, answer.payloads);
    return answer;
}

/**
 * The Delete payload with our SPIs of the Child SAs that the peer deletes (RFC 7296, section
 * 1.4.1). Those that we are deleting ourselves are left out, for our request names them already;
 * without any other there is no payload.
 */
wire::PayloadList
IkeSa::AnswerDelete(Instant now, const wire::DeletePayload& request)
{
    wire::DeletePayload answer{wire::ProtocolId::Esp, 4, {}};
    for (const auto& spi : request.spis)
    {
        const bool esp = request.protocol == wire::ProtocolId::Esp && spi.size() == 4;
        const ChildSa* child = esp ? FindChildByOutbound(spi) : nullptr;
        if (!child)
        {
            continue;
        }
        const std::uint32_t spiInbound = child->spiInbound;
        if (!child->closing)
        {
            Bytes ours(4);
            StoreBe32(ours.data(), spiInbound);
            answer.spis.push_back(std::move(ours));
        }
        RetireChild(now, spiInbound);
    }
    if (answer.spis.empty())
    {
        return {};
    }
    return {wire::MakePayload(PayloadType::Delete, std::move(answer))};
}

} // namespace ipseclab::ike
