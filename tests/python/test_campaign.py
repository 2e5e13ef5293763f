# SPDX-License-Identifier: BSD-3-Clause
"""Campaign files: what is kept, what is refused, what is run again."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Cli, default_interrupt, environment, small_arguments

from ipseclab.campaign import APPLICATION_ID, FORMAT_VERSION, Campaign, Outcome
from ipseclab.errors import LabError
from ipseclab.plan import Job
from ipseclab.provenance import Provenance

BUILD = Provenance(
    code_identity="c0de",
    revision="0123abc",
    dirty=False,
    ns3="3.37",
    openssl="3.0",
    compiler="g++ 12",
    cxx_standard=17,
    build_type="Release",
    python="3.11",
    host_cpu="test",
)
SWEEP = (
    "sweep",
    "replay-window",
    "--set",
    "packets=400",
    "--set",
    "spread=0.1055ms",
    "--grid",
    "window=32,64",
)


def job(run: int, window: str = "64") -> Job:
    return Job("replay-window", (("rate", "100kpps"), ("window", window)), 1, run, False)


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_marks_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "campaign.sqlite"
    with Campaign(path):
        pass
    assert query(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(FORMAT_VERSION,)]
    assert query(path, "PRAGMA journal_mode") == [("wal",)]


def test_what_is_missing_and_what_failed(tmp_path: Path) -> None:
    with Campaign(tmp_path / "campaign.sqlite") as campaign:
        campaign.add_provenance(BUILD)
        campaign.add(Outcome(job(1), 0.5, {"replay_lost": 3}), BUILD.code_identity)
        campaign.add(Outcome(job(2), 0.5, {}, error="signal 11"), BUILD.code_identity)
        jobs = [job(1), job(2), job(3), job(1, "32")]
        assert campaign.missing(jobs, BUILD.code_identity) == jobs[1:]
        # Other code, or the other crypto mode: another run.
        assert campaign.missing(jobs, "other") == jobs
        sized = Job("replay-window", jobs[0].parameters, 1, 1, True)
        assert campaign.missing([sized], BUILD.code_identity) == [sized]
        frame = campaign.frame("replay-window")
        assert frame["status"].tolist() == ["ok", "failed"]
        assert frame["error"].tolist() == ["", "signal 11"]
        assert frame["parameter.window"].tolist() == ["64", "64"]
        # A run that failed is replaced by one that did not.
        campaign.add(Outcome(job(2), 0.5, {"replay_lost": 4}), BUILD.code_identity)
        assert campaign.frame("replay-window")["status"].tolist() == ["ok", "ok"]


def foreign_files(folder: Path) -> list[Path]:
    """Files that are no campaign of this version."""
    other_program = folder / "other.sqlite"
    database = sqlite3.connect(other_program)
    database.execute("PRAGMA application_id=42")
    database.execute(f"PRAGMA user_version={FORMAT_VERSION}")
    database.execute("CREATE TABLE runs (x)")
    database.close()
    later = folder / "later.sqlite"
    with Campaign(later):
        pass
    database = sqlite3.connect(later)
    database.execute("PRAGMA journal_mode=DELETE")
    database.execute(f"PRAGMA user_version={FORMAT_VERSION + 1}")
    database.commit()
    database.close()
    text = folder / "text.sqlite"
    text.write_text("my notes, by chance under this name" * 10)
    empty = folder / "empty.sqlite"
    empty.touch()
    return [other_program, later, text, empty]


def test_foreign_files_are_refused_and_untouched(tmp_path: Path) -> None:
    for path in foreign_files(tmp_path):
        before = path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())
        with pytest.raises(LabError, match="untouched"):
            Campaign(path)
        assert before == (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))


@pytest.mark.core
def test_foreign_campaigns_on_the_command_line(cli: Cli, tmp_path: Path) -> None:
    for path in foreign_files(tmp_path):
        folder = tmp_path / f"folder-{path.stem}"
        folder.mkdir()
        target = folder / "campaign.sqlite"
        path.rename(target)
        before = target.read_bytes()
        done = cli(*SWEEP, "--out", folder)
        assert done.returncode == 2, (path, done.stdout)
        assert done.stderr.count("\n") == 1 and "untouched" in done.stderr
        assert target.read_bytes() == before
        assert [entry.name for entry in folder.iterdir()] == ["campaign.sqlite"]
    for arguments in (
        ("run", "replay-window", *small_arguments(), "--out", folder),
        ("report", folder),
        ("demo", "--out", folder),
    ):
        assert cli(*arguments).returncode == 2
    assert target.read_bytes() == before


@pytest.mark.core
def test_sweep_resumes(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "s" / "campaign.sqlite"
    first = cli(*SWEEP, "--runs", "2", "--out", "s")
    assert first.returncode == 0, first.stderr
    rows = "SELECT id, run, wall_seconds, created FROM runs ORDER BY id"
    before = query(path, rows)
    assert len(before) == 4
    second = cli(*SWEEP, "--runs", "3", "--out", "s")
    assert second.returncode == 0, second.stderr
    assert "4 of 6 runs are in" in second.stdout
    after = query(path, rows)
    assert after[:4] == before  # what was there is not made again
    assert sorted(row[1] for row in after) == [1, 1, 2, 2, 3, 3]
    third = cli(*SWEEP, "--runs", "3", "--out", "s")
    assert "6 of 6 runs are in" in third.stdout
    assert query(path, rows) == after


@pytest.mark.core
def test_spelling_does_not_make_another_run(cli: Cli, tmp_path: Path) -> None:
    for spread in ("0.1055ms", "105.5us", "0.0001055s"):
        done = cli("run", "replay-window", *small_arguments(spread=spread), "--out", "s")
        assert done.returncode == 0, done.stderr
    assert len(query(tmp_path / "s" / "campaign.sqlite", "SELECT id FROM runs")) == 1


def finished_runs(path: Path) -> int:
    try:
        return len(query(path, "SELECT id FROM runs"))
    except sqlite3.Error:
        return 0


@pytest.mark.core
def test_interrupt_keeps_what_finished_and_resumes(cli: Cli, tmp_path: Path) -> None:
    arguments = [*SWEEP, "--runs", "20", "--out", "s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ipseclab", *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_interrupt,
        start_new_session=True,
    )
    path = tmp_path / "s" / "campaign.sqlite"
    deadline = time.monotonic() + 120
    while finished_runs(path) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert complaint.count("\n") == 1, complaint
    kept = len(query(path, "SELECT id FROM runs WHERE status = 'ok'"))
    assert 3 <= kept < 40
    assert query(path, "SELECT id FROM runs WHERE status <> 'ok'") == []
    assert f"{kept} of 40 runs are kept; resume: ./ipseclab sweep replay-window" in complaint
    resumed = cli(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{kept} of 40 runs are in" in resumed.stdout
    assert len(query(path, "SELECT id FROM runs WHERE status = 'ok'")) == 40


@pytest.mark.core
def test_failed_runs_keep_their_error_and_stop_nothing(cli: Cli, tmp_path: Path) -> None:
    # With nine datagrams of ten lost, IKE gives up: this run fails, whatever the machine.
    done = cli(
        *("sweep", "replay-window", "--set", "packets=400", "--set", "spread=0.1055ms"),
        *("--grid", "loss=0.9,0", "--runs", "2", "--out", "s"),
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "2 of 4 runs failed" in done.stderr
    rows = query(
        tmp_path / "s" / "campaign.sqlite",
        "SELECT json_extract(parameters, '$.loss'), status, error, metrics FROM runs",
    )
    assert sorted((row[0], row[1]) for row in rows) == [("0", "ok")] * 2 + [("0.9", "failed")] * 2
    for _, status, error, metrics in rows:
        assert ("no tunnel" in str(error)) == (status == "failed")
        assert (metrics == "{}") == (status == "failed")
    assert "no tunnel" in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")


@pytest.mark.core
def test_csv_and_provenance(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "replay-window", *small_arguments(), "--runs", "2", "--out", "s")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "s" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["1", "2"]
    for row in rows:
        ratio = int(row["metric.replay_lost"]) / int(row["metric.fresh_packets"])
        assert float(row["metric.replay_loss_ratio"]) == pytest.approx(ratio)
        assert row["parameter.window"] == "32"
        assert row["mode"] == "real" and row["status"] == "ok"
        sent = int(row["metric.sent_packets"])
        drops = sum(int(value) for name, value in row.items() if name.startswith("metric.drop_"))
        others = ("delivered_packets", "lost_in_network", "in_flight")
        assert sent == 400 == drops + sum(int(row[f"metric.{name}"]) for name in others)
    [(identity, revision, ns3)] = query(
        tmp_path / "s" / "campaign.sqlite", "SELECT code_identity, revision, ns3 FROM provenance"
    )
    assert len(str(identity)) == 64 and revision and ns3
    assert rows[0]["code_identity"] == identity


@pytest.mark.core
def test_the_recorded_command_repeats_the_run(cli: Cli, tmp_path: Path) -> None:
    changes = small_arguments(network="exponential", spread="0.05ms", packets="900")
    done = cli("run", "replay-window", *changes, "--first-run", "7", "--seed", "3", "--out", "s")
    assert done.returncode == 0, done.stderr
    [(command, metrics)] = query(
        tmp_path / "s" / "campaign.sqlite", "SELECT command, metrics FROM runs"
    )
    words = str(command).split()
    assert words[0] == "./ipseclab"
    again = cli(*words[1:], "--out", "again")
    assert again.returncode == 0, again.stderr
    found = query(tmp_path / "again" / "campaign.sqlite", "SELECT command, metrics FROM runs")
    assert found == [(command, metrics)]
