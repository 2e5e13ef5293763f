/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/signature.h"

#include "model/crypto/repeatable-signing.h"

#include <algorithm>
#include <cstring>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace ipseclab::crypto
{

struct AsymmetricKey::Handle
{
    PkeyPtr key;
    KeyType type;
};

namespace
{

using AlgorPtr = std::unique_ptr<X509_ALGOR, OpensslDeleter<X509_ALGOR_free>>;
using PssParamsPtr = std::unique_ptr<RSA_PSS_PARAMS, OpensslDeleter<RSA_PSS_PARAMS_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, OpensslDeleter<ECDSA_SIG_free>>;
using EcGroupPtr = std::unique_ptr<EC_GROUP, OpensslDeleter<EC_GROUP_free>>;
using DecoderPtr = std::unique_ptr<OSSL_DECODER_CTX, OpensslDeleter<OSSL_DECODER_CTX_free>>;

constexpr int kSmallestRsa = 1024;
constexpr long kLongestSalt = 64;

/// What OpenSSL and the DER values call a hash.
struct HashNames
{
    HashId id;
    const char* digest;
    int nid;
    int nidWithRsa;
    int nidWithEcdsa;
};

constexpr HashNames kHashes[] = {
    {HashId::Sha1, "SHA1", NID_sha1, NID_sha1WithRSAEncryption, NID_ecdsa_with_SHA1},
    {HashId::Sha2_256, "SHA2-256", NID_sha256, NID_sha256WithRSAEncryption, NID_ecdsa_with_SHA256},
    {HashId::Sha2_384, "SHA2-384", NID_sha384, NID_sha384WithRSAEncryption, NID_ecdsa_with_SHA384},
    {HashId::Sha2_512, "SHA2-512", NID_sha512, NID_sha512WithRSAEncryption, NID_ecdsa_with_SHA512}};

template <typename Predicate>
const HashNames*
FindHash(Predicate predicate)
{
    const auto* found = std::find_if(std::begin(kHashes), std::end(kHashes), predicate);
    return found == std::end(kHashes) ? nullptr : found;
}

const HashNames*
FindHash(HashId id)
{
    return FindHash([id](const HashNames& h) { return h.id == id; });
}

std::optional<KeyType>
TypeOf(const EVP_PKEY* key)
{
    switch (EVP_PKEY_get_base_id(key))
    {
    case EVP_PKEY_RSA:
        return EVP_PKEY_get_bits(key) >= kSmallestRsa ? std::optional(KeyType::Rsa) : std::nullopt;
    case EVP_PKEY_ED25519:
        return KeyType::Ed25519;
    case EVP_PKEY_EC:
        break;
    default:
        return std::nullopt;
    }
    char group[32] = {};
    EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr);
    switch (OBJ_txt2nid(group))
    {
    case NID_X9_62_prime256v1:
        return KeyType::EcP256;
    case NID_secp384r1:
        return KeyType::EcP384;
    case NID_secp521r1:
        return KeyType::EcP521;
    default:
        return std::nullopt;
    }
}

/// A decoder that finds no private key may still give the public half.
bool
HasPrivateHalf(const EVP_PKEY* key, KeyType type)
{
    if (type == KeyType::Ed25519)
    {
        std::size_t length = 0;
        return EVP_PKEY_get_raw_private_key(key, nullptr, &length) == 1;
    }
    BIGNUM* secret = nullptr;
    const char* name = type == KeyType::Rsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY;
    const bool found = EVP_PKEY_get_bn_param(key, name, &secret) == 1;
    return BnPtr(secret) && found;
}

int
CurveOf(KeyType type)
{
    return type == KeyType::EcP256 ? NID_X9_62_prime256v1
         : type == KeyType::EcP384 ? NID_secp384r1
                                   : NID_secp521r1;
}

/// Octets of the order of an EC key's group.
std::size_t
OrderLength(KeyType type)
{
    return type == KeyType::EcP256 ? 32 : type == KeyType::EcP384 ? 48 : 66;
}

bool
IsEc(KeyType type)
{
    return type == KeyType::EcP256 || type == KeyType::EcP384 || type == KeyType::EcP521;
}

/// The one hash that each group signs with in RFC 4754.
HashId
FixedHash(KeyType type)
{
    return type == KeyType::EcP256 ? HashId::Sha2_256
         : type == KeyType::EcP384 ? HashId::Sha2_384
                                   : HashId::Sha2_512;
}

bool
Fits(KeyType type, const SignatureAlgorithm& algorithm)
{
    const bool hashed = FindHash(algorithm.hash) != nullptr;
    switch (algorithm.scheme)
    {
    case SignatureScheme::RsaPkcs1:
    case SignatureScheme::RsaPss:
        return type == KeyType::Rsa && hashed;
    case SignatureScheme::Ecdsa:
        return IsEc(type) && hashed;
    case SignatureScheme::EcdsaFixed:
        return IsEc(type) && algorithm.hash == FixedHash(type);
    case SignatureScheme::Ed25519:
        return type == KeyType::Ed25519 && algorithm.hash == HashId::Identity;
    }
    return false;
}

Bytes
ToDer(const ECDSA_SIG* signature)
{
    std::uint8_t* der = nullptr;
    const int length = i2d_ECDSA_SIG(signature, &der);
    Require(length > 0);
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

EcdsaSigPtr
MakeSignature(EcdsaPair pair)
{
    EcdsaSigPtr signature(ECDSA_SIG_new());
    Require(signature && ECDSA_SIG_set0(signature.get(), pair.r.get(), pair.s.get()) == 1);
    pair.r.release();
    pair.s.release();
    return signature;
}

/// r | s as the DER SEQUENCE that OpenSSL verifies; nothing for another length.
std::optional<Bytes>
FixedToDer(KeyType type, ByteSpan signature)
{
    const std::size_t length = OrderLength(type);
    if (signature.size() != 2 * length)
    {
        return std::nullopt;
    }
    const int n = static_cast<int>(length);
    EcdsaPair pair{BnPtr(BN_bin2bn(signature.data(), n, nullptr)),
                   BnPtr(BN_bin2bn(signature.data() + length, n, nullptr))};
    Require(pair.r && pair.s);
    return ToDer(MakeSignature(std::move(pair)).get());
}

Bytes
SignWithEc(const EVP_PKEY* key, KeyType type, SignatureScheme scheme, HashId id, ByteSpan m)
{
    const char* digest = FindHash(id)->digest;
    BIGNUM* secret = nullptr;
    Require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1);
    const BnPtr owned(secret);
    const EcGroupPtr group(EC_GROUP_new_by_curve_name(CurveOf(type)));
    Require(group != nullptr);
    EcdsaPair pair = SignEcdsa(group.get(), secret, digest, Digest(digest, m));
    if (scheme == SignatureScheme::Ecdsa)
    {
        return ToDer(MakeSignature(std::move(pair)).get());
    }
    const std::size_t length = OrderLength(type);
    Bytes out(2 * length);
    BN_bn2binpad(pair.r.get(), out.data(), static_cast<int>(length));
    BN_bn2binpad(pair.s.get(), out.data() + length, static_cast<int>(length));
    return out;
}

std::optional<Bytes>
SignWithPss(EVP_PKEY* key,
            const SignatureAlgorithm& algorithm,
            ByteSpan message,
            RandomSource& random)
{
    const char* digest = FindHash(algorithm.hash)->digest;
    const auto encoded = EncodePss(digest,
                                   Digest(digest, message),
                                   random.Take(algorithm.saltLength),
                                   static_cast<std::size_t>(EVP_PKEY_get_bits(key)));
    if (!encoded)
    {
        return std::nullopt;
    }
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    Require(context && EVP_PKEY_sign_init(context.get()) == 1 &&
            EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1);
    Bytes signature(encoded->size());
    std::size_t length = signature.size();
    Require(
        EVP_PKEY_sign(context.get(), signature.data(), &length, encoded->data(), encoded->size()) ==
        1);
    return signature;
}

/// PKCS #1 v1.5 and Ed25519, which are repeatable as they are.
std::optional<Bytes>
SignWithEvp(EVP_PKEY* key, const char* digest, ByteSpan message)
{
    const MdCtxPtr context(EVP_MD_CTX_new());
    std::size_t length = static_cast<std::size_t>(EVP_PKEY_get_size(key));
    Bytes signature(length);
    Require(context != nullptr);
    if (EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key, nullptr) !=
            1 ||
        EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) !=
            1)
    {
        return std::nullopt;
    }
    signature.resize(length);
    return signature;
}

bool
SetPss(EVP_PKEY_CTX* context, const SignatureAlgorithm& algorithm, const char* digest)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, static_cast<int>(algorithm.saltLength)) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, digest, nullptr) == 1;
}

std::optional<SignatureAlgorithm>
ParsePss(const X509_ALGOR* parsed)
{
    const ASN1_OBJECT* object = nullptr;
    int type = 0;
    const void* value = nullptr;
    X509_ALGOR_get0(&object, &type, &value, parsed);
    if (type != V_ASN1_SEQUENCE)
    {
        return std::nullopt;
    }
    const auto* text = static_cast<const ASN1_STRING*>(value);
    const std::uint8_t* at = ASN1_STRING_get0_data(text);
    const PssParamsPtr params(d2i_RSA_PSS_PARAMS(nullptr, &at, ASN1_STRING_length(text)));
    if (!params)
    {
        return std::nullopt;
    }
    // Defaults of RFC 8017, appendix A.2.3: SHA-1, MGF1 with SHA-1, 20 octets of salt.
    const auto nidOf = [](const X509_ALGOR* a, int otherwise)
    { return a ? OBJ_obj2nid(a->algorithm) : otherwise; };
    const int hash = nidOf(params->hashAlgorithm, NID_sha1);
    int maskHash = NID_sha1;
    if (const X509_ALGOR* mask = params->maskGenAlgorithm)
    {
        const AlgorPtr inner(
            OBJ_obj2nid(mask->algorithm) == NID_mgf1
                ? static_cast<X509_ALGOR*>(
                      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mask->parameter))
                : nullptr);
        maskHash = inner ? OBJ_obj2nid(inner->algorithm) : NID_undef;
    }
    const long salt = params->saltLength ? ASN1_INTEGER_get(params->saltLength) : 20;
    const long trailer = params->trailerField ? ASN1_INTEGER_get(params->trailerField) : 1;
    const auto* names = FindHash([hash](const HashNames& h) { return h.nid == hash; });
    if (!names || maskHash != hash || salt < 0 || salt > kLongestSalt || trailer != 1)
    {
        return std::nullopt;
    }
    return SignatureAlgorithm{SignatureScheme::RsaPss, names->id, static_cast<std::size_t>(salt)};
}

/// Where OpenSSL would ask the terminal for a pass phrase.
int
RefusePassPhrase(char*, int, int, void*)
{
    return -1;
}

} // namespace

bool
SignatureAlgorithm::operator==(const SignatureAlgorithm& o) const
{
    return scheme == o.scheme && hash == o.hash && saltLength == o.saltLength;
}

std::size_t
HashLength(HashId hash)
{
    switch (hash)
    {
    case HashId::Sha1:
        return 20;
    case HashId::Sha2_256:
        return 32;
    case HashId::Sha2_384:
        return 48;
    case HashId::Sha2_512:
        return 64;
    case HashId::Identity:
        break;
    }
    return 0;
}

std::optional<SignatureAlgorithm>
ChooseAlgorithm(KeyType key, HashId hash, bool pss)
{
    SignatureAlgorithm algorithm;
    algorithm.hash = hash;
    algorithm.scheme = IsEc(key)               ? SignatureScheme::Ecdsa
                     : key == KeyType::Ed25519 ? SignatureScheme::Ed25519
                     : pss                     ? SignatureScheme::RsaPss
                                               : SignatureScheme::RsaPkcs1;
    if (algorithm.scheme == SignatureScheme::RsaPss)
    {
        algorithm.saltLength = HashLength(hash);
    }
    return Fits(key, algorithm) ? std::optional(algorithm) : std::nullopt;
}

Bytes
EncodeAlgorithm(const SignatureAlgorithm& algorithm)
{
    // SHA-1, SHA-256, SHA-384 and SHA-512 differ in the last arc of their OIDs only.
    const auto index = static_cast<std::size_t>(algorithm.hash) - 1;
    const auto arc = static_cast<std::uint8_t>(index);
    switch (algorithm.scheme)
    {
    case SignatureScheme::RsaPkcs1:
    {
        constexpr std::uint8_t last[] = {0x05, 0x0b, 0x0c, 0x0d};
        return {0x30,
                0x0d,
                0x06,
                0x09,
                0x2a,
                0x86,
                0x48,
                0x86,
                0xf7,
                0x0d,
                0x01,
                0x01,
                last[index],
                0x05,
                0x00};
    }
    case SignatureScheme::Ecdsa:
        if (algorithm.hash == HashId::Sha1)
        {
            return {0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01};
        }
        return {0x30,
                0x0a,
                0x06,
                0x08,
                0x2a,
                0x86,
                0x48,
                0xce,
                0x3d,
                0x04,
                0x03,
                static_cast<std::uint8_t>(arc + 1)};
    case SignatureScheme::Ed25519:
        return {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
    case SignatureScheme::RsaPss:
        if (algorithm.hash == HashId::Sha1)
        {
            return {0x30,
                    0x0d,
                    0x06,
                    0x09,
                    0x2a,
                    0x86,
                    0x48,
                    0x86,
                    0xf7,
                    0x0d,
                    0x01,
                    0x01,
                    0x0a,
                    0x30,
                    0x00};
        }
        return {0x30,
                0x41,
                0x06,
                0x09,
                0x2a,
                0x86,
                0x48,
                0x86,
                0xf7,
                0x0d,
                0x01,
                0x01,
                0x0a,
                0x30,
                0x34,
                0xa0,
                0x0f,
                0x30,
                0x0d,
                0x06,
                0x09,
                0x60,
                0x86,
                0x48,
                0x01,
                0x65,
                0x03,
                0x04,
                0x02,
                arc,
                0x05,
                0x00,
                0xa1,
                0x1c,
                0x30,
                0x1a,
                0x06,
                0x09,
                0x2a,
                0x86,
                0x48,
                0x86,
                0xf7,
                0x0d,
                0x01,
                0x01,
                0x08,
                0x30,
                0x0d,
                0x06,
                0x09,
                0x60,
                0x86,
                0x48,
                0x01,
                0x65,
                0x03,
                0x04,
                0x02,
                arc,
                0x05,
                0x00,
                0xa2,
                0x03,
                0x02,
                0x01,
                static_cast<std::uint8_t>(algorithm.saltLength)};
    case SignatureScheme::EcdsaFixed:
        break;
    }
    return {};
}

std::optional<SignatureAlgorithm>
ParseAlgorithm(ByteSpan der)
{
    const std::uint8_t* at = der.data();
    const AlgorPtr parsed(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())));
    if (!parsed || at != der.data() + der.size())
    {
        return std::nullopt;
    }
    const ASN1_OBJECT* object = nullptr;
    int type = 0;
    X509_ALGOR_get0(&object, &type, nullptr, parsed.get());
    const int nid = OBJ_obj2nid(object);
    if (nid == NID_rsassaPss)
    {
        return ParsePss(parsed.get());
    }
    if (type != V_ASN1_NULL && type != V_ASN1_UNDEF)
    {
        return std::nullopt;
    }
    if (nid == NID_ED25519)
    {
        return SignatureAlgorithm{SignatureScheme::Ed25519, HashId::Identity, 0};
    }
    for (const auto& hash : kHashes)
    {
        if (nid == hash.nidWithRsa)
        {
            return SignatureAlgorithm{SignatureScheme::RsaPkcs1, hash.id, 0};
        }
        if (nid == hash.nidWithEcdsa)
        {
            return SignatureAlgorithm{SignatureScheme::Ecdsa, hash.id, 0};
        }
    }
    return std::nullopt;
}

AsymmetricKey::AsymmetricKey(std::unique_ptr<const Handle> handle)
    : m_handle(std::move(handle))
{
}

AsymmetricKey::~AsymmetricKey() = default;

KeyType
AsymmetricKey::Type() const
{
    return m_handle->type;
}

Bytes
AsymmetricKey::PublicDer() const
{
    std::uint8_t* der = nullptr;
    const int length = i2d_PUBKEY(m_handle->key.get(), &der);
    Require(length > 0);
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

std::shared_ptr<const PublicKey>
PublicKey::FromDer(ByteSpan subjectPublicKeyInfo)
{
    const std::uint8_t* at = subjectPublicKeyInfo.data();
    PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(subjectPublicKeyInfo.size())));
    const auto type = key ? TypeOf(key.get()) : std::nullopt;
    if (!type || at != subjectPublicKeyInfo.data() + subjectPublicKeyInfo.size())
    {
        return nullptr;
    }
    return std::make_shared<PublicKey>(std::make_unique<Handle>(Handle{std::move(key), *type}));
}

bool
PublicKey::Verify(const SignatureAlgorithm& algorithm, ByteSpan message, ByteSpan signature) const
{
    const KeyType type = m_handle->type;
    if (!Fits(type, algorithm))
    {
        return false;
    }
    Bytes converted;
    if (algorithm.scheme == SignatureScheme::EcdsaFixed)
    {
        auto der = FixedToDer(type, signature);
        if (!der)
        {
            return false;
        }
        converted = std::move(*der);
        signature = converted;
    }
    const HashNames* hash = FindHash(algorithm.hash);
    const char* digest = hash ? hash->digest : nullptr;
    const MdCtxPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* keyContext = nullptr;
    Require(context != nullptr);
    if (EVP_DigestVerifyInit_ex(context.get(),
                                &keyContext,
                                digest,
                                nullptr,
                                nullptr,
                                m_handle->key.get(),
                                nullptr) != 1 ||
        (algorithm.scheme == SignatureScheme::RsaPss && !SetPss(keyContext, algorithm, digest)))
    {
        return false;
    }
    return EVP_DigestVerify(context.get(),
                            signature.data(),
                            signature.size(),
                            message.data(),
                            message.size()) == 1;
}

std::shared_ptr<const PrivateKey>
PrivateKey::FromOctets(ByteSpan pemOrDer)
{
    EVP_PKEY* decoded = nullptr;
    const DecoderPtr decoder(OSSL_DECODER_CTX_new_for_pkey(&decoded,
                                                           nullptr,
                                                           nullptr,
                                                           nullptr,
                                                           EVP_PKEY_KEYPAIR,
                                                           nullptr,
                                                           nullptr));
    Require(decoder &&
            OSSL_DECODER_CTX_set_pem_password_cb(decoder.get(), RefusePassPhrase, nullptr) == 1);
    const std::uint8_t* at = pemOrDer.data();
    std::size_t left = pemOrDer.size();
    const bool ok = OSSL_DECODER_from_data(decoder.get(), &at, &left) == 1;
    PkeyPtr key(decoded);
    const auto type = ok && key ? TypeOf(key.get()) : std::nullopt;
    if (!type || !HasPrivateHalf(key.get(), *type))
    {
        return nullptr;
    }
    return std::make_shared<PrivateKey>(std::make_unique<Handle>(Handle{std::move(key), *type}));
}

std::optional<Bytes>
PrivateKey::Sign(const SignatureAlgorithm& algorithm, ByteSpan message, RandomSource& random) const
{
    EVP_PKEY* key = m_handle->key.get();
    if (!Fits(m_handle->type, algorithm))
    {
        return std::nullopt;
    }
    switch (algorithm.scheme)
    {
    case SignatureScheme::RsaPss:
        return SignWithPss(key, algorithm, message, random);
    case SignatureScheme::Ecdsa:
    case SignatureScheme::EcdsaFixed:
        return SignWithEc(key, m_handle->type, algorithm.scheme, algorithm.hash, message);
    case SignatureScheme::RsaPkcs1:
        return SignWithEvp(key, FindHash(algorithm.hash)->digest, message);
    case SignatureScheme::Ed25519:
        break;
    }
    return SignWithEvp(key, nullptr, message);
}

} // namespace ipseclab::crypto
