# SPDX-License-Identifier: BSD-3-Clause
"""The recorded verdicts, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipseclab.claim_file import TomlFile
from ipseclab.judging import Result
from ipseclab.verdicts import FAILS, REFUTED, Finding

SCHEMA = "verdicts.schema.json"
_MOST_FIGURES = 3  # in a message
_HEADER = """\
# SPDX-License-Identifier: GPL-2.0-only
#
# Verdicts on every claim, by effort. Written by `./ipseclab claims --quick --update-baseline`;
# the checks compare with it and name what changed.
"""


@dataclass(frozen=True)
class Record:
    """What was found once."""

    effort: str
    id: str
    verdict: str
    revision: str  # of the code that found it
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A claim whose verdict is not the recorded one."""

    id: str
    message: str


def figure(measure: str, finding: Finding) -> str:
    """A number with its name and place, as recorded and as told."""
    return f"{measure} at {finding.label}: {finding.numbers}"


def _figures(result: Result) -> tuple[str, ...]:
    return tuple(figure(result.claim.measure, finding) for finding in result.findings)


def load(path: Path) -> list[Record]:
    """The records of a file; LabError names file, line and key of a fault."""
    file = TomlFile(path)
    file.check(SCHEMA)
    return [
        Record(row["effort"], row["id"], row["verdict"], row["revision"], tuple(row["figures"]))
        for row in file.document.get("verdict", [])
    ]


def _table(record: Record) -> str:
    lines = ["", "[[verdict]]"]
    values: dict[str, Any] = {
        "effort": record.effort,
        "id": record.id,
        "verdict": record.verdict,
        "revision": record.revision,
    }
    # JSON's strings are TOML's basic strings.
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    lines.append("figures = [")
    lines += [f"    {json.dumps(text, ensure_ascii=False)}," for text in record.figures]
    lines.append("]")
    return "\n".join(lines)


def update(
    path: Path, effort: str, results: Sequence[Result], revision: str, known: frozenset[str]
) -> None:
    """Writes these verdicts; the records of other efforts stay, and of other claims if known.

    :param known: ids of all claims that there are
    """
    new = {result.claim.id for result in results}
    records = [
        record
        for record in (load(path) if path.exists() else [])
        if record.id in known and (record.effort != effort or record.id not in new)
    ]
    records += [
        Record(effort, result.claim.id, result.verdict, revision, _figures(result))
        for result in results
    ]
    records.sort(key=lambda record: (record.effort, record.id))
    text = _HEADER + "\n".join(_table(record) for record in records) + "\n"
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _changed(result: Result, record: Record, revision: str) -> str:
    """Which claim, which figure, and between which commits."""
    measure = result.claim.measure
    before = dict(text.rsplit(": ", 1) for text in record.figures)
    findings = [f for f in result.findings if result.verdict != REFUTED or f.outcome == FAILS]
    moved = []
    for finding in findings:
        name, _, numbers = figure(measure, finding).rpartition(": ")
        recorded = before.get(name)
        if recorded != numbers:
            moved.append(f"{name}: {numbers}, recorded {recorded or 'nothing'}")
    figures = "; ".join(moved[:_MOST_FIGURES]) or f"{measure}: the same numbers"
    if len(moved) > _MOST_FIGURES:
        figures += f"; and {len(moved) - _MOST_FIGURES} more"
    reason = f" ({result.reason})" if result.reason else ""
    return (
        f"{result.claim.id}: verdict changed from {record.verdict} to {result.verdict}{reason}; "
        f"{figures}; commits {record.revision}..{revision}; again: {result.command}"
    )


def compare(
    records: Sequence[Record],
    effort: str,
    results: Sequence[Result],
    revision: str,
    known: frozenset[str],
) -> list[Change]:
    """Every verdict that is not the recorded one, new claims, and recorded ones that are gone."""
    recorded = {record.id: record for record in records if record.effort == effort}
    changes = []
    for result in results:
        record = recorded.get(result.claim.id)
        if record is None:
            message = f"{result.claim.id}: {result.verdict}, and no {effort} verdict is recorded"
            changes.append(Change(result.claim.id, message + "; record it with --update-baseline"))
        elif record.verdict != result.verdict:
            changes.append(Change(result.claim.id, _changed(result, record, revision)))
    changes += [
        Change(name, f"{name}: recorded as {record.verdict}, but there is no such claim any more")
        for name, record in recorded.items()
        if name not in known
    ]
    return changes
