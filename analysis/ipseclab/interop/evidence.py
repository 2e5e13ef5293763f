# SPDX-License-Identifier: BSD-3-Clause
"""What went over the wire of a cell: every IKE message in clear and every ESP packet opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dpkt

from ipseclab import core, session
from ipseclab.interop.peer import IkeSa
from ipseclab.interop.settings import NODE, PEER, Pair

if TYPE_CHECKING:
    from ipseclab._core import CipherSuite, IkeHeader, InboundSa, OpenedFragment, Payload

_INITIATOR, _RESPONSE = 0x08, 0x20  # flags, RFC 7296, section 3.1
_SK, _SKF = 46, 53
_ICMP = 1
_PORT_NAT_TRAVERSAL = 4500


@dataclass(frozen=True)
class Message:
    """One IKE message; of a fragmented one, the whole with its last fragment."""

    frame: int  # in the capture
    by: str  # NODE or PEER
    exchange: str  # "IKE_SA_INIT", ...
    message_id: int
    response: bool
    spi_i: int
    spi_r: int
    payloads: tuple[Payload, ...]  # in clear
    opened: bool  # False: protected, and there was no key
    fragments: int = 1
    port: int = 500  # of the sender

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the payloads in clear, as in "N(COOKIE)"."""
        return tuple(payload["name"] for payload in self.payloads)

    def has(self, name: str) -> bool:
        return name in self.names


@dataclass(frozen=True)
class EspPacket:
    """One ESP packet."""

    frame: int
    by: str
    spi: int
    encapsulated: bool  # in UDP
    fault: str  # why it did not open; empty when it did
    source: str = ""  # of the inner packet
    destination: str = ""
    protocol: int = 0
    octets: int = 0  # of the inner packet
    sizes: tuple[int, ...] = ()  # of the outer packet, or of each of its fragments, octets


@dataclass
class Evidence:
    """All that a verdict rests on."""

    pair: Pair
    messages: list[Message]
    esp: list[EspPacket]
    lists: list[tuple[IkeSa, ...]] = field(default_factory=list)  # the peer's SAs, step by step
    failed_pings: list[str] = field(default_factory=list)
    fault: str = ""  # what did not happen in time; empty when all did
    cuts_inside: bool = False  # Peer.cuts_inside
    told: dict[int, int | None] = field(default_factory=dict)  # Peer.told, by octets

    def find(
        self, exchange: str, by: str, *names: str, response: bool = False, absent: str = ""
    ) -> list[Message]:
        """Messages of one side that have all these payloads and not the absent one."""
        return [
            message
            for message in self.messages
            if message.exchange == exchange
            and message.by == by
            and message.response == response
            and all(message.has(name) for name in names)
            and not (absent and message.has(absent))
        ]

    def carried(self, by: str) -> int:
        """ICMP packets between the inner addresses that one side has sealed."""
        own, other = (
            (self.pair.node, self.pair.peer) if by == NODE else (self.pair.peer, self.pair.node)
        )
        return sum(
            packet.by == by
            and (packet.source, packet.destination) == (own.inner, other.inner)
            and packet.protocol == _ICMP
            for packet in self.esp
        )


class Reader:
    """Opens a capture with the keys that were recorded for its SAs."""

    def __init__(self, pair: Pair, keys: Iterable[Mapping[str, Any]]) -> None:
        self._transport = pair.node.transport
        self._ends = {pair.node.address: NODE, pair.peer.address: PEER}
        self._ike: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._esp: dict[int, InboundSa] = {}
        self._parts: dict[tuple[object, ...], dict[int, OpenedFragment]] = {}
        for event in keys:
            if event["event"] == "ike-established":
                self._ike[event["spi_i"], event["spi_r"]] = event
            elif event["event"] == "child-installed":
                self._add_child(event)

    def _add_child(self, event: Mapping[str, Any]) -> None:
        module = core.load()
        suite = module.CipherSuite(event["encryption"], event["key_bits"], event["integrity"])
        for way in ("in", "out"):
            self._esp[event[f"spi_{way}"]] = module.InboundSa(
                event[f"spi_{way}"],
                suite,
                bytes.fromhex(event[f"encryption_{way}"]),
                bytes.fromhex(event[f"integrity_{way}"]),
                esn=event["esn"],
                window=0,
                transport=self._transport,
            )

    def read(self, capture: Path) -> tuple[list[Message], list[EspPacket]]:
        """Everything in the capture that is of either end."""
        messages: list[Message] = []
        packets: list[EspPacket] = []
        for kind, frame in session.frames(capture):
            by = self._ends.get(frame.source.partition(":")[0])
            if by is None:
                continue
            if kind == "esp":
                packets.append(self._open_esp(frame, by))
            else:
                message = self._open_ike(frame, by)
                if message is not None:
                    messages.append(message)
        return messages, packets

    def _open_esp(self, frame: session.Frame, by: str) -> EspPacket:
        encapsulated = ":" in frame.source
        sa = self._esp.get(frame.spi)
        if sa is None:
            return EspPacket(frame.number, by, frame.spi, encapsulated, "no key")
        fault, _, inner = sa.open(frame.packet, frame.outer_length)
        if fault != "none":
            return EspPacket(frame.number, by, frame.spi, encapsulated, fault)
        packet = dpkt.ip.IP(inner)
        source = ".".join(str(octet) for octet in packet.src)
        destination = ".".join(str(octet) for octet in packet.dst)
        return EspPacket(
            frame.number,
            by,
            frame.spi,
            encapsulated,
            "",
            source,
            destination,
            packet.p,
            packet.len,
            frame.sizes,
        )

    def _open_ike(self, frame: session.Frame, by: str) -> Message | None:
        """None for what is no IKE message, or a fragment of one that is not whole yet."""
        module = core.load()
        try:
            header, payloads = module.parse_ike(frame.octets)
        except module.ParseError:
            return None
        kinds = [payload["type"] for payload in payloads]
        opened, fragments = True, 1
        if _SK in kinds or _SKF in kinds:
            try:
                found = self._open_payloads(frame, header, _SKF in kinds)
            except module.OpenError:
                found = None
            if found is None:
                payloads, opened = [], False
            else:
                payloads, fragments = found
                if not fragments:
                    return None
        return Message(
            frame.number,
            by,
            header["exchange_name"],
            header["message_id"],
            bool(header["flags"] & _RESPONSE),
            header["initiator_spi"],
            header["responder_spi"],
            tuple(payloads),
            opened,
            fragments,
            int(frame.source.partition(":")[2] or 0),
        )

    def _open_payloads(
        self, frame: session.Frame, header: IkeHeader, fragment: bool
    ) -> tuple[list[Payload], int] | None:
        """The payloads in clear and how many fragments they came in; 0: not all are there yet."""
        keys = self._ike.get((header["initiator_spi"], header["responder_spi"]))
        if keys is None:
            return None
        module = core.load()
        protection = _protection(keys, bool(header["flags"] & _INITIATOR))
        if not fragment:
            return module.open_ike(frame.octets, *protection)["payloads"], 1
        part = module.open_ike_fragment(frame.octets, *protection)
        key = (header["initiator_spi"], header["flags"], header["message_id"], part["total"])
        parts = self._parts.setdefault(key, {})
        parts[part["number"]] = part
        if len(parts) < part["total"]:
            return [], 0
        chain = b"".join(parts[number]["plaintext"] for number in sorted(parts))
        return module.parse_payloads(parts[1]["first_inner"], chain), len(parts)


def _protection(keys: Mapping[str, Any], from_initiator: bool) -> tuple[CipherSuite, bytes, bytes]:
    side = "i" if from_initiator else "r"
    suite = core.load().CipherSuite(keys["encryption"], keys["key_bits"], keys["integrity"])
    return suite, bytes.fromhex(keys[f"sk_e{side}"]), bytes.fromhex(keys[f"sk_a{side}"])
