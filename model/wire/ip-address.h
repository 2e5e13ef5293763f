/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IP_ADDRESS_H
#define IPSECLAB_WIRE_IP_ADDRESS_H

#include "model/wire/bytes.h"

#include <array>
#include <cstring>
#include <optional>
#include <string>

namespace ipseclab
{

/// An IPv4 or IPv6 address in network order; IPv4 fills the first four octets, the rest is zero.
class IpAddress
{
  public:
    IpAddress() = default;

    static IpAddress V4(std::uint32_t hostOrder)
    {
        IpAddress a;
        StoreBe32(a.m_octets.data(), hostOrder);
        return a;
    }

    /// From 4 or 16 octets in network order; nothing for another size.
    static std::optional<IpAddress> FromOctets(ByteSpan octets);
    /// From "192.0.2.1" or "2001:db8::1"; nothing for anything else.
    static std::optional<IpAddress> FromString(const std::string& text);
    std::string ToString() const;

    bool IsV4() const
    {
        return !m_v6;
    }

    /// Host order; only for IPv4.
    std::uint32_t V4Value() const
    {
        return LoadBe32(m_octets.data());
    }

    /// 4 or 16 octets.
    ByteSpan Octets() const
    {
        return ByteSpan(m_octets.data(), m_v6 ? 16U : 4U);
    }

    bool operator==(const IpAddress& o) const
    {
        return m_v6 == o.m_v6 && m_octets == o.m_octets;
    }

    bool operator!=(const IpAddress& o) const
    {
        return !(*this == o);
    }

    /// Orders within a family; IPv4 before IPv6.
    bool operator<(const IpAddress& o) const
    {
        return m_v6 != o.m_v6 ? !m_v6 : m_octets < o.m_octets;
    }

    bool operator<=(const IpAddress& o) const
    {
        return !(o < *this);
    }

  private:
    std::array<std::uint8_t, 16> m_octets{};
    bool m_v6{false};
};

} // namespace ipseclab

#endif // IPSECLAB_WIRE_IP_ADDRESS_H
