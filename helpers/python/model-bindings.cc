/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-bindings.h"

#include "model/crypto/key-exchange.h"
#include "model/esp/esp-sa.h"
#include "model/ike/authentication.h"
#include "model/ike/extensions/fragmentation.h"
#include "model/ike/key-schedule.h"
#include "model/wire/ip-packet.h"

#include <algorithm>
#include <cstring>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string_view>

namespace py = pybind11;

namespace ipseclab
{

namespace
{

// Names as in the contract; what() is one line.
struct UnsupportedError : std::invalid_argument
{
    using std::invalid_argument::invalid_argument;
};

struct ParseError : std::invalid_argument
{
    using std::invalid_argument::invalid_argument;
};

struct OpenError : std::invalid_argument
{
    using std::invalid_argument::invalid_argument;
};

py::bytes
ToPython(ByteSpan octets)
{
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Borrowed from the Python object, which the caller holds.
ByteSpan
FromPython(const py::bytes& octets)
{
    const std::string_view view = octets;
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

Bytes
CopyFromPython(const py::bytes& octets)
{
    const ByteSpan span = FromPython(octets);
    return {span.begin(), span.end()};
}

// ---- IKE messages

std::string
NameOr(const char* name, unsigned number)
{
    return std::strcmp(name, "?") == 0 ? std::to_string(number) : name;
}

std::string
NameOf(const wire::Payload& payload)
{
    if (const auto* notify = std::get_if<wire::NotifyPayload>(&payload.body))
    {
        const auto number = static_cast<std::uint16_t>(notify->type);
        return "N(" + NameOr(wire::Name(notify->type), number) + ")";
    }
    if (payload.type == wire::PayloadType::Nonce)
    {
        return "NONCE";
    }
    return NameOr(wire::Name(payload.type), static_cast<std::uint8_t>(payload.type));
}

py::list
ToPython(const std::vector<wire::Proposal>& proposals)
{
    using namespace pybind11::literals;
    py::list list;
    for (const auto& proposal : proposals)
    {
        py::list transforms;
        for (const auto& transform : proposal.transforms)
        {
            transforms.append(py::dict("type"_a = static_cast<int>(transform.type),
                                       "id"_a = transform.id,
                                       "key_bits"_a = transform.KeyBits().value_or(0)));
        }
        list.append(py::dict("number"_a = proposal.number,
                             "protocol"_a = static_cast<int>(proposal.protocol),
                             "spi"_a = ToPython(proposal.spi),
                             "transforms"_a = transforms));
    }
    return list;
}

/// Adds the fields that a payload body has beside its octets.
struct BodyFields
{
    py::dict& fields;

    void operator()(const wire::SaPayload& body) const
    {
        fields["proposals"] = ToPython(body.proposals);
    }

    void operator()(const wire::KePayload& body) const
    {
        fields["group"] = body.group;
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::IdPayload& body) const
    {
        fields["id_type"] = static_cast<int>(body.type);
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::CertPayload& body) const
    {
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::AuthPayload& body) const
    {
        fields["method"] = static_cast<int>(body.method);
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::NoncePayload& body) const
    {
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::NotifyPayload& body) const
    {
        fields["notify"] = static_cast<int>(body.type);
        fields["protocol"] = static_cast<int>(body.protocol);
        fields["spi"] = ToPython(body.spi);
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::DeletePayload& body) const
    {
        py::list spis;
        for (const auto& spi : body.spis)
        {
            spis.append(ToPython(spi));
        }
        fields["protocol"] = static_cast<int>(body.protocol);
        fields["spis"] = spis;
    }

    void operator()(const wire::VendorIdPayload& body) const
    {
        fields["data"] = ToPython(body.data);
    }

    void operator()(const wire::EncryptedFragmentPayload& body) const
    {
        fields["fragment"] = py::make_tuple(body.number, body.total);
    }

    /// TS, SK, CP, EAP and what is unknown: their octets say it all.
    template <typename Body>
    void operator()(const Body&) const
    {
    }
};

py::list
ToPython(const wire::PayloadList& payloads)
{
    using namespace pybind11::literals;
    constexpr std::size_t kGenericHeader = 4;
    py::list list;
    for (const auto& payload : payloads)
    {
        const Bytes whole = wire::SerializePayloads({payload});
        py::dict fields("type"_a = static_cast<int>(payload.type),
                        "name"_a = NameOf(payload),
                        "critical"_a = payload.critical,
                        "octets"_a = ToPython(ByteSpan(whole).subspan(kGenericHeader)));
        std::visit(BodyFields{fields}, payload.body);
        list.append(fields);
    }
    return list;
}

wire::IkeMessage
Parse(ByteSpan datagram)
{
    auto message = wire::ParseMessage(datagram);
    if (!message)
    {
        throw ParseError(wire::Name(message.error()));
    }
    return std::move(*message);
}

wire::PayloadList
ParseChain(std::uint8_t first, ByteSpan octets)
{
    auto payloads = wire::ParsePayloads(static_cast<wire::PayloadType>(first), octets);
    if (!payloads)
    {
        throw ParseError(wire::Name(payloads.error()));
    }
    return std::move(*payloads);
}

py::tuple
ParseIke(const py::bytes& datagram)
{
    using namespace pybind11::literals;
    const wire::IkeMessage message = Parse(FromPython(datagram));
    const auto& header = message.header;
    const auto exchange = static_cast<std::uint8_t>(header.exchange);
    return py::make_tuple(
        py::dict("initiator_spi"_a = header.initiatorSpi,
                 "responder_spi"_a = header.responderSpi,
                 "next_payload"_a = static_cast<int>(header.nextPayload),
                 "exchange"_a = exchange,
                 "exchange_name"_a = NameOr(wire::Name(header.exchange), exchange),
                 "flags"_a = header.flags,
                 "message_id"_a = header.messageId,
                 "length"_a = header.length),
        ToPython(message.payloads));
}

// ---- crypto

/// A suite that the model has.
struct SupportedSuite
{
    SupportedSuite(std::uint16_t encryption, std::uint16_t keyBits, std::uint16_t integrity)
        : suite{static_cast<crypto::EncryptionId>(encryption),
                keyBits,
                static_cast<crypto::IntegrityId>(integrity)}
    {
        const auto found = crypto::FindTraits(suite);
        if (!found)
        {
            throw UnsupportedError("the model has no " + crypto::Name(suite));
        }
        traits = *found;
    }

    crypto::CipherSuite suite;
    crypto::CipherTraits traits;
};

void
RequireKeys(const SupportedSuite& suite, ByteSpan key, ByteSpan integrityKey)
{
    if (key.size() != suite.traits.KeyingMaterial() ||
        integrityKey.size() != suite.traits.integrityKeyLength)
    {
        throw std::invalid_argument(crypto::Name(suite.suite) + " takes a key of " +
                                    std::to_string(suite.traits.KeyingMaterial()) +
                                    " octets and an integrity key of " +
                                    std::to_string(suite.traits.integrityKeyLength));
    }
}

void
RequireIkeKeys(const SupportedSuite& suite, ByteSpan key, ByteSpan integrityKey)
{
    if (suite.traits.implicitIv)
    {
        throw std::invalid_argument("an implicit IV is for ESP only");
    }
    RequireKeys(suite, key, integrityKey);
}

crypto::PrfId
RequirePrf(std::uint16_t number)
{
    const auto prf = static_cast<crypto::PrfId>(number);
    if (!crypto::FindPrfLength(prf))
    {
        throw UnsupportedError("the model has no PRF " + crypto::Name(prf));
    }
    return prf;
}

py::dict
OpenIke(const py::bytes& datagram,
        const SupportedSuite& suite,
        const py::bytes& key,
        const py::bytes& integrityKey)
{
    using namespace pybind11::literals;
    RequireIkeKeys(suite, FromPython(key), FromPython(integrityKey));
    Parse(FromPython(datagram));
    const auto cipher = crypto::PayloadCipher::Create(suite.suite,
                                                      FromPython(key),
                                                      FromPython(integrityKey),
                                                      crypto::Direction::Open);
    const auto opened = ike::OpenMessage(FromPython(datagram), *cipher);
    if (!opened)
    {
        throw OpenError(ike::Name(opened.error()));
    }
    return py::dict("first_inner"_a = static_cast<int>(opened->firstInner),
                    "plaintext"_a = ToPython(opened->plaintext),
                    "payloads"_a = ToPython(opened->payloads));
}

py::dict
OpenIkeFragment(const py::bytes& datagram,
                const SupportedSuite& suite,
                const py::bytes& key,
                const py::bytes& integrityKey)
{
    using namespace pybind11::literals;
    RequireIkeKeys(suite, FromPython(key), FromPython(integrityKey));
    Parse(FromPython(datagram));
    const auto cipher = crypto::PayloadCipher::Create(suite.suite,
                                                      FromPython(key),
                                                      FromPython(integrityKey),
                                                      crypto::Direction::Open);
    const auto opened = ike::OpenFragment(FromPython(datagram), *cipher);
    if (!opened)
    {
        throw OpenError(ike::Name(opened.error()));
    }
    return py::dict("number"_a = opened->number,
                    "total"_a = opened->total,
                    "first_inner"_a = static_cast<int>(opened->firstInner),
                    "plaintext"_a = ToPython(opened->plaintext));
}

// ---- certificates

crypto::CertificatePtr
RequireCertificate(const py::bytes& der)
{
    auto certificate = crypto::Certificate::FromDer(FromPython(der));
    if (!certificate)
    {
        throw std::invalid_argument("no X.509 certificate with a key that the model has");
    }
    return certificate;
}

crypto::CertificateList
RequireCertificates(const std::vector<py::bytes>& ders)
{
    crypto::CertificateList list;
    for (const auto& der : ders)
    {
        list.push_back(RequireCertificate(der));
    }
    return list;
}

py::list
CertificatesFromPem(const std::string& text)
{
    const auto* octets = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto certificates = crypto::Certificate::FromPem(ByteSpan(octets, text.size()));
    if (certificates.empty())
    {
        throw std::invalid_argument("no PEM certificate with a key that the model has");
    }
    py::list list;
    for (const auto& certificate : certificates)
    {
        list.append(ToPython(certificate->Der()));
    }
    return list;
}

bool
VerifySignature(const py::bytes& certificate,
                std::uint8_t method,
                const py::bytes& auth,
                const py::bytes& octets)
{
    using crypto::HashId;
    const wire::AuthPayload payload{static_cast<wire::AuthMethod>(method), CopyFromPython(auth)};
    return ike::IsSigned(
        RequireCertificate(certificate)->Key(),
        payload,
        FromPython(octets),
        {HashId::Sha1, HashId::Sha2_256, HashId::Sha2_384, HashId::Sha2_512, HashId::Identity});
}

std::unique_ptr<crypto::KeyExchange>
MakeKeyExchange(std::uint16_t number, const py::bytes& privateValue)
{
    const auto group = static_cast<crypto::GroupId>(number);
    if (!crypto::FindTraits(group))
    {
        throw UnsupportedError("the model has no key exchange method " + crypto::Name(group));
    }
    auto exchange = crypto::KeyExchange::FromPrivate(group, FromPython(privateValue));
    if (!exchange)
    {
        throw std::invalid_argument("no private value of " + crypto::Name(group));
    }
    return exchange;
}

py::bytes
KeyExchangePublic(std::uint16_t group, const py::bytes& privateValue)
{
    return ToPython(MakeKeyExchange(group, privateValue)->PublicValue());
}

py::bytes
KeyExchangeAgree(std::uint16_t group, const py::bytes& privateValue, const py::bytes& peerPublic)
{
    const auto shared = MakeKeyExchange(group, privateValue)->Agree(FromPython(peerPublic));
    if (!shared)
    {
        throw std::invalid_argument("the peer's public value is invalid");
    }
    return ToPython(*shared);
}

py::dict
DeriveIkeKeys(const SupportedSuite& suite,
              std::uint16_t prf,
              const py::bytes& skeyseed,
              const py::bytes& nonceI,
              const py::bytes& nonceR,
              std::uint64_t spiI,
              std::uint64_t spiR)
{
    using namespace pybind11::literals;
    ike::IkeSuite ikeSuite;
    ikeSuite.cipher = suite.suite;
    ikeSuite.prf = RequirePrf(prf);
    const auto keys = ike::DeriveIkeKeys(ikeSuite,
                                         FromPython(skeyseed),
                                         FromPython(nonceI),
                                         FromPython(nonceR),
                                         spiI,
                                         spiR);
    return py::dict("sk_d"_a = ToPython(keys.skD),
                    "sk_ai"_a = ToPython(keys.skAi),
                    "sk_ar"_a = ToPython(keys.skAr),
                    "sk_ei"_a = ToPython(keys.skEi),
                    "sk_er"_a = ToPython(keys.skEr),
                    "sk_pi"_a = ToPython(keys.skPi),
                    "sk_pr"_a = ToPython(keys.skPr));
}

py::dict
DeriveChildKeys(std::uint16_t prf,
                const SupportedSuite& suite,
                const py::bytes& skD,
                const py::bytes& shared,
                const py::bytes& nonceI,
                const py::bytes& nonceR)
{
    using namespace pybind11::literals;
    const auto keys = ike::DeriveChildKeys(RequirePrf(prf),
                                           suite.suite,
                                           FromPython(skD),
                                           FromPython(shared),
                                           FromPython(nonceI),
                                           FromPython(nonceR));
    return py::dict("encr_i"_a = ToPython(keys.encryptionI),
                    "integ_i"_a = ToPython(keys.integrityI),
                    "encr_r"_a = ToPython(keys.encryptionR),
                    "integ_r"_a = ToPython(keys.integrityR));
}

// ---- ESP

IpAddress
RequireAddress(const std::string& text)
{
    const auto address = IpAddress::FromString(text);
    if (!address)
    {
        throw std::invalid_argument("no IP address: \"" + text + "\"");
    }
    return *address;
}

/// Makes room for a packet and copies it in.
void
Load(esp::PacketBuffer& buffer, ByteSpan packet)
{
    if (packet.size() > esp::PacketBuffer::kMaximumPacket)
    {
        throw std::invalid_argument("a packet has at most 65535 octets");
    }
    std::uint8_t* to = buffer.Reset(packet.size());
    if (!packet.empty())
    {
        std::memcpy(to, packet.data(), packet.size());
    }
}

/// An OutboundSa with its buffer.
class Sealer
{
  public:
    Sealer(std::uint32_t spi,
           const SupportedSuite& suite,
           const py::bytes& key,
           const py::bytes& integrityKey,
           bool esn,
           const std::string& source,
           const std::string& destination,
           bool transport)
    {
        RequireKeys(suite, FromPython(key), FromPython(integrityKey));
        esp::OutboundSaConfig config;
        config.spi = spi;
        config.suite = suite.suite;
        config.keyingMaterial = CopyFromPython(key);
        config.integrityKey = CopyFromPython(integrityKey);
        config.extendedSequenceNumbers = esn;
        config.outerSource = RequireAddress(source);
        config.outerDestination = RequireAddress(destination);
        config.ipsecMode = transport ? esp::IpsecMode::Transport : esp::IpsecMode::Tunnel;
        m_sa = esp::OutboundSa::Create(config);
        if (!m_sa)
        {
            throw std::invalid_argument("outer addresses of two IP versions");
        }
    }

    py::bytes Seal(const py::bytes& inner, std::uint64_t number, std::size_t tfcLength)
    {
        const ByteSpan packet = FromPython(inner);
        wire::IpView view;
        if (!wire::ParseIp(packet, view) || m_sa->Check(view) != esp::DropReason::None ||
            m_sa->SealedLength(std::max(packet.size(), tfcLength), view.espOffset) >
                esp::PacketBuffer::kMaximumPacket)
        {
            throw std::invalid_argument("no IP packet that fits into this SA");
        }
        Load(m_buffer, packet);
        m_sa->Seal(m_buffer, number, tfcLength);
        return ToPython(m_buffer.Span());
    }

  private:
    std::unique_ptr<esp::OutboundSa> m_sa;
    esp::PacketBuffer m_buffer;
};

esp::ReplayProfile
RequireProfile(const std::string& name)
{
    if (name == "rfc4303")
    {
        return esp::ReplayProfile::Rfc4303;
    }
    if (name == "linux-bitmap")
    {
        return esp::ReplayProfile::LinuxBitmap;
    }
    if (name == "linux-legacy")
    {
        return esp::ReplayProfile::LinuxLegacy;
    }
    throw std::invalid_argument("profile: \"" + name +
                                "\" is none of rfc4303, linux-bitmap, linux-legacy");
}

/// An InboundSa with its buffer.
class Opener
{
  public:
    Opener(std::uint32_t spi,
           const SupportedSuite& suite,
           const py::bytes& key,
           const py::bytes& integrityKey,
           bool esn,
           std::uint32_t window,
           const std::string& profile,
           std::uint64_t top,
           bool transport)
    {
        RequireKeys(suite, FromPython(key), FromPython(integrityKey));
        esp::InboundSaConfig config;
        config.spi = spi;
        config.suite = suite.suite;
        config.keyingMaterial = CopyFromPython(key);
        config.integrityKey = CopyFromPython(integrityKey);
        config.extendedSequenceNumbers = esn;
        config.antiReplay.window = window;
        config.antiReplay.profile = RequireProfile(profile);
        config.antiReplay.top = top;
        config.ipsecMode = transport ? esp::IpsecMode::Transport : esp::IpsecMode::Tunnel;
        m_sa = esp::InboundSa::Create(config);
    }

    py::tuple Open(const py::bytes& packet, std::size_t outerHeaderLength)
    {
        const ByteSpan octets = FromPython(packet);
        if (outerHeaderLength < wire::kIpv4HeaderSize || outerHeaderLength > octets.size())
        {
            throw std::invalid_argument("outer_header_length: 20 to the length of the packet");
        }
        Load(m_buffer, octets);
        const esp::OpenResult result = m_sa->Open(m_buffer, outerHeaderLength);
        const bool opened = result.drop == esp::DropReason::None;
        return py::make_tuple(esp::Name(result.drop),
                              result.number,
                              ToPython(opened ? m_buffer.Span() : ByteSpan()));
    }

    std::uint64_t Top() const
    {
        return m_sa->Replay().Top();
    }

  private:
    std::unique_ptr<esp::InboundSa> m_sa;
    esp::PacketBuffer m_buffer;
};

// ---- the module

void
DefineErrors(py::module_& module)
{
    py::register_exception<UnsupportedError>(module, "UnsupportedError", PyExc_ValueError);
    py::register_exception<ParseError>(module, "ParseError", PyExc_ValueError);
    py::register_exception<OpenError>(module, "OpenError", PyExc_ValueError);
}

void
DefineMessages(py::module_& module)
{
    module.def("parse_ike", &ParseIke, py::arg("datagram"));
    module.def(
        "parse_payloads",
        [](std::uint8_t first, const py::bytes& octets)
        { return ToPython(ParseChain(first, FromPython(octets))); },
        py::arg("first"),
        py::arg("octets"));
    module.def(
        "serialize_payloads",
        [](std::uint8_t first, const py::bytes& octets)
        { return ToPython(wire::SerializePayloads(ParseChain(first, FromPython(octets)))); },
        py::arg("first"),
        py::arg("octets"));
    module.def("open_ike",
               &OpenIke,
               py::arg("datagram"),
               py::arg("suite"),
               py::arg("key"),
               py::arg("integrity_key") = py::bytes());
    module.def("open_ike_fragment",
               &OpenIkeFragment,
               py::arg("datagram"),
               py::arg("suite"),
               py::arg("key"),
               py::arg("integrity_key") = py::bytes());
}

void
DefineCrypto(py::module_& module)
{
    py::class_<SupportedSuite>(module, "CipherSuite")
        .def(py::init<std::uint16_t, std::uint16_t, std::uint16_t>(),
             py::arg("encryption"),
             py::arg("key_bits"),
             py::arg("integrity") = 0)
        .def_property_readonly("name",
                               [](const SupportedSuite& s) { return crypto::Name(s.suite); })
        .def_property_readonly("keying_material",
                               [](const SupportedSuite& s) { return s.traits.KeyingMaterial(); })
        .def_property_readonly("integrity_key_length",
                               [](const SupportedSuite& s) { return s.traits.integrityKeyLength; });
    module.def("key_exchange_public", &KeyExchangePublic, py::arg("group"), py::arg("private"));
    module.def("key_exchange_agree",
               &KeyExchangeAgree,
               py::arg("group"),
               py::arg("private"),
               py::arg("peer_public"));
}

void
DefineKeySchedule(py::module_& module)
{
    module.def(
        "skeyseed",
        [](std::uint16_t prf,
           const py::bytes& nonceI,
           const py::bytes& nonceR,
           const py::bytes& shared)
        {
            return ToPython(ike::ComputeSkeyseed(RequirePrf(prf),
                                                 FromPython(nonceI),
                                                 FromPython(nonceR),
                                                 FromPython(shared)));
        },
        py::arg("prf"),
        py::arg("nonce_i"),
        py::arg("nonce_r"),
        py::arg("shared"));
    module.def(
        "rekey_skeyseed",
        [](std::uint16_t prf,
           const py::bytes& oldSkD,
           const py::bytes& shared,
           const py::bytes& nonceI,
           const py::bytes& nonceR)
        {
            return ToPython(ike::ComputeRekeySkeyseed(RequirePrf(prf),
                                                      FromPython(oldSkD),
                                                      FromPython(shared),
                                                      FromPython(nonceI),
                                                      FromPython(nonceR)));
        },
        py::arg("prf"),
        py::arg("old_sk_d"),
        py::arg("shared"),
        py::arg("nonce_i"),
        py::arg("nonce_r"));
    module.def("derive_ike_keys",
               &DeriveIkeKeys,
               py::arg("suite"),
               py::arg("prf"),
               py::arg("skeyseed"),
               py::arg("nonce_i"),
               py::arg("nonce_r"),
               py::arg("spi_i"),
               py::arg("spi_r"));
    module.def("derive_child_keys",
               &DeriveChildKeys,
               py::arg("prf"),
               py::arg("suite"),
               py::arg("sk_d"),
               py::arg("shared"),
               py::arg("nonce_i"),
               py::arg("nonce_r"));
}

void
DefineAuthentication(py::module_& module)
{
    module.def(
        "signed_octets",
        [](std::uint16_t prf,
           const py::bytes& realMessage,
           const py::bytes& peerNonce,
           const py::bytes& skP,
           const py::bytes& idBody)
        {
            return ToPython(ike::SignedOctets(RequirePrf(prf),
                                              FromPython(realMessage),
                                              FromPython(peerNonce),
                                              FromPython(skP),
                                              FromPython(idBody)));
        },
        py::arg("prf"),
        py::arg("real_message"),
        py::arg("peer_nonce"),
        py::arg("sk_p"),
        py::arg("id_body"));
    module.def(
        "shared_key_auth",
        [](std::uint16_t prf, const py::bytes& secret, const py::bytes& octets) {
            return ToPython(
                ike::SharedKeyAuth(RequirePrf(prf), FromPython(secret), FromPython(octets)));
        },
        py::arg("prf"),
        py::arg("secret"),
        py::arg("signed"));
}

void
DefineCertificates(py::module_& module)
{
    module.def("certificates_from_pem", &CertificatesFromPem, py::arg("text"));
    module.def(
        "certificate_names",
        [](const py::bytes& certificate, std::uint8_t type, const py::bytes& identity)
        {
            return RequireCertificate(certificate)
                ->Names(static_cast<wire::IdType>(type), FromPython(identity));
        },
        py::arg("certificate"),
        py::arg("id_type"),
        py::arg("identity"));
    module.def(
        "check_chain",
        [](const py::bytes& leaf,
           const std::vector<py::bytes>& others,
           const std::vector<py::bytes>& anchors,
           std::int64_t unixTime)
        {
            return std::string(crypto::Name(crypto::CheckChain(*RequireCertificate(leaf),
                                                               RequireCertificates(others),
                                                               RequireCertificates(anchors),
                                                               unixTime)));
        },
        py::arg("leaf"),
        py::arg("others"),
        py::arg("anchors"),
        py::arg("unix_time"));
    module.def("verify_signature",
               &VerifySignature,
               py::arg("certificate"),
               py::arg("method"),
               py::arg("auth"),
               py::arg("signed"));
}

void
DefineEsp(py::module_& module)
{
    py::class_<Sealer>(module, "OutboundSa")
        .def(py::init<std::uint32_t,
                      const SupportedSuite&,
                      const py::bytes&,
                      const py::bytes&,
                      bool,
                      const std::string&,
                      const std::string&,
                      bool>(),
             py::arg("spi"),
             py::arg("suite"),
             py::arg("key"),
             py::arg("integrity_key") = py::bytes(),
             py::kw_only(),
             py::arg("esn") = false,
             py::arg("source") = "192.0.2.1",
             py::arg("destination") = "192.0.2.2",
             py::arg("transport") = false)
        .def("seal", &Sealer::Seal, py::arg("inner"), py::arg("number"), py::arg("tfc_length") = 0);
    py::class_<Opener>(module, "InboundSa")
        .def(py::init<std::uint32_t,
                      const SupportedSuite&,
                      const py::bytes&,
                      const py::bytes&,
                      bool,
                      std::uint32_t,
                      const std::string&,
                      std::uint64_t,
                      bool>(),
             py::arg("spi"),
             py::arg("suite"),
             py::arg("key"),
             py::arg("integrity_key") = py::bytes(),
             py::kw_only(),
             py::arg("esn") = false,
             py::arg("window") = 64,
             py::arg("profile") = "rfc4303",
             py::arg("top") = 0,
             py::arg("transport") = false)
        .def("open", &Opener::Open, py::arg("packet"), py::arg("outer_header_length") = 20)
        .def_property_readonly("top", &Opener::Top);
}

} // namespace

void
DefineModel(py::module_& module)
{
    DefineErrors(module);
    DefineMessages(module);
    DefineCrypto(module);
    DefineKeySchedule(module);
    DefineAuthentication(module);
    DefineCertificates(module);
    DefineEsp(module);
}

} // namespace ipseclab
