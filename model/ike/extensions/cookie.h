/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_COOKIE_H
#define IPSECLAB_IKE_EXTENSIONS_COOKIE_H

#include "model/crypto/random-source.h"
#include "model/ike/ike-config.h"

/**
 * \file
 * Cookies of a responder (RFC 7296, section 2.6): an initiator has to show that it receives at its
 * address before it costs state or a Diffie-Hellman operation.
 */

namespace ipseclab::ike
{

/// What of an IKE_SA_INIT request a cookie is bound to.
struct CookieClaim
{
    IpAddress remote;
    std::uint64_t spiI{0};
    const Bytes& nonce;
};

/**
 * Makes and checks cookies without memory of them: version | prf(secret, Ni | IPi | SPIi) with
 * PRF-HMAC-SHA2-256. A secret is drawn with the first cookie of each kLifetime and is good for that
 * time and the one after it.
 */
class CookieJar
{
  public:
    static constexpr Duration kLifetime = std::chrono::seconds(60);

    Bytes Make(Instant now, crypto::RandomSource& random, const CookieClaim& claim);
    bool IsGood(Instant now, ByteSpan cookie, const CookieClaim& claim) const;

  private:
    struct Secret
    {
        Bytes octets;
        std::uint8_t version{0};
        Instant since{0};
    };

    static Bytes Compute(const Secret& secret, const CookieClaim& claim);

    Secret m_current;
    Secret m_previous;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_COOKIE_H
