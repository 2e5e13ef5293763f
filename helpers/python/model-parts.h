/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_MODEL_PARTS_H
#define IPSECLAB_MODEL_PARTS_H

#include "model/crypto/payload-cipher.h"
#include "model/crypto/prf.h"

#include <pybind11/pybind11.h>
#include <stdexcept>
#include <string>
#include <string_view>

/**
 * \file
 * What the bindings of the model share: errors, octets, suites. Not for others.
 */

namespace ipseclab
{

namespace py = pybind11;

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

inline py::bytes
ToPython(ByteSpan octets)
{
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Borrowed from the Python object, which the caller holds.
inline ByteSpan
FromPython(const py::bytes& octets)
{
    const std::string_view view = octets;
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

inline Bytes
CopyFromPython(const py::bytes& octets)
{
    const ByteSpan span = FromPython(octets);
    return {span.begin(), span.end()};
}

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

inline void
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

inline void
RequireIkeKeys(const SupportedSuite& suite, ByteSpan key, ByteSpan integrityKey)
{
    if (suite.traits.implicitIv)
    {
        throw std::invalid_argument("an implicit IV is for ESP only");
    }
    RequireKeys(suite, key, integrityKey);
}

inline crypto::PrfId
RequirePrf(std::uint16_t number)
{
    const auto prf = static_cast<crypto::PrfId>(number);
    if (!crypto::FindPrfLength(prf))
    {
        throw UnsupportedError("the model has no PRF " + crypto::Name(prf));
    }
    return prf;
}

/// \name The parts of DefineModel; the errors above and CipherSuite are registered before them
/// @{
void DefineIke(py::module_& module);
void DefineCertificates(py::module_& module);
void DefineEsp(py::module_& module);
/// @}

} // namespace ipseclab

#endif // IPSECLAB_MODEL_PARTS_H
