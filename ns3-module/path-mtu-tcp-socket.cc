/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "path-mtu-tcp-socket.h"

#include "model/wire/tcp-mss.h"

#include "ns3/boolean.h"
#include "ns3/ipv4-end-point.h"
#include "ns3/ipv4.h"
#include "ns3/ipv6-end-point.h"
#include "ns3/ipv6.h"
#include "ns3/log.h"
#include "ns3/node.h"
#include "ns3/rtt-estimator.h"
#include "ns3/simulator.h"
#include "ns3/tcp-congestion-ops.h"
#include "ns3/tcp-header.h"
#include "ns3/tcp-option-rfc793.h"
#include "ns3/tcp-tx-buffer.h"
#include "ns3/trace-source-accessor.h"
#include "ns3/uinteger.h"

#include <algorithm>

namespace ns3
{

NS_LOG_COMPONENT_DEFINE("PathMtuTcpSocket");
NS_OBJECT_ENSURE_REGISTERED(PathMtuTcpSocket);

namespace
{

/// Of the timestamp option with its padding (RFC 7323, appendix A).
constexpr uint32_t kTimestamps = 12;
/// The search is over when what passes and what does not are as close as that, octets.
constexpr uint32_t kResolution = 8;
/// Segments behind a probe, so that duplicate acknowledgments tell of its loss.
constexpr uint32_t kSegmentsBehind = 3;

/// What a packet that is too large is lowered to when a router says no MTU: the next smaller one of
/// usual links (RFC 1191, section 7).
uint32_t
PlateauBelow(uint32_t mtu)
{
    for (const uint32_t plateau : {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296})
    {
        if (plateau < mtu)
        {
            return plateau;
        }
    }
    return 68;
}

/// That the SYN announces, or what stands for none (RFC 9293, section 3.7.1), octets.
uint32_t
MssOf(const TcpHeader& syn, bool v6)
{
    const auto option = DynamicCast<const TcpOptionMSS>(syn.GetOption(TcpOption::MSS));
    return option ? option->GetMSS() : v6 ? 1220 : 536;
}

} // namespace

TypeId
PathMtuTcpSocket::GetTypeId()
{
    static TypeId tid =
        TypeId("ns3::PathMtuTcpSocket")
            .SetParent<TcpSocketBase>()
            .SetGroupName("Ipsec")
            .AddConstructor<PathMtuTcpSocket>()
            .AddAttribute("Probing",
                          "Whether the path MTU is searched for without reports, too (RFC 4821).",
                          BooleanValue(false),
                          MakeBooleanAccessor(&PathMtuTcpSocket::m_probing),
                          MakeBooleanChecker())
            .AddAttribute("BaseMtu",
                          "With Probing, the packet that is tried in a black hole, in octets; "
                          "over IPv6 at least 1280.",
                          UintegerValue(1024),
                          MakeUintegerAccessor(&PathMtuTcpSocket::m_baseMtu),
                          MakeUintegerChecker<uint32_t>(68, 65535))
            .AddAttribute("BlackHoleTimeouts",
                          "With Probing, timeouts in a row of a full segment that mean a black "
                          "hole.",
                          UintegerValue(2),
                          MakeUintegerAccessor(&PathMtuTcpSocket::m_blackHoleTimeouts),
                          MakeUintegerChecker<uint32_t>(1))
            .AddAttribute("PathMtuLifetime",
                          "Time after which larger packets are tried again.",
                          TimeValue(Minutes(10)),
                          MakeTimeAccessor(&PathMtuTcpSocket::m_lifetime),
                          MakeTimeChecker(Seconds(0)))
            .AddTraceSource("PathMtu",
                            "Octets that a packet of this connection may have.",
                            MakeTraceSourceAccessor(&PathMtuTcpSocket::m_pathMtu),
                            "ns3::TracedValueCallback::Uint32");
    return tid;
}

TypeId
PathMtuTcpSocket::GetInstanceTypeId() const
{
    return GetTypeId();
}

PathMtuTcpSocket::PathMtuTcpSocket()
    : m_pathMtu(0)
{
}

// ---- the connection begins

int
PathMtuTcpSocket::Connect(const Address& address)
{
    const int result = TcpSocketBase::Connect(address);
    ListenForReports();
    return result;
}

Ptr<TcpSocketBase>
PathMtuTcpSocket::Fork()
{
    return CopyObject<PathMtuTcpSocket>(this);
}

void
PathMtuTcpSocket::CompleteFork(Ptr<Packet> packet,
                               const TcpHeader& header,
                               const Address& fromAddress,
                               const Address& toAddress)
{
    TcpSocketBase::CompleteFork(packet, header, fromAddress, toAddress);
    ListenForReports();
    Begin(header);
    m_tcb->m_cWnd = GetInitialCwnd() * GetSegSize();
    m_tcb->m_cWndInfl = m_tcb->m_cWnd;
}

void
PathMtuTcpSocket::DoForwardUp(Ptr<Packet> packet,
                              const Address& fromAddress,
                              const Address& toAddress)
{
    TcpHeader header;
    packet->PeekHeader(header);
    if (m_state == SYN_SENT && (header.GetFlags() & TcpHeader::SYN) != 0)
    {
        Begin(header);
    }
    TcpSocketBase::DoForwardUp(packet, fromAddress, toAddress);
}

void
PathMtuTcpSocket::ListenForReports()
{
    const Ptr<PathMtuTcpSocket> self(this);
    if (m_endPoint)
    {
        m_endPoint->SetIcmpCallback(MakeCallback(&PathMtuTcpSocket::HandleIcmp, self));
    }
    if (m_endPoint6)
    {
        m_endPoint6->SetIcmpCallback(MakeCallback(&PathMtuTcpSocket::HandleIcmp6, self));
    }
}

void
PathMtuTcpSocket::Begin(const TcpHeader& syn)
{
    const bool v6 = m_endPoint6 != nullptr;
    const auto headers = static_cast<uint32_t>(ipseclab::wire::HeadersOfMss(v6));
    m_timestamps = m_timestampEnabled && syn.HasOption(TcpOption::TS);
    m_largest = std::min(LinkMtu(), headers + MssOf(syn, v6));
    m_tooLarge = m_largest + 1;
    m_txBuffer->SetRWndCallback(MakeCallback(&PathMtuTcpSocket::WindowOfPeer, this));
    SetPathMtu(m_largest);
}

/// In ns-3 3.37 TcpTxBuffer::NextSeg finds a segment of no octets when what was sent fills the
/// window to the octet, and with SACK there is room for congestion: it would be sent, and crash.
uint32_t
PathMtuTcpSocket::WindowOfPeer() const
{
    const uint32_t window = m_rWnd.Get();
    const auto sent = m_tcb->m_highTxMark.Get() - m_txBuffer->HeadSequence();
    return window > 0 && sent >= 0 && static_cast<uint32_t>(sent) == window ? window - 1 : window;
}

uint32_t
PathMtuTcpSocket::LinkMtu() const
{
    if (m_endPoint6)
    {
        const auto ipv6 = m_node->GetObject<Ipv6>();
        const int32_t interface = ipv6->GetInterfaceForAddress(m_endPoint6->GetLocalAddress());
        return ipv6->GetMtu(static_cast<uint32_t>(interface));
    }
    const auto ipv4 = m_node->GetObject<Ipv4>();
    const int32_t interface = ipv4->GetInterfaceForAddress(m_endPoint->GetLocalAddress());
    return ipv4->GetMtu(static_cast<uint32_t>(interface));
}

uint32_t
PathMtuTcpSocket::Headers() const
{
    return static_cast<uint32_t>(ipseclab::wire::HeadersOfMss(m_endPoint6 != nullptr)) +
           (m_timestamps ? kTimestamps : 0);
}

uint32_t
PathMtuTcpSocket::Floor() const
{
    return m_endPoint6 ? 1280 : 68;
}

void
PathMtuTcpSocket::SetPathMtu(uint32_t mtu)
{
    constexpr uint32_t kLeast = 8; // a peer may announce an MSS of nothing
    NS_LOG_LOGIC("path MTU " << mtu);
    m_pathMtu = mtu;
    const uint32_t segment = std::max(mtu, Headers() + kLeast) - Headers();
    m_tcb->m_segmentSize = segment; // SetSegSize aborts on a connection
    m_txBuffer->SetSegmentSize(segment);
    if (m_connected && m_tcb->m_cWnd < segment)
    {
        m_tcb->m_cWnd = segment; // or a segment that has grown would wait for a timeout
        m_tcb->m_cWndInfl = std::max(m_tcb->m_cWndInfl.Get(), segment);
    }
}

// ---- reports

void
PathMtuTcpSocket::HandleIcmp(Ipv4Address source,
                             uint8_t ttl,
                             uint8_t type,
                             uint8_t code,
                             uint32_t info)
{
    constexpr uint8_t kUnreachable = 3;
    constexpr uint8_t kFragmentationNeeded = 4;
    if (type == kUnreachable && code == kFragmentationNeeded)
    {
        NoteReport(info);
    }
    ForwardIcmp(source, ttl, type, code, info);
}

void
PathMtuTcpSocket::HandleIcmp6(Ipv6Address source,
                              uint8_t ttl,
                              uint8_t type,
                              uint8_t code,
                              uint32_t info)
{
    constexpr uint8_t kPacketTooBig = 2;
    if (type == kPacketTooBig)
    {
        NoteReport(info);
    }
    ForwardIcmp6(source, ttl, type, code, info);
}

void
PathMtuTcpSocket::NoteReport(uint32_t mtu)
{
    if (mtu == 0 && m_stale > 0)
    {
        --m_stale; // about a segment that was as long as the one before
        ++m_counters.ignored;
        return;
    }
    const uint32_t reported = m_probe ? m_probe->size : m_pathMtu.Get();
    const uint32_t told = std::max(mtu == 0 ? PlateauBelow(reported) : mtu, Floor());
    m_tooLarge = std::min(m_tooLarge, told + 1);
    if (m_pathMtu == 0 || told >= m_pathMtu)
    {
        ++m_counters.ignored; // or about a probe, which shows by its loss
        return;
    }
    ++m_counters.reports;
    m_until = Simulator::Now() + m_lifetime;
    m_probe.reset();
    m_stale = UnAckDataCount() > 0 ? (UnAckDataCount() - 1) / m_tcb->m_segmentSize : 0;
    SetPathMtu(told);
    Resend();
}

void
PathMtuTcpSocket::Resend()
{
    if (UnAckDataCount() == 0)
    {
        return;
    }
    m_dupAckCount = 0;
    if (!m_sackEnabled)
    {
        m_txBuffer->ResetRenoSack();
    }
    m_txBuffer->SetSentListLost(!m_sackEnabled);
    m_recover = m_tcb->m_highTxMark;
    m_recoverActive = true;
    m_history.clear();
    m_congestionControl->CongestionStateSet(m_tcb, TcpSocketState::CA_LOSS);
    m_tcb->m_congState = TcpSocketState::CA_LOSS;
    m_tcb->m_ssThresh = std::max(m_tcb->m_ssThresh.Get(), m_tcb->m_cWnd.Get());
    m_tcb->m_cWnd = m_tcb->m_segmentSize;
    m_tcb->m_cWndInfl = m_tcb->m_cWnd;
    m_pacingTimer.Cancel();
    m_retxEvent.Cancel();
    SendPendingData(m_connected);
    if (m_retxEvent.IsExpired()) // nothing went out: Nagle, or a window below a segment
    {
        m_retxEvent = Simulator::Schedule(m_rto, &PathMtuTcpSocket::ReTxTimeout, this);
    }
}

void
PathMtuTcpSocket::Forget()
{
    m_until = Time::Max();
    m_tooLarge = m_largest + 1;
    if (!m_probing)
    {
        SetPathMtu(m_largest);
    }
}

// ---- probing

void
PathMtuTcpSocket::ReTxTimeout()
{
    const bool full = UnAckDataCount() >= m_tcb->m_segmentSize;
    if (m_probing && m_connected && full && ++m_timeouts >= m_blackHoleTimeouts &&
        m_pathMtu > Floor())
    {
        const uint32_t base = std::max(m_baseMtu, Floor());
        m_timeouts = 0;
        ++m_counters.blackHoles;
        m_tooLarge = m_pathMtu;
        m_until = Simulator::Now() + m_lifetime;
        m_probe.reset();
        SetPathMtu(m_pathMtu > base ? base : std::max(m_pathMtu.Get() / 2, Floor()));
    }
    TcpSocketBase::ReTxTimeout();
}

uint32_t
PathMtuTcpSocket::NextProbe(SequenceNumber32 seq) const
{
    if (!m_probing || m_probe || m_tooLarge <= m_pathMtu + kResolution ||
        m_tcb->m_congState != TcpSocketState::CA_OPEN || seq < m_tcb->m_highTxMark)
    {
        return 0;
    }
    const uint32_t size = m_pathMtu + (m_tooLarge - m_pathMtu) / 2;
    const uint32_t data = size - Headers();
    const uint32_t all = data + kSegmentsBehind * m_tcb->m_segmentSize;
    const bool enough = m_txBuffer->SizeFromSequence(seq) >= all && Window() >= all;
    return enough && AvailableWindow() >= data ? data : 0;
}

uint32_t
PathMtuTcpSocket::SendDataPacket(SequenceNumber32 seq, uint32_t maxSize, bool withAck)
{
    if (m_until <= Simulator::Now())
    {
        Forget();
    }
    if (m_probe && seq <= m_probe->begin && m_probe->begin < seq + maxSize)
    {
        GiveUpProbe(); // its data are sent anew, for it is lost
    }
    if (const uint32_t data = NextProbe(seq))
    {
        ++m_counters.probes;
        m_probe = Probe{seq, seq + data, data + Headers(), m_tcb->m_cWnd};
        maxSize = data;
    }
    return TcpSocketBase::SendDataPacket(seq, maxSize, withAck);
}

void
PathMtuTcpSocket::GiveUpProbe()
{
    ++m_counters.probesLost;
    const bool recovery = m_tcb->m_congState == TcpSocketState::CA_RECOVERY;
    const bool alone =
        m_txBuffer->GetLost() <= static_cast<uint32_t>(m_probe->end - m_probe->begin);
    // With others it may have been lost to congestion, and says nothing (RFC 4821, section 7.6.4).
    if (alone || !recovery)
    {
        m_tooLarge = std::min(m_tooLarge, m_probe->size);
    }
    if (alone && recovery)
    {
        m_tcb->m_ssThresh = m_probe->window; // what the window is after the recovery
    }
    m_probe.reset();
}

void
PathMtuTcpSocket::NewAck(const SequenceNumber32& seq, bool resetRTO)
{
    m_timeouts = 0;
    if (m_probe && seq >= m_probe->end)
    {
        m_until = Simulator::Now() + m_lifetime;
        SetPathMtu(m_probe->size);
        m_probe.reset();
    }
    TcpSocketBase::NewAck(seq, resetRTO);
}

uint32_t
PathMtuTcpSocket::GetPathMtu() const
{
    return m_pathMtu;
}

const PathMtuTcpSocket::Counters&
PathMtuTcpSocket::GetCounters() const
{
    return m_counters;
}

} // namespace ns3
