/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_ESP_TEST_SUPPORT_H
#define IPSECLAB_TESTS_ESP_TEST_SUPPORT_H

#include "model/esp/data-plane.h"
#include "model/esp/esp-sa.h"
#include "model/wire/ip-fragment.h"
#include "model/wire/ipv4.h"
#include "tests/unit/test-vectors.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

/**
 * \file
 * What the tests of the data plane share: recorded data, packets and SA pairs made in one line.
 */

namespace ipseclab::esp::test
{

/// A recording of tests/vectors/linux-esp.
inline nlohmann::json
LoadRecording(const std::string& name)
{
    return ipseclab::test::LoadVectors("linux-esp/" + name);
}

using ipseclab::test::FromHex;

inline Bytes
ToBytes(const PacketBuffer& buffer)
{
    return Bytes(buffer.Data(), buffer.Data() + buffer.Size());
}

inline void
Fill(PacketBuffer& buffer, const Bytes& packet)
{
    std::copy(packet.begin(), packet.end(), buffer.Reset(packet.size()));
}

/// The model's suite for a name of the recordings.
inline crypto::CipherSuite
SuiteByName(const std::string& name)
{
    using crypto::EncryptionId;
    using crypto::IntegrityId;
    static const std::map<std::string, crypto::CipherSuite> suites{
        {"aes128gcm16", {EncryptionId::AesGcm16, 128, IntegrityId::None}},
        {"aes256gcm16", {EncryptionId::AesGcm16, 256, IntegrityId::None}},
        {"aes128ccm16", {EncryptionId::AesCcm16, 128, IntegrityId::None}},
        {"chacha20poly1305", {EncryptionId::ChaCha20Poly1305, 256, IntegrityId::None}},
        {"aes128cbc-sha256", {EncryptionId::AesCbc, 128, IntegrityId::HmacSha2_256_128}},
        {"aes256cbc-sha256", {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_256_128}},
        {"aes256cbc-sha512", {EncryptionId::AesCbc, 256, IntegrityId::HmacSha2_512_256}},
        {"aes128cbc-sha1", {EncryptionId::AesCbc, 128, IntegrityId::HmacSha1_96}},
        {"null-sha256", {EncryptionId::Null, 0, IntegrityId::HmacSha2_256_128}},
    };
    return suites.at(name);
}

/// Keys of the right lengths with known octets.
template <class Config>
void
GiveKeys(Config& config)
{
    const auto traits = crypto::FindTraits(config.suite);
    config.keyingMaterial.assign(traits->KeyingMaterial(), 0x5a);
    config.integrityKey.assign(traits->integrityKeyLength, 0xa5);
}

/// An SA whose outer addresses are those of the recordings.
inline OutboundSaConfig
OutboundConfig(std::uint32_t spi = 0x1000, const crypto::CipherSuite& suite = {})
{
    OutboundSaConfig config;
    config.spi = spi;
    config.suite = suite;
    config.outerSource = IpAddress::V4(0xc0000201);
    config.outerDestination = IpAddress::V4(0xc0000202);
    GiveKeys(config);
    return config;
}

/// The other half of OutboundConfig.
inline InboundSaConfig
InboundConfig(std::uint32_t spi = 0x1000, const crypto::CipherSuite& suite = {})
{
    InboundSaConfig config;
    config.spi = spi;
    config.suite = suite;
    config.outerSource = IpAddress::V4(0xc0000201);
    config.outerDestination = IpAddress::V4(0xc0000202);
    GiveKeys(config);
    return config;
}

/// The fragments of a packet, each with its header (wire::CutPacket).
inline std::vector<Bytes>
Cut(const Bytes& packet, std::size_t mtu, std::uint32_t identification = 1)
{
    std::vector<Bytes> fragments;
    for (const wire::FragmentPart& part : wire::CutPacket(packet, mtu, identification))
    {
        fragments.push_back(part.header);
        const auto* const octets = packet.data() + part.begin;
        fragments.back().insert(fragments.back().end(), octets, octets + part.length);
    }
    return fragments;
}

constexpr std::uint32_t kInnerSource = 0x0a010001;      ///< 10.1.0.1
constexpr std::uint32_t kInnerDestination = 0x0a020009; ///< 10.2.0.9

struct InnerPacket
{
    std::size_t length{48}; ///< octets, at least 28
    std::uint8_t tos{0};
    bool dontFragment{false};
    std::uint32_t source{kInnerSource};
    std::uint32_t destination{kInnerDestination};
    std::uint16_t sourcePort{1000};
    std::uint16_t destinationPort{2000};
    std::uint32_t content{0}; ///< makes packets differ

    /// UDP in IPv4.
    Bytes Build() const
    {
        Bytes packet(length);
        wire::Ipv4HeaderFields fields;
        fields.tos = tos;
        fields.totalLength = static_cast<std::uint16_t>(length);
        fields.dontFragment = dontFragment;
        fields.protocol = wire::kProtocolUdp;
        fields.source = source;
        fields.destination = destination;
        wire::WriteIpv4Header(packet.data(), fields);
        StoreBe16(&packet[20], sourcePort);
        StoreBe16(&packet[22], destinationPort);
        StoreBe16(&packet[24], static_cast<std::uint16_t>(length - 20));
        for (std::size_t i = 28; i < length; ++i)
        {
            packet[i] = static_cast<std::uint8_t>(content >> (8 * (i % 4)));
        }
        return packet;
    }
};

} // namespace ipseclab::esp::test

#endif // IPSECLAB_TESTS_ESP_TEST_SUPPORT_H
