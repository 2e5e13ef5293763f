/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_SUB_SA_NETWORK_H
#define IPSECLAB_SCENARIO_SUB_SA_NETWORK_H

#include "helpers/scenario.h"
#include "helpers/udp-stream.h"
#include "scenarios/sub-sa/sub-sa-paths.h"

#include "ns3/ipsec-gateway.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/reordering-channel.h"

#include <cstdint>

namespace ipseclab::sub_sa
{

constexpr const char* kTunnel = "tunnel";
constexpr const char* kHostB = "10.2.0.2";
constexpr std::uint16_t kFirstPort = 10000; ///< of flow 0, at host A

/// What the number spaces of the tunnel are.
enum class FanOut : std::uint8_t
{
    One,       ///< one, that of one SA
    Several,   ///< those of SAs for single resources (RFC 9611)
    Subspaces, ///< subspaces of one SA
    SubSas,    ///< Sub SAs of one SA of EESP
};

/// The parameters of one run in SI units; README.md says what each means.
struct Settings
{
    /// \throws ParameterError when values do not go together
    explicit Settings(const ParameterValues& values);

    /// What the first SA is asked to number packets by.
    esp::SequenceScheme Numbers() const;

    FanOut fanOut;
    std::uint32_t cores;
    std::uint32_t spaces; ///< number spaces beside that of the first SA, or in it
    double coreRate;      ///< packets per second; 0: packets cost no time
    double lockShare;     ///< of a packet's time
    std::uint32_t window;
    bool keepKeys;
    std::uint64_t rekeyPackets; ///< of one key; 0: no rekeying
    std::uint32_t flows;
    double hotShare;
    UdpStream stream;
    PathsConfig paths;
    double delay;
};

std::vector<ParameterSpec> MakeParameters();

/// Host A, gateway A, gateway B, host B; several paths between the gateways.
class Net
{
  public:
    /// \param settings outlive the network
    /// \param sized crypto mode of ESP
    Net(const Settings& settings, bool sized);

    ns3::Ptr<ns3::Node> hostA;
    ns3::Ptr<ns3::Node> hostB;
    ns3::Ptr<ns3::IpsecGateway> gatewayA;
    ns3::Ptr<ns3::IpsecGateway> gatewayB;
    ns3::Ptr<ns3::NetDevice> outsideA; ///< on the wire, for captures
    ns3::Ptr<ns3::NetDevice> outsideB;
    Paths paths;

  private:
    ns3::Ptr<ns3::IpsecGateway> MakeGateway(bool atA, bool sized) const;
    void BuildLinks();
    void AddPeer(bool atA) const;
    ns3::Ptr<ns3::IpsecEngine> MakeEngine() const;

    const Settings& m_settings;
};

} // namespace ipseclab::sub_sa

#endif // IPSECLAB_SCENARIO_SUB_SA_NETWORK_H
