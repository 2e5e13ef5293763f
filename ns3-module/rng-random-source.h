/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_RNG_RANDOM_SOURCE_H
#define IPSEC_RNG_RANDOM_SOURCE_H

#include "model/crypto/random-source.h"

#include "ns3/random-variable-stream.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * Nonces, SPIs and private keys from an ns-3 stream: a run repeats bit for bit, and the keys are as
 * predictable as the seed. Never for anything but simulation.
 */
class RngRandomSource : public ipseclab::crypto::RandomSource
{
  public:
    RngRandomSource();
    void Fill(ipseclab::MutableByteSpan out) override;
    /// \return the number of streams used, 1
    int64_t AssignStreams(int64_t stream);

  private:
    Ptr<UniformRandomVariable> m_uniform;
};

} // namespace ns3

#endif // IPSEC_RNG_RANDOM_SOURCE_H
