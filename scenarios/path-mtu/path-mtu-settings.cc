/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * The parameters of the scenario, and what they mean for its network and its hosts.
 */

#include "scenarios/path-mtu/path-mtu-settings.h"

#include <map>

namespace ipseclab::path_mtu
{

using ns3::Seconds;

namespace
{

constexpr std::int64_t kStreamOfSender = 500;

/// What a strategy is made of.
struct Strategy
{
    SizePolicy host;
    const char* fragmentation; ///< of IpsecPathMtu
    const char* dfPolicy;      ///< of IpsecGateway
    bool notifications{false};
    bool aggfrag{false};
};

const std::map<std::string, Strategy>&
Strategies()
{
    static const std::map<std::string, Strategy> strategies{
        {"outer-fragments", {SizePolicy::Fixed, "AfterEsp", "Clear"}},
        // Set, or no router would ever report.
        {"inner-fragments", {SizePolicy::Fixed, "BeforeEsp", "Set"}},
        {"pmtud", {SizePolicy::Reports, "Drop", "Copy"}},
        {"probing", {SizePolicy::Probing, "Drop", "Copy"}},
        // Clear, or there would be no fragments to tell of.
        {"lmap", {SizePolicy::Fixed, "BeforeEsp", "Clear", true}},
        {"clamping", {SizePolicy::Reports, "Drop", "Copy"}},
        {"aggfrag", {SizePolicy::Fixed, "Drop", "Set", false, true}},
    };
    return strategies;
}

const Strategy&
StrategyOf(const ParameterValues& values)
{
    return Strategies().at(values.Word("strategy"));
}

bool
IsTcp(const ParameterValues& values)
{
    return values.Word("transport") == "tcp";
}

bool
IsClamping(const ParameterValues& values)
{
    return values.Word("strategy") == "clamping";
}

ns3::IpsecLaterFragments
LaterFragmentsOf(const ParameterValues& values)
{
    static const std::map<std::string, ns3::IpsecLaterFragments> rules{
        {"all-ports", ns3::IpsecLaterFragments::NotAtAll}, // an SA for all ports takes them anyway
        {"opaque", ns3::IpsecLaterFragments::Opaque},
        {"stateful", ns3::IpsecLaterFragments::Stateful},
        {"none", ns3::IpsecLaterFragments::NotAtAll},
    };
    return rules.at(values.Word("inner_fragments"));
}

std::uint16_t
Octets(const ParameterValues& values, const std::string& name)
{
    return static_cast<std::uint16_t>(values.Count(name));
}

} // namespace

NetworkSettings
MakeNetworkSettings(const ParameterValues& values, bool sized)
{
    const Strategy& strategy = StrategyOf(values);
    NetworkSettings settings;
    settings.fragmentation = strategy.fragmentation;
    settings.dfPolicy = strategy.dfPolicy;
    settings.notifications = strategy.notifications;
    settings.aggfrag = strategy.aggfrag;
    settings.aggfragWait = Seconds(values.Number("aggfrag_wait"));
    settings.mssLimit = IsClamping(values) ? Octets(values, "mss_limit") : std::uint16_t{0};
    settings.mtu = Octets(values, "path_mtu");
    settings.laterMtu = Octets(values, "later_mtu");
    settings.changeAt = Seconds(values.Number("change_at"));
    settings.alternating = values.Word("change") == "alternating";
    settings.filterProbability = values.Number("icmp_filter");
    settings.fragmentFilter = values.Number("fragment_filter");
    settings.quotedOctets = Octets(values, "quote");
    settings.udpEncapsulation = values.Word("encapsulation") == "udp";
    settings.window = static_cast<std::uint32_t>(values.Count("window"));
    settings.linkRate = ns3::DataRate(values.Count("link_rate"));
    settings.delay = Seconds(values.Number("delay"));
    settings.fragmentDelay = Seconds(values.Number("fragment_delay"));
    settings.loss = values.Number("loss");
    settings.reassemblyTimeout = Seconds(values.Number("reassembly_timeout"));
    settings.openTime = values.Number("open_time");
    settings.joinTime = values.Number("join_time");
    settings.emtuR = Octets(values, "emtu_r");
    settings.floor = Octets(values, "floor");
    settings.lifetime = Seconds(values.Number("lifetime"));
    settings.tellInterval = Seconds(values.Number("tell_interval"));
    settings.tellUnfinished = values.Word("unfinished") == "told";
    settings.draftOverhead = values.Word("overhead") == "draft";
    settings.draftCondition = values.Word("condition") == "draft";
    settings.namesSa = values.Word("binding") == "child-sa";
    settings.childSas = values.Count("child_sas");
    if (values.Word("inner_fragments") != "all-ports")
    {
        settings.portProtocol = IsTcp(values) ? wire::kProtocolTcp : wire::kProtocolUdp;
    }
    settings.laterFragments = LaterFragmentsOf(values);
    settings.sized = sized;
    return settings;
}

StreamSettings
MakeStreamSettings(const ParameterValues& values)
{
    StreamSettings settings;
    settings.tcp = IsTcp(values);
    settings.policy = StrategyOf(values).host;
    settings.rate = values.Number("rate");
    settings.packets = values.Count("packets");
    settings.octets = static_cast<std::uint32_t>(values.Count("size"));
    settings.smallShare = values.Number("small_share");
    settings.classes = values.Count("child_sas");
    settings.probeTimer = Seconds(values.Number("probe_timer"));
    settings.randomStream = kStreamOfSender;
    return settings;
}

void
CheckTogether(const ParameterValues& values)
{
    const std::string& strategy = values.Word("strategy");
    if (strategy == "aggfrag" && values.Number("open_time") + values.Number("join_time") > 0)
    {
        throw ParameterError("open_time, join_time: engines do not work on AGGFRAG; with strategy "
                             "aggfrag there is 0s only");
    }
    if (strategy == "probing" && !IsTcp(values) &&
        values.Number("probe_timer") <= 2 * values.Number("delay"))
    {
        throw ParameterError("probe_timer: " + values.Canonical().at("probe_timer") +
                             " is not longer than the way there and back");
    }
    if (IsTcp(values) && StrategyOf(values).host == SizePolicy::Fixed)
    {
        throw ParameterError("strategy: TCP sets DF: pmtud, probing or clamping");
    }
    if (IsClamping(values) && !IsTcp(values))
    {
        throw ParameterError("strategy: clamping is for transport=tcp");
    }
    if (IsTcp(values) && values.Number("small_share") > 0)
    {
        throw ParameterError("small_share: is of packets of UDP");
    }
    if (IsTcp(values) && values.Count("child_sas") > 1)
    {
        throw ParameterError("child_sas: one TCP connection uses one Child SA");
    }
}

std::vector<ParameterSpec>
MakeParameters()
{
    using Q = Quantity;
    return {
        {"strategy",
         Q::Choice,
         "pmtud",
         0,
         0,
         "",
         {"outer-fragments", "inner-fragments", "pmtud", "probing", "lmap", "clamping", "aggfrag"},
         "what is done about packets that do not fit; README.md has the table"},
        {"transport", Q::Choice, "udp", 0, 0, "", {"udp", "tcp"}, "of the hosts"},
        {"path_mtu", Q::Octets, "1400B", 68, 1500, "", {}, "of the narrow link, in IP packets"},
        {"later_mtu",
         Q::Octets,
         "0B",
         68,
         1500,
         "the path MTU stays",
         {},
         "what it is after change_at"},
        {"change_at",
         Q::Time,
         "5s",
         0.0001,
         10000,
         "",
         {},
         "from the first packet until the path MTU changes"},
        {"change",
         Q::Choice,
         "once",
         0,
         0,
         "",
         {"once", "alternating"},
         "of the path MTU: once, or there and back each change_at"},
        {"icmp_filter", Q::Number, "0", 0, 1, "", {}, "probability that a router's report is lost"},
        {"fragment_filter",
         Q::Number,
         "0",
         0,
         1,
         "",
         {},
         "probability that the narrow link refuses a fragment that is not the first"},
        {"quote", Q::Octets, "8B", 8, 528, "", {}, "what a report quotes behind the IP header"},
        {"inner_fragments",
         Q::Choice,
         "all-ports",
         0,
         0,
         "",
         {"all-ports", "opaque", "stateful", "none"},
         "how later fragments of inner packets meet selectors: of the tunnel, which are for all "
         "ports, or for host B's ports with one of the ways of RFC 4301, section 7, or with none"},
        {"encapsulation",
         Q::Choice,
         "esp",
         0,
         0,
         "",
         {"esp", "udp"},
         "of ESP: as protocol 50, or in UDP"},
        {"size", Q::Octets, "1400B", 100, 1500, "", {}, "of the packets that host A wants to send"},
        {"small_share", Q::Number, "0", 0, 1, "", {}, "of packets that have 100 octets"},
        {"rate", Q::PacketRate, "100pps", 1, 1e6, "", {}, "of the source"},
        {"packets", Q::Count, "2000", 1, 1000000, "", {}, "that the source sends"},
        {"link_rate", Q::BitRate, "10Gbps", 1e5, 1e10, "", {}, "of the narrow link"},
        {"delay", Q::Time, "10ms", 0, 10, "", {}, "one-way, of the narrow link"},
        {"fragment_delay", Q::Time, "0s", 0, 10, "", {}, "what fragments take longer"},
        {"loss", Q::Number, "0", 0, 0.5, "", {}, "probability of each frame on the narrow link"},
        {"window", Q::Count, "64", 32, 65536, "no replay check", {}, "of gateway B"},
        {"reassembly_timeout", Q::Time, "30s", 0.001, 120, "", {}, "of gateway B"},
        {"open_time",
         Q::Time,
         "0s",
         1e-9,
         1e-4,
         "no time",
         {},
         "that gateway B's core takes to open an ESP packet"},
        {"join_time",
         Q::Time,
         "0s",
         1e-9,
         1e-4,
         "no time",
         {},
         "that it takes for each fragment of one before"},
        {"emtu_r",
         Q::Octets,
         "65535B",
         576,
         65535,
         "",
         {},
         "the longest ESP packet that gateway B takes in fragments"},
        {"floor",
         Q::Octets,
         "576B",
         68,
         1500,
         "",
         {},
         "the least path MTU that gateway A believes"},
        {"lifetime",
         Q::Time,
         "600s",
         0.001,
         100000,
         "",
         {},
         "of a path MTU that gateway A was told"},
        {"tell_interval",
         Q::Time,
         "1s",
         0.001,
         1000,
         "any number of notifications",
         {},
         "least time between two notifications of gateway B"},
        {"unfinished",
         Q::Choice,
         "kept",
         0,
         0,
         "",
         {"kept", "told"},
         "what gateway B does about packets that never become whole: it keeps that, or tells"},
        {"aggfrag_wait",
         Q::Time,
         "10ms",
         0,
         0.1,
         "",
         {},
         "of a payload of aggfrag that is not full"},
        {"overhead",
         Q::Choice,
         "exact",
         0,
         0,
         "",
         {"exact", "draft"},
         "of the tunnel, as gateway A reckons it for lmap"},
        {"condition",
         Q::Choice,
         "meant",
         0,
         0,
         "",
         {"meant", "draft"},
         "of a PTB with LMAP, as gateway A reads it: LMAP counts, or LMTU as the draft has it"},
        {"binding",
         Q::Choice,
         "ike-sa",
         0,
         0,
         "",
         {"ike-sa", "child-sa"},
         "of a notification: to all Child SAs of the IKE SA, or to the one that it names, which "
         "the "
         "draft has not got"},
        {"child_sas",
         Q::Count,
         "1",
         1,
         8,
         "",
         {},
         "that packets are put on in turn, each for one class of DSCPs"},
        {"mss_limit",
         Q::Octets,
         "1200B",
         28,
         65535,
         "",
         {},
         "that gateway A clamps the MSS of TCP to, with clamping"},
        {"probe_timer", Q::Time, "1s", 0.001, 60, "", {}, "PROBE_TIMER of RFC 8899"},
    };
}

} // namespace ipseclab::path_mtu
