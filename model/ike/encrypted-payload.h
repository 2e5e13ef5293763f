/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_ENCRYPTED_PAYLOAD_H
#define IPSECLAB_IKE_ENCRYPTED_PAYLOAD_H

#include "model/crypto/payload-cipher.h"
#include "model/wire/ike-message.h"

#include <tl/expected.hpp>

namespace ipseclab::ike
{

/// Why an SK payload did not open.
enum class OpenError
{
    NotEncrypted, ///< the message has no SK payload
    TooShort,     ///< no room for IV, pad length and ICV, or not aligned
    BadIcv,
    BadPadding, ///< pad length runs past the plaintext
    BadPayloads ///< authentic, but the inner chain does not parse: INVALID_SYNTAX
};

const char* Name(OpenError error);

/// What an SK payload held.
struct OpenedPayload
{
    wire::PayloadType firstInner{wire::PayloadType::None};
    Bytes plaintext; ///< the inner chain, without padding and pad length
    wire::PayloadList payloads;
};

/**
 * A whole protected message: header, then SK over `inner` (RFC 7296, section 3.14; RFC 5282).
 * \param ivCounter numbers the messages of this direction; never repeats for one key
 */
Bytes SealMessage(const wire::IkeHeader& header,
                  const wire::PayloadList& inner,
                  crypto::PayloadCipher& cipher,
                  std::uint64_t ivCounter);

/// Opens the SK payload of a whole message as received (no non-ESP marker).
tl::expected<OpenedPayload, OpenError> OpenMessage(ByteSpan datagram,
                                                   crypto::PayloadCipher& cipher);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_ENCRYPTED_PAYLOAD_H
