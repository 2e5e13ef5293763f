/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/fragmentation.h"

#include "tests/unit/capture-reader.h"
#include "tests/unit/ike-pair.h"
#include "tests/unit/test-pki.h"

#include <numeric>

// IKEv2 message fragmentation (RFC 7383).

namespace ipseclab::test
{
namespace
{

using ike::FragmentQueue;
using ike::OpenError;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;

const crypto::CipherSuite kGcm;
const crypto::CipherSuite kCbc{crypto::EncryptionId::AesCbc,
                               128,
                               crypto::IntegrityId::HmacSha2_256_128};

std::unique_ptr<crypto::PayloadCipher>
MakeCipher(const crypto::CipherSuite& suite, crypto::Direction direction)
{
    const auto traits = *crypto::FindTraits(suite);
    return crypto::PayloadCipher::Create(suite,
                                         Pattern(traits.KeyingMaterial(), 1),
                                         Pattern(traits.integrityKeyLength, 2),
                                         direction);
}

wire::PayloadList
MakeInner(std::size_t octets)
{
    return {wire::MakePayload(PayloadType::IdI, wire::IdPayload{}),
            wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{Pattern(octets, 3)})};
}

/// Both ends of one direction.
struct Line
{
    explicit Line(const crypto::CipherSuite& suite = kGcm)
        : sealer(MakeCipher(suite, crypto::Direction::Seal)),
          opener(MakeCipher(suite, crypto::Direction::Open))
    {
    }

    std::vector<Bytes> Seal(std::size_t octets, std::size_t limit, std::uint32_t messageId = 1)
    {
        wire::IkeHeader header;
        header.initiatorSpi = 1;
        header.responderSpi = 2;
        header.exchange = wire::ExchangeType::IkeAuth;
        header.messageId = messageId;
        return ike::SealFragments(header, MakeInner(octets), *sealer, sealed, limit);
    }

    tl::expected<ike::OpenedPayload, OpenError> Add(const Bytes& datagram)
    {
        return queue.Add(datagram, *opener);
    }

    /// The reason why a datagram completed nothing.
    OpenError Error(const Bytes& datagram)
    {
        return Add(datagram).error();
    }

    std::unique_ptr<crypto::PayloadCipher> sealer;
    std::unique_ptr<crypto::PayloadCipher> opener;
    std::uint64_t sealed{0};
    FragmentQueue queue;
};

TEST(Fragmentation, EveryLengthFitsTheLimitAndComesBack)
{
    for (const auto& suite : {kGcm, kCbc})
    {
        for (std::size_t octets = 16; octets < 900; octets += 13)
        {
            for (const std::size_t limit : {224U, 225U, 300U, 544U})
            {
                Line line(suite);
                const auto messages = line.Seal(octets, limit);
                EXPECT_EQ(line.sealed, messages.size()) << "an IV each";
                for (std::size_t i = 0; i < messages.size(); ++i)
                {
                    EXPECT_LE(messages[i].size(), limit);
                    EXPECT_EQ(ike::IsFragment(messages[i]), messages.size() > 1);
                    if (messages.size() == 1)
                    {
                        EXPECT_EQ(ike::OpenMessage(messages[0], *line.opener)->payloads,
                                  MakeInner(octets));
                        continue;
                    }
                    const auto result = line.Add(messages[i]);
                    EXPECT_EQ(result.has_value(), i + 1 == messages.size());
                    if (result)
                    {
                        EXPECT_EQ(result->payloads, MakeInner(octets));
                        EXPECT_EQ(result->firstFragment, messages[0]);
                    }
                }
            }
        }
    }
}

TEST(Fragmentation, OrderDoesNotMatter)
{
    Line line;
    auto messages = line.Seal(1000, 300);
    std::vector<std::size_t> order(messages.size());
    ASSERT_EQ(messages.size(), 5U);
    std::iota(order.begin(), order.end(), 0U);
    do
    {
        for (std::size_t i = 0; i < order.size(); ++i)
        {
            const auto result = line.Add(messages[order[i]]);
            ASSERT_EQ(result.has_value(), i == 4);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

// RFC 7383, section 2.6, in the order of its checks.
TEST(Fragmentation, RulesOfTheReceiver)
{
    Line line;
    const auto four = line.Seal(750, 300);
    const auto five = line.Seal(750, 240);
    ASSERT_EQ(four.size(), 4U);
    ASSERT_EQ(five.size(), 5U);
    const auto withNumbers = [&](std::uint16_t number, std::uint16_t total)
    {
        Bytes changed = four[0];
        StoreBe16(changed.data() + 32, number);
        StoreBe16(changed.data() + 34, total);
        return changed;
    };
    EXPECT_EQ(line.Error(withNumbers(0, 4)), OpenError::Discarded);
    EXPECT_EQ(line.Error(withNumbers(1, 0)), OpenError::Discarded);
    EXPECT_EQ(line.Error(withNumbers(5, 4)), OpenError::Discarded);
    EXPECT_EQ(line.Error(withNumbers(1, 65535)), OpenError::Discarded) << "more than is stored";
    EXPECT_EQ(line.Error(withNumbers(2, 4)), OpenError::BadIcv) << "the numbers are authentic";
    EXPECT_EQ(line.queue.Size(), 0U);

    EXPECT_EQ(line.Error(four[0]), OpenError::Incomplete);
    EXPECT_EQ(line.Error(four[0]), OpenError::Discarded) << "a replay";
    EXPECT_EQ(line.Error(withNumbers(1, 3)), OpenError::Discarded) << "fewer than before";
    EXPECT_EQ(line.Error(withNumbers(1, 5)), OpenError::BadIcv);
    EXPECT_EQ(line.queue.Size(), 1U) << "a forged total throws nothing away";
    EXPECT_EQ(line.Error(four[1]), OpenError::Incomplete);
    EXPECT_EQ(line.Error(five[2]), OpenError::Incomplete) << "the sender has begun anew";
    EXPECT_EQ(line.queue.Size(), 1U);
    EXPECT_EQ(line.Error(four[2]), OpenError::Discarded);
    for (const std::size_t i : {0U, 1U, 3U})
    {
        EXPECT_EQ(line.Error(five[i]), OpenError::Incomplete);
    }
    const auto whole = line.Add(five[4]);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->payloads, MakeInner(750));
}

TEST(Fragmentation, AnotherMessageClearsTheQueue)
{
    Line line;
    const auto first = line.Seal(700, 300, 1);
    const auto second = line.Seal(700, 300, 2);
    EXPECT_EQ(line.Error(first[0]), OpenError::Incomplete);
    EXPECT_EQ(line.Error(second[1]), OpenError::Incomplete);
    EXPECT_EQ(line.queue.Size(), 1U);
}

TEST(Fragmentation, MemoryIsBounded)
{
    Line line;
    const auto messages = line.Seal(60000, 65000);
    ASSERT_EQ(messages.size(), 1U);
    // Two fragments of 40000 octets: authentic, yet more than any UDP datagram could hold.
    wire::IkeHeader header;
    header.messageId = 1;
    const auto make = [&](std::uint16_t number)
    {
        wire::EncryptedFragmentPayload skf;
        skf.number = number;
        skf.total = 2;
        skf.body = ike::MakeProtectedBody(Pattern(40000, 1), *line.sealer, line.sealed++);
        const std::size_t length = skf.body.size();
        Bytes message =
            wire::Serialize(header, {wire::MakePayload(PayloadType::EncryptedFragment, skf)});
        ike::SealInPlace(message, length, *line.sealer);
        return message;
    };
    EXPECT_EQ(line.Error(make(1)), OpenError::Incomplete);
    EXPECT_EQ(line.Error(make(2)), OpenError::Discarded);
    EXPECT_EQ(line.queue.Size(), 1U);
}

// strongSwan 5.9.8 with fragments of at most 576 octets: opened, joined, and cut again alike.
TEST(RecordedSession, FragmentsOpenAndAreCutAlike)
{
    const auto session = ReadSession("certs-fragmented-ecp256");
    const auto& sa = session.at("ike_sas").at(0);
    unsigned joined = 0;
    std::map<bool, FragmentQueue> queues;
    std::map<bool, std::vector<Bytes>> received;
    for (const auto& datagram : ReadCapture("certs-fragmented-ecp256"))
    {
        if (!datagram.isIke || !ike::IsFragment(datagram.payload))
        {
            continue;
        }
        const auto& messages = session.at("ike_messages");
        const auto entry =
            std::find_if(messages.begin(),
                         messages.end(),
                         [&](const auto& m) { return m.at("frame") == datagram.frame; });
        ASSERT_NE(entry, messages.end());
        const auto header = wire::ParseHeader(datagram.payload).value();
        const bool response = header.IsResponse();
        const Bytes key = Hex(sa.at("keys"), response ? "sk_er" : "sk_ei");
        const auto opener = crypto::PayloadCipher::Create(kGcm, key, {}, crypto::Direction::Open);
        const auto alone = ike::OpenFragment(datagram.payload, *opener);
        ASSERT_TRUE(alone);
        EXPECT_EQ(ToHex(alone->plaintext), entry->at("plaintext"));
        EXPECT_EQ(alone->number, entry->at("fragment").at("number"));
        EXPECT_EQ(alone->total, entry->at("fragment").at("total"));
        received[response].push_back(datagram.payload);
        const auto whole = queues[response].Add(datagram.payload, *opener);
        if (!entry->contains("reassembled"))
        {
            EXPECT_EQ(whole.error(), OpenError::Incomplete);
            continue;
        }
        ASSERT_TRUE(whole);
        EXPECT_EQ(ToHex(whole->plaintext), entry->at("reassembled"));
        EXPECT_EQ(RecordedNames(whole->payloads), entry->at("payloads"));
        const auto sealer = crypto::PayloadCipher::Create(kGcm, key, {}, crypto::Direction::Seal);
        std::uint64_t ivs = 0;
        const auto again = ike::SealFragments(header, whole->payloads, *sealer, ivs, 544);
        ASSERT_EQ(again.size(), received[response].size());
        for (std::size_t i = 0; i < again.size(); ++i)
        {
            EXPECT_EQ(again[i].size(), received[response][i].size());
        }
        ++joined;
    }
    EXPECT_EQ(joined, 2U);
}

/// A handshake whose IKE_AUTH messages do not fit into one datagram.
struct LongHandshake
{
    LongHandshake()
    {
        for (auto* config : {&atA, &atB})
        {
            const std::string leaf = config == &atA ? "a-rsa" : "b-rsa";
            config->auth.local = config->auth.remote = ike::AuthKind::Signature;
            config->auth.privateKey = LeafKey(leaf);
            config->auth.certificates = {Leaf(leaf)};
            config->auth.trustAnchors = {Authority("root")};
            config->auth.unixTimeAtZero = std::chrono::seconds(kTestTime);
            config->maxIkeDatagram = 576;
        }
    }

    static bool IsSkf(const Pair::Message& message)
    {
        return ike::IsFragment(message.datagram.octets);
    }

    ike::PeerConfig atA = MakePeer(true);
    ike::PeerConfig atB = MakePeer(false);
};

//   A                                   B
//   |-- IKE_AUTH 1/3, 2/3, 3/3 -------->|
//   |<-------- IKE_AUTH 1/3, 2/3, 3/3 --|
TEST(IkeFragmentation, HandshakeInFragments)
{
    LongHandshake h;
    Pair pair(h.atA, h.atB);
    pair.Connect();
    ExpectMirrored(pair);
    EXPECT_EQ(std::count_if(pair.log.begin(), pair.log.end(), LongHandshake::IsSkf),
              static_cast<std::ptrdiff_t>(pair.log.size() - 2));
    EXPECT_GE(pair.log.size(), 8U);
    for (const auto& message : pair.log)
    {
        EXPECT_LE(message.datagram.octets.size(), 576U - 20 - 8 - 4);
    }
    EXPECT_NE(
        wire::FindNotify(Parse(pair.log[0]).payloads, NotifyType::Ikev2FragmentationSupported),
        nullptr);
}

TEST(IkeFragmentation, NoFragmentsUnlessBothWantThem)
{
    for (const bool atA : {true, false})
    {
        LongHandshake h;
        (atA ? h.atA : h.atB).maxIkeDatagram = 0;
        Pair pair(h.atA, h.atB);
        pair.Connect();
        ExpectMirrored(pair);
        EXPECT_EQ(pair.log.size(), 4U);
    }
}

TEST(IkeFragmentation, AnySingleLossIsRepaired)
{
    LongHandshake h;
    for (std::size_t lost = 0; lost < 8; ++lost)
    {
        SCOPED_TRACE(lost);
        Pair pair(h.atA, h.atB);
        pair.copies = [&](const Pair::Message&) { return pair.log.size() - 1 == lost ? 0U : 1U; };
        pair.Initiate();
        pair.RunFor(10s);
        ExpectMirrored(pair);
        EXPECT_GT(pair.a.endpoint.Counters().retransmissions, 0U);
    }
}

TEST(IkeFragmentation, DuplicatesAndDisorderDoNoHarm)
{
    LongHandshake h;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
    {
        SCOPED_TRACE(seed);
        Pair pair(h.atA, h.atB, seed);
        std::mt19937_64 chance(seed);
        pair.holding = true;
        pair.Initiate();
        while (!pair.held.empty())
        {
            const auto message = pair.TakeHeld(chance() % pair.held.size());
            pair.Deliver(message);
            pair.Deliver(message);
        }
        ExpectMirrored(pair);
    }
}

// Only fragment 1 of a request that was answered brings the answer back.
TEST(IkeFragmentation, RepeatedRequestIsAnsweredOnce)
{
    LongHandshake h;
    Pair pair(h.atA, h.atB);
    pair.Connect();
    std::vector<Pair::Message> request;
    std::copy_if(pair.log.begin(),
                 pair.log.end(),
                 std::back_inserter(request),
                 [](const auto& m) { return m.fromA && LongHandshake::IsSkf(m); });
    ASSERT_GE(request.size(), 3U);
    for (std::size_t i = request.size(); i-- > 0;)
    {
        const std::size_t before = pair.log.size();
        pair.Deliver(request[i]);
        EXPECT_EQ(pair.log.size() > before, i == 0);
    }
    EXPECT_EQ(pair.b.endpoint.Counters().responsesResent, 1U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
}

// Forged fragments neither end nor stop the handshake.
TEST(IkeFragmentation, ForgeriesAreCountedAndForgotten)
{
    LongHandshake h;
    Pair pair(h.atA, h.atB);
    pair.holding = true;
    pair.Initiate();
    unsigned forged = 0;
    while (!pair.held.empty())
    {
        const auto message = pair.TakeHeld(0);
        if (LongHandshake::IsSkf(message))
        {
            auto copy = message;
            copy.datagram.octets.back() ^= 1;
            pair.Deliver(copy);
            copy = message;
            StoreBe16(copy.datagram.octets.data() + 34, 200);
            pair.Deliver(copy);
            forged += 2;
        }
        pair.Deliver(message);
    }
    ExpectMirrored(pair);
    // The forgeries of what completes a message come before it, so all of them meet a key.
    EXPECT_EQ(pair.a.endpoint.Counters().badIcv + pair.b.endpoint.Counters().badIcv, forged);
}

} // namespace
} // namespace ipseclab::test
