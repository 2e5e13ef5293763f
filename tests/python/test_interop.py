# SPDX-License-Identifier: BSD-3-Clause
"""``ipseclab interop``: what is read, judged and written; and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dpkt
import pytest
from conftest import Cli, default_interrupt, environment

from ipseclab import session
from ipseclab.errors import LabError
from ipseclab.interop import case as cases
from ipseclab.interop import (
    cell,
    checks,
    libreswan,
    matrix,
    openiked,
    peer,
    report,
    sandbox,
    strongswan,
    suites,
)
from ipseclab.interop.case import Case, Differs, Step, judge
from ipseclab.interop.cases import CASES
from ipseclab.interop.cell import FAIL, PASS, UNSUPPORTED, Result
from ipseclab.interop.evidence import EspPacket, Evidence, Message
from ipseclab.interop.peer import ChildSa, IkeSa
from ipseclab.interop.sandbox import CellFault, Sandbox
from ipseclab.interop.settings import NODE, PEER, Pair
from ipseclab.interop.strongswan import StrongSwan

# As swanctl 5.9.8 prints it.
LISTED = """\
list-sa event {lab {uniqueid=2 version=2 state=ESTABLISHED local-host=192.0.2.1 local-port=4500 \
initiator-spi=06225002a84b8cce responder-spi=9b0e7ddde43d6df2 encr-alg=AES_GCM_16 encr-keysize=128 \
prf-alg=PRF_HMAC_SHA2_256 dh-group=CURVE_25519 established=0 tasks-active=[IKE_DPD IKE_REKEY] \
child-sas {net-1 {name=net uniqueid=1 reqid=1 state=INSTALLED mode=TUNNEL protocol=ESP encap=yes \
spi-in=c8a73b2f spi-out=21e4c2aa encr-alg=AES_GCM_16 encr-keysize=128 bytes-in=84 packets-in=1 \
bytes-out=168 packets-out=2 local-ts=[10.1.0.1/32] remote-ts=[10.2.0.1/32]}}}}
list-sa event {(unnamed) {uniqueid=1 version=2 state=CONNECTING initiator-spi=06eb898ec1e55c4e \
responder-spi=a326d9ad0914aa89 child-sas {}}}
list-sas reply {}
"""

needs_root = pytest.mark.skipif(bool(sandbox.require_root()), reason="needs root and iproute2")
needs_charon = pytest.mark.skipif(
    bool(matrix.obstacle() or StrongSwan.missing()), reason="needs root and strongSwan"
)


# ---- sizes

# Octets of inner packets, and what strongSwan (ESP in UDP) and a Linux kernel sent them in over a
# link of 1280 octets.
IN_UDP = {1218: (1280,), 1219: (1276, 28), 1280: (1276, 88)}
NODE_TO_LINUX = {1226: (1280,), 1227: (1276, 28), 1280: (1276, 80)}
FROM_LINUX = {1226: (1280,), 1227: (1220, 84), 1280: (1220, 136)}


def sized(
    of_node: dict[int, tuple[int, ...]], of_peer: dict[int, tuple[int, ...]], *, kernel: bool
) -> Evidence:
    """The evidence of a cell with these packets; the kernel is told what it should be."""
    packets = [
        EspPacket(1, by, 1, not kernel, "", octets=octets, sizes=sizes)
        for by, sent in ((NODE, of_node), (PEER, of_peer))
        for octets, sizes in sent.items()
    ]
    told = {octets: 1226 if kernel and octets > 1226 else None for octets in of_node}
    return Evidence(Pair(mtu=1280), [], packets, cuts_inside=kernel, told=told)


@pytest.mark.core
def test_sizes_are_judged() -> None:
    checks.path_mtu(sized(IN_UDP, IN_UDP, kernel=False))
    checks.path_mtu(sized(NODE_TO_LINUX, FROM_LINUX, kernel=True))
    with pytest.raises(Differs, match=r"1219 octets of the peer in \[1280, 24\], not \[1276, 28\]"):
        checks.path_mtu(sized(IN_UDP, {**IN_UDP, 1219: (1280, 24)}, kernel=False))
    with pytest.raises(Differs, match="1227 octets of the peer"):
        checks.path_mtu(sized(NODE_TO_LINUX, NODE_TO_LINUX, kernel=True))
    with pytest.raises(Differs, match=r"no packet of \[1280\] octets of the peer"):
        checks.path_mtu(sized(IN_UDP, {1218: (1280,), 1219: (1276, 28)}, kernel=False))
    deaf = sized(NODE_TO_LINUX, FROM_LINUX, kernel=True)
    deaf.told[1227] = None
    with pytest.raises(Differs, match="with DF, 1227 octets: told None, not 1226"):
        checks.path_mtu(deaf)


def test_fragments_of_a_capture_are_joined(tmp_path: Path) -> None:
    """In any order, and of several packets at a time; what is not whole is not there."""

    def fragment(identification: int, more: bool, offset: int, data: bytes) -> bytes:
        place = (0x2000 if more else 0) | offset // 8
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), identification, place, 64, 50, 0)
        return bytes(12) + b"\x08\0" + header + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + data

    data = struct.pack(">II", 0x1234, 7) + bytes(range(92))
    frames = [
        fragment(7, False, 64, data[64:]),
        fragment(8, True, 0, bytes(64)),
        fragment(7, True, 0, data[:32]),
        fragment(7, True, 32, data[32:64]),
        fragment(9, False, 0, data),
    ]
    capture = tmp_path / "capture.pcap"
    with capture.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for frame in frames:
            writer.writepkt(frame, ts=0)
    found = [(kind, f.number, f.spi, f.octets, f.sizes) for kind, f in session.frames(capture)]
    assert found == [
        ("esp", 4, 0x1234, data, (52, 52, 56)),
        ("esp", 5, 0x1234, data, (120,)),
    ]


def test_what_ping_was_told() -> None:
    said = "ping: local error: message too long, mtu=1226\n"
    assert peer.told_mtu(said) == 1226
    assert peer.told_mtu("1 packets transmitted, 1 received") is None


# ---- what a daemon says


def test_list_of_sas() -> None:
    up, coming = strongswan.read_sas(LISTED)
    assert (up.spi_i, up.spi_r) == (0x06225002A84B8CCE, 0x9B0E7DDDE43D6DF2)
    assert up.state == "ESTABLISHED" and coming.state == "CONNECTING"
    assert up.installed == (
        ChildSa(0xC8A73B2F, 0x21E4C2AA, "INSTALLED", 84, 168, "AES_GCM_16/128"),
    )
    assert strongswan.read_sas("list-sas reply {}\n") == ()


# As ikectl of openiked 7.2 prints it, and iproute2 for the same SAs.
IKED = """\
iked_sas: 0x56 rspi 0x9b69aada8c68ae2d ispi 0x5997faec4ae31783 192.0.2.1:500->192.0.2.2:500\
<FQDN/node.example>[] ESTABLISHED r nexti (nil) pol 0x57
  sa_childsas: 0x5d0 ESP 0xf6506f48 in 192.0.2.2:500 -> 192.0.2.1:500 (LA) B=(nil) P=0x580 @0x56
  sa_childsas: 0x580 ESP 0x707cdb92 out 192.0.2.1:500 -> 192.0.2.2:500 (L) B=(nil) P=0x5d0 @0x56
  sa_flows: 0x290 ESP out 10.2.0.1/32 -> 10.1.0.1/32 [0]@-1 (L) @0x56
iked_dstid_sas: 0x56 rspi 0x9b69aada8c68ae2d ispi 0x5997faec4ae31783 192.0.2.1:500->192.0.2.2:500\
<FQDN/node.example>[] ESTABLISHED r nexti (nil) pol 0x57
"""
KERNEL = """\
src 192.0.2.1 dst 192.0.2.2
\tproto esp spi 0x707cdb92(1887230866) reqid 0(0x00000000) mode tunnel
\tlifetime current:
\t  336(bytes), 4(packets)
src 192.0.2.2 dst 192.0.2.1
\tproto esp spi 0xf6506f48(4132466504) reqid 0(0x00000000) mode tunnel
\tlifetime current:
\t  252(bytes), 3(packets)
"""


def test_list_of_iked() -> None:
    (sa,) = openiked.read_sas(IKED, KERNEL)
    assert (sa.spi_i, sa.spi_r) == (0x5997FAEC4AE31783, 0x9B69AADA8C68AE2D)
    assert (sa.state, sa.initiator) == ("ESTABLISHED", False)
    (child,) = sa.installed
    assert (child.spi_in, child.spi_out) == (0xF6506F48, 0x707CDB92)
    assert (child.octets_in, child.octets_out) == (252, 336)
    (going,) = openiked.read_sas(IKED.replace("(LA)", "(R)"), KERNEL)
    assert going.children and not going.installed
    assert openiked.read_sas("", "") == ()


def test_proposals_of_iked() -> None:
    assert (
        openiked.ike_proposal("aes128gcm16-prfsha256-x25519")
        == "ikesa enc aes-128-gcm group curve25519 prf hmac-sha2-256"
    )
    assert (
        openiked.esp_proposal("aes256-sha512-ecp521")
        == "childsa enc aes-256 auth hmac-sha2-512 group ecp521 noesn"
    )


# As whack of libreswan 4.10 prints it.
STATES = """\
000 #3: "lab":500 STATE_V2_ESTABLISHED_IKE_SA (established IKE SA); EXPIRE in 28799s; newest; idle;
"""


def test_states_of_pluto() -> None:
    (sa,) = libreswan.read_states(STATES)
    assert (sa.spi_i, sa.state) == (3, "ESTABLISHED")
    (coming,) = libreswan.read_states(STATES.replace("ESTABLISHED_IKE_SA", "PARENT_I1"))
    assert coming.state == "STATE_V2_PARENT_I1"
    assert libreswan.read_states("") == ()


def test_proposals_in_the_words_of_pluto() -> None:
    assert libreswan.ike_proposal("aes128gcm16-prfsha256-x25519") == "aes_gcm128-sha2_256-dh31"
    assert libreswan.ike_proposal("aes256-sha384-modp4096") == "aes256-sha2_384-dh16"
    assert libreswan.esp_proposal("aes256-sha512-ecp521") == "aes256-sha2_512;dh21"


def test_suites_become_registry_numbers() -> None:
    assert suites.ike("aes256-sha384-ecp384") == {
        "encryption": 12,
        "key_bits": 256,
        "integrity": 13,
        "prf": 6,
        "group": 20,
    }
    assert suites.child("chacha20poly1305-x25519-esn") == {
        "encryption": 28,
        "key_bits": 256,
        "integrity": 0,
        "group": 31,
        "esn": True,
    }
    for wrong in ("aes128-md5", "aes128-aes256-sha256", "sha256"):
        with pytest.raises(ValueError, match=wrong):
            suites.child(wrong)


# ---- the cases


def test_cases_have_names_of_their_own_and_known_verbs() -> None:
    names = [one.name for one in CASES]
    assert len(set(names)) == len(names)
    assert {step.verb for one in CASES for step in one.steps} == set(cases.VERBS)
    assert sum(one.quick for one in CASES) >= 5


def test_every_transform_of_the_model_is_in_a_case() -> None:
    offered = [suites.ike(text) for one in CASES for text in one.pair().node.ike]
    assert {one["group"] for one in offered} == {14, 15, 16, 19, 20, 21, 31}
    assert {one["prf"] for one in offered} == {5, 6, 7}
    assert {(one["encryption"], one["integrity"]) for one in offered} >= {
        (20, 0),
        (28, 0),
        (12, 12),
        (12, 13),
        (12, 14),
    }


def test_unknown_names_are_mistakes() -> None:
    with pytest.raises(LabError, match="no such case"):
        matrix.find_cases(CASES, ["handshake", "tea"])
    with pytest.raises(LabError, match="strongswan"):
        matrix.find_peers(["racoon"])
    assert {one.name for one in matrix.find_cases(CASES, ["handshake"])} == {
        "handshake-node-began",
        "handshake-peer-began",
    }


# ---- the verdict


def _message(
    by: str, exchange: str, *names: str, response: bool = False, number: int = 0
) -> Message:
    payloads = tuple({"name": name} for name in names)
    return Message(1, by, exchange, number, response, 1, 2, payloads, opened=True)  # type: ignore[arg-type]


def _good() -> Evidence:
    """A handshake that the node began, and a ping."""
    pair = Pair()
    child = ChildSa(3, 4, "INSTALLED", 84, 84)
    up = IkeSa(1, 2, "ESTABLISHED", False, children=(child,))
    packets = [
        EspPacket(5, NODE, 3, True, "", pair.node.inner, pair.peer.inner, 1),
        EspPacket(6, PEER, 4, True, "", pair.peer.inner, pair.node.inner, 1),
    ]
    messages = [
        _message(NODE, "IKE_SA_INIT", "SA", "KE", "NONCE"),
        _message(PEER, "IKE_SA_INIT", "SA", "KE", "NONCE", response=True),
        _message(NODE, "IKE_AUTH", "IDi", "AUTH", "SA", number=1),
        _message(PEER, "IKE_AUTH", "IDr", "AUTH", "SA", response=True, number=1),
    ]
    return Evidence(pair, messages, packets, [(up,)])


PLAIN = Case("plain", "a handshake")


def _spoil_pings(evidence: Evidence) -> None:
    evidence.failed_pings.append("2 of 3 answers to the node's pings")


def _spoil_list(evidence: Evidence) -> None:
    evidence.lists[0] = ()


def _spoil_counters(evidence: Evidence) -> None:
    (up,) = evidence.lists[0]
    quiet = tuple(replace(child, octets_in=0) for child in up.children)
    evidence.lists[0] = (replace(up, children=quiet),)


def _spoil_message(evidence: Evidence) -> None:
    evidence.messages[2] = replace(evidence.messages[2], opened=False)


def _spoil_packet(evidence: Evidence) -> None:
    evidence.esp[0] = replace(evidence.esp[0], fault="bad-icv")


def _spoil_direction(evidence: Evidence) -> None:
    del evidence.esp[1]


def _spoil_role(evidence: Evidence) -> None:
    evidence.messages[0] = replace(evidence.messages[0], by=PEER)


def _spoil_time(evidence: Evidence) -> None:
    evidence.fault = "no IKE SA within 12 s"


def test_good_evidence_passes() -> None:
    judge(PLAIN, _good(), data=True)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_spoil_pings, "2 of 3 answers"),
        (_spoil_list, "lists 0 IKE SAs"),
        (_spoil_counters, "octets_in"),
        (_spoil_message, "does not open"),
        (_spoil_packet, "bad-icv"),
        (_spoil_direction, "no packet of the peer"),
        (_spoil_role, "the peer began"),
        (_spoil_time, "within 12 s"),
    ],
)
def test_spoilt_evidence_fails(spoil: Callable[[Evidence], None], reason: str) -> None:
    evidence = _good()
    spoil(evidence)
    with pytest.raises(Differs, match=reason):
        judge(PLAIN, evidence, data=True)


def test_a_step_needs_its_request_and_its_response() -> None:
    rekeyed = replace(PLAIN, steps=(Step("rekey_child", PEER),))
    evidence = _good()
    with pytest.raises(Differs, match="no rekey_child request of the peer"):
        judge(rekeyed, evidence, data=True)
    evidence.messages.append(_message(PEER, "CREATE_CHILD_SA", "N(REKEY_SA)", "SA", number=0))
    with pytest.raises(Differs, match="has no response"):
        judge(rekeyed, evidence, data=True)
    evidence.messages.append(_message(NODE, "CREATE_CHILD_SA", "SA", response=True, number=0))
    judge(rekeyed, evidence, data=True)


def test_what_must_not_come_up() -> None:
    refused = replace(PLAIN, comes_up="nothing", check=checks.refused)
    with pytest.raises(Differs, match="must not come up"):
        judge(refused, _good(), data=True)


# ---- what is written

RESULTS = [
    Result(
        "strongswan",
        "a",
        "the first",
        PASS,
        "",
        1.5,
        "/x/a",
        {"lag_mean": 1e-3, "lag_maximum": 0.02},
    ),
    Result("strongswan", "b", "a <second>", FAIL, "no <answer>", 2.0, "/x/b"),
    Result("other", "a", "the first", UNSUPPORTED, "no other daemon"),
    Result("other", "b", "a <second>", UNSUPPORTED, "no other daemon"),
]


def test_summary_counts_and_names_the_lag() -> None:
    assert report.summary(RESULTS) == (
        "4 cells: 1 pass, 1 fail, 2 unsupported; clock lag 1.00 ms mean, 20.0 ms at most"
    )
    assert report.reasons(RESULTS) == [
        "FAIL strongswan b: no <answer> (/x/b)",
        "unsupported other, 2 cells: no other daemon",
    ]


def test_files(tmp_path: Path) -> None:
    assert [path.name for path in report.write(tmp_path, RESULTS)] == [
        "matrix.json",
        "matrix.xml",
        "matrix.html",
    ]
    document = json.loads((tmp_path / "matrix.json").read_text())
    assert [one["verdict"] for one in document["cells"]] == [PASS, FAIL, UNSUPPORTED, UNSUPPORTED]
    suite = ElementTree.parse(tmp_path / "matrix.xml").getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "2",
    }
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.get("message") == "no <answer>"
    page = (tmp_path / "matrix.html").read_text()
    assert "a &lt;second&gt;" in page and "<second>" not in page
    assert "http" not in page.split("</style>")[1]


# ---- nothing is left behind


def test_without_root_every_cell_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    results = matrix.run([StrongSwan], CASES[:2], tmp_path, 2, lambda result: None)
    assert [(one.verdict, one.reason) for one in results] == [(UNSUPPORTED, "needs root")] * 2


def _ours() -> list[str]:
    return [name for name in sandbox.namespaces() if f"-{os.getpid()}-" in name]


def _alive(word: str) -> list[str]:
    """Processes with a word in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in line:
                found.append(line)
    return found


@needs_root
def test_a_sandbox_takes_everything_with_it(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as box:
        a, b = box.add_namespace("a"), box.add_namespace("b")
        box.link(a, b)
        # A daemon that forks, gets rid of its parent and ignores what can be ignored.
        forking = "trap '' TERM HUP INT; for i in 1 2; do setsid sleep 1234.$$ & done; wait"
        box.start(a, "daemon", ["sh", "-c", forking])
        assert len(_ours()) == 2
        box.wait("both sleepers", lambda: len(_alive("sleep 1234.1 ")) == 2)
    assert _ours() == []
    assert _alive("sleep 1234.1 ") == []


@needs_root
def test_a_dead_process_ends_the_wait_for_another(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as box:
        namespace = box.add_namespace("a")
        box.start(namespace, "daemon", ["sh", "-c", "echo no such option; exit 3"])
        with pytest.raises(CellFault, match=r"daemon ended \(3\).*no such option"):
            box.wait("something", lambda: False)


@needs_root
def test_namespaces_of_a_killed_run_are_swept() -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = f"ipseclab-{dead.pid}-1-peer"
    sandbox.ip("netns", "add", name)
    assert name in sandbox.sweep()
    assert name not in sandbox.namespaces()


@needs_charon
@pytest.mark.core
def test_a_crash_of_the_peer_fails_the_cell_and_leaves_nothing(tmp_path: Path) -> None:
    class Crashing(StrongSwan):
        def initiate(self) -> None:
            self._process.kill()

    plain = next(one for one in CASES if one.name == "handshake-peer-began")
    result = cell.run(plain, Crashing, tmp_path / "cell", threading.Event())
    assert result.verdict == FAIL
    assert "charon ended" in result.reason
    assert _ours() == []
    assert _alive(str(tmp_path)) == []


@needs_charon
@pytest.mark.core
def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ipseclab", "interop", "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        preexec_fn=default_interrupt,
    )
    limit = time.monotonic() + 120
    while not list(tmp_path.glob("out/cells/*/*/events.jsonl")) and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert [name for name in sandbox.namespaces() if f"-{process.pid}-" in name] == []
    assert _alive(str(tmp_path)) == []


def test_list_of_cases(cli: Cli) -> None:
    done = cli("interop", "--list", "--case", "cookie")
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "cookie-by-node",
        "cookie-by-peer",
    ]
