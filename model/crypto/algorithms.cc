/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/algorithms.h"

#include <array>

namespace ipseclab::crypto
{

namespace
{

/// One cipher with one key length (RFC 4106, 4309, 7634, 8750, 3602, 2410).
struct EncryptionRow
{
    EncryptionId id;
    std::uint16_t keyBits;
    bool combined;
    std::size_t saltLength;
    std::size_t ivLength;
    std::size_t icvLength;
    std::size_t blockSize;
    bool implicitIv{false};
};

constexpr std::array<EncryptionRow, 18> kEncryption{{
    {EncryptionId::AesGcm16, 128, true, 4, 8, 16, 1},
    {EncryptionId::AesGcm16, 192, true, 4, 8, 16, 1},
    {EncryptionId::AesGcm16, 256, true, 4, 8, 16, 1},
    {EncryptionId::ChaCha20Poly1305, 256, true, 4, 8, 16, 1},
    {EncryptionId::AesCcm16, 128, true, 3, 8, 16, 1},
    {EncryptionId::AesCcm16, 192, true, 3, 8, 16, 1},
    {EncryptionId::AesCcm16, 256, true, 3, 8, 16, 1},
    {EncryptionId::AesCcm8ImplicitIv, 128, true, 3, 0, 8, 1, true},
    {EncryptionId::AesCcm8ImplicitIv, 192, true, 3, 0, 8, 1, true},
    {EncryptionId::AesCcm8ImplicitIv, 256, true, 3, 0, 8, 1, true},
    {EncryptionId::AesGcm16ImplicitIv, 128, true, 4, 0, 16, 1, true},
    {EncryptionId::AesGcm16ImplicitIv, 192, true, 4, 0, 16, 1, true},
    {EncryptionId::AesGcm16ImplicitIv, 256, true, 4, 0, 16, 1, true},
    {EncryptionId::ChaCha20Poly1305ImplicitIv, 256, true, 4, 0, 16, 1, true},
    {EncryptionId::AesCbc, 128, false, 0, 16, 0, 16},
    {EncryptionId::AesCbc, 192, false, 0, 16, 0, 16},
    {EncryptionId::AesCbc, 256, false, 0, 16, 0, 16},
    {EncryptionId::Null, 0, false, 0, 0, 0, 1},
}};

/// Key as long as the hash, ICV half of it (RFC 4868, section 2.1); 96 bits for SHA-1 (RFC 2404).
struct IntegrityRow
{
    IntegrityId id;
    std::size_t keyLength;
    std::size_t icvLength;
    const char* name;
};

constexpr std::array<IntegrityRow, 4> kIntegrity{{
    {IntegrityId::HmacSha1_96, 20, 12, "HMAC_SHA1_96"},
    {IntegrityId::HmacSha2_256_128, 32, 16, "HMAC_SHA2_256_128"},
    {IntegrityId::HmacSha2_384_192, 48, 24, "HMAC_SHA2_384_192"},
    {IntegrityId::HmacSha2_512_256, 64, 32, "HMAC_SHA2_512_256"},
}};

struct PrfRow
{
    PrfId id;
    std::size_t length;
    const char* name;
};

constexpr std::array<PrfRow, 3> kPrf{{
    {PrfId::HmacSha2_256, 32, "PRF_HMAC_SHA2_256"},
    {PrfId::HmacSha2_384, 48, "PRF_HMAC_SHA2_384"},
    {PrfId::HmacSha2_512, 64, "PRF_HMAC_SHA2_512"},
}};

struct GroupRow
{
    GroupId id;
    GroupTraits traits;
    const char* name;
};

constexpr std::array<GroupRow, 7> kGroups{{
    {GroupId::Modp2048, {256, 256}, "MODP_2048"},
    {GroupId::Modp3072, {384, 384}, "MODP_3072"},
    {GroupId::Modp4096, {512, 512}, "MODP_4096"},
    {GroupId::Ecp256, {64, 32}, "ECP_256"},
    {GroupId::Ecp384, {96, 48}, "ECP_384"},
    {GroupId::Ecp521, {132, 66}, "ECP_521"},
    {GroupId::Curve25519, {32, 32}, "CURVE_25519"},
}};

template <typename Table, typename Id>
auto
FindRow(const Table& table, Id id) -> decltype(table.data())
{
    for (const auto& row : table)
    {
        if (row.id == id)
        {
            return &row;
        }
    }
    return nullptr;
}

template <typename Table, typename Id>
std::string
NameOrNumber(const Table& table, Id id)
{
    const auto* row = FindRow(table, id);
    return row ? row->name : std::to_string(static_cast<unsigned>(id));
}

std::string
EncryptionName(const CipherSuite& suite)
{
    const std::string bits = suite.keyBits ? "_" + std::to_string(suite.keyBits) : "";
    switch (suite.encryption)
    {
    case EncryptionId::Null:
        return "NULL";
    case EncryptionId::ChaCha20Poly1305:
        return "CHACHA20_POLY1305";
    case EncryptionId::AesCbc:
        return "AES_CBC" + bits;
    case EncryptionId::AesGcm16:
        return "AES_GCM_16" + bits;
    case EncryptionId::AesCcm16:
        return "AES_CCM_16" + bits;
    case EncryptionId::AesCcm8ImplicitIv:
        return "AES_CCM_8_IIV" + bits;
    case EncryptionId::AesGcm16ImplicitIv:
        return "AES_GCM_16_IIV" + bits;
    case EncryptionId::ChaCha20Poly1305ImplicitIv:
        return "CHACHA20_POLY1305_IIV";
    }
    return std::to_string(static_cast<unsigned>(suite.encryption)) + bits;
}

const EncryptionRow*
FindEncryption(EncryptionId id, std::uint16_t keyBits)
{
    for (const auto& row : kEncryption)
    {
        if (row.id == id && row.keyBits == keyBits)
        {
            return &row;
        }
    }
    return nullptr;
}

} // namespace

std::optional<CipherTraits>
FindTraits(const CipherSuite& suite)
{
    const EncryptionRow* cipher = FindEncryption(suite.encryption, suite.keyBits);
    const IntegrityRow* integrity = FindRow(kIntegrity, suite.integrity);
    if (!cipher || (cipher->combined ? suite.integrity != IntegrityId::None : !integrity))
    {
        return std::nullopt;
    }
    CipherTraits traits;
    traits.combined = cipher->combined;
    traits.keyLength = cipher->keyBits / 8U;
    traits.saltLength = cipher->saltLength;
    traits.ivLength = cipher->ivLength;
    traits.implicitIv = cipher->implicitIv;
    traits.icvLength = integrity ? integrity->icvLength : cipher->icvLength;
    traits.blockSize = cipher->blockSize;
    traits.alignment = cipher->blockSize > 4 ? cipher->blockSize : 4;
    traits.integrityKeyLength = integrity ? integrity->keyLength : 0;
    return traits;
}

std::optional<std::size_t>
FindPrfLength(PrfId prf)
{
    const PrfRow* row = FindRow(kPrf, prf);
    return row ? std::optional<std::size_t>(row->length) : std::nullopt;
}

std::optional<GroupTraits>
FindTraits(GroupId group)
{
    const GroupRow* row = FindRow(kGroups, group);
    return row ? std::optional<GroupTraits>(row->traits) : std::nullopt;
}

std::string
Name(const CipherSuite& suite)
{
    std::string name = EncryptionName(suite);
    if (suite.integrity != IntegrityId::None)
    {
        name += "/" + NameOrNumber(kIntegrity, suite.integrity);
    }
    return name;
}

std::string
Name(PrfId prf)
{
    return NameOrNumber(kPrf, prf);
}

std::string
Name(GroupId group)
{
    return group == GroupId::None ? "NONE" : NameOrNumber(kGroups, group);
}

} // namespace ipseclab::crypto
