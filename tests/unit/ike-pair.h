/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_UNIT_IKE_PAIR_H
#define IPSECLAB_TESTS_UNIT_IKE_PAIR_H

#include "model/ike/ike-endpoint.h"
#include "model/ike/secure-channel.h"
#include "model/wire/udp-encapsulation.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <random>

namespace ipseclab::test
{

/// A repeatable stream; not for anything secret.
class SeededRandom : public crypto::RandomSource
{
  public:
    explicit SeededRandom(std::uint64_t seed)
        : m_engine(seed)
    {
    }

    void Fill(MutableByteSpan out) override
    {
        for (auto& octet : out)
        {
            octet = static_cast<std::uint8_t>(m_engine());
        }
        if (out.size() == 32 && !heads.empty())
        {
            out[0] = heads.front();
            heads.pop_front();
        }
    }

    /// First octets of the next draws of 32 octets: nonces, and private values of Curve25519.
    std::deque<std::uint8_t> heads;

  private:
    std::mt19937_64 m_engine;
};

inline TrafficSelectorList
Selectors(const std::vector<std::string>& texts)
{
    TrafficSelectorList list;
    for (const auto& text : texts)
    {
        list.push_back(TrafficSelector::FromString(text).value());
    }
    return list;
}

/// The entry that one gateway has for the other: "a" is 192.0.2.1 before 10.1/16, "b" is
/// 192.0.2.2 before 10.2/16.
inline ike::PeerConfig
MakePeer(bool atA)
{
    const auto a = IpAddress::FromString("192.0.2.1").value();
    const auto b = IpAddress::FromString("192.0.2.2").value();
    const auto idA = ike::Identity::Fqdn("a.example");
    const auto idB = ike::Identity::Fqdn("b.example");
    const auto netA = Selectors({"10.1.0.0/16"});
    const auto netB = Selectors({"10.2.0.0/16"});
    ike::PeerConfig peer;
    peer.name = atA ? "to-b" : "to-a";
    peer.local.address = atA ? a : b;
    peer.remote.address = atA ? b : a;
    peer.localId = atA ? idA : idB;
    peer.remoteId = atA ? idB : idA;
    peer.preSharedKey = {'s', 'e', 'c', 'r', 'e', 't'};
    peer.localSelectors = atA ? netA : netB;
    peer.remoteSelectors = atA ? netB : netA;
    return peer;
}

/**
 * Two endpoints, a clock and a wire. Without hooks every datagram arrives after `latency`; a test
 * may choose how many copies of each arrive, or hold them all and hand them over one by one.
 */
class Pair
{
  public:
    using Instant = ike::Instant;

    struct Node
    {
        Node(std::uint64_t seed, const ike::PeerConfig& config)
            : random(seed),
              endpoint(random),
              peer(config)
        {
            endpoint.AddPeer(config);
        }

        template <typename Event>
        std::vector<Event> All() const
        {
            std::vector<Event> found;
            for (const auto& event : events)
            {
                if (const auto* e = std::get_if<Event>(&event))
                {
                    found.push_back(*e);
                }
            }
            return found;
        }

        /// The last event of this kind; throws, and so fails the test, when there is none.
        template <typename Event>
        Event Last() const
        {
            return All<Event>().at(All<Event>().size() - 1);
        }

        SeededRandom random;
        ike::IkeEndpoint endpoint;
        ike::PeerConfig peer;
        std::vector<ike::IkeEvent> events;
    };

    struct Message
    {
        bool fromA;
        Instant at; ///< when it was sent
        ike::Datagram datagram;
        Instant arrival{0};
    };

    explicit Pair(const ike::PeerConfig& atA = MakePeer(true),
                  const ike::PeerConfig& atB = MakePeer(false),
                  std::uint64_t seed = 1)
        : a(2 * seed, atA),
          b(2 * seed + 1, atB)
    {
    }

    Node a;
    Node b;
    Instant now{0};
    ike::Duration latency{std::chrono::milliseconds(10)};
    std::vector<Message> log; ///< everything that was sent, lost or not
    /// How many copies of a message arrive; unset: one of each.
    std::function<unsigned(const Message&)> copies;
    /// The path of a datagram as its receiver sees it; unset: as its sender has written it.
    std::function<ike::Path(const ike::Path& path, bool fromA)> nat;
    /// How long a copy is on its way; unset: `latency`.
    std::function<ike::Duration(const Message&)> delay;
    bool holding{false};
    std::vector<Message> held; ///< filled while `holding`

    void Initiate()
    {
        a.endpoint.Initiate(now, a.peer.name);
        Collect();
    }

    /// The handshake, to its end.
    void Connect()
    {
        Initiate();
        RunUntilQuiet();
    }

    /// Takes what both endpoints have to say, in the order that IkeEndpoint asks for.
    void Collect()
    {
        CollectFrom(a, true);
        CollectFrom(b, false);
    }

    /// Hands a message to the other side at once, through the NAT if there is one.
    void Deliver(const Message& message)
    {
        const ike::Path& sent = message.datagram.path;
        ike::Path path{sent.remote, sent.local};
        if (nat)
        {
            path = nat(path, message.fromA);
        }
        (message.fromA ? b : a).endpoint.HandleDatagram(now, path, message.datagram.octets);
        Collect();
    }

    /// Hands octets to a node as if its peer had sent them.
    void Inject(Node& to, const Bytes& octets)
    {
        to.endpoint.HandleDatagram(now, {to.peer.local, to.peer.remote}, octets);
        Collect();
    }

    /// Takes the held message with this index off the wire.
    Message TakeHeld(std::size_t index)
    {
        Message message = held.at(index);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
        return message;
    }

    /// Lets the clock run until nothing is in flight; timers that fall due on the way fire.
    void RunUntilQuiet()
    {
        while (!m_inFlight.empty())
        {
            AdvanceTo(NextArrival());
        }
    }

    void RunFor(ike::Duration duration)
    {
        const Instant end = now + duration;
        while (auto next = NextWake())
        {
            if (*next > end)
            {
                break;
            }
            AdvanceTo(*next);
        }
        now = end;
    }

  private:
    void CollectFrom(Node& node, bool fromA)
    {
        while (auto event = node.endpoint.PollEvent())
        {
            node.events.push_back(std::move(*event));
        }
        while (auto datagram = node.endpoint.PollTransmit())
        {
            Message message{fromA, now, std::move(*datagram), now + latency};
            log.push_back(message);
            if (holding)
            {
                held.push_back(message);
                continue;
            }
            const unsigned count = copies ? copies(message) : 1;
            for (unsigned i = 0; i < count; ++i)
            {
                message.arrival = now + (delay ? delay(message) : latency);
                m_inFlight.push_back(message);
            }
        }
    }

    Instant NextArrival() const
    {
        return std::min_element(m_inFlight.begin(),
                                m_inFlight.end(),
                                [](const Message& x, const Message& y)
                                { return x.arrival < y.arrival; })
            ->arrival;
    }

    std::optional<Instant> NextWake() const
    {
        std::optional<Instant> wake;
        const auto consider = [&wake](Instant t) { wake = wake ? std::min(*wake, t) : t; };
        if (!m_inFlight.empty())
        {
            consider(NextArrival());
        }
        for (const auto* node : {&a, &b})
        {
            if (const auto timer = node->endpoint.PollTimeout())
            {
                consider(*timer);
            }
        }
        return wake;
    }

    void AdvanceTo(Instant t)
    {
        now = std::max(now, t);
        std::vector<Message> due;
        const auto isDue = [&](const Message& m) { return m.arrival <= now; };
        std::copy_if(m_inFlight.begin(), m_inFlight.end(), std::back_inserter(due), isDue);
        m_inFlight.erase(std::remove_if(m_inFlight.begin(), m_inFlight.end(), isDue),
                         m_inFlight.end());
        for (const auto& message : due)
        {
            Deliver(message);
        }
        a.endpoint.HandleTimeout(now);
        b.endpoint.HandleTimeout(now);
        Collect();
    }

    std::vector<Message> m_inFlight;
};

/// Both sides are up with the same keys, and each one's outbound is the other's inbound.
inline void
ExpectMirrored(const Pair& pair)
{
    ASSERT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    ASSERT_EQ(pair.b.endpoint.EstablishedCount(), 1U);
    const auto ikeA = pair.a.Last<ike::IkeSaEstablished>();
    const auto ikeB = pair.b.Last<ike::IkeSaEstablished>();
    EXPECT_EQ(ikeA.id, ikeB.id);
    EXPECT_TRUE(ikeA.initiator);
    EXPECT_FALSE(ikeB.initiator);
    EXPECT_EQ(ikeA.suite, ikeB.suite);
    EXPECT_EQ(ikeA.keys.skD, ikeB.keys.skD);
    EXPECT_EQ(ikeA.keys.skEi, ikeB.keys.skEi);
    EXPECT_EQ(ikeA.keys.skEr, ikeB.keys.skEr);
    EXPECT_EQ(ikeA.keys.skPi, ikeB.keys.skPi);
    EXPECT_NE(ikeA.keys.skEi, ikeA.keys.skEr);
    const auto childA = pair.a.Last<ike::ChildSaInstalled>();
    const auto childB = pair.b.Last<ike::ChildSaInstalled>();
    EXPECT_EQ(childA.suite, childB.suite);
    EXPECT_EQ(childA.spiInbound, childB.spiOutbound);
    EXPECT_EQ(childA.spiOutbound, childB.spiInbound);
    EXPECT_GE(childA.spiInbound, 256U);
    EXPECT_EQ(childA.encryptionInbound, childB.encryptionOutbound);
    EXPECT_EQ(childA.encryptionOutbound, childB.encryptionInbound);
    EXPECT_EQ(childA.integrityOutbound, childB.integrityInbound);
    EXPECT_NE(childA.encryptionInbound, childA.encryptionOutbound);
    EXPECT_EQ(childA.localSelectors, childB.remoteSelectors);
    EXPECT_EQ(childA.remoteSelectors, childB.localSelectors);
    EXPECT_EQ(childA.localOuter, childB.remoteOuter);
    EXPECT_EQ(childA.remoteOuter, childB.localOuter);
}

/// Nothing is left on either side, and both know why.
inline void
ExpectBothClosed(const Pair& pair, ike::IkeFailure reasonA, ike::IkeFailure reasonB)
{
    EXPECT_EQ(pair.a.endpoint.IkeSaCount(), 0U);
    EXPECT_EQ(pair.b.endpoint.IkeSaCount(), 0U);
    ASSERT_EQ(pair.a.All<ike::IkeSaClosed>().size(), 1U);
    ASSERT_EQ(pair.b.All<ike::IkeSaClosed>().size(), 1U);
    EXPECT_EQ(pair.a.Last<ike::IkeSaClosed>().reason, reasonA)
        << ike::Name(pair.a.Last<ike::IkeSaClosed>().reason);
    EXPECT_EQ(pair.b.Last<ike::IkeSaClosed>().reason, reasonB)
        << ike::Name(pair.b.Last<ike::IkeSaClosed>().reason);
}

/// The octets of an IKE message, without the non-ESP marker that it has at port 4500.
inline Bytes
IkeOctets(const Pair::Message& message)
{
    const Bytes& octets = message.datagram.octets;
    const bool marked = message.datagram.path.local.port == wire::kNatTraversalPort;
    const std::size_t skip = marked ? std::min(wire::kNonEspMarkerSize, octets.size()) : 0;
    return {octets.begin() + static_cast<std::ptrdiff_t>(skip), octets.end()};
}

/// A message as it stands on the wire.
inline wire::IkeMessage
Parse(const Pair::Message& message)
{
    return wire::ParseMessage(IkeOctets(message)).value();
}

/// The keys of an established SA in the hands of the test, which then speaks for one side.
inline ike::SecureChannel
Impersonate(const Pair& pair, bool initiator)
{
    const auto up = pair.a.Last<ike::IkeSaEstablished>();
    return {up.id, initiator, up.suite, up.keys};
}

} // namespace ipseclab::test

#endif // IPSECLAB_TESTS_UNIT_IKE_PAIR_H
