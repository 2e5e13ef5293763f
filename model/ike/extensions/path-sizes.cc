/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/path-sizes.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/private-use.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

using wire::NotifyType;

constexpr std::size_t kLmapLength = 4;
constexpr std::size_t kPtbLength = 8;
constexpr std::uint8_t kIpv6HeaderSize = 40;

Bytes
LmapOctets(const AtomicPacket& lmap)
{
    ByteWriter out;
    out.U16(static_cast<std::uint16_t>((lmap.v6 ? 6 : 4) << 12)); // and 12 reserved bits
    out.U16(lmap.fragmentLength);
    return out.Take();
}

Bytes
PtbOctets(const EgressLimits& limits)
{
    ByteWriter out;
    out.U32(limits.linkMtu);
    out.U32(limits.emtuR);
    return out.Take();
}

std::optional<AtomicPacket>
ReadLmap(const Bytes& data)
{
    const int version = data.size() == kLmapLength ? data[0] >> 4 : 0;
    return version == 4 || version == 6
             ? std::make_optional(AtomicPacket{version == 6, LoadBe16(data.data() + 2)})
             : std::nullopt;
}

std::optional<EgressLimits>
ReadPtb(const Bytes& data)
{
    return data.size() == kPtbLength
             ? std::make_optional(EgressLimits{LoadBe32(data.data()), LoadBe32(data.data() + 4)})
             : std::nullopt;
}

class PathSizesExtension final : public Extension
{
  public:
    explicit PathSizesExtension(const PathSizesConfig& config)
        : m_namesSa(config.namesSa),
          m_supported{config.supportedType},
          m_lmap{config.lmapType},
          m_ptb{config.ptbType},
          m_mayTell(config.toAnyone)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<PathSizesExtension>(*this);
    }

    void WriteInit(const PeerConfig&, bool, wire::PayloadList& out) const override
    {
        out.push_back(MakePrivateUseVendorId());
    }

    void ReadInit(const PeerConfig&, bool, const wire::PayloadList& in) override
    {
        m_mayTell = m_mayTell || HasPrivateUseVendorId(in);
    }

    void WriteAuth(ExtensionHost&, bool response, wire::PayloadList& out) override
    {
        if (response ? m_agreed : m_mayTell)
        {
            out.push_back(wire::MakeNotify(m_supported));
        }
    }

    void ReadAuth(ExtensionHost&, bool, const wire::PayloadList& in) override
    {
        m_agreed = m_mayTell && wire::FindNotify(in, m_supported);
    }

    bool Command(Instant, ExtensionHost& host, const std::any& command) override
    {
        const auto* tell = std::any_cast<TellPathSizes>(&command);
        if (!tell || !m_agreed || m_underWay || (!tell->sizes.lmap && !tell->sizes.tooBig))
        {
            return false;
        }
        wire::PayloadList request;
        if (tell->sizes.lmap)
        {
            request.push_back(Make(m_lmap, tell->spiInbound, LmapOctets(*tell->sizes.lmap)));
        }
        if (tell->sizes.tooBig)
        {
            request.push_back(Make(m_ptb, tell->spiInbound, PtbOctets(*tell->sizes.tooBig)));
        }
        m_underWay = true;
        host.Inform(std::move(request));
        return true;
    }

    void AnswerInformational(Instant,
                             ExtensionHost& host,
                             const Path&,
                             const wire::PayloadList& request,
                             wire::PayloadList&) override
    {
        const auto* lmap = wire::FindNotify(request, m_lmap);
        const auto* ptb = wire::FindNotify(request, m_ptb);
        if (!m_agreed || (!lmap && !ptb))
        {
            return;
        }
        PathSizesTold told;
        told.destination = host.CurrentPath().remote.address;
        told.sizes.lmap = lmap ? ReadLmap(lmap->data) : std::nullopt;
        told.sizes.tooBig = ptb ? ReadPtb(ptb->data) : std::nullopt;
        const bool meaning = (!lmap || told.sizes.lmap) && (!ptb || told.sizes.tooBig);
        if (meaning)
        {
            told.spisOutbound = Concerned(host, lmap ? *lmap : *ptb);
        }
        host.Report(std::move(told));
    }

    void FinishInformational(Instant,
                             ExtensionHost&,
                             const wire::PayloadList& request,
                             const wire::PayloadList&) override
    {
        if (wire::FindNotify(request, m_lmap) || wire::FindNotify(request, m_ptb))
        {
            m_underWay = false;
        }
    }

    void TakeOver(ExtensionHost&) override
    {
        m_underWay = false;
    }

  private:
    wire::Payload Make(NotifyType type, std::uint32_t spiInbound, Bytes data) const
    {
        if (!m_namesSa)
        {
            return wire::MakeNotify(type, std::move(data));
        }
        Bytes spi(4);
        StoreBe32(spi.data(), spiInbound);
        return wire::MakeNotify(type, wire::ProtocolId::Esp, std::move(spi), std::move(data));
    }

    static std::vector<std::uint32_t> Concerned(const ExtensionHost& host,
                                                const wire::NotifyPayload& notify)
    {
        std::vector<std::uint32_t> spis;
        for (const ChildDescription* const child : host.Children())
        {
            if (notify.spi.empty() ||
                (notify.spi.size() == 4 && LoadBe32(notify.spi.data()) == child->spiOutbound))
            {
                spis.push_back(child->spiOutbound);
            }
        }
        return spis;
    }

    bool m_namesSa;
    NotifyType m_supported;
    NotifyType m_lmap;
    NotifyType m_ptb;
    bool m_mayTell;
    bool m_agreed{false};
    bool m_underWay{false};
};

} // namespace

std::size_t
AtomicPacket::Octets() const
{
    return std::size_t{fragmentLength} + (v6 ? kIpv6HeaderSize : 0);
}

ExtensionFactory
PathSizeNotifications(const PathSizesConfig& config)
{
    return [config] { return std::make_unique<PathSizesExtension>(config); };
}

} // namespace ipseclab::ike
