# SPDX-License-Identifier: BSD-3-Clause
"""The simulated gateway of a cell: its worker process, commands and events."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ipseclab import BUILD_FOLDER
from ipseclab.interop import suites
from ipseclab.interop.sandbox import CellFault, Process, Sandbox
from ipseclab.interop.settings import End, Pair

_START = 20.0  # seconds that the worker may take to begin
_PACKAGES = Path(__file__).resolve().parents[2]  # where this package lies


def config_of(pair: Pair, folder: Path, limit: float) -> dict[str, Any]:
    """The worker's configuration of one cell."""
    own, other = pair.node, pair.peer
    return {
        "limit": limit,
        "log": str(folder / "events.jsonl"),
        "keys": str(folder),
        "schedule": [],
        "interface": "eth0",
        "node": {
            "mtu": pair.mtu,
            "inner": own.inner,
            "peer": {
                "local": own.address,
                "remote": other.address,
                "local_identity": own.identity,
                "remote_identity": other.identity,
                "psk": own.psk,
                "auth": _auth(own, folder),
                "max_ike_datagram": own.fragment_size,
                "ike": [suites.ike(text) for text in own.ike],
                "child": [suites.child(text) for text in own.esp],
                "local_selectors": [f"{own.inner}/32"],
                "remote_selectors": [f"{own.remote_inner}/32"],
                "retransmission": {"timeout": 1.0, "base": 1.5, "tries": 4},
                "liveness": own.dpd,
                "ike_lifetime": {"soft": 0, "hard": 0, "jitter": 0},
                "child_lifetime": {"soft": 0, "hard": 0, "jitter": 0},
                "cookies": own.cookies,
                "childless": own.childless,
                "transport": own.transport,
                **own.options,
            },
        },
    }


def _auth(own: End, folder: Path) -> dict[str, str]:
    if own.auth == "psk":
        return {
            "local": "psk",
            "remote": "psk",
            "private_key": "",
            "certificates": "",
            "anchors": "",
        }
    text = {
        name: (folder / "certificates" / file).read_text(encoding="ascii")
        for name, file in (
            ("private_key", "node.key"),
            ("certificates", "node.pem"),
            ("anchors", "ca.pem"),
        )
    }
    return {"local": "signature", "remote": "signature", **text}


class Node:
    """The simulated gateway; its methods are those of a peer, its events come from the worker."""

    def __init__(self, sandbox: Sandbox, namespace: str, pair: Pair, folder: Path) -> None:
        self._sandbox = sandbox
        self._namespace = namespace
        self._pair = pair
        self._folder = folder
        self._log = folder / "events.jsonl"
        self._process: Process | None = None

    def start(self, limit: float) -> None:
        """Starts the worker; it has its socket when this returns."""
        config = self._folder / "node.json"
        config.write_text(
            json.dumps(config_of(self._pair, self._folder, limit), indent=1), encoding="utf-8"
        )
        self._process = self._sandbox.start(
            self._namespace,
            "node",
            [sys.executable, "-P", "-m", "ipseclab.interop.worker", str(config)],
            environment={"PYTHONPATH": f"{BUILD_FOLDER / 'python'}:{_PACKAGES}"},
            piped=True,
        )
        self._sandbox.wait("start of the node", lambda: bool(self.events("started")), _START)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What has happened so far, all or of one kind."""
        if not self._log.exists():
            return []
        whole = self._log.read_text(encoding="utf-8").rpartition("\n")[0]
        found = [json.loads(line) for line in whole.splitlines()]
        return [event for event in found if not name or event["event"] == name]

    def wait(self, name: str, count: int = 1, timeout: float = 15.0) -> None:
        """Waits until an event has happened that often."""
        self._sandbox.wait(f"{name} at the node", lambda: len(self.events(name)) >= count, timeout)

    def initiate(self) -> None:
        self._do("initiate")

    def rekey_child(self) -> None:
        self._do("rekey_child")

    def rekey_ike(self) -> None:
        self._do("rekey_ike")

    def create_child(self) -> None:
        self._do("create_child")

    def terminate_child(self) -> None:
        self._do("close_child")

    def terminate(self) -> None:
        self._do("close_ike")

    def check_liveness(self) -> None:
        self._do("check_liveness")

    def ping(self, count: int, octets: int) -> str:
        """As Peer.ping."""
        before = len(self.events("echo-reply"))
        self._do("ping", to=self._pair.node.remote_inner, count=count, octets=octets, interval=0.1)
        try:
            self.wait("echo-reply", before + count, timeout=5.0)
        except CellFault:
            got = len(self.events("echo-reply")) - before
            return f"{got} of {count} answers to the node's pings"
        wrong = sum(not event["intact"] for event in self.events("echo-reply")[before:])
        return f"{wrong} answers to the node's pings have another payload" if wrong else ""

    def stop(self) -> dict[str, Any]:
        """Ends the worker; its counters and clock lag."""
        process = self._process
        if process is None:
            return {}
        if process.running:
            process.end_input()
            self._sandbox.wait("end of the node", lambda: bool(self.events("ended")), timeout=10.0)
        self._sandbox.forget(process)
        self._process = None
        ended = self.events("ended")
        return ended[-1] if ended else {}

    def _do(self, command: str, **arguments: Any) -> None:
        if self._process is None:
            raise CellFault("the node does not run")
        self._process.write(json.dumps({"do": command, **arguments}))
