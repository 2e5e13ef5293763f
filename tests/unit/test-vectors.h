/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_UNIT_TEST_VECTORS_H
#define IPSECLAB_TESTS_UNIT_TEST_VECTORS_H

#include "model/crypto/random-source.h"
#include "model/wire/bytes.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

/**
 * \file
 * Test data: the folder tests/vectors, and hex. What is missing or malformed throws, so that the
 * test fails and never passes on nothing.
 */

namespace ipseclab::test
{

/// Where a file of tests/vectors is. The folder of this checkout is compiled into one file alone.
std::filesystem::path VectorPath(const std::string& relative);

inline nlohmann::json
LoadJson(const std::filesystem::path& path)
{
    std::ifstream in(path);
    if (!in)
    {
        throw std::runtime_error("cannot read " + path.string());
    }
    return nlohmann::json::parse(in);
}

/// One file of tests/vectors.
inline nlohmann::json
LoadVectors(const std::string& relative)
{
    return LoadJson(VectorPath(relative));
}

inline Bytes
FromHex(const std::string& hex)
{
    if (hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    {
        throw std::invalid_argument("not hex: " + hex);
    }
    Bytes out;
    out.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2)
    {
        out.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return out;
}

inline std::string
ToHex(ByteSpan octets)
{
    static const char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(octets.size() * 2);
    for (std::uint8_t octet : octets)
    {
        out.push_back(digits[octet >> 4]);
        out.push_back(digits[octet & 15]);
    }
    return out;
}

/// The octets of a hex member; throws when it is missing or null.
inline Bytes
Hex(const nlohmann::json& object, const char* member)
{
    return FromHex(object.at(member).get<std::string>());
}

/// n octets that differ from each other and by seed.
inline Bytes
Pattern(std::size_t n, unsigned seed)
{
    Bytes out(n);
    for (std::size_t i = 0; i < n; ++i)
    {
        out[i] = static_cast<std::uint8_t>(i * 7 + seed * 29 + 1);
    }
    return out;
}

/// A repeatable source: xorshift64* (Marsaglia 2003, Vigna 2016).
class TestRandom final : public crypto::RandomSource
{
  public:
    explicit TestRandom(std::uint64_t seed)
        : m_state(seed * 0x9e3779b97f4a7c15U + 1)
    {
    }

    void Fill(MutableByteSpan out) override
    {
        for (std::uint8_t& octet : out)
        {
            m_state ^= m_state >> 12;
            m_state ^= m_state << 25;
            m_state ^= m_state >> 27;
            octet = static_cast<std::uint8_t>((m_state * 0x2545f4914f6cdd1dU) >> 56);
        }
    }

  private:
    std::uint64_t m_state;
};

} // namespace ipseclab::test

#endif // IPSECLAB_TESTS_UNIT_TEST_VECTORS_H
