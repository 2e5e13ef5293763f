/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/cookie.h"

#include "model/crypto/prf.h"

#include <utility>

namespace ipseclab::ike
{

namespace
{

constexpr std::size_t kSecretLength = 32;

} // namespace

Bytes
CookieJar::Make(Instant now, crypto::RandomSource& random, const CookieClaim& claim)
{
    if (m_current.octets.empty() || now - m_current.since >= kLifetime)
    {
        const auto version = static_cast<std::uint8_t>(m_current.version + 1);
        m_previous = std::exchange(m_current, {random.Take(kSecretLength), version, now});
    }
    return Compute(m_current, claim);
}

bool
CookieJar::IsGood(Instant now, ByteSpan cookie, const CookieClaim& claim) const
{
    for (const Secret* secret : {&m_current, &m_previous})
    {
        if (!secret->octets.empty() && now - secret->since < 2 * kLifetime &&
            crypto::ConstantTimeEqual(cookie, Compute(*secret, claim)))
        {
            return true;
        }
    }
    return false;
}

Bytes
CookieJar::Compute(const Secret& secret, const CookieClaim& claim)
{
    Bytes spi(8);
    StoreBe64(spi.data(), claim.spiI);
    const Bytes mac = crypto::Prf(crypto::PrfId::HmacSha2_256,
                                  secret.octets,
                                  {claim.nonce, claim.remote.Octets(), spi});
    ByteWriter cookie;
    cookie.U8(secret.version);
    cookie.Append(mac);
    return cookie.Take();
}

} // namespace ipseclab::ike
