/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/dscp-classes.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

SaDscps
Wish(const DscpSet& dscps)
{
    SaDscps wish;
    wish.mine = wish.asked = dscps;
    return wish;
}

} // namespace

DscpClassesExtension::DscpClassesExtension(const DscpClassesConfig& config)
    : m_config(config)
{
    auto& classes = m_config.classes;
    classes.erase(
        std::remove_if(classes.begin(), classes.end(), [](const DscpSet& c) { return c.none(); }),
        classes.end());
}

std::unique_ptr<Extension>
DscpClassesExtension::Clone() const
{
    return std::make_unique<DscpClassesExtension>(*this);
}

void
DscpClassesExtension::WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList&)
{
    ClassifyFirst(host, child);
}

std::optional<Refusal>
DscpClassesExtension::ReadChild(ExtensionHost& host,
                                ChildNegotiation& child,
                                const wire::PayloadList&)
{
    ClassifyFirst(host, child);
    return std::nullopt;
}

/// A Child SA of IKE_AUTH is not asked for with properties.
void
DscpClassesExtension::ClassifyFirst(const ExtensionHost& host, ChildNegotiation& child) const
{
    const bool first = child.asking && !child.replaces && host.Children().empty();
    if (first && !m_config.defaultFirst && !m_config.classes.empty() &&
        !child.properties.Find<SaDscps>())
    {
        child.properties.Set(Wish(m_config.classes.front()));
    }
}

bool
DscpClassesExtension::Command(Instant, ExtensionHost& host, const std::any& command)
{
    if (!std::any_cast<AskForClassSas>(&command))
    {
        return false;
    }
    const auto children = host.Children();
    for (const DscpSet& wanted : m_config.classes)
    {
        const bool there =
            std::any_of(children.begin(),
                        children.end(),
                        [&](const ChildDescription* child)
                        {
                            const auto* has = child->properties.Find<SaDscps>();
                            return has && (has->mine == wanted || has->asked == wanted);
                        });
        if (!there)
        {
            ChildRequest request;
            request.properties.Set(Wish(wanted));
            host.AskForChild(std::move(request));
        }
    }
    return true;
}

ExtensionFactory
DscpClasses(const DscpClassesConfig& config)
{
    return [config] { return std::make_unique<DscpClassesExtension>(config); };
}

} // namespace ipseclab::ike
