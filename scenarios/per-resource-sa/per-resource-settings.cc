/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/per-resource-sa/per-resource-network.h"

namespace ipseclab::per_resource
{

namespace
{

constexpr std::int64_t kStreamOfGaps = 300;
constexpr std::uint16_t kPort = 9000;
constexpr std::uint64_t kMostPorts = 40000;

UdpStream
StreamOf(const ParameterValues& values)
{
    UdpStream stream;
    stream.rate = values.Number("rate");
    stream.poisson = true;
    stream.payload = static_cast<std::uint32_t>(values.Count("payload"));
    stream.packets = values.Count("packets");
    stream.port = kPort;
    stream.randomStream = kStreamOfGaps;
    return stream;
}

} // namespace

Settings::Settings(const ParameterValues& values)
    : tunnels(static_cast<std::uint32_t>(values.Count("tunnels"))),
      startSpread(values.Number("start_spread")),
      shared(values.Word("fan_out") == "one"),
      resources(static_cast<std::uint32_t>(values.Count("resources"))),
      fallback(values.Word("fallback") == "on"),
      limit(values.Count("limit") == 0 ? 2 * resources
                                       : static_cast<std::uint32_t>(values.Count("limit"))),
      blunt(values.Word("refusal") == "no-additional-sas"),
      bothWays(values.Word("direction") == "both"),
      otherTraffic(values.Word("other_traffic") == "on"),
      coreRate(values.Number("core_rate")),
      lockShare(values.Number("lock_share")),
      flows(static_cast<std::uint32_t>(values.Count("flows"))),
      stream(StreamOf(values)),
      delay(values.Number("delay")),
      lifetime(values.Number("lifetime")),
      window(static_cast<std::uint32_t>(values.Count("window")))
{
    if (bothWays && std::uint64_t{tunnels} * flows > kMostPorts)
    {
        throw ParameterError("tunnels: " + values.Canonical().at("tunnels") + " times flows: " +
                             values.Canonical().at("flows") + " are more than the " +
                             std::to_string(kMostPorts) + " ports from which host B can send");
    }
    if (lifetime > 0 && lifetime < 10 * delay)
    {
        throw ParameterError("lifetime: " + values.Canonical().at("lifetime") +
                             " is too short to rekey over a link with a delay of " +
                             values.Canonical().at("delay") + "; at least ten times the delay");
    }
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"tunnels", Q::Count, "1", 1, kMostTunnels, "", {}, "sites A, each with a tunnel to B"},
        {"start_spread",
         Q::Time,
         "0s",
         0,
         3600,
         "",
         {},
         "time in which sites begin their tunnels, each at a time of its own"},
        {"fan_out",
         Q::Choice,
         "per-resource",
         0,
         0,
         "",
         {"per-resource", "one"},
         "SAs of the tunnel: one for each resource and one for all, or only that"},
        {"resources", Q::Count, "4", 1, 1024, "", {}, "cores of each gateway that flows go to"},
        {"fallback",
         Q::Choice,
         "on",
         0,
         0,
         "",
         {"on", "off"},
         "whether packets take the SA for all while their core has none of its own"},
        {"limit",
         Q::Count,
         "0",
         1,
         2048,
         "twice the resources",
         {},
         "SAs beside the first that gateway B grants"},
        {"refusal",
         Q::Choice,
         "ts-max-queue",
         0,
         0,
         "",
         {"ts-max-queue", "no-additional-sas"},
         "what gateway B says beyond the limit; no-additional-sas counts all SAs of the IKE SA"},
        {"direction",
         Q::Choice,
         "a-to-b",
         0,
         0,
         "",
         {"a-to-b", "both"},
         "who sends, and so who asks for SAs"},
        {"other_traffic",
         Q::Choice,
         "off",
         0,
         0,
         "",
         {"off", "on"},
         "whether gateway A asks for an SA to B's second network, after three quarters of the "
         "time"},
        {"core_rate",
         Q::PacketRate,
         "0pps",
         1,
         1e9,
         "packets cost no time",
         {},
         "of a core that does not wait for others"},
        {"lock_share",
         Q::Number,
         "0.5",
         0,
         1,
         "",
         {},
         "of a packet's time at a core: while no other core may work on the same SA"},
        {"rate", Q::PacketRate, "100kpps", 1, 1e8, "", {}, "of each tunnel and direction, Poisson"},
        {"flows",
         Q::Count,
         "1024",
         1,
         10000,
         "",
         {},
         "of each tunnel and direction; packets draw theirs"},
        {"payload", Q::Octets, "200B", 8, 1400, "", {}, "UDP payload of each packet"},
        {"packets", Q::Count, "20000", 10, 2000000, "", {}, "of each tunnel and direction"},
        {"delay", Q::Time, "1ms", 0, 1, "", {}, "of the link between the gateways, one way"},
        {"lifetime",
         Q::Time,
         "0s",
         1e-3,
         1e6,
         "no rekeying",
         {},
         "of every Child SA, after which gateway A rekeys it"},
        {"window",
         Q::Count,
         "64",
         32,
         65536,
         "no replay check",
         {},
         "replay window of both gateways"},
    };
}

} // namespace ipseclab::per_resource
