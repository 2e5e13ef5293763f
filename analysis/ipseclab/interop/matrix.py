# SPDX-License-Identifier: BSD-3-Clause
"""The matrix of peers and cases: which cells there are, and several of them at a time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from ipseclab import core
from ipseclab.errors import BuildMissing, LabError
from ipseclab.interop import cell, sandbox
from ipseclab.interop.case import Case
from ipseclab.interop.cell import UNSUPPORTED, Result
from ipseclab.interop.libreswan import Libreswan
from ipseclab.interop.linux import Linux
from ipseclab.interop.openiked import OpenIked
from ipseclab.interop.peer import Peer, require_programs
from ipseclab.interop.strongswan import StrongSwan

# A peer is added here.
PEERS: tuple[type[Peer], ...] = (StrongSwan, Linux, Libreswan, OpenIked)


def find_peers(names: Sequence[str]) -> list[type[Peer]]:
    """The adapters of these names, all without; LabError names those that there are."""
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            raise LabError(f"--peer {name}: no such peer; there are: {', '.join(known)}")
    return [peer for peer in PEERS if not names or peer.name in names]


def find_cases(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Cases whose name is, or begins with, one of these; all without."""
    found = [
        case
        for case in cases
        if not names or any(case.name == name or case.name.startswith(name) for name in names)
    ]
    for name in names:
        if not any(case.name.startswith(name) for case in cases):
            known = ", ".join(case.name for case in cases)
            raise LabError(f"--case {name}: no such case; there are: {known}")
    return found


def obstacle() -> str:
    """Why no cell can run on this machine; empty when cells can."""
    missing = sandbox.require_root() or require_programs("tcpdump", "openssl")
    if missing:
        return missing
    try:
        core.load()
    except BuildMissing as error:
        return str(error)
    return ""


def run(
    peers: Sequence[type[Peer]],
    cases: Sequence[Case],
    out: Path,
    jobs: int,
    done: Callable[[Result], None],
) -> list[Result]:
    """Runs every cell; ``done`` hears of each at its end.

    KeyboardInterrupt ends all cells, which clean up after themselves, and goes on to the caller.
    """
    why = obstacle()
    if not why:
        sandbox.sweep()
    results: dict[tuple[str, str], Result] = {}
    cancel = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        waiting: dict[Future[Result], None] = {}
        for peer in peers:
            missing = why or peer.missing()
            for case in cases:
                if missing:
                    result = Result(peer.name, case.name, case.title, UNSUPPORTED, missing)
                    results[peer.name, case.name] = result
                    done(result)
                    continue
                folder = out / "cells" / peer.name / case.name
                shutil.rmtree(folder, ignore_errors=True)
                waiting[pool.submit(cell.run, case, peer, folder, cancel)] = None
        try:
            for future in as_completed(waiting):
                result = future.result()
                results[result.peer, result.case] = result
                done(result)
        except BaseException:
            cancel.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [results[peer.name, case.name] for peer in peers for case in cases]
