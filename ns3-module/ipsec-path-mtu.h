/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_MTU_H
#define IPSEC_PATH_MTU_H

#include "ipsec-compat.h"

#include "model/esp/esp-sa.h"
#include "model/wire/ip-fragment.h"

#include "ns3/event-id.h"
#include "ns3/nstime.h"
#include "ns3/object.h"
#include "ns3/packet.h"
#include "ns3/traced-callback.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace ns3
{

class IpsecGateway;

/// What a gateway does with a packet that does not fit when it is sealed and that may be cut: one
/// of IPv4 without DF (RFC 4301, section 8.2.1).
enum class IpsecFragmentation
{
    Drop,
    BeforeEsp, ///< tunnel mode: the inner packet is cut, each piece is sealed
    AfterEsp,  ///< the ESP packet is cut, unless it has DF; the peer has to reassemble
};

/// Whose rules for path MTUs a gateway follows.
enum class PathMtuProfile
{
    Rfc4301, ///< as the attributes say; a path MTU belongs to one SA (RFC 4301, section 8.2.2)
    /// As recorded of Linux 6.1: packets without DF are sealed and cut after ESP, those of the
    /// gateway itself to what would fit inside; a path MTU is that of the other gateway, for all
    /// SAs; also a report of more than the quoted packet had is believed; the IPv4 floor is 552.
    Linux,
    LinuxNoPmtuDisc, ///< with net.ipv4.ip_no_pmtu_disc=1: besides, any IPv4 report means the floor
};

/**
 * \ingroup ipsec
 * A gateway and the size of packets (RFC 4301, section 8): the path MTU of each SA, packets that do
 * not fit, and fragments for the gateway itself.
 *
 * The MTU is that of the device below, or what a router has reported for the SA: the report has to
 * quote a packet between the SA's addresses with its SPI, and to be below the size of that packet.
 * It lasts for Lifetime and is never raised before. The source of the next packet that does not
 * fit and must not be cut (DF, or IPv6) is told what would fit. With ClampMss nobody needs to be
 * told about TCP: the MSS of each SYN, whichever way it goes, is lowered to what the SA to the
 * peer takes, as if the way back were as wide.
 *
 * For IpsecNetDevice only; IpsecFastPath neither cuts nor joins, and clamps only what leaves.
 */
class IpsecPathMtu : public Object
{
  public:
    static TypeId GetTypeId();

    /// What was reported or told, and packets.
    struct Counters
    {
        uint64_t known{0};        ///< reports that quoted a packet of an SA
        uint64_t learnt{0};       ///< the path MTU of an SA fell
        uint64_t belowFloor{0};   ///< of these: to the floor, for the report had less
        uint64_t foreign{0};      ///< reports that quoted no packet of an SA, or too little to tell
        uint64_t implausible{0};  ///< no MTU, not below the quoted packet or what is known
        uint64_t reported{0};     ///< told an inner source
        uint64_t cutBeforeEsp{0}; ///< packets
        uint64_t cutAfterEsp{0};  ///< packets
        uint64_t clampedSent{0};  ///< SYNs that left in the tunnel with a lowered MSS
        uint64_t clampedOpened{0}; ///< SYNs that came out of it
    };

    void SetGateway(IpsecGateway* gateway);

    /// Octets that the sealed packet may have. One that must not be cut is reported when that is
    /// less than it would have.
    size_t SizeLimit(const ipseclab::esp::OutboundSa& sa,
                     const ipseclab::wire::IpView& inner,
                     size_t mtu);
    /**
     * With ClampMss, lowers the MSS of a SYN that came out of the tunnel, so that the segments of
     * the connection fit into the SA that takes them back.
     * \param inner is changed in place \param mtu of the link below
     */
    void ClampOpened(ipseclab::MutableByteSpan inner, size_t mtu);
    /// The inner packets to seal in place of one: its pieces, or itself.
    std::vector<Ptr<Packet>> CutInner(Ptr<Packet> packet, uint16_t mtu);
    /// Of a clear packet whose pieces, once it is sealed, are cut smaller than the path needs: its
    /// length. That is so under a Linux profile, of the gateway's own packets.
    std::optional<size_t> OwnLength(Ptr<const Packet> packet) const;
    /// What a sealed packet is sent in: its pieces, or itself.
    /// \param ownLength what OwnLength said of the packet before it was sealed. Linux makes its own
    ///        packets in pieces that fit inside, and the ESP trailer goes behind the last one.
    std::vector<Ptr<Packet>> CutOuter(Ptr<Packet> packet,
                                      uint16_t mtu,
                                      std::optional<size_t> ownLength = std::nullopt);
    /// A packet from outside: itself, or the packet that it completes; null when it is a fragment
    /// for this node that waits for others, or too long (IpsecPathSizes).
    Ptr<const Packet> Join(Ptr<const Packet> packet);
    /// A clear packet for this node that was let in, which may be a report.
    void Read(const ipseclab::wire::IpView& view);
    /// The path MTU of an SA that is there falls to `told` octets, or to the floor if that is more.
    void Learn(const ipseclab::IpAddress& destination, uint32_t spi, size_t told);

    /// Of an SA, octets; nothing: none was reported, or it has aged. Under a Linux profile the SPI
    /// is without meaning.
    std::optional<size_t> GetPathMtu(const ipseclab::IpAddress& destination, uint32_t spi);
    const Counters& GetCounters() const;
    /// Of fragments for this node.
    const ipseclab::wire::Reassembler& GetReassembler();

    typedef void (*LearntTracedCallback)(uint32_t spi, uint32_t octets);

  protected:
    void DoDispose() override;

  private:
    struct Learnt
    {
        size_t mtu;
        Time until;
    };

    void SetFragmentation(IpsecFragmentation value);
    compat::EnumResult<IpsecFragmentation> GetFragmentation() const;
    void SetProfile(PathMtuProfile value);
    compat::EnumResult<PathMtuProfile> GetProfile() const;
    using Path = std::pair<ipseclab::IpAddress, uint32_t>;
    /// What a path MTU belongs to.
    Path PathOf(const ipseclab::IpAddress& destination, uint32_t spi) const;
    IpsecFragmentation Fragmentation() const;
    size_t Floor(bool v4) const;
    size_t Limit(const ipseclab::IpAddress& destination, uint32_t spi, size_t mtu);
    /// What the fragments of a packet are when they are there.
    Ptr<const Packet> Complete(const ipseclab::Bytes& whole);
    void HandleTimer();
    void ScheduleTimer();
    /// The MSS whose segments, without options, have that many octets in all; at most MssLimit.
    uint16_t MssOf(size_t packet, bool v6) const;
    void ClampSealed(const ipseclab::esp::OutboundSa& sa,
                     const ipseclab::wire::IpView& inner,
                     size_t limit);
    void Report(const ipseclab::wire::IpView& inner, size_t mtu);
    void SendReport(const ipseclab::IpAddress& to, const ipseclab::Bytes& inner, size_t mtu);

    IpsecGateway* m_gateway{nullptr};
    PathMtuProfile m_profile;
    IpsecFragmentation m_fragmentation;
    Time m_lifetime;
    uint32_t m_floorV4;
    uint32_t m_floorV6;
    uint32_t m_reassemblyMemory;
    uint32_t m_smallestFragment;
    Time m_reassemblyTimeout;
    bool m_clampMss;
    uint16_t m_mssLimit;
    /// By destination and SPI; only of SAs that were there.
    std::map<Path, Learnt> m_learnt;
    std::optional<ipseclab::wire::Reassembler> m_reassembler; ///< from its first use
    EventId m_timer;                                          ///< of unfinished packets
    uint32_t m_identification{0};
    Counters m_counters;
    TracedCallback<uint32_t, uint32_t> m_learntTrace;
};

} // namespace ns3

#endif // IPSEC_PATH_MTU_H
