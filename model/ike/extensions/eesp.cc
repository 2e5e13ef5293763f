/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/eesp.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/private-use.h"

#include <algorithm>
#include <set>

namespace ipseclab::ike
{

namespace
{

using wire::Proposal;
using wire::Transform;
using wire::TransformType;

constexpr std::uint32_t kMostSubSas = 65536;

/// SSKDF of the draft's section 4.
std::uint16_t
KdfId(crypto::PrfId prf)
{
    switch (prf)
    {
    case crypto::PrfId::HmacSha2_384:
        return 2;
    case crypto::PrfId::HmacSha2_512:
        return 3;
    default:
        return 1;
    }
}

bool
IsNumbers(const Transform& transform)
{
    return transform.type == TransformType::SequenceNumbers;
}

/// EESP has combined modes only.
bool
HasIntegrity(const Proposal& proposal)
{
    return std::any_of(proposal.transforms.begin(),
                       proposal.transforms.end(),
                       [](const Transform& t)
                       { return t.type == TransformType::Integrity && t.id != 0; });
}

wire::SaPayload*
FindSa(wire::PayloadList& payloads)
{
    for (wire::Payload& payload : payloads)
    {
        if (auto* const sa = std::get_if<wire::SaPayload>(&payload.body))
        {
            return sa;
        }
    }
    return nullptr;
}

/**
 * The core knows ESP. Before it reads a message, proposals of EESP become proposals of ESP that
 * have the same number in a request, and the number that we gave the suite in an answer; after it
 * has written one, those that are for EESP are turned back.
 */
class EespExtension : public Extension
{
  public:
    explicit EespExtension(const EespConfig& config)
        : m_config(config)
    {
        m_config.subSas = std::clamp(m_config.subSas, std::uint32_t{1}, kMostSubSas);
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<EespExtension>(*this);
    }

    void WriteInit(const PeerConfig&, bool, wire::PayloadList& out) const override
    {
        out.push_back(MakePrivateUseVendorId());
    }

    void ReadInit(const PeerConfig&, bool, const wire::PayloadList& in) override
    {
        m_peerKnows = HasPrivateUseVendorId(in);
    }

    void Decode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads) override
    {
        m_found.clear();
        wire::SaPayload* const sa = FindSa(payloads);
        m_sawSa =
            sa && !sa->proposals.empty() && sa->proposals.front().protocol != wire::ProtocolId::Ike;
        if (!m_sawSa || !IsPossible(host))
        {
            return;
        }
        const wire::SaPayload ours = MakeChildProposals(host.Peer().childSuites, 0, true);
        const std::size_t first = CountEesp(ours);
        for (Proposal& proposal : sa->proposals)
        {
            if (proposal.protocol != Protocol())
            {
                RenumberEsp(kind, first, proposal);
            }
            else if (IsAcceptable(proposal))
            {
                MakeEsp(ours, kind, proposal);
                m_found.insert(proposal.number);
            }
        }
    }

    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override
    {
        wire::SaPayload* const sa = FindSa(out);
        if (!sa || (child.asking && !IsPossible(host)))
        {
            return;
        }
        if (child.asking)
        {
            Offer(*sa);
        }
        else if (sa->proposals.empty() || m_found.count(sa->proposals.front().number) == 0)
        {
            Settle(child, false);
            return;
        }
        else
        {
            MakeEesp(sa->proposals.front());
            Settle(child, true);
        }
        Bytes largest(2);
        StoreBe16(largest.data(), static_cast<std::uint16_t>(m_config.subSas - 1));
        out.push_back(wire::MakeNotify(MaxSubSaId(), largest));
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        const auto* notify = wire::FindNotify(in, MaxSubSaId());
        m_peerSubSas = notify && notify->data.size() == 2
                         ? std::uint32_t{1} + LoadBe16(notify->data.data())
                         : kMostSubSas;
        if (child.asking && m_sawSa)
        {
            Settle(child, !m_found.empty());
        }
        // An initiator has made its offer in IKE_AUTH before it knew of the NAT.
        const bool wrong = m_found.empty() ? m_config.required : host.Nat().UsesUdp();
        return m_sawSa && wrong ? std::make_optional(Refusal{wire::NotifyType::NoProposalChosen})
                                : std::nullopt;
    }

  private:
    /// The model has no EESP in UDP.
    bool IsPossible(const ExtensionHost& host) const
    {
        return m_peerKnows && !host.Nat().UsesUdp();
    }

    wire::ProtocolId Protocol() const
    {
        return static_cast<wire::ProtocolId>(m_config.numbers.protocol);
    }

    wire::NotifyType MaxSubSaId() const
    {
        return static_cast<wire::NotifyType>(m_config.numbers.maxSubSaIdNotify);
    }

    Transform Numbers() const
    {
        return Transform::Make(TransformType::SequenceNumbers, m_config.numbers.sequenceNumbers);
    }

    Transform Kdf() const
    {
        return Transform::Make(static_cast<TransformType>(m_config.numbers.kdfType),
                               KdfId(m_config.kdf));
    }

    bool IsAcceptable(const Proposal& proposal) const
    {
        const auto has = [&proposal](const Transform& wanted)
        {
            return std::find(proposal.transforms.begin(), proposal.transforms.end(), wanted) !=
                   proposal.transforms.end();
        };
        return has(Numbers()) && has(Kdf()) && !HasIntegrity(proposal);
    }

    static std::size_t CountEesp(const wire::SaPayload& ours)
    {
        return static_cast<std::size_t>(std::count_if(ours.proposals.begin(),
                                                      ours.proposals.end(),
                                                      [](const Proposal& proposal)
                                                      { return !HasIntegrity(proposal); }));
    }

    /// In our request the proposals of ESP came after those of EESP.
    void RenumberEsp(const MessageKind& kind, std::size_t first, Proposal& proposal) const
    {
        if (kind.response)
        {
            const bool offered = !m_config.required && proposal.number > first;
            proposal.number =
                offered ? static_cast<std::uint8_t>(proposal.number - first) : std::uint8_t{0};
        }
    }

    void MakeEsp(const wire::SaPayload& ours, const MessageKind& kind, Proposal& proposal) const
    {
        proposal.protocol = wire::ProtocolId::Esp;
        const Transform kdf = Kdf();
        auto& all = proposal.transforms;
        all.erase(std::remove_if(all.begin(),
                                 all.end(),
                                 [&kdf](const Transform& t)
                                 { return t.type == kdf.type || IsNumbers(t); }),
                  all.end());
        if (!kind.response)
        {
            all.push_back(Transform::Make(TransformType::SequenceNumbers, 1));
            all.push_back(Transform::Make(TransformType::SequenceNumbers, 0));
            return;
        }
        std::size_t index = 0;
        for (const Proposal& asked : ours.proposals)
        {
            if (!HasIntegrity(asked) && ++index == proposal.number)
            {
                proposal.number = asked.number;
                std::copy_if(asked.transforms.begin(),
                             asked.transforms.end(),
                             std::back_inserter(all),
                             IsNumbers);
                return;
            }
        }
    }

    void MakeEesp(Proposal& proposal) const
    {
        proposal.protocol = Protocol();
        auto& all = proposal.transforms;
        all.erase(std::remove_if(all.begin(), all.end(), IsNumbers), all.end());
        all.push_back(Numbers());
        all.push_back(Kdf());
    }

    void Offer(wire::SaPayload& sa) const
    {
        std::vector<Proposal> offered;
        for (const Proposal& proposal : sa.proposals)
        {
            if (!HasIntegrity(proposal))
            {
                offered.push_back(proposal);
                MakeEesp(offered.back());
            }
        }
        if (!m_config.required)
        {
            offered.insert(offered.end(), sa.proposals.begin(), sa.proposals.end());
        }
        offered.resize(std::min<std::size_t>(offered.size(), 255));
        for (std::size_t i = 0; i < offered.size(); ++i)
        {
            offered[i].number = static_cast<std::uint8_t>(i + 1);
        }
        sa.proposals = std::move(offered);
    }

    void Settle(ChildNegotiation& child, bool eesp) const
    {
        if (eesp)
        {
            child.properties.Set(EespSa{m_peerSubSas, m_config.subSas, m_config.kdf});
            child.properties.Set(RootKeyLength{*crypto::FindPrfLength(m_config.kdf)});
        }
        else
        {
            child.properties.Erase<EespSa>();
            child.properties.Erase<RootKeyLength>();
        }
    }

    EespConfig m_config;
    bool m_peerKnows{false};
    std::uint32_t m_peerSubSas{kMostSubSas};
    /// Of the message that was decoded last: proposals that were for EESP.
    std::set<std::uint8_t> m_found;
    bool m_sawSa{false};
};

} // namespace

ExtensionFactory
Eesp(const EespConfig& config)
{
    return [config] { return std::make_unique<EespExtension>(config); };
}

} // namespace ipseclab::ike
