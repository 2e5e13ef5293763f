/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IP_FRAGMENT_H
#define IPSECLAB_WIRE_IP_FRAGMENT_H

#include "model/wire/ip-packet.h"

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

/**
 * \file
 * Fragments of IP packets: made (RFC 791, section 3.2; RFC 8200, section 4.5) and put together.
 */

namespace ipseclab::wire
{

constexpr std::size_t kFragmentUnit = 8;       ///< offsets count in these, octets
constexpr std::size_t kFragmentHeaderSize = 8; ///< of IPv6

/// One fragment: its headers, and which octets of the packet follow them.
struct FragmentPart
{
    Bytes header;
    std::size_t begin{0}; ///< counts from the packet's first octet
    std::size_t length{0};
};

/// What a fragment says of its place.
struct FragmentFields
{
    std::size_t header{0};    ///< octets that precede the fragmented part in the whole packet
    std::size_t begin{0};     ///< of the fragment's part, from its IP header on
    std::size_t nextField{0}; ///< of IPv6: of the octet that announces the fragment header
    std::uint32_t identification{0};
    std::size_t offset{0}; ///< octets, of the part in the whole packet's
    bool more{false};

    /// Where the part ends in the whole packet's.
    std::size_t End(const IpView& view) const
    {
        return offset + view.totalLength - begin;
    }
};

/// Of a packet that ParseIp has checked and that is a fragment; nothing of an IPv6 fragment within
/// a fragment.
std::optional<FragmentFields> ReadFragment(const IpView& view);

/**
 * Cuts a packet. Whether DF allows it is the caller's business; the fragments of IPv4 have the bit
 * as the packet has it, and of its options those that are to be copied. A fragment of IPv4 may be
 * cut again.
 * \param mtu octets that each fragment has at most
 * \param identification of IPv6 fragments; those of IPv4 have the packet's own
 * \return the fragments in order, one that is all of it when it fits; none when the packet is
 *         malformed, has an IPv6 fragment header already, or `mtu` leaves no room for 8 octets
 */
std::vector<FragmentPart> CutPacket(ByteSpan packet, std::size_t mtu, std::uint32_t identification);

/// What became of a fragment.
enum class FragmentVerdict : std::uint8_t
{
    Held,      ///< waits for others
    Complete,  ///< was the last one missing
    Whole,     ///< is no fragment: nothing was done
    Duplicate, ///< has been there, octet for octet
    Malformed, ///< no IP packet, or a fragment that cannot be
    Tiny,      ///< not the last, and shorter than Limits::smallest
    Conflict,  ///< overlaps others or disagrees about the end: all are given up (RFC 5722)
    TooMany,   ///< its packet has Limits::fragments already: all are given up
};

constexpr std::size_t kFragmentVerdicts = static_cast<std::size_t>(FragmentVerdict::TooMany) + 1;

/**
 * Puts fragments together, of both IP versions. Memory is bounded: the oldest unfinished packets
 * make room for new ones, so a flood shortens the time that others get, and no more. After a
 * conflict nothing is remembered: fragments that come later begin anew and time out.
 */
class Reassembler
{
  public:
    using Instant = std::chrono::nanoseconds;

    struct Limits
    {
        std::size_t memory{std::size_t{1}
                           << 20}; ///< octets held, kCostOfFragment for each included
        std::size_t fragments{64}; ///< of one packet
        std::size_t smallest{40};  ///< octets after the IP headers, of all fragments but the last
        Instant timeout{std::chrono::seconds(30)}; ///< from the first fragment to come
    };

    struct Counters
    {
        std::array<std::uint64_t, kFragmentVerdicts> verdicts{}; ///< of fragments
        std::uint64_t timedOut{0};                               ///< packets
        std::uint64_t evicted{0};                                ///< packets, for want of memory

        std::uint64_t operator[](FragmentVerdict verdict) const
        {
            return verdicts[static_cast<std::size_t>(verdict)];
        }
    };

    /// Octets that a fragment is reckoned at beyond its own.
    static constexpr std::size_t kCostOfFragment = 128;

    Reassembler() = default;

    explicit Reassembler(const Limits& limits)
        : m_limits(limits)
    {
    }

    Reassembler(const Reassembler&) = delete;
    Reassembler& operator=(const Reassembler&) = delete;

    /// Called for an unfinished packet that is given up for its age or for want of memory, if its
    /// first fragment is there: `first` is that one as a packet of its own, `octets` what it had.
    using UnfinishedCallback = std::function<void(ByteSpan first, std::size_t octets)>;
    void SetUnfinishedCallback(UnfinishedCallback callback);

    /// When the oldest unfinished packet has to be given up; nothing: there is none.
    std::optional<Instant> PollTimeout() const;
    /// Gives up what is too old; Add does so, too.
    void HandleTimeout(Instant now);

    /// \param now never earlier than before
    /// \param whole on Complete the packet, without fragment header; otherwise untouched
    FragmentVerdict Add(ByteSpan packet, Instant now, Bytes& whole);

    const Counters& GetCounters() const
    {
        return m_counters;
    }

    /// How a packet came.
    struct Pieces
    {
        std::size_t first{0}; ///< octets of the first fragment, IP headers included
        std::size_t count{0}; ///< fragments
    };

    /// Of the packet that was completed last.
    const Pieces& LastPieces() const
    {
        return m_lastPieces;
    }

    /// Octets held, as Limits::memory counts them.
    std::size_t Memory() const
    {
        return m_memory;
    }

    /// Unfinished packets.
    std::size_t Unfinished() const
    {
        return m_byAge.size();
    }

  private:
    /// Source, destination, protocol (IPv4 only) and identification.
    using Key = std::tuple<IpAddress, IpAddress, std::uint8_t, std::uint32_t>;
    struct Fragment;

    struct Partial
    {
        Key key;
        Instant born;
        Bytes header;                       ///< of the first fragment, as the whole packet's
        std::map<std::size_t, Bytes> parts; ///< by offset
        std::size_t octets{0};              ///< of all parts
        std::size_t end{0};                 ///< of the whole; 0: not known
    };

    using Partials = std::list<Partial>;

    static bool Read(ByteSpan packet, const IpView& view, Fragment& fragment);
    static FragmentVerdict Compare(const Partial& partial, const Fragment& fragment);
    /// Its first octets behind the IP headers, all of which are there.
    static Bytes Join(const Partial& partial, std::size_t end);
    static std::size_t FirstFragment(const Partial& partial);
    FragmentVerdict Insert(ByteSpan packet, Instant now, Bytes& whole);
    FragmentVerdict Keep(Partials::iterator partial, const Fragment& fragment, Bytes& whole);
    Partials::iterator FindOrAdd(const Key& key, Instant now);
    /// Gives up the oldest.
    void GiveUp();
    void Remove(Partials::iterator partial);

    Limits m_limits;
    Counters m_counters;
    std::size_t m_memory{0};
    Pieces m_lastPieces;
    UnfinishedCallback m_unfinished;
    Partials m_byAge; ///< oldest first
    std::map<Key, Partials::iterator> m_byKey;
};

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IP_FRAGMENT_H
