/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * The ESP boundary of a gateway against hostile packets, and against those of a peer that has the
 * keys and puts nonsense inside. An input is one octet of options and then records: one octet of
 * kind, two octets of length, that many octets. The first of a record also says how many seconds
 * pass before it, and on which of two SAs it comes: on the second where these are odd. Whatever
 * comes, the counters must balance and what is let through must be an IP packet. The options choose
 * suite, ESN, window, the outer IP version, transport mode, EESP in place of ESP, and selectors for
 * ports: of one SA with later fragments agreed on, of one with OPAQUE ports, and of what may go in
 * clear. Without them there is one SA.
 */

#include "model/crypto/payload-cipher.h"
#include "model/esp/data-plane.h"
#include "model/wire/ip-packet.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

namespace
{

using namespace ipseclab;

constexpr std::uint32_t kSpi = 0x1000;
constexpr std::size_t kEspHeader = 8;
constexpr std::size_t kMtu = 1500;
constexpr std::size_t kRootKey = 32; ///< octets, of EESP
constexpr std::uint32_t kSubSas = 16;

enum class Kind : std::uint8_t
{
    Inbound,      ///< an outer packet as it is
    InboundEsp,   ///< all but the SPI of an ESP packet that is addressed rightly
    Authentic,    ///< four octets of sequence number (EESP: two of Sub SA ID, two of number), then
                  ///< a plaintext sealed with the peer's key
    InboundClear, ///< a clear packet from outside
    Outbound,     ///< a clear packet that leaves
    Count
};

void
Require(bool fact)
{
    if (!fact)
    {
        std::abort();
    }
}

class Gateway
{
  public:
    explicit Gateway(std::uint8_t options)
        : m_esn(options & 1),
          m_eesp(options & 32),
          m_suite(options & 2 && !m_eesp
                      ? crypto::CipherSuite{crypto::EncryptionId::AesCbc,
                                            128,
                                            crypto::IntegrityId::HmacSha2_256_128}
                      : crypto::CipherSuite{}),
          m_peerAddress(Address(options & 8, 1)),
          m_address(Address(options & 8, 2)),
          m_mode(options & 16 ? esp::IpsecMode::Transport : esp::IpsecMode::Tunnel),
          m_traits(*crypto::FindTraits(m_suite)),
          m_key(m_eesp ? kRootKey : m_traits.KeyingMaterial(), 0x42),
          m_integrityKey(m_traits.integrityKeyLength, 0x43)
    {
        if (!m_eesp)
        {
            m_peer = crypto::PayloadCipher::Create(m_suite,
                                                   m_key,
                                                   m_integrityKey,
                                                   crypto::Direction::Seal,
                                                   crypto::CryptoMode::Sized);
        }
        if (options & 64)
        {
            m_plane.TrackFragments({16, std::chrono::seconds(30)}, [this] { return m_now; });
            m_ports = {*TrafficSelector::FromString("0.0.0.0/0[17/0-1023]"),
                       *TrafficSelector::FromString("::/0[17/0-1023]")};
            const TrafficSelectorList clear{*TrafficSelector::FromString("10.0.0.0/8[17/5000]"),
                                            *TrafficSelector::FromString("fd00::/8[17/5000]")};
            m_plane.GetSpd().Add({"clear", {}, clear, esp::SpdAction::Bypass, ""});
            m_plane.GetSpd().Add({"from-clear", clear, {}, esp::SpdAction::Bypass, ""});
            AddSa(kSpi + 1,
                  64,
                  {*TrafficSelector::FromString("0.0.0.0/0[17/2000]"),
                   *TrafficSelector::FromString("0.0.0.0/0[17/OPAQUE]")},
                  false);
        }
        AddSa(kSpi, options & 4 ? 0 : 64, m_ports, !m_ports.empty());
        const TrafficSelectorList any{*TrafficSelector::FromString("10.0.0.0/8"),
                                      *TrafficSelector::FromString("fd00::/8"),
                                      *TrafficSelector::FromString("192.0.2.0/24")};
        m_plane.GetSpd().Add({"tunnel", any, any, esp::SpdAction::Protect, "peer"});
    }

    void Pass(std::uint8_t seconds)
    {
        m_now += std::chrono::seconds(seconds);
        m_spi = kSpi + (m_ports.empty() ? 0 : seconds % 2);
    }

    void Feed(Kind kind, ByteSpan octets)
    {
        switch (kind)
        {
        case Kind::Inbound:
            Load(octets);
            Check(m_plane.ProcessInbound());
            break;
        case Kind::InboundEsp:
            Load(Outer(octets));
            Check(m_plane.ProcessInbound());
            break;
        case Kind::Authentic:
            Load(Outer(m_eesp ? SealedEesp(octets) : Sealed(octets)));
            Check(m_plane.ProcessInbound());
            break;
        case Kind::InboundClear:
            Load(octets);
            Check(m_plane.ProcessInboundClear());
            break;
        case Kind::Outbound:
        case Kind::Count:
            Load(octets);
            Check(m_plane.ProcessOutbound(kMtu));
            break;
        }
    }

  private:
    void FillConfig(std::uint32_t spi, esp::EspSaConfig& config) const
    {
        config.spi = spi;
        config.suite = m_suite;
        config.keyingMaterial = m_key;
        config.integrityKey = m_integrityKey;
        config.extendedSequenceNumbers = m_esn;
        config.mode = crypto::CryptoMode::Sized;
        config.outerSource = m_peerAddress;
        config.outerDestination = m_address;
        config.ipsecMode = m_mode;
        if (m_eesp)
        {
            config.subspaces = esp::SequenceScheme::Eesp(kSubSas);
        }
    }

    void AddSa(std::uint32_t spi,
               std::uint32_t window,
               const TrafficSelectorList& ports,
               bool laterFragments)
    {
        esp::OutboundSaConfig out;
        esp::InboundSaConfig in;
        FillConfig(spi, out);
        FillConfig(spi, in);
        in.antiReplay.window = window;
        out.remoteSelectors = in.localSelectors = ports;
        out.laterFragments = laterFragments;
        in.laterFragments = laterFragments ? m_plane.InboundFragments("peer") : nullptr;
        Require(
            m_plane.GetSad().Add("peer", esp::OutboundSa::Create(out), esp::InboundSa::Create(in)));
    }

    static IpAddress Address(bool v6, std::uint8_t last)
    {
        return v6 ? *IpAddress::FromString("fd00::" + std::to_string(last))
                  : IpAddress::V4(0xc0000200U + last);
    }

    /// The given octets and the SPI, where it belongs, behind an outer header for this gateway.
    Bytes Outer(ByteSpan octets) const
    {
        const std::uint8_t protocol = m_eesp ? wire::kProtocolEesp : wire::kProtocolEsp;
        const std::size_t front = std::min<std::size_t>(m_eesp ? 4 : 0, octets.size());
        const bool v4 = m_address.IsV4();
        const std::size_t header = v4 ? wire::kIpv4HeaderSize : wire::kIpv6HeaderSize;
        Bytes packet(header + 4 + octets.size());
        if (v4)
        {
            wire::Ipv4HeaderFields fields;
            fields.totalLength = static_cast<std::uint16_t>(packet.size());
            fields.protocol = protocol;
            fields.source = m_peerAddress.V4Value();
            fields.destination = m_address.V4Value();
            wire::WriteIpv4Header(packet.data(), fields);
        }
        else
        {
            wire::Ipv6HeaderFields fields;
            fields.totalLength = packet.size();
            fields.protocol = protocol;
            fields.source = m_peerAddress;
            fields.destination = m_address;
            wire::WriteIpv6Header(packet.data(), fields);
        }
        std::uint8_t* const body = packet.data() + header;
        std::copy_n(octets.data(), front, body);
        StoreBe32(body + front, m_spi);
        std::copy(octets.begin() + static_cast<std::ptrdiff_t>(front),
                  octets.end(),
                  body + front + 4);
        return packet;
    }

    /// Sequence number, IV, ciphertext and ICV as a peer with the keys makes them.
    Bytes Sealed(ByteSpan numberAndText) const
    {
        const std::size_t given = numberAndText.size() < 4 ? 0 : numberAndText.size() - 4;
        const std::size_t text = given - given % m_traits.alignment;
        Bytes head(kEspHeader);
        StoreBe32(head.data(), m_spi);
        StoreBe32(head.data() + 4, given == 0 ? 1 : LoadBe32(numberAndText.data()));
        Bytes packet(4 + m_traits.ivLength + text + m_traits.icvLength);
        std::copy_n(head.data() + 4, 4, packet.data());
        std::uint8_t* const iv = packet.data() + 4;
        std::uint8_t* const body = iv + m_traits.ivLength;
        std::copy_n(numberAndText.data() + (given == 0 ? 0 : 4), text, body);
        // The high half of the number is 0: a genuine peer near the start of the SA.
        Bytes aad = head;
        if (m_esn && m_traits.combined)
        {
            aad.insert(aad.begin() + 4, 4, 0);
        }
        const Bytes trailer(m_esn && !m_traits.combined ? 4U : 0U, 0);
        m_peer->MakeIv(LoadBe32(head.data() + 4), iv);
        m_peer->Seal(aad, iv, body, text, body + text, trailer);
        return packet;
    }

    /// An EESP packet of a peer with the root key, but for the SPI.
    Bytes SealedEesp(ByteSpan numberAndText) const
    {
        const std::size_t given = numberAndText.size() < 4 ? 0 : numberAndText.size() - 4;
        const std::size_t text = given - given % m_traits.alignment;
        esp::EespHeader header;
        header.subSa = given == 0 ? std::uint16_t{0} : LoadBe16(numberAndText.data());
        header.sequenceNumber = given == 0 ? 1 : LoadBe16(numberAndText.data() + 2);
        const std::size_t front = header.length + m_traits.ivLength;
        Bytes packet(front + text + m_traits.icvLength);
        esp::WriteEespHeader(packet.data(), header);
        std::uint8_t* const iv = packet.data() + header.length;
        std::uint8_t* const body = packet.data() + front;
        std::copy_n(numberAndText.data() + (given == 0 ? 0 : 4), text, body);
        const auto cipher = esp::SubSaCiphers(m_suite,
                                              crypto::PrfId::HmacSha2_256,
                                              m_key,
                                              crypto::Direction::Seal,
                                              crypto::CryptoMode::Sized)
                                .Derive(header.subSa);
        cipher->MakeIv(header.sequenceNumber, iv);
        cipher->Seal(ByteSpan(packet.data(), front), iv, body, text, body + text);
        packet.erase(packet.begin() + 4, packet.begin() + 8);
        return packet;
    }

    void Load(ByteSpan octets)
    {
        const std::size_t size = std::min(octets.size(), esp::PacketBuffer::kMaximumPacket);
        std::copy_n(octets.data(), size, m_plane.Buffer().Reset(size));
    }

    void Check(const esp::DataPlaneResult& result)
    {
        Require(m_plane.Counters().Balanced());
        Require((result.verdict == esp::Verdict::Drop) == (result.drop != esp::DropReason::None));
        wire::IpView view;
        Require(result.verdict == esp::Verdict::Drop ||
                wire::ParseIp(m_plane.Buffer().Span(), view));
    }

    bool m_esn;
    bool m_eesp;
    crypto::CipherSuite m_suite;
    IpAddress m_peerAddress;
    IpAddress m_address;
    esp::IpsecMode m_mode;
    crypto::CipherTraits m_traits;
    Bytes m_key;
    Bytes m_integrityKey;
    std::unique_ptr<crypto::PayloadCipher> m_peer;
    TrafficSelectorList m_ports; ///< of the destination; empty: any
    std::chrono::nanoseconds m_now{0};
    std::uint32_t m_spi{kSpi}; ///< of what comes now
    esp::DataPlane m_plane;
};

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    ByteReader reader(ByteSpan(data, size));
    Gateway gateway(reader.U8());
    while (reader.Ok() && reader.Left() > 0)
    {
        constexpr auto kKinds = static_cast<std::uint8_t>(Kind::Count);
        const std::uint8_t first = reader.U8();
        const std::size_t length = std::min<std::size_t>(reader.U16(), reader.Left());
        gateway.Pass(first / kKinds);
        gateway.Feed(static_cast<Kind>(first % kKinds), reader.Span(length));
    }
    return 0;
}
