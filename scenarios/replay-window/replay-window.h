/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_REPLAY_WINDOW_H
#define IPSECLAB_SCENARIO_REPLAY_WINDOW_H

#include "helpers/scenario.h"

namespace ipseclab
{

/// How many fresh packets a replay window drops on a network that reorders; see README.md.
Scenario MakeReplayWindowScenario();

} // namespace ipseclab

#endif // IPSECLAB_SCENARIO_REPLAY_WINDOW_H
