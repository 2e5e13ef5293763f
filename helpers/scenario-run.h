/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_RUN_H
#define IPSECLAB_SCENARIO_RUN_H

#include "helpers/capture-keys.h"
#include "helpers/scenario.h"

#include "ns3/net-device.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

/**
 * \file
 * What every run of a scenario has, whatever it measures.
 */

namespace ipseclab
{

/// Seeds the simulator for one run; whatever happens, the next run finds an empty one.
class SimulatorScope
{
  public:
    /// Makes the run's output folder, if it has one.
    explicit SimulatorScope(const RunContext& context);
    ~SimulatorScope();
    SimulatorScope(const SimulatorScope&) = delete;
    SimulatorScope& operator=(const SimulatorScope&) = delete;
};

/// Captures of a run, and the keys that open them. Without a folder nothing is written.
class RunCaptures
{
  public:
    explicit RunCaptures(const RunContext& context);

    /// All frames of a device, from now on.
    void Capture(ns3::Ptr<ns3::NetDevice> device, const char* name);
    /// The keys of a gateway's SAs. One gateway of a pair is enough.
    void ListenTo(ns3::Ptr<ns3::IpsecGateway> gateway);
    /// Writes the keys. \return all files of the run, absolute paths
    std::vector<std::string> Finish() const;

  private:
    const std::string m_folder; ///< empty: none
    ns3::CaptureKeys m_keys;
    std::vector<std::string> m_files;
};

/// A count as a metric.
inline MetricValue
Whole(std::uint64_t value)
{
    return static_cast<std::int64_t>(value);
}

/// 0 of nothing.
inline double
Ratio(double part, double whole)
{
    return whole == 0 ? 0.0 : part / whole;
}

/// Counts of packets and what they are of, such as {"sent", 12}.
using NamedCounts = std::initializer_list<std::pair<const char*, std::uint64_t>>;

/// To be called where counts do not add up, for then the run proves nothing.
/// \throws std::logic_error always, with the counts
[[noreturn]] void FailConservation(NamedCounts counts);

} // namespace ipseclab

#endif // IPSECLAB_SCENARIO_RUN_H
