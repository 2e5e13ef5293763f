# SPDX-License-Identifier: BSD-3-Clause
"""One cell of the matrix: a case with a peer, from the namespaces to the verdict."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ipseclab.interop import certificates
from ipseclab.interop.case import VERBS, Case, Differs, Step, established, installed, judge
from ipseclab.interop.evidence import Evidence, Reader
from ipseclab.interop.node import Node
from ipseclab.interop.peer import PING_HEADERS, Peer
from ipseclab.interop.sandbox import CellFault, Process, Sandbox
from ipseclab.interop.settings import NODE, PEER

PASS, FAIL, UNSUPPORTED = "pass", "fail", "unsupported"
_PINGS, _OCTETS = 3, 200
_LIMIT = 120.0  # seconds of a node's life
_UP = 12.0  # seconds for the handshake, with all its retransmissions
_SETTLE = 10.0  # seconds for a step
_QUIET = 3.0  # seconds after which nothing comes up any more


@dataclass(frozen=True)
class Result:
    """The verdict of a cell."""

    peer: str
    case: str
    title: str
    verdict: str
    reason: str = ""
    seconds: float = 0.0
    folder: str = ""
    node: dict[str, Any] = field(default_factory=dict)  # counters and clock lag


def fit(case: Case, peer: type[Peer]) -> tuple[Case, str]:
    """The case as this peer can do it, and why it cannot be done at all; empty when it can."""
    steps = (f"{step.verb}-by-{step.by}-{case.begins}-began" for step in case.steps)
    needs = (*case.needs, f"begins:{case.begins}", *steps)
    reason = next((why for need in needs if (why := peer.lacks(need))), "")
    if case.comes_up == "child" and peer.lacks("child"):
        case = replace(case, comes_up="ike")
    return case, reason


def run(case: Case, peer: type[Peer], folder: Path, cancel: threading.Event) -> Result:
    """Runs a cell and judges it; whatever goes wrong is its verdict, but not Cancelled."""
    case, reason = fit(case, peer)
    if reason:
        return Result(peer.name, case.name, case.title, UNSUPPORTED, reason)
    began = time.monotonic()
    cell = _Cell(case, peer, folder, cancel)
    verdict, reason = PASS, ""
    try:
        judge(case, cell.perform(), data=peer.data)
    except (CellFault, Differs) as error:
        verdict, reason = FAIL, " ".join(str(error).split())
    result = Result(
        peer.name,
        case.name,
        case.title,
        verdict,
        reason,
        round(time.monotonic() - began, 1),
        str(folder),
        cell.counters,
    )
    (folder / "verdict.json").write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    return result


class _Cell:
    def __init__(self, case: Case, peer: type[Peer], folder: Path, cancel: threading.Event) -> None:
        self._case = case
        self._peer_class = peer
        self._folder = folder
        self._cancel = cancel
        self._pair = case.pair(peer.esp)
        self._evidence = Evidence(self._pair, [], [], cuts_inside=peer.cuts_inside)
        self.counters: dict[str, Any] = {}

    def perform(self) -> Evidence:
        """Everything that the case asks for, and what was seen of it."""
        with Sandbox(self._folder, self._cancel) as sandbox:
            self._sandbox = sandbox
            namespaces = sandbox.add_namespace("peer"), sandbox.add_namespace("node")
            sandbox.link(*namespaces, mtu=self._pair.mtu)
            if self._pair.node.auth != "psk":
                certificates.make(self._folder, self._pair)
            capture = self._start_capture(namespaces[0])
            self._peer = self._peer_class(sandbox, namespaces[0], self._pair, self._folder)
            self._node = Node(sandbox, namespaces[1], self._pair, self._folder)
            self._peer.start()
            self._node.start(_LIMIT)
            try:
                self._script()
            except CellFault as error:
                self._evidence.fault = str(error)
            self._finish(capture)
        reader = Reader(self._pair, self._node.events())
        self._evidence.messages, self._evidence.esp = reader.read(self._folder / "capture.pcap")
        return self._evidence

    def _start_capture(self, namespace: str) -> Process:
        file = str(self._folder / "capture.pcap")
        # Each packet is written at once, as root: nothing is lost at the end.
        options = ["-i", "eth0", "-U", "--immediate-mode", "-Z", "root", "-w", file]
        what = "udp port 500 or udp port 4500 or esp or ip[6:2] & 0x1fff != 0"
        process = self._sandbox.start(namespace, "tcpdump", ["tcpdump", *options, what])
        self._sandbox.wait("start of tcpdump", lambda: b"listening on" in process.log.read_bytes())
        return process

    def _finish(self, capture: Process) -> None:
        # The capture first: nobody answers any more when one side has ended.
        self._sandbox.forget(capture)
        self.counters = self._node.stop()
        self._peer.stop()

    def _script(self) -> None:
        self._side(self._case.begins).initiate()
        if self._case.comes_up == "nothing":
            self._sandbox.sleep(_QUIET)
            self._note()
            return
        children = 1 if self._case.comes_up == "child" else 0
        self._await(
            f"IKE SA with {children} Child SAs in the peer's list",
            lambda: self._is_up(children),
            _UP,
        )
        self._exchange_data()
        self._exchange_sizes()
        self._note()
        for step in self._case.steps:
            self._step(step)
        if self._case.wait:
            self._sandbox.sleep(self._case.wait)
            self._note()

    def _is_up(self, children: int) -> bool:
        lists = self._peer.list()
        if len(established(lists)) != 1 or len(installed(lists)) != children:
            return False
        # The responder has its SAs first.
        wanted = {"ike-established": 1, "child-installed": children}
        return all(len(self._node.events(name)) >= count for name, count in wanted.items())

    def _step(self, step: Step) -> None:
        before = self._evidence.lists[-1]
        getattr(self._side(step.by), step.verb)()
        self._await(
            f"effect of {step.verb} by the {step.by} in the peer's list",
            lambda: VERBS[step.verb].settled(before, self._peer.list()),
            _SETTLE,
        )
        self._exchange_data()
        self._note()

    def _exchange_data(self) -> None:
        if not self._peer.data or not installed(self._peer.list()):
            return
        for name in (NODE, PEER):
            fault = self._side(name).ping(_PINGS, _OCTETS)
            if fault:
                self._evidence.failed_pings.append(fault)

    def _exchange_sizes(self) -> None:
        for octets in self._case.sizes:
            for name in (NODE, PEER):
                fault = self._side(name).ping(1, octets - PING_HEADERS)
                if fault:
                    self._evidence.failed_pings.append(f"{octets} octets: {fault}")
            self._evidence.told[octets] = self._peer.told(octets)

    def _note(self) -> None:
        self._evidence.lists.append(self._peer.list())

    def _side(self, name: str) -> Node | Peer:
        return self._peer if name == PEER else self._node

    def _await(self, what: str, until: Callable[[], bool], timeout: float) -> None:
        self._sandbox.wait(what, until, timeout)
