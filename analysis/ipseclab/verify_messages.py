# SPDX-License-Identifier: BSD-3-Clause
"""The IKE messages of a recorded session: opened, joined and compared with the secrets file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipseclab import core, keys, session
from ipseclab.errors import LabError
from ipseclab.keys import IkeKeys, Secrets
from ipseclab.session import Frame
from ipseclab.tally import Tally

if TYPE_CHECKING:
    from ipseclab._core import IkeHeader, OpenedFragment, Payload

_HEADER = 28  # octets of the IKE header
_INITIATOR, _RESPONSE = 0x08, 0x20  # flags, RFC 7296, section 3.1
_SK, _SKF = 46, 53


@dataclass
class Message:
    """One IKE message with its payloads in clear."""

    frame: Frame
    header: IkeHeader
    payloads: list[Payload]
    plaintext: bytes = b""  # of what was encrypted, padding left out

    @property
    def where(self) -> str:
        return f"frame {self.frame.number}"

    @property
    def is_response(self) -> bool:
        return bool(self.header["flags"] & _RESPONSE)

    @property
    def from_initiator(self) -> bool:
        """Sent by the original initiator of the IKE SA."""
        return bool(self.header["flags"] & _INITIATOR)

    @property
    def spis(self) -> tuple[int, int]:
        return self.header["initiator_spi"], self.header["responder_spi"]

    def find(self, name: str) -> Payload | None:
        return keys.find(self.payloads, name)

    def need(self, name: str) -> Payload:
        payload = self.find(name)
        if payload is None:
            raise LabError(f"{self.where}: payload {name} is missing")
        return payload


@dataclass
class MessageReader:
    """Opens messages with the keys of the IKE SAs that are known so far."""

    recorded: session.Session
    tally: Tally = field(default_factory=Tally)
    ike_sas: dict[tuple[int, int], IkeKeys] = field(default_factory=dict)
    fragments: dict[tuple[object, ...], list[OpenedFragment]] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)

    def read(self, frame: Frame, entry: Secrets) -> Message | None:
        """The message with its payloads in clear; None when it is none or not yet whole."""
        module = core.load()
        where = f"frame {frame.number}"
        try:
            header, outer = module.parse_ike(frame.octets)
        except module.ParseError as error:
            self.tally.fail("IKE messages", where, f"does not parse: {error}")
            return None
        self._compare_header(frame, header, entry)
        message = Message(frame, header, outer)
        kinds = [payload["type"] for payload in outer]
        if _SK in kinds or _SKF in kinds:
            opened = self._join(message, entry) if _SKF in kinds else self._open(message, entry)
            if opened is None:
                return None
            message.payloads = opened
        else:
            self._compare_clear(message)
            self._not_there(message, entry, "plaintext", "first_inner_payload")
        if _SKF not in kinds:
            self._not_there(message, entry, "fragment", "reassembled")
        names = [payload["name"] for payload in message.payloads]
        self.tally.check("payload chains parsed", where, names, entry.get("payloads"))
        return message

    def _compare_header(self, frame: Frame, header: IkeHeader, entry: Secrets) -> None:
        got = {
            "exchange": header["exchange_name"],
            "message_id": header["message_id"],
            "flags": header["flags"],
            "spi_i": f"{header['initiator_spi']:016x}",
            "spi_r": f"{header['responder_spi']:016x}",
            "length": header["length"],
            "src": frame.source,
            "dst": frame.destination,
            "non_esp_marker": frame.marker,
            "retransmission": frame.octets in self.seen,
            "kind": "ike",
            "role": "response" if header["flags"] & _RESPONSE else "request",
        }
        self.seen.add(frame.octets)
        defaults = {"non_esp_marker": False, "retransmission": False}
        wrong = [name for name in got if got[name] != entry.get(name, defaults.get(name))]
        self.tally.count("IKE messages", not wrong)
        for name in wrong:
            self.tally.differences.append(
                f"frame {frame.number}: {name}: got {got[name]}, expected {entry.get(name)}"
            )

    def _not_there(self, message: Message, entry: Secrets, *names: str) -> None:
        for name in names:
            if entry.get(name) is not None:
                where = f"{message.where} {name}"
                self.tally.check("IKE messages opened", where, None, entry[name])

    def _compare_clear(self, message: Message) -> None:
        module = core.load()
        octets = message.frame.octets
        again = module.serialize_payloads(octets[16], octets[_HEADER:])
        self.tally.check("payload chains serialised", message.where, again, octets[_HEADER:])

    def _open(self, message: Message, entry: Secrets) -> list[Payload] | None:
        module = core.load()
        sa = self.ike_sas.get(message.spis)
        if sa is None:
            self.tally.fail("IKE messages opened", message.where, "its IKE SA has no known keys")
            return None
        try:
            opened = module.open_ike(message.frame.octets, *sa.protection(message.from_initiator))
        except (module.OpenError, module.ParseError) as error:
            self.tally.fail("IKE messages opened", message.where, str(error))
            return None
        plaintext, first = opened["plaintext"], opened["first_inner"]
        wanted = entry.get("first_inner_payload")
        self.tally.check("IKE messages opened", message.where, first, wanted)
        self.tally.check(
            "IKE plaintexts", message.where, plaintext, keys.octets(entry, "plaintext")
        )
        again = module.serialize_payloads(first, plaintext)
        self.tally.check("payload chains serialised", message.where, again, plaintext)
        payloads: list[Payload] = opened["payloads"]
        return payloads

    def _join(self, message: Message, entry: Secrets) -> list[Payload] | None:
        """RFC 7383: the payloads of the whole message, with its last fragment."""
        module = core.load()
        where = message.where
        sa = self.ike_sas.get(message.spis)
        if sa is None:
            self.tally.fail("IKE fragments opened", where, "its IKE SA has no known keys")
            return None
        try:
            opened = module.open_ike_fragment(
                message.frame.octets, *sa.protection(message.from_initiator)
            )
        except (module.OpenError, module.ParseError) as error:
            self.tally.fail("IKE fragments opened", where, str(error))
            return None
        place = {"number": opened["number"], "total": opened["total"]}
        self.tally.check("IKE fragments opened", where, place, entry.get("fragment"))
        first, plaintext = opened["first_inner"], opened["plaintext"]
        wanted = keys.octets(entry, "plaintext")
        self.tally.check("IKE fragment types", where, first, entry.get("first_inner_payload"))
        self.tally.check("IKE fragment plaintexts", where, plaintext, wanted)
        key = (*message.spis, message.header["flags"], message.header["message_id"])
        parts = self.fragments.setdefault((*key, opened["total"]), [])
        new = all(part["number"] != opened["number"] for part in parts)
        if new:
            parts.append(opened)
        if len(parts) < opened["total"] or not (new or "reassembled" in entry):
            self._not_there(message, entry, "reassembled", "payloads")
            return None
        parts.sort(key=lambda part: part["number"])
        chain = b"".join(part["plaintext"] for part in parts)
        self.tally.check("IKE plaintexts", where, chain, keys.octets(entry, "reassembled"))
        again = module.serialize_payloads(parts[0]["first_inner"], chain)
        self.tally.check("payload chains serialised", where, again, chain)
        payloads: list[Payload] = module.parse_payloads(parts[0]["first_inner"], chain)
        return payloads
