/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_ENCRYPTED_PAYLOAD_H
#define IPSECLAB_IKE_ENCRYPTED_PAYLOAD_H

#include "model/crypto/payload-cipher.h"
#include "model/wire/ike-message.h"

#include <optional>
#include <tl/expected.hpp>

namespace ipseclab::ike
{

/// Why an SK payload did not open.
enum class OpenError
{
    NotEncrypted, ///< the message has no SK payload
    TooShort,     ///< no room for IV, pad length and ICV, or not aligned
    BadIcv,
    BadPadding,  ///< pad length runs past the plaintext
    BadPayloads, ///< authentic, but the inner chain does not parse: INVALID_SYNTAX
    Incomplete,  ///< a fragment was stored, others are missing
    Discarded    ///< a fragment that RFC 7383 tells to drop: replayed, obsolete or out of range
};

const char* Name(OpenError error);

/// What an SK payload held.
struct OpenedPayload
{
    wire::PayloadType firstInner{wire::PayloadType::None};
    Bytes plaintext; ///< the inner chain, without padding and pad length
    wire::PayloadList payloads;
    Bytes firstFragment; ///< fragment 1 as received; empty when the message came in one
};

/// The octets that are protected, at the end of a message.
struct ProtectedPart
{
    wire::PayloadType type{wire::PayloadType::None}; ///< SK or SKF
    wire::PayloadType firstInner{wire::PayloadType::None};
    std::size_t bodyAt{0}; ///< offset of what follows the generic header
};

/**
 * Walks the generic headers up to an SK or SKF payload, which must end the message (RFC 7296,
 * section 3.14; RFC 7383, section 2.5). Payloads before it stay unparsed: nothing has authenticated
 * them yet.
 */
std::optional<ProtectedPart> LocateProtected(ByteSpan datagram);

/// IV, then `text` padded, then room for the ICV, as the body of an SK or SKF payload.
Bytes MakeProtectedBody(ByteSpan text, crypto::PayloadCipher& cipher, std::uint64_t ivCounter);
/// Encrypts a serialised message whose last `bodyLength` octets are from MakeProtectedBody; both
/// length fields, which are authenticated, must be final.
void SealInPlace(Bytes& message, std::size_t bodyLength, crypto::PayloadCipher& cipher);
/// The plaintext of a message whose IV begins at `ivAt`, without padding and pad length.
tl::expected<Bytes, OpenError> OpenText(ByteSpan datagram,
                                        std::size_t ivAt,
                                        crypto::PayloadCipher& cipher);

/// Parses an inner chain that has been authenticated; BadPayloads when it is none.
tl::expected<OpenedPayload, OpenError> ParseOpened(wire::PayloadType firstInner, Bytes plaintext);

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
