/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/offload/offload-settings.h"

#include "model/esp/replay-window.h"

#include <algorithm>
#include <map>

namespace ipseclab::offload
{

namespace
{

using ns3::IpsecStep;
using timing::Architecture;
using timing::Dispatch;

constexpr double kGiga = 1e9;
constexpr double kLargestCache = 256.0 * 1024 * 1024;
constexpr double kAllCaches = 4 * kLargestCache;

IpsecStep
StepOf(const std::string& word)
{
    static const std::map<std::string, IpsecStep> steps{{"arrival", IpsecStep::Arrival},
                                                        {"start", IpsecStep::Start},
                                                        {"completion", IpsecStep::Completion}};
    return steps.at(word);
}

Architecture
ArchitectureOf(const std::string& word)
{
    static const std::map<std::string, Architecture> architectures{
        {"cores", Architecture::Cores},
        {"look-aside", Architecture::LookAside},
        {"inline-crypto", Architecture::InlineCrypto},
        {"inline-full", Architecture::InlineFull},
        {"cloud-tunnel", Architecture::CloudTunnel}};
    return architectures.at(word);
}

Dispatch
DispatchOf(const std::string& word)
{
    static const std::map<std::string, Dispatch> dispatches{{"inner-flow", Dispatch::InnerFlow},
                                                            {"outer-flow", Dispatch::OuterFlow},
                                                            {"spi", Dispatch::Spi},
                                                            {"pinned", Dispatch::Pinned},
                                                            {"round-robin", Dispatch::RoundRobin}};
    return dispatches.at(word);
}

/// For SAs with consecutive SPIs from `kFirstSpi` on.
timing::MemoryConfig
MemoryOf(const ParameterValues& values)
{
    static const std::map<std::string, timing::Lookup> lookups{{"array", timing::Lookup::Array},
                                                               {"hash", timing::Lookup::Hash},
                                                               {"tree", timing::Lookup::Tree},
                                                               {"list", timing::Lookup::List}};
    timing::MemoryConfig memory;
    for (const std::string cache : {"l1", "l2", "l3"})
    {
        memory.caches.push_back({values.Count(cache), values.Number(cache + "_cycles")});
    }
    memory.memoryCycles = values.Number("memory_cycles");
    memory.lookup = lookups.at(values.Word("lookup"));
    memory.sas = static_cast<std::uint32_t>(values.Count("sas"));
    memory.firstSpi = kFirstSpi;
    memory.saOctets = values.Count("sa_octets");
    const auto window = static_cast<std::uint32_t>(values.Count("window"));
    memory.parallelLines = static_cast<std::uint32_t>(values.Count("parallel_lines"));
    memory.shiftCycles = values.Number("shift_cycles");
    const bool ring = values.Word("bitmap") == "ring";
    memory.layout = ring ? timing::WindowLayout::Ring : timing::WindowLayout::Shifted;
    if (window != 0)
    {
        memory.windowOctets = ring ? esp::ReplayWindow(window).Octets() : (window + 7) / 8;
    }
    return memory;
}

timing::CoresConfig
CoresOf(const ParameterValues& values)
{
    timing::CoresConfig cores;
    cores.cores = static_cast<std::uint32_t>(values.Count("cores"));
    cores.cost.hertz = values.Number("clock") * kGiga;
    cores.cost.fixedCycles = values.Number("packet_cycles");
    cores.cost.cyclesPerOctet = values.Number("octet_cycles");
    cores.cost.batchCycles = values.Number("batch_cycles");
    cores.batch = static_cast<std::uint32_t>(values.Count("batch"));
    cores.dispatch = DispatchOf(values.Word("dispatch"));
    cores.queue = values.Count("queue");
    cores.lockCycles = values.Number("lock_cycles");
    cores.lockMoveCycles = values.Number("lock_move_cycles");
    cores.handOff = values.Word("hand_off") == "on";
    cores.handOffCycles = values.Number("hand_off_cycles");
    cores.stalls = {values.Number("stall_gap"), values.Number("stall_length")};
    cores.memory = MemoryOf(values);
    return cores;
}

timing::LookAsideConfig
LookAsideOf(const ParameterValues& values, const timing::CoresConfig& cores)
{
    timing::LookAsideConfig device;
    device.host = cores.cost;
    device.completionCycles = values.Number("completion_cycles");
    device.batch = cores.batch;
    device.queue = cores.queue;
    device.ring = values.Count("ring");
    device.engines = static_cast<std::uint32_t>(values.Count("engines"));
    device.engineLatency = values.Number("engine_latency");
    device.engineBitRate = values.Number("engine_rate");
    device.pollInterval = values.Number("poll_interval");
    device.stalls = cores.stalls;
    return device;
}

timing::EngineConfig
EngineOf(const ParameterValues& values)
{
    timing::EngineConfig engine;
    engine.architecture = ArchitectureOf(values.Word("architecture"));
    engine.ordered = values.Word("ordered") == "on";
    engine.coalescer = {values.Number("coalesce_wait"),
                        static_cast<std::uint32_t>(values.Count("coalesce_frames"))};
    engine.cores = CoresOf(values);
    engine.lookAside = LookAsideOf(values, engine.cores);
    engine.nic = {values.Number("nic_packet_rate"),
                  values.Number("nic_rate"),
                  values.Number("nic_latency"),
                  values.Count("nic_contexts"),
                  values.Number("nic_fetch"),
                  values.Count("queue")};
    engine.cap = {values.Number("cap_packet_rate"),
                  values.Number("cap_rate"),
                  values.Number("cap_burst")};
    return engine;
}

void
CheckTogether(const Settings& settings, const ParameterValues& values)
{
    const timing::CoresConfig& cores = settings.engine.cores;
    double octets = 0;
    for (const timing::CacheLevel& cache : cores.memory.caches)
    {
        octets = std::max(octets, static_cast<double>(cache.octets));
    }
    if (cores.memory.IsModelled() && octets * cores.cores > kAllCaches)
    {
        throw ParameterError("cores: their caches are modelled line by line and may have 1 GiB "
                             "in all; got " +
                             values.Canonical().at("cores") + " cores");
    }
    const bool hardware = settings.engine.architecture == Architecture::InlineFull;
    if (hardware && settings.inbound && settings.window != 0 &&
        !timing::IsInlineWindow(settings.window))
    {
        throw ParameterError("window: a NIC that does everything has 32, 64, 128 or 256, or 0 "
                             "without a check; got " +
                             values.Canonical().at("window"));
    }
}

} // namespace

Settings::Settings(const ParameterValues& values)
    : engine(EngineOf(values)),
      outbound(values.Word("side") != "inbound"),
      inbound(values.Word("side") != "outbound"),
      numberAt(StepOf(values.Word("number_at"))),
      checkAt(StepOf(values.Word("check_at"))),
      window(static_cast<std::uint32_t>(values.Count("window"))),
      sas(static_cast<std::uint32_t>(values.Count("sas"))),
      flows(static_cast<std::uint32_t>(values.Count("flows"))),
      randomFlows(values.Word("traffic") == "random"),
      poisson(values.Word("spacing") == "poisson"),
      rate(values.Number("rate")),
      payload(static_cast<std::uint32_t>(values.Count("payload"))),
      packets(values.Count("packets")),
      linkRate(values.Count("link_rate"))
{
    CheckTogether(*this, values);
}

std::uint32_t
Settings::InnerOctets() const
{
    constexpr std::uint32_t kIpv4AndUdp = 28;
    return kIpv4AndUdp + payload;
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    const std::vector<std::string> steps{"arrival", "start", "completion"};
    return {
        {"architecture",
         Q::Choice,
         "cores",
         0,
         0,
         "",
         {"cores", "look-aside", "inline-crypto", "inline-full", "cloud-tunnel"},
         "where the cipher is done"},
        {"side",
         Q::Choice,
         "outbound",
         0,
         0,
         "",
         {"outbound", "inbound", "both"},
         "which gateways spend time: A, which sends, B, which receives, or both"},
        {"number_at",
         Q::Choice,
         "start",
         0,
         0,
         "",
         steps,
         "when gateway A numbers a packet: before the engine's queue, when the engine takes it, or "
         "when it is done"},
        {"check_at",
         Q::Choice,
         "completion",
         0,
         0,
         "",
         steps,
         "when gateway B checks a packet against the replay window"},
        {"window",
         Q::Count,
         "1024",
         32,
         65536,
         "no replay check",
         {},
         "replay window of gateway B"},
        {"ordered",
         Q::Choice,
         "off",
         0,
         0,
         "",
         {"off", "on"},
         "packets of an SA leave an engine in the order in which they came"},
        {"sas", Q::Count, "1", 1, 16000, "", {}, "pairs of SAs between the gateways"},
        {"flows", Q::Count, "1", 1, 16000, "", {}, "UDP flows, evenly spread over the SAs"},
        {"traffic",
         Q::Choice,
         "in-turn",
         0,
         0,
         "",
         {"in-turn", "random"},
         "which flow the next packet is of"},
        {"spacing", Q::Choice, "constant", 0, 0, "", {"constant", "poisson"}, "of all packets"},
        {"rate", Q::PacketRate, "4Mpps", 1, 1e8, "", {}, "packets per second of all flows"},
        {"payload", Q::Octets, "332B", 12, 8900, "", {}, "UDP payload; IP has 28 octets more"},
        {"packets", Q::Count, "20000", 100, kMostPackets, "", {}, "of all flows"},
        {"cores", Q::Count, "1", 1, 256, "", {}, "of each gateway"},
        {"dispatch",
         Q::Choice,
         "inner-flow",
         0,
         0,
         "",
         {"inner-flow", "outer-flow", "spi", "pinned", "round-robin"},
         "by what a core is chosen: hash of a flow or SPI, SAs in turn, packets in turn"},
        {"clock", Q::Number, "2.1", 0.01, 100, "", {}, "of a core, in GHz"},
        {"packet_cycles",
         Q::Number,
         "756",
         0,
         1e7,
         "",
         {},
         "of a core for a packet; with look-aside, before the device"},
        {"octet_cycles",
         Q::Number,
         "0.64",
         0,
         1e4,
         "",
         {},
         "of a core for an octet of the IP packet"},
        {"batch",
         Q::Count,
         "1",
         1,
         1024,
         "",
         {},
         "most packets that a core takes at once, and completions with look-aside"},
        {"batch_cycles", Q::Number, "0", 0, 1e7, "", {}, "of a core for a batch"},
        {"queue", Q::Count, "1024", 1, 1000000, "", {}, "packets that wait for a core or a NIC"},
        {"lock_cycles", Q::Number, "0", 0, 1e6, "", {}, "in the critical section of an SA"},
        {"lock_move_cycles",
         Q::Number,
         "0",
         0,
         1e6,
         "",
         {},
         "more of them when another core was in it before"},
        {"hand_off",
         Q::Choice,
         "off",
         0,
         0,
         "",
         {"off", "on"},
         "the first core that sees an SA owns it; others pass its packets on"},
        {"hand_off_cycles", Q::Number, "100", 0, 1e6, "", {}, "of a core that passes a packet on"},
        {"stall_gap",
         Q::Time,
         "0s",
         1e-6,
         100,
         "cores never stall",
         {},
         "mean time between stalls of a core, exponential"},
        {"stall_length", Q::Time, "1ms", 1e-9, 1, "", {}, "of each stall"},
        {"memory_cycles",
         Q::Number,
         "0",
         0,
         1e6,
         "",
         {},
         "of a core that waits for a line of memory; 0: memory and caches cost nothing"},
        {"l1", Q::Octets, "32KiB", 64, kLargestCache, "not there", {}, "first cache of a core"},
        {"l1_cycles", Q::Number, "4", 0, 1e6, "", {}, "of a core that waits for a line of it"},
        {"l2", Q::Octets, "1MiB", 64, kLargestCache, "not there", {}, "second cache of a core"},
        {"l2_cycles", Q::Number, "14", 0, 1e6, "", {}, "of a core that waits for a line of it"},
        {"l3", Q::Octets, "0B", 64, kLargestCache, "not there", {}, "what a core has of the third"},
        {"l3_cycles", Q::Number, "70", 0, 1e6, "", {}, "of a core that waits for a line of it"},
        {"lookup",
         Q::Choice,
         "hash",
         0,
         0,
         "",
         {"array", "hash", "tree", "list"},
         "how a gateway finds an SA, where memory costs something"},
        {"sa_octets",
         Q::Octets,
         "2304B",
         64,
         65536,
         "nothing",
         {},
         "of an SA that each of its packets touches"},
        {"bitmap",
         Q::Choice,
         "ring",
         0,
         0,
         "",
         {"ring", "shifted"},
         "how a window moves: by clearing words (RFC 6479), or as a whole (RFC 2401)"},
        {"shift_cycles",
         Q::Number,
         "2",
         0,
         1000,
         "",
         {},
         "of a core for each 64 numbers of a bitmap that is shifted"},
        {"parallel_lines",
         Q::Count,
         "10",
         1,
         64,
         "",
         {},
         "lines of one object that are on the way to a core at once"},
        {"completion_cycles", Q::Number, "0", 0, 1e6, "", {}, "of the host, after the device"},
        {"ring", Q::Count, "1024", 1, 1000000, "", {}, "requests that a device may have"},
        {"engines", Q::Count, "1", 1, 4096, "", {}, "of a device, side by side"},
        {"engine_latency", Q::Time, "10us", 1e-9, 1, "", {}, "of each request"},
        {"engine_rate",
         Q::BitRate,
         "12.5Gbps",
         1,
         1e13,
         "any size takes the same",
         {},
         "of one engine, on top of the latency"},
        {"poll_interval",
         Q::Time,
         "0s",
         1e-9,
         1,
         "completions are seen at once",
         {},
         "between two looks at the ring"},
        {"nic_packet_rate", Q::PacketRate, "0pps", 1, 1e12, "no cap", {}, "most of the NIC"},
        {"nic_rate", Q::BitRate, "0bps", 1, 1e15, "no cap", {}, "most of the NIC, in bits of IP"},
        {"nic_latency", Q::Time, "2us", 1e-9, 1, "none", {}, "of each packet in the NIC"},
        {"nic_contexts", Q::Count, "0", 1, 1000000, "all", {}, "SAs that the NIC has at hand"},
        {"nic_fetch",
         Q::Time,
         "0s",
         1e-12,
         1,
         "none",
         {},
         "by which an SA that is not at hand holds the NIC up"},
        {"cap_packet_rate", Q::PacketRate, "0pps", 1, 1e12, "no cap", {}, "of a cloud tunnel"},
        {"cap_rate", Q::BitRate, "0bps", 1, 1e15, "no cap", {}, "of a cloud tunnel, bits of IP"},
        {"cap_burst", Q::Time, "1ms", 1e-6, 10, "", {}, "that may pass at once at either cap"},
        {"coalesce_wait",
         Q::Time,
         "0s",
         1e-9,
         1,
         "no coalescing",
         {},
         "from a packet to the interrupt for it"},
        {"coalesce_frames", Q::Count, "64", 1, 100000, "", {}, "that make an interrupt at once"},
        {"link_rate", Q::BitRate, "10000Gbps", 1e6, 1e13, "", {}, "of every link"},
    };
}

} // namespace ipseclab::offload
