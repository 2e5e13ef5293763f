/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/arrival-order.h"

#include "helpers/scenario.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <unordered_set>

namespace ipseclab
{

namespace
{

constexpr std::uint64_t kLost = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void
Refuse(const std::string& path, std::size_t line, const std::string& fault)
{
    throw ParameterError("arrivals: " + path + ":" + std::to_string(line) + ": " + fault);
}

std::uint64_t
ReadNumber(const std::string& text, const std::string& path, std::size_t line)
{
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end)
    {
        Refuse(path, line, "no sequence number");
    }
    return number;
}

} // namespace

ArrivalOrder
ArrivalOrder::Read(const std::string& path, std::uint64_t most)
{
    std::ifstream file(path);
    std::vector<std::uint64_t> numbers;
    std::unordered_set<std::uint64_t> seen;
    std::string text;
    std::size_t line = 0;
    while (std::getline(file, text))
    {
        ++line;
        text.erase(text.find_last_not_of(" \t\r") + 1);
        if (text.empty() || text[0] == '#')
        {
            continue;
        }
        numbers.push_back(ReadNumber(text, path, line));
        if (!seen.insert(numbers.back()).second)
        {
            Refuse(path, line, std::to_string(numbers.back()) + " has arrived before");
        }
        if (numbers.size() > most)
        {
            Refuse(path, line, "more than " + std::to_string(most) + " numbers");
        }
    }
    if (numbers.empty())
    {
        Refuse(path, line, "no sequence number in the whole file");
    }
    const auto [first, last] = std::minmax_element(numbers.begin(), numbers.end());
    if (*last - *first >= most)
    {
        Refuse(path,
               line,
               "numbers from " + std::to_string(*first) + " to " + std::to_string(*last) +
                   " span more than " + std::to_string(most));
    }
    return ArrivalOrder(numbers);
}

ArrivalOrder::ArrivalOrder(const std::vector<std::uint64_t>& numbers)
{
    const auto [first, last] = std::minmax_element(numbers.begin(), numbers.end());
    m_places.assign(*last - *first + 1, kLost);
    for (std::uint64_t place = 0; place < numbers.size(); ++place)
    {
        const std::uint64_t index = numbers[place] - *first;
        m_places[index] = place;
        m_shift = std::max(m_shift, index > place ? index - place : 0);
    }
}

std::uint64_t
ArrivalOrder::Sent() const
{
    return m_places.size();
}

std::optional<std::uint64_t>
ArrivalOrder::PlaceOf(std::uint64_t number) const
{
    const std::uint64_t place = m_places.at(number - 1);
    return place == kLost ? std::nullopt : std::optional(place);
}

std::uint64_t
ArrivalOrder::LagOf(std::uint64_t number) const
{
    const auto place = PlaceOf(number);
    return place ? m_shift + *place - (number - 1) : 0;
}

} // namespace ipseclab
