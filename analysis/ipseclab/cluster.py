# SPDX-License-Identifier: BSD-3-Clause
"""Runs jobs on a Dask cluster: one process per run there, too.

A worker of the cluster needs this package and the same build: ``PYTHONPATH`` and
``IPSECLAB_BUILD`` as on this machine.  Dask gives the runs of a lost worker to the others.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any

from ipseclab import launch, runner
from ipseclab.campaign import Outcome
from ipseclab.errors import ClusterFailed, LabError
from ipseclab.plan import Job

_PATIENCE = 10  # seconds for the scheduler to answer, and for the first worker to join


def _connect(address: str) -> tuple[Any, Any]:
    """The package, which is imported only when it is wanted, and a client."""
    if not re.fullmatch(r"((tcp|tls)://)?[^\s/]+:\d{1,5}", address):
        raise LabError(f"--dask {address}: write HOST:PORT or tcp://HOST:PORT")
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise LabError("--dask: Debian package python3-distributed is missing") from None
    # What goes wrong is said in one line, here.
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("asyncio", "distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise LabError(f"--dask {address}: no scheduler answers: {error}") from None
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
        client.run(launch.ready)
    except Exception as error:  # whatever a worker raises arrives here as it is
        client.close(timeout=2)
        hint = (
            "; start its workers with this package in PYTHONPATH"
            if isinstance(error, ImportError)
            else ""
        )
        raise LabError(f"--dask {address}: {_why(error)}{hint}") from None
    return distributed, client


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _outcome(job: Job, future: Any) -> Outcome:
    if future.status == "finished":
        return runner.outcome(job, future.result())
    if future.status == "error":  # Dask gave up: a run that takes every worker down with it
        return Outcome(job, 0.0, {}, error=_why(future.exception()))
    raise ClusterFailed("the Dask cluster is gone")


def run_jobs(address: str, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
    """Outcomes in order of completion.  On an exception, Ctrl-C too, the rest is cancelled."""
    distributed, client = _connect(address)
    waiting: dict[Any, Job] = {}
    try:
        for job in jobs:
            waiting[client.submit(launch.call, runner.request(job), pure=False)] = job
        finished = distributed.as_completed(list(waiting), loop=client.loop, raise_errors=False)
        for future in finished:
            yield _outcome(waiting.pop(future), future)
            future.release()
    except OSError as error:
        raise ClusterFailed(f"--dask {address}: the cluster is gone: {error}") from None
    finally:
        with suppress(Exception):  # nothing can be cancelled where nobody listens
            if client.status == "running":
                client.cancel(list(waiting))
            client.close(timeout=5)
