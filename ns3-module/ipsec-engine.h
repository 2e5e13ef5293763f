/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_ENGINE_H
#define IPSEC_ENGINE_H

#include "ipsec-compat.h"
#include "rng-random-source.h"

#include "model/timing/engine-config.h"

#include "ns3/event-id.h"
#include "ns3/object.h"

#include <functional>
#include <memory>
#include <unordered_map>

namespace ns3
{

/// When the data plane works on a packet that an engine spends time on: when an outbound packet
/// gets its number, or an inbound one meets the replay window.
enum class IpsecStep : uint8_t
{
    Arrival,   ///< before the engine's queue
    Start,     ///< after the queue: when the engine takes the packet
    Completion ///< when the engine is done
};

/**
 * \ingroup ipsec
 * The hardware that seals or opens the packets of a gateway, for one direction or both: a timing
 * model driven by simulated time. See IpsecGateway::SetEngine.
 */
class IpsecEngine : public Object
{
  public:
    static TypeId GetTypeId();
    IpsecEngine();
    ~IpsecEngine() override;

    /// What it is like; before the first packet.
    void SetConfig(const ipseclab::timing::EngineConfig& config);

    using Listener = std::function<void(ipseclab::timing::Outcome outcome)>;

    /// Gives it a packet; the job's id is ignored. The listener may be called at once.
    void Submit(ipseclab::timing::Job job, Listener listener);

    /// Packets that it has and that are neither done nor dropped.
    std::size_t InFlight() const;
    IpsecStep GetStep() const;
    /// Whether packets of that class are served first.
    bool IsUrgent(uint8_t dscp) const;

    /// Stalls from this stream. \return how many were used
    int64_t AssignStreams(int64_t stream);

  protected:
    void DoDispose() override;

  private:
    void HandleTimer();
    void Drive();
    void SetStep(IpsecStep step);
    compat::EnumResult<IpsecStep> GetStepAttribute() const;

    RngRandomSource m_random;
    std::unique_ptr<ipseclab::timing::Engine> m_engine;
    std::unordered_map<uint64_t, Listener> m_listeners;
    uint64_t m_lastId{0};
    EventId m_timer;
    IpsecStep m_step;
    uint8_t m_urgentDscp;
};

} // namespace ns3

#endif // IPSEC_ENGINE_H
