/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-receiver.h"

namespace ipseclab::esp
{

namespace
{

AntiReplayConfig
ForScheme(AntiReplayConfig config, const SequenceScheme& scheme)
{
    config.extendedSequenceNumbers =
        scheme.kind == SequenceKind::Extended || scheme.kind == SequenceKind::Sub32;
    config.lowBits = scheme.kind == SequenceKind::Sub64
                       ? std::uint8_t{32}
                       : static_cast<std::uint8_t>(scheme.CounterBitsOnWire());
    if (scheme.HasSubspaces())
    {
        config.profile = ReplayProfile::Rfc4303;
    }
    return config;
}

/// Only subspaces need an empty window to copy.
AntiReplayConfig
ForEmpty(AntiReplayConfig config, const SequenceScheme& scheme)
{
    config.window = scheme.subspaces > 1 ? config.window : 0;
    return config;
}

} // namespace

SequenceReceiver::SequenceReceiver(const SequenceScheme& scheme,
                                   const AntiReplayConfig& config,
                                   SubspaceIndex index)
    : m_scheme(scheme),
      m_first(ForScheme(config, scheme)),
      m_empty(ForEmpty(m_first.Config(), scheme)),
      m_others(index)
{
}

SequenceReceiver::Guess
SequenceReceiver::CheckSent(const SequenceNumber& sent) const
{
    if (sent.counter > m_scheme.LastCounter())
    {
        return {DropReason::ReplayInvalid, sent.counter, sent};
    }
    if (!Takes(sent.subspace))
    {
        return {DropReason::SubspaceRange, m_scheme.Join(sent), sent};
    }
    const AntiReplay* const known = Find(sent.subspace);
    const AntiReplay& window = known ? *known : m_empty;
    const bool whole = m_scheme.HasSubspaces() && !m_scheme.HasImpliedPart();
    const AntiReplay::Guess guess = whole ? window.CheckWhole(sent.counter)
                                          : window.Check(static_cast<std::uint32_t>(sent.counter));
    const SequenceNumber parts{sent.subspace, guess.number};
    if (guess.drop == DropReason::None && guess.number > m_scheme.LastCounter())
    {
        return {DropReason::ReplayInvalid, m_scheme.Join(sent), sent};
    }
    return {guess.drop, m_scheme.Join(parts), parts};
}

DropReason
SequenceReceiver::Accept(const Guess& guess)
{
    const std::uint16_t subspace = guess.parts.subspace;
    if (subspace == 0)
    {
        return m_first.Accept(guess.parts.counter);
    }
    return m_others.FindOrAdd(subspace, m_empty).Accept(guess.parts.counter);
}

} // namespace ipseclab::esp
