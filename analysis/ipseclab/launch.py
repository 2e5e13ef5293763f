# SPDX-License-Identifier: BSD-3-Clause
"""Starts the process of one run, on this machine or on a worker of a cluster.

This module imports nothing of the analysis: cluster workers import it, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Ended:
    """How the process of a run ended."""

    code: int  # exit code; negative: the signal that ended it
    answer: str  # its standard output
    complaint: str  # its standard error
    wall_seconds: float


def _environment() -> dict[str, str]:
    paths = [_PACKAGE_PARENT, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def start() -> subprocess.Popen[str]:
    """A worker that waits for its request, in a session of its own.

    Ctrl-C reaches the parent only, which decides what to end.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "ipseclab.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], request: str) -> Ended:
    """Hands over the request and waits for the end."""
    began = time.perf_counter()
    answer, complaint = process.communicate(request)
    return Ended(process.returncode, answer, complaint, time.perf_counter() - began)


def call(request: str) -> Ended:
    """One run from start to end; what a worker of a Dask cluster does."""
    return finish(start(), request)


def ready() -> bool:
    """What a cluster's worker is asked first: that it answers shows that it has this package."""
    return True
