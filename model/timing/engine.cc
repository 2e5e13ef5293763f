/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/engine.h"

#include <algorithm>
#include <cmath>

namespace ipseclab::timing
{

namespace
{

constexpr double kPerSecond = 1e12;
constexpr double kLongest = 4.6e18; ///< half of what a Duration holds, so that sums fit

} // namespace

Duration
FromSeconds(double seconds)
{
    // The order of the arguments makes zero of what is no number.
    const double ticks = std::min(std::max(0.0, seconds * kPerSecond), kLongest);
    return Duration(std::llround(ticks));
}

double
ToSeconds(Duration duration)
{
    return static_cast<double>(duration.count()) / kPerSecond;
}

} // namespace ipseclab::timing
