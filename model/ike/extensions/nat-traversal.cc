/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/nat-traversal.h"

#include "model/crypto/prf.h"
#include "model/wire/udp-encapsulation.h"

#include <algorithm>

namespace ipseclab::ike
{

using wire::NotifyType;

namespace
{

/// Whether there is a hash of this type, and whether one of them is this.
struct Match
{
    bool there{false};
    bool fits{false};
};

Match
FindHash(const wire::PayloadList& payloads, NotifyType type, const Bytes& hash)
{
    Match match;
    for (const auto& payload : payloads)
    {
        const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body);
        if (notify && notify->type == type)
        {
            match.there = true;
            match.fits = match.fits || notify->data == hash;
        }
    }
    return match;
}

} // namespace

Bytes
ComputeNatDetection(const IkeSaId& spis, const TransportAddress& address)
{
    std::array<std::uint8_t, 16> ids;
    StoreBe64(ids.data(), spis.spiI);
    StoreBe64(ids.data() + 8, spis.spiR);
    std::array<std::uint8_t, 2> port;
    StoreBe16(port.data(), address.port);
    return crypto::Sha1({ids, address.address.Octets(), port});
}

void
AnnounceAddresses(const NatTraversalConfig& config,
                  const IkeSaId& spis,
                  const Path& path,
                  const wire::PayloadList* request,
                  wire::PayloadList& out)
{
    if (!config.offered ||
        (request && !wire::FindNotify(*request, NotifyType::NatDetectionSourceIp)))
    {
        return;
    }
    const TransportAddress source =
        config.forceEncapsulation ? TransportAddress{IpAddress(), 0} : path.local;
    out.push_back(
        wire::MakeNotify(NotifyType::NatDetectionSourceIp, ComputeNatDetection(spis, source)));
    out.push_back(wire::MakeNotify(NotifyType::NatDetectionDestinationIp,
                                   ComputeNatDetection(spis, path.remote)));
}

NatSituation
DetectNat(const NatTraversalConfig& config,
          const IkeSaId& spis,
          const Path& path,
          const wire::PayloadList& received)
{
    const Match source = FindHash(received,
                                  NotifyType::NatDetectionSourceIp,
                                  ComputeNatDetection(spis, path.remote));
    const Match destination = FindHash(received,
                                       NotifyType::NatDetectionDestinationIp,
                                       ComputeNatDetection(spis, path.local));
    if (!config.offered || !source.there || !destination.there)
    {
        return {};
    }
    return {true, !destination.fits, !source.fits, config.forceEncapsulation};
}

Path
FloatPorts(Path path)
{
    path.local.port = wire::kNatTraversalPort;
    path.remote.port = wire::kNatTraversalPort;
    return path;
}

Bytes
ToUdpPayload(const Path& path, Bytes message)
{
    if (path.local.port == wire::kNatTraversalPort)
    {
        message.insert(message.begin(), wire::kNonEspMarkerSize, 0);
    }
    return message;
}

Datagram
MakeKeepalive(const Path& path)
{
    return {path, {wire::kNatKeepalive}};
}

} // namespace ipseclab::ike
