# SPDX-License-Identifier: BSD-3-Clause
"""The worked examples run, and say what their text says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

pytestmark = pytest.mark.core

EXAMPLES = ROOT / "docs" / "examples"


def run(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """The names that the script leaves, and what it printed."""
    names = runpy.run_path(str(EXAMPLES / name))
    return names, capsys.readouterr().out


def test_all_examples_are_tested() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        assert f'run("{example.name}"' in here


def test_claim_in_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    names, said = run("claim_in_ten_lines.py", capsys)
    losses = names["frame"].groupby("parameter.window")["metric.replay_loss_ratio"].mean()
    assert losses["64"] == pytest.approx(0.7, abs=0.02)  # all of the slow path
    assert losses["1024"] == 0
    assert "window 64: 0.7" in said


def test_new_topology(capsys: pytest.CaptureFixture[str]) -> None:
    names, said = run("new_topology.py", capsys)
    result, gateways, streams = names["result"], names["gateways"], names["streams"]
    assert [entry[1:] for entry in names["log"] if entry[2] == "removed"] == [
        ("head-gateway", "removed"),
        ("branch1-gateway", "removed"),
    ]
    pending = result[gateways["branch1"]]["outbound_drops"]["acquire-pending"]
    stranded = result[gateways["head"]]["inbound_drops"]["unknown-spi"]
    lost = len(result[streams["branch1"]].sent) - len(result[streams["branch1"]].delivered)
    assert pending > 0
    assert stranded > 0
    assert lost == pending + stranded
    assert result[gateways["branch2"]]["outbound_drops"]["queue"] > 0
    assert "10.1.0.0/16" in said


def test_reordering_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    names, _ = run("reordering_in_python.py", capsys)
    losses = names["LOSSES"]
    assert losses[None] == pytest.approx(0.7, abs=0.02)
    assert losses[5] == pytest.approx(0.7, abs=0.03)
    assert losses[500] < 0.4


def test_paired_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    names, _ = run("paired_seeds.py", capsys)
    assert names["PAIRED"].low > 0
    assert names["PAIRED"].high - names["PAIRED"].low < 2 * names["SPREAD"]
