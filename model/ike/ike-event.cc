/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/ike-event.h"

namespace ipseclab::ike
{

const char*
Name(IkeFailure failure)
{
    switch (failure)
    {
    case IkeFailure::None:
        return "none";
    case IkeFailure::Timeout:
        return "timeout";
    case IkeFailure::NoProposalChosen:
        return "no proposal chosen";
    case IkeFailure::AuthenticationFailed:
        return "authentication failed";
    case IkeFailure::InvalidSyntax:
        return "invalid syntax";
    case IkeFailure::UnsupportedCritical:
        return "unsupported critical payload";
    case IkeFailure::UnacceptableKe:
        return "unacceptable key exchange";
    case IkeFailure::PeerRejected:
        return "rejected by the peer";
    case IkeFailure::HalfOpenExpired:
        return "half-open expired";
    case IkeFailure::OutOfStep:
        return "out of step";
    case IkeFailure::InitialContact:
        return "initial contact";
    }
    return "unknown";
}

bool
IkeSaId::operator==(const IkeSaId& o) const
{
    return spiI == o.spiI && spiR == o.spiR;
}

} // namespace ipseclab::ike
