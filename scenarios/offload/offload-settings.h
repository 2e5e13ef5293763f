/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_OFFLOAD_SETTINGS_H
#define IPSECLAB_SCENARIO_OFFLOAD_SETTINGS_H

#include "helpers/scenario.h"

#include "model/timing/engine-config.h"

#include "ns3/ipsec-engine.h"

#include <cstdint>
#include <vector>

namespace ipseclab::offload
{

constexpr std::uint64_t kMostPackets = 2000000;
constexpr std::uint32_t kFirstSpi = 0x1000; ///< of gateway B; those of A have the top bit

/// The parameters of one run in SI units; README.md says what each means.
struct Settings
{
    /// \throws ParameterError when values do not go together
    explicit Settings(const ParameterValues& values);

    /// Octets of an inner IP packet.
    std::uint32_t InnerOctets() const;

    timing::EngineConfig engine;
    bool outbound; ///< gateway A has the engine
    bool inbound;  ///< gateway B has it
    ns3::IpsecStep numberAt;
    ns3::IpsecStep checkAt;
    std::uint32_t window;
    std::uint32_t sas;
    std::uint32_t flows;
    bool randomFlows;
    bool poisson;
    double rate; ///< packets per second
    std::uint32_t payload;
    std::uint64_t packets;
    std::uint64_t linkRate;
};

std::vector<ParameterSpec> MakeParameters();

} // namespace ipseclab::offload

#endif // IPSECLAB_SCENARIO_OFFLOAD_SETTINGS_H
