/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SEQUENCE_RECEIVER_H
#define IPSECLAB_ESP_SEQUENCE_RECEIVER_H

#include "model/esp/anti-replay.h"
#include "model/esp/sequence-scheme.h"
#include "model/esp/window-index.h"

namespace ipseclab::esp
{

/**
 * The receiver's side of numbers in every scheme: a window for each subspace, found by an index
 * (draft-ponchon-ipsecme-anti-replay-subspaces; draft-ietf-ipsecme-eesp-03, section 2.9, has its
 * rules). The window of a subspace is allocated with the first packet of it that passed the ICV,
 * so forged packets cost no memory; that of subspace 0 is there from the start.
 *
 * With an array, identifiers are below the number of subspaces, as the rules say. With a hash they
 * may be any, and the number of subspaces is that of windows.
 *
 *     auto guess = receiver.Check(field);      // before the crypto; changes nothing
 *     if (guess.drop == None && icv is good with guess.number)
 *         drop = receiver.Accept(guess);
 */
class SequenceReceiver
{
  public:
    /// \param config of each window; what it says of extended numbers is set by the scheme. `top`
    ///        is a counter.
    SequenceReceiver(const SequenceScheme& scheme,
                     const AntiReplayConfig& config,
                     SubspaceIndex index = SubspaceIndex::Array);

    struct Guess
    {
        DropReason drop{DropReason::None};
        std::uint64_t number{0}; ///< whole: SequenceScheme::Join
        SequenceNumber parts;
    };

    /// \param field the octets after the SPI: SequenceScheme::HeaderLength() - 4
    Guess Check(const std::uint8_t* field) const
    {
        return CheckSent(m_scheme.LoadFromWire(field));
    }

    /// What was read from the wire, without the part that may be implied.
    Guess CheckSent(const SequenceNumber& sent) const;
    /// Of a guess that Check passed and the ICV confirmed. None, or ReplayFarAhead.
    DropReason Accept(const Guess& guess);

    const SequenceScheme& Scheme() const
    {
        return m_scheme;
    }

    /// Of subspace 0, which every scheme has.
    const AntiReplay& First() const
    {
        return m_first;
    }

    /// Null as long as the subspace has no window.
    const AntiReplay* Find(std::uint16_t subspace) const
    {
        return subspace == 0 ? &m_first : m_others.Find(subspace);
    }

    /// Windows that are allocated.
    std::size_t WindowCount() const
    {
        return 1 + m_others.Count();
    }

    /// Octets of all windows and of the index.
    std::size_t Octets() const
    {
        return m_first.Octets() + m_others.Octets();
    }

    /// Whether a subspace may have packets, or with a hash a window, if it has none yet.
    bool Takes(std::uint16_t subspace) const
    {
        return m_others.Kind() == SubspaceIndex::Array
                 ? subspace < m_scheme.subspaces
                 : WindowCount() < m_scheme.subspaces || Find(subspace) != nullptr;
    }

  private:
    SequenceScheme m_scheme;
    AntiReplay m_first;
    /// Without any number: what a subspace without a window is judged by, and begins as.
    AntiReplay m_empty;
    WindowIndex m_others;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SEQUENCE_RECEIVER_H
