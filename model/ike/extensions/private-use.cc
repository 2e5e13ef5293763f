/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/private-use.h"

#include <algorithm>
#include <string>

namespace ipseclab::ike
{

namespace
{

const std::string kVendorId = "ipseclab private numbers 1";

} // namespace

wire::Payload
MakePrivateUseVendorId()
{
    return wire::MakePayload(wire::PayloadType::VendorId,
                             wire::VendorIdPayload{Bytes(kVendorId.begin(), kVendorId.end())});
}

bool
HasPrivateUseVendorId(const wire::PayloadList& payloads)
{
    const wire::Payload wanted = MakePrivateUseVendorId();
    return std::any_of(payloads.begin(),
                       payloads.end(),
                       [&wanted](const wire::Payload& p)
                       { return p.type == wanted.type && p.body == wanted.body; });
}

} // namespace ipseclab::ike
