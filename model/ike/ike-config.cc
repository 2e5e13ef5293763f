/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

bool TransportAddress::operator==(const TransportAddress& o) const
{
    return address == o.address && port == o.port;
}

Identity Identity::Fqdn(const std::string& name)
{
    return {wire::IdType::Fqdn, Bytes(name.begin(), name.end())};
}

wire::IdPayload Identity::ToPayload() const
{
    wire::IdPayload payload;
    payload.type = type;
    payload.data = data;
    return payload;
}

bool Identity::operator==(const Identity& o) const
{
    return type == o.type && data == o.data;
}

} // namespace ipseclab::ike
