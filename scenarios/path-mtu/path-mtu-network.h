/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H
#define IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H

#include "helpers/ipsec-helper.h"

#include "ns3/path-mtu-routing.h"
#include "ns3/reordering-channel.h"

#include <cstdint>
#include <string>

namespace ipseclab::path_mtu
{

constexpr std::uint16_t kDataPort = 40000;  ///< of host B
constexpr std::uint16_t kProbePort = 40001; ///< of both hosts

struct NetworkSettings
{
    std::string fragmentation{"Drop"}; ///< of IpsecPathMtu
    std::string dfPolicy{"Copy"};      ///< of IpsecGateway
    bool notifications{false};         ///< LMAP and PTB
    bool aggfrag{false};               ///< whether packets share ESP packets
    ns3::Time aggfragWait;             ///< of an ESP packet that they do not fill
    std::uint16_t mssLimit{0};         ///< gateway A clamps an MSS to that, octets; 0: it does not
    std::uint16_t mtu{1400};           ///< of the narrow link, octets of IP
    std::uint16_t laterMtu{0};         ///< what that becomes; 0: it stays
    ns3::Time changeAt;                ///< from ChangeLater() until then
    bool alternating{false};           ///< there and back each changeAt
    double filterProbability{0};       ///< of the router's reports
    double fragmentFilter{0};          ///< of fragments on the narrow link
    std::uint16_t quotedOctets{8};     ///< of the router's reports, behind the IP header
    bool udpEncapsulation{false};
    std::uint32_t window{64};
    ns3::DataRate linkRate;       ///< of the narrow link
    ns3::Time delay;              ///< of the narrow link
    ns3::Time fragmentDelay;      ///< what fragments take longer
    double loss{0};               ///< of each frame on the narrow link
    ns3::Time reassemblyTimeout;  ///< of gateway B
    double openTime{0};           ///< seconds that gateway B takes for an ESP packet
    double joinTime{0};           ///< seconds that it takes for each fragment of one
    std::uint16_t emtuR{65535};   ///< longest ESP packet that it takes in fragments, octets of IP
    std::uint32_t floor{576};     ///< least path MTU that gateway A believes, octets of IP
    ns3::Time lifetime;           ///< of what gateway A was told
    ns3::Time tellInterval;       ///< between notifications of gateway B
    bool tellUnfinished{false};   ///< whether gateway B tells of what never becomes whole
    bool draftOverhead{false};    ///< whether gateway A reckons as the draft does
    bool draftCondition{false};   ///< whether gateway A reads PTB as the draft has it
    bool namesSa{false};          ///< whether notifications name a Child SA
    std::uint64_t childSas{1};    ///< each for a class selector
    std::uint8_t portProtocol{0}; ///< whose ports of host B selectors name; 0: all ports
    ns3::IpsecLaterFragments laterFragments{ns3::IpsecLaterFragments::NotAtAll};
    bool sized{false}; ///< crypto mode

    /// Longest queue of gateway B's core, in time.
    ns3::Time LongestWork() const;
};

/**
 * Host A, gateway A, router, gateway B, host B, and a tunnel that waits to be initiated. The narrow
 * link is that from the router to gateway B, in that direction; the router minds DF.
 */
class Network
{
  public:
    /// \param settings outlive the network
    explicit Network(const NetworkSettings& settings);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::PathMtuRouting> routing; ///< of the router
    ns3::Ptr<ns3::NetDevice> outsideA;     ///< of gateway A
    ns3::Ptr<ns3::NetDevice> outsideB;     ///< of gateway B
    ns3::Ptr<ns3::NetDevice> narrow;       ///< of the router, towards gateway B
    ns3::Ipv4Address addressB;             ///< of host B
    IpAddress endB;                        ///< of gateway B, outside
    std::string tunnel;

    ns3::Ptr<ns3::ReorderingChannel> NarrowLink() const;
    /// Frames that found the queue of the narrow link full.
    std::uint64_t GetQueueLost() const;
    /// The path MTU changes in due time, if it is to.
    void ChangeLater();

  private:
    void NoteQueueLoss(ns3::Ptr<const ns3::Packet> packet);
    void Change(std::uint16_t mtu, std::uint16_t next);
    void AddExtensions(ns3::IpsecTunnel& description) const;
    void InstallGateways();
    void ConfigureSizes();
    ns3::Ptr<ns3::IpsecEngine> MakeCore() const;
    void InstallRouter();
    void BuildLinks();
    ns3::NetDeviceContainer ConnectNarrow() const;

    const NetworkSettings& m_settings;
    ns3::Ptr<ns3::Node> m_router;
    std::uint64_t m_queueLost{0};
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_NETWORK_H
