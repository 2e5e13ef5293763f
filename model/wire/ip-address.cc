/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ip-address.h"

#include <algorithm>
#include <arpa/inet.h>

namespace ipseclab
{

std::optional<IpAddress>
IpAddress::FromOctets(ByteSpan octets)
{
    if (octets.size() != 4 && octets.size() != 16)
    {
        return std::nullopt;
    }
    IpAddress address;
    address.m_v6 = octets.size() == 16;
    std::copy_n(octets.data(), octets.size(), address.m_octets.data());
    return address;
}

std::optional<IpAddress>
IpAddress::FromString(const std::string& text)
{
    // inet_pton stops at a NUL, which would accept garbage behind one.
    if (text.find('\0') != std::string::npos)
    {
        return std::nullopt;
    }
    IpAddress address;
    address.m_v6 = text.find(':') != std::string::npos;
    const int family = address.m_v6 ? AF_INET6 : AF_INET;
    if (inet_pton(family, text.c_str(), address.m_octets.data()) != 1)
    {
        return std::nullopt;
    }
    return address;
}

std::string
IpAddress::ToString() const
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(m_v6 ? AF_INET6 : AF_INET, m_octets.data(), text.data(), text.size());
    return text.data();
}

} // namespace ipseclab
