/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/secure-channel.h"

namespace ipseclab::ike
{

SecureChannel::SecureChannel(const IkeSaId& id, bool initiator, const IkeSuite& suite, IkeKeys keys)
    : m_id(id),
      m_initiator(initiator),
      m_suite(suite),
      m_keys(std::move(keys))
{
    using crypto::Direction;
    using crypto::PayloadCipher;
    auto fromInitiator = PayloadCipher::Create(m_suite.cipher,
                                               m_keys.skEi,
                                               m_keys.skAi,
                                               initiator ? Direction::Seal : Direction::Open);
    auto fromResponder = PayloadCipher::Create(m_suite.cipher,
                                               m_keys.skEr,
                                               m_keys.skAr,
                                               initiator ? Direction::Open : Direction::Seal);
    m_outbound = std::move(initiator ? fromInitiator : fromResponder);
    m_inbound = std::move(initiator ? fromResponder : fromInitiator);
}

const IkeSaId&
SecureChannel::Id() const
{
    return m_id;
}

const IkeSuite&
SecureChannel::Suite() const
{
    return m_suite;
}

const IkeKeys&
SecureChannel::Keys() const
{
    return m_keys;
}

SecureChannel
SecureChannel::NextGeneration(ByteSpan shared, ByteSpan nonceI, ByteSpan nonceR) const
{
    // SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), as in a rekey.
    const Bytes seed = ComputeRekeySkeyseed(m_suite.prf, m_keys.skD, shared, nonceI, nonceR);
    SecureChannel next(m_id,
                       m_initiator,
                       m_suite,
                       DeriveIkeKeys(m_suite, seed, nonceI, nonceR, m_id.spiI, m_id.spiR));
    next.m_fragmentLimit = m_fragmentLimit;
    return next;
}

void
SecureChannel::SetFragmentLimit(std::size_t octets)
{
    m_fragmentLimit = octets;
}

std::size_t
SecureChannel::FragmentLimit() const
{
    return m_fragmentLimit;
}

wire::IkeHeader
SecureChannel::MakeHeader(wire::ExchangeType exchange, std::uint32_t messageId, bool response) const
{
    wire::IkeHeader header;
    header.initiatorSpi = m_id.spiI;
    header.responderSpi = m_id.spiR;
    header.exchange = exchange;
    header.flags = static_cast<std::uint8_t>((m_initiator ? wire::kFlagInitiator : 0) |
                                             (response ? wire::kFlagResponse : 0));
    header.messageId = messageId;
    return header;
}

Bytes
SecureChannel::Seal(wire::ExchangeType exchange,
                    std::uint32_t messageId,
                    bool response,
                    const wire::PayloadList& inner)
{
    return SealMessage(MakeHeader(exchange, messageId, response), inner, *m_outbound, m_sealed++);
}

std::vector<Bytes>
SecureChannel::SealParts(wire::ExchangeType exchange,
                         std::uint32_t messageId,
                         bool response,
                         const wire::PayloadList& inner)
{
    if (m_fragmentLimit == 0)
    {
        return {Seal(exchange, messageId, response, inner)};
    }
    return SealFragments(MakeHeader(exchange, messageId, response),
                         inner,
                         *m_outbound,
                         m_sealed,
                         m_fragmentLimit);
}

tl::expected<OpenedPayload, OpenError>
SecureChannel::Open(ByteSpan datagram)
{
    if (m_fragmentLimit == 0 || !IsFragment(datagram))
    {
        return OpenMessage(datagram, *m_inbound);
    }
    FragmentQueue& queue = wire::ParseHeader(datagram)->IsResponse() ? m_responses : m_requests;
    return queue.Add(datagram, *m_inbound);
}

bool
SecureChannel::IsFirstFragment(ByteSpan datagram)
{
    if (m_fragmentLimit == 0)
    {
        return false;
    }
    const auto fragment = OpenFragment(datagram, *m_inbound);
    return fragment && fragment->number == 1 && fragment->total > 0;
}

} // namespace ipseclab::ike
