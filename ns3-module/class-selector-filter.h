/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_CLASS_SELECTOR_FILTER_H
#define IPSEC_CLASS_SELECTOR_FILTER_H

#include "ns3/ipv4-packet-filter.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * Tells a queue disc the band of an IPv4 packet by its class selector, the upper three bits of the
 * DS field (RFC 2474, section 4.2.2): the highest class is in band 0.
 */
class ClassSelectorFilter : public Ipv4PacketFilter
{
  public:
    static TypeId GetTypeId();

  private:
    int32_t DoClassify(Ptr<QueueDiscItem> item) const override;

    uint8_t m_classes;
};

} // namespace ns3

#endif // IPSEC_CLASS_SELECTOR_FILTER_H
