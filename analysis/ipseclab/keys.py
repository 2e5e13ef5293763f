# SPDX-License-Identifier: BSD-3-Clause
"""From what went over the wire, and the secrets beside it, to the keys of every SA."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipseclab import core
from ipseclab.errors import LabError, Unsupported
from ipseclab.tally import Tally

if TYPE_CHECKING:
    from ipseclab._core import CipherSuite, Payload, Proposal

# RFC 7296, section 3.3.2: types of transforms.
ENCRYPTION, PRF, INTEGRITY, GROUP, SEQUENCE_NUMBERS = 1, 2, 3, 4, 5
# The only transform here without a key length attribute has keys of one size (RFC 7634).
_FIXED_KEY_BITS = {28: 256}

Secrets = Mapping[str, Any]


class BadSecrets(LabError):
    """What stands in the secrets file cannot be used."""


@dataclass(frozen=True)
class Negotiated:
    """The proposal that a responder chose."""

    suite: CipherSuite
    prf: int  # 0 in ESP
    extended_sequence_numbers: bool
    protocol: int
    spi: bytes  # of the chooser; empty in IKE_SA_INIT
    encryption: int
    key_bits: int
    integrity: int  # 0 of an AEAD


@dataclass(frozen=True)
class IkeKeys:
    """An IKE SA whose keys are known."""

    spi_i: int
    spi_r: int
    negotiated: Negotiated
    nonce_i: bytes
    nonce_r: bytes
    keys: dict[str, bytes]

    def protection(self, from_initiator: bool) -> tuple[CipherSuite, bytes, bytes]:
        side = "i" if from_initiator else "r"
        return self.negotiated.suite, self.keys[f"sk_e{side}"], self.keys[f"sk_a{side}"]


@dataclass(frozen=True)
class ChildKeys:
    """What opens the ESP packets of one direction of a Child SA."""

    negotiated: Negotiated
    key: bytes
    integrity_key: bytes


def find(payloads: Iterable[Payload], name: str) -> Payload | None:
    """The first payload of a name."""
    return next((payload for payload in payloads if payload["name"] == name), None)


def negotiated(proposal: Proposal) -> Negotiated:
    """What a chosen proposal says; Unsupported names what the model has not got."""
    module = core.load()
    chosen = {transform["type"]: transform for transform in proposal["transforms"]}
    if ENCRYPTION not in chosen:
        raise Unsupported(f"protocol {proposal['protocol']} without an encryption transform")
    encryption = chosen[ENCRYPTION]
    bits = encryption["key_bits"] or _FIXED_KEY_BITS.get(encryption["id"], 0)
    integrity = chosen[INTEGRITY]["id"] if INTEGRITY in chosen else 0
    numbers = chosen[SEQUENCE_NUMBERS]["id"] if SEQUENCE_NUMBERS in chosen else 0
    if numbers not in (0, 1):
        raise Unsupported(f"sequence numbers of transform {numbers}")
    try:
        suite = module.CipherSuite(encryption["id"], bits, integrity)
    except module.UnsupportedError as error:
        raise Unsupported(str(error)) from None
    return Negotiated(
        suite=suite,
        prf=chosen[PRF]["id"] if PRF in chosen else 0,
        extended_sequence_numbers=numbers == 1,
        protocol=proposal["protocol"],
        spi=proposal["spi"],
        encryption=encryption["id"],
        key_bits=bits,
        integrity=integrity,
    )


def octets(entry: Secrets, name: str, length: int = 0) -> bytes | None:
    """Octets of a hex field of the secrets file, padded on the left; None where it is null."""
    text = entry.get(name)
    if text is None:
        return None
    try:
        return bytes.fromhex(text).rjust(length, b"\0")
    except (TypeError, ValueError):
        raise BadSecrets(f"{name}: not octets in hex") from None


def shared_secret(ours: Payload, theirs: Payload, dh: Secrets, where: str, tally: Tally) -> bytes:
    """The Diffie-Hellman secret of two KE payloads, from every private value that is known.

    :param ours: KE of the exchange's initiator
    :param theirs: KE of the responder
    :param dh: private_i, private_r, shared of the secrets file
    """
    module = core.load()
    group = theirs["group"]
    expected = octets(dh, "shared")
    agreed = None
    try:
        for side, own, peer in (("i", ours, theirs), ("r", theirs, ours)):
            private = octets(dh, f"private_{side}")
            if private is None:
                continue
            public = module.key_exchange_public(group, private)
            tally.check("DH public values", f"{where} private_{side}", public, own["data"])
            secret: bytes = module.key_exchange_agree(group, private, peer["data"])
            agreed = secret
            if expected is not None:
                wanted = expected.rjust(len(secret), b"\0")
                tally.check("DH shared secrets", f"{where} private_{side}", secret, wanted)
    except module.UnsupportedError as error:
        raise Unsupported(str(error)) from None
    except ValueError as error:
        raise BadSecrets(f"{where}: the private value does not fit the group: {error}") from None
    if agreed is not None:
        return agreed
    if expected is not None:
        tally.notes.append(f"{where}: no DH private value is known, the recorded secret is used")
        return expected
    raise BadSecrets(f"{where}: neither a DH private value nor the shared secret is known")


def compare_keys(tally: Tally, what: str, where: str, keys: Secrets, expected: Secrets) -> None:
    """Every key that there is or that the secrets file names."""
    for name in {**{name: key for name, key in keys.items() if key}, **expected}:
        got = keys.get(name) or None
        tally.check(what, f"{where} {name}", got, octets(expected, name) or None)
