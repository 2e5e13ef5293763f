/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_IPSEC_HELPER_H
#define IPSECLAB_IPSEC_HELPER_H

#include "ns3/data-rate.h"
#include "ns3/ipsec-gateway.h"
#include "ns3/ipv4-address.h"
#include "ns3/ipv6-address.h"
#include "ns3/net-device-container.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/object-factory.h"
#include "ns3/queue-size.h"
#include "ns3/random-variable-stream.h"

#include <string>

namespace ns3
{

/// How a gateway sees the packets that cross its outside.
enum class IpsecAttachment
{
    Device,  ///< IpsecNetDevice, the default
    FastPath ///< IpsecFastPath
};

/// How fragments that are not the first meet selectors that name ports (RFC 4301, section 7).
enum class IpsecLaterFragments
{
    NotAtAll, ///< they are dropped: only selectors for any port let them pass (7.1)
    Opaque,   ///< Child SAs of their own, asked for by the first of them (7.2)
    Stateful, ///< with their first fragments, where both sides agree (7.3)
};

/// One tunnel between two gateways, as a scenario writes it down.
struct IpsecTunnel
{
    std::string name{"tunnel"};
    Address addressA; ///< outer, of gateway A: Ipv4Address or Ipv6Address
    Address addressB; ///< outer, of gateway B, of the same version
    /// "10.1.0.0/24" or "2001:db8:1::/48", whatever the outer version; "10.1.0.0/24[17/53]" for a
    /// protocol and a port (TrafficSelector::FromString).
    std::string protectedA;
    std::string protectedB;
    IpsecLaterFragments laterFragments{IpsecLaterFragments::NotAtAll};
    std::string identityA{"a.example"};
    std::string identityB{"b.example"};
    std::string preSharedKey{"simulation only"};
    std::vector<ipseclab::ike::IkeSuite> ikeSuites{ipseclab::ike::IkeSuite{}};
    std::vector<ipseclab::ike::ChildSuite> childSuites{ipseclab::ike::ChildSuite{}};
    bool transport{false}; ///< transport mode; protectedA and B are then the addresses themselves
    ipseclab::ike::Lifetime ikeLifetime; ///< at both gateways, as the rest
    ipseclab::ike::Lifetime childLifetime;
    ipseclab::esp::VolumeLimits childVolume;
    ipseclab::ike::NatTraversalConfig natTraversal;
    std::vector<ipseclab::ike::ExtensionFactory> extensions;    ///< at both gateways
    std::vector<ipseclab::ike::ExtensionFactory> extensionsOfA; ///< at gateway A alone
};

/// A point-to-point link on which packets overtake each other and get lost (ReorderingChannel).
struct ReorderingLink
{
    DataRate rate{"10Gbps"}; ///< of both devices
    Time delay{MilliSeconds(1)};
    Ptr<RandomVariableStream> extraDelay; ///< seconds, 0 or more, drawn per packet; null: none
    double lossProbability{0};            ///< of each packet, in both directions
    QueueSize queue{"100p"};              ///< of both devices
};

/**
 * \ingroup ipsec
 * Builds gateways and tunnels in a few lines, in the style of ns-3's helpers.
 */
class IpsecHelper
{
  public:
    IpsecHelper();

    /// An attribute of every gateway that is installed from now on.
    void SetGatewayAttribute(const std::string& name, const AttributeValue& value);

    /// Aggregates an IpsecGateway to the node; the Internet stack must be there.
    Ptr<IpsecGateway> Install(Ptr<Node> node) const;

    /**
     * Puts an IpsecNetDevice on top of the outside device.
     * \return the device that gets the outside IPv4 address
     */
    static Ptr<NetDevice> AttachDevice(Ptr<IpsecGateway> gateway, Ptr<NetDevice> outside);
    /// Puts the fast path on both ports; they must have their IPv4 interfaces.
    static void AttachFastPath(Ptr<IpsecGateway> gateway,
                               Ptr<NetDevice> inside,
                               Ptr<NetDevice> outside);

    /// Peers and policies of both ends. Neither end initiates by itself.
    static void Configure(const IpsecTunnel& tunnel, Ptr<IpsecGateway> a, Ptr<IpsecGateway> b);

    /**
     * What PointToPointHelper::Install does, over a ReorderingChannel; flow control included.
     * \return the devices of a and b; their GetChannel() is the ReorderingChannel
     */
    static NetDeviceContainer InstallReorderingLink(Ptr<Node> a,
                                                    Ptr<Node> b,
                                                    const ReorderingLink& link);

  private:
    ObjectFactory m_factory;
};

} // namespace ns3

#endif // IPSECLAB_IPSEC_HELPER_H
