/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_DROP_REASON_H
#define IPSECLAB_ESP_DROP_REASON_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace ipseclab::esp
{

/// Every reason for which the data plane gives up a packet. Closed; each is counted by itself.
enum class DropReason : std::uint8_t
{
    None,           ///< not dropped
    Malformed,      ///< no IP packet, an ESP packet too short for its suite, or no AGGFRAG payload
    NoPolicy,       ///< no SPD entry matches (RFC 4301, section 5: discard)
    PolicyDiscard,  ///< an SPD entry says DISCARD
    AcquirePending, ///< outbound: PROTECT, but there is no SA yet; IKE was asked for one
    SequenceOverflow, ///< outbound: the SA has used its last number
    TooBig,           ///< outbound: the ESP packet would exceed the MTU of the link; inbound: it is
                      ///< longer than this gateway takes
    Fragment,         ///< an IP fragment offered to ESP, or to transport mode (RFC 4303, 3.3.4)
    UnknownSpi,       ///< inbound: no SA
    ReplayTooOld,     ///< inbound: left of the window
    ReplayDuplicate,  ///< inbound: in the window, or in that of AGGFRAG, and seen before
    ReplayInvalid,    ///< inbound: a number that cannot be: 0, or outside the ESN space
    ReplayFarAhead,   ///< inbound: sacrificed so that the window need not move far
    SubspaceRange,    ///< inbound: a subspace or Sub SA beyond the largest that was agreed on
    Icv,              ///< inbound: integrity check failed
    Padding,          ///< inbound: pad length runs past the plaintext, or the pattern is wrong
    NextHeader,       ///< inbound: not an inner protocol of this SA's mode
    SelectorMismatch, ///< the packet is not what the SA is for
    FragmentUnknown,  ///< a fragment that is not the first, and no first one tells where it belongs
                      ///< or that it may go in clear (RFC 4301, sections 7.3 and 7.4)
    FragmentOverlap,  ///< one that begins where those ports may be (RFC 4301, section 7.2)
    UnprotectedInbound, ///< inbound: clear, though the SPD says PROTECT
    EcnInvalid,         ///< inbound: outer CE on an inner packet that is not ECN capable (RFC 6040)
    Dummy,        ///< inbound: next header 59, discarded without fault (RFC 4303, section 2.6)
    EngineFull,   ///< a queue or ring of the engine that seals or opens was full
    AggfragQueue, ///< outbound: too much waits for AGGFRAG payloads already
    AggfragLate,  ///< inbound: an AGGFRAG payload left of the reorder window
    AggfragBlock, ///< inbound: an AGGFRAG payload with a block that is no IP packet, or does not
                  ///< end where the offset says; packets of it may have come out before
    Queue,        ///< the device or queue below refused the packet; must stay the last
};

constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::Queue) + 1;

/// A stable lower-case name with hyphens, "replay-too-old"; for metrics, CSV and traces.
const char* Name(DropReason reason);

/// A counter for each reason.
class DropCounters
{
  public:
    void Count(DropReason reason)
    {
        ++m_counts[static_cast<std::size_t>(reason)];
    }

    DropCounters& operator+=(const DropCounters& o)
    {
        for (std::size_t i = 0; i < kDropReasons; ++i)
        {
            m_counts[i] += o.m_counts[i];
        }
        return *this;
    }

    std::uint64_t operator[](DropReason reason) const
    {
        return m_counts[static_cast<std::size_t>(reason)];
    }

    /// All real drops: everything but None.
    std::uint64_t Total() const
    {
        std::uint64_t sum = 0;
        for (std::size_t i = 1; i < kDropReasons; ++i)
        {
            sum += m_counts[i];
        }
        return sum;
    }

  private:
    std::array<std::uint64_t, kDropReasons> m_counts{};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_DROP_REASON_H
