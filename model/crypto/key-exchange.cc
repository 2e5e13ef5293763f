/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/crypto/key-exchange.h"

#include "model/crypto/openssl-handles.h"

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <utility>

namespace ipseclab::crypto
{

namespace
{

BnPtr
ToBn(ByteSpan bigEndian)
{
    BnPtr bn(BN_bin2bn(bigEndian.data(), static_cast<int>(bigEndian.size()), nullptr));
    Require(bn != nullptr);
    return bn;
}

/// Builds a key of OpenSSL's provider from the parameters that `builder` holds; null when refused.
PkeyPtr
Import(const char* keyType, OSSL_PARAM_BLD* builder, int selection)
{
    const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, keyType, nullptr));
    Require(params && context && EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1)
    {
        EVP_PKEY_free(key);
        return nullptr;
    }
    return PkeyPtr(key);
}

/// A builder that already names the group.
ParamBldPtr
NewBuilder(const char* groupName)
{
    ParamBldPtr builder(OSSL_PARAM_BLD_new());
    Require(
        builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, groupName, 0) ==
            1);
    return builder;
}

/// The key pair of a method, its public value in the format of the KE payload.
struct KeyPair
{
    PkeyPtr key;
    Bytes publicValue;
};

// Every family below has the same three functions: Draw, MakePair (an empty key: the private value
// is out of range) and ImportPeer (null: the public value is not one). The length of the public
// value is checked by the caller.

/// RFC 3526 groups, all with a safe prime and generator 2.
struct ModpGroup
{
    const char* name;
    const BIGNUM* prime;
    const BIGNUM* primeMinusOne;
    std::size_t privateLength; ///< octets; more than twice the strength of the group
};

ModpGroup
MakeModpGroup(const char* name, const BIGNUM* prime, std::size_t privateLength)
{
    BIGNUM* minusOne = BN_dup(prime);
    Require(minusOne && BN_sub_word(minusOne, 1) == 1);
    return {name, prime, minusOne, privateLength};
}

const ModpGroup&
FindModp(GroupId group)
{
    static const ModpGroup modp2048 =
        MakeModpGroup("modp_2048", BN_get_rfc3526_prime_2048(nullptr), 29);
    static const ModpGroup modp3072 =
        MakeModpGroup("modp_3072", BN_get_rfc3526_prime_3072(nullptr), 35);
    static const ModpGroup modp4096 =
        MakeModpGroup("modp_4096", BN_get_rfc3526_prime_4096(nullptr), 41);
    return group == GroupId::Modp2048 ? modp2048
                                      : (group == GroupId::Modp3072 ? modp3072 : modp4096);
}

/// 1 < value < p - 1 (RFC 6989, section 2.1)
bool
InRange(const ModpGroup& group, const BIGNUM* value)
{
    return BN_cmp(value, BN_value_one()) > 0 && BN_cmp(value, group.primeMinusOne) < 0;
}

Bytes
DrawModp(GroupId group, RandomSource& random)
{
    return random.Take(FindModp(group).privateLength);
}

KeyPair
MakeModpPair(GroupId id, ByteSpan privateValue)
{
    const ModpGroup& group = FindModp(id);
    const BnPtr exponent = ToBn(privateValue);
    if (BN_is_zero(exponent.get()) || BN_cmp(exponent.get(), group.primeMinusOne) >= 0)
    {
        return {};
    }
    BN_set_flags(exponent.get(), BN_FLG_CONSTTIME);
    const BnCtxPtr scratch(BN_CTX_new());
    const BnPtr generator(BN_new());
    const BnPtr power(BN_new());
    Require(scratch && generator && power && BN_set_word(generator.get(), 2) == 1 &&
            BN_mod_exp(power.get(), generator.get(), exponent.get(), group.prime, scratch.get()) ==
                1);
    KeyPair pair;
    pair.publicValue.resize(FindTraits(id)->publicLength);
    const int length = static_cast<int>(pair.publicValue.size());
    Require(BN_bn2binpad(power.get(), pair.publicValue.data(), length) == length);
    const ParamBldPtr builder = NewBuilder(group.name);
    Require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, power.get()) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, exponent.get()) == 1);
    pair.key = Import("DH", builder.get(), EVP_PKEY_KEYPAIR);
    return pair;
}

PkeyPtr
ImportModpPeer(GroupId id, ByteSpan publicValue)
{
    const ModpGroup& group = FindModp(id);
    const BnPtr value = ToBn(publicValue);
    if (!InRange(group, value.get()))
    {
        return nullptr;
    }
    const ParamBldPtr builder = NewBuilder(group.name);
    Require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, value.get()) == 1);
    return Import("DH", builder.get(), EVP_PKEY_PUBLIC_KEY);
}

/// Random ECP groups modulo a prime; all have cofactor 1.
struct EcpGroup
{
    const char* name;
    EC_GROUP* group;
};

const EcpGroup&
FindEcp(GroupId group)
{
    static const EcpGroup ecp256{"P-256", EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)};
    static const EcpGroup ecp384{"P-384", EC_GROUP_new_by_curve_name(NID_secp384r1)};
    static const EcpGroup ecp521{"P-521", EC_GROUP_new_by_curve_name(NID_secp521r1)};
    return group == GroupId::Ecp256 ? ecp256 : (group == GroupId::Ecp384 ? ecp384 : ecp521);
}

/// The KE payload leaves out the octet 4 of "uncompressed" (RFC 5903, section 7).
constexpr std::uint8_t kUncompressed = 4;

void
PushEcpPublic(OSSL_PARAM_BLD* builder, const Bytes& point)
{
    Require(OSSL_PARAM_BLD_push_octet_string(builder,
                                             OSSL_PKEY_PARAM_PUB_KEY,
                                             point.data(),
                                             point.size()) == 1);
}

Bytes
DrawEcp(GroupId group, RandomSource& random)
{
    // 64 bits more than the order make the bias of the reduction negligible (FIPS 186-4, B.4.1).
    const BnPtr wide = ToBn(random.Take(FindTraits(group)->sharedLength + 8));
    const BnPtr orderMinusOne(BN_dup(EC_GROUP_get0_order(FindEcp(group).group)));
    const BnPtr reduced(BN_new());
    const BnCtxPtr scratch(BN_CTX_new());
    Require(orderMinusOne && reduced && scratch && BN_sub_word(orderMinusOne.get(), 1) == 1 &&
            BN_mod(reduced.get(), wide.get(), orderMinusOne.get(), scratch.get()) == 1 &&
            BN_add_word(reduced.get(), 1) == 1);
    Bytes out(FindTraits(group)->sharedLength);
    const int length = static_cast<int>(out.size());
    Require(BN_bn2binpad(reduced.get(), out.data(), length) == length);
    return out;
}

KeyPair
MakeEcpPair(GroupId id, ByteSpan privateValue)
{
    const EcpGroup& group = FindEcp(id);
    const BnPtr scalar = ToBn(privateValue);
    if (BN_is_zero(scalar.get()) || BN_cmp(scalar.get(), EC_GROUP_get0_order(group.group)) >= 0)
    {
        return {};
    }
    BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
    const EcPointPtr point(EC_POINT_new(group.group));
    Require(point &&
            EC_POINT_mul(group.group, point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1);
    Bytes encoded(1 + FindTraits(id)->publicLength);
    Require(EC_POINT_point2oct(group.group,
                               point.get(),
                               POINT_CONVERSION_UNCOMPRESSED,
                               encoded.data(),
                               encoded.size(),
                               nullptr) == encoded.size());
    const ParamBldPtr builder = NewBuilder(group.name);
    PushEcpPublic(builder.get(), encoded);
    Require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1);
    return {Import("EC", builder.get(), EVP_PKEY_KEYPAIR),
            Bytes(encoded.begin() + 1, encoded.end())};
}

PkeyPtr
ImportEcpPeer(GroupId id, ByteSpan publicValue)
{
    Bytes encoded;
    encoded.reserve(1 + publicValue.size());
    encoded.push_back(kUncompressed);
    encoded.insert(encoded.end(), publicValue.begin(), publicValue.end());
    const ParamBldPtr builder = NewBuilder(FindEcp(id).name);
    PushEcpPublic(builder.get(), encoded);
    // OpenSSL refuses a point that is not on the curve here; with cofactor 1 that is the whole
    // check of RFC 6989, section 2.3.
    return Import("EC", builder.get(), EVP_PKEY_PUBLIC_KEY);
}

KeyPair
MakeX25519Pair(ByteSpan privateValue)
{
    KeyPair pair;
    std::size_t length = FindTraits(GroupId::Curve25519)->publicLength;
    if (privateValue.size() != length)
    {
        return pair;
    }
    pair.key.reset(
        EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, privateValue.data(), length));
    pair.publicValue.resize(length);
    Require(pair.key &&
            EVP_PKEY_get_raw_public_key(pair.key.get(), pair.publicValue.data(), &length) == 1);
    return pair;
}

PkeyPtr
ImportX25519Peer(ByteSpan publicValue)
{
    return PkeyPtr(EVP_PKEY_new_raw_public_key_ex(nullptr,
                                                  "X25519",
                                                  nullptr,
                                                  publicValue.data(),
                                                  publicValue.size()));
}

enum class Family
{
    Modp,
    Ecp,
    X25519,
};

Family
FamilyOf(GroupId group)
{
    switch (group)
    {
    case GroupId::Ecp256:
    case GroupId::Ecp384:
    case GroupId::Ecp521:
        return Family::Ecp;
    case GroupId::Curve25519:
        return Family::X25519;
    default:
        return Family::Modp;
    }
}

Bytes
Draw(GroupId group, RandomSource& random)
{
    switch (FamilyOf(group))
    {
    case Family::Modp:
        return DrawModp(group, random);
    case Family::Ecp:
        return DrawEcp(group, random);
    case Family::X25519:
        break;
    }
    return random.Take(FindTraits(GroupId::Curve25519)->publicLength);
}

KeyPair
MakePair(GroupId group, ByteSpan privateValue)
{
    switch (FamilyOf(group))
    {
    case Family::Modp:
        return MakeModpPair(group, privateValue);
    case Family::Ecp:
        return MakeEcpPair(group, privateValue);
    case Family::X25519:
        break;
    }
    return MakeX25519Pair(privateValue);
}

PkeyPtr
ImportPeer(GroupId group, ByteSpan publicValue)
{
    switch (FamilyOf(group))
    {
    case Family::Modp:
        return ImportModpPeer(group, publicValue);
    case Family::Ecp:
        return ImportEcpPeer(group, publicValue);
    case Family::X25519:
        break;
    }
    return ImportX25519Peer(publicValue);
}

class OpensslKeyExchange final : public KeyExchange
{
  public:
    OpensslKeyExchange(GroupId group, KeyPair pair)
        : m_group(group),
          m_pair(std::move(pair))
    {
    }

    GroupId Group() const override
    {
        return m_group;
    }

    const Bytes& PublicValue() const override
    {
        return m_pair.publicValue;
    }

    std::optional<Bytes> Agree(ByteSpan peerPublic) const override;

  private:
    GroupId m_group;
    KeyPair m_pair;
};

std::optional<Bytes>
OpensslKeyExchange::Agree(ByteSpan peerPublic) const
{
    const GroupTraits traits = *FindTraits(m_group);
    if (peerPublic.size() != traits.publicLength)
    {
        return std::nullopt;
    }
    const PkeyPtr peer = ImportPeer(m_group, peerPublic);
    if (!peer)
    {
        return std::nullopt;
    }
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, m_pair.key.get(), nullptr));
    // The secret keeps its leading zeros (RFC 7296, section 2.14). OpenSSL's own validation of the
    // peer would repeat the checks of ImportPeer at many times the cost, so it is off.
    unsigned pad = 1;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
                                 OSSL_PARAM_construct_end()};
    const bool modp = FamilyOf(m_group) == Family::Modp;
    Require(context && EVP_PKEY_derive_init_ex(context.get(), modp ? params : nullptr) == 1);
    Bytes secret(traits.sharedLength);
    std::size_t length = secret.size();
    // X25519 fails here when the result is all zeros (RFC 8031, section 4).
    if (EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1 ||
        EVP_PKEY_derive(context.get(), secret.data(), &length) != 1 || length != secret.size())
    {
        return std::nullopt;
    }
    return secret;
}

} // namespace

std::unique_ptr<KeyExchange>
KeyExchange::Generate(GroupId group, RandomSource& random)
{
    return FindTraits(group) ? FromPrivate(group, Draw(group, random)) : nullptr;
}

std::unique_ptr<KeyExchange>
KeyExchange::FromPrivate(GroupId group, ByteSpan privateValue)
{
    const auto traits = FindTraits(group);
    // No private value is longer than the public one; the bound keeps the length within an int.
    if (!traits || privateValue.empty() || privateValue.size() > traits->publicLength)
    {
        return nullptr;
    }
    KeyPair pair = MakePair(group, privateValue);
    return pair.key ? std::make_unique<OpensslKeyExchange>(group, std::move(pair)) : nullptr;
}

} // namespace ipseclab::crypto
