/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;

wire::PayloadList IkeSa::Request(const LivenessTask&) const
{
    return {};
}

wire::PayloadList IkeSa::Request(const CloseChildTask& task) const
{
    Bytes spi(4);
    StoreBe32(spi.data(), task.spiInbound);
    return {wire::MakePayload(PayloadType::Delete,
                              wire::DeletePayload{wire::ProtocolId::Esp, 4, {spi}})};
}

wire::PayloadList IkeSa::Request(const CloseIkeTask& task) const
{
    if (task.error)
    {
        return {wire::MakeNotify(*task.error)};
    }
    return {
        wire::MakePayload(PayloadType::Delete, wire::DeletePayload{wire::ProtocolId::Ike, 0, {}})};
}

void IkeSa::Finish(const LivenessTask&) {}

void IkeSa::Finish(const CloseChildTask& task)
{
    RemoveChild(task.spiInbound);
}

void IkeSa::Finish(const CloseIkeTask& task)
{
    Finished(task.reason);
}

IkeSa::Answer IkeSa::AnswerInformational(const wire::PayloadList& request)
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
            return {{}, IkeFailure::None};
        }
        const auto deleted = AnswerDelete(*del);
        answer.payloads.insert(answer.payloads.end(), deleted.begin(), deleted.end());
    }
    return answer;
}

/**
 * The Delete payload with our SPIs of the Child SAs that the peer deletes (RFC 7296, section
 * 1.4.1). Those that we are deleting ourselves are left out, for our request names them already;
 * without any other there is no payload.
 */
wire::PayloadList IkeSa::AnswerDelete(const wire::DeletePayload& request)
{
    wire::DeletePayload answer{wire::ProtocolId::Esp, 4, {}};
    for (const auto& spi : request.spis)
    {
        const bool esp = request.protocol == wire::ProtocolId::Esp && spi.size() == 4;
        const auto child = std::find_if(m_children.begin(),
                                        m_children.end(),
                                        [&](const ChildSa& c)
                                        { return esp && c.spiOutbound == LoadBe32(spi.data()); });
        if (child == m_children.end())
        {
            continue;
        }
        if (!child->closing)
        {
            Bytes ours(4);
            StoreBe32(ours.data(), child->spiInbound);
            answer.spis.push_back(std::move(ours));
        }
        RemoveChild(child->spiInbound);
    }
    if (answer.spis.empty())
    {
        return {};
    }
    return {wire::MakePayload(PayloadType::Delete, std::move(answer))};
}

void IkeSa::RemoveChild(std::uint32_t spiInbound)
{
    const auto child = std::find_if(m_children.begin(),
                                    m_children.end(),
                                    [&](const ChildSa& c) { return c.spiInbound == spiInbound; });
    if (child == m_children.end())
    {
        return;
    }
    m_events.push_back(ChildSaRemoved{m_id, m_peer.name, child->spiInbound, child->spiOutbound});
    m_environment.childSpis.Release(spiInbound);
    m_children.erase(child);
}

} // namespace ipseclab::ike
