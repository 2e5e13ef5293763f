/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/non-first-fragments.h"

#include "model/ike/extensions/extension.h"

namespace ipseclab::ike
{

namespace
{

class NonFirstFragmentsExtension : public Extension
{
  public:
    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<NonFirstFragmentsExtension>(*this);
    }

    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override
    {
        if (child.asking ? IsWanted(host, child)
                         : child.properties.Find<LaterFragments>() != nullptr)
        {
            out.push_back(wire::MakeNotify(wire::NotifyType::NonFirstFragmentsAlso));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        const bool wanted = IsWanted(host, child);
        child.properties.Erase<LaterFragments>();
        if (wanted && wire::FindNotify(in, wire::NotifyType::NonFirstFragmentsAlso))
        {
            child.properties.Set(LaterFragments{});
        }
        return std::nullopt;
    }

  private:
    /// What is rekeyed stays as it is.
    static bool IsWanted(const ExtensionHost& host, const ChildNegotiation& child)
    {
        const PeerConfig& peer = host.Peer();
        return child.replaces ? child.replaces->properties.Find<LaterFragments>() != nullptr
                              : NamePorts(peer.localSelectors) || NamePorts(peer.remoteSelectors);
    }
};

} // namespace

ExtensionFactory
NonFirstFragmentsAlso()
{
    return [] { return std::make_unique<NonFirstFragmentsExtension>(); };
}

} // namespace ipseclab::ike
