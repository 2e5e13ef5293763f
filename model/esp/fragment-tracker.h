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
 * Stateful fragment checking (RFC 4301, section 7.3): protocol and ports of first fragments, for
 * the later ones of the same packet. Nothing waits: a fragment that comes before its first is not
 * known. Every first fragment has to be told of, lest its later ones follow an older one with the
 * same identification.
 *
 * Memory is bounded and taken at the first use. A packet has its place in a small set by a hash of
 * its addresses, protocol (IPv4 only) and identification; a new one takes the place of the oldest
 * of its set. So a flood of first fragments shortens the time that others are remembered, no more.
 * Of two first fragments of one packet the newer counts; but that one was to be protected is
 * remembered for as long as if it were alone. First fragments that are neither followed nor
 * protected take no places.
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
        std::uint64_t noted{0};       ///< first fragments, of those to follow
        std::uint64_t overwritten{0}; ///< packets that made room before they had aged
    };

    /// \param now the driver's clock, asked about fragments only; it never goes back
    FragmentTracker(const Limits& limits, std::function<Instant()> now);

    /// What was decided about a first fragment.
    struct Decision
    {
        bool follow{false};  ///< later ones have its ports
        bool protect{false}; ///< it is not for going in clear
    };

    /// A first fragment came with these selectors. One that hides its ports is not followed.
    void Note(const wire::IpView& first, const PacketSelectors& packet, Decision decision);

    /// What is known of a later fragment's first one.
    struct Memory
    {
        DropReason missing{DropReason::None}; ///< or FragmentUnknown, FragmentOverlap
        bool protect{false};
    };

    /**
     * Puts protocol and ports of its first fragment into the selectors of a later one.
     * \returns as missing FragmentUnknown; or FragmentOverlap when it begins before the first one
     * that it would follow ends; then nothing was put in
     */
    Memory Recall(const wire::IpView& later, PacketSelectors& packet) const;

    const Counters& GetCounters() const
    {
        return m_counters;
    }

    /// Octets taken.
    std::size_t Octets() const
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
        bool portsKnown; ///< false: the protocol has none
        bool follow;
        Instant protectedAt{Instant::min()}; ///< the last one that was to be
    };

    using Places = std::vector<Place>;

    static Key KeyOf(const wire::IpView& view,
                     const PacketSelectors& packet,
                     std::uint32_t identification);
    static std::size_t Hash(const Key& key);
    /// Whether that time is within the timeout; min: never.
    bool IsRecent(Instant time, Instant now) const;
    /// The first place of the set; there must be memory.
    std::size_t SetOf(const Key& key) const;
    /// The packet's place, whether it is alive or not; the end of all places when it has none.
    Places::const_iterator Find(const Key& key) const;
    Place& OldestOf(const Key& key);

    Limits m_limits;
    std::function<Instant()> m_now;
    Places m_places; ///< set after set
    Counters m_counters;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_FRAGMENT_TRACKER_H
