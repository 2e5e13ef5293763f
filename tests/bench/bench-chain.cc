/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * What IPsec costs in wall time: a chain of five nodes, host - gateway - router - gateway - host,
 * with the same traffic in clear over stock ns-3, and through a tunnel with each attachment.
 *
 *     bench-chain --variant=device              one run of one variant, one JSON line
 *     bench-chain --compare --rounds=9          all variants, interleaved, each in its own process
 *
 * The time is the processor time inside Simulator::Run; IKE is in it. `clear` is what
 * InternetStackHelper and Ipv4AddressHelper give, queue discs included; `clear-no-disc` is the same
 * without queue discs. Only `clear` is the yardstick.
 */

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/traffic-control-helper.h"
#include "ns3/udp-client-server-helper.h"
#include "ns3/udp-server.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

using namespace ns3;

namespace
{

const std::vector<std::string> kVariants{"clear", "clear-no-disc", "device", "fast-path"};

struct Options
{
    uint32_t packets{20000};
    uint32_t payload{1000};     ///< octets of UDP
    std::string rate{"10Gbps"}; ///< of every link
    uint32_t rounds{9};
};

struct Result
{
    uint64_t delivered{0};
    double seconds{0}; ///< processor time in Simulator::Run
};

class Chain
{
  public:
    Chain(const std::string& variant, const Options& options);
    Result Run();

  private:
    enum Place
    {
        HostA,
        GatewayA,
        Router,
        GatewayB,
        HostB
    };

    void AddAddresses();
    void AddRoutes();
    void AddTunnel();
    void AddTraffic(const Options& options);
    /// Makes `device` port of a node in a network of its own number.
    void Assign(uint8_t network, Ptr<NetDevice> left, Ptr<NetDevice> right);
    void Route(Place node, const char* network, const char* nextHop, uint32_t port);

    std::string m_variant;
    NodeContainer m_nodes;
    std::array<NetDeviceContainer, 4> m_links;
    Ptr<IpsecGateway> m_a;
    Ptr<IpsecGateway> m_b;
    Ptr<UdpServer> m_server;
};

Chain::Chain(const std::string& variant, const Options& options)
    : m_variant(variant)
{
    m_nodes.Create(5);
    InternetStackHelper().Install(m_nodes);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue(options.rate));
    link.SetChannelAttribute("Delay", StringValue("10us"));
    for (uint32_t i = 0; i < m_links.size(); ++i)
    {
        m_links[i] = link.Install(m_nodes.Get(i), m_nodes.Get(i + 1));
    }
    AddAddresses();
    AddRoutes();
    AddTunnel();
    AddTraffic(options);
}

void
Chain::AddAddresses()
{
    Ptr<NetDevice> outsideA = m_links[1].Get(0);
    Ptr<NetDevice> outsideB = m_links[2].Get(1);
    if (m_variant == "device" || m_variant == "fast-path")
    {
        m_a = IpsecHelper().Install(m_nodes.Get(GatewayA));
        m_b = IpsecHelper().Install(m_nodes.Get(GatewayB));
    }
    if (m_variant == "device")
    {
        outsideA = IpsecHelper::AttachDevice(m_a, outsideA);
        outsideB = IpsecHelper::AttachDevice(m_b, outsideB);
    }
    Assign(1, m_links[0].Get(0), m_links[0].Get(1));
    Assign(2, outsideA, m_links[1].Get(1));
    Assign(3, m_links[2].Get(0), outsideB);
    Assign(4, m_links[3].Get(0), m_links[3].Get(1));
    if (m_variant == "fast-path")
    {
        IpsecHelper::AttachFastPath(m_a, m_links[0].Get(1), outsideA);
        IpsecHelper::AttachFastPath(m_b, m_links[3].Get(0), outsideB);
    }
}

void
Chain::Assign(uint8_t network, Ptr<NetDevice> left, Ptr<NetDevice> right)
{
    NetDeviceContainer devices(left);
    devices.Add(right);
    const std::string base = "10.0." + std::to_string(network) + ".0";
    Ipv4AddressHelper(base.c_str(), "255.255.255.0").Assign(devices);
    if (m_variant == "clear-no-disc")
    {
        TrafficControlHelper().Uninstall(devices);
    }
}

void
Chain::AddRoutes()
{
    // Interface 0 is the loopback; the left port comes first, but the left host has only one.
    Route(HostA, "10.0.0.0", "10.0.1.2", 1);
    Route(GatewayA, "10.0.3.0", "10.0.2.2", 2);
    Route(GatewayA, "10.0.4.0", "10.0.2.2", 2);
    Route(Router, "10.0.1.0", "10.0.2.1", 1);
    Route(Router, "10.0.4.0", "10.0.3.2", 2);
    Route(GatewayB, "10.0.1.0", "10.0.3.1", 1);
    Route(GatewayB, "10.0.2.0", "10.0.3.1", 1);
    Route(HostB, "10.0.0.0", "10.0.4.1", 1);
}

void
Chain::Route(Place node, const char* network, const char* nextHop, uint32_t port)
{
    const bool toAll = node == HostA || node == HostB;
    Ipv4StaticRoutingHelper()
        .GetStaticRouting(m_nodes.Get(node)->GetObject<Ipv4>())
        ->AddNetworkRouteTo(network, toAll ? "255.255.0.0" : "255.255.255.0", nextHop, port);
}

void
Chain::AddTunnel()
{
    if (!m_a)
    {
        return;
    }
    IpsecTunnel tunnel;
    tunnel.addressA = Ipv4Address("10.0.2.1");
    tunnel.addressB = Ipv4Address("10.0.3.2");
    tunnel.protectedA = "10.0.1.0/24";
    tunnel.protectedB = "10.0.4.0/24";
    IpsecHelper::Configure(tunnel, m_a, m_b);
    m_a->AssignStreams(1);
    m_b->AssignStreams(2);
    Simulator::Schedule(MilliSeconds(1), &IpsecGateway::Initiate, m_a, tunnel.name);
}

void
Chain::AddTraffic(const Options& options)
{
    constexpr uint16_t kPort = 4000;
    const Time interval = MicroSeconds(20);
    UdpClientHelper client(Ipv4Address("10.0.4.2"), kPort);
    client.SetAttribute("MaxPackets", UintegerValue(options.packets));
    client.SetAttribute("Interval", TimeValue(interval));
    client.SetAttribute("PacketSize", UintegerValue(options.payload));
    client.Install(m_nodes.Get(HostA)).Start(Seconds(1));
    const ApplicationContainer servers = UdpServerHelper(kPort).Install(m_nodes.Get(HostB));
    m_server = DynamicCast<UdpServer>(servers.Get(0));
    Simulator::Stop(Seconds(2) + interval * static_cast<int64_t>(options.packets));
}

double
ProcessorSeconds()
{
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Result
Chain::Run()
{
    const double begin = ProcessorSeconds();
    Simulator::Run();
    const double end = ProcessorSeconds();
    const Result result{m_server->GetReceived(), end - begin};
    if (m_a && m_a->GetCounters().outboundSealed != result.delivered)
    {
        NS_FATAL_ERROR("the packets did not go through the tunnel");
    }
    Simulator::Destroy();
    return result;
}

/// One run in a process of its own, so that no run warms up another.
Result
RunApart(const std::string& self, const std::string& variant, const Options& options)
{
    std::ostringstream command;
    command << "'" << self << "' --variant=" << variant << " --packets=" << options.packets
            << " --payload=" << options.payload << " --rate=" << options.rate;
    FILE* const pipe = popen(command.str().c_str(), "r");
    NS_ABORT_MSG_UNLESS(pipe, "cannot start " << command.str());
    unsigned long long delivered = 0;
    Result result;
    const int read = std::fscanf(pipe,
                                 "{\"variant\": \"%*[a-z-]\", \"delivered\": %llu, "
                                 "\"seconds\": %lf}",
                                 &delivered,
                                 &result.seconds);
    NS_ABORT_MSG_UNLESS(pclose(pipe) == 0 && read == 2, "failed: " << command.str());
    result.delivered = delivered;
    return result;
}

double
Median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Medians over the rounds; the ratio is that of the medians.
void
Print(const std::map<std::string, std::vector<double>>& seconds,
      const Options& options,
      std::ostream& table,
      std::ostream& json)
{
    const double clear = Median(seconds.at("clear"));
    table << std::left << std::setw(16) << "variant" << std::right << std::setw(12) << "seconds"
          << std::setw(14) << "us/packet" << std::setw(12) << "to clear"
          << "\n";
    json << "{\n  \"packets\": " << options.packets << ",\n  \"payload\": " << options.payload
         << ",\n  \"rounds\": " << options.rounds << ",\n  \"variants\": {";
    const char* separator = "\n";
    for (const std::string& variant : kVariants)
    {
        const double median = Median(seconds.at(variant));
        const double perPacket = 1e6 * median / options.packets;
        table << std::left << std::setw(16) << variant << std::right << std::fixed
              << std::setprecision(4) << std::setw(12) << median << std::setprecision(2)
              << std::setw(14) << perPacket << std::setprecision(3) << std::setw(12)
              << median / clear << "\n";
        json << separator << "    \"" << variant << "\": {\"seconds\": " << median
             << ", \"us_per_packet\": " << perPacket << ", \"to_clear\": " << median / clear << "}";
        separator = ",\n";
    }
    json << "\n  }\n}\n";
}

int
Compare(const std::string& self, const Options& options, const std::string& jsonFile)
{
    std::map<std::string, std::vector<double>> seconds;
    for (uint32_t round = 0; round < options.rounds; ++round)
    {
        for (const std::string& variant : kVariants)
        {
            const Result result = RunApart(self, variant, options);
            if (result.delivered != options.packets)
            {
                std::cerr << "bench-chain: " << variant << " delivered " << result.delivered
                          << " of " << options.packets << " packets\n";
                return 1;
            }
            seconds[variant].push_back(result.seconds);
        }
        std::cerr << "round " << round + 1 << " of " << options.rounds << "\r" << std::flush;
    }
    std::cerr << "\n";
    std::ostringstream json;
    Print(seconds, options, std::cout, json);
    if (!jsonFile.empty() && !(std::ofstream(jsonFile) << json.str() << std::flush))
    {
        std::cerr << "bench-chain: cannot write " << jsonFile << "\n";
        return 1;
    }
    return 0;
}

} // namespace

int
main(int argc, char* argv[])
{
    Options options;
    std::string variant;
    std::string json;
    bool compare = false;
    CommandLine arguments;
    arguments.AddValue("variant", "one run: clear, clear-no-disc, device, fast-path", variant);
    arguments.AddValue("compare", "all variants, interleaved", compare);
    arguments.AddValue("rounds", "runs of each variant in a comparison", options.rounds);
    arguments.AddValue("packets", "UDP packets of a run", options.packets);
    arguments.AddValue("payload", "octets of UDP payload", options.payload);
    arguments.AddValue("rate", "of every link", options.rate);
    arguments.AddValue("json", "file for the result of a comparison", json);
    arguments.Parse(argc, argv);

    if (compare && variant.empty() && options.rounds > 0 && options.packets > 0)
    {
        return Compare(std::filesystem::read_symlink("/proc/self/exe").string(), options, json);
    }
    if (compare || std::find(kVariants.begin(), kVariants.end(), variant) == kVariants.end())
    {
        std::cerr << "bench-chain: give --compare (with --rounds and --packets of 1 or more), or "
                     "--variant=clear, clear-no-disc, device or fast-path\n";
        return 2;
    }
    const Result result = Chain(variant, options).Run();
    std::cout << "{\"variant\": \"" << variant << "\", \"delivered\": " << result.delivered
              << ", \"seconds\": " << result.seconds << "}\n";
    return 0;
}
