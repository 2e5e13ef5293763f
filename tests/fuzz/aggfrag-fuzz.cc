/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * AGGFRAG payloads of a hostile peer. An input is a row of records: an octet that the ESP number
 * goes on by, two octets of length, that many octets of a payload. What comes out is an IP packet
 * by its length, no more octets come out than went in, and no more than one packet is held.
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
    wire::AggfragAssembler assembler;
    wire::AggfragPacker packer(96, true);
    std::uint64_t number = 0;
    std::size_t in = 0;
    std::size_t out = 0;
    ByteReader reader(ByteSpan(data, size));
    while (reader.Ok() && reader.Left() > 0)
    {
        number += reader.U8();
        const std::size_t length = std::min<std::size_t>(reader.U16(), reader.Left());
        const ByteSpan payload = reader.Span(length);
        CheckHeader(payload);
        std::vector<Bytes> packets;
        assembler.Add(number, payload, packets);
        in += payload.size();
        for (Bytes& packet : packets)
        {
            out += packet.size();
            const bool small = packet.size() <= 0xffff;
            Require(packer.Enqueue(std::move(packet)) == small);
        }
        Require(out + assembler.Held() <= in);
        Require(assembler.Held() <= kLargest);
        packer.Next();
    }
    return 0;
}
