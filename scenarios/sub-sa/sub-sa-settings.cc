/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/sub-sa/sub-sa-network.h"

#include <map>

namespace ipseclab::sub_sa
{

namespace
{

constexpr std::int64_t kStreamOfGaps = 300;
constexpr std::int64_t kStreamOfPaths = 400;

FanOut
FanOutOf(const std::string& word)
{
    static const std::map<std::string, FanOut> kinds{{"one", FanOut::One},
                                                     {"several", FanOut::Several},
                                                     {"subspaces", FanOut::Subspaces},
                                                     {"sub-sas", FanOut::SubSas}};
    return kinds.at(word);
}

std::uint32_t
SpacesOf(const ParameterValues& values)
{
    const auto spaces = static_cast<std::uint32_t>(values.Count("spaces"));
    return spaces == 0 ? static_cast<std::uint32_t>(values.Count("cores")) : spaces;
}

UdpStream
StreamOf(const ParameterValues& values)
{
    UdpStream stream;
    stream.rate = values.Number("rate") * static_cast<double>(values.Count("cores"));
    stream.poisson = true;
    stream.payload = static_cast<std::uint32_t>(values.Count("payload"));
    stream.packets = values.Count("packets");
    stream.port = 9000;
    stream.randomStream = kStreamOfGaps;
    return stream;
}

PathsConfig
PathsOf(const ParameterValues& values)
{
    static const std::map<std::string, PathRule> rules{{"packet", PathRule::Packet},
                                                       {"addresses", PathRule::Addresses},
                                                       {"spi", PathRule::Spi},
                                                       {"session", PathRule::Session}};
    PathsConfig paths;
    paths.paths = static_cast<std::uint32_t>(values.Count("paths"));
    paths.rule = rules.at(values.Word("path_by"));
    paths.spread = values.Number("spread");
    paths.sessionOfEsp = values.Word("fan_out") == "subspaces";
    paths.randomStream = kStreamOfPaths;
    return paths;
}

} // namespace

Settings::Settings(const ParameterValues& values)
    : fanOut(FanOutOf(values.Word("fan_out"))),
      cores(static_cast<std::uint32_t>(values.Count("cores"))),
      spaces(SpacesOf(values)),
      coreRate(values.Number("core_rate")),
      lockShare(values.Number("lock_share")),
      window(static_cast<std::uint32_t>(values.Count("window"))),
      keepKeys(values.Word("keys") == "kept"),
      rekeyPackets(values.Count("rekey_packets")),
      flows(static_cast<std::uint32_t>(values.Count("flows"))),
      hotShare(values.Number("hot_share")),
      stream(StreamOf(values)),
      paths(PathsOf(values)),
      delay(values.Number("delay"))
{
    if (flows < spaces)
    {
        throw ParameterError("flows: " + std::to_string(flows) + " cannot fill " +
                             std::to_string(spaces) + " number spaces; at least as many");
    }
}

esp::SequenceScheme
Settings::Numbers() const
{
    switch (fanOut)
    {
    case FanOut::Subspaces:
        return esp::SequenceScheme::Sub64(spaces);
    case FanOut::SubSas:
        return esp::SequenceScheme::Eesp(spaces);
    case FanOut::One:
    case FanOut::Several:
        break;
    }
    return esp::SequenceScheme::Plain(false);
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"fan_out",
         Q::Choice,
         "sub-sas",
         0,
         0,
         "",
         {"one", "several", "subspaces", "sub-sas"},
         "number spaces of the tunnel: that of one SA, SAs for single cores beside one for all, "
         "subspaces of one SA, Sub SAs of EESP"},
        {"cores", Q::Count, "4", 1, 256, "", {}, "of gateway A; each has number spaces of its own"},
        {"spaces",
         Q::Count,
         "0",
         1,
         4000,
         "one for each core",
         {},
         "SAs for single cores, subspaces or Sub SAs"},
        {"core_rate",
         Q::PacketRate,
         "100kpps",
         1,
         1e9,
         "packets cost no time",
         {},
         "of a core that does not wait for others"},
        {"lock_share",
         Q::Number,
         "0.3",
         0,
         1,
         "",
         {},
         "of a packet's time at a core: while no other core may work on the same number space"},
        {"rate", Q::PacketRate, "90kpps", 1, 1e8, "", {}, "offered for each core, Poisson"},
        {"flows", Q::Count, "256", 1, 10000, "", {}, "UDP flows; each belongs to a number space"},
        {"hot_share",
         Q::Number,
         "0",
         0,
         1,
         "",
         {},
         "packets that flow 0 has; the others are drawn evenly from all flows"},
        {"payload", Q::Octets, "200B", 12, 1372, "", {}, "UDP payload of each packet"},
        {"packets", Q::Count, "20000", 100, 2000000, "", {}, "that host A sends"},
        {"window",
         Q::Count,
         "64",
         32,
         65536,
         "no replay check",
         {},
         "replay window of each number space"},
        {"paths", Q::Count, "2", 1, 64, "", {}, "between the gateways, each with room for all"},
        {"path_by",
         Q::Choice,
         "packet",
         0,
         0,
         "",
         {"packet", "addresses", "spi", "session"},
         "what the network chooses a path by: at random for each packet, or a hash of the outer "
         "addresses, of the SPI too, of the subspace or Session ID too"},
        {"spread",
         Q::Time,
         "0.5ms",
         0,
         10,
         "",
         {},
         "by how much the last path is longer than the first"},
        {"delay", Q::Time, "1ms", 0, 1, "", {}, "of the first path, one way"},
        {"keys",
         Q::Choice,
         "kept",
         0,
         0,
         "",
         {"kept", "per-packet"},
         "whether keys of Sub SAs are kept or derived for each packet"},
        {"rekey_packets",
         Q::Count,
         "0",
         10,
         1e9,
         "no rekeying",
         {},
         "that a key may seal before gateway A rekeys its SA"},
    };
}

} // namespace ipseclab::sub_sa
