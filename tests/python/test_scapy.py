# SPDX-License-Identifier: BSD-3-Clause
"""ESP against an independent implementation: Scapy opens our packets, and we open Scapy's.

Scapy knows no implicit IV, and with a separate integrity algorithm it leaves the high half of
an extended number out of the ICV, so those cases are compared elsewhere (recorded from Linux).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from ipseclab import _core

pytest.importorskip("scapy", reason="needs Debian's python3-scapy")

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Packet, Raw

SPI = 0x1234
NULL, CBC, CCM, GCM, CHACHA = 11, 12, 16, 20, 28
SHA1, SHA256, SHA384, SHA512 = 2, 12, 13, 14
AUTH = {
    SHA1: "HMAC-SHA1-96",
    SHA256: "SHA2-256-128",
    SHA384: "SHA2-384-192",
    SHA512: "SHA2-512-256",
}


@dataclass(frozen=True)
class Suite:
    """IANA numbers, and what Scapy calls it."""

    encryption: int
    bits: int
    integrity: int
    crypt: str

    def __str__(self) -> str:
        return f"{self.crypt}-{self.bits}-{AUTH.get(self.integrity, 'AEAD')}"


SUITES = [
    *(Suite(GCM, bits, 0, "AES-GCM") for bits in (128, 192, 256)),
    *(Suite(CCM, bits, 0, "AES-CCM") for bits in (128, 192, 256)),
    Suite(CHACHA, 256, 0, "CHACHA20-POLY1305"),
    *(
        Suite(CBC, bits, integrity, "AES-CBC")
        for bits, integrity in itertools.product((128, 192, 256), AUTH)
    ),
    *(Suite(NULL, 0, integrity, "NULL") for integrity in AUTH),
]
AEAD = [suite for suite in SUITES if suite.integrity == 0]

V4 = ("192.0.2.1", "192.0.2.2")
V6 = ("2001:db8::1", "2001:db8::2")


@dataclass
class Ends:
    """Both implementations with the keys of one SA; `outer` None is transport mode."""

    suite: Suite
    outer: tuple[str, str] | None
    between: tuple[str, str] = V4  # in transport mode
    high: int | None = None  # half of an extended number
    udp: tuple[int, int] | None = None  # ports of ESP in UDP

    def keys(self) -> tuple[bytes, bytes]:
        ours = self.ours()
        last = 100 + ours.integrity_key_length
        return bytes(range(ours.keying_material)), bytes(range(100, last))

    def ours(self) -> _core.CipherSuite:
        return _core.CipherSuite(self.suite.encryption, self.suite.bits, self.suite.integrity)

    def addresses(self) -> tuple[str, str]:
        return self.outer or self.between

    def sealer(self) -> _core.OutboundSa:
        key, integrity = self.keys()
        source, destination = self.addresses()
        return _core.OutboundSa(
            SPI,
            self.ours(),
            key,
            integrity,
            esn=self.high is not None,
            source=source,
            destination=destination,
            transport=self.outer is None,
            udp=self.udp,
        )

    def opener(self) -> _core.InboundSa:
        key, integrity = self.keys()
        return _core.InboundSa(
            SPI,
            self.ours(),
            key,
            integrity,
            esn=self.high is not None,
            transport=self.outer is None,
            top=self.number(0),
        )

    def number(self, low: int) -> int:
        return ((self.high or 0) << 32) + low

    def scapy(self) -> Any:
        key, integrity = self.keys()
        header = None
        if self.outer:
            source, destination = self.outer
            header = (IPv6 if ":" in source else IP)(src=source, dst=destination)
        return SecurityAssociation(
            ESP,
            spi=SPI,
            crypt_algo=self.suite.crypt,
            crypt_key=key or None,
            auth_algo=AUTH.get(self.suite.integrity),
            auth_key=integrity or None,
            tunnel_header=header,
            esn_en=self.high is not None,
            esn=self.high or 0,
            nat_t_header=UDP(sport=self.udp[0], dport=self.udp[1]) if self.udp else None,
        )


def parse(octets: bytes) -> Packet:
    return IPv6(octets) if octets[0] >> 4 == 6 else IP(octets)


def exchange(ends: Ends, inner: Packet) -> None:
    """One packet each way; both must come out as they went in."""
    clear = bytes(inner)
    ours = ends.sealer().seal(clear, ends.number(1))
    assert bytes(ends.scapy().decrypt(parse(ours))) == clear

    theirs = bytes(ends.scapy().encrypt(parse(clear), seq_num=2))
    at = bytes(theirs).index(SPI.to_bytes(4, "big") + (2).to_bytes(4, "big"))
    verdict, number, opened = ends.opener().open(theirs, at)
    assert (verdict, number) == ("none", ends.number(2))
    assert opened == clear
    damaged = theirs[:-1] + bytes([theirs[-1] ^ 1])
    assert ends.opener().open(damaged, at)[0] == "icv"


def packet(ends: tuple[str, str], size: int = 61) -> Packet:
    header = IPv6 if ":" in ends[0] else IP
    return header(src=ends[0], dst=ends[1]) / UDP(sport=1, dport=2) / Raw(bytes(range(size)))


INNER = [("10.1.0.1", "10.2.0.9"), ("2001:db8:1::1", "2001:db8:2::9")]


@pytest.mark.parametrize("suite", SUITES, ids=str)
@pytest.mark.parametrize("outer", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize("inner", INNER, ids=["of-v4", "of-v6"])
def test_tunnel_mode(suite: Suite, outer: tuple[str, str], inner: tuple[str, str]) -> None:
    for size in range(0, 40, 3):
        exchange(Ends(suite, outer), packet(inner, size))


@pytest.mark.parametrize("suite", SUITES, ids=str)
@pytest.mark.parametrize("between", [V4, V6], ids=["v4", "v6"])
def test_transport_mode(suite: Suite, between: tuple[str, str]) -> None:
    ends = Ends(suite, None, between)
    for size in range(0, 40, 3):
        exchange(ends, packet(between, size))
    if between == V4:
        exchange(ends, IP(src=V4[0], dst=V4[1]) / ICMP() / Raw(b"ping"))


@pytest.mark.parametrize("outer", [V4, V6, None], ids=["v4", "v6", "transport"])
@pytest.mark.parametrize("suite", AEAD, ids=str)
def test_extended_numbers(suite: Suite, outer: tuple[str, str] | None) -> None:
    for high in (0, 1, 0xFFFFFFFE):
        exchange(Ends(suite, outer, high=high), packet(INNER[0] if outer else V4))


@pytest.mark.parametrize("suite", SUITES, ids=str)
@pytest.mark.parametrize("outer", [V4, V6, None], ids=["v4", "v6", "transport"])
def test_in_udp(suite: Suite, outer: tuple[str, str] | None) -> None:
    """In transport mode over IPv4 only: over IPv6 Scapy leaves the UDP header where it was."""
    ends = Ends(suite, outer, udp=(4500, 4500))
    sealed = parse(ends.sealer().seal(bytes(packet(V4)), 1))
    assert (sealed[UDP].sport, sealed[UDP].dport) == (4500, 4500)
    assert sealed[UDP].len == len(sealed[UDP])
    for size in range(0, 40, 3):
        exchange(ends, packet(INNER[0] if outer else V4, size))
    if suite in AEAD:
        extended = Ends(suite, outer, high=1, udp=(4500, 4500))
        exchange(extended, packet(INNER[1] if outer else V4))


def test_extension_headers_stay_before_esp() -> None:
    """Ours leaves Hop-by-Hop outside and protects Destination Options; Scapy's is opened alike."""
    ends = Ends(AEAD[0], None, V6)
    header = IPv6(src=V6[0], dst=V6[1])
    exchange(ends, header / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2) / Raw(b"payload"))
    exchange(ends, header / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2) / Raw(b"payload"))


def test_traffic_flow_padding_is_seen_as_such() -> None:
    """Scapy keeps what follows the inner packet: it must be zeros up to the length asked for."""
    ends = Ends(AEAD[0], V4)
    clear = bytes(packet(INNER[0]))
    ours = ends.sealer().seal(clear, 1, tfc_length=1000)
    assert bytes(ends.scapy().decrypt(parse(ours))) == clear.ljust(1000, b"\0")


@pytest.mark.parametrize("ends", [V4, V6], ids=["v4", "v6"])
@pytest.mark.parametrize("before", [0, 1, 2, 3], ids=lambda n: f"{n}-before")
def test_mss_is_clamped_as_scapy_would_write_it(ends: tuple[str, str], before: int) -> None:
    """Also at odd offsets: Scapy computes the checksum from scratch."""

    def syn(mss: int) -> bytes:
        options = [("NOP", None)] * before + [("MSS", mss), ("SAckOK", ""), ("WScale", 7)]
        header = IPv6 if ":" in ends[0] else IP
        return bytes(
            header(src=ends[0], dst=ends[1])
            / TCP(sport=40000, dport=443, flags="S", seq=before, options=options)
            / Raw(b"data of fast open")
        )

    for limit in (0, 1, 536, 1219, 1359, 1460):
        assert _core.clamp_mss(syn(1460), limit) == syn(limit)
    assert _core.clamp_mss(syn(1460), 9000) == syn(1460)
