/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/model-parts.h"

#include "model/esp/esp-sa.h"
#include "model/wire/ip-packet.h"
#include "model/wire/tcp-mss.h"

#include <cstring>
#include <optional>
#include <pybind11/stl.h>

namespace ipseclab
{
namespace
{

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

/// EESP has a root key instead, which is checked when the SA is made.
void
RequireKeysOf(const esp::EspSaConfig& config, const SupportedSuite& suite)
{
    if (!config.IsEesp())
    {
        RequireKeys(suite, config.keyingMaterial, config.integrityKey);
    }
}

esp::SequenceScheme
RequireValid(const esp::SequenceScheme& scheme)
{
    if (!scheme.IsValid())
    {
        throw std::invalid_argument(
            "subspaces: more than the bits for them can tell apart, or none");
    }
    return scheme;
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
           bool transport,
           const std::optional<esp::SequenceScheme>& scheme,
           const std::optional<std::pair<std::uint16_t, std::uint16_t>>& udp)
    {
        esp::OutboundSaConfig config;
        config.spi = spi;
        config.suite = suite.suite;
        config.keyingMaterial = CopyFromPython(key);
        config.integrityKey = CopyFromPython(integrityKey);
        config.extendedSequenceNumbers = esn;
        config.outerSource = RequireAddress(source);
        config.outerDestination = RequireAddress(destination);
        config.ipsecMode = transport ? esp::IpsecMode::Transport : esp::IpsecMode::Tunnel;
        config.subspaces = scheme;
        if (udp)
        {
            config.udp = wire::UdpPorts{udp->first, udp->second};
        }
        RequireKeysOf(config, suite);
        m_sa = esp::OutboundSa::Create(config);
        if (!m_sa)
        {
            throw std::invalid_argument("outer addresses of two IP versions, or a suite or a root "
                                        "key that EESP has not got");
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
           bool transport,
           const std::optional<esp::SequenceScheme>& scheme,
           bool sized)
    {
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
        config.subspaces = scheme;
        config.mode = sized ? crypto::CryptoMode::Sized : crypto::CryptoMode::Real;
        RequireKeysOf(config, suite);
        m_sa = esp::InboundSa::Create(config);
        if (!m_sa)
        {
            throw std::invalid_argument("a suite or a root key that EESP has not got");
        }
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

} // namespace

void
DefineEsp(py::module_& module)
{
    py::class_<esp::SequenceScheme>(module, "SequenceScheme")
        .def_static(
            "sub32",
            [](std::uint8_t idBits, std::uint32_t subspaces)
            { return RequireValid(esp::SequenceScheme::Sub32(idBits, subspaces)); },
            py::arg("id_bits"),
            py::arg("subspaces"))
        .def_static(
            "sub64",
            [](std::uint32_t subspaces)
            { return RequireValid(esp::SequenceScheme::Sub64(subspaces)); },
            py::arg("subspaces"))
        .def_static(
            "eesp",
            [](std::uint32_t subSas) { return RequireValid(esp::SequenceScheme::Eesp(subSas)); },
            py::arg("sub_sas"))
        .def(
            "join",
            [](const esp::SequenceScheme& scheme, std::uint16_t subspace, std::uint64_t counter)
            {
                if (subspace >= scheme.subspaces || counter > scheme.LastCounter())
                {
                    throw std::invalid_argument("join: no such subspace or counter");
                }
                return scheme.Join({subspace, counter});
            },
            py::arg("subspace"),
            py::arg("counter"));
    py::class_<Sealer>(module, "OutboundSa")
        .def(py::init<std::uint32_t,
                      const SupportedSuite&,
                      const py::bytes&,
                      const py::bytes&,
                      bool,
                      const std::string&,
                      const std::string&,
                      bool,
                      const std::optional<esp::SequenceScheme>&,
                      const std::optional<std::pair<std::uint16_t, std::uint16_t>>&>(),
             py::arg("spi"),
             py::arg("suite"),
             py::arg("key"),
             py::arg("integrity_key") = py::bytes(),
             py::kw_only(),
             py::arg("esn") = false,
             py::arg("source") = "192.0.2.1",
             py::arg("destination") = "192.0.2.2",
             py::arg("transport") = false,
             py::arg("scheme") = py::none(),
             py::arg("udp") = py::none())
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
                      bool,
                      const std::optional<esp::SequenceScheme>&,
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
             py::arg("transport") = false,
             py::arg("scheme") = py::none(),
             py::arg("sized") = false)
        .def("open", &Opener::Open, py::arg("packet"), py::arg("outer_header_length") = 20)
        .def_property_readonly("top", &Opener::Top);
    module.def(
        "clamp_mss",
        [](const py::bytes& packet, std::uint16_t limit)
        {
            const ByteSpan given = FromPython(packet);
            Bytes octets(given.begin(), given.end());
            wire::ClampMss(octets, limit);
            return ToPython(octets);
        },
        py::arg("packet"),
        py::arg("limit"));
}

} // namespace ipseclab
