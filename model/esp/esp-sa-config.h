/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ESP_SA_CONFIG_H
#define IPSECLAB_ESP_ESP_SA_CONFIG_H

#include "model/crypto/payload-cipher.h"
#include "model/esp/ecn.h"
#include "model/esp/sequence-scheme.h"
#include "model/esp/volume-meter.h"
#include "model/wire/udp-encapsulation.h"

#include <optional>

namespace ipseclab::esp
{

/// RFC 4301, section 4.1.
enum class IpsecMode : std::uint8_t
{
    Tunnel,    ///< IPv4 or IPv6, in a new IPv4 or IPv6 header
    Transport, ///< between the ends of the packet themselves: ESP after the packet's own header
};

/// What both directions of an SA have in common (RFC 4301, section 4.4.2.1).
struct EspSaConfig
{
    std::uint32_t spi{0};
    crypto::CipherSuite suite;
    Bytes keyingMaterial; ///< cipher key and salt; of EESP, the root key of the Sub SAs
    Bytes integrityKey;   ///< empty with a combined mode
    bool extendedSequenceNumbers{false};
    /// Numbers in subspaces, in place of what extendedSequenceNumbers says. SequenceKind::Eesp
    /// makes it an SA of EESP, which needs a combined mode and has no UDP around it.
    std::optional<SequenceScheme> subspaces;
    crypto::PrfId subSaKdf{crypto::PrfId::HmacSha2_256}; ///< of EESP: HKDF with this hash
    /// Of EESP: false: the key of a Sub SA other than 0 is derived anew for each packet.
    bool keepSubSaKeys{true};
    IpAddress outerSource; ///< of the packets of this SA
    IpAddress outerDestination;
    IpsecMode ipsecMode{IpsecMode::Tunnel};
    TosPolicy tos; ///< of tunnel mode; transport mode leaves the octet alone
    /// Ports of ESP in UDP (RFC 3948), as on the wire; nothing: ESP follows the IP header. What is
    /// received may have either form; the ports only tell when the peer's have changed.
    std::optional<wire::UdpPorts> udp;
    /// AGGFRAG payloads and nothing else (RFC 9347); tunnel mode of ESP, without subspaces.
    bool aggfrag{false};
    crypto::CryptoMode mode{crypto::CryptoMode::Real};
    VolumeLimits volume; ///< of each key: of EESP, each Sub SA has one

    SequenceScheme Numbers() const
    {
        return subspaces.value_or(SequenceScheme::Plain(extendedSequenceNumbers));
    }

    bool IsEesp() const
    {
        return subspaces && subspaces->kind == SequenceKind::Eesp;
    }
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_ESP_SA_CONFIG_H
