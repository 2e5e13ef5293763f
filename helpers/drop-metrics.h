/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_DROP_METRICS_H
#define IPSECLAB_DROP_METRICS_H

#include "helpers/scenario.h"

#include "model/esp/data-plane.h"

namespace ipseclab
{

/// Appends `drop_outbound_REASON` and `drop_inbound_REASON` of the sending and of the receiving
/// gateway, for every reason.
void DescribeDrops(std::vector<MetricSpec>& metrics);
/// Their values.
void AddDrops(std::map<std::string, MetricValue>& metrics,
              const esp::DataPlaneCounters& sender,
              const esp::DataPlaneCounters& receiver);

} // namespace ipseclab

#endif // IPSECLAB_DROP_METRICS_H
