/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/aggfrag.h"
#include "model/ike/extensions/announced-auth.h"
#include "model/ike/extensions/childless.h"
#include "model/ike/extensions/dscp-notification.h"
#include "model/ike/extensions/mobike.h"
#include "model/ike/extensions/optimized-rekey.h"
#include "model/ike/extensions/path-sizes.h"
#include "model/ike/extensions/per-resource-sa.h"
#include "model/ike/extensions/session-resumption.h"
#include "model/ike/extensions/ts-dscp.h"
#include "tests/unit/ike-ledger.h"

#include <cstdlib>
#include <set>

/*
 * Two endpoints, a wire that loses, duplicates, delays and reorders, and commands to both at random
 * times. Whatever happens: once at rest both sides have the same SAs, nothing has leaked, and no
 * message ID was used for different octets.
 *
 * Every third schedule has extensions on both sides, and the first one moves about. In every fifth
 * the first one has tickets, and resumes: what was deleted, or what is up. In every seventh both
 * know AGGFRAG, classes by DSCP in one of two forms, and sizes of packets, or one of them does.
 *
 * 2,000 schedules; 100,000 with IPSECLAB_NIGHTLY in the environment. A schedule is its number and
 * nothing else: IPSECLAB_SCHEDULE=<number> repeats one.
 */

namespace ipseclab::test
{
namespace
{

using namespace std::chrono_literals;
using ike::IkeFailure;

constexpr std::uint64_t kSeed = 0x1f5ec1ab;

class Schedule
{
  public:
    explicit Schedule(std::uint64_t number)
        : m_number(number),
          m_engine(kSeed + number),
          m_onlyRekeying(Below(2) == 0),
          m_extended(number % 3 == 0),
          m_resuming(number % 5 == 1),
          m_agreeing(number % 7 == 2),
          m_pair(Config(true), Config(false), number + 1),
          m_a(m_pair.a),
          m_b(m_pair.b)
    {
    }

    void Run()
    {
        m_pair.Connect();
        Disturb();
        if (m_resuming)
        {
            ResumeSoon();
        }
        const std::uint64_t commands = 1 + Below(10);
        for (std::uint64_t i = 0; i < commands; ++i)
        {
            Command();
            const std::uint64_t pause = Below(8) == 0 ? 30000 : (Below(2) == 0 ? 60 : 1);
            m_pair.RunFor(1ms * Below(pause));
        }
        m_pair.RunFor(2h);
        CalmDown();
        Check();
    }

  private:
    std::uint64_t Below(std::uint64_t limit)
    {
        return m_engine() % limit;
    }

    /// Both sides draw the same things, so that their suites agree.
    ike::PeerConfig Config(bool atA)
    {
        if (atA)
        {
            m_withKe = Below(4) == 0;
            m_retryWait = 1s * Below(4);
        }
        auto peer = MakePeer(atA);
        peer.childSuites.front().group =
            m_withKe ? crypto::GroupId::Curve25519 : crypto::GroupId::None;
        peer.retryWait = m_retryWait;
        peer.inboundLinger = 1s;
        AddExtensions(atA, peer);
        if (m_extended)
        {
            peer.extensions.insert(peer.extensions.end(),
                                   {ike::AnnouncedAuth(),
                                    ike::Childless(false),
                                    ike::PerResourceSas({2, 3}),
                                    ike::Mobike()});
        }
        return peer;
    }

    /// Also before the reply to a Delete of the other one is there.
    void ResumeSoon()
    {
        m_a.Update();
        m_besideEachOther = Below(2) == 0;
        if (!m_besideEachOther)
        {
            m_pair.a.endpoint.CloseIkeSa(m_pair.now, m_a.ikeSas.begin()->second.id);
            m_pair.Collect();
        }
        m_pair.RunFor(1ms * Below(1000));
        m_pair.Initiate();
        m_pair.RunFor(1ms * Below(1000));
    }

    /// By the schedule's number: a quarter has none, a quarter has them at one side only.
    void AddExtensions(bool atA, ike::PeerConfig& peer) const
    {
        if (m_number % 4 > (atA ? 0U : 1U))
        {
            ike::OptimizedRekeySettings settings;
            settings.accept = m_number % 8 != 7 || atA;
            peer.extensions.push_back(ike::OptimizedRekey(settings));
        }
        if (m_resuming)
        {
            const auto kind = m_number % 2 ? ike::TicketIssuer::Kind::ByValue
                                           : ike::TicketIssuer::Kind::ByReference;
            const auto issuer = std::make_shared<ike::TicketIssuer>(kind, 24h);
            peer.extensions.push_back(
                ike::SessionResumption(atA ? m_wallet : nullptr, atA ? nullptr : issuer));
        }
        if (m_agreeing && (atA || m_number % 4 != 0))
        {
            AddAgreements(atA, peer);
        }
        if (m_number % 16 == 6)
        {
            peer.ikeSuites.front().additional = {crypto::GroupId::Ecp256};
        }
        if (m_number % 8 == 6 && m_withKe)
        {
            peer.childSuites.front().additional = {crypto::GroupId::Ecp256,
                                                   crypto::GroupId::Ecp384};
        }
    }

    /// What a Child SA is, and may be refused for.
    void AddAgreements(bool atA, ike::PeerConfig& peer) const
    {
        const std::vector<DscpSet> classes{ToDscpSet(Bytes{10, 26}), ToDscpSet(Bytes{46})};
        ike::AggfragConfig aggfrag;
        aggfrag.refusesFragments = atA ? m_number % 3 == 1 : m_number % 5 == 3;
        peer.extensions.insert(peer.extensions.end(),
                               {ike::UseAggfrag(aggfrag), ike::PathSizeNotifications({})});
        if (m_number % 2 == 0)
        {
            ike::DscpNotificationConfig notification;
            notification.own.classes = classes;
            peer.extensions.push_back(ike::DscpNotification(notification));
        }
        else
        {
            ike::TsDscpConfig selector;
            selector.own.classes = classes;
            peer.extensions.push_back(ike::TsDscp(selector));
        }
    }

    void Disturb()
    {
        const std::uint64_t loss = std::array{0, 0, 10, 30}[Below(4)];
        const std::uint64_t duplication = std::array{0, 10, 30}[Below(3)];
        const std::uint64_t spread = std::array{1, 20, 200, 10000}[Below(4)];
        m_pair.copies = [=](const Pair::Message&)
        { return Below(100) < loss ? 0U : (Below(100) < duplication ? 2U : 1U); };
        m_pair.delay = [=](const Pair::Message&)
        { return 5ms + std::chrono::microseconds(1) * Below(1000 * spread); };
    }

    void Command()
    {
        const bool atA = Below(2) == 0;
        Pair::Node& node = atA ? m_pair.a : m_pair.b;
        Ledger& ledger = atA ? m_a : m_b;
        ledger.Update();
        ike::IkeEndpoint& endpoint = node.endpoint;
        const auto live = ledger.LiveChildren();
        const std::uint32_t child = live.empty() ? 0 : live[Below(live.size())];
        auto ikeSa = ledger.ikeSas.begin();
        std::advance(ikeSa, ledger.ikeSas.empty() ? 0 : Below(ledger.ikeSas.size()));
        const ike::IkeSaId id = ledger.ikeSas.empty() ? ike::IkeSaId{} : ikeSa->second.id;
        if (m_extended && Below(3) == 0)
        {
            CommandExtension(id);
            return;
        }
        if (m_agreeing && Below(3) == 0)
        {
            const bool sizes = m_onlyRekeying || Below(2) == 0;
            endpoint.Command(m_pair.now,
                             id,
                             sizes ? std::any(TellSizes(child)) : std::any(ike::AskForClassSas{}));
            m_pair.Collect();
            return;
        }
        switch (Below(m_onlyRekeying ? 5 : 10))
        {
        case 0:
        case 1:
            endpoint.RekeyIkeSa(m_pair.now, id);
            break;
        case 2:
            endpoint.CheckLiveness(m_pair.now, id);
            break;
        case 3:
        case 4:
        case 5:
            endpoint.RekeyChildSa(m_pair.now, child);
            break;
        case 6:
            endpoint.CreateChildSa(m_pair.now, id);
            break;
        case 7:
            endpoint.CloseChildSa(m_pair.now, child);
            break;
        case 8:
            endpoint.ExpireChildSa(m_pair.now, child);
            break;
        default:
            m_closed = endpoint.CloseIkeSa(m_pair.now, id) || m_closed;
            break;
        }
        m_pair.Collect();
    }

    ike::TellPathSizes TellSizes(std::uint32_t child)
    {
        const auto length = static_cast<std::uint16_t>(576 + Below(900));
        return {child, {ike::AtomicPacket{false, length}, std::nullopt}};
    }

    /// Moves "a", or asks for Child SAs for the resources of either side.
    void CommandExtension(const ike::IkeSaId& id)
    {
        const auto base = IpAddress::FromString("192.0.2.1").value().V4Value();
        const ike::MoveTo move{IpAddress::V4(base + 0x100 * static_cast<std::uint32_t>(Below(4))),
                               m_pair.a.peer.remote.address};
        if (m_onlyRekeying || Below(2) == 0)
        {
            m_pair.a.endpoint.Command(m_pair.now, id, move);
        }
        else
        {
            Pair::Node& node = Below(2) == 0 ? m_pair.a : m_pair.b;
            node.endpoint.Command(m_pair.now, id, ike::AskForResourceSas{});
        }
        m_pair.Collect();
    }

    /// SAs whose other half was lost to a timeout are found out.
    void CalmDown()
    {
        m_pair.copies = nullptr;
        m_pair.delay = nullptr;
        for (auto [ledger, node] : {std::pair(&m_a, &m_pair.a), std::pair(&m_b, &m_pair.b)})
        {
            ledger->Update();
            for (const auto& [key, ikeSa] : ledger->ikeSas)
            {
                node->endpoint.CheckLiveness(m_pair.now, ikeSa.id);
            }
        }
        m_pair.Collect();
        m_pair.RunFor(2h);
        m_a.Update();
        m_b.Update();
    }

    void Check()
    {
        ExpectSameSas(m_a, m_b);
        CheckAtRest(m_pair.a, m_a);
        CheckAtRest(m_pair.b, m_b);
        CheckMessageIds();
        const auto gaveUp = [](const Ledger& ledger)
        {
            return std::any_of(ledger.ends.begin(),
                               ledger.ends.end(),
                               [](IkeFailure reason) { return reason != IkeFailure::None; });
        };
        if (!gaveUp(m_a) && !gaveUp(m_b))
        {
            CheckSurvivors();
        }
    }

    static void CheckAtRest(const Pair::Node& node, const Ledger& ledger)
    {
        EXPECT_FALSE(node.endpoint.PollTimeout()) << "not at rest";
        EXPECT_EQ(node.endpoint.IkeSaCount(), ledger.ikeSas.size());
        EXPECT_EQ(node.endpoint.EstablishedCount(), ledger.ikeSas.size());
        EXPECT_EQ(node.endpoint.ChildSaCount(), ledger.children.size());
        EXPECT_EQ(ledger.LiveChildren().size(), ledger.children.size());
    }

    /// Neither side has given up an IKE SA, so what there is must be what there was, rekeyed. What
    /// was to be resumed may stay beside the new one, because its ticket was late or of another.
    void CheckSurvivors()
    {
        for (const auto* ledger : {&m_a, &m_b})
        {
            const std::size_t most = m_besideEachOther ? 2 : 1;
            EXPECT_LE(ledger->ikeSas.size(), most);
            EXPECT_TRUE(m_closed || !ledger->ikeSas.empty());
            if (m_onlyRekeying)
            {
                ASSERT_EQ(ledger->children.size(), ledger->ikeSas.size());
                EXPECT_TRUE(ledger->children.begin()->second.ready);
            }
        }
        for (const auto& [spi, child] : m_a.children)
        {
            const auto& atB = m_b.children.at(child.installed.spiOutbound).installed;
            EXPECT_EQ(child.installed.localOuter, atB.remoteOuter) << "one side has not moved";
            CheckAgreements(child.installed, atB);
        }
    }

    /// Also after any number of rekeyings: both or neither have AGGFRAG, and each knows what the
    /// other takes.
    void CheckAgreements(const ike::ChildSaInstalled& atA, const ike::ChildSaInstalled& atB) const
    {
        const auto* a = atA.properties.Find<ike::AggfragSa>();
        const auto* b = atB.properties.Find<ike::AggfragSa>();
        const bool both = m_agreeing && m_number % 4 != 0;
        ASSERT_EQ(a != nullptr, both);
        ASSERT_EQ(b != nullptr, both);
        if (both)
        {
            EXPECT_EQ(a->peerTakesFragments, m_number % 5 != 3);
            EXPECT_EQ(b->peerTakesFragments, m_number % 3 != 1);
        }
        const auto* mine = atA.properties.Find<ike::SaDscps>();
        const auto* peers = atB.properties.Find<ike::SaDscps>();
        EXPECT_EQ(mine && mine->agreed, peers && peers->agreed);
        if (mine && peers && mine->agreed)
        {
            EXPECT_EQ(mine->mine, peers->mine);
        }
    }

    void CheckMessageIds()
    {
        std::map<std::tuple<bool, std::uint64_t, std::uint64_t, bool, std::uint32_t>, Bytes> seen;
        for (const auto& message : m_pair.log)
        {
            const auto octets = IkeOctets(message);
            if (octets.empty())
            {
                continue; // a keepalive
            }
            const auto header = wire::ParseHeader(octets).value();
            if (header.exchange != wire::ExchangeType::IkeSaInit &&
                header.nextPayload == wire::PayloadType::Notify)
            {
                continue; // INVALID_IKE_SPI, in the clear and with the message ID of the request
            }
            if (header.exchange == wire::ExchangeType::IkeSessionResume)
            {
                continue; // an IKE_SA_INIT that takes its place has the SPI and message ID of it
            }
            const auto [place, isNew] = seen.try_emplace({message.fromA,
                                                          header.initiatorSpi,
                                                          header.responderSpi,
                                                          header.IsResponse(),
                                                          header.messageId},
                                                         octets);
            EXPECT_EQ(place->second, octets) << "a message ID was used twice";
        }
    }

    std::uint64_t m_number;
    std::mt19937_64 m_engine;
    bool m_onlyRekeying;
    bool m_extended;
    bool m_resuming;
    bool m_agreeing;
    bool m_besideEachOther{false}; ///< the first IKE SA was not deleted before
    std::shared_ptr<ike::TicketWallet> m_wallet{std::make_shared<ike::TicketWallet>()};
    bool m_withKe{false};
    ike::Duration m_retryWait{};
    bool m_closed{false};
    Pair m_pair;
    Ledger m_a;
    Ledger m_b;
};

TEST(IkeSchedule, BothSidesAgreeWhateverHappens)
{
    const char* const only = std::getenv("IPSECLAB_SCHEDULE");
    const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 0;
    const std::uint64_t count = only ? 1 : (std::getenv("IPSECLAB_NIGHTLY") ? 100000 : 2000);
    for (std::uint64_t number = first; number < first + count; ++number)
    {
        Schedule(number).Run();
        ASSERT_FALSE(HasFailure()) << "seed " << kSeed << ", schedule " << number;
    }
}

} // namespace
} // namespace ipseclab::test
