/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/mobike.h"

#include "model/ike/extensions/extension.h"
#include "model/ike/extensions/nat-traversal.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

using wire::NotifyType;

constexpr std::size_t kCookieLength = 32;
constexpr std::size_t kShortestCookie = 8; ///< RFC 4555, section 4.2.5
constexpr std::size_t kLongestCookie = 64;
/// Addresses that are kept of a peer; hosts have a handful.
constexpr std::size_t kMaxAddresses = 64;

/// The data of NO_NATS_ALLOWED: addresses, then ports (RFC 4555, section 4.2.6).
Bytes
EncodePath(const TransportAddress& source, const TransportAddress& destination)
{
    ByteWriter out;
    out.Append(source.address.Octets());
    out.Append(destination.address.Octets());
    out.U16(source.port);
    out.U16(destination.port);
    return out.Take();
}

void
AddAddresses(const std::vector<IpAddress>& addresses, wire::PayloadList& out)
{
    for (const auto& address : addresses)
    {
        const ByteSpan octets = address.Octets();
        out.push_back(wire::MakeNotify(address.IsV4() ? NotifyType::AdditionalIp4Address
                                                      : NotifyType::AdditionalIp6Address,
                                       Bytes(octets.begin(), octets.end())));
    }
}

/// Nothing when a message says nothing of addresses.
std::optional<std::vector<IpAddress>>
ReadAddresses(const wire::PayloadList& in)
{
    std::vector<IpAddress> list;
    bool told = wire::FindNotify(in, NotifyType::NoAdditionalAddresses) != nullptr;
    for (const auto& payload : in)
    {
        const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body);
        const bool isV4 = notify && notify->type == NotifyType::AdditionalIp4Address;
        const bool isV6 = notify && notify->type == NotifyType::AdditionalIp6Address;
        const auto address = isV4 || isV6 ? IpAddress::FromOctets(notify->data) : std::nullopt;
        if (address && address->IsV4() == isV4 && list.size() < kMaxAddresses)
        {
            told = true;
            list.push_back(*address);
        }
    }
    return told ? std::make_optional(std::move(list)) : std::nullopt;
}

class MobikeExtension : public Extension
{
  public:
    explicit MobikeExtension(const MobikeConfig& config)
        : m_config(config)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<MobikeExtension>(*this);
    }

    bool FloatsPorts() const override
    {
        return true;
    }

    void WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out) override
    {
        if (response && !m_agreed)
        {
            return;
        }
        out.push_back(wire::MakeNotify(NotifyType::MobikeSupported));
        AddAddresses(m_config.additional, out);
        if (response)
        {
            ReportPeerAddresses(host);
        }
    }

    void ReadAuth(ExtensionHost& host, bool response, const wire::PayloadList& in) override
    {
        m_agreed = wire::FindNotify(in, NotifyType::MobikeSupported) != nullptr;
        m_mover = response;
        m_peerAddresses = m_agreed ? ReadAddresses(in) : std::nullopt;
        if (response)
        {
            ReportPeerAddresses(host);
        }
    }

    /// The hashes are of the IKE SA that sends the request: it may have been asked for in the one
    /// before.
    void Encode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads) override
    {
        if (kind.exchange == wire::ExchangeType::Informational && !kind.response &&
            wire::FindNotify(payloads, NotifyType::UpdateSaAddresses))
        {
            AnnounceAddresses(host.Peer().natTraversal,
                              host.Id(),
                              host.CurrentPath(),
                              nullptr,
                              payloads);
        }
    }

    bool Command(Instant, ExtensionHost& host, const std::any& command) override
    {
        if (const auto* move = std::any_cast<MoveTo>(&command))
        {
            return m_agreed && m_mover && MoveHere(host, *move);
        }
        const auto* change = std::any_cast<ChangeAddresses>(&command);
        if (!change || !m_agreed || m_mover)
        {
            return false;
        }
        wire::PayloadList request;
        AddAddresses(change->additional, request);
        if (request.empty())
        {
            request.push_back(wire::MakeNotify(NotifyType::NoAdditionalAddresses));
        }
        host.Inform(std::move(request));
        return true;
    }

    void AnswerInformational(Instant,
                             ExtensionHost& host,
                             const Path& path,
                             const wire::PayloadList& request,
                             wire::PayloadList& response) override
    {
        if (!m_agreed)
        {
            return;
        }
        const auto* cookie = wire::FindNotify(request, NotifyType::Cookie2);
        if (cookie && cookie->data.size() >= kShortestCookie &&
            cookie->data.size() <= kLongestCookie)
        {
            response.push_back(wire::MakeNotify(NotifyType::Cookie2, cookie->data));
        }
        if (auto addresses = ReadAddresses(request))
        {
            m_peerAddresses = std::move(addresses);
            ReportPeerAddresses(host);
        }
        if (!m_mover && wire::FindNotify(request, NotifyType::UpdateSaAddresses))
        {
            Follow(host, path, request, response);
        }
    }

    void FinishInformational(Instant,
                             ExtensionHost& host,
                             const wire::PayloadList& request,
                             const wire::PayloadList& response) override
    {
        if (wire::FindNotify(request, NotifyType::UpdateSaAddresses))
        {
            FinishMove(host, response);
        }
        else if (const auto* cookie = wire::FindNotify(request, NotifyType::Cookie2))
        {
            const auto* echo = wire::FindNotify(response, NotifyType::Cookie2);
            FinishProof(host, cookie->data, echo ? echo->data : Bytes());
        }
    }

    void TakeOver(ExtensionHost& host) override
    {
        if (m_latest)
        {
            host.Move(*m_latest);
        }
        if (m_asked)
        {
            AskForUpdate(host);
        }
        else if (!m_cookie.empty())
        {
            AskForProof(host);
        }
    }

  private:
    void ReportPeerAddresses(ExtensionHost& host) const
    {
        if (m_peerAddresses)
        {
            host.Report(PeerAddresses{*m_peerAddresses});
        }
    }

    void Move(ExtensionHost& host, const Path& path)
    {
        m_latest = path;
        host.Move(path);
    }

    void GoBack(ExtensionHost& host)
    {
        if (m_proven)
        {
            Move(host, m_proven->path);
            host.SetNat(m_proven->nat);
        }
    }

    /// What the peer's hashes say of the path; without them all stays as it was.
    static void DetectNatAgain(ExtensionHost& host,
                               const Path& path,
                               const wire::PayloadList& received)
    {
        const auto nat = DetectNat(host.Peer().natTraversal, host.Id(), path, received);
        if (nat.detected)
        {
            host.SetNat(nat);
        }
    }

    // ---- the side that moves

    /// RFC 4555, section 3.5: at once, whatever is in flight.
    bool MoveHere(ExtensionHost& host, const MoveTo& move)
    {
        Path path = host.CurrentPath();
        if (move.local.IsV4() != move.remote.IsV4())
        {
            return false;
        }
        m_proven = m_proven ? m_proven : Place{path, host.Nat()};
        path.local.address = move.local;
        path.remote.address = move.remote;
        Move(host, path);
        host.MoveChildren();
        if (m_asked)
        {
            m_movedSince = true;
        }
        else
        {
            AskForUpdate(host);
        }
        return true;
    }

    void AskForUpdate(ExtensionHost& host)
    {
        const Path& path = host.CurrentPath();
        m_asked = path;
        m_movedSince = false;
        wire::PayloadList request{wire::MakeNotify(NotifyType::UpdateSaAddresses)};
        if (m_config.forbidNats)
        {
            request.push_back(
                wire::MakeNotify(NotifyType::NoNatsAllowed, EncodePath(path.local, path.remote)));
        }
        host.Inform(std::move(request));
    }

    /// RFC 4555, section 3.5: an answer to what was asked before the latest move settles nothing.
    void FinishMove(ExtensionHost& host, const wire::PayloadList& response)
    {
        const Path asked = m_asked.value_or(host.CurrentPath());
        m_asked.reset();
        if (m_movedSince)
        {
            AskForUpdate(host);
            return;
        }
        if (const auto* error = wire::FindErrorNotify(response))
        {
            host.Report(MoveRefused{asked, error->type});
            GoBack(host);
            host.MoveChildren();
        }
        else
        {
            const bool usedUdp = host.Nat().UsesUdp();
            DetectNatAgain(host, asked, response);
            if (host.Nat().UsesUdp() != usedUdp)
            {
                host.MoveChildren();
            }
            host.Report(AddressesMoved{asked});
        }
        m_proven.reset();
    }

    // ---- the side that follows

    void Follow(ExtensionHost& host,
                const Path& path,
                const wire::PayloadList& request,
                wire::PayloadList& response)
    {
        const auto* noNats = wire::FindNotify(request, NotifyType::NoNatsAllowed);
        if (noNats && noNats->data != EncodePath(path.remote, path.local))
        {
            response.push_back(wire::MakeNotify(NotifyType::UnexpectedNatDetected));
            return;
        }
        if (!IsAllowed(path.remote.address))
        {
            response.push_back(wire::MakeNotify(NotifyType::UnacceptableAddresses));
            return;
        }
        AnnounceAddresses(host.Peer().natTraversal, host.Id(), path, &request, response);
        const bool isElsewhere = !(path.remote.address == host.CurrentPath().remote.address);
        m_proven = m_proven ? m_proven : Place{host.CurrentPath(), host.Nat()};
        Move(host, path);
        DetectNatAgain(host, path, request);
        if (m_config.returnRoutability && isElsewhere)
        {
            AskForProof(host);
            return;
        }
        m_proven.reset();
        m_cookie.clear();
        host.MoveChildren();
        host.Report(AddressesMoved{path});
    }

    void AskForProof(ExtensionHost& host)
    {
        m_cookie = host.Random().Take(kCookieLength);
        host.Inform({wire::MakeNotify(NotifyType::Cookie2, m_cookie)});
    }

    bool IsAllowed(const IpAddress& address) const
    {
        const auto& allowed = m_config.peerAddresses;
        return allowed.empty() || std::any_of(allowed.begin(),
                                              allowed.end(),
                                              [&](const TrafficSelector& range)
                                              { return range.Matches(address, 0, 0, false); });
    }

    /// The peer has answered from where it has moved to, or somebody else has. A cookie that is not
    /// the latest is of a place that it has left.
    void FinishProof(ExtensionHost& host, const Bytes& sent, const Bytes& received)
    {
        if (sent != m_cookie)
        {
            return;
        }
        m_cookie.clear();
        const Path path = host.CurrentPath();
        const bool isProven = sent == received;
        if (!isProven)
        {
            GoBack(host);
        }
        m_proven.reset();
        host.MoveChildren();
        if (isProven)
        {
            host.Report(AddressesMoved{path});
        }
        else
        {
            host.Report(MoveRefused{path, NotifyType::UnacceptableAddresses});
        }
    }

    /// Where the IKE SA is, and what is in between.
    struct Place
    {
        Path path;
        NatSituation nat;
    };

    MobikeConfig m_config;
    bool m_agreed{false};
    bool m_mover{false};
    std::optional<std::vector<IpAddress>> m_peerAddresses;
    std::optional<Path> m_latest; ///< that the IKE SA was moved to
    std::optional<Path> m_asked;  ///< of the UPDATE_SA_ADDRESSES that has not been answered
    /// Nobody knows which of the paths since then the peer has seen that request come from.
    bool m_movedSince{false};
    std::optional<Place> m_proven; ///< where the IKE SA was before a move that is not settled
    Bytes m_cookie;                ///< COOKIE2 that the peer has yet to return
};

} // namespace

ExtensionFactory
Mobike(const MobikeConfig& config)
{
    return [config] { return std::make_unique<MobikeExtension>(config); };
}

} // namespace ipseclab::ike
