/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_IKE_CONSTANTS_H
#define IPSECLAB_WIRE_IKE_CONSTANTS_H

#include <cstdint>

/**
 * \file
 * Numbers of the IANA registry "Internet Key Exchange Version 2 (IKEv2) Parameters" that the model
 * uses. Every enum is open: a value without a name is legal on the wire.
 */

namespace ipseclab::wire
{

/// RFC 7296, section 3.1; 43 is RFC 9242, 44 is RFC 9370, 38 is RFC 5723.
enum class ExchangeType : std::uint8_t
{
    IkeSaInit = 34,
    IkeAuth = 35,
    CreateChildSa = 36,
    Informational = 37,
    IkeSessionResume = 38,
    IkeIntermediate = 43,
    IkeFollowupKe = 44,
};

/// RFC 7296, section 3.2; 53 is RFC 7383.
enum class PayloadType : std::uint8_t
{
    None = 0,
    Sa = 33,
    Ke = 34,
    IdI = 35,
    IdR = 36,
    Cert = 37,
    CertReq = 38,
    Auth = 39,
    Nonce = 40,
    Notify = 41,
    Delete = 42,
    VendorId = 43,
    TsI = 44,
    TsR = 45,
    Encrypted = 46,
    Configuration = 47,
    Eap = 48,
    EncryptedFragment = 53,
};

/// RFC 7296, section 3.3.1.
enum class ProtocolId : std::uint8_t
{
    None = 0,
    Ike = 1,
    Ah = 2,
    Esp = 3,
};

/// RFC 7296, section 3.3.2; type 5 was named ESN before RFC 9827.
enum class TransformType : std::uint8_t
{
    Encryption = 1,
    Prf = 2,
    Integrity = 3,
    KeyExchange = 4,
    SequenceNumbers = 5,
    AdditionalKeyExchange1 = 6, ///< RFC 9370; the last is AdditionalKeyExchange7
    AdditionalKeyExchange7 = 12,
};

/// RFC 7296, section 3.5.
enum class IdType : std::uint8_t
{
    Ipv4Address = 1,
    Fqdn = 2,
    Rfc822Address = 3,
    Ipv6Address = 5,
    DerAsn1Dn = 9,
    DerAsn1Gn = 10,
    KeyId = 11,
    Null = 13,
};

/// RFC 7296, section 3.8; 14 is RFC 7427, 13 is RFC 7619.
enum class AuthMethod : std::uint8_t
{
    RsaSignature = 1,
    SharedKey = 2,
    EcdsaP256 = 9,
    EcdsaP384 = 10,
    EcdsaP521 = 11,
    Null = 13,
    DigitalSignature = 14,
};

/// RFC 7296, section 3.10.1, and the documents that the registry names. Below 16384: errors.
enum class NotifyType : std::uint16_t
{
    UnsupportedCriticalPayload = 1,
    InvalidIkeSpi = 4,
    InvalidMajorVersion = 5,
    InvalidSyntax = 7,
    InvalidMessageId = 9,
    InvalidSpi = 11,
    NoProposalChosen = 14,
    InvalidKePayload = 17,
    AuthenticationFailed = 24,
    SinglePairRequired = 34,
    NoAdditionalSas = 35,
    InternalAddressFailure = 36,
    FailedCpRequired = 37,
    TsUnacceptable = 38,
    InvalidSelectors = 39,
    UnacceptableAddresses = 40,
    UnexpectedNatDetected = 41,
    TemporaryFailure = 43,
    ChildSaNotFound = 44,
    StateNotFound = 47,
    TsMaxQueue = 48,
    InitialContact = 16384,
    SetWindowSize = 16385,
    AdditionalTsPossible = 16386,
    IpcompSupported = 16387,
    NatDetectionSourceIp = 16388,
    NatDetectionDestinationIp = 16389,
    Cookie = 16390,
    UseTransportMode = 16391,
    HttpCertLookupSupported = 16392,
    RekeySa = 16393,
    EspTfcPaddingNotSupported = 16394,
    NonFirstFragmentsAlso = 16395,
    MobikeSupported = 16396,
    AdditionalIp4Address = 16397,
    AdditionalIp6Address = 16398,
    NoAdditionalAddresses = 16399,
    UpdateSaAddresses = 16400,
    Cookie2 = 16401,
    NoNatsAllowed = 16402,
    MultipleAuthSupported = 16404,
    RedirectSupported = 16406,
    TicketLtOpaque = 16409,
    TicketRequest = 16410,
    TicketAck = 16411,
    TicketNack = 16412,
    TicketOpaque = 16413,
    EapOnlyAuthentication = 16417,
    ChildlessIkev2Supported = 16418,
    Ikev2MessageIdSyncSupported = 16420,
    Ikev2FragmentationSupported = 16430,
    SignatureHashAlgorithms = 16431,
    IntermediateExchangeSupported = 16438,
    AdditionalKeyExchange = 16441,
    UseAggfrag = 16442,
    SupportedAuthMethods = 16443,
    SaResourceInfo = 16444,
};

/// The first status type; everything below is an error (RFC 7296, section 3.10.1).
constexpr std::uint16_t kFirstStatusNotify = 16384;

/// RFC 7296, section 3.13.1.
enum class TrafficSelectorType : std::uint8_t
{
    Ipv4Range = 7,
    Ipv6Range = 8,
};

/// Bits of the header's flags octet (RFC 7296, section 3.1).
constexpr std::uint8_t kFlagInitiator = 0x08;
constexpr std::uint8_t kFlagVersion = 0x10;
constexpr std::uint8_t kFlagResponse = 0x20;

constexpr std::uint8_t kIkeVersion2 = 0x20;
constexpr std::uint16_t kIkePort = 500;
constexpr std::uint16_t kNatTraversalPort = 4500;

/// Names as written in the RFCs; "?" and the number for a value without a name is the caller's job.
const char* Name(ExchangeType value);
const char* Name(PayloadType value);
const char* Name(NotifyType value);

} // namespace ipseclab::wire

#endif // IPSECLAB_WIRE_IKE_CONSTANTS_H
