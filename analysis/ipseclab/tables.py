# SPDX-License-Identifier: BSD-3-Clause
"""What the terminal shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ipseclab import core, descriptions
from ipseclab.descriptions import Description, Drawn
from ipseclab.points import FAMILY_CONFIDENCE, PLOT_CONFIDENCE, Point, varying
from ipseclab.screen import TitledTable, WideTable
from ipseclab.statistics import Estimate


def ratio_text(value: float) -> str:
    """A ratio with as many digits as its size can use."""
    return "0" if value == 0 else f"{value:.5f}" if value >= 1e-3 else f"{value:.2e}"


def rate_text(bits_per_second: float) -> str:
    """A bit rate with a prefix of the SI."""
    for factor, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bits_per_second >= factor:
            return f"{bits_per_second / factor:.4g} {unit}"
    return f"{bits_per_second:.4g} bit/s"


def metric_text(name: str, unit: str, value: float) -> str:
    """The value of a metric as its unit asks for."""
    if unit == "bps":
        return rate_text(value)
    if name.endswith("_ratio"):
        return ratio_text(value)
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}" if unit == "1" else f"{value:.0f} {unit}"
    return f"{value:.6g}" if unit == "1" else f"{value:.6g} {unit}"


def metric_name(name: str) -> str:
    """In words; the unit stands at the value."""
    return name.removesuffix("_bps").removesuffix("_s").replace("_", " ")


class Measure:
    """How a measure of a scenario is written."""

    def __init__(self, description: Description, drawn: Drawn) -> None:
        self._share = description.share(drawn.measure) is not None
        self._units = _units(description.scenario)
        self._name = drawn.measure
        self.heading = drawn.name
        self.curve = description.curve

    @classmethod
    def of_figure(cls, description: Description) -> list[Measure]:
        """Those of the figure, from top to bottom."""
        return [cls(description, drawn) for drawn in description.drawn]

    def value(self, value: float | None) -> str:
        if value is None:
            return "-"
        if self._share:
            return ratio_text(value)
        return metric_text(self._name, self._units.get(self._name, "1"), value)

    def interval(self, estimate: Estimate | None) -> str:
        if estimate is None or not math.isfinite(estimate.high - estimate.low):
            return "-"
        return f"{self.value(estimate.low)} .. {self.value(estimate.high)}"

    def column(self, point: Point, name: str) -> str:
        """Another metric of the point."""
        value = point.metrics.get(name)
        return "-" if value is None else metric_text(name, self._units.get(name, "1"), value)


def _units(scenario: str) -> dict[str, str]:
    return {metric["name"]: metric["unit"] for metric in core.scenario_info(scenario)["metrics"]}


def verdict_text(point: Point) -> str:
    return {True: "inside", False: "OUTSIDE", None: "-"}[point.agrees]


def confidence_note() -> str:
    """Which intervals the table of several points shows, and which the figure."""
    return (
        f"Intervals of the table: all hold together with {FAMILY_CONFIDENCE:.0%} confidence "
        f"(Bonferroni), and decide the verdict. The figure shows {PLOT_CONFIDENCE:.0%} for each "
        "point."
    )


def points_table(title: str, scenario: str, points: Sequence[Point]) -> WideTable:
    """One row per point: what differs, the measure with its interval, theory and verdict."""
    description = descriptions.load(scenario)
    measure, *beside = Measure.of_figure(description)
    names = varying(points)
    curve = [description.figure["curve"]["label"].partition(" [")[0]] if measure.curve else []
    theory = any(point.theory is not None for point in points)
    columns = [
        *curve,
        "runs",
        measure.heading,
        "interval",
        *(["theory", "verdict"] if theory else []),
        *(other.heading for other in beside),
        *map(metric_name, description.columns),
        "wall",
    ]
    rows = [
        [
            *(point.parameters[name] for name in names),
            *([f"{measure.curve(point.values):g}"] if measure.curve else []),
            f"{point.runs}" + (f" ({point.failed} failed)" if point.failed else ""),
            measure.value(point.measured.value if point.measured else None),
            measure.interval(point.judged),
            *([measure.value(point.theory), verdict_text(point)] if theory else []),
            *(
                other.value(estimate.value if estimate else None)
                for other, estimate in zip(beside, point.beside, strict=True)
            ),
            *(measure.column(point, name) for name in description.columns),
            f"{point.wall_seconds:.1f} s",
        ]
        for point in points
    ]
    return WideTable(title, names, columns, rows)


def point_table(title: str, scenario: str, point: Point) -> TitledTable:
    """Everything about one point, a line for each quantity."""
    description = descriptions.load(scenario)
    measure = Measure.of_figure(description)[0]
    value = "value" if point.runs == 1 else f"mean of {point.runs} runs"
    table = TitledTable("quantity", value, "what", heading=title)
    table.columns[1].justify = "right"
    drops = 0
    for metric in core.scenario_info(scenario)["metrics"]:
        name = metric["name"]
        dropped = name.startswith("drop_")
        if name == description.measure or name not in point.metrics:
            continue
        if dropped and not point.metrics[name]:
            continue
        drops += dropped
        text = metric_text(name, metric["unit"], point.metrics[name])
        table.add_row(metric_name(name), text, metric["doc"])
    if not drops:
        table.add_row("dropped", "0", "for every reason")
    if point.measured:
        table.add_row(metric_name(description.measure), measure.value(point.measured.value))
        table.add_row(f"  {PLOT_CONFIDENCE:.0%} interval", measure.interval(point.measured))
    if point.theory is not None:
        table.add_row("  theory", measure.value(point.theory))
        table.add_row(f"  inside the {FAMILY_CONFIDENCE:.0%} interval", verdict_text(point))
    table.add_row("wall time of all runs", f"{point.wall_seconds:.2f} s")
    if point.failed:
        table.add_row("failed runs", str(point.failed))
    return table
