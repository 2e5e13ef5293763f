# SPDX-License-Identifier: BSD-3-Clause
"""Verdicts for people and for machines: a table, JUnit XML, one self-contained HTML page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ipseclab import claims_json, files, pages, provenance, verdicts
from ipseclab.baseline import Change, figure
from ipseclab.errors import StorageFailed
from ipseclab.judging import Effort, Result

_ORDER = (verdicts.CONFIRMED, verdicts.REFUTED, verdicts.INCONCLUSIVE, verdicts.UNSUPPORTED)


def summary(results: Sequence[Result]) -> str:
    """How many claims have which verdict."""
    found = [result.verdict for result in results]
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in _ORDER)
    return f"{len(found)} claims: {counts}"


def _deciding(result: Result) -> str:
    """The number that the verdict hangs on: the first case that fails or is open, else the last."""
    wanted = {verdicts.REFUTED: verdicts.FAILS, verdicts.INCONCLUSIVE: verdicts.OPEN}
    for finding in result.findings:
        if finding.outcome == wanted.get(result.verdict):
            return f"{finding.label}: {finding.numbers}, expected {finding.expected}"
    if not result.findings:
        return result.reason
    last = [finding for finding in result.findings if finding.outcome != verdicts.FITTED][-1]
    return f"{last.label}: {last.numbers}, expected {last.expected}"


def show_points(console: Console, results: Sequence[Result]) -> None:
    """A table of every point for each claim."""
    for result in results:
        if not result.findings:
            continue
        title = f"{result.claim.id}: {result.claim.document}, {result.claim.section}"
        table = Table(title=title, title_justify="left")
        table.add_column("point")
        for name in ("expected", result.claim.measure, "deviation"):
            table.add_column(name, justify="right")
        table.add_column("")
        for finding in result.findings:
            columns = (finding.label, finding.expected, finding.numbers, finding.deviation)
            table.add_row(*columns, finding.outcome)
        console.print(table)


def show(console: Console, results: Sequence[Result], effort: Effort) -> None:
    """One row per claim and the counts."""
    table = Table("claim", "verdict", "runs", "statement and deciding number", title_justify="left")
    table.title = f"claims, {effort.name}"
    for result in results:
        text = f"{result.claim.statement}\n{_deciding(result)}"
        table.add_row(result.claim.id, result.verdict, str(result.replications), text)
    console.print(table)
    for result in results:
        if result.reason:
            console.print(f"{result.claim.id}: {result.reason}", markup=False, soft_wrap=True)
    console.print(
        f"Intervals of one claim hold together with {1 - verdicts.ALPHA:.0%} confidence, over all "
        "its points and looks."
    )
    console.print(summary(results))


def _properties(result: Result) -> list[tuple[str, str]]:
    rows = [
        ("verdict", result.verdict),
        ("document", f"{result.claim.document}, {result.claim.section}"),
        ("statement", result.claim.statement),
        ("replications", str(result.replications)),
        ("looks", str(result.looks)),
        ("seed", str(result.seed)),
        ("command", result.command),
    ]
    for finding in result.findings:
        text = f"{finding.numbers}; expected {finding.expected}; {finding.outcome}"
        rows.append((figure(result.claim.measure, finding).rpartition(": ")[0], text))
    return rows


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror}") from None
    files.write(path, text)


def write_json(
    path: Path, results: Sequence[Result], effort: Effort, known: frozenset[str]
) -> None:
    """The verdicts for ``ipseclab report``; those of other claims in the file stay.

    :param known: ids of all claims that there are
    """
    kept = {row["id"]: row for row in claims_json.read(path) if row["id"] in known}
    revision = provenance.collect().revision
    for result in results:
        kept[result.claim.id] = {
            "id": result.claim.id,
            "document": result.claim.document,
            "section": result.claim.section,
            "statement": result.claim.statement,
            "verdict": result.verdict,
            "detail": _deciding(result),
            "effort": effort.name,
            "replications": result.replications,
            "looks": result.looks,
            "seed": result.seed,
            "command": result.command,
            "revision": revision,
            "figures": [figure(result.claim.measure, finding) for finding in result.findings],
        }
    rows = [kept[name] for name in sorted(kept)]
    _write(path, json.dumps({"claims": rows}, indent=1, ensure_ascii=False) + "\n")


def write_junit(path: Path, results: Sequence[Result], changes: Sequence[Change]) -> None:
    """One test case per claim.  A changed verdict is a failure; a refuted claim is none."""
    messages = {change.id: change.message for change in changes}
    suite = ElementTree.Element("testsuite", name="ipseclab claims")
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.claim.topic, name=result.claim.id
        )
        properties = ElementTree.SubElement(case, "properties")
        for name, value in _properties(result):
            ElementTree.SubElement(properties, "property", name=name, value=value)
        message = messages.pop(result.claim.id, None)
        if message:
            ElementTree.SubElement(case, "failure", message=message)
        elif result.failed_runs:
            ElementTree.SubElement(case, "error", message=result.reason)
        elif result.verdict == verdicts.UNSUPPORTED:
            ElementTree.SubElement(case, "skipped", message=result.reason)
    for name, message in messages.items():  # recorded claims that are gone
        case = ElementTree.SubElement(suite, "testcase", classname="baseline", name=name)
        ElementTree.SubElement(case, "failure", message=message)
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    suite.set("skipped", str(len(list(suite.iter("skipped")))))
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True).decode("utf-8")
    _write(path, text + "\n")


def write_html(
    path: Path, results: Sequence[Result], changes: Sequence[Change], effort: Effort
) -> None:
    """One page without any reference to the network."""
    page = pages.render(
        "claims.html.j2",
        {},
        results=results,
        changes=changes,
        effort=effort.name,
        summary=summary(results),
        confidence=f"{1 - verdicts.ALPHA:.0%}",
        provenance=[asdict(provenance.collect())],
    )
    _write(path, page)
