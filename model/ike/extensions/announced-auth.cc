/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/announced-auth.h"

#include "model/ike/extensions/extension.h"

#include <algorithm>

namespace ipseclab::ike
{

namespace
{

using crypto::HashId;
using crypto::SignatureAlgorithm;
using crypto::SignatureScheme;
using wire::AuthMethod;
using wire::NotifyType;

constexpr std::size_t kKeyHashLength = 20; ///< of a CA in CERTREQ (RFC 7296, section 3.7)
constexpr std::uint8_t kX509Signature = 4; ///< certificate encoding (RFC 7296, section 3.6)

enum class Form
{
    Plain,     ///< two octets
    Linked,    ///< three, with a link to a CA
    Algorithm, ///< more, with an AlgorithmIdentifier as well
    Unknown
};

/// RFC 9593, sections 3.2.1 to 3.2.3.
Form
FormOf(AuthMethod method)
{
    switch (method)
    {
    case AuthMethod::SharedKey:
    case AuthMethod::Null:
        return Form::Plain;
    case AuthMethod::RsaSignature:
    case AuthMethod::EcdsaP256:
    case AuthMethod::EcdsaP384:
    case AuthMethod::EcdsaP521:
        return Form::Linked;
    case AuthMethod::DigitalSignature:
        return Form::Algorithm;
    }
    return Form::Unknown;
}

/// Nothing for one that is not understood. `octets` begins with the length of all.
std::optional<AuthAnnouncement>
ReadAnnouncement(ByteSpan octets)
{
    const auto method = static_cast<AuthMethod>(octets[1]);
    const Form form = FormOf(method);
    if (form == Form::Plain && octets.size() == 2)
    {
        return AuthAnnouncement{method};
    }
    if (form == Form::Linked && octets.size() == 3)
    {
        return AuthAnnouncement{method, octets[2]};
    }
    if (form == Form::Algorithm && octets.size() > 3)
    {
        return AuthAnnouncement{method, octets[2], Bytes(octets.begin() + 3, octets.end())};
    }
    return std::nullopt;
}

void
AddDigital(const AuthConfig& auth, std::vector<AuthAnnouncement>& out)
{
    const auto add = [&out](SignatureScheme scheme, HashId hash)
    {
        const SignatureAlgorithm algorithm{scheme, hash, crypto::HashLength(hash)};
        out.push_back({AuthMethod::DigitalSignature, 0, crypto::EncodeAlgorithm(algorithm)});
    };
    for (const HashId hash : auth.hashes)
    {
        if (hash == HashId::Identity)
        {
            add(SignatureScheme::Ed25519, hash);
            continue;
        }
        add(SignatureScheme::Ecdsa, hash);
        add(SignatureScheme::RsaPss, hash);
        add(SignatureScheme::RsaPkcs1, hash);
    }
}

/// Whether a chain leads to the CA with this key.
bool
IsUnder(const AuthConfig& auth, const crypto::CertificateList& chain, ByteSpan keyHash)
{
    const auto hasKey = [keyHash](const crypto::CertificatePtr& certificate)
    {
        const Bytes hash = certificate->KeyHash();
        return std::equal(hash.begin(), hash.end(), keyHash.begin(), keyHash.end());
    };
    if (std::any_of(chain.begin(), chain.end(), hasKey))
    {
        return true;
    }
    const auto anchor = std::find_if(auth.trustAnchors.begin(), auth.trustAnchors.end(), hasKey);
    return !chain.empty() && anchor != auth.trustAnchors.end() &&
           crypto::CheckChain(*chain.front(), chain, {*anchor}, auth.unixTimeAtZero.count()) ==
               crypto::ChainError::None;
}

class AnnouncedAuthExtension : public Extension
{
  public:
    explicit AnnouncedAuthExtension(const std::vector<AuthAnnouncement>& ours)
        : m_ours(ours)
    {
    }

    std::unique_ptr<Extension> Clone() const override
    {
        return std::make_unique<AnnouncedAuthExtension>(*this);
    }

    void WriteInit(const PeerConfig& peer, bool response, wire::PayloadList& out) const override
    {
        if (response)
        {
            Announce(peer, out);
        }
    }

    void ReadInit(const PeerConfig& peer, bool response, const wire::PayloadList& in) override
    {
        m_digital = !peer.auth.hashes.empty() &&
                    wire::FindNotify(in, NotifyType::SignatureHashAlgorithms) != nullptr;
        if (response)
        {
            Read(in);
        }
    }

    void WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out) override
    {
        if (!response)
        {
            Announce(host.Peer(), out);
        }
    }

    void ReadAuth(ExtensionHost&, bool response, const wire::PayloadList& in) override
    {
        if (!response)
        {
            Read(in);
        }
    }

    bool TakesProof(const PeerConfig& peer, const ProofKind& proof) const override
    {
        return m_theirs.empty() || std::any_of(m_theirs.begin(),
                                               m_theirs.end(),
                                               [&](const AuthAnnouncement& announced)
                                               { return Fits(announced, peer, proof); });
    }

  private:
    void Announce(const PeerConfig& peer, wire::PayloadList& out) const
    {
        out.push_back(wire::MakeNotify(
            NotifyType::SupportedAuthMethods,
            EncodeAnnouncements(m_ours.empty() ? AllAnnouncements(peer.auth, m_digital) : m_ours)));
    }

    /// Several notifies are one list (RFC 9593, section 3.1), and so are several CERTREQ payloads.
    void Read(const wire::PayloadList& in)
    {
        for (const auto& payload : in)
        {
            const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body);
            const auto* request = std::get_if<wire::CertPayload>(&payload.body);
            if (notify && notify->type == NotifyType::SupportedAuthMethods)
            {
                const auto list = ParseAnnouncements(notify->data);
                if (!list)
                {
                    m_theirs.clear();
                    return;
                }
                m_theirs.insert(m_theirs.end(), list->begin(), list->end());
            }
            else if (request && payload.type == wire::PayloadType::CertReq &&
                     request->encoding == kX509Signature)
            {
                m_authorities.insert(m_authorities.end(),
                                     request->data.begin(),
                                     request->data.end());
            }
        }
    }

    bool Fits(const AuthAnnouncement& announced,
              const PeerConfig& peer,
              const ProofKind& proof) const
    {
        if (announced.method != proof.method)
        {
            return false;
        }
        if (FormOf(announced.method) == Form::Algorithm)
        {
            const auto algorithm = crypto::ParseAlgorithm(announced.algorithm);
            if (!algorithm || !(*algorithm == proof.algorithm))
            {
                return false;
            }
        }
        // RFC 9593, section 3.2: without CERTREQ a link means nothing.
        if (announced.certLink == 0 || m_authorities.empty())
        {
            return true;
        }
        const std::size_t at = (announced.certLink - 1U) * kKeyHashLength;
        return at + kKeyHashLength <= m_authorities.size() &&
               IsUnder(peer.auth,
                       proof.certificates,
                       ByteSpan(m_authorities).subspan(at, kKeyHashLength));
    }

    std::vector<AuthAnnouncement> m_ours;
    std::vector<AuthAnnouncement> m_theirs;
    Bytes m_authorities; ///< key hashes of the peer's CERTREQ, one after the other
    bool m_digital{false};
};

} // namespace

bool
AuthAnnouncement::operator==(const AuthAnnouncement& o) const
{
    return method == o.method && certLink == o.certLink && algorithm == o.algorithm;
}

Bytes
EncodeAnnouncements(const std::vector<AuthAnnouncement>& list)
{
    ByteWriter out;
    for (const auto& announcement : list)
    {
        const Form form = FormOf(announcement.method);
        const std::size_t length = form == Form::Plain ? 2 : 3 + announcement.algorithm.size();
        out.U8(static_cast<std::uint8_t>(length));
        out.U8(static_cast<std::uint8_t>(announcement.method));
        if (form != Form::Plain)
        {
            out.U8(announcement.certLink);
            out.Append(announcement.algorithm);
        }
    }
    return out.Take();
}

std::optional<std::vector<AuthAnnouncement>>
ParseAnnouncements(ByteSpan data)
{
    std::vector<AuthAnnouncement> list;
    while (!data.empty())
    {
        const std::size_t length = data[0];
        if (length < 2 || length > data.size())
        {
            return std::nullopt;
        }
        if (auto announcement = ReadAnnouncement(data.first(length)))
        {
            list.push_back(std::move(*announcement));
        }
        data = data.subspan(length);
    }
    return list;
}

std::vector<AuthAnnouncement>
AllAnnouncements(const AuthConfig& auth, bool digital)
{
    std::vector<AuthKind> kinds{auth.remote};
    kinds.insert(kinds.end(), auth.alsoAccepted.begin(), auth.alsoAccepted.end());
    std::vector<AuthAnnouncement> list;
    for (const AuthKind kind : kinds)
    {
        if (kind != AuthKind::Signature)
        {
            list.push_back({kind == AuthKind::Null ? AuthMethod::Null : AuthMethod::SharedKey});
        }
        else if (digital)
        {
            AddDigital(auth, list);
        }
        else
        {
            list.insert(list.end(),
                        {{AuthMethod::EcdsaP256},
                         {AuthMethod::EcdsaP384},
                         {AuthMethod::EcdsaP521},
                         {AuthMethod::RsaSignature}});
        }
    }
    return list;
}

ExtensionFactory
AnnouncedAuth(const std::vector<AuthAnnouncement>& list)
{
    return [list] { return std::make_unique<AnnouncedAuthExtension>(list); };
}

} // namespace ipseclab::ike
