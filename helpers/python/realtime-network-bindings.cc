/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/realtime-network-bindings.h"

#include "helpers/realtime-network.h"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace ipseclab
{

namespace
{

using namespace pybind11::literals;

py::dict
RunNetwork(const std::array<std::pair<int, std::string>, 2>& ports,
           double delay,
           double loss,
           double reorderShare,
           double hold,
           std::uint32_t mtu,
           std::uint32_t seed,
           std::uint64_t run,
           const std::function<bool()>& stop)
{
    std::array<RealtimePort, 2> sides;
    for (std::size_t i = 0; i < sides.size(); ++i)
    {
        sides[i].socket = ports[i].first;
        sides[i].address = ports[i].second;
    }
    RealtimeLinkOptions options;
    options.delay = delay;
    options.loss = loss;
    options.reorderShare = reorderShare;
    options.hold = hold;
    options.mtu = mtu;
    options.seed = seed;
    options.run = run;
    RealtimeReport report;
    {
        const py::gil_scoped_release release;
        report = RunRealtimeNetwork(sides, options, stop);
    }
    return py::dict("duration"_a = report.duration,
                    "offered"_a = report.offered,
                    "lost"_a = report.lost,
                    "delivered"_a = report.delivered,
                    "in_flight"_a = report.inFlight,
                    "too_large"_a = report.tooLarge,
                    "queue_dropped"_a = report.queueDropped,
                    "lag"_a = py::dict("samples"_a = report.lag.samples,
                                       "largest"_a = report.lag.largest,
                                       "mean"_a = report.lag.mean));
}

} // namespace

void
DefineRealtimeNetwork(py::module_& module)
{
    module.def("run_realtime_network",
               &RunNetwork,
               py::arg("ports"),
               py::kw_only(),
               py::arg("delay"),
               py::arg("loss"),
               py::arg("reorder_share"),
               py::arg("hold"),
               py::arg("mtu"),
               py::arg("seed"),
               py::arg("run"),
               py::arg("stop"));
}

} // namespace ipseclab
