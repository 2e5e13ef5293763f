/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/aggfrag.h"

#include "model/esp/sequence-scheme.h"
#include "model/ike/extensions/eesp.h"
#include "model/ike/extensions/extension.h"

#include <algorithm>
#include <optional>

namespace ipseclab::ike
{

namespace
{

using wire::NotifyType;

/// RFC 9347, section 5.1: 0 0 0 0 0 0 C D.
constexpr std::uint8_t kDontFragment = 0x01;

/// What a notify agrees to; nothing when it asks for more than there is.
std::optional<AggfragSa>
Read(const wire::NotifyPayload& notify)
{
    if (notify.data.size() != 1 || (notify.data[0] & ~kDontFragment) != 0)
    {
        return std::nullopt;
    }
    return AggfragSa{(notify.data[0] & kDontFragment) == 0};
}

bool
HasRowsOfNumbers(const ChildProperties& properties)
{
    const auto* scheme = properties.Find<esp::SequenceScheme>();
    return properties.Find<EespSa>() || (scheme && scheme->HasSubspaces());
}

class AggfragExtension : public Extension
{
  public:
    explicit AggfragExtension(const AggfragConfig& config)
        : m_config(config)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<AggfragExtension>(*this);
    }

    void WriteChild(ExtensionHost&, ChildNegotiation& child, wire::PayloadList& out) override
    {
        if (!child.asking && HasRowsOfNumbers(child.properties))
        {
            child.properties.Erase<AggfragSa>();
        }
        if (child.asking ? IsWanted(child) : child.properties.Find<AggfragSa>() != nullptr)
        {
            const std::uint8_t flags = m_config.refusesFragments ? kDontFragment : 0;
            out.push_back(wire::MakeNotify(NotifyType::UseAggfrag, Bytes{flags}));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost&,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        const auto* notify = wire::FindNotify(in, NotifyType::UseAggfrag);
        const bool transport = wire::FindNotify(in, NotifyType::UseTransportMode) != nullptr;
        const bool possible = !transport && !HasRowsOfNumbers(child.properties);
        const auto read = notify && possible ? Read(*notify) : std::nullopt;
        child.properties.Erase<AggfragSa>();
        if (read && (!child.asking || IsWanted(child)))
        {
            child.properties.Set(*read);
            return std::nullopt;
        }
        const bool wrong = child.asking && IsWanted(child) && (notify || m_config.required);
        return wrong ? std::make_optional(Refusal{NotifyType::NoProposalChosen}) : std::nullopt;
    }

    /// Whatever stands where in the list of extensions, the two are never asked for together.
    void Encode(ExtensionHost&, const MessageKind&, wire::PayloadList& payloads) override
    {
        if (wire::FindNotify(payloads, NotifyType::UseTransportMode))
        {
            payloads.erase(std::remove_if(payloads.begin(),
                                          payloads.end(),
                                          [](const wire::Payload& payload)
                                          {
                                              const auto* notify =
                                                  std::get_if<wire::NotifyPayload>(&payload.body);
                                              return notify &&
                                                     notify->type == NotifyType::UseAggfrag;
                                          }),
                           payloads.end());
        }
    }

  private:
    static bool IsWanted(const ChildNegotiation& child)
    {
        return !child.replaces || child.replaces->properties.Find<AggfragSa>();
    }

    AggfragConfig m_config;
};

} // namespace

ExtensionFactory
UseAggfrag(const AggfragConfig& config)
{
    return [config] { return std::make_unique<AggfragExtension>(config); };
}

} // namespace ipseclab::ike
