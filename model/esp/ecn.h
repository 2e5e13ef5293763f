/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ECN_H
#define IPSECLAB_ESP_ECN_H

#include <cstdint>
#include <optional>

namespace ipseclab::esp
{

/// What a tunnel does with the ECN field.
enum class EcnProfile : std::uint8_t
{
    Rfc6040, ///< copied outwards; the more severe of both wins inwards (section 4)
    Rfc3168, ///< full functionality, as Linux does it: outwards CE becomes ECT(0), inwards only CE
             ///< marks, and an inner packet that is not ECN capable is never dropped
    None,    ///< outer field is 0, and ignored inwards: Linux with `flag noecn`
};

/// How one SA treats DSCP and ECN (RFC 4301, sections 4.4.2.1 and 5.1.2).
struct TosPolicy
{
    EcnProfile ecn{EcnProfile::Rfc6040};
    bool copyDscp{true};         ///< outwards; false: the outer DSCP is fixedDscp
    std::uint8_t fixedDscp{0};   ///< 0 to 63
    bool decapsulateDscp{false}; ///< inwards the outer DSCP replaces the inner one
};

/// TOS octet or traffic class of the outer header.
std::uint8_t OuterTos(const TosPolicy& policy, std::uint8_t innerTos);

/// What an inner packet has after its outer header is gone; nothing: it must be dropped (RFC 6040,
/// section 4.2).
std::optional<std::uint8_t> DecapsulatedTos(const TosPolicy& policy,
                                            std::uint8_t outerTos,
                                            std::uint8_t innerTos);

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ECN_H
