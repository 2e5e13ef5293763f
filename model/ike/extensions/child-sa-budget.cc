/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/child-sa-budget.h"

#include "model/ike/extensions/extension.h"

namespace ipseclab::ike
{

namespace
{

class ChildSaBudgetExtension final : public Extension
{
  public:
    ChildSaBudgetExtension(std::size_t limit, std::function<std::size_t()> inUse)
        : m_limit(limit),
          m_inUse(std::move(inUse))
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<ChildSaBudgetExtension>(*this);
    }

    std::optional<Refusal> ReadChild(ExtensionHost&,
                                     ChildNegotiation& child,
                                     const wire::PayloadList&) override
    {
        const bool full = !child.replaces && m_inUse() >= m_limit;
        return full ? std::make_optional(Refusal{wire::NotifyType::NoAdditionalSas}) : std::nullopt;
    }

  private:
    std::size_t m_limit;
    std::function<std::size_t()> m_inUse;
};

} // namespace

ExtensionFactory
ChildSaBudget(std::size_t limit, std::function<std::size_t()> inUse)
{
    return [limit, inUse] { return std::make_unique<ChildSaBudgetExtension>(limit, inUse); };
}

} // namespace ipseclab::ike
