/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/subspaces.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/private-use.h"

#include <algorithm>
#include <map>

namespace ipseclab::ike
{

namespace
{

using esp::SequenceKind;
using esp::SequenceScheme;
using wire::Proposal;
using wire::Transform;
using wire::TransformType;

wire::TransformAttribute
MakeAttribute(std::uint16_t type, std::uint32_t value)
{
    Bytes octets(2);
    StoreBe16(octets.data(), static_cast<std::uint16_t>(value));
    return {type, true, octets};
}

Transform
MakeTransform(const SubspacesNumbers& numbers, const SequenceScheme& scheme)
{
    const bool sub64 = scheme.kind == SequenceKind::Sub64;
    Transform transform =
        Transform::Make(TransformType::SequenceNumbers, sub64 ? numbers.sub64 : numbers.sub32);
    transform.attributes.push_back(MakeAttribute(numbers.countAttribute, scheme.subspaces));
    if (!sub64)
    {
        transform.attributes.push_back(MakeAttribute(numbers.idBitsAttribute, scheme.idBits));
    }
    return transform;
}

bool
IsNumbers(const Transform& transform)
{
    return transform.type == TransformType::SequenceNumbers;
}

void
RemoveNumbers(Proposal& proposal)
{
    auto& all = proposal.transforms;
    all.erase(std::remove_if(all.begin(), all.end(), IsNumbers), all.end());
}

/// Calls a function for every ESP proposal of the message.
template <typename Function>
void
ForEachEsp(wire::PayloadList& payloads, Function function)
{
    for (wire::Payload& payload : payloads)
    {
        auto* const sa = std::get_if<wire::SaPayload>(&payload.body);
        for (std::size_t i = 0; sa && i < sa->proposals.size(); ++i)
        {
            if (sa->proposals[i].protocol == wire::ProtocolId::Esp)
            {
                function(sa->proposals[i]);
            }
        }
    }
}

/**
 * The core chooses among plain numbers. Before it reads a message, subspaces become plain numbers
 * again, and what they were is kept until it has written its answer, or until the next message.
 */
class SubspacesExtension : public Extension
{
  public:
    explicit SubspacesExtension(const SubspacesConfig& config)
        : m_config(config)
    {
        auto& all = m_config.schemes;
        all.erase(std::remove_if(all.begin(),
                                 all.end(),
                                 [](const SequenceScheme& scheme)
                                 { return !scheme.HasSubspaces() || !scheme.IsValid(); }),
                  all.end());
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<SubspacesExtension>(*this);
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
        m_sawEsp = false;
        ForEachEsp(payloads,
                   [&](Proposal& proposal)
                   {
                       m_sawEsp = true;
                       const auto scheme = FindScheme(proposal);
                       if (scheme && m_peerKnows)
                       {
                           m_found[proposal.number] = *scheme;
                           MakePlain(host, kind, proposal);
                       }
                   });
    }

    void WriteChild(ExtensionHost&, ChildNegotiation& child, wire::PayloadList& out) override
    {
        if (!m_peerKnows)
        {
            return;
        }
        ForEachEsp(out,
                   [&](Proposal& proposal)
                   {
                       if (child.asking)
                       {
                           Offer(proposal);
                       }
                       else
                       {
                           Answer(child, proposal);
                       }
                   });
    }

    std::optional<Refusal> ReadChild(ExtensionHost&,
                                     ChildNegotiation& child,
                                     const wire::PayloadList&) override
    {
        if (child.asking && m_sawEsp)
        {
            Settle(child, m_found.empty() ? nullptr : &m_found.begin()->second);
        }
        const bool lacking = m_sawEsp && m_found.empty();
        return m_config.required && lacking
                 ? std::make_optional(Refusal{wire::NotifyType::NoProposalChosen})
                 : std::nullopt;
    }

  private:
    static void Settle(ChildNegotiation& child, const SequenceScheme* scheme)
    {
        if (scheme)
        {
            child.properties.Set(*scheme);
        }
        else
        {
            child.properties.Erase<SequenceScheme>();
        }
    }

    std::optional<SequenceScheme> FindScheme(const Proposal& proposal) const
    {
        for (const SequenceScheme& scheme : m_config.schemes)
        {
            const Transform wanted = MakeTransform(m_config.numbers, scheme);
            if (std::find(proposal.transforms.begin(), proposal.transforms.end(), wanted) !=
                proposal.transforms.end())
            {
                return scheme;
            }
        }
        return std::nullopt;
    }

    /// A request shall leave the choice to the core, which knows only its own suites; an answer is
    /// to the suite that our proposal of that number was for.
    static void MakePlain(ExtensionHost& host, const MessageKind& kind, Proposal& proposal)
    {
        RemoveNumbers(proposal);
        if (!kind.response)
        {
            for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{0}})
            {
                proposal.transforms.push_back(Transform::Make(TransformType::SequenceNumbers, id));
            }
            return;
        }
        const wire::SaPayload ours = MakeChildProposals(host.Peer().childSuites, 0, true);
        for (const Proposal& asked : ours.proposals)
        {
            if (asked.number == proposal.number)
            {
                std::copy_if(asked.transforms.begin(),
                             asked.transforms.end(),
                             std::back_inserter(proposal.transforms),
                             IsNumbers);
            }
        }
    }

    void Offer(Proposal& proposal) const
    {
        if (m_config.required)
        {
            RemoveNumbers(proposal);
        }
        const auto plain =
            std::find_if(proposal.transforms.begin(), proposal.transforms.end(), IsNumbers);
        std::vector<Transform> offered;
        for (const SequenceScheme& scheme : m_config.schemes)
        {
            offered.push_back(MakeTransform(m_config.numbers, scheme));
        }
        proposal.transforms.insert(plain, offered.begin(), offered.end());
    }

    void Answer(ChildNegotiation& child, Proposal& proposal) const
    {
        const auto found = m_found.find(proposal.number);
        Settle(child, found == m_found.end() ? nullptr : &found->second);
        if (found != m_found.end())
        {
            RemoveNumbers(proposal);
            proposal.transforms.push_back(MakeTransform(m_config.numbers, found->second));
        }
    }

    SubspacesConfig m_config;
    bool m_peerKnows{false};
    /// Of the message that was decoded last: the scheme in each proposal that has one.
    std::map<std::uint8_t, SequenceScheme> m_found;
    bool m_sawEsp{false};
};

} // namespace

ExtensionFactory
Subspaces(const SubspacesConfig& config)
{
    return [config] { return std::make_unique<SubspacesExtension>(config); };
}

} // namespace ipseclab::ike
