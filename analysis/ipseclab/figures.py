# SPDX-License-Identifier: BSD-3-Clause
"""Figures: one style, readable in print and without colour; simulation over theory."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FormatStrFormatter, LogLocator, MaxNLocator

from ipseclab import core, descriptions, files
from ipseclab.descriptions import Description
from ipseclab.points import PLOT_CONFIDENCE, Point, varying, x_axis
from ipseclab.statistics import Estimate

# Okabe and Ito, "Color universal design", 2008: told apart with every common colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.3,
    "svg.hashsalt": "ipseclab",
    "svg.fonttype": "path",
}
_DECADE = 8.0  # values that span as much belong on a logarithmic scale
_LINE_POINTS = 300
_STEPS = (1, 2, 2.5, 5, 10)  # of ticks, as of matplotlib's AutoLocator
_LEGEND_CHARACTERS = 60  # of a line under a panel
_LEGEND_LINE = 0.17  # inches
_HEIGHT = 4.2  # inches of a figure with one row of panels, _PANEL of them for the panels
_PANEL, _FURTHER_PANEL = 2.8, 1.8


@dataclass(frozen=True)
class _Axis:
    """The x axis: numbers on a linear or a logarithmic scale, or words."""

    name: str
    label: str
    unit: str
    words: tuple[str, ...]  # empty for numbers
    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]  # empty: matplotlib's

    def place(self, point: Point) -> float | None:
        """Where the point stands; None where the axis cannot show it."""
        value = point.values[self.name]
        if isinstance(value, str):
            return float(self.words.index(value))
        return None if self.logarithmic and value <= 0.0 else value

    def between(self) -> list[float]:
        """Places for the line of a theory; none between words."""
        if self.words:
            return []
        numbers = (
            np.geomspace(self.low, self.high, _LINE_POINTS)
            if self.logarithmic
            else np.linspace(self.low, self.high, _LINE_POINTS)
        )
        whole = np.unique(np.round(numbers)) if self.unit == "count" else numbers
        return [float(number) for number in whole]


def _axis(description: Description, points: Sequence[Point]) -> _Axis:
    name = x_axis(description, points)
    info = next(
        parameter
        for parameter in core.scenario_info(description.scenario)["parameters"]
        if parameter["name"] == name
    )
    unit = info["unit"] or ("count" if info["quantity"] == "count" else "")
    spelt = name.replace("_", " ")
    label = f"{spelt} [{unit}]" if info["unit"] else spelt
    label = str(description.figure.get("x_labels", {}).get(name, label))
    values = [point.values[name] for point in points]
    if info["quantity"] in ("choice", "file"):
        known = info["choices"] or sorted(str(value) for value in set(values))
        used = tuple(choice for choice in known if choice in values)
        return _Axis(name, label, unit, used, -0.5, len(used) - 0.5, False, ())
    numbers = sorted({float(value) for value in values})
    positive = [number for number in numbers if number > 0.0]
    # A zero that stands for "none" has no place on the scale of the others.
    shown = positive if info["zero_means"] and positive else numbers
    low, high = shown[0], shown[-1]
    if low > 0.0 and high / low >= _DECADE:
        margin = (high / low) ** 0.08
        powers = all(math.log2(number).is_integer() for number in shown)
        ticks = tuple(shown) if powers else ()
        return _Axis(name, label, unit, (), low / margin, high * margin, True, ticks)
    margin = 0.06 * (high - low) or max(0.1 * abs(high), 0.5)
    low = low - margin if low - margin > 0.0 or low <= 0.0 else low
    return _Axis(name, label, unit, (), low, high + margin, False, ())


def _curves(
    description: Description, points: Sequence[Point], axis: _Axis
) -> list[tuple[str, list[Point]]]:
    """Labels and points of the groups that differ on the x axis only: the longest, in order."""
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        others = tuple((k, v) for k, v in point.parameters.items() if k != axis.name)
        groups.setdefault((others, point.mode, point.code_identity), []).append(point)
    curves = list(groups.values())
    if len(curves) > len(COLOURS):
        longest = sorted(curves, key=lambda curve: -len(curve))[: len(COLOURS)]
        curves = [curve for curve in curves if curve in longest]
    values = [[_curve_value(description, point) for point in curve] for curve in curves]
    # A number that changes along a curve, or that two curves have, cannot name them.
    distinct = len({numbers[0] for numbers in values}) == len(curves)
    if description.curve and distinct and all(len(set(numbers)) == 1 for numbers in values):
        order = sorted(range(len(curves)), key=lambda index: values[index][0])
        return [(f"{values[index][0]:g}", curves[index]) for index in order]
    names = [name for name in varying([curve[0] for curve in curves]) if name != axis.name]
    texts = [", ".join(f"{name}={curve[0].parameters[name]}" for name in names) for curve in curves]
    return [
        (textwrap.fill(text, _LEGEND_CHARACTERS, break_on_hyphens=False), curve)
        for text, curve in zip(texts, curves, strict=True)
    ]


def _curve_value(description: Description, point: Point) -> float:
    return description.curve(point.values) if description.curve else 0.0


def _draw_theory(
    axes: Axes, description: Description, curve: Sequence[Point], axis: _Axis, colour: str
) -> bool:
    between = axis.between()
    if not between:
        shown = [(axis.place(point), point.theory) for point in curve if point.theory is not None]
        for place, expected in shown:
            axes.hlines(expected, (place or 0.0) - 0.25, (place or 0.0) + 0.25, color=colour)
        return bool(shown)
    if curve[0].theory is None:
        return False
    predicted = [description.predict({**curve[0].values, axis.name: x}) for x in between]
    axes.plot(between, [math.nan if y is None else y for y in predicted], color=colour, zorder=2)
    return True


def _draw_points(
    axes: Axes,
    label: str,
    estimates: Sequence[tuple[float, Estimate]],
    index: int,
    size: float,
    line: str,
) -> None:
    # A single run of a plain metric has no interval.
    errors = [
        (e.value - e.low, e.high - e.value) if math.isfinite(e.high - e.low) else (0.0, 0.0)
        for _, e in estimates
    ]
    axes.errorbar(
        [place for place, _ in estimates],
        [estimate.value for _, estimate in estimates],
        yerr=[[below for below, _ in errors], [above for _, above in errors]],
        fmt=MARKERS[index % len(MARKERS)],
        linestyle=line,
        color=COLOURS[index % len(COLOURS)],
        markersize=size,
        markerfacecolor="white",
        markeredgewidth=1.3,
        elinewidth=1.1,
        capsize=3,
        zorder=3,
        label=label,
    )


def _dress_x(axes: Axes, axis: _Axis) -> None:
    axes.set_xlim(axis.low, axis.high)
    axes.set_xlabel(axis.label)
    if axis.words:
        axes.set_xticks(range(len(axis.words)), axis.words)
        return
    if axis.ticks:
        axes.set_xscale("log", base=2)
        axes.set_xlim(axis.low, axis.high)
        axes.set_xticks(axis.ticks, [f"{tick:g}" for tick in axis.ticks])
    elif axis.logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(axis.low, axis.high)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    elif axis.unit == "count":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not axis.ticks and axis.unit not in ("", "count"):
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.minorticks_off()


def _legend_columns(labels: Sequence[str]) -> int:
    if all("=" not in label for label in labels):
        return 4
    longest = max(len(line) for label in labels for line in label.splitlines())
    return max(1, min(3, (_LEGEND_CHARACTERS + 4) // (longest + 8)))  # 8: marker and gap


def _legend_height(description: Description, points: Sequence[Point], axis: _Axis) -> float:
    """Inches that the legend of a panel needs beyond two lines."""
    labels = [label for label, _ in _curves(description, points, axis)]
    rows = math.ceil(len(labels) / _legend_columns(labels))
    lines = rows * max(label.count("\n") + 1 for label in labels)
    return _LEGEND_LINE * max(0, lines - 2)


def _is_positive(estimate: Estimate) -> bool:
    """Whether it has a place on a logarithmic scale, its interval included."""
    bounded = math.isfinite(estimate.low)  # not so of a single run
    return estimate.value > 0.0 and (estimate.low > 0.0 or not bounded)


def _dress_y(axes: Axes, scale: str, values: Sequence[float]) -> None:
    """The y axis that the panels of a row share, with room around the lines of all of them."""
    if scale == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        low, high = axes.get_ylim()
        if 0.0 < low < high < math.inf:  # something is drawn
            margin = (high / low) ** 0.05
            axes.set_ylim(low / margin, high * margin)
        axes.minorticks_off()
    elif scale == "symlog":
        smallest = min((value for value in values if value > 0.0), default=1.0)
        high = axes.get_ylim()[1]
        axes.set_yscale("symlog", linthresh=smallest, linscale=0.5)
        axes.set_ylim(-0.6 * smallest, 2.0 * high)
    else:
        low, high = axes.get_ylim()
        axes.set_ylim(min(0.0, low), high + 0.05 * abs(high))
        if all(value.is_integer() for value in values):
            axes.yaxis.set_major_locator(MaxNLocator("auto", steps=_STEPS, integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _add_legend(axes: Axes, description: Description) -> None:
    """Below the lowest panel."""
    labels = axes.get_legend_handles_labels()[1]
    if not any(labels):
        return
    further = len(description.beside)
    height = (_PANEL + _FURTHER_PANEL * further) / (1 + further)
    numbers = all("=" not in label for label in labels)
    axes.legend(
        title=description.figure["curve"]["label"] if numbers else None,
        title_fontsize=8.0,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17 * _PANEL / height),
        ncols=_legend_columns(labels),
        handletextpad=0.2,
    )


def _draw_panel(
    axes: Axes, description: Description, row: int, points: Sequence[Point], axis: _Axis
) -> bool:
    """Whether there is a theory among the curves."""
    curves = _curves(description, points, axis)
    left_out = len(points) - sum(len(curve) for _, curve in curves)
    if left_out and row == 0:
        note = f"{left_out} more points\nin the table"
        axes.text(0.98, 0.5, note, transform=axes.transAxes, ha="right")
    theory = False
    for index, (label, curve) in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        predicted = row == 0 and _draw_theory(axes, description, curve, axis, colour)
        estimates = [
            (place, estimate)
            for point in curve
            if (estimate := point.drawn[row]) and (place := axis.place(point)) is not None
            if description.drawn[row].scale != "log" or _is_positive(estimate)
        ]
        # Without a theory curves are joined, and one that lies on others is drawn inside of them.
        size = 5.0 if predicted else 5.0 + len(curves) - 1 - index
        line = "none" if predicted or axis.words else ":"
        _draw_points(axes, label, estimates, index, size, line)
        theory = theory or predicted
    _dress_x(axes, axis)
    return theory


def _draw_row(
    row: int,
    every: Sequence[Axes],
    description: Description,
    panels: Sequence[Sequence[Point]],
    axis: _Axis,
) -> bool:
    """One measure in all panels; whether there is a theory among the curves."""
    theory = False
    for axes, points in zip(every, panels, strict=True):
        theory = _draw_panel(axes, description, row, points, axis) or theory
    drawn = description.drawn[row]
    every[0].set_ylabel(drawn.label)
    if description.share(drawn.measure):
        room = 0.03 if theory else 0.06  # for larger markers
        every[0].set_ylim(-room, 1.0 + room)
    else:
        shown = (point.drawn[row] for points in panels for point in points)
        _dress_y(every[0], drawn.scale, [estimate.value for estimate in shown if estimate])
    return theory


def _panels(description: Description, points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    """Title and points of each panel."""
    name = description.figure.get("panel")
    if name is None or isinstance(points[0].values[name], float):
        return [("", list(points))]
    titles = description.figure.get("panel_titles", {})
    choices = dict.fromkeys([*titles, *(str(point.values[name]) for point in points)])
    return [
        (titles.get(choice, f"{name.replace('_', ' ')}: {choice}"), chosen)
        for choice in choices
        if (chosen := [point for point in points if point.values[name] == choice])
    ]


def _note(description: Description, theory: bool) -> list[str]:
    shares = {description.share(drawn.measure) is not None for drawn in description.drawn}
    methods = {
        (True,): "Korn–Graubard",
        (False,): "Student's t",
        (False, True): "Korn–Graubard for shares, Student's t for the rest,",
    }
    return [
        *(("lines: closed form",) if theory else ()),
        f"markers: simulation with {PLOT_CONFIDENCE:.0%} intervals",
        f"({methods[tuple(sorted(shares))]} over independent runs)",
    ]


def draw(description: Description, points: Sequence[Point]) -> Figure:
    """The measures against the natural x axis, with intervals and theory."""
    panels = _panels(description, points)
    axis = _axis(description, points)
    with mpl.rc_context(STYLE):
        legend = max(_legend_height(description, some, axis) for _, some in panels)
        height = _HEIGHT + legend + _FURTHER_PANEL * len(description.beside)
        figure = Figure(figsize=(1.2 + 3.6 * len(panels), height), layout="constrained")
        shape = (len(description.drawn), len(panels))
        rows = figure.subplots(*shape, sharex="col", sharey="row", squeeze=False)
        chosen = [some for _, some in panels]
        theories = [
            _draw_row(row, every, description, chosen, axis) for row, every in enumerate(rows)
        ]
        for axes, (title, _) in zip(rows[0], panels, strict=True):
            axes.set_title(title)
        for axes in rows[:-1].flat:
            axes.set_xlabel("")
        for axes in rows[-1]:
            _add_legend(axes, description)
        note = _note(description, any(theories))
        # A panel alone is narrower than the note.
        figure.supxlabel(("   " if len(panels) > 1 else "\n").join(note), fontsize=8.0)
    return figure


def make(scenario: str, points: Sequence[Point]) -> Figure | None:
    """The scenario's figure; None when nothing was measured."""
    shown = [point for point in points if point.measured]
    return draw(descriptions.load(scenario), shown) if shown else None


def svg(figure: Figure) -> bytes:
    """The same points give the same octets."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The same points give the same octets."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes the figure as PNG and SVG."""
    return [
        files.write(stem.with_suffix(".png"), png(figure)),
        files.write(stem.with_suffix(".svg"), svg(figure)),
    ]
