# SPDX-License-Identifier: BSD-3-Clause
"""One self-contained HTML page about a campaign."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2

from ipseclab import core, descriptions, figures, files, tables, units
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.descriptions import Description
from ipseclab.errors import LabError
from ipseclab.points import Point, summarise, varying

VERIFICATIONS = "verification.json"
CLAIMS = "claims.json"  # [{"id", "document", "section", "statement", "verdict", "detail"}, ...]
VERDICTS = ("confirmed", "refuted", "inconclusive", "unsupported")


@dataclass(frozen=True)
class Verification:
    """How many of how many comparisons with recordings agreed."""

    what: str
    agree: int
    total: int
    unsupported: str = ""


@dataclass(frozen=True)
class _Section:
    scenario: str
    title: str
    description: Description
    measure: tables.Measure
    figure: str  # data URI, empty without a figure
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


def _read_claims(folder: Path) -> list[dict[str, str]]:
    """What was found about each claim; none without the file.  More keys may be there."""
    path = folder / CLAIMS
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["claims"] if isinstance(found, dict) else found
        shown = ("id", "document", "section", "statement", "verdict", "detail")
        return [{key: str(row.get(key, "")) for key in shown} for row in rows]
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
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


def _section(campaign: Campaign, scenario: str) -> _Section:
    frame = campaign.frame(scenario)
    code = campaign.latest_code(scenario)  # results of different code are never mixed
    older = int((frame["code_identity"] != code).sum())
    points = summarise(frame, scenario, code)
    names = varying(points)
    seed, runs = int(frame["seed"].min()), range(frame["run"].min(), frame["run"].max() + 1)
    description = descriptions.load(scenario)
    panel = str(description.figure.get("panel", ""))
    families: dict[str, list[Point]] = {}
    for point in points:
        families.setdefault(point.parameters.get(panel, ""), []).append(point)
    return _Section(
        scenario=scenario,
        title=core.scenario_info(scenario)["title"],
        description=description,
        measure=tables.Measure(description),
        figure=_data_uri(scenario, points),
        older_runs=older,
        points=points,
        names=names,
        constants={k: v for k, v in points[0].parameters.items() if k not in names},
        failures=[
            f"{row.command}: {row.error}" for row in frame[frame["status"] == "failed"].itertuples()
        ],
        commands=[repeat_command(scenario, family, seed, runs) for family in families.values()],
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["name"] = tables.metric_name
    environment.filters["verdict"] = tables.verdict_text
    environment.filters["thousands"] = units.thousands
    return environment


def write(folder: Path) -> Path:
    """Writes ``report.html`` about the campaign in the folder."""
    claims = _read_claims(folder)
    with Campaign(folder / FILE_NAME, create=False) as campaign:
        scenarios = campaign.scenarios()
        if not scenarios:
            raise LabError(f"{campaign.path}: the campaign has no runs yet")
        sections = [_section(campaign, scenario) for scenario in scenarios]
        provenance: list[dict[str, Any]] = campaign.provenance()
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            sections=sections,
            provenance=provenance,
            verifications=_read_verifications(folder),
            claims=claims,
            verdicts={word: sum(row["verdict"] == word for row in claims) for word in VERDICTS},
            note=tables.confidence_note(),
        )
    )
    return files.write(folder / "report.html", page)
