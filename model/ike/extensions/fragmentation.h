/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_FRAGMENTATION_H
#define IPSECLAB_IKE_EXTENSIONS_FRAGMENTATION_H

#include "model/ike/encrypted-payload.h"

#include <map>

/**
 * \file
 * IKEv2 message fragmentation (RFC 7383). Not here: path MTU discovery by ever smaller fragments
 * (section 2.5.2), which is optional; a sender has one size for good.
 */

namespace ipseclab::ike
{

/**
 * Cuts a message that would be longer than `limit` into SKF messages of at most that length; one
 * that fits comes back as an SK message, alone.
 * \param ivCounter as in SealMessage; goes on by one for every fragment
 */
std::vector<Bytes> SealFragments(const wire::IkeHeader& header,
                                 const wire::PayloadList& inner,
                                 crypto::PayloadCipher& cipher,
                                 std::uint64_t& ivCounter,
                                 std::size_t limit);

/// What one SKF message held.
struct OpenedFragment
{
    std::uint16_t number{0};
    std::uint16_t total{0};
    wire::PayloadType firstInner{wire::PayloadType::None};
    Bytes plaintext;
};

/// Whether the last payload is SKF; says nothing of its authenticity.
bool IsFragment(ByteSpan datagram);
/// Opens one SKF message on its own, whatever came before.
tl::expected<OpenedFragment, OpenError> OpenFragment(ByteSpan datagram,
                                                     crypto::PayloadCipher& cipher);

/**
 * Puts the fragments of one direction's requests, or responses, together (RFC 7383, section 2.6).
 *
 * Only authentic fragments are stored, those of one message at a time: a fragment with another
 * message ID clears the queue. Instead of a timeout there is a bound: kMaxTotal fragments and
 * kMaxOctets of plaintext, and all go with the IKE SA.
 */
class FragmentQueue
{
  public:
    static constexpr std::uint16_t kMaxTotal = 256;
    static constexpr std::size_t kMaxOctets = 65535;

    /// The whole message when this fragment was the last one missing; otherwise Incomplete,
    /// Discarded or the reason why it did not open.
    tl::expected<OpenedPayload, OpenError> Add(ByteSpan datagram, crypto::PayloadCipher& cipher);

    /// How many fragments wait.
    std::size_t Size() const;

  private:
    struct Stored
    {
        wire::PayloadType firstInner;
        Bytes plaintext;
    };

    bool IsWanted(std::uint32_t messageId, std::uint16_t number, std::uint16_t total) const;
    void Clear();
    tl::expected<OpenedPayload, OpenError> Join();

    std::uint32_t m_messageId{0};
    std::uint16_t m_total{0};
    std::size_t m_octets{0};
    std::map<std::uint16_t, Stored> m_stored;
    Bytes m_firstFragment;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_FRAGMENTATION_H
