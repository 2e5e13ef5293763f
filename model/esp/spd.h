/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SPD_H
#define IPSECLAB_ESP_SPD_H

#include "model/esp/flow-cache.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace ipseclab::esp
{

enum class SpdAction : std::uint8_t
{
    Protect,
    Bypass,
    Discard,
};

/// One ordered entry (RFC 4301, section 4.4.1). Local and remote are as seen from this node.
struct SpdEntry
{
    std::string name;
    TrafficSelectorList local;  ///< empty: any
    TrafficSelectorList remote; ///< empty: any
    SpdAction action{SpdAction::Discard};
    std::string peer; ///< with whom, for Protect

    /// For fragments that are not the first, and nothing else (RFC 4301, section 7.2).
    bool IsOpaque() const
    {
        return AreOpaque(local) || AreOpaque(remote);
    }
};

/// Does one of the selectors match this end of a packet? An empty list matches any.
bool MatchesAny(const TrafficSelectorList& selectors,
                const IpAddress& address,
                std::uint16_t port,
                const PacketSelectors& packet);

/// Does one of them name the address and the packet's protocol, whatever the port? In IPv6 the
/// protocol of a later fragment may be that of a header before the one that counts: any will do.
bool NamesHost(const TrafficSelectorList& selectors,
               const IpAddress& address,
               const PacketSelectors& packet);

/**
 * The security policy database: the first entry that matches decides; none: discard. Answers for
 * whole 5-tuples are kept in a table of fixed size, so a packet of a known flow costs one probe.
 * The first packet of a flow costs one probe for each length of prefix among remote selectors, and
 * a look at every entry of its prefix and at every one whose remote selectors are no prefixes.
 */
class Spd
{
  public:
    /// Appends an entry; all cached answers are forgotten.
    void Add(const SpdEntry& entry);

    /// For a packet that leaves (`source` is local); null when nothing matches.
    const SpdEntry* LookupOutbound(const PacketSelectors& packet);
    /// For a packet that came in clear (`destination` is local); null when nothing matches.
    const SpdEntry* LookupInbound(const PacketSelectors& packet);
    /// Whether an entry would match if the packet had other ports. Nothing is cached.
    bool NamesHosts(const PacketSelectors& packet, bool outbound) const;
    /// Whether a PROTECT entry would do so, before that entry of these. Nothing is cached.
    bool MayProtect(const PacketSelectors& packet, bool outbound, const SpdEntry* before) const;

    const std::vector<SpdEntry>& Entries() const
    {
        return m_entries;
    }

  private:
    /// Places of entries, ascending.
    using Places = std::vector<std::size_t>;

    struct AddressHash
    {
        std::size_t operator()(const IpAddress& address) const;
    };

    /// Entries by their remote prefixes of one length.
    struct PrefixTable
    {
        bool v6;
        std::size_t length; ///< bits
        std::unordered_map<IpAddress, Places, AddressHash> networks;
    };

    using Matcher = bool (*)(const SpdEntry& entry, const PacketSelectors& packet, bool outbound);

    const SpdEntry* Lookup(const PacketSelectors& packet, bool outbound);
    std::size_t Search(const PacketSelectors& packet, bool outbound, Matcher matches) const;
    /// The first of these places, and before `end`, whose entry matches; otherwise `end`.
    std::size_t FirstMatch(const Places& places,
                           std::size_t end,
                           const PacketSelectors& packet,
                           bool outbound,
                           Matcher matches) const;
    PrefixTable& TableOf(bool v6, std::size_t length);

    std::vector<SpdEntry> m_entries;
    std::vector<PrefixTable> m_prefixes; ///< of entries whose remote selectors are prefixes
    Places m_others;
    FlowCache<std::size_t> m_cache; ///< to the place of the entry; behind the last: none
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SPD_H
