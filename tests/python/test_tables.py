# SPDX-License-Identifier: BSD-3-Clause
"""Tables of many points: everything is written in full, however narrow the terminal is."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from ipseclab import core, tables
from ipseclab.points import Point
from ipseclab.screen import WideTable
from ipseclab.statistics import Estimate

SCENARIO = "dscp-split"
VARIED = {
    "mechanism": ("one-sa", "subspaces"),
    "queue_limit": ("5", "1000"),
    "window": ("32", "4096"),
}


def shown(table: WideTable, width: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(table)
    return screen.file.getvalue().splitlines()


def points(theory: float | None) -> list[Point]:
    names = [metric["name"] for metric in core.scenario_info(SCENARIO)["metrics"]]
    estimate = Estimate(0.0123456, 0.0112233, 0.0134567, 0.95, 20, "t")
    return [
        Point(
            parameters=dict(zip(VARIED, values, strict=True)),
            values={},
            mode="real",
            code_identity="c0de",
            runs=20,
            failed=0,
            metrics=dict.fromkeys(names, 0.00723671),
            totals={},
            observations=1000,
            measured=estimate,
            beside=(estimate,) * 4,
            judged=estimate,
            theory=theory,
            wall_seconds=12.5,
        )
        for values in itertools.product(*VARIED.values())
    ]


def cells(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line[1:-1].split("│")] for line in lines if "│" in line]


@pytest.mark.core
@pytest.mark.parametrize("width", [80, 160])
def test_nothing_of_many_columns_is_cut_off(width: int) -> None:
    table = tables.points_table("a sweep", SCENARIO, points(None))
    lines = shown(table, width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    rows = cells(lines)
    every = set(itertools.product(*VARIED.values()))
    tables_shown = sum("┏" in line for line in lines)
    assert (tables_shown == 1) == (width == 160)
    assert len(rows) == tables_shown * len(every)
    assert {tuple(row[:3]) for row in rows} == every  # the keys, in each of the tables
    one = [cell for row in rows if row[:3] == ["one-sa", "5", "32"] for cell in row[3:]]
    assert one[:3] == ["20", "0.01235", "0.01122 .. 0.01346"]
    assert one[-2:] == ["0.00723671 s", "12.5 s"]


@pytest.mark.core
def test_theory_has_a_column_where_there_is_one() -> None:
    for theory, expected in ((None, False), (0.0121, True)):
        text = "\n".join(shown(tables.points_table("", SCENARIO, points(theory)), 200))
        assert ("theory" in text and "inside" in text) == expected


def test_a_table_needs_no_row_and_no_key() -> None:
    assert any("what" in line for line in shown(WideTable("", [], ["what"], []), 80))
    assert cells(shown(WideTable("", [], ["a", "b"], [["1", "[2]"]]), 80)) == [["1", "[2]"]]
