/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_SETTINGS_H
#define IPSECLAB_SCENARIO_PATH_MTU_SETTINGS_H

#include "helpers/scenario.h"
#include "scenarios/path-mtu/path-mtu-host.h"
#include "scenarios/path-mtu/path-mtu-network.h"

#include <vector>

namespace ipseclab::path_mtu
{

std::vector<ParameterSpec> MakeParameters();
/// \throws ParameterError when values do not go together
void CheckTogether(const ParameterValues& values);
NetworkSettings MakeNetworkSettings(const ParameterValues& values, bool sized);
StreamSettings MakeStreamSettings(const ParameterValues& values);

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_SETTINGS_H
