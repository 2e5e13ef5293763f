/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenario.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <openssl/evp.h>
#include <optional>
#include <string_view>

namespace ipseclab
{

namespace
{

/// digits * 10^exponent, exactly; no trailing zero in the digits, and exponent 0 for zero.
struct Decimal
{
    std::uint64_t digits{0};
    int exponent{0};
};

struct Unit
{
    const char* name;
    std::uint64_t factor; ///< times 10^exponent SI units
    int exponent;
    bool canonical; ///< false: understood, never written
};

struct QuantityTraits
{
    const char* phrase; ///< with its article
    std::vector<Unit> units;
};

const QuantityTraits&
TraitsOf(Quantity quantity)
{
    static const std::map<Quantity, QuantityTraits> traits{
        {Quantity::Count, {"a whole number", {}}},
        {Quantity::Number, {"a number", {}}},
        {Quantity::Time,
         {"a time",
          {{"s", 1, 0, true},
           {"ms", 1, -3, true},
           {"us", 1, -6, true},
           {"ns", 1, -9, true},
           {"min", 60, 0, false}}}},
        {Quantity::PacketRate,
         {"a packet rate",
          {{"pps", 1, 0, true}, {"kpps", 1, 3, true}, {"Mpps", 1, 6, true}, {"Gpps", 1, 9, true}}}},
        {Quantity::BitRate,
         {"a bit rate",
          {{"bps", 1, 0, true}, {"kbps", 1, 3, true}, {"Mbps", 1, 6, true}, {"Gbps", 1, 9, true}}}},
        {Quantity::Octets,
         {"a number of octets",
          {{"B", 1, 0, true},
           {"kB", 1, 3, true},
           {"MB", 1, 6, true},
           {"KiB", 1024, 0, false},
           {"MiB", 1024 * 1024, 0, false}}}},
        {Quantity::Choice, {"a word", {}}},
        {Quantity::File, {"a readable file", {}}},
    };
    return traits.at(quantity);
}

Decimal
Normalise(Decimal value)
{
    while (value.digits != 0 && value.digits % 10 == 0)
    {
        value.digits /= 10;
        ++value.exponent;
    }
    if (value.digits == 0)
    {
        value.exponent = 0;
    }
    return value;
}

bool
IsDigit(char c)
{
    return c >= '0' && c <= '9';
}

/**
 * Takes digits[.digits][e[+-]digits] from the front of `text`. Nothing when there is no such
 * number, or when it has more digits than can be kept exactly.
 */
std::optional<Decimal>
TakeDecimal(std::string_view& text)
{
    Decimal value;
    bool fraction = false;
    std::size_t at = 0;
    for (; at < text.size(); ++at)
    {
        const char c = text[at];
        if (c == '.' && !fraction && at > 0 && at + 1 < text.size() && IsDigit(text[at + 1]))
        {
            fraction = true;
            continue;
        }
        if (!IsDigit(c))
        {
            break;
        }
        if (value.digits > std::numeric_limits<std::uint64_t>::max() / 10 - 1)
        {
            return std::nullopt;
        }
        value.digits = value.digits * 10 + static_cast<std::uint64_t>(c - '0');
        value.exponent -= fraction ? 1 : 0;
    }
    if (at == 0)
    {
        return std::nullopt;
    }
    text.remove_prefix(at);
    if (text.size() > 1 && (text[0] == 'e' || text[0] == 'E'))
    {
        const char* first = text.data() + (text[1] == '+' ? 2 : 1);
        const char* last = text.data() + text.size();
        int exponent = 0;
        const auto [end, error] = std::from_chars(first, last, exponent);
        if (error != std::errc() || std::abs(exponent) > 300 || (text[1] == '+' && *first == '-'))
        {
            return std::nullopt;
        }
        value.exponent += exponent;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
    return Normalise(value);
}

/// The nearest double.
double
ToDouble(const Decimal& value)
{
    const std::string text = std::to_string(value.digits) + "e" + std::to_string(value.exponent);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() ? number : std::numeric_limits<double>::infinity();
}

/// The shortest decimal that reads back as this double.
Decimal
FromDouble(double number)
{
    char text[64];
    const auto result =
        std::to_chars(text, text + sizeof(text), number, std::chars_format::scientific);
    std::string_view view(text, static_cast<std::size_t>(result.ptr - text));
    return TakeDecimal(view).value_or(Decimal{});
}

/// Without exponent: "1500", "0.25".
std::string
Plain(const Decimal& value)
{
    std::string digits = std::to_string(value.digits);
    if (value.exponent >= 0)
    {
        return digits + std::string(static_cast<std::size_t>(value.exponent), '0');
    }
    const auto places = static_cast<std::size_t>(-value.exponent);
    if (digits.size() <= places)
    {
        digits.insert(0, places - digits.size() + 1, '0');
    }
    return digits.insert(digits.size() - places, ".");
}

/// The shortest exact spelling; of two equally long ones that without a decimal point, then that
/// with the first unit.
std::string
Spell(const Decimal& value, Quantity quantity)
{
    constexpr std::size_t kLongestPlain = 24;
    const auto& units = TraitsOf(quantity).units;
    if (units.empty() || value.digits == 0)
    {
        const std::string plain = Plain(value) + (units.empty() ? "" : units.front().name);
        return plain.size() <= kLongestPlain
                 ? plain
                 : std::to_string(value.digits) + "e" + std::to_string(value.exponent);
    }
    std::string best;
    for (const auto& unit : units)
    {
        if (!unit.canonical)
        {
            continue;
        }
        const std::string plain = Plain({value.digits, value.exponent - unit.exponent}) + unit.name;
        const auto points = [](const std::string& s)
        { return std::count(s.begin(), s.end(), '.'); };
        if (best.empty() || plain.size() < best.size() ||
            (plain.size() == best.size() && points(plain) < points(best)))
        {
            best = plain;
        }
    }
    return best.size() <= kLongestPlain ? best
                                        : std::to_string(value.digits) + "e" +
                                              std::to_string(value.exponent) + units.front().name;
}

/// What was typed, fit to stand in a message of one line.
std::string
Quote(const std::string& typed)
{
    constexpr std::size_t kLongest = 40;
    std::string shown = typed.substr(0, kLongest);
    std::replace_if(
        shown.begin(),
        shown.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; },
        '?');
    return "\"" + shown + (typed.size() > kLongest ? "...\"" : "\"");
}

std::string
Join(const std::vector<std::string>& words)
{
    std::string text;
    for (const auto& word : words)
    {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

/// What the parameter wants: "a packet rate such as "100kpps", 1pps to 10Mpps".
std::string
Expectation(const ParameterSpec& spec)
{
    if (spec.quantity == Quantity::Choice)
    {
        return "one of " + Join(spec.choices);
    }
    const auto& traits = TraitsOf(spec.quantity);
    std::string text = traits.phrase;
    if (spec.quantity == Quantity::File)
    {
        return text;
    }
    if (!traits.units.empty())
    {
        text += " such as \"" + spec.fallback + "\"";
    }
    text += ", " + Spell(FromDouble(spec.minimum), spec.quantity) + " to " +
            Spell(FromDouble(spec.maximum), spec.quantity);
    return spec.zeroMeans.empty() ? text : text + ", or 0 (" + spec.zeroMeans + ")";
}

[[noreturn]] void
Refuse(const ParameterSpec& spec, const std::string& typed, const std::string& fault)
{
    throw ParameterError(spec.name + ": " + Quote(typed) + " " + fault + "; " + Expectation(spec));
}

std::string
UnitNames(const QuantityTraits& traits)
{
    std::vector<std::string> names;
    for (const auto& unit : traits.units)
    {
        names.emplace_back(unit.name);
    }
    return Join(names);
}

/// `value` in SI units.
Decimal
ApplyUnit(const ParameterSpec& spec, const std::string& typed, Decimal value, std::string_view name)
{
    const auto& traits = TraitsOf(spec.quantity);
    if (traits.units.empty())
    {
        if (!name.empty())
        {
            Refuse(spec, typed, "has something after the number, which has no unit");
        }
        return value;
    }
    if (name.empty())
    {
        Refuse(spec, typed, "has no unit");
    }
    for (const auto& unit : traits.units)
    {
        if (name == unit.name)
        {
            if (value.digits > std::numeric_limits<std::uint64_t>::max() / unit.factor)
            {
                Refuse(spec, typed, "has too many digits");
            }
            return Normalise({value.digits * unit.factor, value.exponent + unit.exponent});
        }
    }
    Refuse(spec, typed, "has a unit other than " + UnitNames(traits));
}

constexpr std::size_t kDigestDigits = 12;

/// The first digits of the SHA-256 of a file; nothing when it cannot be read.
std::optional<std::string>
DigestOf(const std::string& path)
{
    std::error_code error;
    std::ifstream file(path, std::ios::binary);
    if (!std::filesystem::is_regular_file(path, error) || !file)
    {
        return std::nullopt;
    }
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (file.bad() ||
        EVP_Digest(content.data(), content.size(), digest.data(), nullptr, EVP_sha256(), nullptr) !=
            1)
    {
        return std::nullopt;
    }
    std::string text;
    for (std::size_t i = 0; i < kDigestDigits / 2; ++i)
    {
        constexpr const char* kDigits = "0123456789abcdef";
        text += kDigits[digest[i] >> 4];
        text += kDigits[digest[i] & 0xf];
    }
    return text;
}

struct FileName
{
    std::string path;
    std::string canonical;
};

/// The file may have been named with its content.
FileName
CheckFile(const ParameterSpec& spec, const std::string& typed)
{
    if (typed.empty())
    {
        return {};
    }
    const std::size_t at = typed.rfind('@');
    const std::string wanted = at == std::string::npos ? "" : typed.substr(at + 1);
    const bool named = wanted.size() == kDigestDigits &&
                       wanted.find_first_not_of("0123456789abcdef") == std::string::npos;
    const std::string path = named ? typed.substr(0, at) : typed;
    const auto digest = DigestOf(path);
    if (!digest)
    {
        Refuse(spec, typed, "cannot be read");
    }
    if (named && *digest != wanted)
    {
        Refuse(spec, typed, "has another content now");
    }
    return {path, path + "@" + *digest};
}

struct Checked
{
    double number{0};
    std::string canonical;
};

Checked
CheckNumber(const ParameterSpec& spec, const std::string& typed)
{
    std::string_view rest(typed);
    if (!rest.empty() && rest[0] == '-')
    {
        Refuse(spec, typed, "is negative");
    }
    const auto taken = TakeDecimal(rest);
    if (!taken)
    {
        Refuse(spec, typed, "is no number");
    }
    const Decimal value = ApplyUnit(spec, typed, *taken, rest);
    const double number = ToDouble(value);
    const bool whole = spec.quantity == Quantity::Count || spec.quantity == Quantity::Octets;
    if (whole && value.exponent < 0)
    {
        Refuse(spec, typed, "is no whole number");
    }
    const bool zero = value.digits == 0 && !spec.zeroMeans.empty();
    if (!zero && !(number >= spec.minimum && number <= spec.maximum))
    {
        Refuse(spec, typed, "is out of range");
    }
    return {number, Spell(value, spec.quantity)};
}

} // namespace

ParameterValues::ParameterValues(const std::vector<ParameterSpec>& specs,
                                 const std::map<std::string, std::string>& typed)
{
    std::vector<std::string> names;
    for (const auto& spec : specs)
    {
        names.push_back(spec.name);
        const auto found = typed.find(spec.name);
        const std::string& text = found == typed.end() ? spec.fallback : found->second;
        if (spec.quantity == Quantity::Choice)
        {
            if (std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end())
            {
                Refuse(spec, text, "is unknown");
            }
            m_words[spec.name] = text;
            m_canonical[spec.name] = text;
            continue;
        }
        if (spec.quantity == Quantity::File)
        {
            const FileName file = CheckFile(spec, text);
            m_words[spec.name] = file.path;
            m_canonical[spec.name] = file.canonical;
            continue;
        }
        const Checked checked = CheckNumber(spec, text);
        m_numbers[spec.name] = checked.number;
        m_canonical[spec.name] = checked.canonical;
    }
    for (const auto& [name, value] : typed)
    {
        if (std::find(names.begin(), names.end(), name) == names.end())
        {
            throw ParameterError("no parameter is named " + Quote(name) + "; there are " +
                                 Join(names));
        }
    }
}

double
ParameterValues::Number(const std::string& name) const
{
    return m_numbers.at(name);
}

std::uint64_t
ParameterValues::Count(const std::string& name) const
{
    return static_cast<std::uint64_t>(m_numbers.at(name));
}

const std::string&
ParameterValues::Word(const std::string& name) const
{
    return m_words.at(name);
}

const std::map<std::string, std::string>&
ParameterValues::Canonical() const
{
    return m_canonical;
}

} // namespace ipseclab
