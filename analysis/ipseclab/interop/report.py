# SPDX-License-Identifier: BSD-3-Clause
"""The matrix for people and for programs: a dense table, JSON, JUnit XML and a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import jinja2
from rich.console import Console
from rich.text import Text

from ipseclab import files, provenance
from ipseclab.interop.cell import FAIL, PASS, UNSUPPORTED, Result
from ipseclab.screen import TitledTable

_STYLES = {PASS: "green", FAIL: "bold red", UNSUPPORTED: "yellow"}
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def summary(results: Iterable[Result]) -> str:
    """How many cells have which verdict, and the worst clock lag."""
    cells = list(results)
    counts = Counter(result.verdict for result in cells)
    text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (PASS, FAIL, UNSUPPORTED))
    return f"{len(cells)} cells: {text}; clock lag {lag(cells)}"


def lag(results: Iterable[Result]) -> str:
    """How far the simulator's clock was behind: mean of the cells' means, and the maximum."""
    known = [result.node for result in results if "lag_maximum" in result.node]
    if not known:
        return "unknown"
    mean = sum(node["lag_mean"] for node in known) / len(known)
    worst = max(node["lag_maximum"] for node in known)
    return f"{1e3 * mean:.2f} ms mean, {1e3 * worst:.1f} ms at most"


def show(console: Console, results: Sequence[Result]) -> None:
    """A row for each case, a column for each peer, then every reason once."""
    peers = list(dict.fromkeys(result.peer for result in results))
    table = TitledTable("case", *peers, heading="Interoperation")
    rows: dict[str, dict[str, Result]] = {}
    for result in results:
        rows.setdefault(result.case, {})[result.peer] = result
    for name, cells in rows.items():
        table.add_row(name, *(_mark(cells.get(peer)) for peer in peers))
    console.print(table)
    for line in reasons(results):
        console.print(line, markup=False, soft_wrap=True)
    console.print(summary(results), markup=False, soft_wrap=True)


def _mark(result: Result | None) -> Text:
    if result is None:
        return Text("")
    took = f" {result.seconds:.1f} s" if result.seconds else ""
    return Text(f"{result.verdict}{took}", style=_STYLES[result.verdict])


def reasons(results: Iterable[Result]) -> list[str]:
    """What failed, each; what is unsupported, once for each peer and reason."""
    lines = []
    missing: Counter[tuple[str, str]] = Counter()
    for result in results:
        if result.verdict == FAIL:
            lines.append(f"FAIL {result.peer} {result.case}: {result.reason} ({result.folder})")
        elif result.verdict == UNSUPPORTED:
            missing[result.peer, result.reason] += 1
    return lines + [
        f"unsupported {peer}, {count} cells: {reason}" for (peer, reason), count in missing.items()
    ]


def write(out: Path, results: Sequence[Result]) -> list[Path]:
    """OUT/matrix.json, OUT/matrix.xml and OUT/matrix.html."""
    written = {
        "matrix.json": as_json(results),
        "matrix.xml": as_junit(results),
        "matrix.html": as_html(results),
    }
    return [files.write(out / name, text) for name, text in written.items()]


def as_json(results: Sequence[Result]) -> str:
    """The summary, where it was made, and every cell with the fields of Result."""
    document = {
        "summary": summary(results),
        "provenance": asdict(provenance.collect()),
        "cells": [asdict(result) for result in results],
    }
    return json.dumps(document, indent=1) + "\n"


def as_junit(results: Sequence[Result]) -> str:
    """One test case for each cell; unsupported ones are skipped."""
    suite = ElementTree.Element("testsuite", name="ipseclab interop")
    for result in results:
        attributes = {"classname": result.peer, "name": result.case, "time": str(result.seconds)}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        if result.verdict == FAIL:
            ElementTree.SubElement(case, "failure", message=result.reason)
        elif result.verdict == UNSUPPORTED:
            ElementTree.SubElement(case, "skipped", message=result.reason)
    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def as_html(results: Sequence[Result]) -> str:
    """One page without any reference to the network."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    peers = list(dict.fromkeys(result.peer for result in results))
    rows: dict[str, dict[str, Result]] = {}
    for result in results:
        rows.setdefault(result.case, {})[result.peer] = result
    return environment.get_template("interop.html.j2").render(
        summary=summary(results),
        peers=peers,
        rows=rows,
        reasons=reasons(results),
        provenance=asdict(provenance.collect()),
    )
