# SPDX-License-Identifier: BSD-3-Clause
"""A capture of a simulated run, opened again with the keys that the run wrote beside it.

Nothing is compared with what the gateways thought: every IKE message and ESP packet of the capture
must open, every AUTH value must follow from the capture and the pre-shared key, and the keys of
Child SAs without a key exchange of their own must follow from SK_d and the nonces on the wire. Keys
of IKE SAs are the file's: the secrets of their key exchanges are not written down. With additional
key exchanges (RFC 9370) each exchange of IKE_INTERMEDIATE has a generation of keys of its own, and
AUTH covers them all (RFC 9242).
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipseclab import core, keys, session
from ipseclab.errors import LabError, Unsupported
from ipseclab.keys import Negotiated, Secrets
from ipseclab.session import Frame
from ipseclab.tally import Tally
from ipseclab.verify_messages import Message

_SK, _SKF = 46, 53  # payloads, RFC 7296, section 3.14, and RFC 7383
_IKE_SA_INIT, _IKE_AUTH, _CREATE_CHILD_SA, _IKE_INTERMEDIATE = 34, 35, 36, 43
_ESP = 3
_HASHES = {5: "sha256", 6: "sha384", 7: "sha512"}  # of PRFs, RFC 4868
Spis = tuple[int, int]


def read(path: Path) -> Secrets | None:
    """The keys of a run; None when the file is of another kind, which its own reader judges."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "esp_sas" in found else None


@dataclass
class _Opener:
    secrets: Secrets
    tally: Tally = field(default_factory=Tally)
    suites: dict[Spis, Negotiated] = field(default_factory=dict)  # of IKE SAs, by their SPIs
    nonces: dict[Spis, tuple[bytes, bytes]] = field(default_factory=dict)
    init: dict[Spis, tuple[bytes, bytes]] = field(default_factory=dict)
    int_auth: dict[Spis, tuple[bytes, bytes]] = field(default_factory=dict)
    requests: dict[tuple[object, ...], Message] = field(default_factory=dict)
    children: dict[int, Negotiated] = field(default_factory=dict)  # by the receiver's SPI
    own_exchange: int = 0  # Child SAs with one

    def run(self, ike: list[Frame], esp: list[Frame]) -> Tally:
        for frame in ike:
            message = self._read(frame)
            if message is not None:
                self._follow(message)
        self._open_packets(esp)
        if self.own_exchange:
            self.tally.notes.append(
                f"{self.own_exchange} Child SAs have a key exchange of their own: their packets "
                "open with the keys in the file, which nothing on the wire can confirm"
            )
        return self.tally

    def _keys(self, spis: Spis, generation: int | None = None) -> dict[str, bytes] | None:
        """Of the generation, 0 being that of IKE_SA_INIT; the last without one."""
        for entry in self.secrets["ike_sas"]:
            if (int(entry["spi_i"], 16), int(entry["spi_r"], 16)) == spis:
                earlier = entry["earlier"]
                known = entry
                if generation is not None and generation < len(earlier):
                    known = earlier[generation]
                return {name: bytes.fromhex(known[name]) for name in known if name[:3] == "sk_"}
        return None

    def _keys_of(self, message: Message) -> dict[str, bytes] | None:
        intermediate = message.header["exchange"] == _IKE_INTERMEDIATE
        return self._keys(message.spis, message.header["message_id"] - 1 if intermediate else None)

    def _read(self, frame: Frame) -> Message | None:
        """With its payloads in clear; None of one that does not open."""
        module = core.load()
        where = f"frame {frame.number}"
        try:
            header, payloads = module.parse_ike(frame.octets)
        except module.ParseError as error:
            self.tally.fail("IKE messages parsed", where, str(error))
            return None
        self.tally.count("IKE messages parsed", True)
        message = Message(frame, header, payloads)
        if any(payload["type"] == _SKF for payload in payloads):
            self.tally.notes.append(f"{where}: a fragment, not looked into")
            return None
        if all(payload["type"] != _SK for payload in payloads):
            return message
        known, chosen = self._keys_of(message), self.suites.get(message.spis)
        if known is None or chosen is None:
            self.tally.fail("IKE messages opened", where, "its IKE SA has no known keys")
            return None
        side = "i" if message.from_initiator else "r"
        key, integrity = known[f"sk_e{side}"], known[f"sk_a{side}"]
        try:
            opened = module.open_ike(frame.octets, chosen.suite, key, integrity)
        except (module.OpenError, module.ParseError) as error:
            self.tally.fail("IKE messages opened", where, str(error))
            return None
        self.tally.count("IKE messages opened", True)
        message.payloads = opened["payloads"]
        message.plaintext = opened["plaintext"]
        return message

    def _follow(self, message: Message) -> None:
        """A request waits for its response; a response finishes the exchange."""
        exchange = message.header["exchange"]
        spis = message.spis[:1] if exchange == _IKE_SA_INIT else message.spis
        by_initiator = message.from_initiator != message.is_response
        key = (exchange, spis, by_initiator, message.header["message_id"])
        if not message.is_response:
            self.requests[key] = message
            return
        request = self.requests.pop(key, None)
        if request is not None and exchange == _IKE_INTERMEDIATE:
            self._grow_int_auth(request, message)
        elif request is None or message.find("SA") is None:
            return  # the answer to a retransmission, a refusal, a Delete
        elif exchange == _IKE_SA_INIT:
            self._take_ike_sa(request, message, message.spis)
            self.init[message.spis] = request.frame.octets, message.frame.octets
        elif exchange == _IKE_AUTH:
            self._check_auth(request, message)
            self._take_child(request, message, self.nonces[message.spis])
        elif exchange == _CREATE_CHILD_SA:
            if message.need("SA")["proposals"][0]["protocol"] == _ESP:
                nonces = request.need("NONCE")["data"], message.need("NONCE")["data"]
                self._take_child(request, message, nonces)
            else:
                self._take_ike_sa(request, message, _spis(request, message))

    def _take_ike_sa(self, request: Message, response: Message, spis: Spis) -> None:
        self.suites[spis] = keys.negotiated(response.need("SA")["proposals"][0])
        self.nonces[spis] = request.need("NONCE")["data"], response.need("NONCE")["data"]

    def _grow_int_auth(self, request: Message, response: Message) -> None:
        """IntAuth_xn = prf(SK_pxn, [IntAuth_x(n-1) |] A | P); RFC 9242, section 3.3.2."""
        spis = response.spis
        known = self._keys_of(request) or {}
        name = _HASHES[self.suites[spis].prf]
        i, r = self.int_auth.get(spis, (b"", b""))
        self.int_auth[spis] = (
            hmac.digest(known["sk_pi"], i + _authenticated(request), name),
            hmac.digest(known["sk_pr"], r + _authenticated(response), name),
        )

    def _check_auth(self, request: Message, response: Message) -> None:
        module = core.load()
        spis = response.spis
        prf, known = self.suites[spis].prf, self._keys(spis) or {}
        secret = bytes.fromhex(self.secrets["psk_hex"])
        int_auth = b"".join(self.int_auth.get(spis, ()))
        if int_auth:
            int_auth += request.header["message_id"].to_bytes(4, "big")
        for index, (side, message) in enumerate((("i", request), ("r", response))):
            identity = message.need("IDi" if side == "i" else "IDr")["octets"]
            real, nonce = self.init[spis][index], self.nonces[spis][1 - index]
            key = known[f"sk_p{side}"]
            signed = module.signed_octets(prf, real, nonce, key, identity, int_auth)
            expected = module.shared_key_auth(prf, secret, signed)
            self.tally.check("AUTH values", message.where, message.need("AUTH")["data"], expected)

    def _take_child(self, request: Message, response: Message, nonces: tuple[bytes, bytes]) -> None:
        chosen = keys.negotiated(response.need("SA")["proposals"][0])
        spi_i, spi_r = _spis(request, response)
        self.children[spi_i] = self.children[spi_r] = chosen
        if response.find("KE"):
            self.own_exchange += 1  # its secret is not written down
            return
        known = self._keys(response.spis) or {}
        derived = core.load().derive_child_keys(
            self.suites[response.spis].prf, chosen.suite, known["sk_d"], b"", *nonces
        )
        for spi, side in ((spi_r, "i"), (spi_i, "r")):
            entry = self._esp(spi)
            for name in ("encr", "integ"):
                where = f"{response.where} {name}_{side}"
                written = bytes.fromhex(entry[name]) if entry else None
                self.tally.check("Child SA keys", where, derived[f"{name}_{side}"], written)

    def _esp(self, spi: int) -> Secrets | None:
        return next((e for e in self.secrets["esp_sas"] if int(e["spi"], 16) == spi), None)

    def _open_packets(self, packets: list[Frame]) -> None:
        receivers: dict[int, Any] = {}
        for frame in packets:
            where = f"frame {frame.number}"
            entry, chosen = self._esp(frame.spi), self.children.get(frame.spi)
            if entry is None or chosen is None:
                self.tally.fail("ESP packets opened", where, "its SPI has no known keys")
                continue
            if frame.spi not in receivers:
                receivers[frame.spi] = core.load().InboundSa(
                    frame.spi,
                    chosen.suite,
                    bytes.fromhex(entry["encr"]),
                    bytes.fromhex(entry["integ"]),
                    esn=chosen.extended_sequence_numbers,
                    window=0,
                    sized=self.secrets.get("crypto_mode") == "sized",
                )
            reason, _, _ = receivers[frame.spi].open(frame.packet, frame.outer_length)
            self.tally.check("ESP packets opened", where, reason, "none")


def _authenticated(message: Message) -> bytes:
    """A | P: the headers of message and SK payload with lengths of the inner payloads alone."""
    octets, inner = message.frame.octets, message.plaintext
    sk = octets[28:30] + (4 + len(inner)).to_bytes(2, "big")
    return octets[:24] + (28 + 4 + len(inner)).to_bytes(4, "big") + sk + inner


def _spis(request: Message, response: Message) -> Spis:
    """The new SPIs of the exchange's initiator and responder."""
    chosen = response.need("SA")["proposals"][0]
    offered: list[Any] = request.need("SA")["proposals"]
    mine = next(p for p in offered if p["number"] == chosen["number"])
    return int.from_bytes(mine["spi"], "big"), int.from_bytes(chosen["spi"], "big")


def verify(capture: Path, path: Path, secrets: Secrets) -> Tally:
    """Opens everything; LabError for files that are no capture with its keys."""
    ike, esp = session.sorted_frames(capture)
    try:
        return _Opener(secrets).run(ike, esp)
    except Unsupported:
        raise
    except LabError as error:
        raise LabError(f"{capture}: {error}") from None
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise LabError(f"{path}: not the keys of a run: {type(error).__name__}: {error}") from None
