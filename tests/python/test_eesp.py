# SPDX-License-Identifier: BSD-3-Clause
"""EESP and subspaces against a decoder that is written from the drafts alone.

draft-ietf-ipsecme-eesp-03 for EESP; the two forms of subspaces as in docs/ipsec.rst. Nothing here
comes from the model: keys by HMAC of the standard library, AES-GCM by python3-cryptography.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

import pytest

from ipseclab import _core

pytest.importorskip("cryptography", reason="needs Debian's python3-cryptography")

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SPI = 0x1234
ROOT = bytes(range(32))
GCM = 20
IMPLICIT = 30


def expand(root: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869, section 2.3)."""
    out = block = b""
    while len(out) < length:
        block = hmac.new(root, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += block
    return out[:length]


@dataclass(frozen=True)
class Eesp:
    """One packet, taken apart."""

    sub_sa: int
    sequence: int
    text: bytes


def decode(packet: bytes, root: bytes, key_octets: int, implicit: bool = False) -> Eesp:
    """An EESP packet with AES-GCM-16."""
    first, option_octets, sub_sa, spi = struct.unpack_from("!BBHI", packet)
    assert (first, option_octets, spi) == (0x80, 0, SPI)
    (sequence,) = struct.unpack_from("!Q", packet, 8)
    front = 16 if implicit else 24
    key = expand(root, struct.pack("!H", sub_sa), key_octets + 4)
    nonce = key[key_octets:] + (packet[8:16] if implicit else packet[16:24])
    text = AESGCM(key[:key_octets]).decrypt(nonce, packet[front:], packet[:front])
    return Eesp(sub_sa, sequence, text)


def encode(sub_sa: int, sequence: int, text: bytes, options: bytes = b"") -> bytes:
    """An EESP packet of a sender that is not ours, in an IPv4 header."""
    front = struct.pack("!BBHI", 0x80, len(options), sub_sa, SPI) + options
    front += struct.pack("!Q", sequence) + b"any IV.."
    key = expand(ROOT, struct.pack("!H", sub_sa), 20)
    body = front + AESGCM(key[:16]).encrypt(key[16:] + front[-8:], text, front)
    return ipv4(body, 253, "c0000201", "c0000202")


def ipv4(body: bytes, protocol: int, source: str, destination: str) -> bytes:
    """Without options; the checksum is right."""
    header = struct.pack("!BBHIBBH", 0x45, 0, 20 + len(body), 0, 64, protocol, 0)
    header += bytes.fromhex(source + destination)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", total ^ 0xFFFF) + header[12:] + body


def inner(octets: int) -> bytes:
    """A packet of the protected networks."""
    udp = struct.pack("!HHHH", 1000, 2000, octets - 20, 0) + bytes(octets - 28)
    return ipv4(udp, 17, "0a010001", "0a020009")


def suite(bits: int, encryption: int = GCM) -> _core.CipherSuite:
    return _core.CipherSuite(encryption, bits, 0)


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("encryption", [GCM, IMPLICIT])
def test_a_stranger_opens_our_packets(bits: int, encryption: int) -> None:
    scheme = _core.SequenceScheme.eesp(65536)
    ours = _core.OutboundSa(SPI, suite(bits, encryption), ROOT, scheme=scheme)
    for sub_sa in (0, 1, 300, 65535):
        for octets in (48, 49, 50, 51, 1400):
            packet = inner(octets)
            sealed = ours.seal(packet, scheme.join(sub_sa, octets))
            assert sealed[9] == 253
            got = decode(sealed[20:], ROOT, bits // 8, encryption == IMPLICIT)
            assert (got.sub_sa, got.sequence) == (sub_sa, octets)
            assert got.text == packet + bytes(-octets % 4)


def test_we_open_a_strangers_packets() -> None:
    scheme = _core.SequenceScheme.eesp(16)
    ours = _core.InboundSa(SPI, suite(128), ROOT, scheme=scheme)
    packet = inner(50)
    assert ours.open(encode(3, 1, packet + bytes(2))) == ("none", scheme.join(3, 1), packet)
    assert ours.open(encode(3, 1, packet + bytes(2)))[0] == "replay-duplicate"
    assert ours.open(encode(15, 2**40, packet + bytes(2)))[2] == packet
    assert ours.open(encode(3, 2, packet + bytes(2), options=b"\x01\x02\0\0"))[2] == packet
    assert ours.open(encode(3, 3, packet + bytes(2), options=b"\x02\x02\0\0"))[0] == "malformed"
    assert ours.open(encode(16, 1, packet + bytes(2)))[0] == "subspace-range"
    dummy = struct.pack("!HBB", 0, 59, 2) + bytes(6)
    assert ours.open(encode(3, 4, dummy + bytes(2)))[0] == "dummy"
    forged = bytearray(encode(3, 5, packet + bytes(2)))
    forged[-1] ^= 1
    assert ours.open(bytes(forged))[0] == "icv"


def test_transport_mode_has_payload_information() -> None:
    scheme = _core.SequenceScheme.eesp(4)
    ours = _core.OutboundSa(SPI, suite(128), ROOT, scheme=scheme, transport=True)
    for octets in (48, 49, 50, 51):
        packet = ipv4(inner(octets)[20:], 17, "c0000201", "c0000202")
        text = decode(ours.seal(packet, scheme.join(2, 9))[20:], ROOT, 16).text
        assert text[:4] == bytes([0, 0, 17, -octets % 4])
        assert text[4:] == packet[20:] + bytes(-octets % 4)


@pytest.mark.parametrize("form", ["sub64", "sub32"])
def test_a_stranger_opens_subspaces(form: str) -> None:
    key = bytes(range(20))
    sub64 = form == "sub64"
    scheme = _core.SequenceScheme.sub64(16) if sub64 else _core.SequenceScheme.sub32(4, 16)
    ours = _core.OutboundSa(SPI, suite(128), key, scheme=scheme)
    packet = inner(50)
    number = scheme.join(9, 0x123456789)
    assert number == (9 << (48 if sub64 else 60)) | 0x123456789
    esp = ours.seal(packet, number)[20:]
    low = 9 << 28 | 0x23456789 & 0xFFFFFFF
    assert esp[4:12] == struct.pack("!Q", number) if sub64 else esp[4:8] == struct.pack("!I", low)
    front = 20 if sub64 else 16
    aad = struct.pack("!IQ", SPI, number)
    nonce = key[16:] + esp[front - 8 : front]
    text = AESGCM(key[:16]).decrypt(nonce, esp[front:], aad)
    assert text == packet + bytes([0, 4])
    with pytest.raises(InvalidTag):
        AESGCM(key[:16]).decrypt(nonce, esp[front:], struct.pack("!IQ", SPI, number + (1 << 32)))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="subspaces"):
        _core.SequenceScheme.sub32(3, 9)
    with pytest.raises(ValueError, match="root key"):
        _core.OutboundSa(SPI, suite(128), bytes(20), scheme=_core.SequenceScheme.eesp(4))
    with pytest.raises(ValueError, match="join"):
        _core.SequenceScheme.eesp(4).join(4, 1)
