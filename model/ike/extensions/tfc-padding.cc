/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/tfc-padding.h"

#include "model/ike/extensions/extension.h"

namespace ipseclab::ike
{

namespace
{

class TfcPaddingExtension : public Extension
{
  public:
    explicit TfcPaddingExtension(bool accepted)
        : m_accepted(accepted)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<TfcPaddingExtension>(*this);
    }

    void WriteChild(ExtensionHost&, ChildNegotiation&, wire::PayloadList& out) override
    {
        if (!m_accepted)
        {
            out.push_back(wire::MakeNotify(wire::NotifyType::EspTfcPaddingNotSupported));
        }
    }

    std::optional<Refusal> ReadChild(ExtensionHost&,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override
    {
        if (wire::FindNotify(in, wire::NotifyType::EspTfcPaddingNotSupported))
        {
            child.properties.Set(NoTfcPadding{});
        }
        else
        {
            child.properties.Erase<NoTfcPadding>();
        }
        return std::nullopt;
    }

  private:
    bool m_accepted;
};

} // namespace

ExtensionFactory
TfcPadding(bool accepted)
{
    return [accepted] { return std::make_unique<TfcPaddingExtension>(accepted); };
}

} // namespace ipseclab::ike
