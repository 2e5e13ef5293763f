/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "capture-keys.h"

#include "model/ike/extensions/eesp.h"

#include "ns3/callback.h"
#include "ns3/string.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <utility>

namespace ns3
{

namespace
{

using ipseclab::Bytes;
using ipseclab::IpAddress;
using ipseclab::crypto::CipherSuite;
using ipseclab::crypto::EncryptionId;
using ipseclab::crypto::IntegrityId;
using ipseclab::ike::ChildSaInstalled;
using ipseclab::ike::IkeKeys;
using ipseclab::ike::IkeSaEstablished;

/// An encryption and an integrity algorithm as Wireshark's tables spell them.
struct TableNames
{
    std::string encryption;
    std::string integrity;
};

const char*
IntegrityName(IntegrityId integrity, bool ike)
{
    switch (integrity)
    {
    case IntegrityId::HmacSha2_256_128:
        return ike ? "HMAC_SHA2_256_128 [RFC4868]" : "HMAC-SHA-256-128 [RFC4868]";
    case IntegrityId::HmacSha2_384_192:
        return ike ? "HMAC_SHA2_384_192 [RFC4868]" : "HMAC-SHA-384-192 [RFC4868]";
    case IntegrityId::HmacSha2_512_256:
        return ike ? "HMAC_SHA2_512_256 [RFC4868]" : "HMAC-SHA-512-256 [RFC4868]";
    default:
        return ike ? "NONE [RFC4306]" : "NULL";
    }
}

/// Nothing for what Wireshark 4.0 cannot decrypt in IKE.
std::optional<TableNames>
IkeNames(const CipherSuite& suite)
{
    const std::string bits = std::to_string(suite.keyBits);
    const char* integrity = IntegrityName(suite.integrity, true);
    switch (suite.encryption)
    {
    case EncryptionId::AesGcm16:
        return TableNames{"AES-GCM-" + bits + " with 16 octet ICV [RFC5282]", integrity};
    case EncryptionId::AesCbc:
        return TableNames{"AES-CBC-" + bits + " [RFC3602]", integrity};
    default:
        return std::nullopt;
    }
}

/// Nothing for what Wireshark 4.0 cannot decrypt in ESP.
std::optional<TableNames>
EspNames(const CipherSuite& suite)
{
    const char* integrity = IntegrityName(suite.integrity, false);
    switch (suite.encryption)
    {
    case EncryptionId::AesGcm16:
        return TableNames{"AES-GCM with 16 octet ICV [RFC4106]", integrity};
    case EncryptionId::AesCbc:
        return TableNames{"AES-CBC [RFC3602]", integrity};
    case EncryptionId::Null:
        return TableNames{"NULL", integrity};
    default:
        return std::nullopt;
    }
}

/// The low `octets` octets of a number.
std::string
Hex(uint64_t value, unsigned octets)
{
    static const char* digits = "0123456789abcdef";
    std::string text;
    for (unsigned nibble = 2 * octets; nibble-- > 0;)
    {
        text += digits[value >> (4 * nibble) & 0xf];
    }
    return text;
}

std::string
Hex(const Bytes& octets)
{
    std::string text;
    for (const auto octet : octets)
    {
        text += Hex(octet, 1);
    }
    return text;
}

std::string
Quoted(const std::string& text)
{
    return "\"" + text + "\"";
}

/// Plain hexadecimal digits; an absent key must stand as a quoted nothing.
std::string
IkeKey(const Bytes& key)
{
    return key.empty() ? "\"\"" : Hex(key);
}

std::string
IkeLine(const IkeSaEstablished& sa, const TableNames& names)
{
    return Hex(sa.id.spiI, 8) + "," + Hex(sa.id.spiR, 8) + "," + IkeKey(sa.keys.skEi) + "," +
           IkeKey(sa.keys.skEr) + "," + Quoted(names.encryption) + "," + IkeKey(sa.keys.skAi) +
           "," + IkeKey(sa.keys.skAr) + "," + Quoted(names.integrity);
}

std::string
EspKey(const Bytes& key)
{
    return Quoted(key.empty() ? "" : "0x" + Hex(key));
}

std::string
EspLine(const IpAddress& source,
        const IpAddress& destination,
        uint32_t spi,
        const Bytes& encryptionKey,
        const Bytes& integrityKey,
        const TableNames& names)
{
    return Quoted(source.IsV4() ? "IPv4" : "IPv6") + "," + Quoted(source.ToString()) + "," +
           Quoted(destination.ToString()) + "," + Quoted("0x" + Hex(spi, 4)) + "," +
           Quoted(names.encryption) + "," + EspKey(encryptionKey) + "," + Quoted(names.integrity) +
           "," + EspKey(integrityKey);
}

/// `"name": "octets"`, with a comma in front of all but the first.
void
AddField(std::string& object, const char* name, const std::string& value)
{
    object += (object.empty() ? "" : ", ") + Quoted(name) + ": " + Quoted(value);
}

void
AddKeys(std::string& fields, const IkeKeys& keys)
{
    AddField(fields, "sk_d", Hex(keys.skD));
    AddField(fields, "sk_ai", Hex(keys.skAi));
    AddField(fields, "sk_ar", Hex(keys.skAr));
    AddField(fields, "sk_ei", Hex(keys.skEi));
    AddField(fields, "sk_er", Hex(keys.skEr));
    AddField(fields, "sk_pi", Hex(keys.skPi));
    AddField(fields, "sk_pr", Hex(keys.skPr));
}

std::string
IkeSecret(const IkeSaEstablished& sa)
{
    std::string fields;
    AddField(fields, "spi_i", Hex(sa.id.spiI, 8));
    AddField(fields, "spi_r", Hex(sa.id.spiR, 8));
    AddKeys(fields, sa.keys);
    std::string earlier;
    for (const auto& keys : sa.earlierKeys)
    {
        std::string generation;
        AddKeys(generation, keys);
        earlier += (earlier.empty() ? "{" : ", {") + generation + "}";
    }
    return "{" + fields + ", " + Quoted("earlier") + ": [" + earlier + "]}";
}

std::string
EspSecret(uint32_t spi, const Bytes& encryptionKey, const Bytes& integrityKey)
{
    std::string fields;
    AddField(fields, "spi", Hex(spi, 4));
    AddField(fields, "encr", Hex(encryptionKey));
    AddField(fields, "integ", Hex(integrityKey));
    return "{" + fields + "}";
}

std::string
List(const char* name, const std::set<std::string>& objects)
{
    std::string text;
    for (const auto& object : objects)
    {
        text += (text.empty() ? "\n  " : ",\n  ") + object;
    }
    return Quoted(name) + ": [" + text + "]";
}

std::string
WriteLines(const std::filesystem::path& path, const std::set<std::string>& lines)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    for (const auto& line : lines)
    {
        file << line << '\n';
    }
    file.close();
    if (!file)
    {
        throw std::runtime_error("cannot write " + path.string());
    }
    return std::filesystem::absolute(path).lexically_normal().string();
}

} // namespace

CaptureKeys::CaptureKeys(std::string preSharedKey)
    : m_preSharedKey(std::move(preSharedKey))
{
}

void
CaptureKeys::Listen(Ptr<IpsecGateway> gateway)
{
    StringValue mode;
    gateway->GetAttribute("CryptoMode", mode);
    m_sized = m_sized || mode.Get() == "Sized";
    gateway->TraceConnectWithoutContext("IkeEvent", MakeCallback(&CaptureKeys::HandleEvent, this));
}

void
CaptureKeys::HandleEvent(const ipseclab::ike::IkeEvent& event)
{
    if (const auto* ike = std::get_if<IkeSaEstablished>(&event))
    {
        m_ikeSecrets.insert(IkeSecret(*ike));
        if (const auto names = IkeNames(ike->suite.cipher))
        {
            m_ikeLines.insert(IkeLine(*ike, *names));
        }
    }
    else if (const auto* child = std::get_if<ChildSaInstalled>(&event))
    {
        m_espSecrets.insert(
            EspSecret(child->spiOutbound, child->encryptionOutbound, child->integrityOutbound));
        m_espSecrets.insert(
            EspSecret(child->spiInbound, child->encryptionInbound, child->integrityInbound));
        const auto names = EspNames(child->suite.cipher);
        if (names && !m_sized)
        {
            m_espLines.insert(EspLine(child->localOuter,
                                      child->remoteOuter,
                                      child->spiOutbound,
                                      child->encryptionOutbound,
                                      child->integrityOutbound,
                                      *names));
            m_espLines.insert(EspLine(child->remoteOuter,
                                      child->localOuter,
                                      child->spiInbound,
                                      child->encryptionInbound,
                                      child->integrityInbound,
                                      *names));
        }
    }
}

std::vector<std::string>
CaptureKeys::Write(const std::string& folder) const
{
    const auto profile = std::filesystem::path(folder) / "wireshark" / "profiles" / "ipseclab";
    std::error_code error;
    std::filesystem::create_directories(profile, error);
    if (error)
    {
        throw std::runtime_error("cannot make the folder " + profile.string() + ": " +
                                 error.message());
    }
    return {
        WriteLines(profile / "preferences",
                   {"esp.enable_encryption_decode: TRUE", "esp.enable_authentication_check: TRUE"}),
        WriteLines(profile / "ikev2_decryption_table", m_ikeLines),
        WriteLines(profile / "esp_sa", m_espLines),
        WriteLines(std::filesystem::path(folder) / "secrets.json",
                   {"{" + Quoted("crypto_mode") + ": " + Quoted(m_sized ? "sized" : "real") +
                    ",\n" + Quoted("psk_hex") + ": " +
                    Quoted(Hex(Bytes(m_preSharedKey.begin(), m_preSharedKey.end()))) + ",\n" +
                    List("ike_sas", m_ikeSecrets) + ",\n" + List("esp_sas", m_espSecrets) + "}"}),
    };
}

} // namespace ns3
