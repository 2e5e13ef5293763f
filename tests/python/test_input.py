# SPDX-License-Identifier: BSD-3-Clause
"""Bad input gets one line on standard error, exit 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import VECTORS, Cli

pytestmark = pytest.mark.core

RUN = ("run", "replay-window")
SWEEP = ("sweep", "replay-window")
BAD = [
    (("run", "no-such-scenario"), ["no-such-scenario", "replay-window"]),
    ((*RUN, "--windo", "64"), ["windo", "window"]),
    ((*RUN, "--window", "31"), ["window", "32", "65536"]),
    ((*RUN, "--window", "70000"), ["window", "65536"]),
    ((*RUN, "--window", "sixty"), ["window"]),
    ((*RUN, "--window", "-64"), ["window"]),
    ((*RUN, "--window"), ["window", "missing"]),
    ((*RUN, "--window", "64", "--window", "32"), ["window", "twice"]),
    ((*RUN, "--fast-share", "0.1", "--fast_share", "0.2"), ["fast_share", "twice"]),
    ((*RUN, "--rate", "5"), ["rate", "pps"]),
    ((*RUN, "--rate", "5ms"), ["rate", "pps"]),
    ((*RUN, "--spread", "1"), ["spread", "s"]),
    ((*RUN, "--spread", "11s"), ["spread", "10"]),
    ((*RUN, "--spread", "nan"), ["spread"]),
    ((*RUN, "--network", "carrier-pigeon"), ["network", "two-path"]),
    ((*RUN, "--fast-share", "1.5"), ["fast_share", "1"]),
    ((*RUN, "--runs", "0"), ["--runs"]),
    ((*RUN, "--seed", "0"), ["--seed"]),
    ((*RUN, "--jobs", "x"), ["--jobs"]),
    ((*RUN, "stray"), ["stray"]),
    ((*SWEEP, "--grid", "window"), ["window"]),
    ((*SWEEP, "--grid", "window=32,,64"), ["window"]),
    ((*SWEEP, "--grid", "window=32,7"), ["window", "32"]),
    ((*SWEEP, "--grid", "nope=1"), ["nope"]),
    ((*SWEEP, "--grid", "window=32", "--set", "window=64"), ["window", "twice"]),
    ((*SWEEP, "--grid", "spread=0.1ms..10ms"), ["spread", "LOW..HIGH:COUNT"]),
    ((*SWEEP, "--grid", "spread=0.1ms..10ms:5:cubic"), ["spread", "LOW..HIGH:COUNT"]),
    ((*SWEEP, "--grid", "spread=0.1ms..10ms:1"), ["spread", "2 to"]),
    ((*SWEEP, "--grid", "spread=10ms..0.1ms:5"), ["spread", "less"]),
    ((*SWEEP, "--grid", "spread=0s..1ms:5"), ["spread", ":lin"]),
    ((*SWEEP, "--grid", "spread=1..2:5"), ["spread", "s"]),
    ((*SWEEP, "--grid", "window=7..64:3"), ["window", "32"]),
    ((*SWEEP, "--grid", "network=two-path..uniform:3"), ["network", "choice"]),
    (("report", "nowhere"), ["nowhere"]),
    (("verify", "none.pcap", "--secrets", "none.json"), ["none.json"]),
    (("verify", "none.pcap"), ["--secrets"]),
    (("verify-window", "none.json"), ["none.json"]),
    (("frobnicate",), ["frobnicate"]),
]


@pytest.mark.parametrize(("arguments", "named"), BAD, ids=lambda value: " ".join(value))
def test_one_line_and_nothing_written(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], named: list[str]
) -> None:
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in named:
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_out_that_is_a_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = cli(*RUN, "--out", "taken/deeper")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_foreign_and_damaged_sessions(cli: Cli, tmp_path: Path) -> None:
    good = VECTORS / "captures" / "no-proposal-chosen"
    capture = good.with_suffix(".pcap").read_bytes()
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "short.pcap").write_bytes(capture[: len(capture) // 2])
    (tmp_path / "foreign.pcap").write_bytes(b"not a capture at all" * 10)
    (tmp_path / "empty.pcap").write_bytes(capture[:24])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    cases = [
        (f"{good}.pcap", "list.json"),
        (f"{good}.pcap", "text.json"),
        (f"{good}.pcap", "binary.json"),
        ("foreign.pcap", f"{good}.json"),
        ("empty.pcap", f"{good}.json"),
        (".", f"{good}.json"),
    ]
    for pcap, secrets in cases:
        done = cli("verify", pcap, "--secrets", secrets)
        assert done.returncode == 2, (pcap, secrets, done.stdout, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr
    assert cli("verify-window", "list.json").returncode == 2
    assert cli("verify-window", f"{good}.json").returncode == 2
    # A capture that ends early is one with frames missing, or unreadable; never a success.
    assert cli("verify", "short.pcap", "--secrets", f"{good}.json").returncode in (1, 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
