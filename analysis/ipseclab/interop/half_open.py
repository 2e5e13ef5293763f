# SPDX-License-Identifier: BSD-3-Clause
"""Half-open IKE SAs at a daemon, so that it demands cookies.

``half_open.py SOURCE DESTINATION COUNT`` sends IKE_SA_INIT requests (RFC 7296, section 1.2) and
never IKE_AUTH; exit 1 when one is not answered.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

_SA, _KE, _NONCE = 33, 34, 40  # payload types
_IKE_SA_INIT = 34
_VERSION, _INITIATOR = 0x20, 0x08
_KEY_LENGTH = struct.pack("!HH", 0x800E, 128)
# AES-GCM-16 of 128 bits, PRF-HMAC-SHA2-256, Curve25519.
_TRANSFORMS = ((1, 20, _KEY_LENGTH), (2, 5, b""), (4, 31, b""))
_WAIT = 2.0  # seconds for each answer


def _transforms() -> bytes:
    octets = b""
    for left, (kind, number, attribute) in zip((3, 3, 0), _TRANSFORMS, strict=True):
        octets += struct.pack("!BBHBBH", left, 0, 8 + len(attribute), kind, 0, number) + attribute
    return octets


def _payload(following: int, body: bytes) -> bytes:
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def request() -> bytes:
    """An IKE_SA_INIT request; any 32 octets are a public value of Curve25519."""
    transforms = _transforms()
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, len(_TRANSFORMS))
    body = (
        _payload(_KE, proposal + transforms)
        + _payload(_NONCE, struct.pack("!HH", 31, 0) + os.urandom(32))
        + _payload(0, os.urandom(32))
    )
    spis = os.urandom(8) + bytes(8)
    header = struct.pack("!BBBBII", _SA, _VERSION, _IKE_SA_INIT, _INITIATOR, 0, 28 + len(body))
    return spis + header + body


def main(arguments: list[str]) -> int:
    """Sends the requests one after the other."""
    source, destination, count = arguments[0], arguments[1], int(arguments[2])
    answers = 0
    for _ in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((source, 0))
            sender.settimeout(_WAIT)
            sender.sendto(request(), (destination, 500))
            try:
                answers += bool(sender.recv(65535))
            except OSError:
                continue
    return 0 if answers == count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
