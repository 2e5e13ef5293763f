/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * Reassembly against hostile fragments. An input is a row of records: two octets of length, that
 * many octets of a packet; a second passes with each. Memory stays within the limit, and what comes
 * out is an IP packet that is no fragment. Each packet is also cut, its report of "too big" read,
 * and its MSS clamped.
 */

#include "model/wire/icmp-too-big.h"
#include "model/wire/ip-fragment.h"
#include "model/wire/tcp-mss.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>

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

void
CutAndReport(ByteSpan packet)
{
    constexpr std::size_t kMtu = 96;
    for (const wire::FragmentPart& part : wire::CutPacket(packet, kMtu, 1))
    {
        Require(part.header.size() + part.length <= kMtu);
        Require(part.begin + part.length <= packet.size());
    }
    wire::IpView view;
    if (wire::ParseIp(packet, view))
    {
        if (const auto report = wire::ParseTooBig(view))
        {
            wire::ReadQuotedEsp(report->quoted);
        }
        const Bytes message = wire::BuildTooBig(packet, 1280, view.Destination(), wire::kIcmpLimit);
        Require(message.size() + wire::kIpv4HeaderSize <= wire::kIcmpLimit);
    }
    wire::ReadQuotedEsp(packet);
}

/// Once lowered it is low enough, and only the option and the checksum have changed.
void
Clamp(ByteSpan packet)
{
    constexpr std::uint16_t kLimit = 536;
    constexpr int kOctetsOfOptionsAndChecksum = 22;
    Bytes clamped(packet.begin(), packet.end());
    if (wire::ClampMss(clamped, kLimit))
    {
        const auto changed = std::inner_product(packet.begin(),
                                                packet.end(),
                                                clamped.begin(),
                                                0,
                                                std::plus<>(),
                                                std::not_equal_to<>());
        wire::IpView view;
        Require(changed > 0 && changed <= kOctetsOfOptionsAndChecksum);
        Require(wire::ParseIp(clamped, view) && wire::ReadMss(view) == kLimit);
        Require(!wire::ClampMss(clamped, kLimit));
    }
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    wire::Reassembler::Limits limits;
    limits.memory = 4096;
    limits.fragments = 8;
    limits.smallest = 8;
    wire::Reassembler reassembler(limits);
    wire::Reassembler::Instant now{0};
    ByteReader reader(ByteSpan(data, size));
    while (reader.Ok() && reader.Left() > 0)
    {
        const std::size_t length = std::min<std::size_t>(reader.U16(), reader.Left());
        const ByteSpan packet = reader.Span(length);
        Bytes whole;
        const auto verdict = reassembler.Add(packet, now, whole);
        now += std::chrono::seconds(1);
        Require(reassembler.Memory() <= limits.memory);
        wire::IpView view;
        Require(
            verdict != wire::FragmentVerdict::Complete ||
            (wire::ParseIp(whole, view) && !view.isFragment && view.totalLength == whole.size()));
        CutAndReport(packet);
        Clamp(packet);
    }
    return 0;
}
