/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_SEQUENCE_SCHEME_H
#define IPSECLAB_ESP_SEQUENCE_SCHEME_H

#include <cstddef>
#include <cstdint>

/**
 * \file
 * How the packets of one SA are numbered, and how much of a number is on the wire.
 *
 * draft-ponchon-ipsecme-anti-replay-subspaces splits the space of an SA into subspaces, each with a
 * counter and a window of its own. A number is the subspace in its upper and the counter in its
 * lower bits, so it stays unique for the key of the SA:
 *
 *     Sub64   | subspace, 16 bits | counter, 48 bits          |    all of it is sent
 *     Sub32   | subspace, s bits | counter, 64 - s bits       |    sent: the subspace and the lower
 *                                                                  32 - s bits of the counter
 *
 * EESP has a field of its own for the Sub SA. Its counters have 64 bits on the wire; the model uses
 * 48 of them, which last for 22 days at 148 million packets a second, so that a whole number is
 * joined as for Sub64.
 *
 * The text of the draft's last version (03) was not at hand; both forms are configured and not
 * claimed to be its own. Sub64 is what EESP says that it took over from there, Sub32 is the form of
 * the US patent 9,667,650.
 */

namespace ipseclab::esp
{

enum class SequenceKind : std::uint8_t
{
    Sequential32, ///< RFC 4303
    Extended,     ///< RFC 4303, section 2.2.1: 64 bits, the lower 32 of them on the wire
    Sub32,        ///< subspaces in a 32-bit field, upper parts of the counters implied
    Sub64,        ///< subspaces in a 64-bit field
    Eesp,         ///< Sub SAs of EESP, each with a 64-bit field; draft-ietf-ipsecme-eesp-03
};

/// A number as its subspace and the counter in it.
struct SequenceNumber
{
    std::uint16_t subspace{0};
    std::uint64_t counter{0};
};

struct SequenceScheme
{
    static constexpr std::uint32_t kMostSubspaces = 65536;
    static constexpr std::uint8_t kMostIdBits = 8; ///< of Sub32

    SequenceKind kind{SequenceKind::Sequential32};
    /// Subspaces that the receiver takes: 0 to `subspaces` - 1. Always 1 without subspaces.
    std::uint32_t subspaces{1};
    std::uint8_t idBits{0}; ///< Sub32: bits of the subspace on the wire, 1 to 8

    static SequenceScheme Plain(bool extended);
    static SequenceScheme Sub32(std::uint8_t idBits, std::uint32_t subspaces);
    static SequenceScheme Sub64(std::uint32_t subspaces);
    static SequenceScheme Eesp(std::uint32_t subSas);

    bool operator==(const SequenceScheme& o) const;

    /// Whether the subspaces fit into the bits for them.
    bool IsValid() const;
    bool HasSubspaces() const
    {
        return kind != SequenceKind::Sequential32 && kind != SequenceKind::Extended;
    }

    /// Whether the ICV covers 64 bits of the number.
    bool CoversWholeNumber() const
    {
        return kind != SequenceKind::Sequential32;
    }

    /// Whether a part of the number is not on the wire.
    bool HasImpliedPart() const
    {
        return kind == SequenceKind::Extended || kind == SequenceKind::Sub32;
    }

    /// Octets of the SPI and what of the number is on the wire; of EESP, all without options.
    std::size_t HeaderLength() const
    {
        switch (kind)
        {
        case SequenceKind::Eesp:
            return 16;
        case SequenceKind::Sub64:
            return 12;
        case SequenceKind::Sequential32:
        case SequenceKind::Extended:
        case SequenceKind::Sub32:
            break;
        }
        return 8;
    }

    /// The last counter of a subspace.
    std::uint64_t LastCounter() const;
    /// Bits of a counter on the wire.
    unsigned CounterBitsOnWire() const;
    /// Bits below the subspace in a whole number; 64 without subspaces.
    unsigned CounterBits() const;

    /// A whole number; its parts must be within the scheme.
    std::uint64_t Join(const SequenceNumber& number) const
    {
        return HasSubspaces() ? (std::uint64_t{number.subspace} << CounterBits()) | number.counter
                              : number.counter;
    }

    SequenceNumber Split(std::uint64_t number) const;

    /// Writes what is sent of a whole number behind the SPI of ESP: HeaderLength() - 4 octets.
    /// Not for EESP, as little as LoadFromWire; see eesp-format.h.
    void StoreOnWire(std::uint8_t* field, std::uint64_t number) const;
    /// What is on the wire. The counter lacks its upper bits where they are implied.
    SequenceNumber LoadFromWire(const std::uint8_t* field) const;
};

/// A stable lower-case name: "32bit", "esn", "sub32", "sub64", "eesp".
const char* Name(SequenceKind kind);

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_SEQUENCE_SCHEME_H
