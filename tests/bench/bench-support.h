/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_BENCH_BENCH_SUPPORT_H
#define IPSECLAB_TESTS_BENCH_BENCH_SUPPORT_H

#include "model/esp/esp-sa.h"

#include <array>
#include <benchmark/benchmark.h>
#include <map>
#include <string>
#include <vector>

namespace ipseclab::bench
{

/// The ways to number packets, the plain one first; subspaces are 16.
extern const std::array<esp::SequenceScheme, 5> kSchemes;

/// Makes it an SA of such numbers; of EESP, with as long a root key.
void SetNumbers(esp::EspSaConfig& config, const esp::SequenceScheme& scheme);

/// An IPv4 packet of UDP, `length` octets in all.
Bytes InnerPacket(std::size_t length,
                  std::uint32_t source = 0x0a010001,
                  std::uint32_t destination = 0x0a020001);

/// Keeps the medians over the repetitions, for ratios.
class MedianReporter : public benchmark::ConsoleReporter
{
  public:
    void ReportRuns(const std::vector<Run>& runs) override;
    /// Of a benchmark's processor time; 0 when it was not run.
    double Median(const std::string& name) const;
    /// A line with a / b, when both were run.
    void PrintRatio(const std::string& label, const std::string& a, const std::string& b) const;

  private:
    std::map<std::string, double> m_medians;
};

/// Runs all benchmarks of the program with interleaved repetitions, unless the command line says
/// otherwise. \return false when it says what nobody understands
bool RunBenchmarks(int argc, char** argv, MedianReporter& reporter);

} // namespace ipseclab::bench

#endif // IPSECLAB_TESTS_BENCH_BENCH_SUPPORT_H
