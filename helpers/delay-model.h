/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_DELAY_MODEL_H
#define IPSECLAB_DELAY_MODEL_H

#include "ns3/random-variable-stream.h"

#include <cstdint>
#include <functional>

namespace ipseclab
{

/// How the extra delay of a packet on a ReorderingLink is drawn.
struct DelayModel
{
    enum class Kind
    {
        None,
        TwoPoint,    ///< 0 with probability `fastShare`, else `seconds`: two paths
        Uniform,     ///< 0 to `seconds`
        Exponential, ///< of mean `seconds`
        Custom,      ///< what `custom` says
    };

    Kind kind{Kind::None};
    double seconds{0};
    double fastShare{0};
    /**
     * Seconds for the packet with this index, from 0 in the order in which the link begins to send,
     * both directions and every kind of packet together; `now` is the simulated time in seconds.
     */
    std::function<double(std::uint64_t index, double now)> custom;
};

/// A variable that draws seconds of extra delay.
ns3::Ptr<ns3::RandomVariableStream> MakeExtraDelay(const DelayModel& model);

} // namespace ipseclab

#endif // IPSECLAB_DELAY_MODEL_H
