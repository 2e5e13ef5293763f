/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/network-bindings.h"

#include "helpers/network.h"
#include "helpers/scenario.h"

#include <map>
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <set>

namespace py = pybind11;

namespace ipseclab
{

namespace
{

using namespace pybind11::literals;

using Kind = NetworkEvent::Kind;

const std::map<std::string, Kind>&
EventKinds()
{
    static const std::map<std::string, Kind> kinds{{"ike-established", Kind::IkeEstablished},
                                                   {"ike-closed", Kind::IkeClosed},
                                                   {"sa-installed", Kind::SaInstalled},
                                                   {"sa-rekeyed", Kind::SaRekeyed},
                                                   {"sa-removed", Kind::SaRemoved},
                                                   {"packet-dropped", Kind::PacketDropped}};
    return kinds;
}

std::string
NameOf(Kind kind)
{
    for (const auto& [name, known] : EventKinds())
    {
        if (known == kind)
        {
            return name;
        }
    }
    return "";
}

Kind
KindOf(const std::string& name)
{
    const auto found = EventKinds().find(name);
    if (found == EventKinds().end())
    {
        std::string known;
        for (const auto& [other, kind] : EventKinds())
        {
            known += (known.empty() ? "" : ", ") + other;
        }
        throw TopologyError("no event is named \"" + name + "\"; there are " + known);
    }
    return found->second;
}

// ---- units

const std::map<std::string, Quantity>&
Quantities()
{
    static const std::map<std::string, Quantity> quantities{
        {"count", Quantity::Count},
        {"number", Quantity::Number},
        {"time", Quantity::Time},
        {"packet-rate", Quantity::PacketRate},
        {"bit-rate", Quantity::BitRate},
        {"octets", Quantity::Octets},
    };
    return quantities;
}

double
ParseQuantity(const std::string& name,
              const std::string& quantity,
              const std::string& typed,
              double minimum,
              double maximum,
              const std::string& example)
{
    const auto found = Quantities().find(quantity);
    if (found == Quantities().end())
    {
        throw std::invalid_argument("no quantity is named " + quantity);
    }
    ParameterSpec spec;
    spec.name = name;
    spec.quantity = found->second;
    spec.fallback = example;
    spec.minimum = minimum;
    spec.maximum = maximum;
    return ParameterValues({spec}, {{name, typed}}).Number(name);
}

// ---- results

/// Describes the records to numpy. Not when the module is loaded: that imports numpy, which takes
/// longer than all else before a run, and the processes that run scenarios hand over no records.
void
DescribeRecords()
{
    [[maybe_unused]] static const bool described = []
    {
        PYBIND11_NUMPY_DTYPE(Delivery, time, number);
        PYBIND11_NUMPY_DTYPE(EspArrival, time, number, spi, verdict);
        return true;
    }();
}

template <typename Record>
py::array
ToArray(const std::vector<Record>& records)
{
    DescribeRecords();
    return py::array_t<Record>(static_cast<py::ssize_t>(records.size()), records.data());
}

py::dict
ToPython(const esp::DropCounters& counters)
{
    py::dict result;
    for (std::size_t i = 1; i < esp::kDropReasons; ++i)
    {
        const auto reason = static_cast<esp::DropReason>(i);
        result[esp::Name(reason)] = counters[reason];
    }
    return result;
}

py::dict
ToPython(const GatewayCounts& counts)
{
    const auto& esp = counts.esp;
    const auto& ike = counts.ike;
    return py::dict("outbound_in"_a = esp.outboundIn,
                    "sealed"_a = esp.outboundSealed,
                    "outbound_bypassed"_a = esp.outboundBypassed,
                    "inbound_in"_a = esp.inboundIn,
                    "opened"_a = esp.inboundOpened,
                    "inbound_bypassed"_a = esp.inboundBypassed,
                    "sealed_octets"_a = esp.sealedOctets,
                    "opened_octets"_a = esp.openedOctets,
                    "outbound_drops"_a = ToPython(esp.outboundDrops),
                    "inbound_drops"_a = ToPython(esp.inboundDrops),
                    "ike_datagrams_in"_a = ike.datagramsIn,
                    "ike_datagrams_out"_a = ike.datagramsOut,
                    "ike_retransmissions"_a = ike.retransmissions);
}

py::dict
ToPython(const LinkCountsByClass& all)
{
    py::dict result;
    const char* const names[kPacketClasses] = {"ike", "esp", "clear"};
    for (std::size_t i = 0; i < kPacketClasses; ++i)
    {
        result[names[i]] = py::dict("offered"_a = all[i].offered,
                                    "queue_dropped"_a = all[i].queueDropped,
                                    "lost"_a = all[i].lost,
                                    "arrived"_a = all[i].arrived,
                                    "in_flight"_a = all[i].InFlight());
    }
    return result;
}

py::dict
ToPython(const TunnelResult& tunnel)
{
    return py::dict("up"_a = tunnel.up, "since"_a = tunnel.since, "fault"_a = tunnel.fault);
}

py::dict
ToPython(const TrafficResult& traffic)
{
    return py::dict("sent"_a = ToArray(traffic.sent),
                    "delivered"_a = ToArray(traffic.delivered),
                    "delivered_octets"_a = traffic.deliveredOctets);
}

py::dict
ToPython(const Conservation& c)
{
    return py::dict("sent"_a = c.sent,
                    "delivered"_a = c.delivered,
                    "dropped"_a = c.dropped,
                    "ip_dropped"_a = c.ipDropped,
                    "queue_dropped"_a = c.queueDropped,
                    "lost"_a = c.lost,
                    "in_flight"_a = c.inFlight);
}

py::array
ToPython(const std::vector<EspArrival>& arrivals)
{
    return ToArray(arrivals);
}

template <typename Value>
py::dict
ToPython(const std::map<std::string, Value>& values)
{
    py::dict result;
    for (const auto& [name, value] : values)
    {
        result[py::str(name)] = ToPython(value);
    }
    return result;
}

py::dict
ToPython(const NetworkResult& result)
{
    return py::dict("simulated_time"_a = result.simulatedTime,
                    "events"_a = result.events,
                    "gateways"_a = ToPython(result.gateways),
                    "links"_a = ToPython(result.links),
                    "tunnels"_a = ToPython(result.tunnels),
                    "traffic"_a = ToPython(result.traffic),
                    "arrivals"_a = ToPython(result.arrivals),
                    "conservation"_a = ToPython(result.conservation),
                    "files"_a = result.files);
}

/// Ctrl-C, which Python only notes while no Python code runs.
void
CheckSignals()
{
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0)
    {
        throw py::error_already_set();
    }
}

py::dict
Run(Network& network, std::optional<double> until, const std::string& captures)
{
    NetworkResult result;
    {
        const py::gil_scoped_release release;
        network.SetWatch(CheckSignals);
        result = network.Run(until, captures);
    }
    return ToPython(result);
}

// ---- description

void
AddGateway(Network& network,
           const std::string& name,
           std::uint32_t window,
           bool fastPath,
           StreamChoice stream)
{
    network.AddGateway(name, {window, fastPath, stream});
}

void
AddLink(Network& network,
        const std::string& name,
        const std::string& a,
        const std::string& b,
        double rate,
        double delay,
        const DelayModel& extraDelay,
        double loss,
        std::uint32_t queue,
        StreamChoice stream)
{
    network.AddLink(name, a, b, {rate, delay, extraDelay, loss, queue, stream});
}

ike::Duration
ToDuration(double seconds)
{
    return std::chrono::duration_cast<ike::Duration>(std::chrono::duration<double>(seconds));
}

/// The value of a name; throws TopologyError with all the names that there are.
template <typename Value>
Value
Named(const char* kind, const std::map<std::string, Value>& values, const std::string& name)
{
    const auto found = values.find(name);
    if (found != values.end())
    {
        return found->second;
    }
    std::string known;
    for (const auto& [other, value] : values)
    {
        known += (known.empty() ? "" : ", ") + other;
    }
    throw TopologyError("no " + std::string(kind) + " is named \"" + name + "\"; there are " +
                        known);
}

/// Throws TopologyError when there are none, too many, or one twice.
std::vector<crypto::GroupId>
ToKeyExchanges(const std::vector<std::string>& names)
{
    const std::set<std::string> distinct(names.begin(), names.end());
    if (names.empty() || names.size() > 1 + ike::kMaxAdditional || distinct.size() != names.size())
    {
        throw TopologyError("key_exchanges: one to " + std::to_string(1 + ike::kMaxAdditional) +
                            " different methods");
    }
    std::vector<crypto::GroupId> groups;
    for (const auto& name : names)
    {
        groups.push_back(Named("key exchange", KeyExchanges(), name));
    }
    return groups;
}

void
AddTunnel(Network& network,
          const std::string& name,
          const std::string& a,
          const std::string& b,
          bool esn,
          const std::string& suite,
          const std::vector<std::string>& keyExchanges,
          bool pfs,
          double rekeyAfter,
          std::uint64_t rekeyPackets,
          double ikeRekeyAfter,
          std::optional<double> initiateAt)
{
    TunnelOptions options;
    options.esn = esn;
    options.suite = Named("cipher suite", CipherSuites(), suite);
    options.keyExchanges = ToKeyExchanges(keyExchanges);
    options.pfs = pfs;
    options.childLifetime.soft = ToDuration(rekeyAfter);
    options.childVolume.softPackets = rekeyPackets;
    options.ikeLifetime.soft = ToDuration(ikeRekeyAfter);
    options.initiateAt = initiateAt;
    network.AddTunnel(name, a, b, options);
}

void
AddTraffic(Network& network,
           const std::string& name,
           const std::string& from,
           const std::string& to,
           double rate,
           bool poisson,
           std::uint32_t payload,
           std::uint64_t packets,
           std::optional<double> start,
           StreamChoice stream)
{
    TrafficOptions options;
    options.stream.rate = rate;
    options.stream.poisson = poisson;
    options.stream.payload = payload;
    options.stream.packets = packets;
    options.start = start;
    options.randomStream = stream;
    network.AddTraffic(name, from, to, options);
}

DelayModel
MakeModel(DelayModel::Kind kind, double seconds, double fastShare)
{
    DelayModel model;
    model.kind = kind;
    model.seconds = seconds;
    model.fastShare = fastShare;
    return model;
}

DelayModel
MakeCustom(std::function<double(std::uint64_t, double)> function)
{
    DelayModel model;
    model.kind = DelayModel::Kind::Custom;
    model.custom = std::move(function);
    return model;
}

void
DefineDelayModel(py::module_& module)
{
    using Model = DelayModel::Kind;
    py::class_<DelayModel>(module, "DelayModel", "How the extra delay of a packet is drawn.")
        .def(py::init<>())
        .def_static(
            "two_point",
            [](double seconds, double share) { return MakeModel(Model::TwoPoint, seconds, share); },
            py::arg("seconds"),
            py::arg("fast_share"))
        .def_static(
            "uniform",
            [](double seconds) { return MakeModel(Model::Uniform, seconds, 0); },
            py::arg("seconds"))
        .def_static(
            "exponential",
            [](double seconds) { return MakeModel(Model::Exponential, seconds, 0); },
            py::arg("seconds"))
        .def_static("custom", &MakeCustom, py::arg("function"));
}

void
DefineEvent(py::module_& module)
{
    py::class_<NetworkEvent>(module, "Event", "What a callback of Network.on is told.")
        .def_property_readonly("kind", [](const NetworkEvent& event) { return NameOf(event.kind); })
        .def_readonly("time", &NetworkEvent::time)
        .def_readonly("gateway", &NetworkEvent::gateway)
        .def_readonly("tunnel", &NetworkEvent::tunnel)
        .def_readonly("spi_inbound", &NetworkEvent::spiInbound)
        .def_readonly("spi_outbound", &NetworkEvent::spiOutbound)
        .def_readonly("replaces", &NetworkEvent::replaces)
        .def_readonly("number", &NetworkEvent::number)
        .def_readonly("reason", &NetworkEvent::reason)
        .def_readonly("outbound", &NetworkEvent::outbound)
        .def("__repr__",
             [](const NetworkEvent& event)
             {
                 return "<Event " + NameOf(event.kind) + " at " + std::to_string(event.time) +
                        " s, gateway " + event.gateway +
                        (event.reason.empty() ? "" : ", " + event.reason) + ">";
             });
}

void
DefineClass(py::module_& module)
{
    py::class_<Network>(module, "Network", "A topology; ipseclab.Network is for scripts.")
        .def(py::init<std::uint32_t, std::uint64_t, bool>(),
             py::kw_only(),
             py::arg("seed"),
             py::arg("run"),
             py::arg("sized"))
        .def("add_host", &Network::AddHost, py::arg("name"))
        .def("add_router", &Network::AddRouter, py::arg("name"))
        .def("add_gateway",
             &AddGateway,
             py::arg("name"),
             py::kw_only(),
             py::arg("window"),
             py::arg("fast_path"),
             py::arg("stream"))
        .def("add_link",
             &AddLink,
             py::arg("name"),
             py::arg("a"),
             py::arg("b"),
             py::kw_only(),
             py::arg("rate"),
             py::arg("delay"),
             py::arg("extra_delay"),
             py::arg("loss"),
             py::arg("queue"),
             py::arg("stream"))
        .def("add_tunnel",
             &AddTunnel,
             py::arg("name"),
             py::arg("a"),
             py::arg("b"),
             py::kw_only(),
             py::arg("esn"),
             py::arg("suite"),
             py::arg("key_exchanges"),
             py::arg("pfs"),
             py::arg("rekey_after"),
             py::arg("rekey_packets"),
             py::arg("ike_rekey_after"),
             py::arg("initiate_at"))
        .def("add_traffic",
             &AddTraffic,
             py::arg("name"),
             py::arg("source"),
             py::arg("destination"),
             py::kw_only(),
             py::arg("rate"),
             py::arg("poisson"),
             py::arg("payload"),
             py::arg("packets"),
             py::arg("start"),
             py::arg("stream"))
        .def("add_probe", &Network::AddProbe, py::arg("gateway"))
        .def(
            "on",
            [](Network& network,
               const std::string& event,
               std::function<void(const NetworkEvent&)> listener)
            { network.On(KindOf(event), std::move(listener)); },
            py::arg("event"),
            py::arg("listener"))
        .def("at", &Network::At, py::arg("time"), py::arg("action"))
        .def("address_of", &Network::AddressOf, py::arg("node"))
        .def(
            "protected_by",
            [](const Network& network, const std::string& gateway)
            { return network.ProtectedBy(gateway).ToString(); },
            py::arg("gateway"))
        .def("run", &Run, py::arg("until"), py::arg("captures"))
        .def("now", &Network::Now)
        .def("stop", &Network::Stop)
        .def("initiate", &Network::Initiate, py::arg("tunnel"))
        .def("close", &Network::Close, py::arg("gateway"))
        .def("set_loss", &Network::SetLoss, py::arg("link"), py::arg("probability"))
        .def("set_delay", &Network::SetDelay, py::arg("link"), py::arg("delay"))
        .def(
            "counts_of",
            [](const Network& network, const std::string& gateway)
            { return ToPython(network.CountsOf(gateway)); },
            py::arg("gateway"));
}

} // namespace

void
DefineNetwork(py::module_& module)
{
    py::register_exception<TopologyError>(module, "TopologyError", PyExc_ValueError);
    module.def("parse_quantity",
               &ParseQuantity,
               py::arg("name"),
               py::arg("quantity"),
               py::arg("typed"),
               py::kw_only(),
               py::arg("minimum"),
               py::arg("maximum"),
               py::arg("example"));
    module.def(
        "uniform_draws",
        [](std::uint32_t seed, std::uint64_t run, std::int64_t stream, std::size_t count)
        { return ToArray(UniformDraws(seed, run, stream, count)); },
        py::kw_only(),
        py::arg("seed"),
        py::arg("run"),
        py::arg("stream"),
        py::arg("count"));
    py::list verdicts;
    for (std::size_t i = 0; i < esp::kDropReasons; ++i)
    {
        verdicts.append(esp::Name(static_cast<esp::DropReason>(i)));
    }
    module.attr("VERDICTS") = py::tuple(verdicts);
    DefineDelayModel(module);
    DefineEvent(module);
    DefineClass(module);
}

} // namespace ipseclab
