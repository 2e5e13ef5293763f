# SPDX-License-Identifier: BSD-3-Clause
"""The main job: sweeps against theory, recordings against the model, and one captured run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ipseclab import DATA_ROOT, descriptions, plan, report, tables, work
from ipseclab.campaign import Outcome
from ipseclab.errors import EXIT_DIFFERS, EXIT_OK, LabError, Unsupported
from ipseclab.points import Point
from ipseclab.tally import Tally
from ipseclab.verify import verify
from ipseclab.verify_window import verify_window

SCENARIO = "replay-window"
VECTORS = DATA_ROOT / "tests" / "vectors"
RUNS = 16


@dataclass(frozen=True)
class _Family:
    title: str
    fixed: dict[str, str]
    grid: dict[str, list[str]]


# With two paths no rate x spread is a whole number: packets of both would arrive at once, and the
# loss would hang on which one is handled first (a rule that has a test of its own).
# Few packets are on the fast path, so that the formula's loss is neither 0 nor 1 at most points.
FAMILIES = (
    _Family(
        "two paths",
        {"network": "two-path", "fast_share": "0.05", "packets": "20000"},
        {
            "rate": ["100kpps", "400kpps"],
            "spread": ["0.3555ms", "0.7055ms"],
            "window": ["32", "64", "128", "256"],
        },
    ),
    _Family(
        "uniform delays",
        {"network": "uniform", "rate": "100kpps", "packets": "20000"},
        {"spread": ["0.505ms", "2.005ms"], "window": ["32", "64", "128", "256"]},
    ),
    _Family(
        "exponential delays",
        {"network": "exponential", "rate": "100kpps", "packets": "20000"},
        {"spread": ["0.2ms", "1ms"], "window": ["32", "64", "128", "256"]},
    ),
)


def _jobs() -> list[plan.Job]:
    points = [
        point
        for family in FAMILIES
        for point in plan.make_points(SCENARIO, family.fixed, family.grid)
    ]
    return plan.make_jobs(SCENARIO, points, plan.Replications(runs=RUNS))


def _row(name: str, tally: Tally) -> report.Verification:
    agree, total = tally.sums()
    return report.Verification(name, agree, total)


def _sessions(console: Console) -> list[report.Verification]:
    rows = []
    for secrets in sorted((VECTORS / "captures").glob("*.json")):
        name = f"recorded session {secrets.stem}"
        try:
            tally = verify(secrets.with_suffix(".pcap"), secrets)
        except Unsupported as error:
            rows.append(report.Verification(name, 0, 0, str(error)))
            continue
        for difference in tally.differences[:3]:
            console.print(f"{name}: {difference}", markup=False)
        rows.append(_row(name, tally))
    return rows


def _windows(console: Console) -> list[report.Verification]:
    rows = []
    for path in sorted((VECTORS / "linux-esp").glob("replay-*.json")):
        tally = verify_window(path)
        name = f"Linux verdicts {path.stem}"
        for difference in tally.differences[:3]:
            console.print(f"{name}: {difference}", markup=False)
        rows.append(_row(name, tally))
    return rows


def _print_verifications(console: Console, rows: list[report.Verification]) -> bool:
    """The table; whether all that is supported agrees."""
    for row in rows:
        verdict = (
            f"unsupported: {row.unsupported}"
            if row.unsupported
            else f"{row.agree} of {row.total} agree"
        )
        console.print(f"  {row.what:<50} {verdict}", markup=False)
    supported = [row for row in rows if not row.unsupported]
    if not supported:
        raise LabError(f"no recordings in {VECTORS}")
    agree, total = sum(r.agree for r in supported), sum(r.total for r in supported)
    console.print(f"  together: {agree} of {total} agree, {len(rows) - len(supported)} unsupported")
    return agree == total


def noticed(points: list[Point], shift: int) -> int:
    """At how many points the verdict would differ if the theory's window were wrong by `shift`.

    Agreement says little where the theory is flat; this says how sharp the comparison is.
    """
    description = descriptions.load(SCENARIO)
    count = 0
    for point in points:
        window = float(point.values["window"])
        wrong = (
            description.predict({**point.values, "window": size})
            for size in (window - shift, window + shift)
        )
        count += any(loss is not None and point.agrees_with(loss) is False for loss in wrong)
    return count


def _print_points(console: Console, points: list[Point]) -> bool:
    """A table per family and the count; whether theory lies inside everywhere."""
    for family in FAMILIES:
        network = family.fixed["network"]
        chosen = [point for point in points if point.values["network"] == network]
        title = f"{family.title}: replay loss against theory"
        console.print(tables.points_table(title, SCENARIO, chosen))
    inside = sum(point.agrees is True for point in points)
    console.print(tables.confidence_note())
    console.print(f"Theory lies inside at {inside} of {len(points)} points.")
    sharpness = ", ".join(f"by {n} at {noticed(points, n)}" for n in (1, 4, 16))
    console.print(f"A formula whose window is wrong would be noticed: {sharpness} points.")
    return inside == len(points)


def _captured(folder: Path) -> list[Path]:
    return sorted((folder / "captures").glob("*.pcap"))


def demo(console: Console, folder: Path, workers: int) -> int:
    """Everything, in 2-3 minutes on two processors; EXIT_DIFFERS when anything disagrees."""
    began = time.monotonic()
    jobs = _jobs()
    console.print(
        f"1. {len(jobs)} runs of {SCENARIO}: {RUNS} of each of {len(jobs) // RUNS} points; the "
        "first one with captures"
    )
    outcomes: list[Outcome] = work.perform(
        console,
        folder,
        jobs,
        workers,
        title="sweep",
        resume=f"./ipseclab demo --out {folder}",
        captures=folder / "captures",
        plain_progress=True,
    )
    console.print("2. Recorded IKEv2 and ESP sessions of real daemons through the model")
    sessions = _sessions(console)
    good = _print_verifications(console, sessions)
    console.print("3. Replay verdicts of a real Linux kernel, packet by packet")
    windows = _windows(console)
    good = _print_verifications(console, windows) and good
    report.write_verifications(folder, [*sessions, *windows])
    console.print("4. Simulation against theory")
    good = _print_points(console, work.points_of(folder, jobs)) and good
    failed = sum(not outcome.ok for outcome in outcomes)
    if failed:
        console.print(f"{failed} runs failed")
    paths = work.write_results(folder, SCENARIO, plot=True)
    for path in [*paths, *_captured(folder)]:
        console.print(f"  {path}", soft_wrap=True)
    console.print(
        f"{'Everything agrees' if good and not failed else 'SOMETHING DISAGREES'}; "
        f"{time.monotonic() - began:.0f} s"
    )
    return EXIT_OK if good and not failed else EXIT_DIFFERS
