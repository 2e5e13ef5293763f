/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_DATA_PLANE_H
#define IPSECLAB_ESP_DATA_PLANE_H

#include "model/esp/drop-reason.h"
#include "model/esp/packet-buffer.h"
#include "model/esp/sad.h"
#include "model/esp/spd.h"
#include "model/wire/ip-packet.h"

#include <functional>
#include <limits>
#include <string>

namespace ipseclab::esp
{

/// What becomes of a packet.
enum class Verdict : std::uint8_t
{
    Transformed, ///< sealed or opened; the buffer holds the new packet
    Bypass,      ///< goes on as it is
    Drop,        ///< see the reason
    Aggfrag,     ///< outbound: an AGGFRAG payload will carry it; inbound: the buffer holds one
};

struct DataPlaneResult
{
    Verdict verdict{Verdict::Bypass};
    DropReason drop{DropReason::None};
    std::uint32_t spi{0};    ///< of the SA that took it, 0 without
    std::uint64_t number{0}; ///< sequence number, 0 without
};

/// ESP packets that are sent with AGGFRAG payloads, and the packets in those that came.
struct AggfragCounters
{
    std::uint64_t made{0}; ///< payloads; made + withdrawn == sealed + outboundDrops
    std::uint64_t sealed{0};
    std::uint64_t withdrawn{0}; ///< after they had been sealed, by a queue below
    std::uint64_t innerIn{0};   ///< packets; innerIn == innerAdmitted + innerDrops
    std::uint64_t innerAdmitted{0};
    std::uint64_t innerOctets{0}; ///< of these
    DropCounters outboundDrops;
    DropCounters innerDrops;

    bool Balanced() const;
};

/// Packets and octets by what became of them. Per direction, In + withdrawn == transformed +
/// aggregated + bypassed + dropped.
struct DataPlaneCounters
{
    std::uint64_t outboundIn{0};
    std::uint64_t outboundSealed{0};
    std::uint64_t outboundBypassed{0};
    /// Of those sealed: on an SA that lists their DSCP, or that lists others for want of a better
    /// one (ClassFit).
    std::uint64_t sealedListed{0};
    std::uint64_t sealedForeign{0};
    /// Of those sealed that a resource worked on: on an SA of its own, or on one for all.
    std::uint64_t sealedOnResource{0};
    std::uint64_t sealedOnFallback{0};
    std::uint64_t inboundIn{0}; ///< ESP packets and clear packets
    std::uint64_t inboundOpened{0};
    std::uint64_t inboundBypassed{0};
    std::uint64_t sealedOctets{0};       ///< of inner packets
    std::uint64_t openedOctets{0};       ///< of inner packets
    std::uint64_t outboundAggregated{0}; ///< taken for AGGFRAG payloads
    std::uint64_t inboundAggregated{0};  ///< ESP packets that held an AGGFRAG payload
    AggfragCounters aggfrag;
    std::uint64_t dummiesSealed{0}; ///< made here (RFC 4303, section 2.6), in no other count
    /// Dropped after they had been transformed, aggregated or bypassed: by a queue below, by an
    /// engine, or by AGGFRAG.
    std::uint64_t outboundWithdrawn{0};
    std::uint64_t inboundWithdrawn{0};
    DropCounters outboundDrops;
    DropCounters inboundDrops;

    /// Whether every packet is accounted for exactly once.
    bool Balanced() const;
};

/// Where an ESP packet in UDP came from and to, ports and addresses as on the wire.
struct UdpPath
{
    std::uint32_t spi{0};
    IpAddress source;
    IpAddress destination;
    wire::UdpPorts ports;
};

/**
 * The IPsec boundary of one node (RFC 4301, section 5), IPv4 and IPv6. The caller copies an IP
 * packet into Buffer(), calls one of the three functions, and on Transformed finds the new packet
 * in Buffer().
 */
class DataPlane
{
  public:
    PacketBuffer& Buffer()
    {
        return m_buffer;
    }

    Spd& GetSpd()
    {
        return m_spd;
    }

    Sad& GetSad()
    {
        return m_sad;
    }

    const DataPlaneCounters& Counters() const
    {
        return m_counters;
    }

    /// Called with the peer's name when a packet needs an SA that is not there.
    /// \param opaque one for OPAQUE ports is needed
    using AcquireCallback = std::function<void(const std::string& peer, bool opaque)>;
    void SetAcquireCallback(AcquireCallback callback);
    /// From now on the ports of first fragments are remembered for their later ones, of bypassed
    /// packets and of packets on SAs for which that was agreed (RFC 4301, sections 7.3 and 7.4).
    void TrackFragments(const FragmentTracker::Limits& limits,
                        const std::function<FragmentTracker::Instant()>& now);
    /// Of packets that leave; null unless they are tracked.
    const FragmentTracker* OutboundFragments() const;
    /// Of packets out of the tunnels of one peer, for InboundSaConfig; null unless they are
    /// tracked.
    std::shared_ptr<FragmentTracker> InboundFragments(const std::string& peer);
    /// Which of this side's CPUs or queues works on an outbound packet, from 0; unset: SAs of
    /// single resources carry nothing.
    void SetResourceRule(std::function<std::uint32_t(const wire::IpView& packet)> rule);
    /// Whether packets take an SA for all while their resource has none of its own (RFC 9611,
    /// section 4); otherwise they are dropped, as acquire-pending. Default: yes.
    void SetResourceFallback(bool allowed);
    /// What chooses the policy and the SA of an outbound packet. A later fragment has the ports of
    /// its first, where those are remembered.
    PacketSelectors Select(const wire::IpView& packet) const;
    /// The SA that takes such packets now, if any does; nothing is counted, and no SA asked for.
    OutboundSa* FindProtecting(const PacketSelectors& packet);
    /// What is decided about a first fragment now holds for later ones, though ProcessOutbound may
    /// get it after them.
    void NoteOutbound(const wire::IpView& view, const PacketSelectors& packet);
    /// Called for every packet whose resource has no SA of its own where there is one for all.
    void SetResourceCallback(
        std::function<void(const std::string& peer, std::uint32_t resource)> callback);

    /// Called with the inbound SPI of a pair of which one direction has reached a volume limit, or
    /// is about to run out of sequence numbers (Soft).
    void SetVolumeCallback(
        std::function<void(std::uint32_t spiInbound, VolumeMeter::Event event)> callback);

    /// Called with the SPI of an ESP packet that is not there, and where the packet came from.
    void SetUnknownSpiCallback(std::function<void(std::uint32_t spi, const IpAddress&)> callback);

    /// Called when an authentic packet in UDP has come over another path than its SA's.
    void SetPathCallback(std::function<void(const UdpPath& path)> callback);

    /// Asked how many octets a sealed packet may have, given the packet and the MTU of the link.
    using SizeLimit =
        std::function<std::size_t(const OutboundSa&, const wire::IpView& inner, std::size_t mtu)>;
    void SetSizeLimit(SizeLimit limit);

    /// Takes packets for AGGFRAG payloads of an SA, or says why not: None, or the reason of a drop.
    using AggfragQueue = std::function<DropReason(const OutboundSa&, ByteSpan packet)>;
    /// Without one, packets of such SAs are dropped.
    void SetAggfragQueue(AggfragQueue queue);

    /**
     * A clear packet that leaves the node. One that does not fit spends no sequence number.
     * \param mtu of the link below, octets of IP; an IP packet is never longer than 65535
     * \param noted NoteOutbound has been called for it; otherwise this does it
     */
    DataPlaneResult ProcessOutbound(std::size_t mtu = std::numeric_limits<std::size_t>::max(),
                                    bool noted = false);
    /**
     * A dummy packet for a peer, in Buffer(), which may hold anything before. It takes a number,
     * and that is all that it has in common with other packets: no policy is asked, no volume
     * measured. \param length of the payload, octets \return Transformed, or Drop, which is not
     * counted: there was no packet
     */
    DataPlaneResult MakeDummy(const std::string& peer,
                              std::size_t length,
                              std::size_t mtu = std::numeric_limits<std::size_t>::max());
    /// The AGGFRAG payload in Buffer() becomes an ESP packet. Where the SA has no more numbers it
    /// is dropped. \param dscp as for OutboundSa::SealAggfrag
    DataPlaneResult SealAggfrag(OutboundSa& sa, std::uint8_t dscp);
    /// A packet out of an AGGFRAG payload of the pair with that inbound SPI: may it enter?
    DropReason AdmitInner(std::uint32_t spiInbound, ByteSpan packet);

    /// An ESP packet for this node, outer header included, which may be one of IP or of IP and UDP
    /// to port 4500.
    DataPlaneResult ProcessInbound();
    /// A clear packet that entered from the protected side's outside: may it?
    DataPlaneResult ProcessInboundClear();

    /// A packet that was counted as transformed, aggregated or bypassed, and was given up then.
    void CountWithdrawn(DropReason reason, bool outbound);
    /// An ESP packet with an AGGFRAG payload that the device below refused.
    void CountAggfragQueueDrop();
    /// A packet from outside that is too long to be opened; it is counted as come in.
    void CountInboundTooBig();
    /// A packet that an engine had no room for.
    /// \param transformed whether it was counted as such; if not, it is counted as come in
    void CountEngineDrop(bool outbound, bool transformed);

  private:
    DataPlaneResult SealWith(OutboundSa& sa,
                             const wire::IpView& view,
                             std::uint32_t resource,
                             std::size_t mtu);
    DataPlaneResult Aggregate(const OutboundSa& sa, const wire::IpView& view, std::size_t mtu);
    std::size_t LimitOf(const OutboundSa& sa, const wire::IpView& view, std::size_t mtu) const;
    void NotePath(const InboundSa& sa, const UdpPath& path);
    std::optional<std::uint64_t> TakeNumber(OutboundSa& sa, std::uint16_t subspace);
    void Measure(VolumeMeter& meter, std::uint32_t spiInbound, std::size_t innerLength);
    bool MayTake(const OutboundSa& sa, const PacketSelectors& packet, const std::string& peer);
    void NoteChoice(const OutboundSa& sa, const PacketSelectors& packet);
    PacketSelectors Select(const wire::IpView& view, FragmentTracker::Memory& memory) const;
    DropReason Refuse(const SpdEntry* entry,
                      const PacketSelectors& packet,
                      FragmentTracker::Memory memory,
                      bool outbound) const;
    DataPlaneResult DropOutbound(DropReason reason);
    DataPlaneResult DropInbound(DropReason reason);

    PacketBuffer m_buffer;
    Spd m_spd;
    Sad m_sad;
    DataPlaneCounters m_counters;
    AcquireCallback m_acquire;
    std::unique_ptr<FragmentTracker> m_outboundFragments; ///< null: not tracked
    std::unique_ptr<FragmentTracker> m_clearFragments;    ///< of what came in clear; likewise
    /// By peer, so that none can drive out what is remembered of others.
    std::unordered_map<std::string, std::shared_ptr<FragmentTracker>> m_inboundFragments;
    std::function<std::shared_ptr<FragmentTracker>()> m_makeTracker; ///< empty: not tracked
    std::function<std::uint32_t(const wire::IpView&)> m_resourceRule;
    bool m_resourceFallback{true};
    std::function<void(const std::string&, std::uint32_t)> m_resourceWanted;
    std::function<void(std::uint32_t, VolumeMeter::Event)> m_volumeReached;
    std::function<void(const UdpPath&)> m_pathChanged;
    std::function<void(std::uint32_t, const IpAddress&)> m_unknownSpi;
    SizeLimit m_sizeLimit;
    AggfragQueue m_aggfragQueue;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_DATA_PLANE_H
