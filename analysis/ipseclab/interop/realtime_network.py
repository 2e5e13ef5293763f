# SPDX-License-Identifier: BSD-3-Clause
"""The program that carries packets between two real hosts through a simulated network.

It runs in the network namespace that has one interface for each host, until its standard input
ends, and then writes its report to a file:

    python3 -m ipseclab.interop.realtime_network '{"ports": [["a", "192.0.2.254"], ...], ...}'
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipseclab import core

# Of <linux/if_packet.h> and <asm/socket.h>; the socket module has not got them.
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_PACKET_IGNORE_OUTGOING = 23
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_BUFFER = 8 << 20  # octets


@dataclass(frozen=True)
class Impairment:
    """What happens to packets between the two hosts, in both directions."""

    delay: float = 0.0  # seconds, one way
    loss: float = 0.0  # probability
    reorder: float = 0.0  # share of the packets that are held back
    hold: float = 10e-3  # seconds, for how long
    mtu: int = 1500  # octets of the link in the middle
    seed: int = 1  # ns-3 seed of losses and reordering
    run: int = 1  # ns-3 run number


def packet_socket(interface: str) -> socket.socket:
    """A promiscuous packet socket on an interface, deaf to what this namespace itself sends."""
    # Protocol 0: nothing is queued before bind() has chosen the interface.
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    # The simulated address is not the interface's own.
    membership = struct.pack("iHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
    made.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
    for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
        made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    made.bind((interface, _ETH_P_ALL))
    return made


def command(
    ports: list[tuple[str, str]], impairment: Impairment, ready: Path, report: Path
) -> list[str]:
    """The command line for two interfaces with the simulated routers' addresses (/24)."""
    words = {
        "ports": ports,
        "impairment": asdict(impairment),
        "ready": str(ready),
        "report": str(report),
    }
    return [sys.executable, "-m", "ipseclab.interop.realtime_network", json.dumps(words)]


def _input_ended() -> bool:
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def _serve(words: dict[str, Any]) -> None:
    ready = Path(words["ready"])

    def stop() -> bool:
        if not ready.exists():
            ready.touch()
        return _input_ended()

    given = Impairment(**words["impairment"])
    done = core.load().run_realtime_network(
        # ns-3 closes the sockets.
        [(packet_socket(name).detach(), address) for name, address in words["ports"]],
        delay=given.delay,
        loss=given.loss,
        reorder_share=given.reorder,
        hold=given.hold,
        mtu=given.mtu,
        seed=given.seed,
        run=given.run,
        stop=stop,
    )
    Path(words["report"]).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
