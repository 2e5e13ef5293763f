/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenario.h"

#include "scenarios/replay-window/replay-window.h"

#include <algorithm>

namespace ipseclab
{

const std::vector<Scenario>&
Scenarios()
{
    static const std::vector<Scenario> scenarios{
        MakeReplayWindowScenario(),
    };
    return scenarios;
}

const Scenario*
FindScenario(const std::string& name)
{
    const auto& all = Scenarios();
    const auto found =
        std::find_if(all.begin(),
                     all.end(),
                     [&](const Scenario& scenario) { return scenario.name == name; });
    return found == all.end() ? nullptr : &*found;
}

} // namespace ipseclab
