/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/transport-mode.h"

#include "model/ike/extensions/extension.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

bool
IsHost(const TrafficSelectorList& selectors, const IpAddress& address)
{
    return std::all_of(selectors.begin(),
                       selectors.end(),
                       [&](const TrafficSelector& selector)
                       { return selector.start == address && selector.end == address; });
}

/// Narrowing never leaves these selectors, so the Child SA is for the two hosts, too.
bool
IsBetweenHosts(const ExtensionHost& host)
{
    return IsHost(host.Peer().localSelectors, host.CurrentPath().local.address) &&
           IsHost(host.Peer().remoteSelectors, host.CurrentPath().remote.address);
}

class TransportModeExtension : public Extension
{
  public:
    explicit TransportModeExtension(bool required)
        : m_required(required)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<TransportModeExtension>(*this);
    }

    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override
    {
        if (child.asking ? IsWanted(host, child)
                         : child.properties.Find<TransportMode>() != nullptr)
        {
            out.push_back(wire::MakeNotify(wire::NotifyType::UseTransportMode));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        const bool wanted = IsWanted(host, child);
        if (wanted && wire::FindNotify(in, wire::NotifyType::UseTransportMode))
        {
            child.properties.Set(TransportMode{});
            return std::nullopt;
        }
        child.properties.Erase<TransportMode>();
        return child.asking && wanted && m_required
                 ? std::make_optional(Refusal{wire::NotifyType::NoProposalChosen})
                 : std::nullopt;
    }

  private:
    static bool IsWanted(const ExtensionHost& host, const ChildNegotiation& child)
    {
        return child.replaces ? child.replaces->properties.Find<TransportMode>() != nullptr
                              : IsBetweenHosts(host);
    }

    bool m_required;
};

} // namespace

ExtensionFactory
UseTransportMode(bool required)
{
    return [required] { return std::make_unique<TransportModeExtension>(required); };
}

} // namespace ipseclab::ike
