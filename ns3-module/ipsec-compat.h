/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_COMPAT_H
#define IPSEC_COMPAT_H

#include "ns3/enum.h"
#include "ns3/ipv4-routing-protocol.h"
#include "ns3/test.h"

#include <type_traits>

/**
 * \file
 * Where the API of ns-3 differs between versions, and this module uses it. What is there is
 * detected, never the version.
 */

namespace ns3
{
namespace compat
{

/// EnumValue is a class up to ns-3.40 and a class template after it.
template <template <typename...> class Value>
constexpr bool
EnumValueIsTemplate()
{
    return true;
}

template <typename Value>
constexpr bool
EnumValueIsTemplate()
{
    return false;
}

/// What the getter of an enumeration attribute returns: either form of EnumValue takes it.
template <typename Enum>
struct EnumResult
{
    Enum value;

    operator Enum() const
    {
        return value;
    }

    operator int() const
    {
        return static_cast<int>(value);
    }
};

/// For a setter that takes Enum and a getter that returns EnumResult<Enum>.
template <typename Enum, typename Setter, typename Getter>
Ptr<const AttributeAccessor>
MakeEnumAttributeAccessor(Setter setter, Getter getter)
{
    if constexpr (EnumValueIsTemplate<EnumValue>())
    {
        return MakeEnumAccessor<Enum>(setter, getter);
    }
    else
    {
        return MakeEnumAccessor(setter, getter);
    }
}

/// The value itself, or the integer that the older MakeEnumChecker wants for it.
template <typename T>
constexpr auto
CheckerArgument(T argument)
{
    if constexpr (std::is_enum_v<T> && !EnumValueIsTemplate<EnumValue>())
    {
        return static_cast<int>(argument);
    }
    else
    {
        return argument;
    }
}

/// MakeEnumChecker for scoped enumerations: value, name, value, name, ...
template <typename... Arguments>
Ptr<const AttributeChecker>
MakeEnumAttributeChecker(Arguments... arguments)
{
    return MakeEnumChecker(CheckerArgument(arguments)...);
}

/// Ipv4RoutingProtocol::RouteInput takes callbacks by value up to ns-3.38, by reference after it.
template <typename Method>
struct CallbacksOf;

template <typename U, typename M, typename L, typename E>
struct CallbacksOf<bool (
    Ipv4RoutingProtocol::*)(Ptr<const Packet>, const Ipv4Header&, Ptr<const NetDevice>, U, M, L, E)>
{
    using Unicast = U;
    using Multicast = M;
    using Local = L;
    using Error = E;
};

using RouteInputCallbacks = CallbacksOf<decltype(&Ipv4RoutingProtocol::RouteInput)>;

/// TestCase::QUICK became TestCase::Duration::QUICK in ns-3.42; TestSuite::UNIT likewise.
template <typename Case, typename = void>
struct TestNames
{
    static constexpr auto kQuick = Case::QUICK;
};

template <typename Case>
struct TestNames<Case, std::void_t<typename Case::Duration>>
{
    static constexpr auto kQuick = Case::Duration::QUICK;
};

template <typename Suite, typename = void>
struct SuiteNames
{
    static constexpr auto kUnit = Suite::UNIT;
};

template <typename Suite>
struct SuiteNames<Suite, std::void_t<decltype(Suite::Type::SYSTEM)>>
{
    static constexpr auto kUnit = Suite::Type::UNIT;
};

} // namespace compat
} // namespace ns3

#endif // IPSEC_COMPAT_H
