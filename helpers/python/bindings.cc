/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-bindings.h"
#include "helpers/python/network-bindings.h"
#include "helpers/python/realtime-network-bindings.h"
#include "helpers/python/realtime-node-bindings.h"
#include "helpers/scenario.h"

#include <limits>
#include <openssl/crypto.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

/**
 * \file
 * The Python module _core; analysis/ipseclab/_core.pyi is its contract.
 */

namespace py = pybind11;

namespace ipseclab
{

namespace
{

const char*
NameOf(Quantity quantity)
{
    switch (quantity)
    {
    case Quantity::Count:
        return "count";
    case Quantity::Number:
        return "number";
    case Quantity::Time:
        return "time";
    case Quantity::PacketRate:
        return "packet-rate";
    case Quantity::BitRate:
        return "bit-rate";
    case Quantity::Octets:
        return "octets";
    case Quantity::Choice:
        return "choice";
    case Quantity::File:
        return "file";
    }
    return "";
}

/// The SI unit of a parameter's minimum and maximum.
const char*
UnitOf(Quantity quantity)
{
    switch (quantity)
    {
    case Quantity::Time:
        return "s";
    case Quantity::PacketRate:
        return "pps";
    case Quantity::BitRate:
        return "bps";
    case Quantity::Octets:
        return "B";
    default:
        return "";
    }
}

py::dict
Described(const ParameterSpec& spec)
{
    using namespace pybind11::literals;
    return py::dict("name"_a = spec.name,
                    "quantity"_a = NameOf(spec.quantity),
                    "unit"_a = UnitOf(spec.quantity),
                    "default"_a = spec.fallback,
                    "minimum"_a = spec.minimum,
                    "maximum"_a = spec.maximum,
                    "zero_means"_a = spec.zeroMeans,
                    "choices"_a = spec.choices,
                    "doc"_a = spec.doc);
}

py::list
ListScenarios()
{
    using namespace pybind11::literals;
    py::list all;
    for (const auto& scenario : Scenarios())
    {
        py::list parameters;
        for (const auto& spec : scenario.parameters)
        {
            parameters.append(Described(spec));
        }
        py::list metrics;
        for (const auto& metric : scenario.metrics)
        {
            metrics.append(
                py::dict("name"_a = metric.name, "unit"_a = metric.unit, "doc"_a = metric.doc));
        }
        all.append(py::dict("name"_a = scenario.name,
                            "title"_a = scenario.title,
                            "parameters"_a = parameters,
                            "metrics"_a = metrics));
    }
    return all;
}

const Scenario&
RequireScenario(const std::string& name)
{
    const Scenario* scenario = FindScenario(name);
    if (!scenario)
    {
        std::string known;
        for (const auto& other : Scenarios())
        {
            known += (known.empty() ? "" : ", ") + other.name;
        }
        throw ParameterError("no scenario is named \"" + name + "\"; there are " + known);
    }
    return *scenario;
}

using Typed = std::map<std::string, std::string>;

ParameterValues
CheckValues(const Scenario& scenario, const Typed& typed)
{
    ParameterValues values(scenario.parameters, typed);
    scenario.check(values);
    return values;
}

Typed
CheckParameters(const std::string& name, const Typed& typed)
{
    return CheckValues(RequireScenario(name), typed).Canonical();
}

py::dict
GetParameterValues(const std::string& name, const Typed& typed)
{
    const Scenario& scenario = RequireScenario(name);
    const ParameterValues values = CheckValues(scenario, typed);
    py::dict result;
    for (const auto& spec : scenario.parameters)
    {
        const py::str key(spec.name);
        if (spec.quantity == Quantity::Choice || spec.quantity == Quantity::File)
        {
            result[key] = values.Word(spec.name);
        }
        else
        {
            result[key] = values.Number(spec.name);
        }
    }
    return result;
}

py::dict
RunScenario(const std::string& name,
            const Typed& typed,
            std::int64_t seed,
            std::int64_t run,
            const std::string& outputFolder,
            bool sized)
{
    using namespace pybind11::literals;
    if (seed < 1 || seed > std::numeric_limits<std::uint32_t>::max())
    {
        throw ParameterError("seed: " + std::to_string(seed) +
                             " is out of range; a whole number, 1 to 4294967295");
    }
    if (run < 0)
    {
        throw ParameterError("run: " + std::to_string(run) +
                             " is negative; a whole number, from 0");
    }
    const Scenario& scenario = RequireScenario(name);
    const ParameterValues values = CheckValues(scenario, typed);
    RunContext context;
    context.seed = static_cast<std::uint32_t>(seed);
    context.run = static_cast<std::uint64_t>(run);
    context.outputFolder = outputFolder;
    context.sized = sized;
    RunResult result;
    {
        const py::gil_scoped_release release;
        result = scenario.run(values, context);
    }
    return py::dict("metrics"_a = result.metrics, "files"_a = result.files);
}

const char*
CompilerVersion()
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#else
    return "unknown";
#endif
}

py::dict
GetVersions()
{
    using namespace pybind11::literals;
    return py::dict("ns3"_a = IPSECLAB_NS3_VERSION,
                    "openssl"_a = OpenSSL_version(OPENSSL_VERSION_STRING),
                    "compiler"_a = CompilerVersion(),
                    "cxx_standard"_a = __cplusplus / 100 % 100,
                    "build_type"_a = IPSECLAB_BUILD_TYPE);
}

void
DefineScenarios(py::module_& module)
{
    py::register_exception<ParameterError>(module, "ParameterError", PyExc_ValueError);
    module.def("versions", &GetVersions);
    module.def("scenarios", &ListScenarios);
    module.def("check_parameters", &CheckParameters, py::arg("scenario"), py::arg("typed"));
    module.def("parameter_values", &GetParameterValues, py::arg("scenario"), py::arg("typed"));
    module.def("run",
               &RunScenario,
               py::arg("scenario"),
               py::arg("typed"),
               py::kw_only(),
               py::arg("seed"),
               py::arg("run"),
               py::arg("output_folder") = "",
               py::arg("sized") = false);
}

} // namespace

} // namespace ipseclab

PYBIND11_MODULE(_core, module)
{
    module.doc() = "The compiled core: scenarios over ns-3, and the protocol model without it.";
    ipseclab::DefineScenarios(module);
    ipseclab::DefineModel(module);
    ipseclab::DefineNetwork(module);
    ipseclab::DefineRealtimeNetwork(module);
    ipseclab::DefineRealtimeNode(module);
}
