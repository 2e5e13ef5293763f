/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * AGGFRAG payloads of a hostile peer. An input is a row of records: an octet that the ESP number
 * goes on by, or back by what it has above 127; two octets of length; that many octets of a
 * payload. What comes out is an IP packet by its length, no more octets come out than went in, and
 * no more is held than the ends of as many runs as the window has room for.
 */

#include "model/wire/aggfrag.h"

#include <algorithm>
#include <cstdlib>

namespace
{

using namespace ipseclab;

void
Require(bool fact)
{
    if (!fact)
    {
        std::abort();
    }
}

/// Whatever the parser takes is written as it was, but for reserved bits.
void
CheckHeader(ByteSpan octets)
{
    if (const auto parsed = wire::ParseAggfrag(octets))
    {
        const Bytes again = wire::BuildAggfrag(parsed->header, parsed->blocks);
        Require(again.size() == octets.size());
        Require(std::equal(again.begin() + 2, again.end(), octets.begin() + 2));
    }
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t kLargest = 40 + 0xffff;
    constexpr std::uint64_t kWindow = 3;
    constexpr std::size_t kRuns = 3; // two within the window, and the one before it
    wire::AggfragAssembler assembler;
    wire::AggfragPacker packer(true);
    std::uint64_t number = 0;
    std::uint64_t highest = 0;
    std::size_t in = 0;
    std::size_t out = 0;
    ByteReader reader(ByteSpan(data, size));
    while (reader.Ok() && reader.Left() > 0)
    {
        const std::uint8_t step = reader.U8();
        number += step < 128 ? step : 0;
        number -= std::min<std::uint64_t>(number, step < 128 ? 0 : step - 127U);
        highest = std::max(highest, number);
        const std::size_t length = std::min<std::size_t>(reader.U16(), reader.Left());
        const ByteSpan payload = reader.Span(length);
        CheckHeader(payload);
        assembler.Add(number,
                      payload,
                      [&](ByteSpan packet)
                      {
                          out += packet.size();
                          Require(packer.Enqueue(packet) == (packet.size() <= 0xffff));
                      });
        in += payload.size();
        assembler.GiveUpBefore(highest - std::min(highest, kWindow));
        Require(out + assembler.Held() <= in);
        Require(assembler.Held() <= kRuns * 2 * kLargest);
        Bytes next(wire::kAggfragHeaderSize + 96);
        Require(packer.Next(next, true) == next.size());
    }
    return 0;
}
