/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/authentication.h"

#include <algorithm>

namespace ipseclab::ike
{

using crypto::HashId;
using crypto::KeyType;
using crypto::SignatureAlgorithm;
using crypto::SignatureScheme;
using wire::AuthMethod;
using wire::PayloadType;

namespace
{

constexpr std::uint8_t kX509Signature = 4; ///< certificate encoding (RFC 7296, section 3.6)
/// CERT payloads that are looked at; a chain has two or three.
constexpr std::size_t kMaxCertificates = 10;

/// RFC 7296, section 2.15, for the side whose identity is given.
Bytes
OctetsToSign(const AuthContext& c, bool ofInitiator, const wire::IdPayload& id)
{
    return SignedOctets(c.channel.Suite().prf,
                        ofInitiator ? c.transcript.request : c.transcript.response,
                        ofInitiator ? c.transcript.nonceR : c.transcript.nonceI,
                        ofInitiator ? c.channel.Keys().skPi : c.channel.Keys().skPr,
                        id.Body(),
                        c.transcript.intermediate);
}

/// The key of a MIC: the shared one, or SK_p, which proves no identity (RFC 7619, section 2.1).
const Bytes&
MicKey(const AuthContext& c, AuthKind kind, bool ofInitiator)
{
    const IkeKeys& keys = c.channel.Keys();
    return kind == AuthKind::SharedKey ? c.peer.preSharedKey : ofInitiator ? keys.skPi : keys.skPr;
}

/// RFC 5723, section 5.1: the PRF alone, without key pad.
Bytes
ResumptionAuth(const AuthContext& c, bool ofInitiator, ByteSpan octets)
{
    const IkeKeys& keys = c.channel.Keys();
    return crypto::Prf(c.channel.Suite().prf, ofInitiator ? keys.skPi : keys.skPr, {octets});
}

bool
Contains(const std::vector<HashId>& hashes, HashId hash)
{
    return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
}

/// How the methods of before RFC 7427 sign with a key; Ed25519 is not among them.
struct LegacyMethod
{
    AuthMethod method;
    SignatureAlgorithm algorithm;
};

std::optional<LegacyMethod>
FindLegacyMethod(KeyType type)
{
    switch (type)
    {
    case KeyType::Rsa:
        return LegacyMethod{AuthMethod::RsaSignature, {SignatureScheme::RsaPkcs1, HashId::Sha1, 0}};
    case KeyType::EcP256:
        return LegacyMethod{AuthMethod::EcdsaP256,
                            {SignatureScheme::EcdsaFixed, HashId::Sha2_256, 0}};
    case KeyType::EcP384:
        return LegacyMethod{AuthMethod::EcdsaP384,
                            {SignatureScheme::EcdsaFixed, HashId::Sha2_384, 0}};
    case KeyType::EcP521:
        return LegacyMethod{AuthMethod::EcdsaP521,
                            {SignatureScheme::EcdsaFixed, HashId::Sha2_512, 0}};
    case KeyType::Ed25519:
        break;
    }
    return std::nullopt;
}

/// One of the proofs that this side could give.
struct Option
{
    Credential credential;
    AuthMethod method;
    SignatureAlgorithm algorithm; ///< of a signature
};

/// With each of our hashes that the peer takes and the key can do, or as before RFC 7427.
std::vector<Option>
SignatureOptions(const AuthContext& c, const Credential& credential)
{
    const KeyType type = credential.privateKey->Type();
    std::vector<Option> options;
    if (!c.abilities.digitalSignature)
    {
        if (const auto legacy = FindLegacyMethod(type))
        {
            options.push_back({credential, legacy->method, legacy->algorithm});
        }
        return options;
    }
    for (const HashId hash : c.peer.auth.hashes)
    {
        const auto found = crypto::ChooseAlgorithm(type, hash, credential.pss);
        if (found && Contains(c.abilities.hashes, hash))
        {
            options.push_back({credential, AuthMethod::DigitalSignature, *found});
        }
    }
    return options;
}

/// What one credential is good for, the preferred first.
std::vector<Option>
OptionsOf(const AuthContext& c, const Credential& credential)
{
    switch (credential.kind)
    {
    case AuthKind::SharedKey:
        return {{credential, AuthMethod::SharedKey, {}}};
    case AuthKind::Null:
        return {{credential, AuthMethod::Null, {}}};
    case AuthKind::Signature:
        break;
    }
    return SignatureOptions(c, credential);
}

/// Nothing when the first credential fits the peer in no way, and no other is asked for.
std::optional<Option>
ChooseOption(const AuthContext& c)
{
    const auto credentials = c.peer.auth.Credentials();
    for (const auto& credential : credentials)
    {
        for (auto& option : OptionsOf(c, credential))
        {
            if (c.extensions.TakesProof(
                    c.peer,
                    {option.method, option.algorithm, option.credential.certificates}))
            {
                return std::move(option);
            }
        }
    }
    const auto usual = OptionsOf(c, credentials.front());
    return usual.empty() ? std::nullopt : std::make_optional(usual.front());
}

std::optional<wire::AuthPayload>
MakeAuth(const AuthContext& c, const Option& option, crypto::RandomSource& random)
{
    const AuthKind kind = option.credential.kind;
    const Bytes octets = OctetsToSign(c, c.initiator, c.peer.localId.ToPayload());
    if (kind != AuthKind::Signature)
    {
        return wire::AuthPayload{
            option.method,
            SharedKeyAuth(c.channel.Suite().prf, MicKey(c, kind, c.initiator), octets)};
    }
    auto signature = option.credential.privateKey->Sign(option.algorithm, octets, random);
    if (!signature || option.method != AuthMethod::DigitalSignature)
    {
        return signature ? std::optional(wire::AuthPayload{option.method, std::move(*signature)})
                         : std::nullopt;
    }
    const Bytes identifier = crypto::EncodeAlgorithm(option.algorithm);
    ByteWriter data;
    data.U8(static_cast<std::uint8_t>(identifier.size()));
    data.Append(identifier);
    data.Append(*signature);
    return wire::AuthPayload{option.method, data.Take()};
}

AuthKind
KindOf(AuthMethod method)
{
    switch (method)
    {
    case AuthMethod::SharedKey:
        return AuthKind::SharedKey;
    case AuthMethod::Null:
        return AuthKind::Null;
    default:
        return AuthKind::Signature;
    }
}

/// RFC 7427, section 3: length and AlgorithmIdentifier before the signature.
bool
VerifyDigital(const crypto::PublicKey& key,
              ByteSpan octets,
              ByteSpan data,
              const std::vector<HashId>& allowed)
{
    if (data.empty() || data.size() < 1U + data[0])
    {
        return false;
    }
    const auto algorithm = crypto::ParseAlgorithm(data.subspan(1, data[0]));
    return algorithm && Contains(allowed, algorithm->hash) &&
           key.Verify(*algorithm, octets, data.subspan(1U + data[0]));
}

bool
VerifyLegacy(const crypto::PublicKey& key, ByteSpan octets, const wire::AuthPayload& auth)
{
    const auto legacy = FindLegacyMethod(key.Type());
    if (!legacy || legacy->method != auth.method)
    {
        return false;
    }
    if (legacy->method != AuthMethod::RsaSignature)
    {
        return key.Verify(legacy->algorithm, octets, auth.data);
    }
    // RFC 7296, section 3.8: the hash is in the signature itself.
    constexpr HashId kHashes[] = {HashId::Sha1,
                                  HashId::Sha2_256,
                                  HashId::Sha2_384,
                                  HashId::Sha2_512};
    return std::any_of(
        std::begin(kHashes),
        std::end(kHashes),
        [&](HashId hash) {
            return key.Verify({SignatureScheme::RsaPkcs1, hash, 0}, octets, auth.data);
        });
}

/// The certificates of a message; nothing when one of them cannot be read.
std::optional<crypto::CertificateList>
ReadCertificates(const wire::PayloadList& received)
{
    crypto::CertificateList list;
    for (const auto& payload : received)
    {
        const auto* cert = std::get_if<wire::CertPayload>(&payload.body);
        if (!cert || payload.type != PayloadType::Cert || cert->encoding != kX509Signature)
        {
            continue;
        }
        auto certificate = crypto::Certificate::FromDer(cert->data);
        if (!certificate || list.size() == kMaxCertificates)
        {
            return std::nullopt;
        }
        list.push_back(std::move(certificate));
    }
    return list;
}

/// The trusted certificate of the peer's identity: the first that it sent, or else an anchor.
crypto::CertificatePtr
FindTrusted(Instant now, const PeerConfig& peer, const wire::PayloadList& received)
{
    const auto sent = ReadCertificates(received);
    if (!sent)
    {
        return nullptr;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
    const std::int64_t unixTime = (seconds + peer.auth.unixTimeAtZero).count();
    const auto isTrusted = [&](const crypto::CertificatePtr& leaf)
    {
        return leaf->Names(peer.remoteId.type, peer.remoteId.data) &&
               crypto::CheckChain(*leaf, *sent, peer.auth.trustAnchors, unixTime) ==
                   crypto::ChainError::None;
    };
    const auto& candidates = sent->empty() ? peer.auth.trustAnchors : *sent;
    const auto last = sent->empty() ? candidates.end() : candidates.begin() + 1;
    const auto found = std::find_if(candidates.begin(), last, isTrusted);
    return found == last ? nullptr : *found;
}

} // namespace

std::optional<Proof>
MakeProof(const AuthContext& context, crypto::RandomSource& random)
{
    if (context.abilities.resumed)
    {
        const Bytes octets =
            OctetsToSign(context, context.initiator, context.peer.localId.ToPayload());
        wire::AuthPayload auth{AuthMethod::SharedKey,
                               ResumptionAuth(context, context.initiator, octets)};
        return Proof{{}, wire::MakePayload(PayloadType::Auth, std::move(auth))};
    }
    const auto option = ChooseOption(context);
    auto auth = option ? MakeAuth(context, *option, random) : std::nullopt;
    if (!auth)
    {
        return std::nullopt;
    }
    Proof proof;
    proof.auth = wire::MakePayload(PayloadType::Auth, std::move(*auth));
    if (option->credential.kind == AuthKind::Signature)
    {
        for (const auto& certificate : option->credential.certificates)
        {
            proof.certificates.push_back(
                wire::MakePayload(PayloadType::Cert,
                                  wire::CertPayload{kX509Signature, certificate->Der()}));
        }
    }
    return proof;
}

bool
IsProven(Instant now, const AuthContext& context, const wire::PayloadList& received)
{
    const auto* id =
        wire::Find<wire::IdPayload>(received,
                                    context.initiator ? PayloadType::IdR : PayloadType::IdI);
    const auto* auth = wire::Find<wire::AuthPayload>(received, PayloadType::Auth);
    const PeerConfig& peer = context.peer;
    // The MIC of a resumed IKE SA stands for the proof that its ticket was given for.
    const bool byTicket = context.abilities.resumed.has_value();
    const AuthKind kind = auth && !byTicket ? KindOf(auth->method) : peer.auth.remote;
    // Whoever proves nothing may call itself what it likes.
    if (!id || !auth || !peer.auth.Accepts(kind) ||
        (kind != AuthKind::Null && !(Identity{id->type, id->data} == peer.remoteId)))
    {
        return false;
    }
    const Bytes octets = OctetsToSign(context, !context.initiator, *id);
    if (byTicket)
    {
        return auth->method == AuthMethod::SharedKey &&
               crypto::ConstantTimeEqual(auth->data,
                                         ResumptionAuth(context, !context.initiator, octets));
    }
    if (kind != AuthKind::Signature)
    {
        const Bytes& key = MicKey(context, kind, !context.initiator);
        return crypto::ConstantTimeEqual(auth->data,
                                         SharedKeyAuth(context.channel.Suite().prf, key, octets));
    }
    const bool isDigital = auth->method == AuthMethod::DigitalSignature;
    if (isDigital != context.abilities.digitalSignature)
    {
        return false;
    }
    const auto certificate = FindTrusted(now, peer, received);
    return certificate && IsSigned(certificate->Key(), *auth, octets, peer.auth.hashes);
}

bool
IsSigned(const crypto::PublicKey& key,
         const wire::AuthPayload& auth,
         ByteSpan octets,
         const std::vector<HashId>& allowed)
{
    return auth.method == AuthMethod::DigitalSignature
             ? VerifyDigital(key, octets, auth.data, allowed)
             : VerifyLegacy(key, octets, auth);
}

std::optional<wire::Payload>
MakeCertificateRequest(const PeerConfig& peer)
{
    if (!peer.auth.Accepts(AuthKind::Signature))
    {
        return std::nullopt;
    }
    wire::CertPayload request{kX509Signature, {}};
    for (const auto& anchor : peer.auth.trustAnchors)
    {
        const Bytes hash = anchor->KeyHash();
        request.data.insert(request.data.end(), hash.begin(), hash.end());
    }
    return wire::MakePayload(PayloadType::CertReq, std::move(request));
}

bool
IsComplete(const AuthConfig& auth)
{
    const auto isComplete = [](const Credential& c)
    {
        const bool ownsCertificate =
            c.certificates.empty() || (c.privateKey && c.certificates.front()->Key().PublicDer() ==
                                                           c.privateKey->PublicDer());
        return c.kind != AuthKind::Signature || (c.privateKey && ownsCertificate);
    };
    const auto credentials = auth.Credentials();
    return std::all_of(credentials.begin(), credentials.end(), isComplete) &&
           (!auth.Accepts(AuthKind::Signature) || !auth.trustAnchors.empty());
}

} // namespace ipseclab::ike
