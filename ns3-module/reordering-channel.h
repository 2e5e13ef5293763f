/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_REORDERING_CHANNEL_H
#define IPSEC_REORDERING_CHANNEL_H

#include "ns3/point-to-point-channel.h"
#include "ns3/point-to-point-net-device.h"
#include "ns3/random-variable-stream.h"
#include "ns3/traced-callback.h"

#include <functional>

namespace ns3
{

/**
 * \ingroup ipsec
 * A point-to-point channel on which packets overtake each other: to the channel's Delay each packet
 * adds an extra delay of its own, and it may be lost. Fragments of IP other than first ones, and
 * ICMP about packets that are too big, may be lost apart from that, as if the link ended at a
 * firewall without memory.
 *
 * With ExtraDelay a two-point variable this is a bundle of two unequal paths over which packets are
 * sprayed, each path FIFO; with a continuous variable it is a network with a delay spread. Both
 * directions draw from the same variables. Extra delay is rounded to the resolution of Time; of two
 * packets that arrive at the same instant the one sent first is handled first.
 */
class ReorderingChannel : public PointToPointChannel
{
  public:
    static TypeId GetTypeId();
    ReorderingChannel();

    bool TransmitStart(Ptr<const Packet> packet,
                       Ptr<PointToPointNetDevice> source,
                       Time transmitTime) override;

    /// A delay that depends on the packet, link header included; on top of ExtraDelay.
    using PacketDelay = std::function<Time(Ptr<const Packet> packet)>;
    void SetPacketDelay(PacketDelay delay);

    /// Packets, link header included, that are lost whatever LossProbability says.
    using PacketLoss = std::function<bool(Ptr<const Packet> packet)>;
    void SetPacketLoss(PacketLoss isLost);

    /// \return the number of streams used
    int64_t AssignStreams(int64_t stream);

    /// Packets that were lost on purpose.
    uint64_t GetLost() const;
    /// Of these: by FragmentLoss, and by ReportLoss.
    uint64_t GetFragmentsLost() const;
    uint64_t GetReportsLost() const;
    /// Packets that are on their way now.
    uint64_t GetInFlight() const;

    typedef void (*PacketTracedCallback)(Ptr<const Packet> packet);

  private:
    /// Lost by FragmentLoss or ReportLoss; counted.
    bool IsFiltered(Ptr<const Packet> packet);
    void Deliver(Ptr<PointToPointNetDevice> destination, Ptr<Packet> packet);

    Ptr<RandomVariableStream> m_extraDelay; ///< seconds
    PacketDelay m_packetDelay;
    PacketLoss m_packetLoss;
    Ptr<UniformRandomVariable> m_lossDraw;
    Ptr<UniformRandomVariable> m_filterDraw; ///< of fragments and reports
    double m_lossProbability;
    double m_fragmentLoss;
    double m_reportLoss;
    uint64_t m_lost{0};
    uint64_t m_fragmentsLost{0};
    uint64_t m_reportsLost{0};
    uint64_t m_inFlight{0};
    TracedCallback<Ptr<const Packet>> m_transmitTrace;
    TracedCallback<Ptr<const Packet>> m_deliverTrace;
    TracedCallback<Ptr<const Packet>> m_lossTrace;
};

} // namespace ns3

#endif // IPSEC_REORDERING_CHANNEL_H
