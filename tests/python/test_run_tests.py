# SPDX-License-Identifier: BSD-3-Clause
"""What runs the layers of tests: what it counts, what it says, and that nothing outlives it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT, default_interrupt

from ipseclab import doctor

PATH = ROOT / "build-tools" / "run_tests.py"


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runner, with its logs elsewhere."""
    spec = importlib.util.spec_from_file_location("run_tests", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_tests", module)  # its dataclasses look there
    spec.loader.exec_module(module)
    module.ROOT = module.LOGS = tmp_path
    return module


def test_doctor_and_the_tests_look_for_the_same_programs(layers: ModuleType) -> None:
    found = {finding.name: finding for finding in doctor.examine()}
    for layer in layers.LAYERS:
        for program in layer.needs:
            assert bool(found[program].found) == (shutil.which(program) is not None)
            told = f"{found[program].package} {found[program].purpose}"
            assert layer.why.removeprefix("apt-get install ").rpartition("; ")[2] in told


# ---- JOBS ----


def test_two_jobs_unless_told_otherwise(layers: ModuleType) -> None:
    assert [layers.jobs_wanted(value) for value in (None, "", "5")] == [2, 2, 5]


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_jobs_that_are_no_number_give_one_line(value: str) -> None:
    done = subprocess.run(
        [sys.executable, PATH, "--list"],
        env={**os.environ, "JOBS": value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"JOBS is '{value}', but is a number of processes: 1 or more\n"


# ---- counting ----


def test_a_counter_that_breaks_fails_its_layer_only(
    layers: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(_: object) -> None:
        raise AttributeError("no such thing")

    broken = layers.Layer("broken", [layers.Step(["echo", "words"], breaks)] * 2)
    fine = layers.Layer("fine", [layers.Step(["true"], layers.one_case)])
    monkeypatch.setattr(layers, "LAYERS", [broken, fine])
    assert layers.main([]) == 1
    said = capsys.readouterr().out
    assert "broken: 0 passed, 2 failed, 0 skipped" in said
    assert "AttributeError: no such thing" in said and "| words" in said
    assert "fine: 1 passed" in said
    assert said.endswith("\n1 passed, 2 failed, 0 skipped\n")


def test_a_layer_says_when_it_begins(
    layers: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    layers.run_layer(layers.Layer("some", [layers.Step(["true"], layers.one_case)]), 1)
    assert capsys.readouterr().out == "[begins] some\n"


# ---- nothing outlives the runner ----

# Starts a worker in a session of its own, as a campaign does; ends it on Ctrl-C if it is kind.
PARENT = """
import pathlib, signal, subprocess, sys, time
kind, file = sys.argv[1] == "kind", pathlib.Path(sys.argv[2])
if not kind:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
else:
    signal.signal(signal.SIGINT, signal.default_int_handler)
worker = subprocess.Popen(["sleep", "1000"], start_new_session=True)
file.with_suffix(".new").write_text(str(worker.pid))
file.with_suffix(".new").rename(file)
try:
    time.sleep(1000)
except KeyboardInterrupt:
    worker.kill()
    file.with_suffix(".kind").touch()
"""


def parent(layers: ModuleType, manner: str, file: Path) -> object:
    return layers.Step([sys.executable, "-c", PARENT, manner, str(file)], layers.one_case)


def appears(file: Path) -> int:
    """The process that is written into a file."""
    for _ in range(200):
        if file.exists():
            return int(file.read_text())
        time.sleep(0.05)
    raise AssertionError(f"no {file}")


def is_alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    for _ in range(20):  # who has just been killed is there for a moment
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("manner", ["kind", "deaf"])
def test_a_time_limit_ends_workers_in_their_own_sessions(
    layers: ModuleType, tmp_path: Path, manner: str
) -> None:
    layers.GRACE = 1.0
    worker = tmp_path / "worker"
    layer = layers.Layer("slow", [parent(layers, manner, worker)], timeout=1)
    count, said = layers.run_layer(layer, 1)
    assert count.failed == 1 and "ended after 1 s without a result" in said
    assert not is_alive(appears(worker))
    assert worker.with_suffix(".kind").exists() == (manner == "kind")


def test_an_orphan_that_ignores_ctrl_c_is_ended_too(layers: ModuleType, tmp_path: Path) -> None:
    layers.GRACE = 0.5
    orphan = tmp_path / "orphan"
    script = f"(sleep 1000 & echo $! > {orphan}.new; mv {orphan}.new {orphan}); exec sleep 1000"
    layer = layers.Layer("slow", [layers.Step(["sh", "-c", script], layers.one_case)], timeout=1)
    count, _ = layers.run_layer(layer, 1)
    assert count.failed == 1
    assert not is_alive(appears(orphan))


RUNNER = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("run_tests", sys.argv[1])
layers = sys.modules["run_tests"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(layers)
layers.ROOT = layers.LOGS = pathlib.Path(sys.argv[2])
layers.LANES = 2
layers.GRACE = 1.0
command = [sys.executable, "-c", sys.argv[3]]
layers.LAYERS = [
    layers.Layer(name, [layers.Step([*command, name, str(layers.LOGS / name)], layers.one_case)])
    for name in ("kind", "deaf", "later")
]
sys.exit(layers.main([]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_all_and_names_the_layers(tmp_path: Path, number: signal.Signals) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, PATH, tmp_path, PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=default_interrupt,
    )
    workers = [appears(tmp_path / name) for name in ("kind", "deaf")]
    runner.send_signal(number)
    said, _ = runner.communicate(timeout=30)
    assert runner.returncode == 130
    assert sorted(said.splitlines()) == [
        "0 passed, 0 failed, 0 skipped",
        "[begins] deaf",
        "[begins] kind",
        "[ended early] deaf",
        "[ended early] kind",
        "[not run] later",
        "interrupted",
    ]
    assert [worker for worker in workers if is_alive(worker)] == []
    assert (tmp_path / "kind.kind").exists()
