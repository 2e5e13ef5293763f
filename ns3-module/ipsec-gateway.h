/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_GATEWAY_H
#define IPSEC_GATEWAY_H

#include "ipsec-aggfrag.h"
#include "ipsec-compat.h"
#include "ipsec-engine.h"
#include "ipsec-path-mtu.h"
#include "ipsec-path-sizes.h"
#include "rng-random-source.h"

#include "model/esp/data-plane.h"
#include "model/ike/ike-endpoint.h"

#include "ns3/event-id.h"
#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/object.h"
#include "ns3/packet.h"
#include "ns3/socket.h"
#include "ns3/traced-callback.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ns3
{

/**
 * \ingroup ipsec
 * IPsec on one node: the IKE endpoint on UDP ports 500 and 4500 and the ESP data plane, aggregated
 * to a Node.
 *
 * It carries the protocol model and adds nothing to it: time, timers, sockets, packets and traces
 * are ns-3's, the rest is ipseclab's. An attachment (IpsecNetDevice by default, IpsecFastPath for
 * speed) offers it the packets that cross the node's outside.
 *
 * SPD: first of all, UDP from port 500 to port 500 is bypassed (IKE); each new local outer address
 * of a peer appends bypasses for that address: of UDP at its ports 500 and 4500 from and to any
 * port (a NAT changes ports), and of ICMP. AddPolicy appends. So configure peers first where
 * policies are wide. A packet that needs an SA starts the IKE exchanges, unless they are on their
 * way already; if there is an IKE SA without a Child SA, because one was refused or deleted, it
 * asks for another Child SA, at most once in AcquireInterval.
 *
 * At port 4500 ESP in UDP is opened like ESP; IKE and keepalives go on to the socket there.
 *
 * Limits: IKE leaves from the address that routing gives; an IKE
 * message that IPv4 has to fragment is dropped (NoPolicy), for only its first fragment has ports.
 */
class IpsecGateway : public Object
{
  public:
    static TypeId GetTypeId();
    IpsecGateway();
    ~IpsecGateway() override;

    /// \name Configuration, before the simulation starts
    /// \throws nothing; aborts with a message when IkeEndpoint::AddPeer refuses
    /// Also lets ICMP of the peer entry's local address pass in clear.
    void AddPeer(const ipseclab::ike::PeerConfig& peer);
    /// Appends an SPD entry. Entries that bypass IKE itself are there from the start.
    void AddPolicy(const ipseclab::esp::SpdEntry& entry);

    /// Keys, nonces and SPIs from there instead of an ns-3 stream: for a live network.
    void SetRandomSource(std::unique_ptr<ipseclab::crypto::RandomSource> source);

    /// Begins the IKE exchanges with a configured peer, now.
    void Initiate(const std::string& peer);
    /// Sends Delete for every IKE SA that is up, now.
    void CloseAll();
    /// A command to the IKE endpoint, now; what follows from it is sent. \return what it returns
    bool Command(
        const std::function<bool(ipseclab::ike::IkeEndpoint&, ipseclab::ike::Instant)>& command);

    /// What an attachment gets for a packet it offers.
    struct Outcome
    {
        ipseclab::esp::Verdict verdict;
        Ptr<Packet> packet; ///< the new packet when transformed, perhaps of the other IP version;
                            ///< otherwise null
        /// Only from the functions for a fast path: the packet's TTL was decremented and it may go
        /// out of the other port; otherwise IPv4 has to look at it.
        bool forwarded{false};
        uint32_t spi{0};    ///< of the SA that took it
        uint64_t number{0}; ///< of ESP
    };

    /// \name For attachments. Packets begin with their IP header; byte tags survive.
    /// \param mtu of the link below, in octets of IP
    Outcome ProcessOutbound(Ptr<const Packet> packet, uint16_t mtu);
    /// Any IP packet that came in from outside: ESP for this node, in UDP or not, is opened,
    /// other packets are checked against the SPD.
    /// \param mtu as above
    Outcome ProcessInbound(Ptr<const Packet> packet, uint16_t mtu);

    /// Packets that this gateway protects spend time on the engine from now on; one that finds no
    /// room is dropped (EngineFull). IKE and bypassed packets do not, nor do those that share ESP
    /// packets (IpsecAggfrag). IpsecFastPath, which is for gateways that are infinitely fast, does
    /// not look at engines.
    void SetEngine(Ptr<IpsecEngine> engine, bool outbound);

    bool HasEngine(bool outbound) const
    {
        return static_cast<bool>(outbound ? m_outboundEngine : m_inboundEngine);
    }

    /// Sizes: path MTU, fragments, reports of packets that are too big; and their attributes.
    Ptr<IpsecPathMtu> GetPathMtu() const;
    /// What gateways tell each other about sizes over IKE.
    Ptr<IpsecPathSizes> GetPathSizes() const;

    /// Inner packets in AGGFRAG payloads.
    Ptr<IpsecAggfrag> GetAggfrag() const;
    /// The AGGFRAG payload in the data plane's buffer becomes an ESP packet; null when the SA has
    /// no more numbers. \param dscp as for OutboundSa::SealAggfrag
    Ptr<Packet> SealAggfrag(ipseclab::esp::OutboundSa& sa, uint8_t dscp);
    /// Whether a packet out of an AGGFRAG payload is let in; else it is counted and traced.
    bool AdmitInner(uint32_t spiInbound, Ptr<const Packet> packet, ipseclab::ByteSpan octets);

    /// Gets what becomes of a packet, later or at once; not called when it is dropped.
    using Forward = std::function<void(const Outcome& outcome)>;

    /// \name For attachments: like ProcessOutbound and ProcessInbound, when an engine is done
    /// There must be an engine. \return false when it has nothing to do with the packet, and
    /// nothing was done
    bool DeferOutbound(Ptr<const Packet> packet, uint16_t mtu, Forward forward);
    bool DeferInbound(Ptr<const Packet> packet, uint16_t mtu, Forward forward);

    /// \name For an attachment that forwards by itself
    /**
     * A packet that came in from the protected side. Sealed and to be sent outside (`forwarded`),
     * or dropped; or Bypass: nothing was done and nothing counted, IPv4 has to forward it, as every
     * packet that is for this node, is not protected, is over the MTU or has a TTL that runs out.
     */
    Outcome ForwardOutbound(Ptr<const Packet> packet, uint16_t mtu);
    /**
     * Like ProcessInbound; a packet that was opened and may go out of the inside port at once is
     * marked `forwarded`.
     * \param mtu of the inside link, in octets of IP
     */
    Outcome ForwardInbound(Ptr<const Packet> packet, uint16_t mtu);

    /// Counts and traces a packet that was given up after it had been counted as taken.
    void NotifyWithdrawn(Ptr<const Packet> packet, ipseclab::esp::DropReason reason, bool outbound);
    /// Likewise one that the device below refused, as DropReason::Queue. The device
    /// may have put its header in front of the packet already.
    void NotifyQueueDrop(Ptr<const Packet> packet, bool outbound);
    /// Likewise of one with an AGGFRAG payload.
    void NotifyAggfragQueueDrop(Ptr<const Packet> packet);

    /// Counts and traces an ESP packet from outside that is too long, as DropReason::TooBig.
    void NotifyTooBig(Ptr<const Packet> packet);

    /// Addresses that ESP is for: all that the node had when the simulation started.
    bool IsLocalAddress(const ipseclab::IpAddress& address) const;
    /// Whether frames of this EtherType are for the gateway: IPv4, and IPv6 where the node has it.
    bool IsGuarded(uint16_t protocol) const;
    /// EtherType of an IP packet, by its first octet.
    static uint16_t ProtocolOf(Ptr<const Packet> packet);

    const ipseclab::esp::DataPlaneCounters& GetCounters() const;
    const ipseclab::ike::IkeCounters& GetIkeCounters() const;
    ipseclab::esp::DataPlane& GetDataPlane();
    ipseclab::ike::IkeEndpoint& GetIkeEndpoint();

    /// Keys and nonces from these streams. \return how many were used
    int64_t AssignStreams(int64_t stream);

    /// \name Trace signatures
    typedef void (*DropTracedCallback)(Ptr<const Packet> packet,
                                       ipseclab::esp::DropReason reason,
                                       bool outbound);
    typedef void (*EspSentTracedCallback)(uint32_t spi, uint64_t number);
    typedef void (*EspReceivedTracedCallback)(uint32_t spi,
                                              uint64_t number,
                                              ipseclab::esp::DropReason reason);
    typedef void (*IkeEventTracedCallback)(const ipseclab::ike::IkeEvent& event);

  protected:
    void DoInitialize() override;
    void DoDispose() override;
    void NotifyNewAggregate() override;

  private:
    void OpenSockets();
    void OpenSocket(uint16_t port, const Address& any);
    void HandleRead(Ptr<Socket> socket);
    void HandleTimer();
    /// Polls the IKE endpoint dry: events, so that a Child SA is in place before the response that
    /// lets the peer use it, then datagrams, then the next timer.
    void Drive();
    void Send(const ipseclab::ike::Datagram& datagram);
    void ScheduleTimer();
    /// Starts the IKE exchanges, or asks for a Child SA on an IKE SA that has none.
    /// \param opaque one for OPAQUE ports
    void Acquire(const std::string& peer, bool opaque);
    /// At most once in the AcquireInterval.
    bool MayAskForResource(const std::string& peer, uint32_t resource);
    void AcquireResourceSa(const std::string& peer, uint32_t resource);
    void SetResources(uint32_t resources);
    uint32_t GetResources() const;
    void SetResourceFallback(bool allowed);
    bool GetResourceFallback() const;
    void AcquireChildSa(const std::string& peer, bool opaque);
    /// Another request for a Child SA may be made when it is time.
    void EndChildRequest(const std::string& peer, bool opaque);
    /// A packet of ESP has come with an SPI that is not there.
    void HandleUnknownSpi(uint32_t spi, const ipseclab::IpAddress& source);
    /// A packet of ESP in UDP has come from elsewhere than before.
    void HandlePath(const ipseclab::esp::UdpPath& path);
    /// A Child SA has carried as much as it may.
    void HandleVolume(uint32_t spiInbound, ipseclab::esp::VolumeMeter::Event event);
    void LearnAddresses();
    /// True for what IPv4 delivers locally, or in several copies.
    bool IsForNode(const ipseclab::wire::IpView& view) const;
    void HandleEvent(const ipseclab::ike::IkeEvent& event);
    void ForgetIkeSa(const ipseclab::ike::IkeSaClosed& closed);
    void InstallChildSa(const ipseclab::ike::ChildSaInstalled& sa);
    struct Deferred;
    void Defer(Ptr<IpsecEngine> engine, const ipseclab::timing::Job& job, Deferred work);
    /// The step that the data plane takes.
    void Process(Deferred& work);
    /// What the engine says of the packet.
    void Continue(Deferred& work, ipseclab::timing::Outcome outcome);
    /// Copies the packet into the data plane's buffer.
    void Load(Ptr<const Packet> packet);
    /// ESP for this node, in UDP or not, is opened, everything else checked as a clear packet.
    ipseclab::esp::DataPlaneResult Open();
    /// May the packet in the buffer go from port to port without IPv4?
    bool IsForwardable(const ipseclab::wire::IpView& view, uint16_t mtu) const;
    void CarryByteTags(Ptr<const Packet> from, Ptr<Packet> to);
    Tag& TagOf(TypeId tid);
    void SetReplayProfile(ipseclab::esp::ReplayProfile profile);
    compat::EnumResult<ipseclab::esp::ReplayProfile> GetReplayProfile() const;
    void SetWindowKind(ipseclab::esp::WindowKind value);
    compat::EnumResult<ipseclab::esp::WindowKind> GetWindowKind() const;
    void SetSubspaceIndex(ipseclab::esp::SubspaceIndex value);
    compat::EnumResult<ipseclab::esp::SubspaceIndex> GetSubspaceIndex() const;
    void SetSubspaceRule(ipseclab::esp::SubspaceRule value);
    compat::EnumResult<ipseclab::esp::SubspaceRule> GetSubspaceRule() const;
    void SetCryptoMode(ipseclab::crypto::CryptoMode mode);
    compat::EnumResult<ipseclab::crypto::CryptoMode> GetCryptoMode() const;
    void SetDfPolicy(ipseclab::esp::DfPolicy policy);
    compat::EnumResult<ipseclab::esp::DfPolicy> GetDfPolicy() const;
    void SetEcnProfile(ipseclab::esp::EcnProfile profile);
    compat::EnumResult<ipseclab::esp::EcnProfile> GetEcnProfile() const;
    Outcome Finish(Ptr<const Packet> packet,
                   const ipseclab::esp::DataPlaneResult& result,
                   bool outbound);

    /// The last request for a Child SA that a packet without SA has caused.
    struct ChildRequest
    {
        Time made;
        bool open{true}; ///< not answered yet
    };

    RngRandomSource m_random;
    ipseclab::ike::IkeEndpoint m_ike;
    ipseclab::esp::DataPlane m_dataPlane;
    Ptr<IpsecPathMtu> m_pathMtu;
    Ptr<IpsecPathSizes> m_pathSizes;
    Ptr<IpsecAggfrag> m_aggfrag;
    Ptr<IpsecEngine> m_outboundEngine; ///< null: infinitely fast
    Ptr<IpsecEngine> m_inboundEngine;  ///< null: infinitely fast
    Ptr<Node> m_node;
    std::map<std::pair<bool, uint16_t>, Ptr<Socket>> m_sockets; ///< by IPv6 or not, and port
    EventId m_timer;
    std::optional<ipseclab::ike::Instant> m_timerDue;
    std::vector<ipseclab::IpAddress> m_addresses; ///< of the node
    std::vector<uint32_t> m_broadcasts;           ///< of the node's interfaces, host order
    std::set<std::string> m_negotiating;          ///< peers whose IKE SA is there or on its way
    std::vector<std::pair<ipseclab::ike::IkeSaId, std::string>> m_established; ///< with the peer
    /// By peer, and whether for OPAQUE ports.
    std::map<std::pair<std::string, bool>, ChildRequest> m_childRequests;
    std::map<std::pair<std::string, uint32_t>, Time> m_resourceRequests; ///< by peer and resource
    const uint8_t* m_loaded{nullptr};                            ///< where the last packet was put
    std::vector<std::pair<TypeId, std::unique_ptr<Tag>>> m_tags; ///< reused from packet to packet
    uint32_t m_replayWindow;
    ipseclab::esp::ReplayProfile m_replayProfile;
    ipseclab::esp::WindowKind m_windowKind;
    ipseclab::esp::SubspaceIndex m_subspaceIndex;
    ipseclab::esp::SubspaceRule m_subspaceRule;
    bool m_keepSubSaKeys;
    ipseclab::crypto::CryptoMode m_cryptoMode;
    ipseclab::esp::DfPolicy m_dfPolicy;
    uint8_t m_outerTtl;
    ipseclab::esp::EcnProfile m_ecnProfile;
    uint32_t m_tfcLength;
    uint8_t m_outerDscp; ///< 64: the inner one
    uint32_t m_saLimit;
    uint32_t m_resources;       ///< 0: SAs belong to none
    uint32_t m_resourceSaLimit; ///< 0: twice as many as resources
    bool m_resourceFallback;
    Time m_acquireInterval;
    uint32_t m_fragmentStates; ///< packets
    Time m_fragmentTimeout;
    uint32_t m_leastFragmentOffset;

    TracedCallback<Ptr<const Packet>, ipseclab::esp::DropReason, bool> m_dropTrace;
    TracedCallback<uint32_t, uint64_t> m_espSentTrace;
    TracedCallback<uint32_t, uint64_t, ipseclab::esp::DropReason> m_espReceivedTrace;
    TracedCallback<const ipseclab::ike::IkeEvent&> m_ikeEventTrace;
};

} // namespace ns3

#endif // IPSEC_GATEWAY_H
