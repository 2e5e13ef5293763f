/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_CRYPTO_CERTIFICATE_H
#define IPSECLAB_CRYPTO_CERTIFICATE_H

#include "model/crypto/signature.h"
#include "model/wire/ike-constants.h"

/**
 * \file
 * X.509 certificates (RFC 5280) as IKEv2 uses them (RFC 4945). No revocation: CRLs and OCSP are
 * not looked at.
 */

namespace ipseclab::crypto
{

class Certificate;
using CertificatePtr = std::shared_ptr<const Certificate>;
using CertificateList = std::vector<CertificatePtr>;

class Certificate
{
  public:
    struct Handle;

    /// Exactly one DER certificate with a supported key; null for anything else.
    static CertificatePtr FromDer(ByteSpan der);
    /// All certificates of a PEM text, in their order; empty when one of them is unusable.
    static CertificateList FromPem(ByteSpan text);
    explicit Certificate(std::unique_ptr<const Handle> handle);
    ~Certificate();

    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    const Bytes& Der() const;
    /// The subject's distinguished name in DER, which is an ID payload of type ID_DER_ASN1_DN.
    Bytes Subject() const;
    const PublicKey& Key() const;
    /// SHA-1 of the SubjectPublicKeyInfo: how CERTREQ names a CA (RFC 7296, section 3.7).
    Bytes KeyHash() const;
    /// Whether a digital signature by this key is within its key usage (RFC 4945, section 5.1.3.2).
    bool MaySign() const;
    /**
     * Whether this certificate is one of that identity (RFC 4945, section 3.1): addresses, FQDN and
     * e-mail by subjectAltName only, a distinguished name by the subject, KEY_ID by the subject key
     * identifier. Wildcards match nothing.
     */
    bool Names(wire::IdType type, ByteSpan identity) const;

  private:
    friend class ChainChecker;
    std::unique_ptr<const Handle> m_handle;
};

/// Why a chain is not trusted. Closed; each has a stable name.
enum class ChainError : std::uint8_t
{
    None,
    NoAnchor,     ///< leads to none of the trust anchors
    NotYetValid,  ///< the time is before notBefore of one of the chain
    Expired,      ///< the time is after notAfter of one of the chain
    BadSignature, ///< a certificate was not signed by the one above it
    NotForUse,    ///< key usage, CA flag or path length forbid this use
    Invalid,      ///< anything else
};

const char* Name(ChainError error);

/**
 * Builds and checks the chain from `leaf` to one of the anchors.
 * \param others certificates that may stand in between; not trusted
 * \param anchors trusted as they are, CA certificates or that of the leaf itself
 * \param unixTime when the chain has to be valid, seconds since 1970
 */
ChainError CheckChain(const Certificate& leaf,
                      const CertificateList& others,
                      const CertificateList& anchors,
                      std::int64_t unixTime);

} // namespace ipseclab::crypto

#endif // IPSECLAB_CRYPTO_CERTIFICATE_H
