/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_CHILD_REQUEST_H
#define IPSECLAB_IKE_CHILD_REQUEST_H

#include "model/wire/traffic-selector.h"

#include <any>
#include <map>
#include <optional>
#include <typeindex>

namespace ipseclab::ike
{

/**
 * What extensions ask for or have agreed on for one Child SA; one value of each type. The types are
 * those of the extensions, so that a data plane finds what it knows and the rest does not concern
 * it. They stay with the Child SA when it or its IKE SA is rekeyed.
 */
class ChildProperties
{
  public:
    template <typename Property>
    void Set(Property value)
    {
        m_values[typeid(Property)] = std::move(value);
    }

    /// Null where there is none.
    template <typename Property>
    const Property* Find() const
    {
        const auto found = m_values.find(typeid(Property));
        return found == m_values.end() ? nullptr : std::any_cast<Property>(&found->second);
    }

    template <typename Property>
    void Erase()
    {
        m_values.erase(typeid(Property));
    }

  private:
    std::map<std::type_index, std::any> m_values;
};

/// A property of Child SAs whose keying material is not for the cipher itself: from each
/// direction's root key of this length others are derived.
struct RootKeyLength
{
    std::size_t octets{0};
};

/// What somebody wants a Child SA for.
struct ChildRequest
{
    /// The packet that needs it, as it leaves: source on this side. Its selectors are offered first
    /// (RFC 7296, section 2.9); of no effect when the peer's selectors do not allow it.
    std::optional<PacketSelectors> packet;
    /// For fragments that are not the first and nothing else (PeerConfig::opaqueFragments).
    bool opaque{false};
    ChildProperties properties;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_CHILD_REQUEST_H
