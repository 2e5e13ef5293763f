# SPDX-License-Identifier: BSD-3-Clause
"""Campaign files: what is kept, what is refused, what is run again."""

from __future__ import annotations

import csv
import io
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Cli, default_interrupt, environment, small_arguments
from rich.console import Console

from ipseclab import campaign as campaign_module
from ipseclab import runner
from ipseclab.campaign import APPLICATION_ID, FORMAT_VERSION, Campaign, Outcome
from ipseclab.errors import LabError, OtherCode
from ipseclab.plan import Job
from ipseclab.progress import SweepProgress
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


@pytest.mark.core
def test_other_code_is_kept_apart_and_named(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "s" / "campaign.sqlite"
    assert cli(*SWEEP, "--runs", "2", "--out", "s").returncode == 0
    database = sqlite3.connect(path)
    database.execute("UPDATE provenance SET code_identity = 'older'")
    # Results that this code cannot give: the mean of a mixture would show them.
    database.execute(
        "UPDATE runs SET code_identity = 'older', "
        "metrics = json_set(metrics, '$.replay_lost', 400, '$.fresh_packets', 400)"
    )
    database.commit()
    database.close()
    done = cli(*SWEEP, "--runs", "2", "--out", "s")
    assert done.returncode == 0, done.stderr
    assert "4 runs of other code are kept apart\n" in done.stdout
    assert "runs are in" not in done.stdout
    assert query(path, "SELECT count(*) FROM runs GROUP BY code_identity") == [(4,), (4,)]
    rows = re.findall(r"│ +2 │ +0 │", done.stdout)
    assert len(rows) == 2, done.stdout  # two runs each, no loss
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "4 runs of other builds are in the campaign and not shown" in page


def test_a_run_of_another_build_stops_the_sweep(tmp_path: Path) -> None:
    made = Outcome(job(1), 0.5, {"replay_lost": 3}, code_identity="0ther")
    with pytest.raises(OtherCode, match=r"0ther.*c0de"):
        runner.refuse_other_code(made, BUILD)


def test_damaged_files_are_refused_and_untouched(tmp_path: Path) -> None:
    whole = tmp_path / "whole.sqlite"
    with Campaign(whole) as campaign:
        campaign.add_provenance(BUILD)
        for run in range(200):
            campaign.add(Outcome(job(run), 0.5, {"replay_lost": run}), BUILD.code_identity)
    octets = whole.read_bytes()
    short, torn = tmp_path / "short.sqlite", tmp_path / "torn.sqlite"
    short.write_bytes(octets[: len(octets) // 2])
    torn.write_bytes(octets[:4096] + b"\xa5" * (len(octets) - 4096))
    for path, why in ((short, "cut short"), (torn, "damaged")):
        before = path.read_bytes()
        with (
            pytest.raises(LabError, match=f"{why}.*untouched") as caught,
            Campaign(path, create=False) as campaign,
        ):
            campaign.frame("replay-window")
        assert caught.value.exit_code == 2 and str(path) in str(caught.value)
        assert path.read_bytes() == before


def test_what_a_crash_left_in_the_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "campaign.sqlite"
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "from test_campaign import BUILD, Campaign, Outcome, job\n"
        "campaign = Campaign(Path(sys.argv[1]))\n"
        "campaign.add_provenance(BUILD)\n"
        "for run in range(50):\n"
        "    campaign.add(Outcome(job(run), 0.5, {'m': run}), BUILD.code_identity)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parent)],
        env=environment(),
        check=False,
    )
    assert done.returncode == -9
    with Campaign(path) as campaign:
        assert campaign.frame("replay-window")["metric.m"].tolist() == list(range(50))


def test_one_process_writes_and_others_read(tmp_path: Path) -> None:
    path = tmp_path / "campaign.sqlite"
    with Campaign(path) as writer:
        with pytest.raises(LabError, match="another process runs this campaign"):
            Campaign(path)
        writer.add_provenance(BUILD)
        writer.add(Outcome(job(1), 0.5, {"replay_lost": 3}), BUILD.code_identity)
        with Campaign(path, create=False) as reader:
            assert len(reader.frame("replay-window")) == 1
    with Campaign(path):
        pass


@pytest.mark.core
def test_two_processes_on_one_campaign(cli: Cli, tmp_path: Path) -> None:
    arguments = [*SWEEP, "--runs", "10", "--out", "s"]
    path = tmp_path / "s" / "campaign.sqlite"
    with Campaign(path):
        second = cli(*arguments)
    assert second.returncode == 2 and second.stderr.count("\n") == 1
    assert "another process runs this campaign" in second.stderr
    assert query(path, "SELECT count(*) FROM runs") == [(0,)]
    assert cli(*arguments).returncode == 0
    assert query(path, "SELECT count(*) FROM runs") == [(20,)]


def small_files() -> None:
    """What a full disk does to a file that grows; SIGXFSZ would end the process instead."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


@pytest.mark.core
def test_a_full_disk_keeps_what_finished(cli: Cli, tmp_path: Path) -> None:
    arguments = [*SWEEP, "--runs", "20", "--out", "s"]
    done = subprocess.run(
        [sys.executable, "-m", "ipseclab", *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        check=False,
        timeout=120,
    )
    assert done.returncode == 4, done.stderr
    path = tmp_path / "s" / "campaign.sqlite"
    kept = query(path, "SELECT id, metrics FROM runs ORDER BY id")
    assert 1 <= len(kept) < 40
    assert done.stderr.count("\n") == 1
    assert f"{len(kept)} of 40 runs are kept; resume: ./ipseclab sweep" in done.stderr
    resumed = cli(*arguments)
    assert resumed.returncode == 0, resumed.stderr
    after = query(path, "SELECT id, metrics FROM runs ORDER BY id")
    assert len(after) == 40 and after[: len(kept)] == kept


WITHOUT_PRIVILEGE = (
    *("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"),
)


@pytest.mark.core
def test_a_read_only_folder(cli: Cli, tmp_path: Path) -> None:
    assert cli(*SWEEP, "--out", "s").returncode == 0
    (tmp_path / "empty").mkdir()
    # Root may write everywhere: its privilege is taken from the process.
    prefix = WITHOUT_PRIVILEGE if os.geteuid() == 0 else ()
    if prefix and (shutil.which("setpriv") is None or subprocess.call([*prefix, "true"])):
        pytest.skip("root's privilege cannot be taken away here (setpriv of util-linux)")
    before = {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()}
    for name in ("s", "empty"):
        (tmp_path / name).chmod(0o555)
    try:
        for arguments in (
            (*SWEEP, "--runs", "2", "--out", "s"),
            (*SWEEP, "--out", "empty"),
            (*SWEEP, "--out", "empty/deeper"),
            ("report", "s"),
        ):
            done = subprocess.run(
                [*prefix, sys.executable, "-m", "ipseclab", *arguments],
                cwd=tmp_path,
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 4, (arguments, done.stdout, done.stderr)
            assert done.stderr.count("\n") == 1, done.stderr
    finally:
        for name in ("s", "empty"):
            (tmp_path / name).chmod(0o755)
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()} == before
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.core
def test_a_worker_that_a_signal_ended_is_one_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "stand-in"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, signal, sys\n"
        "job = json.load(sys.stdin)\n"
        "if job['run'] == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "print(json.dumps({'metrics': {'replay_lost': 0}, 'files': [], 'wall_seconds': 0.1,"
        " 'code_identity': 'c0de'}))\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(runner.launch.sys, "executable", str(script))
    screen = Console(file=io.StringIO(), width=60)
    path = tmp_path / "campaign.sqlite"
    with Campaign(path) as campaign:
        progress = SweepProgress(screen, "sweep", 3)
        runner.execute(campaign, [job(n) for n in (1, 2, 3)], BUILD, 2, progress)
    rows = query(path, "SELECT run, status, error, command FROM runs ORDER BY run")
    assert [row[1] for row in rows] == ["ok", "failed", "ok"]
    assert rows[1][2] == "signal 9" and rows[1][3] == job(2).command()
    shown = screen.file.getvalue()
    assert f"failed: run 2: signal 9\n  repeat it: {job(2).command()}\n" in shown
    assert "runs/s" not in shown  # no terminal: nothing but what went wrong


def test_the_document_names_every_table_and_column() -> None:
    text = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    database = sqlite3.connect(":memory:")
    database.executescript(campaign_module.SCHEMA)
    tables = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if not name.startswith("sqlite_")
    ]
    for table in tables:
        section = text.partition(f"\n## `{table}`\n")[2].partition("\n## ")[0]
        assert section, f"no section on {table}"
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        described = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        assert described == columns
    assert f"format {FORMAT_VERSION}" in text and f"0x{APPLICATION_ID:08X}" in text
