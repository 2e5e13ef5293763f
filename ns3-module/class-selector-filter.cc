/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "class-selector-filter.h"

#include "ns3/log.h"
#include "ns3/queue-item.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("ClassSelectorFilter");
NS_OBJECT_ENSURE_REGISTERED(ClassSelectorFilter);

TypeId
ClassSelectorFilter::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::ClassSelectorFilter")
            .SetParent<Ipv4PacketFilter>()
            .SetGroupName("Ipsec")
            .AddConstructor<ClassSelectorFilter>()
            .AddAttribute("Classes",
                          "Classes that are told apart, 1 to 8, a band for each; higher class "
                          "selectors belong to the highest class.",
                          UintegerValue(8),
                          MakeUintegerAccessor(&ClassSelectorFilter::m_classes),
                          MakeUintegerChecker<uint8_t>(1, 8));
    return tid;
}

int32_t
ClassSelectorFilter::DoClassify(Ptr<QueueDiscItem> item) const
{
    constexpr unsigned kSelectorShift = 5;
    uint8_t octet = 0;
    if (!item->GetUint8Value(QueueItem::IP_DSFIELD, octet))
    {
        return PF_NO_MATCH;
    }
    const int highest = m_classes - 1;
    return highest - std::min(octet >> kSelectorShift, highest);
}

} // namespace ns3
