/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/prf.h"
#include "model/ike/authentication.h"
#include "model/ike/extensions/cookie.h"
#include "model/ike/ike-sa.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ipseclab::ike
{

using wire::ExchangeType;

namespace
{

constexpr std::size_t kVersionOffset = 17; ///< in the IKE header (RFC 7296, section 3.1)

/// How many half-open IKE SAs one peer may cause; a burst of forged requests costs no more.
constexpr std::size_t kMaxHalfOpenPerPeer = 64;

/// How many closed IKE SAs of one peer keep their last answer; beyond, the oldest goes first.
constexpr std::size_t kMaxRemainsPerPeer = 64;

/// The count field of a TS payload has one octet (RFC 7296, section 3.13).
constexpr std::size_t kMaxSelectors = 255;

bool
IsCountable(const TrafficSelectorList& selectors)
{
    return !selectors.empty() && selectors.size() <= kMaxSelectors;
}

/// An empty key would be known to everyone.
bool
HasNeededKey(const PeerConfig& peer)
{
    const bool needed =
        peer.auth.HasProof(AuthKind::SharedKey) || peer.auth.Accepts(AuthKind::SharedKey);
    return !needed || !peer.preSharedKey.empty();
}

/// Additional key exchanges of one suite, none of them twice (RFC 9370, section 2.2.1).
bool
AreUsable(const std::vector<crypto::GroupId>& additional)
{
    return additional.size() <= kMaxAdditional &&
           std::set<crypto::GroupId>(additional.begin(), additional.end()).size() ==
               additional.size() &&
           std::all_of(additional.begin(),
                       additional.end(),
                       [](crypto::GroupId group) { return crypto::FindTraits(group).has_value(); });
}

bool
IsUsable(const PeerConfig& peer)
{
    const auto ikeFits = [](const IkeSuite& s)
    {
        const auto cipher = crypto::FindTraits(s.cipher);
        return cipher && !cipher->implicitIv && crypto::FindPrfLength(s.prf) &&
               crypto::FindTraits(s.group) && AreUsable(s.additional);
    };
    const auto childFits = [](const ChildSuite& s)
    {
        const bool withKe = s.group != crypto::GroupId::None;
        return crypto::FindTraits(s.cipher) &&
               (withKe ? crypto::FindTraits(s.group) && AreUsable(s.additional)
                       : s.additional.empty());
    };
    constexpr std::size_t kSmallestDatagram = 256;
    return (peer.maxIkeDatagram == 0 || peer.maxIkeDatagram >= kSmallestDatagram) &&
           IsComplete(peer.auth) && HasNeededKey(peer) && !peer.ikeSuites.empty() &&
           !peer.childSuites.empty() && FitIntoProposals(peer.ikeSuites) &&
           FitIntoProposals(peer.childSuites) && IsCountable(peer.localSelectors) &&
           IsCountable(peer.remoteSelectors) &&
           std::all_of(peer.ikeSuites.begin(), peer.ikeSuites.end(), ikeFits) &&
           std::all_of(peer.childSuites.begin(), peer.childSuites.end(), childFits);
}

/// Tells one IKE_SA_INIT request from another: sender and whole message (RFC 7296, section 2.1).
Bytes
MakeInitKey(const TransportAddress& remote, ByteSpan octets)
{
    Bytes key = crypto::Sha1({octets});
    const ByteSpan address = remote.address.Octets();
    key.insert(key.end(), address.begin(), address.end());
    key.push_back(static_cast<std::uint8_t>(remote.port >> 8));
    key.push_back(static_cast<std::uint8_t>(remote.port));
    return key;
}

} // namespace

struct IkeEndpoint::State
{
    /// At most one in kHintInterval.
    class RateLimit
    {
      public:
        bool Take(Instant now)
        {
            const bool free = !m_next || *m_next <= now;
            m_next = free ? now + kHintInterval : m_next;
            return free;
        }

      private:
        std::optional<Instant> m_next;
    };

    struct PeerEntry
    {
        PeerConfig config;
        Duration repetitionTime{};
        std::size_t halfOpen{0};
        std::size_t ikeSas{0};
        std::deque<std::uint64_t> remains; ///< local SPIs, oldest first
    };

    struct SaEntry
    {
        std::unique_ptr<IkeSa> sa;
        PeerEntry* peer{nullptr};
        Bytes initKey; ///< of a responder's SA
        std::optional<Instant> timer;
        bool countedHalfOpen{false};
        bool countedEstablished{false};
    };

    /// What is left of a closed SA, for a peer that missed the last answer.
    struct Remains
    {
        Bytes requestHash; ///< a request may have 64 kB, and all that it has to do is to come again
        std::vector<Bytes> responses;
        Instant expiry;
        PeerEntry* peer;
    };

    explicit State(crypto::RandomSource& source)
        : random(source)
    {
    }

    IkeSa::Environment Environment()
    {
        return {random,
                counters,
                childSpis,
                ikeSpis,
                transmits,
                events,
                successors,
                touched,
                contacts};
    }

    PeerEntry* FindPeer(const IpAddress& remote);
    SaEntry* FindSa(const IkeSaId& id);
    SaEntry& Add(std::unique_ptr<IkeSa> sa, PeerEntry& peer);

    /// Carries out a command on the IKE SA with this ID, or that has the Child SA with this SPI.
    template <typename Function>
    bool Command(Instant now, const IkeSaId& id, Function command);
    template <typename Function>
    bool Command(Instant now, std::uint32_t childSpi, Function command);

    void HandleMessage(Instant now, const Path& path, ByteSpan octets);
    void HandleInitRequest(Instant now, const Path& path, ByteSpan octets);
    bool DemandsCookie(Instant now,
                       const Path& path,
                       const PeerEntry& peer,
                       const wire::IkeMessage& request);
    void RefuseVersion(const Path& path, ByteSpan octets);
    bool RepeatLastAnswer(Instant now, const Path& path, std::uint64_t spi, ByteSpan octets);

    void RefuseSpi(Instant now, const Path& path, const wire::IkeHeader& header);

    void Settle(Instant now, SaEntry& entry);
    void ForgetOthers(Instant now, std::uint64_t contact);
    void SettleOne(Instant now, SaEntry& entry);
    void SetTimer(SaEntry& entry, std::optional<Instant> timer);
    void Remove(Instant now, SaEntry& entry);
    void KeepRemains(Instant now, const SaEntry& entry, IkeSa::CachedAnswer answer);
    void ForgetRemains(std::uint64_t spi);
    void ForgetOldRemains(Instant now);
    void Transmit(Datagram datagram);

    crypto::RandomSource& random;
    IkeCounters counters;
    ChildSpiTable childSpis;
    CookieJar cookies;
    IkeSpiTable ikeSpis;
    std::map<std::string, PeerEntry> peers;
    std::map<IpAddress, PeerEntry*> peersByRemote;

    std::unordered_map<std::uint64_t, SaEntry> sas;     ///< by local SPI
    std::map<Bytes, std::uint64_t> initRequests;        ///< answered ones; to the local SPI
    std::set<std::pair<Instant, std::uint64_t>> timers; ///< with the local SPI
    std::unordered_map<std::uint64_t, Remains> remains; ///< by local SPI
    std::set<std::pair<Instant, std::uint64_t>> remainsByExpiry;
    std::size_t established{0};

    std::deque<Datagram> transmits;
    std::deque<IkeEvent> events;
    std::vector<std::unique_ptr<IkeSa>> successors; ///< to be taken over
    std::vector<std::uint64_t> touched;             ///< local SPIs of SAs to settle
    std::vector<std::uint64_t> contacts;            ///< of SAs with INITIAL_CONTACT
    RateLimit ikeSpiHints;
    RateLimit espSpiHints;
};

IkeEndpoint::State::PeerEntry*
IkeEndpoint::State::FindPeer(const IpAddress& remote)
{
    const auto found = peersByRemote.find(remote);
    return found == peersByRemote.end() ? nullptr : found->second;
}

IkeEndpoint::State::SaEntry*
IkeEndpoint::State::FindSa(const IkeSaId& id)
{
    for (const std::uint64_t spi : {id.spiI, id.spiR})
    {
        const auto found = sas.find(spi);
        if (found != sas.end() && found->second.sa->Id() == id)
        {
            return &found->second;
        }
    }
    return nullptr;
}

template <typename Function>
bool
IkeEndpoint::State::Command(Instant now, const IkeSaId& id, Function command)
{
    SaEntry* entry = FindSa(id);
    if (!entry || !command(*entry->sa))
    {
        return false;
    }
    Settle(now, *entry);
    return true;
}

template <typename Function>
bool
IkeEndpoint::State::Command(Instant now, std::uint32_t childSpi, Function command)
{
    const auto owner = childSpis.FindOwner(childSpi);
    SaEntry* entry = owner ? &sas.at(*owner) : nullptr;
    if (!entry || !command(*entry->sa))
    {
        return false;
    }
    Settle(now, *entry);
    return true;
}

IkeEndpoint::State::SaEntry&
IkeEndpoint::State::Add(std::unique_ptr<IkeSa> sa, PeerEntry& peer)
{
    SaEntry& entry = sas[sa->LocalSpi()];
    entry.sa = std::move(sa);
    entry.peer = &peer;
    ++peer.ikeSas;
    return entry;
}

void
IkeEndpoint::State::HandleInitRequest(Instant now, const Path& path, ByteSpan octets)
{
    Bytes key = MakeInitKey(path.remote, octets);
    const auto known = initRequests.find(key);
    if (known != initRequests.end())
    {
        SaEntry& entry = sas.at(known->second);
        entry.sa->HandleDatagram(now, path, *wire::ParseHeader(octets), octets);
        Settle(now, entry);
        return;
    }
    PeerEntry* peer = FindPeer(path.remote.address);
    const auto request = wire::ParseMessage(octets);
    if (!peer || !request || request->header.messageId != 0 || request->header.initiatorSpi == 0 ||
        !request->header.FromOriginalInitiator())
    {
        ++(peer ? counters.malformed : counters.noPeer);
        return;
    }
    if (DemandsCookie(now, path, *peer, *request))
    {
        return;
    }
    if (peer->halfOpen >= kMaxHalfOpenPerPeer)
    {
        ++counters.halfOpenLimit;
        return;
    }
    const std::uint64_t spi = ikeSpis.Allocate(random);
    auto answer = request->header.exchange == ExchangeType::IkeSaInit
                    ? AnswerInit(peer->config, *request, octets, path, spi, random)
                    : AnswerResumption(now, peer->config, *request, octets, path, spi, random);
    if (!answer.result)
    {
        ikeSpis.Release(spi);
        Transmit({path, std::move(answer.response)});
        return;
    }
    SaEntry& entry =
        Add(IkeSa::Respond(now, Environment(), peer->config, path, std::move(*answer.result)),
            *peer);
    entry.initKey = key;
    initRequests.emplace(std::move(key), entry.sa->LocalSpi());
    Settle(now, entry);
}

/// Answers a request that has to come again with a cookie; costs no state.
bool
IkeEndpoint::State::DemandsCookie(Instant now,
                                  const Path& path,
                                  const PeerEntry& peer,
                                  const wire::IkeMessage& request)
{
    const auto* nonce = wire::Find<wire::NoncePayload>(request.payloads, wire::PayloadType::Nonce);
    if (peer.halfOpen < peer.config.cookieThreshold || !nonce)
    {
        return false;
    }
    const CookieClaim claim{path.remote.address, request.header.initiatorSpi, nonce->data};
    const auto* cookie = wire::FindNotify(request.payloads, wire::NotifyType::Cookie);
    if (cookie && cookies.IsGood(now, cookie->data, claim))
    {
        return false;
    }
    ++counters.cookiesDemanded;
    Transmit({path, DemandCookie(request, cookies.Make(now, random, claim))});
    return true;
}

/// RFC 7296, section 2.5: a higher major version is told which one we speak, in the header.
void
IkeEndpoint::State::RefuseVersion(const Path& path, ByteSpan octets)
{
    ++counters.badVersion;
    wire::IkeHeader header;
    header.initiatorSpi = LoadBe64(octets.data());
    header.responderSpi = LoadBe64(octets.data() + 8);
    header.exchange = static_cast<ExchangeType>(octets[18]);
    header.messageId = LoadBe32(octets.data() + 20);
    const std::uint8_t flags = octets[19];
    if ((flags & wire::kFlagResponse) || octets[kVersionOffset] < wire::kIkeVersion2)
    {
        return;
    }
    header.flags = static_cast<std::uint8_t>(
        wire::kFlagResponse | (flags & wire::kFlagInitiator ? 0 : wire::kFlagInitiator));
    Transmit(
        {path, wire::Serialize(header, {wire::MakeNotify(wire::NotifyType::InvalidMajorVersion)})});
}

bool
IkeEndpoint::State::RepeatLastAnswer(Instant now,
                                     const Path& path,
                                     std::uint64_t spi,
                                     ByteSpan octets)
{
    ForgetOldRemains(now);
    const auto found = remains.find(spi);
    if (found == remains.end() || found->second.requestHash != crypto::Sha1({octets}))
    {
        ++counters.unknownSpi;
        return false;
    }
    ++counters.responsesResent;
    for (const auto& response : found->second.responses)
    {
        Transmit({path, response});
    }
    return true;
}

/// RFC 7296, sections 1.5 and 2.21.4: to where it came from, and not protected.
void
IkeEndpoint::State::RefuseSpi(Instant now, const Path& path, const wire::IkeHeader& header)
{
    if (header.IsResponse() || !FindPeer(path.remote.address) || !ikeSpiHints.Take(now))
    {
        return;
    }
    ++counters.invalidIkeSpiSent;
    wire::IkeHeader answer = header;
    answer.flags = static_cast<std::uint8_t>(
        wire::kFlagResponse | (header.FromOriginalInitiator() ? 0 : wire::kFlagInitiator));
    answer.version = wire::kIkeVersion2;
    Transmit({path, wire::Serialize(answer, {wire::MakeNotify(wire::NotifyType::InvalidIkeSpi)})});
}

/// Takes note of what an SA, and others through it, have become after it was given anything; the
/// entry may be gone afterwards.
void
IkeEndpoint::State::Settle(Instant now, SaEntry& entry)
{
    touched.push_back(entry.sa->LocalSpi());
    for (const std::uint64_t contact : std::exchange(contacts, {}))
    {
        ForgetOthers(now, contact);
    }
    while (!successors.empty() || !touched.empty())
    {
        for (auto& successor : std::exchange(successors, {}))
        {
            touched.push_back(successor->LocalSpi());
            PeerEntry& peer = peers.at(successor->Peer().name);
            Add(std::move(successor), peer);
        }
        const std::uint64_t spi = touched.back();
        touched.pop_back();
        const auto found = sas.find(spi);
        if (found != sas.end())
        {
            SettleOne(now, found->second);
        }
    }
}

/// All that the peer has lost, by whichever entry it was configured.
void
IkeEndpoint::State::ForgetOthers(Instant now, std::uint64_t contact)
{
    const IkeSa& only = *sas.at(contact).sa;
    for (const auto& [spi, entry] : sas)
    {
        if (entry.sa->IsForgottenBy(only))
        {
            entry.sa->Forget(now);
            touched.push_back(spi);
        }
    }
}

void
IkeEndpoint::State::SettleOne(Instant now, SaEntry& entry)
{
    IkeSa& sa = *entry.sa;
    sa.Resume(now);
    const bool isHalfOpen = sa.CurrentPhase() == IkeSa::Phase::HalfOpen;
    const bool isEstablished = sa.CurrentPhase() == IkeSa::Phase::Established;
    entry.peer->halfOpen += isHalfOpen ? 1U : 0U;
    entry.peer->halfOpen -= entry.countedHalfOpen ? 1U : 0U;
    established += isEstablished ? 1U : 0U;
    established -= entry.countedEstablished ? 1U : 0U;
    entry.countedHalfOpen = isHalfOpen;
    entry.countedEstablished = isEstablished;
    if (sa.CurrentPhase() == IkeSa::Phase::Closed)
    {
        Remove(now, entry);
        return;
    }
    SetTimer(entry, sa.PollTimeout());
}

void
IkeEndpoint::State::SetTimer(SaEntry& entry, std::optional<Instant> timer)
{
    if (entry.timer == timer)
    {
        return;
    }
    const std::uint64_t spi = entry.sa->LocalSpi();
    if (entry.timer)
    {
        timers.erase({*entry.timer, spi});
    }
    if (timer)
    {
        timers.emplace(*timer, spi);
    }
    entry.timer = timer;
}

void
IkeEndpoint::State::Remove(Instant now, SaEntry& entry)
{
    const std::uint64_t spi = entry.sa->LocalSpi();
    auto answer = entry.sa->TakeLastAnswer();
    if (!answer.request.empty())
    {
        KeepRemains(now, entry, std::move(answer));
    }
    else
    {
        ikeSpis.Release(spi);
    }
    SetTimer(entry, std::nullopt);
    initRequests.erase(entry.initKey);
    --entry.peer->ikeSas;
    sas.erase(spi);
}

void
IkeEndpoint::State::KeepRemains(Instant now, const SaEntry& entry, IkeSa::CachedAnswer answer)
{
    PeerEntry& peer = *entry.peer;
    if (peer.remains.size() == kMaxRemainsPerPeer)
    {
        ForgetRemains(peer.remains.front());
    }
    const std::uint64_t spi = entry.sa->LocalSpi();
    const Instant expiry = now + peer.repetitionTime;
    peer.remains.push_back(spi);
    remainsByExpiry.emplace(expiry, spi);
    remains[spi] = {crypto::Sha1({answer.request}), std::move(answer.responses), expiry, &peer};
}

void
IkeEndpoint::State::ForgetRemains(std::uint64_t spi)
{
    const auto found = remains.find(spi);
    auto& ofPeer = found->second.peer->remains;
    ofPeer.erase(std::find(ofPeer.begin(), ofPeer.end(), spi));
    remainsByExpiry.erase({found->second.expiry, spi});
    remains.erase(found);
    ikeSpis.Release(spi);
}

void
IkeEndpoint::State::ForgetOldRemains(Instant now)
{
    while (!remainsByExpiry.empty() && remainsByExpiry.begin()->first <= now)
    {
        ForgetRemains(remainsByExpiry.begin()->second);
    }
}

void
IkeEndpoint::State::Transmit(Datagram datagram)
{
    ++counters.datagramsOut;
    datagram.octets = ToUdpPayload(datagram.path, std::move(datagram.octets));
    transmits.push_back(std::move(datagram));
}

IkeEndpoint::IkeEndpoint(crypto::RandomSource& random)
    : m_state(std::make_unique<State>(random))
{
}

IkeEndpoint::~IkeEndpoint() = default;

bool
IkeEndpoint::AddPeer(const PeerConfig& peer)
{
    if (!IsUsable(peer))
    {
        return false;
    }
    const auto [added, isNew] = m_state->peers.try_emplace(peer.name);
    if (!isNew)
    {
        return false;
    }
    added->second.config = peer;
    added->second.repetitionTime = RepetitionTime(peer.retransmission);
    m_state->peersByRemote.emplace(peer.remote.address, &added->second);
    return true;
}

bool
IkeEndpoint::Initiate(Instant now, const std::string& peer, const ChildRequest& first)
{
    State& s = *m_state;
    const auto found = s.peers.find(peer);
    if (found == s.peers.end())
    {
        return false;
    }
    const std::uint64_t spi = s.ikeSpis.Allocate(s.random);
    const bool onlyOne = found->second.ikeSas == 0;
    auto sa = IkeSa::Initiate(now, s.Environment(), found->second.config, spi, first, onlyOne);
    s.Settle(now, s.Add(std::move(sa), found->second));
    return true;
}

bool
IkeEndpoint::CloseIkeSa(Instant now, const IkeSaId& id)
{
    return m_state->Command(now, id, [now](IkeSa& sa) { return sa.Close(now); });
}

bool
IkeEndpoint::CloseChildSa(Instant now, std::uint32_t spiInbound)
{
    const auto close = [=](IkeSa& sa) { return sa.CloseChild(now, spiInbound); };
    return m_state->Command(now, spiInbound, close);
}

bool
IkeEndpoint::RekeyChildSa(Instant now, std::uint32_t spiInbound)
{
    const auto rekey = [=](IkeSa& sa) { return sa.RekeyChild(now, spiInbound); };
    return m_state->Command(now, spiInbound, rekey);
}

bool
IkeEndpoint::ExpireChildSa(Instant now, std::uint32_t spiInbound)
{
    const auto expire = [=](IkeSa& sa) { return sa.ExpireChild(now, spiInbound); };
    return m_state->Command(now, spiInbound, expire);
}

bool
IkeEndpoint::RekeyIkeSa(Instant now, const IkeSaId& id)
{
    return m_state->Command(now, id, [now](IkeSa& sa) { return sa.Rekey(now); });
}

bool
IkeEndpoint::CreateChildSa(Instant now, const IkeSaId& id, const ChildRequest& request)
{
    return m_state->Command(now, id, [&](IkeSa& sa) { return sa.CreateChild(now, request); });
}

bool
IkeEndpoint::Command(Instant now, const IkeSaId& id, const std::any& command)
{
    return m_state->Command(now, id, [&](IkeSa& sa) { return sa.Command(now, command); });
}

bool
IkeEndpoint::Command(Instant now, std::uint32_t spiInbound, const std::any& command)
{
    return m_state->Command(now, spiInbound, [&](IkeSa& sa) { return sa.Command(now, command); });
}

bool
IkeEndpoint::CheckLiveness(Instant now, const IkeSaId& id)
{
    return m_state->Command(now, id, [now](IkeSa& sa) { return sa.CheckLiveness(now); });
}

void
IkeEndpoint::HandleDatagram(Instant now, const Path& path, ByteSpan octets)
{
    State& s = *m_state;
    if (path.local.port == wire::kNatTraversalPort)
    {
        const auto content = wire::ClassifyNatTraversal(octets);
        if (content == wire::NatTraversalContent::Keepalive)
        {
            ++s.counters.keepalivesIn;
            return;
        }
        const bool marked = content == wire::NatTraversalContent::Ike;
        octets = marked ? octets.subspan(wire::kNonEspMarkerSize) : ByteSpan();
    }
    ++s.counters.datagramsIn;
    s.HandleMessage(now, path, octets);
}

void
IkeEndpoint::State::HandleMessage(Instant now, const Path& path, ByteSpan octets)
{
    if (octets.size() >= wire::IkeHeader::kSize &&
        octets[kVersionOffset] >> 4 != wire::kIkeVersion2 >> 4)
    {
        RefuseVersion(path, octets);
        return;
    }
    const auto header = wire::ParseHeader(octets);
    if (!header)
    {
        ++counters.malformed;
        return;
    }
    if (BeginsIkeSa(header->exchange) && !header->IsResponse() && header->responderSpi == 0)
    {
        HandleInitRequest(now, path, octets);
        return;
    }
    const bool toResponder = header->FromOriginalInitiator();
    const std::uint64_t spi = toResponder ? header->responderSpi : header->initiatorSpi;
    const auto found = sas.find(spi);
    if (found == sas.end() || found->second.sa->IsInitiator() == toResponder)
    {
        if (!RepeatLastAnswer(now, path, spi, octets))
        {
            RefuseSpi(now, path, *header);
        }
        return;
    }
    found->second.sa->HandleDatagram(now, path, *header, octets);
    Settle(now, found->second);
}

void
IkeEndpoint::HandleUnknownEspSpi(Instant now, const IpAddress& remote, std::uint32_t spi)
{
    State& s = *m_state;
    if (spi < ChildSpiTable::kLowest || !s.espSpiHints.Take(now))
    {
        return;
    }
    for (auto& [local, entry] : s.sas)
    {
        if (entry.sa->CurrentPath().remote.address == remote &&
            entry.sa->ReportUnknownSpi(now, spi))
        {
            ++s.counters.invalidSpiSent;
            s.Settle(now, entry);
            return;
        }
    }
}

void
IkeEndpoint::HandleEspPath(Instant now, std::uint32_t spiInbound, const Path& path)
{
    const auto follow = [&](IkeSa& sa)
    {
        sa.FollowPeer(path);
        return true;
    };
    m_state->Command(now, spiInbound, follow);
}

void
IkeEndpoint::HandleTimeout(Instant now)
{
    State& s = *m_state;
    while (!s.timers.empty() && s.timers.begin()->first <= now)
    {
        State::SaEntry& entry = s.sas.at(s.timers.begin()->second);
        entry.sa->HandleTimeout(now);
        s.Settle(now, entry);
    }
    s.ForgetOldRemains(now);
}

std::optional<Datagram>
IkeEndpoint::PollTransmit()
{
    if (m_state->transmits.empty())
    {
        return std::nullopt;
    }
    Datagram datagram = std::move(m_state->transmits.front());
    m_state->transmits.pop_front();
    return datagram;
}

std::optional<Instant>
IkeEndpoint::PollTimeout() const
{
    const auto first = [](const auto& byInstant)
    { return byInstant.empty() ? std::nullopt : std::make_optional(byInstant.begin()->first); };
    return Earlier(first(m_state->timers), first(m_state->remainsByExpiry));
}

std::optional<IkeEvent>
IkeEndpoint::PollEvent()
{
    if (m_state->events.empty())
    {
        return std::nullopt;
    }
    IkeEvent event = std::move(m_state->events.front());
    m_state->events.pop_front();
    return event;
}

const IkeCounters&
IkeEndpoint::Counters() const
{
    return m_state->counters;
}

std::size_t
IkeEndpoint::IkeSaCount() const
{
    return m_state->sas.size();
}

std::size_t
IkeEndpoint::ChildSaCount() const
{
    return m_state->childSpis.Size();
}

std::size_t
IkeEndpoint::EstablishedCount() const
{
    return m_state->established;
}

} // namespace ipseclab::ike
