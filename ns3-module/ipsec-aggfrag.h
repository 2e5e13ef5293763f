/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_AGGFRAG_H
#define IPSEC_AGGFRAG_H

#include "model/esp/aggfrag-receiver.h"
#include "model/esp/aggfrag-sender.h"
#include "model/esp/esp-sa.h"

#include "ns3/event-id.h"
#include "ns3/nstime.h"
#include "ns3/object.h"
#include "ns3/packet.h"

#include <functional>
#include <unordered_map>
#include <vector>

namespace ns3
{

class IpsecGateway;

/**
 * \ingroup ipsec
 * The part of a gateway in AGGFRAG (RFC 9347), for SAs on which USE_AGGFRAG was agreed: inner
 * packets wait here for payloads, and are put together here from those that come.
 *
 * Payloads are sent on demand, as soon as one is full or Delay is over, and as long as what they
 * hold; or with Interval, one each time whatever the traffic, from the moment on at which the SA
 * may send, and padded to full size. That size is the smallest of PacketSize, the MTU of the device
 * below and the path MTU of the SA (IpsecPathMtu).
 *
 * Where the constant rate begins before any packet has shown the way, it needs a gateway with one
 * outside device, of a link without ARP; elsewhere it begins with the first packet.
 *
 * No engine works on these packets (IpsecGateway::SetEngine). Payloads that are late or faulty, and
 * packets that become too long when the path MTU falls, are drops of the gateway like any other.
 *
 * When an SA is replaced, what waits is offered to its successor, whole, for no fragment goes on
 * under another SA. For IpsecNetDevice only.
 */
class IpsecAggfrag : public Object
{
  public:
    static TypeId GetTypeId();

    /// Where payloads leave by.
    struct Port
    {
        uint16_t mtu{0};                               ///< of the link, octets of IP
        std::function<bool(Ptr<Packet> packet)> send;  ///< sealed; false: it was refused
        std::function<void(Ptr<Packet> packet)> offer; ///< inner, as if it came from IP
    };

    /// Gets inner packets, in their order.
    using Deliver = std::function<void(Ptr<Packet> packet)>;

    /// Of all SAs, those included that are gone.
    struct Counters
    {
        ipseclab::esp::AggfragSender::Counters sent;
        ipseclab::esp::AggfragReceiver::Counters received;
        uint64_t waiting{0}; ///< packets
        uint64_t held{0};    ///< payloads behind a gap

        /// Whether every packet taken and every payload come in is accounted for exactly once.
        bool Balanced() const;
    };

    void SetGateway(IpsecGateway* gateway);
    /// An outside device; the port is asked for when it is needed, and may be none.
    void AddPort(std::function<Port()> port);
    /// Octets that an ESP packet may have where the link takes that many.
    size_t Limit(size_t mtu) const;
    /// Whether DSCPs of inner packets are copied.
    bool CopiesDscp() const;

    /// \name Pairs of SAs, by inbound SPI
    void Install(uint32_t spiInbound, bool peerTakesFragments);
    void Retire(uint32_t spiInbound); ///< it sends no more
    void Remove(uint32_t spiInbound);

    /// Takes an inner packet; None, or why not.
    ipseclab::esp::DropReason Enqueue(const ipseclab::esp::OutboundSa& sa,
                                      ipseclab::ByteSpan packet);
    /// Sends the payloads that are full on the SA that Enqueue was called for last.
    void SendFull(Port port);
    /// An AGGFRAG payload is in the data plane's buffer.
    void Receive(uint32_t spiInbound, uint64_t number, const Deliver& deliver);

    Counters GetCounters() const;

  protected:
    void DoDispose() override;

  private:
    /// One pair of SAs.
    struct Pair
    {
        Pair(const ipseclab::esp::AggfragSenderConfig& sending,
             const ipseclab::esp::AggfragReceiverConfig& receiving);

        ipseclab::esp::AggfragSender sender;
        ipseclab::esp::AggfragReceiver receiver;
        Port port;
        Deliver deliver;
        EventId sending;
        EventId receiving;
    };

    static void Add(Counters& sum, const Pair& pair);
    Pair* Find(uint32_t spiInbound);
    size_t PayloadSize(const ipseclab::esp::OutboundSa& sa, const Port& port) const;
    void SendOne(Pair& pair, ipseclab::esp::OutboundSa& sa);
    void SendDue(uint32_t spiInbound);
    void ScheduleSending(uint32_t spiInbound, Pair& pair);
    void ReceiveDue(uint32_t spiInbound);
    void ScheduleReceiving(uint32_t spiInbound, Pair& pair);
    /// Calls `take` with a sink for inner packets, then delivers those that are let in.
    template <typename Taking>
    void Take(uint32_t spiInbound, Pair& pair, const Taking& take);
    void Reoffer(const std::vector<ipseclab::Bytes>& packets, const Port& port);

    IpsecGateway* m_gateway{nullptr};
    std::vector<std::function<Port()>> m_ports;
    std::unordered_map<uint32_t, Pair> m_pairs; ///< by inbound SPI
    uint32_t m_entered{0};                      ///< inbound SPI of the last Enqueue
    Counters m_gone;
    uint32_t m_packetSize;
    Time m_interval;
    Time m_delay;
    uint32_t m_maxQueue;
    uint32_t m_reorderWindow;
    Time m_dropTime;
    bool m_inOrder;
    bool m_copyDscp;
};

} // namespace ns3

#endif // IPSEC_AGGFRAG_H
