/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/authentication.h"
#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/optimized-rekey.h"
#include "model/ike/extensions/path-sizes.h"
#include "model/ike/extensions/session-resumption.h"
#include "model/ike/extensions/ts-dscp.h"
#include "model/ike/ike-endpoint.h"
#include "tests/unit/test-pki.h"

#include <array>
#include <cstdio>
#include <cstdlib>

/**
 * \file
 * A whole responder in the hands of a peer that knows the keys. The input is a script: each step
 * sends raw octets, a genuine message that was damaged, or a chain of any octets that is sealed as
 * it should be, in SK or in SKF, so that what lies behind the ICV is reached; or it has the
 * responder begin an exchange, or answers one. At the end only what is established may be left.
 *
 * All that the peer computes, signatures and its half of the key exchange, is computed once for
 * each configuration and then repeated: the responder draws the same numbers in each session.
 */

namespace
{

using namespace ipseclab;
using namespace std::chrono_literals;

constexpr std::size_t kMaxSteps = 64;

void
Require(bool condition, const char* law)
{
    if (!condition)
    {
        std::fprintf(stderr, "broken law: %s\n", law);
        std::abort();
    }
}

constexpr unsigned kPlainKinds = 30; ///< of MakePeer; as many again agree on more

/// AGGFRAG, classes by DSCP in one of two forms, and sizes of packets.
std::vector<ike::ExtensionFactory>
Agreements(unsigned kind)
{
    const std::vector<DscpSet> classes{ToDscpSet(Bytes{10, 26}), ToDscpSet(Bytes{46})};
    ike::DscpNotificationConfig notification;
    notification.own.classes = classes;
    ike::TsDscpConfig selector;
    selector.own.classes = classes;
    return {ike::UseAggfrag(),
            kind % 2 == 0 ? ike::DscpNotification(notification) : ike::TsDscp(selector),
            ike::PathSizeNotifications({})};
}

ike::PeerConfig
MakePeer(bool initiator, unsigned kind)
{
    const IpAddress a = IpAddress::V4(0xc0000201);
    const IpAddress b = IpAddress::V4(0xc0000202);
    const auto anything = TrafficSelector::FromString("0.0.0.0-255.255.255.255");
    ike::PeerConfig peer;
    peer.name = "peer";
    peer.local.address = initiator ? a : b;
    peer.remote.address = initiator ? b : a;
    peer.localId = ike::Identity::Fqdn(initiator ? "a.example" : "b.example");
    peer.remoteId = ike::Identity::Fqdn(initiator ? "b.example" : "a.example");
    peer.preSharedKey = {1, 2, 3};
    peer.localSelectors = {*anything};
    peer.remoteSelectors = {*anything};
    if (kind % 2 == 1)
    {
        const auto issuer = std::make_shared<ike::TicketIssuer>(ike::TicketIssuer::Kind::ByValue,
                                                                std::chrono::hours(1));
        peer.extensions = {ike::OptimizedRekey(), ike::SessionResumption(nullptr, issuer)};
    }
    if (kind >= kPlainKinds)
    {
        const auto more = Agreements(kind);
        peer.extensions.insert(peer.extensions.end(), more.begin(), more.end());
    }
    if (kind % 3 == 1)
    {
        peer.auth.local = peer.auth.remote = ike::AuthKind::Null;
    }
    if (kind % 3 == 2)
    {
        static const auto root = test::Authority("root");
        static const auto leaf = test::Leaf("a-p256");
        static const auto key = test::LeafKey("a-p256");
        (initiator ? peer.auth.local : peer.auth.remote) = ike::AuthKind::Signature;
        peer.auth.privateKey = key;
        peer.auth.certificates = {leaf};
        peer.auth.trustAnchors = {root};
        peer.auth.unixTimeAtZero = std::chrono::seconds(test::kTestTime);
    }
    if (kind % 5 == 4)
    {
        peer.childSuites.front().group = crypto::GroupId::Curve25519;
        peer.childSuites.front().additional = {crypto::GroupId::Ecp256};
    }
    return peer;
}

constexpr unsigned kKinds = 2 * kPlainKinds;

/// What the peer sends first and how it proves itself, of one kind.
struct Handshake
{
    explicit Handshake(unsigned kind)
        : atA(MakePeer(true, kind))
    {
        test::TestRandom random(1);
        test::TestRandom responderRandom(2);
        ike::IkeEndpoint responder(responderRandom);
        Require(responder.AddPeer(MakePeer(false, kind)), "the configuration is complete");
        ike::InitInitiator begin(ike::Instant{0}, atA, 0x0102030405060708, random);
        request = begin.Request();
        responder.HandleDatagram(ike::Instant{0}, {atA.remote, atA.local}, request);
        auto datagram = responder.PollTransmit();
        Require(datagram.has_value(), "a genuine request is answered");
        response = std::move(datagram->octets);
        const auto message = wire::ParseMessage(response);
        Require(message.has_value(), "the answer can be read");
        auto reaction = begin.HandleResponse(*message, response);
        Require(std::holds_alternative<ike::InitResult>(reaction), "the answer is good");
        init.emplace(std::get<ike::InitResult>(std::move(reaction)));
        MakeAuth(random, kind >= kPlainKinds);
    }

    ike::PeerConfig atA;
    Bytes request;
    Bytes response;
    std::optional<ike::InitResult> init;
    wire::PayloadType firstOfAuth{};
    Bytes auth; ///< the payloads of IKE_AUTH

  private:
    void MakeAuth(crypto::RandomSource& random, bool agrees)
    {
        const auto proof = ike::MakeProof(
            {atA, init->channel, init->transcript, init->abilities, true, init->extensions},
            random);
        wire::PayloadList payloads{
            wire::MakePayload(wire::PayloadType::IdI, atA.localId.ToPayload())};
        payloads.insert(payloads.end(), proof->certificates.begin(), proof->certificates.end());
        payloads.push_back(proof->auth);
        payloads.push_back(
            wire::MakePayload(wire::PayloadType::Sa,
                              ike::MakeChildProposals(atA.childSuites, 0x1000, false)));
        for (const auto type : {wire::PayloadType::TsI, wire::PayloadType::TsR})
        {
            payloads.push_back(wire::MakePayload(type, wire::TsPayload{atA.localSelectors}));
        }
        if (agrees)
        {
            const ike::PathSizesConfig sizes;
            payloads.push_back(wire::MakeNotify(wire::NotifyType::UseAggfrag, Bytes{0}));
            payloads.push_back(wire::MakeNotify(wire::NotifyType{sizes.supportedType}, {}));
        }
        firstOfAuth = wire::FirstType(payloads);
        auth = wire::SerializePayloads(payloads);
    }
};

const Handshake&
FindHandshake(unsigned kind)
{
    static std::array<std::unique_ptr<Handshake>, kKinds> made;
    auto& handshake = made[kind];
    if (!handshake)
    {
        handshake = std::make_unique<Handshake>(kind);
    }
    return *handshake;
}

class Session
{
  public:
    explicit Session(unsigned kind)
        : m_handshake(FindHandshake(kind)),
          m_responderRandom(2),
          m_endpoint(m_responderRandom)
    {
        Require(m_endpoint.AddPeer(MakePeer(false, kind)), "the configuration is complete");
        m_genuine = m_handshake.request;
        Send(m_genuine);
        Require(m_answer == m_handshake.response, "the same numbers make the same octets");
        const auto& channel = m_handshake.init->channel;
        m_sealer = crypto::PayloadCipher::Create(channel.Suite().cipher,
                                                 channel.Keys().skEi,
                                                 channel.Keys().skAi,
                                                 crypto::Direction::Seal);
    }

    void Run(ByteReader script)
    {
        for (std::size_t step = 0; step < kMaxSteps && script.Left() > 0; ++step)
        {
            switch (script.U8() % 9)
            {
            case 0:
                SendAuth();
                break;
            case 1:
                SendSealed(script);
                break;
            case 2:
                SendFragment(script);
                break;
            case 3:
                SendDamaged(script);
                break;
            case 4:
                SendRaw(script);
                break;
            case 5:
                Wait(std::chrono::seconds(script.U8()));
                break;
            case 7:
                Command(script.U8());
                break;
            case 8:
                SendAnswer(script);
                break;
            default:
                Send(m_genuine);
            }
        }
        Wait(3h);
        Require(m_endpoint.IkeSaCount() == m_endpoint.EstablishedCount(), "all comes to rest");
    }

  private:
    void Send(const Bytes& octets)
    {
        const Bytes copy = octets;
        m_endpoint.HandleDatagram(m_now, {m_handshake.atA.remote, m_handshake.atA.local}, copy);
        Drain();
    }

    void Drain()
    {
        while (const auto event = m_endpoint.PollEvent())
        {
            const auto* installed = std::get_if<ike::ChildSaInstalled>(&*event);
            m_child = installed ? installed->spiInbound : m_child;
        }
        while (auto datagram = m_endpoint.PollTransmit())
        {
            m_answer = std::move(datagram->octets);
        }
    }

    /// Lets the clock run; an endpoint whose timers never end would hang here.
    void Wait(ike::Duration duration)
    {
        const auto end = m_now + duration;
        while (const auto due = m_endpoint.PollTimeout())
        {
            if (*due > end)
            {
                break;
            }
            m_now = std::max(m_now, *due);
            m_endpoint.HandleTimeout(m_now);
            Drain();
        }
        m_now = end;
    }

    wire::IkeHeader MakeHeader(wire::ExchangeType exchange) const
    {
        wire::IkeHeader header;
        header.initiatorSpi = m_handshake.init->channel.Id().spiI;
        header.responderSpi = m_handshake.init->channel.Id().spiR;
        header.exchange = exchange;
        header.flags = wire::kFlagInitiator;
        header.messageId = m_nextId;
        return header;
    }

    /// A genuine IKE_AUTH request.
    void SendAuth()
    {
        SendText(wire::ExchangeType::IkeAuth, m_handshake.firstOfAuth, m_handshake.auth);
    }

    void SendText(wire::ExchangeType exchange, wire::PayloadType first, ByteSpan text)
    {
        SendText(MakeHeader(exchange), first, text);
        ++m_nextId;
    }

    void SendText(const wire::IkeHeader& header, wire::PayloadType first, ByteSpan text)
    {
        wire::EncryptedPayload sk;
        sk.firstInner = first;
        sk.body = ike::MakeProtectedBody(text, *m_sealer, m_sealed++);
        const std::size_t length = sk.body.size();
        m_genuine = wire::Serialize(header, {wire::MakePayload(wire::PayloadType::Encrypted, sk)});
        ike::SealInPlace(m_genuine, length, *m_sealer);
        Send(m_genuine);
    }

    /// The responder begins an exchange of its own.
    void Command(std::uint8_t choice)
    {
        const ike::IkeSaId& id = m_handshake.init->channel.Id();
        switch (choice % 4)
        {
        case 0:
            m_endpoint.Command(m_now, id, ike::AskForClassSas{});
            break;
        case 1:
            m_endpoint.Command(m_now,
                               id,
                               ike::TellPathSizes{m_child,
                                                  {ike::AtomicPacket{false, 1400},
                                                   ike::EgressLimits{1500, 9000}}});
            break;
        case 2:
            m_endpoint.RekeyChildSa(m_now, m_child);
            break;
        default:
            m_endpoint.CheckLiveness(m_now, id);
        }
        Drain();
    }

    /// Any chain, sealed, in answer to the oldest exchange of the responder.
    void SendAnswer(ByteReader& script)
    {
        wire::IkeHeader header = MakeHeader(TakeExchange(script));
        header.flags |= wire::kFlagResponse;
        header.messageId = m_answered++;
        const auto first = static_cast<wire::PayloadType>(script.U8());
        SendText(header, first, TakeText(script));
    }

    static wire::ExchangeType TakeExchange(ByteReader& script)
    {
        return static_cast<wire::ExchangeType>(34 + script.U8() % 12);
    }

    static ByteSpan TakeText(ByteReader& script)
    {
        const std::size_t length = script.U8() * 4U;
        return script.Span(std::min(length, script.Left()));
    }

    /// Any chain, sealed.
    void SendSealed(ByteReader& script)
    {
        const auto exchange = TakeExchange(script);
        const auto first = static_cast<wire::PayloadType>(script.U8());
        SendText(exchange, first, TakeText(script));
    }

    /// Any fragment, sealed; the script says when its message is over.
    void SendFragment(ByteReader& script)
    {
        const auto exchange = TakeExchange(script);
        wire::EncryptedFragmentPayload skf;
        const std::uint8_t choice = script.U8();
        skf.number = choice & 15;
        skf.total = choice >> 4;
        skf.firstInner = static_cast<wire::PayloadType>(script.U8());
        skf.body = ike::MakeProtectedBody(TakeText(script), *m_sealer, m_sealed++);
        const std::size_t length = skf.body.size();
        m_genuine = wire::Serialize(MakeHeader(exchange),
                                    {wire::MakePayload(wire::PayloadType::EncryptedFragment, skf)});
        ike::SealInPlace(m_genuine, length, *m_sealer);
        Send(m_genuine);
        m_nextId += skf.number == skf.total ? 1 : 0;
    }

    /// The last genuine message with some octets changed, or cut.
    void SendDamaged(ByteReader& script)
    {
        Bytes octets = m_genuine;
        const std::size_t changes = 1 + script.U8() % 4;
        for (std::size_t i = 0; i < changes; ++i)
        {
            const std::size_t at = script.U16() % octets.size();
            octets[at] = static_cast<std::uint8_t>(octets[at] ^ script.U8());
        }
        if (script.U8() % 4 == 0)
        {
            octets.resize(script.U16() % octets.size());
        }
        Send(octets);
    }

    /// Octets of the script, with the SPIs of the SA if it likes.
    void SendRaw(ByteReader& script)
    {
        const bool known = script.U8() % 2;
        const ByteSpan text = TakeText(script);
        Bytes octets(text.begin(), text.end());
        if (known && octets.size() >= wire::IkeHeader::kSize)
        {
            StoreBe64(octets.data(), m_handshake.init->channel.Id().spiI);
            StoreBe64(octets.data() + 8, m_handshake.init->channel.Id().spiR);
            StoreBe32(octets.data() + 24, static_cast<std::uint32_t>(octets.size()));
        }
        Send(octets);
    }

    const Handshake& m_handshake;
    test::TestRandom m_responderRandom;
    ike::IkeEndpoint m_endpoint;
    ike::Instant m_now{0};
    Bytes m_genuine;
    Bytes m_answer;
    std::unique_ptr<crypto::PayloadCipher> m_sealer;
    std::uint64_t m_sealed{0};
    std::uint32_t m_nextId{1};
    std::uint32_t m_answered{0}; ///< requests of the responder
    std::uint32_t m_child{0};    ///< inbound SPI of the last Child SA at the responder
};

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 0)
    {
        Session(data[0] % kKinds).Run(ByteReader(ByteSpan(data + 1, size - 1)));
    }
    return 0;
}
