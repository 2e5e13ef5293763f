/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_BENCH_BARE_GCM_H
#define IPSECLAB_TESTS_BENCH_BARE_GCM_H

#include "model/wire/bytes.h"

#include <array>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace ipseclab::bench
{

/// The floor: one AES-128-GCM encryption and one decryption with kept, keyed contexts.
class BareGcm
{
  public:
    BareGcm()
        : m_seal(EVP_CIPHER_CTX_new()),
          m_open(EVP_CIPHER_CTX_new())
    {
        static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
        const std::array<std::uint8_t, 16> key{0x42};
        EVP_EncryptInit_ex2(m_seal, cipher, key.data(), nullptr, nullptr);
        EVP_DecryptInit_ex2(m_open, cipher, key.data(), nullptr, nullptr);
        m_tagParams[0] =
            OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, m_tag.data(), 16);
        m_tagParams[1] = OSSL_PARAM_construct_end();
    }

    BareGcm(const BareGcm&) = delete;
    BareGcm& operator=(const BareGcm&) = delete;

    ~BareGcm()
    {
        EVP_CIPHER_CTX_free(m_seal);
        EVP_CIPHER_CTX_free(m_open);
    }

    bool Run(const std::uint8_t* aad, std::uint8_t* text, int length, std::uint64_t number)
    {
        std::uint8_t nonce[12] = {};
        StoreBe64(nonce + 4, number);
        int n = 0;
        EVP_EncryptInit_ex2(m_seal, nullptr, nullptr, nonce, nullptr);
        EVP_EncryptUpdate(m_seal, nullptr, &n, aad, 8);
        EVP_EncryptUpdate(m_seal, text, &n, text, length);
        EVP_EncryptFinal_ex(m_seal, text + n, &n);
        EVP_CIPHER_CTX_get_params(m_seal, m_tagParams.data());
        EVP_DecryptInit_ex2(m_open, nullptr, nullptr, nonce, nullptr);
        EVP_CIPHER_CTX_set_params(m_open, m_tagParams.data());
        EVP_DecryptUpdate(m_open, nullptr, &n, aad, 8);
        EVP_DecryptUpdate(m_open, text, &n, text, length);
        return EVP_DecryptFinal_ex(m_open, text + n, &n) == 1;
    }

  private:
    EVP_CIPHER_CTX* m_seal;
    EVP_CIPHER_CTX* m_open;
    std::array<std::uint8_t, 16> m_tag{};
    std::array<OSSL_PARAM, 2> m_tagParams{};
};

} // namespace ipseclab::bench

#endif // IPSECLAB_TESTS_BENCH_BARE_GCM_H
