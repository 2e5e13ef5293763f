/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SAD_H
#define IPSECLAB_ESP_SAD_H

#include "model/esp/esp-sa.h"
#include "model/esp/flow-cache.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ipseclab::esp
{

/// How a packet's DSCP stands to the DSCPs that an SA lists.
enum class ClassFit : std::uint8_t
{
    Foreign,  ///< the SA lists others
    Unlisted, ///< the SA has no list
    Listed,
};

ClassFit TellClass(const OutboundSaConfig& config, const PacketSelectors& packet);

/// The security association database of one node.
class Sad
{
  public:
    /**
     * Adds a pair. False, and nothing is added, when the inbound SPI is taken.
     * \param outboundReady false: the peer may not have its half yet, so an older SA is preferred
     *        until SetOutboundReady (RFC 7296, section 2.8)
     */
    bool Add(const std::string& peer,
             std::unique_ptr<OutboundSa> outbound,
             std::unique_ptr<InboundSa> inbound,
             bool outboundReady = true);
    /// The peer has the pair with this inbound SPI; nothing happens when there is no such pair.
    void SetOutboundReady(std::uint32_t spiInbound);
    /// The pair does not send any more, but still receives; false when there is none.
    bool RetireOutbound(std::uint32_t spiInbound);
    /// The pair goes between these addresses and ports from now on, ports as of what is sent; false
    /// when there is no such pair or an address does not fit.
    bool SetOuter(std::uint32_t spiInbound,
                  const IpAddress& local,
                  const IpAddress& remote,
                  const std::optional<wire::UdpPorts>& udp);
    /// Removes the pair with this inbound SPI; false when there is none.
    bool Remove(std::uint32_t spiInbound);

    /// O(1); unicast SAs need only the SPI (RFC 4301, section 4.1).
    InboundSa* FindInbound(std::uint32_t spi) const;
    /**
     * Of the SAs to that peer whose selectors fit the packet (RFC 4301, section 4.4.2.1), one that
     * is ready, if any is; of these one that lists the packet's DSCP, rather than one without a
     * list, rather than one that lists others; of these one that belongs to the packet's resource,
     * of these the one with the shortest list, of equals the newest. Null when none fits. O(1) with
     * one SA, and for a known flow with many.
     */
    OutboundSa* FindOutbound(const std::string& peer, const PacketSelectors& packet);
    /// The newest SA to that peer that is ready; if none is, the newest at all; null without any.
    OutboundSa* FindOutbound(const std::string& peer) const;

    /// Whether any pair may send to that peer that is for OPAQUE ports, or that is not.
    bool HasOutbound(const std::string& peer, bool opaque) const;
    /// Whether a pair would send such packets to that peer if they had other ports.
    bool NamesHosts(const std::string& peer, const PacketSelectors& packet) const;

    /// Whether the pair with this inbound SPI may send.
    bool IsOutboundReady(std::uint32_t spiInbound);
    /// Of the pair with this inbound SPI, also when it does not send any more; null without.
    OutboundSa* FindOutboundOf(std::uint32_t spiInbound) const;

    /// By what a report about one of its packets quotes (RFC 4301, section 8.2); null when there is
    /// none. Linear in the number of pairs.
    const OutboundSa* FindOutbound(const IpAddress& destination, std::uint32_t spi) const;

    /// Whether an authentic packet may be the proof that some pair is ready to send.
    bool AwaitsProof() const
    {
        return m_awaiting != 0;
    }

    std::size_t PairCount() const
    {
        return m_pairs.size();
    }

  private:
    struct Pair
    {
        std::string peer;
        std::unique_ptr<OutboundSa> outbound;
        std::unique_ptr<InboundSa> inbound;
    };

    struct Sender
    {
        OutboundSa* sa;
        bool ready;
    };

    struct Senders
    {
        std::vector<Sender> list; ///< oldest first
        std::uint64_t scope;      ///< of the flows to this peer, in the cache
    };

    static OutboundSa* Choose(const Senders& senders, const PacketSelectors& packet);
    static OutboundSa* Newest(const Senders& senders);
    Sender* FindSender(std::uint32_t spiInbound);

    std::unordered_map<std::uint32_t, Pair> m_pairs;
    std::unordered_map<std::string, Senders> m_outbound;
    FlowCache<OutboundSa*> m_flows; ///< cleared with every change of senders
    std::uint64_t m_scopes{0};      ///< that were given out
    std::size_t m_awaiting{0};      ///< senders not ready
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SAD_H
