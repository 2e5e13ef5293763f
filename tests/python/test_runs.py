# SPDX-License-Identifier: BSD-3-Clause
"""Runs from the command line: determinism, failures, results."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, SMALL, Cli, environment, small_arguments
from rich.console import Console

import ipseclab
from ipseclab import plan, ranges, runner
from ipseclab.tally import Tally

RUN = ("run", "replay-window")


def metrics_of(folder: Path) -> list[tuple[int, str]]:
    database = sqlite3.connect(folder / "campaign.sqlite")
    try:
        return database.execute("SELECT run, metrics FROM runs ORDER BY run").fetchall()
    finally:
        database.close()


def captures_of(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "captures").glob("*.pcap"))
    }


@pytest.mark.core
def test_same_seed_and_run_give_the_same_octets(cli: Cli, tmp_path: Path) -> None:
    for out, run in (("one", 4), ("two", 4), ("other", 5)):
        done = cli(*RUN, *small_arguments(), "--first-run", run, "--pcap", "--out", out)
        assert done.returncode == 0, done.stderr
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    assert captures_of(one) == captures_of(two)
    assert len(captures_of(one)) == 2
    assert metrics_of(one) == metrics_of(two)
    for name, digest in captures_of(other).items():
        assert digest != captures_of(one)[name]
    assert metrics_of(other)[0][1] != metrics_of(one)[0][1]


@pytest.mark.core
def test_number_of_workers_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    for jobs in ("1", "3"):
        done = cli(*RUN, *small_arguments(), "--runs", "6", "--jobs", jobs, "--out", f"j{jobs}")
        assert done.returncode == 0, done.stderr
    assert metrics_of(tmp_path / "j1") == metrics_of(tmp_path / "j3")
    assert len({metrics for _, metrics in metrics_of(tmp_path / "j1")}) == 6


@pytest.mark.core
def test_sized_and_real_count_the_same(cli: Cli, tmp_path: Path) -> None:
    for mode in ([], ["--sized"]):
        done = cli(*RUN, *small_arguments(), *mode, "--out", f"m{len(mode)}")
        assert done.returncode == 0, done.stderr
    assert metrics_of(tmp_path / "m0") == metrics_of(tmp_path / "m1")


@pytest.mark.core
def test_results_and_their_paths(cli: Cli, tmp_path: Path) -> None:
    done = cli(*RUN, *small_arguments(), "--runs", "3", "--plot", "--pcap", "--out", "s")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "s").iterdir()}
    files = {"campaign.sqlite", "metrics.csv", "report.html"}
    assert files | {"replay-window.png", "replay-window.svg", "captures"} <= names
    for name in files | {"replay-window.png", "gateway-a.pcap"}:
        assert name in done.stdout
    for quantity in ("replay loss ratio", "theory", "RFC 4737", "goodput", "wall time"):
        assert quantity in done.stdout


@pytest.mark.core
def test_report_is_self_contained(cli: Cli, tmp_path: Path) -> None:
    done = cli(*RUN, *small_arguments(), "--runs", "2", "--out", "s")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    loads = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]*)""", page)
    assert loads and all(target.startswith(("data:", "#")) for target in loads)
    assert not re.search(r"<(script|link|iframe|object)\b|@import", page)
    for text in ("Provenance", "Limits", "./ipseclab sweep replay-window", "code identity"):
        assert text in page
    (tmp_path / "s" / "report.html").unlink()
    assert cli("report", "s").returncode == 0
    assert (tmp_path / "s" / "report.html").read_text(encoding="utf-8") == page


@pytest.mark.core
def test_list_names_everything(cli: Cli) -> None:
    done = cli("list")
    assert done.returncode == 0, done.stderr
    words = ("replay-window", "--fast-share", "pps", "replay_loss_ratio", "replay-window.R1")
    for word in words:
        assert word in done.stdout


@pytest.mark.core
def test_doctor(cli: Cli) -> None:
    done = cli("doctor")
    assert done.returncode == 0, done.stderr
    assert "OpenSSL" in done.stdout and "tshark" in done.stdout


@pytest.mark.core
def test_doctor_for_programs(cli: Cli) -> None:
    done = cli("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = {(row["group"], row["name"]): row for row in json.loads(done.stdout)}
    assert found["simulator", "ns-3"]["found"].startswith("3.")
    assert found["Python", "python"]["found"] == platform.python_version()
    for name in ("charon", "swanctl", "pluto", "iked", "qemu"):
        assert found["peers", name]["purpose"] and found["peers", name]["package"]
    assert all(Path(row["found"]).exists() for row in found.values() if row["group"] == "tools")


def test_doctor_without_a_build(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ipseclab", "doctor"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT / "analysis"),
            "IPSECLAB_BUILD": str(tmp_path / "nothing"),
            "PATH": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "missing: core: every run, verify" in done.stdout
    assert "missing: tshark (apt-get install tshark): looking into captures" in done.stdout


@pytest.mark.core
def test_ranges_are_typed_with_their_units(cli: Cli) -> None:
    shown = cli("list").stdout
    for text in ("1pps .. 10Mpps", "0s .. 10s", "12B .. 1372B", "1kbps .. 10Tbps"):
        assert text in shown


@pytest.mark.core
@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("spread", "0.1ms..10ms:5", ["0.1ms", "316.2us", "1ms", "3.162ms", "10ms"]),
        ("spread", "0s..1ms:3:lin", ["0s", "500us", "1ms"]),
        ("window", "32..1024:6", ["32", "64", "128", "256", "512", "1024"]),
        ("window", "0,32..100:3:lin", ["0", "32", "66", "100"]),
        ("rate", "1kpps..1Mpps:4:log", ["1kpps", "10kpps", "100kpps", "1Mpps"]),
        ("payload", "100B..1000B:3", ["100B", "316B", "1000B"]),
        ("network", "uniform,ordered", ["uniform", "ordered"]),
    ],
)
def test_ranges(name: str, text: str, values: list[str]) -> None:
    assert ranges.expand("replay-window", name, text) == values


def test_a_title_may_be_wider_than_its_table() -> None:
    title = "tests/vectors/captures/a-rather-long-name-of-a-recorded-session.pcap"
    screen = Console(file=io.StringIO(), width=100)
    screen.print(Tally({"a": 1}, {"a": 1}).table(title))
    assert screen.file.getvalue().splitlines()[0] == title


@pytest.mark.core
def test_scripting_interface() -> None:
    frame = ipseclab.sweep(
        "replay-window", window="32..64:2", packets=400, spread="0.1055ms", runs=2, jobs=2
    )
    assert len(frame) == 4
    assert set(frame["parameter.window"]) == {"32", "64"}
    assert (frame["status"] == "ok").all()
    row = ipseclab.run("replay-window", window=32, packets=400, spread="0.1055ms", run=2)
    same = frame[(frame["parameter.window"] == "32") & (frame["run"] == 2)].iloc[0]
    assert row["metric.replay_lost"] == same["metric.replay_lost"]


def job(run: int) -> plan.Job:
    return plan.Job("replay-window", (("window", "64"),), 1, run, False)


def test_a_crash_is_one_failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run 2 dies by a signal, run 3 raises; the others go on."""
    script = tmp_path / "stand-in"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, signal, sys\n"
        "job = json.load(sys.stdin)\n"
        "print('last words', file=sys.stderr, flush=True)\n"
        "if job['run'] == 2: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "if job['run'] == 3: sys.exit(1)\n"
        "if job['run'] == 4: print('no JSON'); sys.exit(0)\n"
        "print(json.dumps({'metrics': {'m': job['run']}, 'files': [], 'wall_seconds': 0.1,"
        " 'code_identity': 'c0de'}))\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(runner.launch.sys, "executable", str(script))
    outcomes = {o.job.run: o for o in runner.run_jobs([job(n) for n in range(1, 6)], 2)}
    assert outcomes[1].ok and outcomes[5].metrics == {"m": 5}
    assert outcomes[2].error == "signal 11: last words"
    assert outcomes[3].error == "exit 1: last words"
    assert "unreadable" in outcomes[4].error


def test_without_a_build_one_line_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ipseclab", "list"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "analysis"), "IPSECLAB_BUILD": str(tmp_path / "nothing")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not built" in done.stderr and "make" in done.stderr


def test_the_launcher_works_from_anywhere(tmp_path: Path) -> None:
    launcher = ROOT / "ipseclab"
    if not launcher.exists():
        pytest.skip("no launcher in this tree")
    done = subprocess.run(
        [launcher, "--help"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "verify-window" in done.stdout


@pytest.mark.core
def test_a_run_needs_no_heavy_package() -> None:
    """A worker starts for every run: it must not pay for the analysis."""
    code = (
        "import sys; from ipseclab import worker; status = worker.main();"
        "print(sorted(sys.modules)); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=runner.request(plan.Job("replay-window", tuple(SMALL.items()), 1, 1, False)),
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'ipseclab._core'" in done.stdout
    for heavy in ("numpy", "pandas", "click", "rich", "matplotlib", "jsonschema"):
        assert f"'{heavy}'" not in done.stdout


@pytest.mark.core
def test_ike_that_is_still_under_way_does_not_disturb_the_sum(cli: Cli) -> None:
    """A round trip above the first retransmission: IKE datagrams outlive the user's packets."""
    done = cli(*RUN, "--delay", "3s", "--spread", "0s", "--packets", "100", "--out", "far")
    assert done.returncode == 0, done.stderr
    assert re.search(r"delivered packets\W+100\b", done.stdout)


@pytest.mark.core
def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.returncode == 0
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert done.stdout.startswith(f"ipseclab {version} ")
    assert "ns-3 3." in done.stdout and "OpenSSL 3." in done.stdout


@pytest.mark.core
def test_list_names_drop_reasons_in_one_row_for_each_direction(cli: Cli) -> None:
    done = cli("list")
    assert done.returncode == 0
    scenarios = done.stdout.count("\nmetrics\n")
    assert scenarios > 0
    for direction in ("inbound", "outbound"):
        assert done.stdout.count(f"drop_{direction}_") == scenarios
    assert "replay_too_old" in done.stdout


@pytest.mark.core
def test_a_home_that_takes_no_files_is_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    home = {"HOME": str(file / "home"), "TMPDIR": str(tmp_path)}
    variables = {k: v for k, v in environment().items() if not k.startswith(("XDG", "MPL"))}
    done = subprocess.run(
        [sys.executable, "-m", "ipseclab", *RUN, *small_arguments(), "--plot", "--out", "s"],
        cwd=tmp_path,
        env={**variables, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
