# SPDX-License-Identifier: BSD-3-Clause
"""A recorded session: the frames of a capture and the secrets and expectations beside it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dpkt

from ipseclab.errors import LabError

_MARKER = bytes(4)  # RFC 3948, section 2.2: zero in the place of an SPI says IKE
_ESP_HEADER = 8  # SPI and sequence number
_MORE, _OFFSET = 0x2000, 0x1FFF  # of IPv4's flags and fragment offset
# Octets of the link header, and what ends it in front of IPv4, by link type. Frames with VLAN tags
# are left out; simulated point-to-point links speak PPP.
_LINKS = {dpkt.pcap.DLT_EN10MB: (14, b"\x08\x00"), dpkt.pcap.DLT_PPP: (2, b"\x00\x21")}


@dataclass(frozen=True)
class Frame:
    """One IKE message or ESP packet of a capture."""

    number: int  # from 1, as in Wireshark
    source: str  # "ADDRESS:PORT", without port for ESP as IP protocol 50
    destination: str
    octets: bytes  # the IKE message without marker, or the ESP packet from its SPI on
    packet: bytes  # the whole IPv4 packet
    time: float = 0.0  # of the capture, seconds since 1970
    marker: bool = False  # the IKE message came behind a non-ESP marker
    sizes: tuple[int, ...] = ()  # octets of the IPv4 packet, or of each of its fragments

    @property
    def spi(self) -> int:
        """Of an ESP packet."""
        return int(struct.unpack(">I", self.octets[:4])[0])

    @property
    def sequence_low(self) -> int:
        """Of an ESP packet: the number as it stands on the wire."""
        return int(struct.unpack(">I", self.octets[4:8])[0])

    @property
    def outer_length(self) -> int:
        """Octets in front of the ESP header: IPv4, and UDP where there is one."""
        return len(self.packet) - len(self.octets)


@dataclass(frozen=True)
class Session:
    """The frames of one capture by kind, and its secrets file."""

    ike: list[Frame]
    esp: list[Frame]
    secrets: dict[str, Any]


def _text(address: bytes, port: int | None = None) -> str:
    text = socket.inet_ntoa(address)
    return text if port is None else f"{text}:{port}"


def _udp_frame(number: int, ip: dpkt.ip.IP, packet: bytes) -> tuple[str, Frame] | None:
    header = ip.hl * 4
    source_port, destination_port, length = struct.unpack(">HHH", packet[header : header + 6])
    payload = packet[header + 8 : header + length]
    ends = _text(ip.src, source_port), _text(ip.dst, destination_port)
    ports = {source_port, destination_port}
    if 4500 in ports:
        if payload.startswith(_MARKER):
            return "ike", Frame(number, *ends, payload[4:], packet, marker=True)
        if len(payload) >= _ESP_HEADER:
            return "esp", Frame(number, *ends, payload, packet)
        return None  # a NAT keepalive
    if 500 in ports:
        return "ike", Frame(number, *ends, payload, packet)
    return None


class _Joiner:
    """Puts fragments of IPv4 together."""

    def __init__(self) -> None:
        self._parts: dict[bytes, dict[int, bytes]] = {}

    def join(self, packet: bytes) -> list[bytes]:
        """All fragments of the packet in order, once the last of them is there; else none."""
        if not self._place(packet) & (_MORE | _OFFSET):
            return [packet]
        key = packet[4:6] + packet[9:10] + packet[12:20]
        parts = self._parts.setdefault(key, {})
        parts[(self._place(packet) & _OFFSET) * 8] = packet
        found, end = [], 0
        while end in parts:
            found.append(parts[end])
            if not self._place(parts[end]) & _MORE:
                del self._parts[key]
                return found
            end += len(parts[end]) - _header_length(parts[end])
        return []

    @staticmethod
    def _place(packet: bytes) -> int:
        return int(struct.unpack(">H", packet[6:8])[0])


def _header_length(packet: bytes) -> int:
    return (packet[0] & 0x0F) * 4


def _whole(fragments: list[bytes]) -> bytes:
    """The packet that they are; its header checksum is left as it was."""
    first = fragments[0]
    if len(fragments) == 1:
        return first
    data = b"".join(part[_header_length(part) :] for part in fragments)
    length = struct.pack(">H", _header_length(first) + len(data))
    header = first[:2] + length + first[4:6] + bytes(2) + first[8 : _header_length(first)]
    return header + data


def _ipv4(number: int, octets: bytes, link: int) -> bytes | None:
    header, ipv4 = _LINKS[link]
    if octets[header - 2 : header] != ipv4:
        return None
    ip = dpkt.ip.IP(octets[header:])
    packet = octets[header : header + ip.len]
    if len(packet) < ip.len:
        raise LabError(f"frame {number} is cut off")
    return packet


def _classify(number: int, packet: bytes) -> tuple[str, Frame] | None:
    ip = dpkt.ip.IP(packet)
    if ip.p == dpkt.ip.IP_PROTO_UDP:
        return _udp_frame(number, ip, packet)
    if ip.p == dpkt.ip.IP_PROTO_ESP:
        payload = packet[ip.hl * 4 :]
        return "esp", Frame(number, _text(ip.src), _text(ip.dst), payload, packet)
    return None


def frames(path: Path) -> Iterator[tuple[str, Frame]]:
    """The IKE messages ("ike") and ESP packets ("esp") of a capture.

    What came in fragments is one, with the number and time of the one that came last.
    """
    joiner = _Joiner()
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        link = reader.datalink()
        if link not in _LINKS:
            raise LabError(f"{path}: link type {link}, expected Ethernet (1) or PPP (9)")
        for number, (time, octets) in enumerate(reader, start=1):
            packet = _ipv4(number, octets, link)
            parts = joiner.join(packet) if packet else []
            found = _classify(number, _whole(parts)) if parts else None
            if found:
                kind, frame = found
                sizes = tuple(len(part) for part in parts)
                yield kind, replace(frame, time=float(time), sizes=sizes)


def _read_secrets(path: Path) -> dict[str, Any]:
    try:
        secrets = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise LabError(f"{path}: not JSON: {error}") from None
    lists = ("ike_sas", "child_sas", "ike_messages", "esp_packets")
    if not isinstance(secrets, dict) or not all(
        isinstance(secrets.get(name), list) for name in lists
    ):
        raise LabError(f"{path}: not a session's secrets: it needs the lists {', '.join(lists)}")
    if not isinstance(secrets.get("auth"), dict):
        raise LabError(f"{path}: not a session's secrets: 'auth' is missing")
    return secrets


def read(capture: Path, secrets: Path) -> Session:
    """Reads both files; LabError with one line when either is not what it should be."""
    expected = _read_secrets(secrets)
    return Session(*sorted_frames(capture), expected)


def sorted_frames(capture: Path) -> tuple[list[Frame], list[Frame]]:
    """IKE messages and ESP packets of a capture."""
    try:
        found = list(frames(capture))
    except OSError as error:
        raise LabError(f"{capture}: {error.strerror}") from None
    except (ValueError, dpkt.Error, struct.error) as error:
        raise LabError(f"{capture}: not a readable capture: {error}") from None
    except LabError as error:
        raise LabError(f"{capture}: {str(error).removeprefix(f'{capture}: ')}") from None
    if not found:
        raise LabError(f"{capture}: no IKE message and no ESP packet in it")
    ike = [frame for kind, frame in found if kind == "ike"]
    esp = [frame for kind, frame in found if kind == "esp"]
    return ike, esp


def arrivals(capture: Path, spi: str | None) -> list[int]:
    """The sequence numbers of one SA's packets in order of arrival, each once.

    :param spi: in hexadecimal; None when the capture has the packets of one SA only
    """
    _, esp = sorted_frames(capture)
    try:
        wanted = None if spi is None else int(spi, 16)
    except ValueError:
        raise LabError(f"--spi {spi}: not a hexadecimal number such as 0x1a2b3c4d") from None
    there = list(dict.fromkeys(frame.spi for frame in esp))
    names = ", ".join(f"{found:#010x}" for found in there)
    if wanted is None and len(there) != 1:
        raise LabError(f"{capture}: packets of {len(there)} SAs; choose with --spi: {names}")
    if wanted is not None and wanted not in there:
        raise LabError(f"{capture}: no packet with SPI {wanted:#010x}; there are: {names}")
    numbers = (frame.sequence_low for frame in esp if wanted in (None, frame.spi))
    return list(dict.fromkeys(numbers))
