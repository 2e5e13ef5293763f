/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-parts.h"

#include "model/ike/authentication.h"
#include "model/ike/extensions/fragmentation.h"
#include "model/ike/key-schedule.h"

#include <cstring>
#include <pybind11/stl.h>

namespace ipseclab
{
namespace
{

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
ToList(const std::vector<wire::Proposal>& proposals)
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
        fields["proposals"] = ToList(body.proposals);
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
ToList(const wire::PayloadList& payloads)
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
        ToList(message.payloads));
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
                    "payloads"_a = ToList(opened->payloads));
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

void
DefineMessages(py::module_& module)
{
    module.def("parse_ike", &ParseIke, py::arg("datagram"));
    module.def(
        "parse_payloads",
        [](std::uint8_t first, const py::bytes& octets)
        { return ToList(ParseChain(first, FromPython(octets))); },
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
           const py::bytes& idBody,
           const py::bytes& intAuth)
        {
            return ToPython(ike::SignedOctets(RequirePrf(prf),
                                              FromPython(realMessage),
                                              FromPython(peerNonce),
                                              FromPython(skP),
                                              FromPython(idBody),
                                              FromPython(intAuth)));
        },
        py::arg("prf"),
        py::arg("real_message"),
        py::arg("peer_nonce"),
        py::arg("sk_p"),
        py::arg("id_body"),
        py::arg("int_auth") = py::bytes());
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

} // namespace

void
DefineIke(py::module_& module)
{
    DefineMessages(module);
    DefineKeySchedule(module);
    DefineAuthentication(module);
}

} // namespace ipseclab
