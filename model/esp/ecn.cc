/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/ecn.h"

namespace ipseclab::esp
{

namespace
{

constexpr std::uint8_t kEcnMask = 3;
constexpr std::uint8_t kNotCapable = 0;
constexpr std::uint8_t kCapable0 = 2;
constexpr std::uint8_t kCongestion = 3;

/// How severe an ECN field is for RFC 6040: not capable, ECT(0), ECT(1), congestion experienced.
int
Severity(std::uint8_t ecn)
{
    constexpr int kOrder[4] = {0, 2, 1, 3};
    return kOrder[ecn];
}

/// RFC 6040, section 4.2, figure 4; RFC 3168, section 9.1.1.
std::optional<std::uint8_t>
CombineEcn(EcnProfile profile, std::uint8_t outer, std::uint8_t inner)
{
    switch (profile)
    {
    case EcnProfile::Rfc6040:
        if (inner == kNotCapable)
        {
            return outer == kCongestion ? std::nullopt : std::make_optional(inner);
        }
        return Severity(outer) > Severity(inner) ? outer : inner;
    case EcnProfile::Rfc3168:
        return inner != kNotCapable && outer == kCongestion ? outer : inner;
    case EcnProfile::None:
        break;
    }
    return inner;
}

std::uint8_t
OuterEcn(EcnProfile profile, std::uint8_t inner)
{
    switch (profile)
    {
    case EcnProfile::Rfc6040:
        return inner;
    case EcnProfile::Rfc3168:
        return inner == kCongestion ? kCapable0 : inner;
    case EcnProfile::None:
        break;
    }
    return kNotCapable;
}

} // namespace

std::uint8_t
OuterTos(const TosPolicy& policy, std::uint8_t innerTos)
{
    const int dscp = policy.copyDscp ? innerTos & ~kEcnMask : policy.fixedDscp << 2;
    return static_cast<std::uint8_t>(dscp | OuterEcn(policy.ecn, innerTos & kEcnMask));
}

std::optional<std::uint8_t>
DecapsulatedTos(const TosPolicy& policy, std::uint8_t outerTos, std::uint8_t innerTos)
{
    const auto ecn = CombineEcn(policy.ecn, outerTos & kEcnMask, innerTos & kEcnMask);
    if (!ecn)
    {
        return std::nullopt;
    }
    const int dscp = (policy.decapsulateDscp ? outerTos : innerTos) & ~kEcnMask;
    return static_cast<std::uint8_t>(dscp | *ecn);
}

} // namespace ipseclab::esp
