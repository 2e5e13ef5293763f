/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_UNIT_IKE_LEDGER_H
#define IPSECLAB_TESTS_UNIT_IKE_LEDGER_H

#include "tests/unit/ike-pair.h"

#include <map>
#include <stdexcept>
#include <string>

namespace ipseclab::test
{

/// The SAs of one node as its events tell them, and nothing but its events; `errors` lists events
/// that contradict what went before.
class Ledger
{
  public:
    struct Child
    {
        ike::ChildSaInstalled installed;
        ike::IkeSaId ikeSa;
        bool ready;
        bool retired{false};
    };

    explicit Ledger(const Pair::Node& node)
        : m_node(node)
    {
    }

    /// Takes in the events that have come since the last call.
    void Update()
    {
        for (; m_next < m_node.events.size(); ++m_next)
        {
            std::visit([this](const auto& event) { Enter(event); }, m_node.events[m_next]);
        }
    }

    /// Inbound SPIs of Child SAs that are not retired.
    std::vector<std::uint32_t> LiveChildren() const
    {
        std::vector<std::uint32_t> live;
        for (const auto& [spi, child] : children)
        {
            if (!child.retired)
            {
                live.push_back(spi);
            }
        }
        return live;
    }

    std::map<std::pair<std::uint64_t, std::uint64_t>, ike::IkeSaEstablished> ikeSas;
    std::map<std::uint32_t, Child> children; ///< by inbound SPI
    std::vector<ike::IkeFailure> ends;       ///< of IKE SAs that are gone
    std::vector<std::string> errors;

  private:
    void Check(bool fine, const char* error)
    {
        if (!fine)
        {
            errors.emplace_back(error);
        }
    }

    void Enter(const ike::IkeSaEstablished& event)
    {
        Check(ikeSas.emplace(std::pair(event.id.spiI, event.id.spiR), event).second,
              "an IKE SA came up twice");
    }

    void Enter(const ike::IkeSaRekeyed& event)
    {
        Check(ikeSas.count({event.replacement.spiI, event.replacement.spiR}) == 1,
              "an IKE SA was replaced by one that is not there");
        for (auto& [spi, child] : children)
        {
            child.ikeSa = child.ikeSa == event.id ? event.replacement : child.ikeSa;
        }
    }

    void Enter(const ike::IkeSaRekeyRefused&) {}

    void Enter(const ike::IkeSaClosed& event)
    {
        ends.push_back(event.reason);
        ikeSas.erase({event.id.spiI, event.id.spiR});
        for (const auto& [spi, child] : children)
        {
            Check(!(child.ikeSa == event.id), "an IKE SA went before its Child SAs");
        }
    }

    void Enter(const ike::ChildSaInstalled& event)
    {
        Check(children.emplace(event.spiInbound, Child{event, event.ikeSa, event.outboundReady})
                  .second,
              "a Child SA was installed twice");
        Check(ikeSas.count({event.ikeSa.spiI, event.ikeSa.spiR}) == 1,
              "a Child SA without an IKE SA");
        Check(!event.replaces || children.count(*event.replaces) == 1,
              "a Child SA replaces one that is not there");
    }

    void Enter(const ike::ChildSaOutboundReady& event)
    {
        const auto found = children.find(event.spiInbound);
        Check(found != children.end() && !found->second.ready && !found->second.retired,
              "a Child SA is ready that is not there, is ready already or is retired");
        if (found != children.end())
        {
            found->second.ready = true;
        }
    }

    void Enter(const ike::ChildSaRetired& event)
    {
        const auto found = children.find(event.spiInbound);
        Check(found != children.end() && !found->second.retired,
              "a Child SA retires that is not there or is retired already");
        if (found != children.end())
        {
            found->second.retired = true;
        }
    }

    void Enter(const ike::ChildSaRemoved& event)
    {
        const auto found = children.find(event.spiInbound);
        Check(found != children.end() && found->second.installed.spiOutbound == event.spiOutbound &&
                  found->second.ikeSa == event.ikeSa,
              "a Child SA was removed that is not there, or not under the IKE SA it belongs to");
        children.erase(event.spiInbound);
    }

    void Enter(const ike::ChildSaMoved& event)
    {
        const auto found = children.find(event.spiInbound);
        Check(found != children.end(), "a Child SA moves that is not there");
        if (found != children.end())
        {
            found->second.installed.localOuter = event.localOuter;
            found->second.installed.remoteOuter = event.remoteOuter;
        }
    }

    void Enter(const ike::ChildSaRefused&) {}

    void Enter(const ike::IkeExtensionReport&) {}

    const Pair::Node& m_node;
    std::size_t m_next{0};
};

/// What is inside a message of an established IKE SA; throws, and so fails the test, when there is
/// no such IKE SA.
inline wire::PayloadList
Unseal(const Pair& pair, const Pair::Message& message)
{
    const auto header = wire::ParseHeader(IkeOctets(message)).value();
    for (const auto& up : (message.fromA ? pair.a : pair.b).All<ike::IkeSaEstablished>())
    {
        if (up.id == ike::IkeSaId{header.initiatorSpi, header.responderSpi})
        {
            ike::SecureChannel reader(up.id, !up.initiator, up.suite, up.keys);
            return reader.Open(IkeOctets(message)).value().payloads;
        }
    }
    throw std::runtime_error("a message of an unknown IKE SA");
}

/// The payloads of a message by their types, notifies by their names, Delete by its protocol.
inline std::string
Describe(const Pair& pair, const Pair::Message& message)
{
    std::string text;
    for (const auto& payload : Unseal(pair, message))
    {
        std::string name = wire::Name(payload.type);
        if (const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body))
        {
            name = wire::Name(notify->type);
        }
        else if (const auto* del = std::get_if<wire::DeletePayload>(&payload.body))
        {
            name = del->protocol == wire::ProtocolId::Ike ? "D(IKE)" : "D(ESP)";
        }
        text += (text.empty() ? "" : " ") + name;
    }
    return text;
}

/// Both ledgers name the same SAs with the same keys, and neither contradicts itself.
inline void
ExpectSameSas(const Ledger& a, const Ledger& b)
{
    EXPECT_EQ(a.errors, std::vector<std::string>());
    EXPECT_EQ(b.errors, std::vector<std::string>());
    ASSERT_EQ(a.ikeSas.size(), b.ikeSas.size());
    for (const auto& [id, atA] : a.ikeSas)
    {
        ASSERT_EQ(b.ikeSas.count(id), 1U);
        const auto& atB = b.ikeSas.at(id);
        EXPECT_NE(atA.initiator, atB.initiator);
        EXPECT_EQ(atA.suite, atB.suite);
        EXPECT_EQ(atA.keys.skD, atB.keys.skD);
        EXPECT_EQ(atA.keys.skEi, atB.keys.skEi);
        EXPECT_EQ(atA.keys.skEr, atB.keys.skEr);
    }
    ASSERT_EQ(a.LiveChildren().size(), b.LiveChildren().size());
    for (const std::uint32_t spi : a.LiveChildren())
    {
        const auto& atA = a.children.at(spi);
        ASSERT_EQ(b.children.count(atA.installed.spiOutbound), 1U);
        const auto& atB = b.children.at(atA.installed.spiOutbound);
        EXPECT_FALSE(atB.retired);
        EXPECT_EQ(atB.installed.spiOutbound, spi);
        EXPECT_EQ(atA.ikeSa, atB.ikeSa);
        EXPECT_EQ(atA.installed.suite, atB.installed.suite);
        EXPECT_EQ(atA.installed.encryptionInbound, atB.installed.encryptionOutbound);
        EXPECT_EQ(atA.installed.encryptionOutbound, atB.installed.encryptionInbound);
        EXPECT_EQ(atA.installed.localSelectors, atB.installed.remoteSelectors);
        EXPECT_EQ(atA.installed.remoteSelectors, atB.installed.localSelectors);
    }
}

/// A pair that is up, with ledgers of both sides.
struct Story
{
    explicit Story(const ike::PeerConfig& atA = MakePeer(true),
                   const ike::PeerConfig& atB = MakePeer(false))
        : pair(atA, atB),
          a(pair.a),
          b(pair.b)
    {
        pair.Connect();
        start = pair.log.size();
        Update();
    }

    void Update()
    {
        pair.Collect();
        a.Update();
        b.Update();
    }

    /// Lets everything happen that is going to happen, and compares the ledgers.
    void Rest(ike::Duration time = std::chrono::hours(1))
    {
        pair.Collect();
        pair.RunFor(time);
        Update();
        ExpectSameSas(a, b);
    }

    /// The messages since the handshake, one line each: sender, kind, what is inside.
    std::vector<std::string> Ladder() const
    {
        std::vector<std::string> lines;
        for (std::size_t i = start; i < pair.log.size(); ++i)
        {
            const auto header = wire::ParseHeader(IkeOctets(pair.log[i])).value();
            lines.push_back(std::string(pair.log[i].fromA ? "A" : "B") +
                            (header.IsResponse() ? " resp: " : " req: ") +
                            Describe(pair, pair.log[i]));
        }
        return lines;
    }

    Pair::Node& Side(bool atA)
    {
        return atA ? pair.a : pair.b;
    }

    /// Of the first Child SA.
    std::uint32_t FirstSpi(bool atA)
    {
        return Side(atA).All<ike::ChildSaInstalled>().at(0).spiInbound;
    }

    ike::IkeSaId Id() const
    {
        return pair.a.All<ike::IkeSaEstablished>().at(0).id;
    }

    Pair pair;
    Ledger a;
    Ledger b;
    std::size_t start{0};
};

} // namespace ipseclab::test

#endif // IPSECLAB_TESTS_UNIT_IKE_LEDGER_H
