/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_H
#define IPSECLAB_SCENARIO_H

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

/**
 * \file
 * What a scenario is to the command line, to Python and to a campaign: a name, parameters with
 * units and ranges, metrics with units, and a function that makes one run.
 */

namespace ipseclab
{

/// What a parameter's value is, and in which SI unit it is handed to the scenario.
enum class Quantity
{
    Count,      ///< a whole number without unit
    Number,     ///< a real number without unit
    Time,       ///< seconds; written "10ms"
    PacketRate, ///< packets per second; written "100kpps"
    BitRate,    ///< bits per second; written "10Gbps"
    Octets,     ///< octets; written "1000B"
    Choice,     ///< one of a list of words
    File,       ///< a path, or nothing; "PATH@DIGEST" wants a file with that content
};

struct ParameterSpec
{
    std::string name; ///< as typed: lower case with underscores
    Quantity quantity{Quantity::Count};
    std::string fallback; ///< default, as typed
    double minimum{0};
    double maximum{0};
    std::string zeroMeans;            ///< not empty: 0 is legal too, and what it stands for
    std::vector<std::string> choices; ///< of a Choice
    std::string doc;
};

struct MetricSpec
{
    std::string name;
    std::string unit; ///< "1" for ratios and counts
    std::string doc;
};

/// A bad parameter. what() is one line that names the parameter, its unit and its range.
class ParameterError : public std::invalid_argument
{
  public:
    using std::invalid_argument::invalid_argument;
};

/// Checked values of all parameters of one scenario, defaults filled in.
class ParameterValues
{
  public:
    /// \throws ParameterError for an unknown name, a bad value, a missing unit, a value out of
    /// range
    ParameterValues(const std::vector<ParameterSpec>& specs,
                    const std::map<std::string, std::string>& typed);

    /// In the SI unit of the quantity; for Count and numbers.
    double Number(const std::string& name) const;
    std::uint64_t Count(const std::string& name) const;
    /// Of a Choice, or the path of a File.
    const std::string& Word(const std::string& name) const;
    /// All values in one canonical spelling, "1ms" and "1000us" alike, a File with the first twelve
    /// digits of its SHA-256; the identity of a run.
    const std::map<std::string, std::string>& Canonical() const;

  private:
    std::map<std::string, double> m_numbers;
    std::map<std::string, std::string> m_words;
    std::map<std::string, std::string> m_canonical;
};

/// Seeds and side outputs of one run.
struct RunContext
{
    std::uint32_t seed{1};    ///< ns-3 RngSeed; 1 or above
    std::uint64_t run{1};     ///< ns-3 RngRun: independent replications
    std::string outputFolder; ///< for captures and key files; empty: none are written
    bool sized{false};        ///< sized crypto mode instead of real
};

using MetricValue = std::variant<std::int64_t, double>;

struct RunResult
{
    std::map<std::string, MetricValue> metrics;
    std::vector<std::string> files; ///< what was written, absolute paths
};

struct Scenario
{
    std::string name;  ///< as typed: "replay-window"
    std::string title; ///< one line
    std::vector<ParameterSpec> parameters;
    std::vector<MetricSpec> metrics;
    /// Throws ParameterError when values that are good by themselves do not go together.
    std::function<void(const ParameterValues&)> check;
    /// One run; checks first.
    std::function<RunResult(const ParameterValues&, const RunContext&)> run;
};

/// Makes a scenario known to everything above. Its source file has one at namespace scope:
/// `const ScenarioRegistration g_registration{MakeMyScenario};`
class ScenarioRegistration
{
  public:
    explicit ScenarioRegistration(Scenario (*make)());
};

/// All scenarios that are built in, in alphabetic order.
const std::vector<Scenario>& Scenarios();
/// Null when there is none of that name.
const Scenario* FindScenario(const std::string& name);

} // namespace ipseclab

#endif // IPSECLAB_SCENARIO_H
