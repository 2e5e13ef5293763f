/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/data-plane.h"
#include "model/ike/extensions/eesp.h"

#include "tests/unit/esp-test-support.h"
#include "tests/unit/ike-pair.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <set>

/*
 * EESP: octets on the wire against a decoder that knows only the draft and OpenSSL, both formats,
 * hostile headers, Sub SAs; and how IKE agrees on it.
 */

namespace ipseclab
{

namespace
{

using esp::DropReason;
using esp::SequenceScheme;

const Bytes kRootKey =
    esp::test::FromHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

template <typename Config>
Config
MakeConfig(Config config, std::uint32_t subSas)
{
    config.subspaces = SequenceScheme::Eesp(subSas);
    config.keyingMaterial = kRootKey;
    return config;
}

/// A sender and a receiver of one SA.
class EespPair
{
  public:
    explicit EespPair(std::uint32_t subSas = 16, const crypto::CipherSuite& suite = {})
        : EespPair(MakeConfig(esp::test::OutboundConfig(0x1000, suite), subSas),
                   MakeConfig(esp::test::InboundConfig(0x1000, suite), subSas))
    {
    }

    EespPair(const esp::OutboundSaConfig& out, const esp::InboundSaConfig& in)
        : sender(esp::OutboundSa::Create(out)),
          receiver(esp::InboundSa::Create(in))
    {
    }

    void Seal(const Bytes& packet, std::uint64_t number)
    {
        esp::test::Fill(buffer, packet);
        sender->Seal(buffer, number);
    }

    DropReason Open()
    {
        return receiver->Open(buffer, wire::kIpv4HeaderSize).drop;
    }

    std::unique_ptr<esp::OutboundSa> sender;
    std::unique_ptr<esp::InboundSa> receiver;
    esp::PacketBuffer buffer;
};

/// HKDF-Expand of OpenSSL, which the model does not use.
Bytes
Expand(const Bytes& root, std::uint16_t subSa, std::size_t length)
{
    EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[] = "SHA256";
    Bytes key = root;
    Bytes info{static_cast<std::uint8_t>(subSa >> 8), static_cast<std::uint8_t>(subSa)};
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
        OSSL_PARAM_construct_end()};
    Bytes out(length);
    EXPECT_EQ(EVP_KDF_derive(context, out.data(), out.size(), parameters), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return out;
}

/// The plaintext of an EESP packet with AES-128-GCM-16 and an explicit IV; empty: the ICV is wrong.
Bytes
Decode(const Bytes& eesp, const Bytes& root)
{
    const std::size_t front = 24;
    const auto subSa = static_cast<std::uint16_t>(eesp[2] << 8 | eesp[3]);
    const Bytes key = Expand(root, subSa, 20);
    Bytes nonce(key.begin() + 16, key.end());
    nonce.insert(nonce.end(), eesp.begin() + 16, eesp.begin() + 24);
    const std::size_t length = eesp.size() - front - 16;
    Bytes text(length);
    Bytes icv(eesp.end() - 16, eesp.end());
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    int written = 0;
    EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.data(), nonce.data());
    EVP_DecryptUpdate(context, nullptr, &written, eesp.data(), static_cast<int>(front));
    EVP_DecryptUpdate(context,
                      text.data(),
                      &written,
                      eesp.data() + front,
                      static_cast<int>(length));
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, icv.data());
    const bool right = EVP_DecryptFinal_ex(context, text.data() + length, &written) == 1;
    EVP_CIPHER_CTX_free(context);
    return right ? text : Bytes();
}

TEST(Eesp, OctetsAreThoseOfTheDraft)
{
    EespPair pair;
    for (const std::uint16_t subSa : {0, 5})
    {
        for (std::size_t length = 48; length < 52; ++length)
        {
            esp::test::InnerPacket inner;
            inner.length = length;
            const Bytes packet = inner.Build();
            const std::uint64_t number = *pair.sender->NextNumber(subSa);
            pair.Seal(packet, number);
            const Bytes sealed = esp::test::ToBytes(pair.buffer);
            EXPECT_EQ(sealed.size(), pair.sender->SealedLength(length));
            EXPECT_EQ(sealed[9], 253);
            const Bytes eesp(sealed.begin() + 20, sealed.end());
            EXPECT_EQ(Bytes(eesp.begin(), eesp.begin() + 4),
                      (Bytes{0x80, 0, 0, static_cast<std::uint8_t>(subSa)}));
            EXPECT_EQ(LoadBe32(&eesp[4]), 0x1000U);
            EXPECT_EQ(LoadBe64(&eesp[8]), number & 0xffffffff);
            Bytes expected = packet;
            expected.resize((length + 3) / 4 * 4);
            EXPECT_EQ(Decode(eesp, kRootKey), expected) << "no trailer, padding of zeros";
            EXPECT_EQ(pair.Open(), DropReason::None);
            EXPECT_EQ(esp::test::ToBytes(pair.buffer), packet);
        }
    }
}

TEST(Eesp, EveryCombinedSuiteAndNoOther)
{
    for (const char* name : {"aes128gcm16", "aes256gcm16", "aes128ccm16", "chacha20poly1305"})
    {
        SCOPED_TRACE(name);
        EespPair pair(4, esp::test::SuiteByName(name));
        ASSERT_TRUE(pair.sender);
        const Bytes packet = esp::test::InnerPacket{}.Build();
        pair.Seal(packet, *pair.sender->NextNumber(3));
        EXPECT_EQ(pair.Open(), DropReason::None);
        EXPECT_EQ(esp::test::ToBytes(pair.buffer), packet);
    }
    EespPair implicit(4,
                      {crypto::EncryptionId::AesGcm16ImplicitIv, 128, crypto::IntegrityId::None});
    implicit.Seal(esp::test::InnerPacket{}.Build(), *implicit.sender->NextNumber(2));
    EXPECT_EQ(implicit.Open(), DropReason::None);
    EXPECT_FALSE(EespPair(4, esp::test::SuiteByName("aes128cbc-sha256")).sender);
    esp::OutboundSaConfig shortKey = MakeConfig(esp::test::OutboundConfig(), 4);
    shortKey.keyingMaterial.pop_back();
    EXPECT_FALSE(esp::OutboundSa::Create(shortKey));
}

/// Each has a key, numbers and a window of its own.
TEST(Eesp, SubSasAreIndependent)
{
    EespPair pair;
    const Bytes packet = esp::test::InnerPacket{}.Build();
    std::set<Bytes> texts;
    for (const std::uint16_t subSa : {0, 1, 15})
    {
        const std::uint64_t number = *pair.sender->NextNumber(subSa);
        EXPECT_EQ(number & 0xffffffffffff, 1U);
        pair.Seal(packet, number);
        const Bytes sealed = esp::test::ToBytes(pair.buffer);
        texts.insert(Bytes(sealed.begin() + 44, sealed.end()));
        EXPECT_EQ(pair.Open(), DropReason::None);
        pair.Seal(packet, number);
        EXPECT_EQ(pair.Open(), DropReason::ReplayDuplicate);
    }
    EXPECT_EQ(texts.size(), 3U);
    EXPECT_EQ(pair.sender->NextNumber(16), std::nullopt);
    // The Sub SA ID of another is another key.
    pair.Seal(packet, *pair.sender->NextNumber(1));
    pair.buffer.Data()[23] = 7;
    EXPECT_EQ(pair.Open(), DropReason::Icv);
    EXPECT_EQ(pair.receiver->Sequence().WindowCount(), 3U);
    pair.Seal(packet, *pair.sender->NextNumber(1));
    pair.buffer.Data()[22] = 1;
    EXPECT_EQ(pair.Open(), DropReason::SubspaceRange);
}

/// The claim that EESP makes of its whole numbers: a late packet is old, not forged.
TEST(Eesp, LatePacketsAreCheapDrops)
{
    EespPair pair;
    const Bytes packet = esp::test::InnerPacket{}.Build();
    pair.Seal(packet, std::uint64_t{1} << 40);
    EXPECT_EQ(pair.Open(), DropReason::None);
    pair.Seal(packet, (std::uint64_t{1} << 40) - 64);
    EXPECT_EQ(pair.Open(), DropReason::ReplayTooOld);
    pair.Seal(packet, 5);
    EXPECT_EQ(pair.Open(), DropReason::ReplayTooOld);
}

TEST(Eesp, TransportModeAndDummiesHavePayloadInformation)
{
    esp::OutboundSaConfig out = MakeConfig(esp::test::OutboundConfig(), 4);
    esp::InboundSaConfig in = MakeConfig(esp::test::InboundConfig(), 4);
    out.ipsecMode = in.ipsecMode = esp::IpsecMode::Transport;
    EespPair pair(out, in);
    for (std::size_t length = 48; length < 52; ++length)
    {
        esp::test::InnerPacket inner;
        inner.length = length;
        inner.source = out.outerSource.V4Value();
        inner.destination = out.outerDestination.V4Value();
        const Bytes packet = inner.Build();
        pair.Seal(packet, *pair.sender->NextNumber(2));
        const Bytes sealed = esp::test::ToBytes(pair.buffer);
        EXPECT_EQ(sealed.size(), pair.sender->SealedLength(length));
        const Bytes text = Decode(Bytes(sealed.begin() + 20, sealed.end()), kRootKey);
        ASSERT_GE(text.size(), 4U);
        EXPECT_EQ(Bytes(text.begin(), text.begin() + 3), (Bytes{0, 0, 17}));
        EXPECT_EQ(4 + length - 20 + text[3], text.size());
        EXPECT_EQ(pair.Open(), DropReason::None);
        EXPECT_EQ(esp::test::ToBytes(pair.buffer), packet);
    }
    EespPair tunnel;
    tunnel.sender->SealDummy(tunnel.buffer, 1, tunnel.sender->LargestDummy(1000));
    EXPECT_LE(tunnel.buffer.Size(), 1000U);
    EXPECT_GT(tunnel.buffer.Size(), 995U);
    EXPECT_EQ(tunnel.Open(), DropReason::Dummy);
}

TEST(Eesp, HeadersThatCannotBeAreRefused)
{
    EespPair pair;
    const Bytes packet = esp::test::InnerPacket{}.Build();
    const auto openWith = [&](std::size_t at, std::uint8_t value)
    {
        pair.Seal(packet, 1);
        pair.buffer.Data()[20 + at] = value;
        return pair.Open();
    };
    EXPECT_EQ(openWith(0, 0x00), DropReason::Malformed) << "the bit that ESP has not got";
    EXPECT_EQ(openWith(0, 0x88), DropReason::Malformed) << "version 1";
    EXPECT_EQ(openWith(0, 0x81), DropReason::Malformed) << "reserved";
    EXPECT_EQ(openWith(1, 255), DropReason::Malformed) << "options beyond the packet";
    EXPECT_EQ(openWith(1, 8), DropReason::Malformed) << "padding that is cut off";
    pair.Seal(packet, 1);
    for (std::size_t size = pair.buffer.Size(); size > 20; --size)
    {
        pair.Seal(packet, 1);
        pair.buffer.MoveBack(-static_cast<std::ptrdiff_t>(pair.buffer.Size() - size + 1));
        const DropReason drop = pair.Open();
        EXPECT_TRUE(drop == DropReason::Malformed || drop == DropReason::Icv) << size;
    }
    EXPECT_EQ(openWith(30, 0), DropReason::Icv);
}

TEST(Eesp, OptionsOfPaddingAreSkippedAndOthersRefused)
{
    const auto read = [](const std::string& hex)
    { return esp::ReadEespHeader(esp::test::FromHex(hex)); };
    const auto header = read("80040005"
                             "00001000"
                             "01020000"
                             "0000000000000007");
    ASSERT_TRUE(header);
    EXPECT_EQ(header->length, 20U);
    EXPECT_EQ(header->subSa, 5);
    EXPECT_EQ(header->spi, 0x1000U);
    EXPECT_EQ(header->sequenceNumber, 7U);
    EXPECT_TRUE(read("80040005"
                     "00001000"
                     "00000000"
                     "0000000000000007"));
    EXPECT_FALSE(read("80040005"
                      "00001000"
                      "02020000"
                      "0000000000000007"))
        << "Crypt Offset";
    EXPECT_FALSE(read("80040005"
                      "00001000"
                      "01030000"
                      "0000000000000007"));
    EXPECT_FALSE(read("80040005"
                      "00001000"
                      "01020000"
                      "00000000000000"));
    EXPECT_FALSE(read("80010005"
                      "00001000"
                      "01"
                      "0000000000000007"));
}

/// Through both data planes, found by the SPI where EESP has it.
TEST(Eesp, TheDataPlaneFindsItsSas)
{
    esp::DataPlane plane;
    EespPair pair;
    pair.Seal(esp::test::InnerPacket{}.Build(), 1);
    const Bytes sealed = esp::test::ToBytes(pair.buffer);
    ASSERT_TRUE(plane.GetSad().Add("peer", std::move(pair.sender), std::move(pair.receiver)));
    esp::test::Fill(plane.Buffer(), sealed);
    EXPECT_EQ(plane.ProcessInbound().verdict, esp::Verdict::Transformed);
    // The same SA is no SA of ESP.
    Bytes asEsp = sealed;
    StoreBe32(&asEsp[20], 0x1000);
    asEsp[9] = wire::kProtocolEsp;
    esp::test::Fill(plane.Buffer(), asEsp);
    EXPECT_EQ(plane.ProcessInbound().drop, DropReason::UnknownSpi);
}

TEST(Eesp, ThePeekedNumberIsThatOnTheWire)
{
    EespPair pair(4);
    pair.Seal(esp::test::InnerPacket{}.Build(), SequenceScheme::Eesp(4).Join({3, 77}));
    const Bytes sealed = esp::test::ToBytes(pair.buffer);
    const ByteSpan eesp = ByteSpan(sealed).subspan(wire::kIpv4HeaderSize);
    EXPECT_EQ(pair.receiver->PeekNumber(eesp).counter, 0U) << "it may be forged";
    ASSERT_EQ(pair.Open(), DropReason::None);
    EXPECT_EQ(pair.receiver->PeekNumber(eesp).subspace, 3);
    EXPECT_EQ(pair.receiver->PeekNumber(eesp).counter, 77U);
    EXPECT_EQ(pair.receiver->PeekNumber(eesp.first(15)).counter, 0U);
    EXPECT_EQ(EespPair(3).receiver->PeekNumber(eesp).counter, 0U) << "no such Sub SA";
}

/// Each Sub SA has a key of its own (draft-ietf-ipsecme-eesp-03, section 5), and so its own limit;
/// what is asked for is a rekey of the SA.
TEST(Eesp, LimitsOfVolumeAreThoseOfEachSubSa)
{
    using Event = esp::VolumeMeter::Event;
    esp::OutboundSaConfig out = MakeConfig(esp::test::OutboundConfig(0x1000), 4);
    out.volume.softPackets = 3;
    out.volume.hardPackets = 5;
    esp::InboundSaConfig in = MakeConfig(esp::test::InboundConfig(0x1000), 4);
    in.volume = out.volume;
    EespPair pair(out, in);
    const auto count = [&](auto& sa, std::uint16_t subSa) {
        return sa.MeterOf(SequenceScheme::Eesp(4).Join({subSa, 1})).Count(100);
    };
    for (const std::uint16_t subSa : {0, 3, 1})
    {
        for (const Event expected :
             {Event::None, Event::None, Event::Soft, Event::None, Event::Hard, Event::None})
        {
            EXPECT_EQ(count(*pair.sender, subSa), expected) << subSa;
            EXPECT_EQ(count(*pair.receiver, subSa), expected) << subSa;
        }
    }
    // Without Sub SAs one key has all packets, whatever their numbers.
    esp::OutboundSaConfig plain = esp::test::OutboundConfig(0x1001);
    plain.volume = out.volume;
    const auto one = esp::OutboundSa::Create(plain);
    EXPECT_EQ(one->MeterOf(1).Count(100), Event::None);
    EXPECT_EQ(one->MeterOf(std::uint64_t{3} << 48).Count(100), Event::None);
    EXPECT_EQ(one->MeterOf(2).Count(100), Event::Soft);
}

/// EESP in UDP is not modelled, so an SA stays where it is when its peer moves behind a NAT.
TEST(Eesp, DoesNotMoveBehindANat)
{
    EespPair pair;
    const auto& config = pair.sender->Config();
    EXPECT_TRUE(pair.sender->SetOuter(config.outerSource, config.outerDestination, std::nullopt));
    EXPECT_FALSE(
        pair.sender->SetOuter(config.outerSource, config.outerDestination, wire::UdpPorts{}));
}

// --- negotiation -------------------------------------------------------------------------------

using test::MakePeer;
using test::Pair;

ike::PeerConfig
EespPeer(bool atA, const ike::EespConfig& config)
{
    ike::PeerConfig peer = MakePeer(atA);
    peer.extensions = {ike::Eesp(config)};
    return peer;
}

ike::EespConfig
Config(std::uint32_t subSas, bool required = false)
{
    ike::EespConfig config;
    config.subSas = subSas;
    config.required = required;
    return config;
}

void
CreateAndRekey(Pair& pair)
{
    const ike::IkeSaId id = pair.a.Last<ike::IkeSaEstablished>().id;
    const std::uint32_t first = pair.a.Last<ike::ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.b.endpoint.CreateChildSa(pair.now, id));
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, first));
    pair.Collect();
    pair.RunUntilQuiet();
}

std::vector<std::pair<std::uint32_t, std::uint32_t>>
SubSas(const Pair::Node& node)
{
    std::vector<std::pair<std::uint32_t, std::uint32_t>> counts;
    for (const auto& sa : node.All<ike::ChildSaInstalled>())
    {
        const auto* eesp = sa.properties.Find<ike::EespSa>();
        counts.emplace_back(eesp ? eesp->subSasOutbound : 0, eesp ? eesp->subSasInbound : 0);
    }
    return counts;
}

using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

TEST(IkeEesp, EachSideSaysHowManySubSasItTakes)
{
    for (const bool required : {false, true})
    {
        Pair pair(EespPeer(true, Config(4, required)), EespPeer(false, Config(9)));
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(SubSas(pair.a), (Counts{{9, 4}, {9, 4}, {9, 4}}));
        EXPECT_EQ(SubSas(pair.b), (Counts{{4, 9}, {4, 9}, {4, 9}}));
        EXPECT_EQ(pair.a.Last<ike::ChildSaInstalled>().encryptionOutbound.size(), 32U);
    }
}

TEST(IkeEesp, EspWhereThePeerDoesNotKnowItOrHasAnotherKdf)
{
    ike::EespConfig other = Config(4);
    other.kdf = crypto::PrfId::HmacSha2_512;
    for (const ike::PeerConfig& atB : {MakePeer(false), EespPeer(false, other)})
    {
        Pair pair(EespPeer(true, Config(4)), atB);
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(SubSas(pair.a), (Counts{{0, 0}, {0, 0}, {0, 0}}));
        EXPECT_EQ(pair.a.Last<ike::ChildSaInstalled>().encryptionOutbound.size(), 20U);
    }
    Pair refused(EespPeer(true, Config(4, true)), EespPeer(false, other));
    refused.Connect();
    EXPECT_TRUE(refused.a.All<ike::ChildSaInstalled>().empty());
    EXPECT_EQ(refused.a.Last<ike::ChildSaRefused>().reason, wire::NotifyType::NoProposalChosen);
}

/// Proposals that EESP cannot be stay what they are, and answers to them find their suite.
TEST(IkeEesp, GoesWithTheSuitesThatAreCombined)
{
    ike::ChildSuite cbc;
    cbc.cipher = esp::test::SuiteByName("aes128cbc-sha256");
    ike::ChildSuite gcm;
    gcm.extendedSequenceNumbers = true;
    for (const bool both : {true, false})
    {
        ike::PeerConfig atA = EespPeer(true, Config(4));
        ike::PeerConfig atB = EespPeer(false, Config(4));
        atA.childSuites = {cbc, gcm};
        atB.childSuites = both ? std::vector{gcm, cbc} : std::vector{cbc};
        Pair pair(atA, atB);
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(SubSas(pair.a).back(), both ? std::pair(4U, 4U) : std::pair(0U, 0U));
        EXPECT_EQ(pair.a.Last<ike::ChildSaInstalled>().suite.cipher,
                  both ? gcm.cipher : cbc.cipher);
    }
}

/// There is no EESP in UDP: neither offered nor chosen when there is a NAT, or one is pretended.
TEST(IkeEesp, EspWhereItGoesInUdp)
{
    for (const bool forcedAtA : {true, false})
    {
        ike::PeerConfig atA = EespPeer(true, Config(4));
        ike::PeerConfig atB = EespPeer(false, Config(9));
        (forcedAtA ? atA : atB).natTraversal.forceEncapsulation = true;
        Pair pair(atA, atB);
        pair.Connect();
        CreateAndRekey(pair);
        test::ExpectMirrored(pair);
        EXPECT_EQ(SubSas(pair.a), (Counts{{0, 0}, {0, 0}, {0, 0}}));
        EXPECT_EQ(SubSas(pair.b), (Counts{{0, 0}, {0, 0}, {0, 0}}));
        const auto sa = pair.a.Last<ike::ChildSaInstalled>();
        EXPECT_TRUE(sa.udp);
        EXPECT_EQ(sa.encryptionOutbound.size(), 20U) << "no root key";
    }
}

/// Who insists on EESP gets no Child SA there, and keeps the IKE SA.
TEST(IkeEesp, NothingInUdpWhenItIsRequired)
{
    for (const bool atA : {true, false})
    {
        ike::PeerConfig forced = EespPeer(true, Config(4, atA));
        forced.natTraversal.forceEncapsulation = true;
        Pair pair(forced, EespPeer(false, Config(9, !atA)));
        pair.Connect();
        EXPECT_EQ(pair.a.Last<ike::ChildSaRefused>().reason, wire::NotifyType::NoProposalChosen);
        EXPECT_TRUE(pair.a.All<ike::ChildSaInstalled>().empty());
        EXPECT_EQ(pair.b.All<ike::ChildSaInstalled>().size(),
                  pair.b.All<ike::ChildSaRemoved>().size());
        EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
        EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    }
}

/// What IKE agreed on is enough for both ends of the SA.
TEST(IkeEesp, KeysOpenWhatThePeerSeals)
{
    Pair pair(EespPeer(true, Config(4)), EespPeer(false, Config(9)));
    pair.Connect();
    const auto a = pair.a.Last<ike::ChildSaInstalled>();
    const auto b = pair.b.Last<ike::ChildSaInstalled>();
    esp::OutboundSaConfig out = MakeConfig(esp::test::OutboundConfig(a.spiOutbound), 9);
    out.keyingMaterial = a.encryptionOutbound;
    esp::InboundSaConfig in = MakeConfig(esp::test::InboundConfig(b.spiInbound), 9);
    in.keyingMaterial = b.encryptionInbound;
    EespPair sa(out, in);
    sa.Seal(esp::test::InnerPacket{}.Build(), *sa.sender->NextNumber(8));
    EXPECT_EQ(sa.Open(), DropReason::None);
}

} // namespace

} // namespace ipseclab
