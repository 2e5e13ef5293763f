/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * What the protocol model costs, next to the bare operations it cannot do without. After Google
 * Benchmark's own table the program prints the ratios that matter, from the medians of one run with
 * interleaved repetitions.
 */

#include "tests/bench/bare-gcm.h"
#include "tests/bench/bench-support.h"

#include "model/crypto/key-exchange.h"
#include "model/esp/esp-sa.h"
#include "model/esp/replay-window.h"
#include "model/ike/ike-endpoint.h"

#include <array>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <openssl/evp.h>
#include <random>
#include <string>
#include <vector>

namespace
{

using namespace ipseclab;

constexpr std::uint32_t kSpi = 0x1000;
constexpr std::size_t kLatePacket = 1400; ///< octets
constexpr std::uint32_t kSourceOuter = 0xc0000201;
constexpr std::uint32_t kDestinationOuter = 0xc0000202;

/// Deterministic octets; a benchmark needs no secrets.
class CountingRandom : public crypto::RandomSource
{
  public:
    explicit CountingRandom(std::uint64_t seed)
        : m_state(seed)
    {
    }

    void Fill(MutableByteSpan out) override
    {
        for (auto& octet : out)
        {
            m_state = m_state * 6364136223846793005U + 1442695040888963407U;
            octet = static_cast<std::uint8_t>(m_state >> 56);
        }
    }

  private:
    std::uint64_t m_state;
};

void
FillConfig(esp::EspSaConfig& config)
{
    config.spi = kSpi;
    config.keyingMaterial = Bytes(20, 0x42);
    config.outerSource = IpAddress::V4(kSourceOuter);
    config.outerDestination = IpAddress::V4(kDestinationOuter);
}

void
BmSealOpenModel(benchmark::State& state)
{
    esp::OutboundSaConfig out;
    esp::InboundSaConfig in;
    FillConfig(out);
    FillConfig(in);
    auto sender = esp::OutboundSa::Create(out);
    auto receiver = esp::InboundSa::Create(in);
    esp::PacketBuffer buffer;
    const Bytes inner = bench::InnerPacket(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state)
    {
        std::memcpy(buffer.Reset(inner.size()), inner.data(), inner.size());
        sender->Seal(buffer, *sender->NextNumber());
        const auto result = receiver->Open(buffer, wire::kIpv4HeaderSize);
        if (result.drop != esp::DropReason::None)
        {
            state.SkipWithError(esp::Name(result.drop));
            break;
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

/// Of bench::kSchemes; those that have subspaces use them in turn.
void
BmScheme(benchmark::State& state)
{
    constexpr std::size_t kLength = 64;
    const esp::SequenceScheme& scheme = bench::kSchemes[state.range(0)];
    esp::OutboundSaConfig out;
    esp::InboundSaConfig in;
    FillConfig(out);
    FillConfig(in);
    bench::SetNumbers(out, scheme);
    bench::SetNumbers(in, scheme);
    auto sender = esp::OutboundSa::Create(out);
    auto receiver = esp::InboundSa::Create(in);
    esp::PacketBuffer buffer;
    const Bytes inner = bench::InnerPacket(kLength);
    std::uint32_t turn = 0;
    for (auto _ : state)
    {
        std::memcpy(buffer.Reset(inner.size()), inner.data(), inner.size());
        const auto subspace = static_cast<std::uint16_t>(turn++ % scheme.subspaces);
        sender->Seal(buffer, *sender->NextNumber(subspace));
        const auto result = receiver->Open(buffer, wire::kIpv4HeaderSize);
        if (result.drop != esp::DropReason::None)
        {
            state.SkipWithError(esp::Name(result.drop));
            break;
        }
    }
}

/// A packet that is left of the window: with extended numbers (1) only the ICV tells (RFC 4303,
/// appendix A2.2).
void
BmLate(benchmark::State& state)
{
    esp::OutboundSaConfig out;
    esp::InboundSaConfig in;
    FillConfig(out);
    FillConfig(in);
    out.extendedSequenceNumbers = in.extendedSequenceNumbers = state.range(0) == 1;
    const auto sender = esp::OutboundSa::Create(out);
    const auto receiver = esp::InboundSa::Create(in);
    constexpr std::uint64_t kTop = 1000;
    const Bytes inner = bench::InnerPacket(kLatePacket);
    const auto seal = [&](std::uint64_t number)
    {
        esp::PacketBuffer buffer;
        std::memcpy(buffer.Reset(inner.size()), inner.data(), inner.size());
        sender->Seal(buffer, number);
        return buffer;
    };
    esp::PacketBuffer newest = seal(kTop);
    receiver->Open(newest, wire::kIpv4HeaderSize);
    const esp::PacketBuffer late = seal(1);
    esp::PacketBuffer buffer;
    for (auto _ : state)
    {
        std::memcpy(buffer.Reset(late.Size()), late.Data(), late.Size());
        if (receiver->Open(buffer, wire::kIpv4HeaderSize).drop == esp::DropReason::None)
        {
            state.SkipWithError("a late packet was taken");
            break;
        }
    }
}

void
BmSealOpenBare(benchmark::State& state)
{
    bench::BareGcm gcm;
    const Bytes inner = bench::InnerPacket(static_cast<std::size_t>(state.range(0)));
    Bytes text(inner.size() + 16);
    const std::uint8_t aad[8] = {0, 0, 0x10, 0, 0, 0, 0, 1};
    std::uint64_t number = 0;
    for (auto _ : state)
    {
        std::memcpy(text.data(), inner.data(), inner.size());
        if (!gcm.Run(aad, text.data(), static_cast<int>(inner.size()), ++number))
        {
            state.SkipWithError("tag");
            break;
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void
BmWindow(benchmark::State& state)
{
    esp::ReplayWindow window(static_cast<std::uint32_t>(state.range(0)));
    // A stream in which every other pair is swapped: half the numbers lie in the window.
    std::uint64_t next = 0;
    for (auto _ : state)
    {
        const std::uint64_t number = (next ^ 1) + 1;
        ++next;
        if (window.Check(number) == esp::WindowVerdict::Fresh)
        {
            window.Advance(number);
        }
        benchmark::DoNotOptimize(window);
    }
}

/// The check of numbers in so many subspaces in turn, whose windows an array or a hash finds.
void
BmSubspaces(benchmark::State& state)
{
    const auto count = static_cast<std::uint32_t>(state.range(0));
    const auto index = state.range(1) == 0 ? esp::SubspaceIndex::Array : esp::SubspaceIndex::Hash;
    esp::SequenceReceiver receiver(esp::SequenceScheme::Sub64(count), {}, index);
    std::uint64_t packet = 0;
    for (auto _ : state)
    {
        const esp::SequenceNumber sent{static_cast<std::uint16_t>(packet % count),
                                       packet / count + 1};
        ++packet;
        const auto guess = receiver.CheckSent(sent);
        if (guess.drop != esp::DropReason::None || receiver.Accept(guess) != guess.drop)
        {
            state.SkipWithError("a number was refused");
            break;
        }
    }
}

/// Lines of memory in one random round, each of which says where the next one is.
class Chase
{
  public:
    explicit Chase(std::size_t octets)
        : m_lines(octets / sizeof(Line))
    {
        // Sattolo's shuffle makes a permutation of one cycle.
        std::vector<std::uint32_t> order(m_lines.size());
        std::iota(order.begin(), order.end(), 0U);
        std::mt19937_64 random(1);
        for (std::size_t i = order.size() - 1; i > 0; --i)
        {
            std::swap(order[i], order[random() % i]);
        }
        for (std::size_t i = 0; i < order.size(); ++i)
        {
            m_lines[i].next = order[i];
        }
    }

    std::uint32_t Follow(std::uint32_t place) const
    {
        return m_lines[place].next;
    }

  private:
    struct alignas(64) Line
    {
        std::uint32_t next{0};
    };

    std::vector<Line> m_lines;
};

/// What it takes to read a line at a place that the one before told, in so many octets.
void
BmChase(benchmark::State& state)
{
    static std::map<std::int64_t, std::unique_ptr<Chase>> made;
    auto& chase = made[state.range(0)];
    if (!chase)
    {
        chase = std::make_unique<Chase>(static_cast<std::size_t>(state.range(0)));
    }
    std::uint32_t place = 0;
    for (auto _ : state)
    {
        place = chase->Follow(place);
        benchmark::DoNotOptimize(place);
    }
}

ike::PeerConfig
Peer(bool initiator)
{
    ike::PeerConfig peer;
    peer.name = "peer";
    const ike::TransportAddress a{IpAddress::V4(kSourceOuter), wire::kIkePort};
    const ike::TransportAddress b{IpAddress::V4(kDestinationOuter), wire::kIkePort};
    peer.local = initiator ? a : b;
    peer.remote = initiator ? b : a;
    peer.localId = ike::Identity::Fqdn(initiator ? "a.example" : "b.example");
    peer.remoteId = ike::Identity::Fqdn(initiator ? "b.example" : "a.example");
    peer.preSharedKey = Bytes(16, 0x55);
    const auto left = *TrafficSelector::FromString("10.1.0.0/16");
    const auto right = *TrafficSelector::FromString("10.2.0.0/16");
    peer.localSelectors = {initiator ? left : right};
    peer.remoteSelectors = {initiator ? right : left};
    return peer;
}

/// Hands over what one end wants to send until it has nothing more.
bool
Carry(ike::IkeEndpoint& from, ike::IkeEndpoint& to)
{
    bool any = false;
    while (auto datagram = from.PollTransmit())
    {
        any = true;
        to.HandleDatagram(ike::Instant{0},
                          ike::Path{datagram->path.remote, datagram->path.local},
                          datagram->octets);
    }
    return any;
}

void
BmHandshakeModel(benchmark::State& state)
{
    CountingRandom random(1);
    for (auto _ : state)
    {
        ike::IkeEndpoint a(random);
        ike::IkeEndpoint b(random);
        a.AddPeer(Peer(true));
        b.AddPeer(Peer(false));
        a.Initiate(ike::Instant{0}, "peer");
        while (Carry(a, b) || Carry(b, a))
        {
        }
        if (a.EstablishedCount() != 1 || b.EstablishedCount() != 1)
        {
            state.SkipWithError("handshake failed");
            break;
        }
    }
}

/// The operations of one side of a handshake, over OpenSSL without anything between: Curve25519,
/// PRF-HMAC-SHA2-256 and AES-128-GCM. The counts are those of the model's default suite.
class BareSide
{
  public:
    explicit BareSide(crypto::RandomSource& random)
    {
        const Bytes secret = random.Take(kKey);
        m_key = EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, secret.data(), kKey);
        std::size_t length = kKey;
        EVP_PKEY_get_raw_public_key(m_key, m_public.data(), &length);
    }

    ~BareSide()
    {
        EVP_PKEY_free(m_key);
    }

    bool Agree(const BareSide& peer)
    {
        EVP_PKEY* const other =
            EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, peer.m_public.data(), kKey);
        EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_pkey(nullptr, m_key, nullptr);
        std::size_t length = kKey;
        const bool agreed = EVP_PKEY_derive_init(context) == 1 &&
                            EVP_PKEY_derive_set_peer_ex(context, other, 0) == 1 &&
                            EVP_PKEY_derive(context, m_shared.data(), &length) == 1;
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(other);
        return agreed;
    }

    /// SKEYSEED, then SK_* (136 octets) and KEYMAT (40), then both AUTH payloads.
    void DeriveKeys()
    {
        constexpr std::size_t kMessage = 200; // about what IKE_SA_INIT and a nonce have
        m_shared = Hash(m_shared, kKey, 1);
        Hash(m_shared, 2 * kKey + 16, 5);
        Hash(m_shared, 2 * kKey, 2);
        for (int side = 0; side < 2; ++side)
        {
            Hash(m_shared, 16, 1);            // prf(SK_p, ID)
            Hash(m_shared, 17, 1);            // prf(secret, "Key Pad for IKEv2")
            Hash(m_shared, kMessage + 64, 1); // prf(..., signed octets)
        }
    }

    /// Both messages of IKE_AUTH: one goes out, one comes in.
    bool ProtectMessages()
    {
        bench::BareGcm gcm;
        std::array<std::uint8_t, kAuthText + 16> text{};
        const std::uint8_t aad[8] = {};
        return gcm.Run(aad, text.data(), kAuthText, 1);
    }

  private:
    static constexpr std::size_t kKey = 32;
    static constexpr int kAuthText = 160; ///< plaintext of an IKE_AUTH message, about
    using Block = std::array<std::uint8_t, kKey>;

    /// `blocks` times the PRF with one key, over `length` octets each.
    static Block Hash(const Block& key, std::size_t length, unsigned blocks)
    {
        static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        static char digest[] = "SHA2-256";
        static const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end()};
        static const std::array<std::uint8_t, 512> data{};
        Block out{};
        EVP_MAC_CTX* const mac = EVP_MAC_CTX_new(hmac);
        EVP_MAC_init(mac, key.data(), key.size(), params);
        for (unsigned i = 0; i < blocks; ++i)
        {
            if (i > 0)
            {
                EVP_MAC_init(mac, nullptr, 0, nullptr);
            }
            EVP_MAC_update(mac, data.data(), length);
            EVP_MAC_final(mac, out.data(), nullptr, out.size());
        }
        EVP_MAC_CTX_free(mac);
        return out;
    }

    EVP_PKEY* m_key;
    Block m_public{};
    Block m_shared{};
};

/// The floor: the Diffie-Hellman, PRF and AEAD operations of both ends.
void
BmHandshakeBare(benchmark::State& state)
{
    CountingRandom random(1);
    for (auto _ : state)
    {
        BareSide a(random);
        BareSide b(random);
        if (!a.Agree(b) || !b.Agree(a))
        {
            state.SkipWithError("agreement failed");
            break;
        }
        for (BareSide* side : {&a, &b})
        {
            side->DeriveKeys();
            benchmark::DoNotOptimize(side->ProtectMessages());
        }
    }
}

BENCHMARK(BmSealOpenModel)->Arg(64)->Arg(576)->Arg(1400)->Name("seal+open/model");
BENCHMARK(BmSealOpenBare)->Arg(64)->Arg(576)->Arg(1400)->Name("seal+open/bare");
BENCHMARK(BmWindow)->RangeMultiplier(4)->Range(64, 65536)->Name("window");
BENCHMARK(BmChase)->RangeMultiplier(4)->Range(1 << 14, 1 << 28)->Name("chase");
BENCHMARK(BmSubspaces)->ArgsProduct({{16, 1000}, {0, 1}})->Name("subspaces");
BENCHMARK(BmLate)->DenseRange(0, 1)->Name("late");
BENCHMARK(BmScheme)->DenseRange(0, 4)->Name("scheme");
BENCHMARK(BmHandshakeModel)->Name("handshake/model");
BENCHMARK(BmHandshakeBare)->Name("handshake/bare");

} // namespace

int
main(int argc, char** argv)
{
    bench::MedianReporter reporter;
    if (!bench::RunBenchmarks(argc, argv, reporter))
    {
        return 2;
    }
    std::printf("\nRatios of medians, this run\n");
    for (const char* size : {"64", "576", "1400"})
    {
        const std::string label = std::string("ESP seal+open / bare AES-128-GCM, ") + size + " B";
        reporter.PrintRatio(label,
                            std::string("seal+open/model/") + size,
                            std::string("seal+open/bare/") + size);
    }
    reporter.PrintRatio("window of 65536 / window of 64", "window/65536", "window/64");
    for (const char* count : {"16", "1000"})
    {
        const std::string name = std::string("subspaces/") + count;
        reporter.PrintRatio(std::string(count) + " subspaces found by a hash / by an array",
                            name + "/1",
                            name + "/0");
    }
    for (std::size_t i = 1; i < bench::kSchemes.size(); ++i)
    {
        const std::string label = std::string("seal and open 64 octets, ") +
                                  esp::Name(bench::kSchemes[i].kind) + " / 32bit";
        reporter.PrintRatio(label, "scheme/" + std::to_string(i), "scheme/0");
    }
    reporter.PrintRatio("a late packet of 1400 octets, esn / 32bit", "late/1", "late/0");
    reporter.PrintRatio("  esn / one that is opened and sealed", "late/1", "seal+open/model/1400");
    reporter.PrintRatio("handshake / its bare DH, PRF, AEAD operations",
                        "handshake/model/",
                        "handshake/bare/");
    return 0;
}
