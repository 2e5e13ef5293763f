/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-message.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

/**
 * \file
 * Laws of the IKE codec over random messages: what is serialised parses back to the same value, and
 * whatever is accepted, however it was damaged, does so too.
 */

namespace ipseclab::wire
{
namespace
{

constexpr std::uint64_t kSeed = 20230917;
constexpr int kMessages = 20000;
constexpr int kDamagesPerMessage = 8;

/// Random values of every kind of payload, all of them legal.
class Generator
{
  public:
    explicit Generator(std::uint64_t seed)
        : m_engine(seed)
    {
    }

    /// Uniform in 0..last.
    std::size_t UpTo(std::size_t last)
    {
        return std::uniform_int_distribution<std::size_t>(0, last)(m_engine);
    }

    std::uint8_t Octet()
    {
        return static_cast<std::uint8_t>(UpTo(255));
    }

    std::uint16_t Word()
    {
        return static_cast<std::uint16_t>(UpTo(65535));
    }

    Bytes Octets(std::size_t size)
    {
        Bytes out(size);
        std::generate(out.begin(), out.end(), [this] { return Octet(); });
        return out;
    }

    Bytes SomeOctets()
    {
        return Octets(UpTo(40));
    }

    IkeMessage Message()
    {
        IkeMessage message;
        message.header.initiatorSpi = m_engine();
        message.header.responderSpi = m_engine();
        message.header.version = static_cast<std::uint8_t>(kIkeVersion2 | UpTo(15));
        message.header.exchange = ExchangeType{Octet()};
        message.header.flags = Octet();
        message.header.messageId = static_cast<std::uint32_t>(m_engine());
        const std::size_t count = UpTo(6);
        for (std::size_t i = 0; i < count; ++i)
        {
            message.payloads.push_back(OpenPayload());
        }
        if (UpTo(2) == 0)
        {
            message.payloads.push_back(LastPayload());
        }
        message.header.nextPayload = FirstType(message.payloads);
        message.header.length = static_cast<std::uint32_t>(Serialize(message).size());
        return message;
    }

  private:
    template <typename Make>
    auto List(std::size_t most, Make make)
    {
        std::vector<decltype(make())> list;
        for (std::size_t left = UpTo(most); left > 0; --left)
        {
            list.push_back(make());
        }
        return list;
    }

    TransformAttribute Attribute()
    {
        const bool fixed = UpTo(1) == 0;
        return {static_cast<std::uint16_t>(UpTo(0x7fff)), fixed, Octets(fixed ? 2 : UpTo(6))};
    }

    Transform RandomTransform()
    {
        return {TransformType{Octet()}, Word(), List(2, [this] { return Attribute(); })};
    }

    Proposal RandomProposal()
    {
        return {Octet(),
                ProtocolId{Octet()},
                Octets(UpTo(8)),
                List(4, [this] { return RandomTransform(); })};
    }

    TrafficSelector Selector()
    {
        const std::size_t size = UpTo(1) == 0 ? 4 : 16;
        TrafficSelector selector;
        selector.protocol = Octet();
        selector.startPort = Word();
        selector.endPort = Word();
        selector.start = *IpAddress::FromOctets(Octets(size));
        selector.end = *IpAddress::FromOctets(Octets(size));
        return selector;
    }

    DeletePayload RandomDelete()
    {
        const std::uint8_t size = static_cast<std::uint8_t>(UpTo(8));
        return {ProtocolId{Octet()}, size, List(size == 0 ? 0 : 5, [&] { return Octets(size); })};
    }

    ConfigurationPayload Configuration()
    {
        return {Octet(),
                List(4,
                     [this] {
                         return ConfigurationAttribute{static_cast<std::uint16_t>(UpTo(0x7fff)),
                                                       SomeOctets()};
                     })};
    }

    PayloadBody Body(PayloadType type)
    {
        switch (type)
        {
        case PayloadType::Sa:
            return SaPayload{List(3, [this] { return RandomProposal(); })};
        case PayloadType::Ke:
            return KePayload{Word(), SomeOctets()};
        case PayloadType::IdI:
        case PayloadType::IdR:
            return IdPayload{IdType{Octet()}, {Octet(), Octet(), Octet()}, SomeOctets()};
        case PayloadType::Cert:
        case PayloadType::CertReq:
            return CertPayload{Octet(), SomeOctets()};
        case PayloadType::Auth:
            return AuthPayload{AuthMethod{Octet()}, SomeOctets()};
        case PayloadType::Nonce:
            return NoncePayload{SomeOctets()};
        case PayloadType::Notify:
            return NotifyPayload{ProtocolId{Octet()},
                                 Octets(UpTo(8)),
                                 NotifyType{Word()},
                                 SomeOctets()};
        case PayloadType::Delete:
            return RandomDelete();
        case PayloadType::VendorId:
            return VendorIdPayload{SomeOctets()};
        case PayloadType::TsI:
        case PayloadType::TsR:
            return TsPayload{List(4, [this] { return Selector(); }),
                             List(2,
                                  [this] {
                                      return OtherSelector{
                                          static_cast<std::uint8_t>(0x80 | Octet()),
                                          Octet(),
                                          SomeOctets()};
                                  })};
        case PayloadType::Encrypted:
            return EncryptedPayload{PayloadType{Octet()}, SomeOctets()};
        case PayloadType::EncryptedFragment:
            return EncryptedFragmentPayload{PayloadType{Octet()}, Word(), Word(), SomeOctets()};
        case PayloadType::Configuration:
            return Configuration();
        case PayloadType::Eap:
            return EapPayload{SomeOctets()};
        case PayloadType::None:
            break;
        }
        return UnknownPayload{SomeOctets()};
    }

    Payload Make(PayloadType type)
    {
        return {type, UpTo(1) == 0, Body(type)};
    }

    /// Any payload that may stand before others, unknown ones included.
    Payload OpenPayload()
    {
        for (;;)
        {
            const PayloadType type{static_cast<std::uint8_t>(30 + UpTo(25))};
            if (type != PayloadType::Encrypted && type != PayloadType::EncryptedFragment)
            {
                return Make(type);
            }
        }
    }

    Payload LastPayload()
    {
        return Make(UpTo(1) == 0 ? PayloadType::Encrypted : PayloadType::EncryptedFragment);
    }

    std::mt19937_64 m_engine;
};

/// Makes the header's Length agree, so that damage reaches what lies behind that check.
void
FixLength(Bytes& octets)
{
    if (octets.size() >= IkeHeader::kSize)
    {
        StoreBe32(&octets[24], static_cast<std::uint32_t>(octets.size()));
    }
}

void
Damage(Bytes& octets, Generator& random)
{
    const std::size_t at = random.UpTo(octets.size() - 1);
    switch (random.UpTo(4))
    {
    case 0:
        octets[at] = random.Octet();
        break;
    case 1:
        octets[at] = static_cast<std::uint8_t>(octets[at] ^ (1U << random.UpTo(7)));
        break;
    case 2:
        octets.resize(at + 1);
        break;
    case 3:
        octets.insert(octets.begin() + static_cast<std::ptrdiff_t>(at), random.Octet());
        break;
    default:
        octets[at] = static_cast<std::uint8_t>(octets[at] + (random.UpTo(1) == 0 ? 1 : 0xff));
        break;
    }
    FixLength(octets);
}

TEST(IkeMessageProperty, SerialisedMessagesParseBack)
{
    Generator random(kSeed);
    for (int i = 0; i < kMessages; ++i)
    {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", message " + std::to_string(i));
        const IkeMessage message = random.Message();
        const Bytes octets = Serialize(message);
        const auto parsed = ParseMessage(octets);
        ASSERT_TRUE(parsed) << Name(parsed.error());
        ASSERT_EQ(*parsed, message);
        ASSERT_EQ(Serialize(*parsed), octets);
    }
}

TEST(IkeMessageProperty, DamagedMessagesAreRefusedOrConsistent)
{
    Generator random(kSeed + 1);
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < kMessages; ++i)
    {
        SCOPED_TRACE("seed " + std::to_string(kSeed + 1) + ", message " + std::to_string(i));
        Bytes octets = Serialize(random.Message());
        for (int damage = 0; damage < kDamagesPerMessage; ++damage)
        {
            Damage(octets, random);
            auto parsed = ParseMessage(octets);
            if (!parsed)
            {
                ++refused;
                continue;
            }
            ++accepted;
            const Bytes again = Serialize(*parsed);
            ASSERT_LE(again.size(), octets.size());
            // Selectors of unknown type are dropped, which makes the message shorter.
            parsed->header.length = static_cast<std::uint32_t>(again.size());
            const auto twice = ParseMessage(again);
            ASSERT_TRUE(twice) << Name(twice.error());
            ASSERT_EQ(*twice, *parsed);
        }
    }
    // The damage must reach both outcomes, or the test says nothing.
    EXPECT_GT(accepted, kMessages / 10);
    EXPECT_GT(refused, kMessages / 10);
}

TEST(IkeMessageProperty, EveryTruncationIsRefused)
{
    Generator random(kSeed + 2);
    for (int i = 0; i < kMessages / 20; ++i)
    {
        SCOPED_TRACE("seed " + std::to_string(kSeed + 2) + ", message " + std::to_string(i));
        const Bytes octets = Serialize(random.Message());
        for (std::size_t size = 0; size < octets.size(); ++size)
        {
            ASSERT_FALSE(ParseMessage(ByteSpan(octets).first(size))) << size;
        }
    }
}

} // namespace
} // namespace ipseclab::wire
