/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sad.h"

#include "model/esp/spd.h"

#include <algorithm>

namespace ipseclab::esp
{

namespace
{

bool
FitsSelectors(const OutboundSaConfig& config, const PacketSelectors& packet)
{
    return MatchesAny(config.localSelectors, packet.source, packet.sourcePort, packet) &&
           MatchesAny(config.remoteSelectors, packet.destination, packet.destinationPort, packet);
}

bool
Fits(const OutboundSaConfig& config, const PacketSelectors& packet)
{
    if (packet.laterFragment && packet.portsKnown && !config.laterFragments)
    {
        PacketSelectors itself = packet; // its ports are remembered, but not for such an SA
        itself.portsKnown = false;
        return Fits(config, itself);
    }
    return FitsSelectors(config, packet) &&
           (!config.resource || config.resource == packet.resource) &&
           (!config.dscpsBind || TellClass(config, packet) != ClassFit::Foreign);
}

/// How well an SA suits, the larger the better: ready, then the kind of its list of DSCPs, then
/// whether it is the resource's own, then the length of the list.
std::size_t
Rank(const OutboundSaConfig& config, bool ready, const PacketSelectors& packet)
{
    const auto fit = static_cast<std::size_t>(TellClass(config, packet));
    constexpr std::size_t kLists = 65;
    const std::size_t kind = 2 * ((ready ? 3U : 0U) + fit) + (config.resource ? 1U : 0U);
    return kind * kLists + (kLists - 1 - config.dscps.count());
}

} // namespace

ClassFit
TellClass(const OutboundSaConfig& config, const PacketSelectors& packet)
{
    if (config.dscps.none())
    {
        return ClassFit::Unlisted;
    }
    return config.dscps[packet.dscp] ? ClassFit::Listed : ClassFit::Foreign;
}

bool
Sad::Add(const std::string& peer,
         std::unique_ptr<OutboundSa> outbound,
         std::unique_ptr<InboundSa> inbound,
         bool outboundReady)
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
    const auto [senders, isNew] = m_outbound.try_emplace(peer);
    senders->second.scope = isNew ? ++m_scopes : senders->second.scope;
    senders->second.list.push_back({sender, outboundReady});
    m_flows.Clear();
    m_awaiting += outboundReady ? 0 : 1;
    return true;
}

Sad::Sender*
Sad::FindSender(std::uint32_t spiInbound)
{
    const auto found = m_pairs.find(spiInbound);
    const auto list =
        found == m_pairs.end() ? m_outbound.end() : m_outbound.find(found->second.peer);
    if (list == m_outbound.end())
    {
        return nullptr;
    }
    auto& senders = list->second.list;
    const auto sender =
        std::find_if(senders.begin(),
                     senders.end(),
                     [&](const Sender& s) { return s.sa == found->second.outbound.get(); });
    return sender == senders.end() ? nullptr : &*sender;
}

void
Sad::SetOutboundReady(std::uint32_t spiInbound)
{
    Sender* const sender = FindSender(spiInbound);
    if (sender && !sender->ready)
    {
        sender->ready = true;
        m_flows.Clear();
        --m_awaiting;
    }
}

bool
Sad::RetireOutbound(std::uint32_t spiInbound)
{
    const Sender* const sender = FindSender(spiInbound);
    if (!sender)
    {
        return false;
    }
    m_awaiting -= sender->ready ? 0 : 1;
    const auto senders = m_outbound.find(m_pairs.at(spiInbound).peer);
    auto& list = senders->second.list;
    m_flows.Clear();
    list.erase(list.begin() + (sender - list.data()));
    if (list.empty())
    {
        m_outbound.erase(senders);
    }
    return true;
}

bool
Sad::SetOuter(std::uint32_t spiInbound,
              const IpAddress& local,
              const IpAddress& remote,
              const std::optional<wire::UdpPorts>& udp)
{
    const auto found = m_pairs.find(spiInbound);
    if (found == m_pairs.end() || !found->second.outbound->SetOuter(local, remote, udp))
    {
        return false;
    }
    found->second.inbound->SetOuter(remote, local, wire::Reversed(udp));
    return true;
}

bool
Sad::Remove(std::uint32_t spiInbound)
{
    RetireOutbound(spiInbound);
    return m_pairs.erase(spiInbound) != 0;
}

InboundSa*
Sad::FindInbound(std::uint32_t spi) const
{
    const auto found = m_pairs.find(spi);
    return found == m_pairs.end() ? nullptr : found->second.inbound.get();
}

bool
Sad::HasOutbound(const std::string& peer, bool opaque) const
{
    const auto found = m_outbound.find(peer);
    return found != m_outbound.end() &&
           std::any_of(found->second.list.begin(),
                       found->second.list.end(),
                       [opaque](const Sender& sender)
                       {
                           const OutboundSaConfig& config = sender.sa->Config();
                           return (AreOpaque(config.localSelectors) ||
                                   AreOpaque(config.remoteSelectors)) == opaque;
                       });
}

bool
Sad::NamesHosts(const std::string& peer, const PacketSelectors& packet) const
{
    const auto found = m_outbound.find(peer);
    return found != m_outbound.end() &&
           std::any_of(found->second.list.begin(),
                       found->second.list.end(),
                       [&packet](const Sender& sender)
                       {
                           const OutboundSaConfig& config = sender.sa->Config();
                           return NamesHost(config.localSelectors, packet.source, packet) &&
                                  NamesHost(config.remoteSelectors, packet.destination, packet);
                       });
}

bool
Sad::IsOutboundReady(std::uint32_t spiInbound)
{
    const Sender* const sender = FindSender(spiInbound);
    return sender && sender->ready;
}

OutboundSa*
Sad::FindOutboundOf(std::uint32_t spiInbound) const
{
    const auto found = m_pairs.find(spiInbound);
    return found == m_pairs.end() ? nullptr : found->second.outbound.get();
}

OutboundSa*
Sad::FindOutbound(const std::string& peer) const
{
    const auto found = m_outbound.find(peer);
    if (found == m_outbound.end())
    {
        return nullptr;
    }
    return Newest(found->second);
}

OutboundSa*
Sad::FindOutbound(const std::string& peer, const PacketSelectors& packet)
{
    const auto found = m_outbound.find(peer);
    if (found == m_outbound.end())
    {
        return nullptr;
    }
    const Senders& senders = found->second;
    return senders.list.size() == 1
             ? Choose(senders, packet)
             : m_flows.Get(packet, senders.scope, [&] { return Choose(senders, packet); });
}

OutboundSa*
Sad::Choose(const Senders& senders, const PacketSelectors& packet)
{
    OutboundSa* best = nullptr;
    std::size_t bestRank = 0;
    for (const Sender& sender : senders.list)
    {
        const OutboundSaConfig& config = sender.sa->Config();
        const std::size_t rank = Rank(config, sender.ready, packet);
        if (Fits(config, packet) && (!best || rank >= bestRank))
        {
            best = sender.sa;
            bestRank = rank;
        }
    }
    return best;
}

OutboundSa*
Sad::Newest(const Senders& senders)
{
    const auto ready = std::find_if(senders.list.rbegin(),
                                    senders.list.rend(),
                                    [](const Sender& sender) { return sender.ready; });
    return ready == senders.list.rend() ? senders.list.back().sa : ready->sa;
}

const OutboundSa*
Sad::FindOutbound(const IpAddress& destination, std::uint32_t spi) const
{
    for (const auto& pair : m_pairs)
    {
        const OutboundSa* const sa = pair.second.outbound.get();
        if (sa && sa->Config().spi == spi && sa->Config().outerDestination == destination)
        {
            return sa;
        }
    }
    return nullptr;
}

} // namespace ipseclab::esp
