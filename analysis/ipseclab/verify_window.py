# SPDX-License-Identifier: BSD-3-Clause
"""Verdicts that a Linux kernel gave, packet by packet, against the model's receiver."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ipseclab import core
from ipseclab.errors import LabError, Unsupported
from ipseclab.tally import Tally

_PROFILES = {"legacy": "linux-legacy", "bmp": "linux-bitmap", "esn": "linux-bitmap"}
_SUITES = {"aes128gcm16": (20, 128), "aes256gcm16": (20, 256)}
# What the kernel counted, and the drop reason that it is here.
_REASONS = {
    "": "none",
    "XfrmInStateSeqError+sa:replay-window": "replay-too-old",
    "XfrmInStateSeqError+sa:replay": "replay-duplicate",
    "XfrmInStateSeqError": "replay-invalid",
    "XfrmInStateProtoError+sa:failed": "icv",
}
_UDP = 17


def _checksum(octets: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _inner(number: int, index: int) -> bytes:
    """UDP 10.1.0.1:1000 -> 10.2.0.9:2000 with the number and the index, as was recorded."""
    payload = struct.pack(">QI", number, index)
    udp = struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0) + payload
    addresses = bytes([10, 1, 0, 1, 10, 2, 0, 9])
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), index & 0xFFFF, 0, 64, _UDP, 0)
    check = struct.pack(">H", _checksum(head + addresses))
    return head[:10] + check + addresses + udp


def _read(path: Path) -> dict[str, Any]:
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise LabError(f"{path}: not JSON: {error}") from None
    needed = ("mode", "window", "suite", "spi", "key", "esn", "vectors")
    if not isinstance(recorded, dict) or any(name not in recorded for name in needed):
        raise LabError(f"{path}: not recorded verdicts: it needs {', '.join(needed)}")
    return recorded


def _arrivals(tally: Tally, recorded: dict[str, Any], vector: dict[str, Any]) -> None:
    """One order of arrival through a fresh SA."""
    module = core.load()
    suite = module.CipherSuite(*_SUITES[recorded["suite"]])
    key, spi = bytes.fromhex(recorded["key"]), recorded["spi"]
    sender = module.OutboundSa(spi, suite, key, esn=recorded["esn"])
    receiver = module.InboundSa(
        spi,
        suite,
        key,
        esn=recorded["esn"],
        window=recorded["window"],
        profile=_PROFILES[recorded["mode"]],
        top=vector["start"],
    )
    for index, (number, bad_icv, delivered, counters, top) in enumerate(vector["packets"]):
        inner = _inner(number, index)
        packet = bytearray(sender.seal(inner, number))
        if bad_icv:
            packet[-1] ^= 1
        reason, _, opened = receiver.open(bytes(packet))
        got = reason, opened, receiver.top if top is not None else None
        expected = _REASONS[counters], inner if delivered else b"", top
        where = f"{vector['name']} packet {index} number {number:#x}"
        tally.check("verdicts", where, got, expected)


def verify_window(path: Path) -> Tally:
    """Compares delivery, reason and top of every packet of one file."""
    recorded = _read(path)
    if recorded["mode"] not in _PROFILES:
        raise Unsupported(f"window mode '{recorded['mode']}'")
    if recorded["suite"] not in _SUITES:
        raise Unsupported(f"suite '{recorded['suite']}'")
    tally = Tally()
    try:
        for vector in recorded["vectors"]:
            unknown = {packet[3] for packet in vector["packets"]} - set(_REASONS)
            if unknown:
                raise Unsupported(f"kernel counters '{sorted(unknown)[0]}'")
            _arrivals(tally, recorded, vector)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise LabError(f"{path}: not recorded verdicts: {type(error).__name__}: {error}") from None
    if tally.sums()[1] == 0:
        raise LabError(f"{path}: no recorded packet in it")
    return tally
