# SPDX-License-Identifier: BSD-3-Clause
"""Algorithms in strongSwan's spelling, and as the numbers of the IANA registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# RFC 7296, section 3.3.2: transform and key bits.
_CIPHERS = {
    "aes128gcm16": (20, 128),
    "aes256gcm16": (20, 256),
    "chacha20poly1305": (28, 256),
    "aes128": (12, 128),
    "aes256": (12, 256),
}
_INTEGRITY = {"sha256": 12, "sha384": 13, "sha512": 14}
_PRFS = {"prfsha256": 5, "prfsha384": 6, "prfsha512": 7}
_GROUPS = {
    "modp2048": 14,
    "modp3072": 15,
    "modp4096": 16,
    "ecp256": 19,
    "ecp384": 20,
    "ecp521": 21,
    "x25519": 31,
}
_COMBINED = ("aes128gcm16", "aes256gcm16", "chacha20poly1305")


def words(proposal: str) -> dict[str, str]:
    """The algorithms of one proposal by kind: cipher, integrity, prf, group, esn."""
    found: dict[str, str] = {}
    tables: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("cipher", _CIPHERS),
        ("integrity", _INTEGRITY),
        ("prf", _PRFS),
        ("group", _GROUPS),
        ("esn", {"esn": 1, "noesn": 0}),
    )
    for word in proposal.split("-"):
        kind = next((kind for kind, table in tables if word in table), None)
        if kind is None or kind in found:
            raise ValueError(f"{proposal}: {word} is unknown or stands twice")
        found[kind] = word
    if "cipher" not in found:
        raise ValueError(f"{proposal}: names no cipher")
    return found


def _cipher(found: dict[str, str]) -> dict[str, Any]:
    encryption, bits = _CIPHERS[found["cipher"]]
    integrity = _INTEGRITY[found["integrity"]] if "integrity" in found else 0
    return {"encryption": encryption, "key_bits": bits, "integrity": integrity}


def ike(proposal: str) -> dict[str, Any]:
    """An IKE suite for the simulated node."""
    found = words(proposal)
    # Like strongSwan: the PRF follows from the integrity algorithm when it is not named.
    prf = found.get("prf") or f"prf{found['integrity']}"
    return {**_cipher(found), "prf": _PRFS[prf], "group": _GROUPS[found["group"]]}


def child(proposal: str) -> dict[str, Any]:
    """A Child SA suite for the simulated node."""
    found = words(proposal)
    group = _GROUPS[found["group"]] if "group" in found else 0
    return {**_cipher(found), "group": group, "esn": found.get("esn") == "esn"}


def is_combined(proposal: str) -> bool:
    """Whether the cipher needs no integrity algorithm."""
    return words(proposal)["cipher"] in _COMBINED
