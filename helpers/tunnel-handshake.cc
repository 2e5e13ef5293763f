/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "tunnel-handshake.h"

#include "ns3/simulator.h"

namespace ipseclab
{

using ns3::MakeCallback;
using ns3::Simulator;

namespace
{

/// More than both exchanges of a handshake can take before IKE gives up.
constexpr double kLimit = 600;

} // namespace

TunnelHandshake::TunnelHandshake(ns3::Ptr<ns3::IpsecGateway> initiator,
                                 ns3::Ptr<ns3::IpsecGateway> responder,
                                 std::string tunnel,
                                 std::function<void()> ready,
                                 std::function<void()> failed)
    : m_initiator(initiator),
      m_tunnel(std::move(tunnel)),
      m_ready(std::move(ready)),
      m_failed(std::move(failed))
{
    initiator->TraceConnectWithoutContext("IkeEvent",
                                          MakeCallback(&TunnelHandshake::HandleInitiator, this));
    responder->TraceConnectWithoutContext("IkeEvent",
                                          MakeCallback(&TunnelHandshake::HandleResponder, this));
}

TunnelHandshake::~TunnelHandshake()
{
    m_limit.Remove();
}

void
TunnelHandshake::Begin()
{
    m_begun = true;
    m_limit = Simulator::Schedule(ns3::Seconds(kLimit), &TunnelHandshake::GiveUp, this);
    Initiate();
}

void
TunnelHandshake::Initiate()
{
    m_initiator->Initiate(m_tunnel);
}

void
TunnelHandshake::HandleResponder(const ike::IkeEvent& event)
{
    const auto* child = std::get_if<ike::ChildSaInstalled>(&event);
    if (child && child->peer == m_tunnel)
    {
        m_installedAtResponder.insert(child->spiInbound);
    }
}

void
TunnelHandshake::HandleInitiator(const ike::IkeEvent& event)
{
    if (m_done)
    {
        return;
    }
    if (const auto* child = std::get_if<ike::ChildSaInstalled>(&event);
        child && child->peer == m_tunnel && m_installedAtResponder.count(child->spiOutbound) != 0)
    {
        m_done = true;
        m_since = Simulator::Now();
        m_limit.Remove();
        // After the gateway has installed what this event says.
        Simulator::ScheduleNow([this]() { m_ready(); });
    }
    else if (const auto* closed = std::get_if<ike::IkeSaClosed>(&event);
             closed && closed->peer == m_tunnel)
    {
        Close(*closed);
    }
    else if (const auto* refused = std::get_if<ike::ChildSaRefused>(&event);
             refused && refused->peer == m_tunnel)
    {
        m_fault = "the Child SA was refused";
        m_limit.Remove();
        m_failed();
    }
}

void
TunnelHandshake::Close(const ike::IkeSaClosed& closed)
{
    m_fault = ike::Name(closed.reason);
    if (closed.reason == ike::IkeFailure::Timeout && m_begun)
    {
        Simulator::ScheduleNow(&TunnelHandshake::Initiate, this); // a lossy network: once more
        return;
    }
    m_limit.Remove();
    m_failed();
}

void
TunnelHandshake::GiveUp()
{
    m_failed();
}

bool
TunnelHandshake::Done() const
{
    return m_done;
}

ns3::Time
TunnelHandshake::Since() const
{
    return m_since;
}

const std::string&
TunnelHandshake::Fault() const
{
    return m_fault;
}

} // namespace ipseclab
