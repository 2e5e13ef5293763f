/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * What a Linux kernel did with packets that do not fit, one by one (tests/vectors/linux-esp), and
 * what a gateway with its profile does.
 *
 *     host ---- eth1 | gateway | eth0 ~~~~ peer
 *       10.2.0.9  10.2.0.1  192.0.2.2   192.0.2.1
 */

#include "model/wire/icmp-too-big.h"

#include "ns3/internet-module.h"
#include "ns3/ipsec-helper.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/test.h"

#include <map>
#include <sstream>
#include <string>
#include <vector>

using namespace ns3;
namespace crypto = ipseclab::crypto;
namespace esp = ipseclab::esp;
namespace wire = ipseclab::wire;
using ipseclab::Bytes;

namespace
{

struct Observation
{
    std::string kind;
    uint32_t size; ///< of the clear packet
    std::string outcome;
};

/// An SA, and what was done with packets in this order.
struct Recording
{
    std::string suite;
    std::string mode;
    bool udp;
    uint16_t linkMtu;
    std::string option;
    uint16_t icmpMtu; ///< 0: no report came
    bool icmpSpiIsRight;
    std::vector<Observation> observations;
};

const std::vector<Recording>&
Recordings()
{
    static const std::vector<Recording> recordings{
#include "tests/vectors/linux-esp/oversized.inc"
    };
    return recordings;
}

crypto::CipherSuite
SuiteByName(const std::string& name)
{
    using crypto::EncryptionId;
    using crypto::IntegrityId;
    static const std::map<std::string, crypto::CipherSuite> suites{
        {"aes128gcm16", {EncryptionId::AesGcm16, 128, IntegrityId::None}},
        {"aes256gcm16", {EncryptionId::AesGcm16, 256, IntegrityId::None}},
        {"chacha20poly1305", {EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None}},
        {"aes128cbc-sha256", {EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128}},
        {"aes256cbc-sha512", {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_512_256}},
        {"aes128cbc-sha1", {EncryptionId::AesCbc, 128, IntegrityId::HmacSha1_96}},
        {"null-sha256", {EncryptionId::Null, 0, IntegrityId::HmacSha2_256_128}},
    };
    return suites.at(name);
}

ipseclab::TrafficSelectorList
Network(const char* network)
{
    return {*ipseclab::TrafficSelector::FromString(network)};
}

/// The recorded machine, with a gateway in place of the kernel's IPsec.
class Machine
{
  public:
    Machine(const Recording& recording, const std::string& profile)
        : m_recording(recording)
    {
        m_nodes.Create(3);
        InternetStackHelper stack;
        stack.SetIpv6StackInstall(false);
        stack.Install(m_nodes);
        m_gateway = IpsecHelper().Install(m_nodes.Get(1));
        m_gateway->GetPathMtu()->SetAttribute("Profile", StringValue(profile));
        PointToPointHelper link;
        link.SetDeviceAttribute("DataRate", StringValue("1Gbps"));
        const NetDeviceContainer inside = link.Install(m_nodes.Get(0), m_nodes.Get(1));
        const NetDeviceContainer outside = link.Install(m_nodes.Get(1), m_nodes.Get(2));
        outside.Get(0)->SetMtu(recording.linkMtu);
        m_device = IpsecHelper::AttachDevice(m_gateway, outside.Get(0));
        m_peer = outside.Get(1);
        AddAddress(m_nodes.Get(0), inside.Get(0), "10.2.0.9");
        AddAddress(m_nodes.Get(1), inside.Get(1), "10.2.0.1");
        AddAddress(m_nodes.Get(1), m_device, "192.0.2.2");
        inside.Get(1)->TraceConnectWithoutContext("PhyTxBegin",
                                                  MakeCallback(&Machine::SeeInside, this));
        outside.Get(0)->TraceConnectWithoutContext("PhyTxBegin",
                                                   MakeCallback(&Machine::SeeOutside, this));
        AddSa();
        Step();
    }

    ~Machine()
    {
        Simulator::Destroy();
    }

    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// What is seen of one packet.
    std::string Try(const std::string& kind, uint32_t size)
    {
        m_seen.clear();
        const bool local = kind.rfind("local", 0) == 0;
        // The kernel's sockets know what fits: with IP_PMTUDISC_WANT they set DF when it does.
        const bool dontFragment =
            kind == "forwarded-df" || kind == "local-do" ||
            (kind == "local-want" &&
             size <= m_gateway->GetDataPlane().GetSad().FindOutbound("peer")->LargestInner(
                         m_recording.linkMtu));
        Send(size, dontFragment, local);
        Step();
        return m_seen.empty() && local && dontFragment ? "emsgsize" : m_seen;
    }

    /// A router's report of the packet that left last.
    void Report()
    {
        Bytes quoted = m_lastSealed;
        quoted.resize(28);
        if (!m_recording.icmpSpiIsRight)
        {
            ipseclab::StoreBe32(&quoted[20], 0x9999);
        }
        Bytes packet(28);
        wire::Ipv4HeaderFields fields;
        fields.totalLength = 56;
        fields.protocol = wire::kProtocolIcmp;
        fields.source = 0xc0000201;
        fields.destination = 0xc0000202;
        wire::WriteIpv4Header(packet.data(), fields);
        packet[20] = 3;
        packet[21] = 4;
        ipseclab::StoreBe16(&packet[26], m_recording.icmpMtu);
        packet.insert(packet.end(), quoted.begin(), quoted.end());
        m_peer->Send(Create<Packet>(packet.data(), static_cast<uint32_t>(packet.size())),
                     m_peer->GetBroadcast(),
                     Ipv4L3Protocol::PROT_NUMBER);
        Step();
    }

    bool Balanced() const
    {
        return m_gateway->GetCounters().Balanced();
    }

  private:
    static void AddAddress(Ptr<Node> node, Ptr<NetDevice> device, const char* address)
    {
        const Ptr<Ipv4> ipv4 = node->GetObject<Ipv4>();
        const uint32_t interface = ipv4->AddInterface(device);
        ipv4->AddAddress(interface, Ipv4InterfaceAddress(address, "255.255.255.0"));
        ipv4->SetUp(interface);
    }

    void AddSa()
    {
        const bool tunnel = m_recording.mode == "tunnel";
        esp::OutboundSaConfig out;
        out.spi = 0x1000;
        out.suite = SuiteByName(m_recording.suite);
        out.outerSource = ipseclab::IpAddress::V4(0xc0000202);
        out.outerDestination = ipseclab::IpAddress::V4(0xc0000201);
        out.ipsecMode = tunnel ? esp::IpsecMode::Tunnel : esp::IpsecMode::Transport;
        out.df = m_recording.option == "nopmtudisc" ? esp::DfPolicy::Clear : esp::DfPolicy::Copy;
        if (m_recording.udp)
        {
            out.udp = wire::UdpPorts{wire::kNatTraversalPort, wire::kNatTraversalPort};
        }
        const auto traits = crypto::FindTraits(out.suite);
        out.keyingMaterial.assign(traits->KeyingMaterial(), 0x5a);
        out.integrityKey.assign(traits->integrityKeyLength, 0xa5);
        esp::InboundSaConfig in;
        static_cast<esp::EspSaConfig&>(in) = out;
        in.spi = 0x2000;
        std::swap(in.outerSource, in.outerDestination);
        m_gateway->GetDataPlane().GetSad().Add("peer",
                                               esp::OutboundSa::Create(out),
                                               esp::InboundSa::Create(in));
        ipseclab::TrafficSelector icmp = Network("0.0.0.0/0").front();
        icmp.protocol = wire::kProtocolIcmp;
        m_gateway->AddPolicy({"icmp", {icmp}, {}, esp::SpdAction::Bypass, ""});
        m_gateway->AddPolicy({"protected",
                              Network(tunnel ? "10.2.0.0/16" : "192.0.2.2/32"),
                              Network(tunnel ? "10.1.0.0/16" : "192.0.2.1/32"),
                              esp::SpdAction::Protect,
                              "peer"});
    }

    /// As IPv4 hands packets down; ns-3's own would fragment some before.
    void Send(uint32_t size, bool dontFragment, bool local)
    {
        const bool tunnel = m_recording.mode == "tunnel";
        Ipv4Header header;
        header.SetSource(!local ? "10.2.0.9" : tunnel ? "10.2.0.1" : "192.0.2.2");
        header.SetDestination(tunnel ? "10.1.0.1" : "192.0.2.1");
        header.SetProtocol(wire::kProtocolUdp);
        header.SetTtl(63);
        header.SetPayloadSize(static_cast<uint16_t>(size - 20));
        if (dontFragment)
        {
            header.SetDontFragment();
        }
        const auto packet = Create<Packet>(header.GetPayloadSize());
        packet->AddHeader(header);
        m_device->Send(packet, m_device->GetBroadcast(), Ipv4L3Protocol::PROT_NUMBER);
    }

    static void Step()
    {
        Simulator::Stop(MilliSeconds(50));
        Simulator::Run();
    }

    static Bytes WithoutPpp(Ptr<const Packet> frame)
    {
        Bytes octets(frame->GetSize());
        frame->CopyData(octets.data(), frame->GetSize());
        octets.erase(octets.begin(), octets.begin() + 2);
        return octets;
    }

    void SeeInside(Ptr<const Packet> frame)
    {
        const Bytes octets = WithoutPpp(frame);
        wire::IpView view;
        const auto report = wire::ParseIp(octets, view) ? wire::ParseTooBig(view) : std::nullopt;
        std::ostringstream text;
        text << "icmp " << (report ? report->mtu : 0) << " quoting " << octets.size() - 28;
        m_seen += text.str();
    }

    void SeeOutside(Ptr<const Packet> frame)
    {
        m_lastSealed = WithoutPpp(frame);
        const uint16_t flags = ipseclab::LoadBe16(&m_lastSealed[6]);
        const bool more = (flags & 0x2000) != 0;
        const uint32_t offset = 8U * (flags & 0x1fff);
        std::ostringstream text;
        text << (m_seen.empty() ? "" : ", ") << m_lastSealed.size();
        text << ((flags & 0x4000) != 0 ? " df" : "");
        if (more || offset != 0)
        {
            text << " at " << offset << (more ? " more" : "");
        }
        m_seen += text.str();
    }

    const Recording& m_recording;
    NodeContainer m_nodes;
    Ptr<IpsecGateway> m_gateway;
    Ptr<NetDevice> m_device;
    Ptr<NetDevice> m_peer;
    Bytes m_lastSealed;
    std::string m_seen;
};

/// Plays a recording. \return how many outcomes differ; of the first, what it was
uint32_t
Play(const Recording& recording, const std::string& profile, std::string& first)
{
    Machine machine(recording, profile);
    if (recording.icmpMtu != 0)
    {
        machine.Try("forwarded-df", 1228);
        machine.Report();
    }
    uint32_t different = 0;
    const auto compare = [&](const std::string& kind, uint32_t size, const std::string& expected)
    {
        const std::string seen = machine.Try(kind, size);
        if (seen != expected)
        {
            first = different++ == 0
                      ? kind + " " + std::to_string(size) + ": " + seen + " instead of " + expected
                      : first;
        }
    };
    for (const Observation& one : recording.observations)
    {
        if (one.kind != "forwarded-df-largest")
        {
            compare(one.kind, one.size, one.outcome);
            continue;
        }
        const std::string fits = machine.Try("forwarded-df", one.size);
        const std::string report = "icmp " + std::to_string(one.size) + " quoting 548";
        different += fits.empty() || fits.find("icmp") != std::string::npos;
        compare("forwarded-df", std::max(one.size + 1, 600U), report);
    }
    different += !machine.Balanced();
    return different;
}

class LinuxProfileCase : public TestCase
{
  public:
    LinuxProfileCase()
        : TestCase("the Linux profile does all that a kernel was seen to do")
    {
    }

  private:
    void DoRun() override
    {
        std::size_t observations = 0;
        for (const Recording& recording : Recordings())
        {
            const bool blind = recording.option == "net.ipv4.ip_no_pmtu_disc=1";
            std::string first;
            const uint32_t different = Play(recording, blind ? "LinuxNoPmtuDisc" : "Linux", first);
            NS_TEST_EXPECT_MSG_EQ(different,
                                  0,
                                  recording.suite << " " << recording.mode << " "
                                                  << recording.linkMtu << " " << recording.option
                                                  << " " << recording.icmpMtu << ": " << first);
            observations += recording.observations.size();
        }
        NS_TEST_EXPECT_MSG_EQ(observations, 1127, "of the recording");
    }
};

/// Where the default leaves Linux: the names of what differs.
class DefaultProfileCase : public TestCase
{
  public:
    DefaultProfileCase()
        : TestCase("the default differs from Linux where the documentation says so, and only there")
    {
    }

  private:
    void DoRun() override
    {
        for (const Recording& recording : Recordings())
        {
            // Without "Fragmentation" there is nothing to compare of packets without DF.
            Recording withDf = recording;
            withDf.observations.clear();
            for (const Observation& one : recording.observations)
            {
                if (one.kind == "forwarded-df" || one.kind == "local-do")
                {
                    withDf.observations.push_back(one);
                }
            }
            const bool belowFloor = recording.icmpMtu != 0 && recording.icmpMtu < 576;
            const bool blind = !recording.option.empty() && recording.option != "nopmtudisc";
            // A report of 1400 about a packet of 1284 or 1292 octets.
            const bool implausible = recording.icmpMtu == 1400;
            const bool differs = recording.icmpSpiIsRight && (belowFloor || blind || implausible);
            std::string first;
            const uint32_t different = Play(withDf, "Rfc4301", first);
            NS_TEST_EXPECT_MSG_EQ((different != 0),
                                  differs,
                                  recording.suite << " " << recording.mode << " "
                                                  << recording.linkMtu << " " << recording.option
                                                  << " " << recording.icmpMtu << ": " << first);
        }
    }
};

class LinuxSizesTestSuite : public TestSuite
{
  public:
    LinuxSizesTestSuite()
        : TestSuite("ipsec-linux-sizes", compat::SuiteNames<TestSuite>::kUnit)
    {
        AddTestCase(new LinuxProfileCase, compat::TestNames<TestCase>::kQuick);
        AddTestCase(new DefaultProfileCase, compat::TestNames<TestCase>::kQuick);
    }
};

const LinuxSizesTestSuite g_linuxSizesTestSuite;

} // namespace
