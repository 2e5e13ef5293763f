/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/proposal.h"

#include <algorithm>
#include <utility>

namespace ipseclab::ike
{

namespace
{

using crypto::CipherSuite;
using crypto::EncryptionId;
using crypto::GroupId;
using crypto::IntegrityId;
using crypto::PrfId;
using wire::Proposal;
using wire::ProtocolId;
using wire::SaPayload;
using wire::Transform;
using wire::TransformType;

constexpr std::uint16_t kNone = 0;
constexpr std::uint16_t kSequential32 = 0;
constexpr std::uint16_t kExtended = 1;
constexpr std::uint16_t kKeyLengthAttribute = 14;
constexpr std::size_t kIkeSpiSize = 8;
constexpr std::size_t kEspSpiSize = 4;
constexpr std::size_t kMaxProposals = 255;

bool
IsChaCha(EncryptionId id)
{
    return id == EncryptionId::ChaCha20Poly1305 || id == EncryptionId::ChaCha20Poly1305ImplicitIv;
}

bool
IsAesAead(EncryptionId id)
{
    return id == EncryptionId::AesGcm16 || id == EncryptionId::AesGcm16ImplicitIv ||
           id == EncryptionId::AesCcm16 || id == EncryptionId::AesCcm8ImplicitIv;
}

bool
NeedsKeyLength(EncryptionId id)
{
    return id == EncryptionId::AesCbc || IsAesAead(id);
}

bool
IsCombined(EncryptionId id)
{
    return IsAesAead(id) || IsChaCha(id);
}

template <typename Id>
Transform
MakeTransform(TransformType type, Id id)
{
    return Transform::Make(type, static_cast<std::uint16_t>(id));
}

/// AES must carry its key length; ciphers with one key length must not (RFC 7296, section 3.3.5).
Transform
MakeEncryption(const CipherSuite& suite)
{
    return Transform::Make(TransformType::Encryption,
                           static_cast<std::uint16_t>(suite.encryption),
                           NeedsKeyLength(suite.encryption) ? suite.keyBits : std::uint16_t{0});
}

void
AppendCipher(std::vector<Transform>& out, const CipherSuite& suite)
{
    out.push_back(MakeEncryption(suite));
    if (suite.integrity != IntegrityId::None)
    {
        out.push_back(MakeTransform(TransformType::Integrity, suite.integrity));
    }
}

TransformType
AdditionalType(std::size_t index)
{
    return static_cast<TransformType>(
        static_cast<std::size_t>(TransformType::AdditionalKeyExchange1) + index);
}

void
AppendAdditional(std::vector<Transform>& out, const std::vector<GroupId>& additional)
{
    for (std::size_t i = 0; i < additional.size(); ++i)
    {
        out.push_back(MakeTransform(AdditionalType(i), additional[i]));
    }
}

Proposal
MakeIkeProposal(const IkeSuite& suite, std::uint8_t number, ByteSpan spi)
{
    Proposal proposal;
    proposal.number = number;
    proposal.protocol = ProtocolId::Ike;
    proposal.spi.assign(spi.begin(), spi.end());
    AppendCipher(proposal.transforms, suite.cipher);
    proposal.transforms.push_back(MakeTransform(TransformType::Prf, suite.prf));
    proposal.transforms.push_back(MakeTransform(TransformType::KeyExchange, suite.group));
    AppendAdditional(proposal.transforms, suite.additional);
    return proposal;
}

Proposal
MakeChildProposal(const ChildSuite& suite, std::uint8_t number, std::uint32_t spi, bool withGroup)
{
    Proposal proposal;
    proposal.number = number;
    proposal.protocol = ProtocolId::Esp;
    proposal.spi.resize(kEspSpiSize);
    StoreBe32(proposal.spi.data(), spi);
    AppendCipher(proposal.transforms, suite.cipher);
    if (withGroup && suite.group != GroupId::None)
    {
        proposal.transforms.push_back(MakeTransform(TransformType::KeyExchange, suite.group));
        AppendAdditional(proposal.transforms, suite.additional);
    }
    proposal.transforms.push_back(
        MakeTransform(TransformType::SequenceNumbers,
                      suite.extendedSequenceNumbers ? kExtended : kSequential32));
    return proposal;
}

/// Whether one proposal can hold both suites: then each may be chosen, and no third one.
template <typename Suite>
bool
DifferOnlyInGroup(Suite a, Suite b)
{
    const bool twoGroups =
        a.group != GroupId::None && b.group != GroupId::None && a.group != b.group;
    a.group = b.group = GroupId::None;
    return twoGroups && a == b;
}

/// The number of the proposal that each suite is in; the field has one octet, and the first is 1.
template <typename Suite>
std::vector<std::uint8_t>
NumberProposals(const std::vector<Suite>& suites)
{
    std::vector<std::uint8_t> numbers;
    for (const Suite& suite : suites)
    {
        const bool joins = !numbers.empty() && DifferOnlyInGroup(suites[numbers.size() - 1], suite);
        const std::size_t number = numbers.empty() ? 1 : numbers.back() + (joins ? 0U : 1U);
        if (number > kMaxProposals)
        {
            break;
        }
        numbers.push_back(static_cast<std::uint8_t>(number));
    }
    return numbers;
}

/// \param make a proposal of one suite, with this number
template <typename Suite, typename Make>
SaPayload
MakeProposals(const std::vector<Suite>& suites, bool withGroup, Make make)
{
    SaPayload sa;
    const auto numbers = NumberProposals(suites);
    for (std::size_t i = 0; i < numbers.size(); ++i)
    {
        if (numbers[i] > sa.proposals.size())
        {
            sa.proposals.push_back(make(suites[i], numbers[i]));
        }
        else if (withGroup)
        {
            sa.proposals.back().transforms.push_back(
                MakeTransform(TransformType::KeyExchange, suites[i].group));
        }
    }
    return sa;
}

template <typename Suite>
bool
WasOfferedAs(const std::vector<Suite>& suites, const Choice<Suite>& choice, bool withGroup)
{
    const auto numbers = NumberProposals(suites);
    for (std::size_t i = 0; i < numbers.size(); ++i)
    {
        Suite offered = suites[i];
        if (!withGroup)
        {
            offered.group = choice.suite.group;
            offered.additional = choice.suite.additional;
        }
        if (numbers[i] == choice.proposalNumber && offered == choice.suite)
        {
            return true;
        }
    }
    return false;
}

bool
Has(const Proposal& proposal, TransformType type)
{
    return std::any_of(proposal.transforms.begin(),
                       proposal.transforms.end(),
                       [type](const Transform& t) { return t.type == type; });
}

/// An attribute that we did not ask for makes a transform another one (RFC 7296, section 3.3.6).
bool
Offers(const Proposal& proposal, const Transform& wanted)
{
    return std::find(proposal.transforms.begin(), proposal.transforms.end(), wanted) !=
           proposal.transforms.end();
}

/// A type that may be left out: absent is the same as offering NONE (RFC 7296, section 3.3.3).
template <typename Id>
bool
OffersOrOmits(const Proposal& proposal, TransformType type, Id id)
{
    return Offers(proposal, MakeTransform(type, id)) ||
           (static_cast<std::uint16_t>(id) == kNone && !Has(proposal, type));
}

bool
OffersCipher(const Proposal& proposal, const CipherSuite& suite)
{
    return Offers(proposal, MakeEncryption(suite)) &&
           OffersOrOmits(proposal, TransformType::Integrity, suite.integrity);
}

bool
IsAdditional(TransformType type)
{
    return type >= TransformType::AdditionalKeyExchange1 &&
           type <= TransformType::AdditionalKeyExchange7;
}

/// Whether every transform is of a type that the protocol has in RFC 7296, section 3.3.3, or an
/// additional key exchange.
bool
HasOnlyTypes(const Proposal& proposal, std::initializer_list<TransformType> types)
{
    return std::all_of(proposal.transforms.begin(),
                       proposal.transforms.end(),
                       [&types](const Transform& t) {
                           return IsAdditional(t.type) ||
                                  std::find(types.begin(), types.end(), t.type) != types.end();
                       });
}

bool
IsZero(const Bytes& octets)
{
    return std::all_of(octets.begin(), octets.end(), [](std::uint8_t v) { return v == 0; });
}

/// Protocol, transform types and SPI of an IKE proposal: no SPI at first, 8 octets in a rekey.
bool
IsIkeShaped(const Proposal& proposal)
{
    return proposal.protocol == ProtocolId::Ike &&
           (proposal.spi.empty() ||
            (proposal.spi.size() == kIkeSpiSize && !IsZero(proposal.spi))) &&
           HasOnlyTypes(proposal,
                        {TransformType::Encryption,
                         TransformType::Prf,
                         TransformType::Integrity,
                         TransformType::KeyExchange});
}

/// Every additional key exchange as the suite has it, and no other (RFC 9370, section 2.2.2).
bool
OffersAdditional(const Proposal& proposal, const std::vector<GroupId>& wanted)
{
    for (std::size_t i = 0; i < kMaxAdditional; ++i)
    {
        const GroupId group = i < wanted.size() ? wanted[i] : GroupId::None;
        if (!OffersOrOmits(proposal, AdditionalType(i), group))
        {
            return false;
        }
    }
    return true;
}

bool
IsEspShaped(const Proposal& proposal)
{
    return proposal.protocol == ProtocolId::Esp && proposal.spi.size() == kEspSpiSize &&
           !IsZero(proposal.spi) &&
           HasOnlyTypes(proposal,
                        {TransformType::Encryption,
                         TransformType::Integrity,
                         TransformType::KeyExchange,
                         TransformType::SequenceNumbers});
}

bool
Allows(const Proposal& proposal, const IkeSuite& suite)
{
    // A key exchange is mandatory here, so NONE is no answer.
    return suite.group != GroupId::None && IsIkeShaped(proposal) &&
           OffersCipher(proposal, suite.cipher) &&
           Offers(proposal, MakeTransform(TransformType::Prf, suite.prf)) &&
           Offers(proposal, MakeTransform(TransformType::KeyExchange, suite.group)) &&
           OffersAdditional(proposal, suite.additional);
}

bool
Allows(const Proposal& proposal, const ChildSuite& suite, bool withGroup)
{
    const std::uint16_t numbers = suite.extendedSequenceNumbers ? kExtended : kSequential32;
    return IsEspShaped(proposal) && OffersCipher(proposal, suite.cipher) &&
           OffersOrOmits(proposal,
                         TransformType::KeyExchange,
                         withGroup ? suite.group : GroupId::None) &&
           OffersAdditional(proposal, withGroup ? suite.additional : std::vector<GroupId>()) &&
           Offers(proposal, MakeTransform(TransformType::SequenceNumbers, numbers));
}

template <typename Suite, typename Predicate>
std::optional<Choice<Suite>>
ChooseFirst(const std::vector<Suite>& ours, const SaPayload& offered, Predicate allows)
{
    for (const Suite& suite : ours)
    {
        for (const Proposal& proposal : offered.proposals)
        {
            if (allows(proposal, suite))
            {
                return Choice<Suite>{suite, proposal.number, proposal.spi};
            }
        }
    }
    return std::nullopt;
}

/// The only transform of a type; nothing when there are none or several.
const Transform*
FindOnly(const Proposal& proposal, TransformType type)
{
    const Transform* found = nullptr;
    for (const Transform& transform : proposal.transforms)
    {
        if (transform.type == type)
        {
            if (found)
            {
                return nullptr;
            }
            found = &transform;
        }
    }
    return found;
}

/// The id of the only transform of a type that takes no attributes; 0 (NONE) when it is absent.
std::optional<std::uint16_t>
ReadOptionalId(const Proposal& proposal, TransformType type)
{
    if (!Has(proposal, type))
    {
        return kNone;
    }
    const Transform* transform = FindOnly(proposal, type);
    if (!transform || !transform->attributes.empty())
    {
        return std::nullopt;
    }
    return transform->id;
}

/// As above, for a type that must be there.
std::optional<std::uint16_t>
ReadId(const Proposal& proposal, TransformType type)
{
    return Has(proposal, type) ? ReadOptionalId(proposal, type) : std::nullopt;
}

/// The key length that an encryption transform means; nothing when its attributes are wrong.
std::optional<std::uint16_t>
ReadKeyBits(const Transform& transform)
{
    const auto id = static_cast<EncryptionId>(transform.id);
    if (!transform.attributes.empty())
    {
        const bool fixedLength = id == EncryptionId::ChaCha20Poly1305 || id == EncryptionId::Null;
        const bool keyLengthOnly =
            transform.attributes.size() == 1 && transform.attributes[0].type == kKeyLengthAttribute;
        return keyLengthOnly && !fixedLength ? transform.KeyBits() : std::nullopt;
    }
    if (NeedsKeyLength(id))
    {
        return std::nullopt;
    }
    return id == EncryptionId::ChaCha20Poly1305 ? std::uint16_t{256} : std::uint16_t{0};
}

/// The methods of an answer, in their order, NONE left out; nothing when one is ambiguous.
std::optional<std::vector<GroupId>>
ReadAdditional(const Proposal& proposal)
{
    std::vector<GroupId> groups;
    for (std::size_t i = 0; i < kMaxAdditional; ++i)
    {
        const auto id = ReadOptionalId(proposal, AdditionalType(i));
        if (!id)
        {
            return std::nullopt;
        }
        if (*id != kNone)
        {
            groups.push_back(static_cast<GroupId>(*id));
        }
    }
    return groups;
}

std::optional<CipherSuite>
ReadCipher(const Proposal& proposal)
{
    const Transform* encryption = FindOnly(proposal, TransformType::Encryption);
    const auto integrity = ReadOptionalId(proposal, TransformType::Integrity);
    const auto keyBits = encryption ? ReadKeyBits(*encryption) : std::nullopt;
    if (!keyBits || !integrity)
    {
        return std::nullopt;
    }
    CipherSuite suite;
    suite.encryption = static_cast<EncryptionId>(encryption->id);
    suite.keyBits = *keyBits;
    suite.integrity = static_cast<IntegrityId>(*integrity);
    // Of ciphers that the model does not know it cannot say whether they bring their own integrity.
    const bool needsIntegrity =
        suite.encryption == EncryptionId::AesCbc || suite.encryption == EncryptionId::Null;
    const bool hasIntegrity = suite.integrity != IntegrityId::None;
    if (hasIntegrity ? IsCombined(suite.encryption) : needsIntegrity)
    {
        return std::nullopt;
    }
    return suite;
}

} // namespace

bool
IkeSuite::operator==(const IkeSuite& o) const
{
    return cipher == o.cipher && prf == o.prf && group == o.group && additional == o.additional;
}

bool
ChildSuite::operator==(const ChildSuite& o) const
{
    return cipher == o.cipher && group == o.group &&
           extendedSequenceNumbers == o.extendedSequenceNumbers && additional == o.additional;
}

SaPayload
MakeIkeProposals(const std::vector<IkeSuite>& suites, ByteSpan spi)
{
    return MakeProposals(suites,
                         true,
                         [spi](const IkeSuite& suite, std::uint8_t number)
                         { return MakeIkeProposal(suite, number, spi); });
}

SaPayload
MakeChildProposals(const std::vector<ChildSuite>& suites, std::uint32_t spi, bool withGroup)
{
    return MakeProposals(suites,
                         withGroup,
                         [=](const ChildSuite& suite, std::uint8_t number)
                         { return MakeChildProposal(suite, number, spi, withGroup); });
}

bool
FitIntoProposals(const std::vector<IkeSuite>& suites)
{
    return NumberProposals(suites).size() == suites.size();
}

bool
FitIntoProposals(const std::vector<ChildSuite>& suites)
{
    return NumberProposals(suites).size() == suites.size();
}

bool
WasOffered(const std::vector<IkeSuite>& suites, const Choice<IkeSuite>& choice)
{
    return WasOfferedAs(suites, choice, true);
}

bool
WasOffered(const std::vector<ChildSuite>& suites, const Choice<ChildSuite>& choice, bool withGroup)
{
    return WasOfferedAs(suites, choice, withGroup);
}

std::optional<Choice<IkeSuite>>
ChooseIke(const std::vector<IkeSuite>& ours, const SaPayload& offered)
{
    return ChooseFirst(ours,
                       offered,
                       [](const Proposal& proposal, const IkeSuite& suite)
                       { return Allows(proposal, suite); });
}

std::optional<Choice<ChildSuite>>
ChooseChild(const std::vector<ChildSuite>& ours, const SaPayload& offered, bool withGroup)
{
    return ChooseFirst(ours,
                       offered,
                       [withGroup](const Proposal& proposal, const ChildSuite& suite)
                       { return Allows(proposal, suite, withGroup); });
}

SaPayload
AnswerIke(const Choice<IkeSuite>& choice, ByteSpan spi)
{
    return {{MakeIkeProposal(choice.suite, choice.proposalNumber, spi)}};
}

SaPayload
AnswerChild(const Choice<ChildSuite>& choice, std::uint32_t spi, bool withGroup)
{
    return {{MakeChildProposal(choice.suite, choice.proposalNumber, spi, withGroup)}};
}

std::optional<Choice<IkeSuite>>
ReadIkeAnswer(const SaPayload& answer)
{
    if (answer.proposals.size() != 1 || !IsIkeShaped(answer.proposals[0]))
    {
        return std::nullopt;
    }
    const Proposal& proposal = answer.proposals[0];
    const auto cipher = ReadCipher(proposal);
    const auto prf = ReadId(proposal, TransformType::Prf);
    const auto group = ReadId(proposal, TransformType::KeyExchange);
    auto additional = ReadAdditional(proposal);
    if (!cipher || !prf || !group || *group == kNone || !additional)
    {
        return std::nullopt;
    }
    return Choice<IkeSuite>{
        {*cipher, static_cast<PrfId>(*prf), static_cast<GroupId>(*group), std::move(*additional)},
        proposal.number,
        proposal.spi};
}

std::optional<Choice<ChildSuite>>
ReadChildAnswer(const SaPayload& answer)
{
    if (answer.proposals.size() != 1 || !IsEspShaped(answer.proposals[0]))
    {
        return std::nullopt;
    }
    const Proposal& proposal = answer.proposals[0];
    const auto cipher = ReadCipher(proposal);
    const auto group = ReadOptionalId(proposal, TransformType::KeyExchange);
    const auto numbers = ReadId(proposal, TransformType::SequenceNumbers);
    auto additional = ReadAdditional(proposal);
    if (!cipher || !group || !numbers || (*numbers != kSequential32 && *numbers != kExtended) ||
        !additional)
    {
        return std::nullopt;
    }
    return Choice<ChildSuite>{
        {*cipher, static_cast<GroupId>(*group), *numbers == kExtended, std::move(*additional)},
        proposal.number,
        proposal.spi};
}

} // namespace ipseclab::ike
