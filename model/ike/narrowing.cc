/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/narrowing.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

/// The count field of a TS payload has one octet (RFC 7296, section 3.13).
constexpr std::size_t kMaxSelectors = 255;

bool
IsInside(const TrafficSelector& inner, const TrafficSelectorList& list)
{
    return std::any_of(list.begin(),
                       list.end(),
                       [&](const TrafficSelector& outer)
                       { return TrafficSelector::Intersect(inner, outer) == inner; });
}

} // namespace

TrafficSelectorList
Narrow(const TrafficSelectorList& offered, const TrafficSelectorList& ours)
{
    TrafficSelectorList narrowed;
    for (const auto& theirs : offered)
    {
        for (const auto& mine : ours)
        {
            const auto common = TrafficSelector::Intersect(theirs, mine);
            if (common && narrowed.size() < kMaxSelectors &&
                std::find(narrowed.begin(), narrowed.end(), *common) == narrowed.end())
            {
                narrowed.push_back(*common);
            }
        }
    }
    return narrowed;
}

bool
IsNarrowing(const TrafficSelectorList& answer, const TrafficSelectorList& offered)
{
    return !answer.empty() && std::all_of(answer.begin(),
                                          answer.end(),
                                          [&](const TrafficSelector& selector)
                                          { return IsInside(selector, offered); });
}

} // namespace ipseclab::ike
