/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/certificate.h"

#include "model/crypto/openssl-handles.h"
#include "model/crypto/prf.h"

#include <algorithm>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace ipseclab::crypto
{

namespace
{

using BioPtr = std::unique_ptr<BIO, OpensslDeleter<BIO_free>>;
using NamePtr = std::unique_ptr<X509_NAME, OpensslDeleter<X509_NAME_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslDeleter<GENERAL_NAMES_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslDeleter<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslDeleter<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, OpensslDeleter<X509_STORE_CTX_free>>;

/// CA certificates between leaf and anchor; real hierarchies have one or two.
constexpr int kMaxDepth = 8;
/// Of OpenSSL: at least 80 bits of security, which leaves out SHA-1 and RSA below 1024 bits.
constexpr int kAuthLevel = 1;

/// What an i2d function of OpenSSL writes.
template <typename Function, typename Object>
Bytes
Encode(Function encode, const Object* object)
{
    std::uint8_t* der = nullptr;
    const int length = encode(object, &der);
    Require(length >= 0);
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

const char*
Text(ByteSpan octets)
{
    return reinterpret_cast<const char*>(octets.data());
}

bool
HasSubject(const X509* certificate, ByteSpan identity)
{
    const std::uint8_t* at = identity.data();
    const NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(identity.size())));
    return name && at == identity.data() + identity.size() &&
           X509_NAME_cmp(name.get(), X509_get_subject_name(certificate)) == 0;
}

bool
HasAlternative(const X509* certificate, ByteSpan generalName)
{
    const NamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i)
    {
        const Bytes der = Encode(i2d_GENERAL_NAME, sk_GENERAL_NAME_value(names.get(), i));
        if (ByteSpan(der) == generalName)
        {
            return true;
        }
    }
    return false;
}

bool
HasKeyId(X509* certificate, ByteSpan identity)
{
    const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(certificate);
    return id && ByteSpan(ASN1_STRING_get0_data(id),
                          static_cast<std::size_t>(ASN1_STRING_length(id))) == identity;
}

ChainError
ToChainError(int error)
{
    switch (error)
    {
    case X509_V_OK:
        return ChainError::None;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        return ChainError::NoAnchor;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ChainError::NotYetValid;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ChainError::Expired;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return ChainError::BadSignature;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return ChainError::NotForUse;
    default:
        return ChainError::Invalid;
    }
}

int
RefusePassPhrase(char*, int, int, void*)
{
    return -1;
}

} // namespace

struct Certificate::Handle
{
    X509Ptr x509;
    Bytes der;
    std::shared_ptr<const PublicKey> key;

    /// Null when the key is unsupported.
    static CertificatePtr Make(X509Ptr x509)
    {
        Bytes der = Encode(i2d_X509, x509.get());
        auto key = PublicKey::FromDer(Encode(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(x509.get())));
        if (!key)
        {
            return nullptr;
        }
        return std::make_shared<Certificate>(
            std::make_unique<Handle>(Handle{std::move(x509), std::move(der), std::move(key)}));
    }
};

CertificatePtr
Certificate::FromDer(ByteSpan der)
{
    const std::uint8_t* at = der.data();
    X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    const bool whole = x509 && at == der.data() + der.size();
    return whole ? Handle::Make(std::move(x509)) : nullptr;
}

CertificateList
Certificate::FromPem(ByteSpan text)
{
    if (text.empty())
    {
        return {};
    }
    const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    Require(in != nullptr);
    CertificateList list;
    while (X509Ptr x509{PEM_read_bio_X509(in.get(), nullptr, RefusePassPhrase, nullptr)})
    {
        auto certificate = Handle::Make(std::move(x509));
        if (!certificate)
        {
            return {};
        }
        list.push_back(std::move(certificate));
    }
    // Anything but the end of the text is a certificate that cannot be read.
    const bool atEnd = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return atEnd ? list : CertificateList();
}

Certificate::Certificate(std::unique_ptr<const Handle> handle)
    : m_handle(std::move(handle))
{
}

Certificate::~Certificate() = default;

const Bytes&
Certificate::Der() const
{
    return m_handle->der;
}

Bytes
Certificate::Subject() const
{
    return Encode(i2d_X509_NAME, X509_get_subject_name(m_handle->x509.get()));
}

const PublicKey&
Certificate::Key() const
{
    return *m_handle->key;
}

Bytes
Certificate::KeyHash() const
{
    return Sha1({m_handle->key->PublicDer()});
}

bool
Certificate::MaySign() const
{
    return (X509_get_key_usage(m_handle->x509.get()) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION));
}

bool
Certificate::Names(wire::IdType type, ByteSpan identity) const
{
    X509* const x509 = m_handle->x509.get();
    // OpenSSL takes a leading dot for "any host below" and no octets for a C string.
    if (identity.empty() || identity[0] == '.')
    {
        return false;
    }
    const bool isText = type == wire::IdType::Fqdn || type == wire::IdType::Rfc822Address;
    if (isText && std::find(identity.begin(), identity.end(), 0) != identity.end())
    {
        return false; // OpenSSL forgives a last NUL
    }
    constexpr unsigned kFlags = X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    switch (type)
    {
    case wire::IdType::Fqdn:
        return X509_check_host(x509, Text(identity), identity.size(), kFlags, nullptr) == 1;
    case wire::IdType::Rfc822Address:
        return X509_check_email(x509, Text(identity), identity.size(), kFlags) == 1;
    case wire::IdType::Ipv4Address:
    case wire::IdType::Ipv6Address:
        return X509_check_ip(x509, identity.data(), identity.size(), kFlags) == 1;
    case wire::IdType::DerAsn1Dn:
        return HasSubject(x509, identity);
    case wire::IdType::DerAsn1Gn:
        return HasAlternative(x509, identity);
    case wire::IdType::KeyId:
        return HasKeyId(x509, identity);
    case wire::IdType::Null:
        break;
    }
    return false;
}

const char*
Name(ChainError error)
{
    switch (error)
    {
    case ChainError::None:
        return "none";
    case ChainError::NoAnchor:
        return "no trust anchor";
    case ChainError::NotYetValid:
        return "not yet valid";
    case ChainError::Expired:
        return "expired";
    case ChainError::BadSignature:
        return "bad signature";
    case ChainError::NotForUse:
        return "not for this use";
    case ChainError::Invalid:
        return "invalid";
    }
    return "unknown";
}

/// Reaches the OpenSSL objects of certificates.
class ChainChecker
{
  public:
    static X509* Get(const CertificatePtr& certificate)
    {
        return certificate->m_handle->x509.get();
    }

    static X509* Get(const Certificate& certificate)
    {
        return certificate.m_handle->x509.get();
    }
};

ChainError
CheckChain(const Certificate& leaf,
           const CertificateList& others,
           const CertificateList& anchors,
           std::int64_t unixTime)
{
    if (!leaf.MaySign())
    {
        return ChainError::NotForUse;
    }
    const StorePtr store(X509_STORE_new());
    const StoreCtxPtr context(X509_STORE_CTX_new());
    STACK_OF(X509)* const between = sk_X509_new_null();
    Require(store && context && between);
    for (const auto& anchor : anchors)
    {
        Require(X509_STORE_add_cert(store.get(), ChainChecker::Get(anchor)) == 1);
    }
    for (const auto& other : others)
    {
        Require(sk_X509_push(between, ChainChecker::Get(other)) > 0);
    }
    Require(X509_STORE_CTX_init(context.get(), store.get(), ChainChecker::Get(leaf), between) == 1);
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(unixTime));
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_depth(parameters, kMaxDepth);
    X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
    const bool trusted = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    sk_X509_free(between);
    ERR_clear_error();
    // An internal failure may leave the error at "ok".
    return trusted ? ChainError::None
                   : (error == X509_V_OK ? ChainError::Invalid : ToChainError(error));
}

} // namespace ipseclab::crypto
