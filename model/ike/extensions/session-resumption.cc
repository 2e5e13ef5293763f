/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/session-resumption.h"

#include "model/crypto/payload-cipher.h"

#include <utility>

namespace ipseclab::ike
{

using wire::NotifyType;

namespace
{

constexpr std::size_t kHandle = 16;  ///< octets of a ticket by reference
constexpr std::size_t kNumber = 8;   ///< octets before the sealed part of a ticket by value
constexpr std::size_t kLifetime = 4; ///< octets before the ticket in TICKET_LT_OPAQUE
constexpr crypto::CipherSuite kCipher{crypto::EncryptionId::AesGcm16,
                                      256,
                                      crypto::IntegrityId::None};

void
WriteField(ByteWriter& out, const Bytes& field)
{
    out.U16(static_cast<std::uint16_t>(field.size()));
    out.Append(field);
}

/// Nothing when the octets end before the field does.
std::optional<Bytes>
ReadField(ByteReader& in)
{
    const std::size_t length = in.Left() >= 2 ? in.U16() : in.Left() + 1;
    if (length > in.Left())
    {
        return std::nullopt;
    }
    const ByteSpan field = in.Span(length);
    return Bytes(field.begin(), field.end());
}

Bytes
Encode(const TicketState& state)
{
    const IkeSuite& suite = state.sa.suite;
    ByteWriter out;
    out.U64(static_cast<std::uint64_t>(state.expiry.count()));
    out.U16(static_cast<std::uint16_t>(suite.cipher.encryption));
    out.U16(suite.cipher.keyBits);
    out.U16(static_cast<std::uint16_t>(suite.cipher.integrity));
    out.U16(static_cast<std::uint16_t>(suite.prf));
    out.U16(static_cast<std::uint16_t>(suite.group));
    out.U8(static_cast<std::uint8_t>(state.initiator.type));
    out.U8(static_cast<std::uint8_t>(state.responder.type));
    out.U64(state.sa.id.spiI);
    out.U64(state.sa.id.spiR);
    WriteField(out, state.sa.skD);
    WriteField(out, state.initiator.data);
    WriteField(out, state.responder.data);
    return out.Take();
}

std::optional<TicketState>
Decode(const Bytes& octets)
{
    constexpr std::size_t kFixed = 8 + 5 * 2 + 2 + 2 * 8;
    ByteReader in(octets);
    if (in.Left() < kFixed)
    {
        return std::nullopt;
    }
    TicketState state;
    IkeSuite& suite = state.sa.suite;
    state.expiry = Instant(static_cast<std::int64_t>(in.U64()));
    suite.cipher.encryption = static_cast<crypto::EncryptionId>(in.U16());
    suite.cipher.keyBits = in.U16();
    suite.cipher.integrity = static_cast<crypto::IntegrityId>(in.U16());
    suite.prf = static_cast<crypto::PrfId>(in.U16());
    suite.group = static_cast<crypto::GroupId>(in.U16());
    state.initiator.type = static_cast<wire::IdType>(in.U8());
    state.responder.type = static_cast<wire::IdType>(in.U8());
    state.sa.id.spiI = in.U64();
    state.sa.id.spiR = in.U64();
    auto skD = ReadField(in);
    auto initiator = ReadField(in);
    auto responder = ReadField(in);
    if (!skD || !initiator || !responder)
    {
        return std::nullopt;
    }
    state.sa.skD = std::move(*skD);
    state.initiator.data = std::move(*initiator);
    state.responder.data = std::move(*responder);
    return state;
}

class ResumptionExtension final : public Extension
{
  public:
    ResumptionExtension(std::shared_ptr<TicketWallet> wallet, std::shared_ptr<TicketIssuer> issuer)
        : m_wallet(std::move(wallet)),
          m_issuer(std::move(issuer))
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<ResumptionExtension>(*this);
    }

    std::optional<ResumptionOffer> OfferResumption(Instant now, const PeerConfig& peer) override
    {
        auto ticket = m_wallet ? m_wallet->Take(now, peer.name) : std::nullopt;
        return ticket
                 ? std::optional(ResumptionOffer{std::move(ticket->octets), std::move(ticket->sa)})
                 : std::nullopt;
    }

    std::optional<ResumableSa> AcceptResumption(Instant now,
                                                const PeerConfig& peer,
                                                ByteSpan ticket) override
    {
        auto state = m_issuer ? m_issuer->Redeem(now, ticket) : std::nullopt;
        return state && state->initiator == peer.remoteId && state->responder == peer.localId
                 ? std::optional(std::move(state->sa))
                 : std::nullopt;
    }

    void WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out) override
    {
        if (!response && m_wallet)
        {
            out.push_back(wire::MakeNotify(NotifyType::TicketRequest));
        }
        else if (response && m_asked)
        {
            out.push_back(m_issuer ? MakeTicket(host) : wire::MakeNotify(NotifyType::TicketNack));
        }
    }

    void ReadAuth(ExtensionHost& host, bool response, const wire::PayloadList& in) override
    {
        if (!response)
        {
            m_asked = wire::FindNotify(in, NotifyType::TicketRequest);
        }
        else if (m_wallet && wire::FindNotify(in, NotifyType::TicketAck))
        {
            m_known = true;
            RequestTicket(host);
        }
        else if (m_wallet)
        {
            ReadTicket(host, in);
        }
    }

    void AnswerInformational(Instant,
                             ExtensionHost& host,
                             const Path&,
                             const wire::PayloadList& request,
                             wire::PayloadList& response) override
    {
        if (wire::FindNotify(request, NotifyType::TicketRequest))
        {
            response.push_back(m_issuer ? MakeTicket(host)
                                        : wire::MakeNotify(NotifyType::TicketNack));
        }
    }

    void FinishInformational(Instant,
                             ExtensionHost& host,
                             const wire::PayloadList& request,
                             const wire::PayloadList& response) override
    {
        if (m_wallet && wire::FindNotify(request, NotifyType::TicketRequest))
        {
            ReadTicket(host, response);
        }
    }

    /// The ticket was for the keys of the predecessor.
    void TakeOver(ExtensionHost& host) override
    {
        if (m_known)
        {
            RequestTicket(host);
        }
    }

    bool Command(Instant, ExtensionHost& host, const std::any& command) override
    {
        if (!m_wallet || !std::any_cast<AskForTicket>(&command))
        {
            return false;
        }
        RequestTicket(host);
        return true;
    }

  private:
    static void RequestTicket(ExtensionHost& host)
    {
        host.Inform({wire::MakeNotify(NotifyType::TicketRequest)});
    }

    static ResumableSa Describe(const ExtensionHost& host)
    {
        ResumableSa sa{host.Keys().skD, host.Suite(), host.Id()};
        sa.suite.additional.clear();
        return sa;
    }

    wire::Payload MakeTicket(ExtensionHost& host)
    {
        const PeerConfig& peer = host.Peer();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(m_issuer->Lifetime());
        ByteWriter data;
        data.U32(static_cast<std::uint32_t>(seconds.count()));
        data.Append(m_issuer->Issue(host.Now(),
                                    host.Random(),
                                    {Describe(host), peer.remoteId, peer.localId}));
        return wire::MakeNotify(NotifyType::TicketLtOpaque, data.Take());
    }

    void ReadTicket(ExtensionHost& host, const wire::PayloadList& in)
    {
        const auto* notify = wire::FindNotify(in, NotifyType::TicketLtOpaque);
        if (!notify || notify->data.size() <= kLifetime)
        {
            host.Report(TicketReceived{});
            return;
        }
        m_known = true;
        const Duration lifetime = std::chrono::seconds(LoadBe32(notify->data.data()));
        m_wallet->Keep(host.Peer().name,
                       {Bytes(notify->data.begin() + kLifetime, notify->data.end()),
                        Describe(host),
                        host.Now() + lifetime});
        host.Report(TicketReceived{true, lifetime});
    }

    std::shared_ptr<TicketWallet> m_wallet;
    std::shared_ptr<TicketIssuer> m_issuer;
    bool m_asked{false};
    bool m_known{false}; ///< the peer gives tickets
};

} // namespace

TicketIssuer::TicketIssuer(Kind kind, Duration lifetime)
    : m_kind(kind),
      m_lifetime(lifetime)
{
}

Duration
TicketIssuer::Lifetime() const
{
    return m_lifetime;
}

Bytes
TicketIssuer::Issue(Instant now, crypto::RandomSource& random, TicketState state)
{
    Prune(now);
    state.expiry = now + m_lifetime;
    if (m_kind == Kind::ByValue)
    {
        return Seal(random, state);
    }
    Bytes handle = random.Take(kHandle);
    m_expiries.emplace_back(state.expiry, handle);
    m_issued[handle] = std::move(state);
    return handle;
}

std::optional<TicketState>
TicketIssuer::Redeem(Instant now, ByteSpan ticket)
{
    Prune(now);
    std::optional<TicketState> state;
    if (m_kind == Kind::ByValue)
    {
        state = OpenSealed(ticket);
    }
    else if (const auto found = m_issued.find(Bytes(ticket.begin(), ticket.end()));
             found != m_issued.end())
    {
        state = std::move(found->second);
        m_issued.erase(found);
    }
    return state && now < state->expiry ? std::move(state) : std::nullopt;
}

/// Number | sealed state | ICV; the number is the IV, and never repeats.
Bytes
TicketIssuer::Seal(crypto::RandomSource& random, const TicketState& state)
{
    const auto traits = *crypto::FindTraits(kCipher);
    if (m_key.empty())
    {
        m_key = random.Take(traits.KeyingMaterial());
    }
    const auto cipher = crypto::PayloadCipher::Create(kCipher, m_key, {}, crypto::Direction::Seal);
    Bytes ticket(kNumber);
    cipher->MakeIv(m_next++, ticket.data());
    const Bytes text = Encode(state);
    ticket.insert(ticket.end(), text.begin(), text.end());
    ticket.resize(ticket.size() + traits.icvLength);
    std::uint8_t* const at = ticket.data() + kNumber;
    cipher->Seal({}, ticket.data(), at, text.size(), at + text.size(), {});
    return ticket;
}

std::optional<TicketState>
TicketIssuer::OpenSealed(ByteSpan ticket)
{
    const auto traits = *crypto::FindTraits(kCipher);
    if (m_key.empty() || ticket.size() < kNumber + traits.icvLength)
    {
        return std::nullopt;
    }
    const auto cipher = crypto::PayloadCipher::Create(kCipher, m_key, {}, crypto::Direction::Open);
    const ByteSpan sealed = ticket.subspan(kNumber, ticket.size() - kNumber - traits.icvLength);
    Bytes text(sealed.begin(), sealed.end());
    if (!cipher->Open({},
                      ticket.data(),
                      text.data(),
                      text.size(),
                      ticket.data() + kNumber + text.size(),
                      {}))
    {
        return std::nullopt;
    }
    auto state = Decode(text);
    Bytes number(ticket.begin(), ticket.begin() + kNumber);
    if (!state || !m_used.insert(number).second)
    {
        return std::nullopt;
    }
    m_expiries.emplace_back(state->expiry, std::move(number));
    return state;
}

/// Tickets by reference expire in the order in which they were given, so the first are the oldest;
/// of those by value some used ones are remembered for longer than needed.
void
TicketIssuer::Prune(Instant now)
{
    while (!m_expiries.empty() &&
           (m_expiries.front().first <= now || m_expiries.size() >= kMaxTickets))
    {
        m_issued.erase(m_expiries.front().second);
        m_used.erase(m_expiries.front().second);
        m_expiries.pop_front();
    }
}

void
TicketWallet::Keep(const std::string& peer, Ticket ticket)
{
    m_tickets[peer] = std::move(ticket);
}

std::optional<TicketWallet::Ticket>
TicketWallet::Take(Instant now, const std::string& peer)
{
    const auto found = m_tickets.find(peer);
    if (found == m_tickets.end())
    {
        return std::nullopt;
    }
    std::optional<Ticket> ticket = std::move(found->second);
    m_tickets.erase(found);
    return now < ticket->expiry ? std::move(ticket) : std::nullopt;
}

ExtensionFactory
SessionResumption(std::shared_ptr<TicketWallet> wallet, std::shared_ptr<TicketIssuer> issuer)
{
    return [wallet, issuer] { return std::make_unique<ResumptionExtension>(wallet, issuer); };
}

} // namespace ipseclab::ike
