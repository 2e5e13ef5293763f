# SPDX-License-Identifier: BSD-3-Clause
"""Claims of documents, each written down so that runs can confirm or refute it.

A topic's ``claims.toml`` has a list ``[[claim]]``.  Loading checks everything that can be checked
without running: keys, kinds, and that scenario, parameters and metric exist.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipseclab import PROJECT_ROOT, core
from ipseclab.errors import LabError

# Kinds of expectations and the keys that each needs beside "kind".
KINDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "zero": {},
    "not_zero": {},
    "zero_while": {"x": str, "below": (int, float)},
    "monotone": {"x": str, "direction": str},
    "equals_formula": {"formula": str},
}
_KEYS: dict[str, type] = {
    "id": str,
    "document": str,
    "section": str,
    "statement": str,
    "plan": dict,
    "measure": str,
    "expect": dict,
    "replications": int,
}


@dataclass(frozen=True)
class Claim:
    """One statement of a document and how it is measured."""

    id: str  # "<topic>.<name>"
    document: str  # with the revision for a draft
    section: str
    statement: str  # in our own words
    scenario: str
    plan: dict[str, list[str]]  # parameters, as typed, with units
    measure: str  # a metric
    expect: dict[str, Any]
    replications: int
    path: Path

    def points(self) -> Iterator[dict[str, str]]:
        """Every combination of the plan's values."""
        for values in itertools.product(*self.plan.values()):
            yield dict(zip(self.plan, values, strict=True))


class _Checker:
    """Raises LabError that names the file, the claim and the key."""

    def __init__(self, path: Path, name: str) -> None:
        self._place = f"{path}: {name}"

    def fail(self, key: str, why: str) -> LabError:
        return LabError(f"{self._place}: {key}: {why}")

    def keys(self, table: dict[str, Any], needed: dict[str, Any], inside: str = "") -> None:
        for key in table:
            if key not in needed:
                raise self.fail(inside + key, "unknown key")
        for key, kind in needed.items():
            if key not in table:
                raise self.fail(inside + key, "missing")
            if not isinstance(table[key], kind) or isinstance(table[key], bool):
                raise self.fail(inside + key, f"wrong type {type(table[key]).__name__}")

    def expectation(self, expect: dict[str, Any]) -> None:
        kind = expect.get("kind")
        if kind not in KINDS:
            raise self.fail("expect.kind", f"'{kind}' is none of {', '.join(KINDS)}")
        self.keys(expect, {"kind": str, **KINDS[kind]}, "expect.")

    def plan(self, plan: dict[str, Any]) -> dict[str, list[str]]:
        checked = {}
        for name, value in plan.items():
            values = value if isinstance(value, list) else [value]
            if not values or any(isinstance(v, (dict, list, bool)) for v in values):
                raise self.fail(f"plan.{name}", "not a value or a list of values")
            checked[name] = [str(v) for v in values]
        return checked


def _claim(path: Path, index: int, table: Any) -> Claim:
    if not isinstance(table, dict):
        raise LabError(f"{path}: claim {index}: not a table")
    check = _Checker(path, f"claim {table.get('id', index)}")
    check.keys(table, _KEYS)
    check.expectation(table["expect"])
    if table["replications"] < 1:
        raise check.fail("replications", "less than 1")
    plan = dict(table["plan"])
    scenario = plan.pop("scenario", None)
    if not isinstance(scenario, str):
        raise check.fail("plan.scenario", "missing")
    fields = {key: table[key] for key in _KEYS if key != "plan"}
    return Claim(**fields, scenario=scenario, plan=check.plan(plan), path=path)


def load(path: Path) -> list[Claim]:
    """The claims of one file; LabError names file, claim and key of the first fault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise LabError(f"{path}: not TOML: {error}") from None
    tables = document.pop("claim", None)
    if document or not isinstance(tables, list):
        raise LabError(f"{path}: only [[claim]] tables belong here")
    claims = [_claim(path, index, table) for index, table in enumerate(tables, start=1)]
    for claim in claims:
        if [other.id for other in claims].count(claim.id) > 1:
            raise LabError(f"{path}: claim {claim.id}: id: given twice")
    return claims


def load_all(root: Path = PROJECT_ROOT) -> list[Claim]:
    """The claims of every topic."""
    files = sorted((root / "scenarios").glob("*/claims.toml"))
    return [claim for path in files for claim in load(path)]


def check_against_core(claim: Claim) -> None:
    """LabError unless the scenario, every point of the plan and the metric exist."""
    check = _Checker(claim.path, f"claim {claim.id}")
    try:
        info = core.scenario_info(claim.scenario)
        for point in claim.points():
            core.check_parameters(claim.scenario, point)
    except LabError as error:
        raise check.fail("plan", str(error)) from None
    if claim.measure not in {metric["name"] for metric in info["metrics"]}:
        raise check.fail("measure", f"'{claim.measure}' is no metric of {claim.scenario}")
