/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/traffic-selector.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace ipseclab
{

namespace
{

using Octets = std::array<std::uint8_t, 16>;
using PortRange = std::pair<std::uint16_t, std::uint16_t>;

constexpr PortRange kAnyPorts{0, 65535};
constexpr PortRange kOpaquePorts{65535, 0};

/// ANY includes OPAQUE; OPAQUE shares nothing with a true range (RFC 7296, section 3.13.1).
std::optional<PortRange>
IntersectPorts(PortRange a, PortRange b)
{
    if (a == kAnyPorts)
    {
        std::swap(a, b);
    }
    if (b == kAnyPorts || a == b)
    {
        const bool matchable = a.first <= a.second || a == kOpaquePorts;
        return matchable ? std::optional(a) : std::nullopt;
    }
    const PortRange both{std::max(a.first, b.first), std::min(a.second, b.second)};
    return both.first <= both.second ? std::optional(both) : std::nullopt;
}

/// The address with all bits behind the prefix set to `bit`.
IpAddress
FillHostBits(const IpAddress& address, std::size_t prefix, bool bit)
{
    const ByteSpan octets = address.Octets();
    Octets filled{};
    for (std::size_t i = 0; i < octets.size(); ++i)
    {
        const std::size_t kept = std::min<std::size_t>(prefix > i * 8 ? prefix - i * 8 : 0, 8);
        const unsigned hostMask = 0xffU >> kept;
        const unsigned value = bit ? octets[i] | hostMask : octets[i] & ~hostMask;
        filled[i] = static_cast<std::uint8_t>(value);
    }
    return *IpAddress::FromOctets(ByteSpan(filled.data(), octets.size()));
}

std::optional<TrafficSelector>
MakeRange(const std::optional<IpAddress>& start, const std::optional<IpAddress>& end)
{
    if (!start || !end || start->IsV4() != end->IsV4() || *end < *start)
    {
        return std::nullopt;
    }
    TrafficSelector selector;
    selector.start = *start;
    selector.end = *end;
    return selector;
}

std::optional<TrafficSelector>
ParsePrefix(const std::string& addressText, const std::string& lengthText)
{
    const auto address = IpAddress::FromString(addressText);
    std::uint8_t length = 0;
    const char* last = lengthText.data() + lengthText.size();
    const auto [stop, error] = std::from_chars(lengthText.data(), last, length);
    if (!address || error != std::errc{} || stop != last || length > address->Octets().size() * 8)
    {
        return std::nullopt;
    }
    return MakeRange(FillHostBits(*address, length, false), FillHostBits(*address, length, true));
}

/// The shortest of "address", "network/prefix" and "first-last" that says the range.
std::string
RangeText(const IpAddress& start, const IpAddress& end)
{
    if (start == end)
    {
        return start.ToString();
    }
    for (std::size_t prefix = 0; prefix < start.Octets().size() * 8; ++prefix)
    {
        if (FillHostBits(start, prefix, false) == start && FillHostBits(start, prefix, true) == end)
        {
            return start.ToString() + "/" + std::to_string(prefix);
        }
    }
    return start.ToString() + "-" + end.ToString();
}

std::optional<std::uint16_t>
ParseNumber(const std::string& text, std::uint16_t largest)
{
    std::uint16_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), last, number);
    return error == std::errc{} && stop == last && number <= largest ? std::optional(number)
                                                                     : std::nullopt;
}

std::optional<PortRange>
ParsePorts(const std::string& text)
{
    if (text == "OPAQUE")
    {
        return kOpaquePorts;
    }
    const std::size_t separator = text.find('-');
    const auto first = ParseNumber(text.substr(0, separator), 65535);
    const auto last =
        separator == std::string::npos ? first : ParseNumber(text.substr(separator + 1), 65535);
    return first && last && *first <= *last ? std::optional(PortRange{*first, *last})
                                            : std::nullopt;
}

std::optional<TrafficSelector>
ParseRange(const std::string& text)
{
    const std::size_t separator = text.find_first_of("/-");
    const std::string first = text.substr(0, separator);
    if (separator == std::string::npos)
    {
        const auto address = IpAddress::FromString(first);
        return MakeRange(address, address);
    }
    const std::string second = text.substr(separator + 1);
    return text[separator] == '/'
             ? ParsePrefix(first, second)
             : MakeRange(IpAddress::FromString(first), IpAddress::FromString(second));
}

std::string
PortText(const PortRange& ports)
{
    if (ports == kOpaquePorts)
    {
        return "OPAQUE";
    }
    const std::string first = std::to_string(ports.first);
    return ports.first == ports.second ? first : first + "-" + std::to_string(ports.second);
}

} // namespace

std::optional<TrafficSelector>
TrafficSelector::Intersect(const TrafficSelector& a, const TrafficSelector& b)
{
    const auto ports = IntersectPorts({a.startPort, a.endPort}, {b.startPort, b.endPort});
    const bool protocolsAgree = a.protocol == 0 || b.protocol == 0 || a.protocol == b.protocol;
    if (!ports || !protocolsAgree || a.start.IsV4() != b.start.IsV4())
    {
        return std::nullopt;
    }
    auto both = MakeRange(std::max(a.start, b.start), std::min(a.end, b.end));
    if (both)
    {
        both->protocol = a.protocol != 0 ? a.protocol : b.protocol;
        std::tie(both->startPort, both->endPort) = *ports;
    }
    return both;
}

std::optional<TrafficSelector>
TrafficSelector::FromString(const std::string& text)
{
    const std::size_t bracket = text.find('[');
    auto selector = ParseRange(text.substr(0, bracket));
    if (!selector || bracket == std::string::npos)
    {
        return selector;
    }
    if (text.back() != ']')
    {
        return std::nullopt;
    }
    const std::string inside = text.substr(bracket + 1, text.size() - bracket - 2);
    const std::size_t slash = inside.find('/');
    const auto protocol = ParseNumber(inside.substr(0, slash), 255);
    const auto ports = slash == std::string::npos ? std::optional(kAnyPorts)
                                                  : ParsePorts(inside.substr(slash + 1));
    if (!protocol || !ports)
    {
        return std::nullopt;
    }
    selector->protocol = static_cast<std::uint8_t>(*protocol);
    std::tie(selector->startPort, selector->endPort) = *ports;
    return selector;
}

std::string
TrafficSelector::ToString() const
{
    std::string text = RangeText(start, end);
    if (protocol != 0 || !AnyPort())
    {
        text += "[" + std::to_string(protocol);
        text += AnyPort() ? "]" : "/" + PortText({startPort, endPort}) + "]";
    }
    return text;
}

bool
TrafficSelector::operator==(const TrafficSelector& o) const
{
    return protocol == o.protocol && startPort == o.startPort && endPort == o.endPort &&
           start == o.start && end == o.end;
}

bool
NamePorts(const TrafficSelectorList& selectors)
{
    return std::any_of(selectors.begin(),
                       selectors.end(),
                       [](const TrafficSelector& s) { return !s.AnyPort() && !s.OpaquePort(); });
}

bool
AreOpaque(const TrafficSelectorList& selectors)
{
    return !selectors.empty() &&
           std::all_of(selectors.begin(),
                       selectors.end(),
                       [](const TrafficSelector& s) { return s.OpaquePort(); });
}

TrafficSelectorList
OpaquePorts(const TrafficSelectorList& selectors)
{
    TrafficSelectorList opaque;
    for (TrafficSelector selector : selectors)
    {
        if (selector.protocol != 0)
        {
            std::tie(selector.startPort, selector.endPort) = kOpaquePorts;
        }
        if (std::find(opaque.begin(), opaque.end(), selector) == opaque.end())
        {
            opaque.push_back(selector);
        }
    }
    return opaque;
}

} // namespace ipseclab
