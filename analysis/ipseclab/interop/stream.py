# SPDX-License-Identifier: BSD-3-Clause
"""Numbered UDP packets through a tunnel, as two programs in network namespaces.

    python3 -m ipseclab.interop.stream send FROM TO RATE PACKETS OCTETS
    python3 -m ipseclab.interop.stream receive ADDRESS FILE

The receiver writes the numbers that it got, in order of arrival, when its standard input ends.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from pathlib import Path

PORT = 4000
SMALLEST = 4  # octets of payload: the number
_NUMBER = struct.Struct(">I")
_SO_RCVBUFFORCE = 33  # of <asm/socket.h>; the socket module has not got it
_BUFFER = 8 << 20  # octets; the numbers wait there while this program does not run


def send_command(source: str, to: str, rate: float, packets: int, octets: int) -> list[str]:
    """Packets 1 to ``packets`` with that many octets of UDP payload, ``rate`` in a second."""
    return [*_SELF, "send", source, to, repr(rate), str(packets), str(octets)]


def receive_command(address: str, file: Path) -> list[str]:
    """The receiver on an address; it has its socket when the file is there."""
    return [*_SELF, "receive", address, str(file)]


_SELF = [sys.executable, "-m", "ipseclab.interop.stream"]


def number_of(payload: bytes) -> int:
    """The number in a UDP payload; ValueError when it is too short."""
    if len(payload) < _NUMBER.size:
        raise ValueError("no number in so few octets")
    return int(_NUMBER.unpack_from(payload)[0])


def _send(source: str, to: str, rate: float, packets: int, octets: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, PORT))
        start = time.monotonic()
        for number in range(1, packets + 1):
            time.sleep(max(0.0, start + (number - 1) / rate - time.monotonic()))
            out.sendto(_NUMBER.pack(number).ljust(octets, b"\0"), (to, PORT))


def _receive(address: str, file: Path) -> None:
    numbers: list[int] = []
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    inside.bind((address, PORT))

    def collect() -> None:
        while True:
            numbers.append(number_of(inside.recv(2048)))

    threading.Thread(target=collect, daemon=True).start()
    file.write_text("", encoding="utf-8")
    sys.stdin.read()
    file.write_text(json.dumps(numbers), encoding="utf-8")


def _main(words: list[str]) -> None:
    if words[0] == "send":
        _send(words[1], words[2], float(words[3]), int(words[4]), int(words[5]))
    else:
        _receive(words[1], Path(words[2]))


if __name__ == "__main__":
    _main(sys.argv[1:])
