/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_STALLS_H
#define IPSECLAB_TIMING_STALLS_H

#include "model/crypto/random-source.h"
#include "model/timing/engine.h"

namespace ipseclab::timing
{

/// When a core does something else: preemption, a softirq budget that is used up.
struct StallConfig
{
    double meanGap{0}; ///< seconds from the end of one to the next, exponential; 0: there are none
    double length{0};  ///< seconds of each
};

/// The stalls of one core, drawn as time goes on.
class Stalls
{
  public:
    /// \param random outlives it; nothing is drawn when there are no stalls
    Stalls(const StallConfig& config, crypto::RandomSource& random);

    /// When work of that length ends that begins now; must not be asked for earlier times later.
    Instant Finish(Instant now, Duration work);

  private:
    void Draw(Instant after);

    crypto::RandomSource* m_random;
    double m_meanGap;
    Duration m_length;
    Instant m_begin; ///< of the next one, or of the one that goes on
};

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_STALLS_H
