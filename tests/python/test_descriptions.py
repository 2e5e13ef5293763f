# SPDX-License-Identifier: BSD-3-Clause
"""What the folders of scenarios say about them, and the figures that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

from ipseclab import core, descriptions, figures, points
from ipseclab.errors import LabError
from ipseclab.points import Point
from ipseclab.statistics import Estimate

REPLAY = ROOT / "scenarios" / "replay-window" / "scenario.toml"
FOLDERS = sorted(path.parent.name for path in (ROOT / "scenarios").glob("*/*.cc"))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    descriptions.load.cache_clear()
    yield
    descriptions.load.cache_clear()


@pytest.mark.core
def test_every_scenario_has_a_folder_with_everything() -> None:
    names = {info["name"] for info in core.load().scenarios()}
    assert names == set(FOLDERS)
    for name in sorted(names):
        found = descriptions.load(name)  # with question, limits, warm-up and figure
        descriptions.check_against_core(found)
        for file in ("README.md", "claims.toml"):
            assert (found.path.parent / file).is_file(), f"scenarios/{name}/{file}"


def _changed(monkeypatch: pytest.MonkeyPatch, folder: Path, old: str, new: str) -> None:
    text = REPLAY.read_text()
    assert old in text
    target = folder / "scenarios" / "replay-window" / "scenario.toml"
    target.parent.mkdir(parents=True)
    target.write_text(text.replace(old, new, 1))
    monkeypatch.setattr(descriptions, "DATA_ROOT", folder)


def _beside(measure: str, scale: str = "log") -> str:
    """A further row of panels."""
    return (
        f'[[figure.beside]]\nmeasure = "{measure}"\nname = "n"\nlabel = "l"\nscale = "{scale}"\n\n'
    )


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("question =", "answer =", "question: missing"),
        ('name = "replay loss"', "", "figure.name: missing"),
        ('panel = "network"', 'pane = "network"', r"figure\.pane: unknown key"),
        ('measure = "replay_loss_ratio"', 'measure = "a +"', r"figure\.measure: 'a \+' is no"),
        ('formula = "0"', 'formula = "sin(1)"', "theory 4: formula: 'sin'"),
        ('correlation = "rate', 'correlation = "rate *', "correlation: .* is no expression"),
        ("[[theory]]", _beside("a +") + "[[theory]]", r"figure\.beside\.measure: 'a \+' is no"),
        ("[[theory]]", _beside("a", scale="root") + "[[theory]]", r"figure\.beside\.scale: 'root'"),
    ],
)
def test_faults_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, part: str
) -> None:
    _changed(monkeypatch, tmp_path, old, new)
    with pytest.raises(LabError, match=rf"scenario\.toml:\d+: {part}"):
        descriptions.load("replay-window")


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('x = ["window"', 'x = ["speed"', "'speed' is no parameter"),
        ('columns = ["reordered_ratio"', 'columns = ["jitter"', "'jitter' is no metric"),
        ("[[theory]]", _beside("jitter / lost") + "[[theory]]", "'jitter' is no metric"),
        ('when = { spacing = "constant", network = "ordered" }', "when = { a = 'b' }", "'a' is no"),
    ],
)
@pytest.mark.core
def test_unknown_names_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, part: str
) -> None:
    _changed(monkeypatch, tmp_path, old, new)
    with pytest.raises(LabError, match=part):
        descriptions.check_against_core(descriptions.load("replay-window"))


# ---- figures ----


def _point(value: float = 0.5, scenario: str = "replay-window", **typed: str) -> Point:
    values = core.parameter_values(scenario, typed)
    parameters = core.check_parameters(scenario, typed)
    estimate = Estimate(value, value - 0.1, value + 0.1, 0.95, 4, "t")
    found = descriptions.load(scenario)
    return Point(
        parameters=parameters,
        values=values,
        mode="real",
        code_identity="code",
        runs=4,
        failed=0,
        metrics={},
        totals={},
        observations=10,
        measured=estimate,
        beside=tuple(
            Estimate(10.0 * row, 9.0 * row, 11.0 * row, 0.95, 4, "t")
            for row in range(1, len(found.drawn))
        ),
        judged=estimate,
        theory=found.predict(values),
        wall_seconds=0.0,
    )


@pytest.mark.parametrize(
    ("grid", "axis", "scale"),
    [
        ({"window": ["32", "64", "1024"]}, "window [sequence numbers]", "log"),
        ({"spread": ["1ms", "2ms", "3ms"]}, "spread [s]", "linear"),
        ({"rate": ["10kpps", "1Mpps"], "payload": ["100B"]}, "rate [pps]", "log"),
        ({"payload": ["100B", "200B", "300B"], "esn": ["off", "on"]}, "payload [B]", "linear"),
        ({"esn": ["off", "on"]}, "esn", "linear"),
        ({"network": ["two-path", "uniform"]}, "window [sequence numbers]", "linear"),
        ({"window": ["0", "64"]}, "window [sequence numbers]", "linear"),
    ],
)
@pytest.mark.core
def test_the_x_axis_is_what_was_varied(grid: dict[str, list[str]], axis: str, scale: str) -> None:
    chosen: list[dict[str, str]] = [{}]
    for name, values in grid.items():
        chosen = [{**point, name: value} for point in chosen for value in values]
    figure = figures.make("replay-window", [_point(**typed) for typed in chosen])
    assert figure is not None
    panels = figure.axes
    assert len(panels) == len(grid.get("network", ["one"]))
    assert {axes.get_xlabel() for axes in panels} == {axis}
    assert {axes.get_xscale() for axes in panels} == {scale}
    drawn = [line for axes in panels for line in axes.containers]
    varied = axis.partition(" [")[0]
    others = [name for name in grid if name not in (varied, "network")]
    curves = 1
    for name in others:
        curves *= len(grid[name])
    assert len(drawn) == curves * len(panels)
    assert figures.svg(figure).startswith(b"<?xml")


@pytest.mark.core
def test_theory_lines_go_through_the_predictions() -> None:
    some = [_point(rate="100kpps", spread=f"{n}.005ms") for n in (1, 2, 3)]
    figure = figures.make("replay-window", some)
    assert figure is not None
    [axes] = figure.axes
    [line] = [line for line in axes.lines if len(line.get_xdata()) > 50]
    x, y = line.get_xdata(), line.get_ydata()
    expected = descriptions.load("replay-window").predict(
        {**some[0].values, "spread": float(x[60])}
    )
    assert y[60] == expected


@pytest.mark.core
def test_the_y_axis_has_room_for_every_panel() -> None:
    some = [
        _point(value, "sub-sa", fan_out=fan_out)
        for fan_out, value in (("one", 10.0), ("several", 1000.0), ("sub-sas", 300.0))
    ]
    figure = figures.make("sub-sa", some)
    assert figure is not None
    rows = len(descriptions.load("sub-sa").drawn)
    assert len(figure.axes) == rows * len(some)
    for axes in figure.axes[: len(some)]:  # those of throughput; further measures lie below
        low, high = axes.get_ylim()
        assert low <= 0
        assert 1000 < high < 1200


@pytest.mark.core
def test_measures_beside_the_first_have_rows_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    further = _beside("wire_octets", scale="symlog") + _beside("goodput_bps")
    _changed(monkeypatch, tmp_path, "[[theory]]", further + "[[theory]]")
    some = [_point(network=n, window=w) for n in ("two-path", "uniform") for w in ("32", "64")]
    figure = figures.make("replay-window", some)
    assert figure is not None
    rows = [figure.axes[:2], figure.axes[2:4], figure.axes[4:]]
    labels = [[axes.get_ylabel() for axes in row] for row in rows]
    assert labels == [
        [descriptions.load("replay-window").figure["label"], ""],
        ["l", ""],
        ["l", ""],
    ]
    assert [bool(axes.get_xlabel()) for row in rows for axes in row] == [False] * 4 + [True] * 2
    for row, value, scale in zip(rows, (0.5, 10.0, 20.0), ("linear", "symlog", "log"), strict=True):
        low, high = row[0].get_ylim()
        assert low < 0.9 * value
        assert high > value  # the upper end of the interval is in sight
        for axes in row:
            assert axes.get_yscale() == scale
            assert axes.get_ylim() == (low, high)
            [drawn] = axes.containers
            assert list(drawn.lines[0].get_ydata()) == [value, value]
            [bars] = drawn.lines[2]
            below, above = bars.get_segments()[0][:, 1]
            assert below < value < above
    page = figures.svg(figure)
    assert page == figures.svg(figures.make("replay-window", some))


@pytest.mark.core
def test_zero_is_left_out_of_a_logarithmic_row_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    further = _beside("wire_octets", scale="symlog") + _beside("goodput_bps")
    _changed(monkeypatch, tmp_path, "[[theory]]", further + "[[theory]]")
    zero = Estimate(0.0, 0.0, 0.0, 0.95, 4, "t")
    some = [_point(window="32"), replace(_point(window="64"), beside=(zero, zero))]
    figure = figures.make("replay-window", some)
    assert figure is not None
    drawn = [list(axes.containers[0].lines[0].get_ydata()) for axes in figure.axes]
    assert drawn == [[0.5, 0.5], [10.0, 0.0], [20.0]]
    assert figure.axes[1].get_ylim()[0] < 0  # zero is not on the edge


@pytest.mark.core
def test_counts_have_no_parts_of_one_on_their_axis(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _changed(monkeypatch, tmp_path, "[[theory]]", _beside("runs", scale="linear") + "[[theory]]")
    counts = [Estimate(n, n, n, 0.95, 4, "t") for n in (1.0, 3.0)]
    some = [
        replace(_point(window=w), beside=(n,)) for w, n in zip(("32", "64"), counts, strict=True)
    ]
    figure = figures.make("replay-window", some)
    assert figure is not None
    assert list(figure.axes[1].get_yticks())[:4] == [0, 1, 2, 3]


@pytest.mark.core
def test_points_are_ordered_by_curve() -> None:
    some = [_point(rate=r, window=w) for w in ("64", "32") for r in ("100kpps", "10kpps")]
    description = descriptions.load("replay-window")
    assert points.x_axis(description, some) == "window"
    assert points.x_axis(description, some[:2]) == "rate"
    only_esn = [_point(esn="off"), _point(esn="on")]
    assert points.x_axis(description, only_esn) == "esn"


def test_the_documented_example_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "adding-a-scenario.md").read_text()
    [example] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    target = tmp_path / "scenarios" / "my-topic" / "scenario.toml"
    target.parent.mkdir(parents=True)
    target.write_text(example)
    monkeypatch.setattr(descriptions, "DATA_ROOT", tmp_path)
    found = descriptions.load("my-topic")
    assert found.predict({"queues": 4.0, "mode": "shared"}) == 0.0
