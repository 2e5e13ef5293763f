/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenario.h"

#include <algorithm>

namespace ipseclab
{
namespace
{

/// Filled before main() runs, in an order that nobody knows.
std::vector<Scenario (*)()>&
Makers()
{
    static std::vector<Scenario (*)()> makers;
    return makers;
}

std::vector<Scenario>
MakeAll()
{
    std::vector<Scenario> scenarios;
    for (const auto make : Makers())
    {
        scenarios.push_back(make());
    }
    std::sort(scenarios.begin(),
              scenarios.end(),
              [](const Scenario& one, const Scenario& other) { return one.name < other.name; });
    return scenarios;
}

} // namespace

ScenarioRegistration::ScenarioRegistration(Scenario (*make)())
{
    Makers().push_back(make);
}

const std::vector<Scenario>&
Scenarios()
{
    static const std::vector<Scenario> scenarios = MakeAll();
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
