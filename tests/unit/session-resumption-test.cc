/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/session-resumption.h"
#include "tests/unit/ike-ledger.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/*
 * Session resumption (RFC 5723).
 */

namespace ipseclab::test
{
namespace
{

using ike::TicketIssuer;
using ike::TicketWallet;
using Kind = TicketIssuer::Kind;
using std::chrono::hours;
using wire::NotifyType;

/// A is the client with a wallet, B the gateway that issues tickets.
struct Resumable
{
    explicit Resumable(Kind kind = Kind::ByValue, ike::Duration lifetime = hours(1))
        : wallet(std::make_shared<TicketWallet>()),
          issuer(std::make_shared<TicketIssuer>(kind, lifetime)),
          pair(Config(true), Config(false))
    {
    }

    ike::PeerConfig Config(bool atA) const
    {
        auto peer = MakePeer(atA);
        peer.extensions.push_back(
            ike::SessionResumption(atA ? wallet : nullptr, atA ? nullptr : issuer));
        return peer;
    }

    /// Up, and then down again, so that there is a ticket.
    void EarnTicket()
    {
        pair.Connect();
        pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<ike::IkeSaEstablished>().id);
        pair.Collect();
        pair.RunUntilQuiet();
        start = pair.log.size();
    }

    std::vector<std::string> Exchanges() const
    {
        std::vector<std::string> lines;
        for (std::size_t i = start; i < pair.log.size(); ++i)
        {
            const auto header = wire::ParseHeader(pair.log[i].datagram.octets).value();
            lines.push_back(std::string(pair.log[i].fromA ? "A " : "B ") +
                            wire::Name(header.exchange));
        }
        return lines;
    }

    std::shared_ptr<TicketWallet> wallet;
    std::shared_ptr<TicketIssuer> issuer;
    Pair pair;
    std::size_t start{0};
};

const std::vector<std::string> kResumed{"A IKE_SESSION_RESUME",
                                        "B IKE_SESSION_RESUME",
                                        "A IKE_AUTH",
                                        "B IKE_AUTH"};

// ---- the formulas once more, on nothing but OpenSSL's HMAC

Bytes
Hmac(const Bytes& key, const Bytes& data)
{
    Bytes out(32);
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         data.data(),
         data.size(),
         out.data(),
         nullptr);
    return out;
}

Bytes
operator+(Bytes a, const Bytes& b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(SessionResumption, NeedsNoKeyExchange)
{
    for (const Kind kind : {Kind::ByValue, Kind::ByReference})
    {
        Resumable r(kind);
        r.EarnTicket();
        const auto ticket = r.pair.a.Last<ike::IkeExtensionReport>();
        ASSERT_TRUE(ticket.As<ike::TicketReceived>());
        EXPECT_TRUE(ticket.As<ike::TicketReceived>()->granted);
        EXPECT_EQ(ticket.As<ike::TicketReceived>()->lifetime, hours(1));
        r.pair.Connect();
        EXPECT_EQ(r.Exchanges(), kResumed);
        ExpectMirrored(r.pair);
        for (std::size_t i = r.start; i < r.start + 2; ++i)
        {
            const auto message = Parse(r.pair.log[i]);
            EXPECT_FALSE(wire::Find<wire::KePayload>(message.payloads, wire::PayloadType::Ke));
            EXPECT_FALSE(wire::Find<wire::SaPayload>(message.payloads, wire::PayloadType::Sa));
        }
        const auto ups = r.pair.a.All<ike::IkeSaEstablished>();
        EXPECT_EQ(ups.at(0).suite, ups.at(1).suite);
        EXPECT_FALSE(ups.at(0).id == ups.at(1).id);
    }
}

TEST(SessionResumption, GoesOnFromResumptionToResumption)
{
    Resumable r;
    r.EarnTicket();
    for (int i = 0; i < 3; ++i)
    {
        r.start = r.pair.log.size();
        r.pair.Connect();
        EXPECT_EQ(r.Exchanges(), kResumed);
        r.pair.a.endpoint.CloseIkeSa(r.pair.now, r.pair.a.Last<ike::IkeSaEstablished>().id);
        r.pair.Collect();
        r.pair.RunUntilQuiet();
    }
}

TEST(SessionResumption, KeysAndAuthAreThoseOfTheFormulas)
{
    Resumable r;
    r.EarnTicket();
    const Bytes oldSkD = r.pair.a.Last<ike::IkeSaEstablished>().keys.skD;
    r.pair.Connect();
    const auto up = r.pair.a.Last<ike::IkeSaEstablished>();
    const auto nonce = [&](std::size_t i)
    {
        return wire::Find<wire::NoncePayload>(Parse(r.pair.log[r.start + i]).payloads,
                                              wire::PayloadType::Nonce)
            ->data;
    };
    const Bytes ni = nonce(0);
    const Bytes nr = nonce(1);
    const Bytes label{'R', 'e', 's', 'u', 'm', 'p', 't', 'i', 'o', 'n'};
    const Bytes skeyseed = Hmac(oldSkD, label + ni + nr);
    Bytes spis(16);
    StoreBe64(spis.data(), up.id.spiI);
    StoreBe64(spis.data() + 8, up.id.spiR);
    Bytes all;
    Bytes last;
    for (std::uint8_t n = 1; all.size() < 136; ++n)
    {
        last = Hmac(skeyseed, last + ni + nr + spis + Bytes{n});
        all = all + last;
    }
    const auto cut = [&](std::size_t at, std::size_t size)
    { return Bytes(all.begin() + std::ptrdiff_t(at), all.begin() + std::ptrdiff_t(at + size)); };
    EXPECT_EQ(up.keys.skD, cut(0, 32));
    EXPECT_EQ(up.keys.skEi, cut(32, 20));
    EXPECT_EQ(up.keys.skEr, cut(52, 20));
    EXPECT_EQ(up.keys.skPi, cut(72, 32));
    EXPECT_EQ(up.keys.skPr, cut(104, 32));
    for (const bool ofInitiator : {true, false})
    {
        const auto payloads = Unseal(r.pair, r.pair.log[r.start + (ofInitiator ? 2 : 3)]);
        const auto* id = wire::Find<wire::IdPayload>(payloads,
                                                     ofInitiator ? wire::PayloadType::IdI
                                                                 : wire::PayloadType::IdR);
        const auto* auth = wire::Find<wire::AuthPayload>(payloads, wire::PayloadType::Auth);
        const Bytes skP = cut(ofInitiator ? 72 : 104, 32);
        const Bytes octets = r.pair.log[r.start + (ofInitiator ? 0 : 1)].datagram.octets +
                             (ofInitiator ? nr : ni) + Hmac(skP, id->Body());
        EXPECT_EQ(auth->data, Hmac(skP, octets));
    }
}

TEST(SessionResumption, WorksUnderTheDemandForACookie)
{
    Resumable r;
    auto demanding = r.Config(false);
    demanding.cookieThreshold = 0;
    Pair pair(r.Config(true), demanding);
    pair.Connect();
    pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<ike::IkeSaEstablished>().id);
    pair.Collect();
    pair.RunUntilQuiet();
    const std::size_t start = pair.log.size();
    pair.Connect();
    ExpectMirrored(pair);
    ASSERT_EQ(pair.log.size(), start + 6);
    const auto again = Parse(pair.log[start + 2]);
    EXPECT_EQ(again.header.exchange, wire::ExchangeType::IkeSessionResume);
    EXPECT_EQ(std::get<wire::NotifyPayload>(again.payloads.front().body).type, NotifyType::Cookie);
    EXPECT_EQ(pair.b.endpoint.Counters().cookiesDemanded, 2U);
}

/*
 *  A  IKE_SESSION_RESUME: Ni, N(TICKET_OPAQUE) -->
 *     <-- N(TICKET_NACK)                            B has lost its tickets
 *     IKE_SA_INIT -->  ...
 */
TEST(SessionResumption, FallsBackWhenTheTicketIsRefused)
{
    for (const Kind kind : {Kind::ByValue, Kind::ByReference})
    {
        Resumable r(kind);
        r.EarnTicket();
        *r.issuer = TicketIssuer(kind, hours(1));
        r.pair.Connect();
        EXPECT_EQ(r.Exchanges(),
                  (std::vector<std::string>{"A IKE_SESSION_RESUME",
                                            "B IKE_SESSION_RESUME",
                                            "A IKE_SA_INIT",
                                            "B IKE_SA_INIT",
                                            "A IKE_AUTH",
                                            "B IKE_AUTH"}));
        ExpectMirrored(r.pair);
        EXPECT_TRUE(
            wire::FindNotify(Parse(r.pair.log[r.start + 1]).payloads, NotifyType::TicketNack));
        EXPECT_EQ(Parse(r.pair.log[r.start + 1]).header.responderSpi, 0U);
    }
}

TEST(SessionResumption, ATicketIsGoodOnceAndForItsLifetime)
{
    for (const Kind kind : {Kind::ByValue, Kind::ByReference})
    {
        SeededRandom random(1);
        TicketIssuer issuer(kind, hours(1));
        const ike::TicketState state{{Bytes(32, 7), {}},
                                     ike::Identity::Fqdn("a"),
                                     ike::Identity::Fqdn("b")};
        const Bytes first = issuer.Issue(hours(0), random, state);
        const Bytes second = issuer.Issue(hours(0), random, state);
        EXPECT_NE(first, second);
        const auto redeemed = issuer.Redeem(hours(0), first);
        ASSERT_TRUE(redeemed);
        EXPECT_EQ(redeemed->sa.skD, state.sa.skD);
        EXPECT_EQ(redeemed->sa.suite, state.sa.suite);
        EXPECT_EQ(redeemed->initiator, state.initiator);
        EXPECT_EQ(redeemed->responder, state.responder);
        EXPECT_FALSE(issuer.Redeem(hours(0), first)) << "used";
        EXPECT_FALSE(issuer.Redeem(hours(1), second)) << "expired";
    }
}

TEST(SessionResumption, EveryForgedTicketIsRefused)
{
    for (const Kind kind : {Kind::ByValue, Kind::ByReference})
    {
        SeededRandom random(1);
        TicketIssuer issuer(kind, hours(1));
        EXPECT_FALSE(issuer.Redeem(hours(0), Bytes(64, 1))) << "none was issued";
        const Bytes ticket = issuer.Issue(hours(0), random, {{Bytes(32, 7), {}}, {}, {}});
        for (std::size_t i = 0; i < ticket.size(); ++i)
        {
            Bytes changed = ticket;
            changed[i] ^= 1;
            EXPECT_FALSE(issuer.Redeem(hours(0), changed));
            EXPECT_FALSE(issuer.Redeem(hours(0), Bytes(ticket.begin(), ticket.begin() + i)));
        }
        EXPECT_TRUE(issuer.Redeem(hours(0), ticket));
    }
}

TEST(SessionResumption, AnExpiredTicketIsNotTried)
{
    Resumable r;
    r.EarnTicket();
    r.pair.RunFor(hours(2));
    r.pair.Connect();
    EXPECT_EQ(r.Exchanges().front(), "A IKE_SA_INIT");
    ExpectMirrored(r.pair);
}

/*
 *  A  IKE_SESSION_RESUME -->                  B does not know the exchange and says nothing
 *     ...
 *     IKE_SA_INIT -->  ...
 */
TEST(SessionResumption, FallsBackWhenNobodyAnswers)
{
    Resumable r;
    r.EarnTicket();
    r.pair.copies = [](const Pair::Message& message)
    {
        const auto exchange = wire::ParseHeader(message.datagram.octets)->exchange;
        return exchange == wire::ExchangeType::IkeSessionResume ? 0U : 1U;
    };
    r.pair.Initiate();
    r.pair.RunFor(hours(1));
    ExpectMirrored(r.pair);
    const auto lines = r.Exchanges();
    ASSERT_EQ(lines.size(), r.pair.a.peer.retransmission.tries + 4U);
    EXPECT_EQ(lines[lines.size() - 5], "A IKE_SESSION_RESUME");
    EXPECT_EQ(lines[lines.size() - 4], "A IKE_SA_INIT");
}

/*
 *  A  rekeys the IKE SA
 *     INFORMATIONAL: N(TICKET_REQUEST) -->
 *     <-- N(TICKET_LT_OPAQUE)
 */
TEST(SessionResumption, ARekeyedIkeSaHasATicketOfItsOwn)
{
    for (const bool byA : {true, false})
    {
        Resumable r;
        r.pair.Connect();
        auto& node = byA ? r.pair.a : r.pair.b;
        node.endpoint.RekeyIkeSa(r.pair.now, node.Last<ike::IkeSaEstablished>().id);
        r.pair.Collect();
        r.pair.RunUntilQuiet();
        ASSERT_EQ(r.pair.a.All<ike::IkeExtensionReport>().size(), 2U);
        EXPECT_TRUE(r.pair.a.Last<ike::IkeExtensionReport>().As<ike::TicketReceived>()->granted);
        const auto rekeyed = r.pair.a.Last<ike::IkeSaEstablished>();
        EXPECT_EQ(r.wallet->Take(r.pair.now, "to-b")->sa.skD, rekeyed.keys.skD);
        r.pair.a.endpoint.Command(r.pair.now, rekeyed.id, ike::AskForTicket{});
        r.pair.Collect();
        r.pair.RunUntilQuiet();
        EXPECT_EQ(r.pair.a.All<ike::IkeExtensionReport>().size(), 3U);
        r.start = r.pair.log.size();
        r.pair.Connect();
        EXPECT_EQ(r.Exchanges(), kResumed);
        EXPECT_EQ(r.pair.a.endpoint.IkeSaCount(), 1U) << "that which was resumed is gone";
        EXPECT_EQ(r.pair.b.endpoint.IkeSaCount(), 1U);
    }
}

/// In place of a ticket TICKET_ACK, as long as there is one to put off.
class PutsOff final : public ike::Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<PutsOff>(*this);
    }

    void Encode(ike::ExtensionHost&,
                const ike::MessageKind& kind,
                wire::PayloadList& payloads) override
    {
        for (auto& payload : payloads)
        {
            const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body);
            if (kind.exchange == wire::ExchangeType::IkeAuth && notify &&
                notify->type == NotifyType::TicketLtOpaque)
            {
                payload = wire::MakeNotify(NotifyType::TicketAck);
            }
        }
    }
};

TEST(SessionResumption, WhoeverIsPutOffAsksAgain)
{
    Resumable r;
    auto later = r.Config(false);
    later.extensions.push_back([] { return std::make_unique<PutsOff>(); });
    Pair pair(r.Config(true), later);
    pair.Connect();
    pair.RunUntilQuiet();
    ASSERT_EQ(pair.a.All<ike::IkeExtensionReport>().size(), 1U);
    EXPECT_TRUE(pair.a.Last<ike::IkeExtensionReport>().As<ike::TicketReceived>()->granted);
    EXPECT_EQ(pair.log.size(), 6U);
    EXPECT_EQ(r.wallet->Take(pair.now, "to-b")->sa.skD,
              pair.b.Last<ike::IkeSaEstablished>().keys.skD);
}

/// Without a Delete, for the keys of the new one prove that both sides mean it.
TEST(SessionResumption, TheOldIkeSaGoes)
{
    for (const Kind kind : {Kind::ByValue, Kind::ByReference})
    {
        Resumable r(kind);
        r.pair.Connect();
        r.start = r.pair.log.size();
        r.pair.Connect();
        EXPECT_EQ(r.Exchanges(), kResumed);
        for (const auto* node : {&r.pair.a, &r.pair.b})
        {
            EXPECT_EQ(node->endpoint.IkeSaCount(), 1U);
            EXPECT_EQ(node->endpoint.ChildSaCount(), 1U);
            EXPECT_EQ(node->Last<ike::IkeSaClosed>().id,
                      node->All<ike::IkeSaEstablished>().at(0).id);
            EXPECT_EQ(node->Last<ike::IkeSaClosed>().reason, ike::IkeFailure::InitialContact);
            EXPECT_EQ(node->Last<ike::ChildSaRemoved>().spiInbound,
                      node->All<ike::ChildSaInstalled>().at(0).spiInbound);
        }
    }
}

/// Whoever has seen the ticket on the wire can do nothing with it.
TEST(SessionResumption, AStolenTicketEndsInTimeoutNotInAnSa)
{
    Resumable r;
    r.EarnTicket();
    r.pair.holding = true;
    r.pair.Initiate();
    Bytes request = r.pair.TakeHeld(0).datagram.octets;
    request[7] ^= 1; // another initiator SPI
    r.pair.Inject(r.pair.b, request);
    EXPECT_EQ(r.pair.b.endpoint.IkeSaCount(), 1U);
    EXPECT_EQ(r.pair.b.endpoint.EstablishedCount(), 0U);
    r.pair.held.clear();
    r.pair.holding = false;
    // The ticket is gone; its owner sets up in the usual way.
    r.pair.RunFor(std::chrono::minutes(1));
    EXPECT_EQ(r.pair.b.endpoint.EstablishedCount(), 1U);
    EXPECT_EQ(r.pair.b.endpoint.IkeSaCount(), 1U);
    ExpectMirrored(r.pair);
}

TEST(SessionResumption, IsNotAskedForOrGivenByAPeerWithoutIt)
{
    for (const bool atA : {true, false})
    {
        Resumable r;
        Pair pair(atA ? r.Config(true) : MakePeer(true), atA ? MakePeer(false) : r.Config(false));
        pair.Connect();
        ExpectMirrored(pair);
        pair.a.endpoint.CloseIkeSa(pair.now, pair.a.Last<ike::IkeSaEstablished>().id);
        pair.Collect();
        pair.RunUntilQuiet();
        const std::size_t start = pair.log.size();
        pair.Connect();
        EXPECT_EQ(Parse(pair.log[start]).header.exchange, wire::ExchangeType::IkeSaInit);
    }
}

TEST(SessionResumption, SurvivesEveryLossAndDuplicate)
{
    for (unsigned lost = 1; lost <= 4; ++lost)
    {
        Resumable r;
        r.EarnTicket();
        unsigned count = 0;
        r.pair.copies = [&](const Pair::Message&) { return ++count == lost ? 0U : 2U; };
        r.pair.Initiate();
        r.pair.RunFor(std::chrono::minutes(1));
        ExpectMirrored(r.pair);
        EXPECT_EQ(r.pair.a.endpoint.IkeSaCount(), 1U);
        EXPECT_EQ(r.pair.b.endpoint.IkeSaCount(), 1U);
    }
}

TEST(SessionResumption, MalformedRequestsLeaveNoState)
{
    Resumable r;
    r.EarnTicket();
    wire::IkeHeader header;
    header.initiatorSpi = 1;
    header.exchange = wire::ExchangeType::IkeSessionResume;
    header.flags = wire::kFlagInitiator;
    const auto nonce =
        wire::MakePayload(wire::PayloadType::Nonce, wire::NoncePayload{Bytes(32, 1)});
    const auto tiny = wire::MakePayload(wire::PayloadType::Nonce, wire::NoncePayload{Bytes(8, 1)});
    const auto ticket = wire::MakeNotify(NotifyType::TicketOpaque, Bytes(40, 1));
    for (const auto& payloads :
         std::vector<wire::PayloadList>{{nonce}, {ticket}, {tiny, ticket}, {}})
    {
        r.pair.Inject(r.pair.b, wire::Serialize(header, payloads));
        EXPECT_EQ(r.pair.b.endpoint.IkeSaCount(), 0U);
    }
}

} // namespace
} // namespace ipseclab::test
