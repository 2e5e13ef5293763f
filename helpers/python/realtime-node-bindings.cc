/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/python/realtime-node-bindings.h"

#include "helpers/realtime-node.h"
#include "model/ike/extensions/childless.h"
#include "model/ike/extensions/transport-mode.h"

#include <chrono>
#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <stdexcept>

namespace py = pybind11;

namespace ipseclab
{

namespace
{

using namespace pybind11::literals;

// ---- configuration: a dict as in the contract, every key of it required

template <typename T>
T
Need(const py::dict& from, const char* key)
{
    if (!from.contains(key))
    {
        throw std::invalid_argument(std::string("the node's configuration has no \"") + key + "\"");
    }
    return from[key].cast<T>();
}

ike::Duration
ToDuration(double seconds)
{
    return std::chrono::duration_cast<ike::Duration>(std::chrono::duration<double>(seconds));
}

Bytes
ToBytes(const std::string& text)
{
    return {text.begin(), text.end()};
}

crypto::CipherSuite
ToCipher(const py::dict& from)
{
    return {static_cast<crypto::EncryptionId>(Need<unsigned>(from, "encryption")),
            Need<std::uint16_t>(from, "key_bits"),
            static_cast<crypto::IntegrityId>(Need<unsigned>(from, "integrity"))};
}

crypto::GroupId
ToGroup(const py::dict& from)
{
    return static_cast<crypto::GroupId>(Need<unsigned>(from, "group"));
}

std::vector<ike::IkeSuite>
ToIkeSuites(const std::vector<py::dict>& from)
{
    std::vector<ike::IkeSuite> suites;
    for (const auto& one : from)
    {
        suites.push_back(
            {ToCipher(one), static_cast<crypto::PrfId>(Need<unsigned>(one, "prf")), ToGroup(one)});
    }
    return suites;
}

std::vector<ike::ChildSuite>
ToChildSuites(const std::vector<py::dict>& from)
{
    std::vector<ike::ChildSuite> suites;
    for (const auto& one : from)
    {
        suites.push_back({ToCipher(one), ToGroup(one), Need<bool>(one, "esn")});
    }
    return suites;
}

TrafficSelectorList
ToSelectors(const std::vector<std::string>& from)
{
    TrafficSelectorList list;
    for (const auto& text : from)
    {
        const auto selector = TrafficSelector::FromString(text);
        if (!selector)
        {
            throw std::invalid_argument("no address range: \"" + text + "\"");
        }
        list.push_back(*selector);
    }
    return list;
}

IpAddress
ToAddress(const std::string& text)
{
    const auto address = IpAddress::FromString(text);
    if (!address || !address->IsV4())
    {
        throw std::invalid_argument("no IPv4 address: \"" + text + "\"");
    }
    return *address;
}

ike::AuthKind
ToAuthKind(const std::string& word)
{
    if (word == "psk")
    {
        return ike::AuthKind::SharedKey;
    }
    if (word == "signature")
    {
        return ike::AuthKind::Signature;
    }
    if (word == "null")
    {
        return ike::AuthKind::Null;
    }
    throw std::invalid_argument("no kind of authentication: \"" + word + "\"");
}

ike::AuthConfig
ToAuth(const py::dict& from)
{
    ike::AuthConfig auth;
    auth.local = ToAuthKind(Need<std::string>(from, "local"));
    auth.remote = ToAuthKind(Need<std::string>(from, "remote"));
    const Bytes key = ToBytes(Need<std::string>(from, "private_key"));
    auth.privateKey = key.empty() ? nullptr : crypto::PrivateKey::FromOctets(key);
    auth.certificates =
        crypto::Certificate::FromPem(ToBytes(Need<std::string>(from, "certificates")));
    auth.trustAnchors = crypto::Certificate::FromPem(ToBytes(Need<std::string>(from, "anchors")));
    auth.unixTimeAtZero = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return auth;
}

ike::Lifetime
ToLifetime(const py::dict& from)
{
    return {ToDuration(Need<double>(from, "soft")),
            ToDuration(Need<double>(from, "hard")),
            ToDuration(Need<double>(from, "jitter"))};
}

ike::PeerConfig
ToPeer(const py::dict& from)
{
    ike::PeerConfig peer;
    peer.name = "peer";
    peer.local.address = ToAddress(Need<std::string>(from, "local"));
    peer.remote.address = ToAddress(Need<std::string>(from, "remote"));
    peer.localId = ike::Identity::Fqdn(Need<std::string>(from, "local_identity"));
    peer.remoteId = ike::Identity::Fqdn(Need<std::string>(from, "remote_identity"));
    peer.preSharedKey = ToBytes(Need<std::string>(from, "psk"));
    peer.auth = ToAuth(Need<py::dict>(from, "auth"));
    peer.maxIkeDatagram = Need<std::size_t>(from, "max_ike_datagram");
    peer.ikeSuites = ToIkeSuites(Need<std::vector<py::dict>>(from, "ike"));
    peer.childSuites = ToChildSuites(Need<std::vector<py::dict>>(from, "child"));
    peer.localSelectors = ToSelectors(Need<std::vector<std::string>>(from, "local_selectors"));
    peer.remoteSelectors = ToSelectors(Need<std::vector<std::string>>(from, "remote_selectors"));
    const auto retransmission = Need<py::dict>(from, "retransmission");
    peer.retransmission = {ToDuration(Need<double>(retransmission, "timeout")),
                           Need<double>(retransmission, "base"),
                           Need<unsigned>(retransmission, "tries")};
    peer.livenessInterval = ToDuration(Need<double>(from, "liveness"));
    peer.ikeLifetime = ToLifetime(Need<py::dict>(from, "ike_lifetime"));
    peer.childLifetime = ToLifetime(Need<py::dict>(from, "child_lifetime"));
    if (Need<bool>(from, "cookies"))
    {
        peer.cookieThreshold = 0;
    }
    if (Need<bool>(from, "childless"))
    {
        peer.extensions.push_back(ike::Childless(true));
    }
    if (Need<bool>(from, "transport"))
    {
        peer.extensions.push_back(ike::UseTransportMode(true));
    }
    return peer;
}

RealtimeNodeConfig
ToConfig(const py::dict& from)
{
    RealtimeNodeConfig config;
    config.socket = Need<int>(from, "socket");
    config.mtu = Need<std::uint16_t>(from, "mtu");
    config.peer = ToPeer(Need<py::dict>(from, "peer"));
    config.address = ns3::Ipv4Address(config.peer.local.address.V4Value());
    config.inner = ns3::Ipv4Address(ToAddress(Need<std::string>(from, "inner")).V4Value());
    return config;
}

// ---- events: a dict of plain values, ready for JSON

std::string
Hex(ByteSpan octets)
{
    static const char* digits = "0123456789abcdef";
    std::string text;
    for (const auto octet : octets)
    {
        text += digits[octet >> 4];
        text += digits[octet & 0xf];
    }
    return text;
}

void
AddCipher(py::dict& to, const crypto::CipherSuite& suite)
{
    to["suite"] = crypto::Name(suite);
    to["encryption"] = static_cast<unsigned>(suite.encryption);
    to["key_bits"] = suite.keyBits;
    to["integrity"] = static_cast<unsigned>(suite.integrity);
}

py::dict
Named(const char* name, const ike::IkeSaId& id)
{
    return py::dict("event"_a = name, "spi_i"_a = id.spiI, "spi_r"_a = id.spiR);
}

/// Adds the fields that an event has beside its name and its IKE SA.
struct EventFields
{
    py::dict operator()(const ike::IkeSaEstablished& event) const
    {
        py::dict fields = Named("ike-established", event.id);
        fields["initiator"] = event.initiator;
        AddCipher(fields, event.suite.cipher);
        fields["prf"] = static_cast<unsigned>(event.suite.prf);
        fields["group"] = static_cast<unsigned>(event.suite.group);
        fields["sk_ei"] = Hex(event.keys.skEi);
        fields["sk_er"] = Hex(event.keys.skEr);
        fields["sk_ai"] = Hex(event.keys.skAi);
        fields["sk_ar"] = Hex(event.keys.skAr);
        return fields;
    }

    py::dict operator()(const ike::IkeSaClosed& event) const
    {
        py::dict fields = Named("ike-closed", event.id);
        fields["reason"] = ike::Name(event.reason);
        return fields;
    }

    py::dict operator()(const ike::IkeSaRekeyed& event) const
    {
        return Named("ike-rekeyed", event.replacement);
    }

    py::dict operator()(const ike::ChildSaInstalled& event) const
    {
        py::dict fields = Named("child-installed", event.ikeSa);
        fields["spi_in"] = event.spiInbound;
        fields["spi_out"] = event.spiOutbound;
        AddCipher(fields, event.suite.cipher);
        fields["group"] = static_cast<unsigned>(event.suite.group);
        fields["esn"] = event.suite.extendedSequenceNumbers;
        fields["encryption_in"] = Hex(event.encryptionInbound);
        fields["encryption_out"] = Hex(event.encryptionOutbound);
        fields["integrity_in"] = Hex(event.integrityInbound);
        fields["integrity_out"] = Hex(event.integrityOutbound);
        fields["rekeys"] = event.replaces ? py::object(py::int_(*event.replaces)) : py::none();
        return fields;
    }

    py::dict operator()(const ike::ChildSaRetired& event) const
    {
        py::dict fields = Named("child-retired", event.ikeSa);
        fields["spi_in"] = event.spiInbound;
        return fields;
    }

    py::dict operator()(const ike::ChildSaRemoved& event) const
    {
        py::dict fields = Named("child-removed", event.ikeSa);
        fields["spi_in"] = event.spiInbound;
        return fields;
    }

    py::dict operator()(const ike::ChildSaRefused& event) const
    {
        py::dict fields = Named("child-refused", event.ikeSa);
        fields["reason"] = wire::Name(event.reason);
        return fields;
    }

    /// What no reader of the log needs more of than that it happened.
    template <typename Event>
    py::dict operator()(const Event&) const
    {
        return py::dict("event"_a = "other");
    }
};

// ---- the node

py::dict
ToPython(const esp::DropCounters& counters)
{
    py::dict result;
    for (std::size_t i = 1; i < esp::kDropReasons; ++i)
    {
        const auto reason = static_cast<esp::DropReason>(i);
        if (counters[reason] != 0)
        {
            result[esp::Name(reason)] = counters[reason];
        }
    }
    return result;
}

py::dict
GetCounters(const RealtimeNode& node)
{
    const auto& esp = node.GetCounters();
    const auto& ike = node.GetIkeCounters();
    const auto& lag = node.GetClockLag();
    return py::dict("sealed"_a = esp.outboundSealed,
                    "opened"_a = esp.inboundOpened,
                    "outbound_drops"_a = ToPython(esp.outboundDrops),
                    "inbound_drops"_a = ToPython(esp.inboundDrops),
                    "ike_datagrams_in"_a = ike.datagramsIn,
                    "ike_datagrams_out"_a = ike.datagramsOut,
                    "ike_retransmissions"_a = ike.retransmissions,
                    "ike_malformed"_a = ike.malformed,
                    "ike_bad_icv"_a = ike.badIcv,
                    "lag_mean"_a = lag.mean,
                    "lag_maximum"_a = lag.largest);
}

std::unique_ptr<RealtimeNode>
MakeNode(const py::dict& config, py::function handler)
{
    RealtimeNode::Handlers handlers;
    handlers.ike = [handler](double seconds, const ike::IkeEvent& event)
    {
        const py::gil_scoped_acquire acquire;
        py::dict fields = std::visit(EventFields{}, event);
        fields["time"] = seconds;
        handler(fields);
    };
    handlers.echo = [handler](double seconds, const EchoReply& reply)
    {
        const py::gil_scoped_acquire acquire;
        handler(py::dict("event"_a = "echo-reply",
                         "number"_a = reply.number,
                         "intact"_a = reply.intact,
                         "round_trip"_a = reply.roundTrip,
                         "time"_a = seconds));
    };
    return std::make_unique<RealtimeNode>(ToConfig(config), std::move(handlers));
}

} // namespace

void
DefineRealtimeNode(py::module_& module)
{
    using Release = py::call_guard<py::gil_scoped_release>;
    py::class_<RealtimeNode>(module, "RealtimeNode")
        .def(py::init(&MakeNode), "config"_a, "handler"_a)
        .def(
            "run",
            [](RealtimeNode& node, double seconds) { node.Run(ns3::Seconds(seconds)); },
            "limit"_a,
            Release())
        .def("initiate", &RealtimeNode::Initiate, Release())
        .def("rekey_child", &RealtimeNode::RekeyChild, Release())
        .def("rekey_ike", &RealtimeNode::RekeyIke, Release())
        .def("create_child", &RealtimeNode::CreateChild, Release())
        .def("close_child", &RealtimeNode::CloseChild, Release())
        .def("close_ike", &RealtimeNode::CloseIke, Release())
        .def("check_liveness", &RealtimeNode::CheckLiveness, Release())
        .def(
            "ping",
            [](RealtimeNode& node,
               const std::string& to,
               std::uint16_t count,
               std::uint16_t octets,
               double interval) {
                node.Ping(ns3::Ipv4Address(ToAddress(to).V4Value()),
                          count,
                          octets,
                          ns3::Seconds(interval));
            },
            "to"_a,
            "count"_a,
            "octets"_a,
            "interval"_a,
            Release())
        .def("stop", &RealtimeNode::Stop, Release())
        .def("counters", &GetCounters)
        .def("write_keys", &RealtimeNode::WriteKeys, "folder"_a);
}

} // namespace ipseclab
