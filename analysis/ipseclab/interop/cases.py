# SPDX-License-Identifier: BSD-3-Clause
"""The cases of the matrix.  To add one, add it to CASES; checks.py has what they look at."""

from __future__ import annotations

from collections.abc import Iterator

from ipseclab.interop import checks
from ipseclab.interop.case import Case, Step
from ipseclab.interop.settings import (
    DEFAULT_ESP,
    DEFAULT_IKE,
    NODE,
    NODE_ADDRESS,
    PEER,
    PEER_ADDRESS,
)

# Every transform of the model at least once, in IKE and in ESP.
_SUITES = (
    ("aes128gcm16-prfsha256-modp2048", "aes128gcm16"),
    ("aes256gcm16-prfsha384-ecp384", "aes256gcm16"),
    ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305"),
    ("aes128-sha256-modp3072", "aes128-sha256"),
    ("aes256-sha384-modp4096", "aes256-sha384"),
    ("aes256-sha512-ecp521", "aes256-sha512"),
    ("aes128gcm16-prfsha512-ecp256", "aes128gcm16"),
    ("aes128gcm16-prfsha256-x25519", "aes128gcm16-esn"),
)


def _both_ways(name: str, title: str, verb: str, needs: tuple[str, ...] = ()) -> Iterator[Case]:
    """A verb by either side, each with the other as initiator of the IKE SA too."""
    for by in (NODE, PEER):
        for begins in (NODE, PEER):
            yield Case(
                f"{name}-by-{by}-{begins}-began",
                f"{title} by the {by}; the {begins} began",
                begins=begins,
                steps=(Step(verb, by),),
                needs=needs,
                quick=by != begins,
            )


def _suites() -> Iterator[Case]:
    for ike, esp in _SUITES:
        for begins in (NODE, PEER):
            ends = {"ike": (ike,), "esp": (esp,)}
            yield Case(
                f"suite-{ike}{'-esn' if esp.endswith('-esn') else ''}-{begins}-began",
                f"{ike}, ESP {esp}; the {begins} began",
                begins=begins,
                node=ends,
                peer=ends,
                needs=(f"ike:{ike}", f"esp:{esp}"),
                check=checks.suite(ike, esp),
            )


def _second_group(responder: bool) -> tuple[str, ...]:
    """The responder takes only the group that the initiator does not try first."""
    second = "aes128gcm16-prfsha256-ecp256"
    return (second,) if responder else (DEFAULT_IKE, second)


CASES: tuple[Case, ...] = (
    *(
        Case(
            f"handshake-{begins}-began",
            f"handshake and pings both ways; the {begins} began",
            begins=begins,
            quick=True,
        )
        for begins in (NODE, PEER)
    ),
    *_both_ways("child-rekey", "Child SA rekeyed", "rekey_child", needs=("child",)),
    *_both_ways("ike-rekey", "IKE SA rekeyed", "rekey_ike"),
    *_both_ways("child-delete", "Child SA deleted", "terminate_child", needs=("child",)),
    *_both_ways("delete", "IKE SA deleted", "terminate"),
    *_suites(),
    Case(
        "child-rekey-pfs",
        "Child SA rekeyed with a key exchange, by both sides",
        steps=(Step("rekey_child", NODE), Step("rekey_child", PEER)),
        node={"esp": (f"{DEFAULT_ESP}-x25519",)},
        peer={"esp": (f"{DEFAULT_ESP}-x25519",)},
        needs=("child", "pfs"),
        check=checks.key_exchange_in_rekey,
    ),
    Case(
        "all-rekeys",
        "Child, IKE and Child SA again rekeyed by both sides in turn, then deleted",
        begins=PEER,
        steps=(
            Step("rekey_child", NODE),
            Step("rekey_ike", PEER),
            Step("rekey_child", PEER),
            Step("rekey_ike", NODE),
            Step("rekey_child", NODE),
            Step("terminate", PEER),
        ),
        needs=("child",),
    ),
    *(
        Case(
            f"childless-{begins}-began",
            f"an IKE SA without Child SA, then one; the {begins} began both",
            begins=begins,
            comes_up="ike",
            steps=(Step("create_child", begins),),
            node={"childless": True},
            peer={"childless": True},
            needs=("child", "childless"),
            check=checks.childless,
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"transport-{begins}-began",
            f"transport mode between the two hosts, Child SA rekeyed; the {begins} began",
            begins=begins,
            steps=(Step("rekey_child", NODE), Step("rekey_child", PEER)),
            node={"transport": True, "inner": NODE_ADDRESS, "remote_inner": PEER_ADDRESS},
            peer={"transport": True, "inner": PEER_ADDRESS, "remote_inner": NODE_ADDRESS},
            needs=("child", "transport"),
            check=checks.transport,
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"dpd-by-{by}",
            f"liveness checks by the {by}",
            node={"dpd": 1.0} if by == NODE else {},
            peer={"dpd": 1.0} if by == PEER else {},
            wait=3.0,
            needs=(f"dpd-by-{by}",),
            check=checks.liveness(by),
        )
        for by in (NODE, PEER)
    ),
    *(
        Case(
            f"cookie-by-{by}",
            f"the {by} demands a cookie",
            begins=NODE if by == PEER else PEER,
            node={"cookies": by == NODE},
            peer={"cookies": by == PEER},
            needs=(f"cookie-by-{by}",),
            check=checks.cookie(by),
        )
        for by in (NODE, PEER)
    ),
    *(
        Case(
            f"invalid-ke-by-{by}",
            f"the {by} wants the initiator's second group",
            begins=NODE if by == PEER else PEER,
            node={"ike": _second_group(by == NODE)},
            peer={"ike": _second_group(by == PEER)},
            needs=("invalid-ke",),
            check=checks.invalid_ke(by),
        )
        for by in (NODE, PEER)
    ),
    *(
        Case(
            f"certificates-{kind}-{begins}-began",
            f"{kind} certificates under a CA; the {begins} began",
            begins=begins,
            node={"auth": kind},
            peer={"auth": kind},
            needs=("certificates", f"certificates:{kind}"),
            check=checks.signatures,
        )
        for kind in ("ecdsa", "rsa", "ed25519")
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"fragmentation-{begins}-began",
            f"IKE_AUTH in fragments of 576 octets; the {begins} began",
            begins=begins,
            node={"auth": "rsa", "fragment_size": 576},
            peer={"auth": "rsa", "fragment_size": 576},
            needs=("certificates", "fragmentation"),
            check=checks.fragments,
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"wrong-psk-{begins}-began",
            f"another pre-shared key at the node; the {begins} began",
            begins=begins,
            comes_up="nothing",
            node={"psk": "not the key that the peer has got"},
            check=checks.refused,
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"no-proposal-{begins}-began",
            f"no common IKE suite; the {begins} began",
            begins=begins,
            comes_up="nothing",
            node={"ike": ("aes256gcm16-prfsha384-ecp384",)},
            check=checks.no_proposal,
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"ts-mismatch-{begins}-began",
            f"no common traffic selector; the {begins} began",
            begins=begins,
            comes_up="ike",
            node={"remote_inner": "10.9.0.1"},
            needs=("ts-mismatch",),
            check=checks.selectors_refused(PEER if begins == NODE else NODE),
        )
        for begins in (NODE, PEER)
    ),
    *(
        Case(
            f"path-mtu-{mtu}",
            f"a link of {mtu} octets: what fits into one ESP packet, and what does not",
            needs=("child",),
            check=checks.path_mtu,
            mtu=mtu,
            # About the largest that fits with and without UDP, and the largest of the link.
            sizes=(mtu - 62, mtu - 61, mtu - 54, mtu - 53, mtu),
            quick=mtu == 1280,
        )
        for mtu in (1280, 576)
    ),
)
