# SPDX-License-Identifier: BSD-3-Clause
"""Figures: one style, readable in print and without colour; simulation over theory."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipseclab import files, theory
from ipseclab.points import PLOT_CONFIDENCE, Point

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
NETWORKS = {
    "two-path": "two paths, delays differ by the spread",
    "uniform": "independent delays, uniform over the spread",
    "exponential": "independent delays, exponential, mean = spread",
    "ordered": "one path, order kept",
}


def _windows(points: Sequence[Point]) -> tuple[float, float]:
    sizes = [float(point.values["window"]) for point in points if point.values["window"]]
    return (min(sizes) / 2**0.5, max(sizes) * 2**0.5) if sizes else (32.0, 1024.0)


def _key(point: Point) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in point.parameters.items() if k != "window")


def _curves(points: Sequence[Point]) -> list[list[Point]]:
    """The points in groups that differ in the window only, smallest rate x spread first."""
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        groups.setdefault((_key(point), point.mode, point.code_identity), []).append(point)
    return sorted(groups.values(), key=lambda group: group[0].rate_spread)


def _draw_curve(axes: Axes, curve: list[Point], index: int, limits: tuple[float, float]) -> None:
    colour = COLOURS[index % len(COLOURS)]
    low, high = limits
    sizes = np.unique(np.round(np.geomspace(low, high, 300)).astype(int)).tolist()
    expected = theory.replay_loss("replay-window", curve[0].values, sizes)
    if expected is not None:
        axes.plot(sizes, expected, color=colour, zorder=2)
    shown = [p for p in curve if p.loss is not None and p.values["window"]]
    values = [p.loss.value for p in shown if p.loss]
    below = [p.loss.value - p.loss.low for p in shown if p.loss]
    above = [p.loss.high - p.loss.value for p in shown if p.loss]
    axes.errorbar(
        [float(p.values["window"]) for p in shown],
        values,
        yerr=[below, above],
        fmt=MARKERS[index % len(MARKERS)],
        color=colour,
        markersize=5,
        markerfacecolor="white",
        markeredgewidth=1.3,
        elinewidth=1.1,
        capsize=3,
        zorder=3,
        label=f"{curve[0].rate_spread:g}",
    )


def _draw_panel(
    axes: Axes, network: str, points: Sequence[Point], limits: tuple[float, float]
) -> None:
    for index, curve in enumerate(_curves(points)):
        _draw_curve(axes, curve, index, limits)
    low, high = limits
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    ticks = [2**k for k in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("window [sequence numbers]")
    axes.set_title(NETWORKS[network])
    axes.legend(
        title="rate × spread [packets]",
        title_fontsize=8.0,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.17),
        ncols=4,
        handletextpad=0.2,
    )


def replay_loss(points: Sequence[Point]) -> Figure:
    """Replay loss ratio against the window, a curve per rate x spread, a panel per network."""
    present = {str(point.values["network"]) for point in points}
    networks = [network for network in NETWORKS if network in present]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.2 + 3.6 * len(networks), 4.2), layout="constrained")
        panels = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
        for axes, network in zip(panels, networks, strict=True):
            chosen = [point for point in points if point.values["network"] == network]
            _draw_panel(axes, network, chosen, _windows(points))
        panels[0].set_ylabel("replay loss ratio [lost / fresh packets arrived]")
        note = (
            "lines: closed form",
            f"markers: simulation with {PLOT_CONFIDENCE:.0%} intervals",
            "(Korn–Graubard over independent runs)",
        )
        # A panel alone is narrower than the note.
        figure.supxlabel(("   " if len(networks) > 1 else "\n").join(note), fontsize=8.0)
    return figure


FIGURES = {"replay-window": replay_loss}


def make(scenario: str, points: Sequence[Point]) -> Figure | None:
    """The scenario's figure; None when it has none or nothing was measured."""
    draw = FIGURES.get(scenario)
    return draw(points) if draw and any(point.loss for point in points) else None


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
