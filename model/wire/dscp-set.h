/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_WIRE_DSCP_SET_H
#define IPSECLAB_WIRE_DSCP_SET_H

#include "model/wire/bytes.h"

#include <bitset>

namespace ipseclab
{

/// DSCPs (RFC 2474), by value.
using DscpSet = std::bitset<64>;

/// Its values in increasing order, one octet each.
inline Bytes
ToOctets(const DscpSet& dscps)
{
    Bytes octets;
    for (std::size_t value = 0; value < dscps.size(); ++value)
    {
        if (dscps[value])
        {
            octets.push_back(static_cast<std::uint8_t>(value));
        }
    }
    return octets;
}

/// The values that are DSCPs; others and repetitions are left out.
inline DscpSet
ToDscpSet(ByteSpan octets)
{
    DscpSet dscps;
    for (const std::uint8_t octet : octets)
    {
        if (octet < dscps.size())
        {
            dscps.set(octet);
        }
    }
    return dscps;
}

} // namespace ipseclab

#endif // IPSECLAB_WIRE_DSCP_SET_H
