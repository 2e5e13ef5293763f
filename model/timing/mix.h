/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TIMING_MIX_H
#define IPSECLAB_TIMING_MIX_H

#include <cstdint>

namespace ipseclab::timing
{

/// Spreads keys that differ little, as the indirection of receive-side scaling does.
constexpr std::uint32_t
Mix(std::uint32_t key)
{
    key ^= key >> 16;
    key *= 0x7feb352dU;
    key ^= key >> 15;
    key *= 0x846ca68bU;
    return key ^ (key >> 16);
}

} // namespace ipseclab::timing

#endif // IPSECLAB_TIMING_MIX_H
