/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_SECURE_CHANNEL_H
#define IPSECLAB_IKE_SECURE_CHANNEL_H

#include "model/ike/extensions/fragmentation.h"
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
    /// The same IKE SA under the keys that follow after another key exchange with these nonces (RFC
    /// 9370, section 2.2.2).
    SecureChannel NextGeneration(ByteSpan shared, ByteSpan nonceI, ByteSpan nonceR) const;

    /// Both sides have announced RFC 7383: messages above this length go out, and SKF messages come
    /// in. Zero, as at first: neither.
    void SetFragmentLimit(std::size_t octets);
    std::size_t FragmentLimit() const;

    /// A whole message from this side, as one datagram.
    Bytes Seal(wire::ExchangeType exchange,
               std::uint32_t messageId,
               bool response,
               const wire::PayloadList& inner);
    /// The same in as many datagrams as the fragment limit asks for.
    std::vector<Bytes> SealParts(wire::ExchangeType exchange,
                                 std::uint32_t messageId,
                                 bool response,
                                 const wire::PayloadList& inner);
    /// A whole message from the other side, or the fragment that completes one.
    tl::expected<OpenedPayload, OpenError> Open(ByteSpan datagram);
    /// Whether this is an authentic fragment 1, which repeats a request that was answered (RFC
    /// 7383, section 2.6.1). Stores nothing.
    bool IsFirstFragment(ByteSpan datagram);

  private:
    wire::IkeHeader MakeHeader(wire::ExchangeType exchange,
                               std::uint32_t messageId,
                               bool response) const;

    IkeSaId m_id;
    bool m_initiator;
    IkeSuite m_suite;
    IkeKeys m_keys;
    std::unique_ptr<crypto::PayloadCipher> m_outbound;
    std::unique_ptr<crypto::PayloadCipher> m_inbound;
    std::uint64_t m_sealed{0};
    std::size_t m_fragmentLimit{0};
    FragmentQueue m_requests;
    FragmentQueue m_responses;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_SECURE_CHANNEL_H
