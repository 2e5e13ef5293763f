/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_SCENARIO_PATH_MTU_HOST_H
#define IPSECLAB_SCENARIO_PATH_MTU_HOST_H

#include "scenarios/path-mtu/size-search.h"

#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/random-variable-stream.h"
#include "ns3/socket.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace ipseclab::path_mtu
{

/// What a host does about sizes.
enum class SizePolicy
{
    Fixed,   ///< DF clear, always the wanted size
    Reports, ///< DF set, lowered by ICMP (RFC 1191)
    Probing, ///< DF set, DPLPMTUD (RFC 8899); ICMP is not looked at
};

struct StreamSettings
{
    bool tcp{false};
    SizePolicy policy{SizePolicy::Fixed};
    double rate{100};             ///< packets per second
    std::uint64_t packets{2000};  ///< of data
    std::uint32_t octets{1400};   ///< wanted, of an IP packet
    double smallShare{0};         ///< of packets of kSmall octets
    std::uint64_t classes{1};     ///< class selectors, from 0, that packets have in turn
    ns3::Time probeTimer;         ///< PROBE_TIMER
    std::int64_t randomStream{0}; ///< which packets are small
};

constexpr std::uint32_t kUdpHeaders = 28; ///< IPv4 and UDP, octets
constexpr std::uint32_t kSmall = 100;     ///< octets of a small packet

/// What host A sends at a constant rate, whatever its transport. "Packets" are what the application
/// sends: datagrams, or messages of TCP.
class Source
{
  public:
    virtual ~Source() = default;
    void Start();
    std::uint64_t Sent() const;               ///< packets of data
    virtual std::uint64_t Probes() const = 0; ///< sent
    virtual std::uint32_t Size() const = 0;   ///< of the largest IP packet, octets
    ns3::Time LastChange() const;             ///< of the size; when it started if there was none
    ns3::Time FirstSend() const;
    ns3::Time SentAt(std::uint64_t number) const;

  protected:
    /**
     * \param settings outlive the source
     * \param sending called with the number of each packet before it is sent
     */
    Source(const StreamSettings& settings, std::function<void(std::uint64_t number)> sending);

    const StreamSettings& Settings() const
    {
        return m_settings;
    }

    /// The size has changed, now.
    void NoteChange();

  private:
    /// Before the first packet.
    virtual void Open() = 0;
    virtual void Send(std::uint64_t number) = 0;
    void SendNext();

    const StreamSettings& m_settings;
    std::function<void(std::uint64_t)> m_sending;
    ns3::Time m_start;
    ns3::Time m_lastChange;
    std::uint64_t m_sent{0};
};

/// What host B gets of them.
class Sink
{
  public:
    virtual ~Sink() = default;
    virtual bool Has(std::uint64_t number) const = 0;
    virtual std::uint64_t Delivered() const = 0;
    virtual std::uint64_t Octets() const = 0; ///< of their payloads
    virtual std::uint64_t Probes() const = 0; ///< that arrived, beside them
};

/// Sends numbered UDP datagrams of the size that it takes to be right.
class Sender : public Source
{
  public:
    /// As for Source.
    Sender(ns3::Ptr<ns3::Node> node,
           ns3::Ipv4Address destination,
           const StreamSettings& settings,
           std::function<void(std::uint64_t number)> sending);

    std::uint64_t Probes() const override;
    std::uint32_t Size() const override;

  private:
    void Open() override;
    void Send(std::uint64_t number) override;
    void SendProbe();
    void GiveUpProbe(std::uint64_t probe);
    void ReadAnswer(ns3::Ptr<ns3::Socket> socket);
    void ReadReport(ns3::Ptr<ns3::Socket> socket);
    void Lower(std::uint32_t mtu);
    void NoteSize();
    void SendTo(std::uint16_t port, std::uint64_t number, std::uint32_t size, std::uint8_t tos);

    ns3::Ipv4Address m_destination;
    ns3::Ptr<ns3::Socket> m_raw; ///< UDP sockets of ns-3 never set DF
    ns3::Ptr<ns3::Socket> m_answers;
    ns3::Ptr<ns3::Socket> m_icmp;
    ns3::Ptr<ns3::UniformRandomVariable> m_small;
    SizeSearch m_search;
    std::uint32_t m_limit; ///< by reports
    std::uint32_t m_size;  ///< as last noted
    std::uint16_t m_identification{0};
    std::uint64_t m_probes{0};
};

/// Takes each datagram once, and acknowledges probes.
class Receiver : public Sink
{
  public:
    Receiver(ns3::Ptr<ns3::Node> node, std::uint64_t packets);

    bool Has(std::uint64_t number) const override;
    std::uint64_t Delivered() const override;
    std::uint64_t Octets() const override;
    std::uint64_t Probes() const override;

  private:
    void ReadData(ns3::Ptr<ns3::Socket> socket);
    void ReadProbe(ns3::Ptr<ns3::Socket> socket);

    ns3::Ptr<ns3::Socket> m_data;
    ns3::Ptr<ns3::Socket> m_probe;
    std::vector<bool> m_seen; ///< by number, from 0
    std::uint64_t m_delivered{0};
    std::uint64_t m_octets{0};
    std::uint64_t m_probes{0};
};

} // namespace ipseclab::path_mtu

#endif // IPSECLAB_SCENARIO_PATH_MTU_HOST_H
