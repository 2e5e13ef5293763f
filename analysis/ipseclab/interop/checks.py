# SPDX-License-Identifier: BSD-3-Clause
"""What single cases look at, beyond what all have to fulfil: each raises Differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipseclab import core
from ipseclab.interop import suites
from ipseclab.interop.case import established, installed, opposite, require
from ipseclab.interop.evidence import Evidence
from ipseclab.interop.settings import NODE, PEER

_SHARED_KEY_MIC = 2  # AUTH method
_SIDES = (NODE, PEER)


def _chosen(payload_owner: Evidence, exchange: str) -> list[dict[int, tuple[int, int]]]:
    """The transforms that responders chose: type to number and key bits; retransmissions once."""
    found = {}
    for side in _SIDES:
        for message in payload_owner.find(exchange, side, "SA", response=True):
            for payload in message.payloads:
                if payload["name"] == "SA":
                    transforms = payload["proposals"][0]["transforms"]
                    place = (message.spi_i, message.spi_r, message.message_id)
                    found[place] = {t["type"]: (t["id"], t["key_bits"]) for t in transforms}
    return list(found.values())


def suite(ike: str, esp: str) -> Callable[[Evidence], None]:
    """Exactly these algorithms were chosen."""

    def check(evidence: Evidence) -> None:
        wanted = [("IKE_SA_INIT", suites.ike(ike))]
        if installed(evidence.lists[0]):
            wanted.append(("IKE_AUTH", suites.child(esp)))
        for exchange, one in wanted:
            answers = _chosen(evidence, exchange)
            require(len(answers) == 1, f"{len(answers)} {exchange} responses with SA, not 1")
            got = answers[0]
            require(got[1][0] == one["encryption"], f"{exchange}: encryption {got[1][0]} chosen")
            bits = got[1][1] or 256
            require(bits == one["key_bits"], f"{exchange}: {bits} key bits chosen")
            require(got.get(3, (0, 0))[0] == one["integrity"], f"{exchange}: other integrity")
            if exchange == "IKE_SA_INIT":
                require(got[2][0] == one["prf"], f"PRF {got[2][0]} chosen")
                require(got[4][0] == one["group"], f"group {got[4][0]} chosen")
            else:
                require(got[5][0] == int(one["esn"]), f"ESN {got[5][0]} chosen")

    return check


def key_exchange_in_rekey(evidence: Evidence) -> None:
    """Every rekeying of a Child SA had KE payloads in both directions."""
    for side in _SIDES:
        require(
            evidence.find("CREATE_CHILD_SA", side, "N(REKEY_SA)", "KE"),
            f"no rekey request with KE of the {side}",
        )
        require(
            evidence.find("CREATE_CHILD_SA", side, "SA", "KE", response=True),
            f"no rekey response with KE of the {side}",
        )


def childless(evidence: Evidence) -> None:
    """IKE_AUTH made no Child SA, and was not asked for one (RFC 6023)."""
    for message in evidence.messages:
        asks = message.exchange == "IKE_AUTH" and (message.has("SA") or message.has("TSi"))
        require(not asks, f"IKE_AUTH in frame {message.frame} asks for a Child SA")


def transport(evidence: Evidence) -> None:
    """Both sides said USE_TRANSPORT_MODE."""
    for response in (False, True):
        found = [
            m
            for side in _SIDES
            for m in evidence.find(
                "IKE_AUTH", side, "SA", "N(USE_TRANSPORT_MODE)", response=response
            )
        ]
        require(found, f"no USE_TRANSPORT_MODE in the {'response' if response else 'request'}")


def liveness(by: str) -> Callable[[Evidence], None]:
    """One side asked, without payloads, and the other answered."""

    def check(evidence: Evidence) -> None:
        asked = [m for m in evidence.find("INFORMATIONAL", by) if not m.payloads]
        answers = evidence.find("INFORMATIONAL", opposite(by), response=True)
        answered = {(m.spi_i, m.spi_r, m.message_id) for m in answers}
        require(asked, f"no liveness check of the {by}")
        for message in asked:
            key = (message.spi_i, message.spi_r, message.message_id)
            require(key in answered, f"no answer to the check in frame {message.frame}")

    return check


def cookie(by: str) -> Callable[[Evidence], None]:
    """The demand, and the request that repeats the cookie first of all payloads."""

    def check(evidence: Evidence) -> None:
        demands = evidence.find("IKE_SA_INIT", by, "N(COOKIE)", response=True)
        require(demands, f"the {by} demands no cookie")
        given = [
            m
            for m in evidence.find("IKE_SA_INIT", opposite(by), "N(COOKIE)", "SA")
            if m.names[0] == "N(COOKIE)"
        ]
        require(given, "no request with the cookie in front")
        cookies = {m.payloads[0]["data"] for m in demands}
        require(given[0].payloads[0]["data"] in cookies, "another cookie came back")

    return check


def invalid_ke(by: str) -> Callable[[Evidence], None]:
    """The demand for another group, and the request with it."""

    def check(evidence: Evidence) -> None:
        demands = evidence.find("IKE_SA_INIT", by, "N(INVALID_KE_PAYLOAD)", response=True)
        require(demands, f"the {by} asks for no other group")
        wanted = int.from_bytes(demands[0].payloads[0]["data"], "big")
        groups = [
            payload["group"]
            for message in evidence.find("IKE_SA_INIT", opposite(by), "KE")
            for payload in message.payloads
            if payload["name"] == "KE"
        ]
        require(len(set(groups)) == 2, f"groups of the requests: {groups}, not two")
        require(groups[-1] == wanted, f"group {groups[-1]} used, {wanted} asked for")

    return check


def signatures(evidence: Evidence) -> None:
    """Both sides proved themselves by a signature and sent a certificate."""
    for side in _SIDES:
        found = [
            m
            for response in (False, True)
            for m in evidence.find("IKE_AUTH", side, "AUTH", "CERT", response=response)
        ]
        require(found, f"no AUTH with CERT of the {side}")
        methods = [p["method"] for m in found for p in m.payloads if p["name"] == "AUTH"]
        require(_SHARED_KEY_MIC not in methods, f"the {side} used a pre-shared key")


def fragments(evidence: Evidence) -> None:
    """IKE_AUTH went in fragments in both directions."""
    signatures(evidence)
    for side in _SIDES:
        found = [
            m.fragments
            for response in (False, True)
            for m in evidence.find("IKE_AUTH", side, response=response)
        ]
        require(max(found, default=0) > 1, f"IKE_AUTH of the {side} is in one piece")


def refused(evidence: Evidence) -> None:
    """IKE_AUTH was exchanged, and nothing is left."""
    for side in _SIDES:
        sent = [m for m in evidence.messages if m.exchange == "IKE_AUTH" and m.by == side]
        require(sent, f"no IKE_AUTH of the {side}")
    require(not evidence.esp, "ESP packets in the capture")


def no_proposal(evidence: Evidence) -> None:
    """NO_PROPOSAL_CHOSEN, and no IKE_AUTH after it."""
    first = evidence.messages[0].by
    notified = evidence.find("IKE_SA_INIT", opposite(first), "N(NO_PROPOSAL_CHOSEN)", response=True)
    require(notified, "no NO_PROPOSAL_CHOSEN in the capture")
    require(all(m.exchange == "IKE_SA_INIT" for m in evidence.messages), "it went on all the same")


def selectors_refused(by: str) -> Callable[[Evidence], None]:
    """The responder refused the selectors, and the IKE SA stayed."""

    def check(evidence: Evidence) -> None:
        found = evidence.find("IKE_AUTH", by, "N(TS_UNACCEPTABLE)", "AUTH", response=True)
        require(found, f"no TS_UNACCEPTABLE of the {by}")
        require(established(evidence.lists[-1]), "the IKE SA did not stay")

    return check


_IPV4, _UDP, _ESP = 20, 8, 8  # octets of headers
_CBC = 12  # the cipher whose IV has 16 octets, where those of others have 8


@dataclass(frozen=True)
class _Tunnel:
    """What the model says of sizes, octets of IP."""

    suite: dict[str, Any]  # by IANA numbers
    encapsulated: bool
    mtu: int

    def sealed(self, octets: int) -> int:
        """An inner packet of that many octets as an ESP packet."""
        names = ("encryption", "key_bits", "integrity")
        suite = core.load().CipherSuite(*(self.suite[name] for name in names))
        sa = core.load().OutboundSa(
            1, suite, bytes(suite.keying_material), bytes(suite.integrity_key_length)
        )
        header = b"\x45\0" + octets.to_bytes(2, "big") + bytes(16)
        length = len(sa.seal(header.ljust(octets, b"\0"), 1))
        return length + (_UDP if self.encapsulated else 0)

    def largest(self) -> int:
        """The largest inner packet that goes in one piece."""
        return next(octets for octets in range(self.mtu, 0, -1) if self.sealed(octets) <= self.mtu)

    def pieces(self, octets: int) -> list[int]:
        """What an inner packet goes in."""
        return _cut(self.sealed(octets), self.mtu)

    def pieces_inside(self, octets: int) -> list[int]:
        """The same as Linux does with its own: cut to what fits inside, the trailer behind."""
        sealed = self.sealed(octets)
        if sealed <= self.mtu:
            return [sealed]
        iv = 16 if self.suite["encryption"] == _CBC else 8
        udp = _UDP if self.encapsulated else 0
        trailer = sealed - _IPV4 - udp - _ESP - iv - octets
        pieces = _cut(sealed - trailer, self.largest())
        return [*pieces[:-1], pieces[-1] + trailer]


def _cut(octets: int, mtu: int) -> list[int]:
    """The fragments of an IPv4 packet (RFC 791, section 3.2)."""
    step = (mtu - _IPV4) // 8 * 8
    data, found = octets - _IPV4, []
    while _IPV4 + data > mtu:
        found.append(_IPV4 + step)
        data -= step
    return [*found, _IPV4 + data]


def path_mtu(evidence: Evidence) -> None:
    """Every packet has the size that the model says, and is cut to the link as it should be."""
    for side in _SIDES:
        carried = [packet for packet in evidence.esp if packet.by == side]
        missing = set(evidence.told) - {packet.octets for packet in carried}
        require(not missing, f"no packet of {sorted(missing)} octets of the {side}")
        tunnel = _Tunnel(
            suites.child(evidence.pair.node.esp[0]), carried[0].encapsulated, evidence.pair.mtu
        )
        inside = side == PEER and evidence.cuts_inside
        for packet in carried:
            expected = (tunnel.pieces_inside if inside else tunnel.pieces)(packet.octets)
            require(
                list(packet.sizes) == expected,
                f"{packet.octets} octets of the {side} in {list(packet.sizes)}, not {expected}",
            )
    if evidence.cuts_inside:
        for octets, told in evidence.told.items():
            wanted = tunnel.largest() if octets > tunnel.largest() else None
            require(told == wanted, f"with DF, {octets} octets: told {told}, not {wanted}")
