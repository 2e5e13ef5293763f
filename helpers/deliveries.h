/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_DELIVERIES_H
#define IPSECLAB_DELIVERIES_H

#include "ns3/nstime.h"

#include <vector>

namespace ipseclab
{

/// When packets arrived, and how long they were under way.
class Deliveries
{
  public:
    /// A packet that arrives now.
    /// \param sent when it was sent
    void Add(ns3::Time sent);

    /// Packets per second between two times in seconds; 0 when there are fewer than two.
    double RateBetween(double from, double to) const;
    /// Seconds; 0 without packets.
    double MeanDelay() const;
    /// The least delay, in seconds, that a `share` of the packets does not exceed; 0 without.
    double DelayQuantile(double share) const;

  private:
    std::vector<double> m_times; ///< seconds, in order
    std::vector<double> m_delays;
};

} // namespace ipseclab

#endif // IPSECLAB_DELIVERIES_H
