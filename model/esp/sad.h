/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SAD_H
#define IPSECLAB_ESP_SAD_H

#include "model/esp/esp-sa.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ipseclab::esp
{

/// The security association database of one node.
class Sad
{
  public:
    /// Adds a pair. False, and nothing is added, when the inbound SPI is taken.
    bool Add(const std::string& peer,
             std::unique_ptr<OutboundSa> outbound,
             std::unique_ptr<InboundSa> inbound);
    /// Removes the pair with this inbound SPI; false when there is none.
    bool Remove(std::uint32_t spiInbound);

    /// O(1); unicast SAs need only the SPI (RFC 4301, section 4.1).
    InboundSa* FindInbound(std::uint32_t spi) const;
    /// The newest SA to that peer, or null.
    OutboundSa* FindOutbound(const std::string& peer) const;

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

    std::unordered_map<std::uint32_t, Pair> m_pairs;
    std::unordered_map<std::string, std::vector<OutboundSa*>> m_outbound; ///< oldest first
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SAD_H
