/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_DUAL_PI2_QUEUE_DISC_H
#define IPSEC_DUAL_PI2_QUEUE_DISC_H

#include "ns3/event-id.h"
#include "ns3/nstime.h"
#include "ns3/queue-disc.h"
#include "ns3/random-variable-stream.h"

namespace ns3
{

/**
 * \ingroup ipsec
 * Two coupled queues (RFC 9332, appendix A, DualPI2): packets with ECT(1) or CE wait in a queue of
 * their own that is served first, all others in the classic one. A PI controller on the delay of
 * the classic queue drops (or marks ECT(0)) there with the square of its probability p', and marks
 * the other queue with k p' or, if that is more, when its own delay exceeds a step.
 *
 * Attributes have the defaults of Linux's sch_dualpi2 (dualpi2_reset_default), which are those of
 * the RFC's appendix A.1 for round trips of up to 100 ms: target 15 ms, an update each 16 ms, alpha
 * = 0.1 T / RTT^2 = 0.16 Hz, beta = 0.3 / RTT, given there as 3.2 Hz, k = 2. Simplified: a step
 * instead of a ramp in the low-latency queue; at the highest probability that the coupling allows,
 * both queues drop at the classic rate, as in the RFC, without its hysteresis; marks and drops are
 * drawn independently.
 */
class DualPi2QueueDisc : public QueueDisc
{
  public:
    static TypeId GetTypeId();
    DualPi2QueueDisc();

    /// The names of Stats for what happened to packets.
    static constexpr const char* CLASSIC_DROP = "Classic drop";
    static constexpr const char* CLASSIC_MARK = "Classic mark";
    static constexpr const char* COUPLED_MARK = "Low-latency mark";
    static constexpr const char* OVERLOAD_DROP = "Overload drop";
    static constexpr const char* LIMIT_DROP = "Queue disc limit exceeded";

    /// p', the probability that the controller has now; that of a classic drop is its square.
    double GetBaseProbability() const;

    /// Marks and drops from this stream. \return how many were used
    int64_t AssignStreams(int64_t stream);

  protected:
    void DoDispose() override;

  private:
    enum Lane : std::size_t
    {
        LowLatency,
        Classic,
    };

    bool DoEnqueue(Ptr<QueueDiscItem> item) override;
    Ptr<QueueDiscItem> DoDequeue() override;
    bool CheckConfig() override;
    void InitializeParams() override;

    /// Whose turn it is, and its credit; one of the queues has a packet.
    Lane Schedule();
    /// What the signalling leaves of a packet: null when it was dropped.
    Ptr<QueueDiscItem> Signal(Ptr<QueueDiscItem> item, Lane lane);
    bool Draw(double probability);
    void Update();
    /// Of the packet that has waited longest; zero when the queue is empty.
    Time DelayOf(Lane lane) const;

    Time m_target;
    Time m_updateInterval;
    double m_alpha;
    double m_beta;
    double m_coupling;
    Time m_step;
    double m_classicShare;
    Ptr<UniformRandomVariable> m_draw;
    EventId m_timer;
    Time m_lastDelay;
    double m_base{0};
    double m_credit{0}; ///< octets; above 0 it is the classic queue's turn
};

} // namespace ns3

#endif // IPSEC_DUAL_PI2_QUEUE_DISC_H
