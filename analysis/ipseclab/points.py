# SPDX-License-Identifier: BSD-3-Clause
"""From the runs of a campaign to one line per point: the measure, intervals, theory, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ipseclab import core, descriptions, statistics
from ipseclab.descriptions import Description
from ipseclab.statistics import Estimate

PLOT_CONFIDENCE = 0.95  # of one interval, in figures and tables
FAMILY_CONFIDENCE = 0.99  # that all intervals of a family hold together, for verdicts
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Point:
    """All runs of one set of parameters, crypto mode and code."""

    parameters: dict[str, str]  # canonical
    values: dict[str, float | str]  # SI units
    mode: str
    code_identity: str
    runs: int
    failed: int
    metrics: dict[str, float]  # means over the runs that finished; of *_max the largest
    totals: dict[str, float]  # sums over the runs that finished
    observations: int  # what the measure's share was counted among; 0: it is no share
    measured: Estimate | None  # the scenario's measure, interval of PLOT_CONFIDENCE
    beside: tuple[Estimate | None, ...]  # what the figure shows below it, PLOT_CONFIDENCE too
    judged: Estimate | None  # the same, FAMILY_CONFIDENCE over all points with a theory
    theory: float | None
    wall_seconds: float  # sum over the runs

    @property
    def drawn(self) -> tuple[Estimate | None, ...]:
        """What the figure shows of the point, from top to bottom."""
        return (self.measured, *self.beside)

    @property
    def agrees(self) -> bool | None:
        """Whether the theory lies inside the family-wise interval; None without a theory."""
        return None if self.theory is None else self.agrees_with(self.theory)

    def agrees_with(self, value: float) -> bool | None:
        """Whether a value lies inside the family-wise interval; None where nothing was measured."""
        if self.judged is None:
            return None
        margin = _ROUNDING * max(1.0, abs(value))
        return self.judged.low - margin <= value <= self.judged.high + margin


def _estimate(
    runs: pd.DataFrame, description: Description, measure: str, length: float, confidence: float
) -> Estimate | None:
    """None when no run has what the measure is made of, or nothing was counted."""
    names = description.expression(measure).names
    if runs.empty or any(f"metric.{name}" not in runs for name in names):
        return None
    rows = [
        {name: float(row[f"metric.{name}"]) for name in names} for row in runs.to_dict("records")
    ]
    share = description.share(measure)
    if share is None:
        values = [description.expression(measure)(row) for row in rows]
        return statistics.mean(np.array(values), confidence)
    events, totals = (np.array([side(row) for row in rows]) for side in share)
    return statistics.share(events, totals, confidence, length)


def _observations(totals: dict[str, float], description: Description) -> int:
    share = description.share(description.measure)
    return int(share[1](totals)) if share and share[1].names <= totals.keys() else 0


def summarise(frame: pd.DataFrame, scenario: str, code_identity: str | None = None) -> list[Point]:
    """The points of a campaign's frame, those of one code only when it is named.

    All points with a theory are one family: the verdicts' intervals hold together.
    """
    if frame.empty:
        return []
    if code_identity is not None:
        frame = frame[frame["code_identity"] == code_identity]
    description = descriptions.load(scenario)
    names = [column for column in frame.columns if column.startswith("parameter.")]
    metric_names = [column for column in frame.columns if column.startswith("metric.")]
    groups = []
    for _, runs in frame.groupby([*names, "mode", "code_identity"], sort=False, dropna=False):
        first = runs.iloc[0]
        parameters = {name.partition(".")[2]: str(first[name]) for name in names}
        values = core.parameter_values(scenario, parameters)
        groups.append((runs, parameters, values, description.predict(values)))
    family = max(1, sum(expected is not None for *_, expected in groups))
    together = 1.0 - (1.0 - FAMILY_CONFIDENCE) / family
    points = []
    for runs, parameters, values, expected in groups:
        good = runs[runs["status"] == "ok"]
        length = description.correlation_length(values)
        measured, *beside = (
            _estimate(good, description, drawn.measure, length, PLOT_CONFIDENCE)
            for drawn in description.drawn
        )
        numbers = good[metric_names].rename(columns=lambda name: name.partition(".")[2])
        totals = {str(name): float(value) for name, value in numbers.sum().items()}
        points.append(
            Point(
                parameters=parameters,
                values=values,
                mode=str(runs.iloc[0]["mode"]),
                code_identity=str(runs.iloc[0]["code_identity"]),
                runs=len(good),
                failed=len(runs) - len(good),
                metrics={
                    str(name): float(column.max() if name.endswith("_max") else column.mean())
                    for name, column in numbers.items()
                },
                totals=totals,
                observations=_observations(totals, description),
                measured=measured,
                beside=tuple(beside),
                judged=_estimate(good, description, description.measure, length, together),
                theory=expected,
                wall_seconds=float(runs["wall_seconds"].sum()),
            )
        )
    last = x_axis(description, points)
    return sorted(points, key=lambda point: _order(point, last))


def x_axis(description: Description, points: Sequence[Point]) -> str:
    """The parameter that a figure of these points has on its x axis.

    The first of the scenario's wishes that differs between the points, else the number that takes
    the most values, else the first wish.
    """
    names = varying(points)
    wishes = list(description.figure.get("x", []))
    for name in wishes:
        if name in names:
            return str(name)
    panel = description.figure.get("panel")
    candidates = [name for name in names if name != panel] or wishes or list(points[0].values)

    def rank(name: str) -> tuple[bool, int]:
        values = {point.values[name] for point in points}
        return not any(isinstance(value, str) for value in values), len(values)

    return max(candidates, key=rank)


def _order(point: Point, last: str) -> list[tuple[bool, float, str]]:
    """By the parameters in the scenario's order, that of the x axis last."""
    names = sorted(point.values, key=lambda name: name == last)
    return [_sortable(point.values[name]) for name in names]


def _sortable(value: float | str) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, value, "")


def varying(points: Sequence[Point]) -> list[str]:
    """Names of the parameters that differ between the points."""
    return [
        name
        for name in (points[0].parameters if points else {})
        if len({point.parameters[name] for point in points}) > 1
    ]
