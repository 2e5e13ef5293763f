# SPDX-License-Identifier: BSD-3-Clause
"""From the runs of a campaign to one line per point: pooled losses, intervals, theory, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ipseclab import core, theory
from ipseclab.statistics import Ratio, pooled_ratio

PLOT_CONFIDENCE = 0.95  # of one interval, in figures and tables
FAMILY_CONFIDENCE = 0.99  # that all intervals of a family hold together, for verdicts


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
    loss: Ratio | None  # replay loss ratio, interval of PLOT_CONFIDENCE
    verdict_loss: Ratio | None  # the same, FAMILY_CONFIDENCE over all points with a theory
    theory: float | None
    wall_seconds: float  # sum over the runs

    @property
    def agrees(self) -> bool | None:
        """Whether the theory lies inside the family-wise interval; None without a theory."""
        if self.theory is None or self.verdict_loss is None:
            return None
        return self.verdict_loss.contains(self.theory)

    @property
    def rate_spread(self) -> float:
        """Packets per second times seconds of spread: how many numbers may overtake."""
        return float(self.values["rate"]) * float(self.values["spread"])


def correlation_length(values: Mapping[str, float | str]) -> float:
    """How far, in packets, one packet's fate hangs together with another's: the delays' spread.

    Used only where the runs cannot tell (none or all lost, a single run). Exponential delays have
    longer ones now and then, too few to matter beside the factor of two that is taken.
    """
    return float(values.get("rate", 0.0)) * float(values.get("spread", 0.0))


def _ratio(runs: pd.DataFrame, length: float, confidence: float, family: int) -> Ratio | None:
    if runs.empty or "metric.replay_lost" not in runs:
        return None
    return pooled_ratio(
        runs["metric.replay_lost"].tolist(),
        runs["metric.fresh_packets"].tolist(),
        confidence=confidence,
        correlation_length=length,
        family=family,
    )


def _theory(scenario: str, values: Mapping[str, float | str]) -> float | None:
    predicted = theory.replay_loss(scenario, values, [int(float(values.get("window", 0)))])
    return None if predicted is None else float(predicted[0])


def summarise(frame: pd.DataFrame, scenario: str, code_identity: str | None = None) -> list[Point]:
    """The points of a campaign's frame, those of one code only when it is named.

    All points with a theory are one family: the verdicts' intervals hold together.
    """
    if frame.empty:
        return []
    if code_identity is not None:
        frame = frame[frame["code_identity"] == code_identity]
    names = [column for column in frame.columns if column.startswith("parameter.")]
    metric_names = [column for column in frame.columns if column.startswith("metric.")]
    groups = []
    for _, runs in frame.groupby([*names, "mode", "code_identity"], sort=False, dropna=False):
        first = runs.iloc[0]
        parameters = {name.partition(".")[2]: str(first[name]) for name in names}
        values = core.parameter_values(scenario, parameters)
        groups.append((runs, parameters, values, _theory(scenario, values)))
    family = max(1, sum(expected is not None for *_, expected in groups))
    points = []
    for runs, parameters, values, expected in groups:
        good = runs[runs["status"] == "ok"]
        length = correlation_length(values)
        numbers = good[metric_names].rename(columns=lambda name: name.partition(".")[2])
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
                totals={str(name): float(value) for name, value in numbers.sum().items()},
                loss=_ratio(good, length, PLOT_CONFIDENCE, 1),
                verdict_loss=_ratio(good, length, FAMILY_CONFIDENCE, family),
                theory=expected,
                wall_seconds=float(runs["wall_seconds"].sum()),
            )
        )
    return sorted(points, key=_order)


def _order(point: Point) -> list[tuple[bool, float, str]]:
    """By the parameters in the scenario's order, the window last: it is a figure's x axis."""
    names = sorted(point.values, key=lambda name: name == "window")
    return [_sortable(point.values[name]) for name in names]


def _sortable(value: float | str) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, value, "")


def noticed(points: list[Point], scenario: str, shift: int) -> int:
    """At how many points the verdict would differ if the theory's window were wrong by `shift`.

    Agreement says little where the theory is flat; this says how sharp the comparison is.
    """
    count = 0
    for point in points:
        window = int(float(point.values.get("window", 0)))
        wrong = theory.replay_loss(scenario, point.values, [window - shift, window + shift])
        if wrong is not None and point.verdict_loss is not None:
            count += any(not point.verdict_loss.contains(float(loss)) for loss in wrong)
    return count


def varying(points: list[Point]) -> list[str]:
    """Names of the parameters that differ between the points."""
    return [
        name
        for name in (points[0].parameters if points else {})
        if len({point.parameters[name] for point in points}) > 1
    ]
