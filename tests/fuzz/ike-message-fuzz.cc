/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-message.h"
#include "model/wire/ipv4.h"

#include <cstdio>
#include <cstdlib>

/**
 * \file
 * Hostile octets for everything in model/wire that reads the network: IKE messages, inner payload
 * chains and IPv4 packets. Besides not crashing, what is accepted must survive a round trip.
 */

namespace
{

using namespace ipseclab;

void
Require(bool condition, const char* law)
{
    if (!condition)
    {
        std::fprintf(stderr, "broken law: %s\n", law);
        std::abort();
    }
}

void
TryMessage(ByteSpan octets)
{
    auto message = wire::ParseMessage(octets);
    if (!message)
    {
        return;
    }
    const Bytes again = wire::Serialize(*message);
    Require(again.size() <= octets.size(), "serialising adds nothing to what was parsed");
    message->header.length = static_cast<std::uint32_t>(again.size());
    const auto twice = wire::ParseMessage(again);
    Require(twice && *twice == *message, "a parsed message survives a round trip");
    wire::FindErrorNotify(message->payloads);
    wire::FindUnknownCritical(message->payloads);
}

/// The first octet plays the type that an SK payload announces.
void
TryChain(ByteSpan octets)
{
    const auto payloads = wire::ParsePayloads(wire::PayloadType{octets[0]}, octets.subspan(1));
    if (!payloads)
    {
        return;
    }
    const Bytes again = wire::SerializePayloads(*payloads);
    const auto twice = wire::ParsePayloads(wire::FirstType(*payloads), again);
    Require(twice && *twice == *payloads, "a parsed chain survives a round trip");
}

void
TryPacket(ByteSpan octets)
{
    wire::Ipv4View view;
    if (!wire::ParseIpv4(octets, view))
    {
        return;
    }
    Require(view.headerLength <= view.totalLength && view.totalLength <= octets.size(),
            "an accepted IPv4 packet lies within its octets");
    const PacketSelectors selectors = wire::ReadSelectors(view);
    Require(!selectors.portsKnown || view.FragmentOffset() == 0, "later fragments have no ports");
    Bytes header(view.header, view.header + view.headerLength);
    const bool valid = wire::Ipv4Checksum(header.data(), header.size()) == 0;
    const bool computed = LoadBe16(header.data() + 10) != 0;
    wire::DecrementTtl(header.data());
    wire::SetIpv4Tos(header.data(), header[1] | 3);
    Require(!valid || !computed || wire::Ipv4Checksum(header.data(), header.size()) == 0,
            "an update keeps a right checksum right");
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const ByteSpan octets(data, size);
    TryMessage(octets);
    TryPacket(octets);
    if (size > 0)
    {
        TryChain(octets);
    }
    return 0;
}
