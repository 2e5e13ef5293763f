/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_DRR_QUEUE_DISC_H
#define IPSEC_DRR_QUEUE_DISC_H

#include "ns3/queue-disc.h"

#include <deque>
#include <vector>

namespace ns3
{

/**
 * \ingroup ipsec
 * Weighted queues, one for each class: deficit round robin (Shreedhar and Varghese, "Efficient Fair
 * Queuing Using Deficit Round-Robin", IEEE/ACM ToN 4(3), 1996). Packets go to the class that the
 * packet filters name, and to the last one when they name none. Classes that have packets get the
 * link in proportion to their quanta.
 *
 * The classes are child queue discs, which must be able to peek without dequeuing (FifoQueueDisc
 * is), in the order of the bands.
 */
class DrrQueueDisc : public QueueDisc
{
  public:
    static TypeId GetTypeId();
    DrrQueueDisc();

    /// Octets that each class may send in its turn, one for each child, all above 0; a whole packet
    /// or more keeps the cost of a packet constant.
    void SetQuanta(const std::vector<uint32_t>& quanta);

  private:
    bool DoEnqueue(Ptr<QueueDiscItem> item) override;
    Ptr<QueueDiscItem> DoDequeue() override;
    bool CheckConfig() override;
    void InitializeParams() override;

    void BeginTurn();

    std::vector<uint32_t> m_quanta;
    std::vector<uint64_t> m_deficits; ///< octets
    std::deque<std::size_t> m_turns;  ///< classes that have packets; the first one sends
};

} // namespace ns3

#endif // IPSEC_DRR_QUEUE_DISC_H
