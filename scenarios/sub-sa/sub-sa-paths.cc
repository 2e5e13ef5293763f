/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenarios/sub-sa/sub-sa-paths.h"

#include "model/wire/ipv4.h"

#include "ns3/hash.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace ipseclab::sub_sa
{

namespace
{

constexpr std::size_t kPppHeader = 2;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv4Protocol = 9;
constexpr std::size_t kIpv4Addresses = 12;
/// Of ESP: SPI and subspace. Of EESP: first word with the Session ID, and SPI.
constexpr std::size_t kFront = kIpv4Header + 8;

bool
IsEsp(std::uint8_t protocol)
{
    return protocol == wire::kProtocolEsp || protocol == wire::kProtocolEesp;
}

} // namespace

Paths::Paths(const PathsConfig& config)
    : m_config(config),
      m_draw(ns3::CreateObject<ns3::UniformRandomVariable>()),
      m_octets(config.paths)
{
    m_draw->SetStream(config.randomStream);
}

ns3::Time
Paths::Take(ns3::Ptr<const ns3::Packet> packet)
{
    std::uint8_t front[kPppHeader + kFront];
    if (packet->CopyData(front, sizeof(front)) != sizeof(front) ||
        !IsEsp(front[kPppHeader + kIpv4Protocol]))
    {
        return {};
    }
    const std::uint32_t path = Choose(front + kPppHeader);
    m_octets[path] += packet->GetSize() - kPppHeader;
    return m_config.paths == 1 ? ns3::Time(0)
                               : ns3::Seconds(m_config.spread * path / (m_config.paths - 1));
}

std::uint32_t
Paths::Choose(const std::uint8_t* ip)
{
    if (m_config.rule == PathRule::Packet)
    {
        return m_draw->GetInteger(0, m_config.paths - 1);
    }
    constexpr std::size_t kSpi = 4;
    constexpr std::size_t kSession = 2;
    const bool eesp = ip[kIpv4Protocol] == wire::kProtocolEesp;
    const std::uint8_t* const esp = ip + kIpv4Header;
    std::array<char, 1 + 8 + kSpi + kSession> key{};
    key[0] = static_cast<char>(ip[kIpv4Protocol]);
    std::memcpy(&key[1], ip + kIpv4Addresses, 8);
    if (m_config.rule != PathRule::Addresses)
    {
        std::memcpy(&key[9], eesp ? esp + 4 : esp, kSpi);
    }
    if (m_config.rule == PathRule::Session && (eesp || m_config.sessionOfEsp))
    {
        std::memcpy(&key[9 + kSpi], eesp ? esp + 2 : esp + kSpi, kSession);
    }
    return ns3::Hash32(key.data(), key.size()) % m_config.paths;
}

double
Paths::BusiestShare() const
{
    const auto all = std::accumulate(m_octets.begin(), m_octets.end(), std::uint64_t{0});
    const auto most = *std::max_element(m_octets.begin(), m_octets.end());
    return all == 0 ? 0.0 : static_cast<double>(most) / static_cast<double>(all);
}

} // namespace ipseclab::sub_sa
