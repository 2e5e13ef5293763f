# SPDX-License-Identifier: BSD-3-Clause
"""What the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence

from ipseclab.points import FAMILY_CONFIDENCE, PLOT_CONFIDENCE, Point, varying
from ipseclab.screen import TitledTable
from ipseclab.statistics import Ratio


def ratio_text(value: float) -> str:
    """A ratio with as many digits as its size can use."""
    return "0" if value == 0 else f"{value:.5f}" if value >= 1e-3 else f"{value:.2e}"


def interval_text(ratio: Ratio | None) -> str:
    return f"{ratio_text(ratio.low)} .. {ratio_text(ratio.high)}" if ratio else "-"


def verdict_text(point: Point) -> str:
    return {True: "inside", False: "OUTSIDE", None: "-"}[point.agrees]


def theory_text(point: Point) -> str:
    return "-" if point.theory is None else ratio_text(point.theory)


def rate_text(bits_per_second: float) -> str:
    """A bit rate with a prefix of the SI."""
    for factor, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bits_per_second >= factor:
            return f"{bits_per_second / factor:.4g} {unit}"
    return f"{bits_per_second:.4g} bit/s"


def confidence_note() -> str:
    """Which intervals the table of several points shows, and which the figure."""
    return (
        f"Intervals of the table: all hold together with {FAMILY_CONFIDENCE:.0%} confidence "
        f"(Bonferroni), and decide the verdict. The figure shows {PLOT_CONFIDENCE:.0%} for each "
        "point."
    )


def points_table(title: str, points: Sequence[Point]) -> TitledTable:
    """One row per point: what differs, the loss with its interval, theory and verdict."""
    names = varying(list(points))
    table = TitledTable(heading=title)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for heading in ("rate×spread", "runs", "replay loss", "interval", "theory", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("reordered", "goodput", "wall"):
        table.add_column(heading, justify="right")
    for point in points:
        table.add_row(
            *(point.parameters[name] for name in names),
            f"{point.rate_spread:g}",
            f"{point.runs}" + (f" ({point.failed} failed)" if point.failed else ""),
            ratio_text(point.loss.value) if point.loss else "-",
            interval_text(point.verdict_loss),
            theory_text(point),
            verdict_text(point),
            ratio_text(point.metrics.get("reordered_ratio", 0.0)),
            rate_text(point.metrics.get("goodput_bps", 0.0)),
            f"{point.wall_seconds:.1f} s",
        )
    return table


def point_table(title: str, point: Point) -> TitledTable:
    """Everything about one point, a line for each quantity."""
    table = TitledTable("quantity", "value", heading=title)
    table.columns[1].justify = "right"
    totals, means = point.totals, point.metrics
    for name in ("sent_packets", "arrived_packets", "delivered_packets", "lost_in_network"):
        table.add_row(name.replace("_", " "), f"{totals.get(name, 0):.0f}")
    drops = {name: count for name, count in totals.items() if name.startswith("drop_") and count}
    for name, count in drops.items():
        _, direction, reason = name.split("_", 2)
        table.add_row(f"dropped {direction}: {reason.replace('_', ' ')}", f"{count:.0f}")
    if not drops:
        table.add_row("dropped", "0")
    if point.loss:
        table.add_row("replay loss ratio", ratio_text(point.loss.value))
        table.add_row(
            f"  {PLOT_CONFIDENCE:.0%} interval over {point.runs} run(s)", interval_text(point.loss)
        )
    if point.theory is not None:
        table.add_row("  theory", theory_text(point))
        table.add_row(f"  inside the {FAMILY_CONFIDENCE:.0%} interval", verdict_text(point))
    table.add_row("reordered ratio (RFC 4737)", ratio_text(means.get("reordered_ratio", 0.0)))
    for name in ("reorder_extent_mean", "reorder_extent_max", "sequence_gap_max"):
        table.add_row(f"{name.replace('_', ' ')} (packets)", f"{means.get(name, 0):.5g}")
    table.add_row("goodput", rate_text(means.get("goodput_bps", 0.0)))
    table.add_row("wall time of all runs", f"{point.wall_seconds:.2f} s")
    if point.failed:
        table.add_row("failed runs", str(point.failed))
    return table
