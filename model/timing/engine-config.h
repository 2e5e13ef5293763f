/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_ENGINE_CONFIG_H
#define IPSECLAB_TIMING_ENGINE_CONFIG_H

#include "model/timing/compose.h"
#include "model/timing/cores.h"
#include "model/timing/inline-nic.h"
#include "model/timing/look-aside.h"

#include <memory>

namespace ipseclab::timing
{

/// Where the cipher is done.
enum class Architecture : std::uint8_t
{
    Cores,        ///< on the cores
    LookAside,    ///< on a device that a core asks
    InlineCrypto, ///< by the NIC, after cores have done the rest
    InlineFull,   ///< by the NIC, as is everything else
    CloudTunnel,  ///< somewhere, within caps
};

/// One engine; of the parts only those that the architecture has are looked at.
struct EngineConfig
{
    Architecture architecture{Architecture::Cores};
    CoalescerConfig coalescer; ///< before everything else
    CoresConfig cores;         ///< also of InlineCrypto
    LookAsideConfig lookAside;
    InlineNicConfig nic;
    RateCapConfig cap;
    bool ordered{false}; ///< packets of an SA leave in the order in which they came
};

/// \param random of the stalls; outlives the engine
std::unique_ptr<Engine> MakeEngine(const EngineConfig& config, crypto::RandomSource& random);

/// Whether a NIC that does everything has such a replay window: 32, 64, 128 or 256 numbers
/// (Linux mlx5 driver, packet offload).
constexpr bool
IsInlineWindow(std::uint32_t window)
{
    return window == 32 || window == 64 || window == 128 || window == 256;
}

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_ENGINE_CONFIG_H
