/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_VOLUME_METER_H
#define IPSECLAB_ESP_VOLUME_METER_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ipseclab::esp
{

/// How much one direction of an SA may carry (RFC 4301, section 4.4.2.1). Zero: any amount.
struct VolumeLimits
{
    std::uint64_t softOctets{0}; ///< of inner packets, after which the SA is to be rekeyed
    std::uint64_t hardOctets{0}; ///< after which it is not to be used any more
    std::uint64_t softPackets{0};
    std::uint64_t hardPackets{0};

    bool Any() const
    {
        return softOctets != 0 || hardOctets != 0 || softPackets != 0 || hardPackets != 0;
    }
};

/// Counts what one direction of an SA carries and says once when a limit is reached.
class VolumeMeter
{
  public:
    enum class Event : std::uint8_t
    {
        None,
        Soft,
        Hard
    };

    explicit VolumeMeter(const VolumeLimits& limits)
        : m_limits(limits)
    {
    }

    /// Takes note of a packet; at most one Soft and one Hard in the life of a meter.
    Event Count(std::uint64_t octets)
    {
        ++m_packets;
        m_octets += octets;
        if (!m_hard && Reached(m_limits.hardOctets, m_limits.hardPackets))
        {
            m_hard = m_soft = true;
            return Event::Hard;
        }
        if (!m_soft && Reached(m_limits.softOctets, m_limits.softPackets))
        {
            m_soft = true;
            return Event::Soft;
        }
        return Event::None;
    }

  private:
    bool Reached(std::uint64_t octets, std::uint64_t packets) const
    {
        return (octets != 0 && m_octets >= octets) || (packets != 0 && m_packets >= packets);
    }

    VolumeLimits m_limits;
    std::uint64_t m_octets{0};
    std::uint64_t m_packets{0};
    bool m_soft{false};
    bool m_hard{false};
};

/// The meters of one direction of an SA: one for each key, that is for each Sub SA of EESP.
class KeyMeters
{
  public:
    explicit KeyMeters(const VolumeLimits& limits)
        : m_limits(limits),
          m_meters(1, VolumeMeter(limits))
    {
    }

    /// Allocates when the key is used for the first time, which an authentic packet does; without
    /// limits one meter is that of all.
    VolumeMeter& Of(std::uint16_t key)
    {
        if (!m_limits.Any())
        {
            return m_meters.front();
        }
        if (key >= m_meters.size())
        {
            m_meters.resize(std::size_t{key} + 1, VolumeMeter(m_limits));
        }
        return m_meters[key];
    }

  private:
    VolumeLimits m_limits;
    std::vector<VolumeMeter> m_meters; ///< by key, as far as they were used
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_VOLUME_METER_H
