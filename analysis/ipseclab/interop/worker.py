# SPDX-License-Identifier: BSD-3-Clause
"""The simulated gateway in real time, as a process: ``python3 -m ipseclab.interop.worker CONFIG``.

CONFIG is one JSON object: ``limit`` (seconds to run), ``interface`` (up, without address), ``log``
(file for events, a JSON object a line), ``keys`` (folder for a Wireshark profile), ``node`` (what
the core's RealtimeNode takes, without the socket) and ``schedule``, a list of commands
``{"at": seconds, "do": NAME, ...}``.  Further commands may come as lines of JSON on standard input,
for now; its end is the command "stop".
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

# Commands without arguments, by name.
_PLAIN = (
    "initiate",
    "rekey_child",
    "rekey_ike",
    "create_child",
    "close_child",
    "close_ike",
    "check_liveness",
    "stop",
)


def perform(node: Any, command: dict[str, Any]) -> None:
    """One command; ValueError when there is none of that name."""
    name = command["do"]
    if name == "ping":
        node.ping(command["to"], command["count"], command["octets"], command["interval"])
    elif name in _PLAIN:
        getattr(node, name)()
    else:
        raise ValueError(f"no command is named {name!r}; there are: ping, {', '.join(_PLAIN)}")


def follow_schedule(node: Any, schedule: list[dict[str, Any]]) -> None:
    """Gives each command at its time, counted from now."""
    start = time.monotonic()
    for command in sorted(schedule, key=lambda one: float(one["at"])):
        time.sleep(max(0.0, start + float(command["at"]) - time.monotonic()))
        perform(node, command)


def follow_input(node: Any, lines: IO[str]) -> None:
    """Gives each command when it comes."""
    for line in lines:
        perform(node, json.loads(line))
    node.stop()


def log_to(file: IO[str]) -> Callable[[dict[str, Any]], None]:
    """Writes an event as a line, at once."""

    def write(event: dict[str, Any]) -> None:
        file.write(json.dumps(event) + "\n")
        file.flush()

    return write


def main(arguments: list[str]) -> int:
    """Runs one node; exit 0 when it came to its end."""
    from ipseclab import core
    from ipseclab.interop.realtime_network import packet_socket

    config = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    with Path(config["log"]).open("w", encoding="utf-8") as file:
        log = log_to(file)
        # ns-3 closes the socket.
        port = {"socket": packet_socket(config["interface"]).detach()}
        node = core.load().RealtimeNode({**config["node"], **port}, log)
        schedule = threading.Thread(
            target=follow_schedule, args=(node, config["schedule"]), daemon=True
        )
        commands = threading.Thread(target=follow_input, args=(node, sys.stdin), daemon=True)
        schedule.start()
        commands.start()
        log({"event": "started", "unix_time": time.time()})
        node.run(config["limit"])
        node.write_keys(config["keys"])
        log({"event": "ended", **node.counters()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
