/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/sequence-scheme.h"

#include "model/wire/bytes.h"

#include <limits>

namespace ipseclab::esp
{

namespace
{

constexpr unsigned kSub64IdBits = 16;

} // namespace

SequenceScheme
SequenceScheme::Plain(bool extended)
{
    return {extended ? SequenceKind::Extended : SequenceKind::Sequential32, 1, 0};
}

SequenceScheme
SequenceScheme::Sub32(std::uint8_t idBits, std::uint32_t subspaces)
{
    return {SequenceKind::Sub32, subspaces, idBits};
}

SequenceScheme
SequenceScheme::Sub64(std::uint32_t subspaces)
{
    return {SequenceKind::Sub64, subspaces, 0};
}

SequenceScheme
SequenceScheme::Eesp(std::uint32_t subSas)
{
    return {SequenceKind::Eesp, subSas, 0};
}

bool
SequenceScheme::operator==(const SequenceScheme& o) const
{
    return kind == o.kind && subspaces == o.subspaces && idBits == o.idBits;
}

bool
SequenceScheme::IsValid() const
{
    switch (kind)
    {
    case SequenceKind::Sequential32:
    case SequenceKind::Extended:
        return subspaces == 1;
    case SequenceKind::Sub32:
        return idBits >= 1 && idBits <= kMostIdBits && subspaces >= 1 &&
               subspaces <= std::uint32_t{1} << idBits;
    case SequenceKind::Sub64:
    case SequenceKind::Eesp:
        return subspaces >= 1 && subspaces <= kMostSubspaces;
    }
    return false;
}

unsigned
SequenceScheme::CounterBits() const
{
    switch (kind)
    {
    case SequenceKind::Sub32:
        return 64U - idBits;
    case SequenceKind::Sub64:
    case SequenceKind::Eesp:
        return 64U - kSub64IdBits;
    case SequenceKind::Sequential32:
    case SequenceKind::Extended:
        break;
    }
    return 64;
}

unsigned
SequenceScheme::CounterBitsOnWire() const
{
    switch (kind)
    {
    case SequenceKind::Sub32:
        return 32U - idBits;
    case SequenceKind::Sub64:
    case SequenceKind::Eesp:
        return 64U - kSub64IdBits;
    case SequenceKind::Sequential32:
    case SequenceKind::Extended:
        break;
    }
    return 32;
}

std::uint64_t
SequenceScheme::LastCounter() const
{
    switch (kind)
    {
    case SequenceKind::Sequential32:
        return std::numeric_limits<std::uint32_t>::max();
    case SequenceKind::Extended:
        return std::numeric_limits<std::uint64_t>::max();
    case SequenceKind::Sub32:
    case SequenceKind::Sub64:
    case SequenceKind::Eesp:
        break;
    }
    return (std::uint64_t{1} << CounterBits()) - 1;
}

SequenceNumber
SequenceScheme::Split(std::uint64_t number) const
{
    if (!HasSubspaces())
    {
        return {0, number};
    }
    const unsigned bits = CounterBits();
    return {static_cast<std::uint16_t>(number >> bits), number & ((std::uint64_t{1} << bits) - 1)};
}

void
SequenceScheme::StoreOnWire(std::uint8_t* field, std::uint64_t number) const
{
    if (kind == SequenceKind::Sub64)
    {
        StoreBe64(field, number);
        return;
    }
    if (kind == SequenceKind::Sub32)
    {
        const unsigned bits = CounterBitsOnWire();
        const std::uint64_t low = number & ((std::uint64_t{1} << bits) - 1);
        StoreBe32(field, static_cast<std::uint32_t>(((number >> CounterBits()) << bits) | low));
        return;
    }
    StoreBe32(field, static_cast<std::uint32_t>(number));
}

SequenceNumber
SequenceScheme::LoadFromWire(const std::uint8_t* field) const
{
    if (kind == SequenceKind::Sub64)
    {
        return Split(LoadBe64(field));
    }
    const std::uint32_t value = LoadBe32(field);
    if (kind != SequenceKind::Sub32)
    {
        return {0, value};
    }
    const unsigned bits = CounterBitsOnWire();
    return {static_cast<std::uint16_t>(value >> bits), value & ((std::uint32_t{1} << bits) - 1)};
}

const char*
Name(SequenceKind kind)
{
    switch (kind)
    {
    case SequenceKind::Sequential32:
        return "32bit";
    case SequenceKind::Extended:
        return "esn";
    case SequenceKind::Sub32:
        return "sub32";
    case SequenceKind::Sub64:
        return "sub64";
    case SequenceKind::Eesp:
        return "eesp";
    }
    return "?";
}

} // namespace ipseclab::esp
