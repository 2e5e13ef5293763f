/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/key-schedule.h"

#include <array>
#include <initializer_list>

namespace ipseclab::ike
{

namespace
{

Bytes
Concatenate(std::initializer_list<ByteSpan> parts)
{
    ByteWriter out;
    for (ByteSpan part : parts)
    {
        out.Append(part);
    }
    return out.Take();
}

/// Hands out consecutive pieces of keying material.
class KeyCutter
{
  public:
    explicit KeyCutter(const Bytes& material)
        : m_reader(material)
    {
    }

    Bytes Next(std::size_t octets)
    {
        const ByteSpan piece = m_reader.Span(octets);
        return {piece.begin(), piece.end()};
    }

  private:
    ByteReader m_reader;
};

} // namespace

Bytes
ComputeSkeyseed(crypto::PrfId prf, ByteSpan nonceI, ByteSpan nonceR, ByteSpan shared)
{
    return crypto::Prf(prf, Concatenate({nonceI, nonceR}), {shared});
}

Bytes
ComputeRekeySkeyseed(crypto::PrfId oldPrf,
                     ByteSpan oldSkD,
                     ByteSpan shared,
                     ByteSpan nonceI,
                     ByteSpan nonceR,
                     ByteSpan additional)
{
    return crypto::Prf(oldPrf, oldSkD, {shared, nonceI, nonceR, additional});
}

Bytes
ComputeResumptionSkeyseed(crypto::PrfId prf, ByteSpan oldSkD, ByteSpan nonceI, ByteSpan nonceR)
{
    static constexpr std::array<std::uint8_t, 10>
        label{'R', 'e', 's', 'u', 'm', 'p', 't', 'i', 'o', 'n'};
    return crypto::Prf(prf, oldSkD, {label, nonceI, nonceR});
}

IkeKeys
DeriveIkeKeys(const IkeSuite& suite,
              ByteSpan skeyseed,
              ByteSpan nonceI,
              ByteSpan nonceR,
              std::uint64_t spiI,
              std::uint64_t spiR)
{
    const crypto::CipherTraits traits = crypto::FindTraits(suite.cipher).value();
    const std::size_t prfLength = crypto::FindPrfLength(suite.prf).value();
    ByteWriter seed;
    seed.Append(nonceI);
    seed.Append(nonceR);
    seed.U64(spiI);
    seed.U64(spiR);
    const std::size_t total =
        3 * prfLength + 2 * (traits.integrityKeyLength + traits.KeyingMaterial());
    const Bytes material = crypto::PrfPlus(suite.prf, skeyseed, seed.Take(), total);
    KeyCutter cut(material);
    IkeKeys keys;
    keys.skD = cut.Next(prfLength);
    keys.skAi = cut.Next(traits.integrityKeyLength);
    keys.skAr = cut.Next(traits.integrityKeyLength);
    keys.skEi = cut.Next(traits.KeyingMaterial());
    keys.skEr = cut.Next(traits.KeyingMaterial());
    keys.skPi = cut.Next(prfLength);
    keys.skPr = cut.Next(prfLength);
    return keys;
}

ChildKeys
DeriveChildKeys(crypto::PrfId prf,
                const crypto::CipherSuite& suite,
                ByteSpan skD,
                ByteSpan shared,
                ByteSpan nonceI,
                ByteSpan nonceR,
                std::size_t rootKeyLength,
                ByteSpan additional)
{
    const crypto::CipherTraits traits = crypto::FindTraits(suite).value();
    const std::size_t encryption = rootKeyLength != 0 ? rootKeyLength : traits.KeyingMaterial();
    const std::size_t total = 2 * (encryption + traits.integrityKeyLength);
    const Bytes seed = Concatenate({shared, nonceI, nonceR, additional});
    const Bytes material = crypto::PrfPlus(prf, skD, seed, total);
    KeyCutter cut(material);
    ChildKeys keys;
    keys.encryptionI = cut.Next(encryption);
    keys.integrityI = cut.Next(traits.integrityKeyLength);
    keys.encryptionR = cut.Next(encryption);
    keys.integrityR = cut.Next(traits.integrityKeyLength);
    return keys;
}

Bytes
SignedOctets(crypto::PrfId prf,
             ByteSpan realMessage,
             ByteSpan peerNonce,
             ByteSpan skP,
             ByteSpan idBody,
             ByteSpan intermediate)
{
    return Concatenate({realMessage, peerNonce, crypto::Prf(prf, skP, {idBody}), intermediate});
}

Bytes
SharedKeyAuth(crypto::PrfId prf, ByteSpan secret, ByteSpan signedOctets)
{
    static constexpr char pad[] = "Key Pad for IKEv2";
    // Without the terminating NUL (RFC 7296, section 2.15).
    const Bytes label(pad, pad + sizeof(pad) - 1);
    return crypto::Prf(prf, crypto::Prf(prf, secret, {label}), {signedOctets});
}

} // namespace ipseclab::ike
