/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_BYTES_H
#define IPSECLAB_WIRE_BYTES_H

#include <cstddef>
#include <cstdint>
#include <gsl/span>
#include <vector>

namespace ipseclab
{

/// Octets that are owned.
using Bytes = std::vector<std::uint8_t>;
/// Octets that are borrowed for reading.
using ByteSpan = gsl::span<const std::uint8_t>;
/// Octets that are borrowed for writing.
using MutableByteSpan = gsl::span<std::uint8_t>;

/// Big-endian loads and stores; the caller guarantees the room.
inline std::uint16_t
LoadBe16(const std::uint8_t* p)
{
    return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}

inline std::uint32_t
LoadBe32(const std::uint8_t* p)
{
    return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 |
           static_cast<std::uint32_t>(p[2]) << 8 | p[3];
}

inline std::uint64_t
LoadBe64(const std::uint8_t* p)
{
    return static_cast<std::uint64_t>(LoadBe32(p)) << 32 | LoadBe32(p + 4);
}

inline void
StoreBe16(std::uint8_t* p, std::uint16_t v)
{
    p[0] = static_cast<std::uint8_t>(v >> 8);
    p[1] = static_cast<std::uint8_t>(v);
}

inline void
StoreBe32(std::uint8_t* p, std::uint32_t v)
{
    StoreBe16(p, static_cast<std::uint16_t>(v >> 16));
    StoreBe16(p + 2, static_cast<std::uint16_t>(v));
}

inline void
StoreBe64(std::uint8_t* p, std::uint64_t v)
{
    StoreBe32(p, static_cast<std::uint32_t>(v >> 32));
    StoreBe32(p + 4, static_cast<std::uint32_t>(v));
}

/**
 * Reads big-endian fields from hostile octets. A read past the end returns zeros, consumes nothing
 * more and makes Ok() false for good, so a parser may check once after a group of fields.
 */
class ByteReader
{
  public:
    explicit ByteReader(ByteSpan data)
        : m_data(data.data()),
          m_left(data.size())
    {
    }

    bool Ok() const
    {
        return m_ok;
    }

    std::size_t Left() const
    {
        return m_left;
    }

    std::uint8_t U8()
    {
        const std::uint8_t* p = Take(1);
        return p ? *p : std::uint8_t{0};
    }

    std::uint16_t U16()
    {
        const std::uint8_t* p = Take(2);
        return p ? LoadBe16(p) : std::uint16_t{0};
    }

    std::uint32_t U32()
    {
        const std::uint8_t* p = Take(4);
        return p ? LoadBe32(p) : 0;
    }

    std::uint64_t U64()
    {
        const std::uint8_t* p = Take(8);
        return p ? LoadBe64(p) : 0;
    }

    /// The next n octets, borrowed; empty when there are fewer.
    ByteSpan Span(std::size_t n)
    {
        const std::uint8_t* p = Take(n);
        return p ? ByteSpan(p, n) : ByteSpan();
    }

    /// All that is left.
    ByteSpan Rest()
    {
        return Span(m_left);
    }

  private:
    const std::uint8_t* Take(std::size_t n)
    {
        if (!m_ok || n > m_left)
        {
            m_ok = false;
            return nullptr;
        }
        const std::uint8_t* p = m_data;
        m_data += n;
        m_left -= n;
        return p;
    }

    const std::uint8_t* m_data;
    std::size_t m_left;
    bool m_ok{true};
};

/// Appends big-endian fields to an owned buffer.
class ByteWriter
{
  public:
    void U8(std::uint8_t v)
    {
        m_out.push_back(v);
    }

    void U16(std::uint16_t v)
    {
        U8(static_cast<std::uint8_t>(v >> 8));
        U8(static_cast<std::uint8_t>(v));
    }

    void U32(std::uint32_t v)
    {
        U16(static_cast<std::uint16_t>(v >> 16));
        U16(static_cast<std::uint16_t>(v));
    }

    void U64(std::uint64_t v)
    {
        U32(static_cast<std::uint32_t>(v >> 32));
        U32(static_cast<std::uint32_t>(v));
    }

    void Append(ByteSpan data)
    {
        m_out.insert(m_out.end(), data.begin(), data.end());
    }

    std::size_t Size() const
    {
        return m_out.size();
    }

    /// Overwrites two octets that were written before, for lengths known only at the end.
    void PatchU16(std::size_t at, std::uint16_t v)
    {
        StoreBe16(m_out.data() + at, v);
    }

    /// Overwrites four octets that were written before.
    void PatchU32(std::size_t at, std::uint32_t v)
    {
        StoreBe32(m_out.data() + at, v);
    }

    Bytes Take()
    {
        return std::move(m_out);
    }

  private:
    Bytes m_out;
};

} // namespace ipseclab

#endif // IPSECLAB_WIRE_BYTES_H
