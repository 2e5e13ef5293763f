/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_RNG_RANDOM_SOURCE_H
#define IPSEC_RNG_RANDOM_SOURCE_H

#include "model/crypto/random-source.h"

#include "ns3/random-variable-stream.h"

#include <memory>

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
    /// From now on octets come from another source, and the stream is not used.
    void Replace(std::unique_ptr<ipseclab::crypto::RandomSource> source);

  private:
    Ptr<UniformRandomVariable> m_uniform;
    std::unique_ptr<ipseclab::crypto::RandomSource> m_replacement;
};

} // namespace ns3

#endif // IPSEC_RNG_RANDOM_SOURCE_H
