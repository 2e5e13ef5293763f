/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_IPV4_CLOUD_CHANNEL_H
#define IPSEC_IPV4_CLOUD_CHANNEL_H

#include "ns3/ipv4-address.h"
#include "ns3/nstime.h"
#include "ns3/simple-channel.h"

#include <unordered_map>

namespace ns3
{

/**
 * \ingroup ipsec
 * A network between very many nodes: an IPv4 packet is delivered, after the same delay for all, to
 * the device that its destination address was put on, at a cost that does not depend on how many
 * there are. Devices are SimpleNetDevices in point-to-point mode, so there is no ARP.
 */
class Ipv4CloudChannel : public SimpleChannel
{
  public:
    static TypeId GetTypeId();

    /// Packets for this address go to the device, which was added already.
    void Place(Ipv4Address address, Ptr<SimpleNetDevice> device);

    /// Packets for addresses that are on no device.
    uint64_t GetLost() const;

    // SimpleChannel
    void Send(Ptr<Packet> packet,
              uint16_t protocol,
              Mac48Address to,
              Mac48Address from,
              Ptr<SimpleNetDevice> sender) override;

  private:
    Time m_delay;
    std::unordered_map<uint32_t, Ptr<SimpleNetDevice>> m_places; ///< by address, host order
    uint64_t m_lost{0};
};

} // namespace ns3

#endif // IPSEC_IPV4_CLOUD_CHANNEL_H
