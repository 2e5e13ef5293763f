# SPDX-License-Identifier: BSD-3-Clause
"""One self-contained HTML page about a campaign."""

from __future__ import annotations

import base64
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipseclab import claims_json, core, descriptions, figures, files, pages, plan, tables, units
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.descriptions import Description
from ipseclab.errors import LabError
from ipseclab.points import Point, summarise, varying, x_axis

VERIFICATIONS = "verification.json"
VERDICTS = ("confirmed", "refuted", "inconclusive", "unsupported")


@dataclass(frozen=True)
class Verification:
    """How many of how many comparisons with recordings agreed."""

    what: str
    agree: int
    total: int
    unsupported: str = ""


@dataclass(frozen=True)
class _Picture:
    uri: str
    caption: str  # of several: what this one is about


@dataclass(frozen=True)
class _Section:
    scenario: str
    title: str
    description: Description
    measures: list[tables.Measure]  # of the figure
    figures: list[_Picture]
    points: list[Point]
    names: list[str]
    constants: dict[str, str]
    failures: list[str]
    commands: list[str]
    older_runs: int  # of other builds, in the campaign but not shown


def _data_uri(scenario: str, points: Sequence[Point]) -> str:
    figure = figures.make(scenario, points)
    if figure is None:
        return ""
    encoded = base64.b64encode(figures.svg(figure)).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def _pictures(scenario: str, families: Sequence[Sequence[Point]]) -> list[_Picture]:
    """One picture for points that one sweep makes, else one for each line of points."""
    if len(families) == 1:
        uri = _data_uri(scenario, families[0])
        return [_Picture(uri, "")] if uri else []
    return [
        _Picture(uri, _caption(scenario, family))
        for family in families
        if len(family) > 1 and (uri := _data_uri(scenario, family))
    ]


def _caption(scenario: str, points: Sequence[Point]) -> str:
    """What the points have in common beyond the defaults."""
    defaults = plan.make_points(scenario, {}, {})[0]
    names = varying(points)
    common = {k: v for k, v in points[0].parameters.items() if k not in names and v != defaults[k]}
    return ", ".join(f"{name}={value}" for name, value in common.items()) or "defaults"


def write_verifications(folder: Path, verifications: Sequence[Verification]) -> None:
    """Keeps the counts beside the campaign, for this and every later report."""
    rows = [asdict(verification) for verification in verifications]
    (folder / VERIFICATIONS).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _read_verifications(folder: Path) -> list[Verification]:
    path = folder / VERIFICATIONS
    if not path.exists():
        return []
    try:
        return [Verification(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, TypeError, ValueError) as error:
        raise LabError(f"{path}: unreadable: {error}") from None


def repeat_command(scenario: str, points: Sequence[Point], seed: int, runs: range) -> str:
    """A sweep or run that makes all these points again."""
    words = ["./ipseclab", "sweep", scenario]
    names = varying(list(points))
    for name, value in points[0].parameters.items():
        if name not in names:
            words += ["--set", f"{name}={value}"]
    for name in names:
        values = dict.fromkeys(point.parameters[name] for point in points)
        words += ["--grid", f"{name}={','.join(values)}"]
    words += ["--runs", str(len(runs)), "--first-run", str(runs.start), "--seed", str(seed)]
    if points[0].mode == "sized":
        words.append("--sized")
    return shlex.join(words)


def _families(points: Sequence[Point], names: Sequence[str]) -> list[list[Point]]:
    """The points in groups that agree in these parameters."""
    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        key = tuple(point.parameters.get(name, "") for name in names)
        groups.setdefault(key, []).append(point)
    return list(groups.values())


def _lines(points: Sequence[Point], wishes: Sequence[str]) -> list[list[Point]]:
    """The points in groups that differ in one parameter only, the longest first."""
    left, lines = list(points), []
    while left:
        candidates = [
            line
            for name in dict.fromkeys([*wishes, *left[0].parameters])
            for line in _families(left, [k for k in left[0].parameters if k != name])
        ]
        longest = max(candidates, key=len)
        lines.append(longest)
        left = [point for point in left if point not in longest]
    return lines


def _is_grid(points: Sequence[Point]) -> bool:
    """Whether the points are every combination of their values, as a sweep makes them."""
    sizes = (len({point.parameters[name] for point in points}) for name in varying(points))
    return math.prod(sizes) == len(points)


def _is_whole(points: Sequence[Point], axis: str) -> bool:
    """Whether every curve along this axis has a point at each place, as those of sweeps have."""
    others = [name for name in points[0].parameters if name != axis]
    curves = _families(points, others)
    places = [{point.parameters[axis] for point in curve} for curve in curves]
    return all(there == places[0] for there in places)


def _section(campaign: Campaign, scenario: str) -> _Section:
    frame = campaign.frame(scenario)
    code = campaign.latest_code(scenario)  # results of different code are never mixed
    older = int((frame["code_identity"] != code).sum())
    points = summarise(frame, scenario, code)
    names = varying(points)
    seed, runs = int(frame["seed"].min()), range(frame["run"].min(), frame["run"].max() + 1)
    description = descriptions.load(scenario)
    panels = _families(points, [str(description.figure.get("panel", ""))])
    wishes = list(description.figure.get("x", []))
    families = panels if all(map(_is_grid, panels)) else _lines(points, wishes)
    axis = x_axis(description, points)
    pictured = [points] if all(_is_whole(panel, axis) for panel in panels) else families
    return _Section(
        scenario=scenario,
        title=core.scenario_info(scenario)["title"],
        description=description,
        measures=tables.Measure.of_figure(description),
        figures=_pictures(scenario, pictured),
        older_runs=older,
        points=points,
        names=names,
        constants={k: v for k, v in points[0].parameters.items() if k not in names},
        failures=[
            f"{row.command}: {row.error}" for row in frame[frame["status"] == "failed"].itertuples()
        ],
        commands=[repeat_command(scenario, family, seed, runs) for family in families],
    )


def _campaign(folder: Path) -> tuple[list[_Section], list[dict[str, Any]]]:
    """A section for each scenario, and the provenance; nothing without a campaign."""
    if not (folder / FILE_NAME).exists():
        return [], []
    with Campaign(folder / FILE_NAME, create=False) as campaign:
        sections = [_section(campaign, scenario) for scenario in campaign.scenarios()]
        return sections, campaign.provenance()


def write(folder: Path) -> Path:
    """Writes ``report.html`` about the campaign, the verdicts on claims, or both in the folder."""
    claims = claims_json.read(folder / claims_json.FILE_NAME)
    sections, provenance = _campaign(folder)
    if not sections and not claims:
        raise LabError(
            f"{folder}: no campaign with runs ({FILE_NAME}) and no verdicts "
            f"({claims_json.FILE_NAME}) to report on"
        )
    page = pages.render(
        "report.html.j2",
        {
            "name": tables.metric_name,
            "verdict": tables.verdict_text,
            "thousands": units.thousands,
        },
        sections=sections,
        provenance=provenance,
        verifications=_read_verifications(folder),
        claims=claims,
        verdicts={word: sum(row["verdict"] == word for row in claims) for word in VERDICTS},
        note=tables.confidence_note(),
    )
    return files.write(folder / "report.html", page)
