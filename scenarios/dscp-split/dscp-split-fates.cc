/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/dscp-split/dscp-split-fates.h"

#include "model/wire/ip-packet.h"

#include "ns3/ipv4-queue-disc-item.h"

#include <algorithm>
#include <cmath>

namespace ipseclab::dscp_split
{

namespace
{

constexpr unsigned kSelectorShift = 5;
constexpr unsigned kEcnBits = 2;
constexpr std::uint8_t kProtocolUdp = 17;

/// The DS field of an IPv4 packet behind a PPP header.
std::uint8_t
DsFieldOf(ns3::Ptr<const ns3::Packet> packet)
{
    constexpr std::size_t kDsField = 3;
    std::uint8_t front[kDsField + 1] = {};
    packet->CopyData(front, sizeof(front));
    return front[kDsField];
}

/// A name for a number space: SPI and subspace.
std::uint64_t
SpaceOf(std::uint32_t spi, std::uint16_t subspace)
{
    return (std::uint64_t{spi} << 16) | subspace;
}

} // namespace

Fates::Fates(const Settings& settings, const Network& network, std::function<void()> dropped)
    : m_settings(settings),
      m_scheme(settings.Numbers()),
      m_dropped(std::move(dropped)),
      m_classes(settings.classes),
      m_spisOfA(settings.classes),
      m_spisOfB(settings.classes)
{
    network.insideA->TraceConnectWithoutContext("MacRx",
                                                ns3::MakeCallback(&Fates::HandleInsideA, this));
    network.insideB->TraceConnectWithoutContext("MacRx",
                                                ns3::MakeCallback(&Fates::HandleInsideB, this));
    network.outsideA->TraceConnectWithoutContext("MacTx",
                                                 ns3::MakeCallback(&Fates::HandleWire, this));
    network.gatewayA->TraceConnectWithoutContext("EspSent",
                                                 ns3::MakeCallback(&Fates::HandleSent, this));
    network.gatewayB->TraceConnectWithoutContext("EspSent",
                                                 ns3::MakeCallback(&Fates::HandleSentByB, this));
    network.gatewayB->TraceConnectWithoutContext("EspReceived",
                                                 ns3::MakeCallback(&Fates::HandleReceived, this));
    network.queue->TraceConnectWithoutContext("Drop",
                                              ns3::MakeCallback(&Fates::HandleQueueDrop, this));
    for (const auto& gateway : {network.gatewayA, network.gatewayB})
    {
        gateway->TraceConnectWithoutContext("Drop", ns3::MakeCallback(&Fates::HandleDrop, this));
    }
}

void
Fates::SetCounting(bool counting)
{
    m_counting = counting;
}

std::size_t
Fates::ClassOf(std::uint8_t octet) const
{
    return std::min<std::size_t>(octet >> kSelectorShift, m_classes.size() - 1);
}

/// A gateway seals the packet before it gets another one.
void
Fates::HandleInsideA(Packet packet)
{
    m_atHand = ClassOf(DsFieldOf(packet));
}

void
Fates::HandleInsideB(Packet packet)
{
    m_atHandB = ClassOf(DsFieldOf(packet));
}

void
Fates::HandleSent(std::uint32_t spi, std::uint64_t number)
{
    ++m_spisOfA[m_atHand][spi];
    m_sealed[spi].emplace(number, Sealed{m_atHand, m_counting});
    m_spaceAtHand = SpaceOf(spi, m_scheme.Split(number).subspace);
    ++m_outstanding;
}

void
Fates::HandleSentByB(std::uint32_t spi, std::uint64_t)
{
    ++m_spisOfB[m_atHandB][spi];
}

/// The packet that was just sealed, and others without a number space.
void
Fates::HandleWire(Packet packet)
{
    if (m_spaceAtHand != 0)
    {
        const std::uint64_t dscp = DsFieldOf(packet) >> kEcnBits;
        ++m_byDscp[{m_atHand, dscp}];
        ++m_byHeader[{m_atHand, (m_spaceAtHand << kEcnBits << kSelectorShift) | dscp}];
        m_spaceAtHand = 0;
    }
}

void
Fates::HandleReceived(std::uint32_t spi, std::uint64_t number, esp::DropReason reason)
{
    const auto sent = m_sealed[spi].find(number);
    if (sent == m_sealed[spi].end())
    {
        throw std::logic_error("gateway B got a packet that gateway A has not sealed");
    }
    const esp::SequenceNumber parts = m_scheme.Split(number);
    m_meters[SpaceOf(spi, parts.subspace)].Arrive(parts.counter);
    if (sent->second.counts && m_counting)
    {
        OfClass& of = m_classes[sent->second.packetClass];
        ++of.fresh;
        of.replayLost += reason == esp::DropReason::ReplayTooOld ? 1 : 0;
    }
    m_sealed[spi].erase(sent);
    --m_outstanding;
}

/// IKE datagrams, which are the only ones in UDP behind gateway A, do not count.
void
Fates::HandleQueueDrop(ns3::Ptr<const ns3::QueueDiscItem> item)
{
    const auto ip = ns3::DynamicCast<const ns3::Ipv4QueueDiscItem>(item);
    if (!m_settings.queueBefore && ip->GetHeader().GetProtocol() == kProtocolUdp)
    {
        return;
    }
    ++m_classes[ClassOf(ip->GetHeader().GetTos())].queueDrops;
    m_droppedBehind += m_settings.queueBefore ? 0 : 1;
    m_dropped();
}

void
Fates::HandleDrop(Packet, esp::DropReason, bool)
{
    m_dropped();
}

Fates::OfClass
Fates::Total() const
{
    OfClass total;
    for (const OfClass& one : m_classes)
    {
        total.fresh += one.fresh;
        total.replayLost += one.replayLost;
        total.queueDrops += one.queueDrops;
    }
    return total;
}

std::uint64_t
Fates::InFlight() const
{
    return m_outstanding - m_droppedBehind;
}

std::uint64_t
Fates::MaximumGap() const
{
    std::uint64_t gap = 0;
    for (const auto& [space, meter] : m_meters)
    {
        gap = std::max(gap, meter.MaximumGap());
    }
    return gap;
}

std::uint32_t
Fates::Main(const Spis& spis)
{
    const auto main =
        std::max_element(spis.begin(),
                         spis.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return main == spis.end() ? 0 : main->first;
}

double
Fates::MutualInformation(const Joint& joint)
{
    std::map<std::uint64_t, double> first;
    std::map<std::uint64_t, double> second;
    double all = 0;
    for (const auto& [pair, count] : joint)
    {
        first[pair.first] += static_cast<double>(count);
        second[pair.second] += static_cast<double>(count);
        all += static_cast<double>(count);
    }
    double bits = 0;
    for (const auto& [pair, count] : joint)
    {
        const auto times = static_cast<double>(count);
        bits += times / all * std::log2(times * all / (first[pair.first] * second[pair.second]));
    }
    return bits;
}

double
Fates::BitsOfDscp() const
{
    return MutualInformation(m_byDscp);
}

double
Fates::BitsOfHeader() const
{
    return MutualInformation(m_byHeader);
}

} // namespace ipseclab::dscp_split
