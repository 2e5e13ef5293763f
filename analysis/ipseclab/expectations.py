# SPDX-License-Identifier: BSD-3-Clause
"""What the format of a secrets file requires, and its facts about SAs against the wire."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipseclab.errors import LabError
from ipseclab.keys import Negotiated, Secrets, octets
from ipseclab.session import Frame
from ipseclab.tally import Tally

if TYPE_CHECKING:
    from ipseclab._core import Payload

_SUITE: dict[str, type] = {"encr": str, "encr_id": int, "key_bits": int, "prf": str, "integ": str}
_SUITE |= {"dh_group": int, "dh_name": str}
_DH: dict[str, type] = dict.fromkeys(
    ("private_i", "private_r", "public_i", "public_r", "shared"), str
)
_NULLABLE = {"rekeys", "dh", "prf", "integ", "dh_group", "dh_name", "private_i", "private_r"}
_SA: dict[str, type] = dict.fromkeys(
    ("spi_i", "spi_r", "addr_i", "addr_r", "nonce_i", "nonce_r"), str
)
_SA |= {"suite": dict, "dh": dict, "keys": dict}
_IKE_SA: dict[str, type] = _SA | {"generation": int, "rekeys": str, "skeyseed": str}
_CHILD_SA: dict[str, type] = _SA | {
    "made_in_frame": int,
    "ike_spi_i": str,
    "began_by_ike_sa_role": str,
    "esp_packets_in_capture": int,
}
_AUTH = {"method": int, "data": str, "signed_octets": str, "id_payload_body": str}
_IKE_KEYS = dict.fromkeys(("sk_d", "sk_ei", "sk_er", "sk_pi", "sk_pr"), str)
_CHILD_KEYS = dict.fromkeys(("encr_i", "encr_r"), str)
_MESSAGE: dict[str, type] = {"frame": int, "message_id": int, "flags": int, "length": int}
_MESSAGE |= dict.fromkeys(("src", "dst", "kind", "exchange", "role", "spi_i", "spi_r"), str)
_PACKET: dict[str, type] = dict.fromkeys(("frame", "seq", "next_header", "pad_length"), int)
_PACKET |= dict.fromkeys(("src", "dst", "spi", "inner"), str)
_END = dict.fromkeys(("software", "outer", "inner", "id"), str)
_CREDENTIALS = {"psk": ("psk", "psk_hex"), "certificate": ("ca", "cert_a", "cert_b")}

_ENCRYPTION = {12: "AES_CBC", 20: "AES_GCM_16", 28: "CHACHA20_POLY1305"}
_PRF = {5: "HMAC_SHA256", 6: "HMAC_SHA384", 7: "HMAC_SHA512"}
_INTEGRITY = {12: "HMAC_SHA2_256_128", 13: "HMAC_SHA2_384_192", 14: "HMAC_SHA2_512_256"}
_GROUPS = {14: "modp2048", 15: "modp3072", 16: "modp4096", 19: "ecp256", 20: "ecp384"}
_GROUPS |= {21: "ecp521", 31: "x25519"}
_ICV = {0: 16, 12: 16, 13: 24, 14: 32}  # octets by integrity transform; 0: that of an AEAD
_IV = {12: 16, 20: 8, 28: 8}


def _require(entry: Any, fields: Mapping[str, type], where: str) -> None:
    if not isinstance(entry, dict):
        raise LabError(f"{where} is missing")
    for name, kind in fields.items():
        if name not in entry:
            raise LabError(f"{where}.{name} is missing")
        value = entry[name]
        if value is None and name in _NULLABLE:
            continue
        # True is an int to Python, and no number of the format.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise LabError(f"{where}.{name}: not of type {kind.__name__}")


def _require_sa(secrets: Secrets, entry: Secrets, where: str, required: Mapping[str, type]) -> None:
    _require(entry["suite"], _SUITE, f"{where}.suite")
    if entry["suite"]["integ"]:
        sides = ("sk_ai", "sk_ar") if "sk_d" in required else ("integ_i", "integ_r")
        required = {**required, **dict.fromkeys(sides, str)}
    _require(entry["keys"], required, f"{where}.keys")
    if entry["dh"] is None:
        return
    _require(entry["dh"], _DH, f"{where}.dh")
    for side in "ir":
        owner = next(
            (secrets[n] for n in "ab" if secrets[n]["outer"] == entry[f"addr_{side}"]), None
        )
        revealed = owner is not None and owner["software"].startswith("strongSwan")
        if revealed and entry["dh"][f"private_{side}"] is None:
            raise LabError(f"{where}.dh.private_{side} is null, but strongSwan reveals it")


def _require_unique(entries: list[Secrets], names: tuple[str, ...], where: str) -> None:
    found = [tuple(entry[name] for name in names) for entry in entries]
    for values in found:
        if found.count(values) > 1:
            raise LabError(f"{where}: {values[0]} stands there more than once")


def require_format(path: object, secrets: Secrets) -> None:
    """LabError with file and field where something that the format requires is not there."""
    try:
        _require(secrets, {"name": str, "capture": str}, "file")
        for end in "ab":
            _require(secrets.get(end), _END, end)
        for name in _CREDENTIALS.get(secrets["auth"].get("kind"), ()):
            _require(secrets["auth"], {name: str}, "auth")
        sas: tuple[tuple[str, Mapping[str, type], Mapping[str, type]], ...] = (
            ("ike_sas", _IKE_SA, _IKE_KEYS),
            ("child_sas", _CHILD_SA, _CHILD_KEYS),
        )
        for kind, fields, names in sas:
            for index, entry in enumerate(secrets[kind]):
                _require(entry, fields, f"{kind}[{index}]")
                _require_sa(secrets, entry, f"{kind}[{index}]", names)
                for side in ("auth_i", "auth_r"):
                    if side in entry:
                        _require(entry[side], _AUTH, f"{kind}[{index}].{side}")
            _require_unique(secrets[kind], ("spi_i", "spi_r"), kind)
        for kind, fields in (("ike_messages", _MESSAGE), ("esp_packets", _PACKET)):
            for index, entry in enumerate(secrets[kind]):
                _require(entry, fields, f"{kind}[{index}]")
            _require_unique(secrets[kind], ("frame",), kind)
    except LabError as error:
        raise LabError(f"{path}: {error}") from None


def compare_suite(
    tally: Tally, what: str, where: str, chosen: Negotiated, group: int, suite: Secrets
) -> None:
    """:param group: of the key exchange that was made; 0 without"""
    got: dict[str, object] = {
        "encr": _ENCRYPTION.get(chosen.encryption, str(chosen.encryption)),
        "encr_id": chosen.encryption,
        "key_bits": chosen.key_bits,
        "prf": _PRF.get(chosen.prf, str(chosen.prf)) if chosen.prf else None,
        "integ": _INTEGRITY.get(chosen.integrity) if chosen.integrity else None,
        "dh_group": group or None,
        "dh_name": _GROUPS.get(group, str(group)) if group else None,
    }
    for name, value in got.items():
        tally.check(what, f"{where} {name}", value, suite[name])


def compare_exchange(
    tally: Tally,
    what: str,
    where: str,
    entry: Secrets,
    nonces: tuple[bytes, bytes],
    exchanged: tuple[Payload | None, Payload | None],
    ends: tuple[str, str],
) -> None:
    """Nonces, addresses and public values of the exchange that made an SA."""
    for side, nonce, end in zip("ir", nonces, ends, strict=True):
        tally.check(what, f"{where} nonce_{side}", nonce, octets(entry, f"nonce_{side}"))
        address = end.partition(":")[0]
        tally.check(what, f"{where} addr_{side}", address, entry[f"addr_{side}"])
    dh = entry["dh"]
    tally.check(what, f"{where} dh present", exchanged[1] is not None, dh is not None)
    for side, payload in zip("ir", exchanged, strict=True):
        if payload is not None and dh is not None:
            public = octets(dh, f"public_{side}", len(payload["data"]))
            tally.check(what, f"{where} public_{side}", payload["data"], public)


def compare_packet(
    tally: Tally, where: str, frame: Frame, chosen: Negotiated, inner: bytes, entry: Secrets
) -> None:
    """The addresses and the trailer of an opened ESP packet without TFC padding."""
    # SPI, number, pad length and next header are 10 octets.
    around = 10 + _IV[chosen.encryption] + _ICV[chosen.integrity] + len(inner)
    got = {
        "src": frame.source,
        "dst": frame.destination,
        "next_header": 4,  # the model opens no other
        "pad_length": len(frame.octets) - around,
    }
    for name, value in got.items():
        tally.check("ESP addresses and trailers", f"{where} {name}", value, entry[name])


def selector(payload: Payload) -> str:
    """The only IPv4 traffic selector of a TS payload as a prefix; its octets when it is none."""
    body = payload["octets"]
    if len(body) != 20 or body[0] != 1 or body[4] != 7:
        return body.hex()
    first, last = (ipaddress.IPv4Address(body[at : at + 4]) for at in (12, 16))
    if last < first:
        return body.hex()
    return ",".join(map(str, ipaddress.summarize_address_range(first, last)))


def compare_frame_of_file(tally: Tally, secrets: Secrets, frames: list[Frame]) -> None:
    """What the file says about the whole recording."""
    tally.check("recording", "name and capture", f"{secrets['name']}.pcap", secrets["capture"])
    seen = {end.partition(":")[0] for f in frames for end in (f.source, f.destination)}
    outer = {secrets[end]["outer"] for end in "ab"}
    tally.check("recording", "outer addresses", sorted(seen), sorted(outer))
    if secrets["auth"]["kind"] == "psk":
        text = secrets["auth"]["psk"].encode()
        tally.check("recording", "auth psk and psk_hex", text, octets(secrets["auth"], "psk_hex"))
