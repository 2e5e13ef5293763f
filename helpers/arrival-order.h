/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_ARRIVAL_ORDER_H
#define IPSECLAB_ARRIVAL_ORDER_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ipseclab
{

/**
 * In which order the packets of a trace arrived. Packets are numbered from 1 as they were sent;
 * what the trace does not have was lost.
 */
class ArrivalOrder
{
  public:
    /**
     * Of a text file with a sequence number in each line, in order of arrival; lines that are empty
     * or begin with # say nothing. The smallest number is that of the first packet.
     * \throws ParameterError with file and line: no number, a number that came before, none at all,
     * or numbers that span more than `most`
     */
    static ArrivalOrder Read(const std::string& path, std::uint64_t most);

    /// Packets from the first to the last that arrived.
    std::uint64_t Sent() const;
    /// From 0, of packet `number`; nothing when it was lost.
    std::optional<std::uint64_t> PlaceOf(std::uint64_t number) const;
    /**
     * Packet distances by which packet `number` is to be delayed, so that packets that are sent at
     * a constant rate arrive at that rate in this order. Never negative; 0 when it was lost.
     */
    std::uint64_t LagOf(std::uint64_t number) const;

  private:
    explicit ArrivalOrder(const std::vector<std::uint64_t>& numbers);

    std::vector<std::uint64_t> m_places; ///< by number - 1; kLost
    std::uint64_t m_shift{0}; ///< distances by which the one that is earliest would hurry
};

} // namespace ipseclab

#endif // IPSECLAB_ARRIVAL_ORDER_H
