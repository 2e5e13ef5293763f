/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

bool
TransportAddress::operator==(const TransportAddress& o) const
{
    return address == o.address && port == o.port;
}

Identity
Identity::Fqdn(const std::string& name)
{
    return {wire::IdType::Fqdn, Bytes(name.begin(), name.end())};
}

Identity
Identity::Email(const std::string& address)
{
    return {wire::IdType::Rfc822Address, Bytes(address.begin(), address.end())};
}

Identity
Identity::Address(const IpAddress& address)
{
    const ByteSpan octets = address.Octets();
    return {address.IsV4() ? wire::IdType::Ipv4Address : wire::IdType::Ipv6Address,
            Bytes(octets.begin(), octets.end())};
}

Identity
Identity::DistinguishedName(Bytes der)
{
    return {wire::IdType::DerAsn1Dn, std::move(der)};
}

Identity
Identity::KeyId(Bytes octets)
{
    return {wire::IdType::KeyId, std::move(octets)};
}

Identity
Identity::Null()
{
    return {wire::IdType::Null, {}};
}

std::vector<Credential>
AuthConfig::Credentials() const
{
    std::vector<Credential> all{{local, privateKey, certificates, pss}};
    all.insert(all.end(), alternatives.begin(), alternatives.end());
    return all;
}

bool
AuthConfig::Accepts(AuthKind kind) const
{
    return remote == kind ||
           std::find(alsoAccepted.begin(), alsoAccepted.end(), kind) != alsoAccepted.end();
}

bool
AuthConfig::HasProof(AuthKind kind) const
{
    return local == kind || std::any_of(alternatives.begin(),
                                        alternatives.end(),
                                        [kind](const Credential& c) { return c.kind == kind; });
}

wire::IdPayload
Identity::ToPayload() const
{
    wire::IdPayload payload;
    payload.type = type;
    payload.data = data;
    return payload;
}

bool
Identity::operator==(const Identity& o) const
{
    return type == o.type && data == o.data;
}

} // namespace ipseclab::ike
