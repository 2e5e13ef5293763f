/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/childless.h"

#include "model/ike/extensions/extension.h"

namespace ipseclab::ike
{

namespace
{

class ChildlessExtension : public Extension
{
  public:
    explicit ChildlessExtension(bool leaveOut)
        : m_leaveOut(leaveOut)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<ChildlessExtension>(*this);
    }

    void WriteInit(const PeerConfig&, bool response, wire::PayloadList& out) const override
    {
        if (response)
        {
            // RFC 6023, section 3.1: the protocol is that of IKE, unlike in other status notifies.
            out.push_back(wire::MakeNotify(wire::NotifyType::ChildlessIkev2Supported,
                                           wire::ProtocolId::Ike,
                                           {}));
        }
    }

    void ReadInit(const PeerConfig&, bool response, const wire::PayloadList& in) override
    {
        m_possible = !response || (m_leaveOut &&
                                   wire::FindNotify(in, wire::NotifyType::ChildlessIkev2Supported));
    }

    bool LeavesOutFirstChild() const override
    {
        return m_possible;
    }

  private:
    bool m_leaveOut;
    bool m_possible{false};
};

} // namespace

ExtensionFactory
Childless(bool leaveOut)
{
    return [leaveOut] { return std::make_unique<ChildlessExtension>(leaveOut); };
}

} // namespace ipseclab::ike
