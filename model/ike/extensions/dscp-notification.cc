/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/dscp-notification.h"

#include "model/ike/extensions/private-use.h"

namespace ipseclab::ike
{

namespace
{

class DscpNotificationExtension final : public DscpClassesExtension
{
  public:
    explicit DscpNotificationExtension(const DscpNotificationConfig& config)
        : DscpClassesExtension(config.own),
          m_follow(config.follow),
          m_type{config.type},
          m_mayTell(config.toAnyone)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<DscpNotificationExtension>(*this);
    }

    void WriteInit(const PeerConfig&, bool, wire::PayloadList& out) const override
    {
        out.push_back(MakePrivateUseVendorId());
    }

    void ReadInit(const PeerConfig&, bool, const wire::PayloadList& in) override
    {
        m_mayTell = m_mayTell || HasPrivateUseVendorId(in);
    }

    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override
    {
        DscpClassesExtension::WriteChild(host, child, out);
        const auto* dscps = child.properties.Find<SaDscps>();
        const bool asked = dscps && dscps->peers;
        if (m_mayTell && (child.asking || asked))
        {
            out.push_back(wire::MakeNotify(m_type, ToOctets(dscps ? dscps->mine : DscpSet())));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        DscpClassesExtension::ReadChild(host, child, in);
        const auto* known = child.properties.Find<SaDscps>();
        SaDscps dscps = known ? *known : SaDscps{};
        dscps.peers.reset();
        if (const auto* told = wire::FindNotify(in, m_type))
        {
            dscps.peers = ToDscpSet(told->data);
            if (!child.asking && !child.replaces)
            {
                dscps.mine = m_follow ? *dscps.peers : DscpSet();
            }
        }
        child.properties.Set(dscps);
        return std::nullopt;
    }

  private:
    bool m_follow;
    wire::NotifyType m_type;
    bool m_mayTell;
};

} // namespace

ExtensionFactory
DscpNotification(const DscpNotificationConfig& config)
{
    return [config] { return std::make_unique<DscpNotificationExtension>(config); };
}

} // namespace ipseclab::ike
