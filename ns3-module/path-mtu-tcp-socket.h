/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_MTU_TCP_SOCKET_H
#define IPSEC_PATH_MTU_TCP_SOCKET_H

#include "ns3/nstime.h"
#include "ns3/tcp-socket-base.h"
#include "ns3/traced-value.h"

#include <optional>

namespace ns3
{

/**
 * \ingroup ipsec
 * TCP that fits its segments to the path, which ns-3's own does not: by the MSS of the peer (RFC
 * 9293, section 3.7.1), by reports of packets that are too big (RFC 1191, RFC 8201), and, with
 * Probing, without reports (RFC 4821).
 *
 * Segments are as long as the link, the peer and the path allow; the attribute SegmentSize of ns-3
 * has no meaning. After a report all that is outstanding is sent anew at once, in slow start, whose
 * threshold does not fall: it was no congestion (RFC 1191, section 6.4). A report is believed when
 * it is about this connection and below what is known; ns-3 does not hand on more of it.
 *
 * With Probing, BlackHoleTimeouts timeouts in a row with at least a full segment outstanding mean a
 * black hole: the size falls to BaseMtu, and to half from there on. Then single segments of data
 * that are longer, halfway to what is known to be too large, find what passes. The loss of such a
 * probe alone is not taken for congestion.
 *
 * Made by PathMtuSocketFactory, without which neither DF is set nor an MSS announced.
 */
class PathMtuTcpSocket : public TcpSocketBase
{
  public:
    static TypeId GetTypeId();
    TypeId GetInstanceTypeId() const override;
    PathMtuTcpSocket();
    PathMtuTcpSocket(const PathMtuTcpSocket& other) = default;

    struct Counters
    {
        uint64_t reports{0};    ///< that lowered the path MTU
        uint64_t ignored{0};    ///< reports that did not
        uint64_t blackHoles{0}; ///< that timeouts have shown
        uint64_t probes{0};     ///< sent
        uint64_t probesLost{0};
    };

    int Connect(const Address& address) override;

    /// Octets that an IP packet of this connection may have; 0 before it is there.
    uint32_t GetPathMtu() const;
    const Counters& GetCounters() const;

  protected:
    void DoForwardUp(Ptr<Packet> packet,
                     const Address& fromAddress,
                     const Address& toAddress) override;
    Ptr<TcpSocketBase> Fork() override;
    void CompleteFork(Ptr<Packet> packet,
                      const TcpHeader& header,
                      const Address& fromAddress,
                      const Address& toAddress) override;
    uint32_t SendDataPacket(SequenceNumber32 seq, uint32_t maxSize, bool withAck) override;
    void NewAck(const SequenceNumber32& seq, bool resetRTO) override;
    void ReTxTimeout() override;

  private:
    /// A segment that is longer than others, to see whether it arrives.
    struct Probe
    {
        SequenceNumber32 begin;
        SequenceNumber32 end;
        uint32_t size;   ///< of its packet, octets
        uint32_t window; ///< for congestion, when it was sent
    };

    void ListenForReports();
    void HandleIcmp(Ipv4Address source, uint8_t ttl, uint8_t type, uint8_t code, uint32_t info);
    void HandleIcmp6(Ipv6Address source, uint8_t ttl, uint8_t type, uint8_t code, uint32_t info);
    /// The peer's SYN is there: what may segments have?
    void Begin(const TcpHeader& syn);
    uint32_t LinkMtu() const;
    /// The peer's window, less one octet when it is full.
    uint32_t WindowOfPeer() const;
    uint32_t Headers() const; ///< of a packet around its data, octets
    uint32_t Floor() const;   ///< that no report gets the path MTU below, octets
    void NoteReport(uint32_t mtu);
    void SetPathMtu(uint32_t mtu);
    void Resend();
    /// After Lifetime, larger packets may be tried again.
    void Forget();
    /// Octets of data in the next probe when it is time for one of what is not sent yet; else 0.
    uint32_t NextProbe(SequenceNumber32 seq) const;
    void GiveUpProbe();

    bool m_probing;
    uint32_t m_baseMtu;
    uint32_t m_blackHoleTimeouts;
    Time m_lifetime;

    bool m_timestamps{false};        ///< in every segment
    uint32_t m_largest{0};           ///< packet by the link and the peer
    TracedValue<uint32_t> m_pathMtu; ///< that is believed to pass
    uint32_t m_tooLarge{0};          ///< the least that is not, or not tried yet
    Time m_until{Time::Max()};       ///< when that is forgotten
    /// Segments that were on the way when a report was believed: so many of those without an MTU
    /// may be about them.
    uint32_t m_stale{0};
    std::optional<Probe> m_probe; ///< on its way
    uint32_t m_timeouts{0};       ///< in a row, of full segments
    Counters m_counters;
};

} // namespace ns3

#endif // IPSEC_PATH_MTU_TCP_SOCKET_H
