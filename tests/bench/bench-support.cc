/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/bench/bench-support.h"

#include "model/wire/ipv4.h"

#include <cstdio>

namespace ipseclab::bench
{

const std::array<esp::SequenceScheme, 5> kSchemes{esp::SequenceScheme::Plain(false),
                                                  esp::SequenceScheme::Plain(true),
                                                  esp::SequenceScheme::Sub32(4, 16),
                                                  esp::SequenceScheme::Sub64(16),
                                                  esp::SequenceScheme::Eesp(16)};

void
SetNumbers(esp::EspSaConfig& config, const esp::SequenceScheme& scheme)
{
    constexpr std::size_t kRootKey = 32;
    if (scheme.HasSubspaces())
    {
        config.subspaces = scheme;
    }
    config.extendedSequenceNumbers = scheme.kind == esp::SequenceKind::Extended;
    if (config.IsEesp())
    {
        config.keyingMaterial.resize(kRootKey, 0x42);
    }
}

Bytes
InnerPacket(std::size_t length, std::uint32_t source, std::uint32_t destination)
{
    Bytes packet(length);
    for (std::size_t i = 0; i < length; ++i)
    {
        packet[i] = static_cast<std::uint8_t>(i);
    }
    wire::Ipv4HeaderFields fields;
    fields.totalLength = static_cast<std::uint16_t>(length);
    fields.protocol = wire::kProtocolUdp;
    fields.source = source;
    fields.destination = destination;
    wire::WriteIpv4Header(packet.data(), fields);
    return packet;
}

void
MedianReporter::ReportRuns(const std::vector<Run>& runs)
{
    for (const auto& run : runs)
    {
        if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median")
        {
            m_medians[run.run_name.function_name + "/" + run.run_name.args] =
                run.GetAdjustedCPUTime();
        }
    }
    ConsoleReporter::ReportRuns(runs);
}

double
MedianReporter::Median(const std::string& name) const
{
    const auto found = m_medians.find(name);
    return found == m_medians.end() ? 0 : found->second;
}

void
MedianReporter::PrintRatio(const std::string& label,
                           const std::string& a,
                           const std::string& b) const
{
    const double above = Median(a);
    const double below = Median(b);
    if (above > 0 && below > 0)
    {
        std::printf("  %-52s %6.3f\n", label.c_str(), above / below);
    }
}

bool
RunBenchmarks(int argc, char** argv, MedianReporter& reporter)
{
    std::vector<char*> arguments(argv, argv + argc);
    std::string interleave = "--benchmark_enable_random_interleaving=true";
    std::string repetitions = "--benchmark_repetitions=9";
    std::string aggregates = "--benchmark_display_aggregates_only=true";
    std::string minimum = "--benchmark_min_time=0.05";
    // Defaults first, so that what the user types wins.
    arguments.insert(arguments.begin() + 1,
                     {interleave.data(), repetitions.data(), aggregates.data(), minimum.data()});
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data()))
    {
        return false;
    }
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    return true;
}

} // namespace ipseclab::bench
