# SPDX-License-Identifier: BSD-3-Clause
"""Runs jobs, each in a process of its own, several at a time, and records what they gave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

from ipseclab.campaign import Campaign, Outcome
from ipseclab.plan import Job
from ipseclab.provenance import Provenance

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[1])
_ERROR_TAIL = 2000  # characters of a failed run's standard error that are kept


def _environment() -> dict[str, str]:
    paths = [_PACKAGE_PARENT, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


class _Pool:
    """Starts workers from threads and can end all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, job: Job, output_folder: str) -> Outcome:
        """One run, from start to end."""
        request = json.dumps(
            {
                "scenario": job.scenario,
                "parameters": dict(job.parameters),
                "seed": job.seed,
                "run": job.run,
                "sized": job.sized,
                "output_folder": output_folder,
            }
        )
        began = time.perf_counter()
        with self._lock:
            if self._stopped:
                return Outcome(job, 0.0, {}, error="not started")
            # A session of its own: Ctrl-C reaches the parent only, which decides what to end.
            process = subprocess.Popen(
                [sys.executable, "-m", "ipseclab.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=_environment(),
                start_new_session=True,
            )
            self._running.add(process)
        try:
            answer, complaint = process.communicate(request)
        finally:
            with self._lock:
                self._running.discard(process)
        wall = time.perf_counter() - began
        if process.returncode == 0:
            return _finished(job, answer, wall)
        return Outcome(job, wall, {}, error=_failure(process.returncode, complaint))

    def stop(self) -> None:
        """Ends the workers that run and lets no other start."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()


def _finished(job: Job, answer: str, wall: float) -> Outcome:
    try:
        output = json.loads(answer)
        return Outcome(job, output["wall_seconds"], output["metrics"], tuple(output["files"]))
    except (ValueError, KeyError) as error:
        return Outcome(job, wall, {}, error=f"the worker's answer is unreadable: {error}")


def _failure(code: int, complaint: str) -> str:
    how = f"signal {-code}" if code < 0 else f"exit {code}"
    tail = complaint.strip()[-_ERROR_TAIL:]
    return f"{how}: {tail}" if tail else how


def run_jobs(
    jobs: Sequence[Job], workers: int, output_folder: str = ""
) -> Generator[Outcome, None, None]:
    """Outcomes in order of completion.  On an exception, Ctrl-C among them, all workers end."""
    pool = _Pool()
    waiting = iter(jobs)
    with ThreadPoolExecutor(max_workers=workers) as executor:
        pending: set[Future[Outcome]] = set()
        try:
            while True:
                for job in waiting:
                    pending.add(executor.submit(pool.run, job, output_folder))
                    if len(pending) >= workers:
                        break
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.stop()


def execute(
    campaign: Campaign,
    jobs: Sequence[Job],
    provenance: Provenance,
    workers: int,
    on_outcome: Callable[[Outcome], None],
    output_folder: str = "",
) -> list[Outcome]:
    """Runs the jobs and writes each outcome to the campaign as soon as it is there."""
    campaign.add_provenance(provenance)
    outcomes = []
    with closing(run_jobs(jobs, workers, output_folder)) as finished:
        for outcome in finished:
            campaign.add(outcome, provenance.code_identity)
            on_outcome(outcome)
            outcomes.append(outcome)
    return outcomes
