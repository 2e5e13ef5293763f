# SPDX-License-Identifier: BSD-3-Clause
"""Two real daemons whose traffic crosses a simulated network: ``ipseclab interop --between``.

    daemon A == eth0 --- simulated routers and link --- eth0 == daemon B

A sends numbered packets to B through their tunnel. What arrived at B, and in which order, is in a
capture of its interface; what B's daemon made of it, in the packets that came out of the tunnel and
in its log. The same ESP packets go through the model's receiver with the daemon's window and keys.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ipseclab import core, files, provenance
from ipseclab.errors import LabError, Unsupported
from ipseclab.interop import arrivals, stream
from ipseclab.interop.peer import Peer
from ipseclab.interop.realtime_network import Impairment, command
from ipseclab.interop.sandbox import CellFault, Process, Sandbox, ip, tail
from ipseclab.interop.settings import End, Pair
from ipseclab.interop.strongswan import StrongSwan

FILE = "between.json"
_PEERS: dict[str, type[Peer]] = {StrongSwan.name: StrongSwan}
# The replay window of each daemon's ESP. That of strongSwan's libipsec cannot be configured:
# ESP_DEFAULT_WINDOW_SIZE in src/libipsec/esp_context.c.
WINDOWS = {StrongSwan.name: 128}

_AES_GCM = (20, 128)  # what both offer, DEFAULT_ESP, as transform and key bits
_A = End("a.example", "192.0.2.1", "10.1.0.1", "10.2.0.1")
_B = End("b.example", "198.51.100.2", "10.2.0.1", "10.1.0.1")
_ROUTERS = {"a": "192.0.2.254", "b": "198.51.100.254"}
_TRIES = 3  # to bring the tunnel up: the network loses packets
_SETTLE = 2.0  # seconds beyond delay and hold in which the last packets come out of the tunnel
_INNER_HEADERS = 28  # octets of IPv4 and UDP
_END = 10.0  # seconds that a program may take to write its report
_DROPPED = "ESP sequence number verification failed"
_NUMBER = re.compile(r"\[seq (\d+)\]")


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    peers: tuple[str, str]
    impairment: Impairment = field(default_factory=Impairment)
    rate: float = 1000.0  # packets per second
    packets: int = 2000
    octets: int = 200  # of UDP payload, its number among them

    def check(self) -> None:
        """LabError for what cannot be."""
        for name in self.peers:
            if name not in _PEERS:
                known = ", ".join(sorted(_PEERS))
                raise LabError(f"--between {name}: carries no ESP packets here; there are: {known}")
        shares = {"loss": self.impairment.loss, "reorder": self.impairment.reorder}
        for name, share in shares.items():
            if not 0.0 <= share < 1.0:
                raise LabError(f"--{name} {share:g}: write a share from 0 to below 1")
        if not 576 <= self.impairment.mtu <= 1500:
            raise LabError(f"--mtu {self.impairment.mtu}: 576 to 1500 octets")
        if self.octets < stream.SMALLEST:
            raise LabError(f"--octets {self.octets}: at least {stream.SMALLEST}")


def missing(plan: Plan) -> str:
    """Why it cannot be done here; empty when it can."""
    from ipseclab.interop.sandbox import require_root

    reasons = [_PEERS[name].missing() for name in plan.peers]
    return next(filter(None, (require_root(), *reasons)), "")


@dataclass
class _Sides:
    """The two daemons and the network between them, while they run."""

    sandbox: Sandbox
    folder: Path
    namespaces: dict[str, str]
    daemons: dict[str, Peer]
    network: Process


def run(plan: Plan, folder: Path) -> dict[str, Any]:
    """Measures, and writes FOLDER/between.json; the result. Unsupported without root or daemon."""
    plan.check()
    why = missing(plan)
    if why:
        raise Unsupported(f"interop --between: {why}")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for stale in ("ready", "report.json", "received.json"):
        (folder / stale).unlink(missing_ok=True)
    started = time.time()
    with Sandbox(folder) as sandbox:
        try:
            sides = _build(plan, sandbox, folder)
            _connect(sides)
            spi = _tunnel_spi(sides)
            with _captured(sides):
                _send(plan, sides)
            report = _end_network(sides)
        except CellFault as fault:
            raise LabError(f"interop --between: {fault}") from None
    measured = _measure(plan, folder, spi)
    result = {
        "what": "two IKE daemons with ESP in user space across a simulated network in real time",
        "parameters": {**asdict(plan), "peers": list(plan.peers)},
        "provenance": _provenance(plan, started),
        "network": report,
        **measured,
    }
    files.write(folder / FILE, _dense(result))
    return result


# ---- the live part


def _build(plan: Plan, sandbox: Sandbox, folder: Path) -> _Sides:
    namespaces = {role: sandbox.add_namespace(role) for role in ("a", "b", "net")}
    for role in ("a", "b"):
        sandbox.link(namespaces[role], namespaces["net"], "eth0", f"sim-{role}")
    ports = [(f"sim-{role}", _ROUTERS[role]) for role in ("a", "b")]
    ready = folder / "ready"
    network = sandbox.start(
        namespaces["net"],
        "network",
        command(ports, plan.impairment, ready, folder / "report.json"),
        environment=_python_path(),
        piped=True,
    )
    sandbox.wait("start of the simulated network", ready.exists, timeout=20.0)
    daemons = {}
    for role, name, pair in zip("ab", plan.peers, (Pair(_B, _A), Pair(_A, _B)), strict=True):
        place = folder / role
        shutil.rmtree(place, ignore_errors=True)  # of an earlier run
        daemons[role] = _PEERS[name](sandbox, namespaces[role], pair, place)
        daemons[role].start()
        ip("-n", namespaces[role], "route", "add", "default", "via", _ROUTERS[role])
    return _Sides(sandbox, folder, namespaces, daemons, network)


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _connect(sides: _Sides) -> None:
    for _ in range(_TRIES):
        sides.daemons["a"].initiate()
        if any(sa.installed for sa in sides.daemons["a"].list()):
            return
    raise CellFault(f"no tunnel after {_TRIES} tries: see {sides.folder}/a")


def _tunnel_spi(sides: _Sides) -> int:
    """The SPI of what A sends."""
    found = [child.spi_in for sa in sides.daemons["b"].list() for child in sa.installed]
    if len(found) != 1:
        raise CellFault(f"B lists {len(found)} Child SAs, not 1")
    return found[0]


def _says(process: Process, word: str) -> bool:
    return word in process.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _captured(sides: _Sides) -> Iterator[None]:
    """Captures of both interfaces while something happens."""
    options = ["-U", "--immediate-mode", "-s", "0", "-Z", "root"]
    dumps = []
    for role in ("a", "b"):
        file = sides.folder / f"{role}.pcap"
        dump = sides.sandbox.start(
            sides.namespaces[role],
            f"tcpdump-{role}",
            ["tcpdump", "-i", "eth0", *options, "-w", str(file), "ip"],
        )
        dumps.append(dump)
        sides.sandbox.wait("start of a capture", partial(_says, dump, "listening on"))
    yield
    for dump in dumps:
        sides.sandbox.forget(dump)


def _send(plan: Plan, sides: _Sides) -> None:
    inbox = sides.folder / "received.json"
    receiver = sides.sandbox.start(
        sides.namespaces["b"],
        "receiver",
        stream.receive_command(_B.inner, inbox),
        environment=_python_path(),
        piped=True,
    )
    sides.sandbox.wait("start of the receiver", inbox.exists)
    done = sides.sandbox.run(
        sides.namespaces["a"],
        stream.send_command(_A.inner, _B.inner, plan.rate, plan.packets, plan.octets),
        environment=_python_path(),
        timeout=2 * plan.packets / plan.rate + 20,
    )
    if done.returncode != 0:
        raise CellFault(f"the sender failed: {done.stdout.strip()[-200:]}")
    sides.sandbox.sleep(plan.impairment.delay + plan.impairment.hold + _SETTLE)
    receiver.end_input()
    _await_end(sides.sandbox, receiver)


def _await_end(sandbox: Sandbox, process: Process) -> None:
    """Lets a program finish whose standard input has ended."""
    limit = time.monotonic() + _END
    while process.running and time.monotonic() < limit:
        sandbox.sleep(0.05)
    status = process.status
    sandbox.forget(process)
    if status != 0:
        raise CellFault(f"{process.name} did not end well ({status}): {tail(process.log)}")


def _end_network(sides: _Sides) -> dict[str, Any]:
    for daemon in sides.daemons.values():
        daemon.stop()
    sides.network.end_input()
    _await_end(sides.sandbox, sides.network)
    report: dict[str, Any] = json.loads((sides.folder / "report.json").read_text(encoding="utf-8"))
    return report


# ---- what it comes to


def _measure(plan: Plan, folder: Path, spi: int) -> dict[str, Any]:
    sent = [one.number for one in arrivals.read(folder / "a.pcap") if one.spi == spi]
    arrived = [one for one in arrivals.read(folder / "b.pcap") if one.spi == spi]
    received = set(json.loads((folder / "received.json").read_text(encoding="utf-8")))
    log = (folder / "b" / "charon" / "charon.log").read_text(encoding="utf-8", errors="replace")
    replayed = logged_replays(log, spi)
    delivered = _delivered(arrived, received, _receiver(log, spi, 0))
    # What the daemon neither delivered nor refused did not reach it: the kernel below it drops what
    # its socket has no room for, and fragments that others overtake (net.ipv4.ipfrag_max_dist).
    seen = [one for one in arrived if one.number in delivered or one.number in replayed]
    window = WINDOWS[plan.peers[1]]
    receiver = _receiver(log, spi, window)
    verdicts = [arrivals.opened_inner(receiver, one)[0] for one in seen]
    numbers = [one.number for one in seen]
    differing = [
        number
        for number, verdict in zip(numbers, verdicts, strict=True)
        if (verdict == "none") != (number in delivered)
    ]
    opened = verdicts.count("none")
    return {
        "window": window,
        "packets": {
            "asked": plan.packets,
            "sent": len(sent),
            "lost": len(set(sent) - {one.number for one in arrived}),
            "arrived": len(arrived),
            "unread": len(arrived) - len(seen),
            "latest": arrivals.latest(numbers),
        },
        "daemon": {
            "delivered": len(delivered),
            "replays": len(replayed),
            "replay_loss": _share(len(replayed), len(seen)),
        },
        "model": {
            "opened": opened,
            "too_old": verdicts.count("replay-too-old"),
            "duplicate": verdicts.count("replay-duplicate"),
            "replay_loss": _share(len(seen) - opened, len(seen)),
        },
        "differing": differing,
        "arrivals": {
            "numbers": numbers,
            "dropped": [number for number in numbers if number not in delivered],
        },
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _delivered(arrived: list[arrivals.Arrival], received: set[int], opener: Any) -> set[int]:
    """The ESP numbers of what came out of the daemon's tunnel."""
    found = set()
    for one in arrived:
        fault, inner = arrivals.opened_inner(opener, one)
        if fault != "none":
            raise LabError(f"ESP packet {one.number} does not open with the daemon's key: {fault}")
        if stream.number_of(inner[_INNER_HEADERS:]) in received:
            found.add(one.number)
    return found


def logged_replays(log: str, spi: int) -> set[int]:
    """The numbers that the daemon says it dropped for the window's sake."""
    found = set()
    lines = iter(log.splitlines())
    for line in lines:
        if _DROPPED in line:
            detail = next(lines, "")
            number = _NUMBER.search(detail)
            if f"{spi:08x}" in detail.lower() and number:
                found.add(int(number.group(1)))
    return found


def _receiver(log: str, spi: int, window: int) -> Any:
    """The model's receiver of what A sends, A having begun."""
    suite = core.load().CipherSuite(*_AES_GCM)
    key = logged_key(log, "encryption initiator key")
    return core.load().InboundSa(spi, suite, key, window=window)


def logged_key(log: str, name: str) -> bytes:
    """The last secret of that name in a log of charon (level 4 of "chd")."""
    start = log.rfind(f"{name} => ")
    if start < 0:
        raise LabError(f"charon's log has no {name}")
    lines = log[start:].splitlines()
    size = int(lines[0].partition(" => ")[2].split()[0])
    octets = b""
    for line in lines[1:]:
        found = re.search(r"\s\d+: ((?:[0-9A-F]{2} ){1,16})", f"{line} ")
        if not found or len(octets) >= size:
            break
        octets += bytes.fromhex(found.group(1))
    return octets[:size]


def _provenance(plan: Plan, started: float) -> dict[str, Any]:
    packages = sorted({package for name in plan.peers for package in _PEERS[name].packages})
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        **asdict(provenance.collect()),
        "daemons": dict(line.split() for line in asked.stdout.splitlines()),
        "kernel": os.uname().release,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_time": round(time.time() - started, 1),
        "command": shlex.join(["ipseclab", *sys.argv[1:]]),
    }


def _dense(result: dict[str, Any]) -> str:
    """JSON with one line for each list of numbers."""
    text = json.dumps(result, indent=1)
    return re.sub(r"\[[\s\d,]*\]", lambda found: " ".join(found.group().split()), text) + "\n"
