/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_UNIT_TEST_PKI_H
#define IPSECLAB_TESTS_UNIT_TEST_PKI_H

#include "model/crypto/certificate.h"
#include "tests/unit/test-vectors.h"

/**
 * \file
 * The keys and certificates of tests/vectors/pki.json.
 */

namespace ipseclab::test
{

/// 2024-07-01, when all that is not expired or future is valid.
constexpr std::int64_t kTestTime = 1719792000;

inline const nlohmann::json&
Pki()
{
    static const nlohmann::json pki = LoadVectors("pki.json");
    return pki;
}

inline Bytes
ToOctets(const std::string& text)
{
    return Bytes(text.begin(), text.end());
}

/// "root", "intermediate" or "other_root".
inline crypto::CertificatePtr
Authority(const char* name)
{
    return crypto::Certificate::FromPem(ToOctets(Pki().at(name))).at(0);
}

inline crypto::CertificatePtr
Leaf(const std::string& name)
{
    const std::string pem = Pki().at("leaves").at(name).at("certificate");
    return crypto::Certificate::FromPem(ToOctets(pem)).at(0);
}

inline std::shared_ptr<const crypto::PrivateKey>
LeafKey(const std::string& name)
{
    const std::string pem = Pki().at("leaves").at(name).at("key");
    auto key = crypto::PrivateKey::FromOctets(ToOctets(pem));
    if (!key)
    {
        throw std::runtime_error("no key of " + name);
    }
    return key;
}

} // namespace ipseclab::test

#endif // IPSECLAB_TESTS_UNIT_TEST_PKI_H
