/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/wire/ike-message.h"

#include <algorithm>
#include <tuple>
#include <utility>

/**
 * \file
 * Payloads as values: make, find, compare. Their octets are the business of ike-message.cc.
 */

namespace ipseclab::wire
{

namespace
{

constexpr std::uint16_t kKeyLengthAttribute = 14;

} // namespace

PayloadType
FirstType(const PayloadList& payloads)
{
    return payloads.empty() ? PayloadType::None : payloads.front().type;
}

const NotifyPayload*
FindNotify(const PayloadList& payloads, NotifyType type)
{
    for (const auto& payload : payloads)
    {
        const auto* notify = std::get_if<NotifyPayload>(&payload.body);
        if (notify && notify->type == type)
        {
            return notify;
        }
    }
    return nullptr;
}

const NotifyPayload*
FindErrorNotify(const PayloadList& payloads)
{
    for (const auto& payload : payloads)
    {
        const auto* notify = std::get_if<NotifyPayload>(&payload.body);
        if (notify && notify->IsError())
        {
            return notify;
        }
    }
    return nullptr;
}

std::optional<std::uint8_t>
FindUnknownCritical(const PayloadList& payloads)
{
    const auto found = std::find_if(payloads.begin(),
                                    payloads.end(),
                                    [](const Payload& payload) {
                                        return payload.critical &&
                                               std::holds_alternative<UnknownPayload>(payload.body);
                                    });
    return found == payloads.end() ? std::nullopt
                                   : std::optional(static_cast<std::uint8_t>(found->type));
}

Payload
MakePayload(PayloadType type, PayloadBody body)
{
    return Payload{type, false, std::move(body)};
}

Payload
MakeNotify(NotifyType type, Bytes data)
{
    return MakeNotify(type, ProtocolId::None, {}, std::move(data));
}

Payload
MakeNotify(NotifyType type, ProtocolId protocol, Bytes spi, Bytes data)
{
    return MakePayload(PayloadType::Notify,
                       NotifyPayload{protocol, std::move(spi), type, std::move(data)});
}

std::optional<std::uint16_t>
Transform::KeyBits() const
{
    for (const auto& attribute : attributes)
    {
        if (attribute.type == kKeyLengthAttribute && attribute.fixed && attribute.value.size() == 2)
        {
            return LoadBe16(attribute.value.data());
        }
    }
    return std::nullopt;
}

Transform
Transform::Make(TransformType type, std::uint16_t id, std::uint16_t keyBits)
{
    Transform transform;
    transform.type = type;
    transform.id = id;
    if (keyBits != 0)
    {
        TransformAttribute keyLength{kKeyLengthAttribute, true, Bytes(2)};
        StoreBe16(keyLength.value.data(), keyBits);
        transform.attributes.push_back(std::move(keyLength));
    }
    return transform;
}

Bytes
IdPayload::Body() const
{
    ByteWriter out;
    out.U8(static_cast<std::uint8_t>(type));
    out.Append(reserved);
    out.Append(data);
    return out.Take();
}

bool
IkeHeader::operator==(const IkeHeader& o) const
{
    return std::tie(initiatorSpi,
                    responderSpi,
                    nextPayload,
                    version,
                    exchange,
                    flags,
                    messageId,
                    length) == std::tie(o.initiatorSpi,
                                        o.responderSpi,
                                        o.nextPayload,
                                        o.version,
                                        o.exchange,
                                        o.flags,
                                        o.messageId,
                                        o.length);
}

bool
TransformAttribute::operator==(const TransformAttribute& o) const
{
    return type == o.type && fixed == o.fixed && value == o.value;
}

bool
Transform::operator==(const Transform& o) const
{
    return type == o.type && id == o.id && attributes == o.attributes;
}

bool
Proposal::operator==(const Proposal& o) const
{
    return number == o.number && protocol == o.protocol && spi == o.spi &&
           transforms == o.transforms;
}

bool
SaPayload::operator==(const SaPayload& o) const
{
    return proposals == o.proposals;
}

bool
KePayload::operator==(const KePayload& o) const
{
    return group == o.group && data == o.data;
}

bool
IdPayload::operator==(const IdPayload& o) const
{
    return type == o.type && reserved == o.reserved && data == o.data;
}

bool
CertPayload::operator==(const CertPayload& o) const
{
    return encoding == o.encoding && data == o.data;
}

bool
AuthPayload::operator==(const AuthPayload& o) const
{
    return method == o.method && data == o.data;
}

bool
NoncePayload::operator==(const NoncePayload& o) const
{
    return data == o.data;
}

bool
NotifyPayload::operator==(const NotifyPayload& o) const
{
    return protocol == o.protocol && spi == o.spi && type == o.type && data == o.data;
}

bool
DeletePayload::operator==(const DeletePayload& o) const
{
    return protocol == o.protocol && spiSize == o.spiSize && spis == o.spis;
}

bool
VendorIdPayload::operator==(const VendorIdPayload& o) const
{
    return data == o.data;
}

bool
OtherSelector::operator==(const OtherSelector& o) const
{
    return type == o.type && protocol == o.protocol && data == o.data;
}

bool
TsPayload::operator==(const TsPayload& o) const
{
    return selectors == o.selectors && others == o.others;
}

bool
EncryptedPayload::operator==(const EncryptedPayload& o) const
{
    return firstInner == o.firstInner && body == o.body;
}

bool
EncryptedFragmentPayload::operator==(const EncryptedFragmentPayload& o) const
{
    return firstInner == o.firstInner && number == o.number && total == o.total && body == o.body;
}

bool
ConfigurationAttribute::operator==(const ConfigurationAttribute& o) const
{
    return type == o.type && value == o.value;
}

bool
ConfigurationPayload::operator==(const ConfigurationPayload& o) const
{
    return type == o.type && attributes == o.attributes;
}

bool
EapPayload::operator==(const EapPayload& o) const
{
    return message == o.message;
}

bool
UnknownPayload::operator==(const UnknownPayload& o) const
{
    return body == o.body;
}

bool
Payload::operator==(const Payload& o) const
{
    return type == o.type && critical == o.critical && body == o.body;
}

bool
IkeMessage::operator==(const IkeMessage& o) const
{
    return header == o.header && payloads == o.payloads;
}

} // namespace ipseclab::wire
