# SPDX-License-Identifier: BSD-3-Clause
"""Runs jobs, each in a process of its own, several at a time, and records what they gave."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing

from ipseclab import launch
from ipseclab.campaign import Campaign, Outcome
from ipseclab.errors import OtherCode
from ipseclab.plan import Job
from ipseclab.provenance import Provenance

_ERROR_TAIL = 2000  # characters of a failed run's standard error that are kept


def request(job: Job, output_folder: str = "") -> str:
    """What the worker of a job reads."""
    return json.dumps(
        {
            "scenario": job.scenario,
            "parameters": dict(job.parameters),
            "seed": job.seed,
            "run": job.run,
            "sized": job.sized,
            "output_folder": output_folder,
        }
    )


class _Pool:
    """Starts workers from threads and can end all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, job: Job, output_folder: str) -> Outcome:
        """One run, from start to end."""
        with self._lock:
            if self._stopped:
                return Outcome(job, 0.0, {}, error="not started")
            process = launch.start()
            self._running.add(process)
        try:
            return outcome(job, launch.finish(process, request(job, output_folder)))
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """Ends the workers that run and lets no other start."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()


def outcome(job: Job, ended: launch.Ended) -> Outcome:
    """What the end of a worker says about its run."""
    if ended.code != 0:
        return Outcome(job, ended.wall_seconds, {}, error=_failure(ended.code, ended.complaint))
    try:
        output = json.loads(ended.answer)
        return Outcome(
            job,
            output["wall_seconds"],
            output["metrics"],
            tuple(output["files"]),
            code_identity=output["code_identity"],
        )
    except (ValueError, KeyError) as error:
        why = f"the worker's answer is unreadable: {error}"
        return Outcome(job, ended.wall_seconds, {}, error=why)


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
    dask: str = "",
) -> list[Outcome]:
    """Runs the jobs and writes each outcome to the campaign as soon as it is there.

    :param dask: address of a scheduler whose workers run the jobs; empty: this machine
    """
    if not jobs:
        return []
    campaign.add_provenance(provenance)
    outcomes = []
    made = _on_cluster(dask, jobs) if dask else run_jobs(jobs, workers, output_folder)
    with closing(made) as finished:
        for outcome in finished:
            refuse_other_code(outcome, provenance)
            campaign.add(outcome, provenance.code_identity)
            on_outcome(outcome)
            outcomes.append(outcome)
    return outcomes


def _on_cluster(address: str, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
    from ipseclab import cluster  # it needs this module

    return cluster.run_jobs(address, jobs)


def refuse_other_code(outcome: Outcome, provenance: Provenance) -> None:
    """The build may change under a sweep, or differ on a machine of a cluster."""
    if outcome.ok and outcome.code_identity != provenance.code_identity:
        raise OtherCode(
            f"run {outcome.job.run} was made by other code ({outcome.code_identity[:12]}) than "
            f"this sweep's ({provenance.code_identity[:12]}): was it built again meanwhile?"
        )
