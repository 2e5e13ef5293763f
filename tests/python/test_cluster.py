# SPDX-License-Identifier: BSD-3-Clause
"""The same sweep on a Dask cluster of this machine, also when a worker is lost on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Cli, environment

pytest.importorskip("distributed", reason="apt-get install python3-distributed")
pytestmark = pytest.mark.core

SWEEP = (
    *("sweep", "replay-window", "--set", "packets=2000", "--set", "spread=0.1055ms"),
    *("--grid", "window=32,64", "--runs", "12"),
)
RUNS = 24
PATIENCE = 120  # seconds


class Cluster:
    """A scheduler and two workers with one thread each, all on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        found = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--scheduler-file", found)
        wait_until(found.exists)
        wait_until(lambda: found.read_text().rstrip().endswith("}"))
        self.address = json.loads(found.read_text())["address"]
        for name in ("one", "two"):
            options = ("--nthreads", "1", "--no-nanny", "--name", name)
            self._start("worker", self.address, *options, "--local-directory", folder / name)
        for name in ("worker-1", "worker-2"):
            wait_until(lambda name=name: b"Registered to" in self.log(name).read_bytes())

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start(self, kind: str, *options: object) -> None:
        name = f"{kind}-{len(self.processes)}"
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [
                    *(sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, options)),
                    *("--host", "127.0.0.1", "--no-dashboard"),
                ],
                cwd=self.folder,
                env=environment(),
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        yield made
    finally:
        made.stop()


def results(folder: Path) -> list[tuple[object, ...]]:
    """What does not depend on where and when a run was made."""
    database = sqlite3.connect(folder / "campaign.sqlite")
    try:
        return database.execute(
            "SELECT parameters, seed, run, code_identity, status, metrics, command FROM runs"
            " ORDER BY parameters, run"
        ).fetchall()
    except sqlite3.Error:
        return []  # not created yet
    finally:
        database.close()


def start_sweep(cluster: Cluster, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ipseclab", *SWEEP, "--dask", cluster.address, "--out", "far"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def some_are_done(folder: Path) -> bool:
    return (folder / "far/campaign.sqlite").exists() and len(results(folder / "far")) >= 4


def test_a_lost_worker_changes_nothing(cli: Cli, cluster: Cluster, tmp_path: Path) -> None:
    sweep = start_sweep(cluster, tmp_path)
    wait_until(lambda: sweep.poll() is not None or some_are_done(tmp_path))
    assert sweep.poll() is None, sweep.communicate()
    os.kill(cluster.processes["worker-1"].pid, signal.SIGKILL)
    at_the_kill = len(results(tmp_path / "far"))
    _, complaint = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, complaint
    assert at_the_kill < RUNS  # it was in the middle
    near = cli(*SWEEP, "--out", "near")
    assert near.returncode == 0, near.stderr
    made = results(tmp_path / "far")
    assert len(made) == RUNS and {row[4] for row in made} == {"ok"}
    assert made == results(tmp_path / "near")


def test_a_lost_scheduler_keeps_what_finished(cli: Cli, cluster: Cluster, tmp_path: Path) -> None:
    sweep = start_sweep(cluster, tmp_path)
    wait_until(lambda: sweep.poll() is not None or some_are_done(tmp_path))
    cluster.stop()
    _, complaint = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 1, complaint
    assert complaint.count("\n") == 1 and "resume: ./ipseclab sweep" in complaint
    kept = len(results(tmp_path / "far"))
    assert 4 <= kept < RUNS and f"{kept} of {RUNS} runs are kept" in complaint
    resumed = cli(*SWEEP, "--out", "far")
    assert resumed.returncode == 0 and f"{kept} of {RUNS} runs are in" in resumed.stdout


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no address", "tcp://127.0.0.1"])
def test_no_scheduler(cli: Cli, tmp_path: Path, address: str) -> None:
    done = cli(*SWEEP, "--dask", address, "--out", "far")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and address in done.stderr
