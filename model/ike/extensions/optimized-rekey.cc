/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/optimized-rekey.h"

#include "model/ike/proposal.h"

#include <algorithm>
#include <utility>

namespace ipseclab::ike
{

using wire::NotifyType;
using wire::PayloadType;
using wire::ProtocolId;

namespace
{

constexpr std::size_t kIkeSpiSize = 8;
constexpr std::size_t kEspSpiSize = 4;

/// Set for a Child SA that was made in CREATE_CHILD_SA, so that its key exchange is known.
struct KnownKeyExchange
{
};

/// The place of a suite in a configured list, from 1 as proposals are numbered; zero: not there.
template <typename Suite>
std::uint8_t
NumberOf(const std::vector<Suite>& suites, const Suite& suite)
{
    const auto found = std::find(suites.begin(), suites.end(), suite);
    return found == suites.end() ? std::uint8_t{0}
                                 : static_cast<std::uint8_t>(found - suites.begin() + 1);
}

void
Drop(wire::PayloadList& payloads, PayloadType type)
{
    payloads.erase(std::remove_if(payloads.begin(),
                                  payloads.end(),
                                  [type](const wire::Payload& p) { return p.type == type; }),
                   payloads.end());
}

/// A proposal that no policy takes.
wire::SaPayload
Unacceptable(ProtocolId protocol, Bytes spi)
{
    return {{wire::Proposal{1, protocol, std::move(spi), {}}}};
}

/// What stands for SA, TSi and TSr.
struct Inherited
{
    wire::SaPayload sa; ///< one proposal, whose SPI is put in
    TrafficSelectorList tsI{};
    TrafficSelectorList tsR{};
};

class OptimizedRekeyExtension final : public Extension
{
  public:
    explicit OptimizedRekeyExtension(const OptimizedRekeySettings& settings)
        : m_settings(settings)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        auto clone = std::make_unique<OptimizedRekeyExtension>(m_settings);
        clone->m_peerHasIt = m_peerHasIt;
        return clone;
    }

    void WriteAuth(ExtensionHost&, bool response, wire::PayloadList& out) override
    {
        if (!response || m_peerHasIt)
        {
            out.push_back(wire::MakeNotify(static_cast<NotifyType>(m_settings.supportedNotify)));
        }
    }

    void ReadAuth(ExtensionHost&, bool, const wire::PayloadList& in) override
    {
        m_peerHasIt = wire::FindNotify(in, static_cast<NotifyType>(m_settings.supportedNotify));
    }

    void WriteChild(ExtensionHost&, ChildNegotiation& child, wire::PayloadList& out) override
    {
        NoteKeyExchange(child, out);
    }

    std::optional<Refusal> ReadChild(ExtensionHost&,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        NoteKeyExchange(child, in);
        return std::nullopt;
    }

    void Encode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads) override;
    void Decode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads) override;

  private:
    /// A request in the optimized form that is not done with.
    struct Exchange
    {
        OptimizedRekeyLayout layout{OptimizedRekeyLayout::Data};
        bool ofIkeSa{false};
        crypto::GroupId group{crypto::GroupId::None};
        Inherited inherited; ///< of a request of ours
    };

    static void NoteKeyExchange(ChildNegotiation& child, const wire::PayloadList& message)
    {
        // IKE_AUTH has no nonce.
        if (wire::Find<wire::NoncePayload>(message, PayloadType::Nonce))
        {
            child.properties.Set(KnownKeyExchange{});
        }
    }

    std::optional<Exchange> Plan(ExtensionHost& host, const wire::PayloadList& request) const;
    std::optional<Exchange> PlanChild(ExtensionHost& host,
                                      const wire::NotifyPayload& rekey,
                                      crypto::GroupId group) const;
    static std::optional<Exchange> PlanIke(ExtensionHost& host, crypto::GroupId group);
    void Shorten(const Exchange& exchange, wire::PayloadList& payloads) const;
    void ReadRequest(ExtensionHost& host, wire::PayloadList& payloads);
    void ReadResponse(ExtensionHost& host, wire::PayloadList& payloads);
    Inherited InheritChild(ExtensionHost& host, ByteSpan spiOutbound) const;
    static void Lengthen(Inherited inherited, Bytes spi, wire::PayloadList& payloads);

    OptimizedRekeySettings m_settings;
    bool m_peerHasIt{false};
    bool m_regularNext{false};          ///< the peer has refused the optimized form
    std::optional<Exchange> m_asked;    ///< ours, in flight
    std::optional<Exchange> m_answered; ///< the peer's, between Decode and Encode
};

void
OptimizedRekeyExtension::Encode(ExtensionHost& host,
                                const MessageKind& kind,
                                wire::PayloadList& payloads)
{
    if (kind.exchange != wire::ExchangeType::CreateChildSa)
    {
        return;
    }
    if (!kind.response)
    {
        m_asked = Plan(host, payloads);
        if (m_asked)
        {
            Shorten(*m_asked, payloads);
        }
        return;
    }
    const auto answered = std::exchange(m_answered, std::nullopt);
    if (!answered)
    {
        return;
    }
    if (wire::FindNotify(payloads, NotifyType::InvalidKePayload))
    {
        payloads = {wire::MakeNotify(NotifyType::NoProposalChosen)}; // -07, section 7
    }
    else if (wire::Find<wire::SaPayload>(payloads, PayloadType::Sa))
    {
        Shorten(*answered, payloads);
        host.Report(OptimizedRekeyUsed{false, answered->ofIkeSa});
    }
}

void
OptimizedRekeyExtension::Decode(ExtensionHost& host,
                                const MessageKind& kind,
                                wire::PayloadList& payloads)
{
    if (kind.exchange != wire::ExchangeType::CreateChildSa)
    {
        return;
    }
    if (kind.response)
    {
        ReadResponse(host, payloads);
    }
    else
    {
        m_answered.reset();
        ReadRequest(host, payloads);
    }
}

/// Whether a request of ours takes the optimized form, and then what is left out.
std::optional<OptimizedRekeyExtension::Exchange>
OptimizedRekeyExtension::Plan(ExtensionHost& host, const wire::PayloadList& request) const
{
    const auto* sa = wire::Find<wire::SaPayload>(request, PayloadType::Sa);
    const auto* ke = wire::Find<wire::KePayload>(request, PayloadType::Ke);
    const auto* rekey = wire::FindNotify(request, NotifyType::RekeySa);
    const auto group = ke ? static_cast<crypto::GroupId>(ke->group) : crypto::GroupId::None;
    if (!m_peerHasIt || m_regularNext || !sa || sa->proposals.empty())
    {
        return std::nullopt;
    }
    const bool ofIkeSa = sa->proposals.front().protocol == ProtocolId::Ike;
    auto exchange =
        ofIkeSa ? PlanIke(host, group) : (rekey ? PlanChild(host, *rekey, group) : std::nullopt);
    if (exchange)
    {
        exchange->layout = m_settings.layout;
    }
    return exchange;
}

std::optional<OptimizedRekeyExtension::Exchange>
OptimizedRekeyExtension::PlanIke(ExtensionHost& host, crypto::GroupId group)
{
    const IkeSuite& suite = host.Suite();
    const auto number = NumberOf(host.Peer().ikeSuites, suite);
    if (number == 0 || group != suite.group)
    {
        return std::nullopt;
    }
    Exchange exchange;
    exchange.ofIkeSa = true;
    exchange.group = group;
    exchange.inherited.sa = MakeIkeProposals({suite}, {});
    exchange.inherited.sa.proposals.front().number = number;
    return exchange;
}

std::optional<OptimizedRekeyExtension::Exchange>
OptimizedRekeyExtension::PlanChild(ExtensionHost& host,
                                   const wire::NotifyPayload& rekey,
                                   crypto::GroupId group) const
{
    for (const ChildDescription* child : host.Children())
    {
        const auto number = NumberOf(host.Peer().childSuites, child->suite);
        if (rekey.spi.size() == kEspSpiSize && child->spiInbound == LoadBe32(rekey.spi.data()) &&
            child->properties.Find<KnownKeyExchange>() && number != 0 &&
            group == child->suite.group)
        {
            Exchange exchange;
            exchange.group = group;
            exchange.inherited = {MakeChildProposals({child->suite}, 0, true),
                                  child->local,
                                  child->remote};
            exchange.inherited.sa.proposals.front().number = number;
            return exchange;
        }
    }
    return std::nullopt;
}

/// SA, whose SPI goes into the notify in its place, and TSi and TSr are left out.
void
OptimizedRekeyExtension::Shorten(const Exchange& exchange, wire::PayloadList& payloads) const
{
    const auto type = static_cast<NotifyType>(m_settings.rekeyNotify);
    const bool inField = exchange.layout == OptimizedRekeyLayout::SpiField;
    const auto protocol = exchange.ofIkeSa ? ProtocolId::Ike : ProtocolId::Esp;
    for (auto& payload : payloads)
    {
        if (const auto* sa = std::get_if<wire::SaPayload>(&payload.body))
        {
            Bytes spi = sa->proposals.front().spi;
            payload = inField ? wire::MakeNotify(type, protocol, std::move(spi))
                              : wire::MakeNotify(type, std::move(spi));
            payload.critical = inField;
            break;
        }
    }
    Drop(payloads, PayloadType::TsI);
    Drop(payloads, PayloadType::TsR);
}

void
OptimizedRekeyExtension::ReadRequest(ExtensionHost& host, wire::PayloadList& payloads)
{
    const auto* notify =
        wire::FindNotify(payloads, static_cast<NotifyType>(m_settings.rekeyNotify));
    const auto* rekey = wire::FindNotify(payloads, NotifyType::RekeySa);
    if (!notify || !m_peerHasIt || wire::Find<wire::SaPayload>(payloads, PayloadType::Sa))
    {
        return;
    }
    Exchange exchange;
    exchange.layout =
        notify->spi.empty() ? OptimizedRekeyLayout::Data : OptimizedRekeyLayout::SpiField;
    exchange.ofIkeSa = !rekey;
    const Bytes spi = notify->spi.empty() ? notify->data : notify->spi;
    if (spi.size() != (rekey ? kEspSpiSize : kIkeSpiSize))
    {
        return; // without SA it is INVALID_SYNTAX
    }
    Inherited inherited =
        rekey ? InheritChild(host, rekey->spi) : Inherited{MakeIkeProposals({host.Suite()}, {})};
    if (!m_settings.accept)
    {
        inherited.sa = Unacceptable(rekey ? ProtocolId::Esp : ProtocolId::Ike, {});
    }
    Lengthen(std::move(inherited), spi, payloads);
    m_answered = exchange;
}

/// What the peer wants to keep. Of a Child SA that is not there or closing nothing is known, and
/// the core is going to refuse it whatever the payloads say.
Inherited
OptimizedRekeyExtension::InheritChild(ExtensionHost& host, ByteSpan spiOutbound) const
{
    const PeerConfig& peer = host.Peer();
    for (const ChildDescription* child : host.Children())
    {
        if (spiOutbound.size() == kEspSpiSize && child->spiOutbound == LoadBe32(spiOutbound.data()))
        {
            return {child->properties.Find<KnownKeyExchange>()
                        ? MakeChildProposals({child->suite}, 0, true)
                        : Unacceptable(ProtocolId::Esp, {}),
                    child->remote,
                    child->local};
        }
    }
    return {Unacceptable(ProtocolId::Esp, {}), peer.remoteSelectors, peer.localSelectors};
}

void
OptimizedRekeyExtension::Lengthen(Inherited inherited, Bytes spi, wire::PayloadList& payloads)
{
    inherited.sa.proposals.front().spi = std::move(spi);
    payloads.push_back(wire::MakePayload(PayloadType::Sa, std::move(inherited.sa)));
    if (!inherited.tsI.empty())
    {
        payloads.push_back(
            wire::MakePayload(PayloadType::TsI, wire::TsPayload{std::move(inherited.tsI)}));
        payloads.push_back(
            wire::MakePayload(PayloadType::TsR, wire::TsPayload{std::move(inherited.tsR)}));
    }
}

void
OptimizedRekeyExtension::ReadResponse(ExtensionHost& host, wire::PayloadList& payloads)
{
    auto asked = std::exchange(m_asked, std::nullopt);
    m_regularNext = false;
    if (!asked)
    {
        return;
    }
    if (wire::FindNotify(payloads, NotifyType::NoProposalChosen))
    {
        // The same once more, at once, in the regular form (-07, section 7): for the core, as if
        // the peer had asked for the group that it had.
        m_regularNext = true;
        Bytes group(2);
        StoreBe16(group.data(), static_cast<std::uint16_t>(asked->group));
        payloads = {wire::MakeNotify(NotifyType::InvalidKePayload, std::move(group))};
        return;
    }
    const auto* notify =
        wire::FindNotify(payloads, static_cast<NotifyType>(m_settings.rekeyNotify));
    if (notify && !wire::FindErrorNotify(payloads))
    {
        Bytes spi = notify->spi.empty() ? notify->data : notify->spi;
        host.Report(OptimizedRekeyUsed{true, asked->ofIkeSa});
        Lengthen(std::move(asked->inherited), std::move(spi), payloads);
    }
}

} // namespace

ExtensionFactory
OptimizedRekey(const OptimizedRekeySettings& settings)
{
    return [settings] { return std::make_unique<OptimizedRekeyExtension>(settings); };
}

} // namespace ipseclab::ike
