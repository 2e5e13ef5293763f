/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SEQUENCE_RECEIVER_H
#define IPSECLAB_ESP_SEQUENCE_RECEIVER_H

#include "model/esp/anti-replay.h"
#include "model/esp/sequence-scheme.h"

#include <memory>
#include <vector>

namespace ipseclab::esp
{

/**
 * The receiver's side of numbers in every scheme: a window for each subspace, found by an index
 * (draft-ponchon-ipsecme-anti-replay-subspaces; draft-ietf-ipsecme-eesp-03, section 2.9, has its
 * rules). The window of a subspace is allocated with the first packet of it that passed the ICV,
 * so forged packets cost no memory; that of subspace 0 is there from the start.
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
    SequenceReceiver(const SequenceScheme& scheme, const AntiReplayConfig& config);

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
        if (subspace == 0)
        {
            return &m_first;
        }
        return subspace < m_others.size() ? m_others[subspace].get() : nullptr;
    }

    /// Windows that are allocated.
    std::size_t WindowCount() const
    {
        return m_windows;
    }

    /// Octets of all windows and of the index.
    std::size_t Octets() const;

  private:
    SequenceScheme m_scheme;
    AntiReplay m_first;
    /// Without any number: what a subspace without a window is judged by, and begins as.
    AntiReplay m_empty;
    std::vector<std::unique_ptr<AntiReplay>> m_others; ///< by subspace, as far as they were used
    std::size_t m_windows{1};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SEQUENCE_RECEIVER_H
