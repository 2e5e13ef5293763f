/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_UNIT_CAPTURE_READER_H
#define IPSECLAB_TESTS_UNIT_CAPTURE_READER_H

#include "model/wire/ike-message.h"
#include "model/wire/ipv4.h"
#include "tests/unit/test-vectors.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

/**
 * \file
 * The recorded sessions of tests/vectors/captures: the datagrams of a pcap file and the JSON beside
 * it. A file that is missing or not as its README says throws, so that no test passes on nothing.
 */

namespace ipseclab::test
{

/// One frame of a capture, which is always UDP in IPv4 in Ethernet.
struct CapturedDatagram
{
    std::size_t frame{0}; ///< from 1, as in the JSON
    Bytes ipPacket;       ///< from the IPv4 header to the end of the datagram
    IpAddress source;
    IpAddress destination;
    std::uint16_t sourcePort{0};
    std::uint16_t destinationPort{0};
    bool isIke{false}; ///< false: ESP in UDP
    Bytes payload;     ///< the IKE message without non-ESP marker, or the ESP packet
};

/// The names of all recorded sessions, sorted.
inline std::vector<std::string>
CaptureNames()
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(VectorPath("captures")))
    {
        if (entry.path().extension() == ".pcap")
        {
            names.push_back(entry.path().stem().string());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// The JSON file of one session.
inline nlohmann::json
ReadSession(const std::string& name)
{
    return LoadVectors("captures/" + name + ".json");
}

/// Splits an Ethernet frame.
inline CapturedDatagram
DissectFrame(std::size_t number, ByteSpan frame)
{
    constexpr std::size_t ethernetSize = 14;
    constexpr std::size_t udpSize = 8;
    wire::Ipv4View ip;
    if (frame.size() < ethernetSize || !wire::ParseIpv4(frame.subspan(ethernetSize), ip) ||
        ip.Protocol() != wire::kProtocolUdp || ip.totalLength < ip.headerLength + udpSize)
    {
        throw std::runtime_error("frame " + std::to_string(number) + " is no UDP over IPv4");
    }
    const std::uint8_t* udp = ip.header + ip.headerLength;
    const std::uint8_t* end = ip.header + ip.totalLength;
    CapturedDatagram datagram;
    datagram.frame = number;
    datagram.ipPacket.assign(ip.header, end);
    datagram.source = IpAddress::V4(ip.Source());
    datagram.destination = IpAddress::V4(ip.Destination());
    datagram.sourcePort = LoadBe16(udp);
    datagram.destinationPort = LoadBe16(udp + 2);
    datagram.payload.assign(udp + udpSize, end);
    const bool onIkePort = datagram.destinationPort == wire::kIkePort;
    const Bytes marker(4, 0);
    const bool marked = !onIkePort && datagram.payload.size() >= marker.size() &&
                        std::equal(marker.begin(), marker.end(), datagram.payload.begin());
    if (marked)
    {
        datagram.payload.erase(datagram.payload.begin(), datagram.payload.begin() + 4);
    }
    datagram.isIke = onIkePort || marked;
    return datagram;
}

/// All datagrams of one session in the order of the capture.
inline std::vector<CapturedDatagram>
ReadCapture(const std::string& name)
{
    constexpr std::size_t fileHeaderSize = 24;
    constexpr std::size_t recordHeaderSize = 16;
    constexpr std::uint32_t magic = 0xd4c3b2a1; // little endian, microseconds, read big-endian
    std::ifstream in(VectorPath("captures/" + name + ".pcap"), std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    ByteReader reader(file);
    if (reader.U32() != magic || !reader.Span(fileHeaderSize - 4).data())
    {
        throw std::runtime_error(name + ".pcap is missing or no little-endian pcap file");
    }
    std::vector<CapturedDatagram> datagrams;
    while (reader.Left() > 0)
    {
        const ByteSpan record = reader.Span(recordHeaderSize);
        const std::size_t size = reader.Ok() ? record[8] | std::size_t{record[9]} << 8 : 0;
        const ByteSpan frame = reader.Span(size);
        if (!reader.Ok())
        {
            throw std::runtime_error(name + ".pcap is cut short");
        }
        datagrams.push_back(DissectFrame(datagrams.size() + 1, frame));
    }
    return datagrams;
}

/// A payload as the JSON names it: "KE", "NONCE", "N(COOKIE)".
inline std::string
RecordedName(const wire::Payload& payload)
{
    if (payload.type == wire::PayloadType::Nonce)
    {
        return "NONCE";
    }
    if (const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body))
    {
        return std::string("N(") + wire::Name(notify->type) + ")";
    }
    return wire::Name(payload.type);
}

/// All payloads of a chain as the JSON names them.
inline std::vector<std::string>
RecordedNames(const wire::PayloadList& payloads)
{
    std::vector<std::string> names;
    std::transform(payloads.begin(), payloads.end(), std::back_inserter(names), RecordedName);
    return names;
}

} // namespace ipseclab::test

#endif // IPSECLAB_TESTS_UNIT_CAPTURE_READER_H
