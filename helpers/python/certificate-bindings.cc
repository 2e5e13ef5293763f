/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-parts.h"

#include "model/crypto/certificate.h"
#include "model/ike/authentication.h"

#include <pybind11/stl.h>

namespace ipseclab
{
namespace
{

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

} // namespace

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

} // namespace ipseclab
