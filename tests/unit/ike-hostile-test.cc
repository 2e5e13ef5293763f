/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-sa-init.h"

#include "tests/unit/ike-pair.h"

/*
 * What an IKE endpoint gets from peers that err, lie or are not there: messages made by hand,
 * garbage, and genuine messages with octets changed.
 */

namespace ipseclab::test
{
namespace
{

using ike::ChildSaInstalled;
using ike::ChildSaRefused;
using ike::IkeFailure;
using ike::IkeSaClosed;
using ike::IkeSaEstablished;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;
using namespace std::chrono_literals;

wire::Payload
UnknownCritical()
{
    auto payload = wire::MakePayload(static_cast<PayloadType>(200), wire::UnknownPayload{{1, 2}});
    payload.critical = true;
    return payload;
}

/// A responder that follows RFC 7296 but puts what the test wants into its IKE_AUTH response.
class HandmadeResponder
{
  public:
    Bytes AnswerInit(const Bytes& request)
    {
        SeededRandom random(99);
        auto answer = ike::AnswerInit(m_peer,
                                      wire::ParseMessage(request).value(),
                                      request,
                                      {m_peer.local, m_peer.remote},
                                      0x1122334455667788,
                                      random);
        m_init.emplace(std::move(answer.result.value()));
        return answer.response;
    }

    wire::PayloadList OpenAuth(const Bytes& request)
    {
        return m_init->channel.Open(request).value().payloads;
    }

    Bytes SealAuth(const wire::PayloadList& payloads)
    {
        return m_init->channel.Seal(ExchangeType::IkeAuth, 1, true, payloads);
    }

    /// IDr and a correct AUTH, computed here from the formulas alone.
    wire::PayloadList Proof()
    {
        const auto id = m_peer.localId.ToPayload();
        const auto& transcript = m_init->transcript;
        const auto prf = m_init->channel.Suite().prf;
        const Bytes octets = ike::SignedOctets(prf,
                                               transcript.response,
                                               transcript.nonceI,
                                               m_init->channel.Keys().skPr,
                                               id.Body());
        const Bytes auth = ike::SharedKeyAuth(prf, m_peer.preSharedKey, octets);
        return {wire::MakePayload(PayloadType::IdR, id),
                wire::MakePayload(PayloadType::Auth,
                                  wire::AuthPayload{wire::AuthMethod::SharedKey, auth})};
    }

    ike::SecureChannel& Channel()
    {
        return m_init->channel;
    }

  private:
    ike::PeerConfig m_peer = MakePeer(false);
    std::optional<ike::InitResult> m_init;
};

/// A has sent IKE_AUTH to a responder in the hands of the test.
struct HandmadeHandshake
{
    HandmadeHandshake()
    {
        pair.holding = true;
        pair.Initiate();
        pair.Inject(pair.a, responder.AnswerInit(pair.TakeHeld(0).datagram.octets));
        request = responder.OpenAuth(pair.TakeHeld(0).datagram.octets);
    }

    /// A complete response, with these selectors for the responder's side.
    Bytes Answer(const TrafficSelectorList& tsR)
    {
        const auto* offered = wire::Find<wire::SaPayload>(request, PayloadType::Sa);
        const auto choice = ike::ChooseChild({ike::ChildSuite{}}, *offered, false).value();
        auto payloads = responder.Proof();
        payloads.push_back(
            wire::MakePayload(PayloadType::Sa, ike::AnswerChild(choice, 0x1000, false)));
        payloads.push_back(*std::find_if(request.begin(),
                                         request.end(),
                                         [](const auto& p) { return p.type == PayloadType::TsI; }));
        payloads.push_back(wire::MakePayload(PayloadType::TsR, wire::TsPayload{tsR}));
        return responder.SealAuth(payloads);
    }

    Pair pair;
    HandmadeResponder responder;
    wire::PayloadList request;
};

TEST(IkeHostile, HandmadeResponderIsAccepted)
{
    HandmadeHandshake h;
    ASSERT_EQ(h.request.size(), 7U);
    EXPECT_EQ(h.request[0].type, PayloadType::IdI);
    EXPECT_TRUE(wire::FindNotify(h.request, NotifyType::InitialContact));
    EXPECT_EQ(h.request[2].type, PayloadType::IdR);
    h.pair.Inject(h.pair.a, h.Answer(Selectors({"10.2.0.0/16"})));
    EXPECT_EQ(h.pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(h.pair.a.Last<ChildSaInstalled>().spiOutbound, 0x1000U);
}

//   A  offers 10.2.0.0/16               responder
//   |<------- IKE_AUTH {TSr 0/0} -------|  wider than what was offered
//   |-- INFORMATIONAL {Delete child} -->|
TEST(IkeHostile, WidenedSelectorsAreRefusedAndTheChildDeleted)
{
    HandmadeHandshake h;
    h.pair.Inject(h.pair.a, h.Answer(Selectors({"0.0.0.0-255.255.255.255"})));
    EXPECT_EQ(h.pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_TRUE(h.pair.a.All<ChildSaInstalled>().empty());
    EXPECT_EQ(h.pair.a.Last<ChildSaRefused>().reason, NotifyType::TsUnacceptable);
    ASSERT_EQ(h.pair.held.size(), 1U);
    const auto opened = h.responder.Channel().Open(h.pair.held[0].datagram.octets);
    ASSERT_TRUE(opened);
    const auto* del = wire::Find<wire::DeletePayload>(opened->payloads, PayloadType::Delete);
    ASSERT_NE(del, nullptr);
    const auto* offer = wire::Find<wire::SaPayload>(h.request, PayloadType::Sa);
    EXPECT_EQ(del->protocol, wire::ProtocolId::Esp);
    EXPECT_EQ(del->spis, std::vector<Bytes>{offer->proposals[0].spi});
}

TEST(IkeHostile, AuthResponseWithoutProofEndsTheAttempt)
{
    const std::vector<std::pair<NotifyType, IkeFailure>> cases{
        {NotifyType::AuthenticationFailed, IkeFailure::AuthenticationFailed},
        {NotifyType::InvalidSyntax, IkeFailure::InvalidSyntax},
        {NotifyType::UnsupportedCriticalPayload, IkeFailure::UnsupportedCritical},
        {NotifyType::InternalAddressFailure, IkeFailure::PeerRejected},
        {static_cast<NotifyType>(9999), IkeFailure::PeerRejected},
        {NotifyType::InitialContact, IkeFailure::InvalidSyntax}};
    for (const auto& [notify, failure] : cases)
    {
        HandmadeHandshake h;
        h.pair.Inject(h.pair.a, h.responder.SealAuth({wire::MakeNotify(notify)}));
        EXPECT_EQ(h.pair.a.Last<IkeSaClosed>().reason, failure);
        EXPECT_EQ(h.pair.a.endpoint.IkeSaCount(), 0U);
        EXPECT_TRUE(h.pair.held.empty()) << "no Delete for an SA that never was";
    }
}

//   A                                   B
//   |                     forged answer |
//   |<---------------------- /          |  arrives first, well formed, with a key of its own
//   |<------------------ IKE_SA_INIT ---|
//   |-- IKE_AUTH (for the forged) ----->|  does not open
//   |-- IKE_AUTH (for the genuine) ---->|
TEST(IkeHostile, ForgedFirstAnswerDoesNotKeepTheSaDown)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    const auto request = pair.TakeHeld(0);
    HandmadeResponder forger;
    pair.Inject(pair.a, forger.AnswerInit(request.datagram.octets));
    pair.Deliver(request);
    pair.holding = false;
    while (!pair.held.empty())
    {
        pair.Deliver(pair.TakeHeld(0));
    }
    pair.RunUntilQuiet();
    ExpectMirrored(pair);
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
}

// The forger may even speak with the keys it agreed on: its refusal ends only its own attempt.
TEST(IkeHostile, RefusalByTheForgerCountsForTheForgerOnly)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    const auto request = pair.TakeHeld(0);
    HandmadeResponder forger;
    pair.Inject(pair.a, forger.AnswerInit(request.datagram.octets));
    pair.Deliver(request);
    pair.Deliver(pair.TakeHeld(1));
    pair.Inject(pair.a, forger.SealAuth({wire::MakeNotify(NotifyType::AuthenticationFailed)}));
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 1U);
    pair.holding = false;
    pair.RunFor(5s);
    while (!pair.held.empty())
    {
        pair.Deliver(pair.TakeHeld(0));
    }
    pair.RunUntilQuiet();
    ExpectMirrored(pair);
}

/// Sends one request from the hands of the test to B and opens the response; the SA of A is idle.
wire::PayloadList
Ask(Pair& pair, ExchangeType exchange, const wire::PayloadList& payloads)
{
    auto channel = Impersonate(pair, true);
    pair.Inject(pair.b, channel.Seal(exchange, 2, false, payloads));
    return channel.Open(pair.log.back().datagram.octets).value().payloads;
}

TEST(IkeHostile, UnknownCriticalPayloadIsNamedAndTheSaStays)
{
    Pair pair;
    pair.Connect();
    const auto answer = Ask(pair, ExchangeType::Informational, {UnknownCritical()});
    const auto* notify = wire::FindNotify(answer, NotifyType::UnsupportedCriticalPayload);
    ASSERT_NE(notify, nullptr);
    EXPECT_EQ(notify->data, Bytes{200});
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(pair.b.endpoint.Counters().unsupported, 1U);
}

TEST(IkeHostile, UnknownPayloadWithoutCriticalBitIsSkipped)
{
    Pair pair;
    pair.Connect();
    auto payload = UnknownCritical();
    payload.critical = false;
    EXPECT_TRUE(Ask(pair, ExchangeType::Informational, {payload}).empty());
    EXPECT_EQ(pair.b.endpoint.Counters().unsupported, 0U);
}

TEST(IkeHostile, UnknownCriticalPayloadInTheFirstMessages)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    auto first = Parse(pair.log[0]);
    first.payloads.push_back(UnknownCritical());
    pair.Inject(pair.b, wire::Serialize(first));
    const auto answer = Parse(pair.log.at(1));
    const auto* notify = wire::FindNotify(answer.payloads, NotifyType::UnsupportedCriticalPayload);
    ASSERT_NE(notify, nullptr);
    EXPECT_EQ(notify->data, Bytes{200});
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
}

// Authentic, but without SA payload: fatal on both sides, without a Delete.
TEST(IkeHostile, IncompleteCreateChildSaEndsTheSa)
{
    Pair pair;
    pair.Connect();
    const auto answer =
        Ask(pair,
            ExchangeType::CreateChildSa,
            {wire::MakePayload(PayloadType::Nonce, wire::NoncePayload{Bytes(32, 7)})});
    EXPECT_NE(wire::FindNotify(answer, NotifyType::InvalidSyntax), nullptr);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.ChildSaCount(), 0U);
}

TEST(IkeHostile, DeleteOfUnknownSpisIsAnsweredEmpty)
{
    Pair pair;
    pair.Connect();
    const Bytes ours(4, 0x77);
    EXPECT_TRUE(Ask(pair,
                    ExchangeType::Informational,
                    {wire::MakePayload(PayloadType::Delete,
                                       wire::DeletePayload{wire::ProtocolId::Esp, 4, {ours}}),
                     wire::MakePayload(PayloadType::Delete,
                                       wire::DeletePayload{wire::ProtocolId::Ah, 4, {ours}})})
                    .empty());
    EXPECT_TRUE(pair.b.All<ike::ChildSaRemoved>().empty());
}

// Authentic, but a selector payload that contradicts itself: fatal on both sides, without a Delete.
TEST(IkeHostile, MalformedAuthenticRequestEndsTheSa)
{
    Pair pair;
    pair.Connect();
    // The body of TSi is given by hand: one selector is announced, none is there.
    const auto broken = wire::MakePayload(PayloadType::TsI, wire::UnknownPayload{{1, 0, 0, 0}});
    const auto answer = Ask(pair, ExchangeType::Informational, {broken});
    EXPECT_NE(wire::FindNotify(answer, NotifyType::InvalidSyntax), nullptr);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.Last<IkeSaClosed>().reason, IkeFailure::InvalidSyntax);
    EXPECT_EQ(pair.b.All<ike::ChildSaRemoved>().size(), 1U);
}

TEST(IkeHostile, InvalidSyntaxInAResponseEndsTheSa)
{
    Pair pair;
    pair.Connect();
    pair.holding = true;
    pair.a.endpoint.CheckLiveness(pair.now, pair.a.Last<IkeSaEstablished>().id);
    pair.Collect();
    auto channel = Impersonate(pair, false);
    pair.Inject(pair.a,
                channel.Seal(ExchangeType::Informational,
                             2,
                             true,
                             {wire::MakeNotify(NotifyType::InvalidSyntax)}));
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::InvalidSyntax);
}

TEST(IkeHostile, MessagesOutOfPlaceAreCounted)
{
    Pair pair;
    pair.Connect();
    auto channel = Impersonate(pair, true);
    const auto& counters = pair.b.endpoint.Counters();
    const std::size_t sent = pair.log.size();
    pair.Inject(pair.b, channel.Seal(ExchangeType::Informational, 3, false, {}));
    EXPECT_EQ(counters.badMessageId, 1U) << "ahead of the window";
    pair.Inject(pair.b, channel.Seal(ExchangeType::Informational, 1, false, {}));
    EXPECT_EQ(counters.badMessageId, 2U) << "the last id with other octets";
    pair.Inject(pair.b, channel.Seal(ExchangeType::Informational, 0, true, {}));
    EXPECT_EQ(counters.badMessageId, 3U) << "an answer to nothing";
    pair.Inject(pair.b, channel.Seal(ExchangeType::IkeAuth, 2, false, {}));
    EXPECT_EQ(counters.malformed, 1U) << "IKE_AUTH after IKE_AUTH";
    Bytes changed = channel.Seal(ExchangeType::Informational, 2, false, {});
    changed.back() ^= 1;
    pair.Inject(pair.b, changed);
    EXPECT_EQ(counters.badIcv, 1U);
    EXPECT_EQ(pair.log.size(), sent) << "nothing of this is answered";
    changed[15] ^= 1;
    pair.Inject(pair.b, changed);
    EXPECT_EQ(counters.unknownSpi, 1U);
    EXPECT_EQ(counters.invalidIkeSpiSent, 1U);
    EXPECT_TRUE(Ask(pair, ExchangeType::Informational, {}).empty()) << "the SA lives on";
}

TEST(IkeHostile, HigherMajorVersionIsToldOurs)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    Bytes octets = pair.log[0].datagram.octets;
    octets[17] = 0x30;
    pair.Inject(pair.b, octets);
    ASSERT_EQ(pair.log.size(), 2U);
    const auto answer = Parse(pair.log[1]);
    EXPECT_EQ(answer.header.version, wire::kIkeVersion2);
    EXPECT_TRUE(answer.header.IsResponse());
    EXPECT_EQ(answer.header.initiatorSpi, Parse(pair.log[0]).header.initiatorSpi);
    EXPECT_NE(wire::FindNotify(answer.payloads, NotifyType::InvalidMajorVersion), nullptr);
    octets[17] = 0x10;
    pair.Inject(pair.b, octets);
    octets[17] = 0x30;
    octets[19] |= wire::kFlagResponse;
    pair.Inject(pair.b, octets);
    EXPECT_EQ(pair.log.size(), 2U) << "neither version 1 nor a response is answered";
    EXPECT_EQ(pair.b.endpoint.Counters().badVersion, 3U);
    octets = pair.log[0].datagram.octets;
    octets[17] = 0x21;
    pair.Inject(pair.b, octets);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U) << "a higher minor version is no obstacle";
}

TEST(IkeHostile, StrangersGetNothing)
{
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    ike::TransportAddress stranger;
    stranger.address = IpAddress::FromString("198.51.100.1").value();
    pair.b.endpoint.HandleDatagram(pair.now,
                                   {pair.b.peer.local, stranger},
                                   pair.log[0].datagram.octets);
    pair.Collect();
    EXPECT_EQ(pair.log.size(), 1U);
    EXPECT_EQ(pair.b.endpoint.Counters().noPeer, 1U);
}

// 1000 different first messages cost a bounded number of half-open SAs, which then expire.
TEST(IkeHostile, FloodOfFirstMessagesIsBounded)
{
    auto atB = MakePeer(false);
    atB.cookieThreshold = 2000;
    Pair pair(MakePeer(true), atB);
    pair.holding = true;
    pair.Initiate();
    auto first = Parse(pair.log[0]);
    for (std::uint64_t i = 1; i <= 1000; ++i)
    {
        first.header.initiatorSpi = i;
        pair.Inject(pair.b, wire::Serialize(first));
    }
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 64U);
    EXPECT_EQ(pair.b.endpoint.Counters().halfOpenLimit, 936U);
    pair.RunFor(31s);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    pair.Inject(pair.b, wire::Serialize(first));
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 1U) << "there is room again";
}

TEST(IkeHostile, GarbageAtEveryStage)
{
    std::mt19937 engine(42);
    Pair pair;
    pair.holding = true;
    pair.Initiate();
    for (int stage = 0; stage < 4; ++stage)
    {
        for (std::size_t length = 0; length < 500; ++length)
        {
            Bytes garbage(length);
            std::generate(garbage.begin(),
                          garbage.end(),
                          [&] { return static_cast<std::uint8_t>(engine()); });
            pair.Inject(pair.a, garbage);
            pair.Inject(pair.b, garbage);
        }
        // What answers there are (to what looks like a higher version) never arrive.
        const auto genuine =
            std::find_if(pair.held.begin(),
                         pair.held.end(),
                         [](const auto& m) { return m.datagram.octets.size() > 36; });
        ASSERT_NE(genuine, pair.held.end());
        const auto message = *genuine;
        pair.held.clear();
        pair.Deliver(message);
    }
    ExpectMirrored(pair);
}

/// Up to five payloads of any type with bodies of chance, some of them from a genuine message.
wire::PayloadList
RandomPayloads(std::mt19937& engine, const wire::PayloadList& genuine)
{
    wire::PayloadList payloads;
    for (auto left = engine() % 6; left > 0; --left)
    {
        if (!genuine.empty() && engine() % 2 == 0)
        {
            payloads.push_back(genuine[engine() % genuine.size()]);
            continue;
        }
        Bytes body(engine() % 24);
        std::generate(
            body.begin(),
            body.end(),
            [&] { return static_cast<std::uint8_t>(engine() % 4 == 0 ? engine() : engine() % 4); });
        payloads.push_back(wire::MakePayload(static_cast<PayloadType>(33 + engine() % 16),
                                             wire::UnknownPayload{body}));
    }
    return payloads;
}

// The sender has the keys, so nothing but the payloads themselves stands in the way.
TEST(IkeHostile, AuthenticNonsenseInAnAuthResponse)
{
    unsigned established = 0;
    for (std::uint32_t seed = 0; seed < 1000; ++seed)
    {
        std::mt19937 engine(seed);
        HandmadeHandshake h;
        auto payloads = RandomPayloads(engine, h.request);
        const bool proven = seed % 2 == 0;
        if (proven)
        {
            const auto proof = h.responder.Proof();
            payloads.insert(payloads.begin(), proof.begin(), proof.end());
        }
        h.pair.Inject(h.pair.a, h.responder.SealAuth(payloads));
        const std::size_t up = h.pair.a.endpoint.EstablishedCount();
        EXPECT_EQ(up, h.pair.a.All<IkeSaEstablished>().size());
        EXPECT_LE(up, proven ? 1U : 0U) << "never without proof";
        // Down at once, or after the responder was told in vain.
        h.pair.RunFor(up == 0 ? 166s : 0s);
        EXPECT_EQ(h.pair.a.endpoint.IkeSaCount(), up);
        established += static_cast<unsigned>(up);
    }
    EXPECT_GT(established, 0U);
    EXPECT_LT(established, 500U) << "some nonsense does not even parse";
}

TEST(IkeHostile, AuthenticNonsenseInAnAuthRequest)
{
    for (std::uint32_t seed = 0; seed < 1000; ++seed)
    {
        std::mt19937 engine(seed);
        SeededRandom random(seed);
        Pair pair;
        pair.holding = true;
        const auto peer = MakePeer(true);
        ike::InitInitiator initiator(ike::Instant{0}, peer, 0x0102030405060708, random);
        pair.Inject(pair.b, initiator.Request());
        auto reaction = initiator.HandleResponse(Parse(pair.log[0]), pair.log[0].datagram.octets);
        auto& channel = std::get<ike::InitResult>(reaction).channel;
        pair.Inject(pair.b,
                    channel.Seal(ExchangeType::IkeAuth, 1, false, RandomPayloads(engine, {})));
        ASSERT_EQ(pair.log.size(), 2U) << "every authentic request is answered";
        const auto answer = channel.Open(pair.log[1].datagram.octets);
        ASSERT_TRUE(answer);
        EXPECT_NE(wire::FindErrorNotify(answer->payloads), nullptr);
        EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
        EXPECT_TRUE(pair.b.All<IkeSaEstablished>().empty());
    }
}

// 100 attempts without the key, each with as much octets as it can: 64 last answers are kept, and
// those only for as long as a request may be repeated.
TEST(IkeHostile, RemainsOfFailedAttemptsAreFewAndEnd)
{
    Pair pair;
    pair.holding = true;
    const auto peer = MakePeer(true);
    std::vector<Bytes> requests;
    for (std::uint64_t spi = 1; spi <= 100; ++spi)
    {
        SeededRandom random(spi);
        ike::InitInitiator initiator(ike::Instant{0}, peer, spi, random);
        pair.Inject(pair.b, initiator.Request());
        const auto& response = pair.log.back();
        auto reaction = initiator.HandleResponse(Parse(response), response.datagram.octets);
        auto padding = UnknownCritical();
        padding.body = wire::UnknownPayload{Bytes(60000)};
        requests.push_back(std::get<ike::InitResult>(reaction).channel.Seal(ExchangeType::IkeAuth,
                                                                            1,
                                                                            false,
                                                                            {padding}));
        pair.Inject(pair.b, requests.back());
        pair.RunFor(1ms);
    }
    const auto& counters = pair.b.endpoint.Counters();
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    for (std::size_t i = 0; i < requests.size(); ++i)
    {
        pair.Inject(pair.b, requests[i]);
        EXPECT_EQ(counters.responsesResent, i < 36 ? 0U : i - 35) << i;
    }
    EXPECT_EQ(counters.unknownSpi, 36U);
    Bytes changed = requests.back();
    changed.back() ^= 1;
    pair.Inject(pair.b, changed);
    EXPECT_EQ(counters.unknownSpi, 37U) << "only the same request gets the answer";
    EXPECT_TRUE(pair.b.endpoint.PollTimeout());
    pair.RunFor(166s);
    EXPECT_FALSE(pair.b.endpoint.PollTimeout()) << "nothing is left";
    pair.Inject(pair.b, requests.back());
    EXPECT_EQ(counters.unknownSpi, 38U);
    EXPECT_EQ(counters.responsesResent, 64U);
}

TEST(IkeHostile, AuthenticNonsenseAfterwards)
{
    Pair pair;
    pair.Connect();
    auto channel = Impersonate(pair, true);
    std::mt19937 engine(1);
    std::uint32_t id = 2;
    for (unsigned sent = 0; sent < 2000; ++sent)
    {
        const auto exchange =
            engine() % 2 == 0 ? ExchangeType::Informational : ExchangeType::CreateChildSa;
        pair.Inject(pair.b, channel.Seal(exchange, id++, false, RandomPayloads(engine, {})));
        ASSERT_TRUE(channel.Open(pair.log.back().datagram.octets));
        if (pair.b.endpoint.IkeSaCount() == 0)
        {
            pair.b.events.clear();
            pair.a.events.clear();
            pair.holding = false;
            pair.Connect();
            channel = Impersonate(pair, true);
            id = 2;
        }
    }
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), pair.b.endpoint.EstablishedCount());
}

/// One to four changes: an octet, a cut at the end, or octets added.
Bytes
Mutate(Bytes octets, std::mt19937& engine)
{
    const unsigned changes = 1 + engine() % 4;
    for (unsigned i = 0; i < changes && !octets.empty(); ++i)
    {
        const unsigned kind = engine() % 16;
        if (kind == 0)
        {
            octets.resize(engine() % octets.size());
        }
        else if (kind == 1)
        {
            octets.resize(octets.size() + 1 + engine() % 40, static_cast<std::uint8_t>(engine()));
        }
        else
        {
            octets[engine() % octets.size()] = static_cast<std::uint8_t>(engine());
        }
    }
    return octets;
}

/// Runs a handshake and a Delete with one mutated copy before the genuine message at `stage`.
void
RunWithMutation(std::uint32_t seed)
{
    std::mt19937 engine(seed);
    const std::size_t stage = seed % 6;
    Pair pair(MakePeer(true), MakePeer(false), seed);
    std::size_t place = 0;
    const auto forward = [&]
    {
        while (!pair.held.empty())
        {
            const auto message = pair.TakeHeld(0);
            if (place++ == stage)
            {
                const Bytes mutant = Mutate(message.datagram.octets, engine);
                pair.Inject(message.fromA ? pair.b : pair.a, mutant);
            }
            pair.Deliver(message);
        }
    };
    pair.holding = true;
    pair.Initiate();
    forward();
    ExpectMirrored(pair);
    ASSERT_FALSE(pair.a.All<IkeSaEstablished>().empty());
    pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<IkeSaEstablished>().id);
    pair.Collect();
    forward();
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.EstablishedCount(), 0U);
    EXPECT_EQ(pair.a.Last<IkeSaClosed>().reason, IkeFailure::None);
}

TEST(IkeHostile, TenThousandMutationsNeverKeepTheSaDown)
{
    for (std::uint32_t seed = 0; seed < 10000 && !::testing::Test::HasFailure(); ++seed)
    {
        SCOPED_TRACE(seed);
        RunWithMutation(seed);
    }
}

} // namespace
} // namespace ipseclab::test
