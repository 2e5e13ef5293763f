/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_FRAGMENT_TRACKER_H
#define IPSECLAB_ESP_FRAGMENT_TRACKER_H

#include "model/esp/drop-reason.h"
#include "model/wire/ip-packet.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace ipseclab::esp
{

/**
 * Stateful fragment checking (RFC 4301, section 7.3): protocol and ports of first fragments that
 * were let through, for the later ones of the same packet. Nothing waits: a fragment that comes
 * before its first is not known.
 *
 * Memory is bounded and taken at the first use. A packet has its place in a small set by a hash of
 * its addresses, protocol (IPv4 only) and identification; a new one takes the place of the oldest
 * of its set. So a flood of first fragments shortens the time that others are remembered, no more.
 * Of two first fragments of one packet the newer counts.
 */
class FragmentTracker
{
  public:
    using Instant = std::chrono::nanoseconds;

    struct Limits
    {
        std::size_t packets{1024}; ///< that are remembered, rounded up to whole sets
        Instant timeout{std::chrono::seconds(30)}; ///< from the first fragment on
    };

    struct Counters
    {
        std::uint64_t noted{0};       ///< first fragments
        std::uint64_t overwritten{0}; ///< packets that made room before they had aged
    };

    /// \param now the driver's clock, asked about fragments only; it never goes back
    FragmentTracker(const Limits& limits, std::function<Instant()> now);

    /// A first fragment was let through with these selectors.
    void Note(const wire::IpView& first, const PacketSelectors& packet);
    /**
     * Puts protocol and ports of its first fragment into the selectors of a later one.
     * \returns None; or FragmentUnknown, or FragmentOverlap when it begins before the first one
     * ends, and then nothing was put in
     */
    DropReason Recall(const wire::IpView& later, PacketSelectors& packet) const;

    const Counters& GetCounters() const
    {
        return m_counters;
    }

    /// Octets taken.
    std::size_t Memory() const
    {
        return m_places.size() * sizeof(Place);
    }

  private:
    /// By what the fragments of one packet are told from others.
    struct Key
    {
        IpAddress source;
        IpAddress destination;
        std::uint8_t protocol; ///< 0 in IPv6, where later fragments need not know it
        std::uint32_t identification;
        bool operator==(const Key& o) const;
    };

    struct Place
    {
        Key key;
        Instant born{Instant::min()};
        std::uint32_t end; ///< of the first fragment's part, octets
        std::uint16_t sourcePort;
        std::uint16_t destinationPort;
        std::uint8_t protocol;
    };

    static std::size_t Hash(const Key& key);
    bool IsAlive(const Place& place, Instant now) const;
    /// The first place of the set; there must be memory.
    std::size_t SetOf(const Key& key) const;

    Limits m_limits;
    std::function<Instant()> m_now;
    std::vector<Place> m_places; ///< set after set
    Counters m_counters;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_FRAGMENT_TRACKER_H
