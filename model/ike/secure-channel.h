/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_SECURE_CHANNEL_H
#define IPSECLAB_IKE_SECURE_CHANNEL_H

#include "model/ike/encrypted-payload.h"
#include "model/ike/ike-event.h"

namespace ipseclab::ike
{

/// The keys of one IKE SA and both directions of its message protection.
class SecureChannel
{
  public:
    /// \param suite one that the model supports
    SecureChannel(const IkeSaId& id, bool initiator, const IkeSuite& suite, IkeKeys keys);

    const IkeSaId& Id() const;
    const IkeSuite& Suite() const;
    const IkeKeys& Keys() const;

    /// A whole message from this side.
    Bytes Seal(wire::ExchangeType exchange,
               std::uint32_t messageId,
               bool response,
               const wire::PayloadList& inner);
    /// A whole message from the other side.
    tl::expected<OpenedPayload, OpenError> Open(ByteSpan datagram);

  private:
    IkeSaId m_id;
    bool m_initiator;
    IkeSuite m_suite;
    IkeKeys m_keys;
    std::unique_ptr<crypto::PayloadCipher> m_outbound;
    std::unique_ptr<crypto::PayloadCipher> m_inbound;
    std::uint64_t m_sealed{0};
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_SECURE_CHANNEL_H
