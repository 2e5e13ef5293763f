/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/encrypted-payload.h"
#include "model/ike/extensions/childless.h"
#include "model/ike/extensions/fragmentation.h"
#include "model/ike/extensions/nat-traversal.h"
#include "model/ike/ike-endpoint.h"
#include "model/ike/narrowing.h"
#include "tests/unit/capture-reader.h"
#include "tests/unit/test-pki.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

/**
 * \file
 * The recorded sessions through our machine. It takes the place of one of the two daemons: it draws
 * the SPIs, nonces and private values that the daemon drew, gets what the daemon got, and is told
 * to begin what the daemon began. Every message of the daemon must then come out of our machine, in
 * the same order, with the same header, and with the same octets in each payload that RFC 7296
 * leaves no choice about:
 *
 *     recorded peer            our machine              recorded daemon
 *         |  -- request n -->      |
 *         |                        |  -- response n -->    compared payload by payload
 *
 * Free, and not compared: the order of payloads, IV and padding, how suites are packed into
 * proposals and transforms are ordered, status notifies that announce what a side can do, vendor
 * IDs, certificates and requests for them, how long a message may be before it is cut, and the
 * value of AUTH, which covers our own IKE_SA_INIT message with all these freedoms. AUTH of the
 * recorded peer, though, covers only its own octets, and our machine verifies it.
 */

namespace ipseclab::test
{
namespace
{

using crypto::GroupId;
using nlohmann::json;
using wire::ExchangeType;
using wire::NotifyType;
using wire::PayloadType;

/// Hands out what a test has put in; anything else drawn is a failure of the test.
class ScriptedRandom : public crypto::RandomSource
{
  public:
    void Fill(MutableByteSpan out) override
    {
        const bool expected = !m_draws.empty() && m_draws.front().size() == out.size();
        EXPECT_TRUE(expected) << "drew " << out.size() << " octets, "
                              << (m_draws.empty() ? 0 : m_draws.front().size())
                              << " were to be drawn";
        const Bytes draw = expected ? m_draws.front() : Pattern(out.size(), 1);
        if (expected)
        {
            m_draws.pop_front();
        }
        std::copy(draw.begin(), draw.end(), out.begin());
    }

    void Push(Bytes draw)
    {
        m_draws.push_back(std::move(draw));
    }

    std::size_t Left() const
    {
        return m_draws.size();
    }

  private:
    std::deque<Bytes> m_draws;
};

/// One IKE message of a session, in clear.
struct Recorded
{
    std::size_t frame{0};
    ike::Instant time{0};
    bool fromA{false};
    bool repeated{false};
    wire::IkeHeader header;
    std::vector<Bytes> datagrams; ///< several when it came in fragments
    ike::Path path;               ///< as the receiver sees it
    wire::PayloadList payloads;

    bool IsAnswerTo(const Recorded& request) const
    {
        return fromA != request.fromA && header.IsResponse() && !request.header.IsResponse() &&
               header.initiatorSpi == request.header.initiatorSpi &&
               header.exchange == request.header.exchange &&
               header.messageId == request.header.messageId &&
               header.FromOriginalInitiator() != request.header.FromOriginalInitiator();
    }

    const wire::NotifyPayload* Notify(NotifyType type) const
    {
        return wire::FindNotify(payloads, type);
    }
};

GroupId
GroupOf(const wire::KePayload& ke)
{
    return static_cast<GroupId>(ke.group);
}

Bytes
WithoutLeadingZeros(Bytes octets)
{
    octets.erase(octets.begin(),
                 std::find_if(octets.begin(), octets.end(), [](auto o) { return o != 0; }));
    return octets;
}

Bytes
PaddedTo(std::size_t length, Bytes octets)
{
    octets.insert(octets.begin(), length - std::min(length, octets.size()), 0);
    return octets;
}

/// What KeyExchange draws to come to this private value, whose length in the JSON varies.
Bytes
DrawFor(GroupId group, Bytes privateValue)
{
    switch (group)
    {
    case GroupId::Modp2048:
        return PaddedTo(29, std::move(privateValue));
    case GroupId::Ecp256:
        // Private values are drawn in 1 ... order - 1 as (drawn mod (order - 1)) + 1.
        privateValue = PaddedTo(40, std::move(privateValue));
        for (auto octet = privateValue.rbegin(); (*octet)-- == 0; ++octet)
        {
        }
        return privateValue;
    default:
        return privateValue;
    }
}

/// What the JSON knows of a session, and the settings of both daemons, from which it was made.
class Session
{
  public:
    explicit Session(const std::string& name)
        : m_json(ReadSession(name))
    {
        for (const char* kind : {"ike_sas", "child_sas"})
        {
            for (const json& sa : m_json.at(kind))
            {
                AddPrivateValues(sa.at("dh"));
            }
        }
        for (const json& sa : m_json.at("ike_sas"))
        {
            m_keys[LoadBe64(Hex(sa, "spi_i").data())] = sa;
        }
        ReadMessages(ReadCapture(name));
    }

    const std::vector<Recorded>& Messages() const
    {
        return m_messages;
    }

    /// The capture was made at side a; puts the messages into the order that side b saw.
    void OrderAsSeenByB()
    {
        const auto oneWay = m_json.at("name") == "rekey-collisions" ? std::chrono::milliseconds(150)
                                                                    : std::chrono::milliseconds(0);
        for (auto& message : m_messages)
        {
            message.time += message.fromA ? oneWay : -oneWay;
        }
        std::stable_sort(m_messages.begin(),
                         m_messages.end(),
                         [](const Recorded& x, const Recorded& y) { return x.time < y.time; });
    }

    const json& Json() const
    {
        return m_json;
    }

    /// Nothing when the daemon did not reveal it.
    std::optional<Bytes> PrivateValue(const wire::KePayload& ke) const
    {
        const auto found = m_private.find(WithoutLeadingZeros(ke.data));
        return found == m_private.end() ? std::nullopt
                                        : std::make_optional(DrawFor(GroupOf(ke), found->second));
    }

    /// The payloads of a message that may be one of many datagrams, opened with the recorded keys.
    wire::PayloadList Open(const std::vector<Bytes>& datagrams) const
    {
        const auto header = wire::ParseHeader(datagrams.at(0)).value();
        if (header.exchange == ExchangeType::IkeSaInit)
        {
            return wire::ParseMessage(datagrams.at(0)).value().payloads;
        }
        const json& sa = m_keys.at(header.initiatorSpi);
        const bool byInitiator = header.FromOriginalInitiator();
        const json& keys = sa.at("keys");
        const auto cipher = crypto::PayloadCipher::Create(
            Cipher(sa.at("suite")),
            Hex(keys, byInitiator ? "sk_ei" : "sk_er"),
            keys.contains("sk_ai") ? Hex(keys, byInitiator ? "sk_ai" : "sk_ar") : Bytes{},
            crypto::Direction::Open);
        ike::FragmentQueue queue;
        auto opened = ike::IsFragment(datagrams.at(0)) ? queue.Add(datagrams.at(0), *cipher)
                                                       : ike::OpenMessage(datagrams.at(0), *cipher);
        for (std::size_t i = 1; i < datagrams.size(); ++i)
        {
            opened = queue.Add(datagrams[i], *cipher);
        }
        return opened.value().payloads;
    }

    static crypto::CipherSuite Cipher(const json& suite)
    {
        crypto::CipherSuite cipher;
        cipher.encryption = static_cast<crypto::EncryptionId>(suite.at("encr_id").get<int>());
        cipher.keyBits = suite.at("key_bits").get<std::uint16_t>();
        cipher.integrity = suite.at("integ") == "HMAC_SHA2_256_128"
                             ? crypto::IntegrityId::HmacSha2_256_128
                             : crypto::IntegrityId::None;
        return cipher;
    }

  private:
    void AddPrivateValues(const json& dh)
    {
        for (const char side : {'i', 'r'})
        {
            const auto member = [side](const char* stem) { return std::string(stem) + side; };
            if (!dh.is_null() && !dh.at(member("private_")).is_null())
            {
                m_private[WithoutLeadingZeros(Hex(dh, member("public_").c_str()))] =
                    Hex(dh, member("private_").c_str());
            }
        }
    }

    void ReadMessages(const std::vector<CapturedDatagram>& capture)
    {
        std::vector<Bytes> pieces;
        for (const json& entry : m_json.at("ike_messages"))
        {
            const auto& datagram = capture.at(entry.at("frame").get<std::size_t>() - 1);
            pieces.push_back(datagram.payload);
            if (entry.contains("fragment") && !entry.contains("reassembled"))
            {
                continue;
            }
            Recorded message;
            message.frame = datagram.frame;
            message.time =
                ike::Instant(static_cast<ike::Instant::rep>(entry.at("time").get<double>() * 1e9));
            message.fromA = datagram.source.ToString() == m_json.at("a").at("outer");
            message.repeated = entry.value("retransmission", false);
            message.header = wire::ParseHeader(datagram.payload).value();
            message.path = {{datagram.destination, datagram.destinationPort},
                            {datagram.source, datagram.sourcePort}};
            message.payloads = Open(pieces);
            message.datagrams = std::move(pieces);
            pieces.clear();
            m_messages.push_back(std::move(message));
        }
    }

    json m_json;
    std::map<Bytes, Bytes> m_private;     ///< by public value
    std::map<std::uint64_t, json> m_keys; ///< IKE SAs by initiator SPI
    std::vector<Recorded> m_messages;
};

ike::PeerConfig
MakeConfig(const Session& session, bool atA)
{
    const json& all = session.Json();
    const json& here = all.at(atA ? "a" : "b");
    const json& there = all.at(atA ? "b" : "a");
    const auto selectors = [](const json& side)
    { return TrafficSelectorList{TrafficSelector::FromString(side.at("inner")).value()}; };
    ike::PeerConfig peer;
    peer.name = "recorded";
    peer.local.address = IpAddress::FromString(here.at("outer").get<std::string>()).value();
    peer.remote.address = IpAddress::FromString(there.at("outer").get<std::string>()).value();
    peer.localId = ike::Identity::Fqdn(here.at("id"));
    peer.remoteId = ike::Identity::Fqdn(there.at("id"));
    peer.localSelectors = selectors(here);
    peer.remoteSelectors = selectors(there);
    peer.maxIkeDatagram = 576;
    if (all.at("name") == "childless")
    {
        peer.extensions = {ike::Childless(true)};
    }
    if (all.at("auth").at("kind") == "psk")
    {
        peer.preSharedKey = Hex(all.at("auth"), "psk_hex");
    }
    else
    {
        // The daemons kept their private keys, so our own proof is another one than theirs.
        const std::string pem = all.at("auth").at("ca");
        peer.auth.local = peer.auth.remote = ike::AuthKind::Signature;
        peer.auth.privateKey = LeafKey("a-p256");
        peer.auth.certificates = {Leaf("a-p256")};
        peer.auth.trustAnchors = crypto::Certificate::FromPem(Bytes(pem.begin(), pem.end()));
        peer.auth.unixTimeAtZero = std::chrono::seconds(1800000000); // January 2027
    }
    return peer;
}

/// The suites that the daemons agreed on, and where they did not, what each had.
void
SetSuites(ike::PeerConfig& peer, const Session& session, bool atA)
{
    const json& all = session.Json();
    const std::string name = all.at("name");
    if (name == "no-proposal-chosen")
    {
        peer.ikeSuites = {{{}, crypto::PrfId::HmacSha2_256, GroupId::Curve25519}};
        peer.ikeSuites[0].group = atA ? GroupId::Curve25519 : GroupId::Modp4096;
        return;
    }
    const json& suite = all.at("ike_sas").at(0).at("suite");
    const auto group = static_cast<GroupId>(suite.at("dh_group").get<int>());
    peer.ikeSuites = {{Session::Cipher(suite), crypto::PrfId::HmacSha2_256, group}};
    peer.childSuites = {{Session::Cipher(suite), group, false}};
    if (name == "invalid-ke" && atA)
    {
        peer.ikeSuites.insert(peer.ikeSuites.begin(), peer.ikeSuites[0]);
        peer.ikeSuites[0].group = GroupId::Curve25519;
    }
    if (name == "cookie")
    {
        peer.childSuites[0].group = GroupId::None;
    }
    if (name == "authentication-failed" && !atA)
    {
        peer.preSharedKey = {'o', 't', 'h', 'e', 'r'};
    }
    if (name == "ts-unacceptable" && !atA)
    {
        peer.localSelectors = {TrafficSelector::FromString("10.99.0.0/16").value()};
    }
}

/// Each way in which an SA payload can be answered: protocol, SPI, and one transform of each type.
std::multiset<std::string>
Expand(const wire::SaPayload& sa)
{
    std::multiset<std::string> all;
    for (const auto& proposal : sa.proposals)
    {
        std::map<wire::TransformType, std::vector<wire::Transform>> byType;
        for (const auto& transform : proposal.transforms)
        {
            byType[transform.type].push_back(transform);
        }
        std::vector<std::string> combinations{ToHex(proposal.spi) + "/" +
                                              std::to_string(static_cast<int>(proposal.protocol))};
        for (const auto& [type, transforms] : byType)
        {
            std::vector<std::string> longer;
            for (const auto& start : combinations)
            {
                for (const auto& t : transforms)
                {
                    longer.push_back(start + " " + std::to_string(static_cast<int>(type)) + ":" +
                                     std::to_string(t.id) + "/" +
                                     std::to_string(t.KeyBits().value_or(0)));
                }
            }
            combinations = std::move(longer);
        }
        all.insert(combinations.begin(), combinations.end());
    }
    return all;
}

bool
IsBound(const wire::Payload& payload)
{
    if (const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body))
    {
        return notify->IsError() || notify->type == NotifyType::RekeySa ||
               notify->type == NotifyType::Cookie;
    }
    static const std::set<PayloadType> bound{PayloadType::Ke,
                                             PayloadType::Nonce,
                                             PayloadType::IdI,
                                             PayloadType::IdR,
                                             PayloadType::TsI,
                                             PayloadType::TsR,
                                             PayloadType::Delete};
    return bound.count(payload.type) > 0;
}

/// All that RFC 7296 leaves no choice about, in a form that can be compared and read.
std::multiset<std::string>
BoundContent(const wire::PayloadList& payloads, bool withKe)
{
    std::multiset<std::string> content;
    for (const auto& payload : payloads)
    {
        const std::string name = RecordedName(payload);
        if (const auto* sa = std::get_if<wire::SaPayload>(&payload.body))
        {
            for (const auto& way : Expand(*sa))
            {
                content.insert(name + " " + way);
            }
        }
        else if (const auto* auth = std::get_if<wire::AuthPayload>(&payload.body))
        {
            content.insert(name + " " + std::to_string(static_cast<int>(auth->method)));
        }
        else if (IsBound(payload) && (withKe || payload.type != PayloadType::Ke))
        {
            content.insert(name + " " + ToHex(wire::SerializePayloads({payload})));
        }
    }
    return content;
}

/// One side of a session, played by our machine.
class Replay
{
  public:
    Replay(const std::string& name, bool asA)
        : m_session(name),
          m_asA(asA),
          m_endpoint(m_random),
          m_peer(MakeConfig(m_session, asA))
    {
        SetSuites(m_peer, m_session, asA);
        if (!asA)
        {
            m_session.OrderAsSeenByB();
        }
    }

    void Run()
    {
        ASSERT_TRUE(m_endpoint.AddPeer(m_peer));
        for (const auto& message : m_session.Messages())
        {
            SCOPED_TRACE("frame " + std::to_string(message.frame));
            m_now = message.time;
            if (message.fromA != m_asA)
            {
                Receive(message);
            }
            else if (!message.repeated)
            {
                Expect(message);
            }
            if (testing::Test::HasFailure())
            {
                return;
            }
        }
        EXPECT_EQ(m_random.Left(), 0U) << "the daemon drew more than our machine";
        EXPECT_TRUE(m_sent.empty()) << "our machine said more than the daemon";
        EXPECT_GT(m_compared, 0U);
    }

    std::size_t Compared() const
    {
        return m_compared;
    }

    const std::vector<ike::IkeEvent>& Events() const
    {
        return m_events;
    }

    const Session& GetSession() const
    {
        return m_session;
    }

  private:
    /// Puts in what our machine draws for this message of the daemon's.
    void ScriptDraws(const Recorded& message)
    {
        const auto& payloads = message.payloads;
        const auto* sa = wire::Find<wire::SaPayload>(payloads, PayloadType::Sa);
        const auto* nonce = wire::Find<wire::NoncePayload>(payloads, PayloadType::Nonce);
        const auto* ke = wire::Find<wire::KePayload>(payloads, PayloadType::Ke);
        const bool response = message.header.IsResponse();
        const Bytes spi = sa ? sa->proposals.at(0).spi : Bytes{};
        switch (message.header.exchange)
        {
        case ExchangeType::IkeSaInit:
            ScriptInitDraws(message, nonce, ke);
            break;
        case ExchangeType::IkeAuth:
            if (sa)
            {
                m_random.Push(spi);
            }
            break;
        case ExchangeType::CreateChildSa:
            PushSpiAndKeying(spi, nonce, ke, response);
            break;
        default:
            break;
        }
    }

    void ScriptInitDraws(const Recorded& message,
                         const wire::NoncePayload* nonce,
                         const wire::KePayload* ke)
    {
        const bool response = message.header.IsResponse();
        const bool first = !response && m_begun.insert(message.header.initiatorSpi).second;
        if (response || first)
        {
            Bytes spi(8);
            StoreBe64(spi.data(),
                      response ? message.header.responderSpi : message.header.initiatorSpi);
            // A refusal carries no SPI, but one was drawn.
            m_random.Push(spi == Bytes(8) ? Pattern(8, 1) : spi);
        }
        if (nonce && (response || first))
        {
            m_random.Push(nonce->data);
        }
        if (ke && !message.Notify(NotifyType::Cookie))
        {
            PushPrivate(*ke);
        }
    }

    void PushSpiAndKeying(const Bytes& spi,
                          const wire::NoncePayload* nonce,
                          const wire::KePayload* ke,
                          bool spiLast)
    {
        if (!spiLast)
        {
            m_random.Push(spi);
        }
        m_random.Push(nonce->data);
        if (ke)
        {
            PushPrivate(*ke);
        }
        if (spiLast)
        {
            m_random.Push(spi);
        }
    }

    void PushPrivate(const wire::KePayload& ke)
    {
        m_random.Push(m_session.PrivateValue(ke).value_or(Pattern(32, 1)));
    }

    void Receive(const Recorded& message)
    {
        for (const auto& own : m_session.Messages())
        {
            const bool next = own.time >= m_now && own.fromA == m_asA && !own.repeated;
            if (!message.repeated && next && IsCausedBy(own, message))
            {
                ScriptDraws(own);
                break;
            }
        }
        for (const auto& datagram : message.datagrams)
        {
            m_endpoint.HandleDatagram(m_now,
                                      message.path,
                                      ike::ToUdpPayload(message.path, datagram));
        }
        Collect();
    }

    /// A response; or the request that follows a response in IKE_SA_INIT.
    static bool IsCausedBy(const Recorded& own, const Recorded& message)
    {
        const bool handshake =
            own.header.exchange == ExchangeType::IkeAuth ||
            (own.header.exchange == ExchangeType::IkeSaInit && own.header.messageId == 0);
        return own.IsAnswerTo(message) ||
               (message.header.exchange == ExchangeType::IkeSaInit && message.header.IsResponse() &&
                !own.header.IsResponse() && handshake &&
                own.header.initiatorSpi == message.header.initiatorSpi);
    }

    void Expect(const Recorded& message)
    {
        if (!FindSent(message))
        {
            ASSERT_FALSE(message.header.IsResponse()) << "no response";
            ScriptDraws(message);
            Command(message);
            Collect();
        }
        auto sent = TakeSent(message);
        ASSERT_FALSE(sent.empty()) << "not sent";
        const auto header = wire::ParseHeader(sent[0]).value();
        EXPECT_EQ(header.initiatorSpi, message.header.initiatorSpi);
        EXPECT_EQ(header.responderSpi, message.header.responderSpi);
        EXPECT_EQ(header.version, message.header.version);
        EXPECT_EQ(header.flags, message.header.flags);
        EXPECT_EQ(m_paths.at(sent[0]).local, message.path.remote)
            << "ports float like the daemon's";
        EXPECT_EQ(m_paths.at(sent[0]).remote, message.path.local);
        const auto* ke = wire::Find<wire::KePayload>(message.payloads, PayloadType::Ke);
        const bool withKe = ke && m_session.PrivateValue(*ke);
        EXPECT_EQ(BoundContent(m_session.Open(sent), withKe),
                  BoundContent(message.payloads, withKe));
        ++m_compared;
    }

    /// Begins what the daemon began with this request.
    void Command(const Recorded& message)
    {
        const auto& payloads = message.payloads;
        const ike::IkeSaId id{message.header.initiatorSpi, message.header.responderSpi};
        const auto* deletion = wire::Find<wire::DeletePayload>(payloads, PayloadType::Delete);
        const auto* rekey = message.Notify(NotifyType::RekeySa);
        bool begun = false;
        if (message.header.exchange == ExchangeType::IkeSaInit)
        {
            begun = m_endpoint.Initiate(m_now, m_peer.name);
        }
        else if (rekey)
        {
            begun = m_endpoint.RekeyChildSa(m_now, LoadBe32(rekey->spi.data()));
        }
        else if (message.header.exchange == ExchangeType::CreateChildSa)
        {
            begun = wire::Find<wire::TsPayload>(payloads, PayloadType::TsI)
                      ? m_endpoint.CreateChildSa(m_now, id)
                      : m_endpoint.RekeyIkeSa(m_now, id);
        }
        else if (deletion && deletion->protocol == wire::ProtocolId::Ike)
        {
            begun = m_endpoint.CloseIkeSa(m_now, id);
        }
        else if (deletion)
        {
            begun = m_endpoint.CloseChildSa(m_now, LoadBe32(deletion->spis.at(0).data()));
        }
        ASSERT_TRUE(begun) << "our machine cannot begin this";
    }

    void Collect()
    {
        while (auto event = m_endpoint.PollEvent())
        {
            m_events.push_back(std::move(*event));
        }
        while (auto datagram = m_endpoint.PollTransmit())
        {
            Bytes message = std::move(datagram->octets);
            if (datagram->path.local.port == wire::kNatTraversalPort)
            {
                ASSERT_EQ(wire::ClassifyNatTraversal(message), wire::NatTraversalContent::Ike);
                message.erase(message.begin(), message.begin() + wire::kNonEspMarkerSize);
            }
            // An answer that is sent again is the same to the octet.
            if (m_paths.try_emplace(message, datagram->path).second)
            {
                m_sent.push_back(std::move(message));
            }
        }
    }

    static bool IsPartOf(const Bytes& octets, const Recorded& message)
    {
        const auto header = wire::ParseHeader(octets).value();
        return header.initiatorSpi == message.header.initiatorSpi &&
               header.exchange == message.header.exchange &&
               header.messageId == message.header.messageId && header.flags == message.header.flags;
    }

    bool FindSent(const Recorded& message) const
    {
        return std::any_of(m_sent.begin(),
                           m_sent.end(),
                           [&](const Bytes& octets) { return IsPartOf(octets, message); });
    }

    std::vector<Bytes> TakeSent(const Recorded& message)
    {
        std::vector<Bytes> taken;
        const auto rest =
            std::stable_partition(m_sent.begin(),
                                  m_sent.end(),
                                  [&](const Bytes& octets) { return !IsPartOf(octets, message); });
        taken.assign(rest, m_sent.end());
        m_sent.erase(rest, m_sent.end());
        return taken;
    }

    Session m_session;
    bool m_asA;
    ScriptedRandom m_random;
    ike::IkeEndpoint m_endpoint;
    ike::PeerConfig m_peer;
    ike::Instant m_now{0};
    std::set<std::uint64_t> m_begun;    ///< initiator SPIs
    std::deque<Bytes> m_sent;           ///< and not yet expected
    std::map<Bytes, ike::Path> m_paths; ///< of all that was ever sent
    std::vector<ike::IkeEvent> m_events;
    std::size_t m_compared{0};
};

using Role = std::tuple<std::string, bool>;

/// Every session from both ends, but for those whose secrets were not recorded.
std::vector<Role>
Roles()
{
    std::vector<Role> roles;
    for (const auto& name : CaptureNames())
    {
        for (const bool asA : {true, false})
        {
            // libreswan reveals no private values; a cookie is made with a secret of its maker.
            const bool secretive = name == "peer-libreswan" || name == "cookie";
            if (asA || !secretive)
            {
                roles.emplace_back(name, asA);
            }
        }
    }
    return roles;
}

class RecordedSessionThroughMachine : public testing::TestWithParam<Role>
{
};

TEST_P(RecordedSessionThroughMachine, SaysWhatTheDaemonSaid)
{
    const auto& [name, asA] = GetParam();
    Replay replay(name, asA);
    replay.Run();

    // The keys of every SA are the recorded ones, which the daemons' own logs confirm.
    std::size_t ikeSas = 0;
    std::size_t childSas = 0;
    const json& session = replay.GetSession().Json();
    for (const auto& event : replay.Events())
    {
        if (const auto* up = std::get_if<ike::IkeSaEstablished>(&event))
        {
            const auto& sas = session.at("ike_sas");
            const auto sa = std::find_if(
                sas.begin(),
                sas.end(),
                [&](const json& s) { return LoadBe64(Hex(s, "spi_i").data()) == up->id.spiI; });
            ASSERT_NE(sa, sas.end());
            EXPECT_EQ(ToHex(up->keys.skD), ToHex(Hex(sa->at("keys"), "sk_d")));
            EXPECT_EQ(ToHex(up->keys.skEi), ToHex(Hex(sa->at("keys"), "sk_ei")));
            EXPECT_EQ(ToHex(up->keys.skEr), ToHex(Hex(sa->at("keys"), "sk_er")));
            ++ikeSas;
        }
        if (const auto* child = std::get_if<ike::ChildSaInstalled>(&event))
        {
            const auto& sas = session.at("child_sas");
            const auto sa =
                std::find_if(sas.begin(),
                             sas.end(),
                             [&](const json& s)
                             {
                                 return LoadBe32(Hex(s, "spi_i").data()) == child->spiInbound ||
                                        LoadBe32(Hex(s, "spi_r").data()) == child->spiInbound;
                             });
            ASSERT_NE(sa, sas.end());
            // The SA with spi_i carries what the responder encrypts.
            const bool toInitiator = LoadBe32(Hex(*sa, "spi_i").data()) == child->spiInbound;
            EXPECT_EQ(ToHex(child->encryptionInbound),
                      ToHex(Hex(sa->at("keys"), toInitiator ? "encr_r" : "encr_i")));
            EXPECT_EQ(ToHex(child->encryptionOutbound),
                      ToHex(Hex(sa->at("keys"), toInitiator ? "encr_i" : "encr_r")));
            ++childSas;
        }
    }
    EXPECT_EQ(ikeSas, name == "authentication-failed" ? 0 : session.at("ike_sas").size());
    EXPECT_EQ(childSas, session.at("child_sas").size());
}

INSTANTIATE_TEST_SUITE_P(Captures,
                         RecordedSessionThroughMachine,
                         testing::ValuesIn(Roles()),
                         [](const auto& info)
                         {
                             auto name = std::get<0>(info.param);
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name + (std::get<1>(info.param) ? "_as_a" : "_as_b");
                         });

} // namespace
} // namespace ipseclab::test
