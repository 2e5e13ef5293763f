# SPDX-License-Identifier: BSD-3-Clause
"""What a peer is: an adapter between the words of this package and those of one daemon."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from ipseclab.interop.sandbox import Sandbox
from ipseclab.interop.settings import DEFAULT_ESP, End, Pair

PING_HEADERS = 28  # octets of a ping's packet around its payload: IPv4 and ICMP


@dataclass(frozen=True)
class ChildSa:
    """A pair of ESP SAs as the daemon lists it."""

    spi_in: int  # as the daemon sees it
    spi_out: int
    state: str  # "INSTALLED", or the daemon's own word for what is on its way in or out
    octets_in: int = 0
    octets_out: int = 0
    suite: str = ""


@dataclass(frozen=True)
class IkeSa:
    """An IKE SA as the daemon lists it."""

    spi_i: int
    spi_r: int
    state: str  # "ESTABLISHED", or the daemon's own word
    initiator: bool  # the daemon is the original initiator
    suite: str = ""
    children: tuple[ChildSa, ...] = field(default=())

    @property
    def installed(self) -> tuple[ChildSa, ...]:
        """The Child SAs that are neither coming nor going."""
        return tuple(child for child in self.children if child.state == "INSTALLED")


class Peer(ABC):
    """One daemon in one cell.  Construct it, then call the methods in this order.

    Commands return when the daemon has taken them; whether they worked is seen in list() and in
    the capture.  CellFault says in one line what went wrong.
    """

    name: str  # as in --peer
    packages: tuple[str, ...]  # Debian packages that bring it
    esp: tuple[str, ...] = (DEFAULT_ESP,)  # proposals where a case is not about them
    data = True  # ESP packets get through
    encapsulates = True  # ESP goes in UDP, whether or not there is a NAT
    cuts_inside = False  # what is too large is cut as Linux cuts its own packets

    def __init__(self, sandbox: Sandbox, namespace: str, pair: Pair, folder: Path) -> None:
        self.sandbox = sandbox
        self.namespace = namespace
        self.pair = pair
        self.folder = folder  # for its configuration and logs, kept with the cell

    @property
    def end(self) -> End:
        """What this side is told."""
        return self.pair.peer

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Why this daemon cannot run here; empty when it can."""

    @classmethod
    def lacks(cls, feature: str) -> str:
        """Why the daemon cannot do what a case needs; empty when it can."""
        return ""

    @abstractmethod
    def start(self) -> None:
        """Writes the configuration, starts the daemon, loads the connection; does not initiate.

        The namespace has eth0, up, without address; the outer and the inner address are the
        adapter's to give, as a kernel in a virtual machine has its own.
        """

    @abstractmethod
    def initiate(self) -> None:
        """Brings up the IKE SA and, unless childless, the Child SA."""

    @abstractmethod
    def create_child(self) -> None:
        """Adds a Child SA to the IKE SA."""

    @abstractmethod
    def rekey_child(self) -> None: ...

    @abstractmethod
    def rekey_ike(self) -> None: ...

    @abstractmethod
    def terminate_child(self) -> None: ...

    @abstractmethod
    def terminate(self) -> None:
        """Deletes the IKE SA."""

    @abstractmethod
    def list(self) -> tuple[IkeSa, ...]:
        """The daemon's own list of SAs."""

    @abstractmethod
    def ping(self, count: int, octets: int) -> str:
        """Pings the other end's inner address through the tunnel, checking the payload.

        Empty when every answer came back with the same octets; else what went wrong.
        """

    def told(self, octets: int) -> int | None:
        """The MTU that its own stack names for an inner packet of that many octets with DF.

        Nothing when it was sent, or the daemon has no stack that knows the tunnel.
        """
        return None

    @abstractmethod
    def stop(self) -> None: ...


def require_programs(*names: str) -> str:
    """Which program is missing; empty when none is."""
    missing = [name for name in names if shutil.which(name) is None]
    return f"no {', '.join(missing)} in the search path" if missing else ""


def ping(sandbox: Sandbox, namespace: str, end: End, count: int, octets: int) -> str:
    """Peer.ping by the kernel of a namespace."""
    done = sandbox.run(namespace, ping_command(end, count, octets), timeout=10.0 + count)
    return ping_fault(done.stdout, count)


def ping_command(end: End, count: int, octets: int) -> list[str]:
    """Calls ping(8), which compares every payload with what it sent."""
    words = ["ping", "-n", "-c", str(count), "-i", "0.1", "-W", "3", "-s", str(octets)]
    return [*words, "-p", "6970736563", "-I", end.inner, end.remote_inner]


def whole_ping_command(end: End, octets: int) -> list[str]:
    """Calls ping(8) for one inner packet of that many octets that must not be fragmented."""
    payload = octets - PING_HEADERS
    words = ["ping", "-n", "-c", "1", "-W", "3", "-M", "do", "-s", str(payload)]
    return [*words, "-I", end.inner, end.remote_inner]


def told_mtu(said: str) -> int | None:
    """The MTU that ping(8) was told, if it was."""
    found = re.search(r"message too long, mtu[=:] ?(\d+)", said)
    return int(found.group(1)) if found else None


def ping_fault(said: str, count: int) -> str:
    """What its output says that went wrong; empty when nothing did."""
    if "wrong data" in said:
        return "answers to the peer's pings have another payload"
    if f" {count} received" not in said:
        lines = [line for line in said.splitlines() if "received" in line]
        return f"the peer's pings: {lines[0] if lines else said.strip()[-80:]}"
    return ""
