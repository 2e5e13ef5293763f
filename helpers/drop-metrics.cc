/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "drop-metrics.h"

#include <algorithm>

namespace ipseclab
{

using esp::DropReason;

namespace
{

std::string
DropMetric(const char* direction, DropReason reason)
{
    std::string name = esp::Name(reason);
    std::replace(name.begin(), name.end(), '-', '_');
    return std::string("drop_") + direction + "_" + name;
}

template <typename Function>
void
ForEachReason(Function function)
{
    for (std::size_t i = 1; i < esp::kDropReasons; ++i)
    {
        function(static_cast<DropReason>(i));
    }
}

} // namespace

void
DescribeDrops(std::vector<MetricSpec>& metrics)
{
    ForEachReason(
        [&](DropReason reason)
        {
            const std::string name = esp::Name(reason);
            metrics.push_back({DropMetric("outbound", reason),
                               "1",
                               "dropped by gateway A on the way out: " + name});
            metrics.push_back({DropMetric("inbound", reason),
                               "1",
                               "dropped by gateway B on the way in: " + name});
        });
}

void
AddDrops(std::map<std::string, MetricValue>& metrics,
         const esp::DataPlaneCounters& sender,
         const esp::DataPlaneCounters& receiver)
{
    ForEachReason(
        [&](DropReason reason)
        {
            metrics[DropMetric("outbound", reason)] =
                static_cast<std::int64_t>(sender.outboundDrops[reason]);
            metrics[DropMetric("inbound", reason)] =
                static_cast<std::int64_t>(receiver.inboundDrops[reason]);
        });
}

} // namespace ipseclab
