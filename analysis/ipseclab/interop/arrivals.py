# SPDX-License-Identifier: BSD-3-Clause
"""ESP packets of a capture in order of arrival, and what two receivers make of that order."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dpkt

from ipseclab import core

if TYPE_CHECKING:
    from ipseclab._core import InboundSa

_ETHERNET = 14
_UDP = 17
_NAT_TRAVERSAL = 4500
_AES_GCM = (20, 128)  # of the IANA registry: transform and key bits
# Of the suite with which a recorded order is played again; any other would do.
_KEY = bytes(range(20))
_SPI = 0x1000
_INNER = bytes.fromhex("4500001c000000004011") + b"\0\0" + bytes([10, 1, 0, 1, 10, 2, 0, 1])
_PAYLOAD = bytes.fromhex("0fa00fa000080000")  # UDP without data


@dataclass(frozen=True)
class Arrival:
    """One whole ESP packet in UDP."""

    time: float  # seconds since 1970; of a packet in fragments, of the last one
    packet: bytes  # the IPv4 packet
    outer_length: int  # octets before the ESP header
    source: str
    spi: int
    number: int  # as on the wire: the low 32 bits


class _Assembler:
    """Joins the fragments of IPv4 packets."""

    def __init__(self) -> None:
        self._parts: dict[tuple[bytes, bytes, int, int], dict[int, bytes]] = {}
        self._heads: dict[tuple[bytes, bytes, int, int], bytes] = {}
        self._ends: dict[tuple[bytes, bytes, int, int], int] = {}

    def add(self, packet: bytes) -> bytes | None:
        """The whole packet when this is the last part of it that was missing."""
        head = (packet[0] & 0x0F) * 4
        identification, flags = struct.unpack(">HH", packet[4:8])
        offset, more = (flags & 0x1FFF) * 8, flags & 0x2000
        if not offset and not more:
            return packet
        key = (packet[12:16], packet[16:20], packet[9], identification)
        body = packet[head:]
        parts = self._parts.setdefault(key, {})
        parts[offset] = body
        if not offset:
            self._heads[key] = packet[:head]
        if not more:
            self._ends[key] = offset + len(body)
        if key not in self._heads or sum(map(len, parts.values())) != self._ends.get(key):
            return None
        del self._parts[key], self._ends[key]
        return self._heads.pop(key) + b"".join(parts[at] for at in sorted(parts))


def _packets(path: Path) -> Iterator[tuple[float, bytes]]:
    """The IPv4 packets of an Ethernet capture, fragments joined."""
    assembler = _Assembler()
    with path.open("rb") as file:
        for time, frame in dpkt.pcap.UniversalReader(file):
            if frame[12:14] != b"\x08\x00":
                continue
            length = struct.unpack(">H", frame[_ETHERNET + 2 : _ETHERNET + 4])[0]
            whole = assembler.add(frame[_ETHERNET : _ETHERNET + length])
            if whole is not None:
                yield float(time), whole


def read(path: Path) -> Iterator[Arrival]:
    """Every ESP packet in UDP."""
    for time, packet in _packets(path):
        head = (packet[0] & 0x0F) * 4
        if packet[9] != _UDP or len(packet) < head + 16:
            continue
        ports = struct.unpack(">HH", packet[head : head + 4])
        spi, number = struct.unpack(">II", packet[head + 8 : head + 16])
        if _NAT_TRAVERSAL in ports and spi:  # 0: the marker of IKE
            source = ".".join(str(octet) for octet in packet[12:16])
            yield Arrival(time, packet, head + 8, source, spi, number)


def latest(numbers: Sequence[int]) -> int:
    """By how many places the latest packet is behind the highest number before it; 0: in order."""
    highest = late = 0
    for number in numbers:
        highest = max(highest, number)
        late = max(late, highest - number)
    return late


def opened_inner(sa: InboundSa, arrival: Arrival) -> tuple[str, bytes]:
    """The model's verdict of a packet, "none" when it opens, and the inner packet."""
    verdict, _, inner = sa.open(arrival.packet, arrival.outer_length)
    return verdict, inner


def replay(numbers: Iterable[int], window: int) -> list[str]:
    """The model's verdicts of an order of arrival: real packets with these numbers, by one SA."""
    module: Any = core.load()
    suite = module.CipherSuite(*_AES_GCM)
    sender = module.OutboundSa(_SPI, suite, _KEY)
    receiver = module.InboundSa(_SPI, suite, _KEY, window=window)
    packet = _INNER + _PAYLOAD
    return [receiver.open(sender.seal(packet, number))[0] for number in numbers]
