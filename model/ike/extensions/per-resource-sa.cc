/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/per-resource-sa.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/narrowing.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

using wire::NotifyType;
using wire::PayloadType;

/// Four octets, or none for the fallback, as strongSwan has them; the form is left to each side.
wire::Payload
MakeInfo(const SaResource& resource)
{
    Bytes identifier;
    if (resource.number)
    {
        identifier.resize(4);
        StoreBe32(identifier.data(), *resource.number);
    }
    return wire::MakeNotify(NotifyType::SaResourceInfo, std::move(identifier));
}

class PerResourceExtension : public Extension
{
  public:
    explicit PerResourceExtension(const PerResourceConfig& config)
        : m_config(config)
    {
        m_config.resources = std::max<std::uint32_t>(m_config.resources, 1);
        m_config.limit = m_config.limit != 0 ? m_config.limit : 2 * std::size_t{m_config.resources};
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<PerResourceExtension>(*this);
    }

    void WriteChild(ExtensionHost&, ChildNegotiation& child, wire::PayloadList& out) override
    {
        if (child.replaces)
        {
            return;
        }
        const auto* resource = child.properties.Find<SaResource>();
        if (child.asking)
        {
            out.push_back(MakeInfo(resource ? *resource : SaResource{}));
        }
        else if (resource)
        {
            out.push_back(MakeInfo(*resource));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        if (child.replaces)
        {
            return std::nullopt;
        }
        return child.asking ? ReadResponse(host, child, in) : ReadRequest(host, child, in);
    }

    bool Command(Instant, ExtensionHost& host, const std::any& command) override
    {
        const auto* one = std::any_cast<AskForResourceSa>(&command);
        if (!FindFallback(host) || (!one && !std::any_cast<AskForResourceSas>(&command)))
        {
            return false;
        }
        if (one)
        {
            return AskForOne(host, one->number);
        }
        m_asking = true;
        AskForNext(host, 0);
        return true;
    }

  private:
    static const ChildDescription* FindFallback(const ExtensionHost& host)
    {
        for (const auto* child : host.Children())
        {
            const auto* resource = child->properties.Find<SaResource>();
            if (resource && !resource->number)
            {
                return child;
            }
        }
        return nullptr;
    }

    std::optional<Refusal> ReadResponse(ExtensionHost& host,
                                        ChildNegotiation& child,
                                        const wire::PayloadList& in)
    {
        if (const auto* error = wire::FindErrorNotify(in))
        {
            // What is refused for the time being is asked for again by itself.
            m_asking = m_asking && error->type == NotifyType::TemporaryFailure;
            m_capped = m_capped || error->type == NotifyType::TsMaxQueue;
            return std::nullopt;
        }
        const auto* info = wire::FindNotify(in, NotifyType::SaResourceInfo);
        if (!info)
        {
            m_asking = false;
            child.properties.Erase<SaResource>();
            return std::nullopt;
        }
        const auto* wanted = child.properties.Find<SaResource>();
        SaResource resource = wanted ? *wanted : SaResource{};
        resource.peerIdentifier = info->data;
        if (m_asking && resource.number)
        {
            AskForNext(host, *resource.number + 1);
        }
        child.properties.Set(std::move(resource));
        return std::nullopt;
    }

    std::optional<Refusal> ReadRequest(ExtensionHost& host,
                                       ChildNegotiation& child,
                                       const wire::PayloadList& in) const
    {
        const auto* info = wire::FindNotify(in, NotifyType::SaResourceInfo);
        const auto* tsI = wire::Find<wire::TsPayload>(in, PayloadType::TsI);
        const auto* tsR = wire::Find<wire::TsPayload>(in, PayloadType::TsR);
        if (!info || !tsI || !tsR)
        {
            return std::nullopt;
        }
        std::vector<std::size_t> load(m_config.resources);
        std::size_t more = 0;
        bool hasFallback = false;
        const auto answer = AnswerSelectors(host.Peer(), tsR->selectors, tsI->selectors);
        for (const auto* other : host.Children())
        {
            const auto* resource = other->properties.Find<SaResource>();
            if (!answer || !resource || !AreAlike(other->local, answer->local) ||
                !AreAlike(other->remote, answer->remote))
            {
                continue;
            }
            hasFallback = hasFallback || !resource->number;
            more += resource->number ? 1U : 0U;
            load[resource->number.value_or(0) % load.size()] += resource->number ? 1U : 0U;
        }
        if (!hasFallback)
        {
            child.properties.Set(SaResource{std::nullopt, info->data});
            return std::nullopt;
        }
        if (more >= m_config.limit)
        {
            return Refusal{NotifyType::TsMaxQueue};
        }
        const auto idlest = std::min_element(load.begin(), load.end()) - load.begin();
        child.properties.Set(SaResource{static_cast<std::uint32_t>(idlest), info->data});
        return std::nullopt;
    }

    /// Whether a resource of this side has no Child SA.
    static bool IsFree(const ExtensionHost& host, std::uint32_t number)
    {
        const auto children = host.Children();
        return std::none_of(children.begin(),
                            children.end(),
                            [number](const ChildDescription* child)
                            {
                                const auto* r = child->properties.Find<SaResource>();
                                return r && r->number == number;
                            });
    }

    static void Ask(ExtensionHost& host, std::uint32_t number)
    {
        ChildRequest request;
        request.properties.Set(SaResource{number});
        host.AskForChild(std::move(request));
    }

    /// False when there is no such resource, it has one, or the peer grants no more.
    bool AskForOne(ExtensionHost& host, std::uint32_t number) const
    {
        const bool wanted = number < m_config.resources && !m_capped && IsFree(host, number);
        if (wanted)
        {
            Ask(host, number);
        }
        return wanted;
    }

    /// The next resource that has no Child SA.
    void AskForNext(ExtensionHost& host, std::uint32_t from)
    {
        while (from < m_config.resources && !IsFree(host, from))
        {
            ++from;
        }
        m_asking = from < m_config.resources;
        if (m_asking)
        {
            Ask(host, from);
        }
    }

    PerResourceConfig m_config;
    bool m_asking{false}; ///< for one resource after the other
    bool m_capped{false}; ///< the peer has said TS_MAX_QUEUE
};

} // namespace

ExtensionFactory
PerResourceSas(const PerResourceConfig& config)
{
    return [config] { return std::make_unique<PerResourceExtension>(config); };
}

} // namespace ipseclab::ike
