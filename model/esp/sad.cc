/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sad.h"

#include <algorithm>

namespace ipseclab::esp
{

bool Sad::Add(const std::string& peer,
              std::unique_ptr<OutboundSa> outbound,
              std::unique_ptr<InboundSa> inbound)
{
    if (!outbound || !inbound)
    {
        return false;
    }
    OutboundSa* const sender = outbound.get();
    const std::uint32_t spi = inbound->Config().spi;
    Pair pair{peer, std::move(outbound), std::move(inbound)};
    if (!m_pairs.try_emplace(spi, std::move(pair)).second)
    {
        return false;
    }
    m_outbound[peer].push_back(sender);
    return true;
}

bool Sad::Remove(std::uint32_t spiInbound)
{
    const auto found = m_pairs.find(spiInbound);
    if (found == m_pairs.end())
    {
        return false;
    }
    const auto senders = m_outbound.find(found->second.peer);
    auto& list = senders->second;
    list.erase(std::find(list.begin(), list.end(), found->second.outbound.get()));
    if (list.empty())
    {
        m_outbound.erase(senders);
    }
    m_pairs.erase(found);
    return true;
}

InboundSa* Sad::FindInbound(std::uint32_t spi) const
{
    const auto found = m_pairs.find(spi);
    return found == m_pairs.end() ? nullptr : found->second.inbound.get();
}

OutboundSa* Sad::FindOutbound(const std::string& peer) const
{
    const auto found = m_outbound.find(peer);
    return found == m_outbound.end() ? nullptr : found->second.back();
}

} // namespace ipseclab::esp
