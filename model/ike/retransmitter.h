/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_RETRANSMITTER_H
#define IPSECLAB_IKE_RETRANSMITTER_H

#include "model/ike/ike-config.h"

#include <optional>
#include <vector>

namespace ipseclab::ike
{

/// For how long a request may be repeated before its sender gives up.
Duration RepetitionTime(const RetransmissionPolicy& policy);

/**
 * Keeps the octets of the request in flight and the schedule by which they are sent again (RFC
 * 7296, section 2.1: bitwise identical, intervals that grow exponentially).
 *
 * Each wait counts from the transmission before it, so a late driver never causes a burst.
 */
class Retransmitter
{
  public:
    enum class Verdict
    {
        NotDue,
        SendAgain, ///< every message of Messages()
        GiveUp     ///< the last wait is over; the schedule has stopped
    };

    /**
     * Takes note of a first transmission that happens now.
     * \param messages more than one when several forms of a request are outstanding at once
     */
    void Start(Instant now, const RetransmissionPolicy& policy, std::vector<Bytes> messages);
    /// The answer has come: nothing is due any more and the octets are freed.
    void Stop();

    const std::vector<Bytes>& Messages() const;
    std::optional<Instant> Due() const;
    Verdict HandleTimeout(Instant now);

  private:
    Duration Wait() const;

    RetransmissionPolicy m_policy;
    std::vector<Bytes> m_messages;
    unsigned m_sent{0};
    std::optional<Instant> m_due;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_RETRANSMITTER_H
