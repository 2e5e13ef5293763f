/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-bindings.h"

#include "helpers/python/model-parts.h"
#include "model/crypto/key-exchange.h"

namespace ipseclab
{
namespace
{

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

void
DefineErrors(py::module_& module)
{
    py::register_exception<UnsupportedError>(module, "UnsupportedError", PyExc_ValueError);
    py::register_exception<ParseError>(module, "ParseError", PyExc_ValueError);
    py::register_exception<OpenError>(module, "OpenError", PyExc_ValueError);
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

} // namespace

void
DefineModel(py::module_& module)
{
    DefineErrors(module);
    DefineCrypto(module);
    DefineIke(module);
    DefineCertificates(module);
    DefineEsp(module);
}

} // namespace ipseclab
