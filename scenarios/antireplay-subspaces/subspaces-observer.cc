/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/antireplay-subspaces/subspaces-observer.h"

#include "model/wire/ipv4.h"

#include "ns3/inet-socket-address.h"
#include "ns3/ipv4-raw-socket-factory.h"
#include "ns3/uinteger.h"

namespace ipseclab::subspaces
{

using esp::DropReason;
using ns3::MakeCallback;
using ns3::Packet;
using ns3::Ptr;

namespace
{

constexpr std::size_t kPppHeader = 2;

/// The network carries IKE too, whose repetitions may be under way when the last packet is in.
bool
IsEsp(Ptr<const Packet> packet)
{
    constexpr std::size_t kProtocol = kPppHeader + 9;
    std::uint8_t front[kProtocol + 1];
    return packet->CopyData(front, sizeof(front)) == sizeof(front) &&
           (front[kProtocol] == wire::kProtocolEsp || front[kProtocol] == wire::kProtocolEesp);
}

} // namespace

Forger::Forger(const replay_window::Chain& chain,
               const esp::SequenceScheme& scheme,
               std::size_t octets,
               std::int64_t stream)
    : m_scheme(scheme),
      m_target(chain.OutsideAddressB()),
      m_octets(octets),
      m_socket(ns3::Socket::CreateSocket(chain.Router(), ns3::Ipv4RawSocketFactory::GetTypeId())),
      m_draw(ns3::CreateObject<ns3::UniformRandomVariable>())
{
    const bool eesp = m_scheme.kind == esp::SequenceKind::Eesp;
    m_socket->SetAttribute("Protocol",
                           ns3::UintegerValue(eesp ? wire::kProtocolEesp : wire::kProtocolEsp));
    m_draw->SetStream(stream);
}

void
Forger::Send(std::uint32_t spi)
{
    ++m_sent;
    const std::uint64_t half = std::uint64_t{1} << (m_scheme.CounterBitsOnWire() - 1);
    const auto subspace = static_cast<std::uint16_t>(m_draw->GetInteger(0, m_scheme.subspaces - 1));
    if (m_scheme.kind == esp::SequenceKind::Eesp)
    {
        esp::EespHeader header;
        header.spi = spi;
        header.subSa = subspace;
        header.sequenceNumber = half;
        esp::WriteEespHeader(m_octets.data(), header);
    }
    else
    {
        StoreBe32(m_octets.data(), spi);
        m_scheme.StoreOnWire(m_octets.data() + 4, m_scheme.Join({subspace, half}));
    }
    m_octets.back() = static_cast<std::uint8_t>(m_draw->GetInteger(0, 255));
    m_socket->SendTo(
        ns3::Create<Packet>(m_octets.data(), static_cast<std::uint32_t>(m_octets.size())),
        0,
        ns3::InetSocketAddress(m_target, 0));
}

Observer::Observer(const replay_window::Chain& chain,
                   const esp::SequenceScheme& scheme,
                   std::uint64_t lastCounted,
                   std::function<void()> settled)
    : m_scheme(scheme),
      m_lastCounted(lastCounted),
      m_settled(std::move(settled))
{
    chain.GatewayA()->TraceConnectWithoutContext("EspSent",
                                                 MakeCallback(&Observer::HandleSent, this));
    chain.GatewayB()->TraceConnectWithoutContext("EspReceived",
                                                 MakeCallback(&Observer::HandleReceived, this));
    for (const auto& gateway : {chain.GatewayA(), chain.GatewayB()})
    {
        gateway->TraceConnectWithoutContext("Drop", MakeCallback(&Observer::HandleDrop, this));
    }
    chain.Network()->TraceConnectWithoutContext("Transmit",
                                                MakeCallback(&Observer::HandleTransmit, this));
    chain.Network()->TraceConnectWithoutContext("Deliver",
                                                MakeCallback(&Observer::HandleDeliver, this));
}

/// What a receiver knows of a number for certain, for it may have guessed the rest wrong.
std::uint64_t
Observer::Key(std::uint64_t number) const
{
    const esp::SequenceNumber parts = m_scheme.Split(number);
    const std::uint64_t mask = (std::uint64_t{1} << m_scheme.CounterBitsOnWire()) - 1;
    return (std::uint64_t{parts.subspace} << 48) | (parts.counter & mask);
}

void
Observer::HandleSent(std::uint32_t spi, std::uint64_t number)
{
    m_spi = spi;
    m_used.insert(m_scheme.Split(number).subspace);
    m_order.emplace(Key(number), m_order.size() + 1);
}

void
Observer::HandleReceived(std::uint32_t, std::uint64_t number, DropReason reason)
{
    const auto sent = m_order.find(Key(number));
    if (sent == m_order.end())
    {
        return; // forged
    }
    ++m_arrived;
    if (sent->second <= m_lastCounted)
    {
        ++m_fresh;
        const bool wrongGuess = m_scheme.HasImpliedPart() && reason == DropReason::Icv;
        m_replayLost += reason == DropReason::ReplayTooOld || wrongGuess ? 1 : 0;
    }
}

void
Observer::HandleDrop(Ptr<const Packet>, DropReason, bool)
{
    m_settled();
}

void
Observer::HandleTransmit(Ptr<const Packet> packet)
{
    if (IsEsp(packet))
    {
        ++m_inFlight;
        m_sealedOctets = m_sealedOctets == 0 ? packet->GetSize() - kPppHeader : m_sealedOctets;
    }
}

void
Observer::HandleDeliver(Ptr<const Packet> packet)
{
    m_inFlight -= IsEsp(packet) ? 1 : 0;
}

} // namespace ipseclab::subspaces
