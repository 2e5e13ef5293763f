/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-constants.h"
#include "model/wire/ike-message.h"

namespace ipseclab::wire
{

const char*
Name(ExchangeType value)
{
    switch (value)
    {
    case ExchangeType::IkeSaInit:
        return "IKE_SA_INIT";
    case ExchangeType::IkeAuth:
        return "IKE_AUTH";
    case ExchangeType::CreateChildSa:
        return "CREATE_CHILD_SA";
    case ExchangeType::Informational:
        return "INFORMATIONAL";
    case ExchangeType::IkeSessionResume:
        return "IKE_SESSION_RESUME";
    case ExchangeType::IkeIntermediate:
        return "IKE_INTERMEDIATE";
    case ExchangeType::IkeFollowupKe:
        return "IKE_FOLLOWUP_KE";
    }
    return "?";
}

const char*
Name(PayloadType value)
{
    switch (value)
    {
    case PayloadType::None:
        return "None";
    case PayloadType::Sa:
        return "SA";
    case PayloadType::Ke:
        return "KE";
    case PayloadType::IdI:
        return "IDi";
    case PayloadType::IdR:
        return "IDr";
    case PayloadType::Cert:
        return "CERT";
    case PayloadType::CertReq:
        return "CERTREQ";
    case PayloadType::Auth:
        return "AUTH";
    case PayloadType::Nonce:
        return "Nonce";
    case PayloadType::Notify:
        return "N";
    case PayloadType::Delete:
        return "D";
    case PayloadType::VendorId:
        return "V";
    case PayloadType::TsI:
        return "TSi";
    case PayloadType::TsR:
        return "TSr";
    case PayloadType::Encrypted:
        return "SK";
    case PayloadType::Configuration:
        return "CP";
    case PayloadType::Eap:
        return "EAP";
    case PayloadType::EncryptedFragment:
        return "SKF";
    }
    return "?";
}

const char*
Name(NotifyType value)
{
    switch (value)
    {
    case NotifyType::UnsupportedCriticalPayload:
        return "UNSUPPORTED_CRITICAL_PAYLOAD";
    case NotifyType::InvalidIkeSpi:
        return "INVALID_IKE_SPI";
    case NotifyType::InvalidMajorVersion:
        return "INVALID_MAJOR_VERSION";
    case NotifyType::InvalidSyntax:
        return "INVALID_SYNTAX";
    case NotifyType::InvalidMessageId:
        return "INVALID_MESSAGE_ID";
    case NotifyType::InvalidSpi:
        return "INVALID_SPI";
    case NotifyType::NoProposalChosen:
        return "NO_PROPOSAL_CHOSEN";
    case NotifyType::InvalidKePayload:
        return "INVALID_KE_PAYLOAD";
    case NotifyType::AuthenticationFailed:
        return "AUTHENTICATION_FAILED";
    case NotifyType::SinglePairRequired:
        return "SINGLE_PAIR_REQUIRED";
    case NotifyType::NoAdditionalSas:
        return "NO_ADDITIONAL_SAS";
    case NotifyType::InternalAddressFailure:
        return "INTERNAL_ADDRESS_FAILURE";
    case NotifyType::FailedCpRequired:
        return "FAILED_CP_REQUIRED";
    case NotifyType::TsUnacceptable:
        return "TS_UNACCEPTABLE";
    case NotifyType::InvalidSelectors:
        return "INVALID_SELECTORS";
    case NotifyType::UnacceptableAddresses:
        return "UNACCEPTABLE_ADDRESSES";
    case NotifyType::UnexpectedNatDetected:
        return "UNEXPECTED_NAT_DETECTED";
    case NotifyType::TemporaryFailure:
        return "TEMPORARY_FAILURE";
    case NotifyType::ChildSaNotFound:
        return "CHILD_SA_NOT_FOUND";
    case NotifyType::StateNotFound:
        return "STATE_NOT_FOUND";
    case NotifyType::TsMaxQueue:
        return "TS_MAX_QUEUE";
    case NotifyType::InitialContact:
        return "INITIAL_CONTACT";
    case NotifyType::SetWindowSize:
        return "SET_WINDOW_SIZE";
    case NotifyType::AdditionalTsPossible:
        return "ADDITIONAL_TS_POSSIBLE";
    case NotifyType::IpcompSupported:
        return "IPCOMP_SUPPORTED";
    case NotifyType::NatDetectionSourceIp:
        return "NAT_DETECTION_SOURCE_IP";
    case NotifyType::NatDetectionDestinationIp:
        return "NAT_DETECTION_DESTINATION_IP";
    case NotifyType::Cookie:
        return "COOKIE";
    case NotifyType::UseTransportMode:
        return "USE_TRANSPORT_MODE";
    case NotifyType::HttpCertLookupSupported:
        return "HTTP_CERT_LOOKUP_SUPPORTED";
    case NotifyType::RekeySa:
        return "REKEY_SA";
    case NotifyType::EspTfcPaddingNotSupported:
        return "ESP_TFC_PADDING_NOT_SUPPORTED";
    case NotifyType::NonFirstFragmentsAlso:
        return "NON_FIRST_FRAGMENTS_ALSO";
    case NotifyType::MobikeSupported:
        return "MOBIKE_SUPPORTED";
    case NotifyType::AdditionalIp4Address:
        return "ADDITIONAL_IP4_ADDRESS";
    case NotifyType::AdditionalIp6Address:
        return "ADDITIONAL_IP6_ADDRESS";
    case NotifyType::NoAdditionalAddresses:
        return "NO_ADDITIONAL_ADDRESSES";
    case NotifyType::UpdateSaAddresses:
        return "UPDATE_SA_ADDRESSES";
    case NotifyType::Cookie2:
        return "COOKIE2";
    case NotifyType::NoNatsAllowed:
        return "NO_NATS_ALLOWED";
    case NotifyType::MultipleAuthSupported:
        return "MULTIPLE_AUTH_SUPPORTED";
    case NotifyType::RedirectSupported:
        return "REDIRECT_SUPPORTED";
    case NotifyType::TicketLtOpaque:
        return "TICKET_LT_OPAQUE";
    case NotifyType::TicketRequest:
        return "TICKET_REQUEST";
    case NotifyType::TicketAck:
        return "TICKET_ACK";
    case NotifyType::TicketNack:
        return "TICKET_NACK";
    case NotifyType::TicketOpaque:
        return "TICKET_OPAQUE";
    case NotifyType::EapOnlyAuthentication:
        return "EAP_ONLY_AUTHENTICATION";
    case NotifyType::ChildlessIkev2Supported:
        return "CHILDLESS_IKEV2_SUPPORTED";
    case NotifyType::Ikev2MessageIdSyncSupported:
        return "IKEV2_MESSAGE_ID_SYNC_SUPPORTED";
    case NotifyType::Ikev2FragmentationSupported:
        return "IKEV2_FRAGMENTATION_SUPPORTED";
    case NotifyType::SignatureHashAlgorithms:
        return "SIGNATURE_HASH_ALGORITHMS";
    case NotifyType::IntermediateExchangeSupported:
        return "INTERMEDIATE_EXCHANGE_SUPPORTED";
    case NotifyType::AdditionalKeyExchange:
        return "ADDITIONAL_KEY_EXCHANGE";
    case NotifyType::UseAggfrag:
        return "USE_AGGFRAG";
    case NotifyType::SupportedAuthMethods:
        return "SUPPORTED_AUTH_METHODS";
    case NotifyType::SaResourceInfo:
        return "SA_RESOURCE_INFO";
    }
    return "?";
}

const char*
Name(ParseError error)
{
    switch (error)
    {
    case ParseError::Truncated:
        return "truncated";
    case ParseError::LengthMismatch:
        return "length mismatch";
    case ParseError::BadPayloadLength:
        return "bad payload length";
    case ParseError::BadSubstructure:
        return "bad substructure";
    case ParseError::BadCount:
        return "bad count";
    case ParseError::BadVersion:
        return "bad version";
    case ParseError::TrailingOctets:
        return "trailing octets";
    case ParseError::MisplacedPayload:
        return "misplaced payload";
    }
    return "?";
}

} // namespace ipseclab::wire
