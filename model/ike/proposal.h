/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_PROPOSAL_H
#define IPSECLAB_IKE_PROPOSAL_H

#include "model/crypto/algorithms.h"
#include "model/wire/ike-message.h"

#include <optional>
#include <vector>

namespace ipseclab::ike
{

/// The algorithms of one IKE SA.
struct IkeSuite
{
    crypto::CipherSuite cipher;
    crypto::PrfId prf{crypto::PrfId::HmacSha2_256};
    crypto::GroupId group{crypto::GroupId::Curve25519};
    /// Additional Key Exchange 1, 2, ... (RFC 9370), at most kMaxAdditional.
    std::vector<crypto::GroupId> additional{};
    bool operator==(const IkeSuite& o) const;
};

constexpr std::size_t kMaxAdditional = 7;

/// The algorithms of one Child SA.
struct ChildSuite
{
    crypto::CipherSuite cipher;
    crypto::GroupId group{crypto::GroupId::None}; ///< None: no key exchange of its own
    bool extendedSequenceNumbers{false};
    /// Additional Key Exchange 1, 2, ... (RFC 9370), at most kMaxAdditional; only with a group, and
    /// not in IKE_AUTH.
    std::vector<crypto::GroupId> additional{};
    bool operator==(const ChildSuite& o) const;
};

/// Suites become proposals, numbered from 1 (RFC 7296, section 3.3); those in a row that differ in
/// nothing but the group become one proposal with several groups. `spi`: see there.
wire::SaPayload MakeIkeProposals(const std::vector<IkeSuite>& suites, ByteSpan spi);
/// In IKE_AUTH the group and additional key exchanges are left out (`withGroup` false).
wire::SaPayload MakeChildProposals(const std::vector<ChildSuite>& suites,
                                   std::uint32_t spi,
                                   bool withGroup);

/// Whether all suites are proposed: there is room for 255 proposals.
bool FitIntoProposals(const std::vector<IkeSuite>& suites);
bool FitIntoProposals(const std::vector<ChildSuite>& suites);

/// A choice: which suite, which of the peer's proposals it answers, the peer's SPI in it.
template <typename Suite>
struct Choice
{
    Suite suite;
    std::uint8_t proposalNumber{1};
    Bytes peerSpi;
};

/**
 * The first suite of `ours` (in our order of preference) that one of the peer's proposals allows:
 * every transform type we need is offered, and every type the peer demands is one we set (RFC 7296,
 * section 3.3 and 3.3.6). Unknown transform IDs are skipped, unknown types make a proposal
 * unacceptable.
 */
std::optional<Choice<IkeSuite>> ChooseIke(const std::vector<IkeSuite>& ours,
                                          const wire::SaPayload& offered);
std::optional<Choice<ChildSuite>> ChooseChild(const std::vector<ChildSuite>& ours,
                                              const wire::SaPayload& offered,
                                              bool withGroup);

/// The responder's SA payload for a choice: one proposal, one transform of each type.
wire::SaPayload AnswerIke(const Choice<IkeSuite>& choice, ByteSpan spi);
wire::SaPayload AnswerChild(const Choice<ChildSuite>& choice, std::uint32_t spi, bool withGroup);

/// Whether a responder has chosen one of the suites out of the proposal that held it.
bool WasOffered(const std::vector<IkeSuite>& suites, const Choice<IkeSuite>& choice);
bool WasOffered(const std::vector<ChildSuite>& suites,
                const Choice<ChildSuite>& choice,
                bool withGroup);

/**
 * Reads a responder's answer, or one proposal of a recorded session, without regard to any policy.
 * Nothing when it is no single complete proposal. Algorithms need not be supported by the model.
 */
std::optional<Choice<IkeSuite>> ReadIkeAnswer(const wire::SaPayload& answer);
std::optional<Choice<ChildSuite>> ReadChildAnswer(const wire::SaPayload& answer);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_PROPOSAL_H
