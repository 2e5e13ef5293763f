/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/ts-dscp.h"

#include "model/ike/extensions/private-use.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

using wire::NotifyType;
using wire::PayloadType;

/// Not empty, increasing, and DSCPs (section 4.1 of the draft).
std::optional<DscpSet>
ReadList(const Bytes& data)
{
    const DscpSet dscps = ToDscpSet(data);
    return data.empty() || ToOctets(dscps) != data ? std::nullopt : std::make_optional(dscps);
}

/// What TSi and TSr of a message say together.
struct Offer
{
    std::size_t count{0};
    std::optional<DscpSet> dscps; ///< of one that is well formed
};

class TsDscpExtension final : public DscpClassesExtension
{
  public:
    explicit TsDscpExtension(const TsDscpConfig& config)
        : DscpClassesExtension(config.own),
          m_allowed(config.allowed),
          m_type(config.type),
          m_toAnyone(config.toAnyone)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<TsDscpExtension>(*this);
    }

    void WriteInit(const PeerConfig&, bool, wire::PayloadList& out) const override
    {
        out.push_back(MakePrivateUseVendorId());
    }

    void ReadInit(const PeerConfig&, bool, const wire::PayloadList& in) override
    {
        m_peerKnows = m_peerKnows || HasPrivateUseVendorId(in);
    }

    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override
    {
        DscpClassesExtension::WriteChild(host, child, out);
        const auto* dscps = child.properties.Find<SaDscps>();
        if (!(m_toAnyone || m_peerKnows) || !dscps || dscps->mine.none() ||
            !(child.asking || dscps->agreed))
        {
            return;
        }
        const auto tsI =
            std::find_if(out.begin(),
                         out.end(),
                         [](const wire::Payload& p) { return p.type == PayloadType::TsI; });
        if (auto* const ts = tsI == out.end() ? nullptr : std::get_if<wire::TsPayload>(&tsI->body))
        {
            ts->others.push_back({m_type, 0, ToOctets(dscps->mine)});
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        DscpClassesExtension::ReadChild(host, child, in);
        const auto* known = child.properties.Find<SaDscps>();
        SaDscps dscps = known ? *known : SaDscps{};
        if (child.asking && wire::FindNotify(in, NotifyType::TsUnacceptable))
        {
            AskWithout(host, child);
            return std::nullopt;
        }
        const Offer offer = Read(in);
        const bool transport = wire::FindNotify(in, NotifyType::UseTransportMode);
        if (offer.count > 1 || (offer.count == 1 && (!offer.dscps || transport)))
        {
            return Refusal{NotifyType::TsUnacceptable};
        }
        dscps.agreed = offer.count == 1;
        dscps.peers = offer.dscps;
        if (offer.dscps)
        {
            const DscpSet agreed = *offer.dscps & (child.asking ? dscps.mine : m_allowed);
            if (agreed.none() || (child.asking && agreed != *offer.dscps))
            {
                return Refusal{NotifyType::TsUnacceptable};
            }
            dscps.mine = agreed;
        }
        else if (!child.asking)
        {
            dscps.mine.reset();
        }
        child.properties.Set(dscps);
        return std::nullopt;
    }

  private:
    /// The peer may have refused because it does not know the selector, unless it said it does.
    void AskWithout(ExtensionHost& host, const ChildNegotiation& child)
    {
        const auto* dscps = child.properties.Find<SaDscps>();
        if (!m_toAnyone || m_peerKnows || !dscps || dscps->asked.none())
        {
            return;
        }
        m_toAnyone = false;
        if (!child.replaces)
        {
            ChildRequest again;
            again.properties = child.properties;
            host.AskForChild(std::move(again));
        }
    }

    Offer Read(const wire::PayloadList& in) const
    {
        Offer offer;
        for (const auto type : {PayloadType::TsI, PayloadType::TsR})
        {
            const auto* ts = wire::Find<wire::TsPayload>(in, type);
            for (std::size_t i = 0; ts && i < ts->others.size(); ++i)
            {
                if (ts->others[i].type == m_type)
                {
                    ++offer.count;
                    offer.dscps = ReadList(ts->others[i].data);
                }
            }
        }
        return offer;
    }

    DscpSet m_allowed;
    std::uint8_t m_type;
    bool m_toAnyone;
    bool m_peerKnows{false};
};

} // namespace

ExtensionFactory
TsDscp(const TsDscpConfig& config)
{
    return [config] { return std::make_unique<TsDscpExtension>(config); };
}

} // namespace ipseclab::ike
