# SPDX-License-Identifier: BSD-3-Clause
"""What a case is: data, and a check.  The cases themselves are in cases.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ipseclab.interop.evidence import Evidence, Message
from ipseclab.interop.peer import IkeSa
from ipseclab.interop.settings import DEFAULT_ESP, NODE, PEER, Pair


class Differs(Exception):
    """The evidence is not what the case asks for; the message is one line."""


def require(holds: object, otherwise: str) -> None:
    """Differs unless it holds."""
    if not holds:
        raise Differs(otherwise)


def opposite(side: str) -> str:
    """The other side."""
    return PEER if side == NODE else NODE


Lists = tuple[IkeSa, ...]


@dataclass(frozen=True)
class Verb:
    """Something that either side can do to the SAs."""

    settled: Callable[[Lists, Lists], bool]  # from the peer's list before and now: it has happened
    seen: Callable[[Message], bool]  # whether a message is the request that does it
    exchange: str


def established(lists: Lists) -> Lists:
    """The IKE SAs that are up."""
    return tuple(sa for sa in lists if sa.state == "ESTABLISHED")


def installed(lists: Lists) -> set[tuple[int, int]]:
    """The SPIs of the Child SAs that are up."""
    return {(child.spi_in, child.spi_out) for sa in established(lists) for child in sa.installed}


def _spis(lists: Lists) -> set[tuple[int, int]]:
    return {(sa.spi_i, sa.spi_r) for sa in lists}


def _child_replaced(before: Lists, now: Lists) -> bool:
    return len(installed(now)) == len(installed(before)) and not installed(now) & installed(before)


def _ike_replaced(before: Lists, now: Lists) -> bool:
    return len(now) == len(established(now)) == len(before) and not _spis(now) & _spis(before)


VERBS: dict[str, Verb] = {
    "create_child": Verb(
        lambda before, now: len(installed(now)) == len(installed(before)) + 1,
        lambda message: message.has("TSi") and not message.has("N(REKEY_SA)"),
        "CREATE_CHILD_SA",
    ),
    "rekey_child": Verb(
        _child_replaced, lambda message: message.has("N(REKEY_SA)"), "CREATE_CHILD_SA"
    ),
    "rekey_ike": Verb(
        _ike_replaced,
        lambda message: message.has("SA") and not message.has("TSi"),
        "CREATE_CHILD_SA",
    ),
    "terminate_child": Verb(
        lambda before, now: len(established(now)) == len(before) and not installed(now),
        lambda message: message.has("D"),
        "INFORMATIONAL",
    ),
    "terminate": Verb(
        lambda before, now: not now, lambda message: message.has("D"), "INFORMATIONAL"
    ),
}


@dataclass(frozen=True)
class Step:
    """One side does one thing."""

    verb: str
    by: str


@dataclass(frozen=True)
class Case:
    """A row of the matrix."""

    name: str
    title: str
    begins: str = NODE
    steps: tuple[Step, ...] = ()
    comes_up: str = "child"  # or "ike": an IKE SA without Child SA; "nothing"
    node: Mapping[str, Any] = field(default_factory=dict)  # what differs from settings.End
    peer: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # what Peer.lacks is asked for
    check: Callable[[Evidence], None] = lambda evidence: None
    wait: float = 0.0  # seconds of silence after all steps, for what comes by time
    quick: bool = False  # part of the short matrix
    mtu: int = 1500  # of the link, octets of IP
    sizes: tuple[int, ...] = ()  # of pings both ways besides, octets of inner IP packets

    def pair(self, esp: tuple[str, ...] = (DEFAULT_ESP,)) -> Pair:
        """What both ends are told; ``esp``: where the case does not say what ESP proposals."""
        plain = Pair()
        return Pair(
            replace(plain.node, **{"esp": esp, **self.node}),
            replace(plain.peer, **{"esp": esp, **self.peer}),
            self.mtu,
        )


def judge(case: Case, evidence: Evidence, *, data: bool) -> None:
    """Differs when the evidence is against the case; what every case has to fulfil, then its own.

    ``data``: whether the peer can carry packets.
    """
    require(not evidence.fault, evidence.fault)
    _judge_handshake(case, evidence)
    for step in case.steps:
        _judge_step(step, evidence)
    for packet in evidence.esp:
        require(not packet.fault, f"ESP packet in frame {packet.frame}: {packet.fault}")
    if data and any(installed(lists) for lists in evidence.lists):
        require(not evidence.failed_pings, "; ".join(evidence.failed_pings))
        for side in (NODE, PEER):
            require(evidence.carried(side), f"no packet of the {side} in the tunnel")
        counted = [child for lists in evidence.lists for sa in lists for child in sa.children]
        for way in ("octets_in", "octets_out"):
            require(any(getattr(child, way) for child in counted), f"the peer lists no {way}")
    case.check(evidence)


def _judge_handshake(case: Case, evidence: Evidence) -> None:
    first = next((m for m in evidence.messages if m.exchange == "IKE_SA_INIT"), None)
    require(first, "no IKE_SA_INIT in the capture")
    assert first is not None
    require(first.by == case.begins, f"the {first.by} began, not the {case.begins}")
    up = evidence.lists[0] if evidence.lists else ()
    if case.comes_up == "nothing":
        require(not established(up), "the peer lists an IKE SA that must not come up")
        return
    require(len(established(up)) == 1, f"the peer lists {len(established(up))} IKE SAs, not 1")
    wanted = 1 if case.comes_up == "child" else 0
    require(
        len(installed(up)) == wanted, f"the peer lists {len(installed(up))} Child SAs, not {wanted}"
    )
    closed = [m for m in evidence.messages if not m.opened]
    require(not closed, f"IKE message in frame {closed[0].frame if closed else 0} does not open")
    proof = evidence.find("IKE_AUTH", opposite(case.begins), "AUTH", response=True)
    require(proof, "no IKE_AUTH response with AUTH in the capture")


def _judge_step(step: Step, evidence: Evidence) -> None:
    verb = VERBS[step.verb]
    requests = [m for m in evidence.find(verb.exchange, step.by) if verb.seen(m)]
    require(requests, f"no {step.verb} request of the {step.by} in the capture")
    answers = evidence.find(verb.exchange, opposite(step.by), response=True)
    answered = {(m.spi_i, m.spi_r, m.message_id) for m in answers}
    for message in requests:
        key = (message.spi_i, message.spi_r, message.message_id)
        require(key in answered, f"the request in frame {message.frame} has no response")
