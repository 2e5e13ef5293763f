/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_INTERMEDIATE_H
#define IPSECLAB_IKE_EXTENSIONS_INTERMEDIATE_H

#include "model/crypto/key-exchange.h"
#include "model/ike/key-schedule.h"
#include "model/wire/ike-message.h"

#include <memory>

/**
 * \file
 * IKE_INTERMEDIATE (RFC 9242): how AUTH covers the messages between IKE_SA_INIT and IKE_AUTH. Each
 * is for one additional key exchange (RFC 9370); the model has no other use for the exchange.
 */

namespace ipseclab::ike
{

/// A message of IKE_INTERMEDIATE as its octets go into IntAuth.
struct IntermediateMessage
{
    wire::IkeHeader header;
    std::uint8_t reserved{0}; ///< second octet of the SK (or first SKF) payload, as received
    wire::PayloadType firstInner{wire::PayloadType::None};
    ByteSpan plaintext; ///< the inner payloads, joined and without padding
};

/**
 * IntAuth_i and IntAuth_r as they grow (RFC 9242, section 3.3.2):
 *
 *     IntAuth_xn = prf(SK_pxn, [IntAuth_x(n-1) |] A | P)
 *
 * A is the IKE header and the generic header of the SK payload, always in the form of one message
 * and with lengths that leave out IV, padding and ICV; P are the inner payloads.
 */
class IntermediateTranscript
{
  public:
    /// \param skP SK_pi for a request, SK_pr for a response, from before this exchange
    void Add(crypto::PrfId prf, ByteSpan skP, const IntermediateMessage& message);
    /// What is appended to the signed octets: IntAuth_i | IntAuth_r | message ID of IKE_AUTH. Empty
    /// when there was no IKE_INTERMEDIATE.
    Bytes Octets(std::uint32_t authMessageId) const;

  private:
    Bytes m_requests;
    Bytes m_responses;
};

/// How far the additional key exchanges of a new IKE SA have come.
struct AdditionalRounds
{
    std::size_t done{0};
    std::unique_ptr<crypto::KeyExchange> exchange{}; ///< of an initiator: in flight
    Bytes shared{};                                  ///< of a responder: not in the keys yet
    IntermediateTranscript transcript{};
    std::vector<IkeKeys> spent{}; ///< keys that the rounds have replaced, the oldest first
};

/// Header and reserved octet of a protected datagram, fragment 1 where there are fragments, with
/// what was found in it. It must be one that has been opened.
IntermediateMessage DescribeIntermediate(ByteSpan datagram,
                                         wire::PayloadType firstInner,
                                         ByteSpan plaintext);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_INTERMEDIATE_H
